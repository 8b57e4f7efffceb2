// Package await is the function that stores the task tokens of a request's two
// waits, and of a run's wait for an answer.
package await

import (
	"sso-elevator/functions/adapters/host"
	"sso-elevator/functions/adapters/table"
	"sso-elevator/functions/adapters/tasktoken"
)

// Settings are the function's settings, from its environment.
type Settings struct {
	Table table.Settings
}

// Clients are the services that the function calls.
type Clients struct {
	DynamoDB      table.API
	StepFunctions tasktoken.API
}

// Open returns the function as it runs in Lambda.
func Open(s Settings, p host.Process) (*Handler, error) {
	return New(s, Clients{
		DynamoDB:      table.Connect(p.AWS),
		StepFunctions: tasktoken.Connect(p.AWS),
	}, p)
}

// New returns the function with the clients c.
func New(s Settings, c Clients, p host.Process) (*Handler, error) {
	return &Handler{
		Table:  table.New(c.DynamoDB, s.Table.Name),
		Tokens: tasktoken.Resumer{API: c.StepFunctions},
		Sleep:  p.Sleep,
	}, nil
}
