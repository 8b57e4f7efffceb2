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
	"sso-elevator/functions/adapters/host"
)

// emailsOf returns the addresses of a user.
func emailsOf(emails []idtypes.Email) []string {
	var all []string
	for _, e := range emails {
		all = append(all, aws.ToString(e.Value))
	}
	return all
}

// UserStatus looks up the user with that id. Only DISABLED counts as disabled, and
// only "not found" as deleted: a user without a status counts as enabled. If Identity
// Center doesn't say either, UserStatus returns an error and no status.
func (c *Client) UserStatus(ctx context.Context, principalID string) (access.UserStatus, error) {
	user, found, err := c.User(ctx, principalID)
	if err != nil {
		return "", err
	}
	return access.StatusOf(user, found), nil
}

// User looks up the user with that id; found is false if there is none.
func (c *Client) User(ctx context.Context, id string) (user access.User, found bool, err error) {
	in, err := c.instance(ctx)
	if err != nil {
		return access.User{}, false, err
	}
	out, err := c.store.DescribeUser(ctx, &identitystore.DescribeUserInput{IdentityStoreId: aws.String(in.identityStoreID), UserId: aws.String(id)})
	err = c.verified(ctx, err)
	if isNoUser(err) {
		return access.User{}, false, nil
	}
	if err != nil {
		return access.User{}, false, host.AWSError(err, "look up user")
	}
	return access.User{
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
// the emails of the user that the Identity Store returns. An email with non-ASCII
// characters matches nobody.
//
// AWS doesn't document how the Identity Store compares attributes; it may find
// exact values only. So UserByEmail tries the email as it is given and in lower
// case. It may miss a user whose email has other capital letters: see package
// directory.
func (c *Client) UserByEmail(ctx context.Context, email string) (access.User, bool, error) {
	if !access.IsASCII(email) {
		return access.User{}, false, nil
	}
	if email = strings.TrimSpace(email); email == "" {
		return access.User{}, false, nil
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
	return access.User{}, false, nil
}

func (c *Client) userByExactEmail(ctx context.Context, email string) (access.User, bool, error) {
	in, err := c.instance(ctx)
	if err != nil {
		return access.User{}, false, err
	}
	id, err := c.store.GetUserId(ctx, &identitystore.GetUserIdInput{
		IdentityStoreId: aws.String(in.identityStoreID),
		AlternateIdentifier: &idtypes.AlternateIdentifierMemberUniqueAttribute{Value: idtypes.UniqueAttribute{
			AttributePath:  aws.String("emails.value"),
			AttributeValue: document.NewLazyDocument(email),
		}},
	})
	err = c.verified(ctx, err)
	if isNotFound(err) {
		return access.User{}, false, nil
	}
	if err != nil {
		return access.User{}, false, host.AWSError(err, "find user by email")
	}
	user, found, err := c.User(ctx, aws.ToString(id.UserId))
	if err != nil || !found || !user.HasEmail(email) {
		return access.User{}, false, err
	}
	return user, true, nil
}
