package access

import (
	"regexp"
	"slices"
)

// Index answers questions about a policy. It finds the statements about a target
// without reading all of them. Several goroutines may use it at once.
type Index struct {
	policy           *Policy // its emails are normalized
	accounts, groups resourceIndex
	protected        map[string]bool
	// tickets has the compiled patterns of tickets. One that is not a regular expression
	// is left out.
	tickets map[string]*regexp.Regexp
	// hasExtras reports whether a statement has a ticket, a warning, a channel or a
	// confirmation.
	hasExtras bool
}

// resourceIndex finds statements by what they match.
type resourceIndex struct {
	named map[string][]int // indexes of the statements that name the resource
	all   []int            // indexes of those that match all; such a statement may name resources too
	ous   map[string][]int // indexes of those that name the organizational unit; nil if none names any
}

// NewIndex indexes p, which must not change after that.
func NewIndex(p *Policy) *Index {
	x := &Index{policy: &Policy{
		Accounts: normalized(p.Accounts), Groups: normalized(p.Groups),
		AllowManagedDecisionGroups: p.AllowManagedDecisionGroups,
		IncidentResponders:         normalizedEmails(p.IncidentResponders),
	}, protected: map[string]bool{}, tickets: map[string]*regexp.Regexp{}}
	x.accounts, x.groups = indexOf(x.policy.Accounts), indexOf(x.policy.Groups)
	for _, account := range p.ProtectedAccounts {
		x.protected[account] = true
	}
	for _, s := range slices.Concat(x.policy.Accounts, x.policy.Groups) {
		x.hasExtras = x.hasExtras || s.hasExtras()
		if s.Ticket == nil || s.Ticket.Pattern == "" {
			continue
		}
		if pattern, err := CompileTicketPattern(s.Ticket.Pattern); err == nil {
			x.tickets[s.Ticket.Pattern] = pattern
		}
	}
	return x
}

// CompileTicketPattern returns the regular expression of Ticket.Pattern, which matches
// whole values only.
func CompileTicketPattern(pattern string) (*regexp.Regexp, error) {
	// Without this, a pattern like "a)|(b" would compile below.
	if _, err := regexp.Compile(pattern); err != nil {
		return nil, err
	}
	return regexp.Compile(`\A(?:` + pattern + `)\z`)
}

// hasExtras reports whether s has a ticket, a warning, a channel or a confirmation.
func (s *Statement) hasExtras() bool {
	return s.Ticket != nil || s.Warning != "" || s.Channel != "" || s.Confirm
}

// normalized returns the statements with their emails normalized, so that no
// decision has to do it.
func normalized(statements []Statement) []Statement {
	statements = slices.Clone(statements)
	for i := range statements {
		statements[i].Approvers = normalizedEmails(statements[i].Approvers)
		statements[i].Allowed = normalizedEmails(statements[i].Allowed)
	}
	return statements
}

func normalizedEmails(emails []string) []string {
	emails = slices.Clone(emails)
	for i, email := range emails {
		emails[i] = NormalizeEmail(email)
	}
	return emails
}

func indexOf(statements []Statement) resourceIndex {
	x := resourceIndex{named: map[string][]int{}}
	for i, s := range statements {
		if slices.Contains(s.Resources, "*") || slices.ContainsFunc(s.Resources, IsRoot) {
			x.all = append(x.all, i)
		}
		for _, r := range s.Resources {
			switch {
			case r == "*", IsRoot(r):
			case IsOU(r):
				if x.ous == nil {
					x.ous = map[string][]int{}
				}
				x.ous[r] = append(x.ous[r], i)
			default:
				// The statement may name a resource twice.
				if at := x.named[r]; len(at) == 0 || at[len(at)-1] != i {
					x.named[r] = append(at, i)
				}
			}
		}
	}
	return x
}

// statements returns the statements about targets of this kind.
func (p *Policy) statements(k Kind) []Statement {
	if k == KindGroup {
		return p.Groups
	}
	return p.Accounts
}

// appendAffecting appends the indexes of the statements that match t, ascending. ous are
// the organizational units above the account. If protected, only its id matches. to is
// empty.
func (x *Index) appendAffecting(t *Target, ous []string, protected bool, to []int) []int {
	if !t.isComplete() {
		return to
	}
	of := &x.accounts
	if t.Kind == KindGroup {
		of = &x.groups
	}
	to = of.appendMatching(t.resource(), ous, protected, to)
	from := x.policy.statements(t.Kind)
	return slices.DeleteFunc(to, func(i int) bool { return !from[i].covers(t) })
}

// appendMatching appends the indexes of the statements that match the resource,
// ascending. to is empty.
func (x *resourceIndex) appendMatching(resource string, ous []string, protected bool, to []int) []int {
	named := x.named[resource]
	to = append(to, named...)
	if protected {
		return to
	}
	to = append(to, x.all...)
	if x.ous != nil {
		for _, ou := range ous {
			to = append(to, x.ous[ou]...)
		}
	}
	if len(named) > 0 && len(to) > len(named) || x.ous != nil {
		slices.Sort(to)
		to = slices.Compact(to)
	}
	return to
}
