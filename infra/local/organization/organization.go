// Package organization fills a fresh AWS with an example organization: accounts,
// permission sets, people, groups.
package organization

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"net/mail"
	"os"
	"regexp"
	"strings"

	"gopkg.in/yaml.v3"
)

// Organization is the content of a seed file. The header of
// infra/local/demo/organization.yaml documents its fields.
type Organization struct {
	Accounts       []Account       `yaml:"accounts"`
	PermissionSets []PermissionSet `yaml:"permission_sets"`
	People         []Person        `yaml:"people"`
	Groups         []Group         `yaml:"groups"`
	Assignments    []Assignment    `yaml:"assignments"`
	Units          []Unit          `yaml:"units"`
	// ManagementAccount is an additional account that manages the organization,
	// instead of the account in which everything runs.
	ManagementAccount *Account `yaml:"management_account"`
}

// Account is a member account. AWS chooses its id.
type Account struct {
	Name  string `yaml:"name"`
	Email string `yaml:"email"`
}

// Unit is an organizational unit with accounts, all by name. Its parent is a unit before
// it, or the root.
type Unit struct {
	Name     string   `yaml:"name"`
	Parent   string   `yaml:"parent"`
	Accounts []string `yaml:"accounts"`
}

// PermissionSet is a permission set of Identity Center.
type PermissionSet struct {
	Name            string `yaml:"name"`
	Description     string `yaml:"description"`
	SessionDuration string `yaml:"session_duration"` // ISO 8601, default PT1H; none: created without one
}

// Person is a person in Slack and, unless SlackOnly, in Identity Center.
type Person struct {
	Name      string `yaml:"name"`
	Email     string `yaml:"email"`
	Title     string `yaml:"title"`
	SlackID   string `yaml:"slack_id"`
	SlackOnly bool   `yaml:"slack_only"`
	NoSlack   bool   `yaml:"no_slack"`
	// OutsideChannel people are not members of the requests' channel.
	OutsideChannel bool `yaml:"outside_channel"`
	Guest          bool `yaml:"guest"`
	Deleted        bool `yaml:"deleted"`
	// Stranger people are in another Slack workspace, and visible through a shared
	// channel.
	Stranger bool `yaml:"stranger"`
	// EmailUnconfirmed people have not confirmed their email to Slack.
	EmailUnconfirmed bool `yaml:"email_unconfirmed"`
	// DirectoryEmail is the person's email in Identity Center if it differs from
	// that in Slack.
	DirectoryEmail string `yaml:"directory_email"`
}

// Group is a group of Identity Center. Its members are people's emails.
type Group struct {
	Name        string   `yaml:"name"`
	Description string   `yaml:"description"`
	Members     []string `yaml:"members"`
	// SCIM means that an identity provider manages the group and its members.
	SCIM bool `yaml:"scim"`
}

// Assignment is access that someone created by hand beforehand.
type Assignment struct {
	Account       string `yaml:"account"`
	PermissionSet string `yaml:"permission_set"`
	Person        string `yaml:"person"`
}

// Load reads and checks a seed file. Its error names every mistake.
func Load(path string) (*Organization, error) {
	raw, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	o, err := Parse(raw)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	return o, nil
}

// Parse reads and checks the text of a seed file.
func Parse(raw []byte) (*Organization, error) {
	decoder := yaml.NewDecoder(bytes.NewReader(raw))
	decoder.KnownFields(true)
	var o Organization
	if err := decoder.Decode(&o); err != nil && !errors.Is(err, io.EOF) {
		return nil, err
	}
	if err := o.check(); err != nil {
		return nil, err
	}
	return &o, nil
}

// slackID matches Slack's user ids.
var slackID = regexp.MustCompile(`^[UW][A-Z0-9]{2,}$`)

// check fills in defaults and reports all mistakes at once.
func (o *Organization) check() error {
	var mistakes []error
	mistake := func(format string, args ...any) { mistakes = append(mistakes, fmt.Errorf(format, args...)) }
	unique := func(what string) func(where, key string) {
		seen := map[string]bool{}
		return func(where, key string) {
			if key != "" && seen[strings.ToLower(key)] {
				mistake("%s: %s %q appears twice", where, what, key)
			}
			seen[strings.ToLower(key)] = true
		}
	}
	email := func(where, value string) {
		if parsed, err := mail.ParseAddress(value); err != nil || parsed.Address != value {
			mistake("%s: %q is not an email", where, value)
		}
	}

	accounts, accountEmails := map[string]bool{}, unique("email")
	accountNames := unique("name")
	account := func(where string, a *Account) {
		if a.Name == "" {
			mistake("%s: name is missing", where)
		}
		if a.Email == "" {
			a.Email = "aws+" + strings.ReplaceAll(strings.ToLower(a.Name), " ", "-") + "@example.com"
		}
		email(where, a.Email)
		accountNames(where, a.Name)
		accountEmails(where, a.Email)
	}
	for i := range o.Accounts {
		account(fmt.Sprintf("accounts[%d]", i), &o.Accounts[i])
		accounts[o.Accounts[i].Name] = true
	}
	if o.ManagementAccount != nil {
		account("management_account", o.ManagementAccount)
	}

	permissionSets, permissionSetNames := map[string]bool{}, unique("name")
	for i := range o.PermissionSets {
		p, where := &o.PermissionSets[i], fmt.Sprintf("permission_sets[%d]", i)
		if p.Name == "" {
			mistake("%s: name is missing", where)
		}
		if p.SessionDuration == "" {
			p.SessionDuration = "PT1H"
		}
		permissionSetNames(where, p.Name)
		permissionSets[p.Name] = true
	}

	people, emails, slackIDs := map[string]Person{}, unique("email"), unique("slack_id")
	for i, p := range o.People {
		where := fmt.Sprintf("people[%d]", i)
		if len(strings.Fields(p.Name)) < 2 {
			mistake("%s: name must be a given name and a family name, not %q", where, p.Name)
		}
		email(where, p.Email)
		if p.DirectoryEmail != "" {
			email(where, p.DirectoryEmail)
		}
		if !p.NoSlack && !slackID.MatchString(p.SlackID) {
			mistake("%s: slack_id must be U or W, then capitals and digits, not %q", where, p.SlackID)
		}
		if p.NoSlack && p.SlackOnly {
			mistake("%s: no_slack and slack_only exclude each other; remove one", where)
		}
		emails(where, p.Email)
		slackIDs(where, p.SlackID)
		people[p.Email] = p
	}

	member := func(where, email string) {
		p, known := people[email]
		switch {
		case !known:
			mistake("%s: nobody in people has the email %q", where, email)
		case p.SlackOnly:
			mistake("%s: %q is slack_only and not in Identity Center", where, email)
		}
	}
	groupNames := unique("name")
	for i, g := range o.Groups {
		where := fmt.Sprintf("groups[%d]", i)
		if g.Name == "" {
			mistake("%s: name is missing", where)
		}
		groupNames(where, g.Name)
		for _, m := range g.Members {
			member(where, m)
		}
	}
	for i, a := range o.Assignments {
		where := fmt.Sprintf("assignments[%d]", i)
		if !accounts[a.Account] {
			mistake("%s: no account has the name %q", where, a.Account)
		}
		if !permissionSets[a.PermissionSet] {
			mistake("%s: no permission set has the name %q", where, a.PermissionSet)
		}
		member(where, a.Person)
	}
	units, unitNames, housed := map[string]bool{"": true}, unique("name"), unique("account")
	for i, u := range o.Units {
		where := fmt.Sprintf("units[%d]", i)
		if u.Name == "" {
			mistake("%s: name is missing", where)
		}
		unitNames(where, u.Name)
		if !units[u.Parent] {
			mistake("%s: no unit before it has the name %q", where, u.Parent)
		}
		for _, name := range u.Accounts {
			if !accounts[name] {
				mistake("%s: no account has the name %q", where, name)
			}
			housed(where, name)
		}
		units[u.Name] = true
	}
	return errors.Join(mistakes...)
}
