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

// manifestFile is written beside the template. It is the first of two manifests: people
// create the Slack app with it. The second one is an output of the deployment.
const manifestFile = "slack-manifest.yaml"

// urlToFill is the placeholder in manifestFile for the URL, which only the deployment
// knows.
const urlToFill = "https://fill-in-the-output-SlackRequestURL.example/slack"

// manifest is the part of a Slack app's manifest that this app needs,
// https://docs.slack.dev/reference/app-manifest. Token rotation is off, because
// nothing would renew the stored bot token.
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
	AppHome struct {
		HomeTab          bool `json:"home_tab_enabled" yaml:"home_tab_enabled"`
		MessagesTab      bool `json:"messages_tab_enabled" yaml:"messages_tab_enabled"`
		MessagesReadOnly bool `json:"messages_tab_read_only_enabled" yaml:"messages_tab_read_only_enabled"`
	} `json:"app_home" yaml:"app_home"`
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
	UsageHint    string `json:"usage_hint" yaml:"usage_hint"`
	ShouldEscape bool   `json:"should_escape" yaml:"should_escape"`
}

type manifestSettings struct {
	Events        *manifestEvents `json:"event_subscriptions,omitempty" yaml:"event_subscriptions,omitempty"`
	Interactivity struct {
		IsEnabled  bool   `json:"is_enabled" yaml:"is_enabled"`
		RequestURL string `json:"request_url" yaml:"request_url"`
		OptionsURL string `json:"message_menu_options_url" yaml:"message_menu_options_url"`
	} `json:"interactivity" yaml:"interactivity"`
	OrgDeploy     bool `json:"org_deploy_enabled" yaml:"org_deploy_enabled"`
	SocketMode    bool `json:"socket_mode_enabled" yaml:"socket_mode_enabled"`
	TokenRotation bool `json:"token_rotation_enabled" yaml:"token_rotation_enabled"`
}

// manifestEvents are the events that Slack sends to the app.
type manifestEvents struct {
	RequestURL string   `json:"request_url" yaml:"request_url"`
	BotEvents  []string `json:"bot_events" yaml:"bot_events"`
}

// slackManifest returns the second manifest: of the app that sends its requests to
// requestURL, which is deployed.
func slackManifest(s *settings.Settings, requestURL string) manifest {
	const (
		requestAccount = "Request temporary access to an AWS account"
		requestGroup   = "Request temporary membership in a group"
	)
	var m manifest
	m.Display = manifestDisplay{Name: "AWS access", Description: "Temporary access to AWS accounts and groups, approved in Slack"}
	// The tab is off by default, and then Slack refuses the app's direct messages
	// (messages_tab_disabled). It is read-only, because nobody reads what people
	// would write there.
	m.Features.AppHome.MessagesTab, m.Features.AppHome.MessagesReadOnly = true, true
	m.Features.AppHome.HomeTab = true
	m.Features.BotUser.DisplayName = slack.BotName
	m.Features.Shortcuts = []manifestShortcut{
		{"Request AWS access", "global", slack.CallbackAccount, requestAccount},
		{"Request group membership", "global", slack.CallbackGroup, requestGroup},
	}
	m.Features.Commands = []manifestCommand{
		{slack.CommandAccount, requestURL, requestAccount, slack.CommandHint, false},
		{slack.CommandGroup, requestURL, requestGroup, slack.CommandHint, false},
	}
	m.OAuth.Scopes.Bot = slack.BotScopes
	// No scope is needed for it.
	m.Settings.Events = &manifestEvents{RequestURL: requestURL, BotEvents: []string{"app_home_opened"}}
	m.Settings.Interactivity.IsEnabled = true
	m.Settings.Interactivity.RequestURL = requestURL
	m.Settings.Interactivity.OptionsURL = requestURL
	// Slack's templates set this to true for every app. Here it follows the settings:
	// without slack_enterprise_id, an app installed for an enterprise would get
	// requests that it refuses.
	m.Settings.OrgDeploy = s.SlackEnterpriseID != ""
	return m
}

// beforeDeployment returns the first manifest, without the Home tab and its event. When
// someone saves a subscription to events, Slack sends a challenge to the URL, which
// nobody could answer yet. Without the event, the Home tab would stay empty.
func (m manifest) beforeDeployment() manifest {
	m.Features.AppHome.HomeTab, m.Settings.Events = false, nil
	return m
}

func (m manifest) json() string {
	var b bytes.Buffer
	encoder := json.NewEncoder(&b)
	encoder.SetEscapeHTML(false)
	// Encoding strings and booleans to a bytes.Buffer can't fail.
	_ = encoder.Encode(m)
	return strings.TrimSpace(b.String())
}

// writeManifest writes the manifest to path, with urlToFill in place of the URL.
func writeManifest(path string, s *settings.Settings) error {
	var b bytes.Buffer
	fmt.Fprintf(&b, "# The Slack app's first manifest. After the deployment, replace it with the output SlackManifest,\n# which has the real URL in place of %s\n", urlToFill)
	encoder := yaml.NewEncoder(&b)
	encoder.SetIndent(2)
	if err := encoder.Encode(slackManifest(s, urlToFill).beforeDeployment()); err != nil {
		return fmt.Errorf("write Slack manifest: %w", err)
	}
	if err := os.WriteFile(path, b.Bytes(), 0o644); err != nil {
		return fmt.Errorf("write Slack manifest: %w", err)
	}
	return nil
}
