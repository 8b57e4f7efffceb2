package settings

import (
	"encoding/json"
	"errors"
	"flag"
	"io/fs"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"sso-elevator/functions/access"
	"sso-elevator/functions/access/accesstest"
)

// today is a day before the times in testdata.
var today = time.Date(2026, 3, 2, 9, 0, 0, 0, time.UTC)

func init() { Now = func() time.Time { return today } }

var update = flag.Bool("update", false, "write the golden files and the documentation instead of comparing them")

// golden compares got with a file, or writes it under -update.
func golden(t *testing.T, file string, got []byte) {
	t.Helper()
	if *update {
		if err := os.WriteFile(file, got, 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if string(got) != string(want) {
		t.Errorf("%s is not up to date; run go test ./infra/settings -update and look at the difference.\ngot:\n%s", file, got)
	}
}

// required is the smallest valid file.
const required = `slack_bot_token: /sso-elevator/slack-bot-token
slack_signing_secret: secretsmanager:sso-elevator/signing
slack_channel_id: C0123456789
slack_team_id: T0123456789
slack_app_id: A0123456789
`

// withoutLock is the warning about a file without a setting for Object Lock.
func withoutLock(file string) string {
	return file + ":1: s3_object_lock: is not set: people who can change the audit bucket's policy can delete audit records. Set it to true to protect new records; you can't turn it off again for this bucket. Or set it to false to accept this (docs/reference/audit-bucket.md)"
}

// Nothing in a file could confirm what these notices are about. So they are no warnings,
// and --strict doesn't fail because of them.
func TestNotices(t *testing.T) {
	const file = required + `s3_object_lock: false
schedule_expression: ""
protected_account_ids: ["111111111111"]
config:
- {Resource: "*", PermissionSet: Billing, Approvers: [ann@example.com, bob@example.com]}
- {Resource: "222222222222", PermissionSet: Support, Approvers: [ann@example.com, bob@example.com], AllowedUsers: cid@example.com, AllowSelfApproval: false}
- {Resource: "333333333333", PermissionSet: Support, Approvers: [ann@example.com, bob@example.com], AllowedUsers: cid@example.com, ApprovalIsNotRequired: false}
`
	s, err := Parse("f", []byte(file))
	if err != nil {
		t.Fatal(err)
	}
	var about []string
	for _, notice := range s.Notices {
		about = append(about, strings.SplitAfterN(notice, ": ", 3)[1])
	}
	want := []string{"config[0].Resource: ", "config[1].AllowSelfApproval: ", "config[2].ApprovalIsNotRequired: "}
	if len(s.Warnings) > 0 || !slices.Equal(about, want) {
		t.Errorf("warnings %q, notices %q; want none, and notices about %q", s.Warnings, s.Notices, want)
	}
	if _, both, err := ParsePolicy("f", []byte(file)); err != nil || !slices.Equal(both, s.Notices) {
		t.Errorf("for the policy alone: %q, %v; want the same notices", both, err)
	}
}

// TestWithoutObjectLock checks that each synthesis warns if the setting is missing,
// but not if it is false.
func TestWithoutObjectLock(t *testing.T) {
	for added, want := range map[string][]string{
		"": {withoutLock("f")}, "s3_object_lock: true\n": nil, "s3_object_lock: false\n": nil, "s3_name_of_the_existing_bucket: company-audit\n": nil,
	} {
		s, err := Parse("f", []byte(required+"config: []\n"+added))
		if err != nil {
			t.Fatal(err)
		}
		if !slices.Equal(s.Warnings, want) {
			t.Errorf("%q: warnings %q, want %q", added, s.Warnings, want)
		}
	}
}

func TestParseDefaults(t *testing.T) {
	s, err := Parse("elevator.yaml", []byte(required+"config: []\n"))
	if err != nil {
		t.Fatal(err)
	}
	var halfHours []time.Duration
	for i := 1; i <= 48; i++ {
		halfHours = append(halfHours, time.Duration(i)*30*time.Minute)
	}
	want := &Settings{
		NamePrefix: "sso-elevator", Architecture: "arm64",
		SlackBotToken:       SecretRef{ParameterStore, "/sso-elevator/slack-bot-token"},
		SlackSigningSecrets: []SecretRef{{SecretsManager, "sso-elevator/signing"}},
		SlackChannelID:      "C0123456789", SlackTeamID: "T0123456789", SlackAppID: "A0123456789",
		RequestExpiration: 8 * time.Hour, ReminderInitialWait: 15 * time.Minute, ReminderMultiplier: 2,
		Durations: halfHours, SendDM: true, PostRevoke: true,
		APIGateway: true, SlackPerSecond: 50, SlackAtOnce: 100, MemoryMiB: 256,
		AuditPrefix: "logs", Athena: true, LogLevel: "INFO", LogRetentionDays: 365,
		RetryInterval: time.Second, RetryMaxDelay: 30 * time.Second, RevokeRetryWait: time.Minute, AnnounceRetryWait: 30 * time.Second, CatalogRefresh: 10 * time.Minute,
		WarnSchedule: "rate(2 hours)", WarnScheduleName: "sso-elevator-warn",
		RevokeSchedule: "cron(0 23 * * ? *)", RevokeScheduleName: "sso-elevator-revoke",
		AllowRemovals: true, MaxRemovals: 25, QuestionWait: 12 * time.Hour,
		MaxOpenRequests: 10, DenyReason: "optional", DenyCooldown: 15 * time.Minute, ExtensionOffer: 30 * time.Minute,
		Policy:      access.Policy{Accounts: []access.Statement{}, Groups: []access.Statement{}},
		Warnings:    []string{withoutLock("elevator.yaml")},
		maxDuration: 24 * time.Hour,
	}
	if !reflect.DeepEqual(s, want) {
		t.Errorf("got  %+v\nwant %+v", s, want)
	}
	if got, want := string(s.PolicyJSON()), `{"accounts":[],"groups":[]}`; got != want {
		t.Errorf("policy %s, want %s", got, want)
	}
	if got, want := s.SlackBotToken.String()+" "+s.SlackSigningSecrets[0].String(), "ssm:/sso-elevator/slack-bot-token secretsmanager:sso-elevator/signing"; got != want {
		t.Errorf("secrets %s, want %s", got, want)
	}
}

func TestParseEverything(t *testing.T) {
	s, err := Load(filepath.Join("testdata", "everything.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	yes, no := true, false
	want := &Settings{
		NamePrefix: "elevator-test", Architecture: "x86_64",
		SlackBotToken:       SecretRef{ParameterStore, "/elevator/bot"},
		SlackSigningSecrets: []SecretRef{{SecretsManager, "arn:aws:secretsmanager:eu-central-1:111111111111:secret:signing-AbCdEf"}},
		SlackChannelID:      "C0123456789", SlackTeamID: "T0123456789", SlackEnterpriseID: "E0123456789", SlackAppID: "A0123456789",
		SSOInstanceARN: "arn:aws:sso:::instance/ssoins-0123456789abcdef", SSORegion: "eu-central-1", AccessPortalURL: "https://example.awsapps.com/start",
		IdentityCenterKeyARN: "arn:aws:kms:eu-central-1:999999999999:key/01234567-89ab-cdef-0123-456789abcdef", AlarmEmail: "Platform@example.com",
		RequestExpiration: 30 * time.Minute, ReminderInitialWait: 0, ReminderMultiplier: 1.5,
		Durations:                []time.Duration{90 * time.Second, 30 * time.Minute, 90 * time.Minute},
		SecondaryFallbackDomains: []string{"example.org", "corp.example.net"},
		SendDM:                   false, PostRevoke: false,
		APIGateway: true, FunctionURL: true, APIName: "elevator", SlackPerSecond: 12.5, SlackAtOnce: 25,
		IngressFunctionName: "access-requester", RevokeFunctionName: "access-revoker", MemoryMiB: 1024,
		AuditBucketName: "elevator-audit", AuditPrefix: "audit/elevator", ObjectLock: true, ObjectLockMode: "COMPLIANCE", ObjectLockDays: 365,
		MFADelete: true, AuditLogBucket: "access-logs", AuditLogPrefix: "elevator/", CatalogBucketName: "elevator-catalog",
		LogLevel: "WARN", LogRetentionDays: 0, Tags: map[string]string{"Team": "platform", "CostCenter": "0042", "Critical": "true"},
		RetryInterval: 2 * time.Second, RetryMaxDelay: 10 * time.Second, RevokeRetryWait: 90 * time.Second, AnnounceRetryWait: 5 * time.Minute, CatalogRefresh: 90 * time.Second,
		WarnSchedule: "", WarnScheduleName: "Elevator.Check_1",
		RevokeSchedule: "cron(0/30 8-18 ? * MON-FRI *)", RevokeScheduleName: "elevator-test-warn",
		ScheduleGroup: "elevator", ScheduleRole: "elevator-schedules",
		ApproverGroupMentions: map[string]string{"aaaaaaaa-8888-7777-6666-555555555555": "S0123456789"},
		AllowRemovals:         false, MaxRemovals: 0, QuestionWait: 45 * time.Minute, DriftEvents: true, ManageManagementAccount: true,
		MaxOpenRequests: 3, ConfirmApprovals: true, DenyReason: "required", DenyCooldown: 20 * time.Minute, ExtensionOffer: 10 * time.Minute,
		Policy: access.Policy{
			Accounts: []access.Statement{
				{Resources: []string{"111111111111"}, PermissionSets: []string{"*"}, Approvers: []string{"ann@example.com"}, AllowSelfApproval: &yes},
				{Resources: []string{"111111111111", "*"}, PermissionSets: []string{"Admin", "ReadOnly"}, ApprovalIsNotRequired: &no},
				{Resources: []string{"222222222222"}, PermissionSets: []string{"Admin"}, Approvers: []string{"ann@example.com", "bob@example.com"}, AllowSelfApproval: &no},
				{
					Resources: []string{"ou-abcd-12345678", "r-abcd"}, PermissionSets: []string{"Admin"}, MaxDuration: 4 * 3600, ApprovalsNeeded: 2,
					Ticket:  &access.Ticket{Required: true, Pattern: `[A-Z]+-\d+`, Hint: "A Jira issue"},
					Warning: "Customers see changes.", Channel: "C0987654321", Confirm: true,
					Allowed:   []string{"cid@example.com", "group:bbbbbbbb-8888-7777-6666-555555555555"},
					Approvers: []string{"ann@example.com", "group:aaaaaaaa-8888-7777-6666-555555555555"},
				},
			},
			ProtectedAccounts: []string{"555555555555", "666666666666"}, AllowManagedDecisionGroups: true,
			Groups:             []access.Statement{{Resources: []string{"99999999-8888-7777-6666-555555555555"}, ApprovalIsNotRequired: &yes}},
			IncidentResponders: []string{"ann@example.com", "group:aaaaaaaa-8888-7777-6666-555555555555"},
			Exemptions: []access.Exemption{
				{AccountID: "111111111111", PermissionSet: "Admin", Email: "ann@example.com", Until: today.Add(72 * time.Hour), Reason: "Slack is down"},
				{GroupID: "99999999-8888-7777-6666-555555555555", Email: "bob@example.com", Until: today.Add(time.Second), Reason: "x"},
			},
		},
		Warnings: []string{
			"testdata/everything.yaml:58: allow_reconcile_removals: false: nothing is removed. Reconciliations on schedule_expression, cron(0/30 8-18 ? * MON-FRI *), only report",
			"testdata/everything.yaml:60: reconcile_exemptions[0]: no reconciliation removes the permission set Admin in account 111111111111 from ann@example.com until 2026-03-05T09:00:00Z",
			"testdata/everything.yaml:61: reconcile_exemptions[1]: no reconciliation removes the membership in group 99999999-8888-7777-6666-555555555555 from bob@example.com until 2026-03-02T09:00:01Z",
			"testdata/everything.yaml:68: config[0].Approvers: Ann@Example.com" + capitals("ann@example.com"),
			"testdata/everything.yaml:74: config[2].Approvers[1]: BOB@example.com" + capitals("bob@example.com"),
			"testdata/everything.yaml:74: config[2].Approvers[2]: Ann@example.com" + capitals("ann@example.com"),
		},
		Notices: []string{
			"testdata/everything.yaml:70: config[1].Resource: doesn't cover 555555555555, 666666666666 in protected_account_ids: nobody can request access there, and reconciliations only report there. Earlier releases covered protected accounts. To allow requests, name the accounts in a statement",
		},
		maxDuration:         5 * time.Minute,
		durationList:        []time.Duration{90 * time.Minute, 30 * time.Minute, 90 * time.Second},
		objectLock:          objectLock{Rule: struct{ Retention retention }{retention{mode: "COMPLIANCE", years: 1}}},
		accessLogs:          accessLogs{bucket: "access-logs", prefix: "elevator/"},
		revokeScheduleAlias: "elevator-test-warn",
	}
	if !reflect.DeepEqual(s, want) {
		t.Errorf("got  %+v\nwant %+v", s, want)
	}
}

// This file has every possible mistake. The golden file shows the messages.
func TestMistakesAllAtOnce(t *testing.T) {
	file := filepath.Join("testdata", "mistakes.yaml")
	_, err := Load(file)
	var m *Mistakes
	if !errors.As(err, &m) {
		t.Fatalf("got %v, want Mistakes", err)
	}
	golden(t, filepath.Join("testdata", "mistakes.txt"), []byte(err.Error()+"\n"))
}

// only returns the text of a file's only mistake.
func only(t *testing.T, err error) string {
	t.Helper()
	var m *Mistakes
	if !errors.As(err, &m) {
		t.Fatalf("got error %v, want Mistakes", err)
	}
	if len(m.List) != 1 {
		t.Fatalf("got %d mistakes, want 1:\n%v", len(m.List), err)
	}
	return err.Error()
}

func TestMistakes(t *testing.T) {
	const statement = "config:\n- Resource: \"111111111111\"\n  PermissionSet: Admin\n"
	for _, tt := range []struct{ name, file, want string }{
		{"nothing", "", "f:1: the file is empty"},
		{"a comment", "# hello\n", "f:1: the file is empty"},
		{"null", "~\n", "f:1: the file is empty"},
		{"a list", "- a\n", "f:1: must be a mapping of settings, not a list"},
		{"not YAML", "config: [\n", "f:1: invalid YAML: did not find expected node content"},
		{"tabs", "config:\n\t- Resource: a\n", "f:2: invalid YAML: found character that cannot start any token; indent with spaces, not tabs"},
		{"a bare star", "config:\n- Resource: *\n  PermissionSet: Admin\n", `f:2: invalid YAML: did not find expected alphabetic or numeric character; put "*" in quotes`},
		{"two documents", "config: []\n---\nconfig: []\n", "f:2: a second YAML document begins here; remove the ---"},
		{"neither of both", "architecture: arm64\n", "f:1: config: is missing: set config (for accounts), group_config (for groups), or both"},
		{"config empty", "config:\n", "f:1: config: is missing: set config (for accounts), group_config (for groups), or both"},
		{"unknown setting", "config: []\nSlack_Channel: C1\n", "f:2: Slack_Channel: unknown key; did you mean slack_channel_id?"},
		{"swapped letters", "config: []\narchitectrue: arm64\n", "f:2: architectrue: unknown key; did you mean architecture?"},
		{"without counterpart", "config: []\nuse_pre_created_image: true\n", "f:2: use_pre_created_image: the functions are Go programs, not container images; remove it"},
		{"twice", "config: []\nlog_level: INFO\nconfig: []\n", "f:3: config: is set twice: also on line 1; remove one of them"},
		{"a statement instead of a list", "config:\n  Resource: \"*\"\n", "f:2: config: must be a list of statements, not one statement; put it in [ ], or begin it with -"},
		{"JSON as a text", "config: |\n  [{\"Resource\": \"*\"}]\n", "f:1: config: must be a list of statements, not text; remove the quotes or the | before it"},
		{"a statement that is none", "config: [hello]\n", `f:1: config[0]: must be a statement with Resource, PermissionSet and Approvers, not "hello"`},
		{"an empty statement", "config:\n-\n", "f:2: config[0]: must be a statement with Resource, PermissionSet and Approvers, not empty"},
		{"unknown key", statement + "  Approver: ann@example.com\n", "f:4: config[0].Approver: unknown key; did you mean Approvers?"},
		{"key in another case", statement + "  allow_self_approval: true\n", "f:4: config[0].allow_self_approval: unknown key; did you mean AllowSelfApproval?"},
		{"key that nothing is near", statement + "  Owner: x\n", "f:4: config[0].Owner: unknown key: use one of ResourceType, Resource, PermissionSet, AllowedUsers, AllowedGroups, Approvers, ApprovalsNeeded, AllowSelfApproval, ApprovalIsNotRequired, MaxDuration, Ticket, Warning, Channel, Confirm"},
		{"key twice", statement + "  PermissionSet: ReadOnly\n", "f:4: config[0].PermissionSet: is set twice: also on line 3; remove one of them"},
		{"resource type", statement + "  ResourceType: Folder\n", `f:4: config[0].ResourceType: must be one of Account, OU, not "Folder"`},
		{"resource type misspelled", statement + "  ResourceType: account\n", `f:4: config[0].ResourceType: must be one of Account, OU, not "account"; did you mean Account?`},
		{"no resource", "config:\n- PermissionSet: Admin\n", `f:2: config[0].Resource: is missing: must be an account id (12 digits), or "*" for all accounts, or a list of them`},
		{"resource null", "config:\n- PermissionSet: Admin\n  Resource:\n", `f:3: config[0].Resource: is empty: must be an account id (12 digits), or "*" for all accounts, or a list of them`},
		{"no resources", "config:\n- PermissionSet: Admin\n  Resource: []\n", `f:3: config[0].Resource: must not be empty`},
		{"eleven digits", "config:\n- PermissionSet: Admin\n  Resource: \"11111111111\"\n", `f:3: config[0].Resource: "11111111111" is not valid: must be an account id (12 digits), or "*" for all accounts`},
		{"eleven digits, bare", "config:\n- PermissionSet: Admin\n  Resource: 11111111111\n", `f:3: config[0].Resource: "11111111111" is not valid: must be an account id (12 digits), or "*" for all accounts`},
		{"leading zero, bare", "config:\n- PermissionSet: Admin\n  Resource: 012345678901\n", `f:3: config[0].Resource: 012345678901 must be in quotes: a number loses its leading 0`},
		{"not the last in a list", "config:\n- PermissionSet: Admin\n  Resource:\n  - \"111111111111\"\n  - prod\n", `f:5: config[0].Resource[1]: "prod" is not valid: must be an account id (12 digits), or "*" for all accounts`},
		{"null in a list", "config:\n- PermissionSet: Admin\n  Resource:\n  - \"111111111111\"\n  -\n", `f:5: config[0].Resource[1]: must be an account id (12 digits), or "*" for all accounts, not empty`},
		{"list in a list", "config:\n- PermissionSet: Admin\n  Resource: [[\"111111111111\"]]\n", `f:3: config[0].Resource[0]: must be an account id (12 digits), or "*" for all accounts, not a list`},
		{"permission set as ARN", "config:\n- Resource: \"*\"\n  PermissionSet: arn:aws:sso:::permissionSet/ssoins-1/ps-1\n", `f:3: config[0].PermissionSet: "arn:aws:sso:::permissionSet/ssoins-1/ps-1" is not valid: must be the name of a permission set (up to 32 letters, digits and _+=,.@-), or "*" for all permission sets`},
		{"permission set as number", "config:\n- Resource: \"*\"\n  PermissionSet: 7\n", `f:3: config[0].PermissionSet: must be the name of a permission set (up to 32 letters, digits and _+=,.@-), or "*" for all permission sets, not the number 7; put it in quotes if you mean it`},
		{"bad email", statement + "  Approvers: [ann@example.com, bob]\n", `f:4: config[0].Approvers[1]: "bob" is not valid: must be an email address like ann@example.com, or group:ID for an Identity Center group`},
		{"email with a name", statement + "  Approvers: Bob <bob@example.com>\n", `f:4: config[0].Approvers: "Bob <bob@example.com>" is not valid: must be an email address like ann@example.com, or group:ID for an Identity Center group`},
		{"all as approver", statement + "  Approvers: \"*\"\n", `f:4: config[0].Approvers: "*" is not valid: must be an email address like ann@example.com, or group:ID for an Identity Center group`},
		{"not a boolean", statement + "  AllowSelfApproval: yes\n", `f:4: config[0].AllowSelfApproval: must be true or false, not "yes"`},
		{"group with permission set", "group_config:\n- Resource: 99999999-8888-7777-6666-555555555555\n  PermissionSet: Admin\n", "f:3: group_config[0].PermissionSet: statements about groups have no PermissionSet, because the group's own assignments say what it may do; remove it"},
		{"group with resource type", "group_config:\n- ResourceType: Group\n  Resource: 99999999-8888-7777-6666-555555555555\n", "f:2: group_config[0].ResourceType: statements about groups have no ResourceType; remove it"},
		{"no permission sets", "config:\n- Resource: \"*\"\n  PermissionSet: []\n", "f:3: config[0].PermissionSet: must not be empty"},
		{"all accounts as a unit", "config:\n- ResourceType: OU\n  Resource: \"*\"\n  PermissionSet: Admin\n", `f:3: config[0].Resource: "*" is not an organizational unit's id (ou-…) or the root's id (r-…): put accounts in a statement with ResourceType: Account`},
		{"an account as a unit", "config:\n- ResourceType: OU\n  Resource:\n  - ou-abcd-12345678\n  - 111111111111\n  PermissionSet: Admin\n", `f:5: config[0].Resource[1]: the number 111111111111 is not an organizational unit's id (ou-…) or the root's id (r-…): put accounts in a statement with ResourceType: Account`},
		{"a unit as an account", "config:\n- Resource: [\"111111111111\", ou-abcd-12345678]\n  PermissionSet: Admin\n", "f:2: config[0].Resource[1]: ou-abcd-12345678 is not an account: set ResourceType: OU for organizational units and the root, in a statement without accounts"},
		{"a root as an account", "config:\n- {ResourceType: Account, Resource: r-abcd, PermissionSet: Admin}\n", "f:2: config[0].Resource: r-abcd is not an account: set ResourceType: OU for organizational units and the root, in a statement without accounts"},
		{"a unit's name", "config:\n- {ResourceType: OU, Resource: Production, PermissionSet: Admin}\n", `f:2: config[0].Resource: "Production" is not valid: must be an organizational unit's id (ou-…) or the root's id (r-…)`},
		{"a unit that is merged", "config:\n- &ou {ResourceType: OU, Resource: ou-abcd-12345678, PermissionSet: Admin}\n- <<: *ou\n  Resource: \"111111111111\"\n", `f:4: config[1].Resource: "111111111111" is not an organizational unit's id (ou-…) or the root's id (r-…): put accounts in a statement with ResourceType: Account`},
		{"a unit as a group", "group_config: [{Resource: ou-abcd-12345678}]\n", `f:1: group_config[0].Resource: "ou-abcd-12345678" is not valid: must be a group id like 99999999-8888-7777-6666-555555555555 (not its name), or "*" for all groups`},
		{"nobody in AllowedUsers", statement + "  AllowedUsers: []\n", "f:4: config[0].AllowedUsers: must not be empty: add someone, or remove it to allow everyone"},
		{"nobody in AllowedGroups", statement + "  AllowedGroups: []\n", "f:4: config[0].AllowedGroups: must not be empty: add someone, or remove it to allow everyone"},
		{"a group in AllowedUsers", statement + "  AllowedUsers: [ann@example.com, group:99999999-8888-7777-6666-555555555555]\n", `f:4: config[0].AllowedUsers[1]: "group:99999999-8888-7777-6666-555555555555" is not valid: must be an email address like ann@example.com`},
		{"an allowed group by name", statement + "  AllowedGroups: admins\n", `f:4: config[0].AllowedGroups: "admins" is not valid: must be a group id like 99999999-8888-7777-6666-555555555555 (not its name)`},
		{"all groups allowed", statement + "  AllowedGroups: \"*\"\n", `f:4: config[0].AllowedGroups: "*" is not valid: must be a group id like 99999999-8888-7777-6666-555555555555 (not its name)`},
		{"an approving group by name", statement + "  Approvers: group:admins\n", `f:4: config[0].Approvers: "group:admins" is not valid: must be group:ID, with a group id like 99999999-8888-7777-6666-555555555555 (not its name)`},
		{"an approving group without group:", statement + "  Approvers: 99999999-8888-7777-6666-555555555555\n", `f:4: config[0].Approvers: "99999999-8888-7777-6666-555555555555" is not valid: must be an email address like ann@example.com, or group:ID for an Identity Center group`},
		{"no approval needed", statement + "  Approvers: ann@example.com\n  ApprovalsNeeded: 0\n", "f:5: config[0].ApprovalsNeeded: must be a whole number from 1 to 5, not the number 0"},
		{"six approvals needed", statement + "  Approvers: ann@example.com\n  ApprovalsNeeded: 6\n", "f:5: config[0].ApprovalsNeeded: must be a whole number from 1 to 5, not the number 6"},
		{"approvals by nobody", statement + "  ApprovalsNeeded: 2\n", "f:4: config[0].ApprovalsNeeded: needs Approvers in the same statement, because only they count for it; add them, or remove this"},
		{"approvals to join a group by nobody", "group_config:\n- Resource: \"*\"\n  Approvers: []\n  ApprovalsNeeded: 1\n", "f:4: group_config[0].ApprovalsNeeded: needs Approvers in the same statement, because only they count for it; add them, or remove this"},
		{"no duration at all", statement + "  MaxDuration: 0\n", `f:4: config[0].MaxDuration: must be a number of hours, or a duration like "90s", "5m", "2h"; from 1 second to 60 days, not the number 0`},
		{"a pattern that is no regular expression", statement + "  Ticket: {Pattern: \"OPS)|(.*\"}\n", "f:4: config[0].Ticket.Pattern: \"OPS)|(.*\" is not a regular expression in RE2's syntax: unexpected ): `OPS)|(.*`"},
		{"a pattern of another syntax", statement + "  Ticket: {Pattern: '(?=OPS).*'}\n", "f:4: config[0].Ticket.Pattern: \"(?=OPS).*\" is not a regular expression in RE2's syntax: invalid or unsupported Perl syntax: `(?=`"},
		{"a ticket without a mapping", statement + "  Ticket: true\n", "f:4: config[0].Ticket: must be a mapping with Required, Pattern and Hint, not true"},
		{"a channel's name", statement + "  Channel: \"#prod\"\n", "f:4: config[0].Channel: \"#prod\" is not valid: must be a channel id like C0123456789 (not the channel's name)"},
		{"a duration in words", statement + "  MaxDuration: 4 hours\n", `f:4: config[0].MaxDuration: must be a number of hours, or a duration like "90s", "5m", "2h"; from 1 second to 60 days, not "4 hours"`},
		{"an allowed group that is requestable", "config:\n- Resource: \"111111111111\"\n  PermissionSet: Admin\n  AllowedGroups:\n  - 11111111-8888-7777-6666-555555555555\n  - AAAAAAAA-8888-7777-6666-555555555555\ngroup_config:\n- Resource: aaaaaaaa-8888-7777-6666-555555555555\n", "f:6: config[0].AllowedGroups[1]: people can request to join group aaaaaaaa-8888-7777-6666-555555555555 (group_config[0]), and its members would decide here. Use a group that group_config doesn't cover, or set allow_managed_decision_groups: true to accept this (docs/reference/policy.md#groups-that-decide)"},
		{"an approving group where all are requestable", "group_config:\n- Resource: 11111111-8888-7777-6666-555555555555\n- Resource: \"*\"\n  Approvers: group:aaaaaaaa-8888-7777-6666-555555555555\nallow_managed_decision_groups: false\n", "f:4: group_config[1].Approvers: people can request to join group aaaaaaaa-8888-7777-6666-555555555555 (group_config[1]), and its members would decide here. Use a group that group_config doesn't cover, or set allow_managed_decision_groups: true to accept this (docs/reference/policy.md#groups-that-decide)"},
		{"a mention of no group", "config: []\napprover_group_mentions: {admins: S0123456789}\n", `f:2: approver_group_mentions.admins: "admins" is not valid: must be a group id like 99999999-8888-7777-6666-555555555555 (not its name)`},
		{"a mention by its handle", "config: []\napprover_group_mentions:\n  99999999-8888-7777-6666-555555555555: \"@admins\"\n", `f:3: approver_group_mentions.99999999-8888-7777-6666-555555555555: must be the id of a Slack user group like S0123456789 (not its handle), not "@admins"`},
		{"a responder without a domain", "config: []\nincident_responders: [ann@example.com, bob]\n", `f:2: incident_responders[1]: "bob" is not valid: must be an email address like ann@example.com, or group:ID for an Identity Center group`},
		{"two mentions of one group", "config: []\napprover_group_mentions:\n  AAAAAAAA-8888-7777-6666-555555555555: S0123456789\n  aaaaaaaa-8888-7777-6666-555555555555: S0123456789\n", "f:4: approver_group_mentions.aaaaaaaa-8888-7777-6666-555555555555: is set twice: group ids are the same in upper and lower case; remove one of them"},
		{"a boolean of Python's", statement + "  ApprovalIsNotRequired: 1\n", "f:4: config[0].ApprovalIsNotRequired: must be true or false, not the number 1"},
		{"not built yet", "config: []\nattribute_sync_enabled: false\n", "f:2: attribute_sync_enabled: " + withoutCounterpart["attribute_sync_enabled"]},
		{"schedule with five fields", "config: []\nschedule_expression: cron(0 23 * * ?)\n", `f:2: schedule_expression: "cron(0 23 * * ?)" is not valid: cron(…) must have six fields (minutes, hours, day-of-month, month, day-of-week, year), not 5`},
		{"schedule that comes once", "config: []\nschedule_expression: at(2026-01-01T00:00:00)\n", `f:2: schedule_expression: "at(2026-01-01T00:00:00)" is not valid: at(…) fires only once; use rate(…) or cron(…)`},
		{"schedule that never comes", "config: []\nschedule_expression_for_check_on_inconsistency: cron(0 0 30 2 ? *)\n", `f:2: schedule_expression_for_check_on_inconsistency: "cron(0 0 30 2 ? *)" is not valid: cron(0 0 30 2 ? *) never fires: that day never occurs in these months and years`},
		{"schedule in seconds", "config: []\nschedule_expression_for_check_on_inconsistency: rate(90 seconds)\n", `f:2: schedule_expression_for_check_on_inconsistency: "rate(90 seconds)" is not valid: rate(…) must have a whole number and minutes, hours or days, such as rate(2 hours), not "90 seconds"`},
		{"schedule without rate", "config: []\nschedule_expression: 2h\n", `f:2: schedule_expression: "2h" is not valid: it must be rate(…) or cron(…), such as rate(2 hours) or cron(0 23 * * ? *)`},
		{"schedule as a number", "config: []\nschedule_expression: 2\n", `f:2: schedule_expression: must be an EventBridge schedule like rate(2 hours) or cron(0 23 * * ? *), or empty, not the number 2`},
		{"name of a schedule", "config: []\nevent_brige_scheduled_revocation_rule_name: my schedule\n", `f:2: event_brige_scheduled_revocation_rule_name: "my schedule" is not valid: must be the name of a schedule: up to 64 letters, digits, hyphens, dots and underscores`},
		{"both schedules of one name", "config: []\nevent_brige_check_on_inconsistency_rule_name: x\nevent_brige_scheduled_revocation_rule_name: x\n", `f:3: event_brige_scheduled_revocation_rule_name: "x" is already the name of the schedule of event_brige_check_on_inconsistency_rule_name; choose another name`},
		{"the other schedule's name", "config: []\nevent_brige_scheduled_revocation_rule_name: sso-elevator-warn\n", `f:2: event_brige_scheduled_revocation_rule_name: "sso-elevator-warn" is already the name of the schedule of event_brige_check_on_inconsistency_rule_name; choose another name`},
		{"the other schedule's name, first", "config: []\nevent_brige_check_on_inconsistency_rule_name: sso-elevator-revoke\n", `f:2: event_brige_check_on_inconsistency_rule_name: "sso-elevator-revoke" is already the name of the schedule of event_brige_scheduled_revocation_rule_name; choose another name`},
		{"name of another schedule", "config: []\nname_prefix: a\nevent_brige_check_on_inconsistency_rule_name: a-catalog\n", `f:3: event_brige_check_on_inconsistency_rule_name: "a-catalog" is already the name of the schedule that refreshes the catalog; choose another name`},
		{"removals below zero", "config: []\nreconcile_max_removals: -1\n", "f:2: reconcile_max_removals: must be a whole number from 0 to 1000000, not the number -1"},
		{"question that waits for nobody", "config: []\nreconcile_question_hours: 0\n", `f:2: reconcile_question_hours: must be a number of hours, or a duration like "90s", "5m", "2h"; from 1 second to 7 days, not the number 0`},
		{"group by name", "group_config:\n- Resource: admins\n", `f:2: group_config[0].Resource: "admins" is not valid: must be a group id like 99999999-8888-7777-6666-555555555555 (not its name), or "*" for all groups`},
		{"merge with something else", "config:\n- <<: hello\n  Resource: \"*\"\n  PermissionSet: Admin\n", "f:2: config[0].<<: must point to a mapping, or to a list of mappings"},
		{"a mapping that merges itself", "config:\n- &a\n  <<: *a\n  Resource: \"*\"\n  PermissionSet: Admin\n", "f:3: *a is part of the value that &a names; remove one of them"},
		{"a list that is in itself", "config: &a [*a]\n", "f:1: *a is part of the value that &a names; remove one of them"},
		{"aliases of aliases", "a: &a [" + strings.Repeat("x,", 400) + "]\nb: &b [" + strings.Repeat("*a,", 400) + "]\nconfig: *b\n", "f:3: *b repeats more than 100000 values; use fewer aliases"},
		{"many aliases", "a: &a [" + strings.Repeat("x,", 400) + "]\nconfig: [" + strings.Repeat("*a,", 400) + "]\n", "f:1: aliases repeat more than 100000 values; use fewer aliases"},
		{"duration without unit in quotes", "config: []\nrequest_expiration_hours: \"8\"\n", `f:2: request_expiration_hours: must be a number of hours, or a duration like "90s", "5m", "2h"; from 1 second to 300 days, or 0 for the maximum, 300 days, not "8"`},
		{"part of a second", "config: []\nretry_interval: 1.5\n", `f:2: retry_interval: must be whole seconds, not the number 1.5`},
		{"too short", "config: []\nretry_interval: 0s\n", `f:2: retry_interval: must be a number of seconds, or a duration like "90s", "5m", "2h"; from 1 second to 1 minute, not "0s"`},
		{"too long", "config: []\nmax_permissions_duration_time: 1e300\n", `f:2: max_permissions_duration_time: must be a number of hours, or a duration like "90s", "5m", "2h"; from 1 second to 60 days, not the number 1e300`},
		{"negative", "config: []\nrequest_expiration_hours: -1\n", `f:2: request_expiration_hours: must be a number of hours, or a duration like "90s", "5m", "2h"; from 1 second to 300 days, or 0 for the maximum, 300 days, not the number -1`},
		{"multiplier below one", "config: []\napprover_renotification_backoff_multiplier: 0.5\n", "f:2: approver_renotification_backoff_multiplier: must be a number from 1 to 100, not the number 0.5"},
		{"infinite multiplier", "config: []\napprover_renotification_backoff_multiplier: .inf\n", "f:2: approver_renotification_backoff_multiplier: must be a number from 1 to 100, not the number .inf"},
		{"the same duration twice", "config: []\npermission_duration_list_override:\n- 01:30\n- 90m\n", "f:4: permission_duration_list_override[1]: is the same as item 0: 1 hour 30 minutes; remove one of them"},
		{"no time at all", "config: []\npermission_duration_list_override: [\"00:00\"]\n", `f:2: permission_duration_list_override[0]: must be a duration as "hh:mm" or like "90s", "5m", "2h", up to 60 days, not "00:00"`},
		{"long prefix", "config: []\nname_prefix: " + strings.Repeat("ab-", 13) + "cd\n", "f:2: name_prefix: has 41 characters; the maximum is 40, because longer names would exceed AWS's limits"},
		{"retention", "config: []\nlogs_retention_in_days: 100\n", "f:2: logs_retention_in_days: must be a CloudWatch Logs retention in days (1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365, 400, 545, 731, 1096, 1827, 2192, 2557, 2922, 3288, 3653), or 0 for forever, not the number 100"},
		{"level in lower case", "config: []\nlog_level: info\n", `f:2: log_level: must be one of DEBUG, INFO, WARN, WARNING, ERROR, CRITICAL, not "info"; did you mean INFO?`},
		{"channel by name", "config: []\nslack_channel_id: \"#access\"\n", `f:2: slack_channel_id: "#access" is not valid: must be a channel id like C0123456789 (not the channel's name)`},
		{"a reserve that is a limit", "config: []\ningress_reserved_concurrency: 9\n", "f:2: ingress_reserved_concurrency: must be 0 or at least 10, not 9, because it also limits the function to that many instances"},
		{"the other one", "config: []\nrevoke_reserved_concurrency: 1\n", "f:2: revoke_reserved_concurrency: must be 0 or at least 10, not 1, because it also limits the function to that many instances"},
		{"existing bucket and lock", "config: []\ns3_name_of_the_existing_bucket: my-bucket\ns3_object_lock: true\n", "f:3: s3_object_lock: can't be combined with s3_name_of_the_existing_bucket; set Object Lock on that bucket yourself, and remove this"},
		{"existing bucket and a new one", "config: []\ns3_bucket_name_for_audit_entry: a-bucket\ns3_name_of_the_existing_bucket: my-bucket\n", "f:2: s3_bucket_name_for_audit_entry: can't be combined with s3_name_of_the_existing_bucket: this app creates a bucket or uses an existing one; remove one of them"},
		{"existing bucket and access logs", "config: []\ns3_name_of_the_existing_bucket: my-bucket\ns3_logging: {target_bucket: access-logs}\n", "f:3: s3_logging: can't be combined with s3_name_of_the_existing_bucket; set access logs on that bucket yourself, and remove this"},
		{"existing bucket and MFA delete", "config: []\ns3_name_of_the_existing_bucket: my-bucket\ns3_mfa_delete: true\n", "f:3: s3_mfa_delete: can't be combined with s3_name_of_the_existing_bucket; set MFA delete on that bucket yourself, and remove this"},
		{"a prefix of logs that go nowhere", "config: []\ns3_logging: {target_prefix: elevator/}\n", "f:2: s3_logging: has target_prefix but no target_bucket; add target_bucket"},
		{"a bucket that logs into itself", "config: []\ns3_bucket_name_for_audit_entry: audit\ns3_logging: {target_bucket: audit}\n", `f:3: s3_logging: "audit" is already the bucket of s3_bucket_name_for_audit_entry; use two different buckets`},
		{"one bucket for two things", "config: []\nconfig_bucket_name: elevator\ns3_name_of_the_existing_bucket: elevator\n", `f:2: config_bucket_name: "elevator" is already the bucket of s3_name_of_the_existing_bucket; use two different buckets`},
		{"a bucket's name too short", "config: []\nconfig_bucket_name: ab\n", "f:2: config_bucket_name: has 2 characters; it must be " + bucketExpected},
		{"a bucket's name like an address", "config: []\nconfig_bucket_name: 10.0.0.1\n", `f:2: config_bucket_name: "10.0.0.1" looks like an IP address, which S3 doesn't allow; choose another name`},
		{"a bucket's name of S3's own", "config: []\nconfig_bucket_name: audit-s3alias\n", `f:2: config_bucket_name: "audit-s3alias" begins or ends with something that S3 reserves (xn--, sthree-, amzn-s3-demo-; -s3alias, --ol-s3, .mrap, --x-s3, --table-s3); choose another name`},
		{"nothing to call", "config: []\ncreate_api_gateway: false\n", "f:2: create_api_gateway: would leave Slack without a URL to call; set create_lambda_url: true, or remove this"},
		{"settings of an API that is not made", "config: []\ncreate_api_gateway: false\ncreate_lambda_url: true\napi_gateway_name: x\n", "f:4: api_gateway_name: has no effect when create_api_gateway is false; remove it"},
		{"not a boolean, and not two mistakes", "config: []\ncreate_api_gateway: maybe\n", `f:2: create_api_gateway: must be true or false, not "maybe"`},
		{"a function's name taken", "config: []\nrequester_lambda_name: sso-elevator-grant\n", `f:2: requester_lambda_name: "sso-elevator-grant" is already the name of the function grant; choose another name`},
		{"two functions of one name", "config: []\nrequester_lambda_name: access\nrevoker_lambda_name: access\n", `f:3: revoker_lambda_name: "access" is already the name of the function of requester_lambda_name; choose another name`},
		{"the group that there always is", "config: []\nschedule_group_name: default\n", `f:2: schedule_group_name: "default" always exists and can't be created; to use it, remove this setting`},
		{"a schedule's name in both spellings", "config: []\nevent_brige_check_on_inconsistency_rule_name: a\nevent_bridge_check_on_inconsistency_rule_name: b\n", "f:3: event_bridge_check_on_inconsistency_rule_name: is the same setting as event_brige_check_on_inconsistency_rule_name; remove one of them"},
		{"both schedules of one name, in two spellings", "config: []\nevent_brige_check_on_inconsistency_rule_name: x\nevent_bridge_scheduled_revocation_rule_name: x\n", `f:3: event_bridge_scheduled_revocation_rule_name: "x" is already the name of the schedule of event_brige_check_on_inconsistency_rule_name; choose another name`},
		{"all accounts are no protected account", "config: []\nprotected_account_ids: [\"*\"]\n", `f:2: protected_account_ids[0]: "*" is not valid: must be an account id (12 digits)`},
		{"key of Identity Center elsewhere", "config: []\nsso_region: eu-west-1\nidentity_center_kms_key_arn: arn:aws:kms:eu-central-1:111111111111:key/01234567-89ab-cdef-0123-456789abcdef\n", "f:3: identity_center_kms_key_arn: is a key in eu-central-1, but Identity Center is in eu-west-1 (sso_region); use a key in that region"},
		{"alias of a key", "config: []\nidentity_center_kms_key_arn: arn:aws:kms:eu-central-1:111111111111:alias/identity\n", `f:2: identity_center_kms_key_arn: "arn:aws:kms:eu-central-1:111111111111:alias/identity" is not valid: must be the ARN of a KMS key (not an alias), like arn:aws:kms:eu-central-1:111111111111:key/01234567-89ab-cdef-0123-456789abcdef`},
		{"key of no existing bucket", "config: []\ns3_existing_bucket_kms_key_arn: arn:aws:kms:eu-central-1:111111111111:key/01234567-89ab-cdef-0123-456789abcdef\n", "f:2: s3_existing_bucket_kms_key_arn: has no effect without s3_name_of_the_existing_bucket; for a bucket that this app creates, use kms_key_arn"},
		{"lock without lock", "config: []\ns3_object_lock_configuration: {rule: {default_retention: {mode: GOVERNANCE, days: 1}}}\n", "f:2: s3_object_lock_configuration: has no effect without s3_object_lock: true; add that, or remove this"},
		{"days and years", "config: []\ns3_object_lock: true\ns3_object_lock_configuration: {rule: {default_retention: {mode: GOVERNANCE, days: 1, years: 1}}}\n", "f:3: s3_object_lock_configuration.rule.default_retention: must have exactly one of days and years"},
		{"neither days nor years", "config: []\ns3_object_lock: true\ns3_object_lock_configuration: {rule: {default_retention: {mode: GOVERNANCE}}}\n", "f:3: s3_object_lock_configuration.rule.default_retention: must have exactly one of days and years"},
		{"where policies are kept", "config: []\ns3_bucket_partition_prefix: policies/\n", "f:2: s3_bucket_partition_prefix: must not begin with policies/, where this app keeps its deployed policies; choose another prefix"},
		{"a tag of AWS's", "config: []\ntags:\n  aws:x: y\n", `f:3: tags.aws:x: a tag key must have 1 to 128 letters, digits, spaces and _.:/=+@-, and must not begin with "aws:"`},
		{"a tag without value", "config: []\ntags:\n  Team:\n", "f:3: tags.Team: must be up to 256 letters, digits, spaces and _.:/=+@-, not empty"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			_, _, err := ParsePolicy("f", []byte(tt.file))
			if got := only(t, err); got != tt.want {
				t.Errorf("got  %s\nwant %s", got, tt.want)
			}
		})
	}
	t.Run("over a hundred durations", func(t *testing.T) {
		var all []string
		for i := range 101 {
			all = append(all, (time.Duration(i+1) * time.Minute).String())
		}
		file := "config: []\npermission_duration_list_override: [" + strings.Join(all, ", ") + "]\n"
		_, _, err := ParsePolicy("f", []byte(file))
		if got, want := only(t, err), "f:2: permission_duration_list_override: has 101 items; the maximum is 100"; got != want {
			t.Errorf("got  %s\nwant %s", got, want)
		}
		_, _, err = ParsePolicy("f", []byte(strings.Replace(file, "1m0s, ", "", 1)))
		if err != nil {
			t.Errorf("a hundred durations: %v", err)
		}
	})
}

func TestLookAlikeEmailsAreMistakes(t *testing.T) {
	for name, email := range accesstest.LookAlikes() {
		t.Run(name, func(t *testing.T) {
			quoted, _ := json.Marshal(email)
			for at, file := range map[string]string{
				"f:4: config[0].Approvers[1]: ":           "config:\n- Resource: \"111111111111\"\n  PermissionSet: Admin\n  Approvers: [ann@example.com, " + string(quoted) + "]\n",
				"f:3: group_config[0].Approvers: ":        "group_config:\n- Resource: 99999999-8888-7777-6666-555555555555\n  Approvers: " + string(quoted) + "\n",
				"f:2: aws_sns_topic_subscription_email: ": "config: []\naws_sns_topic_subscription_email: " + string(quoted) + "\n",
			} {
				_, _, err := ParsePolicy("f", []byte(file))
				if err == nil || !strings.Contains(err.Error(), at) || !strings.Contains(err.Error(), "must be an email address like ann@example.com") {
					t.Errorf("got %v, want a mistake at %s", err, at)
				}
			}
		})
	}
}

func TestRequiredSettings(t *testing.T) {
	for line := range strings.Lines(required) {
		key, _, _ := strings.Cut(line, ":")
		t.Run(key, func(t *testing.T) {
			_, err := Parse("f", []byte("config: []\n"+strings.Replace(required, line, "", 1)))
			if got := only(t, err); !strings.HasPrefix(got, "f:1: "+key+": is missing: must be ") {
				t.Errorf("got %s", got)
			}
			_, err = Parse("f", []byte("config: []\n"+strings.Replace(required, line, key+":\n", 1)))
			if got := only(t, err); !strings.Contains(got, ": "+key+": is empty: must be ") {
				t.Errorf("got %s", got)
			}
		})
	}
	t.Run("config or group_config", func(t *testing.T) {
		_, err := Parse("f", []byte(required))
		if got, want := only(t, err), "f:1: config: is missing: set config (for accounts), group_config (for groups), or both"; got != want {
			t.Errorf("got  %s\nwant %s", got, want)
		}
		if _, err := Parse("f", []byte(required+"group_config: []\n")); err != nil {
			t.Errorf("group_config alone: %v", err)
		}
	})
}

// No message contains a secret that someone pasted into a setting, whichever one it
// was.
func TestSecretsAreNotRepeated(t *testing.T) {
	for _, tt := range []struct{ key, value string }{
		{"slack_bot_token", "xoxb-1234-5678-abcdef"},
		{"slack_signing_secret", "0123456789abcdef0123456789abcdef"},
		{"slack_signing_secret", "[0123456789abcdef0123456789abcdef]"},
		{"slack_signing_secret", "{secret: 0123456789abcdef0123456789abcdef}"},
		{"slack_signing_secret", "ssm:0123456789abcdef0123456789abcdef"},
		{"slack_channel_id", "xoxb-1234-5678-abcdef"},
		{"log_level", "xoxb-1234-5678-abcdef"},
	} {
		t.Run(tt.key+" "+tt.value, func(t *testing.T) {
			_, _, err := ParsePolicy("f", []byte("config: []\n"+tt.key+": "+tt.value+"\n"))
			got := only(t, err)
			if strings.Contains(got, "abcdef") {
				t.Errorf("the value is in the message: %s", got)
			}
			if !strings.HasPrefix(got, "f:2: "+tt.key) || !strings.Contains(got, ": must be ") && !strings.Contains(got, " is not valid: ") {
				t.Errorf("got %s", got)
			}
		})
	}
}

func TestFileThatIsNotThere(t *testing.T) {
	_, err := Load("testdata/none.yaml")
	if !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("Load: %v", err)
	}
	_, _, err = LoadPolicy("testdata/none.yaml")
	if !errors.Is(err, fs.ErrNotExist) || err.Error() != "read settings: open testdata/none.yaml: no such file or directory. To begin, copy elevator.example.yaml to elevator.yaml and edit it (docs/start/deploy.md)" {
		t.Errorf("LoadPolicy: %v", err)
	}
}

// The examples that people copy must work.
func TestExample(t *testing.T) {
	s, err := Load(filepath.Join("..", "..", "elevator.example.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	d := accesstest.Decide(s.Policy, "eve@example.com", access.Target{Kind: access.KindAccount, AccountID: "333333333333", PermissionSet: "AdministratorAccess"})
	if d.Outcome != access.DecideApproval || !reflect.DeepEqual(d.Approvers, []string{"bob@example.com", "cid@example.com"}) {
		t.Errorf("production: %+v", d)
	}
	d = accesstest.Decide(s.Policy, "eve@example.com", access.Target{Kind: access.KindAccount, AccountID: "111111111111", PermissionSet: "ReadOnlyAccess"})
	if d.Outcome != access.DecideAutomatic {
		t.Errorf("development: %+v", d)
	}
}

// These are the reference's forms of a policy, pasted unchanged under config.
func TestPastedJSON(t *testing.T) {
	indented, err := os.ReadFile(filepath.Join("testdata", "reference.json"))
	if err != nil {
		t.Fatal(err)
	}
	var statements any
	if err := json.Unmarshal(indented, &statements); err != nil {
		t.Fatal(err)
	}
	compact, err := json.Marshal(statements)
	if err != nil {
		t.Fatal(err)
	}
	tabs := strings.ReplaceAll(string(indented), "  ", "\t")
	want, _, err := ParsePolicy("f", []byte("config: "+string(compact)))
	if err != nil {
		t.Fatal(err)
	}
	if len(want.Accounts) != 6 {
		t.Fatalf("got %d statements", len(want.Accounts))
	}
	yes, no := true, false
	if got, want := want.Accounts[4], (access.Statement{
		Resources: []string{"333333333333", "444444444444"}, PermissionSets: []string{"AdministratorAccess"},
		Approvers: []string{"manager@example.com", "ciso@example.com"}, ApprovalIsNotRequired: &no, AllowSelfApproval: &no,
	}); !reflect.DeepEqual(got, want) {
		t.Errorf("got  %+v\nwant %+v", got, want)
	}
	if got, want := want.Accounts[3], (access.Statement{
		Resources: []string{"333333333333", "444444444444"}, PermissionSets: []string{"ReadOnly"}, AllowSelfApproval: &yes,
	}); !reflect.DeepEqual(got, want) {
		t.Errorf("got  %+v\nwant %+v", got, want)
	}
	for _, tt := range []struct{ name, file string }{
		{"after the colon", "config: " + string(indented)},
		{"on the next line", "config:\n" + string(indented)},
		{"on the next line, after a comment", "config: # pasted\n\n# from Terraform\n" + string(indented) + "\nlog_level: INFO\n"},
		{"with tabs", "config:\n" + tabs},
		{"with tabs, itself indented", "log_level: INFO\nconfig:\n\t" + tabs},
		{"with carriage returns", strings.ReplaceAll("config:\n"+string(indented), "\n", "\r\n")},
		{"on one line", "config:\n" + string(compact) + "\n"},
		{"the whole file as JSON", "{\n  \"config\":\n" + string(indented) + "}\n"},
		{"the whole file as JSON, with tabs", "{\n\t\"config\":\n" + tabs + "}\n"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			got, _, err := ParsePolicy("f", []byte(tt.file))
			if err != nil {
				t.Fatal(err)
			}
			if !reflect.DeepEqual(got, want) {
				t.Errorf("got  %+v\nwant %+v", got, want)
			}
		})
	}
	t.Run("lines are still right", func(t *testing.T) {
		_, _, err := ParsePolicy("f", []byte("config:\n[\n\t{\n\t\t\"Resource\": \"x\",\n\t\t\"PermissionSet\": \"*\"\n\t}\n]\ngroup_config:\n[\n\t1]\n"))
		want := `f:4: config[0].Resource: "x" is not valid: must be an account id (12 digits), or "*" for all accounts
f:10: group_config[0]: must be a statement with Resource and Approvers, not the number 1`
		if err == nil || err.Error() != want {
			t.Errorf("got  %v\nwant %s", err, want)
		}
	})
}

// Each new field of a statement, in all its forms.
func TestFieldsOfStatements(t *testing.T) {
	const a, b = "aaaaaaaa-8888-7777-6666-555555555555", "bbbbbbbb-8888-7777-6666-555555555555"
	base := access.Statement{Resources: []string{"111111111111"}, PermissionSets: []string{"Admin"}}
	with := func(change func(*access.Statement)) access.Statement { s := base; change(&s); return s }
	for _, tt := range []struct {
		keys string // after Resource and PermissionSet; or instead, if it has a Resource
		want access.Statement
	}{
		{"AllowedUsers: Ann@Example.com", with(func(s *access.Statement) { s.Allowed = []string{"ann@example.com"} })},
		{"AllowedGroups: " + strings.ToUpper(a), with(func(s *access.Statement) { s.Allowed = []string{access.GroupEntry(a)} })},
		{"AllowedGroups: [" + b + ", " + a + ", " + strings.ToUpper(b) + "], AllowedUsers: [bob@example.com, ann@example.com]", with(func(s *access.Statement) {
			s.Allowed = []string{"bob@example.com", "ann@example.com", access.GroupEntry(b), access.GroupEntry(a)}
		})},
		{"AllowedGroups: ~, AllowedUsers: ~", base},
		{"Approvers: [ann@example.com, group:" + strings.ToUpper(a) + ", \"group:" + a + "\"]", with(func(s *access.Statement) { s.Approvers = []string{"ann@example.com", access.GroupEntry(a)} })},
		{"Approvers: group:9067642ac7-" + a, with(func(s *access.Statement) { s.Approvers = []string{access.GroupEntry("9067642ac7-" + a)} })},
		{"Approvers: ann@example.com, ApprovalsNeeded: 5", with(func(s *access.Statement) { s.Approvers, s.ApprovalsNeeded = []string{"ann@example.com"}, 5 })},
		{"MaxDuration: 4h", with(func(s *access.Statement) { s.MaxDuration = 4 * 3600 })},
		{"MaxDuration: 4", with(func(s *access.Statement) { s.MaxDuration = 4 * 3600 })},
		{"MaxDuration: 0.5", with(func(s *access.Statement) { s.MaxDuration = 1800 })},
		{"MaxDuration: 90s", with(func(s *access.Statement) { s.MaxDuration = 90 })},
		{"MaxDuration: ~", base},
		{"Ticket: {}", with(func(s *access.Statement) { s.Ticket = &access.Ticket{} })},
		{`Ticket: {Required: true, Pattern: '[A-Z]+-\d+', Hint: "A Jira issue, such as OPS-12."}`, with(func(s *access.Statement) {
			s.Ticket = &access.Ticket{Required: true, Pattern: `[A-Z]+-\d+`, Hint: "A Jira issue, such as OPS-12."}
		})},
		{"Ticket: ~, Warning: ~, Channel: ~, Confirm: ~", base},
		{`Warning: "Production: customers see changes."`, with(func(s *access.Statement) { s.Warning = "Production: customers see changes." })},
		{"Channel: C0123456789", with(func(s *access.Statement) { s.Channel = "C0123456789" })},
		{"Confirm: true", with(func(s *access.Statement) { s.Confirm = true })},
		{"Confirm: false", base},
		{"ResourceType: OU, PermissionSet: Admin, Resource: ou-abcd-12345678", with(func(s *access.Statement) { s.Resources = []string{"ou-abcd-12345678"} })},
		{"ResourceType: OU, PermissionSet: Admin, Resource: [r-abcd, ou-0000-aaaaaaaa]", with(func(s *access.Statement) { s.Resources = []string{"r-abcd", "ou-0000-aaaaaaaa"} })},
	} {
		for _, key := range []string{"config", "group_config"} {
			want, keys := access.Policy{Accounts: []access.Statement{tt.want}, Groups: []access.Statement{}}, tt.keys
			isUnit := strings.Contains(keys, "ResourceType")
			switch {
			case key == "group_config" && isUnit:
				continue
			case key == "group_config":
				s := tt.want
				s.Resources, s.PermissionSets = []string{"11111111-8888-7777-6666-555555555555"}, nil
				want = access.Policy{Accounts: []access.Statement{}, Groups: []access.Statement{s}}
				keys = "Resource: 11111111-8888-7777-6666-555555555555, " + keys
			case !isUnit:
				keys = `Resource: "111111111111", PermissionSet: Admin, ` + keys
			}
			t.Run(key+" "+tt.keys, func(t *testing.T) {
				got, _, err := ParsePolicy("f", []byte(key+": [{"+keys+"}]"))
				if err != nil {
					t.Fatal(err)
				}
				if !reflect.DeepEqual(got, want) {
					t.Errorf("got  %+v\nwant %+v", got, want)
				}
			})
		}
	}
}

func TestMentionsOfGroupsThatDoNotApprove(t *testing.T) {
	const group = "aaaaaaaa-8888-7777-6666-555555555555"
	file := "approver_group_mentions:\n  AAAAAAAA-8888-7777-6666-555555555555: S0123456789\nconfig: [{Resource: \"111111111111\", PermissionSet: Admin, Approvers: group:"
	if _, warnings, err := ParsePolicy("f", []byte(file+group+"}]\n")); err != nil || len(warnings) > 0 {
		t.Errorf("%v, %q", err, warnings)
	}
	_, warnings, err := ParsePolicy("f", []byte(file+"bbbbbbbb-8888-7777-6666-555555555555}]\n"))
	if want := []string{"f:1: approver_group_mentions: has no effect for group " + group + ": no statement has group:" + group + " in Approvers"}; err != nil || !slices.Equal(warnings, want) {
		t.Errorf("got %q, %v; want %q", warnings, err, want)
	}
}

// The settings of the policy are part of its document.
func TestSettingsInThePolicy(t *testing.T) {
	const group = "aaaaaaaa-8888-7777-6666-555555555555"
	p, _, err := ParsePolicy("f", []byte("config: [{Resource: \"111111111111\", PermissionSet: Admin, Approvers: group:"+group+"}]\n"+
		"group_config: [{Resource: "+group+", Approvers: [ann@example.com, bob@example.com]}]\n"+
		"allow_managed_decision_groups: true\nprotected_account_ids: [222222222222, \"333333333333\"]\n"))
	if err != nil {
		t.Fatal(err)
	}
	got, err := json.Marshal(p)
	if want := `{"accounts":[{"resources":["111111111111"],"permission_sets":["Admin"],"approvers":["group:` + group + `"]}],` +
		`"groups":[{"resources":["` + group + `"],"approvers":["ann@example.com","bob@example.com"]}],` +
		`"protected_accounts":["222222222222","333333333333"],"allow_managed_decision_groups":true}`; err != nil || string(got) != want {
		t.Errorf("got  %s, %v\nwant %s", got, err, want)
	}
}

// What Terraform makes of attributes that some statements have and others have
// not: null, or text.
func TestStatementForms(t *testing.T) {
	yes := true
	want := access.Policy{
		Accounts: []access.Statement{{Resources: []string{"111111111111"}, PermissionSets: []string{"Admin"}, AllowSelfApproval: &yes}},
		Groups:   []access.Statement{},
	}
	for _, tt := range []struct{ name, file string }{
		{"plain", `config: [{"Resource": "111111111111", "PermissionSet": "Admin", "AllowSelfApproval": true}]`},
		{"nulls", `config: [{"ResourceType": null, "Resource": "111111111111", "PermissionSet": "Admin", "Approvers": null, "AllowSelfApproval": true, "ApprovalIsNotRequired": null}]`},
		{"booleans as text", `config: [{"ResourceType": "Account", "Resource": ["111111111111"], "PermissionSet": ["Admin"], "AllowSelfApproval": "true"}]`},
		{"a bare number", "config:\n- Resource: 111111111111\n  PermissionSet: Admin\n  AllowSelfApproval: True\n"},
		{"each once", "config:\n- Resource: [111111111111, \"111111111111\"]\n  PermissionSet: [Admin, Admin]\n  AllowSelfApproval: true\n"},
		{"aliases", "config:\n- Resource: &a [111111111111]\n  PermissionSet: &p Admin\n  AllowSelfApproval: &y true\n"},
		{"no group", `{"config": [{"Resource": "111111111111", "PermissionSet": "Admin", "AllowSelfApproval": true}], "group_config": []}`},
	} {
		t.Run(tt.name, func(t *testing.T) {
			got, _, err := ParsePolicy("f", []byte(tt.file))
			if err != nil {
				t.Fatal(err)
			}
			if !reflect.DeepEqual(got, want) {
				t.Errorf("got  %+v\nwant %+v", got, want)
			}
		})
	}
}

func TestMerge(t *testing.T) {
	got, _, err := ParsePolicy("f", []byte(`config:
- &dev
  Resource: "111111111111"
  PermissionSet: ReadOnly
  Approvers: ann@example.com
- <<: *dev
  PermissionSet: Admin
- <<: [{Approvers: bob@example.com}, *dev]
`))
	if err != nil {
		t.Fatal(err)
	}
	dev := []string{"111111111111"}
	want := []access.Statement{
		{Resources: dev, PermissionSets: []string{"ReadOnly"}, Approvers: []string{"ann@example.com"}},
		{Resources: dev, PermissionSets: []string{"Admin"}, Approvers: []string{"ann@example.com"}},
		{Resources: dev, PermissionSets: []string{"ReadOnly"}, Approvers: []string{"bob@example.com"}},
	}
	if !reflect.DeepEqual(got.Accounts, want) {
		t.Errorf("got  %+v\nwant %+v", got.Accounts, want)
	}
}

func readFile(t *testing.T, file string) string {
	t.Helper()
	data, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	return string(data)
}
