// Package approvals checks the approvals that a request has collected.
package approvals

import (
	"context"
	"slices"
	"time"

	"sso-elevator/functions/access"
	"sso-elevator/functions/access/parallel"
	"sso-elevator/functions/adapters/cases"
	"sso-elevator/functions/adapters/people"
	"sso-elevator/functions/adapters/table"
)

// maxLookups limits how many approvers are looked up at once.
const maxLookups = 8

// People looks up people who approved.
type People interface {
	// CheckApprover returns nil if the person could still approve something, and
	// Refused if not.
	CheckApprover(ctx context.Context, approver access.Person) error
}

// Blocks reads who is blocked.
type Blocks interface {
	Blocks(ctx context.Context) (access.Blocks, error)
}

var (
	_ People = (*people.Finder)(nil)
	_ Blocks = (*table.Table)(nil)
)

// Check checks the approvals of one request, at one moment: it looks up each approver
// once. Only one goroutine may use it at a time.
type Check struct {
	People People
	Cases  cases.Reader // reads everything anew
	Blocks Blocks

	blocked *access.Blocks // nil if not read yet
	known   map[access.Person]*standing
}

// standing is what a check knows about an approver.
type standing struct {
	gone access.Lapse     // why they could no longer approve anything; empty if they could
	as   *access.Identity // as the policy sees them; nil if not read yet
}

// Know tells the check that the person was looked up just now, could approve something,
// and is seen so by the policy.
func (k *Check) Know(p access.Person, as access.Identity) {
	k.know(p, &standing{as: &as})
}

func (k *Check) know(p access.Person, s *standing) {
	if k.known == nil {
		k.known = map[access.Person]*standing{}
	}
	k.known[p] = s
}

// LookUp looks up the approvers whom the check doesn't know yet, and who is blocked.
func (k *Check) LookUp(ctx context.Context, approvals []access.Approval) error {
	if len(approvals) > 0 && k.blocked == nil {
		blocks, err := k.Blocks.Blocks(ctx)
		if err != nil {
			return err
		}
		k.blocked = &blocks
	}
	var unknown []access.Person
	for _, a := range approvals {
		if k.known[a.By] == nil {
			unknown = append(unknown, a.By)
		}
	}
	errs := make([]error, len(unknown))
	parallel.Do(len(unknown), maxLookups, func(i int) { errs[i] = k.People.CheckApprover(ctx, unknown[i]) })
	for i, err := range errs {
		if err != nil && access.CodeOf(err) != access.CodeRefused {
			return err
		}
		s := &standing{}
		if err != nil {
			s.gone = access.LapseGone
		}
		k.know(unknown[i], s)
	}
	return nil
}

// Count returns what the policy makes of the approvals of the request r, which is the
// case c. If a lookup fails, nothing is known.
func (k *Check) Count(ctx context.Context, x *access.Index, c *access.Case, r access.Request, approvals []access.Approval) (access.Tally, error) {
	if err := k.LookUp(ctx, approvals); err != nil {
		return access.Tally{}, err
	}
	approvals = slices.Clone(approvals)
	as, errs := make([]access.Identity, len(approvals)), make([]error, len(approvals))
	parallel.Do(len(approvals), maxLookups, func(i int) {
		a := &approvals[i]
		s := k.known[a.By]
		if a.Lapse = s.gone; k.blocked.Of(a.By) != nil {
			a.Lapse = access.LapseBlocked
		}
		if a.Lapse != "" {
			return
		}
		if s.as == nil {
			var identity access.Identity
			if identity, errs[i] = k.Cases.Identity(ctx, x, c, a.By); errs[i] != nil {
				return
			}
			s.as = &identity
		}
		as[i] = *s.as
	})
	for _, err := range errs {
		if err != nil {
			return access.Tally{}, err
		}
	}
	return x.Count(c, r, approvals, as), nil
}

// Outcome returns the decision that the approvals make, by the last of them that counts;
// nil if they are not enough. d and digest are of the policy in force, and k is the kind of
// the request's target.
func Outcome(t access.Tally, k access.Kind, d access.Decision, digest string, at time.Time) *access.Outcome {
	if !t.Met {
		return nil
	}
	last, _ := t.Last()
	return &access.Outcome{
		Kind: access.OutcomeApproved, By: last.By, At: at,
		Reason: string(d.Reason), PolicyDigest: digest, Statements: d.Statements, Rule: d.Rule(k),
	}
}
