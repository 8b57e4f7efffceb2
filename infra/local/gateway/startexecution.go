package gateway

import (
	"bytes"
	"context"
	"encoding/json"
	"net/http"
	"net/url"
	"strings"
	"sync"

	"sso-elevator/infra/local/lambda"
)

// moto's integration for starting an execution fails: it passes on the parameters in
// the definition's spelling (StateMachineArn), but the SDK expects stateMachineArn.
// AWS accepts only the definition's spelling. So before moto gets the definition, the
// gateway replaces such a task with the invocation of a function, which the gateway
// itself serves.

const (
	startExecutionResource = "arn:aws:states:::states:startExecution"
	startExecutionFunction = "gateway-start-execution"
)

// definitionLog keeps the original of each definition that was changed for moto.
type definitionLog struct {
	mu        sync.Mutex
	originals map[string]string // by the definition that moto got
}

func (l *definitionLog) remember(changed, original string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.originals == nil {
		l.originals = map[string]string{}
	}
	l.originals[changed] = original
}

func (l *definitionLog) original(changed string) string {
	l.mu.Lock()
	defer l.mu.Unlock()
	if original, ok := l.originals[changed]; ok {
		return original
	}
	return changed
}

// putStateMachine creates or updates a state machine with a definition that moto
// can run.
func (g *Gateway) putStateMachine(ctx context.Context, call *Call) *Answer {
	var in map[string]any
	if err := json.Unmarshal(call.Body, &in); err != nil {
		return refuse("SerializationException", "%v", err)
	}
	original, _ := in["definition"].(string)
	changed, err := runnableDefinition(original)
	if err != nil || changed == original {
		return g.forward(ctx, call)
	}
	g.definitions.remember(changed, original)
	in["definition"] = changed
	call.Body, _ = json.Marshal(in)
	return g.forward(ctx, call)
}

// describeStateMachine shows the original definition.
func (g *Gateway) describeStateMachine(ctx context.Context, call *Call) *Answer {
	return editObject(g.forward(ctx, call), func(machine map[string]any) {
		if definition, ok := machine["definition"].(string); ok {
			machine["definition"] = g.definitions.original(definition)
		}
	})
}

// runnableDefinition replaces the tasks that start executions. It returns a
// definition without such tasks unchanged.
func runnableDefinition(definition string) (string, error) {
	if !strings.Contains(definition, startExecutionResource) {
		return definition, nil
	}
	var decoded any
	if err := decodeNumbers([]byte(definition), &decoded); err != nil {
		return "", err
	}
	var walk func(any)
	walk = func(v any) {
		switch v := v.(type) {
		case map[string]any:
			if v["Type"] == "Task" && v["Resource"] == startExecutionResource {
				invokeInstead(v)
			}
			for _, item := range v {
				walk(item)
			}
		case []any:
			for _, item := range v {
				walk(item)
			}
		}
	}
	walk(decoded)
	changed, err := json.Marshal(decoded)
	return string(changed), err
}

// invokeInstead turns a task that starts an execution into an invocation with the
// same parameters and the same result.
func invokeInstead(task map[string]any) {
	task["Resource"] = "arn:aws:states:::lambda:invoke"
	task["Parameters"] = map[string]any{"FunctionName": startExecutionFunction, "Payload": task["Parameters"]}
	if task["ResultSelector"] == nil {
		task["ResultSelector"] = map[string]string{"ExecutionArn.$": "$.Payload.ExecutionArn", "StartDate.$": "$.Payload.StartDate"}
	}
}

// IsStartExecution reports whether a call to Lambda invokes the function that the
// gateway plays.
func IsStartExecution(u *url.URL) bool {
	return u.Path == lambda.PathPrefix+startExecutionFunction+"/invocations"
}

// startExecutionForMachine starts an execution, as Step Functions' own StartExecution
// integration does. It answers like Lambda, because moto calls it as a function.
func (g *Gateway) startExecutionForMachine(ctx context.Context, call *Call) *Answer {
	var in struct {
		StateMachineArn string
		Name            string
		Input           json.RawMessage
	}
	if err := json.Unmarshal(call.Body, &in); err != nil {
		return functionError("States.Runtime", err.Error())
	}
	input := string(in.Input)
	var text string
	if json.Unmarshal(in.Input, &text) == nil {
		input = text
	}
	if input == "" {
		input = "{}"
	}
	var compact bytes.Buffer
	if json.Compact(&compact, []byte(input)) == nil {
		input = compact.String()
	}
	parameters := map[string]string{"stateMachineArn": in.StateMachineArn, "input": input}
	if in.Name != "" {
		parameters["name"] = in.Name
	}
	body, _ := json.Marshal(parameters)
	answer := g.answer(ctx, &Call{
		Method: http.MethodPost, URI: "/", Host: call.Host, Body: body,
		Header: http.Header{
			"Content-Type":  {"application/x-amz-json-1.0"},
			"X-Amz-Target":  {"AWSStepFunctions.StartExecution"},
			"Authorization": {strings.Replace(call.Header.Get("Authorization"), "/lambda/", "/states/", 1)},
		},
	})
	if !answer.succeeded() {
		return functionError("StepFunctions."+answer.errorType()+"Exception", string(answer.Body))
	}
	var out struct {
		ExecutionArn string `json:"executionArn"`
		StartDate    any    `json:"startDate"`
	}
	if err := decodeNumbers(answer.Body, &out); err != nil {
		return functionError("States.Runtime", err.Error())
	}
	payload, _ := json.Marshal(map[string]any{"ExecutionArn": out.ExecutionArn, "StartDate": out.StartDate})
	return &Answer{Status: http.StatusOK, Header: invokeHeader(), Body: payload}
}

func functionError(kind, message string) *Answer {
	payload, _ := json.Marshal(map[string]string{"errorType": kind, "errorMessage": message})
	h := invokeHeader()
	h.Set("X-Amz-Function-Error", "Unhandled")
	return &Answer{Status: http.StatusOK, Header: h, Body: payload}
}

func invokeHeader() http.Header {
	return http.Header{"Content-Type": {"application/json"}, "X-Amzn-Requestid": {lambda.NewRequestID()}, "X-Amz-Executed-Version": {lambda.Latest}}
}
