package audit

import (
	"context"
	"log/slog"
	"testing"
	"time"

	"sso-elevator/functions/access"
	"sso-elevator/functions/adapters/host"
)

// readTable counts the reads of the row, and closes only a row whose events are recorded.
type readTable struct {
	*world
	reads int
}

func (t *readTable) Get(ctx context.Context, id string) (access.Request, error) {
	t.reads++
	return t.world.Get(ctx, id)
}

func (t *readTable) Close(ctx context.Context, id string, recorded int, at time.Time, ttl time.Duration) error {
	if recorded != len(t.row.Events) {
		return access.Errorf(access.CodeUnavailable, "there are more events")
	}
	if !t.row.IsClosable() {
		return access.Errorf(access.CodeLost, "its access has not been removed yet")
	}
	return t.world.Close(ctx, id, recorded, at, ttl)
}

// The process that recorded the removal closes the request without reading it. It reads
// the row if the row has changed, and another process does so first.
func TestCloseUsesTheRowThatWasMarked(t *testing.T) {
	more := func(w *world) {
		w.row.Events = append(w.row.Events, access.Event{Kind: access.EventRevokeFailed, At: now})
	}
	for _, test := range []struct {
		name    string
		between func(*world)
		id      string // of the request that is closed
		another bool   // process
		reads   int    // by close
		code    access.Code
	}{
		{name: "nothing has changed", id: "r1"},
		{name: "another process", id: "r1", another: true, reads: 1},
		{name: "another request", id: "r2", reads: 1},
		{name: "there is one more event", id: "r1", between: more, reads: 1},
		{name: "a row with the same id, without removal", id: "r1", between: func(w *world) { w.row.RevokedAt, w.row.Removal = time.Time{}, "" }, reads: 1, code: access.CodeInternal},
		{name: "the bucket fails", id: "r1", between: func(w *world) { more(w); w.refuses = 0 }, reads: 1, code: access.CodeUnavailable},
	} {
		t.Run(test.name, func(t *testing.T) {
			w := &readTable{world: &world{row: revoked(access.RemovalDone), refuses: -1}}
			make := func() *Handler {
				return &Handler{Table: w, Claims: w, Findings: w, Records: w, Policy: w, Now: func() time.Time { return now }, Count: w.count, Measure: w.measure, Logger: slog.New(slog.DiscardHandler)}
			}
			h := make()
			if _, err := h.Handle(t.Context(), Input{Input: host.Input{Operation: "revoked", RequestID: "r1"}}); err != nil {
				t.Fatal(err)
			}
			if test.between != nil {
				test.between(w.world)
			}
			if test.another {
				h = make()
			}
			w.reads = 0
			_, err := h.Handle(t.Context(), Input{Input: host.Input{Operation: "close", RequestID: test.id}})
			if access.CodeOf(err) != test.code || w.reads != test.reads || w.closed != (test.code == "") {
				t.Errorf("%v, closed %t after %d reads; want code %q after %d", err, w.closed, w.reads, test.code, test.reads)
			}
			// The known row is used once.
			if w.reads = 0; test.code == "" {
				if _, err := h.Handle(t.Context(), Input{Input: host.Input{Operation: "close", RequestID: test.id}}); err != nil || w.reads != 1 {
					t.Errorf("a second close: %v after %d reads, want 1", err, w.reads)
				}
			}
		})
	}
}
