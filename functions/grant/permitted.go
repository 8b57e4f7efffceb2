package grant

import (
	"sso-elevator/functions/access"
)

// ours says whether the row is one that this execution may grant at all. The
// execution's input says nothing: whoever can start an execution can write it.
func ours(r access.Request, execution string) error {
	switch {
	case execution == "" || r.ExecutionARN != execution:
		return access.Errorf(access.CodeRefused, "this execution is not the request's own")
	case r.Tombstone:
		return access.Errorf(access.CodeRefused, "the request was given up: its execution was not seen to run")
	case !r.ClosedAt.IsZero():
		return access.Errorf(access.CodeRefused, "the request is closed")
	case !r.RevokingAt.IsZero() || !r.RevokedAt.IsZero():
		return access.Errorf(access.CodeRefused, "the request is over: its removal has begun")
	}
	return nil
}

// decided says whether the row holds a decision that the policy permits as it
// is now, made by somebody who may make it. An approver has a user in Identity
// Center, which ingress found: without it nobody could tell that they are not
// the requester under another email.
func decided(r access.Request, policy access.Policy) error {
	refuse := func(why string) error { return access.Errorf(access.CodeRefused, "%s", why) }
	if r.Outcome == nil || !r.Outcome.Kind.Grants() {
		return refuse("the request is not approved")
	}
	if r.Requester.PrincipalID == "" || r.Requester.Email == "" || r.Requester.SlackID == "" {
		return refuse("it is not known who the requester is")
	}
	if r.Duration <= 0 || r.Duration > access.MaxWaitSeconds {
		return refuse("the duration is out of range")
	}
	if r.Target.Kind == access.KindAccount && r.Target.PermissionSetARN == "" {
		return refuse("the permission set is not known")
	}

	if r.Outcome.Kind == access.OutcomeAutomatic {
		decision := policy.Decide(r.Requester.Email, r.Target)
		if decision.Outcome != access.DecideAutomatic {
			return refuse("the policy in force does not grant this without an approval")
		}
		if decision.Reason == access.ReasonSelfApproval && r.Requester.SecondaryDomain {
			return refuse("the requester was found under a fallback domain, and such a person approves nothing")
		}
		return nil
	}

	by := r.Outcome.By
	if by.SlackID == "" || by.Email == "" {
		return refuse("it is not known who approved")
	}
	if by.PrincipalID == "" {
		return refuse("the approver is not known to Identity Center")
	}
	if by.SecondaryDomain {
		return refuse("the approver was found under a fallback domain, and such a person approves nothing")
	}
	if !policy.Permits(r.Requester.Email, by.Email, r.Target) {
		return refuse("the policy in force does not let the approver approve this")
	}
	self := by.SlackID == r.Requester.SlackID || by.PrincipalID == r.Requester.PrincipalID ||
		access.NormalizeEmail(by.Email) == access.NormalizeEmail(r.Requester.Email)
	if self && (r.Requester.SecondaryDomain || !policy.Permits(r.Requester.Email, r.Requester.Email, r.Target)) {
		return refuse("the approver is the requester, whom the policy in force does not let approve this")
	}
	return nil
}
