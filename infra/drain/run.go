// Package drain is the command that ends all access that this app granted and
// stops new requests. Run it before you delete the stack, or when the system must
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

// Command has the command's flags.
type Command struct {
	Config   string        `default:"elevator.yaml" placeholder:"FILE" help:"File with the settings (default: elevator.yaml)."`
	Yes      bool          `help:"End all access. Without this flag, nothing is changed."`
	Wait     time.Duration `default:"30m" placeholder:"DURATION" help:"How long to wait until nothing is left (default: 30m)."`
	JSON     bool          `help:"Print the requests and leases as JSON. Everything else goes to standard error."`
	Reopen   bool          `help:"Let people request access again."`
	Reserved int           `default:"-1" placeholder:"N" help:"With --reopen: the reserved concurrency of ingress (default: the one in the settings)."`
}

// Help returns the command's help text.
func (Command) Help() string {
	return `Ends all access that this app granted, and stops new requests. Run it before you delete the stack, or when everything must stop at once. With --yes:

 1. It sets the reserved concurrency of the function ingress to 0. Forms and buttons in Slack stop working.
 2. It stops every execution of the request machine. The minute check then removes their access, records the removal, and closes the requests.
 3. It reads the table until no request is open and no lease is left. A lease is deleted only after its access is confirmed to be gone.

Without --yes, it lists what is there and changes nothing. --reopen lets people request access again.

Exit codes: 0 nothing is left; 1 something is left, or an error; 2 wrong flags or settings.

Example:

    elevator drain
    elevator drain --yes --wait 1h
    elevator drain --reopen`
}

// pollInterval is the time between two reads of the table. The first attempt to
// remove access comes within 150 s after its execution has stopped. Identity Center
// can delay the removal further.
const pollInterval = 10 * time.Second

// settleTime is how long an invocation of ingress can still create requests after
// the concurrency was set to 0. It includes a margin because the table's index and
// Step Functions' list of executions lag behind.
var settleTime = statemachine.FunctionTimeouts["ingress"] + 20*time.Second

// system is the part of the deployed system that the command needs.
type system interface {
	// Concurrency returns the reserved concurrency of ingress, or -1 if it has none.
	Concurrency(ctx context.Context) (int, error)
	// SetConcurrency sets the reserved concurrency of ingress. -1 removes it.
	SetConcurrency(ctx context.Context, n int) error
	// ListRunning returns the ARNs of the request machine's running executions.
	ListRunning(ctx context.Context) ([]string, error)
	// Stop stops an execution. It succeeds if the execution no longer exists.
	Stop(ctx context.Context, arn string) error
	// ReadOpen returns the requests that are not closed, and the keys of all leases.
	// It reads the table itself, with strong consistency.
	ReadOpen(ctx context.Context) (requests []request, leases []string, err error)
	// ReadRequest reads one request. found is false if its row no longer exists.
	ReadRequest(ctx context.Context, id string) (r request, found bool, err error)
}

type clock struct {
	now   func() time.Time
	sleep func(context.Context, time.Duration) error
}

// Run drains the system, shows what would be drained, or reopens the system.
func (c *Command) Run(ctx context.Context, s command.Streams) error {
	return c.run(ctx, s, clock{time.Now, host.Sleep}, connect)
}

func (c *Command) run(ctx context.Context, s command.Streams, clock clock, connect func(context.Context, *settings.Settings) (system, error)) error {
	switch {
	case c.Yes && c.Reopen, !c.Reopen && c.Reserved != -1, c.Reserved < -1 || c.Reserved == 0:
		return command.BadInput(errors.New("use either --yes or --reopen; --reserved needs --reopen and a number of at least 1"))
	case c.JSON && c.Reopen:
		return command.BadInput(errors.New("--json can't be used with --reopen"))
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
