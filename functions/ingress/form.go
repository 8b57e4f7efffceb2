package ingress

import (
	"context"
	"log/slog"
	"net/http"
	"slices"
	"sync"

	"github.com/aws/aws-lambda-go/events"
	slackgo "github.com/slack-go/slack"

	"sso-elevator/functions/access"
	"sso-elevator/functions/adapters/catalog"
	"sso-elevator/slack"
)

// sorry is the title of a notice that there is no form.
const sorry = "Sorry"

// notOffered is said of what the form does not offer.
const notOffered = "This can't be asked for. Please choose from the list."

// open opens the form that name, a shortcut's callback or a slash command,
// stands for. A loading view comes first, because the trigger does not live
// long; then the form, or why there is none for this person.
func (h *Handler) open(ctx context.Context, log *slog.Logger, in slack.Interaction, name string) events.APIGatewayV2HTTPResponse {
	kind, ok := slack.KindOf(name)
	if !ok {
		log.Warn("an unknown shortcut or command", "name", name)
		const text = "This app does not know what to do with that."
		if in.Kind == slack.KindCommand {
			return ephemeral(text)
		}
		if _, _, err := h.Slack.OpenView(ctx, in.TriggerID, slack.NoticeView(sorry, text)); err != nil {
			log.Error("the notice could not be opened", "error", access.ErrorMessage(err))
		}
		return empty(http.StatusOK)
	}
	viewID, hash, err := h.Slack.OpenView(ctx, in.TriggerID, slack.LoadingView(kind))
	if err != nil {
		log.Error("the form could not be opened", "code", access.CodeOf(err), "error", access.ErrorMessage(err))
		if in.Kind == slack.KindCommand {
			text, _ := forPeople(err)
			return ephemeral(text)
		}
		// Slack shows its own warning at this status; there is no other way
		// to reach the person.
		return empty(http.StatusInternalServerError)
	}

	work, cancel := working(ctx)
	defer cancel()
	view := slack.FormView(slack.Form{Kind: kind, Chosen: access.Target{Kind: kind}, Durations: h.Durations})
	if _, err := h.People.Requester(work, in.UserID); err != nil {
		text, theirs := forPeople(err)
		if theirs {
			log.Info("somebody who can't ask for access", "code", access.CodeOf(err))
		} else {
			log.Error("the requester could not be looked up", "error", access.ErrorMessage(err))
		}
		view = slack.NoticeView(sorry, text)
	}
	h.update(ctx, log, viewID, hash, view)
	return empty(http.StatusOK)
}

// choose follows a choice in the form: the next select depends on it, and what
// will become of the request can be told. People who can't ask for access are
// told so, and learn nothing of what there is.
func (h *Handler) choose(ctx context.Context, log *slog.Logger, in slack.Interaction) events.APIGatewayV2HTTPResponse {
	kind, ok := slack.KindOf(in.View.CallbackID)
	if !ok || !slices.Contains([]string{slack.ActionAccount, slack.ActionPermissionSet, slack.ActionGroup}, in.Action.ID) {
		log.Warn("an unknown action in a view", "callback", in.View.CallbackID, "action", in.Action.ID)
		return empty(http.StatusOK)
	}
	work, cancel := working(ctx)
	defer cancel()
	form := slack.Form{Kind: kind, Chosen: access.Target{Kind: kind}, Durations: h.Durations}
	requester, err := h.People.Requester(work, in.UserID)
	if err == nil {
		form.Chosen, err = h.Catalog.Complete(work, in.View.SelectedTarget())
	} else if text, theirs := forPeople(err); theirs {
		log.Info("somebody who can't ask for access", "code", access.CodeOf(err))
		h.update(ctx, log, in.View.ID, in.View.Hash, slack.NoticeView(sorry, text))
		return empty(http.StatusOK)
	}
	switch {
	case access.CodeOf(err) == access.CodeNotFound:
		form.Chosen, form.Preview = access.Target{Kind: kind}, notOffered
		err = nil
	case access.CodeOf(err) == access.CodeNotReady: // chosen was the option that says so
		form.Chosen = access.Target{Kind: kind}
	case err == nil:
		form.Preview, err = h.preview(work, requester, form.Chosen)
	}
	if err != nil {
		var theirs bool
		if form.Preview, theirs = forPeople(err); !theirs {
			log.Error("the choice could not be looked up", "error", access.ErrorMessage(err))
		}
	}
	h.update(ctx, log, in.View.ID, in.View.Hash, slack.FormView(form))
	return empty(http.StatusOK)
}

// update replaces a view unless it has changed since: then another interaction,
// later than this one, is taking care of it.
func (h *Handler) update(ctx context.Context, log *slog.Logger, viewID, hash string, view slackgo.ModalViewRequest) {
	switch err := h.Slack.UpdateView(ctx, viewID, hash, view); access.CodeOf(err) {
	case "":
	case access.CodeLost:
		log.Info("the form has changed or was closed in the meantime")
	default:
		log.Error("the form could not be updated", "error", access.ErrorMessage(err))
	}
}

// preview says what would become of a request for t, "" while t is not complete.
// It binds nobody: evaluate decides.
func (h *Handler) preview(ctx context.Context, requester access.Person, t access.Target) (string, error) {
	if t.OutOfReach(h.Account, h.Catalog.ManagementAccount(ctx)) {
		return "This would be refused. " + slack.ManagementAccount, nil
	}
	if t.PermissionSet == "" && t.GroupID == "" {
		return "", nil
	}
	policy, _, err := h.Policy.Load(ctx)
	if err != nil {
		return "", err
	}
	return previewText(policy.Decide(requester.Email, t)), nil
}

func previewText(d access.Decision) string {
	switch d.Reason {
	case access.ReasonApprovalNotRequired:
		return "This will be granted automatically: the policy asks for no approval here."
	case access.ReasonSelfApproval:
		return "This will be granted automatically: the policy lets you approve this yourself."
	case access.ReasonRequiresApproval:
		return "Will be asked to approve this: " + slack.Some(d.Approvers) + ". One of them is enough."
	case access.ReasonNoApprovers:
		return "This would be refused: the policy names nobody else who could approve it."
	default:
		return "This would be refused: the policy does not offer it."
	}
}

// maxOptions is how many options Slack shows of a select.
const maxOptions = 100

// noAnswer is the value of an option that only says something. Nothing that can
// be asked for is called so.
const noAnswer = "no-answer"

// suggest lists what can be asked for and matches what was typed. Where the
// lists can't be read, or are not made yet, the only option says so: Slack shows a late answer as it
// shows an empty list (slackapi/java-slack-sdk#1204), and who sees that takes it
// for one. People who can't ask for access get no options.
func (h *Handler) suggest(ctx context.Context, log *slog.Logger, in slack.Interaction) events.APIGatewayV2HTTPResponse {
	// Neither depends on the other, and somebody types. Whoever opened the form was
	// looked up then, and the answer is kept for a minute.
	var unknown error
	var who sync.WaitGroup
	who.Go(func() { _, unknown = h.People.Requester(ctx, in.UserID) })
	options, err := h.options(ctx, in)
	who.Wait()
	if unknown != nil {
		options, err = nil, unknown
		if _, theirs := forPeople(unknown); theirs {
			log.Info("somebody who can't ask for access", "code", access.CodeOf(unknown))
			return answer(slack.OptionsResponse(nil))
		}
	}
	if err != nil {
		log.Error("the options could not be listed", "action", in.Action.ID, "error", access.ErrorMessage(err))
		text, _ := forPeople(err)
		switch access.CodeOf(err) {
		case access.CodeInvalid:
		case access.CodeNotReady:
			options = []slack.Option{{Text: "⏳ " + text, Value: noAnswer}}
		default:
			options = []slack.Option{{Text: "⚠️ " + text, Value: noAnswer}}
		}
	}
	return answer(slack.OptionsResponse(options))
}

func (h *Handler) options(ctx context.Context, in slack.Interaction) ([]slack.Option, error) {
	if in.View == nil {
		return nil, access.Errorf(access.CodeInvalid, "options are asked for outside the form")
	}
	policy, digest, err := h.Policy.Load(ctx)
	if err != nil {
		return nil, err
	}
	index := h.menus.index(&policy, digest)
	switch in.Action.ID {
	case slack.ActionAccount:
		return h.accountOptions(ctx, index, in.Query)
	case slack.ActionPermissionSet:
		return h.permissionSetOptions(ctx, index, in.View.Chosen().AccountID, in.Query)
	case slack.ActionGroup:
		return h.groupOptions(ctx, index, in.Query)
	default:
		return nil, access.Errorf(access.CodeInvalid, "there are no options for %q", in.Action.ID)
	}
}

func (h *Handler) accountOptions(ctx context.Context, index *access.Index, query string) ([]slack.Option, error) {
	accounts, err := h.Catalog.Accounts(ctx)
	if err != nil {
		return nil, err
	}
	sets, err := h.Catalog.PermissionSets(ctx)
	if err != nil {
		return nil, err
	}
	menu := h.menus.menu(index, sets)
	return pick(accounts, query,
		func(a access.Account) bool { return menu.Offers(a.ID) },
		func(a access.Account) slack.Option {
			// The id in full: an option has room for 75 characters, and a
			// name may have 50.
			return slack.Option{Text: catalog.AccountText(a), Value: a.ID}
		}), nil
}

func (h *Handler) permissionSetOptions(ctx context.Context, index *access.Index, accountID, query string) ([]slack.Option, error) {
	if accountID == "" {
		return nil, nil
	}
	sets, err := h.Catalog.PermissionSets(ctx)
	if err != nil {
		return nil, err
	}
	return pick(sets, query,
		func(s access.PermissionSet) bool {
			return index.Offers(access.Target{Kind: access.KindAccount, AccountID: accountID, PermissionSet: s.Name})
		},
		func(s access.PermissionSet) slack.Option {
			return slack.Option{Text: catalog.PermissionSetText(s), Value: s.ARN}
		}), nil
}

func (h *Handler) groupOptions(ctx context.Context, index *access.Index, query string) ([]slack.Option, error) {
	groups, err := h.Catalog.Groups(ctx)
	if err != nil {
		return nil, err
	}
	return pick(groups, query,
		func(g access.Group) bool {
			return index.Offers(access.Target{Kind: access.KindGroup, GroupID: g.ID})
		},
		func(g access.Group) slack.Option {
			return slack.Option{Text: catalog.GroupText(g), Value: g.ID}
		}), nil
}

// pick makes options of those items that match what was typed and are offered,
// up to maxOptions. The policy is asked no more often than needed.
func pick[T any](items *catalog.List[T], query string, offered func(T) bool, option func(T) slack.Option) []slack.Option {
	var options []slack.Option
	for item := range items.Matching(query) {
		if len(options) == maxOptions {
			break
		}
		if offered(item) {
			options = append(options, option(item))
		}
	}
	return options
}
