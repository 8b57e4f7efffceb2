package notify

import (
	"slices"
	"strings"
	"testing"
	"time"

	"sso-elevator/functions/access"
	"sso-elevator/functions/adapters/host"
	"sso-elevator/slack"
)

// duringOutage is a world in which Slack was away while the access was granted.
func duringOutage(t *testing.T, announced, inChannel bool) *world {
	t.Helper()
	w := newWorld()
	w.inChannel = inChannel
	if announced {
		if err := w.handle(t, "announce", true, true, 1); err != nil {
			t.Fatal(err)
		}
	}
	w.approve()
	w.grant()
	away := access.Errorf(access.CodeUnavailable, "no answer")
	w.postErr, w.updateErr, w.dmErr = away, away, away
	if err := w.handle(t, "granted", true, true, 2); access.CodeOf(err) != access.CodeUnavailable {
		t.Fatalf("during the outage: %v", err)
	}
	w.postErr, w.updateErr, w.dmErr, w.did, w.said = nil, nil, nil, nil, nil
	return w
}

// stick is a removal that keeps failing.
func (w *world) stick() {
	w.row.RevokingAt = w.row.End
	w.row.Events = append(w.row.Events, access.Event{Kind: access.EventRevokeFailed, At: w.row.End})
}

func TestCatchUp(t *testing.T) {
	for _, test := range []struct {
		name                 string
		announced, inChannel bool
		then                 func(*world)
		want                 []string // of two tasks
	}{
		{name: "a way in", announced: true, inChannel: true, want: []string{"update C1 1", "find C1/1 granted", "post C1/1 granted"}},
		{name: "a way in, outside the channel", announced: true, want: []string{"update C1 1", "find C1/1 granted", "post C1/1 granted", "post DUJANE dm-granted", "update DUJANE 2"}},
		{name: "a way in, and never announced", inChannel: true, want: []string{"find C1 announce", "post C1 announce", "post C1/1 granted"}},
		{name: "ended early", announced: true, then: func(w *world) { w.row.EndRequest = &access.EndRequest{By: access.Person{SlackID: "UJANE"}, At: now} },
			inChannel: true, want: []string{"update C1 1", "find C1/1 granted", "find C1/1 granted"}},
		{name: "not removed", announced: true, then: (*world).stick, want: []string{"update C1 1", "find C1/1 granted", "update DUJANE 2", "find C1/1 granted"}},
		{name: "after its end", announced: true, inChannel: true, then: func(w *world) { w.at = w.row.End }, want: []string{"update C1 1", "find C1/1 granted", "find C1/1 granted"}},
		{name: "13 s before its end", announced: true, inChannel: true, then: func(w *world) { w.at = w.row.End.Add(-13 * time.Second) }, want: []string{"update C1 1", "find C1/1 granted", "post C1/1 granted"}},
		{name: "12 s before its end", announced: true, inChannel: true, then: func(w *world) { w.at = w.row.End.Add(-12 * time.Second) }},
		{name: "removed", announced: true, then: func(w *world) { w.stick(); w.end() }},
		{name: "closed", announced: true, then: func(w *world) { w.end(); w.row.ClosedAt = w.row.RevokedAt }},
		{name: "denied", announced: true, then: func(w *world) { w.row.GrantedAt, w.row.End = time.Time{}, time.Time{}; w.deny() }},
	} {
		t.Run(test.name, func(t *testing.T) {
			w := duringOutage(t, test.announced, test.inChannel)
			if test.then != nil {
				test.then(w)
			}
			if err := w.handle(t, host.OperationCatchUp, true, true, 2); err != nil {
				t.Error(err)
			}
			if !slices.Equal(w.did, test.want) {
				t.Errorf("did %q, want %q", w.did, test.want)
			}
		})
	}
}

// grantedDuring is a world whose requester is outside the channel. fail made only the direct
// message about the grant fail.
func grantedDuring(t *testing.T, fail func(w *world, err error)) *world {
	t.Helper()
	w := newWorld()
	w.inChannel = false
	w.approve()
	w.grant()
	w.row.Posts["announce"], w.row.Posts["granted"] = access.Post{Channel: "C1", TS: "8"}, access.Post{Channel: "C1", TS: "9"}
	fail(w, access.Errorf(access.CodeUnavailable, "no answer"))
	if err := w.handle(t, "granted", true, true, 1); access.CodeOf(err) != access.CodeUnavailable {
		t.Error(err)
	}
	fail(w, nil)
	w.did = nil
	return w
}

func failDM(w *world, err error)      { w.dmErr = err }
func failMembers(w *world, err error) { w.membersErr = err }

// If no direct message could be opened when the access was granted, or the members of the
// channel could not be read, the row says so.
func TestGrantNotesMissingDirectMessage(t *testing.T) {
	for name, fail := range map[string]func(*world, error){"open": failDM, "members": failMembers} {
		w := grantedDuring(t, fail)
		if p, ok := w.row.Posts["dm-granted"]; !ok || p != (access.Post{Failed: true}) {
			t.Errorf("%s: the row says %+v, %t", name, p, ok)
		}
		if err := w.handle(t, host.OperationCatchUp, true, true, 1); err != nil || w.row.Posts["dm-granted"].TS == "" {
			t.Errorf("%s: %v, posts %+v", name, err, w.row.Posts)
		}
	}
}

// An error that no retry fixes is not recorded: the check would try again until the end.
func TestGrantNotesNoLastingFailure(t *testing.T) {
	for name, fail := range map[string]func(*world, error){"open": failDM, "members": failMembers} {
		w := newWorld()
		w.inChannel = false
		w.approve()
		w.grant()
		fail(w, access.Errorf(access.CodeMisconfigure, "missing_scope"))
		if err := w.handle(t, "granted", true, true, 1); access.CodeOf(err) != access.CodeMisconfigure {
			t.Errorf("%s: %v", name, err)
		}
		if p, ok := w.row.Posts["dm-granted"]; ok {
			t.Errorf("%s: the row says %+v", name, p)
		}
	}
}

// If the requester doesn't need the missing direct message any more, the row says so. Their
// buttons stay in the message that they have.
func TestCatchUpDropsDirectMessage(t *testing.T) {
	joined := func(w *world) { w.inChannel = true }
	left := func(w *world) { w.failing = []string{"UJANE"} }
	refused := func(w *world, err error) { w.postErr = err }
	lost := func(w *world, err error) { w.lostAnswer = err }
	for _, test := range []struct {
		name string
		fail func(*world, error)
		then func(*world)
		dm   bool
		want access.Post
	}{
		{"not opened, then joined the channel", failDM, joined, true, access.Post{Over: true}},
		{"members not read, then in the channel", failMembers, joined, true, access.Post{Over: true}},
		{"not opened, then left Slack", failDM, left, true, access.Post{Over: true}},
		{"not opened, then turned off", failDM, func(*world) {}, false, access.Post{Over: true}},
		{"not sent, then joined the channel", refused, joined, true, access.Post{Channel: "DUJANE", Over: true}},
		{"not sent, then turned off", refused, func(*world) {}, false, access.Post{Channel: "DUJANE", Over: true}},
		{"answer lost, then turned off", lost, func(*world) {}, false, access.Post{Channel: "DUJANE", TS: "1"}},
	} {
		t.Run(test.name, func(t *testing.T) {
			w := grantedDuring(t, test.fail)
			test.then(w)
			for range 2 {
				if err := w.handle(t, host.OperationCatchUp, test.dm, true, 1); err != nil {
					t.Error(err)
				}
				p := w.row.Posts["dm-granted"]
				if p.Digest = ""; p != test.want {
					t.Errorf("the row says %+v, want %+v", p, test.want)
				}
			}
			if slices.ContainsFunc(w.did, func(did string) bool { return strings.HasPrefix(did, "post DUJANE") }) {
				t.Errorf("did %q", w.did)
			}
		})
	}
}

// Lambda would run a failed catch_up again, beside that of the next minute, and both might
// post. So what the check repeats never fails.
func TestRepeatedTasksNeverFail(t *testing.T) {
	for _, operation := range []string{host.OperationCatchUp, host.OperationMoreTime} {
		for name, fail := range map[string]func(*world, error){
			"post":  func(w *world, err error) { w.postErr = err },
			"write": func(w *world, err error) { w.completeErr = err },
			"read":  func(w *world, err error) { w.getErr = err },
		} {
			w := newWorld()
			w.inChannel, w.offer, w.at = false, 30*time.Minute, now.Add(45*time.Minute)
			w.approve()
			w.grant()
			fail(w, access.Errorf(access.CodeUnavailable, "no answer"))
			if err := w.handle(t, operation, true, true, 1); err != nil {
				t.Errorf("%s, %s: %v", operation, name, err)
			}
			fail(w, nil)
			if err := w.handle(t, operation, true, true, 1); err != nil {
				t.Errorf("%s, %s: %v", operation, name, err)
			}
			purpose := map[string]string{host.OperationCatchUp: "dm-granted", host.OperationMoreTime: "dm-more_time"}[operation]
			if w.row.Posts[purpose].TS == "" {
				t.Errorf("%s, %s: then not sent: %+v", operation, name, w.row.Posts)
			}
		}
	}
}

// While access is not removed, its messages say so. Once it is, they show that.
func TestOverdueIsShownUntilRemoved(t *testing.T) {
	for _, postRevoke := range []bool{true, false} {
		w := newWorld()
		w.inChannel = false
		w.approve()
		w.grant()
		if err := w.handle(t, "granted", true, postRevoke, 1); err != nil {
			t.Fatal(err)
		}
		wantAll := func(title string) {
			t.Helper()
			shown := map[string]string{}
			for _, m := range w.said {
				shown[m.Purpose] = m.Text
			}
			for _, purpose := range []string{"announce", "dm-granted"} {
				if !strings.HasPrefix(shown[purpose], title) {
					t.Errorf("%s shows %q, want %q", purpose, shown[purpose], title)
				}
			}
		}
		wantAll("🟢 Access is active")
		w.row.RevokingAt, w.at = w.row.End, w.row.End.Add(time.Minute)
		for _, step := range []struct {
			do    func()
			title string
		}{{func() {}, "🟠 Removing access"}, {w.stick, "🟠 Access not removed yet: retrying"}} {
			step.do()
			if err := w.handle(t, host.OperationCatchUp, true, postRevoke, 2); err != nil {
				t.Fatal(err)
			}
			wantAll(step.title)
		}
		if n := len(w.thread()); n != 1 {
			t.Errorf("%d messages in the thread, want the one about the grant", n)
		}
		w.end()
		if err := w.handle(t, "revoked", true, postRevoke, 1); err != nil {
			t.Fatal(err)
		}
		wantAll("⚪ Access has ended")
	}
}

// thread returns what was posted in the thread.
func (w *world) thread() (did []string) {
	for _, d := range w.did {
		if strings.HasPrefix(d, "post C1/") {
			did = append(did, d)
		}
	}
	return did
}

// The access may be removed while catchUp updates the messages. Then Slack may apply the
// update of the removal first, and the row may say either about the messages.
func TestCatchUpLeavesNoOlderState(t *testing.T) {
	for _, recordedLast := range []bool{false, true} {
		w := duringOutage(t, true, false)
		w.row.Posts["dm-granted"] = access.Post{Channel: "DUJANE", TS: "7"}
		w.stick()
		record := func() { // that the messages show the removal
			m := slack.RequestMessage(w.row)
			for _, s := range append(slack.DirectPosts(w.row), slack.Shown{Post: w.row.Posts[m.Purpose], Message: m}) {
				s.Post.Digest = s.Message.Digest()
				w.row.Posts[s.Message.Purpose] = s.Post
			}
		}
		w.onUpdate = func() {
			w.onUpdate = nil
			w.end()
			if record(); recordedLast {
				w.onGet = record
			}
		}
		if err := w.handle(t, host.OperationCatchUp, true, true, 1); err != nil {
			t.Fatal(err)
		}
		last := map[string]string{}
		for _, m := range w.said {
			last[m.Purpose] = m.Text
		}
		for _, purpose := range []string{"announce", "dm-announce", "dm-granted"} {
			if !strings.HasPrefix(last[purpose], "⚪") {
				t.Errorf("recorded last: %t: %s shows %q at last", recordedLast, purpose, last[purpose])
			}
		}
	}
}
