package reconcile

import (
	"context"
	"io"
	"log/slog"
	"slices"
	"testing"
	"time"

	"sso-elevator/functions/access"
	"sso-elevator/functions/adapters/host"
)

type catalogFunc func(context.Context) error

func (f catalogFunc) Refresh(ctx context.Context) error { return f(ctx) }

type recheckFunc func(ctx context.Context, all bool) error

func (f recheckFunc) Recheck(ctx context.Context, all bool) error { return f(ctx, all) }

func TestHandle(t *testing.T) {
	outage := access.Errorf(access.CodeUnavailable, "no answer")
	tests := []struct {
		name      string
		operation string
		err       error
		wantCode  access.Code
		wantCount []string // the alarms wait for these metrics
	}{
		{name: "refreshed", operation: "catalog", wantCount: []string{"CatalogRefreshed"}},
		{name: "a list could not be read", operation: "catalog", err: outage, wantCode: access.CodeUnavailable},
		{name: "rechecked", operation: "recheck"},
		{name: "people could not be rechecked", operation: "recheck", err: outage, wantCode: access.CodeUnavailable},
		{name: "unknown", operation: "sweep the floor", wantCode: access.CodeInvalid},
		{name: "none", wantCode: access.CodeInvalid},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			var counted []string
			h := &Handler{
				Catalog: catalogFunc(func(context.Context) error { return test.err }),
				People:  recheckFunc(func(context.Context, bool) error { return test.err }),
				Count:   func(name string, _ map[string]string) { counted = append(counted, name) },
				Logger:  slog.New(slog.NewTextHandler(io.Discard, nil)),
			}
			_, err := h.Handle(t.Context(), Input{Input: host.Input{Operation: test.operation}})
			if code := access.CodeOf(err); code != test.wantCode {
				t.Errorf("got %v, want code %q", err, test.wantCode)
			}
			if !slices.Equal(counted, test.wantCount) {
				t.Errorf("counted %q, want %q", counted, test.wantCount)
			}
		})
	}
}

// claimsFunc frees leftover claims.
type claimsFunc func(context.Context) error

func (f claimsFunc) Look(ctx context.Context) error { return f(ctx) }

// A check frees leftover claims last. Errors of that don't fail the check.
func TestLookFreesClaims(t *testing.T) {
	for _, test := range []struct {
		name        string
		sweep, free error
		blocked     error
		want        access.Code
	}{
		{"all well", nil, nil, nil, ""},
		{"claims can't be freed", nil, access.Errorf(access.CodeThrottled, "slow down"), nil, ""},
		{"requests can't be listed", access.Errorf(access.CodeUnavailable, "no answer"), nil, nil, access.CodeUnavailable},
		{"blocked people's access can't be ended", nil, nil, access.Errorf(access.CodeThrottled, "slow down"), access.CodeThrottled},
	} {
		t.Run(test.name, func(t *testing.T) {
			table := &brokenTable{err: test.sweep}
			freed, ended := 0, 0
			h := &Handler{
				Sweep: &Sweep{Table: table, Executions: noExecutions{}, Now: time.Now, Count: func(string, map[string]string) {}, Gauge: func(string, int) {}, Logger: slog.New(slog.DiscardHandler)},
				Blocked: claimsFunc(func(context.Context) error {
					ended++
					return test.blocked
				}),
				Claims: claimsFunc(func(context.Context) error {
					if table.asked == 0 {
						t.Error("claims come before removals")
					}
					freed++
					return test.free
				}),
				Count: func(string, map[string]string) {}, Logger: slog.New(slog.DiscardHandler),
			}
			_, err := h.Handle(t.Context(), Input{Input: host.Input{Operation: "look"}})
			if access.CodeOf(err) != test.want || freed != 1 || ended != 1 {
				t.Errorf("got %v, freed %d times, ended %d times; want code %q, once", err, freed, ended, test.want)
			}
		})
	}
}

// brokenTable has no open requests, or doesn't respond.
type brokenTable struct {
	Table
	err   error
	asked int
}

func (b *brokenTable) OpenRequests(context.Context) ([]access.Due, error) {
	b.asked++
	return nil, b.err
}

func (b *brokenTable) OpenLeases(context.Context) ([]access.Due, error) { return nil, b.err }

type noExecutions struct{ Executions }

func (noExecutions) Running(context.Context) (map[string]bool, bool, error) { return nil, true, nil }
func (noExecutions) Sweeps(context.Context) ([]string, error)               { return nil, nil }
