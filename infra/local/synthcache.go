package local

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"time"
)

// The CDK app takes most of a start, and always writes the same assembly from the same
// inputs. So assemblies are kept in .build/local, by a digest of everything that goes
// into one: the whole source, the settings, and the Go toolchain with its settings. A
// change to an irrelevant file costs an unnecessary synthesis. That is better than
// running outdated code.
const (
	synthFolder = ".build/local"
	keptSynths  = 4 // and those that somebody uses

	// Files in an assembly's folder.
	lockFile   = ".in-use"         // locked by each program that uses the assembly
	outputFile = ".printed-output" // what the CDK app printed
)

// synthInputs are the parts of the module that an assembly comes from.
// TestSynthInputs checks that no package is missing.
var synthInputs = []string{"functions", "infra", "slack", "statemachine", "go.mod", "go.sum", "cdk.json", "package-lock.json"}

// synthKey returns the digest of an assembly's inputs.
func synthKey(root, settings, architecture string) (string, error) {
	digest := sha256.New()
	fmt.Fprintf(digest, "%s\n%s\n", settings, architecture)
	for _, arguments := range [][]string{{"version"}, {"env", "-changed"}} {
		command := exec.Command("go", arguments...)
		command.Dir = root
		out, err := command.Output()
		if err != nil {
			return "", fmt.Errorf("go %s: %w", strings.Join(arguments, " "), err)
		}
		digest.Write(out)
	}
	for _, variable := range os.Environ() {
		if strings.HasPrefix(variable, "CDK_") || strings.HasPrefix(variable, "CGO_") {
			fmt.Fprintln(digest, variable)
		}
	}
	if err := digestFile(digest, settings); err != nil {
		return "", err
	}
	for _, input := range synthInputs {
		err := filepath.WalkDir(filepath.Join(root, input), func(path string, entry fs.DirEntry, err error) error {
			if err != nil || !entry.Type().IsRegular() || strings.HasSuffix(path, "_test.go") {
				return err
			}
			return digestFile(digest, path)
		})
		if err != nil {
			return "", err
		}
	}
	return hex.EncodeToString(digest.Sum(nil))[:32], nil
}

// digestFile adds a file's name, size, mode and content to a digest.
func digestFile(digest io.Writer, path string) error {
	file, err := os.Open(path)
	if err != nil {
		return err
	}
	defer file.Close()
	info, err := file.Stat()
	if err != nil {
		return err
	}
	fmt.Fprintf(digest, "%s %d %s\n", path, info.Size(), info.Mode())
	_, err = io.Copy(digest, file)
	return err
}

// keptSynth returns the folder of a kept assembly, locked against deletion until this
// program ends, or "" if none is kept under the key.
func keptSynth(root, key string) string {
	folder := filepath.Join(root, synthFolder, key)
	if err := lockSynth(folder, syscall.LOCK_SH); err != nil {
		return ""
	}
	now := time.Now()
	_ = os.Chtimes(folder, now, now) // the oldest are deleted first
	return folder
}

// lockSynth locks an assembly. The lock lasts until the program ends.
func lockSynth(folder string, how int) error {
	file, err := os.Open(filepath.Join(folder, lockFile))
	if err != nil {
		return err
	}
	if err := syscall.Flock(int(file.Fd()), how|syscall.LOCK_NB); err != nil {
		file.Close()
		return err
	}
	locks = append(locks, file)
	return nil
}

// locks keeps the files open: closing one would release its lock.
var locks []*os.File

// keepSynth moves a new assembly to where keptSynth finds it, with what the CDK app
// printed, and deletes old ones. It returns the assembly's folder.
func keepSynth(root, key, fresh string, printed []byte) (string, error) {
	if err := os.WriteFile(filepath.Join(fresh, outputFile), printed, 0o644); err != nil {
		return "", err
	}
	if err := os.WriteFile(filepath.Join(fresh, lockFile), nil, 0o644); err != nil {
		return "", err
	}
	folder := filepath.Join(root, synthFolder, key)
	if err := os.Rename(fresh, folder); err != nil {
		if kept := keptSynth(root, key); kept != "" { // another program was faster
			return kept, os.RemoveAll(fresh)
		}
		return "", err
	}
	if err := lockSynth(folder, syscall.LOCK_SH); err != nil {
		return "", err
	}
	return folder, deleteOldSynths(root)
}

// deleteOldSynths deletes all assemblies but the latest, and those that are in use.
func deleteOldSynths(root string) error {
	folders, err := filepath.Glob(filepath.Join(root, synthFolder, "*", lockFile))
	if err != nil {
		return err
	}
	used := func(lock string) time.Time {
		info, err := os.Stat(filepath.Dir(lock))
		if err != nil {
			return time.Time{}
		}
		return info.ModTime()
	}
	slices.SortFunc(folders, func(a, b string) int { return used(b).Compare(used(a)) })
	for _, lock := range folders[min(keptSynths, len(folders)):] {
		if lockSynth(filepath.Dir(lock), syscall.LOCK_EX) != nil {
			continue
		}
		if err := os.RemoveAll(filepath.Dir(lock)); err != nil {
			return err
		}
	}
	return nil
}
