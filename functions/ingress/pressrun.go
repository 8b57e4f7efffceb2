package ingress

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"sso-elevator/functions/access"
	"sso-elevator/functions/adapters/tasktoken"
	"sso-elevator/slack"
)

// answerTries is how often an answer is written when other answers come
// first.
const answerTries = 5

func (p *press) loadRun(ctx context.Context) (err error) {
	if p.run, err = p.Table.Run(ctx, p.subjectID); err != nil {
		return err
	}
	p.log = p.log.With("execution", p.run.ExecutionARN)
	return nil
}

// tooLateToAnswer reports whether the run has no question, or the question
// has ended.
func (p *press) tooLateToAnswer() (reply, bool) {
	switch {
	case p.run.Guard == "":
		p.log.Warn("run has no question")
		return reply{text: "This message has no open question."}, true
	case p.run.Answer != nil:
		return p.answeredReply(), true
	}
	return reply{}, false
}

// question has the findings that a run asks about, and the policy that decides who
// may answer.
type question struct {
	findings []access.Finding // all of the run's
	asked    []int            // indexes of those in the question
	index    *access.Index
	groups   []string                        // of the person who pressed, as far as they decide
	ousOf    func(accountID string) []string // the organizational units above an account
	// unscheduled means that no removal was scheduled when the finding was reported.
	unscheduled bool
}

// allowAnswer reads the findings and the policy and looks up the person, all
// at once. It refuses people who can't approve anything. Which findings the
// others may decide about is checked in answer.
func (p *press) allowAnswer(ctx context.Context) (refusal string, err error) {
	q := &p.question
	var findingsErr, policyErr, personErr, blocksErr error
	var blocks access.Blocks
	var wait sync.WaitGroup
	wait.Go(func() { q.findings, findingsErr = p.Findings.Findings(ctx, p.run.ID) })
	wait.Go(func() {
		policy, digest, err := p.Policy.Load(ctx)
		if policyErr = err; err == nil {
			p.digest, q.index = digest, p.menus.index(&policy, digest)
			q.ousOf, policyErr = p.Catalog.OUsOf(ctx, q.index.OUs())
		}
	})
	wait.Go(func() { p.by, personErr = p.People.Approver(ctx, p.in.UserID) })
	wait.Go(func() { blocks, blocksErr = p.Table.Blocks(ctx) })
	wait.Wait()
	q.asked = p.run.Asked(q.findings)
	why, personal := explain(personErr)
	switch {
	case personErr != nil && !personal:
		return "", personErr
	case findingsErr != nil || policyErr != nil:
		return "", cmp.Or(findingsErr, policyErr)
	case personErr != nil:
		p.log.Info("answer refused: person can't approve requests", "code", access.CodeOf(personErr))
		p.recordRunRefusal(ctx, access.RefusalNotEligible, why)
		return "You can't answer this. " + why + " The approvers of this access can.", nil
	case blocksErr != nil:
		return "", blocksErr
	case blocks.Of(p.by) != nil:
		p.log.Warn("answer refused: person is blocked", "by", p.in.UserID)
		p.recordRunRefusal(ctx, access.RefusalBlocked, "")
		return "You can't answer this at the moment. Ask the people who run this app.", nil
	}
	q.groups, err = p.FreshCases.GroupsOfDecider(ctx, q.index, p.by, q.targets(q.asked), q.ousOf)
	return "", err
}

func (p *press) remove(ctx context.Context) (reply, error) { return p.answer(ctx, true) }

func (p *press) leave(ctx context.Context) (reply, error) { return p.answer(ctx, false) }

// answer answers the question for those findings whose targets the person
// approves: may the access be removed? The first answer about a finding
// counts. The text says which findings are still open and who can answer for
// them, or why the press had no effect.
func (p *press) answer(ctx context.Context, remove bool) (reply, error) {
	q := p.question
	for range answerTries {
		mine, others := q.split(p.run, p.by)
		if len(mine) == 0 {
			p.log.Info("answer refused: person can't decide about these findings")
			if !q.hasAnswerable(p.run, p.by) {
				p.recordRunRefusal(ctx, access.RefusalNotApprover, "")
			}
			return reply{text: q.notYoursText(p.run, p.by, p.approverNames(ctx, q.deciders(others)))}, nil
		}
		a := access.RunAnswer{Remove: remove, By: p.by, At: p.Now().UTC(), Findings: access.Ranges(mine)}
		waiting := p.approverNames(ctx, q.deciders(others))
		run, won, err := p.Table.AnswerRun(ctx, p.run, a, len(waiting) == 0)
		if err != nil {
			return reply{}, err
		}
		p.run = run
		switch {
		case won:
			p.log.Info("removal question answered", "remove", remove, "findings", len(mine), "over", run.Answer != nil)
			r := reply{answered: true, findings: q.findings}
			if run.Answer != nil {
				r.token, r.output = run.Token, tasktoken.AnswerOutput
			} else {
				r.text = fmt.Sprintf("Your answer counts for %d of %d. For the rest, these people can answer: %s.",
					len(mine), run.Removals, slack.ListNames(waiting))
			}
			return r, nil
		case run.Answer != nil:
			return p.answeredReply(), nil
		default: // someone else's answer came first; try again
		}
	}
	return reply{}, access.Errorf(access.CodeUnavailable, "gave up after conflicting answers to run %s", p.run.ID)
}

// split returns the findings without an answer: those that the person may
// decide about, and the others.
func (q question) split(run access.Run, by access.Person) (mine, others []int) {
	for _, i := range q.asked {
		switch {
		case run.AnswerAbout(i) != nil:
		case q.mayDecide(by, i):
			mine = append(mine, i)
		default:
			others = append(others, i)
		}
	}
	return mine, others
}

// mayDecide reports whether the person may decide about the finding with that index.
func (q question) mayDecide(by access.Person, finding int) bool {
	t := q.findings[finding].Target
	return q.index.MayDecide(by, q.groups, t, q.ousOf(t.AccountID))
}

// deciders returns the emails and groups of those who may decide about at least one of
// the findings. There may be none; such findings stay as they are.
func (q question) deciders(indexes []int) []string {
	emails, _ := q.index.DecidersOfAny(q.targets(indexes), q.ousOf)
	return emails
}

func (q question) targets(indexes []int) (targets []access.Target) {
	for _, i := range indexes {
		targets = append(targets, q.findings[i].Target)
	}
	return targets
}

// notYoursText returns the text for a person who can't answer for any open
// finding. deciders are the names of those who can.
func (q question) notYoursText(run access.Run, by access.Person, deciders []string) string {
	who := "Nobody can answer for the access that is left, because the policy names no approver for it. Add one to the policy, or remove the access in IAM Identity Center."
	if len(deciders) > 0 {
		who = "These people can: " + slack.ListNames(deciders) + "."
	}
	if q.hasAnswerable(run, by) {
		return "Everything that you may answer is already answered. " + who
	}
	return "You can't answer, because you aren't an approver of any of these accounts or groups. " + who
}

// hasAnswerable reports whether someone answered about a finding that the person may decide
// about, too.
func (q question) hasAnswerable(run access.Run, by access.Person) bool {
	return slices.ContainsFunc(q.asked, func(i int) bool { return run.AnswerAbout(i) != nil && q.mayDecide(by, i) })
}

// answeredReply returns the answers, for a person who pressed too late. If they still
// saw the buttons, the execution or the message may not know that the question ended,
// so both are updated again.
func (p *press) answeredReply() reply {
	run := p.run
	var said []string
	left := false
	for _, a := range run.Answers {
		what := "remove"
		if !a.Remove {
			what, left = "keep", true
		}
		said = append(said, fmt.Sprintf("%s chose to %s %d", cmp.Or(a.By.Email, a.By.Name), what, a.Count()))
	}
	text, late := "", "Nobody answered in time."
	if len(said) > 0 {
		text, late = "Already answered: "+strings.Join(said, ", ")+".", " Nobody answered for the rest in time."
	}
	if run.Answer.Expired() {
		text += late
	}
	if run.Guard == access.GuardGone && (left || run.Answer.Expired()) {
		text += " We'll ask again while these people are gone."
	}
	return reply{token: run.Token, output: tasktoken.AnswerOutput, answered: true, text: text}
}

// showAnswers shows the answers in the question's message, and removes the
// buttons if the question has ended. If that fails, the run updates the message when it
// posts its report.
func (p *press) showAnswers(ctx context.Context, findings []access.Finding) {
	post := p.run.Posts[slack.PurposeDriftQuestion]
	if post.TS == "" {
		return
	}
	if err := p.Slack.Update(ctx, post.Channel, post.TS, slack.DriftQuestionMessage(p.run, findings, nil)); err != nil {
		p.log.Warn("removal question could not be updated; the report will update it", "code", access.CodeOf(err), "error", access.ErrorMessage(err))
	}
}

// recordAgainFor is how long after a refused press the same press has it recorded again, in
// case that failed before.
const recordAgainFor = 10 * time.Minute

// recordRunRefusal adds a refused press to the run's row, for the audit log. The table
// accepts one for each person, finding and reason, and a limited number for each person and
// each run. If the write fails, only the log has it.
func (p *press) recordRunRefusal(ctx context.Context, reason access.Refusal, message string) {
	by := p.by
	by.SlackID = p.in.UserID
	press := access.RefusedPress{Finding: p.finding, Action: p.action, By: by, At: p.Now().UTC(), Reason: reason, Message: message}
	if reason == access.RefusalNotApprover || reason == access.RefusalNotPermitted {
		press.PolicyDigest = p.digest
	}
	recorded, err := p.Table.AddRefusedPress(ctx, p.run, press)
	p.refused = recorded != nil && press.At.Before(recorded.At.Add(recordAgainFor))
	if err != nil {
		p.log.Error("refused press could not be recorded", "reason", reason, "code", access.CodeOf(err), "error", access.ErrorMessage(err))
	}
}

// recordRefused has the refused presses of the run recorded. If that fails, the next
// refused press has all of them recorded.
func (p *press) recordRefused(ctx context.Context) {
	if err := p.Refused(ctx, p.run.ID); err != nil {
		p.log.Error("refused press could not be recorded yet", "code", access.CodeOf(err), "error", access.ErrorMessage(err))
	}
}
