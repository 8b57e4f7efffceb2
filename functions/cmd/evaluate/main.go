// Command evaluate is the Lambda function that applies the policy to a request. It
// identifies the requester, and approves the request, refuses it, or makes it wait
// for an approver. It also decides when to remind approvers and when a request
// expires.
package main

import (
	"os"

	"sso-elevator/functions/adapters/host"
	"sso-elevator/functions/evaluate"
)

func main() { os.Exit(host.RunTask(evaluate.Open)) }
