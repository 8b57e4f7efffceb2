package catalog_test

import (
	"fmt"
	"reflect"
	"testing"
	"time"

	"sso-elevator/functions/access"
	"sso-elevator/functions/adapters/catalog"
)

func TestMembers(t *testing.T) {
	byGroups := access.Policy{Accounts: []access.Statement{{Resources: []string{"*"}, PermissionSets: []string{"*"}, Approvers: []string{"bob@example.com", "group:g-1", "group:g-2"}}}}
	users := [][]access.User{{
		{ID: "u-1", Emails: []string{"Ann@Example.com", "ann@old.example.com"}}, {ID: "u-2"}, {ID: "u-off", Emails: []string{"off@example.com"}, Disabled: true},
	}}
	many := func(n int) (ids []string, all []access.User, members []catalog.Member) {
		for i := range n {
			id := fmt.Sprint("u-", i)
			ids, all = append(ids, id), append(all, access.User{ID: id, Emails: []string{id + "@example.com"}})
			members = append(members, catalog.Member{UserID: id, Email: id + "@example.com"})
		}
		return ids, all, members
	}
	ids, all, hundred := many(101)
	ann := catalog.Members{Users: []catalog.Member{{UserID: "u-1", Email: "ann@example.com"}, {UserID: "u-2"}}}
	old := map[string]catalog.Members{"g-1": ann}
	for _, tt := range []struct {
		name   string
		before map[string]catalog.Members
		change func(*organization)
		want   map[string]catalog.Members
		puts   int
		code   access.Code
	}{
		{name: "enabled users, by their first email", want: map[string]catalog.Members{"g-1": ann, "g-2": {}}, puts: 2},
		{name: "a hundred and one", change: func(o *organization) { o.members, o.users = map[string][]string{"g-1": ids}, [][]access.User{all} },
			want: map[string]catalog.Members{"g-1": {Users: hundred[:100], More: true}, "g-2": {}}, puts: 2},
		{name: "exactly a hundred", change: func(o *organization) {
			o.members, o.users = map[string][]string{"g-1": ids[:100]}, [][]access.User{all}
		},
			want: map[string]catalog.Members{"g-1": {Users: hundred[:100]}, "g-2": {}}, puts: 2},
		{name: "nothing changed", before: map[string]catalog.Members{"g-1": ann, "g-2": {}}, want: map[string]catalog.Members{"g-1": ann, "g-2": {}}, puts: 1},
		{name: "no groups in the policy, and none before", change: func(o *organization) { o.policy = access.Policy{} }, puts: 1},
		{name: "no groups in the policy any more", before: old, change: func(o *organization) { o.policy = access.Policy{} }, puts: 2},
		{name: "the policy can't be read", before: old, change: func(o *organization) { o.policyErr = outage }, want: old, puts: 1, code: access.CodeUnavailable},
		{name: "the members can't be listed", before: old, change: func(o *organization) { o.membersErr = outage }, want: old, puts: 1, code: access.CodeUnavailable},
		{name: "the users can't be listed", before: old, change: func(o *organization) { o.waitForUsers = func() error { return outage } }, want: old, puts: 1, code: access.CodeUnavailable},
	} {
		t.Run(tt.name, func(t *testing.T) {
			now, o, store := start, tiny(), &fakeStore{}
			if err := refresher(o, store, &now).Refresh(t.Context()); err != nil {
				t.Fatal(err)
			}
			now, store.puts, store.snapshot.Members = now.Add(time.Hour), 0, tt.before
			o.policy, o.users, o.members = byGroups, users, map[string][]string{"g-1": {"u-1", "u-gone", "u-off", "u-2"}}
			if tt.change != nil {
				tt.change(o)
			}
			err := refresher(o, store, &now).Refresh(t.Context())
			if access.CodeOf(err) != tt.code || !reflect.DeepEqual(store.snapshot.Members, tt.want) || store.puts != tt.puts {
				t.Errorf("got %v, %+v after %d writes; want code %q, %+v after %d", err, store.snapshot.Members, store.puts, tt.code, tt.want, tt.puts)
			}
		})
	}
}

// A group without members is known to have none. A group that wasn't read is not known.
func TestApproverGroupKnown(t *testing.T) {
	s := small("Production")
	s.Members = map[string]catalog.Members{"g-empty": {}, "g-1": {Users: []catalog.Member{{UserID: "u-1"}}}}
	for _, tt := range []struct {
		group string
		store *fakeStore
		want  catalog.Members
	}{
		{"g-empty", &fakeStore{snapshot: s, version: "1"}, catalog.Members{Known: true}},
		{"g-1", &fakeStore{snapshot: s, version: "1"}, catalog.Members{Users: []catalog.Member{{UserID: "u-1"}}, Known: true}},
		{"g-new", &fakeStore{snapshot: s, version: "1"}, catalog.Members{}},
		{"g-empty", &fakeStore{}, catalog.Members{}},
		{"g-empty", &fakeStore{getErr: outage}, catalog.Members{}},
	} {
		c := &catalog.Catalog{Store: tt.store, Now: func() time.Time { return start }, Logger: quiet}
		if _, got := c.ApproverGroup(t.Context(), tt.group); !reflect.DeepEqual(got, tt.want) {
			t.Errorf("%s: got %+v, want %+v", tt.group, got, tt.want)
		}
	}
}
