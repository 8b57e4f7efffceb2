// Package policylint warns of what a policy says that is right, and that nobody
// can have wanted or should want without knowing. It knows nothing of the
// organization, only what the settings say.
package policylint

import (
	"fmt"
	"strings"

	"sso-elevator/functions/access"
)

// Of one kind of warning about the policy so many are said in full, and of the
// others so many statements are named: who reads a thousand lines reads none.
const (
	mostInFull = 5
	mostNamed  = 20
)

// Settings are what a Linter looks at.
type Settings struct {
	Policy            access.Policy
	ProtectedAccounts []string // in which powerful access is power over this system
	RemovalSchedule   string   // empty: nothing is removed by schedule
	// HasValue reports whether the file has a value for a path, like
	// "config[2].Approvers".
	HasValue func(path string) bool
}

// Warning is about a statement or a key of it.
type Warning struct {
	Path string // "config[2]" or "config[2].Approvers"
	Text string // what is so, and what to do about it
}

// Linter looks at one policy.
type Linter struct{ spaces []*space }

// New returns a Linter of the settings' policy.
func New(s Settings) *Linter {
	return &Linter{[]*space{newSpace(&s, "config", s.Policy.Accounts), newSpace(&s, "group_config", s.Policy.Groups)}}
}

// finding is something about a statement that somebody should look at again.
type finding struct {
	statement int
	key       string // of the statement, that it is about; empty: the statement as a whole
	text      string // what is so, and what to do about it
}

// checks are looked for in the list of statements, in this order. Each finds a
// statement once at the most, and gives what matters most first.
var checks = []func(*space) []finding{
	(*space).findUnobtainable,
	(*space).findSoleApprovers,
	(*space).findRedundant,
	(*space).findNeverAutomatic,
	(*space).findLetterCase,
	(*space).findPower,
}

// Check returns the warnings about statements, those about accounts first.
func (l *Linter) Check() []Warning {
	var all []Warning
	for _, sp := range l.spaces {
		for _, check := range checks {
			all = append(all, sp.warnings(check(sp))...)
		}
		all = append(all, sp.warnOfScope()...)
	}
	return all
}

// warnings has the first of the findings in full, and names the others.
func (sp *space) warnings(found []finding) []Warning {
	var all []Warning
	for i, f := range found {
		path := sp.path(f.statement, f.key)
		if i == mostInFull {
			return append(all, Warning{path, fmt.Sprintf("the same kind of thing as in %s, and in %d statements more: %s",
				sp.path(found[i-1].statement, ""), len(found)-i, sp.listStatements(found[i:]))})
		}
		all = append(all, Warning{path, f.text})
	}
	return all
}

// listStatements names the statements of findings.
func (sp *space) listStatements(found []finding) string {
	var all []string
	for i, f := range found {
		if i == mostNamed {
			all = append(all, "…")
			break
		}
		all = append(all, sp.path(f.statement, ""))
	}
	return strings.Join(all, ", ")
}

// isSetTo reports whether a switch is there and has the value.
func isSetTo(b *bool, value bool) bool { return b != nil && *b == value }
