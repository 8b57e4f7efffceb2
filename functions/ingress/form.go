package ingress

import (
	"context"
	"fmt"
	"iter"
	"log/slog"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/aws/aws-lambda-go/events"
	slackgo "github.com/slack-go/slack"

	"sso-elevator/functions/access"
	"sso-elevator/functions/access/parallel"
	"sso-elevator/functions/adapters/catalog"
	"sso-elevator/slack"
)

// sorry is the title of the notice that replaces a form.
const sorry = "Sorry"

// notOffered is the text for a target that the form doesn't offer.
const notOffered = "This can't be requested. Choose from the list."

// open opens the form that a shortcut or a slash command asks for. name is
// the shortcut's callback id or the command. with fills the form, and may be
// nil. A loading view comes first, because the trigger expires soon. The form
// follows, or a notice if this person can't request access.
func (h *Handler) open(ctx context.Context, log *slog.Logger, in slack.Interaction, name string, with fill) events.APIGatewayV2HTTPResponse {
	kind, ok := slack.KindOf(name)
	if !ok {
		log.Warn("unknown shortcut or command", "name", name)
		const text = "This app doesn't know this command or shortcut. To request access, use " + slack.CommandAccount + " or " + slack.CommandGroup + "."
		if in.Kind == slack.KindCommand {
			return ephemeralResponse(text)
		}
		if _, _, err := h.Slack.OpenView(ctx, in.TriggerID, slack.NoticeView(sorry, text)); err != nil {
			log.Error("notice could not be opened", "code", access.CodeOf(err), "error", access.ErrorMessage(err))
		}
		return emptyResponse(http.StatusOK)
	}
	work, cancel := workContext(ctx)
	defer cancel()
	o, err := h.openForm(ctx, work, log, in, kind, with)
	if err != nil {
		log.Error("form could not be opened", "code", access.CodeOf(err), "error", access.ErrorMessage(err))
		if in.Kind == slack.KindCommand {
			text, _ := explain(err)
			return ephemeralResponse(text)
		}
		// On this status, Slack shows its own warning. We have no other way
		// to reach the person.
		return emptyResponse(http.StatusInternalServerError)
	}
	h.update(ctx, log, o.viewID, o.hash, o.form)
	return emptyResponse(http.StatusOK)
}

// opened is a view that shows "Loading", and the form that replaces it.
type opened struct {
	viewID, hash string
	form         slackgo.ModalViewRequest
}

// openForm opens a loading view. While Slack opens it, openForm prepares the form, with
// work as its context. If the view doesn't open, nobody needs the form: openForm cancels
// that, and returns Slack's error.
func (h *Handler) openForm(ctx, work context.Context, log *slog.Logger, in slack.Interaction, kind access.Kind, with fill) (o opened, err error) {
	reads := parallel.Begin(work)
	defer reads.End()
	form := parallel.Start(reads, func(ctx context.Context) (slackgo.ModalViewRequest, error) {
		return h.formFor(ctx, log, in, kind, with), nil
	})
	if o.viewID, o.hash, err = h.Slack.OpenView(ctx, in.TriggerID, slack.LoadingView(kind)); err != nil {
		return opened{}, err
	}
	o.form, err = form()
	return o, err
}

// fill fills a new form for a requester. If it fails, the form contains what was filled
// until then.
type fill func(ctx context.Context, requester access.Person, form *slack.Form) error

// formFor returns a new form, or a notice if this person can't request access. with may
// be nil.
func (h *Handler) formFor(ctx context.Context, log *slog.Logger, in slack.Interaction, kind access.Kind, with fill) slackgo.ModalViewRequest {
	requester, err := h.People.Requester(ctx, in.UserID)
	if err != nil {
		text, personal := explain(err)
		switch {
		case isAbandoned(ctx):
		case personal:
			log.Info("person can't request access", "code", access.CodeOf(err))
		default:
			log.Error("requester could not be looked up", "code", access.CodeOf(err), "error", access.ErrorMessage(err))
		}
		return slack.NoticeView(sorry, text)
	}
	form := slack.Form{Kind: kind, FromHome: in.OnHome(), Chosen: access.Target{Kind: kind}, Durations: h.Durations}
	if with != nil {
		if err := with(ctx, requester, &form); err != nil {
			if !isAbandoned(ctx) {
				log.Error("form could not be filled", "code", access.CodeOf(err), "error", access.ErrorMessage(err))
			}
			form.Preview, _ = explain(err)
		}
	}
	return slack.FormView(form)
}

// choose updates the form after a choice: the next menu depends on it, and
// the preview shows what will happen to the request. People who can't request
// access get a notice instead and learn nothing about the targets.
func (h *Handler) choose(ctx context.Context, log *slog.Logger, in slack.Interaction) events.APIGatewayV2HTTPResponse {
	kind, ok := slack.KindOf(in.View.CallbackID)
	if !ok || !slices.Contains([]string{slack.ActionAccount, slack.ActionPermissionSet, slack.ActionGroup}, in.Action.ID) {
		log.Warn("unknown action in a form", "callback", in.View.CallbackID, "action", in.Action.ID)
		return emptyResponse(http.StatusOK)
	}
	work, cancel := workContext(ctx)
	defer cancel()
	form := slack.Form{Kind: kind, FromHome: in.View.IsFromHome(), Chosen: access.Target{Kind: kind}, Durations: h.Durations}
	// Slack keeps what is in a field while its block id stays the same. We repeat it in case
	// Slack shows the form anew, and because the duration's block id may change.
	form.Duration, form.Reason, form.Ticket = in.View.Typed()
	if in.View.HasTicket() {
		// Without a decision about the new target, the field stays, so that Slack keeps
		// what the person typed.
		form.Tickets = []access.Ticket{{}}
	}
	// None of these reads needs another one. For people who can't request access, the other
	// results are dropped.
	reads := parallel.Begin(work)
	defer reads.End()
	completed := parallel.Start(reads, func(ctx context.Context) (access.Target, error) {
		return h.Catalog.Complete(ctx, in.View.SelectedTarget())
	})
	policy := parallel.Start(reads, h.policyInForce) // if the preview doesn't need it, the next menu does
	requester, err := h.People.Requester(work, in.UserID)
	if err == nil {
		form.Chosen, err = completed()
	} else if text, personal := explain(err); personal {
		log.Info("person can't request access", "code", access.CodeOf(err))
		h.update(ctx, log, in.View.ID, in.View.Hash, slack.NoticeView(sorry, text))
		return emptyResponse(http.StatusOK)
	}
	switch {
	case access.CodeOf(err) == access.CodeNotFound:
		form.Chosen, form.Preview = access.Target{Kind: kind}, notOffered
		err = nil
	case access.CodeOf(err) == access.CodeNotReady: // the person chose the option that says so
		form.Chosen = access.Target{Kind: kind}
	case err == nil:
		err = h.preview(work, policy, requester, &form)
	}
	if err != nil {
		var personal bool
		if form.Preview, personal = explain(err); !personal {
			log.Error("choice in the form could not be looked up", "code", access.CodeOf(err), "error", access.ErrorMessage(err))
		}
	}
	h.update(ctx, log, in.View.ID, in.View.Hash, slack.FormView(form))
	return emptyResponse(http.StatusOK)
}

// update replaces a view unless it has changed since. If it has, a later
// interaction updates it.
func (h *Handler) update(ctx context.Context, log *slog.Logger, viewID, hash string, view slackgo.ModalViewRequest) {
	switch err := h.Slack.UpdateView(ctx, viewID, hash, view); access.CodeOf(err) {
	case "":
	case access.CodeLost:
		log.Info("form changed or closed before its update")
	default:
		log.Error("form could not be updated", "code", access.CodeOf(err), "error", access.ErrorMessage(err))
	}
}

// preview fills in the form what the policy says about a request for the chosen target,
// unless the target is incomplete. policy returns the policy in force. The preview is not
// binding: evaluate decides.
func (h *Handler) preview(ctx context.Context, policy policySource, requester access.Person, form *slack.Form) error {
	t := form.Chosen
	if t.OutOfReach(h.Account, h.Catalog.ManagementAccount(ctx)) {
		form.Preview = "This would be refused. " + slack.ManagementAccount
		return nil
	}
	if t.Kind == access.KindAccount && (t.AccountID == "" || t.PermissionSet == "") || t.Kind == access.KindGroup && t.GroupID == "" {
		return nil
	}
	index, c, chain, err := h.extendedCase(ctx, policy, requester, access.Case{Target: t})
	if err != nil {
		return err
	}
	c.Chain = 0 // the form doesn't report which duration is chosen
	d := index.Decide(c)
	var longer access.Decision // about the extensions that are too long to be automatic
	if chain != nil && d.Outcome != access.DecideRefused {
		form.Extends = &slack.Extension{Since: chain.Since, Until: chain.End}
		if d.Outcome == access.DecideAutomatic {
			longest := h.longestOffered(d)
			form.Extends.Automatic = h.longestExtension(*chain, d)
			form.Extends.Limited = form.Extends.Automatic < longest
			if form.Extends.Limited {
				c.Chain = chain.Length(int64(longest / time.Second))
				longer = index.Decide(c)
			}
			if form.Extends.Limited && form.Extends.Automatic == 0 {
				d = longer
			}
		}
	}
	form.Longest, form.Tickets, form.Warnings = time.Duration(d.MaxDuration)*time.Second, d.Tickets, d.Warnings
	names := func(approvers []string) []string { return h.approverNames(ctx, approvers) }
	what, afterwards := "This", ""
	if d.Outcome == access.DecideAutomatic && form.Extends != nil && form.Extends.Limited {
		what, afterwards = "An extension of up to "+access.FormatDuration(form.Extends.Automatic), "\n"+h.longerText(ctx, longer, requester, names)
	}
	if mustNotSelfApprove(d, requester) {
		form.Preview = what + " would be refused. " + notSelfApproved + afterwards
		return nil
	}
	refusal, warning := h.unreachable(ctx, d, requester, "this")
	if refusal != "" {
		form.Preview = "This would be refused, because " + refusal
		return nil
	}
	form.Preview = previewText(d, what, names) + afterwards
	if warning != "" {
		form.Preview = warning + "\n" + form.Preview
	}
	// The form doesn't report which duration is chosen.
	session := h.Catalog.Session(ctx, t.PermissionSetARN)
	if d.Outcome != access.DecideRefused && slices.ContainsFunc(h.Durations, func(d time.Duration) bool { return d < session }) {
		form.Preview += "\n" + slack.SessionsAfterEnd(session)
	}
	return nil
}

// mustNotSelfApprove reports whether the policy would let the requester approve their own
// request, but evaluate refuses that, because the requester was found under a fallback
// domain.
func mustNotSelfApprove(d access.Decision, requester access.Person) bool {
	return d.Outcome == access.DecideAutomatic && d.Reason == access.ReasonSelfApproval && requester.SecondaryDomain
}

const notSelfApproved = "You can't approve this yourself, because your email addresses in Slack and IAM Identity Center differ. Ask the people who run this app to fix this."

// approverNames returns how people see approvers: emails, and then the names of groups.
func (h *Handler) approverNames(ctx context.Context, approvers []string) []string {
	var emails, groups []string
	for _, a := range approvers {
		if id, ok := access.GroupOf(a); ok {
			name, _ := h.Catalog.ApproverGroup(ctx, id)
			groups = append(groups, slack.GroupMembers(name, id))
		} else {
			emails = append(emails, a)
		}
	}
	return append(emails, groups...)
}

// previewText returns what would happen to a request. what is what the text calls one that is
// granted automatically. names returns how people see approvers.
func previewText(d access.Decision, what string, names func(approvers []string) []string) string {
	switch d.Reason {
	case access.ReasonApprovalNotRequired:
		return what + " will be granted automatically: the policy requires no approval here."
	case access.ReasonSelfApproval:
		return what + " will be granted automatically: the policy lets you approve this yourself."
	case access.ReasonRequiresApproval:
		if len(d.Requirements) > 0 {
			return requirementsText(d.Requirements, names)
		}
		return "Approvers (any one can approve): " + slack.ListNames(names(d.Approvers))
	case access.ReasonNoApprovers:
		if d.NeedsSeveral() {
			return "This would be refused, because the policy names too few other approvers. Ask the people who run this app to add approvers."
		}
		return "This would be refused, because the policy names no other approver. Ask the people who run this app to add one."
	case access.ReasonNotAllowed:
		return "This would be refused, because the policy doesn't let you have this access. Choose something else, or ask the people who run this app."
	case access.ReasonProtectedAccount:
		return "This would be refused, because this account is protected and the policy doesn't name it. Ask the people who run this app to add it."
	default:
		return "This would be refused, because the policy doesn't offer it. Choose something else."
	}
}

// longerText returns what would happen to an extension that is too long to be automatic.
func (h *Handler) longerText(ctx context.Context, d access.Decision, requester access.Person, names func(approvers []string) []string) string {
	if d.Outcome != access.DecideApproval {
		return "A longer one would be refused, because the policy names no other approver. Ask the people who run this app to add one."
	}
	refusal, warning := h.unreachable(ctx, d, requester, "a longer one")
	if refusal != "" {
		return "A longer one would be refused, because " + refusal
	}
	text := "Approvers of a longer one (any one can approve): " + slack.ListNames(names(d.Approvers))
	if warning != "" {
		text = warning + "\n" + text
	}
	return text
}

// requirementsText says how many approvals are needed, and from whom.
func requirementsText(all []access.Requirement, names func([]string) []string) string {
	const most = 5
	var needed []string
	for _, q := range all[:min(len(all), most)] {
		needed = append(needed, fmt.Sprintf("%d of %s", q.Needed, slack.ListNames(names(q.Approvers))))
	}
	text := "Approvals needed: " + strings.Join(needed, "; and ")
	if more := len(all) - most; more > 0 {
		text += fmt.Sprintf("; and those of %d more rules", more)
	}
	return text
}

// maxOptions is Slack's limit of options in a menu.
const maxOptions = 100

// noticeValue is the value of an option that is only a notice. No account,
// permission set or group has this id.
const noticeValue = "no-answer"

// suggest returns the options that match what was typed. If the lists can't be read
// or aren't ready, the only option says so. Otherwise people couldn't tell a failure
// from an empty list, because Slack shows a late response the same way
// (slackapi/java-slack-sdk#1204). People who can't request access get no options.
func (h *Handler) suggest(ctx context.Context, log *slog.Logger, in slack.Interaction) events.APIGatewayV2HTTPResponse {
	// Run both at once: they don't depend on each other, and a person is
	// typing. The person was looked up when they opened the form, and the
	// result is cached for a minute.
	var requester access.Person
	var requesterErr error
	var wait sync.WaitGroup
	wait.Go(func() { requester, requesterErr = h.People.Requester(ctx, in.UserID) })
	index, list, err := h.list(ctx, in)
	wait.Wait()
	var options []slack.Option
	if requesterErr != nil {
		err = requesterErr
		if _, personal := explain(requesterErr); personal {
			log.Info("person can't request access", "code", access.CodeOf(err))
			return jsonResponse(slack.OptionsResponse(nil))
		}
	}
	if err == nil {
		var who access.Identity
		if who, err = h.Cases.Requester(ctx, index, requester); err == nil {
			options = list(who)
			if text, isLoading := h.loading(ctx, in.Action.ID); isLoading {
				notice := slack.Option{Text: text, Value: noticeValue}
				options = append([]slack.Option{notice}, options[:min(len(options), maxOptions-1)]...)
			}
		}
	}
	if err != nil {
		log.Error("options could not be listed", "action", in.Action.ID, "code", access.CodeOf(err), "error", access.ErrorMessage(err))
		text, _ := explain(err)
		switch access.CodeOf(err) {
		case access.CodeInvalid:
		case access.CodeNotReady:
			text = "⏳ " + text
			if loading, isLoading := h.loading(ctx, in.Action.ID); isLoading {
				text = loading
			}
			options = []slack.Option{{Text: text, Value: noticeValue}}
		default:
			options = []slack.Option{{Text: "⚠️ " + text, Value: noticeValue}}
		}
	}
	return jsonResponse(slack.OptionsResponse(options))
}

// loading says how far the first lists are that a select needs. ok is false if it has all
// of them.
func (h *Handler) loading(ctx context.Context, action string) (text string, ok bool) {
	l, ok := h.Catalog.Loading(ctx)
	if !ok {
		return "", false
	}
	if action == slack.ActionGroup {
		// Groups are listed in seconds, all at once.
		return "⏳ The list is still loading: no groups so far.", !l.HasAllGroups
	}
	n, what := l.Accounts, "accounts"
	switch { // the selects of accounts and permission sets both need both lists
	case l.HasAllAccounts && l.HasAllPermissionSets:
		return "⏳ The list is almost ready.", true // apart from the organizational units
	case l.HasAllAccounts:
		n, what = l.PermissionSets, "permission sets"
	}
	return fmt.Sprintf("⏳ The list is still loading: %s %s so far.", withCommas(n), what), true
}

// withCommas formats a number as in 10,000.
func withCommas(n int) string {
	text := strconv.Itoa(n)
	for i := len(text) - 3; i > 0; i -= 3 {
		text = text[:i] + "," + text[i:]
	}
	return text
}

// offer returns the options of a list for a requester.
type offer func(who access.Identity) []slack.Option

// list reads the list that a select of the form asks for, and the policy in force.
func (h *Handler) list(ctx context.Context, in slack.Interaction) (index *access.Index, list offer, err error) {
	if in.View == nil {
		return nil, nil, access.Errorf(access.CodeInvalid, "Slack asked for options outside a form")
	}
	policy, digest, err := h.Policy.Load(ctx)
	if err != nil {
		return nil, nil, err
	}
	l := lists{h, h.menus.index(&policy, digest), in.Query}
	switch in.Action.ID {
	case slack.ActionAccount:
		list, err = l.accounts(ctx, in.View.Chosen())
	case slack.ActionPermissionSet:
		list, err = l.permissionSets(ctx, in.View.Chosen().AccountID)
	case slack.ActionGroup:
		list, err = l.groups(ctx)
	default:
		err = access.Errorf(access.CodeInvalid, "no options exist for %q", in.Action.ID)
	}
	return l.index, list, err
}

// lists makes the lists of the form under the policy in force.
type lists struct {
	*Handler
	index *access.Index
	query string
}

// accounts lists the accounts in which something is offered. If a permission set was chosen
// first, it lists the accounts in which that one is offered.
func (l lists) accounts(ctx context.Context, chosen access.Target) (offer, error) {
	accounts, sets, ousOf, err := l.everything(ctx)
	if err != nil {
		return nil, err
	}
	return func(who access.Identity) []slack.Option {
		menu := l.menus.menu(l.index, accounts, sets, who)
		offers := func(a access.Account) bool { return menu.Offers(a.ID, ousOf(a.ID)) }
		if chosen.AccountID == "" && chosen.PermissionSet != "" {
			c := access.Case{Requester: who, Target: chosen}
			offers = func(a access.Account) bool {
				c.Target.AccountID, c.OUs = a.ID, ousOf(a.ID)
				return l.index.Offers(&c)
			}
		}
		return pick(accounts, l.query, offers,
			func(a access.Account) slack.Option {
				// The text contains the whole id: an option has room for 75
				// characters, and a name has at most 50.
				return slack.Option{Text: catalog.AccountText(a), Value: a.ID}
			})
	}, nil
}

// permissionSets lists the permission sets that are offered in the account. If there is no
// account yet, it lists those that are offered in any account.
func (l lists) permissionSets(ctx context.Context, accountID string) (offer, error) {
	accounts, sets, ousOf, err := l.everything(ctx)
	if err != nil {
		return nil, err
	}
	return func(who access.Identity) []slack.Option {
		var offers func(access.PermissionSet) bool
		if accountID == "" {
			offered := l.menus.menu(l.index, accounts, sets, who).OffersAnywhere(ids(accounts), ousOf)
			offers = func(s access.PermissionSet) bool { return offered[s.Name] }
		} else {
			c := access.Case{Requester: who, Target: access.Target{Kind: access.KindAccount, AccountID: accountID}, OUs: ousOf(accountID)}
			offers = func(s access.PermissionSet) bool {
				c.Target.PermissionSet = s.Name
				return l.index.Offers(&c)
			}
		}
		return pick(sets, l.query, offers,
			func(s access.PermissionSet) slack.Option {
				return slack.Option{Text: catalog.PermissionSetText(s), Value: s.ARN}
			})
	}, nil
}

// everything returns what the lists of accounts and permission sets depend on.
func (l lists) everything(ctx context.Context) (accounts *catalog.List[access.Account], sets *catalog.List[access.PermissionSet], ousOf func(string) []string, err error) {
	if accounts, err = l.Catalog.Accounts(ctx); err != nil {
		return nil, nil, nil, err
	}
	if sets, err = l.Catalog.PermissionSets(ctx); err != nil {
		return nil, nil, nil, err
	}
	ousOf, err = l.Catalog.OUsOf(ctx, l.index.OUs())
	return accounts, sets, ousOf, err
}

// ids yields the ids of the accounts.
func ids(accounts *catalog.List[access.Account]) iter.Seq[string] {
	return func(yield func(string) bool) {
		for a := range accounts.All() {
			if !yield(a.ID) {
				return
			}
		}
	}
}

func (l lists) groups(ctx context.Context) (offer, error) {
	groups, err := l.Catalog.Groups(ctx)
	if err != nil {
		return nil, err
	}
	return func(who access.Identity) []slack.Option {
		c := access.Case{Requester: who, Target: access.Target{Kind: access.KindGroup}}
		return pick(groups, l.query,
			func(g access.Group) bool {
				c.Target.GroupID = g.ID
				return l.index.Offers(&c)
			},
			func(g access.Group) slack.Option {
				return slack.Option{Text: catalog.GroupText(g), Value: g.ID}
			})
	}, nil
}

// pick returns the options for the items that match the query and are
// offered, at most maxOptions. It evaluates the policy no more often than
// needed.
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
