// Package mototest gives a package's tests a moto server of their own: AWS as
// far as a test needs it, on 127.0.0.1, started when the first test asks for it
// and ended with the last.
//
//	func TestMain(m *testing.M) { os.Exit(mototest.Run(m)) }
//
//	func TestX(t *testing.T) { client := dynamodb.NewFromConfig(mototest.Config(t)) … }
//
// moto_server comes from the virtual environment that `make test` sets up:
// .venv beside go.mod, or the directory that ELEVATOR_VENV names. Where there
// is none the test fails and says so.
package mototest

import (
	"bytes"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"sync"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
)

// Region is the region that Config is for.
const Region = "us-east-1"

const (
	startTries   = 3
	startTimeout = 60 * time.Second
)

var server struct {
	once sync.Once
	url  string
	err  error
	stop func()
}

// Run runs the package's tests and ends the server, if one was started. It
// returns the exit code.
func Run(m *testing.M) int {
	code := m.Run()
	if server.stop != nil {
		server.stop()
	}
	return code
}

// URL is the server's address. It starts the server at the first call.
func URL(t testing.TB) string {
	t.Helper()
	server.once.Do(func() { server.url, server.stop, server.err = start() })
	if server.err != nil {
		t.Fatalf("moto: %v", server.err)
	}
	return server.url
}

// Config is the configuration of an AWS client that speaks to the server, one
// call at a time: moto looks at the condition of a write in one step and writes
// in another, so that of two writers at once both may win, as they never do on
// AWS. How callers interleave their calls stays open.
func Config(t testing.TB) aws.Config {
	t.Helper()
	return aws.Config{
		Region:       Region,
		BaseEndpoint: aws.String(URL(t)),
		Credentials:  credentials.NewStaticCredentialsProvider("test", "test", ""),
		HTTPClient:   &oneAtATime{},
	}
}

// oneAtATime passes one call at a time; all clients of a test process share the
// lock, as they share the server.
type oneAtATime struct{}

var calls sync.Mutex

func (*oneAtATime) Do(r *http.Request) (*http.Response, error) {
	calls.Lock()
	defer calls.Unlock()
	return http.DefaultClient.Do(r)
}

func start() (url string, stop func(), err error) {
	bin, err := locate()
	if err != nil {
		return "", nil, err
	}
	for range startTries {
		if url, stop, err = startOn(bin); err == nil {
			return url, stop, nil
		}
	}
	return "", nil, err
}

// startOn starts the server on a port that is free now. Somebody else may take
// it before the server does: then the server ends, and that is an error.
func startOn(bin string) (url string, stop func(), err error) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return "", nil, fmt.Errorf("find a free port: %w", err)
	}
	address := listener.Addr().String()
	listener.Close()
	_, port, _ := net.SplitHostPort(address)

	var output bytes.Buffer
	cmd := exec.Command(bin, "-H", "127.0.0.1", "-p", port)
	cmd.Stdout, cmd.Stderr = &output, &output
	dieWithParent(cmd)
	ended := make(chan struct{})
	started := make(chan error, 1)
	go func() {
		// The kernel ties a child to the thread that started it.
		runtime.LockOSThread()
		err := cmd.Start()
		started <- err
		if err == nil {
			_ = cmd.Wait()
		}
		close(ended)
	}()
	if err := <-started; err != nil {
		return "", nil, fmt.Errorf("start %s: %w", bin, err)
	}
	stop = func() {
		_ = cmd.Process.Kill()
		<-ended
	}

	url = "http://" + address
	client := &http.Client{Timeout: time.Second}
	for end := time.Now().Add(startTimeout); time.Now().Before(end); {
		select {
		case <-ended:
			return "", nil, fmt.Errorf("%s ended: %s", bin, output.Bytes())
		case <-time.After(100 * time.Millisecond):
		}
		response, err := client.Get(url + "/moto-api/data.json")
		if err != nil {
			continue
		}
		response.Body.Close()
		if response.StatusCode == http.StatusOK {
			return url, stop, nil
		}
	}
	stop()
	return "", nil, fmt.Errorf("%s did not answer within %s: %s", bin, startTimeout, output.Bytes())
}

// locate finds moto_server.
func locate() (string, error) {
	if venv := os.Getenv("ELEVATOR_VENV"); venv != "" {
		bin := filepath.Join(venv, "bin", "moto_server")
		if _, err := os.Stat(bin); err != nil {
			return "", fmt.Errorf("ELEVATOR_VENV has no moto_server: %w", err)
		}
		return bin, nil
	}
	dir, err := os.Getwd()
	if err != nil {
		return "", err
	}
	for {
		bin := filepath.Join(dir, ".venv", "bin", "moto_server")
		if _, err := os.Stat(bin); err == nil {
			return bin, nil
		}
		parent := filepath.Dir(dir)
		if parent == dir {
			return "", errors.New("there is no .venv/bin/moto_server: run make test, which sets it up, or name a virtual environment in ELEVATOR_VENV")
		}
		dir = parent
	}
}
