// Package policylint warns about policies that are valid, but probably wrong or more
// dangerous than intended. It reads only the settings, and knows nothing about the
// organization.
package policylint

import (
	"fmt"
	"strings"
	"time"

	"sso-elevator/functions/access"
)

// For each kind of warning, the first mostInFull are written in full. One more
// warning names up to mostNamed of the other statements, because nobody reads a
// thousand lines.
const (
	mostInFull = 5
	mostNamed  = 20
)

// Settings are the settings that a Linter needs.
type Settings struct {
	Policy          access.Policy // powerful access to its protected accounts is power over this system
	RemovalSchedule string        // empty: no scheduled removals
	// ShortestDuration is the shortest access that people can request.
	ShortestDuration time.Duration
	// HasValue reports whether the file has a value at a path, like
	// "config[2].Approvers".
	HasValue func(path string) bool
}

// Warning is a warning about a statement or one of its keys.
type Warning struct {
	Path string // "config[2]" or "config[2].Approvers"
	Text string // what is wrong, and what to do about it
	// IsNotice is set if the policy can be exactly what was meant, and nothing in the file
	// could say so. A notice must fail nothing.
	IsNotice bool
}

// Linter checks one policy.
type Linter struct{ spaces []*space }

// New returns a Linter for a policy.
func New(s Settings) *Linter {
	index := access.NewIndex(&s.Policy)
	return &Linter{[]*space{newSpace(&s, index, "config", s.Policy.Accounts), newSpace(&s, index, "group_config", s.Policy.Groups)}}
}

// finding is a statement that someone should review.
type finding struct {
	statement int
	key       string // of the statement; empty: the statement as a whole
	text      string // what is wrong, and what to do about it
}

// checks run on each list of statements, in this order. Each reports a statement at
// most once, and the most important findings first.
var checks = []func(*space) []finding{
	(*space).findUnobtainable,
	(*space).findUnsatisfiable,
	(*space).findUseless,
	(*space).findTooShort,
	(*space).findOddTickets,
	(*space).findSoleApprovers,
	(*space).findRedundant,
	(*space).findNeverAutomatic,
	(*space).findLetterCase,
	(*space).findPower,
}

// Check returns the warnings about all statements, those about accounts first.
func (l *Linter) Check() []Warning {
	var all []Warning
	for _, sp := range l.spaces {
		for _, check := range checks {
			all = append(all, sp.warnings(check(sp))...)
		}
		all = append(all, sp.warnOfScope()...)
		all = append(all, sp.warnOfProtected()...)
	}
	return all
}

// warnings returns the first findings in full, and one warning that names the rest.
func (sp *space) warnings(found []finding) []Warning {
	var all []Warning
	for i, f := range found {
		path := sp.path(f.statement, f.key)
		if i == mostInFull {
			return append(all, Warning{Path: path, Text: fmt.Sprintf("same warning as for %s, also for %d more statements: %s",
				sp.path(found[i-1].statement, ""), len(found)-i, sp.listStatements(found[i:]))})
		}
		all = append(all, Warning{Path: path, Text: f.text})
	}
	return all
}

// notices marks warnings as notices.
func notices(all []Warning) []Warning {
	for i := range all {
		all[i].IsNotice = true
	}
	return all
}

// listStatements returns the paths of the statements that findings are about.
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

// isSetTo reports whether a switch is present and has the value.
func isSetTo(b *bool, value bool) bool { return b != nil && *b == value }
