package main

import (
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// TestBash checks what bash offers for a line, once it has the script.
func TestBash(t *testing.T) {
	bash, err := exec.LookPath("bash")
	if err != nil {
		t.Fatal("there is no bash, which the Makefile needs, too")
	}
	_, script, _ := play("completion bash")
	folder := t.TempDir()
	for _, name := range []string{"elevator.yaml", "elevator two.yaml", "other.txt"} {
		if err := os.WriteFile(filepath.Join(folder, name), nil, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	for _, tt := range []struct {
		line string // the last word is the one to complete
		want string // separated by "|", in any order: the order of files depends on the file system, and bash sorts what it shows
	}{
		{"", "policy|doctor|acceptance|reconcile|drain|local|demo|completion|--help|--version"},
		{"d", "doctor|drain|demo"},
		{"drain --re", "--reopen|--reserved"},
		{"drain --yes --w", "--wait"},
		{"policy --config e", "elevator two.yaml|elevator.yaml"},
		{"policy --config = o", "other.txt"}, // how bash splits --config=o
		{"policy --account ", ""},
		{"completion ", "bash|zsh|fish|--help|--version"},
		{"policy d", "diff"},
		{"policy --au", ""},
		{"policy diff e", "elevator two.yaml|elevator.yaml"},
		{"policy diff elevator.yaml o", "other.txt"},
		{"policy diff a b --org", "--organization"},
		{"policy diff a b --organization o", "other.txt"},
		{"policy diff a b --req", ""},
		{"completion z", "zsh"},
		{"unheard-of ", ""},
	} {
		t.Run(tt.line, func(t *testing.T) {
			words := append([]string{"elevator"}, strings.Split(tt.line, " ")...)
			test := script + `
COMP_WORDS=("$@")
COMP_CWORD=$(($# - 1))
_elevator "$1" "${COMP_WORDS[COMP_CWORD]}" "${COMP_WORDS[COMP_CWORD - 1]}"
printf '%s\n' "${COMPREPLY[@]}" `
			cmd := exec.Command(bash, append([]string{"--norc", "-c", test, "bash"}, words...)...)
			cmd.Dir = folder
			out, err := cmd.Output()
			if err != nil {
				t.Fatal(err)
			}
			got, want := strings.Split(strings.TrimSpace(string(out)), "\n"), strings.Split(tt.want, "|")
			slices.Sort(got)
			slices.Sort(want)
			if !slices.Equal(got, want) {
				t.Errorf("got %q, want %q", got, want)
			}
		})
	}
}

// TestScripts checks that each shell's script has all commands and flags.
func TestScripts(t *testing.T) {
	for shell, flag := range map[string]string{"bash": "--drift-user ", "zsh": "'--drift-user=[", "fish": "-l drift-user -x "} {
		code, script, stderr := play("completion " + shell)
		if code != 0 || stderr != "" {
			t.Errorf("%s: code %d, %s", shell, code, stderr)
		}
		for _, want := range []string{flag, "policy", "doctor", "acceptance", "reconcile", "drain", "local", "demo", "completion", "bash zsh fish", "diff", "organization", "config"} {
			if !strings.Contains(script, want) {
				t.Errorf("%s: there is no %q", shell, want)
			}
		}
		for _, line := range strings.Split(script, "\n") {
			if strings.Count(strings.ReplaceAll(line, `'\''`, ""), "'")%2 != 0 {
				t.Errorf("%s: an open quote: %s", shell, line)
			}
		}
	}
}
