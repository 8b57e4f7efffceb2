package table

import (
	"context"
	"errors"
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
	row, err := claimsItem(c, at)
	if err != nil {
		return access.Wrap(access.CodeInternal, err, doing)
	}
	in := &dynamodb.PutItemInput{TableName: aws.String(t.name), Item: row}
	in.ConditionExpression, in.ExpressionAttributeNames, in.ExpressionAttributeValues = condition, names, values
	_, err = t.client.PutItem(ctx, in)
	return tableError(err, doing)
}

// claimsItem returns the row of a person's claims, written at that time.
func claimsItem(c access.Claims, at time.Time) (item, error) {
	row, err := marshal(c)
	if err != nil {
		return nil, err
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
	return row, nil
}

// FreeOnlyClaim removes a person's row without reading it, if its only claim is that of the
// request to the target with that key, and if it has no denials. With a denial of the
// target, the row has that instead, and its version is at in nanoseconds. If the row is
// another one, FreeOnlyClaim changes nothing and returns the row as it is, with version 0 if
// there is none.
func (t *Table) FreeOnlyClaim(ctx context.Context, principalID, key, requestID string, denial *access.Denial, at time.Time) (row access.Claims, freed bool, err error) {
	const doing = "free the only claim"
	row = access.Claims{PrincipalID: principalID}
	condition := "#claims.#target.#request_id = :request_id AND size(#claims) = :one AND attribute_not_exists(#denials)"
	names := map[string]string{"#claims": "claims", "#target": key, "#request_id": "request_id", "#denials": "denials"}
	values := item{":request_id": &types.AttributeValueMemberS{Value: requestID}, ":one": &types.AttributeValueMemberN{Value: "1"}}
	if denial == nil {
		_, err = t.client.DeleteItem(ctx, &dynamodb.DeleteItemInput{
			TableName: aws.String(t.name), Key: claimsKey(principalID),
			ConditionExpression: &condition, ExpressionAttributeNames: names, ExpressionAttributeValues: values,
			ReturnValuesOnConditionCheckFailure: types.ReturnValuesOnConditionCheckFailureAllOld,
		})
	} else {
		after := access.Claims{PrincipalID: principalID, Claims: map[string]access.Claim{}, Denials: map[string]access.Denial{key: *denial}, Version: at.UnixNano()}
		var replacement item
		if replacement, err = claimsItem(after, at); err != nil {
			return row, false, access.Wrap(access.CodeInternal, err, doing)
		}
		// Versions grow, so that no writer takes this row for one that it read before.
		condition += " AND #version < :version"
		names["#version"], values[":version"] = "version", replacement["version"]
		_, err = t.client.PutItem(ctx, &dynamodb.PutItemInput{
			TableName: aws.String(t.name), Item: replacement,
			ConditionExpression: &condition, ExpressionAttributeNames: names, ExpressionAttributeValues: values,
			ReturnValuesOnConditionCheckFailure: types.ReturnValuesOnConditionCheckFailureAllOld,
		})
	}
	var other *types.ConditionalCheckFailedException
	if !errors.As(err, &other) {
		return row, err == nil, tableError(err, doing)
	}
	if len(other.Item) == 0 {
		return row, false, nil
	}
	return row, false, access.Wrap(access.CodeInternal, unmarshal(other.Item, &row), doing)
}

// OpenClaims returns the principal ids of people with claims. A person is due when it
// is certain which of their claims are stale. The index may lag behind the table.
func (t *Table) OpenClaims(ctx context.Context) ([]access.Due, error) {
	return t.listOpen(ctx, openClaims, ClaimsPrefix)
}

func claimsKey(principalID string) item {
	return item{AttributeKey: &types.AttributeValueMemberS{Value: ClaimsPrefix + principalID}}
}
