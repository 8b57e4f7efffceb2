package access

import (
	"fmt"
	"strings"
)

// Kind says what a person asks for: access to an account through a permission
// set, or membership in a group of Identity Center.
type Kind string

const (
	KindAccount Kind = "account"
	KindGroup   Kind = "group"
)

// Target is what access is asked for. The policy looks at AccountID and
// PermissionSet, or at GroupID; Identity Center works with AccountID and
// PermissionSetARN, or with GroupID; the names are for people.
type Target struct {
	Kind Kind `json:"kind"`

	AccountID        string `json:"account_id,omitempty"` // twelve digits
	AccountName      string `json:"account_name,omitempty"`
	PermissionSet    string `json:"permission_set,omitempty"` // name, as the policy writes it
	PermissionSetARN string `json:"permission_set_arn,omitempty"`

	GroupID   string `json:"group_id,omitempty"`
	GroupName string `json:"group_name,omitempty"`
}

// Key identifies the target among all targets. It has no names in it, so it
// does not change when an account or a group is renamed.
func (t Target) Key() string {
	if t.Kind == KindGroup {
		return string(KindGroup) + "#" + t.GroupID
	}
	return string(KindAccount) + "#" + t.AccountID + "#" + t.PermissionSetARN
}

// OutOfReach says whether AWS lets nobody who runs in account give access to the
// target: it is the organization's management account, and account is another
// one, to which the administration of Identity Center is delegated. Where the
// management account is not known, "", nothing is out of reach.
func (t Target) OutOfReach(account, management string) bool {
	return t.Kind == KindAccount && management != "" && t.AccountID == management && account != management
}

// String is the target as logs and errors show it.
func (t Target) String() string {
	if t.Kind == KindGroup {
		return fmt.Sprintf("group %s", t.GroupID)
	}
	name := t.PermissionSet
	if name == "" {
		name = t.PermissionSetARN[strings.LastIndexByte(t.PermissionSetARN, '/')+1:]
	}
	return fmt.Sprintf("permission set %s in account %s", name, t.AccountID)
}

// Subject is a target together with the Identity Center user who gets it: the
// pair that an assignment or a membership connects, and that a lease guards.
type Subject struct {
	Target
	PrincipalID string `json:"principal_id"` // Identity Store user id
}

// Key identifies the subject; a lease is stored under it.
func (s Subject) Key() string { return s.Target.Key() + "#" + s.PrincipalID }
