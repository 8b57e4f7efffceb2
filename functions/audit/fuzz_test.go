package audit

import (
	"encoding/json"
	"log/slog"
	"slices"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"sso-elevator/functions/access"
	"sso-elevator/functions/adapters/host"
)

// Whatever an execution sends, only events in the row are recorded, in order and once
// each, and only findings that the run has. The state machine gets an end that it can
// wait for.
func FuzzTask(f *testing.F) {
	row, err := json.Marshal(denied())
	if err != nil {
		f.Fatal(err)
	}
	const granted = `{"id":"r1","outcome":{"kind":"approved","at":"2026-01-01T00:00:00Z"},"granted_at":"2026-01-01T00:00:00Z","end":"2026-01-01T01:00:00Z","events":[{"kind":"requested"},{"kind":"approved"},{"kind":"granted"}],"audited":1}`
	for _, payload := range []string{
		`{"operation":"outcome","request_id":"r1"}`, `{"operation":"granted","request_id":"r1"}`, `{"operation":"revoked"}`, `{"operation":"close"}`, `{"operation":"erase"}`,
		`{"operation":"revoke_failed","failure":{"Error":"Throttled","Cause":"{\"errorMessage\":\"x\"}"}}`, `{"operation":"revoke_failed","failure":{"Cause":"\u0000{"}}`,
		`{"operation":"drift_found","run":"run1","from":0,"to":2}`, `{"operation":"drift_found","run":"run1","from":-1,"to":9223372036854775807}`,
		`{"operation":"drift_revoked","run":"run1","index":9223372036854775807}`, `{"operation":"drift_revoked","index":-1}`, `{}`, `null`,
	} {
		f.Add([]byte(payload), row)
		f.Add([]byte(payload), []byte(granted))
		f.Add([]byte(payload), []byte(`{"audited":-1,"events":[{"kind":"granted"}]}`))
	}
	f.Fuzz(func(t *testing.T, payload, row []byte) {
		var in Input
		w := &world{refuses: -1, run: access.Run{ID: "run1"}, findings: make([]access.Finding, 2)}
		if json.Unmarshal(payload, &in) != nil || json.Unmarshal(row, &w.row) != nil {
			return
		}
		before := w.row
		h := &Handler{Table: w, Claims: w, Findings: w, Records: w, Policy: w, Now: func() time.Time { return now }, Count: w.count, Measure: w.measure, Logger: slog.New(slog.DiscardHandler)}
		out, err := h.Handle(t.Context(), in)
		if err != nil && host.ErrorCode(err) == "" {
			t.Errorf("%v has no code", err)
		}
		if len(w.row.Events) > len(before.Events)+1 || w.row.Audited > len(w.row.Events) && w.row.Audited > before.Audited || len(w.records) > 2 {
			t.Errorf("%s makes of %s the row %+v and %d records", payload, row, w.row, len(w.records))
		}
		var want []string
		for _, e := range w.row.Events[min(max(before.Audited, 0), len(w.row.Events)):] {
			want = append(want, string(e.Kind))
		}
		var kinds []string
		for _, one := range w.written {
			if !strings.HasPrefix(one, "policy ") && !strings.HasPrefix(one, "drift_") {
				kinds = append(kinds, one)
			}
		}
		if len(kinds) > len(want) || !slices.Equal(kinds, want[:len(kinds)]) {
			t.Errorf("%s writes %q of %q", payload, kinds, want)
		}
		if in.Operation == "granted" && err == nil {
			if end, err := time.Parse(time.RFC3339, out.End); err != nil || out.Seconds < 1 || out.Seconds > 99_999_999 || out.End[len(out.End)-1] != 'Z' {
				t.Errorf("the end of %s is %+v: %s, %v", row, out, end, err)
			}
		}
	})
}

// A failed task's output is read as the error's name and a text for people.
func FuzzFailure(f *testing.F) {
	f.Add("Throttled", `{"errorMessage":"slow down","errorType":"Throttled"}`)
	f.Add("", `{"errorMessage":7}`)
	f.Add("States.Timeout", "")
	f.Add("x", "{\"errorMessage\":\"\"}")
	f.Fuzz(func(t *testing.T, code, cause string) {
		got := Failure{Error: code, Cause: cause}.String()
		if !strings.HasPrefix(got, code) || utf8.ValidString(code) && utf8.ValidString(cause) && !utf8.ValidString(got) {
			t.Errorf("%q of %q is %q", cause, code, got)
		}
	})
}
