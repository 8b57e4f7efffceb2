package people

import (
	"context"

	"sso-elevator/functions/access"
	"sso-elevator/functions/access/parallel"
	"sso-elevator/slack"
)

// RequesterAgain is Requester for a person who was found before. It looks up the Slack
// user and, at the same time, the user in Identity Center who has the email that the
// person had then. If Slack has another email by now, RequesterAgain
// drops that user, and looks up the one who has the new email.
//
// If both lookups fail, the error is Slack's.
func (f *Finder) RequesterAgain(ctx context.Context, was access.Person) (access.Person, error) {
	if was.Email == "" {
		return f.Requester(ctx, was.SlackID)
	}
	looking, cancel := context.WithCancel(ctx)
	defer cancel()
	var member slack.User
	var memberErr, userErr error
	var user access.User
	var found bool
	parallel.Do(2, 2, func(i int) {
		if i == 1 {
			user, found, userErr = f.findUser(looking, was.Email, false)
			return
		}
		member, memberErr = f.members.Get(was.SlackID, false, func() (slack.User, error) { return f.slack.User(ctx, was.SlackID) })
		if memberErr != nil {
			cancel() // this error is the one that counts
		}
	})
	p, absent, err := f.identify(was.SlackID, member, memberErr, f.secondaryDomains, func(email string) (access.User, bool, error) {
		if email == was.Email {
			return user, found, userErr
		}
		return f.findUser(ctx, email, false)
	})
	return p, absent.errorFor(err)
}
