// Command ingress is the Lambda function that Slack calls: it opens and fills the
// forms, turns them into requests, and handles the buttons.
package main

import (
	"os"

	"sso-elevator/functions/adapters/host"
	"sso-elevator/functions/ingress"
)

func main() { os.Exit(host.Run(ingress.Open)) }
