package drift

import (
	"context"
	"encoding/json"
	"slices"

	"sso-elevator/functions/access"
)

// trail is the part of a CloudTrail record that we read. The parameters are the
// API's: CreateAccountAssignment of sso.amazonaws.com, and CreateGroupMembership of
// identitystore.amazonaws.com. In place of the latter, the console calls
// AddMemberToGroup of sso-directory.amazonaws.com, and SCIM calls PatchGroup of
// identitystore-scim.amazonaws.com, which names the group as "id".
type trail struct {
	EventName         string `json:"eventName"`
	ErrorCode         string `json:"errorCode"`
	RequestParameters struct {
		TargetID         string `json:"targetId"`
		PermissionSetARN string `json:"permissionSetArn"`
		PrincipalType    string `json:"principalType"`
		GroupID          string `json:"groupId"`
		ID               string `json:"id"`
	} `json:"requestParameters"`
}

// readTrail reads a CloudTrail record, or the EventBridge event that has it as its
// detail, into record.
func readTrail(raw json.RawMessage, record any) (ok bool) {
	var event struct {
		Detail json.RawMessage `json:"detail"`
	}
	if json.Unmarshal(raw, &event) == nil && len(event.Detail) > 0 {
		raw = event.Detail
	}
	return json.Unmarshal(raw, record) == nil
}

// parseEvent reads which access an event is about. ok is false for anything that is not a
// CloudTrail record, and for records that no run can use: a failed call, or a group's
// assignment.
func parseEvent(raw json.RawMessage) (t access.Target, ok bool) {
	var record trail
	if !readTrail(raw, &record) || record.ErrorCode != "" {
		return t, false
	}
	in := record.RequestParameters
	switch record.EventName {
	case "CreateAccountAssignment":
		t = access.Target{Kind: access.KindAccount, AccountID: in.TargetID, PermissionSetARN: in.PermissionSetARN}
		return t, in.PrincipalType == "USER" && in.TargetID != "" && in.PermissionSetARN != ""
	case "AddMemberToGroup", "CreateGroupMembership", "PatchGroup":
		t = access.Target{Kind: access.KindGroup, GroupID: in.GroupID}
		if t.GroupID == "" && record.EventName == "PatchGroup" {
			t.GroupID = in.ID
		}
		return t, t.GroupID != ""
	}
	return t, false
}

// planEvent plans a run for an event. If the policy covers the group or account that
// the event names, the run reads only that. Otherwise it reads nothing.
func (p *planner) planEvent(ctx context.Context, raw json.RawMessage) error {
	t, ok := parseEvent(raw)
	if !ok {
		p.engine.Logger.InfoContext(ctx, "the event names no access that this app can check")
		return nil
	}
	p.plan.Created = parseCreation(raw, t, p.engine.Now())
	if t.Kind == access.KindGroup {
		if !p.index.Covers(t, nil) {
			return nil
		}
		g, found, err := p.engine.Directory.Group(ctx, t.GroupID)
		if err != nil || !found {
			return err
		}
		p.addGroup(g)
		p.plan.Provisioned = nil // only runs that read all groups report that
		return nil
	}
	history, _, err := p.engine.Store.History(ctx)
	if err != nil {
		p.engine.Logger.WarnContext(ctx, "history of earlier runs could not be read", "error", access.ErrorMessage(err))
	}
	if slices.Contains(history.Unmanageable.Names, t.AccountID) {
		return nil
	}
	set, err := p.permissionSet(ctx, t.PermissionSetARN)
	if err != nil {
		return err
	}
	account := p.withOUs(access.Account{ID: t.AccountID, Name: p.accountNames[t.AccountID]}, []Named{set})
	if !p.covers(account, set.Name) {
		return nil
	}
	p.plan.Accounts = []Named{account}
	p.plan.Sets = []Named{set}
	p.pairs = []AccountSets{{Account: 0, Sets: []int{0}}}
	return nil
}
