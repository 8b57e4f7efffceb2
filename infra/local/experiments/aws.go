package experiments

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/identitystore"
	"github.com/aws/aws-sdk-go-v2/service/organizations"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/sfn"
	sfntypes "github.com/aws/aws-sdk-go-v2/service/sfn/types"
	"github.com/aws/aws-sdk-go-v2/service/ssoadmin"
	ssotypes "github.com/aws/aws-sdk-go-v2/service/ssoadmin/types"
)

// grant is a person's access to an account.
type grant struct {
	person        person
	account       string
	permissionSet string
}

func (g grant) String() string {
	return fmt.Sprintf("%s’s %s in %s", g.person.name, g.permissionSet, g.account)
}

// awaitGone waits until Identity Center doesn't have the access.
func (t *trial) awaitGone(ctx context.Context, g grant) error {
	return t.await(ctx, g.String()+" is still there", t.has(g, false))
}

// has returns a condition for await: whether Identity Center has the access is as wanted.
func (t *trial) has(g grant, want bool) func(context.Context) (bool, error) {
	var in *ssoadmin.CreateAccountAssignmentInput
	return func(ctx context.Context) (_ bool, err error) {
		if in == nil {
			if in, err = t.resolve(ctx, g); err != nil {
				return false, err
			}
		}
		out, err := t.admin.ListAccountAssignments(ctx, &ssoadmin.ListAccountAssignmentsInput{
			InstanceArn: in.InstanceArn, AccountId: in.TargetId, PermissionSetArn: in.PermissionSetArn,
		})
		if err != nil {
			return false, err
		}
		there := false
		for _, a := range out.AccountAssignments {
			there = there || aws.ToString(a.PrincipalId) == *in.PrincipalId
		}
		return there == want, nil
	}
}

// create gives the access directly in Identity Center.
func (t *trial) create(ctx context.Context, g grant) error {
	in, err := t.resolve(ctx, g)
	if err != nil {
		return err
	}
	if _, err := t.admin.CreateAccountAssignment(ctx, in); err != nil {
		return err
	}
	return t.await(ctx, g.String()+" does not appear", t.has(g, true))
}

// resolve returns the ids of an access.
func (t *trial) resolve(ctx context.Context, g grant) (*ssoadmin.CreateAccountAssignmentInput, error) {
	instances, err := t.admin.ListInstances(ctx, &ssoadmin.ListInstancesInput{})
	if err != nil || len(instances.Instances) == 0 {
		return nil, errors.Join(errors.New("there is no Identity Center instance"), err)
	}
	in := &ssoadmin.CreateAccountAssignmentInput{
		InstanceArn: instances.Instances[0].InstanceArn, TargetType: ssotypes.TargetTypeAwsAccount, PrincipalType: ssotypes.PrincipalTypeUser,
	}
	users, err := t.store.ListUsers(ctx, &identitystore.ListUsersInput{IdentityStoreId: instances.Instances[0].IdentityStoreId})
	if err != nil {
		return nil, err
	}
	for _, u := range users.Users {
		if aws.ToString(u.UserName) == g.person.email {
			in.PrincipalId = u.UserId
		}
	}
	accounts := organizations.NewListAccountsPaginator(t.org, &organizations.ListAccountsInput{})
	for accounts.HasMorePages() {
		page, err := accounts.NextPage(ctx)
		if err != nil {
			return nil, err
		}
		for _, a := range page.Accounts {
			if aws.ToString(a.Name) == g.account {
				in.TargetId = a.Id
			}
		}
	}
	sets, err := t.admin.ListPermissionSets(ctx, &ssoadmin.ListPermissionSetsInput{InstanceArn: in.InstanceArn})
	if err != nil {
		return nil, err
	}
	for _, arn := range sets.PermissionSets {
		set, err := t.admin.DescribePermissionSet(ctx, &ssoadmin.DescribePermissionSetInput{InstanceArn: in.InstanceArn, PermissionSetArn: &arn})
		if err != nil {
			return nil, err
		}
		if aws.ToString(set.PermissionSet.Name) == g.permissionSet {
			in.PermissionSetArn = &arn
		}
	}
	if in.PrincipalId == nil || in.TargetId == nil || in.PermissionSetArn == nil {
		return nil, fmt.Errorf("the demo organization lacks the user, account or permission set of %s", g)
	}
	return in, nil
}

// executionOf returns the ARN of a request's execution.
func (t *trial) executionOf(ctx context.Context, requestID string) (string, error) {
	list, err := t.sfn.ListExecutions(ctx, &sfn.ListExecutionsInput{StateMachineArn: &t.config.RequestMachine})
	if err != nil {
		return "", err
	}
	for _, e := range list.Executions {
		if strings.HasSuffix(aws.ToString(e.Name), requestID) {
			return aws.ToString(e.ExecutionArn), nil
		}
	}
	return "", fmt.Errorf("the request %s has no execution", requestID)
}

// endOf returns when the access of a request ends. Its execution knows that as soon as
// the access is active.
func (t *trial) endOf(ctx context.Context, requestID string) (time.Time, error) {
	arn, err := t.executionOf(ctx, requestID)
	if err != nil {
		return time.Time{}, err
	}
	history, err := t.sfn.GetExecutionHistory(ctx, &sfn.GetExecutionHistoryInput{ExecutionArn: &arn, MaxResults: 1000})
	if err != nil {
		return time.Time{}, err
	}
	for _, e := range history.Events {
		var input struct{ Active struct{ End time.Time } }
		if d := e.StateEnteredEventDetails; d != nil && aws.ToString(d.Name) == "Active" && json.Unmarshal([]byte(aws.ToString(d.Input)), &input) == nil {
			return input.Active.End, nil
		}
	}
	return time.Time{}, errors.New("the access is not active yet")
}

// isPastDecision reports whether the trial's request has ended, or its access is active.
func (t *trial) isPastDecision(ctx context.Context) (bool, error) {
	if _, err := t.endOf(ctx, t.x.RequestID); err == nil {
		return true, nil
	}
	arn, err := t.executionOf(ctx, t.x.RequestID)
	if err != nil {
		return false, err
	}
	e, err := t.sfn.DescribeExecution(ctx, &sfn.DescribeExecutionInput{ExecutionArn: &arn})
	if err != nil {
		return false, err
	}
	return e.Status != sfntypes.ExecutionStatusRunning, nil
}

// recorded returns which of these events the audit log has of the trial's request.
func (t *trial) recorded(ctx context.Context, events ...string) ([]string, error) {
	var found []string
	pages := s3.NewListObjectsV2Paginator(t.s3, &s3.ListObjectsV2Input{Bucket: &t.config.AuditBucket})
	for pages.HasMorePages() {
		page, err := pages.NextPage(ctx)
		if err != nil {
			return nil, err
		}
		for _, o := range page.Contents {
			if !strings.Contains(aws.ToString(o.Key), t.x.RequestID) {
				continue
			}
			object, err := t.s3.GetObject(ctx, &s3.GetObjectInput{Bucket: &t.config.AuditBucket, Key: o.Key})
			if err != nil {
				return nil, err
			}
			content, err := io.ReadAll(object.Body)
			object.Body.Close()
			var record struct{ Event string }
			if err := errors.Join(err, json.Unmarshal(content, &record)); err != nil {
				return nil, err
			}
			for _, event := range events {
				if record.Event == event {
					found = append(found, event)
				}
			}
		}
	}
	return found, nil
}
