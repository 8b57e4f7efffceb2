package ingress

import (
	"cmp"
	"context"
	"slices"
	"sync"
	"time"

	"sso-elevator/functions/access"
	"sso-elevator/slack"
)

// tooLateForFinding reports whether someone already decided about the finding, and this
// press doesn't overrule that. A person who still sees the buttons gets the answer,
// and the decision is carried out again: the execution or the message may have missed it.
func (p *press) tooLateForFinding() (reply, bool) {
	made := p.run.PressAbout(p.finding)
	this := access.FindingPress{Remove: p.action == slack.ActionFindingRemove}
	return p.earlierPress(), made != nil && !this.Overrules(*made)
}

// lateTime limits the lookup of a person who pressed too late. The decision that came first
// must still be carried out again.
const lateTime = 500 * time.Millisecond

// recordLate records the press as refused because someone else's decision came first, or
// this person's other one. The same button pressed again by the same person has its record.
// Whether this person may decide is not checked. If they can't be looked up, the record has only
// their Slack id.
func (p *press) recordLate(ctx context.Context) {
	made := p.run.PressAbout(p.finding)
	if made == nil || made.By.SlackID == p.in.UserID && made.Action() == p.action {
		return
	}
	if p.by.SlackID == "" {
		limited, cancel := context.WithTimeout(ctx, lateTime)
		defer cancel()
		if by, err := p.CachedPeople.Approver(limited, p.in.UserID); err == nil {
			p.by = by
		}
	}
	p.log.Info("press comes too late")
	p.recordRunRefusal(ctx, access.RefusalTooLate, cmp.Or(made.By.Email, made.By.Name)+" decided first.")
}

// earlierPress tells who decided about the finding, and what.
func (p *press) earlierPress() reply {
	made := p.run.PressAbout(p.finding)
	if made == nil {
		return reply{}
	}
	text := "Already decided: " + cmp.Or(made.By.Email, made.By.Name) + " chose to "
	if made.Remove {
		text += "remove this access."
	} else {
		text += "leave this access until " + formatTime(made.Until) + "."
	}
	return reply{pressed: true, text: text}
}

// formatTime is the form of a time in a text that only one person sees.
func formatTime(t time.Time) string { return t.UTC().Format("2 Jan 2006 15:04 UTC") }

// allowFinding checks whether the person may decide about the finding: it was reported
// with buttons, the policy in force covers it, and lets the person approve its target; it
// is not the person's own access; and nobody has blocked the person.
func (p *press) allowFinding(ctx context.Context) (refusal string, err error) {
	q := &p.question
	var report access.DriftReport
	var findingsErr, reportErr, policyErr, personErr, blocksErr error
	var policy access.Policy
	var blocks access.Blocks
	var wait sync.WaitGroup
	wait.Go(func() { q.findings, findingsErr = p.Findings.Findings(ctx, p.run.ID) })
	wait.Go(func() { report, reportErr = p.Findings.Report(ctx, p.run.ID) })
	wait.Go(func() {
		if policy, p.digest, policyErr = p.Policy.Load(ctx); policyErr == nil {
			q.index = p.menus.index(&policy, p.digest)
			q.ousOf, policyErr = p.Catalog.OUsOf(ctx, q.index.OUs())
		}
	})
	wait.Go(func() { p.by, personErr = p.People.Approver(ctx, p.in.UserID) })
	wait.Go(func() { blocks, blocksErr = p.Table.Blocks(ctx) })
	wait.Wait()
	why, personal := explain(personErr)
	switch {
	case personErr != nil && !personal:
		return "", personErr
	case findingsErr != nil || reportErr != nil || policyErr != nil:
		return "", cmp.Or(findingsErr, reportErr, policyErr)
	case personErr != nil:
		p.log.Info("press refused: person can't approve requests", "code", access.CodeOf(personErr))
		p.recordRunRefusal(ctx, access.RefusalNotEligible, why)
		return "You can't decide about this access. " + why + " Its approvers can.", nil
	case blocksErr != nil:
		return "", blocksErr
	case blocks.Of(p.by) != nil:
		p.log.Warn("press refused: person is blocked", "by", p.in.UserID)
		p.recordRunRefusal(ctx, access.RefusalBlocked, "")
		return "You can't decide about this access at the moment. Ask the people who run this app.", nil
	}
	if p.finding >= len(q.findings) {
		return "", access.Errorf(access.CodeNotFound, "run %s has %d findings, none with the index %d", p.run.ID, len(q.findings), p.finding)
	}
	q.unscheduled = report.NextRevocation.IsZero()
	f := q.findings[p.finding]
	p.log = p.log.With("index", p.finding, "subject", f.Key())
	if index, ok := report.Decidable[f.Key()]; !ok || index != p.finding {
		p.log.Warn("press refused: the report has no buttons for this finding")
		p.recordRunRefusal(ctx, access.RefusalNotOffered, "The report has no buttons for this access.")
		return "Nobody can decide about this access with a button.", nil
	}
	ous := q.ousOf(f.AccountID)
	if !q.index.CoversByName(f.Target, ous) {
		p.recordRunRefusal(ctx, access.RefusalNotPermitted, "The policy does not cover this access.")
		return "The policy no longer covers this access, so this app leaves it alone.", nil
	}
	deciders := func() string {
		emails := slices.DeleteFunc(q.deciders([]int{p.finding}), func(e string) bool {
			return f.IsOf(access.Person{Email: e}) || access.SameEmail(e, p.by.Email)
		})
		if len(emails) == 0 {
			return "The policy names no one else who can. Add an approver to the policy, or remove the access in IAM Identity Center."
		}
		return "These people can: " + slack.ListNames(p.approverNames(ctx, emails)) + "."
	}
	if f.IsOf(p.by) {
		p.log.Info("press refused: it is the person's own access")
		p.recordRunRefusal(ctx, access.RefusalOwnAccess, "")
		return "This is your own access, so you can't decide about it. " + deciders(), nil
	}
	q.groups, err = p.FreshCases.GroupsOfDecider(ctx, q.index, p.by, []access.Target{f.Target}, q.ousOf)
	if err != nil {
		return "", err
	}
	if !q.mayDecide(p.by, p.finding) {
		p.log.Info("press refused: person is no approver of this access")
		p.recordRunRefusal(ctx, access.RefusalNotApprover, "")
		return "You can't decide about this access, because you aren't an approver of this account or group. " + deciders(), nil
	}
	if _, ok := f.LeaveUntil(p.Now()); !ok && p.action == slack.ActionFindingLeave {
		p.recordRunRefusal(ctx, access.RefusalNotOffered, "The access can't be left any longer.")
		return "This access was found more than 72 hours ago, so it can't be left any longer. Press Remove now. If its owner still needs it, they can request it after the removal.", nil
	}
	return "", nil
}

// decideFinding records the person's decision about the finding. The first one counts, but
// Remove now overrules an earlier Leave for a day.
func (p *press) decideFinding(ctx context.Context) (reply, error) {
	now := p.Now().UTC()
	made := access.FindingPress{Finding: p.finding, Remove: p.action == slack.ActionFindingRemove, By: p.by, At: now}
	text := "This app is removing the access. The report will show the result."
	if !made.Remove {
		made.Until, _ = p.question.findings[p.finding].LeaveUntil(now)
		text = "This app leaves the access alone until " + formatTime(made.Until) + "."
		if p.question.unscheduled {
			text = "This app doesn't report this access again until " + formatTime(made.Until) + "."
		}
	}
	for range answerTries {
		if left := p.run.PressAbout(p.finding); left != nil && made.At.Before(left.At.Add(time.Millisecond)) {
			made.At = left.At.Add(time.Millisecond) // that clock may be ahead, and the later decision counts
		}
		run, won, err := p.Table.AddPress(ctx, p.run, made)
		if err != nil {
			return reply{}, err
		}
		p.run = run
		if won {
			p.log.Info("finding decided", "remove", made.Remove)
			return reply{pressed: true, text: text}, nil
		}
		if _, late := p.tooLateForFinding(); late {
			p.recordLate(ctx)
			return p.earlierPress(), nil
		}
	}
	return reply{}, access.Errorf(access.CodeUnavailable, "gave up after conflicting presses on the report of run %s", p.run.ID)
}

// carryOutFinding has the press carried out, and returns the text for the person. If that
// fails, the press is recorded, but nothing acts on it until someone presses again.
func (p *press) carryOutFinding(ctx context.Context, text string) string {
	err := p.Pressed(ctx, access.FindingRef{Run: p.run.ID, Index: p.finding})
	if err == nil {
		return text
	}
	p.log.Error("press could not be carried out", "code", access.CodeOf(err), "error", access.ErrorMessage(err))
	return "The decision is recorded, but this app can't act on it right now. Press the button again in a moment."
}
