package leases_test

import (
	"context"
	"reflect"
	"slices"
	"testing"
	"time"

	"sso-elevator/functions/access"
	"sso-elevator/functions/adapters/leases"
)

var anna = access.Person{SlackID: "UANN", Email: "ann@example.com"}

// approveAt approves the request. Its first call also sets what the approver was shown: the
// chain at that moment.
func (w *world) approveAt(id string, at time.Time) {
	r := w.rows[id]
	if r.Chain == nil {
		r.Chain = access.ChainOf(w.leases[r.Subject().Key()], w.rows, id, w.now)
	}
	r.Outcome = &access.Outcome{Kind: access.OutcomeApproved, At: at}
	w.rows[id] = r
}

// endBy does the first write of a press of End now.
func (w *world) endBy(id string, at time.Time) {
	r := w.rows[id]
	r.EndRequest = &access.EndRequest{By: anna, At: at}
	w.rows[id] = r
}

func TestExtensionJoins(t *testing.T) {
	for _, s := range []access.Subject{subject, membership} {
		w, l := stillOf(s, "a", "b", "c")
		w.grant(t, l, "a")
		begin, end := w.rows["a"].GrantedAt, w.rows["a"].End
		w.now = w.now.Add(20 * time.Second)
		w.grant(t, l, "b")
		b := w.rows["b"]
		if !b.End.Equal(end.Add(time.Minute)) || b.Extends != "a" || !b.ChainSince.Equal(begin) {
			t.Errorf("b ends at %v, extends %q since %v; want %v, a, %v", b.End, b.Extends, b.ChainSince, end.Add(time.Minute), begin)
		}
		if h := w.leases[s.Key()].Holders["b"]; h.Extends != "a" || !h.ChainSince.Equal(begin) || !h.End.Equal(b.End) || !slices.Equal(h.Joined, []string{"a"}) {
			t.Errorf("the lease has %+v", h)
		}
		if !w.rows["a"].End.Equal(end) {
			t.Error("the end of a changed")
		}
		// The chain goes on when its first request has ended.
		w.now = end
		if got := w.release(t, l, "a"); got != access.RemovalKept || !w.exists() {
			t.Errorf("a ended with %q, access there: %v", got, w.exists())
		}
		w.now = w.now.Add(10 * time.Second)
		w.grant(t, l, "c")
		if c := w.rows["c"]; !c.End.Equal(end.Add(2*time.Minute)) || c.Extends != "b" || !c.ChainSince.Equal(begin) {
			t.Errorf("c ends at %v, extends %q since %v", c.End, c.Extends, c.ChainSince)
		}
		w.release(t, l, "b")
		if got := w.release(t, l, "c"); got != access.RemovalDone || w.exists() {
			t.Errorf("c ended with %q, access there: %v", got, w.exists())
		}
	}
}

func (w *world) isGranted(id string) bool {
	r := w.rows[id]
	return r.WasGranted()
}

// What is over, ended or unconfirmed is not extended.
func TestNothingToExtend(t *testing.T) {
	for _, tt := range []struct {
		name   string
		change func(*world)
	}{
		{"its time is over", func(w *world) { w.now = w.rows["a"].End }},
		{"its removal has begun", func(w *world) { r := w.rows["a"]; r.RevokingAt = w.now; w.rows["a"] = r }},
		{"a person ended it before b was approved", func(w *world) { w.endBy("a", w.now); w.approveAt("b", w.now.Add(time.Second)) }},
		{"the app ended it", func(w *world) {
			r := w.rows["a"]
			r.EndRequest = &access.EndRequest{At: w.now, Reason: access.EndRequesterGone}
			w.rows["a"] = r
		}},
		{"the sweep gave it up", func(w *world) { r := w.rows["a"]; r.Tombstone = true; w.rows["a"] = r }},
	} {
		t.Run(tt.name, func(t *testing.T) {
			w, l := still("a", "b")
			w.grant(t, l, "a")
			w.approveAt("b", w.now)
			tt.change(w)
			w.grant(t, l, "b")
			if b := w.rows["b"]; !b.End.Equal(b.GrantedAt.Add(time.Minute)) || b.IsExtension() || !b.ChainSince.IsZero() {
				t.Errorf("granted at %v until %v, extends %q", b.GrantedAt, b.End, b.Extends)
			}
		})
	}
}

// An approved request lasts as long as its approver was shown, or shorter, whatever the
// requester got meanwhile.
func TestApprovedAsShown(t *testing.T) {
	const minute = time.Minute // each request is for one
	for _, s := range []access.Subject{subject, membership} {
		for _, tt := range []struct {
			name    string
			shown   string // what the approver of c saw that it extends, if anything
			before  func(t *testing.T, w *world, l *leases.Leases)
			after   time.Duration // until c is granted
			extends string
			end     time.Duration // of c, after a began; 0: its duration after its own grant
		}{
			{"it extended nothing, and a was granted meanwhile", "", nil, 20 * time.Second, "", 0},
			{"it extends a", "a", nil, 20 * time.Second, "a", 2 * minute},
			{"b extended a meanwhile", "a", func(t *testing.T, w *world, l *leases.Leases) { w.grant(t, l, "b") }, 20 * time.Second, "a", 2 * minute},
			{"it extends both", "b", func(t *testing.T, w *world, l *leases.Leases) { w.grant(t, l, "b") }, 20 * time.Second, "b", 3 * minute},
			{"a has ended, and b goes on", "a", func(t *testing.T, w *world, l *leases.Leases) { w.grant(t, l, "b") }, 70 * time.Second, "", 0},
			{"b was removed, and a was not", "b", func(t *testing.T, w *world, l *leases.Leases) {
				w.grant(t, l, "b")
				w.approveAt("c", w.now)
				w.release(t, l, "b")
			}, 20 * time.Second, "a", 2 * minute},
			{"everything was removed", "a", func(t *testing.T, w *world, l *leases.Leases) {
				w.approveAt("c", w.now)
				w.release(t, l, "a")
			}, 20 * time.Second, "", 0},
		} {
			w, l := stillOf(s, "a", "b", "c")
			if tt.shown == "" {
				w.approveAt("c", w.now)
			}
			w.grant(t, l, "a")
			start := w.rows["a"].GrantedAt
			if tt.shown == "a" {
				w.approveAt("c", w.now)
			}
			if tt.before != nil {
				tt.before(t, w, l)
			}
			if tt.shown == "b" {
				w.approveAt("c", w.now)
			}
			w.now = start.Add(tt.after)
			w.grant(t, l, "c")
			c, want := w.rows["c"], start.Add(tt.end)
			if tt.end == 0 {
				want = c.GrantedAt.Add(minute)
			}
			if !c.End.Equal(want) || c.Extends != tt.extends || c.IsExtension() && !c.ChainSince.Equal(start) || !c.IsExtension() && !c.ChainSince.IsZero() {
				t.Errorf("%s: ends %s after a began, extends %q since %v", tt.name, c.End.Sub(start), c.Extends, c.ChainSince)
			}
			if h := w.leases[s.Key()].Holders["c"]; h.Extends != c.Extends || !h.ChainSince.Equal(c.ChainSince) || !h.End.Equal(c.End) {
				t.Errorf("%s: the lease has %+v", tt.name, h)
			}
			limit := c.GrantedAt
			if shown := c.Chain; shown != nil && shown.End.After(limit) {
				limit = shown.End
			}
			if c.End.After(limit.Add(minute)) {
				t.Errorf("%s: ends %s later than shown", tt.name, c.End.Sub(limit.Add(minute)))
			}
		}
	}
}

// Two first grants that are confirmed at the same time run in parallel.
func TestParallelGrantsAreNoChain(t *testing.T) {
	w, l := still("a", "b")
	for _, id := range []string{"a", "b"} {
		if err := l.Acquire(ctx, w.rows[id], nil, nil); err != nil {
			t.Fatal(err)
		}
	}
	w.on(1, "Granted a", func() error { // b has read that a is not confirmed
		w.before = nil
		_, err := l.Confirm(ctx, w.rows["b"], nil)
		return err
	})
	if _, err := l.Confirm(ctx, w.rows["a"], nil); err != nil {
		t.Fatal(err)
	}
	if a, b := w.rows["a"], w.rows["b"]; a.IsExtension() || b.IsExtension() || !a.End.Equal(a.GrantedAt.Add(time.Minute)) {
		t.Errorf("a %+v, b %+v", a, b)
	}
}

// A second call must return what is stored, although the request is extended by now.
func TestConfirmAgainKeepsTheEnd(t *testing.T) {
	refuse := func(context.Context, access.Chain) error { return access.Errorf(access.CodeRefused, "too long") }
	w, l := still("a", "b", "c")
	before := w.rows["b"]
	w.grant(t, l, "a")
	w.grant(t, l, "b")
	w.grant(t, l, "c")
	for name, r := range map[string]access.Request{"as it is": w.rows["b"], "as it was": before} {
		got, err := l.Confirm(ctx, r, refuse)
		if err != nil || !reflect.DeepEqual(got, w.rows["b"]) || got.Extends != "a" {
			t.Errorf("%s: %+v, %v", name, got, err)
		}
		if err := l.Acquire(ctx, r, refuse, nil); err != nil {
			t.Errorf("%s: acquired again: %v", name, err)
		}
	}
}

func TestPermitSeesTheChain(t *testing.T) {
	refuse := access.Errorf(access.CodeRefused, "too long")
	for _, step := range []string{"acquire", "confirm"} {
		w, l := still("a", "b")
		w.grant(t, l, "a")
		var seen []access.Chain
		permit := func(_ context.Context, c access.Chain) error {
			seen = append(seen, c)
			return refuse
		}
		err := l.Acquire(ctx, w.rows["b"], map[string]func(context.Context, access.Chain) error{"acquire": permit}[step], nil)
		if step == "confirm" {
			if err != nil {
				t.Fatal(err)
			}
			_, err = l.Confirm(ctx, w.rows["b"], permit)
		}
		want := []access.Chain{{Since: w.rows["a"].GrantedAt, End: w.rows["a"].End, Extends: "a"}}
		if access.CodeOf(err) != access.CodeRefused || !reflect.DeepEqual(seen, want) || w.isGranted("b") {
			t.Errorf("%s: %v, seen %+v, granted %v", step, err, seen, w.isGranted("b"))
		}
		if got := w.release(t, l, "b"); got != access.RemovalNothing && got != access.RemovalKept || !w.exists() {
			t.Errorf("%s: b ended with %q, and a has its access: %v", step, got, w.exists())
		}
	}
}

// A person ends a before b is confirmed. b was approved before: it is never granted,
// whichever of both comes first.
func TestEndedExtensionIsNotGranted(t *testing.T) {
	tests := []struct {
		name string
		at   string // the call before which the person presses
		do   func(*world)
	}{
		{"before b enters the lease", "Get b", func(w *world) { w.endBy("a", w.now) }},
		{"after b has read a: the press finds b in the lease", "Granted b", func(w *world) {
			w.endBy("a", w.now)
			if !w.leases[subject.Key()].IsHeldBy("b") {
				panic("b is not in the lease")
			}
			w.endBy("b", w.now)
		}},
		{"after b has read a, and before the press comes to b", "PutLease held 2", func(w *world) {
			w.endBy("a", w.now)
		}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			w, l := still("a", "b")
			w.grant(t, l, "a")
			w.approveAt("b", w.now.Add(-time.Second))
			w.on(1, tt.at, func() error { tt.do(w); return nil })
			err := l.Acquire(ctx, w.rows["b"], nil, nil)
			if err == nil {
				_, err = l.Confirm(ctx, w.rows["b"], nil)
			}
			const want = "ann@example.com ended this access after the request was approved. If the access is still needed, submit a new request."
			if access.CodeOf(err) != access.CodeRefused || access.ErrorMessage(err) != want || w.isGranted("b") {
				t.Errorf("got %v, granted: %v", err, w.isGranted("b"))
			}
		})
	}
}

// The other request may have left the lease since.
func TestEndedBeforeItLeftTheLease(t *testing.T) {
	for _, known := range []string{"by the lease", "by the evaluation"} {
		t.Run(known, func(t *testing.T) {
			w, l := still("a", "b", "c")
			w.grant(t, l, "a")
			w.approveAt("b", w.now)
			r := w.rows["b"]
			if known == "by the evaluation" {
				r.HeldWith = []string{"a"}
				w.rows["b"] = r
			} else {
				w.on(1, "Get b", func() error { return access.Errorf(access.CodeUnavailable, "no answer") })
				if err := l.Acquire(ctx, r, nil, nil); access.CodeOf(err) != access.CodeUnavailable {
					t.Fatal(err)
				}
				w.before = nil
			}
			w.endBy("a", w.now.Add(time.Second))
			w.release(t, l, "a")
			if err := l.Acquire(ctx, w.rows["b"], nil, nil); access.CodeOf(err) != access.CodeRefused {
				t.Errorf("got %v, want refused", err)
			}
			// Without either, it is a new request: c was approved later.
			w.approveAt("c", w.now.Add(time.Minute))
			if err := l.Acquire(ctx, w.rows["c"], nil, nil); err != nil && access.CodeOf(err) != access.CodeLeaseDeleting {
				t.Errorf("a request that was approved later: %v", err)
			}
		})
	}
}

// While the access is being removed, a request that ends with it must not wait for that.
func TestEndedExtensionDoesNotWait(t *testing.T) {
	w, l := still("a", "b")
	w.grant(t, l, "a")
	w.approveAt("b", w.now)
	w.endBy("a", w.now)
	if _, err := l.Release(ctx, "a", "arn:a", false); err != nil {
		t.Fatal(err)
	}
	if err := l.Acquire(ctx, w.rows["b"], nil, nil); access.CodeOf(err) != access.CodeRefused {
		t.Errorf("got %v, want refused", err)
	}
}

// Nothing is decided on a failed read.
func TestExtendNeedsTheRows(t *testing.T) {
	w, l := still("a", "b")
	w.grant(t, l, "a")
	w.on(1, "Get a", func() error { return access.Errorf(access.CodeUnavailable, "no answer") })
	if err := l.Acquire(ctx, w.rows["b"], nil, nil); access.CodeOf(err) != access.CodeUnavailable {
		t.Errorf("acquire: %v", err)
	}
	w.before = nil
	if err := l.Acquire(ctx, w.rows["b"], nil, nil); err != nil {
		t.Fatal(err)
	}
	w.on(1, "Get a", func() error { return access.Errorf(access.CodeUnavailable, "no answer") })
	if _, err := l.Confirm(ctx, w.rows["b"], nil); access.CodeOf(err) != access.CodeUnavailable || w.isGranted("b") {
		t.Errorf("confirm: %v, granted: %v", err, w.isGranted("b"))
	}
}

// A request that extends nothing costs no further call.
func TestGrantWithoutChainCalls(t *testing.T) {
	w, l := still("a")
	w.grant(t, l, "a")
	want := []string{"Lease", "Exists", "PutLease creating 1 holders", "Get a", "Create", "PutLease creating 1 holders",
		"Lease", "Creation op-1", "Exists", "Granted a", "PutLease held 1 holders"}
	got := slices.DeleteFunc(slices.Clone(w.calls), func(call string) bool { return call == "" })
	count := func(all []string, what string) (n int) {
		for _, call := range all {
			if len(call) >= len(what) && call[:len(what)] == what {
				n++
			}
		}
		return n
	}
	for _, what := range []string{"Lease", "Get", "Granted", "PutLease"} {
		if count(got, what) != count(want, what) {
			t.Errorf("%d calls %s, want %d: %q", count(got, what), what, count(want, what), got)
		}
	}
}
