package settings

import (
	"strings"

	"gopkg.in/yaml.v3"

	"sso-elevator/functions/access"
)

const (
	// emailPattern is stricter than RFC 5322 where nobody's mailbox is: no
	// quotes, no comments, no bare host names.
	emailPattern = `^[A-Za-z0-9.!#$%&'*+/=?^_{|}~-]{1,64}@[A-Za-z0-9]([A-Za-z0-9-]{0,61}[A-Za-z0-9])?(\.[A-Za-z0-9]([A-Za-z0-9-]{0,61}[A-Za-z0-9])?)+$`
	// accountPattern is Organizations' AccountId.
	accountPattern = `^([0-9]{12}|\*)$`
	// permissionSetPattern is the SSO Admin API's PermissionSetName.
	permissionSetPattern = `^([A-Za-z0-9_+=,.@-]{1,32}|\*)$`
	// groupPattern is the Identity Store API's GroupId.
	groupPattern = `^(([0-9a-f]{10}-)?[A-Fa-f0-9]{8}-[A-Fa-f0-9]{4}-[A-Fa-f0-9]{4}-[A-Fa-f0-9]{4}-[A-Fa-f0-9]{12}|\*)$`
)

var (
	emailKind         = normalizedEmail(text(emailPattern, "an email address like ann@example.com"))
	permissionSetKind = text(permissionSetPattern, `the name of a permission set (up to 32 of letters, digits and _+=,.@-), or "*" for all`)
	groupKind         = text(groupPattern, `a group's id, like 99999999-8888-7777-6666-555555555555 (not its name), or "*" for all`)
)

// anyCase is emails in lower case, which is how they are compared.
func normalizedEmail(email kind[string]) kind[string] {
	return kind[string]{email.schema, email.expected, func(r *reader, n *yaml.Node, path string) (string, bool) {
		v, ok := email.read(r, n, path)
		normal := access.NormalizeEmail(v)
		// The reference has the domain in lower case as well.
		if name, _, _ := strings.Cut(v, "@"); ok && name != strings.ToLower(name) && !r.capitals[v] {
			if r.capitals == nil {
				r.capitals = map[string]bool{}
			}
			r.capitals[v] = true
			r.warn(n.Line, path, "%s is the same as %s here; the reference compares capital letters too, and takes this person for an approver only where Slack has the address with the same ones", v, normal)
		}
		return normal, ok
	}}
}

// account is an account's id. Without quotes it is a number for YAML; that is
// taken where the number has twelve digits.
func account() kind[string] {
	return numberedAccount(accountPattern, `an account's id, which has twelve digits, or "*" for all`)
}

// accountID is the same without "*".
func accountID() kind[string] {
	return numberedAccount(`^[0-9]{12}$`, "an account's id, which has twelve digits")
}

func numberedAccount(pattern, expected string) kind[string] {
	quoted := text(pattern, expected)
	is := schema{"anyOf": []any{quoted.schema, schema{"type": "integer", "minimum": 100000000000, "maximum": 999999999999}}}
	return kind[string]{is, quoted.expected, func(r *reader, n *yaml.Node, path string) (string, bool) {
		if _, bare := parseNumber(n); !bare {
			return quoted.read(r, n, path)
		}
		if n.Value[0] == '0' {
			r.mistake(n.Line, path, "%s must be in quotes: a number loses the 0 it begins with", shorten(n.Value))
			return "", false
		}
		asText := *n
		asText.Tag = "!!str"
		return quoted.read(r, &asText, path)
	}}
}

// optional makes a value one that may be absent, for the rules of the policy,
// where silence is neither yes nor no.
func optional(b bool) *bool { return &b }

// A statement about accounts, with the keys of the reference.
var accountStatementFields = []property[access.Statement]{
	prop("ResourceType", oneOf("Account"), func(*access.Statement) *string { return new(string) },
		"What Resource names. Accounts are all there is.").orDefault("Account"),
	prop("Resource", stringOrList(account(), 1), func(s *access.Statement) *[]string { return &s.Resources },
		`Ids of the accounts that the statement is about, one or a list; "*" is all of them.`).require(),
	prop("PermissionSet", stringOrList(permissionSetKind, 1), func(s *access.Statement) *[]string { return &s.PermissionSets },
		`Names of the permission sets that the statement is about, one or a list; "*" is all of them.`).require(),
	approvers, allowSelfApproval, approvalIsNotRequired,
}

// A statement about groups.
var groupStatementFields = []property[access.Statement]{
	prop("Resource", stringOrList(groupKind, 1), func(s *access.Statement) *[]string { return &s.Resources },
		`Ids of the Identity Center groups that the statement is about, one or a list; "*" is all of them.`).require(),
	approvers, allowSelfApproval, approvalIsNotRequired,
}

var (
	accountStatement = object("a statement with Resource, PermissionSet and Approvers", nil, accountStatementFields...)
	// What belongs to accounts only has an answer of its own: the reference
	// passes over it in silence.
	groupStatement = object("a statement with Resource and Approvers", map[string]string{
		"ResourceType":  "a statement about groups has no ResourceType; remove it",
		"PermissionSet": "a statement about groups has no PermissionSet: what the group may do is set where it is assigned; remove it",
	}, groupStatementFields...)
)

// The properties that both have.
var (
	approvers = prop("Approvers", stringOrList(emailKind, 0), func(s *access.Statement) *[]string { return &s.Approvers },
		"Emails of those who may approve, one or a list. They add up over all statements that affect a request; nobody approves their own unless AllowSelfApproval says so.")
	allowSelfApproval = prop("AllowSelfApproval", convertKind(boolean(), optional), func(s *access.Statement) **bool { return &s.AllowSelfApproval },
		"true: an approver whom the statement lists gets the access without asking anybody. false: not so, whatever other statements say of this approver.")
	approvalIsNotRequired = prop("ApprovalIsNotRequired", convertKind(boolean(), optional), func(s *access.Statement) **bool { return &s.ApprovalIsNotRequired },
		"true: everybody gets the access without approval. false: not so, whatever other statements say.")
)

// statements is config or group_config.
func statements(one kind[access.Statement]) kind[[]access.Statement] {
	all := list(one, 0, 0)
	all.expected = "a list of statements"
	read := all.read
	all.read = func(r *reader, n *yaml.Node, path string) ([]access.Statement, bool) {
		switch {
		case n.Kind == yaml.MappingNode:
			r.mistake(n.Line, path, "must be a list of statements, not a single one; put it in [ ] or begin it with -")
			return nil, false
		case n.Kind == yaml.ScalarNode && strings.HasPrefix(strings.TrimSpace(n.Value), "["):
			r.mistake(n.Line, path, "must be a list of statements, not a text that has one in it; remove the quotes or the | before it")
			return nil, false
		}
		return read(r, n, path)
	}
	return all
}

// ValidEmail says whether s could be somebody's address, in the way that
// Approvers has to be written.
func ValidEmail(s string) bool { return validEmail(s) }

// ValidAccountID says whether s has the form of an account's id.
func ValidAccountID(s string) bool { return s != "*" && validAccount(s) }

// ValidPermissionSet says whether s could be a permission set's name.
func ValidPermissionSet(s string) bool { return s != "*" && validPermissionSet(s) }

// ValidGroupID says whether s has the form of a group's id.
func ValidGroupID(s string) bool { return s != "*" && validGroup(s) }
