package findings

// Removals are the limits on the removal of unknown access.
type Removals struct {
	Allowed bool `env:"ELEVATOR_ALLOW_REMOVALS,default=false"`
	Max     int  `env:"ELEVATOR_MAX_REMOVALS,required"` // within 24 hours, without a person's consent
}
