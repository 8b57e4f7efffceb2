package statemachine

import (
	"encoding/json"
	"slices"
	"strings"
	"testing"
)

// A sweep that started a removal ends in one of two ways. It records a verified
// removal, or its execution fails and the next sweep starts again. A failure
// never counts as a removal.
func TestSweepRecordsARemovalOrFails(t *testing.T) {
	m := reconcileMachine(t)
	for name := range m.reachable("Revoke", "AuditRevoke") {
		if s := m.States[name]; s.Type == "Succeed" {
			t.Errorf("%s ends a sweep well after Revoke, without AuditRevoke", name)
		}
	}
	for _, before := range []string{"Revoke", "ConfirmRevoke"} {
		for _, c := range m.States[before].Catch {
			if m.reachable(c.Next)["AuditRevoke"] {
				t.Errorf("%s fails and yet leads to AuditRevoke", before)
			}
		}
	}
	// Only ConfirmRevoke leads to AuditRevoke. Only what the row says leads to
	// Revoke.
	for name, s := range m.States {
		if slices.Contains(s.next(), "AuditRevoke") && name != "ConfirmRevoke" {
			t.Errorf("%s leads to AuditRevoke", name)
		}
		if slices.Contains(s.next(), "Revoke") && s.Type != "Choice" {
			t.Errorf("%s, a %s, leads to Revoke", name, s.Type)
		}
		if s.Default == "Revoke" {
			t.Errorf("%s leads to Revoke by default", name)
		}
	}
	// A request is over only when Close says so.
	for _, record := range []string{"AuditRevoke", "AuditOutcome"} {
		if m.reachable(record, "Close", "SweepFailed")["Done"] {
			t.Errorf("%s leads to Done without Close", record)
		}
	}
	for _, c := range m.States["Close"].Catch {
		if m.reachable(c.Next)["Done"] {
			t.Error("a failed Close passes for a request that is over")
		}
	}
}

// Slack delays no removal. A sweep calls Slack only after the record. A run calls
// Slack before a removal only to ask a person, because it needs the answer.
func TestSlackDelaysNoSweep(t *testing.T) {
	m := reconcileMachine(t)
	for _, start := range []string{"LookAtRequest", "SettleLease"} {
		for name := range m.reachable(start, "AuditRevoke", "AuditOutcome") {
			if m.States[name].function() == "notify" {
				t.Errorf("%s talks to Slack on the way to the removal", name)
			}
		}
	}
	for name, s := range m.States {
		if s.function() == "notify" && m.reachable(name)["RemoveEach"] && name != "Ask" {
			t.Errorf("%s talks to Slack before RemoveEach", name)
		}
	}
	for name, s := range m.States["RemoveEach"].inner()[0].States {
		if s.function() == "notify" {
			t.Errorf("%s talks to Slack while it removes", name)
		}
	}
}

// A run removes access only if Collect allows it, or if the table says that a person
// did. If a question could not be asked, nobody has allowed anything.
func TestOnlyAWordLeadsToRemoval(t *testing.T) {
	m := reconcileMachine(t)
	said := map[string]string{"Next?": "$.collected.next", "MayRemove?": "$.answer.next"}
	for name, s := range m.States {
		if !slices.Contains(s.next(), "RemoveEach") {
			continue
		}
		if said[name] == "" || s.Type != "Choice" || s.Default == "RemoveEach" {
			t.Errorf("%s leads to RemoveEach", name)
		}
		for _, c := range s.Choices {
			if c.Next == "RemoveEach" && (c.Variable != said[name] || c.StringEquals == nil || *c.StringEquals != "remove") {
				t.Errorf("%s leads to RemoveEach on something else than %s being remove", name, said[name])
			}
		}
	}
	if m.reachable("Ask", "Answer")["RemoveEach"] {
		t.Error("RemoveEach can be reached from Ask without what the table says")
	}
	for _, failing := range []string{"Ask", "Answer"} {
		for _, c := range m.States[failing].Catch {
			if m.reachable(c.Next)["RemoveEach"] {
				t.Errorf("%s fails and yet leads to RemoveEach", failing)
			}
		}
	}
	if m.reachable("Plan", "ScanEach")["RemoveEach"] || m.reachable("ScanEach", "Collect")["RemoveEach"] {
		t.Error("RemoveEach can be reached without a scan that was collected")
	}
}

// A run reports even if its removals fail. It succeeds only if its report says
// that it read everything.
func TestEveryRunReports(t *testing.T) {
	m := reconcileMachine(t)
	for _, from := range []string{"RecordFound", "RemoveEach"} {
		for name := range m.reachable(from, "Report", "ReportRemovals") {
			if s := m.States[name]; len(s.next()) == 0 {
				t.Errorf("%s ends a run after %s without a report", name, from)
			}
		}
	}
	if m.reachable("Plan", "Report", "ReportRemovals")["Clean"] {
		t.Error("a run ends as clean without a report")
	}
	for name, s := range m.States {
		if slices.Contains(s.next(), "Clean") && (name != "Complete?" || s.Default == "Clean") {
			t.Errorf("%s leads to Clean", name)
		}
	}
}

// A child of a Map never fails, and its result is a few words. The results of
// thousands of children must fit into 256 KiB. A larger state ends the execution,
// and no Catch handles that.
func TestChildrenOfMapsEndWellAndSmall(t *testing.T) {
	for name, s := range everyState(t) {
		if s.Type != "Map" {
			continue
		}
		inner := s.inner()[0]
		for child, state := range inner.States {
			child = name + "/" + child
			if state.Type == "Fail" {
				t.Errorf("%s fails", child)
			}
			if state.Type == "Task" && string(state.ResultPath) != "null" {
				t.Errorf("%s keeps what its function answers", child)
			}
			for _, c := range state.Catch {
				next := inner.States[c.Next]
				// A Pass whose result is only its Parameters, without the error.
				replaced := next.Type == "Pass" && next.ResultPath == nil && len(next.Parameters) > 0 && !slices.ContainsFunc(reads(next.Parameters), func(path string) bool {
					return strings.HasPrefix(path, resultPath(c.ResultPath))
				})
				if string(c.ResultPath) != "null" && !replaced {
					t.Errorf("%s keeps the error that leads to %s", child, c.Next)
				}
			}
		}
	}
}

// A removal is recorded before the run counts it as removed. SettleDrift answers
// from the table. It succeeds even if a request that waited for the removal now
// has the same access. Held means that nothing was removed for this finding
// (TestSettleDrift of package leases).
func TestEveryRemovalOfDriftIsRecorded(t *testing.T) {
	inner := reconcileMachine(t).States["RemoveEach"].inner()[0]
	settle := inner.States["SettleDrift"]
	if settle.Next != "AuditRemoved" {
		t.Errorf("SettleDrift leads to %s", settle.Next)
	}
	for _, c := range settle.Catch {
		for code, want := range map[string]string{"Held": "HeldByNow", "AlreadyGone": "GoneAlready", "States.ALL": "NotRemoved"} {
			if slices.Contains(c.ErrorEquals, code) && c.Next != want {
				t.Errorf("SettleDrift leads to %s after %s, want %s", c.Next, code, want)
			}
		}
		if inner.reachable(c.Next)["AuditRemoved"] {
			t.Errorf("SettleDrift fails with %v, and yet leads to AuditRemoved", c.ErrorEquals)
		}
	}
	if inner.reachable("SettleDrift", "AuditRemoved")["Removed"] {
		t.Error("Removed can be reached without AuditRemoved")
	}
}

// The lease says which finding a sweep removed. The input can't be trusted, because
// anyone who may start executions can write it.
func TestTheSweepBelievesNoInput(t *testing.T) {
	m := reconcileMachine(t)
	for name := range m.reachable("SettleLease") {
		s := m.States[name]
		paths := reads(s.Parameters)
		for _, c := range s.Choices {
			text, _ := json.Marshal(c)
			paths = append(paths, pathInText.FindAllString(string(text), -1)...)
		}
		for _, path := range paths {
			if path != "$.lease" && !strings.HasPrefix(path, "$.settled.") && !strings.HasPrefix(path, "$$.") {
				t.Errorf("%s reads %s", name, path)
			}
		}
	}
	audit := m.States["AuditSettled"]
	payload, _ := audit.Parameters["Payload"].(map[string]any)
	if payload["run.$"] != "$.settled.run" || payload["index.$"] != "$.settled.index" {
		t.Errorf("AuditSettled sends %v", payload)
	}
}

// The report knows every result that a removal can have.
func TestRemovalsSayWhatTheReportKnows(t *testing.T) {
	var got []string
	for _, s := range reconcileMachine(t).States["RemoveEach"].inner()[0].States {
		if s.Type == "Pass" {
			result, _ := json.Marshal(s.Parameters["result"])
			got = append(got, string(result))
		}
	}
	slices.Sort(got)
	if want := []string{`"already_gone"`, `"exempt"`, `"failed"`, `"held"`, `"not_allowed"`, `"out_of_scope"`, `"over_limit"`, `"removed"`}; !slices.Equal(got, want) {
		t.Errorf("results %v, want %v", got, want)
	}
}
