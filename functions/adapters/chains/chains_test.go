package chains_test

import (
	"context"
	"reflect"
	"slices"
	"sync"
	"testing"
	"time"

	"sso-elevator/functions/access"
	"sso-elevator/functions/adapters/chains"
)

// table has one lease, and notes what is read.
type table struct {
	lease access.Lease
	rows  map[string]access.Request
	fails map[string]error // by id; "lease" for the lease

	mu   *sync.Mutex
	read []string
}

func (t *table) note(what string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.read = append(t.read, what)
}

func (t *table) Lease(_ context.Context, key string) (access.Lease, bool, error) {
	t.note("lease")
	return t.lease, t.lease.Key == key, t.fails["lease"]
}

func (t *table) Get(_ context.Context, id string) (access.Request, error) {
	t.note(id)
	if err := t.fails[id]; err != nil {
		return access.Request{}, err
	}
	r, found := t.rows[id]
	if !found {
		return r, access.Errorf(access.CodeNotFound, "there is no request %q", id)
	}
	return r, nil
}

func TestRead(t *testing.T) {
	nine := time.Date(2026, 3, 2, 9, 0, 0, 0, time.UTC)
	subject := access.Subject{Target: access.Target{Kind: access.KindGroup, GroupID: "g-1"}, PrincipalID: "p-1"}
	active := access.Request{GrantedAt: nine, End: nine.Add(time.Hour)}
	broken := access.Errorf(access.CodeUnavailable, "no answer")
	held := func(ids ...string) access.Lease {
		l := access.Lease{Key: subject.Key(), Holders: map[string]access.Holder{}}
		for _, id := range ids {
			l.Holders[id] = access.Holder{}
		}
		return l
	}
	for _, tt := range []struct {
		name     string
		table    table
		chain    *access.Chain
		heldWith []string
		read     []string // sorted
		err      access.Code
	}{
		{name: "there is no lease: one read", read: []string{"lease"}},
		{name: "only the request itself", table: table{lease: held("me")}, heldWith: []string{}, read: []string{"lease"}},
		{name: "another request", table: table{lease: held("me", "a", "b"), rows: map[string]access.Request{"a": active, "b": {}}},
			chain: &access.Chain{Since: nine, End: nine.Add(time.Hour), Extends: "a"}, heldWith: []string{"a", "b"}, read: []string{"a", "b", "lease"}},
		{name: "a row is gone, and the lease never confirmed it", table: table{lease: held("a")}, heldWith: []string{"a"}, read: []string{"a", "lease"}},
		{name: "the lease can't be read", table: table{fails: map[string]error{"lease": broken}}, read: []string{"lease"}, err: access.CodeUnavailable},
		{name: "a row can't be read", table: table{lease: held("a", "b"), rows: map[string]access.Request{"b": active}, fails: map[string]error{"a": broken}},
			read: []string{"a", "b", "lease"}, err: access.CodeUnavailable},
	} {
		t.Run(tt.name, func(t *testing.T) {
			tt.table.mu = new(sync.Mutex)
			chain, heldWith, err := chains.Read(t.Context(), &tt.table, subject, "me", func() time.Time { return nine.Add(time.Minute) })
			if !reflect.DeepEqual(chain, tt.chain) || !slices.Equal(heldWith, tt.heldWith) || access.CodeOf(err) != tt.err {
				t.Errorf("got %+v, %q, %v", chain, heldWith, err)
			}
			if slices.Sort(tt.table.read); !slices.Equal(tt.table.read, tt.read) {
				t.Errorf("read %q, want %q", tt.table.read, tt.read)
			}
		})
	}
}

// ReadFor reads the same, and limits it to what the request's approver is shown.
func TestReadFor(t *testing.T) {
	nine := time.Date(2026, 3, 2, 9, 0, 0, 0, time.UTC)
	r := access.Request{ID: "me", Target: access.Target{Kind: access.KindGroup, GroupID: "g-1"}, Requester: access.Person{PrincipalID: "p-1"}}
	shown := r
	shown.Chain = &access.Chain{Since: nine, End: nine.Add(time.Hour), Extends: "a"}
	key := r.Subject().Key()
	rows := map[string]access.Request{"a": {GrantedAt: nine, End: nine.Add(time.Hour)}, "b": {GrantedAt: nine, End: nine.Add(2 * time.Hour)}}
	broken := access.Errorf(access.CodeUnavailable, "no answer")
	for name, tt := range map[string]struct {
		r     access.Request
		lease access.Lease
		fails map[string]error
		want  *access.Chain
		held  time.Time
		err   access.Code
	}{
		"as shown":          {r: shown, lease: access.Lease{Key: key, Holders: map[string]access.Holder{"a": {}, "b": {}, "me": {}}}, want: shown.Chain},
		"nothing was shown": {r: r, lease: access.Lease{Key: key, Holders: map[string]access.Holder{"a": {}}}, held: nine.Add(time.Hour)},
		"only longer":       {r: shown, lease: access.Lease{Key: key, Holders: map[string]access.Holder{"b": {}, "me": {}}}, held: nine.Add(2 * time.Hour)},
		"only its own":      {r: shown, lease: access.Lease{Key: key, Holders: map[string]access.Holder{"me": {}}}},
		"no lease":          {r: shown},
		"no row":            {r: shown, lease: access.Lease{Key: key, Holders: map[string]access.Holder{"a": {}}}, fails: map[string]error{"a": broken}, err: access.CodeUnavailable},
		"no answer":         {r: shown, fails: map[string]error{"lease": broken}, err: access.CodeUnavailable},
	} {
		t.Run(name, func(t *testing.T) {
			w := &table{lease: tt.lease, rows: rows, fails: tt.fails, mu: new(sync.Mutex)}
			chain, held, err := chains.ReadFor(t.Context(), w, tt.r, func() time.Time { return nine.Add(time.Minute) })
			if !reflect.DeepEqual(chain, tt.want) || !held.Equal(tt.held) || access.CodeOf(err) != tt.err {
				t.Errorf("got %+v, %v, %v", chain, held, err)
			}
		})
	}
}
