package main

import (
	"encoding/json"
	"fmt"
	"os"
	"path"
	"path/filepath"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"

	"sso-elevator/infra/build"
	"sso-elevator/infra/settings"
)

// protectedStack is the stack with all optional protection, synthesized once.
var protectedStack = sync.OnceValues(func() (*synthesized, error) {
	s, err := settings.Load(filepath.Join("testdata", "elevator.yaml"))
	if err != nil {
		return nil, err
	}
	protect(s)
	s.ManageManagementAccount = true // and every right that a role can get
	return synthesizeStack(s, false)
})

func protectedTemplate(t *testing.T) template {
	t.Helper()
	made, err := protectedStack()
	if err != nil {
		t.Fatal(err)
	}
	return made.template
}

// TestBucketsAreClosed checks that every bucket of the stack is closed to the
// public and to connections without TLS, whatever the settings. An existing bucket
// gets nothing from the stack, because a policy would replace its own.
func TestBucketsAreClosed(t *testing.T) {
	for name, test := range map[string]struct {
		template template
		buckets  int
	}{
		"default":         {sharedStack(t).template, 2},
		"protected":       {protectedTemplate(t), 2},
		"existing bucket": {existingBucketTemplate(t), 1},
	} {
		t.Run(name, func(t *testing.T) {
			buckets, policies := test.template.of("AWS::S3::Bucket"), test.template.of("AWS::S3::BucketPolicy")
			if len(buckets) != test.buckets || len(policies) != test.buckets {
				t.Errorf("there are %d buckets and %d policies of buckets, want %d of each", len(buckets), len(policies), test.buckets)
			}
			tls := map[string]bool{}
			for _, p := range policies {
				bucket := p.Properties["Bucket"].(map[string]any)["Ref"].(string)
				for _, s := range p.Properties["PolicyDocument"].(map[string]any)["Statement"].([]any) {
					if s := s.(map[string]any); s["Effect"] == "Deny" && s["Action"] == "s3:*" &&
						reflect.DeepEqual(s["Principal"], map[string]any{"AWS": "*"}) &&
						reflect.DeepEqual(s["Condition"], map[string]any{"Bool": map[string]any{"aws:SecureTransport": "false"}}) {
						tls[bucket] = true
					}
				}
			}
			for id, r := range buckets {
				if !tls[id] {
					t.Errorf("%s can be used without TLS", id)
				}
				closed := map[string]any{"BlockPublicAcls": true, "BlockPublicPolicy": true, "IgnorePublicAcls": true, "RestrictPublicBuckets": true}
				if got := r.Properties["PublicAccessBlockConfiguration"]; !reflect.DeepEqual(got, closed) {
					t.Errorf("%s is closed to the public by %v, want %v", id, got, closed)
				}
				if got := fmt.Sprint(r.Properties["OwnershipControls"]); !strings.Contains(got, "BucketOwnerEnforced") {
					t.Errorf("%s takes access control lists: %s", id, got)
				}
				if r.Properties["BucketEncryption"] == nil {
					t.Errorf("%s says nothing of its encryption", id)
				}
			}
			if strings.Contains(fmt.Sprint(policies), "company-audit") {
				t.Errorf("the policy of a bucket that is not ours is replaced: %v", policies)
			}
		})
	}
}

// TestTopicTakesTLSOnly checks that the topic accepts messages only over TLS, from
// CloudWatch's alarms of this account.
func TestTopicTakesTLSOnly(t *testing.T) {
	policy := sharedStack(t).template.one(t, "AWS::SNS::TopicPolicy").Properties["PolicyDocument"].(map[string]any)
	var got []string
	for _, raw := range policy["Statement"].([]any) {
		s := raw.(map[string]any)
		got = append(got, fmt.Sprint(s["Effect"], s["Principal"], s["Action"], s["Condition"]))
	}
	want := []string{
		"Deny*sns:Publish" + fmt.Sprint(map[string]any{"Bool": map[string]any{"aws:SecureTransport": "false"}}),
		fmt.Sprint("Allow", map[string]any{"Service": "cloudwatch.amazonaws.com"}, "sns:Publish",
			map[string]any{"StringEquals": map[string]any{"aws:SourceAccount": map[string]any{"Ref": "AWS::AccountId"}}}),
	}
	if !slices.Equal(got, want) {
		t.Errorf("the topic's policy is\n%q, want\n%q", got, want)
	}
}

// TestBoundaryInTheDocs checks that the documented boundary allows everything that the
// roles permit, and nothing that no role permits.
func TestBoundaryInTheDocs(t *testing.T) {
	text, err := os.ReadFile(filepath.Join("..", "docs", "reference", "permissions.md"))
	if err != nil {
		t.Fatal(err)
	}
	_, section, _ := strings.Cut(string(text), "`permissions_boundary` is set on every role")
	_, block, _ := strings.Cut(section, "```json\n")
	block, _, _ = strings.Cut(block, "```")
	var boundary struct{ Statement []struct{ Action []string } }
	if err := json.Unmarshal([]byte(block), &boundary); err != nil || len(boundary.Statement) != 1 {
		t.Fatalf("the page's boundary: %v\n%s", err, block)
	}
	leaves := map[string]bool{} // whether a role performs an action that matches the pattern
	for _, pattern := range boundary.Statement[0].Action {
		leaves[pattern] = false
	}
	for _, template := range []template{protectedTemplate(t), existingBucketTemplate(t)} { // the latter has its secrets in parameters
		for id := range template.of("AWS::IAM::Policy") {
			for _, s := range statementsOf(t, template, id) {
				for _, action := range s.Action {
					left := false
					for pattern := range leaves {
						if ok, err := path.Match(pattern, action); err != nil {
							t.Fatal(err)
						} else if ok {
							left, leaves[pattern] = true, true
						}
					}
					if !left {
						t.Errorf("%s: the boundary takes %s away", id, action)
					}
				}
			}
		}
		// Roles have only inline policies. The CDK makes others if one is too long for it, and
		// tests of permissions would not see them.
		for id := range template.of("AWS::IAM::ManagedPolicy") {
			t.Errorf("%s is a policy of its own: shorten the policy of its role", id)
		}
	}
	for pattern, used := range leaves {
		if !used {
			t.Errorf("the boundary leaves %s, which no role does", pattern)
		}
	}
}

// TestEndpointIsThrottled checks that the endpoint rejects more calls than people
// can make.
func TestEndpointIsThrottled(t *testing.T) {
	stage := sharedStack(t).template.one(t, "AWS::ApiGatewayV2::Stage").Properties
	want := map[string]any{"ThrottlingRateLimit": 50.0, "ThrottlingBurstLimit": 100.0}
	if got := stage["DefaultRouteSettings"]; !reflect.DeepEqual(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
	if got := len(sharedStack(t).template.of("AWS::Lambda::Url")); got != 0 {
		t.Errorf("%d functions have an address of their own, past the limit", got)
	}
}

// TestProtection checks that each optional protection reaches all of its resources.
func TestProtection(t *testing.T) {
	template, s := protectedTemplate(t), goldenSettings(t)
	protect(s)
	key := s.KMSKeyARN

	for id, r := range template.of("AWS::IAM::Role") {
		if got := r.Properties["PermissionsBoundary"]; got != s.PermissionsBoundary {
			t.Errorf("%s has the boundary %v, want %s", id, got, s.PermissionsBoundary)
		}
	}
	groups := template.of("AWS::Logs::LogGroup")
	if got, want := len(groups), len(functionNames)+3; got != want {
		t.Errorf("there are %d log groups, want %d: of each function, of two machines, of the API", got, want)
	}
	for id, r := range groups {
		if got := r.Properties["KmsKeyId"]; got != key {
			t.Errorf("%s is encrypted with %v, want %s", id, got, key)
		}
	}
	for _, r := range template.of("AWS::S3::Bucket") {
		want := map[string]any{"ServerSideEncryptionConfiguration": []any{map[string]any{
			"BucketKeyEnabled": true, "ServerSideEncryptionByDefault": map[string]any{"SSEAlgorithm": "aws:kms", "KMSMasterKeyID": key},
		}}}
		if got := r.Properties["BucketEncryption"]; !reflect.DeepEqual(got, want) {
			t.Errorf("a bucket is encrypted by %v, want %v", got, want)
		}
	}
	table := template.one(t, "AWS::DynamoDB::Table").Properties["SSESpecification"]
	if want := map[string]any{"SSEEnabled": true, "SSEType": "KMS", "KMSMasterKeyId": key}; !reflect.DeepEqual(table, want) {
		t.Errorf("the table is encrypted by %v, want %v", table, want)
	}
	if got := template.one(t, "AWS::SNS::Topic").Properties["KmsMasterKeyId"]; got != key {
		t.Errorf("the topic is encrypted with %v, want %s", got, key)
	}

	reserved := map[string]any{}
	for _, r := range template.of("AWS::Lambda::Function") {
		name, _ := strings.CutPrefix(r.Properties["FunctionName"].(string), "sso-elevator-")
		if got, ok := r.Properties["ReservedConcurrentExecutions"]; ok {
			reserved[name] = got
		}
	}
	if want := map[string]any{"ingress": 50.0, "revoke": 20.0}; !reflect.DeepEqual(reserved, want) {
		t.Errorf("instances are reserved for %v, want %v", reserved, want)
	}

	// Each function may use the key, but only through the services that store its
	// data.
	for _, name := range functionNames {
		got := map[string][]string{}
		for _, s := range statementsOf(t, template, name) {
			if slices.Equal(s.resources, []string{key}) {
				via := s.Condition["StringEquals"]["kms:ViaService"]
				service, _, _ := strings.Cut(strings.Join(via, " "), ".")
				got[service] = append(got[service], s.Action...)
			}
		}
		want := map[string][]string{
			"dynamodb": {"kms:Decrypt", "kms:DescribeKey", "kms:Encrypt", "kms:GenerateDataKey", "kms:GenerateDataKeyWithoutPlaintext", "kms:ReEncryptFrom", "kms:ReEncryptTo"},
			"s3":       {"kms:Decrypt"},
		}
		switch name {
		case "await":
			delete(want, "s3")
		case "audit", "reconcile":
			want["s3"] = []string{"kms:Decrypt", "kms:GenerateDataKey"}
		}
		if !reflect.DeepEqual(got, want) {
			t.Errorf("%s may use the key by %v, want %v", name, got, want)
		}
	}
}

// TestNoProtectionByDefault checks that the template has no optional protection
// without the settings for it.
func TestNoProtectionByDefault(t *testing.T) {
	for id, r := range sharedStack(t).template.Resources {
		for _, property := range []string{"PermissionsBoundary", "KmsKeyId", "KmsMasterKeyId", "ReservedConcurrentExecutions"} {
			if got, ok := r.Properties[property]; ok {
				t.Errorf("%s has %s %v", id, property, got)
			}
		}
	}
}

// resolvedStatement is a statement with its resources as text. Parts that
// CloudFormation fills in are "<…>".
type resolvedStatement struct {
	statement
	resources []string
}

// statementsOf returns the statements of a function's role or, given the id of its
// policy, of another role.
func statementsOf(t *testing.T, template template, name string) []resolvedStatement {
	t.Helper()
	for id, r := range template.of("AWS::IAM::Policy") {
		if strings.HasPrefix(id, constructID(name)+"RoleDefaultPolicy") || id == name {
			var all []resolvedStatement
			for _, raw := range r.Properties["PolicyDocument"].(map[string]any)["Statement"].([]any) {
				var s resolvedStatement
				text, err := json.Marshal(plainText(raw))
				if err != nil {
					t.Fatal(err)
				}
				if err := json.Unmarshal(text, &s.statement); err != nil {
					t.Fatal(err)
				}
				var resource struct{ Resource oneOrMore }
				if err := json.Unmarshal(text, &resource); err != nil {
					t.Fatal(err)
				}
				s.resources = resource.Resource
				all = append(all, s)
			}
			return all
		}
	}
	t.Fatalf("%s has no policy", name)
	return nil
}

// plainText returns v with every function of CloudFormation as text.
func plainText(v any) any {
	switch v := v.(type) {
	case map[string]any:
		if join, ok := v["Fn::Join"].([]any); ok && len(v) == 1 {
			var b strings.Builder
			for i, part := range join[1].([]any) {
				if i > 0 {
					b.WriteString(join[0].(string))
				}
				fmt.Fprint(&b, plainText(part))
			}
			return b.String()
		}
		if sub, ok := v["Fn::Sub"].(string); ok && len(v) == 1 {
			return strings.NewReplacer("${", "<", "}", ">").Replace(sub)
		}
		if ref, ok := v["Ref"].(string); ok && len(v) == 1 {
			return "<" + ref + ">"
		}
		if of, ok := v["Fn::GetAtt"].([]any); ok && len(v) == 1 {
			return fmt.Sprintf("<%v.%v>", of[0], of[1])
		}
		plain := map[string]any{}
		for key, item := range v {
			plain[key] = plainText(item)
		}
		return plain
	case []any:
		plain := make([]any, len(v))
		for i, item := range v {
			plain[i] = plainText(item)
		}
		return plain
	}
	return v
}

// withoutNarrowerResource are the actions that may have the resource "*". AWS's
// service authorization reference lists no resource types for them.
var withoutNarrowerResource = map[string]string{
	"sso:ListInstances":          "there is one instance, and this finds it",
	"organizations:ListAccounts": "the accounts that can be asked for",

	"xray:PutTraceSegments":         "what Step Functions writes of each execution",
	"xray:PutTelemetryRecords":      "what Step Functions writes of each execution",
	"xray:GetSamplingRules":         "how much it writes",
	"xray:GetSamplingTargets":       "how much it writes",
	"logs:CreateLogDelivery":        "logging of Step Functions sets up its delivery by itself",
	"logs:GetLogDelivery":           "the same",
	"logs:UpdateLogDelivery":        "the same",
	"logs:DeleteLogDelivery":        "the same",
	"logs:ListLogDeliveries":        "the same",
	"logs:PutResourcePolicy":        "the same",
	"logs:DescribeResourcePolicies": "the same",
	"logs:DescribeLogGroups":        "the same",
}

// narrowerThanTheReference are the actions that have no resource types in the
// reference, although AWS checks them with one.
var narrowerThanTheReference = map[string]string{
	// AWS names the state machine that the token belongs to when it refuses:
	// "not authorized to perform: states:SendTaskSuccess on resource:
	// arn:aws:states:…:stateMachine:…", https://github.com/aws/aws-cdk/pull/8486.
	"states:SendTaskSuccess": "stateMachine",
}

// reference is AWS's service authorization reference, as cfn-lint has it.
type reference map[string]struct {
	Actions   map[string]struct{ Resources []string }
	Resources map[string]struct{ ARNFormats []string }
}

func authorizationReference(t *testing.T) reference {
	t.Helper()
	root, err := build.Root()
	if err != nil {
		t.Fatal(err)
	}
	found, err := filepath.Glob(filepath.Join(root, ".venv", "lib", "python*", "site-packages", "cfnlint", "data", "AdditionalSpecs", "Policies.json"))
	if err != nil || len(found) != 1 {
		t.Fatalf("%v, %v: make tools installs cfn-lint with its data", found, err)
	}
	text, err := os.ReadFile(found[0])
	if err != nil {
		t.Fatal(err)
	}
	var r reference
	if err := json.Unmarshal(text, &r); err != nil {
		t.Fatal(err)
	}
	return r
}

// TestLeastPrivilege checks that every action of every role exists, and is
// permitted as narrowly as AWS allows. "*" is used only if the reference lists no
// resources. Otherwise each action has resources of a type that it accepts, because
// a resource of another type would permit nothing.
func TestLeastPrivilege(t *testing.T) {
	known := authorizationReference(t)
	template := protectedTemplate(t)
	used := map[string]bool{}
	for id := range template.of("AWS::IAM::Policy") {
		for _, s := range statementsOf(t, template, id) {
			if s.Effect != "Allow" {
				t.Errorf("%s has a statement with the effect %s", id, s.Effect)
			}
			for _, action := range s.Action {
				used[action] = true
				service, operation, _ := strings.Cut(action, ":")
				entry, ok := known[service].Actions[strings.ToLower(operation)]
				everything := slices.Contains(s.resources, "*")
				switch {
				case !ok || strings.Contains(action, "*"):
					t.Errorf("%s: there is no action %s", id, action)
				case everything && withoutNarrowerResource[action] == "":
					t.Errorf("%s: %s is permitted for every resource, without a reason", id, action)
				case everything && len(entry.Resources) > 0 && !strings.HasPrefix(action, "logs:"):
					t.Errorf("%s: %s is permitted for every resource, and AWS knows narrower ones: %q", id, action, entry.Resources)
				case everything:
				case len(entry.Resources) == 0 && narrowerThanTheReference[action] == "":
					t.Errorf("%s: %s knows no resources; naming %q permits nothing", id, action, s.resources)
				default:
					if missing := uncovered(known, service, entry.Resources, s.resources); missing != "" {
						t.Errorf("%s: %s is checked with a %s, and %q has none", id, action, missing, s.resources)
					}
				}
			}
		}
	}
	for action := range withoutNarrowerResource {
		if !used[action] {
			t.Errorf("%s has a reason, and no role has it", action)
		}
	}
}

// uncovered returns a resource type that an action is checked with and that no ARN
// has; "" for none. Identity Center's two services check an action with one of each
// of its types, other services with any.
func uncovered(known reference, service string, types, arns []string) string {
	for _, name := range types {
		covered := slices.ContainsFunc(known[service].Resources[strings.ToLower(name)].ARNFormats, func(format string) bool {
			return slices.ContainsFunc(arns, func(arn string) bool {
				return strings.HasPrefix(arn, "<") || shape(arn) == shape(format)
			})
		})
		switch every := service == "sso" || service == "identitystore"; {
		case covered && !every:
			return ""
		case !covered && (every || name == types[len(types)-1]):
			return name
		}
	}
	return ""
}

// filledIn matches what CloudFormation fills in, here and in the reference.
var filledIn = regexp.MustCompile(`<[^>]*>|\$\{[^}]*\}`)

// shape returns the service and the first word of the resource in an ARN. If
// CloudFormation fills in the ARN, the shape is that of the resource that the
// statement refers to.
func shape(arn string) string {
	parts := strings.SplitN(filledIn.ReplaceAllString(arn, "/"), ":", 6)
	if len(parts) < 6 {
		return arn
	}
	word, _, _ := strings.Cut(strings.ReplaceAll(parts[5], ":", "/"), "/")
	return parts[2] + ":" + word
}

// TestInvocationPolicyInTheDocs checks that the documented service control policy
// covers all functions of the stack and exempts all of its roles, whose names begin
// with the stack's name.
func TestInvocationPolicyInTheDocs(t *testing.T) {
	text, err := os.ReadFile(filepath.Join("..", "docs", "reference", "security.md"))
	if err != nil {
		t.Fatal(err)
	}
	_, section, _ := strings.Cut(string(text), "### Who may invoke the functions")
	_, block, _ := strings.Cut(section, "```json\n")
	block, _, _ = strings.Cut(block, "```")
	var policy struct {
		Statement []struct {
			Effect, Action, Resource string
			Condition                map[string]map[string]string
		}
	}
	if err := json.Unmarshal([]byte(block), &policy); err != nil || len(policy.Statement) != 1 {
		t.Fatalf("the page's policy: %v\n%s", err, block)
	}
	s := policy.Statement[0]
	roles := s.Condition["ArnNotLike"]["aws:PrincipalArn"]
	if s.Effect != "Deny" || s.Action != "lambda:InvokeFunction" || roles != "arn:aws:iam::ACCOUNT:role/sso-elevator-*" {
		t.Errorf("the page's policy is %+v", s)
	}
	template := sharedStack(t).template
	for _, r := range template.of("AWS::Lambda::Function") {
		arn := fmt.Sprintf("arn:aws:lambda:eu-central-1:ACCOUNT:function:%v", r.Properties["FunctionName"])
		if ok, err := path.Match(s.Resource, arn); err != nil || !ok {
			t.Errorf("%s is not %s: it is not protected (%v)", arn, s.Resource, err)
		}
	}
	for id, r := range template.of("AWS::IAM::Role") {
		// CloudFormation begins a name that it chooses with the stack's.
		if name, ok := r.Properties["RoleName"].(string); ok && !strings.HasPrefix(name, "sso-elevator-") {
			t.Errorf("the policy keeps the role %s, %q, from invoking", id, name)
		}
	}
}
