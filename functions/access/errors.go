package access

import (
	"errors"
	"fmt"
)

// Code is the kind of an error, as Retry and Catch of the state machines name it.
type Code string

// These are transient: the state machines retry them.
const (
	CodeThrottled     Code = "Throttled"     // a quota of AWS or Slack
	CodeConflict      Code = "Conflict"      // another operation on the same assignment is in progress
	CodeInProgress    Code = "InProgress"    // Identity Center has not finished
	CodeUnavailable   Code = "Unavailable"   // a service or the table did not answer
	CodeLeaseDeleting Code = "LeaseDeleting" // the same access is being removed right now
	CodeNotReady      Code = "NotReady"      // there is no catalog yet
	CodeUndecidable   Code = "Undecidable"   // the policy can't decide: a membership or a unit can't be read
)

// These are final.
const (
	CodeInvalid       Code = "Invalid"           // the input makes no sense
	CodeNotFound      Code = "NotFound"          // account, permission set, user, request
	CodeRefused       Code = "Refused"           // the policy or a person's identity does not permit it
	CodeAmbiguous     Code = "AmbiguousEmail"    // several users of Identity Center share an email
	CodeForeign       Code = "ForeignAccess"     // the access exists, and this system did not create it
	CodeManagement    Code = "ManagementAccount" // AWS lets only that account give access to itself
	CodeFailed        Code = "AssignmentFailed"  // Identity Center said FAILED
	CodeMisconfigure  Code = "Misconfigured"     // someone must fix settings, secrets or scopes
	CodeHeld          Code = "Held"              // a request holds the access
	CodeOutOfScope    Code = "OutOfScope"        // the policy in force does not cover it
	CodeExempt        Code = "Exempt"            // the policy in force exempts this access for now
	CodeAlreadyGone   Code = "AlreadyGone"       // someone else removed the access first
	CodeOverLimit     Code = "OverLimit"         // no more removals for now without a person's consent
	CodeBlocked       Code = "Blocked"           // an incident responder blocked the requester
	CodeNotDecided    Code = "NotDecided"        // the request was Undecidable for too long
	CodeExecutionGone Code = "ExecutionGone"     // the request's execution ended before the request
	CodeRowLost       Code = "RowLost"           // someone deleted the request's row
	CodeNotPosted     Code = "NotPosted"         // Slack did not take a message in time; the state machine goes on without it
	CodeLost          Code = "Lost"              // a condition did not hold: someone else was first
	CodeInternal      Code = "Internal"          // a bug
)

// Transient reports whether a retry may succeed.
func (c Code) Transient() bool {
	switch c {
	case CodeThrottled, CodeConflict, CodeInProgress, CodeUnavailable, CodeLeaseDeleting, CodeNotReady, CodeUndecidable:
		return true
	}
	return false
}

// IsRefusal reports whether the system decided not to do something, so there is nothing
// to fix. The state machines handle these codes as results.
func (c Code) IsRefusal() bool {
	switch c {
	case CodeRefused, CodeBlocked, CodeHeld, CodeOutOfScope, CodeExempt, CodeAlreadyGone, CodeOverLimit:
		return true
	}
	return false
}

// Error is an error with a code. Message, if set, says which operation failed.
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

// Errorf returns an error with a code; %w wraps as in fmt.Errorf.
func Errorf(code Code, format string, args ...any) error {
	return &Error{Code: code, Err: fmt.Errorf(format, args...)}
}

// Wrap adds a code to err, and the operation that failed. A nil err stays nil.
func Wrap(code Code, err error, doing string) error {
	if err == nil {
		return nil
	}
	return &Error{Code: code, Message: doing, Err: err}
}

// CodeOf returns the code of the outermost coded error in err's chain:
// CodeInternal if there is none, "" for nil.
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
