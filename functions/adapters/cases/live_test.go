package cases_test

import (
	"context"
	"slices"
	"testing"

	"sso-elevator/functions/access"
	"sso-elevator/functions/adapters/cases"
)

// parents are the ids above accounts and units.
type parents struct {
	above map[string]string
	calls int
}

func (p *parents) Parent(_ context.Context, id string) (string, error) {
	p.calls++
	parent, found := p.above[id]
	if !found {
		return "", access.Errorf(access.CodeNotFound, "%s is not in the organization", id)
	}
	return parent, nil
}

func TestLive(t *testing.T) {
	above := map[string]string{
		"deep": "ou-5", "ou-5": "ou-4", "ou-4": "ou-3", "ou-3": "ou-2", "ou-2": "ou-1", "ou-1": "r-1",
		"top": "r-1", "loop": "ou-x", "ou-x": "ou-x",
	}
	for _, tt := range []struct {
		name, account string
		wanted        []string
		want          []string
		calls         int
		err           access.Code
	}{
		{"stops at the first match", "deep", []string{"ou-5"}, []string{"ou-5"}, 1, ""},
		{"goes on for a unit further up", "deep", []string{"ou-4", "ou-5"}, []string{"ou-5", "ou-4"}, 2, ""},
		{"at most six calls", "deep", []string{"ou-5", "ou-elsewhere"}, []string{"ou-5", "ou-4", "ou-3", "ou-2", "ou-1", "r-1"}, 6, ""},
		{"an account below the root", "top", []string{"ou-5"}, []string{"r-1"}, 1, ""},
		{"an account that has left the organization", "gone", []string{"ou-5"}, nil, 1, access.CodeNotFound},
		{"no tree", "loop", []string{"ou-5"}, nil, 6, access.CodeInternal},
	} {
		t.Run(tt.name, func(t *testing.T) {
			p := &parents{above: above}
			got, err := cases.Live{Organization: p}.OUs(t.Context(), tt.account, tt.wanted)
			if access.CodeOf(err) != tt.err || !slices.Equal(got, tt.want) || p.calls != tt.calls {
				t.Errorf("%v, %v after %d calls; want %v, %q after %d", got, err, p.calls, tt.want, tt.err, tt.calls)
			}
		})
	}
}

// Organizations is asked only if the answer matters.
func TestCaseReadsUnitsOnlyIfTheyMatter(t *testing.T) {
	for _, tt := range []struct {
		name      string
		resources [][]string // of statements, each about ReadOnly
		protected bool
		target    access.Target
		calls     int
	}{
		{name: "no unit is named", resources: [][]string{{"*"}, {"a"}}},
		{name: "a root needs no call", resources: [][]string{{"r-1"}}},
		{name: "only a unit covers the account", resources: [][]string{{"ou-1"}}, calls: 1},
		{name: "the statement names the account, too", resources: [][]string{{"ou-1", "a"}}},
		{name: "the statement is about all accounts, too", resources: [][]string{{"ou-1", "*"}}},
		{name: "another statement is about the unit, and may deny something", resources: [][]string{{"*"}, {"ou-1"}}, calls: 1},
		{name: "of another permission set", resources: [][]string{{"ou-1"}}, target: access.Target{Kind: access.KindAccount, AccountID: "a", PermissionSet: "Admin"}},
		{name: "a group", resources: [][]string{{"ou-1"}}, target: access.Target{Kind: access.KindGroup, GroupID: "a"}},
		{name: "a protected account that a statement names", resources: [][]string{{"a"}, {"ou-1"}}, protected: true},
		{name: "a protected account, for the reason", resources: [][]string{{"ou-1"}}, protected: true, calls: 1},
	} {
		t.Run(tt.name, func(t *testing.T) {
			var p access.Policy
			for _, r := range tt.resources {
				p.Accounts = append(p.Accounts, access.Statement{Resources: r, PermissionSets: []string{"ReadOnly"}})
			}
			if tt.protected {
				p.ProtectedAccounts = []string{"a"}
			}
			if tt.target.Kind == "" {
				tt.target = access.Target{Kind: access.KindAccount, AccountID: "a", PermissionSet: "ReadOnly"}
			}
			organization := &parents{above: map[string]string{"a": "ou-1"}}
			r := cases.Reader{Units: cases.Live{Organization: organization}}
			c, err := r.Case(t.Context(), access.NewIndex(&p), access.Person{Email: "ann@example.com"}, access.Case{Target: tt.target})
			if err != nil || organization.calls != tt.calls || len(c.OUs) != tt.calls {
				t.Errorf("%+v, %v after %d calls, want %d", c, err, organization.calls, tt.calls)
			}
		})
	}
}
