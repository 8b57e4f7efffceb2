package ingress

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"sso-elevator/functions/access"
)

// inState returns jane's request in a state.
func inState(id string, change func(*access.Request)) access.Request {
	r := waiting()
	r.ID = id
	change(&r)
	return r
}

func TestMine(t *testing.T) {
	granted := func(r *access.Request) {
		r.Outcome = &access.Outcome{Kind: access.OutcomeApproved, By: ann, At: now}
		r.GrantedAt, r.End = now, now.Add(time.Hour)
	}
	requests := []access.Request{
		inState("waits", func(r *access.Request) { r.CreatedAt = now.Add(-time.Hour) }),
		inState("waits-later", func(*access.Request) {}),
		inState("approved", func(r *access.Request) {
			r.CreatedAt, r.Outcome = now.Add(-2*time.Hour), &access.Outcome{Kind: access.OutcomeApproved}
		}),
		inState("active", granted),
		inState("ends-first", func(r *access.Request) { granted(r); r.End = now.Add(time.Minute) }),
		inState("ended-early", func(r *access.Request) { granted(r); r.EndRequest = &access.EndRequest{By: jane, At: now} }),
		inState("being-removed", func(r *access.Request) { granted(r); r.RevokingAt = now }),
		inState("given-up-on", func(r *access.Request) { granted(r); r.Tombstone = true }),
		inState("removed", func(r *access.Request) { granted(r); r.RevokingAt, r.RevokedAt = now, now }),
		inState("denied", func(r *access.Request) { r.Outcome = &access.Outcome{Kind: access.OutcomeDenied} }),
		inState("closed", func(r *access.Request) { r.Outcome = &access.Outcome{Kind: access.OutcomeExpired}; r.ClosedAt = now }),
		inState("interrupted", func(r *access.Request) { r.Tombstone = true }),
		inState("failed", func(r *access.Request) {
			r.Outcome, r.Failure = &access.Outcome{Kind: access.OutcomeApproved}, &access.Failure{}
		}),
		inState("second-user", func(r *access.Request) { granted(r); r.Requester = twin; r.End = now.Add(2 * time.Hour) }),
		inState("someone-else", func(r *access.Request) { granted(r); r.Requester = ann }),
	}
	w := newWorld()
	for _, r := range requests {
		w.rows[r.ID] = r
	}
	for _, test := range []struct {
		name            string
		change          func(*world)
		most            int
		active, pending string
		more            int
		older           bool
		failed          bool
	}{
		{name: "all", most: 20, active: "ends-first active being-removed ended-early given-up-on second-user", pending: "waits-later waits approved"},
		// Access comes first.
		{name: "some", most: 6, active: "ends-first active being-removed ended-early given-up-on second-user", more: 5},
		{name: "the index is behind", most: 20, change: func(w *world) {
			w.behind = map[string]access.Request{"removed": requests[3], "active": requests[0], "denied": requests[0], "closed": requests[0]}
			for id, r := range w.behind {
				r.ID = id
				w.behind[id] = r
			}
		}, active: "ends-first active being-removed ended-early given-up-on second-user", pending: "waits-later waits approved"},
		{name: "a row is gone", most: 20, change: func(w *world) { delete(w.rows, "waits"); delete(w.rows, "active") },
			active: "ends-first being-removed ended-early given-up-on second-user", pending: "waits-later approved"},
		{name: "more than are searched", most: 20, change: func(w *world) {
			for i := range searchedRequests {
				id := fmt.Sprint("x", i)
				w.rows[id] = inState(id, func(r *access.Request) { r.CreatedAt = now.Add(time.Minute); r.ClosedAt = now })
			}
		}, older: true},
		{name: "no index", most: 20, change: func(w *world) { w.indexErr = access.Errorf(access.CodeUnavailable, "no answer") }, failed: true},
	} {
		t.Run(test.name, func(t *testing.T) {
			w := newWorld()
			for _, r := range requests {
				w.rows[r.ID] = r
			}
			if test.change != nil {
				test.change(w)
			}
			m, err := w.handler().mine(t.Context(), "p-jane", test.most)
			if (err != nil) != test.failed {
				t.Fatal(err)
			}
			names := func(all []access.Request) string {
				var ids []string
				for _, r := range all {
					ids = append(ids, r.ID)
				}
				return strings.Join(ids, " ")
			}
			// Those that end at the same time are in any order.
			slices.SortStableFunc(m.Active, func(a, b access.Request) int {
				if c := a.End.Compare(b.End); c != 0 {
					return c
				}
				return strings.Compare(a.ID, b.ID)
			})
			if names(m.Active) != test.active || names(m.Pending) != test.pending || m.More != test.more || m.Older != test.older {
				t.Errorf("active %q, pending %q, more %d, older %t", names(m.Active), names(m.Pending), m.More, m.Older)
			}
		})
	}
}

// A list that leaves something out because of a failure would look complete.
func TestMineFailsWithARow(t *testing.T) {
	w := newWorld()
	w.rows["r1"], w.rows["r2"] = waiting(), inState("r2", func(*access.Request) {})
	h := w.handler()
	h.Table = failingGet{w, "r2"}
	if m, err := h.mine(t.Context(), "p-jane", 20); access.CodeOf(err) != access.CodeUnavailable || len(m.Pending) > 0 {
		t.Errorf("got %+v, %v", m, err)
	}
}

// An access and its extension are one row, as long as the extension has access. Then its
// buttons end all of it, and extend it.
func TestExtendedAccessIsOneRow(t *testing.T) {
	row := func(id, extends string, end time.Duration, change ...func(*access.Request)) access.Request {
		r := active()
		r.ID, r.Extends, r.End = id, extends, now.Add(end)
		for _, c := range change {
			c(&r)
		}
		return r
	}
	ended := func(r *access.Request) { r.EndRequest = &access.EndRequest{By: jane, At: now} }
	for _, tt := range []struct {
		name string
		rows []access.Request
		want string
	}{
		{"an extension", []access.Request{row("a", "", time.Hour), row("b", "a", 2*time.Hour)}, "b"},
		{"a chain of three", []access.Request{row("a", "", time.Hour), row("b", "a", 2*time.Hour), row("c", "b", 3*time.Hour)}, "c"},
		{"two that run in parallel", []access.Request{row("a", "", time.Hour), row("b", "", 2*time.Hour)}, "a b"},
		{"an extension of what has ended", []access.Request{row("b", "a", 2*time.Hour)}, "b"},
		{"someone ended the extension", []access.Request{row("a", "", time.Hour), row("b", "a", 2*time.Hour, ended)}, "a b"},
		{"the extension is being removed", []access.Request{row("a", "", time.Hour), row("b", "a", 2*time.Hour, func(r *access.Request) { r.RevokingAt = now })}, "a b"},
		{"the extension is given up on", []access.Request{row("a", "", time.Hour), row("b", "a", 2*time.Hour, func(r *access.Request) { r.Tombstone = true })}, "a b"},
		{"the extension isn't granted yet", []access.Request{row("a", "", time.Hour), row("b", "a", 2*time.Hour, func(r *access.Request) { r.GrantedAt = time.Time{} })}, "a"},
	} {
		for _, unindexed := range []bool{false, true} {
			w := newWorld()
			w.unindexed = map[string]bool{}
			for _, r := range tt.rows {
				w.rows[r.ID] = r
				w.unindexed[r.ID] = unindexed
			}
			h := w.handler()
			m, err := h.mine(t.Context(), "p-jane", 20)
			if err != nil {
				t.Fatal(err)
			}
			home := h.home(t.Context(), h.Logger, jane)
			lists := map[string][]access.Request{"home": home.Access.Requests}
			if !unindexed {
				lists["/access list"] = m.withoutExtended()
			}
			for where, list := range lists {
				if got := strings.Join(idsIn(list), " "); got != tt.want {
					t.Errorf("%s, %s: %q, want %q", tt.name, where, got, tt.want)
				}
			}
		}
	}
}

func idsIn(requests []access.Request) (ids []string) {
	for _, r := range requests {
		ids = append(ids, r.ID)
	}
	return ids
}

// End now on the row of the extension ends the access that isn't shown, too.
func TestEndNowOnTheOnlyRow(t *testing.T) {
	w := newWorld()
	w.rows["r1"] = active()
	w.beside("r2", func(r *access.Request) { r.Extends, r.End = "r1", now.Add(2*time.Hour) })
	h := w.handler()
	h.showHome(t.Context(), h.Logger, "UJANE", "", true)
	if text := shownText(w.homes[0].view); strings.Count(text, "End now") != 1 || !strings.Contains(text, "r2") || strings.Contains(text, "r1") {
		t.Errorf("the tab shows %q", text)
	}
	w.send(t, pressOnHomeBy("UJANE", "end", "r2"))
	for _, id := range []string{"r1", "r2"} {
		if w.rows[id].EndRequest == nil {
			t.Errorf("%s goes on", id)
		}
	}
}
