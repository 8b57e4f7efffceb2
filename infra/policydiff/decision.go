package policydiff

import (
	"cmp"
	"slices"
	"strings"

	"sso-elevator/functions/access"
)

// view is a policy's decision about a request, as people see it.
type view struct {
	access.Decision
	// listed are those whom statements that apply list, with the requester. others are
	// the same without the requester.
	listed, others []string
	// full are the approvals that are needed, with the requester among the approvers.
	full []Approvals
	// rules are the same without the requester, who never counts.
	rules []Approvals
}

// view returns the decision about a request for t by these statements. They are all that
// affect it and matter to the requester.
func (s *side) view(who access.Identity, t access.Target, relevant []int) view {
	from := make([]access.Statement, len(relevant))
	for i, at := range relevant {
		from[i] = s.statements[t.Kind][at].Statement
	}
	p := access.Policy{Accounts: from}
	if t.Kind == access.KindGroup {
		p = access.Policy{Groups: from}
	}
	index, c := access.NewIndex(&p), &access.Case{Requester: who, Target: t}
	v := view{Decision: index.Decide(c)}
	for i, t := range v.Tickets {
		v.Tickets[i] = s.tickets[t.Hint]
	}
	if v.Outcome == access.DecideRefused {
		return v
	}
	v.listed = index.Listed(c)
	requester := access.NormalizeEmail(c.Requester.Email)
	v.others = slices.DeleteFunc(slices.Clone(v.listed), func(a string) bool { return a == requester })
	if v.Outcome != access.DecideApproval {
		return v
	}
	if len(v.Requirements) == 0 {
		v.full, v.rules = []Approvals{{1, v.listed}}, []Approvals{{1, v.Approvers}}
		return v
	}
	for _, q := range v.Requirements {
		from := slices.DeleteFunc(slices.Clone(from[q.Statement].Approvers), func(a string) bool { return !access.IsASCII(a) })
		v.full = append(v.full, Approvals{q.Needed, from})
		v.rules = append(v.rules, Approvals{q.Needed, q.Approvers})
	}
	v.full, v.rules = distinct(v.full), distinct(v.rules)
	return v
}

// distinct sorts all and removes duplicates.
func distinct(all []Approvals) []Approvals {
	slices.SortFunc(all, func(a, b Approvals) int {
		if a.Needed != b.Needed {
			return b.Needed - a.Needed
		}
		return slices.Compare(a.From, b.From)
	})
	return slices.CompactFunc(all, func(a, b Approvals) bool { return a.Needed == b.Needed && slices.Equal(a.From, b.From) })
}

// changesOf returns how the decision about a request changes, without people and targets.
// Reasons of a refusal, and the order of tickets and warnings, don't count.
func changesOf(was, is *view) []Change {
	var all []Change
	add := func(effect Effect, kind Kind, before, after Terms) {
		all = append(all, Change{Effect: effect, Kind: kind, Before: before, After: after})
	}
	if was.Outcome != is.Outcome {
		effect := Narrower
		if rankOf(is.Outcome) > rankOf(was.Outcome) {
			effect = Wider
		}
		add(effect, KindAccess, Terms{Outcome: was.Outcome}, Terms{Outcome: is.Outcome, Approvals: is.full})
	}
	if was.Outcome == access.DecideRefused || is.Outcome == access.DecideRefused {
		return all
	}
	bothNeedApproval := was.Outcome == access.DecideApproval && is.Outcome == access.DecideApproval
	if bothNeedApproval {
		sameRules := slices.EqualFunc(was.rules, is.rules, func(a, b Approvals) bool { return a.Needed == b.Needed && slices.Equal(a.From, b.From) })
		if !sameRules {
			// With the requester in the rules, the effect is the same for the requests of
			// everyone. It is never less wide than without.
			effect := Other
			switch {
			case !implies(is.full, was.full):
				effect = Wider
			case !implies(was.full, is.full):
				effect = Narrower
			}
			add(effect, KindApprovals, Terms{Approvals: was.full}, Terms{Approvals: is.full})
		}
		if was.Confirm != is.Confirm {
			effect := Wider
			if is.Confirm {
				effect = Narrower
			}
			add(effect, KindConfirmation, Terms{Confirm: &was.Confirm}, Terms{Confirm: &is.Confirm})
		}
	}
	if was.Outcome == is.Outcome && !slices.ContainsFunc(all, func(c Change) bool { return c.Kind == KindApprovals }) && !slices.Equal(was.others, is.others) {
		add(Other, KindDenial, Terms{Denial: &was.listed}, Terms{Denial: &is.listed})
	}
	if was.MaxDuration != is.MaxDuration {
		effect := Narrower
		if is.MaxDuration == 0 || was.MaxDuration != 0 && is.MaxDuration > was.MaxDuration {
			effect = Wider
		}
		add(effect, KindDuration, Terms{MaxDuration: &was.MaxDuration}, Terms{MaxDuration: &is.MaxDuration})
	}
	if before, after := ticketsOf(was), ticketsOf(is); !slices.Equal(before, after) {
		add(compareTickets(before, after), KindTicket, Terms{Tickets: &before}, Terms{Tickets: &after})
	}
	if before, after := sorted(was.Warnings), sorted(is.Warnings); !slices.Equal(before, after) {
		add(Other, KindWarnings, Terms{Warnings: &before}, Terms{Warnings: &after})
	}
	if was.Channel != is.Channel {
		add(Other, KindChannel, Terms{Channel: &was.Channel}, Terms{Channel: &is.Channel})
	}
	return all
}

func rankOf(o access.DecisionOutcome) int {
	return slices.Index([]access.DecisionOutcome{access.DecideRefused, access.DecideApproval, access.DecideAutomatic}, o)
}

// implies reports whether approvals that meet all of the rules also meet the others,
// because each of the others is the same as one of the rules, or weaker. Rules that
// imply another one only together don't count.
func implies(rules, others []Approvals) bool {
	for _, other := range others {
		if !slices.ContainsFunc(rules, func(r Approvals) bool { return r.Needed >= other.Needed && isSubset(r.From, other.From) }) {
			return false
		}
	}
	return true
}

// isSubset reports whether all of a, which is sorted like b, are in b.
func isSubset[T cmp.Ordered](a, b []T) bool {
	for _, v := range a {
		if _, has := slices.BinarySearch(b, v); !has {
			return false
		}
	}
	return true
}

// compareTickets compares what tickets are accepted. Of two patterns, nobody can tell in
// general which accepts more, so a pattern that is gone counts as wider.
func compareTickets(was, is []access.Ticket) Effect {
	required := func(all []access.Ticket) bool {
		return slices.ContainsFunc(all, func(t access.Ticket) bool { return t.Required })
	}
	hasAll := func(all, of []access.Ticket) bool {
		for _, t := range of {
			if t.Pattern != "" && !slices.ContainsFunc(all, func(o access.Ticket) bool { return o.Pattern == t.Pattern }) {
				return false
			}
		}
		return true
	}
	switch {
	case required(was) && !required(is) || !hasAll(is, was):
		return Wider
	case !required(was) && required(is) || !hasAll(was, is):
		return Narrower
	}
	return Other
}

func ticketsOf(v *view) []access.Ticket {
	all := append([]access.Ticket{}, v.Tickets...)
	rank := func(t access.Ticket) int {
		if t.Required {
			return 1
		}
		return 0
	}
	slices.SortFunc(all, func(a, b access.Ticket) int {
		return cmp.Or(rank(a)-rank(b), strings.Compare(a.Pattern, b.Pattern), strings.Compare(a.Hint, b.Hint))
	})
	return all
}

func sorted(texts []string) []string {
	all := append([]string{}, texts...)
	slices.Sort(all)
	return all
}
