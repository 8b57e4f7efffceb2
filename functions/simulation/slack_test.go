package simulation

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	slackgo "github.com/slack-go/slack"

	"sso-elevator/functions/access"
	"sso-elevator/slack"
)

const (
	team    = "T1"
	app     = "A1"
	channel = "C1"
)

// workspace is Slack behind the methods of slack.Client. That client has its own tests
// over HTTP.
type workspace struct {
	world *world
	posts []*post
}

// post is a message in its current version.
type post struct {
	channel, thread, ts, request, purpose, digest string
	by                                            *invocation
	at                                            time.Time
}

// callSlack makes a call to Slack's Web API. Its errors have the client's codes, and
// the client doesn't retry.
func callSlack[Out any](ctx context.Context, w *world, operation, about string, do func() (Out, error)) (Out, error) {
	out, err := call(ctx, w, "slack", operation, about, do, options{once: true})
	var coded *access.Error
	if err != nil && !errors.As(err, &coded) {
		err = access.Wrap(access.CodeUnavailable, err, "call Slack")
	}
	return out, err
}

func (s *workspace) Post(ctx context.Context, channel, thread string, m slack.Message) (string, error) {
	return callSlack(ctx, s.world, "Post", m.RequestID+" "+m.Purpose, func() (string, error) {
		p := &post{channel: channel, thread: thread, ts: fmt.Sprintf("%d.%06d", 1, len(s.posts)+1), request: m.RequestID, purpose: m.Purpose, digest: m.Digest(), by: s.world.doing, at: s.world.clock.now()}
		s.posts = append(s.posts, p)
		return p.ts, nil
	})
}

func (s *workspace) Update(ctx context.Context, channel, ts string, m slack.Message) error {
	_, err := callSlack(ctx, s.world, "Update", m.RequestID+" "+m.Purpose, func() (struct{}, error) {
		for _, p := range s.posts {
			if p.channel == channel && p.ts == ts {
				p.digest = m.Digest()
				return struct{}{}, nil
			}
		}
		return struct{}{}, access.Errorf(access.CodeNotFound, "message_not_found")
	})
	return err
}

func (s *workspace) FindPost(ctx context.Context, channel, thread string, m slack.Message) (string, bool, error) {
	ts, err := callSlack(ctx, s.world, "FindPost", m.RequestID+" "+m.Purpose, func() (string, error) {
		for _, p := range s.posts {
			if p.channel == channel && p.thread == thread && p.request == m.RequestID && p.purpose == m.Purpose {
				return p.ts, nil
			}
		}
		return "", nil
	})
	return ts, ts != "", err
}

func (s *workspace) MembersAmong(ctx context.Context, channel string, users []string) (map[string]bool, error) {
	return callSlack(ctx, s.world, "MembersAmong", strings.Join(users, " "), func() (map[string]bool, error) {
		found := map[string]bool{}
		for _, user := range users {
			found[user] = user != outsideChannel
		}
		return found, nil
	})
}

func (s *workspace) OpenDM(ctx context.Context, user string) (string, error) {
	return callSlack(ctx, s.world, "OpenDM", user, func() (string, error) { return "D" + user, nil })
}

func (s *workspace) User(ctx context.Context, id string) (slack.User, error) {
	return callSlack(ctx, s.world, "User", id, func() (slack.User, error) {
		for _, p := range people {
			if p.SlackID == id {
				return slackUser(p), nil
			}
		}
		return slack.User{}, access.Errorf(access.CodeNotFound, "user_not_found")
	})
}

func (s *workspace) UserByEmail(ctx context.Context, email string) (slack.User, bool, error) {
	u, err := callSlack(ctx, s.world, "UserByEmail", email, func() (slack.User, error) {
		for _, p := range people {
			if p.Email == email {
				return slackUser(p), nil
			}
		}
		return slack.User{}, nil
	})
	return u, u.ID != "", err
}

func slackUser(p access.Person) slack.User {
	return slack.User{ID: p.SlackID, TeamID: team, Email: p.Email, EmailConfirmed: true, Name: p.Name, Guest: p.SlackID == guest}
}

// OpenView opens the dialog of a button. There is no other view.
func (s *workspace) OpenView(ctx context.Context, _ string, view slackgo.ModalViewRequest) (string, string, error) {
	_, err := callSlack(ctx, s.world, "OpenView", view.PrivateMetadata, func() (struct{}, error) {
		s.world.ledger.noteDialog(of(ctx), view)
		return struct{}{}, nil
	})
	return "V-dialog", "h", err
}

func (s *workspace) UpdateView(ctx context.Context, _, _ string, _ slackgo.ModalViewRequest) error {
	panic("no form is filled here")
}

func (s *workspace) PublishView(context.Context, string, slackgo.HomeTabViewRequest) error {
	panic("nobody opens the Home tab here")
}

// Respond tells one person the result of their press.
func (s *workspace) Respond(ctx context.Context, url, text string) error {
	_, err := callSlack(ctx, s.world, "Respond", "", func() (struct{}, error) {
		s.world.ledger.noteAnswer(of(ctx), text)
		return struct{}{}, nil
	})
	return err
}

func (s *workspace) Ephemeral(ctx context.Context, channel, user, _, text string) error {
	_, err := callSlack(ctx, s.world, "Ephemeral", user, func() (struct{}, error) {
		s.world.ledger.noteAnswer(of(ctx), text)
		return struct{}{}, nil
	})
	return err
}
