package catalog

import (
	"cmp"
	"iter"
	"slices"
	"strings"

	"sso-elevator/functions/access"
)

// List is a list of accounts, permission sets or groups, in the order in which people
// see them. It is prepared for searches on every keystroke, and never changes.
type List[T any] struct {
	items []T
	keys  []string // the items' texts in lower case, for searching
}

// newList returns a list in the order of items.
func newList[T any](items []T, text func(T) string) *List[T] {
	l := &List[T]{items: items, keys: make([]string, len(items))}
	for i, item := range items {
		l.keys[i] = strings.ToLower(text(item))
	}
	return l
}

// All yields every item.
func (l *List[T]) All() iter.Seq[T] { return slices.Values(l.items) }

// Len returns the number of items.
func (l *List[T]) Len() int { return len(l.items) }

// Matching yields the items whose text contains all words of typed, in any order and
// ignoring case. A text may contain a word as a part of another one.
func (l *List[T]) Matching(typed string) iter.Seq[T] {
	words := strings.Fields(strings.ToLower(typed))
	return func(yield func(T) bool) {
		for i, key := range l.keys {
			if containsAll(key, words) && !yield(l.items[i]) {
				return
			}
		}
	}
}

func containsAll(key string, words []string) bool {
	for _, word := range words {
		if !strings.Contains(key, word) {
			return false
		}
	}
	return true
}

func (l *List[T]) find(is func(T) bool) (T, bool) {
	if i := slices.IndexFunc(l.items, is); i >= 0 {
		return l.items[i], true
	}
	var none T
	return none, false
}

// AccountText returns an account as people see it: its name, and its whole id.
func AccountText(a access.Account) string {
	if a.Name == "" {
		return a.ID
	}
	return a.Name + " (" + a.ID + ")"
}

// PermissionSetText returns a permission set as people see it.
func PermissionSetText(s access.PermissionSet) string { return s.Name }

// GroupText returns a group as people see it.
func GroupText(g access.Group) string { return g.Name }

// sorted returns items in the order in which people see them: by text, ignoring case,
// then by id.
func sorted[T any](items []T, text, id func(T) string) []T {
	type keyed struct {
		key  string
		item T
	}
	all := make([]keyed, len(items))
	for i, item := range items {
		all[i] = keyed{strings.ToLower(text(item)), item}
	}
	slices.SortFunc(all, func(a, b keyed) int {
		return cmp.Or(strings.Compare(a.key, b.key), strings.Compare(id(a.item), id(b.item)))
	})
	out := make([]T, len(all))
	for i, one := range all {
		out[i] = one.item
	}
	return out
}

func sortedAccounts(items []access.Account) []access.Account {
	return sorted(items, AccountText, func(a access.Account) string { return a.ID })
}

func sortedPermissionSets(items []access.PermissionSet) []access.PermissionSet {
	return sorted(items, PermissionSetText, func(s access.PermissionSet) string { return s.ARN })
}

func sortedGroups(items []access.Group) []access.Group {
	return sorted(items, GroupText, func(g access.Group) string { return g.ID })
}
