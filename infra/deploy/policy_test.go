package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/s3"

	"sso-elevator/functions/access"
	"sso-elevator/functions/adapters/catalog"
	"sso-elevator/infra/policydiff"
	"sso-elevator/infra/settings"
)

// inForce is a policy that needs one approval more than the policy of program.
func inForce(t *testing.T) string {
	t.Helper()
	text, err := json.Marshal(access.Policy{Accounts: []access.Statement{{
		Resources: []string{"111111111111"}, PermissionSets: []string{"ReadOnly"}, Approvers: []string{"one@example.com", "two@example.com"}, ApprovalsNeeded: 2,
	}}})
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// withCatalog puts a catalog into the bucket.
func (f *fakeAWS) withCatalog(t *testing.T, s *catalog.Snapshot) {
	t.Helper()
	server := httptest.NewServer(f)
	defer server.Close()
	client := s3.New(s3.Options{Region: "eu-central-1", BaseEndpoint: &server.URL, UsePathStyle: true, Credentials: credentials.NewStaticCredentialsProvider("a", "b", ""),
		RequestChecksumCalculation: aws.RequestChecksumCalculationWhenRequired})
	if err := (catalog.Object{Client: client, Bucket: "catalog"}).Put(t.Context(), s, ""); err != nil {
		t.Fatal(err)
	}
}

// TestComparePolicies checks what diff and deploy say about the policy, and that no state
// of the deployed one stops them.
func TestComparePolicies(t *testing.T) {
	at := time.Date(2026, 11, 30, 12, 0, 0, 0, time.UTC)
	snapshot := &catalog.Snapshot{
		AccountsAt: at, PermissionSetsAt: at.Add(time.Minute), GroupsAt: at, Accounts: []access.Account{{ID: "111111111111", Name: "prod\x1b[2J"}},
		PermissionSets: []access.PermissionSet{{ARN: "a", Name: "ReadOnly"}, {ARN: "b", Name: "Admin"}}, NamedAt: map[string]time.Time{"a": at, "b": at},
	}
	const (
		wider = "Wider:\n  2 more people (one@example.com and two@example.com) can request ReadOnly in %s, with approval by one@example.com or two@example.com (until now refused)\n" +
			"  Requests by everyone except one@example.com and two@example.com for ReadOnly in %s need approval by one@example.com or two@example.com (until now by 2 of one@example.com and two@example.com)\n" +
			"  Requests by everyone except one@example.com and two@example.com for ReadOnly in %s are approved with one click (until now in a dialog)\n"
		verdict = "The new policy is wider: 3 changes let somebody get more.\n"
	)
	about := func(account string) string { return strings.ReplaceAll(wider, "%s", account) }
	for _, tt := range []struct {
		name    string
		policy  string
		catalog *catalog.Snapshot
		want    []string
	}{
		{"a catalog", inForce(t), snapshot, []string{about("prod�[2J (111111111111)"), verdict,
			"The accounts, permission sets and groups are those of 2026-11-30 12:00 UTC. Of the people, only those in a policy, and up to 100 members of each group of approvers, are known by email.\n"}},
		{"no catalog", inForce(t), nil, []string{about("111111111111"), verdict, "The catalog can't be read, so only people and accounts in the two policies are known: there is none yet\n"}},
		{"nothing deployed", "", nil, []string{"What the new policy changes:\nNothing is deployed yet, so there is no policy to compare with.\n"}},
		{"no rights", "!", nil, []string{"This is not known, because the policy in force can't be read: read the policy's pointer: ", "AccessDeniedException: not�yours\n"}},
		{"not a policy", "[]", nil, []string{"This is not known, because the policy in force can't be read: "}},
	} {
		for _, command := range []string{"diff", "deploy"} {
			t.Run(command+", "+tt.name, func(t *testing.T) {
				f := &fakeAWS{status: "UPDATE_COMPLETE", protected: "true", policy: tt.policy}
				if tt.catalog != nil {
					f.withCatalog(t, tt.catalog)
				}
				code, said, calls := f.program(t, succeeds, command)
				if code != exitDone || len(calls) != 1 || !strings.HasPrefix(calls[0], command+" ") {
					t.Errorf("code %d, the CDK runs %q: %s", code, calls, said)
				}
				for _, want := range tt.want {
					if !strings.Contains(said, want) {
						t.Errorf("it doesn't say\n%s\nbut\n%s", want, said)
					}
				}
			})
		}
	}
}

// deploy says what the policy changes before the CDK asks, and diff says it after the
// CDK's differences, also if there are some and the CDK exits with an error.
func TestOrderOfComparison(t *testing.T) {
	f := &fakeAWS{status: "UPDATE_COMPLETE", protected: "true", instances: 1, policy: inForce(t)}
	var saidBefore string
	var out bytes.Buffer
	asks := func([]string) error {
		saidBefore = out.String()
		return errors.New("exit status 1")
	}
	if code := f.programTo(t, &out, asks, "deploy"); code != exitError || !strings.Contains(saidBefore, "The new policy is wider") {
		t.Errorf("deploy: code %d, before the CDK it says %q", code, saidBefore)
	}
	out.Reset()
	if code := f.programTo(t, &out, asks, "diff", "--fail"); code != exitError || saidBefore != "" || !strings.Contains(out.String(), "The new policy is wider") {
		t.Errorf("diff: code %d, before the CDK it says %q, and then %q", code, saidBefore, out.String())
	}
}

// A catalog knows some members of groups. All other memberships are unknown.
func TestOrganizationOf(t *testing.T) {
	o := organizationOf(&catalog.Snapshot{
		Accounts:       []access.Account{{ID: "111111111111", Name: "prod"}, {ID: "222222222222"}},
		Units:          map[string][]string{"ou-abcd-11111111": {"111111111111", "333333333333"}, "ou-abcd-22222222": {"111111111111"}},
		PermissionSets: []access.PermissionSet{{ARN: "a", Name: "Admin"}},
		Groups:         []access.Group{{ID: "g-1", Name: "all"}, {ID: "g-2", Name: "many"}, {ID: "g-3", Name: "unknown"}, {ID: "g-4", Name: "without email"}},
		Members: map[string]catalog.Members{
			"g-1": {Users: []catalog.Member{{Email: "Bob@example.com"}, {Email: "ann@example.com"}}},
			"g-2": {Users: []catalog.Member{{Email: "ann@example.com"}}, More: true}, "g-4": {Users: []catalog.Member{{UserID: "u"}}},
		},
	})
	slices.Sort(o.Accounts[0].OUs)
	got, err := json.Marshal(o)
	if err != nil {
		t.Fatal(err)
	}
	const want = `{"people":[{"email":"ann@example.com","user_email":"","groups":["g-1","g-2"]},{"email":"bob@example.com","user_email":"","groups":["g-1"]}],` +
		`"accounts":[{"id":"111111111111","name":"prod","ou_path":["ou-abcd-11111111","ou-abcd-22222222"]},{"id":"222222222222","name":"","ou_path":null}],"permission_sets":["Admin"],` +
		`"groups":[{"id":"g-1","name":"all","more":false},{"id":"g-2","name":"many","more":true},{"id":"g-3","name":"unknown","more":true},{"id":"g-4","name":"without email","more":true}]}`
	if string(got) != want || !o.Partial {
		t.Errorf("got  %s\nwant %s", got, want)
	}
}

// TestComparisonDoesNotEnd checks that nothing is said about policies that were not
// compared.
func TestComparisonDoesNotEnd(t *testing.T) {
	var out bytes.Buffer
	d := &deployment{out: &out, settings: &settings.Settings{}}
	ctx, cancel := context.WithTimeout(t.Context(), 0)
	defer cancel()
	compared := d.compare(ctx, &access.Policy{}, &policydiff.Organization{})
	if want := "NOT COMPARED, so somebody may be able to get more: the comparison did not end within 1m0s. elevator policy diff can take longer\n\n"; compared || out.String() != want {
		t.Errorf("compared %v, %q, want %q", compared, out.String(), want)
	}
}
