// Command reconcile is the Lambda function that runs on a schedule. It refreshes the
// catalog, finds interrupted requests, looks up the people who have access, and takes
// the steps of runs that search for unknown access. It changes nothing in Identity
// Center; function revoke removes overdue access.
package main

import (
	"os"

	"sso-elevator/functions/adapters/host"
	"sso-elevator/functions/reconcile"
)

func main() { os.Exit(host.RunTask(reconcile.Open)) }
