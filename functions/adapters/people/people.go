// Package people finds a person: from the Slack user by email to the user in
// IAM Identity Center.
package people

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"time"

	"sso-elevator/functions/access"
	"sso-elevator/functions/access/parallel"
	"sso-elevator/functions/adapters/cache"
	"sso-elevator/functions/adapters/directory"
	"sso-elevator/slack"
)

// How long a lookup is used.
const (
	// MaxAge is how long a person who has left can still open and submit a
	// form. Decisions don't use cached lookups.
	MaxAge = time.Minute
	// approverMaxAge is for mentions in messages, which grant no permissions.
	approverMaxAge = 10 * time.Minute
)

// maxLookups limits how many approvers are looked up at once:
// users.lookupByEmail is in Slack's tier 3, about 50 calls a minute.
const maxLookups = 5

// Slack is the part of Slack's Web API that finds people.
type Slack interface {
	User(ctx context.Context, id string) (slack.User, error)
	UserByEmail(ctx context.Context, email string) (slack.User, bool, error)
}

// Directory finds Identity Center users. The error is Ambiguous if several
// users have the email.
type Directory interface {
	UserByEmail(ctx context.Context, email string) (access.User, bool, error)
	// Warm reads what UserByEmail reads first, unless it was read a moment ago.
	Warm(ctx context.Context)
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

	members    *cache.Cache[slack.User]          // by Slack id
	colleagues *cache.Cache[result[slack.User]]  // by email
	users      *cache.Cache[result[access.User]] // by email
}

// result is a lookup's result. ok is false if there is nobody.
type result[T any] struct {
	value T
	ok    bool
}

// New returns a finder for the members of the workspace settings.Team. It
// tries settings.SecondaryDomains, in order, in place of an email's own
// domain.
func New(s Slack, d Directory, settings Settings, now func() time.Time) *Finder {
	return &Finder{
		slack: s, directory: d, teamID: settings.Team, secondaryDomains: settings.SecondaryDomains,
		members:    cache.New[slack.User](MaxAge, now),
		colleagues: cache.New[result[slack.User]](approverMaxAge, now),
		users:      cache.New[result[access.User]](MaxAge, now),
	}
}

// Requester returns the person who requests. They are a full member of the
// workspace with a confirmed ASCII email, or the error is Refused. They have
// a user in Identity Center, if need be under a secondary domain, or the
// error is NotFound. That user is enabled, or the error is Refused. These
// errors are sentences for the person; others are not.
func (f *Finder) Requester(ctx context.Context, slackID string) (access.Person, error) {
	p, absent, err := f.find(ctx, slackID, f.secondaryDomains, false)
	return p, absent.errorFor(err)
}

// Approver returns the person who pressed a button. It differs from Requester
// in two ways: the Identity Center user must have the same email as the Slack
// user, and each call looks both up again.
func (f *Finder) Approver(ctx context.Context, slackID string) (access.Person, error) {
	return f.approver(ctx, slackID, true)
}

func (f *Finder) approver(ctx context.Context, slackID string, fresh bool) (access.Person, error) {
	p, absent, err := f.find(ctx, slackID, nil, fresh)
	return p, absent.errorFor(err)
}

// Anyone looks up a person who need not be able to do anything here: a guest, someone
// whose email is not confirmed, or who is disabled. It returns what is known of them. An
// email that isn't confirmed names no user of Identity Center, and neither does one that
// several users share. NotFound: Slack doesn't know them. Any other error means that a
// lookup failed.
func (f *Finder) Anyone(ctx context.Context, slackID string) (access.Person, error) {
	reads := parallel.Begin(ctx)
	defer reads.End()
	member, err := f.findMember(ctx, reads, slackID, true)
	if err != nil {
		return access.Person{}, err
	}
	p := access.Person{SlackID: slackID, Email: access.NormalizeEmail(member.Email), Name: member.Name}
	local, _, hasDomain := strings.Cut(member.Email, "@")
	if !hasDomain || local == "" || !access.IsASCII(p.Email) || !member.EmailConfirmed {
		return p, nil
	}
	emails := []string{member.Email}
	for _, domain := range f.secondaryDomains {
		emails = append(emails, local+"@"+strings.TrimPrefix(domain, "@"))
	}
	for i, email := range emails {
		user, ok, err := f.findUser(ctx, email, true)
		switch {
		case access.CodeOf(err) == access.CodeAmbiguous:
			return p, nil
		case err != nil:
			return access.Person{}, err
		case ok:
			p.PrincipalID, p.SecondaryDomain = user.ID, i > 0
			return p, nil
		}
	}
	return p, nil
}

// CheckRequester looks the requester of a request up again. It returns nil if
// they are still a full member of the workspace, and their enabled user in
// Identity Center is the one in the request. Otherwise it returns Refused,
// with a sentence for the approver. Any other error means that a lookup
// failed and nothing is known.
func (f *Finder) CheckRequester(ctx context.Context, requester access.Person) error {
	return f.checkRequester(ctx, requester, true)
}

func (f *Finder) checkRequester(ctx context.Context, requester access.Person, fresh bool) error {
	p, absent, err := f.find(ctx, requester.SlackID, f.secondaryDomains, fresh)
	switch {
	case err != nil:
		return err
	case absent.ofRequester != "":
		return access.Errorf(access.CodeRefused, "%s", absent.ofRequester)
	case p.PrincipalID != requester.PrincipalID:
		return access.Errorf(access.CodeRefused, "The requester now has a different user in IAM Identity Center than when they submitted this request.")
	}
	return nil
}

// CheckApprover looks up a person who approved a request. It returns nil if they could
// still approve something, with the same email, and their enabled user in Identity
// Center is the one in the approval. Otherwise it returns Refused. Any other error means
// that a lookup failed and nothing is known.
func (f *Finder) CheckApprover(ctx context.Context, approver access.Person) error {
	p, absent, err := f.find(ctx, approver.SlackID, nil, true)
	switch {
	case err != nil:
		return err
	case absent.code != "":
		return access.Errorf(access.CodeRefused, "%s", absent.toThem)
	case p.PrincipalID != approver.PrincipalID || !access.SameEmail(p.Email, approver.Email):
		return access.Errorf(access.CodeRefused, "The approver now has a different user in IAM Identity Center, or a different email address.")
	}
	return nil
}

// absence is why a person can't do anything here. The zero value means that
// they can.
type absence struct {
	code        access.Code
	toThem      string // a sentence for that person
	ofRequester string // a sentence about that person, for approvers
}

// errorFor returns err if it isn't nil. Otherwise it returns the absence as
// an error for the person, or nil.
func (a absence) errorFor(err error) error {
	if err != nil || a.code == "" {
		return err
	}
	return access.Errorf(a.code, "%s", a.toThem)
}

// find looks up the person of a Slack user. fresh skips cached lookups.
func (f *Finder) find(ctx context.Context, slackID string, domains []string, fresh bool) (access.Person, absence, error) {
	reads := parallel.Begin(ctx)
	defer reads.End() // if there is no email to look up, nobody needs the rest
	member, err := f.findMember(ctx, reads, slackID, fresh)
	return f.identify(slackID, member, err, domains, func(email string) (access.User, bool, error) { return f.findUser(ctx, email, fresh) })
}

// findMember finds a Slack user. While Slack looks, the directory reads in the group what
// the lookup of their email needs first.
func (f *Finder) findMember(ctx context.Context, reads *parallel.Group, slackID string, fresh bool) (slack.User, error) {
	return f.members.Get(slackID, fresh, func() (slack.User, error) {
		parallel.Start(reads, func(ctx context.Context) (struct{}, error) {
			f.directory.Warm(ctx)
			return struct{}{}, nil
		})
		return f.slack.User(ctx, slackID)
	})
}

// identify returns the person of a Slack user, or why they can't do anything here. member
// and err are Slack's answer. findUser finds the user in Identity Center who has an email.
func (f *Finder) identify(slackID string, member slack.User, err error, domains []string, findUser func(email string) (access.User, bool, error)) (access.Person, absence, error) {
	switch {
	case access.CodeOf(err) == access.CodeNotFound, err == nil && !member.IsFullMember(f.teamID):
		return access.Person{}, absence{access.CodeRefused,
			"Only full members of this Slack workspace can do this. Guests, apps and people from other workspaces can't.",
			"The requester is no longer a full member of this Slack workspace."}, nil
	case err != nil:
		return access.Person{}, absence{}, err
	}
	p := access.Person{SlackID: slackID, Email: access.NormalizeEmail(member.Email), Name: member.Name}
	local, _, hasDomain := strings.Cut(member.Email, "@")
	if !hasDomain || local == "" {
		return access.Person{}, absence{access.CodeNotFound,
			"Slack doesn't show this app your email address, so it can't find your user in IAM Identity Center. Please ask a Slack administrator.",
			"Slack no longer shows this app the requester's email address, so it can't find their user in IAM Identity Center."}, nil
	}
	if !access.IsASCII(p.Email) {
		return access.Person{}, absence{access.CodeRefused,
			fmt.Sprintf("Your email address in Slack, %s, has characters that this app doesn't accept. It accepts only the letters A to Z, digits and ASCII punctuation. Please ask a Slack administrator to correct the address.", p.Email),
			"The requester's email address in Slack now has characters that this app doesn't accept."}, nil
	}
	if !member.EmailConfirmed {
		return access.Person{}, absence{access.CodeRefused,
			"Your email address in Slack is not confirmed. Confirm it in Slack, then try again. If you sign in to Slack with single sign-on, ask a Slack administrator.",
			"The requester's email address in Slack is not confirmed."}, nil
	}
	// A disabled user counts as found, and so does an email that several users share. In
	// neither case are other domains tried.
	email := member.Email
	user, ok, err := findUser(email)
	for i := 0; err == nil && !ok && i < len(domains); i++ {
		p.SecondaryDomain = true
		email = local + "@" + strings.TrimPrefix(domains[i], "@")
		user, ok, err = findUser(email)
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
			fmt.Sprintf("IAM Identity Center has no user with your email address, %s. Please tell the people who run this app.", p.Email),
			"The requester no longer has a user in IAM Identity Center."}, nil
	case user.Disabled:
		return access.Person{}, absence{access.CodeRefused,
			"Your user in IAM Identity Center is disabled. Please tell the people who run this app.",
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

func (f *Finder) findUser(ctx context.Context, email string, fresh bool) (access.User, bool, error) {
	u, err := f.users.Get(email, fresh, func() (result[access.User], error) {
		u, ok, err := f.directory.UserByEmail(ctx, email)
		return result[access.User]{u, ok}, err
	})
	return u.value, u.ok, err
}

// Approvers finds the Slack users of the approvers' emails. A user must be a full
// member of the workspace, and have confirmed that email, in any case of letters.
// unknown has the emails without such a user. Both lists keep the order of emails. If
// a lookup fails for another reason, so does Approvers.
func (f *Finder) Approvers(ctx context.Context, emails []string) (known []access.Person, unknown []string, err error) {
	type answer struct {
		result[slack.User]
		err error
	}
	answers := make([]answer, len(emails))
	slots := make(chan struct{}, maxLookups)
	var wait sync.WaitGroup
	for i, email := range emails {
		wait.Go(func() {
			slots <- struct{}{}
			defer func() { <-slots }()
			a := &answers[i]
			a.result, a.err = f.colleagues.Get(email, false, func() (result[slack.User], error) {
				u, ok, err := f.slack.UserByEmail(ctx, email)
				return result[slack.User]{u, ok}, err
			})
		})
	}
	wait.Wait()
	for i, a := range answers {
		if a.err != nil {
			return nil, nil, a.err
		}
		if p, ok := f.colleague(emails[i], a.result); ok {
			known = append(known, p)
		} else {
			unknown = append(unknown, emails[i])
		}
	}
	return known, unknown, nil
}

// KnownApprovers is Approvers without asking Slack. ok is false if it doesn't know all of
// them. The answers may be ten minutes old.
func (f *Finder) KnownApprovers(emails []string) (known []access.Person, unknown []string, ok bool) {
	for _, email := range emails {
		found, ok := f.colleagues.Known(email)
		if !ok {
			return nil, nil, false
		}
		if p, ok := f.colleague(email, found); ok {
			known = append(known, p)
		} else {
			unknown = append(unknown, email)
		}
	}
	return known, unknown, true
}

// colleague returns the person with the email, from what Slack says of it. ok is false if
// they can't approve anything.
func (f *Finder) colleague(email string, found result[slack.User]) (p access.Person, ok bool) {
	u := found.value
	if !found.ok || !u.IsFullMember(f.teamID) || !u.EmailConfirmed || !access.SameEmail(u.Email, email) {
		return access.Person{}, false
	}
	return access.Person{SlackID: u.ID, Email: email, Name: u.Name}, true
}

// Permits reports whether the policy lets approver approve r. c is the request as
// the policy sees it, and as is the approver. If approver is the requester, under any
// email, the policy must also let the requester approve their own request. People
// found under a secondary domain, or not found, can't decide. Grant checks the same
// about the recorded decision.
func Permits(x *access.Index, c *access.Case, r access.Request, approver access.Person, as access.Identity) bool {
	return permits(x.Permits, c, r, approver, as)
}

// PermitsDenial is Permits for denying r, and for ending its access.
func PermitsDenial(x *access.Index, c *access.Case, r access.Request, by access.Person, as access.Identity) bool {
	return permits(x.PermitsDenial, c, r, by, as)
}

func permits(policy func(*access.Case, access.Identity) bool, c *access.Case, r access.Request, by access.Person, as access.Identity) bool {
	if by.PrincipalID == "" || by.SecondaryDomain {
		return false
	}
	if !policy(c, as) {
		return false
	}
	return !access.SamePerson(r.Requester, by) || !r.Requester.SecondaryDomain && policy(c, c.Requester)
}
