package access

import "time"

// Due is a request that is not closed, a lease, or a person's claims.
type Due struct {
	ID string    // the request's id, the lease's key, or the person's principal id
	At time.Time // when someone should look at it if nothing happens before
}
