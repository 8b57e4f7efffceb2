package ingress

import (
	"context"
	"fmt"
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

// blockRefusal is why a person may not use a button about blocks: the text for them, and what
// the audit log says. It is zero if they may.
type blockRefusal struct {
	text    string
	reason  access.Refusal
	message string
}

// findResponder returns the person if they may block people and lift blocks: by the same
// rules as approvers, and only while nobody has blocked them. refusal is for a person who
// may not; r then has what is known of them, and the blocks. Any error means that nothing is
// known.
func (h *Handler) findResponder(ctx context.Context, slackID string) (r responder, refusal blockRefusal, err error) {
	var personErr, blocksErr error
	var wait sync.WaitGroup
	wait.Go(func() { r.Person, personErr = h.People.Approver(ctx, slackID) })
	wait.Go(func() { r.blocks, blocksErr = h.Table.Blocks(ctx) })
	policy, digest, policyErr := h.Policy.Load(ctx)
	wait.Wait()
	r.SlackID = slackID
	if policyErr != nil {
		return r, refusal, policyErr
	}
	r.digest = digest
	index := h.menus.index(&policy, digest)
	text, personal := explain(personErr)
	if personErr != nil && !personal {
		return r, refusal, personErr
	}
	if blocksErr != nil {
		return r, refusal, blocksErr
	}
	if personErr != nil {
		return r, blockRefusal{text, access.RefusalNotEligible, text}, nil
	}
	groups, err := h.FreshCases.MemberOf(ctx, index, r.Person, index.ResponderGroups())
	if err != nil {
		return r, refusal, err
	}
	switch {
	case !index.IsResponder(r.Person, groups):
		return r, blockRefusal{text: "Only incident responders can block people and lift blocks. The setting incident_responders names them.", reason: access.RefusalNotResponder}, nil
	case r.blocks.Of(r.Person) != nil:
		return r, blockRefusal{"You can't do this at the moment. Ask another incident responder.", access.RefusalBlocked, "An incident responder blocked this person."}, nil
	}
	return r, refusal, nil
}

// blocksFor returns the part of the Home tab for incident responders; nil if the person is
// not one, or if there is no policy, without which no press works. If it isn't known whether
// they are one, they see the button. A press is checked again.
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
	if !index.IsResponder(who, groups) {
		if err == nil {
			return nil
		}
		log.Warn("members of responder groups could not be read", "code", access.CodeOf(err), "error", access.ErrorMessage(err))
		return &slack.HomeBlocks{Unsure: true}
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

// notResponder returns the notice for a person who may not press the button, or whom we
// couldn't look up; "" if they may. It records a refused press. block is the id of the block that
// the press is about, or "".
func (h *Handler) notResponder(ctx context.Context, log *slog.Logger, r responder, action, block string, refusal blockRefusal, err error) (text string) {
	if err != nil {
		log.Error("incident responder could not be looked up", "code", access.CodeOf(err), "error", access.ErrorMessage(err))
		text, _ = explain(err)
		return "Nothing has changed. " + text
	}
	if refusal.text != "" {
		log.Warn("refused: person is not an incident responder", "action", action, "reason", refusal.reason)
		h.recordBlockRefusal(ctx, log, r, action, block, refusal)
	}
	return refusal.text
}

// recordBlockRefusal adds a refused press to the row of the blocks, for the audit log, unless
// the row has it or has no room for it (access.Blocks.Refuse). If the write fails, only the log
// has it.
func (h *Handler) recordBlockRefusal(ctx context.Context, log *slog.Logger, r responder, action, block string, refusal blockRefusal) {
	press := access.BlockEvent{By: r.Person, At: h.Now().UTC(), Action: action, Reason: refusal.reason, Message: refusal.message}
	if refusal.reason == access.RefusalNotResponder {
		press.PolicyDigest = r.digest
	}
	blocks, err := r.blocks, error(nil)
	for range blockTries {
		if has := blocks.ByID(block); has != nil {
			press.Block = *has
		}
		with, ok := blocks.Refuse(press, blocks.NextVersion(press.At))
		if !ok {
			return
		}
		if err = h.Table.PutBlocks(ctx, with, blocks.Version); access.CodeOf(err) != access.CodeLost {
			break
		}
		var readErr error
		if blocks, readErr = h.Table.Blocks(ctx); readErr != nil {
			err = readErr
			break
		}
	}
	if err != nil {
		log.Error("refused press could not be recorded", "reason", refusal.reason, "code", access.CodeOf(err), "error", access.ErrorMessage(err))
	}
}

// ownBlock returns the refusal if someone else must lift the block.
func ownBlock(block *access.Block, by access.Person) (refusal blockRefusal, ok bool) {
	if block == nil || block.MayLift(by) {
		return refusal, false
	}
	return blockRefusal{text: cantLift(block, by), reason: access.RefusalOwnBlock}, true
}

// openBlock opens the dialog that blocks a person.
func (h *Handler) openBlock(ctx context.Context, log *slog.Logger, in slack.Interaction) events.APIGatewayV2HTTPResponse {
	return h.openForResponder(ctx, log, in, func(context.Context, responder) slackgo.ModalViewRequest { return slack.FromHome(slack.BlockView()) })
}

// openLift opens the dialog that lifts a block.
func (h *Handler) openLift(ctx context.Context, log *slog.Logger, in slack.Interaction) events.APIGatewayV2HTTPResponse {
	return h.openForResponder(ctx, log, in, func(ctx context.Context, r responder) slackgo.ModalViewRequest {
		block := r.blocks.ByID(in.Action.Value)
		if refusal, ok := ownBlock(block, r.Person); ok {
			h.recordBlockRefusal(ctx, log, r, in.Action.ID, in.Action.Value, refusal)
		}
		if text := cantLift(block, r.Person); text != "" {
			return slack.NoticeView(sorry, text)
		}
		return slack.FromHome(slack.LiftView(*block))
	})
}

// openForResponder opens the view for an incident responder, and a notice for others. The
// context of view is that of lookups and writes.
func (h *Handler) openForResponder(ctx context.Context, log *slog.Logger, in slack.Interaction, view func(context.Context, responder) slackgo.ModalViewRequest) events.APIGatewayV2HTTPResponse {
	work, cancel := workContext(ctx)
	defer cancel()
	r, refusal, err := h.findResponder(work, in.UserID)
	var shown slackgo.ModalViewRequest
	if text := h.notResponder(work, log, r, in.Action.ID, in.Action.Value, refusal, err); text != "" {
		shown = slack.NoticeView(sorry, text)
	} else {
		shown = view(work, r)
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
	if text := h.notResponder(work, log, r, slack.ActionBlock, "", refusal, err); text != "" {
		return noticeResponse(sorry, text)
	}
	switch {
	case access.CodeOf(personErr) == access.CodeNotFound:
		return jsonResponse(slack.FieldErrorsResponse(map[string]string{slack.BlockBlockedPerson: "Slack doesn't know this person. Choose another one."}))
	case personErr != nil:
		log.Error("person to block could not be looked up", "code", access.CodeOf(personErr), "error", access.ErrorMessage(personErr))
		return jsonResponse(slack.FieldErrorsResponse(map[string]string{slack.BlockBlockedPerson: "Nothing has changed, because the lookup of this person failed. Please press Block again."}))
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
			return block, false, fmt.Sprintf("This person isn't blocked: only %d people can be blocked at once. Lift a block first, or disable this person in IAM Identity Center.", access.MaxBlocks), nil
		case blocks.IsFull():
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

const tooManyUnrecorded = "Nothing has changed: too many blocks are waiting for their audit records. Tell the people who run this app. Until then, disable the person in IAM Identity Center."

// lift handles the submission of the dialog that lifts a block.
func (h *Handler) lift(ctx context.Context, log *slog.Logger, in slack.Interaction) events.APIGatewayV2HTTPResponse {
	work, cancel := workContext(ctx)
	defer cancel()
	log = log.With("block", in.View.PrivateMetadata)
	if checkID(in.View.PrivateMetadata) != nil {
		return noticeResponse(sorry, noBlock)
	}
	r, refusal, err := h.findResponder(work, in.UserID)
	if text := h.notResponder(work, log, r, slack.ActionLift, in.View.PrivateMetadata, refusal, err); text != "" {
		return noticeResponse(sorry, text)
	}
	if refusal, ok := ownBlock(r.blocks.ByID(in.View.PrivateMetadata), r.Person); ok {
		h.recordBlockRefusal(work, log, r, slack.ActionLift, in.View.PrivateMetadata, refusal)
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
		case blocks.IsFull():
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
