// Package faults makes things fail on purpose in the local stack. Rules say:
//
//   - which invocation of a function is killed, delayed or refused;
//   - which call to AWS or Slack gets an error, or loses its connection, its answer
//     or its caller;
//   - which creation or deletion of an assignment is accepted, and then takes long
//     or fails.
//
// Tests set the rules over HTTP, at /_faults of the gateway. Without rules, nothing
// changes.
//
//	POST   /_faults  one Rule as JSON
//	GET    /_faults  the rules that can still hit, as JSON;
//	                 ?label=… all rules with that label
//	DELETE /_faults  forgets all rules; ?label=… those with that label
package faults

import (
	"fmt"
	"slices"
	"strings"
)

// Kind is a kind of fault.
type Kind string

const (
	// Of an invocation.
	KillBefore      Kind = "kill_before"      // the process dies instead of getting the event
	KillAfter       Kind = "kill_after"       // the process dies after its effect, before its answer arrives
	Delay           Kind = "delay"            // the process gets the event later
	Hold            Kind = "hold"             // the process gets the event when the rule is forgotten
	InvokeThrottled Kind = "invoke_throttled" // Lambda answers TooManyRequestsException
	InvokeFailed    Kind = "invoke_failed"    // Lambda answers ServiceException

	// Kinds for calls that get an error and have no effect.
	Throttle    Kind = "throttle"    // ThrottlingException; Slack: 429, Retry-After 1
	Conflict    Kind = "conflict"    // ConflictException
	ServerError Kind = "error"       // HTTP 500
	Unavailable Kind = "unavailable" // HTTP 503
	Denied      Kind = "denied"      // AccessDeniedException
	NotFound    Kind = "not_found"   // ResourceNotFoundException

	// Kinds for calls that get no answer.
	ResetBefore Kind = "reset_before" // the connection breaks before the effect
	ResetAfter  Kind = "reset_after"  // the connection breaks after the effect
	Hang        Kind = "hang"         // nothing happens until the caller gives up
	HangAfter   Kind = "hang_after"   // the effect comes, and then nothing until the caller gives up
	Slow        Kind = "slow"         // the service gets the call later

	// Kinds for calls whose caller is killed.
	KillCaller      Kind = "kill_caller"       // before the effect
	KillCallerAfter Kind = "kill_caller_after" // after the effect
	Late            Kind = "late"              // at once; the effect still comes, later

	// Kind for an accepted CreateAccountAssignment or DeleteAccountAssignment. The rule
	// says how long the asynchronous operation takes and whether it succeeds.
	Operation Kind = "operation"
)

var (
	invocationKinds = []Kind{KillBefore, KillAfter, Delay, Hold, InvokeThrottled, InvokeFailed}
	callKinds       = []Kind{Throttle, Conflict, ServerError, Unavailable, Denied, NotFound, ResetBefore, ResetAfter, Hang, HangAfter, Slow, KillCaller, KillCallerAfter, Late}
	delayKinds      = []Kind{Delay, Slow, Late}
)

// Any is the target of a rule that hits calls to every service.
const Any = "*"

// Rule says which invocations or calls a fault hits. Empty fields match everything.
type Rule struct {
	Kind Kind `json:"kind"`

	// Label is the test's own name for a group of rules.
	Label string `json:"label,omitempty"`

	// Function is the end of a function's name. Operation and RequestID are in the task's
	// payload. Faults of calls hit the calls that such an invocation makes.
	Function  string `json:"function,omitempty"`
	Operation string `json:"operation,omitempty"`
	RequestID string `json:"request_id,omitempty"`

	// Target is a part of the call's name: "Service.Operation" of AWS's JSON
	// protocols, "s3 PUT /bucket/key", or "slack chat.postMessage". Any matches
	// every call.
	Target string `json:"target,omitempty"`
	// Body has parts of the call's body, all of which must be present.
	Body []string `json:"body,omitempty"`

	Skip  int `json:"skip,omitempty"`  // this many matches pass first
	Count int `json:"count,omitempty"` // this many are hit; default 1, -1 for all
	// Invocations, if set, limits the rule to that many invocations. All matching
	// calls in them are hit, and none in later invocations.
	Invocations int `json:"invocations,omitempty"`

	// Probability, if set, is the probability that a match is hit, from 0 to 1. The draw
	// depends on Seed, the invocation's function, operation and request, the call's name,
	// and how often that combination occurred before. So the same history always has the
	// same faults, no matter what else runs.
	Probability float64 `json:"probability,omitempty"`
	Seed        uint64  `json:"seed,omitempty"`

	DelayMS int `json:"delay_ms,omitempty"`

	// Cold gives the invocation a new process, which remembers nothing, even if a
	// warm one is free.
	Cold bool `json:"cold,omitempty"`

	// Polls is how many status calls find an operation IN_PROGRESS, at least 1. The
	// next call finds it SUCCEEDED. With a FailureReason, it finds it FAILED with
	// that reason, and without effect.
	Polls         int    `json:"polls,omitempty"`
	FailureReason string `json:"failure_reason,omitempty"`

	// Hits is how often the rule has hit.
	Hits int `json:"hits,omitempty"`

	release chan struct{} // closed when a rule of kind Hold is forgotten
}

// startOperations are the calls that start an operation, as targets.
var startOperations = []string{"SWBExternalService.CreateAccountAssignment", "SWBExternalService.DeleteAccountAssignment"}

func (r Rule) check() error {
	switch {
	case slices.Contains(invocationKinds, r.Kind):
		if r.Target != "" || len(r.Body) > 0 {
			return fmt.Errorf("fault %q hits invocations, so it can have neither target nor body", r.Kind)
		}
	case slices.Contains(callKinds, r.Kind):
		if r.Target == "" {
			return fmt.Errorf("fault %q needs a target", r.Kind)
		}
	case r.Kind == Operation:
		if r.Target == "" || !slices.ContainsFunc(startOperations, func(o string) bool { return strings.Contains(o, r.Target) }) {
			return fmt.Errorf("fault %q needs a target, CreateAccountAssignment or DeleteAccountAssignment", r.Kind)
		}
		if r.Polls < 1 {
			return fmt.Errorf("fault %q needs polls of at least 1", r.Kind)
		}
	default:
		return fmt.Errorf("there is no fault %q", r.Kind)
	}
	switch {
	case r.Kind != Operation && (r.Polls != 0 || r.FailureReason != ""):
		return fmt.Errorf("fault %q must have neither polls nor failure_reason", r.Kind)
	case slices.Contains(delayKinds, r.Kind) != (r.DelayMS > 0):
		return fmt.Errorf("fault %q: the faults %v need delay_ms, and all others must not have it", r.Kind, delayKinds)
	case r.Cold && !slices.Contains(invocationKinds, r.Kind):
		return fmt.Errorf("fault %q must not have cold, because it hits calls, not invocations", r.Kind)
	case r.Probability < 0 || r.Probability > 1:
		return fmt.Errorf("probability %v is not between 0 and 1", r.Probability)
	case r.Hits != 0:
		return fmt.Errorf("hits can't be set: the gateway counts them")
	}
	return nil
}
