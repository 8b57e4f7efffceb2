// Command await is the Lambda function that stores task tokens: of a request's two
// waits, and of a run's wait for an answer.
package main

import (
	"os"

	"sso-elevator/functions/adapters/host"
	"sso-elevator/functions/await"
)

func main() { os.Exit(host.RunTask(await.Open)) }
