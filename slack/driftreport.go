package slack

import (
	"fmt"
	"strconv"

	slackgo "github.com/slack-go/slack"

	"sso-elevator/functions/access"
)

// DriftReportMessage says what a run found and what happened to each finding. It is
// always one message. Findings that don't fit are counted; the execution has them.
func DriftReportMessage(r access.DriftReport) Message {
	o := outcomeOf(r)
	m := Message{EventType: EventType, RequestID: r.RunID, Purpose: PurposeDriftReport, Text: o.title()}
	if n := len(r.Findings); n > 0 {
		m.Text += " (" + strconv.Itoa(n) + ")"
	}
	before := []slackgo.Block{header(o.title()), o.summary()}
	after := skippedBlocks(r)
	link := executionLink(r.ExecutionARN)
	m.Blocks = fitFindings(before, o.sections(), append(after, link...), link != nil)
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
}

func outcomeOf(r access.DriftReport) driftOutcome {
	o := driftOutcome{DriftReport: r}
	o.removing = r.Mode == access.DriftRevoke && (r.Guard == "" || access.Run{Answers: r.Answers, Answer: r.Answer}.HasConsent())
	if !o.removing {
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
		return "🔴 Access that no request granted could not be removed"
	case len(o.overLimit) > 0 || len(o.notAllowed) > 0:
		return "🟠 Access that no request granted was not all removed"
	case len(o.removed) > 0:
		return "⚪ Access that no request granted was removed"
	case len(o.held) > 0:
		return "⚪ Nothing was removed: requests hold what was found"
	case len(o.alreadyGone) > 0:
		return "⚪ Nothing was removed: somebody else removed what was found"
	case len(o.exempt) > 0:
		return "🟠 Nothing was removed: what was found is exempt for now"
	case len(o.outOfScope) > 0:
		return "⚪ Nothing was removed: the policy does not cover what was found any more"
	case len(o.Findings) > 0 && o.Guard != "":
		return "🟠 Access that no request granted was left as it is"
	case len(o.Findings) > 0:
		return "🟠 There is access that no request granted"
	case len(o.Unread) > 0:
		return "🔴 Not everything could be looked at"
	default:
		return "⚪ What is left out of the search for access that no request granted"
	}
}

// Labels of the findings that the run did not remove.
const (
	labelOutOfScope  = "Left, because the policy does not cover it any more"
	labelAlreadyGone = "Gone already: somebody else removed it"
	labelExempt      = "Left for now, because of an exemption"
	labelOverLimit   = "Left, because no more may be removed within 24 hours without asking a person. The next run asks"
	labelNotAllowed  = "Left, because removals are switched off, or no approver of the target said to remove it"
)

func (o driftOutcome) summary() slackgo.Block {
	b := new(richText)
	if len(o.Unread) > 0 {
		b.strong("This run could not look everywhere: there may be more.")
	}
	if len(o.Findings) > 0 || o.Total > 0 {
		b.label("Found").text(strconv.Itoa(max(o.Total, len(o.Findings))))
		if o.Total > len(o.Findings) {
			b.text(fmt.Sprintf(" in all; of these, %d are new, or were last told of a day ago", len(o.Findings)))
		}
	}
	if o.removing && len(o.Findings) > 0 {
		b.label("Removed, and checked that it is gone").text(strconv.Itoa(len(o.removed)))
		if n := len(o.failed); n > 0 {
			b.label("Not seen to be gone").text(strconv.Itoa(n))
		}
		if n := len(o.held); n > 0 {
			b.label("Left, because a request holds it by now").text(strconv.Itoa(n))
		}
		for _, kept := range []findingSection{
			{labelOverLimit, o.overLimit}, {labelNotAllowed, o.notAllowed}, {labelExempt, o.exempt}, {labelAlreadyGone, o.alreadyGone}, {labelOutOfScope, o.outOfScope},
		} {
			if n := len(kept.findings); n > 0 {
				b.label(kept.title).text(strconv.Itoa(n))
			}
		}
	}
	if o.Guard != "" {
		b.label("Stopped before it removed anything").text(guardReason(o.Guard, o.Limit))
		end := o.Answer
		if end == nil {
			end = new(access.RunAnswer)
		}
		writeAnswers(b, o.Answers, end)
	}
	if o.Mode == access.DriftWarn && len(o.Findings) > 0 {
		b.newLine().text("This run only looks: nothing was removed.")
	}
	b.label("Next run that removes")
	if o.NextRevocation.IsZero() {
		b.text("none is planned")
	} else {
		b.time(o.NextRevocation)
	}
	return b.label("Looked").time(o.At).block("run")
}

// sections returns the findings by result, the worst first.
func (o driftOutcome) sections() []findingSection {
	if !o.removing {
		return []findingSection{{findings: o.Findings}}
	}
	return []findingSection{
		{"Not seen to be gone", o.failed},
		{labelOverLimit, o.overLimit},
		{labelNotAllowed, o.notAllowed},
		{labelExempt, o.exempt},
		{"Left, because a request holds it by now", o.held},
		{"Removed", o.removed},
		{labelAlreadyGone, o.alreadyGone},
		{labelOutOfScope, o.outOfScope},
	}
}

// skippedBlocks lists what the run could not check or never changes.
func skippedBlocks(r access.DriftReport) []slackgo.Block {
	var blocks []slackgo.Block
	if len(r.Unread) > 0 {
		var lines []string
		for _, u := range r.Unread {
			lines = append(lines, cut(clean(u.What), maxName)+": "+cut(clean(u.Why), maxExplanation))
		}
		blocks = append(blocks, new(richText).strong(fmt.Sprintf("Could not be looked at (%d)", len(lines))).
			lines(lines, maxUnreadJSON).block("unread"))
	}
	if len(r.Unmanageable) > 0 {
		blocks = append(blocks, new(richText).
			strong("Accounts in the policy that Identity Center does not let this account manage, so that nothing is looked for there").
			lines(cleanNames(r.Unmanageable), maxNamesJSON).block("unmanageable"))
	}
	if len(r.Provisioned) > 0 {
		blocks = append(blocks, new(richText).
			strong("Groups whose members come from the identity provider (SCIM): they are left alone").
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
