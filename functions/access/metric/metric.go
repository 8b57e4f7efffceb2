// Package metric holds the names of the metrics that the functions count. The
// alarms and the dashboard read them under these names.
package metric

// Names of the metrics.
const (
	RevokeFailed  = "RevokeFailed"  // access is still there after every retry of a round
	AuditDeferred = "AuditDeferred" // S3 did not take a record; it waits in the request's row, or with the run's findings
	Misconfigured = "Misconfigured" // something failed that a person has to mend; the log says what
	// The catalog was refreshed in full; an alarm tells when that stays away.
	CatalogRefreshed = "CatalogRefreshed"
	// The sweep has looked for what was left behind; an alarm tells when that
	// stays away. Swept counts what it found.
	SweepLooked = "SweepLooked"
	Swept       = "Swept"
	Outcome     = "Outcome" // a request was decided; dimension Kind, an access.OutcomeKind
	Granted     = "Granted"
	Revoked     = "Revoked"

	// How long it took, in milliseconds: from the request to its outcome
	// (dimension Kind, an access.OutcomeKind), and from there to the access.
	TimeToDecision = "TimeToDecision"
	TimeToGrant    = "TimeToGrant"
	// How much access there is that this system gave, as often as the sweep
	// looks: leases, of which there is one for each assignment or membership.
	ActiveAccess = "ActiveAccess"
	// How much access is still there a minute after it should have been removed,
	// each time the sweep looks; an alarm tells when there is any.
	AccessOverdue = "AccessOverdue"

	// Rechecks of the people who have active access. Rechecked is counted by each
	// run; an alarm tells when they stay away. RecheckLate: somebody was not
	// looked up in time. PeopleGone is counted for each request that ended because
	// its requester is gone; PeopleGoneHeld while many are gone at once and a
	// person has to say what becomes of their access.
	Rechecked      = "Rechecked"
	RecheckLate    = "RecheckLate"
	PeopleGone     = "PeopleGone"
	PeopleGoneHeld = "PeopleGoneHeld"

	// Of the runs that look for access that no request granted.
	DriftFound          = "DriftFound"          // it was found for the first time
	DriftRevoked        = "DriftRevoked"        // it was removed
	DriftFailed         = "DriftFailed"         // it could not be removed
	ReconcileBegun      = "ReconcileBegun"      // a run began that looks at everything, and not at what an event names; dimension Mode; an alarm tells when they stay away
	ReconcileCompleted  = "ReconcileCompleted"  // a run read all of its scope; dimension Mode, an access.DriftMode
	ReconcileIncomplete = "ReconcileIncomplete" // a run could not read all of it; the log says what and why
)

// All returns the names of all metrics.
func All() []string {
	return []string{
		RevokeFailed,
		AuditDeferred,
		Misconfigured,
		CatalogRefreshed,
		SweepLooked,
		Swept,
		Outcome,
		Granted,
		Revoked,
		TimeToDecision,
		TimeToGrant,
		ActiveAccess,
		AccessOverdue,
		Rechecked,
		RecheckLate,
		PeopleGone,
		PeopleGoneHeld,
		DriftFound,
		DriftRevoked,
		DriftFailed,
		ReconcileBegun,
		ReconcileCompleted,
		ReconcileIncomplete,
	}
}
