package simulator

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"mime"
	"net/http"
	"slices"
	"strconv"
	"strings"
)

// Result is the result of an interaction, as the person sees it.
type Result struct {
	OK     bool   `json:"ok"`
	Error  string `json:"error,omitempty"`  // timeout, unreachable, status_500, bad_answer, field_errors
	Detail string `json:"detail,omitempty"` // text that the person sees
	N      int    `json:"n,omitempty"`      // number of the delivery; 0 if the app was not called
	Status int    `json:"status,omitempty"` // HTTP status of the app's answer
	Millis int64  `json:"millis,omitempty"`
	// Opened is the id of the modal that the app opened with the interaction's trigger id.
	Opened string `json:"opened,omitempty"`

	FieldErrors map[string]string `json:"field_errors,omitempty"` // block id → text
	// Action is the response_action of the app's answer. It is "" if the answer
	// closed the form.
	Action   string   `json:"action,omitempty"`
	Problems []string `json:"problems,omitempty"` // limits that the app's answer exceeds
	// Options are the options that the app offered for a select. If the app answered
	// with groups, each option has a "group".
	Options []Option `json:"options,omitempty"`
}

// Option is one entry of a select's list.
type Option struct {
	Text        string `json:"text"`
	Value       string `json:"value"`
	Description string `json:"description,omitempty"`
	Group       string `json:"group,omitempty"`
}

const connectionTrouble = "We had some trouble connecting. Try again?"

func (s *Server) resultOf(d delivery) Result {
	r := Result{OK: d.Error == "", Error: d.Error, N: d.N, Status: d.Status, Millis: d.Millis, Opened: s.ws.openedBy(d.triggerID)}
	if !r.OK {
		r.Detail = connectionTrouble
	}
	return r
}

// driveRequest is the body of every POST. Each endpoint uses some of the fields.
type driveRequest struct {
	Person     string            `json:"person"`
	CallbackID string            `json:"callback_id"`
	Command    string            `json:"command"`
	Text       string            `json:"text"`
	Channel    string            `json:"channel"`
	TS         string            `json:"ts"`
	ThreadTS   string            `json:"thread_ts"`
	ViewID     string            `json:"view_id"`
	ActionID   string            `json:"action_id"`
	BlockID    string            `json:"block_id"`
	Value      string            `json:"value"`
	Option     string            `json:"option"`
	Query      string            `json:"query"`
	Values     map[string]string `json:"values"`
	Stale      bool              `json:"stale"`
	Unchecked  bool              `json:"unchecked"`
	N          int               `json:"n"`

	host string
}

// badRequest is a mistake of the caller of an endpoint, not of the app.
type badRequest struct {
	status int
	msg    string
}

func (e *badRequest) Error() string { return e.msg }

func newBadRequest(status int, format string, args ...any) error {
	return &badRequest{status, fmt.Sprintf(format, args...)}
}

func writeError(w http.ResponseWriter, err error) {
	status := http.StatusInternalServerError
	if b, ok := err.(*badRequest); ok {
		status = b.status
	}
	writeJSON(w, status, Result{Error: "bad_request", Detail: err.Error()})
}

// readBody reads a JSON body. It requires the content type application/json, so that no
// other web page can make a browser press buttons here.
func readBody(r *http.Request, v any) error {
	if kind, _, _ := mime.ParseMediaType(r.Header.Get("Content-Type")); kind != "application/json" {
		return newBadRequest(http.StatusUnsupportedMediaType, "the content type has to be application/json")
	}
	b, err := io.ReadAll(http.MaxBytesReader(nil, r.Body, maxBody))
	if err != nil {
		return newBadRequest(http.StatusRequestEntityTooLarge, "read body: %v", err)
	}
	dec := json.NewDecoder(strings.NewReader(string(b)))
	dec.DisallowUnknownFields()
	if err := dec.Decode(v); err != nil {
		return newBadRequest(http.StatusBadRequest, "parse body: %v", err)
	}
	return nil
}

func (s *Server) addDriveHandlers(mux *http.ServeMux) {
	for path, do := range map[string]func(context.Context, Person, driveRequest) (Result, error){
		"shortcut": s.shortcut, "command": s.command, "suggest": s.suggest, "press": s.press,
		"submit": s.submit, "close": s.close, "say": s.say, "read": s.markRead, "dismiss": s.dismiss,
		"home": s.openHome,
	} {
		mux.HandleFunc("POST /sim/"+path, func(w http.ResponseWriter, r *http.Request) {
			var req driveRequest
			if err := readBody(r, &req); err != nil {
				writeError(w, err)
				return
			}
			p, ok := s.ws.person(req.Person)
			if !ok || p.Deleted {
				writeError(w, newBadRequest(http.StatusNotFound, "nobody with the id %q can sign in here", req.Person))
				return
			}
			req.host = r.Host
			res, err := do(r.Context(), p, req)
			if err != nil {
				writeError(w, err)
				return
			}
			writeJSON(w, http.StatusOK, res)
		})
	}
	mux.HandleFunc("POST /sim/replay", s.replay)
	mux.HandleFunc("GET /sim/deliveries", func(w http.ResponseWriter, r *http.Request) {
		n, _ := strconv.Atoi(r.URL.Query().Get("after"))
		writeJSON(w, http.StatusOK, map[string]any{"deliveries": s.log.listAfter(n)})
	})
	mux.HandleFunc("GET /sim/faults", func(w http.ResponseWriter, r *http.Request) {
		writeJSON(w, http.StatusOK, map[string]any{"faults": s.faults.listPending()})
	})
	mux.HandleFunc("DELETE /sim/faults", func(w http.ResponseWriter, r *http.Request) {
		s.faults.clear(r.URL.Query().Get("match"))
		writeJSON(w, http.StatusOK, Result{OK: true})
	})
	mux.HandleFunc("POST /sim/faults", func(w http.ResponseWriter, r *http.Request) {
		var f fault
		err := readBody(r, &f)
		if err == nil && methods[f.Method] == nil && f.Method != "*" && f.Method != "response_url" && f.Method != "request" {
			err = newBadRequest(http.StatusBadRequest, "there is no method %q to inject a fault into", f.Method)
		}
		if err != nil {
			writeError(w, err)
			return
		}
		s.faults.add(f)
		writeJSON(w, http.StatusOK, Result{OK: true})
	})
	mux.Handle("GET /sim/truth", s.truth)
	if s.ws.cfg.Experiments != nil {
		mux.Handle("/sim/experiments", s.ws.cfg.Experiments)
	}
	if s.ws.cfg.Policy != nil {
		mux.Handle("/sim/policy", s.ws.cfg.Policy)
	}
}

func (s *Server) shortcut(ctx context.Context, p Person, req driveRequest) (Result, error) {
	if req.CallbackID == "" {
		return Result{}, newBadRequest(http.StatusBadRequest, "callback_id is missing")
	}
	r := s.resultOf(s.deliverPayload(ctx, p.SlackID, s.ws.shortcutPayload(p, req.CallbackID)))
	return r, nil
}

func (s *Server) command(ctx context.Context, p Person, req driveRequest) (Result, error) {
	if !strings.HasPrefix(req.Command, "/") {
		return Result{}, newBadRequest(http.StatusBadRequest, "command %q does not begin with a slash", req.Command)
	}
	channel, err := s.channelOf(p, req.Channel)
	if err != nil {
		return Result{}, err
	}
	if !slices.ContainsFunc(s.ws.cfg.Commands, func(c Command) bool { return c.Name == req.Command }) {
		r := Result{Error: "unknown_command", Detail: fmt.Sprintf("%s is not a valid command.", req.Command)}
		s.postAsSlackbot(p, channel, r.Detail)
		return r, nil
	}
	form := s.ws.commandForm(p, req.Command, req.Text, channel, req.host)
	d := s.deliver(ctx, "command", p.SlackID, form.Get("trigger_id"), form)
	r := s.resultOf(d)
	if !r.OK {
		reason := "dispatch_failed"
		if r.Error == "timeout" {
			reason = "operation_timeout"
		}
		r.Detail = fmt.Sprintf("%s failed with the error “%s”", req.Command, reason)
		s.postAsSlackbot(p, channel, r.Detail)
		return r, nil
	}
	if err := s.showCommandAnswer(p, channel, d.Answer); err != nil {
		r.OK, r.Error, r.Detail = false, "bad_answer", err.Error()
	}
	return r, nil
}

// showCommandAnswer shows the app's answer to a command, which is text or a message. It
// shows nothing if the answer is empty.
func (s *Server) showCommandAnswer(p Person, channel, body string) error {
	if strings.TrimSpace(body) == "" {
		return nil
	}
	args := map[string]any{}
	if json.Unmarshal([]byte(body), &args) != nil {
		args = map[string]any{"text": body}
	}
	c := &call{w: s.ws, args: args}
	if failure := c.respond(responseURL{user: p.SlackID, channel: channel}); failure != nil {
		return fmt.Errorf("the app's answer is not a message: %v", failure["error"])
	}
	return nil
}

// postAsSlackbot shows a message from Slack itself to one person.
func (s *Server) postAsSlackbot(p Person, channel, words string) {
	s.ws.post(message{Channel: channel, User: slackbot, Text: words, EphemeralTo: p.SlackID})
}

// channelOf returns the conversation that a person types in: a channel, or the direct
// messages with the app. The default is the first channel.
func (s *Server) channelOf(p Person, channel string) (string, error) {
	switch {
	case channel == "" && p.InChannel:
		return s.ws.cfg.ChannelID, nil
	case channel == "":
		return imChannel(p.SlackID), nil
	case s.ws.sees(p, channel):
		return channel, nil
	}
	return "", newBadRequest(http.StatusForbidden, "%s is not in the channel %s", p.Name, channel)
}

func (s *Server) suggest(ctx context.Context, p Person, req driveRequest) (Result, error) {
	v, f, err := s.viewField(p, req)
	if err != nil {
		return Result{}, err
	}
	if f.Type != "external_select" {
		return Result{}, newBadRequest(http.StatusBadRequest, "%s is a %s, which doesn't load options from the app", f.ActionID, f.Type)
	}
	d := s.deliverPayload(ctx, p.SlackID, s.ws.suggestionPayload(p, v, f, req.Query))
	r := s.resultOf(d)
	if !r.OK {
		r.Detail = "Results could not be loaded."
		return r, nil
	}
	answer := map[string]any{}
	if err := json.Unmarshal([]byte(d.Answer), &answer); err != nil {
		r.OK, r.Error, r.Detail = false, "bad_answer", "The answer is not JSON."
		return r, nil
	}
	options, problems := optionsProblems(answer)
	if len(problems) > 0 {
		r.OK, r.Error, r.Detail, r.Problems = false, "bad_answer", "Slack would reject these options.", problems
		return r, nil
	}
	s.ws.recordOptions(v.ID, f, options)
	r.Options = optionList(answer)
	return r, nil
}

func optionList(answer map[string]any) []Option {
	out := []Option{}
	add := func(list any, group string) {
		options, _ := list.([]any)
		for _, raw := range options {
			o, _ := raw.(map[string]any)
			out = append(out, Option{Text: objectText(o["text"]), Value: text(o["value"]),
				Description: objectText(o["description"]), Group: group})
		}
	}
	add(answer["options"], "")
	groups, _ := answer["option_groups"].([]any)
	for _, raw := range groups {
		g, _ := raw.(map[string]any)
		add(g["options"], objectText(g["label"]))
	}
	return out
}

// objectText returns the text of a text object.
func objectText(v any) string {
	m, _ := v.(map[string]any)
	return text(m["text"])
}

// viewField fills the values of the request into the form, and finds the element.
func (s *Server) viewField(p Person, req driveRequest) (view, field, error) {
	v, err := s.ws.fill(p.SlackID, req.ViewID, req.Values, req.Unchecked)
	if err != nil {
		return view{}, field{}, newBadRequest(http.StatusConflict, "%v", err)
	}
	for _, f := range interactiveFields(v.blocks()) {
		// The Home tab has a button for each of several requests.
		isOther := f.Type == "button" && req.Value != "" && text(f.Element["value"]) != req.Value
		if f.ActionID == req.ActionID && (req.BlockID == "" || f.BlockID == req.BlockID) && !isOther {
			return v, f, nil
		}
	}
	return view{}, field{}, newBadRequest(http.StatusNotFound, "the form has no element %q", req.ActionID)
}

func (s *Server) press(ctx context.Context, p Person, req driveRequest) (Result, error) {
	if req.ViewID != "" {
		return s.pressInView(ctx, p, req)
	}
	m, ok := s.ws.find(req.Channel, req.TS)
	if !ok || !s.ws.isVisible(p, &m) {
		return Result{}, newBadRequest(http.StatusNotFound, "%s can't see message %s in %s", p.Name, req.TS, req.Channel)
	}
	versions := [][]any{m.Blocks}
	if req.Stale {
		versions = append(versions, m.earlierBlocks...)
	}
	for _, blocks := range versions {
		for _, f := range interactiveFields(blocks) {
			if f.ActionID != req.ActionID || req.BlockID != "" && f.BlockID != req.BlockID ||
				req.Value != "" && text(f.Element["value"]) != req.Value || f.Type != "button" {
				continue
			}
			return s.resultOf(s.deliverPayload(ctx, p.SlackID, s.ws.messageActionPayload(p, m, f, req.host))), nil
		}
	}
	return Result{}, newBadRequest(http.StatusNotFound, "the message has no button %q", req.ActionID)
}

func (s *Server) pressInView(ctx context.Context, p Person, req driveRequest) (Result, error) {
	_, f, err := s.viewField(p, req)
	if err != nil {
		return Result{}, err
	}
	if f.Type != "button" {
		value := req.Option
		if value == "" {
			value = req.Value
		}
		req.Values = map[string]string{f.key(): value}
	}
	v, f, err := s.viewField(p, req)
	if err != nil {
		return Result{}, err
	}
	// An element of an input calls the app only if the app has set dispatch_action.
	if f.Block["type"] == "input" && f.Block["dispatch_action"] != true {
		return Result{OK: true}, nil
	}
	return s.resultOf(s.deliverPayload(ctx, p.SlackID, s.ws.viewActionPayload(p, v, f))), nil
}

func (s *Server) submit(ctx context.Context, p Person, req driveRequest) (Result, error) {
	v, err := s.ws.fill(p.SlackID, req.ViewID, req.Values, req.Unchecked)
	if err != nil {
		return Result{}, newBadRequest(http.StatusConflict, "%v", err)
	}
	if v.Spec["submit"] == nil {
		return Result{}, newBadRequest(http.StatusConflict, "the form has no submit button")
	}
	if errs := v.clientErrors(); len(errs) > 0 && !req.Unchecked {
		return Result{Error: "field_errors", FieldErrors: errs}, nil
	}
	d := s.deliverPayload(ctx, p.SlackID, s.ws.submissionPayload(p, v))
	r := s.resultOf(d)
	if !r.OK {
		return r, nil
	}
	return s.applyAnswer(ctx, p, v, d, r), nil
}

// applyAnswer applies the app's answer to a submitted form.
func (s *Server) applyAnswer(ctx context.Context, p Person, v view, d delivery, r Result) Result {
	badAnswer := func(detail string, problems ...string) Result {
		r.OK, r.Error, r.Detail, r.Problems = false, "bad_answer", connectionTrouble+" ("+detail+")", problems
		return r
	}
	var a struct {
		Action string            `json:"response_action"`
		Errors map[string]string `json:"errors"`
		View   any               `json:"view"`
	}
	if strings.TrimSpace(d.Answer) != "" {
		if err := json.Unmarshal([]byte(d.Answer), &a); err != nil {
			return badAnswer("the answer is not JSON")
		}
	}
	switch r.Action = a.Action; a.Action {
	case "":
		s.ws.closeView(v, false)
	case "clear":
		s.ws.closeView(v, true)
	case "errors":
		for block := range a.Errors {
			if !isInput(v, block) {
				return badAnswer("the answer has an error for the block " + block + ", which is not an input of this form")
			}
		}
		if len(a.Errors) == 0 {
			return badAnswer("the answer has no errors")
		}
		r.OK, r.Error, r.FieldErrors = false, "field_errors", a.Errors
	case "update", "push":
		spec, code, problems := checkView(a.View, "modal")
		if code == "" && a.Action == "update" {
			_, code = s.ws.updateView(v.ID, "", "", spec)
		} else if code == "" {
			_, code = s.ws.pushView(v, spec)
		}
		if code != "" {
			return badAnswer(code, problems...)
		}
	default:
		return badAnswer("unknown response_action " + a.Action)
	}
	return r
}

func isInput(v view, blockID string) bool {
	for _, raw := range v.blocks() {
		if b, _ := raw.(map[string]any); b["block_id"] == blockID {
			return b["type"] == "input"
		}
	}
	return false
}

func (s *Server) close(ctx context.Context, p Person, req driveRequest) (Result, error) {
	v, ok := s.ws.openViewOf(p.SlackID, req.ViewID)
	if !ok || v.isHome() {
		return Result{}, newBadRequest(http.StatusConflict, "%v", errNoView)
	}
	all := v.flag("clear_on_close")
	s.ws.closeView(v, all)
	if v.flag("notify_on_close") {
		// Slack does not show the app's answer.
		s.deliverPayload(ctx, p.SlackID, s.ws.closedPayload(p, v, all))
	}
	return Result{OK: true}, nil
}

func (s *Server) say(_ context.Context, p Person, req driveRequest) (Result, error) {
	channel, err := s.channelOf(p, req.Channel)
	if err != nil {
		return Result{}, err
	}
	if s.ws.cfg.MessagesReadOnly && channel == imChannel(p.SlackID) {
		return Result{}, newBadRequest(http.StatusForbidden, "Sending messages to this app has been turned off.")
	}
	if strings.TrimSpace(req.Text) == "" {
		return Result{}, newBadRequest(http.StatusBadRequest, "text is missing")
	}
	// Slack's composer escapes the text that people type.
	s.ws.post(message{Channel: channel, ThreadTS: req.ThreadTS, User: p.SlackID,
		Text: strings.NewReplacer("&", "&amp;", "<", "&lt;", ">", "&gt;").Replace(req.Text)})
	return Result{OK: true}, nil
}

func (s *Server) markRead(_ context.Context, p Person, req driveRequest) (Result, error) {
	s.ws.markRead(p.SlackID, req.Channel)
	return Result{OK: true}, nil
}

func (s *Server) dismiss(_ context.Context, p Person, req driveRequest) (Result, error) {
	if !s.ws.dismiss(p.SlackID, req.TS) {
		return Result{}, newBadRequest(http.StatusNotFound, "%s has no ephemeral message %s", p.Name, req.TS)
	}
	return Result{OK: true}, nil
}

// replay sends a delivery again. The app's answer changes nothing in the workspace.
func (s *Server) replay(w http.ResponseWriter, r *http.Request) {
	var req driveRequest
	if err := readBody(r, &req); err != nil {
		writeError(w, err)
		return
	}
	d, ok := s.log.get(req.N)
	if !ok {
		writeError(w, newBadRequest(http.StatusNotFound, "delivery %d does not exist", req.N))
		return
	}
	if !req.Stale {
		d.Timestamp = strconv.FormatInt(s.ws.cfg.Now().Unix(), 10)
		d.Signature = sign(s.ws.cfg.SigningSecret, d.Timestamp, d.Body)
	}
	writeJSON(w, http.StatusOK, s.resultOf(s.send(r.Context(), d)))
}
