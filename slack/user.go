package slack

import (
	"slices"

	slackgo "github.com/slack-go/slack"

	"sso-elevator/functions/access"
)

// User is a user in Slack.
type User struct {
	ID     string
	TeamID string // home workspace
	Email  string // as Slack has it; empty if the app may not see it
	Name   string
	// EnterpriseID and Teams are the user's enterprise and its workspaces, in an
	// Enterprise organization.
	EnterpriseID string
	Teams        []string

	// EmailConfirmed reports whether the user has confirmed to Slack that Email is
	// theirs. If Slack doesn't say, the email counts as not confirmed.
	EmailConfirmed bool

	Deleted  bool // deactivated
	Bot      bool
	Guest    bool // a single-channel or multi-channel guest, or invited but not joined yet
	Stranger bool // from another organization, visible through a shared channel
}

// IsFullMember reports whether the user is a full member of the workspace or enterprise
// with that id: not deactivated, no bot, no guest, and not from another organization.
func (u User) IsFullMember(teamID string) bool {
	if u.Deleted || u.Bot || u.Guest || u.Stranger || teamID == "" {
		return false
	}
	return u.TeamID == teamID || u.EnterpriseID == teamID || slices.Contains(u.Teams, teamID)
}

// slackbot is the only bot that Slack does not mark as a bot.
const slackbot = "USLACKBOT"

func userOf(u *slackgo.User) User {
	return User{
		ID:             u.ID,
		TeamID:         u.TeamID,
		Email:          access.TrimEmail(u.Profile.Email),
		Name:           firstNonEmpty(clean(u.Profile.DisplayName), clean(u.Profile.RealName), clean(u.RealName), clean(u.Name)),
		EnterpriseID:   u.Enterprise.EnterpriseID,
		Teams:          u.Enterprise.Teams,
		EmailConfirmed: u.IsEmailConfirmed,
		Deleted:        u.Deleted,
		Bot:            u.IsBot || u.IsWorkflowBot || u.IsConnectorBot || u.ID == slackbot,
		Guest:          u.IsRestricted || u.IsUltraRestricted || u.IsInvitedUser,
		Stranger:       u.IsStranger,
	}
}
