package statemachine

import (
	"bytes"
	"encoding/json"
	"maps"
	"os/exec"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"
)

// answers are the results of a Task, in order. The last one repeats.
type answers []map[string]any

func gives(result map[string]any) map[string]any { return map[string]any{"result": result} }
func fails(name string) map[string]any           { return map[string]any{"error": name} }

var (
	silence = map[string]any{"never": true}
	fine    = gives(map[string]any{})
	subject = map[string]any{"kind": "account", "account_id": "111111111111", "permission_set_arn": "arn", "group_id": "", "principal_id": "u"}
)

func next(next string) map[string]any {
	return gives(map[string]any{"next": next, "wait_seconds": 1})
}

func evaluated(next string) answers {
	return answers{gives(map[string]any{"request_id": "r", "subject": subject, "next": next, "wait_seconds": 1})}
}

// played is one execution as testdata/interpret.mjs reports it.
type played struct {
	States   []string
	Output   map[string]any
	Error    string
	Payloads map[string][]map[string]any
}

func play(t *testing.T, definition string, runs []map[string]answers) (executions []played) {
	t.Helper()
	input, err := json.Marshal(map[string]any{"definition": json.RawMessage(definition), "input": map[string]string{"request_id": "r"}, "runs": runs})
	if err != nil {
		t.Fatal(err)
	}
	var stderr strings.Builder
	cmd := exec.Command("node", filepath.Join("testdata", "interpret.mjs"))
	cmd.Stdin, cmd.Stderr = bytes.NewReader(input), &stderr
	output, err := cmd.Output()
	if err != nil {
		t.Fatalf("%v: make tools installs what it needs\n%s", err, &stderr)
	}
	if err := json.Unmarshal(output, &executions); err != nil || len(executions) != len(runs) {
		t.Fatalf("got %d executions, %v\n%s", len(executions), err, output)
	}
	return executions
}

// This plays the main paths through the request machine. The interpreter shares
// no code with moto or the simulation.
func TestRequestMachineInAnotherInterpreter(t *testing.T) {
	p := filled
	p.RevokeRounds = 2
	for _, function := range []*string{&p.EvaluateFunction, &p.AwaitFunction, &p.NotifyFunction, &p.GrantFunction, &p.RevokeFunction, &p.AuditFunction} {
		*function = "arn:aws:lambda:us-east-1:123456789012:function:f:live" // the interpreter requires ARNs
	}
	definition, err := p.Render()
	if err != nil {
		t.Fatal(err)
	}
	const (
		asked    = "Evaluate OnlyToRevoke? Announce Route"
		granted  = "Grant ConfirmGrant AuditGrant Active"
		removed  = "Revoke ConfirmRevoke AuditRevoke NotifyRevoked Close Done"
		outcome  = "AuditOutcome NotifyOutcome Close Done"
		failed   = "Revoke RevokeFailed RevokeWait CountRound RoundsLeft?"
		timedOut = "AwaitEnd Ended NotifyGranted Told"
	)
	tests := []struct {
		name    string
		answers map[string]answers // in addition to withoutFaults
		want    string             // states of the machine itself, in order
		inside  string             // states of the branches of Active, sorted
	}{
		{"granted by the policy, until its end", map[string]answers{"Evaluate": evaluated("automatic"), "AwaitEnd": {silence}},
			asked + " " + granted + " " + removed, timedOut},
		{"approved after a reminder, ended early", map[string]answers{"Evaluate": evaluated("approval"), "AwaitApproval": {silence, next("approved")},
			"RemindOrExpire": {next("remind")}, "Remind": {fine}, "AwaitEnd": {fine}},
			asked + " AwaitApproval RemindOrExpire Decided? Remind AwaitApproval Approved? OnlyTheHint " + granted + " " + removed, timedOut},
		{"denied", map[string]answers{"Evaluate": evaluated("approval"), "AwaitApproval": {next("denied")}, "RemindOrExpire": {next("denied")}},
			asked + " AwaitApproval Approved? RemindOrExpire Decided? " + outcome, ""},
		{"expired", map[string]answers{"Evaluate": evaluated("approval"), "AwaitApproval": {silence}, "RemindOrExpire": {next("expired")}},
			asked + " AwaitApproval RemindOrExpire Decided? " + outcome, ""},
		{"refused by the policy", map[string]answers{"Evaluate": evaluated("refused")},
			asked + " " + outcome, ""},
		{"a token resumed with nothing", map[string]answers{"Evaluate": evaluated("approval"), "AwaitApproval": {fine}, "RemindOrExpire": {next("expired")}},
			asked + " AwaitApproval Approved? RemindOrExpire Decided? " + outcome, ""},
		{"Slack is down, then announced again", map[string]answers{"Evaluate": evaluated("approval"), "Announce": {fails("Slack")}, "AnnounceAgain": {fine},
			"RemindOrExpire": {next("announce"), next("approved")}, "AwaitApproval": {silence}, "AwaitEnd": {fine}},
			"Evaluate OnlyToRevoke? Announce Announced? WaitForSlack RemindOrExpire Decided? AnnounceAgain AwaitApproval RemindOrExpire Decided? " + granted + " " + removed, timedOut},
		{"the creation takes long", map[string]answers{"Evaluate": evaluated("automatic"), "ConfirmGrant": {fails("InProgress"), fails("Conflict"), fine}, "AwaitEnd": {fine}},
			asked + " " + granted + " " + removed, timedOut},
		{"not granted", map[string]answers{"Evaluate": evaluated("automatic"), "Grant": {fails("Boom")}},
			asked + " Grant " + removed, ""},
		{"created and never confirmed", map[string]answers{"Evaluate": evaluated("automatic"), "ConfirmGrant": {fails("Boom")}},
			asked + " Grant ConfirmGrant " + removed, ""},
		{"no record of the access", map[string]answers{"Evaluate": evaluated("automatic"), "AuditGrant": {fails("Boom")}},
			asked + " Grant ConfirmGrant AuditGrant " + removed, ""},
		{"the token of the end can't be stored", map[string]answers{"Evaluate": evaluated("automatic"), "AwaitEnd": {fails("Boom")}},
			asked + " " + granted + " " + removed, "AwaitEnd Ended NotifyGranted Told WaitForEnd"},
		{"nobody hears of the access", map[string]answers{"Evaluate": evaluated("automatic"), "AwaitEnd": {fine}, "NotifyGranted": {fails("Boom")}},
			asked + " " + granted + " " + removed, timedOut},
		{"removed in the second round", map[string]answers{"Evaluate": evaluated("automatic"), "AwaitEnd": {fine}, "Revoke": {fails("Boom"), fine}},
			asked + " " + granted + " " + failed + " " + removed, timedOut},
		{"handed over", map[string]answers{"Evaluate": evaluated("automatic"), "AwaitEnd": {fine}, "Revoke": {fails("Boom")}},
			asked + " " + granted + " " + failed + " " + failed + " HandOver HandedOver", timedOut},
		{"taken over", map[string]answers{"Evaluate": evaluated("revoke")},
			"Evaluate OnlyToRevoke? " + removed, ""},
		{"a second execution", map[string]answers{"Evaluate": evaluated("other")},
			"Evaluate OnlyToRevoke? OtherExecution", ""},
		{"can't be evaluated", map[string]answers{"Evaluate": {fails("Boom")}, "Refuse": {fine}, "LookAgain": {next("refused")}},
			"Evaluate Refuse LookAgain Refused? " + outcome, ""},
	}
	withoutFaults := map[string]answers{"AuditGrant": {gives(map[string]any{"seconds": 1, "end": "2026-01-01T00:00:00Z"})}}
	for _, name := range strings.Fields("Announce Grant ConfirmGrant NotifyGranted Revoke ConfirmRevoke RevokeFailed AuditRevoke NotifyRevoked HandOver AuditOutcome NotifyOutcome Close") {
		withoutFaults[name] = answers{fine}
	}
	var runs []map[string]answers
	for _, test := range tests {
		script := maps.Clone(withoutFaults)
		maps.Copy(script, test.answers)
		runs = append(runs, script)
	}

	own := decode(t, definition).States
	for i, got := range play(t, definition, runs) {
		t.Run(tests[i].name, func(t *testing.T) {
			var states, inside []string
			for _, name := range got.States {
				if own[name] != nil {
					states = append(states, name)
				} else {
					inside = append(inside, name)
				}
			}
			slices.Sort(inside) // the branches run in parallel
			if s := strings.Join(states, " "); s != tests[i].want || got.Error != "" {
				t.Errorf("it went through\n%s\nwant\n%s\n%s", s, tests[i].want, got.Error)
			}
			if s := strings.Join(inside, " "); s != tests[i].inside {
				t.Errorf("inside Active it went through %q, want %q", s, tests[i].inside)
			}
			// Revoke gets what it needs, whatever failed before.
			started := slices.Contains(states, "ConfirmGrant")
			for round, payload := range got.Payloads["Revoke"] {
				want := map[string]any{"operation": "start", "request_id": "r", "execution": "execution-arn", "subject": subject, "grant_started": started,
					"round": float64(round), "state": map[string]any{"Name": "state", "EnteredTime": "2026-01-01T00:00:00Z"}}
				if !reflect.DeepEqual(payload, want) {
					t.Errorf("Revoke got %v, want %v", payload, want)
				}
			}
			if payloads := got.Payloads["Revoke"]; len(payloads) == 0 && strings.Contains(tests[i].want, "Revoke ") {
				t.Error("Revoke got nothing")
			}
		})
	}
}
