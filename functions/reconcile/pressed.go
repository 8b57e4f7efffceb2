package reconcile

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"log/slog"

	"sso-elevator/functions/access"
)

func (in Input) ref() access.FindingRef { return access.FindingRef{Run: in.Run, Index: in.Index} }

// presses acts on what people decide about single findings with a button.
type presses struct {
	table interface {
		Run(ctx context.Context, id string) (access.Run, error)
	}
	// start starts an execution of the reconcile machine. taken: there is one with that
	// name.
	start func(ctx context.Context, name, input string) (taken bool, err error)
	// show updates the run's report in Slack.
	show   func(ctx context.Context, run string) error
	unique func() string
	logger *slog.Logger
}

// pressInput is the input of the execution for a press. The execution reads in the run's
// row who pressed, and what they decided.
type pressInput struct {
	Mode  string `json:"mode"`
	Run   string `json:"run"`
	Index int    `json:"index"`
}

// handle starts an execution for the press on a finding, unless there is nothing left
// to do, and shows the press. A finding that nobody pressed starts nothing. Nobody
// can occupy the execution's name in advance, because a part of it is random. If two
// executions start, the second finds the removal under way.
func (p *presses) handle(ctx context.Context, ref access.FindingRef) error {
	run, err := p.table.Run(ctx, ref.Run)
	if err != nil {
		return err
	}
	if run.PressAbout(ref.Index) == nil {
		return access.Errorf(access.CodeRefused, "nobody pressed a button of finding %d of run %q", ref.Index, ref.Run)
	}
	if !run.IsPressDone(ref.Index) {
		input, err := json.Marshal(pressInput{Mode: "press", Run: ref.Run, Index: ref.Index})
		if err != nil {
			return access.Wrap(access.CodeInternal, err, "start an execution for the press")
		}
		sum := sha256.Sum256([]byte(ref.ButtonValue()))
		taken, err := p.start(ctx, "press-"+hex.EncodeToString(sum[:8])+"-"+p.unique(), string(input))
		if err == nil && taken {
			err = access.Errorf(access.CodeUnavailable, "start an execution for the press: its name is taken")
		}
		if err != nil {
			return err
		}
	}
	// The execution shows the press, too, when it is done.
	if err := p.show(ctx, ref.Run); err != nil {
		p.logger.WarnContext(ctx, "press could not be shown yet", "run", ref.Run, "code", access.CodeOf(err), "error", access.ErrorMessage(err))
	}
	return nil
}
