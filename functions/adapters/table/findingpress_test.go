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

// Of many refused presses at once, none is lost and none is there twice, until the row has
// enough of them, of one person and in all.
func TestAddRefusedPress(t *testing.T) {
	s, _, _ := newStore(t)
	r := createRun(t, s, "one")
	press := func(person, finding int) access.RefusedPress {
		return access.RefusedPress{Finding: finding, Action: "finding_remove", By: access.Person{SlackID: fmt.Sprint("U", person)}, At: monday, Reason: access.RefusalNotApprover}
	}
	var all sync.WaitGroup
	for i := range 8 {
		all.Go(func() {
			if has, err := s.AddRefusedPress(ctx, r, press(1, i/2)); err != nil || has == nil || has.Finding != i/2 {
				t.Errorf("got %+v, %v", has, err)
			}
		})
	}
	all.Wait()
	rows := func() int {
		t.Helper()
		now, err := s.Run(ctx, "one")
		if err != nil {
			t.Fatal(err)
		}
		return len(now.RefusedPresses)
	}
	if n := rows(); n != 4 {
		t.Fatalf("the row has %d refused presses, want 4", n)
	}
	add := func(p access.RefusedPress, want bool) {
		t.Helper()
		if has, err := s.AddRefusedPress(ctx, r, p); err != nil || (has != nil) != want {
			t.Errorf("person %s, finding %d: %+v, %v; want it recorded: %t", p.By.SlackID, p.Finding, has, err, want)
		}
	}
	add(press(1, 4), true)
	add(press(1, 5), false) // five are enough of one person
	add(press(1, 3), true)  // it is there already
	for i := 5; i < access.MaxRefusedPresses; i++ {
		add(press(i, 0), true)
	}
	add(press(99, 0), false)
	if n := rows(); n != access.MaxRefusedPresses {
		t.Errorf("the row has %d refused presses, want %d", n, access.MaxRefusedPresses)
	}
	if has, err := s.AddRefusedPress(ctx, access.Run{ID: "none"}, press(1, 0)); has != nil || access.CodeOf(err) != access.CodeNotFound {
		t.Errorf("without a run: %+v, %v; want NotFound", has, err)
	}
}
