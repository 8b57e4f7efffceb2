package ingress

import (
	"cmp"
	"context"
	"log/slog"
	"slices"

	"sso-elevator/functions/access"
	"sso-elevator/functions/access/parallel"
	"sso-elevator/slack"
)

// Limits of the reads for a list in the Home tab.
const (
	homeRows    = 200 // rows
	homeReaders = 16  // at the same time
)

// latestOpen reads at most homeRows of the open requests, those with the latest end or
// expiry. more reports whether there may be others.
func (h *Handler) latestOpen(ctx context.Context) (rows []access.Request, more bool, err error) {
	ids, more, err := h.Table.LatestOpenRequests(ctx, homeRows)
	if err != nil {
		return nil, false, err
	}
	rows, err = h.requests(ctx, ids)
	return rows, more, err
}

// waitingFor lists those of the open requests that wait for the person's approval, the
// latest first. It is only a list: a press is checked as anywhere else.
func (h *Handler) waitingFor(ctx context.Context, log *slog.Logger, who access.Person, open []access.Request, more bool, err error) slack.HomeSection {
	failed := func(err error) slack.HomeSection {
		log.Error("requests that wait for the person could not be read", "code", access.CodeOf(err), "error", access.ErrorMessage(err))
		return slack.HomeSection{Failed: true}
	}
	if err != nil {
		return failed(err)
	}
	rows := slices.DeleteFunc(slices.Clone(open), func(r access.Request) bool { return !r.Open() || access.SamePerson(r.Requester, who) })
	member, err := h.approverGroups(ctx, who, rows)
	if err != nil {
		return failed(err)
	}
	now := h.Now()
	rows = slices.DeleteFunc(rows, func(r access.Request) bool { return !r.IsWaitingFor(who, member, now) })
	slices.SortStableFunc(rows, func(a, b access.Request) int {
		return cmp.Or(b.CreatedAt.Compare(a.CreatedAt), cmp.Compare(a.ID, b.ID))
	})
	return slack.HomeSection{Requests: rows, More: more}
}

// requests reads rows at the same time. A row that doesn't exist is left out: the index
// may be behind the table.
func (h *Handler) requests(ctx context.Context, ids []string) ([]access.Request, error) {
	rows, errs := make([]access.Request, len(ids)), make([]error, len(ids))
	parallel.Do(len(ids), homeReaders, func(i int) { rows[i], errs[i] = h.Table.Get(ctx, ids[i]) })
	var found []access.Request
	for i, err := range errs {
		switch {
		case access.CodeOf(err) == access.CodeNotFound:
		case err != nil:
			return nil, err
		default:
			found = append(found, rows[i])
		}
	}
	return found, nil
}

// approverGroups returns those groups of the requests' approvers that the person is a
// member of.
func (h *Handler) approverGroups(ctx context.Context, who access.Person, rows []access.Request) ([]string, error) {
	var groups []string
	for _, r := range rows {
		groups = append(groups, r.ApproverGroupIDs()...)
	}
	if len(groups) == 0 {
		return nil, nil
	}
	slices.Sort(groups)
	policy, digest, err := h.Policy.Load(ctx)
	if err != nil {
		return nil, err
	}
	return h.Cases.MemberOf(ctx, h.menus.index(&policy, digest), who, slices.Compact(groups))
}
