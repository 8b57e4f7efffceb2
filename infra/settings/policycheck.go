package settings

import (
	"fmt"
	"strings"
)

// Of one kind of warning about the policy so many are said in full, and of the
// others so many statements are named: who reads a thousand lines reads none.
const (
	mostInFull = 5
	mostNamed  = 20
)

// finding is something about a statement that somebody should look at again.
type finding struct {
	statement int
	key       string // of the statement, that it is about; empty: the statement as a whole
	text      string // what is so, and what to do about it
}

// policyChecks are looked for in the list of statements, in this order. Each
// finds a statement once at the most, and gives what matters most first.
var policyChecks = []func(*Settings, *reader, *space) []finding{
	(*Settings).checkNobody,
	(*Settings).checkOnlyApprover,
	(*Settings).checkRepeated,
	(*Settings).checkNeverAutomatic,
	(*Settings).checkLetterCase,
	(*Settings).checkPower,
}

// checkPolicy warns of what a policy says that is right, and that nobody can
// have wanted or should want without knowing. Nothing is known of the
// organization here: only the file.
func (s *Settings) checkPolicy(r *reader, spaces []*space) {
	for _, sp := range spaces {
		for _, check := range policyChecks {
			r.warnOf(sp, check(s, r, sp))
		}
		s.checkScope(r, sp)
	}
}

// warnOf enters the first of the findings in full, and names the others.
func (r *reader) warnOf(sp *space, found []finding) {
	for i, f := range found {
		path := sp.path(f.statement, f.key)
		line := r.keys[path]
		if line == 0 {
			line = r.keys[sp.path(f.statement, "")]
		}
		text := f.text
		if i == mostInFull {
			text = fmt.Sprintf("the same kind of thing as in %s, and in %d statements more: %s",
				sp.path(found[i-1].statement, ""), len(found)-i, sp.list(found[i:]))
		}
		r.warn(line, path, "%s", text)
		if i == mostInFull {
			return
		}
	}
}

// list names the statements of findings.
func (sp *space) list(found []finding) string {
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

func says(b *bool, want bool) bool { return b != nil && *b == want }
