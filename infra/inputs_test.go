package main

import (
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"maps"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"sso-elevator/functions/access"
	"sso-elevator/functions/adapters/policyinforce"
	"sso-elevator/infra/settings"
)

// The exemptions of everything.yaml are valid on this day.
func init() { settings.Now = func() time.Time { return time.Date(2026, 3, 2, 9, 0, 0, 0, time.UTC) } }

// TestEverySetting checks the template of a file that has every setting, including
// the inputs of the Terraform module.
func TestEverySetting(t *testing.T) {
	s, err := settings.Load(filepath.Join("settings", "testdata", "everything.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	made, err := synthesizeStack(s, false)
	if err != nil {
		t.Fatal(err)
	}
	template := made.template

	var functions []string
	for _, r := range template.of("AWS::Lambda::Function") {
		p := r.Properties
		functions = append(functions, p["FunctionName"].(string))
		if got := p["MemorySize"]; got != 1024.0 {
			t.Errorf("%v has %v MiB, want 1024", p["FunctionName"], got)
		}
		// To other functions, groups that are mentioned in Slack are like others.
		variables := p["Environment"].(map[string]any)["Variables"].(map[string]any)
		if _, ok := variables["ELEVATOR_APPROVER_GROUP_MENTIONS"]; ok != (p["FunctionName"] == "elevator-test-evaluate") {
			t.Errorf("%v knows the Slack user groups to mention: %t", p["FunctionName"], ok)
		}
		if p["FunctionName"] == "elevator-test-evaluate" {
			if got := variables["ELEVATOR_ACCESS_PORTAL_URL"]; got != s.AccessPortalURL {
				t.Errorf("evaluate links to the portal %v, want %s", got, s.AccessPortalURL)
			}
		}
		if name := p["FunctionName"]; name == "elevator-test-notify" || name == "elevator-test-reconcile" {
			if got := variables["ELEVATOR_EXTENSION_OFFER_SECONDS"]; got != "600" { // extension_offer: 10
				t.Errorf("%v offers more time %v s before the end, want 600", name, got)
			}
		}
	}
	slices.Sort(functions)
	if want := []string{"access-requester", "access-revoker", "elevator-test-audit", "elevator-test-await", "elevator-test-evaluate", "elevator-test-grant", "elevator-test-notify", "elevator-test-reconcile"}; !slices.Equal(functions, want) {
		t.Errorf("the functions are %q, want %q", functions, want)
	}

	// The policy has fields that the previous release doesn't know, which must refuse it.
	var pointer policyinforce.Pointer
	value := ""
	for _, part := range template.one(t, "AWS::SSM::Parameter").Properties["Value"].(map[string]any)["Fn::Join"].([]any)[1].([]any) {
		text, fixed := part.(string)
		if !fixed {
			text = "assets" // the name of the bucket
		}
		value += text
	}
	digest := fmt.Sprintf("%x", sha256.Sum256(s.PolicyJSON()))
	if err := json.Unmarshal([]byte(value), &pointer); err != nil || pointer.Format != access.NewestFormat || pointer.Digest != digest || pointer.SHA256 != "" || pointer.Bucket != "assets" || !strings.HasPrefix(pointer.Key, "elevator-test/") {
		t.Errorf("the pointer is %s, want format %d with the digest %s alone: %v", value, access.NewestFormat, digest, err)
	}

	if got := template.one(t, "AWS::ApiGatewayV2::Api").Properties["Name"]; got != "elevator" {
		t.Errorf("the API is called %v", got)
	}
	throttle := template.one(t, "AWS::ApiGatewayV2::Stage").Properties["DefaultRouteSettings"]
	if want := map[string]any{"ThrottlingRateLimit": 12.5, "ThrottlingBurstLimit": 25.0}; !reflect.DeepEqual(throttle, want) {
		t.Errorf("the API lets through %v, want %v", throttle, want)
	}
	url := template.one(t, "AWS::Lambda::Url").Properties
	if url["AuthType"] != "NONE" || url["Qualifier"] != aliasName || !strings.Contains(fmt.Sprint(url["TargetFunctionArn"]), "IngressFunction") {
		t.Errorf("the function's URL is %v", url)
	}
	var metrics []string
	for _, r := range template.of("AWS::CloudWatch::Alarm") {
		if name := r.Properties["AlarmName"].(string); strings.HasSuffix(name, "IngressErrors") || strings.HasSuffix(name, "FunctionURLErrors") {
			metrics = append(metrics, fmt.Sprintf("%v/%v", r.Properties["Namespace"], r.Properties["MetricName"]))
		}
	}
	slices.Sort(metrics)
	if want := []string{"AWS/ApiGateway/5xx", "AWS/Lambda/Url5xxCount"}; !slices.Equal(metrics, want) {
		t.Errorf("what Slack is answered is watched by %q, want %q", metrics, want)
	}

	records := template.bucket(t, "Records").Properties
	if want := map[string]any{"DestinationBucketName": "access-logs", "LogFilePrefix": "elevator/"}; !reflect.DeepEqual(records["LoggingConfiguration"], want) {
		t.Errorf("the audit bucket logs to %v, want %v", records["LoggingConfiguration"], want)
	}
	if got := template.bucket(t, "Catalog").Properties["BucketName"]; got != "elevator-catalog" {
		t.Errorf("the catalog's bucket is %v", got)
	}
	command := resolved(t, template.Outputs["TurnOnMFADelete"].Value)
	if want := `--versioning-configuration Status=Enabled,MFADelete=Enabled --mfa "SERIAL-NUMBER CODE"`; !strings.HasPrefix(command, "aws s3api put-bucket-versioning --bucket <Records") || !strings.HasSuffix(command, want) {
		t.Errorf("MFA delete is turned on by %s", command)
	}

	group := ""
	for id, r := range template.of("AWS::Scheduler::ScheduleGroup") {
		group = id
		if r.Properties["Name"] != "elevator" {
			t.Errorf("the schedules' group is called %v", r.Properties["Name"])
		}
	}
	for id, r := range template.of("AWS::Scheduler::Schedule") {
		if want := map[string]any{"Ref": group}; !reflect.DeepEqual(r.Properties["GroupName"], want) {
			t.Errorf("%s is in the group %v, want %v", id, r.Properties["GroupName"], want)
		}
	}
	roles := map[any]bool{}
	for _, r := range template.of("AWS::IAM::Role") {
		roles[r.Properties["RoleName"]] = true
	}
	if !roles["elevator-schedules"] || len(roles) != 2 {
		t.Errorf("the roles are called %v, want one elevator-schedules", slices.Collect(maps.Keys(roles)))
	}
}

// nameLimits are the limits of names, in characters, by the type of resource and
// the property that names it. CloudFormation shortens the names that it chooses
// itself.
var nameLimits = map[string]int{
	"AWS::ApiGatewayV2::Api.Name":                       128,
	"AWS::Athena::NamedQuery.Name":                      128,
	"AWS::Athena::WorkGroup.Name":                       128,
	"AWS::CloudWatch::Alarm.AlarmName":                  255,
	"AWS::CloudWatch::Dashboard.DashboardName":          255,
	"AWS::Events::Rule.Name":                            64,
	"AWS::Glue::Database.Name":                          255,
	"AWS::IAM::Policy.PolicyName":                       128,
	"AWS::KMS::Alias.AliasName":                         256,
	"AWS::Lambda::Alias.Name":                           128,
	"AWS::Lambda::Function.FunctionName":                64,
	"AWS::Logs::LogGroup.LogGroupName":                  512,
	"AWS::SNS::Topic.TopicName":                         256,
	"AWS::SNS::Topic.DisplayName":                       100,
	"AWS::SQS::Queue.QueueName":                         80,
	"AWS::SSM::Parameter.Name":                          1011,
	"AWS::Scheduler::Schedule.Name":                     64,
	"AWS::StepFunctions::StateMachine.StateMachineName": 80,
}

// TestLongestPrefixAndNoAPI checks that the longest prefix fits into every name
// that begins with it, and that Slack can call a function without an API.
func TestLongestPrefixAndNoAPI(t *testing.T) {
	s := goldenSettings(t)
	s.NamePrefix = strings.Repeat("a", 40)
	s.WarnScheduleName, s.RevokeScheduleName = s.NamePrefix+"-warn", s.NamePrefix+"-revoke"
	s.DriftEvents, s.APIGateway, s.FunctionURL = true, false, true
	made, err := synthesizeStack(s, false)
	if err != nil {
		t.Fatal(err)
	}
	checked := 0
	for id, r := range made.template.Resources {
		for property, value := range r.Properties {
			name, isText := value.(string)
			if !isText || property != "Name" && !strings.HasSuffix(property, "Name") || !strings.Contains(name, s.NamePrefix) {
				continue
			}
			limit, known := nameLimits[r.Type+"."+property]
			switch {
			case !known:
				t.Errorf("%s of %s (%s) is %s, and this test does not know how long it may be", property, id, r.Type, name)
			case len(name) > limit:
				t.Errorf("%s of %s is %s: %d characters, of which there may be %d", property, id, name, len(name), limit)
			}
			checked++
		}
	}
	if checked < 30 {
		t.Errorf("%d names were found: the test does not see them", checked)
	}

	template := made.template
	for _, kind := range []string{"Api", "Stage", "Route", "Integration"} {
		if found := template.of("AWS::ApiGatewayV2::" + kind); len(found) > 0 {
			t.Errorf("there is an API's %s: %v", kind, slices.Collect(maps.Keys(found)))
		}
	}
	if request, url := template.Outputs["SlackRequestURL"].Value, template.Outputs["SlackFunctionURL"].Value; request == nil || !reflect.DeepEqual(request, url) {
		t.Errorf("Slack is told to call %v, and the function's URL is %v", request, url)
	}
	// For a URL that needs no signature, AWS requires both rights, and the second only
	// for calls through the URL.
	var rights []string
	for _, r := range template.of("AWS::Lambda::Permission") {
		p := r.Properties
		if p["Principal"] == "*" {
			rights = append(rights, fmt.Sprint(p["Action"], " ", p["FunctionUrlAuthType"], " ", p["InvokedViaFunctionUrl"]))
		}
	}
	slices.Sort(rights)
	if want := []string{"lambda:InvokeFunction <nil> true", "lambda:InvokeFunctionUrl NONE <nil>"}; !slices.Equal(rights, want) {
		t.Errorf("everybody may %q, want %q", rights, want)
	}
}

// TestNoFunctionURLUnasked checks that there is no function URL unless the settings
// ask for one.
func TestNoFunctionURLUnasked(t *testing.T) {
	template := sharedStack(t).template
	if found := template.of("AWS::Lambda::Url"); len(found) > 0 {
		t.Errorf("there is %v", found)
	}
	for id, r := range template.of("AWS::Lambda::Permission") {
		if r.Properties["Principal"] == "*" {
			t.Errorf("%s lets everybody in", id)
		}
	}
}
