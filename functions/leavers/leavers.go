// Package leavers looks up the people who have active access, each about every five
// minutes. It ends the access of people who were disabled or deleted in Identity
// Center.
//
// A Recheck runs every minute. It does not remove access itself: it records in the
// request's row that the access ends, and resumes the request's execution. The
// execution removes the access. If it doesn't, the minute check does.
//
// A lookup that fails never ends access. It leaves the person unchecked, which
// raises an alarm after a while.
package leavers

import (
	"context"
	"log/slog"
	"time"

	"sso-elevator/functions/access"
)

const (
	// CallEvery is the pause between two lookups. Identity Center takes 20 calls
	// a second from all callers together (IAM Identity Center user guide,
	// "Quotas"); rechecks take a tenth of that.
	CallEvery = time.Second / 2
	// lookups is how many people a recheck looks up: as many as the pace allows
	// in the minute until the next recheck.
	lookups = int(time.Minute / CallEvery)
	// lookupTimeout bounds one lookup, retries included, and lookingTime bounds
	// all lookups of a recheck. A recheck that waits for Identity Center must not
	// run into the next one.
	lookupTimeout = 5 * time.Second
	lookingTime   = 65 * time.Second
	// claimFor is how long people belong to the recheck that chose them. If that recheck
	// dies, others may look them up after that.
	claimFor = 2 * time.Minute

	// dueAfter is how long after a lookup a person is looked up again. lateAfter
	// is how long a person may stay unchecked: a recheck that finds a longer time
	// raises an alarm. At the pace, 1,200 people are looked up in that time.
	dueAfter  = 5 * time.Minute
	lateAfter = 10 * time.Minute

	// waveSize is how many people may be found gone within waveTime before we ask, because
	// a broken directory sync looks the same.
	waveSize = 10
	waveTime = time.Hour
	// forgetAfter is how long we remember a person without access.
	forgetAfter = waveTime
	// leaveFor is how long access stays after someone answered "Keep". It is also how long
	// a question waits for its answer; then the question is asked again.
	leaveFor = 24 * time.Hour
	// closeFor is how long each recheck updates the message of a question that has ended,
	// if Slack doesn't take the update. After that, only a press on its buttons updates it.
	closeFor = 24 * time.Hour

	// updateTries is how often the people are read and written again after another recheck
	// wrote them.
	updateTries = 10
	// mostAsked is the number of findings above which no more people are added to
	// a question: an approver's press reads all of it within Slack's three
	// seconds.
	mostAsked = 1000
)

// Directory is the part of Identity Center that rechecks use.
type Directory interface {
	UserStatus(ctx context.Context, principalID string) (access.UserStatus, error)
}

// Table is the part of the table that rechecks use.
type Table interface {
	OpenLeases(ctx context.Context) ([]access.Due, error)
	Lease(ctx context.Context, key string) (l access.Lease, found bool, err error)
	Get(ctx context.Context, id string) (access.Request, error)
	RequestEnd(ctx context.Context, id string, e access.EndRequest) (r access.Request, won bool, err error)
	CreateRun(ctx context.Context, r access.Run) error
	Run(ctx context.Context, id string) (access.Run, error)
	ExpireRun(ctx context.Context, id string, at time.Time) (r access.Run, won bool, err error)
	Blocks(ctx context.Context) (access.Blocks, error)
}

// Store keeps what rechecks know about people.
type Store interface {
	People(ctx context.Context) (p People, version string, err error)
	PutPeople(ctx context.Context, p People, version string) error
	PutFindings(ctx context.Context, run string, all []access.Finding) error
	Findings(ctx context.Context, run string) ([]access.Finding, error)
}

// Checker rechecks people.
type Checker struct {
	Directory Directory
	Table     Table
	Store     Store
	// ResumeEnd resumes the execution that waits for the end with that task token.
	ResumeEnd func(ctx context.Context, token string) error
	// Remove starts the removal of a request's access if the request's row was deleted, so
	// the end can't be recorded. It need not wait until the access is gone.
	Remove func(ctx context.Context, requestID string, s access.Subject) error
	// Policy returns the policy in force, which says who may answer a question.
	Policy func(context.Context) (access.Policy, error)
	// GroupsOf returns those groups of a person whose members decide about access to the
	// targets.
	GroupsOf func(ctx context.Context, x *access.Index, who access.Person, targets []access.Target) ([]string, error)
	// OUsOf returns a function that returns the organizational units above an account,
	// at least those that are wanted.
	OUsOf func(ctx context.Context, wanted []string) (func(accountID string) []string, error)
	// Show updates the run's question in Slack. It need not wait for Slack.
	Show func(ctx context.Context, run string) error
	// ShowsAnswer reports whether the message of a question that has ended is known to show
	// how.
	ShowsAnswer func(access.Run) bool
	// NewID returns a name for a run that asks, which nobody can predict.
	NewID  func(time.Time) string
	Now    func() time.Time
	Count  func(name string, dimensions map[string]string)
	Logger *slog.Logger
}

// Recheck looks up the people with active access whose last lookup is oldest, and
// ends the access of those who are gone. If all is true, it looks up everyone,
// including people who were looked up a moment ago. Two rechecks may run at once;
// they look up nobody twice.
//
// Recheck stores who is gone before it ends any access, so that the hourly limit
// holds across rechecks.
func (c *Checker) Recheck(ctx context.Context, all bool) error {
	holders, err := c.readHolders(ctx)
	if err != nil {
		return err
	}
	question, err := c.readQuestion(ctx)
	if err != nil {
		return err
	}
	var due []string
	people, err := c.updatePeople(ctx, func(p *People) {
		now := c.Now().UTC()
		enterHolders(p, holders, now)
		question.enterAnswers(p, now)
		due = choose(p, holders, now, all)
	})
	if err != nil {
		return err
	}
	found, failures := c.lookUp(ctx, due)
	var end []string
	if len(due) > 0 {
		people, err = c.updatePeople(ctx, func(p *People) {
			end = judge(p, due, found, c.Now().UTC())
		})
		if err != nil {
			return err
		}
	}
	if len(end) > 0 {
		ended, failed := c.endAll(ctx, people, end, holders)
		failures = append(failures, failed...)
		people, err = c.updatePeople(ctx, func(p *People) {
			for id, isAll := range ended {
				person, ok := p.People[id]
				if !ok {
					continue
				}
				person.CheckedAt = found[id].at
				if !isAll {
					person.Released, person.ReleasedAt, person.LeftUntil, person.LeftBy = "", time.Time{}, c.Now().UTC().Add(leaveFor), access.Person{}
				}
				p.People[id] = person
			}
		})
		if err != nil {
			return err
		}
	}
	people, err = c.ask(ctx, people, holders)
	if err != nil {
		return err
	}
	if people, err = c.closeQuestions(ctx, people); err != nil {
		return err
	}
	c.reportLate(ctx, people, holders)
	return firstMisconfigured(failures)
}

// firstMisconfigured returns the first error that someone must fix. Other lookups
// that failed are tried again, and people who stay unchecked raise an alarm.
func firstMisconfigured(failures []error) error {
	for _, err := range failures {
		if access.CodeOf(err) == access.CodeMisconfigure {
			return err
		}
	}
	return nil
}

// readHolders returns the keys of all leases, by the principal who has the
// access.
func (c *Checker) readHolders(ctx context.Context) (map[string][]string, error) {
	open, err := c.Table.OpenLeases(ctx)
	if err != nil {
		return nil, err
	}
	holders := map[string][]string{}
	for _, lease := range open {
		id := access.PrincipalOf(lease.ID)
		holders[id] = append(holders[id], lease.ID)
	}
	return holders, nil
}
