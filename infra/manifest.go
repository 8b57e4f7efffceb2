package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"strings"

	"gopkg.in/yaml.v3"

	"sso-elevator/infra/settings"
	"sso-elevator/slack"
)

// manifestFile is written beside the template: what to paste where Slack asks
// for an app's manifest.
const manifestFile = "slack-manifest.yaml"

// urlToFill stands in manifestFile for the URL that only the deployment knows.
const urlToFill = "https://fill-in-the-output-SlackRequestURL.example/slack"

// botScope is something that the app may do in Slack.
type botScope struct {
	scope   string
	methods string // of the Web API that need it
	reason  string
}

// botScopes are what the app may do in Slack. The methods are all that it calls,
// but for those that need no scope (views.open, views.update); each names its
// scopes at https://docs.slack.dev/reference/methods.
var botScopes = []botScope{
	{"commands", "", "the shortcuts and the slash commands"},
	{"chat:write", "chat.postMessage chat.postEphemeral chat.update", "messages, and changing them"},
	{"users:read", "users.info", "who is a full member of the workspace"},
	{"users:read.email", "users.info users.lookupByEmail", "whose email leads to the Identity Center user, and the approvers"},
	{"channels:read", "conversations.members", "who is in the channel: others get direct messages"},
	{"channels:history", "conversations.history conversations.replies", "finding a message before it would be sent twice"},
	{"groups:read", "conversations.members", "the same two for a private channel"},
	{"groups:history", "conversations.history conversations.replies", "the same"},
	{"im:history", "conversations.history", "finding a direct message before it would be sent twice"},
	{"im:write", "conversations.open", "direct messages"},
}

// manifest is the part of a Slack app's manifest that this app needs.
type manifest struct {
	Display  manifestDisplay  `json:"display_information" yaml:"display_information"`
	Features manifestFeatures `json:"features" yaml:"features"`
	OAuth    struct {
		Scopes struct {
			Bot []string `json:"bot" yaml:"bot"`
		} `json:"scopes" yaml:"scopes"`
	} `json:"oauth_config" yaml:"oauth_config"`
	Settings manifestSettings `json:"settings" yaml:"settings"`
}

type manifestDisplay struct {
	Name        string `json:"name" yaml:"name"`
	Description string `json:"description" yaml:"description"`
}

type manifestFeatures struct {
	BotUser struct {
		DisplayName  string `json:"display_name" yaml:"display_name"`
		AlwaysOnline bool   `json:"always_online" yaml:"always_online"`
	} `json:"bot_user" yaml:"bot_user"`
	Shortcuts []manifestShortcut `json:"shortcuts" yaml:"shortcuts"`
	Commands  []manifestCommand  `json:"slash_commands" yaml:"slash_commands"`
}

type manifestShortcut struct {
	Name        string `json:"name" yaml:"name"`
	Type        string `json:"type" yaml:"type"`
	CallbackID  string `json:"callback_id" yaml:"callback_id"`
	Description string `json:"description" yaml:"description"`
}

type manifestCommand struct {
	Command      string `json:"command" yaml:"command"`
	URL          string `json:"url" yaml:"url"`
	Description  string `json:"description" yaml:"description"`
	ShouldEscape bool   `json:"should_escape" yaml:"should_escape"`
}

type manifestSettings struct {
	Interactivity struct {
		IsEnabled  bool   `json:"is_enabled" yaml:"is_enabled"`
		RequestURL string `json:"request_url" yaml:"request_url"`
		OptionsURL string `json:"message_menu_options_url" yaml:"message_menu_options_url"`
	} `json:"interactivity" yaml:"interactivity"`
	OrgDeploy     bool `json:"org_deploy_enabled" yaml:"org_deploy_enabled"`
	SocketMode    bool `json:"socket_mode_enabled" yaml:"socket_mode_enabled"`
	TokenRotation bool `json:"token_rotation_enabled" yaml:"token_rotation_enabled"`
}

// slackManifest is the manifest of the app whose requests go to requestURL.
func slackManifest(s *settings.Settings, requestURL string) manifest {
	const (
		askForAccount = "Ask for temporary access to an AWS account"
		askForGroup   = "Ask for temporary membership in a group"
	)
	var m manifest
	m.Display = manifestDisplay{Name: "AWS access", Description: "Temporary access to AWS accounts and groups, approved here"}
	m.Features.BotUser.DisplayName = "AWS access"
	m.Features.Shortcuts = []manifestShortcut{
		{"access", "global", slack.CallbackAccount, askForAccount},
		{"group-access", "global", slack.CallbackGroup, askForGroup},
	}
	m.Features.Commands = []manifestCommand{
		{slack.CommandAccount, requestURL, askForAccount, false},
		{slack.CommandGroup, requestURL, askForGroup, false},
	}
	for _, s := range botScopes {
		m.OAuth.Scopes.Bot = append(m.OAuth.Scopes.Bot, s.scope)
	}
	m.Settings.Interactivity.IsEnabled = true
	m.Settings.Interactivity.RequestURL = requestURL
	m.Settings.Interactivity.OptionsURL = requestURL
	m.Settings.OrgDeploy = s.SlackEnterpriseID != ""
	return m
}

func (m manifest) json() string {
	var b bytes.Buffer
	encoder := json.NewEncoder(&b)
	encoder.SetEscapeHTML(false)
	// Strings and booleans always encode, and a bytes.Buffer always takes them.
	_ = encoder.Encode(m)
	return strings.TrimSpace(b.String())
}

// writeManifest writes the manifest, its URL still to be filled in, to path.
func writeManifest(path string, s *settings.Settings) error {
	var b bytes.Buffer
	fmt.Fprintf(&b, "# The Slack app's manifest. Put the deployment's output SlackRequestURL in place of\n# %s\n", urlToFill)
	encoder := yaml.NewEncoder(&b)
	encoder.SetIndent(2)
	if err := encoder.Encode(slackManifest(s, urlToFill)); err != nil {
		return fmt.Errorf("write Slack manifest: %w", err)
	}
	if err := os.WriteFile(path, b.Bytes(), 0o644); err != nil {
		return fmt.Errorf("write Slack manifest: %w", err)
	}
	return nil
}
