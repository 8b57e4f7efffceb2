package e2e

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	sfntypes "github.com/aws/aws-sdk-go-v2/service/sfn/types"

	"sso-elevator/functions/access"
	"sso-elevator/slack/simulator"
)

// sign returns Slack's signature of a body, version 0, as its documentation says.
func sign(secret string, at time.Time, body string) (timestamp, signature string) {
	timestamp = fmt.Sprint(at.Unix())
	mac := hmac.New(sha256.New, []byte(secret))
	fmt.Fprintf(mac, "v0:%s:%s", timestamp, body)
	return timestamp, "v0=" + hex.EncodeToString(mac.Sum(nil))
}

// send posts a form's body to the app as Slack does.
func (s *stack) send(t *testing.T, body, timestamp, signature string) (status int, answer string) {
	t.Helper()
	return s.sendAs(t, "application/x-www-form-urlencoded", body, timestamp, signature)
}

// sendAs posts a body of this type to the app as Slack does.
func (s *stack) sendAs(t *testing.T, contentType, body, timestamp, signature string) (status int, answer string) {
	t.Helper()
	status, answer, err := s.callApp(contentType, body, timestamp, signature)
	if err != nil {
		t.Fatal(err)
	}
	return status, answer
}

func (s *stack) callApp(contentType, body, timestamp, signature string) (status int, answer string, err error) {
	req, err := http.NewRequest(http.MethodPost, s.SlackRequestURL, strings.NewReader(body))
	if err != nil {
		return 0, "", err
	}
	req.Header.Set("Content-Type", contentType)
	req.Header.Set("X-Slack-Request-Timestamp", timestamp)
	req.Header.Set("X-Slack-Signature", signature)
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		return 0, "", err
	}
	defer res.Body.Close()
	text, err := io.ReadAll(res.Body)
	return res.StatusCode, string(text), err
}

// approval returns Bob's press of Approve, as Slack would send it.
func approval(r *request, m post, change func(map[string]any)) string {
	payload := map[string]any{
		"type": "block_actions", "api_app_id": "A0ELEVATOR", "trigger_id": "1.2.3",
		"team":      map[string]any{"id": team, "domain": "example"},
		"user":      map[string]any{"id": bob, "team_id": team},
		"container": map[string]any{"type": "message", "message_ts": m.TS, "channel_id": m.Channel},
		"channel":   map[string]any{"id": m.Channel}, "message": map[string]any{"ts": m.TS},
		"actions": []any{map[string]any{"type": "button", "action_id": "approve", "block_id": "b", "value": r.id}},
	}
	if change != nil {
		change(payload)
	}
	text, err := json.Marshal(payload)
	if err != nil {
		panic(err)
	}
	return url.Values{"payload": {string(text)}}.Encode()
}

// TestForgedPresses checks that a press changes nothing if it is unsigned, signed
// too long ago, or from another app, workspace or person. Then the real press
// counts.
func TestForgedPresses(t *testing.T) {
	t.Parallel()
	r := local.ask(t, wish{alice, "network", "DeveloperAccess", 10})
	m := r.message(t)
	genuine := approval(r, m, nil)

	for _, tt := range []struct {
		name       string
		body       string
		secret     string
		from       time.Duration // now
		spoil      func(timestamp, signature string) (string, string)
		wantStatus int
	}{
		{"not signed", genuine, signingSecret, 0, func(string, string) (string, string) { return "", "" }, http.StatusUnauthorized},
		{"signed with another secret", genuine, "another", 0, nil, http.StatusUnauthorized},
		{"signed with an empty secret", genuine, "", 0, nil, http.StatusUnauthorized},
		{"a signature of another body", genuine, signingSecret, 0, func(at, _ string) (string, string) { return sign(signingSecret, time.Now(), "another body") }, http.StatusUnauthorized},
		{"replayed after six minutes", genuine, signingSecret, -6 * time.Minute, nil, http.StatusUnauthorized},
		{"signed for the future", genuine, signingSecret, 6 * time.Minute, nil, http.StatusUnauthorized},
		{"half a signature", genuine, signingSecret, 0, func(at, s string) (string, string) { return at, s[:20] }, http.StatusUnauthorized},
		{"another app", approval(r, m, func(p map[string]any) { p["api_app_id"] = "A0STRANGER" }), signingSecret, 0, nil, http.StatusForbidden},
		{"another workspace", approval(r, m, func(p map[string]any) { p["team"] = map[string]any{"id": "T0STRANGER"} }), signingSecret, 0, nil, http.StatusForbidden},
		// Slack can't show that to a user it doesn't have.
		{"nobody", approval(r, m, func(p map[string]any) { p["user"] = map[string]any{"id": "U0NOBODY00"} }), signingSecret, 0, nil, http.StatusInternalServerError},
		{"no payload", "payload=", signingSecret, 0, nil, http.StatusBadRequest},
		{"half a payload", genuine[:len(genuine)/2], signingSecret, 0, nil, http.StatusBadRequest},
		{"no request", approval(r, m, func(p map[string]any) {
			p["actions"] = []any{map[string]any{"type": "button", "action_id": "approve", "block_id": "b", "value": "aaaaaaaaaaaaaaaa"}}
		}), signingSecret, 0, nil, http.StatusOK},
		{"an action that is not ours", approval(r, m, func(p map[string]any) {
			p["actions"] = []any{map[string]any{"type": "button", "action_id": "approve_all", "block_id": "b", "value": r.id}}
		}), signingSecret, 0, nil, http.StatusOK},
	} {
		var signature string
		send := func() (int, string) {
			var timestamp string
			timestamp, signature = sign(tt.secret, time.Now().Add(tt.from), tt.body)
			if tt.spoil != nil {
				timestamp, signature = tt.spoil(timestamp, signature)
			}
			return local.send(t, tt.body, timestamp, signature)
		}
		var status int
		var answer string
		if tt.wantStatus == http.StatusInternalServerError {
			// The app also says that if it had no time. It records the press if it had.
			for range patience {
				began := time.Now()
				status, answer = send()
				took := time.Since(began)
				if status != tt.wantStatus || slices.Contains(kinds(local.requestRow(t, r.id)), string(access.EventPressRefused)) {
					break
				}
				local.doAgain(t, took, tt.name)
			}
		} else {
			status, answer = local.answered(t, tt.name, send)
		}
		if status != tt.wantStatus {
			t.Errorf("%s: status %d, want %d", tt.name, status, tt.wantStatus)
		}
		if strings.Contains(answer, signature) && signature != "" {
			t.Errorf("%s: the answer repeats the signature", tt.name)
		}
	}
	if now := r.message(t); !now.has("approve") || r.assigned(t) {
		t.Fatalf("a forged press had an effect: %s", now.Blocks)
	}
	var timestamp, signature string
	for range patience {
		before, began := local.toldToPressAgain(t, bob, ""), time.Now()
		timestamp, signature = sign(signingSecret, began, genuine)
		status, _ := local.send(t, genuine, timestamp, signature)
		took := time.Since(began)
		if status != http.StatusOK && status != http.StatusInternalServerError {
			t.Fatalf("the genuine press: status %d", status)
		}
		// Without a response URL, nothing says which press bob's message was about.
		if local.requestRow(t, r.id, "outcome").Outcome != nil {
			break
		}
		if status == http.StatusOK && local.toldToPressAgain(t, bob, "") == before {
			t.Fatal("the genuine press came to nothing, without a word")
		}
		local.doAgain(t, took, "the genuine press")
	}
	r.waitAssigned(t)
	// A thief sends the same bytes again. It has no second effect.
	if status, _ := local.answered(t, "the repeated press", func() (int, string) { return local.send(t, genuine, timestamp, signature) }); status != http.StatusOK {
		t.Errorf("the repeated press: status %d", status)
	}
	r.finished(t, sfntypes.ExecutionStatusSucceeded, 10*time.Second+removalLimit+soon)
	wantEvents(t, r, "requested", "press_refused", "approved", "granted", "revoked") // nobody's press is recorded either
}

// TestRepeatedSubmission checks that a form that Slack sends again creates one
// request. Slack does that if the answer was late.
func TestRepeatedSubmission(t *testing.T) {
	t.Parallel()
	// Nobody else requests this. Otherwise, alice's form may be refused at first, and
	// sending it again would create a second request.
	r := local.ask(t, wish{alice, "payments-production", "ReadOnlyAccess", 10})
	var log struct {
		Deliveries []struct {
			N    int    `json:"n"`
			Kind string `json:"kind"`
			Body string `json:"body"`
		} `json:"deliveries"`
	}
	if err := local.get("/sim/deliveries", &log); err != nil {
		t.Fatal(err)
	}
	// If the app didn't respond in time, alice has submitted the form more than once.
	var submissions []int
	for _, d := range log.Deliveries {
		if body, _ := url.QueryUnescape(d.Body); d.Kind == "view_submission" && strings.Contains(body, r.reason) {
			submissions = append(submissions, d.N)
		}
	}
	if len(submissions) == 0 {
		t.Fatal("Slack knows of no submission")
	}
	for range 2 {
		res := local.untilAnswered(t, "Slack sends the form again", func() (res simulator.Result, told bool) {
			if err := local.post("/sim/replay", map[string]int{"n": submissions[0]}, &res); err != nil {
				t.Fatal(err)
			}
			return res, false
		})
		if !res.OK {
			t.Fatalf("repeat: %+v", res)
		}
	}
	r.waitAssigned(t)
	r.finished(t, sfntypes.ExecutionStatusSucceeded, 10*time.Second+removalLimit+soon)
	messages := 0
	for _, p := range local.posts(t, "") {
		if p.ThreadTS == "" && strings.Contains(string(p.Blocks), r.reason) && strings.HasPrefix(p.Channel, "C") {
			messages++
		}
	}
	if messages != 1 {
		t.Errorf("%d messages in the channel, want 1", messages)
	}
	wantEvents(t, r, "requested", "approved", "granted", "revoked")
}

// TestFormRefuses checks that the form shows why something can't be requested, and
// that nothing is half done.
func TestFormRefuses(t *testing.T) {
	t.Parallel()
	s := local
	f := s.open(t, bob)
	defer f.unlock()
	for _, tt := range []struct {
		name   string
		values map[string]string
		block  string // part of the id of the block with the error
	}{
		{"no reason", map[string]string{"duration": "10", "reason": "   "}, "reason"},
		{"a reason that is too long", map[string]string{"duration": "10", "reason": strings.Repeat("x", 3001)}, "reason"},
		{"a duration that was not offered", map[string]string{"duration": "864000", "reason": t.Name()}, "duration"},
		{"an account that does not exist", map[string]string{"duration": "10", "reason": t.Name(), "account": "999999999999"}, ""},
		{"a permission set that does not exist", map[string]string{"duration": "10", "reason": t.Name(), "permission_set": "arn:aws:sso:::permissionSet/ssoins-0000000000000000/ps-0000000000000000"}, "permission_set"},
	} {
		f.choose(t, "account", "shop-production")
		f.choose(t, "permission_set", "DeveloperAccess")
		res := f.submitUnchecked(t, tt.values)
		said := ""
		for block, text := range res.FieldErrors {
			if strings.Contains(block, tt.block) {
				said += text
			}
		}
		if said == "" {
			t.Errorf("%s: nothing is said at %q: %+v", tt.name, tt.block, res)
		}
	}
	for _, p := range s.posts(t, "") {
		if strings.Contains(string(p.Blocks), t.Name()) {
			t.Errorf("a request came of it: %s", p.Blocks)
		}
	}
}

// TestStranger checks that the form tells people at once if they are not in
// Identity Center.
func TestStranger(t *testing.T) {
	t.Parallel()
	f := local.open(t, heidi)
	defer f.unlock()
	v := f.view(t)
	if strings.Contains(string(v.Raw), `"action_id":"reason"`) || !strings.Contains(string(v.Raw), "Identity Center") {
		t.Errorf("the form does not say that she is not in Identity Center: %s", v.Raw)
	}
}
