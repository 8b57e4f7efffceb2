package notify

import (
	"context"

	"sso-elevator/functions/access"
	"sso-elevator/slack"
)

// Findings has what runs found and tell.
type Findings interface {
	Findings(ctx context.Context, run string) ([]access.Finding, error)
	Report(ctx context.Context, run string) (access.DriftReport, error)
}

// runLedger is where the messages of runs are entered.
type runLedger struct{ Table }

func (l runLedger) BeginPost(ctx context.Context, id, purpose string, p access.Post) (access.Post, bool, error) {
	return l.BeginRunPost(ctx, id, purpose, p)
}

func (l runLedger) CompletePost(ctx context.Context, id, purpose string, p access.Post) error {
	return l.CompleteRunPost(ctx, id, purpose, p)
}

// driftQuestion asks in the channel whether a run may remove what it found. Once
// there is an answer it says so instead.
func (h *Handler) driftQuestion(ctx context.Context, id string) error {
	run, err := h.Table.Run(ctx, id)
	if err != nil {
		return err
	}
	var findings []access.Finding
	if run.Answer == nil {
		if findings, err = h.Findings.Findings(ctx, id); err != nil {
			return err
		}
	}
	_, err = h.show(ctx, runLedger{h.Table}, run.Posts, slack.DriftQuestionMessage(run, findings))
	return err
}

// driftReport tells in the channel what a run found and what became of it. Its
// question, if it asked one, is over by then, and its message says how: ingress
// may not have been able to say so.
func (h *Handler) driftReport(ctx context.Context, id string) error {
	run, err := h.Table.Run(ctx, id)
	if err != nil {
		return err
	}
	report, err := h.Findings.Report(ctx, id)
	if err != nil {
		return err
	}
	_, err = h.show(ctx, runLedger{h.Table}, run.Posts, slack.DriftReportMessage(report))
	return firstError(err, h.closeQuestion(ctx, run))
}

// closeQuestion takes the buttons off a question that is answered. One that was
// never posted stays so: the report says what was asked.
func (h *Handler) closeQuestion(ctx context.Context, run access.Run) error {
	post, asked := run.Posts[slack.PurposeDriftQuestion]
	if !asked || run.Answer == nil {
		return nil
	}
	if post.TS == "" {
		ts, found, err := h.Slack.FindPost(ctx, post.Channel, "", run.ID, slack.PurposeDriftQuestion)
		if err != nil || !found {
			return err
		}
		post.TS = ts
	}
	return h.updatePost(ctx, runLedger{h.Table}, post, slack.DriftQuestionMessage(run, nil))
}
