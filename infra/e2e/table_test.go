package e2e

import (
	"context"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
)

// row is an item of the system's table, nil where there is none.
func (s *stack) row(t *testing.T, key string) map[string]types.AttributeValue {
	t.Helper()
	name := s.ids.get("table", "", func() string {
		tables, err := s.table.ListTables(context.Background(), &dynamodb.ListTablesInput{})
		if err != nil {
			t.Fatal(err)
		}
		if len(tables.TableNames) != 1 {
			t.Fatalf("there are the tables %q, want one", tables.TableNames)
		}
		return tables.TableNames[0]
	})
	out, err := s.table.GetItem(context.Background(), &dynamodb.GetItemInput{
		TableName: &name, ConsistentRead: aws.Bool(true), Key: map[string]types.AttributeValue{"pk": &types.AttributeValueMemberS{Value: key}},
	})
	if err != nil {
		t.Fatal(err)
	}
	return out.Item
}

// leaseState is the state of the lease of the request's access, "" where there
// is no lease.
func (r *request) leaseState(t *testing.T) string {
	t.Helper()
	row := r.stack.row(t, r.stack.leaseKey(t, r.wish))
	if row == nil {
		return ""
	}
	return row["state"].(*types.AttributeValueMemberS).Value
}

// leaseKey is the key of the lease of access to an account.
func (s *stack) leaseKey(t *testing.T, w wish) string {
	t.Helper()
	return strings.Join([]string{"lease", "account", s.accountID(t, w.account), s.permissionSetARN(t, w.permissionSet), s.principalID(t, w.person)}, "#")
}

// made is when the request was made, as its row says. Its record is written with
// that of its outcome.
func (r *request) made(t *testing.T) time.Time {
	t.Helper()
	text, ok := r.stack.row(t, "request#"+r.id)["created_at"].(*types.AttributeValueMemberS)
	if !ok {
		t.Fatal("the request's row does not say when it was made")
	}
	at, err := time.Parse(time.RFC3339Nano, text.Value)
	if err != nil {
		t.Fatal(err)
	}
	return at
}
