package accesstest

import "sso-elevator/functions/access"

// Case returns a request for t by a person with that email, who is in no group.
func Case(email string, t access.Target) *access.Case {
	return &access.Case{Requester: access.Identity{Email: email}, Target: t}
}

// Decide returns the decision about a request by a person who is in no group.
func Decide(p access.Policy, requester string, t access.Target) access.Decision {
	return access.NewIndex(&p).Decide(Case(requester, t))
}

// Permits reports whether a person may approve a request. Neither person is in a group.
func Permits(p access.Policy, requester, approver string, t access.Target) bool {
	return access.NewIndex(&p).Permits(Case(requester, t), access.Identity{Email: approver})
}
