package drain

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"text/tabwriter"
	"time"
	"unicode"

	"sso-elevator/infra/command"
)

// errLeft: there is still something. Nothing says "done" then.
var errLeft = errors.New("NOT DRAINED")

// request is one request, as far as it is shown.
type request struct {
	ID, Who, What       string
	Outcome, Removal    string // as the row has them
	Granted, Gone, Over bool   // the access existed; its absence was seen; the request is closed
}

func (r request) state() string {
	switch {
	case r.Over && r.Removal != "" && r.Removal != "nothing":
		return "over, access " + r.Removal
	case r.Over && r.Outcome != "":
		return "over, " + r.Outcome
	case r.Over:
		return "over"
	case r.Gone:
		return "removed, being recorded"
	case r.Granted:
		return "has access"
	case r.Outcome != "":
		return r.Outcome + ", being carried out"
	default:
		return "waits for a decision"
	}
}

type drain struct {
	system
	clock
	out, say io.Writer
	progress *command.Progress
	report   *json.Encoder // nil: the tables are enough
}

// report is the answer as JSON.
type report struct {
	Drained    bool     `json:"drained"` // nothing is left, and nobody can ask for more
	Ended      []shown  `json:"ended"`   // requests that were open when draining began
	Open       []shown  `json:"open"`
	Leases     []string `json:"leases"`     // that are held
	Executions int      `json:"executions"` // that run
}

// shown is a request as people read it.
type shown struct {
	ID    string `json:"id"`
	Who   string `json:"who"`
	What  string `json:"what"`
	State string `json:"state"`
}

func show(requests []request) []shown {
	all := []shown{}
	for _, r := range requests {
		all = append(all, shown{r.ID, r.Who, r.What, r.state()})
	}
	return all
}

// write writes what is left as JSON, if JSON is asked for.
func (d drain) write(open []request, leases, running []string) error {
	if d.report == nil {
		return nil
	}
	return d.report.Encode(report{Ended: []shown{}, Open: show(open), Leases: append([]string{}, leases...), Executions: len(running)})
}

// preview says what draining would end.
func (d drain) preview(ctx context.Context) error {
	open, leases, err := d.Open(ctx)
	if err != nil {
		return err
	}
	running, err := d.Running(ctx)
	if err != nil {
		return err
	}
	d.table(open, leases)
	fmt.Fprintf(d.out, "%d requests are open, %d executions run, %d leases are held. -yes ends them all.\n", len(open), len(running), len(leases))
	if err := d.write(open, leases, running); err != nil {
		return err
	}
	if len(open)+len(running)+len(leases) > 0 {
		return fmt.Errorf("%w: nothing was changed", errLeft)
	}
	return nil
}

func (d drain) reopen(ctx context.Context, reserved int) error {
	if err := d.Reserve(ctx, reserved); err != nil {
		return fmt.Errorf("let people ask again: %w", err)
	}
	fmt.Fprintln(d.out, "People can ask again.")
	return nil
}

// drain ends everything, and returns nil only after a strongly consistent read
// of the table found no open request and no lease, with no execution running and
// nobody able to start one.
func (d drain) drain(ctx context.Context, wait time.Duration) error {
	before, err := d.Reserved(ctx)
	if err != nil {
		return fmt.Errorf("look at ingress: %w", err)
	}
	if err := d.Reserve(ctx, 0); err != nil {
		return fmt.Errorf("stop new requests: %w", err)
	}
	shut := d.now()
	again := "drain -reopen"
	if before > 0 {
		again = fmt.Sprintf("drain -reopen -reserved %d", before)
	}
	fmt.Fprintf(d.say, "Nobody can ask for anything any more, nor approve. To undo that: %s\n", again)

	seen := map[string]request{}
	stopped := map[string]bool{}
	var open []request
	var leases, running []string
	for {
		if running, err = d.stopAll(ctx, stopped); err == nil {
			open, leases, err = d.Open(ctx)
		}
		if err != nil {
			return fmt.Errorf("%w, new requests are off: %w", errLeft, err)
		}
		for _, r := range open {
			seen[r.ID] = r
		}
		left := len(open) + len(leases) + len(running)
		if left == 0 && d.now().Sub(shut) >= ingressEnds {
			break
		}
		fmt.Fprintf(d.say, "%s  %d executions stopped, %d run; %d requests open, %d leases held\n",
			d.now().UTC().Format(time.TimeOnly), len(stopped), len(running), len(open), len(leases))
		if d.now().Sub(shut) >= wait {
			d.table(open, leases)
			if err := d.write(open, leases, running); err != nil {
				return fmt.Errorf("%w, new requests are off: %w", errLeft, err)
			}
			return fmt.Errorf("%w after %s: %d requests are open, %d leases are held, %d executions run. New requests stay off. The log of the function reconcile and the history of its machine say why; run this again", errLeft, wait, len(open), len(leases), len(running))
		}
		d.progress.Show("waiting until nothing is left: %d requests open, %d leases held", len(open), len(leases))
		if err := d.sleep(ctx, pollEvery); err != nil {
			return fmt.Errorf("%w, new requests are off: %w", errLeft, err)
		}
	}
	d.progress.Hide()
	var ended []request
	for _, id := range slices.Sorted(maps.Keys(seen)) {
		r, found, err := d.Request(ctx, id)
		if err != nil {
			return fmt.Errorf("%w: read what became of the requests: %w", errLeft, err)
		}
		if !found {
			r = seen[id]
			r.Over = true
		}
		ended = append(ended, r)
	}
	d.table(ended, nil)
	fmt.Fprintf(d.out, "Drained: %d requests ended, no request is open, no lease is held, no execution runs. New requests are off.\n", len(ended))
	if d.report != nil {
		return d.report.Encode(report{Drained: true, Ended: show(ended), Open: []shown{}, Leases: []string{}})
	}
	return nil
}

// stopAll stops what runs and has not been stopped, and returns what still runs
// besides.
func (d drain) stopAll(ctx context.Context, stopped map[string]bool) (running []string, err error) {
	all, err := d.Running(ctx)
	if err != nil {
		return nil, err
	}
	for _, arn := range all {
		if stopped[arn] {
			continue // the list is behind
		}
		if err := d.Stop(ctx, arn); err != nil {
			return nil, err
		}
		stopped[arn] = true
		running = append(running, arn)
	}
	return running, nil
}

// table shows requests, and the leases that no request explains.
func (d drain) table(requests []request, leases []string) {
	if len(requests)+len(leases) == 0 {
		return
	}
	t := tabwriter.NewWriter(d.out, 0, 0, 2, ' ', 0)
	fmt.Fprintln(t, "REQUEST\tWHO\tWHAT\tSTATE")
	for _, r := range requests {
		fmt.Fprintf(t, "%s\t%s\t%s\t%s\n", clean(r.ID), clean(r.Who), clean(r.What), r.state())
	}
	for _, key := range leases {
		fmt.Fprintf(t, "(lease)\t\t%s\theld\n", clean(key))
	}
	t.Flush()
}

// clean keeps what people named from moving the terminal's cursor.
func clean(text string) string {
	return strings.Map(func(r rune) rune {
		if unicode.IsPrint(r) {
			return r
		}
		return '?'
	}, text)
}
