// Package doctor is the command that checks, before or after a deployment, whether
// the AWS account, Identity Center and Slack are ready for the settings. It reads with
// the caller's AWS credentials and the Slack app's token, and changes nothing.
package doctor

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net/url"
	"slices"
	"strings"
	"sync"

	"sso-elevator/infra/command"
	"sso-elevator/infra/settings"
	"sso-elevator/slack"
)

// Command has the command's flags.
type Command struct {
	Config string `default:"elevator.yaml" placeholder:"FILE" help:"File with the settings (default: elevator.yaml)."`
	JSON   bool   `help:"Print the report as JSON."`
	// The functions have a variable of the same name and meaning.
	SlackAPI string `env:"ELEVATOR_SLACK_API_URL" placeholder:"URL" help:"URL of Slack's Web API (default: ELEVATOR_SLACK_API_URL, else Slack's own)."`
}

// Help returns the command's help text.
func (Command) Help() string {
	return `Checks your AWS account and Identity Center (with your credentials) and Slack (with the app's token) against your settings. It prints what is ready and what is missing, each with the fix. It changes nothing. docs/operate/doctor.md explains each check.

Exit codes: 0 everything is ready; 1 something is missing or could not be checked; 2 wrong flags or settings.

Example:

    elevator doctor
    elevator doctor --config elevator.yaml --json`
}

// Run makes all checks and writes the report.
func (c *Command) Run(ctx context.Context, s command.Streams) error { return c.run(ctx, s, connect) }

func (c *Command) run(ctx context.Context, s command.Streams, connect connector) error {
	slackAPI := cmp.Or(c.SlackAPI, slack.DefaultAPIURL)
	if u, err := url.Parse(slackAPI); err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https" {
		return command.BadInput(fmt.Errorf("--slack-api must be a URL, not %q", slackAPI))
	}
	settings, err := settings.Load(c.Config)
	if err != nil {
		return command.BadInput(err)
	}
	s.Progress.Show("looking for AWS credentials")
	d, err := connect(ctx, settings, slackAPI)
	if err != nil {
		return errors.New(command.Printable(err.Error()))
	}
	d.file = c.Config
	r := report{Account: d.account, Region: d.region, Findings: examine(ctx, watched(d.checks(ctx), s.Progress))}
	s.Progress.Hide()
	write := r.writeTable
	if c.JSON {
		write = r.writeJSON
	}
	if err := write(s.Out); err != nil {
		return err
	}
	if !r.ready() {
		return command.ErrNo
	}
	return nil
}

// watched returns the checks, wrapped so that the progress line shows which ones are
// running.
func watched(checks []check, p *command.Progress) []check {
	var mu sync.Mutex
	var running []string
	show := func(change func()) {
		mu.Lock()
		defer mu.Unlock()
		change()
		p.Show("checking AWS and Slack: %s", strings.Join(running, ", "))
	}
	out := slices.Clone(checks)
	for i, c := range checks {
		out[i].run = func(ctx context.Context) ([]finding, error) {
			show(func() { running = append(running, c.name) })
			defer show(func() { running = slices.DeleteFunc(running, func(name string) bool { return name == c.name }) })
			return c.run(ctx)
		}
	}
	return out
}
