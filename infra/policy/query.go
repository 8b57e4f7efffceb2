package policy

import (
	"errors"
	"fmt"

	"sso-elevator/functions/access"
	"sso-elevator/infra/settings"
)

// query is one question about the policy. Fields that were not given are empty.
type query struct {
	Requester     string `json:"requester" placeholder:"EMAIL" help:"Email of the requester."`
	Account       string `json:"account" placeholder:"ID" help:"Id of the requested account."`
	PermissionSet string `json:"permission_set" placeholder:"NAME" help:"Name of the requested permission set."`
	Group         string `json:"group" placeholder:"ID" help:"Id of the requested group, instead of an account."`
	Approver      string `json:"approver" placeholder:"EMAIL" help:"Also say whether the person with this email can approve the request."`
}

// answer is what the policy decides. The output has the fields in this order.
type answer struct {
	access.Decision
	Permitted *bool `json:"permitted,omitempty"` // nil if the query has no approver
}

// check returns all mistakes in the query, one per line, or nil.
func (q query) check() error {
	var mistakes []error
	mistake := func(format string, args ...any) { mistakes = append(mistakes, fmt.Errorf(format, args...)) }
	switch {
	case q.Requester == "":
		mistake("requester is missing: give the requester's email")
	case !settings.ValidEmail(access.NormalizeEmail(q.Requester)):
		mistake("requester %q is not an email address", q.Requester)
	}
	switch {
	case q.Group != "" && (q.Account != "" || q.PermissionSet != ""):
		mistake("give a group, or an account and a permission set, not both")
	case q.Group != "":
		if !settings.ValidGroupID(q.Group) {
			mistake("group %q is not a group id like 99999999-8888-7777-6666-555555555555", q.Group)
		}
	case q.Account == "" && q.PermissionSet == "":
		mistake("target is missing: give an account and a permission set, or a group")
	case q.Account == "":
		mistake("account is missing: give the account's id")
	case q.PermissionSet == "":
		mistake("permission set is missing: give its name")
	}
	if q.Group == "" && q.Account != "" && !settings.ValidAccountID(q.Account) {
		mistake("account %q is not an account id (12 digits)", q.Account)
	}
	if q.Group == "" && q.PermissionSet != "" && !settings.ValidPermissionSet(q.PermissionSet) {
		mistake("permission set %q is not the name of a permission set (up to 32 letters, digits and _+=,.@-)", q.PermissionSet)
	}
	if q.Approver != "" && !settings.ValidEmail(access.NormalizeEmail(q.Approver)) {
		mistake("approver %q is not an email address", q.Approver)
	}
	return errors.Join(mistakes...)
}

// target returns the access that the query asks about.
func (q query) target() access.Target {
	if q.Group != "" {
		return access.Target{Kind: access.KindGroup, GroupID: q.Group}
	}
	return access.Target{Kind: access.KindAccount, AccountID: q.Account, PermissionSet: q.PermissionSet}
}

// decide answers a query that has passed check.
func (q query) decide(policy *access.Index) answer {
	c := access.Case{Requester: access.Identity{Email: q.Requester}, Target: q.target()}
	a := answer{Decision: policy.Decide(&c)}
	if q.Approver != "" {
		a.Permitted = new(policy.Permits(&c, access.Identity{Email: q.Approver}))
	}
	return a
}
