package ingress

import (
	"context"
	"fmt"
	"slices"

	"sso-elevator/functions/access"
	"sso-elevator/functions/adapters/approvals"
	"sso-elevator/functions/adapters/table"
	"sso-elevator/functions/adapters/tasktoken"
	"sso-elevator/slack"
)

// approvalTries is how often an approval is written while others write to the row at the
// same time.
const approvalTries = 10

// lookUpApprovers looks up those who approved before.
func (p *press) lookUpApprovers(ctx context.Context) error {
	p.check = &approvals.Check{People: p.People, Cases: p.FreshCases, Blocks: pressBlocks{p}}
	return p.check.LookUp(ctx, p.request.Approvals)
}

// pressBlocks are the blocks as the press read them for the person who pressed.
type pressBlocks struct{ *press }

func (b pressBlocks) Blocks(ctx context.Context) (access.Blocks, error) {
	if b.approver.blocks == nil {
		return b.Table.Blocks(ctx)
	}
	return b.approver.blocks()
}

// mayChangeApprovals reports whether a press of Approve may change the approvals in the
// row even if it only opens the dialog: an earlier one may no longer count.
func (p *press) mayChangeApprovals() bool {
	return p.action == slack.ActionApprove && len(p.request.Approvals) > 0
}

// addApproval adds the person's approval to those of the request, and approves the
// request if that is enough. It checks the earlier approvals again each time. If they
// alone are enough by now, it approves the request without adding one. Both wait for the
// dialog if the person must confirm.
func (p *press) addApproval(ctx context.Context, d access.Decision) (reply, error) {
	p.check.Know(p.by, p.as)
	for range approvalTries {
		change, refusal, err := p.approvalChange(ctx, d)
		if err != nil {
			return reply{}, err
		}
		if change == nil {
			return reply{behind: p.messageIsBehind(), text: refusal}, nil
		}
		if approves := change.Event != nil || change.Outcome != nil; approves && p.mustConfirm(d) {
			return p.askToConfirm(ctx, d, change.Outcome != nil), nil
		}
		if p.cached {
			return reply{}, errCached
		}
		r, won, err := p.Table.ChangeApprovals(ctx, p.request, *change)
		if err != nil {
			return reply{}, err
		}
		p.request = r
		switch {
		case !won && !r.Open():
			return p.decidedReply(), nil
		case !won:
			continue
		case change.Outcome != nil:
			p.log.Info("request decided", "outcome", change.Outcome.Kind, "approvals", len(r.Approvals))
			return reply{token: r.ApprovalToken, output: tasktoken.ApprovalOutput(change.Outcome.Kind), decided: true}, nil
		}
		p.log.Info("approvals changed", "approvals", len(r.Approvals), "added", change.Event != nil)
		return reply{changed: true, text: refusal}, nil
	}
	return reply{}, access.Errorf(access.CodeUnavailable, "record approval: gave up after %d conflicting writes", approvalTries)
}

// approvalChange returns what the press changes in the row, nil if nothing. If it adds no
// approval, refusal says why.
func (p *press) approvalChange(ctx context.Context, d access.Decision) (change *table.ApprovalChange, refusal string, err error) {
	r := p.request
	tally, err := p.check.Count(ctx, p.index, p.asked, r, r.Approvals)
	if err != nil {
		return nil, "", err
	}
	p.standing = tally
	change = &table.ApprovalChange{Tally: tally, Purposes: slack.StatePurposes(r)}
	at := p.Now().UTC()
	mine := r.ApprovalBy(p.by)
	switch {
	case tally.Met:
	case mine >= 0 && tally.Approvals[mine].Lapse == "":
		if tally.SameAs(r) {
			change = nil
		}
		return change, "You already approved this request. It still needs an approval from " + slack.AnyOf(p.approverNames(ctx, tally.Awaited())) + ".", nil
	case r.CountEvents(access.EventApprovalGiven) >= access.MaxApprovalEvents:
		return nil, "Too many approvals of this request were given or taken back. Please deny it. The requester can submit a new one.", nil
	default:
		all := slices.Clone(r.Approvals)
		if mine >= 0 {
			all = slices.Delete(all, mine, mine+1) // it no longer counts
		}
		all = append(all, access.Approval{By: p.by, At: at, PolicyDigest: p.digest, Statements: d.Statements})
		if change.Tally, err = p.check.Count(ctx, p.index, p.asked, r, all); err != nil {
			return nil, "", err
		}
		change.Event = &access.Event{
			Kind: access.EventApprovalGiven, At: at, By: p.by,
			PolicyDigest: p.digest, Reason: string(d.Reason), Statements: d.Statements, Rule: d.Rule(r.Target.Kind),
		}
	}
	change.Outcome = approvals.Outcome(change.Tally, r.Target.Kind, d, p.digest, at)
	return change, "", nil
}

// allowTakeBack allows those who approved. Taking an approval back is safe whatever
// became of them or of the policy, so neither is checked.
func (p *press) allowTakeBack(ctx context.Context) (refusal string, err error) {
	p.by.SlackID = p.in.UserID
	if p.request.ApprovalBy(p.by) >= 0 {
		return "", nil
	}
	// They may have approved as another Slack user of theirs.
	by, err := p.People.Approver(ctx, p.in.UserID)
	if err == nil {
		p.by = by
	} else if _, personal := explain(err); !personal {
		return "", err
	}
	if p.request.ApprovalBy(p.by) < 0 && !p.tookBack() {
		p.refuse(ctx, access.RefusalNoApproval, "", "person has not approved the request")
		return "You haven't approved this request, so there is nothing to take back.", nil
	}
	return "", nil
}

// tookBack reports whether the person took an approval back and has none now.
func (p *press) tookBack() bool {
	return p.request.ApprovalBy(p.by) < 0 && slices.ContainsFunc(p.request.Events, func(e access.Event) bool {
		return e.Kind == access.EventApprovalTakenBack && access.SamePerson(e.By, p.by)
	})
}

// takeBack removes the person's approval.
func (p *press) takeBack(ctx context.Context) (reply, error) {
	for range approvalTries {
		r := p.request
		mine := r.ApprovalBy(p.by)
		if mine < 0 {
			return reply{behind: p.messageIsBehind(), text: "You already took your approval back."}, nil
		}
		if r.CountEvents(access.EventApprovalTakenBack) >= access.MaxTakenBack {
			return reply{text: fmt.Sprintf("Approvals of this request were already taken back %d times. You can deny the request instead.", access.MaxTakenBack)}, nil
		}
		by := p.by
		if by.Email == "" {
			by = r.Approvals[mine].By
		}
		r, won, err := p.Table.ChangeApprovals(ctx, r, table.ApprovalChange{
			Tally:    r.WithoutApproval(mine),
			Event:    &access.Event{Kind: access.EventApprovalTakenBack, At: p.Now().UTC(), By: by},
			Purposes: slack.StatePurposes(r),
		})
		if err != nil {
			return reply{}, err
		}
		p.request = r
		switch {
		case won:
			p.log.Info("approval taken back", "approvals", len(r.Approvals))
			return reply{changed: true}, nil
		case !r.Open():
			return p.decidedReply(), nil
		}
	}
	return reply{}, access.Errorf(access.CodeUnavailable, "take back approval: gave up after %d conflicting writes", approvalTries)
}

// messageIsBehind reports whether the message may not show the approvals: notify has not
// updated it since they changed. The press that changed them may have failed.
func (p *press) messageIsBehind() bool {
	post := p.request.Posts[slack.PurposeAnnounce]
	return post.TS != "" && post.Digest == ""
}
