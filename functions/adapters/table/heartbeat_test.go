package table_test

import (
	"testing"
	"time"

	"sso-elevator/functions/access"
)

func TestBeat(t *testing.T) {
	s, _, _ := newStore(t)
	if b, found, err := s.Heartbeat(ctx); found || err != nil {
		t.Fatalf("in an empty table: %+v, %v, %v", b, found, err)
	}
	// RFC 3339 times with fewer fractional digits must still sort correctly.
	second := monday.Truncate(time.Second)
	steps := []struct {
		put, want access.Heartbeat
	}{
		{access.Heartbeat{Run: "a", At: second}, access.Heartbeat{Run: "a", At: second}},
		{access.Heartbeat{Run: "b", At: second.Add(time.Nanosecond)}, access.Heartbeat{Run: "b", At: second.Add(time.Nanosecond)}},
		{access.Heartbeat{Run: "late", At: second}, access.Heartbeat{Run: "b", At: second.Add(time.Nanosecond)}},
		{access.Heartbeat{Run: "c", At: second.Add(500 * time.Millisecond)}, access.Heartbeat{Run: "c", At: second.Add(500 * time.Millisecond)}},
		{access.Heartbeat{Run: "c", At: second.Add(500 * time.Millisecond)}, access.Heartbeat{Run: "c", At: second.Add(500 * time.Millisecond)}},
	}
	for _, step := range steps {
		if err := s.PutHeartbeat(ctx, step.put); err != nil {
			t.Fatalf("%+v: %v", step.put, err)
		}
		if got, found, err := s.Heartbeat(ctx); got != step.want || !found || err != nil {
			t.Errorf("after %+v: got %+v, %v, %v; want %+v", step.put, got, found, err, step.want)
		}
	}
}
