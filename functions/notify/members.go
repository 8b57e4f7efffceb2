package notify

import (
	"context"
	"sync"
	"time"
)

// membersMaxAge is how long an answer about who is in the channel is used. Without
// the cache, a request's messages would ask three times, and read all pages of
// members if someone isn't one. Someone who joins meanwhile may get one more
// direct message.
const membersMaxAge = 5 * time.Minute

// maxMembers is the size at which the cache is emptied.
const maxMembers = 10_000

// members is a Slack that caches who is in a channel.
type members struct {
	Slack
	now func() time.Time

	mu     sync.Mutex
	cached map[[2]string]member // by channel and user
}

type member struct {
	in bool
	at time.Time
}

// MembersAmong returns cached answers, and asks Slack about the other users. It doesn't
// cache errors.
func (m *members) MembersAmong(ctx context.Context, channel string, users []string) (map[string]bool, error) {
	known := map[string]bool{}
	var unknown []string
	m.mu.Lock()
	for _, user := range users {
		if cached, ok := m.cached[[2]string{channel, user}]; ok && m.now().Sub(cached.at) < membersMaxAge {
			known[user] = cached.in
		} else {
			unknown = append(unknown, user)
		}
	}
	m.mu.Unlock()
	if len(unknown) == 0 {
		return known, nil
	}
	found, err := m.Slack.MembersAmong(ctx, channel, unknown)
	if err != nil {
		return nil, err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.cached == nil || len(m.cached) >= maxMembers {
		m.cached = map[[2]string]member{}
	}
	for _, user := range unknown {
		known[user] = found[user]
		m.cached[[2]string{channel, user}] = member{found[user], m.now()}
	}
	return known, nil
}
