package simulator

import (
	"context"
	"encoding/json"
	"net/http"
	"sync"
	"time"
)

// Truth is the actual state outside Slack, read from Identity Center, Step Functions and
// the audit bucket.
type Truth struct {
	Assignments []Assignment  `json:"assignments"`
	Memberships []Membership  `json:"memberships"`
	Executions  []Execution   `json:"executions"` // latest first
	Audit       []AuditRecord `json:"audit"`      // oldest first
}

// Holding says under which request somebody has access, and until when. It is empty if no
// running execution knows of the access.
type Holding struct {
	RequestID string    `json:"request_id,omitempty"`
	Until     time.Time `json:"until,omitzero"`
	// Granting reports whether the request's execution is still granting the access. It
	// sets the end afterwards.
	Granting bool `json:"granting,omitempty"`
}

// Assignment is an account assignment in Identity Center.
type Assignment struct {
	AccountID     string `json:"account_id"`
	AccountName   string `json:"account_name"`
	PermissionSet string `json:"permission_set"`
	UserName      string `json:"user_name"`
	Email         string `json:"email"`
	PrincipalID   string `json:"principal_id"`
	Holding
}

// Membership is a user's membership in a group of Identity Center.
type Membership struct {
	GroupName   string `json:"group_name"`
	GroupID     string `json:"group_id"`
	UserName    string `json:"user_name"`
	Email       string `json:"email"`
	PrincipalID string `json:"principal_id"`
	Holding
}

// Execution is one execution of a state machine. Status is the status in Step Functions:
// RUNNING, SUCCEEDED, FAILED, TIMED_OUT, ABORTED.
type Execution struct {
	Name      string    `json:"name"`
	Title     string    `json:"title"`                // what it is about, in words
	IsRequest bool      `json:"is_request,omitempty"` // false: a check for access to remove
	RequestID string    `json:"request_id,omitempty"`
	Requester string    `json:"requester,omitempty"` // email
	Status    string    `json:"status"`
	Started   time.Time `json:"started"`
	Stopped   time.Time `json:"stopped,omitzero"`
	Steps     []Step    `json:"steps"`
	States    []State   `json:"states"` // in the order they were entered
}

// Step is one step of an execution, as people see it. Status is done, now, failed or todo.
type Step struct {
	Name   string    `json:"name"`
	Status string    `json:"status"`
	At     time.Time `json:"at,omitzero"`
	Until  time.Time `json:"until,omitzero"` // when a step that goes on ends
}

// State is one visit to a state. Status is running, succeeded, failed or waiting. An
// empty status counts as succeeded.
type State struct {
	Name    string    `json:"name"`
	Status  string    `json:"status"`
	Entered time.Time `json:"entered"`
}

// AuditRecord is one audit record, and what it says in one sentence.
type AuditRecord struct {
	Event    string          `json:"event"`
	At       time.Time       `json:"at,omitzero"`
	Sentence string          `json:"sentence"`
	Record   json.RawMessage `json:"record"`
}

// truthReader reads the truth once at a time, and at most once per truthEvery. The
// services behind it are called once a second, no matter how many pages are open.
type truthReader struct {
	read func(context.Context) (Truth, error)
	now  func() time.Time

	mu    sync.Mutex
	at    time.Time
	last  Truth
	err   error
	known bool
}

const (
	truthEvery   = time.Second
	truthTimeout = 20 * time.Second
)

// truthAnswer is the answer of /sim/truth. At is the time of the latest attempt. After an
// error, Truth is the last one that was read.
type truthAnswer struct {
	Available bool      `json:"available"`
	Error     string    `json:"error,omitempty"`
	At        time.Time `json:"at,omitzero"`
	Truth     *Truth    `json:"truth,omitempty"`
}

func (t *truthReader) current(ctx context.Context) truthAnswer {
	if t.read == nil {
		return truthAnswer{}
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	if now := t.now(); t.at.IsZero() || now.Sub(t.at) >= truthEvery || now.Before(t.at) {
		// A closed page must not break the answer for the other pages.
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), truthTimeout)
		defer cancel()
		truth, err := t.read(ctx)
		if t.err = err; err == nil {
			t.last, t.known = truth, true
		}
		t.at = t.now()
	}
	a := truthAnswer{Available: true, At: t.at}
	if t.err != nil {
		a.Error = t.err.Error()
	}
	if t.known {
		truth := t.last
		a.Truth = &truth
	}
	return a
}

func (t *truthReader) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	writeJSON(w, http.StatusOK, t.current(r.Context()))
}

// TruthPage returns the page without the workspace, for a system with a different Slack. It
// serves the page at / and the state at /sim/truth.
func TruthPage(truth func(context.Context) (Truth, error)) http.Handler {
	mux := http.NewServeMux()
	mux.Handle("GET /sim/truth", &truthReader{read: truth, now: time.Now})
	servePage(mux, pageParts{Mode: "truth"})
	return mux
}
