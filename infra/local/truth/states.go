package truth

import (
	"strings"

	"sso-elevator/slack/simulator"

	"github.com/aws/aws-sdk-go-v2/aws"
	sfntypes "github.com/aws/aws-sdk-go-v2/service/sfn/types"
)

// Statuses of a visit to a state.
const (
	running   = "running"
	waiting   = "waiting"
	succeeded = "succeeded"
	failed    = "failed"
)

// stateVisits returns the visits to states in an execution's history, in the order
// in which they began. A visit that ended through a Catch has failed. A task that
// waits for its token is waiting, and so is a Wait. A wait that times out has
// succeeded: access ends because a wait timed out, and reminders begin because one did.
func stateVisits(events []sfntypes.HistoryEvent) []simulator.State {
	var visits []simulator.State
	open := map[int]bool{}     // visits that have not ended
	troubled := map[int]bool{} // visits whose last attempt failed
	visit := map[int64]int{}   // event id to its visit
	for _, e := range events {
		if d := e.StateEnteredEventDetails; d != nil {
			visits = append(visits, simulator.State{Name: aws.ToString(d.Name), Status: running, Entered: aws.ToTime(e.Timestamp).UTC()})
			i := len(visits) - 1
			if e.Type == sfntypes.HistoryEventTypeWaitStateEntered {
				visits[i].Status = waiting
			}
			open[i], visit[e.Id] = true, i
			continue
		}
		i, known := visit[e.PreviousEventId]
		if known {
			visit[e.Id] = i
		}
		switch {
		case e.StateExitedEventDetails != nil:
			closeVisit(visits, open, troubled, aws.ToString(e.StateExitedEventDetails.Name))
		case !known:
		case e.Type == sfntypes.HistoryEventTypeTaskScheduled:
			visits[i].Status, troubled[i] = running, false
		case e.Type == sfntypes.HistoryEventTypeTaskSubmitted:
			visits[i].Status = waiting
		case e.Type == sfntypes.HistoryEventTypeTaskTimedOut && visits[i].Status == waiting:
		case e.Type == sfntypes.HistoryEventTypeTaskFailed, e.Type == sfntypes.HistoryEventTypeTaskTimedOut, e.Type == sfntypes.HistoryEventTypeTaskStartFailed, e.Type == sfntypes.HistoryEventTypeTaskSubmitFailed:
			troubled[i] = true
		}
		if strings.HasPrefix(string(e.Type), "Execution") && e.Type != sfntypes.HistoryEventTypeExecutionStarted {
			for i := range open {
				visits[i].Status = finalStatus(e.Type)
			}
		}
	}
	return visits
}

// closeVisit ends the latest open visit to a state.
func closeVisit(visits []simulator.State, open, troubled map[int]bool, name string) {
	for i := len(visits) - 1; i >= 0; i-- {
		if open[i] && visits[i].Name == name {
			delete(open, i)
			visits[i].Status = succeeded
			if troubled[i] {
				visits[i].Status = failed
			}
			return
		}
	}
}

// finalStatus returns the status of open visits when an execution ends.
func finalStatus(end sfntypes.HistoryEventType) string {
	if end == sfntypes.HistoryEventTypeExecutionSucceeded {
		return succeeded
	}
	return failed
}
