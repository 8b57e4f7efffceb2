package gateway

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"maps"
	"slices"
	"strings"
	"sync"
	"time"

	"sso-elevator/infra/local/lambda"
)

// moto has no RedriveExecution. Here a redrive is another execution of moto's,
// of a machine made for it alone: the one that was redriven, begun at the state
// in which that ended, with the same input. Nobody sees it but moto: who asks for
// the execution gets all its parts as one, and functions are given its ARN.

// redriveLog knows which executions of moto's an execution consists of.
type redriveLog struct {
	mu    sync.Mutex
	parts map[string][]redriven // by the execution's ARN, in order
	of    map[string]string     // the part's ":execution:MACHINE:" to that of the whole
}

// redriven is one redrive of an execution.
type redriven struct {
	arn string // moto's
	at  time.Time
}

func (l *redriveLog) add(arn string, part redriven) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.parts == nil {
		l.parts, l.of = map[string][]redriven{}, map[string]string{}
	}
	l.parts[arn] = append(l.parts[arn], part)
	l.of[ofMachine(part.arn)] = ofMachine(arn)
}

// drop takes the last one back.
func (l *redriveLog) drop(arn string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.parts[arn] = l.parts[arn][:len(l.parts[arn])-1]
}

func (l *redriveLog) redrives(arn string) []redriven {
	l.mu.Lock()
	defer l.mu.Unlock()
	return slices.Clone(l.parts[arn])
}

// current is moto's execution that goes on with one, or went on last.
func (l *redriveLog) current(arn string) string {
	if parts := l.redrives(arn); len(parts) > 0 {
		return parts[len(parts)-1].arn
	}
	return arn
}

// seen replaces the ARNs of parts in a text by that of the whole.
func (l *redriveLog) seen(text []byte) []byte {
	if !bytes.Contains(text, []byte(":execution:"+redrivePrefix)) {
		return text
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	for part, whole := range l.of {
		text = bytes.ReplaceAll(text, []byte(part), []byte(whole))
	}
	return text
}

// redrivePrefix is how the names of the machines for redrives begin. The names
// of the states that such a machine has on top begin so, too.
const redrivePrefix = "redriven-"

// ofMachine is the part of an execution's ARN that names its machine,
// ":execution:MACHINE:".
func ofMachine(execution string) string {
	_, rest, _ := strings.Cut(execution, ":execution:")
	machine, _, _ := strings.Cut(rest, ":")
	return ":execution:" + machine + ":"
}

// redriveExecution lets an execution that did not succeed go on from the state
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
	if _, stopped := g.executions.stoppedAt(ended); !stopped && (execution.Status == "RUNNING" || execution.Status == "SUCCEEDED") {
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
	definition, err := remaining(machine.Definition, events)
	if err != nil {
		return refuse("UnknownOperationException", "%v", err)
	}
	var made struct {
		Machine string `json:"stateMachineArn"`
	}
	if answer := g.ask(ctx, call, "AWSStepFunctions.CreateStateMachine", map[string]string{"name": redrivePrefix + lambda.NewRequestID(), "definition": definition, "roleArn": machine.Role}, &made); !answer.succeeded() {
		return answer
	}
	// Its first state may call a function before the answer is here.
	at := g.config.Now()
	arn := strings.Replace(made.Machine, ":stateMachine:", ":execution:", 1) + ":" + execution.Name
	g.redrives.add(in.ExecutionArn, redriven{arn: arn, at: at})
	start := map[string]string{"stateMachineArn": made.Machine, "name": execution.Name, "input": execution.Input}
	if answer := g.ask(ctx, call, "AWSStepFunctions.StartExecution", start, nil); !answer.succeeded() {
		g.redrives.drop(in.ExecutionArn)
		return answer
	}
	return ok(map[string]any{"redriveDate": seconds(at)})
}

// remaining is what of a machine is still to be done, by the events of an
// execution of it that ended: the machine begun at the state in which that was,
// with what that state got. Of a Parallel the branches that are done stay so.
//
// A state that was left, with nothing entered after it, is done once more. AWS
// does both in one step, moto does not.
func remaining(definition string, events []event) (string, error) {
	decoder := json.NewDecoder(strings.NewReader(definition))
	decoder.UseNumber()
	var machine map[string]any
	if err := decoder.Decode(&machine); err != nil {
		return "", err
	}
	if err := beginWhereItEnded(machine, events); err != nil {
		return "", err
	}
	raw, err := json.Marshal(machine)
	return string(raw), err
}

var errNoMap = errors.New("the redrive of a Map is not emulated")

func beginWhereItEnded(machine map[string]any, events []event) error {
	states, _ := machine["States"].(map[string]any)
	at := -1
	for i, e := range events {
		if _, ours := states[e.Entered.Name]; ours {
			at = i
		}
	}
	if at < 0 {
		return nil // it never began
	}
	name, input := events[at].Entered.Name, events[at].Entered.Input
	state, _ := states[name].(map[string]any)
	switch state["Type"] {
	case "Map":
		return errNoMap
	case "Parallel":
		branches, _ := state["Branches"].([]any)
		for _, b := range branches {
			branch, _ := b.(map[string]any)
			if err := beginWhereItEnded(branch, events[at:]); err != nil {
				return err
			}
		}
	}
	first := map[string]any{"Type": "Pass", "Result": json.RawMessage(input), "Next": name}
	if last := state["End"] == true || state["Type"] == "Succeed"; last {
		for _, e := range events[at:] {
			if e.Exited.Name == name {
				first = map[string]any{"Type": "Pass", "Result": json.RawMessage(e.Exited.Output), "End": true}
				states = map[string]any{}
				machine["States"] = states
			}
		}
	}
	begin := redrivePrefix + name
	states[begin] = first
	machine["StartAt"] = begin
	return nil
}

// wholeHistory is the history of an execution with all of its redrives. The
// state in which it went on is entered once more.
func (g *Gateway) wholeHistory(ctx context.Context, call *Call, arn string) ([]map[string]any, *Answer) {
	part := func(arn string) (events []map[string]any, failed *Answer) {
		answer := g.ask(ctx, call, "AWSStepFunctions.GetExecutionHistory", map[string]string{"executionArn": arn}, nil)
		editObject(answer, func(object map[string]any) {
			all, _ := object["events"].([]any)
			for _, e := range all {
				if event, ok := e.(map[string]any); ok {
					events = append(events, event)
				}
			}
		})
		if !answer.succeeded() {
			return nil, answer
		}
		return events, nil
	}
	whole, failed := part(arn)
	if failed != nil {
		return nil, failed
	}
	for _, r := range g.redrives.redrives(arn) {
		more, failed := part(r.arn)
		if failed != nil {
			return nil, failed
		}
		whole = append(whole, continued(len(whole), more)...)
	}
	return whole, nil
}

// continued is the history of a redrive, as it goes on after so many events.
func continued(after int, events []map[string]any) (shown []map[string]any) {
	ids := map[string]int{"0": after} // by the part's own
	for _, e := range events {
		id, previous := number(e["id"]), ids[number(e["previousEventId"])]
		if ours(e) {
			ids[id] = previous
			continue
		}
		if e["type"] == "ExecutionStarted" {
			e["type"] = "ExecutionRedriven"
			delete(e, "executionStartedEventDetails")
		}
		ids[id] = after + len(shown) + 1
		e["id"], e["previousEventId"] = ids[id], previous
		shown = append(shown, e)
	}
	return shown
}

// ours says whether an event is of a state that was put on top.
func ours(event map[string]any) bool {
	for _, details := range []string{"stateEnteredEventDetails", "stateExitedEventDetails"} {
		d, _ := event[details].(map[string]any)
		if name, _ := d["name"].(string); strings.HasPrefix(name, redrivePrefix) {
			return true
		}
	}
	return false
}

func number(v any) string {
	raw, _ := json.Marshal(v)
	return string(raw)
}

// showRedriven makes a description of the part that goes on with an execution
// one of the whole.
func (g *Gateway) showRedriven(ctx context.Context, call *Call, arn string, execution map[string]any) {
	redrives := g.redrives.redrives(arn)
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

// listStateMachines leaves out the machines that were made for redrives.
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
