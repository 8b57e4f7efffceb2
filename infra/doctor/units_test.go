package doctor

import (
	"testing"

	"sso-elevator/functions/access"
	"sso-elevator/functions/adapters/identitycenter/identitycentertest"
)

func TestUnits(t *testing.T) {
	org := center()
	org.Units = map[string]string{"ou-a": identitycentertest.Root, "ou-b": "ou-a"}
	for _, test := range []struct {
		name      string
		resources []string // of a statement each
		calls     int
		want      []string
	}{
		{"none", []string{"*", own}, 0, []string{"ready: the policy names no organizational units"}},
		{"there", []string{"ou-a", "ou-b " + own, identitycentertest.Root}, 3, []string{"ready: all organizational units in the policy (3) are in the organization"}},
		{"not there", []string{"ou-c ou-a", "ou-c"}, 2, []string{"missing: the policy names organizational units that are not in the organization: ou-c (config[0].Resource, config[1].Resource)"}},
		{"another organization's root", []string{"r-9"}, 1, []string{"missing: the policy names a root that is not this organization's [r-test]. It stands for all accounts anyway: r-9 (config[0].Resource)"}},
	} {
		t.Run(test.name, func(t *testing.T) {
			p := &access.Policy{}
			for _, r := range test.resources {
				p.Accounts = append(p.Accounts, statement(r, "Read", ""))
			}
			before := org.Calls("DescribeOrganizationalUnit") + org.Calls("ListRoots")
			got, err := checkUnits(t.Context(), org, p)
			same(t, got, err, test.want...)
			if calls := org.Calls("DescribeOrganizationalUnit") + org.Calls("ListRoots") - before; calls != test.calls {
				t.Errorf("%d calls, want %d", calls, test.calls)
			}
		})
	}
}
