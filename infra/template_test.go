package main

import (
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"sso-elevator/functions/adapters/catalog"
	"sso-elevator/functions/adapters/host"
	"sso-elevator/functions/audit"
	"sso-elevator/functions/await"
	"sso-elevator/functions/evaluate"
	"sso-elevator/functions/grant"
	"sso-elevator/functions/ingress"
	"sso-elevator/functions/notify"
	"sso-elevator/functions/reconcile"
	"sso-elevator/functions/revoke"
	"sso-elevator/infra/build"
	"sso-elevator/statemachine"
)

// of returns the resources of a type, by logical id.
func (t template) of(kind string) map[string]resource {
	found := map[string]resource{}
	for id, r := range t.Resources {
		if r.Type == kind {
			found[id] = r
		}
	}
	return found
}

// one returns the only resource of a type.
func (t template) one(test *testing.T, kind string) resource {
	test.Helper()
	found := t.of(kind)
	if len(found) != 1 {
		test.Fatalf("there are %d resources of type %s, want 1", len(found), kind)
	}
	for _, r := range found {
		return r
	}
	return resource{}
}

// statements returns the statements of a function's role.
func (t template) statements(test *testing.T, function string) []statement {
	test.Helper()
	for id, r := range t.of("AWS::IAM::Policy") {
		if !strings.HasPrefix(id, constructID(function)+"RoleDefaultPolicy") {
			continue
		}
		text, err := json.Marshal(r.Properties["PolicyDocument"])
		if err != nil {
			test.Fatal(err)
		}
		var document struct{ Statement []statement }
		if err := json.Unmarshal(text, &document); err != nil {
			test.Fatal(err)
		}
		return document.Statement
	}
	test.Fatalf("%s has no policy", function)
	return nil
}

type statement struct {
	Action    oneOrMore
	Effect    string
	Condition map[string]map[string]oneOrMore
	Resource  any
}

// oneOrMore is a string or a list of strings. Other values are left out.
type oneOrMore []string

func (o *oneOrMore) UnmarshalJSON(text []byte) error {
	var single string
	if json.Unmarshal(text, &single) == nil {
		*o = oneOrMore{single}
		return nil
	}
	var several []string
	if json.Unmarshal(text, &several) == nil {
		*o = several
	}
	return nil
}

func TestFunctions(t *testing.T) {
	template := sharedStack(t).template
	type function struct {
		runtime, handler string
		architectures    []any
		memory           float64
		timeout          time.Duration
	}
	got := map[string]function{}
	for _, r := range template.of("AWS::Lambda::Function") {
		p := r.Properties
		name, _ := strings.CutPrefix(p["FunctionName"].(string), "sso-elevator-")
		got[name] = function{
			runtime:       p["Runtime"].(string),
			handler:       p["Handler"].(string),
			architectures: p["Architectures"].([]any),
			memory:        p["MemorySize"].(float64),
			timeout:       time.Duration(p["Timeout"].(float64)) * time.Second,
		}
	}
	arm := []any{"arm64"}
	want := map[string]function{
		"ingress":   {"provided.al2023", "bootstrap", arm, 512, 10 * time.Second},
		"evaluate":  {"provided.al2023", "bootstrap", arm, 256, 20 * time.Second},
		"await":     {"provided.al2023", "bootstrap", arm, 256, 10 * time.Second},
		"notify":    {"provided.al2023", "bootstrap", arm, 256, 6 * time.Second},
		"grant":     {"provided.al2023", "bootstrap", arm, 256, 30 * time.Second},
		"revoke":    {"provided.al2023", "bootstrap", arm, 256, 30 * time.Second},
		"audit":     {"provided.al2023", "bootstrap", arm, 256, 15 * time.Second},
		"reconcile": {"provided.al2023", "bootstrap", arm, 256, 10 * time.Minute},
	}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("got %+v\nwant %+v", got, want)
	}
	for id, r := range template.of("AWS::Lambda::Alias") {
		if r.Properties["Name"] != "live" {
			t.Errorf("alias %s is called %v, want live", id, r.Properties["Name"])
		}
	}
	if got := len(template.of("AWS::Lambda::Alias")); got != len(want) {
		t.Errorf("there are %d aliases, want %d", got, len(want))
	}
	if got, want := len(template.of("AWS::IAM::Role")), len(want)+2+4; got != want {
		t.Errorf("there are %d roles, want %d: one for each function, each machine, each schedule of a function, and the schedules of runs", got, want)
	}
}

// TestVersionsStay checks that versions are kept: an alias can go back only to a
// version that still exists.
func TestVersionsStay(t *testing.T) {
	versions := sharedStack(t).template.of("AWS::Lambda::Version")
	if len(versions) != len(functionNames) {
		t.Errorf("there are %d versions, want one of each of %d functions", len(versions), len(functionNames))
	}
	for id, r := range versions {
		if r.DeletionPolicy != "RetainExceptOnCreate" {
			t.Errorf("the next release deletes %s: its DeletionPolicy is %q", id, r.DeletionPolicy)
		}
	}
}

// TestPolicyFollowsTheFunctions checks that a deployment puts a new policy in force after
// it has replaced the functions: those of the previous release may refuse the policy.
func TestPolicyFollowsTheFunctions(t *testing.T) {
	aliases := sharedStack(t).template.of("AWS::Lambda::Alias")
	if len(aliases) != len(functionNames) {
		t.Errorf("there are %d aliases, want one of each of %d functions", len(aliases), len(functionNames))
	}
	pointer := sharedStack(t).template.one(t, "AWS::SSM::Parameter")
	for alias := range aliases {
		if !slices.Contains(pointer.DependsOn, alias) {
			t.Errorf("the pointer depends on %q, want %s among them", pointer.DependsOn, alias)
		}
	}
}

// TestSecretsAreReferences checks that the environment names secrets and never
// contains one.
func TestSecretsAreReferences(t *testing.T) {
	for id, r := range sharedStack(t).template.of("AWS::Lambda::Function") {
		variables := r.Properties["Environment"].(map[string]any)["Variables"].(map[string]any)
		for name, value := range variables {
			if !strings.Contains(name, "TOKEN") && !strings.Contains(name, "SECRET") {
				continue
			}
			want := map[string]string{
				"ELEVATOR_SLACK_BOT_TOKEN":      "ssm:/sso-elevator/slack-bot-token",
				"ELEVATOR_SLACK_SIGNING_SECRET": "secretsmanager:sso-elevator/slack-signing-secret",
			}[name]
			if value != want {
				t.Errorf("%s of %s is %v, want %q", name, id, value, want)
			}
		}
	}
}

// TestEnvironmentIsWhatIsRead checks that a function gets exactly the variables
// that it or Go's runtime reads.
func TestEnvironmentIsWhatIsRead(t *testing.T) {
	given := map[string][]string{}
	for _, r := range sharedStack(t).template.of("AWS::Lambda::Function") {
		name, _ := strings.CutPrefix(r.Properties["FunctionName"].(string), "sso-elevator-")
		variables := r.Properties["Environment"].(map[string]any)["Variables"].(map[string]any)
		given[name] = slices.Collect(maps.Keys(variables))
	}
	if len(given) != len(functionNames) {
		t.Errorf("%d functions, want %d", len(given), len(functionNames))
	}
	for name, settings := range map[string]any{
		"ingress": ingress.Settings{}, "evaluate": evaluate.Settings{}, "await": await.Settings{}, "notify": notify.Settings{},
		"grant": grant.Settings{}, "revoke": revoke.Settings{}, "audit": audit.Settings{}, "reconcile": reconcile.Settings{},
	} {
		common, _ := host.Variables(host.Settings{})
		own, required := host.Variables(settings)
		read := slices.AppendSeq(slices.Concat(common, own), maps.Keys(build.Environment))
		for _, variable := range append(required, "ELEVATOR_METRIC_NAMESPACE") {
			if !slices.Contains(given[name], variable) {
				t.Errorf("%s requires %s, which it does not get", name, variable)
			}
		}
		if len(own) == 0 || len(given[name]) == 0 {
			t.Errorf("%s reads %d variables, and gets %d", name, len(own), len(given[name]))
		}
		for _, variable := range given[name] {
			if !slices.Contains(read, variable) {
				t.Errorf("%s gets %s, which it does not read", name, variable)
			}
		}
	}
}

// indexOfTable matches an index of the table in a printed resource.
var indexOfTable = regexp.MustCompile(`Fn::GetAtt:\[TableCD117FA1 Arn\]\] /index/(\w+)\]`)

// TestWhoWritesTheTable checks which functions may write what in the table. Ingress
// and evaluate write decisions, ingress creates requests, grant and revoke write
// leases. Ingress makes claims; functions that decide or close a request free them.
// Only ingress writes answers to a run's question, and who is blocked; audit counts which
// blocks are recorded. Early ends are written by those whom people tell, and who find that
// a requester is gone or blocked. The functions that handle requests ask scans
// to yield.
func TestWhoWritesTheTable(t *testing.T) {
	const (
		requests = "request#*"
		leases   = "lease#*"
		runs     = "run#*"
	)
	type rights struct {
		put, remove []string // rows, by the beginning of their keys
		update      []string
		outcome     bool     // whether a decision can be written
		ends        bool     // whether access can be ended early
		answers     bool     // whether a person's answer or press can be written into the row of a run
		query       []string // indexes
	}
	want := map[string]rights{
		"ingress":  {put: []string{requests, claims, blocks}, remove: []string{claims}, update: []string{requests, runs, pace}, outcome: true, ends: true, answers: true, query: []string{"open", "requester"}},
		"evaluate": {put: []string{claims}, remove: []string{claims}, update: []string{requests, pace}, outcome: true, query: []string{"requester"}},
		"await":    {update: []string{requests, runs}},
		// The tombstone, that nobody answered, and how the removal ended that someone asked for.
		"reconcile": {put: []string{claims, runs, heartbeat, leaves}, remove: []string{claims}, update: []string{pace, requests, runs}, ends: true, query: []string{"open"}},
		"notify":    {update: []string{requests, runs}},
		"grant":     {put: []string{leases}, remove: []string{leases}, update: []string{requests, pace}, ends: true},
		// Only revoke writes what was removed, and audit believes it.
		"revoke": {put: []string{leases, removalRows, removalCount}, remove: []string{leases}, update: []string{requests, pace}},
		"audit":  {put: []string{claims}, remove: []string{claims}, update: []string{blocks, requests}},
	}
	for _, name := range functionNames {
		var got rights
		for _, s := range sharedStack(t).template.statements(t, name) {
			keys := s.Condition["ForAllValues:StringLike"]["dynamodb:LeadingKeys"]
			attributes := s.Condition["ForAllValues:StringEquals"]["dynamodb:Attributes"]
			for _, action := range s.Action {
				if action == "*" || action == "dynamodb:*" {
					t.Errorf("%s may do %s", name, action)
				}
				if strings.HasPrefix(action, "dynamodb:") && action != "dynamodb:Query" && len(keys) == 0 {
					t.Errorf("%s may do %s to any row", name, action)
				}
				switch action {
				case "dynamodb:PutItem":
					got.put = append(got.put, keys...)
				case "dynamodb:DeleteItem":
					got.remove = append(got.remove, keys...)
				case "dynamodb:UpdateItem":
					got.update = append(got.update, keys...)
					got.outcome = got.outcome || len(attributes) == 0 || slices.Contains(attributes, "outcome")
					got.ends = got.ends || len(attributes) == 0 || slices.Contains(attributes, "end_request")
					got.answers = got.answers || slices.Contains(attributes, "answers") || slices.Contains(attributes, "presses")
				case "dynamodb:GetItem":
				case "dynamodb:Query":
					resources := fmt.Sprint(s.Resource)
					indexes := indexOfTable.FindAllStringSubmatch(resources, -1)
					if len(indexes) == 0 || len(indexes) != strings.Count(resources, "Fn::Join:") || len(indexes) != strings.Count(resources, "Arn") {
						t.Errorf("%s may query %s", name, resources)
					}
					for _, index := range indexes {
						got.query = append(got.query, index[1])
					}
				default:
					if strings.HasPrefix(action, "dynamodb:") {
						t.Errorf("%s may do %s, which nothing needs", name, action)
					}
				}
			}
		}
		slices.Sort(got.query)
		if !reflect.DeepEqual(got, want[name]) {
			t.Errorf("%s: got %+v, want %+v", name, got, want[name])
		}
	}
}

// TestWhoInvokesWhom checks which functions may invoke another one.
func TestWhoInvokesWhom(t *testing.T) {
	want := map[string]string{
		"ingress": "reconcile", // for a first catalog
		// reconcile does so to ask about the access of many people who are gone, to record
		// who was blocked, and to remove overdue access.
		"reconcile": "notify revoke audit",
	}
	got := map[string]string{}
	for _, name := range functionNames {
		for _, s := range sharedStack(t).template.statements(t, name) {
			if slices.Contains(s.Action, "lambda:InvokeFunction") {
				for _, other := range functionNames {
					if strings.Contains(fmt.Sprint(s.Resource), ":function:sso-elevator-"+other+":live") {
						got[name] = strings.TrimSpace(got[name] + " " + other)
					}
				}
			}
		}
	}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
}

// TestWhoMayDoWhat checks the rights outside the table that only some functions
// have.
func TestWhoMayDoWhat(t *testing.T) {
	want := map[string]string{
		"sso:CreateAccountAssignment":                    "grant",
		"sso:DeleteAccountAssignment":                    "grant revoke", // grant deletes access that all holders of a lease left behind
		"identitystore:CreateGroupMembership":            "grant",
		"identitystore:DeleteGroupMembership":            "grant revoke",
		"organizations:ListAccounts":                     "reconcile",
		"organizations:ListAccountsForParent":            "reconcile",
		"organizations:ListOrganizationalUnitsForParent": "reconcile",
		"organizations:ListParents":                      "evaluate grant",
		"organizations:MoveAccount":                      "",
		"states:StartExecution":                          "ingress reconcile",
		"states:SendTaskSuccess":                         "await ingress reconcile", // await and ingress for both machines; reconcile ends the access of people who are gone
		"states:StopExecution":                           "",
		"s3:PutObject":                                   "audit reconcile",   // reconcile: TestCatalog
		"lambda:InvokeFunction":                          "ingress reconcile", // TestWhoInvokesWhom
		"secretsmanager:GetSecretValue":                  "ingress",
		"identitystore:IsMemberInGroups":                 "evaluate grant ingress reconcile revoke", // who decides, or checks who decided
		"identitystore:ListGroupMemberships":             "evaluate ingress reconcile",              // evaluate and ingress: to find an approver
		"sso:ProvisionPermissionSet":                     "",
		"sso:AttachManagedPolicyToPermissionSet":         "",

		"sso:DescribeAccountAssignmentCreationStatus": "grant revoke",
		"sso:DescribeAccountAssignmentDeletionStatus": "grant revoke",
		"sso:ListAccountAssignmentCreationStatus":     "grant revoke",
		"sso:DescribePermissionSet":                   "grant reconcile revoke", // revoke checks whether the access has vanished
	}
	may := map[string][]string{}
	for _, name := range slices.Sorted(slices.Values(functionNames)) {
		for _, s := range sharedStack(t).template.statements(t, name) {
			for _, action := range s.Action {
				if strings.HasSuffix(action, "*") {
					t.Errorf("%s may do %s", name, action)
				}
				may[action] = append(may[action], name)
			}
		}
	}
	for action, functions := range want {
		if got := strings.Join(may[action], " "); got != functions {
			t.Errorf("%s: got %q, want %q", action, got, functions)
		}
	}
}

func TestTableKeepsWhatItHas(t *testing.T) {
	r := sharedStack(t).template.one(t, "AWS::DynamoDB::Table")
	if r.DeletionPolicy != "RetainExceptOnCreate" || r.UpdateReplacePolicy != "Retain" {
		t.Errorf("DeletionPolicy is %q and UpdateReplacePolicy %q, want RetainExceptOnCreate and Retain", r.DeletionPolicy, r.UpdateReplacePolicy)
	}
	for property, want := range map[string]any{
		"BillingMode":                      "PAY_PER_REQUEST",
		"DeletionProtectionEnabled":        true,
		"PointInTimeRecoverySpecification": map[string]any{"PointInTimeRecoveryEnabled": true},
		"SSESpecification":                 map[string]any{"SSEEnabled": true},
		"TimeToLiveSpecification":          map[string]any{"AttributeName": "expires", "Enabled": true},
		"KeySchema":                        []any{map[string]any{"AttributeName": "pk", "KeyType": "HASH"}},
		"TableName":                        nil, // a fixed name would block a restored table
	} {
		if got := r.Properties[property]; !reflect.DeepEqual(got, want) {
			t.Errorf("%s is %v, want %v", property, got, want)
		}
	}
}

func TestAuditBucket(t *testing.T) {
	template := sharedStack(t).template
	r := template.bucket(t, "Records")
	if r.DeletionPolicy != "RetainExceptOnCreate" || r.UpdateReplacePolicy != "Retain" {
		t.Errorf("DeletionPolicy is %q and UpdateReplacePolicy %q, want RetainExceptOnCreate and Retain", r.DeletionPolicy, r.UpdateReplacePolicy)
	}
	for property, want := range map[string]any{
		"VersioningConfiguration": map[string]any{"Status": "Enabled"},
		"PublicAccessBlockConfiguration": map[string]any{
			"BlockPublicAcls": true, "BlockPublicPolicy": true, "IgnorePublicAcls": true, "RestrictPublicBuckets": true,
		},
	} {
		if got := r.Properties[property]; !reflect.DeepEqual(got, want) {
			t.Errorf("%s is %v, want %v", property, got, want)
		}
	}
	policies := template.of("AWS::S3::BucketPolicy")
	if len(policies) != 2 {
		t.Errorf("%d buckets have a policy, want both", len(policies))
	}
	for id, r := range policies {
		policy := fmt.Sprint(r.Properties)
		for _, condition := range []string{"map[aws:SecureTransport:false]", "map[s3:TlsVersion:1.2]"} {
			if !strings.Contains(policy, condition) {
				t.Errorf("%s has no condition %s: %s", id, condition, policy)
			}
		}
	}
}

// bucket returns the bucket whose logical id begins with id.
func (t template) bucket(test *testing.T, id string) resource {
	test.Helper()
	for logical, r := range t.of("AWS::S3::Bucket") {
		if strings.HasPrefix(logical, id) {
			return r
		}
	}
	test.Fatalf("there is no bucket %s", id)
	return resource{}
}

// TestCatalog checks that only reconcile writes the catalog, that ingress and revoke
// read it, and that evaluate and grant read it to know which account manages the
// organization. A schedule refreshes it, and an alarm fires if that stops.
func TestCatalog(t *testing.T) {
	template := sharedStack(t).template
	if p := template.bucket(t, "Catalog").Properties; p["VersioningConfiguration"] != nil || p["ObjectLockConfiguration"] != nil {
		t.Errorf("the bucket keeps what was replaced every ten minutes: %v", p)
	}
	inCatalog := regexp.MustCompile(`Catalog[0-9A-F]{8} Arn\]\] (/[^\]]*)`)
	objects := func(function, action string) string {
		var all []string
		for _, r := range template.of("AWS::IAM::Policy") {
			if !strings.Contains(fmt.Sprint(r.Properties["Roles"]), constructID(function)+"Role") {
				continue
			}
			for _, s := range r.Properties["PolicyDocument"].(map[string]any)["Statement"].([]any) {
				if s := s.(map[string]any); strings.Contains(fmt.Sprint(s["Action"]), action) {
					for _, found := range inCatalog.FindAllStringSubmatch(fmt.Sprint(s["Resource"]), -1) {
						all = append(all, found[1])
					}
				}
			}
		}
		return strings.Join(all, " ")
	}
	for _, name := range functionNames {
		read, write := "", ""
		switch name {
		case "ingress": // the findings of a run decide who may answer it; forms offer partial lists
			read = "/" + catalog.PartialKey + " /" + catalog.Key + " /" + catalog.EmailsKey + " /reconcile/*"
		case "evaluate", "grant":
			read = "/" + catalog.Key + " /" + catalog.EmailsKey
		case "revoke": // which accounts are in the policy's organizational units
			read = "/" + catalog.Key + " /reconcile/*"
		case "notify", "audit":
			read = "/reconcile/*"
		case "reconcile":
			read, write = "/"+catalog.Key+" /"+catalog.EmailsKey+" /reconcile/*", "/"+catalog.KeyPattern+" /"+catalog.EmailsKey+" /reconcile/*"
		}
		if got := objects(name, "s3:GetObject"); got != read {
			t.Errorf("%s may read %q, want %q", name, got, read)
		}
		if got := objects(name, "s3:PutObject"); got != write {
			t.Errorf("%s may write %q, want %q", name, got, write)
		}
	}

	for _, r := range template.of("AWS::CloudWatch::Alarm") {
		p := r.Properties
		if p["MetricName"] != "CatalogRefreshed" {
			continue
		}
		for property, want := range map[string]any{
			"ComparisonOperator": "LessThanThreshold", "Threshold": 1.0, "TreatMissingData": "breaching",
			"Period": 600.0, "EvaluationPeriods": 6.0, "DatapointsToAlarm": 6.0,
		} {
			if p[property] != want {
				t.Errorf("the alarm's %s is %v, want %v", property, p[property], want)
			}
		}
	}
}

func TestRate(t *testing.T) {
	for every, want := range map[time.Duration]string{
		time.Minute:      "rate(1 minute)",
		90 * time.Second: "rate(2 minutes)",
		10 * time.Minute: "rate(10 minutes)",
		24 * time.Hour:   "rate(1440 minutes)",
	} {
		if got := rate(every); got != want {
			t.Errorf("%s: got %s, want %s", every, got, want)
		}
	}
}

func TestRequestMachine(t *testing.T) {
	checkMachine(t, "sso-elevator-requests", map[string]string{
		"Evaluate": "EvaluateLive", "AwaitApproval": "AwaitLive", "Announce": "NotifyLive", "Grant": "GrantLive", "Revoke": "RevokeLive", "AuditGrant": "AuditLive",
	})
}

func TestReconcileMachine(t *testing.T) {
	checkMachine(t, "sso-elevator-reconcile", map[string]string{
		"LookAtRequest": "ReconcileLive", "RefuseRequest": "EvaluateLive", "Revoke": "RevokeLive", "AuditRevoke": "AuditLive", "Tell": "NotifyLive", "AwaitAnswer": "AwaitLive",
	})
}

// checkMachine checks the machine with that name, some of whose states invoke the
// aliases.
func checkMachine(t *testing.T, name string, states map[string]string) {
	t.Helper()
	var p map[string]any
	for _, r := range sharedStack(t).template.of("AWS::StepFunctions::StateMachine") {
		if r.Properties["StateMachineName"] == name {
			p = r.Properties
		}
	}
	if p == nil {
		t.Fatalf("there is no machine %s", name)
	}
	if got, want := p["StateMachineType"], "STANDARD"; got != want {
		t.Errorf("its type is %v, want %s", got, want)
	}
	logging := p["LoggingConfiguration"].(map[string]any)
	if logging["Level"] != "ERROR" || logging["IncludeExecutionData"] != false {
		t.Errorf("it logs %v, want errors without execution data", logging)
	}
	if !reflect.DeepEqual(p["TracingConfiguration"], map[string]any{"Enabled": true}) {
		t.Errorf("tracing is %v, want on", p["TracingConfiguration"])
	}

	// Every Task invokes the alias of the function that its placeholder names.
	var definition struct{ States map[string]json.RawMessage }
	if err := json.Unmarshal([]byte(resolved(t, p["DefinitionString"])), &definition); err != nil {
		t.Fatal(err)
	}
	for state, alias := range states {
		if !strings.Contains(string(definition.States[state]), `"FunctionName": "<`+alias) {
			t.Errorf("%s does not invoke %s: %s", state, alias, definition.States[state])
		}
	}
}

// resolved returns a value of the template as text, with <id> for a reference to
// another resource.
func resolved(t *testing.T, value any) string {
	t.Helper()
	switch value := value.(type) {
	case string:
		return value
	case map[string]any:
		if id, ok := value["Ref"].(string); ok {
			return "<" + id + ">"
		}
		if join, ok := value["Fn::Join"].([]any); ok {
			var b strings.Builder
			for _, part := range join[1].([]any) {
				b.WriteString(resolved(t, part))
			}
			return b.String()
		}
	}
	t.Fatalf("cannot resolve %v", value)
	return ""
}

func TestEveryLogGroupForgets(t *testing.T) {
	groups := sharedStack(t).template.of("AWS::Logs::LogGroup")
	if got, want := len(groups), len(functionNames)+3; got != want {
		t.Errorf("there are %d log groups, want %d", got, want)
	}
	for id, r := range groups {
		if got := r.Properties["RetentionInDays"]; got != 365.0 {
			t.Errorf("%s keeps its events for %v days, want 365", id, got)
		}
	}
}

// TestFunctionSchedules checks which operations of reconcile are scheduled, and how
// often.
func TestFunctionSchedules(t *testing.T) {
	want := map[string][2]string{
		"sso-elevator-catalog": {"rate(10 minutes)", `{"operation":"catalog"}`},
		"sso-elevator-sweep":   {"rate(1 minute)", `{"operation":"look"}`},
		"sso-elevator-recheck": {"rate(1 minute)", `{"operation":"recheck"}`},
	}
	got := map[string][2]string{}
	for _, r := range sharedStack(t).template.of("AWS::Scheduler::Schedule") {
		p := r.Properties
		target := p["Target"].(map[string]any)
		if !strings.Contains(fmt.Sprint(target["Arn"]), "ReconcileLive") {
			continue
		}
		got[p["Name"].(string)] = [2]string{p["ScheduleExpression"].(string), target["Input"].(string)}
	}
	if !maps.Equal(got, want) {
		t.Errorf("got %v\nwant %v", got, want)
	}
}

// TestSweepMissing and TestRecheckMissing check that an alarm fires if no minute
// check, or no recheck, has run for minutes.
func TestSweepMissing(t *testing.T)   { testMissing(t, "SweepLooked") }
func TestRecheckMissing(t *testing.T) { testMissing(t, "Rechecked") }

func testMissing(t *testing.T, metric string) {
	t.Helper()
	for _, r := range sharedStack(t).template.of("AWS::CloudWatch::Alarm") {
		p := r.Properties
		if p["MetricName"] != metric {
			continue
		}
		for property, want := range map[string]any{
			"ComparisonOperator": "LessThanThreshold", "Threshold": 1.0, "TreatMissingData": "breaching",
			"Period": 60.0, "EvaluationPeriods": 5.0, "DatapointsToAlarm": 5.0,
		} {
			if p[property] != want {
				t.Errorf("the alarm's %s is %v, want %v", property, p[property], want)
			}
		}
		return
	}
	t.Error("there is no such alarm")
}

func TestAlarms(t *testing.T) {
	template := sharedStack(t).template
	got := map[string]string{}
	var ingress any
	for _, r := range template.of("AWS::CloudWatch::Alarm") {
		p := r.Properties
		if p["AlarmName"] == "sso-elevator-IngressErrors" {
			ingress = p["Dimensions"]
		}
		got[p["AlarmName"].(string)] = fmt.Sprintf("%v/%v", p["Namespace"], p["MetricName"])
		if p["Metrics"] != nil {
			got[p["AlarmName"].(string)] = "of several"
		}
		if actions, _ := p["AlarmActions"].([]any); len(actions) != 1 {
			t.Errorf("%v tells %v, want the topic", p["AlarmName"], actions)
		}
	}
	want := map[string]string{
		"sso-elevator-RevokeFailed":       "SsoElevator/sso-elevator/RevokeFailed",
		"sso-elevator-AuditDeferred":      "SsoElevator/sso-elevator/AuditDeferred",
		"sso-elevator-Misconfigured":      "SsoElevator/sso-elevator/Misconfigured",
		"sso-elevator-Undecidable":        "SsoElevator/sso-elevator/Undecidable",
		"sso-elevator-ExecutionsFailed":   "AWS/States/ExecutionsFailed",
		"sso-elevator-ExecutionsTimedOut": "AWS/States/ExecutionsTimedOut",
		"sso-elevator-ExecutionsAborted":  "AWS/States/ExecutionsAborted",
		"sso-elevator-IngressErrors":      "AWS/ApiGateway/5xx",
		"sso-elevator-CatalogOld":         "SsoElevator/sso-elevator/CatalogRefreshed",
		"sso-elevator-SweepMissing":       "SsoElevator/sso-elevator/SweepLooked",
		"sso-elevator-RecheckMissing":     "SsoElevator/sso-elevator/Rechecked",
		"sso-elevator-RecheckLate":        "SsoElevator/sso-elevator/RecheckLate",
		"sso-elevator-PeopleGoneHeld":     "SsoElevator/sso-elevator/PeopleGoneHeld",
		"sso-elevator-Swept":              "SsoElevator/sso-elevator/Swept",
		"sso-elevator-AccessOverdue":      "SsoElevator/sso-elevator/AccessOverdue",
		"sso-elevator-DriftFailed":        "SsoElevator/sso-elevator/DriftFailed",
		"sso-elevator-IngressSlow":        "AWS/ApiGateway/Latency",
		"sso-elevator-AwaitErrors":        "AWS/Lambda/Errors",
		"sso-elevator-AuditErrors":        "AWS/Lambda/Errors",
		"sso-elevator-DeadLetters":        "AWS/SQS/NumberOfMessagesSent",
		"sso-elevator-Throttled":          "of several",
		"sso-elevator-WarnMissing":        "of several",
		"sso-elevator-RevokeMissing":      "of several",

		"sso-elevator-ReconcileFailed":   "AWS/States/ExecutionsFailed",
		"sso-elevator-ReconcileTimedOut": "AWS/States/ExecutionsTimedOut",
		"sso-elevator-ReconcileAborted":  "AWS/States/ExecutionsAborted",
	}
	if !maps.Equal(got, want) {
		t.Errorf("got %v\nwant %v", got, want)
	}
	// Ingress returns 500 without its signing secret. That is not an error of the
	// function, so only the API in front of it counts it.
	for id := range template.of("AWS::ApiGatewayV2::Api") {
		want := []any{map[string]any{"Name": "ApiId", "Value": map[string]any{"Ref": id}}}
		if !reflect.DeepEqual(ingress, want) {
			t.Errorf("IngressErrors looks at %v, want %v", ingress, want)
		}
	}
	subscription := template.one(t, "AWS::SNS::Subscription").Properties
	if subscription["Protocol"] != "email" || subscription["Endpoint"] != "platform@example.com" {
		t.Errorf("the subscription is %v", subscription)
	}
}

func TestOutputs(t *testing.T) {
	got := slices.Sorted(maps.Keys(sharedStack(t).template.Outputs))
	want := []string{"AuditBucket", "ReconcileMachineArn", "RequestMachineArn", "SlackManifest", "SlackRequestURL"}
	if !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
}

// TestStackIsProtectedAndAgnostic checks that the stack can't be deleted by
// mistake, and suits any account and region.
func TestStackIsProtectedAndAgnostic(t *testing.T) {
	text, err := os.ReadFile(filepath.Join(filepath.Dir(sharedStack(t).path), "manifest.json"))
	if err != nil {
		t.Fatal(err)
	}
	var manifest struct {
		Artifacts map[string]struct {
			Environment string
			Properties  struct{ TerminationProtection bool }
		}
		Missing []any
	}
	if err := json.Unmarshal(text, &manifest); err != nil {
		t.Fatal(err)
	}
	stack := manifest.Artifacts["sso-elevator"]
	if !stack.Properties.TerminationProtection {
		t.Error("the stack has no termination protection")
	}
	if want := "aws://unknown-account/unknown-region"; stack.Environment != want {
		t.Errorf("the stack is for %s, want %s", stack.Environment, want)
	}
	if len(manifest.Missing) > 0 {
		t.Errorf("the synthesis looks things up in an account: %v", manifest.Missing)
	}
}

func TestVariants(t *testing.T) {
	t.Run("example", func(t *testing.T) {
		made, err := synthesizeStack(goldenSettings(t), true)
		if err != nil {
			t.Fatal(err)
		}
		rule, err := json.Marshal(made.template.Rules["SettingsAreTheExample"])
		if err != nil {
			t.Fatal(err)
		}
		if want := `"Assert":{"Fn::Equals":["elevator.example.yaml","elevator.yaml"]}`; !strings.Contains(string(rule), want) {
			t.Errorf("the rule is %s, want it to have %s, which never holds", rule, want)
		}
	})
	t.Run("existing bucket, x86, other prefix, no mail, slow retries", func(t *testing.T) {
		s := goldenSettings(t)
		s.NamePrefix = "access"
		s.ExistingAuditBucket, s.AuditPrefix = "company-audit", ""
		s.Architecture = "x86_64"
		s.AlarmEmail, s.SSOInstanceARN = "", ""
		s.RetryInterval = time.Minute
		s.LogRetentionDays = 0
		made, err := synthesizeStack(s, false)
		if err != nil {
			t.Fatal(err)
		}
		if got := len(made.template.of("AWS::S3::Bucket")); got != 1 {
			t.Errorf("there are %d buckets, want the catalog's alone", got)
		}
		if got := len(made.template.of("AWS::SNS::Subscription")); got != 0 {
			t.Errorf("there are %d subscriptions, want none", got)
		}
		for _, r := range made.template.of("AWS::Lambda::Function") {
			if name := r.Properties["FunctionName"].(string); !strings.HasPrefix(name, "access-") {
				t.Errorf("a function is called %s", name)
			}
			if got := r.Properties["Architectures"]; !reflect.DeepEqual(got, []any{"x86_64"}) {
				t.Errorf("the architecture is %v, want x86_64", got)
			}
		}
		for id, r := range made.template.of("AWS::Logs::LogGroup") {
			if got := r.Properties["RetentionInDays"]; got != nil {
				t.Errorf("%s keeps its events for %v days, want for ever", id, got)
			}
		}
		if got, want := made.template.one(t, "AWS::SSM::Parameter").Properties["Name"], "/access/policy"; got != want {
			t.Errorf("the pointer is %v, want %s", got, want)
		}
	})
	t.Run("object lock", func(t *testing.T) {
		s := goldenSettings(t)
		s.AuditBucketName = "company-access-audit"
		s.ObjectLock, s.ObjectLockMode, s.ObjectLockDays = true, "COMPLIANCE", 400
		made, err := synthesizeStack(s, false)
		if err != nil {
			t.Fatal(err)
		}
		p := made.template.bucket(t, "Records").Properties
		if got, want := p["BucketName"], "company-access-audit"; got != want {
			t.Errorf("the bucket is %v, want %s", got, want)
		}
		want := map[string]any{
			"ObjectLockEnabled": "Enabled",
			"Rule":              map[string]any{"DefaultRetention": map[string]any{"Mode": "COMPLIANCE", "Days": 400.0}},
		}
		if got := p["ObjectLockConfiguration"]; !reflect.DeepEqual(got, want) {
			t.Errorf("the lock is %v, want %v", got, want)
		}
	})
}

// If the first waits are long, the later ones must be longer.
func TestRequestPlaceholders(t *testing.T) {
	s := goldenSettings(t)
	s.RetryInterval, s.RevokeRetryWait, s.AnnounceRetryWait = time.Minute, 90*time.Second, 2*time.Minute
	got := requestPlaceholders(s, "aws-cn", func(name string) string { return name })
	want := statemachine.RequestPlaceholders{
		Partition:        "aws-cn",
		EvaluateFunction: "evaluate", AwaitFunction: "await", NotifyFunction: "notify",
		GrantFunction: "grant", RevokeFunction: "revoke", AuditFunction: "audit",
		RetryIntervalSeconds: 60, RetryMaxDelaySeconds: 120, ConfirmMaxDelaySeconds: 120, ShowMaxDelaySeconds: 2400,
		RevokeWaitSeconds: 90, AnnounceWaitSeconds: 120, RevokeRounds: statemachine.RevokeRounds,
	}
	if got != want {
		t.Errorf("got %+v\nwant %+v", got, want)
	}
	s = goldenSettings(t)
	s.RetryInterval, s.RetryMaxDelay = time.Second, 3*time.Second
	if got := requestPlaceholders(s, "aws-cn", func(name string) string { return name }); got.RetryMaxDelaySeconds != 3 || got.ConfirmMaxDelaySeconds != 3 {
		t.Errorf("the longest waits are %d and %d, want 3", got.RetryMaxDelaySeconds, got.ConfirmMaxDelaySeconds)
	}
}

// However soon the machine retries Slack, an execution has enough events for it.
func TestAnnounceFor(t *testing.T) {
	tests := []struct {
		name       string
		wait, want time.Duration
	}{
		{"every second", time.Second, 10 * time.Minute},
		{"the default", 30 * time.Second, 5 * time.Hour},
		{"the last that the number of rounds bounds", 48 * time.Second, 8 * time.Hour},
		{"every hour", time.Hour, 8 * time.Hour},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			s := goldenSettings(t)
			s.AnnounceRetryWait = test.wait
			if got := announceFor(s); got != test.want {
				t.Errorf("got %s, want %s", got, test.want)
			}
		})
	}
}

// However soon the machine tries Grant again, an execution has enough events for it.
func TestGrantWaitFor(t *testing.T) {
	for wait, want := range map[time.Duration]time.Duration{time.Second: time.Minute, time.Minute: time.Hour, time.Hour: time.Hour} {
		s := goldenSettings(t)
		s.RevokeRetryWait = wait
		if got := grantWaitFor(s); got != want {
			t.Errorf("a wait of %s: got %s, want %s", wait, got, want)
		}
	}
}

func TestManifestFitsSlacksLimits(t *testing.T) {
	m := slackManifest(goldenSettings(t), "https://a.example/slack")
	check := func(what, text string, limit int) {
		if n := len([]rune(text)); n > limit {
			t.Errorf("%s has %d characters, Slack takes %d", what, n, limit)
		}
	}
	check("the name", m.Display.Name, 35)
	check("the description", m.Display.Description, 140)
	check("the bot's name", m.Features.BotUser.DisplayName, 80)
	if !regexp.MustCompile(`^[a-z0-9._-]+$`).MatchString(m.Features.BotUser.DisplayName) {
		t.Errorf("the bot's name is %q; Slack takes a-z, 0-9, -, _ and .", m.Features.BotUser.DisplayName)
	}
	for _, s := range m.Features.Shortcuts {
		check("a shortcut's name", s.Name, 24)
		check("a shortcut's description", s.Description, 150)
		check("a shortcut's callback", s.CallbackID, 255)
	}
	for _, c := range m.Features.Commands {
		check("a command's description", c.Description, 2000)
		check("a command", c.Command, 32)
	}
	if strings.Contains(m.json(), "\n") {
		t.Error("the manifest for the output has more than one line")
	}
}
