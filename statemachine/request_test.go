package statemachine

import (
	"encoding/json"
	"math"
	"slices"
	"strings"
	"testing"
	"time"

	"sso-elevator/functions/access"
)

// transient are the errors of Lambda itself that pass by themselves, and ours.
var transient = []string{
	"Lambda.ServiceException",
	"Lambda.AWSLambdaException",
	"Lambda.SdkClientException",
	"Lambda.ClientExecutionTimeoutException",
	"Lambda.TooManyRequestsException",
	"Lambda.Unknown",
	"Sandbox.Timedout",
	"Runtime.ExitError",
	string(access.CodeThrottled),
	string(access.CodeUnavailable),
}

// worthTrying are all the error names that a Retry may give.
var worthTrying = append([]string{
	"States.Timeout",
	"States.TaskFailed", // for the call that invokes no function of ours
	string(access.CodeConflict),
	string(access.CodeInProgress),
	string(access.CodeLeaseDeleting),
}, transient...)

func TestEveryTaskRetries(t *testing.T) {
	for name, s := range requestMachine(t).all() {
		if s.Type != "Task" {
			continue
		}
		var retried []string
		for _, r := range s.Retry {
			retried = append(retried, r.ErrorEquals...)
		}
		var want []string
		switch {
		case name == "AwaitEnd": // its errors lead to a plain wait; a second token wait would start the time anew
			if len(s.Retry) != 0 {
				t.Errorf("%s has a Retry, want none", name)
			}
			continue
		case s.function() == "":
			want = []string{"States.TaskFailed", "States.Timeout"}
		case s.waitsForToken(): // its timeout is no failure
			want = transient
			if slices.Contains(retried, "States.Timeout") {
				t.Errorf("%s retries its timeout, which is how its wait ends", name)
			}
		default:
			want = append([]string{"States.Timeout"}, transient...)
		}
		for _, e := range want {
			if !slices.Contains(retried, e) {
				t.Errorf("%s does not retry %s", name, e)
			}
		}
		for i, e := range retried {
			if !slices.Contains(worthTrying, e) {
				t.Errorf("%s retries %s, which no function returns and AWS does not either", name, e)
			}
			if slices.Contains(retried[:i], e) {
				t.Errorf("%s names %s twice: the second never matches", name, e)
			}
		}
	}
}

// The documented limits of a retrier, and MaxDelaySeconds above
// IntervalSeconds, without which it is refused.
func TestRetriersAreWithinTheirLimits(t *testing.T) {
	for name, s := range requestMachine(t).all() {
		for i, r := range s.Retry {
			if r.IntervalSeconds < 1 || r.IntervalSeconds > 99_999_999 {
				t.Errorf("%s, retrier %d: IntervalSeconds is %d", name, i, r.IntervalSeconds)
			}
			if r.BackoffRate < 1 {
				t.Errorf("%s, retrier %d: BackoffRate is %g", name, i, r.BackoffRate)
			}
			if r.MaxAttempts < 1 || r.MaxAttempts > 99_999_999 {
				t.Errorf("%s, retrier %d: MaxAttempts is %d", name, i, r.MaxAttempts)
			}
			if r.MaxDelaySeconds != 0 && (r.MaxDelaySeconds <= r.IntervalSeconds || r.MaxDelaySeconds >= 31_622_400) {
				t.Errorf("%s, retrier %d: MaxDelaySeconds is %d, with an interval of %d", name, i, r.MaxDelaySeconds, r.IntervalSeconds)
			}
			if r.BackoffRate > 1 && r.MaxDelaySeconds == 0 {
				t.Errorf("%s, retrier %d: the delay grows without a limit", name, i)
			}
			if r.BackoffRate > 1 && r.JitterStrategy != "FULL" {
				t.Errorf("%s, retrier %d: JitterStrategy is %q", name, i, r.JitterStrategy)
			}
		}
	}
}

func TestEveryTaskCatchesEverything(t *testing.T) {
	for name, s := range requestMachine(t).all() {
		if s.Type != "Task" && s.Type != "Parallel" {
			continue
		}
		if len(s.Catch) == 0 {
			t.Errorf("%s has no Catch", name)
			continue
		}
		if last := s.Catch[len(s.Catch)-1].ErrorEquals; !slices.Equal(last, []string{"States.ALL"}) {
			t.Errorf("the last Catch of %s is for %q, want States.ALL", name, last)
		}
	}
}

func TestEveryTaskOutlivesItsFunction(t *testing.T) {
	for name, s := range requestMachine(t).all() {
		if s.Type != "Task" {
			continue
		}
		switch {
		case s.waitsForToken():
			if s.TimeoutSecondsPath == "" || s.TimeoutSeconds != 0 {
				t.Errorf("%s waits for a token: want TimeoutSecondsPath alone", name)
			}
		case s.TimeoutSeconds < 1 || s.TimeoutSeconds > 99_999_999:
			t.Errorf("TimeoutSeconds of %s is %d", name, s.TimeoutSeconds)
		case s.function() != "":
			limit, ok := FunctionTimeouts[s.function()]
			if !ok {
				t.Errorf("%s invokes %q, whose timeout is not known", name, s.function())
			}
			if task := time.Duration(s.TimeoutSeconds) * time.Second; task <= limit {
				t.Errorf("%s gives up after %v, its function after %v", name, task, limit)
			}
		}
	}
}

func TestEveryChoiceHasDefault(t *testing.T) {
	for name, s := range requestMachine(t).all() {
		if s.Type == "Choice" && s.Default == "" {
			t.Errorf("%s has no Default", name)
		}
	}
}

func TestEveryStateSaysWhatItIs(t *testing.T) {
	m := requestMachine(t)
	if m.Comment == "" {
		t.Error("the machine has no Comment")
	}
	for name, s := range m.all() {
		if s.Comment == "" {
			t.Errorf("%s has no Comment", name)
		}
		if len(name) > 80 { // the limit of Step Functions for a state's name
			t.Errorf("the name %q has %d characters", name, len(name))
		}
	}
}

func TestEveryStateLeadsSomewhere(t *testing.T) {
	var check func(t *testing.T, m machine)
	check = func(t *testing.T, m machine) {
		for name, s := range m.States {
			for _, next := range s.next() {
				if m.States[next] == nil {
					t.Fatalf("%s leads to %q, which does not exist", name, next)
				}
			}
			terminal := s.Type == "Succeed" || s.Type == "Fail"
			if terminal != (len(s.next()) == 0) {
				t.Errorf("%s, a %s, leads to %q", name, s.Type, s.next())
			}
			for _, b := range s.Branches {
				check(t, b)
			}
		}
		reached := m.reachable(m.StartAt)
		for name := range m.States {
			if !reached[name] {
				t.Errorf("nothing leads to %s", name)
			}
		}
	}
	check(t, requestMachine(t))
}

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
// evaluate, or the policy calls granted leads to Grant; a Default never does.
func TestOnlyAnApprovalLeadsToGrant(t *testing.T) {
	for name, s := range requestMachine(t).all() {
		if s.Type != "Choice" {
			if slices.Contains(s.next(), "Grant") {
				t.Errorf("%s, a %s, leads to Grant", name, s.Type)
			}
			continue
		}
		if s.Default == "Grant" {
			t.Errorf("%s leads to Grant by default", name)
		}
		for _, c := range s.Choices {
			if c.Next != "Grant" {
				continue
			}
			conditions := append([]choice{c}, c.And...)
			if !slices.ContainsFunc(conditions, func(c choice) bool {
				return c.Variable == "$.approval.next" && c.StringEquals != nil &&
					(*c.StringEquals == "automatic" || *c.StringEquals == "approved")
			}) {
				t.Errorf("%s leads to Grant on something else than automatic or approved", name)
			}
		}
	}
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

// What moto does not execute, and what would end an execution from outside.
func TestDefinitionKeepsToWhatRunsEverywhere(t *testing.T) {
	var tree any
	rendered, err := filled.Render()
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal([]byte(rendered), &tree); err != nil {
		t.Fatal(err)
	}
	if _, ok := tree.(map[string]any)["TimeoutSeconds"]; ok {
		t.Error("the machine has a TimeoutSeconds of its own: it would end a removal")
	}
	forbidden := []string{"QueryLanguage", "Assign", "Arguments", "Output", "ItemBatcher", "InputPath", "OutputPath", "End"}
	var walk func(path string, value any)
	walk = func(path string, value any) {
		switch value := value.(type) {
		case map[string]any:
			for key, inner := range value {
				if slices.Contains(forbidden, key) && !strings.HasSuffix(path, ".Parameters") {
					t.Errorf("%s.%s is used", path, key)
				}
				walk(path+"."+key, inner)
			}
		case []any:
			for _, inner := range value {
				walk(path, inner)
			}
		case string:
			if strings.Contains(value, "{%") {
				t.Errorf("%s is JSONata", path)
			}
			if placeholder.MatchString(value) {
				t.Errorf("%s has a placeholder left: %s", path, value)
			}
		case float64:
			if key := path[strings.LastIndexByte(path, '.')+1:]; strings.HasSuffix(key, "Seconds") {
				if value != math.Trunc(value) || value < 1 || value > 99_999_999 {
					t.Errorf("%s is %g, want a whole number from 1 to 99,999,999", path, value)
				}
			}
		}
	}
	walk("$", tree)
}
