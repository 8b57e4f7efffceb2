package local

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
)

// TestSynthInputs checks that every package that the CDK app and the functions come from
// is in synthInputs, and every file that these embed.
func TestSynthInputs(t *testing.T) {
	module, err := exec.Command("go", "list", "-m", "-f", "{{.Dir}}").Output()
	if err != nil {
		t.Fatal(err)
	}
	root := strings.TrimSpace(string(module))
	list := exec.Command("go", "list", "-deps", "-f", `{{if .Module}}{{if .Module.Main}}{{$dir := .Dir}}{{range .GoFiles}}{{$dir}}/{{.}}{{"\n"}}{{end}}{{range .EmbedFiles}}{{$dir}}/{{.}}{{"\n"}}{{end}}{{end}}{{end}}`, "./infra", "./functions/cmd/...")
	list.Dir = root
	out, err := list.Output()
	if err != nil {
		t.Fatal(err)
	}
	files := strings.Fields(string(out))
	if len(files) < 100 {
		t.Fatalf("only %d files", len(files))
	}
	for _, file := range files {
		top, _, _ := strings.Cut(strings.TrimPrefix(file, root+"/"), "/")
		if !slices.Contains(synthInputs, top) || strings.HasSuffix(file, "_test.go") {
			t.Errorf("%s is no input", file)
		}
	}
}

// exampleModule is a folder with all inputs.
func exampleModule(t *testing.T) string {
	t.Helper()
	root := t.TempDir()
	for _, input := range synthInputs {
		path := filepath.Join(root, input)
		if !strings.Contains(input, ".") {
			path = filepath.Join(path, "a", "file.go")
		}
		write(t, path, "1")
	}
	write(t, filepath.Join(root, "go.mod"), "module example\n")
	write(t, filepath.Join(root, "elevator.yaml"), "1")
	return root
}

func write(t *testing.T, path, content string) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(content), 0o644); err != nil {
		t.Fatal(err)
	}
}

// TestSynthKey checks that each input changes the key, and nothing else does.
func TestSynthKey(t *testing.T) {
	root := exampleModule(t)
	key := func() string {
		t.Helper()
		k, err := synthKey(root, filepath.Join(root, "elevator.yaml"), "x86_64")
		if err != nil {
			t.Fatal(err)
		}
		return k
	}
	before := key()
	for _, path := range []string{"README.md", "functions/a/file_test.go", "cdk.out/x"} {
		write(t, filepath.Join(root, path), "changed")
	}
	if key() != before {
		t.Error("a file that is no input changes the key")
	}
	inputs := []string{"elevator.yaml", "functions/a/new.go", "go.sum", "cdk.json"}
	for _, folder := range []string{"functions", "infra", "slack", "statemachine"} {
		inputs = append(inputs, folder+"/a/file.go")
	}
	for _, path := range inputs {
		write(t, filepath.Join(root, path), "2")
		if now := key(); now == before {
			t.Errorf("%s does not change the key", path)
		} else {
			before = now
		}
	}
	t.Setenv("GOFLAGS", "-tags=example")
	if key() == before {
		t.Error("GOFLAGS does not change the key")
	}
}

// TestKeptSynths checks that an assembly is found again with what was printed, and that
// old ones are deleted unless they are in use.
func TestKeptSynths(t *testing.T) {
	root := t.TempDir()
	if keptSynth(root, "a") != "" {
		t.Error("something is kept already")
	}
	keep := func(key string) string {
		t.Helper()
		fresh := filepath.Join(root, synthFolder, ".new-"+key)
		write(t, filepath.Join(fresh, "manifest.json"), key)
		folder, err := keepSynth(root, key, fresh, []byte("a warning"))
		if err != nil {
			t.Fatal(err)
		}
		return folder
	}
	first := keep("a")
	if again := keep("a"); again != first { // two programs at the same time
		t.Errorf("kept in %s and %s", first, again)
	}
	if got := keptSynth(root, "a"); got != first {
		t.Errorf("found in %s, want %s", got, first)
	}
	if printed, _ := os.ReadFile(filepath.Join(first, outputFile)); string(printed) != "a warning" {
		t.Errorf("the CDK app printed %q", printed)
	}
	var folders []string
	for i := range keptSynths + 2 {
		folder := keep(fmt.Sprint("b", i))
		old := time.Now().Add(time.Duration(i-100) * time.Hour)
		if err := os.Chtimes(folder, old, old); err != nil {
			t.Fatal(err)
		}
		folders = append(folders, folder)
	}
	for _, lock := range locks { // as if all programs except the first had ended
		if filepath.Dir(lock.Name()) != folders[0] {
			lock.Close()
		}
	}
	if err := deleteOldSynths(root); err != nil {
		t.Fatal(err)
	}
	for i, folder := range folders {
		_, err := os.Stat(folder)
		// The first assembly is in use. "a" is the latest, so three others may stay.
		if kept := i == 0 || i >= len(folders)-(keptSynths-1); kept != (err == nil) {
			t.Errorf("the assembly %d: %v", i, err)
		}
	}
}
