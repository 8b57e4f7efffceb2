package access

import (
	"encoding/json"
	"reflect"
	"strings"
	"testing"
	"time"
)

var (
	alicePerson = Person{SlackID: "UALICE", Email: "alice@example.com", PrincipalID: "p-alice"}
	bobPerson   = Person{SlackID: "UBOB", Email: "bob@example.com", PrincipalID: "p-bob"}
	carolPerson = Person{SlackID: "UCAROL", Email: "carol@example.com", PrincipalID: "p-carol"}
	davePerson  = Person{SlackID: "UDAVE", Email: "dave@example.com", PrincipalID: "p-dave"}
)

func TestCount(t *testing.T) {
	as := func(p Person, slackID, email string) Person {
		p.SlackID, p.Email = slackID, email
		return p
	}
	statement := func(n int, approvers ...string) Statement {
		return Statement{Resources: []string{"*"}, PermissionSets: []string{"*"}, Approvers: approvers, ApprovalsNeeded: n}
	}
	yes := true
	self := statement(0, "alice@example.com", "bob@example.com")
	self.AllowSelfApproval = &yes
	tests := []struct {
		name       string
		statements []Statement
		approvals  []Approval
		lapses     []Lapse
		met        bool
		awaited    []string
	}{
		{"one of two", []Statement{statement(2, "bob@example.com", "carol@example.com")}, []Approval{{By: bobPerson}}, []Lapse{""}, false, []string{"carol@example.com"}},
		{"two of two", []Statement{statement(2, "bob@example.com", "carol@example.com")}, []Approval{{By: bobPerson}, {By: carolPerson}}, []Lapse{"", ""}, true, nil},
		{"gone", []Statement{statement(2, "bob@example.com", "carol@example.com")}, []Approval{{By: bobPerson, Lapse: LapseGone}, {By: carolPerson}}, []Lapse{LapseGone, ""}, false, []string{"bob@example.com"}},
		{"no longer listed", []Statement{statement(2, "dave@example.com", "carol@example.com")}, []Approval{{By: bobPerson}, {By: carolPerson}}, []Lapse{LapseNotPermitted, ""}, false, []string{"dave@example.com"}},
		{"listed again", []Statement{statement(1, "bob@example.com")}, []Approval{{By: bobPerson, Lapse: LapseNotPermitted}}, []Lapse{""}, true, nil},
		{"one person as two Slack users", []Statement{statement(2, "bob@example.com", "carol@example.com")}, []Approval{{By: bobPerson}, {By: as(bobPerson, "UBOB2", "carol@example.com")}}, []Lapse{"", LapseNotPermitted}, false, []string{"carol@example.com"}},
		{"the requester", []Statement{statement(1, "alice@example.com", "bob@example.com")}, []Approval{{By: alicePerson}}, []Lapse{LapseNotPermitted}, false, []string{"bob@example.com"}},
		{"the requester's Slack user", []Statement{statement(1, "bob@example.com")}, []Approval{{By: as(bobPerson, "UALICE", "bob@example.com")}}, []Lapse{LapseNotPermitted}, false, []string{"bob@example.com"}},
		{"the requester's Identity Center user", []Statement{statement(1, "bob@example.com")}, []Approval{{By: as(alicePerson, "UBOB", "bob@example.com")}}, []Lapse{LapseNotPermitted}, false, []string{"bob@example.com"}},
		{"the requester's email", []Statement{statement(1, "alice@example.com", "bob@example.com")}, []Approval{{By: as(bobPerson, "UBOB", "Alice@example.com")}}, []Lapse{LapseNotPermitted}, false, []string{"bob@example.com"}},
		{"an approver under a fallback domain", []Statement{statement(1, "bob@example.com")}, []Approval{{By: Person{SlackID: "UBOB", Email: "bob@example.com", PrincipalID: "p-bob", SecondaryDomain: true}}}, []Lapse{LapseNotPermitted}, false, []string{"bob@example.com"}},
		{"an approver without a user", []Statement{statement(1, "bob@example.com")}, []Approval{{By: Person{SlackID: "UBOB", Email: "bob@example.com"}}}, []Lapse{LapseNotPermitted}, false, []string{"bob@example.com"}},
		{"two statements, one met", []Statement{statement(1, "bob@example.com"), statement(1, "carol@example.com", "dave@example.com")}, []Approval{{By: carolPerson}}, []Lapse{""}, false, []string{"bob@example.com"}},
		{"two statements, one person", []Statement{statement(1, "bob@example.com"), statement(1, "bob@example.com")}, []Approval{{By: bobPerson}}, []Lapse{""}, true, nil},
		{"no requirement", []Statement{statement(0, "bob@example.com")}, []Approval{{By: bobPerson}}, []Lapse{""}, true, nil},
		{"no requirement, and the requester may approve", []Statement{self}, []Approval{{By: alicePerson}}, []Lapse{""}, true, nil},
		{"a requirement, and a statement by which the requester may approve", []Statement{self, statement(1, "alice@example.com", "bob@example.com")}, []Approval{{By: alicePerson}}, []Lapse{LapseNotPermitted}, false, []string{"bob@example.com"}},
		{"nobody approved", []Statement{statement(0, "bob@example.com")}, nil, nil, false, nil},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			r := Request{Requester: alicePerson, Target: Target{Kind: KindAccount, AccountID: "111111111111", PermissionSet: "Admin"}}
			ids := make([]Identity, len(tt.approvals))
			for i, a := range tt.approvals {
				ids[i] = a.By.Identity(nil)
			}
			got := NewIndex(&Policy{Accounts: tt.statements}).Count(&Case{Requester: alicePerson.Identity(nil), Target: r.Target}, r, tt.approvals, ids)
			var lapses []Lapse
			for _, a := range got.Approvals {
				lapses = append(lapses, a.Lapse)
			}
			awaited := got.Awaited()
			if len(awaited) == 0 {
				awaited = nil
			}
			if !reflect.DeepEqual(lapses, tt.lapses) || got.Met != tt.met || !reflect.DeepEqual(awaited, tt.awaited) {
				t.Errorf("lapses %q, met %v, awaited %q; want %q, %v, %q", lapses, got.Met, awaited, tt.lapses, tt.met, tt.awaited)
			}
		})
	}
}

func TestWithoutApproval(t *testing.T) {
	r := Request{
		Approvals: []Approval{{By: bobPerson}, {By: carolPerson}, {By: davePerson}},
		ApprovalProgress: []RequirementProgress{
			{Requirement: Requirement{Needed: 3}, Given: []int{0, 1, 2}},
			{Requirement: Requirement{Needed: 2}, Given: []int{1}},
		},
	}
	got := r.WithoutApproval(1)
	want := Tally{
		Approvals: []Approval{{By: bobPerson}, {By: davePerson}},
		Requirements: []RequirementProgress{
			{Requirement: Requirement{Needed: 3}, Given: []int{0, 1}},
			{Requirement: Requirement{Needed: 2}},
		},
	}
	if !reflect.DeepEqual(got, want) || len(r.Approvals) != 3 || r.Approvals[1].By != carolPerson {
		t.Errorf("got %+v, and the row is %+v; want %+v", got, r.Approvals, want)
	}
}

func TestCountedApprovers(t *testing.T) {
	for _, tt := range []struct {
		name      string
		approvals []Approval
		by        Person
		want      []Person
	}{
		{"one approval was enough", nil, bobPerson, []Person{bobPerson}},
		{"two, the last decided", []Approval{{By: bobPerson}, {By: carolPerson}}, carolPerson, []Person{bobPerson, carolPerson}},
		{"one lapsed", []Approval{{By: bobPerson, Lapse: LapseGone}, {By: carolPerson}}, carolPerson, []Person{carolPerson}},
		{"one decided beside the approvals", []Approval{{By: bobPerson}}, carolPerson, []Person{bobPerson, carolPerson}},
	} {
		r := Request{Approvals: tt.approvals, Outcome: &Outcome{Kind: OutcomeApproved, By: tt.by}}
		if got := r.CountedApprovers(); !reflect.DeepEqual(got, tt.want) {
			t.Errorf("%s: got %+v, want %+v", tt.name, got, tt.want)
		}
	}
}

// The approvals of a request leave room in its row, which holds at most 400 KB, however
// often they are given and taken back.
func TestApprovalsLeaveRoom(t *testing.T) {
	long := Person{SlackID: "U01234567890", Email: strings.Repeat("e", 254), Name: strings.Repeat("名", 80), PrincipalID: strings.Repeat("p", 47)}
	statements := make([]int, 200)
	for i := range statements {
		statements[i] = 1000 + i
	}
	digest := strings.Repeat("d", 64)
	at := time.Date(2026, 1, 1, 0, 0, 0, 123456789, time.UTC)
	var r Request
	for range MaxApprovalEvents {
		r.Events = append(r.Events, Event{Kind: EventApprovalGiven, At: at, By: long, PolicyDigest: digest, Reason: string(ReasonRequiresApproval), Statements: statements})
		r.Approvals = append(r.Approvals, Approval{By: long, At: at, PolicyDigest: digest, Statements: statements, Lapse: LapseNotPermitted})
	}
	for range MaxTakenBack {
		r.Events = append(r.Events, Event{Kind: EventApprovalTakenBack, At: at, By: long})
	}
	text, err := json.Marshal(r)
	if err != nil {
		t.Fatal(err)
	}
	if len(text) > 250_000 {
		t.Errorf("%d bytes", len(text))
	}
}
