package e2e

import (
	"context"
	"fmt"
	"maps"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/sfn"
	sfntypes "github.com/aws/aws-sdk-go-v2/service/sfn/types"

	"sso-elevator/infra/local/faults"
)

// nextRevocation is the next time of the schedule in testdata/drift.yaml.
var nextRevocation = time.Date(2099, 1, 1, 3, 0, 0, 0, time.UTC)

// TestDrift goes through reconciliations in modes warn and revoke. They read
// everything, so its parts run one after another on a stack that no other test
// uses. Each part starts from what the one before left.
func TestDrift(t *testing.T) {
	t.Parallel()
	s := drifting

	// No run may touch or report this access.
	untouched := []wish{
		s.give(t, "Deployers", "payments", "ReadOnlyAccess"), // through a group
		s.give(t, lena, "outside", "ReadOnlyAccess"),         // in an account
		s.give(t, lena, "shop", "AdministratorAccess"),       // with a permission set that the policy doesn't name
	}
	// This lease's request is gone. The lease keeps its access until the sweep has
	// settled it.
	orphan := s.ask(t, wish{carol, "shop", "ReadOnlyAccess", 20})
	orphan.waitsIn(t, "AwaitEnd")
	orphaned := orphan.stop(t)
	s.deleteRow(t, "request#"+orphan.id)
	if orphan.leaseState(t) != "held" {
		t.Fatalf("the lease is %q", orphan.leaseState(t))
	}

	aliceShop := s.give(t, alice, "shop", "DeveloperAccess")
	s.join(t, kim, "Deployers")

	// kim will get this by hand in an emergency. The rest of the policy stays as it
	// is.
	const file = "testdata/drift.yaml"
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	until := time.Now().Add(time.Hour).UTC().Truncate(time.Second)
	s.deployPolicy(t, file, []byte(edit(t, string(text), "reconcile_question_hours: 45s", fmt.Sprintf(
		"reconcile_question_hours: 45s\nreconcile_exemptions: [{account: %q, permission_set: DeveloperAccess, email: Kim@example.com, until: %s, reason: Slack is down}]",
		s.accountID(t, "payments"), until.Format(time.RFC3339)))))

	var warned *driftRun
	t.Run("warn", func(t *testing.T) {
		r := s.runToEnd(t, "warn")
		warned = r
		p := r.report(t)
		wantListed(t, p, "", "alice@example.com shop DeveloperAccess", "kim@example.com Deployers")
		wantSays(t, p, "This check only reports. Nothing was removed.", s.accountID(t, "management"), "Synced", "SCIM")
		wantTime(t, p, nextRevocation)
		for _, rec := range r.recorded(t, with("drift_found", "alice@example.com shop DeveloperAccess", "kim@example.com Deployers")...) {
			for field, want := range map[string]string{"operation_type": "NA", "requester_email": "NA", "approver_email": "NA"} {
				if rec[field] != want {
					t.Errorf("record %v: %s is %v, want %q", rec["sequence"], field, rec[field], want)
				}
			}
			if id := rec["sso_user_principal_id"]; id != s.principalID(t, alice) && id != s.principalID(t, kim) {
				t.Errorf("record %v is of the user %v", rec["sequence"], id)
			}
		}
		s.wantThere(t, aliceShop)
	})

	t.Run("nobody can forge that it was removed", func(t *testing.T) {
		for i := range 2 {
			s.forge(t, "nope", warned, i)
		}
		warned.recorded(t, with("drift_found", "alice@example.com shop DeveloperAccess", "kim@example.com Deployers")...)
		s.wantThere(t, aliceShop)
	})

	t.Run("the same is not told again", func(t *testing.T) {
		r := s.runToEnd(t, "warn")
		r.silent(t)
	})

	carolPayments := wish{person: carol, account: "payments", permissionSet: "ReadOnlyAccess"}
	t.Run("what changed is told, though the API fails now and then", func(t *testing.T) {
		s.takeBack(t, aliceShop)
		s.give(t, carol, "payments", "ReadOnlyAccess")
		payments := []string{s.accountID(t, "payments")}
		s.fault(t, faults.Rule{Kind: faults.KillBefore, Function: "-reconcile", Operation: "scan"})
		s.fault(t, faults.Rule{Kind: faults.KillAfter, Function: "-reconcile", Operation: "collect"})
		s.fault(t, faults.Rule{Kind: faults.Throttle, Target: "ListAccountAssignments", Body: payments, Count: 2})
		s.fault(t, faults.Rule{Kind: faults.ServerError, Target: "ListAccountAssignments", Body: payments})
		s.fault(t, faults.Rule{Kind: faults.Throttle, Target: "ListGroupMemberships"})
		r := s.runToEnd(t, "warn")
		s.faultsSpent(t)
		wantListed(t, r.report(t), "", "carol@example.com payments ReadOnlyAccess")
		r.recorded(t, "drift_found carol@example.com payments ReadOnlyAccess")
	})

	judyLake, erinLake := wish{person: judy, account: "lake", permissionSet: "DeveloperAccess"}, wish{person: erin, account: "lake", permissionSet: "ReadOnlyAccess"}
	t.Run("an event", func(t *testing.T) {
		s.give(t, judy, "lake", "DeveloperAccess")
		s.give(t, erin, "lake", "ReadOnlyAccess")
		r := s.run(t, "warn", s.created(t, judyLake))
		other := s.run(t, "warn", s.created(t, untouched[0])) // through a group
		r.ended(t, sfntypes.ExecutionStatusSucceeded)
		wantListed(t, r.report(t), "", "judy@example.com lake DeveloperAccess")
		r.recorded(t, "drift_found judy@example.com lake DeveloperAccess")
		other.ended(t, sfntypes.ExecutionStatusSucceeded)
		other.silent(t)
		// Such a run removes nothing, whatever mode its input names.
		forced := s.run(t, "revoke", s.created(t, judyLake))
		forced.ended(t, sfntypes.ExecutionStatusSucceeded)
		forced.silent(t)
		s.wantThere(t, judyLake)
	})

	t.Run("two runs side by side", func(t *testing.T) {
		runs := []*driftRun{s.run(t, "warn", ""), s.run(t, "warn", "")}
		messages, records := 0, 0
		for _, r := range runs {
			r.ended(t, sfntypes.ExecutionStatusSucceeded)
			for _, p := range r.said(t, "drift_report") {
				messages++
				wantListed(t, p, "", "erin@example.com lake ReadOnlyAccess")
			}
			records += len(r.records(t))
		}
		if messages != 1 || records != 1 {
			t.Errorf("of one new finding there are %d messages and %d records, want 1 of each", messages, records)
		}
	})

	alicePayments := wish{person: alice, account: "payments", permissionSet: "DeveloperAccess"}
	t.Run("a run asks before the first removal, and a person lets it go on", func(t *testing.T) {
		found := []string{"carol@example.com payments ReadOnlyAccess", "erin@example.com lake ReadOnlyAccess", "judy@example.com lake DeveloperAccess", "kim@example.com Deployers"}
		r := s.run(t, "revoke", "")
		q := r.question(t)
		wantListed(t, q, "", found...)
		wantSays(t, q, "This app has no record of an earlier check.", "4 assignments or memberships")
		// Someone who may not answer tries to. Meanwhile, more unknown access appears
		// while the question is open.
		if res := s.press(t, kim, q, "drift_remove", false); !res.OK {
			t.Fatalf("press: %+v", res)
		}
		if !s.told(t, kim, "You can't answer, because you aren't an approver of any of these accounts or groups. These people can: bob@example.com, carol@example.com.") {
			t.Error("a person who may not answer is not told so")
		}
		s.give(t, alice, "payments", "DeveloperAccess")
		s.wantThere(t, carolPayments, judyLake, erinLake)
		if now := r.said(t, "drift_question"); len(now) != 1 || !now[0].has("drift_remove") {
			t.Fatalf("the question is not open any more: %+v", now)
		}
		const notUpdated = "removal question could not be updated"
		late := s.logged(t, notUpdated)
		// Bob approves two of the four. The others wait for carol.
		if res := s.press(t, bob, q, "drift_remove", false); !res.OK {
			t.Fatalf("press: %+v", res)
		}
		if !s.told(t, bob, "Your answer counts for 2 of 4. For the rest, these people can answer: carol@example.com.") {
			t.Error("who approves a part is not told of the rest")
		}
		s.wantThere(t, carolPayments, judyLake, erinLake)
		eventually(t, soon, "the question shows what is not answered yet", func() error {
			half := r.said(t, "drift_question")
			if len(half) != 1 || !half[0].has("drift_remove") {
				t.Fatalf("the question is not open any more: %+v", half)
			}
			if got := listed(t, half[0])[""]; !slices.Equal(got, found[:2]) && s.logged(t, notUpdated) == late {
				return fmt.Errorf("it lists %q", got)
			}
			return nil
		})
		if res := s.press(t, carol, q, "drift_remove", false); !res.OK {
			t.Fatalf("press: %+v", res)
		}
		r.ended(t, sfntypes.ExecutionStatusSucceeded)
		s.wantGone(t, carolPayments, judyLake, erinLake)
		if s.isMember(t, kim, "Deployers") {
			t.Error("the membership is still there")
		}
		s.wantThere(t, append(untouched, alicePayments)...)
		wantListed(t, r.report(t), "Removed", found...)
		wantSays(t, r.report(t), "This app has no record of an earlier check.", ": remove 2, ")
		for _, rec := range r.recorded(t, append(with("drift_revoked", found...), "press_refused NA NA NA")...) {
			if rec["event"] == "press_refused" {
				if rec["actor_slack_id"] != kim || rec["decision_reason"] != "NotApprover" || rec["action"] != "drift_remove" {
					t.Errorf("the refused press has the record %v", rec)
				}
				continue
			}
			who := map[string]string{"approver_email": "bob@example.com", "approver_slack_id": bob}
			if rec["role_name"] == "ReadOnlyAccess" {
				who = map[string]string{"approver_email": "carol@example.com", "approver_slack_id": carol}
			}
			maps.Copy(who, map[string]string{"operation_type": "revoke", "removal": "removed", "decision_reason": "no_record"})
			for field, want := range who {
				if rec[field] != want {
					t.Errorf("record %v: %s is %v, want %q", rec["sequence"], field, rec[field], want)
				}
			}
		}
		if now := r.said(t, "drift_question"); len(now) != 1 || now[0].has("drift_remove") || now[0].has("drift_leave") {
			t.Errorf("the question is still open: %+v", now)
		}
		s.press(t, carol, q, "drift_leave", true)
		if !s.told(t, carol, "Already answered: bob@example.com chose to remove 2, carol@example.com chose to remove 2.") {
			t.Error("who comes too late is not told the answer")
		}
	})

	lenaLake := wish{lena, "lake", "ReadOnlyAccess", 120}
	t.Run("within the limit it removes without asking, leftovers too", func(t *testing.T) {
		left := s.ask(t, lenaLake)
		left.waitsIn(t, "AwaitEnd")
		left.stop(t)
		s.deleteRow(t, "request#"+left.id)
		s.deleteRow(t, s.leaseKey(t, lenaLake))
		r := s.runToEnd(t, "revoke")
		found := []string{"alice@example.com payments DeveloperAccess", "lena@example.com lake ReadOnlyAccess"}
		wantListed(t, r.report(t), "Removed", found...)
		if asked := r.said(t, "drift_question"); len(asked) > 0 {
			t.Errorf("it asked: %+v", asked)
		}
		for _, rec := range r.recorded(t, append(with("drift_found", found...), with("drift_revoked", found...)...)...) {
			if rec["approver_email"] != "NA" || rec["event"] == "drift_revoked" && rec["removal"] != "removed" {
				t.Errorf("record %v: %v", rec["event"], rec)
			}
		}
		s.wantGone(t, alicePayments, lenaLake)
	})

	t.Run("a second run right after finds nothing", func(t *testing.T) {
		r := s.runToEnd(t, "revoke")
		r.silent(t)
		s.wantThere(t, untouched...)
	})

	// Before any removal is left to the sweep: with this fault, a sweep would take the
	// access in the account for gone.
	carolLake := wish{person: carol, account: "lake", permissionSet: "DeveloperAccess"}
	t.Run("an account disappears meanwhile", func(t *testing.T) {
		s.give(t, carol, "lake", "DeveloperAccess")
		s.fault(t, faults.Rule{Kind: faults.NotFound, Target: "ListAccountAssignments", Body: []string{s.accountID(t, "lake")}, Count: -1})
		r := s.runToEnd(t, "revoke")
		s.forgetFaults(t)
		r.silent(t)
		s.wantThere(t, carolLake)
		s.takeBack(t, carolLake)
	})

	three := []string{"alice@example.com shop DeveloperAccess", "carol@example.com shop DeveloperAccess", "judy@example.com lake DeveloperAccess"}
	carolShop := wish{person: carol, account: "shop", permissionSet: "DeveloperAccess"}
	t.Run("above the limit it asks, and nobody answers", func(t *testing.T) {
		for _, w := range []wish{aliceShop, carolShop, judyLake} {
			s.give(t, w.person, w.account, w.permissionSet)
		}
		r := s.run(t, "revoke", "")
		q := r.question(t)
		wantListed(t, q, "", three...)
		wantSays(t, q, "This check found more access than")
		r.ended(t, sfntypes.ExecutionStatusSucceeded)
		s.wantThere(t, aliceShop, carolShop, judyLake)
		wantListed(t, r.report(t), "", three...)
		wantSays(t, r.report(t), "This app may remove only 4 assignments or memberships within 24 hours without asking.", "Nobody answered in time")
		r.recorded(t, with("drift_found", three...)...)
		if now := r.said(t, "drift_question"); len(now) != 1 || now[0].has("drift_remove") || now[0].has("drift_leave") {
			t.Errorf("the question is still open: %+v", now)
		}
		s.press(t, bob, q, "drift_remove", true)
		if !s.told(t, bob, "Nobody answered in time.") {
			t.Error("who comes too late is not told so")
		}
		for i := range three {
			s.forge(t, "nope", r, i)
		}
		r.recorded(t, with("drift_found", three...)...)
		s.wantThere(t, aliceShop, carolShop, judyLake)
	})

	t.Run("the table was emptied, and a person leaves what is there", func(t *testing.T) {
		s.deleteRow(t, "reconcile#heartbeat")
		r := s.run(t, "revoke", "")
		q := r.question(t)
		wantSays(t, q, "The app's records are missing or old.")
		if res := s.press(t, carol, q, "drift_leave", false); !res.OK {
			t.Fatalf("press: %+v", res)
		}
		r.ended(t, sfntypes.ExecutionStatusSucceeded)
		s.wantThere(t, aliceShop, carolShop, judyLake)
		wantListed(t, r.report(t), "", three...)
		wantSays(t, r.report(t), ": keep 3, ")
		r.recorded(t)
	})

	var unfinished *driftRun
	t.Run("one removal fails, one is gone already, and the others do not fail", func(t *testing.T) {
		const reason = "The role is being changed by somebody else (injected)"
		s.fault(t, faults.Rule{Kind: faults.Operation, Target: "DeleteAccountAssignment", Polls: 1, FailureReason: reason, Count: -1, Body: s.about(t, judyLake)})
		r := s.run(t, "revoke", "")
		q := r.question(t)
		wantSays(t, q, "The app's records are missing or old.") // until a person has approved the removals of one
		s.takeBack(t, aliceShop)
		if res := s.press(t, bob, q, "drift_remove", false); !res.OK {
			t.Fatalf("press: %+v", res)
		}
		r.ended(t, sfntypes.ExecutionStatusSucceeded)
		unfinished = r
		p := r.report(t)
		wantListed(t, p, "Already removed by someone else", three[0])
		wantListed(t, p, "Removed", three[1])
		wantListed(t, p, "Removal not confirmed", three[2])
		r.recorded(t, with("drift_revoked", three[1])...)
		s.wantGone(t, aliceShop, carolShop)
		s.wantThere(t, judyLake)
		s.forgetFaults(t)
	})
	failed := time.Now()

	const kimPayments = "kim@example.com payments DeveloperAccess"
	emergency := wish{person: kim, account: "payments", permissionSet: "DeveloperAccess"}
	t.Run("what was given in an emergency is left until its time", func(t *testing.T) {
		s.give(t, kim, "payments", "DeveloperAccess")
		for i := range 2 {
			r := s.runToEnd(t, "revoke")
			s.wantThere(t, emergency)
			p := r.report(t)
			wantListed(t, p, "Kept because it is exempt for now", kimPayments)
			wantSays(t, p, "Exempt until ", ": Slack is down", "exempt for now")
			wantTime(t, p, until)
			if i > 0 {
				r.recorded(t)
				continue
			}
			for _, rec := range r.recorded(t, "drift_found "+kimPayments, "drift_exempted kim@example.com, left until "+until.Format(time.RFC3339)+" payments DeveloperAccess") {
				if rec["event"] == "drift_exempted" && (rec["reason"] != "Slack is down" || rec["operation_type"] != "NA") {
					t.Errorf("the record says %v", rec)
				}
			}
		}
		// Runs in mode warn report it, too.
		r := s.runToEnd(t, "warn")
		wantListed(t, r.report(t), "", kimPayments)
		wantSays(t, r.report(t), "Exempt until ", ": Slack is down")
		wantTime(t, r.report(t), until)
		r.recorded(t)
	})

	t.Run("an account can't be read", func(t *testing.T) {
		s.give(t, alice, "shop", "DeveloperAccess")
		s.give(t, carol, "lake", "DeveloperAccess")
		s.fault(t, faults.Rule{Kind: faults.Denied, Target: "ListAccountAssignments", Body: []string{s.accountID(t, "lake")}, Count: -1})
		r := s.run(t, "revoke", "")
		r.ended(t, sfntypes.ExecutionStatusFailed)
		s.forgetFaults(t)
		p := r.report(t)
		wantListed(t, p, "Removed", "alice@example.com shop DeveloperAccess")
		wantListed(t, p, "Kept because it is exempt for now", kimPayments)
		s.wantThere(t, emergency)
		s.takeBack(t, emergency)
		wantSays(t, p, "This check could not read everything. More unknown access may exist.", "account "+s.accountID(t, "lake")+": ")
		s.wantGone(t, aliceShop)
		s.wantThere(t, carolLake)
	})

	t.Run("what requests hold is no finding", func(t *testing.T) {
		const busy = 20 // checks
		label := t.Name()
		defer s.forget(t, label)
		granting, active, revoking := wish{kim, "shop", "ReadOnlyAccess", 10}, wish{lena, "payments", "ReadOnlyAccess", 120}, wish{judy, "shop", "ReadOnlyAccess", 10}
		s.fault(t, faults.Rule{Kind: faults.Operation, Target: "CreateAccountAssignment", Polls: busy, Body: s.about(t, granting)})
		s.fault(t, faults.Rule{Kind: faults.Operation, Target: "DeleteAccountAssignment", Polls: busy, Body: s.about(t, revoking)})
		c := s.ask(t, revoking, faults.Rule{Kind: faults.Hold, Label: label, Function: "-revoke", Operation: "confirm", Count: -1})
		b := s.ask(t, active)
		c.waitAssigned(t)
		b.waitAssigned(t)
		c.waitLease(t, "deleting")
		a := s.ask(t, granting, whileCreating(label))
		a.waitLease(t, "creating")
		runs := []*driftRun{s.run(t, "revoke", ""), s.run(t, "warn", "")}
		for _, r := range runs {
			r.waitsIn(t, "Collect") // the check has happened
		}
		if a, b, c := a.leaseState(t), b.leaseState(t), c.leaseState(t); a != "creating" || b != "held" || c != "deleting" {
			t.Errorf("the leases are %q, %q and %q by now: the runs were not beside what they were to be beside", a, b, c)
		}
		s.forget(t, label)
		for _, r := range runs {
			r.ended(t, sfntypes.ExecutionStatusSucceeded)
			for _, p := range r.said(t, "drift_report") {
				for _, f := range listedAll(t, p) {
					if f != "carol@example.com lake DeveloperAccess" {
						t.Errorf("the run %s tells of %s", r.id, f)
					}
				}
			}
		}
		s.wantGone(t, carolLake)
		if !b.assigned(t) {
			t.Error("access that a request holds was taken away")
		}
		if res := s.press(t, lena, b.message(t), "end", false); !res.OK {
			t.Fatalf("press: %+v", res)
		}
		for _, r := range []*request{a, b, c} {
			r.finished(t, sfntypes.ExecutionStatusSucceeded, runLimit)
			if r.assigned(t) {
				t.Errorf("%v is still there", r.wish)
			}
		}
		wantEvents(t, a, "requested", "approved", "granted", "revoked")
		wantEvents(t, b, "requested", "approved", "granted", "ended", "revoked")
		wantEvents(t, c, "requested", "approved", "granted", "revoked")
	})

	// A lease without holders keeps the access whose removal failed. The sweep
	// continues the removal, as for the lease whose request is gone.
	t.Run("the sweep settles the leases that are left", func(t *testing.T) {
		orphan.waitGone(t, time.Until(orphaned.Add(20*time.Second+sweepLimit)))
		eventually(t, time.Until(failed.Add(sweepLimit)), "what could not be removed is removed", func() error {
			if s.has(t, judyLake) || (&request{stack: s, wish: judyLake}).leaseState(t) != "" {
				return errNotYet
			}
			return nil
		})
		machine := strings.Replace(s.machine(t), "-requests", "-reconcile", 1)
		eventually(t, soon, "the sweeps of the leases end", func() error {
			out, err := s.sfn.ListExecutions(context.Background(), &sfn.ListExecutionsInput{StateMachineArn: &machine, MaxResults: 1000})
			if err != nil {
				return err
			}
			settled := 0
			for _, e := range out.Executions {
				if strings.HasPrefix(*e.Name, "sweep-lease-") && e.Status == sfntypes.ExecutionStatusSucceeded {
					settled++
				}
			}
			if settled < 2 || orphan.leaseState(t) != "" {
				return errNotYet
			}
			return nil
		})
		// The record names the run that began the removal, and the person who approved
		// it.
		eventually(t, soon, "the removal that the sweep ended is recorded", func() error {
			if n := len(unfinished.records(t)); n != 2 {
				return fmt.Errorf("the run has %d records", n)
			}
			return nil
		})
		for _, rec := range unfinished.recorded(t, with("drift_revoked", three[1:]...)...) {
			if rec["approver_email"] != "bob@example.com" || rec["decision_reason"] != "lost_record" {
				t.Errorf("the record says %v", rec)
			}
		}
		// No run reported the access under the lease whose request is gone.
		for _, p := range s.posts(t, "") {
			if p.Metadata.EventPayload["purpose"] == "drift_report" && slices.Contains(listedAll(t, p), "carol@example.com shop ReadOnlyAccess") {
				t.Errorf("a run told of it: %s", p.Blocks)
			}
		}
		s.wantThere(t, untouched...)
		if !s.isMember(t, erin, "Outside") || !s.isMember(t, dave, "Synced") {
			t.Error("a membership outside of the scope was touched")
		}
	})

	t.Run("people decide about single findings", func(t *testing.T) {
		s.testFindings(t)
		s.wantThere(t, untouched...)
	})
}
