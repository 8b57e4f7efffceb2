package slack

import (
	"fmt"
	"strings"
	"time"
	"unicode"

	"sso-elevator/functions/access"
)

// fallbackText returns a message as one line, for notifications and screen readers: the
// state, who requests, what, where and how long. Slack reads it as mrkdwn, so names go
// through inText, and a person is mentioned by id.
func fallbackText(s state, r access.Request) string {
	who, what := mentionInText(r.Requester), subjectText(r)
	switch {
	case r.Rebuilt != nil:
		return titles[s] + ". " + what
	case s == statePending:
		return "🟡 " + who + " requests " + what
	default:
		return titles[s] + ". " + who + ": " + what
	}
}

// reminderText returns a reminder as one line.
func reminderText(r access.Request) string {
	text := "⏰ " + mentionInText(r.Requester) + "'s request for " + subjectText(r) + waitedText(r)
	if !r.ExpiresAt.IsZero() {
		text += fmt.Sprintf(" and expires <!date^%d^%s|%s>", r.ExpiresAt.Unix(), dateFormat, fallbackTime(r.ExpiresAt))
	}
	return text
}

// writeReminder writes the reminder after the people whom it mentions. It doesn't mention
// the requester, because Slack would notify them.
func writeReminder(b *richText, r access.Request) {
	asIs := func(name string) string { return name }
	b.text(shortName(r.Requester.Name, r.Requester.Email, "someone") + "'s request for " + subject(r.Target, asIs) + durationText(r) + waitedText(r))
	if !r.ExpiresAt.IsZero() {
		b.text(" and expires ").time(r.ExpiresAt)
	}
	b.text(". Please approve or deny it.")
}

// waitedText says how long the request had waited at its latest reminder. The row of the
// previous release doesn't say when that was.
func waitedText(r access.Request) string {
	waited := r.RemindedAt.Sub(r.CreatedAt)
	switch {
	case r.RemindedAt.IsZero() || waited < time.Second:
		return " is still waiting for approval"
	case waited >= time.Minute:
		waited = waited.Truncate(time.Minute)
	}
	return " has been waiting " + access.FormatDuration(waited)
}

// subjectText returns what is requested, where and how long, as mrkdwn.
func subjectText(r access.Request) string { return subject(r.Target, inText) + durationText(r) }

func durationText(r access.Request) string {
	if r.Duration <= 0 {
		return ""
	}
	return " for " + access.FormatDuration(time.Duration(r.Duration)*time.Second)
}

// subject returns a target in words. safe makes clean names safe where they are shown.
func subject(t access.Target, safe func(string) string) string {
	if t.Kind == access.KindGroup {
		return "membership in " + safe(shortName(t.GroupName, t.GroupID))
	}
	return safe(shortName(t.PermissionSet, t.PermissionSetARN)) + " in " + safe(shortName(t.AccountName, t.AccountID))
}

// shortName returns the first of the names that is visible.
func shortName(names ...string) string {
	for _, n := range names {
		if n = cut(clean(n), maxName); isVisible(n) {
			return n
		}
	}
	return "unknown"
}

// mentionInText mentions a person in mrkdwn, where Slack shows their name.
func mentionInText(p access.Person) string {
	if isSlackID(p.SlackID) {
		return "<@" + p.SlackID + ">"
	}
	return inText(shortName(p.Name, p.Email, "someone"))
}

// textSafe replaces the characters that mrkdwn gives a meaning: those that Slack wants
// escaped by entities, others by characters that look like them.
var textSafe = map[rune]string{
	'&': "&amp;", '<': "&lt;", '>': "&gt;",
	'*': "∗", '~': "∼", '`': "ˋ", ':': "∶", '@': "＠", '|': "∣",
}

// inText makes a clean name safe to show in mrkdwn: it can be no mention, link, emoji or
// markup. A "_" stays between letters and digits, where it means nothing.
func inText(s string) string {
	text := []rune(s)
	isWord := func(i int) bool {
		return i >= 0 && i < len(text) && (unicode.IsLetter(text[i]) || unicode.IsDigit(text[i]))
	}
	var b strings.Builder
	for i, c := range text {
		safe, special := textSafe[c]
		switch {
		case special:
			b.WriteString(safe)
		case c == '_' && !(isWord(i-1) && isWord(i+1)):
			b.WriteRune('＿')
		default:
			b.WriteRune(c)
		}
	}
	return b.String()
}
