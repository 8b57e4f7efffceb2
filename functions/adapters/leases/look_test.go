package leases_test

import (
	"strings"
	"testing"

	"sso-elevator/functions/access"
)

// The access may be read before the lease, and both may change in between. A removal that
// ends then must not look like access from outside this app.
func TestRemovalEndsBetweenTheTwoReads(t *testing.T) {
	w, l := still("a", "b")
	w.grant(t, l, "a")
	before := len(w.calls)
	w.on(1, "Lease", func() error {
		w.before = nil
		w.release(t, l, "a")
		return nil
	})
	if err := l.Acquire(ctx, w.rows["b"], nil, nil); err != nil {
		t.Fatalf("%v\n%q", err, w.calls[before:])
	}
	if _, err := l.Confirm(ctx, w.rows["b"], nil); err != nil || !w.exists() {
		t.Errorf("%v; access: %t", err, w.exists())
	}
	w.release(t, l, "b")
	w.wantNothingLeft(t)
}

// What was read before the caller's checks may be outdated: the access is then created and
// held by someone else. The request joins it.
func TestAcquireAfterAnOutdatedLook(t *testing.T) {
	w, l := still("a", "b")
	b := w.rows["b"]
	look := l.Look(ctx, b.Subject())
	w.grant(t, l, "a")
	if err := l.AcquireAfter(ctx, w.rows["b"], look, nil, nil); err != nil {
		t.Fatal(err)
	}
	if _, err := l.Confirm(ctx, w.rows["b"], nil); err != nil {
		t.Fatal(err)
	}
	if got := w.release(t, l, "a"); got != access.RemovalKept || !w.exists() {
		t.Errorf("the first removal is %q; access: %t", got, w.exists())
	}
	if got := w.release(t, l, "b"); got != access.RemovalDone {
		t.Errorf("the last removal is %q", got)
	}
	w.wantNothingLeft(t)
}

// The error of the lease counts, also if both reads fail. Nothing is decided on a failed
// read.
func TestFailedLook(t *testing.T) {
	for _, test := range []struct {
		name    string
		failing map[string]access.Code // by the beginning of the call's name
		want    access.Code
	}{
		{"the lease", map[string]access.Code{"Lease": access.CodeThrottled}, access.CodeThrottled},
		{"the access", map[string]access.Code{"Exists": access.CodeUnavailable}, access.CodeUnavailable},
		{"both", map[string]access.Code{"Lease": access.CodeThrottled, "Exists": access.CodeUnavailable}, access.CodeThrottled},
	} {
		w, l := still("a")
		w.before = func(call string) error {
			for name, code := range test.failing {
				if strings.HasPrefix(call, name) {
					return access.Errorf(code, "down")
				}
			}
			return nil
		}
		err := l.Acquire(ctx, w.rows["a"], nil, nil)
		if access.CodeOf(err) != test.want || len(w.leases) > 0 || w.exists() {
			t.Errorf("%s: %v, leases %v", test.name, err, w.leases)
		}
	}
}
