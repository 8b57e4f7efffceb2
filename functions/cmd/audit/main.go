// Command audit is the Lambda function that writes the records of what
// happened to a request, and closes it when everything is recorded; and those of
// what a run of the reconciliation found and removed.
package main

import (
	"os"

	"sso-elevator/functions/adapters/host"
	"sso-elevator/functions/audit"
)

func main() { os.Exit(host.RunTask(audit.Open)) }
