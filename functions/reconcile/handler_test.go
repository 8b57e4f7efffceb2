package main

import (
	"context"
	"io"
	"log/slog"
	"slices"
	"testing"

	"sso-elevator/functions/access"
	"sso-elevator/functions/internal/task"
)

type catalogFunc func(context.Context) error

func (f catalogFunc) Refresh(ctx context.Context) error { return f(ctx) }

func TestHandle(t *testing.T) {
	outage := access.Errorf(access.CodeUnavailable, "no answer")
	tests := []struct {
		name      string
		operation string
		err       error
		wantCode  access.Code
		wantCount []string // metrics: an alarm waits for them
	}{
		{name: "refreshed", operation: "catalog", wantCount: []string{"CatalogRefreshed"}},
		{name: "a list could not be read", operation: "catalog", err: outage, wantCode: access.CodeUnavailable},
		{name: "unknown", operation: "sweep the floor", wantCode: access.CodeInvalid},
		{name: "none", wantCode: access.CodeInvalid},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			var counted []string
			h := &Handler{
				Catalog: catalogFunc(func(context.Context) error { return test.err }),
				Count:   func(name string, _ map[string]string) { counted = append(counted, name) },
				Logger:  slog.New(slog.NewTextHandler(io.Discard, nil)),
			}
			_, err := h.Handle(t.Context(), Input{Input: task.Input{Operation: test.operation}})
			if code := access.CodeOf(err); code != test.wantCode {
				t.Errorf("got %v, want code %q", err, test.wantCode)
			}
			if !slices.Equal(counted, test.wantCount) {
				t.Errorf("counted %q, want %q", counted, test.wantCount)
			}
		})
	}
}
