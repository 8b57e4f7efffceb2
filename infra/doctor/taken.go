package doctor

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cloudformation"
	"github.com/aws/aws-sdk-go-v2/service/cloudformation/types"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatchlogs"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/lambda"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/sfn"
	"github.com/aws/aws-sdk-go-v2/service/ssm"
	smithyhttp "github.com/aws/smithy-go/transport/http"

	"sso-elevator/infra/settings"
)

// exists reports whether a resource of that type has that name. bucket says where a
// bucket is.
type exists func(ctx context.Context, name settings.ResourceName) (there bool, bucket string, err error)

// lookUp is exists, with the AWS calls that read one thing by its name.
func (d *doctor) lookUp(ctx context.Context, n settings.ResourceName) (there bool, bucket string, err error) {
	var none []string // error codes that mean: nothing has this name
	switch n.Type {
	case settings.TypeBucket:
		return bucketExists(ctx, d.buckets, n.Name, d.account)
	case settings.TypeFunction:
		_, err = d.lambda.GetFunctionConfiguration(ctx, &lambda.GetFunctionConfigurationInput{FunctionName: &n.Name})
		none = []string{"ResourceNotFoundException"}
	case settings.TypeLogGroup:
		return logGroupExists(ctx, d.logs, n.Name)
	case settings.TypeMachine:
		arn := fmt.Sprintf("arn:%s:states:%s:%s:stateMachine:%s", d.partition, d.region, d.account, n.Name)
		_, err = d.machines.DescribeStateMachine(ctx, &sfn.DescribeStateMachineInput{StateMachineArn: &arn})
		none = []string{"StateMachineDoesNotExist"}
	case settings.TypeParameter:
		_, err = d.parameters.GetParameter(ctx, &ssm.GetParameterInput{Name: &n.Name})
		none = []string{"ParameterNotFound"}
	case settings.TypeRole:
		_, err = d.roles.GetRole(ctx, &iam.GetRoleInput{RoleName: &n.Name})
		none = []string{"NoSuchEntity"}
	default:
		return false, "", fmt.Errorf("the doctor can't look up a %s", n.Type)
	}
	if hasCode(err, none...) {
		return false, "", nil
	}
	return err == nil, "", err
}

// The parts of services that lookUp uses.
type (
	logsAPI interface {
		DescribeLogGroups(context.Context, *cloudwatchlogs.DescribeLogGroupsInput, ...func(*cloudwatchlogs.Options)) (*cloudwatchlogs.DescribeLogGroupsOutput, error)
	}
	machinesAPI interface {
		DescribeStateMachine(context.Context, *sfn.DescribeStateMachineInput, ...func(*sfn.Options)) (*sfn.DescribeStateMachineOutput, error)
	}
	rolesAPI interface {
		GetRole(context.Context, *iam.GetRoleInput, ...func(*iam.Options)) (*iam.GetRoleOutput, error)
	}
)

func logGroupExists(ctx context.Context, api logsAPI, name string) (bool, string, error) {
	// The exact name comes first among the names with this prefix, because it is the
	// shortest.
	out, err := api.DescribeLogGroups(ctx, &cloudwatchlogs.DescribeLogGroupsInput{LogGroupNamePrefix: &name})
	if err != nil {
		return false, "", err
	}
	for _, group := range out.LogGroups {
		if aws.ToString(group.LogGroupName) == name {
			return true, "", nil
		}
	}
	return false, "", nil
}

// bucketExists looks for a bucket in all of AWS, because bucket names are global.
func bucketExists(ctx context.Context, api bucketsAPI, name, account string) (bool, string, error) {
	_, err := api.HeadBucket(ctx, &s3.HeadBucketInput{Bucket: &name, ExpectedBucketOwner: &account})
	var response *smithyhttp.ResponseError
	switch {
	case err == nil:
		return true, "in this account", nil
	case errors.As(err, &response) && response.HTTPStatusCode() == 404:
		return false, "", nil
	case errors.As(err, &response) && response.HTTPStatusCode() == 403:
		return true, "in another account, or not readable", nil
	case errors.As(err, &response) && response.HTTPStatusCode() == 301:
		return true, "in another region", nil
	}
	return false, "", err
}

// checkNames finds names that the deployment needs and that something outside its
// stack already has.
func checkNames(ctx context.Context, api stacksAPI, stack *types.Stack, all []settings.ResourceName, look exists) ([]finding, error) {
	var owned []string
	if stack != nil {
		pages := cloudformation.NewListStackResourcesPaginator(api, &cloudformation.ListStackResourcesInput{StackName: stack.StackId})
		for pages.HasMorePages() {
			page, err := pages.NextPage(ctx)
			if err != nil {
				return nil, err
			}
			for _, r := range page.StackResourceSummaries {
				if r.ResourceStatus != types.ResourceStatusDeleteComplete {
					owned = append(owned, aws.ToString(r.ResourceType)+" "+aws.ToString(r.PhysicalResourceId))
				}
			}
		}
	}
	var things, buckets []string
	for _, n := range all {
		if owns(owned, n) {
			continue
		}
		there, bucket, err := look(ctx, n)
		switch {
		case err != nil:
			return nil, err
		case there && n.Type == settings.TypeBucket:
			buckets = append(buckets, fmt.Sprintf("%s (%s)", n.Name, bucket))
		case there:
			things = append(things, kinds[n.Type]+" "+n.Name)
		}
	}
	var out []finding
	if len(things) > 0 {
		out = append(out, finding{Status: missing, Found: "something outside this stack already uses these names", Items: things,
			Fix: "Delete them if nobody needs them. Otherwise choose another name_prefix, or other names in the settings."})
	}
	if len(buckets) > 0 {
		out = append(out, finding{Status: missing, Found: "buckets with these names already exist", Items: buckets,
			Fix: "To keep using an audit bucket with records, replace s3_bucket_name_for_audit_entry with s3_name_of_the_existing_bucket. Delete an old catalog bucket: the deployment creates a new one. Otherwise choose another name."})
	}
	if len(out) == 0 {
		out = append(out, finding{Status: ready, Found: fmt.Sprintf("all names (%d) are free or belong to the stack", len(all))})
	}
	return out, nil
}

// kinds are CloudFormation's types in words.
var kinds = map[string]string{
	settings.TypeFunction: "function", settings.TypeLogGroup: "log group", settings.TypeMachine: "state machine", settings.TypeParameter: "parameter", settings.TypeRole: "role",
}

// owns reports whether n is one of the stack's resources. CloudFormation identifies
// some by their name and some by their ARN.
func owns(resources []string, n settings.ResourceName) bool {
	for _, r := range resources {
		if id, is := strings.CutPrefix(r, n.Type+" "); is && (id == n.Name || strings.HasSuffix(id, ":"+n.Name)) {
			return true
		}
	}
	return false
}
