package drain

import (
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"text/tabwriter"
	"time"

	"sso-elevator/infra/command"
)

// errNotDrained means that requests, leases or executions may be left.
var errNotDrained = errors.New("NOT DRAINED")

// request has the parts of a request that the command shows.
type request struct {
	ID, Who, What            string
	Outcome, Removal         string // as in the row
	Granted, Removed, Closed bool   // has granted_at; has revoked_at (the access is gone); has closed_at
}

func (r request) state() string {
	switch {
	case r.Closed && r.Removal != "" && r.Removal != "nothing":
		return "over, access " + r.Removal
	case r.Closed && r.Outcome != "":
		return "over, " + r.Outcome
	case r.Closed:
		return "over"
	case r.Removed:
		return "access removed, not yet closed"
	case r.Granted:
		return "has access"
	case r.Outcome != "":
		return r.Outcome + ", in progress"
	default:
		return "waiting for a decision"
	}
}

type drainer struct {
	system
	clock
	out, messages io.Writer
	progress      *command.Progress
	json          io.Writer // nil without --json
}

// report is the JSON output.
type report struct {
	Drained    bool            `json:"drained"` // nothing remains, and new requests are off
	Ended      []requestReport `json:"ended"`   // requests that draining ended
	Open       []requestReport `json:"open"`
	Leases     []string        `json:"leases"`     // keys of the remaining leases
	Executions int             `json:"executions"` // number that still run
}

// requestReport is one request of a report, in words.
type requestReport struct {
	ID    string `json:"id"`
	Who   string `json:"who"`
	What  string `json:"what"`
	State string `json:"state"`
}

func reportRequests(requests []request) []requestReport {
	all := []requestReport{}
	for _, r := range requests {
		all = append(all, requestReport{r.ID, r.Who, r.What, r.state()})
	}
	return all
}

// If --json is set, writeReport writes the remaining requests and leases as JSON.
func (d drainer) writeReport(open []request, leases, running []string) error {
	if d.json == nil {
		return nil
	}
	return command.WriteJSON(d.json, report{Ended: []requestReport{}, Open: reportRequests(open), Leases: append([]string{}, leases...), Executions: len(running)})
}

// preview shows what draining would end. It changes nothing.
func (d drainer) preview(ctx context.Context) error {
	open, leases, err := d.ReadOpen(ctx)
	if err != nil {
		return err
	}
	running, err := d.ListRunning(ctx)
	if err != nil {
		return err
	}
	d.writeTable(open, leases)
	fmt.Fprintf(d.out, "Open requests: %d, leases: %d, running executions: %d.\n", len(open), len(leases), len(running))
	if err := d.writeReport(open, leases, running); err != nil {
		return err
	}
	if len(open)+len(running)+len(leases) > 0 {
		return fmt.Errorf("%w. Nothing was changed. To end all of this, run: elevator drain --yes", errNotDrained)
	}
	return nil
}

func (d drainer) reopen(ctx context.Context, reserved int) error {
	if err := d.SetConcurrency(ctx, reserved); err != nil {
		return fmt.Errorf("reopen: %w", err)
	}
	fmt.Fprintln(d.out, "People can request access again.")
	return nil
}

// drain stops new requests and ends all access. It returns nil only if no execution
// is running, nobody can start one, and a strongly consistent read of the table found
// no open request and no lease.
func (d drainer) drain(ctx context.Context, wait time.Duration) error {
	before, err := d.Concurrency(ctx)
	if err != nil {
		return fmt.Errorf("read the concurrency of ingress: %w", err)
	}
	if err := d.SetConcurrency(ctx, 0); err != nil {
		return fmt.Errorf("stop new requests: %w", err)
	}
	closedAt := d.now()
	undo := "elevator drain --reopen"
	if before > 0 {
		undo = fmt.Sprintf("elevator drain --reopen --reserved %d", before)
	}
	fmt.Fprintf(d.messages, "Forms and buttons in Slack are now off: nobody can request or approve. Undo: %s\n", undo)

	seen := map[string]request{}
	stopped := map[string]bool{}
	var open []request
	var leases, running []string
	for {
		if running, err = d.stopAll(ctx, stopped); err == nil {
			open, leases, err = d.ReadOpen(ctx)
		}
		if err != nil {
			return interrupted(err)
		}
		for _, r := range open {
			seen[r.ID] = r
		}
		remaining := len(open) + len(leases) + len(running)
		if remaining == 0 && d.now().Sub(closedAt) >= settleTime {
			break
		}
		fmt.Fprintf(d.messages, "%s  executions stopped: %d, running: %d; open requests: %d, leases: %d\n",
			d.now().UTC().Format(time.TimeOnly), len(stopped), len(running), len(open), len(leases))
		if d.now().Sub(closedAt) >= wait {
			d.writeTable(open, leases)
			if err := d.writeReport(open, leases, running); err != nil {
				return interrupted(err)
			}
			return fmt.Errorf("%w after %s. Open requests: %d, leases: %d, running executions: %d. New requests stay off. Find the cause in the log of the function reconcile and in the executions of its state machine, then run elevator drain --yes again", errNotDrained, wait, len(open), len(leases), len(running))
		}
		d.progress.Show("waiting until nothing is left (open requests: %d, leases: %d)", len(open), len(leases))
		if err := d.sleep(ctx, pollInterval); err != nil {
			return interrupted(err)
		}
	}
	d.progress.Hide()
	var ended []request
	for _, id := range slices.Sorted(maps.Keys(seen)) {
		r, found, err := d.ReadRequest(ctx, id)
		if err != nil {
			return fmt.Errorf("%w. Can't read how the requests ended: %w. Run elevator drain --yes again", errNotDrained, err)
		}
		if !found {
			r = seen[id]
			r.Closed = true
		}
		ended = append(ended, r)
	}
	d.writeTable(ended, nil)
	fmt.Fprintf(d.out, "Drained: no open request, no lease and no running execution is left. Requests ended: %d. New requests are off.\n", len(ended))
	if d.json != nil {
		return command.WriteJSON(d.json, report{Drained: true, Ended: reportRequests(ended), Open: []requestReport{}, Leases: []string{}})
	}
	return nil
}

// interrupted returns the error of a drain that stopped because of err.
func interrupted(err error) error {
	return fmt.Errorf("%w. New requests are off: %w. Fix this, then run elevator drain --yes again", errNotDrained, err)
}

// stopAll stops every running execution that is not in stopped, and adds it there.
// It returns the executions that it stopped.
func (d drainer) stopAll(ctx context.Context, stopped map[string]bool) (running []string, err error) {
	all, err := d.ListRunning(ctx)
	if err != nil {
		return nil, err
	}
	for _, arn := range all {
		if stopped[arn] {
			continue // Step Functions' list lags behind
		}
		if err := d.Stop(ctx, arn); err != nil {
			return nil, err
		}
		stopped[arn] = true
		running = append(running, arn)
	}
	return running, nil
}

// writeTable writes a line for each request and each lease.
func (d drainer) writeTable(requests []request, leases []string) {
	if len(requests)+len(leases) == 0 {
		return
	}
	t := tabwriter.NewWriter(d.out, 0, 0, 2, ' ', 0)
	fmt.Fprintln(t, "REQUEST\tWHO\tWHAT\tSTATE")
	for _, r := range requests {
		fmt.Fprintf(t, "%s\t%s\t%s\t%s\n", command.Printable(r.ID), command.Printable(r.Who), command.Printable(r.What), r.state())
	}
	for _, key := range leases {
		fmt.Fprintf(t, "(lease)\t\t%s\theld\n", command.Printable(key))
	}
	t.Flush()
}
