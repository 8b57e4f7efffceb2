// Command reconcile says what a run of the reconciliation would remove now,
// with the caller's AWS credentials, and changes nothing.
package main

import (
	"context"
	"os"
	"os/signal"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	os.Exit(run(ctx, os.Args[1:], os.Stdout, os.Stderr, live{}))
}
