package table_test

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
	"github.com/aws/smithy-go"

	"sso-elevator/functions/access"
	"sso-elevator/functions/adapters/table"
)

// asked creates a request by a user in Identity Center, some time after monday.
func asked(t *testing.T, s *table.Table, id, principal string, after time.Duration) access.Request {
	t.Helper()
	r := request(id)
	r.Requester.PrincipalID, r.CreatedAt = principal, monday.Add(after)
	r, _, err := s.Create(ctx, r)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func idsOf(requests []access.Request) (ids []string) {
	for _, r := range requests {
		ids = append(ids, r.ID)
	}
	return ids
}

func TestRequestsOf(t *testing.T) {
	s, client, tableName := newStore(t)
	for i := range 3 {
		asked(t, s, fmt.Sprint("r", i), "p-1", time.Duration(i)*time.Hour)
	}
	asked(t, s, "other", "p-2", 0)
	asked(t, s, "closed", "p-1", 4*time.Hour)
	if err := s.Close(ctx, "closed", 1, monday, time.Hour); err != nil {
		t.Fatal(err)
	}
	// The first release's rows, and those of requesters who are not known, aren't there.
	create(t, s, "unknown")
	setAttribute(t, client, tableName, "request#r1", "requester_id", "") // as in the first release

	for _, test := range []struct {
		principal string
		limit     int
		want      []string
		more      bool
	}{
		{"p-1", 10, []string{"closed", "r2", "r0"}, false},
		{"p-1", 2, []string{"closed", "r2"}, true},
		{"p-2", 10, []string{"other"}, false},
		{"p-3", 10, nil, false},
	} {
		got, more, err := s.RequestsOf(ctx, test.principal, test.limit)
		if err != nil {
			t.Fatal(err)
		}
		equal(t, "requests", idsOf(got), test.want)
		equal(t, "more", more, test.more)
	}
}

// The index has what the background and the predicates about a request's state need, and
// nothing large.
func TestRequestsOfHasWhatTheIndexHas(t *testing.T) {
	s, _, _ := newStore(t)
	r := asked(t, s, "r", "p-1", 0)
	ann := access.Person{SlackID: "U2", PrincipalID: "p-2"}
	r, _, err := s.ChangeApprovals(ctx, r, table.ApprovalChange{
		Tally: access.Tally{Approvals: []access.Approval{{By: ann, At: monday}}}, Outcome: &access.Outcome{Kind: access.OutcomeApproved, By: ann, At: monday},
	})
	if err != nil {
		t.Fatal(err)
	}
	if r, err = s.RecordGrant(ctx, "r", table.Grant{At: monday, End: monday.Add(time.Hour)}); err != nil {
		t.Fatal(err)
	}
	want := access.Request{
		ID: "r", Target: r.Target, CreatedAt: r.CreatedAt, Outcome: r.Outcome, Approvals: r.Approvals, GrantedAt: r.GrantedAt, End: r.End,
	}
	check := func(what string) {
		t.Helper()
		got, _, err := s.RequestsOf(ctx, "p-1", 10)
		if err != nil || len(got) != 1 {
			t.Fatalf("%s: %v, %v", what, got, err)
		}
		equal(t, what, got[0], want)
	}
	check("active")
	want.EndRequest = &access.EndRequest{By: ann, At: monday.Add(time.Minute)}
	if r, _, err = s.RequestEnd(ctx, "r", *want.EndRequest); err != nil {
		t.Fatal(err)
	}
	if r, err = s.GiveUp(ctx, "r", access.Failure{Code: access.CodeExecutionGone, At: monday}); err != nil {
		t.Fatal(err)
	}
	want.Tombstone = true
	check("ending")
	if r, err = s.BeginRevoke(ctx, "r", ownARN("r"), monday.Add(time.Hour)); err != nil {
		t.Fatal(err)
	}
	if r, err = s.RecordRemoval(ctx, r, monday.Add(time.Hour), access.RemovalDone, ""); err != nil {
		t.Fatal(err)
	}
	if err = s.Close(ctx, "r", len(r.Events), monday.Add(2*time.Hour), time.Hour); err != nil {
		t.Fatal(err)
	}
	want.RevokingAt, want.RevokedAt, want.ClosedAt = monday.Add(time.Hour), monday.Add(time.Hour), monday.Add(2*time.Hour)
	check("closed")
}

// A request that the previous release's ingress created gets into the index when this
// release evaluates it.
func TestEvaluateEntersTheRequester(t *testing.T) {
	s, client, tableName := newStore(t)
	r := asked(t, s, "r", "p-1", 0)
	setAttribute(t, client, tableName, "request#r", "requester_id", "") // as in the first release
	if got, _, err := s.RequestsOf(ctx, "p-1", 10); err != nil || len(got) > 0 {
		t.Fatalf("before: %v, %v", got, err)
	}
	background := &access.Background{Grants: 1}
	r, err := s.Evaluate(ctx, "r", table.Evaluation{Requester: r.Requester, Background: background})
	if err != nil {
		t.Fatal(err)
	}
	equal(t, "background", r.Background, background)
	if got, _, err := s.RequestsOf(ctx, "p-1", 10); err != nil || len(got) != 1 {
		t.Errorf("after: %v, %v", got, err)
	}
	// Without a background, an earlier evaluation's is removed.
	if r, err = s.Evaluate(ctx, "r", table.Evaluation{Requester: r.Requester}); err != nil || r.Background != nil {
		t.Errorf("the background is %+v, %v", r.Background, err)
	}
}

// A deployment adds the index to the first release's table. Its rows that have a requester
// are in it then.
func TestIndexIsAddedToATable(t *testing.T) {
	s, client, tableName := newStoreWith(t, openIndex)
	asked(t, s, "r", "p-1", 0)
	index := requesterIndex
	_, err := client.UpdateTable(ctx, &dynamodb.UpdateTableInput{
		TableName: &tableName,
		AttributeDefinitions: []types.AttributeDefinition{
			{AttributeName: index.KeySchema[0].AttributeName, AttributeType: types.ScalarAttributeTypeS},
			{AttributeName: index.KeySchema[1].AttributeName, AttributeType: types.ScalarAttributeTypeS},
		},
		GlobalSecondaryIndexUpdates: []types.GlobalSecondaryIndexUpdate{{Create: &types.CreateGlobalSecondaryIndexAction{
			IndexName: index.IndexName, KeySchema: index.KeySchema, Projection: index.Projection,
		}}},
	})
	if err != nil {
		t.Fatal(err)
	}
	asked(t, s, "later", "p-1", time.Hour)
	if got, _, err := s.RequestsOf(ctx, "p-1", 10); err != nil || len(got) != 2 {
		t.Errorf("got %v, %v", got, err)
	}
	if open, err := s.OpenRequests(ctx); err != nil || len(open) != 2 {
		t.Errorf("open requests: %v, %v", open, err)
	}
}

// While a deployment creates the index, and if DynamoDB is busy, there is an error.
// Everything else works.
func TestRequestsOfWithoutIndex(t *testing.T) {
	s, _, _ := newStoreWith(t, openIndex)
	asked(t, s, "r", "p-1", 0)
	_, _, err := s.RequestsOf(ctx, "p-1", 10)
	wantCode(t, err, access.CodeMisconfigure) // moto's answer
	if open, err := s.OpenRequests(ctx); err != nil || len(open) != 1 {
		t.Errorf("open requests: %v, %v", open, err)
	}
	for want, answer := range map[access.Code]error{
		access.CodeInternal:  &smithy.GenericAPIError{Code: "ValidationException", Message: "The table does not have the specified index: requester"}, // DynamoDB's answer
		access.CodeThrottled: &types.ProvisionedThroughputExceededException{},
	} {
		_, _, err = table.New(answers{err: answer}, "t").RequestsOf(ctx, "p-1", 10)
		wantCode(t, err, want)
	}
}

// answers is a table that answers every query with this error.
type answers struct {
	table.API
	err error
}

func (a answers) Query(context.Context, *dynamodb.QueryInput, ...func(*dynamodb.Options)) (*dynamodb.QueryOutput, error) {
	return nil, a.err
}
