package access

import (
	"strconv"
	"strings"
	"time"
)

const (
	// LeaveFor is how long one press on Leave for a day leaves a finding alone.
	LeaveFor = 24 * time.Hour
	// MaxLeave is the longest time after a finding was first seen that people can leave it
	// alone. Exemptions in the settings don't extend it, and end then, too.
	MaxLeave = MaxExemption
)

// Names of the two buttons of a finding, in Slack and in audit records.
const (
	ActionFindingRemove = "finding_remove"
	ActionFindingLeave  = "finding_leave"
)

// Action returns the name of the button that was pressed.
func (p FindingPress) Action() string {
	if p.Remove {
		return ActionFindingRemove
	}
	return ActionFindingLeave
}

// Creation is who created a finding's access, and when, according to the CloudTrail event
// that started a run. People who may start executions can forge that event, so a creation
// decides nothing, and no audit record has it.
type Creation struct {
	By string    `json:"by"` // the ARN of the caller, or another name of them
	At time.Time `json:"at"`
}

// FindingPress is a person's press on a button of one finding in a run's report: remove
// the access now, or leave it for a day. The first Remove now about a finding counts,
// otherwise the first press.
type FindingPress struct {
	Finding int       `json:"finding"` // index in the run's findings
	Remove  bool      `json:"remove"`
	By      Person    `json:"by"`
	At      time.Time `json:"at"`
	// Until is when the access stops being left alone; zero if Remove is set.
	Until time.Time `json:"until,omitzero"`
}

// NoFinding is the Finding of a RefusedPress on the run's question.
const NoFinding = -1

// RefusedPress is a press on a button of a run's report or question that had no effect,
// because the person may not decide, or because someone decided about the finding first.
type RefusedPress struct {
	Finding int       `json:"finding"` // index in the run's findings, or NoFinding
	Action  string    `json:"action"`  // the button
	By      Person    `json:"by"`
	At      time.Time `json:"at"`
	Reason  Refusal   `json:"reason"`
	Message string    `json:"message,omitempty"` // what the reason doesn't say
	// PolicyDigest is SHA-256 of the policy that refused it; "" if the policy didn't.
	PolicyDigest string `json:"policy_digest,omitempty"`
}

// maxRefusedByOne is how many refused presses of one person are recorded for a run, and how many
// about blocks in RefusedFor, so that nobody can use up the place of others.
const maxRefusedByOne = 5

// Recorded returns the refused press of the same person on the same finding for the same
// reason; nil if there is none.
func (r Run) Recorded(p RefusedPress) *RefusedPress {
	for i, has := range r.RefusedPresses {
		if has.By.SlackID == p.By.SlackID && has.Finding == p.Finding && has.Reason == p.Reason {
			return &r.RefusedPresses[i]
		}
	}
	return nil
}

// HasRoomFor reports whether the refused press can be added: the run has fewer than
// MaxRefusedPresses, and few of this person.
func (r Run) HasRoomFor(p RefusedPress) bool {
	ofOne := 0
	for _, has := range r.RefusedPresses {
		if has.By.SlackID == p.By.SlackID {
			ofOne++
		}
	}
	return ofOne < maxRefusedByOne && len(r.RefusedPresses) < MaxRefusedPresses
}

// PressResult is how the removal ended that someone asked for with a FindingPress.
type PressResult struct {
	Finding int           `json:"finding"`
	Result  RemovalResult `json:"result"`
	At      time.Time     `json:"at"`
}

// Leave is a recorded decision to leave unknown access alone for now. Runs treat it as
// an exemption.
type Leave struct {
	FindingRef
	Subject string    `json:"subject"` // Subject.Key() of the finding
	By      Person    `json:"by"`
	At      time.Time `json:"at"`
	Until   time.Time `json:"until"`
}

// IsOver reports whether the access is no longer left alone.
func (l Leave) IsOver(now time.Time) bool { return !now.Before(l.Until) }

// IsOverruledBy reports whether a press is newer than the leave and asks to remove the
// access. The latest decision of a person counts.
func (l Leave) IsOverruledBy(p *FindingPress) bool { return p != nil && p.Remove && p.At.After(l.At) }

// LeaveUntil returns until when a press at that time can leave the finding alone. ok is
// false if its time is used up.
func (f *Finding) LeaveUntil(at time.Time) (until time.Time, ok bool) {
	until = at.Add(LeaveFor)
	if latest := f.FirstSeen.Add(MaxLeave); until.After(latest) {
		until = latest
	}
	return until, until.After(at)
}

// IsOf reports whether the finding is the person's own access.
func (f *Finding) IsOf(p Person) bool {
	if p.PrincipalID != "" && p.PrincipalID == f.PrincipalID {
		return true
	}
	return p.Email != "" && (SameEmail(p.Email, f.Email) || SameEmail(p.Email, f.UserName))
}

// PressAbout returns the press that counts for the finding with that index; nil if there is
// none. Remove now overrules an earlier Leave for a day.
func (r Run) PressAbout(finding int) *FindingPress {
	all := r.PressesAbout(finding)
	if len(all) == 0 {
		return nil
	}
	return &all[len(all)-1]
}

// PressesAbout returns the presses about the finding with that index that took effect, in
// order: the first one, and the Remove now that overruled it, if there is one.
func (r Run) PressesAbout(finding int) (all []FindingPress) {
	for _, p := range r.Presses {
		if p.Finding == finding && (len(all) == 0 || p.Overrules(all[len(all)-1])) {
			all = append(all, p)
		}
	}
	return all
}

// Overrules reports whether the press takes effect although the other one was first: it
// removes the access, and the other one left it.
func (p FindingPress) Overrules(first FindingPress) bool { return p.Remove && !first.Remove }

// PressResultOf returns how the last try ended of the removal that someone asked for; ""
// if none has ended.
func (r Run) PressResultOf(finding int) (result RemovalResult) {
	for _, p := range r.PressResults {
		if p.Finding == finding {
			result = p.Result
		}
	}
	return result
}

// IsPressDone reports whether nothing is left to do about the press on the finding. A
// removal that failed may be tried again.
func (r Run) IsPressDone(finding int) bool {
	result := r.PressResultOf(finding)
	return result != "" && result != DriftFailed
}

// ConsentTo returns who asked for, or approved, the removal of the finding with that
// index. ok is false if the run removes it without anyone's consent, or nobody agreed.
func (r Run) ConsentTo(finding int) (by Person, at time.Time, ok bool) {
	if p := r.PressAbout(finding); p != nil && p.Remove {
		return p.By, p.At, true
	}
	if a := r.AnswerAbout(finding); r.NeedsConsent(finding) && a != nil && a.Remove {
		return a.By, a.At, true
	}
	return Person{}, time.Time{}, false
}

// ButtonValue returns the value of the finding's buttons. It names the finding and
// nothing else.
func (r FindingRef) ButtonValue() string { return r.Run + "." + strconv.Itoa(r.Index) }

// ParseButtonValue reads a value of ButtonValue. It doesn't check the run's name. ok is
// false for every other text.
func ParseButtonValue(value string) (ref FindingRef, ok bool) {
	run, index, ok := strings.Cut(value, ".")
	n, err := strconv.Atoi(index)
	ref = FindingRef{Run: run, Index: n}
	return ref, ok && err == nil && n >= 0 && ref.ButtonValue() == value
}
