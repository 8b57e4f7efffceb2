// Command grant is the Lambda function that grants access: it creates account
// assignments and group memberships.
package main

import (
	"os"

	"sso-elevator/functions/adapters/host"
	"sso-elevator/functions/grant"
)

func main() { os.Exit(host.RunTask(grant.Open)) }
