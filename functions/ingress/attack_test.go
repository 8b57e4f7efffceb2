package ingress

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-lambda-go/events"

	"sso-elevator/functions/access"
	"sso-elevator/slack"
)

// besieged is a world that is worth an attack: it has a waiting request, an active
// one, one of bob's, and a run that asks.
func besieged() *world {
	w := newWorld()
	bobs := waiting()
	bobs.ID, bobs.Requester, bobs.ApprovalToken = "r3", bob, "approval-token-of-bob"
	running := active()
	running.ID = "r2"
	w.rows = map[string]access.Request{"r1": waiting(), "r2": running, "r3": bobs}
	w.policy.Accounts = append(w.policy.Accounts, twoNeeded)
	w.rows["r4"] = approvedBy(ann)
	w.runs, w.findings = map[string]access.Run{"run1": asking()}, unasked()
	return w
}

// state is everything that an attack must not change.
func (w *world) state() string {
	rows := map[string]access.Request{}
	for id, r := range w.rows {
		r.Events = slices.DeleteFunc(slices.Clone(r.Events), func(e access.Event) bool { return e.Kind == access.EventPressRefused })
		if len(r.Events) == 0 {
			r.Events = nil
		}
		rows[id] = r
	}
	runs := map[string]access.Run{}
	for id, r := range w.runs {
		r.RefusedPresses = nil
		runs[id] = r
	}
	blocks := w.blocks
	blocks.Refused, blocks.Version = nil, 0 // each change of the others has an event
	text, err := json.Marshal([]any{rows, runs, blocks, w.started, w.resumed, w.updated, w.pressed})
	if err != nil {
		panic(err)
	}
	return string(text)
}

// attack sends an event to a besieged world. It fails the test if a row, an execution,
// a token or a message changes, or if the log contains a secret or a long line.
func attack(t *testing.T, event events.APIGatewayV2HTTPRequest) (*world, events.APIGatewayV2HTTPResponse) {
	t.Helper()
	w := besieged()
	before := w.state()
	got, err := handle(t, w.handler(), event)
	if err != nil {
		t.Fatal(err)
	}
	if after := w.state(); after != before {
		t.Errorf("it had an effect: %s\nbefore: %s", after, before)
	}
	for _, secret := range []string{"-token", secret, "v0="} {
		if strings.Contains(w.log.String(), secret) || strings.Contains(got.Body, secret) {
			t.Errorf("%q is in the answer %q, or in the log: %s", secret, got.Body, &w.log)
		}
	}
	for line := range strings.Lines(w.log.String()) {
		if len(line) > 1000 {
			t.Errorf("a line of the log has %d bytes", len(line))
		}
	}
	return w, got
}

// changed is the genuine approval by ann with the event changed.
func changed(change func(*events.APIGatewayV2HTTPRequest)) events.APIGatewayV2HTTPRequest {
	e := sign(pressBy("UANN", "approve", "r1"), now)
	e.RequestContext.HTTP.Method = http.MethodPost
	change(&e)
	return e
}

// signedAs is like changed, with a content type.
func signedAs(contentType string) events.APIGatewayV2HTTPRequest {
	return changed(func(e *events.APIGatewayV2HTTPRequest) { e.Headers["content-type"] = contentType })
}

// nested is a press with an extra field of this nesting depth.
func nested(depth int) string {
	text, _ := url.QueryUnescape(strings.TrimPrefix(pressBy("UANN", "approve", "r1"), "payload="))
	deep := strings.Repeat("[", depth) + strings.Repeat("]", depth)
	return url.Values{"payload": {strings.TrimSuffix(text, "}") + `,"deep":` + deep + "}"}}.Encode()
}

// A request that isn't genuine gets only a status: nobody gets a message, and no form
// opens.
func TestForgedAndMangled(t *testing.T) {
	genuine := pressBy("UANN", "approve", "r1")
	base64Of := func(s string) string { return base64.StdEncoding.EncodeToString([]byte(s)) }
	tests := []struct {
		name  string
		event events.APIGatewayV2HTTPRequest
		want  int
	}{
		{"no signature", changed(func(e *events.APIGatewayV2HTTPRequest) { delete(e.Headers, "x-slack-signature") }), 401},
		{"no timestamp", changed(func(e *events.APIGatewayV2HTTPRequest) { delete(e.Headers, "x-slack-request-timestamp") }), 401},
		{"another version", changed(func(e *events.APIGatewayV2HTTPRequest) {
			e.Headers["x-slack-signature"] = "v1=" + strings.TrimPrefix(e.Headers["x-slack-signature"], "v0=")
		}), 401},
		{"no version", changed(func(e *events.APIGatewayV2HTTPRequest) {
			e.Headers["x-slack-signature"] = strings.TrimPrefix(e.Headers["x-slack-signature"], "v0=")
		}), 401},
		{"two signatures, as the API joins them", changed(func(e *events.APIGatewayV2HTTPRequest) {
			e.Headers["x-slack-signature"] += "," + e.Headers["x-slack-signature"]
		}), 401},
		{"the signature of another body", changed(func(e *events.APIGatewayV2HTTPRequest) { e.Body = pressBy("UANN", "approve", "r3") }), 401},
		{"the signature of another time", changed(func(e *events.APIGatewayV2HTTPRequest) {
			e.Headers["x-slack-request-timestamp"] = fmt.Sprint(now.Unix() + 1)
		}), 401},
		{"five minutes and a second old", sign(genuine, now.Add(-5*time.Minute-time.Second)), 401},
		{"five minutes and a second ahead", sign(genuine, now.Add(5*time.Minute+time.Second)), 401},
		{"a time that is no number", changed(func(e *events.APIGatewayV2HTTPRequest) { e.Headers["x-slack-request-timestamp"] = "1e9" }), 401},

		{"GET", changed(func(e *events.APIGatewayV2HTTPRequest) { e.RequestContext.HTTP.Method = http.MethodGet }), 405},
		{"PUT", changed(func(e *events.APIGatewayV2HTTPRequest) { e.RequestContext.HTTP.Method = http.MethodPut }), 405},
		{"no content type", signedAs(""), 400},
		{"JSON", signedAs("application/json"), 400},
		{"a form of several parts", signedAs("multipart/form-data; boundary=x"), 400},
		{"a content type that is none", signedAs("application/x-www-form-urlencoded; charset"), 400},

		{"said to be in base64, and is not", changed(func(e *events.APIGatewayV2HTTPRequest) { e.IsBase64Encoded = true }), 400},
		{"in base64, and not said to be", changed(func(e *events.APIGatewayV2HTTPRequest) { e.Body = base64Of(e.Body) }), 401},
		{"in base64 twice", changed(func(e *events.APIGatewayV2HTTPRequest) { e.Body, e.IsBase64Encoded = base64Of(base64Of(e.Body)), true }), 401},
		{"base64 without its end", changed(func(e *events.APIGatewayV2HTTPRequest) {
			e.Body, e.IsBase64Encoded = strings.TrimRight(base64Of(e.Body), "=")+"=", true
		}), 400},
		{"base64 of something larger than Slack's largest", changed(func(e *events.APIGatewayV2HTTPRequest) {
			e.Body, e.IsBase64Encoded = base64Of(strings.Repeat("x", slack.MaxBody+1)), true
		}), 413},
		{"as large as Lambda takes", changed(func(e *events.APIGatewayV2HTTPRequest) { e.Body = strings.Repeat("x", 6<<20) }), 413},
		{"larger than Slack's largest, signed", sign("payload="+strings.Repeat("%20", slack.MaxBody/3)+genuine, now), 413},

		{"percent-encoding without its digits", sign("payload=%", now), 400},
		{"percent-encoding of nothing", sign("payload=%zz", now), 400},
		{"the payload twice", sign(genuine+"&"+genuine, now), 400},
		{"two payloads", sign(pressBy("UBOB", "approve", "r1")+"&"+genuine, now), 400},
		{"a payload and a command twice", sign(genuine+"&command=%2Faccess&command=%2Faccess", now), 400},
		{"semicolons between fields", sign(genuine+";a=b", now), 400},
		{"a payload that is none", sign("payload=approve", now), 400},
		{"null", sign("payload=null", now), 400},
		{"a list", sign("payload=%5B%5D", now), 400},
		{"two payloads in one", sign(genuine+url.QueryEscape("{}"), now), 400},
		{"deeper than JSON is read", sign(nested(10_001), now), 400},
		{"a user that is none", sign(payload("block_actions", "U1> <!channel", object{"actions": []object{{"action_id": "approve", "value": "r1"}}}), now), 400},
		{"nobody", sign(payload("block_actions", "", object{"actions": []object{{"action_id": "approve", "value": "r1"}}}), now), 400},
		{"no action", sign(payload("block_actions", "UANN", object{"actions": []object{}}), now), 400},
		{"an action of another type", sign(payload("block_actions", "UANN", object{"actions": "approve"}), now), 400},
		{"a number for an id", sign(payload("block_actions", "UANN", object{"actions": []object{{"action_id": "approve", "value": 1}}}), now), 400},
		{"a value longer than Slack's longest", sign(pressBy("UANN", "approve", strings.Repeat("a", 2001)), now), 400},
		{"an event of Slack's other API", sign(payload("event_callback", "UANN", nil), now), 400},

		{"another app", sign(payload("block_actions", "UANN", object{"api_app_id": "A2", "actions": []object{{"action_id": "approve", "value": "r1"}}}), now), 403},
		{"another workspace", sign(payload("block_actions", "UANN", object{"team": object{"id": "T2"}, "actions": []object{{"action_id": "approve", "value": "r1"}}}), now), 403},
		{"another enterprise", sign(payload("block_actions", "UANN", object{"team": nil, "enterprise": object{"id": "E2"}, "actions": []object{{"action_id": "approve", "value": "r1"}}}), now), 403},
		{"another workspace that says it is of our enterprise", sign(payload("block_actions", "UANN",
			object{"team": object{"id": "T2"}, "enterprise": object{"id": "E1"}, "actions": []object{{"action_id": "approve", "value": "r1"}}}), now), 403},
		{"a command of another workspace", sign("command=%2Faccess&team_id=T2&api_app_id=A1&user_id=UJANE&trigger_id=t-1", now), 403},
		{"a dialog of another app", sign(payload("view_submission", "UANN", object{"api_app_id": "A2", "view": view(slack.CallbackConfirmation, "r1", nil)}), now), 403},
		{"a dialog of another workspace", sign(payload("view_submission", "UANN", object{"team": object{"id": "T2"}, "view": view(slack.CallbackConfirmation, "r1", nil)}), now), 403},
		{"a dialog without a signature", func() events.APIGatewayV2HTTPRequest {
			e := sign(confirmedBy("UANN", "r1"), now)
			delete(e.Headers, "x-slack-signature")
			return e
		}(), 401},
		{"a form of another app", sign(payload("view_submission", "UJANE", object{"api_app_id": "A2", "view": view("request_for_access", "", nil)}), now), 403},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			w, got := attack(t, test.event)
			if got.StatusCode != test.want || got.Body != "" {
				t.Errorf("got %d %q, want %d with an empty body", got.StatusCode, got.Body, test.want)
			}
			if len(w.told) > 0 || len(w.views) > 0 {
				t.Errorf("somebody was told %q, or saw %d views", w.told, len(w.views))
			}
		})
	}
}

// The genuine approval, which the attacks in this file are made from, has its effect.
func TestGenuine(t *testing.T) {
	w := besieged()
	if got, err := handle(t, w.handler(), changed(func(*events.APIGatewayV2HTTPRequest) {})); err != nil || got.StatusCode != http.StatusOK {
		t.Fatalf("got %d, %v", got.StatusCode, err)
	}
	if o := w.rows["r1"].Outcome; o == nil || o.Kind != access.OutcomeApproved || len(w.resumed) != 1 {
		t.Errorf("outcome %+v, resumed %q", o, w.resumed)
	}
	if w := besieged(); w.send(t, nested(5_000)).StatusCode != http.StatusOK || w.rows["r1"].Outcome == nil {
		t.Error("a field that nobody reads, as deep as JSON may be, keeps a press from its effect")
	}
}

// A request that is cut off anywhere doesn't match the signature of the whole. With
// its own signature, it makes no sense.
func TestTruncated(t *testing.T) {
	for name, whole := range map[string]string{
		"press":      pressBy("UANN", "approve", "r1"),
		"dialog":     confirmedBy("UANN", "r1"),
		"denial":     deniedBy("UANN", "r1", "not today"),
		"at Home":    pressAtHome("UJANE", "withdraw", "r1"),
		"submission": filled("UJANE", production, admin, "3600", "deploy"),
		"command":    "command=%2Faccess&team_id=T1&api_app_id=A1&user_id=UJANE&trigger_id=",
	} {
		signed := sign(whole, now)
		for n := range len(whole) {
			short := signed
			short.Body = whole[:n]
			if _, got := attack(t, short); got.StatusCode != http.StatusUnauthorized {
				t.Fatalf("%s, %d bytes: got %d, want 401", name, n, got.StatusCode)
			}
			if _, got := attack(t, sign(whole[:n], now)); got.StatusCode != http.StatusBadRequest {
				t.Fatalf("%s, %d bytes, signed: got %d, want 400", name, n, got.StatusCode)
			}
		}
	}
}

// Someone sends the same bytes again while the signature is still valid. Nothing
// happens twice. A token may be resumed again, but with the same output, and it is
// used up by then.
func TestReplayed(t *testing.T) {
	for name, body := range map[string]string{
		"approve":                  pressBy("UANN", "approve", "r1"),
		"deny":                     pressBy("UANN", "deny", "r1"),
		"withdraw":                 pressBy("UJANE", "withdraw", "r1"),
		"end":                      pressBy("UJANE", "end", "r2"),
		"approve, confirmed":       confirmedBy("UANN", "r1"),
		"withdraw, at Home":        pressAtHome("UJANE", "withdraw", "r1"),
		"end, at Home":             pressAtHome("UJANE", "end", "r2"),
		"approve, from Home":       fromHome(confirmedBy("UANN", "r1")),
		"deny, from Home":          fromHome(deniedBy("UANN", "r1", "not today")),
		"approve, the last of two": confirmedBy("UBOB", "r4"),
		"deny, in the dialog":      deniedBy("UANN", "r1", "not today"),
		"end, in the dialog":       submittedBy("UANN", slack.CallbackEnd, "r2"),
		"take back":                pressBy("UANN", "take_back", "r4"),
		"remove":                   pressBy("UANN", "drift_remove", "run1"),
		"leave":                    pressBy("UANN", "drift_leave", "run1"),
		"submit":                   filled("UJANE", production, admin, "3600", "deploy"),
	} {
		t.Run(name, func(t *testing.T) {
			w := besieged()
			event := sign(body, now)
			h := w.handler()
			deliver := func() {
				if got, err := handle(t, h, event); err != nil || got.StatusCode != http.StatusOK {
					t.Fatalf("got %d, %v", got.StatusCode, err)
				}
			}
			deliver()
			rows, runs := maps.Clone(w.rows), maps.Clone(w.runs)
			if untouched := besieged(); reflect.DeepEqual(rows, untouched.rows) && reflect.DeepEqual(runs, untouched.runs) {
				t.Fatal("the first delivery had no effect")
			}
			for range 3 {
				deliver()
			}
			if !reflect.DeepEqual(w.rows, rows) || !reflect.DeepEqual(w.runs, runs) {
				t.Errorf("rows %+v, runs %+v; want %+v, %+v", w.rows, w.runs, rows, runs)
			}
			for _, did := range [][]string{w.started, w.resumed, w.updated} {
				if slices.Sort(did); len(slices.Compact(did)) > 1 {
					t.Errorf("not the same again: %q", did)
				}
			}
		})
	}
}

// A button has a value that none of our buttons has, or one that means something else
// there. The person gets one text, and nothing else happens.
func TestForgedButtons(t *testing.T) {
	const (
		noRequest = "This app no longer has this request. If you still need the access, submit a new request."
		noRun     = "This app no longer has this question, so you can't answer it. A later check asks again if needed."
	)
	tests := []struct {
		name, user, action, value, want string
	}{
		{"no such request", "UANN", "approve", "aaaaaaaaaaaaaaaa", noRequest},
		{"empty", "UANN", "approve", "", noRequest},
		{"an id and a space", "UANN", "approve", "r1 ", noRequest},
		{"an id and a line", "UANN", "approve", "r1\n", noRequest},
		{"an id and a NUL", "UANN", "approve", "r1\x00", noRequest},
		{"an id in capitals", "UANN", "approve", "R1", noRequest},
		{"an id in wide letters", "UANN", "approve", "ｒ１", noRequest},
		{"an id and more", "UANN", "approve", `r1","by":"UANN`, noRequest},
		{"the row's key", "UANN", "approve", "request#r1", noRequest},
		{"a path", "UANN", "approve", "../r1", noRequest},
		{"JSON", "UANN", "approve", `{"request_id":"r1"}`, noRequest},
		{"two ids", "UANN", "approve", "r1,r3", noRequest},
		{"as long as Slack's longest", "UANN", "approve", strings.Repeat("é", 2000), noRequest},
		{"markup", "UANN", "deny", "<!channel>", noRequest},
		{"a run's id", "UANN", "approve", "run1", noRequest},
		{"a request's id for a run", "UANN", "drift_remove", "r1", noRun},
		{"a run's key", "UANN", "drift_remove", "run#run1", noRun},
		{"a lease's key for a run", "UANN", "drift_leave", "../lease#account", noRun},
		{"approve what is active", "UANN", "approve", "r2", "ann@example.com already approved this request."},
		{"deny what is active", "UANN", "deny", "r2", "ann@example.com already approved this request."},
		{"withdraw what is active", "UJANE", "withdraw", "r2", "ann@example.com already approved this request."},
		{"end what waits", "UJANE", "end", "r1", "This access isn't active yet. Please try again in a moment."},
		{"end what waits, by an approver", "UANN", "end", "r1", "This access isn't active yet. Please try again in a moment."},
		{"withdraw by somebody else", "UBOB", "withdraw", "r1", "Only the requester can withdraw this request. Approvers can deny it."},
		{"withdraw by an approver", "UANN", "withdraw", "r1", "Only the requester can withdraw this request. Approvers can deny it."},
		{"withdraw by the requester's other Slack user", "UTWIN", "withdraw", "r1", "Only the requester can withdraw this request. Approvers can deny it."},
		{"end by somebody else", "UBOB", "end", "r2", "You can't end this access. The requester, ann@example.com or twin@example.com can."},
		{"approve one's own", "UJANE", "approve", "r1", "You can't approve or deny this request. This is your own request. ann@example.com or twin@example.com can."},
		{"approve by who may not", "UBOB", "approve", "r1", "You can't approve or deny this request. ann@example.com or twin@example.com can."},
		{"approve a second time", "UANN", "approve", "r4", "You already approved this request. It still needs an approval from annie@example.com, bob@example.com or twin@example.com."},
		{"approve a second time by another Slack user", "UANN2", "approve", "r4", "You already approved this request. It still needs an approval from annie@example.com, bob@example.com or twin@example.com."},
		{"approve one's own that somebody approved", "UJANE", "approve", "r4", "You can't approve or deny this request. This is your own request. annie@example.com, bob@example.com or twin@example.com can."},
		{"approve one's own as another Slack user", "UTWIN", "approve", "r4", "You can't approve or deny this request. This is your own request. annie@example.com or bob@example.com can."},
		{"take back what somebody else gave", "UBOB", "take_back", "r4", "You haven't approved this request, so there is nothing to take back."},
		{"take back from one's own request", "UJANE", "take_back", "r4", "You haven't approved this request, so there is nothing to take back."},
		{"take back by a guest", "UGUEST", "take_back", "r4", "You haven't approved this request, so there is nothing to take back."},
		{"take back what nobody gave", "UANN", "take_back", "r1", "You haven't approved this request, so there is nothing to take back."},
		{"take back after the decision", "UANN", "take_back", "r2", "ann@example.com already approved this request."},
		{"take back from a run", "UANN", "take_back", "run1", noRequest},
		{"take back in capitals", "UANN", "TAKE_BACK", "r4", "This app doesn't know this button. Please tell the people who run it."},
		{"answer a run by who may not", "UBOB", "drift_remove", "run1", "You can't answer, because you aren't an approver of any of these accounts or groups. These people can: ann@example.com, jane@example.com, twin@example.com."},
		{"a button that is not ours", "UANN", "approve_all", "r1", "This app doesn't know this button. Please tell the people who run it."},
		{"an action in capitals", "UANN", "Approve", "r1", "This app doesn't know this button. Please tell the people who run it."},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			w, got := attack(t, sign(pressBy(test.user, test.action, test.value), now))
			if got.StatusCode != http.StatusOK || got.Body != "" || !slices.Equal(w.told, []string{test.want}) {
				t.Errorf("got %d %q, told %q; want 200 and %q", got.StatusCode, got.Body, w.told, test.want)
			}
			// The same in the Home tab, where the text appears in a dialog.
			w, got = attack(t, sign(pressAtHome(test.user, test.action, test.value), now))
			if got.StatusCode != http.StatusOK || got.Body != "" || len(w.told) > 0 || len(w.views) != 1 || textOf(w.views[0].view) != test.want {
				t.Errorf("in the Home tab: got %d %q, told %q, and dialogs %+v; want 200 and %q", got.StatusCode, got.Body, w.told, w.views, test.want)
			}
		})
	}
}

// The Home tab's button of an attack shows the tab only to the person who pressed, and
// nothing of it to a guest.
func TestForgedHome(t *testing.T) {
	for _, user := range []string{"UBOB", "UGUEST", "UJANE"} {
		w, _ := attack(t, sign(pressAtHome(user, "approve", "r1"), now))
		for _, h := range w.homes {
			if h.user != user {
				t.Errorf("after a press by %s, %s sees another tab", user, h.user)
			}
			if text := buttonsOf(h.view); user == "UGUEST" && len(text) > 0 {
				t.Errorf("a guest sees %q", text)
			}
		}
	}
	// A modal can't pass for the Home tab by its callback, and the tab can't be submitted.
	modal := payload("block_actions", "UANN", object{"actions": []object{{"action_id": "approve", "value": "r1"}}, "trigger_id": "t-10", "view": view("home", "", nil)})
	if w, got := attack(t, sign(modal, now)); got.StatusCode != http.StatusOK || len(w.homes)+len(w.views)+len(w.told) > 0 {
		t.Errorf("a button in a form: got %d", got.StatusCode)
	}
	submitted := view(slack.CallbackConfirmation, "r1", nil)
	submitted["type"] = "home"
	if _, got := attack(t, sign(payload("view_submission", "UANN", object{"view": submitted}), now)); got.StatusCode != http.StatusBadRequest {
		t.Errorf("a submission of the tab: got %d, want 400", got.StatusCode)
	}
	// A numbered button is one only in the tab.
	if w, _ := attack(t, sign(pressBy("UJANE", "withdraw#1", "r1"), now)); len(w.told) != 1 {
		t.Errorf("told %q", w.told)
	}
	// Approving needs the dialog there, so that nothing happens before it.
	if w, _ := attack(t, sign(pressAtHome("UANN", "approve", "r1"), now)); len(w.views) != 1 || w.views[0].view.PrivateMetadata != "r1" {
		t.Errorf("dialogs %+v", w.views)
	}
}

// A dialog was tampered with, or was never opened. Its submission does no more than a press
// of Approve by the same person, and tells only them.
func TestForgedDialogs(t *testing.T) {
	const noRequest = "This app no longer has this request. If you still need the access, submit a new request."
	tests := []struct {
		name, user, metadata, want string
	}{
		{"no such request", "UANN", "aaaaaaaaaaaaaaaa", noRequest},
		{"empty", "UANN", "", noRequest},
		{"an id and a space", "UANN", "r1 ", noRequest},
		{"an id and a NUL", "UANN", "r1\x00", noRequest},
		{"an id in wide letters", "UANN", "ｒ１", noRequest},
		{"the row's key", "UANN", "request#r1", noRequest},
		{"a path", "UANN", "../r1", noRequest},
		{"JSON", "UANN", `{"request_id":"r1"}`, noRequest},
		{"the metadata of a form", "UANN", `{"kind":"account","account_id":"` + production + `"}`, noRequest},
		{"as long as Slack's longest", "UANN", strings.Repeat("é", 3000), noRequest},
		{"markup", "UANN", "<!channel>", noRequest},
		{"a run's id", "UANN", "run1", noRequest},
		{"what is active", "UANN", "r2", "ann@example.com already approved this request."},
		{"one's own", "UJANE", "r1", "You can't approve or deny this request. This is your own request. ann@example.com or twin@example.com can."},
		{"one's own as another Slack user", "UTWIN", "r1", "You can't approve or deny this request. This is your own request. ann@example.com can."},
		{"by who may not", "UBOB", "r1", "You can't approve or deny this request. ann@example.com or twin@example.com can."},
		{"by a guest", "UGUEST", "r1", "You can't approve or deny this request. No guests. The request's message names the approvers."},
		{"a second time", "UANN", "r4", "You already approved this request. It still needs an approval from annie@example.com, bob@example.com or twin@example.com."},
		{"a second time by another Slack user", "UANN2", "r4", "You already approved this request. It still needs an approval from annie@example.com, bob@example.com or twin@example.com."},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			for _, body := range []string{confirmedBy(test.user, test.metadata), fromHome(confirmedBy(test.user, test.metadata))} {
				w, got := attack(t, sign(body, now))
				if text := noticeText(got.Body); got.StatusCode != http.StatusOK || text != test.want || len(w.told)+len(w.views) > 0 {
					t.Errorf("got %d %q, told %q; want 200 and %q", got.StatusCode, got.Body, w.told, test.want)
				}
			}
		})
	}

	// The other dialogs do no more than their buttons.
	for _, callback := range []string{slack.CallbackDenial, slack.CallbackEnd} {
		for _, metadata := range []string{"aaaaaaaaaaaaaaaa", "", "r1 ", "r1\x00", "ｒ１", "request#r1", "../r1", `{"request_id":"r1"}`, strings.Repeat("é", 3000), "<!channel>", "run1"} {
			w, got := attack(t, sign(submittedBy("UANN", callback, metadata), now))
			if text := noticeText(got.Body); got.StatusCode != http.StatusOK || text != noRequest || len(w.told)+len(w.views) > 0 {
				t.Errorf("%s of %q: got %d %q, told %q", callback, metadata, got.StatusCode, got.Body, w.told)
			}
		}
	}
	for _, test := range []struct{ name, body, want string }{
		{"deny what is active", deniedBy("UANN", "r2", "x"), "ann@example.com already approved this request."},
		{"deny one's own", deniedBy("UJANE", "r1", "x"), "You can't approve or deny this request. This is your own request. ann@example.com or twin@example.com can."},
		{"deny one's own as another Slack user", deniedBy("UTWIN", "r1", "x"), "You can't approve or deny this request. This is your own request. ann@example.com can."},
		{"deny by who may not", deniedBy("UBOB", "r1", "x"), "You can't approve or deny this request. ann@example.com or twin@example.com can."},
		{"deny by a guest", deniedBy("UGUEST", "r1", "x"), "You can't approve or deny this request. No guests. The request's message names the approvers."},
		{"end what waits", submittedBy("UANN", slack.CallbackEnd, "r1"), "This access isn't active yet. Please try again in a moment."},
		{"end by who may not", submittedBy("UBOB", slack.CallbackEnd, "r2"), "You can't end this access. The requester, ann@example.com or twin@example.com can."},
		{"end by a guest", submittedBy("UGUEST", slack.CallbackEnd, "r2"), "You can't end this access. No guests. The requester, ann@example.com or twin@example.com can."},
	} {
		for _, body := range []string{test.body, fromHome(test.body)} {
			w, got := attack(t, sign(body, now))
			if text := noticeText(got.Body); got.StatusCode != http.StatusOK || text != test.want || len(w.told)+len(w.views) > 0 {
				t.Errorf("%s: got %d %q, told %q; want 200 and %q", test.name, got.StatusCode, got.Body, w.told, test.want)
			}
		}
	}
	// Slack sends no more than the field allows. Someone who can sign may.
	for _, reason := range []string{strings.Repeat("x", access.MaxDenialReasonLength+1), strings.Repeat("名", access.MaxDenialReasonLength+1)} {
		w, got := attack(t, sign(deniedBy("UANN", "r1", reason), now))
		if want := string(slack.FieldErrorsResponse(map[string]string{"denial_reason": "Use at most 500 characters."})); got.Body != want || len(w.told)+len(w.views) > 0 {
			t.Errorf("a reason of %d bytes: got %q, want %q", len(reason), got.Body, want)
		}
	}
	// A press that needs a dialog has no effect before its submission.
	if w, _ := attack(t, sign(pressBy("UANN", "end", "r2"), now)); len(w.views) != 1 {
		t.Errorf("views %+v, want the dialog", w.views)
	}

	// Of another request that they may approve, too: the person may do that anyway.
	w := besieged()
	if got := w.send(t, confirmedBy("UANN", "r3")); w.rows["r3"].Outcome == nil || w.rows["r3"].Outcome.By != ann || w.rows["r1"].Outcome != nil || got.Body != "" {
		t.Errorf("got %q, %+v", got.Body, w.rows)
	}
}

// Nothing but its submission makes the dialog approve: not a button or a select in it,
// its closing, or the dialog's name on something else.
func TestDialogThatIsNotSubmitted(t *testing.T) {
	dialog := view(slack.CallbackConfirmation, "r1", nil)
	for name, body := range map[string]string{
		"a button in it":           payload("block_actions", "UANN", object{"view": dialog, "trigger_id": "t-1", "actions": []object{{"action_id": "approve", "value": "r1"}}}),
		"a select in it":           payload("block_actions", "UANN", object{"view": dialog, "actions": []object{{"action_id": "account", "selected_option": object{"value": "r1"}}}}),
		"closed":                   payload("view_closed", "UANN", object{"view": dialog}),
		"a shortcut of that name":  payload("shortcut", "UANN", object{"callback_id": slack.CallbackConfirmation, "trigger_id": "t-1"}),
		"a button of that name":    pressBy("UANN", slack.CallbackConfirmation, "r1"),
		"a press where it counts":  pressBy("UBOB", "approve", "r4"),
		"the callback in capitals": payload("view_submission", "UANN", object{"view": view(strings.ToUpper(slack.CallbackConfirmation), "r1", nil)}),
		"the callback and a space": payload("view_submission", "UANN", object{"view": view(slack.CallbackConfirmation+" ", "r1", nil)}),
		"the id only outside the view": payload("view_submission", "UANN", object{"private_metadata": "r1", "callback_id": slack.CallbackConfirmation,
			"actions": []object{{"action_id": "approve", "value": "r1"}}, "view": view(slack.CallbackConfirmation, "", nil)}),
	} {
		t.Run(name, func(t *testing.T) {
			if _, got := attack(t, sign(body, now)); got.StatusCode != http.StatusOK {
				t.Errorf("got %d", got.StatusCode)
			}
		})
	}
}

// Only who presses a button matters, not where. From a channel or message that the
// request was never in, a stranger may do no more, and only they get a reply. An
// approver may do no less.
func TestPressFromElsewhere(t *testing.T) {
	elsewhere := func(user string) string {
		return payload("block_actions", user, object{
			"actions": []object{{"action_id": "approve", "value": "r1"}},
			"channel": object{"id": "C9"}, "message": object{"ts": "9.9"},
			"container": object{"type": "message", "channel_id": "C8", "message_ts": "8.8"},
		})
	}
	w, _ := attack(t, sign(elsewhere("UBOB"), now))
	if want := []string{"C9 UBOB You can't approve or deny this request. ann@example.com or twin@example.com can."}; !slices.Equal(w.told, want) {
		t.Errorf("told %q, want %q", w.told, want)
	}
	w = besieged()
	if w.send(t, elsewhere("UANN")); w.rows["r1"].Outcome == nil || w.rows["r1"].Outcome.By != ann || len(w.told) > 0 {
		t.Errorf("the approver's press: %+v, told %q", w.rows["r1"].Outcome, w.told)
	}
}

// If a payload has several actions, only the first counts, with its own value. Slack
// sends only one.
func TestSeveralActionsAtOnce(t *testing.T) {
	w, _ := attack(t, sign(payload("block_actions", "UBOB", object{
		"actions":      []object{{"action_id": "withdraw", "value": "r1"}, {"action_id": "approve", "value": "r3"}, {"action_id": "end", "value": "r2"}},
		"response_url": "https://hooks.slack.com/actions/T1/1/x",
	}), now))
	if want := []string{"Only the requester can withdraw this request. Approvers can deny it."}; !slices.Equal(w.told, want) {
		t.Errorf("told %q, want %q", w.told, want)
	}
}

// tampered is a submission whose parts someone changed.
type tampered struct {
	callback, metadata, viewID string
	account, set, block        string
	duration, reason           string
	option                     object // beside the value of the selected option
}

func (f tampered) body(user string) string {
	or := func(s *string, otherwise string) {
		if *s == "" {
			*s = otherwise
		}
	}
	or(&f.callback, "request_for_access")
	or(&f.viewID, "V1")
	or(&f.account, production)
	or(&f.set, admin)
	or(&f.block, "permission_set-"+f.account)
	or(&f.duration, "3600")
	or(&f.reason, "deploy")
	chosen := func(value string) object {
		option := object{"value": value}
		maps.Copy(option, f.option)
		return object{"selected_option": option}
	}
	return payload("view_submission", user, object{"view": object{
		"id": f.viewID, "root_view_id": "V9", "previous_view_id": "V8", "hash": "forged", "callback_id": f.callback,
		"private_metadata": f.metadata, "app_id": "A2", "team_id": "T2",
		"state": object{"values": object{
			"account": object{"account": chosen(f.account)}, f.block: object{"permission_set": chosen(f.set)},
			"duration": object{"duration": chosen(f.duration)}, "reason": object{"reason": object{"value": f.reason}},
		}},
	}})
}

// A choice that the form never offered is refused with an error at that field, and
// nothing else happens.
func TestTamperedFormIsRefused(t *testing.T) {
	const (
		notADuration = "Choose how long you need the access."
		noDuration   = "Choose one of the offered durations."
		noReason     = "Say why you need the access."
	)
	inProduction := "permission_set-" + production
	tests := []struct {
		name  string
		form  tampered
		block string // the field with the error
		want  string
	}{
		{"an account that does not exist", tampered{account: "999999999999"}, "permission_set-999999999999", notOffered},
		{"an account that is no id", tampered{account: "*"}, "permission_set-*", notOffered},
		{"an account outside the policy", tampered{account: "333333333333"}, "permission_set-333333333333", notOffered},
		{"a permission set outside the policy", tampered{set: billing}, inProduction, notOffered},
		{"a permission set outside the policy, by name", tampered{set: "Billing"}, inProduction, notOffered},
		{"a permission set that does not exist", tampered{set: "arn:aws:sso:::permissionSet/ssoins-1/ps-9"}, inProduction, notOffered},
		{"a name that does not exist", tampered{set: "Everything"}, inProduction, notOffered},
		{"every permission set", tampered{set: "*"}, inProduction, notOffered},
		{"a permission set in other letters", tampered{set: "admin"}, inProduction, notOffered},
		{"metadata that calls one permission set by another's name", tampered{set: billing,
			metadata: `{"kind":"account","account_id":"` + production + `","permission_set_arn":"` + billing + `","permission_set":"ReadOnly"}`}, inProduction, notOffered},
		{"an account of the metadata's that was never chosen", tampered{account: "333333333333",
			metadata: `{"kind":"account","account_id":"` + production + `"}`}, "permission_set-333333333333", notOffered},
		{"a duration that is not offered", tampered{duration: "3601"}, "duration", noDuration},
		{"a duration over the longest", tampered{duration: "31622400"}, "duration", noDuration},
		{"no time", tampered{duration: "0"}, "duration", notADuration},
		{"a time before", tampered{duration: "-3600"}, "duration", notADuration},
		{"an hour in another way", tampered{duration: "3.6e3"}, "duration", notADuration},
		{"hexadecimal", tampered{duration: "0xE10"}, "duration", notADuration},
		{"more than a number", tampered{duration: "3600 "}, "duration", notADuration},
		{"infinity", tampered{duration: "1e309"}, "duration", notADuration},
		{"more than fits", tampered{duration: "9223372036854775808"}, "duration", notADuration},
		{"more than a year", tampered{duration: "9223372036854775807"}, "duration", notADuration},
		{"many digits", tampered{duration: strings.Repeat("9", 200)}, "duration", notADuration},
		{"digits of another script", tampered{duration: "٣٦٠٠"}, "duration", notADuration},
		{"a reason of spaces", tampered{reason: " \t\r\n\u00a0\u2003"}, "reason", noReason},
		{"a reason of control characters", tampered{reason: "\x00\x01\x7f\u0085"}, "reason", noReason},
		{"a reason of marks of direction", tampered{reason: "\u202e\u2066\u2069\u200f"}, "reason", noReason},
		{"a reason of joiners", tampered{reason: "\u200b\u200c\u200d\u2060\ufeff\u00ad"}, "reason", noReason},
		{"a reason of fillers", tampered{reason: "\u3164\u115f\u1160\uffa0\u2800"}, "reason", noReason},
		{"a reason over the limit", tampered{reason: strings.Repeat("x", 3001)}, "reason", "Use at most 3000 characters."},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			_, got := attack(t, sign(test.form.body("UJANE"), now))
			if errors := fieldErrors(got.Body); got.StatusCode != http.StatusOK || !reflect.DeepEqual(errors, map[string]string{test.block: test.want}) {
				t.Errorf("got %d %s; want %q at %q", got.StatusCode, got.Body, test.want, test.block)
			}
		})
	}
}

// Only the chosen ids count. Other things that the form says have no effect: names,
// kinds and options come from the catalog.
func TestTamperedFormIsReadByItsIDs(t *testing.T) {
	metadata := func(fields object) string {
		text, _ := json.Marshal(fields)
		return string(text)
	}
	for name, form := range map[string]tampered{
		"names that are markup": {metadata: metadata(object{"kind": "account", "account_id": production, "account_name": "<!channel>",
			"permission_set_arn": admin, "permission_set": "*ReadOnly*"})},
		"a harmless account's name":         {metadata: metadata(object{"kind": "account", "account_id": production, "account_name": "Sandbox", "permission_set_arn": admin, "permission_set": "ReadOnly"})},
		"another account":                   {metadata: metadata(object{"kind": "account", "account_id": sandbox, "account_name": "Sandbox", "permission_set_arn": readOnly, "permission_set": "ReadOnly"})},
		"another kind":                      {metadata: metadata(object{"kind": "group", "group_id": "g-1", "group_name": "Auditors"})},
		"a request in it":                   {metadata: metadata(object{"kind": "account", "id": "r1", "outcome": object{"kind": "approved"}, "requester": object{"slack_id": "UANN"}})},
		"no JSON":                           {metadata: `{"kind":"account"`},
		"JSON of another type":              {metadata: `["account"]`},
		"numbers for texts":                 {metadata: `{"kind":"account","account_id":111111111111}`},
		"JSON as deep as there is room for": {metadata: strings.Repeat("[", 3000)},
		"an option's own text":              {option: object{"text": object{"type": "mrkdwn", "text": "*ReadOnly* in <!here>"}, "description": "Sandbox"}},
	} {
		t.Run(name, func(t *testing.T) {
			w := besieged()
			if got := w.send(t, form.body("UJANE")); got.Body != string(slack.ClearResponse()) {
				t.Fatalf("got %s", got.Body)
			}
			want := access.Target{Kind: access.KindAccount, AccountID: production, AccountName: "Production", PermissionSetARN: admin, PermissionSet: "Admin"}
			r := w.rows[requestID]
			if r.Target != want || r.Requester != jane || r.Outcome != nil || r.ID != requestID || len(w.rows) != 5 || len(w.started) != 1 {
				t.Errorf("the row is %+v of %d, started %q; want the target %+v", r, len(w.rows), w.started, want)
			}
		})
	}
}

// The form offers the permission sets of the chosen account, or those of all accounts
// before one is chosen. Metadata that someone tampered with offers none outside the
// policy.
func TestTamperedMetadataOffersNothingMore(t *testing.T) {
	anywhere := []string{"Admin = " + admin, "ReadOnly = " + readOnly}
	for name, test := range map[string]struct {
		action, metadata string
		want             []string
	}{
		"an account outside the policy": {"permission_set", `{"kind":"account","account_id":"333333333333"}`, nil},
		"every account":                 {"permission_set", `{"kind":"account","account_id":"*"}`, nil},
		"no account":                    {"permission_set", `{"kind":"account","account_id":""}`, anywhere},
		"a group's":                     {"permission_set", `{"kind":"group","account_id":"` + production + `"}`, anywhere},
		"no JSON":                       {"permission_set", `x`, anywhere},

		"a permission set outside the policy": {"account", `{"kind":"account","permission_set":"Billing","permission_set_arn":"` + billing + `"}`, nil},
		"every permission set":                {"account", `{"kind":"account","permission_set":"*","permission_set_arn":"` + admin + `"}`, nil},
		"a target of another kind":            {"account", `{"kind":"group","permission_set":"Billing"}`, []string{"Production (111111111111) = " + production}},
	} {
		_, got := attack(t, sign(payload("block_suggestion", "UJANE", object{
			"action_id": test.action, "value": "", "view": view("request_for_access", test.metadata, nil),
		}), now))
		if options := options(t, got.Body); !slices.Equal(options, test.want) {
			t.Errorf("%s: offers %q, want %q", name, options, test.want)
		}
	}
}

// A form belongs to the person who opened it. A submission with the id of someone
// else's form starts nothing and doesn't reveal what they requested.
func TestFormOfSomebodyElse(t *testing.T) {
	for name, body := range map[string]string{
		"the same":         tampered{}.body("UANN"),
		"another":          tampered{account: sandbox, reason: "another"}.body("UANN"),
		"another callback": filled("UANN", sandbox, admin, "7200", "x"),
	} {
		t.Run(name, func(t *testing.T) {
			w := besieged()
			w.send(t, tampered{reason: "a secret of jane's"}.body("UJANE"))
			before := w.state()
			got := w.send(t, body)
			want := string(slack.UpdateViewResponse(slack.NoticeView("Sorry", "This form belongs to someone else. Please open your own.")))
			if got.Body != want || w.state() != before {
				t.Errorf("got %s, want %s; now %s\nbefore %s", got.Body, want, w.state(), before)
			}
		})
	}
}

// The app knows no form with another callback. A form that changes its kind counts as
// the kind that it names.
func TestTamperedCallback(t *testing.T) {
	for name, form := range map[string]tampered{
		"another's":   {callback: "approve_request"},
		"in capitals": {callback: "Request_For_Access"},
		"none":        {callback: " "},
	} {
		_, got := attack(t, sign(form.body("UJANE"), now))
		if want := string(slack.UpdateViewResponse(slack.NoticeView("Sorry", "This app doesn't know this form. To open a new one, use /access or /group-access."))); got.Body != want {
			t.Errorf("%s: got %s, want %s", name, got.Body, want)
		}
	}
	_, got := attack(t, sign(tampered{callback: "request_for_group_membership"}.body("UJANE"), now))
	if errors := fieldErrors(got.Body); !reflect.DeepEqual(errors, map[string]string{"group": "Choose a group."}) {
		t.Errorf("an account's form as a group's: %s", got.Body)
	}
}
