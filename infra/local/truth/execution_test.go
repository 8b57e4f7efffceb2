package truth

import (
	"strings"
	"testing"
	"time"

	"sso-elevator/functions/access"
	"sso-elevator/slack/simulator"

	"github.com/aws/aws-sdk-go-v2/aws"
	sfntypes "github.com/aws/aws-sdk-go-v2/service/sfn/types"
)

var at = time.Date(2026, 5, 4, 10, 0, 0, 0, time.UTC)

// example returns an execution that has been in these states.
func example(status sfntypes.ExecutionStatus, states string) execution {
	e := execution{name: "r1", status: status, started: at, stopped: at.Add(time.Minute)}
	e.data.RequestID, e.data.Subject.PrincipalID, e.data.Active.End = "r1", "u1", at.Add(time.Minute)
	e.data.Subject.Target = access.Target{Kind: access.KindAccount, AccountID: "1", AccountName: "prod", PermissionSet: "Admin"}
	for i, name := range strings.Fields(states) {
		e.states = append(e.states, simulator.State{Name: name, Entered: at.Add(time.Duration(i) * time.Second)})
	}
	return e
}

func sweepOf(e execution, status sfntypes.ExecutionStatus, states string) *execution {
	s := example(status, states)
	s.data = data{Mode: "sweep", RequestID: e.data.RequestID}
	return &s
}

func TestSteps(t *testing.T) {
	const (
		running   = sfntypes.ExecutionStatusRunning
		succeeded = sfntypes.ExecutionStatusSucceeded
		aborted   = sfntypes.ExecutionStatusAborted
	)
	approved := "Evaluate Announce Route AwaitApproval Approved? Grant"
	active := approved + " ConfirmGrant AuditGrant Active AwaitEnd"
	reconcile := func(status sfntypes.ExecutionStatus, states string) execution {
		e := example(status, states)
		e.data = data{Mode: "revoke"}
		return e
	}
	pressed := func(status sfntypes.ExecutionStatus, states string) execution {
		e := example(status, states)
		e.data = data{Mode: modePress}
		return e
	}
	stopped := example(aborted, active)
	tests := []struct {
		name     string
		e        execution
		outcome  access.EventKind
		finished *execution
		want     string
	}{
		{name: "new", e: example(running, "Evaluate"), want: "Requested done, Checking the policy now, Granted todo, Active todo, Removed todo"},
		{name: "pending", e: example(running, "Evaluate AwaitApproval"), want: "Requested done, Waiting for approval now, Granted todo, Active todo, Removed todo"},
		{name: "approved", e: example(running, approved), want: "Requested done, Approved done, Granting now, Active todo, Removed todo"},
		{name: "automatic", e: example(running, "Evaluate Grant Active"), want: "Requested done, Approved by the policy done, Granted done, Active now, Removed todo"},
		{name: "ended", e: example(succeeded, active+" Revoke ConfirmRevoke AuditRevoke"), want: "Requested done, Approved done, Granted done, Active done, Removed done"},
		{name: "removal fails", e: example(running, active+" Revoke RevokeFailed RevokeWait"), want: "Requested done, Approved done, Granted done, Active done, Removal failed, trying again failed"},
		{name: "denied", e: example(succeeded, "Evaluate AwaitApproval AuditOutcome"), outcome: access.EventDenied, want: "Requested done, Denied done"},
		{name: "not granted", e: example(succeeded, approved+" Revoke AuditRevoke"), want: "Requested done, Approved done, Not granted failed, Removed done"},
		{name: "handed over", e: example(succeeded, "Evaluate Revoke AuditRevoke"), want: "Requested done, Removed done"},
		{name: "stopped", e: stopped, want: "Requested done, Approved done, Granted done, Stopped while active failed, Removed by the minute check todo"},
		{name: "swept", e: stopped, finished: sweepOf(stopped, succeeded, "Mode? LookAtRequest WhatIsLeft? Revoke ConfirmRevoke AuditRevoke"),
			want: "Requested done, Approved done, Granted done, Stopped while active failed, Removed by the minute check done"},
		{name: "stopped before a decision", e: example(aborted, "Evaluate AwaitApproval"), finished: sweepOf(stopped, succeeded, "Mode? LookAtRequest WhatIsLeft? Done"),
			want: "Requested done, Stopped while waiting for approval failed, Closed by the minute check done"},
		{name: "sweep", e: *sweepOf(stopped, running, "Mode? LookAtRequest Revoke"), want: "Found done, Removing now"},
		{name: "reconciliation", e: reconcile(running, "Mode? Plan ScanEach Collect RecordFound Ask"), want: "Searched done, Waiting for an answer now, Finished todo"},
		{name: "acts on a decision", e: pressed(running, "Mode? ReadPress PressedWhat? RemovePressed"), want: "Decided done, Acting on it now"},
		{name: "acted on a decision", e: pressed(succeeded, "Mode? ReadPress PressedWhat? AuditPress ShowPress PressDone"), want: "Decided done, Finished done"},
		{name: "removes", e: reconcile(succeeded, "Mode? Plan RecordFound RemoveEach ReportRemovals Tell Clean"), want: "Searched done, Removed done, Finished done"},
	}
	for _, tt := range tests {
		var got []string
		for _, s := range tt.e.steps(tt.outcome, tt.finished) {
			got = append(got, s.Name+" "+s.Status)
			if (s.Status == todo) != s.At.IsZero() {
				t.Errorf("%s: the step %+v", tt.name, s)
			}
		}
		if got := strings.Join(got, ", "); got != tt.want {
			t.Errorf("%s: got  %s\n\twant %s", tt.name, got, tt.want)
		}
	}
}

func TestDataOf(t *testing.T) {
	entered := func(state, input string) sfntypes.HistoryEvent {
		return sfntypes.HistoryEvent{StateEnteredEventDetails: &sfntypes.StateEnteredEventDetails{Name: aws.String(state), Input: aws.String(input)}}
	}
	d := dataOf([]sfntypes.HistoryEvent{
		{ExecutionStartedEventDetails: &sfntypes.ExecutionStartedEventDetails{Input: aws.String(`{"request_id":"r1"}`)}},
		entered("Announce", `{"request_id":"r1","subject":{"kind":"account","account_id":"1","permission_set":"Admin","principal_id":"u1"}}`),
		entered("Scan", `["no object"]`),
		entered("Active", `{"request_id":"r1","active":{"seconds":60,"end":"2026-05-04T10:01:00Z"}}`),
	})
	if d.RequestID != "r1" || d.Subject.PrincipalID != "u1" || d.Subject.PermissionSet != "Admin" || !d.Active.End.Equal(at.Add(time.Minute)) {
		t.Errorf("got %+v", d)
	}
}

// TestAccessIsBeingGranted checks that access is not taken for access without a request
// while its own request is still granting it.
func TestAccessIsBeingGranted(t *testing.T) {
	granting := simulator.Holding{RequestID: "r1", Granting: true}
	active := simulator.Holding{RequestID: "r1", Until: at.Add(time.Minute)}
	for _, tt := range []struct {
		name   string
		status sfntypes.ExecutionStatus
		states string
		want   simulator.Holding
	}{
		{name: "before", status: sfntypes.ExecutionStatusRunning, states: "Evaluate AwaitApproval"},
		{name: "granting", status: sfntypes.ExecutionStatusRunning, states: "Evaluate AwaitApproval Grant ConfirmGrant", want: granting},
		{name: "stopped while granting", status: sfntypes.ExecutionStatusAborted, states: "Evaluate AwaitApproval Grant ConfirmGrant"},
		{name: "active", status: sfntypes.ExecutionStatusRunning, states: "Evaluate Grant ConfirmGrant Active", want: active},
		{name: "gives up", status: sfntypes.ExecutionStatusRunning, states: "Evaluate Grant Revoke"},
	} {
		truth := simulator.Truth{Assignments: []simulator.Assignment{{AccountID: "1", PermissionSet: "Admin", PrincipalID: "u1"}}}
		e := example(tt.status, tt.states)
		if tt.want != active {
			e.data.Active.End = time.Time{}
		}
		connect(&truth, []execution{e}, nil, names{})
		if got := truth.Assignments[0].Holding; got != tt.want {
			t.Errorf("%s: got %+v, want %+v", tt.name, got, tt.want)
		}
	}
	// Another request holds the access until an end.
	truth := simulator.Truth{Assignments: []simulator.Assignment{{AccountID: "1", PermissionSet: "Admin", PrincipalID: "u1"}}}
	again := example(sfntypes.ExecutionStatusRunning, "Grant")
	again.data.RequestID, again.data.Active.End = "r2", time.Time{}
	connect(&truth, []execution{example(sfntypes.ExecutionStatusRunning, "Grant Active"), again}, nil, names{})
	if got := truth.Assignments[0].Holding; got != active {
		t.Errorf("granted again: got %+v, want %+v", got, active)
	}
}

// TestAccessLastsUntilTheLatestEnd checks that access has the end of the request that
// holds it longest, and access without a request has none.
func TestAccessLastsUntilTheLatestEnd(t *testing.T) {
	short := example(sfntypes.ExecutionStatusRunning, "Grant Active")
	long := example(sfntypes.ExecutionStatusRunning, "Grant Active")
	long.data.RequestID, long.data.Active.End = "r2", at.Add(time.Hour)
	over := example(sfntypes.ExecutionStatusSucceeded, "Grant Active Revoke AuditRevoke")
	over.data.Active.End = at.Add(2 * time.Hour)
	sweep := *sweepOf(short, sfntypes.ExecutionStatusRunning, "Mode? LookAtRequest")
	truth := simulator.Truth{Assignments: []simulator.Assignment{
		{AccountID: "1", PermissionSet: "Admin", PrincipalID: "u1"}, {AccountID: "1", PermissionSet: "Admin", PrincipalID: "u2"},
	}}
	connect(&truth, []execution{sweep, long, short, over}, nil, names{byID: map[string]string{"u1": "Alice"}})
	if got, want := truth.Executions[0].Title+", "+truth.Executions[1].Title, "Minute check: Alice → Admin in prod, Alice → Admin in prod"; got != want {
		t.Errorf("the titles are %s, want %s", got, want)
	}
	if got, want := truth.Assignments[0].Holding, (simulator.Holding{RequestID: "r2", Until: at.Add(time.Hour)}); got != want {
		t.Errorf("got %+v, want %+v", got, want)
	}
	if got := truth.Assignments[1].Holding; got != (simulator.Holding{}) {
		t.Errorf("access that was added by hand is held by %+v", got)
	}
}
