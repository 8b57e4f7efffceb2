package table_test

import (
	"context"
	"fmt"
	"os"
	"reflect"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"sso-elevator/functions/access"
	"sso-elevator/functions/adapters/table"
	"sso-elevator/infra/local/moto/mototest"
)

func TestMain(m *testing.M) { os.Exit(mototest.Run(m)) }

var (
	ctx    = context.Background()
	monday = time.Date(2026, 3, 2, 9, 30, 0, 123456789, time.UTC)
	tables atomic.Int64
)

// openIndex and requesterIndex are the table's indexes.
var (
	openIndex      = index("open", "open", "due", types.Projection{ProjectionType: types.ProjectionTypeKeysOnly})
	requesterIndex = index("requester", "requester_id", "created_at", types.Projection{ProjectionType: types.ProjectionTypeInclude, NonKeyAttributes: table.RequesterIndexAttributes})
)

func index(name, partition, sort string, p types.Projection) types.GlobalSecondaryIndex {
	return types.GlobalSecondaryIndex{IndexName: aws.String(name), KeySchema: keys(partition, sort), Projection: &p}
}

func keys(partition, sort string) []types.KeySchemaElement {
	return []types.KeySchemaElement{
		{AttributeName: aws.String(partition), KeyType: types.KeyTypeHash},
		{AttributeName: aws.String(sort), KeyType: types.KeyTypeRange},
	}
}

// newStore returns a store with its own table.
func newStore(t *testing.T) (*table.Table, *dynamodb.Client, string) {
	t.Helper()
	return newStoreWith(t, openIndex, requesterIndex)
}

// newStoreWith returns a store with its own table, which has these indexes.
func newStoreWith(t *testing.T, indexes ...types.GlobalSecondaryIndex) (*table.Table, *dynamodb.Client, string) {
	t.Helper()
	client := dynamodb.NewFromConfig(mototest.Config(t))
	tableName := fmt.Sprintf("requests-%d", tables.Add(1))
	attributes := []string{"pk"}
	for _, i := range indexes {
		attributes = append(attributes, *i.KeySchema[0].AttributeName, *i.KeySchema[1].AttributeName)
	}
	in := &dynamodb.CreateTableInput{
		TableName: aws.String(tableName), BillingMode: types.BillingModePayPerRequest,
		KeySchema:              []types.KeySchemaElement{{AttributeName: aws.String("pk"), KeyType: types.KeyTypeHash}},
		GlobalSecondaryIndexes: indexes,
	}
	for _, name := range attributes {
		in.AttributeDefinitions = append(in.AttributeDefinitions, types.AttributeDefinition{AttributeName: aws.String(name), AttributeType: types.ScalarAttributeTypeS})
	}
	if _, err := client.CreateTable(ctx, in); err != nil {
		t.Fatal(err)
	}
	return table.New(client, tableName), client, tableName
}

func ownARN(id string) string { return "arn:aws:states:::execution:m:x-" + id }

// request is a request as ingress creates it.
func request(id string) access.Request {
	return access.Request{
		ID: id,
		Target: access.Target{
			Kind: access.KindAccount, AccountID: "111122223333", AccountName: "Payments",
			PermissionSet: "ReadOnly", PermissionSetARN: "arn:aws:sso:::permissionSet/ssoins-1/ps-1",
		},
		Reason: "look at <the> logs & more", Duration: 3600,
		TeamID: "T1", ViewID: "V1",
		Requester: access.Person{SlackID: "U1"},
		CreatedAt: monday, ExecutionName: "x-" + id, ExecutionARN: ownARN(id),
	}
}

func create(t *testing.T, s *table.Table, id string) access.Request {
	t.Helper()
	r, created, err := s.Create(ctx, request(id))
	if err != nil || !created {
		t.Fatalf("Create = %v, %v", created, err)
	}
	return r
}

func rawRow(t *testing.T, client *dynamodb.Client, tableName, key string) map[string]types.AttributeValue {
	t.Helper()
	out, err := client.GetItem(ctx, &dynamodb.GetItemInput{
		TableName: &tableName, ConsistentRead: aws.Bool(true),
		Key: map[string]types.AttributeValue{"pk": &types.AttributeValueMemberS{Value: key}},
	})
	if err != nil {
		t.Fatal(err)
	}
	return out.Item
}

func text(v types.AttributeValue) string {
	switch v := v.(type) {
	case *types.AttributeValueMemberS:
		return v.Value
	case *types.AttributeValueMemberN:
		return v.Value
	}
	return fmt.Sprint(v)
}

func names(item map[string]types.AttributeValue) map[string]bool {
	there := map[string]bool{}
	for name := range item {
		there[name] = true
	}
	return there
}

func wantCode(t *testing.T, err error, want access.Code) {
	t.Helper()
	if got := access.CodeOf(err); got != want {
		t.Fatalf("error = %v (%q), want code %q", err, got, want)
	}
}

func equal(t *testing.T, what string, got, want any) {
	t.Helper()
	if !reflect.DeepEqual(got, want) {
		t.Errorf("%s:\n got %+v\nwant %+v", what, got, want)
	}
}

func TestCreateIsOneRequest(t *testing.T) {
	s, client, tableName := newStore(t)
	want := request("one")
	want.Events = []access.Event{{Kind: access.EventRequested, At: monday, By: want.Requester}}
	stored, created, err := s.Create(ctx, request("one"))
	if err != nil || !created {
		t.Fatalf("first: %v, %v", created, err)
	}
	equal(t, "created", stored, want)

	other := request("one")
	other.Reason = "another reason"
	stored, created, err = s.Create(ctx, other)
	if err != nil || created {
		t.Fatalf("second: %v, %v", created, err)
	}
	want.Posts = map[string]access.Post{}
	equal(t, "stored", stored, want)

	// Something that hasn't happened has no attribute. Otherwise conditions would
	// fail.
	equal(t, "attributes", names(rawRow(t, client, tableName, "request#one")), map[string]bool{
		"pk": true, "open": true, "due": true, "id": true, "target": true, "reason": true, "duration_seconds": true,
		"team_id": true, "view_id": true, "requester": true, "created_at": true, "execution_name": true,
		"execution_arn": true, "token_execution_arn": true, "posts": true, "events": true, "audited": true,
	})
}

func TestGetUnknown(t *testing.T) {
	s, client, _ := newStore(t)
	_, err := s.Get(ctx, "nobody")
	wantCode(t, err, access.CodeNotFound)
	_, _, err = s.Decide(ctx, "nobody", access.Outcome{Kind: access.OutcomeDenied, At: monday})
	wantCode(t, err, access.CodeNotFound)
	_, err = s.BeginRevoke(ctx, "nobody", ownARN("nobody"), monday)
	wantCode(t, err, access.CodeNotFound)
	// A missing table is a mistake in the settings, not a missing request.
	_, err = table.New(client, "no-such-table").Get(ctx, "nobody")
	wantCode(t, err, access.CodeMisconfigure)
}

// TestRoundTrip fills every field and reads it back.
func TestRoundTrip(t *testing.T) {
	s, _, _ := newStore(t)
	person := access.Person{SlackID: "U2", Email: "b@example.com", Name: "Bee", PrincipalID: "p-2", SecondaryDomain: true}
	full := request("full")
	full.Requester = person
	full.Approvers = []access.Person{person, {SlackID: "U3"}}
	full.UnknownApprovers = []string{"c@example.com"}
	full.ApproverGroups = []access.ApproverGroup{{ID: "g-1", Name: "Security", SlackGroup: "S1", Mentioned: []access.Person{{SlackID: "U1"}}, Others: 2, More: true}}
	full.Ticket = "OPS-1"
	full.PermissionSetDescription = "Everything"
	full.Background = &access.Background{Grants: 2, MoreGrants: true, LastAt: monday, LastBy: []access.Person{person}, Held: []access.HeldAccess{{Target: full.Target, End: monday}}, MoreHeld: 1}
	full.EvaluatedDecision = &access.Decision{Outcome: access.DecideApproval, Reason: access.ReasonRequiresApproval, Approvers: []string{"b@example.com"}, Statements: []int{0, 7}}
	full.ExpiresAt = monday.Add(8 * time.Hour)
	full.RemindersSent, full.RemindedAt = 3, monday.Add(time.Hour)
	full.FurtherApprovers = []access.FurtherApprover{{Person: access.Person{SlackID: "U4", Email: "d@example.com"}, Group: "g-1", Reminder: 2}}
	full.Portal, full.SessionSeconds = access.Portal{URL: "https://example.awsapps.com/start", Region: "eu-central-1"}, 28800
	full.Outcome = &access.Outcome{Kind: access.OutcomeApproved, By: person, At: monday, Reason: "r", Message: "m", PolicyDigest: "d", Statements: []int{7}, Rule: "w"}
	full.Approvals = []access.Approval{{By: person, At: monday, PolicyDigest: "d", Statements: []int{7}, Lapse: access.LapseGone}}
	full.ApprovalProgress = []access.RequirementProgress{{Requirement: access.Requirement{Statement: 7, Needed: 2, Approvers: []string{"b@example.com"}}, Given: []int{0}}}
	full.EndRequest, full.EndShown = &access.EndRequest{By: person, At: monday, ByPress: "press-1"}, true
	full.ApprovalToken, full.EndToken = "token-1", "token-2"
	full.Chain, full.HeldWith = &access.Chain{Since: monday, End: monday.Add(time.Hour), Extends: "other"}, []string{"other"}
	full.ChainSince, full.Extends = monday, "other"
	full.GrantedAt, full.End = monday.Add(time.Nanosecond), monday.Add(time.Hour)
	full.GroupMembershipID, full.OUPath = "m-1", []string{"r-1", "ou-1"}
	full.TeamDomain, full.AWSCreateRequestID, full.AWSDeleteRequestID = "example", "aws-1", "aws-2"
	full.Failure = &access.Failure{Code: access.CodeFailed, Message: "why", At: monday}
	full.RevokingAt, full.RevokedAt, full.Removal, full.KeptUntil, full.KeptLink = monday, monday, access.RemovalKept, monday.Add(time.Hour), "https://acme.slack.com/archives/C1/p12"
	full.RevokingExecutionARN = "arn:aws:states:::execution:m:full-2"
	full.Posts = map[string]access.Post{"announce": {Channel: "C1", TS: "1.2", Digest: "d"}, "approver-U1": {Channel: "D1", Failed: true, Reminder: 2}}
	full.Events = []access.Event{{Kind: access.EventRequested, At: monday, By: person, Message: "m", PolicyDigest: "d", Reason: "r", Statements: []int{1}, Rule: "w"}}
	full.Audited = 1
	full.Tombstone, full.ClosedAt = true, monday

	value := reflect.ValueOf(full)
	for i := range value.NumField() {
		if value.Field(i).IsZero() && value.Type().Field(i).Name != "Rebuilt" { // see TestRebuild
			t.Errorf("the test leaves %s empty", value.Type().Field(i).Name)
		}
	}
	if _, _, err := s.Create(ctx, full); err != nil {
		t.Fatal(err)
	}
	got, err := s.Get(ctx, "full")
	if err != nil {
		t.Fatal(err)
	}
	equal(t, "row", got, full)
}

func TestEvaluate(t *testing.T) {
	s, client, tableName := newStore(t)
	create(t, s, "e")
	if got := text(rawRow(t, client, tableName, "request#e")["due"]); got != "2026-12-27T09:30:01Z" {
		t.Errorf("due of a new request = %s", got)
	}
	e := table.Evaluation{
		Requester:        access.Person{SlackID: "U1", Email: "a@example.com", PrincipalID: "p-1"},
		Approvers:        []access.Person{{SlackID: "U2"}},
		UnknownApprovers: []string{"x@example.com"},
		ApproverGroups:   []access.ApproverGroup{{ID: "g-1"}},
		Decision:         access.Decision{Outcome: access.DecideApproval, Reason: access.ReasonRequiresApproval, Approvers: []string{"b@example.com"}, Statements: []int{0}},
		ExpiresAt:        monday.Add(time.Hour),
		Portal:           access.Portal{URL: "https://example.awsapps.com/start", Region: "eu-central-1"},
		Session:          8 * time.Hour,
	}
	r, err := s.Evaluate(ctx, "e", e)
	if err != nil {
		t.Fatal(err)
	}
	equal(t, "requester", r.Requester, e.Requester)
	equal(t, "decision", *r.EvaluatedDecision, e.Decision)
	equal(t, "expiry", r.ExpiresAt, e.ExpiresAt)
	equal(t, "portal", r.Portal, e.Portal)
	equal(t, "session", r.SessionSeconds, int64(8*60*60))
	if got := text(rawRow(t, client, tableName, "request#e")["due"]); got != "2026-03-02T10:30:01Z" {
		t.Errorf("due = %s, want the expiry in whole seconds, rounded up", got)
	}

	// The same again without approvers: attributes that are not set disappear.
	e.Approvers, e.UnknownApprovers, e.ApproverGroups, e.ExpiresAt = nil, nil, nil, time.Time{}
	e.Portal, e.Session = access.Portal{}, 0
	if r, err = s.Evaluate(ctx, "e", e); err != nil {
		t.Fatal(err)
	}
	if r.Approvers != nil || r.UnknownApprovers != nil || r.ApproverGroups != nil || !r.ExpiresAt.IsZero() || r.Portal != (access.Portal{}) || r.SessionSeconds != 0 {
		t.Errorf("second evaluation left %+v", r)
	}

	// A decided request keeps its principal, because a lease may depend on it.
	if _, _, err := s.Decide(ctx, "e", access.Outcome{Kind: access.OutcomeAutomatic, At: monday}); err != nil {
		t.Fatal(err)
	}
	e.Requester.PrincipalID = "p-other"
	if r, err = s.Evaluate(ctx, "e", e); err != nil || r.Requester.PrincipalID != "p-1" || r.Outcome == nil {
		t.Errorf("evaluation after the outcome: principal %s, outcome %v, %v", r.Requester.PrincipalID, r.Outcome, err)
	}
}

func TestDecideFirstWins(t *testing.T) {
	s, _, _ := newStore(t)
	create(t, s, "d")
	if _, err := s.StoreToken(ctx, "d", table.WaitApproval, ownARN("d"), "the-token"); err != nil {
		t.Fatal(err)
	}
	const presses = 8
	var wins atomic.Int64
	var group sync.WaitGroup
	for i := range presses {
		group.Go(func() {
			kind := access.OutcomeApproved
			if i%2 == 0 {
				kind = access.OutcomeDenied
			}
			r, won, err := s.Decide(ctx, "d", access.Outcome{
				Kind: kind, At: monday, By: access.Person{SlackID: fmt.Sprint("U", i)}, Reason: "r", PolicyDigest: "digest", Statements: []int{i}, Message: "m",
			})
			if err != nil || r.Outcome == nil || r.ApprovalToken != "the-token" {
				t.Errorf("Decide = %+v, %v", r.Outcome, err)
			}
			if won {
				wins.Add(1)
			}
		})
	}
	group.Wait()
	if wins.Load() != 1 {
		t.Errorf("%d presses won, want 1", wins.Load())
	}
	r, err := s.Get(ctx, "d")
	if err != nil {
		t.Fatal(err)
	}
	equal(t, "events", r.Events[1:], []access.Event{{
		Kind: access.EventOf(r.Outcome.Kind), At: monday, By: r.Outcome.By, Reason: "r", PolicyDigest: "digest", Statements: r.Outcome.Statements, Message: "m",
	}})
}

func TestDecideOnlyWhileOpen(t *testing.T) {
	s, _, _ := newStore(t)
	tests := []struct {
		name string
		row  func(*access.Request)
	}{
		{"tombstone", func(r *access.Request) { r.Tombstone = true }},
		{"closed", func(r *access.Request) { r.ClosedAt = monday }},
		{"removal begun", func(r *access.Request) { r.RevokingAt = monday }},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			r := request(strings.ReplaceAll(test.name, " ", "-"))
			test.row(&r)
			if _, _, err := s.Create(ctx, r); err != nil {
				t.Fatal(err)
			}
			got, won, err := s.Decide(ctx, r.ID, access.Outcome{Kind: access.OutcomeApproved, At: monday})
			if won || err != nil || got.Outcome != nil || len(got.Events) != 1 {
				t.Errorf("Decide = %v, %v, outcome %v, %d events", won, err, got.Outcome, len(got.Events))
			}
		})
	}
}

func TestRequestEnd(t *testing.T) {
	s, client, tableName := newStore(t)
	create(t, s, "r")
	e := access.EndRequest{By: access.Person{SlackID: "U1"}, At: monday}
	if _, won, err := s.RequestEnd(ctx, "r", e); won || err != nil {
		t.Fatalf("before the grant: %v, %v", won, err)
	}
	if _, err := s.RecordGrant(ctx, "r", table.Grant{At: monday, End: monday.Add(time.Hour)}); err != nil {
		t.Fatal(err)
	}
	if _, err := s.StoreToken(ctx, "r", table.WaitEnd, ownARN("r"), "end-token"); err != nil {
		t.Fatal(err)
	}
	r, won, err := s.RequestEnd(ctx, "r", e)
	if !won || err != nil || r.EndToken != "end-token" {
		t.Fatalf("while granted: %v, %v, token %q", won, err, r.EndToken)
	}
	equal(t, "last event", r.Events[len(r.Events)-1], access.Event{Kind: access.EventEnded, At: monday, By: e.By})
	// The sweep sees the row from the next whole second on.
	if got, want := text(rawRow(t, client, tableName, "request#r")["due"]), monday.Truncate(time.Second).Add(time.Second).Format(time.RFC3339); got != want {
		t.Errorf("due = %s, want %s", got, want)
	}
	if r, won, err = s.RequestEnd(ctx, "r", e); won || err != nil || len(r.Events) != 3 {
		t.Errorf("again: %v, %v, %d events", won, err, len(r.Events))
	}
	create(t, s, "r3")
	if _, err := s.RecordGrant(ctx, "r3", table.Grant{At: monday, End: monday.Add(time.Hour)}); err != nil {
		t.Fatal(err)
	}
	gone := access.EndRequest{At: monday, Reason: access.EndRequesterGone}
	if r, won, err = s.RequestEnd(ctx, "r3", gone); !won || err != nil || *r.EndRequest != gone {
		t.Errorf("of somebody who is gone: %v, %v, %+v", won, err, r.EndRequest)
	}
	equal(t, "its event", r.Events[len(r.Events)-1], access.Event{Kind: access.EventEnded, At: monday, Reason: "requester_gone",
		Message: "Ended because the requester's user was disabled or deleted in IAM Identity Center."})
	create(t, s, "r2")
	if _, err := s.RecordGrant(ctx, "r2", table.Grant{At: monday, End: monday.Add(time.Hour)}); err != nil {
		t.Fatal(err)
	}
	if _, err := s.BeginRevoke(ctx, "r2", ownARN("r2"), monday); err != nil {
		t.Fatal(err)
	}
	if _, won, err := s.RequestEnd(ctx, "r2", e); won || err != nil {
		t.Errorf("while removed: %v, %v", won, err)
	}
}

// The end of one request ends the others that hold the same access, also those that are
// approved and not granted yet.
func TestEndHolder(t *testing.T) {
	s, _, _ := newStore(t)
	e := access.EndRequest{By: access.Person{SlackID: "U1"}, At: monday}
	create(t, s, "approved")
	r, won, err := s.EndHolder(ctx, "approved", e)
	if !won || err != nil || *r.EndRequest != e {
		t.Fatalf("%v, %v, %+v", won, err, r.EndRequest)
	}
	equal(t, "last event", r.Events[len(r.Events)-1], access.Event{Kind: access.EventEnded, At: monday, By: e.By})
	_, err = s.RecordGrant(ctx, "approved", table.Grant{At: monday, End: monday.Add(time.Hour)})
	wantCode(t, err, access.CodeLost)
	if r, err = s.Get(ctx, "approved"); err != nil || r.WasGranted() {
		t.Errorf("granted after its end: %+v, %v", r, err)
	}
	if r, won, err = s.EndHolder(ctx, "approved", access.EndRequest{At: monday.Add(time.Hour)}); won || err != nil || *r.EndRequest != e {
		t.Errorf("again: %v, %v, %+v", won, err, r.EndRequest)
	}
	create(t, s, "granted")
	if _, err := s.RecordGrant(ctx, "granted", table.Grant{At: monday, End: monday.Add(time.Hour)}); err != nil {
		t.Fatal(err)
	}
	if r, won, err = s.EndHolder(ctx, "granted", e); !won || err != nil || !r.HasPendingEnd() {
		t.Errorf("granted: %v, %v", won, err)
	}
	create(t, s, "removing")
	if _, err := s.BeginRevoke(ctx, "removing", ownARN("removing"), monday); err != nil {
		t.Fatal(err)
	}
	if _, won, err = s.EndHolder(ctx, "removing", e); won || err != nil {
		t.Errorf("while removed: %v, %v", won, err)
	}
}

func TestRecordExtension(t *testing.T) {
	s, _, _ := newStore(t)
	create(t, s, "r")
	chain := &access.Chain{Since: monday.Add(-time.Hour), End: monday.Add(time.Minute), Extends: "first"}
	r, err := s.RecordGrant(ctx, "r", table.Grant{At: monday, End: monday.Add(time.Hour), Chain: chain})
	if err != nil || r.Extends != "first" || !r.ChainSince.Equal(chain.Since) || r.Chain != nil {
		t.Errorf("got %+v, %v", r, err)
	}
	create(t, s, "e")
	if r, err = s.Evaluate(ctx, "e", table.Evaluation{Chain: chain, HeldWith: []string{"first"}}); err != nil {
		t.Fatal(err)
	}
	equal(t, "chain", r.Chain, chain)
	equal(t, "held with", r.HeldWith, []string{"first"})
	if r, err = s.Evaluate(ctx, "e", table.Evaluation{}); err != nil || r.Chain != nil || r.HeldWith != nil {
		t.Errorf("evaluated again, when the chain is over: %+v, %v", r.Chain, err)
	}
}

func TestCountersOnlyRise(t *testing.T) {
	s, _, _ := newStore(t)
	create(t, s, "c")
	for _, n := range []int{2, 1, 3, 3} {
		if err := s.CountReminder(ctx, "c", table.Reminder{Number: n, At: monday.Add(time.Duration(n) * time.Hour), Further: []access.FurtherApprover{{Group: "g", Reminder: n}}}); err != nil {
			t.Fatal(err)
		}
		if _, err := s.MarkAudited(ctx, "c", n+1); err != nil {
			t.Fatal(err)
		}
	}
	r, err := s.Get(ctx, "c")
	if err != nil || r.RemindersSent != 3 || r.Audited != 4 {
		t.Errorf("reminders %d, audited %d, %v; want 3 and 4", r.RemindersSent, r.Audited, err)
	}
	if !r.RemindedAt.Equal(monday.Add(3*time.Hour)) || len(r.FurtherApprovers) != 1 || r.FurtherApprovers[0].Reminder != 3 {
		t.Errorf("reminded at %v, further approvers %+v; want those of reminder 3", r.RemindedAt, r.FurtherApprovers)
	}
}

func TestPosts(t *testing.T) {
	s, _, _ := newStore(t)
	create(t, s, "p")
	begun := access.Post{Channel: "C1"}
	for i, want := range []bool{true, false} {
		before, ok, err := s.BeginPost(ctx, "p", "announce", begun)
		if err != nil || ok != want {
			t.Fatalf("BeginPost %d = %v, %v", i, ok, err)
		}
		if !want {
			equal(t, "before", before, begun)
		}
	}
	done := access.Post{Channel: "C1", TS: "1.2", Digest: "d"}
	if err := s.CompletePost(ctx, "p", "announce", done); err != nil {
		t.Fatal(err)
	}
	if _, ok, err := s.BeginPost(ctx, "p", "granted", begun); err != nil || !ok {
		t.Fatalf("another purpose: %v, %v", ok, err)
	}
	r, err := s.Get(ctx, "p")
	if err != nil {
		t.Fatal(err)
	}
	equal(t, "posts", r.Posts, map[string]access.Post{"announce": done, "granted": begun})
}

// A failure changes neither the channel nor the timestamp that another attempt recorded,
// whenever it is written. A record without a channel is replaced, once.
func TestFailedPosts(t *testing.T) {
	s, _, _ := newStore(t)
	create(t, s, "p")
	begun, failed := access.Post{Channel: "D1"}, access.Post{Channel: "D1", Failed: true}
	done := access.Post{Channel: "D1", TS: "1.2", Digest: "d"}
	const purpose = "approver-U1"
	fail := func(channel string) func() error {
		return func() error { return s.FailPost(ctx, "p", purpose, channel) }
	}
	begin := func(want bool) func() error {
		return func() error {
			_, ok, err := s.BeginPost(ctx, "p", purpose, begun)
			if ok != want {
				t.Errorf("begun %v, want %v", ok, want)
			}
			return err
		}
	}
	for i, step := range []struct {
		do   func() error
		want access.Post
	}{
		{fail(""), access.Post{Failed: true}},
		{fail(""), access.Post{Failed: true}},
		{begin(true), begun},
		{begin(false), begun},
		{fail(""), failed},
		{fail("D2"), failed},
		{begin(false), failed},
		{func() error { return s.CompletePost(ctx, "p", purpose, done) }, done},
		{fail(""), done},
		{fail("D1"), done},
		{begin(false), done},
	} {
		if err := step.do(); err != nil {
			t.Fatalf("step %d: %v", i, err)
		}
		r, err := s.Get(ctx, "p")
		if err != nil {
			t.Fatal(err)
		}
		equal(t, fmt.Sprintf("post after step %d", i), r.Posts[purpose], step.want)
	}
	if err := s.FailPost(ctx, "p", "approver-U2", "D2"); err != nil {
		t.Fatal(err)
	}
	if r, err := s.Get(ctx, "p"); err != nil || r.Posts["approver-U2"] != (access.Post{Channel: "D2", Failed: true}) {
		t.Errorf("the row says %+v, %v", r.Posts, err)
	}
}

// A message is begun, and the update of another is noted in the same write, or neither is.
// The order of their names doesn't matter.
func TestPostAfterUpdate(t *testing.T) {
	for _, updated := range []string{"announce", "zebra"} {
		s, _, _ := newStore(t)
		create(t, s, "p")
		begun, sent, edited := access.Post{Channel: "C1"}, access.Post{Channel: "C1", TS: "1.2", Digest: "d"}, access.Post{Channel: "C1", TS: "1.2", Digest: "e"}
		if err := s.CompletePost(ctx, "p", updated, sent); err != nil {
			t.Fatal(err)
		}
		wantPosts := func(want access.Post) {
			t.Helper()
			r, err := s.Get(ctx, "p")
			if err != nil {
				t.Fatal(err)
			}
			equal(t, "posts", r.Posts, map[string]access.Post{updated: want, "granted": begun})
		}
		if _, ok, err := s.BeginPostAfter(ctx, "p", "granted", begun, updated, edited); err != nil || !ok {
			t.Fatalf("begun: %v, %v", ok, err)
		}
		wantPosts(edited)
		again := access.Post{Channel: "C1", TS: "1.2", Digest: "f"}
		if before, ok, err := s.BeginPostAfter(ctx, "p", "granted", access.Post{Channel: "C2"}, updated, again); err != nil || ok || before != begun {
			t.Fatalf("begun again: %+v, %v, %v", before, ok, err)
		}
		wantPosts(edited)
	}
}

func TestGrantedOnce(t *testing.T) {
	s, client, tableName := newStore(t)
	create(t, s, "g")
	end := monday.Add(time.Hour)
	first, err := s.RecordGrant(ctx, "g", table.Grant{At: monday, End: end, MembershipID: "m-1", CreateRequestID: "aws-1"})
	if err != nil {
		t.Fatal(err)
	}
	again, err := s.RecordGrant(ctx, "g", table.Grant{At: monday.Add(time.Minute), End: end.Add(time.Minute), MembershipID: "m-2", CreateRequestID: "aws-2"})
	if err != nil {
		t.Fatal(err)
	}
	equal(t, "second call", again, first)
	equal(t, "end", again.End, end)
	equal(t, "AWS's request id", again.AWSCreateRequestID, "aws-1")
	equal(t, "event", again.Events[1:], []access.Event{{Kind: access.EventGranted, At: monday}})
	if got := text(rawRow(t, client, tableName, "request#g")["due"]); got != "2026-03-02T10:30:01Z" {
		t.Errorf("due = %s, want the end", got)
	}

	create(t, s, "over")
	if _, err := s.BeginRevoke(ctx, "over", ownARN("over"), monday); err != nil {
		t.Fatal(err)
	}
	r, err := s.RecordGrant(ctx, "over", table.Grant{At: monday, End: end})
	wantCode(t, err, access.CodeLost)
	if !r.GrantedAt.IsZero() {
		t.Error("granted while its removal has begun")
	}
}

func TestFailKeepsTheFirst(t *testing.T) {
	s, _, _ := newStore(t)
	create(t, s, "f")
	first := access.Failure{Code: access.CodeForeign, Message: "first", At: monday}
	for _, f := range []access.Failure{first, {Code: access.CodeFailed, Message: "second", At: monday}} {
		if err := s.Fail(ctx, "f", f); err != nil {
			t.Fatal(err)
		}
	}
	r, err := s.Get(ctx, "f")
	if err != nil {
		t.Fatal(err)
	}
	equal(t, "failure", *r.Failure, first)
}

// Only the request's own execution can end access before its removal has begun.
// Another execution can only continue a removal that has begun.
func TestBeginRevokeIsForTheOwnExecution(t *testing.T) {
	const other = "arn:aws:states:::execution:m:other"
	tests := []struct {
		name, execution string
		prepare         func(*testing.T, *table.Table, string)
		want            access.Code
	}{
		{name: "own", execution: "own"},
		{name: "other", execution: other, want: access.CodeRefused},
		{name: "none", execution: "", want: access.CodeRefused},
		{name: "other, the removal has begun", execution: other, prepare: func(t *testing.T, s *table.Table, id string) {
			if _, err := s.BeginRevoke(ctx, id, ownARN(id), monday); err != nil {
				t.Fatal(err)
			}
		}},
		{name: "none, given up", execution: "", prepare: func(t *testing.T, s *table.Table, id string) {
			if _, err := s.GiveUp(ctx, id, access.Failure{Code: access.CodeExecutionGone, At: monday}); err != nil {
				t.Fatal(err)
			}
		}},
	}
	s, _, _ := newStore(t)
	for i, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			id := fmt.Sprint("begin", i)
			create(t, s, id)
			if test.prepare != nil {
				test.prepare(t, s, id)
			}
			begins := test.want == ""
			execution := test.execution
			if execution == "own" {
				execution = ownARN(id)
			}
			r, err := s.BeginRevoke(ctx, id, execution, monday)
			if access.CodeOf(err) != test.want || r.RevokingAt.Equal(monday) != begins {
				t.Errorf("BeginRevoke = %v, %v; want code %q", r.RevokingAt, err, test.want)
			}
			r, won, err := s.TakeOver(ctx, id, other)
			if won != begins || err != nil || (r.RevokingExecutionARN == other) != begins {
				t.Errorf("TakeOver = %q, %v, %v; want it only after a removal has begun", r.RevokingExecutionARN, won, err)
			}
		})
	}
	_, err := s.BeginRevoke(ctx, "nobody", ownARN("nobody"), monday)
	wantCode(t, err, access.CodeNotFound)
}

func TestRevokedOnce(t *testing.T) {
	s, _, _ := newStore(t)
	create(t, s, "v")
	if r, err := s.BeginRevoke(ctx, "v", ownARN("v"), monday); err != nil || !r.RevokingAt.Equal(monday) {
		t.Fatalf("BeginRevoke = %v, %v", r.RevokingAt, err)
	}
	if r, err := s.BeginRevoke(ctx, "v", ownARN("v"), monday.Add(time.Hour)); err != nil || !r.RevokingAt.Equal(monday) {
		t.Fatalf("again = %v, %v", r.RevokingAt, err)
	}
	begun := access.Request{ID: "v"}
	first, err := s.RecordRemoval(ctx, begun, monday, access.RemovalDone, "aws-1")
	if err != nil {
		t.Fatal(err)
	}
	again, err := s.RecordRemoval(ctx, begun, monday.Add(time.Hour), access.RemovalNothing, "aws-2")
	if err != nil {
		t.Fatal(err)
	}
	equal(t, "AWS's request id", again.AWSDeleteRequestID, "aws-1")
	equal(t, "second call", again, first)
	equal(t, "event", again.Events[1:], []access.Event{{Kind: access.EventRevoked, At: monday, Reason: "removed"}})
}

// A removal records the creation of access that was never confirmed. What a grant has
// recorded stays.
func TestCreationOfUnconfirmedAccess(t *testing.T) {
	s, _, _ := newStore(t)
	for _, tt := range []struct {
		id      string
		granted string // by the creation that the grant recorded; "" if there was no grant
		found   string
		want    string
	}{
		{"unconfirmed", "", "aws-2", "aws-2"},
		{"unknown", "", "", ""},
		{"granted", "aws-1", "aws-2", "aws-1"},
	} {
		r := create(t, s, tt.id)
		if tt.granted != "" {
			if _, err := s.RecordGrant(ctx, tt.id, table.Grant{At: monday, End: monday.Add(time.Hour), CreateRequestID: tt.granted}); err != nil {
				t.Fatal(err)
			}
		}
		r.AWSCreateRequestID = tt.found
		if _, err := s.RecordRemoval(ctx, r, monday, access.RemovalDone, "aws-3"); err != nil {
			t.Fatal(err)
		}
		r, err := s.Get(ctx, tt.id)
		if err != nil {
			t.Fatal(err)
		}
		equal(t, tt.id, r.AWSCreateRequestID, tt.want)
	}
}

// The row says until when others keep the access, if they do and that is known.
func TestKeptUntil(t *testing.T) {
	s, _, _ := newStore(t)
	until := monday.Add(2 * time.Hour)
	for _, tt := range []struct {
		id          string
		state       access.RemovalState
		until, want time.Time
	}{
		{"kept", access.RemovalKept, until, until},
		{"unknown", access.RemovalKept, time.Time{}, time.Time{}},
		{"removed", access.RemovalDone, until, time.Time{}},
		{"not-granted", access.RemovalNothing, until, until},
	} {
		r := create(t, s, tt.id)
		if r.KeptUntil = tt.until; !tt.until.IsZero() {
			r.KeptLink = "https://acme.slack.com/archives/C1/p12"
		}
		if _, err := s.RecordRemoval(ctx, r, monday, tt.state, ""); err != nil {
			t.Fatal(err)
		}
		r, err := s.Get(ctx, tt.id)
		if err != nil {
			t.Fatal(err)
		}
		equal(t, tt.id, r.KeptUntil, tt.want)
		equal(t, tt.id+", link", r.KeptLink != "", !tt.want.IsZero())
	}
}

// A deleted row is created again from what the lease knows. Its removal can be
// recorded and closed, and nothing else.
func TestRebuild(t *testing.T) {
	s, client, tableName := newStore(t)
	subject := access.Subject{Target: access.Target{Kind: access.KindAccount, AccountID: "111122223333", PermissionSet: "ReadOnly", PermissionSetARN: "arn:ps-1"}, PrincipalID: "p-1"}
	granted, end, found := monday, monday.Add(time.Hour), monday.Add(30*time.Minute)
	b := access.Rebuilt{ID: "lost", Subject: subject, ExecutionARN: "arn:lost", GrantedAt: granted, End: end, At: found}
	if err := s.Rebuild(ctx, b); err != nil {
		t.Fatal(err)
	}
	want := access.Request{
		ID: "lost", Target: subject.Target, Duration: 3600, Requester: access.Person{PrincipalID: "p-1"}, ExecutionARN: "arn:lost",
		GrantedAt: granted, End: end, RevokingAt: found, Rebuilt: &b,
		Failure: &access.Failure{Code: access.CodeRowLost, Message: "Someone deleted this app's record of the request while its access was active.", At: found},
	}
	got, err := s.Get(ctx, "lost")
	if err != nil {
		t.Fatal(err)
	}
	equal(t, "row", got, want)
	if got.Open() || got.Interrupted() {
		t.Errorf("open %t, interrupted %t", got.Open(), got.Interrupted())
	}
	open, err := s.OpenRequests(ctx)
	if err != nil || len(open) != 1 || open[0].ID != "lost" || open[0].At.Sub(found) > time.Second {
		t.Errorf("open are %v, %v", open, err)
	}
	// Repeating it, or doing it over an existing row, changes nothing.
	again := b
	again.At = found.Add(time.Minute)
	if err := s.Rebuild(ctx, again); err != nil {
		t.Fatal(err)
	}
	create(t, s, "there")
	there, err := s.Get(ctx, "there")
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Rebuild(ctx, access.Rebuilt{ID: "there", At: found}); err != nil {
		t.Fatal(err)
	}
	for _, want := range []access.Request{want, there} {
		if got, err = s.Get(ctx, want.ID); err != nil {
			t.Fatal(err)
		}
		equal(t, want.ID, got, want)
	}
	if _, won, err := s.Decide(ctx, "lost", access.Outcome{Kind: access.OutcomeApproved, At: found}); err != nil || won {
		t.Errorf("decided: %t, %v", won, err)
	}
	if _, err := s.RecordGrant(ctx, "lost", table.Grant{At: found, End: end}); access.CodeOf(err) == "" && got.GrantedAt.Equal(found) {
		t.Errorf("granted: %v", err)
	}
	begun, err := s.BeginRevoke(ctx, "lost", "arn:other", end)
	if err != nil || !begun.RevokingAt.Equal(found) {
		t.Errorf("the removal began at %s, %v", begun.RevokingAt, err)
	}
	r, err := s.RecordRemoval(ctx, begun, end, access.RemovalDone, "")
	if err != nil {
		t.Fatal(err)
	}
	equal(t, "events", r.Events, []access.Event{{Kind: access.EventRevoked, At: end, Reason: "removed"}})
	if _, err := s.MarkAudited(ctx, "lost", 1); err != nil {
		t.Fatal(err)
	}
	if err := s.Close(ctx, "lost", 1, end, time.Hour); err != nil {
		t.Fatal(err)
	}
	if row := rawRow(t, client, tableName, "request#lost"); row["open"] != nil || row["closed_at"] == nil || row["outcome"] != nil || row["target"] != nil {
		t.Errorf("the row is %v", row)
	}
}

func TestRevokedWhatNeverCame(t *testing.T) {
	s, _, _ := newStore(t)
	at := monday.Add(time.Hour)
	refusal := access.Outcome{Kind: access.OutcomeRefused, At: monday, Reason: "NoApprovers"}
	approval := access.Outcome{Kind: access.OutcomeApproved, At: monday}
	tests := []struct {
		id      string
		failure *access.Failure
		outcome *access.Outcome
		want    access.Event
	}{
		{id: "approved", outcome: &approval, want: access.Event{Kind: access.EventNotGranted, At: at, Reason: "nothing"}},
		{id: "failed", failure: &access.Failure{Code: access.CodeForeign, Message: "there before", At: monday},
			want: access.Event{Kind: access.EventRefused, At: at, Reason: "ForeignAccess", Message: "there before"}},
		{id: "unknown", want: access.Event{Kind: access.EventRefused, At: at, Reason: "nothing"}},
		{id: "refused", outcome: &refusal, want: access.Event{Kind: access.EventRefused, At: monday, Reason: "NoApprovers"}},
	}
	for _, test := range tests {
		t.Run(test.id, func(t *testing.T) {
			create(t, s, test.id)
			if test.failure != nil {
				if err := s.Fail(ctx, test.id, *test.failure); err != nil {
					t.Fatal(err)
				}
			}
			if test.outcome != nil {
				if _, _, err := s.Decide(ctx, test.id, *test.outcome); err != nil {
					t.Fatal(err)
				}
			}
			begun, err := s.BeginRevoke(ctx, test.id, ownARN(test.id), monday)
			if err != nil {
				t.Fatal(err)
			}
			r, err := s.RecordRemoval(ctx, begun, at, access.RemovalNothing, "")
			if err != nil {
				t.Fatal(err)
			}
			got := r.Events[1:]
			if test.outcome == &approval {
				equal(t, "decision", got[0], access.Event{Kind: access.EventApproved, At: monday})
				got = got[1:]
			}
			equal(t, "events", got, []access.Event{test.want})
			if !r.RevokedAt.Equal(at) || r.Removal != access.RemovalNothing {
				t.Errorf("revoked at %s, %s", r.RevokedAt, r.Removal)
			}
		})
	}
}

func TestAppendEvent(t *testing.T) {
	s, _, _ := newStore(t)
	read := create(t, s, "a") // before the others are written
	var group sync.WaitGroup
	for range 4 {
		group.Go(func() {
			if _, err := s.AppendEvent(ctx, read, access.Event{Kind: access.EventGranted, At: monday}); err != nil {
				t.Error(err)
			}
		})
		group.Go(func() {
			if _, err := s.AppendEvent(ctx, read, access.Event{Kind: access.EventRevokeFailed, At: monday}); err != nil {
				t.Error(err)
			}
		})
	}
	group.Wait()
	r, err := s.Get(ctx, "a")
	if err != nil {
		t.Fatal(err)
	}
	counts := map[access.EventKind]int{}
	for _, e := range r.Events {
		counts[e.Kind]++
	}
	equal(t, "events by kind", counts, map[access.EventKind]int{access.EventRequested: 1, access.EventGranted: 1, access.EventRevokeFailed: 4})

	// A removal of access that is gone hasn't failed.
	if _, err := s.RecordRemoval(ctx, r, monday, access.RemovalDone, ""); err != nil {
		t.Fatal(err)
	}
	after, err := s.AppendEvent(ctx, r, access.Event{Kind: access.EventRevokeFailed, At: monday})
	if err != nil {
		t.Fatal(err)
	}
	if last := after.Events[len(after.Events)-1]; len(after.Events) != len(r.Events)+1 || last.Kind == access.EventRevokeFailed {
		t.Errorf("after the removal, the last of %d events is %s", len(after.Events), last.Kind)
	}
}

// Each refused press is appended once for each person and reason, however many come at
// once. A closed request gets none.
func TestAppendRefusedPress(t *testing.T) {
	s, _, _ := newStore(t)
	read := create(t, s, "a")
	press := func(user string, why access.Refusal) access.Event {
		return access.Event{Kind: access.EventPressRefused, At: monday, By: access.Person{SlackID: user}, Action: "approve", Reason: string(why)}
	}
	var group sync.WaitGroup
	for range 3 {
		for _, e := range []access.Event{press("U1", access.RefusalNotApprover), press("U1", access.RefusalNotRequester), press("U2", access.RefusalNotApprover)} {
			group.Go(func() {
				if _, err := s.AppendEvent(ctx, read, e); err != nil {
					t.Error(err)
				}
			})
		}
	}
	group.Wait()
	r, err := s.Get(ctx, "a")
	if err != nil {
		t.Fatal(err)
	}
	got := map[string]int{}
	for _, e := range r.Events[1:] {
		got[e.By.SlackID+" "+e.Reason]++
	}
	equal(t, "refused presses", got, map[string]int{"U1 NotApprover": 1, "U1 NotRequester": 1, "U2 NotApprover": 1})

	if _, _, err := s.Decide(ctx, "a", access.Outcome{Kind: access.OutcomeDenied, At: monday}); err != nil {
		t.Fatal(err)
	}
	if err := s.Close(ctx, "a", 5, monday, time.Hour); err != nil {
		t.Fatal(err)
	}
	if _, err := s.AppendEvent(ctx, read, press("U3", access.RefusalNotApprover)); err != nil {
		t.Fatal(err)
	}
	if r, err = s.Get(ctx, "a"); err != nil || len(r.Events) != 5 {
		t.Errorf("%v, and %d events after the close, want 5", err, len(r.Events))
	}
}

func TestClose(t *testing.T) {
	s, client, tableName := newStore(t)
	create(t, s, "x")
	if _, err := s.StoreToken(ctx, "x", table.WaitApproval, ownARN("x"), "secret"); err != nil {
		t.Fatal(err)
	}
	if _, err := s.RecordGrant(ctx, "x", table.Grant{At: monday, End: monday}); err != nil {
		t.Fatal(err)
	}
	wantCode(t, s.Close(ctx, "x", 2, monday, time.Hour), access.CodeLost)
	if _, err := s.RecordRemoval(ctx, access.Request{ID: "x"}, monday, access.RemovalDone, ""); err != nil {
		t.Fatal(err)
	}
	wantCode(t, s.Close(ctx, "x", 2, monday, time.Hour), access.CodeUnavailable) // the removal is not recorded
	for _, at := range []time.Time{monday, monday.Add(time.Hour)} {
		if err := s.Close(ctx, "x", 3, at, time.Hour); err != nil {
			t.Fatal(err)
		}
	}
	row := rawRow(t, client, tableName, "request#x")
	there := names(row)
	for _, gone := range []string{"open", "due", "approval_token", "end_token"} {
		if there[gone] {
			t.Errorf("a closed request has %s", gone)
		}
	}
	if got := text(row["expires"]); got != fmt.Sprint(monday.Add(time.Hour).Unix()) {
		t.Errorf("expires = %s", got)
	}
}

func TestLease(t *testing.T) {
	s, client, tableName := newStore(t)
	subject := access.Subject{Target: request("l").Target, PrincipalID: "p-1"}
	key := subject.Key()
	if _, found, err := s.Lease(ctx, key); found || err != nil {
		t.Fatalf("no lease: %v, %v", found, err)
	}
	lease := access.Lease{
		Key: key, Subject: subject, State: access.LeaseCreating,
		Holders:   map[string]access.Holder{"l": {ExecutionARN: "arn"}},
		SettlesAt: monday, OperationID: "op", DeletionID: "del",
		MembershipIDs: []string{"m-1", "m-2"}, Unanswered: []time.Time{monday.Add(time.Nanosecond)},
		Drift: &access.FindingRef{Run: "run-1", Index: 7},
	}
	if err := s.PutLease(ctx, lease, 0); err != nil {
		t.Fatal(err)
	}
	wantCode(t, s.PutLease(ctx, lease, 0), access.CodeLost)
	wantCode(t, s.PutLease(ctx, lease, 2), access.CodeLost)
	lease.Version = 1
	got, found, err := s.Lease(ctx, key)
	if !found || err != nil {
		t.Fatal(found, err)
	}
	equal(t, "lease", got, lease)
	row := rawRow(t, client, tableName, "lease#"+key)
	equal(t, "index", []string{text(row["open"]), text(row["due"])}, []string{"lease", "2026-03-02T09:30:01Z"})
	if names(row)["expires"] {
		t.Error("a lease has a TTL")
	}

	lease.State = access.LeaseHeld
	lease.Holders = map[string]access.Holder{"l": {ExecutionARN: "arn", End: monday.Add(time.Hour)}, "m": {ExecutionARN: "arn", End: monday.Add(2 * time.Hour)}}
	if err := s.PutLease(ctx, lease, 1); err != nil {
		t.Fatal(err)
	}
	if got := text(rawRow(t, client, tableName, "lease#"+key)["due"]); got != "2026-03-02T11:30:01Z" {
		t.Errorf("due = %s, want the last holder's end", got)
	}
	wantCode(t, s.DeleteLease(ctx, key, 1), access.CodeLost)
	if err := s.DeleteLease(ctx, key, 2); err != nil {
		t.Fatal(err)
	}
	wantCode(t, s.DeleteLease(ctx, key, 2), access.CodeLost)
}

func TestOpenRequests(t *testing.T) {
	s, _, _ := newStore(t)
	for i, id := range []string{"later", "sooner", "closed"} {
		r := request(id)
		r.ExpiresAt = monday.Add(time.Duration(10-i) * time.Hour)
		if _, _, err := s.Create(ctx, r); err != nil {
			t.Fatal(err)
		}
	}
	if err := s.Close(ctx, "closed", 1, monday, time.Hour); err != nil {
		t.Fatal(err)
	}
	put := func(key string, settles time.Time) {
		if err := s.PutLease(ctx, access.Lease{Key: key, State: access.LeaseHeld, SettlesAt: settles, Holders: map[string]access.Holder{}}, 0); err != nil {
			t.Fatal(err)
		}
	}
	put("account#1#ps#p-1", monday)
	put("account#1#ps#p-2", monday.Add(2*time.Second))

	open, err := s.OpenRequests(ctx)
	if err != nil {
		t.Fatal(err)
	}
	equal(t, "open requests", open, []access.Due{
		{ID: "sooner", At: monday.Truncate(time.Second).Add(9*time.Hour + time.Second)}, // rounded up
		{ID: "later", At: monday.Truncate(time.Second).Add(10*time.Hour + time.Second)},
	})
	leases, err := s.OpenLeases(ctx)
	if err != nil {
		t.Fatal(err)
	}
	equal(t, "leases", leases, []access.Due{
		{ID: "account#1#ps#p-1", At: monday.Truncate(time.Second).Add(time.Second)},
		{ID: "account#1#ps#p-2", At: monday.Truncate(time.Second).Add(3 * time.Second)},
	})
	for _, d := range leases {
		if _, found, err := s.Lease(ctx, d.ID); !found || err != nil {
			t.Errorf("the lease %q = %v, %v", d.ID, found, err)
		}
	}
}

// The latest open requests come first, only as many as wanted, and no leases.
func TestLatestOpenRequests(t *testing.T) {
	s, _, _ := newStore(t)
	for i, id := range []string{"middle", "first", "last", "closed"} {
		r := request(id)
		r.ExpiresAt = monday.Add(time.Duration([]int{2, 1, 3, 4}[i]) * time.Hour)
		if _, _, err := s.Create(ctx, r); err != nil {
			t.Fatal(err)
		}
	}
	if err := s.Close(ctx, "closed", 1, monday, time.Hour); err != nil {
		t.Fatal(err)
	}
	if err := s.PutLease(ctx, access.Lease{Key: "account#1#ps#p-1", State: access.LeaseHeld, SettlesAt: monday, Holders: map[string]access.Holder{}}, 0); err != nil {
		t.Fatal(err)
	}
	for _, test := range []struct {
		limit int
		want  []string
		more  bool
	}{
		{10, []string{"last", "middle", "first"}, false},
		{2, []string{"last", "middle"}, true},
		{1, []string{"last"}, true},
	} {
		ids, more, err := s.LatestOpenRequests(ctx, test.limit)
		if err != nil || !slices.Equal(ids, test.want) || more != test.more {
			t.Errorf("at most %d: got %q, %v, %v; want %q, %v", test.limit, ids, more, err, test.want, test.more)
		}
	}
}

// A row that someone damaged by hand is still checked, and hides no other row.
func TestOpenRequestsWithoutATime(t *testing.T) {
	s, client, tableName := newStore(t)
	for _, id := range []string{"good", "spoiled"} {
		if _, _, err := s.Create(ctx, request(id)); err != nil {
			t.Fatal(err)
		}
	}
	_, err := client.UpdateItem(ctx, &dynamodb.UpdateItemInput{
		TableName: &tableName, Key: map[string]types.AttributeValue{"pk": &types.AttributeValueMemberS{Value: "request#spoiled"}},
		UpdateExpression: aws.String("SET due = :due"), ExpressionAttributeValues: map[string]types.AttributeValue{":due": &types.AttributeValueMemberS{Value: "soon"}},
	})
	if err != nil {
		t.Fatal(err)
	}
	open, err := s.OpenRequests(ctx)
	if err != nil || len(open) != 2 || open[1].ID != "spoiled" || !open[1].At.IsZero() {
		t.Errorf("got %v, %v", open, err)
	}
}

// A request that was given up can't be decided or granted, and keeps the first reason.
func TestGiveUp(t *testing.T) {
	s, _, _ := newStore(t)
	create(t, s, "r")
	why := access.Failure{Code: access.CodeExecutionGone, Message: "gone", At: monday}
	for _, w := range []access.Failure{why, {Code: access.CodeInternal, At: monday}} {
		r, err := s.GiveUp(ctx, "r", w)
		if err != nil || !r.Tombstone || r.Failure == nil || *r.Failure != why {
			t.Fatalf("row = %+v, %v", r, err)
		}
	}
	if _, won, err := s.Decide(ctx, "r", access.Outcome{Kind: access.OutcomeApproved, At: monday}); won || err != nil {
		t.Errorf("decided: %v, %v", won, err)
	}
	_, err := s.RecordGrant(ctx, "r", table.Grant{At: monday, End: monday.Add(time.Hour)})
	wantCode(t, err, access.CodeLost)

	create(t, s, "active")
	if _, err := s.RecordGrant(ctx, "active", table.Grant{At: monday, End: monday.Add(time.Hour)}); err != nil {
		t.Fatal(err)
	}
	if r, err := s.GiveUp(ctx, "active", why); err != nil || !r.Tombstone || r.Failure != nil {
		t.Errorf("what was granted has a reason why it was not: %+v, %v", r.Failure, err)
	}

	create(t, s, "closed")
	if err := s.Close(ctx, "closed", 1, monday, time.Hour); err != nil {
		t.Fatal(err)
	}
	if r, err := s.GiveUp(ctx, "closed", why); err != nil || r.Tombstone {
		t.Errorf("a closed request was given up: %v, %v", r.Tombstone, err)
	}
	_, err = s.GiveUp(ctx, "nobody", why)
	wantCode(t, err, access.CodeNotFound)
}
