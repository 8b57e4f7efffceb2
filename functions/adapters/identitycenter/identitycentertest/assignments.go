package identitycentertest

import (
	"context"
	"fmt"
	"slices"

	"github.com/aws/aws-sdk-go-v2/aws"
	awsmiddleware "github.com/aws/aws-sdk-go-v2/aws/middleware"
	"github.com/aws/aws-sdk-go-v2/service/ssoadmin"
	"github.com/aws/aws-sdk-go-v2/service/ssoadmin/types"
	"github.com/aws/smithy-go/middleware"

	"sso-elevator/functions/access"
)

// Operations returns the creations and deletions of account assignments that
// were accepted, in order.
func (c *Center) Operations() []Operation {
	c.mu.Lock()
	defer c.mu.Unlock()
	return slices.Clone(c.operations)
}

// Succeed ends the operation: from now on the assignment exists, or doesn't.
func (c *Center) Succeed(id string) {
	c.end(id, types.StatusValuesSucceeded, "")
}

// Fail ends the operation without an effect.
func (c *Center) Fail(id, reason string) {
	c.end(id, types.StatusValuesFailed, reason)
}

func (c *Center) end(id string, status types.StatusValues, reason string) {
	_, _ = locked(c, func() (any, error) {
		op := c.operation(id)
		if op == nil || op.Status != types.StatusValuesInProgress {
			panic(fmt.Sprintf("identitycentertest: operation %q is not in progress", id))
		}
		op.Status, op.Reason = status, reason
		i := c.index(op.Subject.Key())
		switch {
		case status == types.StatusValuesFailed:
		case op.Deletion && i >= 0:
			a := c.access[i]
			c.drop(op.Subject.Key())
			c.tellChanged(a, false)
		case !op.Deletion && i < 0:
			c.tellChanged(c.put(op.Subject, false), true)
		}
		return nil, nil
	})
}

func (c *Center) operation(id string) *Operation {
	i := slices.IndexFunc(c.operations, func(op Operation) bool { return op.ID == id })
	if i < 0 {
		return nil
	}
	return &c.operations[i]
}

// begin starts an operation, unless another one on the same account and permission
// set is in progress.
func (c *Center) begin(of access.Subject, deletion bool) (*types.AccountAssignmentOperationStatus, error) {
	if c.busy(of) {
		return nil, &types.ConflictException{Message: aws.String("Another operation on this account and permission set is in progress.")}
	}
	op := Operation{ID: fmt.Sprint("op-", len(c.operations)+1), Subject: of, Deletion: deletion, Status: types.StatusValuesInProgress}
	if i := c.index(of.Key()); deletion && i >= 0 {
		op.ByHand = c.access[i].ByHand
	}
	c.operations = append(c.operations, op)
	if c.Accepted != nil {
		c.events = append(c.events, func() { c.Accepted(op) })
	}
	return op.report(), nil
}

func (c *Center) busy(of access.Subject) bool {
	return slices.ContainsFunc(c.operations, func(op Operation) bool {
		return op.Status == types.StatusValuesInProgress && op.Subject.AccountID == of.AccountID && op.Subject.PermissionSetARN == of.PermissionSetARN
	})
}

func (op *Operation) report() *types.AccountAssignmentOperationStatus {
	status := &types.AccountAssignmentOperationStatus{
		RequestId: &op.ID, Status: op.Status,
		TargetId: &op.Subject.AccountID, TargetType: types.TargetTypeAwsAccount, PermissionSetArn: &op.Subject.PermissionSetARN,
		PrincipalId: &op.Subject.PrincipalID, PrincipalType: types.PrincipalTypeUser,
	}
	if op.Reason != "" {
		status.FailureReason = &op.Reason
	}
	return status
}

// requestID returns the metadata of the answer to a call that AWS gave the id "aws-<of>".
func requestID(of string) (m middleware.Metadata) {
	awsmiddleware.SetRequestIDMetadata(&m, "aws-"+of)
	return m
}

// assignment returns the subject of an assignment that a call names.
func assignment(account, set, principal *string, principalType types.PrincipalType) access.Subject {
	if principalType != types.PrincipalTypeUser {
		panic("identitycentertest: assignments of groups are not faked")
	}
	return access.Subject{
		Target:      access.Target{Kind: access.KindAccount, AccountID: *account, PermissionSetARN: *set},
		PrincipalID: *principal,
	}
}

func (c *Center) CreateAccountAssignment(ctx context.Context, in *ssoadmin.CreateAccountAssignmentInput, opts ...func(*ssoadmin.Options)) (*ssoadmin.CreateAccountAssignmentOutput, error) {
	of := assignment(in.TargetId, in.PermissionSetArn, in.PrincipalId, in.PrincipalType)
	return answer(ctx, c, adminCall("CreateAccountAssignment", of.Key(), opts), func() (*ssoadmin.CreateAccountAssignmentOutput, error) {
		if _, err := c.permissionSet(in.InstanceArn, in.PermissionSetArn); err != nil {
			return nil, err
		}
		status, err := c.begin(of, false)
		if err != nil {
			return nil, err
		}
		return &ssoadmin.CreateAccountAssignmentOutput{AccountAssignmentCreationStatus: status, ResultMetadata: requestID(*status.RequestId)}, nil
	})
}

func (c *Center) DeleteAccountAssignment(ctx context.Context, in *ssoadmin.DeleteAccountAssignmentInput, opts ...func(*ssoadmin.Options)) (*ssoadmin.DeleteAccountAssignmentOutput, error) {
	of := assignment(in.TargetId, in.PermissionSetArn, in.PrincipalId, in.PrincipalType)
	return answer(ctx, c, adminCall("DeleteAccountAssignment", of.Key(), opts), func() (*ssoadmin.DeleteAccountAssignmentOutput, error) {
		if _, err := c.permissionSet(in.InstanceArn, in.PermissionSetArn); err != nil {
			return nil, err
		}
		if c.index(of.Key()) < 0 && !(c.ConflictFirst && c.busy(of)) {
			return nil, notFound("The assignment does not exist.")
		}
		status, err := c.begin(of, true)
		if err != nil {
			return nil, err
		}
		return &ssoadmin.DeleteAccountAssignmentOutput{AccountAssignmentDeletionStatus: status, ResultMetadata: requestID(*status.RequestId)}, nil
	})
}

func (c *Center) DescribeAccountAssignmentCreationStatus(ctx context.Context, in *ssoadmin.DescribeAccountAssignmentCreationStatusInput, opts ...func(*ssoadmin.Options)) (*ssoadmin.DescribeAccountAssignmentCreationStatusOutput, error) {
	id := *in.AccountAssignmentCreationRequestId
	return answer(ctx, c, adminCall("DescribeAccountAssignmentCreationStatus", id, opts), func() (*ssoadmin.DescribeAccountAssignmentCreationStatusOutput, error) {
		status, err := c.describe(in.InstanceArn, id, false)
		return &ssoadmin.DescribeAccountAssignmentCreationStatusOutput{AccountAssignmentCreationStatus: status}, err
	})
}

func (c *Center) DescribeAccountAssignmentDeletionStatus(ctx context.Context, in *ssoadmin.DescribeAccountAssignmentDeletionStatusInput, opts ...func(*ssoadmin.Options)) (*ssoadmin.DescribeAccountAssignmentDeletionStatusOutput, error) {
	id := *in.AccountAssignmentDeletionRequestId
	return answer(ctx, c, adminCall("DescribeAccountAssignmentDeletionStatus", id, opts), func() (*ssoadmin.DescribeAccountAssignmentDeletionStatusOutput, error) {
		status, err := c.describe(in.InstanceArn, id, true)
		return &ssoadmin.DescribeAccountAssignmentDeletionStatusOutput{AccountAssignmentDeletionStatus: status}, err
	})
}

func (c *Center) describe(instanceARN *string, id string, deletion bool) (*types.AccountAssignmentOperationStatus, error) {
	if _, err := c.instance(instanceARN); err != nil {
		return nil, err
	}
	op := c.operation(id)
	if op == nil || op.Deletion != deletion {
		return nil, notFound("The operation does not exist.")
	}
	as := *op // the caller's answer doesn't change when the operation goes on
	return as.report(), nil
}

func (c *Center) ListAccountAssignmentCreationStatus(ctx context.Context, in *ssoadmin.ListAccountAssignmentCreationStatusInput, opts ...func(*ssoadmin.Options)) (*ssoadmin.ListAccountAssignmentCreationStatusOutput, error) {
	return answer(ctx, c, adminCall("ListAccountAssignmentCreationStatus", "", opts), func() (*ssoadmin.ListAccountAssignmentCreationStatusOutput, error) {
		if _, err := c.instance(in.InstanceArn); err != nil {
			return nil, err
		}
		var all []types.AccountAssignmentOperationStatusMetadata
		for _, op := range c.operations {
			if !op.Deletion && (in.Filter == nil || in.Filter.Status == "" || in.Filter.Status == op.Status) {
				all = append(all, types.AccountAssignmentOperationStatusMetadata{RequestId: &op.ID, Status: op.Status})
			}
		}
		items, next, err := page(c, centerListing, all, in.MaxResults, in.NextToken)
		return &ssoadmin.ListAccountAssignmentCreationStatusOutput{AccountAssignmentsCreationStatus: items, NextToken: next}, err
	})
}

func (c *Center) ListAccountAssignments(ctx context.Context, in *ssoadmin.ListAccountAssignmentsInput, opts ...func(*ssoadmin.Options)) (*ssoadmin.ListAccountAssignmentsOutput, error) {
	about := *in.AccountId + "#" + *in.PermissionSetArn
	return answer(ctx, c, adminCall("ListAccountAssignments", about, opts), func() (*ssoadmin.ListAccountAssignmentsOutput, error) {
		if _, err := c.permissionSet(in.InstanceArn, in.PermissionSetArn); err != nil {
			return nil, err
		}
		var all []types.AccountAssignment
		for _, a := range c.matching(func(a Access) bool {
			return a.Subject.AccountID == *in.AccountId && a.Subject.PermissionSetARN == *in.PermissionSetArn
		}, func(a Access) string { return a.Subject.PrincipalID }) {
			all = append(all, types.AccountAssignment{
				AccountId: &a.Subject.AccountID, PermissionSetArn: &a.Subject.PermissionSetARN, PrincipalId: &a.Subject.PrincipalID, PrincipalType: types.PrincipalTypeUser})
		}
		items, next, err := page(c, centerListing, all, in.MaxResults, in.NextToken)
		return &ssoadmin.ListAccountAssignmentsOutput{AccountAssignments: items, NextToken: next}, err
	})
}

func (c *Center) ListAccountAssignmentsForPrincipal(ctx context.Context, in *ssoadmin.ListAccountAssignmentsForPrincipalInput, opts ...func(*ssoadmin.Options)) (*ssoadmin.ListAccountAssignmentsForPrincipalOutput, error) {
	return answer(ctx, c, adminCall("ListAccountAssignmentsForPrincipal", *in.PrincipalId, opts), func() (*ssoadmin.ListAccountAssignmentsForPrincipalOutput, error) {
		if _, err := c.instance(in.InstanceArn); err != nil {
			return nil, err
		}
		var all []types.AccountAssignmentForPrincipal
		for _, a := range c.matching(func(a Access) bool {
			return a.Subject.Kind == access.KindAccount && a.Subject.PrincipalID == *in.PrincipalId
		}, func(a Access) string { return a.Subject.AccountID + a.Subject.PermissionSetARN }) {
			all = append(all, types.AccountAssignmentForPrincipal{
				AccountId: &a.Subject.AccountID, PermissionSetArn: &a.Subject.PermissionSetARN, PrincipalId: &a.Subject.PrincipalID, PrincipalType: types.PrincipalTypeUser})
		}
		items, next, err := page(c, centerListing, all, in.MaxResults, in.NextToken)
		return &ssoadmin.ListAccountAssignmentsForPrincipalOutput{AccountAssignments: items, NextToken: next}, err
	})
}
