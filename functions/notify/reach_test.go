package notify

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"sso-elevator/functions/access"
	"sso-elevator/functions/adapters/host"
	"sso-elevator/slack"
)

// inOrder returns what was done, sorted: direct messages are sent at the same time.
func (w *world) inOrder() []string {
	did := slices.Sorted(slices.Values(w.did))
	w.did = nil
	return did
}

// in returns the text of the message at a place, as it is now.
func (w *world) in(t *testing.T, purpose string) string {
	t.Helper()
	for _, m := range slices.Backward(w.said) {
		if m.Purpose == purpose {
			text, err := json.Marshal(m.Blocks)
			if err != nil {
				t.Fatal(err)
			}
			return string(text)
		}
	}
	return ""
}

func people(prefix string, n int) (all []access.Person) {
	for i := range n {
		id := fmt.Sprintf("U%s%02d", prefix, i)
		all = append(all, access.Person{SlackID: id, Email: strings.ToLower(id) + "@example.com"})
	}
	return all
}

func ids(people []access.Person) (all []string) {
	for _, p := range people {
		all = append(all, p.SlackID)
	}
	return all
}

func TestReachApprovers(t *testing.T) {
	const silent = true
	ann, bob := access.Person{SlackID: "UANN"}, access.Person{SlackID: "UBOB"}
	for _, tt := range []struct {
		name   string
		before func(*world)
		silent bool // settings say not to send direct messages
		want   []string
		told   string // the message in the channel says
	}{
		{name: "all are in the channel", before: func(w *world) {}, want: []string{"post C1 announce"}},
		{name: "one is outside", before: func(w *world) { w.outside = []string{"UANN"} },
			want: []string{"post C1 announce", "post DUANN approver-UANN", "update C1 1"}, told: "Notified by direct message: UANN"},
		{name: "one is outside, without direct messages", before: func(w *world) { w.outside = []string{"UANN"} }, silent: silent,
			want: []string{"post C1 announce", "update C1 1"}, told: "Not notified (weren't in this channel): UANN"},
		{name: "all are in the channel, without direct messages", before: func(w *world) {}, silent: silent, want: []string{"post C1 announce"}},
		{name: "who is in the channel can't be read, without direct messages", before: func(w *world) {
			w.outside, w.membersErr = []string{"UANN"}, access.Errorf(access.CodeMisconfigure, "missing_scope")
		}, silent: silent, want: []string{"post C1 announce", "update C1 1"}, told: "Notifications: the app couldn't check who is in this channel"},
		{name: "who is in the channel can't be read, and the requester is outside", before: func(w *world) {
			w.inChannel, w.membersErr = false, access.Errorf(access.CodeUnavailable, "timeout")
		}, want: []string{"post C1 announce", "update C1 1"}, told: "Notifications: the app couldn't check who is in this channel"},
		{name: "who is in the channel can't be read, and a Slack user group is mentioned", before: func(w *world) {
			w.row.Approvers, w.row.ApproverGroups = nil, []access.ApproverGroup{{ID: "g", SlackGroup: "S1", Mentioned: []access.Person{bob}}}
			w.membersErr = access.Errorf(access.CodeUnavailable, "timeout")
		}, want: []string{"post C1 announce", "update C1 1"}, told: "Notifications: the app couldn't check who is in this channel"},
		{name: "who is in the channel can't be read, and nobody would get a direct message", before: func(w *world) {
			// The previous release wrote this row.
			w.row.Approvers, w.row.ApproverGroups = nil, []access.ApproverGroup{{ID: "g", SlackGroup: "S1"}}
			w.membersErr = access.Errorf(access.CodeUnavailable, "timeout")
		}, want: []string{"post C1 announce"}},
		{name: "two of three members of a group are outside, and its Slack user group is mentioned", before: func(w *world) {
			w.row.Approvers, w.row.ApproverGroups = nil, []access.ApproverGroup{{ID: "g", SlackGroup: "S1", Mentioned: []access.Person{ann, {SlackID: "UIN"}, bob}}}
			w.outside, w.failing = []string{"UANN", "UBOB"}, []string{"UBOB"}
		}, want: []string{"post C1 announce", "post DUANN approver-UANN", "update C1 1"}, told: "Notified by direct message: UANN Not notified (weren't in this channel): UBOB"},
		{name: "a member is outside, and the Slack user group is mentioned, without direct messages", before: func(w *world) {
			w.row.ApproverGroups = []access.ApproverGroup{{ID: "g", SlackGroup: "S1", Mentioned: []access.Person{bob}}}
			w.outside = []string{"UBOB"}
		}, silent: silent, want: []string{"post C1 announce", "update C1 1"}, told: "Not notified (weren't in this channel): UBOB"},
		{name: "a member of a group is outside", before: func(w *world) {
			w.row.ApproverGroups = []access.ApproverGroup{{ID: "g", Mentioned: []access.Person{bob}}}
			w.outside = []string{"UBOB"}
		}, want: []string{"post C1 announce", "post DUBOB approver-UBOB", "update C1 1"}, told: "Notified by direct message: UBOB"},
		{name: "listed, and in two groups", before: func(w *world) {
			w.row.ApproverGroups = []access.ApproverGroup{{ID: "g", Mentioned: []access.Person{ann}}, {ID: "h", Mentioned: []access.Person{ann}}}
			w.outside = []string{"UANN"}
		}, want: []string{"post C1 announce", "post DUANN approver-UANN", "update C1 1"}, told: "Notified by direct message: UANN"},
		{name: "one left Slack", before: func(w *world) {
			w.row.Approvers = []access.Person{ann, bob}
			w.outside, w.failing = []string{"UANN", "UBOB"}, []string{"UBOB"}
		}, want: []string{"post C1 announce", "post DUANN approver-UANN", "update C1 1"}, told: "Notified by direct message: UANN Not notified (weren't in this channel): UBOB"},
		{name: "who is in the channel can't be read", before: func(w *world) {
			w.outside, w.membersErr = []string{"UANN"}, access.Errorf(access.CodeMisconfigure, "missing_scope")
		}, want: []string{"post C1 announce", "update C1 1"}, told: "Notifications: the app couldn't check who is in this channel"},
		{name: "decided already", before: func(w *world) { w.outside = []string{"UANN"}; w.deny() }, want: []string{"post C1 announce"}},
		{name: "ten of twelve by email, and all of a group", before: func(w *world) {
			listed, group := people("L", 12), people("M", 5)
			w.row.Approvers, w.row.ApproverGroups = listed, []access.ApproverGroup{{ID: "g", Mentioned: group}}
			w.outside = append(ids(listed), ids(group)...)
		}, want: func() []string {
			want := []string{"post C1 announce"}
			for _, id := range append(ids(people("L", 10)), ids(people("M", 5))...) {
				want = append(want, "post D"+id+" approver-"+id)
			}
			return append(want, "update C1 1")
		}(), told: "Not notified (weren't in this channel): UL10 UL11"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			w := newWorld()
			tt.before(w)
			// A retried task sends nothing again.
			if err := w.handle(t, "announce", !tt.silent, true, 3); err != nil {
				t.Fatal(err)
			}
			if did := w.inOrder(); !slices.Equal(did, tt.want) {
				t.Errorf("did %q, want %q", did, tt.want)
			}
			text := w.in(t, slack.PurposeAnnounce)
			for _, want := range strings.FieldsFunc(tt.told, func(r rune) bool { return r == ':' || r == ' ' }) {
				if !strings.Contains(text, want) {
					t.Errorf("the channel doesn't say %q: %s", want, text)
				}
			}
			if tt.told == "" && (strings.Contains(text, "otified") || strings.Contains(text, "Notifications")) {
				t.Errorf("the channel says who was told: %s", text)
			}
		})
	}
}

// An approver outside the channel gets the reminders below their message. One who could
// not be told before gets the request.
func TestRemindersReachApprovers(t *testing.T) {
	w := newWorld()
	w.row.Approvers = []access.Person{{SlackID: "UANN"}, {SlackID: "UBOB"}, {SlackID: "UIN"}}
	w.row.ApproverGroups = []access.ApproverGroup{{ID: "g", Mentioned: []access.Person{{SlackID: "UEVE"}}}}
	w.outside, w.failing = []string{"UANN", "UBOB", "UEVE", "UNEW"}, []string{"UBOB"}
	if err := w.handle(t, "announce", true, true, 1); err != nil {
		t.Fatal(err)
	}
	ts := map[string]string{"UANN": w.row.Posts["approver-UANN"].TS, "UEVE": w.row.Posts["approver-UEVE"].TS}
	w.inOrder()
	remind := func(n int, further ...string) []string {
		t.Helper()
		w.row.RemindersSent = n
		for _, id := range further {
			w.row.FurtherApprovers = append(w.row.FurtherApprovers, access.FurtherApprover{Person: access.Person{SlackID: id}, Group: "g", Reminder: n})
		}
		if err := w.handle(t, "remind", true, true, 3); err != nil {
			t.Fatal(err)
		}
		return w.inOrder()
	}

	want := []string{"post C1/1 remind-1", "post DUANN/" + ts["UANN"] + " approver-remind-1-UANN", "post DUEVE/" + ts["UEVE"] + " approver-remind-1-UEVE"}
	if did := remind(1); !slices.Equal(did, want) {
		t.Errorf("did %q, want %q", did, want)
	}
	w.failing = nil
	// UBOB can be told now. His first message is reminder enough. UNEW is asked first.
	want = []string{"post C1/1 remind-2", "post DUANN/" + ts["UANN"] + " approver-remind-2-UANN", "post DUBOB approver-UBOB",
		"post DUEVE/" + ts["UEVE"] + " approver-remind-2-UEVE", "post DUNEW approver-UNEW", "update C1 1"}
	// The same task, run again, must not remind those whom it told.
	if did := remind(2, "UNEW"); !slices.Equal(did, want) {
		t.Errorf("did %q, want %q", did, want)
	}
	if text := w.in(t, slack.PurposeAnnounce); strings.Contains(text, "Not notified") || !strings.Contains(text, "UNEW") {
		t.Errorf("the channel says %s", text)
	}
	w.row.Approvals = []access.Approval{{By: access.Person{SlackID: "UEVE"}}}
	w.row.ApprovalProgress = []access.RequirementProgress{{Requirement: access.Requirement{Needed: 2, Approvers: []string{"group:g"}}, Given: []int{0}}}
	for _, did := range remind(3) {
		if strings.HasPrefix(did, "post D") {
			t.Errorf("did %q, although nobody outside the channel can help anymore", did)
		}
	}
	w.row.Approvals, w.row.ApprovalProgress = nil, nil
	for _, did := range remind(maxDirectReminders + 1) {
		if strings.HasPrefix(did, "post D") {
			t.Errorf("did %q after the last reminder by direct message", did)
		}
	}
}

// Approvers listed by email take turns: each task asks ten who don't have the request, and
// those who fail don't keep a place. A repeated task asks nobody else. The message names
// those who were not asked so far.
func TestListedApproversTakeTurns(t *testing.T) {
	const n = 34
	w := newWorld()
	w.row.Approvers = people("L", n)
	w.outside, w.failing = ids(w.row.Approvers), []string{"UL00", "UL12"}
	asked := map[string]bool{}
	for reminder, want := range []struct {
		sent int    // first messages
		lost string // "and … more" besides the seven who are named
	}{{9, " and 18 more"}, {10, " and 8 more"}, {10, ""}, {0, ""}, {1, ""}, {0, ""}} {
		operation := "remind"
		if w.row.RemindersSent = reminder; reminder == 0 {
			operation = "announce"
		}
		w.inOrder()
		if err := w.handle(t, operation, true, true, 3); err != nil {
			t.Fatal(err)
		}
		sent, reminded := 0, 0
		for _, did := range w.inOrder() {
			var channel, purpose string
			if _, err := fmt.Sscanf(did, "post %s %s", &channel, &purpose); err != nil || !strings.HasPrefix(channel, "D") {
				continue
			}
			if strings.HasPrefix(purpose, "approver-remind-") {
				reminded++
				continue
			}
			if sent++; asked[purpose] {
				t.Errorf("%s was sent twice", purpose)
			}
			asked[purpose] = true
		}
		if sent != want.sent || reminded != len(asked)-sent {
			t.Errorf("reminder %d: sent the request to %d people and reminded %d, want %d and the %d who had it", reminder, sent, reminded, want.sent, len(asked)-sent)
		}
		text := w.in(t, slack.PurposeAnnounce)
		_, lost, found := strings.Cut(text, "Not notified (weren't in this channel)")
		if !found || !strings.Contains(lost, want.lost) || want.lost == "" && strings.Contains(lost, " more") {
			t.Errorf("reminder %d: the channel says %s", reminder, text)
		}
	}
	if len(asked) != maxListed {
		t.Errorf("%d people have the request, want %d", len(asked), maxListed)
	}
}

// The posts of a request leave room in its row, which holds at most 400 KB, however many
// approvers get direct messages and reminders.
func TestDirectMessagesLeaveRoom(t *testing.T) {
	w := newWorld()
	w.row.Approvers = people("L0123456", 100)
	w.row.ApproverGroups = []access.ApproverGroup{{ID: "g", Mentioned: people("M0123456", access.MaxMentionedMembers)}}
	w.outside = append(ids(w.row.Approvers), ids(w.row.ApproverGroups[0].Mentioned)...)
	for n := range 2 * maxDirectReminders {
		if w.row.RemindersSent = n; n == 0 {
			n = 1
		}
		if n <= access.MaxFurtherApprovers/access.MaxMentionedMembers {
			for _, p := range people(fmt.Sprintf("N012345%d", n), access.MaxMentionedMembers) {
				w.row.FurtherApprovers = append(w.row.FurtherApprovers, access.FurtherApprover{Person: p, Group: "g", Reminder: n})
				w.outside = append(w.outside, p.SlackID)
			}
		}
		if err := w.handle(t, "remind", true, true, 1); err != nil {
			t.Fatal(err)
		}
	}
	for purpose, post := range w.row.Posts {
		post.Channel = "D0123456789"
		if post.TS != "" {
			post.TS = "1234567890.123456"
		}
		w.row.Posts[purpose] = post
	}
	text, err := json.Marshal(w.row.Posts)
	if err != nil {
		t.Fatal(err)
	}
	if len(text) > 100_000 {
		t.Errorf("%d posts have %d bytes", len(w.row.Posts), len(text))
	}
}

// If a Slack user group is mentioned, the members whom a reminder asks get a direct message
// if they are outside the channel. Neither the message nor the reminders mention members, also
// for a request that the previous release announced.
func TestRemindersReachMembersOfMentionedGroups(t *testing.T) {
	w := newWorld()
	w.row.Approvers, w.row.ApproverGroups = nil, []access.ApproverGroup{{ID: "g", SlackGroup: "S1"}}
	w.outside = []string{"UNEW"}
	if err := w.handle(t, "announce", true, true, 1); err != nil {
		t.Fatal(err)
	}
	if did, want := w.inOrder(), []string{"post C1 announce"}; !slices.Equal(did, want) {
		t.Errorf("did %q, want %q", did, want)
	}
	w.row.RemindersSent = 1
	for _, id := range []string{"UNEW", "UIN"} {
		w.row.FurtherApprovers = append(w.row.FurtherApprovers, access.FurtherApprover{Person: access.Person{SlackID: id}, Group: "g", Reminder: 1})
	}
	if err := w.handle(t, "remind", true, true, 2); err != nil {
		t.Fatal(err)
	}
	if did, want := w.inOrder(), []string{"post C1/1 remind-1", "post DUNEW approver-UNEW", "update C1 1"}; !slices.Equal(did, want) {
		t.Errorf("did %q, want %q", did, want)
	}
	if text := w.in(t, slack.ReminderPurpose(1)); strings.Contains(text, "UNEW") || strings.Contains(text, "UIN") || !strings.Contains(text, `"usergroup_id":"S1"`) {
		t.Errorf("the reminder says %s", text)
	}
	before, told, found := strings.Cut(w.in(t, slack.PurposeAnnounce), "Notified by direct message")
	if strings.Contains(before, "UNEW") || !strings.Contains(before, `"usergroup_id":"S1"`) || !found || !strings.Contains(told, "UNEW") || strings.Contains(told, "UIN") {
		t.Errorf("the channel says %s%s", before, told)
	}
}

// If the app could not check who is in the channel, the message says so until it can.
func TestUnknownMembersAreCheckedAgain(t *testing.T) {
	w := newWorld()
	w.inChannel, w.outside, w.membersErr = false, []string{"UANN"}, access.Errorf(access.CodeUnavailable, "timeout")
	if err := w.handle(t, "announce", true, true, 1); err != nil {
		t.Fatal(err)
	}
	const unknown = "couldn't check who is in this channel"
	if text := w.in(t, slack.PurposeAnnounce); !strings.Contains(text, unknown) {
		t.Errorf("the channel says %s", text)
	}
	w.membersErr, w.row.RemindersSent = nil, 1
	w.inOrder()
	if err := w.handle(t, "remind", true, true, 2); err != nil {
		t.Fatal(err)
	}
	want := []string{"post C1/1 remind-1", "post DUANN approver-UANN", "post DUJANE dm-announce", "update C1 1", "update DUJANE 3"}
	if did := w.inOrder(); len(did) != len(want) || !slices.Equal(slices.DeleteFunc(did, isUpdateOf("DUJANE")), want[:4]) {
		t.Errorf("did %q, want %q", did, want)
	}
	if text := w.in(t, slack.PurposeAnnounce); strings.Contains(text, unknown) || !strings.Contains(text, "Notified by direct message") {
		t.Errorf("the channel says %s", text)
	}
}

func isUpdateOf(channel string) func(string) bool {
	return func(did string) bool { return strings.HasPrefix(did, "update "+channel+" ") }
}

// A requester outside the channel gets the confirmation without waiting for the messages to
// approvers, and reads who was not notified. If it failed, the next reminder sends it.
func TestRequesterIsToldBesideTheApprovers(t *testing.T) {
	w := newWorld()
	w.row.Approvers = people("L", 12)
	w.inChannel, w.outside, w.failing = false, ids(w.row.Approvers), []string{"UL03"}
	w.opensAfter = "dm-announce"
	synctest.Test(t, func(t *testing.T) {
		if err := w.handle(t, "announce", true, true, 1); err != nil {
			t.Fatal(err)
		}
	})
	if post := w.row.Posts["approver-UL00"]; post.TS == "" {
		t.Error("the requester was told only after the approvers")
	}
	text := w.in(t, "dm-announce")
	_, lost, _ := strings.Cut(text, "Not notified (weren't in the channel)")
	for _, id := range []string{"UL03", "UL10", "UL11"} {
		if !strings.Contains(lost, id) {
			t.Errorf("the requester doesn't read that %s was not notified: %s", id, text)
		}
	}

	w = newWorld()
	w.inChannel, w.failing = false, []string{"UJANE"}
	if err := w.handle(t, "announce", true, true, 1); err != nil {
		t.Fatal(err)
	}
	w.failing, w.row.RemindersSent = nil, 1
	w.inOrder()
	if err := w.handle(t, "remind", true, true, 2); err != nil {
		t.Fatal(err)
	}
	if did, want := w.inOrder(), []string{"post C1/1 remind-1", "post DUJANE dm-announce"}; !slices.Equal(did, want) {
		t.Errorf("did %q, want %q", did, want)
	}
}

// A member of a group whom a reminder asked and who could not be told gets the request with
// the next reminder. The reminder in the channel doesn't mention them again.
func TestFurtherApproversAreTriedAgain(t *testing.T) {
	w := newWorld()
	w.row.ApproverGroups = []access.ApproverGroup{{ID: "g"}}
	w.outside, w.failing = []string{"UNEW"}, []string{"UNEW"}
	w.row.FurtherApprovers = []access.FurtherApprover{{Person: access.Person{SlackID: "UNEW"}, Group: "g", Reminder: 1}}
	for n, want := range []bool{false, true, false} {
		w.row.RemindersSent = n + 1
		w.inOrder()
		if err := w.handle(t, "remind", true, true, 2); err != nil {
			t.Fatal(err)
		}
		if did := w.inOrder(); slices.Contains(did, "post DUNEW approver-UNEW") != want {
			t.Errorf("reminder %d: did %q", n+1, did)
		}
		if mentioned := strings.Contains(w.in(t, slack.ReminderPurpose(n+1)), "UNEW"); mentioned != (n == 0) {
			t.Errorf("reminder %d mentions the member: %t", n+1, mentioned)
		}
		w.failing = nil
	}
	if text := w.in(t, slack.PurposeAnnounce); strings.Contains(text, "Not notified") || !strings.Contains(text, "Notified by direct message") {
		t.Errorf("the channel says %s", text)
	}
}

// If Slack's answer about a direct message is lost, the same task finds the message before
// it shows in the channel who was notified.
func TestLostAnswerIsFoundAtOnce(t *testing.T) {
	w := newWorld()
	w.row.Posts[slack.PurposeAnnounce] = access.Post{Channel: "C1", TS: "1"}
	w.outside, w.lostAnswer = []string{"UANN"}, access.Errorf(access.CodeUnavailable, "no answer")
	if err := w.handle(t, "announce", true, true, 1); err != nil {
		t.Fatal(err)
	}
	if text := w.in(t, slack.PurposeAnnounce); strings.Contains(text, "Not notified") || !strings.Contains(text, "Notified by direct message") {
		t.Errorf("the channel says %s", text)
	}
	if post := w.row.Posts["approver-UANN"]; post.TS == "" || post.Failed {
		t.Errorf("the row says %+v", post)
	}
}

// The reply that says how to use the access follows the request, with one update for each
// change, also if Slack's answer about it was lost.
func TestReplyAboutAccessStaysCurrent(t *testing.T) {
	for _, tt := range []struct {
		name       string
		postRevoke bool
		lost       bool
	}{{"end reported", true, false}, {"end not reported", false, false}, {"answer lost", true, true}} {
		t.Run(tt.name, func(t *testing.T) {
			w := newWorld()
			if err := w.handle(t, "announce", true, tt.postRevoke, 1); err != nil {
				t.Fatal(err)
			}
			w.approve()
			w.grant()
			if tt.lost {
				w.lostAnswer = access.Errorf(access.CodeUnavailable, "no answer")
			}
			if err := w.handle(t, "granted", true, tt.postRevoke, 1); (err != nil) != tt.lost {
				t.Fatal(err)
			}
			w.lostAnswer = nil
			w.end()
			w.inOrder()
			if err := w.handle(t, "revoked", true, tt.postRevoke, 3); err != nil {
				t.Fatal(err)
			}
			if text := w.in(t, slack.PurposeGranted); !strings.Contains(text, "your access was ready. This request has since ended.") || strings.Contains(text, "is ready until") {
				t.Errorf("the reply says %s", text)
			}
			want := []string{"update C1 1", "update C1 2"}
			if tt.postRevoke {
				want = slices.Insert(want, 0, "post C1/1 revoked")
			}
			if tt.lost {
				want = slices.Insert(want, 0, "find C1/1 granted")
			}
			if did := w.inOrder(); !slices.Equal(did, want) {
				t.Errorf("did %q, want %q", did, want)
			}
		})
	}
}

// Without direct messages, the channel's message says who is outside, once. After someone
// turns direct messages on, the next reminder reaches them.
func TestNotReachedWithoutDirectMessages(t *testing.T) {
	w := newWorld()
	w.row.Approvers = []access.Person{{SlackID: "UANN"}, {SlackID: "UIN"}}
	w.row.ApproverGroups = []access.ApproverGroup{{ID: "g"}}
	w.outside = []string{"UANN", "UNEW"}
	if err := w.handle(t, "announce", false, true, 1); err != nil {
		t.Fatal(err)
	}
	w.inOrder()
	w.row.FurtherApprovers = []access.FurtherApprover{{Person: access.Person{SlackID: "UNEW"}, Group: "g", Reminder: 2}}
	for n, want := range [][]string{
		{"post C1/1 remind-1"},
		{"post C1/1 remind-2", "update C1 1"}, // it asks UNEW
		{"post C1/1 remind-3"},
	} {
		w.row.RemindersSent = n + 1
		if err := w.handle(t, "remind", false, true, 3); err != nil {
			t.Fatal(err)
		}
		if did := w.inOrder(); !slices.Equal(did, want) {
			t.Errorf("reminder %d: did %q, want %q", n+1, did, want)
		}
	}
	text := w.in(t, slack.PurposeAnnounce)
	for _, want := range []string{"Not notified (weren't in this channel)", "UANN", "UNEW"} {
		if !strings.Contains(text, want) {
			t.Errorf("the channel doesn't say %q: %s", want, text)
		}
	}
	w.row.RemindersSent = 4
	if err := w.handle(t, "remind", true, true, 1); err != nil {
		t.Fatal(err)
	}
	if did := w.inOrder(); !slices.Contains(did, "post DUANN approver-UANN") {
		t.Errorf("with direct messages: did %q", did)
	}
	if text := w.in(t, slack.PurposeAnnounce); !strings.Contains(text, "Notified by direct message") {
		t.Errorf("the channel says %s", text)
	}
}

// A press that ended access, or the minute check for overdue access, may have sent an update
// that Slack applies after ours. So the task is repeated until that can't be any more, and
// then updates the posts again.
func TestLastUpdateIsRepeated(t *testing.T) {
	for _, tt := range []struct {
		name         string
		press        string        // whose updates Slack has not answered
		overdue      time.Duration // until the removal
		since        time.Duration // the press, or the removal
		shows, fails bool
	}{
		{"answered", "", 0, time.Second, false, false},
		{"may come", "press", 0, 11 * time.Second, false, true},
		{"has come", "press", 0, 12 * time.Second, true, false},
		{"long ago", "press", 0, 100 * time.Hour, true, false},
		{"almost overdue", "", time.Minute - time.Second, time.Second, false, false},
		{"overdue, may come", "", time.Minute, 11 * time.Second, false, true},
		{"overdue, has come", "", time.Hour, 12 * time.Second, true, false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			w := newWorld()
			w.inChannel = false
			revoked := func() (updates []string, err error) {
				w.did = nil
				err = w.handle(t, "revoked", true, false, 1)
				for _, did := range w.did {
					if strings.HasPrefix(did, "update ") {
						updates = append(updates, did)
					}
				}
				return updates, err
			}
			for _, operation := range []string{"announce", "granted"} {
				if err := w.handle(t, operation, true, false, 1); err != nil {
					t.Fatal(err)
				}
				w.approve()
				w.row.Outcome.At = now.Add(-time.Hour)
				w.grant()
			}
			w.end()
			w.row.EndRequest = &access.EndRequest{By: w.row.Requester, At: now, ByPress: tt.press}
			w.row.RevokedAt = now.Add(tt.overdue)
			w.at = w.row.RevokedAt
			isLate := tt.press != "" || tt.overdue >= time.Minute
			first, err := revoked()
			if (access.CodeOf(err) == access.CodeUnavailable) != isLate || len(first) == 0 {
				t.Errorf("first it did %q, %v", first, err)
			}
			w.at = w.row.RevokedAt.Add(tt.since)
			again, err := revoked()
			if (access.CodeOf(err) == access.CodeUnavailable) != tt.fails || err != nil && !tt.fails {
				t.Errorf("then it returned %v", err)
			}
			if !tt.shows {
				first = nil
			}
			slices.Sort(first)
			slices.Sort(again)
			if !slices.Equal(again, first) {
				t.Errorf("then it did %q, want %q", again, first)
			}
			if !tt.fails {
				if more, err := revoked(); len(more) > 0 || err != nil {
					t.Errorf("after that it did %q, %v", more, err)
				}
			}
		})
	}
}

// If Slack refuses some of the repeated updates, the next attempt repeats only those.
func TestRepeatGoesOn(t *testing.T) {
	w := newWorld()
	w.inChannel = false
	for _, operation := range []string{"announce", "granted", "revoked"} {
		w.handle(t, operation, true, false, 1)
		w.approve()
		w.grant()
		if operation == "granted" {
			w.end()
			w.row.RevokedAt = now
			w.row.EndRequest = &access.EndRequest{By: w.row.Requester, At: now, ByPress: "press"}
		}
	}
	w.at, w.did = now.Add(time.Hour), nil
	w.onUpdate = func() {
		if w.updateErr = nil; len(w.did) >= 2 {
			w.updateErr = access.Errorf(access.CodeThrottled, "slow down")
		}
	}
	first := w.handle(t, "revoked", true, false, 1)
	before := len(w.did)
	w.onUpdate = func() { w.updateErr = nil }
	if second := w.handle(t, "revoked", true, false, 1); access.CodeOf(first) != access.CodeThrottled || second != nil {
		t.Errorf("returned %v, then %v", first, second)
	}
	slices.Sort(w.did)
	if want := []string{"update C1 1", "update C1 3", "update DUJANE 2", "update DUJANE 4"}; before != 2 || !slices.Equal(w.did, want) {
		t.Errorf("%d updates before the retry, and in all %q, want %q", before, w.did, want)
	}
}

// The same goes for a denial just after one of several approvals: the press of the approval
// may have sent an update that shows the buttons.
func TestOutcomeIsRepeated(t *testing.T) {
	w := newWorld()
	if err := w.handle(t, "announce", false, false, 1); err != nil {
		t.Fatal(err)
	}
	w.row.Events = append(w.row.Events, access.Event{Kind: access.EventApprovalGiven, At: now.Add(-5 * time.Second)})
	w.deny()
	for _, tt := range []struct {
		since   time.Duration // the denial
		updates int
		code    access.Code
	}{
		{0, 1, access.CodeUnavailable},
		{6 * time.Second, 0, access.CodeUnavailable},
		{7 * time.Second, 1, ""},
		{8 * time.Second, 0, ""},
	} {
		w.did, w.at = nil, now.Add(tt.since)
		err := w.handle(t, "outcome", false, false, 1)
		updates := slices.DeleteFunc(w.did, func(did string) bool { return !strings.HasPrefix(did, "update ") })
		if access.CodeOf(err) != tt.code || len(updates) != tt.updates {
			t.Errorf("%v after the denial: %q, %v", tt.since, updates, err)
		}
	}
}

// Every direct message is updated once for each change, and has no buttons left in the end.
func TestDirectMessagesStayCurrent(t *testing.T) {
	for _, tt := range []struct {
		name    string
		changes []func(*world)
		tasks   []string
		buttons []string // left after each task, by purpose
	}{
		{"granted and ended", []func(*world){func(w *world) { w.approve(); w.grant() }, (*world).end}, []string{"granted", "revoked"},
			[]string{"announce end, approver-UANN end, dm-granted end", ""}},
		{"granted and ended, silently", []func(*world){func(w *world) { w.approve(); w.grant() }, (*world).end}, []string{"granted", "silent"},
			[]string{"announce end, approver-UANN end, dm-granted end", ""}},
		{"denied", []func(*world){(*world).deny}, []string{"outcome"}, []string{""}},
		{"interrupted", []func(*world){(*world).nothing}, []string{"revoked"}, []string{""}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			w := newWorld()
			w.inChannel, w.outside = false, []string{"UANN"}
			if err := w.handle(t, "announce", true, true, 2); err != nil {
				t.Fatal(err)
			}
			if got, want := w.buttons(t), "announce approve deny withdraw, approver-UANN approve deny, dm-announce withdraw"; got != want {
				t.Errorf("announced: buttons %q, want %q", got, want)
			}
			for i, task := range tt.tasks {
				tt.changes[i](w)
				w.did = nil
				operation := strings.Replace(task, "silent", "revoked", 1)
				if err := w.handle(t, operation, true, task != "silent", 3); err != nil {
					t.Fatal(err)
				}
				if got := w.buttons(t); got != tt.buttons[i] {
					t.Errorf("%s: buttons %q, want %q", task, got, tt.buttons[i])
				}
				for _, s := range slack.DirectPosts(w.row) {
					if s.Post.Digest != s.Message.Digest() {
						t.Errorf("%s: %s is not current", task, s.Message.Purpose)
					}
				}
				did := w.inOrder()
				if unique := slices.Compact(slices.Clone(did)); len(unique) != len(did) {
					t.Errorf("%s: did %q", task, did)
				}
			}
		})
	}
}

// After the end, only the latest direct message to the requester offers to ask again. If
// the end is not reported, that is the earlier one.
func TestOnlyLatestDirectMessageOffersRepeat(t *testing.T) {
	for _, tt := range []struct {
		name       string
		postRevoke bool
		lost       bool // the first answer about the later message
		want       []string
	}{
		{"end reported", true, false, []string{"dm-revoked"}},
		{"end reported, and the answer is lost", true, true, []string{"dm-revoked"}},
		{"end not reported", false, false, []string{"dm-granted"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			w := newWorld()
			w.inChannel = false
			w.approve()
			w.grant()
			if err := w.handle(t, "granted", true, tt.postRevoke, 1); err != nil {
				t.Fatal(err)
			}
			w.end()
			if tt.lost {
				w.lostAnswer = access.Errorf(access.CodeUnavailable, "no answer")
				if err := w.handle(t, "revoked", true, tt.postRevoke, 1); err == nil {
					t.Fatal("the task succeeds")
				}
				w.lostAnswer = nil
			}
			if err := w.handle(t, "revoked", true, tt.postRevoke, 1); err != nil {
				t.Fatal(err)
			}
			var got []string
			for _, purpose := range []string{"dm-announce", "dm-granted", "dm-revoked"} {
				if strings.Contains(w.in(t, purpose), `"action_id":"ask_again"`) {
					got = append(got, purpose)
				}
			}
			if !slices.Equal(got, tt.want) {
				t.Errorf("Ask again is in %q, want %q", got, tt.want)
			}
		})
	}
}

// buttons returns the action ids in each message as it is now.
func (w *world) buttons(t *testing.T) string {
	t.Helper()
	var all []string
	for purpose := range w.row.Posts {
		has := purpose
		for _, action := range []string{"approve", "deny", "withdraw", "end"} {
			if strings.Contains(w.in(t, purpose), `"action_id":"`+action+`"`) {
				has += " " + action
			}
		}
		if has != purpose {
			all = append(all, has)
		}
	}
	slices.Sort(all)
	return strings.Join(all, ", ")
}

// An update of a direct message that fails is retried if that can help.
func TestFailedUpdateOfDirectMessages(t *testing.T) {
	for _, tt := range []struct {
		code access.Code
		want access.Code
	}{{access.CodeThrottled, access.CodeThrottled}, {access.CodeUnavailable, access.CodeUnavailable}, {access.CodeMisconfigure, ""}, {access.CodeNotFound, ""}} {
		w := newWorld()
		w.row.Posts = map[string]access.Post{"approver-UANN": {Channel: "DUANN", TS: "7"}}
		w.deny()
		w.updateErr = access.Errorf(tt.code, "no")
		h := &Handler{Table: w, Slack: w, Logger: discard}
		if err := h.updateDirect(t.Context(), w.row); access.CodeOf(err) != tt.want {
			t.Errorf("%s: got %v, want %q", tt.code, err, tt.want)
		}
		w.updateErr = nil
		if err := h.updateDirect(t.Context(), w.row); err != nil || tt.want != "" && len(w.did) != 1 {
			t.Errorf("%s: again: %v, did %q", tt.code, err, w.did)
		}
	}
}

// A direct message that may have arrived is looked for before it is sent again, and
// before it is updated.
func TestLostAnswerOfADirectMessage(t *testing.T) {
	w := newWorld()
	w.row.Posts["approver-UANN"] = access.Post{Channel: "DUANN", Failed: true}
	w.sent["DUANN approver-UANN"], w.outside = "7", []string{"UANN"}
	if err := w.handle(t, "announce", true, true, 2); err != nil {
		t.Fatal(err)
	}
	want := []string{"find DUANN approver-UANN", "post C1 announce", "update C1 2", "update DUANN 7"}
	if did := w.inOrder(); !slices.Equal(did, want) {
		t.Errorf("did %q, want %q", did, want)
	}
	if text := w.in(t, slack.PurposeAnnounce); strings.Contains(text, "Not notified") || !strings.Contains(text, "Notified by direct message") {
		t.Errorf("the channel says %s", text)
	}
	w.row.Posts["approver-UANN"] = access.Post{Channel: "DUANN"}
	w.deny()
	if err := w.handle(t, "outcome", true, true, 2); err != nil {
		t.Fatal(err)
	}
	want = []string{"find DUANN approver-UANN", "post C1/2 outcome", "update C1 2", "update DUANN 7"}
	if did := w.inOrder(); !slices.Equal(did, want) {
		t.Errorf("did %q, want %q", did, want)
	}
}

// stale is a table whose reads don't have a post yet.
type stale struct {
	*world
	without string
}

func (s stale) Get(ctx context.Context, id string) (access.Request, error) {
	r, err := s.world.Get(ctx, id)
	delete(r.Posts, s.without)
	return r, err
}

// A failure is recorded with the place where the message may be, even if the row was read
// before the post was in it. So the next attempt finds the message and sends no second one.
func TestFailedDirectMessageKeepsItsPlace(t *testing.T) {
	w := newWorld()
	w.outside = []string{"UANN"}
	if err := w.handle(t, "announce", false, true, 1); err != nil { // without direct messages
		t.Fatal(err)
	}
	w.inOrder()
	w.lostAnswer = access.Errorf(access.CodeUnavailable, "no answer")
	h := &Handler{Table: stale{w, "approver-UANN"}, Slack: w, Channel: "C1", SendDM: true, PostRevoke: true, Logger: discard}
	if _, err := h.Handle(t.Context(), Input{Input: host.Input{Operation: "announce", RequestID: "r1"}}); err != nil {
		t.Fatal(err)
	}
	if post := w.row.Posts["approver-UANN"]; post.Channel != "DUANN" || post.TS != "" || !post.Failed {
		t.Errorf("the row says %+v", post)
	}
	w.lostAnswer = nil
	w.inOrder()
	if err := w.handle(t, "announce", true, true, 1); err != nil {
		t.Fatal(err)
	}
	if did, want := w.inOrder(), []string{"find DUANN approver-UANN", "update C1 1", "update C1 1", "update DUANN 2"}; !slices.Equal(did, want) {
		t.Errorf("did %q, want %q", did, want)
	}
}

// A direct message that could not be opened once gets a place before it is sent. So if the
// function that sends it stops before it records the message, the next attempt finds it.
func TestDirectMessageHasAPlaceBeforeItIsSent(t *testing.T) {
	w := newWorld()
	w.outside, w.failing = []string{"UANN"}, []string{"UANN"}
	if err := w.handle(t, "announce", true, true, 1); err != nil {
		t.Fatal(err)
	}
	if post := w.row.Posts["approver-UANN"]; post != (access.Post{Failed: true}) {
		t.Fatalf("the row says %+v", post)
	}
	w.failing = nil
	remind := func(n int) []string {
		t.Helper()
		w.row.RemindersSent = n
		w.inOrder()
		if err := w.handle(t, "remind", true, true, 1); err != nil {
			t.Fatal(err)
		}
		return w.inOrder()
	}
	w.stopsAfter = "approver-UANN"
	if did := remind(1); !slices.Contains(did, "post DUANN approver-UANN") {
		t.Fatalf("did %q", did)
	}
	w.stopsAfter = ""
	did := remind(2)
	if slices.Contains(did, "post DUANN approver-UANN") || !slices.Contains(did, "find DUANN approver-UANN") {
		t.Errorf("did %q", did)
	}
	if post := w.row.Posts["approver-UANN"]; post.Channel != "DUANN" || post.TS == "" || post.Failed {
		t.Errorf("the row says %+v", post)
	}
}
