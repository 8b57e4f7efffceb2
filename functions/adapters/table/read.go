package table

import (
	"context"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"

	"sso-elevator/functions/access"
)

// read reads the row with that key into v, with strong consistency. found is
// false if there is none.
func (t *Table) read(ctx context.Context, key item, doing string, v any) (found bool, err error) {
	out, err := t.client.GetItem(ctx, &dynamodb.GetItemInput{TableName: aws.String(t.name), Key: key, ConsistentRead: aws.Bool(true)})
	if err != nil {
		return false, tableError(err, doing)
	}
	if len(out.Item) == 0 {
		return false, nil
	}
	if err := unmarshal(out.Item, v); err != nil {
		return false, access.Wrap(access.CodeInternal, err, doing)
	}
	return true, nil
}
