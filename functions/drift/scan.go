package drift

import (
	"context"
	"fmt"
	"sync"

	"sso-elevator/functions/access"
	"sso-elevator/functions/access/parallel"
)

// Scan reads one batch of a run and writes what it found. Invalid: the plan has
// no such batch.
//
// Scan lists assignments before it reads leases: grant writes the lease before it
// creates the assignment, so the lease of a listed assignment exists. revoke uses the
// opposite order: it deletes the assignment before the lease. So Scan lists
// everything without a lease again, and reads those leases again. Only access that is
// listed twice and has no lease twice is a finding.
func (e *Engine) Scan(ctx context.Context, run string, batch int) error {
	plan, err := e.Store.Plan(ctx, run)
	if err != nil {
		return err
	}
	if batch < 0 || batch >= len(plan.Batches) {
		return access.Errorf(access.CodeInvalid, "run %s has %d batches, but no batch %d", run, len(plan.Batches), batch)
	}
	s := &scanner{engine: e, plan: &plan, index: access.NewIndex(&plan.Policy), accounts: indexes(plan.Accounts), sets: indexes(plan.Sets)}
	reading, cancel := withWriteTime(ctx)
	defer cancel()
	s.listBatch(reading, plan.Batches[batch])
	unleased := s.withoutLease(reading, s.entries)
	unleased = s.withoutLease(reading, s.listAgain(reading, unleased))
	result := BatchResult{PlannedAt: plan.StartedAt, Unread: s.gaps.unread(), Unmanageable: s.gaps.listUnmanageable()}
	seen := map[string]bool{}
	for _, p := range unleased {
		// Several batches may list the same user's assignments, and an item may be on two
		// pages of a list.
		if key := p.finding.Key(); !seen[key] {
			seen[key] = true
			result.Findings = append(result.Findings, p.finding)
		}
	}
	return e.Store.PutBatchResult(ctx, run, batch, result)
}

type scanner struct {
	engine         *Engine
	plan           *Plan
	index          *access.Index
	accounts, sets map[string]int
	gaps           gaps

	mu      sync.Mutex
	entries []entry
}

// entry is an assignment or a membership that was listed.
type entry struct {
	place   place
	finding access.Finding
}

// place is where assignments or members are listed: an account with a permission
// set, or a group, by their indexes in the plan.
type place struct {
	group        bool
	account, set int
}

// listBatch lists everything that the batch names.
func (s *scanner) listBatch(ctx context.Context, b Batch) {
	var places []place
	for _, pair := range b.AccountSets {
		for _, set := range pair.Sets {
			places = append(places, place{account: pair.Account, set: set})
		}
	}
	for _, found := range s.discover(ctx, b.Accounts) {
		places = append(places, found...)
	}
	for _, group := range b.Groups {
		places = append(places, place{group: true, set: group})
	}
	parallel.Do(len(places), callsAtOnce, func(i int) {
		there, err := s.listAt(ctx, places[i])
		if err != nil {
			s.addUnread(places[i], err)
			return
		}
		s.add(there...)
	})
	parallel.Do(len(b.Users), callsAtOnce, func(i int) {
		assignments, _, err := s.engine.Directory.AssignmentsOf(ctx, b.Users[i])
		if err != nil {
			s.gaps.add("assignments of user "+b.Users[i], err)
			return
		}
		for _, a := range assignments {
			account, ok := s.accounts[a.AccountID]
			set, okToo := s.sets[a.PermissionSetARN]
			if ok && okToo && s.covers(account, set) {
				s.add(s.entryOf(place{account: account, set: set}, a))
			}
		}
	})
}

// discover lists which permission sets in scope are in each account.
func (s *scanner) discover(ctx context.Context, accounts []int) [][]place {
	places := make([][]place, len(accounts))
	parallel.Do(len(accounts), callsAtOnce, func(i int) {
		account := accounts[i]
		arns, err := s.engine.Directory.ProvisionedPermissionSets(ctx, s.plan.Accounts[account].ID)
		if err != nil {
			s.gaps.addAccount(s.plan.Accounts[account], err)
			return
		}
		for _, arn := range arns {
			if set, ok := s.sets[arn]; ok && s.covers(account, set) {
				places[i] = append(places[i], place{account: account, set: set})
			}
		}
	})
	return places
}

func (s *scanner) covers(account, set int) bool {
	return s.index.Covers(access.Target{Kind: access.KindAccount, AccountID: s.plan.Accounts[account].ID, PermissionSet: s.plan.Sets[set].Name}, s.plan.Accounts[account].OUs)
}

func (s *scanner) add(there ...entry) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.entries = append(s.entries, there...)
}

func (s *scanner) addUnread(p place, err error) {
	if p.group {
		s.gaps.add(groupText(s.plan.Groups[p.set]), err)
		return
	}
	s.gaps.addAccount(s.plan.Accounts[p.account], err)
}

// listAt lists the entries of a place.
func (s *scanner) listAt(ctx context.Context, p place) ([]entry, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	var there []entry
	if p.group {
		g := s.plan.Groups[p.set]
		members, err := s.engine.Directory.Memberships(ctx, g.ID)
		if err != nil {
			return nil, err
		}
		for _, m := range members {
			there = append(there, entry{p, access.Finding{MembershipID: m.ID, Subject: access.Subject{
				Target: access.Target{Kind: access.KindGroup, GroupID: g.ID, GroupName: g.Name}, PrincipalID: m.UserID,
			}}})
		}
		return there, nil
	}
	assignments, err := s.engine.Directory.UserAssignments(ctx, s.plan.Accounts[p.account].ID, s.plan.Sets[p.set].ID)
	if err != nil {
		return nil, err
	}
	for _, a := range assignments {
		there = append(there, s.entryOf(p, a))
	}
	return there, nil
}

// entryOf returns the assignment at the place as an entry.
func (s *scanner) entryOf(p place, a access.Assignment) entry {
	account, set := s.plan.Accounts[p.account], s.plan.Sets[p.set]
	return entry{p, access.Finding{Subject: access.Subject{
		Target: access.Target{
			Kind: access.KindAccount, AccountID: account.ID, AccountName: account.Name,
			PermissionSet: set.Name, PermissionSetARN: set.ID,
		},
		PrincipalID: a.UserID,
	}}}
}

// withoutLease returns the entries without a lease. A lease in any state counts,
// because access that is being granted or removed has one too.
func (s *scanner) withoutLease(ctx context.Context, all []entry) []entry {
	hasLease := make([]bool, len(all))
	parallel.Do(len(all), leasesAtOnce, func(i int) {
		_, found, err := s.engine.Table.Lease(ctx, all[i].finding.Key())
		if err != nil {
			s.addUnread(all[i].place, fmt.Errorf("read the lease: %w", err))
		}
		hasLease[i] = found || err != nil
	})
	var unleased []entry
	for i, p := range all {
		if !hasLease[i] {
			unleased = append(unleased, p)
		}
	}
	return unleased
}

// listAgain lists the entries' places again and returns the entries that are
// still there.
func (s *scanner) listAgain(ctx context.Context, all []entry) []entry {
	byPlace := map[place]map[string]bool{}
	var places []place
	for _, p := range all {
		if byPlace[p.place] == nil {
			byPlace[p.place] = map[string]bool{}
			places = append(places, p.place)
		}
		byPlace[p.place][p.finding.Key()] = true
	}
	again := make([][]entry, len(places))
	parallel.Do(len(places), callsAtOnce, func(i int) {
		there, err := s.listAt(ctx, places[i])
		if err != nil {
			s.addUnread(places[i], err)
			return
		}
		for _, p := range there {
			if byPlace[p.place][p.finding.Key()] {
				again[i] = append(again[i], p)
			}
		}
	})
	var still []entry
	for _, some := range again {
		still = append(still, some...)
	}
	return still
}
