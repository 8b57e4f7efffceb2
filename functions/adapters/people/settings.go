package people

// Settings name the workspace and the further domains of its people.
type Settings struct {
	Team             string   `env:"ELEVATOR_SLACK_TEAM,required"` // id of the workspace
	SecondaryDomains []string `env:"ELEVATOR_SECONDARY_DOMAINS"`
}
