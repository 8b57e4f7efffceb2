package truth

import (
	"strings"

	"sso-elevator/slack/simulator"

	"github.com/aws/aws-sdk-go-v2/aws"
	sfntypes "github.com/aws/aws-sdk-go-v2/service/sfn/types"
)

// What a state's visit is called.
const (
	running   = "running"
	waiting   = "waiting"
	succeeded = "succeeded"
	failed    = "failed"
)

// stateVisits makes, of an execution's history, the visits to its states in the
// order they were entered. A visit that was left through a Catch has failed; a
// task that waits for its token, and a Wait, are waiting.
func stateVisits(events []sfntypes.HistoryEvent) []simulator.State {
	var visits []simulator.State
	open := map[int]bool{}     // visits not left yet
	troubled := map[int]bool{} // visits whose last attempt failed
	visit := map[int64]int{}   // event id to the visit it belongs to
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

// closeVisit closes the latest open visit to a state.
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

// finalStatus is what becomes of the visits that are open when an execution ends.
func finalStatus(end sfntypes.HistoryEventType) string {
	if end == sfntypes.HistoryEventTypeExecutionSucceeded {
		return succeeded
	}
	return failed
}
