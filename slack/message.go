package slack

import (
	"encoding/json"
	"fmt"
	"strings"
	"time"
	"unicode/utf8"

	slackgo "github.com/slack-go/slack"

	"sso-elevator/functions/access"
)

// Message is a post. It depends on the request's row alone: the same row always
// gives the same message.
type Message struct {
	// Text is for notifications and screen readers. Slack reads it as mrkdwn, so names in it
	// went through inText. It contains nothing else that a user wrote.
	Text   string
	Blocks []slackgo.Block
	// EventType, RequestID and Purpose go into the post's metadata, which FindPost
	// searches. A caller that sends several messages of one kind (reminders) must
	// give each its own Purpose.
	EventType string
	RequestID string
	Purpose   string
	// Since is a time before the message can have been posted; zero if that isn't known.
	// FindPost searches no older posts. It isn't sent.
	Since time.Time
}

// Limits of this package. They keep a message with the longest names and texts within
// Slack's limits. Slack documents its limits for single blocks, but also rejects
// blocks of more than about 13,000 characters in total.
const (
	maxName    = 100 // of an account, a permission set or a group
	maxMessage = 500 // of a message from AWS or the policy
	maxUnknown = 8   // approvers who are not in Slack, listed by email
	maxGroups  = 3   // groups of approvers

	maxWarning  = 200 // characters of a warning; settings allow no more
	maxWarnings = 5

	maxBlocksJSON = 12000 // characters of a message's blocks
	minReasonJSON = 1700  // characters of the reason, for which other lines make room

	maxApproverGroup = 50 // characters of the name of a group of approvers
)

// RequestMessage returns the message in the channel, in the state that the row says.
// It has the buttons Approve, Deny and Withdraw while the request is open, Take back
// approval once someone approved, and End now while the access exists. Everyone sees the same buttons; the app checks who
// may use one when someone presses it. Once the requester has no access, it has Ask again
// where a repeat makes sense. If the message would be too long for Slack
// otherwise, it makes no links of addresses in the reason, and cuts a long reason. If
// hardly any of it would be left, it drops the lines of writeBackground first. A requester
// can't make it drop them: that depends on everything but the reason.
func RequestMessage(r access.Request) Message { return requestMessageWithin(maxBlocksJSON, r) }

// requestMessageWithin returns the message, with blocks of at most limit characters as
// JSON.
func requestMessageWithin(limit int, r access.Request) Message {
	m := requestMessage(r, (*richText).quoteLinked)
	if sizeOf(m.Blocks) <= limit {
		return m
	}
	m = requestMessage(r, (*richText).quote)
	if size := sizeOf(m.Blocks); size > limit && limit-(size-sizeOf(cleanLines(r.Reason))) < minReasonJSON {
		r.Background, r.PermissionSetDescription = nil, ""
		m = requestMessage(r, (*richText).quote)
	}
	if excess := sizeOf(m.Blocks) - limit; excess > 0 {
		r.Reason = cutBy(cleanLines(r.Reason), excess)
		m = requestMessage(r, (*richText).quote)
	}
	return m
}

// quoter is a method that adds a text that a person wrote.
type quoter func(b *richText, text string) *richText

// cutBy shortens s so that it has at least n characters less as JSON, and ends in "…".
func cutBy(s string, n int) string {
	const more = "…"
	text := []rune(s)
	for n += utf8.RuneCountInString(more); n > 0 && len(text) > 0; text = text[:len(text)-1] {
		n -= sizeOf(string(text[len(text)-1:])) - len(`""`)
	}
	return strings.TrimRight(string(text), " \n") + more
}

// sizeOf returns how many characters v has as JSON.
func sizeOf(v any) int {
	text, err := json.Marshal(v)
	if err != nil {
		panic("slack: " + err.Error()) // blocks of this package always marshal
	}
	return utf8.RuneCount(text)
}

// requestMessage returns the message. quote adds the reason.
func requestMessage(r access.Request, quote quoter) Message {
	s := stateOf(r)
	m := newMessage(PurposeAnnounce, r)
	m.Text = fallbackText(s, r)
	m.Blocks = append(m.Blocks, header(titles[s]))
	if r.Requester.SecondaryDomain {
		m.Blocks = append(m.Blocks, secondaryDomainWarning(r.Requester)...)
	}
	if r.Rebuilt != nil {
		m.Blocks = append(m.Blocks, rebuiltDetails(r))
	} else {
		m.Blocks = append(m.Blocks, details(s, r, quote))
	}
	if text := footer(s, r); text != nil {
		m.Blocks = append(m.Blocks, text)
	}
	if d := r.EvaluatedDecision; d != nil && (s == statePending || s == stateActive) {
		m.Blocks = append(m.Blocks, warnings(d.Warnings)...)
	}
	switch s {
	case statePending:
		elements := []slackgo.BlockElement{
			button(ActionApprove, "Approve", slackgo.StylePrimary, r.ID),
			button(ActionDeny, "Deny", slackgo.StyleDanger, r.ID),
		}
		if len(r.Approvals) > 0 {
			elements = append(elements, button(ActionTakeBack, "Take back approval", slackgo.StyleDefault, r.ID))
		}
		m.Blocks = append(m.Blocks, buttons(append(elements, button(ActionWithdraw, "Withdraw", slackgo.StyleDefault, r.ID))...))
	case stateActive:
		m.Blocks = append(m.Blocks, buttons(button(ActionEnd, "End now", slackgo.StyleDanger, r.ID)))
	default:
		if offersRepeat(s, r) {
			m.Blocks = append(m.Blocks, buttons(askAgain(r)))
		}
	}
	if link := operatorsLink(r.ExecutionARN); link != nil {
		m.Blocks = append(m.Blocks, link)
	}
	return m
}

func newMessage(purpose string, r access.Request) Message {
	return Message{EventType: EventType, RequestID: r.ID, Purpose: purpose, Since: r.CreatedAt}
}

// header returns a heading. The text must be the app's own.
func header(text string) slackgo.Block {
	return slackgo.NewHeaderBlock(slackgo.NewTextBlockObject(slackgo.PlainTextType, text, true, false))
}

// secondaryDomainWarning says which user the access is for. Rows of the previous
// release have only the user's id.
func secondaryDomainWarning(p access.Person) []slackgo.Block {
	text := new(richText).
		strong("Check that this is the right person. ").
		text("No user in IAM Identity Center has the requester's Slack email address. The access goes to this user, found under a fallback domain:")
	for _, line := range []struct{ label, value string }{
		{"User in IAM Identity Center", firstNonEmpty(clean(p.FoundAs.UserName), clean(p.PrincipalID))},
		{"Name", clean(p.FoundAs.DisplayName)},
		{"Email", clean(p.FoundAs.Email)},
	} {
		if line.value != "" {
			text.label(line.label).text(cut(line.value, maxName))
		}
	}
	return []slackgo.Block{header("⚠️ Found under a fallback email domain"), text.block("fallback_domain")}
}

// details says who requests what, and why. The first line has what matters most.
func details(s state, r access.Request, quote quoter) slackgo.Block {
	b := new(richText).person(r.Requester).text(" → ")
	writeSummary(b, r)
	if s == stateActive {
		b.label("Until").time(r.End)
		writeGrantedExtension(b, r)
	}
	writeSessions(b, s, r)
	if s == statePending {
		writeExtension(b, r, rowShowsChainOver(r))
		writeBackground(b, r)
		writeApprovers(b, r)
		writeReached(b, r, "this channel")
	}
	writeTicket(b, r)
	quote(b.label("Reason"), r.Reason)
	return b.block("request")
}

// writeSessions says that sessions may last longer than the access.
func writeSessions(b *richText, s state, r access.Request) {
	switch {
	case !hasLongSession(r):
	case s == stateActive:
		b.label("Open sessions").text("may last until ").time(r.End.Add(session(r)))
	case s == statePending || s == stateSettingUp:
		b.label("Open sessions").text(afterEnd(session(r)))
	}
}

// rebuiltDetails says what is still known about a request after someone deleted its row.
func rebuiltDetails(r access.Request) slackgo.Block {
	b := new(richText)
	b.strong("Someone deleted this app's record of the request while the access was active. ").
		text("The audit log has the requester and the approver. Please tell the people who run this app.")
	writeTarget(b, r.Target)
	b.label("User in IAM Identity Center").text(cut(firstNonEmpty(clean(r.Requester.PrincipalID), "unknown"), maxName))
	return b.block("request")
}

func writeTicket(b *richText, r access.Request) {
	if ticket := cut(clean(r.Ticket), access.MaxTicketLength); ticket != "" {
		b.label("Ticket").text(ticket)
	}
}

func writeTarget(b *richText, t access.Target) {
	if t.Kind == access.KindGroup {
		b.label("Group").text(groupTargetName(t))
		return
	}
	b.label("Account").text(nameWithID(t.AccountName, t.AccountID))
	b.label("Permission set").text(permissionSetName(t))
}

// writeSummary says in a line what a request is for, and for how long.
func writeSummary(b *richText, r access.Request) {
	writeAccess(b, r.Target)
	b.text(", " + access.FormatDuration(time.Duration(r.Duration)*time.Second))
}

// writeAccess names the target within a line.
func writeAccess(b *richText, t access.Target) {
	if t.Kind == access.KindGroup {
		b.text("group ").text(groupTargetName(t))
		return
	}
	b.text(permissionSetName(t)).text(" in ").text(nameWithID(t.AccountName, t.AccountID))
}

func groupTargetName(t access.Target) string {
	return cut(firstNonEmpty(clean(t.GroupName), clean(t.GroupID)), maxName)
}

func permissionSetName(t access.Target) string {
	return cut(firstNonEmpty(clean(t.PermissionSet), clean(t.PermissionSetARN)), maxName)
}

// nameWithID returns a name followed by its id.
func nameWithID(name, id string) string {
	name, id = cut(clean(name), maxName), cut(clean(id), maxName)
	switch {
	case name == "":
		return id
	case id == "":
		return name
	default:
		return name + " (" + id + ")"
	}
}

func writeApprovers(b *richText, r access.Request) {
	if t := r.Tally(); len(t.Requirements) > 0 {
		writeRequirements(b, r, t)
	} else if len(r.Approvers)+len(r.ApproverGroups) > 0 {
		b.label("Approvers (any one can approve)").approvers(r.Approvers, approverGroups(r))
	}
	if len(r.UnknownApprovers) > 0 {
		b.label("Approvers not found in Slack")
		for i, email := range r.UnknownApprovers {
			if i == maxUnknown {
				b.text(fmt.Sprintf(" and %d more", len(r.UnknownApprovers)-i))
				break
			}
			if i > 0 {
				b.text(", ")
			}
			b.text(cut(clean(email), maxName))
		}
	}
	if !r.ExpiresAt.IsZero() {
		b.label("Request expires").time(r.ExpiresAt)
	}
}

// footer says what has happened. It returns nil if there is nothing to say.
func footer(s state, r access.Request) slackgo.Block {
	b := new(richText)
	writeDecision(b, s, r, aboutRequester)
	if s != statePending {
		writeProgress(b, s, r, aboutRequester)
	}
	if len(b.current)+len(b.done) == 0 {
		return nil
	}
	return b.block("footer")
}

// writeDecision says how the request was decided, by whom and when.
func writeDecision(b *richText, s state, r access.Request, to audience) {
	o := r.Outcome
	switch {
	case s == stateInterrupted:
		b.text(interruptedText)
		return
	case o == nil:
		return
	}
	switch o.Kind {
	case access.OutcomeAutomatic:
		b.text("Approved automatically, ").time(o.At).text(": " + automaticApprovalReason(o.Reason, to))
	case access.OutcomeApproved:
		b.text("Approved by ").list(r.CountedApprovers()).text(", ").time(o.At)
	case access.OutcomeDenied:
		b.text("Denied by ").person(o.By).text(", ").time(o.At)
		if reason := denialReason(r); reason != "" {
			b.label("Reason for denying").quote(reason)
		}
	case access.OutcomeWithdrawn:
		b.text("Withdrawn by ").person(o.By).text(", ").time(o.At)
	case access.OutcomeExpired:
		b.text("No approver answered in time. Expired ").time(o.At).text(". If the access is still needed, submit a new request.")
	default:
		b.text("Refused ").time(o.At).text(". " + refusalReason(o.Reason, r.EvaluatedDecision, to))
		b.quote(cut(cleanLines(o.Message), maxMessage))
	}
}

// denialReason returns what the person who denied the request wrote; "" if nothing.
func denialReason(r access.Request) string {
	if r.Outcome == nil {
		return ""
	}
	return cut(cleanLines(r.Outcome.DenialReason), access.MaxDenialReasonLength)
}

// writeProgress says what happened after the request was approved.
func writeProgress(b *richText, s state, r access.Request, to audience) {
	switch s {
	case stateEnding:
		if r.EndRequest != nil {
			writeEarlyEnd(b.newLine(), r.EndRequest, to)
		}
	case stateStuck:
		b.newLine().text("This access may still exist. The app keeps trying to remove it, and has raised an alarm for the people who run it.")
	case stateEnded, stateKept, stateWithOthers, stateForeign:
		b.newLine()
		writeEnd(b, s, r, to)
	case stateFailed:
		b.newLine()
		writeFailure(b, r, to)
	}
}

// writeEarlyEnd says who ended the access early, or why the app did.
func writeEarlyEnd(b *richText, e *access.EndRequest, to audience) {
	if text := e.Reason.Text(to.choose("you", "the requester"), to.choose("your", "the requester's")); text != "" {
		b.text(text + " ").time(e.At)
		return
	}
	b.text("Ended early by ").person(e.By).text(", ").time(e.At)
}

// audience is who reads a text about the requester.
type audience string

const (
	toRequester    audience = "You"           // the requester
	aboutRequester audience = "The requester" // everyone in the channel
)

// verb returns the audience, followed by the form of a verb that fits it.
func (a audience) verb(second, third string) string {
	return string(a) + " " + a.choose(second, third)
}

// choose returns the word that fits the audience: "you" or "the requester", for example.
func (a audience) choose(second, third string) string {
	if a == toRequester {
		return second
	}
	return third
}

// writeEnd says how the request ended, and what is left of its access.
func writeEnd(b *richText, s state, r access.Request, to audience) {
	switch {
	case r.EndRequest != nil:
		writeEarlyEnd(b, r.EndRequest, to)
		b.newLine()
	case r.WasRemovedEarly():
		b.text("Removed early because of an error. If the access is still needed, submit a new request.").newLine()
	}
	switch {
	case s == stateForeign:
		b.text("Someone removed this access and added it again outside this app, so we left it. This request ended ").time(r.RevokedAt).text(".")
		return
	case s == stateKept:
		b.text(to.verb("still have", "still has") + " this access through another request")
		writeMessageLink(b, r.KeptLink)
		if !r.KeptUntil.IsZero() {
			b.text(", until ").time(r.KeptUntil)
		}
		b.text(". This request ended ").time(r.RevokedAt).text(".")
		return
	case s == stateWithOthers:
		b.text("All other requests for this access are ending, too. The message of the last one says when the access is removed. This request ended ").time(r.RevokedAt)
	case r.Removal == access.RemovalNothing:
		b.text("No access was left to remove. Checked ").time(r.RevokedAt).text(".")
		return
	case r.Removal == access.RemovalAlreadyGone:
		b.text("Someone removed this access outside this app. Confirmed gone ").time(r.RevokedAt)
	default:
		b.text("Access removed ").time(r.RevokedAt)
	}
	// Identity Center doesn't end sessions when it removes an assignment or a membership.
	// Say so, or readers may think that open sessions ended, too.
	most := ""
	if r.SessionSeconds > 0 && r.Target.Kind == access.KindAccount {
		most = " (up to " + access.FormatDuration(session(r)) + ")"
	}
	b.text(". Open sessions stay active until they expire" + most + ".")
}

// writeFailure says why there was no access after an approval.
func writeFailure(b *richText, r access.Request, to audience) {
	code, why := access.CodeUnavailable, ""
	if r.Failure != nil {
		code, why = r.Failure.Code, cut(cleanLines(r.Failure.Message), maxMessage)
	}
	b.text(failureReason(code, to))
	switch {
	case code == access.CodeForeign:
		return // the error's message says the same
	case !r.IsRemoved():
		b.text(" We're making sure that this request leaves no access behind.")
	default:
		b.text(" We checked: this request left no access behind.")
		if r.KeptUntil.After(r.RevokedAt) {
			b.text(" " + string(to) + " still had this access at that time through another request")
			writeMessageLink(b, r.KeptLink)
			b.text(", until ").time(r.KeptUntil).text(".")
		}
	}
	if code != access.CodeBlocked { // its message says the same
		b.quote(why)
	}
}

func buttons(elements ...slackgo.BlockElement) slackgo.Block {
	return slackgo.NewActionBlock("actions", elements...)
}

// button returns a button whose only value is the request's id. When someone presses
// it, the app looks up everything else.
func button(action, text string, style slackgo.Style, requestID string) slackgo.BlockElement {
	return slackgo.NewButtonBlockElement(action, requestID, plainText(text)).WithStyle(style)
}
