package main

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestRunSaysWhatIsWrong checks that mistakes in the command line or the settings
// are reported before anything is built.
func TestRunSaysWhatIsWrong(t *testing.T) {
	broken := filepath.Join(t.TempDir(), "broken.yaml")
	if err := os.WriteFile(broken, []byte("slack_channel: C1\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	tests := []struct {
		name string
		args []string
		code int
		want []string
	}{
		{"unknown flag", []string{"-wrong"}, 2, []string{"flag provided but not defined: -wrong", "-architecture"}},
		{"argument", []string{"elevator.yaml"}, 2, []string{`unexpected argument "elevator.yaml"`}},
		{"no settings", []string{"-config", "none.yaml"}, 1, []string{"none.yaml", "no such file"}},
		{"broken settings", []string{"-config", broken}, 1, []string{"broken.yaml", "slack_channel"}},
		{"architecture", []string{"-config", filepath.Join("testdata", "elevator.yaml"), "-architecture", "mips"}, 1, []string{`architecture is "mips"`}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			var stderr bytes.Buffer
			if code := run(append([]string{"-out", t.TempDir()}, tt.args...), &stderr); code != tt.code {
				t.Errorf("got exit code %d, want %d", code, tt.code)
			}
			for _, part := range tt.want {
				if !strings.Contains(stderr.String(), part) {
					t.Errorf("it says %q, want %q", stderr.String(), part)
				}
			}
		})
	}
}
