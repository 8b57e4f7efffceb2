package settings

import (
	"strings"

	"gopkg.in/yaml.v3"

	"sso-elevator/functions/access"
)

const (
	// emailPattern is stricter than RFC 5322. It forbids forms that no real mailbox
	// has: quotes, comments, bare host names.
	emailPattern = `^[A-Za-z0-9.!#$%&'*+/=?^_{|}~-]{1,64}@[A-Za-z0-9]([A-Za-z0-9-]{0,61}[A-Za-z0-9])?(\.[A-Za-z0-9]([A-Za-z0-9-]{0,61}[A-Za-z0-9])?)+$`
	// accountPattern is AccountId of Organizations.
	accountPattern = `^([0-9]{12}|\*)$`
	// permissionSetPattern is PermissionSetName of the SSO Admin API.
	permissionSetPattern = `^([A-Za-z0-9_+=,.@-]{1,32}|\*)$`
	// groupPattern is GroupId of the Identity Store API.
	groupPattern = `^(([0-9a-f]{10}-)?[A-Fa-f0-9]{8}-[A-Fa-f0-9]{4}-[A-Fa-f0-9]{4}-[A-Fa-f0-9]{4}-[A-Fa-f0-9]{12}|\*)$`
)

var (
	emailKind         = normalizedEmail(text(emailPattern, "an email address like ann@example.com"))
	permissionSetKind = text(permissionSetPattern, `the name of a permission set (up to 32 letters, digits and _+=,.@-), or "*" for all permission sets`)
	groupKind         = text(groupPattern, `a group id like 99999999-8888-7777-6666-555555555555 (not its name), or "*" for all groups`)
)

// normalizedEmail is an email address in lower case, the form in which addresses
// are compared.
func normalizedEmail(email kind[string]) kind[string] {
	return kind[string]{email.schema, email.expected, func(r *reader, n *yaml.Node, path string) (string, bool) {
		v, ok := email.read(r, n, path)
		normal := access.NormalizeEmail(v)
		// The Terraform module compares the domain in lower case too.
		if name, _, _ := strings.Cut(v, "@"); ok && name != strings.ToLower(name) && !r.capitals[v] {
			if r.capitals == nil {
				r.capitals = map[string]bool{}
			}
			r.capitals[v] = true
			r.warn(n.Line, path, "%s is the same address as %s here. The Terraform module is case-sensitive: there, this person is an approver only if Slack has exactly this spelling", v, normal)
		}
		return normal, ok
	}}
}

// account is an account's id, or "*". Without quotes, YAML reads it as a number,
// which is accepted if it has twelve digits.
func account() kind[string] {
	return numberedAccount(accountPattern, `an account id (12 digits), or "*" for all accounts`)
}

// accountID is an account's id. "*" is a mistake.
func accountID() kind[string] {
	return numberedAccount(`^[0-9]{12}$`, "an account id (12 digits)")
}

func numberedAccount(pattern, expected string) kind[string] {
	quoted := text(pattern, expected)
	is := schema{"anyOf": []any{quoted.schema, schema{"type": "integer", "minimum": 100000000000, "maximum": 999999999999}}}
	return kind[string]{is, quoted.expected, func(r *reader, n *yaml.Node, path string) (string, bool) {
		if _, bare := parseNumber(n); !bare {
			return quoted.read(r, n, path)
		}
		if n.Value[0] == '0' {
			r.mistake(n.Line, path, "%s must be in quotes: a number loses its leading 0", shorten(n.Value))
			return "", false
		}
		asText := *n
		asText.Tag = "!!str"
		return quoted.read(r, &asText, path)
	}}
}

// optional returns a pointer, because the policy's rules distinguish a missing
// value from true and false.
func optional(b bool) *bool { return &b }

// The keys of a statement about accounts. They are the Terraform module's.
var accountStatementFields = []property[access.Statement]{
	prop("ResourceType", oneOf("Account"), func(*access.Statement) *string { return new(string) },
		"The kind of Resource. Only Account exists.").orDefault("Account"),
	prop("Resource", stringOrList(account(), 1), func(s *access.Statement) *[]string { return &s.Resources },
		`The account ids that the statement covers: one, or a list. "*" covers all accounts.`).require(),
	prop("PermissionSet", stringOrList(permissionSetKind, 1), func(s *access.Statement) *[]string { return &s.PermissionSets },
		`The names of the permission sets that the statement covers: one, or a list. "*" covers all permission sets.`).require(),
	approvers, approvalsNeeded, allowSelfApproval, approvalIsNotRequired,
}

// The keys of a statement about groups.
var groupStatementFields = []property[access.Statement]{
	prop("Resource", stringOrList(groupKind, 1), func(s *access.Statement) *[]string { return &s.Resources },
		`The ids of the Identity Center groups that the statement covers: one, or a list. "*" covers all groups.`).require(),
	approvers, approvalsNeeded, allowSelfApproval, approvalIsNotRequired,
}

var (
	accountStatement = object("a statement with Resource, PermissionSet and Approvers", nil, accountStatementFields...)
	// Keys that only accounts have get their own texts, because the Terraform module
	// ignores them silently.
	groupStatement = object("a statement with Resource and Approvers", map[string]string{
		"ResourceType":  "statements about groups have no ResourceType; remove it",
		"PermissionSet": "statements about groups have no PermissionSet, because the group's own assignments say what it may do; remove it",
	}, groupStatementFields...)
)

// The keys of both kinds of statement.
var (
	approvers = prop("Approvers", stringOrList(emailKind, 0), func(s *access.Statement) *[]string { return &s.Approvers },
		"The emails of the approvers: one, or a list. Any approver of any matching statement can approve, but not their own request.")
	approvalsNeeded = prop("ApprovalsNeeded", whole(1, 5), func(s *access.Statement) *int { return &s.ApprovalsNeeded },
		"How many of this statement's approvers must approve. Without it, one approver of any statement is enough.")
	allowSelfApproval = prop("AllowSelfApproval", convertKind(boolean(), optional), func(s *access.Statement) **bool { return &s.AllowSelfApproval },
		"true: this statement's approvers get the access without asking anyone. false: they can't approve their own requests, whatever other statements set.")
	approvalIsNotRequired = prop("ApprovalIsNotRequired", convertKind(boolean(), optional), func(s *access.Statement) **bool { return &s.ApprovalIsNotRequired },
		"true: everyone gets the access without approval. false: approval is required, whatever other statements set. Self-approval can still give it.")
)

// statements is the list config or group_config.
func statements(one kind[access.Statement]) kind[[]access.Statement] {
	all := list(one, 0, 0)
	all.expected = "a list of statements"
	read := all.read
	all.read = func(r *reader, n *yaml.Node, path string) ([]access.Statement, bool) {
		switch {
		case n.Kind == yaml.MappingNode:
			r.mistake(n.Line, path, "must be a list of statements, not one statement; put it in [ ], or begin it with -")
			return nil, false
		case n.Kind == yaml.ScalarNode && strings.HasPrefix(strings.TrimSpace(n.Value), "["):
			r.mistake(n.Line, path, "must be a list of statements, not text; remove the quotes or the | before it")
			return nil, false
		}
		return read(r, n, path)
	}
	return all
}

// ValidEmail reports whether s could be an email address, in the form that
// Approvers requires.
func ValidEmail(s string) bool { return validEmail(s) }

// ValidAccountID reports whether s has the form of an account's id.
func ValidAccountID(s string) bool { return s != "*" && validAccount(s) }

// ValidPermissionSet reports whether s could be a permission set's name.
func ValidPermissionSet(s string) bool { return s != "*" && validPermissionSet(s) }

// ValidGroupID reports whether s has the form of a group's id.
func ValidGroupID(s string) bool { return s != "*" && validGroup(s) }
