package gateway

import (
	"context"
	"encoding/json"
	"strings"
	"sync"
)

// tokenIndex has the task tokens that this gateway has passed on: which execution
// waits for each, and which were used.
type tokenIndex struct {
	mu         sync.Mutex
	executions map[string]string // token to execution ARN
	used       map[string]bool
}

// noteInvocation looks in a function's payload for tokens and their execution.
// Payloads are the only way to get a token.
func (t *tokenIndex) noteInvocation(payload []byte) {
	var values struct{ tokens, executions []string }
	var walk func(any)
	walk = func(v any) {
		switch v := v.(type) {
		case map[string]any:
			for _, item := range v {
				walk(item)
			}
		case []any:
			for _, item := range v {
				walk(item)
			}
		case string:
			if strings.HasPrefix(v, "arn:aws:states:") && strings.Contains(v, ":execution:") {
				values.executions = append(values.executions, v)
			} else if tokenPattern.FindString(v) == v {
				values.tokens = append(values.tokens, v)
			}
		}
	}
	var decoded any
	if json.Unmarshal(payload, &decoded) != nil {
		return
	}
	walk(decoded)
	if len(values.executions) == 0 {
		return
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.executions == nil {
		t.executions = map[string]string{}
	}
	for _, token := range values.tokens {
		t.executions[token] = values.executions[0]
	}
}

func (t *tokenIndex) execution(token string) (arn string, known bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	arn, known = t.executions[token]
	return arn, known
}

// use marks a token as used. It returns false if the token was used before.
func (t *tokenIndex) use(token string) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.used[token] {
		return false
	}
	if t.used == nil {
		t.used = map[string]bool{}
	}
	t.used[token] = true
	return true
}

func (t *tokenIndex) release(token string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	delete(t.used, token)
}

// sendTaskSuccess refuses an output that is not JSON, and a dead token.
func (g *Gateway) sendTaskSuccess(ctx context.Context, call *Call) *Answer {
	var in struct {
		Output string `json:"output"`
	}
	if err := json.Unmarshal(call.Body, &in); err != nil {
		return refuse("SerializationException", "%v", err)
	}
	if !json.Valid([]byte(in.Output)) {
		return refuse("InvalidOutput", "Invalid Output: the output of a task must be JSON.")
	}
	return g.resume(ctx, call)
}

func (g *Gateway) sendTaskFailure(ctx context.Context, call *Call) *Answer {
	return g.resume(ctx, call)
}

// resume passes on a task's answer, once, while the task waits for it.
func (g *Gateway) resume(ctx context.Context, call *Call) *Answer {
	token, dead := g.checkToken(ctx, call)
	if dead != nil {
		return dead
	}
	if !g.tokens.use(token) {
		return refuseTimedOut()
	}
	answer := g.forward(ctx, call)
	if !answer.succeeded() {
		g.tokens.release(token)
		if answer.errorType() == "InvalidToken" {
			// The gateway knows the token, but moto doesn't: its execution ended meanwhile.
			return refuseTimedOut()
		}
	}
	return answer
}

func (g *Gateway) sendTaskHeartbeat(ctx context.Context, call *Call) *Answer {
	if _, dead := g.checkToken(ctx, call); dead != nil {
		return dead
	}
	return g.forward(ctx, call)
}

// checkToken returns AWS's refusal of a token that no task is waiting for. moto would
// answer 200 as long as the execution runs. dead is nil if a task waits for the
// token.
func (g *Gateway) checkToken(ctx context.Context, call *Call) (token string, dead *Answer) {
	var in struct {
		TaskToken string `json:"taskToken"`
	}
	if err := json.Unmarshal(call.Body, &in); err != nil {
		return "", refuse("SerializationException", "%v", err)
	}
	if tokenPattern.FindString(in.TaskToken) != in.TaskToken {
		return "", refuse("InvalidToken", "Invalid Token: 'Invalid token'")
	}
	arn, known := g.tokens.execution(in.TaskToken)
	if !known {
		if arn, known = g.searchToken(ctx, call, in.TaskToken); !known {
			return "", refuse("TaskDoesNotExist", "Task Timed Out: 'Provided task does not exist anymore'")
		}
	}
	arn = g.redrives.current(arn)
	if _, stopped := g.executions.stopTime(arn); stopped {
		return "", refuseTimedOut()
	}
	var execution struct {
		Status string `json:"status"`
	}
	if answer := g.ask(ctx, call, "AWSStepFunctions.DescribeExecution", map[string]string{"executionArn": arn}, &execution); !answer.succeeded() || execution.Status != "RUNNING" {
		return "", refuseTimedOut()
	}
	events, answer := g.history(ctx, call, arn)
	if answer != nil {
		return "", answer
	}
	for i := len(events) - 1; i >= 0; i-- {
		// moto keeps the token when it retries a task, so the last attempt counts.
		if e := events[i]; e.Type == "TaskScheduled" && strings.Contains(e.Scheduled.Parameters, in.TaskToken) {
			if hasTaskEnded(events[i:]) {
				return "", refuseTimedOut()
			}
			return in.TaskToken, nil
		}
	}
	// The execution was waiting for this token before its last redrive.
	return "", refuseTimedOut()
}

func refuseTimedOut() *Answer {
	return refuse("TaskTimedOut", "Task Timed Out: 'Provided task does not exist anymore'")
}

// searchToken looks for a token that this gateway has not seen, because an earlier
// gateway passed it on.
func (g *Gateway) searchToken(ctx context.Context, call *Call, token string) (execution string, found bool) {
	var machines struct {
		StateMachines []struct {
			ARN string `json:"stateMachineArn"`
		} `json:"stateMachines"`
	}
	if !g.ask(ctx, call, "AWSStepFunctions.ListStateMachines", struct{}{}, &machines).succeeded() {
		return "", false
	}
	for _, machine := range machines.StateMachines {
		var list struct {
			Executions []struct {
				ARN string `json:"executionArn"`
			} `json:"executions"`
		}
		if !g.ask(ctx, call, "AWSStepFunctions.ListExecutions", map[string]any{"stateMachineArn": machine.ARN, "maxResults": 1000}, &list).succeeded() {
			continue
		}
		for _, e := range list.Executions {
			events, answer := g.history(ctx, call, e.ARN)
			if answer != nil {
				continue
			}
			for _, ev := range events {
				if ev.Type == "TaskScheduled" && strings.Contains(ev.Scheduled.Parameters, token) {
					return e.ARN, true
				}
			}
		}
	}
	return "", false
}
