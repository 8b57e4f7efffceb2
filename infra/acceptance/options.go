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

// Options say what the acceptance tries. The tags are the command's flags.
type Options struct {
	// Target is requested twice: access that ends at its time, and access that
	// somebody ends early. Other is requested once; its execution is stopped.
	// Both can be requested for Duration, and need an approval.
	Target   Place         `placeholder:"ACCOUNT:PERMISSION_SET" help:"Account (id or name) and permission set, to be requested twice."`
	Other    Place         `placeholder:"ACCOUNT:PERMISSION_SET" help:"The same, to be requested once; its execution is stopped."`
	Duration time.Duration `default:"2m" placeholder:"DURATION" help:"Duration to be requested; the form must offer it (default: 2m)."`

	// DriftUser is the email, as Identity Center has it, of a user who gets
	// Target by hand for a few minutes. "": no drift is made.
	DriftUser string `placeholder:"EMAIL" help:"Email (as in Identity Center) of a user who gets --target by hand for some minutes."`
	// ManagementSet is a permission set that people can request in the
	// organization's management account. "": it is not tried.
	ManagementSet string `name:"management" placeholder:"PERMISSION_SET" help:"Permission set to be requested in the management account."`
	// CapitalsUser is the email of a user, as Identity Center has it, with at
	// least one capital letter. They request Target, and are denied. "": that is
	// not tried.
	CapitalsUser string `name:"capitals" placeholder:"EMAIL" help:"Email (as in Identity Center, with capitals) of a user who requests --target."`

	// Patience is how long a person may take for each thing they are asked.
	Patience time.Duration `default:"5m" placeholder:"DURATION" help:"How long to wait for each thing that you do (default: 5m)."`
	// Poll is the time between two looks.
	Poll time.Duration    `kong:"-"`
	Now  func() time.Time `kong:"-"`
	// OnStep, if set, is called with the name of each step when it begins.
	OnStep func(step string) `kong:"-"`
}

// maxDuration keeps the acceptance short: it waits until the access ends.
const maxDuration = 10 * time.Minute

// check returns what is wrong with the options, all of it.
func (o Options) check() error {
	var mistakes []error
	mistake := func(format string, args ...any) { mistakes = append(mistakes, fmt.Errorf(format, args...)) }
	for name, p := range map[string]Place{"the target": o.Target, "the other target": o.Other} {
		if p.Account == "" || p.PermissionSet == "" {
			mistake("%s needs an account and a permission set", name)
		}
	}
	if o.Target == o.Other {
		mistake("the two targets must differ")
	}
	if o.Duration <= 0 || o.Duration > maxDuration {
		mistake("the duration is %s, and must be at most %s: the acceptance waits until the access ends", o.Duration, maxDuration)
	}
	if o.CapitalsUser != "" && strings.ToLower(o.CapitalsUser) == o.CapitalsUser {
		mistake("the email %s has no capital letter", o.CapitalsUser)
	}
	if o.Patience <= 0 || o.Poll <= 0 || o.Now == nil {
		mistake("patience, poll interval and clock must be set")
	}
	return errors.Join(mistakes...)
}
