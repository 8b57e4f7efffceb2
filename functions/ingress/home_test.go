package ingress

import (
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/aws/aws-lambda-go/events"
	slackgo "github.com/slack-go/slack"

	"sso-elevator/functions/access"
	"sso-elevator/slack"
)

// signJSON returns an event as Slack signs it.
func signJSON(body string, at time.Time) events.APIGatewayV2HTTPRequest {
	e := sign(body, at)
	e.Headers["content-type"] = "application/json"
	return e
}

// homeEvent is the event that user opened a tab of the app.
func homeEvent(user, tab string) string {
	return fmt.Sprintf(`{"type":"event_callback","team_id":"T1","api_app_id":"A1","event_id":"Ev1","event":{"type":"app_home_opened","user":%q,"channel":"D1","tab":%q,"event_ts":"1.1"}}`, user, tab)
}

// pressAtHome is a press of a button in the Home tab. It has no channel, no message and no
// response URL.
func pressAtHome(user, action, requestID string) string {
	return payload("block_actions", user, object{
		"actions": []object{{"action_id": action, "value": requestID}}, "trigger_id": "t-10",
		"container": object{"type": "view", "view_id": "V1"},
		"view":      object{"id": "V1", "hash": "h1", "type": "home", "callback_id": "", "private_metadata": "", "state": object{"values": object{}}},
	})
}

// fromHome is the submission of a dialog that was opened from the Home tab.
func fromHome(body string) string {
	for _, callback := range []string{slack.CallbackConfirmation, slack.CallbackDenial, slack.CallbackEnd, slack.CallbackAccount} {
		body = strings.ReplaceAll(body, "%22"+callback+"%22", "%22"+callback+"-home%22")
	}
	return body
}

func (w *world) openHome(t *testing.T, user string) events.APIGatewayV2HTTPResponse {
	t.Helper()
	got, err := handle(t, w.handler(), signJSON(homeEvent(user, "home"), now))
	if err != nil || got.StatusCode != http.StatusOK || got.Body != "" {
		t.Fatalf("got %d %q, %v", got.StatusCode, got.Body, err)
	}
	return got
}

// home returns what user saw last in the Home tab, as JSON, and its buttons as "action
// value".
func (w *world) home(t *testing.T, user string) (text string, buttons []string) {
	t.Helper()
	for _, h := range slices.Backward(w.homes) {
		if h.user != user {
			continue
		}
		raw, err := json.Marshal(h.view)
		if err != nil {
			t.Fatal(err)
		}
		return string(raw), buttonsOf(h.view)
	}
	t.Fatalf("%s saw no Home tab", user)
	return "", nil
}

func buttonsOf(v slackgo.HomeTabViewRequest) (all []string) {
	for _, b := range v.Blocks.BlockSet {
		if a, ok := b.(*slackgo.ActionBlock); ok {
			for _, e := range a.Elements.ElementSet {
				button := e.(*slackgo.ButtonBlockElement)
				all = append(all, strings.TrimSpace(button.ActionID+" "+button.Value))
			}
		}
	}
	return all
}

// evaluated is a request with its approvers, as evaluate leaves it.
func evaluated(r access.Request, approvers ...access.Person) access.Request {
	r.Approvers, r.EvaluatedDecision, r.ExpiresAt = approvers, &access.Decision{}, now.Add(time.Hour)
	return r
}

// atHome is a world in which jane has access and a request, and ann and the members of a
// group may approve.
func atHome() *world {
	w := newWorld()
	running := active()
	running.ID = "r2"
	running.Target.AccountID = sandbox
	bobs := evaluated(waiting(), jane)
	bobs.ID, bobs.Requester, bobs.ApprovalToken, bobs.CreatedAt = "r3", bob, "token-3", now.Add(-time.Minute)
	byGroup := evaluated(waiting())
	byGroup.ID, byGroup.Requester, byGroup.ApproverGroups = "r5", bob, []access.ApproverGroup{{ID: "g-9", Name: "Leads"}}
	closed := active()
	closed.ID, closed.RevokedAt, closed.ClosedAt = "r6", now, now
	w.rows = map[string]access.Request{"r1": evaluated(waiting(), ann), "r2": running, "r3": bobs, "r5": byGroup, "r6": closed}
	w.groups.Members = map[string][]string{"g-9": {"p-ann"}}
	return w
}

func TestHome(t *testing.T) {
	request := []string{"request_for_access", "request_for_group_membership"}
	tests := []struct {
		user string
		want []string
	}{
		{"UJANE", append(slices.Clone(request), "end r2", "ask_again r2", "withdraw r1", "approve r3", "deny r3")},
		{"UANN", append(slices.Clone(request), "approve r1", "deny r1", "approve r5", "deny r5")},
		{"UANN2", append(slices.Clone(request), "approve r1", "deny r1", "approve r5", "deny r5")}, // the same user in Identity Center
		{"UBOB", append(slices.Clone(request), "withdraw r3", "withdraw r5")},
		// The same user in Identity Center as jane sees her requests, but each press would be refused.
		{"UTWIN", append(slices.Clone(request), "approve r3", "deny r3")},
	}
	for _, test := range tests {
		t.Run(test.user, func(t *testing.T) {
			w := atHome()
			before := w.state()
			for range 3 { // Slack may send an event again
				w.openHome(t, test.user)
			}
			text, got := w.home(t, test.user)
			slices.Sort(got)
			slices.Sort(test.want)
			if !slices.Equal(got, test.want) || len(w.homes) != 3 || strings.Contains(text, "couldn't be read") {
				t.Errorf("buttons %q, want %q; it was shown %d times", got, test.want, len(w.homes))
			}
			if has := strings.Contains(text, `"access-1"`) && strings.Contains(text, `"pending-1"`); w.people[test.user].PrincipalID == jane.PrincipalID && !has {
				t.Errorf("the requests are not there: %s", text)
			}
			if after := w.state(); after != before || len(w.views)+len(w.told) > 0 {
				t.Errorf("opening the tab did something: %s", after)
			}
		})
	}
}

// A person sees their requests also if the index of requesters lacks them.
func TestHomeShowsWhatTheIndexLacks(t *testing.T) {
	w := atHome()
	w.unindexed = map[string]bool{"r1": true, "r2": true}
	w.openHome(t, "UJANE")
	want := []string{"request_for_access", "request_for_group_membership", "end r2", "ask_again r2", "withdraw r1", "approve r3", "deny r3"}
	if _, got := w.home(t, "UJANE"); !slices.Equal(got, want) {
		t.Errorf("buttons %q, want %q", got, want)
	}
}

// One list that can't be read says so, and the others are there. Nothing of it decides
// anything, so the person may still press what they see.
func TestHomeWithoutALists(t *testing.T) {
	const unread = "This list couldn't be read"
	down := access.Errorf(access.CodeUnavailable, "down")
	tests := []struct {
		name   string
		fail   func(*world)
		unread int      // lists
		want   []string // buttons
	}{
		{"own requests", func(w *world) { w.indexErr = down }, 2, []string{"approve r1", "approve r5", "deny r1", "deny r5"}},
		{"open requests", func(w *world) { w.openRequestsErr = down }, 1, []string{"withdraw r7"}},
		{"memberships", func(w *world) { w.groups.Err = down }, 1, []string{"withdraw r7"}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			w := atHome()
			own := evaluated(waiting(), bob)
			own.ID, own.Requester = "r7", ann
			w.rows["r7"] = own
			test.fail(w)
			w.openHome(t, "UANN")
			text, got := w.home(t, "UANN")
			got = slices.DeleteFunc(got, func(b string) bool { return strings.HasPrefix(b, "request_") })
			slices.Sort(got)
			if strings.Count(text, unread) != test.unread || !slices.Equal(got, test.want) || !strings.Contains(w.log.String(), "could not be read") {
				t.Errorf("buttons %q, want %q, and %d lists that couldn't be read: %s", got, test.want, test.unread, text)
			}
			// After a press, the tab stays as it is rather than becoming worse.
			w.send(t, pressAtHome("UANN", "withdraw", "r7"))
			if len(w.homes) != 1 || w.rows["r7"].Outcome == nil {
				t.Errorf("the tab was shown %d times; the request is %+v", len(w.homes), w.rows["r7"].Outcome)
			}
		})
	}
	w := atHome()
	w.policyErr = down
	delete(w.rows, "r5") // without groups, the policy isn't needed
	w.openHome(t, "UANN")
	if text, got := w.home(t, "UANN"); !slices.Equal(got, []string{"request_for_access", "approve r1", "deny r1"}) || strings.Contains(text, unread) {
		t.Errorf("without the policy: buttons %q", got)
	}
}

// If nothing can be looked up any more after a press, the tab stays as it is. If even the
// dialog with the answer doesn't open, the tab has the answer alone.
func TestHomeAfterASlowPress(t *testing.T) {
	down := access.Errorf(access.CodeUnavailable, "down")
	w := atHome()
	w.openHome(t, "UJANE")
	w.peopleErr = down
	if got := w.send(t, pressAtHome("UJANE", "withdraw", "r1")); got.StatusCode != http.StatusOK || w.rows["r1"].Outcome == nil || len(w.homes) != 1 {
		t.Errorf("got %d, the request is %+v, and the tab was shown %d times", got.StatusCode, w.rows["r1"].Outcome, len(w.homes))
	}
	w.openErr = down
	got := w.send(t, pressAtHome("UJANE", "withdraw", "r1"))
	if text, buttons := w.home(t, "UJANE"); got.StatusCode != http.StatusOK || len(w.homes) != 2 || len(buttons) > 0 || !strings.Contains(text, "The requester withdrew this request.") {
		t.Errorf("got %d, and the tab is %s", got.StatusCode, text)
	}
}

// Someone who can't request access sees why, and nothing about anybody's requests.
func TestHomeOfStrangers(t *testing.T) {
	for name, test := range map[string]struct {
		user string
		err  error
		want string
	}{
		"guest":     {"UGUEST", nil, "No guests."},
		"no answer": {"UJANE", access.Errorf(access.CodeUnavailable, "down"), "Something went wrong. Please try again in a moment."},
	} {
		w := atHome()
		w.peopleErr = test.err
		w.openHome(t, test.user)
		text, buttons := w.home(t, test.user)
		if !strings.Contains(text, test.want) || len(buttons) > 0 || strings.Contains(text, production) || strings.Contains(text, "Admin") {
			t.Errorf("%s: %s", name, text)
		}
	}
	// Someone found under a fallback domain can't approve.
	w := atHome()
	fallback := ann
	fallback.SecondaryDomain = true
	w.people["UANN"] = fallback
	w.openHome(t, "UANN")
	if _, got := w.home(t, "UANN"); slices.Contains(got, "approve r1") {
		t.Errorf("under a fallback domain: buttons %q", got)
	}
}

// The list reads a bounded number of rows, and says that there may be others.
func TestHomeIsBounded(t *testing.T) {
	w := newWorld()
	for i := range 1000 {
		r := evaluated(waiting(), ann)
		r.ID, r.CreatedAt = fmt.Sprintf("r%04d", i), now.Add(-time.Duration(i)*time.Second)
		w.rows[r.ID] = r
	}
	w.openHome(t, "UANN")
	text, got := w.home(t, "UANN")
	if len(got) != 2+2*20 || got[2] != "approve r0000" || got[40] != "approve r0019" || !strings.Contains(text, "and at least 180 more") {
		t.Errorf("buttons %q, and %s", got, text[max(0, len(text)-300):])
	}
	if reads := w.gets.Load(); reads != homeRows {
		t.Errorf("%d rows were read, want %d", reads, homeRows)
	}
}

// A press at Home decides like a press in a message. Approve opens the dialog first,
// whatever the settings are. The tab then shows what has changed.
func TestPressesAtHome(t *testing.T) {
	tests := []struct {
		name, user, action, id string
		submit                 func(user, id string) string // the dialog; nil if none opens
		done                   func(access.Request) bool
	}{
		{"approve", "UANN", "approve", "r1", confirmedBy, func(r access.Request) bool { return r.IsApproved() && r.Outcome.By == ann }},
		{"deny", "UANN", "deny", "r1", func(user, id string) string { return deniedBy(user, id, "no") },
			func(r access.Request) bool {
				return r.Outcome != nil && r.Outcome.Kind == access.OutcomeDenied && r.Outcome.DenialReason == "no"
			}},
		{"withdraw", "UJANE", "withdraw", "r1", nil, func(r access.Request) bool { return r.Outcome != nil && r.Outcome.Kind == access.OutcomeWithdrawn }},
		{"end", "UJANE", "end", "r2", nil, func(r access.Request) bool { return r.EndRequest != nil && r.EndRequest.By == jane }},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			w := atHome()
			w.denyReason = DenyReasonOptional
			w.openHome(t, test.user)
			if _, before := w.home(t, test.user); !slices.Contains(before, test.action+" "+test.id) {
				t.Fatalf("buttons %q", before)
			}
			if got := w.send(t, pressAtHome(test.user, test.action, test.id)); got.StatusCode != http.StatusOK || got.Body != "" {
				t.Fatalf("got %d %q", got.StatusCode, got.Body)
			}
			if test.submit != nil {
				if len(w.views) != 1 || w.views[0].trigger != "t-10" || w.views[0].view.PrivateMetadata != test.id || len(w.homes) != 1 || test.done(w.rows[test.id]) {
					t.Fatalf("dialogs %+v, the tab was shown %d times, and the request is %+v", w.views, len(w.homes), w.rows[test.id])
				}
				action, ok := slack.ActionOf(w.views[0].view.CallbackID)
				if v := (&slack.View{CallbackID: w.views[0].view.CallbackID}); action != test.action || !ok || !v.IsFromHome() {
					t.Errorf("the dialog is %q", w.views[0].view.CallbackID)
				}
				if got := w.send(t, fromHome(test.submit(test.user, test.id))); got.StatusCode != http.StatusOK || got.Body != "" {
					t.Fatalf("got %d %q", got.StatusCode, got.Body)
				}
			} else if len(w.views) > 0 {
				t.Errorf("dialogs %+v", w.views)
			}
			if !test.done(w.rows[test.id]) || len(w.told) > 0 || len(w.resumed) != 1 {
				t.Errorf("the request is %+v; told %q, resumed %q", w.rows[test.id], w.told, w.resumed)
			}
			if _, after := w.home(t, test.user); len(w.homes) != 2 || slices.Contains(after, test.action+" "+test.id) {
				t.Errorf("the tab was shown %d times, last with %q", len(w.homes), after)
			}
		})
	}

	// A dialog that was opened elsewhere doesn't concern the Home tab.
	w := atHome()
	if w.send(t, confirmedBy("UANN", "r1")); w.rows["r1"].Outcome == nil || len(w.homes) > 0 {
		t.Errorf("the tab was shown %d times", len(w.homes))
	}
	// The buttons that open a form.
	for _, callback := range []string{slack.CallbackAccount, slack.CallbackGroup} {
		w := atHome()
		if w.send(t, pressAtHome("UJANE", callback, "")); len(w.views) != 2 || w.views[1].view.CallbackID != callback+"-home" || len(w.homes) > 0 {
			t.Errorf("%s: views %+v", callback, w.views)
		}
	}
	w = atHome()
	if w.send(t, pressAtHome("UJANE", slack.ActionAskAgain, "r2")); len(w.views) != 2 || w.views[1].view.CallbackID != slack.CallbackAccount+"-home" || len(w.homes) > 0 {
		t.Errorf("ask again: views %+v", w.views)
	}
}

// A form that was opened in the Home tab shows its request there. A tab that can't be shown
// doesn't change the answer: the request exists.
func TestSubmissionAtHome(t *testing.T) {
	submission := filled("UJANE", production, admin, "3600", "deploy")
	for _, test := range []struct {
		name, body string
		publishErr error
		homes      int
	}{
		{"opened in the tab", fromHome(submission), nil, 1},
		{"opened in the tab, which can't be shown", fromHome(submission), access.Errorf(access.CodeUnavailable, "down"), 0},
		{"opened elsewhere", submission, nil, 0},
	} {
		t.Run(test.name, func(t *testing.T) {
			w := newWorld()
			w.publishErr = test.publishErr
			got := w.send(t, test.body)
			if got.StatusCode != http.StatusOK || got.Body != `{"response_action":"clear"}` || len(w.rows) != 1 || len(w.started) != 1 {
				t.Fatalf("got %d %q, rows %+v, started %q", got.StatusCode, got.Body, w.rows, w.started)
			}
			if len(w.homes) != test.homes {
				t.Fatalf("the tab was shown %d times", len(w.homes))
			}
			for id := range w.rows {
				if test.homes == 0 {
					continue
				}
				if _, buttons := w.home(t, "UJANE"); !slices.Contains(buttons, "withdraw "+id) {
					t.Errorf("the tab has %q, and not request %s", buttons, id)
				}
			}
		})
	}
}

// What a message tells only one person appears in a dialog. Without the dialog, the tab
// itself has the text. Without both, Slack shows its own warning.
func TestAnswersAtHome(t *testing.T) {
	const refused = "You can't approve or deny this request. ann@example.com or twin@example.com can."
	down := access.Errorf(access.CodeUnavailable, "down")
	tests := []struct {
		name                string
		openErr, publishErr error
		want                int // status
	}{
		{"in a dialog", nil, nil, 200},
		{"in a dialog, but the tab can't be shown", nil, down, 200},
		{"in the tab", down, nil, 200},
		{"nowhere", down, down, 500},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			w := atHome()
			w.openErr, w.publishErr = test.openErr, test.publishErr
			got := w.send(t, pressAtHome("UBOB", "approve", "r1"))
			if got.StatusCode != test.want || got.Body != "" || len(w.told) > 0 {
				t.Errorf("got %d %q, told %q", got.StatusCode, got.Body, w.told)
			}
			if test.openErr == nil && (len(w.views) != 1 || textOf(w.views[0].view) != refused) {
				t.Errorf("dialogs %+v", w.views)
			}
			if test.publishErr == nil {
				if text, _ := w.home(t, "UBOB"); strings.Contains(text, refused) != (test.openErr != nil) {
					t.Errorf("the tab is %s", text)
				}
			}
		})
	}

	// The submission of a dialog answers in the dialog.
	w := atHome()
	got := w.send(t, fromHome(confirmedBy("UBOB", "r1")))
	if text := noticeText(got.Body); text != refused || len(w.homes) != 1 || len(w.views)+len(w.told) > 0 {
		t.Errorf("got %q", got.Body)
	}
	w = atHome()
	w.policyErr = down
	got = w.send(t, fromHome(confirmedBy("UANN", "r1")))
	if text := noticeText(got.Body); !strings.HasSuffix(text, "Close this dialog, then press Approve in the Home tab.") {
		t.Errorf("got %q", got.Body)
	}
}

// textOf returns the text of a notice.
func textOf(v slackgo.ModalViewRequest) string {
	if len(v.Blocks.BlockSet) != 1 {
		return ""
	}
	section, ok := v.Blocks.BlockSet[0].(*slackgo.SectionBlock)
	if !ok {
		return ""
	}
	return section.Text.Text
}

func TestEvents(t *testing.T) {
	const challenge = `{"type":"url_verification","token":"x","challenge":"abc123"}`
	notSigned := signJSON(challenge, now)
	notSigned.Headers["x-slack-signature"] = "v0=" + strings.Repeat("0", 64)
	old := signJSON(challenge, now.Add(-6*time.Minute))
	tests := []struct {
		name  string
		event events.APIGatewayV2HTTPRequest
		want  int
		body  string
		homes int
	}{
		{"a challenge", signJSON(challenge, now), 200, `{"challenge":"abc123"}`, 0},
		{"a challenge that isn't signed", notSigned, 401, "", 0},
		{"a challenge that is old", old, 401, "", 0},
		{"a challenge as a form", sign(challenge, now), 400, "", 0},
		{"a challenge with markup", signJSON(`{"type":"url_verification","challenge":"<script>"}`, now), 400, "", 0},
		{"home opened", signJSON(homeEvent("UJANE", "home"), now), 200, "", 1},
		{"messages opened", signJSON(homeEvent("UJANE", "messages"), now), 200, "", 0},
		{"another event", signJSON(strings.Replace(homeEvent("UJANE", "home"), "app_home_opened", "app_uninstalled", 1), now), 200, "", 0},
		{"an event of another app", signJSON(strings.Replace(homeEvent("UJANE", "home"), `"A1"`, `"A2"`, 1), now), 403, "", 0},
		{"an event of another workspace", signJSON(strings.Replace(homeEvent("UJANE", "home"), `"T1"`, `"T2"`, 1), now), 403, "", 0},
		{"an event of nobody", signJSON(homeEvent("", "home"), now), 400, "", 0},
		{"an interaction as an event", signJSON(unwrapped(pressBy("UANN", "approve", "r1")), now), 400, "", 0},
		{"an event that quotes a press", sign(strings.Replace(homeEvent("UJANE", "home"), "1.1", "&"+pressBy("UANN", "approve", "r1")+"&", 1), now), 400, "", 0},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			w, got := attack(t, test.event)
			if got.StatusCode != test.want || got.Body != test.body || len(w.homes) != test.homes || len(w.views)+len(w.told) > 0 {
				t.Errorf("got %d %q, and the tab was shown %d times; want %d %q, %d", got.StatusCode, got.Body, len(w.homes), test.want, test.body, test.homes)
			}
		})
	}
}

// Slack waits for three seconds. The rest of the time goes to showing the tab.
func TestHomeLeavesTimeToShowIt(t *testing.T) {
	w := atHome()
	w.openHome(t, "UJANE")
	if left := w.timeLeft(); left != responseTimeout {
		t.Errorf("showing the tab had %s, want %s", left, responseTimeout)
	}
}

// While Slack doesn't answer updates of posts, there is time to show the tab again, even if
// the request arrived late.
func TestHomeAfterSlowUpdates(t *testing.T) {
	tests := []struct {
		name, user, gone string
		body             string
		posts            int // of the request
		prepare          func(*world)
	}{
		{name: "approve", user: "UANN", gone: "approve r1", body: fromHome(confirmedBy("UANN", "r1"))},
		{name: "approve, with many posts", user: "UANN", gone: "approve r1", body: fromHome(confirmedBy("UANN", "r1")), posts: 3 * showPosts},
		{name: "one of two approvals", user: "UBOB", gone: "approve r4", body: fromHome(confirmedBy("UBOB", "r4")), prepare: func(w *world) {
			w.policy.Accounts = append(w.policy.Accounts, twoNeeded)
			r := evaluated(approvedBy(), bob)
			w.rows["r4"] = r
		}},
		{name: "end", user: "UJANE", gone: "end r2", body: pressAtHome("UJANE", "end", "r2")},
		{name: "block", user: "UANN", body: strings.ReplaceAll(blockBy("UANN", "UJANE", "stolen"), slack.CallbackBlock, slack.CallbackBlock+"-home"),
			prepare: func(w *world) { w.policy.IncidentResponders = []string{"ann@example.com"} }},
	}
	for _, test := range tests {
		for name, arrived := range map[string]time.Time{"just now": now, "after a cold start": now.Add(-time.Minute)} {
			t.Run(test.name+", "+name, func(t *testing.T) {
				w := atHome()
				if test.prepare != nil {
					test.prepare(w)
				}
				for id, r := range w.rows {
					r.Posts = postsOf(id)
					for i := range test.posts {
						r.Posts[slack.ApproverPurpose(fmt.Sprint("U", i))] = access.Post{Channel: fmt.Sprint("D", i), TS: "4", Digest: "d"}
					}
					w.rows[id] = r
				}
				w.openHome(t, test.user)
				if _, before := w.home(t, test.user); test.gone != "" && !slices.Contains(before, test.gone) {
					t.Fatalf("buttons %q", before)
				}
				w.updateStalls = true
				event := sign(test.body, now)
				event.RequestContext.TimeEpoch = arrived.UnixMilli()
				var took time.Duration
				synctest.Test(t, func(t *testing.T) {
					began := time.Now()
					if got, err := w.handler().Handle(t.Context(), event); err != nil || got.StatusCode != http.StatusOK {
						t.Fatalf("got %d %q, %v", got.StatusCode, got.Body, err)
					}
					took = time.Since(began)
				})
				if _, after := w.home(t, test.user); len(w.homes) != 2 || slices.Contains(after, test.gone) {
					t.Errorf("the tab was shown %d times, last with %q: %s", len(w.homes), after, &w.log)
				}
				// The updates had time, and so had the tab.
				if most := timeLeft(arrived.UnixMilli(), now) - tellTime; took < min(homeTime, (minTimeout-tellTime)/2) || took > most {
					t.Errorf("it took %s, at most %s are there", took, most)
				}
				if left := w.timeLeft(); left < tellTime {
					t.Errorf("the tab is shown with %s left", left)
				}
			})
		}
	}
}
