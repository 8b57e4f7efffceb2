package identitycenter

// Settings say which Identity Center a function calls.
type Settings struct {
	InstanceARN string `env:"ELEVATOR_SSO_INSTANCE_ARN"` // empty: the only one that the account can see
	Region      string `env:"ELEVATOR_SSO_REGION"`       // empty: the function's own
}
