package main

import (
	"context"
	"log/slog"
	"slices"

	"sso-elevator/functions/access"
	"sso-elevator/functions/internal/lambdaerr"
	"sso-elevator/functions/internal/tasktoken"
	"sso-elevator/slack"
)

// answerRun answers the question of a run of the reconciliation, if the person
// may: may it remove what it found? The first answer counts. The text, where
// there is one, says why nothing came of it.
func (h *Handler) answerRun(ctx context.Context, log *slog.Logger, in slack.Interaction, remove bool) (string, error) {
	work, cancel := working(ctx)
	defer cancel()
	run, err := h.Store.Run(work, in.Action.Value)
	if err != nil {
		return "", err
	}
	log = log.With("execution", run.ExecutionARN)
	if run.Guard == "" {
		log.Warn("a button of a run that asks nothing")
		return "This run asks nothing.", nil
	}
	if run.Answer != nil {
		return h.answeredAlready(ctx, log, run), nil
	}
	notYours := "You can not answer this: only those can who approve requests."
	if run.Guard == access.GuardGone {
		notYours = "You can't answer this. Only people who approve access to one of these targets can."
	}
	by, err := h.People.Approver(work, in.UserID)
	if err != nil {
		text, theirs := forPeople(err)
		if !theirs {
			return "", err
		}
		log.Info("somebody who can approve nothing", "code", access.CodeOf(err))
		return notYours + " " + text, nil
	}
	if by.PrincipalID == "" || by.SecondaryDomain || !slices.Contains(run.Approvers, by.Email) {
		log.Info("somebody who is no approver of the run")
		return notYours, nil
	}
	run, won, err := h.Store.AnswerRun(work, run.ID, access.RunAnswer{Remove: remove, By: by, At: h.Now().UTC()})
	if err != nil {
		return "", err
	}
	if !won {
		return h.answeredAlready(ctx, log, run), nil
	}
	log.Info("a run is answered", "remove", remove)
	h.resume(ctx, log, run.Token, tasktoken.AnswerOutput)
	h.showAnswer(ctx, log, run)
	return "", nil
}

// answeredAlready tells the answer to somebody who came too late. Whoever still
// had the buttons shows that the execution, or the message, may not have heard
// of it: they are told again.
func (h *Handler) answeredAlready(ctx context.Context, log *slog.Logger, run access.Run) string {
	h.resume(ctx, log, run.Token, tasktoken.AnswerOutput)
	h.showAnswer(ctx, log, run)
	who := run.Answer.By.Email
	if who == "" {
		who = run.Answer.By.Name
	}
	switch gone := run.Guard == access.GuardGone; {
	case gone && run.Answer.Expired():
		return "Nobody answered in time. The question is asked again while these people are gone."
	case gone && run.Answer.Remove:
		return who + " has confirmed the removal already."
	case gone:
		return who + " has said to leave this access already. The question is asked again after 24 hours."
	case run.Answer.Expired():
		return "Nobody answered in time: this run removes nothing."
	case run.Answer.Remove:
		return who + " has let the removal go on already."
	default:
		return who + " has said to leave them already."
	}
}

// showAnswer takes the buttons off the question. Where that fails, the run's
// report does it.
func (h *Handler) showAnswer(ctx context.Context, log *slog.Logger, run access.Run) {
	post := run.Posts[slack.PurposeDriftQuestion]
	if post.TS == "" {
		return
	}
	if err := h.Slack.Update(ctx, post.Channel, post.TS, slack.DriftQuestionMessage(run, nil)); err != nil {
		log.Warn("the question could not be closed; the report will do it", "code", access.CodeOf(err), "error", lambdaerr.Message(err))
	}
}
