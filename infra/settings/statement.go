package settings

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"gopkg.in/yaml.v3"

	"sso-elevator/functions/access"
)

const (
	// emailPattern is stricter than RFC 5322. It forbids forms that no real mailbox
	// has: quotes, comments, bare host names.
	emailPattern = `^[A-Za-z0-9.!#$%&'*+/=?^_{|}~-]{1,64}@[A-Za-z0-9]([A-Za-z0-9-]{0,61}[A-Za-z0-9])?(\.[A-Za-z0-9]([A-Za-z0-9-]{0,61}[A-Za-z0-9])?)+$`
	// accountPattern is AccountId of Organizations.
	accountPattern = `^([0-9]{12}|\*)$`
	// unitPattern is OrganizationalUnitId and RootId of the Organizations API.
	unitPattern = `^(ou-[0-9a-z]{4,32}-[0-9a-z]{8,32}|r-[0-9a-z]{4,32})$`
	// permissionSetPattern is PermissionSetName of the SSO Admin API.
	permissionSetPattern = `^([A-Za-z0-9_+=,.@-]{1,32}|\*)$`
	// groupID is GroupId of the Identity Store API.
	groupID      = `([0-9a-f]{10}-)?[A-Fa-f0-9]{8}-[A-Fa-f0-9]{4}-[A-Fa-f0-9]{4}-[A-Fa-f0-9]{4}-[A-Fa-f0-9]{12}`
	groupPattern = `^(` + groupID + `|\*)$`
)

const (
	accountExpected  = `an account id (12 digits), or "*" for all accounts`
	unitExpected     = "an organizational unit's id (ou-…) or the root's id (r-…)"
	groupExpected    = "a group id like 99999999-8888-7777-6666-555555555555 (not its name)"
	approverExpected = "an email address like ann@example.com, or group:ID for an Identity Center group"
)

var (
	emailKind         = text(emailPattern, "an email address like ann@example.com")
	permissionSetKind = text(permissionSetPattern, `the name of a permission set (up to 32 letters, digits and _+=,.@-), or "*" for all permission sets`)
	groupKind         = text(groupPattern, groupExpected+`, or "*" for all groups`)
	groupIDKind       = text(`^`+groupID+`$`, groupExpected)
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
	k := numberedAccount(accountPattern, accountExpected)
	read := k.read
	k.read = func(r *reader, n *yaml.Node, path string) (string, bool) {
		if n.Kind == yaml.ScalarNode && validUnit(n.Value) {
			r.mistake(n.Line, path, "%s is not an account: set ResourceType: OU for organizational units and the root, in a statement without accounts", n.Value)
			return "", false
		}
		return read(r, n, path)
	}
	return k
}

// accountID is an account's id. "*" is a mistake.
func accountID() kind[string] {
	return numberedAccount(`^[0-9]{12}$`, "an account id (12 digits)")
}

// organizationalUnit is the id of an organizational unit, or of the root.
func organizationalUnit() kind[string] {
	k := text(unitPattern, unitExpected)
	read := k.read
	k.read = func(r *reader, n *yaml.Node, path string) (string, bool) {
		if n.Kind == yaml.ScalarNode && validAccount(n.Value) {
			r.mistake(n.Line, path, "%s is not %s: put accounts in a statement with ResourceType: Account", describe(n), unitExpected)
			return "", false
		}
		return read(r, n, path)
	}
	return k
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

// The keys of a statement about accounts. The Terraform module's have the same names.
var accountStatementFields = []property[access.Statement]{
	prop("ResourceType", oneOf(resourceTypeAccount, resourceTypeOU), func(*access.Statement) *string { return new(string) },
		"The kind of ids in Resource: accounts, or organizational units.").orDefault(resourceTypeAccount),
	resources(stringOrList(account(), 1),
		`The account ids that the statement covers: one, or a list. "*" covers all accounts. With ResourceType: OU, the ids of organizational units (ou-…), or of the root (r-…). They cover all accounts below, at any depth.`),
	prop("PermissionSet", stringOrList(permissionSetKind, 1), func(s *access.Statement) *[]string { return &s.PermissionSets },
		`The names of the permission sets that the statement covers: one, or a list. "*" covers all permission sets.`).require(),
	allowedUsers, allowedGroups, approvers, approvalsNeeded, allowSelfApproval, approvalIsNotRequired, maxDuration,
	ticket, warning, channel, confirm,
}

const (
	resourceTypeAccount = "Account"
	resourceTypeOU      = "OU"
)

// unitStatementFields are the keys of a statement with ResourceType: OU.
var unitStatementFields = func() []property[access.Statement] {
	fields := slices.Clone(accountStatementFields)
	for i, f := range fields {
		if f.key == "Resource" {
			fields[i] = resources(stringOrList(organizationalUnit(), 1), f.doc)
		}
	}
	return fields
}()

// The keys of a statement about groups.
var groupStatementFields = []property[access.Statement]{
	resources(stringOrList(groupKind, 1),
		`The ids of the Identity Center groups that the statement covers: one, or a list. "*" covers all groups.`),
	allowedUsers, allowedGroups, approvers, approvalsNeeded, allowSelfApproval, approvalIsNotRequired, maxDuration,
	ticket, warning, channel, confirm,
}

func resources(k kind[[]string], doc string) property[access.Statement] {
	return prop("Resource", k, func(s *access.Statement) *[]string { return &s.Resources }, doc).require()
}

var (
	accountStatement = accountOrUnitStatement()
	// Keys that only accounts have get their own texts, because the Terraform module
	// ignores them silently.
	groupStatement = checked(object("a statement with Resource and Approvers", map[string]string{
		"ResourceType":  "statements about groups have no ResourceType; remove it",
		"PermissionSet": "statements about groups have no PermissionSet, because the group's own assignments say what it may do; remove it",
	}, groupStatementFields...))
)

// accountOrUnitStatement is a statement of config. ResourceType says which Resource it
// takes.
func accountOrUnitStatement() kind[access.Statement] {
	const expected = "a statement with Resource, PermissionSet and Approvers"
	accounts, units := object(expected, nil, accountStatementFields...), object(expected, nil, unitStatementFields...)
	is := maps.Clone(accounts.schema)
	both := maps.Clone(is["properties"].(schema))
	resource := func(of schema) schema { return of["properties"].(schema)["Resource"].(schema) }
	either := maps.Clone(resource(is))
	either["anyOf"] = slices.Concat(either["anyOf"].([]any), resource(units.schema)["anyOf"].([]any))
	both["Resource"] = either
	is["properties"] = both
	only := func(of schema) schema {
		return schema{"properties": schema{"Resource": schema{"anyOf": resource(of)["anyOf"]}}}
	}
	is["if"] = schema{"required": []any{"ResourceType"}, "properties": schema{"ResourceType": schema{"enum": []any{resourceTypeOU}}}}
	is["then"], is["else"] = only(units.schema), only(accounts.schema)
	return checked(kind[access.Statement]{is, expected, func(r *reader, n *yaml.Node, path string) (access.Statement, bool) {
		given := map[string]entry{}
		if n.Kind == yaml.MappingNode {
			new(reader).gather(n, path, given, maxMerges) // its mistakes are reported below
		}
		if e, ok := given["ResourceType"]; ok && e.value.Kind == yaml.ScalarNode && e.value.Value == resourceTypeOU {
			return units.read(r, n, path)
		}
		return accounts.read(r, n, path)
	}})
}

// checked is a statement whose keys fit together.
func checked(k kind[access.Statement]) kind[access.Statement] {
	read := k.read
	k.read = func(r *reader, n *yaml.Node, path string) (access.Statement, bool) {
		s, ok := read(r, n, path)
		if ok && s.ApprovalsNeeded > 0 && len(s.Approvers) == 0 {
			at := path + ".ApprovalsNeeded"
			r.mistake(r.keys[at], at, "needs Approvers in the same statement, because only they count for it; add them, or remove this")
			return s, false
		}
		return s, ok
	}
	return k
}

// The keys of both kinds of statement.
var (
	allowedUsers = allowed("AllowedUsers", stringOrList(convertKind(emailKind, access.NormalizeEmail), 1),
		"The emails of the people who can request under this statement, besides AllowedGroups: one, or a list. If both keys are left out, everyone can.")
	allowedGroups = allowed("AllowedGroups", stringOrList(decisionGroup(groupIDKind, ""), 1),
		"The ids of Identity Center groups whose members can request under this statement, besides AllowedUsers: one, or a list. If both keys are left out, everyone can.")
	approvers = prop("Approvers", stringOrList(approver(), 0), func(s *access.Statement) *[]string { return &s.Approvers },
		"The approvers: emails, and Identity Center groups as group:ID; one, or a list. Any approver of any statement that applies can approve, but not their own request.")
	approvalsNeeded = prop("ApprovalsNeeded", whole(1, maxApprovalsNeeded), func(s *access.Statement) *int { return &s.ApprovalsNeeded },
		"How many of this statement's own approvers must approve, each a different person. Then nothing is automatic. Left out: one approval by any approver is enough.")
	allowSelfApproval = prop("AllowSelfApproval", convertKind(boolean(), optional), func(s *access.Statement) **bool { return &s.AllowSelfApproval },
		"true: this statement's approvers get the access without asking anyone. false: they can't approve their own requests, whatever other statements set.")
	approvalIsNotRequired = prop("ApprovalIsNotRequired", convertKind(boolean(), optional), func(s *access.Statement) **bool { return &s.ApprovalIsNotRequired },
		"true: everyone whom the statement allows gets the access without approval. false: approval is required, whatever other statements set. Self-approval can still give it.")
	maxDuration = prop("MaxDuration", convertKind(duration(hours, time.Second, maxAccessDuration, ""), toSeconds), func(s *access.Statement) *int64 { return &s.MaxDuration },
		"The longest access under this statement. The lowest of all statements that apply counts. Access without approval, extensions included, lasts no longer than this in total.")
	ticket = prop("Ticket", convertKind(ticketRule, func(t access.Ticket) *access.Ticket { return &t }), func(s *access.Statement) **access.Ticket { return &s.Ticket },
		"Adds a field for a ticket to the form. Required: true: it must not be empty. Pattern: a regular expression that must match the whole ticket. Hint: a text below the field.")
	warning = prop("Warning", lineOfText(maxWarning), func(s *access.Statement) *string { return &s.Warning },
		"A sentence that requesters see in the form, and approvers above the buttons.")
	channel = prop("Channel", text(channelPattern, channelExpected), func(s *access.Statement) *string { return &s.Channel },
		"The Slack channel where requests are posted, instead of slack_channel_id. The first statement that applies and has one counts.")
	confirm = prop("Confirm", boolean(), func(s *access.Statement) *bool { return &s.Confirm },
		"true: approvers confirm their approval in a dialog that shows the request. ApprovalsNeeded has the same effect. approve_confirmation sets it for all requests.")
)

const (
	channelPattern  = `^[CG][A-Z0-9]{2,30}$`
	channelExpected = "a channel id like C0123456789 (not the channel's name)"
)

// Limits of a statement's texts, in characters. All texts of a request's statements are
// in one form and in one message.
const (
	maxWarning       = 200
	maxTicketHint    = 100
	maxTicketPattern = 200
)

// lineOfText is a text on one line.
func lineOfText(most int) kind[string] {
	return text(fmt.Sprintf(`^[^ \x00-\x1f\x7f]([^\x00-\x1f\x7f]{0,%d}[^ \x00-\x1f\x7f])?$`, most-2), fmt.Sprintf("up to %d characters on one line", most))
}

var ticketRule = object("a mapping with Required, Pattern and Hint", nil,
	prop("Required", boolean(), func(t *access.Ticket) *bool { return &t.Required }, "true: the request needs a ticket.").orDefault("false"),
	prop("Pattern", ticketPattern(), func(t *access.Ticket) *string { return &t.Pattern },
		"A regular expression (RE2) that must match the whole ticket, unless the field is left empty."),
	prop("Hint", lineOfText(maxTicketHint), func(t *access.Ticket) *string { return &t.Hint }, "What to enter, for the form."))

// ticketPattern is a regular expression in RE2's syntax.
func ticketPattern() kind[string] {
	const expected = `a regular expression like '[A-Z]+-\d+'`
	length := text(fmt.Sprintf(`^[^\x00-\x1f\x7f]{1,%d}$`, maxTicketPattern), fmt.Sprintf("%s, up to %d characters on one line", expected, maxTicketPattern))
	return kind[string]{length.schema, length.expected, func(r *reader, n *yaml.Node, path string) (string, bool) {
		v, ok := length.read(r, n, path)
		if !ok {
			return "", false
		}
		if _, err := access.CompileTicketPattern(v); err != nil {
			r.mistake(n.Line, path, "%s is not a regular expression in RE2's syntax: %s", quote(v), strings.TrimPrefix(err.Error(), "error parsing regexp: "))
			return "", false
		}
		return v, true
	}}
}

func toSeconds(d time.Duration) int64 { return int64(d / time.Second) }

// allowed is a list whose items are added to the statement's Allowed.
func allowed(key string, k kind[[]string], doc string) property[access.Statement] {
	return property[access.Statement]{key: key, doc: doc, expected: k.expected, schema: k.schema, set: func(r *reader, n *yaml.Node, path string, into *access.Statement) {
		if n.Kind == yaml.SequenceNode && len(n.Content) == 0 {
			r.mistake(n.Line, path, "must not be empty: add someone, or remove it to allow everyone") // the Terraform module allows everyone
			return
		}
		if v, ok := k.read(r, n, path); ok {
			into.Allowed = append(into.Allowed, v...)
		}
	}}
}

// approver is an email, or a group in the form of access.GroupEntry.
func approver() kind[string] {
	email := normalizedEmail(text(emailPattern, approverExpected))
	prefix := access.GroupEntry("")
	group := decisionGroup(text(`^`+prefix+groupID+`$`, prefix+"ID, with "+groupExpected), prefix)
	is := schema{"anyOf": []any{email.schema, group.schema}}
	return kind[string]{is, approverExpected, func(r *reader, n *yaml.Node, path string) (string, bool) {
		if n.Kind == yaml.ScalarNode && strings.HasPrefix(n.Value, prefix) {
			return group.read(r, n, path)
		}
		return email.read(r, n, path)
	}}
}

// decisionGroup is a group whose members can request or approve, in the form of
// access.GroupEntry. In the file, its id comes after the prefix.
func decisionGroup(k kind[string], prefix string) kind[string] {
	return kind[string]{k.schema, k.expected, func(r *reader, n *yaml.Node, path string) (string, bool) {
		v, ok := k.read(r, n, path)
		if !ok {
			return "", false
		}
		id := strings.ToLower(strings.TrimPrefix(v, prefix))
		r.decisionGroups = append(r.decisionGroups, namedGroup{n.Line, path, id})
		return access.GroupEntry(id), true
	}}
}

// namedGroup is a place in the file that names a group.
type namedGroup struct {
	line int
	path string
	id   string // in lower case
}

// checkDecisionGroups reports groups that decide, but that people can request to join.
// They could then give themselves what the group may request or approve.
func (s *Settings) checkDecisionGroups(r *reader) {
	if s.Policy.AllowManagedDecisionGroups {
		return
	}
	for _, group := range r.decisionGroups {
		for i, st := range s.Policy.Groups {
			if !slices.Contains(st.Resources, "*") && !slices.ContainsFunc(st.Resources, func(id string) bool { return strings.EqualFold(id, group.id) }) {
				continue
			}
			r.mistake(group.line, group.path, "people can request to join group %s (group_config[%d]), and its members would decide here. Use a group that group_config doesn't cover, or set allow_managed_decision_groups: true to accept this (docs/reference/policy.md#groups-that-decide)", group.id, i)
			break
		}
	}
}

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

// ValidOU reports whether s has the form of the id of an organizational unit or root.
func ValidOU(s string) bool { return validUnit(s) }
