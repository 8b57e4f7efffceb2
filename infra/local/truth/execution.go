package truth

import (
	"encoding/json"
	"fmt"
	"strings"
	"time"

	"sso-elevator/functions/access"
	"sso-elevator/slack/simulator"

	"github.com/aws/aws-sdk-go-v2/aws"
	sfntypes "github.com/aws/aws-sdk-go-v2/service/sfn/types"
)

// execution is one execution of a state machine as Step Functions describes it.
type execution struct {
	name             string
	status           sfntypes.ExecutionStatus
	started, stopped time.Time
	data             data
	states           []simulator.State
}

// data is what the states of an execution pass on. Fields that no state has had yet are
// empty.
type data struct {
	Mode      string `json:"mode"` // of the reconcile machine: sweep, warn, revoke
	RequestID string `json:"request_id"`
	Subject   struct {
		access.Target
		PrincipalID string `json:"principal_id"`
	} `json:"subject"`
	Active struct {
		End time.Time `json:"end"`
	} `json:"active"`
}

// dataOf returns the data of an execution with this history.
func dataOf(events []sfntypes.HistoryEvent) data {
	var d data
	for _, e := range events {
		input := ""
		if started := e.ExecutionStartedEventDetails; started != nil {
			input = aws.ToString(started.Input)
		} else if entered := e.StateEnteredEventDetails; entered != nil {
			input = aws.ToString(entered.Input)
		}
		if input != "" {
			_ = json.Unmarshal([]byte(input), &d) // inside a Map, the input may have another form
		}
	}
	return d
}

func (e execution) isRunning() bool { return e.status == sfntypes.ExecutionStatusRunning }

// isRequest reports whether the execution is one of the request machine.
func (e execution) isRequest() bool { return e.data.Mode == "" }

// visit returns the first visit to one of these states.
func (e execution) visit(names ...string) (simulator.State, bool) {
	for _, s := range e.states {
		for _, name := range names {
			if s.Name == name {
				return s, true
			}
		}
	}
	return simulator.State{}, false
}

func (e execution) visited(names ...string) bool {
	_, ok := e.visit(names...)
	return ok
}

// Statuses of a step.
const (
	done       = "done"
	now        = "now"
	stepFailed = "failed"
	todo       = "todo"
)

// modePress is the mode of executions that act on a decision about one finding.
const modePress = "press"

// steps returns the execution as steps for people. outcome is the event that the audit
// log has for a request that nobody approved. finished is the sweep that finished the
// request after its execution had gone, or nil.
func (e execution) steps(outcome access.EventKind, finished *execution) []simulator.Step {
	switch e.data.Mode {
	case "":
		return e.requestSteps(outcome, finished)
	case "sweep":
		steps := []simulator.Step{{Name: "Found", Status: done, At: e.started}}
		removed := e.step("Removed", "Removing", "Revoke", "AuditRevoke")
		if removed.Status == todo && !e.isRunning() {
			return append(steps, e.step("Closed", "Closing", "LookAtRequest", "Done"))
		}
		return append(steps, removed)
	case modePress:
		return []simulator.Step{{Name: "Decided", Status: done, At: e.started}, e.step("Finished", "Acting on it", "ReadPress", "ShowPress", "PressDone")}
	default:
		steps := []simulator.Step{e.step("Searched", "Searching", "Plan", "RecordFound", "Exempted?")}
		if e.visited("Ask") {
			steps = append(steps, e.step("Answered", "Waiting for an answer", "Ask", "Answer"))
		}
		if e.visited("RemoveEach") {
			steps = append(steps, e.step("Removed", "Removing", "RemoveEach", "ReportRemovals"))
		}
		return append(steps, e.step("Finished", "Reporting", "ReportRemovals", "Clean", "Incomplete"))
	}
}

// step returns a step that begins with the state begin and is done when one of the states
// after is entered.
func (e execution) step(doneName, nowName, begin string, after ...string) simulator.Step {
	began, ok := e.visit(begin)
	ended, isOver := e.visit(after...)
	switch {
	case isOver:
		return simulator.Step{Name: doneName, Status: done, At: ended.Entered}
	case ok && e.isRunning():
		return simulator.Step{Name: nowName, Status: now, At: began.Entered}
	case ok:
		return simulator.Step{Name: nowName, Status: stepFailed, At: began.Entered}
	}
	return simulator.Step{Name: doneName, Status: todo}
}

func (e execution) requestSteps(outcome access.EventKind, finished *execution) []simulator.Step {
	steps := []simulator.Step{{Name: "Requested", Status: done, At: e.started}}
	if end, ok := e.visit("AuditOutcome"); ok {
		return append(steps, simulator.Step{Name: outcomeName(outcome), Status: done, At: end.Entered})
	}

	approved := e.step("Approved", "Waiting for approval", "AwaitApproval", "Grant")
	if !e.visited("AwaitApproval") {
		approved = e.step("Approved by the policy", "Checking the policy", "Evaluate", "Grant")
	}
	granted := e.step("Granted", "Granting", "Grant", "Active")
	active := e.step("Active", "Active", "Active", "Revoke")
	if active.Status != todo {
		active.Until = e.data.Active.End
	}
	removed := e.step("Removed", "Removing", "Revoke", "AuditRevoke")
	if removed.Status == now && e.visited("RevokeFailed") {
		removed.Name, removed.Status = "Removal failed, trying again", stepFailed
	}
	after := []simulator.Step{approved, granted, active, removed}
	switch {
	case e.visited("Revoke") && !e.visited("Grant"): // continues the removal of an earlier execution
		after = []simulator.Step{removed}
	case e.visited("Revoke") && !e.visited("Active"): // there never was any access
		after = []simulator.Step{approved, {Name: "Not granted", Status: stepFailed, At: removed.At}, removed}
	}
	for _, s := range after {
		if s.Status == stepFailed && s.Name != "Not granted" && !e.isRunning() {
			return append(steps, e.interruptedSteps(s, finished)...)
		}
		steps = append(steps, s)
	}
	return steps
}

// interruptedSteps returns the steps from the one in which an execution was stopped.
func (e execution) interruptedSteps(at simulator.Step, finished *execution) []simulator.Step {
	steps := []simulator.Step{{Name: "Stopped while " + strings.ToLower(at.Name), Status: stepFailed, At: e.stopped}}
	last := simulator.Step{Name: "Removed by the minute check", Status: todo}
	if finished != nil {
		last = finished.step("Removed by the minute check", "The minute check is removing it", "Revoke", "AuditRevoke")
		if last.Status == todo {
			last = finished.step("Closed by the minute check", "The minute check is closing it", "LookAtRequest", "Done")
		}
	}
	return append(steps, last)
}

// outcomeName returns what the last step is called if a request ended without access.
func outcomeName(outcome access.EventKind) string {
	if outcome == "" {
		return "Not granted"
	}
	name := string(outcome)
	return strings.ToUpper(name[:1]) + strings.ReplaceAll(name[1:], "_", " ")
}

// title returns what an execution is about. swept is the execution whose request it
// finishes, or nil.
func (e execution) title(n names, swept *execution) string {
	switch e.data.Mode {
	case "":
		if e.data.Subject.PrincipalID == "" {
			return "New request"
		}
		return fmt.Sprintf("%s → %s", n.ofUser(e.data.Subject.PrincipalID), targetName(e.data.Subject.Target))
	case "sweep":
		if swept == nil {
			return "Minute check"
		}
		return "Minute check: " + swept.title(n, nil)
	case modePress:
		return "Someone decided about unknown access"
	case string(access.DriftRevoke):
		return "Reconciliation: removes unknown access"
	default:
		return "Reconciliation: searches for unknown access"
	}
}

func targetName(t access.Target) string {
	if t.Kind == access.KindGroup {
		return t.GroupName
	}
	return t.PermissionSet + " in " + t.AccountName
}
