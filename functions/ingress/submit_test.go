package ingress

import (
	"encoding/json"
	"net/http"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"sso-elevator/functions/access"
	"sso-elevator/functions/adapters/catalog"
	"sso-elevator/slack"
)

// filled is a submission of a filled-in form.
func filled(user, account, set, duration, reason string) string {
	return payload("view_submission", user, object{"view": view("request_for_access", `{"kind":"account","account_id":"`+account+`"}`, map[string][2]string{
		"account":                   {"account", account},
		"permission_set-" + account: {"permission_set", set},
		"duration":                  {"duration", duration},
		"reason":                    {"reason", reason},
	})})
}

// fieldErrors reads the errors of a response that keeps the form open.
func fieldErrors(body string) map[string]string {
	var response struct {
		Action string `json:"response_action"`
		Errors map[string]string
	}
	if json.Unmarshal([]byte(body), &response) != nil || response.Action != "errors" {
		return nil
	}
	return response.Errors
}

var requestID = access.RequestID("T1", "V1")

func TestSubmit(t *testing.T) {
	w := newWorld()
	got := w.send(t, filled("UJANE", production, admin, "3600", " deploy *now* "))
	if got.StatusCode != http.StatusOK || got.Body != string(slack.ClearResponse()) {
		t.Errorf("got %d %s, want the form cleared", got.StatusCode, got.Body)
	}
	name := "2026-01-01-Production-Admin-" + requestID
	want := access.Request{
		ID:       requestID,
		Target:   access.Target{Kind: access.KindAccount, AccountID: production, AccountName: "Production", PermissionSetARN: admin, PermissionSet: "Admin"},
		Reason:   "deploy *now*",
		Duration: 3600, TeamID: "T1", TeamDomain: "example", ViewID: "V1", Requester: jane, CreatedAt: now,
		ExecutionName: name, ExecutionARN: stateARN + name,
		Events: []access.Event{{Kind: access.EventRequested, At: now, By: jane}},
	}
	if !reflect.DeepEqual(w.rows, map[string]access.Request{requestID: want}) {
		t.Errorf("rows %+v\nwant %+v", w.rows, want)
	}
	if !slices.Equal(w.started, []string{name}) {
		t.Errorf("started %q, want %q", w.started, name)
	}
	if strings.Contains(w.log.String(), "deploy") {
		t.Errorf("the log repeats the reason: %s", &w.log)
	}
}

func TestSubmitWithMistakes(t *testing.T) {
	const unavailable = "Something went wrong. Please try again in a moment."
	failing := access.Errorf(access.CodeUnavailable, "no answer")
	tests := []struct {
		name   string
		body   string
		change func(*world)
		want   map[string]string
	}{
		{name: "no reason", body: filled("UJANE", production, admin, "3600", " \n "), want: map[string]string{"reason": "Say why you need the access."}},
		{name: "a reason that is too long", body: filled("UJANE", production, admin, "3600", strings.Repeat("ä", 3001)),
			want: map[string]string{"reason": "Use at most 3000 characters."}},
		{name: "a duration that is not offered", body: filled("UJANE", production, admin, "86400", "deploy"),
			want: map[string]string{"duration": "Choose one of the offered durations."}},
		{name: "no duration", body: filled("UJANE", production, admin, "", "deploy"), want: map[string]string{"duration": "Choose how long you need the access."}},
		{name: "what only says that the list could not be read", body: filled("UJANE", noticeValue, admin, "3600", "deploy"),
			want: map[string]string{"permission_set-" + noticeValue: notOffered}},
		{name: "an unknown account", body: filled("UJANE", "999999999999", admin, "3600", "deploy"),
			want: map[string]string{"permission_set-999999999999": notOffered}},
		{name: "an unknown permission set", body: filled("UJANE", production, "arn:aws:sso:::permissionSet/ssoins-1/ps-9", "3600", "deploy"),
			want: map[string]string{"permission_set-111111111111": notOffered}},
		{name: "a permission set that the form never offered", body: filled("UJANE", production, billing, "3600", "deploy"),
			want: map[string]string{"permission_set-111111111111": notOffered}},
		{name: "an account that the form never offered", body: filled("UJANE", "333333333333", admin, "3600", "deploy"),
			want: map[string]string{"permission_set-333333333333": notOffered}},
		{name: "the management account", body: filled("UJANE", production, admin, "3600", "deploy"), want: map[string]string{"account": slack.ManagementAccount},
			change: func(w *world) { w.management = production }},
		{name: "the management account, and the policy refuses it too", body: filled("UJANE", production, billing, "3600", "deploy"), want: map[string]string{"account": slack.ManagementAccount},
			change: func(w *world) { w.management = production }},
		{name: "a protected account", body: filled("UJANE", production, admin, "3600", "deploy"),
			want: map[string]string{"account": "This account is protected, and the policy doesn't name it. Ask the people who run this app to add it."},
			change: func(w *world) {
				w.policy.Accounts[1].Resources, w.policy.ProtectedAccounts = []string{"*"}, []string{production}
			}},
		{name: "only this person could approve it", body: filled("UJANE", sandbox, admin, "3600", "deploy"),
			want: map[string]string{"permission_set-222222222222": "Nobody else can approve this: the policy names no other approver. Ask the people who run this app to add one."}},
		{name: "only this person could approve it, who must not", body: filled("UJANE", sandbox, admin, "3600", "deploy"),
			change: func(w *world) {
				yes, fallback := true, jane
				fallback.SecondaryDomain = true
				w.people["UJANE"] = fallback
				w.policy.Accounts[2].AllowSelfApproval = &yes
			},
			want: map[string]string{"permission_set-222222222222": notSelfApproved}},
		{name: "no lists", body: filled("UJANE", production, admin, "3600", "deploy"), want: map[string]string{"reason": unavailable},
			change: func(w *world) { w.catalogErr = failing }},
		{name: "the first lists are loading, without the account", body: filled("UJANE", sandbox, admin, "3600", "deploy"), want: map[string]string{"reason": "The list is being prepared. Please try again in a minute."},
			change: isLoading(catalog.Partial{Accounts: []access.Account{{ID: production, Name: "Production"}}, PermissionSets: []access.PermissionSet{{ARN: admin, Name: "Admin"}}})},
		{name: "no policy", body: filled("UJANE", production, admin, "3600", "deploy"), want: map[string]string{"reason": unavailable},
			change: func(w *world) { w.policyErr = failing }},
		{name: "no Identity Center", body: filled("UJANE", production, admin, "3600", "deploy"), want: map[string]string{"reason": unavailable},
			change: func(w *world) { w.peopleErr = failing }},
		{name: "no table", body: filled("UJANE", production, admin, "3600", "deploy"), want: map[string]string{"reason": unavailable},
			change: func(w *world) { w.createErr = failing }},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			w := newWorld()
			if test.change != nil {
				test.change(w)
			}
			got := w.send(t, test.body)
			if errors := fieldErrors(got.Body); got.StatusCode != http.StatusOK || !reflect.DeepEqual(errors, test.want) {
				t.Errorf("got %d %s, want errors %v", got.StatusCode, got.Body, test.want)
			}
			if len(w.rows) != 0 || len(w.started) != 0 {
				t.Errorf("something was made: rows %v, started %v", w.rows, w.started)
			}
		})
	}
}

func TestSubmitIsRefusedInWords(t *testing.T) {
	tests := []struct {
		name, body, want string
	}{
		{"a guest", filled("UGUEST", production, admin, "3600", "deploy"), string(slack.UpdateViewResponse(slack.NoticeView("Sorry", "No guests.")))},
		{"an unknown form", payload("view_submission", "UJANE", object{"view": view("other", "", nil)}),
			string(slack.UpdateViewResponse(slack.NoticeView("Sorry", "This app doesn't know this form. To open a new one, use /access or /group-access.")))},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			w := newWorld()
			if got := w.send(t, test.body); got.Body != test.want || len(w.rows) != 0 {
				t.Errorf("got %s and rows %v, want %s and none", got.Body, w.rows, test.want)
			}
		})
	}
}

func TestSubmitAgain(t *testing.T) {
	w := newWorld()
	body := filled("UJANE", production, admin, "3600", "deploy")
	w.startErr = access.Errorf(access.CodeThrottled, "slow down")
	want := map[string]string{"reason": "Your request was saved but could not be started. Please press Request access again."}
	if got := w.send(t, body); !reflect.DeepEqual(fieldErrors(got.Body), want) {
		t.Errorf("not started: got %s, want errors %v", got.Body, want)
	}
	w.startErr = nil
	for range 2 {
		if got := w.send(t, body); got.Body != string(slack.ClearResponse()) {
			t.Errorf("again: got %s, want the form cleared", got.Body)
		}
	}
	name := w.rows[requestID].ExecutionName
	if !slices.Equal(w.started, []string{name, name, name}) || len(w.rows) != 1 {
		t.Errorf("started %q of %d rows, want three times %q of one", w.started, len(w.rows), name)
	}
}

func TestSubmitAgainWithOtherContentsKeepsTheFirst(t *testing.T) {
	w := withSandboxApprover()
	w.send(t, filled("UJANE", production, admin, "3600", "deploy"))
	first := w.rows[requestID]
	got := w.send(t, filled("UJANE", sandbox, admin, "7200", "deploy"))
	want := string(slack.UpdateViewResponse(slack.NoticeView("Already sent", "You already submitted this form with other values. This is what you requested: "+
		"Admin in Production (111111111111) for 1 hour. To request something else, open a new form.")))
	if got.Body != want || !reflect.DeepEqual(w.rows[requestID], first) {
		t.Errorf("got %s\nwant %s; row %+v", got.Body, want, w.rows[requestID])
	}
}

func TestExecutionName(t *testing.T) {
	const id = "abcdefghij234567"
	account := func(name, set string) access.Target {
		return access.Target{Kind: access.KindAccount, AccountID: production, AccountName: name, PermissionSet: set}
	}
	tests := []struct {
		name   string
		target access.Target
		want   string
	}{
		{"plain", account("Production", "AdministratorAccess"), "2026-01-01-Production-AdministratorAccess-" + id},
		{"other characters", account("Prod / EU (main)", "Read.Only@all"), "2026-01-01-Prod-EU-main-Read-Only-all-" + id},
		{"no letter that may stay", account("本番", "Admin"), "2026-01-01-111111111111-Admin-" + id},
		{"too long", account(strings.Repeat("long-", 10), strings.Repeat("x", 32)), "2026-01-01-long-long-long-long-long-long-long-long-long-long-xx-" + id},
		{"cut at a separator", account(strings.Repeat("a", 51), "Admin"), "2026-01-01-" + strings.Repeat("a", 51) + "-" + id},
		{"group", access.Target{Kind: access.KindGroup, GroupID: "g-1", GroupName: "Billing admins"}, "2026-01-01-Billing-admins-" + id},
		{"nothing", access.Target{Kind: access.KindGroup}, "2026-01-01-" + id},
	}
	allowed := regexp.MustCompile(`^[A-Za-z0-9_-]{1,80}$`)
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			got := executionName(time.Date(2026, 1, 1, 0, 30, 0, 0, time.UTC), test.target, id)
			if got != test.want || !allowed.MatchString(got) {
				t.Errorf("got %q (%d), want %q", got, len(got), test.want)
			}
		})
	}
}
