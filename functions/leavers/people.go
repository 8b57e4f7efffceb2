package leavers

import (
	"context"
	"maps"
	"time"

	"sso-elevator/functions/access"
)

// People is what rechecks know of the people who have access, or had access when
// they were found gone.
type People struct {
	People map[string]Person `json:"people"` // by principal id
	// Question is the run whose question about a wave is open; "" if there is none.
	Question string    `json:"question,omitempty"`
	AskedAt  time.Time `json:"asked_at,omitzero"`
	// Closing are the runs whose question has ended, and when we saw that. Each stays until
	// its message shows the answer, or until closeFor is over.
	Closing map[string]time.Time `json:"closing,omitempty"`
}

// Person is what rechecks know of one person. Times are UTC.
type Person struct {
	Since     time.Time `json:"since"`               // when they were seen to have access, after a time without
	CheckedAt time.Time `json:"checked_at,omitzero"` // when they were last looked up, and what follows was done
	// Until ClaimedUntil, only the recheck that claimed them looks them up.
	ClaimedUntil time.Time `json:"claimed_until,omitzero"`

	// AbsentSince is when we first saw that they have no access; zero if they have some.
	AbsentSince time.Time `json:"absent_since,omitzero"`

	// GoneSince is when they were found disabled or deleted (see Status); zero if
	// they are not gone.
	GoneSince time.Time `json:"gone_since,omitzero"`
	Status    string    `json:"status,omitempty"`
	// Held: they are part of a wave, and their access stays until someone answers. Asked
	// is the run with the question. Released is the run in which someone released some of
	// their access for removal, and ReleasedAt is when. Until LeftUntil, their access
	// stays. LeftBy is who answered that; zero if nobody did.
	Held       bool      `json:"held,omitempty"`
	Asked      string    `json:"asked,omitempty"`
	Released   string    `json:"released,omitempty"`
	ReleasedAt time.Time `json:"released_at,omitzero"`
	LeftUntil  time.Time `json:"left_until,omitzero"`

	LeftBy access.Person `json:"left_by,omitzero"`
}

// updatePeople changes what is known about people, and returns it. It may call change
// several times, each time with the newest state.
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
	return People{}, access.Wrap(access.CodeUnavailable, err, "write the lookups")
}

func clone(p People) People {
	p.People = maps.Clone(p.People)
	p.Closing = maps.Clone(p.Closing)
	return p
}

func isSame(a, b People) bool {
	return a.Question == b.Question && a.AskedAt.Equal(b.AskedAt) &&
		maps.Equal(a.People, b.People) && maps.Equal(a.Closing, b.Closing)
}

// enterHolders notes who has access now. It forgets people only after they had no
// access for a while: the index may lag, and a wave counts everyone found gone within
// an hour.
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
