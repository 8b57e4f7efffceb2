package notify

import (
	"context"
	"errors"
	"testing"
	"time"
)

type askedFor struct {
	Slack
	times int
	in    bool
	err   error
}

func (a *askedFor) MembersAmong(_ context.Context, _ string, users []string) (map[string]bool, error) {
	a.times++
	in := map[string]bool{}
	for _, user := range users {
		in[user] = a.in
	}
	return in, a.err
}

func TestMembersAreRemembered(t *testing.T) {
	slack := &askedFor{err: errors.New("no answer")}
	clock := now
	m := &members{Slack: slack, now: func() time.Time { return clock }}
	for _, step := range []struct {
		name      string
		user      string
		later     time.Duration
		in        bool
		err       error
		wantIn    bool
		wantErr   bool
		wantTimes int
	}{
		{"an error", "U1", 0, false, errors.New("no answer"), false, true, 1},
		{"is not remembered", "U1", 0, true, nil, true, false, 2},
		{"a member is", "U1", 0, false, nil, true, false, 2},
		{"somebody else is asked for", "U2", 0, false, nil, false, false, 3},
		{"and remembered too", "U2", membersMaxAge - 1, true, nil, false, false, 3},
		{"for a while", "U2", 1, true, nil, true, false, 4},
	} {
		clock = clock.Add(step.later)
		slack.in, slack.err = step.in, step.err
		among, err := m.MembersAmong(t.Context(), "C1", []string{step.user, "U0"})
		in := among[step.user]
		if in != step.wantIn || (err != nil) != step.wantErr || slack.times != step.wantTimes {
			t.Errorf("%s: %v, %v after %d calls; want %v, error %v, %d", step.name, in, err, slack.times, step.wantIn, step.wantErr, step.wantTimes)
		}
	}
}
