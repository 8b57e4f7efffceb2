package simulation

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"sort"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"sso-elevator/functions/access"
	rows "sso-elevator/functions/adapters/table"
	"sso-elevator/functions/adapters/table/tabletest"
)

type row = tabletest.Row

// table is DynamoDB with one table, whose key is pk, and two indexes: over open and due,
// and over requester_id and created_at. Reads are strongly consistent; the indexes lag by
// up to indexLag.
type table struct {
	world   *world
	rows    map[string]row
	indexed map[string]row // what the indexes show
	pending []indexed      // what they will show
	source  *source
}

type indexed struct {
	at  time.Time
	key string
	row row // nil if deleted
}

// indexLag is how far the indexes may lag behind.
const indexLag = 3 * time.Second

func keyOf(r row) string { return r["pk"].(*types.AttributeValueMemberS).Value }

func (t *table) GetItem(ctx context.Context, in *dynamodb.GetItemInput, _ ...func(*dynamodb.Options)) (*dynamodb.GetItemOutput, error) {
	key := keyOf(in.Key)
	return call(ctx, t.world, "dynamodb", "GetItem", key, func() (*dynamodb.GetItemOutput, error) {
		if in.ConsistentRead == nil || !*in.ConsistentRead {
			panic("a read that is not strongly consistent is not known here")
		}
		if key == rows.BlocksKey {
			t.world.ledger.noteBlocksRead()
		}
		return &dynamodb.GetItemOutput{Item: t.rows[key]}, nil
	})
}

func (t *table) PutItem(ctx context.Context, in *dynamodb.PutItemInput, _ ...func(*dynamodb.Options)) (*dynamodb.PutItemOutput, error) {
	key := keyOf(in.Item)
	return call(ctx, t.world, "dynamodb", "PutItem", key, func() (*dynamodb.PutItemOutput, error) {
		if err := t.check(key, in.ConditionExpression, in.ExpressionAttributeNames, in.ExpressionAttributeValues); err != nil {
			return nil, t.withRow(err, key, in.ReturnValuesOnConditionCheckFailure)
		}
		t.write(key, in.Item)
		return &dynamodb.PutItemOutput{}, nil
	})
}

func (t *table) DeleteItem(ctx context.Context, in *dynamodb.DeleteItemInput, _ ...func(*dynamodb.Options)) (*dynamodb.DeleteItemOutput, error) {
	key := keyOf(in.Key)
	return call(ctx, t.world, "dynamodb", "DeleteItem", key, func() (*dynamodb.DeleteItemOutput, error) {
		if err := t.check(key, in.ConditionExpression, in.ExpressionAttributeNames, in.ExpressionAttributeValues); err != nil {
			return nil, t.withRow(err, key, in.ReturnValuesOnConditionCheckFailure)
		}
		t.write(key, nil)
		return &dynamodb.DeleteItemOutput{}, nil
	})
}

func (t *table) UpdateItem(ctx context.Context, in *dynamodb.UpdateItemInput, _ ...func(*dynamodb.Options)) (*dynamodb.UpdateItemOutput, error) {
	key := keyOf(in.Key)
	return call(ctx, t.world, "dynamodb", "UpdateItem", key, func() (*dynamodb.UpdateItemOutput, error) {
		if err := t.check(key, in.ConditionExpression, in.ExpressionAttributeNames, in.ExpressionAttributeValues); err != nil {
			return nil, err
		}
		after := tabletest.Update(*in.UpdateExpression, t.rows[key], in.ExpressionAttributeNames, in.ExpressionAttributeValues)
		for k, v := range in.Key {
			after[k] = v
		}
		t.write(key, after)
		if in.ReturnValues != types.ReturnValueAllNew {
			panic("ReturnValues: only ALL_NEW is known here")
		}
		return &dynamodb.UpdateItemOutput{Attributes: after}, nil
	})
}

// queries are the key conditions that are known here, with the index's keys.
var queries = map[string]struct {
	index, partition, sort string
	attributes             []string // besides the keys
}{
	"#open = :kind":                 {index: rows.OpenIndex, partition: "open", sort: "due"},
	"#requester_id = :requester_id": {rows.RequesterIndex, "requester_id", "created_at", rows.RequesterIndexAttributes},
}

func (t *table) Query(ctx context.Context, in *dynamodb.QueryInput, _ ...func(*dynamodb.Options)) (*dynamodb.QueryOutput, error) {
	q, known := queries[*in.KeyConditionExpression]
	name, value, _ := strings.Cut(*in.KeyConditionExpression, " = ")
	wanted := s(in.ExpressionAttributeValues[value])
	return call(ctx, t.world, "dynamodb", "Query", wanted, func() (*dynamodb.QueryOutput, error) {
		if !known || *in.IndexName != q.index || in.ExpressionAttributeNames[name] != q.partition {
			panic("a query that is not known here: " + *in.KeyConditionExpression)
		}
		t.catchUp()
		out := &dynamodb.QueryOutput{}
		for _, r := range t.indexed {
			if s(r[q.partition]) != wanted || s(r[q.sort]) == "" {
				continue
			}
			shown := row{}
			for _, name := range append([]string{"pk", q.partition, q.sort}, q.attributes...) {
				if r[name] != nil {
					shown[name] = r[name]
				}
			}
			out.Items = append(out.Items, shown)
		}
		sort.Slice(out.Items, func(i, j int) bool {
			a, b := out.Items[i], out.Items[j]
			return s(a[q.sort])+keyOf(a) < s(b[q.sort])+keyOf(b)
		})
		if in.ScanIndexForward != nil && !*in.ScanIndexForward {
			slices.Reverse(out.Items)
		}
		if in.Limit != nil && int(*in.Limit) < len(out.Items) {
			out.Items = out.Items[:*in.Limit]
			out.LastEvaluatedKey = out.Items[len(out.Items)-1]
		}
		return out, nil
	})
}

func (t *table) check(key string, condition *string, names map[string]string, values row) error {
	if condition == nil {
		return nil
	}
	if !tabletest.Holds(*condition, t.rows[key], names, values) {
		return &types.ConditionalCheckFailedException{}
	}
	return nil
}

// withRow returns the error of a condition with the row as it is, if the caller wants that.
func (t *table) withRow(err error, key string, wanted types.ReturnValuesOnConditionCheckFailure) error {
	if wanted == types.ReturnValuesOnConditionCheckFailureAllOld {
		err.(*types.ConditionalCheckFailedException).Item = t.rows[key]
	}
	return err
}

func (t *table) write(key string, r row) {
	before := t.rows[key]
	if r == nil {
		delete(t.rows, key)
	} else {
		t.rows[key] = r
	}
	at := t.world.clock.now().Add(t.world.trouble.lag(t.source.dice("index"), indexLag))
	if n := len(t.pending); n > 0 && t.pending[n-1].at.After(at) {
		at = t.pending[n-1].at // in order
	}
	t.pending = append(t.pending, indexed{at, key, r})
	t.catchUp()
	t.world.ledger.checkWrite(key, before, r)
}

func (t *table) catchUp() {
	now := t.world.clock.now()
	for len(t.pending) > 0 && !t.pending[0].at.After(now) {
		next := t.pending[0]
		t.pending = t.pending[1:]
		if next.row == nil {
			delete(t.indexed, next.key)
		} else {
			t.indexed[next.key] = next.row
		}
	}
}

func s(v types.AttributeValue) string {
	if v, ok := v.(*types.AttributeValueMemberS); ok {
		return v.Value
	}
	return ""
}

// as reads a row into v.
func as[T any](r row) T {
	var v T
	text, err := json.Marshal(tabletest.PlainRow(r))
	if err == nil {
		err = json.Unmarshal(text, &v)
	}
	if err != nil {
		panic(fmt.Sprintf("a row that can't be read: %v: %s", err, text))
	}
	return v
}

// request returns the request's current row.
func (t *table) request(id string) (access.Request, bool) {
	r, ok := t.rows["request#"+id]
	if !ok {
		return access.Request{}, false
	}
	return as[access.Request](r), true
}

// lease returns the lease with the subject's key.
func (t *table) lease(key string) (access.Lease, bool) {
	r, ok := t.rows["lease#"+key]
	if !ok {
		return access.Lease{}, false
	}
	return as[access.Lease](r), true
}

// leave returns the row that says that someone left a subject's access alone.
func (t *table) leave(key string) (access.Leave, bool) {
	r, ok := t.rows["left#"+key]
	if !ok {
		return access.Leave{}, false
	}
	return as[access.Leave](r), true
}

// run returns the row of a run.
func (t *table) run(id string) (access.Run, bool) {
	r, ok := t.rows["run#"+id]
	if !ok {
		return access.Run{}, false
	}
	return as[access.Run](r), true
}
