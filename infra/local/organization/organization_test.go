package organization_test

import (
	"context"
	"encoding/json"
	"flag"
	"os"
	"strings"
	"testing"

	"sso-elevator/infra/local/localtest"
	"sso-elevator/infra/local/organization"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/organizations"
	"github.com/aws/aws-sdk-go-v2/service/ssoadmin"
)

var update = flag.Bool("update", false, "rewrite the golden files")

// TestDemoIDs checks that the ids of the demo's organization don't change, because
// the demo's settings name its accounts and groups.
func TestDemoIDs(t *testing.T) {
	stack, err := localtest.Start()
	if err != nil {
		t.Fatal(err)
	}
	defer stack.Stop()
	o, err := organization.Load("../demo/organization.yaml")
	if err != nil {
		t.Fatal(err)
	}
	ids, err := o.Seed(context.Background(), stack.AWS())
	if err != nil {
		t.Fatal(err)
	}
	got, err := json.MarshalIndent(ids, "", "  ")
	if err != nil {
		t.Fatal(err)
	}
	const golden = "testdata/demo.json"
	if *update {
		if err := os.WriteFile(golden, append(got, '\n'), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(golden)
	if err != nil {
		t.Fatal(err)
	}
	if string(got)+"\n" != string(want) {
		t.Errorf("ids are\n%s\nwant\n%s", got, want)
	}

	t.Run("again", func(t *testing.T) {
		again, err := o.Seed(context.Background(), stack.AWS())
		if err != nil {
			t.Fatal(err)
		}
		if text, _ := json.MarshalIndent(again, "", "  "); string(text) != string(got) {
			t.Errorf("a second time the ids are\n%s", text)
		}
		accounts, err := organizations.NewFromConfig(stack.AWS()).ListAccounts(context.Background(), &organizations.ListAccountsInput{})
		if err != nil || len(accounts.Accounts) != len(o.Accounts)+1 {
			t.Errorf("%d accounts (%v), want %d and the management account", len(accounts.Accounts), err, len(o.Accounts))
		}
	})
	t.Run("an assignment by hand", func(t *testing.T) {
		o, err := organization.Parse([]byte(`
accounts: [{name: playground}]
permission_sets: [{name: ReadOnlyAccess}]
people: [{name: Alice Anderson, email: alice@example.com, slack_id: U0ALICE01}]
assignments: [{account: playground, permission_set: ReadOnlyAccess, person: alice@example.com}]
`))
		if err != nil {
			t.Fatal(err)
		}
		made, err := o.Seed(context.Background(), stack.AWS())
		if err != nil {
			t.Fatal(err)
		}
		out, err := ssoadmin.NewFromConfig(stack.AWS()).ListAccountAssignments(context.Background(), &ssoadmin.ListAccountAssignmentsInput{
			InstanceArn: aws.String(made.InstanceARN), AccountId: aws.String(made.Accounts["playground"]), PermissionSetArn: aws.String(made.PermissionSets["ReadOnlyAccess"]),
		})
		if err != nil || len(out.AccountAssignments) != 1 || aws.ToString(out.AccountAssignments[0].PrincipalId) != ids.People["alice@example.com"] {
			t.Errorf("assigned %v (%v), want alice alone", out.AccountAssignments, err)
		}
	})
}

func TestParseReportsEverything(t *testing.T) {
	_, err := organization.Parse([]byte(`
accounts: [{name: one}, {name: One}, {email: nobody}]
permission_sets: [{name: Read}, {}]
people:
  - {name: Ann, email: ann@example.com, slack_id: ann}
  - {name: Ben Baker, email: ANN@example.com, slack_id: U0BEN, slack_only: true}
  - {name: Cid Clark, email: cid@example.com, slack_id: U0CID, slack_only: true}
groups: [{name: Team, members: [cid@example.com, dan@example.com]}]
assignments: [{account: two, permission_set: Write, person: ann@example.com}]
management_account: {name: one, email: root}
units: [{name: Inner, parent: Outer, accounts: [one, three]}, {name: Outer, accounts: [one]}, {}]
`))
	if err == nil {
		t.Fatal("no error")
	}
	want := []string{
		`accounts[1]: name "One" appears twice`,
		`accounts[2]: name is missing`,
		`accounts[2]: "nobody" is not an email`,
		`management_account: name "one" appears twice`,
		`units[0]: no unit before it has the name "Outer"`,
		`units[0]: no account has the name "three"`,
		`units[1]: account "one" appears twice`,
		`units[2]: name is missing`,
		`management_account: "root" is not an email`,
		`permission_sets[1]: name is missing`,
		`people[0]: name must be a given name and a family name, not "Ann"`,
		`people[0]: slack_id must be U or W, then capitals and digits, not "ann"`,
		`people[1]: email "ANN@example.com" appears twice`,
		`groups[0]: "cid@example.com" is slack_only and not in Identity Center`,
		`groups[0]: nobody in people has the email "dan@example.com"`,
		`assignments[0]: no account has the name "two"`,
		`assignments[0]: no permission set has the name "Write"`,
	}
	got := strings.Split(err.Error(), "\n")
	for _, w := range want {
		found := false
		for _, g := range got {
			found = found || g == w
		}
		if !found {
			t.Errorf("not reported: %s", w)
		}
	}
	if t.Failed() {
		t.Logf("reported:\n%s", err)
	}
}

func TestParseRefusesUnknownFields(t *testing.T) {
	if _, err := organization.Parse([]byte("peple: []")); err == nil || !strings.Contains(err.Error(), "peple") {
		t.Errorf("error %v, want one that names the field", err)
	}
}
