package doctor

import (
	"context"
	"errors"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cloudformation"
	"github.com/aws/aws-sdk-go-v2/service/cloudformation/types"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatchlogs"
	logstypes "github.com/aws/aws-sdk-go-v2/service/cloudwatchlogs/types"
	"github.com/aws/smithy-go"

	"sso-elevator/infra/deployed"
	"sso-elevator/infra/settings"
)

type fakeStacks struct {
	stack     *types.Stack
	resources []types.StackResourceSummary
	err       error
}

func (f fakeStacks) DescribeStacks(context.Context, *cloudformation.DescribeStacksInput, ...func(*cloudformation.Options)) (*cloudformation.DescribeStacksOutput, error) {
	if f.stack == nil && f.err == nil {
		return nil, &smithy.GenericAPIError{Code: "ValidationError", Message: "Stack with id elevator does not exist"}
	}
	if f.err != nil {
		return nil, f.err
	}
	return &cloudformation.DescribeStacksOutput{Stacks: []types.Stack{*f.stack}}, nil
}

func (f fakeStacks) ListStackResources(context.Context, *cloudformation.ListStackResourcesInput, ...func(*cloudformation.Options)) (*cloudformation.ListStackResourcesOutput, error) {
	return &cloudformation.ListStackResourcesOutput{StackResourceSummaries: f.resources}, f.err
}

var _ stacksAPI = fakeStacks{}

func TestStack(t *testing.T) {
	stack := func(status types.StackStatus, protected bool) *types.Stack {
		return &types.Stack{StackStatus: status, EnableTerminationProtection: &protected}
	}
	tests := []struct {
		name  string
		stack *types.Stack
		want  string
	}{
		{"none", nil, "ready: not deployed yet; make deploy creates it"},
		{"deployed", stack("UPDATE_COMPLETE", true), "ready: elevator is UPDATE_COMPLETE"},
		{"rolled back", stack("UPDATE_ROLLBACK_COMPLETE", true), "ready: elevator is UPDATE_ROLLBACK_COMPLETE"},
		{"not protected", stack("CREATE_COMPLETE", false), "warning: elevator is CREATE_COMPLETE, but not protected from deletion"},
		{"never created", stack("ROLLBACK_COMPLETE", true), "missing: elevator is ROLLBACK_COMPLETE; its first deployment was never completed"},
		{"a rollback that failed", &types.Stack{StackStatus: "ROLLBACK_FAILED", StackStatusReason: aws.String("The following\nfailed to delete: [Table]")},
			"missing: elevator is ROLLBACK_FAILED: The following failed to delete: [Table]; its first deployment was never completed"},
		{"only looked at", stack("REVIEW_IN_PROGRESS", false), "missing: elevator is REVIEW_IN_PROGRESS; its first deployment was never completed"},
		{"busy", stack("UPDATE_IN_PROGRESS", true), "warning: elevator is UPDATE_IN_PROGRESS"},
		{"a rollback of an update that failed", stack("UPDATE_ROLLBACK_FAILED", true), "missing: elevator is UPDATE_ROLLBACK_FAILED"},
		{"a deletion that failed", stack("DELETE_FAILED", false), "missing: elevator is DELETE_FAILED"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			found, err := deployed.FindStack(t.Context(), fakeStacks{stack: test.stack}, "elevator")
			if err != nil {
				t.Fatal(err)
			}
			same(t, []finding{checkStack(found, "elevator")}, nil, test.want)
		})
	}
	if _, err := deployed.FindStack(t.Context(), fakeStacks{err: errors.New("down")}, "elevator"); err == nil {
		t.Error("a failure is no answer")
	}
}

func TestNames(t *testing.T) {
	all := []settings.ResourceName{
		{Type: settings.TypeBucket, Name: "records"}, {Type: settings.TypeFunction, Name: "e-grant"}, {Type: settings.TypeLogGroup, Name: "/aws/lambda/e-grant"},
		{Type: settings.TypeMachine, Name: "e-requests"}, {Type: settings.TypeParameter, Name: "/e/policy"},
	}
	resource := func(kind, id string, status types.ResourceStatus) types.StackResourceSummary {
		return types.StackResourceSummary{ResourceType: &kind, PhysicalResourceId: &id, ResourceStatus: status}
	}
	stack := &types.Stack{StackId: aws.String("e")}
	tests := []struct {
		name      string
		stack     *types.Stack
		resources []types.StackResourceSummary
		there     string // of names, or "all"
		want      []string
	}{
		{"free", nil, nil, "", []string{"ready: all names (5) are free or belong to the stack"}},
		{"taken", nil, nil, "/aws/lambda/e-grant", []string{"missing: something outside this stack already uses these names: log group /aws/lambda/e-grant"}},
		{"all taken", nil, nil, "all", []string{
			"missing: something outside this stack already uses these names: function e-grant; log group /aws/lambda/e-grant; state machine e-requests; parameter /e/policy",
			"missing: buckets with these names already exist: records (somebody's)"}},
		{"the stack's own", stack, []types.StackResourceSummary{
			resource(settings.TypeBucket, "records", "CREATE_COMPLETE"), resource(settings.TypeFunction, "e-grant", "UPDATE_COMPLETE"), resource(settings.TypeLogGroup, "/aws/lambda/e-grant", "CREATE_COMPLETE"),
			resource(settings.TypeMachine, "arn:aws:states:eu-central-1:111111111111:stateMachine:e-requests", "CREATE_COMPLETE"), resource(settings.TypeParameter, "/e/policy", "CREATE_COMPLETE"),
		}, "all", []string{"ready: all names (5) are free or belong to the stack"}},
		{"no longer the stack's", stack, []types.StackResourceSummary{resource(settings.TypeBucket, "records", "DELETE_COMPLETE")}, "records",
			[]string{"missing: buckets with these names already exist: records (somebody's)"}},
		{"of another type", stack, []types.StackResourceSummary{resource("AWS::IAM::Role", "e-grant", "CREATE_COMPLETE")}, "e-grant",
			[]string{"missing: something outside this stack already uses these names: function e-grant"}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			got, err := checkNames(t.Context(), fakeStacks{resources: test.resources}, test.stack, all, func(_ context.Context, n settings.ResourceName) (bool, string, error) {
				return test.there == "all" || test.there == n.Name, "somebody's", nil
			})
			same(t, got, err, test.want...)
		})
	}
	failing := func(context.Context, settings.ResourceName) (bool, string, error) {
		return false, "", errors.New("down")
	}
	if got, err := checkNames(t.Context(), fakeStacks{}, nil, all, failing); err == nil {
		t.Errorf("a failure is %q", lines(got))
	}
	if got, err := checkNames(t.Context(), fakeStacks{err: errors.New("down")}, stack, all, failing); err == nil {
		t.Errorf("a failure is %q", lines(got))
	}
}

type fakeLogs []string

func (f fakeLogs) DescribeLogGroups(context.Context, *cloudwatchlogs.DescribeLogGroupsInput, ...func(*cloudwatchlogs.Options)) (*cloudwatchlogs.DescribeLogGroupsOutput, error) {
	out := &cloudwatchlogs.DescribeLogGroupsOutput{}
	for _, name := range f {
		out.LogGroups = append(out.LogGroups, logstypes.LogGroup{LogGroupName: &name})
	}
	return out, nil
}

// Each type is looked up, and the doctor distinguishes existing from missing ones.
func TestLookUp(t *testing.T) {
	for _, test := range []struct {
		name string
		api  fakeBucket
		want bool
		says string
	}{
		{"free", fakeBucket{headOwn: status4xx(404)}, false, ""},
		{"own", fakeBucket{}, true, "in this account"},
		{"another's", fakeBucket{headOwn: status4xx(403)}, true, "in another account, or not readable"},
		{"elsewhere", fakeBucket{headOwn: status4xx(301)}, true, "in another region"},
	} {
		there, says, err := bucketExists(t.Context(), test.api, "b", own)
		if err != nil || there != test.want || says != test.says {
			t.Errorf("%s: %t, %q, %v", test.name, there, says, err)
		}
	}
	if _, _, err := bucketExists(t.Context(), fakeBucket{headOwn: errors.New("down")}, "b", own); err == nil {
		t.Error("a failure is no answer")
	}
	for _, test := range []struct {
		groups fakeLogs
		want   bool
	}{{nil, false}, {fakeLogs{"/a-b"}, false}, {fakeLogs{"/a", "/a-b"}, true}} {
		if there, _, err := logGroupExists(t.Context(), test.groups, "/a"); err != nil || there != test.want {
			t.Errorf("%q: %t, %v", test.groups, there, err)
		}
	}
	// This runs on the local stack's AWS, to which nothing was deployed.
	d, err := connectTo(t.Context(), local.AWS(), demoSettings(t), "http://127.0.0.1:1/")
	if err != nil {
		t.Fatal(err)
	}
	for _, kind := range settings.NamedTypes {
		name := settings.ResourceName{Type: kind, Name: "nobodys"}
		if there, _, err := d.lookUp(t.Context(), name); err != nil || there {
			t.Errorf("%v: %t, %v", name, there, err)
		}
	}
	if _, _, err := d.lookUp(t.Context(), settings.ResourceName{Type: "AWS::Unknown", Name: "x"}); err == nil {
		t.Error("an unknown type is looked up")
	}
}
