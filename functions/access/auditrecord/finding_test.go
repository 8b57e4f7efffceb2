package auditrecord_test

import (
	"fmt"
	"testing"
	"time"

	"sso-elevator/functions/access"
	"sso-elevator/functions/access/auditrecord"
)

// ofRun returns the events of an assignment and a membership that a run found, and
// removed an hour later.
func ofRun(run access.Run) []auditrecord.Finding {
	account := access.Finding{
		Subject: access.Subject{PrincipalID: "p-1", Target: access.Target{
			Kind: access.KindAccount, AccountID: "111111111111", AccountName: "Production", PermissionSet: "Admin", PermissionSetARN: "arn:ps/1",
		}},
		UserName: "jane@example.com", FirstSeen: at,
	}
	group := access.Finding{
		Subject:   access.Subject{PrincipalID: "p-2", Target: access.Target{Kind: access.KindGroup, GroupID: "g-1", GroupName: "Billing"}},
		FirstSeen: at, MembershipID: "m-1",
	}
	var events []auditrecord.Finding
	for i, f := range []access.Finding{account, group} {
		events = append(events,
			auditrecord.Finding{Finding: f, Kind: access.EventDriftFound, Run: run, Index: i},
			auditrecord.Finding{Finding: f, Kind: access.EventDriftRevoked, Run: run, Index: i, RemovedAt: at.Add(time.Hour), AWSDeleteRequestID: fmt.Sprint("aws-", i)},
		)
	}
	return events
}

// started is the start of the run, on the day of at. The removal comes a day later.
func started() access.Run {
	return access.Run{ID: "run-1", Mode: access.DriftRevoke, StartedAt: at.Add(-time.Minute), ExecutionARN: "arn:aws:states:us-east-1:123456789012:execution:r:run-1"}
}

func letGoOn() access.Run {
	run := started()
	run.Guard = access.GuardTooMany
	// Nobody answered for the other findings in time.
	run.Answer = &access.RunAnswer{At: at.Add(2 * time.Hour)}
	run.Answers = []access.RunAnswer{
		{Remove: true, By: access.Person{SlackID: "U2", Email: "ann@example.com", PrincipalID: "p-9"}, At: at.Add(time.Hour), Findings: [][2]int{{0, 1}}},
		{Remove: true, By: access.Person{SlackID: "U3", Email: "bob@example.com", PrincipalID: "p-8"}, At: at.Add(90 * time.Minute), Findings: [][2]int{{1, 2}}},
	}
	return run
}

func TestFindingRecords(t *testing.T) {
	for name, run := range map[string]access.Run{"drift": started(), "drift-let-go-on": letGoOn()} {
		t.Run(name, func(t *testing.T) {
			records := map[string]auditrecord.Record{}
			for _, f := range ofRun(run) {
				records[auditrecord.FindingKey("logs", f)] = auditrecord.OfFinding(f)
			}
			golden(t, name, records)
		})
	}
}

// A task that is repeated the next day writes no second record.
func TestFindingKeyDoesNotFollowTheClock(t *testing.T) {
	for _, run := range []access.Run{started(), letGoOn()} {
		for _, f := range ofRun(run) {
			first := auditrecord.FindingKey("", f)
			f.RemovedAt = f.RemovedAt.Add(48 * time.Hour)
			if again := auditrecord.FindingKey("", f); again != first {
				t.Errorf("the keys are %s and %s", first, again)
			}
		}
	}
}

// A refused press names the finding, if it is about one.
func TestRefusedPressRecords(t *testing.T) {
	run := started()
	bob := access.Person{SlackID: "U3", Email: "bob@example.com", PrincipalID: "p-8"}
	presses := []auditrecord.RefusedPress{
		{RefusedPress: access.RefusedPress{Finding: 1, Action: "finding_remove", By: bob, At: at, Reason: access.RefusalNotApprover, PolicyDigest: "d1"}, Subject: ofRun(run)[0].Finding},
		{RefusedPress: access.RefusedPress{
			Finding: access.NoFinding, Action: "drift_remove", By: access.Person{SlackID: "U4"}, At: at.Add(24 * time.Hour), Reason: access.RefusalNotEligible, Message: "No guests.",
		}},
	}
	records := map[string]auditrecord.Record{}
	for i, p := range presses {
		p.Run, p.Index = run, i
		records[auditrecord.RefusedPressKey("logs", p)] = auditrecord.OfRefusedPress(p)
	}
	golden(t, "refused-presses-of-a-run", records)
}
