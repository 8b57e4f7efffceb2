package ingress

import (
	"context"
	"fmt"
	"iter"
	"strings"

	"sso-elevator/functions/access"
	"sso-elevator/functions/adapters/catalog"
	"sso-elevator/slack"
)

const (
	// mostCounted is how many matches are counted.
	mostCounted = 100
	// mostSplit and mostTried limit the work for words that may name an account and a
	// permission set: so many words are split, and so many accounts are tried with every
	// permission set. Each trial asks the policy.
	mostSplit = 6
	mostTried = 20
)

// fillByWords chooses in the form what the words name, as far as they are unambiguous and the
// form offers it to the requester. Otherwise the form says how much they match. The words
// match as in the form's search. They may name a group, an account, a permission set, or an
// account and then a permission set.
func (h *Handler) fillByWords(ctx context.Context, requester access.Person, words string, form *slack.Form) error {
	policy, err := h.policyInForce(ctx)
	if err != nil {
		return err
	}
	l := lists{h, policy.index, ""}
	who, err := h.Cases.Requester(ctx, l.index, requester)
	if err != nil {
		return err
	}
	var n named
	if form.Kind == access.KindGroup {
		n, err = l.groupNamed(ctx, who, words)
	} else {
		n, err = l.accessNamed(ctx, who, words)
	}
	if err != nil {
		return err
	}
	form.Chosen = n.target
	form.Chosen.Kind = form.Kind
	if n.problem != "" {
		form.Note = n.problem + " match “" + words + "”. Choose one."
		if n.problem == nothingNamed {
			form.Note = nothingNamed + " matches “" + words + "”. Choose from the list."
		}
	}
	return h.preview(ctx, func() (inForce, error) { return policy, nil }, requester, form)
}

// named is what words name.
type named struct {
	target access.Target // its unambiguous parts
	// problem says what matches, if that is too much or nothing.
	problem string
}

const nothingNamed = "Nothing that you can request"

// matches begins the sentence about several matches: "5 accounts".
func matches(n int, things string) string {
	if n > mostCounted {
		return fmt.Sprintf("More than %d %s", mostCounted, things)
	}
	return fmt.Sprintf("%d %s", n, things)
}

// namedBy returns the items that are offered, at most limit. If one of them has exactly
// that name, it returns only that one: otherwise nobody could name what begins another name.
func namedBy[T any](items iter.Seq[T], words string, name func(T) string, offered func(T) bool, limit int) []T {
	var all []T
	for item := range items {
		exact := strings.EqualFold(name(item), words)
		if !exact && len(all) >= limit || !offered(item) {
			continue
		}
		if exact {
			return []T{item}
		}
		all = append(all, item)
	}
	return all
}

func (l lists) groupNamed(ctx context.Context, who access.Identity, words string) (named, error) {
	groups, err := l.Catalog.Groups(ctx)
	if err != nil {
		return named{}, err
	}
	found := namedBy(groups.Matching(words), words, func(g access.Group) string { return g.Name },
		func(g access.Group) bool {
			return l.index.Offers(&access.Case{Requester: who, Target: access.Target{Kind: access.KindGroup, GroupID: g.ID}})
		}, mostCounted+1)
	switch len(found) {
	case 0:
		return named{problem: nothingNamed}, nil
	case 1:
		return named{target: access.Target{GroupID: found[0].ID, GroupName: found[0].Name}}, nil
	default:
		return named{problem: matches(len(found), "groups")}, nil
	}
}

// accessNamed first takes all words for an account's, then the last ones for a permission
// set's, and then all.
func (l lists) accessNamed(ctx context.Context, who access.Identity, words string) (named, error) {
	accounts, sets, ousOf, err := l.everything(ctx)
	if err != nil {
		return named{}, err
	}
	menu := l.menus.menu(l.index, accounts, sets, who)
	accountsNamed := func(words string, limit int) []access.Account {
		return namedBy(accounts.Matching(words), words, func(a access.Account) string { return a.Name },
			func(a access.Account) bool { return menu.Offers(a.ID, ousOf(a.ID)) }, limit)
	}
	setsNamed := func(words string, offered func(access.PermissionSet) bool, limit int) []access.PermissionSet {
		return namedBy(sets.Matching(words), words, catalog.PermissionSetText, offered, limit)
	}
	switch found := accountsNamed(words, mostCounted+1); {
	case len(found) == 1:
		return named{target: targetOf(found[0], access.PermissionSet{})}, nil
	case len(found) > 1:
		return named{problem: matches(len(found), "accounts")}, nil
	}

	pairs, tooMany := map[access.Target]bool{}, false
	parts := strings.Fields(words)
	for n := 1; n < len(parts) && len(parts) <= mostSplit; n++ {
		found := accountsNamed(strings.Join(parts[:n], " "), mostTried+1)
		if len(found) > mostTried {
			tooMany = true
			continue
		}
		for _, a := range found {
			c := access.Case{Requester: who, Target: access.Target{Kind: access.KindAccount, AccountID: a.ID}, OUs: ousOf(a.ID)}
			for _, s := range setsNamed(strings.Join(parts[n:], " "), func(s access.PermissionSet) bool {
				c.Target.PermissionSet = s.Name
				return l.index.Offers(&c)
			}, mostCounted+1) {
				pairs[targetOf(a, s)] = true
			}
		}
	}
	switch {
	case len(pairs) > 0:
		return namedByPairs(pairs, tooMany), nil
	case tooMany:
		return named{problem: "Many accounts"}, nil
	}

	offered := menu.OffersAnywhere(ids(accounts), ousOf)
	switch found := setsNamed(words, func(s access.PermissionSet) bool { return offered[s.Name] }, mostCounted+1); len(found) {
	case 0:
		return named{problem: nothingNamed}, nil
	case 1:
		return named{target: targetOf(access.Account{}, found[0])}, nil
	default:
		return named{problem: matches(len(found), "permission sets")}, nil
	}
}

// namedByPairs returns what accounts with permission sets have in common. incomplete
// reports whether some were left out.
func namedByPairs(pairs map[access.Target]bool, incomplete bool) named {
	accounts, sets := map[string]bool{}, map[string]bool{}
	var t access.Target
	for t = range pairs {
		accounts[t.AccountID], sets[t.PermissionSetARN] = true, true
	}
	switch {
	case incomplete || len(accounts) > 1 && len(sets) > 1:
		return named{problem: "Several accounts and permission sets"}
	case len(accounts) > 1:
		t.AccountID, t.AccountName = "", ""
		return named{target: t, problem: matches(len(accounts), "accounts")}
	case len(sets) > 1:
		t.PermissionSetARN, t.PermissionSet = "", ""
		return named{target: t, problem: matches(len(sets), "permission sets")}
	default:
		return named{target: t}
	}
}

func targetOf(a access.Account, s access.PermissionSet) access.Target {
	return access.Target{Kind: access.KindAccount, AccountID: a.ID, AccountName: a.Name, PermissionSetARN: s.ARN, PermissionSet: s.Name}
}
