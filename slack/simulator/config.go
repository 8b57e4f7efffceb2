package simulator

import (
	"context"
	"fmt"
	"strings"
	"time"
)

// Config is what a workspace is made of. TeamID, AppID, BotToken, SigningSecret
// and ChannelID are required.
type Config struct {
	TeamID        string // T…
	AppID         string // A…
	BotToken      string // the only token that the Web API accepts
	SigningSecret string // signs what goes to RequestURL
	ChannelID     string // C…, the channel that the app posts to
	ChannelName   string // without "#"; default access-requests
	TeamName      string // default Example Corp
	AppName       string // default SSO Elevator
	// Scopes are what the token is said to be good for; no call is refused for
	// want of one.
	Scopes []string

	People []Person

	// RequestURL is where shortcuts, commands, presses and forms are posted.
	RequestURL string
	// APIURL is the address under which the app reaches API, as
	// "http://127.0.0.1:8080/api/"; response URLs lie under it. Empty: the
	// host of the app's latest call.
	APIURL string

	// Commands and Shortcuts are what the page offers; by default the ones
	// that ask for access to an account and for membership in a group.
	Commands  []Command
	Shortcuts []Shortcut

	// Truth reads what the panel beside the workspace shows; nil: the panel
	// says that there is nothing to look at.
	Truth func(context.Context) (Truth, error)

	// Now is the clock of timestamps, trigger ids and response URLs; default
	// time.Now.
	Now func() time.Time
}

// Person is a member of the workspace, or somebody else whom it knows.
type Person struct {
	SlackID string // U…
	Name    string
	Email   string
	Title   string
	TeamID  string // empty: the workspace's own

	InChannel bool
	Guest     bool // a single-channel or multi-channel guest
	Deleted   bool // deactivated: known to users.info, not to users.lookupByEmail
	Stranger  bool // from another workspace, seen through a shared channel
	// EmailUnconfirmed: the person has not confirmed their address to Slack.
	EmailUnconfirmed bool
}

// Command is a slash command that the page offers.
type Command struct {
	Name        string `json:"name"` // with the slash
	Description string `json:"description"`
}

// Shortcut is a global shortcut that the page offers.
type Shortcut struct {
	Name       string `json:"name"`
	CallbackID string `json:"callback_id"`
}

// checkAndSetDefaults names everything that is missing in one error.
func (c *Config) checkAndSetDefaults() error {
	var missing []string
	for _, f := range []struct{ name, value string }{
		{"TeamID", c.TeamID}, {"AppID", c.AppID}, {"BotToken", c.BotToken},
		{"SigningSecret", c.SigningSecret}, {"ChannelID", c.ChannelID},
	} {
		if f.value == "" {
			missing = append(missing, f.name)
		}
	}
	if len(missing) > 0 {
		return fmt.Errorf("simulator config lacks %s", strings.Join(missing, ", "))
	}
	seen := map[string]bool{}
	for _, p := range c.People {
		if p.SlackID == "" || seen[p.SlackID] {
			return fmt.Errorf("simulator config: person %q has an empty or repeated Slack id %q", p.Name, p.SlackID)
		}
		seen[p.SlackID] = true
	}
	if c.ChannelName == "" {
		c.ChannelName = "access-requests"
	}
	if c.TeamName == "" {
		c.TeamName = "Example Corp"
	}
	if c.AppName == "" {
		c.AppName = "SSO Elevator"
	}
	if c.Commands == nil {
		c.Commands = []Command{
			{Name: "/access", Description: "Ask for access to an account"},
			{Name: "/group-access", Description: "Ask for membership in a group"},
		}
	}
	if c.Shortcuts == nil {
		c.Shortcuts = []Shortcut{
			{Name: "Request access", CallbackID: "request_for_access"},
			{Name: "Request group membership", CallbackID: "request_for_group_membership"},
		}
	}
	if c.Now == nil {
		c.Now = time.Now
	}
	return nil
}
