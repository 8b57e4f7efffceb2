package gateway

import (
	"bytes"
	"context"
	"encoding/json"
	"net/http"
	"regexp"
	"slices"
	"strings"
	"sync"
	"time"
	"unicode/utf8"

	"sso-elevator/infra/local/lambda"
)

// stepFunctionsCorrections are those of Step Functions.
var stepFunctionsCorrections = map[string]correction{
	"AWSStepFunctions.CreateStateMachine":   (*Gateway).putStateMachine,
	"AWSStepFunctions.UpdateStateMachine":   (*Gateway).putStateMachine,
	"AWSStepFunctions.DescribeStateMachine": (*Gateway).describeStateMachine,
	"AWSStepFunctions.ListStateMachines":    (*Gateway).listStateMachines,
	"AWSStepFunctions.StartExecution":       (*Gateway).startExecution,
	"AWSStepFunctions.RedriveExecution":     (*Gateway).redriveExecution,
	"AWSStepFunctions.StopExecution":        (*Gateway).stopExecution,
	"AWSStepFunctions.DescribeExecution":    (*Gateway).describeExecution,
	"AWSStepFunctions.ListExecutions":       (*Gateway).listExecutions,
	"AWSStepFunctions.GetExecutionHistory":  (*Gateway).getExecutionHistory,
	"AWSStepFunctions.SendTaskSuccess":      (*Gateway).sendTaskSuccess,
	"AWSStepFunctions.SendTaskFailure":      (*Gateway).sendTaskFailure,
	"AWSStepFunctions.SendTaskHeartbeat":    (*Gateway).sendTaskHeartbeat,
}

// Step Functions' limit for maxResults, and its default.
const maxListPage, defaultListPage = 1000, 100

// maxExecutionName is Step Functions' limit, in characters.
const maxExecutionName = 80

// forbiddenInName are the characters that Step Functions refuses in an execution's
// name, in addition to white space and control characters.
//
// https://docs.aws.amazon.com/step-functions/latest/apireference/API_StartExecution.html
const forbiddenInName = "<>{}[]?*\"#%\\^|~`$&,;:/"

func isValidExecutionName(name string) bool {
	if name == "" || utf8.RuneCountInString(name) > maxExecutionName || strings.ContainsAny(name, forbiddenInName) {
		return false
	}
	for _, r := range name {
		if r <= ' ' || r >= 0x7f && r <= 0x9f {
			return false
		}
	}
	return true
}

// startExecution checks the name, or generates one if the call has none. It lets
// one start pass at a time, so that two starts with the same name are one
// execution.
func (g *Gateway) startExecution(ctx context.Context, call *Call) *Answer {
	var in map[string]any
	if err := json.Unmarshal(call.Body, &in); err != nil {
		return refuse("SerializationException", "%v", err)
	}
	name, given := in["name"].(string)
	if !given {
		name = lambda.NewRequestID()
		in["name"] = name
		call.Body, _ = json.Marshal(in)
	}
	if !isValidExecutionName(name) {
		return refuse("InvalidName", "Invalid Name: '%s'", name)
	}
	if input, ok := in["input"].(string); ok && !json.Valid([]byte(input)) {
		return refuse("InvalidExecutionInput", "Invalid State Machine Execution Input")
	}
	g.starts.Lock()
	defer g.starts.Unlock()
	return g.forward(ctx, call)
}

// executionLog remembers when executions were stopped through this gateway.
type executionLog struct {
	mu      sync.Mutex
	stopped map[string]time.Time
}

func (l *executionLog) stop(arn string, at time.Time) time.Time {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.stopped == nil {
		l.stopped = map[string]time.Time{}
	}
	if before, ok := l.stopped[arn]; ok {
		return before
	}
	l.stopped[arn] = at
	return at
}

func (l *executionLog) stopTime(arn string) (time.Time, bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	at, ok := l.stopped[arn]
	return at, ok
}

// stopExecution stops an execution. It also ends the waits for task tokens, which
// moto would continue until their timeout. From then on the execution is ABORTED.
func (g *Gateway) stopExecution(ctx context.Context, call *Call) *Answer {
	var in struct {
		ExecutionArn string `json:"executionArn"`
		Error        string `json:"error,omitempty"`
		Cause        string `json:"cause,omitempty"`
	}
	if err := json.Unmarshal(call.Body, &in); err != nil {
		return refuse("SerializationException", "%v", err)
	}
	in.ExecutionArn = g.redrives.current(in.ExecutionArn)
	call.Body, _ = json.Marshal(in)
	var before struct {
		Status string `json:"status"`
	}
	if answer := g.ask(ctx, call, "AWSStepFunctions.DescribeExecution", map[string]string{"executionArn": in.ExecutionArn}, &before); !answer.succeeded() {
		return answer
	}
	if before.Status != "RUNNING" {
		// Stopping twice, or too late, changes nothing.
		if at, ok := g.executions.stopTime(in.ExecutionArn); ok {
			return stoppedAnswer(at)
		}
		return g.forward(ctx, call)
	}
	// moto fails while the execution's thread is still starting.
	answer := g.forward(ctx, call)
	for range 100 {
		if answer.Status != http.StatusInternalServerError {
			break
		}
		time.Sleep(100 * time.Millisecond)
		answer = g.forward(ctx, call)
	}
	if !answer.succeeded() {
		return answer
	}
	at := g.executions.stop(in.ExecutionArn, g.config.Now())
	events, failed := g.history(ctx, call, in.ExecutionArn)
	if failed == nil {
		for _, token := range waitingTokens(events) {
			g.ask(ctx, call, "AWSStepFunctions.SendTaskFailure", map[string]string{"taskToken": token, "error": "ExecutionStopped"}, nil)
		}
	}
	return stoppedAnswer(at)
}

func stoppedAnswer(stopped time.Time) *Answer {
	return success(map[string]any{"stopDate": seconds(stopped)})
}

// describeExecution shows a stopped execution as ABORTED, with its stop date, and a
// redriven one as one execution.
func (g *Gateway) describeExecution(ctx context.Context, call *Call) *Answer {
	var in struct {
		ExecutionArn string `json:"executionArn"`
	}
	if err := json.Unmarshal(call.Body, &in); err != nil {
		return refuse("SerializationException", "%v", err)
	}
	return g.describe(ctx, call, in.ExecutionArn)
}

func (g *Gateway) describe(ctx context.Context, call *Call, arn string) *Answer {
	answer := g.ask(ctx, call, "AWSStepFunctions.DescribeExecution", map[string]string{"executionArn": g.redrives.current(arn)}, nil)
	return editObject(answer, func(execution map[string]any) {
		g.showStopped(execution)
		g.showRedriven(ctx, call, arn, execution)
	})
}

// listExecutions filters and pages itself, because moto doesn't know which
// executions are stopped.
func (g *Gateway) listExecutions(ctx context.Context, call *Call) *Answer {
	var in struct {
		StateMachineArn string `json:"stateMachineArn"`
		StatusFilter    string `json:"statusFilter"`
		MaxResults      int    `json:"maxResults"`
		NextToken       string `json:"nextToken"`
	}
	if err := json.Unmarshal(call.Body, &in); err != nil {
		return refuse("SerializationException", "%v", err)
	}
	all := []map[string]any{}
	for token := ""; ; {
		ask := map[string]any{"stateMachineArn": in.StateMachineArn, "maxResults": maxListPage}
		if token != "" {
			ask["nextToken"] = token
		}
		var out struct {
			Executions []map[string]any `json:"executions"`
			NextToken  string           `json:"nextToken"`
		}
		if answer := g.ask(ctx, call, "AWSStepFunctions.ListExecutions", ask, &out); !answer.succeeded() {
			return answer
		}
		for _, execution := range out.Executions {
			g.showStopped(execution)
			if arn, _ := execution["executionArn"].(string); g.redrives.current(arn) != arn {
				execution = g.listItem(ctx, call, arn)
			}
			if in.StatusFilter == "" || execution["status"] == in.StatusFilter {
				all = append(all, execution)
			}
		}
		if token = out.NextToken; token == "" {
			break
		}
	}
	if in.MaxResults == 0 {
		in.MaxResults = defaultListPage
	}
	part, next, err := page(all, in.MaxResults, in.NextToken, maxListPage)
	if err != nil {
		return refuse("InvalidToken", "%v", err)
	}
	out := map[string]any{"executions": part}
	if next != "" {
		out["nextToken"] = next
	}
	return success(out)
}

// listItem returns an execution as lists show it.
func (g *Gateway) listItem(ctx context.Context, call *Call, arn string) (execution map[string]any) {
	editObject(g.describe(ctx, call, arn), func(described map[string]any) {
		execution = described
		for _, name := range []string{"input", "inputDetails", "output", "outputDetails", "error", "cause"} {
			delete(execution, name)
		}
	})
	return execution
}

func (g *Gateway) showStopped(execution map[string]any) {
	arn, _ := execution["executionArn"].(string)
	if at, ok := g.executions.stopTime(arn); ok {
		execution["status"] = "ABORTED"
		execution["stopDate"] = seconds(at)
		delete(execution, "error")
		delete(execution, "cause")
		delete(execution, "output")
	}
}

// editObject changes the JSON object of a successful answer.
func editObject(a *Answer, edit func(map[string]any)) *Answer {
	if !a.succeeded() {
		return a
	}
	var object map[string]any
	if err := decodeNumbers(a.Body, &object); err != nil {
		return a
	}
	edit(object)
	if raw, err := json.Marshal(object); err == nil {
		a.Body = raw
	}
	return a
}

// decodeNumbers decodes JSON and keeps numbers as they are written.
func decodeNumbers(raw []byte, out any) error {
	decoder := json.NewDecoder(bytes.NewReader(raw))
	decoder.UseNumber()
	return decoder.Decode(out)
}

// getExecutionHistory adds what moto lacks: order, pages and redrives.
func (g *Gateway) getExecutionHistory(ctx context.Context, call *Call) *Answer {
	var in struct {
		ExecutionArn string `json:"executionArn"`
		MaxResults   int    `json:"maxResults"`
		NextToken    string `json:"nextToken"`
		ReverseOrder bool   `json:"reverseOrder"`
	}
	if err := json.Unmarshal(call.Body, &in); err != nil {
		return refuse("SerializationException", "%v", err)
	}
	events, failed := g.wholeHistory(ctx, call, in.ExecutionArn)
	if failed != nil {
		return failed
	}
	if in.ReverseOrder {
		slices.Reverse(events)
	}
	if in.MaxResults == 0 {
		in.MaxResults = defaultListPage
	}
	part, next, err := page(events, in.MaxResults, in.NextToken, maxListPage)
	if err != nil {
		return refuse("InvalidToken", "%v", err)
	}
	shown := map[string]any{"events": part}
	if next != "" {
		shown["nextToken"] = next
	}
	return success(shown)
}

// event has the fields of a history's event that the corrections read.
type event struct {
	ID        int64  `json:"id"`
	Previous  int64  `json:"previousEventId"`
	Type      string `json:"type"`
	Scheduled struct {
		Resource   string `json:"resource"`
		Parameters string `json:"parameters"`
	} `json:"taskScheduledEventDetails"`
	Entered struct {
		Name  string `json:"name"`
		Input string `json:"input"`
	} `json:"stateEnteredEventDetails"`
	Exited struct {
		Name   string `json:"name"`
		Output string `json:"output"`
	} `json:"stateExitedEventDetails"`
}

func (g *Gateway) history(ctx context.Context, call *Call, execution string) ([]event, *Answer) {
	var out struct {
		Events []event `json:"events"`
	}
	if answer := g.ask(ctx, call, "AWSStepFunctions.GetExecutionHistory", map[string]string{"executionArn": execution}, &out); !answer.succeeded() {
		return nil, answer
	}
	return out.Events, nil
}

// tokenPattern matches moto's task tokens, which are UUIDs. It also matches other
// UUIDs, but a token that no task waits for does no harm.
var tokenPattern = regexp.MustCompile(`[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}`)

// waitingTokens returns the possible tokens of the tasks that have not ended.
func waitingTokens(events []event) []string {
	var tokens []string
	for i, e := range events {
		if e.Type == "TaskScheduled" && strings.HasSuffix(e.Scheduled.Resource, ".waitForTaskToken") && !hasTaskEnded(events[i:]) {
			tokens = append(tokens, tokenPattern.FindAllString(e.Scheduled.Parameters, -1)...)
		}
	}
	return tokens
}

// hasTaskEnded reports whether the task that the first event schedules has ended:
// whether an end descends from that event. The order of events isn't enough, because
// a history mixes the branches of a Parallel.
func hasTaskEnded(events []event) bool {
	descends := map[int64]bool{events[0].ID: true}
	for _, e := range events[1:] {
		if !descends[e.Previous] {
			continue
		}
		switch e.Type {
		case "TaskSucceeded", "TaskFailed", "TaskTimedOut":
			return true
		}
		descends[e.ID] = true
	}
	return false
}
