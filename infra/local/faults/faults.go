// Package faults makes things go wrong on purpose in the local stack: rules say
// which invocation of a function is killed or held up, which call to AWS is
// answered with an error, and which creation or deletion of an assignment is
// accepted and then takes long, or fails. Tests set the rules over HTTP, at
// /_faults of the gateway; without rules nothing is touched.
//
//	POST   /_faults  one Rule as JSON
//	GET    /_faults  the rules that have something left to hit, as JSON
//	DELETE /_faults  forgets all rules
package faults

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"sync"
	"time"

	"sso-elevator/infra/local/lambda"
)

// Kind is what goes wrong.
type Kind string

const (
	// Of an invocation.
	KillBefore Kind = "kill_before" // the process dies with the event in its hands
	KillAfter  Kind = "kill_after"  // it dies after its effect, before its answer arrives
	Delay      Kind = "delay"       // the event reaches it later

	// Of a call to AWS.
	Throttle    Kind = "throttle"    // ThrottlingException
	Conflict    Kind = "conflict"    // ConflictException
	ServerError Kind = "error"       // HTTP 500
	Unavailable Kind = "unavailable" // HTTP 503, for REST protocols too
	Denied      Kind = "denied"      // AccessDeniedException
	NotFound    Kind = "not_found"   // ResourceNotFoundException

	// Of a call to AWS that is accepted, CreateAccountAssignment or
	// DeleteAccountAssignment: of what it sets going.
	Operation Kind = "operation"
)

// Rule says which calls a fault hits. Empty fields match everything.
type Rule struct {
	Kind Kind `json:"kind"`

	// Function is the end of a function's name, Operation and RequestID are
	// those of its task's payload: for faults of an invocation.
	Function  string `json:"function,omitempty"`
	RequestID string `json:"request_id,omitempty"`

	// Target is a part of "Service.Operation", or of the path of a REST call:
	// for faults of a call to AWS, and of the operation that it starts.
	Target string `json:"target,omitempty"`
	// Body are parts of the call's body; all of them have to be there.
	Body []string `json:"body,omitempty"`

	// Operation is the operation in a task's payload.
	Operation string `json:"operation,omitempty"`

	Skip  int `json:"skip,omitempty"`  // so many calls pass before
	Count int `json:"count,omitempty"` // so many are hit; default 1, -1 all

	DelayMS int `json:"delay_ms,omitempty"`

	// Polls is how many looks at an operation find it IN_PROGRESS, at least 1:
	// the next one finds it SUCCEEDED or, where there is a FailureReason, FAILED
	// with that reason and without effect.
	Polls         int    `json:"polls,omitempty"`
	FailureReason string `json:"failure_reason,omitempty"`
}

func (r Rule) ofInvocation() bool {
	return r.Kind == KillBefore || r.Kind == KillAfter || r.Kind == Delay
}

// startOperations are the calls that set an operation going, as targets.
var startOperations = []string{"SWBExternalService.CreateAccountAssignment", "SWBExternalService.DeleteAccountAssignment"}

func (r Rule) check() error {
	switch r.Kind {
	case KillBefore, KillAfter, Delay:
		if r.Target != "" || len(r.Body) > 0 {
			return fmt.Errorf("fault %q hits invocations: target and body do not apply", r.Kind)
		}
	case Throttle, Conflict, ServerError, Unavailable, Denied, NotFound:
		if r.Target == "" {
			return fmt.Errorf("fault %q needs a target", r.Kind)
		}
	case Operation:
		if r.Target == "" || !slices.ContainsFunc(startOperations, func(o string) bool { return strings.Contains(o, r.Target) }) {
			return fmt.Errorf("fault %q needs a target, CreateAccountAssignment or DeleteAccountAssignment", r.Kind)
		}
		if r.Polls < 1 {
			return fmt.Errorf("fault %q needs polls, at least 1", r.Kind)
		}
	default:
		return fmt.Errorf("there is no fault %q", r.Kind)
	}
	if r.Kind != Operation && (r.Polls != 0 || r.FailureReason != "") {
		return fmt.Errorf("fault %q has no polls and no failure_reason", r.Kind)
	}
	return nil
}

// about says whether the rule's parts are all in the body of a call.
func (r Rule) about(request []byte) bool {
	for _, part := range r.Body {
		if !bytes.Contains(request, []byte(part)) {
			return false
		}
	}
	return true
}

// Rules are the rules in force. The zero value has none.
type Rules struct {
	mu    sync.Mutex
	rules []*Rule
}

// hit finds the first rule that matches and uses it up by one.
func (f *Rules) hit(match func(Rule) bool) (Rule, bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, r := range f.rules {
		if r.Count == 0 || !match(*r) {
			continue
		}
		if r.Skip > 0 {
			r.Skip--
			continue
		}
		if r.Count > 0 {
			r.Count--
		}
		return *r, true
	}
	return Rule{}, false
}

// Invocation is the fault of one invocation, for lambda.Config.
func (f *Rules) Invocation(function string, payload []byte) lambda.Fault {
	var task struct {
		Operation string `json:"operation"`
		RequestID string `json:"request_id"`
	}
	_ = json.Unmarshal(payload, &task) // an event that is no task matches by function only
	r, ok := f.hit(func(r Rule) bool {
		return r.ofInvocation() && strings.HasSuffix(function, r.Function) &&
			(r.Operation == "" || r.Operation == task.Operation) &&
			(r.RequestID == "" || r.RequestID == task.RequestID)
	})
	if !ok {
		return lambda.Fault{}
	}
	return lambda.Fault{
		Delay:      time.Duration(r.DelayMS) * time.Millisecond,
		KillBefore: r.Kind == KillBefore,
		KillAfter:  r.Kind == KillAfter,
	}
}

// Call is the fault of one call to AWS: status and body of its answer.
func (f *Rules) Call(target, path string, request []byte) (status int, body []byte, ok bool) {
	r, ok := f.hit(func(r Rule) bool {
		return !r.ofInvocation() && r.Kind != Operation && r.about(request) &&
			(strings.Contains(target, r.Target) || target == "" && strings.Contains(path, r.Target))
	})
	if !ok {
		return 0, nil, false
	}
	status, code := http.StatusBadRequest, "ThrottlingException"
	switch r.Kind {
	case Conflict:
		code = "ConflictException"
	case Denied:
		code = "AccessDeniedException"
	case NotFound:
		code = "ResourceNotFoundException"
	case ServerError:
		status, code = http.StatusInternalServerError, "InternalServerException"
	case Unavailable:
		status, code = http.StatusServiceUnavailable, "ServiceUnavailable"
	}
	body, _ = json.Marshal(map[string]string{"__type": code, "message": "injected"})
	return status, body, true
}

// Course is how the operation goes on that an accepted call to AWS starts.
func (f *Rules) Course(target string, request []byte) (polls int, failureReason string, ok bool) {
	r, ok := f.hit(func(r Rule) bool {
		return r.Kind == Operation && strings.Contains(target, r.Target) && r.about(request)
	})
	return r.Polls, r.FailureReason, ok
}

// ServeHTTP sets and forgets rules.
func (f *Rules) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	switch r.Method {
	case http.MethodPost:
		var rule Rule
		decoder := json.NewDecoder(r.Body)
		decoder.DisallowUnknownFields()
		err := decoder.Decode(&rule)
		if err == nil {
			err = rule.check()
		}
		if err != nil {
			http.Error(w, err.Error(), http.StatusBadRequest)
			return
		}
		if rule.Count == 0 {
			rule.Count = 1
		}
		f.mu.Lock()
		f.rules = append(f.rules, &rule)
		f.mu.Unlock()
	case http.MethodGet:
		left := []Rule{}
		f.mu.Lock()
		for _, r := range f.rules {
			if r.Count != 0 {
				left = append(left, *r)
			}
		}
		f.mu.Unlock()
		w.Header().Set("Content-Type", "application/json")
		json.NewEncoder(w).Encode(left)
	case http.MethodDelete:
		f.mu.Lock()
		f.rules = nil
		f.mu.Unlock()
	default:
		http.Error(w, "POST sets a rule, GET shows what is left of them, DELETE forgets all", http.StatusMethodNotAllowed)
	}
}
