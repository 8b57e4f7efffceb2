package drain

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

	"sso-elevator/infra/command"
	"sso-elevator/infra/settings"
)

// world is a deployed system with open requests. A sweep cleans up after each stopped
// execution, some checks later.
type world struct {
	at       time.Time
	reserved int
	running  []string
	open     []request
	leases   []string
	sweeps   int // checks until the sweep has cleaned up, or -1 for never
	late     []string
	stopped  []string
	failing  string
}

func (w *world) fail(what string) error {
	if w.failing == what {
		return errors.New(what + ": no answer")
	}
	return nil
}

func (w *world) Concurrency(context.Context) (int, error) { return w.reserved, w.fail("Concurrency") }
func (w *world) SetConcurrency(_ context.Context, n int) error {
	if err := w.fail("SetConcurrency"); err != nil {
		return err
	}
	w.reserved = n
	return nil
}
func (w *world) ListRunning(context.Context) ([]string, error) {
	return w.running, w.fail("ListRunning")
}
func (w *world) Stop(_ context.Context, arn string) error {
	if w.reserved != 0 {
		return errors.New("stopped while people can still ask")
	}
	w.stopped = append(w.stopped, arn)
	return w.fail("Stop")
}

func (w *world) ReadOpen(context.Context) ([]request, []string, error) {
	return w.open, w.leases, w.fail("ReadOpen")
}

func (w *world) ReadRequest(_ context.Context, id string) (request, bool, error) {
	return request{ID: id, Who: "ann@example.com", What: "Admin in Sandbox (1)", Outcome: "approved", Removal: "removed", Closed: true}, true, w.fail("ReadRequest")
}

// sleep moves the clock and lets the sweep check.
func (w *world) sleep(_ context.Context, d time.Duration) error {
	w.at = w.at.Add(d)
	w.running = nil
	if len(w.late) > 0 { // an invocation of ingress that was in progress
		w.running, w.late = w.late, nil
	}
	if w.sweeps--; w.sweeps == 0 {
		w.open, w.leases = nil, nil
	}
	return nil
}

func active() *world {
	return &world{
		at: time.Date(2026, 3, 2, 12, 0, 0, 0, time.UTC), reserved: -1, sweeps: 5, running: []string{"arn:1"},
		open:   []request{{ID: "r1", Who: "ann@example.com", What: "Admin in Sandbox (1)", Outcome: "approved", Granted: true}},
		leases: []string{"account#1"},
	}
}

// testCommand is the command with another system and its own clock.
type testCommand struct {
	Command
	clock
	world *world
}

func (c *testCommand) Run(ctx context.Context, s command.Streams) error {
	return c.run(ctx, s, c.clock, func(context.Context, *settings.Settings) (system, error) { return c.world, nil })
}

// run runs the command with a shell's arguments.
func run(t *testing.T, args []string, stdout, stderr io.Writer, w *world) int {
	c := clock{now: func() time.Time { return w.at }, sleep: w.sleep}
	return command.Run(t.Context(), &testCommand{clock: c, world: w}, args, command.Streams{Out: stdout, Err: stderr})
}

// These are the exit codes of package command.
const (
	exitDone  = 0
	exitLeft  = 1 // something still exists, or may
	exitUsage = 2
)

func TestRun(t *testing.T) {
	example, err := os.ReadFile(filepath.Join("..", "testdata", "elevator.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	config := filepath.Join(t.TempDir(), "elevator.yaml")
	if err := os.WriteFile(config, example, 0o600); err != nil {
		t.Fatal(err)
	}
	const done = "Drained: no open request, no lease and no running execution is left. Requests ended: "
	for _, tt := range []struct {
		name         string
		args         string
		world        *world
		change       func(*world)
		code         int
		out, err     string // parts of the output
		wantReserved int
		wantStopped  string
	}{
		{name: "what there is", code: exitLeft, out: "Open requests: 1, leases: 1, running executions: 1.", err: "Nothing was changed", wantReserved: -1},
		{name: "nothing there", change: func(w *world) { w.open, w.leases, w.running = nil, nil, nil }, out: "Open requests: 0, ", wantReserved: -1},
		{name: "drained", args: "-yes", out: done + "1.", err: "elevator drain --reopen\n", wantStopped: "arn:1"},
		{name: "the table says what became of it", args: "-yes", out: "r1       ann@example.com  Admin in Sandbox (1)  over, access removed", wantStopped: "arn:1"},
		{name: "concurrency was reserved", args: "-yes", change: func(w *world) { w.reserved = 7 }, out: done, err: "elevator drain --reopen --reserved 7\n", wantStopped: "arn:1"},
		{name: "one that was starting", args: "-yes", change: func(w *world) { w.late = []string{"arn:2"} }, out: done, wantStopped: "arn:1 arn:2"},
		{name: "nothing there, one is starting", args: "-yes", change: func(w *world) { w.open, w.leases, w.running, w.late = nil, nil, nil, []string{"arn:2"} },
			out: done + "0.", wantStopped: "arn:2"},
		{name: "no sweep", args: "-yes -wait 5m", change: func(w *world) { w.sweeps = -1 }, code: exitLeft, out: "has access", err: "NOT DRAINED after 5m0s. Open requests: 1, leases: 1, running", wantStopped: "arn:1"},
		{name: "only a lease is left", args: "-yes -wait 5m", change: func(w *world) { w.sweeps, w.open = -1, nil }, code: exitLeft, out: "(lease)", err: "NOT DRAINED", wantStopped: "arn:1"},
		{name: "the table can't be read", args: "-yes", change: func(w *world) { w.failing = "ReadOpen" }, code: exitLeft, err: "NOT DRAINED. New requests are off: ReadOpen: no answer", wantStopped: "arn:1"},
		{name: "executions can't be listed", args: "-yes", change: func(w *world) { w.failing = "ListRunning" }, code: exitLeft, err: "NOT DRAINED"},
		{name: "one can't be stopped", args: "-yes", change: func(w *world) { w.failing = "Stop" }, code: exitLeft, err: "NOT DRAINED", wantStopped: "arn:1"},
		{name: "new requests can't be stopped", args: "-yes", change: func(w *world) { w.failing = "SetConcurrency" }, code: exitLeft, err: "stop new requests", wantReserved: -1},
		{name: "reopen", args: "-reopen", change: func(w *world) { w.reserved = 0 }, out: "People can request access again", wantReserved: -1},
		{name: "reopen with what there was", args: "-reopen -reserved 7", change: func(w *world) { w.reserved = 0 }, out: "People can request access again", wantReserved: 7},
		{name: "both", args: "-yes -reopen", code: exitUsage, wantReserved: -1},
		{name: "reopen with nothing", args: "-reopen -reserved 0", code: exitUsage, wantReserved: -1},
		{name: "an argument", args: "now", code: exitUsage, err: "unexpected argument now", wantReserved: -1},
		{name: "no settings", args: "-yes -config nowhere.yaml", code: exitUsage, err: "nowhere.yaml", wantReserved: -1},
		{name: "reopen as JSON", args: "-reopen -json", code: exitUsage, err: "--json can't be used with --reopen", wantReserved: -1},
	} {
		t.Run(tt.name, func(t *testing.T) {
			w := active()
			if tt.change != nil {
				tt.change(w)
			}
			start := w.at
			var out, errs bytes.Buffer
			code := run(t, append([]string{"-config", config}, strings.Fields(tt.args)...), &out, &errs, w)
			if code != tt.code || !strings.Contains(out.String(), tt.out) || !strings.Contains(errs.String(), tt.err) {
				t.Errorf("code %d, want %d\n%s\n%s", code, tt.code, &out, &errs)
			}
			if code != exitDone && strings.Contains(out.String(), done) {
				t.Errorf("it says that it is done: %s", &out)
			}
			if strings.Contains(out.String(), done) && w.at.Sub(start) < settleTime {
				t.Errorf("done after %s, when something could still begin", w.at.Sub(start))
			}
			if got := strings.Join(w.stopped, " "); w.reserved != tt.wantReserved || got != tt.wantStopped {
				t.Errorf("reserved %d, stopped %q; want %d, %q", w.reserved, got, tt.wantReserved, tt.wantStopped)
			}
		})
	}
}

// TestJSON checks that standard output has only the answer.
func TestJSON(t *testing.T) {
	config := filepath.Join("..", "testdata", "elevator.yaml")
	open := []requestReport{{"r1", "ann@example.com", "Admin in Sandbox (1)", "has access"}}
	for _, tt := range []struct {
		name, args string
		change     func(*world)
		code       int
		want       report
		err        string // a part of the output
	}{
		{name: "what there is", code: exitLeft, want: report{Ended: []requestReport{}, Open: open, Leases: []string{"account#1"}, Executions: 1}, err: "Open requests: 1, "},
		{name: "nothing there", change: func(w *world) { w.open, w.leases, w.running = nil, nil, nil },
			want: report{Ended: []requestReport{}, Open: []requestReport{}, Leases: []string{}}, err: "Open requests: 0, "},
		{name: "drained", args: "-yes", err: "Requests ended: 1.",
			want: report{Drained: true, Ended: []requestReport{{"r1", "ann@example.com", "Admin in Sandbox (1)", "over, access removed"}}, Open: []requestReport{}, Leases: []string{}}},
		{name: "no sweep", args: "-yes -wait 5m", change: func(w *world) { w.sweeps = -1 }, code: exitLeft,
			want: report{Ended: []requestReport{}, Open: open, Leases: []string{"account#1"}}, err: "NOT DRAINED after 5m0s"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			w := active()
			if tt.change != nil {
				tt.change(w)
			}
			var out, errs bytes.Buffer
			code := run(t, append([]string{"-json", "-config", config}, strings.Fields(tt.args)...), &out, &errs, w)
			if code != tt.code || !strings.Contains(errs.String(), tt.err) {
				t.Errorf("code %d, want %d\n%s", code, tt.code, &errs)
			}
			var got report
			decoder := json.NewDecoder(bytes.NewReader(out.Bytes()))
			decoder.DisallowUnknownFields()
			if err := decoder.Decode(&got); err != nil || decoder.More() || !reflect.DeepEqual(got, tt.want) {
				t.Errorf("%v: got %+v, want %+v: %s", err, got, tt.want, &out)
			}
			if strings.Contains(out.String(), "null") {
				t.Errorf("a list is null: %s", &out)
			}
		})
	}
}
