package people_test

import (
	"context"
	"testing"
	"time"

	"sso-elevator/functions/access"
	"sso-elevator/functions/adapters/people"
	"sso-elevator/slack"
)

// warming is a Slack and a directory that is warmed while Slack looks.
type warming struct {
	people.Slack
	began, looked chan struct{} // closed when the warming begins, and when Slack answers
	member        slack.User
	err           error
	endless       bool // the warming ends only with its context

	ended   error // of the warming's context, when it ended
	found   bool  // somebody was looked up in the directory
	warmed  int
	lookups int // in Slack
}

func newWarming() *warming {
	return &warming{began: make(chan struct{}), looked: make(chan struct{}),
		member: slack.User{ID: "UJANE", TeamID: "T1", Email: "jane@example.com", EmailConfirmed: true}}
}

func (w *warming) User(ctx context.Context, id string) (slack.User, error) {
	w.lookups++
	select {
	case <-w.began:
	case <-ctx.Done():
		return slack.User{}, access.Errorf(access.CodeUnavailable, "the directory is not warmed meanwhile")
	}
	if w.lookups == 1 {
		close(w.looked)
	}
	return w.member, w.err
}

type warmDirectory struct{ *warming }

func (w warmDirectory) Warm(ctx context.Context) {
	if w.warmed++; w.warmed == 1 {
		close(w.began)
	}
	<-w.looked
	if w.endless {
		<-ctx.Done()
	}
	w.ended = ctx.Err()
}

func (w warmDirectory) UserByEmail(context.Context, string) (access.User, bool, error) {
	w.found = true
	return access.User{ID: "p-jane"}, true, nil
}

// The directory is warmed while Slack is asked, and only then.
func TestDirectoryIsWarmedBesideSlack(t *testing.T) {
	jane := access.Person{SlackID: "UJANE", Email: "jane@example.com", PrincipalID: "p-jane"}
	for name, look := range map[string]func(context.Context, *people.Finder) error{
		"requester": func(ctx context.Context, f *people.Finder) error { _, err := f.Requester(ctx, "UJANE"); return err },
		"approver":  func(ctx context.Context, f *people.Finder) error { _, err := f.Approver(ctx, "UJANE"); return err },
		"anyone":    func(ctx context.Context, f *people.Finder) error { _, err := f.Anyone(ctx, "UJANE"); return err },
		"the requester of a request": func(ctx context.Context, f *people.Finder) error {
			return f.CheckRequester(ctx, jane)
		},
		"somebody who approved": func(ctx context.Context, f *people.Finder) error { return f.CheckApprover(ctx, jane) },
		"cached approver": func(ctx context.Context, f *people.Finder) error {
			_, err := f.Cached().Approver(ctx, "UJANE")
			return err
		},
		"cached requester": func(ctx context.Context, f *people.Finder) error { return f.Cached().CheckRequester(ctx, jane) },
	} {
		t.Run(name, func(t *testing.T) {
			ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
			defer cancel()
			w := newWarming()
			f := people.New(w, warmDirectory{w}, people.Settings{Team: "T1"}, time.Now)
			if err := look(ctx, f); err != nil || !w.found || w.warmed != 1 {
				t.Errorf("%v; found %t, warmed %d times", err, w.found, w.warmed)
			}
			if _, err := f.Requester(ctx, "UJANE"); err != nil || w.warmed != 1 || w.lookups != 1 {
				t.Errorf("again: %v; warmed %d times for %d lookups", err, w.warmed, w.lookups)
			}
		})
	}
}

// If there is no email to look up, nobody waits for the directory, and the warming has
// ended before the lookup returns.
func TestWarmingThatNobodyNeedsIsCanceled(t *testing.T) {
	for name, tt := range map[string]struct {
		change func(*warming)
		code   access.Code
	}{
		"Slack doesn't answer": {func(w *warming) { w.err = access.Errorf(access.CodeUnavailable, "no answer") }, access.CodeUnavailable},
		"a guest":              {func(w *warming) { w.member.Guest = true }, access.CodeRefused},
		"no email":             {func(w *warming) { w.member.Email = "" }, access.CodeNotFound},
		"unconfirmed":          {func(w *warming) { w.member.EmailConfirmed = false }, access.CodeRefused},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWarming()
			w.endless = true
			tt.change(w)
			f := people.New(w, warmDirectory{w}, people.Settings{Team: "T1"}, time.Now)
			if p, err := f.Approver(t.Context(), "UJANE"); p != (access.Person{}) || access.CodeOf(err) != tt.code || w.ended != context.Canceled || w.found {
				t.Errorf("%+v, %v; the warming ended with %v; found %t", p, err, w.ended, w.found)
			}
		})
	}
}

// What a form looked up is used for a minute by Cached, and by nothing else.
func TestCached(t *testing.T) {
	now := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	w := newWorld()
	f := finder(w, func() time.Time { return now })
	jane, err := f.Requester(t.Context(), "UJANE")
	if err != nil {
		t.Fatal(err)
	}
	w.members[0].Deleted = true
	w.off["p-jane"] = true
	if p, err := f.Cached().Approver(t.Context(), "UJANE"); p != jane || err != nil || w.asked.Load() != 1 {
		t.Errorf("%+v, %v after %d lookups", p, err, w.asked.Load())
	}
	if err := f.Cached().CheckRequester(t.Context(), jane); err != nil || w.asked.Load() != 1 {
		t.Errorf("%v after %d lookups", err, w.asked.Load())
	}
	now = now.Add(people.MaxAge)
	if err := f.Cached().CheckRequester(t.Context(), jane); access.CodeOf(err) != access.CodeRefused || w.asked.Load() != 2 {
		t.Errorf("after a minute: %v after %d lookups", err, w.asked.Load())
	}
	// A fallback domain makes no approver here, either.
	if _, err := f.Requester(t.Context(), "UOLD"); err != nil {
		t.Fatal(err)
	}
	if p, err := f.Cached().Approver(t.Context(), "UOLD"); access.CodeOf(err) != access.CodeNotFound {
		t.Errorf("under a secondary domain: %+v, %v", p, err)
	}
}
