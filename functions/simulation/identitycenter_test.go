package simulation

import (
	"context"
	"maps"
	"slices"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	idtypes "github.com/aws/aws-sdk-go-v2/service/identitystore/types"
	orgtypes "github.com/aws/aws-sdk-go-v2/service/organizations/types"
	"github.com/aws/aws-sdk-go-v2/service/ssoadmin/types"

	"sso-elevator/functions/access"
	"sso-elevator/functions/adapters/identitycenter/identitycentertest"
)

// newCenter returns the organization's Identity Center. Its calls take time and fail
// as the history says, and the ledger learns about the changes.
func newCenter(w *world, source *source) *identitycentertest.Center {
	c := &identitycentertest.Center{
		Around: func(ctx context.Context, c identitycentertest.Call, effect func() (any, error)) (any, error) {
			if c.Operation == "ListInstances" {
				// The client holds a lock during this call. Others of the same function
				// wait for that lock, where the clock doesn't see them.
				return effect()
			}
			var o options
			if c.Retryer != nil {
				o = options{once: c.Retryer.MaxAttempts() == 1, again: c.Retryer.IsErrorRetryable}
			}
			return call(ctx, w, c.Service, c.Operation, c.About, effect, o)
		},
		Accepted: func(op identitycentertest.Operation) { w.accepted(op, source.dice("operation")) },
		Changed:  w.changed,
		// AWS doesn't document which error wins.
		ConflictFirst: w.seed%2 == 0,
	}
	for _, a := range accounts {
		c.Accounts = append(c.Accounts, orgtypes.Account{Id: &a.ID, Name: &a.Name, State: orgtypes.AccountStateActive, Status: orgtypes.AccountStatusActive})
	}
	for _, set := range permissionSets {
		c.PermissionSets = append(c.PermissionSets, types.PermissionSet{PermissionSetArn: &set.ARN, Name: &set.Name})
	}
	c.Units, c.UnitOf = unitParents, maps.Clone(unitOf)
	for _, g := range slices.Concat(groups, decisionGroups) {
		c.Groups = append(c.Groups, idtypes.Group{GroupId: &g.ID, DisplayName: &g.Name})
	}
	for _, p := range people {
		c.PutUser(user(p, ""))
	}
	return c
}

// user returns a person as the directory shows them. Some directories show no
// status.
func user(p access.Person, status idtypes.UserStatus) idtypes.User {
	return idtypes.User{
		UserId: aws.String(p.PrincipalID), UserName: aws.String(p.Email), DisplayName: aws.String(p.Name), UserStatus: status,
		Emails: []idtypes.Email{{Value: aws.String(p.Email)}},
	}
}

// accepted ends an operation of Identity Center, after a few seconds in the normal
// case.
func (w *world) accepted(op identitycentertest.Operation, d *dice) {
	length, fails := d.between(100*time.Millisecond, 4*time.Second), false
	if t := w.trouble; t.isActive(w.clock.now()) {
		if d.chance(t.slow) {
			length = d.between(2*time.Second, 90*time.Second)
		}
		fails = d.chance(t.failed)
	}
	at, kind, key := w.clock.now().Add(length), "creation", op.Subject.Key()
	if op.Deletion {
		kind = "deletion"
	}
	w.clock.spawn(func() {
		w.clock.until(at, d.next())
		status := types.StatusValuesSucceeded
		if fails {
			status = types.StatusValuesFailed
			w.center.Fail(op.ID, "Identity Center could not do it")
		} else {
			w.center.Succeed(op.ID)
		}
		w.clock.say("  Identity Center: %s of %s is %s", kind, key, status)
	})
	if op.Deletion {
		w.ledger.checkDeletion(key, "", op.ByHand)
	} else {
		w.ledger.checkCreation(key)
	}
}

// changed tells the ledger about access that a call created or removed. For an
// assignment, the ledger has known the call since it was accepted.
func (w *world) changed(a identitycentertest.Access, exists bool) {
	key, membership := a.Subject.Key(), a.MembershipID != ""
	switch {
	case membership && exists:
		w.ledger.checkCreation(key)
	case membership:
		w.ledger.checkDeletion(key, a.MembershipID, a.ByHand)
	}
	if exists {
		w.ledger.noteAppearance(key, false)
	} else {
		w.ledger.noteRemoval(key, false)
	}
}

// hasAccess reports whether the access of a lease with that key exists, and
// whether somebody made it by hand.
func (w *world) hasAccess(key string) (exists, byHand bool) {
	a, exists := w.center.Find(key)
	return exists, a.ByHand
}

// failedToDelete reports whether a deletion of the assignment failed.
func (w *world) failedToDelete(key string) bool {
	for _, op := range w.center.Operations() {
		if op.Deletion && op.Status == types.StatusValuesFailed && op.Subject.Key() == key {
			return true
		}
	}
	return false
}

// isChanging reports whether Identity Center is creating or deleting the
// assignment.
func (w *world) isChanging(key string) bool {
	for _, op := range w.center.Operations() {
		if op.Status == types.StatusValuesInProgress && op.Subject.Key() == key {
			return true
		}
	}
	return false
}
