package access

import (
	"reflect"
	"testing"
	"time"
)

func TestRanges(t *testing.T) {
	for _, tt := range []struct {
		numbers []int
		want    [][2]int
	}{
		{nil, nil},
		{[]int{0}, [][2]int{{0, 1}}},
		{[]int{0, 1, 2}, [][2]int{{0, 3}}},
		{[]int{1, 3, 4, 9}, [][2]int{{1, 2}, {3, 5}, {9, 10}}},
	} {
		got := Ranges(tt.numbers)
		if !reflect.DeepEqual(got, tt.want) || (RunAnswer{Findings: got}).Count() != len(tt.numbers) {
			t.Errorf("%v: got %v, want %v", tt.numbers, got, tt.want)
		}
	}
}

// A run that had to ask removes only the findings that someone agreed to remove, and
// only after the question is closed.
func TestMayRemove(t *testing.T) {
	ann := Person{SlackID: "U1", Email: "ann@example.com", PrincipalID: "p-1"}
	over, late := &RunAnswer{Remove: true, By: ann}, &RunAnswer{At: time.Unix(1, 0)}
	removed, left := RunAnswer{Remove: true, By: ann, Findings: [][2]int{{0, 2}, {4, 5}}}, RunAnswer{By: ann, Findings: [][2]int{{2, 3}}}
	for _, tt := range []struct {
		name string
		run  Run
		want [6]bool
	}{
		{"nobody had to be asked", Run{Mode: DriftRevoke}, [6]bool{true, true, true, true, true, true}},
		{"it warns", Run{Mode: DriftWarn}, [6]bool{}},
		{"it warns, whatever people say", Run{Mode: DriftWarn, Guard: GuardTooMany, Answers: []RunAnswer{removed}, Answer: over}, [6]bool{}},
		{"an event started it", Run{Mode: DriftRevoke, Partial: true}, [6]bool{}},
		{"it asks", Run{Mode: DriftRevoke, Guard: GuardTooMany}, [6]bool{}},
		{"some are let go, and it still asks", Run{Mode: DriftRevoke, Guard: GuardTooMany, Answers: []RunAnswer{removed}}, [6]bool{}},
		{"nobody answered in time", Run{Mode: DriftRevoke, Guard: GuardTooMany, Answer: late}, [6]bool{}},
		{"an end that says to remove, and no answer", Run{Mode: DriftRevoke, Guard: GuardTooMany, Answer: over}, [6]bool{}},
		{"all is left", Run{Mode: DriftRevoke, Guard: GuardTooMany, Answers: []RunAnswer{left}, Answer: &left}, [6]bool{}},
		{"some are let go, some are left", Run{Mode: DriftRevoke, Guard: GuardTooMany, Answers: []RunAnswer{left, removed}, Answer: over}, [6]bool{true, true, false, false, true, false}},
		{"some are let go, and the time is over", Run{Mode: DriftRevoke, Guard: GuardLostRecord, Answers: []RunAnswer{removed}, Answer: late}, [6]bool{true, true, false, false, true, false}},
		{"the first answer counts", Run{Mode: DriftRevoke, Guard: GuardTooMany, Answers: []RunAnswer{left, {Remove: true, By: ann, Findings: [][2]int{{0, 6}}}}, Answer: over}, [6]bool{true, true, false, true, true, true}},
	} {
		var got [6]bool
		any := false
		for i := range got {
			got[i] = tt.run.MayRemove(i)
			any = any || got[i]
		}
		if got != tt.want {
			t.Errorf("%s: got %v, want %v", tt.name, got, tt.want)
		}
		if tt.run.Mode == DriftRevoke && tt.run.Guard != "" && tt.run.HasConsent() != any {
			t.Errorf("%s: consent %t", tt.name, tt.run.HasConsent())
		}
		if tt.run.Guard != "" && (tt.run.MayRemove(-1) || tt.run.MayRemove(6)) && tt.name != "the first answer counts" {
			t.Errorf("%s: something else is removed", tt.name)
		}
	}
}

func TestAsked(t *testing.T) {
	findings := []Finding{{}, {Exemption: &Spared{}}, {}, {}}
	for removals, want := range map[int][]int{0: nil, 2: {0, 2}, 3: {0, 2, 3}, 9: {0, 2, 3}} {
		if got := (Run{Removals: removals}).Asked(findings); !reflect.DeepEqual(got, want) {
			t.Errorf("%d removals: asked about %v, want %v", removals, got, want)
		}
	}
}
