package access

import (
	"slices"
	"testing"
	"time"
)

func TestParseButtonValue(t *testing.T) {
	for _, ref := range []FindingRef{{Run: "r", Index: 0}, {Run: "2026-03-02-0930-revoke-abcdefgh", Index: 4999}, {Run: "", Index: 1}} {
		if got, ok := ParseButtonValue(ref.ButtonValue()); !ok || got != ref {
			t.Errorf("%q: %+v, %t", ref.ButtonValue(), got, ok)
		}
	}
	for _, value := range []string{"", "r", "r.", "r.x", "r.-1", "r.+1", "r.01", "r. 1", "r.1 ", "r.1.2", "r.1e3", "r.99999999999999999999", "r#1", "r.١"} {
		if ref, ok := ParseButtonValue(value); ok {
			t.Errorf("%q: %+v", value, ref)
		}
	}
}

func FuzzParseButtonValue(f *testing.F) {
	f.Add("r.1")
	f.Add("a.b.2")
	f.Fuzz(func(t *testing.T, value string) {
		if ref, ok := ParseButtonValue(value); ok && (ref.ButtonValue() != value || ref.Index < 0) {
			t.Errorf("%q is read as %+v", value, ref)
		}
	})
}

// However often people press, nobody leaves access for longer than 72 hours after it was
// first seen.
func TestLeaveUntil(t *testing.T) {
	seen := time.Date(2026, 3, 2, 9, 0, 0, 0, time.UTC)
	f := Finding{FirstSeen: seen}
	for _, test := range []struct {
		at, until time.Duration
		ok        bool
	}{
		{0, 24 * time.Hour, true}, {time.Hour, 25 * time.Hour, true}, {48 * time.Hour, 72 * time.Hour, true}, {50 * time.Hour, 72 * time.Hour, true},
		{72*time.Hour - time.Second, 72 * time.Hour, true}, {72 * time.Hour, 72 * time.Hour, false}, {1000 * time.Hour, 72 * time.Hour, false},
	} {
		if until, ok := f.LeaveUntil(seen.Add(test.at)); ok != test.ok || !until.Equal(seen.Add(test.until)) {
			t.Errorf("at %s: until %s, %t; want %s, %t", test.at, until.Sub(seen), ok, test.until, test.ok)
		}
	}
	if until, ok := new(Finding).LeaveUntil(seen); ok {
		t.Errorf("without the time when it was seen: until %s", until)
	}
}

func TestFindingIsOf(t *testing.T) {
	f := Finding{Subject: Subject{PrincipalID: "p-1"}, UserName: "Jane@example.com", Email: "j.doe@example.com"}
	for name, test := range map[string]struct {
		finding Finding
		person  Person
		want    bool
	}{
		"the same user":                       {f, Person{PrincipalID: "p-1", Email: "other@example.com"}, true},
		"the same email":                      {f, Person{PrincipalID: "p-2", Email: "J.Doe@example.com"}, true},
		"the user name":                       {f, Person{PrincipalID: "p-2", Email: "jane@example.com"}, true},
		"another person":                      {f, Person{PrincipalID: "p-2", Email: "bob@example.com"}, false},
		"nobody":                              {f, Person{}, false},
		"nobody, of a finding without a user": {Finding{}, Person{}, false},
		"a look-alike":                        {f, Person{PrincipalID: "p-2", Email: "\u212aane@example.com"}, false},
	} {
		if got := test.finding.IsOf(test.person); got != test.want {
			t.Errorf("%s: %t", name, got)
		}
	}
}

func TestConsentTo(t *testing.T) {
	at := time.Date(2026, 3, 2, 9, 0, 0, 0, time.UTC)
	bob, ann := Person{SlackID: "UBOB"}, Person{SlackID: "UANN"}
	r := Run{
		Mode: DriftRevoke, Guard: GuardScopeGrew, InScope: [][2]int{{0, 1}},
		Answers: []RunAnswer{{Remove: true, By: ann, At: at, Findings: [][2]int{{0, 3}}}, {By: ann, At: at, Findings: [][2]int{{3, 4}}}},
		Presses: []FindingPress{{Finding: 2, Remove: true, By: bob, At: at}, {Finding: 3, Remove: true, By: bob, At: at}, {Finding: 4, By: bob, At: at}},
	}
	for finding, want := range []string{"", "UANN", "UBOB", "UBOB", "", ""} {
		if by, _, ok := r.ConsentTo(finding); by.SlackID != want || ok != (want != "") {
			t.Errorf("finding %d: %q, %t; want %q", finding, by.SlackID, ok, want)
		}
	}
	r.Guard, r.Answers, r.Mode, r.Partial = "", nil, DriftWarn, true
	for finding, want := range []bool{false, false, true, true, false} {
		if got := r.MayRemove(finding); got != want {
			t.Errorf("a run that warns may remove finding %d: %t", finding, got)
		}
	}
}

// Remove now overrules an earlier Leave for a day, and nothing overrules Remove now.
func TestPressesAbout(t *testing.T) {
	leave, remove, other := FindingPress{Finding: 1}, FindingPress{Finding: 1, Remove: true}, FindingPress{Finding: 2, Remove: true}
	for _, test := range []struct {
		presses []FindingPress
		want    []bool // Remove, of each that took effect
	}{
		{}, {presses: []FindingPress{other}},
		{[]FindingPress{leave}, []bool{false}}, {[]FindingPress{other, remove}, []bool{true}},
		{[]FindingPress{leave, other, remove}, []bool{false, true}}, {[]FindingPress{remove, leave}, []bool{true}},
		{[]FindingPress{leave, leave, remove, leave, remove}, []bool{false, true}}, {[]FindingPress{remove, remove}, []bool{true}},
	} {
		r := Run{Presses: test.presses}
		var got []bool
		for _, p := range r.PressesAbout(1) {
			got = append(got, p.Remove)
		}
		if !slices.Equal(got, test.want) {
			t.Errorf("%+v: %v, want %v", test.presses, got, test.want)
		}
		removes := len(test.want) > 0 && test.want[len(test.want)-1]
		if p := r.PressAbout(1); (p == nil) != (len(test.want) == 0) || p != nil && p.Remove != removes || r.MayRemove(1) != removes {
			t.Errorf("%+v: %+v counts, may remove %t", test.presses, p, r.MayRemove(1))
		}
	}
}
