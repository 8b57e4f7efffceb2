package deployed

import (
	"context"
	"fmt"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ssoadmin"
	"github.com/aws/aws-sdk-go-v2/service/ssoadmin/types"
)

// Context keys of the CDK app, with which a deployment names the Identity Center
// instance. The functions that get both ids don't look the instance up.
const (
	InstanceContext      = "instance"       // ARN
	IdentityStoreContext = "identity_store" // id
)

// Instances is the part of Identity Center that FindInstance uses.
type Instances interface {
	ListInstances(context.Context, *ssoadmin.ListInstancesInput, ...func(*ssoadmin.Options)) (*ssoadmin.ListInstancesOutput, error)
}

// FindInstance returns the instance with that ARN, or the only one if arn is empty. Any
// other number of instances is an error.
func FindInstance(ctx context.Context, api Instances, arn string) (types.InstanceMetadata, error) {
	var found []types.InstanceMetadata
	pages := ssoadmin.NewListInstancesPaginator(api, &ssoadmin.ListInstancesInput{})
	for pages.HasMorePages() {
		page, err := pages.NextPage(ctx)
		if err != nil {
			return types.InstanceMetadata{}, err
		}
		for _, in := range page.Instances {
			if arn == "" || arn == aws.ToString(in.InstanceArn) {
				found = append(found, in)
			}
		}
	}
	if len(found) != 1 {
		return types.InstanceMetadata{}, fmt.Errorf("need exactly one instance, found %d", len(found))
	}
	return found[0], nil
}
