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
	Account       string `json:"account" placeholder:"ID" help:"Id of the account that they request."`
	PermissionSet string `json:"permission_set" placeholder:"NAME" help:"Name of the permission set that they request."`
	Group         string `json:"group" placeholder:"ID" help:"Id of the group that they request, instead of an account."`
	Approver      string `json:"approver" placeholder:"EMAIL" help:"Email of a person who might press Approve."`
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
		mistake("requester is missing: the email of who asks")
	case !settings.ValidEmail(access.NormalizeEmail(q.Requester)):
		mistake("requester %q is not an email address", q.Requester)
	}
	switch {
	case q.Group != "" && (q.Account != "" || q.PermissionSet != ""):
		mistake("a group and an account can't be asked for at once")
	case q.Group != "":
		if !settings.ValidGroupID(q.Group) {
			mistake("group %q is not a group's id, like 99999999-8888-7777-6666-555555555555", q.Group)
		}
	case q.Account == "" && q.PermissionSet == "":
		mistake("what is asked for is missing: account and permission set, or group")
	case q.Account == "":
		mistake("account is missing: the id of the account asked for")
	case q.PermissionSet == "":
		mistake("permission set is missing: the name of the one asked for")
	}
	if q.Group == "" && q.Account != "" && !settings.ValidAccountID(q.Account) {
		mistake("account %q is not an account's id, which has twelve digits", q.Account)
	}
	if q.Group == "" && q.PermissionSet != "" && !settings.ValidPermissionSet(q.PermissionSet) {
		mistake("permission set %q is not a permission set's name: up to 32 of letters, digits and _+=,.@-", q.PermissionSet)
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
	a := answer{Decision: policy.Decide(q.Requester, q.target())}
	if q.Approver != "" {
		a.Permitted = new(policy.Permits(q.Requester, q.Approver, q.target()))
	}
	return a
}
