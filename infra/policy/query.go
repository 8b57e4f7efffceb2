package policy

import (
	"errors"
	"fmt"
	"reflect"
	"strings"
	"time"
	"unicode/utf8"

	"sso-elevator/functions/access"
	"sso-elevator/infra/settings"
)

// query is one question about the policy. Fields that were not given are empty.
type query struct {
	Requester       string   `json:"requester" placeholder:"EMAIL" help:"Email of the requester."`
	RequesterGroups []string `json:"requester_groups,omitempty" placeholder:"ID" help:"Ids of the groups that the requester is a member of. Other groups count as not a member."`
	Account         string   `json:"account" placeholder:"ID" help:"Id of the requested account."`
	OUPath          []string `json:"ou_path,omitempty" name:"ou-path" placeholder:"ID" help:"Ids of the root and of the organizational units above the account, from the root."`
	PermissionSet   string   `json:"permission_set" placeholder:"NAME" help:"Name of the requested permission set."`
	Group           string   `json:"group" placeholder:"ID" help:"Id of the requested group, instead of an account."`
	Duration        string   `json:"duration,omitempty" placeholder:"DURATION" help:"Requested duration, like 2h. Without it, every MaxDuration allows the request."`
	Ticket          *string  `json:"ticket,omitempty" placeholder:"TICKET" help:"Ticket of the request. Without this flag, every statement accepts the ticket. An empty value means no ticket."`
	Approver        string   `json:"approver" placeholder:"EMAIL" help:"Also say whether an approval by the person with this email would count."`
	ApproverGroups  []string `json:"approver_groups,omitempty" placeholder:"ID" help:"Ids of the groups that this person is a member of."`
}

// isEmpty reports whether no field was given.
func (q query) isEmpty() bool { return reflect.ValueOf(q).IsZero() }

// answer is what the policy decides. The output has the fields in this order.
type answer struct {
	Outcome         access.DecisionOutcome `json:"outcome"`
	Reason          access.Reason          `json:"reason"`
	Approvers       []string               `json:"approvers"`
	Statements      []int                  `json:"statements"`
	ApprovalsNeeded int                    `json:"approvals_needed"` // the highest of Requirements; 1 if there are none
	Requirements    []access.Requirement   `json:"requirements"`
	MaxDuration     *int64                 `json:"max_duration_seconds"` // nil if nothing limits the duration
	TicketRequired  bool                   `json:"ticket_required"`
	Warnings        []string               `json:"warnings"`
	Channel         *string                `json:"channel"`             // nil: the configured channel
	Permitted       *bool                  `json:"permitted,omitempty"` // nil if the query has no approver
}

func answerOf(d access.Decision) answer {
	a := answer{Outcome: d.Outcome, Reason: d.Reason, Approvers: d.Approvers, Statements: d.Statements, ApprovalsNeeded: 1, Requirements: []access.Requirement{},
		TicketRequired: d.TicketRequired(), Warnings: append([]string{}, d.Warnings...)}
	for _, q := range d.Requirements {
		a.ApprovalsNeeded = max(a.ApprovalsNeeded, q.Needed)
		a.Requirements = append(a.Requirements, q)
	}
	if d.MaxDuration > 0 {
		a.MaxDuration = &d.MaxDuration
	}
	if d.Channel != "" {
		a.Channel = &d.Channel
	}
	return a
}

// check returns all mistakes in the query, one per line, or nil.
func (q query) check() error {
	var mistakes []error
	mistake := func(format string, args ...any) { mistakes = append(mistakes, fmt.Errorf(format, args...)) }
	switch {
	case q.Requester == "":
		mistake("requester is missing: give the requester's email")
	case !settings.ValidEmail(access.NormalizeEmail(q.Requester)):
		mistake("requester %q is not an email address", q.Requester)
	}
	switch {
	case q.Group != "" && (q.Account != "" || q.PermissionSet != ""):
		mistake("give a group, or an account and a permission set, not both")
	case q.Group != "":
		if !settings.ValidGroupID(q.Group) {
			mistake("group %q is not a group id like 99999999-8888-7777-6666-555555555555", q.Group)
		}
	case q.Account == "" && q.PermissionSet == "":
		mistake("target is missing: give an account and a permission set, or a group")
	case q.Account == "":
		mistake("account is missing: give the account's id")
	case q.PermissionSet == "":
		mistake("permission set is missing: give its name")
	}
	if q.Group == "" && q.Account != "" && !settings.ValidAccountID(q.Account) {
		mistake("account %q is not an account id (12 digits)", q.Account)
	}
	if q.Group == "" && q.PermissionSet != "" && !settings.ValidPermissionSet(q.PermissionSet) {
		mistake("permission set %q is not the name of a permission set (up to 32 letters, digits and _+=,.@-)", q.PermissionSet)
	}
	checkGroups := func(name string, groups []string) {
		for _, group := range groups {
			if !settings.ValidGroupID(group) {
				mistake("%s %q is not a group id like 99999999-8888-7777-6666-555555555555", name, group)
			}
		}
	}
	checkGroups("requester group", q.RequesterGroups)
	checkGroups("approver group", q.ApproverGroups)
	if q.Group != "" && len(q.OUPath) > 0 {
		mistake("an OU path is about an account; remove it for a group")
	}
	for i, id := range q.OUPath {
		switch {
		case !settings.ValidOU(id):
			mistake("OU path: %q is not the id of an organizational unit (ou-…) or of the root (r-…)", id)
		case i > 0 && access.IsRoot(id):
			mistake("OU path: the root %s must be first", id)
		}
	}
	if d, err := access.ParseDuration(q.Duration); q.Duration != "" && (err != nil || d == 0) {
		mistake(`duration %q is not a duration like "90s", "5m", "2h" or "1h30m"`, q.Duration)
	}
	if q.Ticket != nil && utf8.RuneCountInString(*q.Ticket) > access.MaxTicketLength {
		mistake("ticket is longer than %d characters", access.MaxTicketLength)
	}
	if q.Approver == "" && len(q.ApproverGroups) > 0 {
		mistake("approver is missing: give the email of the person in these groups")
	}
	if q.Approver != "" && !settings.ValidEmail(access.NormalizeEmail(q.Approver)) {
		mistake("approver %q is not an email address", q.Approver)
	}
	return errors.Join(mistakes...)
}

// target returns the access that the query asks about.
func (q query) target() access.Target {
	if q.Group != "" {
		return access.Target{Kind: access.KindGroup, GroupID: q.Group}
	}
	return access.Target{Kind: access.KindAccount, AccountID: q.Account, PermissionSet: q.PermissionSet}
}

// request returns the request that the query asks about. The query has passed check.
func (q query) request() *access.Case {
	duration, _ := access.ParseDuration(q.Duration) // 0 if the query has none
	c := access.Case{
		Requester: access.Identity{Email: q.Requester, Groups: q.RequesterGroups},
		Target:    q.target(), OUs: q.OUPath, Duration: int64(duration / time.Second),
	}
	if q.Ticket != nil {
		c.Ticket = new(strings.TrimSpace(*q.Ticket)) // as the form does
	}
	return &c
}

// decide answers a query that has passed check.
func (q query) decide(policy *access.Index) answer {
	c := q.request()
	a := answerOf(policy.Decide(c))
	if q.Approver != "" {
		a.Permitted = new(policy.Permits(c, access.Identity{Email: q.Approver, Groups: q.ApproverGroups}))
	}
	return a
}
