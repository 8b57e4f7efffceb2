package notify

import (
	"context"
	"sync"
	"time"
)

// membersMaxAge is how long an answer about who is in the channel is used. Without
// the cache, a request's messages would ask three times, and read all pages of
// members if the requester isn't one. Someone who joins meanwhile may get one more
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

// InChannel returns the cached answer, or asks Slack. It doesn't cache
// errors.
func (m *members) InChannel(ctx context.Context, channel, user string) (bool, error) {
	key := [2]string{channel, user}
	m.mu.Lock()
	cached, ok := m.cached[key]
	m.mu.Unlock()
	if ok && m.now().Sub(cached.at) < membersMaxAge {
		return cached.in, nil
	}
	in, err := m.Slack.InChannel(ctx, channel, user)
	if err != nil {
		return false, err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.cached == nil || len(m.cached) >= maxMembers {
		m.cached = map[[2]string]member{}
	}
	m.cached[key] = member{in, m.now()}
	return in, nil
}
