package identitycenter

import (
	"context"
	"errors"
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/identitystore"
	"github.com/aws/aws-sdk-go-v2/service/identitystore/document"
	idtypes "github.com/aws/aws-sdk-go-v2/service/identitystore/types"

	"sso-elevator/functions/access"
	"sso-elevator/functions/adapters/host"
)

// User is a user of Identity Center.
type User struct {
	ID          string
	UserName    string
	DisplayName string
	Emails      []string // as Identity Center has them
	// Disabled reports whether somebody disabled the user.
	Disabled bool
}

// HasEmail reports whether email is one of the user's, whatever the case of the
// letters A to Z.
func (u User) HasEmail(email string) bool {
	return slices.ContainsFunc(u.Emails, func(has string) bool { return access.SameEmail(has, email) })
}

// emailsOf returns the addresses of a user.
func emailsOf(emails []idtypes.Email) []string {
	var all []string
	for _, e := range emails {
		all = append(all, aws.ToString(e.Value))
	}
	return all
}

// UserStatus is whether somebody can still use Identity Center.
type UserStatus string

const (
	UserEnabled  UserStatus = "enabled"
	UserDisabled UserStatus = "disabled"
	UserDeleted  UserStatus = "deleted"
)

// Gone reports whether the user is disabled or deleted.
func (s UserStatus) Gone() bool { return s == UserDisabled || s == UserDeleted }

// UserStatus looks up the user with that id. Only DISABLED counts as disabled,
// and only "not found" as deleted: a directory that gives no status leaves the
// user enabled. If Identity Center doesn't say either, UserStatus returns an
// error and no status.
func (c *Client) UserStatus(ctx context.Context, principalID string) (UserStatus, error) {
	user, found, err := c.User(ctx, principalID)
	if err != nil {
		return "", err
	}
	return StatusOf(user, found), nil
}

// StatusOf is the status of a user as User returns it.
func StatusOf(user User, found bool) UserStatus {
	switch {
	case !found:
		return UserDeleted
	case user.Disabled:
		return UserDisabled
	}
	return UserEnabled
}

// User looks up the user with that id; found is false if there is none.
func (c *Client) User(ctx context.Context, id string) (user User, found bool, err error) {
	in, err := c.instance(ctx)
	if err != nil {
		return User{}, false, err
	}
	out, err := c.store.DescribeUser(ctx, &identitystore.DescribeUserInput{IdentityStoreId: aws.String(in.identityStoreID), UserId: aws.String(id)})
	if noUser(err) {
		return User{}, false, nil
	}
	if err != nil {
		return User{}, false, host.AWSError(err, "look up user")
	}
	return User{
		ID: id, UserName: aws.ToString(out.UserName), DisplayName: aws.ToString(out.DisplayName), Emails: emailsOf(out.Emails),
		Disabled: out.UserStatus == idtypes.UserStatusDisabled,
	}, true, nil
}

// noUser reports whether err is the Identity Store's word that the user doesn't
// exist. It answers the same for an identity store that doesn't exist, which
// says nothing about the user.
func noUser(err error) bool {
	var none *idtypes.ResourceNotFoundException
	return errors.As(err, &none) && none.ResourceType != idtypes.ResourceTypeIdentityStore
}

// UserByEmail finds the user who has the email, disabled users included. A user
// is believed only after a look at the emails they have. An email that is not
// ASCII is nobody's, whatever the Identity Store would find.
//
// The Identity Store may find users by exact attribute values only; how it
// compares isn't documented. So the email is asked for as it is given and in
// lower case. A user whose email has capital letters that the caller doesn't know
// may not be found: see package directory.
func (c *Client) UserByEmail(ctx context.Context, email string) (User, bool, error) {
	if !access.IsASCII(email) {
		return User{}, false, nil
	}
	if email = strings.TrimSpace(email); email == "" {
		return User{}, false, nil
	}
	tries := []string{email}
	if lower := access.NormalizeEmail(email); lower != email {
		tries = append(tries, lower)
	}
	for _, try := range tries {
		user, found, err := c.userByExactEmail(ctx, try)
		if err != nil || found {
			return user, found, err
		}
	}
	return User{}, false, nil
}

func (c *Client) userByExactEmail(ctx context.Context, email string) (User, bool, error) {
	in, err := c.instance(ctx)
	if err != nil {
		return User{}, false, err
	}
	id, err := c.store.GetUserId(ctx, &identitystore.GetUserIdInput{
		IdentityStoreId: aws.String(in.identityStoreID),
		AlternateIdentifier: &idtypes.AlternateIdentifierMemberUniqueAttribute{Value: idtypes.UniqueAttribute{
			AttributePath:  aws.String("emails.value"),
			AttributeValue: document.NewLazyDocument(email),
		}},
	})
	if notFound(err) {
		return User{}, false, nil
	}
	if err != nil {
		return User{}, false, host.AWSError(err, "find user by email")
	}
	user, found, err := c.User(ctx, aws.ToString(id.UserId))
	if err != nil || !found || !user.HasEmail(email) {
		return User{}, false, err
	}
	return user, true, nil
}
