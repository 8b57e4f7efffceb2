package build

import (
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"strings"
)

// Environment has the variables for Go's runtime in every function. They limit it to
// one processor. With its memory, a function gets less than one processor from Lambda,
// and it does one thing at a time. On two processors, a call would pass from thread
// to thread (docs/internals/performance.md).
var Environment = map[string]string{"GOMAXPROCS": "1"}

// mode is the mode of a binary. It is uploaded with the file, and Lambda's user,
// who did not build it, must be able to run it.
const mode fs.FileMode = 0o755

// Function compiles ./functions/cmd/<name> of the Go module at root into the file to:
// a static binary for Linux on goarch, with the mode 0755, no matter what the umask
// is. The same source gives the same bytes on any machine with the same Go. The error
// contains the compiler's output.
func Function(root, name, goarch, to string) error {
	cmd := exec.Command("go", "build",
		"-trimpath",       // no paths of this machine
		"-buildvcs=false", // no commit: the same source is the same function
		"-tags", "lambda.norpc",
		"-ldflags", "-s -w",
		"-o", to, "./functions/cmd/"+name)
	cmd.Dir = root
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0", "GOOS=linux", "GOARCH="+goarch,
		// This machine's own Go settings would change the bytes.
		"GOFLAGS=", "GOARM64=", "GOAMD64=", "GOEXPERIMENT=", "GOFIPS140=")
	if output, err := cmd.CombinedOutput(); err != nil {
		said := strings.TrimSpace(string(output))
		if said == "" {
			said = err.Error() // go itself did not run
		}
		return fmt.Errorf("build function %s for %s:\n%s", name, goarch, said)
	}
	return os.Chmod(to, mode)
}
