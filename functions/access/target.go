package access

import (
	"fmt"
	"strings"
)

// Kind is what a person requests: access to an account through a permission set,
// or membership in a group of Identity Center.
type Kind string

const (
	KindAccount Kind = "account"
	KindGroup   Kind = "group"
)

// Target is what a person requests access to. The policy is matched against AccountID
// and PermissionSet, or GroupID. Calls to Identity Center use AccountID and
// PermissionSetARN, or GroupID. The names are for people.
type Target struct {
	Kind Kind `json:"kind"`

	AccountID        string `json:"account_id,omitempty"` // twelve digits
	AccountName      string `json:"account_name,omitempty"`
	PermissionSet    string `json:"permission_set,omitempty"` // its name, as in the policy
	PermissionSetARN string `json:"permission_set_arn,omitempty"`

	GroupID   string `json:"group_id,omitempty"`
	GroupName string `json:"group_name,omitempty"`
}

// Key identifies the target among all targets. It contains no names, so it stays the
// same if an account or a group is renamed.
func (t Target) Key() string {
	if t.Kind == KindGroup {
		return string(KindGroup) + "#" + t.GroupID
	}
	return string(KindAccount) + "#" + t.AccountID + "#" + t.PermissionSetARN
}

// OutOfReach reports whether AWS lets nobody in account give access to the target.
// That is so if the target is the organization's management account and account is
// another one, to which the administration of Identity Center is delegated. If
// management is unknown (""), nothing is out of reach.
func (t Target) OutOfReach(account, management string) bool {
	return t.Kind == KindAccount && management != "" && t.AccountID == management && account != management
}

// String returns the target as logs and errors show it.
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

// Subject is a target and the Identity Center user who gets access to it: one
// possible assignment or membership. Each lease is about one subject.
type Subject struct {
	Target
	PrincipalID string `json:"principal_id"` // Identity Store user id
}

// Key identifies the subject; a lease is stored under it.
func (s Subject) Key() string { return s.Target.Key() + "#" + s.PrincipalID }

// PrincipalOf returns the principal of the subject with that key. Its id has no "#".
func PrincipalOf(key string) string { return key[strings.LastIndexByte(key, '#')+1:] }
