package ingress

import (
	"encoding/json"
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-lambda-go/events"

	"sso-elevator/functions/access"
	"sso-elevator/functions/access/accesstest"
	"sso-elevator/slack"
)

// unwrapped returns the JSON of the payload in a body.
func unwrapped(body string) string {
	text, err := url.QueryUnescape(strings.TrimPrefix(body, "payload="))
	if err != nil {
		panic(err)
	}
	return text
}

// opens reports whether the submission is of the dialog that the button opens.
func opens(in slack.Interaction, button string) bool {
	action, ok := slack.ActionOf(in.CallbackID)
	return ok && action == button
}

// Whatever Slack signs gets one of a few statuses, and does only what its people may
// do: approvers decide, and members request what is offered, for themselves. Anything
// unsigned has no effect at all.
func FuzzHandle(f *testing.F) {
	for _, body := range []string{
		pressBy("UANN", "approve", "r1"), pressBy("UBOB", "deny", "r1"), pressBy("UJANE", "withdraw", "r1"), pressBy("UJANE", "end", "r2"),
		pressBy("UANN", "drift_remove", "run1"), pressBy("UJANE", "drift_leave", "run1"), pressBy("UGUEST", "approve", "r3"),
		confirmedBy("UANN", "r1"), confirmedBy("UBOB", "r4"), confirmedBy("UGUEST", "r3"),
		deniedBy("UANN", "r1", "no"), deniedBy("UBOB", "r3", strings.Repeat("x", 501)), submittedBy("UANN", slack.CallbackEnd, "r2"), submittedBy("UBOB", slack.CallbackEnd, "r2"),
		pressBy("UBOB", "approve", "r4"), pressBy("UANN", "take_back", "r4"), pressBy("UBOB", "take_back", "r4"),
		filled("UJANE", production, admin, "3600", "deploy"), withTicket("OPS-12"), tampered{metadata: `{"kind":"account"}`, set: billing}.body("UBOB"),
		payload("shortcut", "UJANE", object{"callback_id": "request_for_access", "trigger_id": "t-1"}),
		payload("block_suggestion", "UJANE", object{"action_id": "account", "value": "pr", "view": view("request_for_access", "", nil)}),
		payload("block_actions", "UJANE", object{"actions": []object{{"action_id": "account"}}, "view": view("request_for_access", "", map[string][2]string{"account": {"account", production}})}),
		payload("view_closed", "UJANE", object{"view": view("request_for_access", "", nil)}),
		pressAtHome("UANN", "approve", "r1"), pressAtHome("UJANE", "withdraw", "r1"), pressAtHome("UJANE", "end", "r2"), pressAtHome("UBOB", "deny", "r1"), pressAtHome("UGUEST", "end", "r2"),
		fromHome(confirmedBy("UANN", "r1")), fromHome(confirmedBy("UBOB", "r4")), fromHome(deniedBy("UANN", "r1", "no")), fromHome(submittedBy("UANN", slack.CallbackEnd, "r2")),
	} {
		f.Add(unwrapped(body), true, true)
		f.Add(body, false, true)
		f.Add(body, false, false)
	}
	f.Add(payload("block_actions", "UJANE", object{"actions": []object{{"action_id": "approve", "value": "r1"}}}), false, true)
	f.Add("command=%2Faccess&team_id=T1&api_app_id=A1&user_id=UJANE&trigger_id=t-1", false, true)
	f.Add("ssl_check=1", false, true)
	for _, event := range []string{homeEvent("UJANE", "home"), homeEvent("UGUEST", "home"), homeEvent("UANN", "messages"), `{"type":"url_verification","challenge":"abc"}`} {
		f.Add(event, false, true)
		f.Add(event, false, false)
	}
	statuses := map[int]bool{200: true, 400: true, 403: true, 413: true}
	f.Fuzz(func(t *testing.T, body string, wrapped, signed bool) {
		if wrapped {
			body = url.Values{"payload": {body}}.Encode()
		}
		event := sign(body, now)
		if strings.HasPrefix(body, "{") {
			event = signJSON(body, now)
		}
		if !signed {
			event.Headers["x-slack-signature"] = "v0=" + strings.Repeat("0", 64)
			_, got := attack(t, event)
			if got.Body != "" || got.StatusCode != http.StatusUnauthorized && got.StatusCode != http.StatusRequestEntityTooLarge {
				t.Errorf("not signed: got %d %q", got.StatusCode, got.Body)
			}
			return
		}
		w := besieged()
		before := besieged()
		got, err := w.handler().Handle(t.Context(), event)
		if got.StatusCode == http.StatusInternalServerError {
			// This status is right only if the person can't get a message.
			in, err := slack.Parse(event.Headers["content-type"], []byte(body))
			if err != nil || in.ResponseURL != "" || in.Channel != "" {
				t.Fatalf("got %d for %+v, %v", got.StatusCode, in, err)
			}
			got.StatusCode = http.StatusOK
		}
		if err != nil || !statuses[got.StatusCode] || got.Body != "" && (got.StatusCode != 200 || !json.Valid([]byte(got.Body))) {
			t.Fatalf("got %d %q, %v", got.StatusCode, got.Body, err)
		}
		if got.StatusCode != http.StatusOK && w.state() != before.state() {
			t.Errorf("status %d, and %s", got.StatusCode, w.state())
		}
		for id, r := range w.rows {
			was, there := before.rows[id]
			if !there {
				checkCreated(t, w, r)
				continue
			}
			if o := r.Outcome; o != nil && was.Outcome == nil {
				switch {
				case o.Kind == access.OutcomeWithdrawn && o.By == was.Requester:
				case (o.Kind == access.OutcomeApproved || o.Kind == access.OutcomeDenied) && o.By == ann && id != "r4": // the one who may
				case id == "r4" && o.Kind == access.OutcomeApproved && o.By == bob && len(r.Approvals) == 2: // ann did before
				case id == "r4" && o.Kind == access.OutcomeDenied && (o.By.PrincipalID == ann.PrincipalID || o.By == bob):
				default:
					t.Errorf("%s is decided: %+v", id, o)
				}
			}
			if id == "r4" && (len(r.Approvals) > len(was.Approvals) || r.Outcome != nil && r.Outcome.Kind == access.OutcomeApproved) {
				if in, err := slack.Parse(event.Headers["content-type"], []byte(body)); err != nil || in.Kind != slack.KindSubmission || !opens(in, slack.ActionApprove) {
					t.Errorf("%s is approved without its dialog: %+v", id, in)
				}
			}
			if e := r.EndRequest; e != nil && (id != "r2" || e.By != jane && e.By != ann) {
				t.Errorf("%s is ended by %+v", id, e.By)
			}
			if e := r.EndRequest; e != nil && e.By == ann {
				if in, err := slack.Parse(event.Headers["content-type"], []byte(body)); err != nil || in.Kind != slack.KindSubmission || !opens(in, slack.ActionEnd) {
					t.Errorf("%s is ended by an approver without the dialog: %+v", id, in)
				}
			}
		}
		index := access.NewIndex(&w.policy)
		for _, a := range w.runs["run1"].Answers {
			for i, finding := range w.findings {
				about := (access.Run{Answers: []access.RunAnswer{a}}).AnswerAbout(i) != nil
				if a.By != w.people[a.By.SlackID] || about && (finding.Exemption != nil || !index.MayDecide(a.By, nil, finding.Target, nil)) {
					t.Errorf("the run is answered by %+v, about %+v", a.By, finding)
				}
			}
		}
		for _, secret := range []string{"-token", secret, "v0="} {
			if strings.Contains(w.log.String(), secret) && !strings.Contains(body, url.QueryEscape(secret)) && !strings.Contains(body, secret) {
				t.Errorf("the log has %q: %s", secret, &w.log)
			}
		}
		for line := range strings.Lines(w.log.String()) {
			if !json.Valid([]byte(line)) {
				t.Errorf("a line of the log is no JSON: %s", line)
			}
		}
	})
}

var executionNames = regexp.MustCompile(`^[A-Za-z0-9_-]{1,80}$`)

// checkCreated checks that a new request asks only for what the form offers.
func checkCreated(t *testing.T, w *world, r access.Request) {
	t.Helper()
	d := time.Duration(r.Duration) * time.Second
	switch {
	case accesstest.Decide(w.policy, r.Requester.Email, r.Target).Outcome == access.DecideRefused, r.Target.Kind == access.KindAccount && r.Target.AccountName == "":
		t.Errorf("a request for %+v, which is not offered", r.Target)
	case w.people[r.Requester.SlackID] != r.Requester:
		t.Errorf("a request of %+v", r.Requester)
	case d != time.Hour && d != 2*time.Hour:
		t.Errorf("a request for %s", d)
	case r.Outcome != nil || !r.GrantedAt.IsZero() || r.Reason == "" || len(r.Reason) > 4*access.MaxReasonLength, len(r.Ticket) > 4*access.MaxTicketLength:
		t.Errorf("a request that is %+v", r)
	case !executionNames.MatchString(r.ExecutionName) || len(w.started) != 1 || w.started[0] != r.ExecutionName:
		t.Errorf("its execution is called %q; %q is started", r.ExecutionName, w.started)
	}
}

// Every event of the HTTP API gets a response without an error, which Slack would see
// as the app's failure. It has no effect, because nobody signed it.
func FuzzEvent(f *testing.F) {
	for _, e := range []events.APIGatewayV2HTTPRequest{
		sign(pressBy("UANN", "approve", "r1"), now.Add(-time.Hour)),
		{}, {Body: "====", IsBase64Encoded: true}, {Headers: map[string]string{"X-SLACK-SIGNATURE": "v0=00", "x-slack-request-timestamp": "9223372036854775807"}},
	} {
		e.RequestContext.HTTP.Method, e.RequestContext.TimeEpoch = "POST", now.UnixMilli()
		text, err := json.Marshal(e)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(text)
	}
	f.Add([]byte(`{"requestContext":{"timeEpoch":-9223372036854775808,"http":{"method":"GET"}},"body":null,"headers":null}`))
	f.Add([]byte(`{"requestContext":{"timeEpoch":9223372036854775807}}`))
	f.Fuzz(func(t *testing.T, text []byte) {
		var event events.APIGatewayV2HTTPRequest
		if json.Unmarshal(text, &event) != nil {
			return // the runtime responds for us
		}
		w, got := attack(t, event)
		if got.StatusCode < 400 || got.StatusCode >= 500 || got.Body != "" || len(w.told)+len(w.views) > 0 {
			t.Errorf("got %d %q", got.StatusCode, got.Body)
		}
	})
}

// Step Functions accepts the execution's name. It has the day, ends with the id, and
// the id makes it unique.
func FuzzExecutionName(f *testing.F) {
	f.Add("Production", "Admin", "111122223333", true)
	f.Add("本番", "\x00", "", true)
	f.Add(strings.Repeat("a", 1024), "-", "g", false)
	f.Add("_", "_", "é", false)
	f.Fuzz(func(t *testing.T, name, set, id string, account bool) {
		target := access.Target{Kind: access.KindGroup, GroupID: id, GroupName: name}
		if account {
			target = access.Target{Kind: access.KindAccount, AccountID: id, AccountName: name, PermissionSet: set}
		}
		request := access.RequestID("T1", id)
		got := executionName(now, target, request)
		if !executionNames.MatchString(got) || !strings.HasPrefix(got, "2026-01-01-") || !strings.HasSuffix(got, "-"+request) {
			t.Errorf("%+v is called %q", target, got)
		}
		if got[strings.LastIndexByte(got, '-')+1:] != request {
			t.Errorf("of %q the sweep reads the id %q, want %q", got, got[strings.LastIndexByte(got, '-')+1:], request)
		}
	})
}

// The function starts only with a valid machine ARN. The ARNs of its executions have
// the same account, Region and machine.
func FuzzMachineARN(f *testing.F) {
	f.Add("arn:aws:states:eu-west-1:123456789012:stateMachine:requests", "x")
	f.Add("arn:aws-us-gov:states:us-gov-west-1:123456789012:stateMachine:requests:live", "x")
	f.Add("::states:::stateMachine:", "")
	f.Fuzz(func(t *testing.T, arn, name string) {
		m, err := newMachine(nil, arn)
		if err != nil {
			if access.CodeOf(err) != access.CodeMisconfigure || m != nil {
				t.Errorf("%v of code %q", err, access.CodeOf(err))
			}
			return
		}
		want := strings.Split(arn, ":")
		got := strings.SplitN(m.ExecutionARN(name), ":", 8)
		if len(want) != 7 || len(got) != 8 || got[5] != "execution" || got[7] != name || got[2] != "states" || got[4] != want[4] || got[6] != want[6] {
			t.Errorf("%q has the execution %q", arn, got)
		}
	})
}
