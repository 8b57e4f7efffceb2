package catalog_test

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"sso-elevator/functions/access"
	"sso-elevator/functions/adapters/catalog"
)

// fakePartials keeps the partial lists that were written.
type fakePartials struct {
	mu     sync.Mutex
	all    []catalog.Partial
	putErr error
	getErr error
}

func (f *fakePartials) PutPartial(_ context.Context, p *catalog.Partial) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.putErr == nil {
		f.all = append(f.all, *p)
	}
	return f.putErr
}

func (f *fakePartials) GetPartial(_ context.Context, version string) (*catalog.Partial, string, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	switch now := fmt.Sprint(len(f.all)); {
	case f.getErr != nil:
		return nil, "", f.getErr
	case len(f.all) == 0:
		return nil, "", access.Errorf(access.CodeNotFound, "there are none")
	case now == version:
		return nil, version, nil
	default:
		return &f.all[len(f.all)-1], now, nil
	}
}

// A first refresh publishes what it has listed so far, every five seconds. Later refreshes
// publish nothing but the snapshot.
func TestFirstRefreshPublishesPartialLists(t *testing.T) {
	now := start
	o, store, partials := tiny(), &fakeStore{}, &fakePartials{}
	o.accounts = large().accounts[:400]
	o.accounts[30].Management = true
	var seconds atomic.Int64 // accounts and units are listed at the same time
	o.beforePage = func() { seconds.Add(1) }
	r := refresher(o, store, &now)
	r.Now = func() time.Time { return start.Add(time.Duration(seconds.Load()) * time.Second) }
	r.Partials = partials
	store.put = func() {
		if n := len(partials.all); n < 4 || n > 5 {
			t.Errorf("published %d times in 20 s, want every five seconds", n)
		}
	}
	if err := r.Refresh(t.Context()); err != nil {
		t.Fatal(err)
	}
	if len(store.snapshot.Accounts) != 400 {
		t.Errorf("the snapshot has %d accounts", len(store.snapshot.Accounts))
	}
	before := 0
	for i, p := range partials.all {
		if len(p.Accounts) <= before && i > 0 || len(p.Accounts)%20 != 0 || p.HasAllAccounts && len(p.Accounts) < 400 {
			t.Errorf("after %d accounts, published %d; whole: %v", before, len(p.Accounts), p.HasAllAccounts)
		}
		if !slices.IsSortedFunc(p.Accounts, func(a, b access.Account) int {
			return slices.Compare([]string{a.Name}, []string{b.Name})
		}) {
			t.Error("published accounts are not sorted")
		}
		if want := len(p.Accounts) >= 40; (p.ManagementAccount != "") != want {
			t.Errorf("after %d accounts the management account is %q", len(p.Accounts), p.ManagementAccount)
		}
		before = len(p.Accounts)
	}
	n := len(partials.all)
	if err := r.Refresh(t.Context()); err != nil || len(partials.all) != n {
		t.Errorf("the second refresh: %v; published %d times", err, len(partials.all)-n)
	}
}

// If partial lists can't be written, the refresh goes on.
func TestPartialListsAreOptional(t *testing.T) {
	now := start
	store := &fakeStore{}
	r := refresher(tiny(), store, &now)
	r.Partials = &fakePartials{putErr: outage}
	if err := r.Refresh(t.Context()); err != nil || store.puts != 1 {
		t.Errorf("got %v and %d snapshots", err, store.puts)
	}
}

// The first refresh lists accounts and units at the same time. So an account that joined
// meanwhile may be missing in its unit, and comes with the next refresh.
func TestNewAccountsWaitForTheirUnits(t *testing.T) {
	now := start
	o, store := tiny(), &fakeStore{}
	o.tree = nested()
	o.policy = policyOf("ou-a")
	o.accounts = []access.Account{
		{ID: "000000000001", JoinedAt: start.AddDate(-1, 0, 0)}, {ID: "000000000002", JoinedAt: start.Add(time.Second)},
		{ID: "000000000003", JoinedAt: start.Add(-time.Minute)}, {ID: "000000000004"},
	}
	r := refresher(o, store, &now)
	ids := func() (all []string) {
		for _, a := range store.snapshot.Accounts {
			all = append(all, a.ID)
		}
		return all
	}
	if err := r.Refresh(t.Context()); err != nil {
		t.Fatal(err)
	}
	if got, want := ids(), []string{"000000000001", "000000000004"}; !slices.Equal(got, want) {
		t.Errorf("the first snapshot has %v, want %v", got, want)
	}
	if err := r.Refresh(t.Context()); err != nil {
		t.Fatal(err)
	}
	if got, want := ids(), []string{"000000000001", "000000000002", "000000000003", "000000000004"}; !slices.Equal(got, want) {
		t.Errorf("the second snapshot has %v, want %v", got, want)
	}
}

func policyOf(unit string) access.Policy {
	return access.Policy{Accounts: []access.Statement{{Resources: []string{unit}, PermissionSets: []string{"*"}}}}
}

// Until there is a snapshot, partial lists name what exists. They don't deny that anything
// else exists, and they know no units.
func TestPartialLists(t *testing.T) {
	now := start
	store, partials := &fakeStore{}, &fakePartials{}
	c := &catalog.Catalog{Store: store, Partial: partials, Now: func() time.Time { return now }, Logger: quiet}
	check := func(step string, want catalog.Loading, wantOK bool, wantAccounts int, wantCode access.Code) {
		t.Helper()
		if got, ok := c.Loading(t.Context()); got != want || ok != wantOK {
			t.Errorf("%s: loading %+v, %v; want %+v, %v", step, got, ok, want, wantOK)
		}
		accounts, err := c.Accounts(t.Context())
		if access.CodeOf(err) != wantCode || err == nil && accounts.Len() != wantAccounts {
			t.Errorf("%s: got %v, %v; want %d accounts", step, accounts, err, wantAccounts)
		}
	}
	check("nothing is known", catalog.Loading{}, false, 0, access.CodeNotReady)

	partials.all = append(partials.all, catalog.Partial{
		At: start, Accounts: []access.Account{{ID: "111111111111", Name: "Production"}}, ManagementAccount: "111111111111",
		PermissionSets: []access.PermissionSet{{ARN: "arn:ps/1", Name: "ReadOnly"}}, HasAllPermissionSets: true,
	})
	now = now.Add(catalog.CheckMissingEvery)
	loading := catalog.Loading{Accounts: 1, PermissionSets: 1, HasAllPermissionSets: true}
	check("something is known", loading, true, 1, "")
	for _, test := range []struct {
		in   access.Target
		want access.Code
	}{
		{access.Target{Kind: access.KindAccount, AccountID: "111111111111", PermissionSetARN: "arn:ps/1"}, ""},
		{access.Target{Kind: access.KindAccount, AccountID: "222222222222"}, access.CodeNotReady},
		{access.Target{Kind: access.KindAccount, PermissionSetARN: "arn:ps/2"}, access.CodeNotReady},
		{access.Target{Kind: access.KindGroup, GroupID: "g-1"}, access.CodeNotReady},
	} {
		if _, err := c.Complete(t.Context(), test.in); access.CodeOf(err) != test.want {
			t.Errorf("Complete(%+v): %v, want code %q", test.in, err, test.want)
		}
	}
	if id := c.ManagementAccount(t.Context()); id != "111111111111" {
		t.Errorf("the management account is %q", id)
	}
	// What depends on whole lists doesn't use them.
	if _, err := c.OUs(t.Context(), "111111111111", []string{"ou-a"}); access.CodeOf(err) != access.CodeNotReady {
		t.Errorf("OUs: %v, want NotReady", err)
	}
	if _, err := c.OUsOf(t.Context(), []string{"ou-a"}); access.CodeOf(err) != access.CodeNotReady {
		t.Errorf("OUsOf: %v, want NotReady", err)
	}
	without := &catalog.Catalog{Store: store, Now: c.Now, Logger: quiet}
	if _, err := without.Accounts(t.Context()); access.CodeOf(err) != access.CodeNotReady {
		t.Errorf("a function without partial lists: %v, want NotReady", err)
	}

	// A newer version is read after five seconds. Unreadable lists leave the last ones.
	partials.all = append(partials.all, partials.all[0])
	partials.all[1].Accounts = append(partials.all[1].Accounts, access.Account{ID: "222222222222"})
	now = now.Add(catalog.CheckMissingEvery)
	loading.Accounts = 2
	check("more is known", loading, true, 2, "")
	partials.getErr = outage
	now = now.Add(catalog.CheckMissingEvery)
	check("S3 is out", loading, true, 2, "")

	now = now.Add(time.Hour)
	check("the refresh failed long ago", catalog.Loading{}, false, 0, access.CodeNotReady)

	store.snapshot, store.version = small("Production"), "1"
	now = now.Add(catalog.CheckMissingEvery)
	check("there is a snapshot", catalog.Loading{}, false, 1, "")
	if _, err := c.Complete(t.Context(), access.Target{Kind: access.KindAccount, AccountID: "222222222222"}); access.CodeOf(err) != access.CodeNotFound {
		t.Errorf("a snapshot has no such account: %v, want NotFound", err)
	}
	// Partial lists never replace a snapshot.
	store.getErr, partials.getErr = outage, nil
	partials.all[1].At = now
	now = now.Add(catalog.CheckEvery)
	check("the snapshot can't be read again", catalog.Loading{}, false, 1, "")
}

// Partial lists don't stand in for a snapshot that can't be read.
func TestPartialListsDoNotHideOutages(t *testing.T) {
	partials := &fakePartials{all: []catalog.Partial{{At: start, Accounts: []access.Account{{ID: "111111111111"}}}}}
	c := &catalog.Catalog{Store: &fakeStore{getErr: outage}, Partial: partials, Now: func() time.Time { return start }, Logger: quiet}
	if _, err := c.Accounts(t.Context()); access.CodeOf(err) != access.CodeUnavailable {
		t.Errorf("got %v, want Unavailable", err)
	}
}
