package e2e

import (
	"encoding/json"
	"fmt"
	"math"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	sfntypes "github.com/aws/aws-sdk-go-v2/service/sfn/types"

	"sso-elevator/functions/access"
)

// asking lets only one test at a time make a request on the quiet stack. One of the
// tests changes the policy, which functions notice at different times, and must know
// which ones do.
var asking sync.Mutex

// options returns the options of a select that doesn't load them from the app.
func (f *form) options(t *testing.T, action string) (texts, values []string) {
	t.Helper()
	v := f.view(t)
	var view struct {
		Blocks []struct {
			Element struct {
				ActionID string `json:"action_id"`
				Options  []struct {
					Text struct {
						Text string `json:"text"`
					} `json:"text"`
					Value string `json:"value"`
				} `json:"options"`
			} `json:"element"`
		} `json:"blocks"`
	}
	if err := json.Unmarshal(v.Raw, &view); err != nil {
		t.Fatal(err)
	}
	for _, b := range view.Blocks {
		if b.Element.ActionID != action {
			continue
		}
		for _, o := range b.Element.Options {
			texts, values = append(texts, o.Text.Text), append(values, o.Value)
		}
	}
	return texts, values
}

// TestQuietSettings goes through the features that settings can turn off.
func TestQuietSettings(t *testing.T) {
	t.Parallel()
	asking.Lock()
	defer asking.Unlock()

	// With create_api_gateway: false, create_lambda_url: true and
	// requester_lambda_name, Slack calls the function directly, under this name.
	t.Run("function's URL", func(t *testing.T) {
		if want := "/function-url/access-requester/"; !strings.HasSuffix(quiet.SlackRequestURL, want) {
			t.Errorf("Slack calls %s, want …%s", quiet.SlackRequestURL, want)
		}
	})

	// permission_duration_list_override replaces all other durations.
	t.Run("durations", func(t *testing.T) {
		f := quiet.open(t, alice)
		defer f.unlock()
		texts, values := f.options(t, "duration")
		if want := []string{"12 seconds", "1 minute", "36 hours"}; !slices.Equal(texts, want) {
			t.Errorf("the form offers %q, want %q", texts, want)
		}
		if want := []string{"12", "60", "129600"}; !slices.Equal(values, want) {
			t.Errorf("the options' values are %q, want %q", values, want)
		}
	})

	// With request_expiration_hours: 0 and no reminders, there is one wait of 300
	// days.
	t.Run("no expiry, no reminders", func(t *testing.T) {
		const longest = 300 * 24 * time.Hour
		r := quiet.ask(t, wish{dave, "network", "DeveloperAccess", 12})
		m := r.message(t)
		r.waitsIn(t, "AwaitApproval")
		made := r.made(t)
		var open time.Time
		for _, e := range elementsOf(t, m.Blocks) {
			if e["type"] == "date" {
				open = time.Unix(int64(e["timestamp"].(float64)), 0)
			}
		}
		if texts := textsOf(t, m.Blocks); !slices.Contains(texts, "Request expires: ") || math.Abs(float64(open.Sub(made.Add(longest)))) > float64(time.Second) {
			t.Errorf("the message says open until %s, want 300 days after %s: %q", open, made, texts)
		}
		// Nothing happens before the expiry, which is that late.
		if looks := r.looks(t); len(looks) != 1 || !looks[0].waitsUntilDue(made.Add(longest)) {
			t.Errorf("the execution looks and waits like this: %+v; want one wait until 300 days after the request, %v", looks, made)
		}
		if res := quiet.press(t, bob, m, "deny", false); !res.OK {
			t.Fatalf("press: %+v", res)
		}
		states := r.finished(t, sfntypes.ExecutionStatusSucceeded, soon)
		if slices.Contains(states, "Remind") || len(r.reminders(t)) > 0 {
			t.Errorf("there was a reminder: %q", states)
		}
		wantOnce(t, r, "outcome")
		wantEvents(t, r, "requested", "denied")
		if sent := r.direct(t, dave); len(sent) > 0 {
			t.Errorf("direct messages although the settings say no: %v", sent)
		}
	})

	// With revoker_post_update_to_slack and send_dm_if_user_not_in_channel false, only
	// the channel's message shows the end.
	t.Run("no word at the end, no direct messages", func(t *testing.T) {
		r := quiet.ask(t, wish{dave, "network", "ReadOnlyAccess", 12})
		r.waitAssigned(t)
		r.shows(t, "🟢")
		r.waitGone(t, 12*time.Second+removalLimit)
		r.finished(t, sfntypes.ExecutionStatusSucceeded, soon)
		m := r.message(t)
		texts := strings.Join(textsOf(t, m.Blocks), "\n")
		if !strings.Contains(texts, "⚪ Access has ended") || !strings.Contains(texts, "Access removed ") || m.has("end") {
			t.Errorf("the channel's message does not show the end: %q", texts)
		}
		thread := r.thread(t)
		if len(thread) != 1 || len(thread["granted"]) != 1 {
			t.Errorf("the thread has %v, want that it was granted and nothing more", thread)
		}
		if sent := r.direct(t, dave); len(sent) > 0 {
			t.Errorf("direct messages although the settings say no: %v", sent)
		}
		wantEvents(t, r, "requested", "approved", "granted", "revoked")
	})
}

// submission is what Slack sends when the form is submitted with those values, by
// action id. If metadata is not empty, it replaces the form's.
func (f *form) submission(t *testing.T, values map[string]string, metadata string) string {
	t.Helper()
	v := f.view(t)
	var view struct {
		Hash            string `json:"hash"`
		CallbackID      string `json:"callback_id"`
		PrivateMetadata string `json:"private_metadata"`
		Blocks          []struct {
			BlockID string `json:"block_id"`
			Element struct {
				Type     string `json:"type"`
				ActionID string `json:"action_id"`
			} `json:"element"`
		} `json:"blocks"`
	}
	if err := json.Unmarshal(v.Raw, &view); err != nil {
		t.Fatal(err)
	}
	state := map[string]any{}
	for _, b := range view.Blocks {
		value, ok := values[b.Element.ActionID]
		if !ok {
			continue
		}
		filled := map[string]any{"type": b.Element.Type, "value": value}
		if b.Element.Type != "plain_text_input" {
			filled = map[string]any{"type": b.Element.Type, "selected_option": map[string]any{"value": value, "text": map[string]any{"type": "plain_text", "text": value}}}
		}
		state[b.BlockID] = map[string]any{b.Element.ActionID: filled}
	}
	if len(state) != len(values) {
		t.Fatalf("the form has fields for %v, not all of %v", state, values)
	}
	if metadata == "" {
		metadata = view.PrivateMetadata
	}
	payload, err := json.Marshal(map[string]any{
		"type": "view_submission", "api_app_id": "A0ELEVATOR", "trigger_id": "1.2.3",
		"team": map[string]any{"id": team, "domain": "example"},
		"user": map[string]any{"id": f.person, "team_id": team},
		"view": map[string]any{
			"id": f.viewID, "type": "modal", "hash": view.Hash, "callback_id": view.CallbackID,
			"private_metadata": metadata, "state": map[string]any{"values": state},
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	return url.Values{"payload": {string(payload)}}.Encode()
}

// TestTamperedSubmission checks that a correctly signed submission for something
// outside the policy creates no request, whatever its metadata says.
func TestTamperedSubmission(t *testing.T) {
	t.Parallel()
	asking.Lock()
	unlock := sync.OnceFunc(asking.Unlock)
	defer unlock()
	f := quiet.open(t, kim)
	defer f.unlock()
	f.choose(t, "account", "network")
	f.choose(t, "permission_set", "ReadOnlyAccess")
	account, offered, other := quiet.accountID(t, "network"), quiet.permissionSetARN(t, "ReadOnlyAccess"), quiet.permissionSetARN(t, "SupportAccess")
	submit := func(permissionSet, metadata string) string {
		t.Helper()
		body := f.submission(t, map[string]string{"account": account, "permission_set": permissionSet, "duration": "12", "reason": t.Name()}, metadata)
		status, answer := quiet.sendSigned(t, "a changed form", body)
		if status != http.StatusOK {
			t.Fatalf("status %d: %s", status, answer)
		}
		return answer
	}
	row := "request#" + access.RequestID(team, f.viewID)
	for name, metadata := range map[string]string{
		"a permission set that was not offered": "",
		"under the name of one that was":        fmt.Sprintf(`{"kind":"account","account_id":%q,"account_name":"network","permission_set":"ReadOnlyAccess","permission_set_arn":%q}`, account, other),
		"by name":                               "",
	} {
		asked := other
		if name == "by name" {
			asked = "SupportAccess"
		}
		if answer := submit(asked, metadata); !strings.Contains(answer, "This can't be requested.") || !strings.Contains(answer, `"response_action":"errors"`) {
			t.Errorf("%s: the form says %s", name, answer)
		}
		if got := quiet.row(t, row); got != nil {
			t.Fatalf("%s: a request came of it: %v", name, got)
		}
	}
	// The same submission with offered options creates a request, so nothing else was
	// wrong with it.
	if answer := submit(offered, ""); !strings.Contains(answer, `"response_action":"clear"`) || quiet.row(t, row) == nil {
		t.Fatalf("what was offered is answered with %s", answer)
	}
	unlock()
	r := &request{stack: quiet, wish: wish{kim, "network", "ReadOnlyAccess", 12}, reason: t.Name(), id: access.RequestID(team, f.viewID)}
	r.finished(t, sfntypes.ExecutionStatusSucceeded, 12*time.Second+removalLimit+soon)
	wantEvents(t, r, "requested", "approved", "granted", "revoked")
}
