package slack

import (
	"fmt"
	"strconv"
	"strings"
	"time"

	"sso-elevator/functions/access"
)

// Submission is the request of a submitted form. Its target has the chosen ids, and the
// names that private_metadata knows. Nothing here checks that the target exists or may
// be requested.
type Submission struct {
	Target   access.Target
	Duration time.Duration
	Reason   string // trimmed, at most access.MaxReasonLength characters
	Ticket   string // one line, trimmed, at most access.MaxTicketLength characters; "" if the form has no such field
}

// maxDuration is the longest duration that a form may contain. It prevents an overflow of
// the seconds; settings allow far less.
const maxDuration = 366 * 24 * time.Hour

// Submission reads a submitted form. If a field is missing or invalid, it returns error
// texts for the user, by block id. The caller must then ignore the Submission.
func (v *View) Submission() (Submission, map[string]string) {
	errs := map[string]string{}
	s := Submission{Target: v.target(errs)}

	block, chosen := v.durationBlock()
	seconds, err := strconv.ParseInt(chosen, 10, 64)
	if _, isForm := v.State[BlockReason]; block == "" && isForm {
		// Slack shows an error only under a block that exists.
		errs[BlockReason] = "This app offers no duration that the policy allows here. Choose something else."
	} else if err != nil || seconds < 1 || seconds > int64(maxDuration/time.Second) {
		errs[firstNonEmpty(block, BlockDuration)] = "Choose how long you need the access."
	} else {
		s.Duration = time.Duration(seconds) * time.Second
	}

	s.Reason = cleanLines(v.State[BlockReason][ActionReason].Value)
	switch {
	case errs[BlockReason] != "":
	case !isVisible(s.Reason):
		errs[BlockReason] = "Say why you need the access."
	case tooLong(s.Reason, access.MaxReasonLength):
		errs[BlockReason] = fmt.Sprintf("Use at most %d characters.", access.MaxReasonLength)
	}

	s.Ticket = clean(v.State[BlockTicket][ActionTicket].Value)
	switch {
	case !isVisible(s.Ticket):
		s.Ticket = ""
	case tooLong(s.Ticket, access.MaxTicketLength):
		errs[BlockTicket] = fmt.Sprintf("Use at most %d characters.", access.MaxTicketLength)
	}

	if len(errs) == 0 {
		errs = nil
	}
	return s, errs
}

// SelectedTarget returns the target that is selected in the form now, even if other
// fields are empty. It has the ids, and the names that private_metadata knows for the
// same ids. It has a permission set without an account if it was chosen first. It omits a
// permission set that was chosen for another account.
func (v *View) SelectedTarget() access.Target {
	return v.target(map[string]string{})
}

func (v *View) target(errs map[string]string) access.Target {
	before := v.Chosen()
	t := access.Target{Kind: before.Kind}
	if t.Kind == access.KindGroup {
		t.GroupID = v.State[BlockGroup][ActionGroup].SelectedOption
		if t.GroupID == "" {
			errs[BlockGroup] = "Choose a group."
		} else if before.GroupID == t.GroupID {
			t.GroupName = before.GroupName
		}
		return t
	}

	account, accountID := v.blockOf(ActionAccount)
	t.AccountID = accountID
	if t.AccountID == "" {
		errs[firstNonEmpty(account, BlockAccount)] = "Choose an account."
	} else if before.AccountID == t.AccountID {
		t.AccountName = before.AccountName
	}
	block, chosen := v.permissionSetBlock()
	switch {
	case block == "" && accountID == "":
	case block == "":
		// Slack shows an error only under a block that exists.
		errs[firstNonEmpty(account, BlockAccount)] = "Choose the account again, then a permission set."
	case chosen == "":
		errs[block] = "Choose a permission set."
	case block != BlockPermissionSet && block != permissionSetBlock(t.AccountID):
		errs[block] = "The account changed. Choose the permission set again."
	default:
		if strings.HasPrefix(chosen, "arn:") {
			t.PermissionSetARN = chosen
		} else {
			t.PermissionSet = chosen
		}
		if before.PermissionSetARN == t.PermissionSetARN && t.PermissionSetARN != "" {
			t.PermissionSet = before.PermissionSet
		}
	}
	return t
}

// AccountBlock returns the block id under which to show an error about the account.
func (v *View) AccountBlock() string {
	block, _ := v.blockOf(ActionAccount)
	return firstNonEmpty(block, BlockReason)
}

// DurationBlock returns the block id under which to show an error about the duration.
func (v *View) DurationBlock() string {
	block, _ := v.durationBlock()
	return firstNonEmpty(block, BlockReason)
}

// HasTicket reports whether the form had a ticket field. It has none before a target is
// chosen that needs one.
func (v *View) HasTicket() bool {
	_, ok := v.State[BlockTicket]
	return ok
}

// Typed returns what is in the form's other fields now, unchecked: zero for a duration that
// is none, and "" for a field that is empty or that the form doesn't have.
func (v *View) Typed() (duration time.Duration, reason, ticket string) {
	_, chosen := v.durationBlock()
	if seconds, err := strconv.ParseInt(chosen, 10, 64); err == nil && seconds > 0 && seconds <= int64(maxDuration/time.Second) {
		duration = time.Duration(seconds) * time.Second
	}
	return duration, v.State[BlockReason][ActionReason].Value, v.State[BlockTicket][ActionTicket].Value
}

// durationBlock returns the block id of the durations' select, "" if the form had none,
// and the value chosen in it.
func (v *View) durationBlock() (block, chosen string) { return v.blockOf(ActionDuration) }

// permissionSetBlock returns the block id of the permission set's select that the user
// saw, and the value chosen in it.
func (v *View) permissionSetBlock() (block, chosen string) { return v.blockOf(ActionPermissionSet) }

// blockOf returns the block id of the select with that action, and the value chosen in
// it.
func (v *View) blockOf(action string) (block, chosen string) {
	for b, actions := range v.State {
		if f, ok := actions[action]; ok {
			return b, f.SelectedOption
		}
	}
	return "", ""
}
