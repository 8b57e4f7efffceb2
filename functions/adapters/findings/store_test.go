package findings_test

import (
	"context"
	"fmt"
	"os"
	"reflect"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/smithy-go"

	"sso-elevator/functions/access"
	"sso-elevator/functions/adapters/findings"
	"sso-elevator/functions/drift"
	"sso-elevator/functions/leavers"
	"sso-elevator/infra/local/moto/mototest"
)

func TestMain(m *testing.M) { os.Exit(mototest.Run(m)) }

var monday = time.Date(2026, 3, 2, 9, 30, 0, 123456789, time.UTC)

var buckets atomic.Int64 // that the client made

// stores returns a bucket in moto's S3, and a store in memory. Both keep the same
// promises.
func stores(t *testing.T) map[string]*findings.Store {
	t.Helper()
	client := s3.NewFromConfig(mototest.Config(t), func(o *s3.Options) {
		o.UsePathStyle, o.DisableLogOutputChecksumValidationSkipped = true, true
	})
	// The bucket is new for each test, even if the test runs again in the same
	// process.
	bucket := fmt.Sprint(strings.ToLower(t.Name()), "-", buckets.Add(1))
	if _, err := client.CreateBucket(t.Context(), &s3.CreateBucketInput{Bucket: aws.String(bucket)}); err != nil {
		t.Fatal(err)
	}
	return map[string]*findings.Store{"bucket": findings.New(client, bucket), "memory": {Objects: &findings.Memory{}}}
}

func TestStore(t *testing.T) {
	for name, s := range stores(t) {
		t.Run(name, func(t *testing.T) {
			expect := func(what string, err error, code access.Code) {
				t.Helper()
				if access.CodeOf(err) != code {
					t.Fatalf("%s: got %v, want code %q", what, err, code)
				}
			}
			same := func(what string, got, want any) {
				t.Helper()
				if !reflect.DeepEqual(got, want) {
					t.Errorf("%s: got %+v, want %+v", what, got, want)
				}
			}
			_, err := s.Plan(t.Context(), "r-1")
			expect("a plan that is not there", err, access.CodeNotFound)
			_, err = s.BatchResult(t.Context(), "r-1", 0)
			expect("a result that is not there", err, access.CodeNotFound)
			for _, bad := range []string{"", "a/b", "../known", "a.b"} {
				_, err = s.Plan(t.Context(), bad)
				expect("a name that is none", err, access.CodeInvalid)
				expect("a name that is none", s.PutReport(t.Context(), access.DriftReport{RunID: bad}), access.CodeInvalid)
			}

			plan := drift.Plan{
				Run: "r-1", Mode: access.DriftWarn, StartedAt: monday,
				Policy:   access.Policy{Groups: []access.Statement{{Resources: []string{"*"}}}},
				Accounts: []drift.Named{{ID: "111122223333", Name: "Payments", Management: true}},
				Sets:     []drift.Named{{ID: "arn:aws:sso:::permissionSet/ssoins-1/ps-1"}, {ID: "arn:aws:sso:::permissionSet/ssoins-1/ps-2"}},
				Groups:   []drift.Named{{ID: "g-1"}},
				Batches:  []drift.Batch{{AccountSets: []drift.AccountSets{{Account: 0, Sets: []int{0, 1}}}}, {Groups: []int{0}, Users: []string{"u-1"}}},
			}
			for what, b := range map[string]drift.Batch{
				"account": {Accounts: []int{1}}, "account of a pair": {AccountSets: []drift.AccountSets{{Account: -1}}},
				"permission set": {AccountSets: []drift.AccountSets{{Sets: []int{2}}}}, "group": {Groups: []int{1}},
			} {
				broken := plan
				broken.Batches = []drift.Batch{b}
				expect("write a broken plan", s.PutPlan(t.Context(), broken), "")
				_, err := s.Plan(t.Context(), "r-1")
				expect("a plan that names an "+what+" that is not in it", err, access.CodeInvalid)
			}
			for range 2 { // every object may be written again
				expect("write the plan", s.PutPlan(t.Context(), plan), "")
			}
			gotPlan, err := s.Plan(t.Context(), "r-1")
			expect("read the plan", err, "")
			same("plan", gotPlan, plan)

			finding := func(user string) access.Finding {
				return access.Finding{Subject: access.Subject{Target: access.Target{Kind: access.KindGroup, GroupID: "g-1"}, PrincipalID: user}, FirstSeen: monday}
			}
			result := drift.BatchResult{Findings: []access.Finding{finding("u-1")}, Unread: []access.Unread{{What: "account 1", Why: "throttled"}}, Unmanageable: []string{"1"}}
			expect("write a result", s.PutBatchResult(t.Context(), "r-1", 7, result), "")
			gotResult, err := s.BatchResult(t.Context(), "r-1", 7)
			expect("read a result", err, "")
			same("result", gotResult, result)

			all := []access.Finding{finding("u-1"), finding("u-2")}
			expect("write findings", s.PutFindings(t.Context(), "r-1", all), "")
			got, err := s.Findings(t.Context(), "r-1")
			expect("read findings", err, "")
			same("findings", got, all)
			one, err := s.Finding(t.Context(), "r-1", 1)
			expect("read a finding", err, "")
			same("finding", one, all[1])
			for _, index := range []int{-1, 2} {
				_, err = s.Finding(t.Context(), "r-1", index)
				expect("an index too far", err, access.CodeNotFound)
			}
			expect("write no findings", s.PutFindings(t.Context(), "r-2", nil), "")
			got, err = s.Findings(t.Context(), "r-2")
			expect("read no findings", err, "")
			same("no findings", got, []access.Finding{})

			collected := drift.Collected{New: 1, Next: "ask", Guard: access.GuardTooMany, Limit: 3}
			expect("write collected", s.PutCollected(t.Context(), "r-1", collected), "")
			gotCollected, err := s.Collected(t.Context(), "r-1")
			expect("read collected", err, "")
			same("collected", gotCollected, collected)

			report := access.DriftReport{RunID: "r-1", Mode: access.DriftRevoke, At: monday, Findings: all, Total: 2, Results: map[string]access.RemovalResult{all[0].Key(): access.DriftRemoved}}
			expect("write the report", s.PutReport(t.Context(), report), "")
			gotReport, err := s.Report(t.Context(), "r-1")
			expect("read the report", err, "")
			same("report", gotReport, report)
		})
	}
}

func TestHistory(t *testing.T) {
	for name, s := range stores(t) {
		t.Run(name, func(t *testing.T) {
			empty, version, err := s.History(t.Context())
			if err != nil || version != "" || empty.Findings == nil || len(empty.Findings) != 0 {
				t.Fatalf("at first: %+v, %q, %v", empty, version, err)
			}
			one := drift.History{Heartbeat: access.Heartbeat{Run: "r-1", At: monday}, Findings: map[string]drift.SeenFinding{"k": {FirstSeen: monday, FirstRun: "r-1"}}}
			if err := s.PutHistory(t.Context(), one, ""); err != nil {
				t.Fatal(err)
			}
			if err := s.PutHistory(t.Context(), empty, ""); access.CodeOf(err) != access.CodeLost {
				t.Errorf("a second first one: %v, want Lost", err)
			}
			got, version, err := s.History(t.Context())
			if err != nil || !reflect.DeepEqual(got, one) {
				t.Fatalf("got %+v, %v, want %+v", got, err, one)
			}
			two := one
			two.Provisioned = drift.Reported{Names: []string{"Team"}, Run: "two"}
			if err := s.PutHistory(t.Context(), two, version); err != nil {
				t.Fatal(err)
			}
			if err := s.PutHistory(t.Context(), one, version); access.CodeOf(err) != access.CodeLost {
				t.Errorf("in place of what was replaced: %v, want Lost", err)
			}
			if got, _, _ := s.History(t.Context()); !reflect.DeepEqual(got, two) {
				t.Errorf("got %+v, want %+v", got, two)
			}
			for key, want := range map[string]time.Time{"k": monday, "unknown": {}} {
				if at, err := s.FirstSeen(t.Context(), key, time.Time{}); !at.Equal(want) || err != nil {
					t.Errorf("first seen %s, %v; want %s", at, err, want)
				}
			}
			if err := s.Objects.Put(t.Context(), "reconcile/known.json", []byte("no JSON")); err != nil {
				t.Fatal(err)
			}
			if at, err := s.FirstSeen(t.Context(), "k", time.Time{}); !at.IsZero() || err != nil {
				t.Errorf("first seen %s, %v, according to an invalid history", at, err)
			}
			if _, _, err := s.History(t.Context()); access.CodeOf(err) != access.CodeInvalid {
				t.Errorf("what makes no sense: %v, want Invalid", err)
			}
		})
	}
}

func TestPeople(t *testing.T) {
	for name, s := range stores(t) {
		t.Run(name, func(t *testing.T) {
			empty, version, err := s.People(t.Context())
			if err != nil || version != "" || empty.People == nil || len(empty.People) != 0 {
				t.Fatalf("at first: %+v, %q, %v", empty, version, err)
			}
			one := leavers.People{Question: "r-1", AskedAt: monday, Closing: map[string]time.Time{"r-0": monday}, People: map[string]leavers.Person{
				"p-1": {Since: monday, CheckedAt: monday, GoneSince: monday, Status: "deleted", Held: true, Asked: "r-1"}, "p-2": {Since: monday},
			}}
			if err := s.PutPeople(t.Context(), one, ""); err != nil {
				t.Fatal(err)
			}
			if err := s.PutPeople(t.Context(), empty, ""); access.CodeOf(err) != access.CodeLost {
				t.Errorf("a second first one: %v, want Lost", err)
			}
			got, version, err := s.People(t.Context())
			if err != nil || !reflect.DeepEqual(got, one) {
				t.Fatalf("got %+v, %v, want %+v", got, err, one)
			}
			if err := s.PutPeople(t.Context(), empty, version); err != nil {
				t.Fatal(err)
			}
			if err := s.PutPeople(t.Context(), one, version); access.CodeOf(err) != access.CodeLost {
				t.Errorf("in place of what was replaced: %v, want Lost", err)
			}
			if err := s.Objects.Put(t.Context(), "reconcile/people.json", []byte("no JSON")); err != nil {
				t.Fatal(err)
			}
			if _, _, err := s.People(t.Context()); access.CodeOf(err) != access.CodeInvalid {
				t.Errorf("what makes no sense: %v, want Invalid", err)
			}
		})
	}
}

// failing is a bucket that can't be read.
type failing struct {
	findings.Objects
	err error
}

func (f failing) Get(context.Context, string) ([]byte, string, error) { return nil, "", f.err }

// A caller that may not list the bucket can't tell a missing history from one that it may
// not read. Other errors are errors.
func TestFirstSeenWithoutHistory(t *testing.T) {
	for _, tt := range []struct {
		err  error
		want access.Code
	}{
		{err: access.Errorf(access.CodeNotFound, "no object")},
		{err: access.Wrap(access.CodeMisconfigure, &smithy.GenericAPIError{Code: "AccessDenied"}, "read")},
		{err: access.Errorf(access.CodeUnavailable, "no answer"), want: access.CodeUnavailable},
	} {
		s := &findings.Store{Objects: failing{err: tt.err}}
		if at, err := s.FirstSeen(t.Context(), "k", time.Time{}); !at.IsZero() || access.CodeOf(err) != tt.want {
			t.Errorf("%v: %s, %v", tt.err, at, err)
		}
	}
}
