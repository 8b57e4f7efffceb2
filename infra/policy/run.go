// Package policy has the commands that show what the policy in an elevator.yaml
// decides, and why, for one request or for a file of requests, and what a change of the
// policy means. They read only local files, not AWS or Slack.
package policy

import (
	"errors"
	"fmt"
	"io"
	"os"

	"sso-elevator/functions/access"
	"sso-elevator/infra/command"
	"sso-elevator/infra/settings"
)

// Commands are the commands about policies.
type Commands struct {
	Query Command `cmd:"" default:"withargs" help:"Show what the policy decides about a request, and why."`
	Diff  Diff    `cmd:"" help:"Explain a change of the policy in people and accounts."`
}

// Command has the flags of a query.
type Command struct {
	Config string `default:"elevator.yaml" placeholder:"FILE" help:"File with config and group_config (default: elevator.yaml)."`
	JSON   bool   `help:"Answer with one line of JSON."`
	Batch  string `placeholder:"FILE" help:"File of queries, one JSON object per line. - is standard input."`
	query
}

// Help returns the command's help text.
func (Command) Help() string {
	return `Reads only the policy file, not AWS or Slack. The exit code is 0 for every answer,
"refused" included, and 2 if the flags or the file are wrong. Repeat a flag that takes
several ids, or put commas between them. To compare two policies: elevator policy diff --help

Example:

    elevator policy --requester dev@example.com --account 111111111111 --permission-set ReadOnlyAccess
    elevator policy --requester dev@example.com --group 99999999-8888-7777-6666-555555555555 --json
    elevator policy --requester dev@example.com --requester-groups 11111111-8888-7777-6666-555555555555 --account 111111111111 --ou-path r-abcd,ou-abcd-12345678 --permission-set AdministratorAccess --duration 2h
    echo '{"requester":"dev@example.com","account":"111111111111","permission_set":"ReadOnlyAccess"}' | elevator policy --batch -`
}

// Run answers the query in the flags, or the queries in the batch.
func (c *Command) Run(s command.Streams) error {
	if c.Batch != "" && !c.query.isEmpty() {
		return command.BadInput(errors.New("--batch reads all queries from its file; remove the flags of a query, such as --requester"))
	}
	if c.Batch == "" {
		if err := c.query.check(); err != nil {
			return command.BadInput(err)
		}
	}
	policy, warnings, err := settings.LoadPolicy(c.Config)
	if err != nil {
		return command.BadInput(err)
	}
	for _, warning := range warnings {
		fmt.Fprintf(s.Err, "warning: %s\n", warning)
	}
	index := access.NewIndex(&policy)
	switch {
	case c.Batch == "-":
		return answerAll(index, s.In, s.Out)
	case c.Batch != "":
		return answerFile(index, c.Batch, s.Out)
	case c.JSON:
		return writeJSON(s.Out, c.query.decide(index))
	default:
		return writeText(s.Out, &policy, c.query, c.query.decide(index))
	}
}

func answerFile(policy *access.Index, path string, stdout io.Writer) error {
	f, err := os.Open(path)
	if err != nil {
		return command.BadInput(fmt.Errorf("read queries: %w", err))
	}
	defer f.Close()
	return answerAll(policy, f, stdout)
}
