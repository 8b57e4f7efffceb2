package e2e

import (
	"context"
	"encoding/json"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/sfn"
	sfntypes "github.com/aws/aws-sdk-go-v2/service/sfn/types"

	"sso-elevator/functions/access"
)

// chosen returns a select with that value.
func chosen(action, value string) map[string]any {
	return map[string]any{action: map[string]any{"selected_option": map[string]any{"value": value}}}
}

// submission returns a form for an account as Slack would send it, with any options
// chosen in it.
func submission(person, viewID, metadata, account, set, duration, reason string) string {
	return submitted(person, viewID, "request_for_access", metadata, reason, map[string]any{
		"account": chosen("account", account), "permission_set-" + account: chosen("permission_set", set), "duration": chosen("duration", duration),
	})
}

// submissionOfGroup is the same for a group.
func submissionOfGroup(person, viewID, metadata, group, duration, reason string) string {
	return submitted(person, viewID, "request_for_group_membership", metadata, reason, map[string]any{
		"group": chosen("group", group), "duration": chosen("duration", duration),
	})
}

func submitted(person, viewID, callback, metadata, reason string, values map[string]any) string {
	values["reason"] = map[string]any{"reason": map[string]any{"value": reason}}
	text, err := json.Marshal(map[string]any{
		"type": "view_submission", "api_app_id": "A0ELEVATOR", "trigger_id": "1.2.3",
		"team": map[string]any{"id": team, "domain": "example"}, "user": map[string]any{"id": person, "team_id": team},
		"view": map[string]any{
			"id": viewID, "root_view_id": "V0OTHER", "hash": "forged", "callback_id": callback, "private_metadata": metadata,
			"state": map[string]any{"values": values},
		},
	})
	if err != nil {
		panic(err)
	}
	return url.Values{"payload": {string(text)}}.Encode()
}

// TestTamperedForms checks that a form with options that were never offered creates
// no row, no execution and no message.
func TestTamperedForms(t *testing.T) {
	t.Parallel()
	s := local
	account, set := s.accountID(t, "security-tooling"), s.permissionSetARN(t, "ReadOnlyAccess")
	hidden := s.groupID(t, "Not In The Policy")
	group := func(viewID, metadata string) string {
		return submissionOfGroup(alice, viewID, metadata, hidden, "10", t.Name())
	}
	names, err := json.Marshal(access.Target{Kind: access.KindGroup, GroupID: hidden, GroupName: "Incident Responders"})
	if err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct{ name, viewID, body, wantBlock string }{
		{"a group outside the policy", "V0TAMPER01", group("V0TAMPER01", ""), "group"},
		{"a group outside the policy under another's name", "V0TAMPER02", group("V0TAMPER02", string(names)), "group"},
		{"an account that does not exist", "V0TAMPER03", submission(alice, "V0TAMPER03", "", "999999999999", set, "10", t.Name()), "permission_set"},
		{"a permission set that does not exist", "V0TAMPER04", submission(alice, "V0TAMPER04", "", account, "Everything", "10", t.Name()), "permission_set"},
		{"a duration that was not offered", "V0TAMPER05", submission(alice, "V0TAMPER05", "", account, set, "864000", t.Name()), "duration"},
		{"an endless duration", "V0TAMPER06", submission(alice, "V0TAMPER06", "", account, set, "1e309", t.Name()), "duration"},
		{"a reason that nobody sees", "V0TAMPER07", submission(alice, "V0TAMPER07", "", account, set, "10", "\u200b\u3164\u202e"), "reason"},
	} {
		status, answer := s.sendSigned(t, tt.name, tt.body)
		var said struct {
			Errors map[string]string `json:"errors"`
		}
		if err := json.Unmarshal([]byte(answer), &said); err != nil || status != http.StatusOK || len(said.Errors) != 1 {
			t.Errorf("%s: status %d, %s", tt.name, status, answer)
		}
		for block := range said.Errors {
			if !strings.HasPrefix(block, tt.wantBlock) || strings.Contains(answer, notInTime) {
				t.Errorf("%s: %s", tt.name, answer)
			}
		}
		s.nothingOf(t, tt.name, access.RequestID(team, tt.viewID))
	}
	for _, p := range s.posts(t, "") {
		if strings.Contains(string(p.Blocks), t.Name()) {
			t.Errorf("a message came of it: %s", p.Blocks)
		}
	}
}

// nothingOf fails the test if the table or Step Functions know the request.
func (s *stack) nothingOf(t *testing.T, what, id string) {
	t.Helper()
	if row := s.row(t, "request#"+id); row != nil {
		t.Errorf("%s: there is a row: %v", what, row)
	}
	machine := s.machine(t)
	pages := sfn.NewListExecutionsPaginator(s.sfn, &sfn.ListExecutionsInput{StateMachineArn: &machine})
	for pages.HasMorePages() {
		page, err := pages.NextPage(context.Background())
		if err != nil {
			t.Fatal(err)
		}
		for _, e := range page.Executions {
			if strings.Contains(*e.Name, id) {
				t.Errorf("%s: there is an execution: %s", what, *e.Name)
			}
		}
	}
}

// TestTamperedNames checks that a form whose metadata has false names requests what
// was chosen, and that approvers see the real names.
func TestTamperedNames(t *testing.T) {
	t.Parallel()
	s := local
	w := wish{alice, "security-tooling", "ReadOnlyAccess", 10}
	account, set := s.accountID(t, w.account), s.permissionSetARN(t, w.permissionSet)
	metadata, err := json.Marshal(access.Target{Kind: access.KindAccount, AccountID: account, AccountName: "playground <!channel>", PermissionSetARN: set, PermissionSet: "NothingAtAll"})
	if err != nil {
		t.Fatal(err)
	}
	reason, viewID := t.Name()+" "+time.Now().Format(time.RFC3339Nano), "V0TAMPER11"
	body := submission(alice, viewID, string(metadata), account, set, "10", reason)
	for range 2 { // and the same bytes again
		if status, answer := s.sendSigned(t, "a form with false names", body); status != http.StatusOK || !strings.Contains(answer, `"clear"`) {
			t.Fatalf("status %d, %s", status, answer)
		}
	}
	// Someone else who sends the same form gets neither the request nor its text.
	stolen := submission(bob, viewID, string(metadata), account, set, "10", "another")
	if status, answer := s.sendSigned(t, "someone else's form", stolen); status != http.StatusOK || !strings.Contains(answer, "belongs to someone else") || strings.Contains(answer, "security-tooling") {
		t.Errorf("someone else: status %d, %s", status, answer)
	}
	r := &request{stack: s, wish: w, reason: reason, id: access.RequestID(team, viewID)}
	r.waitAssigned(t)
	checkAll(t, r, alice)
	texts := textsOf(t, r.message(t).Blocks)
	if !slices.Contains(texts, w.account+" ("+account+")") || !slices.Contains(texts, w.permissionSet) || strings.Contains(strings.Join(texts, "\n"), "NothingAtAll") {
		t.Errorf("the message says %q", texts)
	}
	r.waitGone(t, 10*time.Second+removalLimit)
	r.finished(t, sfntypes.ExecutionStatusSucceeded, soon)
	wantEvents(t, r, "requested", "approved", "granted", "revoked")
}

// TestForgedRequestsOfHTTP checks that the API has one route and a limit, and
// ingress its own limit. Everything beyond is rejected without a text, even if it
// is signed.
func TestForgedRequestsOfHTTP(t *testing.T) {
	t.Parallel()
	const form = "application/x-www-form-urlencoded"
	for _, tt := range []struct {
		name, method, path, contentType, body string
		want                                  int
	}{
		{"GET", http.MethodGet, "", form, "", http.StatusNotFound},
		{"PUT", http.MethodPut, "", form, "payload=%7B%7D", http.StatusNotFound},
		{"another path", http.MethodPost, "/admin", form, "payload=%7B%7D", http.StatusNotFound},
		{"a path around", http.MethodPost, "/../slack/x", form, "payload=%7B%7D", http.StatusNotFound},
		{"JSON that is no event", http.MethodPost, "", "application/json", `{"type":"block_actions","challenge":"x"}`, http.StatusBadRequest},
		{"a verification that would be repeated as markup", http.MethodPost, "", "application/json", `{"type":"url_verification","challenge":"<challenge>"}`, http.StatusBadRequest},
		{"a verification as a form", http.MethodPost, "", form, `{"type":"url_verification","challenge":"x"}`, http.StatusBadRequest},
		{"no content type", http.MethodPost, "", "", "payload=%7B%7D", http.StatusBadRequest},
		{"bytes that are no text", http.MethodPost, "", form, "payload=\xff\xfe\x00", http.StatusBadRequest},
		{"broken percent-encoding", http.MethodPost, "", form, "payload=%zz", http.StatusBadRequest},
		{"the payload twice", http.MethodPost, "", form, "payload=%7B%7D&payload=%7B%7D", http.StatusBadRequest},
		{"deep", http.MethodPost, "", form, "payload=" + strings.Repeat("%5B", 20_000), http.StatusBadRequest},
		{"more than ingress takes", http.MethodPost, "", form, strings.Repeat("x", 600<<10), http.StatusRequestEntityTooLarge},
		{"more than the API takes", http.MethodPost, "", form, strings.Repeat("x", 10<<20+1), http.StatusRequestEntityTooLarge},
	} {
		var took time.Duration
		status, answer := local.answered(t, tt.name, func() (int, string) {
			req, err := http.NewRequest(tt.method, local.SlackRequestURL+tt.path, strings.NewReader(tt.body))
			if err != nil {
				t.Fatal(err)
			}
			if tt.contentType != "" {
				req.Header.Set("Content-Type", tt.contentType)
			}
			timestamp, signature := sign(signingSecret, time.Now(), tt.body)
			req.Header.Set("X-Slack-Request-Timestamp", timestamp)
			req.Header.Set("X-Slack-Signature", signature)
			began := time.Now()
			res, err := http.DefaultClient.Do(req)
			if err != nil {
				t.Errorf("%s: %v", tt.name, err)
				return 0, ""
			}
			defer res.Body.Close()
			answer, err := io.ReadAll(res.Body)
			if err != nil {
				t.Errorf("%s: %v", tt.name, err)
			}
			took = time.Since(began)
			return res.StatusCode, string(answer)
		})
		if status != tt.want || len(answer) > 100 || strings.Contains(answer, "challenge") {
			t.Errorf("%s: status %d, %q; want %d", tt.name, status, answer, tt.want)
		}
		if took > slackWaits {
			t.Errorf("%s: answered after %s", tt.name, took)
		}
	}
}
