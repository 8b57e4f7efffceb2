package ingress

import (
	"context"
	"reflect"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/aws/aws-lambda-go/events"
	slackgo "github.com/slack-go/slack"

	"sso-elevator/functions/access"
	"sso-elevator/slack"
)

// The calls that watched knows, by name.
const (
	callOpen      = "open the view"
	callRequester = "find the requester"
	callApprover  = "find the approver"
	callCheck     = "check the requester"
	callComplete  = "complete the target"
	callPolicy    = "load the policy"
	callBlocks    = "read the blocks"
	callRow       = "read the row"
	callLease     = "read the lease"
)

// watched is a world that knows which calls run at the same time.
type watched struct {
	*world
	// together are calls that succeed only when all of them have begun.
	together []string
	// failing are calls that fail, with their names as errors. slow is one of them that
	// returns last.
	failing []string
	slow    string
	// endless is a call that returns only when its context ends, with endlessErr.
	endless    string
	endlessErr error

	mu     sync.Mutex
	begun  []string
	ended  []string
	met    chan struct{} // closed when all of together have begun
	failed chan struct{} // closed when all of failing but slow have returned
}

func watch(w *world) *watched {
	return &watched{world: w, met: make(chan struct{}), failed: make(chan struct{})}
}

// hasAll reports whether all of the names are among those that were noted.
func hasAll(noted, names []string) bool {
	return !slices.ContainsFunc(names, func(name string) bool { return !slices.Contains(noted, name) })
}

// call notes a call, and makes it wait or fail.
func (w *watched) call(ctx context.Context, name string) (err error) {
	w.mu.Lock()
	first := !slices.Contains(w.begun, name)
	if w.begun = append(w.begun, name); first && slices.Contains(w.together, name) && hasAll(w.begun, w.together) {
		close(w.met)
	}
	w.mu.Unlock()
	if slices.Contains(w.together, name) {
		select {
		case <-w.met:
		case <-ctx.Done():
			return access.Errorf(access.CodeUnavailable, "%s: the other calls have not begun", name)
		}
	}
	if name == w.endless {
		<-ctx.Done()
		w.endlessErr = ctx.Err()
		err = access.Wrap(access.CodeUnavailable, ctx.Err(), name)
	}
	if slices.Contains(w.failing, name) {
		if name == w.slow {
			select {
			case <-w.failed:
			case <-ctx.Done():
			}
		}
		err = access.Errorf(access.CodeUnavailable, "%s", name)
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	first = !slices.Contains(w.ended, name)
	others := slices.DeleteFunc(slices.Clone(w.failing), func(f string) bool { return f == w.slow })
	if w.ended = append(w.ended, name); first && slices.Contains(others, name) && hasAll(w.ended, others) {
		close(w.failed)
	}
	return err
}

func (w *watched) OpenView(ctx context.Context, trigger string, view slackgo.ModalViewRequest) (string, string, error) {
	if err := w.call(ctx, callOpen); err != nil {
		return "", "", err
	}
	return w.world.OpenView(ctx, trigger, view)
}

func (w *watched) Requester(ctx context.Context, id string) (access.Person, error) {
	if err := w.call(ctx, callRequester); err != nil {
		return access.Person{}, err
	}
	return w.world.Requester(ctx, id)
}

func (w *watched) Approver(ctx context.Context, id string) (access.Person, error) {
	if err := w.call(ctx, callApprover); err != nil {
		return access.Person{}, err
	}
	return w.world.Approver(ctx, id)
}

func (w *watched) CheckRequester(ctx context.Context, requester access.Person) error {
	if err := w.call(ctx, callCheck); err != nil {
		return err
	}
	return w.world.CheckRequester(ctx, requester)
}

func (w *watched) Load(ctx context.Context) (access.Policy, string, error) {
	if err := w.call(ctx, callPolicy); err != nil {
		return access.Policy{}, "", err
	}
	return w.world.Load(ctx)
}

func (w *watched) Blocks(ctx context.Context) (access.Blocks, error) {
	if err := w.call(ctx, callBlocks); err != nil {
		return access.Blocks{}, err
	}
	return w.world.Blocks(ctx)
}

func (w *watched) Get(ctx context.Context, id string) (access.Request, error) {
	if err := w.call(ctx, callRow); err != nil {
		return access.Request{}, err
	}
	return w.world.Get(ctx, id)
}

func (w *watched) Lease(ctx context.Context, key string) (access.Lease, bool, error) {
	if err := w.call(ctx, callLease); err != nil {
		return access.Lease{}, false, err
	}
	return w.world.Lease(ctx, key)
}

// watchedCatalog is the catalog of a watched world.
type watchedCatalog struct {
	Catalog
	of *watched
}

func (c watchedCatalog) Complete(ctx context.Context, t access.Target) (access.Target, error) {
	if err := c.of.call(ctx, callComplete); err != nil {
		return access.Target{}, err
	}
	return c.Catalog.Complete(ctx, t)
}

func (w *watched) send(t *testing.T, body string) events.APIGatewayV2HTTPResponse {
	t.Helper()
	h := w.handler()
	h.Table, h.Slack, h.People, h.CachedPeople, h.Policy, h.Catalog = w, w, w, w, w, watchedCatalog{h.Catalog, w}
	response, err := h.Handle(t.Context(), sign(body, now))
	if err != nil {
		t.Fatal(err)
	}
	return response
}

// chain is an interaction with Slack, and what it reads.
type chain struct {
	name string
	body string
	row  access.Request // before; a zero one doesn't exist
	// setting is on.
	setting func(*world)
	// together run at the same time.
	together []string
	// errors are those of the reads that fail, the one that counts first.
	errors []string
	// done reports whether the interaction succeeded.
	done func(*world) bool
}

func allChains() []chain {
	shortcut := payload("shortcut", "UJANE", object{"callback_id": "request_for_access", "trigger_id": "t-1"})
	filledIn := func(w *world) bool { return len(w.views) == 2 && w.views[1].view.Submit != nil }
	opened := func(callback string) func(*world) bool {
		return func(w *world) bool { return len(w.views) == 1 && w.views[0].view.CallbackID == callback }
	}
	decided := func(kind access.OutcomeKind) func(*world) bool {
		return func(w *world) bool { o := w.rows["r1"].Outcome; return o != nil && o.Kind == kind }
	}
	extension := waiting()
	extension.Chain = &access.Chain{Since: now.Add(-time.Hour), End: now.Add(time.Hour), Extends: "r2"}
	return []chain{
		{name: "a shortcut", body: shortcut, together: []string{callOpen, callRequester}, done: filledIn},
		{name: "Ask again", body: pressBy("UJANE", "ask_again", "r1"), row: waiting(), together: []string{callOpen, callRequester}, done: filledIn},
		{name: "a choice in the form", body: chooses(),
			together: []string{callRequester, callComplete, callPolicy},
			errors:   []string{callRequester, callComplete, callPolicy},
			done: func(w *world) bool {
				target := access.Target{Kind: access.KindAccount, AccountID: production, AccountName: "Production", PermissionSetARN: admin, PermissionSet: "Admin"}
				want := form(access.KindAccount, target, "Approvers (any one can approve): ann@example.com, twin@example.com")
				return len(w.views) == 1 && reflect.DeepEqual(w.views[0].view, want)
			}},
		{name: "a submission", body: filled("UJANE", production, admin, "3600", "look"),
			together: []string{callComplete, callRequester, callBlocks, callPolicy},
			errors:   []string{callComplete, callRequester, callBlocks, callPolicy},
			done:     func(w *world) bool { return len(w.rows) == 1 && len(w.started) == 1 }},
		{name: "Approve", body: pressBy("UANN", "approve", "r1"), row: waiting(),
			together: []string{callRow, callApprover, callBlocks, callPolicy},
			errors:   []string{callRow, callApprover, callBlocks, callPolicy, callCheck},
			done:     decided(access.OutcomeApproved)},
		{name: "Approve, with the requester", body: pressBy("UANN", "approve", "r1"), row: waiting(),
			together: []string{callApprover, callCheck}, done: decided(access.OutcomeApproved)},
		{name: "Approve, in a dialog", body: confirmedBy("UANN", "r1"), row: waiting(), setting: func(w *world) { w.confirms = true },
			together: []string{callRow, callApprover, callBlocks, callPolicy},
			errors:   []string{callRow, callApprover, callBlocks, callPolicy, callCheck},
			done:     decided(access.OutcomeApproved)},
		{name: "Approve, which opens the dialog", body: pressBy("UANN", "approve", "r1"), row: waiting(), setting: func(w *world) { w.confirms = true },
			together: []string{callRow, callApprover, callPolicy},
			errors:   []string{callRow, callApprover, callPolicy, callCheck},
			done:     opened(slack.CallbackConfirmation)},
		{name: "Approve an extension, which opens the dialog", body: pressBy("UANN", "approve", "r1"), row: extension, setting: func(w *world) { w.confirms = true },
			together: []string{callApprover, callCheck, callLease}, done: opened(slack.CallbackConfirmation)},
		{name: "Deny, which opens the dialog", body: pressBy("UANN", "deny", "r1"), row: waiting(), setting: func(w *world) { w.denyReason = DenyReasonOptional },
			together: []string{callRow, callApprover, callPolicy},
			errors:   []string{callRow, callApprover, callPolicy},
			done:     opened(slack.CallbackDenial)},
		{name: "End now, which opens the dialog", body: pressBy("UANN", "end", "r1"), row: active(),
			together: []string{callApprover, callPolicy},
			errors:   []string{callRow, callApprover, callPolicy},
			done:     opened(slack.CallbackEnd)},
		{name: "Deny", body: pressBy("UANN", "deny", "r1"), row: waiting(),
			together: []string{callRow, callApprover, callBlocks, callPolicy},
			errors:   []string{callRow, callApprover, callBlocks, callPolicy},
			done:     decided(access.OutcomeDenied)},
		{name: "End now, by an approver", body: submittedBy("UANN", slack.CallbackEnd, "r1"), row: active(),
			together: []string{callApprover, callBlocks, callPolicy},
			errors:   []string{callRow, callApprover, callBlocks, callPolicy},
			done:     func(w *world) bool { return w.rows["r1"].EndRequest != nil }},
	}
}

func (c chain) world() *watched {
	w := newWorld()
	w.denyReason = DenyReasonOff
	if c.setting != nil {
		c.setting(w)
	}
	if c.row.ID != "" {
		w.rows[c.row.ID] = c.row
	}
	return watch(w)
}

// Each call waits until the others have begun. So a chain that makes them one after
// another gets no further than the first one.
func TestIndependentReadsRunAtTheSameTime(t *testing.T) {
	for _, c := range allChains() {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				w := c.world()
				w.together = c.together
				response := w.send(t, c.body)
				if !hasAll(w.begun, c.together) || !isClosed(w.met) {
					t.Fatalf("the calls %q don't run at the same time; begun: %q", c.together, w.begun)
				}
				if !c.done(w.world) {
					t.Errorf("status %d, body %s, log:\n%s", response.StatusCode, response.Body, &w.log)
				}
			})
		})
	}
}

func isClosed(c chan struct{}) bool {
	select {
	case <-c:
		return true
	default:
		return false
	}
}

// If two reads fail, the same error counts whichever of them fails first, and nothing is
// decided.
func TestErrorThatCountsIsAlwaysTheSame(t *testing.T) {
	for _, c := range allChains() {
		for i, first := range c.errors {
			for _, second := range c.errors[i+1:] {
				for _, slow := range []string{first, second} {
					if !slices.Contains(c.together, first) || !slices.Contains(c.together, second) {
						slow = "" // they don't run at the same time
					}
					t.Run(c.name+": "+first+", "+second+", slow: "+slow, func(t *testing.T) {
						t.Parallel()
						synctest.Test(t, func(t *testing.T) {
							w := c.world()
							w.failing, w.slow = []string{first, second}, slow
							w.send(t, c.body)
							if log := w.log.String(); strings.Count(log, `"level":"ERROR"`) != 1 || !strings.Contains(log, `"error":"`+first) {
								t.Errorf("want one error, %q, in the log:\n%s", first, log)
							}
							if c.done(w.world) {
								t.Error("it succeeded")
							}
						})
					})
				}
			}
		}
	}
}

// One failed read is enough to decide nothing.
func TestNothingIsDecidedOnAFailedRead(t *testing.T) {
	for _, c := range allChains() {
		for _, failing := range c.errors {
			t.Run(c.name+": "+failing, func(t *testing.T) {
				w := c.world()
				w.failing = []string{failing}
				w.send(t, c.body)
				if c.done(w.world) || !strings.Contains(w.log.String(), `"error":"`+failing) {
					t.Errorf("done: %v, log:\n%s", c.done(w.world), &w.log)
				}
			})
		}
	}
}

// A person doesn't wait for reads that nobody needs anymore, and the function doesn't end
// before they have ended.
func TestReadsThatNobodyNeedsAreCanceled(t *testing.T) {
	decided := waiting()
	decided.Outcome = &access.Outcome{Kind: access.OutcomeDenied, By: ann, At: now}
	for _, tt := range []struct {
		name    string
		body    string
		change  func(*world)
		endless string
		told    string
	}{
		{name: "the view doesn't open", body: payload("shortcut", "UJANE", object{"callback_id": "request_for_access", "trigger_id": "t-1"}),
			change: func(w *world) { w.openErr = access.Errorf(access.CodeUnavailable, "no answer") }, endless: callRequester},
		{name: "the view for Ask again doesn't open", body: pressBy("UJANE", "ask_again", "r1"),
			change: func(w *world) {
				w.rows["r1"], w.openErr = decided, access.Errorf(access.CodeUnavailable, "no answer")
			}, endless: callComplete, told: "The form didn't open. Please press the button again."},
		{name: "the press comes too late", body: pressBy("UBOB", "approve", "r1"),
			change: func(w *world) { w.rows["r1"] = decided }, endless: callApprover, told: "ann@example.com already denied this request."},
		{name: "the request doesn't exist", body: pressBy("UBOB", "deny", "r1"),
			change: func(*world) {}, endless: callApprover, told: aRequest.lost},
		{name: "a guest chooses", body: strings.ReplaceAll(chooses(), "UJANE", "UGUEST"), change: func(*world) {}, endless: callPolicy},
		{name: "the form asks for what isn't offered", body: filled("UJANE", "999999999999", admin, "3600", "look"),
			change: func(*world) {}, endless: callRequester},
	} {
		t.Run(tt.name, func(t *testing.T) {
			w := watch(newWorld())
			tt.change(w.world)
			w.endless = tt.endless
			w.send(t, tt.body)
			if w.endlessErr != context.Canceled || !slices.Contains(w.ended, tt.endless) {
				t.Errorf("%s ended with %v", tt.endless, w.endlessErr)
			}
			if log := w.log.String(); strings.Contains(log, "deadline") || strings.Contains(log, "canceled") {
				t.Errorf("the log has an error of a read that nobody needs:\n%s", log)
			}
			if told := strings.Join(w.told, " "); told != tt.told {
				t.Errorf("told %q, want %q", told, tt.told)
			}
		})
	}
}
