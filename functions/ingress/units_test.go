package ingress

import (
	"strings"
	"testing"

	"sso-elevator/functions/access"
)

// A press uses the units in the catalog. If it doesn't know them, nothing is decided and
// nobody is refused.
func TestPressInAUnit(t *testing.T) {
	byAnn := func(of string) access.Policy {
		return access.Policy{Accounts: []access.Statement{{Resources: []string{of}, PermissionSets: []string{"Admin"}, Approvers: []string{ann.Email}}}}
	}
	for _, tt := range []struct {
		name      string
		units     map[string][]string
		protected []string
		approved  bool
		told      string
	}{
		{name: "the account is in the unit", units: map[string][]string{"ou-a": {production}}, approved: true},
		{name: "the account is not in the unit", units: map[string][]string{"ou-a": {sandbox}}, told: "You can't approve or deny this request."},
		{name: "the unit was deleted", units: map[string][]string{"ou-a": {}}, told: "You can't approve or deny this request."},
		{name: "the account is protected", units: map[string][]string{"ou-a": {production}}, protected: []string{production}, told: "You can't approve or deny this request."},
		{name: "the catalog doesn't know the unit yet", units: map[string][]string{"ou-b": {production}}, told: "Please try again in a minute."},
		{name: "a catalog of an earlier release", told: "Please try again in a minute."},
	} {
		t.Run(tt.name, func(t *testing.T) {
			w := newWorld()
			w.policy, w.units = byAnn("ou-a"), tt.units
			w.policy.ProtectedAccounts = tt.protected
			w.rows["r1"] = waiting()
			w.send(t, pressBy("UANN", "approve", "r1"))
			if o := w.rows["r1"].Outcome; (o != nil) != tt.approved {
				t.Errorf("outcome %+v", o)
			}
			if told := strings.Join(w.told, " "); !strings.Contains(told, tt.told) || (told == "") != tt.approved {
				t.Errorf("told %q, want %q", told, tt.told)
			}
			if refused := len(w.rows["r1"].Events) > 0; !tt.approved && refused != !strings.Contains(tt.told, "again") {
				t.Errorf("events %+v", w.rows["r1"].Events)
			}
		})
	}
}
