package revoke

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"sso-elevator/functions/access"
	"sso-elevator/functions/access/metric"
	"sso-elevator/functions/adapters/host"
	"sso-elevator/functions/adapters/leases"
)

type mockLeases struct {
	start    func(id, execution string, began time.Time) (access.Request, error)
	release  func(id, execution string, wait bool) (access.Request, error)
	rebuild  func(id, execution string, granted bool, s access.Subject) (bool, error)
	takeAway func(id string, s access.Subject, rowGone bool) error
	gone     func(id string, s access.Subject) (bool, error)
	drift    func(access.Finding, access.FindingRef, func(context.Context) error) error
	settle   func(key string, keep bool) (leases.Settlement, error)
	settleOf func(key string, ref access.FindingRef) (access.RemovalResult, error)
}

var _ Leases = (*mockLeases)(nil)

func (m *mockLeases) Start(_ context.Context, id, execution string, began time.Time) (access.Request, error) {
	return m.start(id, execution, began)
}
func (m *mockLeases) Release(_ context.Context, id, execution string, wait bool) (access.Request, error) {
	return m.release(id, execution, wait)
}
func (m *mockLeases) Rebuild(_ context.Context, id, execution string, granted bool, s access.Subject) (bool, error) {
	return m.rebuild(id, execution, granted, s)
}
func (m *mockLeases) ForceRemove(_ context.Context, id string, s access.Subject, rowGone bool) error {
	return m.takeAway(id, s, rowGone)
}
func (m *mockLeases) ConfirmGone(_ context.Context, id string, s access.Subject) (bool, error) {
	return m.gone(id, s)
}

func (m *mockLeases) RemoveDrift(_ context.Context, f access.Finding, ref access.FindingRef, reserve func(context.Context) error) error {
	return m.drift(f, ref, reserve)
}
func (m *mockLeases) Settle(_ context.Context, key string, keep bool) (leases.Settlement, error) {
	return m.settle(key, keep)
}
func (m *mockLeases) SettleDrift(_ context.Context, key string, ref access.FindingRef) (access.RemovalResult, error) {
	return m.settleOf(key, ref)
}

// input is the payload that the state machine sends.
const input = `{"operation":"start","request_id":"one","execution":"arn","grant_started":true,"subject":{
	"kind":"account","account_id":"111122223333","account_name":"","permission_set":"ReadOnly","permission_set_arn":"arn:ps-1",
	"group_id":"","group_name":"","principal_id":"p-1"}}`

var subject = access.Subject{
	Target:      access.Target{Kind: access.KindAccount, AccountID: "111122223333", PermissionSet: "ReadOnly", PermissionSetARN: "arn:ps-1"},
	PrincipalID: "p-1",
}

func tableDown(code access.Code) error {
	return access.Wrap(code, fmt.Errorf("x: %w", leases.ErrTable), "read")
}

func TestHandle(t *testing.T) {
	notFound := access.Errorf(access.CodeNotFound, "no row")
	tests := []struct {
		name       string
		operation  string
		notStarted bool
		answers    []error // results of Release; the last one repeats
		known      bool    // the lease knows the request
		rebuildErr error
		takeAway   error
		gone       bool
		goneErr    error
		counted    int // of RevokeFailed
		want       access.Code
		calls      []string
	}{
		{name: "start", answers: []error{nil}, calls: []string{"release false"}},
		{name: "confirm", operation: "confirm", answers: []error{nil}, calls: []string{"release true"}},
		{name: "unknown operation", operation: "stop", want: access.CodeInvalid},
		{
			name: "Identity Center is not ready", answers: []error{access.Errorf(access.CodeConflict, "x")},
			want: access.CodeConflict, calls: []string{"release false"},
		},
		{
			name: "the table stumbles", answers: []error{tableDown(access.CodeThrottled), nil},
			calls: []string{"release false", "release false"},
		},
		{
			name: "the table is down", answers: []error{tableDown(access.CodeUnavailable)}, want: access.CodeUnavailable,
			calls: append(slices.Repeat([]string{"release false"}, tableTries), "take away"),
		},
		{
			name: "the table is down at confirm", operation: "confirm", answers: []error{tableDown(access.CodeMisconfigure)}, want: access.CodeMisconfigure,
			calls: append(slices.Repeat([]string{"release true"}, tableTries), "take away"),
		},
		{
			name: "the table is down, and Identity Center too", answers: []error{tableDown(access.CodeUnavailable)},
			takeAway: access.Errorf(access.CodeThrottled, "x"), want: access.CodeUnavailable,
			calls: append(slices.Repeat([]string{"release false"}, tableTries), "take away"),
		},
		{
			name: "the table is down and nothing was granted", notStarted: true, answers: []error{tableDown(access.CodeUnavailable)},
			want: access.CodeUnavailable, calls: slices.Repeat([]string{"release false"}, tableTries),
		},
		{
			name: "neither row nor lease, access still there", counted: 1, answers: []error{notFound}, want: access.CodeInProgress,
			calls: []string{"release false", "rebuild", "take away, row gone", "gone?"},
		},
		{
			name: "neither row nor lease, access gone", counted: 1, answers: []error{notFound}, gone: true, want: access.CodeNotFound,
			calls: []string{"release false", "rebuild", "take away, row gone", "gone?"},
		},
		{
			name: "neither row nor lease, Identity Center busy", counted: 1, answers: []error{notFound}, takeAway: access.Errorf(access.CodeConflict, "x"),
			want: access.CodeConflict, calls: []string{"release false", "rebuild", "take away, row gone"},
		},
		{
			name: "neither row nor lease, absence not known", counted: 1, answers: []error{notFound}, goneErr: access.Errorf(access.CodeThrottled, "x"),
			want: access.CodeThrottled, calls: []string{"release false", "rebuild", "take away, row gone", "gone?"},
		},
		{
			name: "neither row nor lease, and nothing was granted", counted: 1, notStarted: true, answers: []error{notFound}, want: access.CodeNotFound,
			calls: []string{"release false", "rebuild"},
		},
		{
			name: "the row was deleted", answers: []error{notFound, nil, nil}, known: true,
			calls: []string{"release false", "rebuild", "release false"},
		},
		{
			name: "the row was deleted before the confirmation", operation: "confirm", answers: []error{notFound, nil, nil}, known: true,
			calls: []string{"release true", "rebuild", "release true"},
		},
		{
			name: "the row was deleted, and Grant is not known to have succeeded", notStarted: true, answers: []error{notFound, nil, nil}, known: true,
			calls: []string{"release false", "rebuild", "release false"},
		},
		{
			name: "the row is deleted again and again", answers: []error{notFound}, known: true, want: access.CodeNotFound,
			calls: []string{"release false", "rebuild", "release false"},
		},
		{
			name: "the row was deleted, and the table is down", answers: []error{notFound}, rebuildErr: tableDown(access.CodeUnavailable), want: access.CodeUnavailable,
			calls: []string{"release false", "rebuild", "take away"},
		},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			var in Input
			if err := json.Unmarshal([]byte(input), &in); err != nil {
				t.Fatal(err)
			}
			if test.operation != "" {
				in.Operation = test.operation
			}
			in.GrantStarted = !test.notStarted
			now := time.Date(2026, 3, 2, 9, 0, 0, 0, time.UTC)
			var calls, counted []string
			same := func(id string, s access.Subject) {
				if id != "one" || s != subject {
					t.Errorf("asked about %s, %+v", id, s)
				}
			}
			h := &Handler{
				Leases: &mockLeases{
					release: func(id, execution string, wait bool) (access.Request, error) {
						err := test.answers[min(len(calls), len(test.answers)-1)]
						calls = append(calls, fmt.Sprint("release ", wait))
						return access.Request{ID: id, Removal: access.RemovalDone}, err
					},
					rebuild: func(id, execution string, granted bool, s access.Subject) (bool, error) {
						same(id, s)
						if execution != "arn" || granted == test.notStarted {
							t.Errorf("rebuilt for %s, granted %t", execution, granted)
						}
						calls = append(calls, "rebuild")
						return test.known, test.rebuildErr
					},
					takeAway: func(id string, s access.Subject, rowGone bool) error {
						same(id, s)
						call := "take away"
						if rowGone {
							call += ", row gone"
						}
						calls = append(calls, call)
						return test.takeAway
					},
					gone: func(id string, s access.Subject) (bool, error) {
						same(id, s)
						calls = append(calls, "gone?")
						return test.gone, test.goneErr
					},
				},
				Now:    func() time.Time { return now },
				Sleep:  func(_ context.Context, d time.Duration) error { now = now.Add(d); return nil },
				Count:  func(name string, _ map[string]string) { counted = append(counted, name) },
				Logger: slog.New(slog.NewTextHandler(io.Discard, nil)),
			}
			_, err := h.Handle(context.Background(), in)
			if want := slices.Repeat([]string{metric.RevokeFailed}, test.counted); !slices.Equal(counted, want) {
				t.Errorf("counted %q, want %q", counted, want)
			}
			if got := access.CodeOf(err); got != test.want {
				t.Errorf("error = %v (%q), want %q", err, got, test.want)
			}
			if !reflect.DeepEqual(calls, test.calls) {
				t.Errorf("calls = %q, want %q", calls, test.calls)
			}
		})
	}
}

// TestNeitherRowNorLease checks that only an execution whose own Grant succeeded can
// remove access that the table knows nothing about. A sweep, a check, or an execution
// that took over a removal could otherwise remove anyone's access that its payload
// names. All cases raise the alarm.
func TestNeitherRowNorLease(t *testing.T) {
	const of = `"request_id":"one","subject":{"kind":"account","account_id":"111122223333","permission_set":"ReadOnly","permission_set_arn":"arn:ps-1","principal_id":"p-1"}`
	for _, test := range []struct {
		name, payload string
		removes       bool
	}{
		{"the request's execution", `{"operation":"start","execution":"arn",` + of + `,"grant_started":true}`, true},
		{"the request's execution, confirming", `{"operation":"confirm","execution":"arn",` + of + `,"grant_started":true}`, true},
		{"its Grant failed", `{"operation":"start","execution":"arn",` + of + `,"grant_started":false}`, false},
		{"it took the removal over", `{"operation":"confirm","execution":"other",` + of + `,"grant_started":false}`, false},
		{"a sweep", `{"operation":"start","execution":"sweep",` + of + `,"granted":true}`, false},
		{"a sweep, confirming", `{"operation":"confirm","execution":"sweep",` + of + `,"granted":true}`, false},
		{"a look", `{"operation":"confirm",` + of + `,"granted":true}`, false},
	} {
		t.Run(test.name, func(t *testing.T) {
			var in Input
			if err := json.Unmarshal([]byte(test.payload), &in); err != nil {
				t.Fatal(err)
			}
			var removed, counted []string
			var log strings.Builder
			h := &Handler{
				Leases: &mockLeases{
					release: func(string, string, bool) (access.Request, error) {
						return access.Request{}, access.Errorf(access.CodeNotFound, "no row")
					},
					rebuild: func(string, string, bool, access.Subject) (bool, error) { return false, nil },
					takeAway: func(_ string, s access.Subject, _ bool) error {
						removed = append(removed, s.Key())
						return nil
					},
					gone: func(string, access.Subject) (bool, error) { return true, nil },
				},
				Now:    time.Now,
				Count:  func(name string, _ map[string]string) { counted = append(counted, name) },
				Logger: slog.New(slog.NewTextHandler(&log, nil)),
			}
			_, err := h.Handle(t.Context(), in)
			if access.CodeOf(err) != access.CodeNotFound || !slices.Equal(counted, []string{"RevokeFailed"}) {
				t.Errorf("error %v, counted %q; want NotFound, RevokeFailed", err, counted)
			}
			var want []string
			if test.removes {
				want = []string{subject.Key()}
			}
			if !slices.Equal(removed, want) {
				t.Errorf("removed %q, want %q", removed, want)
			}
			if !strings.Contains(log.String(), subject.Key()) {
				t.Errorf("the log doesn't name the access: %s", log.String())
			}
		})
	}
}

// TestTableDown checks that access is removed without the table if the row said that
// it was granted. The request's own execution does the same.
func TestTableDown(t *testing.T) {
	for payload, want := range map[string]bool{
		`{"operation":"confirm","request_id":"one","grant_started":true}`: true, `{"operation":"confirm","request_id":"one","granted":true}`: true, `{"operation":"confirm","request_id":"one"}`: false,
	} {
		var in Input
		if err := json.Unmarshal([]byte(payload), &in); err != nil {
			t.Fatal(err)
		}
		now, removed := time.Date(2026, 3, 2, 9, 0, 0, 0, time.UTC), false
		h := &Handler{
			Leases: &mockLeases{
				release: func(string, string, bool) (access.Request, error) {
					return access.Request{}, tableDown(access.CodeUnavailable)
				},
				takeAway: func(_ string, _ access.Subject, rowGone bool) error { removed = !rowGone; return nil },
			},
			Now:    func() time.Time { return now },
			Sleep:  func(_ context.Context, d time.Duration) error { now = now.Add(d); return nil },
			Logger: slog.New(slog.NewTextHandler(io.Discard, nil)),
		}
		if _, err := h.Handle(t.Context(), in); access.CodeOf(err) != access.CodeUnavailable || removed != want {
			t.Errorf("%s: error %v, removed %t", payload, err, removed)
		}
	}
}

// Only an attempt whose execution recorded the start of the removal can tell that
// someone else removed the access.
func TestBegan(t *testing.T) {
	const with, entered = `"request_id":"one","execution":"arn",`, `"state":{"Name":"Revoke","EnteredTime":"2026-03-02T09:00:00.25Z","RetryCount":1}`
	tests := []struct {
		name, payload, want string
	}{
		{"the first round", `{"operation":"start",` + with + entered + `,"round":0}`, "start one arn 2026-03-02 09:00:00.25 +0000 UTC"},
		{"another round", `{"operation":"start",` + with + entered + `,"round":1}`, "release one false"},
		{"of the previous release, or of the sweep", `{"operation":"start",` + with + `"grant_started":true}`, "release one false"},
		{"without a time", `{"operation":"start",` + with + `"state":{},"round":0}`, "release one false"},
		{"no time", `{"operation":"start",` + with + `"state":{"EnteredTime":"now"},"round":0}`, "release one false"},
		{"confirm", `{"operation":"confirm",` + with + entered + `,"round":0}`, "release one true"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			var got string
			h := &Handler{
				Leases: &mockLeases{
					start: func(id, execution string, began time.Time) (access.Request, error) {
						got = fmt.Sprint("start ", id, " ", execution, " ", began)
						return access.Request{}, nil
					},
					release: func(id, execution string, wait bool) (access.Request, error) {
						got = fmt.Sprint("release ", id, " ", wait)
						return access.Request{}, nil
					},
				},
				Now:    time.Now,
				Logger: slog.New(slog.NewTextHandler(io.Discard, nil)),
			}
			var in Input
			if err := json.Unmarshal([]byte(test.payload), &in); err != nil {
				t.Fatal(err)
			}
			if _, err := h.Handle(context.Background(), in); err != nil || got != test.want {
				t.Errorf("%v, did %q, want %q", err, got, test.want)
			}
		})
	}
}

// Access is removed without the table only when the first attempt can no longer tell
// whether someone else removed it.
func TestTheTableIsTriedForLongEnough(t *testing.T) {
	if tries := (tableTries - 1) * tablePause; tries < leases.UntouchedFor || tableBudget-tablePause < leases.UntouchedFor {
		t.Errorf("the table is tried for %s, or %s", tries, tableBudget-tablePause)
	}
}

// A table whose calls hang uses up the budget, not the function's 30 s.
func TestHangingTable(t *testing.T) {
	now := time.Date(2026, 3, 2, 9, 0, 0, 0, time.UTC)
	began := now
	var tookAway time.Duration
	h := &Handler{
		Leases: &mockLeases{
			release: func(string, string, bool) (access.Request, error) {
				now = now.Add(5 * time.Second) // the table's own timeout for a call
				return access.Request{}, tableDown(access.CodeUnavailable)
			},
			takeAway: func(string, access.Subject, bool) error {
				tookAway = now.Sub(began)
				return errors.New("x")
			},
		},
		Now:    func() time.Time { return now },
		Sleep:  func(_ context.Context, d time.Duration) error { now = now.Add(d); return nil },
		Logger: slog.New(slog.NewTextHandler(io.Discard, nil)),
	}
	_, err := h.Handle(context.Background(), Input{Input: host.Input{Operation: "start", RequestID: "one"}, GrantStarted: true, Subject: subject})
	if access.CodeOf(err) != access.CodeUnavailable || tookAway == 0 || tookAway > 15*time.Second {
		t.Errorf("error %v, taken away after %s", err, tookAway)
	}
}

type memoryFindings map[string]access.Finding

func (f memoryFindings) Finding(_ context.Context, run string, index int) (access.Finding, error) {
	if found, ok := f[fmt.Sprint(run, index)]; ok {
		return found, nil
	}
	return access.Finding{}, access.Errorf(access.CodeNotFound, "no such finding")
}

// FirstSeen knows nothing.
func (memoryFindings) FirstSeen(context.Context, string, time.Time) (time.Time, error) {
	return time.Time{}, nil
}

// seenFindings also know when the subjects in TestDrift were first found.
type seenFindings struct {
	memoryFindings
	firstSeen time.Time
	err       error
}

func (f seenFindings) FirstSeen(_ context.Context, key string, _ time.Time) (time.Time, error) {
	if key != subject.Key() {
		return time.Time{}, nil
	}
	return f.firstSeen, f.err
}
