package table_test

import (
	"testing"
	"time"

	"sso-elevator/functions/access"
)

// Of two scans that write at once, one wins. AskToYield and PutPace keep what the other one
// wrote.
func TestPace(t *testing.T) {
	s, _, _ := newStore(t)
	if err := s.AskToYield(ctx, monday); err != nil {
		t.Errorf("AskToYield without a row: %v, want no error", err)
	}
	if p, err := s.Pace(ctx); err != nil || p != (access.Pace{}) {
		t.Fatalf("in an empty table: %+v, %v", p, err)
	}
	first, _ := access.Pace{}.Reserve(monday, 5, false)
	stored, won, err := s.PutPace(ctx, first)
	first.Version = 1
	if err != nil || !won {
		t.Fatalf("the first write: %v, %v", won, err)
	}
	equal(t, "the first write", stored, first)
	if _, won, err := s.PutPace(ctx, access.Pace{Rate: 1}); won || err != nil {
		t.Errorf("another first write: %v, %v; want it to lose", won, err)
	}
	until := monday.Add(2 * time.Second)
	if err := s.AskToYield(ctx, until); err != nil {
		t.Fatal(err)
	}
	second, _ := first.Reserve(monday.Add(time.Second), 5, true)
	stored, won, err = s.PutPace(ctx, second)
	second.Version, second.YieldUntil = 2, until
	if err != nil || !won {
		t.Fatalf("the second write: %v, %v", won, err)
	}
	equal(t, "the second write", stored, second)
	if _, won, err := s.PutPace(ctx, first); won || err != nil {
		t.Errorf("a write of the first version: %v, %v; want it to lose", won, err)
	}
	p, err := s.Pace(ctx)
	if err != nil {
		t.Fatal(err)
	}
	equal(t, "the row", p, second)
}
