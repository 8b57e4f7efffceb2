package ingress

import (
	"cmp"
	"context"
	"fmt"
	"log/slog"
	"strings"
	"sync"

	"sso-elevator/functions/access"
	"sso-elevator/functions/adapters/tasktoken"
	"sso-elevator/slack"
)

// answerTries is how often an answer is entered that somebody else's came before.
const answerTries = 5

// answerRun answers the question of a run, about the findings whose targets the
// person approves: may they be removed? The first answer about a finding counts.
// The text, where there is one, says what is still to be answered and by whom, or
// why nothing came of the press.
func (h *Handler) answerRun(ctx context.Context, log *slog.Logger, in slack.Interaction, remove bool) (string, error) {
	work, cancel := working(ctx)
	defer cancel()
	run, err := h.Table.Run(work, in.Action.Value)
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
	asked, by, why, err := h.asked(work, in.UserID, run)
	if err != nil {
		return "", err
	}
	if why != nil {
		log.Info("somebody who can approve nothing", "code", access.CodeOf(why))
		return "You can't answer this. " + why.Error(), nil
	}
	for range answerTries {
		mine, others := asked.split(run, by)
		if len(mine) == 0 {
			log.Info("somebody who may decide about nothing that is asked")
			return asked.notYours(run, by, others), nil
		}
		a := access.RunAnswer{Remove: remove, By: by, At: h.Now().UTC(), Findings: access.Ranges(mine)}
		waiting := asked.deciders(others)
		var won bool
		if run, won, err = h.Table.AnswerRun(work, run, a, len(waiting) == 0); err != nil {
			return "", err
		}
		switch {
		case won:
		case run.Answer != nil:
			return h.answeredAlready(ctx, log, run), nil
		default: // somebody else was faster
			continue
		}
		log.Info("a run is answered", "remove", remove, "findings", len(mine), "over", run.Answer != nil)
		if run.Answer != nil {
			h.resume(ctx, log, run.Token, tasktoken.AnswerOutput)
		}
		h.showAnswer(ctx, log, run, asked.findings)
		if run.Answer == nil {
			return fmt.Sprintf("Your answer counts for the %d of %d that you approve. The others can be answered by: %s.",
				len(mine), run.Removals, slack.Some(waiting)), nil
		}
		return "", nil
	}
	return "", access.Errorf(access.CodeUnavailable, "others answer the run %s at the same time", run.ID)
}

// question is what a run asks about, and who may decide about it by the policy
// in force.
type question struct {
	findings []access.Finding // all of the run
	asked    []int            // indexes of those that it asks about
	index    *access.Index
}

// asked reads, side by side, what the run asks about, and who pressed. why is a
// sentence for somebody who can decide about nothing at all.
func (h *Handler) asked(ctx context.Context, slackID string, run access.Run) (q question, by access.Person, why, _ error) {
	var findingsErr, policyErr, personErr error
	var wait sync.WaitGroup
	wait.Go(func() { q.findings, findingsErr = h.Findings.Findings(ctx, run.ID) })
	wait.Go(func() {
		policy, digest, err := h.Policy.Load(ctx)
		if policyErr = err; err == nil {
			q.index = h.menus.index(&policy, digest)
		}
	})
	wait.Go(func() {
		by, personErr = h.People.Approver(ctx, slackID)
		if _, theirs := forPeople(personErr); personErr != nil && theirs {
			why, personErr = personErr, nil
		}
	})
	wait.Wait()
	q.asked = run.Asked(q.findings)
	return q, by, why, cmp.Or(personErr, findingsErr, policyErr)
}

// split are the findings about which nobody has said anything: those about which
// the person may decide, and the others.
func (q question) split(run access.Run, by access.Person) (mine, others []int) {
	for _, i := range q.asked {
		switch {
		case run.AnswerAbout(i) != nil:
		case q.index.MayDecide(by, q.findings[i].Target):
			mine = append(mine, i)
		default:
			others = append(others, i)
		}
	}
	return mine, others
}

// deciders are the emails of who may decide about at least one of the findings.
// There may be none: such findings are left.
func (q question) deciders(indexes []int) []string {
	var targets []access.Target
	for _, i := range indexes {
		targets = append(targets, q.findings[i].Target)
	}
	emails, _ := q.index.DecidersOfAny(targets)
	return emails
}

// notYours is what somebody is told who has nothing to answer, and that others
// have.
func (q question) notYours(run access.Run, by access.Person, others []int) string {
	who := "Nobody can: the policy names no approver for what is left."
	if all := q.deciders(others); len(all) > 0 {
		who = "These people can: " + slack.Some(all) + "."
	}
	for _, i := range q.asked {
		if a := run.AnswerAbout(i); a != nil && q.index.MayDecide(by, q.findings[i].Target) {
			return "What you approve has been answered already. The rest is not yours to answer. " + who
		}
	}
	return "You can't answer this, because you approve none of these targets. " + who
}

// answeredAlready tells the answer to somebody who came too late. Whoever still
// had the buttons shows that the execution, or the message, may not have heard
// of it: they are told again.
func (h *Handler) answeredAlready(ctx context.Context, log *slog.Logger, run access.Run) string {
	h.resume(ctx, log, run.Token, tasktoken.AnswerOutput)
	h.showAnswer(ctx, log, run, nil)
	var said []string
	left := false
	for _, a := range run.Answers {
		what := "remove"
		if !a.Remove {
			what, left = "leave", true
		}
		said = append(said, fmt.Sprintf("%s said to %s %d", cmp.Or(a.By.Email, a.By.Name), what, a.Count()))
	}
	text, late := "", "Nobody answered in time."
	if len(said) > 0 {
		text, late = "This has been answered already: "+strings.Join(said, ", ")+".", " Nobody answered for the rest in time."
	}
	if run.Answer.Expired() {
		text += late
	}
	if run.Guard == access.GuardGone && (left || run.Answer.Expired()) {
		text += " We ask again while these people are gone."
	}
	return text
}

// showAnswer shows in the question who said what, and takes the buttons off one
// that is over. Where that fails, the run's report does it. findings may be nil
// where the question is over.
func (h *Handler) showAnswer(ctx context.Context, log *slog.Logger, run access.Run, findings []access.Finding) {
	post := run.Posts[slack.PurposeDriftQuestion]
	if post.TS == "" {
		return
	}
	if err := h.Slack.Update(ctx, post.Channel, post.TS, slack.DriftQuestionMessage(run, findings)); err != nil {
		log.Warn("the question could not be updated; the report will do it", "code", access.CodeOf(err), "error", access.ErrorMessage(err))
	}
}
