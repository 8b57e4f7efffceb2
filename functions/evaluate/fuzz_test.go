package evaluate

import (
	"encoding/json"
	"log/slog"
	"testing"
	"time"

	"sso-elevator/functions/access"
	"sso-elevator/functions/adapters/host"
)

// Whatever an execution sends, and whatever the row says, only a request's own
// execution decides it. If the policy requires approval, it isn't granted
// automatically. The state machine can read the output and wait as long as it says.
func FuzzTask(f *testing.F) {
	open, err := json.Marshal(newWorld(byAnn).row)
	if err != nil {
		f.Fatal(err)
	}
	for _, operation := range []string{"evaluate", "next", "refuse", "grant", ""} {
		for _, execution := range []string{own, "", "arn:other"} {
			payload, _ := json.Marshal(map[string]any{"operation": operation, "request_id": "r1", "execution": execution, "error": "Unavailable", "outcome": "approved"})
			f.Add(payload, open)
			f.Add(payload, []byte(`{"id":"r1","execution_arn":"`+own+`","expires_at":"9999-12-31T23:59:59Z","reminders_sent":9999999,"requester":{"slack_id":"UJANE"},"created_at":"2026-01-01T00:00:00Z"}`))
			f.Add(payload, []byte(`{"id":"r1","outcome":{"kind":"approval"},"requester":{"slack_id":"UJANE"}}`))
			f.Add(payload, []byte(`{"id":"r1","outcome":{"kind":"approved"},"granted_at":"2026-01-01T00:00:00Z"}`))
		}
	}
	f.Add([]byte(`null`), []byte(`{}`))
	f.Add([]byte(`{"operation":1}`), []byte(`null`))
	f.Fuzz(func(t *testing.T, payload, row []byte) {
		var in Input
		w := newWorld(byAnn)
		w.row = access.Request{}
		if json.Unmarshal(payload, &in) != nil || json.Unmarshal(row, &w.row) != nil {
			return
		}
		before := w.row
		h := &Handler{Table: w, Claims: w, People: w, Policy: w, Catalog: w, Account: "123456789012", Reminders: Reminders{Initial: 15 * time.Minute, Multiplier: 2}, Expiration: 8 * time.Hour, AnnounceFor: 2 * time.Hour,
			Now: func() time.Time { return now }, Logger: slog.New(slog.DiscardHandler)}
		answer, err := h.Handle(t.Context(), in)
		if err != nil && host.ErrorCode(err) == "" {
			t.Errorf("%v has no code", err)
		}
		isOther := in.Execution != before.ExecutionARN
		if isOther && before.Open() && (w.row.Outcome != nil || w.evaluated != nil || len(w.counted) > 0 || err == nil && in.Operation != "evaluate") {
			t.Errorf("the execution %q decides what is %q's: %+v, %v", in.Execution, before.ExecutionARN, w.row.Outcome, err)
		}
		if o := w.row.Outcome; o != before.Outcome && o.Kind.Grants() {
			t.Errorf("%s decides in favour of %s: %+v", payload, row, o)
		}
		var next Next
		text, marshalErr := json.Marshal(answer)
		if marshalErr != nil || json.Unmarshal(text, &next) != nil {
			t.Fatalf("the answer is %s: %v", text, marshalErr)
		}
		if before.Outcome != nil && err == nil && (next.Next == "approval" || next.Next == "announce") {
			t.Errorf("what is decided, %s, is to wait: %s", row, text)
		}
		if isOther && err == nil && in.Operation == "evaluate" && next.Next != "other" && (next.Next != "revoke" || before.RevokingAt.IsZero()) {
			t.Errorf("the execution %q goes on with %s, of the row %s", in.Execution, text, row)
		}
		// States Language: TimeoutSeconds is from 1 to 99,999,999.
		if err == nil && (in.Operation == "evaluate" || in.Operation == "next") && (next.Next == "" || next.WaitSeconds < 1 || next.WaitSeconds > 99_999_999) {
			t.Errorf("%s, with the row %s, is answered with %s", payload, row, text)
		}
	})
}
