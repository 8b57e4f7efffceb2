package leavers_test

import (
	"cmp"
	"context"
	"fmt"
	"log/slog"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"sso-elevator/functions/access"
	"sso-elevator/functions/access/metric"
	"sso-elevator/functions/adapters/findings"
	"sso-elevator/functions/leavers"
)

var noon = time.Date(2026, 3, 2, 12, 0, 0, 0, time.UTC)

// world is a table, a bucket and Identity Center, and the changes to them.
type world struct {
	blocks     access.Blocks
	blocksRead int

	ous     map[string][]string // above accounts
	now     time.Time
	rows    map[string]access.Request
	leases  map[string]access.Lease
	runs    map[string]access.Run
	objects *findings.Memory
	users   map[string]access.UserStatus // enabled if missing here
	policy  access.Policy
	groups  map[string][]string // by principal

	looked  []string // principals, in order
	ended   []string // request ids, in order
	removed []string // request id and subject
	resumed []string
	shown   []string
	counted map[string]int

	failing   map[string]error // by call, or by principal, or by request id
	slackDown bool             // notify is invoked, and can't update messages
	during    func()           // called once at the first lookup
}

func newWorld() *world {
	return &world{
		now: noon, rows: map[string]access.Request{}, leases: map[string]access.Lease{}, runs: map[string]access.Run{},
		objects: &findings.Memory{}, users: map[string]access.UserStatus{}, counted: map[string]int{}, failing: map[string]error{},
		policy: access.Policy{Accounts: []access.Statement{
			{Resources: []string{"111111111111"}, PermissionSets: []string{"Admin"}, Approvers: []string{"Ann@example.com", "bob@example.com"}},
			{Resources: []string{"222222222222"}, PermissionSets: []string{"*"}, Approvers: []string{"clo@example.com"}},
		}},
	}
}

var admin = access.Target{Kind: access.KindAccount, AccountID: "111111111111", PermissionSet: "Admin", PermissionSetARN: "arn:aws:sso:::permissionSet/ssoins-1/ps-1"}

// grants gives principal access to the target through a request with this id.
func (w *world) grants(id, principal string, target access.Target) {
	r := access.Request{ID: id, Target: target, Requester: access.Person{PrincipalID: principal, Email: principal + "@example.com"},
		GrantedAt: w.now, End: w.now.Add(48 * time.Hour), EndToken: "token of " + id}
	w.rows[id] = r
	key := r.Subject().Key()
	lease := w.leases[key]
	holders := maps.Clone(lease.Holders)
	if holders == nil {
		holders = map[string]access.Holder{}
	}
	holders[id] = access.Holder{End: r.End}
	w.leases[key] = access.Lease{Key: key, Subject: r.Subject(), Holders: holders}
}

// people gives n people access, each by a request of their own.
func (w *world) people(n int) (principals []string) {
	for i := range n {
		id := fmt.Sprintf("p-%04d", i)
		w.grants("of "+id, id, admin)
		principals = append(principals, id)
	}
	return principals
}

func (w *world) gone(principals ...string) {
	for _, id := range principals {
		w.users[id] = access.UserDisabled
	}
}

// removes does what executions and the sweep do: it removes access that has ended.
func (w *world) removes() {
	for id, r := range w.rows {
		if r.EndRequest != nil && r.RevokedAt.IsZero() {
			r.RevokingAt, r.RevokedAt = w.now, w.now
			w.rows[id] = r
			lease := w.leases[r.Subject().Key()]
			delete(lease.Holders, id)
			if len(lease.Holders) == 0 {
				delete(w.leases, r.Subject().Key())
			}
		}
	}
}

func (w *world) UserStatus(ctx context.Context, id string) (access.UserStatus, error) {
	if w.during != nil {
		during := w.during
		w.during = nil
		during()
	}
	w.looked = append(w.looked, id)
	if err := w.failing[id]; err != nil {
		return "", err
	}
	if status, ok := w.users[id]; ok {
		return status, nil
	}
	return access.UserEnabled, nil
}

func (w *world) OpenLeases(context.Context) (open []access.Due, err error) {
	for key := range w.leases {
		open = append(open, access.Due{ID: key})
	}
	return open, w.failing["OpenLeases"]
}

func (w *world) Lease(_ context.Context, key string) (access.Lease, bool, error) {
	l, ok := w.leases[key]
	return l, ok, w.failing["Lease"]
}

func (w *world) Get(_ context.Context, id string) (access.Request, error) {
	r, ok := w.rows[id]
	if !ok {
		return r, access.Errorf(access.CodeNotFound, "no row")
	}
	return r, w.failing["Get"]
}

func (w *world) RequestEnd(_ context.Context, id string, e access.EndRequest) (access.Request, bool, error) {
	r, ok := w.rows[id]
	if !ok {
		return r, false, access.Errorf(access.CodeNotFound, "no row")
	}
	if err := w.failing[id]; err != nil {
		return r, false, err
	}
	if r.GrantedAt.IsZero() || r.EndRequest != nil || !r.RevokingAt.IsZero() {
		return r, false, nil
	}
	r.EndRequest = &e
	w.rows[id] = r
	w.ended = append(w.ended, id)
	return r, true, nil
}

func (w *world) CreateRun(_ context.Context, r access.Run) error {
	if _, ok := w.runs[r.ID]; !ok {
		w.runs[r.ID] = r
	}
	return w.failing["CreateRun"]
}

func (w *world) Run(_ context.Context, id string) (access.Run, error) {
	r, ok := w.runs[id]
	if !ok {
		return r, access.Errorf(access.CodeNotFound, "no run")
	}
	return r, cmp.Or(w.failing["Run"], w.failing["Run of "+id])
}

func (w *world) ExpireRun(_ context.Context, id string, at time.Time) (access.Run, bool, error) {
	r := w.runs[id]
	won := r.Answer == nil
	if won {
		r.Answer = &access.RunAnswer{At: at}
		w.runs[id] = r
	}
	return r, won, nil
}

func (w *world) Blocks(context.Context) (access.Blocks, error) {
	w.blocksRead++
	return w.blocks, w.failing["Blocks"]
}

func (w *world) resume(_ context.Context, token string) error {
	w.resumed = append(w.resumed, token)
	return w.failing["Resume"]
}

func (w *world) checker() *leavers.Checker {
	return &leavers.Checker{
		Directory: w, Table: w, Store: &findings.Store{Objects: w.objects}, ResumeEnd: w.resume,
		Remove: func(_ context.Context, id string, s access.Subject) error {
			w.removed = append(w.removed, id+" "+s.Key())
			return w.failing["Remove"]
		},
		Policy: func(context.Context) (access.Policy, error) { return w.policy, w.failing["Policy"] },
		GroupsOf: func(_ context.Context, _ *access.Index, who access.Person, targets []access.Target) ([]string, error) {
			if len(targets) == 0 {
				return nil, access.Errorf(access.CodeInternal, "asked about no target")
			}
			return w.groups[who.PrincipalID], w.failing["GroupsOf"]
		},
		OUsOf: func(_ context.Context, wanted []string) (func(string) []string, error) {
			return func(accountID string) []string { return w.ous[accountID] }, w.failing["OUsOf"]
		},
		Show: func(_ context.Context, run string) error {
			w.shown = append(w.shown, run)
			if r := w.runs[run]; w.failing["Show"] == nil && !w.slackDown && r.Answer != nil {
				r.Posts = map[string]access.Post{"drift_question": {Channel: "C1", TS: "1.1", Digest: "answered"}}
				w.runs[run] = r
			}
			return w.failing["Show"]
		},
		ShowsAnswer: func(r access.Run) bool { return r.Posts["drift_question"].Digest == "answered" },
		NewID:       func(time.Time) string { return fmt.Sprintf("run-%d", len(w.runs)+1) },
		Now:         func() time.Time { return w.now },
		Count:       func(name string, _ map[string]string) { w.counted[name]++ },
		Logger:      slog.New(slog.DiscardHandler),
	}
}

// recheck runs a recheck, and forgets what earlier ones did.
func (w *world) recheck(t *testing.T) {
	t.Helper()
	w.looked, w.ended, w.resumed, w.shown, w.counted = nil, nil, nil, nil, map[string]int{}
	if err := w.checker().Recheck(t.Context(), false); err != nil {
		t.Fatal(err)
	}
	slices.Sort(w.ended)
}

// fail makes a call fail, or work again.
func (w *world) fail(call string, yes bool) {
	delete(w.failing, call)
	if yes {
		w.failing[call] = access.Errorf(access.CodeUnavailable, "no answer")
	}
}

// after moves the clock.
func (w *world) after(d time.Duration) *world {
	w.now = w.now.Add(d)
	return w
}

func (w *world) known(t *testing.T) leavers.People {
	t.Helper()
	p, _, err := (&findings.Store{Objects: w.objects}).People(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func TestWhoIsGoneLosesAccess(t *testing.T) {
	for _, tt := range []struct {
		name   string
		status access.UserStatus
		want   []string
	}{
		{"enabled", access.UserEnabled, nil},
		{"disabled", access.UserDisabled, []string{"one", "two"}},
		{"deleted", access.UserDeleted, []string{"one", "two"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			w := newWorld()
			w.grants("one", "p-jane", admin)
			w.grants("two", "p-jane", access.Target{Kind: access.KindGroup, GroupID: "g-1"})
			w.grants("other", "p-kim", admin)
			w.users["p-jane"] = tt.status
			w.recheck(t)
			if !slices.Equal(w.ended, tt.want) {
				t.Fatalf("ended %q, want %q", w.ended, tt.want)
			}
			if w.counted[metric.PeopleGone] != len(tt.want) || len(w.resumed) != len(tt.want) {
				t.Errorf("counted %v, resumed %q; want %d of each", w.counted, w.resumed, len(tt.want))
			}
			for _, id := range tt.want {
				want := access.EndRequest{At: noon, Reason: access.EndRequesterGone}
				if got := w.rows[id].EndRequest; *got != want {
					t.Errorf("%s: %+v, want %+v", id, *got, want)
				}
			}
			if w.counted[metric.Rechecked] != 1 || w.counted[metric.RecheckLate] != 0 {
				t.Errorf("counted %v", w.counted)
			}
		})
	}
}

// The access of a person who is gone ends even if someone deleted the request's row,
// because the lease says what it is.
func TestAccessWithoutARowIsRemoved(t *testing.T) {
	w := newWorld()
	w.grants("lost", "p-1", admin)
	w.grants("kept", "p-2", admin)
	w.gone("p-1")
	lost := w.rows["lost"]
	delete(w.rows, "lost")
	w.recheck(t)
	if want := []string{"lost " + lost.Subject().Key()}; !slices.Equal(w.removed, want) || len(w.ended) > 0 {
		t.Errorf("removed %q, ended %q; want %q removed", w.removed, w.ended, want)
	}
	// The next run repeats a call that failed.
	w.removed, w.failing["Remove"] = nil, access.Errorf(access.CodeUnavailable, "no answer")
	w.now = w.now.Add(leavers.DueAfter)
	w.recheck(t)
	w.now = w.now.Add(leavers.ClaimFor)
	w.recheck(t)
	if len(w.removed) != 2 {
		t.Errorf("removed %q, want it tried twice", w.removed)
	}
}

func TestWhatIsLeftAlone(t *testing.T) {
	for _, tt := range []struct {
		name   string
		change func(*world)
	}{
		{"a request that is not granted yet", func(w *world) { r := w.rows["one"]; r.GrantedAt = time.Time{}; w.rows["one"] = r }},
		{"one whose removal has begun", func(w *world) { r := w.rows["one"]; r.RevokingAt = noon; w.rows["one"] = r }},
		{"one that is removed", func(w *world) { r := w.rows["one"]; r.RevokedAt = noon; w.rows["one"] = r }},
		{"one that has no row", func(w *world) { delete(w.rows, "one") }},
		{"a lease that went meanwhile", func(w *world) { w.during = func() { clear(w.leases) } }},
		{"a lease of nobody", func(w *world) { l := w.leases[w.key()]; l.Holders = nil; w.leases[w.key()] = l }},
		{"a request of somebody else", func(w *world) { r := w.rows["one"]; r.Requester.PrincipalID = "p-new"; w.rows["one"] = r }},
	} {
		t.Run(tt.name, func(t *testing.T) {
			w := newWorld()
			w.grants("one", "p-jane", admin)
			w.gone("p-jane")
			tt.change(w)
			w.recheck(t)
			if len(w.ended)+len(w.resumed) > 0 {
				t.Errorf("ended %q, resumed %q", w.ended, w.resumed)
			}
		})
	}
}

func (w *world) key() string {
	return access.Subject{Target: admin, PrincipalID: "p-jane"}.Key()
}

// Someone was removed from the directory while their grant was in progress.
func TestWhatIsGrantedLaterEndsLater(t *testing.T) {
	w := newWorld()
	w.grants("one", "p-jane", admin)
	r := w.rows["one"]
	r.GrantedAt = time.Time{}
	w.rows["one"] = r
	w.gone("p-jane")
	w.recheck(t)
	r.GrantedAt = noon
	w.rows["one"] = r
	w.after(leavers.DueAfter).recheck(t)
	if !slices.Equal(w.ended, []string{"one"}) {
		t.Errorf("ended %q", w.ended)
	}
}

// An execution that could not be told about an early end is told again. The sweep sees
// the row.
func TestAnEndThatIsNotHeardIsRepeated(t *testing.T) {
	w := newWorld()
	w.grants("one", "p-jane", admin)
	w.gone("p-jane")
	w.failing["Resume"] = access.Errorf(access.CodeUnavailable, "x")
	w.recheck(t)
	if !slices.Equal(w.ended, []string{"one"}) {
		t.Fatalf("ended %q", w.ended)
	}
	w.after(leavers.DueAfter).recheck(t)
	if len(w.ended) > 0 || !slices.Equal(w.resumed, []string{"token of one"}) || w.counted[metric.PeopleGone] != 0 {
		t.Errorf("ended %q, resumed %q, counted %v", w.ended, w.resumed, w.counted)
	}
}

// Nobody loses access because a service doesn't respond.
func TestErrorsEndNothing(t *testing.T) {
	unavailable := access.Errorf(access.CodeUnavailable, "x")
	for _, call := range []string{"p-jane", "OpenLeases", "Lease", "Get"} {
		t.Run(call, func(t *testing.T) {
			w := newWorld()
			w.grants("one", "p-jane", admin)
			if call != "p-jane" {
				w.gone("p-jane")
			}
			w.failing[call] = unavailable
			err := w.checker().Recheck(t.Context(), false)
			if (err != nil) != (call == "OpenLeases") {
				t.Errorf("error: %v", err)
			}
			if len(w.ended) > 0 || len(w.resumed) > 0 {
				t.Errorf("ended %q, resumed %q", w.ended, w.resumed)
			}
			// The next run tries again and succeeds.
			w.failing = map[string]error{}
			w.after(time.Minute).recheck(t)
			if want := call != "p-jane"; slices.Equal(w.ended, []string{"one"}) != want || !slices.Equal(w.looked, []string{"p-jane"}) {
				t.Errorf("then ended %q after looking up %q", w.ended, w.looked)
			}
		})
	}
}

func TestAPersonHasToFixTheRole(t *testing.T) {
	w := newWorld()
	w.people(2)
	w.failing["p-0000"] = access.Errorf(access.CodeMisconfigure, "not permitted")
	if err := w.checker().Recheck(t.Context(), false); access.CodeOf(err) != access.CodeMisconfigure {
		t.Errorf("got %v", err)
	}
	if len(w.looked) != 2 {
		t.Errorf("looked up %q: one failure must not keep the others from being looked up", w.looked)
	}
}

// If a row rejects the end, its person stays unchecked; the others don't.
func TestOneFailureLeavesTheOthersChecked(t *testing.T) {
	w := newWorld()
	w.people(3)
	w.gone("p-0000", "p-0001")
	w.failing["of p-0000"] = access.Errorf(access.CodeThrottled, "x")
	w.recheck(t)
	if !slices.Equal(w.ended, []string{"of p-0001"}) {
		t.Fatalf("ended %q", w.ended)
	}
	w.failing = map[string]error{}
	w.after(time.Minute).recheck(t)
	if !slices.Equal(w.ended, []string{"of p-0000"}) || !slices.Equal(w.looked, []string{"p-0000"}) {
		t.Errorf("then ended %q, looked up %q", w.ended, w.looked)
	}
}

// Each person is looked up when their access begins, and then every five minutes. The
// one whose last lookup is oldest comes first.
func TestWhoIsDue(t *testing.T) {
	w := newWorld()
	w.people(3)
	w.recheck(t)
	if want := []string{"p-0000", "p-0001", "p-0002"}; !slices.Equal(w.looked, want) {
		t.Fatalf("looked up %q, want %q", w.looked, want)
	}
	w.after(time.Minute).grants("late", "p-late", admin)
	w.recheck(t)
	if want := []string{"p-late"}; !slices.Equal(w.looked, want) {
		t.Fatalf("looked up %q, want %q", w.looked, want)
	}
	w.after(leavers.DueAfter - 2*time.Minute).recheck(t)
	if len(w.looked) > 0 {
		t.Fatalf("looked up %q, want nobody", w.looked)
	}
	w.after(2 * time.Minute).recheck(t)
	if want := []string{"p-0000", "p-0001", "p-0002", "p-late"}; !slices.Equal(w.looked, want) {
		t.Fatalf("looked up %q, want %q", w.looked, want)
	}
	w.looked = nil
	if err := w.checker().Recheck(t.Context(), true); err != nil || len(w.looked) != 4 {
		t.Errorf("all: looked up %q, %v", w.looked, err)
	}
}

// 1,200 people are looked up within ten minutes, at two calls a second.
func TestTwelveHundredPeople(t *testing.T) {
	w := newWorld()
	w.people(1200)
	last := map[string]time.Time{}
	for id := range 1200 {
		last[fmt.Sprintf("p-%04d", id)] = noon
	}
	for minute := range 40 {
		w.recheck(t)
		if len(w.looked) > 120 {
			t.Fatalf("minute %d: %d lookups, want at most 120", minute, len(w.looked))
		}
		for _, id := range w.looked {
			last[id] = w.now
		}
		for id, at := range last {
			if unchecked := w.now.Sub(at); unchecked > leavers.LateAfter {
				t.Fatalf("minute %d: %s is unchecked for %v", minute, id, unchecked)
			}
		}
		if w.counted[metric.RecheckLate] != 0 {
			t.Fatalf("minute %d: counted %v", minute, w.counted)
		}
		w.after(time.Minute)
	}
}

func TestLateRaisesTheAlarm(t *testing.T) {
	unavailable := access.Errorf(access.CodeUnavailable, "x")
	t.Run("somebody can't be looked up", func(t *testing.T) {
		w := newWorld()
		w.people(2)
		w.recheck(t)
		w.failing["p-0001"] = unavailable
		w.after(leavers.LateAfter).recheck(t)
		if w.counted[metric.RecheckLate] != 0 {
			t.Errorf("after ten minutes: counted %v", w.counted)
		}
		w.after(time.Second).recheck(t)
		if w.counted[metric.RecheckLate] != 1 || w.counted[metric.Rechecked] != 1 {
			t.Errorf("after more than ten minutes: counted %v", w.counted)
		}
		w.failing = map[string]error{}
		w.after(time.Minute).recheck(t)
		if w.counted[metric.RecheckLate] != 0 {
			t.Errorf("after they were looked up: counted %v", w.counted)
		}
	})
	t.Run("somebody whose access began counts from then", func(t *testing.T) {
		w := newWorld()
		w.failing["p-0000"] = unavailable
		w.after(time.Hour).people(1)
		w.recheck(t)
		w.after(leavers.LateAfter).recheck(t)
		if w.counted[metric.RecheckLate] != 0 {
			t.Errorf("after ten minutes: counted %v", w.counted)
		}
		w.after(time.Second).recheck(t)
		if w.counted[metric.RecheckLate] != 1 {
			t.Errorf("after more than ten minutes: counted %v", w.counted)
		}
	})
	t.Run("nobody has access any more", func(t *testing.T) {
		w := newWorld()
		w.people(1)
		w.recheck(t)
		clear(w.leases)
		w.after(time.Hour).recheck(t)
		if w.counted[metric.RecheckLate] != 0 {
			t.Errorf("counted %v", w.counted)
		}
	})
	t.Run("access began again after a time without", func(t *testing.T) {
		w := newWorld()
		w.people(1)
		w.recheck(t)
		leases := maps.Clone(w.leases)
		clear(w.leases)
		w.after(time.Minute).recheck(t)
		w.leases = leases
		w.failing["p-0000"] = unavailable
		w.after(30 * time.Minute).recheck(t)
		if w.counted[metric.RecheckLate] != 0 {
			t.Errorf("counted %v", w.counted)
		}
	})
}

// Two runs at the same time look nobody up twice, and keep each other's changes.
func TestTwoRunsSideBySide(t *testing.T) {
	w := newWorld()
	w.people(4)
	w.gone("p-0000", "p-0003")
	w.during = func() {
		if err := w.checker().Recheck(t.Context(), false); err != nil {
			t.Fatal(err)
		}
		if len(w.looked) > 0 {
			t.Errorf("the second run looked up %q, which the first had chosen", w.looked)
		}
		w.grants("late", "p-late", admin)
		w.gone("p-late")
		if err := w.checker().Recheck(t.Context(), false); err != nil {
			t.Fatal(err)
		}
	}
	w.recheck(t)
	if want := []string{"late", "of p-0000", "of p-0003"}; !slices.Equal(w.ended, want) {
		t.Errorf("ended %q, want %q", w.ended, want)
	}
	for id, p := range w.known(t).People {
		if !p.CheckedAt.Equal(noon) {
			t.Errorf("%s: checked at %v", id, p.CheckedAt)
		}
	}
	slices.Sort(w.looked)
	if len(slices.Compact(slices.Clone(w.looked))) != len(w.looked) {
		t.Errorf("looked up %q", w.looked)
	}
}

// If a run dies, other runs take over the people that it had chosen, after a while.
func TestARunThatDied(t *testing.T) {
	w := newWorld()
	w.people(2)
	w.during = func() { panic("killed") }
	func() {
		defer func() { _ = recover() }()
		w.recheck(t)
	}()
	w.after(time.Minute).recheck(t)
	if len(w.looked) > 0 {
		t.Errorf("looked up %q while they are claimed", w.looked)
	}
	w.after(time.Minute).recheck(t)
	if len(w.looked) != 2 {
		t.Errorf("looked up %q, want both", w.looked)
	}
}

func TestAWave(t *testing.T) {
	t.Run("ten within an hour are ended", func(t *testing.T) {
		w := newWorld()
		people := w.people(20)
		w.gone(people[:10]...)
		w.recheck(t)
		if len(w.ended) != 10 || len(w.runs) != 0 || w.counted[metric.PeopleGoneHeld] != 0 {
			t.Errorf("ended %d, asked %v, counted %v", len(w.ended), w.runs, w.counted)
		}
	})
	t.Run("eleven at once wait, and a question is asked", func(t *testing.T) {
		w := newWorld()
		w.wave(t, 11)
		run := w.runs["run-1"]
		if run.Guard != access.GuardGone || run.People != 11 || run.Removals != 11 || run.Mode != access.ModeRecheck ||
			!slices.Equal(run.Approvers, []string{"ann@example.com", "bob@example.com"}) {
			t.Errorf("asked %+v", run)
		}
		findings, err := (&findings.Store{Objects: w.objects}).Findings(t.Context(), "run-1")
		if err != nil || len(findings) != 11 || findings[0].UserName != "p-0000@example.com" || findings[0].Target != admin {
			t.Errorf("lists %+v, %v", findings, err)
		}
	})
	t.Run("the eleventh within an hour waits; after the hour nobody does", func(t *testing.T) {
		w := newWorld()
		people := w.people(13)
		w.gone(people[:10]...)
		w.recheck(t)
		w.removes()
		w.gone(people[10])
		w.after(leavers.WaveTime - time.Second).recheck(t)
		if len(w.ended) != 0 || len(w.runs) != 1 || w.runs["run-1"].People != 1 {
			t.Errorf("the eleventh: ended %q, asked %+v", w.ended, w.runs)
		}
		w.gone(people[11])
		w.after(leavers.DueAfter).recheck(t) // the ten are no longer within the hour
		if !slices.Equal(w.ended, []string{"of p-0011"}) || len(w.runs) != 1 {
			t.Errorf("the twelfth: ended %q, asked %+v", w.ended, w.runs)
		}
	})
	t.Run("asked until the question is in Slack", func(t *testing.T) {
		w := newWorld()
		w.failing["Show"] = access.Errorf(access.CodeThrottled, "x")
		w.wave(t, 12)
		w.after(time.Minute).recheck(t)
		if !slices.Equal(w.shown, []string{"run-1"}) || w.counted[metric.PeopleGoneHeld] != 1 {
			t.Errorf("shown %q, counted %v", w.shown, w.counted)
		}
		run := w.runs["run-1"]
		run.Posts = map[string]access.Post{"drift_question": {Channel: "C1", TS: "1.1"}}
		w.runs["run-1"] = run
		w.after(time.Minute).recheck(t)
		if len(w.shown) > 0 || w.counted[metric.PeopleGoneHeld] != 1 || len(w.ended) > 0 {
			t.Errorf("shown %q, counted %v, ended %q", w.shown, w.counted, w.ended)
		}
	})
	t.Run("remove: who is still gone is ended, who is back is not", func(t *testing.T) {
		w := newWorld()
		people := w.wave(t, 12)
		w.users[people[0]] = access.UserEnabled
		w.answer("run-1", true)
		w.after(time.Minute).recheck(t)
		if len(w.ended) != 11 || slices.Contains(w.ended, "of p-0000") || len(w.looked) != 12 {
			t.Errorf("ended %q after looking up %q", w.ended, w.looked)
		}
		if !slices.Equal(w.shown, []string{"run-1"}) || w.counted[metric.PeopleGoneHeld] != 0 {
			t.Errorf("shown %q, counted %v", w.shown, w.counted)
		}
		w.removes()
		w.after(time.Minute).recheck(t)
		if len(w.looked)+len(w.ended)+len(w.shown) > 0 || w.known(t).Question != "" {
			t.Errorf("then looked up %q, ended %q, shown %q", w.looked, w.ended, w.shown)
		}
	})
	for name, tt := range map[string]struct {
		fails func(w *world, yes bool)
		shown []string // while it fails
	}{
		"Slack fails":                    {func(w *world, yes bool) { w.slackDown = yes }, []string{"run-1"}},
		"notify can't be invoked":        {func(w *world, yes bool) { w.fail("Show", yes) }, []string{"run-1"}},
		"the question can't be read":     {func(w *world, yes bool) { w.fail("Run of run-1", yes) }, nil},
		"the people can't be asked next": {func(w *world, yes bool) { w.fail("Policy", yes) }, nil},
	} {
		t.Run("the answer is shown again until the message has it: "+name, func(t *testing.T) {
			w := newWorld()
			w.wave(t, 11)
			w.grants("new", "p-new", admin)
			w.gone("p-new")
			w.answer("run-1", false)
			w.after(time.Minute)
			if name == "the question can't be read" {
				w.slackDown = true
				w.recheck(t)
				w.slackDown = false
			}
			for range 3 {
				tt.fails(w, true)
				w.shown = nil
				_ = w.checker().Recheck(t.Context(), false)
				if shown := slices.DeleteFunc(w.shown, func(run string) bool { return run != "run-1" }); !slices.Equal(shown, tt.shown) {
					t.Errorf("shown %q, want %q", shown, tt.shown)
				}
				w.after(time.Minute)
			}
			if name != "the people can't be asked next" && w.runs["run-2"].People != 1 {
				t.Errorf("asked %+v: the next question waited", w.runs)
			}
			tt.fails(w, false)
			w.recheck(t)
			if !slices.Contains(w.shown, "run-1") {
				t.Errorf("shown %q, want run-1, too", w.shown)
			}
			w.after(time.Minute).recheck(t)
			if slices.Contains(w.shown, "run-1") || len(w.known(t).Closing) > 0 {
				t.Errorf("shown %q, closing %v", w.shown, w.known(t).Closing)
			}
		})
	}
	t.Run("Slack never takes the answer: after a day it is left", func(t *testing.T) {
		w := newWorld()
		w.wave(t, 11)
		w.answer("run-1", false)
		w.slackDown = true
		w.recheck(t)
		w.after(leavers.CloseFor - time.Second).recheck(t)
		if !slices.Equal(w.shown, []string{"run-1"}) {
			t.Errorf("shown %q", w.shown)
		}
		w.after(time.Second).recheck(t)
		if slices.Contains(w.shown, "run-1") || len(w.known(t).Closing) > 0 {
			t.Errorf("after a day: shown %q, closing %v", w.shown, w.known(t).Closing)
		}
	})
	t.Run("the row of an answered question is lost: nothing is left to update", func(t *testing.T) {
		w := newWorld()
		w.wave(t, 11)
		w.answer("run-1", false)
		w.slackDown = true
		w.recheck(t)
		delete(w.runs, "run-1")
		w.after(time.Minute).recheck(t)
		if len(w.shown) > 0 || len(w.known(t).Closing) > 0 {
			t.Errorf("shown %q, closing %v", w.shown, w.known(t).Closing)
		}
	})
	t.Run("remove counts for those who were asked about, and for nobody else", func(t *testing.T) {
		w := newWorld()
		w.wave(t, 11)
		w.grants("new", "p-new", admin)
		w.gone("p-new")
		w.after(time.Minute).recheck(t)
		if len(w.ended) > 0 || len(w.runs) != 1 {
			t.Fatalf("ended %q, asked %v", w.ended, w.runs)
		}
		w.answer("run-1", true)
		w.after(time.Minute).recheck(t)
		if len(w.ended) != 11 || slices.Contains(w.ended, "new") {
			t.Errorf("ended %q", w.ended)
		}
		if run := w.runs["run-2"]; run.People != 1 || !slices.Equal(w.shown, []string{"run-2", "run-1"}) {
			t.Errorf("then asked %+v, shown %q", run, w.shown)
		}
	})
	t.Run("leave: left alone for 24 hours, then asked again", func(t *testing.T) {
		w := newWorld()
		w.wave(t, 11)
		w.answer("run-1", false)
		for range 24*6 - 1 {
			w.after(10 * time.Minute).recheck(t)
			if len(w.ended) > 0 || len(w.runs) != 1 || w.counted[metric.PeopleGoneHeld] != 0 || w.counted[metric.RecheckLate] != 0 {
				t.Fatalf("at %v: ended %q, asked %v, counted %v", w.now.Sub(noon), w.ended, w.runs, w.counted)
			}
		}
		w.after(10 * time.Minute).recheck(t)
		if w.runs["run-2"].People != 11 || len(w.ended) > 0 {
			t.Errorf("after 24 hours: asked %+v, ended %q", w.runs["run-2"], w.ended)
		}
	})
	blocked := access.Blocks{}.Add(access.Block{Person: access.Person{SlackID: "Uann", PrincipalID: "p-ann"}, At: noon}, 7)
	t.Run("leave, by someone who is blocked after that: asked again at once", func(t *testing.T) {
		w := newWorld()
		w.wave(t, 11)
		w.answer("run-1", false)
		w.after(10 * time.Minute).recheck(t)
		w.after(10 * time.Minute).recheck(t)
		if len(w.runs) != 1 || w.known(t).People["p-0000"].LeftBy.SlackID != "Uann" {
			t.Fatalf("asked %v, left by %+v", w.runs, w.known(t).People["p-0000"])
		}
		w.blocks = blocked
		w.after(10 * time.Minute).recheck(t)
		if w.runs["run-2"].People != 11 || len(w.ended) > 0 {
			t.Errorf("asked %+v, ended %q", w.runs["run-2"], w.ended)
		}
	})
	for _, remove := range []bool{false, true} {
		t.Run(fmt.Sprintf("an answer by someone who is blocked before it is read, remove %t: asked again", remove), func(t *testing.T) {
			w := newWorld()
			w.wave(t, 11)
			w.answer("run-1", remove)
			w.blocks = blocked
			w.after(time.Minute).recheck(t)
			if w.runs["run-2"].People != 11 || len(w.ended) > 0 {
				t.Errorf("asked %+v, ended %q", w.runs["run-2"], w.ended)
			}
		})
	}
	t.Run("nobody knows who is blocked: nothing ends, and the next recheck reads it", func(t *testing.T) {
		w := newWorld()
		w.wave(t, 11)
		if w.blocksRead != 0 {
			t.Errorf("read who is blocked %d times, and there is no answer", w.blocksRead)
		}
		w.answer("run-1", true)
		w.failing["Blocks"] = access.Errorf(access.CodeUnavailable, "no answer")
		if err := w.after(time.Minute).checker().Recheck(t.Context(), false); access.CodeOf(err) != access.CodeUnavailable || len(w.ended) > 0 {
			t.Errorf("got %v, ended %q", err, w.ended)
		}
		delete(w.failing, "Blocks")
		w.after(time.Minute).recheck(t)
		if len(w.ended) != 11 {
			t.Errorf("ended %q", w.ended)
		}
	})
	t.Run("nobody answers: asked again after 24 hours, and an answer that comes later is told so", func(t *testing.T) {
		w := newWorld()
		w.wave(t, 11)
		w.after(leavers.LeaveFor).recheck(t)
		if a := w.runs["run-1"].Answer; a == nil || !a.Expired() || a.Remove {
			t.Errorf("the first question: %+v", a)
		}
		if w.runs["run-2"].People != 11 || len(w.ended) > 0 || !slices.Equal(w.shown, []string{"run-2", "run-1"}) {
			t.Errorf("asked %+v, ended %q, shown %q", w.runs["run-2"], w.ended, w.shown)
		}
	})
	t.Run("a question whose row is lost is asked again", func(t *testing.T) {
		w := newWorld()
		w.wave(t, 11)
		delete(w.runs, "run-1")
		w.after(time.Minute).recheck(t)
		if w.runs["run-1"].People != 11 || len(w.ended) > 0 {
			t.Errorf("asked %+v, ended %q", w.runs, w.ended)
		}
	})
	t.Run("a member of a group that decides", func(t *testing.T) {
		w := newWorld()
		w.policy.Accounts[0].Approvers = []string{"group:g-sec"}
		w.wave(t, 11)
		w.answer("run-1", true)
		w.groups = map[string][]string{"p-ann": {"g-sec"}}
		w.failing["GroupsOf"] = access.Errorf(access.CodeThrottled, "x")
		w.after(time.Minute).recheck(t)
		if len(w.ended) > 0 {
			t.Errorf("ended %q, though nobody knows the memberships", w.ended)
		}
		delete(w.failing, "GroupsOf")
		w.after(leavers.ClaimFor).recheck(t)
		if len(w.ended) != 11 {
			t.Errorf("ended %q, want all", w.ended)
		}
	})
	t.Run("removed from the group after the answer: asked again", func(t *testing.T) {
		w := newWorld()
		w.policy.Accounts[0].Approvers = []string{"group:g-sec"}
		w.wave(t, 11)
		w.answer("run-1", true)
		w.after(time.Minute).recheck(t)
		if len(w.ended) > 0 {
			t.Errorf("ended %q", w.ended)
		}
	})
	t.Run("everybody is back: nothing is ended, whatever the answer", func(t *testing.T) {
		w := newWorld()
		w.wave(t, 30)
		clear(w.users)
		w.answer("run-1", true)
		w.after(leavers.DueAfter).recheck(t)
		if len(w.ended) > 0 || len(w.runs) != 1 || w.counted[metric.PeopleGoneHeld] != 0 {
			t.Errorf("ended %q, asked %v, counted %v", w.ended, w.runs, w.counted)
		}
		for id, p := range w.known(t).People {
			if p.Held || !p.GoneSince.IsZero() {
				t.Errorf("%s: %+v", id, p)
			}
		}
	})
	t.Run("the policy can't be read: nothing is ended, and the alarm is on", func(t *testing.T) {
		w := newWorld()
		w.gone(w.people(11)...)
		w.failing["Policy"] = access.Errorf(access.CodeUnavailable, "x")
		if err := w.checker().Recheck(t.Context(), false); access.CodeOf(err) != access.CodeUnavailable {
			t.Errorf("got %v", err)
		}
		if len(w.ended) > 0 || w.counted[metric.PeopleGoneHeld] != 1 {
			t.Errorf("ended %q, counted %v", w.ended, w.counted)
		}
	})
	t.Run("targets that nobody approves: who approves everywhere is asked", func(t *testing.T) {
		w := newWorld()
		w.policy.Groups = []access.Statement{{Resources: []string{"g-2"}, Approvers: []string{"dan@example.com"}}, {Resources: []string{"*"}, Approvers: []string{"eve@example.com"}}}
		w.wave(t, 11, access.Target{Kind: access.KindGroup, GroupID: "g-1"})
		if want := []string{"eve@example.com"}; !slices.Equal(w.runs["run-1"].Approvers, want) {
			t.Errorf("asked %q, want %q", w.runs["run-1"].Approvers, want)
		}
	})
	t.Run("targets that nobody decides about: their access stays, and the alarm is on", func(t *testing.T) {
		w := newWorld()
		w.wave(t, 11, access.Target{Kind: access.KindGroup, GroupID: "g-1"})
		if got := w.runs["run-1"].Approvers; len(got) > 0 {
			t.Errorf("asked %q, want nobody", got)
		}
		w.answer("run-1", true) // by someone who may not answer
		w.after(time.Minute).recheck(t)
		if len(w.ended) > 0 {
			t.Errorf("ended %q", w.ended)
		}
	})
	t.Run("each access needs an approver of its target", func(t *testing.T) {
		w := newWorld()
		people := w.people(11)
		other := access.Target{Kind: access.KindAccount, AccountID: "222222222222", PermissionSet: "Billing", PermissionSetARN: "arn:aws:sso:::permissionSet/ssoins-1/ps-2"}
		for _, id := range people[:4] {
			w.grants("other of "+id, id, other)
		}
		w.gone(people...)
		w.recheck(t)
		run := w.runs["run-1"]
		if run.Removals != 15 || run.People != 11 || !slices.Equal(run.Approvers, []string{"ann@example.com", "bob@example.com", "clo@example.com"}) {
			t.Fatalf("asked %+v", run)
		}
		// The findings are sorted by target. ann approves 0 to 10, and clo approves 11
		// to 14.
		w.says("run-1", "ann", true, [2]int{0, 3})
		w.says("run-1", "clo", false, [2]int{11, 13})
		w.after(time.Minute).recheck(t)
		if len(w.ended) > 0 {
			t.Fatalf("ended %q while the question is open", w.ended)
		}
		w.after(leavers.LeaveFor).recheck(t) // the question has expired
		if want := []string{"of p-0000", "of p-0001", "of p-0002"}; !slices.Equal(w.ended, want) {
			t.Fatalf("ended %q, want %q", w.ended, want)
		}
		w.removes()
		// People without an answer are asked about again at once. Those whose access
		// was kept are asked about a day later.
		again := w.runs["run-2"]
		if again.People != 8 || again.Removals != 9 || w.known(t).People["p-0000"].LeftUntil != w.now.Add(leavers.LeaveFor) {
			t.Errorf("asked again %+v, and of the first %+v", again, w.known(t).People["p-0000"])
		}
	})
	t.Run("who let it go approves it no more: it is left, and asked again after 24 hours", func(t *testing.T) {
		w := newWorld()
		w.wave(t, 11)
		w.answer("run-1", true)
		w.policy.Accounts[0].Approvers = []string{"bob@example.com"}
		w.after(time.Minute).recheck(t)
		if len(w.ended) > 0 || len(w.runs) != 1 {
			t.Fatalf("ended %q, asked %v", w.ended, w.runs)
		}
		w.after(leavers.LeaveFor).recheck(t)
		if len(w.ended) > 0 || w.runs["run-2"].People != 11 || !slices.Equal(w.runs["run-2"].Approvers, []string{"bob@example.com"}) {
			t.Errorf("ended %q, asked %+v", w.ended, w.runs["run-2"])
		}
	})
	t.Run("what was let go can't be read: it is tried again", func(t *testing.T) {
		w := newWorld()
		w.wave(t, 11)
		w.answer("run-1", true)
		w.failing["Policy"] = access.Errorf(access.CodeUnavailable, "x")
		w.after(time.Minute).recheck(t)
		if len(w.ended) > 0 {
			t.Fatalf("ended %q", w.ended)
		}
		w.failing = map[string]error{}
		w.after(time.Minute).recheck(t)
		if len(w.ended) != 11 {
			t.Errorf("then ended %q", w.ended)
		}
	})
	t.Run("access that the question did not list needs a question of its own", func(t *testing.T) {
		w := newWorld()
		people := w.wave(t, 11)
		w.answer("run-1", true)
		w.grants("new", people[0], access.Target{Kind: access.KindAccount, AccountID: "222222222222", PermissionSet: "Billing", PermissionSetARN: "arn:aws:sso:::permissionSet/ssoins-1/ps-2"})
		w.after(time.Minute).recheck(t)
		if len(w.ended) != 11 || slices.Contains(w.ended, "new") {
			t.Errorf("ended %q", w.ended)
		}
		w.removes()
		w.after(leavers.LeaveFor).recheck(t)
		if len(w.ended) > 0 || w.runs["run-2"].Removals != 1 {
			t.Errorf("then ended %q, asked %+v", w.ended, w.runs["run-2"])
		}
	})
	t.Run("a question has room for a thousand", func(t *testing.T) {
		w := newWorld()
		for i := range 40 {
			id := fmt.Sprintf("p-%04d", i)
			for j := range 30 {
				w.grants(fmt.Sprintf("%d of %s", j, id), id, access.Target{Kind: access.KindAccount, AccountID: "222222222222", PermissionSet: fmt.Sprint("Set", j), PermissionSetARN: fmt.Sprint("arn:", j)})
			}
			w.gone(id)
		}
		w.recheck(t)
		if run := w.runs["run-1"]; run.People != 34 || run.Removals != 34*30 {
			t.Fatalf("asked %+v", run)
		}
		w.says("run-1", "clo", true, [2]int{0, 34 * 30})
		w.over("run-1")
		w.after(time.Minute).recheck(t)
		if len(w.ended) != 34*30 || w.runs["run-2"].People != 6 {
			t.Errorf("ended %d, then asked %+v", len(w.ended), w.runs["run-2"])
		}
	})
	t.Run("what was found stays found, also where the function dies before it ends anything", func(t *testing.T) {
		w := newWorld()
		people := w.people(20)
		w.gone(people[:8]...)
		w.failing["Lease"] = access.Errorf(access.CodeUnavailable, "x")
		w.recheck(t)
		w.failing = map[string]error{}
		w.gone(people[8:11]...)
		w.after(leavers.DueAfter).recheck(t)
		if len(w.ended) > 0 || w.runs["run-1"].People != 11 {
			t.Errorf("ended %q, asked %+v", w.ended, w.runs)
		}
	})
}

// wave makes n people disappear at once.
func (w *world) wave(t *testing.T, n int, target ...access.Target) []string {
	t.Helper()
	var people []string
	if len(target) == 0 {
		people = w.people(n)
	}
	for i := range n * len(target) {
		id := fmt.Sprintf("p-%04d", i)
		w.grants("of "+id, id, target[0])
		people = append(people, id)
	}
	w.gone(people...)
	w.recheck(t)
	if len(w.ended) > 0 || !slices.Equal(w.shown, []string{"run-1"}) || w.counted[metric.PeopleGoneHeld] != 1 {
		t.Fatalf("a wave of %d: ended %q, shown %q, counted %v", n, w.ended, w.shown, w.counted)
	}
	return people
}

// answer has ann answer the question for all findings.
func (w *world) answer(run string, remove bool) {
	w.says(run, "ann", remove, [2]int{0, w.runs[run].Removals})
	w.over(run)
}

// says has someone answer the question for some findings.
func (w *world) says(run, name string, remove bool, findings ...[2]int) {
	r := w.runs[run]
	r.Answers = append(r.Answers, access.RunAnswer{
		Remove: remove, By: access.Person{SlackID: "U" + name, Email: name + "@example.com", PrincipalID: "p-" + name}, At: w.now, Findings: findings,
	})
	r.Posts = map[string]access.Post{"drift_question": {Channel: "C1", TS: "1.1"}}
	w.runs[run] = r
}

// over closes the question.
func (w *world) over(run string) {
	r := w.runs[run]
	r.Answer = &r.Answers[len(r.Answers)-1]
	w.runs[run] = r
}

func TestStateThatMakesNoSense(t *testing.T) {
	w := newWorld()
	w.gone(w.people(1)...)
	if err := w.objects.Put(t.Context(), findings.Prefix+"people.json", []byte("{")); err != nil {
		t.Fatal(err)
	}
	if err := w.checker().Recheck(t.Context(), false); access.CodeOf(err) != access.CodeInvalid || !strings.Contains(err.Error(), "people.json") {
		t.Errorf("got %v", err)
	}
	if len(w.ended) > 0 {
		t.Errorf("ended %q without knowing how many are gone", w.ended)
	}
}
