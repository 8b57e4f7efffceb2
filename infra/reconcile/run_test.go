package reconcile

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"

	"sso-elevator/functions/access"
	"sso-elevator/functions/drift"
	"sso-elevator/infra/command"
	"sso-elevator/infra/settings"
)

type fake struct {
	deployed string
	tableErr error
	preview  drift.Preview
	err      error
	asked    string // the table
}

func (f *fake) findTable(context.Context, *settings.Settings) (string, error) {
	return f.deployed, f.tableErr
}

func (f *fake) dryRun(_ context.Context, _ *settings.Settings, table string) (drift.Preview, error) {
	f.asked = table
	f.preview.LeasesRead = table != ""
	return f.preview, f.err
}

const example = "../../elevator.example.yaml"

// exempt is a finding that a run skips.
var exempt = access.Finding{
	Subject: access.Subject{PrincipalID: "u-1", Target: access.Target{Kind: access.KindAccount, AccountID: "111111111111", PermissionSet: "Admin"}}, UserName: "alice",
	Exemption: &access.Spared{Until: time.Date(2026, 3, 3, 9, 0, 0, 0, time.UTC), Reason: "Slack is\ndown"},
}

// leftForADay is a finding that someone left alone with a button.
var leftForADay = access.Finding{
	Subject: exempt.Subject, UserName: "alice",
	Exemption: &access.Spared{Until: exempt.Exemption.Until, By: &access.Person{SlackID: "UBOB", Email: "bob@example.com"}},
}

var twoFindings = []access.Finding{
	{UserName: "alice", Subject: access.Subject{PrincipalID: "u-1", Target: access.Target{Kind: access.KindAccount, AccountID: "111111111111", AccountName: "Production", PermissionSet: "Admin", PermissionSetARN: "arn:ps"}}},
	{Subject: access.Subject{PrincipalID: "u-\x1b[2Jgone", Target: access.Target{Kind: access.KindGroup, GroupID: "g-1", GroupName: "Ops\tteam"}}},
}

// testCommand is the command with another AWS.
type testCommand struct {
	Command
	aws backend
}

func (c *testCommand) Run(ctx context.Context, s command.Streams) error { return c.run(ctx, s, c.aws) }

// run runs the command with a shell's arguments.
func run(t *testing.T, args []string, stdout, stderr io.Writer, aws backend) int {
	return command.Run(t.Context(), &testCommand{aws: aws}, args, command.Streams{Out: stdout, Err: stderr})
}

func TestRun(t *testing.T) {
	tests := []struct {
		name       string
		args       []string
		backend    fake
		code       int
		stdout     []string // lines of the output
		stderr     string   // contained in the output
		wantTable  string
		wantNoCall bool
	}{
		{name: "clean", args: []string{"-dry-run", "-config", example}, backend: fake{deployed: "t"}, wantTable: "t", stdout: []string{"Nothing would be removed."}},
		{name: "findings", args: []string{"-dry-run", "-config", example, "-table", "other"}, backend: fake{deployed: "t", preview: drift.Preview{Findings: twoFindings}}, wantTable: "other", code: 1,
			stdout: []string{
				"USER       USER ID     ACCOUNT OR GROUP  ID            PERMISSION SET",
				"alice      u-1         Production        111111111111  Admin",
				"(unknown)  u-�[2Jgone  Ops�team          g-1           (member)",
				"2 would be removed.",
			}},
		{name: "nothing deployed", args: []string{"-dry-run", "-config", example}, stderr: "Nothing is deployed", stdout: []string{"Nothing would be removed."}},
		{name: "exempt", args: []string{"-dry-run", "-config", example}, wantTable: "t", stdout: []string{"Nothing would be removed."},
			backend: fake{deployed: "t", preview: drift.Preview{Exempt: []access.Finding{exempt}}},
			stderr: "Exempt until 2026-03-03T09:00:00Z: alice, 111111111111 Admin: Slack is�down\n" +
				"Warning: mode revoke can remove exempt access 72 hours after a reconciliation first found it. A dry run can't tell when that was.\n"},
		{name: "left for a day", args: []string{"-dry-run", "-config", example}, wantTable: "t", stdout: []string{"Nothing would be removed."},
			backend: fake{deployed: "t", preview: drift.Preview{Exempt: []access.Finding{leftForADay}}},
			stderr:  "Left by bob@example.com until 2026-03-03T09:00:00Z: alice, 111111111111 Admin\n"},
		{name: "protected", args: []string{"-dry-run", "-config", example}, wantTable: "t", stdout: []string{"Nothing would be removed."},
			backend: fake{deployed: "t", preview: drift.Preview{Protected: twoFindings[:1]}},
			stderr:  "Only reported, because the account is protected: alice, 111111111111 Admin\n"},
		{name: "not all read", args: []string{"-dry-run", "-config", example}, backend: fake{deployed: "t", preview: drift.Preview{Unread: []access.Unread{{What: "account 1", Why: "throttled"}}, Unmanageable: []string{"9"}, Provisioned: []string{"Team"}}},
			wantTable: "t", code: 1, stdout: []string{"Nothing would be removed."},
			stderr: "Could not be read: account 1: throttled\nCan't be managed from this account: 9\nGroups that SCIM manages, skipped: Team\n"},
		{name: "AWS fails", args: []string{"-dry-run", "-config", example}, backend: fake{deployed: "t", err: errors.New("no credentials")}, wantTable: "t", code: 1, stderr: "no credentials"},
		{name: "the table can't be found", args: []string{"-dry-run", "-config", example}, backend: fake{tableErr: errors.New("denied")}, code: 1, stderr: "find the table: denied. Check your AWS credentials and region, or name the table with --table"},
		{name: "no settings", args: []string{"-dry-run", "-config", "nowhere.yaml"}, code: 2, stderr: "nowhere.yaml"},
		{name: "without -dry-run", args: []string{"-config", example}, code: 2, stderr: "missing flags: --dry-run"},
		{name: "an argument", args: []string{"-dry-run", "now"}, code: 2, stderr: "unexpected argument now"},
		{name: "an unknown flag", args: []string{"-force"}, code: 2, stderr: "-force"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			var stdout, stderr bytes.Buffer
			code := run(t, test.args, &stdout, &stderr, &test.backend)
			if code != test.code || test.backend.asked != test.wantTable {
				t.Errorf("code %d, want %d; table %q, want %q\n%s", code, test.code, test.backend.asked, test.wantTable, stderr.String())
			}
			want := ""
			if len(test.stdout) > 0 {
				want = strings.Join(test.stdout, "\n") + "\n"
			}
			if stdout.String() != want || !strings.Contains(stderr.String(), test.stderr) {
				t.Errorf("stdout\n%swant\n%sstderr %s", stdout.String(), want, stderr.String())
			}
		})
	}
}

func TestJSON(t *testing.T) {
	var stdout, stderr bytes.Buffer
	p := drift.Preview{Findings: twoFindings[:1], Unread: []access.Unread{}, Unmanageable: []string{}, Provisioned: []string{}, Calls: map[string]int{"ListUsers": 1}}
	if code := run(t, []string{"-dry-run", "-json", "-config", example}, &stdout, &stderr, &fake{deployed: "t", preview: p}); code != 1 {
		t.Fatalf("code %d: %s", code, stderr.String())
	}
	p.LeasesRead = true
	var got drift.Preview
	if err := json.Unmarshal(stdout.Bytes(), &got); err != nil || !reflect.DeepEqual(got, p) {
		t.Errorf("got %s, %v", stdout.String(), err)
	}
}

// This runs on the local stack's AWS. Existing access is listed unless a lease holds
// it, and nothing is written.
func TestOnLocalStack(t *testing.T) {
	w := startWorld(t)
	config := filepath.Join(t.TempDir(), "elevator.yaml")
	if err := os.WriteFile(config, []byte(w.settings), 0o600); err != nil {
		t.Fatal(err)
	}
	look := func(wantCode int, args ...string) (p drift.Preview, stderr string) {
		t.Helper()
		var out, errs bytes.Buffer
		before := w.writes()
		if code := run(t, append([]string{"-dry-run", "-json", "-config", config}, args...), &out, &errs, live{load: w.config}); code != wantCode {
			t.Fatalf("code %d, want %d: %s", code, wantCode, errs.String())
		}
		if after := w.writes(); after != before {
			t.Errorf("%d calls that write", after-before)
		}
		if err := json.Unmarshal(out.Bytes(), &p); err != nil {
			t.Fatal(err)
		}
		return p, errs.String()
	}
	users := func(p drift.Preview) (all []string) {
		for _, f := range p.Findings {
			all = append(all, f.UserName+" in "+f.AccountName+f.GroupName)
		}
		return all
	}
	p, stderr := look(1)
	if got := users(p); !reflect.DeepEqual(got, []string{"ann@example.com in one", "ben@example.com in one", "ben@example.com in Team"}) || p.LeasesRead || !strings.Contains(stderr, "Nothing is deployed") {
		t.Errorf("without a table: %q, %s", got, stderr)
	}
	p, _ = look(1, "-table", w.table)
	if got := users(p); !reflect.DeepEqual(got, []string{"ann@example.com in one", "ben@example.com in Team"}) || !p.LeasesRead || len(p.Unread) != 0 {
		t.Errorf("with a lease: %q, %+v", got, p)
	}
	w.release(t)
	p, _ = look(1) // the function is deployed now
	if got := users(p); !reflect.DeepEqual(got, []string{"ann@example.com in one", "ben@example.com in one", "ben@example.com in Team"}) || !p.LeasesRead {
		t.Errorf("after the lease: %q, %+v", got, p)
	}
}
