package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"time"

	"sso-elevator/infra/settings"
	"sso-elevator/statemachine"
)

// Exit codes. `go run` turns each but 0 into 1: build the command where the
// code matters.
const (
	exitDone  = 0 // nobody can ask, and no lease is left
	exitError = 1
	exitUsage = 2
	exitLeft  = 3 // something is still there
)

const usage = `Usage: drain [-config FILE] -yes [-wait DURATION]
       drain [-config FILE] -reopen [-reserved N]

Ends all access that the system has given and lets nobody ask for more:

 1. The function ingress gets a reserved concurrency of 0. Slack's
    forms and buttons stop working.
 2. Every execution of the request machine is stopped. The sweep, which looks
    every minute, finds what they left: it removes the access, records it, and
    closes the request.
 3. The table is read until no request is open and no lease is left. A lease goes
    when its access is seen to be gone, and not before.

Without -yes it says what there is, and changes nothing. -reopen lets people ask
again, with the concurrency that the settings reserve, or -reserved says.

Exit codes: 0 nothing is left, 1 an error, 2 a wrong command line, 3 something is
still there.

`

// How often the table is read, and for how long. Within 150 s after an execution
// is gone the first attempt to remove its access comes; what Identity Center
// holds up takes longer.
const (
	pollEvery   = 10 * time.Second
	defaultWait = 30 * time.Minute
)

// ingressEnds is how long an invocation of ingress that was under way when its
// concurrency went to 0 can still start something, with a margin for the table's
// index and Step Functions' list of executions.
var ingressEnds = statemachine.FunctionTimeouts["ingress"] + 20*time.Second

// system is what is deployed, as far as the command needs it.
type system interface {
	// Reserved is ingress's reserved concurrency; -1: none is.
	Reserved(ctx context.Context) (int, error)
	// Reserve sets it; -1 takes it away.
	Reserve(ctx context.Context, n int) error
	// Running are the ARNs of the executions of the request machine that run.
	Running(ctx context.Context) ([]string, error)
	Stop(ctx context.Context, arn string) error
	// Open are the requests that are not closed, and all leases, read from the
	// table itself with strong consistency.
	Open(ctx context.Context) (requests []request, leases []string, err error)
	// Request is one request's row; false: there is none any more.
	Request(ctx context.Context, id string) (request, bool, error)
}

type clock struct {
	now   func() time.Time
	sleep func(context.Context, time.Duration) error
}

// run is the program. It gives the exit code.
func run(ctx context.Context, args []string, stdout, stderr io.Writer, c clock, connect func(context.Context, *settings.Settings) (system, error)) int {
	flags := flag.NewFlagSet("drain", flag.ContinueOnError)
	flags.SetOutput(stderr)
	flags.Usage = func() {
		fmt.Fprint(stderr, usage)
		flags.PrintDefaults()
	}
	var (
		config   = flags.String("config", "elevator.yaml", "`file` with the settings")
		yes      = flags.Bool("yes", false, "do it")
		reopen   = flags.Bool("reopen", false, "let people ask again")
		reserved = flags.Int("reserved", -1, "with -reopen: ingress's reserved `concurrency`, where it is not that of the settings")
		wait     = flags.Duration("wait", defaultWait, "for how long to wait until nothing is left")
	)
	switch err := flags.Parse(args); {
	case errors.Is(err, flag.ErrHelp):
		return exitDone
	case err != nil:
		return exitUsage // flag has said why
	case flags.NArg() > 0:
		fmt.Fprintf(stderr, "unexpected argument %q; see -help\n", flags.Arg(0))
		return exitUsage
	case *yes && *reopen, !*reopen && *reserved != -1, *reserved < -1 || *reserved == 0:
		fmt.Fprintln(stderr, "-yes and -reopen exclude each other; -reserved goes with -reopen and is at least 1")
		return exitUsage
	}
	s, err := settings.Load(*config)
	if err == nil {
		var sys system
		if sys, err = connect(ctx, s); err == nil {
			d := drain{system: sys, clock: c, out: stdout, say: stderr}
			switch {
			case *reopen:
				if *reserved == -1 && s.IngressReserved > 0 {
					*reserved = s.IngressReserved
				}
				err = d.reopen(ctx, *reserved)
			case !*yes:
				err = d.preview(ctx)
			default:
				err = d.drain(ctx, *wait)
			}
		}
	}
	switch {
	case errors.Is(err, errLeft):
		fmt.Fprintln(stderr, err)
		return exitLeft
	case err != nil:
		fmt.Fprintln(stderr, err)
		return exitError
	}
	return exitDone
}
