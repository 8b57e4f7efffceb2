package e2e

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/sfn"
	sfntypes "github.com/aws/aws-sdk-go-v2/service/sfn/types"

	"sso-elevator/infra/local/faults"
)

// start starts an execution of a machine by hand, and returns its ARN.
func (s *stack) start(t *testing.T, machine, name, input string) (arn string) {
	t.Helper()
	out, err := s.sfn.StartExecution(context.Background(), &sfn.StartExecutionInput{StateMachineArn: &machine, Name: &name, Input: &input})
	if err != nil {
		t.Fatalf("start %s: %v", name, err)
	}
	return *out.ExecutionArn
}

func (s *stack) reconcileMachine(t *testing.T) string {
	t.Helper()
	return strings.Replace(s.machine(t), "-requests", "-reconcile", 1)
}

// ends waits until an execution is over. It returns how it ended, and the states
// that it entered.
func (s *stack) ends(t *testing.T, arn string) (sfntypes.ExecutionStatus, []string) {
	t.Helper()
	var status sfntypes.ExecutionStatus
	eventually(t, soon, arn+" ends", func() error {
		e, err := s.sfn.DescribeExecution(context.Background(), &sfn.DescribeExecutionInput{ExecutionArn: &arn})
		if err != nil || e.Status == sfntypes.ExecutionStatusRunning {
			return errNotYet
		}
		status = e.Status
		return nil
	})
	return status, s.states(t, arn)
}

// TestSecondExecution checks that a second execution for a request, started by
// hand, ends no access early and changes nothing.
func TestSecondExecution(t *testing.T) {
	t.Parallel()
	r := local.ask(t, wish{carol, "security-tooling", "ReadOnlyAccess", 120})
	r.waitAssigned(t)
	r.waitsIn(t, "AwaitEnd")
	before := r.events(t)
	for _, name := range []string{r.id + "-again", "again-" + r.id} {
		status, states := local.ends(t, local.start(t, local.machine(t), name, fmt.Sprintf(`{"request_id":%q}`, r.id)))
		if want := []string{"Evaluate", "OnlyToRevoke?", "OtherExecution"}; status != sfntypes.ExecutionStatusSucceeded || !slices.Equal(states, want) {
			t.Errorf("%s: %s through %q, want %q", name, status, states, want)
		}
	}
	if !r.assigned(t) {
		t.Fatal("the access was taken away before its end")
	}
	if got := r.events(t); !slices.Equal(got, before) {
		t.Errorf("records %q, want %q", got, before)
	}
	row := local.requestRow(t, r.id, "revoking_at", "tombstone", "revoking_execution_arn")
	if !row.RevokingAt.IsZero() || row.Tombstone || row.RevokingExecutionARN != "" {
		t.Errorf("the row has changed: %+v", row)
	}
	end := local.requestRow(t, r.id, "end").End
	r.finished(t, sfntypes.ExecutionStatusSucceeded, time.Until(end)+removalLimit+soon)
	if at := r.at(t, "revoked"); at.Before(end) {
		t.Errorf("removed at %v, before its end at %v", at, end)
	}
}

// TestSweepOfATakenName checks that access is removed in time although someone
// takes the names of the next minutes' sweeps, keeps decoys running, and stops the
// request's execution.
func TestSweepOfATakenName(t *testing.T) {
	t.Parallel()
	r := local.ask(t, wish{carol, "network", "ReadOnlyAccess", 120})
	r.waitAssigned(t)
	r.waitsIn(t, "AwaitEnd")
	r.execution(t) // before decoys with its name exist
	for minute := range 5 {
		stamp := time.Now().UTC().Add(time.Duration(minute) * time.Minute).Format("20060102-1504")
		local.start(t, local.reconcileMachine(t), "sweep-"+r.id+"-"+stamp, `{"mode":"sweep","lease":"none"}`)
	}
	// This decoy keeps running, because its evaluation is delayed again and again.
	local.fault(t, faults.Rule{Kind: faults.Delay, Function: "-evaluate", RequestID: "decoy", DelayMS: 15_000, Count: 20})
	for _, name := range []string{r.id + "-x", "x-" + r.id} {
		local.start(t, local.machine(t), name, `{"request_id":"decoy"}`)
	}
	at := r.stop(t)
	if at.IsZero() {
		t.Fatal("the execution had ended before it was stopped")
	}
	r.waitGone(t, time.Until(at.Add(sweepLimit)))
	eventually(t, soon, "the removal is recorded", func() error {
		if got, want := r.events(t), []string{"requested", "approved", "granted", "revoked"}; !slices.Equal(got, want) {
			return fmt.Errorf("records %q, want %q", got, want)
		}
		return nil
	})
}

// TestSweepsAreStopped checks that access is removed without sweeps: someone stops
// the request's execution, and then each sweep before it removes anything.
func TestSweepsAreStopped(t *testing.T) {
	t.Parallel()
	// The sweep is delayed, so that there is time to stop it.
	r := local.ask(t, wish{carol, "analytics-sandbox", "ReadOnlyAccess", 120},
		faults.Rule{Kind: faults.Delay, Function: "-reconcile", Operation: "tombstone", DelayMS: 20_000, Count: 50})
	r.waitAssigned(t)
	r.waitsIn(t, "AwaitEnd")
	end := local.requestRow(t, r.id, "end").End
	if r.stop(t).IsZero() {
		t.Fatal("the execution had ended before it was stopped")
	}
	machine := local.reconcileMachine(t)
	stopped := 0
	eventually(t, time.Until(end.Add(sweepLimit)), "the access is gone", func() error {
		out, err := local.sfn.ListExecutions(context.Background(), &sfn.ListExecutionsInput{StateMachineArn: &machine, StatusFilter: sfntypes.ExecutionStatusRunning})
		if err != nil {
			return err
		}
		for _, e := range out.Executions {
			if !strings.HasPrefix(*e.Name, "sweep-"+r.id) {
				continue
			}
			if _, err := local.sfn.StopExecution(context.Background(), &sfn.StopExecutionInput{ExecutionArn: e.ExecutionArn}); err != nil {
				return err
			}
			if states := local.states(t, *e.ExecutionArn); slices.Contains(states, "Revoke") {
				return fmt.Errorf("%s was not stopped early enough: %q", *e.Name, states)
			}
			stopped++
		}
		if r.assigned(t) {
			return errors.New("it is still there")
		}
		return nil
	})
	if stopped == 0 {
		t.Error("no sweep was stopped, so nothing was shown")
	}
}
