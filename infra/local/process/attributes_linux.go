package process

import "syscall"

// attributes returns how a program is started: in its own process group, and
// killed by the kernel when this process dies.
func attributes() *syscall.SysProcAttr {
	return &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL}
}
