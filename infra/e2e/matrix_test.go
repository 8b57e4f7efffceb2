package e2e

import (
	"encoding/json"
	"flag"
	"fmt"
	"math/rand/v2"
	"net/http"
	"os"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/sfn"

	"sso-elevator/functions/access"
	"sso-elevator/infra/local/faults"
	"sso-elevator/slack/simulator"
	"sso-elevator/statemachine"
)

var (
	full         = flag.Bool("full", false, "run the whole fault matrix, the long histories and the load, instead of short forms")
	seed         = flag.Uint64("seed", 1, "the seed of all random choices; the tests print it")
	updateMatrix = flag.Bool("update-matrix", false, "write the whole matrix to docs/internals/matrix.md instead of test-artefacts")

	only = flag.String("only", "", "run only the cells of the whole matrix whose name matches this regular expression")
)

// state is a Task state of the request machine, and how a request gets there.
type state struct {
	name                string
	function, operation string // of the task; empty for HandOver, which invokes no function
	way                 way
	// press is the button that the approver presses, with " late" if only after a
	// reminder.
	press string
}

// way returns the rules that lead a request to a state. They come before the
// cell's own rule.
type way func(s *stack, t *testing.T, w wish) []faults.Rule

func straight(*stack, *testing.T, wish) []faults.Rule { return nil }

func notEvaluated(*stack, *testing.T, wish) []faults.Rule {
	return []faults.Rule{{Kind: faults.KillBefore, Function: "-evaluate", Operation: "evaluate", Invocations: attempts("Evaluate", faults.KillBefore), Count: -1}}
}

// refusedUnheard refuses the request and loses the answer, so the next attempt
// finds the request decided.
func refusedUnheard(s *stack, t *testing.T, w wish) []faults.Rule {
	return append(notEvaluated(s, t, w), faults.Rule{Kind: faults.KillAfter, Function: "-evaluate", Operation: "refuse"})
}

func notAnnounced(*stack, *testing.T, wish) []faults.Rule {
	return []faults.Rule{{Kind: faults.KillBefore, Function: "-notify", Operation: "announce", Invocations: attempts("Announce", faults.KillBefore), Count: -1}}
}

// notRemoved makes that many removals fail. Each failure is a round.
func notRemoved(rounds int) way {
	return func(s *stack, t *testing.T, w wish) []faults.Rule {
		return []faults.Rule{{Kind: faults.Denied, Target: "DeleteAccountAssignment", Body: s.about(t, w), Count: rounds}}
	}
}

// taskStates are the Task states of the request machine. TestMatrixIsComplete
// compares them with the definition.
var taskStates = []state{
	{"Evaluate", "evaluate", "evaluate", straight, "approve"},
	{"Refuse", "evaluate", "refuse", notEvaluated, "approve"},
	{"LookAgain", "evaluate", "next", refusedUnheard, "approve"},
	{"Announce", "notify", "announce", straight, "approve"},
	{"AnnounceAgain", "notify", "announce", notAnnounced, "approve"},
	{"AwaitApproval", "await", "approval", straight, "approve"},
	{"RemindOrExpire", "evaluate", "next", straight, "approve late"},
	{"Remind", "notify", "remind", straight, "approve late"},
	{"AuditOutcome", "audit", "outcome", straight, "deny"},
	{"NotifyOutcome", "notify", "outcome", straight, "deny"},
	{"Grant", "grant", "start", straight, "approve"},
	{"ConfirmGrant", "grant", "confirm", straight, "approve"},
	{"AuditGrant", "audit", "granted", straight, "approve"},
	{"AwaitEnd", "await", "end", straight, "approve"},
	{"NotifyGranted", "notify", "granted", straight, "approve"},
	{"Revoke", "revoke", "start", straight, "approve"},
	{"ConfirmRevoke", "revoke", "confirm", straight, "approve"},
	{"AuditRevoke", "audit", "revoked", straight, "approve"},
	{"NotifyRevoked", "notify", "revoked", straight, "approve"},
	{"RevokeFailed", "audit", "revoke_failed", notRemoved(1), "approve"},
	{"HandOver", "", "", notRemoved(statemachine.RevokeRounds), "approve"},
	{"Close", "audit", "close", straight, "approve"},
}

// speaks are the services that a function calls. Its role permits no others.
var speaks = map[string][]string{
	"evaluate": {table, slackAPI, directory, bucket},
	"notify":   {table, slackAPI},
	"await":    {table},
	"grant":    {table, assignments, bucket},
	"revoke":   {table, assignments},
	"audit":    {table, bucket},
	"":         {states},
}

// These are the services, by the beginning of their calls' names.
const (
	invocation  = "" // of the function itself
	table       = "DynamoDB_20120810."
	slackAPI    = "slack "
	directory   = "AWSIdentityStore."
	assignments = "SWBExternalService."
	bucket      = "s3 "
	states      = "startExecution"
)

// trouble is a kind of fault.
type trouble struct {
	name     string
	service  string
	kind     faults.Kind
	more     func(*faults.Rule)
	once     bool // it can occur only once
	stops    bool // the execution is stopped from outside
	redriven bool // the execution is redriven at once

	states []string // of groupTroubles: where the call happens
}

var troubles = []trouble{
	{name: "Lambda throttles", kind: faults.InvokeThrottled},
	{name: "Lambda fails", kind: faults.InvokeFailed},
	{name: "killed before", kind: faults.KillBefore},
	{name: "killed at a call", service: anything, kind: faults.KillCaller},
	{name: "killed after a call", service: anything, kind: faults.KillCallerAfter},
	{name: "killed after", kind: faults.KillAfter},
	{name: "delayed", kind: faults.Delay, more: func(r *faults.Rule) { r.DelayMS = 40_000 }, once: true},
	{name: "stopped", kind: faults.Delay, more: func(r *faults.Rule) { r.DelayMS = 8_000 }, once: true, stops: true},
	{name: "stopped, redriven", kind: faults.Delay, more: func(r *faults.Rule) { r.DelayMS = 8_000 }, once: true, stops: true, redriven: true},

	{name: "table down", service: table, kind: faults.ServerError},
	{name: "table throttles", service: table, kind: faults.Throttle},
	{name: "table connection lost", service: table, kind: faults.ResetBefore},
	{name: "table's answer lost", service: table, kind: faults.ResetAfter},
	{name: "table doesn't answer", service: table, kind: faults.Hang},

	{name: "Identity Center throttles", service: assignments, kind: faults.Throttle},
	{name: "Identity Center down", service: assignments, kind: faults.ServerError},
	{name: "Identity Center conflicts", service: assignments, kind: faults.Conflict},
	{name: "Identity Center connection lost", service: assignments, kind: faults.ResetBefore},
	{name: "Identity Center's answer lost", service: assignments, kind: faults.ResetAfter},
	{name: "Identity Center doesn't answer", service: assignments, kind: faults.HangAfter},
	{name: "takes effect after its caller died", service: assignments, kind: faults.Late, more: func(r *faults.Rule) { r.DelayMS = 6_000 }},
	{name: "IN_PROGRESS, done", service: assignments, kind: faults.Operation, more: func(r *faults.Rule) { r.Polls = 3 }},
	{name: "IN_PROGRESS, FAILED", service: assignments, kind: faults.Operation, more: func(r *faults.Rule) { r.Polls, r.FailureReason = 2, "injected" }},

	{name: "directory throttles", service: directory, kind: faults.Throttle},
	{name: "directory down", service: directory, kind: faults.ServerError},

	{name: "bucket down", service: bucket, kind: faults.Unavailable},
	{name: "bucket's answer lost", service: bucket, kind: faults.ResetAfter},

	{name: "Slack down", service: slackAPI, kind: faults.ServerError},
	{name: "Slack rate-limits", service: slackAPI, kind: faults.Throttle},
	{name: "Slack's answer lost", service: slackAPI, kind: faults.ResetAfter},
	{name: "Slack doesn't answer", service: slackAPI, kind: faults.Hang},

	{name: "Step Functions throttles", service: states, kind: faults.Throttle},
	{name: "Step Functions down", service: states, kind: faults.ServerError},
	{name: "Step Functions' answer lost", service: states, kind: faults.ResetAfter},
}

// anything is the service of a fault that hits every call of a function.
const anything = "*"

// cell is one state with one kind of trouble.
type cell struct {
	state   state
	trouble trouble
	spent   bool // until the state's retries are spent; otherwise once
	groups  bool // the request needs groups and two approvals
}

func (c cell) name() string {
	name := c.state.name + ", " + c.trouble.name
	if c.groups {
		name = "groups, " + name
	}
	if c.spent {
		return name + ", until retries are spent"
	}
	return name + ", once"
}

// applies reports whether the trouble can occur in the state.
func (c cell) applies() bool {
	switch {
	case c.groups:
		return c.appliesToGroups()
	case c.spent && c.trouble.once:
		return false
	case c.trouble.kind == faults.Operation:
		return c.state.name == "Grant" || c.state.name == "Revoke"
	case c.trouble.kind == faults.Late:
		return c.state.name == "Grant" || c.state.name == "Revoke"
	case c.state.function == "":
		return c.trouble.service == states || c.trouble.stops
	case c.trouble.service == invocation, c.trouble.service == anything:
		return true
	default:
		return slices.Contains(speaks[c.state.function], c.trouble.service)
	}
}

// rule returns the fault of a cell.
func (c cell) rule(s *stack, t *testing.T, w wish) faults.Rule {
	r := faults.Rule{Kind: c.trouble.kind, Function: "-" + c.state.function, Operation: c.state.operation, Count: 1}
	if c.spent {
		r.Count, r.Invocations = -1, attempts(c.state.name, c.trouble.kind)
	}
	if c.state.function == ingress {
		r.Function = s.ingress()
	}
	switch {
	case c.spent && c.state.name == secondApproval:
		r.Invocations = 3
	case c.spent && c.groups && c.state.name == "Grant" && c.trouble.kind == faults.Hang:
		// Each takes 26 s, and with revoke_retry_wait at 1 s Grant is tried for a minute.
		r.Invocations = 2
	}
	switch c.trouble.service {
	case invocation:
	case anything:
		r.Target = faults.Any
	default:
		r.Target = c.trouble.service
	}
	if c.trouble.kind == faults.Late || c.trouble.kind == faults.Operation {
		r.Target = assignments + map[string]string{"Grant": "CreateAccountAssignment", "Revoke": "DeleteAccountAssignment"}[c.state.name]
		r.Body = s.about(t, w)
	}
	if c.trouble.kind == faults.Operation {
		// One task starts the operation, and another one checks it.
		r.Function, r.Operation, r.Invocations = "", "", 0
		if c.spent {
			r.Count = 3
		}
	}
	if c.state.function == "" {
		r.Function, r.Operation, r.Invocations = "", "", 0
		r.Body = []string{c.state.name} // replaced by the request's id
		if c.spent {
			r.Count = attempts(c.state.name, c.trouble.kind)
		}
		if c.trouble.stops {
			r.Kind, r.Target = faults.Slow, states // there is no function to delay
		}
	}
	if c.trouble.more != nil {
		c.trouble.more(&r)
	}
	return r
}

// definition is the part of the request machine's definition that the matrix
// reads.
type definition struct {
	States map[string]struct {
		Type  string
		Retry []struct {
			ErrorEquals []string
			MaxAttempts int
		}
		Branches []definition
	}
}

func (d definition) find(name string) (kind string, attempts map[string]int) {
	for n, s := range d.States {
		if n == name {
			attempts = map[string]int{}
			for _, r := range s.Retry {
				for _, e := range r.ErrorEquals {
					attempts[e] = r.MaxAttempts
				}
			}
			return s.Type, attempts
		}
		for _, b := range s.Branches {
			if kind, attempts := b.find(name); kind != "" {
				return kind, attempts
			}
		}
	}
	return "", nil
}

func (d definition) tasks() (names []string) {
	for n, s := range d.States {
		if s.Type == "Task" {
			names = append(names, n)
		}
		for _, b := range s.Branches {
			names = append(names, b.tasks()...)
		}
	}
	return names
}

var requestMachine = sync.OnceValue(func() (d definition) {
	text, err := os.ReadFile(repository + "/statemachine/request.asl.json")
	if err == nil {
		err = json.Unmarshal([]byte(statemachine.FillRetries(string(text))), &d)
	}
	if err != nil {
		panic(err)
	}
	return d
})

// mostAttempts is how many attempts a fault lasts in a state that is retried for hours.
const mostAttempts = 8

// attempts returns how often a state is tried while a fault of that kind lasts.
func attempts(state string, kind faults.Kind) int {
	_, retries := requestMachine().find(state)
	name := "Unavailable"
	if kind == faults.Conflict {
		name = "Conflict"
	}
	if retries[name] == 0 {
		name = "States.TaskFailed"
	}
	if retries[name] == statemachine.ShowRetries {
		return mostAttempts
	}
	return retries[name] + 1
}

// TestMatrixIsComplete checks that the matrix has every Task state of the request
// machine.
func TestMatrixIsComplete(t *testing.T) {
	want := requestMachine().tasks()
	slices.Sort(want)
	var got []string
	for _, s := range taskStates {
		got = append(got, s.name)
	}
	slices.Sort(got)
	if !slices.Equal(got, want) {
		t.Errorf("the matrix has the states %q, the machine %q", got, want)
	}
}

// TestMatrix runs a request through each state with each kind of trouble there, and
// checks the invariants. With -full it runs every cell, on its own stacks. Otherwise
// it runs one kind of trouble for each state, chosen by the seed, and a few cells of
// requests that need groups and two approvals.
func TestMatrix(t *testing.T) {
	t.Parallel()
	stacks, cells := []*stack{local}, sample(rand.New(rand.NewPCG(*seed, 0)))
	groupStacks, groupCells := []*stack{quiet}, sampleGroups(rand.New(rand.NewPCG(*seed, 1)))
	if *full {
		stacks, cells = faulty[:], whole(regexp.MustCompile(*only))
		groupStacks, groupCells = faulty[:], wholeGroups(regexp.MustCompile(*only))
	}
	t.Logf("seed %d, %d cells, and %d with groups", *seed, len(cells), len(groupCells))
	m := &matrix{verdicts: map[string]string{}}
	t.Run("cells", func(t *testing.T) {
		play := func(cells []cell, stacks []*stack, wishes func() chan wish) {
			free := make([]chan wish, len(stacks))
			for i := range free {
				free[i] = wishes()
			}
			for i, c := range cells {
				on := i % len(stacks)
				t.Run(c.name(), func(t *testing.T) {
					t.Parallel()
					m.run(t, stacks[on], c, free[on])
				})
			}
		}
		play(groupCells, groupStacks, groupWishes)
		play(cells, stacks, wishes)
	})
	if *full {
		text := m.text()
		t.Logf("\n%s", text)
		file := artefacts + "/matrix.md"
		if *updateMatrix {
			file = repository + "/docs/internals/matrix.md"
		}
		if err := os.WriteFile(file, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
}

// whole returns every cell, the slow ones first.
func whole(named *regexp.Regexp) (cells []cell) {
	for _, spent := range []bool{true, false} {
		for _, tr := range troubles {
			for _, s := range taskStates {
				if c := (cell{s, tr, spent, false}); c.applies() && named.MatchString(c.name()) {
					cells = append(cells, c)
				}
			}
		}
	}
	return cells
}

// sample returns one cell for each state, of the cells with one fault: on this
// stack, retries wait as long as on a deployed one.
func sample(r *rand.Rand) (cells []cell) {
	for _, s := range taskStates {
		var choice []cell
		for _, tr := range troubles {
			if c := (cell{s, tr, false, false}); c.applies() && !tr.stops && tr.kind != faults.Delay {
				choice = append(choice, c)
			}
		}
		cells = append(cells, choice[r.IntN(len(choice))])
	}
	return cells
}

// wishes gives each cell access that no other cell requests meanwhile.
func wishes() chan wish {
	people, sets := []string{judy}, []string{"DeveloperAccess"}
	if *full {
		people = []string{alice, dave, erin, frank, grace, judy, kim, lena, mallory, zoe}
		sets = []string{"ReadOnlyAccess", "DeveloperAccess", "DatabaseAdmin", "SupportAccess", "BillingAccess"}
	}
	all := make(chan wish, len(people)*len(sets)*len(accounts))
	for _, set := range sets {
		for _, account := range accounts {
			for _, person := range people {
				all <- wish{person, account, set, 10}
			}
		}
	}
	return all
}

// matrix collects the cells' results.
type matrix struct {
	mu       sync.Mutex
	verdicts map[string]string // by cell
}

const (
	held     = "✓"
	broken   = "BROKEN"
	didNot   = "–" // the fault did not occur: the function made no such call, or the execution was over
	notAsked = " " // the fault can't occur: the function has no right to make such calls
)

// settleLimit is how long a cell may take, from the form to the closed row. That
// includes all retries of a state, each until the function's timeout, and the sweep.
const settleLimit = 12 * time.Minute

func (m *matrix) run(t *testing.T, s *stack, c cell, wishes chan wish) {
	w := <-wishes
	verdict := broken
	defer func() {
		m.mu.Lock()
		defer m.mu.Unlock()
		if t.Failed() {
			verdict = broken
		} else {
			wishes <- w
		}
		m.verdicts[c.name()] = verdict
		if *full {
			fmt.Fprintf(os.Stderr, "%d: %s: %s\n", len(m.verdicts), c.name(), verdict)
		}
	}()
	label := c.name()
	reason := label + fmt.Sprintf(", %d", time.Now().UnixNano())
	unlock := func() {}
	if s == quiet {
		asking.Lock()
		unlock = sync.OnceFunc(asking.Unlock)
	}
	defer unlock()
	r := s.askBecause(t, w, reason, func(id string) {
		rules := append(c.state.way(s, t, w), c.rule(s, t, w))
		for i, rule := range rules {
			switch {
			case rule.Function == s.ingress(): // whose payload is a form or a press
				rule.Body = append(rule.Body, id)
			case rule.Function != "" && rule.Kind != faults.Operation:
				rule.RequestID = id
			}
			if c.state.function == "" && i == len(rules)-1 {
				rule.Body = []string{id}
			}
			if i == len(rules)-1 {
				rule.Label = label
			}
			s.fault(t, rule)
		}
	})
	unlock()
	stopped := m.drive(t, r, c, label)
	eventually(t, soon, "no access and no lease", func() error {
		if r.assigned(t) {
			return fmt.Errorf("access is left behind")
		}
		if state := r.leaseState(t); state != "" {
			return fmt.Errorf("a lease is left behind, %s", state)
		}
		return nil
	})
	verify(t, r, told{groups: c.groups, stopped: stopped, redriven: c.trouble.redriven && !stopped.IsZero()})
	verdict = held
	if !s.hit(t, label) || c.trouble.stops && stopped.IsZero() {
		verdict = didNot
		if c.groups {
			t.Error("the fault did not occur")
		}
	}
	s.forget(t, label)
}

// pressOnce presses a button of the announcement, and submits the dialog if one opens. again
// reports whether the app could not answer in time, or asks the person to press again. The
// press may count nevertheless.
func (r *request) pressOnce(t *testing.T, person string, announced access.Post, action string) (again bool) {
	t.Helper()
	failed := func(res simulator.Result) bool {
		return res.Status == http.StatusInternalServerError || res.Error == "timeout" || wasLate(res)
	}
	before := r.stack.toldToPressAgain(t, person, announced.TS)
	var res simulator.Result
	if err := r.stack.post("/sim/press", map[string]any{"person": person, "channel": announced.Channel, "ts": announced.TS, "action_id": action, "stale": true}, &res); err != nil {
		t.Fatalf("press: %v", err)
	}
	again = failed(res) || r.stack.toldToPressAgain(t, person, announced.TS) > before
	if d, opened := r.stack.dialog(t, person, r.id, action); opened {
		again = failed(d.submitOnce(t, nil))
	}
	return again
}

// drive plays the people until the request is closed. It stops the execution if the
// cell says so.
func (m *matrix) drive(t *testing.T, r *request, c cell, label string) (stopped time.Time) {
	t.Helper()
	began := time.Now()
	action, late := strings.CutSuffix(c.state.press, " late")
	var pressed time.Time
	everyone := c.approvers(r.wish)
	again := map[string]bool{} // who must press again, even if the first press counts
	for time.Since(began) < settleLimit {
		time.Sleep(2 * time.Second)
		row := r.stack.requestRow(t, r.id, "closed_at", "posts", "outcome", "reminders_sent")
		if !row.ClosedAt.IsZero() {
			return stopped
		}
		if c.trouble.stops && stopped.IsZero() && r.stack.hit(t, label) {
			if stopped = r.stop(t); c.trouble.redriven && !stopped.IsZero() {
				r.redrive(t)
			}
		}
		announced := row.Posts["announce"]
		people := everyone
		switch {
		case c.groups && late && !r.stack.hit(t, label) && time.Since(began) < time.Minute:
			// The first approval is checked again at the next reminder.
			people = everyone[:1]
		case !c.groups && late && row.RemindersSent == 0 && time.Since(began) < 40*time.Second:
			continue
		}
		if (row.Outcome == nil || len(again) > 0) && announced.TS != "" && action != "" && time.Since(pressed) > 10*time.Second {
			pressed = time.Now()
			for _, person := range people {
				if row.Outcome != nil && !again[person] {
					continue
				}
				delete(again, person)
				if r.pressOnce(t, person, announced, action) {
					again[person] = true
				}
			}
		}
	}
	row := r.stack.requestRow(t, r.id)
	t.Errorf("the request is not closed after %s: outcome %+v, revoking %v, revoked %v, events %v", settleLimit, row.Outcome, row.RevokingAt, row.RevokedAt, kinds(row))
	return stopped
}

func kinds(row access.Request) (all []string) {
	for _, e := range row.Events {
		all = append(all, string(e.Kind))
	}
	return all
}

// told is what verify must know about a request's history.
type told struct {
	stopped  time.Time // when its execution was stopped from outside; zero if never
	redriven bool      // the execution continued after that
	groups   bool      // two people approved, and the access must have been granted
}

// verify checks the invariants of a closed request.
func verify(t *testing.T, r *request, of told) {
	t.Helper()
	row := r.stack.requestRow(t, r.id)

	// Invariants 1, 3, 4 and 7: the records tell one story, and each part of it once.
	events := r.events(t)
	if of.groups {
		if len(row.Approvals) != 2 || row.GrantedAt.IsZero() {
			t.Errorf("%d approvals, outcome %+v, granted at %v, failure %+v: want two approvals and access", len(row.Approvals), row.Outcome, row.GrantedAt, row.Failure)
		}
		if want := []string{"requested", "approval_given", "approval_given", "approved", "granted", "revoked"}; !slices.Equal(events, want) {
			t.Errorf("the records are %q, want %q", events, want)
		}
	} else if err := story(events); err != nil {
		t.Errorf("the records %q: %v", events, err)
	}
	if f := row.Failure; slices.Contains(events, "ended") && !slices.Contains(events, "granted") &&
		(row.EndRequest == nil || f == nil || !strings.Contains(f.Message, "ended this access after the request was approved")) {
		t.Errorf("the records are %q, the end is requested by %+v, and the failure is %+v", events, row.EndRequest, f)
	}
	if got := kinds(row); !slices.Equal(got, events) {
		t.Errorf("the row has the events %q, the bucket the records %q", got, events)
	}
	if !row.GrantedAt.IsZero() && !slices.Contains(events, "granted") && !slices.Contains(events, "not_granted") && !slices.Contains(events, "revoked") {
		t.Errorf("access was there, and the records are %q", events)
	}

	// Invariant 2: the removal began in time.
	if !row.End.IsZero() {
		end, limit := row.End, removalLimit
		if row.EndRequest != nil && row.EndRequest.At.Before(end) {
			end = row.EndRequest.At
		}
		switch {
		case of.redriven:
			limit = sweepLimit
		case !of.stopped.IsZero():
			end, limit = earlier(end, of.stopped), sweepLimit
		}
		// The row says when a removal began, unless the table was down then.
		if began := r.entered(t, "Revoke"); row.RevokingAt.Sub(end) > limit && (began.IsZero() || began.Sub(end) > limit) {
			t.Errorf("the removal began at %v (in the execution: %v), the access ended at %v", row.RevokingAt, began, end)
		}
		// Invariant 5: the removal did not begin too early, unless something after the
		// grant failed.
		if active := !r.entered(t, "AwaitEnd").IsZero(); active && of.stopped.IsZero() && row.EndRequest == nil && row.RevokingAt.Before(row.End.Add(-2*time.Second)) {
			t.Errorf("the removal began at %v, before the access ended at %v", row.RevokingAt, row.End)
		}
	}

	// Invariants 7 and 9: there is one message of each kind, and none still asks or
	// shows access.
	purposes := map[string]int{}
	for _, p := range r.stack.postsAbout(t, r.id) {
		if p.Ephemeral != "" || !strings.HasPrefix(p.Channel, "C") {
			continue
		}
		purposes[p.Metadata.EventPayload["purpose"]]++
		if p.has("approve") || p.has("end") || strings.Contains(string(p.Blocks), "🟢") {
			t.Errorf("the message %s still asks, or shows access: %s", p.Metadata.EventPayload["purpose"], p.Blocks)
		}
	}
	for purpose, n := range purposes {
		if n != 1 {
			t.Errorf("%d messages %q, want 1", n, purpose)
		}
	}
}

func earlier(a, b time.Time) time.Time {
	if b.Before(a) {
		return b
	}
	return a
}

// story returns an error if a request's records are not a valid history. Refused
// presses may be anywhere after the first record.
func story(events []string) error {
	rest := slices.Clone(events)
	if len(rest) > 0 {
		rest = append(rest[:1], slices.DeleteFunc(rest[1:], func(event string) bool { return event == "press_refused" })...)
	}
	take := func(kinds ...string) bool {
		if len(rest) > 0 && slices.Contains(kinds, rest[0]) {
			rest = rest[1:]
			return true
		}
		return false
	}
	if !take("requested") {
		return fmt.Errorf("it does not begin with a request")
	}
	switch {
	case take("denied", "withdrawn", "expired"):
	case take("refused"):
	case take("approved"):
		granted := take("granted")
		// Without a grant, verify checks that it would have extended access that someone ended.
		take("ended")
		for take("revoke_failed") {
		}
		if !take("revoked") && (granted || !take("not_granted")) {
			return fmt.Errorf("it does not end")
		}
	default:
		return fmt.Errorf("it is not decided")
	}
	if len(rest) > 0 {
		return fmt.Errorf("there is more than the end: %q", rest)
	}
	return nil
}

// entered returns when the request's own execution first entered a state; zero if
// it never did.
func (r *request) entered(t *testing.T, state string) (at time.Time) {
	t.Helper()
	arn := r.stack.requestRow(t, r.id, "execution_arn").ExecutionARN
	pages := sfn.NewGetExecutionHistoryPaginator(r.stack.sfn, &sfn.GetExecutionHistoryInput{ExecutionArn: &arn})
	for at.IsZero() && pages.HasMorePages() {
		page, err := pages.NextPage(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		for _, e := range page.Events {
			if d := e.StateEnteredEventDetails; at.IsZero() && d != nil && *d.Name == state {
				at = *e.Timestamp
			}
		}
	}
	return at
}

// text returns the matrix as a page, with a row for each kind of trouble and a
// column for each state.
func (m *matrix) text() string {
	var b strings.Builder
	fmt.Fprintf(&b, `# The fault matrix

`+"`make reliability RELIABILITY=-update-matrix`"+` writes this page. [Reliability](reliability.md) says what is checked in each cell. A column is a
Task state of the request machine, a row a kind of fault. Requests that need groups have [their own part](#groups-and-two-approvals), and
[the simulation](simulation.md#reads-that-fail) plays more failures of reads, including reads of organizational units.

| | meaning |
|---|---|
| ✓ | the fault occurred, and the invariants held |
| – | the fault could not occur, because the function made no such call |
| empty | impossible: the function has no right to make such calls |

Seed %d.

`, *seed)
	counts := map[string]int{}
	verdict := func(c cell) string {
		v := m.verdicts[c.name()]
		switch {
		case !c.applies():
			return notAsked
		case v == "":
			return "?"
		}
		counts[v]++
		return v
	}
	for _, spent := range []bool{false, true} {
		if spent {
			fmt.Fprintf(&b, "\n## Until the state's retries are spent\n\nNotifyOutcome and NotifyRevoked are retried for hours. There, the fault lasts %d attempts.\n\n", mostAttempts)
		} else {
			b.WriteString("## Once\n\n")
		}
		b.WriteString("| |")
		for _, s := range taskStates {
			b.WriteString(" " + s.name + " |")
		}
		b.WriteString("\n|---|" + strings.Repeat("---|", len(taskStates)) + "\n")
		for _, tr := range troubles {
			if spent && tr.once {
				continue
			}
			b.WriteString("| " + tr.name + " |")
			for _, s := range taskStates {
				b.WriteString(" " + verdict(cell{s, tr, spent, false}) + " |")
			}
			b.WriteString("\n")
		}
	}
	b.WriteString(m.groupText(verdict))
	fmt.Fprintf(&b, "\n%d cells held, %d are broken. In %d the fault did not occur.\n", counts[held], counts[broken], counts[didNot])
	return b.String()
}
