package leases_test

import (
	"context"
	"slices"
	"strings"
	"testing"

	"sso-elevator/functions/access"
)

// The caller's last check comes after the lease is written and before the creation. If it
// fails, nothing is created, and a retry or a removal goes on from there.
func TestAcquireChecksLast(t *testing.T) {
	w, l := still("a")
	refuse := access.Errorf(access.CodeBlocked, "blocked")
	var before []string
	check := func(context.Context) error {
		before = slices.Clone(w.calls)
		return refuse
	}
	wantCode(t, l.Acquire(ctx, w.rows["a"], nil, check), access.CodeBlocked)
	created := func(calls []string) bool {
		return slices.ContainsFunc(calls, func(c string) bool { return strings.HasPrefix(strings.ToLower(c), "create") })
	}
	if isHolder, err := l.IsHolder(ctx, w.rows["a"]); !isHolder || err != nil {
		t.Errorf("the request is not a holder, %v: its removal would not see it", err)
	}
	if created(w.calls) || len(before) == 0 {
		t.Errorf("calls %q, of these before the check %q", w.calls, before)
	}
	refuse = nil
	if err := l.Acquire(ctx, w.rows["a"], nil, check); err != nil || !created(w.calls) || created(before) {
		t.Errorf("got %v after %q, of these before the check %q", err, w.calls, before)
	}
	if state := w.release(t, l, "a"); state != access.RemovalDone {
		t.Errorf("removed: %s", state)
	}

	w, l = still("a")
	refuse = access.Errorf(access.CodeBlocked, "blocked")
	wantCode(t, l.Acquire(ctx, w.rows["a"], nil, check), access.CodeBlocked)
	if state := w.release(t, l, "a"); state != access.RemovalNothing || created(w.calls) {
		t.Errorf("removed: %s after %q", state, w.calls)
	}
}
