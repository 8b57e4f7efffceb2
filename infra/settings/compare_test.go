package settings

import (
	"encoding/json"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"

	"sso-elevator/functions/access"
	"sso-elevator/functions/access/accesstest"
)

// capitals is the warning about an address with capital letters.
func capitals(normal string) string {
	return " is the same address as " + normal + " here. The Terraform module is case-sensitive: there, this person is an approver only if Slack has exactly this spelling"
}

// This is the reference's example, as a separate file.
func referencePolicy(t *testing.T) (access.Policy, []string) {
	t.Helper()
	policy, warnings, err := ParsePolicy("f", []byte("config:\n"+readFile(t, filepath.Join("testdata", "reference.json"))+
		"group_config:\n"+readFile(t, filepath.Join("testdata", "reference-groups.json"))))
	if err != nil {
		t.Fatal(err)
	}
	return policy, warnings
}

// Both forms of the reference's example mean the same: the JSON, and the Terraform
// lists with comments and commas.
func TestReferenceExampleInBothForms(t *testing.T) {
	want, _ := referencePolicy(t)
	if len(want.Accounts) != 6 || len(want.Groups) != 3 {
		t.Fatalf("there are %d statements about accounts and %d about groups, want all 6 and 3", len(want.Accounts), len(want.Groups))
	}
	got, _, err := LoadPolicy(filepath.Join("testdata", "reference-list.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("got  %+v\nwant %+v", got, want)
	}
	accounts, err := os.ReadFile(filepath.Join("testdata", "reference.json"))
	if err != nil {
		t.Fatal(err)
	}
	groups, err := os.ReadFile(filepath.Join("testdata", "reference-groups.json"))
	if err != nil {
		t.Fatal(err)
	}
	whole, err := json.Marshal(map[string]json.RawMessage{"config": accounts, "group_config": groups})
	if err != nil {
		t.Fatal(err)
	}
	if got, _, err = ParsePolicy("f", whole); err != nil || !reflect.DeepEqual(got, want) {
		t.Errorf("one JSON object: got %+v, %v\nwant %+v", got, err, want)
	}
}

// These are the reference's decisions about its own example, derived from its
// description: explicit denial, self-approval, no approval.
func TestReferenceExampleDecides(t *testing.T) {
	policy, _ := referencePolicy(t)
	const dev, prod, other = "111111111111", "333333333333", "555555555555"
	account := func(id, permissionSet string) access.Target {
		return access.Target{Kind: access.KindAccount, AccountID: id, PermissionSet: permissionSet}
	}
	group := func(id string) access.Target { return access.Target{Kind: access.KindGroup, GroupID: id} }
	needs := func(approvers ...string) access.Decision {
		return access.Decision{Outcome: access.DecideApproval, Reason: access.ReasonRequiresApproval, Approvers: approvers}
	}
	automatic := func(reason access.Reason) access.Decision {
		return access.Decision{Outcome: access.DecideAutomatic, Reason: reason, Approvers: []string{}}
	}
	refused := func(reason access.Reason) access.Decision {
		return access.Decision{Outcome: access.DecideRefused, Reason: reason, Approvers: []string{}}
	}
	for _, tt := range []struct {
		name, requester string
		target          access.Target
		want            access.Decision
		statements      []int
	}{
		{"a developer serves herself", "alice@example.com", account(dev, "Any"), automatic(access.ReasonSelfApproval), []int{0, 2}},
		{"somebody else asks the developers and the CTO", "eve@example.com", account(dev, "Any"), needs("alice@example.com", "bob@example.com", "cto@example.com"), []int{0, 2}},
		{"approvers of all affecting statements", "eve@example.com", account(dev, "Billing"), needs("alice@example.com", "bob@example.com", "cto@example.com", "finances@example.com"), []int{0, 1, 2}},
		{"a list of permission sets", "ciso@example.com", account(dev, "ReadOnlyPlus"), automatic(access.ReasonSelfApproval), []int{0, 2, 5}},
		{"the CTO everywhere", "cto@example.com", account(other, "Any"), automatic(access.ReasonSelfApproval), []int{2}},
		{"self approval lists nobody in production", "eve@example.com", account(prod, "ReadOnly"), needs("cto@example.com"), []int{2, 3}},
		{"a denial to those whom it lists", "ciso@example.com", account(prod, "AdministratorAccess"), needs("cto@example.com", "manager@example.com"), []int{2, 4}},
		{"it does not list the CTO", "cto@example.com", account(prod, "AdministratorAccess"), automatic(access.ReasonSelfApproval), []int{2, 4}},
		{"the only approver", "ciso@example.com", group("44445555-3333-2222-1111-555557777777"), refused(access.ReasonNoApprovers), []int{2}},
		{"a group that needs no approval", "eve@example.com", group("99999999-8888-7777-6666-555555555555"), automatic(access.ReasonApprovalNotRequired), []int{0}},
		{"a group's approver", "lead@example.com", group("11111111-2222-3333-4444-555555555555"), automatic(access.ReasonSelfApproval), []int{1}},
		{"a group that is not configured", "lead@example.com", group("00000000-0000-0000-0000-000000000000"), refused(access.ReasonNoStatements), []int{}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			tt.want.Statements = tt.statements
			if got := accesstest.Decide(policy, tt.requester, tt.target); !reflect.DeepEqual(got, tt.want) {
				t.Errorf("got  %+v\nwant %+v", got, tt.want)
			}
		})
	}
}

// One statement of the example does less than its comment says, in the reference, too.
// The warnings name it and some others. Nothing in the example means something else
// here.
func TestReferenceExampleWarns(t *testing.T) {
	_, got := referencePolicy(t)
	want := []string{
		"f:17: config[2]: lets cto@example.com take every permission set in every account, including this app's own account and the management account, without a second person. One person could then change this app and its policy. Name the accounts, or require a second person (docs/reference/policy.md#power-over-this-app)",
		`f:19: config[2].Resource: At cron(0 23 * * ? *), this app removes every direct user assignment that it didn't grant, in all accounts. Assignments to groups stay. Name the accounts, or set schedule_expression: "" until the reports in Slack list nothing that should stay`,
		"f:24: config[3]: redundant: config[2] already covers it. Remove this statement, or check what it was meant to do",
		"f:28: config[3].AllowSelfApproval: has no effect, here and in the Terraform module: it applies to this statement's Approvers, and there are none. Add Approvers, or remove it",
		"f:64: group_config[2].Approvers: ciso@example.com is the only approver of group 44445555-3333-2222-1111-555557777777: they can't get it themselves, and nobody can while they are away. List a second approver, or set AllowSelfApproval: true",
	}
	if !slices.Equal(got, want) {
		t.Errorf("got  %q\nwant %q", got, want)
	}
}

// This has all inputs of the module at once. Each one is accepted, or a message says
// why not.
func TestReferenceModule(t *testing.T) {
	_, err := Load(filepath.Join("testdata", "reference-module.json"))
	if err == nil {
		t.Fatal("it is accepted, with inputs that can't be honoured")
	}
	golden(t, filepath.Join("testdata", "reference-module.txt"), []byte(err.Error()+"\n"))
	if strings.Contains(err.Error(), "unknown key") {
		t.Errorf("an input of the reference is not known:\n%v", err)
	}
}

func TestWarnings(t *testing.T) {
	const (
		dev       = "config:\n- Resource: \"111111111111\"\n  PermissionSet: Admin\n"
		selfFalse = `config[1].AllowSelfApproval: ann@example.com can't approve their own requests here where this statement overlaps config[0], which sets true. In the Terraform module they can, by pressing Approve`
		nobody    = "has no effect, here and in the Terraform module: it applies to this statement's Approvers, and there are none. Add Approvers, or remove it"
		capped    = "reminders are at most 24 hours apart here. In the Terraform module, the time between them keeps growing until the request expires"
	)
	denied := func(resource, permissionSet, approvers string) string {
		return dev + "  Approvers: [ann@example.com, bob@example.com]\n  AllowSelfApproval: true\n" +
			"- Resource: \"" + resource + "\"\n  PermissionSet: " + permissionSet + "\n  Approvers: [" + approvers + "]\n  AllowSelfApproval: false\n"
	}
	for _, tt := range []struct {
		name, file string
		want       []string
	}{
		{"nothing to say", dev + "  Approvers: ann@example.com\n  AllowSelfApproval: true\n  ApprovalIsNotRequired: false\n", nil},
		{"capital letters", dev + "  Approvers: [ann@example.com, Bob.B@example.com]\n", []string{"f:4: config[0].Approvers[1]: Bob.B@example.com" + capitals("bob.b@example.com")}},
		{"capital letters in the domain", dev + "  Approvers: [ann@Example.COM, bob@EXAMPLE.com]\n", nil},
		{"self approval by nobody", dev + "  AllowSelfApproval: true\n  ApprovalIsNotRequired: true\n", []string{"f:4: config[0].AllowSelfApproval: " + nobody}},
		{"denied to nobody", dev + "  Approvers: []\n  AllowSelfApproval: false\n", []string{"f:5: config[0].AllowSelfApproval: " + nobody}},
		{"of a group", "group_config:\n- Resource: 99999999-8888-7777-6666-555555555555\n  AllowSelfApproval: true\n  ApprovalIsNotRequired: true\n", []string{"f:3: group_config[0].AllowSelfApproval: " + nobody}},
		{"allowed and denied", denied("111111111111", "Admin", "ann@example.com"), []string{"f:9: " + selfFalse}},
		{"allowed and denied, by all", denied("*", `"*"`, "cid@example.com, ANN@example.com") + "schedule_expression: \"\"\n", []string{"f:6: config[1]: allows requests for every permission set in every account, including this app's own account and the management account. People with this access can change this app and its policy. Another statement could even grant it without approval. Name the accounts, or require a second person (docs/reference/policy.md#power-over-this-app)", "f:8: config[1].Approvers[1]: ANN@example.com" + capitals("ann@example.com"), "f:9: " + selfFalse}},
		{"allowed, and denied in so many words", denied("111111111111", "Admin", "ann@example.com, bob@example.com") + "  ApprovalIsNotRequired: false\n", nil},
		{"allowed and denied to others", denied("111111111111", "Admin", "cid@example.com"), nil},
		{"allowed and denied elsewhere", denied("222222222222", "Admin", "ann@example.com, bob@example.com"), nil},
		{"allowed and denied for something else", denied("111111111111", "ReadOnly", "ann@example.com, bob@example.com"), nil},
		{"allowed and denied for a group", "group_config:\n- &g\n  Resource: 99999999-8888-7777-6666-555555555555\n  Approvers: [ann@example.com, bob@example.com]\n  AllowSelfApproval: true\n- <<: *g\n  AllowSelfApproval: false\n  Approvers: [ann@example.com, cid@example.com]\n", []string{"f:7: group_" + selfFalse[:strings.Index(selfFalse, "config[0]")] + "group_" + selfFalse[strings.Index(selfFalse, "config[0]"):]}},
		{"reminders after the end", required + "config: []\nrequest_expiration_hours: 1\napprover_renotification_initial_wait_time: 60\n", []string{"f:8: approver_renotification_initial_wait_time: no reminder is ever sent: requests expire after 1 hour. Choose a shorter wait, or 0 for no reminders"}},
		{"requests for ever", required + "config: []\napprover_renotification_initial_wait_time: 0\nrequest_expiration_hours: 0\n", []string{"f:8: request_expiration_hours: 0 means 300 days here, the longest possible wait. In the Terraform module it means forever"}},
		{"long access", required + "config: []\nmax_permissions_duration_time: 72\n", []string{"f:7: max_permissions_duration_time: people can request up to 3 days here. The Terraform module's list ends after 99 half hours, at 2 days 1 hour 30 minutes"}},
		{"long access, chosen", required + "config: []\nmax_permissions_duration_time: 72\npermission_duration_list_override: [\"02:00\"]\n", nil},
		{"reminders for long", required + "config: []\nrequest_expiration_hours: 96\n", []string{"f:7: request_expiration_hours: " + capped}},
		{"rare reminders", required + "config: []\nrequest_expiration_hours: 40\napprover_renotification_backoff_multiplier: 100\n", []string{"f:8: approver_renotification_backoff_multiplier: " + capped}},
		{"no reminder is left to come sooner", required + "config: []\nrequest_expiration_hours: 24\napprover_renotification_backoff_multiplier: 100\n", nil},
		{"reminders that don't grow", required + "config: []\nrequest_expiration_hours: 2000\napprover_renotification_backoff_multiplier: 1\n", nil},
		{"a person allowed here and denied there, often", denied("111111111111", "Admin", "ann@example.com") + "- Resource: \"111111111111\"\n  PermissionSet: Admin\n  Approvers: [ann@example.com, dee@example.com]\n  AllowSelfApproval: true\n",
			[]string{"f:9: " + selfFalse + " (also where it overlaps config[2])"}},
		{"capital letters, twice", dev + "  Approvers: [ann@example.com, Bob@example.com]\n- Resource: \"222222222222\"\n  PermissionSet: Admin\n  Approvers: [ann@example.com, Bob@example.com]\n", []string{"f:4: config[0].Approvers[1]: Bob@example.com" + capitals("bob@example.com")}},
		{"too little for forms", required + "config: []\napi_gateway_throttling_rate_limit: 1\n", []string{"f:7: api_gateway_throttling_rate_limit: is too low: forms send about three requests a second while a person types, and below 10 their lists fail to load. The Terraform module's forms don't do that"}},
		{"the policy command is not about settings", "config: []\nrequest_expiration_hours: 0\n", nil},
	} {
		t.Run(tt.name, func(t *testing.T) {
			var got []string
			var err error
			if strings.HasPrefix(tt.file, required) {
				var s *Settings
				if s, err = Parse("f", []byte(tt.file)); err == nil {
					got = s.Warnings
					tt.want = append([]string{withoutLock("f")}, tt.want...)
				}
			} else {
				_, got, err = ParsePolicy("f", []byte(tt.file))
			}
			if err != nil {
				t.Fatal(err)
			}
			if !slices.Equal(got, tt.want) {
				t.Errorf("got  %q\nwant %q", got, tt.want)
			}
		})
	}
}
