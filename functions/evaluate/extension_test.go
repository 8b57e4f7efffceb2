package evaluate

import (
	"reflect"
	"testing"
	"time"

	"sso-elevator/functions/access"
)

// holds has jane hold the access, since that long and for that long.
func (w *world) holds(since, until time.Duration) {
	key := (&access.Subject{Target: prod, PrincipalID: jane.PrincipalID}).Key()
	w.lease = access.Lease{Key: key, Holders: map[string]access.Holder{"r0": {}, "r1": {}}}
	w.holders = map[string]access.Request{"r0": {ID: "r0", GrantedAt: now.Add(-since), End: now.Add(until)}}
}

func TestEvaluateExtension(t *testing.T) {
	broken := access.Errorf(access.CodeUnavailable, "no answer")
	withAnn := func(s access.Statement) access.Statement {
		s.Approvers, s.MaxDuration = []string{"ann@example.com"}, 4*3600
		return s
	}
	alone := access.Statement{ApprovalIsNotRequired: &yes, MaxDuration: 4 * 3600}
	chain := func(since, until time.Duration) *access.Chain {
		return &access.Chain{Since: now.Add(-since), End: now.Add(until), Extends: "r0"}
	}
	tests := []struct {
		name      string
		statement access.Statement
		change    func(*world)
		kind      access.OutcomeKind // "" if it waits
		message   string
		chain     *access.Chain
		heldWith  []string
		err       access.Code
	}{
		{name: "nothing is held", statement: withAnn(automatic), change: func(*world) {}, kind: access.OutcomeAutomatic},
		{name: "within the limit", statement: withAnn(automatic), change: func(w *world) { w.holds(time.Hour, time.Hour) },
			kind: access.OutcomeAutomatic, chain: chain(time.Hour, time.Hour), heldWith: []string{"r0"}},
		{name: "beyond it", statement: withAnn(automatic), change: func(w *world) { w.holds(2*time.Hour, 90*time.Minute) },
			chain: chain(2*time.Hour, 90*time.Minute), heldWith: []string{"r0"}},
		{name: "beyond what the settings allow", statement: withAnn(automatic), change: func(w *world) { w.holds(time.Hour, time.Hour); w.longest = 2 * time.Hour },
			chain: chain(time.Hour, time.Hour), heldWith: []string{"r0"}},
		{name: "beyond it, and nobody can approve it", statement: alone, change: func(w *world) { w.holds(2*time.Hour, 90*time.Minute) },
			kind: access.OutcomeRefused, chain: chain(2*time.Hour, 90*time.Minute), heldWith: []string{"r0"},
			message: "With this extension, the requester would have the access for 4 hours 30 minutes in all. That needs an approval, and the policy names no other approver."},
		{name: "what was held has ended", statement: withAnn(automatic), change: func(w *world) { w.holds(9*time.Hour, 0) },
			kind: access.OutcomeAutomatic, heldWith: []string{"r0"}},
		{name: "the lease can't be read: nothing is decided", statement: withAnn(automatic), change: func(w *world) { w.leaseErr = broken }, err: access.CodeUnavailable},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			w := newWorld(tt.statement)
			w.row.Duration = 3600
			w.longest = 8 * time.Hour
			tt.change(w)
			_, err := w.handle(t, "evaluate", own, now)
			if access.CodeOf(err) != tt.err {
				t.Fatal(err)
			}
			if tt.err != "" {
				if w.evaluated != nil || w.row.Outcome != nil {
					t.Errorf("recorded %+v, %+v", w.evaluated, w.row.Outcome)
				}
				return
			}
			if !reflect.DeepEqual(w.evaluated.Chain, tt.chain) || !reflect.DeepEqual(w.evaluated.HeldWith, tt.heldWith) {
				t.Errorf("chain %+v, held with %q", w.evaluated.Chain, w.evaluated.HeldWith)
			}
			o := w.row.Outcome
			if o == nil {
				o = &access.Outcome{}
			}
			if o.Kind != tt.kind || o.Message != tt.message || w.evaluated.Decision.ChainTooLong != (tt.kind != access.OutcomeAutomatic) {
				t.Errorf("outcome %+v, decision %+v", o, w.evaluated.Decision)
			}
		})
	}
}
