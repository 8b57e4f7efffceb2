package doctor

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"sso-elevator/functions/access"
	"sso-elevator/infra/command"
	"sso-elevator/infra/settings"
	"sso-elevator/slack"
)

// installationAPI is the part of Slack that the check of the installation uses.
type installationAPI interface {
	Installation(context.Context) (slack.Installation, error)
	AppOf(ctx context.Context, botID string) (string, error)
}

// channelAPI is the part of Slack that the check of the channel uses.
type channelAPI interface {
	Channel(ctx context.Context, id string) (slack.Channel, error)
}

// slackRefusal returns the finding of an error that someone must fix in Slack. It
// returns any other error as it is: the check could not be made.
func slackRefusal(err error, fix string) ([]finding, error) {
	if access.CodeOf(err) == access.CodeMisconfigure {
		return []finding{{Status: missing, Found: describe(err), Fix: fix}}, nil
	}
	return nil, err
}

// checkInstallation compares the token's workspace, enterprise and app with the
// settings.
func checkInstallation(ctx context.Context, api installationAPI, in slack.Installation, s *settings.Settings) ([]finding, error) {
	var out []finding
	enterprise := s.SlackEnterpriseID != "" && (in.EnterpriseID == s.SlackEnterpriseID || in.TeamID == s.SlackEnterpriseID)
	if s.SlackEnterpriseID != "" && !enterprise {
		out = append(out, finding{Status: missing, Found: fmt.Sprintf("the token belongs to enterprise %s, but the settings say %s", orNone(in.EnterpriseID), s.SlackEnterpriseID), Fix: "Correct slack_enterprise_id, or store the token of the right installation."})
	}
	// If the enterprise installed the app, its token may name the enterprise in place
	// of a workspace.
	if in.TeamID != s.SlackTeamID && !(enterprise && in.TeamID == s.SlackEnterpriseID) {
		out = append(out, finding{Status: missing, Found: fmt.Sprintf("the token belongs to workspace %s (%s), but the settings say %s", in.TeamID, in.TeamName, s.SlackTeamID), Fix: "Correct slack_team_id, or store the token of the right installation."})
	}
	app, err := api.AppOf(ctx, in.BotID)
	switch {
	case access.CodeOf(err) == access.CodeMisconfigure:
		out = append(out, finding{Status: missing, Found: "can't tell which app the token belongs to: " + describe(err), Fix: "Replace the app's manifest with cdk.out/slack-manifest.yaml (make synth writes it), then reinstall the app."})
	case err != nil && len(out) == 0:
		return nil, err
	case err != nil:
		out = append(out, failed("", err))
	case app != s.SlackAppID:
		out = append(out, finding{Status: missing, Found: fmt.Sprintf("the token belongs to app %s, but the settings say %s", orNone(app), s.SlackAppID), Fix: "Correct slack_app_id, or store the token of the right app."})
	}
	if len(out) == 0 {
		out = append(out, finding{Status: ready, Found: fmt.Sprintf("app %s in workspace %s (%s)", app, in.TeamID, in.TeamName)})
	}
	return out, nil
}

func orNone(s string) string {
	if s == "" {
		return "(none)"
	}
	return s
}

// checkScopes compares the token's scopes with those of the manifest.
func checkScopes(has, wants []string) ([]finding, error) {
	if len(has) == 0 {
		return nil, command.Problemf("Slack didn't return the token's scopes")
	}
	without := func(from, these []string) []string {
		var left []string
		for _, scope := range from {
			if !slices.Contains(these, scope) {
				left = append(left, scope)
			}
		}
		slices.Sort(left)
		return left
	}
	var out []finding
	if lacks := without(wants, has); len(lacks) > 0 {
		out = append(out, finding{Status: missing, Found: "the token lacks scopes", Items: lacks, Fix: "Replace the app's manifest with cdk.out/slack-manifest.yaml (make synth writes it), then reinstall the app."})
	}
	if more := without(has, wants); len(more) > 0 {
		out = append(out, finding{Status: warning, Found: "the token has scopes that this app doesn't need", Items: more, Fix: "Remove them on the app's page OAuth & Permissions, then reinstall the app."})
	}
	if len(out) == 0 {
		out = append(out, finding{Status: ready, Found: fmt.Sprintf("the token has exactly the scopes of the manifest (%d)", len(wants))})
	}
	return out, nil
}

// checkChannels checks that the bot can post in the channels for requests: the configured
// one, and those of the policy.
func checkChannels(ctx context.Context, api channelAPI, s *settings.Settings) (out []finding, err error) {
	where := map[string][]string{s.SlackChannelID: {"slack_channel_id"}}
	ids := []string{s.SlackChannelID}
	for _, list := range []struct {
		key        string
		statements []access.Statement
	}{{"config", s.Policy.Accounts}, {"group_config", s.Policy.Groups}} {
		for i, statement := range list.statements {
			id := statement.Channel
			if id == "" {
				continue
			}
			if where[id] == nil {
				ids = append(ids, id)
			}
			where[id] = append(where[id], path(list.key, []int{i}, "Channel"))
		}
	}
	for _, id := range ids {
		findings, err := checkChannel(ctx, api, id, strings.Join(where[id], ", "))
		if err != nil {
			findings = []finding{failed("", err)}
		}
		out = append(out, findings...)
	}
	return out, nil
}

// checkChannel checks one channel. where is its place in the settings.
func checkChannel(ctx context.Context, api channelAPI, id, where string) ([]finding, error) {
	channel, err := api.Channel(ctx, id)
	err = access.Wrap(access.CodeOf(err), err, id)
	name := fmt.Sprintf("#%s (%s)", channel.Name, id)
	switch {
	case err != nil:
		return slackRefusal(err, "Correct "+where+". If the channel is private, invite the app to the channel first.")
	case channel.Archived:
		return []finding{{Status: missing, Found: name + " is archived", Fix: "Unarchive it, or set " + where + " to another channel."}}, nil
	case channel.Shared:
		return []finding{{Status: missing, Found: name + " is shared with another organization, or someone has invited one. Its people can read the requests",
			Fix: "Set " + where + " to a channel that isn't shared, or stop sharing this one in Slack."}}, nil
	case !channel.Member:
		return []finding{{Status: missing, Found: "the bot is not in " + name, Fix: "Invite it: type /invite @" + slack.BotName + " in the channel."}}, nil
	}
	return []finding{{Status: ready, Found: "the bot is in " + name}}, nil
}
