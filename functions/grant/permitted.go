package grant

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"sso-elevator/functions/access"
	"sso-elevator/slack"
)

// checkRequest refuses if this execution may not grant the request. The
// execution's input is not trusted: anyone who can start an execution can write it.
func checkRequest(r access.Request, execution string) error {
	switch {
	case execution == "" || r.ExecutionARN != execution:
		return access.Errorf(access.CodeRefused, "the request belongs to another execution")
	case r.Tombstone:
		return access.Errorf(access.CodeRefused, "the sweep closed this request because its execution was not running")
	case r.IsClosed():
		return access.Errorf(access.CodeRefused, "the request is closed")
	case r.IsOver():
		return access.Errorf(access.CodeRefused, "the request is over: its removal has begun")
	}
	return nil
}

// checkRow returns Refused if the row alone shows that nothing can be granted.
func checkRow(r access.Request) error {
	refuse := func(why string) error { return access.Errorf(access.CodeRefused, "%s", why) }
	if !r.IsApproved() {
		return refuse("the request is not approved")
	}
	if r.Requester.PrincipalID == "" || r.Requester.Email == "" || r.Requester.SlackID == "" {
		return refuse("the requester is unknown")
	}
	if r.Duration <= 0 || r.Duration > access.MaxWaitSeconds {
		return refuse("the duration is out of range")
	}
	if r.Target.Kind == access.KindAccount && r.Target.PermissionSetARN == "" {
		return refuse("the permission set is unknown")
	}
	return nil
}

// checkDecision refuses unless the row has a decision that the policy in force
// permits, made by those who may make it. c is the request as the policy sees it.
// approvals are those that led to the decision (collectedApprovals), with LapseGone or
// LapseBlocked for approvers who are gone or blocked, and as their approvers. An approver must have a user in Identity
// Center, which ingress found. Without that user, we could not rule out that they are
// the requester under another email.
func checkDecision(r access.Request, policy *access.Index, c *access.Case, approvals []access.Approval, as []access.Identity) error {
	if err := checkRow(r); err != nil {
		return err
	}
	refuse := func(why string) error { return access.Errorf(access.CodeRefused, "%s", why) }
	decision := policy.Decide(c)
	if decision.Reason == access.ReasonDurationTooLong {
		return refuse("the current policy allows this access for at most " + access.FormatDuration(time.Duration(decision.MaxDuration)*time.Second))
	}
	if decision.Reason == access.ReasonTicketMissing {
		return refuse("the current policy requires a ticket that the request doesn't have")
	}
	if r.Outcome.Kind == access.OutcomeAutomatic {
		if decision.Outcome != access.DecideAutomatic {
			return refuse("the current policy requires an approval")
		}
		if decision.Reason == access.ReasonSelfApproval && r.Requester.SecondaryDomain {
			return refuse("the requester was found under a fallback domain and can't approve requests")
		}
		return nil
	}
	tally := policy.Count(c, r, approvals, as)
	switch {
	case tally.Met:
		return nil
	case len(approvals) == 1 && len(tally.Requirements) == 0:
		if approvals[0].Lapse == access.LapseBlocked {
			return refuse("an incident responder blocked the approver")
		}
		return refuse(approverProblem(r, policy, c, approvals[0].By, as[0]))
	}
	return refuse(missingApprovals(r, tally))
}

// checkChain refuses an extension that the policy doesn't grant automatically. chain is how
// long the access would last in all, in seconds.
func checkChain(d access.Decision, chain int64) error {
	switch {
	case d.Outcome == access.DecideAutomatic:
		return nil
	case d.ChainTooLong:
		return access.Errorf(access.CodeRefused, "with this extension, the access would last %s in all, which needs an approval. Submit the request again, so that an approver can decide.",
			access.FormatChain(chain))
	}
	return access.Errorf(access.CodeRefused, "the current policy requires an approval")
}

// approverProblem returns why the approval of the only approver doesn't count.
func approverProblem(r access.Request, policy *access.Index, c *access.Case, by access.Person, as access.Identity) string {
	switch {
	case by.SlackID == "" || by.Email == "":
		return "the approver is unknown"
	case by.PrincipalID == "":
		return "the approver has no user in IAM Identity Center"
	case by.SecondaryDomain:
		return "the approver was found under a fallback domain and can't approve requests"
	case !policy.Permits(c, as):
		return "the current policy does not let the approver approve this"
	}
	return "the current policy does not let the requester approve their own request"
}

// missingApprovals says which approvals the policy in force needs, and which of those
// given don't count.
func missingApprovals(r access.Request, t access.Tally) string {
	var missing, lapsed []string
	for _, q := range t.Requirements {
		if len(q.Given) < q.Needed {
			missing = append(missing, fmt.Sprintf("%d of %d from %s", len(q.Given), q.Needed, slack.ListNames(approverNames(r, q.Approvers))))
		}
	}
	for _, a := range t.Approvals {
		if a.Lapse != "" {
			lapsed = append(lapsed, a.By.Email)
		}
	}
	text := "approvals are missing"
	if len(missing) > 0 {
		text += ": " + strings.Join(missing, ", and ")
	}
	if len(lapsed) > 0 {
		text += ". No longer counted: " + slack.ListNames(lapsed)
	}
	return text
}

// approverNames returns how people see approvers. The row of the request has the names of
// the groups that could approve at the time of the request.
func approverNames(r access.Request, approvers []string) []string {
	names := slices.Clone(approvers)
	for i, a := range names {
		id, ok := access.GroupOf(a)
		if !ok {
			continue
		}
		name := "the group " + id
		for _, g := range r.ApproverGroups {
			if g.Name != "" && strings.EqualFold(g.ID, id) {
				name = g.Name
			}
		}
		names[i] = slack.GroupMembers(name, id)
	}
	return names
}

// collectedApprovals returns the approvals that led to the decision: those that the
// request collected, or else the one in its outcome.
func collectedApprovals(r access.Request) []access.Approval {
	all := slices.Clone(r.Approvals)
	for i := range all {
		all[i].Lapse = ""
	}
	if o := r.Outcome; o != nil && o.Kind == access.OutcomeApproved && r.ApprovalBy(o.By) < 0 {
		all = append(all, access.Approval{By: o.By, At: o.At})
	}
	return all
}
