package simulator

import (
	"context"
	"fmt"
	"net/http"
	"strings"
	"time"
)

// Config describes a workspace. TeamID, AppID, BotToken, SigningSecret and ChannelID
// are required.
type Config struct {
	TeamID        string // T…
	AppID         string // A…
	BotToken      string // the only token that the Web API accepts
	SigningSecret string // signs the requests to RequestURL
	ChannelID     string // C…, the channel that the app posts to
	ChannelName   string // without "#"; default access-requests
	// Channels are further channels. Their members are those of the first one.
	Channels []Channel
	TeamName string // default Example Corp
	AppName  string // default AWS access
	// Scopes are the scopes that the Web API reports for the token. Calls don't fail if a
	// scope is missing.
	Scopes []string

	People []Person

	// RequestURL is the address of the app. It receives shortcuts, commands, presses
	// and forms.
	RequestURL string
	// APIURL is the address at which the app reaches API, such as
	// "http://127.0.0.1:8080/api/". Response URLs start with it. If it is empty,
	// they use the host of the app's latest call.
	APIURL string

	// HomeTab reports whether the app has a Home tab, and Events are those that it
	// subscribes to.
	HomeTab bool
	Events  []string

	// MessagesReadOnly reports whether people can't write to the app in direct messages.
	MessagesReadOnly bool

	// Commands and Shortcuts are those of the app; Slack rejects other commands. By
	// default, they request access to an account and membership in a group.
	Commands  []Command
	Shortcuts []Shortcut

	// Truth reads the state for the panel beside the workspace. If it is nil, the panel
	// says that it has nothing to show.
	Truth func(context.Context) (Truth, error)

	// Tour is the way through a demo that the page shows, or nil.
	Tour *Tour
	// Experiments serves the experiments that the page shows, or is nil. See package
	// experiments.
	Experiments http.Handler
	// Policy serves the tab on which people try a policy, or is nil. See package policytab.
	Policy http.Handler

	// Now is the clock for timestamps, trigger ids and response URLs. The default is
	// time.Now.
	Now func() time.Time
}

// Tour is a way through a demo in three steps: one person requests access, another
// approves, and the access comes and goes.
type Tour struct {
	Requester string `json:"requester"` // Slack id
	Approver  string `json:"approver"`  // Slack id
	Hint      string `json:"hint"`      // what to choose in the form
}

// Channel is a channel of the workspace.
type Channel struct {
	ID   string // C…
	Name string // without "#"

	BotOutside bool // the app is not a member
	Archived   bool
	Shared     bool // with another organization
}

// Person is a member of the workspace, or another person that the workspace knows.
type Person struct {
	SlackID string // U…
	Name    string
	Email   string
	Title   string
	TeamID  string // empty means the workspace's own

	InChannel bool
	Guest     bool // a single-channel or multi-channel guest
	Deleted   bool // deactivated; users.info finds the person, users.lookupByEmail does not
	Stranger  bool // from another workspace, visible through a shared channel
	// EmailUnconfirmed reports whether the person still has to confirm their address to
	// Slack.
	EmailUnconfirmed bool
}

// Command is a slash command of the app.
type Command struct {
	Name        string `json:"name"` // with the slash
	Description string `json:"description"`
}

// Shortcut is a global shortcut that the page offers.
type Shortcut struct {
	Name        string `json:"name"`
	CallbackID  string `json:"callback_id"`
	Description string `json:"description"`
}

// checkAndSetDefaults fills in the defaults. It returns an error that names all missing
// fields, or the first person with an empty or repeated Slack id.
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
		c.AppName = "AWS access"
	}
	if c.Commands == nil {
		c.Commands = []Command{
			{Name: "/access", Description: "Request access to an account"},
			{Name: "/group-access", Description: "Request membership in a group"},
		}
	}
	if c.Shortcuts == nil {
		c.Shortcuts = []Shortcut{
			{Name: "Request AWS access", CallbackID: "request_for_access"},
			{Name: "Request group membership", CallbackID: "request_for_group_membership"},
		}
	}
	if c.Now == nil {
		c.Now = time.Now
	}
	return nil
}
