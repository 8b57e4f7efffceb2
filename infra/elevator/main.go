// Command elevator is the program for operators of the system. Each command is a
// package beside it.
//
//	go run ./infra/elevator --help
//
// The exit code is 0 for success; 1 if the answer is no, something is missing, or the
// command failed; 2 if the command line or an input file has a mistake; and 3 if the
// command stopped at a limit, before it had an answer. `go run` turns each code except 0
// into 1: if you need the code, build the program.
package main

import (
	"context"
	"os"

	"github.com/alecthomas/kong"

	"sso-elevator/infra/acceptance"
	"sso-elevator/infra/command"
	"sso-elevator/infra/doctor"
	"sso-elevator/infra/drain"
	"sso-elevator/infra/local"
	"sso-elevator/infra/policy"
	"sso-elevator/infra/reconcile"
)

func main() { os.Exit(run(os.Args[1:], command.Files(os.Stdin, os.Stdout, os.Stderr))) }

// elevator has the program's commands.
type elevator struct {
	Policy     policy.Commands    `cmd:"" help:"Show what the policy decides about a request and why, or what a change of it means."`
	Doctor     doctor.Command     `cmd:"" help:"Check AWS, Slack and your settings, before or after a deployment."`
	Acceptance acceptance.Command `cmd:"" help:"Test a deployed system. You request and approve in Slack."`
	Reconcile  reconcile.Command  `cmd:"" help:"List the access that the next reconciliation would remove."`
	Drain      drain.Command      `cmd:"" help:"End all access and stop new requests."`
	Local      local.Command      `cmd:"" help:"Run the system on this machine, with your settings."`
	Demo       local.Demo         `cmd:"" help:"Run the system on this machine, with an example organization."`
	Completion completion         `cmd:"" help:"Print a completion script for your shell."`

	Version kong.VersionFlag `help:"Print the version, and the commit that the program was built from."`
}

// run runs the program and returns its exit code.
func run(args []string, s command.Streams) int {
	return command.Run(context.Background(), &elevator{}, args, s, options()...)
}

// options describe the program to kong.
func options() []kong.Option {
	return []kong.Option{
		kong.Description("Check, test, drain and try out sso-elevator, which gives temporary AWS access through Slack."),
		kong.Vars{"version": version()}, local.Variables,
	}
}
