package main

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"regexp"
	"testing"
)

// These match what a template contains of the deployed code: hashes of assets, and
// versions of functions, which have the code's hash in their id.
var (
	assetHash = regexp.MustCompile(`[0-9a-f]{64}`)
	versionID = regexp.MustCompile(`(CurrentVersion[0-9A-F]{8})[0-9a-f]{32}`)
)

// TestTemplateIsGolden compares the whole template with the reviewed one, so that a
// diff shows each change. The deployed code is not part of it.
func TestTemplateIsGolden(t *testing.T) {
	text, err := os.ReadFile(sharedStack(t).path)
	if err != nil {
		t.Fatal(err)
	}
	text = assetHash.ReplaceAll(text, []byte("<hash>"))
	text = versionID.ReplaceAll(text, []byte("$1<hash>"))
	var indented bytes.Buffer
	if err := json.Indent(&indented, text, "", " "); err != nil {
		t.Fatal(err)
	}
	compareGolden(t, "template.json", indented.Bytes())
}

func TestManifestIsGolden(t *testing.T) {
	s := goldenSettings(t)
	path := filepath.Join(t.TempDir(), manifestFile)
	if err := writeManifest(path, s); err != nil {
		t.Fatal(err)
	}
	got, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	compareGolden(t, manifestFile, got)
}

func compareGolden(t *testing.T, name string, got []byte) {
	t.Helper()
	path := filepath.Join("testdata", name)
	if *update {
		if err := os.WriteFile(path, got, 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(got, want) {
		gotLines, wantLines := bytes.Split(got, []byte("\n")), bytes.Split(want, []byte("\n"))
		for i := range min(len(gotLines), len(wantLines)) {
			if !bytes.Equal(gotLines[i], wantLines[i]) {
				t.Fatalf("%s, line %d: got\n%s\nwant\n%s\nIf that is meant: go test ./infra -update", path, i+1, gotLines[i], wantLines[i])
			}
		}
		t.Fatalf("%s: got %d lines, want %d. If that is meant: go test ./infra -update", path, len(gotLines), len(wantLines))
	}
}
