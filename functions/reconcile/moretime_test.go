package reconcile

import (
	"context"
	"slices"
	"testing"
	"time"

	"sso-elevator/functions/access"
	"sso-elevator/functions/adapters/host"
)

// offering is a sweep that offers more time half an hour before the end. offered lists to
// whom.
func (l *left) offering(offered *[]string) *Sweep {
	s := l.sweep()
	s.ExtensionOffer = 30 * time.Minute
	s.Notify = func(_ context.Context, operation, id string) error {
		if operation != host.OperationMoreTime {
			return nil
		}
		l.mu.Lock()
		defer l.mu.Unlock()
		*offered = append(*offered, id)
		return l.fail("Offer")
	}
	return s
}

// endsIn returns a request whose access began long ago.
func endsIn(in time.Duration, change func(*access.Request)) access.Request {
	r := asked(8*time.Hour, active(noon.Add(in)))
	r.GrantedAt = noon.Add(-8 * time.Hour)
	if change != nil {
		change(&r)
	}
	return r
}

func TestLookOffersMoreTime(t *testing.T) {
	key := func(r access.Request) string { s := r.Subject(); return s.Key() }
	for _, test := range []struct {
		name  string
		row   access.Request
		lease func(*access.Lease)
		fails string
		off   bool
		want  int // how often it is offered in two looks, while nobody posts it
		reads int // of rows, for the offers of two looks
	}{
		{name: "soon", row: endsIn(29*time.Minute, nil), want: 2, reads: 2},
		{name: "exactly then", row: endsIn(30*time.Minute, nil), want: 2, reads: 2},
		{name: "not yet", row: endsIn(30*time.Minute+time.Second, nil)},
		{name: "off", row: endsIn(29*time.Minute, nil), off: true},
		{name: "not half over", row: endsIn(29*time.Minute, func(r *access.Request) {
			r.GrantedAt, r.Duration = noon.Add(-time.Minute), 30*60
		}), reads: 1},
		{name: "posted", row: endsIn(29*time.Minute, func(r *access.Request) {
			r.Posts = map[string]access.Post{"dm-more_time": {Channel: "D1", TS: "1.1"}}
		}), reads: 1},
		{name: "perhaps posted", row: endsIn(29*time.Minute, func(r *access.Request) {
			r.Posts = map[string]access.Post{"dm-more_time": {Channel: "D1"}}
		}), want: 2, reads: 2},
		{name: "given up", row: endsIn(29*time.Minute, func(r *access.Request) { r.Tombstone = true }), reads: 2},
		{name: "an undecided request that expires soon", row: asked(8*time.Hour-10*time.Minute, nil), reads: 2},
		{name: "extended", row: endsIn(29*time.Minute, nil), reads: 2,
			lease: func(l *access.Lease) { l.Holders["other"] = access.Holder{End: noon.Add(time.Hour)} }},
		{name: "an earlier one", row: endsIn(29*time.Minute, nil), want: 2, reads: 2,
			lease: func(l *access.Lease) { l.Holders["other"] = access.Holder{End: noon.Add(time.Minute)} }},
		{name: "the lease can't be read", row: endsIn(29*time.Minute, nil), fails: "Lease", reads: 2},
		{name: "the row can't be read", row: endsIn(29*time.Minute, nil), fails: "Get", reads: 2},
		{name: "notify can't be invoked", row: endsIn(29*time.Minute, nil), fails: "Offer", want: 2, reads: 2},
	} {
		t.Run(test.name, func(t *testing.T) {
			lease := access.Lease{Subject: test.row.Subject(), SettlesAt: noon.Add(time.Hour), Holders: map[string]access.Holder{"abc": {End: test.row.End}}}
			if test.lease != nil {
				test.lease(&lease)
			}
			var offered []string
			l := &left{rows: map[string]access.Request{"abc": test.row}, running: []string{"arn:abc"}, leases: map[string]access.Lease{key(test.row): lease}}
			s := l.offering(&offered)
			if test.off {
				s.ExtensionOffer = 0
			}
			for range 2 {
				l.failing = ""
				open, _ := l.OpenRequests(t.Context())
				l.failing = test.fails
				s.offerMoreTime(t.Context(), open)
			}
			if len(offered) != test.want || l.reads != test.reads {
				t.Errorf("offered %d times with %d reads, want %d and %d", len(offered), l.reads, test.want, test.reads)
			}
		})
	}
}

// A look offers at its end. Failing offers don't make it fail, and a failing look still
// offers.
func TestOffersAndTheLook(t *testing.T) {
	for _, fails := range []string{"", "Offer", "Running"} {
		late := asked(time.Hour, active(noon.Add(-time.Hour)))
		late.ID = "late"
		l := &left{rows: map[string]access.Request{"abc": endsIn(time.Minute, nil), "late": late}, running: []string{"arn:abc"},
			states: map[string]ExecutionState{"arn:abc": Ended}, failing: fails}
		var offered []string
		s := l.offering(&offered)
		offer := s.Notify
		s.Notify = func(ctx context.Context, operation, id string) error {
			if len(l.removed) != 1 || fails == "" && len(l.counted) == 0 {
				t.Error("offered before the end of the look")
			}
			return offer(ctx, operation, id)
		}
		if err := s.Look(t.Context()); (err != nil) != (fails == "Running") {
			t.Errorf("%q: %v", fails, err)
		}
		if !slices.Equal(offered, []string{"abc"}) {
			t.Errorf("%q: offered %q", fails, offered)
		}
	}
}

// A slow table takes only a few seconds of a look for offers and for what is missing.
func TestNotifyIsBounded(t *testing.T) {
	var offered []string
	l := &left{rows: map[string]access.Request{"abc": endsIn(time.Minute, nil)}}
	s := l.offering(&offered)
	notified := map[string]bool{}
	s.Notify = func(ctx context.Context, operation, _ string) error {
		l.mu.Lock()
		defer l.mu.Unlock()
		notified[operation] = true
		deadline, ok := ctx.Deadline()
		if !ok || time.Until(deadline) > notifyTimeout {
			t.Errorf("the deadline is %s", deadline)
		}
		return nil
	}
	if err := s.Look(t.Context()); err != nil {
		t.Error(err)
	}
	if !notified[host.OperationMoreTime] || !notified[host.OperationCatchUp] {
		t.Errorf("notified of %v", notified)
	}
}

// What is remembered follows the index.
func TestOffersForgetsWhatEnded(t *testing.T) {
	var offered []string
	posted := func(r *access.Request) { r.Posts = map[string]access.Post{"dm-more_time": {Channel: "D1", TS: "1.1"}} }
	l := &left{rows: map[string]access.Request{"abc": endsIn(time.Minute, posted)}}
	s := l.offering(&offered)
	for _, want := range []int{1, 0} {
		open, _ := l.OpenRequests(t.Context())
		if s.offerMoreTime(t.Context(), open); len(s.offers) != want {
			t.Errorf("it remembers %v, want %d", s.offers, want)
		}
		l.rows = map[string]access.Request{}
	}
}
