// Command revoke is the Lambda function that takes access away.
package main

import (
	"os"

	"sso-elevator/functions/adapters/host"
	"sso-elevator/functions/revoke"
)

func main() { os.Exit(host.RunTask(revoke.Open)) }
