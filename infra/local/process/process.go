// Package process starts the programs of the local stack, and ensures that none of
// them outlives it.
package process

import (
	"errors"
	"os/exec"
	"runtime"
	"sync"
	"syscall"
	"time"
)

// Process is a running program in its own process group. The kernel kills the
// program when this process dies for any reason. Stop reaches the program's own
// children through the group.
type Process struct {
	cmd  *exec.Cmd
	done chan struct{}
	err  error // of Wait; readable once done is closed
}

// Start runs cmd. It sets cmd's SysProcAttr and WaitDelay. The caller sets the
// rest.
func Start(cmd *exec.Cmd) (*Process, error) {
	cmd.SysProcAttr = attributes()
	// A child that closes its output late would keep Wait from returning after the
	// program itself is gone.
	cmd.WaitDelay = time.Second
	if err := startOnLastingThread(cmd); err != nil {
		return nil, err
	}
	p := &Process{cmd: cmd, done: make(chan struct{})}
	go func() {
		p.err = cmd.Wait()
		close(p.done)
	}()
	return p, nil
}

// PID returns the program's process id, which is also its group's id.
func (p *Process) PID() int { return p.cmd.Process.Pid }

// Done returns a channel that is closed when the program has ended.
func (p *Process) Done() <-chan struct{} { return p.done }

// Err returns how the program ended: nil, or usually an *exec.ExitError. It waits
// for the end.
func (p *Process) Err() error {
	<-p.done
	return p.err
}

// Stop asks the whole group to end (SIGTERM), and kills it after grace. It returns
// when the program is gone.
func (p *Process) Stop(grace time.Duration) {
	p.signal(syscall.SIGTERM)
	timer := time.NewTimer(grace)
	defer timer.Stop()
	select {
	case <-p.done:
	case <-timer.C:
	}
	p.Kill()
}

// Kill ends the whole group at once, and returns when the program is gone.
func (p *Process) Kill() {
	p.signal(syscall.SIGKILL)
	<-p.done
}

func (p *Process) signal(s syscall.Signal) {
	// ESRCH means that the group is already gone, as wanted.
	if err := syscall.Kill(-p.PID(), s); err != nil && !errors.Is(err, syscall.ESRCH) {
		_ = p.cmd.Process.Signal(s)
	}
}

// The kernel sends Pdeathsig when the *thread* that started the child ends, and Go
// may end threads at any time. So one goroutine, which never gives up its thread,
// starts all children.
var (
	spawnerOnce sync.Once
	spawnerWork chan func()
)

func startOnLastingThread(cmd *exec.Cmd) error {
	spawnerOnce.Do(func() {
		spawnerWork = make(chan func())
		go func() {
			runtime.LockOSThread()
			for work := range spawnerWork {
				work()
			}
		}()
	})
	result := make(chan error)
	spawnerWork <- func() { result <- cmd.Start() }
	return <-result
}
