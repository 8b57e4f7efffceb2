package drift

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"

	"sso-elevator/functions/access"
	"sso-elevator/functions/access/parallel"
)

// recordsAtOnce is how many findings a range of NextSteps.Found has at most. One
// invocation writes their audit records.
const recordsAtOnce = 25

// mostRemovals is how many findings one run removes at most, so that their
// results fit into the 256 KiB that a state of the machine may carry. The next
// run removes more.
const mostRemovals = 5000

// NextSteps says what to do after a run has collected its batches.
type NextSteps struct {
	// Found are ranges [from, to) of the findings that no earlier run saw.
	Found [][2]int
	// Next is "nothing", "report", "ask" or "remove".
	Next string
	// Removals are the indexes of the findings to remove.
	Removals []int
	// Exempted: this run is the first to leave at least one finding alone under its
	// exemption.
	Exempted bool
	// Complete: the run read everything in scope.
	Complete bool
}

// Collect combines the results of the batches. A batch without a result counts as
// unread.
func (e *Engine) Collect(ctx context.Context, run string) (NextSteps, error) {
	plan, err := e.Store.Plan(ctx, run)
	if err != nil {
		return NextSteps{}, err
	}
	findings, c, found, err := e.readCollected(ctx, &plan)
	if err == nil && !found {
		findings, c, err = e.collect(ctx, &plan)
	}
	if err != nil {
		return NextSteps{}, err
	}
	before, _, err := e.readHistory(ctx)
	if err != nil {
		return NextSteps{}, err
	}
	next := c.Next
	if next == nextReport && !e.hasReport(&plan, before, findings, &c) {
		next = nextNothing
	}
	out := NextSteps{Found: [][2]int{}, Next: next, Removals: []int{}, Exempted: c.Exempted, Complete: len(c.Unread) == 0}
	for from := 0; from < c.New; from += recordsAtOnce {
		out.Found = append(out.Found, [2]int{from, min(from+recordsAtOnce, c.New)})
	}
	if next == nextRemove || next == nextAsk {
		out.Removals = append(out.Removals, access.Run{Removals: mostRemovals}.Asked(findings)...)
	}
	if next != nextNothing {
		if err := e.createRun(ctx, &plan, &c, findings, out.Removals); err != nil {
			return NextSteps{}, err
		}
	}
	e.Logger.InfoContext(ctx, "findings collected", "run", run, "findings", len(findings), "new", c.New, "unread", len(c.Unread), "next", next, "guard", c.Guard)
	return out, nil
}

// readCollected reads what an earlier try of Collect wrote for this plan. The state
// machine may have that try's answer, which names findings by their index.
func (e *Engine) readCollected(ctx context.Context, plan *Plan) (findings []access.Finding, c Collected, found bool, err error) {
	c, err = e.Store.Collected(ctx, plan.Run)
	if err == nil && c.PlannedAt.Equal(plan.StartedAt) {
		findings, err = e.Store.Findings(ctx, plan.Run)
		return findings, c, err == nil, err
	}
	if code := access.CodeOf(err); code == access.CodeNotFound || code == access.CodeInvalid {
		err = nil
	}
	return nil, Collected{}, false, err
}

// collect combines the results of the batches, adds new findings to the history, and
// writes first the findings, then the other results.
func (e *Engine) collect(ctx context.Context, plan *Plan) ([]access.Finding, Collected, error) {
	findings, c, err := e.merge(ctx, plan)
	if err != nil {
		return nil, c, err
	}
	c.PlannedAt = plan.StartedAt
	e.nameUsers(ctx, plan, findings)
	markProtected(plan, findings)
	now := e.Now()
	findings, unread := e.markExempt(ctx, &plan.Policy, findings, now)
	c.Unread = append(c.Unread, unread...)
	findings, unread = e.markLeft(ctx, findings, now)
	c.Unread = append(c.Unread, unread...)
	exemptions := make([]*access.Spared, len(findings))
	for i, f := range findings {
		exemptions[i] = f.Exemption
	}
	var before History
	err = e.updateHistory(ctx, func(h *History) {
		before = *h
		c.New = enterFirstSeen(h, plan, findings)
		for i := range findings {
			findings[i].Exemption = exemptions[i] // an earlier try may have limited it
			findings[i].LimitExemption(now)
		}
		enterCreation(h, plan, findings)
		if !plan.Partial && len(c.Unread) == 0 {
			dropGone(h, plan, findings)
		}
		enterListing(h, plan, len(c.Unread) == 0)
		c.Exempted = enterExempt(h, plan, findings, now)
	})
	if err != nil {
		return nil, c, err
	}
	sortFindings(findings, func(f access.Finding) bool { return before.Findings[f.Key()].FirstRun == plan.Run })
	if err := e.decideNext(ctx, plan, before, findings, &c); err != nil {
		return nil, c, err
	}
	if err := e.Store.PutFindings(ctx, plan.Run, findings); err != nil {
		return nil, c, err
	}
	return findings, c, e.Store.PutCollected(ctx, plan.Run, c)
}

// createRun creates the run's row. If the run has to ask, the row says whom and
// about how much.
func (e *Engine) createRun(ctx context.Context, plan *Plan, c *Collected, findings []access.Finding, removals []int) error {
	row := access.Run{ID: plan.Run, Mode: plan.Mode, StartedAt: plan.StartedAt, ExecutionARN: plan.Execution, Partial: plan.Partial, Guard: c.Guard}
	if c.Guard != "" {
		row.InScope = c.InScope
		var targets []access.Target
		for _, i := range removals {
			if row.NeedsConsent(i) {
				targets = append(targets, findings[i].Target)
			}
		}
		row.Removals = len(targets)
		row.Approvers, row.Undecided = access.NewIndex(&plan.Policy).DecidersOfAny(targets, plan.ousOf)
	}
	return e.Table.CreateRun(ctx, row)
}

// merge combines the batches' findings, without duplicates.
func (e *Engine) merge(ctx context.Context, plan *Plan) ([]access.Finding, Collected, error) {
	var all gaps
	unmanageable := map[string]bool{}
	for _, u := range plan.Unread {
		all.addText(u.What, u.Why)
	}
	for _, id := range plan.Unmanageable {
		unmanageable[id] = true
	}
	findings := map[string]access.Finding{}
	for n := range plan.Batches {
		r, err := e.Store.BatchResult(ctx, plan.Run, n)
		if err == nil && !r.PlannedAt.Equal(plan.StartedAt) {
			err = access.Errorf(access.CodeNotFound, "batch %d belongs to another plan", n)
		}
		switch access.CodeOf(err) {
		case "":
		case access.CodeNotFound, access.CodeInvalid:
			addBatchUnread(plan, n, &all)
			continue
		default:
			return nil, Collected{}, err
		}
		for _, f := range r.Findings {
			findings[f.Key()] = f
		}
		for _, u := range r.Unread {
			all.addText(u.What, u.Why)
		}
		for _, id := range r.Unmanageable {
			unmanageable[id] = true
		}
	}
	c := Collected{Unread: all.unread(), Unmanageable: sortedKeys(unmanageable), Provisioned: plan.Provisioned}
	for _, u := range c.Unread {
		e.Logger.ErrorContext(ctx, "access could not be read", "run", plan.Run, "what", u.What, "why", u.Why)
	}
	merged := make([]access.Finding, 0, len(findings))
	for _, key := range sortedKeys(findings) {
		merged = append(merged, findings[key])
	}
	return merged, c, nil
}

// addBatchUnread adds everything in a batch that has no result.
func addBatchUnread(plan *Plan, n int, all *gaps) {
	const why = "the function that was reading it did not finish"
	b := plan.Batches[n]
	for _, pair := range b.AccountSets {
		all.addText(accountText(plan.Accounts[pair.Account]), why)
	}
	for _, a := range b.Accounts {
		all.addText(accountText(plan.Accounts[a]), why)
	}
	for _, g := range b.Groups {
		all.addText(groupText(plan.Groups[g]), why)
	}
	if len(b.Users) > 0 {
		all.addText(fmt.Sprintf("the assignments of %d users (batch %d)", len(b.Users), n), why)
	}
}

// nameUsers adds the users' names to the findings: from the plan if it listed
// users, otherwise by asking for each user, or by listing users if that takes
// fewer calls. A finding whose user is deleted or can't be read is still a
// finding, without a name.
func (e *Engine) nameUsers(ctx context.Context, plan *Plan, findings []access.Finding) {
	names, emails := map[string]string{}, map[string]string{}
	missing := map[string]bool{}
	for _, f := range findings {
		if name, ok := plan.Users[f.PrincipalID]; ok {
			names[f.PrincipalID] = name
		} else {
			missing[f.PrincipalID] = true
		}
	}
	reading, cancel := withWriteTime(ctx)
	defer cancel()
	if plan.Users == nil && len(missing) > 1 {
		// Listing is limited to as many pages as there would be calls for single users.
		left := len(missing)
		err := e.Directory.UserPages(reading, func(page []access.User) bool {
			left--
			for _, u := range page {
				if missing[u.ID] {
					names[u.ID], emails[u.ID] = u.UserName, emailOf(u)
					delete(missing, u.ID)
				}
			}
			return left > 0 && len(missing) > 0
		})
		if err != nil {
			e.Logger.WarnContext(ctx, "users could not be listed", "error", access.ErrorMessage(err))
		}
	}
	ask := sortedKeys(missing)
	found := make([]access.User, len(ask))
	parallel.Do(len(ask), callsAtOnce, func(i int) {
		user, _, err := e.Directory.User(reading, ask[i])
		if err != nil {
			e.Logger.WarnContext(ctx, "user name could not be read", "user", ask[i], "error", access.ErrorMessage(err))
		}
		found[i] = user
	})
	for i, id := range ask {
		names[id], emails[id] = found[i].UserName, emailOf(found[i])
	}
	for i, f := range findings {
		findings[i].UserName, findings[i].Email = names[f.PrincipalID], emails[f.PrincipalID]
	}
}

// emailOf returns an email address of the user, for a mention in Slack; "" if the user
// has none.
func emailOf(u access.User) string {
	if len(u.Emails) == 0 {
		return ""
	}
	return u.Emails[0]
}

// sortFindings puts new findings first. Within each part, the order depends only on
// keys, because names may differ at the next read.
func sortFindings(findings []access.Finding, isNew func(access.Finding) bool) {
	rank := func(f access.Finding) int {
		if isNew(f) {
			return 0
		}
		return 1
	}
	slices.SortFunc(findings, func(a, b access.Finding) int { return cmp.Or(rank(a)-rank(b), strings.Compare(a.Key(), b.Key())) })
}

// byTarget compares findings in the order of a report.
func byTarget(a, b access.Finding) int {
	return cmp.Or(
		strings.Compare(string(a.Kind), string(b.Kind)),
		strings.Compare(a.AccountName, b.AccountName), strings.Compare(a.AccountID, b.AccountID),
		strings.Compare(a.PermissionSet, b.PermissionSet), strings.Compare(a.PermissionSetARN, b.PermissionSetARN),
		strings.Compare(a.GroupName, b.GroupName), strings.Compare(a.GroupID, b.GroupID),
		strings.Compare(a.UserName, b.UserName), strings.Compare(a.PrincipalID, b.PrincipalID),
	)
}
