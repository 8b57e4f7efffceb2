// Package policytab lets visitors of the page try a policy. They edit the text of an
// elevator.yaml, and see what it decides about one request, and what the edit changes
// for everyone in the organization. It parses with package settings and decides with
// package policy, as elevator policy does. It changes nothing: the running system
// keeps its own policy.
//
//	GET  /sim/policy  the text that the visitor starts from, and what they can choose, as JSON
//	POST /sim/policy  {"text": "…", "requester": "…", "account": "…", "permission_set": "…"}
//	                  what the text decides; or "group" instead of an account; "duration"
//	                  and "ticket" are optional
package policytab

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"mime"
	"net/http"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"sso-elevator/functions/access"
	"sso-elevator/infra/policy"
	"sso-elevator/infra/settings"
)

// Config is what the visitor starts from.
type Config struct {
	File         string // name of the file that the running system uses
	Text         []byte // its content
	Organization Organization
}

// Organization is what the visitor chooses from. An edit is compared over all of it.
type Organization struct {
	People         []Person  `json:"people"`
	Accounts       []Account `json:"accounts"`
	PermissionSets []string  `json:"permission_sets"`
	Groups         []Group   `json:"groups"`
}

// Person is somebody who can request access.
type Person struct {
	Name   string   `json:"name"`
	Email  string   `json:"email"`
	Groups []string `json:"-"` // ids of their groups
}

// Account is an account of the organization.
type Account struct {
	ID   string   `json:"id"`
	Name string   `json:"name"`
	OUs  []string `json:"-"` // the root, and the organizational units above the account
}

// Group is a group of Identity Center.
type Group struct {
	ID   string `json:"id"`
	Name string `json:"name"`
}

// Limits of a question. A real elevator.yaml is much smaller.
const (
	maxText = 256 << 10 // bytes
	maxBody = 3 * maxText
	// maxProblems is how many errors and warnings an answer has.
	maxProblems = 100
	// maxProblemText is the length of each, in bytes.
	maxProblemText = 1000
)

// tab answers the requests of the page.
type tab struct {
	Config
	running *access.Policy
}

// New returns the handler. It returns an error if the text is not a valid policy.
func New(c Config) (http.Handler, error) {
	running, _, err := settings.ParsePolicy(c.File, c.Text)
	if err != nil {
		return nil, fmt.Errorf("parse policy: %w", err)
	}
	t := &tab{c, &running}
	mux := http.NewServeMux()
	mux.HandleFunc("GET /sim/policy", t.show)
	mux.HandleFunc("POST /sim/policy", t.try)
	return mux, nil
}

func (t *tab) show(w http.ResponseWriter, r *http.Request) {
	writeJSON(w, http.StatusOK, struct {
		File string `json:"file"`
		Text string `json:"text"`
		Organization
	}{filepath.Base(t.File), string(t.Text), t.Organization})
}

// question is the body of a POST.
type question struct {
	Text          string  `json:"text"`
	Requester     string  `json:"requester"`
	Account       string  `json:"account"`
	PermissionSet string  `json:"permission_set"`
	Group         string  `json:"group"`
	Duration      string  `json:"duration"`
	Ticket        *string `json:"ticket"` // nil: a ticket that every statement accepts
}

// reply is the answer to a question.
type reply struct {
	// Problems are the errors of the text or, if it has none, the warnings.
	Problems []problem `json:"problems"`
	// MoreProblems is how many problems are left out.
	MoreProblems int  `json:"more_problems"`
	IsValid      bool `json:"is_valid"` // the text is a policy; the other fields need one

	Answer         *policy.Explanation `json:"answer"`           // nil if the question has mistakes
	Mistakes       string              `json:"mistakes"`         // of the question, one per line
	AsksForTickets bool                `json:"asks_for_tickets"` // somewhere in the policy
	// Changes are what the edit changes, at most maxChanges. Null: not compared.
	Changes     []change `json:"changes"`
	MoreChanges int      `json:"more_changes"` // how many are left out
	NotCompared string   `json:"not_compared"` // why there are no changes
}

// problem is an error or a warning about the text.
type problem struct {
	Line    int    `json:"line"`
	Text    string `json:"text"`
	IsError bool   `json:"is_error"`
}

func (t *tab) try(w http.ResponseWriter, r *http.Request) {
	// The content type keeps other web pages from asking here.
	if kind, _, _ := mime.ParseMediaType(r.Header.Get("Content-Type")); kind != "application/json" {
		writeJSON(w, http.StatusUnsupportedMediaType, failure{"The content type must be application/json."})
		return
	}
	var q question
	decoder := json.NewDecoder(http.MaxBytesReader(w, r.Body, maxBody))
	decoder.DisallowUnknownFields()
	err := decoder.Decode(&q)
	var tooLarge *http.MaxBytesError
	switch {
	case errors.As(err, &tooLarge), len(q.Text) > maxText:
		writeJSON(w, http.StatusRequestEntityTooLarge, failure{fmt.Sprintf("The text is longer than %d KiB. Shorten it.", maxText>>10)})
	case err != nil:
		writeJSON(w, http.StatusBadRequest, failure{fmt.Sprintf("The question is not valid: %v.", err)})
	default:
		writeJSON(w, http.StatusOK, t.answer(r.Context(), q))
	}
}

// failure is the answer to a request that is not a question.
type failure struct {
	Error string `json:"error"`
}

func (t *tab) answer(ctx context.Context, q question) reply {
	edited, warnings, err := settings.ParsePolicy("f", []byte(q.Text))
	a := reply{Problems: []problem{}}
	var mistakes *settings.Mistakes
	switch {
	case errors.As(err, &mistakes):
		list := mistakes.List[:min(len(mistakes.List), maxProblems)]
		a.MoreProblems = len(mistakes.List) - len(list)
		a.addProblems(strings.Split((&settings.Mistakes{File: mistakes.File, List: list}).Error(), "\n"), true)
		return a
	case err != nil:
		a.addProblems([]string{err.Error()}, true)
		return a
	}
	a.IsValid = true
	a.MoreProblems = max(0, len(warnings)-maxProblems)
	a.addProblems(warnings[:len(warnings)-a.MoreProblems], false)
	a.AsksForTickets = asksForTickets(&edited)
	if e, err := policy.Explain(&edited, t.query(q)); err != nil {
		a.Mistakes = err.Error()
	} else {
		a.Answer = &e
	}
	if a.Changes, a.MoreChanges, err = t.compare(ctx, &edited); err != nil {
		a.NotCompared = err.Error()
	}
	return a
}

// addProblems adds problems in the form "file:line: text".
func (a *reply) addProblems(lines []string, isError bool) {
	for _, text := range lines {
		p := problem{Line: 1, Text: text, IsError: isError}
		if _, rest, ok := strings.Cut(text, ":"); ok {
			number, rest, _ := strings.Cut(rest, ": ")
			if n, err := strconv.Atoi(number); err == nil {
				p.Line, p.Text = n, rest
			}
		}
		if len(p.Text) > maxProblemText {
			p.Text = strings.ToValidUTF8(p.Text[:maxProblemText], "") + "…"
		}
		a.Problems = append(a.Problems, p)
	}
}

// query returns the question in the form of package policy. It adds what the
// organization knows about the person and the account.
func (t *tab) query(q question) []byte {
	fields := map[string]any{"requester": strings.TrimSpace(q.Requester)}
	set := func(key, value string) {
		if value = strings.TrimSpace(value); value != "" {
			fields[key] = value
		}
	}
	set("account", q.Account)
	set("permission_set", q.PermissionSet)
	set("group", q.Group)
	set("duration", q.Duration)
	if q.Ticket != nil {
		fields["ticket"] = *q.Ticket
	}
	email := access.NormalizeEmail(q.Requester)
	if i := slices.IndexFunc(t.Organization.People, func(p Person) bool { return access.NormalizeEmail(p.Email) == email }); i >= 0 {
		fields["requester_groups"] = t.Organization.People[i].Groups
	}
	if i := slices.IndexFunc(t.Organization.Accounts, func(a Account) bool { return a.ID == q.Account }); i >= 0 && q.Group == "" {
		fields["ou_path"] = t.Organization.Accounts[i].OUs
	}
	line, err := json.Marshal(fields)
	if err != nil {
		panic(err) // cannot happen: it has only texts
	}
	return line
}

// asksForTickets reports whether a statement of the policy has a ticket.
func asksForTickets(p *access.Policy) bool {
	return slices.ContainsFunc(slices.Concat(p.Accounts, p.Groups), func(s access.Statement) bool { return s.Ticket != nil })
}

func writeJSON(w http.ResponseWriter, status int, v any) {
	w.Header().Set("Content-Type", "application/json; charset=utf-8")
	w.Header().Set("Cache-Control", "no-store")
	w.WriteHeader(status)
	json.NewEncoder(w).Encode(v) // fails only if the client has gone
}
