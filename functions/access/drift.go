package access

import (
	"slices"
	"time"
)

// DriftMode is what a scheduled run does about access that no request granted.
type DriftMode string

const (
	DriftWarn   DriftMode = "warn"   // says what is there
	DriftRevoke DriftMode = "revoke" // removes it
)

// ModeRecheck is the mode of a run that asks whether the access of people who
// are gone may be removed. It finds no access that no request granted.
const ModeRecheck DriftMode = "recheck"

// Finding is access that nobody asked for: an assignment of a user's own in an
// account and permission set that the policy covers, or a member of a
// configured group, that no lease holds. The subject has the names that are
// known of account, permission set and group.
type Finding struct {
	Subject
	// UserName is what Identity Center calls the user; empty where the user is
	// gone or could not be read.
	UserName string `json:"user_name,omitempty"`
	// FirstSeen is when a run found it for the first time.
	FirstSeen time.Time `json:"first_seen"`
	// MembershipID is Identity Center's id of the membership; empty where the
	// finding is an assignment.
	MembershipID string `json:"membership_id,omitempty"`
	// Exemption is set while the policy leaves this access alone.
	Exemption *Spared `json:"exemption,omitempty"`
}

// Unread is a part of the scope that a run could not look at.
type Unread struct {
	What string `json:"what"` // "account 111122223333", "group g-1"
	Why  string `json:"why"`  // for people
}

// RemovalResult is what became of a finding in a run that removes.
type RemovalResult string

const (
	DriftRemoved RemovalResult = "removed" // seen to be gone
	DriftFailed  RemovalResult = "failed"  // still there
	DriftHeld    RemovalResult = "held"    // a request holds it by now: not touched
	// DriftOutOfScope: the policy does not cover it any more: not touched.
	DriftOutOfScope RemovalResult = "out_of_scope"
	// DriftAlreadyGone: somebody else removed it before we did.
	DriftAlreadyGone RemovalResult = "already_gone"
	// DriftExempt: an exemption leaves it alone for now.
	DriftExempt RemovalResult = "exempt"
	// DriftOverLimit: left, because no more may be removed without a person
	// within 24 hours.
	DriftOverLimit RemovalResult = "over_limit"
	// DriftNotAllowed: left, because nobody authorized this removal, or removals
	// are switched off.
	DriftNotAllowed RemovalResult = "not_allowed"
)

// DriftRemoval says how the removal of a finding ended: removed, or already
// gone. It is written before the lease of the removal is given up.
type DriftRemoval struct {
	FindingRef
	Subject string        `json:"subject"` // Subject.Key() of the finding
	Result  RemovalResult `json:"result"`  // DriftRemoved or DriftAlreadyGone
	At      time.Time     `json:"at"`
}

// Guard is why a run that removes stopped before it removed anything.
type Guard string

const (
	GuardTooMany    Guard = "too_many"    // more than may be removed within 24 hours without a person
	GuardNoRecord   Guard = "no_record"   // no run before: the table knows nothing yet
	GuardLostRecord Guard = "lost_record" // the table has forgotten runs: emptied, or restored
	GuardGone       Guard = "people_gone" // many people were found gone from Identity Center at once
)

// Run is the row of one run that has something to tell: the question that it
// asks, the answer, and its Slack messages. Its JSON names are the attribute
// names of the table. The row has the key "run#<id>".
type Run struct {
	ID           string    `json:"id"` // the name of its execution
	Mode         DriftMode `json:"mode"`
	StartedAt    time.Time `json:"started_at"`
	ExecutionARN string    `json:"execution_arn"`
	// Partial is set where an event started the run. Such a run removes nothing.
	Partial bool `json:"partial,omitempty"`

	// Guard is why a person is asked; empty where nobody is.
	Guard Guard `json:"guard,omitempty"`
	// Removals is how many findings the run asks about.
	Removals int `json:"removals,omitempty"`
	// People is how many people's access it asks about; only GuardGone
	// says.
	People int `json:"people,omitempty"`
	// Approvers are the emails of who could answer when the run asked: people are
	// told. Who may answer is judged at each press. Lower case, sorted.
	Approvers []string `json:"approvers,omitempty"`
	// Undecided is how many of them nobody could answer about then: the policy
	// names no approver.
	Undecided int `json:"undecided,omitempty"`
	// Answers are what people said, in that order. None is about a finding that an
	// earlier one is about.
	Answers []RunAnswer `json:"answers,omitempty"`
	// Answer ends the question, and is written once: the last of Answers, or
	// that the time is over.
	Answer *RunAnswer `json:"answer,omitempty"`
	// Token resumes the wait for the answer. It never leaves the table except
	// to Step Functions.
	Token string `json:"token,omitempty"`

	// Posts are the run's Slack messages, by purpose.
	Posts map[string]Post `json:"posts,omitempty"`
}

// MayRemove reports whether the run is authorized to remove the finding with that
// index. Where it had to ask, somebody must have let that finding go; whether they
// still may is for the policy in force to say (Index.MayDecide).
func (r Run) MayRemove(finding int) bool {
	if r.Mode != DriftRevoke || r.Partial {
		return false
	}
	a := r.AnswerAbout(finding)
	return r.Guard == "" || r.Answer != nil && a != nil && a.Remove
}

// HasConsent reports whether the question is over and somebody let the run remove
// at least one finding.
func (r Run) HasConsent() bool {
	return r.Answer != nil && slices.ContainsFunc(r.Answers, func(a RunAnswer) bool { return a.Remove })
}

// AnswerAbout is what somebody said about the finding with that index; nil if
// nobody did.
func (r Run) AnswerAbout(finding int) *RunAnswer {
	for i, a := range r.Answers {
		if slices.ContainsFunc(a.Findings, func(f [2]int) bool { return f[0] <= finding && finding < f[1] }) {
			return &r.Answers[i]
		}
	}
	return nil
}

// Asked are the indexes of those of the run's findings that it asks about: an
// exemption leaves a finding alone whatever people say.
func (r Run) Asked(findings []Finding) []int {
	var asked []int
	for i, f := range findings {
		if f.Exemption == nil && len(asked) < r.Removals {
			asked = append(asked, i)
		}
	}
	return asked
}

// RunAnswer is what a person said to a run's question, about the findings whose
// targets they approve. Where the time is over before everything is answered,
// that is entered like an answer by nobody: the rest is left, and who presses
// later is told.
type RunAnswer struct {
	Remove bool      `json:"remove"`
	By     Person    `json:"by"` // zero: the time was over
	At     time.Time `json:"at"`
	// Findings are ranges [from, to) of the run's findings that it is about.
	Findings [][2]int `json:"findings,omitempty"`
}

// Count is how many findings the answer is about.
func (a RunAnswer) Count() (n int) {
	for _, f := range a.Findings {
		n += f[1] - f[0]
	}
	return n
}

// Ranges are the ascending numbers as ranges [from, to).
func Ranges(numbers []int) (ranges [][2]int) {
	for _, n := range numbers {
		if last := len(ranges) - 1; last >= 0 && ranges[last][1] == n {
			ranges[last][1]++
		} else {
			ranges = append(ranges, [2]int{n, n + 1})
		}
	}
	return ranges
}

// Expired reports whether the time was over.
func (a RunAnswer) Expired() bool { return a.By == Person{} }

// DriftReport is what one run tells people.
type DriftReport struct {
	RunID        string    `json:"run_id"`
	Mode         DriftMode `json:"mode"`
	At           time.Time `json:"at"`
	ExecutionARN string    `json:"execution_arn"`

	// Findings are those to tell of, by target and user: all that are new or
	// that were not told of for a day, in mode revoke all. Results are those of
	// a removal, by Subject.Key.
	Findings []Finding                `json:"findings,omitempty"`
	Results  map[string]RemovalResult `json:"results,omitempty"`
	// Total is how many findings there are, told of or not.
	Total int `json:"total"`
	// Guard is why the run stopped, Answers what people said to that, Answer how
	// the question ended.
	Guard   Guard       `json:"guard,omitempty"`
	Limit   int         `json:"limit,omitempty"` // of GuardTooMany: how many may be removed within 24 hours without a person
	Answers []RunAnswer `json:"answers,omitempty"`
	Answer  *RunAnswer  `json:"answer,omitempty"`

	// Unread is what could not be looked at: the run is not complete.
	Unread []Unread `json:"unread,omitempty"`
	// Unmanageable are the accounts in the policy that Identity Center does not
	// let this account manage (the management account, from a delegated
	// administrator's). Told of when it changes.
	Unmanageable []string `json:"unmanageable,omitempty"`
	// Provisioned are the configured groups that SCIM manages, by name: they
	// are left alone. Told of when it changes.
	Provisioned []string `json:"provisioned,omitempty"`

	// NextRevocation is when the next run removes; zero where none is planned.
	NextRevocation time.Time `json:"next_revocation,omitzero"`
}
