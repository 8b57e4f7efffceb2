// Package auditrecord defines the audit records: their fields, their keys, and
// the columns of a table over them.
package auditrecord

import (
	"fmt"
	"strconv"
	"strings"
	"time"

	"sso-elevator/functions/access"
)

// formatVersion is the version of the record's format.
const formatVersion = 1

// notApplicable is the value of fields without a meaning, so that every record
// has every field and queries need no null checks.
const notApplicable = "NA"

// Record is one audit record. The fields up to SecondaryDomainWasUsed are those of
// the Terraform module that this system replaces. An Athena table made for the
// module's records can read ours, too. The other fields are new. Every value is a
// scalar, which the columns of that table, all of type string, can hold. Columns
// describes the table; each field added here is a column there.
type Record struct {
	RoleName               string `json:"role_name"` // permission set
	AccountID              string `json:"account_id"`
	Reason                 string `json:"reason"` // the requester's
	RequesterSlackID       string `json:"requester_slack_id"`
	RequesterEmail         string `json:"requester_email"`
	RequestID              string `json:"request_id"`        // for a finding, the run's id
	ApproverSlackID        string `json:"approver_slack_id"` // who approved or denied; of several, the last
	ApproverEmail          string `json:"approver_email"`
	OperationType          string `json:"operation_type"`      // "grant" or "revoke" if access came or went
	PermissionDuration     string `json:"permission_duration"` // seconds
	Time                   string `json:"time"`                // RFC 3339, UTC
	Timestamp              int64  `json:"timestamp"`           // milliseconds since 1970
	GroupName              string `json:"group_name"`
	GroupID                string `json:"group_id"`
	GroupMembershipID      string `json:"group_membership_id"`
	AuditEntryType         string `json:"audit_entry_type"` // "account", "group", "block", or NA
	Version                int    `json:"version"`
	SSOUserPrincipalID     string `json:"sso_user_principal_id"`
	SecondaryDomainWasUsed bool   `json:"secondary_domain_was_used"`

	Event              string `json:"event"`    // an access.EventKind
	Sequence           int    `json:"sequence"` // index of the event in the request, or of the finding or refused press in the run
	AccountName        string `json:"account_name"`
	ActorSlackID       string `json:"actor_slack_id"` // who caused the event
	ActorEmail         string `json:"actor_email"`
	ExecutionARN       string `json:"execution_arn"`
	PolicyDigest       string `json:"policy_digest"` // SHA-256 of the policy that decided
	DecisionReason     string `json:"decision_reason"`
	DecisionStatements string `json:"decision_statements"` // indexes in the policy, separated by commas
	Removal            string `json:"removal"`             // how the access ended, an access.RemovalState
	Detail             string `json:"detail"`              // why it was refused, or could not be granted or revoked

	ActorPrincipalID    string `json:"actor_principal_id"` // Identity Center user id
	ApproverPrincipalID string `json:"approver_principal_id"`
	Action              string `json:"action"` // the button, for press_refused and drift_pressed
	// Approvers are the emails of everyone whose approval counted, separated by commas.
	Approvers string `json:"approvers"`
	OUPath    string `json:"ou_path"` // organizational units above the account, the outermost first, separated by slashes
	Ticket    string `json:"ticket"`  // as the requester entered it

	PermissionSetARN string `json:"permission_set_arn"`
	// EndsAt is when the access was to end when it was granted: RFC 3339, UTC.
	EndsAt string `json:"ends_at"`
	// AWSCreateRequestID and AWSDeleteRequestID are AWS's request ids of the calls that
	// created and deleted the access. CloudTrail has them as requestID.
	AWSCreateRequestID string `json:"aws_create_request_id"`
	AWSDeleteRequestID string `json:"aws_delete_request_id"`
	// EligibleApprovers are those who could approve, by the policy when the request was
	// evaluated: emails and "group:<id>", separated by commas.
	EligibleApprovers string `json:"eligible_approvers"`
	// Approvals are those that counted, as "email time", separated by commas.
	Approvals        string `json:"approvals"`
	Rule             string `json:"rule"`          // the policy's decision in words
	DenialReason     string `json:"denial_reason"` // as the approver entered it
	RequestSource    string `json:"request_source"`
	MessagePermalink string `json:"message_permalink"` // the request's message in Slack
	// ExtendedRequestID is the request that this one extended when it was granted, and
	// AccessSince when the first of the requests that extend each other was granted: RFC
	// 3339, UTC.
	ExtendedRequestID string `json:"extended_request_id"`
	AccessSince       string `json:"access_since"`
}

// sourceSlack is the request_source of requests made in Slack.
const sourceSlack = "slack"

// Actors without a Slack user.
const (
	// actorSystem: this app acted by itself; the detail says why.
	actorSystem = "system"
	// actorUnknown: nobody pressed a button. Someone stopped or resumed the
	// execution, or it failed. CloudTrail shows who.
	actorUnknown = "unknown"
)

// endedUnexpectedly is the detail of an early end that nobody requested in Slack.
const endedUnexpectedly = "Ended early without a press of the button: someone stopped or resumed the request's execution, or it failed."

// Of returns the record of the event number seq of r.
func Of(r access.Request, seq int) Record {
	e := r.Events[seq]
	rec := Record{
		RoleName:               r.Target.PermissionSet,
		AccountID:              r.Target.AccountID,
		Reason:                 r.Reason,
		Ticket:                 r.Ticket,
		RequesterSlackID:       r.Requester.SlackID,
		RequesterEmail:         r.Requester.Email,
		RequestID:              r.ID,
		OperationType:          operation(e.Kind),
		Time:                   formatTime(e.At),
		Timestamp:              e.At.UnixMilli(),
		GroupName:              r.Target.GroupName,
		GroupID:                r.Target.GroupID,
		AuditEntryType:         string(r.Target.Kind),
		Version:                formatVersion,
		SSOUserPrincipalID:     r.Requester.PrincipalID,
		SecondaryDomainWasUsed: r.Requester.SecondaryDomain,
		Event:                  string(e.Kind),
		Sequence:               seq,
		AccountName:            r.Target.AccountName,
		ActorSlackID:           e.By.SlackID,
		ActorEmail:             e.By.Email,
		ExecutionARN:           r.ExecutionARN,
		Detail:                 e.Message,
		ActorPrincipalID:       e.By.PrincipalID,
		PermissionSetARN:       r.Target.PermissionSetARN,
		MessagePermalink:       r.MessageLink(),
	}
	if r.ViewID != "" {
		rec.RequestSource = sourceSlack
	}
	if d := r.EvaluatedDecision; d != nil && e.Kind != access.EventRequested {
		rec.EligibleApprovers = strings.Join(d.Approvers, ",")
	}
	if r.Duration > 0 { // unknown if the row was rebuilt
		rec.PermissionDuration = strconv.FormatInt(r.Duration, 10)
	}
	// Only events after the decision have its approver and policy. Refused presses don't,
	// and each of several approvals has its own.
	if e.Kind == access.EventPressRefused {
		rec.PolicyDigest, rec.DecisionReason, rec.Action = e.PolicyDigest, e.Reason, e.Action
	} else if e.Kind == access.EventApprovalGiven || e.Kind == access.EventApprovalTakenBack {
		rec.ApproverSlackID, rec.ApproverEmail, rec.ApproverPrincipalID = e.By.SlackID, e.By.Email, e.By.PrincipalID
		rec.PolicyDigest, rec.DecisionReason = e.PolicyDigest, e.Reason
		rec.DecisionStatements, rec.Rule = join(e.Statements), e.Rule
	} else if o := r.Outcome; o != nil && e.Kind != access.EventRequested {
		if o.Kind == access.OutcomeApproved || o.Kind == access.OutcomeDenied {
			rec.ApproverSlackID, rec.ApproverEmail, rec.ApproverPrincipalID = o.By.SlackID, o.By.Email, o.By.PrincipalID
		}
		if o.Kind == access.OutcomeDenied {
			rec.DenialReason = o.DenialReason
		}
		approvals := countedApprovals(r)
		if isSelfApproval(*o) {
			by := r.Requester
			rec.ApproverSlackID, rec.ApproverEmail, rec.ApproverPrincipalID = by.SlackID, by.Email, by.PrincipalID
			approvals = []access.Approval{{By: by, At: o.At}}
		}
		var emails, times []string
		for _, a := range approvals {
			email := inList.Replace(a.By.Email)
			emails = append(emails, email)
			times = append(times, email+" "+formatTime(a.At))
		}
		rec.Approvers, rec.Approvals = strings.Join(emails, ","), strings.Join(times, ",")
		rec.PolicyDigest, rec.DecisionReason = o.PolicyDigest, o.Reason
		rec.DecisionStatements, rec.Rule = join(o.Statements), o.Rule
	}
	switch e.Kind {
	case access.EventGranted, access.EventEnded, access.EventRevoked, access.EventRevokeFailed:
		// All of this is known after the grant. Access that was never confirmed has no end.
		rec.GroupMembershipID, rec.AWSCreateRequestID = r.GroupMembershipID, r.AWSCreateRequestID
		if !r.End.IsZero() {
			rec.EndsAt = formatTime(r.End)
		}
		rec.OUPath = strings.Join(r.OUPath, "/")
		if r.IsExtension() {
			rec.ExtendedRequestID, rec.AccessSince = r.Extends, formatTime(r.ChainSince)
		}
	}
	if e.Kind == access.EventRevoked {
		rec.AWSDeleteRequestID = r.AWSDeleteRequestID
	}
	if recordsEnd(r, e.Kind) {
		rec.Removal = string(r.Removal)
		if r.Failure != nil {
			rec.Detail = string(r.Failure.Code) + ": " + r.Failure.Message
		}
	}
	switch {
	case e.Kind == access.EventEnded && e.By == (access.Person{}):
		rec.ActorSlackID = actorSystem
	case e.Kind == access.EventRevoked && r.EndedUnexpectedly():
		rec.ActorSlackID = actorUnknown
		if r.Rebuilt == nil { // the detail of a rebuilt row is its failure
			rec.Detail = endedUnexpectedly
		}
	case recordsEnd(r, e.Kind) && e.Kind != access.EventRevoked && wasCutOff(r):
		rec.ActorSlackID = actorUnknown
	}
	return fillEmpty(rec)
}

// countedApprovals returns the approvals that led to the outcome; none if it isn't
// OutcomeApproved.
func countedApprovals(r access.Request) []access.Approval {
	if r.Outcome.Kind != access.OutcomeApproved {
		return nil
	}
	var counted []access.Approval
	for _, p := range r.CountedApprovers() {
		a := access.Approval{By: p, At: r.Outcome.At}
		if i := r.ApprovalBy(p); i >= 0 && r.Approvals[i].Lapse == "" {
			a.At = r.Approvals[i].At
		}
		counted = append(counted, a)
	}
	return counted
}

// isSelfApproval reports whether the policy let the requester approve their own request,
// without a press.
func isSelfApproval(o access.Outcome) bool {
	return o.Kind == access.OutcomeAutomatic && o.Reason == string(access.ReasonSelfApproval)
}

// inList escapes an email, so that a quoted one can't pass for several entries of a list.
var inList = strings.NewReplacer("%", "%25", ",", "%2C", " ", "%20")

func formatTime(t time.Time) string { return t.UTC().Format(time.RFC3339Nano) }

// fillEmpty sets empty fields to notApplicable.
func fillEmpty(rec Record) Record {
	for _, field := range []*string{
		&rec.RoleName, &rec.AccountID, &rec.Reason, &rec.RequesterSlackID, &rec.RequesterEmail, &rec.RequestID,
		&rec.ApproverSlackID, &rec.ApproverEmail, &rec.PermissionDuration, &rec.GroupName, &rec.GroupID, &rec.GroupMembershipID,
		&rec.SSOUserPrincipalID, &rec.AccountName, &rec.ActorSlackID, &rec.ActorEmail, &rec.ExecutionARN,
		&rec.PolicyDigest, &rec.DecisionReason, &rec.DecisionStatements, &rec.Removal, &rec.Detail,
		&rec.ActorPrincipalID, &rec.ApproverPrincipalID, &rec.Action, &rec.Approvers, &rec.OUPath, &rec.Ticket,
		&rec.PermissionSetARN, &rec.EndsAt, &rec.AWSCreateRequestID, &rec.AWSDeleteRequestID, &rec.EligibleApprovers, &rec.Approvals,
		&rec.Rule, &rec.DenialReason, &rec.RequestSource, &rec.MessagePermalink,
		&rec.ExtendedRequestID, &rec.AccessSince,
	} {
		if *field == "" {
			*field = notApplicable
		}
	}
	return rec
}

// recordsEnd reports whether the event records how the request's access ended, or why
// none was granted. A refusal by the policy doesn't count.
func recordsEnd(r access.Request, k access.EventKind) bool {
	return k == access.EventRevoked || k == access.EventNotGranted ||
		k == access.EventRefused && (r.Outcome == nil || r.Outcome.Kind != access.OutcomeRefused)
}

// wasCutOff reports whether the request ended because its execution did, or
// because someone resumed the execution without a decision.
func wasCutOff(r access.Request) bool {
	return r.Interrupted() || r.Failure != nil && r.Failure.Code == access.CodeExecutionGone
}

// operation returns the operation_type of an event.
func operation(k access.EventKind) string {
	switch k {
	case access.EventGranted:
		return "grant"
	case access.EventRevoked, access.EventDriftRevoked:
		return "revoke"
	default:
		return notApplicable
	}
}

func join(statements []int) string {
	var parts []string
	for _, i := range statements {
		parts = append(parts, strconv.Itoa(i))
	}
	return strings.Join(parts, ",")
}

// Key returns the key of the record of the event number seq of r under prefix. It
// begins with the day of the event, UTC, so that the same event always has the
// same key.
func Key(prefix string, r access.Request, seq int) string {
	e := r.Events[seq]
	return withPrefix(prefix, fmt.Sprintf("%s/%s-%03d-%s.json", day(e.At), r.ID, seq, e.Kind))
}

func day(t time.Time) string { return t.UTC().Format("2006/01/02") }

func withPrefix(prefix, key string) string {
	if prefix = strings.Trim(prefix, "/"); prefix != "" {
		key = prefix + "/" + key
	}
	return key
}
