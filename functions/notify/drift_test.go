package notify

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"sso-elevator/functions/access"
	"sso-elevator/functions/adapters/cache"
	"sso-elevator/functions/adapters/host"
	"sso-elevator/slack"
)

func (w *world) Run(_ context.Context, id string) (access.Run, error) {
	if id != w.run.ID {
		return access.Run{}, access.Errorf(access.CodeNotFound, "there is no run %q", id)
	}
	return w.run, nil
}

func (w *world) BeginRunPost(_ context.Context, _, purpose string, p access.Post) (access.Post, bool, error) {
	if before, ok := w.run.Posts[purpose]; ok {
		return before, false, nil
	}
	w.run.Posts[purpose] = p
	return access.Post{}, true, nil
}

func (w *world) CompleteRunPost(_ context.Context, _, purpose string, p access.Post) error {
	if w.completeErr == nil {
		w.run.Posts[purpose] = p
	}
	return w.completeErr
}

func (w *world) Findings(_ context.Context, run string) ([]access.Finding, error) {
	return w.findings, w.runsErr
}

func (w *world) Report(_ context.Context, run string) (access.DriftReport, error) {
	return w.report, w.runsErr
}

func runWorld() *world {
	w := newWorld()
	w.findings = []access.Finding{{UserName: "jane@example.com", Subject: access.Subject{
		PrincipalID: "p-jane", Target: access.Target{Kind: access.KindAccount, AccountID: "111111111111", PermissionSet: "Admin"},
	}}}
	w.run = access.Run{ID: "run1", Mode: access.DriftRevoke, StartedAt: now, Guard: access.GuardTooMany, Removals: 1, Posts: map[string]access.Post{}}
	w.report = access.DriftReport{RunID: "run1", Mode: access.DriftRevoke, At: now, Findings: w.findings, Total: 1}
	return w
}

func (w *world) drift(t *testing.T, operation string, times int) error {
	t.Helper()
	h := &Handler{Table: w, Slack: w, Findings: w, Owners: cache.New[access.Person](ownerMaxAge, func() time.Time { return now }), Channel: "C1", Logger: slog.New(slog.DiscardHandler)}
	var err error
	for range times {
		_, err = h.Handle(t.Context(), Input{Input: host.Input{Operation: operation, Run: "run1"}})
	}
	return err
}

func (w *world) UserByEmail(_ context.Context, email string) (slack.User, bool, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.lookedUp = append(w.lookedUp, email)
	u, ok := w.users[email]
	return u, ok && w.usersErr == nil, w.usersErr
}

// A report mentions the people who have the access, as far as their email finds them.
// The number of lookups is limited, and none is repeated.
func TestReportMentionsOwners(t *testing.T) {
	finding := func(user, name, email string) access.Finding {
		f := runWorld().findings[0]
		f.PrincipalID, f.UserName, f.Email = user, name, email
		return f
	}
	full := func(id, email string) slack.User { return slack.User{ID: id, TeamID: "T1", Email: email} }
	gone, bot := full("UGONE", "gone@example.com"), full("UBOT", "bot@example.com")
	gone.Deleted, bot.Bot = true, true
	w := runWorld()
	w.users = map[string]slack.User{
		"jane@example.com": full("UJANE", "Jane@example.com"), "lee@example.com": full("ULEE", "lee@example.com"),
		"gone@example.com": gone, "bot@example.com": bot, "alias@example.com": full("UOTHER", "other@example.com"),
	}
	w.report.Findings = []access.Finding{
		finding("p-jane", "jane", "jane@example.com"), finding("p-jane", "jane", "jane@example.com"), finding("p-lee", "lee@example.com", ""),
		finding("p-gone", "", "gone@example.com"), finding("p-bot", "", "bot@example.com"), finding("p-alias", "", "alias@example.com"),
		finding("p-none", "nobody", ""), finding("p-kelvin", "\u212aim@example.com", ""), finding("p-unknown", "", "unknown@example.com"),
	}
	h := &Handler{Slack: w, Owners: cache.New[access.Person](ownerMaxAge, func() time.Time { return now }), Logger: slog.New(slog.DiscardHandler)}
	want := map[string]access.Person{"p-jane": {SlackID: "UJANE"}, "p-lee": {SlackID: "ULEE"}}
	for range 2 {
		if got := h.findOwners(t.Context(), "run1", w.report.Findings); !reflect.DeepEqual(got, want) {
			t.Errorf("owners %v, want %v", got, want)
		}
	}
	slices.Sort(w.lookedUp)
	if want := []string{"alias@example.com", "bot@example.com", "gone@example.com", "jane@example.com", "lee@example.com", "unknown@example.com"}; !slices.Equal(w.lookedUp, want) {
		t.Errorf("looked up %q, want %q", w.lookedUp, want)
	}

	w.lookedUp, w.report.Findings = nil, nil
	for i := range 100 {
		w.report.Findings = append(w.report.Findings, finding(fmt.Sprint("p-", i), fmt.Sprintf("user%d@example.com", i), ""))
	}
	if h.findOwners(t.Context(), "run1", w.report.Findings); len(w.lookedUp) != maxOwners {
		t.Errorf("%d lookups, want %d", len(w.lookedUp), maxOwners)
	}
	w.usersErr = access.Errorf(access.CodeThrottled, "slow down")
	if err := w.drift(t, "drift_report", 1); err != nil {
		t.Errorf("lookups fail: %v, want the report without mentions", err)
	}
}

// People are looked up in the order in which the message shows them, so those whose access
// has buttons are mentioned even if it comes last in the report. A question mentions people, too.
func TestFirstPeopleOfAReportAreLookedUp(t *testing.T) {
	w := runWorld()
	w.users = map[string]slack.User{}
	w.findings, w.run.Guard = nil, ""
	results, decidable := map[string]access.RemovalResult{}, map[string]int{}
	for i := range 30 {
		f := runWorld().findings[0]
		f.PrincipalID, f.UserName = fmt.Sprint("p-", i), fmt.Sprintf("user%02d@example.com", i)
		w.users[f.UserName] = slack.User{ID: fmt.Sprintf("U0%02d", i), TeamID: "T1", Email: f.UserName}
		w.findings = append(w.findings, f)
		results[f.Key()] = access.DriftRemoved
		if i >= 25 {
			results[f.Key()], decidable[f.Key()] = access.DriftFailed, i
		}
	}
	w.report.Findings, w.report.Results, w.report.Decidable, w.report.Total = w.findings, results, decidable, 30
	if err := w.drift(t, "drift_report", 1); err != nil {
		t.Fatal(err)
	}
	blocks, err := json.Marshal(w.said[0].Blocks)
	if err != nil {
		t.Fatal(err)
	}
	var missing []string
	for _, i := range []int{25, 26, 27, 28, 29, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9} {
		if id := fmt.Sprintf("U0%02d", i); !strings.Contains(string(blocks), id) {
			missing = append(missing, id)
		}
	}
	if len(missing) > 0 || len(w.lookedUp) != maxOwners {
		t.Errorf("not mentioned: %q; looked up %q", missing, w.lookedUp)
	}

	w.said, w.run.Guard, w.run.Removals = nil, access.GuardTooMany, 2
	if err := w.drift(t, "drift_question", 1); err != nil {
		t.Fatal(err)
	}
	if blocks, err = json.Marshal(w.said[0].Blocks); err != nil || !strings.Contains(string(blocks), "U000") || !strings.Contains(string(blocks), "U001") {
		t.Errorf("%v: the question mentions nobody: %s", err, blocks)
	}
}

// After a press, the same message shows it. No second message is posted.
func TestReportShowsAPress(t *testing.T) {
	w := runWorld()
	w.run.Guard = ""
	w.report.Mode, w.report.Decidable = access.DriftWarn, map[string]int{w.findings[0].Key(): 0}
	if err := w.drift(t, "drift_report", 2); err != nil {
		t.Fatal(err)
	}
	w.run.Presses = []access.FindingPress{{Remove: true, By: access.Person{SlackID: "UANN"}, At: now}}
	if err := w.drift(t, "drift_report", 2); err != nil {
		t.Fatal(err)
	}
	if want := []string{"post C1 drift_report", "update C1 1"}; !slices.Equal(w.did, want) {
		t.Errorf("did %q, want %q", w.did, want)
	}
	if want := slack.DriftReportMessage(w.report, w.run, nil); w.said[1].Digest() != want.Digest() {
		t.Errorf("the message is %+v", w.said[1])
	}
}

func (w *world) answerRun(remove bool) {
	w.run.Answer = &access.RunAnswer{Remove: remove, By: access.Person{SlackID: "UANN"}, At: now}
	w.run.Answers = []access.RunAnswer{{Remove: remove, By: access.Person{SlackID: "UANN"}, At: now, Findings: [][2]int{{0, w.run.Removals}}}}
}

func TestDrift(t *testing.T) {
	unavailable := access.Errorf(access.CodeUnavailable, "no answer")
	asked := func(t *testing.T, w *world) {
		if err := w.drift(t, "drift_question", 1); err != nil {
			t.Fatal(err)
		}
		w.did, w.said = nil, nil
	}
	tests := []struct {
		name      string
		before    func(*testing.T, *world)
		operation string
		want      []string
		last      func(*world) slack.Message // the latest text
		wantCode  access.Code
	}{
		{name: "question", operation: "drift_question", want: []string{"post C1 drift_question"},
			last: func(w *world) slack.Message { return slack.DriftQuestionMessage(w.run, w.findings, nil) }},
		{name: "question, asked before", operation: "drift_question", before: asked},
		{name: "question, answered since", operation: "drift_question",
			before: func(t *testing.T, w *world) { asked(t, w); w.answerRun(true) }, want: []string{"update C1 1"},
			last: func(w *world) slack.Message { return slack.DriftQuestionMessage(w.run, nil, nil) }},
		{name: "question, but the findings can't be read", operation: "drift_question",
			before: func(_ *testing.T, w *world) { w.runsErr = unavailable }, wantCode: access.CodeUnavailable},
		{name: "an answered question needs no findings", operation: "drift_question",
			before: func(t *testing.T, w *world) { asked(t, w); w.answerRun(false); w.runsErr = unavailable }, want: []string{"update C1 1"}},
		{name: "report", operation: "drift_report", want: []string{"post C1 drift_report"},
			last: func(w *world) slack.Message { return slack.DriftReportMessage(w.report, w.run, nil) }},
		{name: "report of a run that asked: its question is closed", operation: "drift_report",
			before: func(t *testing.T, w *world) { asked(t, w); w.answerRun(true) }, want: []string{"post C1 drift_report", "update C1 1"},
			last: func(w *world) slack.Message { return slack.DriftQuestionMessage(w.run, nil, nil) }},
		{name: "report of a run whose question ingress closed", operation: "drift_report",
			before: func(t *testing.T, w *world) {
				asked(t, w)
				w.answerRun(true)
				if err := w.drift(t, "drift_question", 1); err != nil {
					t.Fatal(err)
				}
				w.did = nil
			}, want: []string{"post C1 drift_report"}},
		{name: "report of a run whose question got lost on the way into the table", operation: "drift_report",
			before: func(t *testing.T, w *world) {
				w.completeErr = unavailable
				if err := w.drift(t, "drift_question", 1); err == nil {
					t.Fatal("no error")
				}
				w.completeErr, w.did = nil, nil
				w.answerRun(false)
			}, want: []string{"post C1 drift_report", "find C1 drift_question", "update C1 1"}},
		{name: "report of a run whose question was never posted", operation: "drift_report",
			before: func(t *testing.T, w *world) {
				w.postErr = unavailable
				if err := w.drift(t, "drift_question", 1); err == nil {
					t.Fatal("no error")
				}
				w.postErr, w.did = nil, nil
				w.answerRun(false)
			}, want: []string{"post C1 drift_report", "find C1 drift_question", "find C1 drift_question", "find C1 drift_question"}}, // each attempt looks for the message
		{name: "the question can't be closed, the report is there", operation: "drift_report",
			before:   func(t *testing.T, w *world) { asked(t, w); w.answerRun(true); w.updateErr = unavailable },
			want:     []string{"post C1 drift_report"},
			wantCode: access.CodeUnavailable},
		{name: "report that can't be read", operation: "drift_report",
			before: func(_ *testing.T, w *world) { w.runsErr = unavailable }, wantCode: access.CodeUnavailable},
		{name: "no such run", operation: "drift_report",
			before: func(_ *testing.T, w *world) { w.run.ID = "run2" }, wantCode: access.CodeNotFound},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			w := runWorld()
			if test.before != nil {
				test.before(t, w)
			}
			if err := w.drift(t, test.operation, 1); access.CodeOf(err) != test.wantCode {
				t.Fatalf("got %v, want code %q", err, test.wantCode)
			}
			if test.wantCode == "" {
				if err := w.drift(t, test.operation, 2); err != nil { // as retries would
					t.Fatal(err)
				}
			}
			if !slices.Equal(w.did, test.want) {
				t.Errorf("did %q, want %q", w.did, test.want)
			}
			if test.last != nil {
				if got, want := w.said[len(w.said)-1], test.last(w); !reflect.DeepEqual(got, want) {
					t.Errorf("said %+v\nwant %+v", got, want)
				}
			}
		})
	}
}

func TestDriftLooksBeforeItPostsAgain(t *testing.T) {
	for _, operation := range []string{"drift_question", "drift_report"} {
		t.Run(operation, func(t *testing.T) {
			w := runWorld()
			w.lostAnswer = access.Errorf(access.CodeUnavailable, "no answer")
			if err := w.drift(t, operation, 1); access.CodeOf(err) != access.CodeUnavailable {
				t.Fatalf("first try: %v, want Unavailable", err)
			}
			w.lostAnswer = nil
			if err := w.drift(t, operation, 2); err != nil {
				t.Fatal(err)
			}
			if want := []string{"post C1 " + operation, "find C1 " + operation, "update C1 1"}; !slices.Equal(w.did, want) {
				t.Errorf("did %q, want %q", w.did, want)
			}
		})
	}
}

// If the search for a post doesn't end, it is not posted again: it may be there.
func TestUnfinishedSearchPostsNothing(t *testing.T) {
	for _, operation := range []string{"drift_question", "drift_report"} {
		w := runWorld()
		w.lostAnswer = access.Errorf(access.CodeUnavailable, "no answer")
		if err := w.drift(t, operation, 1); err == nil {
			t.Fatal("no error")
		}
		w.lostAnswer, w.findErr = nil, access.Errorf(access.CodeUnavailable, "too many messages")
		if err := w.drift(t, operation, 2); access.CodeOf(err) != access.CodeUnavailable {
			t.Errorf("%s: %v, want Unavailable", operation, err)
		}
		if slices.Contains(w.did[1:], "post C1 "+operation) || !slices.Contains(w.did, "find C1 "+operation) {
			t.Errorf("did %q, want only searches after the first post", w.did)
		}
	}
}
