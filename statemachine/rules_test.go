package statemachine

import (
	"encoding/json"
	"fmt"
	"maps"
	"math"
	"slices"
	"strings"
	"testing"
	"time"

	"sso-elevator/functions/access"
)

// The rules in this file apply to both machines.

// worthTrying are all error names that a Retry may list.
var worthTrying = append([]string{
	"States.Timeout",
	"States.TaskFailed", // for HandOver, which invokes no function
	string(access.CodeConflict),
	string(access.CodeInProgress),
	string(access.CodeLeaseDeleting),
	string(access.CodeUndecidable),
	string(access.CodeMisconfigure), // for states that try for hours: someone may fix it
}, TransientErrors...)

func TestEveryTaskRetries(t *testing.T) {
	for name, s := range everyState(t) {
		if s.Type != "Task" {
			continue
		}
		var retried []string
		for _, r := range s.Retry {
			retried = append(retried, r.ErrorEquals...)
		}
		var want []string
		switch {
		case name == "requests/AwaitEnd": // its errors lead to a plain wait; another token wait would restart the time
			if len(s.Retry) != 0 {
				t.Errorf("%s has a Retry, want none", name)
			}
			continue
		case s.function() == "":
			want = []string{"States.TaskFailed", "States.Timeout"}
		case s.waitsForToken(): // its timeout is not a failure
			want = TransientErrors
			if slices.Contains(retried, "States.Timeout") {
				t.Errorf("%s retries its timeout, which is how its wait ends", name)
			}
		default:
			want = append([]string{"States.Timeout"}, TransientErrors...)
		}
		for _, e := range want {
			if !slices.Contains(retried, e) {
				t.Errorf("%s does not retry %s", name, e)
			}
		}
		for i, e := range retried {
			if !slices.Contains(worthTrying, e) {
				t.Errorf("%s retries %s, which no function returns and AWS does not either", name, e)
			}
			if slices.Contains(retried[:i], e) {
				t.Errorf("%s names %s twice: the second never matches", name, e)
			}
		}
	}
}

// Retriers keep AWS's documented limits. AWS also rejects a MaxDelaySeconds that
// is not above IntervalSeconds.
func TestRetriersAreWithinTheirLimits(t *testing.T) {
	for name, s := range everyState(t) {
		for i, r := range s.Retry {
			if r.IntervalSeconds < 1 || r.IntervalSeconds > 99_999_999 {
				t.Errorf("%s, retrier %d: IntervalSeconds is %d", name, i, r.IntervalSeconds)
			}
			if r.BackoffRate < 1 {
				t.Errorf("%s, retrier %d: BackoffRate is %g", name, i, r.BackoffRate)
			}
			if r.MaxAttempts < 1 || r.MaxAttempts > 99_999_999 {
				t.Errorf("%s, retrier %d: MaxAttempts is %d", name, i, r.MaxAttempts)
			}
			if r.MaxDelaySeconds != 0 && (r.MaxDelaySeconds <= r.IntervalSeconds || r.MaxDelaySeconds >= 31_622_400) {
				t.Errorf("%s, retrier %d: MaxDelaySeconds is %d, with an interval of %d", name, i, r.MaxDelaySeconds, r.IntervalSeconds)
			}
			if r.BackoffRate > 1 && r.MaxDelaySeconds == 0 {
				t.Errorf("%s, retrier %d: the delay grows without a limit", name, i)
			}
			if r.BackoffRate > 1 && r.JitterStrategy != "FULL" {
				t.Errorf("%s, retrier %d: JitterStrategy is %q", name, i, r.JitterStrategy)
			}
		}
	}
}

func TestEveryTaskCatchesEverything(t *testing.T) {
	for name, s := range everyState(t) {
		if s.Type != "Task" && s.Type != "Parallel" && s.Type != "Map" {
			continue
		}
		if len(s.Catch) == 0 {
			t.Errorf("%s has no Catch", name)
			continue
		}
		if last := s.Catch[len(s.Catch)-1].ErrorEquals; !slices.Equal(last, []string{"States.ALL"}) {
			t.Errorf("the last Catch of %s is for %q, want States.ALL", name, last)
		}
	}
}

func TestEveryTaskOutlivesItsFunction(t *testing.T) {
	for name, s := range everyState(t) {
		if s.Type != "Task" {
			continue
		}
		switch {
		case s.waitsForToken():
			if (s.TimeoutSecondsPath == "") == (s.TimeoutSeconds == 0) {
				t.Errorf("%s waits for a token: want either TimeoutSecondsPath or TimeoutSeconds", name)
			}
		case s.TimeoutSeconds < 1 || s.TimeoutSeconds > 99_999_999:
			t.Errorf("TimeoutSeconds of %s is %d", name, s.TimeoutSeconds)
		case s.function() != "":
			limit, ok := FunctionTimeouts[s.function()]
			if !ok {
				t.Errorf("%s invokes %q, whose timeout is not known", name, s.function())
			}
			if task := time.Duration(s.TimeoutSeconds) * time.Second; task <= limit {
				t.Errorf("%s gives up after %v, its function after %v", name, task, limit)
			}
		}
	}
}

func TestEveryChoiceHasDefault(t *testing.T) {
	for name, s := range everyState(t) {
		if s.Type == "Choice" && s.Default == "" {
			t.Errorf("%s has no Default", name)
		}
	}
}

func TestEveryStateSaysWhatItIs(t *testing.T) {
	for name, m := range machines(t) {
		if m.Comment == "" {
			t.Errorf("the machine %s has no Comment", name)
		}
	}
	for name, s := range everyState(t) {
		if s.Comment == "" {
			t.Errorf("%s has no Comment", name)
		}
		if _, name, _ := strings.Cut(name, "/"); len(name) > 80 { // Step Functions' limit
			t.Errorf("the name %q has %d characters", name, len(name))
		}
	}
}

func TestEveryStateLeadsSomewhere(t *testing.T) {
	var check func(t *testing.T, m machine)
	check = func(t *testing.T, m machine) {
		for name, s := range m.States {
			for _, next := range s.next() {
				if m.States[next] == nil {
					t.Fatalf("%s leads to %q, which does not exist", name, next)
				}
			}
			terminal := s.Type == "Succeed" || s.Type == "Fail"
			if terminal != (len(s.next()) == 0) {
				t.Errorf("%s, a %s, leads to %q", name, s.Type, s.next())
			}
			for _, b := range s.inner() {
				check(t, b)
			}
		}
		reached := m.reachable(m.StartAt)
		for name := range m.States {
			if !reached[name] {
				t.Errorf("nothing leads to %s", name)
			}
		}
	}
	for name, m := range machines(t) {
		t.Run(name, func(t *testing.T) { check(t, m) })
	}
}

// The definitions avoid what moto can't execute, and a timeout that would end an
// execution during a removal.
func TestDefinitionKeepsToWhatRunsEverywhere(t *testing.T) {
	for name, rendered := range renderedMachines(t) {
		t.Run(name, func(t *testing.T) { keepsToWhatRunsEverywhere(t, rendered) })
	}
}

func keepsToWhatRunsEverywhere(t *testing.T, rendered string) {
	var tree any
	if err := json.Unmarshal([]byte(rendered), &tree); err != nil {
		t.Fatal(err)
	}
	if _, ok := tree.(map[string]any)["TimeoutSeconds"]; ok {
		t.Error("the machine has a TimeoutSeconds of its own: it would end a removal")
	}
	forbidden := []string{"QueryLanguage", "Assign", "Arguments", "Output", "ItemBatcher", "InputPath", "OutputPath", "End"}
	var walk func(path string, value any)
	walk = func(path string, value any) {
		switch value := value.(type) {
		case map[string]any:
			for key, inner := range value {
				if slices.Contains(forbidden, key) && !strings.HasSuffix(path, ".Parameters") {
					t.Errorf("%s.%s is used", path, key)
				}
				walk(path+"."+key, inner)
			}
		case []any:
			for _, inner := range value {
				walk(path, inner)
			}
		case string:
			if strings.Contains(value, "{%") {
				t.Errorf("%s is JSONata", path)
			}
			if placeholder.MatchString(value) {
				t.Errorf("%s has a placeholder left: %s", path, value)
			}
		case float64:
			if key := path[strings.LastIndexByte(path, '.')+1:]; strings.HasSuffix(key, "Seconds") {
				if value != math.Trunc(value) || value < 1 || value > 99_999_999 {
					t.Errorf("%s is %g, want a whole number from 1 to 99,999,999", path, value)
				}
			}
		}
	}
	walk("$", tree)
}

// Only Grant sets grant_started, which lets Revoke remove access without row and
// lease. It is about this execution only: Evaluate resets it to false, even if
// this execution took over a removal. A sweep sends what the row says under
// another name.
func TestOnlyGrantSaysThatItStarted(t *testing.T) {
	told := map[string]int{}
	for name, s := range everyState(t) {
		if s.Type != "Task" || s.function() != filled.RevokeFunction {
			continue
		}
		payload, _ := s.Parameters["Payload"].(map[string]any)
		machine, _, _ := strings.Cut(name, "/")
		for key, value := range payload {
			if strings.HasPrefix(key, "grant") {
				told[machine+" "+key+" "+value.(string)]++
			}
		}
	}
	if want := map[string]int{"requests grant_started.$ $.grant.started": 2, "reconcile granted.$ $.look.granted": 2}; !maps.Equal(told, want) {
		t.Errorf("revoke is told %v, want %v", told, want)
	}
	states := requestMachine(t).States
	if got := fmt.Sprint(states["Evaluate"].ResultSelector["grant"], string(states["Evaluate"].ResultPath)); got != `map[started:false]"$"` {
		t.Errorf("Evaluate leaves %s", got)
	}
	var says []string
	for name, s := range states {
		if string(s.ResultPath) == `"$.grant"` {
			says = append(says, fmt.Sprint(name, s.ResultSelector))
		}
	}
	if want := []string{"Grantmap[started:true]"}; !slices.Equal(says, want) {
		t.Errorf("$.grant is written by %q, want %q", says, want)
	}
}
