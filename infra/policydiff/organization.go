package policydiff

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"sso-elevator/functions/access"
	"sso-elevator/infra/settings"
)

// Organization is the people, accounts, permission sets and groups for which policies are
// compared. Each list may be empty, which means that it is not known.
type Organization struct {
	People         []Person  `json:"people"`
	Accounts       []Account `json:"accounts"`
	PermissionSets []string  `json:"permission_sets"`
	Groups         []Group   `json:"groups"`
	// Partial means that people may be in groups that have More members, or none that are
	// known. It can't be read from a file.
	Partial bool `json:"-"`
}

// Person is somebody who makes requests.
type Person struct {
	Email string `json:"email"` // in Slack
	// UserEmail is the email of the Identity Center user, if it is another one because of
	// a fallback domain.
	UserEmail string   `json:"user_email"`
	Groups    []string `json:"groups"` // the ids of all groups that the person is a member of
}

// Account is an account of the organization.
type Account struct {
	ID   string   `json:"id"`
	Name string   `json:"name"`
	OUs  []string `json:"ou_path"` // the ids of the root and of the units above the account
}

// Group is a group of Identity Center.
type Group struct {
	ID   string `json:"id"`
	Name string `json:"name"`
	// More reports whether the group has members that are not among People.
	More bool `json:"more"`
}

// maxOrganization is the size of the largest organization file, in bytes. 100,000 people
// in ten groups each take half of it.
const maxOrganization = 64 << 20

// LoadOrganization reads an organization file. The error names everything that is wrong
// with it, one mistake per line.
func LoadOrganization(path string) (*Organization, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, fmt.Errorf("read the organization: %w", err)
	}
	defer f.Close()
	text, err := io.ReadAll(io.LimitReader(f, maxOrganization+1))
	if err != nil {
		return nil, fmt.Errorf("read the organization: %w", err)
	}
	o, err := parseOrganization(text)
	if err != nil {
		var lines []string
		for _, line := range strings.Split(err.Error(), "\n") {
			lines = append(lines, path+": "+line)
		}
		return nil, errors.New(strings.Join(lines, "\n"))
	}
	return o, nil
}

func parseOrganization(text []byte) (*Organization, error) {
	if len(text) > maxOrganization {
		return nil, fmt.Errorf("the file is larger than %d MB", maxOrganization>>20)
	}
	d := json.NewDecoder(bytes.NewReader(text))
	d.DisallowUnknownFields()
	var o *Organization
	var typeError *json.UnmarshalTypeError
	switch err := d.Decode(&o); {
	case errors.As(err, &typeError) && typeError.Field != "":
		return nil, fmt.Errorf("%s can't be a JSON %s. docs/reference/policy.md has an example", typeError.Field, typeError.Value)
	case errors.As(err, &typeError):
		return nil, fmt.Errorf("the file must be a JSON object, not %s. docs/reference/policy.md has an example", typeError.Value)
	case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF):
		return nil, errors.New("the file is empty, or its JSON object is incomplete")
	case err != nil:
		return nil, fmt.Errorf("%s. docs/reference/policy.md has an example", strings.TrimPrefix(err.Error(), "json: "))
	case o == nil:
		return nil, errors.New("the file must be a JSON object, not null. docs/reference/policy.md has an example")
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return nil, errors.New("there is text after the JSON object")
	}
	return o, o.check()
}

// check returns everything that is wrong with the organization, one mistake per line.
func (o *Organization) check() error {
	var mistakes []error
	mistake := func(format string, args ...any) { mistakes = append(mistakes, fmt.Errorf(format, args...)) }
	seen := map[string]string{}
	once := func(path, kind, value string) {
		key := kind + " " + value
		if first, known := seen[key]; known {
			mistake("%s: %q is also in %s", path, value, first)
			return
		}
		seen[key] = path
	}
	group := func(path, id string) {
		if !settings.ValidGroupID(id) {
			mistake("%s: %q is not a group id like 99999999-8888-7777-6666-555555555555", path, id)
		}
	}
	for i, p := range o.People {
		path := fmt.Sprintf("people[%d]", i)
		if email := access.NormalizeEmail(p.Email); settings.ValidEmail(email) {
			once(path+".email", "person", email)
		} else {
			mistake("%s.email: %q is not an email address", path, p.Email)
		}
		if p.UserEmail != "" && !settings.ValidEmail(access.NormalizeEmail(p.UserEmail)) {
			mistake("%s.user_email: %q is not an email address", path, p.UserEmail)
		}
		for j, id := range p.Groups {
			group(fmt.Sprintf("%s.groups[%d]", path, j), id)
		}
	}
	for i, a := range o.Accounts {
		path := fmt.Sprintf("accounts[%d]", i)
		if settings.ValidAccountID(a.ID) {
			once(path+".id", "account", a.ID)
		} else {
			mistake("%s.id: %q is not an account id (12 digits)", path, a.ID)
		}
		for j, id := range a.OUs {
			if !settings.ValidOU(id) {
				mistake("%s.ou_path[%d]: %q is not the id of an organizational unit (ou-…) or of the root (r-…)", path, j, id)
			}
		}
	}
	for i, name := range o.PermissionSets {
		path := fmt.Sprintf("permission_sets[%d]", i)
		if settings.ValidPermissionSet(name) {
			once(path, "permission set", name)
		} else {
			mistake("%s: %q is not the name of a permission set (up to 32 letters, digits and _+=,.@-)", path, name)
		}
	}
	for i, g := range o.Groups {
		path := fmt.Sprintf("groups[%d].id", i)
		group(path, g.ID)
		once(path, "group", strings.ToLower(g.ID))
	}
	return errors.Join(mistakes...)
}
