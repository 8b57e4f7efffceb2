package claims_test

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"testing"
	"time"

	"sso-elevator/functions/access"
	"sso-elevator/functions/adapters/claims"
)

// indexed is a table with an index that shows when each row is due.
type indexed struct {
	*memory
	due      map[string]time.Time
	openErr  error
	listings int
}

func (t *indexed) OpenClaims(context.Context) ([]access.Due, error) {
	t.listings++
	var all []access.Due
	for _, id := range slices.Sorted(maps.Keys(t.due)) {
		all = append(all, access.Due{ID: id, At: t.due[id]})
	}
	return all, t.openErr
}

func TestSweepFreesWhatWasLeft(t *testing.T) {
	tenth := now.Truncate(10 * time.Minute)
	claim := func(id string) access.Claim { return access.Claim{RequestID: id, At: tenth.Add(-time.Hour)} }
	world := func() *indexed {
		w := &indexed{memory: newTable(), due: map[string]time.Time{}}
		enter := func(principal string, due time.Time, held map[string]access.Claim) {
			w.claims[principal] = access.Claims{PrincipalID: principal, Claims: held, Version: 7}
			w.due[principal] = due
		}
		waits, decided, closed := asks("waits", "p-1", 1), asks("decided", "p-1", 2), asks("closed", "p-2", 1)
		decided.Outcome = &access.Outcome{Kind: access.OutcomeDenied}
		closed.ClosedAt = now
		approved := asks("approved", "p-1", 4) // its access is active, and the press died
		approved.Outcome, approved.GrantedAt = &access.Outcome{Kind: access.OutcomeApproved}, tenth.Add(-time.Hour)
		for _, r := range []access.Request{waits, decided, approved, closed} {
			w.rows[r.ID] = r
		}
		enter("p-1", tenth, map[string]access.Claim{target(1).Key(): claim("waits"), target(2).Key(): claim("decided"), target(3).Key(): claim("never created"), target(4).Key(): claim("approved")})
		enter("p-2", tenth, map[string]access.Claim{target(1).Key(): claim("closed")})
		enter("p-3", tenth.Add(time.Second), map[string]access.Claim{target(1).Key(): claim("closed")}) // not due yet
		w.due["p-4"] = tenth                                                                            // freed in the meantime
		return w
	}
	look := func(w *indexed, at time.Time) error {
		return (&claims.Sweep{Table: w, Now: func() time.Time { return at }}).Look(t.Context())
	}
	left := func(w *indexed) string {
		all := []string{}
		for _, id := range slices.Sorted(maps.Keys(w.claims)) {
			for _, key := range slices.Sorted(maps.Keys(w.claims[id].Claims)) {
				all = append(all, id+" "+w.claims[id].Claims[key].RequestID)
			}
		}
		return fmt.Sprint(all)
	}

	w := world()
	before := left(w)
	if err := look(w, tenth.Add(time.Minute)); err != nil || w.listings != 0 || left(w) != before {
		t.Errorf("between: %v, listed %d times, left %s", err, w.listings, left(w))
	}
	if err := look(w, tenth); err != nil || left(w) != "[p-1 waits p-3 closed]" {
		t.Errorf("in the tenth minute: %v, left %s", err, left(w))
	}
	if err := look(w, tenth); err != nil || left(w) != "[p-1 waits p-3 closed]" {
		t.Errorf("again: %v, left %s", err, left(w))
	}

	w = world()
	w.openErr = access.Errorf(access.CodeThrottled, "slow down")
	if err := look(w, tenth); access.CodeOf(err) != access.CodeThrottled || left(w) != before {
		t.Errorf("the index can't be read: %v, left %s", err, left(w))
	}
	w = world()
	w.readErr = access.Errorf(access.CodeThrottled, "slow down")
	if err := look(w, tenth); access.CodeOf(err) != access.CodeThrottled || left(w) != before {
		t.Errorf("requests can't be read: %v, left %s", err, left(w))
	}
	w = world()
	w.writeErr = access.Errorf(access.CodeLost, "somebody else wrote it")
	if err := look(w, tenth); err != nil || left(w) != before {
		t.Errorf("somebody else writes the rows: %v, left %s", err, left(w))
	}
}
