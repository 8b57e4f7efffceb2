package ingress

import (
	"encoding/json"
	"net/http"
	"reflect"
	"slices"
	"strings"
	"testing"

	"sso-elevator/functions/access"
	"sso-elevator/slack"
)

// needsTicket is a statement that requires a Jira issue and warns.
func needsTicket() access.Statement {
	return access.Statement{
		Approvers: []string{"ann@example.com"}, Warning: "Customers see changes.",
		Ticket: &access.Ticket{Required: true, Pattern: `[A-Z]+-\d+`, Hint: "A Jira issue, such as OPS-12."},
	}
}

// TestTicketInForm checks that the form has the ticket field and the warnings as soon as
// the policy decides about a target that has them, and that the field stays until then.
func TestTicketInForm(t *testing.T) {
	complete := access.Target{Kind: access.KindAccount, AccountID: production, AccountName: "Production", PermissionSetARN: admin, PermissionSet: "Admin"}
	onlyAccount := access.Target{Kind: access.KindAccount, AccountID: production, AccountName: "Production"}
	const byAnn = "Approvers (any one can approve): ann@example.com"
	statement := needsTicket()
	for _, tt := range []struct {
		name      string
		statement access.Statement
		chosen    access.Target
		typed     bool // the form has the field
		change    func(*world)
		want      slack.Form
	}{
		{name: "no ticket", statement: access.Statement{Approvers: []string{"ann@example.com"}}, chosen: complete, want: slack.Form{Preview: byAnn}},
		{name: "no ticket any more", statement: access.Statement{Approvers: []string{"ann@example.com"}}, chosen: complete, typed: true, want: slack.Form{Preview: byAnn}},
		{name: "a ticket", statement: statement, chosen: complete, want: slack.Form{Preview: byAnn, Tickets: []access.Ticket{*statement.Ticket}, Warnings: []string{"Customers see changes."}}},
		{name: "a ticket again", statement: statement, chosen: complete, typed: true, want: slack.Form{Preview: byAnn, Tickets: []access.Ticket{*statement.Ticket}, Warnings: []string{"Customers see changes."}}},
		{name: "another account", statement: statement, chosen: onlyAccount, want: slack.Form{}},
		{name: "another account, after typing", statement: statement, chosen: onlyAccount, typed: true, want: slack.Form{Tickets: []access.Ticket{{}}}},
		{name: "the policy can't be read", statement: statement, chosen: complete, typed: true, change: func(w *world) { w.policyErr = access.Errorf(access.CodeUnavailable, "x") },
			want: slack.Form{Preview: "Something went wrong. Please try again in a moment.", Tickets: []access.Ticket{{}}}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			w := adminBy(tt.statement)
			if tt.change != nil {
				tt.change(w)
			}
			fields := map[string][2]string{"account": {"account", production}}
			if tt.chosen.PermissionSet != "" {
				fields["permission_set-"+production] = [2]string{"permission_set", admin}
			}
			if tt.typed {
				fields["ticket"] = [2]string{"ticket", ""}
			}
			w.send(t, payload("block_actions", "UJANE", object{"actions": []object{{"action_id": "permission_set"}}, "view": view("request_for_access", "", fields)}))
			tt.want.Kind, tt.want.Chosen, tt.want.Durations = access.KindAccount, tt.chosen, offered
			if want := slack.FormView(tt.want); len(w.views) != 1 || !reflect.DeepEqual(w.views[0].view, want) {
				got, _ := json.Marshal(w.views)
				wanted, _ := json.Marshal(want)
				t.Errorf("got %s\nwant %s", got, wanted)
			}
		})
	}
}

// withTicket is jane's submission of Admin in production. Without a ticket, the form has
// no such field.
func withTicket(ticket ...string) string {
	fields := map[string][2]string{"account": {"account", production}, "permission_set-" + production: {"permission_set", admin}, "duration": {"duration", "3600"}, "reason": {"reason", "deploy"}}
	if len(ticket) > 0 {
		fields["ticket"] = [2]string{"ticket", ticket[0]}
	}
	return payload("view_submission", "UJANE", object{"view": view("request_for_access", "", fields)})
}

func TestSubmitWithTicket(t *testing.T) {
	required, optional, open := needsTicket(), needsTicket(), access.Statement{Approvers: []string{"ann@example.com"}}
	optional.Ticket = &access.Ticket{Pattern: "OPS-.*"}
	const hint = " A Jira issue, such as OPS-12."
	for _, tt := range []struct {
		name      string
		statement access.Statement
		body      string
		want      map[string]string
		stored    string
	}{
		{"the right one", required, withTicket(" OPS-12\n"), nil, "OPS-12"},
		{"empty", required, withTicket(""), map[string]string{"ticket": "The policy requires a ticket for this access." + hint}, ""},
		{"nothing visible", required, withTicket("\u200b"), map[string]string{"ticket": "The policy requires a ticket for this access." + hint}, ""},
		{"one that doesn't match", required, withTicket("OPS-12 please"), map[string]string{"ticket": "The policy doesn't accept this ticket." + hint}, ""},
		{"too long", required, withTicket("OPS-" + strings.Repeat("1", 147)), map[string]string{"ticket": "Use at most 150 characters."}, ""},
		{"a form without the field", required, withTicket(),
			map[string]string{"reason": "The policy requires a ticket for this access. If the form has no field for it, close the form and open a new one."}, ""},
		{"optional and empty", optional, withTicket(""), nil, ""},
		{"optional, in a form without the field", optional, withTicket(), nil, ""},
		{"optional, but one that doesn't match", optional, withTicket("DEV-1"), map[string]string{"ticket": "The policy doesn't accept this ticket."}, ""},
		{"one that the policy doesn't ask for any more", open, withTicket("DEV-1"), nil, "DEV-1"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			w := adminBy(tt.statement)
			got := w.send(t, tt.body)
			if errors := fieldErrors(got.Body); got.StatusCode != http.StatusOK || !reflect.DeepEqual(errors, tt.want) || (len(w.rows) > 0) != (tt.want == nil) {
				t.Fatalf("got %d %s and %d rows, want errors %v", got.StatusCode, got.Body, len(w.rows), tt.want)
			}
			if stored := w.rows[requestID].Ticket; stored != tt.stored {
				t.Errorf("stored %q, want %q", stored, tt.stored)
			}
		})
	}
}

func TestSubmitAgainWithAnotherTicketKeepsTheFirst(t *testing.T) {
	w := adminBy(needsTicket())
	w.send(t, withTicket("OPS-12"))
	if got := w.send(t, withTicket("OPS-12")); got.Body != string(slack.ClearResponse()) {
		t.Errorf("the same: got %s, want the form cleared", got.Body)
	}
	got := w.send(t, withTicket("OPS-13"))
	want := string(slack.UpdateViewResponse(slack.NoticeView("Already sent", "You already submitted this form with other values. This is what you requested: "+
		"Admin in Production (111111111111) for 1 hour, with the ticket OPS-12. To request something else, open a new form.")))
	if got.Body != want || w.rows[requestID].Ticket != "OPS-12" {
		t.Errorf("got %s\nwant %s; the row has %q", got.Body, want, w.rows[requestID].Ticket)
	}
}

// TestPressWithTicket checks that a press decides about the request's ticket by the policy
// in force.
func TestPressWithTicket(t *testing.T) {
	const missing = "This request can't be approved. The current policy requires a ticket that this request doesn't have. Please deny it. The requester can submit a new request with the ticket."
	for _, tt := range []struct {
		name, ticket, action string
		outcome              access.OutcomeKind
		told                 []string
		recorded             string
	}{
		{"the right one", "OPS-12", "approve", access.OutcomeApproved, nil, ""},
		{"none", "", "approve", "", []string{missing}, string(access.RefusalNotPermitted)},
		{"another", "x", "approve", "", []string{missing}, string(access.RefusalNotPermitted)},
		{"none: deny", "", "deny", access.OutcomeDenied, nil, ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			w := adminBy(needsTicket())
			r := waiting()
			r.Ticket = tt.ticket
			w.rows["r1"] = r
			w.send(t, pressBy("UANN", tt.action, "r1"))
			row := w.rows["r1"]
			var outcome access.OutcomeKind
			if row.Outcome != nil {
				outcome = row.Outcome.Kind
			}
			recorded := ""
			for _, e := range row.Events {
				recorded += e.Reason
			}
			if outcome != tt.outcome || !slices.Equal(w.told, tt.told) || recorded != tt.recorded {
				t.Errorf("outcome %q, told %q, recorded %q; want %q, %q, %q", outcome, w.told, recorded, tt.outcome, tt.told, tt.recorded)
			}
		})
	}
}
