package e2e

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"sso-elevator/functions/access"
	"sso-elevator/functions/adapters/table/tabletest"
)

// row returns an item of the system's table, nil if there is none.
func (s *stack) row(t *testing.T, key string) map[string]types.AttributeValue {
	t.Helper()
	return s.partOfRow(t, key)
}

// partOfRow returns some attributes of an item, or all. moto takes tens of
// milliseconds to answer with a whole row.
func (s *stack) partOfRow(t *testing.T, key string, attributes ...string) map[string]types.AttributeValue {
	t.Helper()
	var projection *string
	names := map[string]string{}
	for i, a := range attributes {
		attributes[i] = fmt.Sprintf("#%d", i)
		names[attributes[i]] = a
	}
	if len(attributes) > 0 {
		projection = aws.String(strings.Join(attributes, ","))
	} else {
		names = nil
	}
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
		TableName: &name, ProjectionExpression: projection, ExpressionAttributeNames: names, ConsistentRead: aws.Bool(true), Key: map[string]types.AttributeValue{"pk": &types.AttributeValueMemberS{Value: key}},
	})
	if err != nil {
		t.Fatal(err)
	}
	return out.Item
}

// requestRow returns the row of a request, or some attributes of it.
func (s *stack) requestRow(t *testing.T, id string, attributes ...string) (r access.Request) {
	t.Helper()
	if len(attributes) > 0 {
		attributes = append(attributes, "id") // every row has it; an item without any requested attribute counts as missing
	}
	row := s.partOfRow(t, "request#"+id, attributes...)
	if row == nil {
		t.Fatalf("there is no row of the request %s", id)
	}
	text, err := json.Marshal(tabletest.PlainRow(row))
	if err == nil {
		err = json.Unmarshal(text, &r)
	}
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// leaseState returns the state of the lease of the request's access, "" if there is
// no lease.
func (r *request) leaseState(t *testing.T) string {
	t.Helper()
	row := r.stack.row(t, r.stack.leaseKey(t, r.wish))
	if row == nil {
		return ""
	}
	return row["state"].(*types.AttributeValueMemberS).Value
}

// leaseKey returns the key of the lease of access to an account.
func (s *stack) leaseKey(t *testing.T, w wish) string {
	t.Helper()
	return strings.Join([]string{"lease", "account", s.accountID(t, w.account), s.permissionSetARN(t, w.permissionSet), s.principalID(t, w.person)}, "#")
}

// made returns when the request was created, from its row. Its record is written
// with that of its outcome.
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
