package main

import (
	"context"
	"log/slog"

	"sso-elevator/functions/access"
	"sso-elevator/functions/internal/metric"
)

// Operations of the function.
const opCatalog = "catalog" // refresh the catalog

// Input says what to do; a schedule has it as its constant input.
type Input struct {
	Operation string `json:"operation"`
	DriftInput
}

// LogArgs says in a log line what was to be done.
func (in Input) LogArgs() []any {
	if in.Run == "" {
		return []any{"operation", in.Operation}
	}
	return []any{"operation", in.Operation, "run", in.Run, "execution", in.Execution}
}

// Output is what the state machine goes on with; a schedule waits for nothing.
type Output struct {
	DriftOutput
}

// Catalog makes the next snapshot of what can be asked for.
type Catalog interface {
	Refresh(context.Context) error
}

// Handler does what is due from time to time.
type Handler struct {
	Catalog Catalog
	Drift   Drift
	Count   func(name string, dimensions map[string]string)
	Logger  *slog.Logger
}

// Handle does what the input names. Every operation may be repeated, and run
// beside itself.
func (h *Handler) Handle(ctx context.Context, in Input) (Output, error) {
	switch in.Operation {
	case opCatalog:
		if err := h.Catalog.Refresh(ctx); err != nil {
			return Output{}, err
		}
		h.Count(metric.CatalogRefreshed, nil)
		return Output{}, nil
	case opPlan, opScan, opCollect, opAnswer, opReport:
		out, err := h.drift(ctx, in.Operation, in.DriftInput)
		return Output{out}, err
	default:
		return Output{}, access.Errorf(access.CodeInvalid, "there is no operation %q", in.Operation)
	}
}
