// Package reconcile is the command that lists the access that a reconciliation would
// remove now. It reads with the caller's AWS credentials and changes nothing.
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
	DryRun bool   `required:"" help:"Required, as a reminder: this command only lists access and never removes any."`
	Config string `default:"elevator.yaml" placeholder:"FILE" help:"File with the settings (default: elevator.yaml)."`
	Table  string `placeholder:"NAME" help:"Name of the table (default: the one of the deployed function reconcile)."`
	JSON   bool   `help:"Print the list as JSON."`
}

// Help returns the command's help text.
func (Command) Help() string {
	return `Lists the unknown access that the next reconciliation in mode revoke would remove, if the settings in FILE were deployed: assignments of users and group memberships that the policy covers and that no request granted. It changes nothing. It finds the deployed table through the function <name_prefix>-reconcile. If nothing is deployed, it treats all access as unknown.

Exit codes: 0 nothing would be removed; 1 something would be removed, not everything could be read, or an error; 2 wrong flags or settings. With --json, the fields findings and unread show which.

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
			return fmt.Errorf("find the table: %w. Check your AWS credentials and region, or name the table with --table", err)
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
