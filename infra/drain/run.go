// Package drain is the command that ends all access that the system has given,
// and lets nobody ask for more: before its stack is deleted, or when it has to
// stop at once.
package drain

import (
	"context"
	"errors"
	"time"

	"sso-elevator/functions/adapters/host"
	"sso-elevator/infra/command"
	"sso-elevator/infra/settings"
	"sso-elevator/statemachine"
)

// Command is the command's flags.
type Command struct {
	Config   string        `default:"elevator.yaml" placeholder:"FILE" help:"File with the settings (default: elevator.yaml)."`
	Yes      bool          `help:"Do it. Without this flag, nothing is changed."`
	Wait     time.Duration `default:"30m" placeholder:"DURATION" help:"How long to wait until nothing is left (default: 30m)."`
	JSON     bool          `help:"Write the requests and leases to standard output as JSON, and all else to standard error."`
	Reopen   bool          `help:"Let people ask again."`
	Reserved int           `default:"-1" placeholder:"N" help:"With --reopen: the reserved concurrency of ingress, if it is not that of the settings."`
}

// Help returns the long help.
func (Command) Help() string {
	return `Ends all access that the system has given and lets nobody ask for more:

 1. The function ingress gets a reserved concurrency of 0. Slack's forms and buttons stop working.
 2. Every execution of the request machine is stopped. The sweep runs every minute. It removes the access of the stopped executions, records it, and closes the requests.
 3. The table is read until no request is open and no lease is left. A lease goes when its access is seen to be gone, and not before.

Without --yes it says what there is, and changes nothing. --reopen lets people ask again.

Exit codes: 0 nothing is left; 1 something is still there, or an error; 2 wrong flags or settings.

Example:

    elevator drain
    elevator drain --yes --wait 1h
    elevator drain --reopen`
}

// pollEvery is how often the table is read. Within 150 s after an execution is
// gone the first attempt to remove its access comes; what Identity Center holds
// up takes longer.
const pollInterval = 10 * time.Second

// ingressEnds is how long an invocation of ingress that was under way when its
// concurrency went to 0 can still start something, with a margin for the table's
// index and Step Functions' list of executions.
var settleTime = statemachine.FunctionTimeouts["ingress"] + 20*time.Second

// system is what is deployed, as far as the command needs it.
type system interface {
	// Reserved is ingress's reserved concurrency; -1: none is.
	Concurrency(ctx context.Context) (int, error)
	// Reserve sets it; -1 takes it away.
	SetConcurrency(ctx context.Context, n int) error
	// Running are the ARNs of the executions of the request machine that run.
	ListRunning(ctx context.Context) ([]string, error)
	Stop(ctx context.Context, arn string) error
	// Open are the requests that are not closed, and all leases, read from the
	// table itself with strong consistency.
	ReadOpen(ctx context.Context) (requests []request, leases []string, err error)
	// Request is one request's row; false: there is none any more.
	ReadRequest(ctx context.Context, id string) (request, bool, error)
}

type clock struct {
	now   func() time.Time
	sleep func(context.Context, time.Duration) error
}

// Run does what the flags say.
func (c *Command) Run(ctx context.Context, s command.Streams) error {
	return c.run(ctx, s, clock{time.Now, host.Sleep}, connect)
}

func (c *Command) run(ctx context.Context, s command.Streams, clock clock, connect func(context.Context, *settings.Settings) (system, error)) error {
	switch {
	case c.Yes && c.Reopen, !c.Reopen && c.Reserved != -1, c.Reserved < -1 || c.Reserved == 0:
		return command.BadInput(errors.New("-yes and -reopen exclude each other; -reserved goes with -reopen and is at least 1"))
	case c.JSON && c.Reopen:
		return command.BadInput(errors.New("-json and -reopen exclude each other"))
	}
	settings, err := settings.Load(c.Config)
	if err != nil {
		return command.BadInput(err)
	}
	sys, err := connect(ctx, settings)
	if err != nil {
		return err
	}
	d := drainer{system: sys, clock: clock, out: s.Out, messages: s.Err, progress: s.Progress}
	if c.JSON {
		d.out, d.json = s.Err, s.Out
	}
	switch {
	case c.Reopen:
		reserved := c.Reserved
		if reserved == -1 && settings.IngressReserved > 0 {
			reserved = settings.IngressReserved
		}
		return d.reopen(ctx, reserved)
	case !c.Yes:
		return d.preview(ctx)
	default:
		return d.drain(ctx, c.Wait)
	}
}
