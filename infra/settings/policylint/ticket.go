package policylint

import (
	"math/rand/v2"
	"regexp"
	"regexp/syntax"
	"slices"
	"strings"
	"unicode"

	"sso-elevator/functions/access"
)

// findOddTickets finds patterns of tickets that match no ticket, or every ticket. Both are
// found by trial, so a rare pattern may be missed, or match what was not tried.
func (sp *space) findOddTickets() []finding {
	var found []finding
	known := map[string]oddity{} // by pattern
	for i, st := range sp.statements {
		if st.Ticket == nil || st.Ticket.Pattern == "" {
			continue
		}
		odd, tried := known[st.Ticket.Pattern]
		if !tried {
			odd = oddityOf(st.Ticket.Pattern)
			known[st.Ticket.Pattern] = odd
		}
		switch odd {
		case matchesNothing:
			consequence := "so nobody can enter a ticket"
			if st.Ticket.Required {
				consequence = "so every request that this statement applies to is refused"
			}
			found = append(found, finding{i, "Ticket", "no ticket seems to match this pattern, " + consequence + ". A ticket is one line of at most 150 characters, without spaces around it. Check the pattern"})
		case matchesEverything:
			found = append(found, finding{i, "Ticket", "this pattern seems to accept every ticket. Remove it, or say what a ticket looks like"})
		}
	}
	return found
}

// oddity is what is odd about a pattern.
type oddity int

const (
	notOdd oddity = iota
	matchesNothing
	matchesEverything
)

func oddityOf(source string) oddity {
	pattern, err := access.CompileTicketPattern(source)
	switch {
	case err != nil: // settings with such a pattern are not read
		return notOdd
	case !canMatch(pattern, source):
		return matchesNothing
	case !slices.ContainsFunc(anything, func(s string) bool { return !pattern.MatchString(s) }):
		return matchesEverything
	}
	return notOdd
}

// anything are tickets that have nothing in common.
var anything = []string{
	"x", "Z", "0", "-", "_", "é", "漢", "?", "(", `\`, "OPS-1", "ops-1", "12345", "a b", "no ticket", "https://example.com/1?a=b#c",
	strings.Repeat("x", access.MaxTicketLength), strings.Repeat("7 ", access.MaxTicketLength/2-1) + "7",
}

// canMatch reports whether some ticket matches a pattern. pattern is compiled from source.
func canMatch(pattern *regexp.Regexp, source string) bool {
	tree, err := syntax.Parse(source, syntax.Perl)
	if err != nil {
		return false
	}
	const tries = 200
	random := rand.New(rand.NewPCG(1, 1))
	for range tries {
		var b strings.Builder
		g := generator{random, 0}
		g.write(&b, tree)
		s := b.String()
		if s != "" && s == strings.TrimSpace(s) && !strings.ContainsFunc(s, unicode.IsControl) && len([]rune(s)) <= access.MaxTicketLength && pattern.MatchString(s) {
			return true
		}
	}
	return false
}

// generator writes a random text that matches a regular expression, apart from conditions
// such as \b.
type generator struct {
	r     *rand.Rand
	steps int
}

func (g *generator) write(b *strings.Builder, e *syntax.Regexp) {
	// Nested repetitions of nothing would take forever. A ticket takes few steps.
	const most = 20 * access.MaxTicketLength
	if g.steps++; g.steps > most {
		return
	}
	times := func(least, most int) {
		n := least
		if most < 0 || most > least+3 {
			most = least + 3
		}
		if most > least {
			n += g.r.IntN(most - least + 1)
		}
		for range n {
			g.write(b, e.Sub[0])
		}
	}
	switch e.Op {
	case syntax.OpLiteral:
		for _, c := range e.Rune {
			b.WriteRune(c)
		}
	case syntax.OpCharClass:
		b.WriteRune(g.of(e.Rune))
	case syntax.OpAnyChar, syntax.OpAnyCharNotNL:
		b.WriteRune(g.of([]rune{'a', 'z', 'A', 'Z', '0', '9', '-', '-', ' ', ' '}))
	case syntax.OpStar:
		times(0, -1)
	case syntax.OpPlus:
		times(1, -1)
	case syntax.OpQuest:
		times(0, 1)
	case syntax.OpRepeat:
		times(e.Min, e.Max)
	case syntax.OpAlternate:
		g.write(b, e.Sub[g.r.IntN(len(e.Sub))])
	case syntax.OpCapture, syntax.OpConcat:
		for _, sub := range e.Sub {
			g.write(b, sub)
		}
	}
}

// of returns a character of a class: pairs of the first and the last of a range. It
// prefers printable ASCII.
func (g *generator) of(class []rune) rune {
	if len(class) == 0 {
		return 0
	}
	at := 2 * g.r.IntN(len(class)/2)
	low, high := class[at], class[at+1]
	if low < '~' && high >= '!' && g.r.IntN(4) > 0 {
		low, high = max(low, '!'), min(high, '~')
	}
	return low + rune(g.r.IntN(int(high-low)+1))
}
