package main

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"strings"
	"time"

	"sso-elevator/infra/acceptance"
	"sso-elevator/infra/settings"
)

// Exit codes. `go run` and make turn each but 0 into their own.
const (
	exitPassed = 0 // everything was seen
	exitFailed = 1 // something is missing or wrong, or could not be looked at
	exitUsage  = 2
)

const usage = `Usage: acceptance -target ACCOUNT:PERMISSION_SET -other ACCOUNT:PERMISSION_SET -duration 2m [flags]

Checks a deployed system in about ten minutes. It says what you have to request
and press in Slack, looks at AWS with your credentials, and says what it sees.
docs/acceptance.md has the permissions that it takes.

Exit codes: 0 everything was seen, 1 something is missing or wrong, 2 a wrong
command line.

`

// run is the program. It gives the exit code.
func run(ctx context.Context, args []string, stdout, stderr io.Writer, connect func(ctx context.Context, stack string) (acceptance.System, error)) int {
	flags := flag.NewFlagSet("acceptance", flag.ContinueOnError)
	flags.SetOutput(stderr)
	flags.Usage = func() {
		fmt.Fprint(stderr, usage)
		flags.PrintDefaults()
	}
	o := acceptance.Options{Poll: time.Second, Now: time.Now}
	var (
		config = flags.String("config", "elevator.yaml", "`file` with the settings, for the name of the stack")
		stack  = flags.String("stack", "", "`name` of the stack, if it is not name_prefix of the settings")
		asJSON = flags.Bool("json", false, "write the result to standard output as JSON, and all else to standard error")
	)
	flags.Func("target", "`ACCOUNT:PERMISSION_SET` (the account's id or name) to be requested, twice", place(&o.Target))
	flags.Func("other", "`ACCOUNT:PERMISSION_SET` to be requested once; its execution is stopped", place(&o.Other))
	flags.DurationVar(&o.Duration, "duration", 2*time.Minute, "`duration` to be requested: the form must offer it")
	flags.StringVar(&o.DriftUser, "drift-user", "", "`email` (as in Identity Center) of a user who gets -target by hand for some minutes")
	flags.StringVar(&o.ManagementSet, "management", "", "`permission set` to be requested in the management account")
	flags.StringVar(&o.CapitalsUser, "capitals", "", "`email` (as in Identity Center, with capitals) of a user who requests -target")
	flags.DurationVar(&o.Patience, "patience", 5*time.Minute, "for how `long` to wait for each thing that you do")
	switch err := flags.Parse(args); {
	case errors.Is(err, flag.ErrHelp):
		return exitPassed
	case err != nil:
		return exitUsage // flag has said why
	case flags.NArg() > 0:
		fmt.Fprintf(stderr, "unexpected argument %q; see -help\n", flags.Arg(0))
		return exitUsage
	}
	if *stack == "" {
		s, err := settings.Load(*config)
		if err != nil {
			fmt.Fprintln(stderr, err)
			return exitUsage
		}
		*stack = s.NamePrefix
	}
	sys, err := connect(ctx, *stack)
	if err != nil {
		fmt.Fprintln(stderr, err)
		return exitFailed
	}
	lines := stdout
	if *asJSON {
		lines = stderr
	}
	say := func(line string) { fmt.Fprintln(lines, clean(line)) }
	result, err := acceptance.Run(ctx, o, *stack, sys, terminal{say}, say)
	if err != nil {
		fmt.Fprintln(stderr, err)
		return exitUsage
	}
	if !*asJSON {
		stdout = nil
	}
	return report(result, lines, stdout)
}

// report writes the summary, and the result as JSON if asJSON is not nil. It
// gives the exit code.
func report(r acceptance.Result, lines, asJSON io.Writer) int {
	summarize(lines, r)
	if asJSON != nil {
		encoder := json.NewEncoder(asJSON)
		encoder.SetIndent("", "  ")
		encoder.SetEscapeHTML(false)
		if err := encoder.Encode(r); err != nil {
			fmt.Fprintln(lines, err)
			return exitFailed
		}
	}
	if !r.Passed() {
		return exitFailed
	}
	return exitPassed
}

// place reads an account and a permission set. A name of an account may have
// colons in it; a permission set's has none.
func place(p *acceptance.Place) func(string) error {
	return func(text string) error {
		colon := strings.LastIndexByte(text, ':')
		if colon < 1 || colon == len(text)-1 {
			return errors.New("want ACCOUNT:PERMISSION_SET")
		}
		*p = acceptance.Place{Account: text[:colon], PermissionSet: text[colon+1:]}
		return nil
	}
}
