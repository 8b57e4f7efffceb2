package drift

import (
	"context"
	"time"

	"sso-elevator/functions/access"
)

// keepListing is how long runs use what one of them learned about the costs of listing.
const keepListing = 24 * time.Hour

// Listing is what a run learned about how many calls it takes to list the assignments in
// its scope. It decides only how later runs list: each way reads the whole scope. So it
// may be out of date.
type Listing struct {
	At time.Time `json:"at"`
	// The scope that it is about: how many accounts, permission sets, and covered pairs.
	Accounts int `json:"accounts"`
	Sets     int `json:"permission_sets"`
	Covered  int `json:"covered"`
	// Provisioned is how many of the covered pairs exist; 0 if the run didn't find out.
	Provisioned int `json:"provisioned,omitempty"`
	// PerUser is how many calls it takes to list a user's assignments; 0 if that isn't
	// possible, or takes more calls than to list by account.
	PerUser float64 `json:"per_user,omitempty"`
}

// readListing returns what an earlier run learned about the same scope, nil if none did.
func (p *planner) readListing(ctx context.Context, covered int) *Listing {
	if p.engine.ListBy != "" {
		return nil
	}
	h, _, err := p.engine.readHistory(ctx)
	if err != nil { // then this run finds out again
		p.engine.Logger.WarnContext(ctx, "history could not be read for planning", "error", access.ErrorMessage(err))
		return nil
	}
	l := h.Listing
	if l == nil || l.Accounts != len(p.plan.Accounts) || l.Sets != len(p.plan.Sets) || l.Covered != covered ||
		l.At.After(p.plan.StartedAt) || p.plan.StartedAt.Sub(l.At) >= keepListing {
		return nil
	}
	return l
}

// planAsBefore plans with what an earlier run learned, without the calls that only find
// out which way is cheaper. done is false if that is not possible.
//
// Listing by user takes one of them still: whether AWS allows it. Listing by account takes
// none if it costs no more to ask for each covered pair than to find out first which ones
// exist. AWS answers with an empty list for those that don't.
func (p *planner) planAsBefore(ctx context.Context, l *Listing, discovery, covered int) (done bool) {
	byAccount := covered
	if l.Provisioned > 0 {
		byAccount = min(covered, l.Provisioned+discovery)
	}
	if l.PerUser > 0 {
		users, err := p.listUsers(ctx, int(float64(byAccount)/l.PerUser))
		if err != nil || len(users) == 0 || float64(len(users))*l.PerUser >= float64(byAccount) {
			return false
		}
		if _, _, err := p.engine.Directory.AssignmentsOf(ctx, users[0]); err != nil {
			return false
		}
		p.perUser = l.PerUser
		p.listByUser(users)
		return true
	}
	if l.Provisioned == 0 {
		return false
	}
	if covered > byAccount {
		p.discover(ctx)
		return true
	}
	p.addPairs(func(int, int) bool { return true })
	return true
}

// enterListing enters in the history what the run learned. If it could not read
// everything, the next one finds out again.
func enterListing(h *History, plan *Plan, isComplete bool) {
	switch {
	case plan.Partial:
	case !isComplete:
		h.Listing = nil
	case plan.Learned != nil:
		h.Listing = plan.Learned
	}
}
