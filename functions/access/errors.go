package access

import (
	"errors"
	"fmt"
)

// Code is the kind of an error, as the state machine's Retry and Catch name it.
type Code string

// Worth trying again: the state machine retries these.
const (
	CodeThrottled     Code = "Throttled"     // a quota of AWS or Slack
	CodeConflict      Code = "Conflict"      // another operation on the same assignment is under way
	CodeInProgress    Code = "InProgress"    // Identity Center has not finished
	CodeUnavailable   Code = "Unavailable"   // something that this needs did not answer
	CodeLeaseDeleting Code = "LeaseDeleting" // the same access is just being removed
	CodeNotReady      Code = "NotReady"      // there is no catalog yet
)

// Not worth trying again.
const (
	CodeInvalid       Code = "Invalid"           // what came in makes no sense
	CodeNotFound      Code = "NotFound"          // account, permission set, user, request
	CodeRefused       Code = "Refused"           // the policy, or who is who, does not permit it
	CodeAmbiguous     Code = "AmbiguousEmail"    // several users of Identity Center share an email
	CodeForeign       Code = "ForeignAccess"     // the access exists and is not ours
	CodeManagement    Code = "ManagementAccount" // AWS lets nobody but that account itself give access to it
	CodeFailed        Code = "AssignmentFailed"  // Identity Center said FAILED
	CodeMisconfigure  Code = "Misconfigured"     // a person must mend settings, secrets or scopes
	CodeHeld          Code = "Held"              // a request holds the access
	CodeOutOfScope    Code = "OutOfScope"        // the policy in force does not cover it
	CodeExempt        Code = "Exempt"            // the policy in force leaves this access alone for now
	CodeAlreadyGone   Code = "AlreadyGone"       // somebody else removed the access before
	CodeOverLimit     Code = "OverLimit"         // no more removals without a person's consent for now
	CodeExecutionGone Code = "ExecutionGone"     // the request's execution ended before it did
	CodeRowLost       Code = "RowLost"           // somebody deleted the request's row
	CodeLost          Code = "Lost"              // a condition did not hold: somebody else was first
	CodeInternal      Code = "Internal"          // a defect
)

// Transient says whether what failed with the code is worth trying again.
func (c Code) Transient() bool {
	switch c {
	case CodeThrottled, CodeConflict, CodeInProgress, CodeUnavailable, CodeLeaseDeleting, CodeNotReady:
		return true
	}
	return false
}

// Error is an error with a code. Message, where set, says what was being done.
type Error struct {
	Code    Code
	Message string
	Err     error
}

func (e *Error) Error() string {
	switch {
	case e.Err == nil:
		return e.Message
	case e.Message == "":
		return e.Err.Error()
	default:
		return e.Message + ": " + e.Err.Error()
	}
}

func (e *Error) Unwrap() error { return e.Err }

// Errorf makes an error with a code; %w wraps as in fmt.Errorf.
func Errorf(code Code, format string, args ...any) error {
	return &Error{Code: code, Err: fmt.Errorf(format, args...)}
}

// Wrap gives err a code and says what was being done. A nil err stays nil.
func Wrap(code Code, err error, doing string) error {
	if err == nil {
		return nil
	}
	return &Error{Code: code, Message: doing, Err: err}
}

// CodeOf is the code of the outermost coded error in err's chain; CodeInternal
// where there is none, "" for nil.
func CodeOf(err error) Code {
	if err == nil {
		return ""
	}
	var e *Error
	if errors.As(err, &e) {
		return e.Code
	}
	return CodeInternal
}
