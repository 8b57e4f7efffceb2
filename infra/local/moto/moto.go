// Package moto runs moto's server, which plays AWS for the local stack.
package moto

import (
	"bytes"
	"context"
	_ "embed"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"time"

	"sso-elevator/infra/local/process"
)

// seed makes every fresh server give out the same ids, so that the example policy
// can name accounts and groups.
const seed = "7"

// startTimeout is how long a server may take until it answers. Python imports about
// forty service models, which takes a second or two on an idle machine.
const startTimeout = 60 * time.Second

// venvVariable is the environment variable with the Python virtual environment that
// holds moto. The default is .venv beside go.mod.
const venvVariable = "ELEVATOR_PYTHON_VENV"

// Config has the options of a server.
type Config struct {
	// Root is the directory of go.mod, which may hold .venv.
	Root string
	// GatewayPort is where moto calls Lambda and Step Functions for a state
	// machine. If it is 0, moto runs no state machines.
	GatewayPort int
	// Log gets the server's output.
	Log io.Writer
}

// Server is a running moto.
type Server struct {
	URL     string
	process *process.Process
}

// program is the Python program that runs moto_server.
//
//go:embed server.py
var program string

// Executable finds moto_server. The error says how to get it.
func Executable(root string) (string, error) {
	venv := os.Getenv(venvVariable)
	if venv == "" {
		venv = filepath.Join(root, ".venv")
	}
	path := filepath.Join(venv, "bin", "moto_server")
	if _, err := os.Stat(path); err != nil {
		return "", fmt.Errorf("moto is not installed: %s does not exist; run make tools, which installs it, or set %s to a virtual environment with the packages of requirements.txt", path, venvVariable)
	}
	return path, nil
}

// Start runs a fresh server on a free port of 127.0.0.1. Its ids are reproducible.
// Start returns when the server answers. If it fails, it leaves nothing running.
func Start(ctx context.Context, c Config) (*Server, error) {
	executable, err := Executable(c.Root)
	if err != nil {
		return nil, err
	}
	// The server gets the socket, not the number of a port: another program might
	// take a free port before the server does.
	socket, port, err := listen()
	if err != nil {
		return nil, fmt.Errorf("find a port for moto: %w", err)
	}
	output := &tail{next: c.Log}
	cmd := exec.Command(filepath.Join(filepath.Dir(executable), "python"), "-c", program, "-H", "127.0.0.1", "-p", strconv.Itoa(port))
	cmd.Env = environment(c.GatewayPort)
	cmd.Stdout, cmd.Stderr = output, output
	cmd.ExtraFiles = []*os.File{socket} // file descriptor 3, see server.py
	p, err := process.Start(cmd)
	socket.Close()
	if err != nil {
		return nil, fmt.Errorf("start moto: %w", err)
	}
	s := &Server{URL: fmt.Sprintf("http://127.0.0.1:%d", port), process: p}
	if err := s.waitUntilUp(ctx); err != nil {
		s.Stop()
		return nil, fmt.Errorf("start moto: %w%s", err, output.String())
	}
	if err := s.configure(ctx, c.GatewayPort != 0); err != nil {
		s.Stop()
		return nil, err
	}
	return s, nil
}

// environment returns the server's environment: without this user's AWS settings,
// and without proxies between moto and the gateway. The time zone must be UTC,
// because moto compares the Timestamp of a Wait, in UTC, with local time.
func environment(gatewayPort int) []string {
	env := []string{"PYTHONUNBUFFERED=1", "TZ=UTC", "NO_PROXY=*"}
	if gatewayPort != 0 {
		env = append(env, "MOTO_PORT="+strconv.Itoa(gatewayPort))
	}
	for _, name := range []string{"PATH", "HOME", "LANG", "TMPDIR"} {
		if value, ok := os.LookupEnv(name); ok {
			env = append(env, name+"="+value)
		}
	}
	return env
}

func (s *Server) configure(ctx context.Context, stateMachines bool) error {
	if err := post(ctx, s.URL+"/moto-api/seed?a="+seed, nil); err != nil {
		return fmt.Errorf("make moto's ids reproducible: %w", err)
	}
	if !stateMachines {
		return nil
	}
	return EnableInterpreter(ctx, s.URL)
}

// EnableInterpreter makes the moto at url run state machines.
func EnableInterpreter(ctx context.Context, url string) error {
	err := post(ctx, strings.TrimRight(url, "/")+"/moto-api/config", []byte(`{"stepfunctions":{"execute_state_machine":true}}`))
	if err != nil {
		return fmt.Errorf("turn on moto's interpreter at %s: %w", url, err)
	}
	return nil
}

// Stop ends the server. It kills the server after 2 s, and returns when it is gone.
func (s *Server) Stop() { s.process.Stop(2 * time.Second) }

// Done returns a channel that is closed when the server has ended.
func (s *Server) Done() <-chan struct{} { return s.process.Done() }

func (s *Server) waitUntilUp(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, startTimeout)
	defer cancel()
	for {
		req, err := http.NewRequestWithContext(ctx, http.MethodGet, s.URL+"/moto-api/config", nil)
		if err != nil {
			return err
		}
		if resp, err := client.Do(req); err == nil {
			resp.Body.Close()
			return nil
		}
		select {
		case <-s.Done():
			return fmt.Errorf("it exited at once: %v", s.process.Err())
		case <-ctx.Done():
			return errors.New("it did not answer in time")
		case <-time.After(50 * time.Millisecond):
		}
	}
}

var client = &http.Client{Transport: direct, Timeout: startTimeout / 2}

func post(ctx context.Context, url string, body []byte) error {
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, url, bytes.NewReader(body))
	if err != nil {
		return err
	}
	resp, err := client.Do(req)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	if resp.StatusCode/100 != 2 {
		return fmt.Errorf("%s answered %s", url, resp.Status)
	}
	return nil
}

// listen opens a socket on a free port of 127.0.0.1.
func listen() (socket *os.File, port int, err error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, 0, err
	}
	defer l.Close() // the file is its own socket and stays open
	socket, err = l.(*net.TCPListener).File()
	return socket, l.Addr().(*net.TCPAddr).Port, err
}

// tail passes output on and keeps its end for an error message.
type tail struct {
	next io.Writer
	mu   sync.Mutex
	kept []byte
}

func (t *tail) Write(p []byte) (int, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	const most = 2000
	t.kept = append(t.kept, p...)
	if len(t.kept) > most {
		t.kept = t.kept[len(t.kept)-most:]
	}
	if t.next != nil {
		return t.next.Write(p)
	}
	return len(p), nil
}

func (t *tail) String() string {
	t.mu.Lock()
	defer t.mu.Unlock()
	if len(t.kept) == 0 {
		return ""
	}
	return "\n" + strings.TrimSpace(string(t.kept))
}
