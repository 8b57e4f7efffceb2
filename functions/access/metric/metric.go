// Package metric holds the names of the metrics that the functions count. The
// alarms and the dashboard read them under these names.
package metric

// Names of the metrics.
const (
	RevokeFailed  = "RevokeFailed"  // access is still there after every retry of a round
	AuditDeferred = "AuditDeferred" // S3 did not take a record; it waits in the request's row, or with the run's findings
	Misconfigured = "Misconfigured" // something failed that someone must fix; the log says what
	// Undecidable counts the attempts to decide a request that failed because memberships or
	// organizational units can't be read. An alarm fires if that continues.
	Undecidable = "Undecidable"
	// The catalog was refreshed in full. An alarm fires if this stops.
	CatalogRefreshed = "CatalogRefreshed"
	// SweepLooked counts the minute checks; an alarm fires if they stop. Swept counts the
	// interrupted requests that they found.
	SweepLooked = "SweepLooked"
	Swept       = "Swept"
	Outcome     = "Outcome" // a request was decided; dimension Kind, an access.OutcomeKind
	Granted     = "Granted"
	Revoked     = "Revoked"

	// Durations in milliseconds: from the request to its outcome (dimension Kind,
	// an access.OutcomeKind), and from there to the access.
	TimeToDecision = "TimeToDecision"
	TimeToGrant    = "TimeToGrant"
	// ActiveAccess is the number of leases at each minute check. There is one for each
	// assignment or membership that this system created.
	ActiveAccess = "ActiveAccess"
	// AccessOverdue is how much access still exists a minute after its end, at each minute
	// check. An alarm fires if there is any.
	AccessOverdue = "AccessOverdue"

	// Rechecks look up the people who have active access. Each run counts Rechecked; an
	// alarm fires if they stop. RecheckLate: someone was not looked up in time. PeopleGone
	// counts the requests that ended because their requester is gone. PeopleGoneHeld is
	// counted while many people are gone at once and someone must decide about their
	// access.
	Rechecked      = "Rechecked"
	RecheckLate    = "RecheckLate"
	PeopleGone     = "PeopleGone"
	PeopleGoneHeld = "PeopleGoneHeld"

	// Metrics of the runs that search for unknown access.
	DriftFound          = "DriftFound"          // access was found for the first time
	DriftRevoked        = "DriftRevoked"        // access was removed
	DriftFailed         = "DriftFailed"         // access could not be removed
	ReconcileBegun      = "ReconcileBegun"      // a run over the whole scope began (not one that an event started); dimension Mode; an alarm fires if these stop
	ReconcileCompleted  = "ReconcileCompleted"  // a run read all of its scope; dimension Mode, an access.DriftMode
	ReconcileIncomplete = "ReconcileIncomplete" // a run could not read all of its scope; the log says what and why
)
