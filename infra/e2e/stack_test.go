// Package e2e tests the whole system from outside. The local stack runs as its own
// process. The tests call it over HTTP as Slack does, and check Identity Center, Step
// Functions and S3 through the AWS SDK.
package e2e

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/identitystore"
	"github.com/aws/aws-sdk-go-v2/service/organizations"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/sfn"
	"github.com/aws/aws-sdk-go-v2/service/ssm"
	"github.com/aws/aws-sdk-go-v2/service/ssoadmin"

	"sso-elevator/functions/access"
	"sso-elevator/infra/local/faults"
)

// ready is the line that the local stack prints when it can be used.
type ready struct {
	Ready           bool   `json:"ready"`
	Page            string `json:"page"`
	SlackRequestURL string `json:"slack_request_url"`
	AWSEndpointURL  string `json:"aws_endpoint_url"`
}

// stack is a running local stack.
type stack struct {
	ready
	sso      *ssoadmin.Client
	identity *identitystore.Client
	sfn      *sfn.Client
	s3       *s3.Client
	ssm      *ssm.Client
	org      *organizations.Client
	table    *dynamodb.Client

	instanceARN string
	storeID     string
	ids         ids
	log         string // file

	// forms has one lock for each person: a person fills one form at a time.
	forms sync.Map

	// again counts how often a person did something again, because the app said
	// that something did not answer in time. waits is when the app had waited for that.
	again atomic.Int64
	waits times
}

// Most tests share the stack local. quiet is for tests that need other settings, and
// drifting is for the reconciliation, whose runs read everything.
var local, quiet, drifting *stack

// With -full, the fault matrix and the long histories use the stacks faulty, the load
// uses loaded, and no other stack runs. There are two for the matrix, because each has
// one moto, which uses one processor.
var (
	faulty [2]*stack
	loaded *stack
)

// program is the path of the compiled elevator.
var program string

// signingSecret is the secret with which the tests sign when they call the app
// directly, as Slack does.
const signingSecret = "5f2b1e0c9d8a7b6c5d4e3f2a1b0c9d8e"

const botToken = "xoxb-end-to-end-7c1d9e"

const (
	startTimeout = 8 * time.Minute // compiles and synthesizes the CDK app with an empty cache
	repository   = "../.."
	artefacts    = repository + "/test-artefacts"
)

func TestMain(m *testing.M) {
	os.Exit(run(m))
}

// sideBySide is how many tests run at once. They mostly wait for granted seconds to
// pass, and compute little.
const sideBySide = "11"

// manySideBySide is the same with -full, whose cells wait for retries.
const manySideBySide = "48"

func run(m *testing.M) int {
	flag.Parse()
	if err := flag.Set("test.parallel", sideBySide); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	if err := os.MkdirAll(artefacts, 0o755); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	dir, err := os.MkdirTemp("", "elevator-e2e-")
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	defer os.RemoveAll(dir)
	program, err = compile(dir)
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	// These start at the same time, before any test can be disturbed.
	stacks := map[string]**stack{"elevator": &local, "quiet": &quiet, "drift": &drifting}
	organizations := map[string]string{"elevator": "organization", "quiet": "organization", "drift": "drift-organization", "faults-1": "organization", "faults-2": "organization", "faults-load": "organization"}
	if *full {
		stacks = map[string]**stack{"faults-1": &faulty[0], "faults-2": &faulty[1], "faults-load": &loaded}
		if err := flag.Set("test.parallel", manySideBySide); err != nil {
			fmt.Fprintln(os.Stderr, err)
			return 1
		}
	}
	if *takePictures || flag.Lookup("test.run").Value.String() == "^TestDemo$" {
		clear(stacks) // they have their own stacks
	}
	stops := make(chan func(), len(stacks))
	failed := make(chan error, len(stacks))
	for name, s := range stacks {
		settings, _, _ := strings.Cut(name, "-")
		go func() {
			started, stop, err := start(settings, name, organizations[name])
			if err != nil {
				err = fmt.Errorf("local stack with the settings %s: %w", name, err)
				stop = func() {}
			}
			*s = started
			stops <- stop
			failed <- err
		}()
	}
	code := 0
	for range stacks {
		defer (<-stops)()
		if err := <-failed; err != nil {
			fmt.Fprintln(os.Stderr, err)
			code = 1
		}
	}
	if code != 0 {
		return code
	}
	for name, s := range stacks {
		if err := (*s).warm(); err != nil {
			fmt.Fprintf(os.Stderr, "stack %s: warm the function that Slack calls: %v\n", name, err)
			return 1
		}
	}
	code = m.Run()
	for name, s := range stacks {
		if n := (*s).again.Load(); n > 0 {
			fmt.Fprintf(os.Stderr, "stack %s: %d times a person did something again, because the app had said that something did not answer in time\n", name, n)
		}
		if err := (*s).secretsInLog(); err != nil {
			fmt.Fprintln(os.Stderr, "FAIL:", err)
			code = 1
		}
		if err := (*s).denialsInLog(); err != nil {
			fmt.Fprintln(os.Stderr, "FAIL:", err)
			code = 1
		}
		leaks, err := (*s).leaks()
		if err != nil {
			leaks = append(leaks, "not all that the stack has written could be read: "+err.Error())
		}
		for _, leak := range leaks {
			fmt.Fprintln(os.Stderr, "FAIL:", leak)
			code = 1
		}
	}
	return code
}

// warmProcesses is about how many requests of Slack a stack has to answer at once. On two
// idle processors, a stack starts them in 0.2 s.
const warmProcesses = 12

// warm starts processes of the function that Slack calls. Otherwise, many would start at
// once, while the tests need the processors, and would answer after Slack's 3 s. Each gets
// Slack's challenge, for which it reads its secrets, and nothing else.
func (s *stack) warm() error {
	const challenge = `{"type":"url_verification","token":"x","challenge":"warm"}`
	rules := s.AWSEndpointURL + "/_faults"
	for _, function := range []string{"-ingress", "-requester"} { // quiet.yaml renames it
		text, err := json.Marshal(faults.Rule{Kind: faults.Hold, Label: "warm", Function: function, Count: warmProcesses})
		if err != nil {
			return err
		}
		res, err := http.Post(rules, "application/json", bytes.NewReader(text))
		if err == nil {
			err = read(res, "/_faults", nil)
		}
		if err != nil {
			return err
		}
	}
	// A held request keeps its process, so the next one needs another.
	timestamp, signature := sign(signingSecret, time.Now(), challenge)
	answers := make(chan error, warmProcesses)
	for range warmProcesses {
		go func() {
			_, _, err := s.callApp("application/json", challenge, timestamp, signature)
			answers <- err
		}()
	}
	held := 0
	for deadline := time.Now().Add(time.Minute); held < warmProcesses && time.Now().Before(deadline); time.Sleep(50 * time.Millisecond) {
		res, err := http.Get(rules + "?label=warm")
		if err != nil {
			return err
		}
		var set []faults.Rule
		if err := read(res, "/_faults", &set); err != nil {
			return err
		}
		held = 0
		for _, r := range set {
			held += r.Hits
		}
	}
	req, err := http.NewRequest(http.MethodDelete, rules+"?label=warm", nil)
	if err != nil {
		return err
	}
	res, err := http.DefaultClient.Do(req)
	if err == nil {
		err = read(res, "/_faults", nil)
	}
	for range warmProcesses {
		err = errors.Join(err, <-answers)
	}
	if err == nil && held < warmProcesses {
		err = fmt.Errorf("%d requests reach it, want %d", held, warmProcesses)
	}
	return err
}

// denialsInLog searches the log, after all tests, for calls that a function's role
// did not permit. Each role must suffice, even if the failed call was retried or
// not needed.
func (s *stack) denialsInLog() error {
	text, err := os.ReadFile(s.log)
	if err != nil {
		return err
	}
	for _, line := range strings.Split(string(text), "\n") {
		if strings.HasPrefix(line, "local: IAM: ") && !strings.Contains(line, forgedKey) {
			return fmt.Errorf("%s: %s", s.log, line)
		}
	}
	return nil
}

// loggedAbout reports whether a function has logged one of the messages about a request.
func (s *stack) loggedAbout(t *testing.T, request string, messages ...string) bool {
	t.Helper()
	return len(s.linesAbout(t, request, messages...)) > 0
}

// loggedLate returns how often a function has logged one of the messages about a request
// because something did not answer in time.
func (s *stack) loggedLate(t *testing.T, request string, messages ...string) (n int) {
	t.Helper()
	for _, line := range s.linesAbout(t, request, messages...) {
		late := func(text string) bool { return strings.Contains(line, text) }
		if slices.ContainsFunc([]string{string(access.CodeUnavailable), string(access.CodeThrottled), "deadline exceeded"}, late) {
			n++
		}
	}
	return n
}

func (s *stack) linesAbout(t *testing.T, request string, messages ...string) (lines []string) {
	t.Helper()
	text, err := os.ReadFile(s.log)
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(text)) {
		if strings.Contains(line, request) && slices.ContainsFunc(messages, func(m string) bool { return strings.Contains(line, m) }) {
			lines = append(lines, line)
		}
	}
	return lines
}

// logged returns how often functions have logged a message.
func (s *stack) logged(t *testing.T, message string) int {
	t.Helper()
	text, err := os.ReadFile(s.log)
	if err != nil {
		t.Fatal(err)
	}
	return bytes.Count(text, []byte(message))
}

// secretsInLog searches the log of the stack and its functions for Slack's secrets,
// after all tests.
func (s *stack) secretsInLog() error {
	text, err := os.ReadFile(s.log)
	if err != nil {
		return err
	}
	for what, secret := range map[string]string{"signing secret": signingSecret, "bot token": botToken} {
		if bytes.Contains(text, []byte(secret)) {
			return fmt.Errorf("%s contains the %s", s.log, what)
		}
	}
	return nil
}

// compile builds elevator into dir.
func compile(dir string) (program string, err error) {
	program = filepath.Join(dir, "elevator")
	build := exec.Command("go", "build", "-o", program, "./infra/elevator")
	build.Dir = repository
	if out, err := build.CombinedOutput(); err != nil {
		return "", fmt.Errorf("build: %w\n%s", err, out)
	}
	return program, nil
}

// start runs the local stack with the settings testdata/<settings>.yaml and the
// organization testdata/<organization>.yaml on free ports, and waits until it is
// ready. Its log goes to test-artefacts/<name>.log.
func start(settings, name, organization string) (*stack, func(), error) {
	p, err := launch(settings, name, filepath.Join("testdata", organization+".yaml"))
	if err != nil {
		return nil, nil, err
	}
	s, err := p.ready()
	if err != nil {
		p.stop()
		return nil, nil, err
	}
	return s, p.stop, nil
}

// launched is a local stack that is starting.
type launched struct {
	log   string
	lines chan string // its standard output
	ended chan error
	stop  func()
}

// launch is start for the seed file at a path, without the wait.
func launch(settings, name, seed string) (*launched, error) {
	testdata, err := filepath.Abs("testdata")
	if err != nil {
		return nil, err
	}
	if seed, err = filepath.Abs(seed); err != nil {
		return nil, err
	}
	return launchProgram(name, "local", "-config", filepath.Join(testdata, settings+".yaml"), "-seed", seed)
}

// launchProgram runs elevator with these arguments on free ports, without waiting until
// it is ready.
func launchProgram(name string, args ...string) (*launched, error) {
	logFile, err := os.Create(filepath.Join(artefacts, name+".log"))
	if err != nil {
		return nil, err
	}
	args = append(args, "-listen", anyPort, "-gateway", anyPort, "-slack-signing-secret", signingSecret, "-slack-bot-token", botToken)
	cmd := exec.Command(program, args...)
	cmd.Dir = repository
	cmd.Stderr = logFile
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	if err := cmd.Start(); err != nil {
		return nil, err
	}
	p := &launched{log: logFile.Name(), ended: make(chan error, 1), lines: make(chan string, 1)}
	go func() {
		in := bufio.NewScanner(stdout)
		for in.Scan() {
			select {
			case p.lines <- in.Text():
			default:
			}
		}
		p.ended <- cmd.Wait()
	}()
	p.stop = func() {
		syscall.Kill(-cmd.Process.Pid, syscall.SIGTERM)
		select {
		case <-p.ended:
		case <-time.After(10 * time.Second):
			syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL)
		}
		logFile.Close()
	}
	return p, nil
}

// ready waits until the stack can be used.
func (p *launched) ready() (*stack, error) {
	s := &stack{log: p.log}
	select {
	case line := <-p.lines:
		if err := json.Unmarshal([]byte(line), &s.ready); err != nil || !s.Ready {
			return nil, fmt.Errorf("its first line is %q: %v", line, err)
		}
	case err := <-p.ended:
		p.ended <- err
		text, _ := os.ReadFile(p.log)
		return nil, fmt.Errorf("it ended before it was ready: %v\n%s", err, tail(text))
	case <-time.After(startTimeout):
		return nil, fmt.Errorf("it was not ready after %s", startTimeout)
	}
	if err := s.connect(); err != nil {
		return nil, err
	}
	// A test that waits for the line can use the forms at once.
	if _, err := s.catalogVersion(); err != nil {
		return nil, fmt.Errorf("it says that it is ready, and there is no catalog: %w", err)
	}
	return s, nil
}

// catalogVersion returns a value that differs between stored catalogs.
func (s *stack) catalogVersion() (string, error) {
	buckets, err := s.s3.ListBuckets(context.Background(), &s3.ListBucketsInput{})
	if err != nil {
		return "", err
	}
	for _, b := range buckets.Buckets {
		if out, err := s.s3.HeadObject(context.Background(), &s3.HeadObjectInput{Bucket: b.Name, Key: aws.String("catalog.json.gz")}); err == nil {
			return aws.ToString(out.ETag), nil
		}
	}
	return "", errNotYet
}

func tail(text []byte) []byte { return text[max(0, len(text)-4000):] }

// anyPort lets the program choose a port and keep it: another program may take a
// port that a test found and released.
const anyPort = "127.0.0.1:0"

func (s *stack) connect() error {
	cfg := aws.Config{
		Region:       "us-east-1",
		BaseEndpoint: aws.String(s.AWSEndpointURL),
		Credentials:  credentials.NewStaticCredentialsProvider("test", "test", ""),
	}
	s.sso, s.identity, s.sfn = ssoadmin.NewFromConfig(cfg), identitystore.NewFromConfig(cfg), sfn.NewFromConfig(cfg)
	s.ssm = ssm.NewFromConfig(cfg)
	s.org, s.table = organizations.NewFromConfig(cfg), dynamodb.NewFromConfig(cfg)
	s.s3 = s3.NewFromConfig(cfg, func(o *s3.Options) { o.UsePathStyle = true })
	out, err := s.sso.ListInstances(context.Background(), &ssoadmin.ListInstancesInput{})
	if err != nil {
		return err
	}
	if len(out.Instances) != 1 {
		return fmt.Errorf("there are %d Identity Center instances, want 1", len(out.Instances))
	}
	s.instanceARN, s.storeID = *out.Instances[0].InstanceArn, *out.Instances[0].IdentityStoreId
	return nil
}

// post sends JSON to an address of the page's server and reads JSON back.
func (s *stack) post(path string, body, into any) error {
	text, err := json.Marshal(body)
	if err != nil {
		return err
	}
	res, err := http.Post(strings.TrimSuffix(s.Page, "/")+path, "application/json", bytes.NewReader(text))
	if err != nil {
		return err
	}
	return read(res, path, into)
}

func (s *stack) get(path string, into any) error {
	res, err := http.Get(strings.TrimSuffix(s.Page, "/") + path)
	if err != nil {
		return err
	}
	return read(res, path, into)
}

func read(res *http.Response, path string, into any) error {
	defer res.Body.Close()
	text, err := io.ReadAll(res.Body)
	if err != nil {
		return err
	}
	if res.StatusCode != http.StatusOK {
		return fmt.Errorf("%s: %s: %s", path, res.Status, text)
	}
	if into == nil {
		return nil
	}
	return json.Unmarshal(text, into)
}

var errNotYet = errors.New("not yet")

// eventually calls f until it succeeds, and fails the test with its last error
// after the given time.
func eventually(t *testing.T, within time.Duration, what string, f func() error) {
	t.Helper()
	deadline := time.Now().Add(within)
	for {
		err := f()
		if err == nil {
			return
		}
		if time.Now().After(deadline) {
			t.Fatalf("%s: not within %s: %v", what, within, err)
		}
		time.Sleep(150 * time.Millisecond)
	}
}
