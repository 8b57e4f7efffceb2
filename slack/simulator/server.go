package simulator

import (
	"errors"
	"net/http"
	"time"
)

// Server is one Slack workspace. It is safe for concurrent use. Its state is lost when
// the process ends.
type Server struct {
	ws     *workspace
	faults faultList
	log    deliveryLog
	truth  *truthReader
	client *http.Client
	// answerWithin is how long Slack waits for the app. Tests set more.
	answerWithin time.Duration
}

var errNoView = errors.New("this person has no open form with this id")

// New returns a workspace. It panics if cfg is invalid, because that is a mistake in the
// program, not of its user.
func New(cfg Config) *Server {
	if err := cfg.checkAndSetDefaults(); err != nil {
		panic(err)
	}
	return &Server{
		ws:    newWorkspace(cfg),
		truth: &truthReader{read: cfg.Truth, now: cfg.Now},
		client: &http.Client{
			// Slack does not follow redirects of an app.
			CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
		},
		answerWithin: answerWithin,
	}
}
