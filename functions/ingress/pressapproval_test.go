package ingress

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"reflect"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"sso-elevator/functions/access"
	"sso-elevator/functions/adapters/table"
	"sso-elevator/slack"
)

// staging is an account where two approvals are needed.
const staging = "444444444444"

var twoNeeded = access.Statement{
	Resources: []string{staging}, PermissionSets: []string{"Admin"}, ApprovalsNeeded: 2,
	Approvers: []string{"ann@example.com", "annie@example.com", "bob@example.com", "twin@example.com"},
}

// approvedBy is jane's request in staging, which these people approved.
func approvedBy(all ...access.Person) access.Request {
	r := waiting()
	r.ID, r.Target.AccountID, r.ApprovalToken = "r4", staging, "approval-token-of-two"
	r.Posts = map[string]access.Post{slack.PurposeAnnounce: {Channel: "C1", TS: "1.1", Digest: "d"}}
	r.Events = []access.Event{{Kind: access.EventRequested}}
	for _, p := range all {
		r.Approvals = append(r.Approvals, access.Approval{By: p, At: now, PolicyDigest: "d1"})
		r.Events = append(r.Events, access.Event{Kind: access.EventApprovalGiven, By: p})
	}
	if len(all) > 0 {
		index := access.NewIndex(&access.Policy{Accounts: []access.Statement{{}, {}, {}, twoNeeded}})
		as := make([]access.Identity, len(all))
		for i, p := range all {
			as[i] = p.Identity(nil)
		}
		r.ApprovalProgress = index.Count(&access.Case{Requester: jane.Identity(nil), Target: r.Target}, r, r.Approvals, as).Requirements
	}
	return r
}

func kinds(r access.Request) string {
	var all []string
	for _, e := range r.Events {
		all = append(all, string(e.Kind))
	}
	return strings.Join(all, " ")
}

// approvers returns who approved, with why an approval lapsed.
func approvers(r access.Request) string {
	var all []string
	for _, a := range r.Approvals {
		who := a.By.SlackID
		if a.Lapse != "" {
			who += ":" + string(a.Lapse)
		}
		all = append(all, who)
	}
	return strings.Join(all, " ")
}

func TestPressWithSeveralApprovals(t *testing.T) {
	const (
		notYours = "You can't approve or deny this request."
		already  = "You already approved this request. It still needs an approval from annie@example.com, bob@example.com or twin@example.com."
		resumed  = `approval-token-of-two {"next":"approved","wait_seconds":1}`
	)
	carol := access.Person{SlackID: "UCAROL", Email: "carol@example.com", PrincipalID: "p-carol"}
	set := func(change func(*access.Statement)) func(*world) {
		return func(w *world) { change(&w.policy.Accounts[3]) }
	}
	needed := func(n int) func(*world) { return set(func(s *access.Statement) { s.ApprovalsNeeded = n }) }
	with := func(changes ...func(*world)) func(*world) {
		return func(w *world) {
			for _, c := range changes {
				c(w)
			}
		}
	}
	// A statement for security, beside the one for two.
	security := func(w *world) {
		w.people["UCAROL"] = carol
		w.policy.Accounts[3].ApprovalsNeeded = 1
		w.policy.Accounts = append(w.policy.Accounts, access.Statement{Resources: []string{staging}, PermissionSets: []string{"*"}, Approvers: []string{"carol@example.com"}, ApprovalsNeeded: 1})
	}
	// A statement without a requirement, whose approver may only deny.
	carolDenies := func(w *world) {
		w.people["UCAROL"] = carol
		w.policy.Accounts = append(w.policy.Accounts, access.Statement{Resources: []string{staging}, PermissionSets: []string{"*"}, Approvers: []string{"carol@example.com"}})
	}
	tests := []struct {
		name         string
		user, action string
		row          access.Request
		change       func(*world)
		approvals    string
		events       string // without "requested"
		outcome      access.OutcomeKind
		by           access.Person // of the outcome
		resumed      []string
		told         []string
		shows        string // a line of the message, "": it isn't updated
	}{
		{name: "the first approval", user: "UANN", action: "approve", row: approvedBy(),
			approvals: "UANN", events: "approval_given", shows: "Approvals 1 of 2: approved by @UANN. Still needs annie@example.com, bob@example.com or twin@example.com"},
		{name: "the last approval", user: "UBOB", action: "approve", row: approvedBy(ann),
			approvals: "UANN UBOB", events: "approval_given approval_given approved", outcome: access.OutcomeApproved, by: bob, resumed: []string{resumed}},
		{name: "the same person again", user: "UANN", action: "approve", row: approvedBy(ann), approvals: "UANN", events: "approval_given", told: []string{already}},
		{name: "another Slack user of the same person", user: "UANN2", action: "approve", row: approvedBy(ann), approvals: "UANN", events: "approval_given", told: []string{already}},
		{name: "the requester", user: "UJANE", action: "approve", row: approvedBy(ann), change: set(func(s *access.Statement) { s.Approvers = append(s.Approvers, "jane@example.com") }),
			approvals: "UANN", events: "approval_given press_refused",
			told: []string{notYours + " This is your own request. annie@example.com, bob@example.com or twin@example.com can."}},
		{name: "the requester, whom another statement lets approve their own requests", user: "UJANE", action: "approve", row: approvedBy(ann), change: func(w *world) {
			yes := true
			w.policy.Accounts = append(w.policy.Accounts, access.Statement{Resources: []string{"*"}, PermissionSets: []string{"*"}, Approvers: []string{"jane@example.com"}, AllowSelfApproval: &yes})
		}, approvals: "UANN", events: "approval_given press_refused",
			told: []string{"You can deny this request, but you can't approve it. This is your own request. annie@example.com, bob@example.com or twin@example.com can."}},
		{name: "the requester's second Slack user", user: "UTWIN", action: "approve", row: approvedBy(ann), approvals: "UANN", events: "approval_given press_refused",
			told: []string{notYours + " This is your own request. annie@example.com or bob@example.com can."}},
		{name: "somebody whom only a statement without a requirement lists", user: "UCAROL", action: "approve", row: approvedBy(ann), change: carolDenies,
			approvals: "UANN", events: "approval_given press_refused",
			told: []string{"You can deny this request, but you can't approve it. annie@example.com, bob@example.com or twin@example.com can."}},
		{name: "that person may deny", user: "UCAROL", action: "deny", row: approvedBy(ann), change: carolDenies,
			approvals: "UANN", events: "approval_given", outcome: access.OutcomeDenied, by: carol, resumed: []string{`approval-token-of-two {"next":"denied","wait_seconds":1}`}},
		{name: "a denial before the last approval", user: "UBOB", action: "deny", row: approvedBy(ann),
			approvals: "UANN", events: "approval_given", outcome: access.OutcomeDenied, by: bob, resumed: []string{`approval-token-of-two {"next":"denied","wait_seconds":1}`}},
		{name: "a denial by somebody who approved", user: "UANN", action: "deny", row: approvedBy(ann),
			approvals: "UANN", events: "approval_given", outcome: access.OutcomeDenied, by: ann, resumed: []string{`approval-token-of-two {"next":"denied","wait_seconds":1}`}},
		{name: "the requester withdraws", user: "UJANE", action: "withdraw", row: approvedBy(ann),
			approvals: "UANN", events: "approval_given", outcome: access.OutcomeWithdrawn, by: jane, resumed: []string{`approval-token-of-two {"next":"withdrawn","wait_seconds":1}`}},

		{name: "two statements: a manager", user: "UBOB", action: "approve", row: approvedBy(), change: security,
			approvals: "UBOB", events: "approval_given", shows: "Approvals 0 of 1: needs carol@example.com"},
		{name: "two statements: security after the manager", user: "UCAROL", action: "approve", row: approvedBy(bob), change: security,
			approvals: "UBOB UCAROL", events: "approval_given approval_given approved", outcome: access.OutcomeApproved, by: carol, resumed: []string{resumed}},
		{name: "two statements: a second manager is not security", user: "UANN", action: "approve", row: approvedBy(bob), change: security,
			approvals: "UBOB UANN", events: "approval_given approval_given", shows: "Approvals 0 of 1: needs carol@example.com"},
		{name: "two statements: one person is both", user: "UBOB", action: "approve", row: approvedBy(),
			change:    with(security, func(w *world) { w.policy.Accounts[4].Approvers = []string{"bob@example.com"} }),
			approvals: "UBOB", events: "approval_given approved", outcome: access.OutcomeApproved, by: bob, resumed: []string{resumed}},
		{name: "one is enough where one is needed", user: "UBOB", action: "approve", row: approvedBy(), change: needed(1),
			approvals: "UBOB", events: "approval_given approved", outcome: access.OutcomeApproved, by: bob, resumed: []string{resumed}},

		{name: "a member of a group", user: "UBOB", action: "approve", row: approvedBy(ann), change: with(
			set(func(s *access.Statement) { s.Approvers = []string{"ann@example.com", "group:g-9"} }),
			func(w *world) { w.groups.Members = map[string][]string{"g-9": {"p-bob"}} }),
			approvals: "UANN UBOB", events: "approval_given approval_given approved", outcome: access.OutcomeApproved, by: bob, resumed: []string{resumed}},
		{name: "the same person again, where a group is awaited", user: "UANN", action: "approve", row: approvedBy(ann), change: set(func(s *access.Statement) { s.Approvers = []string{"ann@example.com", "group:g-9"} }),
			approvals: "UANN", events: "approval_given", told: []string{"You already approved this request. It still needs an approval from members of g-9."},
			shows: "Approvals 1 of 2: approved by @UANN. Still needs a member of the group g-9"},
		{name: "an approver who left the group since", user: "UBOB", action: "approve", row: approvedBy(ann), change: with(
			set(func(s *access.Statement) { s.Approvers = []string{"bob@example.com", "group:g-9"} })),
			approvals: "UANN:not_permitted UBOB", events: "approval_given approval_given",
			shows: "No longer counts: the approval by @UANN, because the current policy doesn't let them approve this"},
		{name: "an approver who is gone", user: "UBOB", action: "approve", row: approvedBy(ann), change: func(w *world) { delete(w.people, "UANN") },
			approvals: "UANN:gone UBOB", events: "approval_given approval_given",
			shows: "No longer counts: the approval by @UANN, because their user in Slack or IAM Identity Center was disabled or changed"},
		{name: "an approver who has another user by now", user: "UBOB", action: "approve", row: approvedBy(ann), change: func(w *world) { p := ann; p.PrincipalID = "p-new"; w.people["UANN"] = p },
			approvals: "UANN:gone UBOB", events: "approval_given approval_given", shows: "Approvals 1 of 2: approved by @UBOB. Still needs ann@example.com, annie@example.com or twin@example.com"},
		{name: "an approver who is gone, and so is theirs when they press again", user: "UANN2", action: "approve", row: approvedBy(ann, bob), change: with(needed(3), func(w *world) { delete(w.people, "UANN") }),
			approvals: "UBOB UANN2", events: "approval_given approval_given approval_given", shows: "Approvals 2 of 3: approved by @UBOB, @UANN2. Still needs ann@example.com or twin@example.com"},
		{name: "an approval that lapsed counts again when the approver is back", user: "UBOB", action: "approve",
			row:       func() access.Request { r := approvedBy(ann); r.Approvals[0].Lapse = access.LapseGone; return r }(),
			approvals: "UANN UBOB", events: "approval_given approval_given approved", outcome: access.OutcomeApproved, by: bob, resumed: []string{resumed}},
		{name: "an approver who can't be looked up", user: "UBOB", action: "approve", row: approvedBy(ann), change: func(w *world) { w.checkErr = access.Errorf(access.CodeThrottled, "slow down") },
			approvals: "UANN", events: "approval_given", told: []string{"Something went wrong. Please try again in a moment."}},
		{name: "the message says who no longer counts, though the press adds nothing", user: "UBOB", action: "approve", row: approvedBy(ann, bob),
			change:    with(needed(3), func(w *world) { delete(w.people, "UANN") }),
			approvals: "UANN:gone UBOB", events: "approval_given approval_given",
			told:  []string{"You already approved this request. It still needs an approval from ann@example.com, annie@example.com or twin@example.com."},
			shows: "Approvals 1 of 3: approved by @UBOB. Still needs 2 of ann@example.com, annie@example.com, twin@example.com"},

		{name: "fewer are needed by now, and somebody who approved presses", user: "UANN", action: "approve", row: approvedBy(ann), change: needed(1),
			approvals: "UANN", events: "approval_given approved", outcome: access.OutcomeApproved, by: ann, resumed: []string{resumed}},
		{name: "fewer are needed by now, and somebody else presses", user: "UBOB", action: "approve", row: approvedBy(ann), change: needed(1),
			approvals: "UANN", events: "approval_given approved", outcome: access.OutcomeApproved, by: ann, resumed: []string{resumed}},
		{name: "fewer are needed by now, and somebody presses who may not", user: "UCAROL", action: "approve", row: approvedBy(ann),
			change:    with(needed(1), func(w *world) { w.people["UCAROL"] = carol }),
			approvals: "UANN", events: "approval_given press_refused", told: []string{notYours + " annie@example.com, bob@example.com or twin@example.com can."}},
		{name: "no number is needed by now", user: "UBOB", action: "approve", row: approvedBy(ann), change: needed(0),
			approvals: "UANN", events: "approval_given approved", outcome: access.OutcomeApproved, by: ann, resumed: []string{resumed}},
		{name: "no number is needed by now, and the earlier approval no longer counts", user: "UBOB", action: "approve", row: approvedBy(ann),
			change:    with(needed(0), func(w *world) { delete(w.people, "UANN") }),
			approvals: "UANN:gone UBOB", events: "approval_given approval_given approved", outcome: access.OutcomeApproved, by: bob, resumed: []string{resumed}},
		{name: "more are needed by now", user: "UBOB", action: "approve", row: approvedBy(ann), change: needed(3),
			approvals: "UANN UBOB", events: "approval_given approval_given", shows: "Approvals 2 of 3: approved by @UANN, @UBOB. Still needs annie@example.com or twin@example.com"},
		{name: "the requester is gone", user: "UBOB", action: "approve", row: approvedBy(ann), change: func(w *world) { delete(w.people, "UJANE") },
			approvals: "UANN", events: "approval_given press_refused", told: []string{"The requester is gone. This request can't be approved. Please deny it."}},

		{name: "somebody else approves in the same instant", user: "UBOB", action: "approve", row: approvedBy(),
			change:    func(w *world) { w.others = []func(*access.Request){add(ann)} },
			approvals: "UANN UBOB", events: "approval_given approval_given approved", outcome: access.OutcomeApproved, by: bob, resumed: []string{resumed}},
		{name: "the same person approves in the same instant", user: "UBOB", action: "approve", row: approvedBy(),
			change:    func(w *world) { w.others = []func(*access.Request){add(bob)} },
			approvals: "UBOB", events: "approval_given", told: []string{"You already approved this request. It still needs an approval from ann@example.com, annie@example.com or twin@example.com."}},
		{name: "somebody denies in the same instant", user: "UBOB", action: "approve", row: approvedBy(ann),
			change: func(w *world) {
				w.others = []func(*access.Request){func(r *access.Request) { r.Outcome = &access.Outcome{Kind: access.OutcomeDenied, By: ann} }}
			},
			approvals: "UANN", events: "approval_given", outcome: access.OutcomeDenied, by: ann, resumed: []string{`approval-token-of-two {"next":"denied","wait_seconds":1}`},
			told: []string{"ann@example.com already denied this request."}},
		{name: "the table changes again and again", user: "UBOB", action: "approve", row: approvedBy(), change: func(w *world) {
			for range approvalTries {
				w.others = append(w.others, func(r *access.Request) {
					r.Events = append(slices.Clone(r.Events), access.Event{Kind: access.EventPressRefused})
				})
			}
		}, events: strings.TrimSpace(strings.Repeat("press_refused ", approvalTries)), told: []string{"Something went wrong. Please try again in a moment. Close this dialog, then press Approve in the message."}},
		{name: "too many approvals were given", user: "UBOB", action: "approve", row: worn(access.EventApprovalGiven, access.MaxApprovalEvents),
			approvals: "UANN", events: strings.TrimSpace(strings.Repeat("approval_given ", access.MaxApprovalEvents)),
			told: []string{"Too many approvals of this request were given or taken back. Please deny it. The requester can submit a new one."}},

		{name: "take back", user: "UANN", action: "take_back", row: approvedBy(ann), events: "approval_given approval_taken_back",
			shows: "Approvals 0 of 2: needs 2 of ann@example.com, annie@example.com, bob@example.com, twin@example.com"},
		{name: "take back the first of two", user: "UANN", action: "take_back", row: approvedBy(ann, bob), change: needed(3), approvals: "UBOB",
			events: "approval_given approval_given approval_taken_back", shows: "Approvals 1 of 2: approved by @UBOB. Still needs ann@example.com, annie@example.com or twin@example.com"},
		{name: "take back as another Slack user", user: "UANN2", action: "take_back", row: approvedBy(ann), events: "approval_given approval_taken_back",
			shows: "Approvals 0 of 2: needs 2 of ann@example.com, annie@example.com, bob@example.com, twin@example.com"},
		{name: "take back, although their user is gone", user: "UANN", action: "take_back", row: approvedBy(ann), change: func(w *world) { delete(w.people, "UANN") },
			events: "approval_given approval_taken_back", shows: "Approvals 0 of 2: needs 2 of ann@example.com, annie@example.com, bob@example.com, twin@example.com"},
		{name: "take back, although the policy can't be read", user: "UANN", action: "take_back", row: approvedBy(ann), change: func(w *world) { w.policyErr = access.Errorf(access.CodeUnavailable, "no answer") },
			events: "approval_given approval_taken_back", shows: "Approvals 0 of 2: needs 2 of ann@example.com, annie@example.com, bob@example.com, twin@example.com"},
		{name: "take back what was not given", user: "UBOB", action: "take_back", row: approvedBy(ann), approvals: "UANN", events: "approval_given press_refused",
			told: []string{"You haven't approved this request, so there is nothing to take back."}},
		{name: "take back after the last approval", user: "UANN", action: "take_back", row: func() access.Request {
			r := approvedBy(ann, bob)
			r.Outcome = &access.Outcome{Kind: access.OutcomeApproved, By: bob}
			return r
		}(), approvals: "UANN UBOB", events: "approval_given approval_given", outcome: access.OutcomeApproved, by: bob, resumed: []string{resumed},
			told: []string{"bob@example.com already approved this request."}},
		{name: "take back, and the last approval comes first", user: "UANN", action: "take_back", row: approvedBy(ann), change: func(w *world) {
			w.others = []func(*access.Request){func(r *access.Request) {
				add(bob)(r)
				r.Outcome = &access.Outcome{Kind: access.OutcomeApproved, By: bob}
			}}
		}, approvals: "UANN UBOB", events: "approval_given approval_given", outcome: access.OutcomeApproved, by: bob, resumed: []string{resumed},
			told: []string{"bob@example.com already approved this request."}},
		{name: "take back, and somebody else approves in the same instant", user: "UANN", action: "take_back", row: approvedBy(ann), change: with(needed(3), func(w *world) {
			w.others = []func(*access.Request){add(bob)}
		}), approvals: "UBOB", events: "approval_given approval_given approval_taken_back", shows: "Approvals 1 of 2: approved by @UBOB. Still needs ann@example.com, annie@example.com or twin@example.com"},
		{name: "take back too often", user: "UANN", action: "take_back", row: worn(access.EventApprovalTakenBack, access.MaxTakenBack),
			approvals: "UANN", events: "approval_given " + strings.TrimSpace(strings.Repeat("approval_taken_back ", access.MaxTakenBack)),
			told: []string{"Approvals of this request were already taken back 20 times. You can deny the request instead."}},

		{name: "the message can't be updated", user: "UANN", action: "approve", row: approvedBy(), change: func(w *world) { w.updateErr = access.Errorf(access.CodeUnavailable, "no answer") },
			approvals: "UANN", events: "approval_given", told: []string{"Your press is recorded. The message will show it later."}},
		{name: "somebody else approves while the message is updated", user: "UANN", action: "approve", row: approvedBy(), change: with(needed(3), func(w *world) {
			w.late = add(bob)
		}), approvals: "UANN UBOB", events: "approval_given approval_given", shows: "Approvals 2 of 3: approved by @UANN, @UBOB. Still needs annie@example.com or twin@example.com"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			w := newWorld()
			w.policy.Accounts = append(w.policy.Accounts, twoNeeded)
			w.rows["r4"] = tt.row
			if tt.change != nil {
				tt.change(w)
			}
			w.press(t, tt.user, tt.action, "r4")
			r := w.rows["r4"]
			if got := approvers(r); got != tt.approvals {
				t.Errorf("approvals %q, want %q", got, tt.approvals)
			}
			if got := strings.TrimSpace(strings.TrimPrefix(kinds(r), "requested")); got != tt.events {
				t.Errorf("events %q, want %q", got, tt.events)
			}
			var kind access.OutcomeKind
			var by access.Person
			if r.Outcome != nil {
				kind, by = r.Outcome.Kind, r.Outcome.By
			}
			if kind != tt.outcome || by != tt.by {
				t.Errorf("outcome %q by %+v, want %q by %+v", kind, by, tt.outcome, tt.by)
			}
			if !slices.Equal(w.resumed, tt.resumed) {
				t.Errorf("resumed %q, want %q", w.resumed, tt.resumed)
			}
			if !slices.Equal(w.told, tt.told) {
				t.Errorf("told %q, want %q", w.told, tt.told)
			}
			var lines []string
			if n := len(w.shows); n > 0 {
				lines = linesOf(t, w.shows[n-1])
			}
			if kind == access.OutcomeApproved && tt.action == "approve" && len(tt.told) == 0 && r.Posts["announce"].TS != "" {
				if !slices.ContainsFunc(lines, func(line string) bool { return strings.HasPrefix(line, "Approved by @") }) {
					t.Errorf("the message shows %q, and not who approved", lines)
				}
			} else if tt.shows == "" && len(lines) > 0 || tt.shows != "" && !slices.Contains(lines, tt.shows) {
				t.Errorf("the message shows %q, want %q", lines, tt.shows)
			}
			if strings.Contains(w.log.String(), "-token") {
				t.Errorf("the log has a task token: %s", &w.log)
			}
		})
	}
}

// add adds an approval, as another press does.
func add(p access.Person) func(*access.Request) {
	return func(r *access.Request) {
		if len(r.ApprovalProgress) == 0 {
			r.ApprovalProgress = approvedBy(p).ApprovalProgress
		} else {
			r.ApprovalProgress = slices.Clone(r.ApprovalProgress)
			q := &r.ApprovalProgress[0]
			q.Given = append(slices.Clone(q.Given), len(r.Approvals))
		}
		r.Approvals = append(slices.Clone(r.Approvals), access.Approval{By: p, At: now})
		r.Events = append(slices.Clone(r.Events), access.Event{Kind: access.EventApprovalGiven, By: p})
	}
}

// worn is a request that ann approved, with so many events of a kind.
func worn(kind access.EventKind, n int) access.Request {
	r := approvedBy(ann)
	for r.CountEvents(kind) < n {
		r.Events = append(r.Events, access.Event{Kind: kind, By: bob})
	}
	return r
}

// linesOf returns the lines of a message, with "@" before a mentioned user.
func linesOf(t *testing.T, m slack.Message) []string {
	t.Helper()
	text, err := json.Marshal(m.Blocks)
	if err != nil {
		t.Fatal(err)
	}
	var blocks []struct {
		Elements []struct {
			Elements []struct {
				Text   any    `json:"text"`
				UserID string `json:"user_id"`
			} `json:"elements"`
		} `json:"elements"`
	}
	if err := json.Unmarshal(text, &blocks); err != nil {
		t.Fatal(err)
	}
	var all strings.Builder
	for _, b := range blocks {
		for _, section := range b.Elements {
			for _, e := range section.Elements {
				if e.UserID != "" {
					all.WriteString("@" + e.UserID)
				}
				s, _ := e.Text.(string)
				all.WriteString(s)
			}
			all.WriteString("\n")
		}
	}
	return strings.Split(all.String(), "\n")
}

// A request of a policy without requirements is decided as before, and nobody is looked
// up beside the two.
func TestOneApprovalChangesNothing(t *testing.T) {
	w := newWorld()
	w.rows["r1"] = waiting()
	w.send(t, pressBy("UANN", "approve", "r1"))
	want := waiting()
	want.Outcome = &access.Outcome{Kind: access.OutcomeApproved, By: ann, At: now, Reason: "RequiresApproval", PolicyDigest: "d1", Statements: []int{1}, Rule: "config[1]: approval by ann@example.com or twin@example.com"}
	if got := w.rows["r1"]; !reflect.DeepEqual(got, want) {
		t.Errorf("row %+v, want %+v", got, want)
	}
	if len(w.checked)+len(w.updated) > 0 {
		t.Errorf("checked %q, updated %q", w.checked, w.updated)
	}
}

// A press updates the direct messages too, and clears their digests, so that notify
// updates those for which that failed. Reminders stay.
func TestPressUpdatesDirectMessages(t *testing.T) {
	for _, fails := range []bool{false, true} {
		w := newWorld()
		w.policy.Accounts = append(w.policy.Accounts, twoNeeded)
		r := approvedBy()
		r.Posts["approver-UANN"] = access.Post{Channel: "DANN", TS: "2.1", Digest: "d"}
		r.Posts["approver-UBOB"] = access.Post{Channel: "DBOB", Failed: true, Digest: "d"}
		r.Posts["approver-remind-1-UANN"] = access.Post{Channel: "DANN", TS: "2.2", Digest: "d"}
		r.Posts["dm-announce"] = access.Post{Channel: "DJANE", TS: "3.1", Digest: "d"}
		w.rows["r4"] = r
		if fails {
			w.updateErr = access.Errorf(access.CodeThrottled, "slow down")
		}
		h := w.handler()
		l := locked{world: w, mu: new(sync.Mutex)}
		h.Table, h.People, h.Slack, h.Tokens = l, l, l, l
		if _, err := handle(t, h, sign(confirmedBy("UANN", "r4"), now)); err != nil {
			t.Fatal(err)
		}
		var where []string
		for _, u := range w.updated {
			where = append(where, strings.Join(strings.Fields(u)[:2], " "))
		}
		slices.Sort(where)
		want := []string{"C1 1.1", "DANN 2.1", "DJANE 3.1"}
		if fails {
			want = nil
		}
		if !slices.Equal(where, want) {
			t.Errorf("updated %q, want %q", where, want)
		}
		for purpose, wantDigest := range map[string]string{"announce": "", "approver-UANN": "", "dm-announce": "", "approver-remind-1-UANN": "d"} {
			if got := w.rows["r4"].Posts[purpose].Digest; got != wantDigest {
				t.Errorf("%s has the digest %q, want %q", purpose, got, wantDigest)
			}
		}
	}
}

// Slack accepts fifty updates a minute. So a decision updates only the most important posts,
// and leaves the others to notify.
func TestDecisionUpdatesFewPosts(t *testing.T) {
	w := newWorld()
	r := waiting()
	r.Posts = map[string]access.Post{
		slack.PurposeAnnounce: {Channel: "C1", TS: "1.1", Digest: "d"},
		"dm-announce":         {Channel: "DJANE", TS: "1.2", Digest: "d"},
		"approver-UANN":       {Channel: "DANN", TS: "1.3", Digest: "d"},
	}
	for i := range 40 {
		ts := fmt.Sprintf("2.%02d", i)
		r.Posts[fmt.Sprintf("approver-UA%02d", i)] = access.Post{Channel: "D" + ts, TS: ts, Digest: "d"}
	}
	w.rows[r.ID] = r
	w.send(t, pressBy("UANN", "approve", "r1"))
	first := 0
	for _, shown := range w.updated {
		if strings.Contains(shown, " 1.") {
			first++
		}
	}
	if len(w.updated) != 12 || first != 3 {
		t.Errorf("updated %q, want the channel, the requester, who pressed, and 9 approvers", w.updated)
	}
}

// An approval is shown at once in every post, however it is given: until the access exists,
// nothing else updates them. Denials are left to the function notify, which shows them next.
func TestApprovalShowsEverywhere(t *testing.T) {
	one := func(*world) access.Request {
		r := waiting()
		r.Posts = map[string]access.Post{slack.PurposeAnnounce: {Channel: "C1", TS: "1.1", Digest: "d"}}
		return r
	}
	last := func(w *world) access.Request {
		w.policy.Accounts = append(w.policy.Accounts, twoNeeded)
		return approvedBy(bob)
	}
	const settingUp, isActive, ended = "🔵 Approved: setting up access", "🟢 Access is active", "⚪ Access has ended"
	down := access.Errorf(access.CodeUnavailable, "no answer")
	for _, tt := range []struct {
		name  string
		row   func(*world) access.Request
		press func(id string) string
		// change, and late while the first post is updated
		change func(*world)
		late   func(*world, *access.Request)
		want   []string // titles that every post shows, in order
	}{
		{"one approval", one, func(id string) string { return pressBy("UANN", "approve", id) }, nil, nil, []string{settingUp}},
		{"in the dialog", one, func(id string) string { return confirmedBy("UANN", id) }, nil, nil, []string{settingUp}},
		{"the last of several", last, func(id string) string { return confirmedBy("UANN", id) }, nil, nil, []string{settingUp}},
		{"Slack fails", one, func(id string) string { return pressBy("UANN", "approve", id) }, func(w *world) { w.updateErr = down }, nil, nil},
		{"notify shows the access meanwhile", one, func(id string) string { return pressBy("UANN", "approve", id) }, nil, func(_ *world, r *access.Request) {
			r.GrantedAt, r.End = now, now.Add(time.Hour)
		}, []string{settingUp, isActive}},
		{"notify shows the end meanwhile", last, func(id string) string { return confirmedBy("UANN", id) }, nil, func(_ *world, r *access.Request) {
			r.GrantedAt, r.End, r.RevokingAt, r.RevokedAt = now, now.Add(time.Hour), now.Add(time.Hour), now.Add(time.Hour)
		}, []string{settingUp, ended}},
		{"the row can't be read again", one, func(id string) string { return pressBy("UANN", "approve", id) }, nil, func(w *world, _ *access.Request) {
			w.getErr = down
		}, []string{settingUp}},
		{"a denial", one, func(id string) string { return deniedBy("UANN", id, "not now") }, nil, nil, nil},
	} {
		t.Run(tt.name, func(t *testing.T) {
			w := newWorld()
			r := tt.row(w)
			r.Posts["approver-UANN"] = access.Post{Channel: "DANN", TS: "2.1", Digest: "d"}
			r.Posts["approver-UBOB"] = access.Post{Channel: "DBOB", TS: "4.1", Digest: "d"}
			r.Posts["approver-UTWIN"] = access.Post{Channel: "DTWIN", Failed: true} // it didn't arrive
			r.Posts["dm-announce"] = access.Post{Channel: "DJANE", TS: "3.1", Digest: "d"}
			w.rows[r.ID] = r
			if tt.change != nil {
				tt.change(w)
			}
			if tt.late != nil {
				w.late = w.byNotify(tt.late)
			}
			if got := w.send(t, tt.press(r.ID)); got.StatusCode != http.StatusOK || got.Body != "" || len(w.told) > 0 {
				t.Errorf("got %d %q, told %q", got.StatusCode, got.Body, w.told)
			}
			if w.rows[r.ID].Outcome == nil || len(w.resumed) != 1 {
				t.Fatalf("the press decided nothing: %+v, resumed %q", w.rows[r.ID], w.resumed)
			}
			w.checkShown(t, tt.want, "C1 1.1", "DANN 2.1", "DBOB 4.1", "DJANE 3.1")
		})
	}
}

// byNotify returns a function that changes a row, and does with the digests of its posts
// what notify does after it updated them.
func (w *world) byNotify(change func(*world, *access.Request)) func(*access.Request) {
	return func(r *access.Request) {
		change(w, r)
		r.Posts = maps.Clone(r.Posts)
		for _, s := range slack.StatePosts(*r) {
			s.Post.Digest = s.Message.Digest()
			r.Posts[s.Message.Purpose] = s.Post
		}
	}
}

// checkShown checks that exactly these posts were updated, each to messages with these titles.
func (w *world) checkShown(t *testing.T, titles []string, posts ...string) {
	t.Helper()
	shown := map[string][]string{}
	for _, u := range w.updated {
		channel, rest, _ := strings.Cut(u, " ")
		ts, text, _ := strings.Cut(rest, " ")
		title, _, _ := strings.Cut(text, ". ")
		shown[channel+" "+ts] = append(shown[channel+" "+ts], title)
	}
	if len(titles) == 0 {
		posts = nil
	}
	for _, post := range posts {
		if !slices.Equal(shown[post], titles) {
			t.Errorf("post %s showed %q, want %q", post, shown[post], titles)
		}
	}
	if len(shown) != len(posts) {
		t.Errorf("updated %q, want only %q", w.updated, posts)
	}
	for _, m := range w.shows {
		if blocks := string(mustMarshal(t, m.Blocks)); !strings.HasPrefix(m.Text, "🟡") && (strings.Contains(blocks, `"approve"`) || strings.Contains(blocks, `"withdraw"`)) {
			t.Errorf("%s has buttons of an undecided request: %s", m.Text, blocks)
		}
	}
}

func mustMarshal(t *testing.T, v any) []byte {
	t.Helper()
	text, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	return text
}

// One approval of several is shown in every post. If the request is decided by then, all
// of them show that in the end.
func TestProgressInDirectMessages(t *testing.T) {
	down := access.Errorf(access.CodeUnavailable, "no answer")
	const (
		progress  = "🟡 <@UJANE> requests Admin in 444444444444"
		toJane    = "🟡 Your request was sent to the approvers: Admin in 444444444444"
		withdrawn = "⚫ Access request withdrawn"
	)
	for name, tt := range map[string]struct {
		change func(*world)
		want   []string
	}{
		"it still waits": {func(*world) {}, []string{progress}},
		"someone withdraws meanwhile": {func(w *world) {
			w.late = func(r *access.Request) { r.Outcome = &access.Outcome{Kind: access.OutcomeWithdrawn, By: jane} }
		}, []string{progress, withdrawn}},
		"notify shows that meanwhile": {func(w *world) {
			w.late = w.byNotify(func(_ *world, r *access.Request) {
				r.Outcome = &access.Outcome{Kind: access.OutcomeWithdrawn, By: jane}
			})
		}, []string{progress, withdrawn}},
		"the row can't be read again": {func(w *world) { w.late = func(*access.Request) { w.getErr = down } }, []string{progress}},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld()
			needed := twoNeeded
			needed.ApprovalsNeeded = 3
			w.policy.Accounts = append(w.policy.Accounts, needed)
			r := approvedBy(ann)
			r.Posts["approver-UANN"] = access.Post{Channel: "DANN", TS: "2.1", Digest: "d"}
			r.Posts["dm-announce"] = access.Post{Channel: "DJANE", TS: "3.1", Digest: "d"}
			w.rows["r4"] = r
			tt.change(w)
			w.send(t, confirmedBy("UBOB", "r4"))
			if got := approvers(w.rows["r4"]); got != "UANN UBOB" {
				t.Fatalf("approvals %q", got)
			}
			for i, u := range w.updated {
				if strings.HasPrefix(u, "DJANE 3.1 "+progress) {
					t.Errorf("the requester reads %q", u)
				}
				w.updated[i] = strings.Replace(u, toJane, progress, 1)
			}
			w.checkShown(t, tt.want, "C1 1.1", "DANN 2.1", "DJANE 3.1")
		})
	}
}

// A refused press of Approve names people who can approve: nobody whose approval counts
// already, and nobody who isn't in Slack, unless there is nobody else. Presses of Deny are
// different: all of them may deny.
func TestWhoCanApprove(t *testing.T) {
	lapsed := approvedBy(ann, bob)
	lapsed.Approvals[0].Lapse = access.LapseGone
	unknown := func(r access.Request, emails ...string) access.Request {
		r.UnknownApprovers = emails
		return r
	}
	for _, tt := range []struct {
		name, body string
		row        access.Request
		want       string
	}{
		{"nobody approved", pressBy("USAM", "approve", "r4"), approvedBy(), "ann@example.com, annie@example.com, bob@example.com or twin@example.com can."},
		{"two approved", pressBy("USAM", "approve", "r4"), approvedBy(ann, bob), "annie@example.com or twin@example.com can."},
		{"one of them no longer counts", pressBy("USAM", "approve", "r4"), lapsed, "ann@example.com, annie@example.com or twin@example.com can."},
		{"some are not in Slack", pressBy("USAM", "approve", "r4"), unknown(approvedBy(ann), "Twin@example.com", "annie@example.com"), "bob@example.com can."},
		{"none of them is in Slack", pressBy("USAM", "approve", "r4"), unknown(approvedBy(ann), "twin@example.com", "annie@example.com", "bob@example.com"), "annie@example.com, bob@example.com or twin@example.com can."},
		{"Deny", pressBy("USAM", "deny", "r4"), unknown(approvedBy(ann), "twin@example.com"), "ann@example.com, annie@example.com, bob@example.com or twin@example.com can."},
	} {
		t.Run(tt.name, func(t *testing.T) {
			w := newWorld()
			w.people["USAM"] = access.Person{SlackID: "USAM", Email: "sam@example.com", PrincipalID: "p-sam"}
			w.policy.Accounts = append(w.policy.Accounts, twoNeeded)
			w.policy.Accounts[3].ApprovalsNeeded = 3
			w.rows["r4"] = tt.row
			w.send(t, tt.body)
			if want := []string{"You can't approve or deny this request. " + tt.want}; !slices.Equal(w.told, want) {
				t.Errorf("told %q, want %q", w.told, want)
			}
		})
	}
}

// Nobody is looked up twice in one press, however often it is tried.
func TestApproversAreLookedUpOnce(t *testing.T) {
	w := newWorld()
	w.policy.Accounts = append(w.policy.Accounts, twoNeeded)
	w.policy.Accounts[3].ApprovalsNeeded = 3
	w.rows["r4"] = approvedBy(ann)
	w.others = []func(*access.Request){
		func(r *access.Request) {
			r.Events = append(slices.Clone(r.Events), access.Event{Kind: access.EventPressRefused})
		},
		func(r *access.Request) {
			r.Events = append(slices.Clone(r.Events), access.Event{Kind: access.EventPressRefused})
		},
	}
	w.send(t, confirmedBy("UBOB", "r4"))
	if got := approvers(w.rows["r4"]); got != "UANN UBOB" || !slices.Equal(w.checked, []string{"UANN"}) {
		t.Errorf("approvals %q, looked up %q", got, w.checked)
	}
}

// The answer of a write may be lost although the write took effect. The next press says
// so, and updates the message.
func TestPressAfterALostAnswer(t *testing.T) {
	const late, again = "Something went wrong. Please try again in a moment.", " Close this dialog, then press Approve in the message."
	for _, tt := range []struct {
		action              string
		row                 access.Request
		first               string
		told, shows, events string
	}{
		{"approve", approvedBy(), late + again, "You already approved this request. It still needs an approval from annie@example.com, bob@example.com or twin@example.com.",
			"Approvals 1 of 2: approved by @UANN. Still needs annie@example.com, bob@example.com or twin@example.com", "requested approval_given"},
		{"take_back", approvedBy(ann), late, "You already took your approval back.",
			"Approvals 0 of 2: needs 2 of ann@example.com, annie@example.com, bob@example.com, twin@example.com", "requested approval_given approval_taken_back"},
	} {
		t.Run(tt.action, func(t *testing.T) {
			w := newWorld()
			w.policy.Accounts = append(w.policy.Accounts, twoNeeded)
			w.rows["r4"], w.lost = tt.row, true
			w.press(t, "UANN", tt.action, "r4")
			if len(w.shows) > 0 {
				t.Fatalf("the first press updated the message")
			}
			w.press(t, "UANN", tt.action, "r4")
			if want := []string{tt.first, tt.told}; !slices.Equal(w.told, want) || kinds(w.rows["r4"]) != tt.events {
				t.Errorf("told %q, events %q; want %q, %q", w.told, kinds(w.rows["r4"]), want, tt.events)
			}
			if len(w.shows) != 1 || !slices.Contains(linesOf(t, w.shows[0]), tt.shows) {
				t.Errorf("the message shows %+v, want %q", w.shows, tt.shows)
			}
		})
	}
}

// A press that changes nothing updates only the message in the channel, however often people
// press. Slack accepts fifty updates a minute.
func TestPressWithoutChangeUpdatesOnePost(t *testing.T) {
	took := approvedBy()
	took.Events = append(took.Events, access.Event{Kind: access.EventApprovalTakenBack, By: ann})
	for action, row := range map[string]access.Request{"approve": approvedBy(ann), "take_back": took} {
		w := newWorld()
		w.policy.Accounts = append(w.policy.Accounts, twoNeeded)
		row.Posts = map[string]access.Post{ // notify hasn't updated them since
			"announce": {Channel: "C1", TS: "1.1"}, "approver-UANN": {Channel: "DANN", TS: "2.1"}, "dm-announce": {Channel: "DJANE", TS: "3.1"},
		}
		w.rows["r4"] = row
		for range 2 {
			w.press(t, "UANN", action, "r4")
		}
		if len(w.updated) != 2 || !strings.HasPrefix(w.updated[0], "C1 1.1 ") || !strings.HasPrefix(w.updated[1], "C1 1.1 ") || len(w.told) != 2 {
			t.Errorf("%s: updated %q, told %q", action, w.updated, w.told)
		}
	}
}

// stalled is a world whose Slack doesn't answer updates. It tells people something only
// while there is time.
type stalled struct{ *world }

func (s stalled) Update(ctx context.Context, _, _ string, _ slack.Message) error {
	<-ctx.Done()
	return access.Wrap(access.CodeUnavailable, ctx.Err(), "update a message")
}

func (s stalled) Respond(ctx context.Context, responseURL, text string) error {
	if ctx.Err() != nil {
		return access.Wrap(access.CodeUnavailable, ctx.Err(), "answer in Slack")
	}
	return s.world.Respond(ctx, responseURL, text)
}

// If no update succeeds, there is time to say that the press counts.
func TestPressWithoutUpdatesIsAnswered(t *testing.T) {
	w := newWorld()
	w.policy.Accounts = append(w.policy.Accounts, twoNeeded)
	w.rows["r4"] = approvedBy(ann)
	h := w.handler()
	h.Slack = stalled{w}
	event := sign(pressBy("UANN", "take_back", "r4"), now)
	event.RequestContext.TimeEpoch = now.Add(-time.Minute).UnixMilli() // all the time is one update's
	got, err := handle(t, h, event)
	if err != nil || got.StatusCode != http.StatusOK || approvers(w.rows["r4"]) != "" {
		t.Errorf("got %d, %v, approvals %q", got.StatusCode, err, approvers(w.rows["r4"]))
	}
	if want := []string{"Your press is recorded. The message will show it later."}; !slices.Equal(w.told, want) {
		t.Errorf("told %q, want %q", w.told, want)
	}
}

// Two approvals in the same instant lose nothing, and count once each.
func TestSimultaneousApprovals(t *testing.T) {
	for range 20 {
		w := newWorld()
		w.policy.Accounts = append(w.policy.Accounts, twoNeeded)
		w.rows["r4"] = approvedBy()
		h := w.handler()
		l := locked{world: w, mu: new(sync.Mutex)}
		h.Table, h.People, h.Slack, h.Tokens = l, l, l, l
		var presses sync.WaitGroup
		for _, user := range []string{"UANN", "UBOB", "UANN2", "UBOB"} {
			presses.Go(func() {
				if _, err := handle(t, h, sign(confirmedBy(user, "r4"), now)); err != nil {
					t.Error(err)
				}
			})
		}
		presses.Wait()
		r := w.rows["r4"]
		if r.Outcome == nil || r.Outcome.Kind != access.OutcomeApproved || len(r.Approvals) != 2 || kinds(r) != "requested approval_given approval_given approved" {
			t.Fatalf("outcome %+v, approvals %q, events %q", r.Outcome, approvers(r), kinds(r))
		}
	}
}

// locked is a world for several presses at once.
type locked struct {
	*world
	mu *sync.Mutex
}

func (l locked) Get(ctx context.Context, id string) (access.Request, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.world.Get(ctx, id)
}

func (l locked) ChangeApprovals(ctx context.Context, r access.Request, c table.ApprovalChange) (access.Request, bool, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.world.ChangeApprovals(ctx, r, c)
}

func (l locked) CheckApprover(ctx context.Context, p access.Person) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.world.CheckApprover(ctx, p)
}

func (l locked) Update(ctx context.Context, channel, ts string, m slack.Message) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.world.Update(ctx, channel, ts, m)
}

func (l locked) Respond(ctx context.Context, responseURL, text string) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.world.Respond(ctx, responseURL, text)
}

func (l locked) Resume(ctx context.Context, token, output string) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.world.Resume(ctx, token, output)
}

// The form says how many approvals are needed, and from whom.
func TestPreviewOfSeveralApprovals(t *testing.T) {
	of := func(n int, approvers ...string) access.Requirement {
		return access.Requirement{Needed: n, Approvers: approvers}
	}
	many := slices.Repeat([]access.Requirement{of(1, "bob@example.com")}, 7)
	for _, tt := range []struct {
		requirements []access.Requirement
		want         string
	}{
		{nil, "Approvers (any one can approve): ann@example.com"},
		{[]access.Requirement{of(2, "ann@example.com", "bob@example.com")}, "Approvals needed: 2 of ann@example.com, bob@example.com"},
		{[]access.Requirement{of(1, "ann@example.com"), of(2, "bob@example.com", "twin@example.com")}, "Approvals needed: 1 of ann@example.com; and 2 of bob@example.com, twin@example.com"},
		{many, "Approvals needed: " + strings.Repeat("1 of bob@example.com; and ", 4) + "1 of bob@example.com; and those of 2 more rules"},
	} {
		d := access.Decision{Reason: access.ReasonRequiresApproval, Approvers: []string{"ann@example.com"}, Requirements: tt.requirements}
		if got := previewText(d, "This", func(all []string) []string { return all }); got != tt.want {
			t.Errorf("got %q, want %q", got, tt.want)
		}
	}
}
