package drift

import (
	"context"
	"encoding/json"
	"errors"
	"math"
	"slices"
	"strings"
	"sync"

	"sso-elevator/functions/access"
	"sso-elevator/functions/access/metric"
	"sso-elevator/functions/access/parallel"
)

// Start is how a run was started.
type Start struct {
	Run       string // the name of its execution
	Execution string // ARN
	Account   string // that the engine runs in; empty if it is not known
	Mode      access.DriftMode
	// Event is the CloudTrail event that started the run, if one did. Then the
	// run reads only what the event names.
	Event json.RawMessage
}

// Plan decides what the run reads, writes that in batches, and returns the
// batches' numbers. Invalid: there is no such mode.
//
// A run that an event started is always in mode warn, no matter what mode its input
// names. So is every run while removals are switched off.
func (e *Engine) Plan(ctx context.Context, s Start) ([]int, error) {
	if s.Mode != access.DriftWarn && s.Mode != access.DriftRevoke {
		return nil, access.Errorf(access.CodeInvalid, "unknown mode %q", s.Mode)
	}
	policy, err := e.Policy(ctx)
	if err != nil {
		return nil, err
	}
	p := &planner{engine: e, index: access.NewIndex(&policy), plan: Plan{
		Run: s.Run, Mode: s.Mode, Execution: s.Execution, StartedAt: e.Now().UTC(), Policy: policy,
	}}
	isPartial := len(s.Event) > 0 && string(s.Event) != "null"
	if isPartial || e.RemovalsOff {
		p.plan.Mode = access.DriftWarn
	}
	p.readNames(ctx)
	p.readOUs(ctx)
	reading, cancel := withWriteTime(ctx)
	defer cancel()
	if isPartial {
		p.plan.Partial = true
		err = p.planEvent(reading, s.Event)
	} else {
		if err = p.planGroups(reading); err == nil {
			err = p.planAssignments(reading, s.Account)
		}
	}
	if err != nil {
		return nil, err
	}
	p.plan.Unread = p.gaps.unread()
	p.plan.Unmanageable = p.gaps.listUnmanageable()
	p.plan.Batches = p.pack()
	if err := e.Store.PutPlan(ctx, p.plan); err != nil {
		return nil, err
	}
	e.Logger.InfoContext(ctx, "run planned", "run", s.Run, "mode", s.Mode, "partial", p.plan.Partial, "by_user", p.plan.ByUser,
		"accounts", len(p.plan.Accounts), "permission_sets", len(p.plan.Sets), "groups", len(p.plan.Groups), "batches", len(p.plan.Batches))
	if !p.plan.Partial {
		// Count the mode that the run was started in, because an alarm expects runs of each
		// schedule.
		e.Count(metric.ReconcileBegun, map[string]string{"Mode": string(s.Mode)})
	}
	numbers := make([]int, len(p.plan.Batches))
	for i := range numbers {
		numbers[i] = i
	}
	return numbers, nil
}

type planner struct {
	engine *Engine
	index  *access.Index
	plan   Plan
	gaps   gaps

	accountNames, setNames map[string]string
	ousOf                  func(accountID string) (ous []string, known bool)

	pairs        []AccountSets
	undiscovered []int // accounts whose permission sets are still to be listed
	users        []string
	perUser      float64 // calls
}

func (p *planner) readNames(ctx context.Context) {
	if p.engine.Names == nil {
		return
	}
	accounts, sets, err := p.engine.Names(ctx)
	if err != nil { // then names are read one by one
		p.engine.Logger.WarnContext(ctx, "names could not be read from the catalog", "error", access.ErrorMessage(err))
		return
	}
	p.accountNames, p.setNames = accounts, sets
}

// readOUs reads the organizational units of accounts. Without them, the run checks only
// what the policy covers in another way, and is incomplete.
func (p *planner) readOUs(ctx context.Context) {
	p.ousOf = func(string) ([]string, bool) { return nil, true }
	wanted := p.index.OUs()
	if len(wanted) == 0 {
		return
	}
	of, err := p.engine.OUs(ctx, wanted)
	if err != nil {
		p.gaps.add("the accounts in organizational units", err)
		return
	}
	p.ousOf = of
}

// withOUs returns the account with its organizational units. If they are not known, it
// counts as unread, unless they make no difference.
func (p *planner) withOUs(a access.Account, sets []Named) Named {
	n := Named{ID: a.ID, Name: a.Name, Management: a.Management}
	var known bool
	if n.OUs, known = p.ousOf(a.ID); known {
		return n
	}
	inAll := Named{ID: a.ID, OUs: p.index.OUs()}
	if slices.ContainsFunc(sets, func(s Named) bool { return p.covers(inAll, s.Name) && !p.covers(n, s.Name) }) {
		p.gaps.addText(accountText(n), "the catalog doesn't know its organizational unit yet")
	}
	return n
}

// planGroups takes the groups that the policy names, or all groups if it says
// "*". It leaves out those that SCIM manages.
func (p *planner) planGroups(ctx context.Context) error {
	named := map[string]bool{}
	for _, s := range p.plan.Policy.Groups {
		for _, id := range s.Resources {
			named[id] = true
		}
	}
	if named["*"] {
		all, err := p.engine.Directory.Groups(ctx)
		if err != nil {
			return err
		}
		for _, g := range all {
			p.addGroup(g)
		}
		return nil
	}
	ids := sortedKeys(named)
	found := make([]access.Group, len(ids))
	parallel.Do(len(ids), callsAtOnce, func(i int) {
		g, ok, err := p.engine.Directory.Group(ctx, ids[i])
		if err != nil {
			p.gaps.add(groupText(Named{ID: ids[i]}), err)
		} else if ok {
			found[i] = g
		}
	})
	for _, g := range found {
		if g.ID != "" {
			p.addGroup(g)
		}
	}
	return nil
}

// addGroup adds the group if the policy covers it. A group that SCIM manages is
// only named.
func (p *planner) addGroup(g access.Group) {
	if !p.index.Covers(access.Target{Kind: access.KindGroup, GroupID: g.ID}, nil) {
		return
	}
	if g.Provisioned {
		name := g.Name
		if name == "" {
			name = g.ID
		}
		p.plan.Provisioned = append(p.plan.Provisioned, name)
		slices.Sort(p.plan.Provisioned)
		return
	}
	p.plan.Groups = append(p.plan.Groups, Named{ID: g.ID, Name: g.Name})
}

// planAssignments decides how assignments are listed. ownAccount is the account
// that the engine runs in, "" if that is not known.
//
// Listing by account takes one call for each permission set in an account, plus calls
// to find out which sets are in which account: one for each account, or for each
// permission set, one call per hundred accounts. Listing by user takes one or more calls for
// each user, and also returns users' names. AWS allows that only to the management
// account.
func (p *planner) planAssignments(ctx context.Context, ownAccount string) error {
	if len(p.plan.Policy.Accounts) == 0 {
		return nil
	}
	if err := p.findScope(ctx, ownAccount); err != nil {
		return err
	}
	accounts, sets := len(p.plan.Accounts), len(p.plan.Sets)
	if accounts == 0 || sets == 0 {
		return nil
	}
	discovery := min(accounts, sets*pages(accounts))
	covered := p.countCovered()
	if l := p.readListing(ctx, covered); l != nil && discovery <= planCalls && p.planAsBefore(ctx, l, discovery, covered) {
		return nil
	}
	users, byUser, isSure := p.costByUser(ctx, discovery, covered)
	learned := &Listing{At: p.plan.StartedAt, Accounts: accounts, Sets: sets, Covered: covered}
	if byUser > 0 {
		learned.PerUser = p.perUser
	}
	defer func() {
		if isSure && covered <= enoughCovered && len(p.gaps.unread()) == 0 {
			p.plan.Learned = learned
		}
	}()
	switch {
	case byUser > 0 && (byUser <= discovery || p.engine.ListBy == "user"):
		p.listByUser(users)
		return nil
	case discovery > planCalls:
		for i := range p.plan.Accounts {
			p.undiscovered = append(p.undiscovered, i)
		}
		return nil
	}
	p.discover(ctx)
	calls := 0
	for _, pair := range p.pairs {
		calls += len(pair.Sets)
	}
	learned.Provisioned = calls
	if byUser > 0 && byUser < calls {
		p.listByUser(users)
	} else {
		learned.PerUser = 0
	}
	return nil
}

// costByUser returns all users, and how many calls listing by user takes. calls is 0
// if listing by user isn't possible, or can't be cheaper than listing by account. isSure
// is false if that is only because a call failed.
func (p *planner) costByUser(ctx context.Context, discovery, covered int) (users []string, calls int, isSure bool) {
	if p.engine.ListBy == "account" {
		return nil, 0, false
	}
	most := discovery + covered
	if p.engine.ListBy == "user" {
		most = math.MaxInt
	}
	users, err := p.listUsers(ctx, most)
	if err != nil {
		// Names can be read one by one, and listing by account needs no users.
		p.engine.Logger.WarnContext(ctx, "users could not be listed", "error", access.ErrorMessage(err))
	}
	if len(users) == 0 {
		return nil, 0, err == nil
	}
	calls, isSure = p.probeUsers(ctx, users, most)
	return users, calls, isSure
}

func (p *planner) listByUser(users []string) {
	p.plan.ByUser, p.users, p.pairs = true, users, nil
}

// pages returns how many pages n items fill.
func pages(items int) int { return (items + access.DirectoryPageSize - 1) / access.DirectoryPageSize }

// findScope adds the accounts and permission sets of which the policy covers at
// least one pair.
func (p *planner) findScope(ctx context.Context, ownAccount string) error {
	// Organizations and Identity Center have quotas of their own.
	var accounts []access.Account
	var sets []Named
	var failed [2]error
	parallel.Do(2, 2, func(i int) {
		if i == 0 {
			accounts, failed[0] = p.engine.Directory.Accounts(ctx)
		} else {
			sets, failed[1] = p.listSets(ctx)
		}
	})
	if err := errors.Join(failed[:]...); err != nil {
		return err
	}
	slices.SortFunc(accounts, func(a, b access.Account) int { return strings.Compare(a.ID, b.ID) })
	slices.SortFunc(sets, func(a, b Named) int { return strings.Compare(a.ID, b.ID) })
	ofAny := map[string]bool{}
	for _, account := range accounts {
		a := p.withOUs(account, sets)
		here := false
		for _, s := range sets {
			if (!here || !ofAny[s.ID]) && p.covers(a, s.Name) {
				here, ofAny[s.ID] = true, true
			}
		}
		switch {
		case !here:
		case a.Management && ownAccount != "" && ownAccount != a.ID:
			p.gaps.addUnmanageable(a.ID)
		default:
			p.plan.Accounts = append(p.plan.Accounts, a)
		}
	}
	for _, s := range sets {
		if ofAny[s.ID] {
			p.plan.Sets = append(p.plan.Sets, s)
		}
	}
	return nil
}

// listSets returns the permission sets of the instance.
func (p *planner) listSets(ctx context.Context) ([]Named, error) {
	arns, err := p.engine.Directory.PermissionSetARNs(ctx)
	if err != nil {
		return nil, err
	}
	sets := make([]Named, len(arns))
	failed := make([]error, len(arns))
	parallel.Do(len(arns), callsAtOnce, func(i int) {
		sets[i], failed[i] = p.permissionSet(ctx, arns[i])
	})
	for _, err := range failed {
		if err != nil {
			return nil, err
		}
	}
	return sets, nil
}

// permissionSet returns the permission set with its name; without a name if it
// was deleted.
func (p *planner) permissionSet(ctx context.Context, arn string) (Named, error) {
	if name := p.setNames[arn]; name != "" {
		return Named{ID: arn, Name: name}, nil
	}
	name, err := p.engine.Directory.PermissionSetName(ctx, arn)
	if access.CodeOf(err) == access.CodeNotFound {
		err = nil
	}
	return Named{ID: arn, Name: name}, err
}

func (p *planner) covers(account Named, permissionSet string) bool {
	return p.index.Covers(access.Target{Kind: access.KindAccount, AccountID: account.ID, PermissionSet: permissionSet}, account.OUs)
}

// enoughCovered is the number from which on countCovered stops counting.
const enoughCovered = 200_000

// countCovered returns how many pairs of account and permission set the policy
// covers: at most that many are listed. It stops counting once there are enough,
// because then the exact number doesn't matter.
func (p *planner) countCovered() int {
	n := 0
	for _, a := range p.plan.Accounts {
		for _, s := range p.plan.Sets {
			if p.covers(a, s.Name) {
				n++
			}
		}
		if n > enoughCovered {
			break
		}
	}
	return n
}

// listUsers lists all users. If their number exceeds most, listing by user takes more
// calls than listing by account. listUsers then returns none, and names are read
// later.
func (p *planner) listUsers(ctx context.Context, most int) ([]string, error) {
	names := map[string]string{}
	var ids []string
	err := p.engine.Directory.UserPages(ctx, func(page []access.User) bool {
		for _, u := range page {
			names[u.ID] = u.UserName
			ids = append(ids, u.ID)
		}
		return len(ids) <= most
	})
	if err != nil || len(ids) > most {
		return nil, err
	}
	p.plan.Users = names
	return ids, nil
}

// probeUsers lists some users' assignments and estimates how many calls it takes to
// list everyone's. It returns 0 if AWS doesn't let this account list by user, or
// doesn't answer. It stops early if the number is clearly above most. isSure is false if
// AWS didn't answer.
func (p *planner) probeUsers(ctx context.Context, users []string, most int) (total int, isSure bool) {
	step := max(1, len(users)/probes)
	looked, calls := 0, 0
	tooMany := func() bool { return float64(calls)/probes*float64(len(users)) > float64(most) }
	for i := 0; i < len(users) && looked < probes && !tooMany(); i += step {
		_, n, err := p.engine.Directory.AssignmentsOf(ctx, users[i])
		if err != nil {
			if !access.IsDenied(err) {
				p.engine.Logger.WarnContext(ctx, "assignments could not be listed by user", "error", access.ErrorMessage(err))
				return 0, false
			}
			return 0, true
		}
		looked, calls = looked+1, calls+n
	}
	p.perUser = float64(calls) / float64(looked)
	return int(p.perUser*float64(len(users)) + 0.5), true
}

// discover finds out which permission sets are in which accounts, using whichever way
// takes fewer calls.
func (p *planner) discover(ctx context.Context) {
	accounts, sets := p.plan.Accounts, p.plan.Sets
	var mu sync.Mutex
	in := make([]map[int]bool, len(accounts)) // by account: its permission sets
	enter := func(account, set int) {
		mu.Lock()
		defer mu.Unlock()
		if in[account] == nil {
			in[account] = map[int]bool{}
		}
		in[account][set] = true
	}
	if len(sets)*pages(len(accounts)) < len(accounts) {
		byID := indexes(accounts)
		parallel.Do(len(sets), callsAtOnce, func(s int) {
			ids, err := p.engine.Directory.AccountsWith(ctx, sets[s].ID)
			if err != nil {
				p.gaps.add("permission set "+sets[s].Name, err)
				return
			}
			for _, id := range ids {
				if a, ok := byID[id]; ok {
					enter(a, s)
				}
			}
		})
	} else {
		byARN := indexes(sets)
		parallel.Do(len(accounts), callsAtOnce, func(a int) {
			arns, err := p.engine.Directory.ProvisionedPermissionSets(ctx, accounts[a].ID)
			if err != nil {
				p.gaps.addAccount(accounts[a], err)
				return
			}
			for _, arn := range arns {
				if s, ok := byARN[arn]; ok {
					enter(a, s)
				}
			}
		})
	}
	p.addPairs(func(account, set int) bool { return in[account][set] })
}

// addPairs adds the covered pairs of account and permission set that may exist.
func (p *planner) addPairs(mayExist func(account, set int) bool) {
	for a, account := range p.plan.Accounts {
		pair := AccountSets{Account: a}
		for s, set := range p.plan.Sets {
			if mayExist(a, s) && p.covers(account, set.Name) {
				pair.Sets = append(pair.Sets, s)
			}
		}
		if len(pair.Sets) > 0 {
			p.pairs = append(p.pairs, pair)
		}
	}
}

// indexes returns the index of each item, by id.
func indexes(list []Named) map[string]int {
	byID := make(map[string]int, len(list))
	for i, one := range list {
		byID[one.ID] = i
	}
	return byID
}
