package command

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"testing"
	"time"
)

// sample is a command that returns a given error.
type sample struct {
	Name  string
	Wait  time.Duration
	Count int
	Yes   bool
	err   error
}

func (c *sample) Run(s Streams) error {
	fmt.Fprintf(s.Out, "%s %s %d %t\n", c.Name, c.Wait, c.Count, c.Yes)
	return c.err
}

// interruptible is a command that can be interrupted.
type interruptible struct{}

func (*interruptible) Run(ctx context.Context) error { return ctx.Err() }

func TestRun(t *testing.T) {
	no := errors.New("no answer")
	for _, tt := range []struct {
		name        string
		args        string
		err         error
		code        int
		out, stderr string
	}{
		{name: "done", args: "--name ann", out: "ann 0s 0 false\n"},
		{name: "no", err: ErrNo, code: 1, out: " 0s 0 false\n"},
		{name: "failed", err: no, code: 1, out: " 0s 0 false\n", stderr: "no answer\n"},
		{name: "bad input", err: fmt.Errorf("local: %w", BadInput(no)), code: 2, out: " 0s 0 false\n", stderr: "local: no answer\n"},
		{name: "stopped", err: fmt.Errorf("local: %w", Stopped(no)), code: 3, out: " 0s 0 false\n", stderr: "local: no answer\n"},
		{name: "one dash", args: "-name=ann -wait 2m -count 7 -yes", out: "ann 2m0s 7 true\n"},
		{name: "a value that begins with a dash", args: "-name -secret", out: "-secret 0s 0 false\n"},
		{name: "a value that is no UTF-8", args: "-name a\xff", out: "a\xff 0s 0 false\n"},
		{name: "an empty value", args: "-name=", out: " 0s 0 false\n"},
		{name: "the last one counts", args: "-name a -name b", out: "b 0s 0 false\n"},
		{name: "off", args: "-yes=false", out: " 0s 0 false\n"},
		{name: "no value", args: "-name", code: 2, stderr: "--name: its value is missing; see elevator --help\n"},
		{name: "no duration", args: "-wait long", code: 2, stderr: `--wait: expected duration but got "long"`},
		{name: "no number", args: "-count many", code: 2, stderr: "--count: "},
		{name: "an unknown flag", args: "-colour", code: 2, stderr: "unknown flag -colour; see elevator --help\n"},
		{name: "an unknown flag like a known one", args: "-count 7 -colour", code: 2, stderr: "unknown flag -colour; see elevator --help\n"},
		{name: "an unknown flag with two dashes", args: "--colour", code: 2, stderr: "unknown flag --colour"},
		{name: "an argument", args: "now", code: 2, stderr: "unexpected argument now; see elevator --help\n"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			var out, errs bytes.Buffer
			code := Run(t.Context(), &sample{err: tt.err}, strings.Fields(tt.args), Streams{Out: &out, Err: &errs})
			if code != tt.code || out.String() != tt.out || !strings.Contains(errs.String(), tt.stderr) || tt.stderr == "" && errs.Len() > 0 {
				t.Errorf("code %d, want %d\n%q, want %q\n%q, want %q", code, tt.code, out.String(), tt.out, errs.String(), tt.stderr)
			}
		})
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if code := Run(ctx, &interruptible{}, nil, Streams{Out: io.Discard, Err: io.Discard}); code != 1 {
		t.Errorf("interrupted: code %d", code)
	}
}

func TestNormalize(t *testing.T) {
	known := map[string]bool{"config": true, "yes": true, "h": true}
	for _, tt := range []struct{ name, args, want string }{
		{"a flag", "-config x -yes", "--config x --yes"},
		{"with its value", "-config=-yes", "--config=-yes"},
		{"two dashes", "--config x", "--config x"},
		{"an unknown one", "-colour -y -", "-colour -y -"},
		{"after the end", "-yes -- -yes -config", "--yes -- -yes -config"},
		{"a word", "config yes", "config yes"},
		{"nothing", "", ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if got, want := normalize(strings.Fields(tt.args), known), strings.Fields(tt.want); !slices.Equal(got, want) {
				t.Errorf("got %q, want %q", got, want)
			}
		})
	}
}
