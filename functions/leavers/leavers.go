// Package leavers looks up the people who have active access, again and again. It
// ends the access of people who were disabled or deleted in Identity Center.
//
// A Recheck runs every minute. It does not remove access itself: it records in a
// request's row that the access ends, and resumes the request's execution, which
// removes the access. If that fails, the sweep removes it.
//
// A lookup that fails never ends access. It leaves the person unchecked, which
// raises an alarm after a while.
package leavers

import (
	"context"
	"errors"
	"log/slog"
	"maps"
	"slices"
	"strings"
	"time"

	"sso-elevator/functions/access"
	"sso-elevator/functions/access/metric"
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
	// claimFor is how long the people whom a recheck chose are its own. If it
	// dies, others may look them up after that.
	claimFor = 2 * time.Minute

	// dueAfter is how long after a lookup a person is looked up again. lateAfter
	// is how long a person may stay unchecked: a recheck that finds a longer time
	// raises an alarm. At the pace, 1,200 people are looked up in that time.
	dueAfter  = 5 * time.Minute
	lateAfter = 10 * time.Minute

	// waveSize is how many people may be found gone within waveTime before a
	// person is asked: a broken directory sync looks just like that.
	waveSize = 10
	waveTime = time.Hour
	// forgetAfter is how long a person without access stays known.
	forgetAfter = waveTime
	// leaveFor is how long people are left alone after somebody said to leave
	// their access. It is also how long a question waits for its answer; then the
	// question is asked again.
	leaveFor = 24 * time.Hour

	// updateTries is how often the people are read and written again because
	// another recheck wrote them meanwhile.
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
}

// Store keeps what rechecks know from one recheck to the next.
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
	// Remove has the access of a request removed whose row was deleted: nothing
	// can be recorded there. It need not wait until the access is gone.
	Remove func(ctx context.Context, requestID string, s access.Subject) error
	// Policy returns the policy in force, which says who may answer a question.
	Policy func(context.Context) (access.Policy, error)
	// Show has the run's question shown in Slack, in its current state.
	Show func(ctx context.Context, run string) error
	// NewID returns a name for a run that asks, which nobody can predict.
	NewID  func(time.Time) string
	Now    func() time.Time
	Count  func(name string, dimensions map[string]string)
	Logger *slog.Logger
}

// Recheck looks up the people with active access whose last lookup is oldest, and
// ends the access of those who are gone. If all is true, it looks up everybody,
// including people who were looked up a moment ago. It may run beside itself:
// that looks up nobody twice.
//
// It ends no access before it has written down who was found gone: the limit
// within an hour holds across rechecks.
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
					person.Released, person.ReleasedAt, person.LeftUntil = "", time.Time{}, c.Now().UTC().Add(leaveFor)
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
	question.showAnswer(ctx, c)
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
		// Subject.Key ends with the principal, whose id has no "#".
		id := lease.ID[strings.LastIndexByte(lease.ID, '#')+1:]
		holders[id] = append(holders[id], lease.ID)
	}
	return holders, nil
}

// updatePeople changes what is known of people, and returns it. It may call
// change several times, each time with the newest state.
func (c *Checker) updatePeople(ctx context.Context, change func(*People)) (People, error) {
	var err error
	for range updateTries {
		var people People
		var version string
		people, version, err = c.Store.People(ctx)
		if err != nil {
			return People{}, err
		}
		before := clone(people)
		change(&people)
		if isSame(before, people) {
			return people, nil
		}
		if err = c.Store.PutPeople(ctx, people, version); access.CodeOf(err) != access.CodeLost {
			return people, err
		}
	}
	return People{}, access.Wrap(access.CodeUnavailable, err, "write who was looked up")
}

func clone(p People) People {
	p.People = maps.Clone(p.People)
	return p
}

func isSame(a, b People) bool {
	return a.Question == b.Question && a.AskedAt.Equal(b.AskedAt) && maps.Equal(a.People, b.People)
}

// enterHolders notes who has access now. It forgets people only after they had no
// access for a while: the index may have missed their access, and a wave counts
// the people of an hour.
func enterHolders(p *People, holders map[string][]string, now time.Time) {
	for id := range holders {
		person, ok := p.People[id]
		if !ok || !person.AbsentSince.IsZero() {
			person.Since, person.AbsentSince = now, time.Time{}
			p.People[id] = person
		}
	}
	for id, person := range p.People {
		switch {
		case len(holders[id]) > 0:
		case person.AbsentSince.IsZero():
			person.AbsentSince = now
			p.People[id] = person
		case now.Sub(person.AbsentSince) >= forgetAfter:
			delete(p.People, id)
		}
	}
}

// isInWave reports whether the person was found gone within waveTime.
func isInWave(p Person, now time.Time) bool {
	return !p.GoneSince.IsZero() && now.Sub(p.GoneSince) < waveTime
}

// uncheckedSince returns since when a person is unchecked: since their last
// lookup, or since they have access.
func uncheckedSince(p Person) time.Time {
	if p.CheckedAt.After(p.Since) {
		return p.CheckedAt
	}
	return p.Since
}

// choose claims the people to look up: first those whose access somebody released
// for removal, then those whose last lookup is oldest.
func choose(p *People, holders map[string][]string, now time.Time, all bool) []string {
	var due []string
	for id := range holders {
		person := p.People[id]
		switch {
		case now.Before(person.ClaimedUntil):
		case all, isReleased(person), person.CheckedAt.IsZero(), now.Sub(uncheckedSince(person)) >= dueAfter:
			due = append(due, id)
		}
	}
	slices.SortFunc(due, func(a, b string) int {
		x, y := p.People[a], p.People[b]
		switch {
		case isReleased(x) && !isReleased(y):
			return -1
		case isReleased(y) && !isReleased(x):
			return 1
		}
		if order := uncheckedSince(x).Compare(uncheckedSince(y)); order != 0 {
			return order
		}
		return strings.Compare(a, b)
	})
	due = due[:min(len(due), lookups)]
	for _, id := range due {
		person := p.People[id]
		person.ClaimedUntil = now.Add(claimFor)
		p.People[id] = person
	}
	return due
}

// isReleased reports whether somebody released the person's access for removal,
// and that is still to be done.
func isReleased(p Person) bool { return p.ReleasedAt.After(p.CheckedAt) }

// lookup is what Identity Center said about a person, and when.
type lookup struct {
	status access.UserStatus
	at     time.Time
}

// lookUp looks people up, one after the other. It returns no lookup for people
// who could not be looked up, or not in time.
func (c *Checker) lookUp(ctx context.Context, due []string) (map[string]lookup, []error) {
	var failures []error
	found := map[string]lookup{}
	looking, cancel := context.WithTimeout(ctx, lookingTime)
	defer cancel()
	for _, id := range due {
		if looking.Err() != nil {
			break
		}
		at := c.Now().UTC()
		one, cancelOne := context.WithTimeout(looking, lookupTimeout)
		status, err := c.Directory.UserStatus(one, id)
		cancelOne()
		if err != nil {
			failures = append(failures, err)
			continue
		}
		found[id] = lookup{status, at}
	}
	if len(failures) > 0 {
		c.Logger.WarnContext(ctx, "people could not be looked up; they are looked up again", "failed", len(failures), "of", len(due),
			"code", access.CodeOf(failures[0]), "error", access.ErrorMessage(failures[0]))
	}
	return found, failures
}

// judge enters what was found, and returns the people whose access ends now. Once
// more than waveSize people are gone within waveTime, everybody found gone in
// this run or later is held: a person decides. Somebody whose access is to end
// counts as looked up only after it ended.
func judge(p *People, due []string, found map[string]lookup, now time.Time) (end []string) {
	var gone []string
	for _, id := range due {
		person, ok := p.People[id]
		if !ok {
			continue
		}
		person.ClaimedUntil = time.Time{}
		if f, looked := found[id]; looked && f.status.Gone() {
			gone = append(gone, id)
			person.Status = string(f.status)
			if person.GoneSince.IsZero() {
				person.GoneSince = f.at
			}
		} else if looked {
			person = Person{Since: person.Since, CheckedAt: f.at}
		}
		p.People[id] = person
	}
	wave := 0
	for _, person := range p.People {
		if isInWave(person, now) {
			wave++
		}
	}
	for _, id := range gone {
		person := p.People[id]
		person.Held = person.Held || wave > waveSize
		if person.Held && person.ReleasedAt.IsZero() {
			person.CheckedAt = found[id].at
			p.People[id] = person
			continue
		}
		end = append(end, id)
	}
	return end
}

// endAll ends the access of the people with these ids. It returns those for whom
// that succeeded, and whether that was all of their access. If the person was
// held, only released access ends.
func (c *Checker) endAll(ctx context.Context, people People, ids []string, holders map[string][]string) (ended map[string]bool, failures []error) {
	ended = map[string]bool{}
	questions := map[string]func(access.Request) bool{} // by run
	for _, id := range ids {
		mayEnd, err := func(access.Request) bool { return true }, error(nil)
		if person := people.People[id]; person.Held {
			if mayEnd = questions[person.Released]; mayEnd == nil {
				mayEnd, err = c.readMayEnd(ctx, person.Released)
				questions[person.Released] = mayEnd
			}
		}
		var isAll bool
		if err == nil {
			isAll, err = c.end(ctx, id, holders[id], mayEnd)
		}
		if err != nil {
			c.Logger.ErrorContext(ctx, "the access of somebody who is gone could not be ended; it is tried again",
				"principal", id, "code", access.CodeOf(err), "error", access.ErrorMessage(err))
			failures = append(failures, err)
			continue
		}
		ended[id] = isAll
	}
	return ended, failures
}

// end ends those of a person's granted requests that mayEnd permits, and reports
// whether that was all of them. It leaves alone a request that is not granted
// yet: grant looks the person up, too, and the next recheck ends what it granted
// just before.
func (c *Checker) end(ctx context.Context, principal string, keys []string, mayEnd func(access.Request) bool) (isAll bool, _ error) {
	requests, err := c.readActive(ctx, principal, keys)
	failures := []error{err}
	isAll = true
	for _, r := range requests {
		if r.EndRequest == nil && !mayEnd(r) {
			isAll = false
			continue
		}
		failures = append(failures, c.endRequest(ctx, r))
	}
	if err := errors.Join(failures...); err != nil {
		for _, one := range failures {
			if one != nil {
				return false, access.Wrap(access.CodeOf(one), err, "end access")
			}
		}
	}
	return isAll, nil
}

// readActive returns the person's requests whose access is there and is not being
// removed. A request whose row was deleted has only what its lease says.
func (c *Checker) readActive(ctx context.Context, principal string, keys []string) (all []access.Request, _ error) {
	var first error
	for _, key := range keys {
		lease, found, err := c.Table.Lease(ctx, key)
		if err != nil {
			first = firstOf(first, err)
			continue
		}
		if !found {
			continue
		}
		for _, id := range slices.Sorted(maps.Keys(lease.Holders)) {
			r, err := c.Table.Get(ctx, id)
			switch {
			case access.CodeOf(err) == access.CodeNotFound && lease.Holders[id].IsConfirmed():
				all = append(all, access.Request{ID: id, Target: lease.Subject.Target, Requester: access.Person{PrincipalID: principal}})
			case access.CodeOf(err) == access.CodeNotFound:
			case err != nil:
				first = firstOf(first, err)
			case r.Requester.PrincipalID == principal && r.IsActive():
				all = append(all, r)
			}
		}
	}
	return all, first
}

func firstOf(first, err error) error {
	if first != nil {
		return first
	}
	return err
}

// endRequest records that the access ends, and has the execution remove it. If
// the execution can't be resumed, the sweep removes the access.
func (c *Checker) endRequest(ctx context.Context, r access.Request) error {
	id, subject := r.ID, r.Subject()
	r, won, err := c.Table.RequestEnd(ctx, id, access.EndRequest{At: c.Now().UTC(), Reason: access.EndRequesterGone})
	switch {
	case access.CodeOf(err) == access.CodeNotFound:
		c.Logger.ErrorContext(ctx, "access ends: its requester is disabled or deleted in Identity Center, and somebody deleted the request's row",
			"request_id", id, "subject", subject.Key())
		return c.Remove(ctx, id, subject)
	case err != nil:
		return err
	}
	if won {
		c.Count(metric.PeopleGone, nil)
		c.Logger.WarnContext(ctx, "access ends: its requester is disabled or deleted in Identity Center",
			"request_id", r.ID, "execution", r.ExecutionARN, "subject", r.Subject().Key())
	}
	if r.EndToken == "" || !r.HasPendingEnd() {
		return nil
	}
	if err := c.ResumeEnd(ctx, r.EndToken); err != nil {
		c.Logger.WarnContext(ctx, "the execution could not be resumed; the sweep removes the access",
			"request_id", r.ID, "execution", r.ExecutionARN, "error", access.ErrorMessage(err))
	}
	return nil
}

// reportLate raises an alarm if people were not looked up in time.
func (c *Checker) reportLate(ctx context.Context, p People, holders map[string][]string) {
	now, late := c.Now(), 0
	var longest time.Duration
	for id := range holders {
		person, ok := p.People[id]
		if !ok {
			continue
		}
		if unchecked := now.Sub(uncheckedSince(person)); unchecked > lateAfter {
			late++
			longest = max(longest, unchecked)
		}
	}
	if late > 0 {
		c.Count(metric.RecheckLate, nil)
		c.Logger.ErrorContext(ctx, "people with active access were not looked up in time", "people", late, "longest_seconds", int(longest/time.Second))
	}
	c.Count(metric.Rechecked, nil)
}
