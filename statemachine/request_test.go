package statemachine

import (
	"slices"
	"testing"
	"time"

	"sso-elevator/functions/access"
)

// The heart of it: once Grant may have been called there is no way out of the
// machine, and none around in circles, but through Revoke; and none from
// Revoke but through a removal that was verified, or a fresh execution.
func TestAfterGrantEveryPathRevokes(t *testing.T) {
	m := requestMachine(t)
	for name := range m.reachable("Grant", "Revoke") {
		if s := m.States[name]; len(s.next()) == 0 {
			t.Errorf("%s ends the execution after Grant without Revoke", name)
		}
	}
	if _, err := m.longest("Grant", func(*state) int { return 1 }, "Revoke"); err != nil {
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

// Invariant: no access without a decision. Only what the table, through
// evaluate, or the policy calls granted leads to Grant; a Default never does. A
// Pass may stand between, if nothing else leads to the Pass.
func TestOnlyAnApprovalLeadsToGrant(t *testing.T) {
	m := requestMachine(t)
	for to := range onlyOnApproval(t, m, "Grant") {
		if m.StartAt == to {
			t.Errorf("the machine starts with %s", to)
		}
	}
}

// onlyOnApproval holds all that leads to a state to be a Choice's rule about an
// approval, or a Pass of which the same is true. It returns the state and those.
func onlyOnApproval(t *testing.T, m machine, to string) map[string]bool {
	t.Helper()
	held := map[string]bool{to: true}
	for name, s := range m.all() {
		if s.Type == "Pass" && slices.Contains(s.next(), to) {
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

// What a token brings is somebody else's, and may be as large as an execution
// can carry. On the way to Grant the machine's own words take its place: after
// it, too large a state would end the execution, past any Catch.
func TestNothingOfATokenReachesGrant(t *testing.T) {
	m := requestMachine(t)
	wait := m.States["AwaitApproval"]
	place := resultPath(wait.ResultPath)
	var over []string // states that put something of their own there
	for name, s := range m.States {
		if name != "AwaitApproval" && resultPath(s.ResultPath) == place && (s.Type == "Pass" || s.ResultSelector != nil) {
			over = append(over, name)
		}
	}
	if m.reachable(wait.Next, over...)["Grant"] {
		t.Errorf("Grant can be reached from %s without passing one of %q", wait.Next, over)
	}
}

// A wait for a token that fails at once must not be begun again at once: the
// history would be full in minutes.
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

// A Slack outage delays no revoke: between a grant and the end of its removal
// the only Task that talks to Slack ends within 15 s beside the wait for the
// end, and where only a removal is left to do, none comes before it.
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
		// Evaluate is where a request is looked at afresh.
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

// TestHistoryHasRoom counts events as Step Functions writes them: two around
// each state, and three for each attempt of a Task (scheduled, started, and
// how it ended).
func TestHistoryHasRoom(t *testing.T) {
	const (
		limit = 25_000 // events of one execution; the next one fails it
		// What may come before the removal: reminders are capped at one in 24
		// hours, for the 300 days that "never expires" means.
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
	// A round of reminding: one attempt each is what is normal, all attempts
	// are what a failing round costs; that every round fails for 300 days is
	// left out.
	const normalReminder = 2 + 2 + 3*4 + 4*2 // Approved?, Decided?; AwaitApproval, RemindOrExpire, Remind and a spare

	round := longest("Revoke", "CountRound", "NotifyRevoked") + events(m.States["CountRound"]) + events(m.States["RoundsLeft?"])
	grant := longest("Grant", "Revoke")
	last := longest("NotifyRevoked") + events(m.States["HandOver"])
	total := reminders*normalReminder + grant + RevokeRounds*round + last
	t.Logf("grant %d, a round of removal %d, %d rounds and the rest %d", grant, round, RevokeRounds, total)
	if total > limit/2 {
		t.Errorf("an execution may write %d events, want at most half of the %d that it may have", total, limit)
	}

	// Slack took the message in the last round of announcing. Each one before
	// used up its attempts; the table answered at the first.
	const lookAtTable = 2 + 3
	again := events(m.States["WaitForSlack"]) + lookAtTable + events(m.States["Decided?"]) + events(m.States["AnnounceAgain"])
	withAnnouncing := total + AnnounceRounds*again
	t.Logf("a round of announcing %d, %d rounds and the rest %d", again, AnnounceRounds, withAnnouncing)
	if withAnnouncing > limit {
		t.Errorf("an execution that announces for long may write %d events, and it may have %d", withAnnouncing, limit)
	}
}

// Approved access that was never confirmed counts as overdue after GrantBudget:
// until then an execution may still be trying.
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
	if most > access.GrantBudget || most < access.GrantBudget/2 {
		t.Errorf("Grant and ConfirmGrant try for up to %v; the budget is %v", most, access.GrantBudget)
	}
}

func seconds(n int) time.Duration { return time.Duration(n) * time.Second }
