package doctor

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	idtypes "github.com/aws/aws-sdk-go-v2/service/identitystore/types"
	"github.com/aws/aws-sdk-go-v2/service/sfn"
	ssotypes "github.com/aws/aws-sdk-go-v2/service/ssoadmin/types"

	"sso-elevator/functions/access"
	"sso-elevator/functions/adapters/identitycenter/identitycentertest"
	"sso-elevator/infra/command"
	"sso-elevator/infra/settings"
	"sso-elevator/slack"
)

const example = "../../elevator.example.yaml"

// testCommand is the command with another way to connect.
type testCommand struct {
	Command
	connect connector
}

func (c *testCommand) Run(ctx context.Context, s command.Streams) error {
	return c.run(ctx, s, c.connect)
}

// run runs the command with a shell's arguments.
func run(t *testing.T, args []string, stdout, stderr io.Writer, connect connector) int {
	return command.Run(t.Context(), &testCommand{connect: connect}, args, command.Streams{Out: stdout, Err: stderr})
}

func TestRun(t *testing.T) {
	no := func(context.Context, *settings.Settings, string) (*doctor, error) {
		return nil, errors.New("No AWS credentials can be used: log in.")
	}
	tests := []struct {
		name   string
		args   []string
		code   int
		stderr string // contained
		lines  int    // in stderr, or 0 for any number
	}{
		{"no credentials", []string{"-config", example}, 1, "No AWS credentials can be used: log in.\n", 1},
		{"no settings", []string{"-config", "nowhere.yaml"}, 2, "nowhere.yaml", 1},
		{"an argument", []string{"now"}, 2, "unexpected argument now", 1},
		{"an unknown flag", []string{"-fix"}, 2, "-fix", 0},
		{"no URL", []string{"-slack-api", "slack.com"}, 2, `-slack-api must be a URL, not "slack.com"`, 1},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			var stdout, stderr bytes.Buffer
			code := run(t, test.args, &stdout, &stderr, no)
			if code != test.code || !strings.Contains(stderr.String(), test.stderr) || stdout.Len() > 0 {
				t.Errorf("code %d, want %d\n%s%s", code, test.code, stdout.String(), stderr.String())
			}
			if n := strings.Count(stderr.String(), "\n"); test.lines > 0 && n != test.lines {
				t.Errorf("%d lines: %s", n, stderr.String())
			}
		})
	}
}

func TestVerdict(t *testing.T) {
	tests := []struct {
		name     string
		statuses []status
		want     bool
	}{
		{"all ready", []status{ready, ready}, true},
		{"a warning", []status{ready, warning}, true},
		{"something missing", []status{ready, missing}, false},
		{"something not checked", []status{unchecked, ready}, false},
		{"nothing", nil, false},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			var r report
			for _, s := range test.statuses {
				r.Findings = append(r.Findings, finding{Status: s})
			}
			var b bytes.Buffer
			if err := r.writeJSON(&b); err != nil {
				t.Fatal(err)
			}
			var said report
			if err := json.Unmarshal(b.Bytes(), &said); err != nil || said.Ready != test.want || r.ready() != test.want {
				t.Errorf("ready %v and %v in JSON (%v), want %v", r.ready(), said.Ready, err, test.want)
			}
		})
	}
}

func TestTable(t *testing.T) {
	r := report{Account: own, Region: "eu-central-1", Findings: []finding{
		{Check: "One", Status: ready, Found: "all there"},
		{Check: "Another", Status: missing, Found: "not there", Items: []string{"a", "b", "c\n\x1b[2J", "d", "e", "f", "g", "h"}, Fix: "Put them there."},
	}}
	var b bytes.Buffer
	if err := r.writeTable(&b); err != nil {
		t.Fatal(err)
	}
	want := `Account 111111111111, region eu-central-1

STATE    CHECK    FOUND
ready    One      all there
missing  Another  not there: a, b, c��[2J, d, e, f and 2 more (--json lists all)
                  → Put them there.

Not ready: 1 ready, 1 missing.
`
	if b.String() != want {
		t.Errorf("got\n%swant\n%s", b.String(), want)
	}
}

// TestExamine checks that a check that fails, panics, hangs or returns nothing is not
// ready, and doesn't stop the others.
func TestExamine(t *testing.T) {
	hang := make(chan struct{})
	defer close(hang)
	checks := []check{
		{"hangs", 20 * time.Millisecond, nil, func(context.Context) ([]finding, error) { <-hang; return []finding{{Status: ready}}, nil }},
		{"gives up in time", 20 * time.Millisecond, nil, func(ctx context.Context) ([]finding, error) { <-ctx.Done(); return nil, ctx.Err() }},
		{"fails", time.Minute, nil, func(context.Context) ([]finding, error) {
			return nil, apiError("Organizations", "ListAccounts", "ThrottlingException")
		}},
		{"is denied", time.Minute, nil, func(context.Context) ([]finding, error) {
			return nil, apiError("Organizations", "ListAccounts", "AccessDeniedException")
		}},
		{"panics", time.Minute, nil, func(context.Context) ([]finding, error) { panic("oh") }},
		{"says nothing", time.Minute, nil, func(context.Context) ([]finding, error) { return nil, nil }},
		{"needs another one", time.Minute, nil, func(context.Context) ([]finding, error) { return nil, blocked{"fails"} }},
		{"works", time.Minute, nil, func(context.Context) ([]finding, error) {
			return []finding{{Status: ready, Found: "one"}, {Check: "other", Status: warning, Found: "two"}}, nil
		}},
	}
	want := []struct{ check, found, fix string }{
		{"hangs", "could not be checked: no answer within 20ms", ""},
		{"gives up in time", "could not be checked: no answer within 20ms", ""},
		{"fails", "could not be checked: ListAccounts of Organizations: ThrottlingException: no", ""},
		{"is denied", "could not be checked: ListAccounts of Organizations: AccessDeniedException: no", "Use credentials that may call ListAccounts of Organizations."},
		{"panics", "could not be checked: this check has a bug: oh", ""},
		{"says nothing", "could not be checked: this check has a bug: it returned nothing", ""},
		{"needs another one", "could not be checked: needs the result of the check fails", "Fix that problem first."},
		{"works", "one", ""},
		{"other", "two", ""},
	}
	got := examine(t.Context(), checks)
	if len(got) != len(want) {
		t.Fatalf("%d findings: %q", len(got), lines(got))
	}
	for i, w := range want {
		f := got[i]
		if f.Check != w.check || f.Found != w.found || w.fix != "" && f.Fix != w.fix {
			t.Errorf("%d is %+v, want %+v", i, f, w)
		}
		if i < 7 && (f.Status != unchecked || f.Fix == "") {
			t.Errorf("%s is %s with the fix %q", f.Check, f.Status, f.Fix)
		}
	}
}

// answering returns a doctor whose checks all get a response.
func answering() *doctor {
	ref := func(name string) settings.SecretRef {
		return settings.SecretRef{Store: settings.ParameterStore, Name: name}
	}
	api := withSets(sets...)
	api.Encryption = &ssotypes.EncryptionConfigurationDetails{KeyType: ssotypes.KmsKeyTypeAwsOwnedKmsKey}
	api.Groups = []idtypes.Group{group("g-1", "Team", false)}
	api.ManagementAccount = managing
	return &doctor{
		settings: &settings.Settings{
			NamePrefix: "sso-elevator", SlackTeamID: "T1", SlackAppID: "A1", SlackChannelID: "C1",
			SlackBotToken: ref("/token"), SlackSigningSecrets: []settings.SecretRef{ref("/signing")}, Durations: []time.Duration{time.Hour},
			Policy: access.Policy{Accounts: []access.Statement{statement(own, "Read", "ann@example.com")}, Groups: []access.Statement{statement("g-1", "", "")}},
		},
		account: own, partition: "aws", region: "eu-central-1", ssoRegion: "eu-central-1",
		admin: api, store: api, org: api,
		lambda: fakeLambda{unreserved: aws.Int32(1000)}, buckets: fakeBucket{}, stacks: fakeStacks{}, logs: fakeLogs{}, machines: noMachines{},
		parameters: fakeParameters{values: map[string]string{"/token": "xoxb-1", "/signing": "0123456789abcdef0123456789abcdef", bootstrapParameter: "6"}},
		slack: func(string) slackAPIs {
			return fakeSlack{installation: slack.Installation{TeamID: "T1", Scopes: slack.BotScopes}, app: "A1", channel: slack.Channel{Member: true}}
		},
	}
}

type noMachines struct{}

func (noMachines) DescribeStateMachine(context.Context, *sfn.DescribeStateMachineInput, ...func(*sfn.Options)) (*sfn.DescribeStateMachineOutput, error) {
	return nil, apiError("SFN", "DescribeStateMachine", "StateMachineDoesNotExist")
}

// TestBlocked checks that a check that can't run says why, or names the check that
// does.
func TestBlocked(t *testing.T) {
	down := errors.New("down")
	slackOf := func(f fakeSlack) func(string) slackAPIs { return func(string) slackAPIs { return f } }
	noToken := []string{
		"Approvers, Slack: needs the result of the check Slack app", "Statements: needs the result of the check Approvers, Slack",
		"Slack app: needs the result of the check Slack bot token", "Slack scopes: needs the result of the check Slack app", "Slack channel: needs the result of the check Slack app",
	}
	noInstance := []string{
		"Identity Center's key: needs the result of the check Identity Center", "Access portal: needs the result of the check Identity Center", "Permission sets: needs the result of the check Identity Center", "Assignable permission sets: needs the result of the check Identity Center",
		"Session durations: needs the result of the check Permission sets", "Groups: needs the result of the check Identity Center", "Approvers, Identity Center: needs the result of the check Identity Center", "Statements: needs the result of the check Approvers, Identity Center",
	}
	tests := []struct {
		name string
		fail func(d *doctor)
		want []string // "line: why", or "line <- the line that says why"
	}{
		{"nothing", func(*doctor) {}, nil},
		{"no instance", func(d *doctor) { d.admin = &identitycentertest.Center{Instances: []ssotypes.InstanceMetadata{}} }, noInstance},
		{"Identity Center", func(d *doctor) { d.admin = failing(center(), down) }, append([]string{"Identity Center: down"}, noInstance...)},
		{"identity store", func(d *doctor) { d.store = failing(center(), down) },
			[]string{"Groups: down", "Approvers, Identity Center: down", "Statements: needs the result of the check Approvers, Identity Center"}},
		{"Organizations", func(d *doctor) { d.org = failing(center(), down) },
			[]string{"Organization: down", "The management account: needs the result of the check Organization", "Accounts: down", "Assignable permission sets: needs the result of the check Organization"}},
		{"Identity Center and Organizations", func(d *doctor) { d.admin, d.org = failing(center(), down), failing(center(), down) }, []string{
			"Identity Center: down", "Identity Center's key: needs the result of the check Identity Center", "Access portal: needs the result of the check Identity Center", "Organization: down", "The management account: needs the result of the check Organization", "Accounts: down",
			"Permission sets: needs the result of the check Identity Center", "Assignable permission sets: needs the result of the check Organization", "Session durations: needs the result of the check Permission sets", "Groups: needs the result of the check Identity Center",
			"Approvers, Identity Center: needs the result of the check Identity Center", "Statements: needs the result of the check Approvers, Identity Center",
		}},
		{"Parameter Store", func(d *doctor) { d.parameters = fakeParameters{err: down} }, []string{
			"Approvers, Slack: needs the result of the check Slack app", "Statements: needs the result of the check Approvers, Slack", "Slack bot token: down", "Slack signing secret: down",
			"Slack app: needs the result of the check Slack bot token", "Slack scopes: needs the result of the check Slack app", "Slack channel: needs the result of the check Slack app", "CDK bootstrap: down", "Names: down",
		}},
		{"no bot token", func(d *doctor) { d.parameters = fakeParameters{} }, noToken},
		{"another token", func(d *doctor) { d.parameters = fakeParameters{values: map[string]string{"/token": "xoxp-1"}} }, noToken},
		{"token revoked", func(d *doctor) {
			d.slack = slackOf(fakeSlack{authErr: access.Errorf(access.CodeMisconfigure, "revoked")})
		},
			[]string{"Approvers, Slack: needs the result of the check Slack app", "Statements: needs the result of the check Approvers, Slack", "Slack scopes: needs the result of the check Slack app", "Slack channel: needs the result of the check Slack app"}},
		{"Slack", func(d *doctor) { d.slack = slackOf(fakeSlack{authErr: down}) },
			[]string{"Approvers, Slack: needs the result of the check Slack app", "Statements: needs the result of the check Approvers, Slack", "Slack app: down", "Slack scopes: needs the result of the check Slack app", "Slack channel: needs the result of the check Slack app"}},
		{"Slack, later", func(d *doctor) {
			d.slack = slackOf(fakeSlack{installation: slack.Installation{TeamID: "T1", Scopes: slack.BotScopes}, err: down})
		}, []string{"Approvers, Slack: down", "Statements: needs the result of the check Approvers, Slack", "Slack app: down", "Slack channel: C1: down"}},
		{"CloudFormation", func(d *doctor) { d.stacks = fakeStacks{err: down} }, []string{"Stack: down", "Names: needs the result of the check Stack"}},
		{"Lambda", func(d *doctor) { d.lambda = fakeLambda{err: down} }, []string{"Lambda concurrency: down"}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			d := answering()
			test.fail(d)
			var got []string
			for _, f := range examine(t.Context(), d.checks(t.Context())) {
				if f.Status != unchecked {
					continue
				}
				why := strings.TrimPrefix(f.Found, "could not be checked: ")
				if other, blocked := strings.CutPrefix(why, "needs what the line "); blocked {
					got = append(got, f.Check+" <- "+strings.TrimSuffix(other, " says"))
				} else {
					got = append(got, f.Check+": "+why)
				}
			}
			if !slices.Equal(got, test.want) {
				t.Errorf("got\n\t%s\nwant\n\t%s", strings.Join(got, "\n\t"), strings.Join(test.want, "\n\t"))
			}
		})
	}
}
