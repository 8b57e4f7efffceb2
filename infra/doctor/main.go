// Command doctor says, before a deployment or after one, what of the account,
// of Identity Center and of Slack is ready for the settings and what is missing.
// It reads with the caller's AWS credentials and the Slack app's own token, and
// changes nothing.
package main

import (
	"context"
	"os"
	"os/signal"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	os.Exit(run(ctx, os.Args[1:], os.Stdout, os.Stderr, connect))
}
