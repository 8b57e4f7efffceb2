package ingress

import (
	"encoding/json"
	"net/http"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	slackgo "github.com/slack-go/slack"

	"sso-elevator/functions/access"
	"sso-elevator/functions/adapters/catalog"
	"sso-elevator/slack"
)

var offered = []time.Duration{time.Hour, 2 * time.Hour}

func form(kind access.Kind, chosen access.Target, preview string) slackgo.ModalViewRequest {
	return slack.FormView(slack.Form{Kind: kind, Chosen: chosen, Durations: offered, Preview: preview})
}

func TestOpen(t *testing.T) {
	account := access.Target{Kind: access.KindAccount}
	shortcut := func(callback, user string) string {
		return payload("shortcut", user, object{"callback_id": callback, "trigger_id": "t-1"})
	}
	loaded := func(kind access.Kind, view slackgo.ModalViewRequest) []shown {
		return []shown{{trigger: "t-1", view: slack.LoadingView(kind)}, {id: "V1", hash: "h1", view: view}}
	}
	const command = "command=%2Faccess&team_id=T1&api_app_id=A1&user_id=UJANE&trigger_id=t-1"
	const busy = "Something went wrong. Please try again in a moment."
	tests := []struct {
		name     string
		body     string
		change   func(*world)
		want     []shown
		status   int
		wantBody string
	}{
		{name: "shortcut", body: shortcut("request_for_access", "UJANE"), want: loaded(access.KindAccount, form(access.KindAccount, account, ""))},
		{name: "command", body: command, want: loaded(access.KindAccount, form(access.KindAccount, account, ""))},
		{name: "group", body: shortcut("request_for_group_membership", "UJANE"),
			want: loaded(access.KindGroup, form(access.KindGroup, access.Target{Kind: access.KindGroup}, ""))},
		{name: "a guest is told at once", body: shortcut("request_for_access", "UGUEST"), want: loaded(access.KindAccount, slack.NoticeView("Sorry", "No guests."))},
		{name: "Identity Center does not answer", body: shortcut("request_for_access", "UJANE"),
			change: func(w *world) { w.peopleErr = access.Errorf(access.CodeUnavailable, "no answer") },
			want:   loaded(access.KindAccount, slack.NoticeView("Sorry", busy))},
		{name: "unknown shortcut", body: shortcut("other", "UJANE"),
			want: []shown{{trigger: "t-1", view: slack.NoticeView("Sorry", "This app doesn't know this command or shortcut. To request access, use /access or /group-access.")}}},
		{name: "unknown command", body: strings.Replace(command, "access", "other", 1), wantBody: "This app doesn't know this command or shortcut. To request access, use /access or /group-access."},
		{name: "Slack does not open it", body: shortcut("request_for_access", "UJANE"), status: http.StatusInternalServerError,
			change: func(w *world) { w.openErr = access.Errorf(access.CodeMisconfigure, "invalid_auth") }},
		{name: "Slack does not open it for a command", body: command, wantBody: "This app is not set up correctly. Please tell the people who run it.",
			change: func(w *world) { w.openErr = access.Errorf(access.CodeMisconfigure, "invalid_auth") }},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			w := newWorld()
			if test.change != nil {
				test.change(w)
			}
			got := w.send(t, test.body)
			if want := max(test.status, http.StatusOK); got.StatusCode != want {
				t.Errorf("status %d, want %d", got.StatusCode, want)
			}
			if !strings.Contains(got.Body, test.wantBody) || (test.wantBody == "") != (got.Body == "") {
				t.Errorf("body %q, want %q", got.Body, test.wantBody)
			}
			if !reflect.DeepEqual(w.views, test.want) {
				t.Errorf("views %+v\nwant  %+v", w.views, test.want)
			}
		})
	}
}

// view is a form as Slack sends it, with private_metadata and the selected option of
// each block.
func view(callback, metadata string, selected map[string][2]string) object {
	values := object{}
	for block, field := range selected {
		value := object{"selected_option": object{"value": field[1]}}
		if block == slack.BlockReason || block == slack.BlockTicket {
			value = object{"value": field[1]}
		}
		values[block] = object{field[0]: value}
	}
	return object{"id": "V1", "hash": "h1", "callback_id": callback, "private_metadata": metadata, "state": object{"values": values}}
}

func TestChoose(t *testing.T) {
	target := func(account, name, set, setName string) access.Target {
		return access.Target{Kind: access.KindAccount, AccountID: account, AccountName: name, PermissionSetARN: set, PermissionSet: setName}
	}
	choice := func(action, account, set string) string {
		selected := map[string][2]string{"account": {"account", account}}
		if set != "" {
			selected["permission_set-"+account] = [2]string{"permission_set", set}
		}
		return payload("block_actions", "UJANE", object{
			"actions": []object{{"action_id": action}}, "view": view("request_for_access", "", selected),
		})
	}
	soFar := catalog.Partial{Accounts: []access.Account{{ID: production, Name: "Production"}}, PermissionSets: []access.PermissionSet{{ARN: admin, Name: "Admin"}}}
	tests := []struct {
		name   string
		body   string
		change func(*world)
		want   slackgo.ModalViewRequest
	}{
		{name: "an account", body: choice("account", production, ""), want: form(access.KindAccount, target(production, "Production", "", ""), "")},
		{name: "in a form from the Home tab", body: fromHome(choice("account", production, "")),
			want: slack.FromHome(form(access.KindAccount, target(production, "Production", "", ""), ""))},
		{name: "a permission set first", body: payload("block_actions", "UJANE", object{"actions": []object{{"action_id": "permission_set"}},
			"view": view("request_for_access", "", map[string][2]string{"account": {"account", ""}, "permission_set": {"permission_set", admin}})}),
			want: form(access.KindAccount, target("", "", admin, "Admin"), "")},
		{name: "an account after the permission set", body: payload("block_actions", "UJANE", object{"actions": []object{{"action_id": "account"}},
			"view": view("request_for_access", "", map[string][2]string{"account-ps-2": {"account", production}, "permission_set": {"permission_set", admin}})}),
			want: form(access.KindAccount, target(production, "Production", admin, "Admin"), "Approvers (any one can approve): ann@example.com, twin@example.com")},
		{name: "another account after both", body: payload("block_actions", "UJANE", object{"actions": []object{{"action_id": "account"}},
			"view": view("request_for_access", "", map[string][2]string{"account": {"account", sandbox}, "permission_set-" + production: {"permission_set", admin}})}),
			want: form(access.KindAccount, target(sandbox, "Sandbox", "", ""), "")},
		{name: "no catalog yet", body: choice("account", "no-answer", ""), change: func(w *world) { w.catalogErr = access.Errorf(access.CodeNotFound, "no object") },
			want: form(access.KindAccount, access.Target{Kind: access.KindAccount}, "The list is being prepared. Please try again in a minute.")},
		{name: "the lists are loading, and have what was chosen", body: choice("permission_set", production, admin), change: isLoading(soFar),
			want: form(access.KindAccount, target(production, "Production", admin, "Admin"), "Approvers (any one can approve): ann@example.com, twin@example.com")},
		{name: "the lists are loading, and don't have what was chosen yet", body: choice("account", sandbox, ""), change: isLoading(soFar),
			want: form(access.KindAccount, access.Target{Kind: access.KindAccount}, "The list is being prepared. Please try again in a minute.")},
		{name: "the lists are loading, and the policy names units", body: choice("permission_set", production, admin), change: func(w *world) {
			isLoading(soFar)(w)
			w.policy = inUnits()
		}, want: form(access.KindAccount, target(production, "Production", admin, "Admin"), "The list is being prepared. Please try again in a minute.")},
		{name: "what the select had to say", body: choice("account", "no-answer", ""),
			want: form(access.KindAccount, access.Target{Kind: access.KindAccount}, "This can't be requested. Choose from the list.")},
		{name: "automatic", body: choice("permission_set", production, readOnly),
			want: form(access.KindAccount, target(production, "Production", readOnly, "ReadOnly"), "This will be granted automatically: the policy requires no approval here.")},
		{name: "to be approved", body: choice("permission_set", production, admin),
			want: form(access.KindAccount, target(production, "Production", admin, "Admin"), "Approvers (any one can approve): ann@example.com, twin@example.com")},
		{name: "sessions longer than some durations", body: choice("permission_set", production, admin), change: func(w *world) { w.session = 90 * time.Minute },
			want: form(access.KindAccount, target(production, "Production", admin, "Admin"), "Approvers (any one can approve): ann@example.com, twin@example.com\nOpen sessions may last up to 1 hour 30 minutes after the access ends.")},
		{name: "sessions as long as the shortest duration", body: choice("permission_set", production, admin), change: func(w *world) { w.session = time.Hour },
			want: form(access.KindAccount, target(production, "Production", admin, "Admin"), "Approvers (any one can approve): ann@example.com, twin@example.com")},
		{name: "refused, with long sessions", body: choice("permission_set", sandbox, admin), change: func(w *world) { w.session = 8 * time.Hour },
			want: form(access.KindAccount, target(sandbox, "Sandbox", admin, "Admin"), "This would be refused, because the policy names no other approver. Ask the people who run this app to add one.")},
		{name: "nobody else could approve", body: choice("permission_set", sandbox, admin),
			want: form(access.KindAccount, target(sandbox, "Sandbox", admin, "Admin"), "This would be refused, because the policy names no other approver. Ask the people who run this app to add one.")},
		{name: "not offered", body: choice("permission_set", production, billing),
			want: form(access.KindAccount, target(production, "Production", billing, "Billing"), "This would be refused, because the policy doesn't offer it. Choose something else.")},
		{name: "the management account, without a permission set yet", body: choice("account", production, ""), change: func(w *world) { w.management = production },
			want: form(access.KindAccount, target(production, "Production", "", ""), "This would be refused. "+slack.ManagementAccount)},
		{name: "the management account", body: choice("permission_set", production, readOnly), change: func(w *world) { w.management = production },
			want: form(access.KindAccount, target(production, "Production", readOnly, "ReadOnly"), "This would be refused. "+slack.ManagementAccount)},
		{name: "beside the management account", body: choice("permission_set", production, readOnly), change: func(w *world) { w.management = sandbox },
			want: form(access.KindAccount, target(production, "Production", readOnly, "ReadOnly"), "This will be granted automatically: the policy requires no approval here.")},
		{name: "a group, oneself", body: payload("block_actions", "UJANE", object{"actions": []object{{"action_id": "group"}},
			"view": view("request_for_group_membership", "", map[string][2]string{"group": {"group", "g-1"}})}),
			want: form(access.KindGroup, access.Target{Kind: access.KindGroup, GroupID: "g-1", GroupName: "Auditors"}, "This will be granted automatically: the policy lets you approve this yourself.")},
		{name: "oneself, with another email address", body: payload("block_actions", "UJANE", object{"actions": []object{{"action_id": "group"}},
			"view": view("request_for_group_membership", "", map[string][2]string{"group": {"group", "g-1"}})}),
			change: func(w *world) {
				fallback := jane
				fallback.SecondaryDomain = true
				w.people["UJANE"] = fallback
			},
			want: form(access.KindGroup, access.Target{Kind: access.KindGroup, GroupID: "g-1", GroupName: "Auditors"}, "This would be refused. "+notSelfApproved)},
		{name: "an account that is not there", body: choice("account", "999999999999", ""),
			want: form(access.KindAccount, access.Target{Kind: access.KindAccount}, "This can't be requested. Choose from the list.")},
		{name: "the policy can't be read", body: choice("permission_set", production, admin),
			change: func(w *world) { w.policyErr = access.Errorf(access.CodeUnavailable, "no answer") },
			want:   form(access.KindAccount, target(production, "Production", admin, "Admin"), "Something went wrong. Please try again in a moment.")},
		{name: "Slack does not say who this is", body: choice("account", production, ""),
			change: func(w *world) { w.peopleErr = access.Errorf(access.CodeUnavailable, "no answer") },
			want:   form(access.KindAccount, access.Target{Kind: access.KindAccount}, "Something went wrong. Please try again in a moment.")},
		{name: "a guest", body: strings.ReplaceAll(choice("account", production, ""), "UJANE", "UGUEST"), want: slack.NoticeView("Sorry", "No guests.")},
		{name: "the form has changed since", body: choice("account", production, ""),
			change: func(w *world) { w.updateErr = access.Errorf(access.CodeLost, "hash_conflict") },
			want:   form(access.KindAccount, target(production, "Production", "", ""), "")},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			w := newWorld()
			if test.change != nil {
				test.change(w)
			}
			if got := w.send(t, test.body); got.StatusCode != http.StatusOK || got.Body != "" {
				t.Errorf("got %d %q, want 200 without a body", got.StatusCode, got.Body)
			}
			if want := []shown{{id: "V1", hash: "h1", view: test.want}}; !reflect.DeepEqual(w.views, want) {
				got, _ := json.Marshal(w.views)
				wanted, _ := json.Marshal(want)
				t.Errorf("views %s\nwant  %s", got, wanted)
			}
		})
	}
}

func TestUnknownActionInAViewChangesNothing(t *testing.T) {
	w := newWorld()
	got := w.send(t, payload("block_actions", "UJANE", object{"actions": []object{{"action_id": "other"}}, "view": view("request_for_access", "", nil)}))
	if got.StatusCode != http.StatusOK || len(w.views) != 0 || !strings.Contains(w.log.String(), "unknown action in a form") {
		t.Errorf("got %d, %d views, log %s", got.StatusCode, len(w.views), &w.log)
	}
}

// options reads the response to a suggestion as a list of "text = value".
func options(t *testing.T, body string) []string {
	t.Helper()
	var response struct {
		Options []struct {
			Text  struct{ Text string }
			Value string
		}
	}
	if err := json.Unmarshal([]byte(body), &response); err != nil {
		t.Fatalf("%v in %q", err, body)
	}
	var out []string
	for _, o := range response.Options {
		out = append(out, o.Text.Text+" = "+o.Value)
	}
	return out
}

// inUnits gives ReadOnly in ou-a without an approval, except in ou-b, where nobody may
// approve it.
func inUnits() access.Policy {
	yes, no := true, false
	return access.Policy{Accounts: []access.Statement{
		{Resources: []string{"ou-a"}, PermissionSets: []string{"ReadOnly"}, ApprovalIsNotRequired: &yes},
		{Resources: []string{"ou-b"}, PermissionSets: []string{"*"}, ApprovalIsNotRequired: &no},
	}}
}

// isLoading leaves only these lists, which are partial.
func isLoading(p catalog.Partial) func(*world) {
	return func(w *world) {
		p.At = now
		w.catalogErr, w.partial = access.Errorf(access.CodeNotFound, "no object"), &p
	}
}

func TestSuggest(t *testing.T) {
	some := []access.Account{{ID: production, Name: "Production"}, {ID: "333333333333", Name: "Secret"}}
	sets := []access.PermissionSet{{ARN: readOnly, Name: "ReadOnly"}}
	const inProduction = `{"kind":"account","account_id":"111111111111"}`
	const readOnlyFirst = `{"kind":"account","permission_set":"ReadOnly","permission_set_arn":"` + readOnly + `"}`
	tests := []struct {
		name, action, query, metadata string
		user                          string // default UJANE
		change                        func(*world)
		want                          []string
	}{
		{name: "accounts, to a guest", user: "UGUEST", action: "account"},
		{name: "permission sets, to a guest", user: "UGUEST", action: "permission_set", metadata: inProduction},
		{name: "groups, to a guest", user: "UGUEST", action: "group"},
		{name: "to a guest, and the catalog can't be read", user: "UGUEST", action: "account", change: func(w *world) { w.catalogErr = access.Errorf(access.CodeUnavailable, "no answer") }},
		{name: "Slack does not say who this is", action: "account", change: func(w *world) { w.peopleErr = access.Errorf(access.CodeUnavailable, "no answer") },
			want: []string{"⚠️ Something went wrong. Please try again in a moment. = no-answer"}},
		{name: "accounts in a unit", action: "account", change: func(w *world) { w.policy, w.units = inUnits(), map[string][]string{"ou-a": {sandbox}, "ou-b": {}} },
			want: []string{"Sandbox (222222222222) = 222222222222"}},
		{name: "accounts in a unit, one of them protected", action: "account", change: func(w *world) {
			w.policy, w.units = inUnits(), map[string][]string{"ou-a": {production, sandbox}, "ou-b": {}}
			w.policy.ProtectedAccounts = []string{sandbox}
		}, want: []string{"Production (111111111111) = 111111111111"}},
		{name: "accounts in a unit that denies", action: "account", change: func(w *world) {
			w.policy, w.units = inUnits(), map[string][]string{"ou-a": {production, sandbox}, "ou-b": {sandbox}}
		},
			want: []string{"Production (111111111111) = 111111111111"}},
		{name: "accounts, and a unit that the catalog doesn't know", action: "account", change: func(w *world) { w.policy, w.units = inUnits(), map[string][]string{"ou-a": {production, sandbox}} },
			want: []string{"⏳ The list is being prepared. Please try again in a minute. = no-answer"}},
		{name: "permission sets in an account in a unit", action: "permission_set", metadata: inProduction, change: func(w *world) { w.policy, w.units = inUnits(), map[string][]string{"ou-a": {production}, "ou-b": {}} },
			want: []string{"ReadOnly = " + readOnly}},
		{name: "permission sets, and a unit that the catalog doesn't know", action: "permission_set", metadata: inProduction, change: func(w *world) { w.policy, w.units = inUnits(), map[string][]string{"ou-b": {}} },
			want: []string{"⏳ The list is being prepared. Please try again in a minute. = no-answer"}},
		{name: "accounts in which something is offered", action: "account", want: []string{"Production (111111111111) = 111111111111", "Sandbox (222222222222) = 222222222222"}},
		{name: "accounts in which only this person could approve", action: "account", change: func(w *world) {
			w.policy.Accounts = w.policy.Accounts[2:]
			w.policy.Accounts[0].Approvers = []string{"jane@example.com"}
		}},
		{name: "accounts by name", action: "account", query: "pROD", want: []string{"Production (111111111111) = 111111111111"}},
		{name: "accounts by id", action: "account", query: "2222", want: []string{"Sandbox (222222222222) = 222222222222"}},
		{name: "no account", action: "account", query: "secret"},
		{name: "permission sets of the chosen account", action: "permission_set", metadata: inProduction, want: []string{"Admin = " + admin, "ReadOnly = " + readOnly}},
		{name: "permission sets by name", action: "permission_set", metadata: inProduction, query: "only", want: []string{"ReadOnly = " + readOnly}},
		{name: "permission sets by words in any order", action: "permission_set", metadata: inProduction, query: "ONLY read", want: []string{"ReadOnly = " + readOnly}},
		{name: "accounts by words in any order", action: "account", query: "2222 box", want: []string{"Sandbox (222222222222) = 222222222222"}},
		{name: "permission sets before an account", action: "permission_set", want: []string{"Admin = " + admin, "ReadOnly = " + readOnly}},
		{name: "permission sets before an account, by name", action: "permission_set", query: "adm", want: []string{"Admin = " + admin}},
		{name: "permission sets before an account, in units", action: "permission_set", change: func(w *world) { w.policy, w.units = inUnits(), map[string][]string{"ou-a": {production}, "ou-b": {}} },
			want: []string{"ReadOnly = " + readOnly}},
		{name: "permission sets before an account, in units that deny", action: "permission_set", change: func(w *world) {
			w.policy, w.units = inUnits(), map[string][]string{"ou-a": {production, sandbox}, "ou-b": {production, sandbox}}
		}},
		{name: "permission sets before an account, and a unit that the catalog doesn't know", action: "permission_set", change: func(w *world) { w.policy, w.units = inUnits(), map[string][]string{"ou-b": {}} },
			want: []string{"⏳ The list is being prepared. Please try again in a minute. = no-answer"}},
		{name: "permission sets before an account, of which only this person could approve one", action: "permission_set", change: func(w *world) {
			w.policy.Accounts = w.policy.Accounts[2:]
			w.policy.Accounts[0].Approvers = []string{"jane@example.com"}
		}},
		{name: "accounts with a permission set", action: "account", metadata: readOnlyFirst, want: []string{"Production (111111111111) = 111111111111"}},
		{name: "accounts with a permission set, by name", action: "account", metadata: readOnlyFirst, query: "sand"},
		{name: "accounts with a permission set, in a unit", action: "account", metadata: readOnlyFirst, change: func(w *world) {
			w.policy, w.units = inUnits(), map[string][]string{"ou-a": {production, sandbox}, "ou-b": {production}}
		}, want: []string{"Sandbox (222222222222) = 222222222222"}},
		{name: "accounts after both were chosen", action: "account", metadata: `{"kind":"account","account_id":"111111111111","permission_set":"ReadOnly","permission_set_arn":"` + readOnly + `"}`,
			want: []string{"Production (111111111111) = 111111111111", "Sandbox (222222222222) = 222222222222"}},
		{name: "groups", action: "group", want: []string{"Auditors = g-1"}},
		{name: "something unknown", action: "reason"},
		{name: "no answer", action: "account", change: func(w *world) { w.catalogErr = access.Errorf(access.CodeUnavailable, "no answer") },
			want: []string{"⚠️ Something went wrong. Please try again in a moment. = no-answer"}},
		{name: "no catalog yet", action: "account", change: func(w *world) { w.catalogErr = access.Errorf(access.CodeNotFound, "no object") },
			want: []string{"⏳ The list is being prepared. Please try again in a minute. = no-answer"}},
		{name: "no catalog yet, permission sets", action: "permission_set", metadata: inProduction, change: func(w *world) { w.catalogErr = access.Errorf(access.CodeNotFound, "no object") },
			want: []string{"⏳ The list is being prepared. Please try again in a minute. = no-answer"}},
		{name: "accounts so far", action: "account", change: isLoading(catalog.Partial{Accounts: some, PermissionSets: sets}),
			want: []string{"⏳ The list is still loading: 2 accounts so far. = no-answer", "Production (111111111111) = 111111111111"}},
		{name: "accounts so far, by name", action: "account", query: "sand", change: isLoading(catalog.Partial{Accounts: some, PermissionSets: sets}),
			want: []string{"⏳ The list is still loading: 2 accounts so far. = no-answer"}},
		{name: "thousands of accounts so far", action: "account", query: "prod", change: isLoading(catalog.Partial{Accounts: append(make([]access.Account, 3398), some...), PermissionSets: sets}),
			want: []string{"⏳ The list is still loading: 3,400 accounts so far. = no-answer", "Production (111111111111) = 111111111111"}},
		{name: "permission sets so far", action: "permission_set", metadata: inProduction, change: isLoading(catalog.Partial{Accounts: some, PermissionSets: sets, HasAllAccounts: true}),
			want: []string{"⏳ The list is still loading: 1 permission sets so far. = no-answer", "ReadOnly = " + readOnly}},
		{name: "accounts so far, and the policy names units", action: "account", change: func(w *world) {
			isLoading(catalog.Partial{Accounts: some, PermissionSets: sets})(w)
			w.policy = inUnits()
		}, want: []string{"⏳ The list is still loading: 2 accounts so far. = no-answer"}},
		{name: "all accounts, but no units yet", action: "account", change: func(w *world) {
			isLoading(catalog.Partial{Accounts: some, PermissionSets: sets, HasAllAccounts: true, HasAllPermissionSets: true})(w)
			w.policy = inUnits()
		}, want: []string{"⏳ The list is almost ready. = no-answer"}},
		{name: "no groups so far", action: "group", change: isLoading(catalog.Partial{Accounts: some}),
			want: []string{"⏳ The list is still loading: no groups so far. = no-answer"}},
		{name: "all groups, but not all accounts", action: "group", change: isLoading(catalog.Partial{Accounts: some, Groups: []access.Group{{ID: "g-1", Name: "Auditors"}}, HasAllGroups: true}),
			want: []string{"Auditors = g-1"}},
		{name: "accounts so far, to a guest", user: "UGUEST", action: "account", change: isLoading(catalog.Partial{Accounts: some})},
		{name: "no catalog yet, groups", action: "group", query: "aud", change: func(w *world) { w.catalogErr = access.Errorf(access.CodeInvalid, "no gzip") },
			want: []string{"⏳ The list is being prepared. Please try again in a minute. = no-answer"}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			w := withSandboxApprover()
			if test.change != nil {
				test.change(w)
			}
			if test.user == "" {
				test.user = "UJANE"
			}
			got := w.send(t, payload("block_suggestion", test.user, object{
				"action_id": test.action, "value": test.query, "view": view("request_for_access", test.metadata, nil),
			}))
			if options := options(t, got.Body); got.StatusCode != http.StatusOK || !slices.Equal(options, test.want) {
				t.Errorf("got %d %q, want 200 %q", got.StatusCode, options, test.want)
			}
		})
	}
}
