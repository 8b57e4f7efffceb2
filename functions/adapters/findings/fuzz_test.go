package findings

import (
	"context"
	"encoding/json"
	"reflect"
	"strings"
	"testing"

	"sso-elevator/functions/access"
	"sso-elevator/functions/drift"
)

// For every object of a run, either the read returns one consistent JSON document that
// is the same after it is written again, or it returns Invalid.
func FuzzObjects(f *testing.F) {
	for _, s := range []string{
		`{"run":"r-1","mode":"warn","started_at":"2026-01-01T00:00:00Z","policy":{"accounts":null,"groups":null},"accounts":[{"id":"111122223333"}],"permission_sets":[{"id":"arn:1","name":"Admin"}],"groups":[{"id":"g-1"}],"batches":[{"pairs":[{"a":0,"s":[0]}],"accounts":[0],"groups":[0],"users":["u-1"]}]}`,
		`{"batches":[{"pairs":[{"a":1,"s":[-1]}]}]}`, `{"batches":[{"groups":[7]}]}`, `{"batches":[{"accounts":[-1]}]}`,
		`{"planned_at":"2026-01-01T00:00:00Z","findings":[{"kind":"account","account_id":"111122223333","permission_set_arn":"arn:1","principal_id":"u-1","first_seen":"2026-01-01T00:00:00Z"}],"unread":[{"what":"group g-1","why":"x"}]}`,
		`{"findings":{"account#1#a#u":{"first_seen":"2026-01-01T00:00:00Z","first_run":"r-1"}},"beat":{"run":"r-1","at":"2026-01-01T00:00:00Z"}}`,
		`{"new":1,"next":"remove"}`, `[{"kind":"group","group_id":"g-1","principal_id":"u-1"}]`,
		`{} {}`, `{}x`, `null`, `[`, ``, `{"started_at":"yesterday"}`, `{"findings":null}`,
	} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		readObject(t, body, "plan.json", (*Store).Plan)
		readObject(t, body, "collected.json", (*Store).Collected)
		readObject(t, body, "findings.json", (*Store).Findings)
		readObject(t, body, "report.json", (*Store).Report)
		readObject(t, body, "batch-3.json", func(s *Store, ctx context.Context, run string) (drift.BatchResult, error) {
			return s.BatchResult(ctx, run, 3)
		})
		m := Memory{}
		m.put(t, historyKey, body)
		if k, _, err := (&Store{&m}).History(context.Background()); err == nil && k.Findings == nil {
			t.Error("what is known has no map")
		} else {
			refusal(t, body, err)
		}
	})
}

func (m *Memory) put(t *testing.T, key string, body []byte) {
	t.Helper()
	if err := m.Put(context.Background(), key, body); err != nil {
		t.Fatal(err)
	}
}

func readObject[T any](t *testing.T, body []byte, name string, read func(*Store, context.Context, string) (T, error)) {
	t.Helper()
	m := Memory{}
	m.put(t, Prefix+"r-1/"+name, body)
	v, err := read(&Store{&m}, context.Background(), "r-1")
	refusal(t, body, err)
	if err != nil {
		return
	}
	text, err := json.Marshal(v)
	if err != nil {
		t.Fatalf("%s: what was read of %q can't be written: %v", name, body, err)
	}
	again := Memory{}
	again.put(t, Prefix+"r-1/"+name, text)
	same, err := read(&Store{&again}, context.Background(), "r-1")
	second, _ := json.Marshal(same)
	if err != nil || !reflect.DeepEqual(text, second) {
		t.Errorf("%s: %q is read as %s, and that as %s, %v", name, body, text, second, err)
	}
	if p, is := any(v).(drift.Plan); is {
		for _, b := range p.Batches {
			// An index outside the plan panics here.
			for _, pair := range b.AccountSets {
				_ = p.Accounts[pair.Account]
				for _, set := range pair.Sets {
					_ = p.Sets[set]
				}
			}
			for _, account := range b.Accounts {
				_ = p.Accounts[account]
			}
			for _, group := range b.Groups {
				_ = p.Groups[group]
			}
		}
	}
}

func refusal(t *testing.T, body []byte, err error) {
	t.Helper()
	switch {
	case err == nil && !json.Valid(body):
		t.Errorf("%q is no JSON, and was read", body)
	case err != nil && access.CodeOf(err) != access.CodeInvalid:
		t.Errorf("%q: %v of code %q", body, err, access.CodeOf(err))
	}
}

// A run's name makes a key inside the run's folder and nowhere else.
func FuzzKey(f *testing.F) {
	for _, s := range []string{"warn-2026-01-01", "", "..", "a/b", "a\x00", "é", strings.Repeat("a", 81), "a\n"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, run string) {
		k, err := key(run, "plan.json")
		if err != nil {
			if access.CodeOf(err) != access.CodeInvalid || strings.ContainsAny(err.Error(), "\n\x00\x1b") {
				t.Errorf("%q: %q", run, err)
			}
			return
		}
		if parts := strings.Split(k, "/"); len(parts) != 3 || parts[0] != "reconcile" || parts[1] != run || len(run) > 80 || strings.Contains(run, ".") {
			t.Errorf("%q makes the key %q", run, k)
		}
	})
}
