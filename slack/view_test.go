package slack

import (
	"slices"
	"strings"
	"testing"
	"time"

	slackgo "github.com/slack-go/slack"

	"sso-elevator/functions/access"
)

const permissionSetARN = "arn:aws:sso:::permissionSet/ssoins-7223a1b2c3d4e5f6/ps-1a2b3c4d5e6f7a8b"

var sandbox = access.Target{
	Kind:             access.KindAccount,
	AccountID:        "111122223333",
	AccountName:      "Sandbox",
	PermissionSet:    "ReadOnly",
	PermissionSetARN: permissionSetARN,
}

// hostile is what someone might type so that it counts as more than text.
const hostile = "*bold* _it_ `code` <!channel> <!here> <@U0BOSS> <https://evil.example|AWS console> :fire: &lt;!everyone&gt; \u202Egnihtemos\u202C \u2067x\u2069 @channel\r\nApproved by: the boss\x00\x07 שלום"

func hours(n ...int) []time.Duration {
	var d []time.Duration
	for _, h := range n {
		d = append(d, time.Duration(h)*time.Hour)
	}
	return d
}

func TestViews(t *testing.T) {
	halfHours := make([]time.Duration, 120)
	for i := range halfHours {
		halfHours[i] = time.Duration(i+1) * 30 * time.Minute
	}
	tests := []struct {
		name string
		view slackgo.ModalViewRequest
	}{
		{"loading", LoadingView(access.KindAccount)},
		{"loading_group", LoadingView(access.KindGroup)},
		{"form", FormView(Form{Kind: access.KindAccount, Durations: hours(1, 2, 4)})},
		{"form_account_chosen", FormView(Form{
			Kind: access.KindAccount, Durations: hours(1, 2, 4),
			Chosen: access.Target{Kind: access.KindAccount, AccountID: "111122223333", AccountName: "Sandbox"},
		})},
		{"form_permission_set_chosen", FormView(Form{
			Kind: access.KindAccount, Durations: hours(1),
			Chosen: access.Target{Kind: access.KindAccount, PermissionSet: "ReadOnly", PermissionSetARN: permissionSetARN},
		})},
		{"form_preview", FormView(Form{
			Kind: access.KindAccount, Durations: hours(1, 2, 4), Chosen: sandbox,
			Preview: "Approvers (any one can approve): alice@example.com, bob@example.com",
		})},
		{"form_group", FormView(Form{
			Kind: access.KindGroup, Durations: hours(1),
			Chosen: access.Target{Kind: access.KindGroup, GroupID: "94d8a4f8-5031-70c1-3a4b-0e2f4f5b6c7d", GroupName: "Operators"},
		})},
		{"form_longest_2h", FormView(Form{Kind: access.KindAccount, Durations: hours(1, 2, 4), Chosen: sandbox, Longest: 2 * time.Hour})},
		{"form_longest_30m", FormView(Form{Kind: access.KindAccount, Durations: hours(1, 2, 4), Chosen: sandbox, Longest: 30 * time.Minute})},
		{"form_ticket", FormView(Form{
			Kind: access.KindAccount, Durations: hours(1), Chosen: sandbox, Tickets: []access.Ticket{{Pattern: `[A-Z]+-\d+`}},
			Preview: "This will be granted automatically: the policy requires no approval here.",
		})},
		{"form_tickets_and_warnings", FormView(Form{
			Kind: access.KindAccount, Durations: hours(1), Chosen: sandbox,
			Tickets: []access.Ticket{
				{Hint: "A Jira issue, such as OPS-12."}, {Required: true, Hint: "Use an open ticket"},
				{Pattern: ".+", Hint: "Use an open ticket"}, {Hint: "Ask Operations if you have none"},
			},
			Warnings: []string{"Production: changes are visible to customers.", "This account has cardholder data."},
			Preview:  "Approvers (any one can approve): alice@example.com, bob@example.com",
		})},
		{"form_extension", FormView(Form{
			Kind: access.KindAccount, Durations: hours(1, 2, 4), Chosen: sandbox, Preview: "Approvers (any one can approve): alice@example.com",
			Extends: &Extension{Since: monday.Add(-time.Hour), Until: monday.Add(time.Hour)},
		})},
		{"form_extension_limited", FormView(Form{
			Kind: access.KindAccount, Durations: hours(1, 2, 4), Chosen: sandbox,
			Preview: "An extension of up to 2 hours will be granted automatically: the policy requires no approval here.\nApprovers of a longer one (any one can approve): alice@example.com",
			Extends: &Extension{Since: monday.Add(-time.Hour), Until: monday.Add(time.Hour), Limited: true, Automatic: 2 * time.Hour},
		})},
		{"form_extension_too_long", FormView(Form{
			Kind: access.KindAccount, Durations: hours(1, 2, 4), Chosen: sandbox, Preview: "Approvers (any one can approve): alice@example.com",
			Extends: &Extension{Since: monday.Add(-time.Hour), Until: monday.Add(time.Hour), Limited: true},
		})},
		{"form_no_durations", FormView(Form{Kind: access.KindAccount})},
		{"form_longest", FormView(Form{
			Kind: access.KindAccount, Durations: halfHours,
			Chosen: access.Target{
				AccountID: "111122223333", AccountName: strings.Repeat("名", 128),
				PermissionSet: strings.Repeat("P", 32), PermissionSetARN: permissionSetARN,
			},
			Tickets:  []access.Ticket{{Hint: strings.Repeat("h", 100)}, {Hint: strings.Repeat("i", 5000)}},
			Warnings: slices.Repeat([]string{strings.Repeat("w", 300)}, 7),
			Preview:  strings.Repeat("p", 5000),
		})},
		{"form_hostile", FormView(Form{
			Kind: access.KindGroup, Durations: hours(1),
			Chosen:   access.Target{GroupID: "94d8a4f8-5031-70c1-3a4b-0e2f4f5b6c7d", GroupName: strings.Repeat(hostile, 10)},
			Tickets:  []access.Ticket{{Hint: hostile}},
			Warnings: []string{hostile},
			Preview:  hostile,
		})},
		{"form_again", FormView(Form{
			Kind: access.KindAccount, Durations: hours(1, 2, 4), Chosen: sandbox, Duration: 2 * time.Hour,
			Reason: "Incident 12:\nread the logs", Tickets: []access.Ticket{{Required: true}}, Ticket: "OPS-12",
			Preview: "Approvers (any one can approve): alice@example.com, bob@example.com",
		})},
		{"form_again_not_offered", FormView(Form{
			Kind: access.KindAccount, Durations: hours(1, 2, 4), Duration: 8 * time.Hour, Reason: "deploy", Ticket: "OPS-12",
			Note: "You can't request ReadOnly in Sandbox (111122223333) anymore. Choose from the lists.",
		})},
		{"form_again_hostile", FormView(Form{
			Kind: access.KindAccount, Durations: hours(1), Chosen: sandbox, Duration: -1,
			Note: hostile, Reason: hostile, Tickets: []access.Ticket{{}}, Ticket: hostile,
		})},
		{"form_again_longest", FormView(Form{
			Kind: access.KindAccount, Durations: halfHours, Chosen: sandbox, Duration: 50 * time.Hour,
			Note: strings.Repeat("n", 5000), Reason: strings.Repeat("名\n", 5000), Tickets: []access.Ticket{{}}, Ticket: strings.Repeat("t", 500),
		})},
		{"notice", NoticeView("Not found", "Your email is not known in Identity Center. Please ask the people who run it.")},
		{"notice_link", LinkNoticeView("Already requested", "You already requested this at 12:00 UTC.", "https://acme.slack.com/archives/C0CHANNEL/p1772444000000100", "Open that request")},
		{"notice_hostile", NoticeView(hostile, strings.Repeat(hostile+"\n", 100))},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			for _, p := range checkView(generic(t, tt.view)) {
				t.Error(p)
			}
			golden(t, "view_"+tt.name, tt.view)
		})
	}
}

// What is in the form when it opens, and what was typed, stays when a choice updates it.
func TestTyped(t *testing.T) {
	tests := []struct {
		name           string
		state          FormState
		duration       time.Duration
		reason, ticket string
	}{
		{"everything", FormState{
			"duration-7200": {"duration": {SelectedOption: "3600"}}, "reason": {"reason": {Value: " a\nb"}}, "ticket": {"ticket": {Value: "OPS-1"}},
		}, time.Hour, " a\nb", "OPS-1"},
		{"nothing", nil, 0, "", ""},
		{"no number", FormState{"duration": {"duration": {SelectedOption: "x"}}}, 0, "", ""},
		{"negative", FormState{"duration": {"duration": {SelectedOption: "-1"}}}, 0, "", ""},
		{"too long", FormState{"duration": {"duration": {SelectedOption: "9223372036854775807"}}}, 0, "", ""},
	}
	for _, tt := range tests {
		duration, reason, ticket := (&View{State: tt.state}).Typed()
		if duration != tt.duration || reason != tt.reason || ticket != tt.ticket {
			t.Errorf("%s: %s, %q, %q", tt.name, duration, reason, ticket)
		}
	}
}

func TestPermissionSetBlockFollowsTheAccount(t *testing.T) {
	block := func(accountID string) string {
		v := FormView(Form{Kind: access.KindAccount, Durations: hours(1), Chosen: access.Target{AccountID: accountID}})
		return v.Blocks.BlockSet[1].ID()
	}
	ids := map[string]bool{block(""): true, block("111122223333"): true, block("444455556666"): true}
	if len(ids) != 3 || !ids["permission_set-111122223333"] {
		t.Errorf("block ids %v, want three different ones", ids)
	}
}

func TestAccountBlockFollowsAPermissionSetThatIsChosenFirst(t *testing.T) {
	block := func(chosen access.Target) string {
		return FormView(Form{Kind: access.KindAccount, Durations: hours(1), Chosen: chosen}).Blocks.BlockSet[0].ID()
	}
	for want, chosen := range map[string]access.Target{
		BlockAccount:                  {},
		"account-ps-1a2b3c4d5e6f7a8b": {PermissionSetARN: permissionSetARN},
		"account-ps-2":                {PermissionSetARN: "arn:aws:sso:::permissionSet/ssoins-1/ps-2"},
		"account-" + cut(strings.Repeat("x", 99), 32): {PermissionSetARN: strings.Repeat("x", 99)},
	} {
		if got := block(chosen); got != want {
			t.Errorf("%+v: block %q, want %q", chosen, got, want)
		}
	}
	if got := block(sandbox); got != BlockAccount {
		t.Errorf("after both were chosen: block %q", got)
	}
}

func TestDurationBlockFollowsTheList(t *testing.T) {
	block := func(longest time.Duration) string {
		v := FormView(Form{Kind: access.KindGroup, Durations: hours(1, 2, 4), Longest: longest})
		return v.Blocks.BlockSet[1].ID()
	}
	for longest, want := range map[time.Duration]string{
		0: "duration", 4 * time.Hour: "duration", 5 * time.Hour: "duration", // everything is offered
		2 * time.Hour: "duration-7200", time.Hour: "duration-3600", time.Hour - 1: "",
	} {
		if got := block(longest); got != want {
			t.Errorf("at most %s: block %q, want %q", longest, got, want)
		}
	}
}

func TestChosenSurvivesPrivateMetadata(t *testing.T) {
	group := access.Target{Kind: access.KindGroup, GroupID: "g-1", GroupName: strings.Repeat("<&>\"", 256)}
	tests := []struct {
		name string
		kind access.Kind
		give access.Target
		want access.Target
	}{
		{"nothing", access.KindAccount, access.Target{}, access.Target{Kind: access.KindAccount}},
		{"everything", access.KindAccount, sandbox, sandbox},
		{"a long name is cut", access.KindGroup, group,
			access.Target{Kind: access.KindGroup, GroupID: "g-1", GroupName: cut(group.GroupName, 200)}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			r := FormView(Form{Kind: tt.kind, Durations: hours(1), Chosen: tt.give})
			v := View{CallbackID: r.CallbackID, PrivateMetadata: r.PrivateMetadata}
			if got := v.Chosen(); got != tt.want {
				t.Errorf("got %+v, want %+v", got, tt.want)
			}
		})
	}
	for name, v := range map[string]View{
		"no metadata":     {CallbackID: CallbackAccount},
		"not JSON":        {CallbackID: CallbackAccount, PrivateMetadata: "{"},
		"of another form": {CallbackID: CallbackAccount, PrivateMetadata: `{"kind":"group","group_id":"g-1"}`},
	} {
		if got, want := v.Chosen(), (access.Target{Kind: access.KindAccount}); got != want {
			t.Errorf("%s: got %+v, want %+v", name, got, want)
		}
	}
}
