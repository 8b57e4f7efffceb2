package gateway

import (
	"context"
	"encoding/json"
	"maps"
	"slices"
	"strings"
	"sync"
	"time"

	"sso-elevator/infra/local/lambda"
)

// moto has no RedriveExecution. The gateway emulates a redrive with another execution
// in moto, of a machine made only for that: the same machine, started at the state in
// which the execution ended. Only moto sees these parts. Callers see one execution,
// and functions get its ARN.

// redriveLog remembers the redrives of each execution, in order, by its ARN.
type redriveLog struct {
	mu       sync.Mutex
	redrives map[string][]redrive
}

// redrive is one redrive of an execution.
type redrive struct {
	arn string // of the execution that moto runs for it
	at  time.Time
}

func (l *redriveLog) add(arn string, r redrive) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.redrives == nil {
		l.redrives = map[string][]redrive{}
	}
	l.redrives[arn] = append(l.redrives[arn], r)
}

func (l *redriveLog) removeLast(arn string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.redrives[arn] = l.redrives[arn][:len(l.redrives[arn])-1]
}

func (l *redriveLog) list(arn string) []redrive {
	l.mu.Lock()
	defer l.mu.Unlock()
	return slices.Clone(l.redrives[arn])
}

// current returns the ARN of the latest part of an execution in moto: its latest
// redrive, or the execution itself.
func (l *redriveLog) current(arn string) string {
	if redrives := l.list(arn); len(redrives) > 0 {
		return redrives[len(redrives)-1].arn
	}
	return arn
}

// redrivePrefix begins the names of the machines made for redrives. It also begins the
// name of the state that is added to each of them.
const redrivePrefix = "redriven-"

// redriveExecution continues an execution that did not succeed, from the state
// in which it ended.
//
// https://docs.aws.amazon.com/step-functions/latest/apireference/API_RedriveExecution.html
func (g *Gateway) redriveExecution(ctx context.Context, call *Call) *Answer {
	var in struct {
		ExecutionArn string `json:"executionArn"`
	}
	if err := json.Unmarshal(call.Body, &in); err != nil {
		return refuse("SerializationException", "%v", err)
	}
	g.starts.Lock()
	defer g.starts.Unlock()
	ended := g.redrives.current(in.ExecutionArn)
	var execution struct {
		Name    string `json:"name"`
		Machine string `json:"stateMachineArn"`
		Status  string `json:"status"`
		Input   string `json:"input"`
	}
	if answer := g.ask(ctx, call, "AWSStepFunctions.DescribeExecution", map[string]string{"executionArn": ended}, &execution); !answer.succeeded() {
		return answer
	}
	if _, stopped := g.executions.stopTime(ended); !stopped && (execution.Status == "RUNNING" || execution.Status == "SUCCEEDED") {
		return refuse("ExecutionNotRedrivable", "Execution is %s and cannot be redriven.", execution.Status)
	}
	var machine struct {
		Definition string `json:"definition"`
		Role       string `json:"roleArn"`
	}
	if answer := g.ask(ctx, call, "AWSStepFunctions.DescribeStateMachine", map[string]string{"stateMachineArn": execution.Machine}, &machine); !answer.succeeded() {
		return answer
	}
	events, failed := g.history(ctx, call, ended)
	if failed != nil {
		return failed
	}
	definition, err := redriveDefinition(machine.Definition, in.ExecutionArn, events)
	if err != nil {
		return refuse("UnknownOperationException", "%v", err)
	}
	var created struct {
		Machine string `json:"stateMachineArn"`
	}
	if answer := g.ask(ctx, call, "AWSStepFunctions.CreateStateMachine", map[string]string{"name": redrivePrefix + lambda.NewRequestID(), "definition": definition, "roleArn": machine.Role}, &created); !answer.succeeded() {
		return answer
	}
	// The redrive is noted before it starts: a function that it calls may ask
	// about it before StartExecution returns.
	at := g.config.Now()
	g.redrives.add(in.ExecutionArn, redrive{arn: strings.Replace(created.Machine, ":stateMachine:", ":execution:", 1) + ":" + execution.Name, at: at})
	start := map[string]string{"stateMachineArn": created.Machine, "name": execution.Name, "input": execution.Input}
	if answer := g.ask(ctx, call, "AWSStepFunctions.StartExecution", start, nil); !answer.succeeded() {
		g.redrives.removeLast(in.ExecutionArn)
		return answer
	}
	return success(map[string]any{"redriveDate": seconds(at)})
}

// wholeHistory returns the history of an execution with all of its redrives. It
// enters the state in which a redrive continued once more.
func (g *Gateway) wholeHistory(ctx context.Context, call *Call, arn string) (events []map[string]any, failed *Answer) {
	parts := []string{arn}
	for _, r := range g.redrives.list(arn) {
		parts = append(parts, r.arn)
	}
	for i, part := range parts {
		var out struct {
			Events []map[string]any `json:"events"`
		}
		answer := g.ask(ctx, call, "AWSStepFunctions.GetExecutionHistory", map[string]string{"executionArn": part}, &out)
		if !answer.succeeded() {
			return nil, answer
		}
		if i > 0 {
			out.Events = continueHistory(len(events), out.Events)
		}
		events = append(events, out.Events...)
	}
	return events, nil
}

// continueHistory renumbers a redrive's events so that they continue a history of
// after events. It modifies the events in place.
func continueHistory(after int, events []map[string]any) (continued []map[string]any) {
	ids := map[any]int{float64(0): after} // by the redrive's own id
	for _, e := range events {
		id, previous := e["id"], ids[e["previousEventId"]]
		if isOfAddedState(e) {
			ids[id] = previous
			continue
		}
		if e["type"] == "ExecutionStarted" {
			e["type"] = "ExecutionRedriven"
			delete(e, "executionStartedEventDetails")
		}
		ids[id] = after + len(continued) + 1
		e["id"], e["previousEventId"] = ids[id], previous
		continued = append(continued, e)
	}
	return continued
}

// isOfAddedState reports whether an event belongs to a state that startWhereEnded
// added.
func isOfAddedState(event map[string]any) bool {
	for _, details := range []string{"stateEnteredEventDetails", "stateExitedEventDetails"} {
		d, _ := event[details].(map[string]any)
		if name, _ := d["name"].(string); strings.HasPrefix(name, redrivePrefix) {
			return true
		}
	}
	return false
}

// showRedriven turns the description of a redriven execution's current part into
// that of the whole.
func (g *Gateway) showRedriven(ctx context.Context, call *Call, arn string, execution map[string]any) {
	redrives := g.redrives.list(arn)
	if len(redrives) == 0 {
		return
	}
	whole := map[string]any{}
	editObject(g.ask(ctx, call, "AWSStepFunctions.DescribeExecution", map[string]string{"executionArn": arn}, nil), func(first map[string]any) {
		for _, name := range []string{"executionArn", "stateMachineArn", "startDate"} {
			whole[name] = first[name]
		}
	})
	maps.Copy(execution, whole)
	execution["redriveCount"] = len(redrives)
	execution["redriveDate"] = seconds(redrives[len(redrives)-1].at)
}

// listStateMachines leaves out the machines made for redrives.
func (g *Gateway) listStateMachines(ctx context.Context, call *Call) *Answer {
	return editObject(g.forward(ctx, call), func(list map[string]any) {
		machines, _ := list["stateMachines"].([]any)
		list["stateMachines"] = slices.DeleteFunc(machines, func(m any) bool {
			machine, _ := m.(map[string]any)
			name, _ := machine["name"].(string)
			return strings.HasPrefix(name, redrivePrefix)
		})
	})
}
