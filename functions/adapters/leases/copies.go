package leases

import (
	"sync"
	"time"

	"sso-elevator/functions/access"
)

const (
	// copyAge is how long a copy is used. ConfirmRevoke usually follows Revoke within a
	// second.
	copyAge = time.Minute
	// maxCopies bounds the memory. A process runs one task at a time.
	maxCopies = 16
)

// copies are leases as this process last wrote them, by key. With them, the function that
// confirms a removal doesn't read the lease that it has just written.
//
// Other processes write leases, too, so a copy may be outdated. Release may use it anyway,
// whatever its age:
//
//   - The lease is in deleting. So no request can join it, and no creation can be claimed.
//     The copy's SettlesAt covers all creations that were claimed before.
//   - Release first reads the request's row. Until the row has the result of the removal,
//     the request holds the lease. After that, Release uses no copy.
//   - Each write and the deletion of the lease are conditional on the copy's version.
//   - The row gets the same result with and without later writes of the lease: this app
//     deleted the access. So Identity Center must have accepted a deletion, and the lease
//     must not be Missing.
type copies struct {
	mu     sync.Mutex
	leases map[string]leaseCopy
}

type leaseCopy struct {
	lease access.Lease
	at    time.Time // when it was written, without a monotonic reading: a process may be frozen
}

// keep remembers a lease that was just written, if Release may use it.
func (c *copies) keep(lease access.Lease, now time.Time) {
	c.mu.Lock()
	defer c.mu.Unlock()
	delete(c.leases, lease.Key)
	if lease.State != access.LeaseDeleting || len(lease.Holders) != 1 || lease.Drift != nil || lease.Missing ||
		lease.DeletionID == "" || lease.DeletionID == noDeletion {
		return
	}
	if c.leases == nil || len(c.leases) >= maxCopies {
		c.leases = map[string]leaseCopy{}
	}
	c.leases[lease.Key] = leaseCopy{lease, now.Round(0)}
}

// forget drops what is remembered of a lease.
func (c *copies) forget(key string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	delete(c.leases, key)
}

// take returns the lease and forgets it, so that a copy is used once.
func (c *copies) take(key, holder string, now time.Time) (lease access.Lease, found bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	kept, found := c.leases[key]
	delete(c.leases, key)
	age := now.Round(0).Sub(kept.at)
	return kept.lease, found && kept.lease.IsHeldBy(holder) && age >= 0 && age <= copyAge
}
