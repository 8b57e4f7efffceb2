package ingress

import (
	"cmp"
	"context"
	"slices"
	"strings"
	"sync"
	"time"

	"sso-elevator/functions/access"
	"sso-elevator/functions/access/parallel"
	"sso-elevator/functions/adapters/people"
	"sso-elevator/functions/adapters/tasktoken"
	"sso-elevator/slack"
)

func (p *press) loadRequest(ctx context.Context) (err error) {
	if p.request, err = p.Table.Get(ctx, p.subjectID); err != nil {
		return err
	}
	p.log = p.log.With("execution", p.request.ExecutionARN)
	return nil
}

// tooLateToDecide reports whether the request is decided or has expired.
func (p *press) tooLateToDecide() (reply, bool) {
	r := p.request
	if !r.Open() {
		return p.decidedReply(), true
	}
	if !r.ExpiresAt.IsZero() && !p.Now().Before(r.ExpiresAt) {
		// The execution may be late and not have recorded it yet.
		p.log.Info("press too late: request expired")
		return reply{text: expiredText}, true
	}
	return reply{}, false
}

// allowApprove allows the approvers of the policy in force, as long as the
// requester still exists.
func (p *press) allowApprove(ctx context.Context) (refusal string, err error) {
	if p.opensDialog() {
		p.startChainRead()
	}
	var gone, lookUpErr error
	var wait sync.WaitGroup
	wait.Go(func() { gone = p.people().CheckRequester(ctx, p.request.Requester) })
	wait.Go(func() { lookUpErr = p.lookUpApprovers(ctx) })
	refusal, err = p.allowApprover(ctx, "You can't approve or deny this request.", people.Permits)
	wait.Wait()
	if refusal != "" || err != nil {
		return refusal, err
	}
	if lookUpErr != nil {
		return "", lookUpErr
	}
	if why := notPermittedText(p.index.Decide(p.asked)); why != "" {
		p.refuse(ctx, access.RefusalNotPermitted, why, "the policy in force refuses the request", "policy_digest", p.digest)
		return "This request can't be approved. " + why, nil
	}
	if gone == nil {
		return "", nil
	}
	text, personal := explain(gone)
	if !personal {
		return "", gone
	}
	p.refuse(ctx, access.RefusalRequesterGone, text, "requester is gone", "code", access.CodeOf(gone))
	return text + " This request can't be approved. Please deny it.", nil
}

// allowDeny allows approvers even if the requester is gone or may no longer request this:
// denying is safe.
func (p *press) allowDeny(ctx context.Context) (refusal string, err error) {
	return p.allowApprover(ctx, "You can't approve or deny this request.", people.PermitsDenial)
}

// notPermittedText returns why nobody may approve the request under the policy in force,
// and what to do instead; "" if it permits the request.
func notPermittedText(d access.Decision) string {
	switch d.Reason {
	case access.ReasonNotAllowed:
		return "The current policy no longer lets the requester have this access. The requester can withdraw the request."
	case access.ReasonDurationTooLong:
		return "The current policy allows this access for at most " + access.FormatDuration(time.Duration(d.MaxDuration)*time.Second) +
			". Please deny it. The requester can submit a new request for a shorter time."
	case access.ReasonTicketMissing:
		return "The current policy requires a ticket that this request doesn't have. Please deny it. The requester can submit a new request with the ticket."
	default:
		return ""
	}
}

func (p *press) approve(ctx context.Context) (reply, error) {
	d := p.index.Decide(p.asked)
	if len(d.Requirements) > 0 || len(p.request.Approvals) > 0 {
		return p.addApproval(ctx, d)
	}
	if p.mustConfirm(d) {
		return p.askToConfirm(ctx, d, true), nil
	}
	return p.decideByPolicy(ctx, access.OutcomeApproved, d)
}

func (p *press) deny(ctx context.Context) (reply, error) {
	if p.opensDialog() {
		return p.openDialog(ctx, slack.DenialView(p.request, p.DenyReason == DenyReasonRequired)), nil
	}
	return p.decideByPolicy(ctx, access.OutcomeDenied, p.index.Decide(p.asked))
}

// decideByPolicy decides the request, and records what the policy in force
// says about it.
func (p *press) decideByPolicy(ctx context.Context, kind access.OutcomeKind, d access.Decision) (reply, error) {
	return p.decide(ctx, access.Outcome{
		Kind: kind, By: p.by, At: p.Now().UTC(),
		DenialReason: p.denialReason,
		Reason:       string(d.Reason), PolicyDigest: p.digest, Statements: d.Statements, Rule: d.Rule(p.request.Target.Kind),
	})
}

// tooLateToWithdraw reports whether the request is decided. Only the
// requester learns that here; allowWithdraw refuses everyone else.
func (p *press) tooLateToWithdraw() (reply, bool) {
	if p.request.Open() || !p.byRequester() {
		return reply{}, false
	}
	return p.decidedReply(), true
}

// allowWithdraw allows only the requester.
func (p *press) allowWithdraw(ctx context.Context) (refusal string, err error) {
	if !p.byRequester() {
		p.refuse(ctx, access.RefusalNotRequester, "", "person is not the requester")
		return "Only the requester can withdraw this request. Approvers can deny it.", nil
	}
	p.by = p.request.Requester
	return "", nil
}

func (p *press) withdraw(ctx context.Context) (reply, error) {
	return p.decide(ctx, access.Outcome{Kind: access.OutcomeWithdrawn, By: p.by, At: p.Now().UTC()})
}

// decide records an outcome, unless the request already has one.
func (p *press) decide(ctx context.Context, o access.Outcome) (reply, error) {
	if p.cached {
		return reply{}, errCached
	}
	r, won, err := p.Table.Decide(ctx, p.request.ID, o)
	if err != nil {
		return reply{}, err
	}
	p.request = r
	if !won {
		return p.decidedReply(), nil
	}
	p.log.Info("request decided", "outcome", o.Kind)
	return reply{token: r.ApprovalToken, output: tasktoken.ApprovalOutput(o.Kind), decided: true}, nil
}

// decidedReply returns the outcome, for a person who pressed too late. It also
// resumes the execution, which may not know the outcome yet.
func (p *press) decidedReply() reply {
	r := p.request
	if r.Rebuilt != nil {
		return reply{text: "This request has ended. Someone deleted this app's record of it."}
	}
	if r.Outcome == nil {
		return reply{text: "This request was interrupted before a decision. The requester can submit it again."}
	}
	if !r.HasPassedGrant() && !r.IsClosed() {
		return reply{token: r.ApprovalToken, output: tasktoken.ApprovalOutput(r.Outcome.Kind), text: outcomeText(*r.Outcome)}
	}
	return reply{text: outcomeText(*r.Outcome)}
}

const expiredText = "This request has expired. The requester can submit a new one."

func outcomeText(o access.Outcome) string {
	who := nameOf(o.By)
	switch o.Kind {
	case access.OutcomeAutomatic:
		return "The policy already approved this request."
	case access.OutcomeApproved:
		return who + " already approved this request."
	case access.OutcomeDenied:
		return who + " already denied this request."
	case access.OutcomeWithdrawn:
		return "The requester withdrew this request."
	case access.OutcomeExpired:
		return expiredText
	default:
		return "This request was refused. Its message says why."
	}
}

// nameOf returns a person's email, or their name if it is unknown.
func nameOf(p access.Person) string { return cmp.Or(p.Email, p.Name, "Someone") }

// tooLateToEnd reports whether there is no access to end.
func (p *press) tooLateToEnd() (reply, bool) {
	text := notActiveText(p.request)
	if text == "" {
		return reply{}, false
	}
	return p.endReply(text), true
}

// allowEnd allows the requester and the approvers of the policy in force.
func (p *press) allowEnd(ctx context.Context) (refusal string, err error) {
	if p.byRequester() {
		p.by = p.request.Requester
		return "", nil
	}
	return p.allowApprover(ctx, "You can't end this access.", people.PermitsDenial)
}

// end records that the access ends early, and ends the other requests for it. People
// who may end one of them may end all: they are the same person's access to the same
// target, and it lasts as long as any of them. Only the requester ends it without a dialog. If
// the request itself has ended, the press ends the others.
func (p *press) end(ctx context.Context) (reply, error) {
	if p.opensDialog() {
		return p.openDialog(ctx, slack.EndView(p.request)), nil
	}
	if p.cached {
		return reply{}, errCached
	}
	if p.keeper.ID != "" {
		return p.endKeeper(ctx)
	}
	r, won, err := p.Table.RequestEnd(ctx, p.request.ID, access.EndRequest{By: p.by, At: p.Now().UTC(), ByPress: p.id})
	if err != nil {
		return reply{}, err
	}
	p.request = r
	if !won {
		late, done, err := p.endLate(ctx, p.endReply(notActiveText(r)))
		if done || err != nil {
			return late, err
		}
		return p.endKeeper(ctx)
	}
	p.log.Info("access ended early")
	return p.withOthers(ctx, p.endReply("")), nil
}

// endReply resumes the execution so that it removes the access, unless the removal
// has begun. The reply shows text. If the execution can't be resumed, for example because no
// token is stored, the reply says so: the end is in the row, so the minute check removes the
// access, and another press may resume the execution.
func (p *press) endReply(text string) reply {
	r := p.request
	if !r.HasPendingEnd() {
		return reply{text: text}
	}
	const notResumed = "Your press is recorded, but the removal hasn't started yet. It starts within 150 seconds. To start it sooner, press End now again."
	if r.EndToken == "" {
		return reply{text: notResumed}
	}
	return reply{token: r.EndToken, output: tasktoken.EndOutput, text: text, notResumed: notResumed, ending: true}
}

const (
	hasEnded     = "This access has already ended."
	beingRemoved = "This access is already being removed."
)

// notActiveText returns why there is no access to end, or "" if there is.
func notActiveText(r access.Request) string {
	switch {
	case r.IsRemoved():
		return hasEnded
	case r.EndRequest != nil, r.HasRemovalBegun():
		return beingRemoved
	case !r.WasGranted():
		return "This access isn't active yet. Please try again in a moment."
	default:
		return ""
	}
}

// byRequester reports whether the requester pressed the button.
func (p *press) byRequester() bool { return p.in.UserID == p.request.Requester.SlackID }

// permission is what a person needs from the policy: people.Permits or
// people.PermitsDenial.
type permission func(*access.Index, *access.Case, access.Request, access.Person, access.Identity) bool

// approverReads are what allowApprover needs besides the request's row. None of them needs
// another one, or the row. Each function waits for its read.
type approverReads struct {
	by     func() (access.Person, error)
	blocks func() (access.Blocks, error) // nil if the lookups are cached
	policy policySource
}

// isForApprovers reports whether only approvers may press the button.
func (p *press) isForApprovers() bool {
	return p.action == slack.ActionApprove || p.action == slack.ActionDeny
}

// startApproverReads starts the reads that allowApprover waits for. If it starts them
// again, it keeps the policy.
func (p *press) startApproverReads() {
	var reads approverReads
	if p.approver != nil {
		reads.policy = p.approver.policy // it isn't about people
	} else {
		reads.policy = parallel.Start(p.reads, p.policyInForce)
	}
	people := p.people()
	reads.by = parallel.Start(p.reads, func(ctx context.Context) (access.Person, error) { return people.Approver(ctx, p.in.UserID) })
	if !p.cached {
		reads.blocks = parallel.Start(p.reads, p.Table.Blocks)
	}
	p.approver = &reads
}

// allowApprover looks up the person and allows those whom the policy in force permits
// it. For the others, it returns refused and why, or who can do this instead. If several
// reads fail, the error is that of the person, of the blocks, or of the policy, in this
// order.
func (p *press) allowApprover(ctx context.Context, refused string, permits permission) (refusal string, err error) {
	if p.approver == nil {
		p.startApproverReads()
	}
	by, err := p.approver.by()
	if err != nil {
		text, personal := explain(err)
		if !personal {
			return "", err
		}
		p.refuse(ctx, access.RefusalNotEligible, text, "person can't approve requests", "code", access.CodeOf(err))
		who := "The request's message names the approvers."
		if p.action == slack.ActionEnd {
			who = p.whoCanEndText(ctx)
		}
		return refused + " " + text + " " + who, nil
	}
	p.by = by
	if p.approver.blocks != nil {
		blocks, err := p.approver.blocks()
		if err != nil {
			return "", err
		}
		if refusal = p.blockedText(ctx, blocks); refusal != "" {
			return refusal, nil
		}
	}
	policy, err := p.approver.policy()
	if err != nil {
		return "", err
	}
	p.index, p.digest = policy.index, policy.digest
	if p.asked, p.as, err = p.cases().CaseAndIdentity(ctx, p.index, p.request.Requester, p.askedCase(), by); err != nil {
		return "", err
	}
	if !permits(p.index, p.asked, p.request, by, p.as) {
		p.refuse(ctx, access.RefusalNotApprover, "", "person is not an approver", "policy_digest", p.digest)
		if p.action == slack.ActionApprove && people.PermitsDenial(p.index, p.asked, p.request, by, p.as) {
			refused = "You can deny this request, but you can't approve it."
		}
		return refused + " " + p.whoCanText(ctx), nil
	}
	return "", nil
}

// askedCase returns the request as the policy sees it.
func (p *press) askedCase() access.Case {
	c := p.request.Case()
	c.Longest = p.longest()
	return c
}

// blockedText returns why the press has no effect if a responder blocked the person, or,
// for an approval, the requester. It returns "" if neither is blocked.
func (p *press) blockedText(ctx context.Context, blocks access.Blocks) string {
	text := ""
	switch {
	case blocks.Of(p.by) != nil:
		text = cantDecideNow
		if p.action == slack.ActionEnd {
			text = cantEndNow
		}
		p.recordRefusal(ctx, access.RefusalBlocked, "An incident responder blocked this person.")
	case p.action == slack.ActionApprove && blocks.Of(p.request.Requester) != nil:
		text = "This request can't be approved, because an incident responder blocked the requester. It will be refused within minutes."
		p.recordRefusal(ctx, access.RefusalBlocked, "An incident responder blocked the requester.")
	default:
		return ""
	}
	p.log.Warn("press refused: someone is blocked", "by", p.in.UserID)
	return text
}

// whoCanText says who may press the button that p.by may not.
func (p *press) whoCanText(ctx context.Context) string {
	r := p.request
	d := p.index.Decide(p.asked)
	if d.Reason == access.ReasonNotAllowed && p.action == slack.ActionApprove {
		return notPermittedText(d)
	}
	approvers := d.Approvers
	if len(approvers) == 0 {
		// The current policy wouldn't ask these people, but may still let them decide.
		permits := p.index.PermitsDenial
		if p.action == slack.ActionApprove {
			permits = p.index.Permits
		}
		for _, a := range r.Approvers {
			if permits(p.asked, a.Identity(nil)) {
				approvers = append(approvers, a.Email)
			}
		}
		for _, g := range r.ApproverGroups {
			if permits(p.asked, access.Identity{Groups: []string{g.ID}}) {
				approvers = append(approvers, access.GroupEntry(g.ID))
			}
		}
	}
	approvers = slices.DeleteFunc(approvers, func(email string) bool { return access.SameEmail(email, p.by.Email) })
	if p.action == slack.ActionApprove {
		approvers = stillNeeded(r, approvers)
	}
	approvers = p.approverNames(ctx, approvers)
	switch {
	case p.action == slack.ActionEnd:
		return slack.AnyOf(append([]string{"The requester"}, approvers...)) + " can."
	case len(approvers) == 0:
		return "Nobody can under the current policy. The requester can withdraw the request."
	case access.SamePerson(r.Requester, p.by):
		return "This is your own request. " + canText(approvers)
	default:
		return canText(approvers)
	}
}

// whoCanEndText says who may press End now, for a person who can't approve anything. It names
// nobody if that needs reads: of memberships or of units.
func (p *press) whoCanEndText(ctx context.Context) string {
	policy, err := p.approver.policy()
	asked := p.askedCase()
	if err != nil || len(policy.index.OUsAffecting(asked.Target)) > 0 || len(policy.index.GroupsAffecting(asked.Target, nil)) > 0 {
		return "The requester or an approver can."
	}
	asked.Requester = p.request.Requester.Identity(nil)
	p.index, p.asked = policy.index, &asked
	for _, a := range p.request.Approvers {
		if a.SlackID == p.in.UserID {
			p.by.Email = a.Email // whoCanText leaves them out, because they can't either
		}
	}
	return p.whoCanText(ctx)
}

// stillNeeded returns those of the approvers whose approval doesn't count yet. It leaves out
// those who are not in Slack, unless nobody else is left.
func stillNeeded(r access.Request, approvers []string) []string {
	approvers = slices.DeleteFunc(approvers, func(approver string) bool {
		return slices.ContainsFunc(r.Approvals, func(a access.Approval) bool { return a.Lapse == "" && access.SameEmail(a.By.Email, approver) })
	})
	var reachable []string
	for _, approver := range approvers {
		if !slices.ContainsFunc(r.UnknownApprovers, func(email string) bool { return access.SameEmail(email, approver) }) {
			reachable = append(reachable, approver)
		}
	}
	if len(reachable) == 0 {
		return approvers
	}
	return reachable
}

func canText(approvers []string) string {
	text := slack.AnyOf(approvers) + " can."
	if slack.IsGroupMembers(text) {
		return strings.ToUpper(text[:1]) + text[1:]
	}
	return text // an email stays as it is
}

// refuse logs a refused press, and records it. why is for the log. Cached lookups refuse
// nothing: the press is checked again.
func (p *press) refuse(ctx context.Context, reason access.Refusal, message, why string, args ...any) {
	if p.cached {
		return
	}
	p.log.Info("press refused: "+why, args...)
	p.recordRefusal(ctx, reason, message)
}

// recordRefusal records a refused press in the request's row, for the audit log. The
// table accepts one for each person and reason, a limited number for each request,
// and none after the request is closed. If the write fails, only the log has it. A press that
// would end another request is recorded there.
func (p *press) recordRefusal(ctx context.Context, reason access.Refusal, message string) {
	by, about := p.by, p.request
	by.SlackID = p.in.UserID
	if p.keeper.ID != "" {
		about = p.keeper
	}
	if _, err := p.Table.AppendEvent(ctx, about, access.Event{
		Kind: access.EventPressRefused, At: p.Now().UTC(), By: by, Action: p.action,
		Reason: string(reason), Message: message, PolicyDigest: p.digest,
	}); err != nil {
		p.log.Error("refused press could not be recorded", "reason", reason, "code", access.CodeOf(err), "error", access.ErrorMessage(err))
	}
}
