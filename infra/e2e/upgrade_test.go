package e2e

import (
	"context"
	"encoding/json"
	"os"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sfn"
	sfntypes "github.com/aws/aws-sdk-go-v2/service/sfn/types"

	"sso-elevator/statemachine"
)

// redefine replaces the request machine's definition and returns the previous one.
func (s *stack) redefine(t *testing.T, definition string) (before string) {
	t.Helper()
	machine := s.machine(t)
	out, err := s.sfn.DescribeStateMachine(context.Background(), &sfn.DescribeStateMachineInput{StateMachineArn: &machine})
	if err != nil {
		t.Fatal(err)
	}
	if definition != "" {
		if _, err := s.sfn.UpdateStateMachine(context.Background(), &sfn.UpdateStateMachineInput{StateMachineArn: &machine, Definition: &definition, RoleArn: out.RoleArn}); err != nil {
			t.Fatal(err)
		}
	}
	return aws.ToString(out.Definition)
}

// deployed returns the definition in the file source, with its placeholders filled
// in as in the deployed definition.
func deployed(t *testing.T, source, current string) string {
	t.Helper()
	parse := func(text string) (tree any) {
		if err := json.Unmarshal([]byte(text), &tree); err != nil {
			t.Fatal(err)
		}
		return tree
	}
	read := func(path string) string {
		text, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		return statemachine.FillRetries(string(text))
	}
	values := map[string]any{}
	var compare func(written, filled any)
	compare = func(written, filled any) {
		switch written := written.(type) {
		case string:
			if strings.Contains(written, "${") {
				values[written] = filled
			}
		case []any:
			for i := range written {
				compare(written[i], filled.([]any)[i])
			}
		case map[string]any:
			for key := range written {
				compare(written[key], filled.(map[string]any)[key])
			}
		}
	}
	compare(parse(read(repository+"/statemachine/request.asl.json")), parse(current))
	var fill func(any) any
	fill = func(node any) any {
		switch node := node.(type) {
		case string:
			if value, ok := values[node]; ok {
				return value
			}
			if strings.Contains(node, "${") {
				t.Fatalf("%s has no value", node)
			}
		case []any:
			for i := range node {
				node[i] = fill(node[i])
			}
		case map[string]any:
			for key := range node {
				node[key] = fill(node[key])
			}
		}
		return node
	}
	text, err := json.Marshal(fill(parse(read(source))))
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// TestUpgradeWithRequestsInFlight deploys this release while executions of the
// previous one wait for an approval. They continue with this release's functions:
// one is granted and ends in time, one is denied. They don't have this release's
// last step, so the sweep does it after them.
func TestUpgradeWithRequestsInFlight(t *testing.T) {
	t.Parallel()
	asking.Lock()
	unlock := sync.OnceFunc(asking.Unlock)
	defer unlock()
	now := quiet.redefine(t, "")
	quiet.redefine(t, deployed(t, repository+"/statemachine/testdata/previous/request.asl.json", now))
	restore := sync.OnceFunc(func() { quiet.redefine(t, now) })
	defer restore()
	granted := quiet.ask(t, wish{kim, "log-archive", "DeveloperAccess", 12})
	denied := quiet.ask(t, wish{alice, "log-archive", "DeveloperAccess", 12})
	granted.waitsIn(t, "AwaitApproval")
	denied.waitsIn(t, "AwaitApproval")
	restore() // deploys this release
	unlock()

	if res := quiet.press(t, bob, granted.message(t), "approve", false); !res.OK {
		t.Fatalf("approve: %+v", res)
	}
	if res := quiet.press(t, bob, denied.message(t), "deny", false); !res.OK {
		t.Fatalf("deny: %+v", res)
	}
	granted.waitAssigned(t)
	granted.waitGone(t, 12*time.Second+removalLimit)
	for r, want := range map[*request][]string{granted: {"requested", "approved", "granted", "revoked"}, denied: {"requested", "denied"}} {
		states := r.finished(t, sfntypes.ExecutionStatusSucceeded, soon)
		if slices.Contains(states, "Close") {
			t.Fatalf("this is not the release before: %q", states)
		}
		wantEvents(t, r, want...)
		if r.assigned(t) {
			t.Error("access is left behind")
		}
		r.swept(t, sweepLimit)
		eventually(t, soon, "the request is closed", func() error {
			if row := r.stack.row(t, "request#"+r.id); row["closed_at"] == nil {
				return errNotYet
			}
			return nil
		})
		wantEvents(t, r, want...) // and is recorded once
	}
}
