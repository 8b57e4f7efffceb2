package slack

import (
	"fmt"
	"strconv"

	slackgo "github.com/slack-go/slack"

	"sso-elevator/functions/access"
)

// DriftReportMessage says what a run found and what happened to each finding. It is
// always one message. Findings that don't fit are counted; the execution has them. run is
// the run's row, which has the presses on single findings. owners are the Slack users who
// have the access, by their user in Identity Center.
func DriftReportMessage(r access.DriftReport, run access.Run, owners map[string]access.Person) Message {
	o := outcomeOf(r)
	m := Message{EventType: EventType, RequestID: r.RunID, Purpose: PurposeDriftReport, Since: run.StartedAt, Text: o.title()}
	if n := len(r.Findings); n > 0 {
		m.Text += " (" + strconv.Itoa(n) + ")"
	}
	before := []slackgo.Block{header(o.title()), o.summary()}
	after := skippedBlocks(r)
	link := executionLink(r.ExecutionARN)
	m.Blocks = fitFindings(before, o.sections(), cards{report: r, run: run, owners: owners}, append(after, link...), link != nil)
	return m
}

// driftOutcome is a report with its findings sorted by result.
type driftOutcome struct {
	access.DriftReport
	removing              bool // the run was meant to remove access, and nobody stopped it
	removed, held, failed []access.Finding
	outOfScope, exempt    []access.Finding
	alreadyGone           []access.Finding
	overLimit, notAllowed []access.Finding
	protected             []access.Finding
	left                  []access.Finding // not protected; if the run was not meant to remove access
}

func outcomeOf(r access.DriftReport) driftOutcome {
	o := driftOutcome{DriftReport: r}
	o.removing = r.Mode == access.DriftRevoke && (r.Guard == "" || len(r.Results) > 0 || access.Run{Answers: r.Answers, Answer: r.Answer}.HasConsent())
	if !o.removing {
		for _, f := range r.Findings {
			if f.Protected {
				o.protected = append(o.protected, f)
			} else {
				o.left = append(o.left, f)
			}
		}
		return o
	}
	for _, f := range r.Findings {
		switch r.Results[f.Key()] {
		case access.DriftRemoved:
			o.removed = append(o.removed, f)
		case access.DriftHeld:
			o.held = append(o.held, f)
		case access.DriftOutOfScope:
			o.outOfScope = append(o.outOfScope, f)
		case access.DriftAlreadyGone:
			o.alreadyGone = append(o.alreadyGone, f)
		case access.DriftExempt:
			o.exempt = append(o.exempt, f)
		case access.DriftProtected:
			o.protected = append(o.protected, f)
		case access.DriftOverLimit:
			o.overLimit = append(o.overLimit, f)
		case access.DriftNotAllowed:
			o.notAllowed = append(o.notAllowed, f)
		default: // without a known result, the access counts as still there
			o.failed = append(o.failed, f)
		}
	}
	return o
}

// title returns the worst result. Its color shows at a glance whether someone must
// act.
func (o driftOutcome) title() string {
	switch {
	case len(o.failed) > 0:
		return "🔴 Removal failed: access without a request"
	case len(o.overLimit) > 0 || len(o.notAllowed) > 0:
		return "🟠 Not all removed: access without a request"
	case len(o.removed) > 0:
		return "⚪ Removed: access without a request"
	case len(o.held) > 0:
		return "⚪ Nothing removed: requests now cover this access"
	case len(o.alreadyGone) > 0:
		return "⚪ Nothing removed: someone else already removed it"
	case len(o.exempt) > 0:
		return "🟠 Nothing removed: this access is exempt for now"
	case o.removing && len(o.protected) > 0:
		return "🟠 Nothing removed: this access is in protected accounts"
	case len(o.outOfScope) > 0:
		return "⚪ Nothing removed: the policy no longer covers this access"
	case len(o.Findings) > 0 && o.Guard != "":
		return "🟠 Not removed: access without a request"
	case len(o.Findings) > 0:
		return "🟠 Access without a request"
	case len(o.Unread) > 0:
		return "🔴 Some access could not be checked"
	default:
		return "⚪ Accounts and groups that this app doesn't check"
	}
}

// Labels of the findings that the run did not remove.
const (
	labelFailed      = "Removal not confirmed"
	labelHeld        = "Kept because a request now covers it"
	labelOutOfScope  = "Kept because the policy no longer covers it"
	labelAlreadyGone = "Already removed by someone else"
	labelExempt      = "Kept because it is exempt for now"
	labelProtected   = "Never removed, because the account is protected and no statement names it"
	labelOverLimit   = "Kept for now because the 24-hour removal limit is reached"
	labelNotAllowed  = "Kept because removals are off or no approver agreed"
)

func (o driftOutcome) summary() slackgo.Block {
	b := new(richText)
	if len(o.Unread) > 0 {
		b.strong("This check could not read everything. More unknown access may exist.")
	}
	if len(o.Findings) > 0 || o.Total > 0 {
		b.label("Found").text(strconv.Itoa(max(o.Total, len(o.Findings))))
		if o.Total > len(o.Findings) {
			b.text(fmt.Sprintf(" in total. Shown below: %d, each new, exempt or not reported for at least a day.", len(o.Findings)))
		}
	}
	if o.removing && len(o.Findings) > 0 {
		b.label("Removed").text(strconv.Itoa(len(o.removed)))
		if n := len(o.failed); n > 0 {
			b.label(labelFailed).text(strconv.Itoa(n))
		}
		if n := len(o.held); n > 0 {
			b.label(labelHeld).text(strconv.Itoa(n))
		}
		for _, kept := range []findingSection{
			{title: labelOverLimit, findings: o.overLimit}, {title: labelNotAllowed, findings: o.notAllowed}, {title: labelExempt, findings: o.exempt},
			{title: labelProtected, findings: o.protected}, {title: labelAlreadyGone, findings: o.alreadyGone}, {title: labelOutOfScope, findings: o.outOfScope},
		} {
			if n := len(kept.findings); n > 0 {
				b.label(kept.title).text(strconv.Itoa(n))
			}
		}
	}
	if o.Guard != "" {
		b.label("Why we asked first").text(guardReason(o.Guard, o.Limit))
		end := o.Answer
		if end == nil {
			end = new(access.RunAnswer)
		}
		writeAnswers(b, o.Answers, end, o.removing)
		if !o.removing && len(o.left) > 0 {
			next := untilRemoved
			if !o.NextRevocation.IsZero() {
				next = "The next removal removes this access or asks again."
			}
			b.newLine().text(next)
		}
	}
	if o.Mode == access.DriftWarn && len(o.Findings) > 0 {
		text := "If nobody needs this access, remove it in IAM Identity Center."
		if !o.NextRevocation.IsZero() && len(o.left) > 0 {
			who := "An exemption in the settings"
			if len(o.Decidable) > 0 {
				who = "An approver or an exemption in the settings"
			}
			text = "The next removal removes this access. " + who + " can keep it until 72 hours after it was first found. Its owner can request it after the removal."
		}
		if o.NextRevocation.IsZero() && len(o.left) > 0 {
			text = untilRemoved + " " + text
		}
		b.newLine().text("This check only reports. Nothing was removed. " + text)
	}
	b.label("Next removal")
	if o.NextRevocation.IsZero() {
		b.text("not scheduled")
	} else {
		b.time(o.NextRevocation)
	}
	return b.label("Checked").time(o.At).block("run")
}

// These texts say what happens to the findings of a section.
const (
	untilRemoved = "It stays until someone removes it."
	askForIt     = "Anyone who still needs it can request it."
)

// sections returns the findings by result, the worst first. Each section says what happens
// next, if neither its title nor the summary does.
func (o driftOutcome) sections() []findingSection {
	if !o.removing {
		return []findingSection{{findings: o.left}, {title: labelProtected, findings: o.protected}}
	}
	failed, kept, exempt := "This app tries again every minute, if the removal had begun.", untilRemoved, untilRemoved
	if !o.NextRevocation.IsZero() {
		failed = "This app tries again, at the latest with the next removal."
		kept = "The next removal removes it or asks again."
		exempt = "After the exemption ends, the next removal removes it."
	}
	return []findingSection{
		{labelFailed, failed, o.failed},
		{labelOverLimit, kept, o.overLimit},
		{labelNotAllowed, kept, o.notAllowed},
		{labelExempt, exempt, o.exempt},
		{labelHeld, "It ends with that request.", o.held},
		{"Removed", askForIt, o.removed},
		{labelAlreadyGone, askForIt, o.alreadyGone},
		{labelOutOfScope, "This app no longer checks it.", o.outOfScope},
		{title: labelProtected, findings: o.protected},
	}
}

// FindingsInOrder returns the reported findings in the order in which people should be
// looked up for DriftReportMessage: first the findings with buttons, then the others, as
// the message lists them.
func FindingsInOrder(r access.DriftReport) []access.Finding {
	var withCard, rest []access.Finding
	for _, s := range outcomeOf(r).sections() {
		for _, f := range sortedByPlace(s.findings) {
			if _, ok := r.Decidable[f.Key()]; ok && len(withCard) < maxCards {
				withCard = append(withCard, f)
			} else {
				rest = append(rest, f)
			}
		}
	}
	return append(withCard, rest...)
}

// skippedBlocks lists the accounts and groups that the run could not check, or never
// checks.
func skippedBlocks(r access.DriftReport) []slackgo.Block {
	var blocks []slackgo.Block
	if len(r.Unread) > 0 {
		var lines []string
		for _, u := range r.Unread {
			lines = append(lines, cut(clean(u.What), maxName)+": "+cut(clean(u.Why), maxExplanation))
		}
		blocks = append(blocks, new(richText).strong(fmt.Sprintf("Could not be checked (%d)", len(lines))).
			lines(lines, maxUnreadJSON).block("unread"))
	}
	if len(r.Unmanageable) > 0 {
		blocks = append(blocks, new(richText).
			strong("Not checked: accounts in the policy that IAM Identity Center doesn't let this app manage").
			lines(cleanNames(r.Unmanageable), maxNamesJSON).block("unmanageable"))
	}
	if len(r.Provisioned) > 0 {
		blocks = append(blocks, new(richText).
			strong("Not checked: groups whose members come from the identity provider (SCIM)").
			lines(cleanNames(r.Provisioned), maxNamesJSON).block("provisioned"))
	}
	return blocks
}

func cleanNames(names []string) []string {
	out := make([]string, len(names))
	for i, n := range names {
		out[i] = cut(clean(n), maxName)
	}
	return out
}
