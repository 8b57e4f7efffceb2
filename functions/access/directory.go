package access

import (
	"slices"
	"time"
)

// DirectoryPageSize is how many items one page of Identity Center's lists has at
// most (API references of SSO Admin and the Identity Store, MaxResults).
const DirectoryPageSize = 100

// Account is an account of the organization.
type Account struct {
	ID   string // twelve digits
	Name string
	// Management is true for the organization's management account, if
	// Organizations listed it.
	Management bool
	// JoinedAt is when it joined the organization. Zero if that is not known.
	JoinedAt time.Time
}

// PermissionSet is a permission set of the Identity Center instance.
type PermissionSet struct {
	ARN  string
	Name string
	// Session is how long a session with it lasts. Zero if that is not known.
	Session time.Duration
	// Description is what its author wrote, cut to MaxDescriptionLength characters; empty
	// if it is not known.
	Description string
}

// MaxDescriptionLength is how much of a permission set's description is kept, in
// characters. AWS allows 700 (CreatePermissionSet, "Description").
const MaxDescriptionLength = 150

// Group is a group of the identity store.
type Group struct {
	ID   string
	Name string
	// Provisioned is true if an identity provider manages the group through SCIM.
	// Then the Identity Store has identifiers that the provider gave the group
	// (ExternalIds).
	Provisioned bool
}

// Assignment is a direct assignment of a user, not one through a group.
type Assignment struct {
	AccountID        string
	PermissionSetARN string
	UserID           string
}

// Membership is a user's membership in a group.
type Membership struct {
	ID     string
	UserID string
}

// User is a user of Identity Center.
type User struct {
	ID          string
	UserName    string
	DisplayName string
	Emails      []string // as Identity Center has them
	// Disabled reports whether someone disabled the user.
	Disabled bool
}

// HasEmail reports whether email is one of the user's, ignoring the case of the
// letters A to Z.
func (u User) HasEmail(email string) bool {
	return slices.ContainsFunc(u.Emails, func(has string) bool { return SameEmail(has, email) })
}

// UserStatus is whether a user can still use Identity Center.
type UserStatus string

const (
	UserEnabled  UserStatus = "enabled"
	UserDisabled UserStatus = "disabled"
	UserDeleted  UserStatus = "deleted"
)

// Gone reports whether the user is disabled or deleted.
func (s UserStatus) Gone() bool { return s == UserDisabled || s == UserDeleted }

// StatusOf returns the status of a user who was looked up.
func StatusOf(user User, found bool) UserStatus {
	switch {
	case !found:
		return UserDeleted
	case user.Disabled:
		return UserDisabled
	}
	return UserEnabled
}
