// Package reconcile is the command that lists the access that a run of the
// reconciliation would remove now. It reads with the caller's AWS credentials and
// changes nothing.
package reconcile

import (
	"context"
	"fmt"

	"sso-elevator/functions/drift"
	"sso-elevator/infra/command"
	"sso-elevator/infra/settings"
)

// Command has the command's flags.
type Command struct {
	DryRun bool   `required:"" help:"List what would be removed. This command does nothing else."`
	Config string `default:"elevator.yaml" placeholder:"FILE" help:"File with the settings (default: elevator.yaml)."`
	Table  string `placeholder:"NAME" help:"Name of the table, if it is not that of the deployed function."`
	JSON   bool   `help:"Answer with JSON."`
}

// Help returns the command's help text.
func (Command) Help() string {
	return `Lists the access that the next run in mode revoke would remove, if the policy in FILE were in force: assignments of users and members of groups that the policy covers and that no request holds. It writes nothing anywhere. What requests hold is read from the deployed table, which is found through the function <name_prefix>-reconcile.

Exit codes: 0 nothing would be removed; 1 something would be removed, not everything could be read, or an error; 2 wrong flags or settings. With --json, findings and unread tell these apart.

Example:

    elevator reconcile --dry-run
    elevator reconcile --dry-run --json --config elevator.yaml`
}

// backend is the part of AWS that the command needs.
type backend interface {
	// findTable returns the name of the deployed table, or "" if nothing is deployed.
	findTable(ctx context.Context, s *settings.Settings) (string, error)
	// dryRun lists what a run would remove. table can be "".
	dryRun(ctx context.Context, s *settings.Settings, table string) (drift.Preview, error)
}

// Run lists the access that would be removed.
func (c *Command) Run(ctx context.Context, s command.Streams) error { return c.run(ctx, s, live{}) }

func (c *Command) run(ctx context.Context, s command.Streams, aws backend) error {
	settings, err := settings.Load(c.Config)
	if err != nil {
		return command.BadInput(err)
	}
	table := c.Table
	s.Progress.Show("reading accounts, groups and requests")
	if table == "" {
		if table, err = aws.findTable(ctx, settings); err != nil {
			return fmt.Errorf("find the table: %w; -table names it", err)
		}
	}
	p, err := aws.dryRun(ctx, settings, table)
	if err != nil {
		return err
	}
	s.Progress.Hide()
	if c.JSON {
		err = command.WriteJSON(s.Out, p)
	} else {
		err = writeTable(s.Out, p)
	}
	if err != nil {
		return err
	}
	writeNotes(s.Err, p)
	if len(p.Findings)+len(p.Unread) > 0 {
		return command.ErrNo
	}
	return nil
}
