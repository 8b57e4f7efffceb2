package await

import (
	"context"
	"encoding/json"
	"strings"
	"testing"
	"time"

	"sso-elevator/functions/access"
	"sso-elevator/functions/adapters/host"
	"sso-elevator/functions/adapters/table"
)

// Whatever an execution sends, its token is stored only in the row that names this
// execution, and only for the current wait. No other token is resumed, and no error
// contains a token.
func FuzzTask(f *testing.F) {
	for _, payload := range []string{
		`{"operation":"approval","request_id":"one","execution":"arn:one","token":"secret-token-1"}`, `{"operation":"end","request_id":"one","execution":"arn:one","token":"secret-token-1"}`,
		`{"operation":"run","request_id":"one","execution":"arn:one","token":"secret-token-1"}`, `{"operation":"approval","execution":"","token":"secret-token-1"}`,
		`{"operation":"token","execution":"arn:one","token":"secret-token-1"}`, `{"operation":"end","execution":"arn:two","token":"secret-token-1"}`, `{}`, `null`, `{"token":null}`,
	} {
		f.Add([]byte(payload), true)
		f.Add([]byte(payload), false)
	}
	f.Fuzz(func(t *testing.T, payload []byte, over bool) {
		var in Input
		if json.Unmarshal(payload, &in) != nil {
			return
		}
		row, run := access.Request{ID: "one", ExecutionARN: "arn:one"}, access.Run{ID: "one", ExecutionARN: "arn:one"}
		if over {
			row.Outcome, row.EndRequest, run.Answer = &access.Outcome{Kind: access.OutcomeDenied}, &access.EndRequest{}, &access.RunAnswer{}
		}
		stored := 0
		keep := func(wait, token string) {
			stored++
			if wait != in.Operation || token != in.Token || in.Execution != "arn:one" {
				t.Errorf("%+v stores %q for %q", in, token, wait)
			}
		}
		h := &Handler{
			Table: &mockTable{
				get:      func(string) (access.Request, error) { return row, nil },
				store:    func(_, wait, token string) (access.Request, error) { keep(wait, token); return row, nil },
				run:      func(string) (access.Run, error) { return run, nil },
				storeRun: func(_, token string) (access.Run, error) { keep(table.WaitRun, token); return run, nil },
			},
			Tokens: mockResumer(func(token, output string) error {
				if stored == 0 || !over || token != in.Token || !json.Valid([]byte(output)) || strings.Contains(output, "approved") {
					t.Errorf("%+v resumes %q with %q", in, token, output)
				}
				return nil
			}),
			Sleep: func(context.Context, time.Duration) error { return nil },
		}
		_, err := h.Handle(t.Context(), in)
		if code := host.ErrorCode(err); err != nil && (code != access.CodeInvalid && code != access.CodeRefused || stored > 0 || len(in.Token) > 12 && strings.Contains(err.Error(), in.Token)) {
			t.Errorf("%v of code %q", err, code)
		}
	})
}
