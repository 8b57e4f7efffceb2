// Command notify is the Lambda function that sends Slack messages about requests and
// about runs of the reconciliation.
package main

import (
	"os"

	"sso-elevator/functions/adapters/host"
	"sso-elevator/functions/notify"
)

func main() { os.Exit(host.RunTask(notify.Open)) }
