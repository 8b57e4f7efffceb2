package notify

import (
	"context"

	"sso-elevator/functions/access"
	"sso-elevator/slack"
)

// Findings reads what runs found, and their reports.
type Findings interface {
	Findings(ctx context.Context, run string) ([]access.Finding, error)
	Report(ctx context.Context, run string) (access.DriftReport, error)
}

// runLedger records the messages of runs.
type runLedger struct{ Table }

func (l runLedger) BeginPost(ctx context.Context, id, purpose string, p access.Post) (access.Post, bool, error) {
	return l.BeginRunPost(ctx, id, purpose, p)
}

func (l runLedger) CompletePost(ctx context.Context, id, purpose string, p access.Post) error {
	return l.CompleteRunPost(ctx, id, purpose, p)
}

// driftQuestion asks in the channel whether a run may remove what it found.
// Once the question is answered, the message shows the answer.
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
	_, err = h.show(ctx, runLedger{h.Table}, run.Posts, h.Channel, slack.DriftQuestionMessage(run, findings))
	return err
}

// driftReport posts a run's report. By then, the run's question has ended. Its
// message is updated too, because ingress may have failed to do that.
func (h *Handler) driftReport(ctx context.Context, id string) error {
	run, err := h.Table.Run(ctx, id)
	if err != nil {
		return err
	}
	report, err := h.Findings.Report(ctx, id)
	if err != nil {
		return err
	}
	_, err = h.show(ctx, runLedger{h.Table}, run.Posts, h.Channel, slack.DriftReportMessage(report))
	return firstError(err, h.closeQuestion(ctx, run))
}

// closeQuestion removes the buttons from a question that has ended. A question that
// was never posted is not posted now, because the report includes it.
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
