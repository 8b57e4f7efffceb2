package evaluate

import (
	"testing"
	"time"

	"sso-elevator/functions/access"
)

// While memberships can't be read, the request stays open, and the state machine asks
// again. When it asks too late, the request is refused with a reason that says so.
func TestUndecidable(t *testing.T) {
	throttled, denied := access.Errorf(access.CodeThrottled, "slow down"), access.Errorf(access.CodeMisconfigure, "AccessDenied")
	for _, tt := range []struct {
		name     string
		err      error
		listErr  error
		age      time.Duration
		lifetime time.Duration // of requests; zero: eight hours
		previous bool          // the state machine of the previous release
		want     access.Code   // zero: refused
	}{
		{name: "throttled", err: throttled, want: access.CodeUndecidable},
		{name: "no permission: someone will fix it", err: denied, want: access.CodeUndecidable},
		{name: "the members of the approvers' group can't be listed", listErr: denied, want: access.CodeUndecidable},
		{name: "for a long time", err: denied, age: 2*time.Hour - time.Second, want: access.CodeUndecidable},
		{name: "for too long", err: denied, age: 2 * time.Hour},
		{name: "the members can't be listed for too long", listErr: throttled, age: 2 * time.Hour},
		{name: "it would have expired", err: throttled, age: time.Hour, lifetime: time.Hour},
		{name: "it would soon expire", err: throttled, age: time.Hour - time.Second, lifetime: time.Hour, want: access.CodeUndecidable},
		{name: "a state machine that does not wait", err: throttled, previous: true, want: access.CodeThrottled},
		{name: "a state machine that does not wait, after long", err: throttled, age: 3 * time.Hour, previous: true, want: access.CodeThrottled},
	} {
		t.Run(tt.name, func(t *testing.T) {
			w := newWorld(access.Statement{Approvers: []string{"group:g-sec"}})
			w.groups.Err, w.groups.ListErr = tt.err, tt.listErr
			w.previous, w.lifetime = tt.previous, tt.lifetime
			got, err := w.handle(t, "evaluate", own, now.Add(tt.age))
			if access.CodeOf(err) != tt.want {
				t.Fatalf("got %v, want code %q", err, tt.want)
			}
			if err != nil {
				if w.row.Outcome != nil || w.evaluated != nil {
					t.Errorf("the request is decided: %+v", w.row.Outcome)
				}
				return
			}
			if o := w.row.Outcome; got.(Evaluated).Next.Next != "refused" || o == nil || o.Kind != access.OutcomeRefused || o.Reason != string(access.CodeNotDecided) {
				t.Errorf("got %+v, outcome %+v", got, o)
			}
		})
	}
}

// A request that someone decided while it could not be evaluated continues.
func TestDecidedWhileUndecidable(t *testing.T) {
	w := newWorld(access.Statement{Approvers: []string{"group:g-sec"}})
	w.groups.Err = access.Errorf(access.CodeThrottled, "slow down")
	w.rival = &access.Outcome{Kind: access.OutcomeWithdrawn}
	got, err := w.handle(t, "evaluate", own, now.Add(3*time.Hour))
	if err != nil || got.(Evaluated).Next.Next != "withdrawn" {
		t.Errorf("got %+v, %v, want withdrawn", got, err)
	}
}
