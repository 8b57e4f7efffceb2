package table

import (
	"context"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"sso-elevator/functions/access"
)

// Heartbeat reads the last heartbeat with strong consistency. found is false if
// the table has none.
func (t *Table) Heartbeat(ctx context.Context) (h access.Heartbeat, found bool, err error) {
	found, err = t.read(ctx, item{AttributeKey: &types.AttributeValueMemberS{Value: HeartbeatKey}}, "read the heartbeat", &h)
	return h, found, err
}

// PutHeartbeat writes the heartbeat, unless the table has a later one: then that
// stays, which is no error.
func (t *Table) PutHeartbeat(ctx context.Context, h access.Heartbeat) error {
	const doing = "write the heartbeat"
	row, err := marshal(h)
	if err != nil {
		return access.Wrap(access.CodeInternal, err, doing)
	}
	row[AttributeKey] = &types.AttributeValueMemberS{Value: HeartbeatKey}
	row["order"] = &types.AttributeValueMemberS{Value: heartbeatOrder(h.At)}
	_, err = t.client.PutItem(ctx, &dynamodb.PutItemInput{
		TableName: aws.String(t.name), Item: row,
		ConditionExpression:       aws.String("attribute_not_exists(#pk) OR #order <= :order"),
		ExpressionAttributeNames:  map[string]string{"#pk": AttributeKey, "#order": "order"},
		ExpressionAttributeValues: item{":order": row["order"]},
	})
	if err = tableError(err, doing); access.CodeOf(err) == access.CodeLost {
		return nil
	}
	return err
}

// heartbeatOrder returns a time as text that sorts like the time. RFC 3339 would
// omit trailing zeros of the fraction.
func heartbeatOrder(t time.Time) string { return t.UTC().Format("2006-01-02T15:04:05.000000000Z") }
