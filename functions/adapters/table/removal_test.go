package table_test

import (
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"sso-elevator/functions/access"
)

// The first result of a removal stays. A subject's latest result is found by its key.
func TestRemoval(t *testing.T) {
	s, client, tableName := newStore(t)
	const subject = "account#111122223333#arn:ps#p-1"
	first := access.DriftRemoval{FindingRef: access.FindingRef{Run: "run-1", Index: 7}, Subject: subject, Result: access.DriftRemoved, At: monday}
	if r, found, err := s.Removal(ctx, first.FindingRef); found || err != nil {
		t.Fatalf("in an empty table: %+v, %v, %v", r, found, err)
	}
	if r, found, err := s.LatestRemoval(ctx, subject); found || err != nil {
		t.Fatalf("in an empty table: %+v, %v, %v", r, found, err)
	}
	changed := first
	changed.Result, changed.At = access.DriftAlreadyGone, monday.Add(time.Hour)
	for _, put := range []access.DriftRemoval{first, changed, first} {
		got, err := s.PutRemoval(ctx, put)
		if err != nil {
			t.Fatal(err)
		}
		equal(t, "answered", got, first)
	}
	second := access.DriftRemoval{FindingRef: access.FindingRef{Run: "run-2"}, Subject: subject, Result: access.DriftAlreadyGone, At: monday.Add(2 * time.Hour)}
	if _, err := s.PutRemoval(ctx, second); err != nil {
		t.Fatal(err)
	}
	for _, want := range []access.DriftRemoval{first, second} {
		got, found, err := s.Removal(ctx, want.FindingRef)
		if !found || err != nil {
			t.Fatalf("Removal(%+v) = %v, %v", want.FindingRef, found, err)
		}
		equal(t, "removal", got, want)
	}
	latest, found, err := s.LatestRemoval(ctx, subject)
	if !found || err != nil {
		t.Fatalf("LatestRemoval = %v, %v", found, err)
	}
	equal(t, "latest", latest, second)
	// Run names have no "#", so no two findings share a key.
	row := rawRow(t, client, tableName, "removal#run#run-1#7")
	equal(t, "attributes", names(row), map[string]bool{"pk": true, "expires": true, "run": true, "index": true, "subject": true, "result": true, "at": true})
	if got, want := text(row["expires"]), fmt.Sprint(monday.Add(60*24*time.Hour).Unix()); got != want {
		t.Errorf("expires = %s, want %s: 60 days after the removal", got, want)
	}
}

// A removal counts for 24 hours, and for up to ten minutes more.
func TestReserveRemoval(t *testing.T) {
	s, _, _ := newStore(t)
	at := monday.Truncate(10 * time.Minute)
	steps := []struct {
		after time.Duration // since at
		limit int
		want  access.Code
		count int // then
	}{
		{0, 0, access.CodeOverLimit, 0},
		{0, 2, "", 1},
		{9 * time.Minute, 2, "", 2},
		{9 * time.Minute, 2, access.CodeOverLimit, 2},
		{time.Hour, 3, "", 3},
		{24 * time.Hour, 3, access.CodeOverLimit, 3},
		{24*time.Hour + 9*time.Minute + 59*time.Second, 3, access.CodeOverLimit, 3},
		{24*time.Hour + 10*time.Minute, 3, "", 2},
		{25*time.Hour + 10*time.Minute, 2, "", 2},
		{72 * time.Hour, 1, "", 1},
	}
	for _, step := range steps {
		now := at.Add(step.after)
		wantCode(t, s.ReserveRemoval(ctx, now, step.limit), step.want)
		if n, err := s.CountRemovals(ctx, now); n != step.count || err != nil {
			t.Errorf("after %v there are %d removals, %v; want %d", step.after, n, err, step.count)
		}
	}
}

// Functions that run at the same time don't exceed the limit.
func TestReserveRemovalsAtOnce(t *testing.T) {
	s, _, _ := newStore(t)
	const limit, functions = 3, 12
	var reserved atomic.Int64
	var all sync.WaitGroup
	for range functions {
		all.Go(func() {
			for {
				err := s.ReserveRemoval(ctx, monday, limit)
				switch access.CodeOf(err) {
				case "":
					reserved.Add(1)
				case access.CodeConflict:
					continue
				case access.CodeOverLimit:
				default:
					t.Error(err)
				}
				return
			}
		})
	}
	all.Wait()
	if n, err := s.CountRemovals(ctx, monday); reserved.Load() != limit || n != limit || err != nil {
		t.Errorf("%d reserved, %d counted, %v; want %d", reserved.Load(), n, err, limit)
	}
}
