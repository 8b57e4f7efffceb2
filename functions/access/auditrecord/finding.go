package auditrecord

import (
	"fmt"
	"time"

	"sso-elevator/functions/access"
)

// Finding is one event of access that nobody asked for: a run found it
// (access.EventDriftFound), left it alone because of an exemption
// (access.EventDriftExempted), or removed it (access.EventDriftRevoked).
type Finding struct {
	access.Finding
	Kind  access.EventKind
	Run   access.Run
	Index int // in the run's findings
	// RemovedAt is when the access was seen to be gone; of EventDriftRevoked
	// only.
	RemovedAt time.Time
}

// OfFinding is the record of f. Nobody requested anything, so the fields of
// request, requester and duration are not applicable; RequestID is the run's,
// which is what connects its records. The approver is who let the finding go of a
// run that had stopped, and DecisionReason why it had.
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
	}
	if f.UserName != "" {
		rec.Detail = "user " + f.UserName
	}
	if s := f.Exemption; f.Kind == access.EventDriftExempted && s != nil {
		at = s.Since
		rec.Reason = s.Reason
		left := "left until " + s.Until.UTC().Format(time.RFC3339)
		if rec.Detail != "" {
			left = rec.Detail + ", " + left
		}
		rec.Detail = left
	}
	if f.Kind == access.EventDriftRevoked {
		at = f.RemovedAt
		rec.Removal = string(access.RemovalDone)
		if a := f.Run.AnswerAbout(f.Index); a != nil && a.Remove {
			rec.ApproverSlackID, rec.ApproverEmail, rec.ApproverPrincipalID = a.By.SlackID, a.By.Email, a.By.PrincipalID
			rec.DecisionReason = string(f.Run.Guard)
		}
	}
	rec.Time, rec.Timestamp = at.UTC().Format(time.RFC3339Nano), at.UnixMilli()
	return fillEmpty(rec)
}

// FindingKey is where the record of f is stored under prefix: a repeated task
// gives the same key, whenever it comes. The day is that on which it was found;
// of an exemption, on which a run first left it alone;
// of a removal, on which its run started, or somebody let it go.
func FindingKey(prefix string, f Finding) string {
	on := f.FirstSeen
	if f.Kind == access.EventDriftExempted && f.Exemption != nil {
		on = f.Exemption.Since
	}
	if f.Kind == access.EventDriftRevoked {
		on = f.Run.StartedAt
		if a := f.Run.AnswerAbout(f.Index); a != nil && a.Remove {
			on = a.At
		}
	}
	return withPrefix(prefix, fmt.Sprintf("%s/%s-%05d-%s.json", day(on), f.Run.ID, f.Index, f.Kind))
}
