package access

import (
	"slices"
	"time"
)

// DriftMode is what a scheduled run does about unknown access.
type DriftMode string

const (
	DriftWarn   DriftMode = "warn"   // reports it
	DriftRevoke DriftMode = "revoke" // removes it
)

// ModeRecheck is the mode of a run that asks whether to remove the access of people
// who are gone. It doesn't search for unknown access.
const ModeRecheck DriftMode = "recheck"

// Finding is unknown access: a user's direct assignment that the policy covers, or a
// member of a configured group, without a lease. The subject has the known names of
// its account, permission set and group.
type Finding struct {
	Subject
	// UserName is the user's name in Identity Center; empty if the user is gone
	// or could not be read.
	UserName string `json:"user_name,omitempty"`
	// Email is an email address of the user in Identity Center, if it is known.
	Email string `json:"email,omitempty"`
	// FirstSeen is when a run found it for the first time.
	FirstSeen time.Time `json:"first_seen"`
	// MembershipID is Identity Center's id of the membership; empty if the
	// finding is an assignment.
	MembershipID string `json:"membership_id,omitempty"`
	// Creation says who created the access, if an event did.
	Creation *Creation `json:"creation,omitempty"`
	// Exemption is set while the policy exempts this access, or someone left it.
	Exemption *Spared `json:"exemption,omitempty"`
	// ExemptionOver is set if the policy exempts this access, but a run first found it
	// MaxExemption ago, so the exemption doesn't count anymore.
	ExemptionOver bool `json:"exemption_over,omitempty"`
	// Protected is set if the account is protected, and only "*" or an organizational
	// unit in the policy covers the access. Such access is only reported.
	Protected bool `json:"protected,omitempty"`
}

// MayBeRemoved reports whether runs may remove the access: it is neither exempt nor
// protected.
func (f *Finding) MayBeRemoved() bool { return f.Exemption == nil && !f.Protected }

// Unread is a part of the scope that a run could not read.
type Unread struct {
	What string `json:"what"` // "account 111122223333", "group g-1"
	Why  string `json:"why"`  // for people
}

// RemovalResult is what happened to a finding in a run in mode revoke.
type RemovalResult string

const (
	DriftRemoved RemovalResult = "removed" // seen to be gone
	DriftFailed  RemovalResult = "failed"  // still there
	DriftHeld    RemovalResult = "held"    // a request holds it by now; left alone
	// DriftOutOfScope: the policy doesn't cover it anymore; left alone.
	DriftOutOfScope RemovalResult = "out_of_scope"
	// DriftAlreadyGone: someone else removed it before we did.
	DriftAlreadyGone RemovalResult = "already_gone"
	// DriftExempt: an exemption protects it for now.
	DriftExempt RemovalResult = "exempt"
	// DriftOverLimit: left alone, because the 24-hour limit on removals without consent is
	// reached.
	DriftOverLimit RemovalResult = "over_limit"
	// DriftNotAllowed: left alone, because nobody authorized this removal, or
	// removals are switched off.
	DriftNotAllowed RemovalResult = "not_allowed"
	// DriftProtected: left alone, because the account is protected (Finding.Protected).
	DriftProtected RemovalResult = "protected"
)

// DriftRemoval is the result of the removal of a finding: removed, or already
// gone. It is written before the lease of the removal is deleted.
type DriftRemoval struct {
	FindingRef
	Subject string        `json:"subject"` // Subject.Key() of the finding
	Result  RemovalResult `json:"result"`  // DriftRemoved or DriftAlreadyGone
	At      time.Time     `json:"at"`
	// AWSDeleteRequestID is AWS's request id of the call that deleted the access, if known.
	AWSDeleteRequestID string `json:"aws_delete_request_id,omitempty"`
}

// Guard is why a run in mode revoke asked before it removed anything.
type Guard string

const (
	GuardTooMany    Guard = "too_many"    // more than may be removed within 24 hours without a person
	GuardNoRecord   Guard = "no_record"   // no run before: the table knows nothing yet
	GuardLostRecord Guard = "lost_record" // the table has forgotten runs: emptied, or restored
	GuardScopeGrew  Guard = "scope_grew"  // some of it was out of the scope of the last run, or that scope is unknown
	GuardGone       Guard = "people_gone" // many people were found gone from Identity Center at once
)

// Run is the row of one run that has something to report: the question that it
// asks, the answer, and its Slack messages. Its JSON names are the attribute
// names of the table. The row has the key "run#<id>".
type Run struct {
	ID           string    `json:"id"` // the name of its execution
	Mode         DriftMode `json:"mode"`
	StartedAt    time.Time `json:"started_at"`
	ExecutionARN string    `json:"execution_arn"`
	// Partial is set if an event started the run. Such a run removes nothing.
	Partial bool `json:"partial,omitempty"`

	// Guard is why the run asks a person; empty if it doesn't.
	Guard Guard `json:"guard,omitempty"`
	// Removals is how many findings the run asks about.
	Removals int `json:"removals,omitempty"`
	// InScope are ranges [from, to) of the indexes of the findings that need no answer,
	// although the run asks about others; set for GuardScopeGrew only.
	InScope [][2]int `json:"in_scope,omitempty"`
	// People is how many people's access it asks about; set for GuardGone only.
	People int `json:"people,omitempty"`
	// Approvers are those who could answer when the run asked: emails in lower case,
	// and groups as people see them. Each press is checked against the policy in force.
	Approvers []string `json:"approvers,omitempty"`
	// Undecided is how many findings had nobody who could answer when the run asked,
	// because the policy names no approver.
	Undecided int `json:"undecided,omitempty"`
	// Answers are people's answers, in order. Each finding is in at most one of them.
	Answers []RunAnswer `json:"answers,omitempty"`
	// Answer ends the question and is written once. It is the last of Answers, or says
	// that the question expired.
	Answer *RunAnswer `json:"answer,omitempty"`
	// Presses are what people decided about single findings in the run's report. A finding
	// has at most two: the first press, and a Remove now that overruled a Leave for a day.
	// PressResults are the results of the removals that they asked for, in order.
	Presses      []FindingPress `json:"presses,omitempty"`
	PressResults []PressResult  `json:"press_results,omitempty"`
	// RefusedPresses are presses on the buttons of the report or the question that had no
	// effect, in order: at most MaxRefusedPresses.
	RefusedPresses []RefusedPress `json:"refused_presses,omitempty"`
	// Token resumes the wait for the answer. It is sent to Step Functions and nowhere
	// else.
	Token string `json:"token,omitempty"`

	// Posts are the run's Slack messages, by purpose.
	Posts map[string]Post `json:"posts,omitempty"`
}

// MayRemove reports whether the run is authorized to remove the finding with that
// index. A person's press on Remove now authorizes it in every mode. If the run had to
// ask about it, someone must have approved the removal of that finding. Callers
// must also check that the policy in force still lets them (Index.MayDecide).
func (r Run) MayRemove(finding int) bool {
	if p := r.PressAbout(finding); p != nil && p.Remove {
		return true
	}
	if r.Mode != DriftRevoke || r.Partial {
		return false
	}
	a := r.AnswerAbout(finding)
	return !r.NeedsConsent(finding) || r.Answer != nil && a != nil && a.Remove
}

// NeedsConsent reports whether someone must agree before the finding with that index
// is removed.
func (r Run) NeedsConsent(finding int) bool { return r.Guard != "" && !isIn(r.InScope, finding) }

// isIn reports whether n is in one of the ranges.
func isIn(ranges [][2]int, n int) bool {
	return slices.ContainsFunc(ranges, func(r [2]int) bool { return r[0] <= n && n < r[1] })
}

// HasConsent reports whether the question is over and someone approved the
// removal of at least one finding.
func (r Run) HasConsent() bool {
	return r.Answer != nil && slices.ContainsFunc(r.Answers, func(a RunAnswer) bool { return a.Remove })
}

// AnswerAbout returns the answer about the finding with that index; nil if there
// is none.
func (r Run) AnswerAbout(finding int) *RunAnswer {
	for i, a := range r.Answers {
		if isIn(a.Findings, finding) {
			return &r.Answers[i]
		}
	}
	return nil
}

// Asked returns the indexes of the findings that the run asks about. It skips those
// that stay, or need no answer, no matter what people answer.
func (r Run) Asked(findings []Finding) []int {
	var asked []int
	for i, f := range findings {
		if f.MayBeRemoved() && !isIn(r.InScope, i) && len(asked) < r.Removals {
			asked = append(asked, i)
		}
	}
	return asked
}

// RunAnswer is a person's answer to a run's question, for the findings whose targets
// they approve. If the question expires first, we store an answer without a person:
// the remaining findings stay, and later presses get an explanation.
type RunAnswer struct {
	Remove bool      `json:"remove"`
	By     Person    `json:"by"` // zero: the question expired
	At     time.Time `json:"at"`
	// Findings are ranges [from, to) of the indexes of the findings that the answer
	// covers.
	Findings [][2]int `json:"findings,omitempty"`
}

// Count returns how many findings the answer covers.
func (a RunAnswer) Count() (n int) {
	for _, f := range a.Findings {
		n += f[1] - f[0]
	}
	return n
}

// Ranges returns the ascending numbers as ranges [from, to).
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

// Expired reports whether the question expired.
func (a RunAnswer) Expired() bool { return a.By == Person{} }

// DriftReport is what one run reports in Slack.
type DriftReport struct {
	RunID        string    `json:"run_id"`
	Mode         DriftMode `json:"mode"`
	At           time.Time `json:"at"`
	ExecutionARN string    `json:"execution_arn"`

	// Findings are the findings to report, sorted by target and user: all of them in mode
	// revoke, otherwise those that are new, exempt or were last reported at least a day ago.
	// Results are the results of the removals, by Subject.Key.
	Findings []Finding                `json:"findings,omitempty"`
	Results  map[string]RemovalResult `json:"results,omitempty"`
	// Total is how many findings there are, reported or not.
	Total int `json:"total"`
	// Guard is why the run asked. Answers are people's answers, and Answer is how the
	// question ended.
	Guard   Guard       `json:"guard,omitempty"`
	Limit   int         `json:"limit,omitempty"` // of GuardTooMany: how many may be removed within 24 hours without a person
	Answers []RunAnswer `json:"answers,omitempty"`
	Answer  *RunAnswer  `json:"answer,omitempty"`

	// Unread lists what could not be read. If there is any, the run is incomplete.
	Unread []Unread `json:"unread,omitempty"`
	// Unmanageable are the accounts in the policy that Identity Center doesn't let this
	// account manage: the management account, if this app runs in a delegated
	// administrator account. They are reported when the list changes.
	Unmanageable []string `json:"unmanageable,omitempty"`
	// Provisioned are the configured groups that SCIM manages, by name; they are
	// left alone. Reported when it changes.
	Provisioned []string `json:"provisioned,omitempty"`

	// NextRevocation is when the next run removes access; zero if none is
	// planned.
	NextRevocation time.Time `json:"next_revocation,omitzero"`

	// Decidable are the indexes of the findings that people may decide about with a
	// button, by Subject.Key. The indexes count the run's findings, not the reported ones.
	Decidable map[string]int `json:"decidable,omitempty"`
}
