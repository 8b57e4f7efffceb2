package auditrecord

import (
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
	// RemovedAt is when the access was confirmed to be gone; set for EventDriftRevoked
	// only.
	RemovedAt time.Time
	// AWSDeleteRequestID is AWS's request id of the call that removed it, if known; for
	// EventDriftRevoked only.
	AWSDeleteRequestID string
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
	if p := f.Run.PressAbout(f.Index); f.Kind == access.EventDriftPressed && p != nil {
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
// it has the day of the press.
func FindingKey(prefix string, f Finding) string {
	on := f.FirstSeen
	if f.Kind == access.EventDriftExempted && f.Exemption != nil {
		on = f.Exemption.Since
	}
	if p := f.Run.PressAbout(f.Index); f.Kind == access.EventDriftPressed && p != nil {
		on = p.At
	}
	if f.Kind == access.EventDriftRevoked {
		on = f.Run.StartedAt
		if _, at, ok := f.consent(); ok {
			on = at
		}
	}
	return withPrefix(prefix, fmt.Sprintf("%s/%s-%05d-%s.json", day(on), f.Run.ID, f.Index, f.Kind))
}
