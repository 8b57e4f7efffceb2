// Package people finds out who somebody is: from the Slack user to the email to
// the Identity Center user.
package people

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"time"

	"sso-elevator/functions/access"
	"sso-elevator/functions/adapters/directory"
	"sso-elevator/slack"
)

// How long an answer is used again.
const (
	// MaxAge is how long somebody who has left may still open and send a form.
	// Buttons don't use old answers.
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

// Directory finds Identity Center users. Ambiguous: several users have the email.
type Directory interface {
	UserByEmail(ctx context.Context, email string) (access.User, bool, error)
}

var (
	_ Slack     = (*slack.Client)(nil)
	_ Directory = (*directory.Directory)(nil)
)

// Finder finds people. It is safe for concurrent use.
type Finder struct {
	slack            Slack
	directory        Directory
	teamID           string
	secondaryDomains []string

	members    *cache[slack.User]         // by Slack id
	colleagues *cache[found[slack.User]]  // by email
	users      *cache[found[access.User]] // by email
}

// found is an answer that may be "nobody".
type found[T any] struct {
	value T
	ok    bool
}

// New makes a finder for the members of the workspace settings.Team. Its
// SecondaryDomains are tried, in order, in place of an email's own domain.
func New(s Slack, d Directory, settings Settings, now func() time.Time) *Finder {
	return &Finder{
		slack: s, directory: d, teamID: settings.Team, secondaryDomains: settings.SecondaryDomains,
		members:    newCache[slack.User](MaxAge, now),
		colleagues: newCache[found[slack.User]](approverMaxAge, now),
		users:      newCache[found[access.User]](MaxAge, now),
	}
}

// Requester is who asks: a full member of the workspace with a confirmed ASCII
// email (otherwise Refused) who has a user in Identity Center (otherwise NotFound) that
// is enabled (otherwise Refused), if need be under a secondary domain. These
// errors are sentences for that person; others are not.
func (f *Finder) Requester(ctx context.Context, slackID string) (access.Person, error) {
	p, no, err := f.person(ctx, slackID, f.secondaryDomains, false)
	return p, no.says(err)
}

// Approver is who presses a button: as Requester, but the Identity Center user
// must have the very email that Slack has, and both are looked up again at each
// call.
func (f *Finder) Approver(ctx context.Context, slackID string) (access.Person, error) {
	p, no, err := f.person(ctx, slackID, nil, true)
	return p, no.says(err)
}

// Remains looks the requester of a request up again. It returns nil if they are
// still a full member of the workspace whose enabled user in Identity Center is
// the one in the request. Otherwise it returns Refused, with a sentence for the
// approver. Any other error means that a lookup failed and nothing is known.
func (f *Finder) Remains(ctx context.Context, requester access.Person) error {
	p, no, err := f.person(ctx, requester.SlackID, f.secondaryDomains, true)
	switch {
	case err != nil:
		return err
	case no.ofRequester != "":
		return access.Errorf(access.CodeRefused, "%s", no.ofRequester)
	case p.PrincipalID != requester.PrincipalID:
		return access.Errorf(access.CodeRefused, "The requester now has another user in IAM Identity Center than when they made this request.")
	}
	return nil
}

// absence is why somebody is not a person who can do anything here. The zero
// value is that they are.
type absence struct {
	code        access.Code
	toThem      string // a sentence for that person
	ofRequester string // a sentence about that person, for approvers
}

// says is err, or the absence as an error for that person.
func (a absence) says(err error) error {
	if err != nil || a.code == "" {
		return err
	}
	return access.Errorf(a.code, "%s", a.toThem)
}

// person finds out who the Slack user is. fresh: no answer is used again.
func (f *Finder) person(ctx context.Context, slackID string, domains []string, fresh bool) (access.Person, absence, error) {
	member, err := f.members.get(slackID, fresh, func() (slack.User, error) { return f.slack.User(ctx, slackID) })
	switch {
	case access.CodeOf(err) == access.CodeNotFound, err == nil && !member.FullMember(f.teamID):
		return access.Person{}, absence{access.CodeRefused,
			"Only full members of this Slack workspace can do this: no guests, no apps, nobody from another workspace.",
			"The requester is no longer a full member of this Slack workspace."}, nil
	case err != nil:
		return access.Person{}, absence{}, err
	}
	p := access.Person{SlackID: slackID, Email: access.NormalizeEmail(member.Email), Name: member.Name}
	local, _, hasDomain := strings.Cut(member.Email, "@")
	if !hasDomain || local == "" {
		return access.Person{}, absence{access.CodeNotFound,
			"Slack does not show an email address of yours, so your user in IAM Identity Center can't be found.",
			"Slack no longer shows an email address of the requester, so their user in IAM Identity Center can't be found."}, nil
	}
	if !access.IsASCII(p.Email) {
		return access.Person{}, absence{access.CodeRefused,
			fmt.Sprintf("Your email address in Slack, %s, has characters that this app does not accept. It accepts only the letters A to Z, digits and ASCII punctuation. Please ask a Slack administrator to correct the address.", p.Email),
			"The requester's email address in Slack now has characters that this app does not accept."}, nil
	}
	if !member.EmailConfirmed {
		return access.Person{}, absence{access.CodeRefused,
			"Your email address in Slack is not confirmed. Confirm it in Slack, then try again. If you sign in to Slack with single sign-on, ask a Slack administrator.",
			"The requester's email address in Slack is not confirmed."}, nil
	}
	// A user who is disabled is found: no other domain is tried in their place.
	// Nor is one where several users share the address.
	email := member.Email
	user, ok, err := f.user(ctx, email, fresh)
	for i := 0; err == nil && !ok && i < len(domains); i++ {
		p.SecondaryDomain = true
		email = local + "@" + strings.TrimPrefix(domains[i], "@")
		user, ok, err = f.user(ctx, email, fresh)
	}
	switch {
	case access.CodeOf(err) == access.CodeAmbiguous:
		return access.Person{}, absence{access.CodeRefused,
			fmt.Sprintf("Several users in IAM Identity Center have your email address, %s, so this app can't tell which one you are. Please tell the people who run it.", email),
			"Several users in IAM Identity Center have the requester's email address, so this app can't tell which one is the requester."}, nil
	case err != nil:
		return access.Person{}, absence{}, err
	case !ok:
		return access.Person{}, absence{access.CodeNotFound,
			fmt.Sprintf("There is no user in IAM Identity Center with your email address, %s.", p.Email),
			"The requester no longer has a user in IAM Identity Center."}, nil
	case user.Disabled:
		return access.Person{}, absence{access.CodeRefused,
			"Your user in IAM Identity Center is disabled.",
			"The requester's user in IAM Identity Center is disabled."}, nil
	}
	p.PrincipalID = user.ID
	if p.SecondaryDomain {
		p.FoundAs = access.DirectoryUser{UserName: user.UserName, DisplayName: user.DisplayName, Email: email}
		for _, has := range user.Emails {
			if access.SameEmail(has, email) {
				p.FoundAs.Email = has // as Identity Center spells it
			}
		}
	}
	return p, absence{}, nil
}

func (f *Finder) user(ctx context.Context, email string, fresh bool) (access.User, bool, error) {
	u, err := f.users.get(email, fresh, func() (found[access.User], error) {
		u, ok, err := f.directory.UserByEmail(ctx, email)
		return found[access.User]{u, ok}, err
	})
	return u.value, u.ok, err
}

// Approvers finds the Slack users of the approvers' emails. Those whom Slack
// does not know as full members of the workspace with that very email (in
// whatever case), confirmed, are unknown; both lists are in the order of emails. Any other failure of a lookup is an error.
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
			a.found, a.err = f.colleagues.get(email, false, func() (found[slack.User], error) {
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
		case !a.ok || !a.value.FullMember(f.teamID) || !a.value.EmailConfirmed || !access.SameEmail(a.value.Email, emails[i]):
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
