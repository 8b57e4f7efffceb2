package requests

import (
	"context"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"sso-elevator/functions/access"
)

// beatKey is the row that runs of the reconciliation leave in the table, to see
// later whether the table still remembers them.
const beatKey = "reconcile#heartbeat"

// Beat says that a run was there.
type Beat struct {
	Run string    `json:"run"`
	At  time.Time `json:"at"`
}

// Beat reads the last beat with strong consistency; found is false in a table
// that remembers none.
func (s *Store) Beat(ctx context.Context) (b Beat, found bool, err error) {
	const doing = "read the heartbeat"
	out, err := s.client.GetItem(ctx, &dynamodb.GetItemInput{
		TableName:      aws.String(s.table),
		Key:            item{attrKey: &types.AttributeValueMemberS{Value: beatKey}},
		ConsistentRead: aws.Bool(true),
	})
	if err != nil {
		return Beat{}, false, tableError(err, doing)
	}
	if len(out.Item) == 0 {
		return Beat{}, false, nil
	}
	if err := unmarshal(out.Item, &b); err != nil {
		return Beat{}, false, access.Wrap(access.CodeInternal, err, doing)
	}
	return b, true, nil
}

// PutBeat writes the beat. It goes forward only: where a later one stands there
// already, that stays, which is no error.
func (s *Store) PutBeat(ctx context.Context, b Beat) error {
	const doing = "write the heartbeat"
	row, err := marshal(b)
	if err != nil {
		return access.Wrap(access.CodeInternal, err, doing)
	}
	row[attrKey] = &types.AttributeValueMemberS{Value: beatKey}
	row["order"] = &types.AttributeValueMemberS{Value: beatOrder(b.At)}
	_, err = s.client.PutItem(ctx, &dynamodb.PutItemInput{
		TableName: aws.String(s.table), Item: row,
		ConditionExpression:       aws.String("attribute_not_exists(#pk) OR #order <= :order"),
		ExpressionAttributeNames:  map[string]string{"#pk": attrKey, "#order": "order"},
		ExpressionAttributeValues: item{":order": row["order"]},
	})
	if err = tableError(err, doing); access.CodeOf(err) == access.CodeLost {
		return nil
	}
	return err
}

// beatOrder is a time as text that sorts like it: RFC 3339 leaves zeros of the
// fraction out.
func beatOrder(t time.Time) string { return t.UTC().Format("2006-01-02T15:04:05.000000000Z") }
