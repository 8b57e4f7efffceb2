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
				for at, list := range [][]string{s.Allowed, s.Approvers} {
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
	// places say how the statements name these people, sorted. Decisions about the
	// requests of people with the same places are the same.
	places []int
	named  [2][]int // indexes of the statements that name who, by side
}

// Places that many statements have in common. Others are numbered from 0.
const (
	placeSelfApproved = -2 // a statement that allows everyone lets them approve themselves
	placeSelfRefused  = -4 // a statement forbids them to approve themselves
)

// roles returns the roles of all whom these statements name, if that matters to the
// decisions about their requests.
func (p *population) roles(sides [2]side, kind access.Kind, affecting [2][]int) []role {
	type naming struct {
		places []int
		named  [2][]int
	}
	namings := map[int]*naming{} // by class
	n := 0
	for i, side := range sides {
		for _, at := range affecting[i] {
			s := &side.statements[kind][at]
			note := func(classes []int, place int) {
				for _, class := range classes {
					if namings[class] == nil {
						namings[class] = &naming{}
					}
					namings[class].places = append(namings[class].places, place)
					namings[class].named[i] = append(namings[class].named[i], at)
				}
			}
			for _, entry := range s.Allowed {
				if group, ok := access.GroupOf(entry); ok {
					note(p.byGroup[group], n)
				} else {
					note(p.byUserEmail[entry], n)
				}
			}
			for _, entry := range s.Approvers {
				group, isGroup := access.GroupOf(entry)
				switch {
				case !isGroup: // requesters are no approvers of their own requests
					note(p.byEmail[entry], n+1)
				case s.AllowSelfApproval == nil: // nothing else depends on it
				case !*s.AllowSelfApproval:
					note(p.byGroup[group], placeSelfRefused+i)
				case len(s.Allowed) == 0:
					note(p.byGroup[group], placeSelfApproved+i)
				default:
					note(p.byGroup[group], n+2)
				}
			}
			n += 3
		}
	}
	var all []role
	index := map[string]int{}
	for _, i := range slices.Sorted(maps.Keys(namings)) {
		c, n := &p.classes[i], namings[i]
		slices.Sort(n.places)
		n.places = slices.Compact(n.places)
		key := fmt.Sprint(n.places, c.open, c.who.Email == "")
		at, known := index[key]
		if !known {
			at = len(all)
			index[key] = at
			all = append(all, role{who: c.who, open: c.open, places: n.places, named: n.named})
		}
		all[at].names = append(all[at].names, c.names...)
	}
	return all
}

// mayBeOne reports whether the same person may have both roles, and decisions about their
// requests may then differ from those with only one of the roles.
func mayBeOne(a, b *role) bool {
	return a.open && b.open && (a.who.Email == "" || b.who.Email == "") && !isSubset(a.places, b.places) && !isSubset(b.places, a.places)
}

// both returns the role of people who have both roles.
func both(a, b *role) role {
	r := role{who: access.Identity{
		Email: a.who.Email + b.who.Email, SecondaryDomain: a.who.SecondaryDomain || b.who.SecondaryDomain, UserEmail: a.who.UserEmail + b.who.UserEmail,
		Groups: slices.Concat(a.who.Groups, b.who.Groups),
	}}
	for i := range r.named {
		r.named[i] = slices.Concat(a.named[i], b.named[i])
	}
	return r
}

// namesOfBoth returns the names in People for those who have both roles.
func namesOfBoth(a, b *role) []string {
	var all []string
	for _, one := range b.names {
		for _, other := range a.names {
			all = append(all, pairName(one, other))
		}
	}
	return all
}

// pairName returns the name in People for those who are both one and other.
func pairName(one, other string) string {
	if strings.HasPrefix(one, groupMark) && (!strings.HasPrefix(other, groupMark) || other < one) {
		one, other = other, one
	}
	return one + bothMark + other
}
