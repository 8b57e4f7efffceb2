package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"time"

	"sso-elevator/functions/adapters/auditlog"
	"sso-elevator/functions/adapters/catalog"
	"sso-elevator/functions/adapters/findings"
	"sso-elevator/functions/adapters/host"
	"sso-elevator/functions/adapters/identitycenter"
	"sso-elevator/functions/adapters/people"
	"sso-elevator/functions/adapters/policyinforce"
	"sso-elevator/functions/adapters/slackclient"
	"sso-elevator/functions/adapters/table"
	"sso-elevator/functions/evaluate"
	"sso-elevator/functions/grant"
	"sso-elevator/functions/ingress"
	"sso-elevator/functions/notify"
	"sso-elevator/functions/reconcile"
	"sso-elevator/infra/build"
	"sso-elevator/infra/local/process"
)

// answerTimeout is how long to wait for a function's answer.
const answerTimeout = 30 * time.Second

// running is a function's process, and its Runtime API, which takes the times.
//
// https://docs.aws.amazon.com/lambda/latest/dg/runtimes-api.html
type running struct {
	process *process.Process
	server  *http.Server
	log     bytes.Buffer // the process's output; to be read after the process has ended

	started time.Time
	polls   chan time.Time // the first request for work
	events  chan []byte
	handed  chan time.Time
	answers chan reply
	ended   chan struct{}
}

type reply struct {
	at     time.Time
	body   []byte
	failed bool
}

// startFunction starts a process of the binary. The caller must stop it.
func startFunction(binary string, environment []string) (*running, error) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	r := &running{
		polls: make(chan time.Time, 1), events: make(chan []byte), handed: make(chan time.Time, 1),
		answers: make(chan reply, 1), ended: make(chan struct{}),
	}
	mux := http.NewServeMux()
	mux.HandleFunc("GET /2018-06-01/runtime/invocation/next", r.serveNext)
	mux.HandleFunc("POST /2018-06-01/runtime/invocation/{id}/response", func(w http.ResponseWriter, q *http.Request) { r.serveAnswer(w, q, false) })
	mux.HandleFunc("POST /2018-06-01/runtime/invocation/{id}/error", func(w http.ResponseWriter, q *http.Request) { r.serveAnswer(w, q, true) })
	r.server = &http.Server{Handler: mux}
	go r.server.Serve(listener)

	cmd := exec.Command(binary)
	cmd.Env = append(environment, "AWS_LAMBDA_RUNTIME_API="+listener.Addr().String())
	cmd.Stdout, cmd.Stderr = &r.log, &r.log
	r.started = time.Now()
	if r.process, err = process.Start(cmd); err != nil {
		r.server.Close()
		return nil, err
	}
	return r, nil
}

func (r *running) stop() {
	close(r.ended)
	r.process.Kill()
	r.server.Close()
}

func (r *running) serveNext(w http.ResponseWriter, q *http.Request) {
	select {
	case r.polls <- time.Now():
	default:
	}
	var event []byte
	select {
	case event = <-r.events:
	case <-r.ended:
		return
	case <-q.Context().Done():
		return
	}
	h := w.Header()
	h.Set("Content-Type", "application/json")
	h.Set("Lambda-Runtime-Aws-Request-Id", "00000000-0000-0000-0000-000000000000")
	h.Set("Lambda-Runtime-Deadline-Ms", strconv.FormatInt(time.Now().Add(answerTimeout).UnixMilli(), 10))
	h.Set("Lambda-Runtime-Invoked-Function-Arn", "arn:aws:lambda:us-east-1:123456789012:function:bench:live")
	h.Set("Lambda-Runtime-Trace-Id", "Root=1-00000000-000000000000000000000000;Parent=0000000000000000;Sampled=0")
	r.handed <- time.Now()
	w.Write(event)
}

func (r *running) serveAnswer(w http.ResponseWriter, q *http.Request, failed bool) {
	at := time.Now()
	body, _ := io.ReadAll(q.Body)
	w.WriteHeader(http.StatusAccepted)
	io.WriteString(w, `{"status":"OK"}`)
	r.answers <- reply{at, body, failed}
}

var errEnded = errors.New("the function ended or did not answer")

// stopAndReadLog ends the process and returns the end of its output.
func (r *running) stopAndReadLog() string {
	r.process.Kill()
	text := r.log.String()
	return text[max(0, len(text)-2000):]
}

// checkComplaints ends the process. It returns an error if the process logged a
// warning or an error, because then the measurement is not valid.
func (r *running) checkComplaints() error {
	r.process.Kill()
	for line := range strings.Lines(r.log.String()) {
		if strings.Contains(line, `"level":"WARN"`) || strings.Contains(line, `"level":"ERROR"`) {
			return fmt.Errorf("the function logged a problem: %s", line)
		}
	}
	return nil
}

// awaitFirstPoll waits until the process asks for work. It returns the time since
// the process started.
func (r *running) awaitFirstPoll() (time.Duration, error) {
	select {
	case at := <-r.polls:
		return at.Sub(r.started), nil
	case <-time.After(answerTimeout):
		return 0, errEnded
	}
}

// invoke gives the process an event and waits for its answer. took is the time
// since the process received the event.
func (r *running) invoke(event []byte) (answer reply, took time.Duration, err error) {
	late := time.After(answerTimeout)
	select {
	case r.events <- event:
	case <-late:
		return reply{}, 0, errEnded
	}
	handed := <-r.handed
	select {
	case answer = <-r.answers:
	case <-late:
		return reply{}, 0, errEnded
	}
	if answer.failed {
		return answer, 0, fmt.Errorf("the function failed: %s", answer.body)
	}
	return answer, answer.at.Sub(handed), nil
}

// residentMemory returns the process's resident memory, in bytes.
func (r *running) residentMemory() (int64, error) {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", r.process.PID()))
	if err != nil {
		return 0, err
	}
	_, rest, _ := strings.Cut(string(text), "VmRSS:")
	number, _, _ := strings.Cut(strings.TrimSpace(rest), " ")
	kib, err := strconv.ParseInt(number, 10, 64)
	return kib << 10, err
}

// environment returns the environment of all functions. Each reads the variables
// that it knows.
func environment(s *stub) []string {
	const function = "arn:aws:lambda:us-east-1:123456789012:function:"
	lambda := map[string]string{
		"AWS_REGION": "us-east-1", "AWS_ENDPOINT_URL": s.url,
		"AWS_ACCESS_KEY_ID": "bench", "AWS_SECRET_ACCESS_KEY": "bench", "AWS_SESSION_TOKEN": "bench",
		"AWS_LAMBDA_FUNCTION_NAME": "bench", "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": "256",
	}
	// A variable that several functions read stands under one of them.
	own := host.Environment(struct {
		Ingress   ingress.Settings
		Evaluate  evaluate.Settings
		Notify    notify.Settings
		Grant     grant.Settings
		Audit     auditlog.Settings
		Reconcile reconcile.Settings
	}{
		Ingress: ingress.Settings{
			Stack: host.Stack{Account: stubAccount}, Table: table.Settings{Name: "requests"},
			Policy: policyinforce.Settings{Pointer: "/policy"}, Catalog: catalog.Settings{Bucket: "catalogs"},
			Slack: slackclient.Settings{BotToken: "ssm:/token", APIURL: s.url + "/api/"}, People: people.Settings{Team: stubTeam},
			SigningSecrets: []string{"ssm:/signing"}, App: stubApp,
			IdentityCenter: identitycenter.Settings{InstanceARN: stubInstance, IdentityStore: stubStore},
			RequestMachine: host.RequestMachine{ARN: stubMachine}, ReconcileFunction: function + "reconcile:live",
			Durations: []time.Duration{time.Hour, 2 * time.Hour}, MaxOpenRequests: 10,
		},
		Evaluate: evaluate.Settings{Expiration: 8 * time.Hour, AnnounceFor: time.Hour, ReminderInitial: 15 * time.Minute, ReminderMultiplier: 2},
		Notify:   notify.Settings{Channel: stubChannel, SendDM: true, PostRevoke: true},
		Grant:    grant.Settings{MaxDuration: 2 * time.Hour, WaitFor: time.Hour},
		Audit:    auditlog.Settings{Bucket: "audit", Prefix: "records"},
		Reconcile: reconcile.Settings{
			Removals:         findings.Removals{Allowed: true, Max: 10},
			ReconcileMachine: host.ReconcileMachine{ARN: "arn:aws:states:us-east-1:123456789012:stateMachine:reconcile"},
			RevokeFunction:   function + "revoke:live", NotifyFunction: function + "notify:live", AuditFunction: function + "audit:live",
		},
	})
	var all []string
	for _, variables := range []map[string]string{build.Environment, lambda, own} {
		for name, value := range variables {
			all = append(all, name+"="+value)
		}
	}
	return all
}

// taskEvent returns the payload of a state of the request machine.
func taskEvent(operation, request string) []byte {
	text, _ := json.Marshal(object{"operation": operation, "request_id": request, "execution": stubExecution, "token": stubToken})
	return text
}
