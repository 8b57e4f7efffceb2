package slack

import (
	slackgo "github.com/slack-go/slack"

	"sso-elevator/functions/access"
)

// ThreadMessage returns a message for the thread under the request's message. A reminder
// mentions the approvers; all others mention the requester. Purpose "granted" says how to
// use the access. For an unknown purpose, it returns the request's state in one line.
func ThreadMessage(purpose string, r access.Request) Message {
	m := newMessage(purpose, r)
	b := new(richText)
	if purpose == PurposeRemind {
		m.Text = reminderText(r)
		b.text("⏰ ")
		if people, groups := remindedApprovers(r); len(people)+len(groups) > 0 {
			b.approvers(people, groups).text(": ")
		}
		writeReminder(b, r)
	} else {
		m.Text = fallbackText(stateOf(r), r)
		b.text("Hi ").person(r.Requester).text(", ")
		if purpose == PurposeGranted && hasEnded(stateOf(r)) {
			b.text(wasReady) // the message above says how it ended
		} else {
			writeUpdate(b, purpose, r)
		}
	}
	ready := purpose == PurposeGranted && stateOf(r) == stateActive
	if ready {
		writeTerminal(b, r)
	}
	m.Blocks = []slackgo.Block{b.block("message")}
	if open := openPortal(r); open != nil && ready {
		m.Blocks = append(m.Blocks, buttons(open))
	}
	return m
}

// DirectMessage returns the thread's message as a direct message, for requesters outside
// the channel. There is no thread around it, so it also names the target, and the duration
// or the end. It has the requester's buttons: Withdraw while the request is open, and End
// now while the access exists. After the end, only the latest message has Ask again.
// Purpose "announce" confirms the request, and later says how it was decided. Purpose
// "more_time" offers more time to every requester.
func DirectMessage(purpose string, r access.Request) Message {
	if purpose == PurposeMoreTime {
		return moreTimeMessage(r)
	}
	s := stateOf(r)
	m := newMessage(purpose, r)
	m.Text = fallbackText(s, r)
	b := new(richText).text("Hi ").person(r.Requester).text(", ")
	if purpose == PurposeAnnounce && s == statePending {
		m.Text = "🟡 Your request was sent to the approvers: " + subjectText(r)
		b.text("your request was sent to the approvers. You'll get updates here.")
	} else {
		writeUpdate(b, purpose, r)
	}
	if purpose != PurposeGranted || s != stateActive { // then, the update names the access and its end
		writeSummary(b.label("Request"), r)
	}
	writeTicket(b, r)
	if s == statePending {
		writeApprovers(b, r)
		writeReached(b, r, "the channel")
	}
	ready := s == stateActive && purpose != PurposeAnnounce // a later message has the buttons
	if ready {
		writeTerminal(b, r)
	}
	m.Blocks = []slackgo.Block{header(titles[s]), b.block("message")}
	switch {
	case s == statePending:
		m.Blocks = append(m.Blocks, buttons(button(ActionWithdraw, "Withdraw", slackgo.StyleDefault, r.ID)))
	case ready:
		end := button(ActionEnd, "End now", slackgo.StyleDanger, r.ID)
		if open := openPortal(r); open != nil {
			m.Blocks = append(m.Blocks, buttons(open, end))
		} else {
			m.Blocks = append(m.Blocks, buttons(end))
		}
	case purpose != PurposeAnnounce && offersRepeat(s, r) && !isReplaced(purpose, r):
		m.Blocks = append(m.Blocks, buttons(askAgain(r)))
	}
	return m
}

// isReplaced reports whether a later direct message is known to have arrived, which has
// the buttons instead.
func isReplaced(purpose string, r access.Request) bool {
	return purpose == PurposeGranted && r.Posts[DirectPurpose(PurposeRevoked)].TS != ""
}

// wasReady is what the message about access says after the end, if another one says how it
// ended.
const wasReady = "your access was ready. This request has since ended."

// hasEnded reports whether the request's access was removed, or left to others.
func hasEnded(s state) bool {
	return s == stateEnded || s == stateKept || s == stateWithOthers || s == stateForeign
}

// isEnd reports whether a post with the purpose says that the access has ended, once it has.
func isEnd(purpose string) bool { return purpose == PurposeGranted || purpose == PurposeRevoked }

// writeUpdate writes the requester's update, in a sentence or two.
func writeUpdate(b *richText, purpose string, r access.Request) {
	s := stateOf(r)
	switch {
	case s == stateInterrupted:
		b.text("your request was interrupted. " + submitAgain)
	case purpose == PurposeGranted && s == stateActive:
		writeReady(b, r)
	case purpose == PurposeGranted && s == stateEnding:
		b.text("your access is being removed.")
	case purpose == PurposeGranted && s == stateStuck:
		b.text("the app couldn't remove your access yet. It keeps trying.")
	case purpose == PurposeAnnounce && r.IsApproved():
		b.text("your request was decided. ")
		writeDecision(b, s, r, toRequester)
		writeProgress(b, s, r, toRequester)
	case isReplaced(purpose, r) && hasEnded(s):
		b.text(wasReady)
	case isEnd(purpose) && (s == stateKept || s == stateWithOthers || s == stateForeign):
		b.text("your request has ended. ")
		writeEnd(b, s, r, toRequester)
	case isEnd(purpose) && s == stateEnded:
		b.text("your access has ended. ")
		writeEnd(b, s, r, toRequester)
	case purpose == PurposeFailed, s == stateFailed:
		b.text("sorry, your access wasn't granted. ")
		writeFailure(b, r, toRequester)
	case purpose == PurposeOutcome && s == stateDenied:
		b.text("your request is closed. ")
		writeDecision(b, s, r, toRequester)
		if denialReason(r) == "" {
			b.text(". Ask the approver why before you submit it again.")
		}
	case (purpose == PurposeAnnounce || purpose == PurposeOutcome) && r.Outcome != nil:
		b.text("your request is closed. ")
		writeDecision(b, s, r, toRequester)
	default:
		b.text(titles[s] + ".")
	}
}
