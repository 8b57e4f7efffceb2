package ingress

import (
	"context"
	"fmt"
	"net/http"
	"slices"
	"testing"
	"time"

	"sso-elevator/functions/access"
	"sso-elevator/slack"
)

// beside adds an active request of jane for the same access, and returns it.
func (w *world) beside(id string, change ...func(*access.Request)) {
	r := active()
	r.ID, r.EndToken, r.ExecutionARN = id, id+"-token", stateARN+id
	r.Outcome.At = now.Add(-time.Minute)
	for _, c := range change {
		c(&r)
	}
	w.rows[id] = r
	key := r.Subject().Key()
	if w.leases == nil {
		w.leases = map[string]access.Lease{key: {Key: key, Holders: map[string]access.Holder{"r1": {}}}}
	}
	w.leases[key].Holders[id] = access.Holder{}
}

func (w *world) subjectOf(id string) access.Subject {
	r := w.rows[id]
	return r.Subject()
}

func TestEndNowEndsAll(t *testing.T) {
	const lost = " The access may last until another request for it ends: this app lost the record of that request and can't end it. Please tell the people who run this app."
	const again = "Your press is recorded, but other requests keep this access. Please press End now again."
	broken := access.Errorf(access.CodeUnavailable, "no answer")
	tests := []struct {
		name      string
		user      string
		change    func(*world)
		others    func(*access.Request) // of the request beside it
		wantEnded bool                  // the other, too
		resumed   []string
		told      []string
	}{
		{name: "by the requester", user: "UJANE", wantEnded: true, resumed: []string{"end-token {}", "r2-token {}"}},
		{name: "memberships in a group", user: "UJANE", wantEnded: true, resumed: []string{"end-token {}", "r2-token {}"},
			change: func(w *world) {
				w.leases = nil
				for _, id := range []string{"r1", "r2"} {
					r := w.rows[id]
					r.Target = access.Target{Kind: access.KindGroup, GroupID: "g-1", GroupName: "Auditors"}
					w.rows[id] = r
				}
				key := w.subjectOf("r1").Key()
				w.leases = map[string]access.Lease{key: {Key: key, Holders: map[string]access.Holder{"r1": {}, "r2": {}}}}
			}},
		{name: "the other is not granted yet", user: "UJANE", wantEnded: true, resumed: []string{"end-token {}"},
			others: func(r *access.Request) { r.GrantedAt, r.End = time.Time{}, time.Time{} }},
		{name: "the other doesn't wait yet", user: "UJANE", wantEnded: true, resumed: []string{"end-token {}"},
			others: func(r *access.Request) { r.EndToken = "" }},
		{name: "the other was approved later", user: "UJANE", resumed: []string{"end-token {}"},
			others: func(r *access.Request) { r.Outcome.At = now.Add(time.Millisecond) }},
		{name: "the other is being removed", user: "UJANE", resumed: []string{"end-token {}"},
			others: func(r *access.Request) { r.RevokingAt = now }},
		{name: "the lease can't be read", user: "UJANE", resumed: []string{"end-token {}"}, told: []string{again},
			change: func(w *world) { w.leaseErr = broken }},
		{name: "a third one can't be read", user: "UJANE", wantEnded: true, resumed: []string{"end-token {}", "r2-token {}"}, told: []string{again},
			change: func(w *world) { w.unreadable = "r3" }},
		{name: "a third one has no row", user: "UJANE", wantEnded: true, resumed: []string{"end-token {}", "r2-token {}"}, told: []string{"Your press is recorded." + lost},
			change: func(w *world) {
				for _, l := range w.leases {
					l.Holders["r0"] = access.Holder{}
				}
			}},
		{name: "the other can't be ended", user: "UJANE", resumed: []string{"end-token {}"}, told: []string{again},
			change: func(w *world) { w.endErr = broken }},
		{name: "the row of the other is gone", user: "UJANE", resumed: []string{"end-token {}"}, told: []string{"Your press is recorded." + lost},
			change: func(w *world) { delete(w.rows, "r2") }},
		{name: "the row of the other is gone, again", user: "UJANE", resumed: []string{"end-token {}"}, told: []string{"This access is already being removed." + lost},
			change: func(w *world) {
				delete(w.rows, "r2")
				w.end("r1", access.EndRequest{By: ann, At: now.Add(-time.Second)})
			}},
		{name: "the row of the other is gone, and a third one can't be read", user: "UJANE", resumed: []string{"end-token {}"}, told: []string{again},
			change: func(w *world) {
				delete(w.rows, "r2")
				w.unreadable = "r3"
			}},
		{name: "the machine of the other can't be resumed", user: "UJANE", wantEnded: true, resumed: []string{"end-token {}", "r2-token {}"},
			change: func(w *world) { w.resumeErr = broken },
			told:   []string{"Your press is recorded, but the removal hasn't started yet. It starts within 150 seconds. To start it sooner, press End now again."}},
		{name: "again, because the first press may have ended only one", user: "UJANE", wantEnded: true, resumed: []string{"end-token {}", "r2-token {}"},
			change: func(w *world) { w.end("r1", access.EndRequest{By: ann, At: now.Add(-time.Second)}) },
			told:   []string{"This access is already being removed."}},
		{name: "again, after it was removed", user: "UJANE", wantEnded: true, resumed: []string{"r2-token {}"},
			change: func(w *world) {
				w.end("r1", access.EndRequest{By: ann, At: now.Add(-time.Second)})
				r := w.rows["r1"]
				r.RevokingAt, r.RevokedAt = now, now
				w.rows["r1"] = r
			},
			told: []string{"This access has already ended."}},
		{name: "the app ended it: that is no end of the other", user: "UJANE", resumed: []string{"end-token {}"},
			change: func(w *world) { w.end("r1", access.EndRequest{At: now, Reason: access.EndRequesterGone}) },
			told:   []string{"This access is already being removed."}},
		{name: "by who may not", user: "UBOB", told: []string{"You can't end this access. The requester, ann@example.com or twin@example.com can."}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			w := newWorld()
			w.rows["r1"] = active()
			if tt.others == nil {
				tt.others = func(*access.Request) {}
			}
			w.beside("r2", tt.others)
			w.beside("r3", func(r *access.Request) { r.Outcome = nil }) // undecided: not a holder, really
			before := w.rows["r2"]
			if tt.change != nil {
				tt.change(w)
			}
			w.send(t, pressBy(tt.user, "end", "r1"))
			end := w.rows["r2"].EndRequest
			if (end != nil) != tt.wantEnded || w.rows["r3"].EndRequest != nil {
				t.Errorf("r2 ended: %+v, r3: %+v", end, w.rows["r3"].EndRequest)
			}
			other := w.rows["r2"]
			if first := w.rows["r1"].EndRequest; end != nil && (*withoutPress(end) != *withoutPress(first) || (end.ByPress != "") != other.WasGranted()) {
				t.Errorf("r2 has the end %+v, want that of r1, %+v", end, first)
			}
			if !tt.wantEnded && before.EndRequest != end {
				t.Error("r2 changed")
			}
			slices.Sort(w.resumed)
			if !slices.Equal(w.resumed, tt.resumed) || !slices.Equal(w.told, tt.told) {
				t.Errorf("resumed %q, told %q", w.resumed, w.told)
			}
		})
	}
}

// An approver confirms in the dialog, and ends all of it.
func TestApproverEndsAll(t *testing.T) {
	w := newWorld()
	w.rows["r1"] = active()
	w.beside("r2")
	w.send(t, pressBy("UANN", "end", "r1"))
	if len(w.views) != 1 || w.rows["r1"].EndRequest != nil || w.rows["r2"].EndRequest != nil {
		t.Fatalf("%d views, ended %+v and %+v", len(w.views), w.rows["r1"].EndRequest, w.rows["r2"].EndRequest)
	}
	w.send(t, submittedBy("UANN", "confirm_end", "r1"))
	for _, id := range []string{"r1", "r2"} {
		if end := w.rows[id].EndRequest; end == nil || end.By != ann || !end.At.Equal(now) {
			t.Errorf("%s: %+v", id, end)
		}
	}
}

// The posts of every request that a press ends show that at once. The executions are resumed
// first. If the person has to press again, the button stays.
func TestEndNowShowsEverywhere(t *testing.T) {
	const removing, ended = "🟠 Removing access", "⚪ Access has ended"
	both := []string{"C1 1.1", "DANN 2.1", "DJANE 3.1", "C1 1.2", "DANN 2.2", "DJANE 3.2"}
	broken := access.Errorf(access.CodeUnavailable, "no answer")
	removed := func(_ *world, r *access.Request) { r.RevokingAt, r.RevokedAt = now, now }
	for _, tt := range []struct {
		name   string
		change func(*world)
		want   []string
		posts  []string
		told   bool
		late   bool // whether an update may still arrive
	}{
		{"the request and the other", nil, []string{removing}, both, false, false},
		{"Slack fails", func(w *world) { w.updateErr = broken }, nil, nil, false, true},
		{"notify shows the end meanwhile", func(w *world) {
			w.leases = nil
			w.late = w.byNotify(removed)
		}, []string{removing, ended}, both[:3], false, false},
		{"a press again", func(w *world) { w.end("r1", access.EndRequest{By: ann, At: now, ByPress: "another"}) }, []string{removing}, both[3:], true, true},
		{"a press again, after the end was shown", func(w *world) { w.end("r1", access.EndRequest{By: ann, At: now}) }, []string{removing}, both[3:], true, false},
		{"a press again, after the time to show it", func(w *world) {
			w.end("r1", access.EndRequest{By: ann, At: now.Add(-2 * time.Second), ByPress: "another"})
		}, nil, nil, true, true},
		{"a press after the end", func(w *world) {
			w.leases = nil
			w.end("r1", access.EndRequest{By: ann, At: now})
			r := w.rows["r1"]
			removed(w, &r)
			w.rows["r1"] = r
		}, nil, nil, true, false},
		{"the execution can't be resumed", func(w *world) { w.resumeErr = broken }, []string{removing}, both[3:], true, true},
		{"the execution doesn't wait yet", func(w *world) {
			r := w.rows["r1"]
			r.EndToken = ""
			w.rows["r1"] = r
		}, []string{removing}, both[3:], true, true},
		{"the other can't be ended", func(w *world) { w.endErr = broken }, nil, nil, true, true},
	} {
		t.Run(tt.name, func(t *testing.T) {
			w := newWorld()
			r := active()
			r.Outcome.At = now.Add(-time.Minute)
			r.Posts = postsOf("1")
			w.rows["r1"] = r
			w.beside("r2", func(r *access.Request) { r.Posts = postsOf("2") })
			if tt.change != nil {
				tt.change(w)
			}
			h := w.handler()
			h.Slack = afterResume{w, t}
			if got, err := handle(t, h, sign(pressBy("UJANE", "end", "r1"), now)); err != nil || got.StatusCode != http.StatusOK || got.Body != "" {
				t.Errorf("got %d %q, %v", got.StatusCode, got.Body, err)
			}
			if w.rows["r1"].EndRequest == nil || len(w.told) > 0 != tt.told {
				t.Errorf("end %+v, told %q", w.rows["r1"].EndRequest, w.told)
			}
			w.checkShown(t, tt.want, tt.posts...)
			if lateUpdates(w.rows["r1"]).IsZero() == tt.late {
				t.Errorf("an update may still arrive: %t, want %t", !tt.late, tt.late)
			}
		})
	}
}

// If more requests end than a press shows, it shows the one that was pressed.
func TestEndNowShowsThePressedRequest(t *testing.T) {
	w := newWorld()
	r := active()
	r.Posts = postsOf("1")
	w.rows["r1"] = r
	for i := range 2 * showPosts {
		id := fmt.Sprintf("r2%02d", i)
		w.beside(id, func(r *access.Request) { r.Posts = postsOf(id) })
	}
	w.send(t, pressBy("UJANE", "end", "r1"))
	isPressed := func(m slack.Message) bool { return m.RequestID == "r1" }
	if len(w.updated) != showPosts || !slices.ContainsFunc(w.shows, isPressed) {
		t.Errorf("updated %q", w.updated)
	}
}

// withoutPress returns the end without the press that wrote it.
func withoutPress(e *access.EndRequest) *access.EndRequest {
	if e == nil {
		return nil
	}
	without := *e
	without.ByPress = ""
	return &without
}

// lateUpdates is LateUpdates of a request whose requester was told about the grant.
func lateUpdates(r access.Request) time.Time {
	r.Posts = map[string]access.Post{access.PostGranted: {TS: "1"}}
	return r.LateUpdates()
}

// postsOf returns the posts of a request: in the channel, to ann and to jane.
func postsOf(number string) map[string]access.Post {
	return map[string]access.Post{
		"announce":      {Channel: "C1", TS: "1." + number, Digest: "d"},
		"approver-UANN": {Channel: "DANN", TS: "2." + number, Digest: "d"},
		"dm-granted":    {Channel: "DJANE", TS: "3." + number, Digest: "d"},
	}
}

// afterResume is a world's Slack that fails the test if it is called before the executions are
// resumed.
type afterResume struct {
	*world
	t *testing.T
}

func (s afterResume) Update(ctx context.Context, channel, ts string, m slack.Message) error {
	s.mu.Lock()
	if len(s.resumed) == 0 {
		s.t.Error("Slack was called before an execution was resumed")
	}
	s.mu.Unlock()
	return s.world.Update(ctx, channel, ts, m)
}

func (w *world) end(id string, e access.EndRequest) {
	r := w.rows[id]
	r.EndRequest = &e
	w.rows[id] = r
}
