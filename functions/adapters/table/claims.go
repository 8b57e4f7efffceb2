package table

import (
	"context"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"sso-elevator/functions/access"
)

// keepClaims is how long the table keeps a person's claims after their last
// write: longer than the longest request waits.
const keepClaims = NeverExpires + KeepClosed

// Claims reads a person's claims, with strong consistency. The version is 0 if
// there is no row.
func (t *Table) Claims(ctx context.Context, principalID string) (access.Claims, error) {
	c := access.Claims{PrincipalID: principalID}
	_, err := t.read(ctx, claimsKey(principalID), "read claims", &c)
	return c, err
}

// PutClaims writes a person's claims if their version in the table is still
// expect; 0 means that there must be no row. The new version is expect+1, or, for
// a new row, at in nanoseconds. If there are no claims and no denials, PutClaims removes
// the row. Without claims, the row is in no index, and expires with the last denial. Lost: someone else wrote it.
func (t *Table) PutClaims(ctx context.Context, c access.Claims, expect int64, at time.Time) error {
	condition, names, values := expectVersion(expect)
	if len(c.Claims)+len(c.Denials) == 0 {
		if expect == 0 {
			return nil
		}
		in := &dynamodb.DeleteItemInput{TableName: aws.String(t.name), Key: claimsKey(c.PrincipalID)}
		in.ConditionExpression, in.ExpressionAttributeNames, in.ExpressionAttributeValues = condition, names, values
		_, err := t.client.DeleteItem(ctx, in)
		return tableError(err, "remove claims")
	}
	const doing = "write claims"
	c.Version = expect + 1
	if expect == 0 {
		c.Version = at.UnixNano()
	}
	row, err := marshal(c)
	if err != nil {
		return access.Wrap(access.CodeInternal, err, doing)
	}
	row[AttributeKey] = claimsKey(c.PrincipalID)[AttributeKey]
	keep := keepClaims
	if len(c.Claims) == 0 {
		keep = access.MaxDenyCooldown
	}
	expires, _ := marshalValue(at.Add(keep).Unix())
	row[AttributeExpires] = expires
	if len(c.Claims) > 0 {
		row[AttributeOpen] = &types.AttributeValueMemberS{Value: openClaims}
		row[AttributeDue] = &types.AttributeValueMemberS{Value: formatDue(at.Add(access.ClaimWait))}
	}
	in := &dynamodb.PutItemInput{TableName: aws.String(t.name), Item: row}
	in.ConditionExpression, in.ExpressionAttributeNames, in.ExpressionAttributeValues = condition, names, values
	_, err = t.client.PutItem(ctx, in)
	return tableError(err, doing)
}

// OpenClaims returns the principal ids of people with claims. A person is due when it
// is certain which of their claims are stale. The index may lag behind the table.
func (t *Table) OpenClaims(ctx context.Context) ([]access.Due, error) {
	return t.listOpen(ctx, openClaims, ClaimsPrefix)
}

func claimsKey(principalID string) item {
	return item{AttributeKey: &types.AttributeValueMemberS{Value: ClaimsPrefix + principalID}}
}
