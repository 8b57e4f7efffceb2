package faults

import (
	"bytes"
	"encoding/binary"
	"encoding/json"
	"hash/fnv"
	"net/http"
	"slices"
	"strings"
	"sync"
	"time"

	"sso-elevator/infra/local/lambda"
)

// Rules are the rules in force.
type Rules struct {
	// Caller, if set, returns the invocation that a function's instance is working
	// on. Kill ends an instance. Session tokens identify instances.
	Caller func(instance string) (lambda.Invocation, bool)
	Kill   func(instance string)

	mu    sync.Mutex
	rules []*rule
}

// rule is a Rule in force.
type rule struct {
	Rule
	invocations map[string]bool // those that it has hit
	draws       map[string]int  // number of draws, by combination
}

// event is an invocation, or a call that an invocation makes.
type event struct {
	invocation string
	function   string
	operation  string
	requestID  string
	call       string // the call's name; "" for the invocation itself
	body       []byte
}

func newEvent(id, function string, payload []byte) event {
	var task struct {
		Operation string `json:"operation"`
		RequestID string `json:"request_id"`
	}
	_ = json.Unmarshal(payload, &task) // an event that is not a task matches by function only
	return event{invocation: id, function: function, operation: task.Operation, requestID: task.RequestID}
}

func (r *rule) matches(e event) bool {
	if !strings.HasSuffix(e.function, r.Function) || r.Operation != "" && r.Operation != e.operation || r.RequestID != "" && r.RequestID != e.requestID ||
		r.Target != Any && !strings.Contains(e.call, r.Target) {
		return false
	}
	for _, part := range r.Body {
		if !bytes.Contains(e.body, []byte(part)) {
			return false
		}
	}
	if r.Invocations > 0 && !r.invocations[e.invocation] && len(r.invocations) >= r.Invocations {
		return false
	}
	return r.Probability == 0 || r.draw(e)
}

// draw decides by chance whether the rule hits a matching event. With the same seed, it
// decides the same way again.
func (r *rule) draw(e event) bool {
	combination := strings.Join([]string{e.function, e.operation, e.requestID, e.call}, "\x00")
	r.draws[combination]++
	h := fnv.New64a()
	h.Write([]byte(combination))
	h.Write(binary.LittleEndian.AppendUint64(nil, r.Seed))
	h.Write(binary.LittleEndian.AppendUint64(nil, uint64(r.draws[combination])))
	// The last byte hardly changes FNV's upper bits, so apply the finalizer of SplitMix64.
	x := h.Sum64()
	x = (x ^ x>>30) * 0xbf58476d1ce4e5b9
	x = (x ^ x>>27) * 0x94d049bb133111eb
	x ^= x >> 31
	return float64(x>>11)/(1<<53) < r.Probability
}

// hit returns the first rule of one of these kinds that matches, and uses up one of
// its hits.
func (f *Rules) hit(e event, kinds ...Kind) (Rule, bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, r := range f.rules {
		if r.Count == 0 || !slices.Contains(kinds, r.Kind) || !r.matches(e) {
			continue
		}
		if r.Skip > 0 {
			r.Skip--
			continue
		}
		if r.Count > 0 && r.Invocations == 0 {
			r.Count--
		}
		r.invocations[e.invocation] = true
		r.Hits++
		return r.Rule, true
	}
	return Rule{}, false
}

// Invocation returns the fault of one invocation, for lambda.Config.
func (f *Rules) Invocation(id, function string, payload []byte) lambda.Fault {
	r, ok := f.hit(newEvent(id, function, payload), invocationKinds...)
	if !ok {
		return lambda.Fault{}
	}
	return lambda.Fault{
		Delay:      time.Duration(r.DelayMS) * time.Millisecond,
		Hold:       r.release,
		Cold:       r.Cold,
		KillBefore: r.Kind == KillBefore,
		KillAfter:  r.Kind == KillAfter,
		Throttled:  r.Kind == InvokeThrottled,
		Failed:     r.Kind == InvokeFailed,
	}
}

// Course returns the course of the operation that an accepted call to AWS starts.
func (f *Rules) Course(instance, target string, request []byte) (polls int, failureReason string, ok bool) {
	e := f.eventOfCaller(instance)
	e.call, e.body = target, request
	r, ok := f.hit(e, Operation)
	return r.Polls, r.FailureReason, ok
}

// eventOfCaller returns the event of the invocation that makes a call. It is empty
// if the caller is not a function.
func (f *Rules) eventOfCaller(instance string) event {
	if f.Caller == nil || instance == "" {
		return event{}
	}
	inv, ok := f.Caller(instance)
	if !ok {
		return event{}
	}
	return newEvent(inv.ID, inv.Function, inv.Payload)
}

func (f *Rules) isEmpty() bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	return len(f.rules) == 0
}

// ServeHTTP sets, shows and forgets rules.
func (f *Rules) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	label := r.URL.Query().Get("label")
	switch r.Method {
	case http.MethodPost:
		var set Rule
		decoder := json.NewDecoder(r.Body)
		decoder.DisallowUnknownFields()
		err := decoder.Decode(&set)
		if err == nil {
			err = set.check()
		}
		if err != nil {
			http.Error(w, err.Error(), http.StatusBadRequest)
			return
		}
		if set.Count == 0 {
			set.Count = 1
		}
		if set.Kind == Hold {
			set.release = make(chan struct{})
		}
		f.mu.Lock()
		f.rules = append(f.rules, &rule{Rule: set, invocations: map[string]bool{}, draws: map[string]int{}})
		f.mu.Unlock()
	case http.MethodGet:
		shown := []Rule{}
		f.mu.Lock()
		for _, r := range f.rules {
			if label == "" && r.Count != 0 || label != "" && r.Label == label {
				shown = append(shown, r.Rule)
			}
		}
		f.mu.Unlock()
		w.Header().Set("Content-Type", "application/json")
		json.NewEncoder(w).Encode(shown)
	case http.MethodDelete:
		f.mu.Lock()
		f.rules = slices.DeleteFunc(f.rules, func(r *rule) bool {
			forgotten := label == "" || r.Label == label
			if forgotten && r.release != nil {
				close(r.release)
			}
			return forgotten
		})
		f.mu.Unlock()
	default:
		http.Error(w, "use POST to add a rule, GET to list the rules that can still hit, DELETE to delete them", http.StatusMethodNotAllowed)
	}
}
