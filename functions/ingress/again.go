package ingress

import (
	"context"
	"time"

	"sso-elevator/functions/access"
	"sso-elevator/slack"
)

// alwaysInTime is for buttons that work whatever became of the request.
func (p *press) alwaysInTime() (reply, bool) { return reply{}, false }

// openMoreTime opens the form while the requester has the access: the new request extends it.
// The request itself may have ended, if another one keeps the access.
func (p *press) openMoreTime(ctx context.Context) (reply, error) {
	text := notActiveText(p.request)
	if text == "" {
		return p.openRepeat(ctx)
	}
	if !p.request.HasRemovalBegun() && p.request.EndRequest == nil {
		return reply{text: text}, nil // it isn't granted yet
	}
	h, err := p.readHolders(ctx)
	if err != nil {
		return reply{}, err
	}
	if access.ChainOf(h.lease, h.rows, p.request.ID, p.Now()) != nil {
		return p.openRepeat(ctx)
	}
	if h.isBeingRemoved() {
		text = beingRemoved
	}
	// Only the last message about a request has the button, and it may come hours later.
	if p.request.IsClosed() && slack.OffersAskAgain(p.request) {
		return reply{text: text + " To request it again, press Ask again in its message."}, nil
	}
	return reply{text: text + " To request it again, use " + p.command() + "."}, nil
}

// command returns the command to request what the request is about.
func (p *press) command() string {
	if p.request.Target.Kind == access.KindGroup {
		return slack.CommandGroup
	}
	return slack.CommandAccount
}

// allowRepeat allows only the requester. Everyone in the channel sees the button, and
// nobody else has a use for this requester's reason.
func (p *press) allowRepeat(ctx context.Context) (refusal string, err error) {
	if p.byRequester() {
		return "", nil
	}
	p.refuse(ctx, access.RefusalNotRequester, "", "person is not the requester")
	return "This button is for the requester. To request this access yourself, use " + p.command() + ".", nil
}

// openRepeat opens the form with the values of the request. It creates nothing: the
// requester can change everything before they submit the form, which is then checked like
// any other.
func (p *press) openRepeat(ctx context.Context) (reply, error) {
	kind := p.request.Target.Kind
	o, err := p.openForm(ctx, ctx, p.log, p.in, kind, func(ctx context.Context, requester access.Person, form *slack.Form) error {
		return p.repeat(ctx, requester, p.request, form)
	})
	if err != nil {
		p.log.Error("form could not be opened", "code", access.CodeOf(err), "error", access.ErrorMessage(err))
		return reply{text: "The form didn't open. Please press the button again."}, nil
	}
	return reply{opened: &o}, nil
}

// repeat fills the form with the values of the requester's earlier request. It leaves out
// what the form doesn't offer them anymore, and says so in the form.
func (h *Handler) repeat(ctx context.Context, requester access.Person, r access.Request, form *slack.Form) error {
	form.Reason, form.Ticket = r.Reason, r.Ticket
	form.Duration = time.Duration(r.Duration) * time.Second
	chosen, err := h.stillOffered(ctx, requester, r.Target)
	if err != nil {
		return err
	}
	form.Chosen = chosen
	if err := h.preview(ctx, func() (inForce, error) { return h.policyInForce(ctx) }, requester, form); err != nil {
		return err
	}
	form.Note = repeatNote(r, *form)
	return nil
}

// repeatNote says which parts of an earlier request the form doesn't contain; "" if it
// contains all.
func repeatNote(r access.Request, form slack.Form) string {
	t := r.Target
	switch {
	case t.Kind == access.KindGroup && form.Chosen.GroupID == "":
		return "You can't request " + describeTarget(t) + " anymore. Choose another group."
	case t.Kind == access.KindAccount && form.Chosen.AccountID == "":
		return "You can't request " + describeTarget(t) + " anymore. Choose from the lists."
	case t.Kind == access.KindAccount && form.Chosen.PermissionSetARN == "":
		return "You can't request " + describeTarget(t) + " anymore. Choose another permission set."
	case !form.OffersDuration(form.Duration):
		return "You can't request this for " + access.FormatDuration(form.Duration) + " anymore. Choose a duration."
	default:
		return ""
	}
}

// stillOffered returns the parts of an earlier target that the form's lists offer the
// requester now, with their current names: all of it, or its account, or nothing.
func (h *Handler) stillOffered(ctx context.Context, requester access.Person, earlier access.Target) (access.Target, error) {
	candidates := []access.Target{earlier}
	if earlier.Kind == access.KindAccount {
		candidates = append(candidates, access.Target{Kind: access.KindAccount, AccountID: earlier.AccountID})
	}
	for _, t := range candidates {
		t, err := h.Catalog.Complete(ctx, t)
		if access.CodeOf(err) == access.CodeNotFound {
			continue
		}
		if err != nil {
			return access.Target{}, err
		}
		offered, err := h.offers(ctx, requester, t)
		if err != nil {
			return access.Target{}, err
		}
		if offered {
			return t, nil
		}
	}
	return access.Target{Kind: earlier.Kind}, nil
}

// offers reports whether the form's lists offer the requester the target, which may lack
// its permission set.
func (h *Handler) offers(ctx context.Context, requester access.Person, t access.Target) (bool, error) {
	policy, digest, err := h.Policy.Load(ctx)
	if err != nil {
		return false, err
	}
	l := lists{h, h.menus.index(&policy, digest), ""}
	who, err := h.Cases.Requester(ctx, l.index, requester)
	if err != nil {
		return false, err
	}
	if t.Kind == access.KindGroup {
		return l.index.Offers(&access.Case{Requester: who, Target: t}), nil
	}
	accounts, sets, ousOf, err := l.everything(ctx)
	if err != nil {
		return false, err
	}
	if t.PermissionSet == "" {
		return h.menus.menu(l.index, accounts, sets, who).Offers(t.AccountID, ousOf(t.AccountID)), nil
	}
	return l.index.Offers(&access.Case{Requester: who, Target: t, OUs: ousOf(t.AccountID)}), nil
}
