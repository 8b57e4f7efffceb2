package e2e

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"net/http"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/organizations"
	sfntypes "github.com/aws/aws-sdk-go-v2/service/sfn/types"

	"sso-elevator/functions/access"
)

// createUnit creates an organizational unit.
func (s *stack) createUnit(t *testing.T, parent, name string) string {
	t.Helper()
	out, err := s.org.CreateOrganizationalUnit(context.Background(), &organizations.CreateOrganizationalUnitInput{ParentId: &parent, Name: &name})
	if err != nil {
		t.Fatal(err)
	}
	return *out.OrganizationalUnit.Id
}

// move moves an account to an organizational unit or the root.
func (s *stack) move(t *testing.T, account, to string) {
	t.Helper()
	id := s.accountID(t, account)
	from, err := s.org.ListParents(context.Background(), &organizations.ListParentsInput{ChildId: &id})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := s.org.MoveAccount(context.Background(), &organizations.MoveAccountInput{AccountId: &id, SourceParentId: from.Parents[0].Id, DestinationParentId: &to}); err != nil {
		t.Fatal(err)
	}
}

// refreshCatalog refreshes the catalog as the schedule does.
func (s *stack) refreshCatalog(t *testing.T) {
	t.Helper()
	res, err := http.Post(s.AWSEndpointURL+"/2015-03-31/functions/sso-elevator-reconcile:live/invocations", "application/json", strings.NewReader(`{"operation":"catalog"}`))
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	answer, err := io.ReadAll(res.Body)
	if err != nil || !bytes.Equal(bytes.TrimSpace(answer), []byte("{}")) {
		t.Fatalf("refresh: %s, %v", answer, err)
	}
}

// TestUnits has a policy about organizational units, and a protected account.
func TestUnits(t *testing.T) {
	t.Parallel()
	s, stop, err := start("units", "units", "drift-organization")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(stop)
	roots, err := s.org.ListRoots(context.Background(), &organizations.ListRootsInput{})
	if err != nil {
		t.Fatal(err)
	}
	root := aws.ToString(roots.Roots[0].Id)
	workloads := s.createUnit(t, root, "Workloads")
	production := s.createUnit(t, workloads, "Production")
	s.move(t, "shop", production)
	s.move(t, "lake", production)
	const file = "testdata/units.yaml"
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	approvers := []string{"bob@example.com"}
	s.deployPolicy(t, file, text, func(p *access.Policy) {
		p.Accounts = []access.Statement{
			{Resources: []string{workloads}, PermissionSets: []string{"ReadOnlyAccess"}, Approvers: approvers},
			{Resources: []string{"*"}, PermissionSets: []string{"DeveloperAccess"}, Approvers: approvers},
			{Resources: []string{s.accountID(t, "lake")}, PermissionSets: []string{"AdministratorAccess"}, Approvers: approvers},
			{Resources: []string{"ou-dele-deleted0"}, PermissionSets: []string{"AdministratorAccess"}, Approvers: approvers}, // it was deleted
		}
		p.ProtectedAccounts = []string{s.accountID(t, "lake")}
	})
	time.Sleep(noticed + time.Second)
	s.refreshCatalog(t)
	time.Sleep(noticed + time.Second) // until processes that have an older catalog read this one

	t.Run("an account in a unit of the unit", func(t *testing.T) {
		r := s.ask(t, wish{alice, "shop", "ReadOnlyAccess", 10})
		if res := s.press(t, bob, r.message(t), "approve", false); !res.OK {
			t.Fatalf("press: %+v", res)
		}
		r.waitAssigned(t)
		r.waitGone(t, 10*time.Second+removalLimit)
		r.finished(t, sfntypes.ExecutionStatusSucceeded, soon)
		wantEvents(t, r, "requested", "approved", "granted", "revoked")
		for _, rec := range r.audit(t) {
			want := "NA"
			if rec["event"] == "granted" || rec["event"] == "revoked" {
				want = workloads + "/" + production
			}
			if rec["ou_path"] != want {
				t.Errorf("%v: ou_path %v, want %s", rec["event"], rec["ou_path"], want)
			}
		}
	})

	t.Run("it moves away before the press", func(t *testing.T) {
		r := s.ask(t, wish{kim, "shop", "ReadOnlyAccess", 10})
		m := r.message(t)
		s.move(t, "shop", root)
		if res := s.press(t, bob, m, "approve", false); !res.OK {
			t.Fatalf("press: %+v", res)
		}
		r.finished(t, sfntypes.ExecutionStatusSucceeded, soon)
		wantEvents(t, r, "requested", "approved", "not_granted")
		if r.assigned(t) {
			t.Error("access in an account that left the unit")
		}
	})

	t.Run("a protected account", func(t *testing.T) {
		r := s.ask(t, wish{alice, "lake", "AdministratorAccess", 10}) // a statement names it
		if res := s.press(t, bob, r.message(t), "approve", false); !res.OK {
			t.Fatalf("press: %+v", res)
		}
		r.waitAssigned(t)
		r.waitGone(t, 10*time.Second+removalLimit)

		f := s.open(t, kim)
		f.choose(t, "account", "lake")
		for _, set := range []string{"ReadOnlyAccess", "DeveloperAccess"} {
			var out json.RawMessage
			if err := s.post("/sim/suggest", map[string]string{"person": kim, "view_id": f.viewID, "action_id": "permission_set", "query": set}, &out); err != nil {
				t.Fatal(err)
			}
			if strings.Contains(string(out), set) {
				t.Errorf("%s is offered in the protected account: %s", set, out)
			}
		}
		f.unlock()
	})

	t.Run("the reconciliation only reports it", func(t *testing.T) {
		given := s.give(t, kim, "lake", "DeveloperAccess")
		for _, mode := range []string{"warn", "revoke"} {
			wantSays(t, s.runToEnd(t, mode).report(t), "Never removed, because the account is protected and no statement names it")
			s.wantThere(t, given)
		}
	})
	if err := s.denialsInLog(); err != nil {
		t.Error(err)
	}
}
