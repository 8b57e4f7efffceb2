package table

import (
	"context"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"sso-elevator/functions/access"
)

// Beat says that a run was there.
type Beat struct {
	Run string    `json:"run"`
	At  time.Time `json:"at"`
}

// Beat reads the last beat with strong consistency; found is false in a table
// that remembers none.
func (s *Table) Beat(ctx context.Context) (b Beat, found bool, err error) {
	found, err = s.read(ctx, item{AttributeKey: &types.AttributeValueMemberS{Value: HeartbeatKey}}, "read the heartbeat", &b)
	return b, found, err
}

// PutBeat writes the beat. It goes forward only: where a later one stands there
// already, that stays, which is no error.
func (s *Table) PutBeat(ctx context.Context, b Beat) error {
	const doing = "write the heartbeat"
	row, err := marshal(b)
	if err != nil {
		return access.Wrap(access.CodeInternal, err, doing)
	}
	row[AttributeKey] = &types.AttributeValueMemberS{Value: HeartbeatKey}
	row["order"] = &types.AttributeValueMemberS{Value: beatOrder(b.At)}
	_, err = s.client.PutItem(ctx, &dynamodb.PutItemInput{
		TableName: aws.String(s.table), Item: row,
		ConditionExpression:       aws.String("attribute_not_exists(#pk) OR #order <= :order"),
		ExpressionAttributeNames:  map[string]string{"#pk": AttributeKey, "#order": "order"},
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
