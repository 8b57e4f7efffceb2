package identitycentertest

import (
	"context"
	"slices"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ssoadmin"
	"github.com/aws/aws-sdk-go-v2/service/ssoadmin/types"

	"sso-elevator/functions/access"
)

func adminCall(operation, about string, opts []func(*ssoadmin.Options)) Call {
	var o ssoadmin.Options
	for _, option := range opts {
		option(&o)
	}
	return Call{Service: "sso", Operation: operation, About: about, Retryer: o.Retryer}
}

func notFound(message string) error {
	return &types.ResourceNotFoundException{Message: &message}
}

func (c *Center) instances() []types.InstanceMetadata {
	if c.Instances != nil {
		return c.Instances
	}
	return []types.InstanceMetadata{{
		InstanceArn: aws.String(InstanceARN), IdentityStoreId: aws.String(IdentityStoreID), Status: types.InstanceStatusActive,
	}}
}

func (c *Center) instance(arn *string) (types.InstanceMetadata, error) {
	all := c.instances()
	i := slices.IndexFunc(all, func(in types.InstanceMetadata) bool { return *in.InstanceArn == aws.ToString(arn) })
	if i < 0 {
		return types.InstanceMetadata{}, notFound("The instance does not exist.")
	}
	return all[i], nil
}

// permissionSet returns the permission set with that ARN, of that instance.
func (c *Center) permissionSet(instanceARN, arn *string) (types.PermissionSet, error) {
	if _, err := c.instance(instanceARN); err != nil {
		return types.PermissionSet{}, err
	}
	i := slices.IndexFunc(c.PermissionSets, func(set types.PermissionSet) bool { return *set.PermissionSetArn == aws.ToString(arn) })
	if i < 0 {
		return types.PermissionSet{}, notFound("The permission set does not exist.")
	}
	return c.PermissionSets[i], nil
}

func (c *Center) ListInstances(ctx context.Context, in *ssoadmin.ListInstancesInput, opts ...func(*ssoadmin.Options)) (*ssoadmin.ListInstancesOutput, error) {
	return answer(ctx, c, adminCall("ListInstances", "", opts), func() (*ssoadmin.ListInstancesOutput, error) {
		items, next, err := page(c, centerListing, c.instances(), in.MaxResults, in.NextToken)
		return &ssoadmin.ListInstancesOutput{Instances: items, NextToken: next}, err
	})
}

// DescribeInstance is for the doctor.
func (c *Center) DescribeInstance(ctx context.Context, in *ssoadmin.DescribeInstanceInput, opts ...func(*ssoadmin.Options)) (*ssoadmin.DescribeInstanceOutput, error) {
	return answer(ctx, c, adminCall("DescribeInstance", aws.ToString(in.InstanceArn), opts), func() (*ssoadmin.DescribeInstanceOutput, error) {
		of, err := c.instance(in.InstanceArn)
		return &ssoadmin.DescribeInstanceOutput{
			InstanceArn: of.InstanceArn, IdentityStoreId: of.IdentityStoreId, OwnerAccountId: of.OwnerAccountId, Status: of.Status, StatusReason: of.StatusReason,
			EncryptionConfigurationDetails: c.Encryption, PermissionSetsEnabled: c.PermissionSetsEnabled,
		}, err
	})
}

func (c *Center) DescribePermissionSet(ctx context.Context, in *ssoadmin.DescribePermissionSetInput, opts ...func(*ssoadmin.Options)) (*ssoadmin.DescribePermissionSetOutput, error) {
	return answer(ctx, c, adminCall("DescribePermissionSet", *in.PermissionSetArn, opts), func() (*ssoadmin.DescribePermissionSetOutput, error) {
		set, err := c.permissionSet(in.InstanceArn, in.PermissionSetArn)
		return &ssoadmin.DescribePermissionSetOutput{PermissionSet: &set}, err
	})
}

func (c *Center) ListPermissionSets(ctx context.Context, in *ssoadmin.ListPermissionSetsInput, opts ...func(*ssoadmin.Options)) (*ssoadmin.ListPermissionSetsOutput, error) {
	return answer(ctx, c, adminCall("ListPermissionSets", "", opts), func() (*ssoadmin.ListPermissionSetsOutput, error) {
		if _, err := c.instance(in.InstanceArn); err != nil {
			return nil, err
		}
		var all []string
		for _, set := range c.PermissionSets {
			all = append(all, *set.PermissionSetArn)
		}
		items, next, err := page(c, centerListing, all, in.MaxResults, in.NextToken)
		return &ssoadmin.ListPermissionSetsOutput{PermissionSets: items, NextToken: next}, err
	})
}

func (c *Center) ListPermissionSetsProvisionedToAccount(ctx context.Context, in *ssoadmin.ListPermissionSetsProvisionedToAccountInput, opts ...func(*ssoadmin.Options)) (*ssoadmin.ListPermissionSetsProvisionedToAccountOutput, error) {
	return answer(ctx, c, adminCall("ListPermissionSetsProvisionedToAccount", *in.AccountId, opts), func() (*ssoadmin.ListPermissionSetsProvisionedToAccountOutput, error) {
		if _, err := c.instance(in.InstanceArn); err != nil {
			return nil, err
		}
		all := c.provisioned(func(s access.Subject) (string, bool) { return s.PermissionSetARN, s.AccountID == *in.AccountId })
		items, next, err := page(c, centerListing, all, in.MaxResults, in.NextToken)
		return &ssoadmin.ListPermissionSetsProvisionedToAccountOutput{PermissionSets: items, NextToken: next}, err
	})
}

func (c *Center) ListAccountsForProvisionedPermissionSet(ctx context.Context, in *ssoadmin.ListAccountsForProvisionedPermissionSetInput, opts ...func(*ssoadmin.Options)) (*ssoadmin.ListAccountsForProvisionedPermissionSetOutput, error) {
	return answer(ctx, c, adminCall("ListAccountsForProvisionedPermissionSet", *in.PermissionSetArn, opts), func() (*ssoadmin.ListAccountsForProvisionedPermissionSetOutput, error) {
		if _, err := c.permissionSet(in.InstanceArn, in.PermissionSetArn); err != nil {
			return nil, err
		}
		all := c.provisioned(func(s access.Subject) (string, bool) { return s.AccountID, s.PermissionSetARN == *in.PermissionSetArn })
		items, next, err := page(c, centerListing, all, in.MaxResults, in.NextToken)
		return &ssoadmin.ListAccountsForProvisionedPermissionSetOutput{AccountIds: items, NextToken: next}, err
	})
}

// provisioned returns the distinct results of a function over the assignments. A
// permission set counts as provisioned to the accounts where someone has it.
func (c *Center) provisioned(selected func(access.Subject) (string, bool)) []string {
	var all []string
	for _, a := range c.access {
		if of, is := selected(a.Subject); is && a.Subject.Kind == access.KindAccount {
			all = append(all, of)
		}
	}
	slices.Sort(all)
	return slices.Compact(all)
}
