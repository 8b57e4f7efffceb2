package lambda

import (
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"os/exec"
	"strconv"
	"strings"
	"sync"
	"time"

	"sso-elevator/infra/local/process"
)

// initTimeout is Lambda's limit for a cold start.
const initTimeout = 10 * time.Second

// instance is one process of a function with its Runtime API.
type instance struct {
	id       string // its session token
	function *Function
	process  *process.Process
	server   *http.Server
	log      *prefixWriter

	ready     chan struct{} // closed at the first request for work
	readyOnce sync.Once
	work      chan *invocation
	closed    chan struct{} // closed by close; ends a waiting "next"
	closeOnce sync.Once

	mu      sync.Mutex
	current *invocation
	initErr []byte // the error that the process reported during its start
}

// invocation is one event on its way through an instance.
type invocation struct {
	id       string
	arn      string
	payload  []byte
	deadline time.Time
	done     chan outcome // takes one outcome
}

// outcome is a process's answer.
type outcome struct {
	failed  bool
	payload []byte
}

// startInstance starts a process of f. The caller must close it.
func startInstance(f *Function, id string, env []string, log io.Writer) (*instance, error) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, fmt.Errorf("listen for %s: %w", f.Name, err)
	}
	i := &instance{
		id:       id,
		function: f,
		log:      newPrefixWriter(log, "["+f.Name+"] "),
		ready:    make(chan struct{}),
		work:     make(chan *invocation),
		closed:   make(chan struct{}),
	}
	i.server = &http.Server{Handler: i.api()}
	go i.server.Serve(listener)

	cmd := exec.Command(f.executable())
	cmd.Dir = f.Dir
	cmd.Env = append(env, "AWS_LAMBDA_RUNTIME_API="+listener.Addr().String())
	cmd.Stdout, cmd.Stderr = i.log, i.log
	if i.process, err = process.Start(cmd); err != nil {
		i.server.Close()
		return nil, fmt.Errorf("start %s: %w", f.Name, err)
	}
	return i, nil
}

// close kills the process and ends its Runtime API.
func (i *instance) close() {
	i.closeOnce.Do(func() { close(i.closed) })
	i.process.Kill()
	i.server.Close()
	i.log.Flush()
}

func (i *instance) api() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /2018-06-01/runtime/invocation/next", i.next)
	mux.HandleFunc("POST /2018-06-01/runtime/invocation/{id}/response", func(w http.ResponseWriter, r *http.Request) { i.answer(w, r, false) })
	mux.HandleFunc("POST /2018-06-01/runtime/invocation/{id}/error", func(w http.ResponseWriter, r *http.Request) { i.answer(w, r, true) })
	mux.HandleFunc("POST /2018-06-01/runtime/init/error", i.initError)
	return mux
}

// next gives the process its next event. It waits until there is one.
func (i *instance) next(w http.ResponseWriter, r *http.Request) {
	i.readyOnce.Do(func() { close(i.ready) })
	var inv *invocation
	select {
	case inv = <-i.work:
	case <-i.closed:
		return
	case <-r.Context().Done():
		return
	}
	h := w.Header()
	h.Set("Content-Type", "application/json")
	h.Set("Lambda-Runtime-Aws-Request-Id", inv.id)
	h.Set("Lambda-Runtime-Deadline-Ms", strconv.FormatInt(inv.deadline.UnixMilli(), 10))
	h.Set("Lambda-Runtime-Invoked-Function-Arn", inv.arn)
	h.Set("Lambda-Runtime-Trace-Id", "Root=1-00000000-000000000000000000000000;Parent=0000000000000000;Sampled=0")
	w.Write(inv.payload)
}

func (i *instance) answer(w http.ResponseWriter, r *http.Request, failed bool) {
	payload, err := io.ReadAll(r.Body)
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	i.mu.Lock()
	inv := i.current
	if inv == nil || inv.id != r.PathValue("id") {
		i.mu.Unlock()
		writeRuntimeError(w, "InvalidRequestID", "no such invocation")
		return
	}
	i.current = nil
	i.mu.Unlock()
	inv.done <- outcome{failed: failed, payload: payload}
	writeAccepted(w)
}

func (i *instance) initError(w http.ResponseWriter, r *http.Request) {
	payload, _ := io.ReadAll(r.Body)
	i.mu.Lock()
	i.initErr = payload
	i.mu.Unlock()
	writeAccepted(w)
}

// begin makes inv the only invocation that the process may answer.
func (i *instance) begin(inv *invocation) {
	i.mu.Lock()
	i.current = inv
	i.mu.Unlock()
}

func (i *instance) reportedInitError() []byte {
	i.mu.Lock()
	defer i.mu.Unlock()
	return i.initErr
}

func writeAccepted(w http.ResponseWriter) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(http.StatusAccepted)
	io.WriteString(w, `{"status":"OK"}`)
}

func writeRuntimeError(w http.ResponseWriter, kind, message string) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(http.StatusBadRequest)
	json.NewEncoder(w).Encode(map[string]string{"errorType": kind, "errorMessage": message})
}

// prefixWriter puts a prefix before every line, and writes whole lines only.
type prefixWriter struct {
	mu     sync.Mutex
	out    io.Writer
	prefix string
	rest   []byte
}

func newPrefixWriter(out io.Writer, prefix string) *prefixWriter {
	return &prefixWriter{out: out, prefix: prefix}
}

func (p *prefixWriter) Write(b []byte) (int, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.rest = append(p.rest, b...)
	for {
		line, rest, found := strings.Cut(string(p.rest), "\n")
		if !found {
			return len(b), nil
		}
		p.rest = []byte(rest)
		if _, err := io.WriteString(p.out, p.prefix+line+"\n"); err != nil {
			return 0, err
		}
	}
}

// Flush writes a last line without a line end.
func (p *prefixWriter) Flush() {
	p.mu.Lock()
	defer p.mu.Unlock()
	if len(p.rest) > 0 {
		io.WriteString(p.out, p.prefix+string(p.rest)+"\n")
		p.rest = nil
	}
}
