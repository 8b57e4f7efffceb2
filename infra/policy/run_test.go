package policy

import (
	"bytes"
	"context"
	_ "embed"
	"flag"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"sso-elevator/infra/command"
)

var update = flag.Bool("update", false, "write the golden files instead of comparing them")

const file = "testdata/policy.yaml"

// warnings is what is said of that file, whatever is asked.
//
//go:embed testdata/warnings.txt
var warnings string

// run runs the command with a shell's arguments.
func run(args []string, stdin io.Reader, stdout, stderr io.Writer) int {
	return command.Run(context.Background(), &Command{}, args, command.Streams{In: stdin, Out: stdout, Err: stderr})
}

// runLine runs the command as a shell would, with words split at spaces.
func runLine(stdin, line string) (code int, stdout, stderr string) {
	var out, errs bytes.Buffer
	code = run(strings.Fields(line), strings.NewReader(stdin), &out, &errs)
	return code, out.String(), errs.String()
}

func TestJSON(t *testing.T) {
	for _, tt := range []struct{ name, flags, want string }{
		{
			"automatic", "--requester eve@example.com --account 333333333333 --permission-set ReadOnly",
			`{"outcome":"automatic","reason":"ApprovalNotRequired","approvers":[],"statements":[1],"approvals_needed":1,"requirements":[],"max_duration_seconds":null,"ticket_required":false,"warnings":[],"channel":null}`,
		},
		{
			"automatic denied, so it needs approval", "--requester eve@example.com --account 222222222222 --permission-set ReadOnly",
			`{"outcome":"needs_approval","reason":"RequiresApproval","approvers":["ann@example.com","bob@example.com","cid@example.com"],"statements":[0,1,2],"approvals_needed":1,"requirements":[],"max_duration_seconds":null,"ticket_required":false,"warnings":[],"channel":null}`,
		},
		{
			"self approval", "--requester ANN@example.com --account 222222222222 --permission-set Admin",
			`{"outcome":"automatic","reason":"SelfApproval","approvers":[],"statements":[0,2,3],"approvals_needed":1,"requirements":[],"max_duration_seconds":null,"ticket_required":false,"warnings":[],"channel":null}`,
		},
		{
			"self approval denied", "--requester bob@example.com --account 222222222222 --permission-set Admin",
			`{"outcome":"needs_approval","reason":"RequiresApproval","approvers":["ann@example.com","cid@example.com"],"statements":[0,2,3],"approvals_needed":1,"requirements":[],"max_duration_seconds":null,"ticket_required":false,"warnings":[],"channel":null}`,
		},
		{
			"no approvers", "--requester dee@example.com --account 333333333333 --permission-set Admin",
			`{"outcome":"refused","reason":"NoApprovers","approvers":[],"statements":[4],"approvals_needed":1,"requirements":[],"max_duration_seconds":null,"ticket_required":false,"warnings":[],"channel":null}`,
		},
		{
			"no statements", "--requester dee@example.com --account 444444444444 --permission-set Admin",
			`{"outcome":"refused","reason":"NoStatements","approvers":[],"statements":[],"approvals_needed":1,"requirements":[],"max_duration_seconds":null,"ticket_required":false,"warnings":[],"channel":null}`,
		},
		{
			"a group", "--requester ann@example.com --group 99999999-8888-7777-6666-555555555555",
			`{"outcome":"needs_approval","reason":"RequiresApproval","approvers":["bob@example.com","cid@example.com"],"statements":[1],"approvals_needed":1,"requirements":[],"max_duration_seconds":null,"ticket_required":false,"warnings":[],"channel":null}`,
		},
		{
			"a group whose only approver asks", "--requester ann@example.com --group 11111111-2222-3333-4444-555555555555",
			`{"outcome":"refused","reason":"NoApprovers","approvers":[],"statements":[0],"approvals_needed":1,"requirements":[],"max_duration_seconds":null,"ticket_required":false,"warnings":[],"channel":null}`,
		},
		{
			"an approver", "--requester eve@example.com --account 333333333333 --permission-set Admin --approver DEE@example.com",
			`{"outcome":"needs_approval","reason":"RequiresApproval","approvers":["dee@example.com"],"statements":[4],"approvals_needed":1,"requirements":[],"max_duration_seconds":null,"ticket_required":false,"warnings":[],"channel":null,"permitted":true}`,
		},
		{
			"somebody else", "--requester eve@example.com --account 333333333333 --permission-set Admin --approver ann@example.com",
			`{"outcome":"needs_approval","reason":"RequiresApproval","approvers":["dee@example.com"],"statements":[4],"approvals_needed":1,"requirements":[],"max_duration_seconds":null,"ticket_required":false,"warnings":[],"channel":null,"permitted":false}`,
		},
		{
			"an approver of what is automatic", "--requester ann@example.com --account 222222222222 --permission-set Admin --approver cid@example.com",
			`{"outcome":"automatic","reason":"SelfApproval","approvers":[],"statements":[0,2,3],"approvals_needed":1,"requirements":[],"max_duration_seconds":null,"ticket_required":false,"warnings":[],"channel":null,"permitted":true}`,
		},
		{
			"oneself, allowed", "--requester ann@example.com --account 222222222222 --permission-set Admin --approver Ann@example.com",
			`{"outcome":"automatic","reason":"SelfApproval","approvers":[],"statements":[0,2,3],"approvals_needed":1,"requirements":[],"max_duration_seconds":null,"ticket_required":false,"warnings":[],"channel":null,"permitted":true}`,
		},
		{
			"oneself, denied", "--requester bob@example.com --account 222222222222 --permission-set Admin --approver bob@example.com",
			`{"outcome":"needs_approval","reason":"RequiresApproval","approvers":["ann@example.com","cid@example.com"],"statements":[0,2,3],"approvals_needed":1,"requirements":[],"max_duration_seconds":null,"ticket_required":false,"warnings":[],"channel":null,"permitted":false}`,
		},
		{
			"nothing affects", "--requester bob@example.com --account 444444444444 --permission-set Admin --approver ann@example.com",
			`{"outcome":"refused","reason":"NoStatements","approvers":[],"statements":[],"approvals_needed":1,"requirements":[],"max_duration_seconds":null,"ticket_required":false,"warnings":[],"channel":null,"permitted":false}`,
		},
		{
			"a group's approver", "--requester ann@example.com --group 99999999-8888-7777-6666-555555555555 --approver bob@example.com",
			`{"outcome":"needs_approval","reason":"RequiresApproval","approvers":["bob@example.com","cid@example.com"],"statements":[1],"approvals_needed":1,"requirements":[],"max_duration_seconds":null,"ticket_required":false,"warnings":[],"channel":null,"permitted":true}`,
		},
	} {
		t.Run(tt.name, func(t *testing.T) {
			code, stdout, stderr := runLine("", "--json --config "+file+" "+tt.flags)
			if code != 0 || stderr != warnings {
				t.Errorf("exit %d, standard error %q", code, stderr)
			}
			if want := tt.want + "\n"; stdout != want {
				t.Errorf("got  %swant %s", stdout, want)
			}
		})
	}
}

func TestText(t *testing.T) {
	var all strings.Builder
	for _, flags := range []string{
		"--requester eve@example.com --account 333333333333 --permission-set ReadOnly",
		"--requester Bob@example.com --account 222222222222 --permission-set Admin",
		"--requester ann@example.com --account 222222222222 --permission-set Admin --approver cid@example.com",
		"--requester dee@example.com --account 333333333333 --permission-set Admin --approver dee@example.com",
		"--requester dee@example.com --account 444444444444 --permission-set Admin",
		"--requester ann@example.com --group 99999999-8888-7777-6666-555555555555",
	} {
		code, stdout, stderr := runLine("", "--config "+file+" "+flags)
		if code != 0 || stderr != warnings {
			t.Errorf("%s: exit %d, standard error %q", flags, code, stderr)
		}
		all.WriteString("$ elevator policy " + flags + "\n" + stdout + "\n")
	}
	checkGolden(t, "text.txt", all.String())
}

// checkGolden compares got with a file in testdata, or writes the file with -update.
func checkGolden(t *testing.T, name, got string) {
	t.Helper()
	golden := filepath.Join("testdata", name)
	if *update {
		if err := os.WriteFile(golden, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(golden)
	if err != nil {
		t.Fatal(err)
	}
	if got != string(want) {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
}

func TestBadInput(t *testing.T) {
	const who, what = "--requester ann@example.com ", "--account 111111111111 --permission-set Admin "
	bad := filepath.Join(t.TempDir(), "elevator.yaml")
	if err := os.WriteFile(bad, []byte("config:\n- Resource: prod\n  Approver: ann@example.com\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct {
		name, flags string
		want        string // the end of the output, before the last line break
	}{
		{"nothing", "--config " + file, "requester is missing: give the requester's email\ntarget is missing: give an account and a permission set, or a group"},
		{"no requester", "--config " + file + " " + what, "requester is missing: give the requester's email"},
		{"no target", "--config " + file + " " + who, "target is missing: give an account and a permission set, or a group"},
		{"no account", "--config " + file + " " + who + "--permission-set Admin", "account is missing: give the account's id"},
		{"no permission set", "--config " + file + " " + who + "--account 111111111111", "permission set is missing: give its name"},
		{"both kinds", "--config " + file + " " + who + what + "--group 99999999-8888-7777-6666-555555555555", "give a group, or an account and a permission set, not both"},
		{"group and permission set", "--config " + file + " " + who + "--permission-set Admin --group 99999999-8888-7777-6666-555555555555", "give a group, or an account and a permission set, not both"},
		{"bad requester", "--config " + file + " --requester ann " + what, `requester "ann" is not an email address`},
		{"bad account", "--config " + file + " " + who + "--account 1111 --permission-set Admin", `account "1111" is not an account id (12 digits)`},
		{"all accounts", "--config " + file + " " + who + "--account * --permission-set Admin", `account "*" is not an account id (12 digits)`},
		{"all permission sets", "--config " + file + " " + who + "--account 111111111111 --permission-set *", `permission set "*" is not the name of a permission set (up to 32 letters, digits and _+=,.@-)`},
		{"bad group", "--config " + file + " " + who + "--group admins", `group "admins" is not a group id like 99999999-8888-7777-6666-555555555555`},
		{"bad approver", "--config " + file + " " + who + what + "--approver bob@", `approver "bob@" is not an email address`},
		{"unknown flag", "--config " + file + " " + who + what + "-user bob", "unknown flag -user; see elevator --help"},
		{"flag without value", "--config", "--config: its value is missing; see elevator --help"},
		{"an argument too many", "--config " + file + " " + who + what + "extra", "unexpected argument extra; see elevator --help"},
		{"batch and a query", "--config " + file + " --batch - " + who, "--batch reads all queries from its file; remove the flags of a query, such as --requester"},
		{"no such config", "--config testdata/none.yaml " + who + what, "read settings: open testdata/none.yaml: no such file or directory. To begin, copy elevator.example.yaml to elevator.yaml and edit it (docs/start/deploy.md)"},
		{"no such batch", "--config " + file + " --batch testdata/none.jsonl", "read queries: open testdata/none.jsonl: no such file or directory"},
		{"a folder as batch", "--config " + file + " --batch testdata", "read queries: read testdata: is a directory"},
		{"a wrong policy", "--config " + bad + " " + who + what, bad + `:2: config[0].Resource: "prod" is not valid: must be an account id (12 digits), or "*" for all accounts` + "\n" +
			bad + `:2: config[0].PermissionSet: is missing: must be the name of a permission set (up to 32 letters, digits and _+=,.@-), or "*" for all permission sets, or a list of them` + "\n" +
			bad + `:3: config[0].Approver: unknown key; did you mean Approvers?`},
		{"a wrong policy with a batch", "--config " + bad + " --batch -", bad + `:3: config[0].Approver: unknown key; did you mean Approvers?`},
	} {
		for _, json := range []string{"", "--json "} {
			t.Run(json+tt.name, func(t *testing.T) {
				code, stdout, stderr := runLine("", json+tt.flags)
				if code != 2 || stdout != "" || stderr == "" {
					t.Errorf("exit %d, standard output %q", code, stdout)
				}
				if !strings.HasSuffix(stderr, tt.want+"\n") && tt.want != "" {
					t.Errorf("got  %s\nwant %s", stderr, tt.want)
				}
			})
		}
	}
}

func TestHelp(t *testing.T) {
	code, stdout, stderr := runLine("", "--help")
	if code != 0 || stderr != "" || !strings.Contains(stdout, "Example:") || !strings.Contains(stdout, "--permission-set=NAME") {
		t.Errorf("exit %d, %q, %q", code, stdout, stderr)
	}
}

// A file with only the policy works, and so does a whole elevator.yaml.
func TestConfigFiles(t *testing.T) {
	for _, tt := range []struct{ name, content, want string }{
		{"config", `config: [{"Resource": "111111111111", "PermissionSet": "*", "Approvers": "bob@example.com"}]`, `{"outcome":"needs_approval","reason":"RequiresApproval","approvers":["bob@example.com"],"statements":[0],"approvals_needed":1,"requirements":[],"max_duration_seconds":null,"ticket_required":false,"warnings":[],"channel":null}`},
		{"group_config", `group_config: []`, `{"outcome":"refused","reason":"NoStatements","approvers":[],"statements":[],"approvals_needed":1,"requirements":[],"max_duration_seconds":null,"ticket_required":false,"warnings":[],"channel":null}`},
		{"JSON", `{"config": [{"ResourceType": "Account", "Resource": ["*"], "PermissionSet": ["*"], "ApprovalIsNotRequired": true}]}`, `{"outcome":"automatic","reason":"ApprovalNotRequired","approvers":[],"statements":[0],"approvals_needed":1,"requirements":[],"max_duration_seconds":null,"ticket_required":false,"warnings":[],"channel":null}`},
	} {
		t.Run(tt.name, func(t *testing.T) {
			config := filepath.Join(t.TempDir(), "f")
			if err := os.WriteFile(config, []byte(tt.content), 0o600); err != nil {
				t.Fatal(err)
			}
			code, stdout, stderr := runLine("", "--json --config "+config+" --requester ann@example.com --account 111111111111 --permission-set Admin")
			if code != 0 || stdout != tt.want+"\n" {
				t.Errorf("exit %d, got %s%s, want %s", code, stdout, stderr, tt.want)
			}
		})
	}
	code, stdout, _ := runLine("", "--json --config ../../elevator.example.yaml --requester eve@example.com --account 333333333333 --permission-set AdministratorAccess")
	if want := `{"outcome":"needs_approval","reason":"RequiresApproval","approvers":["bob@example.com","cid@example.com"],"statements":[2],"approvals_needed":1,"requirements":[],"max_duration_seconds":null,"ticket_required":false,"warnings":[],"channel":null}` + "\n"; code != 0 || stdout != want {
		t.Errorf("the example: exit %d, got %s, want %s", code, stdout, want)
	}
}
