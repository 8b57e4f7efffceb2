package main

import (
	"bytes"
	"encoding/json"
	"time"

	"sso-elevator/functions/access"
)

const stubMachine = "arn:aws:states:us-east-1:123456789012:stateMachine:requests"
const stubExecution = "arn:aws:states:us-east-1:123456789012:execution:requests:bench"

// The ids of the requests. Each is named after its request's state.
const (
	openRequest    = "open"
	approvedOne    = "approved"
	grantedRequest = "granted"
)

var (
	stubTarget = access.Target{
		Kind: access.KindAccount, AccountID: smallAccount, AccountName: "Production",
		PermissionSet: "Developer", PermissionSetARN: stubSet,
	}
	stubDecision = access.Decision{
		Outcome: access.DecideApproval, Reason: access.ReasonRequiresApproval, Approvers: []string{emailOf(stubApprover)}, Statements: []int{0},
	}
)

// requestRows returns requests for an account, one in each state.
func requestRows(now time.Time) []access.Request {
	requester, approver := personOf(stubRequester), personOf(stubApprover)
	open := access.Request{
		ID: openRequest, Target: stubTarget, Reason: "Investigate this morning's deployment.", Duration: 3600,
		TeamID: stubTeam, ViewID: "V0BENCH01", Requester: requester, CreatedAt: now.Add(-time.Minute),
		ExecutionName: "bench", ExecutionARN: stubExecution,
		Approvers: []access.Person{approver}, EvaluatedDecision: &stubDecision, ExpiresAt: now.Add(time.Hour),
		ApprovalToken: stubToken,
		Events:        []access.Event{{Kind: access.EventRequested, At: now.Add(-time.Minute), By: requester}},
	}
	approved := open
	approved.ID = approvedOne
	approved.Outcome = &access.Outcome{Kind: access.OutcomeApproved, By: approver, At: now, Reason: string(stubDecision.Reason), Statements: stubDecision.Statements}
	approved.Events = append(open.Events, access.Event{Kind: access.EventApproved, At: now, By: approver})
	granted := approved
	granted.ID = grantedRequest
	granted.Target.PermissionSet, granted.Target.PermissionSetARN = "ReadOnly", heldSet
	granted.GrantedAt, granted.End, granted.EndToken = now, now.Add(time.Hour), stubToken
	granted.Events = append(approved.Events, access.Event{Kind: access.EventGranted, At: now})
	return []access.Request{open, approved, granted}
}

// leaseRows returns the leases of the requests that hold access.
func leaseRows(requests []access.Request) []access.Lease {
	var leases []access.Lease
	for _, r := range requests {
		if !r.GrantedAt.IsZero() {
			leases = append(leases, access.Lease{
				Key: r.Subject().Key(), Subject: r.Subject(), State: access.LeaseHeld, Version: 3,
				Holders:   map[string]access.Holder{r.ID: {ExecutionARN: r.ExecutionARN, End: r.End}},
				SettlesAt: r.GrantedAt.Add(-time.Minute),
			})
		}
	}
	return leases
}

// marshalItem returns v as an item in DynamoDB's JSON. Its attributes are v's
// fields, under their JSON names. The stub marshals items once instead of in each
// answer, because its own work would be measured too.
func marshalItem(v any) (json.RawMessage, error) {
	text, err := json.Marshal(v)
	if err != nil {
		return nil, err
	}
	decoder := json.NewDecoder(bytes.NewReader(text))
	decoder.UseNumber()
	var fields object
	if err := decoder.Decode(&fields); err != nil {
		return nil, err
	}
	return json.Marshal(toAttribute(fields).(object)["M"])
}

func toAttribute(v any) any {
	switch v := v.(type) {
	case string:
		return object{"S": v}
	case json.Number:
		return object{"N": v.String()}
	case bool:
		return object{"BOOL": v}
	case []any:
		list := make([]any, len(v))
		for i, one := range v {
			list[i] = toAttribute(one)
		}
		return object{"L": list}
	case map[string]any:
		m := object{}
		for name, one := range v {
			m[name] = toAttribute(one)
		}
		return object{"M": m}
	default:
		return object{"NULL": true}
	}
}
