package main

import (
	"context"
	"encoding/json"
	"strings"

	"sso-elevator/functions/access"
	"sso-elevator/functions/drift"
	"sso-elevator/functions/internal/catalog"
)

// Operations of a run that looks for access that nobody asked for.
const (
	opPlan    = "plan"
	opScan    = "scan"
	opCollect = "collect"
	opAnswer  = "answer"
	opReport  = "report"
)

// DriftInput is the part of the payload that these operations have.
type DriftInput struct {
	Run       string `json:"run"`       // the name of its execution
	Execution string `json:"execution"` // ARN
	Batch     int    `json:"batch"`     // of scan
	// Input is the execution's own, of plan.
	Input RunInput `json:"input"`
	// Results are those of the removals, of report.
	Results []drift.Removal `json:"results"`
}

// RunInput is what an execution of mode warn or revoke is started with.
type RunInput struct {
	Mode access.DriftMode `json:"mode"`
	// Event is an event of CloudTrail, where one started the execution.
	Event json.RawMessage `json:"event"`
}

// DriftOutput is what these operations answer with; each has its own part.
type DriftOutput struct {
	Batches *[]int    `json:"batches,omitempty"`
	Found   *[][2]int `json:"found,omitempty"`
	// Next is "nothing", "report", "ask" or "remove".
	Next     string `json:"next,omitempty"`
	Removals *[]int `json:"removals,omitempty"`
	Tell     *bool  `json:"tell,omitempty"`
	Complete *bool  `json:"complete,omitempty"`
}

// Drift does the steps of a run.
type Drift interface {
	Plan(context.Context, drift.Start) ([]int, error)
	Scan(ctx context.Context, run string, batch int) error
	Collect(ctx context.Context, run string) (drift.Collected, error)
	Answer(ctx context.Context, run string) (next string, err error)
	Report(ctx context.Context, run string, removals []drift.Removal) (tell, complete bool, err error)
}

var _ Drift = (*drift.Engine)(nil)

func (h *Handler) drift(ctx context.Context, operation string, in DriftInput) (DriftOutput, error) {
	switch operation {
	case opPlan:
		batches, err := h.Drift.Plan(ctx, drift.Start{
			Run: in.Run, Execution: in.Execution, Account: accountOf(in.Execution), Mode: in.Input.Mode, Event: in.Input.Event,
		})
		return DriftOutput{Batches: &batches}, err
	case opScan:
		return DriftOutput{}, h.Drift.Scan(ctx, in.Run, in.Batch)
	case opCollect:
		c, err := h.Drift.Collect(ctx, in.Run)
		return DriftOutput{Found: &c.Found, Next: c.Next, Removals: &c.Removals, Complete: &c.Complete}, err
	case opAnswer:
		next, err := h.Drift.Answer(ctx, in.Run)
		return DriftOutput{Next: next}, err
	default: // opReport
		tell, complete, err := h.Drift.Report(ctx, in.Run, in.Results)
		return DriftOutput{Tell: &tell, Complete: &complete}, err
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
func namesIn(ctx context.Context, o catalog.Store) (accounts, sets map[string]string, err error) {
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
