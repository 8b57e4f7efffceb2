package ingress

import (
	"context"
	"log/slog"
	"net/http"
	"sync"

	"github.com/aws/aws-lambda-go/events"
	slackgo "github.com/slack-go/slack"

	"sso-elevator/functions/access"
	"sso-elevator/slack"
)

// blockDialogs are the buttons of the Home tab about blocks, and blockSubmissions the
// dialogs that they open, by callback id.
var (
	blockDialogs = map[string]func(*Handler, context.Context, *slog.Logger, slack.Interaction) events.APIGatewayV2HTTPResponse{
		slack.ActionBlock: (*Handler).openBlock,
		slack.ActionLift:  (*Handler).openLift,
	}
	blockSubmissions = map[string]func(*Handler, context.Context, *slog.Logger, slack.Interaction) events.APIGatewayV2HTTPResponse{
		slack.CallbackBlock: (*Handler).block,
		slack.CallbackLift:  (*Handler).lift,
	}
)

const (
	// blockTries is how often the blocks are written while others write them.
	blockTries = 10
	// cantRequestNow, cantDecideNow and cantEndNow are for people who are blocked.
	cantRequestNow = "You can't request access at the moment. Ask the people who run this app."
	cantDecideNow  = "You can't approve or deny requests at the moment. Ask the people who run this app."
	cantEndNow     = "You can't end someone else's access at the moment. Ask the people who run this app."
)

// responder is an incident responder, as they were found at this press.
type responder struct {
	access.Person
	digest string // of the policy that makes them one
	blocks access.Blocks
}

// findResponder returns the person if they may block people and lift blocks: by the same
// rules as approvers, and only while nobody has blocked them. refusal is for a person who
// may not. Any error means that nothing is known.
func (h *Handler) findResponder(ctx context.Context, slackID string) (r responder, refusal string, err error) {
	var personErr, blocksErr error
	var wait sync.WaitGroup
	wait.Go(func() { r.Person, personErr = h.People.Approver(ctx, slackID) })
	wait.Go(func() { r.blocks, blocksErr = h.Table.Blocks(ctx) })
	policy, digest, policyErr := h.Policy.Load(ctx)
	wait.Wait()
	if policyErr != nil {
		return r, "", policyErr
	}
	r.digest = digest
	index := h.menus.index(&policy, digest)
	if personErr != nil {
		text, personal := explain(personErr)
		if !personal {
			return r, "", personErr
		}
		return r, text, nil
	}
	if blocksErr != nil {
		return r, "", blocksErr
	}
	groups, err := h.FreshCases.MemberOf(ctx, index, r.Person, index.ResponderGroups())
	if err != nil {
		return r, "", err
	}
	switch {
	case !index.IsResponder(r.Person, groups):
		return r, "Only incident responders can block people and lift blocks. The setting incident_responders names them.", nil
	case r.blocks.Of(r.Person) != nil:
		return r, "You can't do this at the moment. Ask another incident responder.", nil
	}
	return r, "", nil
}

// blocksFor returns the part of the Home tab for incident responders; nil if the person is
// not one, or if that isn't known. It only shows buttons. A press is checked again.
func (h *Handler) blocksFor(ctx context.Context, log *slog.Logger, who access.Person) *slack.HomeBlocks {
	policy, digest, err := h.Policy.Load(ctx)
	if err != nil {
		return nil
	}
	index := h.menus.index(&policy, digest)
	if !index.HasResponders() {
		return nil
	}
	groups, err := h.Cases.MemberOf(ctx, index, who, index.ResponderGroups())
	if err != nil || !index.IsResponder(who, groups) {
		return nil
	}
	blocks, err := h.Table.Blocks(ctx)
	if err != nil {
		log.Error("blocks could not be read", "code", access.CodeOf(err), "error", access.ErrorMessage(err))
		return &slack.HomeBlocks{Failed: true}
	}
	if blocks.Of(who) != nil {
		return nil
	}
	return &slack.HomeBlocks{Blocks: blocks.Blocks}
}

// notResponder returns the notice for a person who may not do this, or whom we couldn't
// look up; "" if they may.
func notResponder(log *slog.Logger, refusal string, err error) (text string) {
	if err != nil {
		log.Error("incident responder could not be looked up", "code", access.CodeOf(err), "error", access.ErrorMessage(err))
		text, _ = explain(err)
		return "Nothing has changed. " + text
	}
	if refusal != "" {
		log.Warn("refused: person is not an incident responder")
	}
	return refusal
}

// openBlock opens the dialog that blocks a person.
func (h *Handler) openBlock(ctx context.Context, log *slog.Logger, in slack.Interaction) events.APIGatewayV2HTTPResponse {
	return h.openForResponder(ctx, log, in, func(responder) slackgo.ModalViewRequest { return slack.FromHome(slack.BlockView()) })
}

// openLift opens the dialog that lifts a block.
func (h *Handler) openLift(ctx context.Context, log *slog.Logger, in slack.Interaction) events.APIGatewayV2HTTPResponse {
	return h.openForResponder(ctx, log, in, func(r responder) slackgo.ModalViewRequest {
		block := r.blocks.ByID(in.Action.Value)
		if text := cantLift(block, r.Person); text != "" {
			return slack.NoticeView(sorry, text)
		}
		return slack.FromHome(slack.LiftView(*block))
	})
}

// openForResponder opens the view for an incident responder, and a notice for others.
func (h *Handler) openForResponder(ctx context.Context, log *slog.Logger, in slack.Interaction, view func(responder) slackgo.ModalViewRequest) events.APIGatewayV2HTTPResponse {
	work, cancel := workContext(ctx)
	defer cancel()
	r, refusal, err := h.findResponder(work, in.UserID)
	var shown slackgo.ModalViewRequest
	if text := notResponder(log, refusal, err); text != "" {
		shown = slack.NoticeView(sorry, text)
	} else {
		shown = view(r)
	}
	if _, _, err := h.Slack.OpenView(ctx, in.TriggerID, shown); err != nil {
		log.Error("dialog could not be opened", "code", access.CodeOf(err), "error", access.ErrorMessage(err))
		return emptyResponse(http.StatusInternalServerError) // Slack shows its own warning
	}
	return emptyResponse(http.StatusOK)
}

// block handles the submission of the dialog that blocks a person. The block is written
// first. Then everything that the person has is ended. The minute check repeats that, so
// what fails here, or is not seen yet, is ended later.
//
// Repeating the submission writes no second block, but ends everything again.
func (h *Handler) block(ctx context.Context, log *slog.Logger, in slack.Interaction) events.APIGatewayV2HTTPResponse {
	slackID, reason, mistakes := in.View.BlockSubmission()
	if mistakes != nil {
		return jsonResponse(slack.FieldErrorsResponse(mistakes))
	}
	work, cancel := workContext(ctx)
	defer cancel()
	var person access.Person
	var personErr error
	var wait sync.WaitGroup
	wait.Go(func() { person, personErr = h.People.Anyone(work, slackID) })
	r, refusal, err := h.findResponder(work, in.UserID)
	wait.Wait()
	if text := notResponder(log, refusal, err); text != "" {
		return noticeResponse(sorry, text)
	}
	switch {
	case access.CodeOf(personErr) == access.CodeNotFound:
		return jsonResponse(slack.FieldErrorsResponse(map[string]string{slack.BlockBlockedPerson: "Slack doesn't know this person. Choose another one."}))
	case personErr != nil:
		log.Error("person to block could not be looked up", "code", access.CodeOf(personErr), "error", access.ErrorMessage(personErr))
		return jsonResponse(slack.FieldErrorsResponse(map[string]string{slack.BlockBlockedPerson: "Nobody is blocked yet, because this person could not be looked up. Please press Block again."}))
	case access.SamePerson(person, r.Person):
		return jsonResponse(slack.FieldErrorsResponse(map[string]string{slack.BlockBlockedPerson: "You can't block yourself. Ask another incident responder."}))
	}
	block, again, text, err := h.writeBlock(work, r, person, reason)
	switch {
	case err != nil:
		log.Error("block could not be written", "code", access.CodeOf(err), "error", access.ErrorMessage(err))
		return jsonResponse(slack.FieldErrorsResponse(map[string]string{slack.BlockBlockReason: "The block may not be saved. Please press Block again."}))
	case text != "":
		return jsonResponse(slack.FieldErrorsResponse(map[string]string{slack.BlockBlockReason: text}))
	}
	log = log.With("block", block.ID, "blocked", block.Person.SlackID)
	log.Warn("person blocked", "again", again, "principal", block.Person.PrincipalID)
	ended := h.endAll(ctx, work, log, block)
	ended.Again, ended.NotSaved = again, again && reason != block.Reason
	if in.View.IsFromHome() {
		h.showHome(ctx, log, in.UserID, "", false)
	}
	return jsonResponse(slack.UpdateViewResponse(slack.BlockedView(ended)))
}

// writeBlock blocks the person, or returns the block that they have. text says why they
// can't be blocked.
func (h *Handler) writeBlock(ctx context.Context, r responder, person access.Person, reason string) (block access.Block, again bool, text string, err error) {
	blocks := r.blocks
	for range blockTries {
		if has := blocks.Of(person); has != nil {
			return *has, true, "", nil
		}
		now := h.Now().UTC()
		switch {
		case blocks.Of(r.Person) != nil:
			return block, false, "You can't do this at the moment. Ask another incident responder.", nil
		case len(blocks.Blocks) >= access.MaxBlocks:
			return block, false, "Nobody is blocked: too many people are blocked already. Lift a block first, or disable this person in IAM Identity Center.", nil
		case len(blocks.Unrecorded()) >= access.MaxBlockEvents:
			return block, false, tooManyUnrecorded, nil
		}
		next := blocks.Add(access.Block{Person: person, By: r.Person, At: now, Reason: reason, PolicyDigest: r.digest}, blocks.NextVersion(now))
		err = h.Table.PutBlocks(ctx, next, blocks.Version)
		if err == nil {
			return next.Blocks[len(next.Blocks)-1], false, "", nil
		}
		if access.CodeOf(err) != access.CodeLost {
			return block, false, "", err
		}
		if blocks, err = h.Table.Blocks(ctx); err != nil {
			return block, false, "", err
		}
	}
	return block, false, "", access.Errorf(access.CodeUnavailable, "block a person: gave up after %d conflicting writes", blockTries)
}

const tooManyUnrecorded = "Nothing has changed: too many blocks wait for their audit records. Tell the people who run this app. Until then, disable the person in IAM Identity Center."

// lift handles the submission of the dialog that lifts a block.
func (h *Handler) lift(ctx context.Context, log *slog.Logger, in slack.Interaction) events.APIGatewayV2HTTPResponse {
	work, cancel := workContext(ctx)
	defer cancel()
	log = log.With("block", in.View.PrivateMetadata)
	if checkID(in.View.PrivateMetadata) != nil {
		return noticeResponse(sorry, noBlock)
	}
	r, refusal, err := h.findResponder(work, in.UserID)
	if text := notResponder(log, refusal, err); text != "" {
		return noticeResponse(sorry, text)
	}
	text, err := h.liftBlock(work, r, in.View.PrivateMetadata)
	if err != nil {
		log.Error("block could not be lifted", "code", access.CodeOf(err), "error", access.ErrorMessage(err))
		return noticeResponse(sorry, "The block may still be there. Please try again.")
	}
	if text != "" {
		log.Warn("block not lifted", "why", text)
		return noticeResponse(sorry, text)
	}
	log.Warn("block lifted")
	if in.View.IsFromHome() {
		h.showHome(ctx, log, in.UserID, "", false)
	}
	return emptyResponse(http.StatusOK) // closes the dialog
}

const noBlock = "This block doesn't exist. Someone may have lifted it already."

// cantLift returns why the person may not lift the block; "" if they may. block is nil if
// it doesn't exist.
func cantLift(block *access.Block, by access.Person) string {
	switch {
	case block == nil:
		return noBlock
	case access.SamePerson(block.Person, by):
		return "You can't lift your own block."
	case !block.MayLift(by):
		return "You blocked this person, so another incident responder must lift the block."
	}
	return ""
}

// liftBlock removes the block with that id. text says why that isn't possible.
func (h *Handler) liftBlock(ctx context.Context, r responder, id string) (text string, err error) {
	blocks := r.blocks
	for range blockTries {
		block := blocks.ByID(id)
		switch text := cantLift(block, r.Person); {
		case text != "":
			return text, nil
		case blocks.Of(r.Person) != nil:
			return "You can't do this at the moment. Ask another incident responder.", nil
		case len(blocks.Unrecorded()) >= access.MaxBlockEvents:
			return tooManyUnrecorded, nil
		}
		now := h.Now().UTC()
		err = h.Table.PutBlocks(ctx, blocks.Lift(*block, r.Person, now, r.digest, blocks.NextVersion(now)), blocks.Version)
		if access.CodeOf(err) != access.CodeLost {
			return "", err
		}
		if blocks, err = h.Table.Blocks(ctx); err != nil {
			return "", err
		}
	}
	return "", access.Errorf(access.CodeUnavailable, "lift a block: gave up after %d conflicting writes", blockTries)
}

func noticeResponse(title, text string) events.APIGatewayV2HTTPResponse {
	return jsonResponse(slack.UpdateViewResponse(slack.NoticeView(title, text)))
}
