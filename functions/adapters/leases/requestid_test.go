package leases_test

import (
	"testing"

	"sso-elevator/functions/access"
)

// The rows get AWS's request ids of the calls that created and deleted their access. The
// leases of the previous release don't have them; nothing depends on them.
func TestRequestIDs(t *testing.T) {
	tests := []struct {
		name             string
		subject          access.Subject
		forget           bool // the lease loses the ids, as with a function of the previous release
		created, deleted string
	}{
		{name: "assignment", subject: subject, created: "aws-op-1", deleted: "aws-op-2"},
		{name: "membership", subject: membership, created: "aws-create-m-1", deleted: "aws-delete-m-1"},
		{name: "the ids are lost", subject: subject, forget: true},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			w, l := stillOf(test.subject, "a", "b")
			lose := func() {
				if lease, found := w.leases[test.subject.Key()]; found && test.forget {
					lease.CreateRequestID, lease.DeleteRequestID = "", ""
					w.leases[test.subject.Key()] = lease
				}
			}
			if err := l.Acquire(ctx, w.rows["a"], nil, nil); err != nil {
				t.Fatal(err)
			}
			lose()
			if _, err := l.Confirm(ctx, w.rows["a"], nil); err != nil {
				t.Fatal(err)
			}
			w.grant(t, l, "b")
			if got := w.release(t, l, "a"); got != access.RemovalKept {
				t.Fatalf("the first removal: %s", got)
			}
			if _, err := l.Release(ctx, "b", "arn:b", false); err != nil {
				t.Fatal(err)
			}
			lose()
			if got := w.release(t, l, "b"); got != access.RemovalDone {
				t.Fatalf("the last removal: %s", got)
			}
			for id, deleted := range map[string]string{"a": "", "b": test.deleted} {
				r := w.rows[id]
				if r.AWSCreateRequestID != test.created || r.AWSDeleteRequestID != deleted {
					t.Errorf("%s: created by %q, deleted by %q; want %q, %q", id, r.AWSCreateRequestID, r.AWSDeleteRequestID, test.created, deleted)
				}
			}
			w.wantNothingLeft(t)
		})
	}
}

// Access that was created and never confirmed has both ids, too. A creation that failed
// created nothing.
func TestRequestIDsWithoutAGrant(t *testing.T) {
	tests := []struct {
		name             string
		subject          access.Subject
		fails            bool // the creation
		granted          bool // the request beside it, which holds the access first
		removal          access.RemovalState
		created, deleted string
	}{
		{name: "assignment", subject: subject, removal: access.RemovalDone, created: "aws-op-1", deleted: "aws-op-2"},
		{name: "membership", subject: membership, removal: access.RemovalDone, created: "aws-create-m-1", deleted: "aws-delete-m-1"},
		{name: "the creation failed", subject: subject, fails: true, removal: access.RemovalNothing},
		{name: "another request keeps it", subject: subject, granted: true, removal: access.RemovalNothing},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			w, l := stillOf(test.subject, "a", "b")
			if test.granted {
				w.grant(t, l, "b")
			}
			if err := l.Acquire(ctx, w.rows["a"], nil, nil); err != nil {
				t.Fatal(err)
			}
			if test.fails {
				w.operations[0].fails = true
			}
			if got := w.release(t, l, "a"); got != test.removal {
				t.Fatalf("the removal: %s, want %s", got, test.removal)
			}
			if r := w.rows["a"]; r.AWSCreateRequestID != test.created || r.AWSDeleteRequestID != test.deleted {
				t.Errorf("created by %q, deleted by %q; want %q, %q", r.AWSCreateRequestID, r.AWSDeleteRequestID, test.created, test.deleted)
			}
		})
	}
}
