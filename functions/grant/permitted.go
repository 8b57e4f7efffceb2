package grant

import (
	"time"

	"sso-elevator/functions/access"
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

// checkDecision refuses unless the row has a decision that the policy in force
// permits, made by someone who may make it. c is the request as the policy sees it, and
// approver the person who decided. An approver must have a user in Identity
// Center, which ingress found. Without that user, we could not rule out that they are
// the requester under another email.
func checkDecision(r access.Request, policy *access.Index, c *access.Case, approver access.Identity) error {
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

	decision := policy.Decide(c)
	if decision.Reason == access.ReasonDurationTooLong {
		return refuse("the current policy allows this access for at most " + access.FormatDuration(time.Duration(decision.MaxDuration)*time.Second))
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

	by := r.Outcome.By
	if by.SlackID == "" || by.Email == "" {
		return refuse("the approver is unknown")
	}
	if by.PrincipalID == "" {
		return refuse("the approver has no user in IAM Identity Center")
	}
	if by.SecondaryDomain {
		return refuse("the approver was found under a fallback domain and can't approve requests")
	}
	if !policy.Permits(c, approver) {
		return refuse("the current policy does not let the approver approve this")
	}
	self := by.SlackID == r.Requester.SlackID || by.PrincipalID == r.Requester.PrincipalID ||
		access.NormalizeEmail(by.Email) == access.NormalizeEmail(r.Requester.Email)
	if self && (r.Requester.SecondaryDomain || !policy.Permits(c, c.Requester)) {
		return refuse("the current policy does not let the requester approve their own request")
	}
	return nil
}
