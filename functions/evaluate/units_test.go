package evaluate

import (
	"context"
	"testing"

	"sso-elevator/functions/access"
	"sso-elevator/functions/adapters/cases"
)

// parent is the unit directly above each account, and the root.
type parent struct {
	id  string
	err error
}

func (p parent) Parent(context.Context, string) (string, error) { return p.id, p.err }

// The units are read now, because a refusal can't be taken back. If they can't be read,
// the request is neither granted nor refused.
func TestEvaluateReadsUnits(t *testing.T) {
	for _, tt := range []struct {
		name      string
		above     parent
		protected bool
		want      string
		reason    access.Reason
		code      access.Code
	}{
		{name: "in the unit", above: parent{id: "ou-a"}, want: "automatic", reason: access.ReasonApprovalNotRequired},
		{name: "not in the unit", above: parent{id: "r-1"}, want: "refused", reason: access.ReasonNoStatements},
		{name: "protected", above: parent{id: "ou-a"}, protected: true, want: "refused", reason: access.ReasonProtectedAccount},
		{name: "Organizations doesn't answer", above: parent{err: access.Errorf(access.CodeThrottled, "slow down")}, code: access.CodeUndecidable},
		{name: "the account left the organization", above: parent{err: access.Errorf(access.CodeNotFound, "not there")}, code: access.CodeNotFound},
	} {
		t.Run(tt.name, func(t *testing.T) {
			w := newWorld(automatic)
			w.policy.Accounts[0].Resources = []string{"ou-a"}
			if tt.protected {
				w.policy.ProtectedAccounts = []string{prod.AccountID}
			}
			w.cases = cases.Reader{Units: cases.Live{Organization: tt.above}}
			got, err := w.handle(t, "evaluate", own, now)
			if access.CodeOf(err) != tt.code {
				t.Fatalf("%v, want %q", err, tt.code)
			}
			if tt.code != "" {
				if w.row.Outcome != nil || w.row.EvaluatedDecision != nil {
					t.Errorf("the row is decided: %+v", w.row)
				}
				return
			}
			if e := got.(Evaluated); e.Next.Next != tt.want || w.row.Outcome == nil || w.row.Outcome.Reason != string(tt.reason) {
				t.Errorf("%+v, outcome %+v, want %q for %s", e, w.row.Outcome, tt.want, tt.reason)
			}
		})
	}
}
