package slack

import (
	"bytes"
	"encoding/json"
	"flag"
	"os"
	"path/filepath"
	"testing"
)

var update = flag.Bool("update", false, "write the golden files under testdata")

// golden compares v, as JSON, with testdata/<name>.json.
func golden(t *testing.T, name string, v any) {
	t.Helper()
	var got bytes.Buffer
	e := json.NewEncoder(&got)
	e.SetEscapeHTML(false)
	e.SetIndent("", "  ")
	if err := e.Encode(v); err != nil {
		t.Fatal(err)
	}
	file := filepath.Join("testdata", name+".json")
	if *update {
		if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(file, got.Bytes(), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(got.Bytes(), want) {
		t.Errorf("%s differs; after looking at it, write it with -update. Got:\n%s", file, got.String())
	}
}

// generic is v after a round trip through JSON, so that the checks see what Slack
// sees.
func generic(t testing.TB, v any) map[string]any {
	t.Helper()
	b, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	var m map[string]any
	if err := json.Unmarshal(b, &m); err != nil {
		t.Fatal(err)
	}
	return m
}

// posted is a message as the Web API receives it.
func posted(m Message) map[string]any {
	return map[string]any{
		"text":   m.Text,
		"blocks": m.Blocks,
		"metadata": map[string]any{
			"event_type":    m.EventType,
			"event_payload": map[string]any{"request_id": m.RequestID, "purpose": m.Purpose},
		},
	}
}
