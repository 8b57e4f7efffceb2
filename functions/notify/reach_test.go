package notify

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"

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
			want: []string{"post C1 announce"}},
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
		}, want: []string{"post C1 announce", "post DUANN approver-UANN", "update C1 1"}, told: "Notified by direct message: UANN Could not be notified: UBOB"},
		{name: "who is in the channel can't be read", before: func(w *world) {
			w.outside, w.membersErr = []string{"UANN"}, access.Errorf(access.CodeMisconfigure, "missing_scope")
		}, want: []string{"post C1 announce"}},
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
		}()},
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
			if tt.told == "" && len(tt.want) == 1 && strings.Contains(text, "told") {
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
	if text := w.in(t, slack.PurposeAnnounce); strings.Contains(text, "Could not be notified") || !strings.Contains(text, "UNEW") {
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

// Every direct message is updated at every change, once, and has no buttons left in the
// end.
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
	if text := w.in(t, slack.PurposeAnnounce); strings.Contains(text, "Could not be notified") || !strings.Contains(text, "Notified by direct message") {
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
