package simulation

import (
	"encoding/json"
	"fmt"
	"math"
	"runtime"
	"slices"
	"strings"
	"time"
)

// An execution is an execution of a state machine. It counts its events roughly
// as AWS does: the quota is 25,000 (Step Functions quotas, "Maximum execution
// history size").
type execution struct {
	world   *world
	arn     string
	name    string
	machine *machine
	of      string // the machine's ARN
	input   string
	status  string // RUNNING, SUCCEEDED, FAILED, ABORTED
	events  int
	root    *strand
	redrawn int // how often it was redriven
	error   *failure

	startedAt, endedAt time.Time
}

const maxEvents = 25_000

// strand is one line of states in an execution: its own, or that of a branch. It
// keeps its current state, so that a redrive can continue there.
type strand struct {
	e       *execution
	m       *machine
	source  *source
	context map[string]any

	at   string // the state it is in
	data any    // that state's input

	kids []*strand // the branches of the state that it is in
	turn *turn

	stopped, done bool
	output        any
	failed        *failure
	ended         func()
}

func (e *execution) strand(m *machine, at string, data any, key uint64, context map[string]any) *strand {
	return &strand{e: e, m: m, at: at, data: data, source: newSource(key), context: context}
}

// start runs the strand from its current state.
func (s *strand) start(ended func()) {
	s.ended = ended
	s.e.world.clock.spawn(func() {
		defer func() {
			if r := recover(); r != nil {
				s.e.world.broken("the interpreter", fmt.Sprintf("%s in %s: %v\n%s", s.at, s.e.name, r, stack()))
			}
			if s.done {
				s.ended()
			}
		}()
		s.output, s.failed = s.run()
		s.done = true
	})
}

// stop ends the strand. If it waits for a function, that function keeps running.
func (s *strand) stop() {
	s.stopped = true
	for _, kid := range s.kids {
		kid.stop()
	}
	s.e.world.clock.wake(s.turn)
}

// wait waits until cond holds, at most until a time. It reports whether cond holds.
// The zero time means forever.
func (s *strand) wait(until time.Time, cond func() bool) bool {
	for !s.stopped && !cond() {
		at := until
		if at.IsZero() {
			at = s.e.world.clock.now().Add(400 * 24 * time.Hour)
		} else if !s.e.world.clock.now().Before(until) {
			return false
		}
		s.turn = &turn{at: at, order: s.source.dice("turn").next(), ready: make(chan struct{}, 1)}
		s.e.world.clock.wait(s.turn)
	}
	if s.stopped {
		runtime.Goexit()
	}
	return true
}

func (s *strand) sleep(d time.Duration) {
	s.wait(s.e.world.clock.now().Add(d), func() bool { return false })
}

// run executes one state after the other.
func (s *strand) run() (any, *failure) {
	for {
		// Branches that start together run side by side until their first turn.
		s.sleep(s.source.dice("step").between(5*time.Millisecond, 40*time.Millisecond))
		st := s.m.States[s.at]
		if s.e.events += 2; s.e.events > maxEvents {
			return nil, runtimeError("the execution reached the maximum number of history events (%d)", maxEvents)
		}
		s.e.world.clock.say("%s ► %s", s.e.short(), s.at)
		s.e.world.noteState(s.e, s.at)
		result, next, f := s.state(st)
		path := st.resultPath
		if f != nil {
			c := caught(st.Catch, f)
			if c == nil {
				return nil, f
			}
			s.e.world.clock.say("%s ! %s: %s", s.e.short(), s.at, f)
			result, next, path = map[string]any{"Error": f.name, "Cause": f.cause}, c.Next, c.resultPath
		}
		switch st.Type {
		case "Succeed":
			return s.data, nil
		case "Task", "Pass", "Parallel", "Map":
			if path != nil {
				if s.data, f = put(s.data, *path, result); f != nil {
					return nil, f
				}
			}
		}
		s.kids = nil
		s.at = next
	}
}

func (s *strand) state(st *state) (result any, next string, f *failure) {
	next = st.Next
	switch st.Type {
	case "Succeed":
	case "Fail":
		f = &failure{st.Error, st.Cause}
	case "Pass":
		result, f = s.data, nil
		if st.Parameters != nil {
			result, f = s.fill(st.Parameters)
		}
	case "Choice":
		next, f = s.choose(st)
	case "Wait":
		f = s.pause(st)
	case "Task":
		result, f = s.task(st)
	case "Parallel":
		result, f = s.parallel(st)
	case "Map":
		result, f = s.each(st)
	}
	return result, next, f
}

func (s *strand) fill(template any) (any, *failure) {
	return fill(template, s.data, any(s.context), s.source.dice("uuid").next)
}

func (s *strand) choose(st *state) (string, *failure) {
	for _, c := range st.Choices {
		holds, f := c.holds(s.data)
		if f != nil {
			return "", f
		}
		if holds {
			return c.Next, nil
		}
	}
	if st.Default == "" {
		return "", &failure{"States.NoChoiceMatched", s.at}
	}
	return st.Default, nil
}

func (c choice) holds(data any) (bool, *failure) {
	if c.And != nil {
		for _, condition := range c.And {
			if holds, f := condition.holds(data); f != nil || !holds {
				return false, f
			}
		}
		return true, nil
	}
	value, there := lookup(c.Variable, data, nil)
	if c.IsPresent != nil {
		return there == *c.IsPresent, nil
	}
	if !there {
		return false, runtimeError("a choice reads %s, which is not there", c.Variable)
	}
	switch {
	case c.StringEquals != nil:
		text, ok := value.(string)
		return ok && text == *c.StringEquals, nil
	case c.NumericLessThan != nil:
		n, ok := value.(float64)
		return ok && n < *c.NumericLessThan, nil
	case c.BooleanEquals != nil:
		b, ok := value.(bool)
		return ok && b == *c.BooleanEquals, nil
	}
	panic("a choice without a comparison that is known here: " + c.Variable)
}

func (s *strand) pause(st *state) *failure {
	if st.Seconds != nil {
		s.sleep(time.Duration(*st.Seconds) * time.Second)
		return nil
	}
	value, _ := lookup(st.TimestampPath, s.data, nil)
	text, _ := value.(string)
	at, err := time.Parse(time.RFC3339, text)
	if err != nil {
		return runtimeError("%s is no timestamp: %v", st.TimestampPath, value)
	}
	s.wait(at, func() bool { return false })
	return nil
}

// caught returns the first Catch that matches the failure.
func caught(catchers []catcher, f *failure) *catcher {
	for i := range catchers {
		if takes(catchers[i].ErrorEquals, f) {
			return &catchers[i]
		}
	}
	return nil
}

// takes reports whether an ErrorEquals matches the failure. States.ALL matches
// neither States.Runtime nor States.DataLimitExceeded; States.TaskFailed doesn't
// match a task's timeout.
func takes(names []string, f *failure) bool {
	for _, name := range names {
		switch {
		case name == f.name:
			return true
		case f.name == "States.Runtime" || f.name == "States.DataLimitExceeded":
		case name == "States.ALL", name == "States.TaskFailed" && f.name != "States.Timeout":
			return true
		}
	}
	return false
}

// task runs a Task and repeats it as its Retry says.
func (s *strand) task(st *state) (any, *failure) {
	tried := make([]int, len(st.Retry))
	entered := s.e.world.clock.now().UTC().Format("2006-01-02T15:04:05.000Z")
	for retries := 0; ; retries++ {
		s.context["State"] = map[string]any{"Name": s.at, "EnteredTime": entered, "RetryCount": float64(retries)}
		result, f := s.try(st)
		if f == nil && st.ResultSelector != nil {
			// A selector finds the result at "$".
			result, f = fill(st.ResultSelector, result, any(s.context), s.source.dice("uuid").next)
		}
		if f == nil {
			return result, nil
		}
		i := slices.IndexFunc(st.Retry, func(r retrier) bool { return takes(r.ErrorEquals, f) })
		if i < 0 {
			return nil, f
		}
		r := st.Retry[i]
		most := 3
		if r.MaxAttempts != nil {
			most = *r.MaxAttempts
		}
		if tried[i] >= most {
			return nil, f
		}
		delay := r.delay(tried[i])
		tried[i]++
		if r.JitterStrategy == "FULL" {
			delay = s.source.dice("jitter").between(0, delay)
		}
		s.e.world.clock.say("%s ↻ %s in %v: %s", s.e.short(), s.at, delay.Round(time.Millisecond), f)
		s.sleep(delay)
	}
}

func (r retrier) delay(tried int) time.Duration {
	interval, rate := r.IntervalSeconds, r.BackoffRate
	if interval == 0 {
		interval = 1
	}
	if rate == 0 {
		rate = 2
	}
	delay := float64(interval) * math.Pow(rate, float64(tried))
	if r.MaxDelaySeconds > 0 {
		delay = min(delay, float64(r.MaxDelaySeconds))
	}
	return time.Duration(delay * float64(time.Second))
}

// timeout returns when the state times out, or zero for never.
func (s *strand) timeout(st *state) (time.Time, *failure) {
	n := float64(st.TimeoutSeconds)
	if st.TimeoutSecondsPath != "" {
		value, _ := lookup(st.TimeoutSecondsPath, s.data, nil)
		var ok bool
		if n, ok = value.(float64); !ok || n != math.Trunc(n) || n < 1 || n > 99_999_999 {
			return time.Time{}, runtimeError("%s is no timeout: %v", st.TimeoutSecondsPath, value)
		}
	}
	if n == 0 {
		return time.Time{}, nil
	}
	return s.e.world.clock.now().Add(time.Duration(n) * time.Second), nil
}

// try runs a Task once.
func (s *strand) try(st *state) (any, *failure) {
	until, f := s.timeout(st)
	if f != nil {
		return nil, f
	}
	w := s.e.world
	switch st.Resource {
	case "arn:aws:states:::lambda:invoke":
		parameters, f := s.fill(st.Parameters)
		if f != nil {
			return nil, f
		}
		run := w.lambda.invoke(parameters, s)
		if !s.wait(until, func() bool { return run.answered }) {
			return nil, &failure{"States.Timeout", ""}
		}
		if run.failure != nil {
			return nil, run.failure
		}
		return map[string]any{"Payload": run.output, "StatusCode": 200.0}, nil

	case "arn:aws:states:::lambda:invoke.waitForTaskToken":
		token := w.steps.newToken(s)
		defer func() { token.state = tokenGone }()
		s.context["Task"] = map[string]any{"Token": token.text}
		parameters, f := s.fill(st.Parameters)
		delete(s.context, "Task")
		if f != nil {
			return nil, f
		}
		run := w.lambda.invoke(parameters, s)
		over := func() bool { return token.state == tokenUsed || run.answered && run.failure != nil }
		if !s.wait(until, over) {
			token.state = tokenTimedOut
			return nil, &failure{"States.Timeout", ""}
		}
		if token.state == tokenUsed {
			return token.output, token.failure
		}
		return nil, run.failure

	case "arn:aws:states:::states:startExecution":
		parameters, f := s.fill(st.Parameters)
		if f != nil {
			return nil, f
		}
		p := parameters.(map[string]any)
		s.sleep(s.source.dice("start").between(20*time.Millisecond, 200*time.Millisecond))
		if s.source.dice("start fails").chance(w.trouble.errors) {
			return nil, &failure{"StepFunctions.SdkClientException", "no answer"}
		}
		input, _ := json.Marshal(p["Input"])
		e, exists := w.steps.start(p["StateMachineArn"].(string), p["Name"].(string), string(input))
		if exists {
			return nil, &failure{"StepFunctions.ExecutionAlreadyExistsException", e.name}
		}
		return map[string]any{"ExecutionArn": e.arn}, nil
	}
	panic("the resource " + st.Resource + " is not known here")
}

// parallel runs the branches at the same time. The first that fails stops the others.
// After a redrive, branches that had ended don't run again.
func (s *strand) parallel(st *state) (any, *failure) {
	if s.kids == nil {
		for i, branch := range st.Branches {
			s.kids = append(s.kids, s.e.strand(branch, branch.StartAt, s.data, mix(s.source.dice("branch").next(), uint64(i)), s.copied(nil)))
		}
	}
	return s.together(s.kids, len(s.kids), 0)
}

// each runs a Map's inner machine for each item.
func (s *strand) each(st *state) (any, *failure) {
	items, _ := lookup(st.ItemsPath, s.data, nil)
	list, ok := items.([]any)
	if !ok {
		return nil, runtimeError("%s is no list", st.ItemsPath)
	}
	if s.kids == nil {
		for i, item := range list {
			context := s.copied(map[string]any{"Map": map[string]any{"Item": map[string]any{"Value": item, "Index": float64(i)}}})
			data, f := fill(st.ItemSelector, s.data, any(context), s.source.dice("uuid").next)
			if f != nil {
				return nil, f
			}
			m := st.ItemProcessor
			s.kids = append(s.kids, s.e.strand(m, m.StartAt, data, mix(s.source.dice("item").next(), uint64(i)), context))
		}
	}
	tolerated := 0.0
	if st.ToleratedFailurePercentage != nil {
		tolerated = *st.ToleratedFailurePercentage
	}
	atOnce := st.MaxConcurrency
	if atOnce == 0 {
		atOnce = len(s.kids)
	}
	return s.together(s.kids, atOnce, tolerated)
}

func (s *strand) copied(more map[string]any) map[string]any {
	context := map[string]any{}
	for k, v := range s.context {
		context[k] = v
	}
	for k, v := range more {
		context[k] = v
	}
	return context
}

// together runs the kids, at most atOnce at a time, and collects their outputs.
func (s *strand) together(kids []*strand, atOnce int, tolerated float64) (any, *failure) {
	running, next := 0, 0
	outputs := make([]any, len(kids))
	failed := 0
	for {
		for ; running < atOnce && next < len(kids); next++ {
			if kid := kids[next]; !kid.done {
				running++
				kid.stopped, kid.failed = false, nil
				kid.start(func() {
					running--
					s.e.world.clock.wake(s.turn)
				})
			}
		}
		if running == 0 {
			break
		}
		before := running
		s.wait(time.Time{}, func() bool { return running < before })
		for _, kid := range kids {
			if kid.done && kid.failed != nil && tolerated == 0 {
				f := kid.failed
				for _, other := range kids {
					if !other.done {
						other.stop()
					}
				}
				return nil, f
			}
		}
	}
	for i, kid := range kids {
		if kid.failed != nil {
			failed++
			continue
		}
		outputs[i] = kid.output
	}
	if failed > 0 && float64(failed)*100/float64(len(kids)) > tolerated {
		return nil, &failure{"States.ExceedToleratedFailureThreshold", fmt.Sprintf("%d failed", failed)}
	}
	return slices.DeleteFunc(outputs, func(o any) bool { return o == nil }), nil
}

// short returns the execution's name in a story.
func (e *execution) short() string {
	kind := "sweep"
	if e.of == requestMachineARN {
		kind = "exec"
	}
	name := e.name
	if i := strings.LastIndexByte(name, '-'); kind == "exec" && i >= 0 && len(name)-i-1 == 16 {
		name = name[i+1:]
	}
	return kind + " " + name
}
