// Command reconcile is the Lambda function that does what is due from time to
// time: it refreshes the catalog of what can be asked for, finds what was left
// behind, looks up the people who have access, and does the steps of runs that
// look for access that nobody asked for. It changes nothing in Identity Center;
// overdue access it has the function revoke remove.
package main

import (
	"os"

	"sso-elevator/functions/adapters/host"
	"sso-elevator/functions/reconcile"
)

func main() { os.Exit(host.RunTask(reconcile.Open)) }
