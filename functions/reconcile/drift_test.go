package reconcile

import (
	"context"
	"encoding/json"
	"log/slog"
	"maps"
	"reflect"
	"testing"

	"sso-elevator/functions/access"
	"sso-elevator/functions/adapters/catalog"
	"sso-elevator/functions/drift"
)

// fakeDrift returns values that the state machine continues with in most cases.
type fakeDrift struct {
	asked     any
	collected drift.NextSteps
	err       error
}

func (f *fakeDrift) Plan(_ context.Context, s drift.Start) ([]int, error) {
	f.asked = s
	return []int{0, 1}, f.err
}

func (f *fakeDrift) Scan(_ context.Context, run string, batch int) error {
	f.asked = []any{run, batch}
	return f.err
}

func (f *fakeDrift) Collect(_ context.Context, run string) (drift.NextSteps, error) {
	f.asked = run
	return f.collected, f.err
}

func (f *fakeDrift) EndQuestion(_ context.Context, run string) (string, error) {
	f.asked = run
	return "remove", f.err
}

func (f *fakeDrift) Report(_ context.Context, run string, removals []drift.Removal) (tell, complete bool, err error) {
	f.asked = []any{run, removals}
	return false, true, f.err
}

func (f *fakeDrift) Press(_ context.Context, ref access.FindingRef) (string, error) {
	f.asked = ref
	return "remove", f.err
}

func (f *fakeDrift) EndPress(_ context.Context, ref access.FindingRef, failure string) (bool, error) {
	f.asked = []any{ref, failure}
	return false, f.err
}

// The machine's states read fields of the output. Every field exists, even if it is
// empty or false.
func TestDriftOperations(t *testing.T) {
	const execution = "arn:aws:states:us-east-1:123456789012:execution:reconcile:r-1"
	tests := []struct {
		name      string
		payload   string
		collected drift.NextSteps
		asked     any
		want      string
	}{
		{name: "plan", payload: `{"operation":"plan","run":"r-1","execution":"` + execution + `","input":{"mode":"warn","event":{"detail":{}}}}`,
			asked: drift.Start{Run: "r-1", Execution: execution, Account: "123456789012", Mode: access.DriftWarn, Event: json.RawMessage(`{"detail":{}}`)},
			want:  `{"batches":[0,1]}`},
		{name: "plan by schedule", payload: `{"operation":"plan","run":"r-1","execution":"x","input":{"mode":"revoke"}}`,
			asked: drift.Start{Run: "r-1", Execution: "x", Mode: access.DriftRevoke}, want: `{"batches":[0,1]}`},
		{name: "scan", payload: `{"operation":"scan","run":"r-1","batch":1,"execution":"x"}`, asked: []any{"r-1", 1}, want: `{}`},
		{name: "collect", payload: `{"operation":"collect","run":"r-1"}`, asked: "r-1",
			collected: drift.NextSteps{Found: [][2]int{{0, 25}, {25, 26}}, Next: "ask", Removals: []int{0, 1}, Complete: true},
			want:      `{"found":[[0,25],[25,26]],"next":"ask","removals":[0,1],"exempted":false}`},
		{name: "collect nothing", payload: `{"operation":"collect","run":"r-1"}`, asked: "r-1",
			collected: drift.NextSteps{Found: [][2]int{}, Next: "nothing", Removals: []int{}},
			want:      `{"found":[],"next":"nothing","removals":[],"exempted":false}`},
		{name: "answer", payload: `{"operation":"answer","run":"r-1"}`, asked: "r-1", want: `{"next":"remove"}`},
		{name: "press", payload: `{"operation":"press","run":"r-1","index":3,"execution":"x"}`, asked: access.FindingRef{Run: "r-1", Index: 3}, want: `{"next":"remove"}`},
		{name: "press kept", payload: `{"operation":"press_result","run":"r-1","index":3,"error":"Held"}`,
			asked: []any{access.FindingRef{Run: "r-1", Index: 3}, "Held"}, want: `{"failed":false}`},
		{name: "press removed", payload: `{"operation":"press_result","run":"r-1","index":3}`,
			asked: []any{access.FindingRef{Run: "r-1", Index: 3}, ""}, want: `{"failed":false}`},
		{name: "report", payload: `{"operation":"report","run":"r-1"}`, asked: []any{"r-1", []drift.Removal(nil)}, want: `{"tell":false,"complete":true}`},
		{name: "report removals", payload: `{"operation":"report","run":"r-1","results":[{"index":1,"result":"removed"},{"index":0,"result":"held"}]}`,
			asked: []any{"r-1", []drift.Removal{{Index: 1, Result: access.DriftRemoved}, {Result: access.DriftHeld}}}, want: `{"tell":false,"complete":true}`},
		{name: "report removals, of which some children failed",
			payload: `{"operation":"report","run":"r-1","results":[null,{},"",[],0,{"Error":"States.Runtime","Cause":"x"},{"index":0},{"index":0,"result":""},{"result":"removed"},{"index":"0","result":"removed"},{"index":1,"result":"removed"}]}`,
			asked:   []any{"r-1", []drift.Removal{{Index: 1, Result: access.DriftRemoved}}}, want: `{"tell":false,"complete":true}`},
		{name: "report removals, of which no child says anything", payload: `{"operation":"report","run":"r-1","results":[]}`,
			asked: []any{"r-1", []drift.Removal(nil)}, want: `{"tell":false,"complete":true}`},
		{name: "report removals, by an answer that is no list", payload: `{"operation":"report","run":"r-1","results":{"MapRunArn":"arn","ResultWriterDetails":{}}}`,
			asked: []any{"r-1", []drift.Removal(nil)}, want: `{"tell":false,"complete":true}`},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			fake := &fakeDrift{collected: test.collected}
			h := &Handler{ShowReport: func(context.Context, string) error { return nil }, Drift: fake, Logger: slog.New(slog.DiscardHandler)}
			var in Input
			if err := json.Unmarshal([]byte(test.payload), &in); err != nil {
				t.Fatal(err)
			}
			out, err := h.Handle(t.Context(), in)
			if err != nil {
				t.Fatal(err)
			}
			got, _ := json.Marshal(out)
			if string(got) != test.want || !reflect.DeepEqual(fake.asked, test.asked) {
				t.Errorf("asked %+v, answered %s\nwant  %+v, %s", fake.asked, got, test.asked, test.want)
			}
			fake.err = access.Errorf(access.CodeThrottled, "slow down")
			if _, err := h.Handle(t.Context(), in); access.CodeOf(err) != access.CodeThrottled {
				t.Errorf("an error became %v", err)
			}
		})
	}
}

// A press is shown before the access is removed. A failure of that delays nothing.
func TestPressIsShown(t *testing.T) {
	for _, showErr := range []error{nil, access.Errorf(access.CodeUnavailable, "x")} {
		var shown []string
		fake := &fakeDrift{}
		h := &Handler{Drift: fake, Logger: slog.New(slog.DiscardHandler), ShowReport: func(_ context.Context, run string) error {
			shown = append(shown, run)
			return showErr
		}}
		in := Input{}
		in.Operation, in.Run, in.Index = "press", "r-1", 2
		out, err := h.Handle(t.Context(), in)
		if err != nil || !reflect.DeepEqual(out, Pressed{Next: "remove"}) || !reflect.DeepEqual(shown, []string{"r-1"}) {
			t.Errorf("answered %+v, %v, shown %q", out, err, shown)
		}
		fake.err, shown = access.Errorf(access.CodeThrottled, "slow down"), nil
		if _, err := h.Handle(t.Context(), in); access.CodeOf(err) != access.CodeThrottled || len(shown) > 0 {
			t.Errorf("an unread press: %v, shown %q", err, shown)
		}
	}
}

type snapshotStore struct{ snapshot *catalog.Snapshot }

func (s snapshotStore) Get(context.Context, string) (*catalog.Snapshot, string, error) {
	if s.snapshot == nil {
		return nil, "", access.Errorf(access.CodeNotFound, "there is none")
	}
	return s.snapshot, "1", nil
}

func (snapshotStore) Put(context.Context, *catalog.Snapshot, string) error { return nil }

func TestNames(t *testing.T) {
	accounts, sets, err := readNames(t.Context(), snapshotStore{&catalog.Snapshot{
		Accounts:       []access.Account{{ID: "111111111111", Name: "Production"}},
		PermissionSets: []access.PermissionSet{{ARN: "arn:ps/1", Name: "ReadOnly"}},
	}})
	if err != nil || !maps.Equal(accounts, map[string]string{"111111111111": "Production"}) || !maps.Equal(sets, map[string]string{"arn:ps/1": "ReadOnly"}) {
		t.Errorf("got %v, %v, %v", accounts, sets, err)
	}
	if _, _, err := readNames(t.Context(), snapshotStore{}); access.CodeOf(err) != access.CodeNotFound {
		t.Errorf("without a catalog: %v", err)
	}
}
