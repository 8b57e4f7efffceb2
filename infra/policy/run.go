package main

import (
	"errors"
	"flag"
	"fmt"
	"io"
	"os"

	"sso-elevator/functions/access"
	"sso-elevator/infra/settings"
)

// Exit codes.
const (
	exitAnswered = 0
	exitBadInput = 2 // also: the answer could not be written
)

const usage = `Usage: policy -config FILE -requester EMAIL -account ID -permission-set NAME
       policy -config FILE -requester EMAIL -group ID
       policy -config FILE -batch FILE

Says what the policy decides about a request, and why. With -approver EMAIL it
also says whether that person's press of Approve would count.

`

// run is the program. It gives the exit code.
func run(args []string, stdin io.Reader, stdout, stderr io.Writer) int {
	fail := func(err error) int {
		fmt.Fprintln(stderr, err)
		return exitBadInput
	}
	flags := flag.NewFlagSet("policy", flag.ContinueOnError)
	flags.SetOutput(stderr)
	flags.Usage = func() {
		fmt.Fprint(stderr, usage)
		flags.PrintDefaults()
	}
	var (
		q      query
		config = flags.String("config", "elevator.yaml", "`file` with config and group_config")
		asJSON = flags.Bool("json", false, "answer with one line of JSON")
		batch  = flags.String("batch", "", "`file` of queries, one JSON object a line; - is standard input")
	)
	flags.StringVar(&q.Requester, "requester", "", "`email` of who asks")
	flags.StringVar(&q.Account, "account", "", "`id` of the account asked for")
	flags.StringVar(&q.PermissionSet, "permission-set", "", "`name` of the permission set asked for")
	flags.StringVar(&q.Group, "group", "", "`id` of the group asked for")
	flags.StringVar(&q.Approver, "approver", "", "`email` of somebody who might press Approve")
	switch err := flags.Parse(args); {
	case errors.Is(err, flag.ErrHelp):
		return exitAnswered
	case err != nil:
		return exitBadInput // flag has said why
	case flags.NArg() > 0:
		return fail(fmt.Errorf("unexpected argument %q; every input has a flag, see -help", flags.Arg(0)))
	case *batch != "" && q != query{}:
		return fail(errors.New("-batch takes the queries from its file; leave out -requester, -account, -permission-set, -group and -approver"))
	}

	if *batch == "" {
		if err := q.check(); err != nil {
			return fail(err)
		}
	}
	policy, warnings, err := settings.LoadPolicy(*config)
	if err != nil {
		return fail(err)
	}
	for _, warning := range warnings {
		fmt.Fprintf(stderr, "warning: %s\n", warning)
	}
	index := access.NewIndex(&policy)
	switch {
	case *batch == "-":
		err = answerAll(index, stdin, stdout)
	case *batch != "":
		err = answerFile(index, *batch, stdout)
	case *asJSON:
		err = writeJSON(stdout, q.ask(index))
	default:
		err = writeText(stdout, &policy, q, q.ask(index))
	}
	if err != nil {
		return fail(err)
	}
	return exitAnswered
}

func answerFile(policy *access.Index, path string, stdout io.Writer) error {
	f, err := os.Open(path)
	if err != nil {
		return fmt.Errorf("read queries: %w", err)
	}
	defer f.Close()
	return answerAll(policy, f, stdout)
}
