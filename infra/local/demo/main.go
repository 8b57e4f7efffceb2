// Command demo is `elevator demo` alone. make demo runs it, because it compiles much
// faster: it has none of the AWS clients of elevator's other commands.
package main

import (
	"context"
	"os"

	"github.com/alecthomas/kong"

	"sso-elevator/infra/command"
	"sso-elevator/infra/local"
)

func main() { os.Exit(run(os.Args[1:], command.Files(os.Stdin, os.Stdout, os.Stderr))) }

// run runs the demo and returns the exit code.
func run(args []string, s command.Streams) int {
	return command.Run(context.Background(), &local.Demo{}, args, s, kong.Name("demo"), local.Variables)
}
