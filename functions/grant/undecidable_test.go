package grant

import (
	"testing"
	"time"

	"sso-elevator/functions/access"
	"sso-elevator/functions/adapters/host"
)

// If the policy can't decide, the state machine waits, but only if nothing was created:
// nothing ends access while the machine waits. Any other code leads to Revoke.
func TestUndecidable(t *testing.T) {
	attempt := func(n int) *int { return &n }
	down, denied := access.Errorf(access.CodeUnavailable, "no answer"), access.Errorf(access.CodeMisconfigure, "AccessDenied")
	for _, tt := range []struct {
		name     string
		err      error // of the memberships
		retries  *int  // nil: unknown
		age      time.Duration
		change   func(*scene)
		previous bool // the state machine of the previous release
		want     access.Code
		final    bool // the row says that the grant failed
	}{
		{name: "the first attempt", err: down, retries: attempt(0), want: access.CodeUndecidable},
		{name: "no permission: someone will fix it", err: denied, retries: attempt(0), want: access.CodeUndecidable},
		{name: "a later attempt", err: down, retries: attempt(3), want: access.CodeUndecidable},
		{name: "for a long time", err: denied, retries: attempt(0), age: time.Hour - time.Second, want: access.CodeUndecidable},
		{name: "for too long", err: denied, retries: attempt(0), age: time.Hour, want: access.CodeNotDecided, final: true},
		{name: "throttled for too long", err: down, retries: attempt(0), age: time.Hour, want: access.CodeNotDecided, final: true},

		{name: "an earlier attempt took the lease", err: down, retries: attempt(1), change: func(s *scene) { s.holds = true }, want: access.CodeUnavailable},
		{name: "an earlier attempt took the lease, and was alive after the state", err: down, retries: attempt(0), change: func(s *scene) { s.holds = true }, want: access.CodeUnavailable},
		{name: "an earlier attempt took the lease, and no permission", err: denied, retries: attempt(1), change: func(s *scene) { s.holds = true }, want: access.CodeMisconfigure, final: true},
		{name: "an earlier attempt took the lease, for too long", err: down, retries: attempt(1), age: time.Hour, change: func(s *scene) { s.holds = true }, want: access.CodeUnavailable},
		{name: "the access was confirmed", err: down, retries: attempt(0), change: func(s *scene) { s.row.GrantedAt = monday }, want: access.CodeUnavailable},
		{name: "the lease can't be read, first attempt", err: down, retries: attempt(0), change: func(s *scene) { s.errs["holder"] = down }, want: access.CodeUndecidable},
		{name: "the lease can't be read, later attempt", err: down, retries: attempt(1), change: func(s *scene) { s.errs["holder"] = down }, want: access.CodeUnavailable},
		{name: "the lease can't be read, and nobody counts attempts", err: down, change: func(s *scene) { s.errs["holder"] = down }, want: access.CodeUnavailable},

		{name: "the request is over", err: down, retries: attempt(0), change: func(s *scene) { s.row.RevokingAt = monday }, want: access.CodeRefused},
		{name: "the sweep gave the request up", err: down, retries: attempt(0), change: func(s *scene) { s.row.Tombstone = true }, want: access.CodeRefused},
		{name: "the request is not decided", err: down, retries: attempt(0), change: func(s *scene) { s.row.Outcome = nil }, want: access.CodeUnavailable},
		{name: "a state machine that does not wait", err: down, previous: true, want: access.CodeUnavailable},
		{name: "a state machine that does not wait, no permission", err: denied, previous: true, want: access.CodeMisconfigure, final: true},
	} {
		t.Run(tt.name, func(t *testing.T) {
			s := inOrder()
			s.policy = listing("group:g-sec")
			s.groups.Err = tt.err
			s.row.Outcome.At = monday.Add(-tt.age)
			if tt.change != nil {
				tt.change(s)
			}
			in := Input{Input: host.Input{Operation: "start", RequestID: "one", Execution: execution}, Waits: !tt.previous}
			in.State.RetryCount = tt.retries
			_, err := s.handler().Handle(t.Context(), in)
			if code := access.CodeOf(err); code != tt.want || (len(s.failures) > 0) != tt.final || len(s.acquired) > 0 {
				t.Errorf("got %v (%s), failures %+v, acquired %d; want %q, final %t", err, code, s.failures, len(s.acquired), tt.want, tt.final)
			}
			if tt.final && s.failures[0].Code == access.CodeUndecidable {
				t.Error("the row keeps Undecidable, so the state machine would wait forever")
			}
		})
	}
}
