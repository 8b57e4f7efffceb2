package auditrecord

import (
	"cmp"
	"fmt"
	"time"

	"sso-elevator/functions/access"
)

// Finding is one event of unknown access: a run found it (access.EventDriftFound),
// left it alone because of an exemption (access.EventDriftExempted), or removed it
// (access.EventDriftRevoked), or a person decided about it with a button
// (access.EventDriftPressed).
type Finding struct {
	access.Finding
	Kind  access.EventKind
	Run   access.Run
	Index int // in the run's findings
	// Press is the index of the press in Run.PressesAbout; for EventDriftPressed only.
	Press int
	// RemovedAt is when the access was confirmed to be gone; set for EventDriftRevoked
	// only.
	RemovedAt time.Time
	// AWSDeleteRequestID is AWS's request id of the call that removed it, if known; for
	// EventDriftRevoked only.
	AWSDeleteRequestID string
}

// press returns the press that is recorded; nil for other events.
func (f Finding) press() *access.FindingPress {
	all := f.Run.PressesAbout(f.Index)
	if f.Kind != access.EventDriftPressed || f.Press < 0 || f.Press >= len(all) {
		return nil
	}
	return &all[f.Press]
}

// consent returns who asked for, or approved, the removal, and when. A press after the
// removal did not cause it.
func (f Finding) consent() (by access.Person, at time.Time, ok bool) {
	run := f.Run
	if p := run.PressAbout(f.Index); p != nil && p.At.After(f.RemovedAt) {
		run.Presses = nil
	}
	return run.ConsentTo(f.Index)
}

// OfFinding returns the record of f. Nobody requested anything, so the fields about
// the request, requester and duration are "not applicable". RequestID is the run's
// id, which connects its records. If the run asked, the approver is the person who
// approved this removal, and DecisionReason is why it asked. If someone pressed a button
// of this finding, the approver is that person.
func OfFinding(f Finding) Record {
	at := f.FirstSeen
	rec := Record{
		RoleName:           f.PermissionSet,
		AccountID:          f.AccountID,
		RequestID:          f.Run.ID,
		OperationType:      operation(f.Kind),
		GroupName:          f.GroupName,
		GroupID:            f.GroupID,
		GroupMembershipID:  f.MembershipID,
		AuditEntryType:     string(f.Target.Kind),
		Version:            formatVersion,
		SSOUserPrincipalID: f.PrincipalID,
		Event:              string(f.Kind),
		Sequence:           f.Index,
		AccountName:        f.AccountName,
		ExecutionARN:       f.Run.ExecutionARN,
		PermissionSetARN:   f.PermissionSetARN,
		AWSDeleteRequestID: f.AWSDeleteRequestID,
	}
	if f.UserName != "" {
		rec.Detail = "user " + f.UserName
	}
	if s := f.Exemption; f.Kind == access.EventDriftExempted && s != nil {
		at = s.Since
		rec.Reason = s.Reason
		rec.addDetail("left until " + s.Until.UTC().Format(time.RFC3339))
		if s.By != nil {
			rec.setApprover(*s.By)
		}
	}
	if p := f.press(); p != nil {
		at = p.At
		rec.setApprover(p.By)
		rec.Action = p.Action()
		if !p.Remove {
			rec.addDetail("left until " + p.Until.UTC().Format(time.RFC3339))
		}
	}
	if f.Kind == access.EventDriftRevoked {
		at = f.RemovedAt
		rec.Removal = string(access.RemovalDone)
		if by, _, ok := f.consent(); ok {
			rec.setApprover(by)
			rec.DecisionReason = string(f.Run.Guard)
		}
	}
	rec.Time, rec.Timestamp = formatTime(at), at.UnixMilli()
	return fillEmpty(rec)
}

func (r *Record) setApprover(p access.Person) {
	r.ApproverSlackID, r.ApproverEmail, r.ApproverPrincipalID = p.SlackID, p.Email, p.PrincipalID
}

func (r *Record) addDetail(text string) {
	if r.Detail != "" {
		r.Detail += ", "
	}
	r.Detail += text
}

// FindingKey returns the key of the record of f under prefix. A repeated task
// always gives the same key. The key has the day when the access was found. For an
// exemption, it has the day when a run first left the access alone. For a removal, it
// has the day when the run started, or when someone approved the removal. For a press,
// it has the day of the press. The key of a press that overruled another ends with its
// number, 2.
func FindingKey(prefix string, f Finding) string {
	on := f.FirstSeen
	if f.Kind == access.EventDriftExempted && f.Exemption != nil {
		on = f.Exemption.Since
	}
	number := ""
	if p := f.press(); p != nil {
		on = p.At
		if f.Press > 0 {
			number = fmt.Sprintf("-%d", f.Press+1)
		}
	}
	if f.Kind == access.EventDriftRevoked {
		on = f.Run.StartedAt
		if _, at, ok := f.consent(); ok {
			on = at
		}
	}
	return withPrefix(prefix, fmt.Sprintf("%s/%s-%05d-%s%s.json", day(on), f.Run.ID, f.Index, f.Kind, number))
}

// RefusedPress is a refused press on a button of a run's report or question.
type RefusedPress struct {
	access.RefusedPress
	Run access.Run
	// Subject is the finding that the button is about. It is zero for a button of the
	// question, and for a finding that the run doesn't have.
	Subject access.Finding
	Index   int // in the run's refused presses
}

// OfRefusedPress returns the record of p. RequestID is the run's id.
func OfRefusedPress(p RefusedPress) Record {
	f := p.Subject
	return fillEmpty(Record{
		RoleName:           f.PermissionSet,
		AccountID:          f.AccountID,
		RequestID:          p.Run.ID,
		OperationType:      notApplicable,
		Time:               formatTime(p.At),
		Timestamp:          p.At.UnixMilli(),
		GroupName:          f.GroupName,
		GroupID:            f.GroupID,
		AuditEntryType:     cmp.Or(string(f.Target.Kind), notApplicable),
		Version:            formatVersion,
		SSOUserPrincipalID: f.PrincipalID,
		Event:              string(access.EventPressRefused),
		Sequence:           p.Index,
		AccountName:        f.AccountName,
		ActorSlackID:       p.By.SlackID,
		ActorEmail:         p.By.Email,
		ActorPrincipalID:   p.By.PrincipalID,
		ExecutionARN:       p.Run.ExecutionARN,
		PolicyDigest:       p.PolicyDigest,
		DecisionReason:     string(p.Reason),
		Detail:             p.Message,
		Action:             p.Action,
		PermissionSetARN:   f.PermissionSetARN,
	})
}

// RefusedPressKey returns the key of the record of p under prefix, with the day of the
// press. A repeated task always gives the same key.
func RefusedPressKey(prefix string, p RefusedPress) string {
	return withPrefix(prefix, fmt.Sprintf("%s/%s-%05d-%s.json", day(p.At), p.Run.ID, p.Index, access.EventPressRefused))
}
