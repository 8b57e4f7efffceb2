package notify

import (
	"context"
	"sync"
	"time"
)

// membersMaxAge is how long it is believed that somebody is in the channel, or
// is not. A request's messages ask three times, each time for all pages of the
// members where they are not; who joined meanwhile gets a direct message more.
const membersMaxAge = 5 * time.Minute

// maxMembers bounds what is remembered; beyond it everything is forgotten.
const maxMembers = 10_000

// members is Slack with a memory for who is in a channel.
type members struct {
	Slack
	now func() time.Time

	mu    sync.Mutex
	known map[[2]string]member // by channel and user
}

type member struct {
	in bool
	at time.Time
}

// InChannel answers from memory, or asks. Errors are not remembered.
func (m *members) InChannel(ctx context.Context, channel, user string) (bool, error) {
	key := [2]string{channel, user}
	m.mu.Lock()
	known, ok := m.known[key]
	m.mu.Unlock()
	if ok && m.now().Sub(known.at) < membersMaxAge {
		return known.in, nil
	}
	in, err := m.Slack.InChannel(ctx, channel, user)
	if err != nil {
		return false, err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.known == nil || len(m.known) >= maxMembers {
		m.known = map[[2]string]member{}
	}
	m.known[key] = member{in, m.now()}
	return in, nil
}
