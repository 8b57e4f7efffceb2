package ingress

import (
	"encoding/json"
	"fmt"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"sso-elevator/functions/access"
	"sso-elevator/slack"
)

// sentAs is a submission of the form with this view id.
func sentAs(viewID, user, account, duration string) string {
	v := view("request_for_access", `{"kind":"account","account_id":"`+account+`"}`, map[string][2]string{
		"account":                   {"account", account},
		"permission_set-" + account: {"permission_set", admin},
		"duration":                  {"duration", duration},
		"reason":                    {"reason", "deploy"},
	})
	v["id"] = viewID
	return payload("view_submission", user, object{"view": v})
}

func decision(action, user, id string) string {
	return payload("block_actions", user, object{
		"actions":      []any{object{"action_id": action, "block_id": "b", "type": "button", "value": id}},
		"response_url": "https://hooks.slack.com/actions/1", "channel": object{"id": "C1"},
	})
}

func idOf(viewID string) string { return access.RequestID("T1", viewID) }

// notice is the response that replaces the form with a text.
func notice(t *testing.T, title, text string) string {
	t.Helper()
	return string(slack.UpdateViewResponse(slack.NoticeView(title, text)))
}

const alreadyWaits = "You already requested this at 12:00 UTC: Admin in Production (111111111111) for 1 hour. It is waiting for approval. To change it, withdraw that request first."

// waiting writes to the row that evaluate found the request to need approval.
func (w *world) waiting(id string) {
	r := w.rows[id]
	r.EvaluatedDecision, r.ExpiresAt = &access.Decision{Outcome: access.DecideApproval}, now.Add(8*time.Hour)
	w.rows[id] = r
}

func TestSecondSubmissionIsAnsweredWithTheFirst(t *testing.T) {
	cleared := string(slack.ClearResponse())
	w := withSandboxApprover()
	if got := w.send(t, sentAs("V1", "UJANE", production, "3600")); got.Body != cleared {
		t.Fatalf("the first: %s", got.Body)
	}
	first := w.rows[idOf("V1")]

	// The request isn't evaluated yet. The second submission starts the first one's
	// execution, in case nothing has.
	want := notice(t, "Already requested", strings.Replace(alreadyWaits, "It is waiting for approval", "We are processing it", 1))
	if got := w.send(t, sentAs("V2", "UJANE", production, "7200")); got.Body != want {
		t.Errorf("before it is evaluated: got %s\nwant %s", got.Body, want)
	}
	late := first
	late.CreatedAt = now.Add(-lateAfter)
	w.rows[first.ID] = late
	want = notice(t, "Already requested", "You already requested this at 11:58 UTC: Admin in Production (111111111111) for 1 hour. "+
		"We can't check it right now, but we keep trying. You don't need to submit it again. A message will tell you when we know more.")
	if got := w.send(t, sentAs("V2", "UJANE", production, "7200")); got.Body != want {
		t.Errorf("while it can't be evaluated: got %s\nwant %s", got.Body, want)
	}
	w.rows[first.ID] = first
	if want := []string{first.ExecutionName, first.ExecutionName, first.ExecutionName}; !slices.Equal(w.started, want) {
		t.Errorf("started %q, want %q", w.started, want)
	}
	w.waiting(first.ID)
	w.started = nil
	for _, user := range []string{"UJANE", "UTWIN"} { // both are one Identity Center user
		if got, want := w.send(t, sentAs("V3", user, production, "7200")), notice(t, "Already requested", alreadyWaits); got.Body != want {
			t.Errorf("%s: got %s\nwant %s", user, got.Body, want)
		}
	}
	if len(w.rows) != 1 || len(w.started) != 0 {
		t.Errorf("rows %+v, started %q; want the first request alone", w.rows, w.started)
	}

	// The same form again is the same request.
	if got := w.send(t, sentAs("V1", "UJANE", production, "3600")); got.Body != cleared || len(w.rows) != 1 {
		t.Errorf("the same form again: %s", got.Body)
	}
	// Requests for other targets, and by other people, are unaffected.
	for _, body := range []string{sentAs("V4", "UJANE", sandbox, "3600"), sentAs("V5", "UBOB", production, "3600")} {
		if got := w.send(t, body); got.Body != cleared {
			t.Errorf("somebody else, or something else: %s", got.Body)
		}
	}
	if len(w.rows) != 3 {
		t.Errorf("%d requests, want 3", len(w.rows))
	}
}

// The answer to a duplicate links to the first request's message.
func TestSecondSubmissionLinksToTheFirst(t *testing.T) {
	inChannel := map[string]access.Post{"announce": {Channel: "C1", TS: "1.1"}}
	for _, test := range []struct {
		name   string
		posts  map[string]access.Post
		domain string // "none" if the row has none
		want   string // address
	}{
		{name: "no message yet"},
		{name: "a message that may not have arrived", posts: map[string]access.Post{"announce": {Channel: "C1"}}},
		{name: "in the channel", posts: inChannel, want: "https://example.slack.com/archives/C1/p11"},
		{name: "in a direct message", posts: map[string]access.Post{"announce": {Channel: "C1", TS: "1.1"}, "dm-announce": {Channel: "D1", TS: "2.2"}}, want: "https://example.slack.com/archives/D1/p22"},
		{name: "a direct message that may not have arrived", posts: map[string]access.Post{"announce": {Channel: "C1", TS: "1.1"}, "dm-announce": {Channel: "D1"}}, want: "https://example.slack.com/archives/C1/p11"},
		{name: "a row without the workspace's domain", posts: inChannel, domain: "none"},
	} {
		t.Run(test.name, func(t *testing.T) {
			w := newWorld()
			w.send(t, sentAs("V1", "UJANE", production, "3600"))
			w.waiting(idOf("V1"))
			r := w.rows[idOf("V1")]
			if r.Posts = test.posts; test.domain == "none" {
				r.TeamDomain = ""
			}
			w.rows[r.ID] = r
			want := notice(t, "Already requested", alreadyWaits)
			if test.want != "" {
				want = string(slack.UpdateViewResponse(slack.LinkNoticeView("Already requested", alreadyWaits, test.want, "Open that request")))
			}
			if got := w.send(t, sentAs("V2", "UJANE", production, "7200")); got.Body != want || len(w.rows) != 1 {
				t.Errorf("got  %s\nwant %s", got.Body, want)
			}
		})
	}
}

func TestDecidedRequestFreesItsTarget(t *testing.T) {
	cleared := string(slack.ClearResponse())
	for _, test := range []struct{ name, action, user string }{
		{"approved", "approve", "UANN"}, {"denied", "deny", "UANN"}, {"withdrawn", "withdraw", "UJANE"},
	} {
		t.Run(test.name, func(t *testing.T) {
			w := newWorld()
			w.send(t, sentAs("V1", "UJANE", production, "3600"))
			if len(w.claims) != 1 {
				t.Fatalf("claims %+v, want one", w.claims)
			}
			w.send(t, decision(test.action, test.user, idOf("V1")))
			if w.rows[idOf("V1")].Outcome == nil || len(w.claims["p-jane"].Claims) != 0 {
				t.Fatalf("outcome %+v, claims %+v; want one, and none", w.rows[idOf("V1")].Outcome, w.claims)
			}
			if got := w.send(t, sentAs("V2", "UJANE", production, "3600")); got.Body != cleared || len(w.rows) != 2 {
				t.Errorf("again: %s, %d rows", got.Body, len(w.rows))
			}
			w.waiting(idOf("V2"))
			if got, want := w.send(t, sentAs("V3", "UTWIN", production, "3600")), notice(t, "Already requested", alreadyWaits); got.Body != want || len(w.rows) != 2 {
				t.Errorf("a third: %s, %d rows", got.Body, len(w.rows))
			}
			// Sending the first form again gets the first request's result, and
			// doesn't affect the second.
			if got := w.send(t, sentAs("V1", "UJANE", production, "3600")); got.Body != cleared || w.claims["p-jane"].Claims[w.rows[idOf("V2")].Target.Key()].RequestID != idOf("V2") {
				t.Errorf("the first form again: %s, claims %+v", got.Body, w.claims)
			}
		})
	}
	t.Run("and nobody could free it", func(t *testing.T) {
		w := newWorld()
		w.send(t, sentAs("V1", "UJANE", production, "3600"))
		w.claimsErr = access.Errorf(access.CodeUnavailable, "no answer")
		w.send(t, decision("deny", "UANN", idOf("V1")))
		w.claimsErr = nil
		if w.rows[idOf("V1")].Outcome == nil || len(w.claims) != 1 || len(w.told) != 0 {
			t.Fatalf("outcome %+v, claims %+v, told %q", w.rows[idOf("V1")].Outcome, w.claims, w.told)
		}
		if got := w.send(t, sentAs("V2", "UJANE", production, "3600")); got.Body != cleared || len(w.rows) != 2 {
			t.Errorf("again: %s, %d rows", got.Body, len(w.rows))
		}
	})
}

func TestTooManyUndecidedRequests(t *testing.T) {
	for limit, want := range map[int]string{
		1: "You already have an undecided request, and you can have only one. Withdraw it or wait for the decision. Then press Request access again.",
		2: "You already have 2 undecided requests, and you can't have more. Withdraw one or wait for a decision. Then press Request access again.",
	} {
		t.Run(fmt.Sprint(limit), func(t *testing.T) {
			w := withSandboxApprover()
			w.limit = limit
			yes := true
			w.policy.Accounts = append(w.policy.Accounts, access.Statement{Resources: []string{"333333333333"}, PermissionSets: []string{"Admin"}, ApprovalIsNotRequired: &yes})
			accounts := []string{production, sandbox, "333333333333"}
			for n, account := range accounts[:limit] {
				w.send(t, sentAs(fmt.Sprint("V", n), "UJANE", account, "3600"))
			}
			for _, user := range []string{"UJANE", "UTWIN"} {
				got := w.send(t, sentAs("V9", user, accounts[limit], "3600"))
				if !reflect.DeepEqual(fieldErrors(got.Body), map[string]string{"reason": want}) || len(w.rows) != limit {
					t.Errorf("%s, one more: %s, %d rows", user, got.Body, len(w.rows))
				}
			}
			w.send(t, decision("withdraw", "UJANE", idOf("V0")))
			if got := w.send(t, sentAs("V9", "UJANE", accounts[limit], "3600")); got.Body != string(slack.ClearResponse()) {
				t.Errorf("after one was withdrawn, the same form: %s", got.Body)
			}
		})
	}
}

// A crash between the claim and the request's row leaves a claim. It blocks other
// forms for two minutes, but not the same form.
func TestClaimWithoutARequest(t *testing.T) {
	w := newWorld()
	w.createErr = access.Errorf(access.CodeUnavailable, "no answer")
	w.send(t, sentAs("V1", "UJANE", production, "3600"))
	w.createErr = nil
	if len(w.claims) != 1 || len(w.rows) != 0 {
		t.Fatalf("claims %+v, rows %+v", w.claims, w.rows)
	}
	want := map[string]string{"reason": "You requested this a moment ago, and we're still processing that request. If no message about it appears within two minutes, press Request access again."}
	if got := w.send(t, sentAs("V2", "UJANE", production, "3600")); !reflect.DeepEqual(fieldErrors(got.Body), want) || len(w.rows) != 0 {
		t.Errorf("another form: %s", got.Body)
	}
	if got := w.send(t, sentAs("V1", "UJANE", production, "3600")); got.Body != string(slack.ClearResponse()) || len(w.rows) != 1 {
		t.Errorf("the same form: %s", got.Body)
	}
}

// A function that stalls loses its claim. It then creates nothing.
func TestSlowSubmissionCreatesNothing(t *testing.T) {
	w := newWorld()
	h := w.handler()
	late := now
	h.Now = func() time.Time { return late }
	h.Claims.Now = func() time.Time {
		late = now.Add(time.Minute) // once the claim has expired
		return now
	}
	got, err := handle(t, h, sign(sentAs("V1", "UJANE", production, "3600"), now))
	want := map[string]string{"reason": "Something went wrong. Please try again in a moment."}
	if err != nil || !reflect.DeepEqual(fieldErrors(got.Body), want) || len(w.rows) != 0 || len(w.started) != 0 {
		t.Errorf("got %s, %v; rows %+v", got.Body, err, w.rows)
	}
}

func TestNothingIsRequestedWithoutAClaim(t *testing.T) {
	w := newWorld()
	w.claimsErr = access.Errorf(access.CodeThrottled, "slow down")
	got := w.send(t, sentAs("V1", "UJANE", production, "3600"))
	if fieldErrors(got.Body)["reason"] == "" || len(w.rows) != 0 || len(w.started) != 0 {
		t.Errorf("got %s; rows %+v", got.Body, w.rows)
	}
}

func TestRequestOfAnotherDaySaysWhichDay(t *testing.T) {
	w := newWorld()
	w.send(t, sentAs("V1", "UJANE", production, "3600"))
	r := w.rows[idOf("V1")]
	r.CreatedAt = now.Add(-24 * time.Hour)
	w.rows[r.ID] = r
	got := w.send(t, sentAs("V2", "UJANE", production, "3600"))
	var response struct{ View json.RawMessage }
	if err := json.Unmarshal([]byte(got.Body), &response); err != nil || !strings.Contains(string(response.View), "You already requested this at 12:00 UTC on 31 December: Admin") {
		t.Errorf("got %s", got.Body)
	}
}

// A request that the form created earlier is found without a claim, and takes none.
func TestFormSentAgainLeavesNoClaim(t *testing.T) {
	w := withSandboxApprover()
	w.send(t, sentAs("V1", "UJANE", production, "3600"))
	w.waiting(idOf("V1"))
	if got := w.send(t, sentAs("V1", "UBOB", production, "3600")); !strings.Contains(got.Body, "someone else") || len(w.claims["p-bob"].Claims) != 0 {
		t.Errorf("somebody else's form: %s, claims %+v", got.Body, w.claims)
	}
	if len(w.claims["p-jane"].Claims) != 1 {
		t.Errorf("claims %+v, want jane's", w.claims)
	}
	w.send(t, decision("deny", "UANN", idOf("V1")))
	if got := w.send(t, sentAs("V1", "UJANE", production, "3600")); got.Body != string(slack.ClearResponse()) || len(w.claims["p-jane"].Claims) != 0 {
		t.Errorf("a form whose request is denied: %s, claims %+v", got.Body, w.claims)
	}
	// If there is no room for a claim, the earlier request is still found.
	w.limit = 1
	w.send(t, sentAs("V2", "UJANE", sandbox, "3600"))
	if got := w.send(t, sentAs("V1", "UJANE", production, "3600")); got.Body != string(slack.ClearResponse()) || len(w.rows) != 2 {
		t.Errorf("with no room for a claim: %s, %d rows", got.Body, len(w.rows))
	}
}
