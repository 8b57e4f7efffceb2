package ingress

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	slackgo "github.com/slack-go/slack"

	"sso-elevator/functions/access"
	"sso-elevator/functions/adapters/catalog"
	"sso-elevator/slack"
)

// This is the size that the system supports.
const (
	manyAccounts       = 10_000
	manyPermissionSets = 1_000
	manyGroups         = 1_000
	manyStatements     = 2_000
)

func accountID(i int) string { return fmt.Sprintf("%012d", 100_000_000_000+7_919*i) }
func setARN(i int) string {
	return fmt.Sprintf("arn:aws:sso:::permissionSet/ssoins-1234567890abcdef/ps-%016x", uint64(i)*0x9e3779b97f4a7c15)
}
func setName(i int) string { return fmt.Sprintf("PermissionSet%03d", i) }

// enterprise is a large organization that counts the calls to it.
type enterprise struct{ calls atomic.Int64 }

func (e *enterprise) AccountPages(_ context.Context, each func([]access.Account)) error {
	e.calls.Add(manyAccounts / 20) // Organizations returns 20 per page
	var all []access.Account
	for i := range manyAccounts {
		all = append(all, access.Account{ID: accountID(i), Name: fmt.Sprintf("team-%03d-workload-%05d-%s", i%400, i, []string{"production", "staging", "development"}[i%3])})
	}
	each(all)
	return nil
}

func (e *enterprise) PermissionSetARNs(context.Context) ([]string, error) {
	var all []string
	for i := range manyPermissionSets {
		all = append(all, setARN(i))
	}
	return all, nil
}

func (e *enterprise) PortalURL(context.Context) (string, error) { return "", nil }

func (e *enterprise) PermissionSet(_ context.Context, arn string) (access.PermissionSet, error) {
	for i := range manyPermissionSets {
		if setARN(i) == arn {
			return access.PermissionSet{ARN: arn, Name: setName(i), Session: time.Hour}, nil
		}
	}
	return access.PermissionSet{}, access.Errorf(access.CodeNotFound, "there is no %s", arn)
}

func (e *enterprise) PermissionSets(context.Context) ([]access.PermissionSet, error) {
	e.calls.Add(manyPermissionSets)
	return nil, access.Errorf(access.CodeUnavailable, "this takes a minute")
}

func (e *enterprise) ManagementAccount(context.Context) (string, error) { return accountID(0), nil }

func (e *enterprise) Groups(context.Context) ([]access.Group, error) {
	e.calls.Add(manyGroups / 100)
	var all []access.Group
	for i := range manyGroups {
		all = append(all, access.Group{ID: fmt.Sprintf("g-%04d", i), Name: fmt.Sprintf("Group %04d", i)})
	}
	return all, nil
}

func (e *enterprise) EachMember(context.Context, string, func(string) (bool, error)) error {
	return nil
}

func (e *enterprise) UnitsIn(context.Context, string) ([]string, error)         { return nil, nil }
func (e *enterprise) AccountsIn(context.Context, string) ([]string, error)      { return nil, nil }
func (e *enterprise) UserPages(context.Context, func([]access.User) bool) error { return nil }

// bucket is S3 with the catalog and the index of emails. It counts the calls about the
// catalog.
type bucket struct {
	body   []byte
	emails []byte
	gets   int
}

func (b *bucket) GetObject(_ context.Context, in *s3.GetObjectInput, _ ...func(*s3.Options)) (*s3.GetObjectOutput, error) {
	body := b.emails
	if *in.Key == catalog.Key {
		b.gets++
		body = b.body
	}
	if body == nil {
		return nil, access.Errorf(access.CodeNotFound, "there is none")
	}
	return &s3.GetObjectOutput{Body: io.NopCloser(bytes.NewReader(body)), ETag: aws.String("1")}, nil
}

func (b *bucket) PutObject(_ context.Context, in *s3.PutObjectInput, _ ...func(*s3.Options)) (*s3.PutObjectOutput, error) {
	body, _ := io.ReadAll(in.Body)
	if *in.Key == catalog.Key {
		b.body = body
	} else {
		b.emails = body
	}
	return &s3.PutObjectOutput{}, nil
}

// The policy names all accounts except every hundredth, which must not be offered.
// Half of the statements are about accounts, half about permission sets that only
// exist in the organization. The last account's only statement needs a second check,
// because another statement vetoes it.
func largePolicy() access.Policy {
	yes, no := true, false
	p := access.Policy{}
	for i := range manyStatements - 2 {
		s := access.Statement{PermissionSets: []string{setName(i % manyPermissionSets)}, Approvers: []string{fmt.Sprintf("lead-%d@example.com", i)}}
		if i%2 == 1 {
			s.PermissionSets = []string{fmt.Sprintf("Gone%04d", i)}
		}
		for j := i / 2 * 10; j < i/2*10+10; j++ {
			if j%100 != 0 && j < manyAccounts {
				s.Resources = append(s.Resources, accountID(j))
			}
		}
		if len(s.Resources) == 0 {
			s.Resources = []string{"999999999999"}
		}
		p.Accounts = append(p.Accounts, s)
	}
	p.Accounts = append(p.Accounts,
		access.Statement{Resources: []string{"*"}, PermissionSets: []string{"*"}, ApprovalIsNotRequired: &no},
		access.Statement{Resources: []string{accountID(0)}, PermissionSets: []string{"*"}, ApprovalIsNotRequired: &yes})
	p.Groups = []access.Statement{{Resources: []string{"g-0007"}, Approvers: []string{"ann@example.com"}}}
	return p
}

// noteOf returns the note above a form's fields.
func noteOf(v slackgo.ModalViewRequest) string {
	if s, ok := v.Blocks.BlockSet[0].(*slackgo.SectionBlock); ok && s.BlockID == "note" {
		return s.Text.Text
	}
	return ""
}

// With 10,000 accounts, 1,000 permission sets and 2,000 statements, a cold start costs
// one read of S3, and a keystroke none. The test logs the times but doesn't limit
// them: Slack's three seconds are a hundred times as long.
func TestTypeAheadAtFullSize(t *testing.T) {
	org, objects := &enterprise{}, &bucket{}
	w := newWorld()
	w.policy = largePolicy()
	clock := func() time.Time { return now }
	store := catalog.Object{Client: objects, Bucket: "catalog"}
	refresh := &catalog.Refresher{Lister: org, Store: store, Emails: store, Policy: func(context.Context) (access.Policy, error) { return w.policy, nil }, Now: clock, Logger: slog.New(slog.DiscardHandler)}
	if err := refresh.Refresh(t.Context()); err != nil {
		t.Fatal(err)
	}
	t.Logf("the object has %d bytes", len(objects.body))
	if len(objects.body) > 1<<20 {
		t.Errorf("the object has %d bytes, want less than a megabyte", len(objects.body))
	}

	org.calls.Store(0)
	objects.gets = 0
	h := w.handler()
	h.Catalog = &catalog.Catalog{Store: store, Now: clock, Logger: slog.New(slog.DiscardHandler)}
	ask := func(what, action, typed, metadata string) []string {
		t.Helper()
		event := sign(payload("block_suggestion", "UJANE", object{
			"action_id": action, "value": typed, "view": view("request_for_access", metadata, nil),
		}), now)
		began := time.Now()
		got, err := h.Handle(t.Context(), event)
		t.Logf("%s: %s", what, time.Since(began).Round(10*time.Microsecond))
		if err != nil || got.StatusCode != http.StatusOK {
			t.Fatalf("%s: got %d, %v", what, got.StatusCode, err)
		}
		return options(t, got.Body)
	}

	all := ask("cold start, no key pressed", slack.ActionAccount, "", "")
	if len(all) != 100 || !slices.IsSorted(all) {
		t.Errorf("got %d options, want the first 100 in order", len(all))
	}
	for typed, want := range map[string]int{
		"workload-00100":         0, // no statement names it
		"workload-00000":         0, // another statement vetoes its only grant
		"workload-00101":         1,
		accountID(4_321):         1,  // by id
		"TEAM-007":               25, // 10,000 accounts of 400 teams
		"nothing is called that": 0,
		"production":             100, // of 3,334
		"PRODuction team-007":    8,   // every third of team 7
	} {
		if got := ask("key pressed, typed "+typed, slack.ActionAccount, typed, ""); len(got) != want {
			t.Errorf("typed %q: got %d options, want %d", typed, len(got), want)
		}
	}
	got := ask("permission sets", slack.ActionPermissionSet, "", `{"kind":"account","account_id":"`+accountID(101)+`"}`)
	if want := []string{setName(20) + " = " + setARN(20)}; !slices.Equal(got, want) {
		t.Errorf("permission sets: got %q, want %q", got, want)
	}
	// Every second statement names a permission set that exists: half of them are offered.
	if got := ask("permission sets before an account", slack.ActionPermissionSet, "", ""); len(got) != 100 || got[1] != setName(2)+" = "+setARN(2) {
		t.Errorf("permission sets before an account: got %q", got)
	}
	for typed, want := range map[string]int{"set101": 0, "set102": 1, "102 permission": 1} {
		if got := ask("permission sets before an account, typed "+typed, slack.ActionPermissionSet, typed, ""); len(got) != want {
			t.Errorf("permission sets before an account, typed %q: got %q, want %d", typed, got, want)
		}
	}
	got = ask("accounts with a permission set", slack.ActionAccount, "", `{"kind":"account","permission_set":"`+setName(20)+`","permission_set_arn":"`+setARN(20)+`"}`)
	if len(got) != 18 || !strings.HasSuffix(got[0], accountID(101)) {
		t.Errorf("accounts with a permission set: got %q, want nine of the ten in each of its two statements", got)
	}
	if got, want := ask("groups", slack.ActionGroup, "", ""), []string{"Group 0007 = g-0007"}; !slices.Equal(got, want) {
		t.Errorf("groups: got %q, want %q", got, want)
	}
	for words, want := range map[string]string{
		"workload-00101":               "",
		"workload-00101 set020":        "",
		"production":                   "More than 100 accounts match",
		"production set":               "Many accounts match",
		"0 0 0 0 0 permission":         "Many accounts match",
		"team-007 1 2 3 0 permission":  "Several accounts and permission sets match",
		"nothing is called that e 1 2": "Nothing that you can request matches",
	} {
		began := time.Now()
		_, err := h.Handle(t.Context(), sign(typed("/access", "UJANE", words), now))
		t.Logf("/access %s: %s", words, time.Since(began).Round(10*time.Microsecond))
		if f := w.views[len(w.views)-1].view; err != nil || !strings.HasPrefix(noteOf(f), want) || want == "" && noteOf(f) != "" {
			t.Errorf("/access %s: note %q, %v; want %q", words, noteOf(f), err, want)
		}
	}
	if objects.gets != 1 || org.calls.Load() != 0 {
		t.Errorf("%d reads of S3 and %d calls to list, want 1 and none", objects.gets, org.calls.Load())
	}
}
