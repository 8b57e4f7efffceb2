package acceptance

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"

	"sso-elevator/infra/command"
	"sso-elevator/infra/deployed"
	"sso-elevator/infra/settings"
)

// Command has the command's flags.
type Command struct {
	Options
	Config string `default:"elevator.yaml" placeholder:"FILE" help:"File with the settings; its name_prefix is the name of the stack (default: elevator.yaml)."`
	Stack  string `placeholder:"NAME" help:"Name of the stack. With this flag, no settings are read."`
	JSON   bool   `help:"Print the result as JSON. Everything else goes to standard error."`
}

// Help returns the command's help text.
func (Command) Help() string {
	return `Tests a deployed system in about ten minutes. It tells you what to request and press in Slack, checks the effects in AWS with your credentials, and prints what it sees. Run it after a deployment or an upgrade. docs/operate/acceptance.md says what to prepare and which permissions you need.

Exit codes: 0 no step failed; 1 something is missing or wrong; 2 wrong flags or settings.

Example:

    elevator acceptance --target 111111111111:ReadOnlyAccess --other 222222222222:ReadOnlyAccess`
}

// Run runs the acceptance, with a person at the terminal.
func (c *Command) Run(ctx context.Context, s command.Streams) error {
	return c.run(ctx, s, func(ctx context.Context, stack string) (System, error) {
		cfg, err := deployed.Config(ctx)
		return Connect(cfg, stack), err
	})
}

func (c *Command) run(ctx context.Context, s command.Streams, connect func(ctx context.Context, stack string) (System, error)) error {
	stack := c.Stack
	if stack == "" {
		settings, err := settings.Load(c.Config)
		if err != nil {
			return command.BadInput(err)
		}
		stack = settings.NamePrefix
	}
	sys, err := connect(ctx, stack)
	if err != nil {
		return err
	}
	lines := s.Out
	if c.JSON {
		lines = s.Err
	}
	say := func(line string) { fmt.Fprintln(lines, command.Printable(line)) }
	o := c.Options
	o.Poll, o.Now = time.Second, time.Now
	o.OnStep = func(step string) { s.Progress.Show("%s", step) }
	result, err := Run(ctx, o, stack, sys, terminal{say}, say)
	s.Progress.Hide()
	if err != nil {
		return command.BadInput(err)
	}
	var out io.Writer
	if c.JSON {
		out = s.Out
	}
	return report(result, lines, out)
}

// report writes the summary to lines, and the result as JSON if asJSON is not nil. It
// returns ErrNo if the result has not passed.
func report(r Result, lines, asJSON io.Writer) error {
	summarize(lines, r)
	if asJSON != nil {
		if err := command.WriteJSON(asJSON, r); err != nil {
			return err
		}
	}
	if !r.Passed() {
		return command.ErrNo
	}
	return nil
}

// UnmarshalText parses ACCOUNT:PERMISSION_SET. Account names can contain colons,
// permission set names can't.
func (p *Place) UnmarshalText(text []byte) error {
	colon := strings.LastIndexByte(string(text), ':')
	if colon < 1 || colon == len(text)-1 {
		return errors.New("want ACCOUNT:PERMISSION_SET")
	}
	*p = Place{Account: string(text[:colon]), PermissionSet: string(text[colon+1:])}
	return nil
}
