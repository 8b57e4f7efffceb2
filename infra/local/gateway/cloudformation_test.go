package gateway_test

import (
	"strings"
	"testing"
	"time"

	"sso-elevator/infra/local/gateway"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cloudformation"
)

// TestStack checks that the SDK understands the gateway's answers about the
// deployed stack, and that no other stack exists.
func TestStack(t *testing.T) {
	at := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	stack.Gateway.SetStack(gateway.Stack{Name: "elevator", ID: "arn:aws:cloudformation:us-east-1:123456789012:stack/elevator/local", At: at,
		Outputs: map[string]string{"URL": "http://a/?b=c&d"}, Resources: []gateway.Resource{{LogicalID: "Table", PhysicalID: "elevator-Table", Type: "AWS::DynamoDB::Table"}, {LogicalID: "Topic", PhysicalID: "arn:topic", Type: "AWS::SNS::Topic"}}})
	t.Cleanup(func() { stack.Gateway.SetStack(gateway.Stack{}) })
	client := cloudformation.NewFromConfig(stack.AWS())
	for _, name := range []string{"elevator", "arn:aws:cloudformation:us-east-1:123456789012:stack/elevator/local"} {
		out, err := client.DescribeStacks(t.Context(), &cloudformation.DescribeStacksInput{StackName: &name})
		if err != nil || len(out.Stacks) != 1 {
			t.Fatalf("%s: %+v, %v", name, out, err)
		}
		s := out.Stacks[0]
		if aws.ToString(s.StackName) != "elevator" || s.StackStatus != "CREATE_COMPLETE" || !s.CreationTime.Equal(at) ||
			len(s.Outputs) != 1 || aws.ToString(s.Outputs[0].OutputKey) != "URL" || aws.ToString(s.Outputs[0].OutputValue) != "http://a/?b=c&d" {
			t.Errorf("%s is %+v", name, s)
		}
	}
	out, err := client.ListStackResources(t.Context(), &cloudformation.ListStackResourcesInput{StackName: aws.String("elevator")})
	if err != nil || len(out.StackResourceSummaries) != 2 || out.NextToken != nil {
		t.Fatalf("%+v, %v", out, err)
	}
	if r := out.StackResourceSummaries[1]; aws.ToString(r.LogicalResourceId) != "Topic" || aws.ToString(r.PhysicalResourceId) != "arn:topic" || aws.ToString(r.ResourceType) != "AWS::SNS::Topic" || r.ResourceStatus != "CREATE_COMPLETE" {
		t.Errorf("the second resource is %+v", r)
	}
	_, err = client.DescribeStacks(t.Context(), &cloudformation.DescribeStacksInput{StackName: aws.String("other")})
	if code := errorCode(t, err); code != "ValidationError" || !strings.Contains(err.Error(), "does not exist") {
		t.Errorf("another stack: %v", err)
	}
}
