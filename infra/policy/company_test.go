package policy

import (
	"strings"
	"testing"
)

const (
	companyFile = "testdata/company.yaml"
	engineers   = "aaaaaaaa-8888-7777-6666-555555555555"
	security    = "bbbbbbbb-8888-7777-6666-555555555555"
	project     = "11111111-2222-3333-4444-555555555555"

	companyWarning = "warning: testdata/company.yaml:18: config[2].Resource: doesn't cover 999999999999 in protected_account_ids: nobody can request access there, and reconciliations only report there. Earlier releases covered protected accounts. To allow requests, name the accounts in a statement\n"
)

// One query, in a batch and with flags, has one answer.
func TestAnswersOfACompany(t *testing.T) {
	const (
		noMore     = `,"approvals_needed":1,"requirements":[],"max_duration_seconds":null,"ticket_required":false,"warnings":[],"channel":null`
		byEngineer = `{"statement":0,"needed":2,"approvers":["eve@example.com","group:` + security + `"]}`
		admin      = `"account":"111111111111","permission_set":"Admin","ou_path":["r-abcd","ou-abcd-11111111"]`
		asAdmin    = "--account 111111111111 --permission-set Admin --ou-path r-abcd,ou-abcd-11111111 "
		shop       = `"group":"22222222-2222-3333-4444-555555555555"`
		asShop     = " --group 22222222-2222-3333-4444-555555555555"
		byDeeOrEve = `{"outcome":"needs_approval","reason":"RequiresApproval","approvers":["dee@example.com","eve@example.com"],`
		forShop    = `"approvals_needed":1,"requirements":[],"max_duration_seconds":null,"ticket_required":true,`
		stopsShop  = `"warnings":["Members of this group can stop the shop."],"channel":"C0123456789"`
		byAnn      = `{"statement":1,"needed":1,"approvers":["dee@example.com","eve@example.com"]}`
	)
	for _, tt := range []struct{ name, query, flags, want string }{
		{"a member may request", `"requester":"cid@example.com","requester_groups":["AAAAAAAA-8888-7777-6666-555555555555"],` + admin, "--requester cid@example.com --requester-groups " + engineers + " " + asAdmin,
			`{"outcome":"needs_approval","reason":"RequiresApproval","approvers":["eve@example.com","group:` + security + `"],"statements":[0,1],"approvals_needed":2,"requirements":[` + byEngineer + `],"max_duration_seconds":14400,"ticket_required":false,"warnings":[],"channel":null}`},
		{"a membership that isn't stated", `"requester":"cid@example.com",` + admin, "--requester cid@example.com " + asAdmin,
			`{"outcome":"refused","reason":"NotAllowed","approvers":[],"statements":[0,1]` + noMore + `}`},
		{"no path", `"requester":"ann@example.com","account":"111111111111","permission_set":"Admin"`, "--requester ann@example.com --account 111111111111 --permission-set Admin",
			`{"outcome":"refused","reason":"NoStatements","approvers":[],"statements":[]` + noMore + `}`},
		{"two statements, the strictest limit", `"requester":"ann@example.com","requester_groups":["` + engineers + `","` + project + `"],"duration":"90m",` + admin, "--requester ann@example.com --duration 1h30m --requester-groups " + engineers + " --requester-groups " + project + " " + asAdmin,
			`{"outcome":"needs_approval","reason":"RequiresApproval","approvers":["dee@example.com","eve@example.com","group:` + security + `"],"statements":[0,1],"approvals_needed":2,"requirements":[` + byEngineer + "," + byAnn + `],"max_duration_seconds":5400,"ticket_required":false,"warnings":[],"channel":null}`},
		{"too long", `"requester":"ann@example.com","duration":"5401s",` + admin, "--requester ann@example.com --duration 5401s " + asAdmin,
			`{"outcome":"refused","reason":"DurationTooLong","approvers":[],"statements":[0,1],"approvals_needed":1,"requirements":[` + byAnn + `],"max_duration_seconds":5400,"ticket_required":false,"warnings":[],"channel":null}`},
		{"a protected account", `"requester":"ann@example.com","account":"999999999999","permission_set":"ReadOnly"`, "--requester ann@example.com --account 999999999999 --permission-set ReadOnly",
			`{"outcome":"refused","reason":"ProtectedAccount","approvers":[],"statements":[]` + noMore + `}`},
		{"an approver alone can't meet the number", `"requester":"ann@example.com","account":"333333333333","permission_set":"Billing"`, "--requester ann@example.com --account 333333333333 --permission-set Billing",
			`{"outcome":"refused","reason":"NoApprovers","approvers":[],"statements":[3],"approvals_needed":2,"requirements":[{"statement":3,"needed":2,"approvers":["bob@example.com"]}],"max_duration_seconds":null,"ticket_required":false,"warnings":[],"channel":null}`},
		{"an approver by their email", `"requester":"ann@example.com","approver":"DEE@example.com",` + admin, "--requester ann@example.com --approver DEE@example.com " + asAdmin,
			`{"outcome":"needs_approval","reason":"RequiresApproval","approvers":["dee@example.com","eve@example.com"],"statements":[0,1],"approvals_needed":1,"requirements":[` + byAnn + `],"max_duration_seconds":5400,"ticket_required":false,"warnings":[],"channel":null,"permitted":true}`},
		{"an approver by a group", `"requester":"cid@example.com","requester_groups":["` + engineers + `"],"approver":"fay@example.com","approver_groups":["` + security + `"],` + admin, "--requester cid@example.com --requester-groups " + engineers + " --approver fay@example.com --approver-groups " + security + " " + asAdmin,
			`{"outcome":"needs_approval","reason":"RequiresApproval","approvers":["eve@example.com","group:` + security + `"],"statements":[0,1],"approvals_needed":2,"requirements":[` + byEngineer + `],"max_duration_seconds":14400,"ticket_required":false,"warnings":[],"channel":null,"permitted":true}`},
		{"an approver whose membership isn't stated", `"requester":"cid@example.com","requester_groups":["` + engineers + `"],"approver":"fay@example.com",` + admin, "--requester cid@example.com --requester-groups " + engineers + " --approver fay@example.com " + asAdmin,
			`{"outcome":"needs_approval","reason":"RequiresApproval","approvers":["eve@example.com","group:` + security + `"],"statements":[0,1],"approvals_needed":2,"requirements":[` + byEngineer + `],"max_duration_seconds":14400,"ticket_required":false,"warnings":[],"channel":null,"permitted":false}`},
		{"an approver of a statement that doesn't apply", `"requester":"cid@example.com","requester_groups":["` + engineers + `"],"approver":"dee@example.com",` + admin, "--requester cid@example.com --requester-groups " + engineers + " --approver dee@example.com " + asAdmin,
			`{"outcome":"needs_approval","reason":"RequiresApproval","approvers":["eve@example.com","group:` + security + `"],"statements":[0,1],"approvals_needed":2,"requirements":[` + byEngineer + `],"max_duration_seconds":14400,"ticket_required":false,"warnings":[],"channel":null,"permitted":false}`},
		{"a group", `"requester":"cid@example.com","requester_groups":["` + engineers + `"],"group":"` + project + `","duration":"1h","ou_path":[]`, "--requester cid@example.com --requester-groups " + engineers + " --group " + project + " --duration 1h",
			`{"outcome":"needs_approval","reason":"RequiresApproval","approvers":["group:` + security + `"],"statements":[0],"approvals_needed":1,"requirements":[],"max_duration_seconds":3600,"ticket_required":false,"warnings":[],"channel":null}`},
		{"a group, too long", `"requester":"cid@example.com","requester_groups":["` + engineers + `"],"group":"` + project + `","duration":"2h"`, "--requester cid@example.com --requester-groups " + engineers + " --group " + project + " --duration 2h",
			`{"outcome":"refused","reason":"DurationTooLong","approvers":[],"statements":[0],"approvals_needed":1,"requirements":[],"max_duration_seconds":3600,"ticket_required":false,"warnings":[],"channel":null}`},
		{"a ticket that isn't stated", `"requester":"cid@example.com",` + shop, "--requester cid@example.com" + asShop, byDeeOrEve + `"statements":[1,2],` + forShop + stopsShop + `}`},
		{"a ticket", `"requester":"cid@example.com","ticket":" DEV-1 ",` + shop, "--requester cid@example.com --ticket DEV-1" + asShop, byDeeOrEve + `"statements":[1,2],` + forShop + stopsShop + `}`},
		{"an empty ticket", `"requester":"cid@example.com","ticket":"",` + shop, "--requester cid@example.com --ticket=" + asShop,
			`{"outcome":"refused","reason":"TicketMissing","approvers":[],"statements":[1,2],` + forShop + stopsShop + `}`},
		{"a ticket that one of two statements accepts", `"requester":"ann@example.com","ticket":"DEV-1",` + shop, "--requester ann@example.com --ticket DEV-1" + asShop,
			`{"outcome":"refused","reason":"TicketMissing","approvers":[],"statements":[1,2],` + forShop + `"warnings":["Members of this group can stop the shop.","Tell the team."],"channel":"C0123456789"}`},
		{"null as a ticket", `"requester":"cid@example.com","ticket":null,` + shop, "--requester cid@example.com" + asShop, byDeeOrEve + `"statements":[1,2],` + forShop + stopsShop + `}`},
	} {
		t.Run(tt.name, func(t *testing.T) {
			code, stdout, stderr := runLine("{"+tt.query+"}\n", "--config "+companyFile+" --batch -")
			if code != 0 || stdout != tt.want+"\n" || stderr != companyWarning {
				t.Errorf("batch: exit %d, %s\ngot  %swant %s", code, stderr, stdout, tt.want)
			}
			code, stdout, stderr = runLine("", "--json --config "+companyFile+" "+tt.flags)
			if code != 0 || stdout != tt.want+"\n" || stderr != companyWarning {
				t.Errorf("flags: exit %d, %s\ngot  %swant %s", code, stderr, stdout, tt.want)
			}
		})
	}
}

func TestTextOfACompany(t *testing.T) {
	var all strings.Builder
	for _, flags := range []string{
		"--requester ann@example.com --requester-groups " + engineers + " --account 111111111111 --permission-set Admin --ou-path r-abcd,ou-abcd-11111111 --approver fay@example.com --approver-groups " + security,
		"--requester cid@example.com --account 111111111111 --permission-set Admin --ou-path r-abcd,ou-abcd-11111111",
		"--requester ann@example.com --account 999999999999 --permission-set ReadOnly",
		"--requester ann@example.com --account 333333333333 --permission-set Billing",
		"--requester ann@example.com --account 111111111111 --permission-set Admin --ou-path ou-abcd-11111111 --duration 2h",
		"--requester cid@example.com --requester-groups " + engineers + " --group " + project,
		"--requester ann@example.com --ticket DEV-1 --group 22222222-2222-3333-4444-555555555555",
	} {
		code, stdout, stderr := runLine("", "--config "+companyFile+" "+flags)
		if code != 0 || stderr != companyWarning {
			t.Errorf("%s: exit %d, standard error %q", flags, code, stderr)
		}
		all.WriteString("$ elevator policy " + flags + "\n" + stdout + "\n")
	}
	checkGolden(t, "company.txt", all.String())
}

// A value that is wrong is a mistake: of one query in a batch, and of the flags.
func TestBadValuesOfACompany(t *testing.T) {
	const who, what = `"requester":"ann@example.com",`, `"account":"111111111111","permission_set":"Admin"`
	for _, tt := range []struct{ name, query, flags, want string }{
		{"a group by name", who + what + `,"requester_groups":["admins"]`, "--requester-groups admins", `requester group "admins" is not a group id like 99999999-8888-7777-6666-555555555555`},
		{"an empty group", who + what + `,"requester_groups":[""]`, "", `requester group "" is not a group id like 99999999-8888-7777-6666-555555555555`},
		{"null as a group", who + what + `,"requester_groups":[null]`, "", `requester group "" is not a group id like 99999999-8888-7777-6666-555555555555`},
		{"all groups", who + what + `,"requester_groups":["*"]`, "--requester-groups *", `requester group "*" is not a group id like 99999999-8888-7777-6666-555555555555`},
		{"an approver's group by name", who + what + `,"approver":"bob@example.com","approver_groups":["admins"]`, "--approver bob@example.com --approver-groups admins", `approver group "admins" is not a group id like 99999999-8888-7777-6666-555555555555`},
		{"groups of no approver", who + what + `,"approver_groups":["` + security + `"]`, "--approver-groups " + security, "approver is missing: give the email of the person in these groups"},
		{"a unit by name", who + what + `,"ou_path":["r-abcd","Production"]`, "--ou-path r-abcd,Production", `OU path: "Production" is not the id of an organizational unit (ou-…) or of the root (r-…)`},
		{"an account in the path", who + what + `,"ou_path":["111111111111"]`, "--ou-path 111111111111", `OU path: "111111111111" is not the id of an organizational unit (ou-…) or of the root (r-…)`},
		{"a path from the account", who + what + `,"ou_path":["ou-abcd-12345678","r-abcd"]`, "--ou-path ou-abcd-12345678 --ou-path r-abcd", "OU path: the root r-abcd must be first"},
		{"a duration without unit", who + what + `,"duration":"2"`, "--duration 2", `duration "2" is not a duration like "90s", "5m", "2h" or "1h30m"`},
		{"no duration at all", who + what + `,"duration":"0h"`, "--duration 0h", `duration "0h" is not a duration like "90s", "5m", "2h" or "1h30m"`},
		{"a list in words", who + what + `,"requester_groups":"` + engineers + `"`, "", "not a query: requester_groups must be a list of strings, not string"},
		{"a list of numbers", who + what + `,"ou_path":[1]`, "", "not a query: ou_path must be a list of strings, not number"},
		{"a ticket that is too long", who + what + `,"ticket":"` + strings.Repeat("é", 151) + `"`, "--ticket " + strings.Repeat("é", 151), "ticket is longer than 150 characters"},
		{"a ticket as a number", who + what + `,"ticket":2`, "", "not a query: ticket must be a string, not number"},
		{"a duration as a number", who + what + `,"duration":2`, "", "not a query: duration must be a string, not number"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			code, stdout, _ := runLine("{"+tt.query+"}\n", "--config "+companyFile+" --batch -")
			if want := `{"error":` + quoteJSON(t, tt.want) + "}\n"; code != 0 || stdout != want {
				t.Errorf("exit %d, got  %swant %s", code, stdout, want)
			}
			if tt.flags == "" {
				return
			}
			code, stdout, stderr := runLine("", "--json --config "+companyFile+" --requester ann@example.com --account 111111111111 --permission-set Admin "+tt.flags)
			if code != 2 || stdout != "" || stderr != tt.want+"\n" {
				t.Errorf("exit %d, %s\ngot  %swant %s", code, stdout, stderr, tt.want)
			}
		})
	}
	t.Run("a path of a group", func(t *testing.T) {
		code, _, stderr := runLine("", "--config "+companyFile+" --requester ann@example.com --group "+project+" --ou-path r-abcd")
		if want := "an OU path is about an account; remove it for a group\n"; code != 2 || stderr != want {
			t.Errorf("exit %d, got %swant %s", code, stderr, want)
		}
	})
	t.Run("a batch and a list", func(t *testing.T) {
		code, _, stderr := runLine("", "--config "+companyFile+" --batch - --ou-path r-abcd")
		if code != 2 || !strings.HasPrefix(stderr, "--batch reads all queries from its file") {
			t.Errorf("exit %d, %s", code, stderr)
		}
	})
}

func quoteJSON(t *testing.T, s string) string {
	t.Helper()
	var b strings.Builder
	if err := newEncoder(&b).Encode(s); err != nil {
		t.Fatal(err)
	}
	return strings.TrimSuffix(b.String(), "\n")
}
