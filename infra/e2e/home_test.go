package e2e

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	sfntypes "github.com/aws/aws-sdk-go-v2/service/sfn/types"

	"sso-elevator/slack/simulator"
)

// homeTab is what a person sees in the app's Home tab.
type homeTab struct {
	ID     string `json:"id"`
	Type   string `json:"type"`
	Blocks []struct {
		ID       string `json:"block_id"`
		Elements []struct {
			Action string `json:"action_id"`
			Value  string `json:"value"`
		} `json:"elements"`
	} `json:"blocks"`
}

// button returns the block with the request's button; "" if there is none.
func (h homeTab) button(action, request string) (block string) {
	for _, b := range h.Blocks {
		for _, e := range b.Elements {
			if e.Action == action && e.Value == request {
				return b.ID
			}
		}
	}
	return ""
}

// home opens the person's Home tab, and returns what the app shows there.
func (s *stack) home(t *testing.T, person string) homeTab {
	t.Helper()
	s.untilAnswered(t, person+" opens the Home tab", func() (res simulator.Result, told bool) {
		if err := s.post("/sim/home", map[string]any{"person": person}, &res); err != nil {
			t.Fatal(err)
		}
		return res, false
	})
	return s.shownHome(t, person)
}

// shownHome returns what the app showed last in the person's Home tab.
func (s *stack) shownHome(t *testing.T, person string) homeTab {
	t.Helper()
	var out struct{ View json.RawMessage }
	if err := s.get("/sim/home?person="+person, &out); err != nil {
		t.Fatal(err)
	}
	var h homeTab
	if err := json.Unmarshal(out.View, &h); err != nil {
		t.Fatalf("%s sees %s: %v", person, out.View, err)
	}
	return h
}

// awaitAtHome opens the person's Home tab until it has the request's button, or until it
// doesn't have it.
func (r *request) awaitAtHome(t *testing.T, person, action string, want bool) (h homeTab) {
	t.Helper()
	eventually(t, soon, fmt.Sprintf("%s sees the button %s at Home: %v", person, action, want), func() error {
		if h = r.stack.home(t, person); (h.button(action, r.id) != "") != want {
			return errNotYet
		}
		return nil
	})
	return h
}

// pressAtHome presses a button in the Home tab. If a dialog opens, the person submits it.
// Before a repeated press, the person opens the tab again, because the press may have had
// its effect after all.
func (r *request) pressAtHome(t *testing.T, person, action string, h homeTab) (opened bool) {
	t.Helper()
	first := true
	res := r.stack.untilAnswered(t, person+" presses "+action+" at Home", func() (res simulator.Result, told bool) {
		if !first {
			if h = r.openHomeAgain(t, person, action); h.button(action, r.id) == "" {
				return simulator.Result{OK: true}, false
			}
		}
		first = false
		body := map[string]any{"person": person, "view_id": h.ID, "block_id": h.button(action, r.id), "action_id": action, "value": r.id}
		if err := r.stack.post("/sim/press", body, &res); err != nil {
			t.Fatal(err)
		}
		if d, ok := r.stack.opened(t, person, res, r.id, action); ok {
			opened = true
			res = d.submitOnce(t, nil)
		}
		return res, strings.Contains(res.Detail, notInTime)
	})
	if !res.OK || res.Detail != "" {
		t.Fatalf("%s presses %s at Home: %+v", person, action, res)
	}
	return opened
}

// openHomeAgain opens the person's Home tab until it has the request's button, or until the
// request's row shows the effect of a press. A tab whose lists could not be read has no
// button, either.
func (r *request) openHomeAgain(t *testing.T, person, action string) (h homeTab) {
	t.Helper()
	eventually(t, soon, "the Home tab has the button "+action+", or the press had its effect", func() error {
		h = r.stack.home(t, person)
		row := r.stack.requestRow(t, r.id)
		isDone := row.Outcome != nil
		if action == "end" {
			isDone = row.EndRequest != nil
		}
		if h.button(action, r.id) == "" && !isDone {
			return errNotYet
		}
		return nil
	})
	return h
}

// TestHome checks that people see their access, their requests and those that wait for
// them in the Home tab, and that its buttons do what those of messages do. The tab's lists
// are read within seconds or not at all, so the test uses the stack with few requests.
func TestHome(t *testing.T) {
	t.Parallel()
	r := askQuiet(t, wish{judy, "playground", "DeveloperAccess", 36 * 3600})
	h := r.awaitAtHome(t, carol, "approve", true)
	if h.Type != "home" || h.button("deny", r.id) == "" || h.button("withdraw", r.id) != "" || h.button("end", r.id) != "" {
		t.Errorf("the approver sees %+v", h)
	}
	if own := r.awaitAtHome(t, judy, "withdraw", true); own.button("approve", r.id) != "" || own.button("end", r.id) != "" {
		t.Errorf("the requester sees %+v", own)
	}
	if row := r.stack.requestRow(t, r.id); row.Outcome != nil {
		t.Fatalf("opening the tab decided the request: %+v", row.Outcome)
	}

	if !r.pressAtHome(t, carol, "approve", h) {
		t.Error("no dialog opened")
	}
	// If the lists can't be read in time, the tab stays as it is until someone opens it.
	eventually(t, soon, "the tab is shown again without the button, or the log says why not", func() error {
		shown := r.stack.shownHome(t, carol).button("approve", r.id) == ""
		if !shown && !r.stack.loggedAbout(t, r.id, "the Home tab is not shown again", "the Home tab could not be shown", "person could not be looked up") {
			return errNotYet
		}
		return nil
	})
	r.awaitAtHome(t, carol, "approve", false)
	r.waitAssigned(t)
	h = r.awaitAtHome(t, judy, "end", true)
	if h.button("ask_again", r.id) == "" || h.button("withdraw", r.id) != "" {
		t.Errorf("the requester sees %+v", h)
	}
	if r.pressAtHome(t, judy, "end", h) {
		t.Error("a dialog opened for the requester")
	}
	r.waitGone(t, removalLimit)
	r.finished(t, sfntypes.ExecutionStatusSucceeded, soon)
	r.awaitAtHome(t, judy, "end", false)
	wantEvents(t, r, "requested", "approved", "granted", "ended", "revoked")

}

// postEvent posts an event to the app as Slack does.
func (s *stack) postEvent(t *testing.T, body, timestamp, signature string) (status int, answer string) {
	t.Helper()
	return s.sendAs(t, "application/json", body, timestamp, signature)
}

// TestVerification checks that the app answers Slack's challenge for the request URL only
// if Slack signed it.
func TestVerification(t *testing.T) {
	t.Parallel()
	const challenge = `{"type":"url_verification","token":"x","challenge":"3eZbrw1aBm2rZgRNFdxV"}`
	timestamp, signature := sign(signingSecret, time.Now(), challenge)
	event := func(what, signature string) (status int, answer string) {
		return local.answered(t, "a challenge, signature "+what, func() (int, string) { return local.postEvent(t, challenge, timestamp, signature) })
	}
	if status, answer := event("right", signature); status != http.StatusOK || answer != `{"challenge":"3eZbrw1aBm2rZgRNFdxV"}` {
		t.Errorf("signed: got %d %q", status, answer)
	}
	_, another := sign("another secret", time.Now(), challenge)
	for name, signature := range map[string]string{"none": "", "of another secret": another, "of another body": "v0=" + strings.Repeat("0", 64)} {
		if status, answer := event(name, signature); status != http.StatusUnauthorized || answer != "" {
			t.Errorf("signature %s: got %d %q", name, status, answer)
		}
	}
}
