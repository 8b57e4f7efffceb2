package access

import (
	"encoding/json"
	"reflect"
	"strconv"
	"testing"
	"time"
)

// TestDecideExtensions has a row for each sentence of the policy's page about extensions.
func TestDecideExtensions(t *testing.T) {
	const ann, bob = "ann@example.com", "bob@example.com"
	all := func(s Statement) Statement {
		s.Resources, s.PermissionSets = list(dev), list("ReadOnly")
		return s
	}
	automatic := all(Statement{ApprovalIsNotRequired: yes, MaxDuration: 8, Approvers: list(bob)})
	alone := all(Statement{ApprovalIsNotRequired: yes, MaxDuration: 8, Approvers: list(ann)})
	self := all(Statement{AllowSelfApproval: yes, MaxDuration: 8, Approvers: list(ann, bob)})
	asks := all(Statement{MaxDuration: 8, Approvers: list(bob)})
	tests := []struct {
		name                     string
		statements               []Statement
		duration, chain, longest int64
		outcome                  DecisionOutcome
		reason                   Reason
		tooLong                  bool
		approvesAlone            bool // the requester, by a press
	}{
		{"no extension", []Statement{automatic}, 8, 0, 8, DecideAutomatic, ReasonApprovalNotRequired, false, false},
		{"a chain of exactly MaxDuration is automatic", []Statement{automatic}, 4, 8, 0, DecideAutomatic, ReasonApprovalNotRequired, false, false},
		{"a longer chain needs an approval", []Statement{automatic}, 4, 9, 0, DecideApproval, ReasonRequiresApproval, true, false},
		{"so does one longer than the settings allow", []Statement{automatic}, 4, 7, 6, DecideApproval, ReasonRequiresApproval, true, false},
		{"the lowest MaxDuration counts", []Statement{automatic, all(Statement{MaxDuration: 5})}, 4, 6, 0, DecideApproval, ReasonRequiresApproval, true, false},
		{"a limit of a statement that doesn't apply doesn't", []Statement{automatic, all(Statement{MaxDuration: 5, Allowed: list(bob)})}, 4, 6, 0, DecideAutomatic, ReasonApprovalNotRequired, false, false},
		{"without anyone to approve it, it is refused", []Statement{alone}, 4, 9, 0, DecideRefused, ReasonNoApprovers, true, false},
		{"self-approval within the limit", []Statement{self}, 4, 8, 0, DecideAutomatic, ReasonSelfApproval, false, true},
		{"self-approval beyond it: someone else must approve", []Statement{self}, 4, 9, 0, DecideApproval, ReasonRequiresApproval, true, false},
		{"a request that needs an approval may extend as far as approvers let it", []Statement{asks}, 8, 99, 8, DecideApproval, ReasonRequiresApproval, false, false},
		{"a request that is too long by itself is refused as such", []Statement{alone}, 9, 12, 0, DecideRefused, ReasonDurationTooLong, false, false},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			p := Policy{Accounts: tt.statements}
			c := request(ann, account(dev, "ReadOnly"))
			c.Duration, c.Chain, c.Longest = tt.duration, tt.chain, tt.longest
			d := NewIndex(&p).Decide(c)
			if d.Outcome != tt.outcome || d.Reason != tt.reason || d.ChainTooLong != tt.tooLong {
				t.Errorf("got %+v", d)
			}
			if got := NewIndex(&p).Permits(c, Identity{Email: ann}); got != tt.approvesAlone {
				t.Errorf("the requester approves it by a press: %v", got)
			}
			mine := NewIndex(&p).Progress(c, "p-ann", []Approver{{Identity: Identity{Email: ann}, PrincipalID: "p-ann"}})
			if mine.Met != tt.approvesAlone {
				t.Errorf("the requester's own approval is enough: %v", mine.Met)
			}
		})
	}
}

func TestChainOf(t *testing.T) {
	nine := time.Date(2026, 3, 2, 9, 0, 0, 0, time.UTC)
	at := func(minutes int) time.Time { return nine.Add(time.Duration(minutes) * time.Minute) }
	row := func(from, until int, change ...func(*Request)) Request {
		r := Request{GrantedAt: at(from), End: at(until), Duration: int64(until-from) * 60}
		for _, c := range change {
			c(&r)
		}
		return r
	}
	holders := func(ids ...string) Lease {
		l := Lease{Holders: map[string]Holder{}}
		for _, id := range ids {
			l.Holders[id] = Holder{}
		}
		return l
	}
	const now = 30
	tests := []struct {
		name  string
		lease Lease
		rows  map[string]Request
		want  *Chain
	}{
		{"nobody holds the access", Lease{}, nil, nil},
		{"only the request itself", holders("new"), nil, nil},
		{"one request", holders("a", "new"), map[string]Request{"a": row(0, 60)},
			&Chain{Since: at(0), End: at(60), Extends: "a"}},
		{"the latest end counts", holders("a", "b"), map[string]Request{"a": row(0, 60), "b": row(5, 40)},
			&Chain{Since: at(0), End: at(60), Extends: "a"}},
		{"a chain goes on after its first request", holders("b"), map[string]Request{"b": row(20, 90, func(r *Request) { r.ChainSince = at(-60) })},
			&Chain{Since: at(-60), End: at(90), Extends: "b"}},
		{"a request whose time is over", holders("a"), map[string]Request{"a": row(0, now)}, nil},
		{"one that someone ended", holders("a"), map[string]Request{"a": row(0, 60, func(r *Request) { r.EndRequest = &EndRequest{At: at(29)} })}, nil},
		{"one that is being removed", holders("a"), map[string]Request{"a": row(0, 60, func(r *Request) { r.RevokingAt = at(29) })}, nil},
		{"one that the sweep gave up", holders("a"), map[string]Request{"a": row(0, 60, func(r *Request) { r.Tombstone = true })}, nil},
		{"one that is not confirmed", holders("a"), map[string]Request{"a": {}}, nil},
		{"a row is newer than the lease", Lease{Holders: map[string]Holder{"a": {GrantedAt: at(0), End: at(10)}}}, map[string]Request{"a": row(0, 60)},
			&Chain{Since: at(0), End: at(60), Extends: "a"}},
		{"without a row, the lease counts", Lease{Holders: map[string]Holder{"a": {GrantedAt: at(0), End: at(60), ChainSince: at(-10)}, "b": {}}}, nil,
			&Chain{Since: at(-10), End: at(60), Extends: "a"}},
		{"a holder of an old release", Lease{Holders: map[string]Holder{"a": {End: at(60)}}}, nil,
			&Chain{Since: at(60), End: at(60), Extends: "a"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if got := ChainOf(tt.lease, tt.rows, "new", at(now)); !reflect.DeepEqual(got, tt.want) {
				t.Errorf("got %+v, want %+v", got, tt.want)
			}
		})
	}
}

// An approved request extends at most what its approver was shown. For an undecided one,
// the dialog of an approval shows the same.
func TestChainFor(t *testing.T) {
	nine := time.Date(2026, 3, 2, 9, 0, 0, 0, time.UTC)
	at := func(minutes int) time.Time { return nine.Add(time.Duration(minutes) * time.Minute) }
	l := Lease{Holders: map[string]Holder{"a": {}, "b": {}, "new": {}}}
	a := Request{GrantedAt: at(0), End: at(60)}
	b := Request{GrantedAt: at(10), End: at(120), ChainSince: at(0), Extends: "a"}
	both := map[string]Request{"a": a, "b": b}
	shown := func(minutes int) *Chain { return &Chain{Since: at(0), End: at(minutes), Extends: "x"} }
	toA, toB := &Chain{Since: at(0), End: at(60), Extends: "a"}, &Chain{Since: at(0), End: at(120), Extends: "b"}
	for _, tt := range []struct {
		name            string
		shown           *Chain
		rows            map[string]Request
		now             int
		want, automatic *Chain
	}{
		{"nothing was shown", nil, both, 30, nil, toB},
		{"as shown", shown(120), both, 30, toB, toB},
		{"longer than shown", shown(60), both, 30, toA, toB},
		{"longer, and what was shown is over", shown(60), both, 60, nil, toB},
		{"longer, and what was shown was removed", shown(60), map[string]Request{"a": {}, "b": b}, 30, nil, toB},
		{"shorter", shown(120), map[string]Request{"a": a, "b": {}}, 30, toA, toA},
		{"over", shown(120), map[string]Request{"a": {}, "b": {}}, 30, nil, nil},
	} {
		for kind, want := range map[OutcomeKind]*Chain{OutcomeApproved: tt.want, "": tt.want, OutcomeAutomatic: tt.automatic} {
			r := Request{ID: "new", Chain: tt.shown}
			if kind != "" {
				r.Outcome = &Outcome{Kind: kind}
			}
			if got := ChainFor(l, tt.rows, r, at(tt.now)); !reflect.DeepEqual(got, want) {
				t.Errorf("%s, outcome %q: got %+v, want %+v", tt.name, kind, got, want)
			}
		}
	}
}

func TestChainLength(t *testing.T) {
	nine := time.Date(2026, 3, 2, 9, 0, 0, 0, time.UTC)
	c := &Chain{Since: nine, End: nine.Add(time.Hour + time.Millisecond)}
	if got := c.Length(60); got != 3661 {
		t.Errorf("got %d, want a second that has begun to count", got)
	}
	if got := (*Chain)(nil).Length(60); got != 0 {
		t.Errorf("a request that extends nothing: %d", got)
	}
}

func TestEndIncludes(t *testing.T) {
	nine := time.Date(2026, 3, 2, 9, 0, 0, 0, time.UTC)
	approved := func(at time.Time) Request { return Request{Outcome: &Outcome{Kind: OutcomeApproved, At: at}} }
	by := Person{SlackID: "U1"}
	for _, tt := range []struct {
		name string
		end  *EndRequest
		r    Request
		want bool
	}{
		{"approved before", &EndRequest{By: by, At: nine}, approved(nine.Add(-time.Second)), true},
		{"approved at the same time", &EndRequest{By: by, At: nine}, approved(nine), true},
		{"approved later", &EndRequest{By: by, At: nine}, approved(nine.Add(time.Millisecond)), false},
		{"undecided", &EndRequest{By: by, At: nine}, Request{}, false},
		{"denied", &EndRequest{By: by, At: nine}, Request{Outcome: &Outcome{Kind: OutcomeDenied}}, false},
		{"the app ended it", &EndRequest{At: nine, Reason: EndRequesterGone}, approved(nine.Add(-time.Second)), false},
		{"nobody ended it", nil, approved(nine), false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if got := tt.end.Includes(tt.r); got != tt.want {
				t.Errorf("got %v", got)
			}
		})
	}
}

// Functions of the previous release wrote no chains.
func TestPreviousReleaseHasNoChains(t *testing.T) {
	var l Lease
	if err := json.Unmarshal([]byte(`{"holders":{"a":{"execution_arn":"arn:a","granted_at":"2026-03-02T09:00:00Z","end":"2026-03-02T10:00:00Z"}}}`), &l); err != nil {
		t.Fatal(err)
	}
	nine := time.Date(2026, 3, 2, 9, 0, 0, 0, time.UTC)
	want := &Chain{Since: nine, End: nine.Add(time.Hour), Extends: "a"}
	if got := ChainOf(l, nil, "b", nine.Add(time.Minute)); !reflect.DeepEqual(got, want) {
		t.Errorf("got %+v, want %+v", got, want)
	}
}

// Without an extension, a decision allocates as little as before: once for the indexes of
// the statements, and once for the approvers.
func TestDecideAllocates(t *testing.T) {
	p := Policy{Accounts: []Statement{{Resources: list(dev), PermissionSets: list("ReadOnly"), Approvers: list("bob@example.com"), MaxDuration: 60}}}
	index, c := NewIndex(&p), request("ann@example.com", account(dev, "ReadOnly"))
	if got := testing.AllocsPerRun(100, func() { index.Decide(c) }); got > 2 {
		t.Errorf("a decision allocates %v times, want at most 2", got)
	}
}

func TestLastEnd(t *testing.T) {
	now := time.Date(2026, 3, 2, 12, 0, 0, 0, time.UTC)
	approved := func(change func(*Request)) Request {
		r := Request{Outcome: &Outcome{Kind: OutcomeApproved}, GrantedAt: now.Add(-time.Hour), End: now.Add(time.Hour)}
		if change != nil {
			change(&r)
		}
		return r
	}
	later := approved(func(r *Request) { r.End = now.Add(2 * time.Hour) })
	for _, tt := range []struct {
		name     string
		requests []Request
		want     time.Time
		last     int // the index of the request that ends then
	}{
		{"none", nil, time.Time{}, 0},
		{"one", []Request{approved(nil)}, now.Add(time.Hour), 0},
		{"the later of two", []Request{later, approved(nil)}, now.Add(2 * time.Hour), 0},
		{"the later of two, listed last", []Request{approved(nil), later}, now.Add(2 * time.Hour), 1},
		{"one waits for its grant", []Request{later, {Outcome: &Outcome{Kind: OutcomeApproved}}}, time.Time{}, 0},
		{"one was never granted and is being removed", []Request{later, {RevokingAt: now}}, now.Add(2 * time.Hour), 0},
		{"one is being ended", []Request{approved(nil), approved(func(r *Request) { r.End, r.EndRequest = later.End, &EndRequest{At: now} })}, now.Add(time.Hour), 0},
		{"all are being ended", []Request{approved(func(r *Request) { r.EndRequest = &EndRequest{At: now} }), approved(func(r *Request) { r.RevokingAt = now })}, now, 0},
		{"the sweep gave it up", []Request{approved(func(r *Request) { r.Tombstone = true })}, now, 0},
		{"one was ended before its grant", []Request{{Outcome: &Outcome{Kind: OutcomeApproved}, EndRequest: &EndRequest{At: now}}}, now, 0},
		{"one is being ended, another waits for its grant", []Request{approved(func(r *Request) { r.EndRequest = &EndRequest{At: now} }), {Outcome: &Outcome{Kind: OutcomeApproved}}}, time.Time{}, 0},
		{"one is being removed", []Request{approved(nil), approved(func(r *Request) { r.End, r.RevokingAt = later.End, now })}, now.Add(time.Hour), 0},
		{"the time of one is over", []Request{approved(func(r *Request) { r.End = now })}, now, 0},
	} {
		link := "" // of the request whose end it is
		for i, r := range tt.requests {
			r.TeamDomain, r.Posts = "acme", map[string]Post{PostAnnounce: {Channel: "C1", TS: strconv.Itoa(i)}}
			if tt.requests[i] = r; i == tt.last && !tt.want.IsZero() {
				link = r.MessageLink()
			}
		}
		if got, of := LastEnd(tt.requests, now); !got.Equal(tt.want) || of != link {
			t.Errorf("%s: %v of %q, want %v of %q", tt.name, got, of, tt.want, link)
		}
	}
}
