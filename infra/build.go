package main

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"sso-elevator/infra/compile"
)

// build makes what is uploaded beside the template, in the folder .build: a
// static binary for each function, and the policy. The same source gives the
// same bytes on any machine with the same Go.
type build struct {
	root         string // of the Go module
	architecture string // "arm64" or "x86_64"
	goarch       string
}

// binary is a function as Lambda takes it: a folder with an executable called
// bootstrap.
type binary struct {
	folder string
	sha256 string // of bootstrap's mode and content, hex
}

// asset is a file to upload.
type asset struct {
	path   string
	sha256 string // hex
}

func newBuild(root, architecture string) (build, error) {
	switch architecture {
	case "arm64":
		return build{root, architecture, "arm64"}, nil
	case "x86_64":
		return build{root, architecture, "amd64"}, nil
	default:
		return build{}, fmt.Errorf("architecture is %q, want arm64 or x86_64", architecture)
	}
}

// functions compiles ./functions/cmd/<name> for each name and puts it at
// .build/<architecture>/<name>/bootstrap. Functions that don't compile are all
// named in the error, with what the compiler says. A binary that did not change
// is not touched, and one that did is replaced in one step: somebody may be
// running it.
func (b build) functions(names []string) (map[string]binary, error) {
	base := filepath.Join(b.root, ".build", b.architecture)
	if err := os.MkdirAll(base, 0o755); err != nil {
		return nil, fmt.Errorf("build functions: %w", err)
	}
	fresh, err := os.MkdirTemp(base, ".fresh-")
	if err != nil {
		return nil, fmt.Errorf("build functions: %w", err)
	}
	defer os.RemoveAll(fresh)

	binaries := map[string]binary{}
	var failures []error
	for _, name := range names {
		compiled := filepath.Join(fresh, name)
		if err := compile.Function(b.root, name, b.goarch, compiled); err != nil {
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
		binaries[name] = binary{folder: folder, sha256: executableDigest(info.Mode(), content)}
	}
	if err := errors.Join(failures...); err != nil {
		return nil, err
	}
	return binaries, nil
}

// replace puts the file at fresh, whose content is given, at path, unless the
// same is there, which only gets its mode.
func replace(path string, content []byte, fresh string) error {
	if there, err := os.ReadFile(path); err == nil && bytes.Equal(there, content) {
		return os.Chmod(path, compile.Mode)
	}
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return err
	}
	return os.Rename(fresh, path)
}

// policy writes the policy under its digest: two builds with different settings
// do not get in each other's way.
func (b build) policy(content []byte) (asset, error) {
	sum := digest(content)
	path := filepath.Join(b.root, ".build", "policy", sum+".json")
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return asset{}, fmt.Errorf("write policy: %w", err)
	}
	if err := os.WriteFile(path, content, 0o644); err != nil {
		return asset{}, fmt.Errorf("write policy: %w", err)
	}
	return asset{path: path, sha256: sum}, nil
}

// executableDigest has the mode in it: two uploads that differ in nothing else
// are not the same function.
func executableDigest(mode fs.FileMode, content []byte) string {
	return digest(append([]byte(mode.String()+"\n"), content...))
}

func digest(content []byte) string {
	sum := sha256.Sum256(content)
	return hex.EncodeToString(sum[:])
}
