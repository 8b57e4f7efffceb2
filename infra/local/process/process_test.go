package process_test

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"sso-elevator/infra/local/process"
)

// running reports whether a process lives; a zombie does not.
func running(pid int) bool {
	stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	return err == nil && !bytes.Contains(stat, []byte(") Z "))
}

func eventually(t *testing.T, what string, holds func() bool) {
	t.Helper()
	for deadline := time.Now().Add(time.Minute); !holds(); time.Sleep(10 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("did not come true: %s", what)
		}
	}
}

// startFamily starts a shell with a child process, and returns the child's id too.
// If stubborn, the shell ignores SIGTERM.
func startFamily(t *testing.T, stubborn bool) (*process.Process, int) {
	t.Helper()
	file := filepath.Join(t.TempDir(), "child")
	script := `sleep 1000 & echo $! > "$0"; wait; sleep 1000`
	if stubborn {
		script = "trap '' TERM; " + script
	}
	p, err := process.Start(exec.Command("sh", "-c", script, file))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(p.Kill)
	var child int
	eventually(t, "the child runs", func() bool {
		raw, _ := os.ReadFile(file)
		child, err = strconv.Atoi(strings.TrimSpace(string(raw)))
		return err == nil
	})
	return p, child
}

func TestStop(t *testing.T) {
	tests := []struct {
		name     string
		stubborn bool
		atLeast  time.Duration
	}{
		{name: "ends when asked"},
		{name: "is killed when it does not", stubborn: true, atLeast: 300 * time.Millisecond},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			p, child := startFamily(t, tt.stubborn)
			before := time.Now()
			p.Stop(300 * time.Millisecond)
			if took := time.Since(before); took < tt.atLeast || took > time.Minute {
				t.Errorf("took %v, want at least %v", took, tt.atLeast)
			}
			if running(p.PID()) {
				t.Error("the program still runs")
			}
			eventually(t, "its child is gone", func() bool { return !running(child) })
		})
	}
}

func TestErr(t *testing.T) {
	p, err := process.Start(exec.Command("sh", "-c", "exit 3"))
	if err != nil {
		t.Fatal(err)
	}
	var exit *exec.ExitError
	if err := p.Err(); !errors.As(err, &exit) || exit.ExitCode() != 3 {
		t.Errorf("ended with %v, want exit code 3", err)
	}
	p.Stop(time.Second) // of a process that is gone already
}

// TestDiesWithStarter checks that a child doesn't outlive its parent, even a killed
// one. The parent is a copy of this test that starts a child and waits to be
// killed.
func TestDiesWithStarter(t *testing.T) {
	if file := os.Getenv("PROCESS_TEST_CHILD"); file != "" {
		p, err := process.Start(exec.Command("sleep", "1000"))
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(file, []byte(strconv.Itoa(p.PID())), 0o600); err != nil {
			t.Fatal(err)
		}
		<-p.Done()
		return
	}
	file := filepath.Join(t.TempDir(), "child")
	starter := exec.Command(os.Args[0], "-test.run", "^TestDiesWithStarter$")
	starter.Env = append(os.Environ(), "PROCESS_TEST_CHILD="+file)
	if err := starter.Start(); err != nil {
		t.Fatal(err)
	}
	var child int
	eventually(t, "the child runs", func() bool {
		raw, err := os.ReadFile(file)
		if err != nil {
			return false
		}
		child, err = strconv.Atoi(string(raw))
		return err == nil
	})
	if err := syscall.Kill(starter.Process.Pid, syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	starter.Wait()
	eventually(t, "the child is gone", func() bool { return !running(child) })
}
