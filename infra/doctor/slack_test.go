package doctor

import (
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"testing"

	smtypes "github.com/aws/aws-sdk-go-v2/service/secretsmanager/types"

	"sso-elevator/functions/access"
	"sso-elevator/infra/settings"
	"sso-elevator/slack"
)

// TestSecrets checks that a secret exists and has the right form, and that no finding
// contains a part of it.
func TestSecrets(t *testing.T) {
	const hex = "0123456789abcdef0123456789abcdef"
	parameter := settings.SecretRef{Store: settings.ParameterStore, Name: "/slack"}
	vault := settings.SecretRef{Store: settings.SecretsManager, Name: "slack"}
	tests := []struct {
		name           string
		ref            settings.SecretRef
		value          string // "-": there is none
		token, signing string
	}{
		{"bot token", parameter, "xoxb-1-hush", "ready: ssm:/slack", "missing: ssm:/slack is not a signing secret but a token"},
		{"bot token with white space", parameter, " xoxb-1-hush\n", "ready: ssm:/slack", "missing: ssm:/slack is not a signing secret but a token"},
		{"signing secret", parameter, hex, "missing: ssm:/slack is not a bot token but something else. Bot tokens begin with xoxb-", "ready: ssm:/slack"},
		{"user's token", parameter, "xoxp-1-hush", "missing: ssm:/slack is not a bot token but a user token. Bot tokens begin with xoxb-", "missing: ssm:/slack is not a signing secret but a token"},
		{"app-level token", parameter, "xapp-1-hush", "missing: ssm:/slack is not a bot token but an app-level token. Bot tokens begin with xoxb-", "missing: ssm:/slack is not a signing secret but a token"},
		{"rotating token", parameter, "xoxe.xoxb-1-hush", "missing: ssm:/slack is not a bot token but a token with token rotation, which expires. Bot tokens begin with xoxb-", "missing: ssm:/slack is not a signing secret but a token"},
		{"odd", parameter, "hush hush", "missing: ssm:/slack is not a bot token but something else. Bot tokens begin with xoxb-", "warning: ssm:/slack does not look like a signing secret, which has 32 digits and letters from a to f"},
		{"not encrypted", parameter, "plain:xoxb-1-hush", "missing: ssm:/slack is not encrypted, because the parameter is not a SecureString", "missing: ssm:/slack is not encrypted, because the parameter is not a SecureString"},
		{"empty", parameter, " ", "missing: ssm:/slack is empty", "missing: ssm:/slack is empty"},
		{"none", parameter, "-", "missing: ssm:/slack does not exist", "missing: ssm:/slack does not exist"},
		{"in Secrets Manager", vault, "xoxb-1-hush", "ready: secretsmanager:slack", "missing: secretsmanager:slack is not a signing secret but a token"},
		{"none in Secrets Manager", vault, "-", "missing: secretsmanager:slack does not exist", "missing: secretsmanager:slack does not exist"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			p, v := fakeParameters{values: map[string]string{"/slack": test.value}}, fakeVault{value: test.value}
			if test.value == "-" {
				p, v = fakeParameters{}, fakeVault{err: &smtypes.ResourceNotFoundException{}}
			}
			s, err := readSecret(t.Context(), p, v, test.ref)
			token := checkBotToken(test.ref, s)
			same(t, token, err, test.token)
			signing, err := checkSigningSecret(t.Context(), p, v, test.ref)
			same(t, signing, err, test.signing)
			text, err := json.Marshal([]any{token, signing, fmt.Sprintf("%v %+v %#v %s", s, s, s, s)})
			if err != nil || strings.Contains(string(text), "hush") || strings.Contains(string(text), hex) {
				t.Errorf("the secret is in %s, %v", text, err)
			}
		})
	}
	for _, ref := range []settings.SecretRef{parameter, vault} {
		down := errors.New("down")
		if _, err := readSecret(t.Context(), fakeParameters{err: down}, fakeVault{err: down}, ref); !errors.Is(err, down) {
			t.Errorf("%s: error %v", ref, err)
		}
	}
}

func TestSlackApp(t *testing.T) {
	scope := access.Errorf(access.CodeMisconfigure, "look up the bot: Slack answers missing_scope (users:read)")
	tests := []struct {
		name       string
		in         slack.Installation
		app        string
		enterprise string
		err        error
		want       []string
		fails      bool
	}{
		{name: "as set", in: slack.Installation{TeamID: "T1", TeamName: "One"}, app: "A1", want: []string{"ready: app A1 in workspace T1 (One)"}},
		{name: "another workspace and app", in: slack.Installation{TeamID: "T2", TeamName: "Two"}, app: "A2",
			want: []string{"missing: the token belongs to workspace T2 (Two), but the settings say T1", "missing: the token belongs to app A2, but the settings say A1"}},
		{name: "no app", in: slack.Installation{TeamID: "T1"}, want: []string{"missing: the token belongs to app (none), but the settings say A1"}},
		{name: "in an enterprise", in: slack.Installation{TeamID: "T1", TeamName: "One", EnterpriseID: "E1"}, app: "A1", enterprise: "E1", want: []string{"ready: app A1 in workspace T1 (One)"}},
		{name: "installed by the enterprise", in: slack.Installation{TeamID: "E1", TeamName: "All"}, app: "A1", enterprise: "E1", want: []string{"ready: app A1 in workspace E1 (All)"}},
		{name: "of another enterprise", in: slack.Installation{TeamID: "T1", EnterpriseID: "E2"}, app: "A1", enterprise: "E1", want: []string{"missing: the token belongs to enterprise E2, but the settings say E1"}},
		{name: "not enough scopes", in: slack.Installation{TeamID: "T1"}, err: scope,
			want: []string{"missing: can't tell which app the token belongs to: look up the bot: Slack answers missing_scope (users:read)"}},
		{name: "down", in: slack.Installation{TeamID: "T1"}, err: errors.New("down"), fails: true},
		{name: "down, and another workspace", in: slack.Installation{TeamID: "T2", TeamName: "Two"}, err: errors.New("down"),
			want: []string{"missing: the token belongs to workspace T2 (Two), but the settings say T1", "not checked: could not be checked: down"}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			s := &settings.Settings{SlackTeamID: "T1", SlackAppID: "A1", SlackEnterpriseID: test.enterprise}
			got, err := checkInstallation(t.Context(), fakeSlack{app: test.app, err: test.err}, test.in, s)
			if test.fails {
				if err == nil {
					t.Errorf("got %q", lines(got))
				}
				return
			}
			same(t, got, err, test.want...)
		})
	}
}

func TestScopes(t *testing.T) {
	wants := []string{"commands", "chat:write", "users:read"}
	tests := []struct {
		name string
		has  []string
		want []string
	}{
		{"exactly", []string{"users:read", "commands", "chat:write"}, []string{"ready: the token has exactly the scopes of the manifest (3)"}},
		{"too few", []string{"commands"}, []string{"missing: the token lacks scopes: chat:write; users:read"}},
		{"too many", append([]string{"admin", "files:read"}, wants...), []string{"warning: the token has scopes that this app doesn't need: admin; files:read"}},
		{"both", []string{"admin", "commands", "chat:write"}, []string{"missing: the token lacks scopes: users:read", "warning: the token has scopes that this app doesn't need: admin"}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			got, err := checkScopes(test.has, wants)
			same(t, got, err, test.want...)
		})
	}
	if got, err := checkScopes(nil, wants); err == nil {
		t.Errorf("without a list: %q", lines(got))
	}
}

func TestChannels(t *testing.T) {
	of := func(configured string, accounts, groups []string) *settings.Settings {
		s := &settings.Settings{SlackChannelID: configured}
		for _, id := range accounts {
			s.Policy.Accounts = append(s.Policy.Accounts, access.Statement{Channel: id})
		}
		for _, id := range groups {
			s.Policy.Groups = append(s.Policy.Groups, access.Statement{Channel: id})
		}
		return s
	}
	one := of("C1", nil, nil)
	several := of("C1", []string{"", "C2", "C1", "C3"}, []string{"C2"})
	none := access.Errorf(access.CodeMisconfigure, "look up the channel: Slack returned channel_not_found")
	good := slack.Channel{Name: "access", Member: true}
	shared := " is shared with another organization, or someone has invited one. Its people can read the requests"
	tests := []struct {
		name string
		s    *settings.Settings
		api  fakeSlack
		want []string
		fix  string // of the last finding
	}{
		{"in it", one, fakeSlack{channel: good}, []string{"ready: the bot is in #access (C1)"}, ""},
		{"not in it", one, fakeSlack{channel: slack.Channel{Name: "access"}}, []string{"missing: the bot is not in #access (C1)"}, "Invite it: type /invite @aws-access in the channel."},
		{"archived", one, fakeSlack{channel: slack.Channel{Name: "access", Member: true, Archived: true}}, []string{"missing: #access (C1) is archived"}, "Unarchive it, or set slack_channel_id to another channel."},
		{"shared", one, fakeSlack{channel: slack.Channel{Name: "access", Member: true, Shared: true}}, []string{"missing: #access (C1)" + shared},
			"Set slack_channel_id to a channel that isn't shared, or stop sharing this one in Slack."},
		{"none", one, fakeSlack{err: none}, []string{"missing: C1: look up the channel: Slack returned channel_not_found"}, "Correct slack_channel_id. If the channel is private, invite the app to the channel first."},
		{"Slack is down", one, fakeSlack{err: access.Errorf(access.CodeUnavailable, "down")}, []string{"not checked: could not be checked: C1: down"}, "Run elevator doctor again. If it fails again, check this item manually."},
		{"several", several, fakeSlack{channel: good}, []string{"ready: the bot is in #access (C1)", "ready: the bot is in #access (C2)", "ready: the bot is in #access (C3)"}, ""},
		{"the policy's are shared and unknown", several, fakeSlack{channels: map[string]slack.Channel{"C1": good, "C2": {Name: "prod", Member: true, Shared: true}}, err: none},
			[]string{"ready: the bot is in #access (C1)", "missing: #prod (C2)" + shared, "missing: C3: look up the channel: Slack returned channel_not_found"}, "Correct config[3].Channel. If the channel is private, invite the app to the channel first."},
		{"the bot is not in the policy's", of("C1", []string{"C2"}, []string{"C2"}), fakeSlack{channels: map[string]slack.Channel{"C1": good, "C2": {Name: "prod", Archived: true}}},
			[]string{"ready: the bot is in #access (C1)", "missing: #prod (C2) is archived"}, "Unarchive it, or set config[0].Channel, group_config[0].Channel to another channel."},
		{"one can't be looked up", of("C1", []string{"C2", "C3"}, nil), fakeSlack{channels: map[string]slack.Channel{"C1": good, "C3": good}, err: access.Errorf(access.CodeUnavailable, "down")},
			[]string{"ready: the bot is in #access (C1)", "not checked: could not be checked: C2: down", "ready: the bot is in #access (C3)"}, ""},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			got, err := checkChannels(t.Context(), test.api, test.s)
			same(t, got, err, test.want...)
			if fix := got[len(got)-1].Fix; fix != test.fix {
				t.Errorf("the fix is %q, want %q", fix, test.fix)
			}
		})
	}
}

func TestSlackPeople(t *testing.T) {
	member := func(change func(*slack.User)) slack.User {
		u := slack.User{ID: "U1", TeamID: "T1", EmailConfirmed: true}
		change(&u)
		return u
	}
	api := fakeSlack{people: map[string]slack.User{
		"full@example.com":       member(func(u *slack.User) {}),
		"colleague@example.com":  member(func(u *slack.User) { u.TeamID, u.EnterpriseID = "T2", "E1" }),
		"doubt@example.com":      member(func(u *slack.User) { u.EmailConfirmed = false }),
		"guest@example.com":      member(func(u *slack.User) { u.Guest = true }),
		"gone@example.com":       member(func(u *slack.User) { u.Deleted = true }),
		"robot@example.com":      member(func(u *slack.User) { u.Bot = true }),
		"stranger@example.com":   member(func(u *slack.User) { u.Stranger = true }),
		"other-team@example.com": member(func(u *slack.User) { u.TeamID = "T2" }),
	}}
	emails := []string{"colleague@example.com", "full@example.com", "doubt@example.com", "gone@example.com", "guest@example.com", "nobody@example.com", "other-team@example.com", "robot@example.com", "stranger@example.com"}
	absent, err := absentFromSlack(t.Context(), api, emails, "T1", "E1")
	same(t, checkSlackPeople(emails, absent), err, "warning: these approvers can't approve, because they aren't full members in Slack with a confirmed email: doubt@example.com (email not confirmed); gone@example.com (deactivated); guest@example.com (a guest); nobody@example.com (unknown or deactivated); "+
		"other-team@example.com (in another workspace); robot@example.com (a bot); stranger@example.com (in another workspace)")
	absent, err = absentFromSlack(t.Context(), api, emails[1:2], "T1", "")
	same(t, checkSlackPeople(emails[1:2], absent), err, "ready: all approvers (1) are full members in Slack with a confirmed email")
	if _, err := absentFromSlack(t.Context(), fakeSlack{err: errors.New("down")}, emails, "T1", ""); err == nil {
		t.Error("a failure is no answer")
	}
}
