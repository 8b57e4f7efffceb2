package slack

import (
	"fmt"
	"strconv"
	"strings"
	"time"

	"sso-elevator/functions/access"
)

// Submission is what a form asks for. Its target holds the ids that were
// chosen, and the names where private_metadata had them; whether any of it
// exists or may be asked for is not looked at here.
type Submission struct {
	Target   access.Target
	Duration time.Duration
	Reason   string // trimmed, at most access.MaxReasonLength characters
}

// maxDuration is how much of a duration makes sense at all, so that seconds
// never overflow; settings allow far less.
const maxDuration = 366 * 24 * time.Hour

// Submission reads a submitted form. What is missing or makes no sense is told
// by block id, in words for the person who filled it in; then the submission is
// not to be used.
func (v *View) Submission() (Submission, map[string]string) {
	errs := map[string]string{}
	s := Submission{Target: v.target(errs)}

	seconds, err := strconv.ParseInt(v.State[BlockDuration][ActionDuration].SelectedOption, 10, 64)
	if err != nil || seconds < 1 || seconds > int64(maxDuration/time.Second) {
		errs[BlockDuration] = "Please choose how long you need it."
	} else {
		s.Duration = time.Duration(seconds) * time.Second
	}

	s.Reason = cleanLines(v.State[BlockReason][ActionReason].Value)
	switch {
	case !isVisible(s.Reason):
		errs[BlockReason] = "Please say what you need it for."
	case tooLong(s.Reason, access.MaxReasonLength):
		errs[BlockReason] = fmt.Sprintf("Please keep it to %d characters.", access.MaxReasonLength)
	}

	if len(errs) == 0 {
		errs = nil
	}
	return s, errs
}

// SelectedTarget is what the form's selects say now, whatever else is filled
// in: the ids, with the names that private_metadata has for the same ids. A
// permission set that was chosen for another account is left out.
func (v *View) SelectedTarget() access.Target {
	return v.target(map[string]string{})
}

func (v *View) target(errs map[string]string) access.Target {
	before := v.Chosen()
	t := access.Target{Kind: before.Kind}
	if t.Kind == access.KindGroup {
		t.GroupID = v.State[BlockGroup][ActionGroup].SelectedOption
		if t.GroupID == "" {
			errs[BlockGroup] = "Please choose a group."
		} else if before.GroupID == t.GroupID {
			t.GroupName = before.GroupName
		}
		return t
	}

	t.AccountID = v.State[BlockAccount][ActionAccount].SelectedOption
	if t.AccountID == "" {
		errs[BlockAccount] = "Please choose an account."
		return t
	}
	if before.AccountID == t.AccountID {
		t.AccountName = before.AccountName
	}
	block := permissionSetBlock(t.AccountID)
	shown, stale := v.permissionSetBlock()
	switch chosen := v.State[block][ActionPermissionSet].SelectedOption; {
	case chosen != "":
		if strings.HasPrefix(chosen, "arn:") {
			t.PermissionSetARN = chosen
		} else {
			t.PermissionSet = chosen
		}
		if before.PermissionSetARN == t.PermissionSetARN && t.PermissionSetARN != "" {
			t.PermissionSet = before.PermissionSet
		}
	case shown == "":
		// The form was submitted as it was before the account was chosen, and
		// Slack shows an error only under a block that is there.
		errs[BlockAccount] = "Please choose the account again, then a permission set."
	case stale != "" && shown != block:
		errs[shown] = "The account has changed. Please choose the permission set again."
	default:
		errs[shown] = "Please choose a permission set."
	}
	return t
}

// permissionSetBlock is the block id of the permission set's select as it was
// shown, and what was chosen in it.
func (v *View) permissionSetBlock() (block, chosen string) {
	for b, actions := range v.State {
		if f, ok := actions[ActionPermissionSet]; ok {
			return b, f.SelectedOption
		}
	}
	return "", ""
}
