package identitycenter

import (
	"context"

	"github.com/aws/aws-sdk-go-v2/aws"
	awsmiddleware "github.com/aws/aws-sdk-go-v2/aws/middleware"
	"github.com/aws/aws-sdk-go-v2/aws/retry"
	"github.com/aws/aws-sdk-go-v2/service/identitystore"
	idtypes "github.com/aws/aws-sdk-go-v2/service/identitystore/types"
	"github.com/aws/aws-sdk-go-v2/service/ssoadmin"
	"github.com/aws/aws-sdk-go-v2/service/ssoadmin/types"
	"github.com/aws/smithy-go/middleware"

	"sso-elevator/functions/access"
	"sso-elevator/functions/adapters/host"
)

// Status is the status of an operation of Identity Center.
type Status string

const (
	StatusInProgress Status = "IN_PROGRESS"
	StatusSucceeded  Status = "SUCCEEDED"
	StatusFailed     Status = "FAILED"
	StatusUnknown    Status = "" // Identity Center doesn't know the operation
)

// Operation is a creation or a deletion. Reason is Identity Center's own text if it
// failed.
type Operation struct {
	Status Status
	Reason string
}

// Call is a creation or a deletion that Identity Center accepted.
type Call struct {
	// ID is the operation's id, for Creation or Deletion. For a membership, which is created
	// or deleted at once, it is the membership's id.
	ID string
	// RequestID is AWS's id of the call; empty if the answer had none. It is the requestID
	// of the event in CloudTrail.
	RequestID string
}

func call(id *string, answer middleware.Metadata) Call {
	requestID, _ := awsmiddleware.GetRequestIDMetadata(answer)
	return Call{ID: aws.ToString(id), RequestID: requestID}
}

// Exists reports whether the user has the access: the membership, or an assignment of
// their own (not through a group). If the account, permission set, group or user
// doesn't exist, Exists returns false.
func (c *Client) Exists(ctx context.Context, s access.Subject) (bool, error) {
	const doing = "find the assignment"
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
		err = c.verified(ctx, err)
		if isNotFound(err) {
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

// once stops the SDK from retrying a call. If an unanswered first try had created the
// membership, a second try would get a conflict, and we would never learn the
// membership's id.
func once(o *identitystore.Options) { o.Retryer = aws.NopRetryer{} }

// unlessUnanswered makes the SDK retry throttled calls only. An unanswered deletion
// may still be in flight after a second try succeeds, and could delete the same
// assignment after another request has created it again. The caller retries such a
// call, because it knows how long to wait.
func unlessUnanswered(o *ssoadmin.Options) { o.Retryer = onlyThrottled() }

// membershipUnlessUnanswered is the same for memberships. If an unanswered first try
// had removed the membership, a second try would get "not found", and we would never
// learn that this system removed it.
func membershipUnlessUnanswered(o *identitystore.Options) { o.Retryer = onlyThrottled() }

func onlyThrottled() aws.Retryer {
	return retry.NewStandard(func(o *retry.StandardOptions) {
		o.Retryables = []retry.IsErrorRetryable{retry.RetryableErrorCode{Codes: retry.DefaultThrottleErrorCodes}}
	})
}

// Create starts the creation of an assignment; see Creation. A membership is created at
// once. NotFound:
// something that the subject names doesn't exist. Create tries a membership only
// once: after an error other than Unavailable and Internal, it created none.
func (c *Client) Create(ctx context.Context, s access.Subject) (Call, error) {
	const doing = "create the assignment"
	in, err := c.instance(ctx)
	if err != nil {
		return Call{}, err
	}
	if s.Kind == access.KindGroup {
		out, err := c.store.CreateGroupMembership(ctx, &identitystore.CreateGroupMembershipInput{
			IdentityStoreId: aws.String(in.identityStoreID),
			GroupId:         aws.String(s.GroupID),
			MemberId:        &idtypes.MemberIdMemberUserId{Value: s.PrincipalID},
		}, once)
		if err != nil {
			return Call{}, host.AWSError(err, "create the membership")
		}
		return call(out.MembershipId, out.ResultMetadata), nil
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
		return Call{}, host.AWSError(err, doing)
	}
	if out.AccountAssignmentCreationStatus == nil {
		return call(nil, out.ResultMetadata), nil
	}
	return call(out.AccountAssignmentCreationStatus.RequestId, out.ResultMetadata), nil
}

// Creation returns the state of a creation. A membership is created at once.
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
	err = c.verified(ctx, err)
	if isNotFound(err) {
		return Operation{Status: StatusUnknown}, nil
	}
	if err != nil {
		return Operation{}, host.AWSError(err, "check the creation")
	}
	return operation(out.AccountAssignmentCreationStatus), nil
}

// PendingCreation reports whether any creation of this assignment is in progress, no
// matter who started it. AWS's list doesn't say what is being created, so we describe
// each creation. There are at most 15 (IAM Identity Center User Guide, "Quotas",
// throttle limits: CreateAccountAssignment allows 15 outstanding asynchronous calls).
func (c *Client) PendingCreation(ctx context.Context, s access.Subject) (bool, error) {
	const doing = "find pending creations"
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
			err = c.verified(ctx, err)
			if isNotFound(err) {
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

// Delete starts the deletion of an assignment, which has no id, or deletes the
// membership with that id and no other. NotFound: there is nothing to delete, or
// the subject's account, permission set, group or user is gone. After an error
// other than Unavailable and Internal, nothing was deleted and nothing will be.
func (c *Client) Delete(ctx context.Context, s access.Subject, membershipID string) (Call, error) {
	in, err := c.instance(ctx)
	if err != nil {
		return Call{}, err
	}
	if s.Kind == access.KindGroup {
		const doing = "remove the membership"
		if membershipID == "" {
			return Call{}, access.Errorf(access.CodeNotFound, "%s: it does not exist", doing)
		}
		out, err := c.store.DeleteGroupMembership(ctx, &identitystore.DeleteGroupMembershipInput{
			IdentityStoreId: aws.String(in.identityStoreID),
			MembershipId:    aws.String(membershipID),
		}, membershipUnlessUnanswered)
		if err != nil {
			return Call{}, host.AWSError(c.verified(ctx, err), doing)
		}
		return call(&membershipID, out.ResultMetadata), nil
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
		return Call{}, host.AWSError(c.verified(ctx, err), "remove the assignment")
	}
	if out.AccountAssignmentDeletionStatus == nil {
		return call(nil, out.ResultMetadata), nil
	}
	return call(out.AccountAssignmentDeletionStatus.RequestId, out.ResultMetadata), nil
}

// Deletion returns the state of a deletion. A membership is deleted at once.
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
	err = c.verified(ctx, err)
	if isNotFound(err) {
		return Operation{Status: StatusUnknown}, nil
	}
	if err != nil {
		return Operation{}, host.AWSError(err, "check the deletion")
	}
	return operation(out.AccountAssignmentDeletionStatus), nil
}

// Vanished reports whether the user or the permission set no longer exists.
// Identity Center may list assignments of deleted users and refuse to delete them.
// Nobody can use such an assignment.
func (c *Client) Vanished(ctx context.Context, s access.Subject) (bool, error) {
	in, err := c.instance(ctx)
	if err != nil {
		return false, err
	}
	_, err = c.store.DescribeUser(ctx, &identitystore.DescribeUserInput{
		IdentityStoreId: aws.String(in.identityStoreID),
		UserId:          aws.String(s.PrincipalID),
	})
	err = c.verified(ctx, err)
	if isNotFound(err) {
		return true, nil
	}
	if err != nil {
		return false, host.AWSError(err, "look up the user")
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

// MembershipID returns the id of the membership; "": there is none.
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
	err = c.verified(ctx, err)
	if isNotFound(err) {
		return "", false, nil
	}
	if err != nil {
		return "", false, host.AWSError(err, "find the membership")
	}
	return aws.ToString(out.MembershipId), true, nil
}

func operation(status *types.AccountAssignmentOperationStatus) Operation {
	if status == nil {
		return Operation{Status: StatusUnknown}
	}
	return Operation{Status: Status(status.Status), Reason: aws.ToString(status.FailureReason)}
}
