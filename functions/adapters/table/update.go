package table

import (
	"context"
	"errors"
	"fmt"
	"sort"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"sso-elevator/functions/access"
	"sso-elevator/functions/adapters/host"
)

// change is one conditional update of a request's row, or of a run's.
type change struct {
	doing string // "record the outcome", for errors

	set     map[string]any // attribute: its new value
	keep    map[string]any // attribute: its value if it has none
	events  []access.Event // appended
	remove  []string
	fresh   bool     // the row must not exist, and the change creates it
	present []string // attributes that must exist
	absent  []string // attributes that must not exist

	// where is one more condition, in the expression language. names and values
	// are the attributes and values that it uses, without their # and :.
	where  string
	names  []string
	values map[string]any

	// posts are entered in the map posts, by purpose. In where, #purpose0 is the first
	// purpose in alphabetical order. parts are the attributes of a post that where uses,
	// as #post_<attribute>.
	posts map[string]access.Post
	parts []string
}

// setOrRemove sets the attribute to v, or removes it.
func (c *change) setOrRemove(attribute string, set bool, v any) {
	if set {
		c.set[attribute] = v
	} else {
		c.remove = append(c.remove, attribute)
	}
}

// apply makes the change in a request's row and returns the updated row. If a
// condition was not met, won is false, and it returns the row as it is. NotFound:
// there is no row.
func (t *Table) apply(ctx context.Context, id string, c change) (r access.Request, won bool, err error) {
	won, err = t.write(ctx, requestKey(id), c, &r)
	if err == nil && !won {
		r, err = t.Get(ctx, id)
	}
	return r, won, err
}

// write makes the change in the row with that key and reads the updated row into row.
// won is false if a condition was not met; then row does not change.
func (t *Table) write(ctx context.Context, key item, c change, row any) (won bool, err error) {
	in, err := t.buildInput(key, c)
	if err != nil {
		return false, access.Wrap(access.CodeInternal, err, c.doing)
	}
	out, err := t.client.UpdateItem(ctx, in)
	var failed *types.ConditionalCheckFailedException
	if errors.As(err, &failed) {
		return false, nil
	}
	if err != nil {
		return false, tableError(err, c.doing)
	}
	return true, access.Wrap(access.CodeInternal, unmarshal(out.Attributes, row), c.doing)
}

// buildInput returns the change in DynamoDB's language. Every attribute has a
// placeholder, because many of their names (end, reason, ...) are reserved.
func (t *Table) buildInput(key item, c change) (*dynamodb.UpdateItemInput, error) {
	in := &dynamodb.UpdateItemInput{
		TableName:                 aws.String(t.name),
		Key:                       key,
		ReturnValues:              types.ReturnValueAllNew,
		ExpressionAttributeNames:  map[string]string{"#pk": AttributeKey},
		ExpressionAttributeValues: item{},
	}
	name := func(attribute string) string {
		in.ExpressionAttributeNames["#"+attribute] = attribute
		return "#" + attribute
	}
	value := func(placeholder string, v any) (string, error) {
		av, err := marshalValue(v)
		in.ExpressionAttributeValues[":"+placeholder] = av
		return ":" + placeholder, err
	}

	var sets, removes []string
	conditions := []string{"attribute_exists(#pk)"}
	if c.fresh {
		conditions = []string{"attribute_not_exists(#pk)"}
	}
	for _, attribute := range sortedNames(c.set) {
		v, err := value(attribute, c.set[attribute])
		if err != nil {
			return nil, err
		}
		sets = append(sets, name(attribute)+" = "+v)
	}
	for i, purpose := range sortedNames(c.posts) {
		v, err := value(fmt.Sprintf("post%d", i), c.posts[purpose])
		if err != nil {
			return nil, err
		}
		placeholder := fmt.Sprintf("#purpose%d", i)
		in.ExpressionAttributeNames[placeholder] = purpose
		sets = append(sets, name("posts")+"."+placeholder+" = "+v)
	}
	for _, attribute := range sortedNames(c.keep) {
		v, err := value(attribute, c.keep[attribute])
		if err != nil {
			return nil, err
		}
		n := name(attribute)
		sets = append(sets, n+" = if_not_exists("+n+", "+v+")")
	}
	if len(c.events) > 0 {
		v, err := value("new_events", c.events)
		if err != nil {
			return nil, err
		}
		in.ExpressionAttributeValues[":no_events"] = &types.AttributeValueMemberL{}
		sets = append(sets, name("events")+" = list_append(if_not_exists(#events, :no_events), "+v+")")
	}
	for _, attribute := range c.remove {
		removes = append(removes, name(attribute))
	}
	for _, attribute := range c.present {
		conditions = append(conditions, "attribute_exists("+name(attribute)+")")
	}
	for _, attribute := range c.absent {
		conditions = append(conditions, "attribute_not_exists("+name(attribute)+")")
	}
	if c.where != "" {
		conditions = append(conditions, "("+c.where+")")
	}
	for _, attribute := range c.names {
		name(attribute)
	}
	for _, attribute := range c.parts {
		in.ExpressionAttributeNames["#post_"+attribute] = attribute
	}
	for placeholder, v := range c.values {
		if _, err := value(placeholder, v); err != nil {
			return nil, err
		}
	}

	expression := ""
	if len(sets) > 0 {
		expression = "SET " + strings.Join(sets, ", ")
	}
	if len(removes) > 0 {
		expression += " REMOVE " + strings.Join(removes, ", ")
	}
	in.UpdateExpression = aws.String(strings.TrimSpace(expression))
	in.ConditionExpression = aws.String(strings.Join(conditions, " AND "))
	return in, nil
}

func requestKey(id string) item {
	return item{AttributeKey: &types.AttributeValueMemberS{Value: RequestPrefix + id}}
}

func runKey(id string) item {
	return item{AttributeKey: &types.AttributeValueMemberS{Value: RunPrefix + id}}
}

func leaseKey(key string) item {
	return item{AttributeKey: &types.AttributeValueMemberS{Value: LeasePrefix + key}}
}

// tableError gives an error of DynamoDB a code. If the table does not exist, the code is
// Misconfigured, because someone must fix that.
func tableError(err error, doing string) error {
	var none *types.ResourceNotFoundException
	if errors.As(err, &none) {
		return access.Wrap(access.CodeMisconfigure, err, doing)
	}
	return host.AWSError(err, doing)
}

func sortedNames[V any](m map[string]V) []string {
	names := make([]string, 0, len(m))
	for name := range m {
		names = append(names, name)
	}
	sort.Strings(names)
	return names
}
