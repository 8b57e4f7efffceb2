package table_test

import (
	"fmt"
	"reflect"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"sso-elevator/functions/access"
	"sso-elevator/functions/adapters/table"
)

// run is a run that asks, as reconcile writes it.
func run(id string) access.Run {
	return access.Run{
		ID: id, Mode: access.DriftRevoke, StartedAt: monday, ExecutionARN: "arn:aws:states:::execution:r:" + id,
		Guard: access.GuardTooMany, Removals: 12, InScope: [][2]int{{3, 4}}, Approvers: []string{"ann@example.com", "bob@example.com"},
	}
}

func createRun(t *testing.T, s *table.Table, id string) access.Run {
	t.Helper()
	if err := s.CreateRun(ctx, run(id)); err != nil {
		t.Fatal(err)
	}
	r, err := s.Run(ctx, id)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func TestCreateRunKeepsTheFirst(t *testing.T) {
	s, client, tableName := newStore(t)
	want := run("one")
	want.Posts = map[string]access.Post{}
	equal(t, "created", createRun(t, s, "one"), want)

	answer := access.RunAnswer{Remove: true, By: access.Person{SlackID: "U1"}, At: monday, Findings: [][2]int{{0, 3}, {7, 12}}}
	if _, _, err := s.AnswerRun(ctx, want, answer, true); err != nil {
		t.Fatal(err)
	}
	want.Answers, want.Answer = []access.RunAnswer{answer}, &access.RunAnswer{Remove: true, By: answer.By, At: monday}
	equal(t, "created again", createRun(t, s, "one"), want)

	row := rawRow(t, client, tableName, "run#one")
	equal(t, "attributes", names(row), map[string]bool{
		"pk": true, "expires": true, "id": true, "mode": true, "started_at": true, "execution_arn": true, "token_execution_arn": true,
		"guard": true, "removals": true, "in_scope": true, "approvers": true, "answers": true, "answer": true, "posts": true,
	})
	if got, want := text(row["expires"]), fmt.Sprint(monday.Add(60*24*time.Hour).Unix()); got != want {
		t.Errorf("expires = %s, want %s: 60 days after the start", got, want)
	}
}

func TestRunUnknown(t *testing.T) {
	s, client, _ := newStore(t)
	// A request is not a run with the same id, nor the other way round.
	create(t, s, "nobody")
	_, err := s.Run(ctx, "nobody")
	wantCode(t, err, access.CodeNotFound)
	_, _, err = s.AnswerRun(ctx, run("nobody"), access.RunAnswer{At: monday}, false)
	wantCode(t, err, access.CodeNotFound)
	_, _, err = s.ExpireRun(ctx, "nobody", monday)
	wantCode(t, err, access.CodeNotFound)
	_, err = s.StoreRunToken(ctx, "nobody", "arn:run", "token")
	wantCode(t, err, access.CodeNotFound)
	_, _, err = s.BeginRunPost(ctx, "nobody", "drift_report", access.Post{})
	wantCode(t, err, access.CodeNotFound)
	createRun(t, s, "run")
	_, err = s.Get(ctx, "run")
	wantCode(t, err, access.CodeNotFound)
	_, err = table.New(client, "no-such-table").Run(ctx, "run")
	wantCode(t, err, access.CodeMisconfigure)
	wantCode(t, table.New(client, "no-such-table").CreateRun(ctx, run("run")), access.CodeMisconfigure)
}

// TestRunRoundTrip fills every field and reads it back.
func TestRunRoundTrip(t *testing.T) {
	s, _, _ := newStore(t)
	full := run("full")
	full.Answer = &access.RunAnswer{Remove: true, By: access.Person{SlackID: "U2", Email: "b@example.com", Name: "Bee", PrincipalID: "p-2"}, At: monday, Findings: [][2]int{{0, 12}}}
	full.Answers = []access.RunAnswer{*full.Answer}
	full.Token, full.People, full.Undecided, full.Partial = "token-1", 11, 2, true
	full.Presses = []access.FindingPress{{Finding: 3, Remove: true, By: full.Answer.By, At: monday, Until: monday.Add(time.Hour)}}
	full.PressResults = []access.PressResult{{Finding: 3, Result: access.DriftHeld, At: monday}}
	full.RefusedPresses = []access.RefusedPress{{Finding: 3, Action: "finding_leave", By: full.Answer.By, At: monday, Reason: access.RefusalNotEligible, Message: "m", PolicyDigest: "d"}}
	full.Posts = map[string]access.Post{"drift_question": {Channel: "C1", TS: "1.2", Digest: "d"}}
	value := reflect.ValueOf(full)
	for i := range value.NumField() {
		if value.Field(i).IsZero() {
			t.Errorf("the test leaves %s empty", value.Type().Field(i).Name)
		}
	}
	if err := s.CreateRun(ctx, full); err != nil {
		t.Fatal(err)
	}
	got, err := s.Run(ctx, "full")
	if err != nil {
		t.Fatal(err)
	}
	equal(t, "row", got, full)
}

// If several answers come at once, one is written. The others get an error, and can be
// retried on the new row. The last answer ends the question.
func TestAnswerRun(t *testing.T) {
	s, _, _ := newStore(t)
	createRun(t, s, "a")
	if _, err := s.StoreRunToken(ctx, "a", run("a").ExecutionARN, "the-token"); err != nil {
		t.Fatal(err)
	}
	const presses = 6
	var wins atomic.Int64
	var group sync.WaitGroup
	for i := range presses {
		group.Go(func() {
			answer := access.RunAnswer{Remove: i%2 == 0, At: monday, By: access.Person{SlackID: fmt.Sprint("U", i)}, Findings: [][2]int{{i, i + 1}}}
			r, err := s.Run(ctx, "a")
			for won := false; err == nil && !won; {
				r, won, err = s.AnswerRun(ctx, r, answer, len(r.Answers) == presses-1)
				if won {
					wins.Add(1)
				}
			}
			if err != nil || r.Token != "the-token" {
				t.Errorf("token %q, %v", r.Token, err)
			}
		})
	}
	group.Wait()
	r, err := s.Run(ctx, "a")
	if err != nil {
		t.Fatal(err)
	}
	if wins.Load() != presses || len(r.Answers) != presses || r.Answer == nil || r.Answer.By != r.Answers[presses-1].By {
		t.Fatalf("%d answers were entered; %+v", wins.Load(), r)
	}
	for i := range presses {
		if a := r.AnswerAbout(i); a == nil || a.By.SlackID != fmt.Sprint("U", i) || a.Remove != (i%2 == 0) {
			t.Errorf("finding %d: %+v", i, a)
		}
	}
	// The question is over.
	for _, again := range []func() (access.Run, bool, error){
		func() (access.Run, bool, error) {
			return s.AnswerRun(ctx, r, access.RunAnswer{Remove: true, At: monday}, true)
		},
		func() (access.Run, bool, error) {
			return s.AnswerRun(ctx, run("a"), access.RunAnswer{Remove: true, At: monday}, false)
		},
		func() (access.Run, bool, error) { return s.ExpireRun(ctx, "a", monday) },
	} {
		now, won, err := again()
		if err != nil || won {
			t.Errorf("an answer after the last one: %t, %v", won, err)
		}
		equal(t, "row", now, r)
	}
}

// Answers that came in time stay.
func TestExpireRun(t *testing.T) {
	s, _, _ := newStore(t)
	r := createRun(t, s, "a")
	answer := access.RunAnswer{Remove: true, By: access.Person{SlackID: "U1"}, At: monday, Findings: [][2]int{{2, 5}}}
	r, won, err := s.AnswerRun(ctx, r, answer, false)
	if err != nil || !won || r.Answer != nil {
		t.Fatalf("got %+v, %t, %v", r, won, err)
	}
	if _, won, err = s.AnswerRun(ctx, run("a"), answer, false); err != nil || won {
		t.Errorf("by the row as it was before: %t, %v", won, err)
	}
	for i, first := range []bool{true, false} {
		got, won, err := s.ExpireRun(ctx, "a", monday.Add(time.Duration(i)*time.Hour))
		if err != nil || won != first || got.Answer == nil || !got.Answer.Expired() || !got.Answer.At.Equal(monday) || !got.HasConsent() {
			t.Errorf("got %+v, %t, %v", got, won, err)
		}
	}
}

func TestRunPosts(t *testing.T) {
	s, _, _ := newStore(t)
	createRun(t, s, "p")
	begun := access.Post{Channel: "C1"}
	for i, want := range []bool{true, false} {
		before, ok, err := s.BeginRunPost(ctx, "p", "drift_question", begun)
		if err != nil || ok != want {
			t.Fatalf("BeginRunPost %d = %v, %v", i, ok, err)
		}
		if !want {
			equal(t, "before", before, begun)
		}
	}
	done := access.Post{Channel: "C1", TS: "1.2", Digest: "d"}
	if err := s.CompleteRunPost(ctx, "p", "drift_question", done); err != nil {
		t.Fatal(err)
	}
	if _, ok, err := s.BeginRunPost(ctx, "p", "drift_report", begun); err != nil || !ok {
		t.Fatalf("another purpose: %v, %v", ok, err)
	}
	r, err := s.Run(ctx, "p")
	if err != nil {
		t.Fatal(err)
	}
	equal(t, "posts", r.Posts, map[string]access.Post{"drift_question": done, "drift_report": begun})
}
