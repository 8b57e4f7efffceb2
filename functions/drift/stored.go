package drift

import (
	"slices"
	"time"

	"sso-elevator/functions/access"
)

// Plan lists everything that a run reads. Batches name accounts, permission sets and
// groups by their index in the lists here.
type Plan struct {
	Run       string           `json:"run"`
	Mode      access.DriftMode `json:"mode"`
	Execution string           `json:"execution"` // ARN
	StartedAt time.Time        `json:"started_at"`
	// Partial is true if an event started the run. In that case, the run reads only the
	// event's target, and knows nothing about other access.
	Partial bool `json:"partial,omitempty"`
	// ByUser is true if assignments are listed by user, not by account.
	ByUser bool `json:"by_user,omitempty"`

	// Created is what the event says that started the run, if it names the user.
	Created *Created `json:"created,omitempty"`

	// Policy is the policy in force at the start, for all steps of the run.
	Policy access.Policy `json:"policy"`

	Accounts []Named `json:"accounts,omitempty"`
	Sets     []Named `json:"permission_sets,omitempty"` // their ids are ARNs
	Groups   []Named `json:"groups,omitempty"`
	Batches  []Batch `json:"batches"`

	// Users are the names of all users, by id, if they were listed.
	Users map[string]string `json:"users,omitempty"`
	// Unmanageable are the ids of accounts that can't be managed from this
	// account.
	Unmanageable []string `json:"unmanageable,omitempty"`
	// Provisioned are the names of groups that SCIM manages.
	Provisioned []string        `json:"provisioned,omitempty"`
	Unread      []access.Unread `json:"unread,omitempty"`
	// Learned is what the plan found out for later runs; nil if it found out nothing new.
	Learned *Listing `json:"learned,omitempty"`
}

// IsWhole reports whether each index in the batches is in the plan's lists.
func (p *Plan) IsWhole() bool {
	in := func(indexes []int, n int) bool {
		return !slices.ContainsFunc(indexes, func(i int) bool { return i < 0 || i >= n })
	}
	for _, b := range p.Batches {
		if !in(b.Accounts, len(p.Accounts)) || !in(b.Groups, len(p.Groups)) {
			return false
		}
		for _, pair := range b.AccountSets {
			if !in([]int{pair.Account}, len(p.Accounts)) || !in(pair.Sets, len(p.Sets)) {
				return false
			}
		}
	}
	return true
}

// ousOf returns the organizational units above an account, as far as the plan knows.
func (p *Plan) ousOf(accountID string) []string {
	for _, a := range p.Accounts {
		if a.ID == accountID {
			return a.OUs
		}
	}
	return nil
}

// Named is something with an id and a name.
type Named struct {
	ID   string `json:"id"`
	Name string `json:"name,omitempty"`
	// Management is the organization's management account.
	Management bool `json:"management,omitempty"`
	// OUs are the organizational units above an account, of those that the policy
	// names.
	OUs []string `json:"ous,omitempty"`
}

// Batch is what one invocation reads.
type Batch struct {
	// AccountSets are accounts, each with permission sets that are in it.
	AccountSets []AccountSets `json:"pairs,omitempty"`
	// Accounts are the accounts whose permission sets the invocation must list itself,
	// before it lists assignments.
	Accounts []int `json:"accounts,omitempty"`
	// Users are ids.
	Users  []string `json:"users,omitempty"`
	Groups []int    `json:"groups,omitempty"`
}

// AccountSets is an account with some permission sets.
type AccountSets struct {
	Account int   `json:"a"`
	Sets    []int `json:"s"`
}

// BatchResult is what a batch found.
type BatchResult struct {
	// PlannedAt is the StartedAt of the plan that the batch followed: a run's
	// name may be used again.
	PlannedAt time.Time        `json:"planned_at,omitzero"`
	Findings  []access.Finding `json:"findings,omitempty"`
	Unread    []access.Unread  `json:"unread,omitempty"`
	// Unmanageable are ids of accounts.
	Unmanageable []string `json:"unmanageable,omitempty"`
}

// Collected is what a run collected from its batches, without the findings.
type Collected struct {
	// PlannedAt is as in BatchResult.
	PlannedAt time.Time `json:"planned_at,omitzero"`
	// New is how many findings no earlier run saw. They come first.
	New int `json:"new"`
	// Exempted: this run is the first to leave at least one finding alone under its
	// exemption.
	Exempted bool `json:"exempted,omitempty"`
	// Next is "remove", "ask" or "report".
	Next  string       `json:"next"`
	Guard access.Guard `json:"guard,omitempty"`
	Limit int          `json:"limit,omitempty"`
	// InScope is that of the run's row.
	InScope      [][2]int        `json:"in_scope,omitempty"`
	Unread       []access.Unread `json:"unread,omitempty"`
	Unmanageable []string        `json:"unmanageable,omitempty"`
	Provisioned  []string        `json:"provisioned,omitempty"`
}

// History is what each run passes on to later runs.
type History struct {
	// Heartbeat is from the last run that could trust the table. The table has the
	// same heartbeat. It is zero if there was no such run.
	Heartbeat access.Heartbeat `json:"beat,omitzero"`
	// The keys of Findings are access.Subject.Key.
	Findings map[string]SeenFinding `json:"findings"`
	// Scope is what whole runs could remove, as far as they or people settled it. nil
	// if no run did, or if the previous release wrote the history since.
	Scope *Scope `json:"scope,omitempty"`
	// Unmanageable and Provisioned are the names last reported.
	Unmanageable Reported `json:"unmanageable,omitzero"`
	Provisioned  Reported `json:"provisioned,omitzero"`
	// Listing is what a run learned about how many calls its listing takes. nil if none
	// did, or if the previous release wrote the history since.
	Listing *Listing `json:"listing,omitempty"`
	// Exempt are the findings that runs in mode revoke left alone, until their
	// exemptions end. Keys are access.Exemption.Key, a space, and Subject.Key.
	Exempt map[string]ExemptFinding `json:"spared,omitempty"`
}

// ExemptFinding says which run was the first to leave a finding alone, and when.
type ExemptFinding struct {
	Since time.Time `json:"since"`
	Run   string    `json:"run"`
	Until time.Time `json:"until"`
}

// Reported is a list of names that a run reported.
type Reported struct {
	Names []string `json:"names"`
	Run   string   `json:"run"`
}

// Created says who created a subject's access, and when.
type Created struct {
	Subject string `json:"subject"` // access.Subject.Key
	access.Creation
}

// SeenFinding is a finding of an earlier run. The run's name is stored with each
// time, so that a repeated step recognizes what its first try wrote.
type SeenFinding struct {
	FirstSeen time.Time `json:"first_seen"`
	FirstRun  string    `json:"first_run"`
	// LastSeen is when the last run that found it began. The previous release writes none.
	LastSeen    time.Time `json:"last_seen,omitzero"`
	ReportedAt  time.Time `json:"told_at,omitzero"`
	ReportedRun string    `json:"told_run,omitempty"`
	// Creation says who created the access, if an event did.
	Creation *access.Creation `json:"creation,omitempty"`
}
