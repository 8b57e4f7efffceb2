package policyinforce

import (
	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ssm"
)

// Settings name the pointer to the policy in force.
type Settings struct {
	Pointer string `env:"ELEVATOR_POLICY_POINTER,required"` // name of an SSM parameter
}

// Connect returns the client of the policy's pointer.
func Connect(cfg aws.Config) *ssm.Client { return ssm.NewFromConfig(cfg) }
