package policylint_test

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"sso-elevator/infra/settings"
	"sso-elevator/infra/settings/policylint"
)

const (
	mostInFull = policylint.MostInFull
	mostNamed  = policylint.MostNamed
)

// checked returns the warnings about a policy, without the file's name. If text
// turns the scheduled removal off, there is no warning about its scope.
func checked(t *testing.T, text string) []string {
	t.Helper()
	_, warnings, err := settings.ParsePolicy("f", []byte(text))
	if err != nil {
		t.Fatal(err)
	}
	var all []string
	for _, w := range warnings {
		all = append(all, strings.TrimPrefix(w, "f:"))
	}
	return all
}

// Each check warns. After following its advice, there is no warning.
func TestPolicyChecks(t *testing.T) {
	const never = "schedule_expression: \"\"\n"
	one := func(keys string) string {
		return never + "config:\n- {Resource: \"111111111111\", PermissionSet: Billing" + keys + "}\n"
	}
	two := func(a, b string) string { return never + "config:\n- {" + a + "}\n- {" + b + "}\n" }
	const (
		ann         = ", Approvers: ann@example.com"
		annBob      = ", Approvers: [ann@example.com, bob@example.com]"
		everyone    = `Resource: "*", PermissionSet: `
		dev         = `Resource: "111111111111", PermissionSet: `
		group       = "99999999-8888-7777-6666-555555555555"
		inAll       = "in every account, including this app's own account and the management account"
		insist      = ", or require a second person (docs/reference/policy.md#power-over-this-app)"
		deciders    = "aaaaaaaa-8888-7777-6666-555555555555"
		deciding    = "\"group:" + deciders + "\""
		useless     = "nobody whom this statement applies to can get what it covers: they have no approver but themselves, or ApprovalsNeeded of another statement can't be met. Change the approvers, or whom the statements allow"
		forEveryone = "false counts for everyone, including people whom this statement doesn't allow. The Terraform module ignores the statement for them. In a statement without AllowedUsers and AllowedGroups, it means the same in both"
		forAll      = "false counts for all approvers of this statement, including those whom it doesn't allow. The Terraform module ignores the statement for them"
		powerOver   = "People with this access can change this app and its policy. Another statement could even grant it without approval. "
	)
	for _, tt := range []struct {
		name, file string
		want       []string
	}{
		// Nobody can get this access.
		{"nobody approves", one(""), []string{"3: config[0]: nobody can get Billing in account 111111111111: no statement lists approvers for it or sets ApprovalIsNotRequired: true. List approvers, or write Approvers: [] if nobody should get it"}},
		{"nobody approves, and that is meant", one(", Approvers: []"), nil},
		{"somebody approves by another statement", two(dev+"Billing", everyone+"[Billing]"+annBob), []string{"3: config[0]: redundant: config[1] already covers it. Remove this statement, or check what it was meant to do"}},
		{"nobody approves in one of two accounts", two(`Resource: ["111111111111", "222222222222"], PermissionSet: [Billing, Support]`, dev+"[Billing, Support]"+annBob), []string{"3: config[0]: nobody can get Billing in account 222222222222: no statement lists approvers for it or sets ApprovalIsNotRequired: true. List approvers, or write Approvers: [] if nobody should get it"}},
		{"nobody approves in the rest of the accounts", two(everyone+"Billing", dev+"Billing"+annBob), []string{"3: config[0]: nobody can get Billing in every account that no statement names: no statement lists approvers for it or sets ApprovalIsNotRequired: true. List approvers, or write Approvers: [] if nobody should get it"}},
		{"free for all, but for one who may not give it", two(everyone+"Billing, ApprovalIsNotRequired: true", dev+"Billing, ApprovalIsNotRequired: false"), []string{"4: config[1].ApprovalIsNotRequired: nobody can get Billing in account 111111111111: config[0] sets ApprovalIsNotRequired: true, this statement sets false, and no statement lists approvers for it. List approvers, or write Approvers: [] if nobody should get it"}},
		{"free for all, but for one, and that is meant", two(everyone+"Billing, ApprovalIsNotRequired: true", dev+"Billing, Approvers: [], ApprovalIsNotRequired: false"), nil},
		{"a restriction of something", two(everyone+"Billing, ApprovalIsNotRequired: false", dev+"Billing"+annBob), nil},
		{"a restriction of nothing", two(everyone+"Billing, ApprovalIsNotRequired: false", dev+"Support"+annBob), []string{"3: config[0]: nobody can get anything that this statement covers: it requires approval, and no statement lists approvers. List approvers, or write Approvers: [] if nobody should get it"}},
		{"a group that nobody approves", "group_config: [{Resource: " + group + "}]\n", []string{"1: group_config[0]: nobody can get group " + group + ": no statement lists approvers for it or sets ApprovalIsNotRequired: true. List approvers, or write Approvers: [] if nobody should get it"}},

		// These have a single approver.
		{"one approver", one(ann), []string{"3: config[0].Approvers: ann@example.com is the only approver of Billing in account 111111111111: they can't get it themselves, and nobody can while they are away. List a second approver, or set AllowSelfApproval: true"}},
		{"one approver, in two spellings", one(", Approvers: [ann@example.com, ann@Example.com]"), []string{"3: config[0].Approvers: ann@example.com is the only approver of Billing in account 111111111111: they can't get it themselves, and nobody can while they are away. List a second approver, or set AllowSelfApproval: true"}},
		{"one approver, who must not approve their own", one(ann + ", AllowSelfApproval: false"), []string{"3: config[0].Approvers: ann@example.com is the only approver of Billing in account 111111111111: they can't get it themselves, and nobody can while they are away. List a second approver"}},
		{"two approvers", one(annBob), nil},
		{"one approver, who approves their own", one(ann + ", AllowSelfApproval: true"), nil},
		{"one approver whom nobody needs", one(ann + ", ApprovalIsNotRequired: true"), nil},
		{"another approver by another statement", two(dev+"Billing"+ann, everyone+"[Billing, Support], Approvers: [bob@example.com, cid@example.com]"), nil},
		{"another approver for one of two only", two(dev+"[Billing, Support]"+ann, everyone+"Support, Approvers: [bob@example.com, cid@example.com]"), []string{"3: config[0].Approvers: ann@example.com is the only approver of Billing in account 111111111111: they can't get it themselves, and nobody can while they are away. List a second approver, or set AllowSelfApproval: true"}},

		{"a group approves", one(", Approvers: " + deciding), nil},
		{"one approver for those whom it allows", two(dev+"Billing, AllowedUsers: cid@example.com"+ann, dev+"Billing, AllowedUsers: dee@example.com, Approvers: [bob@example.com, eve@example.com]"), []string{"3: config[0].Approvers: ann@example.com is the only approver of Billing in account 111111111111: they can't get it themselves, and nobody can while they are away. List a second approver, or set AllowSelfApproval: true"}},
		{"one approver who must approve", two(dev+"Billing, ApprovalsNeeded: 1"+ann, dev+"[Billing, Support], Approvers: [bob@example.com, cid@example.com]"), []string{"3: config[0].Approvers: ann@example.com is the only approver of Billing in account 111111111111: they can't get it themselves, and nobody can while they are away. List a second approver"}},

		// Requests that are always refused.
		{"too few approvers", one(annBob + ", ApprovalsNeeded: 3"), []string{"3: config[0].ApprovalsNeeded: this statement lists too few approvers other than the requester, so every request that it applies to is refused. List more approvers, or a group, or lower the number"}},
		{"enough approvers, but they are who may request", one(annBob + ", ApprovalsNeeded: 2, AllowedUsers: [ann@example.com, bob@example.com]"), []string{"3: config[0].ApprovalsNeeded: this statement lists too few approvers other than the requester, so every request that it applies to is refused. List more approvers, or a group, or lower the number"}},
		{"enough approvers for one who may request", one(annBob + ", ApprovalsNeeded: 2, AllowedUsers: [ann@example.com, cid@example.com]"), nil},
		{"a group is enough", one(", Approvers: " + deciding + ", ApprovalsNeeded: 5"), nil},
		{"only the approver may request", one(ann + ", AllowedUsers: ann@example.com"), []string{"3: config[0]: " + useless}},
		{"only the approver may request, and approves their own", one(ann + ", AllowedUsers: ann@example.com, AllowSelfApproval: true"), nil},
		{"nobody approves for those whom it allows", two(dev+"Billing, AllowedUsers: ann@example.com", dev+"Billing, AllowedUsers: bob@example.com, Approvers: [cid@example.com, dee@example.com]"), []string{"3: config[0]: " + useless}},
		{"nobody approves for those whom it allows, and that is meant", two(dev+"Billing, AllowedUsers: ann@example.com, Approvers: []", dev+"Billing, AllowedUsers: bob@example.com, Approvers: [cid@example.com, dee@example.com]"), nil},
		{"another statement's requirement", two(dev+"Billing"+annBob, everyone+"Billing, ApprovalsNeeded: 2"+ann), []string{
			"3: config[0]: " + useless, "4: config[1].ApprovalsNeeded: this statement lists too few approvers other than the requester, so every request that it applies to is refused. List more approvers, or a group, or lower the number"}},
		{"a limit below every duration", one(annBob + ", MaxDuration: 29m"), []string{"3: config[0].MaxDuration: is shorter than every duration that forms offer (the shortest is 30 minutes), so nobody whom this statement applies to can get what it covers. Raise it, or offer shorter durations with permission_duration_list_override"}},
		{"a pattern of tickets that nothing matches", one(annBob + `, Ticket: {Required: true, Pattern: 'OPS$-\d+'}`), []string{"3: config[0].Ticket: no ticket seems to match this pattern, so every request that this statement applies to is refused. A ticket is one line of at most 150 characters, without spaces around it. Check the pattern"}},
		{"a pattern that nothing matches, of a ticket that may be left out", one(annBob + `, Ticket: {Pattern: '[^\x00-\x{10FFFF}]'}`), []string{"3: config[0].Ticket: no ticket seems to match this pattern, so nobody can enter a ticket. A ticket is one line of at most 150 characters, without spaces around it. Check the pattern"}},
		{"a pattern of long tickets", one(annBob + `, Ticket: {Pattern: '.{151}'}`), []string{"3: config[0].Ticket: no ticket seems to match this pattern, so nobody can enter a ticket. A ticket is one line of at most 150 characters, without spaces around it. Check the pattern"}},
		{"a pattern with spaces around the ticket", one(annBob + `, Ticket: {Pattern: ' OPS '}`), []string{"3: config[0].Ticket: no ticket seems to match this pattern, so nobody can enter a ticket. A ticket is one line of at most 150 characters, without spaces around it. Check the pattern"}},
		{"a pattern that everything matches", one(annBob + `, Ticket: {Pattern: '.*'}`), []string{"3: config[0].Ticket: this pattern seems to accept every ticket. Remove it, or say what a ticket looks like"}},
		{"a pattern of all characters", one(annBob + `, Ticket: {Pattern: '(?s)[^x]+|.{1,}'}`), []string{"3: config[0].Ticket: this pattern seems to accept every ticket. Remove it, or say what a ticket looks like"}},
		{"a usual pattern", one(annBob + `, Ticket: {Required: true, Pattern: '[A-Z][A-Z0-9]+-[1-9]\d*'}`), nil},
		{"a pattern of links", one(annBob + `, Ticket: {Pattern: 'https://example\.com/browse/\w+-\d{1,6}'}`), nil},
		{"a pattern with words", one(annBob + `, Ticket: {Pattern: '(?i)\b(change|incident)\b #?\d+'}`), nil},
		{"a pattern with nested repetitions of nothing", one(annBob + `, Ticket: {Pattern: '` + strings.Repeat("(", 66) + strings.Repeat(")*", 66) + `'}`), []string{"3: config[0].Ticket: no ticket seems to match this pattern, so nobody can enter a ticket. A ticket is one line of at most 150 characters, without spaces around it. Check the pattern"}},
		{"a pattern of the longest ticket", one(annBob + `, Ticket: {Pattern: '\p{Greek}{150}'}`), nil},
		{"a statement that only adds conditions", two(dev+"Billing"+annBob, everyone+`"*", Ticket: {Required: true}, Confirm: true`), nil},
		{"conditions for what nobody can get", one(", Warning: Careful."), []string{"3: config[0]: nobody can get anything that this statement covers: no statement lists approvers for it or sets ApprovalIsNotRequired: true. List approvers, or write Approvers: [] if nobody should get it"}},
		{"conditions for what nobody should get", one(", Warning: Careful., Approvers: []"), nil},
		{"less, but with a ticket", two(dev+"Billing, Ticket: {}"+annBob, everyone+`[Billing, Support]`+annBob), nil},
		{"less, but with a confirmation", two(dev+"Billing, Confirm: true"+annBob, everyone+`[Billing, Support]`+annBob), nil},
		{"less, and the same warning", two(dev+"Billing, Warning: Careful."+annBob, everyone+`[Billing, Support], Warning: Careful.`+annBob), []string{"3: config[0]: redundant: config[1] already covers it. Remove this statement, or check what it was meant to do"}},
		{"less, and the same channel, but first", two(dev+"Billing, Channel: C0123456789"+annBob, everyone+`[Billing, Support], Channel: C0123456789`+annBob), nil},
		{"a limit of the shortest duration", one(annBob + ", MaxDuration: 0.5"), nil},
		{"a limit below the override", "permission_duration_list_override: [2h, 1h]\n" + one(annBob+", MaxDuration: 0.5"), []string{"4: config[0].MaxDuration: is shorter than every duration that forms offer (the shortest is 1 hour), so nobody whom this statement applies to can get what it covers. Raise it, or offer shorter durations with permission_duration_list_override"}},

		// What the Terraform module decides differently.
		{"a false for some", one(annBob + ", ApprovalIsNotRequired: false, AllowedGroups: " + deciders), []string{"3: config[0].ApprovalIsNotRequired: " + forEveryone}},
		{"another false for some", one(annBob + ", AllowSelfApproval: false, AllowedUsers: cid@example.com"), []string{"3: config[0].AllowSelfApproval: " + forAll}},
		{"true for some", one(annBob + ", ApprovalIsNotRequired: true, AllowedUsers: cid@example.com"), nil},

		// These statements have no effect.
		{"less than another, for some", two(dev+"Billing, AllowedUsers: cid@example.com"+annBob, everyone+`[Billing, Support]`+annBob), []string{"3: config[0]: redundant: config[1] already covers it. Remove this statement, or check what it was meant to do"}},
		{"less than another that is for some", two(dev+"Billing"+annBob, everyone+`[Billing, Support], AllowedUsers: cid@example.com`+annBob), nil},
		{"less, but shorter", two(dev+"Billing, MaxDuration: 1"+annBob, everyone+`[Billing, Support], MaxDuration: 2`+annBob), nil},
		{"less, and longer", two(dev+"Billing, MaxDuration: 2"+annBob, everyone+`[Billing, Support], MaxDuration: 1`+annBob), []string{"3: config[0]: redundant: config[1] already covers it. Remove this statement, or check what it was meant to do"}},
		{"less, but more approvals", two(dev+"Billing, ApprovalsNeeded: 2"+annBob, everyone+`[Billing, Support], ApprovalsNeeded: 1`+annBob), nil},
		{"a unit and the root", two(`ResourceType: OU, Resource: ou-abcd-12345678, PermissionSet: Billing`+annBob, `ResourceType: OU, Resource: r-abcd, PermissionSet: Billing`+annBob), []string{"3: config[0]: redundant: config[1] already covers it. Remove this statement, or check what it was meant to do"}},
		{"an account and a unit", two(dev+`Billing`+annBob, `ResourceType: OU, Resource: ou-abcd-12345678, PermissionSet: Billing`+annBob), nil},
		{"a protected account beside all", never + "protected_account_ids: [\"111111111111\"]\nconfig:\n- {" + everyone + "Billing" + annBob + "}\n- {" + dev + "Billing" + annBob + "}\n", nil},
		{"never automatic, because somebody must approve", two(dev+"Billing"+annBob+", ApprovalIsNotRequired: true", everyone+"[Billing, Support]"+annBob+", ApprovalsNeeded: 1"), []string{"3: config[0].ApprovalIsNotRequired: has no effect: config[1] sets ApprovalsNeeded for everything that this statement covers, so nothing is automatic. Remove one of them"}},
		{"automatic, but for those who need approval", two(dev+"Billing"+annBob+", ApprovalIsNotRequired: true", everyone+"[Billing, Support]"+annBob+", ApprovalsNeeded: 1, AllowedUsers: cid@example.com"), nil},
		{"the same twice", two(dev+"Billing"+annBob, dev+"Billing"+annBob), []string{"4: config[1]: redundant: config[0] already covers it. Remove this statement, or check what it was meant to do"}},
		{"less than another", two(dev+"Billing"+annBob, everyone+`[Billing, Support]`+annBob+", ApprovalIsNotRequired: false"), []string{"3: config[0]: redundant: config[1] already covers it. Remove this statement, or check what it was meant to do"}},
		{"less, but another answer", two(dev+"Billing"+annBob+", ApprovalIsNotRequired: false", everyone+"[Billing, Support]"+annBob), nil},
		{"less, but another approver", two(dev+"Billing, Approvers: [bob@example.com, cid@example.com]", everyone+"[Billing, Support]"+annBob), nil},
		{"never automatic", two(dev+"Billing"+annBob+", ApprovalIsNotRequired: true", everyone+"Billing"+annBob+", ApprovalIsNotRequired: false"), []string{"3: config[0].ApprovalIsNotRequired: has no effect: config[1] sets false for everything that this statement covers, and one false overrides every true. Remove one of them"}},
		{"automatic in part", two(everyone+"Billing"+annBob+", ApprovalIsNotRequired: true", dev+"Billing"+annBob+", ApprovalIsNotRequired: false"), nil},
		{"names that differ in capital letters", two(dev+"ReadOnly"+annBob, `Resource: "222222222222", PermissionSet: [Billing, readonly]`+annBob), []string{"4: config[1].PermissionSet: readonly and ReadOnly in config[0] differ only in capital letters. Names are case-sensitive, so one of the two matches nothing. Use the same spelling"}},

		// These give power over the system.
		{"administrators everywhere, for everybody", two(everyone+"AdministratorAccess, ApprovalIsNotRequired: true", dev+"Billing"+annBob), []string{"3: config[0]: gives everyone AdministratorAccess " + inAll + ", without approval. Anyone could then change this app and its policy. Set protected_account_ids, name the accounts" + insist}},
		{"everything everywhere, for an approver", two(everyone+`"*"`+annBob+", AllowSelfApproval: true", dev+"Billing"+annBob), []string{"3: config[0]: lets ann@example.com, bob@example.com take every permission set " + inAll + ", without a second person. One person could then change this app and its policy. Set protected_account_ids, name the accounts" + insist, "4: config[1]: redundant: config[0] already covers it. Remove this statement, or check what it was meant to do"}},
		{"power users everywhere, with approval", never + "config: [{" + everyone + "PowerUserAccess" + annBob + "}]\n", []string{"2: config[0]: allows requests for PowerUserAccess " + inAll + ". " + powerOver + "Set protected_account_ids, name the accounts" + insist}},
		{"power users everywhere, always by two", never + "config: [{" + everyone + "PowerUserAccess" + annBob + ", AllowSelfApproval: false, ApprovalIsNotRequired: false}]\n", nil},
		{"by two by one statement, alone by another", two(everyone+`"*"`+annBob+", AllowSelfApproval: true", everyone+"Admin, Approvers: [bob@example.com, cid@example.com], AllowSelfApproval: false, ApprovalIsNotRequired: false"), []string{
			"3: config[0]: lets ann@example.com, bob@example.com take every permission set " + inAll + ", without a second person. One person could then change this app and its policy. Set protected_account_ids, name the accounts" + insist}},
		{"nothing powerful everywhere", never + "config: [{" + everyone + "ReadOnlyAccess, ApprovalIsNotRequired: true}]\n", nil},
		{"administrators of named accounts", one(annBob), nil},
		{"every group, for everybody", never + "group_config: [{Resource: \"*\", ApprovalIsNotRequired: true}]\n", []string{"2: group_config[0]: gives everyone membership in every group, including those that administer this app's account, without approval. Anyone could then change this app and its policy. Name the groups" + insist}},
		{"administrators of a protected account", never + "protected_account_ids: [\"111111111111\"]\nconfig: [{" + dev + "Admin" + annBob + ", AllowSelfApproval: true}]\n", []string{"3: config[0]: lets ann@example.com, bob@example.com take Admin in the protected account 111111111111, without a second person. One person could then change this app and its policy. Leave that account out" + insist}},
		{"administrators of another account than the protected ones", never + "protected_account_ids: [\"222222222222\"]\nconfig: [{" + dev + "Admin" + annBob + ", AllowSelfApproval: true}]\n", nil},
		{"administrators everywhere, two in the protected account", never + "protected_account_ids: [\"111111111111\"]\nconfig:\n- {" + everyone + "Admin" + annBob + "}\n- {" + dev + "Admin" + annBob + ", AllowSelfApproval: false, ApprovalIsNotRequired: false}\n", nil},

		{"administrators under the root, for everybody", never + "config: [{ResourceType: OU, Resource: r-abcd, PermissionSet: Admin, ApprovalIsNotRequired: true}]\n", []string{"2: config[0]: gives everyone Admin " + inAll + ", without approval. Anyone could then change this app and its policy. Set protected_account_ids, name the accounts" + insist}},
		{"administrators everywhere, for some without approval", never + "config: [{" + everyone + "Admin, ApprovalIsNotRequired: true, AllowedUsers: [ann@example.com], AllowedGroups: [" + deciders + "]}]\n", []string{"2: config[0]: lets ann@example.com, members of group " + deciders + " take Admin " + inAll + ", without a second person. One person could then change this app and its policy. Set protected_account_ids, name the accounts" + insist}},
		{"administrators everywhere, for an approving group", never + "config: [{" + everyone + "Admin, AllowSelfApproval: true, Approvers: [" + deciding + "]}]\n", []string{"2: config[0]: lets members of group " + deciders + " take Admin " + inAll + ", without a second person. One person could then change this app and its policy. Set protected_account_ids, name the accounts" + insist}},
		{"administrators everywhere, with approvals that nothing waives", never + "config: [{" + everyone + "Admin, ApprovalsNeeded: 1" + annBob + "}]\n", nil},
		{"administrators everywhere, with approvals for some only", two(everyone+"Admin, ApprovalsNeeded: 2, AllowedUsers: cid@example.com"+annBob, everyone+"Admin"+annBob), []string{"4: config[1]: allows requests for Admin " + inAll + ". " + powerOver + "Set protected_account_ids, name the accounts" + insist}},
		{"everything everywhere, but the protected accounts", never + "protected_account_ids: [\"111111111111\", \"222222222222\"]\nconfig: [{" + everyone + "\"*\", ApprovalIsNotRequired: true}]\n", []string{"3: config[0].Resource: doesn't cover 111111111111, 222222222222 in protected_account_ids: nobody can request access there, and reconciliations only report there. Earlier releases covered protected accounts. To allow requests, name the accounts in a statement"}},

		// These are about the scope of the removal.
		{"all accounts but one", "protected_account_ids: [\"111111111111\"]\nconfig: [{" + everyone + "[ReadOnly, Billing]" + annBob + "}, {" + dev + "Support" + annBob + "}]\n", []string{`2: config[0].Resource: At cron(0 23 * * ? *), this app removes every direct user assignment of ReadOnly or Billing that it didn't grant, in all accounts but the protected ones. Assignments to groups stay. Name the accounts, or set schedule_expression: "" until the reports in Slack list nothing that should stay`}},
		{"the root", "config: [{ResourceType: OU, Resource: r-abcd, PermissionSet: Billing" + annBob + "}]\n", []string{`1: config[0].Resource: At cron(0 23 * * ? *), this app removes every direct user assignment of Billing that it didn't grant, in all accounts. Assignments to groups stay. Name the accounts, or set schedule_expression: "" until the reports in Slack list nothing that should stay`}},
		{"all accounts", "config: [{" + everyone + "[ReadOnly, Billing]" + annBob + "}]\n", []string{`1: config[0].Resource: At cron(0 23 * * ? *), this app removes every direct user assignment of ReadOnly or Billing that it didn't grant, in all accounts. Assignments to groups stay. Name the accounts, or set schedule_expression: "" until the reports in Slack list nothing that should stay`}},
		{"all accounts and groups, twice", "schedule_expression: rate(7 days)\nconfig:\n- {" + everyone + `"*"` + annBob + ", ApprovalIsNotRequired: false}\n- {" + everyone + "Billing, ApprovalIsNotRequired: false, Approvers: [cid@example.com, dee@example.com]}\ngroup_config: [{Resource: \"*\", ApprovalIsNotRequired: false" + annBob + "}]\n", []string{
			`3: config[0].Resource: Every 7 days, this app removes every direct user assignment that it didn't grant, in all accounts (also because of config[1]). Assignments to groups stay. Name the accounts, or set schedule_expression: "" until the reports in Slack list nothing that should stay`,
			`5: group_config[0].Resource: Every 7 days, this app removes every member of any group whom it didn't add. Groups that SCIM manages stay. Name the groups, or set schedule_expression: "" until the reports in Slack list nothing that should stay`}},
		{"all accounts, never removed", never + "config: [{" + everyone + "ReadOnly" + annBob + "}]\n", nil},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if got := checked(t, tt.file); !slices.Equal(got, tt.want) {
				t.Errorf("got  %s\nwant %s", strings.Join(got, "\n     "), strings.Join(tt.want, "\n     "))
			}
		})
	}
}

// The policy page explains how to limit power over this app. Its advice suffices, even
// with a statement that gives everything everywhere.
func TestInsistingOnTwo(t *testing.T) {
	page, err := os.ReadFile(filepath.Join("..", "..", "..", "docs", "reference", "policy.md"))
	if err != nil {
		t.Fatal(err)
	}
	_, block, found := strings.Cut(string(page), "<!-- a second person -->\n```yaml\n")
	block, _, ended := strings.Cut(block, "```")
	if !found || !ended {
		t.Fatal("the page has no example")
	}
	const everything = `  - {Resource: "*", PermissionSet: "*", Approvers: [ann@example.com, bob@example.com], AllowSelfApproval: true}` + "\n"
	if got := checked(t, "schedule_expression: \"\"\n"+block+everything); len(got) > 0 {
		t.Errorf("it is warned of %q", got)
	}
	if got := checked(t, "schedule_expression: \"\"\nconfig:\n"+everything); len(got) != 1 {
		t.Errorf("without it there are %d warnings, want 1: %q", len(got), got)
	}
}

// The example that people copy has no warnings.
func TestExampleHasNoWarnings(t *testing.T) {
	s, err := settings.Load(filepath.Join("..", "..", "..", "elevator.example.yaml"))
	if err != nil || len(s.Warnings) > 0 {
		t.Errorf("%v, %q", err, s.Warnings)
	}
}

// Of many warnings of one kind, some are printed in full, and one line names the rest.
func TestManyWarningsOfOneKind(t *testing.T) {
	var b strings.Builder
	b.WriteString("schedule_expression: \"\"\nconfig:\n")
	for i := range 40 {
		fmt.Fprintf(&b, "- {Resource: \"%012d\", PermissionSet: Billing, Approvers: ann%d@example.com}\n", i, i)
	}
	got := checked(t, b.String())
	if len(got) != mostInFull+1 {
		t.Fatalf("got %d warnings, want %d", len(got), mostInFull+1)
	}
	for i, w := range got[:mostInFull] {
		if want := fmt.Sprintf("%d: config[%d].Approvers: ann%d@example.com is the only approver of ", i+3, i, i); !strings.HasPrefix(w, want) {
			t.Errorf("got %s, want %s…", w, want)
		}
	}
	var rest []string
	for i := mostInFull; i < mostInFull+mostNamed; i++ {
		rest = append(rest, fmt.Sprintf("config[%d]", i))
	}
	want := "8: config[5].Approvers: same warning as for config[4], also for 35 more statements: " + strings.Join(rest, ", ") + ", …"
	if got[mostInFull] != want {
		t.Errorf("got  %s\nwant %s", got[mostInFull], want)
	}
}

// The worst warning is printed in full, wherever its statement is.
func TestWorstPowerFirst(t *testing.T) {
	var b strings.Builder
	b.WriteString("schedule_expression: \"\"\nconfig:\n")
	for i := range 8 {
		fmt.Fprintf(&b, "- {Resource: \"*\", PermissionSet: Admin%d, Approvers: [ann@example.com, bob@example.com]}\n", i)
	}
	b.WriteString("- {Resource: \"*\", PermissionSet: Root, ApprovalIsNotRequired: true}\n")
	got := checked(t, b.String())
	if len(got) != mostInFull+1 {
		t.Fatalf("got %d warnings, want %d: %q", len(got), mostInFull+1, got)
	}
	if want := "11: config[8]: gives everyone Root in every account, "; !strings.HasPrefix(got[mostInFull], want) {
		t.Errorf("the last is %s, want %s…", got[mostInFull], want)
	}
	if want := "7: config[4]: same warning as for config[3], also for 4 more statements: config[4], config[5], config[6], config[7]"; got[mostInFull-1] != want {
		t.Errorf("got  %s\nwant %s", got[mostInFull-1], want)
	}
}
