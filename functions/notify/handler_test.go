package notify

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"maps"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"sso-elevator/functions/access"
	"sso-elevator/functions/adapters/host"
	"sso-elevator/slack"
)

var discard = slog.New(slog.DiscardHandler)

var now = time.Date(2026, 1, 1, 12, 0, 0, 0, time.UTC)

// world is the table with one row, and Slack. did lists what happened in Slack: "post
// C1 announce", "update C1 1", "post C1/1 granted".
type world struct {
	mu        sync.Mutex
	row       access.Request
	begun     []string                  // purposes that the table was asked about
	joint     int                       // writes that began a message and noted an update
	others    map[string]access.Request // further rows
	lease     access.Lease
	leaseErr  error
	offer     time.Duration // setting
	at        time.Time     // of the task; now if zero
	run       access.Run
	findings  []access.Finding
	report    access.DriftReport
	did       []string
	said      []slack.Message   // messages that were posted and updated
	sent      map[string]string // channel/thread/purpose to timestamp
	inChannel bool              // the requester is
	outside   []string          // others who are not in the channel
	members   []string          // channels whose members were asked for
	failing   []string          // users whose direct messages can't be opened
	// opensAfter is the purpose that must be posted before other direct messages can be opened.
	opensAfter string

	postErr     error         // Slack rejects a post
	postTime    time.Duration // how much was left for the last post; zero if not limited
	lostAnswer  error         // Slack accepts a post, but the response gets lost
	updateErr   error
	dmErr       error
	membersErr  error
	completeErr error
	stopsAfter  string // purpose; nothing is recorded once that message is sent
	stopped     bool
	onUpdate    func() // is called while Slack updates a message
	onGet       func() // is called before a row is read
	getErr      error
	runsErr     error // the run's findings can't be read
	findErr     error // posts can't be searched

	users    map[string]slack.User // by email
	usersErr error
	lookedUp []string // emails
}

func (w *world) Get(_ context.Context, id string) (access.Request, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.onGet != nil {
		w.onGet()
	}
	r := w.row
	if other, ok := w.others[id]; ok {
		r = other
	}
	r.Posts = maps.Clone(r.Posts)
	return r, w.getErr
}

// Lease returns the lease of the row's access.
func (w *world) Lease(_ context.Context, key string) (access.Lease, bool, error) {
	subject := w.row.Subject()
	return w.lease, key == subject.Key() && len(w.lease.Holders) > 0, w.leaseErr
}

func (w *world) BeginPost(_ context.Context, _, purpose string, p access.Post) (access.Post, bool, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.begun = append(w.begun, purpose)
	if before := w.row.Posts[purpose]; before.Channel != "" {
		return before, false, nil
	}
	w.row.Posts[purpose] = p
	return access.Post{}, true, nil
}

func (w *world) BeginPostAfter(_ context.Context, _, purpose string, p access.Post, updated string, done access.Post) (access.Post, bool, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.begun = append(w.begun, purpose)
	if before := w.row.Posts[purpose]; before.Channel != "" {
		return before, false, nil
	}
	w.row.Posts[purpose], w.row.Posts[updated] = p, done
	w.joint++
	return access.Post{}, true, nil
}

func (w *world) FailPost(_ context.Context, _, purpose, channel string) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.stopped {
		return access.Errorf(access.CodeUnavailable, "stopped")
	}
	post := w.row.Posts[purpose]
	if post.TS == "" && w.completeErr == nil {
		post.Channel, post.Failed = cmp.Or(post.Channel, channel), true
		w.row.Posts[purpose] = post
	}
	return w.completeErr
}

func (w *world) CompletePost(_ context.Context, id, purpose string, p access.Post) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	if other, ok := w.others[id]; ok {
		other.Posts = maps.Clone(other.Posts)
		other.Posts[purpose] = p
		w.others[id] = other
	} else if w.stopped {
		return access.Errorf(access.CodeUnavailable, "stopped")
	} else if w.completeErr == nil {
		w.row.Posts[purpose] = p
	}
	return w.completeErr
}

func place(channel, thread string) string {
	if thread == "" {
		return channel
	}
	return channel + "/" + thread
}

func (w *world) Post(ctx context.Context, channel, thread string, m slack.Message) (string, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.postTime = 0
	if end, ok := ctx.Deadline(); ok {
		w.postTime = time.Until(end)
	}
	if w.postErr != nil {
		return "", w.postErr
	}
	if m.RequestID != w.row.ID && m.RequestID != "run1" {
		return "", fmt.Errorf("metadata of request %q", m.RequestID)
	}
	at := place(channel, thread)
	w.did = append(w.did, "post "+at+" "+m.Purpose)
	ts := fmt.Sprint(len(w.sent) + 1)
	w.sent[at+" "+m.Purpose] = ts
	w.said = append(w.said, m)
	w.stopped = m.Purpose == w.stopsAfter
	return ts, w.lostAnswer
}

func (w *world) Update(_ context.Context, channel, ts string, m slack.Message) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.onUpdate != nil {
		w.onUpdate()
	}
	if w.updateErr == nil {
		w.did = append(w.did, "update "+channel+" "+ts)
		w.said = append(w.said, m)
	}
	return w.updateErr
}

func (w *world) FindPost(_ context.Context, channel, thread string, m slack.Message) (string, bool, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.did = append(w.did, "find "+place(channel, thread)+" "+m.Purpose)
	if w.findErr != nil {
		return "", false, w.findErr
	}
	ts, found := w.sent[place(channel, thread)+" "+m.Purpose]
	return ts, found, nil
}

func (w *world) MembersAmong(_ context.Context, channel string, users []string) (map[string]bool, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if !slices.Contains(w.members, channel) {
		w.members = append(w.members, channel)
	}
	in := map[string]bool{}
	for _, user := range users {
		in[user] = !slices.Contains(w.outside, user) && (user != w.row.Requester.SlackID || w.inChannel)
	}
	return in, w.membersErr
}

func (w *world) OpenDM(ctx context.Context, user string) (string, error) {
	for w.opensAfter != "" && user != w.row.Requester.SlackID {
		w.mu.Lock()
		opens := slices.ContainsFunc(w.said, func(m slack.Message) bool { return m.Purpose == w.opensAfter })
		w.mu.Unlock()
		if opens {
			break
		}
		select {
		case <-ctx.Done():
			return "", access.Errorf(access.CodeUnavailable, "timeout")
		case <-time.After(time.Millisecond):
		}
	}
	if slices.Contains(w.failing, user) {
		return "", access.Errorf(access.CodeNotFound, "user_disabled")
	}
	return "D" + user, w.dmErr
}

func newWorld() *world {
	return &world{sent: map[string]string{}, inChannel: true, row: access.Request{
		ID: "r1", Target: access.Target{Kind: access.KindAccount, AccountID: "111111111111", AccountName: "Production", PermissionSet: "Admin"},
		Reason: "deploy", Duration: 3600, Requester: access.Person{SlackID: "UJANE", Email: "jane@example.com"}, CreatedAt: now,
		Approvers: []access.Person{{SlackID: "UANN"}}, Posts: map[string]access.Post{},
	}}
}

func (w *world) approve() {
	w.row.Outcome = &access.Outcome{Kind: access.OutcomeApproved, By: access.Person{SlackID: "UANN"}, At: now}
}
func (w *world) grant()   { w.row.GrantedAt, w.row.End = now, now.Add(time.Hour) }
func (w *world) deny()    { w.row.Outcome = &access.Outcome{Kind: access.OutcomeDenied, At: now} }
func (w *world) end()     { w.row.RevokedAt, w.row.Removal = now.Add(time.Hour), access.RemovalDone }
func (w *world) nothing() { w.row.RevokedAt, w.row.Removal = now, access.RemovalNothing }

// handle does a task several times, as retries would.
func (w *world) handle(t *testing.T, operation string, dm, postRevoke bool, times int) error {
	t.Helper()
	h := &Handler{Table: w, Slack: w, Channel: "C1", SendDM: dm, PostRevoke: postRevoke, Logger: discard,
		ExtensionOffer: w.offer, Now: func() time.Time { return cmp.Or(w.at, now) }}
	var err error
	for range times {
		_, err = h.Handle(t.Context(), Input{Input: host.Input{Operation: operation, RequestID: w.row.ID}})
	}
	return err
}

func TestHandle(t *testing.T) {
	announced := func(w *world) {
		if err := w.handle(t, "announce", false, true, 1); err != nil {
			t.Fatal(err)
		}
		w.did = nil
	}
	tests := []struct {
		name      string
		before    func(*world)
		operation string
		dm        bool
		silent    bool // settings say not to post on revoke
		want      []string
		wantCode  access.Code
	}{
		{name: "announce", operation: "announce", dm: true, want: []string{"post C1 announce"}},
		{name: "announce to a requester outside the channel", operation: "announce", dm: true,
			before: func(w *world) { w.inChannel = false }, want: []string{"post C1 announce", "post DUJANE dm-announce"}},
		{name: "announce what is decided already", operation: "announce", dm: true,
			before: func(w *world) { w.inChannel = false; w.deny() }, want: []string{"post C1 announce"}},
		{name: "remind", operation: "remind",
			before: func(w *world) { announced(w); w.row.RemindersSent = 2 }, want: []string{"post C1/1 remind-2"}},
		{name: "remind of what was decided in the meantime", operation: "remind",
			before: func(w *world) { announced(w); w.row.RemindersSent = 2; w.deny() }},
		{name: "granted", operation: "granted", dm: true,
			before: func(w *world) { announced(w); w.approve(); w.grant() }, want: []string{"update C1 1", "post C1/1 granted"}},
		{name: "granted outside the channel", operation: "granted", dm: true,
			before: func(w *world) { announced(w); w.approve(); w.grant(); w.inChannel = false },
			want:   []string{"update C1 1", "post C1/1 granted", "post DUJANE dm-granted"}},
		{name: "granted outside the channel, without direct messages", operation: "granted",
			before: func(w *world) { announced(w); w.approve(); w.grant(); w.inChannel = false }, want: []string{"update C1 1", "post C1/1 granted"}},
		{name: "granted, but never announced", operation: "granted",
			before: func(w *world) { w.approve(); w.grant() }, want: []string{"post C1 announce", "post C1/1 granted"}},
		{name: "denied", operation: "outcome",
			before: func(w *world) { announced(w); w.deny() }, want: []string{"update C1 1", "post C1/1 outcome"}},
		{name: "denied just after an approval of several: an older update may follow", operation: "outcome",
			before: func(w *world) {
				announced(w)
				w.row.Events = append(w.row.Events, access.Event{Kind: access.EventApprovalGiven, At: now})
				w.deny()
			}, want: []string{"update C1 1", "post C1/1 outcome"}, wantCode: access.CodeUnavailable},
		{name: "refused before it was announced: the message says so already", operation: "outcome",
			before: func(w *world) { w.deny(); announced(w) }, want: []string{"post C1/1 outcome"}},
		{name: "revoked", operation: "revoked",
			before: func(w *world) { announced(w); w.approve(); w.grant(); w.end() }, want: []string{"update C1 1", "post C1/1 revoked"}},
		{name: "revoked, silently", operation: "revoked", silent: true, dm: true,
			before: func(w *world) { announced(w); w.approve(); w.grant(); w.end(); w.inChannel = false }, want: []string{"update C1 1"}},
		{name: "never granted is told however silent", operation: "revoked", silent: true,
			before: func(w *world) { announced(w); w.approve(); w.nothing(); w.at = now.Add(13 * time.Hour) }, want: []string{"update C1 1", "post C1/1 failed"}},
		{name: "never granted, just approved: an older update may follow", operation: "revoked",
			before: func(w *world) { announced(w); w.approve(); w.nothing() }, want: []string{"update C1 1", "post C1/1 failed"}, wantCode: access.CodeUnavailable},
		{name: "its wait was resumed with a forged approval", operation: "revoked", silent: true, dm: true,
			before: func(w *world) { announced(w); w.nothing(); w.inChannel = false }, want: []string{"update C1 1", "post C1/1 failed", "post DUJANE dm-failed"}},
		{name: "the message was deleted", operation: "granted",
			before: func(w *world) {
				announced(w)
				w.approve()
				w.grant()
				w.updateErr = access.Errorf(access.CodeNotFound, "message_not_found")
			}, want: []string{"post C1/1 granted"}},
		{name: "no direct message", operation: "granted", dm: true,
			before: func(w *world) {
				announced(w)
				w.approve()
				w.grant()
				w.inChannel, w.dmErr = false, access.Errorf(access.CodeMisconfigure, "missing_scope")
			}, want: []string{"update C1 1", "post C1/1 granted"}, wantCode: access.CodeMisconfigure},
		{name: "no direct message to who has left", operation: "granted", dm: true,
			before: func(w *world) {
				announced(w)
				w.approve()
				w.grant()
				w.inChannel, w.dmErr = false, access.Errorf(access.CodeNotFound, "user_disabled")
			}, want: []string{"update C1 1", "post C1/1 granted"}},
		{name: "announced without a direct message", operation: "announce", dm: true,
			before: func(w *world) { w.inChannel, w.dmErr = false, access.Errorf(access.CodeMisconfigure, "missing_scope") },
			want:   []string{"post C1 announce"}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			w := newWorld()
			if test.before != nil {
				test.before(w)
			}
			// The task runs three times. A message that was posted is not posted
			// again.
			if err := w.handle(t, test.operation, test.dm, !test.silent, 3); access.CodeOf(err) != test.wantCode {
				t.Fatalf("%v, want code %q", err, test.wantCode)
			}
			if !slices.Equal(w.did, test.want) {
				t.Errorf("did %q, want %q", w.did, test.want)
			}
		})
		t.Run(test.name+", in a channel of the policy", func(t *testing.T) {
			w := newWorld()
			w.row.EvaluatedDecision = &access.Decision{Channel: "C2"}
			if test.before != nil {
				test.before(w)
			}
			// Later, the policy in force doesn't matter, and neither does a new setting.
			if err := w.handle(t, test.operation, test.dm, !test.silent, 3); access.CodeOf(err) != test.wantCode {
				t.Fatalf("%v, want code %q", err, test.wantCode)
			}
			var want []string
			for _, did := range test.want {
				want = append(want, strings.Replace(did, " C1", " C2", 1))
			}
			if !slices.Equal(w.did, want) || slices.Contains(w.members, "C1") {
				t.Errorf("did %q, want %q; asked for the members of %q", w.did, want, w.members)
			}
		})
	}
}

// Once a request is posted, all about it goes where it is, whatever the row or the
// settings say by then.
func TestEverythingFollowsThePost(t *testing.T) {
	w := newWorld()
	w.row.Posts[slack.PurposeAnnounce] = access.Post{Channel: "C9", TS: "7"}
	w.row.EvaluatedDecision, w.row.RemindersSent, w.inChannel = &access.Decision{Channel: "C2"}, 1, false
	for _, operation := range []string{"announce", "remind"} {
		if err := w.handle(t, operation, true, true, 2); err != nil {
			t.Fatal(err)
		}
	}
	w.approve()
	w.grant()
	if err := w.handle(t, "granted", true, true, 2); err != nil {
		t.Fatal(err)
	}
	want := []string{"update C9 7", "post DUJANE dm-announce", "post C9/7 remind-1", "update C9 7", "post C9/7 granted", "post DUJANE dm-granted", "update DUJANE 1"}
	if !slices.Equal(w.did, want) || !slices.Equal(w.members, []string{"C9"}) {
		t.Errorf("did %q, want %q; asked for the members of %q", w.did, want, w.members)
	}
}

// If Slack refuses the policy's channel, the request is posted nowhere else.
func TestRefusedChannel(t *testing.T) {
	w := newWorld()
	w.row.EvaluatedDecision, w.inChannel = &access.Decision{Channel: "C2"}, false
	w.postErr = access.Errorf(access.CodeMisconfigure, "Slack returned not_in_channel")
	err := w.handle(t, "announce", true, true, 3)
	if access.CodeOf(err) != access.CodeMisconfigure || !strings.HasPrefix(err.Error(), "channel C2: ") || w.row.Posts[slack.PurposeAnnounce].Channel != "C2" {
		t.Errorf("got %v, posts %+v; want Misconfigured, with the channel", err, w.row.Posts)
	}
	if want := []string{"find C2 announce", "find C2 announce"}; !slices.Equal(w.did, want) {
		t.Errorf("did %q, want %q", w.did, want)
	}
}

func TestRetryLooksBeforeItPostsAgain(t *testing.T) {
	unavailable := access.Errorf(access.CodeUnavailable, "no answer")
	tests := []struct {
		name string
		fail func(*world)
		want []string
	}{
		{"the post did not arrive", func(w *world) { w.postErr = unavailable }, []string{"find C1 announce", "post C1 announce"}},
		{"the answer did not arrive", func(w *world) { w.lostAnswer = unavailable }, []string{"post C1 announce", "find C1 announce", "update C1 1"}},
		{"the table did not take it", func(w *world) { w.completeErr = unavailable }, []string{"post C1 announce", "find C1 announce", "update C1 1"}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			w := newWorld()
			test.fail(w)
			if err := w.handle(t, "announce", false, true, 1); access.CodeOf(err) != access.CodeUnavailable {
				t.Errorf("first try: %v, want code Unavailable", err)
			}
			w.postErr, w.lostAnswer, w.completeErr = nil, nil, nil
			if err := w.handle(t, "announce", false, true, 1); err != nil {
				t.Errorf("second try: %v", err)
			}
			if !slices.Equal(w.did, test.want) {
				t.Errorf("did %q, want %q", w.did, test.want)
			}
		})
	}
}

// The access of an approved request doesn't wait for Slack: the announcement is tried once,
// for a short time. A request that needs approval is announced again.
func TestAnnouncementOfApprovedRequest(t *testing.T) {
	for _, test := range []struct {
		name     string
		approved bool
		err      error
		want     access.Code
	}{
		{"approved, and Slack doesn't answer", true, access.Errorf(access.CodeUnavailable, "no answer"), access.CodeNotPosted},
		{"approved, and Slack is busy", true, access.Errorf(access.CodeThrottled, "busy"), access.CodeNotPosted},
		{"approved, and Slack refuses", true, access.Errorf(access.CodeMisconfigure, "no such channel"), access.CodeMisconfigure},
		{"approved, and posted", true, nil, ""},
		{"not approved, and Slack doesn't answer", false, access.Errorf(access.CodeUnavailable, "no answer"), access.CodeUnavailable},
	} {
		w := newWorld()
		w.postErr = test.err
		if test.approved {
			w.approve()
		}
		err := w.handle(t, "announce", true, true, 1)
		if limited := w.postTime > 0 && w.postTime <= approvedTime; access.CodeOf(err) != test.want || limited != test.approved {
			t.Errorf("%s: got %v with %s left, want code %q", test.name, err, w.postTime, test.want)
		}
		if w.postErr = nil; test.approved {
			w.grant()
			if err := w.handle(t, "granted", false, true, 1); err != nil || w.sent["C1 announce"] == "" || w.sent["C1/1 granted"] == "" {
				t.Errorf("%s: later %v, sent %v", test.name, err, w.sent)
			}
		}
	}
	if access.CodeNotPosted.Transient() {
		t.Error("the state machine would try again")
	}
}

// The table is asked about a message only if the row doesn't have it.
func TestTheRowSaysWhatIsPosted(t *testing.T) {
	w := newWorld()
	for _, test := range []struct {
		operation string
		change    func()
		want      []string
	}{
		{"announce", func() {}, []string{"announce"}},
		{"announce", func() {}, nil},
		{"granted", func() { w.approve(); w.grant() }, []string{"granted"}},
		{"granted", func() {}, nil},
	} {
		test.change()
		w.inChannel, w.begun = true, nil
		if err := w.handle(t, test.operation, true, true, 1); err != nil {
			t.Fatal(err)
		}
		if !slices.Equal(w.begun, test.want) {
			t.Errorf("%s: the table was asked about %q, want %q", test.operation, w.begun, test.want)
		}
	}
}

func TestFailedUpdateKeepsNobodyInTheDark(t *testing.T) {
	w := newWorld()
	if err := w.handle(t, "announce", false, true, 1); err != nil {
		t.Fatal(err)
	}
	w.approve()
	w.grant()
	w.inChannel, w.updateErr, w.did = false, access.Errorf(access.CodeThrottled, "slow down"), nil
	err := w.handle(t, "granted", true, true, 1)
	if access.CodeOf(err) != access.CodeThrottled || !strings.Contains(err.Error(), "slow down") {
		t.Errorf("got %v, want Throttled: slow down", err)
	}
	if want := []string{"post C1/1 granted", "post DUJANE dm-granted"}; !slices.Equal(w.did, want) {
		t.Errorf("did %q, want %q", w.did, want)
	}
}

// A request that ended without an outcome has no buttons left. Its message says what
// to do.
func TestInterrupted(t *testing.T) {
	w := newWorld()
	if err := w.handle(t, "announce", true, true, 1); err != nil {
		t.Fatal(err)
	}
	w.inChannel = false
	w.nothing()
	w.said = nil
	if err := w.handle(t, "revoked", true, true, 1); err != nil {
		t.Fatal(err)
	}
	if len(w.said) != 3 {
		t.Fatalf("%d messages, want those in the channel, in its thread and to the requester", len(w.said))
	}
	for _, m := range w.said {
		text, err := json.Marshal(m.Blocks)
		if err != nil {
			t.Fatal(err)
		}
		if !strings.Contains(string(text), "request was interrupted. Please submit it again.") || strings.Contains(strings.ReplaceAll(string(text), `"action_id":"ask_again"`, ""), "action_id") {
			t.Errorf("%s: %s", m.Purpose, text)
		}
	}
}

// For a request whose row was deleted, only the channel's message is updated, if Slack
// still has it.
func TestRebuilt(t *testing.T) {
	for _, operation := range []string{"announce", "remind", "granted", "outcome", "revoked"} {
		w := newWorld()
		if err := w.handle(t, "announce", true, true, 1); err != nil {
			t.Fatal(err)
		}
		w.grant()
		w.end()
		w.row = access.Request{ID: "r1", Target: w.row.Target, GrantedAt: w.row.GrantedAt, End: w.row.End, RevokedAt: w.row.RevokedAt, Removal: w.row.Removal, Rebuilt: &access.Rebuilt{ID: "r1"}}
		w.inChannel, w.did, w.begun = false, nil, nil
		for _, step := range []struct {
			channel string // of the lease; "" is the configured one
			deleted bool   // someone deleted the message
			want    []string
		}{
			{"C2", false, []string{"find C2 announce"}},
			{"", false, []string{"find C1 announce", "update C1 1"}},
			{"", true, []string{"find C1 announce"}},
		} {
			if w.row.Rebuilt.Channel = step.channel; step.deleted {
				w.sent = nil
			}
			if err := w.handle(t, operation, true, true, 1); err != nil || !slices.Equal(w.did, step.want) || w.begun != nil {
				t.Errorf("%s: %v, did %q, want %q", operation, err, w.did, step.want)
			}
			w.did = nil
		}
	}
}

func TestUnknownOperation(t *testing.T) {
	if err := newWorld().handle(t, "shout", true, true, 1); access.CodeOf(err) != access.CodeInvalid {
		t.Errorf("got %v, want code Invalid", err)
	}
}
