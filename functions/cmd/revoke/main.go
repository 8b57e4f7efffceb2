// Command revoke is the Lambda function that removes access.
package main

import (
	"os"

	"sso-elevator/functions/adapters/host"
	"sso-elevator/functions/revoke"
)

func main() { os.Exit(host.RunTask(revoke.Open)) }
