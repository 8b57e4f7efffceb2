package slack

import (
	"slices"

	slackgo "github.com/slack-go/slack"

	"sso-elevator/functions/access"
)

// User is somebody in Slack.
type User struct {
	ID     string
	TeamID string // home workspace
	Email  string // as Slack has it; empty where the app may not see it
	Name   string
	// EnterpriseID and Teams are the enterprise and its workspaces that the
	// user belongs to, in an Enterprise organization.
	EnterpriseID string
	Teams        []string

	// EmailConfirmed reports whether the user has confirmed to Slack that Email is
	// theirs. Where Slack doesn't say, it counts as not confirmed.
	EmailConfirmed bool

	Deleted  bool // deactivated
	Bot      bool
	Guest    bool // of one or several channels, or invited and not yet there
	Stranger bool // from another organization, seen through a shared channel
}

// FullMember says whether the user is a member in good standing of the workspace
// or enterprise with that id: not deactivated, not a bot, not a guest, nobody
// from elsewhere.
func (u User) IsFullMember(teamID string) bool {
	if u.Deleted || u.Bot || u.Guest || u.Stranger || teamID == "" {
		return false
	}
	return u.TeamID == teamID || u.EnterpriseID == teamID || slices.Contains(u.Teams, teamID)
}

// slackbot is the one bot that Slack does not call one.
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
