package table_test

import (
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"sso-elevator/functions/access"
)

// Of many presses at once, each is either in the row, or its caller learns that others
// came first.
func TestAddPressLosesNoPress(t *testing.T) {
	s, _, _ := newStore(t)
	r := createRun(t, s, "one")
	var won atomic.Int64
	var all sync.WaitGroup
	for i := range 20 {
		all.Go(func() {
			press := access.FindingPress{Finding: i, Remove: i%2 == 0, By: access.Person{SlackID: fmt.Sprint("U", i)}, At: monday}
			now, ok, err := s.AddPress(ctx, r, press)
			if err != nil {
				t.Error(err)
			}
			if ok {
				won.Add(1)
				equal(t, "winner's row", now.Presses, []access.FindingPress{press})
			} else if len(now.Presses) != 1 {
				t.Errorf("a press that came later sees %+v", now.Presses)
			}
		})
	}
	all.Wait()
	if won.Load() != 1 {
		t.Errorf("%d presses won on a row without presses, want 1", won.Load())
	}
	before, err := s.Run(ctx, "one")
	if err != nil {
		t.Fatal(err)
	}
	second := access.FindingPress{Finding: 30, By: access.Person{SlackID: "U30"}, At: monday, Until: monday.Add(time.Hour)}
	now, ok, err := s.AddPress(ctx, before, second)
	if err != nil || !ok || len(now.Presses) != 2 {
		t.Errorf("a second press: %+v, %t, %v", now.Presses, ok, err)
	}
	equal(t, "the second press", *now.PressAbout(30), second)
}

func TestAddPressToNoRun(t *testing.T) {
	s, _, _ := newStore(t)
	if _, won, err := s.AddPress(ctx, access.Run{ID: "none"}, access.FindingPress{At: monday}); won || access.CodeOf(err) != access.CodeNotFound {
		t.Errorf("won %t, %v; want NotFound", won, err)
	}
	if err := s.AddPressResult(ctx, access.Run{ID: "none"}, access.PressResult{At: monday}); access.CodeOf(err) != access.CodeNotFound {
		t.Errorf("result: %v; want NotFound", err)
	}
}

func TestAddPressResult(t *testing.T) {
	s, _, _ := newStore(t)
	r := createRun(t, s, "one")
	if err := s.AddPressResult(ctx, r, access.PressResult{Finding: 1, Result: access.DriftFailed, At: monday}); err != nil {
		t.Fatal(err)
	}
	if err := s.AddPressResult(ctx, r, access.PressResult{Finding: 2, Result: access.DriftRemoved, At: monday}); access.CodeOf(err) != access.CodeConflict {
		t.Errorf("from an old row: %v, want Conflict", err)
	}
	now, err := s.Run(ctx, "one")
	if err != nil {
		t.Fatal(err)
	}
	if now.IsPressDone(1) || now.PressResultOf(1) != access.DriftFailed {
		t.Errorf("results %+v", now.PressResults)
	}
	if err := s.AddPressResult(ctx, now, access.PressResult{Finding: 1, Result: access.DriftRemoved, At: monday}); err != nil {
		t.Fatal(err)
	}
	if now, err = s.Run(ctx, "one"); err != nil || !now.IsPressDone(1) || now.PressResultOf(1) != access.DriftRemoved || now.PressResultOf(2) != "" {
		t.Errorf("results %+v, %v", now.PressResults, err)
	}
}

// The latest leave counts, in whatever order they are written.
func TestPutLeave(t *testing.T) {
	s, client, tableName := newStore(t)
	const subject = "account#111122223333#arn:ps#p-1"
	leave := func(minutes int) access.Leave {
		at := monday.Add(time.Duration(minutes) * time.Minute)
		return access.Leave{
			FindingRef: access.FindingRef{Run: "r", Index: minutes}, Subject: subject, By: access.Person{SlackID: "U1"}, At: at, Until: at.Add(24 * time.Hour),
		}
	}
	if _, found, err := s.Leave(ctx, subject); found || err != nil {
		t.Errorf("found %t, %v", found, err)
	}
	for _, step := range []struct{ put, want int }{{5, 5}, {3, 5}, {5, 5}, {90, 90}, {60, 90}} {
		if err := s.PutLeave(ctx, leave(step.put)); err != nil {
			t.Fatal(err)
		}
		l, found, err := s.Leave(ctx, subject)
		if err != nil || !found {
			t.Fatal(found, err)
		}
		equal(t, "leave", l, leave(step.want))
	}
	if got, want := text(rawRow(t, client, tableName, "left#"+subject)["expires"]), fmt.Sprint(leave(90).Until.Add(60*24*time.Hour).Unix()); got != want {
		t.Errorf("expires = %s, want %s", got, want)
	}
}
