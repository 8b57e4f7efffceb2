// Package people finds out who somebody is: from the Slack user to the email to
// the Identity Center user.
package people

import (
	"context"
	"strings"
	"sync"
	"time"

	"sso-elevator/functions/access"
	"sso-elevator/functions/internal/identitycenter"
	"sso-elevator/slack"
)

// How long an answer is used again.
const (
	// MaxAge is short, because it is also how long somebody who has left may
	// still press a button.
	MaxAge = time.Minute
	// approverMaxAge is for whom to tag in a message, which gives no rights.
	approverMaxAge = 10 * time.Minute
)

// lookups bounds how many approvers are looked up at a time: users.lookupByEmail
// is in Slack's tier 3, about 50 calls a minute.
const lookups = 5

// Slack is the part of Slack's Web API that finds people.
type Slack interface {
	User(ctx context.Context, id string) (slack.User, error)
	UserByEmail(ctx context.Context, email string) (slack.User, bool, error)
}

// Directory finds Identity Center users.
type Directory interface {
	UserByEmail(ctx context.Context, email string) (identitycenter.User, bool, error)
}

var (
	_ Slack     = (*slack.Client)(nil)
	_ Directory = (*identitycenter.Client)(nil)
)

// Finder finds people. It is safe for concurrent use.
type Finder struct {
	slack            Slack
	directory        Directory
	teamID           string
	secondaryDomains []string

	members    *cache[slack.User]                 // by Slack id
	colleagues *cache[found[slack.User]]          // by email
	users      *cache[found[identitycenter.User]] // by email
}

// found is an answer that may be "nobody".
type found[T any] struct {
	value T
	ok    bool
}

// New makes a finder for the members of the Slack workspace teamID.
// secondaryDomains are tried, in order, in place of an email's own domain.
func New(s Slack, d Directory, teamID string, secondaryDomains []string, now func() time.Time) *Finder {
	return &Finder{
		slack: s, directory: d, teamID: teamID, secondaryDomains: secondaryDomains,
		members:    newCache[slack.User](MaxAge, now),
		colleagues: newCache[found[slack.User]](approverMaxAge, now),
		users:      newCache[found[identitycenter.User]](MaxAge, now),
	}
}

// Requester is who asks: a full member of the workspace with an ASCII email
// (otherwise Refused) who has a user in Identity Center (otherwise NotFound), if
// need be under a secondary domain. Both errors are sentences for that person; others are not.
func (f *Finder) Requester(ctx context.Context, slackID string) (access.Person, error) {
	return f.person(ctx, slackID, f.secondaryDomains)
}

// Approver is who presses a button: as Requester, but the Identity Center user
// must have the very email that Slack has.
func (f *Finder) Approver(ctx context.Context, slackID string) (access.Person, error) {
	return f.person(ctx, slackID, nil)
}

func (f *Finder) person(ctx context.Context, slackID string, domains []string) (access.Person, error) {
	member, err := f.member(ctx, slackID)
	if err != nil {
		return access.Person{}, err
	}
	p := access.Person{SlackID: slackID, Email: access.NormalizeEmail(member.Email), Name: member.Name}
	local, _, hasDomain := strings.Cut(p.Email, "@")
	if !hasDomain || local == "" {
		return access.Person{}, access.Errorf(access.CodeNotFound, "Slack does not show an email address of yours, so your user in IAM Identity Center can't be found.")
	}
	if !access.IsASCII(p.Email) {
		return access.Person{}, access.Errorf(access.CodeRefused, "Your email address in Slack, %s, has characters that this app does not accept. It accepts only the letters A to Z, digits and ASCII punctuation. Please ask a Slack administrator to correct the address.", p.Email)
	}
	user, ok, err := f.user(ctx, p.Email)
	for i := 0; err == nil && !ok && i < len(domains); i++ {
		p.SecondaryDomain = true
		user, ok, err = f.user(ctx, local+"@"+strings.TrimPrefix(domains[i], "@"))
	}
	switch {
	case err != nil:
		return access.Person{}, err
	case !ok:
		return access.Person{}, access.Errorf(access.CodeNotFound, "There is no user in IAM Identity Center with your email address, %s.", p.Email)
	}
	p.PrincipalID = user.ID
	return p, nil
}

// member is the Slack user, if a full member.
func (f *Finder) member(ctx context.Context, slackID string) (slack.User, error) {
	u, err := f.members.get(slackID, func() (slack.User, error) { return f.slack.User(ctx, slackID) })
	switch {
	case access.CodeOf(err) == access.CodeNotFound, err == nil && !u.FullMember(f.teamID):
		return slack.User{}, access.Errorf(access.CodeRefused, "Only full members of this Slack workspace can do this: no guests, no apps, nobody from another workspace.")
	default:
		return u, err
	}
}

func (f *Finder) user(ctx context.Context, email string) (identitycenter.User, bool, error) {
	u, err := f.users.get(email, func() (found[identitycenter.User], error) {
		u, ok, err := f.directory.UserByEmail(ctx, email)
		return found[identitycenter.User]{u, ok}, err
	})
	return u.value, u.ok, err
}

// Approvers finds the Slack users of the approvers' emails. Those whom Slack
// does not know as full members of the workspace with that very email (in
// whatever case) are unknown; both lists are in
// the order of emails. Any other failure of a lookup is an error.
func (f *Finder) Approvers(ctx context.Context, emails []string) (known []access.Person, unknown []string, err error) {
	type answer struct {
		found[slack.User]
		err error
	}
	answers := make([]answer, len(emails))
	slots := make(chan struct{}, lookups)
	var wait sync.WaitGroup
	for i, email := range emails {
		wait.Go(func() {
			slots <- struct{}{}
			defer func() { <-slots }()
			a := &answers[i]
			a.found, a.err = f.colleagues.get(email, func() (found[slack.User], error) {
				u, ok, err := f.slack.UserByEmail(ctx, email)
				return found[slack.User]{u, ok}, err
			})
		})
	}
	wait.Wait()
	for i, a := range answers {
		switch {
		case a.err != nil:
			return nil, nil, a.err
		case !a.ok || !a.value.FullMember(f.teamID) || !access.SameEmail(a.value.Email, emails[i]):
			unknown = append(unknown, emails[i])
		default:
			known = append(known, access.Person{SlackID: a.value.ID, Email: emails[i], Name: a.value.Name})
		}
	}
	return known, unknown, nil
}

// Same says whether two are one person: by Slack user or by Identity Center
// user, whatever their emails say.
func Same(a, b access.Person) bool {
	return a.SlackID != "" && a.SlackID == b.SlackID || a.PrincipalID != "" && a.PrincipalID == b.PrincipalID
}

// Permits says whether the policy lets approver decide about r. Who is the same
// person as the requester, under whatever email, needs the self approval rule
// for the requester besides; who was found under a secondary domain, or not at
// all, decides nothing. Grant asks the same of what was decided.
func Permits(p *access.Policy, r access.Request, approver access.Person) bool {
	if approver.PrincipalID == "" || approver.SecondaryDomain {
		return false
	}
	if !p.Permits(r.Requester.Email, approver.Email, r.Target) {
		return false
	}
	return !Same(r.Requester, approver) ||
		!r.Requester.SecondaryDomain && p.Permits(r.Requester.Email, r.Requester.Email, r.Target)
}
