package approvals_test

import (
	"context"
	"slices"
	"sync"
	"testing"
	"time"

	"sso-elevator/functions/access"
	"sso-elevator/functions/adapters/approvals"
	"sso-elevator/functions/adapters/cases"
)

var (
	alice = access.Person{SlackID: "UALICE", Email: "alice@example.com", PrincipalID: "p-alice"}
	bob   = access.Person{SlackID: "UBOB", Email: "bob@example.com", PrincipalID: "p-bob"}
	carol = access.Person{SlackID: "UCAROL", Email: "carol@example.com", PrincipalID: "p-carol"}
)

// world is Slack and Identity Center, and what was asked of them.
type world struct {
	mu      sync.Mutex
	gone    map[string]error // by Slack id
	members []string         // principals in the group g-1
	err     error            // of reading memberships
	asked   []string

	blocks    access.Blocks
	blocksErr error
}

func (w *world) Blocks(context.Context) (access.Blocks, error) { return w.blocks, w.blocksErr }

func (w *world) CheckApprover(_ context.Context, p access.Person) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.asked = append(w.asked, "person "+p.SlackID)
	return w.gone[p.SlackID]
}

// Lease returns that this app granted no membership.
func (w *world) Lease(context.Context, string) (access.Lease, bool, error) {
	return access.Lease{}, false, nil
}

func (w *world) MemberOf(_ context.Context, principalID string, groups []string) ([]string, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.asked = append(w.asked, "groups "+principalID)
	if w.err == nil && slices.Contains(w.members, principalID) {
		return groups, nil
	}
	return nil, w.err
}

func blocking(p access.Person) access.Blocks {
	return access.Blocks{Blocks: []access.Block{{ID: "block-1", Person: p, By: alice}}, Version: 1}
}

func TestCount(t *testing.T) {
	refused, throttled := access.Errorf(access.CodeRefused, "gone"), access.Errorf(access.CodeThrottled, "slow down")
	tests := []struct {
		name      string
		approvers []string
		world     *world
		met       bool
		lapses    []access.Lapse
		code      access.Code
		asked     []string
	}{
		{name: "both are there: no group is read where none is named", approvers: []string{"bob@example.com", "carol@example.com"}, met: true, lapses: []access.Lapse{"", ""},
			asked: []string{"person UBOB", "person UCAROL"}},
		{name: "one is gone", approvers: []string{"bob@example.com", "carol@example.com"}, world: &world{gone: map[string]error{"UBOB": refused}}, lapses: []access.Lapse{access.LapseGone, ""},
			asked: []string{"person UBOB", "person UCAROL"}},
		{name: "one is no longer listed", approvers: []string{"carol@example.com"}, lapses: []access.Lapse{access.LapseNotPermitted, ""},
			asked: []string{"person UBOB", "person UCAROL"}},
		{name: "one left the group", approvers: []string{"group:g-1"}, world: &world{members: []string{"p-bob"}}, lapses: []access.Lapse{"", access.LapseNotPermitted},
			asked: []string{"groups p-bob", "groups p-bob", "groups p-carol", "person UBOB", "person UCAROL"}},
		{name: "nobody reads the groups of who is gone", approvers: []string{"group:g-1"}, world: &world{members: []string{"p-bob", "p-carol"}, gone: map[string]error{"UBOB": refused}},
			lapses: []access.Lapse{access.LapseGone, ""}, asked: []string{"groups p-carol", "groups p-carol", "person UBOB", "person UCAROL"}},
		{name: "a person can't be looked up", approvers: []string{"bob@example.com", "carol@example.com"}, world: &world{gone: map[string]error{"UBOB": throttled}}, code: access.CodeThrottled,
			asked: []string{"person UBOB", "person UCAROL"}},
		{name: "one is blocked", approvers: []string{"bob@example.com", "carol@example.com"}, world: &world{blocks: blocking(carol)}, lapses: []access.Lapse{"", access.LapseBlocked},
			asked: []string{"person UBOB", "person UCAROL"}},
		{name: "another Slack user of one is blocked", approvers: []string{"bob@example.com", "carol@example.com"}, world: &world{blocks: blocking(access.Person{SlackID: "U2", PrincipalID: carol.PrincipalID})},
			lapses: []access.Lapse{"", access.LapseBlocked}, asked: []string{"person UBOB", "person UCAROL"}},
		{name: "nobody knows who is blocked", approvers: []string{"bob@example.com", "carol@example.com"}, world: &world{blocksErr: throttled}, code: access.CodeThrottled},
		{name: "the groups can't be read", approvers: []string{"group:g-1"}, world: &world{err: throttled}, code: access.CodeThrottled,
			asked: []string{"groups p-bob", "groups p-carol", "person UBOB", "person UCAROL"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			w := tt.world
			if w == nil {
				w = &world{}
			}
			index := access.NewIndex(&access.Policy{Accounts: []access.Statement{{Resources: []string{"*"}, PermissionSets: []string{"*"}, Approvers: tt.approvers, ApprovalsNeeded: 2}}})
			r := access.Request{Requester: alice, Target: access.Target{Kind: access.KindAccount, AccountID: "111111111111", PermissionSet: "Admin"}}
			c := &access.Case{Requester: alice.Identity(nil), Target: r.Target}
			check := approvals.Check{People: w, Cases: cases.Reader{Memberships: w, Leases: w}, Blocks: w}
			given := []access.Approval{{By: bob}, {By: carol}}
			var got access.Tally
			var err error
			for range 2 { // the second time, everything is known
				if got, err = check.Count(t.Context(), index, c, r, given); err != nil {
					break
				}
			}
			if access.CodeOf(err) != tt.code {
				t.Fatalf("got %v, want code %q", err, tt.code)
			}
			var lapses []access.Lapse
			for _, a := range got.Approvals {
				lapses = append(lapses, a.Lapse)
			}
			if got.Met != tt.met || !slices.Equal(lapses, tt.lapses) {
				t.Errorf("met %v, lapses %q; want %v, %q", got.Met, lapses, tt.met, tt.lapses)
			}
			if slices.Sort(w.asked); !slices.Equal(w.asked, tt.asked) {
				t.Errorf("asked %q, want %q", w.asked, tt.asked)
			}
			if given[0].Lapse != "" || given[1].Lapse != "" {
				t.Error("the approvals of the row changed")
			}
		})
	}
}

// Who pressed just now is not looked up again.
func TestKnow(t *testing.T) {
	w := &world{}
	index := access.NewIndex(&access.Policy{Accounts: []access.Statement{{Resources: []string{"*"}, PermissionSets: []string{"*"}, Approvers: []string{"group:g-1"}, ApprovalsNeeded: 1}}})
	target := access.Target{Kind: access.KindAccount, AccountID: "111111111111", PermissionSet: "Admin"}
	check := approvals.Check{People: w, Cases: cases.Reader{Memberships: w, Leases: w}, Blocks: w}
	check.Know(bob, bob.Identity([]string{"g-1"}))
	got, err := check.Count(t.Context(), index, &access.Case{Requester: alice.Identity(nil), Target: target}, access.Request{Requester: alice, Target: target}, []access.Approval{{By: bob}})
	if err != nil || !got.Met || len(w.asked) > 0 {
		t.Errorf("met %v, %v, asked %q", got.Met, err, w.asked)
	}
}

func TestOutcome(t *testing.T) {
	at := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	d := access.Decision{Reason: access.ReasonRequiresApproval, Statements: []int{3}}
	tally := access.Tally{Approvals: []access.Approval{{By: bob}, {By: carol, Lapse: access.LapseGone}}}
	if o := approvals.Outcome(tally, access.KindAccount, d, "d1", at); o != nil {
		t.Errorf("got %+v without enough approvals", o)
	}
	tally.Met = true
	if o := approvals.Outcome(tally, access.KindAccount, d, "d1", at); o == nil || o.Kind != access.OutcomeApproved || o.By != bob || o.PolicyDigest != "d1" || !o.At.Equal(at) || !slices.Equal(o.Statements, []int{3}) {
		t.Errorf("got %+v, want approved by bob, whose approval is the last that counts", o)
	}
}
