package table

import (
	"context"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"sso-elevator/functions/access"
)

// OpenRequests returns the requests that are not closed, sorted by the time when they
// are due. The index may be some moments behind the table.
func (t *Table) OpenRequests(ctx context.Context) ([]access.Due, error) {
	return t.listOpen(ctx, openRequest, RequestPrefix)
}

// OpenLeases returns all leases, sorted by the end of their last holder, or by the
// time when they settle. The index may be some moments behind the table.
func (t *Table) OpenLeases(ctx context.Context) ([]access.Due, error) {
	return t.listOpen(ctx, openLease, LeasePrefix)
}

// LatestOpenRequests returns the ids of requests that are not closed, those that are due
// last first, at most limit. more reports whether there may be others. The index may be
// some moments behind the table, so nothing may depend on it that must be right.
func (t *Table) LatestOpenRequests(ctx context.Context, limit int) (ids []string, more bool, err error) {
	const doing = "list the latest open requests"
	in := t.openItems(openRequest)
	in.ScanIndexForward, in.Limit = aws.Bool(false), aws.Int32(int32(limit))
	out, err := t.client.Query(ctx, in)
	if err != nil {
		return nil, false, tableError(err, doing)
	}
	for _, row := range out.Items {
		key, _ := row[AttributeKey].(*types.AttributeValueMemberS)
		if key == nil || !strings.HasPrefix(key.Value, RequestPrefix) {
			return nil, false, access.Errorf(access.CodeInternal, "%s: an entry of the index has no request's key", doing)
		}
		ids = append(ids, strings.TrimPrefix(key.Value, RequestPrefix))
	}
	return ids, len(out.LastEvaluatedKey) > 0, nil
}

// openItems returns the query for the open items of a kind.
func (t *Table) openItems(kind string) *dynamodb.QueryInput {
	return &dynamodb.QueryInput{
		TableName:                 aws.String(t.name),
		IndexName:                 aws.String(OpenIndex),
		KeyConditionExpression:    aws.String("#open = :kind"),
		ExpressionAttributeNames:  map[string]string{"#open": AttributeOpen},
		ExpressionAttributeValues: item{":kind": &types.AttributeValueMemberS{Value: kind}},
	}
}

func (t *Table) listOpen(ctx context.Context, kind, prefix string) ([]access.Due, error) {
	const doing = "list open items"
	var found []access.Due
	for pages := dynamodb.NewQueryPaginator(t.client, t.openItems(kind)); pages.HasMorePages(); {
		page, err := pages.NextPage(ctx)
		if err != nil {
			return nil, tableError(err, doing)
		}
		for _, row := range page.Items {
			key, _ := row[AttributeKey].(*types.AttributeValueMemberS)
			at, _ := row[AttributeDue].(*types.AttributeValueMemberS)
			if key == nil || at == nil {
				return nil, access.Errorf(access.CodeInternal, "%s: an entry of the index has no key", doing)
			}
			id, ok := strings.CutPrefix(key.Value, prefix)
			if !ok {
				return nil, access.Errorf(access.CodeInternal, "%s: the index lists %q as a %s", doing, key.Value, kind)
			}
			when, err := time.Parse(time.RFC3339, at.Value)
			if err != nil {
				// Someone wrote it by hand. The row counts as due, so it doesn't hide other rows.
				when = time.Time{}
			}
			found = append(found, access.Due{ID: id, At: when})
		}
	}
	return found, nil
}

// GiveUp records that the request will never be granted (access.Request's Tombstone),
// and the reason if it has not been granted yet. The first reason and tombstone stay,
// and a closed request does not change. GiveUp returns the updated row.
func (t *Table) GiveUp(ctx context.Context, id string, why access.Failure) (access.Request, error) {
	if err := t.Fail(ctx, id, why); err != nil {
		return access.Request{}, err
	}
	r, _, err := t.apply(ctx, id, change{
		doing:  "give up the request",
		set:    map[string]any{"tombstone": true},
		absent: []string{"closed_at"},
	})
	return r, err
}
