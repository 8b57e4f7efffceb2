// Package gateway is the one address of AWS on this machine. It passes calls on
// to moto, answers those that moto does not know or answers otherwise than AWS
// (a file per service, a function per difference), runs Lambda, and serves the
// HTTP API of the template.
//
// What is corrected, and what is only known to differ, is in docs/local.md.
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
)

// DefaultSettleDelay is how long Identity Center takes here to carry out an
// assignment: long enough that a caller who does not ask again is found out,
// short enough to wait for.
const DefaultSettleDelay = 300 * time.Millisecond

// Config says what stands behind a gateway.
type Config struct {
	MotoURL string
	Lambda  *lambda.Service
	Now     func() time.Time
	// SettleDelay is how long creations and deletions of assignments stay
	// IN_PROGRESS.
	SettleDelay time.Duration
	// Guard, where set, decides whether a function may make a call. Denied,
	// where set, hears of each one that may not.
	Guard  *iam.Guard
	Denied func(what string)
	// Course, where set, says how the creation or deletion of an assignment
	// goes on that a call starts; ok is false for one that just settles.
	Course func(*Call) (c Course, ok bool)
}

// Course is how an operation of Identity Center goes on after it was accepted.
type Course struct {
	// Polls is how many calls of its Describe…Status find it IN_PROGRESS. With
	// the next one it ends, and only then has its effect.
	Polls int
	// FailureReason, where not empty, makes it end FAILED, without effect.
	FailureReason string
}

// Gateway is an http.Handler. Close it after the last request.
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
	// userStatus is set by UserStatuses, by user id; a user who is not in it is
	// enabled.
	userStatus map[string]string
}

// correction answers one operation in moto's place, or with its help.
type correction func(*Gateway, context.Context, *Call) *Answer

// New makes a gateway. It listens nowhere by itself.
func New(c Config) *Gateway {
	g := &Gateway{
		config: c,
		// moto's web server closes idle connections when it likes, and a POST
		// on one that it has just closed is not repeated: a connection a call.
		client:      &http.Client{Transport: &http.Transport{DisableKeepAlives: true, DisableCompression: true}},
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

// Close abandons what Identity Center has not carried out yet.
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

// Target is the operation of a JSON protocol, as "AWSStepFunctions.StartExecution";
// empty for REST.
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
		// moto's own controls are for whoever started moto.
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

// answer corrects a call where a correction exists, and forwards it otherwise.
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

// forward is the one place where a call goes to moto.
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
		return failure(http.StatusServiceUnavailable, "ServiceUnavailable", fmt.Sprintf("moto's answer breaks off: %v", err))
	}
	answer := &Answer{Status: resp.StatusCode, Header: resp.Header, Body: body}
	for _, name := range hopByHop {
		// A HEAD request's answer has a length and no body: it stays.
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
