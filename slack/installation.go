package slack

import (
	"context"
	"strings"

	slackgo "github.com/slack-go/slack"
)

// Installation describes the workspace of a bot token and what the token may do.
type Installation struct {
	TeamID       string // the workspace; may be the enterprise if an enterprise installed the app
	TeamName     string
	EnterpriseID string // empty if the workspace belongs to no enterprise
	BotID        string
	// Scopes are the token's scopes as Slack lists them. They are empty if Slack
	// lists none.
	Scopes []string
}

// Installation returns the installation that the client's token belongs to.
func (c *Client) Installation(ctx context.Context) (Installation, error) {
	var in Installation
	err := c.call(ctx, "read the installation", func(ctx context.Context, api *slackgo.Client) error {
		r, err := api.AuthTestContext(ctx)
		if err != nil {
			return err
		}
		in = Installation{TeamID: r.TeamID, TeamName: clean(r.Team), EnterpriseID: r.EnterpriseID, BotID: r.BotID}
		for _, scope := range strings.Split(r.Header.Get("X-OAuth-Scopes"), ",") {
			if scope = strings.TrimSpace(scope); scope != "" {
				in.Scopes = append(in.Scopes, scope)
			}
		}
		return nil
	})
	return in, err
}

// AppOf returns the id of the app that a bot belongs to.
func (c *Client) AppOf(ctx context.Context, botID string) (appID string, err error) {
	err = c.call(ctx, "look up the bot", func(ctx context.Context, api *slackgo.Client) error {
		b, err := api.GetBotInfoContext(ctx, slackgo.GetBotInfoParameters{Bot: botID})
		if err == nil {
			appID = b.AppID
		}
		return err
	})
	return appID, err
}

// Channel is a conversation as the bot sees it.
type Channel struct {
	Name     string
	Member   bool // the bot is a member
	Archived bool
	// Shared reports whether the channel is shared with another organization, or about to
	// be: someone has invited one.
	Shared bool
}

// Channel returns the channel with that id. It returns CodeMisconfigure if the
// channel does not exist, or is private and the bot is not a member.
func (c *Client) Channel(ctx context.Context, id string) (Channel, error) {
	var found Channel
	err := c.call(ctx, "look up the channel", func(ctx context.Context, api *slackgo.Client) error {
		r, err := api.GetConversationInfoContext(ctx, &slackgo.GetConversationInfoInput{ChannelID: id})
		if err == nil {
			found = Channel{Name: clean(r.Name), Member: r.IsMember, Archived: r.IsArchived, Shared: r.IsExtShared || r.IsPendingExtShared}
		}
		return err
	})
	return found, err
}
