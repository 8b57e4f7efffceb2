package simulator

import (
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"

	slackgo "github.com/slack-go/slack"
	"github.com/slack-go/slack/slackevents"
)

// withHome gives the app a Home tab and its event.
func withHome(c *Config) { c.HomeTab, c.Events = true, []string{eventHomeOpened} }

// answerChallenge answers challenges, and calls next for other requests.
func answerChallenge(next func(received) string) func(received) string {
	return func(r received) string {
		var v struct{ Type, Challenge string }
		if json.Unmarshal([]byte(r.body), &v) == nil && v.Type == "url_verification" {
			return `{"challenge":"` + v.Challenge + `"}`
		}
		if next == nil {
			return ""
		}
		return next(r)
	}
}

// homeBlocks returns n rows with a button each.
func homeBlocks(n int) (blocks []any) {
	for i := range n {
		blocks = append(blocks, parseAny(fmt.Sprintf(`{"type":"actions","block_id":"row-%d","elements":[{"type":"button","action_id":"withdraw","value":"r%d","text":{"type":"plain_text","text":"Withdraw"}}]}`, i, i)))
	}
	return blocks
}

func parseAny(s string) (v any) {
	if err := json.Unmarshal([]byte(s), &v); err != nil {
		panic(err)
	}
	return v
}

func (w *world) publish(user string, blocks []any) map[string]any {
	return w.call("views.publish", map[string]any{"user_id": user, "view": map[string]any{"type": "home", "blocks": blocks}})
}

func TestHome(t *testing.T) {
	w := newWorld(t, withHome)
	w.app(answerChallenge(nil))
	if res := w.do("home", map[string]any{"person": "U0ADA"}); !res.OK {
		t.Fatalf("open: %+v", res)
	}
	// The request URL is verified once, and then the event comes, as slack-go reads it.
	same(t, "requests", w.count(), 2)
	r := w.last()
	same(t, "content type", r.header.Get("Content-Type"), "application/json")
	e, err := slackevents.ParseEvent([]byte(r.body), slackevents.OptionNoVerifyToken())
	if err != nil {
		t.Fatal(err)
	}
	opened, ok := e.InnerEvent.Data.(*slackevents.AppHomeOpenedEvent)
	if !ok || opened.User != "U0ADA" || opened.Tab != "home" || opened.Channel != "D0ADA" || e.TeamID != "T0TEAM" || e.APIAppID != "A0APP" {
		t.Errorf("the event is %+v", e)
	}
	same(t, "view before it is published", strings.Contains(r.body, `"view"`), false)

	a := w.publish("U0ADA", homeBlocks(3))
	same(t, "published", a["ok"], any(true))
	id := a["view"].(map[string]any)["id"]
	same(t, "type", a["view"].(map[string]any)["type"], any("home"))
	again := w.publish("U0ADA", homeBlocks(2))
	same(t, "the same view", again["view"].(map[string]any)["id"], id)
	w.do("home", map[string]any{"person": "U0ADA"})
	same(t, "requests", w.count(), 3)
	same(t, "view after it is published", strings.Contains(w.last().body, `"block_id":"row-1"`), true)
	var shown struct{ View *slackgo.View }
	w.get("/sim/home?person=U0BOB", &shown)
	same(t, "Bob sees another tab", shown.View == nil, true)

	// A press has the view, and neither a message nor a response URL. The value chooses
	// among buttons with the same action id.
	w.do("press", map[string]any{"person": "U0ADA", "view_id": id, "action_id": "withdraw", "value": "r1"})
	p := w.last().payload(t)
	same(t, "press", []string{string(p.Type), string(p.View.Type), p.View.ID, p.Container.Type, p.ResponseURL, p.Channel.ID, p.Message.Timestamp, p.ActionCallback.BlockActions[0].BlockID, p.ActionCallback.BlockActions[0].Value},
		[]string{"block_actions", "home", id.(string), "view", "", "", "", "row-1", "r1"})
	for name, body := range map[string]map[string]any{
		"of a button that is gone":     {"person": "U0ADA", "view_id": id, "action_id": "withdraw", "value": "r2"},
		"in the tab of somebody else":  {"person": "U0BOB", "view_id": id, "action_id": "withdraw", "value": "r1"},
		"of a button that never was":   {"person": "U0ADA", "view_id": id, "action_id": "approve"},
		"of a tab that does not exist": {"person": "U0ADA", "view_id": "V0", "action_id": "withdraw"},
	} {
		if _, status := w.try("press", body); status == http.StatusOK {
			t.Errorf("a press %s works", name)
		}
	}
	for _, do := range []string{"submit", "close"} {
		if _, status := w.try(do, map[string]any{"person": "U0ADA", "view_id": id}); status != http.StatusConflict {
			t.Errorf("%s of the tab: status %d", do, status)
		}
	}
	// It is no modal: it is not among them, and no method for them changes it.
	_, err = w.slack.UpdateView(form(""), "", "", id.(string))
	same(t, "views.update", errText(err), "not_found")
	var open struct{ Views []any }
	w.get("/sim/views?person=U0ADA", &open)
	same(t, "modals", len(open.Views), 0)
}

func TestPublishRefuses(t *testing.T) {
	w := newWorld(t, withHome)
	for _, tt := range []struct {
		name string
		args map[string]any
		want string
	}{
		{"100 blocks", map[string]any{"user_id": "U0ADA", "view": map[string]any{"type": "home", "blocks": homeBlocks(100)}}, ""},
		{"101 blocks", map[string]any{"user_id": "U0ADA", "view": map[string]any{"type": "home", "blocks": homeBlocks(101)}}, "invalid_arguments"},
		{"a modal", map[string]any{"user_id": "U0ADA", "view": map[string]any{"type": "modal", "title": map[string]any{"type": "plain_text", "text": "x"}, "blocks": homeBlocks(1)}}, "invalid_arguments"},
		{"nobody", map[string]any{"user_id": "U0NOBODY", "view": map[string]any{"type": "home", "blocks": homeBlocks(1)}}, "invalid_arguments"},
		{"without a view", map[string]any{"user_id": "U0ADA"}, "invalid_arguments"},
		{"too large", map[string]any{"user_id": "U0ADA", "view": map[string]any{"type": "home", "private_metadata": strings.Repeat("x", maxViewSize), "blocks": homeBlocks(1)}}, "view_too_large"},
		{"another version", map[string]any{"user_id": "U0ADA", "hash": "1.x", "view": map[string]any{"type": "home", "blocks": homeBlocks(1)}}, "hash_conflict"},
	} {
		got, _ := w.call("views.publish", tt.args)["error"].(string)
		same(t, tt.name, got, tt.want)
	}
	_, err := w.slack.OpenView("1.2.3", slackgo.ModalViewRequest{Type: "home", Title: plain("x")})
	same(t, "a Home tab as a modal", errText(err), "invalid_arguments")

	off := newWorld(t, nil)
	same(t, "without a Home tab", off.publish("U0ADA", homeBlocks(1))["error"], any("not_enabled"))
	if _, status := off.try("home", map[string]any{"person": "U0ADA"}); status != http.StatusConflict {
		t.Errorf("opening it: status %d", status)
	}
}

// Without the right answer to a challenge, the app gets no events.
func TestVerification(t *testing.T) {
	for name, tt := range map[string]struct {
		answer func(received) string
		want   string
	}{
		"nothing":           {nil, "bad_answer"},
		"another challenge": {func(received) string { return `{"challenge":"x"}` }, "bad_answer"},
		"the challenge":     {answerChallenge(nil), ""},
	} {
		w := newWorld(t, withHome)
		w.app(tt.answer)
		res := w.do("home", map[string]any{"person": "U0ADA"})
		same(t, name, res.Error, tt.want)
		got := strings.Contains(w.last().body, eventHomeOpened)
		same(t, name+": an event comes", got, tt.want == "")
	}
}

// Slack sends an event again if the app fails.
func TestEventIsRepeated(t *testing.T) {
	w := newWorld(t, withHome)
	w.app(answerChallenge(nil))
	w.do("home", map[string]any{"person": "U0ADA"})
	n := w.count()
	w.do("faults", map[string]any{"method": "request", "error": "timeout", "count": 1})
	if res := w.do("home", map[string]any{"person": "U0ADA"}); !res.OK {
		t.Errorf("the second attempt: %+v", res)
	}
	same(t, "attempts that arrive", w.count()-n, 1)
	same(t, "retry", []string{w.last().header.Get("X-Slack-Retry-Num"), w.last().header.Get("X-Slack-Retry-Reason")}, []string{"1", "http_timeout"})
}

// A press in a modal can push another one on top of it, three in all.
func TestPushedViews(t *testing.T) {
	w := newWorld(t, withHome)
	w.openForm("U0ADA")
	var errs []string
	w.app(func(r received) string {
		if p := r.payload(t); p.Type == "block_actions" {
			_, err := w.slack.PushView(p.TriggerID, form(""))
			errs = append(errs, errText(err))
		} else {
			return options("a")
		}
		return ""
	})
	var open struct {
		Views []struct {
			ID       string
			Root     string `json:"root_view_id"`
			Previous string `json:"previous_view_id"`
		}
	}
	for range 3 {
		w.get("/sim/views?person=U0ADA", &open)
		on := map[string]any{"person": "U0ADA", "view_id": open.Views[len(open.Views)-1].ID, "action_id": "account"}
		w.do("suggest", on)
		on["option"] = "id-a"
		w.do("press", on)
	}
	same(t, "pushes", errs, []string{"", "", "push_limit_reached"})
	w.get("/sim/views?person=U0ADA", &open)
	if len(open.Views) != 3 || open.Views[2].Previous != open.Views[1].ID || open.Views[2].Root != open.Views[0].ID {
		t.Errorf("open views: %+v", open.Views)
	}

	// A shortcut is no press in a modal, and neither is one in the Home tab.
	w.app(nil)
	w.do("shortcut", map[string]any{"person": "U0ADA", "callback_id": "x"})
	_, err := w.slack.PushView(w.last().payload(t).TriggerID, form(""))
	same(t, "from a shortcut", errText(err), "invalid_trigger_id")
	home := w.publish("U0BOB", homeBlocks(1))["view"].(map[string]any)["id"]
	w.do("press", map[string]any{"person": "U0BOB", "view_id": home, "action_id": "withdraw"})
	_, err = w.slack.PushView(w.last().payload(t).TriggerID, form(""))
	same(t, "from the Home tab", errText(err), "invalid_trigger_id")
}

// The page shows the Home tab in the app's direct messages, and its buttons work.
func TestPageShowsHome(t *testing.T) {
	w := newPageWorld(t, withHome)
	var pressed []string
	w.app(answerChallenge(func(r received) string {
		if strings.Contains(r.body, eventHomeOpened) {
			w.publish("U0ADA", slices.Concat([]any{parseAny(`{"type":"header","text":{"type":"plain_text","text":"Your access"}}`)}, homeBlocks(2)))
			return ""
		}
		pressed = append(pressed, r.payload(t).ActionCallback.BlockActions[0].Value)
		w.publish("U0ADA", homeBlocks(1))
		return ""
	}))
	b := newBrowser(t)
	b.open(w.base + "/?person=U0ADA")
	same(t, "tabs in a channel", eval[bool](b, `document.querySelector("#app-tabs").hidden`), true)
	b.click(`.sidebar [data-conversation="D0ADA"]`)
	b.click(`[data-tab-of-app="home"]`)
	b.wait(`#home [data-value="r1"]`)
	same(t, "heading", b.text("#home h3"), "Your access")
	same(t, "unknown", eval[int](b, `document.querySelectorAll("#home .block-unknown").length`), 0)
	same(t, "messages are hidden", eval[bool](b, `document.querySelector(".messages").hidden && document.querySelector("#composer").hidden`), true)
	b.picture("home")
	b.click(`#home [data-value="r1"]`)
	b.gone(`#home [data-value="r1"]`)
	same(t, "pressed", pressed, []string{"r1"})
	b.click(`[data-tab-of-app="messages"]`)
	b.wait(`#composer`)
	same(t, "the tab is hidden", eval[bool](b, `document.querySelector("#home").hidden`), true)
}
