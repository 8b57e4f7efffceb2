package e2e

import (
	"bytes"
	"io"
	"net/http"
	"strings"
	"testing"

	"sso-elevator/infra/local/faults"
)

// TestFormSurvivesAnOutageOfTheLists makes Identity Center's and Organizations'
// lists fail, and kills every ingress that has some in memory. A new ingress still
// offers what the schedule listed before, and a failed refresh changes nothing. It
// does not run in parallel, because the faults hit every test.
func TestFormSurvivesAnOutageOfTheLists(t *testing.T) {
	version, err := local.catalogVersion()
	if err != nil {
		t.Fatal(err)
	}

	t.Cleanup(func() { local.forgetFaults(t) })
	for _, operation := range []string{"ListAccounts", "ListPermissionSets", "ListGroups"} {
		local.fault(t, faults.Rule{Kind: faults.Denied, Target: operation, Count: -1})
	}
	f := local.open(t, alice)
	defer f.unlock()
	const warm = 3 // more than these tests have used at the same time so far
	local.fault(t, faults.Rule{Kind: faults.KillBefore, Function: "ingress", Count: warm})
	for range warm {
		// The refresh fails, because the function is killed.
		_ = local.post("/sim/suggest", map[string]string{"person": alice, "view_id": f.viewID, "action_id": "account", "query": ""}, nil)
	}

	f.choose(t, "account", "playground")
	f.choose(t, "permission_set", "ReadOnlyAccess")

	res, err := http.Post(local.AWSEndpointURL+"/2015-03-31/functions/sso-elevator-reconcile:live/invocations", "application/json",
		bytes.NewReader([]byte(`{"operation":"catalog"}`)))
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	answer, err := io.ReadAll(res.Body)
	if err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(string(answer), `"errorType":"Misconfigured"`) {
		t.Errorf("a refresh during the outage answers %s, want Misconfigured", answer)
	}
	if now, err := local.catalogVersion(); err != nil || now != version {
		t.Errorf("the catalog is %s (%v) after the outage, want %s", now, err, version)
	}
}

// forgetFaults deletes all faults.
func (s *stack) forgetFaults(t *testing.T) {
	request, err := http.NewRequest(http.MethodDelete, s.AWSEndpointURL+"/_faults", nil)
	if err != nil {
		t.Fatal(err)
	}
	res, err := http.DefaultClient.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	res.Body.Close()
}
