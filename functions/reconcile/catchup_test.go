package reconcile

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"sso-elevator/functions/access"
	"sso-elevator/slack"
)

// told returns a request whose access was granted this long ago, and whose messages show it.
func told(ago time.Duration, end time.Time, change func(*access.Request)) access.Request {
	r := asked(ago+time.Hour, active(end))
	r.GrantedAt = noon.Add(-ago)
	r.Posts = map[string]access.Post{
		"announce":    {Channel: "C1", TS: "1.1", Digest: slack.RequestMessage(r).Digest()},
		"granted":     {Channel: "C1", TS: "1.2"},
		"dm-announce": {Channel: "D1", TS: "2.1"},
		"dm-granted":  {Channel: "D1", TS: "2.2"},
	}
	show(r)
	if change != nil {
		change(&r)
	}
	return r
}

// show makes the request's messages show its state.
func show(r access.Request) {
	for _, s := range slack.DirectPosts(r) {
		s.Post.Digest = s.Message.Digest()
		r.Posts[s.Message.Purpose] = s.Post
	}
	p := r.Posts["announce"]
	p.Digest = slack.RequestMessage(r).Digest()
	r.Posts["announce"] = p
}

func drop(purposes ...string) func(*access.Request) {
	return func(r *access.Request) {
		for _, purpose := range purposes {
			delete(r.Posts, purpose)
		}
	}
}

func TestLookCatchesUp(t *testing.T) {
	all := []string{"announce", "granted", "dm-announce", "dm-granted"}
	later := noon.Add(time.Hour)
	refused := func(r *access.Request) {
		r.RevokingAt, r.Events = r.End, []access.Event{{Kind: access.EventRevokeFailed}}
	}
	sent := func(purpose string, p access.Post) func(*access.Request) {
		return func(r *access.Request) { r.Posts[purpose] = p }
	}
	for _, test := range []struct {
		name  string
		row   access.Request
		fails string
		want  int // how often notify is invoked in three looks, while it sends nothing
		reads int // of the row, in three looks that don't need it otherwise
	}{
		{name: "told", row: told(5*time.Minute, later, nil), reads: 1},
		{name: "nothing posted", row: told(5*time.Minute, later, drop(all...)), want: 3, reads: 3},
		{name: "nothing posted, a minute after the grant", row: told(time.Minute, later, drop(all...)), want: 3, reads: 3},
		{name: "nothing posted, just granted", row: told(time.Minute-time.Second, later, drop(all...)), reads: 1},
		{name: "nothing posted, granted almost an hour ago", row: told(compareFor-time.Second, later, drop(all...)), want: 3, reads: 3},
		{name: "nothing posted, granted an hour ago", row: told(compareFor, later, drop(all...)), want: 1, reads: 1},
		{name: "nothing posted, granted long ago", row: told(9*time.Hour, later, drop(all...)), want: 1, reads: 1},
		{name: "nothing in the thread", row: told(5*time.Minute, later, drop("granted")), want: 3, reads: 3},
		{name: "perhaps in the thread", row: told(5*time.Minute, later, sent("granted", access.Post{Channel: "C1"})), want: 3, reads: 3},
		{name: "no direct message is due", row: told(5*time.Minute, later, drop("dm-announce", "dm-granted")), reads: 1},
		{name: "direct message perhaps sent", row: told(5*time.Minute, later, sent("dm-granted", access.Post{Channel: "D1"})), want: 3, reads: 3},
		{name: "no direct message could be opened", row: told(5*time.Minute, later, sent("dm-granted", access.Post{Failed: true})), want: 3, reads: 3},
		{name: "direct message not needed any more", row: told(5*time.Minute, later, sent("dm-granted", access.Post{Over: true})), reads: 1},
		{name: "direct message perhaps sent, and not needed any more", row: told(5*time.Minute, later, sent("dm-granted", access.Post{Channel: "D1", Over: true})), reads: 1},
		{name: "message in the channel not updated", row: told(5*time.Minute, later, sent("announce", access.Post{Channel: "C1", TS: "1.1", Digest: "d"})), want: 3, reads: 3},
		{name: "direct message not updated", row: told(5*time.Minute, later, sent("dm-announce", access.Post{Channel: "D1", TS: "2.1", Digest: "d"})), want: 3, reads: 3},
		{name: "messages of another release", row: told(2*time.Hour, later, sent("announce", access.Post{Channel: "C1", TS: "1.1", Digest: "d"})), reads: 1},

		{name: "nothing posted, 13 s before the end", row: told(5*time.Minute, noon.Add(13*time.Second), drop(all...)), want: 3, reads: 3},
		{name: "nothing posted, 12 s before the end", row: told(5*time.Minute, noon.Add(12*time.Second), drop(all...)), reads: 1},

		{name: "waits for approval", row: asked(time.Hour, nil), reads: 1},
		{name: "being granted", row: asked(time.Hour, approved), reads: 1},
		{name: "given up", row: told(5*time.Minute, later, func(r *access.Request) { drop(all...)(r); r.Tombstone = true }), reads: 1},
		{name: "rebuilt", row: told(5*time.Minute, later, func(r *access.Request) { drop(all...)(r); r.Rebuilt = &access.Rebuilt{} }), reads: 1},
		{name: "removed", row: told(5*time.Minute, later, func(r *access.Request) { drop(all...)(r); r.RevokedAt = noon }), reads: 1},
		{name: "ended just now", row: told(5*time.Minute, later, func(r *access.Request) {
			drop(all...)(r)
			r.EndRequest = &access.EndRequest{At: noon.Add(time.Second - overdueAfter)}
		}), reads: 1},

		{name: "overdue", row: told(time.Hour, noon.Add(-overdueAfter), refused), want: 3, reads: 3},
		{name: "almost overdue", row: told(time.Hour, noon.Add(time.Second-overdueAfter), refused), reads: 1},
		{name: "overdue, and shown", row: told(time.Hour, noon.Add(-overdueAfter), func(r *access.Request) { refused(r); show(*r) }), reads: 3},
		{name: "overdue, and shown in the channel only", row: told(time.Hour, noon.Add(-overdueAfter), func(r *access.Request) {
			before := r.Posts["dm-granted"]
			refused(r)
			show(*r)
			r.Posts["dm-granted"] = before
		}), want: 3, reads: 3},
		{name: "overdue, its removal has just begun", row: told(time.Hour, noon.Add(-overdueAfter), func(r *access.Request) { r.RevokingAt = noon }), want: 3, reads: 3},
		{name: "overdue after an early end", row: told(time.Hour, later, func(r *access.Request) { r.EndRequest = &access.EndRequest{At: noon.Add(-overdueAfter)}; refused(r) }), want: 3, reads: 3},
		{name: "overdue, and given up", row: told(time.Hour, noon.Add(-overdueAfter), func(r *access.Request) { refused(r); r.Tombstone = true }), want: 3, reads: 3},
		{name: "overdue, and removed", row: told(time.Hour, noon.Add(-overdueAfter), func(r *access.Request) { r.RevokedAt = noon }), reads: 1},

		{name: "overdue for an hour", row: told(3*time.Hour, noon.Add(-overdueAfter-compareFor), refused), want: 1, reads: 1},
		{name: "overdue for an hour, and shown", row: told(3*time.Hour, noon.Add(-overdueAfter-compareFor), func(r *access.Request) { refused(r); show(*r) }), reads: 3},

		{name: "notify can't be invoked, granted long ago", row: told(9*time.Hour, later, drop(all...)), fails: "Notify", want: 3, reads: 3},
		{name: "the row can't be read", row: told(5*time.Minute, later, drop(all...)), fails: "Get", reads: 3},
		{name: "notify can't be invoked", row: told(5*time.Minute, later, drop(all...)), fails: "Notify", want: 3, reads: 3},
	} {
		t.Run(test.name, func(t *testing.T) {
			l := &left{rows: map[string]access.Request{"abc": test.row}, failing: test.fails}
			s := l.sweep()
			for range 3 {
				open := []access.Due{{ID: "abc", At: dueOf(test.row)}}
				(&look{Sweep: s, now: noon}).sendMessages(t.Context(), open)
			}
			if len(l.caughtUp) != test.want || l.reads != test.reads {
				t.Errorf("notify invoked %d times after %d reads, want %d and %d", len(l.caughtUp), l.reads, test.want, test.reads)
			}
		})
	}
}

// A request is read when it is new, after its grant, and when it is overdue. While nothing is
// due, a look reads nothing.
func TestCatchUpReadsLittle(t *testing.T) {
	r := asked(0, nil)
	l := &left{rows: map[string]access.Request{"abc": r}}
	s := l.sweep()
	now := noon
	s.Now = func() time.Time { return now }
	var read []int // minutes
	for minute := range 300 {
		now = noon.Add(time.Duration(minute) * time.Minute)
		switch minute {
		case 100:
			approved(&r)
		case 101:
			r = told(0, now.Add(time.Hour), nil)
			r.GrantedAt = now
			show(r)
		case 163: // a minute late
			r.RevokedAt = now
		}
		l.rows["abc"], l.reads = r, 0
		(&look{Sweep: s, now: now}).sendMessages(t.Context(), []access.Due{{ID: "abc", At: dueOf(r)}})
		if l.reads > 0 {
			read = append(read, minute)
		}
	}
	if want := []int{0, 101, 162, 163}; !slices.Equal(read, want) || len(l.caughtUp) > 0 {
		t.Errorf("read in minutes %d, want %d; caught up %q", read, want, l.caughtUp)
	}
}

// A look uses rows that it has read already. Its own errors don't keep it from catching up,
// and errors of the catch-up don't make it fail.
func TestCatchUpAndTheLook(t *testing.T) {
	for _, fails := range []string{"", "Notify", "Running"} {
		r := told(time.Hour, noon.Add(-overdueAfter), func(r *access.Request) { r.RevokingAt = noon })
		l := &left{rows: map[string]access.Request{"abc": r}, running: []string{"arn:abc"}, failing: fails}
		if err := l.sweep().Look(t.Context()); (err != nil) != (fails == "Running") {
			t.Errorf("%q: %v", fails, err)
		}
		if fmt.Sprint(l.caughtUp) != "[abc]" || l.reads != 1 || len(l.removed) != 1 {
			t.Errorf("%q: caught up %q after %d reads, removed %v", fails, l.caughtUp, l.reads, l.removed)
		}
	}
}

// What is remembered follows the index.
func TestCatchUpForgetsWhatEnded(t *testing.T) {
	l := &left{rows: map[string]access.Request{"abc": told(5*time.Minute, noon.Add(time.Hour), nil)}}
	s := l.sweep()
	for _, want := range []int{1, 0} {
		open, _ := l.OpenRequests(t.Context())
		if (&look{Sweep: s, now: noon}).sendMessages(t.Context(), open); len(s.catchUps) != want {
			t.Errorf("it remembers %v, want %d", s.catchUps, want)
		}
		l.rows = map[string]access.Request{}
	}
}

// While Slack refuses the messages, notify is invoked every minute in the first hour. After
// that, it is invoked every ten minutes, and when the access becomes overdue.
func TestCatchUpSlowsDown(t *testing.T) {
	r := told(0, noon.Add(85*time.Minute), drop("dm-granted", "granted"))
	l := &left{rows: map[string]access.Request{"abc": r}}
	s := l.sweep()
	var invoked []int // minutes
	for minute := range 165 {
		now := noon.Add(time.Duration(minute) * time.Minute)
		s.Now = func() time.Time { return now }
		if !now.Before(r.End) {
			r.RevokingAt = r.End
		}
		l.rows["abc"], l.caughtUp, l.reads = r, nil, 0
		(&look{Sweep: s, now: now}).sendMessages(t.Context(), []access.Due{{ID: "abc", At: dueOf(r)}})
		if len(l.caughtUp) > 0 {
			invoked = append(invoked, minute)
		}
		if minute > 60 && minute < 86 && l.reads != len(l.caughtUp) {
			t.Errorf("minute %d: %d reads", minute, l.reads)
		}
	}
	var want []int
	for minute := 1; minute < 60; minute++ {
		want = append(want, minute)
	}
	want = append(want, 60, 70, 80)
	for minute := 86; minute < 146; minute++ { // overdue
		want = append(want, minute)
	}
	if want = append(want, 146, 156); !slices.Equal(invoked, want) {
		t.Errorf("invoked in minutes %d, want %d", invoked, want)
	}
}

// One look makes notify catch up a few requests. The others follow in their order, even if
// none succeeds.
func TestCatchUpsOfOneLook(t *testing.T) {
	for _, succeeds := range []bool{true, false} {
		const requests = 2*mostCatchUps + 5
		l := &left{rows: map[string]access.Request{}}
		s := l.sweep()
		var open []access.Due
		for i := range requests {
			r := told(5*time.Minute, noon.Add(time.Hour), drop("granted"))
			r.ID = fmt.Sprintf("r%02d", i)
			l.rows[r.ID] = r
			open = append(open, access.Due{ID: r.ID, At: dueOf(r)})
		}
		all := map[string]bool{}
		for minute := range 3 {
			now := noon.Add(time.Duration(minute) * time.Minute)
			s.Now, l.caughtUp = func() time.Time { return now }, nil
			(&look{Sweep: s, now: now}).sendMessages(t.Context(), open)
			want := mostCatchUps
			if succeeds {
				want = max(min(mostCatchUps, requests-len(all)), 0)
			}
			if len(l.caughtUp) != want {
				t.Errorf("succeeds: %t: caught up %d in minute %d, want %d", succeeds, len(l.caughtUp), minute, want)
			}
			for _, id := range l.caughtUp {
				if all[id] = true; succeeds {
					r := l.rows[id]
					r.Posts["granted"] = access.Post{Channel: "C1", TS: "1.2"}
					show(r)
				}
			}
		}
		if len(all) != requests {
			t.Errorf("succeeds: %t: caught up %d requests, want %d", succeeds, len(all), requests)
		}
	}
}
