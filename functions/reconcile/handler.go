package reconcile

import (
	"cmp"
	"context"
	"log/slog"

	"sso-elevator/functions/access"
	"sso-elevator/functions/access/metric"
	"sso-elevator/functions/adapters/host"
)

// Input says what to do. It is the constant input of a schedule, or the reconcile
// machine sends it. Operations are
//
//	catalog    refresh the catalog of what people can request
//	look       start a sweep for each request that was left behind, end what
//	           blocked people have, and free claims that were left behind
//	recheck    look up the people with active access, and end the access of
//	           those who are gone
//	tombstone  check whether a request was left behind, and what is left to do
//	plan, scan, collect, answer, report
//	           the steps of a run that looks for unknown access
//	press, press_result
//	           the steps of an execution for a press on one finding
type Input struct {
	host.Input
	RunInput
	// All makes recheck look up everyone, including people who were looked up a moment
	// ago.
	All bool `json:"all"`
}

// Catalog makes the next snapshot of what people can request.
type Catalog interface {
	Refresh(context.Context) error
}

// Claims frees the claims that finished requests left behind.
type Claims interface {
	Look(context.Context) error
}

// BlockedPeople ends what blocked people have.
type BlockedPeople interface {
	Look(context.Context) error
}

// Recheck looks up the people who have active access.
type Recheck interface {
	Recheck(ctx context.Context, all bool) error
}

// Handler is the function.
type Handler struct {
	Catalog Catalog
	Sweep   *Sweep
	Claims  Claims
	Blocked BlockedPeople
	People  Recheck
	Drift   Drift
	// ShowReport has a run's report updated in Slack, and doesn't wait for that.
	ShowReport func(ctx context.Context, run string) error
	Count      func(name string, dimensions map[string]string)
	Logger     *slog.Logger
}

// Handle performs the operation in the input. Every operation may be repeated, and
// may run twice at once. The answer is {} if nobody needs one. Invalid: there is no
// such operation.
func (h *Handler) Handle(ctx context.Context, in Input) (any, error) {
	switch in.Operation {
	case host.OperationCatalog:
		if err := h.Catalog.Refresh(ctx); err != nil {
			return nil, err
		}
		h.Count(metric.CatalogRefreshed, nil)
		return struct{}{}, nil
	case host.OperationLook:
		err := h.Sweep.Look(ctx)
		blockedErr := h.Blocked.Look(ctx)
		h.freeClaims(ctx)
		return struct{}{}, cmp.Or(err, blockedErr)
	case host.OperationRecheck:
		return struct{}{}, h.People.Recheck(ctx, in.All)
	case "tombstone":
		return h.Sweep.Tombstone(ctx, in.RequestID)
	case "plan", "scan", "collect", "answer", "report":
		return h.drift(ctx, in)
	case "press", "press_result":
		return h.press(ctx, in)
	default:
		return nil, access.Errorf(access.CodeInvalid, "unknown operation %q", in.Operation)
	}
}

// freeClaims runs after access was removed. Its errors are only logged, because a
// leftover claim blocks nobody.
func (h *Handler) freeClaims(ctx context.Context) {
	if err := h.Claims.Look(ctx); err != nil {
		h.Logger.WarnContext(ctx, "leftover claims could not be freed", "error", access.ErrorMessage(err))
	}
}
