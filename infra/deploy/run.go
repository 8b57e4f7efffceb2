package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"slices"

	"sso-elevator/infra/settings"
)

// Exit codes. `go run` turns every code but 0 into 1.
const (
	exitDone  = 0
	exitError = 1
	exitUsage = 2
)

const usage = `Usage: deploy [-config FILE] [-all] diff|deploy|destroy [arguments of the CDK's command line...]

diff shows what a deployment would change, and for whom the new policy decides
differently. It changes nothing.

deploy shows the same about the policy, and deploys the stack. If an earlier first
deployment failed, it first deletes what that one left. After a first deployment, it
deploys once more to turn on deletion protection and the alarms about missing data. At
the end it refreshes the catalog, which has the accounts, permission sets and groups
that people can request.

destroy deletes the stack and lists what stays. First end all access: make drain

Run it in the project's folder. To pass an argument to the CDK:
deploy --require-approval never

Exit codes: 0 success, 1 failure, 2 wrong command line.

`

// run is the program. It returns the exit code.
func run(ctx context.Context, args []string, stdout, stderr io.Writer, connect func(context.Context, *settings.Settings) (*deployment, error)) int {
	flags := flag.NewFlagSet("deploy", flag.ContinueOnError)
	flags.SetOutput(stderr)
	flags.Usage = func() {
		fmt.Fprint(stderr, usage)
		flags.PrintDefaults()
	}
	config := flags.String("config", "elevator.yaml", "`file` with the settings")
	all := flags.Bool("all", false, "print all differences between the policies")
	switch err := flags.Parse(args); {
	case errors.Is(err, flag.ErrHelp):
		return exitDone
	case err != nil:
		return exitUsage // package flag has printed the reason
	case !slices.Contains([]string{"diff", "deploy", "destroy"}, flags.Arg(0)):
		fmt.Fprintf(stderr, "the command must be diff, deploy or destroy, not %q; see -help\n", flags.Arg(0))
		return exitUsage
	}
	s, err := settings.Load(*config)
	if err == nil {
		var d *deployment
		if d, err = connect(ctx, s); err == nil {
			d.out, d.all = stdout, *all
			d.arguments = append([]string{"--no-notices", "--context", "config=" + *config}, flags.Args()[1:]...)
			switch flags.Arg(0) {
			case "diff":
				err = d.diff(ctx)
			case "deploy":
				err = d.deploy(ctx)
			case "destroy":
				err = d.destroy(ctx)
			}
		}
	}
	if err != nil {
		fmt.Fprintln(stderr, err)
		return exitError
	}
	return exitDone
}
