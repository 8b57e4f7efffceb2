package policy

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"strings"
	"time"

	"sso-elevator/functions/access"
	"sso-elevator/infra/command"
	"sso-elevator/infra/policydiff"
	"sso-elevator/infra/settings"
)

// Diff has the flags of the command that compares two policies.
type Diff struct {
	Old          string `arg:"" help:"File with config and group_config, or a policy that the audit bucket keeps."`
	New          string `arg:"" help:"The same after the change."`
	Organization string `placeholder:"FILE" help:"File with the people, accounts, permission sets and groups to compare for, as JSON."`
	JSON         bool   `help:"Print the differences as JSON."`
	All          bool   `help:"Print all changes, people and accounts."`

	Timeout time.Duration `default:"2m" placeholder:"DURATION" help:"Stop if the comparison takes longer (default: 2m)."`

	slow time.Duration // for tests; 0 is slowAfter
}

// slowAfter is the time after which the command says what it does if it shows no progress.
const slowAfter = 5 * time.Second

// Help returns the command's help text.
func (Diff) Help() string {
	return `Says who can get more, who can get less, and what else changes for whom. It compares the decisions of the two policies, not their texts, and reads only files. Without an organization file, it knows only the people, groups, accounts and permission sets in the two policies, and speaks of all others as a whole. docs/reference/policy.md describes the organization file.

Exit codes: 0 nobody can get more; 1 somebody can; 2 wrong flags or files; 3 the comparison took too long, and nothing is known.

Example:

    elevator policy diff elevator.yaml new.yaml
    elevator policy diff elevator.yaml new.yaml --organization organization.json --json`
}

// Run compares the policies.
func (d *Diff) Run(s command.Streams) error {
	before, errOld := loadPolicy(d.Old)
	after, errNew := loadPolicy(d.New)
	organization, errOrganization := &policydiff.Organization{}, error(nil)
	if d.Organization != "" {
		organization, errOrganization = policydiff.LoadOrganization(d.Organization)
	}
	var errTimeout error
	if d.Timeout <= 0 {
		errTimeout = errors.New("--timeout must be longer than zero")
	}
	if err := errors.Join(errTimeout, errOld, errNew, errOrganization); err != nil {
		return command.BadInput(err)
	}
	r, err := d.compare(&before, &after, organization, s)
	if err != nil {
		return command.Stopped(err)
	}
	if d.JSON {
		err = command.WriteJSON(s.Out, r)
	} else {
		err = r.WriteText(s.Out, policydiff.Text{All: d.All, HowToSeeAll: "With --all, this command prints all changes."})
	}
	switch {
	case err != nil:
		return fmt.Errorf("write differences: %w", err)
	case r.Wider:
		return command.ErrNo
	}
	return nil
}

// compare compares the policies. If that takes a while, it says so.
func (d *Diff) compare(before, after *access.Policy, o *policydiff.Organization, s command.Streams) (policydiff.Result, error) {
	ctx, cancel := context.WithTimeout(context.Background(), d.Timeout)
	defer cancel()
	began, percent, said := time.Now(), -1, s.Progress != nil
	r, err := policydiff.Compare(ctx, before, after, o, func(done, all int) {
		if now := 100 * done / all; now != percent {
			percent = now
			s.Progress.Show("comparing the policies: %d %%", percent)
		}
		if !said && time.Since(began) >= cmp.Or(d.slow, slowAfter) {
			said = true
			fmt.Fprintf(s.Err, "Comparing the policies takes a while. It stops after %s (--timeout).\n", d.Timeout)
		}
	})
	s.Progress.Hide()
	switch {
	case errors.Is(err, context.DeadlineExceeded):
		err = fmt.Errorf("the comparison did not end within %s (--timeout)", d.Timeout)
	case err == nil:
		return r, nil
	}
	advice := "Try a longer --timeout, or compare smaller changes"
	if d.Organization == "" {
		advice += ". With --organization, it is faster: the members of groups are known"
	}
	return r, fmt.Errorf("NOT COMPARED: %w. Somebody may be able to get more.\n%s", err, advice)
}

// loadPolicy reads a policy from settings, or from a policy's object in the audit bucket.
func loadPolicy(path string) (access.Policy, error) {
	data, err := os.ReadFile(path)
	if err != nil {
		return access.Policy{}, fmt.Errorf("read policy: %w", err)
	}
	var keys map[string]json.RawMessage
	_ = json.Unmarshal(data, &keys) // without an object, there are none
	_, hasAccounts := keys["accounts"]
	_, hasGroups := keys["groups"]
	if !hasAccounts || !hasGroups {
		policy, _, err := settings.ParsePolicy(path, data)
		return policy, err
	}
	var policy access.Policy
	d := json.NewDecoder(bytes.NewReader(data))
	d.DisallowUnknownFields()
	if err := d.Decode(&policy); err != nil {
		return access.Policy{}, fmt.Errorf("%s: not a policy that this release knows: %s", path, strings.TrimPrefix(err.Error(), "json: "))
	}
	return policy, nil
}
