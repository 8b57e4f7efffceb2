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

// UserStatus says if somebody can still use Identity Center.
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

// StatusOf returns the status of a user as User returns them.
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
	if isNoUser(err) {
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

// isNoUser reports whether err says that the user doesn't exist. A missing identity
// store is the same type of error, but says nothing about the user.
func isNoUser(err error) bool {
	var none *idtypes.ResourceNotFoundException
	return errors.As(err, &none) && none.ResourceType != idtypes.ResourceTypeIdentityStore
}

// UserByEmail finds the user who has the email, disabled users included. It checks
// the emails of the user that the Identity Store returns. An email with other than
// ASCII characters is nobody's.
//
// AWS doesn't document how the Identity Store compares attributes; it may find
// exact values only. So UserByEmail tries the email as it is given and in lower
// case. It may miss a user whose email has other capital letters: see package
// directory.
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
	if isNotFound(err) {
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
