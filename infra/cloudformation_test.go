package main

import (
	"encoding/json"
	"maps"
	"os/exec"
	"slices"
	"strings"
	"testing"
)

// What moto's CloudFormation does not make, of what the template has. It ends a
// stack that refers to the first, and passes over the others in silence; so no
// implementation on this machine deploys the whole template.
var (
	endsTheStack = []string{
		"AWS::ApiGatewayV2::Api", "AWS::CloudWatch::Alarm", "AWS::Lambda::Alias", "AWS::Lambda::EventInvokeConfig", "AWS::Lambda::Permission",
	}
	passedOver = []string{
		"AWS::ApiGatewayV2::Integration", "AWS::ApiGatewayV2::Route", "AWS::ApiGatewayV2::Stage", "AWS::Athena::NamedQuery", "AWS::Athena::WorkGroup",
		"AWS::Glue::Database", "AWS::Glue::Table", "AWS::S3::BucketPolicy", "AWS::SNS::TopicPolicy", "AWS::SQS::QueuePolicy", "AWS::Scheduler::Schedule",
	}
	// madeWhole are the types of which CloudFormation makes each resource, in an
	// order that its references allow.
	madeWhole = []string{
		"AWS::CloudWatch::Dashboard", "AWS::DynamoDB::Table", "AWS::IAM::Policy", "AWS::IAM::Role", "AWS::Lambda::Function", "AWS::Lambda::Version",
		"AWS::Logs::LogGroup", "AWS::S3::Bucket", "AWS::SNS::Subscription", "AWS::SNS::Topic", "AWS::SQS::Queue", "AWS::SSM::Parameter", "AWS::StepFunctions::StateMachine",
	}
)

// TestCloudFormation creates the stack, as far as moto's CloudFormation goes:
// references, attributes, conditions, rules and the order of what it takes.
func TestCloudFormation(t *testing.T) {
	python := tool(t, ".venv", "bin", "python")
	create := func(leftOut ...string) (out, said string, err error) {
		t.Helper()
		var stderr strings.Builder
		cmd := exec.Command(python, append([]string{"testdata/cloudformation.py", sharedStack(t).path}, leftOut...)...)
		cmd.Stderr = &stderr
		text, err := cmd.Output()
		return string(text), stderr.String(), err
	}
	out, said, err := create(endsTheStack...)
	if err != nil {
		t.Fatalf("%v\n%s", err, said)
	}
	var made struct {
		Status  string
		Whole   []string
		Missing map[string]int
	}
	if err := json.Unmarshal([]byte(out), &made); err != nil {
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

	// With any of those types in the template it ends: one that it has come to
	// know belongs in the list above.
	for i, kind := range endsTheStack {
		if _, _, err := create(slices.Delete(slices.Clone(endsTheStack), i, i+1)...); err == nil {
			t.Errorf("%s is accepted by now", kind)
		}
	}
}
