package leavers

import "time"

// People is what rechecks know of the people who have access, or had access when
// they were found gone.
type People struct {
	People map[string]Person `json:"people"` // by principal id
	// Question is the run that asks about a wave; "" if none does.
	Question string    `json:"question,omitempty"`
	AskedAt  time.Time `json:"asked_at,omitzero"`
}

// Person is what rechecks know of one person. Times are UTC.
type Person struct {
	Since     time.Time `json:"since"`               // when they were seen to have access, after a time without
	CheckedAt time.Time `json:"checked_at,omitzero"` // when they were last looked up, and what follows was done
	// ClaimedUntil is until when one recheck looks them up, and no other does.
	ClaimedUntil time.Time `json:"claimed_until,omitzero"`

	// AbsentSince is when they were seen to have no access; zero if they have
	// some.
	AbsentSince time.Time `json:"absent_since,omitzero"`

	// GoneSince is when they were found disabled or deleted (see Status); zero if
	// they are not gone.
	GoneSince time.Time `json:"gone_since,omitzero"`
	Status    string    `json:"status,omitempty"`
	// Held: they are part of a wave, and their access stays until people answer.
	// Asked is the run that asks. Released is the run in which people released
	// some of their access for removal, and ReleasedAt is when. Until LeftUntil,
	// their access is left alone.
	Held       bool      `json:"held,omitempty"`
	Asked      string    `json:"asked,omitempty"`
	Released   string    `json:"released,omitempty"`
	ReleasedAt time.Time `json:"released_at,omitzero"`
	LeftUntil  time.Time `json:"left_until,omitzero"`
}
