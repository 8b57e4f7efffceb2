package auditrecord_test

import (
	"encoding/json"
	"flag"
	"os"
	"path/filepath"
	"testing"
	"time"

	"sso-elevator/functions/access"
	"sso-elevator/functions/access/auditrecord"
)

var update = flag.Bool("update", false, "write the golden files")

var at = time.Date(2026, 3, 31, 23, 59, 58, 250e6, time.UTC)

// elevated is a request that was approved, granted, ended early and revoked.
const groupID = "11111111-2222-3333-4444-555555555555"

func elevated() access.Request {
	jane := access.Person{SlackID: "U1", Email: "jane@example.com", Name: "Jane", PrincipalID: "p-1"}
	ann := access.Person{SlackID: "U2", Email: "ann@example.com", PrincipalID: "p-2"}
	return access.Request{
		ID:        "abcdefghij234567",
		Target:    access.Target{Kind: access.KindAccount, AccountID: "111111111111", AccountName: "Production", PermissionSet: "Admin", PermissionSetARN: "arn:ps/1"},
		Reason:    "deploy <b> & \"fix\"",
		Ticket:    "OPS-12",
		Duration:  3600,
		Requester: jane, ExecutionARN: "arn:aws:states:us-east-1:123456789012:execution:m:n",
		TeamID: "T1", TeamDomain: "example", ViewID: "V1",
		EvaluatedDecision: &access.Decision{
			Outcome: access.DecideApproval, Reason: access.ReasonRequiresApproval, Statements: []int{0, 2},
			Approvers: []string{"ann@example.com", "bob@example.com", "group:" + groupID},
		},
		Outcome: &access.Outcome{
			Kind: access.OutcomeApproved, By: ann, At: at, Reason: "RequiresApproval", PolicyDigest: "d1", Statements: []int{0, 2},
			Rule: "config[0], config[2]: approval by ann@example.com, bob@example.com or group:" + groupID,
		},
		GrantedAt: at.Add(2 * time.Second), End: at.Add(time.Hour + 2*time.Second), AWSCreateRequestID: "f8604aff-1de0-48ba-b228-f65559e504c1",
		Removal: access.RemovalDone, AWSDeleteRequestID: "0b1bb0a4-7d3c-4ab5-8ba1-2f3e6d1e5d55",
		Posts: map[string]access.Post{access.PostAnnounce: {Channel: "C1", TS: "1775001598.000200"}, "granted": {Channel: "D1", TS: "1775001600.000100"}},
		Events: []access.Event{
			{Kind: access.EventRequested, At: at, By: jane},
			{Kind: access.EventApproved, At: at.Add(time.Second), By: ann, Reason: "RequiresApproval", PolicyDigest: "d1", Statements: []int{0, 2}},
			{Kind: access.EventGranted, At: at.Add(2 * time.Second)},
			{Kind: access.EventEnded, At: at.Add(3 * time.Second), By: ann},
			{Kind: access.EventRevoked, At: at.Add(4 * time.Second), Reason: "removed"},
		},
	}
}

// extension is a request that continued the access of another one.
func extension() access.Request {
	r := elevated()
	r.Extends, r.ChainSince, r.End = "mnopqrstuv234567", at.Add(-time.Hour), r.End.Add(time.Hour)
	return r
}

func refusedGroup() access.Request {
	r := access.Request{
		ID:        "zyxwvutsrq765432",
		Target:    access.Target{Kind: access.KindGroup, GroupID: "g-1", GroupName: "Billing"},
		Reason:    "month end",
		Duration:  60,
		Requester: access.Person{SlackID: "U1", Email: "jane@example.com", PrincipalID: "p-1", SecondaryDomain: true},
		Outcome:   &access.Outcome{Kind: access.OutcomeRefused, At: at, Reason: "NoApprovers", Message: "Nobody may approve this.", PolicyDigest: "d1", Statements: []int{1}},
	}
	r.Events = []access.Event{
		{Kind: access.EventRequested, At: at, By: r.Requester},
		{Kind: access.EventRefused, At: at, Message: r.Outcome.Message, Reason: r.Outcome.Reason, PolicyDigest: "d1", Statements: []int{1}},
	}
	return r
}

func neverGranted() access.Request {
	r := elevated()
	r.GrantedAt, r.End, r.AWSCreateRequestID = time.Time{}, time.Time{}, ""
	r.Removal, r.AWSDeleteRequestID = access.RemovalNothing, ""
	r.Failure = &access.Failure{Code: access.CodeForeign, Message: "The access exists already.", At: at}
	r.Events = append(r.Events[:2:2], access.Event{Kind: access.EventNotGranted, At: at, Reason: "ForeignAccess", Message: r.Failure.Message})
	return r
}

// neverConfirmed is a request whose access was created and removed again, before it was
// confirmed.
func neverConfirmed() access.Request {
	r := elevated()
	r.GrantedAt, r.End, r.OUPath = time.Time{}, time.Time{}, nil
	r.Failure = &access.Failure{Code: access.CodeInProgress, Message: "Identity Center is still creating the assignment", At: at}
	r.Events = append(r.Events[:2:2], access.RemovalEvent(r))
	return r
}

// rebuilt is a request whose row someone deleted, so most of its fields are unknown.
func rebuilt(t *testing.T) access.Request {
	t.Helper()
	b := access.Rebuilt{
		ID: "abcdefghij234567", ExecutionARN: "arn:aws:states:us-east-1:123456789012:execution:m:n", GrantedAt: at, End: at.Add(time.Hour), At: at.Add(time.Hour),
		Subject: access.Subject{Target: access.Target{Kind: access.KindAccount, AccountID: "111111111111", PermissionSet: "Admin", PermissionSetARN: "arn:ps/1"}, PrincipalID: "p-1"},
	}
	text, err := json.Marshal(map[string]any{"rebuilt": b, "revoking_at": b.At, "revoked_at": b.At, "removal": access.RemovalDone})
	if err != nil {
		t.Fatal(err)
	}
	var r access.Request
	if err := json.Unmarshal(text, &r); err != nil {
		t.Fatal(err)
	}
	r.Events = []access.Event{access.RemovalEvent(r)}
	return r
}

// refusedPresses is a request with refused presses, both before and after its
// decision.
func refusedPresses() access.Request {
	r := elevated()
	bob := access.Person{SlackID: "U3", Email: "bob@example.com", PrincipalID: "p-3"}
	r.Events = []access.Event{
		r.Events[0],
		{Kind: access.EventPressRefused, At: at.Add(time.Second), By: bob, Action: "approve", Reason: string(access.RefusalNotApprover), PolicyDigest: "d0"},
		r.Events[1],
		{Kind: access.EventPressRefused, At: at.Add(2 * time.Second), By: access.Person{SlackID: "U4"}, Action: "end", Reason: string(access.RefusalNotEligible), Message: "No guests."},
	}
	return r
}

// denied is a request that was denied with a reason.
func denied() access.Request {
	r := elevated()
	r.Outcome.Kind, r.Outcome.DenialReason, r.Removal = access.OutcomeDenied, "ReadOnly is enough.\nSee <the> \"runbook\".", ""
	r.Events = []access.Event{
		r.Events[0],
		{Kind: access.EventDenied, At: at.Add(time.Second), By: r.Outcome.By, Reason: "RequiresApproval", PolicyDigest: "d1", Statements: []int{0, 2}},
	}
	return r
}

// approvedByTwo is a request that three people approved. One took their approval back,
// and another is gone by now.
func approvedByTwo() access.Request {
	r := elevated()
	ann := r.Outcome.By
	bob := access.Person{SlackID: "U3", Email: "bob@example.com", PrincipalID: "p-3"}
	zoe := access.Person{SlackID: "U4", Email: "zoe@example.com", PrincipalID: "p-4"}
	event := func(kind access.EventKind, by access.Person, after time.Duration) access.Event {
		return access.Event{
			Kind: kind, At: at.Add(after), By: by, PolicyDigest: "d0", Reason: string(access.ReasonRequiresApproval), Statements: []int{0},
			Rule: "config[0]: 2 approvals by ann@example.com, bob@example.com or zoe@example.com (config[0])",
		}
	}
	r.Approvals = []access.Approval{{By: bob, At: at.Add(3 * time.Second)}, {By: zoe, At: at.Add(4 * time.Second), Lapse: access.LapseGone}, {By: ann, At: at.Add(5 * time.Second)}}
	r.Events = []access.Event{
		r.Events[0],
		event(access.EventApprovalGiven, ann, time.Second),
		{Kind: access.EventApprovalTakenBack, At: at.Add(2 * time.Second), By: ann},
		event(access.EventApprovalGiven, bob, 3*time.Second),
		event(access.EventApprovalGiven, zoe, 4*time.Second),
		event(access.EventApprovalGiven, ann, 5*time.Second),
		r.Events[1],
	}
	return r
}

// endedUnasked is access that ended because someone resumed its execution without a
// press.
func endedUnasked() access.Request {
	r := elevated()
	r.GrantedAt, r.End = at, at.Add(time.Hour)
	r.RevokingAt = at.Add(time.Minute)
	r.RevokedAt = r.RevokingAt
	r.Events = append(r.Events[:3:3], access.RemovalEvent(r))
	return r
}

// endedByTheSystem is access that ended because its requester is gone.
func endedByTheSystem() access.Request {
	r := endedUnasked()
	r.EndRequest = &access.EndRequest{At: r.RevokingAt, Reason: access.EndRequesterGone}
	r.Events = append(r.Events[:3:3], access.Event{Kind: access.EventEnded, At: r.RevokingAt, Reason: string(access.EndRequesterGone), Message: access.EndRequesterGone.Text("the requester", "the requester's")}, access.RemovalEvent(r))
	return r
}

// selfApproved is access that the policy let its requester approve without a press. The
// previous release wrote its row, so it has no message link.
func selfApproved() access.Request {
	r := elevated()
	o := access.Outcome{Kind: access.OutcomeAutomatic, At: at.Add(time.Second), Reason: string(access.ReasonSelfApproval), PolicyDigest: "d1", Statements: []int{1}, Rule: "config[1]: requesters may approve their own requests"}
	r.TeamDomain, r.Outcome = "", &o
	r.EvaluatedDecision = &access.Decision{Outcome: access.DecideAutomatic, Reason: access.ReasonSelfApproval, Approvers: []string{}, Statements: []int{1}}
	r.Events = []access.Event{r.Events[0], {Kind: access.EventApproved, At: o.At, Reason: o.Reason, PolicyDigest: o.PolicyDigest, Statements: o.Statements}, r.Events[2]}
	return r
}

// interrupted is a request whose execution someone stopped before the decision.
func interrupted() access.Request {
	r := elevated()
	r.Outcome, r.GrantedAt, r.End, r.AWSCreateRequestID = nil, time.Time{}, time.Time{}, ""
	r.Removal, r.RevokedAt, r.AWSDeleteRequestID = access.RemovalNothing, at, ""
	r.Failure = &access.Failure{Code: access.CodeExecutionGone, Message: "the execution is not running", At: at}
	r.Events = append(r.Events[:1:1], access.RemovalEvent(r))
	return r
}

func TestRecords(t *testing.T) {
	tests := []struct {
		name    string
		request access.Request
	}{
		{"elevated", elevated()},
		{"extension", extension()},
		{"approved-by-two", approvedByTwo()},
		{"denied", denied()},
		{"refused-group", refusedGroup()},
		{"never-granted", neverGranted()},
		{"never-confirmed", neverConfirmed()},
		{"rebuilt", rebuilt(t)},
		{"refused-presses", refusedPresses()},
		{"ended-unasked", endedUnasked()},
		{"ended-by-the-system", endedByTheSystem()},
		{"interrupted", interrupted()},
		{"self-approved", selfApproved()},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			records := map[string]auditrecord.Record{}
			for seq := range test.request.Events {
				records[auditrecord.Key("logs", test.request, seq)] = auditrecord.Of(test.request, seq)
			}
			golden(t, test.name, records)
		})
	}
}

// golden compares records, by their keys, with testdata/<name>.golden.json.
func golden(t *testing.T, name string, records map[string]auditrecord.Record) {
	t.Helper()
	got, err := json.MarshalIndent(records, "", "  ")
	if err != nil {
		t.Fatal(err)
	}
	got = append(got, '\n')
	path := filepath.Join("testdata", name+".golden.json")
	if *update {
		if err := os.WriteFile(path, got, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if string(got) != string(want) {
		t.Errorf("%s differs; got:\n%s", path, got)
	}
}

// An email forges no further entry of a list, and a percent sign no escape.
func TestEmailsInLists(t *testing.T) {
	r := elevated()
	r.Outcome.By.Email = `"a%2Cb,bob@example.com 2026"@example.com`
	rec := auditrecord.Of(r, 1)
	const email = `"a%252Cb%2Cbob@example.com%202026"@example.com`
	if want := email + " 2026-03-31T23:59:58.25Z"; rec.Approvers != email || rec.Approvals != want {
		t.Errorf("approvers %s, approvals %s; want %s, %s", rec.Approvers, rec.Approvals, email, want)
	}
}

func TestKeyWithoutPrefixStartsWithTheYear(t *testing.T) {
	const want = "2026/04/01/abcdefghij234567-002-granted.json"
	for _, prefix := range []string{"", "/"} {
		if got := auditrecord.Key(prefix, elevated(), 2); got != want {
			t.Errorf("prefix %q: got %s, want %s", prefix, got, want)
		}
	}
}
