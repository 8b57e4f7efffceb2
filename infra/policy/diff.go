package policy

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"strings"

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
}

// Help returns the command's help text.
func (Diff) Help() string {
	return `Says who can get more, who can get less, and what else changes for whom. It compares the decisions of the two policies, not their texts, and reads only files. Without an organization file, it knows only the people, groups, accounts and permission sets in the two policies, and speaks of all others as a whole. docs/reference/policy.md describes the organization file.

Exit codes: 0 nobody can get more; 1 somebody can; 2 wrong flags or files.

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
	if err := errors.Join(errOld, errNew, errOrganization); err != nil {
		return command.BadInput(err)
	}
	r := policydiff.Compare(&before, &after, organization)
	var err error
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
