package cases_test

import (
	"context"
	"errors"
	"reflect"
	"slices"
	"sync"
	"testing"
	"time"

	"sso-elevator/functions/access"
	"sso-elevator/functions/adapters/cases"
)

// world is Identity Center and the table.
type world struct {
	members map[string][]string // user ids, by group
	gone    []string            // users who are disabled
	leases  []string            // keys

	asked   [][]string // the groups of each call of MemberOf
	looked  []string   // keys of leases that were read, and users who were looked up
	err     error
	leaseOK error
	release func() // happens right before a lease is read
	mu      sync.Mutex
}

func (w *world) MemberOf(_ context.Context, user string, groups []string) (of []string, err error) {
	w.asked = append(w.asked, groups)
	for _, g := range groups {
		if slices.Contains(w.members[g], user) {
			of = append(of, g)
		}
	}
	return of, w.err
}

func (w *world) EachMember(_ context.Context, group string, each func(string) (bool, error)) error {
	for _, user := range w.members[group] {
		if more, err := each(user); err != nil || !more {
			return err
		}
	}
	return w.err
}

func (w *world) UserStatus(_ context.Context, user string) (access.UserStatus, error) {
	w.looked = append(w.looked, user)
	if slices.Contains(w.gone, user) {
		return access.UserDisabled, nil
	}
	return access.UserEnabled, w.err
}

func (w *world) Lease(_ context.Context, key string) (access.Lease, bool, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.release != nil {
		w.release()
	}
	w.looked = append(w.looked, key)
	return access.Lease{}, slices.Contains(w.leases, key), w.leaseOK
}

var ann = access.Person{SlackID: "UANN", Email: "ann@example.com", PrincipalID: "p-ann"}

const account = "111111111111"

var (
	admin  = access.Target{Kind: access.KindAccount, AccountID: account, PermissionSet: "Admin"}
	other  = access.Target{Kind: access.KindAccount, AccountID: "222222222222", PermissionSet: "Admin"}
	policy = access.Policy{Accounts: []access.Statement{
		{Resources: []string{account}, PermissionSets: []string{"*"}, Allowed: []string{"group:g-dev"}, Approvers: []string{"bob@example.com", "group:g-sec"}},
		{Resources: []string{"222222222222"}, PermissionSets: []string{"*"}, Approvers: []string{"bob@example.com"}},
	}, Groups: []access.Statement{{Resources: []string{"*"}, Approvers: []string{"group:g-lead"}}}}
)

func index(allowManaged bool) *access.Index {
	p := policy
	p.AllowManagedDecisionGroups = allowManaged
	return access.NewIndex(&p)
}

func TestMembershipsThatCount(t *testing.T) {
	down := access.Errorf(access.CodeUnavailable, "no answer")
	for _, tt := range []struct {
		name         string
		change       func(*world)
		target       access.Target
		who          access.Person
		allowManaged bool
		want         []string
		asked        [][]string
		looked       []string
		err          error
	}{
		{name: "of the groups that affecting statements name", target: admin, who: ann, want: []string{"g-dev"},
			asked: [][]string{{"g-dev", "g-sec"}, {"g-dev"}}, looked: []string{"group#g-dev#p-ann"}},
		{name: "of several groups", target: admin, who: ann, change: func(w *world) { w.members["g-sec"] = []string{"p-ann"} }, want: []string{"g-dev", "g-sec"},
			asked: [][]string{{"g-dev", "g-sec"}, {"g-dev", "g-sec"}}, looked: []string{"group#g-dev#p-ann", "group#g-sec#p-ann"}},
		{name: "one of several by this app", target: admin, who: ann, change: func(w *world) {
			w.members["g-sec"], w.leases = []string{"p-ann"}, []string{"group#g-dev#p-ann"}
		}, want: []string{"g-sec"}, asked: [][]string{{"g-dev", "g-sec"}, {"g-sec"}}, looked: []string{"group#g-dev#p-ann", "group#g-sec#p-ann"}},
		{name: "no call if no affecting statement names a group", target: other, who: ann},
		{name: "no call for a person without a user", target: admin, who: access.Person{Email: "ann@example.com"}},
		{name: "a membership that this app granted doesn't count", target: admin, who: ann, change: func(w *world) { w.leases = []string{"group#g-dev#p-ann"} },
			asked: [][]string{{"g-dev", "g-sec"}}, looked: []string{"group#g-dev#p-ann"}},
		{name: "a membership that this app removes with its lease meanwhile doesn't count", target: admin, who: ann, change: func(w *world) {
			w.leases = []string{"group#g-dev#p-ann"}
			w.release = func() { w.members, w.leases = nil, nil }
		}, asked: [][]string{{"g-dev", "g-sec"}, {"g-dev"}}, looked: []string{"group#g-dev#p-ann"}},
		{name: "another person's doesn't matter", target: admin, who: ann, change: func(w *world) { w.leases = []string{"group#g-dev#p-bob"} }, want: []string{"g-dev"},
			asked: [][]string{{"g-dev", "g-sec"}, {"g-dev"}}, looked: []string{"group#g-dev#p-ann"}},
		{name: "it counts if the policy says so, and no lease is read", target: admin, who: ann, allowManaged: true, change: func(w *world) { w.leases = []string{"group#g-dev#p-ann"} },
			want: []string{"g-dev"}, asked: [][]string{{"g-dev", "g-sec"}}},
		{name: "memberships can't be read", target: admin, who: ann, change: func(w *world) { w.err = down }, err: down, asked: [][]string{{"g-dev", "g-sec"}}},
		{name: "leases can't be read", target: admin, who: ann, change: func(w *world) { w.leaseOK = down }, err: down, asked: [][]string{{"g-dev", "g-sec"}}, looked: []string{"group#g-dev#p-ann"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			w := &world{members: map[string][]string{"g-dev": {"p-ann"}, "g-lead": {"p-ann"}}}
			if tt.change != nil {
				tt.change(w)
			}
			c, err := cases.New(w, w, nil).Case(t.Context(), index(tt.allowManaged), tt.who, access.Case{Target: tt.target, Duration: 60})
			if !errors.Is(err, tt.err) {
				t.Fatalf("got %v, want %v", err, tt.err)
			}
			if err != nil {
				c = &access.Case{}
			}
			slices.Sort(w.looked) // leases are read at once
			if !slices.Equal(c.Requester.Groups, tt.want) || !reflect.DeepEqual(w.asked, tt.asked) || !slices.Equal(w.looked, tt.looked) {
				t.Errorf("got %v after asking about %v and reading %v; want %v, %v, %v", c.Requester.Groups, w.asked, w.looked, tt.want, tt.asked, tt.looked)
			}
		})
	}
}

// pair is two people whose memberships are read at the same time, or not at all.
type pair struct {
	*world
	met  chan bool
	errs map[string]error // by user
}

func (p *pair) MemberOf(_ context.Context, user string, groups []string) ([]string, error) {
	select {
	case p.met <- true:
	case <-p.met:
	case <-time.After(10 * time.Second):
		return nil, errors.New("nobody else's memberships are read at the same time")
	}
	return groups[:1], p.errs[user]
}

func TestCaseAndIdentity(t *testing.T) {
	one, two := errors.New("one"), errors.New("two")
	bob := access.Person{SlackID: "UBOB", Email: "bob@example.com", PrincipalID: "p-bob"}
	for _, tt := range []struct {
		name string
		errs map[string]error
		err  error
	}{
		{"at the same time", nil, nil},
		{"the requester's error comes first", map[string]error{"p-ann": one, "p-bob": two}, one},
		{"only the other read fails", map[string]error{"p-bob": two}, two},
	} {
		t.Run(tt.name, func(t *testing.T) {
			p := &pair{&world{}, make(chan bool), tt.errs}
			c, as, err := cases.New(p, p, nil).CaseAndIdentity(t.Context(), index(true), ann, access.Case{Target: admin, Duration: 60}, bob)
			if err != tt.err {
				t.Fatalf("got %v, want %v", err, tt.err)
			}
			groups := []string{"g-dev"}
			want := &access.Case{Requester: access.Identity{Email: ann.Email, Groups: groups}, Target: admin, Duration: 60}
			if err == nil && (!reflect.DeepEqual(c, want) || !reflect.DeepEqual(as, access.Identity{Email: bob.Email, Groups: groups})) {
				t.Errorf("got %+v, %+v", c, as)
			}
		})
	}
}

func TestRequesterHasAllGroups(t *testing.T) {
	w := &world{members: map[string][]string{"g-dev": {"p-ann"}, "g-lead": {"p-ann"}}}
	got, err := cases.New(w, w, nil).Requester(t.Context(), index(false), ann)
	if err != nil || !slices.Equal(got.Groups, []string{"g-dev", "g-lead"}) || len(w.asked) != 2 {
		t.Errorf("got %v, %v after %d calls, want both groups after two", got.Groups, err, len(w.asked))
	}
}

func TestGroupsOfDecider(t *testing.T) {
	w := &world{members: map[string][]string{"g-dev": {"p-ann"}, "g-sec": {"p-ann"}, "g-lead": {"p-ann"}}}
	r := cases.New(w, w, nil)
	for _, tt := range []struct {
		name    string
		targets []access.Target
		want    []string
	}{
		{"groups that may request don't decide", []access.Target{admin}, []string{"g-sec"}},
		{"of all targets", []access.Target{admin, other, {Kind: access.KindGroup, GroupID: "g-1"}}, []string{"g-lead", "g-sec"}},
		{"none", []access.Target{other}, nil},
	} {
		asked := len(w.asked)
		got, err := r.GroupsOfDecider(t.Context(), index(false), ann, tt.targets, nil)
		if err != nil || !slices.Equal(got, tt.want) || len(w.asked)-asked != 2*min(len(tt.want), 1) {
			t.Errorf("%s: got %v, %v after %d calls, want %v", tt.name, got, err, len(w.asked)-asked, tt.want)
		}
	}
}

func TestCachedForAMinute(t *testing.T) {
	now := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	w := &world{members: map[string][]string{"g-dev": {"p-ann"}}, err: access.Errorf(access.CodeThrottled, "slow down")}
	fresh := cases.New(w, w, nil)
	cached := fresh.Cached(func() time.Time { return now })
	read := func(r cases.Reader) ([]string, error) {
		c, err := r.Case(t.Context(), index(false), ann, access.Case{Target: admin})
		if err != nil {
			return nil, err
		}
		return c.Requester.Groups, nil
	}
	if _, err := read(cached); access.CodeOf(err) != access.CodeThrottled {
		t.Errorf("got %v, want Throttled", err)
	}
	w.err = nil
	for _, step := range []struct {
		after time.Duration
		asked int
		want  []string
	}{{0, 2, []string{"g-dev"}}, {time.Minute - 1, 2, []string{"g-dev"}}, {1, 3, nil}} {
		now = now.Add(step.after)
		got, err := read(cached)
		if err != nil || !slices.Equal(got, step.want) || len(w.asked) != step.asked {
			t.Errorf("after %s: got %v, %v after %d calls, want %v after %d", step.after, got, err, len(w.asked), step.want, step.asked)
		}
		w.members, w.leases = map[string][]string{"g-dev": {"p-ann"}}, []string{"group#g-dev#p-ann"}
	}
	w.leases = nil
	if got, _ := read(fresh); !slices.Equal(got, []string{"g-dev"}) {
		t.Errorf("not cached: got %v, want what is there now", got)
	}
}

func TestHasOtherMember(t *testing.T) {
	down := access.Errorf(access.CodeUnavailable, "no answer")
	for _, tt := range []struct {
		name   string
		change func(*world)
		want   bool
		looked []string
		err    error
	}{
		{name: "nobody", change: func(w *world) { w.members = nil }},
		{name: "the requester alone", change: func(w *world) { w.members["g-sec"] = []string{"p-ann"} }},
		{name: "it stops at the first", want: true, looked: []string{"group#g-sec#p-bob", "p-bob"}},
		{name: "not a disabled one", change: func(w *world) { w.gone = []string{"p-bob"} }, want: true, looked: []string{"group#g-sec#p-bob", "p-bob", "group#g-sec#p-cid", "p-cid"}},
		{name: "all are disabled", change: func(w *world) { w.gone = []string{"p-bob", "p-cid"} }, looked: []string{"group#g-sec#p-bob", "p-bob", "group#g-sec#p-cid", "p-cid"}},
		{name: "not one by this app", change: func(w *world) { w.leases = []string{"group#g-sec#p-bob"} }, want: true, looked: []string{"group#g-sec#p-bob", "group#g-sec#p-cid", "p-cid"}},
		{name: "a user can't be looked up", change: func(w *world) { w.err = down }, err: down, looked: []string{"group#g-sec#p-bob", "p-bob"}},
		{name: "a lease can't be read", change: func(w *world) { w.leaseOK = down }, err: down, looked: []string{"group#g-sec#p-bob"}},
		{name: "the members can't be listed", change: func(w *world) { w.members, w.err = nil, down }, err: down},
	} {
		t.Run(tt.name, func(t *testing.T) {
			w := &world{members: map[string][]string{"g-sec": {"p-ann", "p-bob", "p-cid"}}}
			if tt.change != nil {
				tt.change(w)
			}
			got, err := cases.New(w, w, nil).HasOtherMember(t.Context(), index(false), "g-sec", "p-ann")
			if got != tt.want || !errors.Is(err, tt.err) || !slices.Equal(w.looked, tt.looked) {
				t.Errorf("got %t, %v after %v, want %t, %v after %v", got, err, w.looked, tt.want, tt.err, tt.looked)
			}
		})
	}
}
