// Command ingress is the Lambda function that Slack talks to: it opens and
// fills the forms, makes requests of them, and follows the buttons.
package main

import (
	"os"

	"sso-elevator/functions/adapters/host"
	"sso-elevator/functions/ingress"
)

func main() { os.Exit(host.Run(ingress.Open)) }
