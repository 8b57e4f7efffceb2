package policyinforce

// Settings say where the policy in force is.
type Settings struct {
	Pointer string `env:"ELEVATOR_POLICY_POINTER,required"` // name of an SSM parameter
}
