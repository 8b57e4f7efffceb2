package build

import (
	"fmt"
	"os"
	"path/filepath"
)

// Root returns the repository's folder: the one with go.mod, at or above the working
// folder.
func Root() (string, error) {
	start, err := os.Getwd()
	if err != nil {
		return "", err
	}
	for folder := start; ; folder = filepath.Dir(folder) {
		if _, err := os.Stat(filepath.Join(folder, "go.mod")); err == nil {
			return folder, nil
		}
		if folder == filepath.Dir(folder) {
			return "", fmt.Errorf("%s is not inside the repository: there is no go.mod above it; run this in a clone of the repository", start)
		}
	}
}
