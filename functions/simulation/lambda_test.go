package simulation

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"net/http"
	"runtime"
	"runtime/debug"
	"slices"
	"testing"
	"time"

	"github.com/aws/aws-lambda-go/lambda/messages"
	awslambda "github.com/aws/aws-sdk-go-v2/service/lambda"
	"github.com/aws/aws-sdk-go-v2/service/lambda/types"
	"github.com/aws/smithy-go"
	smithyhttp "github.com/aws/smithy-go/transport/http"

	"sso-elevator/functions/access"
	"sso-elevator/statemachine"
)

func stack() string { return string(debug.Stack()) }

// handler is a function: it turns its payload into its answer, both in JSON.
type handler func(ctx context.Context, payload []byte) ([]byte, error)

// functions creates a function's handler as a cold start does.
type functions func(w *world, name string) handler

// lambda runs the functions. An instance handles one payload at a time and keeps
// its memory until it is killed.
type lambda struct {
	world  *world
	wire   functions
	idle   map[string][]handler
	source *source
	count  int
}

// invocation is one run of a function.
type invocation struct {
	world    *world
	function string
	about    string // the request's id, or the lease's key, or the run's
	payload  map[string]any
	source   *source
	began    time.Time
	deadline time.Time
	waiter   *strand // waits for the response; nil if no state machine does

	calls  int
	killAt int  // the call during which it is killed, or 0 for none
	after  bool // it is killed after that call's effect
	stall  time.Duration
	stalls int // the call before which it stalls

	dead, ended bool
	refused     bool // Lambda refused to run it
	endedAt     time.Time
	faults      map[string]bool // services whose calls failed

	then     func(*invocation) // called when it is answered
	answered bool
	output   any
	raw      []byte
	failure  *failure
}

type invocationKey struct{}

func of(ctx context.Context) *invocation { return ctx.Value(invocationKey{}).(*invocation) }

// invoke runs the function that a state's parameters name.
func (l *lambda) invoke(parameters any, waiter *strand) *invocation {
	p := parameters.(map[string]any)
	payload := p["Payload"].(map[string]any)
	text, err := json.Marshal(payload)
	if err != nil {
		panic(err)
	}
	return l.run(p["FunctionName"].(string), payload, text, waiter)
}

// Invoke is the API for asynchronous invocations.
func (l *lambda) Invoke(ctx context.Context, in *awslambda.InvokeInput, _ ...func(*awslambda.Options)) (*awslambda.InvokeOutput, error) {
	if in.InvocationType != types.InvocationTypeEvent {
		panic("Lambda: only invocations that nobody waits for are known here")
	}
	return call(ctx, l.world, "lambda", "Invoke", *in.FunctionName+string(in.Payload), func() (*awslambda.InvokeOutput, error) {
		var payload map[string]any
		if err := json.Unmarshal(in.Payload, &payload); err != nil {
			panic(err)
		}
		l.event(*in.FunctionName, payload, in.Payload, l.world.clock.now().Add(eventAge))
		return &awslambda.InvokeOutput{StatusCode: http.StatusAccepted}, nil
	})
}

// eventAge is how long Lambda retries an asynchronous invocation, as set in the
// template.
const eventAge = time.Minute

// event runs a function, and tries again if Lambda refused the invocation. It doesn't
// retry the function's own errors.
func (l *lambda) event(name string, payload map[string]any, text []byte, until time.Time) {
	inv := l.run(name, payload, text, nil)
	inv.then = func(inv *invocation) {
		if again := l.world.clock.now().Add(time.Second); inv.refused && again.Before(until) {
			l.world.then(again, inv.source.dice("event").next(), func() { l.event(name, payload, text, until) })
		}
	}
}

// These are the errors that Lambda itself returns, before a function runs and after.
var (
	errorsBefore = []string{"Lambda.TooManyRequestsException", "Lambda.ServiceException", "Lambda.AWSLambdaException", "Lambda.SdkClientException"}
	errorsAfter  = []string{"Lambda.Unknown", "Lambda.ServiceException", "Lambda.ClientExecutionTimeoutException", "Lambda.SdkClientException"}
)

// These are the errors of a function whose process died, or that timed out.
const (
	errorDied    = "Runtime.ExitError"
	errorTooLong = "Sandbox.Timedout"
)

func TestEveryTransientErrorIsPlayed(t *testing.T) {
	// The last two come from the functions.
	played := slices.Concat(errorsBefore, errorsAfter, []string{errorDied, errorTooLong, string(access.CodeThrottled), string(access.CodeUnavailable)})
	slices.Sort(played)
	want := slices.Sorted(slices.Values(statemachine.TransientErrors))
	if got := slices.Compact(played); !slices.Equal(got, want) {
		t.Errorf("Lambda plays %q, the machines retry %q", got, want)
	}
}

func (l *lambda) run(name string, payload map[string]any, text []byte, waiter *strand) *invocation {
	w := l.world
	l.count++
	about, operation := "", ""
	for _, field := range []string{"request_id", "lease", "run"} {
		if s, ok := payload[field].(string); ok && about == "" {
			about = s
		}
	}
	operation, _ = payload["operation"].(string)
	key := mix(l.source.key, hash(fmt.Sprint(name, operation, about, l.count)))
	inv := &invocation{
		world: w, function: name, about: about, payload: payload, source: newSource(key), waiter: waiter,
		began: w.clock.now(), faults: map[string]bool{},
	}
	d := inv.source.dice("fate")
	t := w.trouble
	if t.isActive(w.clock.now()) {
		switch {
		case d.chance(t.kills):
			inv.killAt, inv.after = 1+d.below(14), d.chance(0.5)
		case d.chance(t.stalls):
			inv.stalls = 1 + d.below(14)
			inv.stall = time.Duration(float64(45*time.Second) * math.Pow(float64(d.below(1000))/1000, 2))
		}
	}
	troubled := t.isActive(w.clock.now())
	before := troubled && d.chance(t.errors/2)
	lost := troubled && d.chance(t.errors/2)
	orphan := troubled && d.chance(t.orphans)
	orphaned := d.between(50*time.Millisecond, 12*time.Second)
	which := d.next()
	w.clock.spawn(func() {
		defer func() {
			// Killing a process ends only the goroutine that made the call. The process's
			// other goroutines would not have gone on: their next call ends them.
			if r := recover(); r != nil && !inv.dead {
				w.broken("a function", fmt.Sprintf("%s %s panics: %v\n%s", name, text, r, stack()))
			}
			inv.finish()
		}()
		if before {
			w.clock.until(w.clock.now().Add(d.between(5*time.Millisecond, 50*time.Millisecond)), d.next())
			inv.refused = true
			inv.answer(nil, &failure{errorsBefore[which%uint64(len(errorsBefore))], ""})
			return
		}
		var h handler
		delay := d.between(2*time.Millisecond, 20*time.Millisecond)
		if idle := l.idle[name]; len(idle) > 0 {
			h, l.idle[name] = idle[len(idle)-1], idle[:len(idle)-1]
		} else {
			w.clock.outside(func() { h = l.wire(w, name) })
			delay += d.between(100*time.Millisecond, 600*time.Millisecond)
		}
		w.clock.until(w.clock.now().Add(delay), d.next())
		inv.deadline = w.clock.now().Add(statemachine.FunctionTimeouts[name])
		w.noteInvocation(inv)
		if orphan {
			w.clock.spawn(func() {
				w.clock.until(w.clock.now().Add(orphaned), which)
				if !inv.answered {
					w.clock.say("  %s of %s is given up while it runs", name, inv.about)
					inv.answer(nil, &failure{"Lambda.ClientExecutionTimeoutException", ""})
				}
			})
		}
		ctx, cancel := context.WithDeadline(context.WithValue(context.Background(), invocationKey{}, inv), inv.deadline)
		defer cancel()
		var out []byte
		var err error
		w.clock.outside(func() { out, err = h(ctx, text) })
		inv.ended, inv.endedAt = true, w.clock.now()
		if inv.dead {
			return
		}
		l.idle[name] = append(l.idle[name], h)
		if lost {
			w.clock.say("  %s of %s: the answer is lost", name, inv.about)
			inv.answer(nil, &failure{errorsAfter[which%uint64(len(errorsAfter))], ""})
			return
		}
		inv.result(out, err)
	})
	return inv
}

// result passes on what the function returned.
func (inv *invocation) result(out []byte, err error) {
	if err != nil {
		var e messages.InvokeResponse_Error
		if !errors.As(err, &e) {
			e = messages.InvokeResponse_Error{Type: fmt.Sprintf("%T", err), Message: err.Error()}
		}
		cause, _ := json.Marshal(e)
		inv.answer(nil, &failure{e.Type, string(cause)})
		return
	}
	var output any
	if jsonErr := json.Unmarshal(out, &output); jsonErr != nil {
		inv.world.broken("a function", fmt.Sprintf("%s answers %q", inv.function, out))
	}
	inv.raw = out
	inv.answer(output, nil)
}

// finish responds for a function that was killed.
func (inv *invocation) finish() {
	if inv.world.clock.ended {
		return
	}
	name := errorDied
	if !inv.deadline.IsZero() && !inv.world.clock.now().Before(inv.deadline) {
		name = errorTooLong
	}
	if inv.dead && !inv.answered {
		inv.world.clock.say("  %s of %s died: %s", inv.function, inv.about, name)
	}
	if !inv.ended {
		inv.ended, inv.endedAt = true, inv.world.clock.now()
	}
	inv.answer(nil, &failure{name, ""})
}

func (inv *invocation) answer(output any, f *failure) {
	if inv.answered {
		return
	}
	inv.answered, inv.output, inv.failure = true, output, f
	if inv.then != nil {
		inv.then(inv)
	}
	if inv.waiter != nil {
		inv.world.clock.wake(inv.waiter.turn)
	}
}

func (inv *invocation) die() {
	inv.dead = true
	runtime.Goexit()
}

// sleep is how functions wait.
func sleep(ctx context.Context, d time.Duration) error {
	inv := of(ctx)
	inv.world.clock.mu.Lock()
	defer inv.world.clock.mu.Unlock()
	return inv.pass(ctx, inv.source.dice("sleep"), d)
}

// pass moves the time for the function, at most until its context expires. It doesn't
// return if the function times out.
func (inv *invocation) pass(ctx context.Context, d *dice, length time.Duration) error {
	if inv.dead {
		runtime.Goexit()
	}
	w := inv.world
	at := w.clock.now().Add(length)
	deadline, _ := ctx.Deadline()
	late := !deadline.IsZero() && at.After(deadline)
	if late {
		at = deadline
	}
	w.clock.until(at, d.next())
	if inv.dead {
		runtime.Goexit()
	}
	if !w.clock.now().Before(inv.deadline) {
		inv.die()
	}
	if late {
		return context.DeadlineExceeded
	}
	return ctx.Err()
}

// These happen to a call: it is throttled, its service is down, its answer is lost, it is
// denied, it takes 1.5 s, or its caller dies once it took effect.
const (
	faultThrottled = "throttled"
	faultDown      = "down"
	faultLost      = "answer lost"
	faultDenied    = "denied"
	faultSlow      = "slow"
	faultDies      = "caller dies"
)

// attempts returns how often the SDK tries a call (aws.RetryModeStandard: 3;
// reconcile sets 10).
func (inv *invocation) attempts() int {
	if inv.function == "reconcile" {
		return 10
	}
	return 3
}

// These are options of a call. With once, the SDK tries it once. again, if the caller
// set a retryer, reports whether the SDK tries again after an error.
type options struct {
	once  bool
	again func(error) bool
}

// call makes a call to a service. It takes time, and everything may go wrong: it fails
// before or after its effect, the SDK repeats it, it arrives after its caller is gone,
// or its caller dies.
func call[Out any](ctx context.Context, w *world, service, operation, about string, do func() (Out, error), opts ...options) (Out, error) {
	w.clock.mu.Lock()
	defer w.clock.mu.Unlock()
	inv := of(ctx)
	d := inv.source.dice(service + operation + about)
	var none Out
	attempts := inv.attempts()
	if len(opts) > 0 && opts[0].once {
		attempts = 1
	}
	for attempt := 1; ; attempt++ {
		out, err, again := try(ctx, inv, d, service, operation, about, do)
		if !again {
			return out, err
		}
		if attempt >= attempts || len(opts) > 0 && opts[0].again != nil && !opts[0].again(err) {
			return none, err
		}
		most := min(time.Second<<attempt, 20*time.Second)
		if inv.pass(ctx, d, d.between(0, most)) != nil {
			return none, &smithy.CanceledError{Err: context.DeadlineExceeded}
		}
	}
}

// try makes one attempt of a call. again is true if the SDK may repeat it.
func try[Out any](ctx context.Context, inv *invocation, d *dice, service, operation, about string, do func() (Out, error)) (_ Out, _ error, again bool) {
	var none Out
	w, t := inv.world, inv.world.trouble
	if inv.dead {
		runtime.Goexit()
	}
	inv.calls++
	number := inv.calls
	troubled := t.isActive(w.clock.now())
	if number == inv.stalls {
		w.clock.say("  %s of %s stands still for %v before %s", inv.function, inv.about, inv.stall.Round(time.Millisecond), operation)
		// The whole process stalls: it doesn't see that its context expires.
		w.clock.until(minTime(w.clock.now().Add(inv.stall), inv.deadline), d.next())
		if !w.clock.now().Before(inv.deadline) {
			inv.dead = true
			// The caller may have sent the call just before it died.
			if d.chance(0.3) {
				later(inv, d, operation, do)
			}
			inv.die()
		}
	}
	kill := number == inv.killAt
	if kill && !inv.after {
		if d.chance(0.3) {
			later(inv, d, operation, do) // in flight when its caller died
		}
		inv.die()
	}
	latency := d.between(2*time.Millisecond, 15*time.Millisecond)
	if troubled && d.chance(t.slow) {
		latency = d.between(100*time.Millisecond, 4*time.Second)
	}
	fail := func(kind string, err error) (Out, error, bool) {
		inv.faults[service] = true
		if kind != "is throttled" {
			inv.noteLost(operation) // the caller can't know whether the call had its effect
		}
		if w.clock.story != nil {
			w.clock.say("  %s of %s: %s %s", inv.function, inv.about, operation, kind)
		}
		return none, err, true
	}
	if w.isDown(service) {
		if err := inv.pass(ctx, d, d.between(10*time.Millisecond, 2*time.Second)); err != nil {
			out, err, _ := fail("has no answer in time", &smithy.CanceledError{Err: err})
			return out, err, false
		}
		return fail("is down", &smithyhttp.ResponseError{Response: response(http.StatusServiceUnavailable), Err: errors.New("Service Unavailable")})
	}
	if w.fault != nil {
		switch w.fault(inv, operation, about) {
		case faultThrottled:
			return fail("is throttled", &smithy.GenericAPIError{Code: "ThrottlingException", Message: "Rate exceeded", Fault: smithy.FaultClient})
		case faultDown:
			return fail("is down", &smithyhttp.ResponseError{Response: response(http.StatusServiceUnavailable), Err: errors.New("Service Unavailable")})
		case faultLost:
			effectOf(inv, operation, do)
			return fail("has its effect, and is not answered", &smithyhttp.RequestSendError{Err: errors.New("connection reset by peer")})
		case faultDenied:
			_, err, _ := fail("is denied", &smithy.GenericAPIError{Code: "AccessDeniedException", Message: "not authorized", Fault: smithy.FaultClient})
			return none, err, false
		case faultDies:
			kill = true
		case faultSlow:
			latency = 1500 * time.Millisecond
		}
	}
	rate := t.errors
	if readsForPolicy[operation] {
		rate = max(rate, t.reads)
	}
	if err := inv.pass(ctx, d, latency); err != nil {
		if d.chance(0.5) {
			later(inv, d, operation, do)
		}
		out, err, _ := fail("has no answer in time", &smithy.CanceledError{Err: err})
		return out, err, false
	}
	if troubled && (service == "sso" || service == "identitystore") && d.chance(t.late) {
		later(inv, d, operation, do)
		return fail("is on its way, and not answered", &smithyhttp.RequestSendError{Err: errors.New("connection reset by peer")})
	}
	if troubled && d.chance(rate) {
		switch d.below(4) {
		case 0:
			return fail("is throttled", &smithy.GenericAPIError{Code: "ThrottlingException", Message: "Rate exceeded", Fault: smithy.FaultClient})
		case 1:
			return fail("is not answered", &smithyhttp.RequestSendError{Err: errors.New("connection reset by peer")})
		case 2:
			// The effect comes later, and the caller doesn't know.
			later(inv, d, operation, do)
			return fail("is on its way, and not answered", &smithyhttp.RequestSendError{Err: errors.New("connection reset by peer")})
		default:
			effectOf(inv, operation, do)
			return fail("has its effect, and is not answered", &smithyhttp.RequestSendError{Err: errors.New("connection reset by peer")})
		}
	}
	w.doing = inv
	out, err := do()
	w.doing = nil
	if w.clock.story != nil && quiet[operation] == false {
		w.clock.say("  %s of %s: %s %s %v", inv.function, inv.about, operation, about, errText(err))
	}
	if kill {
		inv.noteLost(operation)
		inv.die()
	}
	return out, err, false
}

// readsForPolicy are the calls that read memberships and the organization's tree.
var readsForPolicy = map[string]bool{"IsMemberInGroups": true, "ListGroupMemberships": true, "ListParents": true}

// quiet lists the calls that a story leaves out unless they fail.
var quiet = map[string]bool{"GetItem": true, "Query": true, "ListExecutions": true, "ListInstances": true, "GetObject": true, "GetParameter": true, "GetParameters": true, "DescribeUser": true, "GetUserId": true, "MembersAmong": true, "User": true}

func errText(err error) string {
	if err == nil {
		return ""
	}
	return "— " + err.Error()
}

func (inv *invocation) noteLost(operation string) {
	if operation == "CreateGroupMembership" {
		inv.world.ledger.noteLostAnswer(inv)
	}
}

func effectOf[Out any](inv *invocation, operation string, do func() (Out, error)) {
	inv.noteLost(operation)
	inv.world.doing = inv
	_, _ = do()
	inv.world.doing = nil
}

// longestFlight is the longest time from the end of a caller to the effect of its
// call. The leases allow ten seconds for it (leases.margin).
const longestFlight = 8 * time.Second

// later delays the call's effect, even if the caller is gone by then.
func later[Out any](inv *invocation, d *dice, operation string, do func() (Out, error)) {
	at := inv.world.clock.now().Add(d.between(20*time.Millisecond, longestFlight))
	order := d.next()
	inv.noteLost(operation)
	inv.world.clock.spawn(func() {
		inv.world.clock.until(at, order)
		inv.world.clock.say("  %s of %s: %s lands late", inv.function, inv.about, operation)
		effectOf(inv, operation, do)
	})
}

func response(status int) *smithyhttp.Response {
	return &smithyhttp.Response{Response: &http.Response{StatusCode: status, Header: http.Header{}}}
}

func minTime(a, b time.Time) time.Time {
	if a.Before(b) {
		return a
	}
	return b
}
