package reconcile

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"reflect"
	"testing"
	"time"

	"sso-elevator/functions/access"
	"sso-elevator/functions/adapters/host"
	"sso-elevator/functions/drift"
)

// Whatever a schedule, the machine or an event sends, the function does the named step
// for the named run, or does nothing and returns a code. The parser of events has its
// own fuzz test.
func FuzzTask(f *testing.F) {
	for _, payload := range []string{
		`{"operation":"plan","run":"r-1","execution":"arn:aws:states:us-east-1:123456789012:execution:reconcile:r-1","input":{"mode":"warn","event":{"detail":{}}}}`,
		`{"operation":"plan","run":"r-1","execution":"::::","input":{"mode":"destroy","event":"x"}}`, `{"operation":"scan","run":"r-1","batch":-1}`,
		`{"operation":"collect","run":"../known"}`, `{"operation":"answer","run":"r-1"}`, `{"operation":"report","run":"r-1","results":[{"index":0,"result":"removed"},null]}`,
		`{"operation":"catalog"}`, `{"operation":"scan","batch":1e309}`, `{"operation":"sweep"}`, `{"operation":"recheck"}`, `{"operation":"recheck","all":true}`, `{}`, `null`, `{"operation":"plan","input":null}`,
	} {
		f.Add([]byte(payload))
	}
	f.Fuzz(func(t *testing.T, payload []byte) {
		var in Input
		if json.Unmarshal(payload, &in) != nil || in.Operation == "look" || in.Operation == "tombstone" {
			return
		}
		fake, refreshed, rechecked := &fakeDrift{}, false, ""
		h := &Handler{
			People: recheckFunc(func(_ context.Context, all bool) error { rechecked = fmt.Sprint(all); return nil }),
			Drift:  fake, Catalog: catalogFunc(func(context.Context) error { refreshed = true; return nil }),
			Count: func(string, map[string]string) {}, Logger: slog.New(slog.DiscardHandler),
		}
		out, err := h.Handle(t.Context(), in)
		want := map[string]any{
			"plan": drift.Start{Run: in.Run, Execution: in.Execution, Account: accountOf(in.Execution), Mode: in.RunInput.Input.Mode, Event: in.RunInput.Input.Event},
			"scan": []any{in.Run, in.Batch}, "collect": in.Run, "answer": in.Run, "report": []any{in.Run, []drift.Removal(in.Results)},
		}[in.Operation]
		if !reflect.DeepEqual(fake.asked, want) || refreshed != (in.Operation == "catalog") {
			t.Errorf("%s asks for %+v, want %+v", payload, fake.asked, want)
		}
		if asks := in.Operation == "recheck"; (rechecked != "") != asks || asks && rechecked != fmt.Sprint(in.All) {
			t.Errorf("%s rechecks: %q", payload, rechecked)
		}
		if known := want != nil || refreshed || rechecked != ""; known != (err == nil) || !known && host.ErrorCode(err) != access.CodeInvalid {
			t.Errorf("%s: %v", payload, err)
		}
		if _, err := json.Marshal(out); err != nil {
			t.Errorf("the answer to %s is none: %v", payload, err)
		}
	})
}

// Whatever a row says: if it may have access and its execution is gone, it is given up
// and then removed. If its execution runs, it is left alone until its end has passed.
// A closed row is ignored.
func FuzzTombstone(f *testing.F) {
	for _, r := range []access.Request{asked(2*time.Hour, nil), asked(time.Hour, approved), asked(2*time.Hour, active(noon.Add(-time.Hour))), asked(time.Minute, active(noon.Add(time.Hour)))} {
		row, err := json.Marshal(r)
		if err != nil {
			f.Fatal(err)
		}
		for state := range byte(3) {
			f.Add(row, state, false)
			f.Add(row, state, true)
		}
	}
	f.Add([]byte(`{"created_at":"2027-01-01T00:00:00Z","granted_at":"2026-01-01T00:00:00Z"}`), byte(2), false)
	f.Add([]byte(`{"outcome":{"kind":"yes"},"end":"9999-12-31T23:59:59Z"}`), byte(1), false)
	f.Add([]byte(`{"granted_at":"9999-12-31T23:59:59Z","end":"0001-01-01T00:00:00Z","revoked_at":"2026-01-01T00:00:00Z"}`), byte(1), false)
	f.Fuzz(func(t *testing.T, row []byte, state byte, unreadable bool) {
		var r access.Request
		if json.Unmarshal(row, &r) != nil {
			return
		}
		states := []ExecutionState{Running, Ended, Unknown}
		l := &left{rows: map[string]access.Request{"abc": r}, states: map[string]ExecutionState{r.ExecutionARN: states[int(state)%len(states)]}}
		if unreadable {
			l.failing = "State"
		}
		got, err := l.sweep().Tombstone(t.Context(), "abc")
		if err != nil {
			if !unreadable || host.ErrorCode(err) != access.CodeUnavailable {
				t.Errorf("%s: %v", row, err)
			}
			return
		}
		alive := !unreadable && states[int(state)%len(states)] == Running
		there := !r.GrantedAt.IsZero() && r.RevokedAt.IsZero() && r.ClosedAt.IsZero()
		over := !unreadable && states[int(state)%len(states)] == Ended
		switch {
		case got.Next != nothing && got.Next != refuse && got.Next != outcome && got.Next != revoke:
			t.Errorf("%s: what is left is %q", row, got.Next)
		case !r.ClosedAt.IsZero() && got.Next != nothing:
			t.Errorf("%s is closed, and left is %q", row, got.Next)
		case there && over && got.Next != revoke:
			t.Errorf("%s: there is access without an execution, and left is %q", row, got.Next)
		case there && noon.Sub(r.End) > 24*time.Hour && got.Next != revoke:
			t.Errorf("%s: there is access a day after its end, and left is %q", row, got.Next)
		case alive && !there && got.Next != nothing:
			t.Errorf("%s: its execution is alive, and left is %q", row, got.Next)
		case got.Granted != (!r.GrantedAt.IsZero() && r.RevokedAt.IsZero()) || got.Subject != r.Subject():
			t.Errorf("%s: left is %+v", row, got)
		case got.Next == revoke && !l.rows["abc"].Tombstone || got.Next == nothing && len(l.counted) > 0:
			t.Errorf("%s: left is %+v, the row is %+v", row, got, l.rows["abc"])
		}
	})
}
