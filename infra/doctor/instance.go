package doctor

import (
	"context"
	"fmt"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ssoadmin"
	"github.com/aws/aws-sdk-go-v2/service/ssoadmin/types"

	"sso-elevator/functions/adapters/identitycenter"
	"sso-elevator/infra/deployed"
)

// instancesAPI is the part of Identity Center that the checks of the instance use.
type instancesAPI interface {
	ListInstances(context.Context, *ssoadmin.ListInstancesInput, ...func(*ssoadmin.Options)) (*ssoadmin.ListInstancesOutput, error)
	DescribeInstance(context.Context, *ssoadmin.DescribeInstanceInput, ...func(*ssoadmin.Options)) (*ssoadmin.DescribeInstanceOutput, error)
}

// instance is the Identity Center instance that the functions will use.
type instance struct{ arn, store, owner string }

func listInstances(ctx context.Context, api instancesAPI) ([]types.InstanceMetadata, error) {
	var all []types.InstanceMetadata
	pages := ssoadmin.NewListInstancesPaginator(api, &ssoadmin.ListInstancesInput{})
	for pages.HasMorePages() {
		page, err := pages.NextPage(ctx)
		if err != nil {
			return nil, err
		}
		all = append(all, page.Instances...)
	}
	return all, nil
}

// candidates returns the instances that match the setting; "" matches all.
func candidates(all []types.InstanceMetadata, setting string) []types.InstanceMetadata {
	var left []types.InstanceMetadata
	for _, in := range all {
		if setting == "" || setting == aws.ToString(in.InstanceArn) {
			left = append(left, in)
		}
	}
	return left
}

// theInstance returns the one candidate. Any other number of them is an error.
func theInstance(all []types.InstanceMetadata, setting string) (instance, error) {
	left := candidates(all, setting)
	if len(left) != 1 {
		return instance{}, fmt.Errorf("need exactly one instance, found %d", len(left))
	}
	return instance{aws.ToString(left[0].InstanceArn), aws.ToString(left[0].IdentityStoreId), aws.ToString(left[0].OwnerAccountId)}, nil
}

func checkInstance(all []types.InstanceMetadata, setting, region string) finding {
	left := candidates(all, setting)
	var arns []string
	for _, in := range all {
		arns = append(arns, fmt.Sprintf("%s (account %s)", aws.ToString(in.InstanceArn), aws.ToString(in.OwnerAccountId)))
	}
	switch {
	case len(all) == 0:
		return finding{Status: missing, Found: "this account sees no Identity Center instance in " + region,
			Fix: "Set sso_region to Identity Center's region, and deploy to the management account or a delegated administrator account. If there is no instance at all, enable Identity Center for the organization."}
	case len(left) == 0:
		return finding{Status: missing, Found: fmt.Sprintf("sso_instance_arn is %s, but the instances in %s are", setting, region), Items: arns, Fix: "Correct sso_instance_arn or sso_region."}
	case len(left) > 1:
		return finding{Status: missing, Found: fmt.Sprintf("%d instances in %s", len(left), region), Items: arns, Fix: "Set sso_instance_arn to the ARN of the organization's instance."}
	}
	in := left[0]
	found := fmt.Sprintf("%s of account %s in %s", aws.ToString(in.InstanceArn), aws.ToString(in.OwnerAccountId), region)
	if in.Status != types.InstanceStatusActive {
		found += ", " + string(in.Status)
		if why := aws.ToString(in.StatusReason); why != "" {
			found += ": " + why
		}
		return finding{Status: missing, Found: found, Fix: "Wait until the instance is ACTIVE, or fix the reason that it gives."}
	}
	return finding{Status: ready, Found: found}
}

// checkDeployedInstance checks that the deployed functions use the instance in, if their
// deployment named one.
func checkDeployedInstance(ctx context.Context, functions deployed.Lambda, function string, in instance) ([]finding, error) {
	f, found, err := deployed.Find(ctx, functions, function)
	if err != nil || !found {
		return nil, err
	}
	var s identitycenter.Settings
	if err := f.ReadSettings(&s); err != nil || s.IdentityStore == "" || s.InstanceARN == in.arn && s.IdentityStore == in.store {
		return nil, err
	}
	return []finding{{Status: missing, Found: fmt.Sprintf("the deployed functions use %s with the identity store %s, not %s with %s", s.InstanceARN, s.IdentityStore, in.arn, in.store),
		Fix: "Deploy again (make deploy), so that the functions use the new instance."}}, nil
}
