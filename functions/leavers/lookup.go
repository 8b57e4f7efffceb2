package leavers

import (
	"context"
	"slices"
	"strings"
	"time"

	"sso-elevator/functions/access"
	"sso-elevator/functions/access/metric"
)

// isInWave reports whether the person was found gone within waveTime.
func isInWave(p Person, now time.Time) bool {
	return !p.GoneSince.IsZero() && now.Sub(p.GoneSince) < waveTime
}

// uncheckedSince returns the time of a person's last lookup, or the start of their
// access if that is later.
func uncheckedSince(p Person) time.Time {
	if p.CheckedAt.After(p.Since) {
		return p.CheckedAt
	}
	return p.Since
}

// choose claims the people to look up: first those whose access someone released
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

// isReleased reports whether someone released the person's access for removal, and
// the removal isn't done yet.
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
		c.Logger.WarnContext(ctx, "people could not be looked up, retrying", "failed", len(failures), "of", len(due),
			"code", access.CodeOf(failures[0]), "error", access.ErrorMessage(failures[0]))
	}
	return found, failures
}

// judge stores the results, and returns the people whose access ends now. Once more
// than waveSize people are gone within waveTime, everyone found gone in this run or
// later is held until someone answers. A person whose access must end counts as
// looked up only after it ended.
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
