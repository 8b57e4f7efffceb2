package table

import (
	"context"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"sso-elevator/functions/access"
)

// Lease reads the lease under a subject's key with strong consistency. found is
// false if there is none.
func (t *Table) Lease(ctx context.Context, key string) (l access.Lease, found bool, err error) {
	found, err = t.read(ctx, leaseKey(key), "read lease", &l)
	if found {
		l.Key = key
	}
	return l, found, err
}

// PutLease writes the lease if its version in the table is still expect. If expect is
// 0, the table must have no such lease. The new version is expect+1. A new lease gets
// l's version, or 1 if l has none. Lost: someone else wrote the lease.
func (t *Table) PutLease(ctx context.Context, l access.Lease, expect int64) error {
	const doing = "write lease"
	if expect > 0 || l.Version <= 0 {
		l.Version = expect + 1
	}
	row, err := marshal(l)
	if err != nil {
		return access.Wrap(access.CodeInternal, err, doing)
	}
	row[AttributeKey] = leaseKey(l.Key)[AttributeKey]
	row[AttributeOpen] = &types.AttributeValueMemberS{Value: openLease}
	row[AttributeDue] = &types.AttributeValueMemberS{Value: formatDue(l.EndsAt())}
	in := &dynamodb.PutItemInput{TableName: aws.String(t.name), Item: row}
	in.ConditionExpression, in.ExpressionAttributeNames, in.ExpressionAttributeValues = expectVersion(expect)
	if _, err := t.client.PutItem(ctx, in); err != nil {
		return tableError(err, doing)
	}
	return nil
}

// DeleteLease removes the lease if its version is still expect. Lost: someone
// else wrote or removed it.
func (t *Table) DeleteLease(ctx context.Context, key string, expect int64) error {
	in := &dynamodb.DeleteItemInput{TableName: aws.String(t.name), Key: leaseKey(key)}
	in.ConditionExpression, in.ExpressionAttributeNames, in.ExpressionAttributeValues = expectVersion(expect)
	if _, err := t.client.DeleteItem(ctx, in); err != nil {
		return tableError(err, "remove lease")
	}
	return nil
}

// expectVersion returns the condition that a row has the version; 0: that there
// is no row.
func expectVersion(version int64) (condition *string, names map[string]string, values item) {
	if version == 0 {
		return aws.String("attribute_not_exists(#pk)"), map[string]string{"#pk": AttributeKey}, nil
	}
	v, _ := marshalValue(version)
	return aws.String("#version = :expect"), map[string]string{"#version": "version"}, item{":expect": v}
}
