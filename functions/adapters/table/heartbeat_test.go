package table_test

import (
	"testing"
	"time"

	"sso-elevator/functions/adapters/table"
)

func TestBeat(t *testing.T) {
	s, _, _ := newStore(t)
	if b, found, err := s.Beat(ctx); found || err != nil {
		t.Fatalf("in an empty table: %+v, %v, %v", b, found, err)
	}
	// Fractions that RFC 3339 writes with fewer digits must not sort wrongly.
	second := monday.Truncate(time.Second)
	steps := []struct {
		put, want table.Beat
	}{
		{table.Beat{Run: "a", At: second}, table.Beat{Run: "a", At: second}},
		{table.Beat{Run: "b", At: second.Add(time.Nanosecond)}, table.Beat{Run: "b", At: second.Add(time.Nanosecond)}},
		{table.Beat{Run: "late", At: second}, table.Beat{Run: "b", At: second.Add(time.Nanosecond)}},
		{table.Beat{Run: "c", At: second.Add(500 * time.Millisecond)}, table.Beat{Run: "c", At: second.Add(500 * time.Millisecond)}},
		{table.Beat{Run: "c", At: second.Add(500 * time.Millisecond)}, table.Beat{Run: "c", At: second.Add(500 * time.Millisecond)}},
	}
	for _, step := range steps {
		if err := s.PutBeat(ctx, step.put); err != nil {
			t.Fatalf("%+v: %v", step.put, err)
		}
		if got, found, err := s.Beat(ctx); got != step.want || !found || err != nil {
			t.Errorf("after %+v: got %+v, %v, %v; want %+v", step.put, got, found, err, step.want)
		}
	}
}
