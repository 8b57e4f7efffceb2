package table

import (
	"context"
	"errors"
	"slices"
	"strconv"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"sso-elevator/functions/access"
)

// CreateRun creates the row of a run. If its id exists, the stored row does not
// change, so that a repeated step deletes no answer. The table may drop the row
// KeepRun after the run's start.
func (t *Table) CreateRun(ctx context.Context, r access.Run) error {
	const doing = "create run"
	row, err := marshal(r)
	if err != nil {
		return access.Wrap(access.CodeInternal, err, doing)
	}
	row[AttributeKey] = runKey(r.ID)[AttributeKey]
	row[AttributeExpires] = &types.AttributeValueMemberN{Value: strconv.FormatInt(r.StartedAt.Add(KeepRun).Unix(), 10)}
	setTokenExecution(row, r.ExecutionARN)
	if len(r.Posts) == 0 {
		// An update can add a post only if the map exists.
		row["posts"] = &types.AttributeValueMemberM{Value: item{}}
	}
	_, err = t.client.PutItem(ctx, &dynamodb.PutItemInput{
		TableName:                aws.String(t.name),
		Item:                     row,
		ConditionExpression:      aws.String("attribute_not_exists(#pk)"),
		ExpressionAttributeNames: map[string]string{"#pk": AttributeKey},
	})
	var there *types.ConditionalCheckFailedException
	if err == nil || errors.As(err, &there) {
		return nil
	}
	return tableError(err, doing)
}

// Run reads a run with strong consistency. NotFound: there is none.
func (t *Table) Run(ctx context.Context, id string) (r access.Run, err error) {
	found, err := t.read(ctx, runKey(id), "read run", &r)
	if err == nil && !found {
		err = access.Errorf(access.CodeNotFound, "there is no run %q", id)
	}
	return r, err
}

// ExpireRun records that the time to answer a run's question is over. won is false if
// the question had already ended; the returned row says how.
func (t *Table) ExpireRun(ctx context.Context, id string, at time.Time) (r access.Run, won bool, err error) {
	return t.applyRun(ctx, id, change{
		doing:  "end question",
		set:    map[string]any{"answer": access.RunAnswer{At: at}},
		absent: []string{"answer"},
	})
}

// AnswerRun adds an answer to a run's row. run is the row as the caller read it, with
// the earlier answers. If the answer is the last one, it ends the question. won is false if someone else answered
// meanwhile, or the question has ended; the returned row says which. The row has the
// task token, if the wait has stored one.
func (t *Table) AnswerRun(ctx context.Context, run access.Run, a access.RunAnswer, last bool) (r access.Run, won bool, err error) {
	c := change{
		doing:  "record answer",
		set:    map[string]any{"answers": append(slices.Clone(run.Answers), a)},
		absent: []string{"answer"},
	}
	if len(run.Answers) == 0 {
		c.absent = append(c.absent, "answers")
	} else {
		c.where, c.values = "size(#answers) = :before", map[string]any{"before": len(run.Answers)}
	}
	if last {
		end := a
		end.Findings = nil
		c.set["answer"] = end
	}
	return t.applyRun(ctx, run.ID, c)
}

// StoreRunToken stores the task token of execution's wait for the answer in place of the
// previous token. The returned row shows whether there already is an answer.
//
// Refused: execution is not the run's own.
func (t *Table) StoreRunToken(ctx context.Context, id, execution, token string) (access.Run, error) {
	c := change{doing: "store task token of a run", set: map[string]any{"token": token}}
	return storeToken(c, execution, token, func(c change) (access.Run, bool, error) { return t.applyRun(ctx, id, c) },
		func(r access.Run) string { return r.ExecutionARN })
}

// BeginRunPost is BeginPost for a message of a run.
func (t *Table) BeginRunPost(ctx context.Context, id, purpose string, p access.Post) (before access.Post, begun bool, err error) {
	r, won, err := t.applyRun(ctx, id, beginPost(purpose, p))
	if err != nil || won {
		return access.Post{}, won, err
	}
	return r.Posts[purpose], false, nil
}

// CompleteRunPost is CompletePost for a message of a run.
func (t *Table) CompleteRunPost(ctx context.Context, id, purpose string, p access.Post) error {
	_, _, err := t.applyRun(ctx, id, completePost(purpose, p))
	return err
}

// applyRun is apply for a run's row.
func (t *Table) applyRun(ctx context.Context, id string, c change) (r access.Run, won bool, err error) {
	won, err = t.write(ctx, runKey(id), c, &r)
	if err == nil && !won {
		r, err = t.Run(ctx, id)
	}
	return r, won, err
}
