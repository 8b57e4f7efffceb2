// Command acceptance checks a deployed system, with a person who presses buttons
// in Slack when it says so.
package main

import (
	"context"
	"os"
	"os/signal"

	"sso-elevator/infra/acceptance"
	"sso-elevator/infra/deployed"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	os.Exit(run(ctx, os.Args[1:], os.Stdout, os.Stderr, func(ctx context.Context, stack string) (acceptance.System, error) {
		cfg, err := deployed.Config(ctx)
		return acceptance.Connect(cfg, stack), err
	}))
}
