package access

import (
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"
)

// Each case has a request as the functions write it, and the predicates that are true
// for it. Cases where two similar predicates differ show why both exist.
func TestRequestPredicates(t *testing.T) {
	at := time.Date(2026, 3, 2, 9, 0, 0, 0, time.UTC)
	predicates := map[string]func(*Request) bool{
		"Open":            (*Request).Open,
		"IsApproved":      (*Request).IsApproved,
		"WasGranted":      (*Request).WasGranted,
		"HasRemovalBegun": (*Request).HasRemovalBegun,
		"IsRemoved":       (*Request).IsRemoved,
		"IsClosed":        (*Request).IsClosed,
		"IsOver":          (*Request).IsOver,
		"IsFinished":      (*Request).IsFinished,
		"HasPassedGrant":  (*Request).HasPassedGrant,
		"HasAccess":       (*Request).HasAccess,
		"IsActive":        (*Request).IsActive,
		"HasPendingEnd":   (*Request).HasPendingEnd,
		"MayHaveAccess":   (*Request).MayHaveAccess,
		"IsClosable":      (*Request).IsClosable,
		"Interrupted":     (*Request).Interrupted,
	}
	all := func(changes ...func(*Request)) Request {
		var r Request
		for _, change := range changes {
			change(&r)
		}
		return r
	}
	decided := func(kind OutcomeKind) func(*Request) { return func(r *Request) { r.Outcome = &Outcome{Kind: kind} } }
	approved, denied := decided(OutcomeApproved), decided(OutcomeDenied)
	granted := func(r *Request) { r.GrantedAt, r.End = at, at.Add(time.Hour) }
	ended := func(r *Request) { r.EndRequest = &EndRequest{At: at} }
	givenUp := func(r *Request) { r.Tombstone = true }
	removing := func(r *Request) { r.RevokingAt = at }
	removed := func(r *Request) { r.RevokingAt, r.RevokedAt = at, at }
	closed := func(r *Request) { r.ClosedAt = at }
	rebuilt := func(r *Request) { r.Rebuilt, r.RevokingAt = &Rebuilt{}, at }

	const over = "IsOver HasRemovalBegun HasPassedGrant MayHaveAccess "
	for _, test := range []struct {
		name string
		r    Request
		want string
	}{
		{"undecided", all(), "Open"},
		{"undecided, given up", all(givenUp), "IsOver MayHaveAccess Interrupted"},
		{"undecided, being removed", all(removing), over + "Interrupted"},
		{"undecided, removed", all(removed), over + "IsRemoved IsFinished IsClosable Interrupted"},
		{"undecided, closed", all(closed), "IsOver IsClosed IsFinished Interrupted"},

		{"denied", all(denied), "IsClosable"},
		{"withdrawn", all(decided(OutcomeWithdrawn)), "IsClosable"},
		{"expired", all(decided(OutcomeExpired)), "IsClosable"},
		{"refused", all(decided(OutcomeRefused)), "IsClosable"},
		{"an outcome that there is not", all(decided("maybe")), "IsClosable"},
		{"denied, closed", all(denied, closed), "IsClosable IsOver IsClosed IsFinished"},
		{"denied, and resumed with an approval", all(denied, removing), over + "IsClosable"},

		{"approved", all(approved), "IsApproved MayHaveAccess"},
		{"automatic", all(decided(OutcomeAutomatic)), "IsApproved MayHaveAccess"},
		{"approved, not granted", all(approved, func(r *Request) { r.Failure = &Failure{} }), "IsApproved MayHaveAccess"},
		{"approved, given up", all(approved, givenUp), "IsApproved MayHaveAccess IsOver"},
		{"approved, being removed", all(approved, removing), over + "IsApproved"},
		{"approved, removed", all(approved, removed), over + "IsApproved IsRemoved IsFinished IsClosable"},

		{"granted", all(approved, granted), "IsApproved WasGranted HasPassedGrant HasAccess IsActive MayHaveAccess"},
		{"granted, given up", all(approved, granted, givenUp), "IsApproved WasGranted HasPassedGrant HasAccess IsActive MayHaveAccess IsOver"},
		{"granted, ended early", all(approved, granted, ended), "IsApproved WasGranted HasPassedGrant HasAccess IsActive HasPendingEnd MayHaveAccess"},
		{"granted, being removed", all(approved, granted, removing), over + "IsApproved WasGranted HasAccess"},
		{"ended early, being removed", all(approved, granted, ended, removing), over + "IsApproved WasGranted HasAccess"},
		{"granted, removed", all(approved, granted, removed), over + "IsApproved WasGranted IsRemoved IsFinished IsClosable"},
		{"ended early, removed", all(approved, granted, ended, removed), over + "IsApproved WasGranted IsRemoved IsFinished IsClosable"},
		{"granted, removed, closed", all(approved, granted, removed, closed), over + "IsApproved WasGranted IsRemoved IsFinished IsClosable IsClosed"},

		{"rebuilt", all(rebuilt, granted), over + "WasGranted HasAccess"},
		{"rebuilt, never confirmed", all(rebuilt), over},
		{"rebuilt, removed", all(rebuilt, granted, removed), over + "WasGranted IsRemoved IsFinished IsClosable"},
	} {
		t.Run(test.name, func(t *testing.T) {
			var got []string
			for name, holds := range predicates {
				if holds(&test.r) {
					got = append(got, name)
				}
			}
			want := strings.Fields(test.want)
			slices.Sort(got)
			slices.Sort(want)
			if !reflect.DeepEqual(got, want) {
				t.Errorf("got  %v\nwant %v", got, want)
			}
		})
	}
}

// The predicates don't contradict each other, even if someone edits a row by hand.
func TestPredicatesOfAnyRow(t *testing.T) {
	at := time.Date(2026, 3, 2, 9, 0, 0, 0, time.UTC)
	outcomes := []*Outcome{nil, {Kind: OutcomeApproved}, {Kind: OutcomeDenied}}
	for bits := range 1 << 7 {
		for _, o := range outcomes {
			has := func(n int) bool { return bits>>n&1 == 1 }
			when := func(n int) time.Time {
				if has(n) {
					return at
				}
				return time.Time{}
			}
			r := Request{Outcome: o, GrantedAt: when(0), RevokingAt: when(1), RevokedAt: when(2), ClosedAt: when(3), Tombstone: has(4)}
			if has(5) {
				r.EndRequest = &EndRequest{}
			}
			if has(6) {
				r.Rebuilt = &Rebuilt{}
			}
			_, gives := r.AccessEnd()
			for rule, holds := range map[string]bool{
				"one that is open is not over":                        !r.Open() || !r.IsOver(),
				"one that is open is not interrupted":                 !r.Open() || !r.Interrupted(),
				"one that is finished is over":                        !r.IsFinished() || r.IsOver(),
				"active access exists":                                !r.IsActive() || r.HasAccess(),
				"what exists may exist":                               !r.HasAccess() || r.MayHaveAccess(),
				"one that is open has no access to remove":            !r.Open() || r.WasGranted() || !r.MayHaveAccess(),
				"a pending end is of active access":                   !r.HasPendingEnd() || r.IsActive(),
				"one that is finished gives no access":                !r.IsFinished() || !gives,
				"what is granted or approved, and not finished, ends": r.IsFinished() || !r.WasGranted() && !r.IsApproved() || gives,
				"approved is decided":                                 !r.IsApproved() || !r.Open(),
			} {
				if !holds {
					t.Errorf("%s: %+v", rule, r)
				}
			}
		}
	}
}

func TestWasRemovedEarly(t *testing.T) {
	end := time.Date(2026, 3, 2, 10, 0, 0, 0, time.UTC)
	for _, test := range []struct {
		name       string
		began, was time.Duration // against its end
		early      bool
		unexpected bool
	}{
		{"a minute early", -time.Minute, -time.Minute, true, true},
		{"just early", -5*time.Second - 1, -5*time.Second - 1, true, true},
		{"as early as clocks may differ", -5 * time.Second, -5 * time.Second, false, false},
		{"begun early, gone late", -time.Minute, time.Minute, false, true},
		{"at its end", 0, time.Second, false, false},
	} {
		r := Request{GrantedAt: end.Add(-time.Hour), End: end, RevokingAt: end.Add(test.began), RevokedAt: end.Add(test.was)}
		if got := r.WasRemovedEarly(); got != test.early {
			t.Errorf("%s: %t", test.name, got)
		}
		if got := r.EndedUnexpectedly(); got != test.unexpected {
			t.Errorf("%s, unexpectedly: %t", test.name, got)
		}
	}
	if r := (Request{End: end}); r.WasRemovedEarly() {
		t.Error("not removed, and early")
	}
}

func TestLeasePredicates(t *testing.T) {
	nine := time.Date(2026, 3, 2, 9, 0, 0, 0, time.UTC)
	lease := Lease{SettlesAt: nine, Holders: map[string]Holder{"a": {}, "b": {End: nine}}}
	if lease.IsStored() {
		t.Error("stored without a version")
	}
	if lease.Version = 1; !lease.IsStored() {
		t.Error("not stored with a version")
	}
	for id, want := range map[string]bool{"a": true, "b": true, "c": false, "": false} {
		if lease.IsHeldBy(id) != want {
			t.Errorf("held by %q: %t", id, !want)
		}
	}
	for _, test := range []struct {
		name                    string
		now                     time.Time
		settled, aEnded, bEnded bool
	}{
		{"before", nine.Add(-1), false, false, false},
		{"at that time", nine, true, false, true},
		{"after", nine.Add(1), true, false, true},
	} {
		if got := lease.IsSettled(test.now); got != test.settled {
			t.Errorf("%s: settled %t", test.name, got)
		}
		if got := lease.Holders["a"].HasEnded(test.now); got != test.aEnded {
			t.Errorf("%s: a holder that is not confirmed ended %t", test.name, got)
		}
		if got := lease.Holders["b"].HasEnded(test.now); got != test.bEnded {
			t.Errorf("%s: ended %t", test.name, got)
		}
	}
	if lease.Holders["a"].IsConfirmed() || !lease.Holders["b"].IsConfirmed() {
		t.Error("a holder is confirmed if it has an end")
	}
}

func TestLeaseMayHaveMade(t *testing.T) {
	group := Subject{Target: Target{Kind: KindGroup}}
	for _, test := range []struct {
		name string
		l    Lease
		want bool
	}{
		{"its id is noted", Lease{Subject: group, MembershipIDs: []string{"", "m-1"}}, true},
		{"others are noted", Lease{Subject: group, MembershipIDs: []string{"m-2"}}, false},
		{"a creation was refused", Lease{Subject: group, MembershipIDs: []string{""}}, false},
		{"nothing is noted", Lease{Subject: group}, true},
		{"an answer is missing", Lease{Subject: group, MembershipIDs: []string{"m-2"}, Unanswered: []time.Time{{}}}, true},
		{"an account", Lease{Subject: Subject{Target: Target{Kind: KindAccount}}, MembershipIDs: []string{"m-2"}}, true},
	} {
		if got := test.l.MayHaveMade("m-1"); got != test.want {
			t.Errorf("%s: %t", test.name, got)
		}
	}
}
