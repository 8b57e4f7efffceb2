package main

import (
	"bytes"
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"runtime/debug"
	"slices"
	"strings"
	"testing"

	"sso-elevator/infra/command"
)

const (
	who   = " --requester eve@example.com --account 333333333333 --permission-set "
	query = "policy --config ../policy/testdata/policy.yaml" + who

	changed = " ../policy/testdata/diff/old.yaml ../policy/testdata/diff/new.yaml"
)

// play runs the program as a shell would, with words split at spaces.
func play(line string) (code int, stdout, stderr string) {
	var out, errs bytes.Buffer
	code = run(strings.Fields(line), command.Streams{In: strings.NewReader(""), Out: &out, Err: &errs})
	return code, out.String(), errs.String()
}

// withoutAWS hides what AWS's SDK would find on this machine.
func withoutAWS(t *testing.T) {
	t.Helper()
	for _, pair := range os.Environ() {
		if name, _, _ := strings.Cut(pair, "="); strings.HasPrefix(name, "AWS_") {
			t.Setenv(name, "") // restores it afterwards
			os.Unsetenv(name)
		}
	}
	nowhere := filepath.Join(t.TempDir(), "none")
	for _, name := range []string{"AWS_CONFIG_FILE", "AWS_SHARED_CREDENTIALS_FILE"} {
		t.Setenv(name, nowhere)
	}
	t.Setenv("AWS_EC2_METADATA_DISABLED", "true")
}

// TestExitCodes checks the exit code: 0 for an answer, 1 if the answer is no or
// something is missing, 2 for a wrong command line or file. A usage error is one line
// and names the help.
func TestExitCodes(t *testing.T) {
	withoutAWS(t)
	const settings = " --config ../testdata/elevator.yaml"
	for _, tt := range []struct {
		line           string
		code           int
		stdout, stderr string // parts of the output
	}{
		{line: "--help", stdout: "Usage: elevator <command>"},
		{line: "-h", stdout: "Usage: elevator <command>"},
		{line: "-help", stdout: "Usage: elevator <command>"},
		{line: "policy --help --config", code: 2, stderr: "--config: its value is missing; see elevator policy --help"},
		{line: "--version", stdout: version() + "\n"},
		{line: "-version", stdout: version() + "\n"},
		{line: "", code: 2, stderr: "see elevator --help"},
		{line: "approve", code: 2, stderr: "unexpected argument approve; see elevator --help"},
		{line: "drian", code: 2, stderr: "unexpected argument drian, did you mean \"drain\"?; see elevator --help"},
		{line: "--yes", code: 2, stderr: "unknown flag --yes"},

		{line: query + "ReadOnly", stdout: "Granted without approval (automatic)\n"},
		{line: query + "Admin", stdout: "Granted after approval"},
		{line: "policy --config ../policy/testdata/policy.yaml --requester dee@example.com --account 444444444444 --permission-set Admin", stdout: "Refused (refused)\n"},
		{line: "policy" + who + "Admin --config nowhere.yaml", code: 2, stderr: "nowhere.yaml"},
		{line: "policy", code: 2, stderr: "requester is missing"},
		{line: "policy --batch nowhere.jsonl" + settings, code: 2, stderr: "nowhere.jsonl"},
		{line: "policy now", code: 2, stderr: "unexpected argument now; see elevator policy --help"},

		{line: "policy diff" + changed, code: 1, stdout: "The new policy is wider: 6 changes let somebody get more, 2 take something away, 1 does neither.\n"},
		{line: "policy diff" + changed + " --json", code: 1, stdout: "{\n  \"wider\": true,\n"},
		{line: "policy diff" + changed + " --organization ../policy/testdata/diff/organization.json", code: 1, stdout: "prod-payments (111111111111)"},
		{line: "policy diff ../policy/testdata/diff/old.yaml ../policy/testdata/diff/old.yaml", stdout: "The two policies decide the same.\n"},
		{line: "policy diff nowhere.yaml ../policy/testdata/diff/old.yaml", code: 2, stderr: "nowhere.yaml"},
		{line: "policy diff" + changed + " --organization nowhere.json", code: 2, stderr: "nowhere.json"},
		{line: "policy diff ../policy/testdata/diff/old.yaml", code: 2, stderr: "expected \"<new>\"; see elevator policy diff --help"},
		{line: "policy diff --config x", code: 2, stderr: "unknown flag --config; see elevator policy diff --help"},
		{line: "policy query" + who + "Admin --config ../policy/testdata/policy.yaml", stdout: "Granted after approval"},
		{line: "policy --nothing", code: 2, stderr: "unknown flag --nothing; see elevator policy --help"},

		{line: "doctor" + settings, code: 1, stderr: "No AWS region is set"},
		{line: "doctor --config nowhere.yaml", code: 2, stderr: "nowhere.yaml"},
		{line: "doctor --slack-api slack.com", code: 2, stderr: `--slack-api must be a URL, not "slack.com"`},
		{line: "doctor --fix", code: 2, stderr: "unknown flag --fix"},
		{line: "doctor -fix", code: 2, stderr: "unknown flag -fix; see elevator doctor --help"},

		{line: "drain" + settings, code: 1, stderr: "find the deployed function sso-elevator-reconcile: "},
		{line: "drain --yes --reopen" + settings, code: 2, stderr: "use either --yes or --reopen"},
		{line: "drain --reserved 7" + settings, code: 2, stderr: "--reserved needs --reopen"},
		{line: "drain --wait soon", code: 2, stderr: "--wait"},
		{line: "drain --config nowhere.yaml", code: 2, stderr: "nowhere.yaml"},

		{line: "reconcile --dry-run" + settings, code: 1, stderr: "find the table"},
		{line: "reconcile" + settings, code: 2, stderr: "missing flags: --dry-run; see elevator reconcile --help"},
		{line: "reconcile --dry-run --config nowhere.yaml", code: 2, stderr: "nowhere.yaml"},

		{line: "acceptance --stack x --target a:b --other c:d", code: 1, stdout: "FAILED: 1 ok, 1 failed"},
		{line: "acceptance --stack x", code: 2, stderr: "--target needs an account and a permission set"},
		{line: "acceptance --target shop", code: 2, stderr: "--target: want ACCOUNT:PERMISSION_SET"},
		{line: "acceptance --config nowhere.yaml", code: 2, stderr: "nowhere.yaml"},

		{line: "local --config nowhere.yaml", code: 2, stderr: "local: read the settings: stat nowhere.yaml"},
		{line: "local --listen 8080", code: 2, stderr: `local: --listen must be HOST:PORT, not "8080"`},
		{line: "demo --seed nowhere.yaml", code: 2, stderr: "local: load the example organization"},
		{line: "demo --config x", code: 2, stderr: "unknown flag --config"},

		{line: "completion bash", stdout: "complete -F _elevator elevator"},
		{line: "completion", code: 2, stderr: `expected "<shell>"`},
		{line: "completion tcsh", code: 2, stderr: "tcsh"},
	} {
		t.Run(tt.line, func(t *testing.T) {
			code, stdout, stderr := play(tt.line)
			if code != tt.code || !strings.Contains(stdout, tt.stdout) || !strings.Contains(stderr, tt.stderr) {
				t.Errorf("code %d, want %d\n%s\n%s", code, tt.code, stdout, stderr)
			}
			if tt.code == 2 && stdout != "" {
				t.Errorf("standard output: %s", stdout)
			}
			if strings.Contains(stderr, "; see elevator") && strings.Count(stderr, "\n") != 1 {
				t.Errorf("a usage error of several lines: %s", stderr)
			}
		})
	}
}

// TestHelpOfCommands checks that each command has an example and explains its exit
// codes.
func TestHelpOfCommands(t *testing.T) {
	for _, name := range []string{"policy", "policy diff", "doctor", "acceptance", "reconcile", "drain", "local", "demo", "completion"} {
		code, stdout, stderr := play(name + " --help")
		if code != 0 || stderr != "" || !strings.Contains(stdout, "Example:\n\n    ") || !strings.Contains(stdout, "elevator "+name) {
			t.Errorf("%s: code %d\n%s%s", name, code, stdout, stderr)
		}
		if name != "completion" && !strings.Contains(stdout, "xit") {
			t.Errorf("%s does not say how it exits:\n%s", name, stdout)
		}
	}
}

// TestOneDash checks that flags with one dash work, as in the earlier separate
// programs.
func TestOneDash(t *testing.T) {
	_, want, _ := play(query + "Admin --json")
	for _, line := range []string{
		strings.ReplaceAll(query+"Admin --json", "--", "-"),
		strings.ReplaceAll(strings.ReplaceAll(query+"Admin --json=true", " --config ", " -config="), " --", " -"),
	} {
		if code, stdout, stderr := play(line); code != 0 || stdout != want {
			t.Errorf("%s: code %d\n%s%s", line, code, stdout, stderr)
		}
	}
	// After --, nothing is a flag.
	if code, _, stderr := play("policy -- -json"); code != 2 || !strings.HasPrefix(stderr, "unexpected argument -json;") {
		t.Errorf("after --: code %d, %s", code, stderr)
	}
}

// TestJSON checks the keys that a script reads from an answer, and that there are no
// others.
func TestJSON(t *testing.T) {
	code, stdout, _ := play(query + "Admin --approver dee@example.com --json")
	var answer map[string]any
	if err := json.Unmarshal([]byte(stdout), &answer); code != 0 || err != nil || strings.Count(stdout, "\n") != 1 {
		t.Fatalf("code %d, %v: %s", code, err, stdout)
	}
	keys := []string{}
	for key := range answer {
		keys = append(keys, key)
	}
	slices.Sort(keys)
	if want := []string{"approvals_needed", "approvers", "channel", "max_duration_seconds", "outcome", "permitted", "reason", "requirements", "statements", "ticket_required", "warnings"}; !slices.Equal(keys, want) {
		t.Errorf("keys %q, want %q", keys, want)
	}
	withoutAWS(t)
	code, stdout, stderr := play("acceptance --json --stack x --target a:b --other c:d")
	var result struct {
		Stack string
		Steps []struct{ Name, State string }
	}
	if err := json.Unmarshal([]byte(stdout), &result); code != 1 || err != nil || result.Stack != "x" || len(result.Steps) != 19 {
		t.Errorf("code %d, %v: %s\n%s", code, err, stdout, stderr)
	}
}

func TestCommit(t *testing.T) {
	for _, tt := range []struct {
		name     string
		settings []debug.BuildSetting
		want     string
	}{
		{"as committed", []debug.BuildSetting{{Key: "vcs.revision", Value: "3c403bf"}, {Key: "vcs.modified", Value: "false"}}, "3c403bf"},
		{"shortened", []debug.BuildSetting{{Key: "vcs.revision", Value: "3c403bf0123456789abcdef0123456789abcdef0"}}, "3c403bf"},
		{"with changes", []debug.BuildSetting{{Key: "vcs.revision", Value: "3c403bf"}, {Key: "vcs.modified", Value: "true"}}, "3c403bf+"},
		{"without git", []debug.BuildSetting{{Key: "GOOS", Value: "linux"}}, "unknown commit: build it with go install ./infra/elevator in a clone of the repository"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if got := commitOf(&debug.BuildInfo{Settings: tt.settings}); got != tt.want {
				t.Errorf("got %q, want %q", got, tt.want)
			}
		})
	}
}

// TestImports checks that the program doesn't import the CDK, so that it builds in
// seconds.
func TestImports(t *testing.T) {
	out, err := exec.Command("go", "list", "-deps", ".").Output()
	if err != nil {
		t.Fatal(err)
	}
	all := strings.Fields(string(out))
	for _, path := range all {
		for _, no := range []string{"aws-cdk-go", "jsii", "constructs-go", "cdklabs"} {
			if strings.Contains(path, no) {
				t.Errorf("it imports %s", path)
			}
		}
	}
	if len(all) < 100 || !slices.Contains(all, "sso-elevator/infra/local") {
		t.Errorf("it imports %d packages only", len(all))
	}
}
