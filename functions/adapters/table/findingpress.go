package table

import (
	"context"
	"errors"
	"slices"
	"strconv"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"sso-elevator/functions/access"
)

// AddPress adds a person's press on a finding to a run's row. run is the row as the
// caller read it, with the earlier presses. won is false if more presses came
// meanwhile; the returned row has them.
func (t *Table) AddPress(ctx context.Context, run access.Run, p access.FindingPress) (r access.Run, won bool, err error) {
	c := change{doing: "record the press", set: map[string]any{"presses": append(slices.Clone(run.Presses), p)}}
	c.expectSize("presses", len(run.Presses))
	return t.applyRun(ctx, run.ID, c)
}

// AddRefusedPress adds a refused press to a run's row, unless the row has it already, or has
// no room for it (access.Run). run is the row as the caller read it. recorded is the press in
// the row, which may be an earlier one; nil if it has none. Unavailable: other presses kept
// coming first.
func (t *Table) AddRefusedPress(ctx context.Context, run access.Run, p access.RefusedPress) (recorded *access.RefusedPress, err error) {
	const doing = "record the refused press"
	for range appendTries {
		if has := run.Recorded(p); has != nil || !run.HasRoomFor(p) {
			return has, nil
		}
		c := change{doing: doing, set: map[string]any{"refused_presses": append(slices.Clone(run.RefusedPresses), p)}}
		c.expectSize("refused_presses", len(run.RefusedPresses))
		var won bool
		if run, won, err = t.applyRun(ctx, run.ID, c); err != nil {
			return nil, err
		}
		if won {
			return &p, nil
		}
	}
	return nil, access.Errorf(access.CodeUnavailable, "%s: gave up after %d conflicting writes", doing, appendTries)
}

// AddPressResult adds to a run's row how the removal of a finding ended that someone
// asked for. run is the row as the caller read it. Conflict: the row has more results by
// now.
func (t *Table) AddPressResult(ctx context.Context, run access.Run, p access.PressResult) error {
	const doing = "record the result of the removal"
	c := change{doing: doing, set: map[string]any{"press_results": append(slices.Clone(run.PressResults), p)}}
	c.expectSize("press_results", len(run.PressResults))
	_, won, err := t.applyRun(ctx, run.ID, c)
	if err == nil && !won {
		err = access.Errorf(access.CodeConflict, "%s: another result came first", doing)
	}
	return err
}

// expectSize adds the condition that a list has n entries.
func (c *change) expectSize(attribute string, n int) {
	if n == 0 {
		c.absent = append(c.absent, attribute)
		return
	}
	c.where, c.values = "size(#"+attribute+") = :before", map[string]any{"before": n}
}

func leaveKey(subject string) item {
	return item{AttributeKey: &types.AttributeValueMemberS{Value: LeavePrefix + subject}}
}

// Leave reads with strong consistency whether someone left the access of a subject
// alone, by Subject.Key. The leave may be over.
func (t *Table) Leave(ctx context.Context, subject string) (l access.Leave, found bool, err error) {
	found, err = t.read(ctx, leaveKey(subject), "read who left the access alone", &l)
	return l, found, err
}

// PutLeave writes a leave in place of an older one. It does nothing if the table has one
// that was made at the same time or later. The table may delete the row when the leave
// is over.
func (t *Table) PutLeave(ctx context.Context, l access.Leave) error {
	const doing = "write who left the access alone"
	row, err := marshal(l)
	if err != nil {
		return access.Wrap(access.CodeInternal, err, doing)
	}
	row[AttributeKey] = leaveKey(l.Subject)[AttributeKey]
	row[AttributeExpires] = &types.AttributeValueMemberN{Value: strconv.FormatInt(l.Until.Add(KeepRun).Unix(), 10)}
	// made orders leaves: times in JSON can't be compared as texts.
	made := &types.AttributeValueMemberN{Value: strconv.FormatInt(l.At.UnixMicro(), 10)}
	row["made"] = made
	_, err = t.client.PutItem(ctx, &dynamodb.PutItemInput{
		TableName:                 aws.String(t.name),
		Item:                      row,
		ConditionExpression:       aws.String("attribute_not_exists(#pk) OR #made < :made"),
		ExpressionAttributeNames:  map[string]string{"#pk": AttributeKey, "#made": "made"},
		ExpressionAttributeValues: item{":made": made},
	})
	var there *types.ConditionalCheckFailedException
	if errors.As(err, &there) {
		return nil
	}
	return tableError(err, doing)
}
