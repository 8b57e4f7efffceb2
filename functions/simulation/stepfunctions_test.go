package simulation

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/sfn"
	"github.com/aws/aws-sdk-go-v2/service/sfn/types"
)

const (
	account             = "123456789012"
	statesARN           = "arn:aws:states:eu-west-1:" + account + ":stateMachine:"
	requestMachineARN   = statesARN + "elevator-request"
	reconcileMachineARN = statesARN + "elevator-reconcile"
)

// steps is Step Functions.
type steps struct {
	world      *world
	machines   map[string]*machine
	executions map[string]*execution
	inOrder    []*execution
	tokens     map[string]*token
	source     *source
}

type tokenState int

const (
	tokenOpen tokenState = iota
	tokenUsed
	tokenTimedOut
	tokenGone // its task or its execution has ended
)

// token is a task token.
type token struct {
	text    string
	state   tokenState
	output  any
	failure *failure // if someone failed the task
	strand  *strand
}

func (s *steps) newToken(of *strand) *token {
	t := &token{text: fmt.Sprintf("AQCEAAAAKgAAAAMAAAAAAAAAA%032x", s.source.dice("token").next()), strand: of}
	s.tokens[t.text] = t
	return t
}

func executionARN(machine, name string) string {
	return strings.Replace(machine, ":stateMachine:", ":execution:", 1) + ":" + name
}

// start starts an execution. exists is true if another execution has the name. If an
// execution with the name and the same input is running, start returns that one.
func (s *steps) start(machine, name, input string) (_ *execution, exists bool) {
	arn := executionARN(machine, name)
	if e := s.executions[arn]; e != nil {
		return e, e.status != "RUNNING" || e.input != input
	}
	var data any
	if err := json.Unmarshal([]byte(input), &data); err != nil {
		s.world.broken("the interpreter", "an execution's input is no JSON: "+input)
	}
	if len(name) > 80 || strings.Trim(name, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_") != "" {
		s.world.broken("the interpreter", "an execution can't be called "+name)
	}
	e := &execution{
		world: s.world, arn: arn, name: name, machine: s.machines[machine], of: machine, input: input,
		status: "RUNNING", startedAt: s.world.clock.now(),
	}
	e.root = e.strand(e.machine, e.machine.StartAt, data, mix(s.world.seed, hash(arn)), map[string]any{
		"Execution":    map[string]any{"Id": arn, "Name": name, "Input": data},
		"StateMachine": map[string]any{"Id": machine},
	})
	s.executions[arn] = e
	s.inOrder = append(s.inOrder, e)
	s.world.clock.say("%s starts with %s", e.short(), input)
	e.root.start(e.finish)
	if s.world.insider != nil {
		s.world.insider.started(e)
	}
	return e, false
}

// finish is called when the execution's own strand has ended.
func (e *execution) finish() {
	if e.status != "RUNNING" {
		return
	}
	e.status, e.endedAt, e.error = "SUCCEEDED", e.world.clock.now(), e.root.failed
	if e.error != nil {
		e.status = "FAILED"
	}
	e.world.clock.say("%s is over: %s %v", e.short(), e.status, e.error)
	e.world.noteEnd(e)
}

// stop ends an execution as StopExecution does. Functions that it called keep running.
func (e *execution) stop() {
	if e.status != "RUNNING" {
		return
	}
	e.status, e.endedAt = "ABORTED", e.world.clock.now()
	e.world.clock.say("%s is stopped in %s", e.short(), e.root.at)
	e.root.stop()
	e.world.noteEnd(e)
}

// redrive continues an execution that didn't succeed from the state in which it
// ended, as RedriveExecution does.
func (e *execution) redrive() bool {
	if e.status != "FAILED" && e.status != "ABORTED" {
		return false
	}
	e.redrawn++
	e.status, e.endedAt, e.error = "RUNNING", time.Time{}, nil
	e.world.clock.say("%s is redriven in %s", e.short(), e.root.at)
	before := e.root
	e.root = before.again(uint64(e.redrawn))
	e.root.start(e.finish)
	return true
}

// again returns a copy of the strand at its current state. Branches that had
// ended don't run again.
func (s *strand) again(n uint64) *strand {
	next := s.e.strand(s.m, s.at, s.data, mix(s.source.key, n), s.context)
	delete(next.context, "Task")
	if s.kids != nil {
		next.kids = make([]*strand, len(s.kids))
		for i, kid := range s.kids {
			next.kids[i] = kid
			if !kid.done || kid.failed != nil {
				next.kids[i] = kid.again(n)
			}
		}
	}
	return next
}

// StartExecution and the following methods are the API.
func (s *steps) StartExecution(ctx context.Context, in *sfn.StartExecutionInput, _ ...func(*sfn.Options)) (*sfn.StartExecutionOutput, error) {
	return call(ctx, s.world, "states", "StartExecution", *in.Name, func() (*sfn.StartExecutionOutput, error) {
		e, exists := s.start(*in.StateMachineArn, *in.Name, *in.Input)
		if exists {
			return nil, &types.ExecutionAlreadyExists{}
		}
		return &sfn.StartExecutionOutput{ExecutionArn: &e.arn, StartDate: &e.startedAt}, nil
	})
}

// listLag is how far ListExecutions may lag behind.
const listLag = 2 * time.Second

func (s *steps) ListExecutions(ctx context.Context, in *sfn.ListExecutionsInput, _ ...func(*sfn.Options)) (*sfn.ListExecutionsOutput, error) {
	return call(ctx, s.world, "states", "ListExecutions", *in.StateMachineArn, func() (*sfn.ListExecutionsOutput, error) {
		if in.StatusFilter != types.ExecutionStatusRunning || in.NextToken != nil {
			panic("ListExecutions: only those that run can be listed here, and they fit into one page")
		}
		behind := s.world.trouble.lag(s.source.dice("list"), listLag)
		as := s.world.clock.now().Add(-behind)
		out := &sfn.ListExecutionsOutput{}
		for _, e := range slices.Backward(s.inOrder) {
			if e.of == *in.StateMachineArn && !e.startedAt.After(as) && (e.endedAt.IsZero() || e.endedAt.After(as)) {
				out.Executions = append(out.Executions, types.ExecutionListItem{Name: &e.name, ExecutionArn: &e.arn, Status: types.ExecutionStatusRunning})
			}
		}
		return out, nil
	})
}

func (s *steps) DescribeExecution(ctx context.Context, in *sfn.DescribeExecutionInput, _ ...func(*sfn.Options)) (*sfn.DescribeExecutionOutput, error) {
	return call(ctx, s.world, "states", "DescribeExecution", *in.ExecutionArn, func() (*sfn.DescribeExecutionOutput, error) {
		e := s.executions[*in.ExecutionArn]
		if e == nil {
			return nil, &types.ExecutionDoesNotExist{}
		}
		out := &sfn.DescribeExecutionOutput{ExecutionArn: &e.arn, Status: types.ExecutionStatus(e.status), Input: &e.input, StartDate: &e.startedAt}
		if !e.endedAt.IsZero() {
			ended := e.endedAt
			out.StopDate = &ended
		}
		return out, nil
	})
}

func (s *steps) SendTaskSuccess(ctx context.Context, in *sfn.SendTaskSuccessInput, _ ...func(*sfn.Options)) (*sfn.SendTaskSuccessOutput, error) {
	return call(ctx, s.world, "states", "SendTaskSuccess", "", func() (*sfn.SendTaskSuccessOutput, error) {
		t := s.tokens[*in.TaskToken]
		switch {
		case t == nil:
			return nil, &types.InvalidToken{}
		case t.state == tokenTimedOut:
			return nil, &types.TaskTimedOut{}
		case t.state != tokenOpen || t.strand.stopped || t.strand.e.status != "RUNNING":
			return nil, &types.TaskDoesNotExist{}
		}
		var output any
		if err := json.Unmarshal([]byte(*in.Output), &output); err != nil {
			return nil, &types.InvalidOutput{}
		}
		t.state, t.output = tokenUsed, output
		s.world.clock.say("%s is resumed with %s", t.strand.e.short(), *in.Output)
		s.world.clock.wake(t.strand.turn)
		return &sfn.SendTaskSuccessOutput{}, nil
	})
}
