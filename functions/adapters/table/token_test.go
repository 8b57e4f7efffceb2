package table_test

import (
	"context"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"sso-elevator/functions/access"
	"sso-elevator/functions/adapters/table"
)

// callCounter is a table that counts its calls.
type callCounter struct {
	table.API
	calls int
}

func (c *callCounter) GetItem(ctx context.Context, in *dynamodb.GetItemInput, o ...func(*dynamodb.Options)) (*dynamodb.GetItemOutput, error) {
	c.calls++
	return c.API.GetItem(ctx, in, o...)
}

func (c *callCounter) UpdateItem(ctx context.Context, in *dynamodb.UpdateItemInput, o ...func(*dynamodb.Options)) (*dynamodb.UpdateItemOutput, error) {
	c.calls++
	return c.API.UpdateItem(ctx, in, o...)
}

// setAttribute changes a row by hand: it sets the attribute, or removes it if value is "".
func setAttribute(t *testing.T, client *dynamodb.Client, tableName, key, attribute, value string) {
	t.Helper()
	in := &dynamodb.UpdateItemInput{
		TableName: &tableName, Key: map[string]types.AttributeValue{"pk": &types.AttributeValueMemberS{Value: key}},
		ExpressionAttributeNames: map[string]string{"#a": attribute}, UpdateExpression: aws.String("REMOVE #a"),
	}
	if value != "" {
		in.UpdateExpression = aws.String("SET #a = :v")
		in.ExpressionAttributeValues = map[string]types.AttributeValue{":v": &types.AttributeValueMemberS{Value: value}}
	}
	if _, err := client.UpdateItem(ctx, in); err != nil {
		t.Fatal(err)
	}
}

func TestStoreToken(t *testing.T) {
	s, _, _ := newStore(t)
	create(t, s, "t")
	own := ownARN("t")
	_, err := s.StoreToken(ctx, "t", "lunch", own, "x")
	wantCode(t, err, access.CodeInvalid)
	_, err = s.StoreToken(ctx, "t", table.WaitEnd, own, "")
	wantCode(t, err, access.CodeInvalid)
	_, err = s.StoreToken(ctx, "nobody", table.WaitEnd, own, "x")
	wantCode(t, err, access.CodeNotFound)
	for _, token := range []string{"first", "second"} {
		r, err := s.StoreToken(ctx, "t", table.WaitApproval, own, token)
		if err != nil || r.ApprovalToken != token || r.EndToken != "" {
			t.Errorf("StoreToken = %q, %q, %v", r.ApprovalToken, r.EndToken, err)
		}
	}
	if err := s.Close(ctx, "t", 1, monday, time.Hour); err != nil {
		t.Fatal(err)
	}
	r, err := s.StoreToken(ctx, "t", table.WaitEnd, own, "third")
	if err != nil || r.ApprovalToken != "" || r.EndToken != "" || !r.ClosedAt.Equal(monday) {
		t.Errorf("StoreToken in a closed request = %q, %q, closed at %v, %v; want none", r.ApprovalToken, r.EndToken, r.ClosedAt, err)
	}
	_, err = s.StoreToken(ctx, "t", table.WaitEnd, ownARN("other"), "x")
	wantCode(t, err, access.CodeRefused)
}

// The second write returns both the token and the answer, whichever comes first.
func TestStoreRunToken(t *testing.T) {
	s, _, _ := newStore(t)
	createRun(t, s, "t")
	own := run("t").ExecutionARN
	_, err := s.StoreRunToken(ctx, "t", own, "")
	wantCode(t, err, access.CodeInvalid)
	for _, token := range []string{"first", "second"} {
		r, err := s.StoreRunToken(ctx, "t", own, token)
		if err != nil || r.Token != token || r.Answer != nil {
			t.Errorf("StoreRunToken = %q, answer %v, %v", r.Token, r.Answer, err)
		}
	}
	if r, won, err := s.AnswerRun(ctx, run("t"), access.RunAnswer{At: monday}, true); !won || err != nil || r.Token != "second" {
		t.Errorf("AnswerRun = %v, token %q, %v", won, r.Token, err)
	}
	if r, err := s.StoreRunToken(ctx, "t", own, "third"); err != nil || r.Token != "third" || r.Answer == nil {
		t.Errorf("after the answer: %q, answer %v, %v", r.Token, r.Answer, err)
	}
}

// Only the row's own execution stores a token, before another one tries and after that.
// A row of this release takes one call.
func TestTokenOfAnotherExecution(t *testing.T) {
	const stranger = "arn:aws:states:::execution:m:stranger"
	tests := []struct {
		name string
		copy string // token_execution_arn; "own" if it isn't touched
		// calls are those of the own execution: the first time, and later.
		calls [2]int
	}{
		{"row of this release", "own", [2]int{1, 1}},
		{"row of the previous release", "", [2]int{3, 1}},
		{"copy of someone else's ARN", "arn:aws:states:::execution:m:somebody", [2]int{3, 1}},
	}
	waits := []struct {
		name   string
		create func(t *testing.T, s *table.Table, id string) (key, own string)
		store  func(s *table.Table, id, execution, token string) error
		read   func(t *testing.T, s *table.Table, id string) string
	}{
		{"approval", createRequestRow, storeRequest(table.WaitApproval), func(t *testing.T, s *table.Table, id string) string { return readRequest(t, s, id).ApprovalToken }},
		{"end", createRequestRow, storeRequest(table.WaitEnd), func(t *testing.T, s *table.Table, id string) string { return readRequest(t, s, id).EndToken }},
		{"run", func(t *testing.T, s *table.Table, id string) (key, own string) {
			createRun(t, s, id)
			return "run#" + id, run(id).ExecutionARN
		}, func(s *table.Table, id, execution, token string) error {
			_, err := s.StoreRunToken(ctx, id, execution, token)
			return err
		}, func(t *testing.T, s *table.Table, id string) string {
			r, err := s.Run(ctx, id)
			if err != nil {
				t.Fatal(err)
			}
			return r.Token
		}},
	}
	s, client, tableName := newStore(t)
	counter := &callCounter{API: client}
	counted := table.New(counter, tableName)
	for i, test := range tests {
		for _, wait := range waits {
			t.Run(test.name+", "+wait.name, func(t *testing.T) {
				id := wait.name + string(rune('a'+i))
				key, own := wait.create(t, s, id)
				if got := text(rawRow(t, client, tableName, key)["token_execution_arn"]); got != own {
					t.Fatalf("the new row has the copy %q, want %q", got, own)
				}
				if test.copy != "own" {
					setAttribute(t, client, tableName, key, "token_execution_arn", test.copy)
				}
				steps := []struct {
					execution, token string
					want             access.Code
					calls            int
					stored           string
				}{
					{stranger, "stranger-1", access.CodeRefused, 2, ""},
					{"", "nobody", access.CodeRefused, 0, ""},
					{own, "own-1", "", test.calls[0], "own-1"},
					{stranger, "stranger-2", access.CodeRefused, 2, "own-1"},
					{own, "own-2", "", test.calls[1], "own-2"},
					{"", "nobody", access.CodeRefused, 0, "own-2"},
				}
				for _, step := range steps {
					counter.calls = 0
					err := wait.store(counted, id, step.execution, step.token)
					if access.CodeOf(err) != step.want || counter.calls != step.calls {
						t.Errorf("%s: %v with %d calls, want code %q with %d", step.token, err, counter.calls, step.want, step.calls)
					}
					if got := wait.read(t, s, id); got != step.stored {
						t.Errorf("after %s: token %q, want %q", step.token, got, step.stored)
					}
				}
			})
		}
	}
}

func createRequestRow(t *testing.T, s *table.Table, id string) (key, own string) {
	create(t, s, id)
	return "request#" + id, ownARN(id)
}

func storeRequest(wait string) func(s *table.Table, id, execution, token string) error {
	return func(s *table.Table, id, execution, token string) error {
		_, err := s.StoreToken(ctx, id, wait, execution, token)
		return err
	}
}

func readRequest(t *testing.T, s *table.Table, id string) access.Request {
	t.Helper()
	r, err := s.Get(ctx, id)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// The copy alone gives nobody a place: the row's execution_arn decides.
func TestTokenWithAForgedCopy(t *testing.T) {
	s, client, tableName := newStore(t)
	create(t, s, "f")
	setAttribute(t, client, tableName, "request#f", "token_execution_arn", "arn:forged")
	_, err := s.StoreToken(ctx, "f", table.WaitEnd, "arn:forged", "x")
	wantCode(t, err, access.CodeRefused)
	if r, err := s.StoreToken(ctx, "f", table.WaitEnd, ownARN("f"), "own"); err != nil || r.EndToken != "own" {
		t.Errorf("its own execution: %q, %v", r.EndToken, err)
	}
}

// A row that was made again has no execution, so nobody's token is stored in it.
func TestTokenInARebuiltRow(t *testing.T) {
	s, _, _ := newStore(t)
	if err := s.Rebuild(ctx, access.Rebuilt{ID: "b", At: monday}); err != nil {
		t.Fatal(err)
	}
	for _, execution := range []string{"", "arn:any"} {
		_, err := s.StoreToken(ctx, "b", table.WaitEnd, execution, "x")
		wantCode(t, err, access.CodeRefused)
	}
	if r := readRequest(t, s, "b"); r.EndToken != "" {
		t.Errorf("stored %q", r.EndToken)
	}
}
