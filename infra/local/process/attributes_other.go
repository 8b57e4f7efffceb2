//go:build unix && !linux

package process

import "syscall"

// attributes returns how a program is started: in its own process group. Only
// Linux can kill it when this process dies.
func attributes() *syscall.SysProcAttr { return &syscall.SysProcAttr{Setpgid: true} }
