package main

import (
	"encoding/json"
	"maps"
	"os/exec"
	"slices"
	"strings"
	"testing"
)

// These are the types of the template that moto's CloudFormation does not create. It
// fails on a stack that refers to the first list, and silently skips all or some of the
// others.
var (
	endsTheStack = []string{
		"AWS::ApiGatewayV2::Api", "AWS::CloudWatch::Alarm", "AWS::Lambda::Alias", "AWS::Lambda::Permission",
	}
	passedOver = []string{
		"AWS::ApiGatewayV2::Integration", "AWS::ApiGatewayV2::Route", "AWS::ApiGatewayV2::Stage", "AWS::Athena::NamedQuery", "AWS::Athena::WorkGroup",
		"AWS::Glue::Database", "AWS::Glue::Table", "AWS::Lambda::EventInvokeConfig", "AWS::Lambda::Version", "AWS::S3::BucketPolicy", "AWS::SNS::Subscription", "AWS::SNS::TopicPolicy", "AWS::SQS::QueuePolicy", "AWS::Scheduler::Schedule",
	}
	// madeWhole are the types of which CloudFormation creates every resource, in an
	// order that its references allow.
	madeWhole = []string{
		"AWS::CloudWatch::Dashboard", "AWS::DynamoDB::Table", "AWS::IAM::Policy", "AWS::IAM::Role", "AWS::Lambda::Function",
		"AWS::Logs::LogGroup", "AWS::S3::Bucket", "AWS::SNS::Topic", "AWS::SQS::Queue", "AWS::SSM::Parameter", "AWS::StepFunctions::StateMachine",
	}
)

// TestCloudFormation creates the part of the stack that moto's CloudFormation
// supports, with its references, attributes, conditions and rules, and their order.
// When moto learns a type, move it to another list above.
func TestCloudFormation(t *testing.T) {
	var stderr strings.Builder
	cmd := exec.Command(tool(t, ".venv", "bin", "python"), append([]string{"testdata/cloudformation.py", sharedStack(t).path}, endsTheStack...)...)
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("%v\n%s", err, &stderr)
	}
	var made struct {
		Status      string
		Whole, Ends []string
		Missing     map[string]int
	}
	if err := json.Unmarshal(out, &made); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	if made.Status != "CREATE_COMPLETE" {
		t.Errorf("the stack is %s", made.Status)
	}
	if !slices.Equal(made.Whole, madeWhole) {
		t.Errorf("it made all of\n%q, want\n%q", made.Whole, madeWhole)
	}
	if got := slices.Sorted(maps.Keys(made.Missing)); !slices.Equal(got, passedOver) {
		t.Errorf("it passed over\n%q, want\n%q", got, passedOver)
	}
	if !slices.Equal(made.Ends, endsTheStack) {
		t.Errorf("it ends with\n%q, want\n%q", made.Ends, endsTheStack)
	}
}
