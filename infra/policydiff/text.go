package policydiff

import (
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"sso-elevator/functions/access"
	"sso-elevator/infra/command"
)

// Text says how a result is written.
type Text struct {
	// All writes all changes, people and targets. Otherwise the text fits on a screen.
	All bool
	// HowToSeeAll says what to run for that.
	HowToSeeAll string
}

// Limits of a text without Text.All.
const (
	maxNames   = 3 // people, accounts or permission sets in a list
	maxTargets = 2 // lists of targets in a line
)

// sections are the parts of the text. limit is the most lines without Text.All.
var sections = []struct {
	effect Effect
	title  string
	limit  int
}{{Wider, "Wider", 10}, {Narrower, "Narrower", 5}, {Other, "Other changes", 5}}

// writer writes one result.
type writer struct {
	*Result
	Text
}

// WriteText writes the result for people. The last line is the verdict.
func (r *Result) WriteText(out io.Writer, options Text) error {
	w := writer{r, options}
	var b strings.Builder
	hidden := false
	for _, section := range sections {
		var lines []string
		for i := range r.Changes {
			if c := &r.Changes[i]; c.Effect == section.effect {
				lines = append(lines, w.sentence(c))
			}
		}
		if len(lines) == 0 {
			continue
		}
		fmt.Fprintf(&b, "%s:\n", section.title)
		for i, line := range lines {
			if rest := len(lines) - i; i >= section.limit && rest > 1 && !w.All {
				fmt.Fprintf(&b, "  … and %d more changes\n", rest)
				hidden = true
				break
			}
			fmt.Fprintf(&b, "  %s\n", line)
		}
	}
	if len(r.Changes) > 0 {
		b.WriteByte('\n')
	}
	if hidden {
		fmt.Fprintf(&b, "%s\n", w.HowToSeeAll)
	}
	fmt.Fprintf(&b, "%s\n%s\n", w.compared(), r.verdict())
	_, err := io.WriteString(out, b.String())
	return err
}

// verdict returns the last line.
func (r *Result) verdict() string {
	counts := map[Effect]int{}
	for i := range r.Changes {
		counts[r.Changes[i].Effect]++
	}
	var parts []string
	for _, p := range []struct {
		effect    Effect
		one, many string
	}{{Wider, "1 change lets somebody get more", "%d changes let somebody get more"}, {Narrower, "1 takes something away", "%d take something away"}, {Other, "1 does neither", "%d do neither"}} {
		switch n := counts[p.effect]; n {
		case 0:
		case 1:
			parts = append(parts, p.one)
		default:
			parts = append(parts, fmt.Sprintf(p.many, n))
		}
	}
	switch {
	case len(parts) == 0:
		return "The two policies decide the same."
	case counts[Wider] > 0:
		return fmt.Sprintf("The new policy is wider: %s.", strings.Join(parts, ", "))
	}
	return fmt.Sprintf("Nobody can get more. Of the changes, %s.", strings.Join(parts, ", "))
}

// compared says for whom and what the policies were compared.
func (w *writer) compared() string {
	count := func(ids []string, one, many string) string {
		known, others := 0, false
		var below []string
		for _, id := range ids {
			switch {
			case id == unknown:
				others = true
			case access.IsOU(id):
				below = append(below, id)
			default:
				known++
			}
		}
		if known == 0 && len(below) == 0 && others {
			return "all " + many
		}
		text := plural(known, one, many)
		if len(below) > 0 {
			text += fmt.Sprintf(" and the unknown ones below %s", w.list(below, func(id string) string { return id }))
		}
		if others {
			text += " and all others"
		}
		return text
	}
	people := plural(w.Scope.People, "person", "people")
	if len(w.Scope.Groups) > 0 {
		people += ", the members of " + plural(len(w.Scope.Groups), "group", "groups")
	}
	return fmt.Sprintf("Compared: %s and everyone else; %s; %s; %s.", people,
		count(w.Scope.Accounts, "account", "accounts"), count(w.Scope.PermissionSets, "permission set", "permission sets"), count(w.Scope.GroupTargets, "requestable group", "requestable groups"))
}

func plural(n int, one, many string) string {
	if n == 1 {
		return "1 " + one
	}
	return fmt.Sprintf("%d %s", n, many)
}

// until names what was before, for the end of a sentence.
func until(format string, args ...any) string { return fmt.Sprintf(" (until now "+format+")", args...) }

// sentence returns a change as one line.
func (w *writer) sentence(c *Change) string {
	was, is := &c.Before, &c.After
	targets := w.targets(c.Targets)
	requests := "Requests for " + targets
	if c.People != nil && (!c.People.Everyone || len(c.People.Except) > 0) {
		requests = fmt.Sprintf("Requests by %s for %s", w.people(c.People, ""), targets)
	}
	switch c.Kind {
	case KindAccess:
		outcomes := map[access.DecisionOutcome]string{access.DecideRefused: "refused", access.DecideApproval: "with approval", access.DecideAutomatic: "without approval"}
		more := ""
		if c.Effect == Wider {
			more = " more"
		}
		who, before := capital(w.people(c.People, more)), until("%s", outcomes[was.Outcome])
		switch {
		case is.Outcome == access.DecideAutomatic:
			return fmt.Sprintf("%s can get %s without approval%s", who, targets, before)
		case is.Outcome == access.DecideRefused:
			return fmt.Sprintf("%s can no longer get %s%s", who, targets, before)
		case was.Outcome == access.DecideAutomatic:
			return fmt.Sprintf("%s can get %s only with approval by %s%s", who, targets, w.approvals(is.Approvals), before)
		}
		return fmt.Sprintf("%s can request %s, with approval by %s%s", who, targets, w.approvals(is.Approvals), before)
	case KindApprovals:
		return fmt.Sprintf("%s need approval by %s%s", requests, w.approvals(is.Approvals), until("by %s", w.approvals(was.Approvals)))
	case KindConfirmation:
		if *is.Confirm {
			return requests + " are approved in a dialog, with a second click"
		}
		return requests + " are approved with one click" + until("in a dialog")
	case KindDuration:
		return fmt.Sprintf("%s can be for %s%s", requests, formatLimit(*is.MaxDuration), until("%s", formatLimit(*was.MaxDuration)))
	case KindTicket:
		if describeTickets(*was.Tickets) == describeTickets(*is.Tickets) {
			return fmt.Sprintf("%s show %s at the ticket field%s", requests, describeHints(*is.Tickets), until("%s", describeHints(*was.Tickets)))
		}
		return fmt.Sprintf("%s take %s%s", requests, describeTickets(*is.Tickets), until("%s", describeTickets(*was.Tickets)))
	case KindDenial:
		who := func(all []string) string {
			if len(all) == 0 {
				return "nobody else"
			}
			return w.join(all, "or", w.person)
		}
		return fmt.Sprintf("%s can be denied, and the access ended, by %s%s", requests, who(*is.Denial), until("by %s", who(*was.Denial)))
	case KindWarnings:
		return fmt.Sprintf("%s show %s%s", requests, describeWarnings(*is.Warnings), until("%s", describeWarnings(*was.Warnings)))
	case KindChannel:
		channel := func(id string) string {
			if id == "" {
				return "the configured channel"
			}
			return "channel " + command.Printable(id)
		}
		return fmt.Sprintf("%s are posted in %s%s", requests, channel(*is.Channel), until("in %s", channel(*was.Channel)))
	case KindRemoval:
		does := map[Removal]string{RemovalNone: "ignore", RemovalReported: "only report", RemovalRemoved: "remove"}
		did := map[Removal]string{RemovalNone: "ignored", RemovalReported: "only reported", RemovalRemoved: "removed"}
		return fmt.Sprintf("Reconciliations %s unknown access: %s%s", does[is.Removal], targets, until("they %s it", did[was.Removal]))
	case KindManagedGroups:
		if *is.Setting {
			return "Memberships that this app grants count in decisions (allow_managed_decision_groups). People who join a group through this app can request and approve what its members can"
		}
		return "Memberships that this app grants no longer count in decisions (allow_managed_decision_groups)"
	case KindExemptions:
		return capital(strings.Join(slices.DeleteFunc([]string{w.exemptions("added", is.Exemptions), w.exemptions("removed", was.Exemptions)}, func(s string) bool { return s == "" }), "; "))
	case KindResponders:
		var parts []string
		if len(is.Responders) > 0 {
			parts = append(parts, "Incident responders added: "+printableList(is.Responders))
		}
		if len(was.Responders) > 0 {
			parts = append(parts, "incident responders removed: "+printableList(was.Responders))
		}
		return capital(strings.Join(parts, "; "))
	}
	return ""
}

// printableList joins names in a list.
func printableList(names []string) string {
	all := make([]string, len(names))
	for i, name := range names {
		all[i] = command.Printable(name)
	}
	return strings.Join(all, ", ")
}

// capital returns text with an upper-case first letter, unless it begins with an email.
func capital(text string) string {
	if word, _, _ := strings.Cut(text, " "); strings.Contains(word, "@") || text == "" {
		return text
	}
	return strings.ToUpper(text[:1]) + text[1:]
}

// people names those whom a change is about. more is " more" if they join others who
// could do the same before.
func (w *writer) people(p *People, more string) string {
	if p.Everyone {
		if len(p.Except) > 0 {
			return "everyone except " + w.list(p.Except, w.person)
		}
		return "everyone"
	}
	if len(p.Names) <= maxNames && (len(p.Names) == 1 || more == "") {
		return w.list(p.Names, w.person)
	}
	emails, kinds := 0, 0
	for _, name := range p.Names {
		if strings.Contains(name, groupMark) || strings.Contains(name, bothMark) {
			kinds++
		} else {
			emails++
		}
	}
	var count string
	switch {
	case kinds == 0 && emails == 1:
		count = "1" + more + " person"
	case kinds == 0:
		count = fmt.Sprintf("%d%s people", emails, more)
	case emails == 0:
		count = fmt.Sprintf("%d%s kinds of people", kinds, more)
	default:
		count = fmt.Sprintf("%d%s people and %s", emails, more, plural(kinds, "kind of people", "kinds of people"))
		if emails == 1 {
			count = fmt.Sprintf("1%s person and %s", more, plural(kinds, "kind of people", "kinds of people"))
		}
	}
	return fmt.Sprintf("%s (%s)", count, w.list(p.Names, w.person))
}

// list names the first few of many, with "and" before the last one.
func (w *writer) list(all []string, name func(string) string) string { return w.join(all, "and", name) }

func (w *writer) join(all []string, last string, name func(string) string) string {
	shown := all
	if len(all) > maxNames+1 && !w.All {
		shown = all[:maxNames]
	}
	names := make([]string, len(shown))
	for i, one := range shown {
		names[i] = name(one)
	}
	if rest := len(all) - len(shown); rest > 0 {
		return fmt.Sprintf("%s %s %d more", strings.Join(names, ", "), last, rest)
	}
	return joinWords(names, last)
}

// joinWords joins names as in "a, b and c", where last is "and".
func joinWords(names []string, last string) string {
	if len(names) < 2 {
		return strings.Join(names, "")
	}
	return strings.Join(names[:len(names)-1], ", ") + " " + last + " " + names[len(names)-1]
}

// Marks in the names in People of those who are not known by email.
const (
	groupMark = "group:"
	bothMark  = " & "
)

// person names one person, or one kind of people.
func (w *writer) person(name string) string {
	if one, other, ok := strings.Cut(name, bothMark); ok {
		if a, ok := access.GroupOf(one); ok {
			b, _ := access.GroupOf(other)
			return fmt.Sprintf("members of both %s and %s", w.group(a), w.group(b))
		}
		group, _ := access.GroupOf(other)
		return fmt.Sprintf("%s (if in %s)", command.Printable(one), w.group(group))
	}
	if group, ok := access.GroupOf(name); ok {
		return "members of " + w.group(group)
	}
	return command.Printable(name)
}

func (w *writer) group(id string) string { return "group " + w.named(id) }

// named returns an id with its name, if that is known.
func (w *writer) named(id string) string {
	if name := w.Names[id]; name != "" {
		return fmt.Sprintf("%s (%s)", command.Printable(name), command.Printable(id))
	}
	return command.Printable(id)
}

// approvals names whose approvals are needed: "ann@… or bob@…, plus 2 of …".
func (w *writer) approvals(all []Approvals) string {
	var parts []string
	for _, a := range all {
		if a.Needed == 1 {
			parts = append(parts, w.join(a.From, "or", w.person))
		} else {
			parts = append(parts, fmt.Sprintf("%d of %s", a.Needed, w.list(a.From, w.person)))
		}
	}
	return strings.Join(parts, ", plus ")
}

// targets names what a change is about.
func (w *writer) targets(all []Targets) string {
	var parts []string
	for i, t := range all {
		if i == maxTargets && len(all) > maxTargets && !w.All {
			rest := 0
			for _, t := range all[i:] {
				rest += len(t.Accounts) + len(t.Groups)
			}
			parts = append(parts, "and in "+plural(rest, "other account or group", "other accounts or groups"))
			break
		}
		if len(t.Groups) > 0 {
			parts = append(parts, "membership in "+w.targetList(t.Groups, w.Scope.GroupTargets, "every group", "every other group", w.group))
			continue
		}
		account := func(id string) string {
			if access.IsOU(id) {
				return "accounts below " + command.Printable(id)
			}
			return w.named(id)
		}
		parts = append(parts, w.targetList(t.PermissionSets, w.Scope.PermissionSets, "every permission set", "every other permission set", command.Printable)+
			" in "+w.targetList(t.Accounts, w.Scope.Accounts, "every account", "every other account", account))
	}
	return strings.Join(parts, "; ")
}

// targetList names the targets in some. It returns all if they are the whole scope, and
// writes others for unknown.
func (w *writer) targetList(some, scope []string, all, others string, name func(string) string) string {
	if len(some) == len(scope) && len(some) > 1 || len(some) == 1 && some[0] == unknown && len(scope) == 1 {
		return all
	}
	ordered := slices.DeleteFunc(slices.Clone(some), func(id string) bool { return id == unknown })
	if len(ordered) < len(some) {
		at := len(ordered)
		if len(some) > maxNames+1 && !w.All {
			at = maxNames - 1 // a list doesn't leave out the widest of all
		}
		ordered = slices.Insert(ordered, at, unknown)
	}
	return w.list(ordered, func(id string) string {
		if id == unknown {
			return others
		}
		return name(id)
	})
}

func formatLimit(seconds int64) string {
	if seconds == 0 {
		return "any duration that the settings allow"
	}
	return "up to " + access.FormatDuration(time.Duration(seconds)*time.Second)
}

func describeTickets(all []access.Ticket) string {
	if len(all) == 0 {
		return "no ticket"
	}
	text := "an optional ticket"
	if slices.ContainsFunc(all, func(t access.Ticket) bool { return t.Required }) {
		text = "a required ticket"
	}
	var patterns []string
	for _, t := range all {
		if p := command.Printable(t.Pattern); p != "" && !slices.Contains(patterns, p) {
			patterns = append(patterns, p)
		}
	}
	if len(patterns) > 0 {
		text += " that matches " + joinWords(patterns, "and")
	}
	return text
}

func describeHints(all []access.Ticket) string {
	var hints []string
	for _, t := range all {
		if t.Hint != "" {
			hints = append(hints, fmt.Sprintf("“%s”", command.Printable(t.Hint)))
		}
	}
	if len(hints) == 0 {
		return "no hint"
	}
	return joinWords(hints, "and")
}

func describeWarnings(all []string) string {
	var texts []string
	for _, warning := range all {
		texts = append(texts, fmt.Sprintf("“%s”", command.Printable(warning)))
	}
	switch len(texts) {
	case 0:
		return "no warning"
	case 1:
		return "the warning " + texts[0]
	}
	return "the warnings " + joinWords(texts, "and")
}

func (w *writer) exemptions(what string, all []access.Exemption) string {
	if len(all) == 0 {
		return ""
	}
	var texts []string
	for _, e := range all {
		target := fmt.Sprintf("with %s in %s", command.Printable(e.PermissionSet), w.named(e.AccountID))
		if e.GroupID != "" {
			target = "in " + w.group(e.GroupID)
		}
		texts = append(texts, fmt.Sprintf("%s %s until %s", command.Printable(e.Email), target, e.Until.UTC().Format("2006-01-02 15:04 UTC")))
	}
	return fmt.Sprintf("exemptions %s: %s", what, w.list(texts, func(text string) string { return text }))
}
