package acceptance

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"sso-elevator/functions/access"
	"sso-elevator/infra/command"
)

// gone is a system whose stack doesn't exist. Nothing else calls it.
type gone struct{ System }

func (gone) Stack(context.Context) (Stack, error) {
	return Stack{}, errors.New("Stack with id x\x1b[2J does not exist")
}

// testCommand is the command with another way to connect.
type testCommand struct {
	Command
	connect func(stack string) (System, error)
}

func (c *testCommand) Run(ctx context.Context, s command.Streams) error {
	return c.run(ctx, s, func(_ context.Context, stack string) (System, error) { return c.connect(stack) })
}

func TestCommand(t *testing.T) {
	settings := filepath.Join(t.TempDir(), "elevator.yaml")
	text, err := os.ReadFile("../local/demo/elevator.yaml")
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(settings, append([]byte("name_prefix: ours\n"), text...), 0o600); err != nil {
		t.Fatal(err)
	}
	good := []string{"-stack", "elevator", "-target", "shop:Admin", "-other", "a:b:ReadOnly"}
	for _, tt := range []struct {
		name    string
		args    []string
		refuses bool // the connection fails
		code    int
		stack   string // the system that the command connects to
		out     string // in standard output
		said    string // in standard error
	}{
		{name: "an unknown flag", args: []string{"-nope"}, code: 2, said: "-nope"},
		{name: "an argument", args: []string{"now"}, code: 2, said: "unexpected argument now"},
		{name: "a target without a permission set", args: []string{"-target", "shop"}, code: 2, said: "want ACCOUNT:PERMISSION_SET"},
		{name: "a target without an account", args: []string{"-other", ":Admin"}, code: 2, said: "want ACCOUNT:PERMISSION_SET"},
		{name: "no settings", args: []string{"-config", "nowhere.yaml"}, code: 2, said: "nowhere.yaml"},
		{name: "no targets", args: []string{"-config", settings}, code: 2, stack: "ours", said: "--target needs an account and a permission set"},
		{name: "too long", args: append([]string{"-duration", "1h"}, good...), code: 2, stack: "elevator", said: "at most 10m0s"},
		{name: "no credentials", args: good, refuses: true, code: 1, stack: "elevator", said: "no region"},
		{name: "nothing is deployed", args: good, code: 1, stack: "elevator", out: "FAILED: 1 ok, 1 failed, 17 skipped"},
		{name: "as JSON", args: append([]string{"-json"}, good...), code: 1, stack: "elevator", out: `"state": "failed"`, said: "FAILED: 1 ok, 1 failed, 17 skipped"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			var stdout, stderr bytes.Buffer
			asked := ""
			c := &testCommand{connect: func(stack string) (System, error) {
				asked = stack
				if tt.refuses {
					return nil, errors.New("no region")
				}
				return gone{}, nil
			}}
			code := command.Run(t.Context(), c, tt.args, command.Streams{Out: &stdout, Err: &stderr})
			if code != tt.code || asked != tt.stack || !strings.Contains(stdout.String(), tt.out) || !strings.Contains(stderr.String(), tt.said) {
				t.Errorf("code %d, want %d; connected to %q, want %q\n%s\n%s", code, tt.code, asked, tt.stack, stdout.String(), stderr.String())
			}
			if strings.Contains(stdout.String()+stderr.String(), "\x1b") {
				t.Error("what AWS answers moves the cursor")
			}
			if strings.Contains(tt.name, "JSON") {
				var r Result
				if err := json.Unmarshal(stdout.Bytes(), &r); err != nil || r.Stack != "elevator" || len(r.Steps) != 19 {
					t.Errorf("%v: %s", err, stdout.String())
				}
			}
		})
	}
}

// TestReport checks that the output, the summary and the JSON agree.
func TestReport(t *testing.T) {
	ok := Step{Name: "stack", State: OK, Saw: []string{"CREATE_COMPLETE"}, Seconds: 1.25}
	sized := Step{Name: "catalog", State: OK, Saw: []string{"3 accounts"}, Seconds: 0.5, Bytes: 321}
	failed := Step{Name: "cleanup", State: Failed, Saw: []string{"one", "failed: still there"}}
	skipped := Step{Name: "drift found", State: Skipped, Saw: []string{"skipped: nobody"}}
	for _, tt := range []struct {
		name  string
		steps []Step
		err   error
		want  string
	}{
		{"passed", []Step{ok, sized, skipped}, nil, `
STEP         STATE    TOOK   BYTES  
stack        ok       1.2 s         
catalog      ok       0.5 s  321    
drift found  skipped  0.0 s         skipped: nobody

Passed: 2 ok, 0 failed, 1 skipped, in 7 s.
`},
		{"failed", []Step{ok, failed}, command.ErrNo, `
STEP     STATE   TOOK   BYTES  
stack    ok      1.2 s         
cleanup  failed  0.0 s         failed: still there

FAILED: 1 ok, 1 failed, 0 skipped, in 7 s.
`},
		{"nothing was looked at", []Step{skipped}, command.ErrNo, `
STEP         STATE    TOOK   BYTES  
drift found  skipped  0.0 s         skipped: nobody

FAILED: 0 ok, 0 failed, 1 skipped, in 7 s.
`},
	} {
		r := Result{Stack: "elevator", Seconds: 7.2, Steps: tt.steps}
		var lines, out bytes.Buffer
		if err := report(r, &lines, nil); err != tt.err || lines.String() != tt.want {
			t.Errorf("%s: error %v, want %v, and\n%s, want\n%s", tt.name, err, tt.err, lines.String(), tt.want)
		}
		if err := report(r, &lines, &out); err != tt.err {
			t.Errorf("%s: with JSON the error is %v, want %v", tt.name, err, tt.err)
		}
		var again Result
		if err := json.Unmarshal(out.Bytes(), &again); err != nil || len(again.Steps) != len(tt.steps) {
			t.Errorf("%s: %v: %s", tt.name, err, out.String())
		}
	}
}

func TestTerminal(t *testing.T) {
	var said []string
	p := terminal{func(line string) { said = append(said, line) }}
	target := access.Target{AccountID: "111111111111", AccountName: "shop", PermissionSet: "Admin"}
	r := access.Request{ID: "r1", Target: target, Requester: access.Person{Email: "ann@example.com"}}
	ctx := t.Context()
	for _, ask := range []func() error{
		func() error {
			return p.Request(ctx, Wish{Target: target, Duration: 2 * time.Minute, Mark: "acceptance-x-1"})
		},
		func() error {
			return p.Request(ctx, Wish{Target: target, Duration: time.Minute, Mark: "acceptance-x-2", Email: "Bob@Example.com"})
		},
		func() error { return p.Approve(ctx, r) }, func() error { return p.Deny(ctx, r) }, func() error { return p.EndNow(ctx, r) },
	} {
		if err := ask(); err != nil {
			t.Error(err)
		}
	}
	want := []string{
		">>> In Slack: request Admin in shop (111111111111) for 2m0s. Put this word into the reason: acceptance-x-1",
		">>> In Slack: as Bob@Example.com, request Admin in shop (111111111111) for 1m0s. Put this word into the reason: acceptance-x-2",
		">>> In Slack: have an approver press Approve on the request of ann@example.com for Admin in shop (request r1). If a dialog opens, have them press Approve there, too.",
		">>> In Slack: have an approver press Deny on the request of ann@example.com for Admin in shop (request r1).",
		">>> In Slack: press End now on the request of ann@example.com for Admin in shop (request r1).",
	}
	if strings.Join(said, "\n") != strings.Join(want, "\n") {
		t.Errorf("it says\n%s\nwant\n%s", strings.Join(said, "\n"), strings.Join(want, "\n"))
	}
}
