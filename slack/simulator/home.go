package simulator

import (
	"context"
	"encoding/json"
	"net/http"
	"slices"
	"strconv"
	"strings"
)

// eventHomeOpened is the event that Slack sends when someone opens the app's Home tab.
const eventHomeOpened = "app_home_opened"

// openHome opens the app's Home tab: Slack shows what the app published last, and sends
// the event if the app subscribes to it. Before the first event, it verifies the request
// URL, as Slack does when someone saves the manifest.
func (s *Server) openHome(ctx context.Context, p Person, _ driveRequest) (Result, error) {
	switch {
	case !s.ws.cfg.HomeTab:
		return Result{}, newBadRequest(http.StatusConflict, "the app has no Home tab")
	case !slices.Contains(s.ws.cfg.Events, eventHomeOpened):
		return Result{OK: true}, nil
	}
	if r := s.verifyRequestURL(ctx); !r.OK {
		return r, nil
	}
	body := s.ws.homeOpenedEvent(p)
	d := s.deliverEvent(ctx, eventHomeOpened, p.SlackID, body, "")
	if d.Error != "" {
		// Slack tries again at once, and later twice more, which nothing here waits for.
		d = s.deliverEvent(ctx, eventHomeOpened, p.SlackID, body, d.Error)
	}
	return s.resultOf(d), nil
}

// verifyRequestURL sends a challenge to the request URL until the app has answered one.
func (s *Server) verifyRequestURL(ctx context.Context) Result {
	s.ws.mu.Lock()
	verified := s.ws.verified
	s.ws.mu.Unlock()
	if verified {
		return Result{OK: true}
	}
	challenge := randomID("", 52)
	d := s.deliverEvent(ctx, "url_verification", "", map[string]any{
		"type": "url_verification", "token": "verification-token-not-in-use", "challenge": challenge,
	}, "")
	r := s.resultOf(d)
	if r.OK && challengeOf(d.Answer) != challenge {
		r.OK, r.Error = false, "bad_answer"
	}
	if !r.OK {
		r.Detail = "Your URL didn't respond with the value of the challenge parameter."
		return r
	}
	s.ws.mu.Lock()
	defer s.ws.mu.Unlock()
	s.ws.verified = true
	return r
}

// challengeOf returns the challenge in an answer, which is JSON or the challenge alone.
func challengeOf(answer string) string {
	var a struct{ Challenge string }
	if json.Unmarshal([]byte(answer), &a) == nil {
		return a.Challenge
	}
	return strings.TrimSpace(answer)
}

// homeOpenedEvent returns the body of the event.
func (w *workspace) homeOpenedEvent(p Person) map[string]any {
	now := w.cfg.Now()
	event := map[string]any{
		"type": eventHomeOpened, "user": p.SlackID, "channel": imChannel(p.SlackID), "tab": "home", "event_ts": w.actionTS(),
	}
	if v, ok := w.homeOf(p.SlackID); ok {
		event["view"] = w.viewPayload(v, true)
	}
	return map[string]any{
		"type": "event_callback", "token": "verification-token-not-in-use", "team_id": w.cfg.TeamID, "api_app_id": w.cfg.AppID,
		"event": event, "event_id": randomID("Ev", 10), "event_time": now.Unix(),
		"authorizations": []any{map[string]any{
			"enterprise_id": nil, "team_id": w.cfg.TeamID, "user_id": w.botUser(), "is_bot": true, "is_enterprise_install": false,
		}},
	}
}

// deliverEvent signs an event, sends it to the app as JSON, and waits at most 3 s for the
// answer. failed says why the first attempt failed; "" if this is the first.
func (s *Server) deliverEvent(ctx context.Context, kind, person string, body map[string]any, failed string) delivery {
	b, err := json.Marshal(body)
	if err != nil {
		return delivery{Kind: kind, Person: person, Error: "internal: " + err.Error()}
	}
	d := delivery{Kind: kind, Person: person, Body: string(b), ContentType: "application/json"}
	if failed != "" {
		d.Retry = "http_error"
		if failed == "timeout" {
			d.Retry = "http_timeout"
		}
	}
	d.Timestamp = strconv.FormatInt(s.ws.cfg.Now().Unix(), 10)
	d.Signature = sign(s.ws.cfg.SigningSecret, d.Timestamp, d.Body)
	return s.send(ctx, d)
}

// publishHome replaces a person's Home tab. An empty hash matches any version.
func (w *workspace) publishHome(user, hash string, spec map[string]any) (view, string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	v := w.views[w.homes[user]]
	switch {
	case v == nil:
		v = &view{ID: randomID("V", 10), User: user}
		v.Root = v.ID
		w.views[v.ID], w.homes[user] = v, v.ID
	case hash != "" && hash != v.Hash:
		return view{}, "hash_conflict"
	}
	v.render(spec)
	v.Hash = w.newHash()
	w.version++
	return *v, ""
}

// homeOf returns a person's Home tab, if the app has published one.
func (w *workspace) homeOf(user string) (view, bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if v := w.views[w.homes[user]]; v != nil {
		return *v, true
	}
	return view{}, false
}

// shownHome returns the person's Home tab for the page, nil if the app has published none.
func (w *workspace) shownHome(user string) any {
	if v, ok := w.homeOf(user); ok {
		return w.viewPayload(v, true)
	}
	return nil
}

func (s *Server) serveHome(w http.ResponseWriter, r *http.Request) {
	writeJSON(w, http.StatusOK, map[string]any{"view": s.ws.shownHome(r.URL.Query().Get("person"))})
}

func viewsPublish(c *call) answer {
	spec, code, problems := checkView(c.args["view"], "home")
	if code != "" {
		return errorAnswer(code, problems...)
	}
	p, ok := c.w.person(c.str("user_id"))
	switch {
	case !ok || p.Deleted:
		return errorAnswer("invalid_arguments", "[ERROR] invalid `user_id`")
	case !c.w.cfg.HomeTab:
		return errorAnswer("not_enabled")
	}
	v, code := c.w.publishHome(p.SlackID, c.str("hash"), spec)
	if code != "" {
		return errorAnswer(code)
	}
	return answer{"view": c.w.viewPayload(v, true)}
}

// viewsPush puts a modal on top of the one in which someone used an element or which they
// submitted.
func viewsPush(c *call) answer {
	spec, code, problems := checkView(c.args["view"], "modal")
	if code != "" {
		return errorAnswer(code, problems...)
	}
	if c.str("trigger_id") == "" {
		return errorAnswer("invalid_arguments", "[ERROR] missing required field: trigger_id")
	}
	below, code := c.w.modalOfTrigger(c.str("trigger_id"))
	if code == "" {
		_, code = c.w.takeTrigger(c.str("trigger_id"))
	}
	if code != "" {
		return errorAnswer(code)
	}
	v, code := c.w.pushView(below, spec)
	if code != "" {
		return errorAnswer(code)
	}
	return answer{"view": c.w.viewPayload(v, true)}
}

// modalOfTrigger returns the open modal whose interaction has this trigger id.
func (w *workspace) modalOfTrigger(id string) (view, string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	t := w.triggers[id]
	if t == nil || !slices.Contains(w.stacks[t.user], t.view) {
		return view{}, "invalid_trigger_id"
	}
	return *w.views[t.view], ""
}
