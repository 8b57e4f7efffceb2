package identitycenter

import (
	"context"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/aws/retry"
	"github.com/aws/aws-sdk-go-v2/service/identitystore"
	idtypes "github.com/aws/aws-sdk-go-v2/service/identitystore/types"
	"github.com/aws/aws-sdk-go-v2/service/ssoadmin"
	"github.com/aws/aws-sdk-go-v2/service/ssoadmin/types"

	"sso-elevator/functions/access"
	"sso-elevator/functions/adapters/host"
)

// Status is how far an operation of Identity Center is.
type Status string

const (
	StatusInProgress Status = "IN_PROGRESS"
	StatusSucceeded  Status = "SUCCEEDED"
	StatusFailed     Status = "FAILED"
	StatusUnknown    Status = "" // Identity Center does not know the operation
)

// Operation is a creation or a deletion. Reason is Identity Center's own word
// on why one failed.
type Operation struct {
	Status Status
	Reason string
}

// Exists says whether the user has the access directly: an assignment of their
// own to account and permission set (not through a group), or the membership.
// What hangs on an account, permission set, group or user that is gone does not
// exist.
func (c *Client) Exists(ctx context.Context, s access.Subject) (bool, error) {
	const doing = "look for the assignment"
	in, err := c.instance(ctx)
	if err != nil {
		return false, err
	}
	if s.Kind == access.KindGroup {
		_, found, err := c.membership(ctx, in, s)
		return found, err
	}
	pages := ssoadmin.NewListAccountAssignmentsPaginator(c.admin, &ssoadmin.ListAccountAssignmentsInput{
		InstanceArn:      aws.String(in.arn),
		AccountId:        aws.String(s.AccountID),
		PermissionSetArn: aws.String(s.PermissionSetARN),
	})
	for pages.HasMorePages() {
		page, err := pages.NextPage(ctx)
		if notFound(err) {
			return false, nil
		}
		if err != nil {
			return false, host.AWSError(err, doing)
		}
		for _, a := range page.AccountAssignments {
			if a.PrincipalType == types.PrincipalTypeUser && aws.ToString(a.PrincipalId) == s.PrincipalID {
				return true, nil
			}
		}
	}
	return false, nil
}

// once keeps the SDK from repeating a call. Of two tries of a creation the first
// may have made the membership, and the second be told that there is one: then
// nobody would know its id.
func once(o *identitystore.Options) { o.Retryer = aws.NopRetryer{} }

// unlessUnanswered has the SDK repeat a call that was throttled, and no other.
// Of two tries of a deletion the first, if it was not answered, may still be on
// its way when the second has done its work, and come down on the same assignment
// made anew for somebody else. Such a call is the caller's to repeat, who knows
// how long it may be on its way.
func unlessUnanswered(o *ssoadmin.Options) { o.Retryer = onlyThrottled() }

// membershipUnlessUnanswered is the same for the removal of a membership. Of two
// tries the first, without an answer, may have removed it, and the second is
// told that there is none: then nobody would know that this system removed it.
func membershipUnlessUnanswered(o *identitystore.Options) { o.Retryer = onlyThrottled() }

func onlyThrottled() aws.Retryer {
	return retry.NewStandard(func(o *retry.StandardOptions) {
		o.Retryables = []retry.IsErrorRetryable{retry.RetryableErrorCode{Codes: retry.DefaultThrottleErrorCodes}}
	})
}

// Create starts the creation of an assignment, or makes a membership, whose id
// it returns. Its outcome is Creation's to tell. NotFound names something that
// does not exist. A membership is tried to be made once only: with another error
// than Unavailable and Internal this call made none.
func (c *Client) Create(ctx context.Context, s access.Subject) (operationID string, err error) {
	const doing = "create the assignment"
	in, err := c.instance(ctx)
	if err != nil {
		return "", err
	}
	if s.Kind == access.KindGroup {
		out, err := c.store.CreateGroupMembership(ctx, &identitystore.CreateGroupMembershipInput{
			IdentityStoreId: aws.String(in.identityStoreID),
			GroupId:         aws.String(s.GroupID),
			MemberId:        &idtypes.MemberIdMemberUserId{Value: s.PrincipalID},
		}, once)
		if err != nil {
			return "", host.AWSError(err, "create the membership")
		}
		return aws.ToString(out.MembershipId), nil
	}
	out, err := c.admin.CreateAccountAssignment(ctx, &ssoadmin.CreateAccountAssignmentInput{
		InstanceArn:      aws.String(in.arn),
		PermissionSetArn: aws.String(s.PermissionSetARN),
		PrincipalId:      aws.String(s.PrincipalID),
		PrincipalType:    types.PrincipalTypeUser,
		TargetId:         aws.String(s.AccountID),
		TargetType:       types.TargetTypeAwsAccount,
	})
	if err != nil {
		return "", host.AWSError(err, doing)
	}
	if out.AccountAssignmentCreationStatus == nil {
		return "", nil
	}
	return aws.ToString(out.AccountAssignmentCreationStatus.RequestId), nil
}

// Creation says how far the creation is. A membership is made at once.
func (c *Client) Creation(ctx context.Context, s access.Subject, operationID string) (Operation, error) {
	in, err := c.instance(ctx)
	if err != nil {
		return Operation{}, err
	}
	if s.Kind == access.KindGroup {
		return Operation{Status: StatusSucceeded}, nil
	}
	out, err := c.admin.DescribeAccountAssignmentCreationStatus(ctx, &ssoadmin.DescribeAccountAssignmentCreationStatusInput{
		InstanceArn:                        aws.String(in.arn),
		AccountAssignmentCreationRequestId: aws.String(operationID),
	})
	if notFound(err) {
		return Operation{Status: StatusUnknown}, nil
	}
	if err != nil {
		return Operation{}, host.AWSError(err, "look at the creation")
	}
	return operation(out.AccountAssignmentCreationStatus), nil
}

// PendingCreation says whether any creation of this very assignment is still
// under way, whoever started it. It looks at each: there are at most 15 at a
// time (IAM Identity Center User Guide, "Quotas", throttle limits:
// CreateAccountAssignment has a limit of 15 outstanding asynchronous calls).
func (c *Client) PendingCreation(ctx context.Context, s access.Subject) (bool, error) {
	const doing = "look for creations under way"
	if s.Kind == access.KindGroup {
		return false, nil
	}
	in, err := c.instance(ctx)
	if err != nil {
		return false, err
	}
	pages := ssoadmin.NewListAccountAssignmentCreationStatusPaginator(c.admin, &ssoadmin.ListAccountAssignmentCreationStatusInput{
		InstanceArn: aws.String(in.arn),
		Filter:      &types.OperationStatusFilter{Status: types.StatusValuesInProgress},
	})
	for pages.HasMorePages() {
		page, err := pages.NextPage(ctx)
		if err != nil {
			return false, host.AWSError(err, doing)
		}
		for _, creation := range page.AccountAssignmentsCreationStatus {
			out, err := c.admin.DescribeAccountAssignmentCreationStatus(ctx, &ssoadmin.DescribeAccountAssignmentCreationStatusInput{
				InstanceArn:                        aws.String(in.arn),
				AccountAssignmentCreationRequestId: creation.RequestId,
			})
			if notFound(err) {
				continue
			}
			if err != nil {
				return false, host.AWSError(err, doing)
			}
			of := out.AccountAssignmentCreationStatus
			if of != nil && of.Status == types.StatusValuesInProgress &&
				aws.ToString(of.PrincipalId) == s.PrincipalID &&
				aws.ToString(of.TargetId) == s.AccountID &&
				aws.ToString(of.PermissionSetArn) == s.PermissionSetARN {
				return true, nil
			}
		}
	}
	return false, nil
}

// Delete starts the removal of an assignment, or removes the membership with
// that id and no other one (an assignment has no id).
// NotFound: there is nothing (more) to remove, or what it hung on is gone. With
// another error than Unavailable and Internal this call removed nothing, and no
// removal is on its way.
func (c *Client) Delete(ctx context.Context, s access.Subject, membershipID string) (operationID string, err error) {
	in, err := c.instance(ctx)
	if err != nil {
		return "", err
	}
	if s.Kind == access.KindGroup {
		const doing = "remove the membership"
		if membershipID == "" {
			return "", access.Errorf(access.CodeNotFound, "%s: there is none", doing)
		}
		_, err = c.store.DeleteGroupMembership(ctx, &identitystore.DeleteGroupMembershipInput{
			IdentityStoreId: aws.String(in.identityStoreID),
			MembershipId:    aws.String(membershipID),
		}, membershipUnlessUnanswered)
		return membershipID, host.AWSError(err, doing)
	}
	out, err := c.admin.DeleteAccountAssignment(ctx, &ssoadmin.DeleteAccountAssignmentInput{
		InstanceArn:      aws.String(in.arn),
		PermissionSetArn: aws.String(s.PermissionSetARN),
		PrincipalId:      aws.String(s.PrincipalID),
		PrincipalType:    types.PrincipalTypeUser,
		TargetId:         aws.String(s.AccountID),
		TargetType:       types.TargetTypeAwsAccount,
	}, unlessUnanswered)
	if err != nil {
		return "", host.AWSError(err, "remove the assignment")
	}
	if out.AccountAssignmentDeletionStatus == nil {
		return "", nil
	}
	return aws.ToString(out.AccountAssignmentDeletionStatus.RequestId), nil
}

// Deletion says how far the deletion is. A membership is removed at once.
func (c *Client) Deletion(ctx context.Context, s access.Subject, operationID string) (Operation, error) {
	in, err := c.instance(ctx)
	if err != nil {
		return Operation{}, err
	}
	if s.Kind == access.KindGroup {
		return Operation{Status: StatusSucceeded}, nil
	}
	out, err := c.admin.DescribeAccountAssignmentDeletionStatus(ctx, &ssoadmin.DescribeAccountAssignmentDeletionStatusInput{
		InstanceArn:                        aws.String(in.arn),
		AccountAssignmentDeletionRequestId: aws.String(operationID),
	})
	if notFound(err) {
		return Operation{Status: StatusUnknown}, nil
	}
	if err != nil {
		return Operation{}, host.AWSError(err, "look at the deletion")
	}
	return operation(out.AccountAssignmentDeletionStatus), nil
}

// Vanished says whether the user, or the permission set, does not exist any
// more. Identity Center can list assignments of users who are gone, and then
// refuses to delete them; nobody can use such a one.
func (c *Client) Vanished(ctx context.Context, s access.Subject) (bool, error) {
	in, err := c.instance(ctx)
	if err != nil {
		return false, err
	}
	_, err = c.store.DescribeUser(ctx, &identitystore.DescribeUserInput{
		IdentityStoreId: aws.String(in.identityStoreID),
		UserId:          aws.String(s.PrincipalID),
	})
	if notFound(err) {
		return true, nil
	}
	if err != nil {
		return false, host.AWSError(err, "look for the user")
	}
	if s.Kind == access.KindGroup {
		return false, nil
	}
	_, err = c.PermissionSetName(ctx, s.PermissionSetARN)
	if access.CodeOf(err) == access.CodeNotFound {
		return true, nil
	}
	return false, err
}

// MembershipID is the id of the membership, "" where there is none.
func (c *Client) MembershipID(ctx context.Context, s access.Subject) (string, error) {
	in, err := c.instance(ctx)
	if err != nil {
		return "", err
	}
	id, _, err := c.membership(ctx, in, s)
	return id, err
}

func (c *Client) membership(ctx context.Context, in instance, s access.Subject) (id string, found bool, err error) {
	out, err := c.store.GetGroupMembershipId(ctx, &identitystore.GetGroupMembershipIdInput{
		IdentityStoreId: aws.String(in.identityStoreID),
		GroupId:         aws.String(s.GroupID),
		MemberId:        &idtypes.MemberIdMemberUserId{Value: s.PrincipalID},
	})
	if notFound(err) {
		return "", false, nil
	}
	if err != nil {
		return "", false, host.AWSError(err, "look for the membership")
	}
	return aws.ToString(out.MembershipId), true, nil
}

func operation(status *types.AccountAssignmentOperationStatus) Operation {
	if status == nil {
		return Operation{Status: StatusUnknown}
	}
	return Operation{Status: Status(status.Status), Reason: aws.ToString(status.FailureReason)}
}
