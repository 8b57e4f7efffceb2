package evaluate

import (
	"fmt"
	"reflect"
	"slices"
	"testing"
	"time"

	"sso-elevator/functions/access"
	"sso-elevator/functions/adapters/catalog"
)

// by are approvers of everything.
func by(approvers ...string) access.Statement { return access.Statement{Approvers: approvers} }

func TestApproverGroups(t *testing.T) {
	const (
		noMember = "The group Security has no enabled member who could approve this."
		nobody   = "None of the approvers is a full member of this Slack workspace with a confirmed email address: ann@example.com."
	)
	bob := access.Person{SlackID: "UBOB", Email: "bob@example.com"}
	sec := access.ApproverGroup{ID: "g-sec", Name: "Security"}
	for _, tt := range []struct {
		name    string
		by      access.Statement
		more    []access.Statement
		change  func(*world)
		message string // of the refusal; "": the request waits
		want    []access.ApproverGroup
		calls   int // to list members
		code    access.Code
	}{
		{name: "an approver is in Slack: members aren't looked up", by: by("ann@example.com", "group:g-sec"), want: []access.ApproverGroup{sec}},
		{name: "only a group", by: by("group:g-sec"), change: func(w *world) { w.groups.Members = map[string][]string{"g-sec": {"p-jane", "p-bob"}} },
			want: []access.ApproverGroup{sec}, calls: 1},
		{name: "no approver is in Slack, but the group has a member", by: by("ann@example.com", "group:g-sec"), change: func(w *world) {
			w.known, w.unknown = nil, []string{"ann@example.com"}
			w.groups.Members = map[string][]string{"g-sec": {"p-bob"}}
		}, want: []access.ApproverGroup{sec}, calls: 1},
		{name: "the second group has a member", by: by("group:g-none", "group:g-sec"), change: func(w *world) { w.groups.Members = map[string][]string{"g-sec": {"p-bob"}} },
			want: []access.ApproverGroup{{ID: "g-none"}, sec}, calls: 2},
		{name: "an empty group, or one that doesn't exist", by: by("group:g-sec"), message: noMember, calls: 1},
		{name: "a group whose name is unknown", by: by("group:g-none"), message: "The group g-none has no enabled member who could approve this.", calls: 1},
		{name: "the requester is the only member", by: by("group:g-sec"), change: func(w *world) { w.groups.Members = map[string][]string{"g-sec": {"p-jane"}} }, message: noMember, calls: 1},
		{name: "the other member is disabled", by: by("group:g-sec"), change: func(w *world) {
			w.groups.Members, w.groups.Disabled = map[string][]string{"g-sec": {"p-bob"}}, []string{"p-bob"}
		}, message: noMember, calls: 1},
		{name: "the other member is one by this app", by: by("group:g-sec"), change: func(w *world) {
			w.groups.Members, w.groups.Granted = map[string][]string{"g-sec": {"p-bob"}}, []string{"g-sec p-bob"}
		}, message: noMember, calls: 1},
		{name: "nobody in Slack, and nobody in the group", by: by("ann@example.com", "group:g-sec"), change: func(w *world) { w.known, w.unknown = nil, []string{"ann@example.com"} },
			message: nobody + " " + noMember, calls: 1},
		{name: "the members can't be read", by: by("group:g-sec"), change: func(w *world) { w.groups.ListErr = access.Errorf(access.CodeThrottled, "x") }, calls: 1, code: access.CodeUndecidable},

		{name: "a requirement of a group only", by: access.Statement{Approvers: []string{"group:g-sec"}, ApprovalsNeeded: 2}, more: []access.Statement{by("ann@example.com")},
			message: noMember, calls: 1},
		{name: "a group counts as enough", by: access.Statement{Approvers: []string{"group:g-sec"}, ApprovalsNeeded: 2},
			change: func(w *world) { w.groups.Members = map[string][]string{"g-sec": {"p-bob"}} }, want: []access.ApproverGroup{sec}, calls: 1},
		{name: "each group is asked about once", by: access.Statement{Approvers: []string{"group:g-sec"}, ApprovalsNeeded: 1},
			more:   []access.Statement{{Approvers: []string{"group:g-sec"}, ApprovalsNeeded: 2}},
			change: func(w *world) { w.groups.Members = map[string][]string{"g-sec": {"p-bob"}} }, want: []access.ApproverGroup{sec}, calls: 1},
		{name: "two approvals, and one of the two is in Slack", by: access.Statement{Approvers: []string{"ann@example.com", "zoe@example.com"}, ApprovalsNeeded: 2},
			change:  func(w *world) { w.unknown = []string{"zoe@example.com"} },
			message: "2 approvals are needed. These approvers are not full members of this Slack workspace with a confirmed email address: zoe@example.com."},
		{name: "two approvals by one person with two emails", by: access.Statement{Approvers: []string{"ann@example.com", "ann2@example.com"}, ApprovalsNeeded: 2},
			change:  func(w *world) { w.known = []access.Person{ann, {SlackID: "UANN", Email: "ann2@example.com"}} },
			message: "2 approvals are needed, and not enough of the approvers can give one."},
		{name: "two rules, and the approver of the second isn't in Slack", by: access.Statement{Approvers: []string{"ann@example.com"}, ApprovalsNeeded: 1},
			more:    []access.Statement{{Approvers: []string{"zoe@example.com"}, ApprovalsNeeded: 1}},
			change:  func(w *world) { w.unknown = []string{"zoe@example.com"} },
			message: "None of the approvers of one rule is a full member of this Slack workspace with a confirmed email address: zoe@example.com."},
		{name: "two rules, and the approver of the second is the requester", by: access.Statement{Approvers: []string{"ann@example.com"}, ApprovalsNeeded: 1},
			more:    []access.Statement{{Approvers: []string{"j@example.com"}, ApprovalsNeeded: 1}},
			change:  func(w *world) { w.known = []access.Person{ann, {SlackID: "UJANE", Email: "j@example.com"}} },
			message: "The only approver of one rule is the requester, under another email address."},
		{name: "two approvals by two people", by: access.Statement{Approvers: []string{"ann@example.com", "bob@example.com"}, ApprovalsNeeded: 2},
			change: func(w *world) { w.known = []access.Person{ann, bob} }},
	} {
		t.Run(tt.name, func(t *testing.T) {
			w := newWorld(tt.by)
			for _, s := range tt.more {
				s.Resources, s.PermissionSets = []string{"*"}, []string{"*"}
				w.policy.Accounts = append(w.policy.Accounts, s)
			}
			w.names = map[string]string{"g-sec": "Security"}
			if tt.change != nil {
				tt.change(w)
			}
			_, err := w.handle(t, "evaluate", own, now)
			if access.CodeOf(err) != tt.code || w.groups.Lists != tt.calls {
				t.Fatalf("got %v after listing members %d times, want code %q after %d", err, w.groups.Lists, tt.code, tt.calls)
			}
			switch o := w.row.Outcome; {
			case tt.code != "" || tt.message == "":
				if o != nil {
					t.Errorf("decided as %+v, want no decision", o)
				}
			case o == nil || o.Kind != access.OutcomeRefused || o.Reason != "NoApprovers" || o.Message != tt.message:
				t.Errorf("outcome %+v, want refused: %s", o, tt.message)
			}
			if !reflect.DeepEqual(w.row.ApproverGroups, tt.want) {
				t.Errorf("groups %+v, want %+v", w.row.ApproverGroups, tt.want)
			}
		})
	}
}

func TestMentionedMembers(t *testing.T) {
	person := func(i int) access.Person {
		return access.Person{SlackID: fmt.Sprint("U", i), Email: fmt.Sprintf("m%d@example.com", i)}
	}
	members := func(more bool, from, to int) catalog.Members {
		m := catalog.Members{More: more}
		for i := from; i < to; i++ {
			m.Users = append(m.Users, catalog.Member{UserID: fmt.Sprint("p-", i), Email: person(i).Email})
		}
		return m
	}
	group := func(id string, others int, more bool, mentioned ...int) access.ApproverGroup {
		g := access.ApproverGroup{ID: id, Others: others, More: more}
		for _, i := range mentioned {
			g.Mentioned = append(g.Mentioned, person(i))
		}
		return g
	}
	inSlack := func(g access.ApproverGroup) access.ApproverGroup {
		g.SlackGroup = "S0SEC"
		return g
	}
	noneFound := func(id string, others int) access.ApproverGroup {
		return access.ApproverGroup{ID: id, Others: others, NoneFound: true}
	}
	for _, tt := range []struct {
		name    string
		by      access.Statement
		members map[string]catalog.Members
		change  func(*world)
		want    []access.ApproverGroup
		lookups int
	}{
		{name: "five of seven", by: by("ann@example.com", "group:g-1"), members: map[string]catalog.Members{"g-1": members(false, 0, 7)},
			want: []access.ApproverGroup{group("g-1", 2, false, 0, 1, 2, 3, 4)}, lookups: 8},
		{name: "five in all, of each group in turn", by: by("ann@example.com", "group:g-1", "group:g-2"), members: map[string]catalog.Members{"g-1": members(false, 0, 4), "g-2": members(true, 10, 14)},
			want: []access.ApproverGroup{group("g-1", 1, false, 0, 1, 2), group("g-2", 2, true, 10, 11)}, lookups: 9},
		{name: "at most ten are looked up", by: by("ann@example.com", "group:g-1"), members: map[string]catalog.Members{"g-1": members(false, 100, 150)},
			want: []access.ApproverGroup{noneFound("g-1", 50)}, lookups: 11},
		{name: "nobody in one group, and someone in the other", by: by("ann@example.com", "group:g-1", "group:g-2"), members: map[string]catalog.Members{"g-1": members(false, 100, 102), "g-2": members(false, 1, 2)},
			want: []access.ApproverGroup{noneFound("g-1", 2), group("g-2", 0, false, 1)}, lookups: 4},
		{name: "only the requester under another email", by: by("ann@example.com", "group:g-1"), members: map[string]catalog.Members{"g-1": members(false, 1, 2)},
			change: func(w *world) { w.known[2].SlackID = "UJANE" }, want: []access.ApproverGroup{noneFound("g-1", 0)}, lookups: 2},
		{name: "only a member without an email", by: by("ann@example.com", "group:g-1"), members: map[string]catalog.Members{"g-1": {Users: []catalog.Member{{UserID: "p-0"}}}},
			want: []access.ApproverGroup{noneFound("g-1", 1)}, lookups: 1},
		{name: "one member more than are mentioned", by: by("ann@example.com", "group:g-1", "group:g-2", "group:g-3", "group:g-4", "group:g-5", "group:g-6"), members: map[string]catalog.Members{
			"g-1": members(false, 0, 1), "g-2": members(false, 1, 2), "g-3": members(false, 2, 3), "g-4": members(false, 3, 4), "g-5": members(false, 4, 5), "g-6": members(false, 5, 6)},
			want: []access.ApproverGroup{group("g-1", 0, false, 0), group("g-2", 0, false, 1), group("g-3", 0, false, 2), group("g-4", 0, false, 3), group("g-5", 0, false, 4), group("g-6", 1, false)}, lookups: 7},
		{name: "the members of a group are not known", by: by("ann@example.com", "group:g-1"), want: []access.ApproverGroup{group("g-1", 0, false)}, lookups: 1},
		{name: "not the requester", by: by("ann@example.com", "group:g-1"), members: map[string]catalog.Members{"g-1": {Users: []catalog.Member{{UserID: "p-jane", Email: "jane@example.com"}, {UserID: "p-1", Email: "m1@example.com"}}}},
			want: []access.ApproverGroup{group("g-1", 0, false, 1)}, lookups: 2},
		{name: "not the requester under another email", by: by("ann@example.com", "group:g-1"), members: map[string]catalog.Members{"g-1": members(false, 1, 3)},
			change: func(w *world) { w.known[2].SlackID = "UJANE" }, want: []access.ApproverGroup{group("g-1", 0, false, 2)}, lookups: 3},
		{name: "an approver who is mentioned anyway", by: by("ann@example.com", "group:g-1"), members: map[string]catalog.Members{"g-1": {Users: []catalog.Member{{UserID: "p-ann", Email: "ann@example.com"}, {UserID: "p-1", Email: "m1@example.com"}}}},
			want: []access.ApproverGroup{group("g-1", 0, false, 1)}, lookups: 3},
		{name: "members without an email are others", by: by("ann@example.com", "group:g-1"), members: map[string]catalog.Members{"g-1": {Users: []catalog.Member{{UserID: "p-0"}, {UserID: "p-1", Email: "m1@example.com"}}}},
			want: []access.ApproverGroup{group("g-1", 1, false, 1)}, lookups: 2},
		{name: "five of seven, with a Slack user group", by: by("ann@example.com", "group:g-slack"), members: map[string]catalog.Members{"g-slack": members(false, 0, 7)},
			want: []access.ApproverGroup{inSlack(group("g-slack", 2, false, 0, 1, 2, 3, 4))}, lookups: 8},
		{name: "five in all, of each group in turn, with a Slack user group", by: by("ann@example.com", "group:g-slack", "group:g-2"), members: map[string]catalog.Members{"g-slack": members(false, 0, 4), "g-2": members(false, 10, 14)},
			want: []access.ApproverGroup{group("g-2", 1, false, 10, 11, 12), inSlack(group("g-slack", 2, false, 0, 1))}, lookups: 9},
		{name: "in two groups: the message names the members of one", by: by("ann@example.com", "group:g-slack", "group:g-x"), members: map[string]catalog.Members{"g-slack": members(false, 0, 2), "g-x": members(false, 1, 3)},
			want: []access.ApproverGroup{inSlack(group("g-slack", 0, false, 0)), group("g-x", 0, false, 1, 2)}, lookups: 4},
		{name: "an approver who is mentioned anyway, and the requester, with a Slack user group", by: by("ann@example.com", "group:g-slack"), members: map[string]catalog.Members{"g-slack": {Users: []catalog.Member{
			{UserID: "p-jane", Email: "jane@example.com"}, {UserID: "p-ann", Email: "ann@example.com"}, {UserID: "p-1", Email: "m1@example.com"}}}},
			want: []access.ApproverGroup{inSlack(group("g-slack", 0, false, 1))}, lookups: 3},
		{name: "the members of a group with a Slack user group are not known", by: by("ann@example.com", "group:g-slack"), want: []access.ApproverGroup{inSlack(group("g-slack", 0, false))}, lookups: 1},
		{name: "no groups", by: by("ann@example.com"), members: map[string]catalog.Members{"g-1": members(false, 0, 7)}, lookups: 1},
	} {
		t.Run(tt.name, func(t *testing.T) {
			w := newWorld(tt.by)
			w.members = tt.members
			for i := range 20 {
				w.known = append(w.known, person(i))
			}
			if tt.change != nil {
				tt.change(w)
			}
			if _, err := w.handle(t, "evaluate", own, now); err != nil {
				t.Fatal(err)
			}
			if !reflect.DeepEqual(w.row.ApproverGroups, tt.want) || len(w.asked) != tt.lookups {
				t.Errorf("got %+v after looking up %q; want %+v after %d lookups", w.row.ApproverGroups, w.asked, tt.want, tt.lookups)
			}
		})
	}
}

func TestSlackGroups(t *testing.T) {
	if got, want := slackGroups([]string{"G-1=S1", "g-2=S2"}), (map[string]string{"g-1": "S1", "g-2": "S2"}); !reflect.DeepEqual(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
}

// TestNewReasons checks what a refused request says.
func TestNewReasons(t *testing.T) {
	for _, tt := range []struct {
		name            string
		statement       access.Statement
		change          func(*world)
		reason, message string
	}{
		{"not allowed by email", access.Statement{Approvers: []string{"ann@example.com"}, Allowed: []string{"bob@example.com"}}, nil, "NotAllowed", ""},
		{"not a member", access.Statement{Approvers: []string{"ann@example.com"}, Allowed: []string{"group:g-dev"}}, nil, "NotAllowed", ""},
		{"a member by this app only", access.Statement{Approvers: []string{"ann@example.com"}, Allowed: []string{"group:g-dev"}}, func(w *world) {
			w.groups.Members, w.groups.Granted = map[string][]string{"g-dev": {"p-jane"}}, []string{"g-dev p-jane"}
		}, "NotAllowed", ""},
		{"only the email of the user found under a fallback domain counts", access.Statement{Approvers: []string{"ann@example.com"}, Allowed: []string{"jane@example.com"}}, func(w *world) {
			w.requester.SecondaryDomain, w.requester.FoundAs.Email = true, "jane@old.example.com"
		}, "NotAllowed", ""},
		{"too long", access.Statement{Approvers: []string{"ann@example.com"}, MaxDuration: 1800}, func(w *world) { w.row.Duration = 3600 }, "DurationTooLong", "The policy allows at most 30 minutes."},
		{"a ticket that the policy doesn't accept", access.Statement{Approvers: []string{"ann@example.com"}, Ticket: &access.Ticket{Pattern: `OPS-\d+`, Hint: "A Jira issue"}},
			func(w *world) { w.row.Ticket = "DEV-1" }, "TicketMissing", "A Jira issue"},
		{"no ticket, and no hint", access.Statement{Approvers: []string{"ann@example.com"}, Ticket: &access.Ticket{Required: true}}, nil, "TicketMissing", ""},
		{"protected", access.Statement{Approvers: []string{"ann@example.com"}}, func(w *world) { w.policy.ProtectedAccounts = []string{prod.AccountID} }, "ProtectedAccount", ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			w := newWorld(tt.statement)
			if tt.change != nil {
				tt.change(w)
			}
			if _, err := w.handle(t, "evaluate", own, now); err != nil {
				t.Fatal(err)
			}
			if o := w.row.Outcome; o == nil || o.Reason != tt.reason || o.Message != tt.message {
				t.Errorf("got %+v, want %s: %s", o, tt.reason, tt.message)
			}
		})
	}
	t.Run("nobody knows the memberships", func(t *testing.T) {
		w := newWorld(access.Statement{Approvers: []string{"ann@example.com"}, Allowed: []string{"group:g-dev"}})
		w.groups.Err = access.Errorf(access.CodeUnavailable, "x")
		if _, err := w.handle(t, "evaluate", own, now); access.CodeOf(err) != access.CodeUndecidable || w.row.Outcome != nil || w.evaluated != nil {
			t.Errorf("got %v, %+v, %+v; want no decision", err, w.row.Outcome, w.evaluated)
		}
	})
	t.Run("allowed by membership", func(t *testing.T) {
		w := newWorld(access.Statement{Approvers: []string{"ann@example.com"}, Allowed: []string{"group:g-dev"}})
		w.groups.Members = map[string][]string{"g-dev": {"p-jane"}}
		if _, err := w.handle(t, "evaluate", own, now); err != nil || w.row.Outcome != nil || !slices.Equal(w.asked, []string{"ann@example.com"}) {
			t.Errorf("got %v, %+v; want a request that waits", err, w.row.Outcome)
		}
	})
}

// Each reminder asks the next five members of the groups, until fifteen were asked.
func TestFurtherApprovers(t *testing.T) {
	person := func(i int) access.Person {
		return access.Person{SlackID: fmt.Sprint("U", i), Email: fmt.Sprintf("m%d@example.com", i)}
	}
	members := func(from, to int) catalog.Members {
		var m catalog.Members
		for i := from; i < to; i++ {
			m.Users = append(m.Users, catalog.Member{UserID: fmt.Sprint("p-", i), Email: person(i).Email})
		}
		return m
	}
	asked := func(all []access.FurtherApprover) (text string) {
		for _, f := range all {
			text += fmt.Sprintf(" %s/%s/%d", f.SlackID, f.Group, f.Reminder)
		}
		return text
	}
	w := newWorld(by("ann@example.com", "group:g-1", "group:g-2", "group:g-slack"))
	w.members = map[string]catalog.Members{"g-1": members(0, 11), "g-2": members(100, 198), "g-slack": members(20, 23)}
	w.members["g-1"] = catalog.Members{Users: append(w.members["g-1"].Users, catalog.Member{UserID: "p-jane", Email: "jane@example.com"}, catalog.Member{UserID: "p-ann", Email: "ann@example.com"})}
	for _, i := range []int{0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 20, 21, 22} {
		w.known = append(w.known, person(i))
	}
	if _, err := w.handle(t, "evaluate", own, now); err != nil {
		t.Fatal(err)
	}
	w.row.Posts = map[string]access.Post{"announce": {Channel: "C1", TS: "1.1"}}
	at := w.row.CreatedAt
	remind := func(n int, want string) {
		t.Helper()
		for at = at.Add(time.Minute); (Reminders{Initial: 15 * time.Minute, Multiplier: 2}).Due(at.Sub(w.row.CreatedAt)) < n; {
			at = at.Add(time.Minute)
		}
		w.asked = nil
		if _, err := w.handle(t, "next", own, at); err != nil {
			t.Fatal(err)
		}
		if got := asked(w.row.FurtherApprovers); w.row.RemindersSent != n || got != want || !w.row.RemindedAt.Equal(at) {
			t.Errorf("reminder %d, %d sent at %v: asked%s, want%s", n, w.row.RemindersSent, w.row.RemindedAt, got, want)
		}
		if len(w.asked) > mostReminderLookups {
			t.Errorf("reminder %d looks up %d people", n, len(w.asked))
		}
	}
	first := " U22/g-slack/1 U3/g-1/1 U4/g-1/1 U5/g-1/1 U6/g-1/1"
	second := " U7/g-1/2 U8/g-1/2 U9/g-1/2 U10/g-1/2"
	remind(1, first)
	remind(2, first+second)
	remind(3, first+second)
	for i := 100; i < 110; i++ {
		w.known = append(w.known, person(i))
	}
	w.approversErr = access.Errorf(access.CodeThrottled, "x")
	remind(4, first+second)
	w.approversErr = nil
	remind(5, first+second+" U100/g-2/5 U101/g-2/5 U102/g-2/5 U103/g-2/5 U104/g-2/5")
}

// A member of two groups is asked as a member of the one whose members a reminder mentions.
// Requests of the previous release have no members of groups with a Slack user group, so all of
// them are asked by reminders.
func TestFurtherApproversOfSlackGroups(t *testing.T) {
	w := newWorld(by("group:g-slack", "group:g-1"))
	r := access.Request{ID: "r1", Requester: access.Person{SlackID: "UJANE", PrincipalID: "p-jane"},
		ApproverGroups: []access.ApproverGroup{{ID: "g-slack", SlackGroup: "S0SEC"}, {ID: "g-1"}}}
	user := func(name string) catalog.Member {
		return catalog.Member{UserID: "p-" + name, Email: name + "@example.com"}
	}
	w.members = map[string]catalog.Members{"g-slack": {Users: []catalog.Member{user("jane"), user("both"), user("one")}}, "g-1": {Users: []catalog.Member{user("both")}}}
	both, one := access.Person{SlackID: "UBOTH", Email: "both@example.com"}, access.Person{SlackID: "UONE", Email: "one@example.com"}
	w.known = []access.Person{both, one, {SlackID: "UJANE", Email: "jane@example.com"}}
	h := &Handler{People: w, Catalog: w}
	want := []access.FurtherApprover{{Person: both, Group: "g-1", Reminder: 1}, {Person: one, Group: "g-slack", Reminder: 1}}
	if got := h.furtherApprovers(t.Context(), r, 1); !reflect.DeepEqual(got, want) {
		t.Errorf("got %+v, want %+v", got, want)
	}
}

// At most fifteen people are asked by reminders.
func TestMostFurtherApprovers(t *testing.T) {
	w := newWorld(by("group:g-1"))
	r := access.Request{ID: "r1", ApproverGroups: []access.ApproverGroup{{ID: "g-1"}}}
	w.members = map[string]catalog.Members{"g-1": {}}
	for i := range 40 {
		p := access.Person{SlackID: fmt.Sprint("U", i), Email: fmt.Sprintf("m%d@example.com", i)}
		w.known = append(w.known, p)
		w.members["g-1"] = catalog.Members{Users: append(w.members["g-1"].Users, catalog.Member{UserID: fmt.Sprint("p-", i), Email: p.Email})}
	}
	h := &Handler{People: w, Catalog: w}
	for n, want := range []int{5, 10, 15, 15} {
		r.FurtherApprovers = h.furtherApprovers(t.Context(), r, n+1)
		if len(r.FurtherApprovers) != want {
			t.Errorf("%d people after %d reminders, want %d", len(r.FurtherApprovers), n+1, want)
		}
	}
	seen := map[string]bool{}
	for _, f := range r.FurtherApprovers {
		if seen[f.SlackID] {
			t.Errorf("%s is asked twice", f.SlackID)
		}
		seen[f.SlackID] = true
	}
}

// Every member's turn comes, even if Slack knows none of those before them.
func TestFurtherApproversRotate(t *testing.T) {
	person := func(i int) access.Person {
		return access.Person{SlackID: fmt.Sprint("U", i), Email: fmt.Sprintf("m%d@example.com", i)}
	}
	for _, tt := range []struct {
		name    string
		members int
		inSlack []int
		want    map[int]int // the reminder that asks each
	}{
		{"the last of forty", 40, []int{39}, map[int]int{39: 2}},
		{"the last of a hundred", 100, []int{99}, map[int]int{99: 4}},
		{"one of the first thirty and the last", 61, []int{29, 60}, map[int]int{29: 1, 60: 3}},
		// A reminder that asks five doesn't look further.
		{"six of the first ten", 40, []int{0, 1, 2, 3, 4, 5, 39}, map[int]int{0: 1, 1: 1, 2: 1, 3: 1, 4: 1, 5: 2, 39: 3}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			w := newWorld(by("group:g-1"))
			var m catalog.Members
			for i := range tt.members {
				m.Users = append(m.Users, catalog.Member{UserID: fmt.Sprint("p-", i), Email: person(i).Email})
			}
			w.members, w.known = map[string]catalog.Members{"g-1": m}, nil
			for _, i := range tt.inSlack {
				w.known = append(w.known, person(i))
			}
			h := &Handler{People: w, Catalog: w}
			r := access.Request{ID: "r1", ApproverGroups: []access.ApproverGroup{{ID: "g-1"}}}
			for n := 1; n <= 8; n++ {
				w.asked = nil
				r.FurtherApprovers = h.furtherApprovers(t.Context(), r, n)
				if len(w.asked) > mostReminderLookups {
					t.Errorf("reminder %d looks up %d people", n, len(w.asked))
				}
			}
			got := map[int]int{}
			for _, f := range r.FurtherApprovers {
				got[slices.IndexFunc(m.Users, func(u catalog.Member) bool { return u.Email == f.Email })] = f.Reminder
			}
			if !reflect.DeepEqual(got, tt.want) || len(got) != len(r.FurtherApprovers) {
				t.Errorf("asked %v by reminder, want %v", got, tt.want)
			}
		})
	}
}
