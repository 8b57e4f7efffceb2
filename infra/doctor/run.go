package main

import (
	"cmp"
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"net/url"
	"os"

	"sso-elevator/infra/settings"
	"sso-elevator/slack"
)

// Exit codes. `go run` turns each but 0 into 1.
const (
	exitReady   = 0 // warnings may be there
	exitMissing = 1 // something is missing, or could not be looked at
	exitUsage   = 2
)

const usage = `Usage: doctor [-config FILE] [-json] [-slack-api URL]

Reads the AWS account (with your credentials), Identity Center and Slack (with
the app's token), and says what is ready for the settings in FILE and what is
missing, each with the fix. It changes nothing.

Exit codes: 0 ready, 1 something is missing or could not be looked at, 2 a wrong
command line.

`

// run is the program. It gives the exit code.
func run(ctx context.Context, args []string, stdout, stderr io.Writer, connect connector) int {
	flags := flag.NewFlagSet("doctor", flag.ContinueOnError)
	flags.SetOutput(stderr)
	flags.Usage = func() {
		fmt.Fprint(stderr, usage)
		flags.PrintDefaults()
	}
	var (
		config = flags.String("config", "elevator.yaml", "`file` with the settings")
		asJSON = flags.Bool("json", false, "answer with JSON")
		// The functions' variable of that name: one name for one thing.
		slackAPI = flags.String("slack-api", cmp.Or(os.Getenv("ELEVATOR_SLACK_API_URL"), slack.DefaultAPIURL), "`URL` of Slack's Web API (default: ELEVATOR_SLACK_API_URL, else Slack's own)")
	)
	switch err := flags.Parse(args); {
	case errors.Is(err, flag.ErrHelp):
		return exitReady
	case err != nil:
		return exitUsage // flag has said why
	case flags.NArg() > 0:
		fmt.Fprintf(stderr, "unexpected argument %q; see -help\n", flags.Arg(0))
		return exitUsage
	}
	if u, err := url.Parse(*slackAPI); err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https" {
		fmt.Fprintf(stderr, "-slack-api must be a URL, not %q\n", *slackAPI)
		return exitUsage
	}
	s, err := settings.Load(*config)
	if err != nil {
		fmt.Fprintln(stderr, err)
		return exitMissing
	}
	d, err := connect(ctx, s, *slackAPI)
	if err != nil {
		fmt.Fprintln(stderr, clean(err.Error()))
		return exitMissing
	}
	d.file = *config
	r := report{Account: d.account, Region: d.region, Findings: examine(ctx, d.checks(ctx))}
	if *asJSON {
		err = r.writeJSON(stdout)
	} else {
		err = r.writeTable(stdout)
	}
	switch {
	case err != nil:
		fmt.Fprintln(stderr, err)
		return exitMissing
	case !r.ready():
		return exitMissing
	}
	return exitReady
}
