package await

import (
	"context"
	"encoding/json"
	"strings"
	"testing"
	"time"

	"sso-elevator/functions/access"
	"sso-elevator/functions/adapters/table"
	"sso-elevator/functions/adapters/table/tabletest"
)

// Whatever an execution sends, its token is stored only in the row that names this
// execution, and only for the current wait. No other token is resumed, and no error
// contains a token.
func FuzzTask(f *testing.F) {
	for _, payload := range []string{
		`{"operation":"approval","request_id":"one","execution":"arn:one","token":"secret-token-1"}`, `{"operation":"end","request_id":"one","execution":"arn:one","token":"secret-token-1"}`,
		`{"operation":"run","request_id":"one","execution":"arn:one","token":"secret-token-1"}`, `{"operation":"approval","request_id":"one","execution":"","token":"secret-token-1"}`,
		`{"operation":"token","request_id":"one","execution":"arn:one","token":"secret-token-1"}`, `{"operation":"end","request_id":"one","execution":"arn:two","token":"secret-token-1"}`,
		`{"operation":"run","request_id":"one","execution":"arn:two","token":"secret-token-1"}`, `{"operation":"approval","request_id":"two","execution":"arn:one","token":"secret-token-1"}`, `{}`, `null`, `{"token":null}`,
	} {
		for _, over := range []bool{false, true} {
			f.Add([]byte(payload), over, false)
			f.Add([]byte(payload), over, true)
		}
	}
	f.Fuzz(func(t *testing.T, payload []byte, over, previous bool) {
		var in Input
		if json.Unmarshal(payload, &in) != nil {
			return
		}
		var outcome access.OutcomeKind
		if over {
			outcome = access.OutcomeDenied
		}
		stored, s := newRows(t, previous, outcome)
		if over {
			if _, _, err := s.RequestEnd(t.Context(), "one", access.EndRequest{}); err != nil {
				t.Fatal(err)
			}
			if _, _, err := s.AnswerRun(t.Context(), access.Run{ID: "one"}, access.RunAnswer{}, true); err != nil {
				t.Fatal(err)
			}
		}
		before := map[string]map[string]any{}
		for key, r := range stored {
			before[key] = tabletest.PlainRow(r)
			before[key][table.AttributeTokenExecution] = "arn:one" // may be added
		}
		attributes := map[string][2]string{
			table.WaitApproval: {"request#one", "approval_token"}, table.WaitEnd: {"request#one", "end_token"}, table.WaitRun: {"run#one", "token"},
		}
		at, known := attributes[in.Operation]
		right := known && in.RequestID == "one" && in.Execution == "arn:one" && in.Token != ""
		if right {
			before[at[0]][at[1]] = in.Token
		}
		resumed := false
		h := &Handler{
			Table: s,
			Tokens: mockResumer(func(token, output string) error {
				resumed = true
				if !right || !over || token != in.Token || !json.Valid([]byte(output)) || strings.Contains(output, "approved") {
					t.Errorf("%+v resumes %q with %q", in, token, output)
				}
				return nil
			}),
			Sleep: func(context.Context, time.Duration) error { return nil },
		}
		_, err := h.Handle(t.Context(), in)
		switch code := access.CodeOf(err); {
		case right && (err != nil || resumed != over):
			t.Errorf("%+v: %v, resumed %v", in, err, resumed)
		case !right && code != access.CodeInvalid && code != access.CodeRefused && code != access.CodeNotFound:
			t.Errorf("%+v: %v of code %q", in, err, code)
		case err != nil && len(in.Token) > 12 && strings.Contains(err.Error(), in.Token):
			t.Errorf("%v has the token", err)
		}
		if len(stored) != len(before) {
			t.Errorf("%+v creates a row", in)
		}
		for key, want := range before {
			got := tabletest.PlainRow(stored[key])
			got[table.AttributeTokenExecution] = "arn:one"
			if g, w := jsonOf(t, got), jsonOf(t, want); g != w {
				t.Errorf("%+v: row %s is %s, want %s", in, key, g, w)
			}
		}
	})
}

func jsonOf(t *testing.T, v any) string {
	t.Helper()
	text, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}
