package simulation

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"sort"
	"strconv"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"sso-elevator/functions/access"
	rows "sso-elevator/functions/adapters/table"
)

type row = map[string]types.AttributeValue

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
			return nil, err
		}
		t.write(key, in.Item)
		return &dynamodb.PutItemOutput{}, nil
	})
}

func (t *table) DeleteItem(ctx context.Context, in *dynamodb.DeleteItemInput, _ ...func(*dynamodb.Options)) (*dynamodb.DeleteItemOutput, error) {
	key := keyOf(in.Key)
	return call(ctx, t.world, "dynamodb", "DeleteItem", key, func() (*dynamodb.DeleteItemOutput, error) {
		if err := t.check(key, in.ConditionExpression, in.ExpressionAttributeNames, in.ExpressionAttributeValues); err != nil {
			return nil, err
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
		x := &expression{text: *in.UpdateExpression, row: t.rows[key], names: in.ExpressionAttributeNames, values: in.ExpressionAttributeValues}
		after := x.update()
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
	x := &expression{text: *condition, row: t.rows[key], names: names, values: values}
	if !x.condition() {
		return &types.ConditionalCheckFailedException{}
	}
	return nil
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

// plain returns an attribute value as JSON would have it.
func plain(v types.AttributeValue) any {
	switch v := v.(type) {
	case *types.AttributeValueMemberS:
		return v.Value
	case *types.AttributeValueMemberN:
		return json.Number(v.Value)
	case *types.AttributeValueMemberBOOL:
		return v.Value
	case *types.AttributeValueMemberL:
		list := make([]any, len(v.Value))
		for i := range v.Value {
			list[i] = plain(v.Value[i])
		}
		return list
	case *types.AttributeValueMemberM:
		return plainRow(v.Value)
	}
	return nil
}

func plainRow(r row) map[string]any {
	m := make(map[string]any, len(r))
	for k, v := range r {
		m[k] = plain(v)
	}
	return m
}

// as reads a row into v.
func as[T any](r row) T {
	var v T
	text, err := json.Marshal(plainRow(r))
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

// expression evaluates DynamoDB's expressions, in the subset that the store uses.
type expression struct {
	text   string
	row    row
	names  map[string]string
	values row

	rest []string
}

// tokens splits an expression. Every sign is a separate token.
func (x *expression) tokens() []string {
	var parts []string
	from := -1
	for i := 0; i <= len(x.text); i++ {
		word := i < len(x.text) && strings.IndexByte(" ,()=<>", x.text[i]) < 0
		if word && from < 0 {
			from = i
		}
		if !word && from >= 0 {
			parts = append(parts, x.text[from:i])
			from = -1
		}
		switch {
		case i == len(x.text) || word || x.text[i] == ' ':
		case x.text[i] == '=' && i > 0 && x.text[i-1] == '<':
			parts[len(parts)-1] = "<="
		default:
			parts = append(parts, x.text[i:i+1])
		}
	}
	return parts
}

func (x *expression) next() string {
	if len(x.rest) == 0 {
		return ""
	}
	first := x.rest[0]
	x.rest = x.rest[1:]
	return first
}

func (x *expression) peek() string {
	if len(x.rest) == 0 {
		return ""
	}
	return x.rest[0]
}

func (x *expression) expect(want string) {
	if got := x.next(); got != want {
		panic(fmt.Sprintf("the expression %q is not known here: %q where %q should be", x.text, got, want))
	}
}

func (x *expression) condition() bool {
	x.rest = x.tokens()
	holds := x.or()
	if len(x.rest) > 0 {
		panic(fmt.Sprintf("the expression %q is not known here, from %q", x.text, x.rest))
	}
	return holds
}

func (x *expression) or() bool {
	holds := x.and()
	for x.peek() == "OR" {
		x.next()
		right := x.and()
		holds = holds || right
	}
	return holds
}

func (x *expression) and() bool {
	holds := x.term()
	for x.peek() == "AND" {
		x.next()
		right := x.term()
		holds = holds && right
	}
	return holds
}

func (x *expression) term() bool {
	switch x.peek() {
	case "(":
		x.next()
		holds := x.or()
		x.expect(")")
		return holds
	case "attribute_exists", "attribute_not_exists":
		want := x.next() == "attribute_exists"
		x.expect("(")
		_, there := x.path(x.next())
		x.expect(")")
		return there == want
	}
	left, comparison := x.operand(), x.next()
	right := x.operand()
	if left == nil || right == nil {
		return false
	}
	switch comparison {
	case "=":
		return fmt.Sprint(plain(left)) == fmt.Sprint(plain(right))
	case "<":
		return number(left) < number(right)
	case "<=":
		return left.(*types.AttributeValueMemberS).Value <= right.(*types.AttributeValueMemberS).Value
	}
	panic(fmt.Sprintf("the comparison %q of %q is not known here", comparison, x.text))
}

func number(v types.AttributeValue) int64 {
	n, err := strconv.ParseInt(v.(*types.AttributeValueMemberN).Value, 10, 64)
	if err != nil {
		panic(err)
	}
	return n
}

// path returns the value at a path of names.
func (x *expression) path(text string) (types.AttributeValue, bool) {
	from := x.row
	fields := strings.Split(text, ".")
	for i, field := range fields {
		v, there := from[x.name(field)]
		if !there || i == len(fields)-1 {
			return v, there
		}
		m, ok := v.(*types.AttributeValueMemberM)
		if !ok {
			return nil, false
		}
		from = m.Value
	}
	return nil, false
}

func (x *expression) name(placeholder string) string {
	name, ok := x.names[placeholder]
	if !ok {
		panic(fmt.Sprintf("the expression %q names %q, which stands for nothing", x.text, placeholder))
	}
	return name
}

func (x *expression) operand() types.AttributeValue {
	switch first := x.next(); {
	case strings.HasPrefix(first, ":"):
		v, ok := x.values[first]
		if !ok {
			panic(fmt.Sprintf("the expression %q has no value %q", x.text, first))
		}
		return v
	case strings.HasPrefix(first, "#"):
		v, _ := x.path(first)
		return v
	case first == "size":
		x.expect("(")
		v, there := x.path(x.next())
		x.expect(")")
		if !there {
			return nil
		}
		return &types.AttributeValueMemberN{Value: strconv.Itoa(len(v.(*types.AttributeValueMemberL).Value))}
	case first == "if_not_exists":
		x.expect("(")
		v, there := x.path(x.next())
		x.expect(",")
		otherwise := x.operand()
		x.expect(")")
		if there {
			return v
		}
		return otherwise
	case first == "list_append":
		x.expect("(")
		a := x.operand().(*types.AttributeValueMemberL)
		x.expect(",")
		b := x.operand().(*types.AttributeValueMemberL)
		x.expect(")")
		return &types.AttributeValueMemberL{Value: append(append([]types.AttributeValue{}, a.Value...), b.Value...)}
	default:
		panic(fmt.Sprintf("the operand %q of %q is not known here", first, x.text))
	}
}

// update returns the row after an update expression. Its operands see the earlier row.
func (x *expression) update() row {
	x.rest = x.tokens()
	after := make(row, len(x.row)+4)
	for k, v := range x.row {
		after[k] = v
	}
	for len(x.rest) > 0 {
		switch clause := x.next(); clause {
		case "SET":
			for {
				path := strings.Split(x.next(), ".")
				x.expect("=")
				v := x.operand()
				switch len(path) {
				case 1:
					after[x.name(path[0])] = v
				case 2:
					above, ok := after[x.name(path[0])].(*types.AttributeValueMemberM)
					if !ok {
						panic("ValidationException: the document path " + x.text + " is invalid for update")
					}
					inner := make(row, len(above.Value)+1)
					for k, v := range above.Value {
						inner[k] = v
					}
					inner[x.name(path[1])] = v
					after[x.name(path[0])] = &types.AttributeValueMemberM{Value: inner}
				}
				if x.peek() != "," {
					break
				}
				x.next()
			}
		case "REMOVE":
			for {
				delete(after, x.name(x.next()))
				if x.peek() != "," {
					break
				}
				x.next()
			}
		default:
			panic(fmt.Sprintf("the clause %q of %q is not known here", clause, x.text))
		}
	}
	return after
}
