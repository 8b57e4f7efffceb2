// Package faults makes things go wrong on purpose in the local stack: rules say
// which invocation of a function is killed, held up or not let through, which
// call to AWS or Slack is answered with an error, loses its connection, its
// answer or its caller, and which creation or deletion of an assignment is
// accepted and then takes long, or fails. Tests set the rules over HTTP, at
// /_faults of the gateway; without rules nothing is touched.
//
//	POST   /_faults  one Rule as JSON
//	GET    /_faults  the rules that have something left to hit, as JSON;
//	                 ?label=… the rules of that label, whatever they have left
//	DELETE /_faults  forgets all rules; ?label=… those of that label
package faults

import (
	"fmt"
	"slices"
	"strings"
)

// Kind is what goes wrong.
type Kind string

const (
	// Of an invocation.
	KillBefore      Kind = "kill_before"      // the process dies instead of getting the event
	KillAfter       Kind = "kill_after"       // it dies after its effect, before its answer arrives
	Delay           Kind = "delay"            // the event reaches it later
	Hold            Kind = "hold"             // the event reaches it when the rule is forgotten
	InvokeThrottled Kind = "invoke_throttled" // Lambda answers TooManyRequestsException
	InvokeFailed    Kind = "invoke_failed"    // Lambda answers ServiceException

	// Of a call: it is answered with an error, and has no effect.
	Throttle    Kind = "throttle"    // ThrottlingException; Slack: 429, Retry-After 1
	Conflict    Kind = "conflict"    // ConflictException
	ServerError Kind = "error"       // HTTP 500
	Unavailable Kind = "unavailable" // HTTP 503
	Denied      Kind = "denied"      // AccessDeniedException
	NotFound    Kind = "not_found"   // ResourceNotFoundException

	// Of a call: it has no answer.
	ResetBefore Kind = "reset_before" // the connection breaks off before the effect
	ResetAfter  Kind = "reset_after"  // and after it
	Hang        Kind = "hang"         // nothing happens until the caller gives up
	HangAfter   Kind = "hang_after"   // the effect, and nothing else until then
	Slow        Kind = "slow"         // the call reaches the service later

	// Of a call: its caller is killed.
	KillCaller      Kind = "kill_caller"       // before the effect
	KillCallerAfter Kind = "kill_caller_after" // after it
	Late            Kind = "late"              // at once, and the effect comes later all the same

	// Of a call to AWS that is accepted, CreateAccountAssignment or
	// DeleteAccountAssignment: of what it sets going.
	Operation Kind = "operation"
)

var (
	invocationKinds = []Kind{KillBefore, KillAfter, Delay, Hold, InvokeThrottled, InvokeFailed}
	callKinds       = []Kind{Throttle, Conflict, ServerError, Unavailable, Denied, NotFound, ResetBefore, ResetAfter, Hang, HangAfter, Slow, KillCaller, KillCallerAfter, Late}
	delayKinds      = []Kind{Delay, Slow, Late}
)

// Any is the target of a rule that hits calls to everything.
const Any = "*"

// Rule says which invocations or calls a fault hits. Empty fields match
// everything.
type Rule struct {
	Kind Kind `json:"kind"`

	// Label is the test's own name for what it sets together.
	Label string `json:"label,omitempty"`

	// Function is the end of a function's name; Operation and RequestID are
	// those of its task's payload. A fault of a call hits those
	// that such an invocation makes.
	Function  string `json:"function,omitempty"`
	Operation string `json:"operation,omitempty"`
	RequestID string `json:"request_id,omitempty"`

	// Target is a part of the call's name: "Service.Operation" of AWS's JSON
	// protocols, "s3 PUT /bucket/key", "slack chat.postMessage". Any is all.
	Target string `json:"target,omitempty"`
	// Body are parts of the call's body; all of them have to be there.
	Body []string `json:"body,omitempty"`

	Skip  int `json:"skip,omitempty"`  // so many pass before
	Count int `json:"count,omitempty"` // so many are hit; default 1, -1 all
	// Invocations, where set, is in how many invocations at most: all calls that
	// match in them are hit, and none in those that follow.
	Invocations int `json:"invocations,omitempty"`

	// Probability, where set, is how probable it is that a match is hit, from 0
	// to 1. Whether it is follows from Seed, the invocation's function, operation and
	// request, the call's name, and how often that combination came before: the
	// same history has the same faults, whatever goes on beside it.
	Probability float64 `json:"probability,omitempty"`
	Seed        uint64  `json:"seed,omitempty"`

	DelayMS int `json:"delay_ms,omitempty"`

	// Cold gives an invocation that is hit a new process, which remembers
	// nothing, even if a warm one is free.
	Cold bool `json:"cold,omitempty"`

	// Polls is how many looks at an operation find it IN_PROGRESS, at least 1:
	// the next one finds it SUCCEEDED or, where there is a FailureReason, FAILED
	// with that reason and without effect.
	Polls         int    `json:"polls,omitempty"`
	FailureReason string `json:"failure_reason,omitempty"`

	// Hits is how often it has come about.
	Hits int `json:"hits,omitempty"`

	release chan struct{} // closed when a rule of the kind Hold is forgotten
}

// startOperations are the calls that set an operation going, as targets.
var startOperations = []string{"SWBExternalService.CreateAccountAssignment", "SWBExternalService.DeleteAccountAssignment"}

func (r Rule) check() error {
	switch {
	case slices.Contains(invocationKinds, r.Kind):
		if r.Target != "" || len(r.Body) > 0 {
			return fmt.Errorf("fault %q hits invocations: target and body do not apply", r.Kind)
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
			return fmt.Errorf("fault %q needs polls, at least 1", r.Kind)
		}
	default:
		return fmt.Errorf("there is no fault %q", r.Kind)
	}
	switch {
	case r.Kind != Operation && (r.Polls != 0 || r.FailureReason != ""):
		return fmt.Errorf("fault %q has no polls and no failure_reason", r.Kind)
	case slices.Contains(delayKinds, r.Kind) != (r.DelayMS > 0):
		return fmt.Errorf("fault %q: delay_ms is for %v, and they need it", r.Kind, delayKinds)
	case r.Cold && !slices.Contains(invocationKinds, r.Kind):
		return fmt.Errorf("fault %q has no invocation that could be cold", r.Kind)
	case r.Probability < 0 || r.Probability > 1:
		return fmt.Errorf("probability %v is not between 0 and 1", r.Probability)
	case r.Hits != 0:
		return fmt.Errorf("hits are counted, not set")
	}
	return nil
}
