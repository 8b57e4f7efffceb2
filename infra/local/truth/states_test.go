package truth

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sfn/types"
)

// parse makes a history from lines "id previous Type [state]".
func parse(t *testing.T, text string) []types.HistoryEvent {
	t.Helper()
	var events []types.HistoryEvent
	for _, line := range strings.Split(strings.TrimSpace(text), "\n") {
		var e types.HistoryEvent
		var kind, state string
		if n, _ := fmt.Sscan(line, &e.Id, &e.PreviousEventId, &kind, &state); n < 3 {
			t.Fatalf("line %q", line)
		}
		e.Type, e.Timestamp = types.HistoryEventType(kind), aws.Time(time.Unix(e.Id, 0))
		switch {
		case strings.HasSuffix(kind, "Entered"):
			e.StateEnteredEventDetails = &types.StateEnteredEventDetails{Name: aws.String(state)}
		case strings.HasSuffix(kind, "Exited"):
			e.StateExitedEventDetails = &types.StateExitedEventDetails{Name: aws.String(state)}
		}
		events = append(events, e)
	}
	return events
}

func TestStates(t *testing.T) {
	tests := []struct{ name, history, want string }{
		{
			name: "succeeded",
			history: `1 0 ExecutionStarted
				2 0 TaskStateEntered A
				3 2 TaskScheduled
				4 3 TaskStarted
				5 4 TaskSucceeded
				6 5 TaskStateExited A
				7 6 SucceedStateEntered B
				8 7 SucceedStateExited B
				9 8 ExecutionSucceeded`,
			want: "A succeeded, B succeeded",
		},
		{
			name: "failed, then succeeded at the second attempt",
			history: `1 0 TaskStateEntered A
				2 1 TaskScheduled
				3 2 TaskFailed
				4 3 TaskScheduled
				5 4 TaskSucceeded
				6 5 TaskStateExited A`,
			want: "A succeeded",
		},
		{
			name: "caught",
			history: `1 0 TaskStateEntered A
				2 1 TaskScheduled
				3 2 TaskTimedOut
				4 3 TaskStateExited A
				5 4 PassStateEntered B`,
			want: "A failed, B running",
		},
		{
			name: "the time of a wait for a token is over",
			history: `1 0 TaskStateEntered A
				2 1 TaskScheduled
				3 2 TaskSubmitted
				4 3 TaskTimedOut
				5 4 TaskStateExited A
				6 5 PassStateEntered B`,
			want: "A succeeded, B running",
		},
		{
			name: "two branches, one waits for its token, one until a time",
			history: `1 0 ParallelStateEntered P
				2 1 TaskStateEntered A
				3 1 WaitStateEntered W
				4 2 TaskScheduled
				5 4 TaskSubmitted`,
			want: "P running, A waiting, W waiting",
		},
		{
			name: "aborted",
			history: `1 0 TaskStateEntered A
				2 1 TaskScheduled
				3 2 ExecutionAborted`,
			want: "A failed",
		},
		{
			name: "the same state twice",
			history: `1 0 PassStateEntered A
				2 1 PassStateExited A
				3 2 PassStateEntered A`,
			want: "A succeeded, A running",
		},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			var got []string
			for _, s := range stateVisits(parse(t, tt.history)) {
				got = append(got, s.Name+" "+s.Status)
			}
			if strings.Join(got, ", ") != tt.want {
				t.Errorf("got %s, want %s", strings.Join(got, ", "), tt.want)
			}
		})
	}
}
