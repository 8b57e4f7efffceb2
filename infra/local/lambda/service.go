package lambda

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"sort"
	"sync"
	"time"
)

// maxInstances limits the processes of one function. Lambda would start a thousand;
// here further invocations wait.
const maxInstances = 64

// Config describes where the functions run, as they see it.
type Config struct {
	Region    string
	AccountID string
	// Environment is added to every function's own.
	Environment map[string]string
	// InstanceEnvironment, if set, returns further variables of one process.
	InstanceEnvironment func(instance string) map[string]string
	// Log gets the functions' output. Each line starts with the function's name.
	Log io.Writer
	Now func() time.Time
	// Fault, if set, returns the fault of an invocation.
	Fault func(id, function string, payload []byte) Fault
}

// Fault is what fails on purpose in one invocation.
type Fault struct {
	Delay      time.Duration // the process gets the event later
	Hold       chan struct{} // the process gets the event when this is closed; nil: at once
	Cold       bool          // a new process gets the event, even if a warm one is free
	KillBefore bool          // the process is killed instead of getting the event
	KillAfter  bool          // the process is killed when it answers, and the answer is lost
	Throttled  bool          // Lambda refuses the invocation: TooManyRequestsException
	Failed     bool          // Lambda itself fails: ServiceException
}

// Service holds the functions and their warm instances.
type Service struct {
	config Config
	log    io.Writer

	mu        sync.Mutex
	closed    bool
	functions map[string]*pool
	running   map[string]*instance // by id
	events    sync.WaitGroup       // running invocations of type Event
}

type pool struct {
	function *Function
	slots    chan struct{}
	idle     []*instance // the last one used is taken first
	reserved *int        // concurrency; nil if none is reserved
	running  int         // invocations
}

// Result is a function's answer.
type Result struct {
	RequestID string
	// Error is empty, or "Unhandled" if the payload describes an error.
	Error           string
	Payload         []byte
	ExecutedVersion string
}

// ErrFailed means that Lambda itself failed.
var ErrFailed = errors.New("the service failed")

// ErrNotFound means that there is no such function, version or alias.
var ErrNotFound = errors.New("function not found")

// New returns a service without functions.
func New(c Config) *Service {
	return &Service{config: c, log: &lockedWriter{out: c.Log}, functions: map[string]*pool{}, running: map[string]*instance{}}
}

// Register adds f, or replaces the function with its name. It fails if there is
// nothing to run.
func (s *Service) Register(f Function) error {
	info, err := os.Stat(f.executable())
	if err != nil {
		return fmt.Errorf("function %s: %w", f.Name, err)
	}
	if info.IsDir() || info.Mode()&0o111 == 0 {
		return fmt.Errorf("function %s: %s is not executable", f.Name, f.executable())
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.functions[f.Name] = &pool{function: &f, slots: make(chan struct{}, maxInstances)}
	return nil
}

// Names returns the functions' names, sorted.
func (s *Service) Names() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	names := make([]string, 0, len(s.functions))
	for name := range s.functions {
		names = append(names, name)
	}
	sort.Strings(names)
	return names
}

// ARN returns a function's ARN.
func (s *Service) ARN(name string) string {
	return fmt.Sprintf("arn:aws:lambda:%s:%s:function:%s", s.config.Region, s.config.AccountID, name)
}

// Close kills every instance. Running invocations end with an exit error, and later
// ones fail.
func (s *Service) Close() {
	s.mu.Lock()
	s.closed = true
	running := make([]*instance, 0, len(s.running))
	for _, i := range s.running {
		running = append(running, i)
	}
	s.mu.Unlock()
	for _, i := range running {
		i.close()
	}
	s.events.Wait()
}

// Invoke runs a function once and returns its answer. The function's own errors,
// its exit and its timeout are Results. Invoke fails if it can't start the
// invocation, or if ctx ends first.
func (s *Service) Invoke(ctx context.Context, name, qualifier string, payload []byte) (Result, error) {
	s.mu.Lock()
	p := s.functions[name]
	s.mu.Unlock()
	if p == nil {
		return Result{}, fmt.Errorf("%w: %s", ErrNotFound, s.ARN(name))
	}
	version, ok := p.function.version(qualifier)
	if !ok {
		return Result{}, fmt.Errorf("%w: %s:%s", ErrNotFound, s.ARN(name), qualifier)
	}
	arn := s.ARN(name)
	if qualifier != "" {
		arn += ":" + qualifier
	}
	result := Result{RequestID: NewRequestID(), ExecutedVersion: version}

	var fault Fault
	if s.config.Fault != nil {
		fault = s.config.Fault(result.RequestID, name, payload)
	}
	switch {
	case fault.Throttled:
		return Result{}, ErrThrottled
	case fault.Failed:
		return Result{}, ErrFailed
	}
	if err := s.enter(p); err != nil {
		return Result{}, err
	}
	defer s.leave(p)
	select {
	case p.slots <- struct{}{}:
		defer func() { <-p.slots }()
	case <-ctx.Done():
		return Result{}, ctx.Err()
	}
	inst, err := s.acquire(p, version, fault.Cold)
	if err != nil {
		return Result{}, err
	}
	result.Payload, result.Error = s.run(ctx, p, inst, &invocation{
		id: result.RequestID, arn: arn, payload: payload, done: make(chan outcome, 1),
	}, fault)
	return result, nil
}

// run sends inv through inst. It returns inst to its pool if another invocation can
// use it.
func (s *Service) run(ctx context.Context, p *pool, inst *instance, inv *invocation, fault Fault) (payload []byte, functionError string) {
	healthy := false
	defer func() {
		if healthy {
			s.release(p, inst)
		} else {
			s.discard(inst)
		}
	}()

	starting := time.NewTimer(initTimeout)
	defer starting.Stop()
	select {
	case <-inst.ready:
	case <-inst.process.Done():
		if reported := inst.reportedInitError(); reported != nil {
			return reported, "Unhandled"
		}
		return exitError(inv.id, inst.process.Err()), "Unhandled"
	case <-starting.C:
		return timeoutError(inv.id, initTimeout), "Unhandled"
	case <-ctx.Done():
		return exitError(inv.id, ctx.Err()), "Unhandled"
	}

	timeout := inst.function.Timeout
	if fault.Delay > 0 {
		select {
		case <-time.After(fault.Delay):
		case <-ctx.Done():
		}
	}
	if fault.Hold != nil {
		select {
		case <-fault.Hold:
		case <-ctx.Done():
		}
	}
	inv.deadline = s.config.Now().Add(timeout)
	inst.begin(inv)
	running := time.NewTimer(timeout)
	defer running.Stop()
	work := inst.work
	if fault.KillBefore {
		// A process that got the event might finish before the signal reaches it.
		work = nil
		inst.process.Kill()
	}
	for {
		select {
		case work <- inv:
			work = nil
		case out := <-inv.done:
			if fault.KillAfter {
				return exitError(inv.id, errors.New("signal: killed")), "Unhandled"
			}
			healthy = true
			if out.failed {
				return out.payload, "Unhandled"
			}
			return out.payload, ""
		case <-inst.process.Done():
			select {
			case out := <-inv.done: // answered just before it ended
				if out.failed {
					return out.payload, "Unhandled"
				}
				return out.payload, ""
			default:
			}
			return exitError(inv.id, inst.process.Err()), "Unhandled"
		case <-running.C:
			return timeoutError(inv.id, timeout), "Unhandled"
		}
	}
}

// acquire returns a warm instance unless cold is set, or starts a new one.
func (s *Service) acquire(p *pool, version string, cold bool) (*instance, error) {
	s.mu.Lock()
	for len(p.idle) > 0 && !cold {
		last := len(p.idle) - 1
		inst := p.idle[last]
		p.idle = p.idle[:last]
		select {
		case <-inst.process.Done(): // killed while it was idle
			delete(s.running, inst.id)
			go inst.close()
			continue
		default:
		}
		s.mu.Unlock()
		return inst, nil
	}
	closed := s.closed
	s.mu.Unlock()
	if closed {
		return nil, errors.New("the functions are being shut down")
	}
	id := NewRequestID()
	inst, err := startInstance(p.function, id, s.environment(p.function, id, version), s.log)
	if err != nil {
		return nil, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		go inst.close()
		return nil, errors.New("the functions are being shut down")
	}
	s.running[id] = inst
	return inst, nil
}

// Invocation is one event that a process is working on.
type Invocation struct {
	ID       string
	Function string
	Payload  []byte
}

// Current returns the invocation that the process with a session token is working
// on. ok is false if the process is idle or doesn't exist.
func (s *Service) Current(instance string) (current Invocation, ok bool) {
	s.mu.Lock()
	i := s.running[instance]
	s.mu.Unlock()
	if i == nil {
		return Invocation{}, false
	}
	i.mu.Lock()
	defer i.mu.Unlock()
	if i.current == nil {
		return Invocation{}, false
	}
	return Invocation{ID: i.current.id, Function: i.function.Name, Payload: i.current.payload}, true
}

// Kill ends the process with a session token, whether or not it is working.
func (s *Service) Kill(instance string) {
	s.mu.Lock()
	i := s.running[instance]
	s.mu.Unlock()
	if i != nil {
		i.process.Kill()
	}
}

func (s *Service) release(p *pool, inst *instance) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.closed {
		p.idle = append(p.idle, inst)
	}
}

func (s *Service) discard(inst *instance) {
	inst.close()
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.running, inst.id)
}

// environment returns the variables that Lambda sets for a function on
// provided.al2023, those of the template, and those of the local stack. It leaves out
// this program's own environment, so that a function gets only the variables that it
// gets on AWS.
//
// https://docs.aws.amazon.com/lambda/latest/dg/configuration-envvars.html
func (s *Service) environment(f *Function, instance, version string) []string {
	values := map[string]string{
		"_HANDLER":                        f.Handler,
		"AWS_DEFAULT_REGION":              s.config.Region,
		"AWS_REGION":                      s.config.Region,
		"AWS_EXECUTION_ENV":               "AWS_Lambda_provided.al2023",
		"AWS_LAMBDA_FUNCTION_NAME":        f.Name,
		"AWS_LAMBDA_FUNCTION_VERSION":     version,
		"AWS_LAMBDA_FUNCTION_MEMORY_SIZE": fmt.Sprint(f.MemoryMB),
		"AWS_LAMBDA_INITIALIZATION_TYPE":  "on-demand",
		"AWS_LAMBDA_LOG_GROUP_NAME":       "/aws/lambda/" + f.Name,
		"AWS_LAMBDA_LOG_STREAM_NAME":      "local",
		"AWS_ACCESS_KEY_ID":               f.AccessKey(),
		"AWS_SECRET_ACCESS_KEY":           "local",
		"AWS_SESSION_TOKEN":               instance,
		"LAMBDA_TASK_ROOT":                f.Dir,
		"LANG":                            "en_US.UTF-8",
		"PATH":                            "/usr/local/bin:/usr/bin:/bin",
		"TZ":                              ":UTC",
	}
	for name, value := range f.Environment {
		values[name] = value
	}
	for name, value := range s.config.Environment {
		values[name] = value
	}
	if s.config.InstanceEnvironment != nil {
		for name, value := range s.config.InstanceEnvironment(instance) {
			values[name] = value
		}
	}
	env := make([]string, 0, len(values))
	for name, value := range values {
		env = append(env, name+"="+value)
	}
	sort.Strings(env)
	return env
}

// timeoutError and exitError return Lambda's payloads for a function that can no
// longer answer. The state machine's Retry names their types.
func timeoutError(id string, after time.Duration) []byte {
	return errorPayload("Sandbox.Timedout", fmt.Sprintf("RequestId: %s Error: Task timed out after %.2f seconds", id, after.Seconds()))
}

func exitError(id string, err error) []byte {
	message := "Runtime exited without providing a reason"
	if err != nil {
		message = "Runtime exited with error: " + err.Error()
	}
	return errorPayload("Runtime.ExitError", fmt.Sprintf("RequestId: %s Error: %s", id, message))
}

func errorPayload(kind, message string) []byte {
	payload, _ := json.Marshal(map[string]string{"errorType": kind, "errorMessage": message})
	return payload
}

// lockedWriter keeps the lines of many processes apart.
type lockedWriter struct {
	mu  sync.Mutex
	out io.Writer
}

func (l *lockedWriter) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.out == nil {
		return len(p), nil
	}
	return l.out.Write(p)
}
