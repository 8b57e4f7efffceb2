package policydiff

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"sso-elevator/functions/access"
)

// population has the people whose requests are compared, in classes: nothing in the two
// policies tells the people of one class apart. People whom no policy names, not even a
// group of theirs, are in no class.
type population struct {
	known   int // people known by email
	classes []class
	open    []string // the groups with members that are not known
	// Classes by what names them: the email that Allowed is compared with, the email that
	// Approvers is compared with, and the groups.
	byUserEmail, byEmail, byGroup map[string][]int
}

// class are people whom the policies don't tell apart.
type class struct {
	who   access.Identity // one of them
	names []string
	// open reports whether not all memberships of these people are known.
	open bool
}

func populationOf(sides [2]side, o *Organization) *population {
	p := &population{byUserEmail: map[string][]int{}, byEmail: map[string][]int{}, byGroup: map[string][]int{}}
	emails, approvers, allowed, groups := map[string]bool{}, map[string]bool{}, map[string]bool{}, map[string]bool{}
	for _, side := range sides {
		for _, statements := range side.statements {
			for _, s := range statements {
				for at, list := range [][]string{s.allowed, s.approvers} {
					for _, entry := range list {
						if group, ok := access.GroupOf(entry); ok {
							groups[group] = true
						} else if access.IsASCII(entry) { // others match nobody
							emails[entry] = true
							[]map[string]bool{allowed, approvers}[at][entry] = true
						}
					}
				}
			}
		}
	}
	at := map[string]int{}
	populated := map[string]bool{}
	for _, person := range o.People {
		email := access.NormalizeEmail(person.Email)
		user := access.NormalizeEmail(person.UserEmail)
		if user == "" {
			user = email
		}
		delete(emails, email)
		if !approvers[user] { // approvers are compared by their email in Slack
			delete(emails, user)
		}
		p.known++
		var of []string
		for _, group := range person.Groups {
			if group = access.NormalizeEmail(group); groups[group] {
				populated[group] = true
				of = append(of, group)
			}
		}
		slices.Sort(of)
		of = slices.Compact(of)
		asApprover, asRequester := "", ""
		if approvers[email] {
			asApprover = email
		}
		if allowed[user] {
			asRequester = user
		}
		if asApprover == "" && asRequester == "" && len(of) == 0 {
			continue
		}
		key := fmt.Sprintf("%q", append([]string{asApprover, asRequester}, of...))
		i, known := at[key]
		if !known {
			i = p.add(class{who: access.Identity{Email: email, SecondaryDomain: user != email, UserEmail: user, Groups: of}, open: o.Partial})
			at[key] = i
		}
		p.classes[i].names = append(p.classes[i].names, email)
	}
	for _, email := range slices.Sorted(maps.Keys(emails)) {
		p.known++
		p.add(class{who: access.Identity{Email: email, UserEmail: email}, names: []string{email}, open: true})
	}
	partial := map[string]bool{}
	for _, g := range o.Groups {
		if g.More {
			partial[access.NormalizeEmail(g.ID)] = true
		}
	}
	for _, group := range slices.Sorted(maps.Keys(groups)) {
		if !populated[group] || partial[group] {
			p.open = append(p.open, group)
			p.add(class{who: access.Identity{Groups: []string{group}}, names: []string{access.GroupEntry(group)}, open: true})
		}
	}
	return p
}

// add adds a class and returns its index.
func (p *population) add(c class) int {
	i := len(p.classes)
	p.classes = append(p.classes, c)
	if c.who.Email != "" {
		p.byUserEmail[c.who.UserEmail] = append(p.byUserEmail[c.who.UserEmail], i)
		p.byEmail[c.who.Email] = append(p.byEmail[c.who.Email], i)
	}
	for _, group := range c.who.Groups {
		p.byGroup[group] = append(p.byGroup[group], i)
	}
	return i
}

// role are classes that the statements about one target name in the same way.
type role struct {
	who   access.Identity // one of them
	names []string
	open  bool
}

// roles returns the roles of all whom these statements name. The decisions about their
// requests differ within a role only by who the requester is.
func (p *population) roles(sides [2]side, kind access.Kind, affecting [2][]int) []role {
	places := map[int]*strings.Builder{} // by class
	note := func(classes []int, place string, at int) {
		for _, i := range classes {
			if places[i] == nil {
				places[i] = &strings.Builder{}
			}
			fmt.Fprintf(places[i], "%s%d ", place, at)
		}
	}
	n := 0
	for i, side := range sides {
		for _, at := range affecting[i] {
			s := &side.statements[kind][at]
			n++
			for _, entry := range s.allowed {
				if group, ok := access.GroupOf(entry); ok {
					note(p.byGroup[group], "a", n)
				} else {
					note(p.byUserEmail[entry], "a", n)
				}
			}
			for _, entry := range s.approvers {
				if group, ok := access.GroupOf(entry); ok {
					note(p.byGroup[group], "g", n)
				} else {
					note(p.byEmail[entry], "e", n)
				}
			}
		}
	}
	var all []role
	index := map[string]int{}
	for _, i := range slices.Sorted(maps.Keys(places)) {
		c := &p.classes[i]
		key := fmt.Sprintf("%s %t %t", places[i], c.open, c.who.Email == "")
		at, known := index[key]
		if !known {
			at = len(all)
			index[key] = at
			all = append(all, role{who: c.who, open: c.open})
		}
		all[at].names = append(all[at].names, c.names...)
	}
	return all
}

// pair is people who are in two roles at once.
type pair struct {
	who   access.Identity
	names []string
	parts [2]int // indexes of the roles
}

// pairName returns the name in People for those who are both one and other.
func pairName(one, other string) string {
	if strings.HasPrefix(one, groupMark) && (!strings.HasPrefix(other, groupMark) || other < one) {
		one, other = other, one
	}
	return one + both + other
}

// pairsOf returns the pairs of roles that the same person may have.
func pairsOf(roles []role) []pair {
	var all []pair
	for i, a := range roles {
		for j, b := range roles[:i] {
			if !a.open || !b.open || a.who.Email != "" && b.who.Email != "" {
				continue
			}
			p := pair{who: access.Identity{Email: a.who.Email + b.who.Email, SecondaryDomain: a.who.SecondaryDomain || b.who.SecondaryDomain, UserEmail: a.who.UserEmail + b.who.UserEmail}, parts: [2]int{i, j}}
			p.who.Groups = slices.Concat(a.who.Groups, b.who.Groups)
			for _, one := range b.names {
				for _, other := range a.names {
					p.names = append(p.names, pairName(one, other))
				}
			}
			all = append(all, p)
		}
	}
	return all
}
