package identitycenter_test

import (
	"context"
	"strings"
	"sync"
	"testing"

	"sso-elevator/functions/access"
	"sso-elevator/functions/adapters/identitycenter"
	"sso-elevator/functions/adapters/identitycenter/identitycentertest"
)

// The answers that say that something is not there. Removals depend on them.
var absences = map[string]func(*identitycenter.Client) (bool, error){
	"Exists": func(c *identitycenter.Client) (bool, error) {
		there, err := c.Exists(ctx, account)
		return !there, err
	},
	"Exists, group": func(c *identitycenter.Client) (bool, error) {
		there, err := c.Exists(ctx, group)
		return !there, err
	},
	"MembershipID": func(c *identitycenter.Client) (bool, error) {
		id, err := c.MembershipID(ctx, group)
		return id == "", err
	},
	"Vanished": func(c *identitycenter.Client) (bool, error) { return c.Vanished(ctx, account) },
	"UserStatus": func(c *identitycenter.Client) (bool, error) {
		status, err := c.UserStatus(ctx, "p-1")
		return status == access.UserDeleted, err
	},
	"UserByEmail": func(c *identitycenter.Client) (bool, error) {
		_, found, err := c.UserByEmail(ctx, "alice@example.com")
		return !found, err
	},
	"Creation": func(c *identitycenter.Client) (bool, error) {
		op, err := c.Creation(ctx, account, "operation")
		return op.Status == identitycenter.StatusUnknown, err
	},
	"Deletion": func(c *identitycenter.Client) (bool, error) {
		op, err := c.Deletion(ctx, account, "operation")
		return op.Status == identitycenter.StatusUnknown, err
	},
	"Delete": func(c *identitycenter.Client) (bool, error) {
		_, err := c.Delete(ctx, account, "")
		if access.CodeOf(err) == access.CodeNotFound {
			return true, nil
		}
		return false, err
	},
	"MemberOf": func(c *identitycenter.Client) (bool, error) {
		of, err := c.MemberOf(ctx, "p-1", []string{"g-1"})
		return len(of) == 0, err
	},
	"EachMember": func(c *identitycenter.Client) (bool, error) {
		none := true
		err := c.EachMember(ctx, "g-1", func(string) (bool, error) { none = false; return true, nil })
		return none, err
	},
	"Memberships": func(c *identitycenter.Client) (bool, error) {
		all, err := c.Memberships(ctx, "g-1")
		return len(all) == 0, err
	},
	"AssignmentsOf": func(c *identitycenter.Client) (bool, error) {
		all, _, err := c.AssignmentsOf(ctx, "p-1")
		return len(all) == 0, err
	},
	"AccountsWith": func(c *identitycenter.Client) (bool, error) {
		all, err := c.AccountsWith(ctx, "arn:ps-1")
		return len(all) == 0, err
	},
	"PermissionSetName": func(c *identitycenter.Client) (bool, error) {
		_, err := c.PermissionSetName(ctx, "arn:ps-1")
		if access.CodeOf(err) == access.CodeNotFound {
			return true, nil
		}
		return false, err
	},
	"Group": func(c *identitycenter.Client) (bool, error) {
		_, found, err := c.Group(ctx, "g-1")
		return !found, err
	},
}

// TestNothingIsAbsentInAnInstanceThatIsNotThere checks that a deployment's outdated ids
// never make access, a user or a group look absent. With the right ids, the instance is
// looked up at most once.
func TestNothingIsAbsentInAnInstanceThatIsNotThere(t *testing.T) {
	const right = identitycentertest.InstanceARN
	// AWS's answer to a call in another instance is "not found", or an empty list.
	for name, settings := range map[string]identitycenter.Settings{
		"both are outdated":     {InstanceARN: "arn:aws:sso:::instance/ssoins-fedcba9876543210", IdentityStore: "d-0987654321"},
		"the store is outdated": {InstanceARN: right, IdentityStore: "d-0987654321"},
		"they are right":        {InstanceARN: right, IdentityStore: identitycentertest.IdentityStoreID},
		"only the instance":     {InstanceARN: right},
		"only the store":        {IdentityStore: identitycentertest.IdentityStoreID},
		"none":                  {},
	} {
		for operation, absent := range absences {
			t.Run(name+", "+operation, func(t *testing.T) {
				var mu sync.Mutex
				listed, missed := 0, false
				center := &identitycentertest.Center{Around: func(_ context.Context, call identitycentertest.Call, effect func() (any, error)) (any, error) {
					out, err := effect()
					mu.Lock()
					defer mu.Unlock()
					if call.Operation == "ListInstances" {
						listed++
					}
					missed = missed || err != nil && strings.Contains(err.Error(), "does not exist")
					return out, err
				}}
				c := identitycenter.NewFromSettings(center, center, center, settings)
				for range 2 {
					gone, err := absent(c)
					outdated := strings.Contains(name, "outdated")
					// A call that needs only the instance doesn't notice an outdated store.
					if outdated && err != nil {
						wantCode(t, err, access.CodeMisconfigure)
						continue
					}
					if outdated && missed || err != nil || !gone {
						t.Fatalf("gone: %t, %v", gone, err)
					}
				}
				if !strings.Contains(name, "outdated") && listed > 1 {
					t.Errorf("looked for the instance %d times", listed)
				}
			})
		}
	}
}

// TestKnownInstanceIsNotLookedUp checks that calls that find what they ask about use the
// ids in the settings.
func TestKnownInstanceIsNotLookedUp(t *testing.T) {
	a := &mockAdmin{set: func(string) (string, error) { return "ReadOnly", nil }}
	c := identitycenter.NewFromSettings(a, nil, nil, identitycenter.Settings{InstanceARN: "i-1", IdentityStore: "store of i-1"})
	name, err := c.PermissionSetName(ctx, "arn:ps-1")
	if name != "ReadOnly" || err != nil || a.listed != 0 {
		t.Errorf("got %q, %v; looked for the instance %d times", name, err, a.listed)
	}
}
