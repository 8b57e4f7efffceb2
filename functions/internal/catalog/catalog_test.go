package catalog_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"sso-elevator/functions/access"
	"sso-elevator/functions/internal/catalog"
	"sso-elevator/functions/internal/identitycenter"
)

type fakeDirectory struct {
	reads int
	err   error
}

func (f *fakeDirectory) Accounts(context.Context) ([]identitycenter.Account, error) {
	f.reads++
	return []identitycenter.Account{{ID: "111111111111", Name: "Production"}, {ID: "222222222222", Name: "Sandbox"}}, f.err
}

func (f *fakeDirectory) PermissionSets(context.Context) ([]identitycenter.PermissionSet, error) {
	return []identitycenter.PermissionSet{{ARN: "arn:ps/1", Name: "ReadOnly"}, {ARN: "arn:ps/2", Name: "Admin"}}, f.err
}

func (f *fakeDirectory) Groups(context.Context) ([]identitycenter.Group, error) {
	return []identitycenter.Group{{ID: "g-1", Name: "Billing"}}, f.err
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
			got, err := catalog.New(&fakeDirectory{}, time.Now).Complete(t.Context(), test.in)
			if code := access.CodeOf(err); code != test.wantCode {
				t.Fatalf("got %v, want code %q", err, test.wantCode)
			}
			if err == nil && got != test.want {
				t.Errorf("got  %+v\nwant %+v", got, test.want)
			}
		})
	}
}

func TestListsAreKeptForFiveMinutesAndThroughAnOutage(t *testing.T) {
	now := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	directory := &fakeDirectory{err: errors.New("no answer")}
	c := catalog.New(directory, func() time.Time { return now })
	if _, err := c.Accounts(t.Context()); err == nil {
		t.Error("no error where nothing could be read yet")
	}
	directory.err = nil
	for _, step := range []struct {
		after time.Duration
		reads int
	}{{0, 2}, {catalog.MaxAge - time.Second, 2}, {time.Second, 3}} {
		now = now.Add(step.after)
		if accounts, err := c.Accounts(t.Context()); err != nil || len(accounts) != 2 || directory.reads != step.reads {
			t.Errorf("after %s: %d accounts, %v, %d reads; want 2 accounts and %d reads", step.after, len(accounts), err, directory.reads, step.reads)
		}
	}
	now = now.Add(catalog.MaxAge)
	directory.err = errors.New("no answer")
	if accounts, err := c.Accounts(t.Context()); err != nil || len(accounts) != 2 {
		t.Errorf("during an outage: %d accounts, %v; want the 2 of before", len(accounts), err)
	}
}
