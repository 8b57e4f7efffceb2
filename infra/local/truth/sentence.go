package truth

import (
	"fmt"
	"strconv"
	"strings"
	"time"

	"sso-elevator/functions/access"
	"sso-elevator/functions/access/auditrecord"

	"github.com/aws/aws-sdk-go-v2/aws"
	identitytypes "github.com/aws/aws-sdk-go-v2/service/identitystore/types"
)

// names are the first names of the users of Identity Center, or their full names where two
// have the same first name.
type names struct {
	byID    map[string]string
	byEmail map[string]string
	emails  map[string]string // by id
}

func namesOf(users map[string]identitytypes.User) names {
	n := names{byID: map[string]string{}, byEmail: map[string]string{}, emails: map[string]string{}}
	count := map[string]int{}
	for _, u := range users {
		first, _, _ := strings.Cut(aws.ToString(u.DisplayName), " ")
		count[first]++
	}
	for id, u := range users {
		name := aws.ToString(u.DisplayName)
		if first, _, _ := strings.Cut(name, " "); count[first] == 1 {
			name = first
		}
		n.byID[id], n.byEmail[email(u)], n.emails[id] = name, name, email(u)
	}
	return n
}

// ofUser returns the name of an Identity Center user.
func (n names) ofUser(id string) string {
	if name := n.byID[id]; name != "" {
		return name
	}
	return "someone"
}

// ofPerson returns the name of the person with this email. Without an email, it returns
// the name of the user with this id.
func (n names) ofPerson(email, id string) string {
	switch {
	case n.byEmail[email] != "":
		return n.byEmail[email]
	case n.byID[id] != "":
		return n.byID[id]
	case isSet(email):
		return email
	}
	return "someone"
}

// sentence says what a record says.
func (n names) sentence(r auditrecord.Record) string {
	requester := n.ofPerson(r.RequesterEmail, r.SSOUserPrincipalID)
	actor := n.ofPerson(r.ActorEmail, r.ActorPrincipalID)
	target := recordTarget(r)
	detail := ""
	if isSet(r.Detail) {
		detail = ": " + r.Detail
	}
	switch access.EventKind(r.Event) {
	case access.EventRequested:
		return fmt.Sprintf("%s requested %s%s: “%s”", requester, target, forDuration(r), r.Reason)
	case access.EventApproved:
		if !isSet(r.ActorSlackID) {
			return fmt.Sprintf("The policy let %s have %s%s%s", requester, target, forDuration(r), rules(r))
		}
		return fmt.Sprintf("%s let %s have %s%s%s", actor, requester, target, forDuration(r), rules(r))
	case access.EventApprovalGiven:
		return fmt.Sprintf("%s approved %s’s request for %s, one of several approvals that it needs", actor, requester, target)
	case access.EventApprovalTakenBack:
		return fmt.Sprintf("%s took back their approval of %s’s request for %s", actor, requester, target)
	case access.EventDenied:
		return fmt.Sprintf("%s denied %s %s%s", actor, requester, target, detail)
	case access.EventWithdrawn:
		return fmt.Sprintf("%s withdrew the request for %s", requester, target)
	case access.EventExpired:
		return fmt.Sprintf("%s’s request for %s expired: nobody decided in time", requester, target)
	case access.EventRefused:
		return fmt.Sprintf("%s’s request for %s was refused%s", requester, target, detail)
	case access.EventNotGranted:
		return fmt.Sprintf("%s could not be granted to %s%s", target, requester, detail)
	case access.EventGranted:
		return fmt.Sprintf("%s got %s%s", requester, target, forDuration(r))
	case access.EventEnded:
		if !isSet(r.ActorEmail) {
			return fmt.Sprintf("%s’s %s ended early%s", requester, target, detail)
		}
		return fmt.Sprintf("%s ended %s’s %s early", actor, requester, target)
	case access.EventRevoked:
		return fmt.Sprintf("%s’s %s %s%s", requester, target, removal(r), detail)
	case access.EventRevokeFailed:
		return fmt.Sprintf("%s’s %s could not be removed yet%s", requester, target, detail)
	case access.EventPressRefused:
		switch r.AuditEntryType + " " + r.Action {
		case "block block":
			return fmt.Sprintf("%s tried to block a person and was refused", actor)
		case "block lift":
			return fmt.Sprintf("%s tried to lift a block and was refused", actor)
		}
		if !isSet(r.RequesterEmail) {
			return fmt.Sprintf("%s pressed a button about unknown access and was refused", actor)
		}
		return fmt.Sprintf("%s pressed %s on %s’s request and was refused", actor, strings.ReplaceAll(r.Action, "_", " "), requester)
	case access.EventDriftFound:
		return fmt.Sprintf("Found unknown access: %s has %s", requester, target)
	case access.EventDriftRevoked:
		return fmt.Sprintf("Removed unknown access: %s had %s", requester, target)
	case access.EventDriftPressed:
		what := "to leave it for a day"
		if r.Action == access.ActionFindingRemove {
			what = "to remove it now"
		}
		return fmt.Sprintf("%s decided about unknown access, %s: %s has %s", r.ApproverEmail, what, requester, target)
	case access.EventDriftExempted:
		return fmt.Sprintf("Left unknown access, because the settings exempt it: %s has %s", requester, target)
	}
	return r.Event
}

func recordTarget(r auditrecord.Record) string {
	if isSet(r.GroupName) || isSet(r.GroupID) {
		return "membership in " + r.GroupName
	}
	account := r.AccountName
	if !isSet(account) {
		account = r.AccountID
	}
	return r.RoleName + " in " + account
}

func forDuration(r auditrecord.Record) string {
	seconds, err := strconv.ParseInt(r.PermissionDuration, 10, 64)
	if err != nil {
		return ""
	}
	return " for " + access.FormatDuration(time.Duration(seconds)*time.Second)
}

// rules returns which statements of the policy decided, by their place in the settings.
func rules(r auditrecord.Record) string {
	switch statements := strings.ReplaceAll(r.DecisionStatements, ",", ", "); {
	case !isSet(statements):
		return ""
	case strings.Contains(statements, ","):
		return " (rules " + statements + ")"
	default:
		return " (rule " + statements + ")"
	}
}

func removal(r auditrecord.Record) string {
	switch access.RemovalState(r.Removal) {
	case access.RemovalKept:
		return "stays, because another request still holds it"
	case access.RemovalAlreadyGone:
		return "was already gone"
	case access.RemovalForeign:
		return "was replaced by someone outside this app, and was left alone"
	default:
		return "was removed, and is confirmed gone"
	}
}
