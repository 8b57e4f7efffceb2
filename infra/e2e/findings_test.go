package e2e

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sfn"
	sfntypes "github.com/aws/aws-sdk-go-v2/service/sfn/types"

	"sso-elevator/functions/access"
	"sso-elevator/slack/simulator"
)

// testFindings lets people decide about single findings. TestDrift runs it on its stack
// when no unknown access is left there.
func (s *stack) testFindings(t *testing.T) {
	kimLake, judyShop := wish{person: kim, account: "lake", permissionSet: "DeveloperAccess"}, wish{person: judy, account: "shop", permissionSet: "DeveloperAccess"}
	const kimFinding, judyFinding = "kim@example.com lake DeveloperAccess", "judy@example.com shop DeveloperAccess"

	const refusedPress = "press_refused NA lake DeveloperAccess"

	var event *driftRun
	t.Run("an event's report says whose access it is, and who created it", func(t *testing.T) {
		s.give(t, kim, "lake", "DeveloperAccess")
		event = s.run(t, "warn", s.created(t, kimLake))
		event.ended(t, sfntypes.ExecutionStatusSucceeded)
		p := event.report(t)
		wantListed(t, p, "", kimFinding)
		wantSays(t, p, "Added by "+creator, "according to CloudTrail", "Will be removed ")
		wantTime(t, p, nextRevocation)
		mentioned := slices.ContainsFunc(elementsOf(t, p.Blocks), func(e map[string]any) bool { return e["type"] == "user" && e["user_id"] == kim })
		if !mentioned || !p.has("finding_remove") || !p.has("finding_leave") {
			t.Errorf("the report mentions %s: %t; it is %s", kim, mentioned, p.Blocks)
		}
		event.recorded(t, with("drift_found", kimFinding)...)
	})

	t.Run("only an approver of the access decides, and nobody about their own", func(t *testing.T) {
		for person, says := range map[string]string{
			lena: "You can't decide about this access, because you aren't an approver of this account or group. These people can: bob@example.com, carol@example.com.",
			kim:  "This is your own access, so you can't decide about it. These people can: bob@example.com, carol@example.com.",
		} {
			for _, action := range []string{"finding_leave", "finding_remove"} {
				s.pressFinding(t, person, event, action, 0)
			}
			if !s.told(t, person, says) {
				t.Errorf("%s is not told %q", person, says)
			}
		}
		if p := event.report(t); !p.has("finding_remove") || !p.has("finding_leave") {
			t.Errorf("the buttons are gone: %s", p.Blocks)
		}
		// People who may start executions can't decide, either.
		s.forgePress(t, event, 0)
		s.forgePress(t, event, 7)
		s.wantThere(t, kimLake)
		event.wantRefused(t, lena, "lake", access.RefusalNotApprover)
		event.wantRefused(t, kim, "lake", access.RefusalOwnAccess)
		event.recorded(t, "drift_found "+kimFinding, refusedPress, refusedPress)
	})

	var left time.Time
	t.Run("an approver leaves it for a day", func(t *testing.T) {
		s.pressFinding(t, bob, event, "finding_leave", 0)
		event.decided(t, "Left until ")
		for _, rec := range event.recorded(t, "drift_found "+kimFinding, refusedPress, refusedPress, "drift_pressed "+event.pressDetail(t, "kim@example.com")+" lake DeveloperAccess") {
			if rec["event"] != "drift_pressed" {
				continue
			}
			if rec["approver_email"] != "bob@example.com" || rec["approver_slack_id"] != bob || rec["action"] != "finding_leave" {
				t.Errorf("the record says %v", rec)
			}
			at, err := time.Parse(time.RFC3339, fmt.Sprint(rec["time"]))
			if err != nil {
				t.Fatal(err)
			}
			left = at.Add(24 * time.Hour).Truncate(time.Second)
		}
		if p := event.report(t); !p.has("finding_remove") || p.has("finding_leave") {
			t.Errorf("the card of what was left should have only Remove now: %s", p.Blocks)
		}
		s.pressFinding(t, carol, event, "finding_leave", 0)
		if !s.told(t, carol, "Already decided: bob@example.com chose to leave this access until ") {
			t.Error("who comes too late is not told so")
		}
		event.wantRefused(t, carol, "lake", access.RefusalTooLate)
		s.wantThere(t, kimLake)
	})

	t.Run("runs leave it alone until then", func(t *testing.T) {
		r := s.runToEnd(t, "revoke")
		p := r.report(t)
		wantListed(t, p, "Kept because it is exempt for now", kimFinding)
		wantSays(t, p, "Left by ", "Added by "+creator)
		wantTime(t, p, left)
		s.wantThere(t, kimLake)
		for _, rec := range r.recorded(t, "drift_exempted kim@example.com, left until "+left.Format(time.RFC3339)+" lake DeveloperAccess") {
			if rec["approver_email"] != "bob@example.com" {
				t.Errorf("the record says %v", rec)
			}
		}
		s.runToEnd(t, "warn").silent(t)

		// The latest decision counts: another approver removes it nevertheless.
		s.pressFinding(t, carol, r, "finding_remove", r.indexOf(t, "kim@example.com"))
		r.decided(t, "Removed")
		s.wantGone(t, kimLake)
		records := r.records(t)
		for _, want := range []string{"drift_revoked", "drift_pressed"} {
			if !slices.ContainsFunc(records, func(rec record) bool { return rec["event"] == want && rec["approver_email"] == "carol@example.com" }) {
				t.Errorf("no record %s names carol: %v", want, records)
			}
		}
	})

	t.Run("an approver removes what an event reported", func(t *testing.T) {
		s.give(t, judy, "shop", "DeveloperAccess")
		r := s.run(t, "warn", s.created(t, judyShop))
		r.ended(t, sfntypes.ExecutionStatusSucceeded)
		s.pressFinding(t, bob, r, "finding_remove", 0)
		s.pressFinding(t, bob, r, "finding_remove", 0)
		r.decided(t, "Removed")
		s.wantGone(t, judyShop)
		for _, rec := range r.recorded(t, "drift_found "+judyFinding, "drift_pressed "+judyFinding, "drift_revoked "+judyFinding) {
			if rec["event"] == "drift_revoked" && (rec["approver_email"] != "bob@example.com" || rec["operation_type"] != "revoke" || rec["removal"] != "removed") {
				t.Errorf("the record says %v", rec)
			}
		}
	})

	t.Run("an approver removes what another one left", func(t *testing.T) {
		s.give(t, judy, "shop", "DeveloperAccess")
		r := s.run(t, "warn", s.created(t, judyShop))
		r.ended(t, sfntypes.ExecutionStatusSucceeded)
		s.pressFinding(t, bob, r, "finding_leave", 0)
		r.decided(t, "Left until ")
		detail := r.pressDetail(t, "judy@example.com")
		s.pressFinding(t, judy, r, "finding_remove", 0)
		if !s.told(t, judy, "This is your own access, so you can't decide about it. These people can: bob@example.com, carol@example.com.") {
			t.Error("judy is not told that it is her own access")
		}
		s.wantThere(t, judyShop)
		s.pressFinding(t, carol, r, "finding_remove", 0)
		r.decided(t, "Removed")
		s.wantGone(t, judyShop)
		if p := r.report(t); p.has("finding_remove") || p.has("finding_leave") {
			t.Errorf("the removed access has buttons: %s", p.Blocks)
		}
		s.pressFinding(t, bob, r, "finding_leave", 0)
		if !s.told(t, bob, "Already decided: carol@example.com chose to remove this access.") {
			t.Error("bob is not told that carol removed it")
		}
		r.wantRefused(t, bob, "shop", access.RefusalTooLate)
		by := map[any]any{"finding_leave": "bob@example.com", "finding_remove": "carol@example.com"}
		for _, rec := range r.recorded(t, "drift_found "+judyFinding, "drift_pressed "+detail+" shop DeveloperAccess", "drift_pressed "+judyFinding, "drift_revoked "+judyFinding,
			"press_refused NA shop DeveloperAccess", "press_refused carol@example.com decided first. shop DeveloperAccess") {
			if rec["event"] == "drift_pressed" && rec["approver_email"] != by[rec["action"]] || rec["event"] == "drift_revoked" && rec["approver_email"] != "carol@example.com" {
				t.Errorf("the record says %v", rec)
			}
		}
		// The leave is over: the same access, given again, is an ordinary finding.
		s.give(t, judy, "shop", "DeveloperAccess")
		again := s.run(t, "warn", s.created(t, judyShop))
		again.ended(t, sfntypes.ExecutionStatusSucceeded)
		if p := again.report(t); !p.has("finding_leave") {
			t.Errorf("access that was given again is left alone: %s", p.Blocks)
		}
		s.takeBack(t, judyShop)
		s.wantGone(t, judyShop)
	})

	t.Run("access that a request holds by now stays", func(t *testing.T) {
		readOnly := wish{kim, "shop", "ReadOnlyAccess", 120}
		s.give(t, kim, "shop", "ReadOnlyAccess")
		r := s.run(t, "warn", s.created(t, readOnly))
		r.ended(t, sfntypes.ExecutionStatusSucceeded)
		s.takeBack(t, wish{person: kim, account: "shop", permissionSet: "ReadOnlyAccess"})
		held := s.ask(t, readOnly)
		held.waitAssigned(t)
		held.waitLease(t, "held")
		s.pressFinding(t, carol, r, "finding_remove", 0)
		r.decided(t, "Kept because a request now covers it")
		if !held.assigned(t) {
			t.Error("access that a request holds was taken away")
		}
		if res := s.press(t, kim, held.message(t), "end", false); !res.OK {
			t.Fatalf("press: %+v", res)
		}
		held.finished(t, sfntypes.ExecutionStatusSucceeded, runLimit)
	})
}

// pressFinding presses a button of the finding with that index in the run's report, whether
// or not the message still has it.
func (s *stack) pressFinding(t *testing.T, person string, r *driftRun, action string, index int) {
	t.Helper()
	p := r.report(t)
	s.untilAnswered(t, person+" presses "+action, func() (res simulator.Result, told bool) {
		before := s.toldToPressAgain(t, person, p.TS)
		err := s.post("/sim/press", map[string]any{
			"person": person, "channel": p.Channel, "ts": p.TS, "action_id": action, "block_id": fmt.Sprintf("decide_%d", index), "stale": true,
		}, &res)
		if err != nil {
			t.Fatalf("press %s: %v", action, err)
		}
		return res, s.toldToPressAgain(t, person, p.TS) > before || strings.Contains(res.Detail, notInTime)
	})
}

// forgePress starts the execution for a press that nobody made, and waits for its end.
func (s *stack) forgePress(t *testing.T, r *driftRun, index int) {
	t.Helper()
	machine := strings.Replace(s.machine(t), "-requests", "-reconcile", 1)
	input := fmt.Sprintf(`{"mode":"press","run":%q,"index":%d,"by":{"email":"bob@example.com"},"next":"remove"}`, r.id, index)
	name := fmt.Sprintf("forged-press-%02d", startedRuns.Add(1))
	out, err := s.sfn.StartExecution(t.Context(), &sfn.StartExecutionInput{StateMachineArn: &machine, Name: &name, Input: &input})
	if err != nil {
		t.Fatal(err)
	}
	forged := &driftRun{s, name, *out.ExecutionArn}
	forged.ended(t, sfntypes.ExecutionStatusSucceeded)
	if states := s.states(t, forged.arn); slices.Contains(states, "RemovePressed") || slices.Contains(states, "AuditPress") {
		t.Errorf("the execution went through %q", states)
	}
}

// decided waits until the execution for a press has ended and the report says text about
// the finding.
func (r *driftRun) decided(t *testing.T, text string) {
	t.Helper()
	s := r.stack
	machine := strings.Replace(s.machine(t), "-requests", "-reconcile", 1)
	eventually(t, runLimit, "the report of "+r.id+" says "+text, func() error {
		out, err := s.sfn.ListExecutions(t.Context(), &sfn.ListExecutionsInput{StateMachineArn: &machine, MaxResults: 1000, StatusFilter: sfntypes.ExecutionStatusRunning})
		if err != nil {
			return err
		}
		for _, e := range out.Executions {
			if strings.HasPrefix(aws.ToString(e.Name), "press-") {
				return errNotYet
			}
		}
		p := r.report(t)
		if !slices.Contains(textsOf(t, p.Blocks), text) {
			return fmt.Errorf("it says %q", textsOf(t, p.Blocks))
		}
		return nil
	})
}

// indexOf returns the index of a user's finding, from the buttons of the report.
func (r *driftRun) indexOf(t *testing.T, user string) int {
	t.Helper()
	var blocks []json.RawMessage
	p := r.report(t)
	if err := json.Unmarshal(p.Blocks, &blocks); err != nil {
		t.Fatal(err)
	}
	for _, b := range blocks {
		var id struct {
			BlockID string `json:"block_id"`
		}
		var index int
		if err := json.Unmarshal(b, &id); err != nil {
			t.Fatal(err)
		}
		if _, err := fmt.Sscanf(id.BlockID, "finding_%d", &index); err == nil && strings.Contains(string(b), user) {
			return index
		}
	}
	t.Fatalf("the report has no finding of %s: %s", user, p.Blocks)
	return 0
}

// pressDetail returns the detail of the run's record drift_pressed, which must begin with
// the user.
func (r *driftRun) pressDetail(t *testing.T, user string) string {
	t.Helper()
	var detail string
	eventually(t, soon, "the press is recorded", func() error {
		for _, rec := range r.records(t) {
			if rec["event"] == "drift_pressed" {
				detail = strings.TrimPrefix(fmt.Sprint(rec["detail"]), "user ")
				return nil
			}
		}
		return errNotYet
	})
	if !strings.HasPrefix(detail, user+", left until ") {
		t.Errorf("the record says %q", detail)
	}
	return detail
}

// wantRefused waits until the refused press of a person on a finding of the run in that
// account is recorded, once, with the reason.
func (r *driftRun) wantRefused(t *testing.T, person, account string, reason access.Refusal) {
	t.Helper()
	eventually(t, runLimit, "the refused press of "+person+" is recorded", func() error {
		var found []record
		for _, rec := range r.records(t) {
			if rec["event"] == "press_refused" && rec["actor_slack_id"] == person {
				found = append(found, rec)
			}
		}
		if len(found) == 0 {
			return errNotYet
		}
		if len(found) > 1 || found[0]["decision_reason"] != string(reason) || found[0]["account_name"] != account || !strings.HasPrefix(fmt.Sprint(found[0]["action"]), "finding_") {
			t.Errorf("the records say %v", found)
		}
		return nil
	})
}
