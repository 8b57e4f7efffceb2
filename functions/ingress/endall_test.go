package ingress

import (
	"slices"
	"testing"
	"time"

	"sso-elevator/functions/access"
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

func TestEndNowEndsAll(t *testing.T) {
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
			change: func(w *world) {
				for _, l := range w.leases {
					l.Holders["r0"] = access.Holder{} // it has no row
				}
			}},
		{name: "the other can't be ended", user: "UJANE", resumed: []string{"end-token {}"}, told: []string{again},
			change: func(w *world) { w.endErr = broken }},
		{name: "the row of the other is gone", user: "UJANE", resumed: []string{"end-token {}"}, told: []string{again},
			change: func(w *world) { delete(w.rows, "r2") }},
		{name: "the machine of the other can't be resumed", user: "UJANE", wantEnded: true, resumed: []string{"end-token {}", "r2-token {}"},
			change: func(w *world) { w.resumeErr = broken },
			told:   []string{"Your press is recorded, but the removal could not start. Please press End now again. Otherwise the access ends at 13:00 UTC on 1 January."}},
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
			if first := w.rows["r1"].EndRequest; end != nil && *end != *first {
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

func (w *world) end(id string, e access.EndRequest) {
	r := w.rows[id]
	r.EndRequest = &e
	w.rows[id] = r
}
