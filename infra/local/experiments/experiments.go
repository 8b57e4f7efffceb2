// Package experiments breaks the local stack in ways that people worry about, and
// measures whether the system keeps its promise. Each experiment does the real damage:
// it stops an execution, kills processes, or makes Slack fail. Then it watches Identity
// Center and the audit bucket until the promise is kept, or its time is over.
//
//	GET  /sim/experiments  all experiments, as JSON
//	POST /sim/experiments  {"id": "stop"} starts one; 409 while it is running
package experiments

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"mime"
	"net/http"
	"sync"
	"time"

	"sso-elevator/functions/access"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/identitystore"
	"github.com/aws/aws-sdk-go-v2/service/organizations"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/sfn"
	"github.com/aws/aws-sdk-go-v2/service/ssoadmin"
	"golang.org/x/sync/semaphore"
)

// Config says what to break.
type Config struct {
	AWS    aws.Config
	Slack  string // URL of the simulated workspace
	Faults string // URL of package faults
	Team   string // Slack's id of the workspace
	// ARNs of the state machines.
	RequestMachine, ReconcileMachine string
	AuditBucket                      string
}

// State says how far an experiment is, or how it ended.
type State string

const (
	Ready     State = "ready"
	Preparing State = "preparing" // it creates the access that it will break
	Running   State = "running"   // it has broken something, and the clock is running
	Kept      State = "kept"      // the promise was kept
	Broken    State = "broken"    // the promise was not kept in time
	Failed    State = "failed"    // the experiment itself did not work, so it shows nothing
)

// Experiment is one experiment, with the state of its latest run.
type Experiment struct {
	ID      string `json:"id"`
	Title   string `json:"title"`
	Promise string `json:"promise"`
	// LimitSeconds is how long the promised effect may take, from the start of the clock.
	LimitSeconds int `json:"limit_seconds"`

	State State  `json:"state"`
	Says  string `json:"says,omitempty"`
	// RequestID is the request that the experiment breaks, if any.
	RequestID string `json:"request_id,omitempty"`
	// ClockFrom is when something was broken, or when the access that the experiment
	// watches ends, which may be in the future. ClockTo is when the promise was kept.
	ClockFrom time.Time `json:"clock_from,omitzero"`
	ClockTo   time.Time `json:"clock_to,omitzero"`

	play func(context.Context, *trial) error
}

// Experiments runs experiments.
type Experiments struct {
	config Config
	admin  *ssoadmin.Client
	store  *identitystore.Client
	org    *organizations.Client
	sfn    *sfn.Client
	s3     *s3.Client

	mu  sync.Mutex
	all []*Experiment

	forms sync.Map // a lock for each person, by Slack id
	// slackUp has slackShares shares. Trials that need Slack take one of them. The trial that
	// takes Slack down needs all.
	slackUp *semaphore.Weighted
}

// New returns the handler that shows and starts experiments on a stack. When ctx ends, so
// do running experiments.
func New(ctx context.Context, c Config) http.Handler {
	e := &Experiments{
		config: c, slackUp: semaphore.NewWeighted(slackShares),
		admin: ssoadmin.NewFromConfig(c.AWS), store: identitystore.NewFromConfig(c.AWS), org: organizations.NewFromConfig(c.AWS),
		sfn: sfn.NewFromConfig(c.AWS), s3: s3.NewFromConfig(c.AWS, func(o *s3.Options) { o.UsePathStyle = true }),
	}
	e.all = e.list()
	return e.handler(ctx)
}

func (e *Experiments) handler(ctx context.Context) http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /sim/experiments", func(w http.ResponseWriter, r *http.Request) { e.show(w, http.StatusOK) })
	mux.HandleFunc("POST /sim/experiments", func(w http.ResponseWriter, r *http.Request) {
		var in struct{ ID string }
		// The content type keeps other web pages from starting experiments.
		if kind, _, _ := mime.ParseMediaType(r.Header.Get("Content-Type")); kind != "application/json" || json.NewDecoder(http.MaxBytesReader(w, r.Body, 1000)).Decode(&in) != nil {
			http.Error(w, `the body must be JSON like {"id": "stop"}`, http.StatusBadRequest)
			return
		}
		e.show(w, e.start(ctx, in.ID))
	})
	return mux
}

func (e *Experiments) show(w http.ResponseWriter, status int) {
	e.mu.Lock()
	defer e.mu.Unlock()
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	json.NewEncoder(w).Encode(map[string]any{"experiments": e.all})
}

// start starts an experiment. It returns the HTTP status for the answer.
func (e *Experiments) start(ctx context.Context, id string) int {
	e.mu.Lock()
	defer e.mu.Unlock()
	for _, x := range e.all {
		switch {
		case x.ID != id:
		case x.State == Preparing || x.State == Running:
			return http.StatusConflict
		default:
			x.State, x.Says, x.RequestID, x.ClockFrom, x.ClockTo = Preparing, "", "", time.Time{}, time.Time{}
			go e.play(ctx, x)
			return http.StatusAccepted
		}
	}
	return http.StatusNotFound
}

// maxPreparation limits a run, apart from the time that the clock measures.
const maxPreparation = 3 * time.Minute

// errLate says that the promise was not kept in time.
var errLate = errors.New("not in time")

func (e *Experiments) play(ctx context.Context, x *Experiment) {
	ctx, cancel := context.WithTimeout(ctx, maxPreparation+time.Duration(x.LimitSeconds)*time.Second)
	defer cancel()
	t := &trial{Experiments: e, x: x}
	err := x.play(ctx, t)
	t.cleanUp()
	e.mu.Lock()
	defer e.mu.Unlock()
	switch {
	case err == nil:
		x.State = Kept
	case errors.Is(err, errLate):
		x.State = Broken
	default:
		x.State, x.Says = Failed, err.Error()
	}
}

// trial is one run of an experiment.
type trial struct {
	*Experiments
	x    *Experiment
	undo []func()
	// dialogs are the ids of those that were submitted.
	dialogs sync.Map
}

// cleanUp undoes the damage that would last.
func (t *trial) cleanUp() {
	for _, f := range t.undo {
		f()
	}
	t.undo = nil
}

func (t *trial) say(format string, args ...any) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.x.Says = fmt.Sprintf(format, args...)
}

// startClock starts the clock at a time.
func (t *trial) startClock(at time.Time) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.x.State, t.x.ClockFrom = Running, at.UTC()
}

// stopClock stops the clock, and returns what it shows, in words.
func (t *trial) stopClock() string {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.x.ClockTo = time.Now().UTC()
	shown := max(t.x.ClockTo.Sub(t.x.ClockFrom), 0)
	if shown < 10*time.Second {
		return fmt.Sprintf("%.1f s", shown.Seconds())
	}
	return access.FormatDuration(shown)
}

// pollInterval is how often a trial looks at the services.
const pollInterval = 500 * time.Millisecond

// await waits until a condition is true. While the clock is running, it returns errLate
// when the promised time is over.
func (t *trial) await(ctx context.Context, what string, condition func(context.Context) (bool, error)) error {
	tick := time.NewTicker(pollInterval)
	defer tick.Stop()
	for {
		ok, err := condition(ctx)
		if ok {
			return nil
		}
		t.mu.Lock()
		from, isRunning := t.x.ClockFrom, !t.x.ClockFrom.IsZero() && t.x.ClockTo.IsZero()
		t.mu.Unlock()
		if limit := time.Duration(t.x.LimitSeconds) * time.Second; isRunning && time.Since(from) > limit {
			t.stopClock()
			t.say("After %s, %s.", limit, what)
			return errLate
		}
		select {
		case <-ctx.Done():
			return errors.Join(fmt.Errorf("%s: %w", what, ctx.Err()), err)
		case <-tick.C:
		}
	}
}
