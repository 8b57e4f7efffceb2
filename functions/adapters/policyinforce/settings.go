package policyinforce

// Settings name the pointer to the policy in force.
type Settings struct {
	Pointer string `env:"ELEVATOR_POLICY_POINTER,required"` // name of an SSM parameter
}
