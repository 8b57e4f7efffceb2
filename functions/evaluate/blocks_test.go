package evaluate

import (
	"testing"
	"time"

	"sso-elevator/functions/access"
	"sso-elevator/slack"
)

// A request by someone who is blocked is refused, whatever the policy says: at its
// evaluation, and whenever its wait ends.
func TestBlockedRequester(t *testing.T) {
	dan := access.Person{SlackID: "UDAN", Email: "dan@example.com", PrincipalID: "p-dan"}
	down := access.Errorf(access.CodeUnavailable, "no answer")
	block := func(p access.Person) access.Blocks {
		return access.Blocks{}.Add(access.Block{Person: p, By: dan, At: now, Reason: "stolen", PolicyDigest: "d7"}, 7)
	}
	yes := true
	automatic := access.Statement{Resources: []string{"*"}, PermissionSets: []string{"*"}, ApprovalIsNotRequired: &yes}
	for _, operation := range []string{"evaluate", "next"} {
		for _, tt := range []struct {
			name    string
			change  func(*world)
			refused bool
			want    access.Code
		}{
			{name: "nobody is blocked"},
			{name: "someone else is", change: func(w *world) { w.blocks = block(dan) }},
			{name: "blocked", change: func(w *world) { w.blocks = block(jane) }, refused: true},
			{name: "their Slack user is blocked", change: func(w *world) { w.blocks = block(access.Person{SlackID: jane.SlackID}) }, refused: true},
			{name: "another Slack user of theirs is blocked", change: func(w *world) { w.blocks = block(access.Person{SlackID: "U2", PrincipalID: jane.PrincipalID}) }, refused: true},
			{name: "the policy needs no approval", change: func(w *world) { w.blocks, w.policy.Accounts = block(jane), []access.Statement{automatic} }, refused: true},
			{name: "nobody knows", change: func(w *world) { w.blocks, w.blocksErr = block(jane), down }, want: access.CodeUnavailable},
		} {
			t.Run(operation+", "+tt.name, func(t *testing.T) {
				w := newWorld(byAnn)
				w.row.Requester, w.row.CreatedAt = jane, now.Add(-time.Minute)
				if operation == "next" {
					w.row.Posts = map[string]access.Post{slack.PurposeAnnounce: {Channel: "C1", TS: "1.1"}}
					w.row.ExpiresAt = now.Add(time.Hour)
				}
				if tt.change != nil {
					tt.change(w)
				}
				got, err := w.handle(t, operation, own, now)
				if access.CodeOf(err) != tt.want {
					t.Fatalf("got %v, want code %q", err, tt.want)
				}
				o := w.row.Outcome
				if isRefused := o != nil && o.Kind == access.OutcomeRefused; isRefused != tt.refused {
					t.Fatalf("got %+v, %+v", got, o)
				}
				switch {
				case !tt.refused && o != nil:
					t.Errorf("decided: %+v", o)
				case !tt.refused:
				case o.Reason != "Blocked" || o.By != dan || o.PolicyDigest != "d7" || len(w.freed) != 1:
					t.Errorf("refused with %+v, freed %q", o, w.freed)
				}
			})
		}
	}
}

// An approval by someone who is blocked doesn't decide when the wait ends.
func TestBlockedApproverOnReminder(t *testing.T) {
	both := []access.Approval{{By: bob}, {By: carol}}
	for _, tt := range []struct {
		name   string
		change func(*world)
		decide bool
		lapse  access.Lapse
	}{
		{"nobody is blocked", func(*world) {}, true, ""},
		{"one is blocked", func(w *world) { w.blocks = access.Blocks{}.Add(access.Block{Person: carol, By: bob}, 7) }, false, access.LapseBlocked},
	} {
		w := newWorld(twoOf(bob.Email, carol.Email))
		w.row.Requester, w.row.CreatedAt, w.row.ExpiresAt = jane, now.Add(-time.Minute), now.Add(time.Hour)
		w.row.Posts = map[string]access.Post{slack.PurposeAnnounce: {Channel: "C1", TS: "1.1"}}
		w.row.Approvals = both
		tt.change(w)
		if _, err := w.handle(t, "next", own, now); err != nil {
			t.Fatal(err)
		}
		if got := w.row.Outcome != nil; got != tt.decide || w.row.Approvals[1].Lapse != tt.lapse {
			t.Errorf("%s: decided %t, approvals %+v", tt.name, got, w.row.Approvals)
		}
	}
}
