package reconcile

import (
	"context"
	"log/slog"

	"sso-elevator/functions/access"
	"sso-elevator/functions/access/metric"
	"sso-elevator/functions/adapters/host"
)

// Input says what to do: a schedule has it as its constant input, or the
// reconcile machine sends it. Operations are
//
//	catalog    refresh the catalog of what can be asked for
//	look       start a sweep for each request that was left behind; free claims
//	           that were left
//	recheck    look up the people with active access, and end that of who is gone
//	tombstone  is this request left behind, and what is left to do for it?
//	plan, scan, collect, answer, report
//	           the steps of a run that looks for access that nobody asked for
type Input struct {
	host.Input
	RunInput
	// All, of recheck: everybody is looked up, also who was just now.
	All bool `json:"all"`
}

// Catalog makes the next snapshot of what can be asked for.
type Catalog interface {
	Refresh(context.Context) error
}

// Claims frees what requests that are over have left claimed.
type Claims interface {
	Look(context.Context) error
}

// Recheck looks up the people who have active access.
type Recheck interface {
	Recheck(ctx context.Context, all bool) error
}

// Handler does what is due from time to time.
type Handler struct {
	Catalog Catalog
	Sweep   *Sweep
	Claims  Claims
	People  Recheck
	Drift   Drift
	Count   func(name string, dimensions map[string]string)
	Logger  *slog.Logger
}

// Handle does what the input names. Every operation may be repeated, and run
// beside itself. The answer is {} where nobody waits for one.
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
		h.freeClaims(ctx)
		return struct{}{}, err
	case host.OperationRecheck:
		return struct{}{}, h.People.Recheck(ctx, in.All)
	case "tombstone":
		return h.Sweep.Tombstone(ctx, in.RequestID)
	case "plan", "scan", "collect", "answer", "report":
		return h.drift(ctx, in)
	default:
		return nil, access.Errorf(access.CodeInvalid, "there is no operation %q", in.Operation)
	}
}

// freeClaims comes after what removes access, and holds nothing up: a claim that
// was left stands in nobody's way.
func (h *Handler) freeClaims(ctx context.Context) {
	if err := h.Claims.Look(ctx); err != nil {
		h.Logger.WarnContext(ctx, "claims that were left could not be freed", "error", access.ErrorMessage(err))
	}
}
