// Package identitycentertest is an in-process fake of IAM Identity Center, its
// Identity Store, and the part of AWS Organizations that the system reads.
//
// It does what the API references say, and its tests name the page for each rule. AWS
// does not document some cases, such as which error wins when two apply. If tests
// need both, they choose: see ConflictFirst.
//
// The fake has no clock and makes no random choices. A creation or deletion of an
// account assignment stays IN_PROGRESS until the test calls Succeed or Fail.
// Every call passes through Around, which may delay, fail, repeat or drop it.
//
// The fake has no assignments of groups, because this system makes none. It has no
// quotas: a test throttles calls in Around.
package identitycentertest

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strconv"
	"sync"

	"github.com/aws/aws-sdk-go-v2/aws"
	idtypes "github.com/aws/aws-sdk-go-v2/service/identitystore/types"
	orgtypes "github.com/aws/aws-sdk-go-v2/service/organizations/types"
	"github.com/aws/aws-sdk-go-v2/service/ssoadmin/types"
	"github.com/aws/smithy-go"

	"sso-elevator/functions/access"
	"sso-elevator/functions/adapters/identitycenter"
)

// InstanceARN and IdentityStoreID name the instance that a Center has if
// Instances is nil.
const (
	InstanceARN     = "arn:aws:sso:::instance/ssoins-0123456789abcdef"
	IdentityStoreID = "d-1234567890"
)

// Center is one Identity Center with its directory and its organization. The
// zero value is an active instance with an empty directory. Set the exported
// fields before the first call. A Center is safe for concurrent use.
type Center struct {
	Instances             []types.InstanceMetadata
	Encryption            *types.EncryptionConfigurationDetails
	PermissionSetsEnabled *bool

	PermissionSets []types.PermissionSet
	Groups         []idtypes.Group

	Accounts          []orgtypes.Account
	ManagementAccount string
	// Units are the ids directly above organizational units, and UnitOf those above
	// accounts, by their ids. Accounts that are not in UnitOf are directly below Root.
	// Move changes UnitOf.
	Units, UnitOf map[string]string
	// DelegatedAdministrators are account ids by service principal.
	DelegatedAdministrators map[string][]string

	// PageSize is how many items a page has at most; 0: as many as the caller
	// asks for.
	PageSize int

	// ConflictFirst has DeleteAccountAssignment return ConflictException rather than
	// ResourceNotFoundException if both apply: the assignment doesn't exist, and another
	// operation on its account and permission set is in progress.
	ConflictFirst bool

	// Around, if set, is called for each call of the API. It gets the answer from effect,
	// which it may call later, several times, or not at all.
	Around func(ctx context.Context, call Call, effect func() (any, error)) (any, error)

	// Accepted, if set, is called when a creation or deletion of an account
	// assignment has begun. The test ends it with Succeed or Fail.
	Accepted func(Operation)

	// Changed, if set, is called after a membership was created or deleted by a call,
	// or an assignment by Succeed. exists says which. Add, Put and Remove don't call
	// it.
	Changed func(a Access, exists bool)

	mu          sync.Mutex
	users       []idtypes.User // by id
	access      []Access
	operations  []Operation
	memberships int // made so far
	calls       map[string]int
	events      []func() // run after the call, without the lock
}

var (
	_ identitycenter.SSOAdminAPI      = (*Center)(nil)
	_ identitycenter.IdentityStoreAPI = (*Center)(nil)
	_ identitycenter.OrganizationsAPI = (*Center)(nil)
)

// Call is one call of the API.
type Call struct {
	Service   string // sso, identitystore or organizations
	Operation string // such as ListUsers
	About     string // the ids that the call names
	// Retryer is the SDK's retryer that the caller chose for this call; nil: none.
	Retryer aws.Retryer
}

// Access is an account assignment or a group membership that exists.
type Access struct {
	Subject      access.Subject
	MembershipID string // of a membership
	ByHand       bool   // made in the console, not by a call
}

// Operation is the creation or deletion of an account assignment.
type Operation struct {
	ID       string
	Subject  access.Subject
	Deletion bool
	Status   types.StatusValues
	Reason   string // why it failed
	ByHand   bool   // a deletion of access that was made in the console
}

// answer makes a call: it runs effect under the lock, and afterwards tells the test
// what happened.
func answer[Out any](ctx context.Context, c *Center, call Call, effect func() (*Out, error)) (*Out, error) {
	c.mu.Lock()
	if c.calls == nil {
		c.calls = map[string]int{}
	}
	c.calls[call.Operation]++
	c.mu.Unlock()
	around := c.Around
	if around == nil {
		around = func(_ context.Context, _ Call, effect func() (any, error)) (any, error) { return effect() }
	}
	out, err := around(ctx, call, func() (any, error) { return locked(c, effect) })
	if err != nil {
		return nil, err
	}
	return out.(*Out), nil
}

// locked runs effect under the lock, and then the notifications that effect left.
func locked[Out any](c *Center, effect func() (Out, error)) (Out, error) {
	c.mu.Lock()
	out, err := effect()
	events := c.events
	c.events = nil
	c.mu.Unlock()
	for _, tell := range events {
		tell()
	}
	return out, err
}

// Calls returns how often an operation of the API was called.
func (c *Center) Calls(operation string) int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.calls[operation]
}

// Find returns the access with that subject key, if it exists.
func (c *Center) Find(key string) (Access, bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if i := c.index(key); i >= 0 {
		return c.access[i], true
	}
	return Access{}, false
}

// Add creates access as someone does in the console, and returns the id of a
// membership. It replaces access that existed before.
func (c *Center) Add(s access.Subject) (membershipID string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.put(s, true).MembershipID
}

// Put creates exactly this access, and replaces an existing membership.
func (c *Center) Put(a Access) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.drop(a.Subject.Key())
	c.access = append(c.access, a)
}

// Remove removes access, if it exists, as someone does in the console.
func (c *Center) Remove(s access.Subject) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.drop(s.Key())
}

func (c *Center) index(key string) int {
	return slices.IndexFunc(c.access, func(a Access) bool { return a.Subject.Key() == key })
}

func (c *Center) put(s access.Subject, byHand bool) Access {
	c.drop(s.Key())
	a := Access{Subject: s, ByHand: byHand}
	if s.Kind == access.KindGroup {
		c.memberships++
		a.MembershipID = fmt.Sprint("m-", c.memberships)
	}
	c.access = append(c.access, a)
	return a
}

func (c *Center) drop(key string) {
	if i := c.index(key); i >= 0 {
		c.access = slices.Delete(c.access, i, i+1)
	}
}

func (c *Center) tellChanged(a Access, exists bool) {
	if c.Changed != nil {
		c.events = append(c.events, func() { c.Changed(a, exists) })
	}
}

// matching returns the access that the test selects, in the order of less.
func (c *Center) matching(selected func(Access) bool, by func(Access) string) []Access {
	var all []Access
	for _, a := range c.access {
		if selected(a) {
			all = append(all, a)
		}
	}
	slices.SortStableFunc(all, func(a, b Access) int { return cmp.Compare(by(a), by(b)) })
	return all
}

// A listing has the maximum length of a service's pages, and the error for a wrong
// MaxResults or token.
type listing struct {
	most  int32
	error string
}

var (
	centerListing       = listing{100, "ValidationException"}
	organizationListing = listing{20, "InvalidInputException"}
)

// page returns the items of the page that token names, and the token of the next
// page; nil: there is none.
func page[T any](c *Center, l listing, items []T, size *int32, token *string) ([]T, *string, error) {
	limit := int(l.most)
	if size != nil {
		if *size < 1 || *size > l.most {
			return nil, nil, refusal(l.error, "MaxResults must be between 1 and %d.", l.most)
		}
		limit = int(*size)
	}
	if c.PageSize > 0 {
		limit = min(limit, c.PageSize)
	}
	from := 0
	if token != nil {
		var err error
		if from, err = strconv.Atoi(*token); err != nil || from < 1 || from > len(items) {
			return nil, nil, refusal(l.error, "%q is not a page token.", *token)
		}
	}
	to := min(from+limit, len(items))
	if to == len(items) {
		return items[from:], nil, nil
	}
	return items[from:to], aws.String(strconv.Itoa(to)), nil
}

func refusal(code, format string, args ...any) error {
	return &smithy.GenericAPIError{Code: code, Message: fmt.Sprintf(format, args...), Fault: smithy.FaultClient}
}
