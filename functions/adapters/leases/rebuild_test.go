package leases_test

import (
	"reflect"
	"slices"
	"testing"
	"time"

	"sso-elevator/functions/access"
)

func TestRebuild(t *testing.T) {
	unavailable := access.Errorf(access.CodeUnavailable, "down")
	tests := []struct {
		name      string
		execution string
		granted   bool
		before    func(w *world)
		known     bool
		code      access.Code
	}{
		{"its own execution", "arn:a", false, nil, true, ""},
		{"another execution", "arn:b", false, nil, false, ""},
		{"another execution, after the end", "arn:b", false, func(w *world) { w.now = w.now.Add(time.Hour) }, true, ""},
		{"another execution that knows of the grant", "arn:sweep", true, nil, true, ""},
		{"no lease", "arn:a", true, func(w *world) { clear(w.leases) }, false, ""},
		{"the lease is another's", "arn:a", true, func(w *world) {
			lease := w.leases[subject.Key()]
			lease.Holders = map[string]access.Holder{"b": {ExecutionARN: "arn:a"}}
			w.leases[subject.Key()] = lease
		}, false, ""},
		{"the table is down", "arn:a", true, func(w *world) { w.on(1, "Lease", func() error { return unavailable }) }, false, access.CodeUnavailable},
		{"the table takes no row", "arn:a", true, func(w *world) { w.on(1, "Rebuild", func() error { return unavailable }) }, true, access.CodeUnavailable},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			w, l := still("a")
			w.grant(t, l, "a")
			was := w.rows["a"]
			delete(w.rows, "a")
			if test.before != nil {
				test.before(w)
			}
			known, err := l.Rebuild(ctx, "a", test.execution, test.granted, subject)
			wantCode(t, err, test.code)
			if known != test.known {
				t.Errorf("known: %t", known)
			}
			r, there := w.rows["a"]
			if there != (test.known && err == nil) {
				t.Fatalf("there is a row: %t", there)
			}
			if there && (r.Rebuilt == nil || r.Subject() != subject || !r.GrantedAt.Equal(was.GrantedAt) || !r.End.Equal(was.End) || !r.RevokingAt.Equal(w.now) || r.ExecutionARN != "arn:a") {
				t.Errorf("the row is %+v", r)
			}
			w.before = nil
			if !there {
				return
			}
			if got := w.release(t, l, "a"); got != access.RemovalDone {
				t.Errorf("removal = %s", got)
			}
			w.wantNothingLeft(t)
		})
	}
}

// A holder whose row was deleted keeps its access until its end, even if another
// holder leaves earlier. Then its execution or the sweep removes it.
func TestOthersWithoutARow(t *testing.T) {
	w, l := still("a", "b")
	w.grant(t, l, "a")
	w.grant(t, l, "b")
	delete(w.rows, "b")
	if got := w.release(t, l, "a"); got != access.RemovalKept || !w.exists() {
		t.Errorf("first leaves: %s, access %v", got, w.exists())
	}
	if r := w.rows["b"]; r.Rebuilt == nil || !r.RevokedAt.IsZero() {
		t.Errorf("the other's row is %+v", r)
	}
	if got := w.release(t, l, "b"); got != access.RemovalDone {
		t.Errorf("last leaves: %s", got)
	}
	w.wantNothingLeft(t)
}

// A holder whose row was deleted, and whose end has passed, loses its access. Its new
// row lets the sweep record the end.
func TestOthersWithoutARowWhoseTimeIsOver(t *testing.T) {
	w, l := still("a", "b")
	w.grant(t, l, "a")
	w.grant(t, l, "b")
	end := w.rows["b"].End
	delete(w.rows, "b")
	w.now = end
	if got := w.release(t, l, "a"); got != access.RemovalDone || w.exists() {
		t.Errorf("removal = %s, access %v", got, w.exists())
	}
	if r := w.rows["b"]; r.Rebuilt == nil || !r.RevokedAt.IsZero() {
		t.Errorf("the other's row is %+v", r)
	}
	if got := w.release(t, l, "b"); got != access.RemovalDone {
		t.Errorf("the other: %s", got)
	}
	w.wantNothingLeft(t)
}

// A holder that ended so long ago that the table has dropped its row no longer counts.
func TestOthersOfLongAgo(t *testing.T) {
	w, l := still("a", "b")
	w.grant(t, l, "a")
	w.grant(t, l, "b")
	delete(w.rows, "b")
	w.now = w.now.Add(80 * 24 * time.Hour)
	if got := w.release(t, l, "a"); got != access.RemovalDone {
		t.Errorf("removal = %s", got)
	}
	if r, there := w.rows["b"]; there {
		t.Errorf("there is a row: %+v", r)
	}
	w.wantNothingLeft(t)
}

// The sweep of a lease whose holders have no rows creates rows that record their
// removals. Only then does it delete the lease.
func TestSettleWithoutRows(t *testing.T) {
	for _, s := range []access.Subject{subject, membership} {
		w, l := stillOf(s, "a", "b", "c")
		w.grant(t, l, "a")
		w.grant(t, l, "b")
		if err := l.Acquire(ctx, w.rows["c"], nil, nil); err != nil { // never confirmed
			t.Fatal(err)
		}
		clear(w.rows)
		w.calls = nil
		for range 20 {
			_, err := l.Settle(ctx, s.Key(), false)
			if err == nil {
				break
			}
			wantCode(t, err, access.CodeInProgress)
			w.now = w.now.Add(5 * time.Second)
			w.settle()
		}
		w.wantNothingLeft(t)
		removals := map[string]access.RemovalState{}
		for id, r := range w.rows {
			removals[id] = r.Removal
		}
		if want := map[string]access.RemovalState{"a": access.RemovalKept, "b": access.RemovalKept, "c": access.RemovalDone}; !reflect.DeepEqual(removals, want) {
			t.Errorf("%s: removals %v, want %v", s.Kind, removals, want)
		}
		if last := w.calls[len(w.calls)-1]; slices.Index(w.calls, "DeleteLease") < slices.Index(w.calls, "Revoked c") {
			t.Errorf("calls %q, at last %s", w.calls, last)
		}
	}
}
