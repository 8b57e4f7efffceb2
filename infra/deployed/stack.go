package deployed

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/aws/aws-sdk-go-v2/service/cloudformation"
	"github.com/aws/aws-sdk-go-v2/service/cloudformation/types"
	"github.com/aws/smithy-go"
)

// StackState says what can be done with a CloudFormation stack.
type StackState int

const (
	// Updatable stacks were created and can be updated.
	Updatable StackState = iota
	// NeverCreated stacks failed during creation, or their creation never began. They can
	// only be deleted, and nothing in them was ever in use.
	NeverCreated
	// Busy stacks are being changed.
	Busy
	// RollbackFailed stacks were created, and the rollback of an update failed.
	// Someone must continue it.
	RollbackFailed
	// DeleteFailed stacks are partly deleted.
	DeleteFailed
)

// StackStateOf returns the StackState of a status. An unknown status counts as
// Updatable, because CloudFormation rejects the update if the stack isn't.
//
// https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/view-stack-events.html
func StackStateOf(status types.StackStatus) StackState {
	switch status {
	case types.StackStatusReviewInProgress, types.StackStatusCreateFailed, types.StackStatusRollbackComplete, types.StackStatusRollbackFailed:
		return NeverCreated
	case types.StackStatusCreateInProgress, types.StackStatusRollbackInProgress, types.StackStatusDeleteInProgress,
		types.StackStatusUpdateInProgress, types.StackStatusUpdateCompleteCleanupInProgress,
		types.StackStatusUpdateRollbackInProgress, types.StackStatusUpdateRollbackCompleteCleanupInProgress,
		types.StackStatusImportInProgress, types.StackStatusImportRollbackInProgress:
		return Busy
	case types.StackStatusUpdateRollbackFailed, types.StackStatusImportRollbackFailed:
		return RollbackFailed
	case types.StackStatusDeleteFailed:
		return DeleteFailed
	}
	return Updatable
}

// FindStack returns the stack of that name, or nil if there is none.
func FindStack(ctx context.Context, api cloudformation.DescribeStacksAPIClient, name string) (*types.Stack, error) {
	out, err := api.DescribeStacks(ctx, &cloudformation.DescribeStacksInput{StackName: &name})
	switch {
	case isStackMissing(err):
		return nil, nil
	case err != nil:
		return nil, err
	case len(out.Stacks) != 1:
		return nil, fmt.Errorf("CloudFormation returned %d stacks named %s", len(out.Stacks), name)
	}
	return &out.Stacks[0], nil
}

// isStackMissing reports whether err is CloudFormation's answer about a stack that
// does not exist. CloudFormation has no error code for that.
func isStackMissing(err error) bool {
	var api smithy.APIError
	return errors.As(err, &api) && api.ErrorCode() == "ValidationError" && strings.Contains(api.ErrorMessage(), "does not exist")
}
