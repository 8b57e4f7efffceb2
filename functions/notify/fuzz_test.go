package notify

import (
	"encoding/json"
	"log/slog"
	"testing"
	"time"

	"sso-elevator/functions/access"
	"sso-elevator/functions/adapters/host"
)

// Whatever an execution sends, messages are about the row that it names. Each is
// posted once, however often it is requested, and has nothing else from the payload.
func FuzzTask(f *testing.F) {
	row, err := json.Marshal(newWorld().row)
	if err != nil {
		f.Fatal(err)
	}
	for _, payload := range []string{
		`{"operation":"announce","request_id":"r1"}`, `{"operation":"remind","request_id":"r1"}`, `{"operation":"granted"}`, `{"operation":"outcome"}`,
		`{"operation":"revoked","error":"<!channel> Throttled"}`, `{"operation":"drift_question","run":"run1"}`, `{"operation":"drift_report","run":"run1"}`,
		`{"operation":"post","text":"<!channel>","channel":"C9"}`, `{}`, `null`,
	} {
		f.Add([]byte(payload), row)
		f.Add([]byte(payload), []byte(`{"outcome":{"kind":"approved"},"granted_at":"2026-01-01T00:00:00Z","end":"2026-01-01T01:00:00Z","requester":{"slack_id":"UJANE"}}`))
	}
	f.Fuzz(func(t *testing.T, payload, row []byte) {
		var in Input
		w := newWorld()
		if json.Unmarshal(payload, &in) != nil || json.Unmarshal(row, &w.row) != nil {
			return
		}
		w.row.ID = "r1"
		w.run = access.Run{ID: "run1", Posts: map[string]access.Post{}}
		for purpose, p := range w.row.Posts {
			if p.TS == "" {
				delete(w.row.Posts, purpose) // a post was begun; the lookup for it doesn't matter here
			}
		}
		if w.row.Posts == nil {
			w.row.Posts = map[string]access.Post{}
		}
		h := &Handler{Table: w, Slack: w, Findings: w, Channel: "C1", SendDM: true, PostRevoke: true, Now: time.Now, Logger: slog.New(slog.DiscardHandler)}
		_, err := h.Handle(t.Context(), in)
		if err != nil && host.ErrorCode(err) == "" {
			t.Errorf("%v has no code", err)
		}
		sent := len(w.sent)
		if _, again := h.Handle(t.Context(), in); (again == nil) != (err == nil) || len(w.sent) != sent {
			t.Errorf("%s, sent again, makes %q: %v, %v", payload, w.did, err, again)
		}
		posts := map[string]bool{}
		for _, did := range w.did {
			if len(did) > 5 && did[:5] == "post " && posts[did] {
				t.Errorf("%s says twice: %q", payload, w.did)
			} else {
				posts[did] = true
			}
		}
		for _, m := range w.said {
			if m.RequestID != "r1" && m.RequestID != "run1" {
				t.Errorf("a message about %q", m.RequestID)
			}
		}
	})
}
