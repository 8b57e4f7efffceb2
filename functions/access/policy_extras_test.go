package access

import (
	"reflect"
	"testing"
)

// One row for each sentence about tickets, warnings, channels and confirmations.
func TestDecideExtras(t *testing.T) {
	const bob = "bob@example.com"
	open := func(s Statement) Statement { // for everyone, everywhere, without approval
		s.Resources, s.PermissionSets, s.ApprovalIsNotRequired = list("*"), list("*"), yes
		return s
	}
	others := func(s Statement) Statement { // as open, but only for bob
		s.Allowed = list(bob)
		return open(s)
	}
	ticket := func(t Ticket) Statement { return open(Statement{Ticket: &t}) }
	jira := Ticket{Required: true, Pattern: `[A-Z]+-\d+`, Hint: "A Jira issue, such as OPS-12."}
	value := func(s string) *string { return &s }
	given := func(d Decision) Decision { // what the decisions below have in common
		d.Outcome, d.Reason = DecideAutomatic, ReasonApprovalNotRequired
		return d
	}
	refused := func(d Decision) Decision {
		d.Outcome, d.Reason = DecideRefused, ReasonTicketMissing
		return d
	}
	for _, tt := range []struct {
		name       string
		statements []Statement
		ticket     *string
		want       Decision
	}{
		{"no ticket is asked for", []Statement{open(Statement{})}, value(""), given(Decision{})},
		{"a ticket that nobody asked for", []Statement{open(Statement{})}, value("OPS-12"), given(Decision{})},
		{"a required ticket", []Statement{ticket(jira)}, value("OPS-12"), given(Decision{Tickets: []Ticket{jira}})},
		{"a required ticket is missing", []Statement{ticket(jira)}, value(""), refused(Decision{Tickets: []Ticket{jira}})},
		{"a query without a ticket", []Statement{ticket(jira)}, nil, given(Decision{Tickets: []Ticket{jira}})},
		{"the pattern must match the whole value", []Statement{ticket(jira)}, value("OPS-12 and more"), refused(Decision{Tickets: []Ticket{jira}})},
		{"from the beginning", []Statement{ticket(jira)}, value("see OPS-12"), refused(Decision{Tickets: []Ticket{jira}})},
		{"not only one of its lines", []Statement{ticket(Ticket{Pattern: `(?m)^OPS-\d$`})}, value("x\nOPS-1"), refused(Decision{Tickets: []Ticket{{Pattern: `(?m)^OPS-\d$`}}})},
		{"each of several forms must match as a whole", []Statement{ticket(Ticket{Pattern: "OPS|DEV"})}, value("OPSY"), refused(Decision{Tickets: []Ticket{{Pattern: "OPS|DEV"}}})},
		{"a required ticket without a pattern", []Statement{ticket(Ticket{Required: true})}, value("x"), given(Decision{Tickets: []Ticket{{Required: true}}})},
		{"an optional ticket is left out", []Statement{ticket(Ticket{Pattern: "OPS"})}, value(""), given(Decision{Tickets: []Ticket{{Pattern: "OPS"}}})},
		{"an optional ticket that doesn't match", []Statement{ticket(Ticket{Pattern: "OPS"})}, value("x"), refused(Decision{Tickets: []Ticket{{Pattern: "OPS"}}})},
		{"a pattern that is no regular expression accepts nothing", []Statement{ticket(Ticket{Pattern: "OPS)|(.*"})}, value("OPS"), refused(Decision{Tickets: []Ticket{{Pattern: "OPS)|(.*"}}})},
		{"all that apply must match", []Statement{ticket(jira), ticket(Ticket{Pattern: "OPS-.*"})}, value("DEV-1"),
			refused(Decision{Tickets: []Ticket{jira, {Pattern: "OPS-.*"}}})},
		{"the same twice is shown once", []Statement{ticket(jira), ticket(jira)}, value("OPS-1"), given(Decision{Tickets: []Ticket{jira}})},
		{"a statement that doesn't apply asks for no ticket", []Statement{open(Statement{}), others(Statement{Ticket: &jira})}, value(""), given(Decision{})},

		{"all warnings that apply, in order and once", []Statement{
			open(Statement{Warning: "Production."}), open(Statement{Warning: "Audited."}), open(Statement{Warning: "Production."}), others(Statement{Warning: "For Bob."}),
		}, nil, given(Decision{Warnings: list("Production.", "Audited.")})},

		{"the first channel that applies", []Statement{
			others(Statement{Channel: "C1"}), open(Statement{}), open(Statement{Channel: "C2"}), open(Statement{Channel: "C3"}),
		}, nil, given(Decision{Channel: "C2"})},
		{"the configured channel", []Statement{open(Statement{}), others(Statement{Channel: "C1"})}, nil, given(Decision{})},

		{"a confirmation", []Statement{open(Statement{}), open(Statement{Confirm: true})}, nil, given(Decision{Confirm: true})},
		{"a confirmation of a statement that doesn't apply", []Statement{open(Statement{}), others(Statement{Confirm: true})}, nil, given(Decision{Confirm: true})},
		{"a requirement asks for a confirmation", []Statement{{Resources: list("*"), PermissionSets: list("*"), Approvers: list(bob), ApprovalsNeeded: 1}}, nil,
			Decision{Outcome: DecideApproval, Reason: ReasonRequiresApproval, Approvers: list(bob), Requirements: []Requirement{{0, 1, list(bob)}}, Confirm: true}},
		{"a requirement that doesn't apply asks for none", []Statement{open(Statement{}), {Allowed: list(bob), Resources: list("*"), PermissionSets: list("*"), Approvers: list(bob), ApprovalsNeeded: 1}}, nil,
			given(Decision{})},
	} {
		t.Run(tt.name, func(t *testing.T) {
			c := request("ann@example.com", account(dev, "ReadOnly"))
			c.Ticket = tt.ticket
			got := NewIndex(&Policy{Accounts: tt.statements}).Decide(c)
			got.Statements = nil
			if tt.want.Approvers == nil {
				tt.want.Approvers = []string{}
			}
			if !reflect.DeepEqual(got, tt.want) {
				t.Errorf("got  %+v\nwant %+v", got, tt.want)
			}
		})
	}
}

// Other reasons come before a missing ticket: a ticket would not help.
func TestTicketIsTheLastReason(t *testing.T) {
	missing := ""
	long := Statement{Resources: list("*"), PermissionSets: list("*"), Approvers: list("bob@example.com"), MaxDuration: 60, Ticket: &Ticket{Required: true}}
	c := request("ann@example.com", account(dev, "ReadOnly"))
	c.Ticket, c.Duration = &missing, 61
	if d := NewIndex(&Policy{Accounts: []Statement{long}}).Decide(c); d.Reason != ReasonDurationTooLong {
		t.Errorf("got %s, want %s", d.Reason, ReasonDurationTooLong)
	}
	long.Approvers = nil
	if d := NewIndex(&Policy{Accounts: []Statement{long}}).Decide(c); d.Reason != ReasonNoApprovers {
		t.Errorf("got %s, want %s", d.Reason, ReasonNoApprovers)
	}
}
