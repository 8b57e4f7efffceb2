package people

import "strings"

// Settings name the workspace and the further domains of its people.
type Settings struct {
	Team             string   `env:"ELEVATOR_SLACK_TEAM,required"` // id of the workspace
	SecondaryDomains []string `env:"ELEVATOR_SECONDARY_DOMAINS"`
	// GroupMentions are pairs "<group id>=<id of a Slack user group>".
	GroupMentions []string `env:"ELEVATOR_APPROVER_GROUP_MENTIONS"`
}

// SlackGroups returns the ids of Slack user groups to mention, by the id of a group in
// Identity Center, in lower case.
func (s Settings) SlackGroups() map[string]string {
	all := map[string]string{}
	for _, pair := range s.GroupMentions {
		if group, slackGroup, ok := strings.Cut(pair, "="); ok {
			all[strings.ToLower(group)] = slackGroup
		}
	}
	return all
}
