// Command audit is the Lambda function that writes the audit records of requests
// and of runs of the reconciliation. It closes a request when all of its events are
// recorded.
package main

import (
	"os"

	"sso-elevator/functions/adapters/host"
	"sso-elevator/functions/audit"
)

func main() { os.Exit(host.RunTask(audit.Open)) }
