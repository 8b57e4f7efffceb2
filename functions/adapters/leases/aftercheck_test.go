package leases_test

import (
	"context"
	"strings"
	"sync"
	"testing"

	"sso-elevator/functions/access"
)

// After the lease is written, the caller's check and the read of the row are in flight at
// the same time, and the creation waits for both.
func TestCheckBesideTheRow(t *testing.T) {
	w, l := still("a")
	look := l.Look(ctx, subject)
	l.Readers = 0
	var both sync.WaitGroup
	both.Add(2)
	meet := func() {
		both.Done()
		both.Wait()
	}
	written, created := false, false
	w.before = func(call string) error {
		switch {
		case strings.HasPrefix(call, "Create"):
			created = true
		case strings.HasPrefix(call, "PutLease"):
			written = true
		case written && strings.HasPrefix(call, "Get"):
			meet()
		}
		return nil
	}
	check := func(context.Context) error {
		if !written || created {
			t.Errorf("checked too early or too late: written %t, created %t", written, created)
		}
		meet()
		return nil
	}
	if err := l.AcquireAfter(ctx, w.rows["a"], look, nil, check); err != nil || !created {
		t.Errorf("%v; created: %t", err, created)
	}
}

// The error of the check counts, also if the row can't be read. After either, nothing is
// created.
func TestFailedCheckBesideTheRow(t *testing.T) {
	for _, test := range []struct {
		name       string
		check, row access.Code
		want       access.Code
	}{
		{name: "the check", check: access.CodeBlocked, want: access.CodeBlocked},
		{name: "the row", row: access.CodeThrottled, want: access.CodeThrottled},
		{name: "both", check: access.CodeBlocked, row: access.CodeThrottled, want: access.CodeBlocked},
	} {
		w, l := still("a")
		written, created := false, false
		w.before = func(call string) error {
			created = created || strings.HasPrefix(call, "Create")
			written = written || strings.HasPrefix(call, "PutLease")
			if written && test.row != "" && strings.HasPrefix(call, "Get") {
				return access.Errorf(test.row, "down")
			}
			return nil
		}
		err := l.Acquire(ctx, w.rows["a"], nil, func(context.Context) error {
			if test.check != "" {
				return access.Errorf(test.check, "blocked")
			}
			return nil
		})
		if access.CodeOf(err) != test.want || created {
			t.Errorf("%s: %v; created: %t", test.name, err, created)
		}
	}
}
