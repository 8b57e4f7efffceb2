package ingress

import (
	"context"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"time"

	"github.com/aws/aws-lambda-go/events"

	"sso-elevator/functions/access"
	"sso-elevator/functions/access/parallel"
	"sso-elevator/functions/adapters/claims"
	"sso-elevator/slack"
)

// submit turns a submitted form into a request. The same form always gives the same
// request, however often it arrives. A repeated submission only starts the execution
// if that failed before. If the person has an undecided request for the same target,
// another form creates no request.
func (h *Handler) submit(ctx context.Context, log *slog.Logger, in slack.Interaction) events.APIGatewayV2HTTPResponse {
	if _, ok := slack.KindOf(in.View.CallbackID); !ok {
		log.Warn("unknown form", "callback", in.View.CallbackID)
		return jsonResponse(slack.UpdateViewResponse(slack.NoticeView(sorry, "This app doesn't know this form. To open a new one, use "+slack.CommandAccount+" or "+slack.CommandGroup+".")))
	}
	submission, mistakes := in.View.Submission()
	if len(mistakes) > 0 {
		return jsonResponse(slack.FieldErrorsResponse(mistakes))
	}
	work, cancel := workContext(ctx)
	defer cancel()
	// None of these reads needs another one, and Slack is waiting. The first error below
	// counts, whichever read failed first.
	reads := parallel.Begin(work)
	defer reads.End()
	foundRequester := parallel.Start(reads, func(ctx context.Context) (access.Person, error) { return h.People.Requester(ctx, in.UserID) })
	foundBlocks := parallel.Start(reads, h.Table.Blocks)
	policy := parallel.Start(reads, h.policyInForce)
	submission, mistakes, err := h.validate(work, in.View, submission)
	if err != nil {
		log.Error("form could not be checked", "code", access.CodeOf(err), "error", access.ErrorMessage(err))
		return askToResubmit(err)
	}
	if len(mistakes) > 0 {
		log.Info("form has mistakes", "target", submission.Target.String())
		return jsonResponse(slack.FieldErrorsResponse(mistakes))
	}
	requester, requesterErr := foundRequester()
	if requesterErr != nil {
		text, personal := explain(requesterErr)
		if personal {
			return jsonResponse(slack.UpdateViewResponse(slack.NoticeView(sorry, text)))
		}
		log.Error("requester could not be looked up", "code", access.CodeOf(requesterErr), "error", access.ErrorMessage(requesterErr))
		return askToResubmit(requesterErr)
	}
	switch blocks, blocksErr := foundBlocks(); {
	case blocksErr != nil:
		log.Error("blocks could not be read", "code", access.CodeOf(blocksErr), "error", access.ErrorMessage(blocksErr))
		return askToResubmit(blocksErr)
	case blocks.Of(requester) != nil:
		log.Warn("request refused: person is blocked")
		return keepFormOpen(cantRequestNow)
	}

	if mistakes, err = h.checkOffered(work, in.View, submission, policy, requester); err != nil {
		log.Error("form could not be checked", "code", access.CodeOf(err), "error", access.ErrorMessage(err))
		return askToResubmit(err)
	}
	if len(mistakes) > 0 {
		log.Info("form asks for what the policy refuses", "target", submission.Target.String())
		return jsonResponse(slack.FieldErrorsResponse(mistakes))
	}

	wanted := h.newRequest(in, submission, requester)
	log = log.With("request_id", wanted.ID)
	stored, created, refused, err := h.create(work, log, wanted)
	if err != nil {
		log.Error("request could not be stored", "execution", wanted.ExecutionARN, "code", access.CodeOf(err), "error", access.ErrorMessage(err))
		return askToResubmit(err)
	}
	if refused != nil {
		return *refused
	}
	log = log.With("execution", stored.ExecutionARN)
	if stored.Requester.SlackID != wanted.Requester.SlackID {
		// Slack gives each form to one person. We neither start nor show the
		// request of someone else.
		log.Warn("form was already submitted by someone else")
		return jsonResponse(slack.UpdateViewResponse(slack.NoticeView(sorry, "This form belongs to someone else. Please open your own.")))
	}
	if err := h.Machine.Start(ctx, stored); err != nil {
		log.Error("execution could not be started", "code", access.CodeOf(err), "error", access.ErrorMessage(err))
		return keepFormOpen("Your request was saved but could not be started. Please press Request access again.")
	}
	log.Info("request submitted", "created", created, "target", stored.Target.String())
	if !created && !isSameRequest(stored, wanted) {
		return jsonResponse(slack.UpdateViewResponse(slack.NoticeView("Already sent",
			"You already submitted this form with other values. This is what you requested: "+describe(stored)+
				". To request something else, open a new form.")))
	}
	if in.View.IsFromHome() {
		h.showHome(ctx, log, in.UserID, "", false) // the new request appears there
	}
	return jsonResponse(slack.ClearResponse())
}

// create stores the request, or returns the one that the same form created
// before. refused is the response for a person who already has an undecided
// request for the target, or too many undecided requests, or was denied the target a
// moment ago.
func (h *Handler) create(ctx context.Context, log *slog.Logger, wanted access.Request) (stored access.Request, created bool, refused *events.APIGatewayV2HTTPResponse, err error) {
	claim, err := h.Claims.Take(ctx, wanted)
	if err != nil {
		return stored, false, nil, err
	}
	if claim.Until.IsZero() {
		// If the same form already created its request, later claims don't
		// matter.
		if stored, err = h.Table.Get(ctx, wanted.ID); access.CodeOf(err) != access.CodeNotFound {
			return stored, false, nil, err
		}
		said := h.turnAway(ctx, log, claim)
		return stored, false, &said, nil
	}
	if !h.Now().Before(claim.Until) {
		// The claim may soon expire.
		return stored, false, nil, access.Errorf(access.CodeUnavailable, "create request: the claim is about to expire")
	}
	stored, created, err = h.Table.Create(ctx, wanted)
	if err == nil && !created && (!stored.Open() || stored.Requester.PrincipalID != wanted.Requester.PrincipalID) {
		// The same form arrived again. Its request is already decided, or
		// belongs to someone else.
		h.freeClaim(ctx, log, wanted)
	}
	return stored, created, nil, err
}

// turnAway returns the response that tells a person why they got no claim.
func (h *Handler) turnAway(ctx context.Context, log *slog.Logger, claim claims.Result) events.APIGatewayV2HTTPResponse {
	switch {
	case claim.Other != nil:
		log.Info("access already requested", "other", claim.Other.ID)
		h.startAgain(ctx, log, *claim.Other)
		const title = "Already requested"
		view := slack.NoticeView(title, h.duplicateText(*claim.Other))
		if address := slack.RequesterLink(*claim.Other); address != "" {
			view = slack.LinkNoticeView(title, h.duplicateText(*claim.Other), address, "Open that request")
		}
		return jsonResponse(slack.UpdateViewResponse(view))
	case claim.Pending:
		log.Info("access already requested, but the request is not stored yet")
		return keepFormOpen("You requested this a moment ago, and we're still processing that request. If no message about it appears within two minutes, press Request access again.")
	case claim.Denied != nil:
		log.Info("access was denied a moment ago", "other", claim.Denied.RequestID)
		return keepFormOpen(h.deniedText(*claim.Denied))
	default:
		log.Info("too many undecided requests")
		return keepFormOpen(tooManyText(h.Claims.Limit))
	}
}

// startAgain starts the execution of a request that may not have one: the attempt
// that stored the request may have stopped before the start. A running execution is
// left alone.
func (h *Handler) startAgain(ctx context.Context, log *slog.Logger, r access.Request) {
	if r.EvaluatedDecision != nil {
		return
	}
	if err := h.Machine.Start(ctx, r); err != nil {
		log.Error("execution could not be started", "other", r.ID, "code", access.CodeOf(err), "error", access.ErrorMessage(err))
	}
}

// freeClaim frees the claim of a decided request. If that fails, the claim doesn't count,
// and the sweep of claims frees it. After a denial, closing the request frees it.
func (h *Handler) freeClaim(ctx context.Context, log *slog.Logger, r access.Request) {
	if err := h.Claims.Free(ctx, r); err != nil {
		log.Warn("claim of the decided request could not be freed", "code", access.CodeOf(err), "error", access.ErrorMessage(err))
	}
}

// lateAfter is the age at which a request without a decision of the policy counts as
// waiting, for example because memberships can't be read. Nobody can withdraw it yet,
// because it has no message.
const lateAfter = 2 * time.Minute

// duplicateText returns the text about the undecided request for the same
// target.
func (h *Handler) duplicateText(r access.Request) string {
	at := r.CreatedAt.UTC().Format("15:04 UTC")
	if now := h.Now().UTC(); now.Format(time.DateOnly) != r.CreatedAt.UTC().Format(time.DateOnly) {
		at = r.CreatedAt.UTC().Format("15:04 UTC on 2 January")
	}
	state := "We are processing it. To change it, withdraw that request first."
	switch {
	case !r.ExpiresAt.IsZero():
		state = "It is waiting for approval. To change it, withdraw that request first."
	case r.EvaluatedDecision == nil && h.Now().Sub(r.CreatedAt) >= lateAfter:
		state = "We can't check it right now, but we keep trying. You don't need to submit it again. A message will tell you when we know more."
	}
	return "You already requested this at " + at + ": " + describe(r) + ". " + state
}

// deniedText says when a person can request again what was denied.
func (h *Handler) deniedText(d access.Denial) string {
	ago := "less than a minute ago"
	if passed := h.Now().Sub(d.At).Truncate(time.Minute); passed > 0 {
		ago = access.FormatDuration(passed) + " ago"
	}
	// The minute after the cooldown's end, because the text has no seconds.
	again := d.At.Add(h.Claims.Cooldown + time.Minute - 1).UTC().Truncate(time.Minute)
	at := again.Format("15:04 UTC")
	if again.Format(time.DateOnly) != h.Now().UTC().Format(time.DateOnly) {
		at = again.Format("15:04 UTC on 2 January")
	}
	return nameOf(d.By) + " denied this " + ago + ". You can request it again at " + at + "."
}

func tooManyText(limit int) string {
	if limit == 1 {
		return "You already have an undecided request, and you can have only one. Withdraw it or wait for the decision. Then press Request access again."
	}
	return fmt.Sprintf("You already have %d undecided requests, and you can't have more. Withdraw one or wait for a decision. Then press Request access again.", limit)
}

// keepFormOpen keeps the form open and shows a text in it, at the reason.
// Every form has that block.
func keepFormOpen(text string) events.APIGatewayV2HTTPResponse {
	return jsonResponse(slack.FieldErrorsResponse(map[string]string{slack.BlockReason: text}))
}

// askToResubmit keeps the form open, with a text about the error.
func askToResubmit(err error) events.APIGatewayV2HTTPResponse {
	text, _ := explain(err)
	return keepFormOpen(text)
}

// validate checks a submission against what the form offers, and fills in the
// names. It returns mistakes by block id.
func (h *Handler) validate(ctx context.Context, v *slack.View, s slack.Submission) (slack.Submission, map[string]string, error) {
	if !slices.Contains(h.Durations, s.Duration) {
		return s, map[string]string{v.DurationBlock(): "Choose one of the offered durations."}, nil
	}
	target, err := h.Catalog.Complete(ctx, s.Target)
	if access.CodeOf(err) == access.CodeNotFound {
		return s, map[string]string{targetBlock(v, s.Target): notOffered}, nil
	}
	if err != nil {
		return s, nil, err
	}
	s.Target = target
	return s, nil, nil
}

// checkOffered returns the mistakes in a form that requests access which the policy in force
// refuses to this person, which AWS doesn't let this app grant, or which nobody can
// approve.
func (h *Handler) checkOffered(ctx context.Context, v *slack.View, s slack.Submission, policy policySource, requester access.Person) (map[string]string, error) {
	if s.Target.OutOfReach(h.Account, h.Catalog.ManagementAccount(ctx)) {
		return map[string]string{v.AccountBlock(): slack.ManagementAccount}, nil
	}
	now, err := policy()
	if err != nil {
		return nil, err
	}
	c, err := h.Cases.Case(ctx, now.index, requester, access.Case{Target: s.Target, Duration: int64(s.Duration / time.Second), Ticket: &s.Ticket})
	if err != nil {
		return nil, err
	}
	c.Longest = h.longest()
	d := now.index.Decide(c)
	if d.DependsOnChain() {
		chain, err := h.chain(ctx, requester, s.Target)
		if err != nil {
			return nil, err
		}
		c.Chain = chain.Length(c.Duration)
		d = now.index.Decide(c)
	}
	switch {
	case d.Reason == access.ReasonDurationTooLong:
		longest := time.Duration(d.MaxDuration) * time.Second
		return map[string]string{v.DurationBlock(): "The policy allows this access for at most " + access.FormatDuration(longest) + "."}, nil
	case d.Reason == access.ReasonTicketMissing:
		return ticketMistake(v, d, s.Ticket), nil
	case d.Reason == access.ReasonNotAllowed:
		return map[string]string{targetBlock(v, s.Target): "The policy doesn't let you have this access. Choose something else, or ask the people who run this app."}, nil
	case mustNotSelfApprove(d, requester):
		return map[string]string{targetBlock(v, s.Target): notSelfApproved}, nil
	case d.Reason == access.ReasonNoApprovers && d.ChainTooLong:
		return map[string]string{v.DurationBlock(): "You have this access already. With this extension, it would last " + access.FormatChain(c.Chain) +
			" in all. That needs an approval, and the policy names no other approver."}, nil
	case d.Reason == access.ReasonNoApprovers && d.NeedsSeveral():
		return map[string]string{targetBlock(v, s.Target): "Too few others can approve this. Ask the people who run this app to add approvers."}, nil
	case d.Reason == access.ReasonNoApprovers:
		return map[string]string{targetBlock(v, s.Target): "Nobody else can approve this: the policy names no other approver. Ask the people who run this app to add one."}, nil
	case d.Reason == access.ReasonProtectedAccount:
		return map[string]string{v.AccountBlock(): "This account is protected, and the policy doesn't name it. Ask the people who run this app to add it."}, nil
	case d.Outcome == access.DecideRefused:
		return map[string]string{targetBlock(v, s.Target): notOffered}, nil
	}
	if text := h.knownUnreachable(ctx, now.index, d, requester); text != "" {
		return map[string]string{targetBlock(v, s.Target): text}, nil
	}
	return nil, nil
}

// ticketMistake says what is wrong with a ticket that the policy doesn't accept. A form
// that someone submits before its update arrives may have no ticket field.
func ticketMistake(v *slack.View, d access.Decision, ticket string) map[string]string {
	const missing = "The policy requires a ticket for this access."
	text := missing
	switch {
	case !v.HasTicket():
		return map[string]string{slack.BlockReason: missing + " If the form has no field for it, close the form and open a new one."}
	case ticket != "":
		text = "The policy doesn't accept this ticket."
	}
	return map[string]string{slack.BlockTicket: strings.TrimSpace(text + " " + slack.TicketHint(d.Tickets))}
}

// targetBlock returns the id of the block where the last part of the target
// was chosen.
func targetBlock(v *slack.View, t access.Target) string {
	action := slack.ActionPermissionSet
	if t.Kind == access.KindGroup {
		action = slack.ActionGroup
	}
	for block, actions := range v.State {
		if _, ok := actions[action]; ok {
			return block
		}
	}
	return slack.BlockReason
}

// newRequest returns the row for a submission.
func (h *Handler) newRequest(in slack.Interaction, s slack.Submission, requester access.Person) access.Request {
	now := h.Now().UTC()
	team := in.TeamID
	if team == "" {
		team = in.EnterpriseID
	}
	r := access.Request{
		ID:         access.RequestID(team, in.View.ID),
		Target:     s.Target,
		Reason:     s.Reason,
		Ticket:     s.Ticket,
		Duration:   int64(s.Duration / time.Second),
		TeamID:     team,
		TeamDomain: in.TeamDomain,
		ViewID:     in.View.ID,
		Requester:  requester,
		CreatedAt:  now,
		Events:     []access.Event{{Kind: access.EventRequested, At: now, By: requester}},
	}
	r.ExecutionName = executionName(now, r.Target, r.ID)
	r.ExecutionARN = h.Machine.ExecutionARN(r.ExecutionName)
	return r
}

func isSameRequest(a, b access.Request) bool {
	return a.Target.Key() == b.Target.Key() && a.Duration == b.Duration && a.Reason == b.Reason && a.Ticket == b.Ticket
}

// describeTarget returns the target in a few words, for a text without markup.
func describeTarget(t access.Target) string {
	if t.Kind == access.KindGroup {
		return "the group " + t.GroupName
	}
	return t.PermissionSet + " in " + t.AccountName + " (" + t.AccountID + ")"
}

func describe(r access.Request) string {
	what := describeTarget(r.Target) + " for " + access.FormatDuration(time.Duration(r.Duration)*time.Second)
	if r.Ticket != "" {
		what += ", with the ticket " + r.Ticket
	}
	return what
}

// maxExecutionName is Step Functions' limit.
const maxExecutionName = 80

// executionName returns the name that people see in the Step Functions
// console: the day, the target and the request's id. It has only letters,
// digits, "-" and "_". Names of accounts, permission sets and groups are cut
// to fit. If a name has none of these characters, the id takes its place.
func executionName(at time.Time, t access.Target, id string) string {
	day := at.UTC().Format("2006-01-02")
	what := joinSlugs(slug(t.AccountName, t.AccountID), slug(t.PermissionSet, ""))
	if t.Kind == access.KindGroup {
		what = slug(t.GroupName, t.GroupID)
	}
	room := maxExecutionName - len(day) - len(id) - 2
	what = strings.Trim(what[:min(len(what), room)], "-")
	return joinSlugs(day, what, id)
}

func joinSlugs(parts ...string) string {
	return strings.Join(slices.DeleteFunc(parts, func(s string) bool { return s == "" }), "-")
}

// slug returns name with each run of other characters replaced by one "-".
func slug(name, otherwise string) string {
	fields := strings.FieldsFunc(name, func(c rune) bool {
		return (c < 'a' || c > 'z') && (c < 'A' || c > 'Z') && (c < '0' || c > '9') && c != '_'
	})
	if len(fields) == 0 && otherwise != "" {
		return slug(otherwise, "")
	}
	return strings.Join(fields, "-")
}
