package reconcile

import (
	"context"
	"encoding/json"
	"strings"

	"sso-elevator/functions/access"
	"sso-elevator/functions/adapters/catalog"
	"sso-elevator/functions/drift"
)

// RunInput is the part of the input that only the steps of a run have.
type RunInput struct {
	Batch int `json:"batch"` // of scan
	// Index is a finding of the run: of press and press_result.
	Index int `json:"index"`
	// Error is the name of the error that the removal ended with, "" if none: of press_result.
	Error string `json:"error"`
	// Input is the execution's input; only plan gets it.
	Input Started `json:"input"`
	// Results are how the removals ended; only report gets them.
	Results drift.Removals `json:"results"`
}

// Started is the input of an execution of mode warn or revoke.
type Started struct {
	Mode access.DriftMode `json:"mode"`
	// Event is the CloudTrail event that started the execution, if one did.
	Event json.RawMessage `json:"event"`
}

// Planned is the output of the operation plan.
type Planned struct {
	Batches []int `json:"batches"`
}

// Collected is the output of the operation collect.
type Collected struct {
	Found    [][2]int `json:"found"` // ranges [from, to) of findings that no earlier run saw
	Next     string   `json:"next"`  // "nothing", "report", "ask" or "remove"
	Removals []int    `json:"removals"`
	Exempted bool     `json:"exempted"` // this run is the first to leave something alone under an exemption
}

// Answered is the output of the operation answer.
type Answered struct {
	Next string `json:"next"` // "remove" or "report"
}

// Reported is the output of the operation report.
type Reported struct {
	Tell     bool `json:"tell"`     // there is something to report
	Complete bool `json:"complete"` // the run read everything in scope
}

// Pressed is the output of the operation press.
type Pressed struct {
	Next string `json:"next"` // "remove", "leave", "show" or "nothing"
}

// PressEnded is the output of the operation press_result.
type PressEnded struct {
	Failed bool `json:"failed"` // the access may still be there although it should be gone
}

// Drift carries out the steps of a run.
type Drift interface {
	Plan(context.Context, drift.Start) ([]int, error)
	Scan(ctx context.Context, run string, batch int) error
	Collect(ctx context.Context, run string) (drift.NextSteps, error)
	EndQuestion(ctx context.Context, run string) (next string, err error)
	Report(ctx context.Context, run string, removals []drift.Removal) (tell, complete bool, err error)
	Press(ctx context.Context, ref access.FindingRef) (next string, err error)
	EndPress(ctx context.Context, ref access.FindingRef, failure string) (failed bool, err error)
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

// press carries out the steps of an execution for a press on one finding. Before the
// access is removed, the report shows who asked for that. If it can't, nothing is lost: the
// execution updates the report at its end.
func (h *Handler) press(ctx context.Context, in Input) (any, error) {
	ref := access.FindingRef{Run: in.Run, Index: in.Index}
	if in.Operation == "press_result" {
		failed, err := h.Drift.EndPress(ctx, ref, in.Error)
		return PressEnded{failed}, err
	}
	next, err := h.Drift.Press(ctx, ref)
	if err == nil && next == drift.PressRemoves {
		if err := h.ShowReport(ctx, in.Run); err != nil {
			h.Logger.WarnContext(ctx, "press could not be shown yet", "run", in.Run, "code", access.CodeOf(err), "error", access.ErrorMessage(err))
		}
	}
	return Pressed{next}, err
}

// accountOf returns the account in an ARN, "" if there is none.
func accountOf(arn string) string {
	if parts := strings.Split(arn, ":"); len(parts) > 5 {
		return parts[4]
	}
	return ""
}

// readOUs reads the organizational units of accounts from the catalog.
func readOUs(ctx context.Context, o catalog.Store, wanted []string) (func(accountID string) (ous []string, known bool), error) {
	s, _, err := o.Get(ctx, "")
	if err != nil {
		return nil, err
	}
	ous := catalog.NewOUs(s.Units)
	if err := ous.Check(wanted); err != nil {
		return nil, err
	}
	inSnapshot := map[string]bool{}
	for _, a := range s.Accounts {
		inSnapshot[a.ID] = true
	}
	return func(accountID string) ([]string, bool) { return ous.Of(accountID), inSnapshot[accountID] }, nil
}

// readNames reads the names of accounts and permission sets from the catalog.
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
