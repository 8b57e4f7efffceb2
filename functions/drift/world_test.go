package drift_test

import (
	"context"
	"log/slog"
	"maps"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/aws/smithy-go"

	"sso-elevator/functions/access"
	"sso-elevator/functions/adapters/findings"
	"sso-elevator/functions/drift"
)

var (
	monday   = time.Date(2026, 3, 2, 9, 30, 0, 0, time.UTC)
	throttle = access.Errorf(access.CodeThrottled, "slow down")
	refusal  = access.Wrap(access.CodeMisconfigure, &smithy.GenericAPIError{Code: "AccessDeniedException", Message: "no"}, "list")
)

// world is an organization, and everything else that an engine needs. fail names the
// failing calls: by "operation argument", or "operation".
type world struct {
	mu          sync.Mutex
	accounts    []access.Account
	sets        map[string]string // ARN ► name
	groups      map[string]access.Group
	users       map[string]string // id ► name
	assignments map[access.Assignment]bool
	members     map[[2]string]bool // group, user
	leaves      map[string]access.Leave
	blocks      access.Blocks
	leases      map[string]access.Lease
	policy      access.Policy

	fail  map[string]error
	calls map[string]int
	after func(operation string) // each call

	rows  map[string]access.Run
	beat  access.Heartbeat
	store *findings.Store

	emails   map[string][]string // of users
	removals int                 // within 24 hours

	now     time.Time
	counted map[string]int
}

func newWorld() *world {
	return &world{
		sets: map[string]string{}, groups: map[string]access.Group{}, users: map[string]string{},
		assignments: map[access.Assignment]bool{}, members: map[[2]string]bool{}, leases: map[string]access.Lease{}, leaves: map[string]access.Leave{},
		fail: map[string]error{}, calls: map[string]int{}, rows: map[string]access.Run{}, counted: map[string]int{},
		store: &findings.Store{Objects: &findings.Memory{}}, now: monday,
	}
}

func (w *world) engine() *drift.Engine {
	return &drift.Engine{
		Directory: w, Table: w, Store: w.store, Limit: 100,
		Policy: func(context.Context) (access.Policy, error) { return w.policy, nil },
		Now:    func() time.Time { return w.now },
		Next:   func(t time.Time) (time.Time, bool) { return t.Add(time.Hour), true },
		Count: func(name string, d map[string]string) {
			if mode := d["Mode"]; mode != "" {
				name += " " + mode
			}
			w.counted[name]++
		},
		Logger: slog.New(slog.DiscardHandler),
	}
}

// call counts a call. The caller has to call unlock afterwards.
func (w *world) call(operation, argument string) error {
	w.mu.Lock()
	w.calls[operation]++
	if err := w.fail[operation+" "+argument]; err != nil {
		return err
	}
	return w.fail[operation]
}

func (w *world) unlock(operation string) {
	if w.after != nil {
		w.after(operation)
	}
	w.mu.Unlock()
}

func (w *world) Accounts(context.Context) ([]access.Account, error) {
	err := w.call("Accounts", "")
	defer w.unlock("Accounts")
	return slices.Clone(w.accounts), err
}

func (w *world) PermissionSetARNs(context.Context) ([]string, error) {
	err := w.call("PermissionSetARNs", "")
	defer w.unlock("PermissionSetARNs")
	return slices.Sorted(maps.Keys(w.sets)), err
}

func (w *world) PermissionSetName(_ context.Context, arn string) (string, error) {
	err := w.call("PermissionSetName", arn)
	defer w.unlock("PermissionSetName")
	if name, ok := w.sets[arn]; ok || err != nil {
		return name, err
	}
	return "", access.Errorf(access.CodeNotFound, "there is none")
}

func (w *world) Groups(context.Context) ([]access.Group, error) {
	err := w.call("Groups", "")
	defer w.unlock("Groups")
	var all []access.Group
	for _, id := range slices.Sorted(maps.Keys(w.groups)) {
		all = append(all, w.groups[id])
	}
	return all, err
}

func (w *world) Group(_ context.Context, id string) (access.Group, bool, error) {
	err := w.call("Group", id)
	defer w.unlock("Group")
	g, ok := w.groups[id]
	return g, ok && err == nil, err
}

func (w *world) ProvisionedPermissionSets(_ context.Context, accountID string) ([]string, error) {
	err := w.call("ProvisionedPermissionSets", accountID)
	defer w.unlock("ProvisionedPermissionSets")
	in := map[string]bool{}
	for a := range w.assignments {
		if a.AccountID == accountID {
			in[a.PermissionSetARN] = true
		}
	}
	if err != nil {
		return nil, err
	}
	return slices.Sorted(maps.Keys(in)), nil
}

func (w *world) AccountsWith(_ context.Context, arn string) ([]string, error) {
	err := w.call("AccountsWith", arn)
	defer w.unlock("AccountsWith")
	with := map[string]bool{}
	for a := range w.assignments {
		if a.PermissionSetARN == arn {
			with[a.AccountID] = true
		}
	}
	if err != nil {
		return nil, err
	}
	return slices.Sorted(maps.Keys(with)), nil
}

func (w *world) UserAssignments(_ context.Context, accountID, arn string) ([]access.Assignment, error) {
	err := w.call("UserAssignments", accountID)
	defer w.unlock("UserAssignments")
	if err != nil {
		return nil, err
	}
	return w.listed(func(a access.Assignment) bool { return a.AccountID == accountID && a.PermissionSetARN == arn }), nil
}

func (w *world) AssignmentsOf(_ context.Context, user string) ([]access.Assignment, int, error) {
	err := w.call("AssignmentsOf", user)
	defer w.unlock("AssignmentsOf")
	if err != nil {
		return nil, 1, err
	}
	all := w.listed(func(a access.Assignment) bool { return a.UserID == user })
	return all, 1 + len(all)/access.DirectoryPageSize, nil
}

func (w *world) listed(which func(access.Assignment) bool) []access.Assignment {
	var all []access.Assignment
	for a := range w.assignments {
		if which(a) {
			all = append(all, a)
		}
	}
	return all
}

func (w *world) Memberships(_ context.Context, group string) ([]access.Membership, error) {
	err := w.call("Memberships", group)
	defer w.unlock("Memberships")
	var all []access.Membership
	for m := range w.members {
		if m[0] == group && err == nil {
			all = append(all, access.Membership{ID: "m " + m[0] + " " + m[1], UserID: m[1]})
		}
	}
	return all, err
}

func (w *world) UserPages(_ context.Context, each func([]access.User) bool) error {
	var page []access.User
	for _, id := range slices.Sorted(maps.Keys(w.users)) {
		page = append(page, access.User{ID: id, UserName: w.users[id], Emails: w.emails[id]})
	}
	for {
		err := w.call("UserPages", "")
		w.unlock("UserPages")
		if err != nil {
			return err
		}
		n := min(len(page), access.DirectoryPageSize)
		if !each(page[:n]) || n == len(page) {
			return nil
		}
		page = page[n:]
	}
}

func (w *world) User(_ context.Context, id string) (access.User, bool, error) {
	err := w.call("User", id)
	defer w.unlock("User")
	name, ok := w.users[id]
	if err != nil {
		return access.User{}, false, err
	}
	return access.User{ID: id, UserName: name, Emails: w.emails[id]}, ok, nil
}

func (w *world) UserNames(_ context.Context, id string) ([]string, bool, error) {
	err := w.call("UserNames", id)
	defer w.unlock("UserNames")
	name, ok := w.users[id]
	if err != nil || !ok {
		return nil, false, err
	}
	return append([]string{name}, w.emails[id]...), true, nil
}

func (w *world) CountRemovals(context.Context, time.Time) (int, error) {
	return w.removals, w.fail["CountRemovals"]
}

func (w *world) Lease(_ context.Context, key string) (access.Lease, bool, error) {
	err := w.call("Lease", key)
	defer w.unlock("Lease")
	l, ok := w.leases[key]
	return l, ok && err == nil, err
}

func (w *world) CreateRun(_ context.Context, r access.Run) error {
	if _, there := w.rows[r.ID]; !there {
		w.rows[r.ID] = r
	}
	return nil
}

func (w *world) ExpireRun(_ context.Context, id string, at time.Time) (access.Run, bool, error) {
	r, there := w.rows[id]
	if !there {
		return r, false, access.Errorf(access.CodeNotFound, "there is none")
	}
	won := r.Answer == nil
	if won {
		r.Answer = &access.RunAnswer{At: at}
		w.rows[id] = r
	}
	return r, won, nil
}

func (w *world) Run(_ context.Context, id string) (access.Run, error) {
	if r, there := w.rows[id]; there {
		return r, nil
	}
	return access.Run{}, access.Errorf(access.CodeNotFound, "there is none")
}

func (w *world) Leave(_ context.Context, key string) (access.Leave, bool, error) {
	err := w.call("Leave", key)
	defer w.unlock("Leave")
	l, ok := w.leaves[key]
	return l, ok && err == nil, err
}

func (w *world) Blocks(context.Context) (access.Blocks, error) {
	err := w.call("Blocks", "")
	defer w.unlock("Blocks")
	return w.blocks, err
}

func (w *world) PutLeave(_ context.Context, l access.Leave) error {
	if has, ok := w.leaves[l.Subject]; !ok || has.At.Before(l.At) {
		w.leaves[l.Subject] = l
	}
	return w.fail["PutLeave"]
}

func (w *world) AddPressResult(_ context.Context, run access.Run, p access.PressResult) error {
	r := w.rows[run.ID]
	if len(r.PressResults) != len(run.PressResults) {
		return access.Errorf(access.CodeConflict, "another result came first")
	}
	r.PressResults = append(slices.Clone(r.PressResults), p)
	w.rows[run.ID] = r
	return nil
}

func (w *world) Heartbeat(context.Context) (access.Heartbeat, bool, error) {
	return w.beat, !w.beat.At.IsZero(), w.fail["Heartbeat"]
}

func (w *world) PutHeartbeat(_ context.Context, b access.Heartbeat) error {
	if b.At.After(w.beat.At) {
		w.beat = b
	}
	return nil
}

// small is an organization in which bob requested his access, and alice didn't request
// hers.
func small() *world {
	w := newWorld()
	w.accounts = []access.Account{{ID: "111111111111", Name: "Production"}, {ID: "222222222222", Name: "Sandbox"}, {ID: "999999999999", Name: "Root", Management: true}}
	w.sets = map[string]string{"arn:read": "ReadOnly", "arn:admin": "Admin"}
	w.users = map[string]string{"u-alice": "alice", "u-bob": "bob"}
	w.groups["g-1"] = access.Group{ID: "g-1", Name: "Ops"}
	w.policy = access.Policy{
		Accounts: []access.Statement{{Resources: []string{"111111111111"}, PermissionSets: []string{"*"}, Approvers: []string{"Carol@example.com"}}},
		Groups:   []access.Statement{{Resources: []string{"g-1"}, Approvers: []string{"dave@example.com", "carol@example.com"}}},
	}
	w.assign("111111111111", "arn:admin", "u-alice")
	w.assign("111111111111", "arn:admin", "u-bob")
	w.lease("111111111111", "arn:admin", "u-bob", access.LeaseHeld)
	w.assign("222222222222", "arn:admin", "u-alice") // outside the policy
	return w
}

func subject(account, set, user string) access.Subject {
	return access.Subject{Target: access.Target{Kind: access.KindAccount, AccountID: account, PermissionSetARN: set}, PrincipalID: user}
}

func member(group, user string) access.Subject {
	return access.Subject{Target: access.Target{Kind: access.KindGroup, GroupID: group}, PrincipalID: user}
}

func (w *world) assign(account, set, user string) {
	w.assignments[access.Assignment{AccountID: account, PermissionSetARN: set, UserID: user}] = true
}

func (w *world) unassign(account, set, user string) {
	delete(w.assignments, access.Assignment{AccountID: account, PermissionSetARN: set, UserID: user})
}

func (w *world) lease(account, set, user string, state access.LeaseState) {
	w.leases[subject(account, set, user).Key()] = access.Lease{State: state}
}

// collect runs a run through its Collect step.
func (w *world) collect(t *testing.T, e *drift.Engine, s drift.Start) (drift.NextSteps, []access.Finding) {
	t.Helper()
	batches, err := e.Plan(t.Context(), s)
	if err != nil {
		t.Fatal(err)
	}
	for _, n := range batches {
		if err := e.Scan(t.Context(), s.Run, n); err != nil {
			t.Fatal(err)
		}
	}
	c, err := e.Collect(t.Context(), s.Run)
	if err != nil {
		t.Fatal(err)
	}
	findings, err := w.store.Findings(t.Context(), s.Run)
	if err != nil {
		t.Fatal(err)
	}
	return c, findings
}

func keys(findings []access.Finding) []string {
	all := []string{}
	for _, f := range findings {
		all = append(all, f.Key())
	}
	slices.Sort(all)
	return all
}

// scopeOf is the scope that a run without findings leaves under this policy.
func scopeOf(p access.Policy) *drift.Scope {
	return &drift.Scope{Run: "before", Accounts: p.Accounts, Groups: p.Groups, Protected: p.ProtectedAccounts}
}
