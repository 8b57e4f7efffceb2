package table

import (
	"context"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"sso-elevator/functions/access"
)

// RequestsOf returns requests of a user in Identity Center, the latest first, at most
// limit. more reports whether there may be earlier ones. The requests have their id, the
// time of their creation, and RequesterIndexAttributes, and nothing else. The index may
// be some moments behind the table, so nothing may depend on it that must be right.
//
// While a deployment creates the index, DynamoDB rejects the call.
func (t *Table) RequestsOf(ctx context.Context, principalID string, limit int) (found []access.Request, more bool, err error) {
	const doing = "list a person's requests"
	out, err := t.client.Query(ctx, &dynamodb.QueryInput{
		TableName:                 aws.String(t.name),
		IndexName:                 aws.String(RequesterIndex),
		KeyConditionExpression:    aws.String("#requester_id = :requester_id"),
		ExpressionAttributeNames:  map[string]string{"#requester_id": AttributeRequesterID},
		ExpressionAttributeValues: item{":requester_id": &types.AttributeValueMemberS{Value: principalID}},
		ScanIndexForward:          aws.Bool(false),
		Limit:                     aws.Int32(int32(limit)),
	})
	if err != nil {
		return nil, false, tableError(err, doing)
	}
	for _, row := range out.Items {
		key, _ := row[AttributeKey].(*types.AttributeValueMemberS)
		if key == nil {
			return nil, false, access.Errorf(access.CodeInternal, "%s: an entry of the index has no key", doing)
		}
		var r access.Request
		if err := unmarshal(row, &r); err != nil {
			return nil, false, access.Wrap(access.CodeInternal, err, doing)
		}
		r.ID = strings.TrimPrefix(key.Value, RequestPrefix)
		found = append(found, r)
	}
	return found, len(out.LastEvaluatedKey) > 0, nil
}
