package statemachine

import (
	"slices"
	"testing"
	"time"

	"sso-elevator/functions/access"
)

// This is the most important rule. After Grant, every path leads through Revoke,
// and none runs in circles before it, apart from Grant's own wait (TestUndecidable). After Revoke, every path ends with a verified
// removal or hands over to a new execution.
func TestAfterGrantEveryPathRevokes(t *testing.T) {
	m := requestMachine(t)
	for name := range m.reachable("Grant", "Revoke") {
		if s := m.States[name]; len(s.next()) == 0 {
			t.Errorf("%s ends the execution after Grant without Revoke", name)
		}
	}
	if _, err := m.longest("Grant", func(*state) int { return 1 }, "Revoke", "WaitToGrant"); err != nil {
		t.Errorf("between Grant and Revoke: %v", err)
	}

	for name := range m.reachable("Revoke", "AuditRevoke", "HandOver") {
		if s := m.States[name]; len(s.next()) == 0 {
			t.Errorf("%s ends the execution after Revoke, before the removal was confirmed and recorded", name)
		}
	}
	for _, before := range []string{"Revoke", "ConfirmRevoke"} {
		s := m.States[before]
		for _, c := range s.Catch {
			if m.reachable(c.Next, "Revoke", "HandOver")["AuditRevoke"] {
				t.Errorf("%s fails and yet leads to AuditRevoke", before)
			}
		}
	}
	if got := m.States["Revoke"].Next; got != "ConfirmRevoke" {
		t.Errorf("Revoke leads to %s, want ConfirmRevoke", got)
	}
	if m.reachable("HandOver", "HandedOver", "Revoke")["Done"] {
		t.Error("a failed HandOver leads to Done, want Revoke")
	}
}

// If the policy can't decide, nothing is refused: Evaluate and Grant wait and run again.
// Only their error Undecidable leads to these waits, so nothing was created. Grant doesn't
// retry it: the first attempt in the state knows that no other one created anything.
func TestUndecidable(t *testing.T) {
	m := requestMachine(t)
	for wait, of := range map[string]string{"WaitToEvaluate": "Evaluate", "WaitToGrant": "Grant"} {
		if s := m.States[wait]; s.Type != "Wait" || s.Next != of {
			t.Errorf("%s is a %s before %s, want a Wait before %s", wait, s.Type, s.Next, of)
		}
		for name, s := range m.all() {
			for i, c := range s.Catch {
				if c.Next == wait && (name != of || i != 0 || !slices.Equal(c.ErrorEquals, []string{string(access.CodeUndecidable)}) || resultPath(c.ResultPath) != "") {
					t.Errorf("catcher %d of %s leads to %s: %+v", i, name, wait, c)
				}
			}
			if name != of && slices.Contains(s.next(), wait) {
				t.Errorf("%s leads to %s", name, wait)
			}
		}
		first := m.States[of].Catch[0]
		if first.Next != wait {
			t.Errorf("the first catcher of %s leads to %s", of, first.Next)
		}
	}
	for name, s := range m.all() {
		for _, r := range s.Retry {
			if slices.Contains(r.ErrorEquals, string(access.CodeUndecidable)) && name != "Evaluate" {
				t.Errorf("%s retries Undecidable", name)
			}
		}
	}
}

// There is no access without a decision. Only an approval in the table or by the
// policy leads to Grant; a Default never does. A Pass may stand between them if
// nothing else leads to it.
func TestOnlyAnApprovalLeadsToGrant(t *testing.T) {
	m := requestMachine(t)
	for to := range onlyOnApproval(t, m, "Grant") {
		if m.StartAt == to {
			t.Errorf("the machine starts with %s", to)
		}
	}
}

// onlyOnApproval checks that only Choice rules about an approval lead to a state,
// directly or through Passes and Waits. It returns the names of the state and those. Grant
// may lead to itself.
func onlyOnApproval(t *testing.T, m machine, to string) map[string]bool {
	t.Helper()
	held := map[string]bool{to: true}
	for name, s := range m.all() {
		if name == "Grant" {
			continue
		}
		if (s.Type == "Pass" || s.Type == "Wait") && slices.Contains(s.next(), to) {
			for pass := range onlyOnApproval(t, m, name) {
				held[pass] = true
			}
			continue
		}
		if s.Type != "Choice" {
			if slices.Contains(s.next(), to) {
				t.Errorf("%s, a %s, leads to %s", name, s.Type, to)
			}
			continue
		}
		if s.Default == to {
			t.Errorf("%s leads to %s by default", name, to)
		}
		for _, c := range s.Choices {
			if c.Next != to {
				continue
			}
			conditions := append([]choice{c}, c.And...)
			if !slices.ContainsFunc(conditions, func(c choice) bool {
				return c.Variable == "$.approval.next" && c.StringEquals != nil &&
					(*c.StringEquals == "automatic" || *c.StringEquals == "approved")
			}) {
				t.Errorf("%s leads to %s on something else than automatic or approved", name, to)
			}
		}
	}
	return held
}

// A token's result may be as large as an execution allows. The machine replaces it
// before Grant. After Grant, a state that is too large would end the execution, and
// no Catch handles that.
func TestNothingOfATokenReachesGrant(t *testing.T) {
	m := requestMachine(t)
	wait := m.States["AwaitApproval"]
	place := resultPath(wait.ResultPath)
	var over []string // states that replace the result
	for name, s := range m.States {
		if name != "AwaitApproval" && resultPath(s.ResultPath) == place && (s.Type == "Pass" || s.ResultSelector != nil) {
			over = append(over, name)
		}
	}
	if m.reachable(wait.Next, over...)["Grant"] {
		t.Errorf("Grant can be reached from %s without passing one of %q", wait.Next, over)
	}
}

// AwaitApproval must not retry at once if it fails at once. It would fill the
// history in minutes.
func TestFailedAwaitDoesNotSpin(t *testing.T) {
	m := requestMachine(t)
	var waits []string
	for name, s := range m.States {
		if s.Type == "Wait" {
			waits = append(waits, name)
		}
	}
	for _, c := range m.States["AwaitApproval"].Catch {
		if !slices.Equal(c.ErrorEquals, []string{"States.Timeout"}) && m.reachable(c.Next, waits...)["AwaitApproval"] {
			t.Errorf("AwaitApproval fails with %q and is tried again without a wait", c.ErrorEquals)
		}
	}
}

// A Slack outage delays no removal. Between Grant and the confirmed removal, only
// NotifyGranted calls Slack. It runs in parallel with the wait for the end and
// takes at most 15 s. If only the removal is left, no call to Slack precedes it.
func TestSlackDelaysNoRemoval(t *testing.T) {
	m := requestMachine(t)
	for name := range m.reachable("Grant", "AuditRevoke") {
		if m.States[name].function() == "notify" {
			t.Errorf("%s talks to Slack between Grant and the confirmed removal", name)
		}
	}
	for name, s := range m.States {
		if s.function() != "notify" {
			continue
		}
		// Evaluate starts over, so the search stops there.
		for reached := range m.reachable(name, "Grant", "Evaluate", "Revoke") {
			if slices.Contains(m.States[reached].next(), "Revoke") {
				t.Errorf("%s talks to Slack before %s leads to Revoke", name, reached)
			}
		}
	}

	told := m.all()["NotifyGranted"]
	var worst time.Duration
	for _, r := range told.Retry {
		if r.BackoffRate != 1 {
			t.Errorf("NotifyGranted's BackoffRate is %g, want 1: its time is counted below without growth", r.BackoffRate)
		}
		worst += time.Duration(r.MaxAttempts) * time.Duration(r.IntervalSeconds) * time.Second
	}
	worst += time.Duration(told.attempts()) * time.Duration(told.TimeoutSeconds) * time.Second
	if limit := 15 * time.Second; worst > limit {
		t.Errorf("NotifyGranted may take %v, want at most %v", worst, limit)
	}
}

// TestHistoryHasRoom counts events as Step Functions writes them: two for each
// state, and three for each attempt of a Task (scheduled, started, ended).
func TestHistoryHasRoom(t *testing.T) {
	const (
		limit = 25_000 // events of one execution; one more fails it
		// Reminders may precede the removal: at most one in 24 hours, for the 300
		// days that "never expires" means.
		reminders = 300
	)
	m := requestMachine(t)
	events := func(s *state) int {
		n := 2
		if s.Type == "Task" {
			n += 3 * s.attempts()
		}
		for _, b := range s.Branches {
			for _, inner := range b.States {
				n += 2
				if inner.Type == "Task" {
					n += 3 * inner.attempts()
				}
			}
		}
		return n
	}
	longest := func(from string, without ...string) int {
		t.Helper()
		n, err := m.longest(from, events, without...)
		if err != nil {
			t.Fatal(err)
		}
		return n
	}
	// A normal round of reminding needs one attempt for each Task. Failing rounds
	// need more. This test ignores rounds that all fail for 300 days.
	const normalReminder = 2 + 2 + 3*4 + 4*2 // Approved?, Decided?; AwaitApproval, RemindOrExpire, Remind and a spare

	round := longest("Revoke", "CountRound", "NotifyRevoked") + events(m.States["CountRound"]) + events(m.States["RoundsLeft?"])
	// While the policy can't decide, each round of Grant makes one attempt.
	grant := longest("Grant", "Revoke", "WaitToGrant") + GrantWaitRounds*(2+3+events(m.States["WaitToGrant"]))
	last := longest("NotifyRevoked") + events(m.States["HandOver"])
	total := reminders*normalReminder + grant + RevokeRounds*round + last
	t.Logf("grant %d, a round of removal %d, %d rounds and the rest %d", grant, round, RevokeRounds, total)
	if total > limit/2 {
		t.Errorf("an execution may write %d events, want at most half of the %d that it may have", total, limit)
	}

	// Slack accepts the message in the last round of announcing. Each earlier round
	// uses up its attempts at Slack and reads the table in one attempt.
	const lookAtTable = 2 + 3
	again := events(m.States["WaitForSlack"]) + lookAtTable + events(m.States["Decided?"]) + events(m.States["AnnounceAgain"])
	// The rounds of announcing and those of evaluating count from the creation of the
	// request, and wait equally long. So they share one limit.
	undecided := 2 + 3*(1+m.States["Evaluate"].Retry[0].MaxAttempts) + events(m.States["WaitToEvaluate"])
	if undecided > again || m.States["WaitToEvaluate"].Seconds != m.States["WaitForSlack"].Seconds {
		t.Errorf("a round of evaluating writes %d events and waits %d s, a round of announcing %d and %d s",
			undecided, m.States["WaitToEvaluate"].Seconds, again, m.States["WaitForSlack"].Seconds)
	}
	withAnnouncing := total + AnnounceRounds*again
	t.Logf("a round of announcing %d, %d rounds and the rest %d", again, AnnounceRounds, withAnnouncing)
	if withAnnouncing > limit {
		t.Errorf("an execution that announces for long may write %d events, and it may have %d", withAnnouncing, limit)
	}
}

// Approved access that is not confirmed counts as overdue after GrantBudget. Until
// then an execution may still be trying.
func TestGrantEndsWithinItsBudget(t *testing.T) {
	var most time.Duration
	m := requestMachine(t)
	for _, name := range []string{"Grant", "ConfirmGrant"} {
		s := m.States[name]
		most += seconds(s.TimeoutSeconds)
		for _, r := range s.Retry {
			most += time.Duration(r.MaxAttempts) * seconds(s.TimeoutSeconds+r.MaxDelaySeconds)
		}
	}
	most += GrantWaitFor + seconds(m.States["WaitToGrant"].Seconds)
	if most > access.GrantBudget || most < access.GrantBudget/2 {
		t.Errorf("Grant and ConfirmGrant try for up to %v; the budget is %v", most, access.GrantBudget)
	}
}

func seconds(n int) time.Duration { return time.Duration(n) * time.Second }
