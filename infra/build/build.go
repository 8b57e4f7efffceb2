// Package build makes the files that a deployment uploads, in the folder .build:
// a binary for each function, and the policy. The bench compiles the functions
// with this package too, so it measures what is deployed.
package build

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
)

// Binary is a function as Lambda takes it: a folder with an executable called
// bootstrap.
type Binary struct {
	Folder string
	SHA256 string // of bootstrap's mode and content, hex
}

// Asset is a file to upload.
type Asset struct {
	Path   string
	SHA256 string // hex
}

// goarches maps Lambda's architectures to Go's.
var goarches = map[string]string{"arm64": "arm64", "x86_64": "amd64"}

// Functions compiles ./functions/cmd/<name> of the Go module at root for each name,
// into .build/<architecture>/<name>/bootstrap. The error names every function that
// does not compile, with the compiler's output. Functions leaves an unchanged binary
// alone, and replaces a changed one atomically, because it may be running.
func Functions(root, architecture string, names []string) (map[string]Binary, error) {
	goarch, ok := goarches[architecture]
	if !ok {
		return nil, fmt.Errorf("architecture is %q, want arm64 or x86_64", architecture)
	}
	base := filepath.Join(root, ".build", architecture)
	if err := os.MkdirAll(base, 0o755); err != nil {
		return nil, fmt.Errorf("build functions: %w", err)
	}
	fresh, err := os.MkdirTemp(base, ".fresh-")
	if err != nil {
		return nil, fmt.Errorf("build functions: %w", err)
	}
	defer os.RemoveAll(fresh)

	binaries := map[string]Binary{}
	var failures []error
	for _, name := range names {
		compiled := filepath.Join(fresh, name)
		if err := Function(root, name, goarch, compiled); err != nil {
			failures = append(failures, err)
			continue
		}
		content, err := os.ReadFile(compiled)
		if err != nil {
			return nil, fmt.Errorf("build function %s: %w", name, err)
		}
		folder := filepath.Join(base, name)
		if err := replace(filepath.Join(folder, "bootstrap"), content, compiled); err != nil {
			return nil, fmt.Errorf("build function %s: %w", name, err)
		}
		info, err := os.Stat(filepath.Join(folder, "bootstrap"))
		if err != nil {
			return nil, fmt.Errorf("build function %s: %w", name, err)
		}
		binaries[name] = Binary{Folder: folder, SHA256: executableDigest(info.Mode(), content)}
	}
	if err := errors.Join(failures...); err != nil {
		return nil, err
	}
	return binaries, nil
}

// replace moves the file at fresh, which has this content, to path. If the same
// content is there already, replace only sets its mode.
func replace(path string, content []byte, fresh string) error {
	if there, err := os.ReadFile(path); err == nil && bytes.Equal(there, content) {
		return os.Chmod(path, mode)
	}
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return err
	}
	return os.Rename(fresh, path)
}

// Policy writes the policy under .build/policy, named by its digest, so that
// builds with different settings don't overwrite each other's.
func Policy(root string, content []byte) (Asset, error) {
	sum := digest(content)
	path := filepath.Join(root, ".build", "policy", sum+".json")
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return Asset{}, fmt.Errorf("write policy: %w", err)
	}
	if err := os.WriteFile(path, content, 0o644); err != nil {
		return Asset{}, fmt.Errorf("write policy: %w", err)
	}
	return Asset{Path: path, SHA256: sum}, nil
}

// executableDigest includes the mode: two uploads that differ only in the mode
// are different functions.
func executableDigest(mode fs.FileMode, content []byte) string {
	return digest(append([]byte(mode.String()+"\n"), content...))
}

func digest(content []byte) string {
	sum := sha256.Sum256(content)
	return hex.EncodeToString(sum[:])
}
