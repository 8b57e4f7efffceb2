package build

import (
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

// module creates a Go module with these functions in its own folder.
func module(t *testing.T, functions map[string]string) string {
	t.Helper()
	root := t.TempDir()
	write := func(path, content string) {
		t.Helper()
		path = filepath.Join(root, path)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(content), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	write("go.mod", "module example\n\ngo 1.26\n")
	for name, source := range functions {
		write(filepath.Join("functions", "cmd", name, "main.go"), source)
	}
	return root
}

const program = "package main\n\nfunc main() { println(\"hello\") }\n"

func TestBuildIsReproducible(t *testing.T) {
	hashes := map[string]string{}
	for _, architecture := range []string{"arm64", "x86_64"} {
		for range 2 { // in two different folders
			root := module(t, map[string]string{"ingress": program})
			binaries, err := Functions(root, architecture, []string{"ingress"})
			if err != nil {
				t.Fatal(err)
			}
			got := binaries["ingress"]
			if want := filepath.Join(root, ".build", architecture, "ingress"); got.Folder != want {
				t.Errorf("the binary is in %s, want %s", got.Folder, want)
			}
			content, err := os.ReadFile(filepath.Join(got.Folder, "bootstrap"))
			if err != nil {
				t.Fatal(err)
			}
			if got.SHA256 != executableDigest(0o755, content) {
				t.Errorf("the hash is %s, want that of bootstrap with the mode 0755", got.SHA256)
			}
			if before := hashes[architecture]; before != "" && before != got.SHA256 {
				t.Errorf("for %s the same source gives %s and %s", architecture, before, got.SHA256)
			}
			hashes[architecture] = got.SHA256
			if left, _ := filepath.Glob(filepath.Join(root, ".build", architecture, ".fresh-*")); len(left) > 0 {
				t.Errorf("left behind: %q", left)
			}
		}
	}
	if hashes["arm64"] == hashes["x86_64"] {
		t.Error("both architectures give the same binary")
	}
}

func TestBuildLeavesWhatDidNotChange(t *testing.T) {
	root := module(t, map[string]string{"ingress": program})
	build := func() time.Time {
		t.Helper()
		binaries, err := Functions(root, "x86_64", []string{"ingress"})
		if err != nil {
			t.Fatal(err)
		}
		info, err := os.Stat(filepath.Join(binaries["ingress"].Folder, "bootstrap"))
		if err != nil {
			t.Fatal(err)
		}
		if info.Mode()&0o111 == 0 {
			t.Errorf("bootstrap is not executable: %v", info.Mode())
		}
		return info.ModTime()
	}
	first := build()
	if second := build(); !second.Equal(first) {
		t.Error("a binary that did not change was written again")
	}
	changed := strings.Replace(program, "hello", "goodbye", 1)
	if err := os.WriteFile(filepath.Join(root, "functions", "cmd", "ingress", "main.go"), []byte(changed), 0o644); err != nil {
		t.Fatal(err)
	}
	if third := build(); third.Equal(first) {
		t.Error("a binary that changed was not written")
	}
}

// TestBuildForEverybody checks that Lambda's user can run the functions whatever the
// builder's umask is, even those built earlier with a restrictive one.
func TestBuildForEverybody(t *testing.T) {
	root := module(t, map[string]string{"ingress": program})
	defer syscall.Umask(syscall.Umask(0o077))
	hash := ""
	bootstrap := filepath.Join(root, ".build", "x86_64", "ingress", "bootstrap")
	for _, round := range []string{"new", "unchanged"} {
		binaries, err := Functions(root, "x86_64", []string{"ingress"})
		if err != nil {
			t.Fatal(err)
		}
		info, err := os.Stat(bootstrap)
		if err != nil {
			t.Fatal(err)
		}
		if got := info.Mode(); got != 0o755 {
			t.Errorf("%s: bootstrap has the mode %v, want 0755", round, got)
		}
		if got := binaries["ingress"].SHA256; hash != "" && got != hash {
			t.Errorf("%s: the hash was %s and is %s", round, hash, got)
		}
		hash = binaries["ingress"].SHA256
		if err := os.Chmod(bootstrap, 0o700); err != nil {
			t.Fatal(err)
		}
	}
	content, err := os.ReadFile(bootstrap)
	if err != nil {
		t.Fatal(err)
	}
	if hash != executableDigest(0o755, content) {
		t.Errorf("the hash is %s, which is not that of the mode 0755", hash)
	}
	if hash == executableDigest(0o700, content) {
		t.Error("the mode is not in the hash")
	}
}

func TestBuildSaysWhatDoesNotCompile(t *testing.T) {
	root := module(t, map[string]string{
		"ingress": program,
		"grant":   "package main\n\nfunc main() { undefinedHere() }\n",
	})
	_, err := Functions(root, "arm64", []string{"grant", "ingress", "revoke"})
	if err == nil {
		t.Fatal("got no error")
	}
	for _, part := range []string{
		"build function grant for arm64:", "undefined: undefinedHere", "functions/cmd/grant/main.go:3",
		"build function revoke for arm64:", // nothing exists yet
	} {
		if !strings.Contains(err.Error(), part) {
			t.Errorf("got error %q, want it to say %q", err, part)
		}
	}
	if strings.Contains(err.Error(), "ingress") {
		t.Errorf("got error %q, which blames ingress", err)
	}
}

func TestBuildKnowsItsArchitectures(t *testing.T) {
	_, err := Functions(t.TempDir(), "mips", nil)
	if want := `architecture is "mips", want arm64 or x86_64`; err == nil || err.Error() != want {
		t.Errorf("got error %v, want %s", err, want)
	}
}

func TestPolicyIsNamedByItsContent(t *testing.T) {
	root := t.TempDir()
	got, err := Policy(root, []byte("{}"))
	if err != nil {
		t.Fatal(err)
	}
	const hash = "44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a"
	if want := (Asset{filepath.Join(root, ".build", "policy", hash+".json"), hash}); got != want {
		t.Errorf("got %+v, want %+v", got, want)
	}
}
