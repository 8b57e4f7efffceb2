// Package slackclient makes the client of Slack's Web API, with the bot's token from
// a secret.
package slackclient

import (
	"net/http"

	"sso-elevator/functions/adapters/secrets"
	"sso-elevator/slack"
)

// Settings say how to call Slack.
type Settings struct {
	BotToken string `env:"ELEVATOR_SLACK_BOT_TOKEN,required"` // reference to a secret
	APIURL   string `env:"ELEVATOR_SLACK_API_URL"`
}

// Connect returns the client. If Slack rejects the token, it reads the token again.
func Connect(s Settings, reader *secrets.Reader) *slack.Client {
	client := slack.NewClient(reader.Source(s.BotToken), s.APIURL, http.DefaultClient)
	client.Refresh = func() bool { return reader.Refresh(s.BotToken) }
	return client
}
