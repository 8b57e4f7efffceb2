package slack

import "sso-elevator/functions/access"

// state is what the message in the channel shows about a request.
type state string

const (
	statePending    state = "pending"    // no decision yet
	stateSettingUp  state = "settingup"  // approved; the access does not exist yet
	stateActive     state = "active"     // the access exists
	stateEnding     state = "ending"     // the access is being removed, or someone ended it
	stateStuck      state = "stuck"      // the removal failed; the app retries
	stateEnded      state = "ended"      // the access was removed and checked
	stateKept       state = "kept"       // the request ended, but another request holds the same access
	stateWithOthers state = "withothers" // the request ended, and all others that hold the same access are ending
	stateForeign    state = "foreign"    // the request ended, but someone added the same access outside this app
	stateFailed     state = "failed"     // approved, but the access never existed
	stateDenied     state = "denied"
	stateWithdrawn  state = "withdrawn"
	stateExpired    state = "expired"
	stateRefused    state = "refused"
	// stateInterrupted is for requests that ended without an outcome. See
	// access.Request.Interrupted.
	stateInterrupted state = "interrupted"
)

// stateOf returns the request's state, from its row. A request is active (green) only
// if its access is known to exist.
func stateOf(r access.Request) state {
	switch {
	case r.Rebuilt != nil && !r.IsRemoved():
		return stateStuck
	case r.Rebuilt != nil:
		return stateOfGrant(r)
	case r.Interrupted():
		return stateInterrupted
	case r.Outcome == nil:
		return statePending
	}
	switch r.Outcome.Kind {
	case access.OutcomeAutomatic, access.OutcomeApproved:
		return stateOfGrant(r)
	case access.OutcomeDenied:
		return stateDenied
	case access.OutcomeWithdrawn:
		return stateWithdrawn
	case access.OutcomeExpired:
		return stateExpired
	default:
		return stateRefused
	}
}

func stateOfGrant(r access.Request) state {
	gone := r.IsRemoved()
	removalFailed := false
	for _, e := range r.Events {
		removalFailed = removalFailed || e.Kind == access.EventRevokeFailed
	}
	switch {
	case gone && !r.WasGranted():
		return stateFailed
	case gone && r.EndsWithOthers():
		return stateWithOthers
	case gone && r.Removal == access.RemovalKept:
		return stateKept
	case gone && r.Removal == access.RemovalForeign:
		return stateForeign
	case gone:
		return stateEnded
	case removalFailed:
		return stateStuck
	case !r.WasGranted() && (r.Failure != nil || r.Tombstone || r.IsClosed()):
		return stateFailed
	case !r.WasGranted():
		return stateSettingUp
	case r.EndRequest != nil, r.HasRemovalBegun():
		return stateEnding
	default:
		return stateActive
	}
}

// titles are the headings of the messages. The color shows the state at a glance.
var titles = map[state]string{
	statePending:     "🟡 Access request: waiting for approval",
	stateSettingUp:   "🔵 Approved: setting up access",
	stateActive:      "🟢 Access is active",
	stateEnding:      "🟠 Removing access",
	stateStuck:       "🟠 Access not removed yet: retrying",
	stateEnded:       "⚪ Access has ended",
	stateKept:        "⚪ Request ended: access continues through another request",
	stateWithOthers:  "⚪ Request ended: access ends with another request",
	stateForeign:     "⚪ Request ended: access continues outside this app",
	stateFailed:      "🔴 Access not granted",
	stateDenied:      "🔴 Access request denied",
	stateWithdrawn:   "⚫ Access request withdrawn",
	stateExpired:     "⚫ Access request expired",
	stateRefused:     "🔴 Access request refused",
	stateInterrupted: "🔴 Access request interrupted",
}
