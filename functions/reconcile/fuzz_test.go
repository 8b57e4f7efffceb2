package main

import (
	"context"
	"encoding/json"
	"log/slog"
	"reflect"
	"testing"

	"sso-elevator/functions/access"
	"sso-elevator/functions/drift"
	"sso-elevator/functions/internal/lambdaerr"
)

// Whatever a schedule, the machine or an event sends: the step that it names is
// done for the run that it names, or nothing is, with a code. An event that is no
// JSON of CloudTrail's goes no further than the parser of events, which has a
// target of its own. Of sweeps, FuzzRow of package requests has the rows.
func FuzzTask(f *testing.F) {
	for _, payload := range []string{
		`{"operation":"plan","run":"r-1","execution":"arn:aws:states:us-east-1:123456789012:execution:reconcile:r-1","input":{"mode":"warn","event":{"detail":{}}}}`,
		`{"operation":"plan","run":"r-1","execution":"::::","input":{"mode":"destroy","event":"x"}}`, `{"operation":"scan","run":"r-1","batch":-1}`,
		`{"operation":"collect","run":"../known"}`, `{"operation":"answer","run":"r-1"}`, `{"operation":"report","run":"r-1","results":[{"index":0,"result":"removed"},null]}`,
		`{"operation":"catalog"}`, `{"operation":"scan","batch":1e309}`, `{"operation":"sweep"}`, `{}`, `null`, `{"operation":"plan","input":null}`,
	} {
		f.Add([]byte(payload))
	}
	f.Fuzz(func(t *testing.T, payload []byte) {
		var in Input
		if json.Unmarshal(payload, &in) != nil || in.Operation == "look" || in.Operation == "tombstone" {
			return
		}
		fake, refreshed := &fakeDrift{}, false
		h := &Handler{
			Drift: fake, Catalog: catalogFunc(func(context.Context) error { refreshed = true; return nil }),
			Count: func(string, map[string]string) {}, Logger: slog.New(slog.DiscardHandler),
		}
		out, err := h.Handle(t.Context(), in)
		want := map[string]any{
			"plan": drift.Start{Run: in.Run, Execution: in.Execution, Account: accountOf(in.Execution), Mode: in.RunInput.Input.Mode, Event: in.RunInput.Input.Event},
			"scan": []any{in.Run, in.Batch}, "collect": in.Run, "answer": in.Run, "report": []any{in.Run, in.Results},
		}[in.Operation]
		if !reflect.DeepEqual(fake.asked, want) || refreshed != (in.Operation == "catalog") {
			t.Errorf("%s asks for %+v, want %+v", payload, fake.asked, want)
		}
		if known := want != nil || refreshed; known != (err == nil) || !known && lambdaerr.Code(err) != access.CodeInvalid {
			t.Errorf("%s: %v", payload, err)
		}
		if _, err := json.Marshal(out); err != nil {
			t.Errorf("the answer to %s is none: %v", payload, err)
		}
	})
}
