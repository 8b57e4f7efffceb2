package identitycenter

import (
	"context"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/identitystore"
	"github.com/aws/aws-sdk-go-v2/service/identitystore/document"
	idtypes "github.com/aws/aws-sdk-go-v2/service/identitystore/types"

	"sso-elevator/functions/internal/lambdaerr"
)

// User is a user of Identity Center.
type User struct {
	ID          string
	UserName    string
	DisplayName string
	Email       string // the one that was asked for, in lower case
}

// UserByEmail finds the user who has the email, whatever the case of either. A
// user is believed only after a look at the emails they have.
//
// The Identity Store finds users by exact attribute values only. So the email
// is asked for as it is given and in lower case: a user whose email has capital
// letters there that the caller does not know is not found.
func (c *Client) UserByEmail(ctx context.Context, email string) (User, bool, error) {
	email = strings.TrimSpace(email)
	if email == "" {
		return User{}, false, nil
	}
	tries := []string{email}
	if lower := strings.ToLower(email); lower != email {
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
	if user.UserStatus == idtypes.UserStatusDisabled {
		return User{}, false, nil
	}
	for _, has := range user.Emails {
		if strings.EqualFold(aws.ToString(has.Value), email) {
			return User{
				ID:          aws.ToString(user.UserId),
				UserName:    aws.ToString(user.UserName),
				DisplayName: aws.ToString(user.DisplayName),
				Email:       strings.ToLower(email),
			}, true, nil
		}
	}
	return User{}, false, nil
}
