package people_test

import (
	"context"
	"sync"
	"testing"
	"time"

	"sso-elevator/functions/access"
	"sso-elevator/functions/adapters/people"
	"sso-elevator/slack"
)

// meeting is a Slack and a directory whose answers come only when both are asked.
type meeting struct {
	people.Slack
	both               sync.WaitGroup
	slackErr, storeErr error
}

func (m *meeting) meet() {
	m.both.Done()
	m.both.Wait()
}

func (m *meeting) User(_ context.Context, id string) (slack.User, error) {
	m.meet()
	return slack.User{ID: id, TeamID: "T1", Email: "jane@example.com", EmailConfirmed: true}, m.slackErr
}

type meetingDirectory struct {
	*meeting
	t *testing.T
}

func (m meetingDirectory) UserByEmail(context.Context, string) (access.User, bool, error) {
	m.meet()
	return access.User{ID: "p-jane"}, m.storeErr == nil, m.storeErr
}

func (m meetingDirectory) Warm(context.Context) { m.t.Error("the lookup itself reads what it needs") }

// Both lookups are in flight at once. A failed one decides nothing, and Slack's error is
// the one that is returned.
func TestRequesterAgainLooksUpBothAtOnce(t *testing.T) {
	throttled, down := access.Errorf(access.CodeThrottled, "slow down"), access.Errorf(access.CodeUnavailable, "no answer")
	for _, tt := range []struct {
		slack, store error
		want         access.Code
	}{
		{},
		{slack: throttled, want: access.CodeThrottled},
		{store: down, want: access.CodeUnavailable},
		{slack: throttled, store: down, want: access.CodeThrottled},
	} {
		m := &meeting{slackErr: tt.slack, storeErr: tt.store}
		m.both.Add(2)
		f := people.New(m, meetingDirectory{m, t}, people.Settings{Team: "T1"}, time.Now)
		p, err := f.RequesterAgain(t.Context(), access.Person{SlackID: "UJANE", Email: "jane@example.com"})
		if access.CodeOf(err) != tt.want || (p.PrincipalID == "p-jane") != (tt.want == "") {
			t.Errorf("%v and %v: %+v, %v", tt.slack, tt.store, p, err)
		}
	}
}
