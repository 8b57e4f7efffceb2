package mototest

import (
	"os/exec"
	"syscall"
)

// dieWithParent has the kernel kill cmd's process when this one is gone, be it
// by a test's timeout.
func dieWithParent(cmd *exec.Cmd) { cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL} }
