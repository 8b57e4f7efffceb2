package slack

import (
	"encoding/json"
	"slices"
	"strings"
	"testing"
	"time"

	slackgo "github.com/slack-go/slack"

	"sso-elevator/functions/access"
)

// confirmations are dialogs by name.
func confirmations() map[string]Confirmation {
	all := requests()
	of := func(request string, last bool, warnings ...string) Confirmation {
		r := all[request]
		return Confirmation{Request: r, Approvals: r.Tally(), Last: last, Warnings: warnings}
	}
	ticket := of("pending", true, "Production: changes are visible to customers.", "Call the on-call engineer first.")
	ticket.Request.Ticket = "OPS-12"
	before(func(b *access.Background) { b.Held = []access.HeldAccess{held("BillingAccess", time.Hour)} })(&ticket.Request)
	ticket.Request.PermissionSetDescription, ticket.Request.SessionSeconds = "Look at everything, change nothing", 8*3600
	background := of("pending", true)
	background.Request = backgrounds()["denied_twice"]
	background.Request.PermissionSetDescription, background.Request.SessionSeconds = "Everything", 8*3600
	longestBackground := of("pending", true)
	longestBackground.Request = backgrounds()["longest"]
	hostileTicket := of("pending_hostile", true, hostile, hostile)
	hostileTicket.Request.Ticket = hostile
	before(hostileBackground)(&hostileTicket.Request)
	longest := of("pending_several_longest", false, slices.Repeat([]string{strings.Repeat("w", 5000)}, 20)...)
	longest.Request.Ticket = strings.Repeat("名", access.MaxTicketLength)
	over := of("pending_extension_too_long", true)
	over.ChainOver = true
	held := over
	held.HeldUntil = over.Request.Chain.End.Add(2 * time.Hour)
	return map[string]Confirmation{
		"extension_over": over, "extension_held": held,
		"pending": of("pending", true), "ticket": ticket, "background": background, "background_longest": longestBackground, "group": of("pending_group", true), "no_expiry": of("pending_no_expiry", true),
		"several": of("pending_several", false), "several_one": of("pending_several_one", true), "several_lapsed": of("pending_several_lapsed", true),
		"extension": of("pending_extension", true), "extension_too_long": of("pending_extension_too_long", true),
		"fallback_domain": of("pending_fallback_domain", true),
		"hostile":         hostileTicket, "longest": longest, "mentions_longest": of("pending_several_mentions_longest", false),
	}
}

func TestConfirmationView(t *testing.T) {
	for name, c := range confirmations() {
		t.Run(name, func(t *testing.T) {
			v := ConfirmationView(c)
			for _, p := range checkView(generic(t, v)) {
				t.Error(p)
			}
			if v.PrivateMetadata != c.Request.ID || v.CallbackID != CallbackConfirmation || v.NotifyOnClose {
				t.Errorf("metadata %q, callback %q", v.PrivateMetadata, v.CallbackID)
			}
			text, err := json.Marshal(v)
			if err != nil || len(text) > 250_000 {
				t.Errorf("the view has %d bytes, more than Slack accepts, %v", len(text), err)
			}
			golden(t, "view_confirmation_"+name, v)
		})
	}
}

// The dialog shows all that an approver decides by: everything that the message in the
// channel shows, and more.
func TestConfirmationSaysEnough(t *testing.T) {
	c := confirmations()["ticket"]
	shown := shownWithMentions(t, Message{Blocks: ConfirmationView(c).Blocks.BlockSet})
	for _, want := range []string{
		"⚠️ Production: changes are visible to customers.\n⚠️ Call the on-call engineer first.", "Requester: @U0ALICE (alice@example.com)", "Account: Sandbox (111122223333)",
		"Permission set: ReadOnly", "Duration: 1 hour 30 minutes", "Ticket: OPS-12",
		"Open sessions: may last up to 8 hours after the access ends", "Description: Look at everything, change nothing",
		"Last 30 days: had this access 3 times, last approved by Carol, ", "Active access in this account: BillingAccess until ", "Request expires: ", "Reason: \nLook at the logs of the failed deployment",
	} {
		if !strings.Contains(shown, want) {
			t.Errorf("%q is missing in %q", want, shown)
		}
	}
	shown = shownWithMentions(t, Message{Blocks: ConfirmationView(confirmations()["background"]).Blocks.BlockSet})
	for _, want := range []string{"Description: Everything", "Open sessions: ", "Last 30 days: ", "Earlier requests: denied twice today (UTC), last by "} {
		if !strings.Contains(shown, want) {
			t.Errorf("%q is missing in %q", want, shown)
		}
	}
}

// The other dialogs are about a request, too, and show the row.
func TestOtherDialogs(t *testing.T) {
	all := requests()
	views := map[string]struct {
		callback, request string
		view              slackgo.ModalViewRequest
	}{}
	for _, name := range []string{"pending", "pending_ticket", "pending_group", "pending_hostile", "pending_longest"} {
		r := all[name]
		views["view_denial_"+name] = struct {
			callback, request string
			view              slackgo.ModalViewRequest
		}{CallbackDenial, r.ID, DenialView(r, name == "pending_ticket")}
	}
	for _, name := range []string{"active", "active_longest", "active_portal_hostile"} {
		r := all[name]
		views["view_end_"+name] = struct {
			callback, request string
			view              slackgo.ModalViewRequest
		}{CallbackEnd, r.ID, EndView(r)}
	}
	for name, v := range views {
		t.Run(name, func(t *testing.T) {
			for _, p := range checkView(generic(t, v.view)) {
				t.Error(p)
			}
			if v.view.PrivateMetadata != v.request || v.view.CallbackID != v.callback || v.view.NotifyOnClose {
				t.Errorf("metadata %q, callback %q", v.view.PrivateMetadata, v.view.CallbackID)
			}
			if action, ok := ActionOf(v.callback); !ok || action == ActionApprove {
				t.Errorf("its button is %q", action)
			}
			golden(t, name, v.view)
		})
	}
}
