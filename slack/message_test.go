package slack

import (
	"encoding/json"
	"fmt"
	"regexp"
	"strings"
	"testing"
	"time"

	slackgo "github.com/slack-go/slack"

	"sso-elevator/functions/access"
)

var (
	monday = time.Date(2026, time.March, 2, 9, 30, 0, 0, time.UTC)
	alice  = access.Person{SlackID: "U0ALICE", Email: "alice@example.com", Name: "Alice"}
	bob    = access.Person{SlackID: "U0BOB", Email: "bob@example.com", Name: "Bob"}
	carol  = access.Person{SlackID: "U0CAROL", Email: "carol@example.com", Name: "Carol"}
	dan    = access.Person{SlackID: "U0DAN", Email: "dan@example.com", Name: "Dan"}
)

// pending is a request that waits for approval. The changes are applied in order.
func pending(changes ...func(r *access.Request)) access.Request {
	r := access.Request{
		ID:           "abcdefghijklmnop",
		Target:       sandbox,
		Reason:       "Look at the logs of the failed deployment",
		Duration:     5400,
		Requester:    alice,
		CreatedAt:    monday,
		ExecutionARN: "arn:aws:states:eu-central-1:123456789012:execution:sso-elevator-request:2026-03-02-111122223333-ReadOnly-abcdefgh",
		Approvers:    []access.Person{bob, carol},
		ExpiresAt:    monday.Add(8 * time.Hour),
	}
	for _, c := range changes {
		c(&r)
	}
	return r
}

func outcome(kind access.OutcomeKind, by access.Person, reason, text string) func(*access.Request) {
	return func(r *access.Request) {
		r.Outcome = &access.Outcome{Kind: kind, By: by, At: monday.Add(5 * time.Minute), Reason: reason, Message: text}
	}
}

// why is the reason of a denial.
func why(reason string) func(*access.Request) {
	return func(r *access.Request) { r.Outcome.DenialReason = reason }
}

func approved(r *access.Request) { outcome(access.OutcomeApproved, bob, "", "")(r) }

// several is a statement that needs two approvals.
func several(r *access.Request) {
	r.Approvers = []access.Person{bob, carol, dan}
	r.EvaluatedDecision = &access.Decision{Requirements: []access.Requirement{needs(2, bob, carol, dan)}}
}

// twoStatements are one for managers and one for security.
func twoStatements(r *access.Request) {
	r.Approvers = []access.Person{bob, carol, dan}
	r.EvaluatedDecision = &access.Decision{Requirements: []access.Requirement{needs(1, bob), needs(1, carol, dan)}}
}

func needs(n int, from ...access.Person) access.Requirement {
	q := access.Requirement{Needed: n}
	for _, p := range from {
		q.Approvers = append(q.Approvers, p.Email)
	}
	return q
}

// by adds an approval, which counts for the requirements given.
func by(p access.Person, lapse access.Lapse, requirements ...int) func(*access.Request) {
	return func(r *access.Request) {
		t := r.Tally()
		r.ApprovalProgress = t.Requirements
		for _, q := range requirements {
			r.ApprovalProgress[q].Given = append(r.ApprovalProgress[q].Given, len(r.Approvals))
		}
		r.Approvals = append(r.Approvals, access.Approval{By: p, At: monday, Lapse: lapse})
	}
}

// severalLongest has as many statements and approvers as a message names, and more.
func severalLongest(r *access.Request) {
	longest(r)
	r.ApprovalProgress = nil
	for range 20 {
		q := access.Requirement{Needed: 2}
		for i := range 30 {
			q.Approvers = append(q.Approvers, fmt.Sprintf("%s%02d@example.net", strings.Repeat("b", 240), i))
		}
		r.ApprovalProgress = append(r.ApprovalProgress, access.RequirementProgress{Requirement: q})
	}
}

// severalMentions has one statement whose approvers are all in Slack.
func severalMentions(r *access.Request) {
	longest(r)
	q := access.Requirement{Needed: 2}
	for i := range r.Approvers {
		r.Approvers[i].Email = fmt.Sprintf("a%02d@example.com", i)
		q.Approvers = append(q.Approvers, r.Approvers[i].Email)
	}
	r.EvaluatedDecision.Requirements = []access.Requirement{q}
}

func granted(r *access.Request) {
	r.GrantedAt = monday.Add(6 * time.Minute)
	r.End = r.GrantedAt.Add(time.Duration(r.Duration) * time.Second)
}

func ending(r *access.Request) {
	r.EndRequest = &access.EndRequest{By: alice, At: monday.Add(20 * time.Minute)}
}

func stuck(r *access.Request) {
	r.Events = append(r.Events, access.Event{Kind: access.EventRevokeFailed, At: r.End.Add(time.Minute)})
}

// gonePerson ends the access because its requester is gone.
func gonePerson(r *access.Request) {
	r.EndRequest = &access.EndRequest{At: monday.Add(20 * time.Minute), Reason: access.EndRequesterGone}
}

func revoked(state access.RemovalState, after time.Duration) func(*access.Request) {
	return func(r *access.Request) { r.RevokedAt, r.Removal = monday.Add(after), state }
}

func failed(code access.Code, text string) func(*access.Request) {
	return func(r *access.Request) {
		r.Failure = &access.Failure{Code: code, Message: text, At: monday.Add(6 * time.Minute)}
	}
}

// longest has the longest possible value in each field.
func longest(r *access.Request) {
	r.Target.AccountName = strings.Repeat("名", 128)
	r.Target.PermissionSet = strings.Repeat("P", 32)
	r.Reason = strings.Repeat("reason ", 428) + "last"
	r.Ticket = strings.Repeat("票", access.MaxTicketLength)
	r.EvaluatedDecision = &access.Decision{Warnings: longestWarnings()}
	r.PermissionSetDescription = strings.Repeat("名", 700)
	before(longestBackground)(r)
	r.Requester.SecondaryDomain = true
	r.Requester.FoundAs = access.DirectoryUser{UserName: strings.Repeat("u", 128), DisplayName: strings.Repeat("名", 1024), Email: strings.Repeat("e", 254)}
	r.Approvers = nil
	for i := range 60 {
		r.Approvers = append(r.Approvers, access.Person{SlackID: fmt.Sprintf("U0%09d", i)})
		r.UnknownApprovers = append(r.UnknownApprovers, fmt.Sprintf("%s%02d@example.com", strings.Repeat("a", 240), i))
		r.ApproverGroups = append(r.ApproverGroups, access.ApproverGroup{ID: fmt.Sprint(i), Name: strings.Repeat("名", 1024)})
	}
}

// longestWarnings are more warnings than a message shows, each as long as it may be.
func longestWarnings() []string {
	var all []string
	for i := range 7 {
		all = append(all, fmt.Sprintf("%d%s", i, strings.Repeat("警", 199)))
	}
	return all
}

// withTicket has a ticket and two warnings.
func withTicket(r *access.Request) {
	r.Ticket = "OPS-12"
	r.EvaluatedDecision = &access.Decision{
		Tickets:  []access.Ticket{{Required: true, Pattern: `[A-Z]+-\d+`, Hint: "A Jira issue, such as OPS-12"}},
		Warnings: []string{"Production: changes are visible to customers.", "This account has cardholder data."},
	}
}

// byGroups has members of these groups approve, besides the people who are listed.
func byGroups(listed []access.Person, groups ...access.ApproverGroup) func(*access.Request) {
	return func(r *access.Request) { r.Approvers, r.ApproverGroups = listed, groups }
}

// security is a group, as it appears with these members and that many others.
func security(others int, mentioned ...access.Person) access.ApproverGroup {
	return access.ApproverGroup{ID: "94d8a4f8-5031-70c1-3a4b-0e2f4f5b6c7d", Name: "Security", Mentioned: mentioned, Others: others}
}

// securityInSlack is the same group if its Slack user group is mentioned. These members were
// asked at once.
func securityInSlack(asked ...access.Person) access.ApproverGroup {
	g := security(0, asked...)
	g.SlackGroup = "S0SEC"
	return g
}

// securityNoneFound is the same group, none of whose members was found.
func securityNoneFound(others int) access.ApproverGroup {
	g := security(others)
	g.NoneFound = true
	return g
}

func hostileTexts(r *access.Request) {
	r.Target.AccountName = hostile
	r.Target.PermissionSet = hostile
	r.Reason = hostile
	r.Ticket = hostile
	r.EvaluatedDecision = &access.Decision{Warnings: []string{hostile, "\n"}}
	r.Requester = access.Person{SlackID: "U0ALICE> <!channel", Name: hostile, Email: hostile}
	r.UnknownApprovers = []string{hostile}
	r.ApproverGroups = []access.ApproverGroup{{ID: hostile, Name: hostile, SlackGroup: "S0> <!channel"}, {ID: hostile, Others: 2, Mentioned: []access.Person{{SlackID: "U0> <!here", Name: hostile}}}}
	r.ExecutionARN = "arn:aws:states:eu-central-1:123456789012:execution:m:x|<!channel>"
}

// reached have posts that say which approvers got a direct message.
func reached(told []access.Person, lost ...access.Person) func(*access.Request) {
	return func(r *access.Request) {
		r.Posts = map[string]access.Post{}
		for _, p := range told {
			r.Posts[ApproverPurpose(p.SlackID)] = access.Post{Channel: "D" + p.SlackID, TS: "1.1"}
		}
		for _, p := range lost {
			r.Posts[ApproverPurpose(p.SlackID)] = access.Post{Failed: true}
		}
	}
}

// membersUnknown was posted while Slack didn't say who is in the channel.
func membersUnknown(r *access.Request) {
	r.Posts = map[string]access.Post{MembersUnknown: {Failed: true}}
}

// reachedLongest could tell some approvers and not others, more than a message names.
func reachedLongest(r *access.Request) {
	longest(r)
	reached(r.Approvers[:30], r.Approvers[30:]...)(r)
}

// reminded got its second reminder, after 7 minutes. It asked Dan, of Security, first.
func reminded(r *access.Request) {
	r.RemindersSent, r.RemindedAt = 2, monday.Add(7*time.Minute+20*time.Second)
	r.FurtherApprovers = []access.FurtherApprover{{Person: alice, Group: security(0).ID, Reminder: 1}, {Person: dan, Group: security(0).ID, Reminder: 2}}
}

// portal makes the access portal known.
func portal(r *access.Request) {
	r.Portal = access.Portal{URL: "https://example.awsapps.com/start", Region: "eu-central-1"}
}

// longSession has sessions that may last longer than the access.
func longSession(r *access.Request) { r.SessionSeconds = 8 * 60 * 60 }

func asGroup(r *access.Request) {
	r.Target = access.Target{Kind: access.KindGroup, GroupID: "94d8a4f8-5031-70c1-3a4b-0e2f4f5b6c7d", GroupName: "Operators"}
}

// rebuilt is a request whose row somebody deleted.
func rebuilt(changes ...func(r *access.Request)) access.Request {
	r := access.Request{
		ID: "abcdefghijklmnop", Target: sandbox, Requester: access.Person{PrincipalID: "94d8a4f8-5031-70c1-3a4b-0e2f4f5b6c7d"},
		RevokingAt: monday.Add(96 * time.Minute), Rebuilt: &access.Rebuilt{}, Failure: &access.Failure{Code: access.CodeRowLost, At: monday},
	}
	granted(&r)
	r.End = monday.Add(96 * time.Minute)
	for _, c := range changes {
		c(&r)
	}
	return r
}

// extends makes the request an extension of access since an hour before.
func extends(r *access.Request) {
	r.Chain = &access.Chain{Since: monday.Add(-time.Hour), End: monday.Add(30 * time.Minute), Extends: "ponmlkjihgfedcba"}
}

func chainTooLong(r *access.Request) {
	r.EvaluatedDecision = &access.Decision{Outcome: access.DecideApproval, Reason: access.ReasonRequiresApproval, ChainTooLong: true}
}

// extended is the grant of an extension.
func extended(r *access.Request) {
	r.ChainSince, r.Extends, r.End = r.Chain.Since, r.Chain.Extends, r.Chain.End.Add(time.Duration(r.Duration)*time.Second)
}

// kept is the removal of a request that left its access to another one.
func kept(r *access.Request) {
	r.KeptUntil, r.KeptLink = r.RevokedAt.Add(2*time.Hour), "https://acme.slack.com/archives/C0123456789/p1772445600000200"
}

// othersEnd is the removal of a request that left its access to others, which were ending.
func othersEnd(r *access.Request) { r.KeptUntil = r.RevokedAt.Add(-time.Second) }

func blockedPerson(r *access.Request) {
	r.EndRequest = &access.EndRequest{By: carol, At: monday.Add(20 * time.Minute), Reason: access.EndBlocked}
}

// requests has a request in every state that a message shows.
func requests() map[string]access.Request {
	naturalEnd, early := 96*time.Minute+10*time.Second, 21*time.Minute
	return map[string]access.Request{
		"pending":                       pending(),
		"pending_group":                 pending(asGroup),
		"pending_unknown":               pending(func(r *access.Request) { r.UnknownApprovers = []string{"dan@example.com", "eve@example.com"} }),
		"pending_by_group":              pending(byGroups(nil, security(3, bob, carol))),
		"pending_by_group_and_people":   pending(byGroups([]access.Person{bob}, security(3, carol))),
		"pending_by_group_of_two":       pending(byGroups(nil, security(0, bob, carol))),
		"pending_by_group_not_in_slack": pending(byGroups(nil, security(3))),
		"pending_by_group_none_found":   pending(byGroups([]access.Person{bob}, securityNoneFound(3))),
		"pending_by_group_found_later": pending(byGroups(nil, securityNoneFound(3)), func(r *access.Request) {
			r.FurtherApprovers = []access.FurtherApprover{{Person: carol, Group: security(0).ID, Reminder: 1}}
		}),
		"pending_several_none_found": pending(several, byGroups([]access.Person{bob}, securityNoneFound(3)), func(r *access.Request) {
			r.EvaluatedDecision.Requirements[0].Approvers = []string{bob.Email, access.GroupEntry(security(0).ID)}
		}),
		"pending_by_group_not_in_catalog": pending(byGroups(nil, access.ApproverGroup{ID: "94d8a4f8-5031-70c1-3a4b-0e2f4f5b6c7d"})),
		"pending_by_large_group": pending(byGroups(nil, func() access.ApproverGroup {
			g := security(98, bob, carol)
			g.More = true
			return g
		}())),
		"pending_by_slack_group":  pending(byGroups([]access.Person{carol}, securityInSlack(bob, dan))),
		"pending_by_slack_groups": pending(byGroups([]access.Person{carol}, securityInSlack(), securityInSlack(), securityInSlack(), securityInSlack(bob))),
		"pending_several_slack_group": pending(several, byGroups([]access.Person{bob}, securityInSlack(dan)), func(r *access.Request) {
			r.EvaluatedDecision.Requirements[0].Approvers = []string{bob.Email, access.GroupEntry(security(0).ID)}
		}),
		"pending_by_groups": pending(byGroups(nil, security(1, bob), access.ApproverGroup{ID: "g-2", Name: "Operations", Others: 4})),
		"pending_fallback_domain": pending(func(r *access.Request) {
			r.Requester.SecondaryDomain = true
			r.Requester.FoundAs = access.DirectoryUser{UserName: "alice.anderson", DisplayName: "Alice *Anderson* <!here>", Email: "alice@corp.example.net"}
		}),
		"pending_fallback_domain_of_an_older_release": pending(func(r *access.Request) { r.Requester.SecondaryDomain = true }),
		"pending_ticket":         pending(withTicket),
		"active_ticket":          pending(withTicket, approved, granted),
		"ended_ticket":           pending(withTicket, approved, granted, revoked(access.RemovalDone, naturalEnd)),
		"refused_ticket_missing": pending(outcome(access.OutcomeRefused, access.Person{}, "TicketMissing", "A Jira issue, such as OPS-12")),
		"pending_no_expiry":      pending(func(r *access.Request) { r.ExpiresAt = time.Time{} }),
		"pending_longest":        pending(longest),
		"pending_hostile":        pending(hostileTexts),
		"pending_links": pending(func(r *access.Request) {
			r.Reason = "Roll back, see https://jira.example.com/browse/OPS-12.\nNot <https://evil.test|AWS>, https://aws.amazon.com@evil.test or https://аws.amazon.com."
		}),
		"pending_several":                  pending(several),
		"pending_several_one":              pending(several, by(bob, "", 0)),
		"pending_several_lapsed":           pending(several, by(bob, access.LapseGone), by(carol, "", 0)),
		"pending_several_not_permitted":    pending(several, by(bob, access.LapseNotPermitted)),
		"pending_several_group":            pending(several, by(bob, "", 0), func(r *access.Request) { r.ApprovalProgress[0].Approvers = []string{"bob@example.com", "group:g-1"} }),
		"pending_several_nobody":           pending(several, by(bob, "", 0), func(r *access.Request) { r.ApprovalProgress[0].Approvers = []string{"bob@example.com"} }),
		"pending_two_statements":           pending(twoStatements),
		"pending_two_statements_one":       pending(twoStatements, by(carol, "", 1)),
		"pending_several_longest":          pending(severalLongest),
		"pending_several_mentions_longest": pending(severalMentions),
		"approved_several":                 pending(several, by(carol, "", 0), by(dan, access.LapseGone), by(bob, "", 0), approved),
		"active_several":                   pending(several, by(carol, "", 0), by(bob, "", 0), approved, granted),
		"denied_several":                   pending(several, by(carol, "", 0), outcome(access.OutcomeDenied, bob, "", "")),
		"approved":                         pending(approved),
		"automatic":                        pending(outcome(access.OutcomeAutomatic, access.Person{}, "ApprovalNotRequired", "")),
		"self_approval":                    pending(outcome(access.OutcomeAutomatic, access.Person{}, "SelfApproval", ""), granted),
		"active":                           pending(approved, granted),
		"active_longest":                   pending(longest, approved, granted),
		"pending_extension":                pending(extends),
		"pending_extension_too_long":       pending(extends, chainTooLong),
		"pending_extension_over":           pending(extends, chainTooLong, func(r *access.Request) { r.RemindedAt = r.Chain.End }),
		"pending_extension_reminded":       pending(extends, func(r *access.Request) { r.RemindedAt = r.Chain.End.Add(-time.Second) }),
		"pending_extension_approved_once":  pending(extends, several, by(bob, "", 0), func(r *access.Request) { r.Events = []access.Event{{Kind: access.EventApprovalGiven, At: r.Chain.End}} }),
		"active_extension":                 pending(extends, approved, granted, extended),
		"failed_extension": pending(extends, approved, failed(access.CodeRefused,
			"bob@example.com ended this access after the request was approved. If the access is still needed, submit a new request."), revoked(access.RemovalNothing, early)),
		"failed_kept": pending(extends, approved, failed(access.CodeRefused, "an incident responder blocked the approver"), revoked(access.RemovalNothing, early),
			kept),
		"failed_others_end":            pending(extends, approved, failed(access.CodeRefused, "an incident responder blocked the approver"), revoked(access.RemovalNothing, early), othersEnd),
		"ending":                       pending(approved, granted, ending),
		"stuck":                        pending(approved, granted, stuck),
		"removing":                     pending(approved, granted, func(r *access.Request) { r.RevokingAt = r.End }),
		"ended":                        pending(approved, granted, revoked(access.RemovalDone, naturalEnd)),
		"ended_after_trouble":          pending(approved, granted, stuck, revoked(access.RemovalDone, naturalEnd)),
		"ended_early":                  pending(approved, granted, ending, revoked(access.RemovalDone, early)),
		"ending_gone":                  pending(approved, granted, gonePerson),
		"ended_gone":                   pending(approved, granted, gonePerson, revoked(access.RemovalDone, early)),
		"ended_by_failure":             pending(approved, granted, revoked(access.RemovalDone, early)),
		"ended_nothing":                pending(approved, granted, revoked(access.RemovalNothing, naturalEnd)),
		"already_gone":                 pending(approved, granted, revoked(access.RemovalAlreadyGone, naturalEnd)),
		"kept":                         pending(approved, granted, revoked(access.RemovalKept, naturalEnd)),
		"kept_until":                   pending(approved, granted, revoked(access.RemovalKept, naturalEnd), kept),
		"kept_ended_early":             pending(approved, granted, ending, revoked(access.RemovalKept, early), kept),
		"kept_ended_unknown":           pending(approved, granted, ending, revoked(access.RemovalKept, early)),
		"kept_others_end":              pending(approved, granted, ending, revoked(access.RemovalKept, early), othersEnd),
		"kept_others_blocked":          pending(approved, granted, blockedPerson, revoked(access.RemovalKept, early), othersEnd),
		"foreign":                      pending(approved, granted, revoked(access.RemovalForeign, naturalEnd)),
		"denied":                       pending(outcome(access.OutcomeDenied, bob, "", "")),
		"denied_reason":                pending(outcome(access.OutcomeDenied, bob, "", ""), why("ReadOnly is enough here.\n\nSee the runbook.")),
		"denied_hostile":               pending(hostileTexts, outcome(access.OutcomeDenied, bob, "", ""), why(hostile+"\nApproved by Bob")),
		"denied_longest":               pending(longest, outcome(access.OutcomeDenied, bob, "", ""), why(strings.Repeat("名\"", access.MaxDenialReasonLength))),
		"withdrawn":                    pending(outcome(access.OutcomeWithdrawn, alice, "", "")),
		"expired":                      pending(outcome(access.OutcomeExpired, access.Person{}, "", "")),
		"refused_no_statements":        pending(outcome(access.OutcomeRefused, access.Person{}, "NoStatements", "")),
		"refused_no_approvers":         pending(outcome(access.OutcomeRefused, access.Person{}, "NoApprovers", "None of the approvers was found in Slack: dan@example.com")),
		"refused_too_few_approvers":    pending(several, outcome(access.OutcomeRefused, access.Person{}, "NoApprovers", "2 approvals are needed, and not enough of the approvers can give one.")),
		"refused_not_allowed":          pending(outcome(access.OutcomeRefused, access.Person{}, "NotAllowed", "")),
		"refused_blocked":              pending(outcome(access.OutcomeRefused, carol, "Blocked", "")),
		"refused_not_permitted":        pending(outcome(access.OutcomeRefused, access.Person{}, "Refused", "")),
		"refused_protected":            pending(outcome(access.OutcomeRefused, access.Person{}, "ProtectedAccount", "")),
		"refused_duration_too_long":    pending(outcome(access.OutcomeRefused, access.Person{}, "DurationTooLong", "The policy allows at most 1 hour.")),
		"refused_management":           pending(outcome(access.OutcomeRefused, access.Person{}, "ManagementAccount", "")),
		"refused_unavailable":          pending(outcome(access.OutcomeRefused, access.Person{}, "Unavailable", "")),
		"refused_not_decided":          pending(outcome(access.OutcomeRefused, access.Person{}, "NotDecided", "")),
		"failed_not_decided":           pending(approved, failed(access.CodeNotDecided, "group memberships or organizational units could not be read for 1 hour: AccessDeniedException"), revoked(access.RemovalNothing, early)),
		"pending_long_session":         pending(longSession),
		"approved_long_session":        pending(longSession, approved),
		"active_portal":                pending(portal, longSession, approved, granted),
		"active_portal_group":          pending(portal, longSession, asGroup, approved, granted),
		"active_portal_hostile":        pending(portal, longSession, hostileTexts, approved, granted),
		"active_portal_longest":        pending(portal, longSession, longest, approved, granted),
		"active_portal_unknown_region": pending(portal, func(r *access.Request) { r.Portal.Region = "" }, approved, granted),
		"ended_long_session":           pending(portal, longSession, approved, granted, revoked(access.RemovalDone, naturalEnd)),
		"pending_told":                 pending(reached([]access.Person{bob})),
		"pending_told_some":            pending(byGroups([]access.Person{bob}, security(3, carol)), reminded, reached([]access.Person{carol, dan}, bob)),
		"pending_told_slack_group":     pending(byGroups(nil, securityInSlack(bob, carol)), reminded, reached([]access.Person{bob, dan}, carol)),
		"pending_told_nobody":          pending(reached(nil, bob, carol)),
		"pending_members_unknown":      pending(membersUnknown),
		"pending_told_longest":         pending(reachedLongest),
		"denied_told":                  pending(reached([]access.Person{bob}, carol), outcome(access.OutcomeDenied, bob, "", "")),
		"pending_reminded":             pending(reminded),
		"pending_reminded_by_group":    pending(byGroups([]access.Person{bob}, security(3, carol)), reminded),
		"pending_reminded_group":       pending(asGroup, reminded),
		"pending_reminded_hostile":     pending(hostileTexts, reminded),
		"refused_hostile":              pending(hostileTexts, outcome(access.OutcomeRefused, access.Person{}, hostile, strings.Repeat(hostile, 20))),
		"failed":                       pending(approved, failed(access.CodeFailed, "Received a 404 status error: Permission set not provisioned")),
		"failed_blocked":               pending(approved, failed(access.CodeBlocked, "an incident responder blocked the requester"), revoked(access.RemovalNothing, early)),
		"failed_foreign":               pending(approved, failed(access.CodeForeign, "the access already exists, and this app did not create it"), revoked(access.RemovalNothing, early)),
		"failed_ambiguous_email":       pending(approved, failed(access.CodeAmbiguous, ""), revoked(access.RemovalNothing, early)),
		"failed_management":            pending(approved, failed(access.CodeManagement, ""), revoked(access.RemovalNothing, early)),
		"failed_unknown":               pending(approved, revoked(access.RemovalDone, early)),
		"failed_hostile":               pending(hostileTexts, approved, failed(access.CodeFailed, strings.Repeat(hostile, 20))),
		"rebuilt":                      rebuilt(revoked(access.RemovalDone, naturalEnd)),
		"rebuilt_removing":             rebuilt(),
		"rebuilt_never_confirmed":      rebuilt(func(r *access.Request) { r.GrantedAt, r.End = time.Time{}, time.Time{} }, revoked(access.RemovalNothing, naturalEnd)),
		"interrupted":                  pending(func(r *access.Request) { r.RevokingAt = monday.Add(early) }),
		"interrupted_tombstoned":       pending(func(r *access.Request) { r.Tombstone = true }),
		"interrupted_closed":           pending(func(r *access.Request) { r.ClosedAt = monday.Add(early) }),
		"interrupted_revoked":          pending(failed(access.CodeRefused, "there is no decision"), revoked(access.RemovalNothing, early)),
	}
}

func TestRequestMessage(t *testing.T) {
	for name, r := range requests() {
		t.Run(name, func(t *testing.T) {
			checked(t, "request_"+name, RequestMessage(r), r)
		})
	}
}

func TestThreadAndDirectMessages(t *testing.T) {
	all := requests()
	tests := []struct{ purpose, request string }{
		{PurposeRemind, "pending"},
		{PurposeRemind, "pending_no_expiry"},
		{PurposeRemind, "pending_by_group_and_people"},
		{PurposeRemind, "pending_by_slack_group"},
		{PurposeRemind, "pending_told_slack_group"},
		{PurposeRemind, "pending_longest"},
		{PurposeRemind, "pending_several"},
		{PurposeRemind, "pending_several_one"},
		{PurposeRemind, "pending_two_statements_one"},
		{PurposeRemind, "pending_hostile"},
		{PurposeRemind, "pending_reminded"},
		{PurposeRemind, "pending_reminded_by_group"},
		{PurposeRemind, "pending_reminded_group"},
		{PurposeRemind, "pending_reminded_hostile"},
		{PurposeGranted, "active"},
		{PurposeGranted, "self_approval"},
		{PurposeGranted, "active_portal"},
		{PurposeGranted, "active_portal_group"},
		{PurposeGranted, "active_portal_hostile"},
		{PurposeGranted, "active_portal_longest"},
		{PurposeGranted, "active_portal_unknown_region"},
		{PurposeGranted, "ended_long_session"},
		{PurposeGranted, "ending"},
		{PurposeGranted, "stuck"},
		{PurposeGranted, "removing"},
		{PurposeGranted, "ended"},
		{PurposeGranted, "kept"},
		{PurposeGranted, "active_extension"},
		{PurposeOutcome, "denied"},
		{PurposeOutcome, "denied_reason"},
		{PurposeOutcome, "denied_hostile"},
		{PurposeOutcome, "denied_longest"},
		{PurposeOutcome, "withdrawn"},
		{PurposeOutcome, "expired"},
		{PurposeOutcome, "refused_no_statements"},
		{PurposeOutcome, "refused_no_approvers"},
		{PurposeOutcome, "refused_not_allowed"},
		{PurposeOutcome, "refused_blocked"},
		{PurposeOutcome, "refused_not_permitted"},
		{PurposeOutcome, "refused_duration_too_long"},
		{PurposeOutcome, "refused_ticket_missing"},
		{PurposeOutcome, "refused_management"},
		{PurposeOutcome, "refused_hostile"},
		{PurposeOutcome, "interrupted"},
		{PurposeFailed, "interrupted_revoked"},
		{PurposeRevoked, "ended"},
		{PurposeRevoked, "ended_early"},
		{PurposeRevoked, "ended_gone"},
		{PurposeRevoked, "already_gone"},
		{PurposeRevoked, "kept"},
		{PurposeRevoked, "kept_until"},
		{PurposeRevoked, "kept_ended_early"},
		{PurposeRevoked, "kept_others_end"},
		{PurposeRevoked, "kept_others_blocked"},
		{PurposeGranted, "kept_others_end"},
		{PurposeRevoked, "ended_long_session"},
		{PurposeRevoked, "foreign"},
		{PurposeRevoked, "failed_unknown"},
		{PurposeFailed, "failed"},
		{PurposeFailed, "failed_kept"},
		{PurposeFailed, "failed_blocked"},
		{PurposeFailed, "failed_foreign"},
		{PurposeFailed, "failed_hostile"},
	}
	for _, tt := range tests {
		r := all[tt.request]
		t.Run(tt.purpose+"/"+tt.request, func(t *testing.T) {
			checked(t, "thread_"+tt.purpose+"_"+tt.request, ThreadMessage(tt.purpose, r), r)
			if tt.purpose != PurposeRemind {
				checked(t, "direct_"+tt.purpose+"_"+tt.request, DirectMessage(tt.purpose, r), r)
			}
		})
	}
	for _, request := range []string{"pending", "pending_group", "pending_ticket", "pending_longest", "pending_hostile", "approved", "active", "ended", "denied", "interrupted",
		"withdrawn", "expired", "refused_not_allowed", "self_approval", "ending_gone", "stuck", "kept_until", "kept_others_blocked", "failed_kept", "failed_foreign", "failed_blocked"} {
		t.Run("announce/"+request, func(t *testing.T) {
			checked(t, "direct_announce_"+request, DirectMessage(PurposeAnnounce, all[request]), all[request])
		})
	}
	for _, request := range []string{"active", "ending", "stuck", "removing", "ended", "ended_early", "kept", "kept_ended_early", "kept_others_end", "kept_others_blocked"} {
		over := all[request]
		over.Posts = map[string]access.Post{access.PostMoreTime: {Channel: "D1", TS: "1.1", Over: true}}
		all[request+"_over"] = over
	}
	for request, want := range map[string]string{
		"active_over": "another request gives you more time", "kept_over": "another request gives you more time",
		"ending_over": "your access is being removed", "stuck_over": "your access is being removed",
		"ended_over": "this request has ended", "ended_early_over": "this request has ended", "kept_ended_early_over": "this request has ended",
		"kept_others_end_over": "this request has ended", "kept_others_blocked_over": "this request has ended", "kept_others_end": "this request has ended",
	} {
		if text := shownWithMentions(t, DirectMessage(PurposeMoreTime, all[request])); !strings.Contains(text, want) {
			t.Errorf("the offer of %s is %q, want %q", request, text, want)
		}
	}
	for _, request := range []string{"active", "active_over", "active_portal_group", "active_portal_hostile", "active_portal_longest", "ending", "ending_over", "stuck", "removing", "ended", "ended_over", "kept", "foreign"} {
		t.Run("more_time/"+request, func(t *testing.T) {
			m := DirectMessage(PurposeMoreTime, all[request])
			checked(t, "direct_more_time_"+request, m, all[request])
			blocks := list(generic(t, posted(m))["blocks"])
			if open := strings.HasPrefix(request, "active") && request != "active_over"; (len(blocks) == 2) != open {
				t.Errorf("%d blocks; want the button only while more time may help", len(blocks))
			}
		})
	}
	if got := DirectPurpose(PurposeMoreTime); got != access.PostMoreTime {
		t.Errorf("the offer is posted as %q and looked for as %q", got, access.PostMoreTime)
	}
}

// Once the row says that the access to extend has ended, no text claims that it continues.
func TestExtensionOfWhatHasEnded(t *testing.T) {
	const over, extends = "The earlier request has ended. This request's time starts with the approval.", "Extends access they have had since "
	all := requests()
	for name, ended := range map[string]bool{"pending_extension": false, "pending_extension_reminded": false, "pending_extension_over": true, "pending_extension_approved_once": true} {
		r := all[name]
		for where, text := range map[string]string{
			"message": shownWithMentions(t, RequestMessage(r)), "direct message": shownWithMentions(t, ApproverMessage(r, "U0DAVE")),
			"Home tab": shownWithMentions(t, Message{Blocks: HomeView(Home{Waiting: HomeSection{Requests: []access.Request{r}}}).Blocks.BlockSet}),
			"dialog":   shownWithMentions(t, Message{Blocks: ConfirmationView(Confirmation{Request: r, Last: true, ChainOver: ended}).Blocks.BlockSet}),
		} {
			if strings.Contains(text, over) != ended || strings.Contains(text, extends) == ended || strings.Contains(text, "is too long") && ended {
				t.Errorf("%s, %s: %s", name, where, text)
			}
			if !ended && !strings.Contains(text, "If the old access ends first, approval starts new access.") {
				t.Errorf("%s, %s claims without a condition that the access continues: %s", name, where, text)
			}
		}
		raw, _ := json.Marshal(ConfirmationView(Confirmation{Request: r, Last: true, ChainOver: ended}))
		if strings.Contains(string(raw), "the access is extended at once") == ended || strings.Contains(string(raw), "the access starts at once") != ended {
			t.Errorf("%s: the dialog says %s", name, raw)
		}
	}
}

// If End now or a block ends all requests for the access, no message says that it
// continues.
func TestEndsWithOthers(t *testing.T) {
	for _, name := range []string{"kept_others_end", "kept_others_blocked"} {
		r := requests()[name]
		for where, m := range map[string]Message{
			"channel": RequestMessage(r), "thread": ThreadMessage(PurposeRevoked, r), "direct": DirectMessage(PurposeRevoked, r),
			"granted": DirectMessage(PurposeGranted, r), "announce": DirectMessage(PurposeAnnounce, r),
		} {
			text := shownWithMentions(t, m)
			if strings.Contains(m.Text+text, "continues") || strings.Contains(text, "still ha") {
				t.Errorf("%s, %s: %s", name, where, text)
			}
			if want := "All other requests for this access are ending, too."; !strings.Contains(text, want) || !strings.Contains(text, "Open sessions stay active") {
				t.Errorf("%s, %s doesn't say %q and that sessions stay: %s", name, where, want, text)
			}
			if raw, _ := json.Marshal(m.Blocks); (where == "channel" || where == "direct") && !strings.Contains(string(raw), ActionAskAgain) {
				t.Errorf("%s, %s: Ask again is missing", name, where)
			}
		}
	}
}

func TestApproverMessages(t *testing.T) {
	all := requests()
	for _, request := range []string{"pending", "pending_several_one", "pending_told", "pending_longest", "pending_several_longest", "pending_told_longest", "pending_hostile", "approved", "active", "ended", "denied", "expired", "interrupted"} {
		r := all[request]
		t.Run(request, func(t *testing.T) {
			m := ApproverMessage(r, "U0DAVE")
			checked(t, "approver_"+request, m, r)
			if m.Purpose != "approver-U0DAVE" {
				t.Errorf("purpose %q", m.Purpose)
			}
			of := RequestMessage(r)
			raw, _ := json.Marshal(m.Blocks)
			channel, _ := json.Marshal(of.Blocks)
			for _, action := range []string{ActionApprove, ActionDeny, ActionTakeBack, ActionEnd} {
				if has := fmt.Sprintf(`"action_id":%q`, action); strings.Contains(string(raw), has) != strings.Contains(string(channel), has) {
					t.Errorf("button %s: %s", action, raw)
				}
			}
			if strings.Contains(string(raw), `"action_id":"withdraw"`) || strings.Contains(string(raw), "Notified by direct message") {
				t.Errorf("has what only the channel has: %s", raw)
			}
		})
	}
	for _, request := range []string{"pending", "pending_reminded", "pending_reminded_hostile", "pending_longest"} {
		r := all[request]
		t.Run("remind/"+request, func(t *testing.T) {
			checked(t, "approver_remind_"+request, ApproverReminder(r, dan), r)
		})
	}
}

// Each direct message that shows the request's state is updated, and so is the reply that
// the access is ready: what they show follows from the row and their purpose. Reminders,
// other replies and failed attempts are not.
func TestDirectPosts(t *testing.T) {
	r := pending(approved, granted)
	r.Posts = map[string]access.Post{
		PurposeAnnounce: {Channel: "C1", TS: "1"}, "granted": {Channel: "C1", TS: "2"}, "revoked": {Channel: "C1", TS: "7"}, "remind-1": {Channel: "C1", TS: "3"},
		"dm-announce": {Channel: "D1", TS: "4"}, "dm-granted": {Channel: "D1"},
		"approver-U0DAVE": {Channel: "D2", TS: "5"}, "approver-remind-1-U0DAVE": {Channel: "D2", TS: "6"}, "approver-U0EVE": {Failed: true},
	}
	want := map[string]Message{"approver-U0DAVE": ApproverMessage(r, "U0DAVE"), "dm-announce": DirectMessage("announce", r), "dm-granted": DirectMessage("granted", r), "granted": ThreadMessage("granted", r)}
	for i, s := range DirectPosts(r) {
		purpose := s.Message.Purpose
		if s.Post != r.Posts[purpose] || s.Message.Digest() != want[purpose].Digest() {
			t.Errorf("post %d, %s: %+v", i, purpose, s)
		}
		delete(want, purpose)
	}
	if len(want) > 0 {
		t.Errorf("without %v", want)
	}
	if got := StatePurposes(r); strings.Join(got, " ") != "announce approver-U0DAVE dm-announce dm-granted granted" {
		t.Errorf("purposes %q", got)
	}
}

// The message in the channel and the one to a requester outside it say who was not notified,
// and whether that is known, until the request is decided.
func TestReachedIsShown(t *testing.T) {
	known := pending(reached([]access.Person{bob}, carol))
	unknown := pending(membersUnknown)
	lost, unchecked := "Not notified (weren't in %s): @U0CAROL", "Notifications: the app couldn't check who is in %s. Approvers outside it may not know about this request."
	for _, tt := range []struct {
		m    Message
		want string
	}{
		{RequestMessage(known), fmt.Sprintf(lost, "this channel")},
		{DirectMessage(PurposeAnnounce, known), fmt.Sprintf(lost, "the channel")},
		{RequestMessage(unknown), fmt.Sprintf(unchecked, "this channel")},
		{DirectMessage(PurposeAnnounce, unknown), fmt.Sprintf(unchecked, "the channel")},
	} {
		if text := shownWithMentions(t, tt.m); !strings.Contains(text, tt.want) {
			t.Errorf("want %q in %s", tt.want, text)
		}
	}
	denied := outcome(access.OutcomeDenied, bob, "", "")
	denied(&known)
	denied(&unknown)
	for _, r := range []access.Request{known, unknown} {
		for _, m := range []Message{RequestMessage(r), DirectMessage(PurposeAnnounce, r), ApproverMessage(pending(), bob.SlackID)} {
			if text := shownWithMentions(t, m); strings.Contains(text, "otifi") {
				t.Errorf("%s", text)
			}
		}
	}
}

func TestInText(t *testing.T) {
	for name, want := range map[string]string{
		"shop-production":           "shop-production",
		"AWS_ReadOnly_2":            "AWS_ReadOnly_2",
		"_italic_ x_ _y":            "＿italic＿ x＿ ＿y",
		"*bold* ~gone~ `code`":      "∗bold∗ ∼gone∼ ˋcodeˋ",
		":skull: @channel":          "∶skull∶ ＠channel",
		"<!channel> <@U1> <#C1>":    "&lt;!channel&gt; &lt;＠U1&gt; &lt;#C1&gt;",
		"<https://evil.test|x> R&D": "&lt;https∶//evil.test∣x&gt; R&amp;D",
		"&lt;!channel&gt;":          "&amp;lt;!channel&amp;gt;",
		"":                          "",
	} {
		if got := inText(name); got != want {
			t.Errorf("inText(%q) = %q, want %q", name, got, want)
		}
	}
}

// ownSequence is what the app itself writes into a fallback text: a mention or a time.
var ownSequence = regexp.MustCompile(`<@([A-Z0-9]+)>|<!date\^-?[0-9]+\^\{date_short_pretty\} at \{time\}\|[0-9A-Za-z :]+>`)

// meaningIn returns what mrkdwn would read in a fallback text, apart from the app's own
// sequences, and what people typed into the form.
func meaningIn(text string, r access.Request) (problems []string) {
	for _, found := range ownSequence.FindAllStringSubmatch(text, -1) {
		if id := found[1]; id != "" && id != r.Requester.SlackID {
			problems = append(problems, "mentions "+id)
		}
	}
	rest := ownSequence.ReplaceAllString(text, "")
	for _, title := range titles {
		rest = strings.TrimPrefix(rest, title)
	}
	// ":" is left between our own words: "@Alice: Admin".
	rest = strings.Replace(rest, ": ", " ", 1)
	if strings.ContainsAny(rest, "<>*~`:@|\n") || !printable(text) {
		problems = append(problems, "has markup")
	}
	if marked := markedWord.FindString(rest); marked != "" {
		problems = append(problems, "has italics "+marked)
	}
	for _, typed := range []string{r.Reason, r.Ticket} {
		if typed = clean(typed); len(typed) > 3 && typed != clean(r.Target.AccountName) && strings.Contains(text, typed) {
			problems = append(problems, "has what was typed, "+typed)
		}
	}
	return problems
}

// markedWord is a word that mrkdwn shows in italics.
var markedWord = regexp.MustCompile(`(^|[^\pL\pN])_|_([^\pL\pN]|$)`)

// checked checks a message against its golden file, Slack's limits, and this project's
// rules about buttons and user text.
func checked(t *testing.T, name string, m Message, r access.Request) {
	t.Helper()
	sent := generic(t, posted(m))
	for _, p := range checkMessage(sent) {
		t.Errorf("%s: %s", name, p)
	}
	if m.EventType != "sso_elevator" || m.RequestID != r.ID || m.Purpose == "" {
		t.Errorf("%s: metadata %q %q %q", name, m.EventType, m.RequestID, m.Purpose)
	}
	for _, p := range meaningIn(m.Text, r) {
		t.Errorf("%s: the fallback text %s: %s", name, p, m.Text)
	}
	raw, _ := json.Marshal(m.Blocks)
	for _, s := range []string{"\u202e", "\u2067", `\u0000`} {
		if strings.Contains(string(raw), s) {
			t.Errorf("%s: the blocks have %q", name, s)
		}
	}
	for _, b := range list(sent["blocks"]) {
		for _, e := range list(object(b)["elements"]) {
			button := object(e)
			if button["type"] != "button" {
				continue
			}
			want := any(r.ID)
			if id := button["action_id"]; id == ActionFindingRemove || id == ActionFindingLeave {
				// Such a button names one finding of the run.
				value, _ := button["value"].(string)
				if ref, ok := access.ParseButtonValue(value); ok && ref.Run == r.ID {
					want = ref.ButtonValue()
				}
			}
			if button["value"] != want {
				t.Errorf("%s: button's value %v, want %v", name, button["value"], want)
			}
		}
	}
	if word := internalWord.FindString(shown(t, m)); word != "" {
		t.Errorf("%s: people read %q, which is a word of the code", name, word)
	}
	golden(t, "message_"+name, posted(m))
}

// markupLink matches a link in mrkdwn. Its group is the link's text.
var markupLink = regexp.MustCompile(`<https://[^<>|]+\|([^<>|]+)>`)

// internalWord matches internal words that readers in Slack don't know.
var internalWord = regexp.MustCompile(`(?i)\b(leases?|tables?|rows?|sweeps?|executions?|drift|tokens?|state machines?|discard(ed)?)\b`)

// TestLongReasonIsCut checks that a message within Slack's limit shows all of the reason,
// and a longer one as much as there is room for.
func TestLongReasonIsCut(t *testing.T) {
	shownReason := func(r access.Request) (reason string, links int) {
		m := RequestMessage(r)
		for _, p := range checkMessage(generic(t, posted(m))) {
			t.Error(p)
		}
		for _, b := range m.Blocks {
			if b, ok := b.(*slackgo.RichTextBlock); ok {
				for _, e := range b.Elements {
					if quote, ok := e.(*slackgo.RichTextQuote); ok {
						text, addresses := pieces(t, quote.Elements)
						reason, links = reason+text, len(addresses)
					}
				}
			}
		}
		return reason, links
	}
	addresses := strings.Repeat("http://a/ ", access.MaxReasonLength/10-1) + "x"
	long := strings.TrimSpace(strings.Repeat("https://a.test/"+strings.Repeat("x", 480)+" ", 6))
	for _, tt := range []struct {
		name    string
		reason  string
		longest bool // whether everything else is, too
		least   int  // characters that are shown at least; 0: all
		links   int
		drops   bool // the lines about the requester's access
	}{
		{"short", "deploy", false, 0, 0, false},
		{"short, in the longest message", "deploy", true, 0, 0, false},
		{"the longest", strings.Repeat("r", access.MaxReasonLength), false, 0, 0, false},
		{"the longest, in the longest message", strings.Repeat("r", access.MaxReasonLength), true, 1600, 0, true},
		{"six characters each as JSON", strings.Repeat("<", access.MaxReasonLength), false, 1300, 0, false},
		{"a link", "see https://a.test/b", false, 0, 1, false},
		{"a link, in the longest message", "see https://a.test/b", true, 0, 1, false},
		{"many links", addresses, false, 0, maxReasonLinks, false},
		{"many links, in the longest message", addresses, true, 1600, 0, true},
		{"long links", long, false, 0, 6, false},
		{"long links, in the longest message", long, true, 1600, 0, true},
	} {
		r := pending(withTicket, before(func(*access.Background) {}))
		if tt.longest {
			longest(&r)
		}
		r.Reason = tt.reason
		got, links := shownReason(r)
		if drops := !strings.Contains(shownWithMentions(t, RequestMessage(r)), "Last 30 days"); drops != tt.drops {
			t.Errorf("%s: dropped the lines about the requester's access: %t, want %t", tt.name, drops, tt.drops)
		}
		start, isCut := strings.CutSuffix(got, "…")
		if isCut != (tt.least > 0) || !strings.HasPrefix(tt.reason, start) || len(start) < tt.least {
			t.Errorf("%s: %d of %d characters are shown, want at least %d: %.20q", tt.name, len(start), len(tt.reason), tt.least, got)
		}
		if links != tt.links {
			t.Errorf("%s: %d links, want %d", tt.name, links, tt.links)
		}
	}
}

// TestButtonsAndColours states in a table what the golden files show in full.
func TestButtonsAndColours(t *testing.T) {
	tests := []struct {
		request string
		colour  string
		buttons string
	}{
		{"pending", "🟡", "approve deny withdraw"},
		{"pending_several", "🟡", "approve deny withdraw"},
		{"pending_several_one", "🟡", "approve deny take_back withdraw"},
		{"approved_several", "🔵", ""},
		{"denied_several", "🔴", ""},
		{"approved", "🔵", ""},
		{"automatic", "🔵", ""},
		{"active", "🟢", "end"},
		{"ending", "🟠", ""},
		{"stuck", "🟠", ""},
		{"removing", "🟠", ""},
		{"ended", "⚪", "ask_again"},
		{"ended_after_trouble", "⚪", "ask_again"},
		{"already_gone", "⚪", "ask_again"},
		{"kept", "⚪", ""},
		{"kept_until", "⚪", ""},
		{"foreign", "⚪", ""},
		{"denied", "🔴", ""},
		{"denied_reason", "🔴", ""},
		{"denied_hostile", "🔴", ""},
		{"denied_longest", "🔴", ""},
		{"withdrawn", "⚫", "ask_again"},
		{"expired", "⚫", "ask_again"},
		{"refused_no_statements", "🔴", ""},
		{"failed", "🔴", "ask_again"},
		{"failed_foreign", "🔴", ""},
		{"failed_unknown", "🔴", "ask_again"},
		{"rebuilt", "⚪", ""},
		{"rebuilt_removing", "🟠", ""},
		{"rebuilt_never_confirmed", "🔴", ""},
		{"interrupted", "🔴", "ask_again"},
		{"interrupted_tombstoned", "🔴", "ask_again"},
		{"interrupted_closed", "🔴", "ask_again"},
		{"interrupted_revoked", "🔴", "ask_again"},
	}
	all := requests()
	for _, tt := range tests {
		t.Run(tt.request, func(t *testing.T) {
			m := RequestMessage(all[tt.request])
			blocks := list(generic(t, posted(m))["blocks"])
			heading, _ := object(object(blocks[0])["text"])["text"].(string)
			if !strings.HasPrefix(heading, tt.colour) || !strings.HasPrefix(m.Text, tt.colour) {
				t.Errorf("heading %q, fallback %q, want %s", heading, m.Text, tt.colour)
			}
			var ids []string
			for _, b := range blocks {
				if object(b)["type"] == "actions" {
					for _, e := range list(object(b)["elements"]) {
						ids = append(ids, object(e)["action_id"].(string))
					}
				}
			}
			if got := strings.Join(ids, " "); got != tt.buttons {
				t.Errorf("buttons %q, want %q", got, tt.buttons)
			}
		})
	}
}

// A message about removed access says what a removal doesn't do. If nothing was
// removed, it says nothing about that.
func TestEndedSaysThatSessionsGoOn(t *testing.T) {
	all := requests()
	for name, want := range map[string]bool{
		"ended": true, "ended_early": true, "ended_gone": true, "ended_after_trouble": true, "ended_by_failure": true, "already_gone": true,
		"ended_nothing": false, "kept": false, "foreign": false, "active": false, "denied": false,
	} {
		for where, m := range map[string]Message{
			"request": RequestMessage(all[name]), "thread": ThreadMessage(PurposeRevoked, all[name]), "direct": DirectMessage(PurposeRevoked, all[name]),
		} {
			raw, err := json.Marshal(m.Blocks)
			if err != nil {
				t.Fatal(err)
			}
			if got := strings.Contains(string(raw), "Open sessions stay active"); got != want {
				t.Errorf("%s, %s: says that sessions go on: %t, want %t", name, where, got, want)
			}
		}
	}
}

// mentions returns the users that a message mentions.
func mentions(t *testing.T, m Message) map[string]bool {
	t.Helper()
	found := map[string]bool{}
	for _, b := range list(generic(t, posted(m))["blocks"]) {
		for _, section := range list(object(b)["elements"]) {
			for _, e := range list(object(section)["elements"]) {
				if id, ok := object(e)["user_id"].(string); ok {
					found[id] = true
				}
			}
		}
	}
	return found
}

func TestMentions(t *testing.T) {
	all := requests()
	tests := []struct {
		name string
		m    Message
		want []string
	}{
		{"pending tags the approvers", RequestMessage(all["pending"]), []string{"U0ALICE", "U0BOB", "U0CAROL"}},
		{"a reminder tags only them", ThreadMessage(PurposeRemind, all["pending"]), []string{"U0BOB", "U0CAROL"}},
		{"a request that needs several approvals tags all approvers", RequestMessage(all["pending_two_statements"]), []string{"U0ALICE", "U0BOB", "U0CAROL", "U0DAN"}},
		{"a reminder tags nobody who approved", ThreadMessage(PurposeRemind, all["pending_several_one"]), []string{"U0CAROL", "U0DAN"}},
		{"a reminder tags nobody whose statement has its approvals", ThreadMessage(PurposeRemind, all["pending_two_statements_one"]), []string{"U0BOB"}},
		{"a reminder tags again whose approval lapsed", ThreadMessage(PurposeRemind, all["pending_several_not_permitted"]), []string{"U0BOB", "U0CAROL", "U0DAN"}},
		{"approved by several names all whose approval counted", RequestMessage(all["approved_several"]), []string{"U0ALICE", "U0BOB", "U0CAROL"}},
		{"decided names who decided", RequestMessage(all["denied"]), []string{"U0ALICE", "U0BOB"}},
		{"who requested is not known", RequestMessage(all["rebuilt"]), nil},
		{"what is typed mentions nobody", RequestMessage(all["pending_hostile"]), []string{"U0BOB", "U0CAROL"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got := mentions(t, tt.m)
			for _, id := range tt.want {
				if !got[id] {
					t.Errorf("%s is not mentioned", id)
				}
			}
			if len(got) != len(tt.want) {
				t.Errorf("mentions %v, want %v", got, tt.want)
			}
		})
	}
	if got := mentions(t, RequestMessage(all["pending_longest"])); len(got) != 61 {
		t.Errorf("%d people are mentioned, want the requester and 60 approvers", len(got))
	}
}

func TestConsoleURL(t *testing.T) {
	tests := []struct{ name, arn, want string }{
		{"commercial", "arn:aws:states:eu-central-1:123456789012:execution:m:e-1",
			"https://eu-central-1.console.aws.amazon.com/states/home?region=eu-central-1#/v2/executions/details/arn:aws:states:eu-central-1:123456789012:execution:m:e-1"},
		{"China", "arn:aws-cn:states:cn-north-1:123456789012:execution:m:e-1",
			"https://cn-north-1.console.amazonaws.cn/states/home?region=cn-north-1#/v2/executions/details/arn:aws-cn:states:cn-north-1:123456789012:execution:m:e-1"},
		{"GovCloud", "arn:aws-us-gov:states:us-gov-west-1:123456789012:execution:m:e-1",
			"https://us-gov-west-1.console.amazonaws-us-gov.com/states/home?region=us-gov-west-1#/v2/executions/details/arn:aws-us-gov:states:us-gov-west-1:123456789012:execution:m:e-1"},
		{"empty", "", ""},
		{"a machine", "arn:aws:states:eu-central-1:123456789012:stateMachine:m", ""},
		{"not only an ARN", "arn:aws:states:eu-central-1:123456789012:execution:m:e|<!channel>", ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if got := ConsoleURL(tt.arn); got != tt.want {
				t.Errorf("got %q, want %q", got, tt.want)
			}
		})
	}
}

// The link for operators is small, and the only markup in the blocks of messages. Only the ARN of an
// execution becomes a link.
func TestOperatorsLink(t *testing.T) {
	r := pending()
	find := func(arn string) (contexts int) {
		r.ExecutionARN = arn
		for _, b := range RequestMessage(r).Blocks {
			if b.BlockType() == slackgo.MBTContext {
				contexts++
			}
		}
		return contexts
	}
	const arn = "arn:aws:states:eu-central-1:123456789012:execution:m:e-1"
	if got := find(arn); got != 1 {
		t.Errorf("%s: %d context blocks, want 1", arn, got)
	}
	for _, hostile := range []string{"", arn + "|<!channel>", arn + ">", arn + " *b*", arn + "\n", arn + "/:x:", "x" + arn} {
		if got := find(hostile); got != 0 {
			t.Errorf("%q: %d context blocks, want none", hostile, got)
		}
	}
}

func TestClean(t *testing.T) {
	tests := []struct{ name, give, line, lines string }{
		{"plain", " text ", "text", "text"},
		{"lines", "a\r\n\tb\rc\n\n", "a   b c", "a\n b\nc"},
		{"separators", "a\u2028b\u2029c", "a b c", "a b c"},
		{"turned around", "\u202Eevil\u202C \u2066x\u2069 \u061Cy\u200E", "evil x y", "evil x y"},
		{"Hebrew stays", "שלום", "שלום", "שלום"},
		{"markup stays", "*b* <!here> :x: &amp;", "*b* <!here> :x: &amp;", "*b* <!here> :x: &amp;"},
		{"not UTF-8", "a\xffb", "a\uFFFDb", "a\uFFFDb"},
		{"emoji of several parts stays", "👩‍💻", "👩‍💻", "👩‍💻"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if got := clean(tt.give); got != tt.line {
				t.Errorf("clean %q, want %q", got, tt.line)
			}
			if got := cleanLines(tt.give); got != tt.lines {
				t.Errorf("cleanLines %q, want %q", got, tt.lines)
			}
		})
	}
}
