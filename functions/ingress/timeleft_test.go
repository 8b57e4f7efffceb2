package ingress

import (
	"context"
	"testing"
	"testing/synctest"
	"time"
)

func TestTimeLeft(t *testing.T) {
	for _, tt := range []struct {
		name    string
		arrived int64
		want    time.Duration
	}{
		{"just now", now.UnixMilli(), responseTimeout},
		{"before a cold start", now.Add(-700 * time.Millisecond).UnixMilli(), responseTimeout - 700*time.Millisecond},
		{"long ago", now.Add(-time.Minute).UnixMilli(), minTimeout},
		{"by a clock that is ahead", now.Add(time.Minute).UnixMilli(), responseTimeout},
		{"nobody says when", 0, responseTimeout},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if got := timeLeft(tt.arrived, now); got != tt.want {
				t.Errorf("got %s, want %s", got, tt.want)
			}
		})
	}
}

// After the lookups, enough time is left for the reply.
func TestWorking(t *testing.T) {
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Second)
	defer cancel()
	all, _ := ctx.Deadline()
	work, cancel := workContext(ctx)
	defer cancel()
	if got, _ := work.Deadline(); all.Sub(got) != tellTime {
		t.Errorf("finding out ends %s before the answer, want %s", all.Sub(got), tellTime)
	}
}

// A request that waited for a cold start has that much less time.
func TestColdStartCounts(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld()
		event := sign(payload("shortcut", "UJANE", object{"callback_id": "request_for_access", "trigger_id": "1.2"}), now)
		event.RequestContext.TimeEpoch = now.Add(-1100 * time.Millisecond).UnixMilli()
		if _, err := w.handler().Handle(t.Context(), event); err != nil {
			t.Fatal(err)
		}
		if want := responseTimeout - 1100*time.Millisecond; w.timeLeft() != want {
			t.Errorf("the form was opened with %s left, want %s", w.timeLeft(), want)
		}
	})
}
