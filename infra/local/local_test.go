package local

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log"
	"maps"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/ssm"

	"sso-elevator/infra/build"
	"sso-elevator/infra/local/moto"
)

const demoSettings = "infra/local/demo/elevator.yaml"

// program is the path of the compiled elevator.
var program string

// shutdownLimit is how long an orderly shutdown may take on a slow machine.
const shutdownLimit = 30 * time.Second

func TestMain(m *testing.M) {
	dir, err := os.MkdirTemp("", "local")
	if err != nil {
		log.Fatal(err)
	}
	program = filepath.Join(dir, "elevator")
	// A slow machine may need more than the usual 4 s for an orderly shutdown. If it never
	// ended, the tests would see that before the program exits.
	forceDelay := "-X sso-elevator/infra/local.forceDelay=" + (2 * shutdownLimit).String()
	if out, err := exec.Command("go", "build", "-ldflags", forceDelay, "-o", program, "sso-elevator/infra/elevator").CombinedOutput(); err != nil {
		log.Fatalf("build: %v\n%s", err, out)
	}
	code := m.Run()
	os.RemoveAll(dir)
	os.Exit(code)
}

func root(t *testing.T) string {
	t.Helper()
	dir, err := build.Root()
	if err != nil {
		t.Fatal(err)
	}
	return dir
}

// anyPort lets the program choose a port and keep it.
const anyPort = "127.0.0.1:0"

// buffer can be read while it is written.
type buffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (b *buffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.b.Write(p)
}

func (b *buffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.b.String()
}

// descendants returns all processes that pid started, directly or not, from any
// thread.
func descendants(pid int) []int {
	tasks, _ := filepath.Glob(fmt.Sprintf("/proc/%d/task/*", pid))
	var found []int
	for _, task := range tasks {
		raw, _ := os.ReadFile(filepath.Join(task, "children"))
		for _, field := range strings.Fields(string(raw)) {
			if child, err := strconv.Atoi(field); err == nil {
				found = append(append(found, child), descendants(child)...)
			}
		}
	}
	return found
}

// wantGone waits until no process of the list lives.
func wantGone(t *testing.T, pids []int, within time.Duration) {
	t.Helper()
	deadline := time.Now().Add(within)
	for {
		var left []string
		for _, pid := range pids {
			// A zombie counts as gone: its parent just hasn't collected it.
			stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
			if err == nil && !bytes.Contains(stat, []byte(") Z ")) {
				cmdline, _ := os.ReadFile(fmt.Sprintf("/proc/%d/cmdline", pid))
				left = append(left, fmt.Sprintf("%d %s", pid, bytes.ReplaceAll(cmdline, []byte{0}, []byte{' '})))
			}
		}
		if len(left) == 0 {
			return
		}
		if time.Now().After(deadline) {
			t.Fatalf("still there after %v: %s", within, strings.Join(left, "; "))
		}
		time.Sleep(50 * time.Millisecond)
	}
}

// TestClearErrors checks that each failure to start ends with one clear error and
// exit code 1, or 2 for the command line and the files that it names, and leaves no
// process behind.
func TestClearErrors(t *testing.T) {
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer taken.Close()
	broken := filepath.Join(t.TempDir(), "organization.yaml")
	if err := os.WriteFile(broken, []byte("accounts: [{}]"), 0o644); err != nil {
		t.Fatal(err)
	}
	noMoto := t.TempDir()
	deadMoto := t.TempDir()
	if err := os.Mkdir(filepath.Join(deadMoto, "bin"), 0o755); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"moto_server", "python"} {
		if err := os.WriteFile(filepath.Join(deadMoto, "bin", name), []byte("#!/bin/sh\necho no flask here >&2\nexit 1\n"), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	tests := []struct {
		name     string
		args     []string
		venv     string
		wantCode int
		want     []string
	}{
		{name: "page's port is taken", args: []string{"-listen", taken.Addr().String()}, wantCode: 1, want: []string{"-listen", "address already in use"}},
		{name: "gateway's port is taken", args: []string{"-gateway", taken.Addr().String()}, wantCode: 1, want: []string{"-gateway", "address already in use"}},
		{name: "no settings", args: []string{"-config", "absent.yaml"}, wantCode: 2, want: []string{"absent.yaml"}},
		{name: "no organization", args: []string{"-seed", "absent.yaml"}, wantCode: 2, want: []string{"absent.yaml"}},
		{name: "wrong organization", args: []string{"-seed", broken}, wantCode: 2, want: []string{broken, "accounts[0]: name is missing"}},
		{name: "moto is not installed", venv: noMoto, wantCode: 1, want: []string{"moto is not installed", noMoto}},
		{name: "moto does not start", venv: deadMoto, wantCode: 1, want: []string{"start moto", "no flask here"}},
		{name: "moto does not answer", args: []string{"-aws", "http://127.0.0.1:1"}, wantCode: 1, want: []string{"connection refused"}},
		{name: "unknown flag", args: []string{"-colour", "red"}, wantCode: 2, want: []string{"-colour"}},
		{name: "all mistakes at once", args: []string{"-listen", "8080", "-aws", "moto", "-slack-api", "https://slack.com/api/"}, wantCode: 2,
			want: []string{"--listen must be HOST:PORT", "--aws must be a URL", "--slack-api needs --slack-bot-token"}},
		{name: "an argument", args: []string{"more"}, wantCode: 2, want: []string{"unexpected argument more"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			ctx, cancel := context.WithTimeout(context.Background(), 3*time.Minute)
			defer cancel()
			args := append([]string{"local", "-config", demoSettings, "-listen", anyPort, "-gateway", anyPort}, tt.args...)
			cmd := exec.CommandContext(ctx, program, args...)
			cmd.Dir = root(t)
			cmd.Env = os.Environ()
			if tt.venv != "" {
				cmd.Env = append(cmd.Env, "ELEVATOR_PYTHON_VENV="+tt.venv)
			}
			// The program has its own process group, so the test sees what is left of
			// it.
			cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
			var stdout, stderr bytes.Buffer
			cmd.Stdout, cmd.Stderr = &stdout, &stderr
			err := cmd.Run()
			var exit *exec.ExitError
			if !errors.As(err, &exit) || exit.ExitCode() != tt.wantCode {
				t.Fatalf("ended with %v, want exit code %d:\n%s", err, tt.wantCode, stderr.String())
			}
			for _, want := range tt.want {
				if !strings.Contains(stderr.String(), want) {
					t.Errorf("error lacks %q:\n%s", want, stderr.String())
				}
			}
			if stdout.Len() > 0 {
				t.Errorf("standard output: %s", stdout.String())
			}
		})
	}
}

// TestEndsWithItsParent checks that the program and all that it started end when
// its parent is killed.
func TestEndsWithItsParent(t *testing.T) {
	shell := exec.Command("sh", "-c", `"$0" "$@" & echo $!; wait`, program, "local", "-config", demoSettings, "-listen", anyPort, "-gateway", anyPort)
	shell.Dir = root(t)
	var stderr buffer
	shell.Stderr = &stderr
	stdout, err := shell.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := shell.Start(); err != nil {
		t.Fatal(err)
	}
	line, err := bufio.NewReader(stdout).ReadString('\n')
	if err != nil {
		t.Fatal(err)
	}
	pid, err := strconv.Atoi(strings.TrimSpace(line))
	if err != nil {
		t.Fatal(err)
	}
	deadline := time.Now().Add(3 * time.Minute)
	// The CDK app and moto run at the same time, and either may finish first.
	everybody := map[int]bool{pid: true}
	for !strings.Contains(stderr.String(), "creating the example organization") || len(everybody) < 3 { // moto, the CDK app, itself
		for _, descendant := range descendants(pid) {
			everybody[descendant] = true
		}
		if time.Now().After(deadline) {
			t.Fatalf("moto did not start, or of three processes only %d:\n%s", len(everybody), stderr.String())
		}
		time.Sleep(50 * time.Millisecond)
	}
	for _, descendant := range descendants(pid) {
		everybody[descendant] = true
	}
	family := slices.Collect(maps.Keys(everybody))
	if err := shell.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	io.Copy(io.Discard, stdout)
	shell.Wait()
	wantGone(t, family, shutdownLimit)
}

// TestOnRunningMotoWithOtherSlack checks the whole stack with a moto that runs
// already and with another Slack: the page's contents, where the secrets are, and a
// signal to the group.
func TestOnRunningMotoWithOtherSlack(t *testing.T) {
	// moto must know the gateway's port, which no other program may take before the
	// stack listens there.
	gateway, err := net.Listen("tcp", anyPort)
	if err != nil {
		t.Fatal(err)
	}
	defer gateway.Close()
	gatewayAddress := gateway.Addr().String()
	server, err := moto.Start(context.Background(), moto.Config{Root: root(t), GatewayPort: gateway.Addr().(*net.TCPAddr).Port})
	if err != nil {
		t.Fatal(err)
	}
	defer server.Stop()

	cmd := exec.Command(program, "local", "-config", demoSettings, "-listen", anyPort, "-gateway", gatewayAddress, "-aws", server.URL,
		"-slack-api", "http://127.0.0.1:9/api", "-slack-bot-token", "xoxb-mine", "-slack-signing-secret", "shared")
	cmd.Dir = root(t)
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	var stderr buffer
	cmd.Stderr = &stderr
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	gateway.Close()
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	defer syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL)
	line, err := bufio.NewReader(stdout).ReadBytes('\n')
	if err != nil {
		t.Fatalf("no line on standard output (%v):\n%s", err, stderr.String())
	}
	var got ready
	if err := json.Unmarshal(line, &got); err != nil {
		t.Fatal(err)
	}
	want := ready{Ready: true, Page: got.Page, SlackRequestURL: "http://" + gatewayAddress + "/_api/slack", AWSEndpointURL: "http://" + gatewayAddress}
	if got != want || !strings.HasPrefix(got.Page, "http://127.0.0.1:") {
		t.Errorf("ready line %s, want %+v", line, want)
	}

	parameter, err := ssm.NewFromConfig(aws.Config{Region: region, BaseEndpoint: aws.String(got.AWSEndpointURL), Credentials: credentials.NewStaticCredentialsProvider("a", "b", "")}).
		GetParameter(context.Background(), &ssm.GetParameterInput{Name: aws.String("/sso-elevator/slack-bot-token"), WithDecryption: aws.Bool(true)})
	if err != nil || aws.ToString(parameter.Parameter.Value) != "xoxb-mine" || parameter.Parameter.Type != "SecureString" {
		t.Errorf("the bot's token is %v, %v", parameter, err)
	}
	for path, wantText := range map[string]string{"": "<html", "sim/truth": `"title":"Reconciliation: searches for unknown access"`} {
		body := getText(t, got.Page+path)
		for deadline := time.Now().Add(time.Minute); !strings.Contains(body, wantText) && time.Now().Before(deadline); time.Sleep(100 * time.Millisecond) {
			body = getText(t, got.Page+path)
		}
		if !strings.Contains(body, wantText) {
			t.Errorf("page /%s lacks %q: %.300s", path, wantText, body)
		}
	}
	resp, err := http.Post(got.SlackRequestURL, "application/x-www-form-urlencoded", strings.NewReader("payload=%7B%7D"))
	if err != nil {
		t.Fatal(err)
	}
	resp.Body.Close()
	if resp.StatusCode != http.StatusUnauthorized {
		t.Errorf("an unsigned request: %s, want 401", resp.Status)
	}

	family := append(descendants(cmd.Process.Pid), cmd.Process.Pid)
	if err := syscall.Kill(-cmd.Process.Pid, syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	ended := make(chan error, 1)
	go func() { ended <- cmd.Wait() }()
	select {
	case err := <-ended:
		if err != nil {
			t.Errorf("after SIGTERM: %v\n%s", err, stderr.String())
		}
	case <-time.After(shutdownLimit):
		t.Errorf("not ended %s after SIGTERM", shutdownLimit)
	}
	wantGone(t, family, shutdownLimit)
	select {
	case <-server.Done():
		t.Error("the moto that was there before was ended too")
	default:
	}
}

func getText(t *testing.T, url string) string {
	t.Helper()
	resp, err := http.Get(url)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return string(body)
}
