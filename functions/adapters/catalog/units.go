package catalog

import (
	"context"
	"slices"

	"sso-elevator/functions/access"
)

// Tree reads the organization's tree. NotFound: there is no such organizational unit.
type Tree interface {
	UnitsIn(ctx context.Context, parentID string) (ids []string, err error)
	AccountsIn(ctx context.Context, parentID string) (ids []string, err error)
}

// ReadUnits returns the accounts below each of these organizational units, at any
// depth: sorted, each once. It takes two calls or more for each unit that is named or
// below one. A unit that doesn't exist has no accounts, because AWS deletes only empty
// units and never uses an id again; missing gets the ids of those that are named.
func ReadUnits(ctx context.Context, t Tree, named []string) (units map[string][]string, missing []string, err error) {
	w := walk{tree: t, below: map[string][]string{}, missing: map[string]bool{}}
	units = map[string][]string{}
	for _, id := range named {
		if units[id], err = w.accountsBelow(ctx, id); err != nil {
			return nil, nil, err
		}
		if w.missing[id] {
			missing = append(missing, id)
		}
	}
	return units, missing, nil
}

// walk goes through the tree, and asks for each unit once.
type walk struct {
	tree    Tree
	below   map[string][]string // accounts by unit
	missing map[string]bool
}

func (w *walk) accountsBelow(ctx context.Context, id string) ([]string, error) {
	if known, ok := w.below[id]; ok {
		return known, nil
	}
	accounts, err := w.tree.AccountsIn(ctx, id)
	var units []string
	if err == nil {
		units, err = w.tree.UnitsIn(ctx, id)
	}
	if access.CodeOf(err) == access.CodeNotFound {
		w.missing[id], accounts, units, err = true, nil, nil, nil
	}
	if err != nil {
		return nil, err
	}
	w.below[id] = nil // ends a loop, which a tree doesn't have
	for _, unit := range units {
		below, err := w.accountsBelow(ctx, unit)
		if err != nil {
			return nil, err
		}
		accounts = append(accounts, below...)
	}
	slices.Sort(accounts)
	accounts = slices.Compact(accounts) // one may have moved meanwhile
	w.below[id] = accounts
	return accounts, nil
}

// OUs are the organizational units above accounts, as a snapshot knows them.
type OUs struct {
	known map[string]bool     // units
	above map[string][]string // units by account
}

// NewOUs returns the units above accounts, from the accounts below units.
func NewOUs(units map[string][]string) *OUs {
	o := &OUs{known: map[string]bool{}, above: map[string][]string{}}
	for id, accounts := range units {
		o.known[id] = true
		for _, account := range accounts {
			o.above[account] = append(o.above[account], id)
		}
	}
	for _, units := range o.above {
		slices.Sort(units)
	}
	return o
}

// Of returns those units above the account that are known.
func (o *OUs) Of(accountID string) []string { return o.above[accountID] }

// Check returns NotReady if not all of the units are known. Then nothing is known of an
// account that doesn't seem to be below them: it must not count as outside, because
// statements about a unit may also deny something.
func (o *OUs) Check(wanted []string) error {
	for _, id := range wanted {
		if !o.known[id] {
			return access.Errorf(access.CodeNotReady, "the catalog doesn't know yet which accounts are in %s", id)
		}
	}
	return nil
}

// OUs returns the organizational units above an account, as cases.Units does. NotReady:
// the snapshot doesn't know all wanted units; the catalog asked for a new one.
func (c *Catalog) OUs(ctx context.Context, accountID string, wanted []string) ([]string, error) {
	of, err := c.OUsOf(ctx, wanted)
	if err != nil {
		return nil, err
	}
	return of(accountID), nil
}

// OUsOf returns a function that returns the organizational units above an account. If
// none are wanted, it reads nothing, and the function returns none. Errors are those of
// OUs.
func (c *Catalog) OUsOf(ctx context.Context, wanted []string) (func(accountID string) []string, error) {
	if len(wanted) == 0 {
		return func(string) []string { return nil }, nil
	}
	l, err := c.newestLists(ctx)
	if err != nil {
		return nil, err
	}
	if err := l.ous.Check(wanted); err != nil {
		c.askForSnapshot(ctx, c.Now())
		return nil, err
	}
	return l.ous.Of, nil
}
