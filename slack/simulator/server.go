package simulator

import (
	"errors"
	"net/http"
)

// Server is one Slack workspace. All of it is safe for concurrent use; nothing
// outlives the process.
type Server struct {
	ws     *workspace
	faults faultList
	log    deliveryLog
	truth  *truthReader
	client *http.Client
}

var errNoView = errors.New("this person has no such form open")

// New makes a workspace. It panics where the Config lacks a required field:
// that is a mistake of the program, not of its user.
func New(cfg Config) *Server {
	if err := cfg.checkAndSetDefaults(); err != nil {
		panic(err)
	}
	return &Server{
		ws:    newWorkspace(cfg),
		truth: &truthReader{read: cfg.Truth, now: cfg.Now},
		client: &http.Client{
			// Slack does not follow an app elsewhere.
			CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
		},
	}
}
