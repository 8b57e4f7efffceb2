package reconcile

import (
	"context"
	"encoding/json"
	"strings"

	"sso-elevator/functions/access"
	"sso-elevator/functions/adapters/catalog"
	"sso-elevator/functions/drift"
)

// RunInput is what the steps of a run have in their payloads, beside the run.
type RunInput struct {
	Batch int `json:"batch"` // of scan
	// Input is the execution's own, of plan.
	Input Started `json:"input"`
	// Results are those of the removals, of report.
	Results drift.Removals `json:"results"`
}

// Started is what an execution of mode warn or revoke is started with.
type Started struct {
	Mode access.DriftMode `json:"mode"`
	// Event is an event of CloudTrail, where one started the execution.
	Event json.RawMessage `json:"event"`
}

// Planned answers `plan`.
type Planned struct {
	Batches []int `json:"batches"`
}

// Collected answers `collect`.
type Collected struct {
	Found    [][2]int `json:"found"` // ranges [from, to) of findings that no run knew before
	Next     string   `json:"next"`  // "nothing", "report", "ask" or "remove"
	Removals []int    `json:"removals"`
	Exempted bool     `json:"exempted"` // this run is the first to leave something under an exemption
}

// Answered answers `answer`.
type Answered struct {
	Next string `json:"next"` // "remove" or "report"
}

// Reported answers `report`.
type Reported struct {
	Tell     bool `json:"tell"`     // there is something to say
	Complete bool `json:"complete"` // everything in scope was read
}

// Drift does the steps of a run.
type Drift interface {
	Plan(context.Context, drift.Start) ([]int, error)
	Scan(ctx context.Context, run string, batch int) error
	Collect(ctx context.Context, run string) (drift.NextSteps, error)
	EndQuestion(ctx context.Context, run string) (next string, err error)
	Report(ctx context.Context, run string, removals []drift.Removal) (tell, complete bool, err error)
}

var _ Drift = (*drift.Engine)(nil)

func (h *Handler) drift(ctx context.Context, in Input) (any, error) {
	switch in.Operation {
	case "plan":
		batches, err := h.Drift.Plan(ctx, drift.Start{
			Run: in.Run, Execution: in.Execution, Account: accountOf(in.Execution), Mode: in.RunInput.Input.Mode, Event: in.RunInput.Input.Event,
		})
		return Planned{batches}, err
	case "scan":
		return struct{}{}, h.Drift.Scan(ctx, in.Run, in.Batch)
	case "collect":
		c, err := h.Drift.Collect(ctx, in.Run)
		return Collected{c.Found, c.Next, c.Removals, c.Exempted}, err
	case "answer":
		next, err := h.Drift.EndQuestion(ctx, in.Run)
		return Answered{next}, err
	default: // report
		tell, complete, err := h.Drift.Report(ctx, in.Run, in.Results)
		return Reported{tell, complete}, err
	}
}

// accountOf is the account in an ARN, "" where there is none.
func accountOf(arn string) string {
	if parts := strings.Split(arn, ":"); len(parts) > 5 {
		return parts[4]
	}
	return ""
}

// namesIn are the names of accounts and permission sets in the catalog.
func readNames(ctx context.Context, o catalog.Store) (accounts, sets map[string]string, err error) {
	s, _, err := o.Get(ctx, "")
	if err != nil {
		return nil, nil, err
	}
	accounts, sets = map[string]string{}, map[string]string{}
	for _, a := range s.Accounts {
		accounts[a.ID] = a.Name
	}
	for _, p := range s.PermissionSets {
		sets[p.ARN] = p.Name
	}
	return accounts, sets, nil
}
