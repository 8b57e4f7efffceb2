// Command notify is the Lambda function that sends the Slack messages about a
// request, or about a run of the reconciliation.
package main

import (
	"os"

	"sso-elevator/functions/adapters/host"
	"sso-elevator/functions/notify"
)

func main() { os.Exit(host.RunTask(notify.Open)) }
