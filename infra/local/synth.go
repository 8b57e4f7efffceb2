package local

import (
	"bytes"
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

// synthesis is the CDK app at work.
type synthesis struct {
	config, architecture string
	key                  string // of its inputs
	folder               string // of an assembly that is kept from an earlier start, or ""
	printed              bytes.Buffer
}

// startSynth starts the CDK app with the settings, for this machine's processor, unless
// an earlier start has kept what it would write.
func (s *local) startSynth() (*synthesis, error) {
	var err error
	y := &synthesis{}
	if y.architecture, err = hostArchitecture(); err != nil {
		return nil, err
	}
	if y.config, err = filepath.Abs(s.config); err != nil {
		return nil, err
	}
	if y.key, err = synthKey(s.root, y.config, y.architecture); err != nil {
		return nil, err
	}
	if y.folder = keptSynth(s.root, y.key); y.folder != "" {
		s.say("nothing has changed since an earlier start: its template is used again")
		return y, nil
	}
	if err := os.MkdirAll(filepath.Join(s.root, synthFolder), 0o755); err != nil {
		return nil, err
	}
	if s.scratch, err = os.MkdirTemp(filepath.Join(s.root, synthFolder), ".new-"); err != nil {
		return nil, err
	}
	s.say("synthesizing the CDK app")
	cmd := exec.Command("go", "run", "./infra", "-config", y.config, "-out", s.scratch, "-architecture", y.architecture)
	cmd.Dir = s.root
	cmd.Env = os.Environ()
	output := &syncWriter{out: io.MultiWriter(s.log, &y.printed)}
	cmd.Stdout, cmd.Stderr = output, output
	if s.synth, err = process.Start(cmd); err != nil {
		return nil, fmt.Errorf("start the CDK app: %w", err)
	}
	return y, nil
}

// awaitSynth waits for the CDK app and reads the assembly that it wrote.
func (s *local) awaitSynth(ctx context.Context, y *synthesis) (*stack.Assembly, error) {
	if y.folder != "" {
		printed, err := os.ReadFile(filepath.Join(y.folder, outputFile))
		if err != nil {
			return nil, err
		}
		s.log.Write(printed) // its warnings still apply
		return stack.Load(y.folder)
	}
	s.progress.Show("synthesizing the CDK app; compiling takes a few minutes the first time")
	defer s.progress.Hide()
	select {
	case <-ctx.Done():
		return nil, ctx.Err()
	case <-s.synth.Done():
	}
	if err := s.synth.Err(); err != nil {
		if s.logFile != nil {
			s.stderr.Write(y.printed.Bytes())
		}
		return nil, errors.New("the CDK app could not be synthesized; fix the error above")
	}
	// An input may have changed meanwhile. Then nobody knows what the assembly is made of.
	if key, err := synthKey(s.root, y.config, y.architecture); err != nil || key != y.key {
		return stack.Load(s.scratch)
	}
	folder, err := keepSynth(s.root, y.key, s.scratch, y.printed.Bytes())
	if err != nil {
		return nil, fmt.Errorf("keep what the CDK app wrote: %w", err)
	}
	return stack.Load(folder)
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
