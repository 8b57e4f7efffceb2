package ingress

import (
	"context"
	"slices"

	"sso-elevator/functions/access"
	"sso-elevator/functions/access/parallel"
)

const (
	// searchedRequests is how many of a person's latest requests are searched for access and
	// for pending requests.
	searchedRequests = 200
	// readAtOnce is how many rows are read at the same time.
	readAtOnce = 10
)

// mine is what a person has, and what they wait for.
type mine struct {
	// Active are the requests with access, the soonest end first. The access may be on its
	// way out.
	Active []access.Request
	// Pending are the requests that may still give access, the latest first.
	Pending []access.Request
	// More is how many further requests were not read. Older reports whether there are
	// requests that were not even searched.
	More  int
	Older bool
}

// mine returns what the user in Identity Center with that id has and waits for, at most
// this many requests. The rows are as the table has them now. A request that was stored a
// moment ago may be missing, because the index may be behind; nothing may depend on that.
// It returns an error if any row can't be read.
func (h *Handler) mine(ctx context.Context, principalID string, most int) (mine, error) {
	found, older, err := h.Table.RequestsOf(ctx, principalID, searchedRequests)
	if err != nil {
		return mine{}, err
	}
	// A row only moves forward, so what is finished in the index is finished.
	found = slices.DeleteFunc(found, func(r access.Request) bool {
		return r.IsFinished() || r.Outcome != nil && !r.IsApproved() && !r.HasAccess()
	})
	slices.SortStableFunc(found, func(a, b access.Request) int {
		switch {
		case a.HasAccess() == b.HasAccess():
			return 0
		case a.HasAccess():
			return -1
		}
		return 1
	})
	m := mine{More: max(len(found)-most, 0), Older: older}
	found = found[:min(len(found), most)]
	rows, errs := make([]access.Request, len(found)), make([]error, len(found))
	parallel.Do(len(found), readAtOnce, func(i int) { rows[i], errs[i] = h.Table.Get(ctx, found[i].ID) })
	for i, r := range rows {
		switch {
		case access.CodeOf(errs[i]) == access.CodeNotFound:
		case errs[i] != nil:
			return mine{}, errs[i]
		default:
			m.put(r)
		}
	}
	m.sort()
	return m, nil
}

func (m *mine) put(r access.Request) {
	switch {
	case r.HasAccess():
		m.Active = append(m.Active, r)
	case r.IsPending():
		m.Pending = append(m.Pending, r)
	}
}

// withoutExtended returns the requests with access for a list, without those that another
// one in it extends: they are the same access, and end with it. An extension that is
// ending hides nothing.
func (m *mine) withoutExtended() []access.Request {
	extended := map[string]bool{}
	for _, r := range m.Active {
		if r.IsUninterrupted() {
			extended[r.Extends] = true
		}
	}
	return slices.DeleteFunc(slices.Clone(m.Active), func(r access.Request) bool { return extended[r.ID] })
}

func (m *mine) sort() {
	slices.SortStableFunc(m.Active, func(a, b access.Request) int { return a.End.Compare(b.End) })
	slices.SortStableFunc(m.Pending, func(a, b access.Request) int { return b.CreatedAt.Compare(a.CreatedAt) })
}

// add adds those of the rows that are the person's and that the index doesn't have: it may
// be behind, and it lacks requests that release 0.1.0 evaluated.
func (m *mine) add(who access.Person, rows []access.Request) {
	for _, r := range rows {
		is := func(has access.Request) bool { return has.ID == r.ID }
		if r.Requester.PrincipalID == who.PrincipalID && !slices.ContainsFunc(m.Active, is) && !slices.ContainsFunc(m.Pending, is) {
			m.put(r)
		}
	}
	m.sort()
}
