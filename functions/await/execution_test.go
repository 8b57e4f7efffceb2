package await

import (
	"context"
	"slices"
	"strings"
	"testing"
	"time"

	"sso-elevator/functions/access"
	"sso-elevator/functions/adapters/host"
	"sso-elevator/functions/adapters/table"
	"sso-elevator/functions/adapters/table/tabletest"
)

// newRows returns the table with a request and a run of arn:one, both with the id one. If
// previous is set, the previous release created the rows. If outcome is not "", the request
// has it, and is granted.
func newRows(t *testing.T, previous bool, outcome access.OutcomeKind) (tabletest.Rows, *table.Table) {
	t.Helper()
	r := tabletest.Rows{}
	s := table.New(r, "table")
	now := time.Date(2026, 3, 2, 9, 0, 0, 0, time.UTC)
	request := access.Request{ID: "one", CreatedAt: now, ExecutionARN: "arn:one"}
	if outcome != "" {
		request.Outcome, request.GrantedAt = &access.Outcome{Kind: outcome}, now
	}
	if _, _, err := s.Create(t.Context(), request); err != nil {
		t.Fatal(err)
	}
	if err := s.CreateRun(t.Context(), access.Run{ID: "one", StartedAt: now, ExecutionARN: "arn:one"}); err != nil {
		t.Fatal(err)
	}
	for key := range r {
		if previous {
			delete(r[key], table.AttributeTokenExecution)
		}
	}
	return r, s
}

// Another execution of the same request or run comes at any time. Its token is neither
// stored nor resumed. The right execution is resumed, by the press or by its own await,
// whichever comes last.
func TestAnotherExecution(t *testing.T) {
	orders := [][]string{
		{"own", "stranger", "press"}, {"own", "press", "stranger"}, {"stranger", "own", "press"},
		{"stranger", "press", "own"}, {"press", "own", "stranger"}, {"press", "stranger", "own"},
		{"stranger", "own", "stranger", "press", "stranger"}, {"own", "stranger", "own", "press"},
	}
	// press makes the decision that ends the wait, and returns the token in the row.
	waits := map[string]func(ctx context.Context, s *table.Table) (token string, err error){
		table.WaitApproval: func(ctx context.Context, s *table.Table) (string, error) {
			r, _, err := s.Decide(ctx, "one", access.Outcome{Kind: access.OutcomeApproved})
			return r.ApprovalToken, err
		},
		table.WaitEnd: func(ctx context.Context, s *table.Table) (string, error) {
			r, _, err := s.RequestEnd(ctx, "one", access.EndRequest{})
			return r.EndToken, err
		},
		table.WaitRun: func(ctx context.Context, s *table.Table) (string, error) {
			r, _, err := s.AnswerRun(ctx, access.Run{ID: "one"}, access.RunAnswer{}, true)
			return r.Token, err
		},
	}
	for wait, press := range waits {
		for _, previous := range []bool{false, true} {
			for _, order := range orders {
				name := wait + " " + strings.Join(order, " ")
				if previous {
					name += ", row of the previous release"
				}
				t.Run(name, func(t *testing.T) {
					outcome := access.OutcomeApproved
					if wait == table.WaitApproval {
						outcome = "" // the press decides
					}
					_, s := newRows(t, previous, outcome)
					var resumed []string
					h := &Handler{
						Table:  s,
						Tokens: mockResumer(func(token, _ string) error { resumed = append(resumed, token); return nil }),
						Sleep:  func(context.Context, time.Duration) error { return nil },
					}
					for _, who := range order {
						if who == "press" {
							token, err := press(t.Context(), s)
							if err != nil {
								t.Fatal(err)
							}
							if token != "" {
								resumed = append(resumed, token)
							}
							continue
						}
						want, in := access.Code(""), Input{Input: host.Input{Operation: wait, RequestID: "one", Execution: "arn:one"}, Token: who}
						if who == "stranger" {
							want, in.Execution = access.CodeRefused, "arn:stranger"
						}
						if _, err := h.Handle(t.Context(), in); access.CodeOf(err) != want {
							t.Errorf("%s: %v, want code %q", who, err, want)
						}
					}
					if !slices.Equal(resumed, []string{"own"}) {
						t.Errorf("resumed %q, want only the right execution, once", resumed)
					}
				})
			}
		}
	}
}
