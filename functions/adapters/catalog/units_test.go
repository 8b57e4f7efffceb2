package catalog_test

import (
	"context"
	"maps"
	"reflect"
	"slices"
	"testing"
	"time"

	"sso-elevator/functions/access"
	"sso-elevator/functions/adapters/catalog"
)

// tree is the units and accounts directly below units.
type tree struct {
	units, in map[string][]string
	calls     int
	treeErr   error
}

func (t *tree) list(of map[string][]string, id string) ([]string, error) {
	t.calls++
	if t.treeErr != nil {
		return nil, t.treeErr
	}
	if _, exists := t.in[id]; !exists {
		return nil, access.Errorf(access.CodeNotFound, "there is no %s", id)
	}
	return slices.Clone(of[id]), nil
}

func (t *tree) UnitsIn(_ context.Context, id string) ([]string, error)    { return t.list(t.units, id) }
func (t *tree) AccountsIn(_ context.Context, id string) ([]string, error) { return t.list(t.in, id) }

// nested has three levels: ou-a, in it ou-b and ou-c, and ou-d in ou-b.
func nested() tree {
	return tree{
		units: map[string][]string{"ou-a": {"ou-b", "ou-c"}, "ou-b": {"ou-d"}},
		in:    map[string][]string{"ou-a": {"1"}, "ou-b": nil, "ou-c": {"3"}, "ou-d": {"4", "5"}, "ou-z": {"9"}},
	}
}

func TestReadUnits(t *testing.T) {
	for _, tt := range []struct {
		name    string
		change  func(*tree)
		named   []string
		want    map[string][]string
		missing []string
		calls   int
	}{
		{"accounts at any depth", nil, []string{"ou-a"}, map[string][]string{"ou-a": {"1", "3", "4", "5"}}, nil, 8},
		{"a unit without units", nil, []string{"ou-z"}, map[string][]string{"ou-z": {"9"}}, nil, 2},
		{"each unit is asked once", nil, []string{"ou-a", "ou-b", "ou-d"}, map[string][]string{"ou-a": {"1", "3", "4", "5"}, "ou-b": {"4", "5"}, "ou-d": {"4", "5"}}, nil, 8},
		{"a unit was deleted", nil, []string{"ou-c", "ou-gone"}, map[string][]string{"ou-c": {"3"}, "ou-gone": {}}, []string{"ou-gone"}, 3},
		{"a unit below was deleted meanwhile", func(t *tree) { delete(t.in, "ou-d") }, []string{"ou-a"}, map[string][]string{"ou-a": {"1", "3"}}, nil, 7},
		{"an account moved meanwhile, and is seen twice", func(t *tree) { t.in["ou-c"] = []string{"5"} }, []string{"ou-a"}, map[string][]string{"ou-a": {"1", "4", "5"}}, nil, 8},
	} {
		t.Run(tt.name, func(t *testing.T) {
			o := nested()
			if tt.change != nil {
				tt.change(&o)
			}
			got, missing, err := catalog.ReadUnits(t.Context(), &o, tt.named)
			if err != nil || !maps.EqualFunc(got, tt.want, slices.Equal) || !slices.Equal(missing, tt.missing) || o.calls != tt.calls {
				t.Errorf("got %v, missing %v, %v, after %d calls; want %v, %v, %d calls", got, missing, err, o.calls, tt.want, tt.missing, tt.calls)
			}
		})
	}
	o := nested()
	o.treeErr = access.Errorf(access.CodeThrottled, "slow down")
	if got, _, err := catalog.ReadUnits(t.Context(), &o, []string{"ou-a"}); access.CodeOf(err) != access.CodeThrottled || got != nil {
		t.Errorf("got %v, %v", got, err)
	}
}

func inUnits(ids ...string) access.Policy {
	return access.Policy{Accounts: []access.Statement{{Resources: ids, PermissionSets: []string{"*"}}}}
}

// A snapshot knows either all units that the policy names, of all of its accounts, or
// none.
func TestRefreshUnits(t *testing.T) {
	throttled := access.Errorf(access.CodeThrottled, "slow down")
	old := map[string][]string{"ou-c": {"111111111111"}}
	for _, tt := range []struct {
		name   string
		policy access.Policy
		before map[string][]string
		change func(*organization)
		want   map[string][]string
		// kept: the accounts are those of before.
		kept  bool
		calls int
		err   access.Code
	}{
		{name: "no unit is named: no calls", policy: inUnits("*", "r-1", "111111111111")},
		{name: "no unit is named anymore", policy: inUnits("*"), before: old},
		{name: "units", policy: inUnits("ou-c", "ou-d"), want: map[string][]string{"ou-c": {"3"}, "ou-d": {"4", "5"}}, calls: 4},
		{name: "a unit was deleted", policy: inUnits("ou-c", "ou-gone"), want: map[string][]string{"ou-c": {"3"}, "ou-gone": {}}, calls: 3},
		{name: "units can't be read: the old ones and their accounts stay", policy: inUnits("ou-c"), before: old, change: func(o *organization) { o.treeErr = throttled }, want: old, kept: true, calls: 1, err: access.CodeThrottled},
		{name: "nor can a new unit: all are unknown", policy: inUnits("ou-c", "ou-d"), before: old, change: func(o *organization) { o.treeErr = throttled }, calls: 1, err: access.CodeThrottled},
		{name: "nor were they known", policy: inUnits("ou-c"), change: func(o *organization) { o.treeErr = throttled }, calls: 1, err: access.CodeThrottled},
		{name: "the policy can't be read", before: old, change: func(o *organization) { o.policyErr = throttled }, want: old, kept: true, err: access.CodeThrottled},
		{name: "nor were units known", change: func(o *organization) { o.policyErr = throttled }, err: access.CodeThrottled},
	} {
		t.Run(tt.name, func(t *testing.T) {
			o, now := tiny(), start
			o.tree, o.policy = nested(), tt.policy
			o.accounts = append(o.accounts, access.Account{ID: "333333333333", Name: "New"})
			if tt.change != nil {
				tt.change(o)
			}
			before := small("one", "two")
			before.Units = tt.before
			store := &fakeStore{snapshot: before, version: "1"}
			err := refresher(o, store, &now).Refresh(t.Context())
			if access.CodeOf(err) != tt.err {
				t.Errorf("Refresh: %v, want %q", err, tt.err)
			}
			got := store.snapshot
			if !maps.EqualFunc(got.Units, tt.want, slices.Equal) || o.calls != tt.calls {
				t.Errorf("units %v after %d calls, want %v after %d", got.Units, o.calls, tt.want, tt.calls)
			}
			if kept := len(got.Accounts) == len(before.Accounts); kept != tt.kept {
				t.Errorf("accounts kept: %v, want %v", kept, tt.kept)
			}
			if len(got.Groups) != 1 || !got.GroupsAt.Equal(now) {
				t.Errorf("groups of %v: %v", got.GroupsAt, got.Groups)
			}
		})
	}
}

// A unit that the snapshot doesn't know is not an empty one.
func TestCatalogUnits(t *testing.T) {
	s := small("one")
	s.Units = map[string][]string{"ou-a": {"1", "2"}, "ou-b": {"2"}, "ou-gone": {}}
	store := &fakeStore{snapshot: s, version: "1"}
	asked := 0
	c := &catalog.Catalog{Store: store, Ask: func(context.Context) error { asked++; return nil }, Now: func() time.Time { return start }, Logger: quiet}
	for _, tt := range []struct {
		account string
		wanted  []string
		want    []string
		err     access.Code
	}{
		{"1", []string{"ou-a", "ou-b"}, []string{"ou-a"}, ""},
		{"2", []string{"ou-a"}, []string{"ou-a", "ou-b"}, ""},
		{"3", []string{"ou-a", "ou-gone"}, nil, ""},
		{"1", []string{"ou-a", "ou-new"}, nil, access.CodeNotReady},
		{"1", []string{"ou-new"}, nil, access.CodeNotReady},
	} {
		got, err := c.OUs(t.Context(), tt.account, tt.wanted)
		if !reflect.DeepEqual(got, tt.want) || access.CodeOf(err) != tt.err {
			t.Errorf("%s of %v: %v, %v; want %v, %q", tt.account, tt.wanted, got, err, tt.want, tt.err)
		}
	}
	if asked != 1 {
		t.Errorf("asked for a refresh %d times, want once", asked)
	}
	// Without units in the policy, not even the store is read.
	none := &catalog.Catalog{Store: nil, Now: func() time.Time { return start }, Logger: quiet}
	if of, err := none.OUsOf(t.Context(), nil); err != nil || of("1") != nil {
		t.Errorf("without units: %v", err)
	}
}
