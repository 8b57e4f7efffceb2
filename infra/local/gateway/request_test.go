package gateway_test

import (
	"context"
	"encoding/json"
	"slices"
	"strings"
	"testing"
	"time"

	"sso-elevator/infra/local/lambda"
	"sso-elevator/statemachine"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sfn"
	"github.com/aws/aws-sdk-go-v2/service/sfn/types"
)

// requestMachine creates the request machine, with a function that answers every
// task as the script says.
func requestMachine(t *testing.T, name string, script map[string]any) string {
	t.Helper()
	script["evaluate"] = merge(map[string]any{"request_id": "abcdefghij234567", "wait_seconds": 2, "subject": map[string]string{"kind": "account"}}, script["evaluate"])
	raw, err := json.Marshal(script)
	if err != nil {
		t.Fatal(err)
	}
	function := lambda.Function{
		Name: name, Dir: stack.Dir, Timeout: time.Minute, MemoryMB: 128,
		Versions: []string{"1"}, Aliases: map[string]string{"live": "1"},
		Environment: map[string]string{"SCRIPT": string(raw)},
	}
	if err := stack.Lambda.Register(function); err != nil {
		t.Fatal(err)
	}
	arn := stack.Lambda.ARN(name) + ":live"
	definition, err := statemachine.RequestPlaceholders{
		Partition:        "aws",
		EvaluateFunction: arn, AwaitFunction: arn, NotifyFunction: arn, GrantFunction: arn, RevokeFunction: arn, AuditFunction: arn,
		RetryIntervalSeconds: 1, RetryMaxDelaySeconds: 1, ConfirmMaxDelaySeconds: 1, ShowMaxDelaySeconds: 1, RevokeWaitSeconds: 1, AnnounceWaitSeconds: 1, RevokeRounds: 2,
	}.Render()
	if err != nil {
		t.Fatal(err)
	}
	machine := createMachine(t, name, definition)
	out, err := sfn.NewFromConfig(stack.AWS()).DescribeStateMachine(context.Background(), &sfn.DescribeStateMachineInput{StateMachineArn: aws.String(machine)})
	if err != nil {
		t.Fatal(err)
	}
	if aws.ToString(out.Definition) != definition {
		t.Errorf("%s: DescribeStateMachine shows another definition than was given", name)
	}
	return machine
}

func merge(base map[string]any, over any) map[string]any {
	for name, value := range over.(map[string]any) {
		base[name] = value
	}
	return base
}

// TestRequestMachine checks that the interpreter runs every kind of path through
// statemachine/request.asl.json.
func TestRequestMachine(t *testing.T) {
	revoked := []string{"Revoke", "ConfirmRevoke", "AuditRevoke", "NotifyRevoked", "Close", "Done"}
	tests := []struct {
		name   string
		script map[string]any
		resume string // state whose token is resumed with next: approved
		want   []string
		status types.ExecutionStatus
	}{
		{
			name: "automatic, ends by time",
			script: map[string]any{
				"evaluate": map[string]any{"next": "automatic"}, "granted": map[string]any{"end_in": 2},
			},
			want:   append([]string{"Evaluate", "Announce", "Route", "Grant", "ConfirmGrant", "AuditGrant", "Active", "AwaitEnd", "Ended", "NotifyGranted", "Told"}, revoked...),
			status: types.ExecutionStatusSucceeded,
		},
		{
			name: "approved, ended early",
			script: map[string]any{
				"evaluate": map[string]any{"next": "approval", "wait_seconds": 60}, "granted": map[string]any{"end_in": 60},
			},
			resume: "AwaitApproval",
			want:   append([]string{"Evaluate", "Announce", "Route", "AwaitApproval", "Approved?", "OnlyTheHint", "Grant", "ConfirmGrant", "AuditGrant", "Active", "AwaitEnd", "Ended", "NotifyGranted", "Told"}, revoked...),
			status: types.ExecutionStatusSucceeded,
		},
		{
			name: "times out, then denied",
			script: map[string]any{
				"evaluate": map[string]any{"next": "approval", "wait_seconds": 1}, "next": map[string]any{"next": "denied", "wait_seconds": 1},
			},
			want:   []string{"Evaluate", "Announce", "Route", "AwaitApproval", "RemindOrExpire", "Decided?", "AuditOutcome", "NotifyOutcome", "Close", "Done"},
			status: types.ExecutionStatusSucceeded,
		},
		{
			name: "can not be evaluated",
			script: map[string]any{
				"evaluate": map[string]any{"error": "Misconfigured"}, "next": map[string]any{"next": "refused", "wait_seconds": 1},
			},
			want:   []string{"Evaluate", "Refuse", "AuditOutcome", "NotifyOutcome", "Close", "Done"},
			status: types.ExecutionStatusSucceeded,
		},
		{
			name: "token can not be stored for the end",
			script: map[string]any{
				"evaluate": map[string]any{"next": "automatic"}, "granted": map[string]any{"end_in": 15}, "end": map[string]any{"error": "Internal"},
			},
			want:   append([]string{"Evaluate", "Announce", "Route", "Grant", "ConfirmGrant", "AuditGrant", "Active", "AwaitEnd", "WaitForEnd", "Ended", "NotifyGranted", "Told"}, revoked...),
			status: types.ExecutionStatusSucceeded,
		},
		{
			name: "can not be granted",
			script: map[string]any{
				"evaluate": map[string]any{"next": "automatic"}, "start": map[string]any{"error": "Refused"},
			},
			want:   []string{"Evaluate", "Announce", "Route", "Grant", "Revoke", "RevokeFailed", "RevokeWait", "CountRound", "RoundsLeft?", "Revoke", "RevokeFailed", "RevokeWait", "CountRound", "RoundsLeft?", "HandOver", "HandedOver"},
			status: types.ExecutionStatusSucceeded,
		},
	}
	for i, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			machine := requestMachine(t, "request-"+string(rune('a'+i)), tt.script)
			execution := start(t, machine, "run")
			if tt.resume != "" {
				token := waitingToken(t, execution, tt.resume)
				if err := succeed(token, `{"next":"approved","wait_seconds":1}`); err != nil {
					t.Fatal(err)
				}
				if err := succeed(waitingToken(t, execution, "AwaitEnd"), `{}`); err != nil {
					t.Fatal(err)
				}
			}
			eventually(t, "the execution ends", func() bool { return describe(t, execution).Status != types.ExecutionStatusRunning })
			got := entered(history(t, execution))
			if status := describe(t, execution).Status; status != tt.status {
				t.Errorf("status %s, want %s; last failure %s", status, tt.status, lastFailure(history(t, execution)))
			}
			if !goesThrough(got, tt.want) {
				t.Errorf("way  %v\nwant %v", got, tt.want)
			}
			if slices.Contains(tt.want, "HandOver") {
				wantHandedOver(t, machine)
			}
		})
	}
}

func succeed(token, output string) error {
	_, err := sfn.NewFromConfig(stack.AWS()).SendTaskSuccess(context.Background(), &sfn.SendTaskSuccessInput{TaskToken: aws.String(token), Output: aws.String(output)})
	return err
}

// goesThrough reports whether way has the wanted states in their order, with other
// states allowed between them. The two branches of the Parallel state mix in any
// order.
func goesThrough(way, want []string) bool {
	branches := [][]string{{"AwaitEnd", "WaitForEnd", "Ended"}, {"NotifyGranted", "Told"}}
	for _, without := range branches {
		rest := slices.DeleteFunc(slices.Clone(want), func(state string) bool { return slices.Contains(without, state) })
		for _, state := range way {
			if len(rest) > 0 && rest[0] == state {
				rest = rest[1:]
			}
		}
		if len(rest) > 0 {
			return false
		}
	}
	return way[len(way)-1] == want[len(want)-1]
}

// wantHandedOver checks that a new execution continues the removal. It then ends that
// execution, which would hand over forever in these tests.
func wantHandedOver(t *testing.T, machine string) {
	t.Helper()
	client := sfn.NewFromConfig(stack.AWS())
	out, err := client.ListExecutions(context.Background(), &sfn.ListExecutionsInput{StateMachineArn: aws.String(machine)})
	if err != nil {
		t.Fatal(err)
	}
	var fresh []string
	for _, e := range out.Executions {
		if strings.HasPrefix(aws.ToString(e.Name), "abcdefghij234567-") {
			fresh = append(fresh, aws.ToString(e.ExecutionArn))
		}
	}
	if len(fresh) != 1 {
		t.Fatalf("%d executions were handed over to, want 1", len(fresh))
	}
	if input := aws.ToString(describe(t, fresh[0]).Input); !strings.Contains(input, `"request_id":"abcdefghij234567"`) {
		t.Errorf("the fresh execution's input is %s", input)
	}
	if _, err := client.StopExecution(context.Background(), &sfn.StopExecutionInput{ExecutionArn: aws.String(fresh[0])}); err != nil {
		t.Fatal(err)
	}
}
