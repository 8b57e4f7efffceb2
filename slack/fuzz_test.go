package slack

import (
	"encoding/json"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"
	"unicode"
	"unicode/utf8"

	slackgo "github.com/slack-go/slack"

	"sso-elevator/functions/access"
)

// checkSubmission checks that a parsed form is within its limits.
func checkSubmission(t *testing.T, v *View) {
	t.Helper()
	s, errs := v.Submission()
	for block, text := range errs {
		if text == "" || !printable(text) || tooLong(text, 150) {
			t.Errorf("at %q: %q", block, text)
		}
	}
	if again, errsAgain := v.Submission(); s != again || !reflect.DeepEqual(errs, errsAgain) && len(v.State) < 2 {
		t.Errorf("read as %+v, and as %+v", s, again)
	}
	if errs != nil {
		return
	}
	if !isVisible(s.Reason) || utf8.RuneCountInString(s.Reason) > access.MaxReasonLength || !printable(strings.ReplaceAll(s.Reason, "\n", "")) || s.Reason != cleanLines(s.Reason) {
		t.Errorf("the reason is %q", s.Reason)
	}
	if s.Ticket != "" && !isVisible(s.Ticket) || utf8.RuneCountInString(s.Ticket) > access.MaxTicketLength || !printable(s.Ticket) || s.Ticket != clean(s.Ticket) {
		t.Errorf("the ticket is %q", s.Ticket)
	}
	if s.Duration < time.Second || s.Duration > maxDuration || s.Duration%time.Second != 0 {
		t.Errorf("the duration is %s", s.Duration)
	}
	// The ids are the ones chosen in the form, never those in the metadata.
	chosen := func(action string) (all []string) {
		for _, actions := range v.State {
			all = append(all, actions[action].SelectedOption)
		}
		return all
	}
	switch s.Target.Kind {
	case access.KindGroup:
		if s.Target.GroupID == "" || !slices.Contains(chosen(ActionGroup), s.Target.GroupID) || s.Target.AccountID != "" {
			t.Errorf("the target is %+v of %+v", s.Target, v.State)
		}
	default:
		set := s.Target.PermissionSetARN
		if set == "" {
			set = s.Target.PermissionSet
		}
		if s.Target.AccountID == "" || !slices.Contains(chosen(ActionAccount), s.Target.AccountID) || set == "" || !slices.Contains(chosen(ActionPermissionSet), set) || s.Target.GroupID != "" {
			t.Errorf("the target is %+v of %+v", s.Target, v.State)
		}
	}
}

// printable reports whether s has no control characters, and none that change the
// direction of the text beside it.
func printable(s string) bool {
	return utf8.ValidString(s) && !strings.ContainsFunc(s, func(r rune) bool {
		return unicode.IsControl(r) || unicode.Is(unicode.Bidi_Control, r) || r == '\u2028' || r == '\u2029'
	})
}

// Whatever the metadata and the state of a form are, the parsed form is consistent.
// Slack accepts the next form, and its metadata parses to what was chosen.
func FuzzForm(f *testing.F) {
	f.Add("request_for_access", `{"kind":"account","account_id":"111122223333","account_name":"Sandbox"}`, "111122223333", "111122223333", "arn:aws:sso:::permissionSet/x/y", "3600", "deploy", "Sandbox", "OPS-12")
	f.Add("request_for_group_membership", `{"kind":"group","group_id":"g-1"}`, "g-1", "", "", "60", "on call", "<!channel> \u202e:tada:", "<!here> *x* \n\u2067OPS")
	f.Add("request_for_access", `{"kind":"group"}`, "1", "2", "Admin", "-1", "\u200b\u3164", "", "\u200b\u3164")
	f.Add("", `[`, "", "", "", "9223372036854775808", "\x00", strings.Repeat("\"", 1024), "\x00")
	f.Add("/access", `{"kind":"account","account_id":1}`, "é", "é", "é", "1e309", "\r\n\r", strings.Repeat("\U0001F600", 400), strings.Repeat("\U0001F600", 151))
	f.Fuzz(func(t *testing.T, callback, metadata, first, suffix, set, duration, reason, name, ticket string) {
		option := func(action, value string) map[string]FieldValue {
			return map[string]FieldValue{action: {SelectedOption: value}}
		}
		v := &View{ID: "V1", CallbackID: callback, PrivateMetadata: metadata, State: FormState{
			BlockAccount: option(ActionAccount, first), BlockGroup: option(ActionGroup, first), BlockDuration: option(ActionDuration, duration),
			BlockPermissionSet + "-" + suffix: option(ActionPermissionSet, set), BlockReason: {ActionReason: {Value: reason}}, BlockTicket: {ActionTicket: {Value: ticket}},
		}}
		checkSubmission(t, v)
		target := v.SelectedTarget()
		// The catalog completes what is shown, so ids have the length of AWS's.
		target.AccountID, target.GroupID = head(clean(target.AccountID), 64), head(clean(target.GroupID), 64)
		target.PermissionSetARN, target.PermissionSet = head(clean(target.PermissionSetARN), 150), head(clean(target.PermissionSet), 64)
		target.AccountName, target.GroupName = name, name
		shown := FormView(Form{Kind: target.Kind, Chosen: target, Durations: []time.Duration{time.Hour}, Tickets: []access.Ticket{{Hint: name}, {Hint: ticket}}, Warnings: []string{name, ticket}, Preview: name})
		for _, p := range checkView(generic(t, shown)) {
			t.Error(p)
		}
		if target.Kind == "" {
			return
		}
		back := (&View{CallbackID: shown.CallbackID, PrivateMetadata: shown.PrivateMetadata}).Chosen()
		if back.Key() != target.Key() || back.Kind != target.Kind || !printable(back.AccountName) || !printable(back.GroupName) {
			t.Errorf("the metadata %s of %+v is read as %+v", shown.PrivateMetadata, target, back)
		}
	})
}

// Whatever a row contains, Slack accepts its message. The message mentions only users
// whom the row names by id. User text appears only as plain text, and never in the
// notification.
func FuzzRequestMessage(f *testing.F) {
	for _, s := range []string{
		`{"id":"r1","target":{"kind":"account","account_id":"111122223333","account_name":"<!channel>","permission_set":"Admin"},"reason":"<@U1> *x*\n> y","ticket":"<!channel> *x*\n\u202e<@U9>","evaluated_decision":{"warnings":["<!here>\n*x*",""]},"duration_seconds":3600,"requester":{"slack_id":"U1","name":":tada:"},"approvers":[{"slack_id":"U2"}],"unknown_approvers":["a@b.c"],"expires_at":"2026-01-01T00:00:00Z"}`,
		`{"id":"r1","target":{"kind":"group","group_id":"g","group_name":"\u202e"},"outcome":{"kind":"approved","by":{"slack_id":"<!here>","name":"*x*"}},"granted_at":"2026-01-01T00:00:00Z","end":"9999-12-31T23:59:59Z"}`,
		`{"id":"","outcome":{"kind":"refused","message":"<https://evil.test|x>"},"execution_arn":"arn:aws:states:us-east-1:123456789012:execution:m:<x>"}`,
		`{"outcome":{"kind":"denied"},"events":[{"kind":"revoke_failed"}],"removal":"kept","revoked_at":"2026-01-01T00:00:00Z"}`,
		`{"outcome":{"kind":"automatic"},"failure":{"code":"Refused","message":"\u0000\n"},"tombstone":true,"duration_seconds":-1}`, `{}`,
		`{"requester":{"name":"_x_ :a: <!here>"},"target":{"account_name":"&lt;!channel> https://evil.test","permission_set":"*a* _b"},"approvers":[{"slack_id":"U2"},{"slack_id":"U3"}],"posts":{"approver-U2":{"ts":"1"},"approver-U3":{"failed":true}},"further_approvers":[{"slack_id":"U4","group":"g","reminder":1}],"approver_groups":[{"id":"g"}],"reminders_sent":1,"created_at":"2026-01-01T00:00:00Z","reminded_at":"2026-01-01T00:07:00Z"}`,
	} {
		f.Add([]byte(s), "id-of-it")
	}
	f.Fuzz(func(t *testing.T, text []byte, id string) {
		var r access.Request
		if json.Unmarshal(text, &r) != nil {
			return
		}
		r.ID = "r1" // ours, as ids are
		people := append(slices.Clone(r.Approvers), r.Requester)
		if r.Outcome != nil {
			people = append(people, r.Outcome.By)
		}
		if r.EndRequest != nil {
			people = append(people, r.EndRequest.By)
		}
		for _, e := range r.Events {
			people = append(people, e.By)
		}
		m := RequestMessage(r)
		for _, p := range checkMessage(generic(t, posted(m))) {
			t.Error(p)
		}
		for _, a := range r.Approvals {
			people = append(people, a.By)
		}
		for _, g := range r.ApproverGroups {
			people = append(people, g.Mentioned...)
		}
		for _, f := range r.FurtherApprovers {
			people = append(people, f.Person)
		}
		dialog := ConfirmationView(Confirmation{Request: r, Approvals: r.Tally(), Warnings: []string{r.Reason, id, ""}})
		for _, p := range checkView(generic(t, dialog)) {
			t.Error("dialog: ", p)
		}
		if dialog.PrivateMetadata != "r1" {
			t.Errorf("the dialog's metadata is %q", dialog.PrivateMetadata)
		}
		for id := range mentions(t, Message{Blocks: dialog.Blocks.BlockSet}) {
			if !isSlackID(id) || !slices.ContainsFunc(people, func(p access.Person) bool { return p.SlackID == id }) {
				t.Errorf("the dialog mentions %q", id)
			}
		}
		section := HomeSection{Requests: []access.Request{r, r}}
		home := HomeView(Home{User: r.Requester.SlackID, Notice: r.Reason, Access: section, Pending: section, Waiting: section})
		for _, p := range checkHome(generic(t, home)) {
			t.Error("home: ", p)
		}
		for id := range mentions(t, Message{Blocks: home.Blocks.BlockSet}) {
			if !isSlackID(id) || !slices.ContainsFunc(people, func(p access.Person) bool { return p.SlackID == id }) {
				t.Errorf("the Home tab mentions %q", id)
			}
		}
		for id := range mentions(t, m) {
			if !isSlackID(id) || !slices.ContainsFunc(people, func(p access.Person) bool { return p.SlackID == id }) {
				t.Errorf("mentions %q", id)
			}
		}
		for _, m := range []Message{m, ApproverMessage(r, "U9"), ApproverReminder(r, access.Person{SlackID: "U9"}), ThreadMessage(PurposeRemind, r), DirectMessage(PurposeAnnounce, r)} {
			for _, p := range meaningIn(m.Text, access.Request{Requester: r.Requester}) {
				t.Errorf("the text %q %s", m.Text, p)
			}
			for _, p := range checkMessage(generic(t, posted(m))) {
				t.Errorf("%s: %s", m.Purpose, p)
			}
		}
		raw, err := json.Marshal(m.Blocks)
		if err != nil {
			t.Fatal(err)
		}
		if strings.Contains(string(raw), `"mrkdwn"`) && !strings.Contains(string(text), "mrkdwn") || !printable(m.Text) {
			t.Errorf("the message is %s, with the text %q", raw, m.Text)
		}
	})
}

// This is about Slack's answer to a user lookup. The email has no surrounding space,
// and is confirmed only if Slack says so. The name is one line. A bot, a guest or a
// stranger is not a member.
func FuzzUser(f *testing.F) {
	for _, s := range []string{
		`{"id":"U1","team_id":"T1","name":"x","profile":{"email":" Ann@Example.COM ","display_name":"*Ann*\n\u202e"}}`,
		`{"id":"USLACKBOT","team_id":"T1"}`, `{"id":"U1","team_id":"T1","is_stranger":true}`, `{"id":"U1","enterprise_user":{"teams":["T1"],"enterprise_id":"E1"},"is_ultra_restricted":true}`, `{}`, `null`,
		`{"id":"U1","team_id":"T1","is_email_confirmed":true,"profile":{"email":"ann@example.com\u00a0"}}`,
	} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		var from slackgo.User
		if json.Unmarshal(text, &from) != nil {
			return
		}
		u := userOf(&from)
		if u.Email != access.TrimEmail(u.Email) || access.NormalizeEmail(u.Email) != access.NormalizeEmail(from.Profile.Email) || u.EmailConfirmed != from.IsEmailConfirmed || !printable(u.Name) || u.Name != strings.TrimSpace(u.Name) {
			t.Errorf("%s is read as %+v", text, u)
		}
		outsider := from.IsBot || from.IsRestricted || from.IsUltraRestricted || from.IsStranger || from.Deleted || from.IsInvitedUser
		if u.IsFullMember("T1") && (outsider || from.TeamID != "T1" && from.Enterprise.EnterpriseID != "T1" && !slices.Contains(from.Enterprise.Teams, "T1")) || u.IsFullMember("") {
			t.Errorf("%s is a member", text)
		}
	})
}

// The same holds for a run's findings, read from the bucket and the row: users, groups
// and accounts may have any name.
func FuzzDriftMessages(f *testing.F) {
	for _, r := range []access.DriftReport{report(), report(found), report(found, revokes(access.DriftRemoved, access.DriftFailed)), report(found, guarded(access.GuardTooMany, true, said(true, bob, 0, 2))), cardReports()["revoke"].report, cardReports()["hostile"].report} {
		text, err := json.Marshal(r)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(text)
	}
	f.Add([]byte(`{"findings":[{"kind":"account","account_name":"<!channel>","user_name":"\u202e:tada:\n*x*"},{"kind":"group","group_name":"` + strings.Repeat("g", 1024) + `"},{}],"total":-1,"unread":[{"what":"<@U1>","why":"\u0000"}],"results":{"":"what"},"guard":"x","limit":-5}`))
	f.Fuzz(func(t *testing.T, text []byte) {
		var r access.DriftReport
		if json.Unmarshal(text, &r) != nil {
			return
		}
		r.RunID = "run1"
		// People may decide about all findings, and have decided about some.
		decided := access.Run{ID: "run1"}
		r.Decidable = map[string]int{}
		for i, finding := range r.Findings {
			r.Decidable[finding.Key()] = i
			if i%3 != 0 {
				decided.Presses = append(decided.Presses, access.FindingPress{Finding: i, Remove: i%3 == 1, By: access.Person{SlackID: finding.UserName, Name: finding.GroupName, Email: finding.PrincipalID}})
			}
			if i%3 == 1 && i%2 == 0 {
				decided.PressResults = append(decided.PressResults, access.PressResult{Finding: i, Result: r.Results[finding.Key()]})
			}
		}
		run := access.Run{ID: "run1", Mode: r.Mode, Guard: r.Guard, Removals: r.Total, Answers: r.Answers, Answer: r.Answer, ExecutionARN: r.ExecutionARN}
		people := []access.Person{}
		for _, a := range r.Answers {
			people = append(people, a.By)
		}
		for _, p := range decided.Presses {
			people = append(people, p.By)
		}
		for _, finding := range r.Findings {
			if finding.Exemption != nil && finding.Exemption.By != nil {
				people = append(people, *finding.Exemption.By)
			}
		}
		all := map[string]access.Person{}
		for i, finding := range r.Findings {
			if i%2 == 0 {
				all[finding.PrincipalID] = kim
			}
		}
		people = append(people, kim)
		for _, m := range []Message{DriftReportMessage(r, decided, all), DriftQuestionMessage(run, r.Findings, all)} {
			for _, p := range checkMessage(generic(t, posted(m))) {
				t.Error(p)
			}
			for id := range mentions(t, m) {
				if !slices.ContainsFunc(people, func(p access.Person) bool { return p.SlackID == id }) {
					t.Errorf("mentions %q", id)
				}
			}
			raw, err := json.Marshal(m.Blocks)
			if err != nil || strings.Contains(string(raw), `"mrkdwn"`) && !strings.Contains(string(text), "mrkdwn") || !printable(m.Text) {
				t.Errorf("the message is %s, with the text %q: %v", raw, m.Text, err)
			}
		}
	})
}
