package policy

import (
	"bytes"
	"context"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"sso-elevator/infra/command"
	"sso-elevator/infra/settings"
)

// diffLine runs the command that compares policies as a shell would, with words split at
// spaces.
func diffLine(line string) (code int, stdout, stderr string) {
	var out, errs bytes.Buffer
	code = command.Run(context.Background(), &Diff{}, strings.Fields(line), command.Streams{In: strings.NewReader(""), Out: &out, Err: &errs})
	return code, out.String(), errs.String()
}

const (
	oldFile      = "testdata/diff/old.yaml"
	newFile      = "testdata/diff/new.yaml"
	organization = " --organization testdata/diff/organization.json"
)

// TestDiff compares what the command prints with golden files.
func TestDiff(t *testing.T) {
	var all strings.Builder
	for _, tt := range []struct {
		line string
		code int
	}{
		{oldFile + " " + newFile, 1},
		{oldFile + " " + newFile + organization, 1},
		{newFile + " " + oldFile + organization, 1},
		{newFile + " testdata/diff/narrower.yaml" + organization, 0},
		{oldFile + " " + oldFile, 0},
		{oldFile + " " + oldFile + organization, 0},
		{"../../elevator.example.yaml testdata/company.yaml", 1},
		{"../../elevator.example.yaml testdata/company.yaml --all", 1},
	} {
		code, stdout, stderr := diffLine(tt.line)
		if code != tt.code || stderr != "" {
			t.Errorf("%s: exit %d, want %d, standard error %q", tt.line, code, tt.code, stderr)
		}
		all.WriteString("$ elevator policy diff " + tt.line + "\n" + stdout + "\n")
	}
	checkGolden(t, "diff/text.txt", all.String())
	_, stdout, _ := diffLine(oldFile + " " + newFile + organization + " --json")
	checkGolden(t, "diff/result.json", stdout)
}

// TestDiffOfDeployed checks that a policy from the audit bucket is read like the settings
// that it came from.
func TestDiffOfDeployed(t *testing.T) {
	for _, content := range []string{"", "config: []\ngroup_config: []\n"} {
		path := oldFile
		if content != "" {
			path = filepath.Join(t.TempDir(), "empty.yaml")
			if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
				t.Fatal(err)
			}
		}
		policy, _, err := settings.LoadPolicy(path)
		if err != nil {
			t.Fatal(err)
		}
		text, err := json.Marshal(policy)
		if err != nil {
			t.Fatal(err)
		}
		deployed := filepath.Join(t.TempDir(), "policy.json")
		if err := os.WriteFile(deployed, text, 0o600); err != nil {
			t.Fatal(err)
		}
		if code, stdout, stderr := diffLine(deployed + " " + path); code != 0 || !strings.HasSuffix(stdout, "The two policies decide the same.\n") {
			t.Errorf("exit %d, %s%s", code, stdout, stderr)
		}
	}
}

// TestDiffBadInput checks that everything that is wrong is said at once, and exits with 2.
func TestDiffBadInput(t *testing.T) {
	folder := t.TempDir()
	write := func(name, content string) string {
		path := filepath.Join(folder, name)
		if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	bad := write("bad.yaml", "config:\n- Resource: prod\n  PermissionSet: Admin\n")
	later := write("later.json", `{"accounts":[{"resources":["*"],"approval_by_moon":true}],"groups":[]}`)
	people := write("people.json", `{"people":[{"email":"ann"}]}`)
	for _, tt := range []struct{ name, line, want string }{
		{"no files", "", `expected "<old> <new>"; see elevator --help`},
		{"one file", oldFile, `expected "<new>"; see elevator --help`},
		{"no such file", oldFile + " none.yaml", "read policy: open none.yaml: no such file or directory"},
		{"a folder", "testdata " + newFile, "read policy: read testdata: is a directory"},
		{"a wrong policy", bad + " " + newFile, bad + `:2: config[0].Resource: "prod" is not valid: must be an account id (12 digits), or "*" for all accounts`},
		{"a policy of a later release", later + " " + newFile, later + `: not a policy that this release knows: unknown field "approval_by_moon"`},
		{"a wrong organization", oldFile + " " + newFile + " --organization " + people, people + `: people[0].email: "ann" is not an email address`},
		{"no time", oldFile + " " + newFile + " --timeout 0s", "--timeout must be longer than zero"},
		{"everything", "none.yaml " + bad + " --organization " + people, "read policy: open none.yaml: no such file or directory\n" + bad +
			`:2: config[0].Resource: "prod" is not valid: must be an account id (12 digits), or "*" for all accounts` + "\n" + people + `: people[0].email: "ann" is not an email address`},
	} {
		for _, flags := range []string{"", " --json"} {
			t.Run(tt.name+flags, func(t *testing.T) {
				if code, stdout, stderr := diffLine(tt.line + flags); code != 2 || stdout != "" || stderr != tt.want+"\n" {
					t.Errorf("exit %d, standard output %q\ngot  %s\nwant %s", code, stdout, stderr, tt.want)
				}
			})
		}
	}
}

// TestDiffUnfinished checks that a comparison that doesn't end in time is no answer.
func TestDiffUnfinished(t *testing.T) {
	const notFinished = "NOT COMPARED: the comparison did not end within 1ns (--timeout). Somebody may be able to get more.\nTry a longer --timeout, or compare smaller changes"
	for _, tt := range []struct{ line, want string }{
		{oldFile + " " + newFile, notFinished + ". With --organization, it is faster: the members of groups are known\n"},
		{oldFile + " " + oldFile + organization, notFinished + "\n"}, // even if there is no difference
	} {
		for _, flags := range []string{"", " --json"} {
			if code, stdout, stderr := diffLine(tt.line + " --timeout 1ns" + flags); code != 3 || stdout != "" || stderr != tt.want {
				t.Errorf("%s%s: exit %d, standard output %q\ngot  %s\nwant %s", tt.line, flags, code, stdout, stderr, tt.want)
			}
		}
	}
}

// TestDiffSlow checks that a slow comparison says once what it does, and then answers.
func TestDiffSlow(t *testing.T) {
	var out, errs bytes.Buffer
	code := command.Run(context.Background(), &Diff{slow: time.Nanosecond}, []string{oldFile, oldFile}, command.Streams{In: strings.NewReader(""), Out: &out, Err: &errs})
	if want := "Comparing the policies takes a while. It stops after 2m0s (--timeout).\n"; code != 0 || errs.String() != want || !strings.HasSuffix(out.String(), "decide the same.\n") {
		t.Errorf("exit %d, %q, standard error %q, want %q", code, out.String(), errs.String(), want)
	}
}

func TestDiffWriteError(t *testing.T) {
	for _, flags := range []string{"", " --json"} {
		var errs bytes.Buffer
		code := command.Run(context.Background(), &Diff{}, strings.Fields(oldFile+" "+newFile+flags), command.Streams{In: strings.NewReader(""), Out: brokenWriter{}, Err: &errs})
		if code != 1 || errs.String() != "write differences: broken\n" {
			t.Errorf("exit %d, %q", code, errs.String())
		}
	}
}
