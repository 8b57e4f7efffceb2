//go:build !simulation

package simulation

import (
	"encoding/json"
	"flag"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

var simulationArgs = flag.String("simulation", "-budget=15s -histories=1000000", "flags of the histories: -histories N, -seed N, -first N, -budget D")

// The functions are programs, which no package can import. So the same files are
// compiled once more, each function as a package beside them: an overlay shows
// them to the compiler there, with another package clause and nothing else
// changed. testdata/exports has what their mains would do with their own names.
func TestHistories(t *testing.T) {
	binary := build(t)
	c := exec.Command(binary, append([]string{"-test.v", "-test.run=^(TestHistories|TestAttacks)$", "-test.timeout=0"}, strings.Fields(*simulationArgs)...)...)
	c.Env = append(os.Environ(), "GOMAXPROCS=1")
	out, err := c.CombinedOutput()
	t.Logf("%s", out)
	if err != nil {
		t.Fatal(err)
	}
}

// build compiles the histories with the functions that they run.
func build(t *testing.T) (binary string) {
	t.Helper()
	functions, err := filepath.Abs("..")
	if err != nil {
		t.Fatal(err)
	}
	folder := t.TempDir()
	replace := map[string]string{}
	show := func(name, from string) {
		source, err := os.ReadFile(from)
		if err != nil {
			t.Fatal(err)
		}
		text := strings.Replace(string(source), "\npackage main\n", "\npackage "+name+"\n", 1)
		if strings.HasPrefix(text, "package main\n") {
			text = "package " + name + strings.TrimPrefix(text, "package main")
		}
		copied := filepath.Join(folder, name+"-"+filepath.Base(filepath.Dir(from))+"-"+filepath.Base(from))
		if err := os.WriteFile(copied, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		base := filepath.Base(from)
		if filepath.Base(filepath.Dir(from)) == "exports" {
			base = "exports.go"
		}
		replace[filepath.Join(functions, "simulated", name, base)] = copied
	}
	mains, err := filepath.Glob(filepath.Join(functions, "*", "main.go"))
	if err != nil || len(mains) != 8 {
		t.Fatalf("%d functions, want 8: %v", len(mains), err)
	}
	for _, main := range mains {
		name := filepath.Base(filepath.Dir(main))
		files, err := filepath.Glob(filepath.Join(functions, name, "*.go"))
		if err != nil {
			t.Fatal(err)
		}
		for _, file := range files {
			if !strings.HasSuffix(file, "_test.go") {
				show(name, file)
			}
		}
		if exports := filepath.Join("testdata", "exports", name+".go"); exists(exports) {
			show(name, exports)
		}
	}
	overlay, err := json.Marshal(map[string]any{"Replace": replace})
	if err != nil {
		t.Fatal(err)
	}
	list := filepath.Join(folder, "overlay.json")
	if err := os.WriteFile(list, overlay, 0o600); err != nil {
		t.Fatal(err)
	}
	binary = filepath.Join(folder, "simulation.test")
	if keep := os.Getenv("SIMULATION_BINARY"); keep != "" {
		binary = keep
	}
	c := exec.Command("go", "test", "-c", "-vet=off", "-overlay", list, "-tags", "simulation", "-o", binary, ".")
	if out, err := c.CombinedOutput(); err != nil {
		t.Fatalf("compile the histories: %v\n%s", err, out)
	}
	return binary
}

func exists(file string) bool {
	_, err := os.Stat(file)
	return err == nil
}
