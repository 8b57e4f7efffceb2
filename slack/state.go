package slack

import "sso-elevator/functions/access"

// state is where a request stands, as its message in the channel shows it.
type state string

const (
	statePending   state = "pending"   // waits for an approver
	stateSettingUp state = "settingup" // decided in favour, the access is not there yet
	stateActive    state = "active"    // the access exists
	stateEnding    state = "ending"    // somebody ended it; it is being removed
	stateStuck     state = "stuck"     // the removal failed and is being retried
	stateEnded     state = "ended"     // removed and verified
	stateKept      state = "kept"      // ended, but another request holds the same access
	stateForeign   state = "foreign"   // ended, but somebody gave the same access by other means
	stateFailed    state = "failed"    // decided in favour, but there never was access
	stateDenied    state = "denied"
	stateWithdrawn state = "withdrawn"
	stateExpired   state = "expired"
	stateRefused   state = "refused"
	// stateInterrupted: it ended without an outcome (access.Request.Interrupted).
	stateInterrupted state = "interrupted"
)

// stateOf reads the state from the row alone. Green is only what is known to exist.
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
	case r.EndRequest != nil:
		return stateEnding
	default:
		return stateActive
	}
}

// titles are the messages' headings: the colour tells the state at a glance.
var titles = map[state]string{
	statePending:     "🟡 Access request: waiting for approval",
	stateSettingUp:   "🔵 Approved: access is being set up",
	stateActive:      "🟢 Access is active",
	stateEnding:      "🟠 Access is being removed",
	stateStuck:       "🟠 Access should be gone: the removal is being retried",
	stateEnded:       "⚪ Access has ended",
	stateKept:        "⚪ Request has ended: the access goes on with another one",
	stateForeign:     "⚪ Request has ended: the access goes on, given in another way",
	stateFailed:      "🔴 Access could not be given",
	stateDenied:      "🔴 Access request discarded",
	stateWithdrawn:   "⚫ Access request withdrawn",
	stateExpired:     "⚫ Access request expired",
	stateRefused:     "🔴 Access request refused",
	stateInterrupted: "🔴 Access request interrupted",
}
