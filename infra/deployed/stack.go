package deployed

import (
	"errors"
	"strings"

	"github.com/aws/aws-sdk-go-v2/service/cloudformation/types"
	"github.com/aws/smithy-go"
)

// StackState is what can be done with a CloudFormation stack.
type StackState int

const (
	// Updatable stacks were created and can be updated.
	Updatable StackState = iota
	// NeverCreated stacks failed at their creation, or it never began. They can
	// only be deleted, and nothing in them was ever in use.
	NeverCreated
	// Busy stacks are being changed by somebody.
	Busy
	// RollbackFailed stacks were created, and a rollback of an update failed. A
	// person has to continue it.
	RollbackFailed
	// DeleteFailed stacks are partly deleted.
	DeleteFailed
)

// StackStateOf returns the StackState of a status. One that this package does not know is
// Updatable: CloudFormation says whether it is.
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

// IsStackMissing reports whether err is what CloudFormation answers about a stack that
// does not exist. It has no error code of its own for that.
func IsStackMissing(err error) bool {
	var api smithy.APIError
	return errors.As(err, &api) && api.ErrorCode() == "ValidationError" && strings.Contains(api.ErrorMessage(), "does not exist")
}
