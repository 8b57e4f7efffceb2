// Package gateway is the single AWS address on this machine. It forwards calls to
// moto and answers those that moto doesn't know or answers differently from AWS. It
// also runs Lambda and serves the template's HTTP API. There is a file for each
// service and a function for each difference.
//
// docs/internals/local.md lists the corrections and the known differences.
package gateway

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync"
	"time"

	"sso-elevator/infra/local/iam"
	"sso-elevator/infra/local/lambda"
	"sso-elevator/infra/local/moto"
)

// DefaultSettleDelay is how long Identity Center takes here to carry out an
// assignment. It is long enough to expose callers that don't poll, and short enough
// for tests.
const DefaultSettleDelay = 300 * time.Millisecond

// Config has a gateway's backends and options.
type Config struct {
	MotoURL string
	Lambda  *lambda.Service
	Now     func() time.Time
	// SettleDelay is how long creations and deletions of assignments stay
	// IN_PROGRESS.
	SettleDelay time.Duration
	// Guard, if set, decides whether a function may make a call. Denied, if set, is called
	// for each denial.
	Guard  *iam.Guard
	Denied func(what string)
	// Course, if set, returns the course of the assignment's creation or deletion
	// that a call starts. ok is false if the operation just settles.
	Course func(*Call) (c Course, ok bool)
}

// Course is how an accepted operation of Identity Center continues.
type Course struct {
	// Polls is how many calls of its Describe…Status find it IN_PROGRESS. The
	// next call ends it, and only then does it take effect.
	Polls int
	// FailureReason, if not empty, makes the operation end FAILED, without effect.
	FailureReason string
}

// Gateway is the http.Handler of the simulated AWS endpoint. Close it after the last
// request.
type Gateway struct {
	config            Config
	client            *http.Client
	corrections       map[string]correction
	lifetime          context.Context
	end               context.CancelFunc
	pendingOperations sync.WaitGroup

	operations  operationLog
	tokens      tokenIndex
	executions  executionLog
	redrives    redriveLog
	definitions definitionLog

	// Each lock makes a check and the call that relies on it one step.
	memberships sync.Mutex
	starts      sync.Mutex
	items       sync.Mutex
	objects     sync.Mutex

	mu         sync.RWMutex
	routes     []Route
	management string          // see SetManagementAccount
	scim       map[string]bool // see SetSCIMGroups
	stack      Stack           // see SetStack
	// userStatus is set through UserStatuses, by user id. Users who are not in it
	// are enabled.
	userStatus map[string]string
}

// correction answers one operation, with or without moto's help.
type correction func(*Gateway, context.Context, *Call) *Answer

// New returns a gateway. The caller must serve it.
func New(c Config) *Gateway {
	g := &Gateway{
		config:      c,
		client:      &http.Client{Transport: &moto.Transport{}},
		corrections: map[string]correction{},
	}
	g.lifetime, g.end = context.WithCancel(context.Background())
	for _, table := range []map[string]correction{instanceCorrections, assignmentCorrections, permissionSetCorrections, identityStoreCorrections, organizationsCorrections, stepFunctionsCorrections, dynamoDBCorrections} {
		for target, c := range table {
			g.corrections[target] = c
		}
	}
	return g
}

// Close abandons the operations that Identity Center has not carried out yet.
func (g *Gateway) Close() {
	g.end()
	g.pendingOperations.Wait()
}

// Call is one request to AWS.
type Call struct {
	Method string
	URI    string // path and query
	Host   string
	Header http.Header
	Body   []byte
}

// Target returns the operation of a JSON protocol, such as
// "AWSStepFunctions.StartExecution". It is empty for REST.
func (c *Call) Target() string { return c.Header.Get("X-Amz-Target") }

// Answer is one response.
type Answer struct {
	Status int
	Header http.Header
	Body   []byte
}

func (g *Gateway) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	switch {
	case strings.HasPrefix(r.URL.Path, apiPrefix+"/"):
		g.serveAPI(w, r)
		return
	case strings.HasPrefix(r.URL.Path, "/moto-api"):
		// Callers must not reach moto's control API; the program that started moto uses
		// moto's own address.
		http.NotFound(w, r)
		return
	}
	body, err := io.ReadAll(r.Body)
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	call := &Call{Method: r.Method, URI: r.URL.RequestURI(), Host: r.Host, Header: r.Header, Body: body}
	if denied := g.refuseForbidden(call); denied != nil {
		denied.write(w)
		return
	}
	if IsStartExecution(r.URL) {
		g.startExecutionForMachine(r.Context(), call).write(w)
		return
	}
	if lambda.Serves(r.URL.Path) {
		g.tokens.noteInvocation(body)
		r.Body = io.NopCloser(bytes.NewReader(body))
		g.config.Lambda.ServeHTTP(w, r)
		return
	}
	g.hideAbsence(call, g.answer(r.Context(), call)).write(w)
}

// answer corrects a call if there is a correction for it, and forwards it
// otherwise.
func (g *Gateway) answer(ctx context.Context, call *Call) *Answer {
	if correct, ok := g.corrections[call.Target()]; ok {
		return correct(g, ctx, call)
	}
	if isConditionalPut(call) {
		return g.putConditionally(ctx, call)
	}
	if operation, stack, ok := g.stackCall(call); ok {
		return stack.answer(operation)
	}
	return g.forward(ctx, call)
}

// hopByHop are the headers that belong to one connection (RFC 9110, 7.6.1).
var hopByHop = []string{"Connection", "Keep-Alive", "Proxy-Authenticate", "Proxy-Authorization", "Te", "Trailer", "Transfer-Encoding", "Upgrade", "Content-Length", "Expect"}

// forward sends a call to moto. No other function calls moto for a caller.
func (g *Gateway) forward(ctx context.Context, call *Call) *Answer {
	req, err := http.NewRequestWithContext(ctx, call.Method, strings.TrimRight(g.config.MotoURL, "/")+call.URI, bytes.NewReader(call.Body))
	if err != nil {
		return failure(http.StatusInternalServerError, "InternalFailure", err.Error())
	}
	req.Host = call.Host
	req.Header = call.Header.Clone()
	for _, name := range hopByHop {
		req.Header.Del(name)
	}
	resp, err := g.client.Do(req)
	if err != nil {
		return failure(http.StatusServiceUnavailable, "ServiceUnavailable", fmt.Sprintf("moto does not answer: %v", err))
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		return failure(http.StatusServiceUnavailable, "ServiceUnavailable", fmt.Sprintf("moto's answer is incomplete: %v", err))
	}
	answer := &Answer{Status: resp.StatusCode, Header: resp.Header, Body: body}
	for _, name := range hopByHop {
		// The answer to a HEAD request has a length and no body: keep the length.
		if name != "Content-Length" || call.Method != http.MethodHead {
			answer.Header.Del(name)
		}
	}
	return replaceHTML(call, answer)
}

func (a *Answer) write(w http.ResponseWriter) {
	for name, values := range a.Header {
		w.Header()[name] = values
	}
	w.WriteHeader(a.Status)
	w.Write(a.Body)
}
