// Package local is the command that runs the whole system on this machine, without
// AWS and without a Slack workspace. moto plays AWS, a gateway in front of moto runs
// the function binaries, and a simulator plays Slack. The CDK app synthesizes the
// template that runs.
//
// When the system is ready, the command prints one line of JSON to standard output.
// Everything else goes to standard error. On SIGINT or SIGTERM, or when its parent
// process ends, it stops with everything that it started.
package local

import (
	"context"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"syscall"
	"time"

	"sso-elevator/infra/build"
	"sso-elevator/infra/command"
)

// Command runs the local stack with your settings.
type Command struct {
	Config string `default:"elevator.yaml" placeholder:"FILE" help:"File with the settings (default: elevator.yaml)."`
	Options
}

// Help returns the command's help text.
func (Command) Help() string {
	return `Runs the whole system on this machine with your settings, without AWS and Slack. Run it in a clone of the repository, after make tools. When the page is ready, it prints one line of JSON with the addresses. Ctrl-C stops it and everything that it started. docs/internals/local.md explains what is real and what is simulated.

Exit codes: 0 after Ctrl-C; 1 the stack can't start, or it failed; 2 wrong flags or files.

Example:

    elevator local --config elevator.yaml --seed organization.yaml`
}

// Run runs the local stack until it is interrupted.
func (c *Command) Run(ctx context.Context, s command.Streams) error {
	return run(ctx, &local{config: c.Config, options: c.Options}, s)
}

// Demo runs the local stack with the demo's settings.
type Demo struct{ Options }

// Help returns the command's help text.
func (Demo) Help() string {
	return `Runs the whole system on this machine with an example policy and an example organization, without AWS and Slack. It is elevator local with infra/local/demo/elevator.yaml. Run it in a clone of the repository, after make tools (make demo does both). Ctrl-C stops it.

Exit codes: 0 after Ctrl-C; 1 the stack can't start, or it failed; 2 wrong flags or files.

Example:

    elevator demo
    elevator demo --listen 127.0.0.1:9090`
}

// Run runs the demo until it is interrupted.
func (d *Demo) Run(ctx context.Context, s command.Streams) error {
	root, err := build.Root()
	if err != nil {
		return fmt.Errorf("local: %w", err)
	}
	return run(ctx, &local{config: filepath.Join(root, "infra", "local", "demo", "elevator.yaml"), options: d.Options, isDemo: d.Seed == ""}, s)
}

// forceDelay is how long an orderly shutdown may take before the program exits. It is a
// string, so that a test can set it with -ldflags -X.
var forceDelay = "4s"

// run runs a local stack. It returns nil if ctx ends, SIGTERM arrives, or the parent
// process ends. If the shutdown takes too long, run exits the program.
func run(ctx context.Context, l *local, s command.Streams) error {
	if err := l.options.check(); err != nil {
		return command.BadInput(fmt.Errorf("local: %w", err))
	}
	force, err := time.ParseDuration(forceDelay)
	if err != nil {
		return fmt.Errorf("local: %w", err)
	}
	ctx, stop := signal.NotifyContext(ctx, syscall.SIGTERM)
	defer stop()
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	go watchParent(ctx, cancel)
	ended := make(chan struct{})
	defer close(ended)
	go func() {
		<-ctx.Done()
		select {
		case <-ended:
		case <-time.After(force):
			// The kernel ends the children of a process that exits (see package
			// process).
			os.Exit(1)
		}
	}()

	l.stderr, l.progress = &syncWriter{out: s.Err}, s.Progress
	err = l.run(ctx, s.Out)
	l.close()
	if err != nil && ctx.Err() == nil {
		return fmt.Errorf("local: %w", err)
	}
	return nil
}

// watchParent calls end when the parent process ends. Then another process becomes
// the parent.
func watchParent(ctx context.Context, end func()) {
	parent := os.Getppid()
	tick := time.NewTicker(500 * time.Millisecond)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
			if os.Getppid() != parent {
				end()
				return
			}
		}
	}
}
