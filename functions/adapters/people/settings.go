package people

// Settings say whom Slack knows as members.
type Settings struct {
	Team             string   `env:"ELEVATOR_SLACK_TEAM,required"` // id of the workspace
	SecondaryDomains []string `env:"ELEVATOR_SECONDARY_DOMAINS"`
}
