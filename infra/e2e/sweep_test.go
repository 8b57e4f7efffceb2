package e2e

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/sfn"
	sfntypes "github.com/aws/aws-sdk-go-v2/service/sfn/types"

	"sso-elevator/infra/local/faults"
)

// sweepLimit is the guarantee: the first attempt to remove access comes within 150
// s after its execution is gone.
const sweepLimit = 150 * time.Second

// stop stops the request's execution from outside, as someone does in the console.
// It returns when that was, or the zero time if it had ended before.
func (r *request) stop(t *testing.T) (at time.Time) {
	t.Helper()
	if _, err := r.stack.sfn.StopExecution(context.Background(), &sfn.StopExecutionInput{ExecutionArn: r.execution(t).ExecutionArn}); err != nil {
		t.Fatal(err)
	}
	if r.execution(t).Status != sfntypes.ExecutionStatusAborted {
		return time.Time{}
	}
	return time.Now()
}

// redrive continues the request's execution from the state in which it ended.
func (r *request) redrive(t *testing.T) {
	t.Helper()
	if _, err := r.stack.sfn.RedriveExecution(context.Background(), &sfn.RedriveExecutionInput{ExecutionArn: r.execution(t).ExecutionArn}); err != nil {
		t.Fatal(err)
	}
}

// swept waits until the reconcile machine has cleaned up after the request, and
// returns the states of the first sweep. A check that read the row just before the end of that
// sweep may start another, which finds nothing left.
func (r *request) swept(t *testing.T, within time.Duration) []string {
	t.Helper()
	var states []string
	eventually(t, within, "request "+r.id+" is swept", func() error {
		machine := strings.Replace(r.stack.machine(t), "-requests", "-reconcile", 1)
		out, err := r.stack.sfn.ListExecutions(context.Background(), &sfn.ListExecutionsInput{StateMachineArn: &machine, StatusFilter: sfntypes.ExecutionStatusSucceeded, MaxResults: 1000})
		if err != nil {
			return err
		}
		states = nil
		for _, e := range slices.Backward(out.Executions) { // the earliest is last
			if !strings.HasPrefix(*e.Name, "sweep-"+r.id+"-") {
				continue
			}
			if entered := r.stack.states(t, *e.ExecutionArn); states == nil {
				states = entered
			} else if got := path(entered); got != "Mode? LookAtRequest WhatIsLeft? Done" {
				t.Errorf("another sweep went through %s", got)
			}
		}
		if states == nil {
			return errNotYet
		}
		return nil
	})
	return states
}

// TestStoppedInEveryState stops executions from outside, one in each state that
// leaves something behind. In each case everything is cleaned up: no access, no
// lease, each record once, and a message that says so. It stops the second half once the
// first is swept: many sweeps at once would slow down all other tests.
func TestStoppedInEveryState(t *testing.T) {
	t.Parallel()
	const (
		mayHold = 10 * time.Second // how long the call stays held after the stop
		sweep   = "Mode? LookAtRequest WhatIsLeft? "
		revoke  = sweep + "Revoke ConfirmRevoke AuditRevoke NotifyRevoked Close Done"
		refuse  = sweep + "RefuseRequest LookAgain Refused? AuditOutcome NotifyOutcome Close Done"
		outcome = sweep + "AuditOutcome NotifyOutcome Close Done"
	)
	cases := []struct {
		state               string // the state in which it is stopped
		function, operation string // the call that is held there; if none, the execution waits
		press               string
		seconds             int
		sweep               string
		events              []string // of the audit records
		or                  []string // other results that are also right
		wants               string   // text in the message
	}{
		{state: "Evaluate", function: "evaluate", operation: "evaluate", sweep: refuse, events: []string{"requested", "refused"}, wants: "request was interrupted. Please submit it again."},
		{state: "Announce", function: "notify", operation: "announce", sweep: refuse, events: []string{"requested", "refused"}, wants: "request was interrupted. Please submit it again."},
		{state: "AwaitApproval", sweep: refuse, events: []string{"requested", "refused"}, wants: "request was interrupted. Please submit it again."},
		{state: "AuditOutcome", function: "audit", operation: "outcome", press: "deny", sweep: outcome, events: []string{"requested", "denied"}, wants: "denied"},
		// The function creates the access when nobody waits for it any more, unless a
		// check gives the request up first.
		{state: "Grant", function: "grant", operation: "start", press: "approve", sweep: revoke, events: []string{"requested", "approved", "revoked"}, or: []string{"requested", "approved", "not_granted"}},
		// The function finds the access when nobody waits for it any more, unless the
		// sweep has begun to remove it first.
		{state: "ConfirmGrant", function: "grant", operation: "confirm", press: "approve", sweep: revoke, events: []string{"requested", "approved", "granted", "revoked"}, or: []string{"requested", "approved", "revoked"}},
		{state: "AuditGrant", function: "audit", operation: "granted", press: "approve", sweep: revoke, events: []string{"requested", "approved", "granted", "revoked"}},
		{state: "AwaitEnd", press: "approve", seconds: 120, sweep: revoke, events: []string{"requested", "approved", "granted", "revoked"}},
		{state: "Revoke", function: "revoke", operation: "start", press: "approve", sweep: revoke, events: []string{"requested", "approved", "granted", "revoked"}},
		{state: "ConfirmRevoke", function: "revoke", operation: "confirm", press: "approve", sweep: revoke, events: []string{"requested", "approved", "granted", "revoked"}},
		{state: "AuditRevoke", function: "audit", operation: "revoked", press: "approve", sweep: revoke, events: []string{"requested", "approved", "granted", "revoked"}},
	}
	requests, stopped := make([]*request, len(cases)), make([]time.Time, len(cases))
	entered := make([][]string, len(cases)) // the states up to the stop
	stop := func(t *testing.T, i int) {
		t.Helper()
		tt := cases[i]
		var rules []faults.Rule
		label := t.Name() + " " + tt.state
		if tt.function != "" {
			rules = append(rules, faults.Rule{Kind: faults.Hold, Label: label, Function: "-" + tt.function, Operation: tt.operation, Count: -1})
		}
		r := local.ask(t, wish{kim, accounts[i], "DeveloperAccess", max(tt.seconds, 10)}, rules...)
		requests[i] = r
		if tt.press != "" {
			if res := local.press(t, bob, r.message(t), tt.press, false); !res.OK {
				t.Fatalf("%s: press: %+v", tt.state, res)
			}
		}
		r.waitsIn(t, tt.state)
		stopped[i] = r.stop(t)
		time.AfterFunc(mayHold, func() { local.forget(t, label) })
		entered[i] = local.states(t, *r.execution(t).ExecutionArn)
	}
	half := len(cases) / 2
	for i := range half {
		stop(t, i)
	}
	for i, tt := range cases {
		if i == half {
			for n := half; n < len(cases); n++ {
				stop(t, n)
			}
		}
		t.Run(tt.state, func(t *testing.T) {
			r := requests[i]
			if e := r.execution(t); e.Status != sfntypes.ExecutionStatusAborted {
				t.Fatalf("the execution is %s", e.Status)
			}
			left := time.Until(stopped[i].Add(sweepLimit + mayHold))
			states := r.swept(t, left)
			if got := strings.Join(states, " "); got != tt.sweep {
				t.Errorf("the sweep went through\n%s, want\n%s", got, tt.sweep)
			}
			if r.assigned(t) {
				t.Error("access is left behind")
			}
			if state := r.leaseState(t); state != "" {
				t.Errorf("a lease is left behind, %s", state)
			}
			if row := r.stack.row(t, "request#"+r.id); row["closed_at"] == nil || row["open"] != nil {
				t.Errorf("the request is not closed: %v", row)
			}
			got := r.events(t)
			if !slices.Equal(got, tt.events) && !slices.Equal(got, tt.or) {
				t.Errorf("records %q, want %q", got, tt.events)
			}
			cases[i].events = got // and they don't change
			m := r.message(t)
			if m.has("approve") || m.has("end") || strings.Contains(string(m.Blocks), "🟢") {
				t.Errorf("the message is that of access, or of a request: %s", m.Blocks)
			}
			if texts := strings.Join(textsOf(t, m.Blocks), "\n"); !strings.Contains(texts, tt.wants) {
				t.Errorf("the message does not say %q: %s", tt.wants, texts)
			}
			for purpose, posts := range r.thread(t) {
				if len(posts) > 1 {
					t.Errorf("%d messages %q in the thread, want one at the most", len(posts), purpose)
				}
			}
		})
	}

	before := func(later, state string) bool {
		for _, c := range cases {
			if c.state == later {
				return false
			}
			if c.state == state {
				return true
			}
		}
		return false
	}
	// Someone starts the executions again, or redrives them. Requests that were given
	// up stay so.
	machine := local.machine(t)
	for i, r := range requests {
		input := fmt.Sprintf(`{"request_id":%q}`, r.id)
		name := fmt.Sprintf("again-%s", r.id)
		if _, err := local.sfn.StartExecution(context.Background(), &sfn.StartExecutionInput{StateMachineArn: &machine, Name: &name, Input: &input}); err != nil {
			t.Fatal(err)
		}
		r.redrive(t)
		again := map[string]string{
			"started anew": strings.Replace(machine, ":stateMachine:", ":execution:", 1) + ":" + name,
			"redriven":     *r.execution(t).ExecutionArn,
		}
		for how, arn := range again {
			what := "stopped in " + cases[i].state + ", " + how
			eventually(t, soon, what+", it ends", func() error {
				e, err := local.sfn.DescribeExecution(context.Background(), &sfn.DescribeExecutionInput{ExecutionArn: &arn})
				if err != nil || e.Status == sfntypes.ExecutionStatusRunning {
					return errNotYet
				}
				return nil
			})
			if r.assigned(t) {
				t.Errorf("%s: access came", what)
			}
			states := local.states(t, arn)
			if how == "redriven" {
				// It enters the state in which it was stopped again. A reminder may have been
				// due just before the stop.
				state := cases[i].state
				if state == "AwaitApproval" {
					state = entered[i][len(entered[i])-1]
				}
				states = states[len(entered[i]):]
				again := slices.Index(states, state)
				if again < 0 {
					t.Fatalf("%s: it was stopped after %q, and then went through %q", what, entered[i], states)
				}
				states = states[again+1:]
			}
			for _, forbidden := range []string{"Grant", "ConfirmGrant", "AuditGrant"} {
				if slices.Contains(states, forbidden) {
					t.Errorf("%s: it went through %q", what, states)
				}
			}
			if got := r.events(t); !slices.Equal(got, cases[i].events) {
				t.Errorf("%s: records %q, want %q", what, got, cases[i].events)
			}
			if m := r.message(t); m.has("approve") || m.has("end") || strings.Contains(string(m.Blocks), "🟢") {
				t.Errorf("%s: the message is that of access, or of a request: %s", what, m.Blocks)
			}
			for purpose, posts := range r.thread(t) {
				if len(posts) > 1 {
					t.Errorf("%s: %d messages %q in the thread", what, len(posts), purpose)
				}
				if before("AwaitEnd", cases[i].state) && strings.Contains(string(posts[0].Blocks), "access is ready") {
					t.Errorf("%s: the thread says that there is access: %s", what, posts[0].Blocks)
				}
			}
		}
	}
}

// TestRedriven redrives executions as soon as they are stopped. The requests
// continue as if nothing had happened.
func TestRedriven(t *testing.T) {
	t.Parallel()
	r := local.ask(t, wish{kim, accounts[len(accounts)-1], "DeveloperAccess", 20})
	again := func(state string) {
		t.Helper()
		r.waitsIn(t, state)
		r.stop(t)
		r.redrive(t)
		if e := r.execution(t); e.Status != sfntypes.ExecutionStatusRunning {
			t.Fatalf("redriven in %s it is %s", state, e.Status)
		}
	}
	again("AwaitApproval")
	if res := local.press(t, bob, r.message(t), "approve", false); !res.OK {
		t.Fatalf("press: %+v", res)
	}
	again("AwaitEnd")
	r.finished(t, sfntypes.ExecutionStatusSucceeded, 20*time.Second+removalLimit+soon)
	verify(t, r, told{})
	if want := []string{"requested", "approved", "granted", "revoked"}; !slices.Equal(r.events(t), want) {
		t.Errorf("records %q, want %q", r.events(t), want)
	}
	if r.assigned(t) || r.leaseState(t) != "" {
		t.Errorf("assigned %t, lease %q", r.assigned(t), r.leaseState(t))
	}
}
