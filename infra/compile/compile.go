// Package compile makes the functions' binaries, and says how Go runs them, for whoever deploys them and
// for whoever measures them: what is measured is what is deployed.
package compile

import (
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"strings"
)

// Environment is what Go's runtime is told in every function, beside the
// function's own settings: to run on one processor. With the memory that they have,
// Lambda gives the functions less than one, and they do one thing at a time;
// on two, a call passes from thread to thread (docs/performance.md).
var Environment = map[string]string{"GOMAXPROCS": "1"}

// Mode is what everybody needs to run a function: Lambda's user is not the one
// who built it, and the mode of the file goes with it.
const Mode fs.FileMode = 0o755

// Function compiles ./functions/cmd/<name> of the Go module at root into the file
// to: a static binary for Linux on goarch, of that Mode whatever the umask. The same source gives the same bytes
// on any machine with the same Go. What the compiler says is in the error.
func Function(root, name, goarch, to string) error {
	cmd := exec.Command("go", "build",
		"-trimpath",       // no paths of this machine
		"-buildvcs=false", // no commit: the same source is the same function
		"-tags", "lambda.norpc",
		"-ldflags", "-s -w",
		"-o", to, "./functions/cmd/"+name)
	cmd.Dir = root
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0", "GOOS=linux", "GOARCH="+goarch,
		// Settings of this machine that would change the bytes.
		"GOFLAGS=", "GOARM64=", "GOAMD64=", "GOEXPERIMENT=", "GOFIPS140=")
	if output, err := cmd.CombinedOutput(); err != nil {
		said := strings.TrimSpace(string(output))
		if said == "" {
			said = err.Error() // go itself did not run
		}
		return fmt.Errorf("build function %s for %s:\n%s", name, goarch, said)
	}
	return os.Chmod(to, Mode)
}
