package catalog_test

import (
	"context"
	"log/slog"
	"slices"
	"testing"
	"time"

	"sso-elevator/functions/access"
	"sso-elevator/functions/adapters/catalog"
)

var (
	start  = time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	outage = access.Errorf(access.CodeUnavailable, "no answer")
	quiet  = slog.New(slog.DiscardHandler)
)

// fakeStore keeps one snapshot and counts the calls.
type fakeStore struct {
	snapshot  *catalog.Snapshot // nil if there is none
	version   string
	getErr    error
	putErr    error
	transfers int // reads of a whole snapshot
	checks    int
	puts      int
	put       func() // called on each write
}

func (f *fakeStore) Get(_ context.Context, version string) (*catalog.Snapshot, string, error) {
	f.checks++
	switch {
	case f.getErr != nil:
		return nil, f.version, f.getErr
	case f.snapshot == nil:
		return nil, "", access.Errorf(access.CodeNotFound, "there is none")
	case version == f.version:
		return nil, version, nil
	}
	f.transfers++
	return f.snapshot, f.version, nil
}

func (f *fakeStore) Put(_ context.Context, s *catalog.Snapshot, version string) error {
	if f.put != nil {
		f.put()
	}
	if f.putErr != nil {
		return f.putErr
	}
	if version != f.version {
		return access.Errorf(access.CodeLost, "there is another one")
	}
	f.puts++
	f.snapshot, f.version = s, f.version+"+"
	return nil
}

func small(names ...string) *catalog.Snapshot {
	s := &catalog.Snapshot{AccountsAt: start, PermissionSetsAt: start, GroupsAt: start, NamedAt: map[string]time.Time{}}
	for _, name := range names {
		s.Accounts = append(s.Accounts, access.Account{ID: "111111111111", Name: name})
	}
	s.PermissionSets = []access.PermissionSet{{ARN: "arn:ps/1", Name: "ReadOnly"}}
	s.Groups = []access.Group{{ID: "g-1", Name: "Billing"}}
	return s
}

func TestComplete(t *testing.T) {
	tests := []struct {
		name     string
		in, want access.Target
		wantCode access.Code
	}{
		{
			name: "account and permission set by ARN, forged names replaced",
			in:   access.Target{Kind: access.KindAccount, AccountID: "222222222222", AccountName: "Production", PermissionSetARN: "arn:ps/2", PermissionSet: "ReadOnly"},
			want: access.Target{Kind: access.KindAccount, AccountID: "222222222222", AccountName: "Sandbox", PermissionSetARN: "arn:ps/2", PermissionSet: "Admin"},
		},
		{
			name: "permission set by name",
			in:   access.Target{Kind: access.KindAccount, AccountID: "111111111111", PermissionSet: "ReadOnly"},
			want: access.Target{Kind: access.KindAccount, AccountID: "111111111111", AccountName: "Production", PermissionSetARN: "arn:ps/1", PermissionSet: "ReadOnly"},
		},
		{
			name: "account alone",
			in:   access.Target{Kind: access.KindAccount, AccountID: "111111111111"},
			want: access.Target{Kind: access.KindAccount, AccountID: "111111111111", AccountName: "Production"},
		},
		{
			name: "group",
			in:   access.Target{Kind: access.KindGroup, GroupID: "g-1"},
			want: access.Target{Kind: access.KindGroup, GroupID: "g-1", GroupName: "Billing"},
		},
		{name: "unknown account", in: access.Target{Kind: access.KindAccount, AccountID: "333333333333"}, wantCode: access.CodeNotFound},
		{name: "unknown permission set", in: access.Target{Kind: access.KindAccount, PermissionSetARN: "arn:ps/9"}, wantCode: access.CodeNotFound},
		{name: "unknown group", in: access.Target{Kind: access.KindGroup, GroupID: "g-9"}, wantCode: access.CodeNotFound},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			c := &catalog.Catalog{Store: &fakeStore{version: "1", snapshot: &catalog.Snapshot{
				Accounts:       []access.Account{{ID: "111111111111", Name: "Production"}, {ID: "222222222222", Name: "Sandbox"}},
				PermissionSets: []access.PermissionSet{{ARN: "arn:ps/2", Name: "Admin"}, {ARN: "arn:ps/1", Name: "ReadOnly"}},
				Groups:         []access.Group{{ID: "g-1", Name: "Billing"}},
			}}, Now: time.Now, Logger: quiet}
			got, err := c.Complete(t.Context(), test.in)
			if code := access.CodeOf(err); code != test.wantCode {
				t.Fatalf("got %v, want code %q", err, test.wantCode)
			}
			if err == nil && got != test.want {
				t.Errorf("got  %+v\nwant %+v", got, test.want)
			}
		})
	}
}

// The catalog asks S3 for a newer snapshot once a minute.
func TestSnapshotIsCheckedOnceAMinuteAndSurvivesOutages(t *testing.T) {
	now := start
	clock := func() time.Time { return now }
	store := &fakeStore{snapshot: small("one"), version: "1"}
	c := &catalog.Catalog{Store: store, Now: clock, Logger: quiet}
	for _, step := range []struct {
		name              string
		after             time.Duration
		change            func()
		want              string
		checks, transfers int
	}{
		{name: "the first question reads it", want: "one", checks: 1, transfers: 1},
		{name: "the next does not ask S3", want: "one", checks: 1, transfers: 1},
		{name: "nor does one just before a minute is over", after: catalog.CheckEvery - 1, change: func() { store.snapshot, store.version = small("two"), "2" },
			want: "one", checks: 1, transfers: 1},
		{name: "a new one is seen after a minute", after: 1, want: "two", checks: 2, transfers: 2},
		{name: "the same one is not transferred again", after: catalog.CheckEvery, want: "two", checks: 3, transfers: 2},
		{name: "S3 is out", after: catalog.CheckEvery, change: func() { store.getErr = outage }, want: "two", checks: 4, transfers: 2},
		{name: "S3 is not waited for with every key", want: "two", checks: 4, transfers: 2},
		{name: "the object is gone", after: catalog.CheckEvery, change: func() { store.getErr, store.snapshot = nil, nil }, want: "two", checks: 5, transfers: 2},
		{name: "after a day", after: 24 * time.Hour, want: "two", checks: 6, transfers: 2},
		{name: "it is back", after: catalog.CheckEvery, change: func() { store.snapshot, store.version = small("three"), "3" }, want: "three", checks: 7, transfers: 3},
	} {
		now = now.Add(step.after)
		if step.change != nil {
			step.change()
		}
		accounts, err := c.Accounts(t.Context())
		if err != nil {
			t.Fatalf("%s: %v", step.name, err)
		}
		if got := slices.Collect(accounts.All()); len(got) != 1 || got[0].Name != step.want || store.checks != step.checks || store.transfers != step.transfers {
			t.Errorf("%s: got %v, %d checks, %d transfers; want %s, %d, %d", step.name, got, store.checks, store.transfers, step.want, step.checks, step.transfers)
		}
	}
}

// A new deployment has no snapshot. The catalog says so and requests one.
func TestWithoutASnapshot(t *testing.T) {
	tests := []struct {
		name      string
		getErr    error
		wantAsked int
		wantCode  access.Code
	}{
		{name: "there is none", wantAsked: 1, wantCode: access.CodeNotReady},
		{name: "it makes no sense", getErr: access.Errorf(access.CodeInvalid, "no gzip"), wantAsked: 1, wantCode: access.CodeNotReady},
		{name: "S3 does not answer", getErr: outage, wantCode: access.CodeUnavailable},
		{name: "S3 does not permit it", getErr: access.Errorf(access.CodeMisconfigure, "AccessDenied"), wantCode: access.CodeMisconfigure},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			now := start
			clock := func() time.Time { return now }
			store := &fakeStore{getErr: test.getErr}
			asked := 0
			c := &catalog.Catalog{Store: store, Now: clock, Logger: quiet, Ask: func(context.Context) error { asked++; return outage }}
			for range 3 { // also between two checks for a newer one
				_, accounts := c.Accounts(t.Context())
				_, sets := c.PermissionSets(t.Context())
				_, groups := c.Groups(t.Context())
				_, complete := c.Complete(t.Context(), access.Target{Kind: access.KindAccount, AccountID: "111111111111"})
				for _, err := range []error{accounts, sets, groups, complete} {
					if access.CodeOf(err) != test.wantCode {
						t.Fatalf("got %v, want code %q", err, test.wantCode)
					}
				}
				if id := c.ManagementAccount(t.Context()); id != "" {
					t.Errorf("the management account is %q", id)
				}
			}
			if asked != test.wantAsked || store.checks != 1 {
				t.Errorf("asked %d times for a snapshot and looked %d times; want %d and 1", asked, store.checks, test.wantAsked)
			}
			store.snapshot, store.version, store.getErr = small("first"), "1", nil
			now = now.Add(catalog.CheckMissingEvery)
			if accounts, err := c.Accounts(t.Context()); err != nil || accounts.Len() != 1 {
				t.Errorf("%v; want the snapshot as soon as it is looked for again", err)
			}
		})
	}
	t.Run("asked for again when a run would have ended", func(t *testing.T) {
		now, asked := start, 0
		c := &catalog.Catalog{
			Store: &fakeStore{}, Now: func() time.Time { return now }, Logger: quiet,
			Ask: func(context.Context) error { asked++; return nil },
		}
		for range 2 * int(catalog.AskEvery/catalog.CheckMissingEvery) {
			if _, err := c.Groups(t.Context()); access.CodeOf(err) != access.CodeNotReady {
				t.Fatal(err)
			}
			now = now.Add(catalog.CheckMissingEvery)
		}
		if asked != 2 {
			t.Errorf("asked %d times in twenty minutes, want 2", asked)
		}
	})
}

func TestMatching(t *testing.T) {
	store := &fakeStore{version: "1", snapshot: &catalog.Snapshot{Accounts: []access.Account{
		{ID: "111111111111", Name: "Production"}, {ID: "222222222222", Name: "product-Ümlaut"}, {ID: "333333333333"},
		{ID: "444444444444", Name: "shop-staging"}, {ID: "555555555555", Name: "shop-production"},
	}}}
	c := &catalog.Catalog{Store: store, Now: time.Now, Logger: quiet}
	accounts, err := c.Accounts(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for typed, want := range map[string][]string{
		"":                      {"111111111111", "222222222222", "333333333333", "444444444444", "555555555555"},
		" \t ":                  {"111111111111", "222222222222", "333333333333", "444444444444", "555555555555"},
		" PROD ":                {"111111111111", "222222222222", "555555555555"},
		"ümlaut":                {"222222222222"},
		"(1111":                 {"111111111111"},
		"3333":                  {"333333333333"},
		"prod shop":             {"555555555555"},
		"Shop  PROD":            {"555555555555"},
		"shop-production (5555": {"555555555555"},
		"5555 shop":             {"555555555555"},
		"shop shop":             {"444444444444", "555555555555"},
		"shop sandbox":          nil,
		"not to be had":         nil,
	} {
		var got []string
		for a := range accounts.Matching(typed) {
			got = append(got, a.ID)
		}
		if !slices.Equal(got, want) {
			t.Errorf("%q: got %v, want %v", typed, got, want)
		}
	}
}

// A caller that gives up while the catalog is read leaves nothing behind: the next caller
// doesn't mistake that for a catalog that can't be read.
func TestCanceledReadIsNotKept(t *testing.T) {
	store := &fakeStore{snapshot: small("Production"), version: "1"}
	store.snapshot.ManagementAccount = "222222222222"
	c := &catalog.Catalog{Store: store, Now: func() time.Time { return start }, Logger: quiet}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	store.getErr = context.Canceled
	if got := c.ManagementAccount(ctx); got != "" {
		t.Fatalf("read %q", got)
	}
	store.getErr = nil
	if got := c.ManagementAccount(t.Context()); got != "222222222222" {
		t.Errorf("the next caller gets %q", got)
	}
}
