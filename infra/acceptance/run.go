// Package acceptance checks a deployed system from outside, with a person's AWS
// credentials and a person at Slack. It reports everything that it sees.
//
// It needs none of the functions' permissions. It changes nothing that it did not
// create, and removes what it created. The system itself grants and removes the
// access that people request during the run.
package acceptance

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"sync"
	"time"

	"sso-elevator/functions/access"
	"sso-elevator/functions/adapters/catalog"
)

// The steps, in the order in which they end.
const (
	StepStack       = "stack"
	StepFunctions   = "functions and machines"
	StepCatalog     = "catalog"
	StepTargets     = "targets"
	StepStopped     = "execution stopped"
	StepRequested   = "request"
	StepGranted     = "assignment created"
	StepDrift       = "drift found"
	StepRemoved     = "assignment removed"
	StepHeld        = "assignment held"
	StepEarlyEnd    = "early end"
	StepSwept       = "stopped execution swept"
	StepManagement  = "management account"
	StepCapitals    = "email with capitals"
	StepRecords     = "records complete"
	StepConditional = "conditional updates"
	StepNested      = "nested updates"
	StepSizes       = "sizes and times"
	StepCleanup     = "cleanup"
)

// removalPromise is how long access may remain after its end, or after its
// execution is gone.
const removalPromise = 150 * time.Second

// settleLimit is for everything that the system does within seconds, but promises
// no time for.
const settleLimit = 2 * time.Minute

// run is one acceptance run.
type run struct {
	Options
	sys    System
	person Person
	say    func(line string)
	mark   string // in the reason of each request, and the name of the run of the reconciliation

	result  Result
	watches sync.WaitGroup
	// lifetime ends the watches.
	lifetime context.Context

	catalog               catalog.Names
	target, other, manage access.Target
	driftUser             string // id
	requests              []*followed
	seen                  map[string]bool // requests of others
	made                  *access.Subject // the assignment that this run made, until it is removed
}

// Run runs all steps, and calls say with each line of what it sees. An error means
// that the options are wrong, and that nothing was done.
func Run(ctx context.Context, o Options, stack string, sys System, p Person, say func(line string)) (Result, error) {
	if err := o.check(); err != nil {
		return Result{}, err
	}
	started := o.Now()
	r := &run{
		Options: o, sys: sys, person: p, say: say, mark: "acceptance-" + strconv.FormatInt(started.Unix(), 36),
		seen: map[string]bool{}, result: Result{Stack: stack, Started: started.UTC(), Times: map[string]float64{}},
	}
	var end context.CancelFunc
	r.lifetime, end = context.WithCancel(ctx)
	r.steps(ctx)
	end()
	r.watches.Wait()
	r.result.Seconds = o.Now().Sub(started).Seconds()
	return r.result, nil
}

// steps runs all steps of the acceptance. The step that stops an execution waits for the
// sweep in the background, while the others continue.
func (r *run) steps(ctx context.Context) {
	// Whatever happens, remove what this run made.
	defer func() {
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), settleLimit)
		defer cancel()
		r.step(ctx, StepCleanup, r.cleanUp)
	}()
	r.step(ctx, StepStack, r.lookAtStack)
	r.step(ctx, StepFunctions, r.lookAtFunctions, StepStack)
	r.step(ctx, StepCatalog, r.lookAtCatalog, StepFunctions)
	r.step(ctx, StepTargets, r.findTargets, StepCatalog)

	var stopped, first *followed
	var stoppedAt time.Time
	r.step(ctx, StepStopped, func(ctx context.Context, s *Step) (err error) {
		if stopped, err = r.obtain(ctx, s, r.other); err == nil {
			stoppedAt, err = r.stop(ctx, s, stopped)
		}
		return err
	}, StepTargets)

	r.step(ctx, StepRequested, func(ctx context.Context, s *Step) (err error) {
		first, err = r.request(ctx, s, r.target, "")
		return err
	}, StepTargets)
	r.step(ctx, StepGranted, func(ctx context.Context, s *Step) error { return r.approve(ctx, s, first) }, StepRequested)
	r.step(ctx, StepDrift, r.findDrift, StepTargets)
	r.step(ctx, StepRemoved, func(ctx context.Context, s *Step) error {
		return r.awaitGone(ctx, s, first, "its end", "end_to_gone", first.row.End)
	}, StepGranted)
	r.step(ctx, StepHeld, func(ctx context.Context, s *Step) error { return r.checkHeld(s, first) }, StepGranted)
	r.step(ctx, StepEarlyEnd, func(ctx context.Context, s *Step) error {
		f, err := r.obtain(ctx, s, r.target)
		if err != nil {
			return err
		}
		return r.endEarly(ctx, s, f)
	}, StepRemoved)
	r.step(ctx, StepSwept, func(ctx context.Context, s *Step) error {
		return r.awaitGone(ctx, s, stopped, "its execution was stopped", "stop_to_gone", stoppedAt)
	}, StepStopped)
	r.step(ctx, StepManagement, r.tryManagement, StepTargets)
	r.step(ctx, StepCapitals, r.tryCapitals, StepTargets)

	r.step(ctx, StepRecords, r.compareRecords, StepRequested)
	r.step(ctx, StepConditional, r.checkConditionalUpdates, StepRequested)
	r.step(ctx, StepNested, r.checkNestedUpdates, StepRequested)
	r.step(ctx, StepSizes, r.measure, StepRequested)
}

// skip is the error of a skipped step. It says why the step was skipped.
type skip string

func (s skip) Error() string { return string(s) }

// step runs one step, if the steps that it needs are ok.
func (r *run) step(ctx context.Context, name string, do func(context.Context, *Step) error, needs ...string) {
	s := &Step{Name: name, State: OK, Saw: []string{}}
	began := r.Now()
	err := ctx.Err()
	if err != nil {
		err = skip("interrupted")
	}
	for _, need := range needs {
		if before, _ := r.result.Step(need); err == nil && before.State != OK {
			err = skip(fmt.Sprintf("needs the step %q, which is not ok", need))
		}
	}
	if err == nil {
		if r.OnStep != nil {
			r.OnStep(name)
		}
		err = do(ctx, s)
	}
	var left skip
	if errors.As(err, &left) {
		s.State = Skipped
	} else if err != nil {
		s.State = Failed
	}
	s.Seconds = r.Now().Sub(began).Seconds()
	if err != nil {
		r.note(s, "%s: %s", s.State, oneLine(err))
	}
	r.result.Steps = append(r.result.Steps, *s)
}

// note records and reports one line of what was seen.
func (r *run) note(s *Step, format string, args ...any) {
	line := fmt.Sprintf(format, args...)
	s.Saw = append(s.Saw, line)
	r.say(fmt.Sprintf("%s  %s: %s", r.Now().UTC().Format(time.TimeOnly), s.Name, line))
}

// oneLine returns an error's text on one line, also if several errors were joined.
func oneLine(err error) string { return strings.ReplaceAll(err.Error(), "\n", "; ") }

// waitUntil calls f until it returns true or an error. After limit, it returns an error.
// what says in that error what did not happen.
func (r *run) waitUntil(ctx context.Context, limit time.Duration, what string, f func() (done bool, err error)) error {
	deadline := r.Now().Add(limit)
	for {
		done, err := f()
		if err != nil {
			return fmt.Errorf("%s: %w", what, err)
		}
		if done {
			return nil
		}
		if r.Now().After(deadline) {
			return fmt.Errorf("%s: timed out after %s", what, round(limit))
		}
		if err := sleep(ctx, r.Poll); err != nil {
			return fmt.Errorf("%s: %w", what, err)
		}
	}
}

// round rounds d for people.
func round(d time.Duration) time.Duration {
	if d < 10*time.Second {
		return d.Round(100 * time.Millisecond)
	}
	return d.Round(time.Second)
}

// recordTime records how long something took. It keeps the longest time of each kind.
func (r *run) recordTime(kind string, d time.Duration) {
	if before, ok := r.result.Times[kind]; !ok || d.Seconds() > before {
		r.result.Times[kind] = d.Seconds()
	}
}

// kinds are the times that a run measures.
var kinds = []struct{ kind, text string }{
	{"request_to_posted", "from a request to its message in the channel"},
	{"press_to_assigned", "from the decision to the assignment"},
	{"end_to_gone", "from the end of the access to the deletion of the assignment"},
	{"early_end_to_gone", "from End now to the deletion of the assignment"},
	{"stop_to_gone", "from stopping the execution to the deletion of the assignment"},
}

// refreshAll returns the requests of this run, with their rows read again.
func (r *run) refreshAll(ctx context.Context) ([]*followed, error) {
	if len(r.requests) == 0 {
		return nil, errors.New("there was no request")
	}
	for _, f := range r.requests {
		if err := r.refresh(ctx, f); err != nil {
			return nil, err
		}
	}
	return r.requests, nil
}
