package table

import (
	"context"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"sso-elevator/functions/access"
)

// Blocks reads the blocks, with strong consistency. Without a row, nobody is blocked, and
// the version is 0. Any error means that nothing is known.
func (t *Table) Blocks(ctx context.Context) (b access.Blocks, err error) {
	_, err = t.read(ctx, blocksKey(), "read who is blocked", &b)
	return b, err
}

// PutBlocks writes the blocks if their version in the table is still expect; 0 means that
// there must be no row. b has the new version. The row never expires. Lost: someone else
// wrote it.
func (t *Table) PutBlocks(ctx context.Context, b access.Blocks, expect int64) error {
	const doing = "write who is blocked"
	if b.Version <= expect {
		return access.Errorf(access.CodeInternal, "%s: the version is not new", doing)
	}
	row, err := marshal(b)
	if err != nil {
		return access.Wrap(access.CodeInternal, err, doing)
	}
	row[AttributeKey] = blocksKey()[AttributeKey]
	in := &dynamodb.PutItemInput{TableName: aws.String(t.name), Item: row}
	in.ConditionExpression, in.ExpressionAttributeNames, in.ExpressionAttributeValues = expectVersion(expect)
	_, err = t.client.PutItem(ctx, in)
	return tableError(err, doing)
}

// MarkBlocksRecorded records that the audit bucket has all events about blocks up to that
// sequence number. It never lowers the number. It doesn't change the version, because
// nothing about the blocks depends on it.
func (t *Table) MarkBlocksRecorded(ctx context.Context, sequence int64) error {
	_, err := t.write(ctx, blocksKey(), change{
		doing: "count recorded events about blocks",
		set:   map[string]any{"recorded": sequence},
		where: "attribute_not_exists(#recorded) OR #recorded < :recorded",
	}, &access.Blocks{})
	return err
}

func blocksKey() item {
	return item{AttributeKey: &types.AttributeValueMemberS{Value: BlocksKey}}
}
