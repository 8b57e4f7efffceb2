package evaluate

import (
	"testing"
	"time"

	"sso-elevator/functions/access"
	"sso-elevator/slack"
)

var (
	bob   = access.Person{SlackID: "UBOB", Email: "bob@example.com", PrincipalID: "p-bob"}
	carol = access.Person{SlackID: "UCAROL", Email: "carol@example.com", PrincipalID: "p-carol"}
)

// twoOf is a statement that needs two approvals.
func twoOf(approvers ...string) access.Statement {
	return access.Statement{Approvers: approvers, ApprovalsNeeded: 2}
}

// A request is refused if its approvers in Slack can't give the approvals it needs.
func TestUnsatisfiableRequirements(t *testing.T) {
	both := []access.Person{{SlackID: "UBOB", Email: "bob@example.com"}, {SlackID: "UCAROL", Email: "carol@example.com"}}
	tests := []struct {
		name      string
		statement access.Statement
		known     []access.Person
		want      string // next
		message   string
	}{
		{"enough are in Slack", twoOf("bob@example.com", "carol@example.com", "gone@example.com"), both, "approval", ""},
		{"one is not in Slack", twoOf("bob@example.com", "gone@example.com"), both[:1], "refused",
			"2 approvals are needed, and not enough of the approvers can give one."},
		{"one is the requester under another email", twoOf("bob@example.com", "twin@example.com"), []access.Person{both[0], {SlackID: "UJANE", Email: "twin@example.com"}}, "refused",
			"2 approvals are needed, and not enough of the approvers can give one."},
		{"one is the requester", twoOf("bob@example.com", "jane@example.com"), both[:1], "refused", ""},
		{"a group counts as enough", twoOf("bob@example.com", "group:g-1"), both[:1], "approval", ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			w := newWorld(tt.statement)
			w.known = tt.known
			w.groups.Members = map[string][]string{"g-1": {"p-dan"}}
			got, err := w.handle(t, "evaluate", own, now)
			if err != nil {
				t.Fatal(err)
			}
			if next := got.(Evaluated).Next.Next; next != tt.want {
				t.Errorf("next %q, want %q", next, tt.want)
			}
			if o := w.row.Outcome; tt.want == "refused" && (o.Reason != "NoApprovers" || o.Message != tt.message) {
				t.Errorf("outcome %+v, want NoApprovers, %q", o, tt.message)
			}
			if d := w.evaluated.Decision; !d.NeedsSeveral() { // so the message says "too few", not "nobody"
				t.Errorf("the row's decision has no requirements: %+v", d)
			}
		})
	}
}

// At a reminder, the approvals are checked again. If they are enough by now, the request
// is approved.
func TestReminderChecksApprovals(t *testing.T) {
	two := []string{"bob@example.com", "carol@example.com", "dave@example.com"}
	none := access.Errorf(access.CodeRefused, "gone")
	tests := []struct {
		name      string
		statement access.Statement
		given     []access.Person
		change    func(*world)
		want      string
		by        access.Person
		lapsed    int
		changes   int
	}{
		{name: "one of two", statement: twoOf(two...), given: []access.Person{bob}, want: "remind"},
		{name: "one of two, and fewer are needed by now", statement: access.Statement{Approvers: two, ApprovalsNeeded: 1}, given: []access.Person{bob}, want: "approved", by: bob, changes: 1},
		{name: "one of two, and no number is needed by now", statement: access.Statement{Approvers: two}, given: []access.Person{bob}, want: "approved", by: bob, changes: 1},
		{name: "two of three, and two are needed by now: by the last", statement: twoOf(two...), given: []access.Person{bob, carol}, want: "approved", by: carol, changes: 1},
		{name: "the last one no longer counts: by the one before", statement: access.Statement{Approvers: two, ApprovalsNeeded: 1}, given: []access.Person{bob, carol},
			change: func(w *world) { w.approverErrs = map[string]error{"UCAROL": none} }, want: "approved", by: bob, lapsed: 1, changes: 1},
		{name: "one is gone", statement: twoOf(two...), given: []access.Person{bob},
			change: func(w *world) { w.approverErrs = map[string]error{"UBOB": none} }, want: "remind", lapsed: 1, changes: 1},
		{name: "one is no longer listed", statement: twoOf(two[1:]...), given: []access.Person{bob}, want: "remind", lapsed: 1, changes: 1},
		{name: "one can't be looked up: nothing is granted, and nothing refused", statement: access.Statement{Approvers: two, ApprovalsNeeded: 1}, given: []access.Person{bob},
			change: func(w *world) {
				w.approverErrs = map[string]error{"UBOB": access.Errorf(access.CodeThrottled, "slow down")}
			}, want: "remind"},
		{name: "the requester is gone: nothing is approved", statement: access.Statement{Approvers: two, ApprovalsNeeded: 1}, given: []access.Person{bob},
			change: func(w *world) { w.requesterErr = none }, want: "remind"},
		{name: "the policy can't be read", statement: access.Statement{Approvers: two, ApprovalsNeeded: 1}, given: []access.Person{bob},
			change: func(w *world) { w.policyErr = access.Errorf(access.CodeUnavailable, "no answer") }, want: "remind"},
		{name: "somebody denied a moment before", statement: access.Statement{Approvers: two, ApprovalsNeeded: 1}, given: []access.Person{bob},
			change: func(w *world) { w.rival = &access.Outcome{Kind: access.OutcomeDenied} }, want: "denied"},
		{name: "fewer are needed by now, but the policy refuses the duration: nothing is approved", statement: access.Statement{Approvers: two, ApprovalsNeeded: 1, MaxDuration: 60}, given: []access.Person{bob},
			change: func(w *world) { w.row.Duration = 3600 }, want: "remind", changes: 1},
		{name: "nobody approved, and no number is needed by now", statement: access.Statement{Approvers: two}, want: "remind"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			w := newWorld(tt.statement)
			w.row.Requester = jane
			w.row.Posts = map[string]access.Post{slack.PurposeAnnounce: {TS: "1.1"}}
			for _, p := range tt.given {
				w.row.Approvals = append(w.row.Approvals, access.Approval{By: p, At: now})
			}
			if len(tt.given) > 0 {
				// As the press left it.
				as := make([]access.Identity, len(tt.given))
				for i, p := range tt.given {
					as[i] = p.Identity(nil)
				}
				before := newWorld(twoOf(two...)).policy
				w.row.ApprovalProgress = access.NewIndex(&before).Count(&access.Case{Requester: jane.Identity(nil), Target: prod}, w.row, w.row.Approvals, as).Requirements
			}
			if tt.change != nil {
				tt.change(w)
			}
			got, err := w.handle(t, "next", own, now.Add(15*time.Minute))
			if err != nil {
				t.Fatal(err)
			}
			if next := got.(Next).Next; next != tt.want {
				t.Errorf("next %q, want %q", next, tt.want)
			}
			if tt.by != (access.Person{}) && (w.row.Outcome == nil || w.row.Outcome.Kind != access.OutcomeApproved || w.row.Outcome.By != tt.by || w.row.Outcome.PolicyDigest != "d1") {
				t.Errorf("outcome %+v, want approved by %s", w.row.Outcome, tt.by.SlackID)
			}
			lapsed := 0
			for _, a := range w.row.Approvals {
				if a.Lapse != "" {
					lapsed++
				}
			}
			if lapsed != tt.lapsed || w.changes != tt.changes {
				t.Errorf("%d approvals lapsed, %d changes of the row; want %d, %d", lapsed, w.changes, tt.lapsed, tt.changes)
			}
		})
	}
}
