package findings

// Removals limits the removal of access that no request granted.
type Removals struct {
	Allowed bool `env:"ELEVATOR_ALLOW_REMOVALS,default=false"`
	Max     int  `env:"ELEVATOR_MAX_REMOVALS,required"` // within 24 hours, without a person's consent
}
