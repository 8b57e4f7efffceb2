package await

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-lambda-go/lambda/messages"

	"sso-elevator/functions/access"
	"sso-elevator/functions/adapters/host"
	"sso-elevator/functions/adapters/table"
)

type mockTable struct {
	store    func(id, wait, execution, token string) (access.Request, error)
	storeRun func(id, execution, token string) (access.Run, error)
}

var _ Table = (*mockTable)(nil)
var _ Table = (*table.Table)(nil)

func (m *mockTable) StoreToken(_ context.Context, id, wait, execution, token string) (access.Request, error) {
	return m.store(id, wait, execution, token)
}

func (m *mockTable) StoreRunToken(_ context.Context, id, execution, token string) (access.Run, error) {
	return m.storeRun(id, execution, token)
}

type mockResumer func(token, output string) error

func (m mockResumer) Resume(_ context.Context, token, output string) error { return m(token, output) }

func TestHandle(t *testing.T) {
	monday := time.Date(2026, 3, 2, 9, 0, 0, 0, time.UTC)
	busy := access.Errorf(access.CodeThrottled, "x")
	approved := func(r *access.Request) { r.Outcome = &access.Outcome{Kind: access.OutcomeApproved} }
	tests := []struct {
		name  string
		wait  string
		row   func(*access.Request) // as returned by the write of the token
		store error
		busy  int // how often Step Functions doesn't answer

		want    access.Code
		stored  bool
		resumed []string
	}{
		{name: "undecided", wait: "approval", stored: true},
		{name: "decided before", wait: "approval", row: approved, stored: true, resumed: []string{`{"next":"approved","wait_seconds":1}`}},
		{name: "denied before", wait: "approval", row: func(r *access.Request) {
			r.Outcome = &access.Outcome{Kind: access.OutcomeDenied}
		}, stored: true, resumed: []string{`{"next":"denied","wait_seconds":1}`}},
		{name: "tombstoned before", wait: "approval", row: func(r *access.Request) { r.Tombstone = true }, stored: true, resumed: []string{`{"next":"refused","wait_seconds":1}`}},
		{name: "closed before", wait: "approval", row: func(r *access.Request) { r.ClosedAt = monday }, stored: true, resumed: []string{`{"next":"refused","wait_seconds":1}`}},
		{name: "active", wait: "end", row: approved, stored: true},
		{name: "ended before", wait: "end", row: func(r *access.Request) { r.EndRequest = &access.EndRequest{} }, stored: true, resumed: []string{`{}`}},
		{name: "removal begun before", wait: "end", row: func(r *access.Request) { r.RevokingAt = monday }, stored: true, resumed: []string{`{}`}},
		{name: "Step Functions stumbles", wait: "end", row: func(r *access.Request) { r.EndRequest = &access.EndRequest{} }, busy: 2, stored: true, resumed: []string{`{}`, `{}`, `{}`}},
		{name: "Step Functions does not answer", wait: "approval", row: approved, busy: 9, stored: true, want: access.CodeThrottled, resumed: slices.Repeat([]string{`{"next":"approved","wait_seconds":1}`}, 3)},

		{name: "another execution", wait: "approval", row: approved, store: access.Errorf(access.CodeRefused, "x"), want: access.CodeRefused},
		{name: "unknown wait", wait: "lunch", want: access.CodeInvalid},
		{name: "no such request", wait: "end", store: access.Errorf(access.CodeNotFound, "x"), want: access.CodeNotFound},
		{name: "table down", wait: "end", store: access.Errorf(access.CodeUnavailable, "x"), want: access.CodeUnavailable},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			in := Input{Input: host.Input{Operation: test.wait, RequestID: "one", Execution: "arn:one"}, Token: "secret-token"}
			row := access.Request{ID: "one", ExecutionARN: "arn:one"}
			stored := false
			var resumed []string
			var log strings.Builder
			h := &Handler{
				Table: &mockTable{
					store: func(id, wait, execution, token string) (access.Request, error) {
						if id != "one" || wait != test.wait || execution != "arn:one" || token != "secret-token" {
							t.Errorf("stored %q, %q, %q, %q", id, wait, execution, token)
						}
						if test.store != nil {
							return access.Request{}, test.store
						}
						stored = true
						r := row
						if test.row != nil {
							test.row(&r)
						}
						return r, nil
					},
				},
				Tokens: mockResumer(func(token, output string) error {
					if token != "secret-token" {
						t.Errorf("resumed %q", token)
					}
					resumed = append(resumed, output)
					if len(resumed) <= test.busy {
						return busy
					}
					return nil
				}),
				Sleep: func(context.Context, time.Duration) error { return nil },
			}
			_, err := host.TaskHandler(host.Process{Logger: slog.New(slog.NewTextHandler(&log, nil)), Metrics: &host.Emitter{W: io.Discard, Now: time.Now}}, h.Handle)(context.Background(), in)
			var failed messages.InvokeResponse_Error
			if errors.As(err, &failed); failed.Type != string(test.want) {
				t.Errorf("error = %v, want %q", err, test.want)
			}
			if stored != test.stored || !slices.Equal(resumed, test.resumed) {
				t.Errorf("stored %v, resumed %q; want %v, %q", stored, resumed, test.stored, test.resumed)
			}
			if strings.Contains(log.String(), "secret") || err != nil && strings.Contains(err.Error(), "secret") {
				t.Errorf("the token is told: %s, %v", log.String(), err)
			}
		})
	}
}

func TestRun(t *testing.T) {
	unavailable := access.Errorf(access.CodeUnavailable, "x")
	tests := []struct {
		name   string
		answer *access.RunAnswer
		store  error
		busy   int // how often Step Functions doesn't answer

		want    access.Code
		stored  bool
		resumed int
	}{
		{name: "not answered", stored: true},
		{name: "answered before", answer: &access.RunAnswer{Remove: true}, stored: true, resumed: 1},
		{name: "left before", answer: &access.RunAnswer{}, stored: true, resumed: 1},
		{name: "Step Functions stumbles", answer: &access.RunAnswer{}, busy: 2, stored: true, resumed: 3},
		{name: "Step Functions does not answer", answer: &access.RunAnswer{}, busy: 9, stored: true, resumed: 3, want: access.CodeThrottled},
		{name: "another execution", answer: &access.RunAnswer{}, store: access.Errorf(access.CodeRefused, "x"), want: access.CodeRefused},
		{name: "no such run", store: access.Errorf(access.CodeNotFound, "x"), want: access.CodeNotFound},
		{name: "table down", store: unavailable, want: access.CodeUnavailable},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			row := access.Run{ID: "run-1", ExecutionARN: "arn:run"}
			stored, resumed := false, 0
			h := &Handler{
				Table: &mockTable{
					storeRun: func(id, execution, token string) (access.Run, error) {
						if id != "run-1" || execution != "arn:run" || token != "secret-token" {
							t.Errorf("stored %q, %q, %q", id, execution, token)
						}
						if test.store != nil {
							return access.Run{}, test.store
						}
						stored = true
						r := row
						r.Answer = test.answer
						return r, nil
					},
				},
				Tokens: mockResumer(func(token, output string) error {
					if token != "secret-token" || output != "{}" {
						t.Errorf("resumed %q with %s", token, output)
					}
					if resumed++; resumed <= test.busy {
						return access.Errorf(access.CodeThrottled, "x")
					}
					return nil
				}),
				Sleep: func(context.Context, time.Duration) error { return nil },
			}
			in := Input{Input: host.Input{Operation: "run", RequestID: "run-1", Execution: "arn:run"}, Token: "secret-token"}
			if _, err := h.Handle(t.Context(), in); access.CodeOf(err) != test.want {
				t.Errorf("error = %v, want %q", err, test.want)
			}
			if stored != test.stored || resumed != test.resumed {
				t.Errorf("stored %v, resumed %d times; want %v, %d", stored, resumed, test.stored, test.resumed)
			}
		})
	}
}
