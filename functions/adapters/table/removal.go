package table

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"sso-elevator/functions/access"
)

func removalKey(ref access.FindingRef) item {
	return item{AttributeKey: &types.AttributeValueMemberS{Value: fmt.Sprintf("%srun#%s#%d", RemovalPrefix, ref.Run, ref.Index)}}
}

func latestRemovalKey(subject string) item {
	return item{AttributeKey: &types.AttributeValueMemberS{Value: RemovalPrefix + "lease#" + subject}}
}

// Removal reads how the removal of a finding ended. found is false if it has not
// ended.
func (t *Table) Removal(ctx context.Context, ref access.FindingRef) (r access.DriftRemoval, found bool, err error) {
	found, err = t.read(ctx, removalKey(ref), "read how the removal ended", &r)
	return r, found, err
}

// LatestRemoval reads how the latest removal of a subject's unknown access ended, by
// Subject.Key.
func (t *Table) LatestRemoval(ctx context.Context, subject string) (r access.DriftRemoval, found bool, err error) {
	found, err = t.read(ctx, latestRemovalKey(subject), "read how the latest removal ended", &r)
	return r, found, err
}

// PutRemoval writes how the removal of a finding ended, unless the table has an
// earlier result, and returns the stored result. The table may delete it after
// KeepRun.
func (t *Table) PutRemoval(ctx context.Context, r access.DriftRemoval) (access.DriftRemoval, error) {
	const doing = "write the result of the removal"
	err := t.putRemoval(ctx, removalKey(r.FindingRef), r, true)
	var there *types.ConditionalCheckFailedException
	if errors.As(err, &there) {
		stored, found, err := t.Removal(ctx, r.FindingRef)
		if err == nil && !found {
			err = access.Errorf(access.CodeUnavailable, "%s: the earlier result no longer exists", doing)
		}
		if err != nil {
			return r, err
		}
		r = stored
	} else if err != nil {
		return r, tableError(err, doing)
	}
	return r, tableError(t.putRemoval(ctx, latestRemovalKey(r.Subject), r, false), doing)
}

func (t *Table) putRemoval(ctx context.Context, key item, r access.DriftRemoval, first bool) error {
	row, err := marshal(r)
	if err != nil {
		return access.Wrap(access.CodeInternal, err, "encode a removal")
	}
	row[AttributeKey] = key[AttributeKey]
	row[AttributeExpires] = &types.AttributeValueMemberN{Value: strconv.FormatInt(r.At.Add(KeepRun).Unix(), 10)}
	in := &dynamodb.PutItemInput{TableName: aws.String(t.name), Item: row}
	if first {
		in.ConditionExpression, in.ExpressionAttributeNames, in.ExpressionAttributeValues = expectVersion(0)
	}
	_, err = t.client.PutItem(ctx, in)
	return err
}

const (
	// RemovalWindow is how long removals count against the limit.
	RemovalWindow = 24 * time.Hour
	// removalSlot is the precision of their times: a removal counts up to a slot longer,
	// never shorter. So the row stays small, even with a high limit.
	removalSlot = 10 * time.Minute
	// reserveTries is how often the row is read again because another function
	// wrote it meanwhile.
	reserveTries = 8
)

// removalCounts are the numbers of removals by the start of their slot, in epoch
// seconds.
type removalCounts struct {
	Counts  map[string]int `json:"counts"`
	Version int64          `json:"version"`
}

// countSince drops the slots that are too old to count at now, and returns how
// many removals count.
func (r *removalCounts) countSince(now time.Time) (n int) {
	oldest := now.Add(-RemovalWindow)
	for slot, count := range r.Counts {
		start, err := strconv.ParseInt(slot, 10, 64)
		if err == nil && !time.Unix(start, 0).Add(removalSlot).After(oldest) {
			delete(r.Counts, slot)
			continue
		}
		n += max(count, 0)
	}
	return n
}

func (t *Table) readRemovalCounts(ctx context.Context) (r removalCounts, err error) {
	_, err = t.read(ctx, item{AttributeKey: &types.AttributeValueMemberS{Value: RemovalsCountKey}}, "read the number of removals", &r)
	if r.Counts == nil {
		r.Counts = map[string]int{}
	}
	return r, err
}

// CountRemovals returns how many removals were reserved within RemovalWindow
// before now.
func (t *Table) CountRemovals(ctx context.Context, now time.Time) (int, error) {
	r, err := t.readRemovalCounts(ctx)
	return r.countSince(now), err
}

// ReserveRemoval counts one more removal at that time. OverLimit: limit removals
// were reserved within RemovalWindow. Conflict: other functions keep writing the
// count. A reservation counts even if it is not used.
func (t *Table) ReserveRemoval(ctx context.Context, at time.Time, limit int) error {
	const doing = "count the removal"
	for range reserveTries {
		r, err := t.readRemovalCounts(ctx)
		if err != nil {
			return err
		}
		if r.countSince(at) >= limit {
			return access.Errorf(access.CodeOverLimit, "the limit of %d removals within 24 hours without consent is reached", limit)
		}
		r.Counts[strconv.FormatInt(at.Truncate(removalSlot).Unix(), 10)]++
		expect := r.Version
		r.Version++
		row, err := marshal(r)
		if err != nil {
			return access.Wrap(access.CodeInternal, err, doing)
		}
		row[AttributeKey] = &types.AttributeValueMemberS{Value: RemovalsCountKey}
		in := &dynamodb.PutItemInput{TableName: aws.String(t.name), Item: row}
		in.ConditionExpression, in.ExpressionAttributeNames, in.ExpressionAttributeValues = expectVersion(expect)
		_, err = t.client.PutItem(ctx, in)
		if err = tableError(err, doing); access.CodeOf(err) != access.CodeLost {
			return err
		}
	}
	return access.Errorf(access.CodeConflict, "%s: other writes kept changing the number", doing)
}
