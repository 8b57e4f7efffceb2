package acceptance

import (
	"errors"
	"fmt"
	"strings"
	"time"
)

// Place is an account and a permission set that users can request.
type Place struct {
	Account       string // its id or its name
	PermissionSet string // its name
}

func (p Place) String() string { return p.PermissionSet + " in " + p.Account }

// Options choose what the acceptance tries. The tags define the command's flags.
type Options struct {
	// Target is requested twice: the first access ends on time, the second one early.
	// Other is requested once, and its execution is stopped. The policy must allow
	// requests for both, for Duration and with approval.
	Target   Place         `placeholder:"ACCOUNT:PERMISSION_SET" help:"Account (ID or name) and permission set that you request twice."`
	Other    Place         `placeholder:"ACCOUNT:PERMISSION_SET" help:"Another account and permission set, requested once. This run stops its execution."`
	Duration time.Duration `default:"2m" placeholder:"DURATION" help:"How long the requested access lasts: a duration that the form offers, at most 10m (default: 2m)."`

	// DriftUser is the email, as in Identity Center, of a user to whom the run gives
	// Target outside the app for a few minutes. If it is "", this step is skipped.
	DriftUser string `placeholder:"EMAIL" help:"Email (as in Identity Center) of a user. The run gives this user --target outside the app for a few minutes. Without this flag, the run skips the drift check."`
	// ManagementSet is a permission set that users can request in the organization's
	// management account. If it is "", this step is skipped.
	ManagementSet string `name:"management" placeholder:"PERMISSION_SET" help:"Permission set to request in the management account. Without this flag, the run skips that check."`
	// CapitalsUser is the email of a user, as in Identity Center, with at least one
	// capital letter. The user requests Target, and the request is denied. If it is "",
	// this step is skipped.
	CapitalsUser string `name:"capitals" placeholder:"EMAIL" help:"Email (as in Identity Center, with capitals) of a user who requests --target. Without this flag, the run skips that check."`

	// Patience is how long a person may take for each action.
	Patience time.Duration `default:"5m" placeholder:"DURATION" help:"How long to wait for each of your actions (default: 5m)."`
	// Poll is the time between two checks.
	Poll time.Duration    `kong:"-"`
	Now  func() time.Time `kong:"-"`
	// OnStep, if set, is called with the name of each step before the step begins.
	OnStep func(step string) `kong:"-"`
}

// maxDuration keeps the acceptance short, because it waits until the access ends.
const maxDuration = 10 * time.Minute

// check returns all mistakes in the options, or nil.
func (o Options) check() error {
	var mistakes []error
	mistake := func(format string, args ...any) { mistakes = append(mistakes, fmt.Errorf(format, args...)) }
	for name, p := range map[string]Place{"--target": o.Target, "--other": o.Other} {
		if p.Account == "" || p.PermissionSet == "" {
			mistake("%s needs an account and a permission set", name)
		}
	}
	if o.Target == o.Other {
		mistake("--target and --other must differ")
	}
	if o.Duration <= 0 || o.Duration > maxDuration {
		mistake("the duration is %s, but it must be at most %s, because this command waits until the access ends", o.Duration, maxDuration)
	}
	if o.CapitalsUser != "" && strings.ToLower(o.CapitalsUser) == o.CapitalsUser {
		mistake("the email %s has no capital letter", o.CapitalsUser)
	}
	if o.Patience <= 0 || o.Poll <= 0 || o.Now == nil {
		mistake("patience, poll interval and clock must be set")
	}
	return errors.Join(mistakes...)
}
