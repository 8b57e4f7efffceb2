package leavers

import "time"

// People is what rechecks know of the people who have access, or had it when
// they were found gone.
type People struct {
	People map[string]Person `json:"people"` // by principal id
	// Question is the run that asks about a wave; empty: none asks.
	Question string    `json:"question,omitempty"`
	AskedAt  time.Time `json:"asked_at,omitzero"`
}

// Person is what rechecks know of somebody. Times are UTC.
type Person struct {
	Since     time.Time `json:"since"`               // seen to have access, after a time without
	CheckedAt time.Time `json:"checked_at,omitzero"` // looked up, and what follows from it was done
	// ClaimedUntil is until when one run looks them up, and no other does.
	ClaimedUntil time.Time `json:"claimed_until,omitzero"`

	// AbsentSince is when they were seen to have no access; zero: they have some.
	AbsentSince time.Time `json:"absent_since,omitzero"`

	// GoneSince is when they were found disabled or deleted, whichever Status
	// says; zero: they are not gone.
	GoneSince time.Time `json:"gone_since,omitzero"`
	Status    string    `json:"status,omitempty"`
	// Held: they are part of a wave, and their access is left until people
	// answer. Asked is the run that asks. Released is the run whose answers let
	// some of their access go, and ReleasedAt when; LeftUntil: what is there is
	// left until then.
	Held       bool      `json:"held,omitempty"`
	Asked      string    `json:"asked,omitempty"`
	Released   string    `json:"released,omitempty"`
	ReleasedAt time.Time `json:"released_at,omitzero"`
	LeftUntil  time.Time `json:"left_until,omitzero"`
}
