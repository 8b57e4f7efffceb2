package main

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"text/tabwriter"
	"time"
)

// chainRuns is how often each chain is measured. The median counts.
const chainRuns = 15

// chain is a sequence of calls that a person waits for. Cold, it begins when the process
// of its first function starts; warm, when that function gets its event. It ends with the
// function's answer, when Slack has the filled form, or when the named call begins. A
// message and the loading form are calls, too. A whole path leaves out the time of Step
// Functions and Lambda.
type chain struct {
	name   string
	target time.Duration // cold
}

// chains are all chains, in the order of the table.
var chains = []chain{
	{"shortcut ► form opened", 35 * time.Millisecond},
	{"shortcut ► form filled in", 290 * time.Millisecond},
	{"submission ► answer", 235 * time.Millisecond},
	{"Approve ► SendTaskSuccess", 230 * time.Millisecond},
	{"evaluate", 270 * time.Millisecond},
	{"grant ► CreateAccountAssignment", 120 * time.Millisecond},
	{"submission ► message (whole path)", 540 * time.Millisecond},
	{"Approve ► CreateAccountAssignment (whole path)", 340 * time.Millisecond},
}

// played is one measurement of a chain.
type played struct {
	took  time.Duration
	from  time.Time
	calls []timedCall // those that began before the chain's end
}

// measureChains measures every chain on a stub that takes as long as the services do.
// Cold means that every function that takes part starts for the chain.
func measureChains(b *bench, built *binaries) ([]line, error) {
	w := chainWorld()
	l, err := newLiving(w, 0)
	if err != nil {
		return nil, err
	}
	defer l.close()
	var lines []line
	next := 0
	take := func() wished { next++; return wishedFrom(w, next) }
	for _, cold := range []bool{true, false} {
		name := map[bool]string{true: "cold", false: "warm"}[cold]
		p := newPlayer(built, l)
		runs := make([][]played, len(chains))
		for range chainRuns {
			one, err := playChains(p, take, cold)
			if err != nil {
				p.stop()
				return nil, fmt.Errorf("%s: %w", name, err)
			}
			for i := range chains {
				runs[i] = append(runs[i], one[i])
			}
		}
		if err := p.stop(); err != nil {
			return nil, err
		}
		for i, c := range chains {
			slices.SortFunc(runs[i], func(a, b played) int { return int(a.took - b.took) })
			middle := runs[i][len(runs[i])/2]
			l := line{measure: "chain, " + name + ": " + c.name, figure: formatDuration(middle.took)}
			if cold {
				l = durationLine(l.measure, middle.took, c.target)
			}
			lines = append(lines, l)
			fmt.Fprintf(&b.report, "%s, %s: %s\n%s\n", c.name, name, formatDuration(middle.took), timeline(middle))
		}
	}
	return lines, l.checkComplaints()
}

// playChains measures each chain once.
func playChains(p *player, take func() wished, cold bool) ([]played, error) {
	l := p.world
	// prepare lets every function start anew, or has it serve another request first.
	prepare := func() error {
		if cold {
			return p.stop()
		}
		return p.live(take())
	}
	delayed := func(f func() error) error {
		l.takeLog()
		l.setDelayed(true)
		defer l.setDelayed(false)
		return f()
	}
	if err := prepare(); err != nil {
		return nil, err
	}
	var open answered
	if err := delayed(func() (err error) { open, err = p.slack(openBody(), ""); return err }); err != nil {
		return nil, err
	}
	opening := l.takeLog()

	if cold {
		if err := p.stop(); err != nil {
			return nil, err
		}
	}
	w := take()
	var r requested
	if err := delayed(func() (err error) { r, err = p.request(w); return err }); err != nil {
		return nil, err
	}
	requesting := l.takeLog()
	if err := p.awaitApproval(w, r); err != nil {
		return nil, err
	}

	if cold {
		if err := p.stop(); err != nil {
			return nil, err
		}
	}
	var a approved
	if err := delayed(func() (err error) { a, err = p.approve(w, r); return err }); err != nil {
		return nil, err
	}
	approving := l.takeLog()
	if err := p.end(w, r); err != nil {
		return nil, err
	}

	var all []played
	var errs []error
	begins := func(c timedCall) time.Time { return c.from }
	ends := func(c timedCall) time.Time { return c.to }
	until := func(log []timedCall, from time.Time, callers, name string, point func(timedCall) time.Time) {
		i := slices.IndexFunc(log, func(c timedCall) bool { return c.name == name })
		if i < 0 {
			errs = append(errs, fmt.Errorf("there is no call of %s", name))
			return
		}
		end := point(log[i])
		all = append(all, played{end.Sub(from), from, callsOf(log, callers, end)})
	}
	answer := func(log []timedCall, a answered, caller string) {
		all = append(all, played{a.to.Sub(a.from), a.from, callsOf(log, caller, a.to)})
	}
	until(opening, open.from, "ingress", "Slack.views.open", begins)
	until(opening, open.from, "ingress", "Slack.views.update", ends)
	answer(requesting, r.submission, "ingress")
	until(approving, a.press.from, "ingress", "AWSStepFunctions.SendTaskSuccess", begins)
	answer(requesting, r.evaluation, "evaluate")
	until(approving, a.grant.from, "grant", "SWBExternalService.CreateAccountAssignment", begins)
	until(requesting, r.submission.from, "ingress evaluate notify", "Slack.chat.postMessage", begins)
	until(approving, a.press.from, "ingress grant", "SWBExternalService.CreateAccountAssignment", begins)
	return all, errors.Join(errs...)
}

// callsOf returns the calls of some functions that began by then.
func callsOf(log []timedCall, callers string, then time.Time) []timedCall {
	var calls []timedCall
	for _, c := range log {
		if !c.from.After(then) && slices.Contains(strings.Fields(callers), c.caller) {
			calls = append(calls, c)
		}
	}
	return calls
}

// timeline returns a line for each call: when it began and ended, in milliseconds, and
// the call that it seems to have waited for.
func timeline(p played) string {
	var text strings.Builder
	t := tabwriter.NewWriter(&text, 0, 0, 2, ' ', 0)
	fmt.Fprintln(t, "  function\tcall\tbegan\tended\tafter")
	for _, c := range p.calls {
		fmt.Fprintf(t, "  %s\t%s\t%d\t%d\t%s\n", c.caller, c.name, c.from.Sub(p.from).Milliseconds(), c.to.Sub(p.from).Milliseconds(), waitedFor(p.calls, c))
	}
	t.Flush()
	return text.String()
}

// waitedFor returns the name of the function's call that ended last before c began. It
// returns "start" if there is none.
func waitedFor(calls []timedCall, c timedCall) string {
	name, last := "start", time.Time{}
	for _, other := range calls {
		if other.caller == c.caller && !other.to.After(c.from) && other.to.After(last) {
			name, last = other.name, other.to
		}
	}
	return name
}
