package e2e

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
	sfntypes "github.com/aws/aws-sdk-go-v2/service/sfn/types"
	"github.com/aws/aws-sdk-go-v2/service/ssoadmin"

	"sso-elevator/functions/access"
	"sso-elevator/infra/local/faults"
)

// This is how many requests a history has: a long one, and the one of make test.
const (
	longHistory  = 1000
	shortHistory = 12
)

// atOnce is how many of them run on one stack at a time.
const atOnce = 16

// hazards are the faults of a history. Each may occur whenever it applies.
var hazards = []faults.Rule{
	{Kind: faults.KillBefore, Probability: 0.01},
	{Kind: faults.KillAfter, Probability: 0.01},
	{Kind: faults.InvokeThrottled, Probability: 0.01},
	{Kind: faults.InvokeFailed, Probability: 0.01},
	{Kind: faults.KillCaller, Target: faults.Any, Probability: 0.005},
	{Kind: faults.KillCallerAfter, Target: faults.Any, Probability: 0.005},
	{Kind: faults.ResetBefore, Target: faults.Any, Probability: 0.01},
	{Kind: faults.ResetAfter, Target: faults.Any, Probability: 0.01},
	{Kind: faults.ServerError, Target: table, Probability: 0.01},
	{Kind: faults.Throttle, Target: assignments, Probability: 0.05},
	{Kind: faults.Conflict, Target: assignments + "CreateAccountAssignment", Probability: 0.05},
	{Kind: faults.Conflict, Target: assignments + "DeleteAccountAssignment", Probability: 0.05},
	{Kind: faults.Late, Target: assignments + "CreateAccountAssignment", DelayMS: 3000, Probability: 0.02},
	{Kind: faults.ServerError, Target: slackAPI, Probability: 0.03},
	{Kind: faults.Throttle, Target: slackAPI, Probability: 0.03},
	{Kind: faults.Unavailable, Target: bucket, Probability: 0.03},
}

// life is one request of a history.
type life struct {
	n        int
	stack    *stack
	wish     wish
	chance   *rand.Rand
	request  *request
	stopped  time.Time // someone stopped its execution
	redriven bool      // and its execution continued afterwards
	refused  bool      // someone else had given the access before
}

// TestHistories lets many people request the same few kinds of access, decide at
// the same moment, press twice, and end access at its expiry. Meanwhile functions
// die, calls fail, executions are stopped and redriven, and reconciliations run. At
// the end, everything must agree. With -full it is a long history on two stacks of
// its own, otherwise a short one beside the other tests.
func TestHistories(t *testing.T) {
	requests, sides := shortHistory, []*side{shortSide()}
	if *full {
		requests, sides = longHistory, nil
		for _, s := range faulty {
			sides = append(sides, longSide(t, s))
		}
	} else {
		t.Parallel()
	}
	t.Logf("seed %d, %d requests", *seed, requests)
	t.Run("lives", func(t *testing.T) {
		for n := range requests {
			on := sides[n%len(sides)]
			t.Run(fmt.Sprint(n), func(t *testing.T) {
				t.Parallel()
				on.slots <- struct{}{}
				defer func() { <-on.slots }()
				if on.alone && n%100 < len(sides) {
					on.stack.run(t, "warn", "")
				}
				on.begin(n).live(t)
			})
		}
	})
	for _, on := range sides {
		shared := overlaps(t, on.lives)
		if !on.alone {
			continue
		}
		if shared == 0 {
			t.Error("no two requests held the same access: nothing was tried of it")
		}
		for _, w := range on.foreign {
			if n := on.stack.assignments(t, w); n != 1 {
				t.Errorf("what a stranger gave %v is there %d times", w, n)
			}
			on.stack.takeBack(t, w) // the matrix uses it, too
		}
		on.nothingLeft(t)
	}
}

// side is the part of a history that runs on one stack.
type side struct {
	stack *stack
	alone bool          // nobody else uses the stack
	slots chan struct{} // for the requests in progress

	// These are the people, the access that they request, and its duration in seconds.
	people, accounts, sets []string
	seconds                []int
	foreign                []wish // access that a stranger gave

	mu    sync.Mutex
	lives []*life
}

func longSide(t *testing.T, s *stack) *side {
	return &side{
		stack: s, alone: true, slots: make(chan struct{}, atOnce),
		people:   []string{alice, dave, erin, frank, grace, judy, kim, lena},
		accounts: accounts[:3], sets: []string{"ReadOnlyAccess", "DeveloperAccess"}, seconds: []int{6, 10, 20},
		// Nobody else requests access to this account, so a stranger's assignment
		// stays there.
		foreign: []wish{s.give(t, alice, "playground", "ReadOnlyAccess"), s.give(t, kim, "playground", "ReadOnlyAccess")},
	}
}

// shortSide runs on the stack that the tests share, with access that no other test
// requests.
func shortSide() *side {
	return &side{
		stack: local, slots: make(chan struct{}, atOnce),
		people: []string{grace, mallory}, accounts: accounts[:2], sets: []string{"DeveloperAccess"}, seconds: []int{10, 20},
	}
}

// begin chooses at random what one person requests.
func (s *side) begin(n int) *life {
	r := rand.New(rand.NewPCG(*seed, uint64(n)))
	l := &life{n: n, stack: s.stack, chance: r}
	l.wish = wish{oneOf(r, s.people), oneOf(r, s.accounts), oneOf(r, s.sets), oneOf(r, s.seconds)}
	if len(s.foreign) > 0 && r.IntN(50) == 0 {
		l.wish, l.refused = oneOf(r, s.foreign), true
		l.wish.seconds = s.seconds[0]
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.lives = append(s.lives, l)
	return l
}

// oneOf returns a random element.
func oneOf[T any](r *rand.Rand, of []T) T { return of[r.IntN(len(of))] }

// live plays the people and the faults of one request.
func (l *life) live(t *testing.T) {
	s, w, r := l.stack, l.wish, l.chance
	label := fmt.Sprintf("life %d", l.n)
	time.Sleep(time.Duration(r.IntN(2000)) * time.Millisecond)
	l.request = s.askBecause(t, w, fmt.Sprintf("%s, %d", label, time.Now().UnixNano()), func(id string) {
		for i, h := range hazards {
			h.Label, h.RequestID, h.Count, h.Seed = label, id, -1, *seed<<20^uint64(l.n)<<5^uint64(i)
			s.fault(t, h)
		}
	})
	defer s.forget(t, label)

	type press struct{ person, action string }
	decide := [][]press{
		{{bob, "approve"}}, {{bob, "approve"}}, {{carol, "approve"}}, {{carol, "approve"}}, {{bob, "approve"}}, {{carol, "approve"}},
		{{bob, "deny"}},
		{{w.person, "withdraw"}},
		{{bob, "approve"}, {carol, "deny"}},
		{{bob, "approve"}, {w.person, "withdraw"}},
		{{bob, "approve"}, {bob, "approve"}, {carol, "approve"}},
		{{nils, "approve"}, {w.person, "approve"}, {bob, "approve"}},
	}[r.IntN(12)]
	think := time.Duration(r.IntN(6000)) * time.Millisecond
	if r.IntN(20) == 0 {
		think = 15 * time.Second // until after the reminder
	}
	stopAfter, redriveAfter := time.Duration(0), time.Duration(-1)
	if r.IntN(12) == 0 {
		stopAfter = time.Duration(1+r.IntN(25)) * time.Second
		if r.IntN(2) == 0 {
			// The redrive comes at once, during the sweep, or after it.
			redriveAfter = time.Duration(r.IntN(120)) * time.Second * time.Duration(r.IntN(2))
		}
	}
	endAfter := time.Duration(-1)
	switch r.IntN(6) {
	case 0:
		endAfter = time.Duration(r.IntN(w.seconds)) * time.Second
	case 1:
		endAfter = time.Duration(w.seconds)*time.Second - 100*time.Millisecond // at the moment of expiry
	}

	began := time.Now()
	var announced, pressed, ended time.Time
	rounds := 0
	for time.Since(began) < settleLimit {
		time.Sleep(1500 * time.Millisecond)
		row := s.requestRow(t, l.request.id, "closed_at", "posts", "outcome", "granted_at", "revoking_at")
		closed := !row.ClosedAt.IsZero()
		if redriveAfter >= 0 && !l.stopped.IsZero() && !l.redriven && (closed || time.Since(l.stopped) > redriveAfter) {
			l.redriven = true
			l.request.redrive(t)
			continue
		}
		if closed {
			if l.redriven && l.request.execution(t).Status == sfntypes.ExecutionStatusRunning {
				continue
			}
			verify(t, l.request, told{stopped: l.stopped, redriven: l.redriven})
			if got := l.request.events(t); l.refused && !slices.Equal(got, []string{"requested", "approved", "not_granted"}) && slices.Contains(got, "granted") {
				t.Errorf("a stranger had given the access before, and the records are %q", got)
			}
			return
		}
		m := row.Posts["announce"]
		if m.TS == "" {
			continue
		}
		if announced.IsZero() {
			announced = time.Now()
		}
		if stopAfter > 0 && l.stopped.IsZero() && time.Since(announced) > stopAfter {
			l.stopped = l.request.stop(t)
		}
		if row.Outcome == nil && time.Since(announced) > think && time.Since(pressed) > 10*time.Second {
			pressed = time.Now()
			if rounds++; rounds > 5 {
				// A person without a direct message can't withdraw.
				decide = []press{{bob, "deny"}}
			}
			var all sync.WaitGroup
			for _, p := range decide {
				all.Go(func() { l.press(t, p.person, p.action, l.messageOf(row, p.person, "dm-announce")) })
			}
			all.Wait()
		}
		if endAfter >= 0 && !row.GrantedAt.IsZero() && row.RevokingAt.IsZero() && time.Since(row.GrantedAt) > endAfter && time.Since(ended) > 5*time.Second {
			ended = time.Now()
			l.press(t, w.person, "end", l.messageOf(row, w.person, "dm-granted"))
		}
	}
	row := s.requestRow(t, l.request.id)
	t.Errorf("the request is not closed after %s: outcome %+v, revoking %v, revoked %v, events %v", settleLimit, row.Outcome, row.RevokingAt, row.RevokedAt, kinds(row))
}

// messageOf returns where a person presses: in the channel, or, for a requester
// outside it, in the direct message, if there is one.
func (l *life) messageOf(row access.Request, person, purpose string) access.Post {
	if direct := row.Posts[purpose]; person == l.wish.person && direct.TS != "" {
		return direct
	}
	return row.Posts["announce"]
}

func (l *life) press(t *testing.T, person, action string, m access.Post) {
	err := l.stack.post("/sim/press", map[string]any{"person": person, "channel": m.Channel, "ts": m.TS, "action_id": action, "stale": true}, nil)
	// Like the page, Slack shows no buttons to people outside the channel.
	if err != nil && !strings.Contains(err.Error(), "404") {
		t.Errorf("%s presses %s: %v", person, action, err)
	}
	if d, ok := l.stack.dialog(t, person, l.request.id, action); ok && err == nil {
		// Someone else may have decided meanwhile.
		l.stack.post("/sim/submit", map[string]any{"person": person, "view_id": d.viewID}, nil)
	}
}

// nothingLeft returns an error if the table has an open request or a lease, or
// Identity Center an assignment that no stranger made.
func (on *side) nothingLeft(t *testing.T) {
	t.Helper()
	s := on.stack
	name := s.ids.get("table", "", func() string { return "" })
	pages := dynamodb.NewScanPaginator(s.table, &dynamodb.ScanInput{TableName: &name, ConsistentRead: aws.Bool(true)})
	for pages.HasMorePages() {
		page, err := pages.NextPage(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		for _, row := range page.Items {
			key := row["pk"].(*types.AttributeValueMemberS).Value
			switch {
			case strings.HasPrefix(key, "lease#"):
				t.Errorf("a lease is left: %s", key)
			case strings.HasPrefix(key, "claims#") && on.alone:
				// The lease of a request that was never created goes away within ten
				// minutes.
				for id := range s.claims(t, key) {
					if s.row(t, "request#"+id) != nil {
						t.Errorf("%s still has a claim of request %s", key, id)
					}
				}
			case strings.HasPrefix(key, "request#") && (row["open"] != nil || row["closed_at"] == nil):
				t.Errorf("a request is open: %s", key)
			}
		}
	}
	for _, account := range on.accounts {
		for _, set := range on.sets {
			out, err := s.sso.ListAccountAssignments(t.Context(), &ssoadmin.ListAccountAssignmentsInput{
				InstanceArn: &s.instanceARN, AccountId: aws.String(s.accountID(t, account)), PermissionSetArn: aws.String(s.permissionSetARN(t, set)),
			})
			if err != nil {
				t.Fatal(err)
			}
			if n := len(out.AccountAssignments); n > 0 {
				t.Errorf("%d assignments of %s in %s are left", n, set, account)
			}
		}
	}
}

// overlaps returns an error if a request removed access before another one's end. It
// also returns how often two requests shared access.
func overlaps(t *testing.T, lives []*life) (shared int) {
	t.Helper()
	rows := map[int]access.Request{}
	for _, l := range lives {
		if l.request != nil {
			rows[l.n] = l.request.stack.requestRow(t, l.request.id)
		}
	}
	for a, first := range rows {
		for b, second := range rows {
			if a == b || first.Subject() != second.Subject() || first.GrantedAt.IsZero() || second.GrantedAt.IsZero() {
				continue
			}
			if first.GrantedAt.Before(second.GrantedAt) && second.GrantedAt.Before(first.RevokingAt) {
				shared++
			}
			if first.Removal == access.RemovalDone && second.GrantedAt.Before(first.RevokedAt) && second.RevokingAt.After(first.RevokedAt) {
				t.Errorf("life %d removed the access at %v that life %d had from %v until %v", a, first.RevokedAt, b, second.GrantedAt, second.RevokingAt)
			}
		}
	}
	t.Logf("%d times two requests held the same access", shared)
	return shared
}
