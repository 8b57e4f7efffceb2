package simulator

import (
	"net/http"
	"strings"
	"testing"
	"time"
)

// TestSign checks the example in Slack's description of signatures.
func TestSign(t *testing.T) {
	body := "token=xyzz0WbapA4vBCDEFasx0q6G&team_id=T1DC2JH3J&team_domain=testteamnow&channel_id=G8PSS9T3V" +
		"&channel_name=foobar&user_id=U2CERLKJA&user_name=roadrunner&command=%2Fwebhook-collect&text=" +
		"&response_url=https%3A%2F%2Fhooks.slack.com%2Fcommands%2FT1DC2JH3J%2F397700885554%2F96rGlfmibIGlgcZRskXaIFfN" +
		"&trigger_id=398738663015.47445629121.803a0bc887a14d10d2c447fce8b6703c"
	want := "v0=a2114d57b48eac39b9ad189dd8316235a7b4a8d21a10bd27519666489c69b503"
	same(t, "signature", sign(secret, "1531420618", body), want)
}

func TestShortcut(t *testing.T) {
	w := newWorld(t, nil)
	res := w.do("shortcut", map[string]any{"person": "U0ADA", "callback_id": "request_for_access"})
	same(t, "status", res.Status, 200)
	p := w.last().payload(t)
	same(t, "type", string(p.Type), "shortcut")
	same(t, "callback", p.CallbackID, "request_for_access")
	same(t, "user", p.User.ID, "U0ADA")
	same(t, "team", p.Team.ID, "T0TEAM")
	same(t, "app", p.APIAppID, "A0APP")
	same(t, "content type", w.last().header.Get("Content-Type"), "application/x-www-form-urlencoded")
	if len(strings.Split(p.TriggerID, ".")) != 3 {
		t.Errorf("trigger id %q has not the form that Slack documents", p.TriggerID)
	}
}

func TestCommand(t *testing.T) {
	w := newWorld(t, nil)
	w.app(func(received) string { return "One moment" })
	w.do("command", map[string]any{"person": "U0ADA", "command": "/access", "text": "now please"})
	f := w.last().form
	for name, want := range map[string]string{
		"command": "/access", "text": "now please", "user_id": "U0ADA", "team_id": "T0TEAM", "api_app_id": "A0APP",
		"channel_id": kanal, "channel_name": "access-requests", "user_name": "ada", "payload": "",
	} {
		same(t, name, f.Get(name), want)
	}
	if !strings.HasPrefix(f.Get("response_url"), w.base+"/api/response/T0TEAM/") {
		t.Errorf("response_url is %q", f.Get("response_url"))
	}
	same(t, "Ada sees", w.sees("U0ADA"), []string{"One moment"})
	same(t, "Bob sees", w.sees("U0BOB"), []string{})
}

func TestCommandOutsideTheChannel(t *testing.T) {
	w := newWorld(t, nil)
	w.do("command", map[string]any{"person": "U0CY", "command": "/access"})
	same(t, "channel", w.last().form.Get("channel_id"), "D0CY")
	_, status := w.try("command", map[string]any{"person": "U0CY", "command": "/access", "channel": kanal})
	same(t, "status", status, http.StatusForbidden)
}

func TestAppThatFails(t *testing.T) {
	w := newWorld(t, nil)
	for _, tt := range []struct{ fault, want string }{
		{"status_500", "status_500"}, {"timeout", "timeout"}, {"unreachable", "unreachable"},
	} {
		w.do("faults", map[string]any{"method": "request", "error": tt.fault})
		res := w.do("command", map[string]any{"person": "U0ADA", "command": "/access"})
		same(t, tt.fault, res.Error, tt.want)
	}
	same(t, "requests", w.count(), 0)
	same(t, "Ada sees", w.sees("U0ADA"), []string{
		"/access failed with the error “dispatch_failed”", "/access failed with the error “operation_timeout”",
		"/access failed with the error “dispatch_failed”"})

	w = newWorld(t, func(c *Config) { c.RequestURL = "http://127.0.0.1:1/" })
	same(t, "nobody listens", w.do("shortcut", map[string]any{"person": "U0ADA", "callback_id": "x"}).Error, "unreachable")
}

func TestAnswerWithinThreeSeconds(t *testing.T) {
	w := newWorld(t, nil)
	w.answerWithin = answerWithin
	gaveUp := make(chan struct{})
	w.app(func(received) string { <-gaveUp; return "" }) // it would never answer
	began := time.Now()
	res := w.do("shortcut", map[string]any{"person": "U0ADA", "callback_id": "x"})
	close(gaveUp)
	same(t, "error", res.Error, "timeout")
	if took := time.Since(began); took < answerWithin {
		t.Errorf("gave up after %s, want %s", took, answerWithin)
	}
}

func TestReplay(t *testing.T) {
	w := newWorld(t, nil)
	res := w.do("shortcut", map[string]any{"person": "U0ADA", "callback_id": "x"})
	first := w.last()

	w.do("replay", map[string]any{"n": res.N, "stale": true})
	same(t, "old signature again", w.last().header.Get("X-Slack-Signature"), first.header.Get("X-Slack-Signature"))
	same(t, "old body again", w.last().body, first.body)

	w.pass(10 * time.Second)
	w.do("replay", map[string]any{"n": res.N})
	same(t, "same body", w.last().body, first.body)
	if w.last().header.Get("X-Slack-Signature") == first.header.Get("X-Slack-Signature") {
		t.Error("a fresh replay has the old signature")
	}
	var log struct{ Deliveries []delivery }
	w.get("/sim/deliveries?after=1", &log)
	same(t, "deliveries after the first", len(log.Deliveries), 2)
}

func TestDriveRefuses(t *testing.T) {
	w := newWorld(t, nil)
	for _, tt := range []struct {
		name, path string
		body       map[string]any
		want       int
	}{
		{"unknown person", "shortcut", map[string]any{"person": "U0NOBODY", "callback_id": "x"}, 404},
		{"deactivated person", "shortcut", map[string]any{"person": "U0GONE", "callback_id": "x"}, 404},
		{"unknown field", "shortcut", map[string]any{"person": "U0ADA", "nonsense": 1}, 400},
		{"unknown message", "press", map[string]any{"person": "U0ADA", "channel": kanal, "ts": "1.000000", "action_id": "approve"}, 404},
		{"form that is not open", "submit", map[string]any{"person": "U0ADA", "view_id": "V1"}, 409},
		{"fault of no method", "faults", map[string]any{"method": "chat.nonsense"}, 400},
	} {
		t.Run(tt.name, func(t *testing.T) {
			res, status := w.try(tt.path, tt.body)
			if status != tt.want || res.OK {
				t.Errorf("status %d (%s), want %d", status, res.Detail, tt.want)
			}
		})
	}
	r, err := http.Post(w.base+"/sim/shortcut", "text/plain", strings.NewReader(`{"person":"U0ADA","callback_id":"x"}`))
	if err != nil {
		t.Fatal(err)
	}
	r.Body.Close()
	same(t, "status of a form post from another page", r.StatusCode, http.StatusUnsupportedMediaType)
	same(t, "requests", w.count(), 0)
}
