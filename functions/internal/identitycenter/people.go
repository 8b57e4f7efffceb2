package identitycenter

import (
	"context"
	"errors"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/identitystore"
	"github.com/aws/aws-sdk-go-v2/service/identitystore/document"
	idtypes "github.com/aws/aws-sdk-go-v2/service/identitystore/types"

	"sso-elevator/functions/access"
	"sso-elevator/functions/internal/lambdaerr"
)

// User is a user of Identity Center.
type User struct {
	ID          string
	UserName    string
	DisplayName string
	Email       string // the one that was asked for, in lower case
	// Disabled reports whether somebody disabled the user.
	Disabled bool
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
	const doing = "look up user"
	in, err := c.instance(ctx)
	if err != nil {
		return "", err
	}
	user, err := c.store.DescribeUser(ctx, &identitystore.DescribeUserInput{
		IdentityStoreId: aws.String(in.identityStoreID),
		UserId:          aws.String(principalID),
	})
	switch {
	case noUser(err):
		return UserDeleted, nil
	case err != nil:
		return "", lambdaerr.FromAWS(err, doing)
	case user.UserStatus == idtypes.UserStatusDisabled:
		return UserDisabled, nil
	}
	return UserEnabled, nil
}

// noUser reports whether err is the Identity Store's word that the user doesn't
// exist. It answers the same for an identity store that doesn't exist, which
// says nothing about the user.
func noUser(err error) bool {
	var none *idtypes.ResourceNotFoundException
	return errors.As(err, &none) && none.ResourceType != idtypes.ResourceTypeIdentityStore
}

// UserByEmail finds the user who has the email, whatever the case of either,
// disabled users included. A user is believed only after a look at the emails
// they have. An email that is not ASCII is nobody's, whatever the Identity Store
// would find.
//
// The Identity Store finds users by exact attribute values only. So the email
// is asked for as it is given and in lower case: a user whose email has capital
// letters there that the caller does not know is not found.
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
	const doing = "find user by email"
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
		return User{}, false, lambdaerr.FromAWS(err, doing)
	}
	user, err := c.store.DescribeUser(ctx, &identitystore.DescribeUserInput{
		IdentityStoreId: aws.String(in.identityStoreID),
		UserId:          id.UserId,
	})
	if notFound(err) {
		return User{}, false, nil
	}
	if err != nil {
		return User{}, false, lambdaerr.FromAWS(err, doing)
	}
	for _, has := range user.Emails {
		if access.SameEmail(aws.ToString(has.Value), email) {
			return User{
				ID:          aws.ToString(user.UserId),
				UserName:    aws.ToString(user.UserName),
				DisplayName: aws.ToString(user.DisplayName),
				Email:       access.NormalizeEmail(email),
				Disabled:    user.UserStatus == idtypes.UserStatusDisabled,
			}, true, nil
		}
	}
	return User{}, false, nil
}
