// Command local runs the whole system on this machine, without AWS and without
// a Slack workspace: moto plays AWS, a gateway in front of it runs the function
// binaries, and a simulator plays Slack. What runs is what the CDK app
// synthesizes.
//
//	go run ./infra/local [flags]
//
// When it can be used it prints one line of JSON on standard output; all else
// goes to standard error. It ends, with all that it started, on SIGINT and
// SIGTERM and when its parent is gone.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"syscall"
	"time"
)

func main() { os.Exit(run(os.Args[1:], os.Stdout, os.Stderr)) }

// forceAfter is how long an orderly end may take before everything is killed.
const forceAfter = 4 * time.Second

// run is the command. It returns 0 after an end that was asked for, 1 where the
// stack can't run or breaks down, and 2 where the command line is wrong.
func run(args []string, stdout, stderr io.Writer) int {
	o, err := parseOptions(args, stderr)
	switch {
	case errors.Is(err, flag.ErrHelp):
		return 0
	case err != nil:
		fmt.Fprintf(stderr, "local: %v\n", err)
		return 2
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	go watchParent(ctx, cancel)
	go func() {
		<-ctx.Done()
		// The kernel ends the children of a process that exits (see package
		// process), so this is the end of everything.
		time.AfterFunc(forceAfter, func() { os.Exit(1) })
	}()

	s := &local{options: o, stderr: &syncWriter{out: stderr}}
	err = s.run(ctx, stdout)
	s.close()
	if err != nil && ctx.Err() == nil {
		fmt.Fprintf(stderr, "local: %v\n", err)
		return 1
	}
	return 0
}

// watchParent calls end when the process that started this one is gone. Whoever
// adopts an orphan is another process than the parent it had.
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
