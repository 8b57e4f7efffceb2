package ingress

import (
	"context"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/aws/aws-lambda-go/events"

	"sso-elevator/functions/access"
	"sso-elevator/functions/adapters/claims"
	"sso-elevator/slack"
)

// submit makes a request of a submitted form. The same form makes the same
// request, however often it arrives: a repetition starts what an earlier try
// could not start, and changes nothing else. Another form for a target whose
// request is undecided makes none.
func (h *Handler) submit(ctx context.Context, log *slog.Logger, in slack.Interaction) events.APIGatewayV2HTTPResponse {
	if _, ok := slack.KindOf(in.View.CallbackID); !ok {
		log.Warn("an unknown form", "callback", in.View.CallbackID)
		return answer(slack.UpdateViewResponse(slack.NoticeView(sorry, "This app does not know this form.")))
	}
	submission, mistakes := in.View.Submission()
	if len(mistakes) > 0 {
		return answer(slack.FieldErrorsResponse(mistakes))
	}
	work, cancel := working(ctx)
	defer cancel()
	// Neither depends on the other, and Slack waits.
	var requester access.Person
	var unknown error
	var who sync.WaitGroup
	who.Go(func() { requester, unknown = h.People.Requester(work, in.UserID) })
	submission, mistakes, err := h.validate(work, in.View, submission)
	who.Wait()
	if err != nil {
		log.Error("the form could not be checked", "error", access.ErrorMessage(err))
		return failed(err)
	}
	if len(mistakes) > 0 {
		log.Info("a form with mistakes", "target", submission.Target.String())
		return answer(slack.FieldErrorsResponse(mistakes))
	}
	if unknown != nil {
		text, theirs := forPeople(unknown)
		if theirs {
			return answer(slack.UpdateViewResponse(slack.NoticeView(sorry, text)))
		}
		log.Error("the requester could not be looked up", "error", access.ErrorMessage(unknown))
		return failed(unknown)
	}

	wanted := h.request(in, submission, requester)
	log = log.With("request_id", wanted.ID)
	stored, created, refused, err := h.create(work, log, wanted)
	if err != nil {
		log.Error("the request could not be stored", "execution", wanted.ExecutionARN, "error", access.ErrorMessage(err))
		return failed(err)
	}
	if refused != nil {
		return *refused
	}
	log = log.With("execution", stored.ExecutionARN)
	if stored.Requester.SlackID != wanted.Requester.SlackID {
		// Slack gives each form to one person. What the other one asks for is
		// neither started nor told.
		log.Warn("a form that somebody else has sent already")
		return answer(slack.UpdateViewResponse(slack.NoticeView(sorry, "This form is somebody else's. Please open one of your own.")))
	}
	if err := h.Machine.Start(ctx, stored); err != nil {
		log.Error("the request could not be started", "error", access.ErrorMessage(err))
		return stays("Your request is stored but could not be started. Please press the button again.")
	}
	log.Info("requested", "created", created, "target", stored.Target.String())
	if !created && !sameWish(stored, wanted) {
		return answer(slack.UpdateViewResponse(slack.NoticeView("Sent already",
			"This form was sent before with other contents, and that is what has been asked for: "+wish(stored)+
				". To ask for something else, please open the form again.")))
	}
	return answer(slack.ClearResponse())
}

// create creates the request, or finds the one that the form made before. It is
// refused, with what the person is told, where they have an undecided request for
// the same target, or too many undecided requests.
func (h *Handler) create(ctx context.Context, log *slog.Logger, wanted access.Request) (stored access.Request, created bool, refused *events.APIGatewayV2HTTPResponse, err error) {
	claim, err := h.Claims.Take(ctx, wanted)
	if err != nil {
		return stored, false, nil, err
	}
	if claim.Until.IsZero() {
		// A form that was sent before made its request, whatever is claimed since.
		if stored, err = h.Table.Get(ctx, wanted.ID); access.CodeOf(err) != access.CodeNotFound {
			return stored, false, nil, err
		}
		said := h.turnAway(ctx, log, claim)
		return stored, false, &said, nil
	}
	if !h.Now().Before(claim.Until) {
		// The claim may soon count no more.
		return stored, false, nil, access.Errorf(access.CodeUnavailable, "create request: the time for it is over")
	}
	stored, created, err = h.Table.Create(ctx, wanted)
	if err == nil && !created && (!stored.Open() || stored.Requester.PrincipalID != wanted.Requester.PrincipalID) {
		// The same form, delivered again: what it made is decided already, or
		// somebody else's.
		h.free(ctx, log, wanted)
	}
	return stored, created, nil, err
}

// turnAway says why there is no claim.
func (h *Handler) turnAway(ctx context.Context, log *slog.Logger, claim claims.Result) events.APIGatewayV2HTTPResponse {
	switch {
	case claim.Other != nil:
		log.Info("requested already", "other", claim.Other.ID)
		h.startAgain(ctx, log, *claim.Other)
		return answer(slack.UpdateViewResponse(slack.NoticeView("Already requested", h.requestedAlready(*claim.Other))))
	case claim.Pending:
		log.Info("requested already, and not stored yet")
		return stays("You requested this a moment ago, and that request is still being sent. If no message about it appears within two minutes, please press the button again.")
	default:
		log.Info("too many undecided requests")
		return stays(tooMany(h.Claims.Limit))
	}
}

// startAgain starts the execution of a request that nothing was heard of yet: the
// try that stored it may not have come that far. One that runs is left alone.
func (h *Handler) startAgain(ctx context.Context, log *slog.Logger, r access.Request) {
	if r.EvaluatedDecision != nil {
		return
	}
	if err := h.Machine.Start(ctx, r); err != nil {
		log.Error("the request could not be started", "other", r.ID, "error", access.ErrorMessage(err))
	}
}

// free frees what is claimed for a request that is decided. Where that fails, the
// close of the request does it, and until then the claim does not count.
func (h *Handler) free(ctx context.Context, log *slog.Logger, r access.Request) {
	if err := h.Claims.Free(ctx, r); err != nil {
		log.Warn("the claim of a decided request could not be freed", "error", access.ErrorMessage(err))
	}
}

// requestedAlready says which request is in the way of the same once more.
func (h *Handler) requestedAlready(r access.Request) string {
	at := r.CreatedAt.UTC().Format("15:04 UTC")
	if now := h.Now().UTC(); now.Format(time.DateOnly) != r.CreatedAt.UTC().Format(time.DateOnly) {
		at = r.CreatedAt.UTC().Format("15:04 UTC on 2 January")
	}
	stands := "It is being processed."
	if !r.ExpiresAt.IsZero() {
		stands = "It is waiting for approval."
	}
	return "You already requested this at " + at + ": " + wish(r) + ". " + stands + " To request something else for the same target, withdraw that request first."
}

func tooMany(limit int) string {
	if limit == 1 {
		return "You have a request that is waiting for a decision. You can have only one at a time. Withdraw it or wait for the decision, then press the button again."
	}
	return fmt.Sprintf("You have %d requests that are waiting for a decision. You can't have more. Withdraw one or wait for a decision, then press the button again.", limit)
}

// stays keeps the form open and shows a text in it. The reason's block is in every
// form.
func stays(text string) events.APIGatewayV2HTTPResponse {
	return answer(slack.FieldErrorsResponse(map[string]string{slack.BlockReason: text}))
}

// failed asks for the form to be submitted again.
func failed(err error) events.APIGatewayV2HTTPResponse {
	text, _ := forPeople(err)
	return stays(text)
}

// validate holds a submission to what the form offers, names filled in. What it
// does not hold to is told by block id.
func (h *Handler) validate(ctx context.Context, v *slack.View, s slack.Submission) (slack.Submission, map[string]string, error) {
	if !slices.Contains(h.Durations, s.Duration) {
		return s, map[string]string{slack.BlockDuration: "Please choose one of the durations offered."}, nil
	}
	target, err := h.Catalog.Complete(ctx, s.Target)
	if access.CodeOf(err) == access.CodeNotFound {
		return s, map[string]string{targetBlock(v, s.Target): notOffered}, nil
	}
	if err != nil {
		return s, nil, err
	}
	s.Target = target
	policy, _, err := h.Policy.Load(ctx)
	if err != nil {
		return s, nil, err
	}
	if !policy.Offers(target) {
		return s, map[string]string{targetBlock(v, target): notOffered}, nil
	}
	return s, nil, nil
}

// targetBlock is the block in which the last part of the target was chosen.
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

// request is the row of a submission.
func (h *Handler) request(in slack.Interaction, s slack.Submission, requester access.Person) access.Request {
	now := h.Now().UTC()
	team := in.TeamID
	if team == "" {
		team = in.EnterpriseID
	}
	r := access.Request{
		ID:        access.RequestID(team, in.View.ID),
		Target:    s.Target,
		Reason:    s.Reason,
		Duration:  int64(s.Duration / time.Second),
		TeamID:    team,
		ViewID:    in.View.ID,
		Requester: requester,
		CreatedAt: now,
		Events:    []access.Event{{Kind: access.EventRequested, At: now, By: requester}},
	}
	r.ExecutionName = executionName(now, r.Target, r.ID)
	r.ExecutionARN = h.Machine.ExecutionARN(r.ExecutionName)
	return r
}

func sameWish(a, b access.Request) bool {
	return a.Target.Key() == b.Target.Key() && a.Duration == b.Duration && a.Reason == b.Reason
}

func wish(r access.Request) string {
	what := r.Target.PermissionSet + " in " + r.Target.AccountName + " (" + r.Target.AccountID + ")"
	if r.Target.Kind == access.KindGroup {
		what = "group " + r.Target.GroupName
	}
	return what + " for " + access.FormatDuration(time.Duration(r.Duration)*time.Second)
}

// maxExecutionName is Step Functions' limit.
const maxExecutionName = 80

// executionName is what a person looking at the machine sees of a request: its
// day, what it is for and its id, of letters, digits, "-" and "_" only. The
// names of accounts, permission sets and groups are cut to what there is room
// for; ids stand in for names without a letter or digit that may stay.
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

// slug is name with every run of other characters made one "-".
func slug(name, otherwise string) string {
	fields := strings.FieldsFunc(name, func(c rune) bool {
		return (c < 'a' || c > 'z') && (c < 'A' || c > 'Z') && (c < '0' || c > '9') && c != '_'
	})
	if len(fields) == 0 && otherwise != "" {
		return slug(otherwise, "")
	}
	return strings.Join(fields, "-")
}
