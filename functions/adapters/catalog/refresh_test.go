package catalog_test

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"testing"
	"time"

	"sso-elevator/functions/access"
	"sso-elevator/functions/adapters/catalog"
)

// organization is what a refresh lists, and the errors of its calls.
type organization struct {
	accounts []access.Account
	names    map[string]string // permission set names, by ARN
	groups   []access.Group
	users    [][]access.User // listed in pages
	emails   fakeEmails      // the index that was written

	policy     access.Policy
	policyErr  error
	members    map[string][]string // user ids, by group
	membersErr error

	usersErr                        error        // fails after the first page
	waitForUsers                    func() error // fails before the first page
	accountsErr, setsErr, groupsErr error
	describeErr                     func(arn string, call int) error // the first call is 1
	gone                            string                           // an ARN that is listed but no longer exists

	beforePage func() // of accounts

	portal       string
	sessions     map[string]time.Duration // by ARN
	descriptions map[string]string        // by ARN

	mu          sync.Mutex
	described   []string
	tree            // of the policy's organizational units
	under, most int // calls in progress
}

func (o *organization) AccountPages(_ context.Context, each func([]access.Account)) error {
	for page := range slices.Chunk(o.accounts, 20) {
		if o.beforePage != nil {
			o.beforePage()
		}
		each(page)
	}
	return o.accountsErr
}

func (o *organization) PermissionSetARNs(context.Context) ([]string, error) {
	var arns []string
	for arn := range o.names {
		arns = append(arns, arn)
	}
	if o.gone != "" {
		arns = append(arns, o.gone)
	}
	slices.Sort(arns)
	return arns, o.setsErr
}

func (o *organization) PortalURL(context.Context) (string, error) { return o.portal, nil }

func (o *organization) PermissionSet(_ context.Context, arn string) (access.PermissionSet, error) {
	o.mu.Lock()
	o.described = append(o.described, arn)
	call := len(o.described)
	o.under++
	o.most = max(o.most, o.under)
	o.mu.Unlock()
	defer func() {
		o.mu.Lock()
		o.under--
		o.mu.Unlock()
	}()
	if o.describeErr != nil {
		if err := o.describeErr(arn, call); err != nil {
			return access.PermissionSet{}, err
		}
	}
	name, ok := o.names[arn]
	if !ok {
		return access.PermissionSet{}, access.Errorf(access.CodeNotFound, "there is no %s", arn)
	}
	return access.PermissionSet{ARN: arn, Name: name, Session: o.sessions[arn], Description: o.descriptions[arn]}, nil
}

func (o *organization) Groups(context.Context) ([]access.Group, error) {
	return o.groups, o.groupsErr
}

func (o *organization) EachMember(_ context.Context, group string, each func(string) (bool, error)) error {
	for _, id := range o.members[group] {
		if more, err := each(id); err != nil || !more {
			return err
		}
	}
	return o.membersErr
}

func (o *organization) UserPages(_ context.Context, each func([]access.User) bool) error {
	if o.waitForUsers != nil {
		if err := o.waitForUsers(); err != nil {
			return err
		}
	}
	for i, page := range o.users {
		if i > 0 && o.usersErr != nil {
			return o.usersErr
		}
		if !each(page) {
			return nil
		}
	}
	return nil
}

// large is an organization of the largest size that the system supports.
func large() *organization {
	o := &organization{names: map[string]string{}}
	for i := range 10_000 {
		o.accounts = append(o.accounts, access.Account{ID: fmt.Sprintf("%012d", 7_919*i+100_000_000_000), Name: fmt.Sprintf("team-%03d-workload-%05d-%s", i%400, i, []string{"production", "staging", "development"}[i%3])})
	}
	for i := range 1_000 {
		o.names[fmt.Sprintf("arn:aws:sso:::permissionSet/ssoins-1234567890abcdef/ps-%016x", uint64(i)*0x9e3779b97f4a7c15)] = fmt.Sprintf("Team%03dPermissionSet%03d", i%400, i)
	}
	for i := range 1_000 {
		o.groups = append(o.groups, access.Group{ID: fmt.Sprintf("%08x-3333-2222-1111-%012x", i, i), Name: fmt.Sprintf("group-%04d", i)})
	}
	return o
}

func tiny() *organization {
	return &organization{
		accounts: []access.Account{{ID: "222222222222", Name: "Sandbox"}, {ID: "111111111111", Name: "Production"}},
		names:    map[string]string{"arn:ps/1": "ReadOnly", "arn:ps/2": "Admin"},
		groups:   []access.Group{{ID: "g-1", Name: "Billing"}},
	}
}

func refresher(o *organization, store catalog.Store, now *time.Time) *catalog.Refresher {
	return &catalog.Refresher{Lister: o, Store: store, Emails: &o.emails, Policy: func(context.Context) (access.Policy, error) { return o.policy, o.policyErr }, Now: func() time.Time { return *now }, Logger: quiet}
}

// This is what people see of a snapshot.
func shown(s *catalog.Snapshot) []string {
	if s == nil {
		return nil
	}
	var all []string
	for _, a := range s.Accounts {
		all = append(all, catalog.AccountText(a))
	}
	for _, p := range s.PermissionSets {
		all = append(all, p.Name+" "+p.ARN)
	}
	for _, g := range s.Groups {
		all = append(all, g.Name)
	}
	return all
}

func TestRefresh(t *testing.T) {
	before := []string{"Production (111111111111)", "Sandbox (222222222222)", "Admin arn:ps/2", "ReadOnly arn:ps/1", "Billing"}
	// Everything differs from the earlier snapshot, so that the test can tell each
	// list apart.
	change := func(o *organization) {
		o.accounts = []access.Account{{ID: "333333333333", Name: "New"}}
		o.names = map[string]string{"arn:ps/1": "ReadOnly", "arn:ps/3": "Billing"}
		o.groups = nil
	}
	tests := []struct {
		name     string
		fresh    bool // there is no earlier snapshot
		change   func(*organization, *fakeStore)
		want     []string
		wantPuts int
		wantCode access.Code
	}{
		{name: "all of it", want: []string{"New (333333333333)", "Billing arn:ps/3", "ReadOnly arn:ps/1"}, wantPuts: 1},
		{name: "Organizations is out", change: func(o *organization, _ *fakeStore) { o.accountsErr = outage },
			want: []string{"Production (111111111111)", "Sandbox (222222222222)", "Billing arn:ps/3", "ReadOnly arn:ps/1"}, wantPuts: 1, wantCode: access.CodeUnavailable},
		{name: "Organizations answers that there are no accounts", change: func(o *organization, _ *fakeStore) { o.accounts = nil },
			want: []string{"Production (111111111111)", "Sandbox (222222222222)", "Billing arn:ps/3", "ReadOnly arn:ps/1"}, wantPuts: 1, wantCode: access.CodeUnavailable},
		{name: "Identity Center is out", change: func(o *organization, _ *fakeStore) { o.setsErr, o.groupsErr = outage, outage },
			want: []string{"New (333333333333)", "Admin arn:ps/2", "ReadOnly arn:ps/1", "Billing"}, wantPuts: 1, wantCode: access.CodeUnavailable},
		{name: "a new name can't be had", change: func(o *organization, _ *fakeStore) {
			o.describeErr = func(string, int) error { return access.Errorf(access.CodeThrottled, "slow down") }
		}, want: []string{"New (333333333333)", "Admin arn:ps/2", "ReadOnly arn:ps/1"}, wantPuts: 1, wantCode: access.CodeThrottled},
		{name: "a known name can't be had again", change: func(o *organization, _ *fakeStore) {
			o.describeErr = func(arn string, _ int) error {
				if arn == "arn:ps/1" {
					return access.Errorf(access.CodeThrottled, "slow down")
				}
				return nil
			}
		}, want: []string{"New (333333333333)", "Billing arn:ps/3", "ReadOnly arn:ps/1"}, wantPuts: 1, wantCode: access.CodeThrottled},
		{name: "a permission set is deleted between list and look", change: func(o *organization, _ *fakeStore) { o.gone = "arn:ps/2" },
			want: []string{"New (333333333333)", "Billing arn:ps/3", "ReadOnly arn:ps/1"}, wantPuts: 1},
		{name: "all is out", change: func(o *organization, _ *fakeStore) { o.accountsErr, o.setsErr, o.groupsErr = outage, outage, outage },
			want: before, wantCode: access.CodeUnavailable},
		{name: "S3 can't be read", change: func(_ *organization, s *fakeStore) { s.getErr = outage }, want: before, wantCode: access.CodeUnavailable},
		{name: "S3 can't be written", change: func(_ *organization, s *fakeStore) { s.putErr = outage }, want: before, wantCode: access.CodeUnavailable},
		{name: "another was faster", change: func(_ *organization, s *fakeStore) { s.putErr = access.Errorf(access.CodeLost, "412") }, want: before},
		{name: "what is there makes no sense", change: func(_ *organization, s *fakeStore) { s.getErr = access.Errorf(access.CodeInvalid, "no gzip") },
			want: []string{"New (333333333333)", "Billing arn:ps/3", "ReadOnly arn:ps/1"}, wantPuts: 1},
		{name: "the first one", fresh: true, want: []string{"New (333333333333)", "Billing arn:ps/3", "ReadOnly arn:ps/1"}, wantPuts: 1},
		{name: "the first one is never a part", fresh: true, change: func(o *organization, _ *fakeStore) { o.groupsErr = outage }, wantCode: access.CodeUnavailable},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			now, o, store := start, tiny(), &fakeStore{}
			r := refresher(o, store, &now)
			if !test.fresh {
				if err := r.Refresh(t.Context()); err != nil {
					t.Fatal(err)
				}
				if got := shown(store.snapshot); !slices.Equal(got, before) {
					t.Fatalf("got %q, want %q", got, before)
				}
			}
			now, store.puts, o.described = now.Add(time.Hour), 0, nil
			change(o)
			if test.change != nil {
				test.change(o, store)
			}
			err := r.Refresh(t.Context())
			if code := access.CodeOf(err); code != test.wantCode {
				t.Errorf("got %v, want code %q", err, test.wantCode)
			}
			if got := shown(store.snapshot); !slices.Equal(got, test.want) || store.puts != test.wantPuts {
				t.Errorf("got %q in %d writes\nwant %q in %d", got, store.puts, test.want, test.wantPuts)
			}
		})
	}
}

// The catalog remembers the management account until an account names it again.
func TestRefreshOfTheManagementAccount(t *testing.T) {
	now, o, store := start, tiny(), &fakeStore{}
	r := refresher(o, store, &now)
	for _, step := range []struct {
		name string
		id   string // the management account's
		err  error
		want string
	}{
		{name: "not known yet"},
		{name: "known", id: "333333333333", want: "333333333333"},
		{name: "accounts can't be listed", id: "333333333333", err: outage, want: "333333333333"},
		{name: "no account says so", want: "333333333333"},
	} {
		o.accounts = []access.Account{{ID: "222222222222", Name: "two"}, {ID: "333333333333", Name: "three", Management: step.id == "333333333333"}}
		o.accountsErr = step.err
		now = now.Add(time.Hour)
		if err := r.Refresh(t.Context()); (err == nil) != (step.err == nil) {
			t.Fatalf("%s: %v", step.name, err)
		}
		if got := store.snapshot.ManagementAccount; got != step.want {
			t.Errorf("%s: got %q, want %q", step.name, got, step.want)
		}
	}
}

// Each list has its own age.
func TestRefreshKeepsTheTimeOfWhatItKeeps(t *testing.T) {
	now, o, store := start, tiny(), &fakeStore{}
	r := refresher(o, store, &now)
	if err := r.Refresh(t.Context()); err != nil {
		t.Fatal(err)
	}
	now = now.Add(time.Hour)
	o.accountsErr = outage
	if err := r.Refresh(t.Context()); err == nil {
		t.Error("no error where accounts could not be read")
	}
	if s := store.snapshot; !s.AccountsAt.Equal(start) || !s.PermissionSetsAt.Equal(now) || !s.GroupsAt.Equal(now) {
		t.Errorf("accounts of %s, permission sets of %s, groups of %s; want accounts of %s only", s.AccountsAt, s.PermissionSetsAt, s.GroupsAt, start)
	}
}

// A refresh that takes too long still writes what it has.
func TestRefreshLeavesTimeForWriting(t *testing.T) {
	now, o, store := start, tiny(), &fakeStore{}
	r := refresher(o, store, &now)
	if err := r.Refresh(t.Context()); err != nil {
		t.Fatal(err)
	}
	now = now.Add(time.Hour)
	o.names["arn:ps/3"], o.names["arn:ps/4"] = "New", "Newer" // at least two, so that there is a pause between them
	ctx, cancel := context.WithDeadline(t.Context(), time.Now().Add(10*time.Second))
	defer cancel()
	err := r.Refresh(ctx)
	if access.CodeOf(err) != access.CodeUnavailable || store.puts != 2 || store.snapshot.PermissionSetsAt.Equal(now) || !store.snapshot.AccountsAt.Equal(now) {
		t.Errorf("got %v, %d writes, permission sets of %s; want new accounts written with the permission sets of before", err, store.puts, store.snapshot.PermissionSetsAt)
	}
}

// The names of 1,000 permission sets cost 1,000 calls once, and 100 in each later
// refresh, at most DescribesAtOnce at a time. A rename shows after at most ten refreshes.
func TestNamesAreKeptAndRenamesNoticed(t *testing.T) {
	now, o, store := start, large(), &fakeStore{}
	r := refresher(o, store, &now)
	if err := r.Refresh(t.Context()); err != nil {
		t.Fatal(err)
	}
	if len(o.described) != 1_000 || o.most > catalog.DescribesAtOnce {
		t.Errorf("%d calls, %d at once; want 1000 calls, at most %d at once", len(o.described), o.most, catalog.DescribesAtOnce)
	}
	var renamed string
	for arn := range o.names {
		renamed = arn
		break
	}
	o.names[renamed] = "Renamed"
	seen := map[string]bool{}
	for run := range 10 {
		now = now.Add(10 * time.Minute)
		o.described = nil
		if err := r.Refresh(t.Context()); err != nil {
			t.Fatal(err)
		}
		if len(o.described) != 100 {
			t.Fatalf("run %d: %d calls, want 100", run, len(o.described))
		}
		for _, arn := range o.described {
			seen[arn] = true
		}
	}
	if len(seen) != 1_000 {
		t.Errorf("ten runs looked at %d permission sets, want all", len(seen))
	}
	found := slices.ContainsFunc(store.snapshot.PermissionSets, func(p access.PermissionSet) bool {
		return p.ARN == renamed && p.Name == "Renamed"
	})
	if !found {
		t.Error("the new name is not in the catalog after ten runs")
	}
}

// The snapshot has the portal's address and the permission sets' sessions and
// descriptions, also those that a snapshot of the previous release lacks.
func TestRefreshReadsPortalAndSessions(t *testing.T) {
	now, o, store := start, tiny(), &fakeStore{}
	r := refresher(o, store, &now)
	for _, step := range []struct {
		portal      string
		session     time.Duration
		description string
	}{{}, {"https://d-0123456789.awsapps.com/start", 8 * time.Hour, "Everything"}, {"https://d-0123456789.awsapps.com/start", time.Hour, "Nearly everything"}} {
		o.portal, o.sessions = step.portal, map[string]time.Duration{"arn:ps/1": step.session}
		o.descriptions = map[string]string{"arn:ps/1": step.description}
		now = now.Add(10 * time.Minute)
		if err := r.Refresh(t.Context()); err != nil {
			t.Fatal(err)
		}
		lists := &catalog.Catalog{Store: store, Now: func() time.Time { return now }, Logger: quiet}
		if got := lists.PortalURL(t.Context()); got != step.portal {
			t.Errorf("portal %q, want %q", got, step.portal)
		}
		if got := lists.Session(t.Context(), "arn:ps/1"); got != step.session {
			t.Errorf("session %s, want %s", got, step.session)
		}
		if got, other := lists.Description(t.Context(), "arn:ps/1"), lists.Description(t.Context(), "arn:ps/2"); got != step.description || other != "" {
			t.Errorf("descriptions %q and %q, want %q and none", got, other, step.description)
		}
		if got := lists.Session(t.Context(), "arn:ps/2"); got != 0 {
			t.Errorf("session %s of a permission set without a known one", got)
		}
	}
}

// In an organization of ordinary size, the next refresh sees a rename.
func TestRenameInASmallOrganization(t *testing.T) {
	now, o, store := start, tiny(), &fakeStore{}
	r := refresher(o, store, &now)
	for _, name := range []string{"Admin", "Administrator"} {
		o.names["arn:ps/2"] = name
		now = now.Add(10 * time.Minute)
		if err := r.Refresh(t.Context()); err != nil {
			t.Fatal(err)
		}
		if got := store.snapshot.PermissionSets[0].Name; got != name {
			t.Errorf("got %q, want %q", got, name)
		}
	}
}

// If the client's own retries don't overcome throttling, the refresh makes no more
// calls.
func TestRefreshStopsWhereItIsThrottled(t *testing.T) {
	now, o, store := start, large(), &fakeStore{}
	o.describeErr = func(_ string, call int) error {
		if call > 300 {
			return access.Errorf(access.CodeThrottled, "slow down")
		}
		return nil
	}
	err := refresher(o, store, &now).Refresh(t.Context())
	if access.CodeOf(err) != access.CodeThrottled || store.puts != 0 {
		t.Errorf("got %v and %d writes, want Throttled and none", err, store.puts)
	}
	if len(o.described) > 310 {
		t.Errorf("%d calls, want to stop soon after the 300th", len(o.described))
	}
}
