package main

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"

	"sso-elevator/functions/drift"
	"sso-elevator/infra/settings"
)

// Exit codes. `go run` turns each but 0 into 1: build the command where the
// code matters.
const (
	exitClean      = 0 // everything was read, and nothing would be removed
	exitError      = 1 // it could not be found out
	exitUsage      = 2
	exitFindings   = 3 // something would be removed
	exitIncomplete = 4 // nothing would be removed of what could be read, but not everything could
)

const usage = `Usage: reconcile -dry-run [-config FILE] [-table NAME] [-json]

Lists the access that the next run in mode revoke would remove, if the policy in
FILE were in force: assignments of users and members of groups that the policy
covers and that no request holds. It writes nothing anywhere. What requests hold
is read from the deployed table, which is found through the function
<name_prefix>-reconcile.

Exit codes: 0 nothing would be removed, 1 an error, 2 a wrong command line,
3 something would be removed, 4 nothing was found, but not all could be read.

`

// backend is AWS, as far as the command needs it.
type backend interface {
	// table is the deployed table's name, "" where nothing is deployed.
	table(ctx context.Context, s *settings.Settings) (string, error)
	dryRun(ctx context.Context, s *settings.Settings, table string) (drift.Preview, error)
}

// run is the program. It gives the exit code.
func run(ctx context.Context, args []string, stdout, stderr io.Writer, aws backend) int {
	fail := func(err error) int {
		fmt.Fprintln(stderr, err)
		return exitError
	}
	flags := flag.NewFlagSet("reconcile", flag.ContinueOnError)
	flags.SetOutput(stderr)
	flags.Usage = func() {
		fmt.Fprint(stderr, usage)
		flags.PrintDefaults()
	}
	var (
		dry    = flags.Bool("dry-run", false, "list what would be removed; there is nothing else that this command does")
		config = flags.String("config", "elevator.yaml", "`file` with the settings")
		table  = flags.String("table", "", "`name` of the table, where it is not that of the deployed function")
		asJSON = flags.Bool("json", false, "answer with JSON")
	)
	switch err := flags.Parse(args); {
	case errors.Is(err, flag.ErrHelp):
		return exitClean
	case err != nil:
		return exitUsage // flag has said why
	case flags.NArg() > 0:
		fmt.Fprintf(stderr, "unexpected argument %q; see -help\n", flags.Arg(0))
		return exitUsage
	case !*dry:
		flags.Usage()
		return exitUsage
	}
	s, err := settings.Load(*config)
	if err != nil {
		return fail(err)
	}
	if *table == "" {
		if *table, err = aws.table(ctx, s); err != nil {
			return fail(fmt.Errorf("find the table: %w; -table names it", err))
		}
	}
	p, err := aws.dryRun(ctx, s, *table)
	if err != nil {
		return fail(err)
	}
	if *asJSON {
		encoder := json.NewEncoder(stdout)
		encoder.SetIndent("", "  ")
		encoder.SetEscapeHTML(false)
		err = encoder.Encode(p)
	} else {
		err = writeTable(stdout, p)
	}
	if err != nil {
		return fail(err)
	}
	writeNotes(stderr, p)
	switch {
	case len(p.Findings) > 0:
		return exitFindings
	case len(p.Unread) > 0:
		return exitIncomplete
	}
	return exitClean
}
