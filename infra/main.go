// Command infra is the CDK app: it builds the functions and writes the template of
// the whole system.
//
//	go run ./infra [-config elevator.yaml] [-out cdk.out] [-architecture arm64|x86_64]
//
// The CDK CLI runs the command in cdk.json. Instead of the flags, it passes config and
// architecture in the CDK context. infra/deploy also passes first.
package main

import (
	"errors"
	"flag"
	"fmt"
	"io"
	"os"

	"github.com/aws/jsii-runtime-go"
)

func main() {
	code := run(os.Args[1:], os.Stderr)
	closeNode()
	os.Exit(code)
}

// closeNode ends the process that runs the CDK's library. The client waits twice for
// the end, and the second wait fails with a message on os.Stderr. Nothing else is
// written there at that point, so closeNode hides it.
func closeNode() {
	if nowhere, err := os.OpenFile(os.DevNull, os.O_WRONLY, 0); err == nil {
		os.Stderr = nowhere
	}
	jsii.Close()
}

// run is the command. It returns the exit code: 0, 1 if the app can't be synthesized,
// or 2 if the command line is wrong.
func run(args []string, stderr io.Writer) int {
	var o options
	flags := flag.NewFlagSet("infra", flag.ContinueOnError)
	flags.SetOutput(stderr)
	flags.StringVar(&o.config, "config", "", "`file` with the settings (default: config in the CDK context, else "+defaultConfig+")")
	flags.StringVar(&o.out, "out", "", "`folder` for the templates and assets (default: CDK_OUTDIR, else cdk.out)")
	flags.StringVar(&o.architecture, "architecture", "", "processor `architecture` of the functions, arm64 or x86_64 (default: architecture in the CDK context, else the settings)")
	switch err := flags.Parse(args); {
	case errors.Is(err, flag.ErrHelp):
		return 0
	case err != nil:
		return 2
	case flags.NArg() > 0:
		fmt.Fprintf(stderr, "infra: unexpected argument %q; see -help\n", flags.Arg(0))
		return 2
	}

	if err := synthesize(o, stderr); err != nil {
		fmt.Fprintf(stderr, "infra: %v\n", err)
		return 1
	}
	return 0
}
