package local

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"sync"

	"sso-elevator/infra/command"
	"sso-elevator/infra/local/process"
	"sso-elevator/infra/local/stack"
)

// startSynth starts the CDK app with the settings, for this machine's processor.
func (s *local) startSynth() error {
	architecture, err := hostArchitecture()
	if err != nil {
		return err
	}
	config, err := filepath.Abs(s.config)
	if err != nil {
		return err
	}
	s.say("synthesizing the CDK app")
	cmd := exec.Command("go", "run", "./infra", "-config", config, "-out", s.scratch, "-architecture", architecture)
	cmd.Dir = s.root
	cmd.Env = os.Environ()
	cmd.Stdout, cmd.Stderr = s.stderr, s.stderr
	if s.synth, err = process.Start(cmd); err != nil {
		return fmt.Errorf("start the CDK app: %w", err)
	}
	return nil
}

// awaitSynth waits for the CDK app and reads the assembly that it wrote. startErr is
// the result of startSynth.
func (s *local) awaitSynth(ctx context.Context, startErr error) (*stack.Assembly, error) {
	if startErr != nil {
		return nil, startErr
	}
	s.progress.Show("synthesizing the CDK app; compiling takes some minutes the first time")
	defer s.progress.Hide()
	select {
	case <-ctx.Done():
		return nil, ctx.Err()
	case <-s.synth.Done():
	}
	if err := s.synth.Err(); err != nil {
		return nil, errors.New("the CDK app could not be synthesized; fix the error above")
	}
	return stack.Load(s.scratch)
}

// hostArchitecture returns this machine's processor, as Lambda names it.
func hostArchitecture() (string, error) {
	switch runtime.GOARCH {
	case "amd64":
		return "x86_64", nil
	case "arm64":
		return "arm64", nil
	}
	return "", command.Problemf("Lambda doesn't support this machine's processor (%s); use a machine with amd64 or arm64", runtime.GOARCH)
}

// syncWriter lets several processes write to out without mixing their writes.
type syncWriter struct {
	mu  sync.Mutex
	out io.Writer
}

func (w *syncWriter) Write(p []byte) (int, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.out.Write(p)
}
