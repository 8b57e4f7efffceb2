package acceptance

import (
	"errors"
	"fmt"
	"strings"
	"time"
)

// Place is an account and a permission set that people can request.
type Place struct {
	Account       string // its id or its name
	PermissionSet string // its name
}

func (p Place) String() string { return p.PermissionSet + " in " + p.Account }

// Options say what the acceptance tries.
type Options struct {
	// Target is requested twice: access that ends at its time, and access that
	// somebody ends early. Other is requested once; its execution is stopped.
	// Both can be requested for Duration, and need an approval.
	Target, Other Place
	Duration      time.Duration

	// DriftUser is the email, as Identity Center has it, of a user who gets
	// Target by hand for a few minutes. "": no drift is made.
	DriftUser string
	// ManagementSet is a permission set that people can request in the
	// organization's management account. "": it is not tried.
	ManagementSet string
	// CapitalsUser is the email of a user, as Identity Center has it, with at
	// least one capital letter. They request Target, and are denied. "": that is
	// not tried.
	CapitalsUser string

	// Patience is how long a person may take for each thing they are asked.
	Patience time.Duration
	// Poll is the time between two looks.
	Poll time.Duration
	Now  func() time.Time
}

// maxDuration keeps the acceptance short: it waits until the access ends.
const maxDuration = 10 * time.Minute

// check returns what is wrong with the options, all of it.
func (o Options) check() error {
	var wrong []error
	bad := func(format string, args ...any) { wrong = append(wrong, fmt.Errorf(format, args...)) }
	for name, p := range map[string]Place{"the target": o.Target, "the other target": o.Other} {
		if p.Account == "" || p.PermissionSet == "" {
			bad("%s needs an account and a permission set", name)
		}
	}
	if o.Target == o.Other {
		bad("the two targets must differ")
	}
	if o.Duration <= 0 || o.Duration > maxDuration {
		bad("the duration is %s, and must be at most %s: the acceptance waits until the access ends", o.Duration, maxDuration)
	}
	if o.CapitalsUser != "" && strings.ToLower(o.CapitalsUser) == o.CapitalsUser {
		bad("the email %s has no capital letter", o.CapitalsUser)
	}
	if o.Patience <= 0 || o.Poll <= 0 || o.Now == nil {
		bad("patience, poll interval and clock must be set")
	}
	return errors.Join(wrong...)
}
