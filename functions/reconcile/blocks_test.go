package reconcile

import (
	"context"
	"log/slog"
	"maps"
	"slices"
	"sync"
	"testing"
	"time"

	"sso-elevator/functions/access"
)

// blockedWorld is a table with the blocks and requests, and what was done.
type blockedWorld struct {
	mu      sync.Mutex
	blocks  access.Blocks
	rows    map[string]access.Request
	leases  map[string]access.Lease
	removed []string         // requests without a row
	errs    map[string]error // by call or request id
	resumed []string
	read    int
	records int
}

func (w *blockedWorld) Blocks(context.Context) (access.Blocks, error) {
	return w.blocks, w.errs["blocks"]
}

func (w *blockedWorld) OpenRequests(context.Context) (due []access.Due, err error) {
	for _, id := range append(slices.Sorted(maps.Keys(w.rows)), "behind") {
		due = append(due, access.Due{ID: id})
	}
	return due, w.errs["open"]
}

func (w *blockedWorld) Get(_ context.Context, id string) (access.Request, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.read++
	r, ok := w.rows[id]
	if !ok {
		return r, access.Errorf(access.CodeNotFound, "none")
	}
	return r, w.errs[id]
}

func (w *blockedWorld) RequestEnd(_ context.Context, id string, e access.EndRequest) (access.Request, bool, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	r := w.rows[id]
	if r.EndRequest != nil {
		return r, false, nil
	}
	r.EndRequest = &e
	w.rows[id] = r
	return r, true, w.errs["end"]
}

func (w *blockedWorld) OpenLeases(context.Context) (due []access.Due, err error) {
	for _, key := range append(slices.Sorted(maps.Keys(w.leases)), "behind#p-carol") {
		due = append(due, access.Due{ID: key})
	}
	return due, w.errs["open leases"]
}

func (w *blockedWorld) Lease(_ context.Context, key string) (access.Lease, bool, error) {
	lease, found := w.leases[key]
	return lease, found, w.errs["lease"]
}

func (w *blockedWorld) checker(at time.Time) *Blocked {
	resume := func(what string) func(context.Context, string) error {
		return func(_ context.Context, token string) error {
			w.mu.Lock()
			defer w.mu.Unlock()
			w.resumed = append(w.resumed, what+" "+token)
			return w.errs["resume"]
		}
	}
	return &Blocked{
		Table: w, ResumeApproval: resume("approval"), ResumeEnd: resume("end"),
		Remove: func(_ context.Context, id string, s access.Subject) error {
			w.removed = append(w.removed, id+" "+s.Key())
			return w.errs["remove"]
		},
		Record: func(context.Context) error { w.records++; return w.errs["record"] },
		Now:    func() time.Time { return at }, Logger: slog.New(slog.DiscardHandler),
	}
}

func TestBlockedPeopleLoseEverything(t *testing.T) {
	at := time.Date(2026, 3, 2, 9, 1, 0, 0, time.UTC)
	carol := access.Person{SlackID: "UCAROL", PrincipalID: "p-carol"}
	ann := access.Person{SlackID: "UANN", PrincipalID: "p-ann"}
	down := access.Errorf(access.CodeThrottled, "slow down")
	request := func(id string, by access.Person, change func(*access.Request)) access.Request {
		r := access.Request{ID: id, Requester: by, ApprovalToken: "a-" + id, EndToken: "e-" + id, CreatedAt: at}
		if change != nil {
			change(&r)
		}
		return r
	}
	active := func(r *access.Request) {
		r.Outcome, r.GrantedAt, r.End = &access.Outcome{Kind: access.OutcomeApproved}, at, at.Add(time.Hour)
	}
	rows := func() map[string]access.Request {
		all := map[string]access.Request{}
		for _, r := range []access.Request{
			request("pending", carol, nil), request("not-waiting-yet", carol, func(r *access.Request) { r.ApprovalToken = "" }),
			request("active", carol, active), request("active-without-token", carol, func(r *access.Request) { active(r); r.EndToken = "" }),
			request("by-the-slack-user", access.Person{SlackID: "UCAROL", PrincipalID: "p-before"}, active),
			request("by-another-slack-user", access.Person{SlackID: "U2", PrincipalID: "p-carol"}, active),
			request("being-granted", carol, func(r *access.Request) { r.Outcome = &access.Outcome{Kind: access.OutcomeApproved} }),
			request("ended", carol, func(r *access.Request) { active(r); r.EndRequest = &access.EndRequest{By: carol} }),
			request("being-removed", carol, func(r *access.Request) { active(r); r.RevokingAt = at }),
			request("denied", carol, func(r *access.Request) { r.Outcome = &access.Outcome{Kind: access.OutcomeDenied} }),
			request("of-ann", ann, active), request("pending-of-ann", ann, nil),
		} {
			all[r.ID] = r
		}
		return all
	}
	blocked := func(ago time.Duration) access.Blocks {
		b := access.Blocks{}.Add(access.Block{Person: carol, By: ann, At: at.Add(-ago)}, 5)
		b.Recorded = 5
		return b
	}
	ends := []string{"active", "active-without-token", "by-another-slack-user", "by-the-slack-user"}
	resumed := []string{"approval a-pending", "end e-active", "end e-by-another-slack-user", "end e-by-the-slack-user"}
	for _, tt := range []struct {
		name    string
		blocks  access.Blocks
		at      time.Time
		errs    map[string]error
		want    access.Code
		ends    []string
		resumed []string
		idle    bool // no request is read
		records int
	}{
		{name: "nobody is blocked", idle: true},
		{name: "blocked a moment ago", blocks: blocked(0), ends: ends, resumed: resumed},
		{name: "blocked long ago, in most minutes", blocks: blocked(freshBlock), idle: true},
		{name: "blocked long ago, in every tenth minute", blocks: blocked(freshBlock), at: at.Add(9 * time.Minute), ends: ends, resumed: resumed},
		{name: "an event is not recorded", blocks: func() access.Blocks { b := blocked(0); b.Recorded = 0; return b }(), ends: ends, resumed: resumed, records: 1},
		{name: "recording fails", blocks: func() access.Blocks { b := blocked(0); b.Recorded = 0; return b }(), errs: map[string]error{"record": down}, ends: ends, resumed: resumed, records: 1, want: access.CodeThrottled},
		{name: "the blocks can't be read", blocks: blocked(0), errs: map[string]error{"blocks": down}, idle: true, want: access.CodeThrottled},
		{name: "the requests can't be listed", blocks: blocked(0), errs: map[string]error{"open": down}, idle: true, want: access.CodeThrottled},
		{name: "one can't be read", blocks: blocked(0), errs: map[string]error{"active": down}, ends: ends[1:], resumed: slices.Delete(slices.Clone(resumed), 1, 2), want: access.CodeThrottled},
		{name: "executions can't be resumed: the sweep sees to the ends", blocks: blocked(0), errs: map[string]error{"resume": down}, ends: ends, resumed: resumed, want: access.CodeThrottled},
	} {
		t.Run(tt.name, func(t *testing.T) {
			w := &blockedWorld{blocks: tt.blocks, rows: rows(), errs: tt.errs}
			when := tt.at
			if when.IsZero() {
				when = at
			}
			if err := w.checker(when).Look(t.Context()); access.CodeOf(err) != tt.want {
				t.Errorf("got %v, want code %q", err, tt.want)
			}
			var got []string
			for _, id := range slices.Sorted(maps.Keys(w.rows)) {
				if e := w.rows[id].EndRequest; e != nil && id != "ended" {
					got = append(got, id)
					if e.By != ann || e.Reason != access.EndBlocked || !e.At.Equal(when) {
						t.Errorf("%s ends with %+v", id, e)
					}
				}
			}
			if slices.Sort(w.resumed); !slices.Equal(got, tt.ends) || !slices.Equal(w.resumed, tt.resumed) || w.records != tt.records || (w.read == 0) != tt.idle {
				t.Errorf("ended %q, resumed %q, recorded %d times, read %d", got, w.resumed, w.records, w.read)
			}
			if w.rows["pending"].Outcome != nil {
				t.Error("it decides, which only ingress and evaluate may")
			}
		})
	}
}

// Access of a blocked person whose request has no row anymore is removed through its lease.
func TestBlockedPeopleLoseAccessWithoutRow(t *testing.T) {
	at := time.Date(2026, 3, 2, 9, 1, 0, 0, time.UTC)
	down := access.Errorf(access.CodeThrottled, "slow down")
	blocks := access.Blocks{}.Add(access.Block{Person: access.Person{SlackID: "UCAROL", PrincipalID: "p-carol"}, At: at}, 5)
	blocks.Recorded = 5
	subject := func(account, principal string) access.Subject {
		return access.Subject{Target: access.Target{Kind: access.KindAccount, AccountID: account, PermissionSetARN: "ps"}, PrincipalID: principal}
	}
	confirmed := access.Holder{End: at.Add(time.Hour)}
	first, second, of := subject("1", "p-carol"), subject("2", "p-carol"), subject("1", "p-ann")
	for _, tt := range []struct {
		name   string
		blocks access.Blocks
		errs   map[string]error
		want   access.Code
		gone   []string
	}{
		{name: "blocked", blocks: blocks, gone: []string{"lost " + first.Key(), "lost-too " + second.Key()}},
		{name: "nobody is blocked"},
		{name: "the leases can't be listed", blocks: blocks, errs: map[string]error{"open leases": down}, want: access.CodeThrottled},
		{name: "no lease can be read", blocks: blocks, errs: map[string]error{"lease": down}, want: access.CodeThrottled},
		{name: "a row can't be read", blocks: blocks, errs: map[string]error{"kept": down}, want: access.CodeThrottled, gone: []string{"lost " + first.Key(), "lost-too " + second.Key()}},
		{name: "no removal can be started", blocks: blocks, errs: map[string]error{"remove": down}, want: access.CodeThrottled, gone: []string{"lost " + first.Key(), "lost-too " + second.Key()}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			w := &blockedWorld{blocks: tt.blocks, errs: tt.errs,
				rows: map[string]access.Request{"kept": {ID: "kept", Requester: access.Person{PrincipalID: "p-carol"}, RevokingAt: at}},
				leases: map[string]access.Lease{
					first.Key():  {Subject: first, Holders: map[string]access.Holder{"lost": confirmed, "kept": confirmed, "being-granted": {}}},
					second.Key(): {Subject: second, Holders: map[string]access.Holder{"lost-too": confirmed}},
					of.Key():     {Subject: of, Holders: map[string]access.Holder{"lost-of-ann": confirmed}},
				}}
			if err := w.checker(at).Look(t.Context()); access.CodeOf(err) != tt.want {
				t.Errorf("got %v, want code %q", err, tt.want)
			}
			if slices.Sort(w.removed); !slices.Equal(w.removed, tt.gone) {
				t.Errorf("removed %q, want %q", w.removed, tt.gone)
			}
		})
	}
}
