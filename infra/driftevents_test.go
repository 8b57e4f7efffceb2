package main

import (
	"encoding/json"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/aws/aws-cdk-go/awscdk/v2"
	"github.com/aws/aws-cdk-go/awscdk/v2/assertions"
	"github.com/aws/jsii-runtime-go"

	"sso-elevator/infra/build"
	"sso-elevator/infra/settings"
)

// TestDriftPattern checks which events the rule matches. The events are
// CloudTrail's, with the fields that the pattern reads.
func TestDriftPattern(t *testing.T) {
	const grantRole = "arn:aws:iam::111111111111:role/sso-elevator-grant"
	pattern := asJSON(t, driftPattern(grantRole))
	const (
		byRole  = `"userIdentity": {"type": "AssumedRole", "arn": "arn:aws:sts::111111111111:assumed-role/admin/ann", "sessionContext": {"sessionIssuer": {"type": "Role", "arn": "arn:aws:iam::111111111111:role/admin"}}}`
		byGrant = `"userIdentity": {"type": "AssumedRole", "sessionContext": {"sessionIssuer": {"type": "Role", "arn": "` + grantRole + `"}}}`
		byRoot  = `"userIdentity": {"type": "Root", "arn": "arn:aws:iam::111111111111:root", "sessionContext": {"sessionIssuer": {}}}`
		byUser  = `"userIdentity": {"type": "IAMUser", "arn": "arn:aws:iam::111111111111:user/ann"}`
		byToken = `"userIdentity": {"type": "WebIdentityUser", "accountId": "111111111111"}`
	)
	event := func(source, kind, detail string) string {
		return `{"source": "` + source + `", "detail-type": "` + kind + `", "detail": {` + detail + `}}`
	}
	const call = "AWS API Call via CloudTrail"
	for _, tt := range []struct {
		name, event string
		want        bool
	}{
		{"assignment by a role", event("aws.sso", call, `"eventName": "CreateAccountAssignment", `+byRole), true},
		{"assignment by root", event("aws.sso", call, `"eventName": "CreateAccountAssignment", `+byRoot), true},
		{"assignment by a user", event("aws.sso", call, `"eventName": "CreateAccountAssignment", `+byUser), true},
		{"assignment by us", event("aws.sso", call, `"eventName": "CreateAccountAssignment", `+byGrant), false},
		{"assignment that was refused", event("aws.sso", call, `"eventName": "CreateAccountAssignment", "errorCode": "AccessDenied", `+byRole), false},
		{"removal", event("aws.sso", call, `"eventName": "DeleteAccountAssignment", `+byRole), false},
		{"membership in the console", event("aws.sso-directory", call, `"eventName": "AddMemberToGroup", `+byRole), true},
		{"membership by the API", event("aws.identitystore", call, `"eventName": "CreateGroupMembership", `+byRole), true},
		{"membership by us", event("aws.identitystore", call, `"eventName": "CreateGroupMembership", `+byGrant), false},
		{"membership by SCIM", event("aws.identitystore-scim", call, `"eventName": "PatchGroup", `+byToken), true},
		{"the same name elsewhere", event("aws.iam", call, `"eventName": "CreateGroupMembership", `+byRole), false},
		{"forged", event("sso", call, `"eventName": "CreateAccountAssignment", `+byRole), false},
		{"insight", event("aws.sso", "AWS Insight via CloudTrail", `"eventName": "CreateAccountAssignment", `+byRole), false},
	} {
		var e any
		if err := json.Unmarshal([]byte(tt.event), &e); err != nil {
			t.Fatal(err)
		}
		if got := patternMatches(t, pattern, e); got != tt.want {
			t.Errorf("%s: %v, want %v", tt.name, got, tt.want)
		}
	}
}

// TestDriftEventsRunbook checks that the runbook forwards the events that the rule
// matches. Only the rule knows the role of grant.
func TestDriftEventsRunbook(t *testing.T) {
	text, err := os.ReadFile(filepath.Join("..", "docs", "operate", "cloudtrail.md"))
	if err != nil {
		t.Fatal(err)
	}
	_, after, _ := strings.Cut(string(text), "```json\n")
	block, _, _ := strings.Cut(after, "```")
	var got any
	if err := json.Unmarshal([]byte(block), &got); err != nil {
		t.Fatalf("the pattern in the runbook: %v", err)
	}
	want := driftPattern(testRole)
	delete(want["detail"].(map[string]any), "userIdentity")
	if want := asJSON(t, want); !reflect.DeepEqual(got, want) {
		t.Errorf("the runbook forwards\n%v\nthe rule is about\n%v", got, want)
	}
}

// patternMatches implements the part of EventBridge's event patterns that our pattern
// needs. All fields must match, and a field matches any value of its list. An unknown
// operator fails the test.
func patternMatches(t *testing.T, pattern, event any) bool {
	t.Helper()
	switch pattern := pattern.(type) {
	case map[string]any:
		fields, _ := event.(map[string]any)
		for name, inner := range pattern {
			var value any
			if v, ok := fields[name]; ok {
				value = v
			}
			if !patternMatches(t, inner, value) {
				return false
			}
		}
		return true
	case []any:
		return slices.ContainsFunc(pattern, func(one any) bool {
			operator, isOperator := one.(map[string]any)
			if !isOperator {
				return one == event
			}
			if exists, ok := operator["exists"]; ok && len(operator) == 1 {
				return exists == (event != nil)
			}
			if not, ok := operator["anything-but"].([]any); ok && len(operator) == 1 {
				return event != nil && !slices.Contains(not, event)
			}
			t.Fatalf("unknown operator %v", operator)
			return false
		})
	}
	t.Fatalf("a pattern is made of mappings and lists, not %v", pattern)
	return false
}

func asJSON(t *testing.T, v any) any {
	t.Helper()
	text, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	var out any
	if err := json.Unmarshal(text, &out); err != nil {
		t.Fatal(err)
	}
	return out
}

// bareTemplate returns the template of a stack with only the resources that fill
// adds, or the zero value if fill adds none.
func bareTemplate(t *testing.T, fill func(awscdk.Stack)) template {
	t.Helper()
	root, err := build.Root()
	if err != nil {
		t.Fatal(err)
	}
	folder, err := os.MkdirTemp(testFolder, "")
	if err != nil {
		t.Fatal(err)
	}
	app, err := newApp(root, filepath.Join(folder, "cdk.out"))
	if err != nil {
		t.Fatal(err)
	}
	stack := awscdk.NewStack(app, jsii.String("bare"), nil)
	fill(stack)
	if len(*stack.Node().Children()) == 0 {
		return template{}
	}
	text, err := json.Marshal(*assertions.Template_FromStack(stack, nil).ToJSON())
	if err != nil {
		t.Fatal(err)
	}
	var made template
	if err := json.Unmarshal(text, &made); err != nil {
		t.Fatal(err)
	}
	return made
}

// ofType returns the resources of a type.
func (tpl template) ofType(kind string) map[string]map[string]any {
	all := map[string]map[string]any{}
	for _, r := range tpl.Resources {
		if r.Type == kind {
			name, _ := r.Properties["Name"].(string)
			all[name] = r.Properties
		}
	}
	return all
}

const (
	testQueue   = "arn:aws:sqs:eu-central-1:111111111111:e-dead-letters"
	testMachine = "arn:aws:states:eu-central-1:111111111111:stateMachine:e-reconcile"
	testRole    = "arn:aws:iam::111111111111:role/grant"
)

func TestDriftEvents(t *testing.T) {
	build := func(on bool) template {
		return bareTemplate(t, func(stack awscdk.Stack) {
			s := &settings.Settings{NamePrefix: "e", DriftEvents: on}
			newDriftEvents(stack, s, jsii.String(testMachine), jsii.String(testRole), newDeadLetters(stack, s))
		})
	}
	off, on := build(false), build(true)
	for id, r := range off.Resources {
		if r.Type != "AWS::SQS::Queue" && r.Type != "AWS::SQS::QueuePolicy" {
			t.Errorf("there is %s although it is off", id)
		}
	}
	rule := on.ofType("AWS::Events::Rule")["e-drift"]
	if rule == nil {
		t.Fatalf("no rule in %v", on.Resources)
	}
	if want := asJSON(t, driftPattern(testRole)); !reflect.DeepEqual(rule["EventPattern"], want) {
		t.Errorf("pattern %v, want %v", rule["EventPattern"], want)
	}
	target := rule["Targets"].([]any)[0].(map[string]any)
	if target["Arn"] != testMachine {
		t.Errorf("target %v", target["Arn"])
	}
	if got, want := target["InputTransformer"], asJSON(t, map[string]any{
		"InputPathsMap": map[string]any{"event": "$.detail"}, "InputTemplate": `{"mode":"warn","event":<event>}`,
	}); !reflect.DeepEqual(got, want) {
		t.Errorf("input %v, want %v", got, want)
	}
	wantStarter(t, on, "events.amazonaws.com")

	// Starts that fail go to the queue, which accepts messages from this rule only.
	queue := map[string]any{"Fn::GetAtt": []any{queueID(t, on), "Arn"}}
	if want := map[string]any{"Arn": queue}; !reflect.DeepEqual(target["DeadLetterConfig"], want) {
		t.Errorf("what can't be started goes to %v, want %v", target["DeadLetterConfig"], want)
	}
	allowed := func(tpl template) (found []any) {
		for _, s := range tpl.one(t, "AWS::SQS::QueuePolicy").Properties["PolicyDocument"].(map[string]any)["Statement"].([]any) {
			if s.(map[string]any)["Effect"] == "Allow" {
				found = append(found, plainText(s))
			}
		}
		return found
	}
	want := asJSON(t, []any{map[string]any{
		"Sid": "RunsThatAnEventDidNotStart", "Effect": "Allow", "Action": "sqs:SendMessage", "Resource": plainText(queue),
		"Principal": map[string]any{"Service": "events.amazonaws.com"},
		"Condition": map[string]any{"ArnEquals": map[string]any{"aws:SourceArn": "arn:<AWS::Partition>:events:<AWS::Region>:<AWS::AccountId>:rule/e-drift"}},
	}})
	if got := any(allowed(on)); !reflect.DeepEqual(got, want) {
		t.Errorf("the queue takes from %v, want %v", got, want)
	}
	if got := allowed(off); got != nil {
		t.Errorf("without the rule the queue takes from %v", got)
	}
}

func queueID(t *testing.T, tpl template) string {
	t.Helper()
	for id := range tpl.of("AWS::SQS::Queue") {
		return id
	}
	t.Fatal("there is no queue")
	return ""
}

// wantStarter checks that there is one role that the service can assume for this
// account only, and that may start the machine and nothing else.
func wantStarter(t *testing.T, tpl template, service string, more ...map[string]any) {
	t.Helper()
	policies, roles := tpl.ofType("AWS::IAM::Policy"), tpl.ofType("AWS::IAM::Role")
	if len(policies) != 1 || len(roles) != 1 {
		t.Fatalf("%d policies, %d roles; want one each", len(policies), len(roles))
	}
	for _, p := range policies {
		statements := append([]map[string]any{{"Action": "states:StartExecution", "Effect": "Allow", "Resource": testMachine}}, more...)
		if got, want := p["PolicyDocument"].(map[string]any)["Statement"], asJSON(t, statements); !reflect.DeepEqual(got, want) {
			t.Errorf("policy %v, want %v", got, want)
		}
	}
	for _, r := range roles {
		if got, want := r["AssumeRolePolicyDocument"].(map[string]any)["Statement"], asJSON(t, []any{
			map[string]any{"Action": "sts:AssumeRole", "Effect": "Allow", "Principal": map[string]any{"Service": service},
				"Condition": map[string]any{"StringEquals": map[string]any{"aws:SourceAccount": map[string]any{"Ref": "AWS::AccountId"}}}},
		}); !reflect.DeepEqual(got, want) {
			t.Errorf("trust %v, want %v", got, want)
		}
	}
}
