// Command evaluate is the Lambda function that decides what the policy decides:
// who asks, whether it is granted, refused or for somebody to approve, and when
// to remind or to give up.
package main

import (
	"os"

	"sso-elevator/functions/adapters/host"
	"sso-elevator/functions/evaluate"
)

func main() { os.Exit(host.RunTask(evaluate.Open)) }
