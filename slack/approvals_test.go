package slack

import (
	"strings"
	"testing"
)

// The message says how many approvals each statement has, from whom, and who else can
// give one.
func TestApprovalLines(t *testing.T) {
	all := requests()
	for _, tt := range []struct {
		request string
		want    []string
	}{
		{"pending_several", []string{"Approvals 0 of 2: needs 2 of @U0BOB, @U0CAROL, @U0DAN"}},
		{"pending_several_one", []string{"Approvals 1 of 2: approved by @U0BOB. Still needs @U0CAROL or @U0DAN"}},
		{"pending_several_lapsed", []string{
			"Approvals 1 of 2: approved by @U0CAROL. Still needs @U0BOB or @U0DAN",
			"No longer counts: the approval by @U0BOB, because their user in Slack or IAM Identity Center was disabled or changed",
		}},
		{"pending_several_not_permitted", []string{
			"Approvals 0 of 2: needs 2 of @U0BOB, @U0CAROL, @U0DAN",
			"No longer counts: the approval by @U0BOB, because the current policy doesn't let them approve this",
		}},
		{"pending_several_group", []string{"Approvals 1 of 2: approved by @U0BOB. Still needs a member of the group g-1"}},
		{"pending_several_nobody", []string{"Approvals 1 of 2: approved by @U0BOB. Still needs more approvers than the policy has"}},
		{"pending_two_statements", []string{"Approvals 0 of 1: needs @U0BOB", "Approvals 0 of 1: needs @U0CAROL or @U0DAN"}},
		{"pending_two_statements_one", []string{"Approvals 0 of 1: needs @U0BOB", "Approvals 1 of 1: approved by @U0CAROL"}},
	} {
		t.Run(tt.request, func(t *testing.T) {
			var got []string
			for line := range strings.Lines(shownWithMentions(t, RequestMessage(all[tt.request]))) {
				if line = strings.TrimSpace(line); strings.HasPrefix(line, "Approvals ") || strings.HasPrefix(line, "No longer counts") {
					got = append(got, line)
				}
			}
			if strings.Join(got, "\n") != strings.Join(tt.want, "\n") {
				t.Errorf("got %q\nwant %q", got, tt.want)
			}
		})
	}
}

// shownWithMentions returns the texts of a message, with "@" before a mentioned user.
func shownWithMentions(t *testing.T, m Message) string {
	t.Helper()
	var all strings.Builder
	for _, b := range list(generic(t, posted(m))["blocks"]) {
		for _, section := range list(object(b)["elements"]) {
			for _, e := range list(object(section)["elements"]) {
				if id, ok := object(e)["user_id"].(string); ok {
					all.WriteString("@" + id)
				}
				text, _ := object(e)["text"].(string)
				all.WriteString(text)
			}
			all.WriteString("\n")
		}
	}
	return all.String()
}
