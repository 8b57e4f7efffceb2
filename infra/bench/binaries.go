package main

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"slices"

	"sso-elevator/infra/build"
)

// functionNames returns the names of the functions: the folders under functions/cmd.
func functionNames(root string) ([]string, error) {
	mains, err := filepath.Glob(filepath.Join(root, "functions", "cmd", "*", "main.go"))
	if err != nil || len(mains) == 0 {
		return nil, errors.Join(fmt.Errorf("there are no functions under %s", root), err)
	}
	var names []string
	for _, path := range mains {
		names = append(names, filepath.Base(filepath.Dir(path)))
	}
	slices.Sort(names)
	return names, nil
}

// binaries are the functions, compiled as they are deployed.
type binaries struct {
	names []string
	dir   string // of the binaries for this machine
	arm64 map[string]int64
}

func (b *binaries) path(name string) string { return filepath.Join(b.dir, name) }

// compileFunctions compiles every function for this machine, and for arm64, the
// settings' default.
func compileFunctions(root, dir string) (*binaries, error) {
	names, err := functionNames(root)
	if err != nil {
		return nil, err
	}
	b := &binaries{names: names, dir: dir, arm64: map[string]int64{}}
	for _, name := range names {
		arm := filepath.Join(dir, name+".arm64")
		if err := build.Function(root, name, "arm64", arm); err != nil {
			return nil, err
		}
		info, err := os.Stat(arm)
		if err != nil {
			return nil, err
		}
		b.arm64[name] = info.Size()
		if err := build.Function(root, name, runtime.GOARCH, b.path(name)); err != nil {
			return nil, err
		}
	}
	return b, nil
}
