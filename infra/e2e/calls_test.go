package e2e

import (
	"context"
	"encoding/json"
	"flag"
	"io"
	"maps"
	"net/http"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/sfn"
	sfntypes "github.com/aws/aws-sdk-go-v2/service/sfn/types"
)

var updateCalls = flag.Bool("update-calls", false, "write what a request was seen to call to infra/e2e/"+requestCalls)

// calls returns the calls so far, by caller. It leaves out calls that no request
// makes: those of reconcile, which runs by schedule, and those of the tests. Among
// callers that are not functions, only Slack calls the HTTP API, and only Step
// Functions invokes functions.
func (s *stack) calls(t *testing.T) map[string]map[string]int {
	t.Helper()
	res, err := http.Get(s.AWSEndpointURL + "/_calls")
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	text, err := io.ReadAll(res.Body)
	if err != nil {
		t.Fatal(err)
	}
	// quiet.yaml gives two functions other names.
	named := strings.NewReplacer("requester", "ingress", "revoker", "revoke").Replace(string(text))
	counted := map[string]map[string]int{}
	if err := json.Unmarshal([]byte(named), &counted); err != nil {
		t.Fatal(err)
	}
	maps.DeleteFunc(counted, func(caller string, _ map[string]int) bool { return strings.HasPrefix(caller, "reconcile") })
	maps.DeleteFunc(counted[""], func(name string, _ int) bool {
		return name == "Lambda.reconcile" || !strings.HasPrefix(name, "Lambda.") && !strings.HasPrefix(name, "HTTPAPI.")
	})
	return counted
}

// transitions returns the number that Step Functions bills for an execution: each
// state entered, and each retry.
func (s *stack) transitions(t *testing.T, arn string) (n, retries int) {
	t.Helper()
	scheduled, tasks := 0, 0
	pages := sfn.NewGetExecutionHistoryPaginator(s.sfn, &sfn.GetExecutionHistoryInput{ExecutionArn: &arn})
	for pages.HasMorePages() {
		page, err := pages.NextPage(context.Background())
		if err != nil {
			t.Fatal(err)
		}
		for _, e := range page.Events {
			switch e.Type {
			case sfntypes.HistoryEventTypeTaskScheduled:
				scheduled++
			case sfntypes.HistoryEventTypeTaskStateEntered:
				tasks++
				n++
			default:
				if e.StateEnteredEventDetails != nil {
					n++
				}
			}
		}
	}
	retries = max(scheduled-tasks, 0)
	return n + retries, retries
}

// countsCalls counts the calls of one request on a stack that does nothing else. It
// compares them with the counts that the cost is computed from.
func countsCalls(t *testing.T, s *stack) {
	t.Helper()
	before, againBefore := s.calls(t), s.again.Load()
	r := s.ask(t, wish{kim, "network", "DeveloperAccess", 12})
	if res := s.press(t, bob, r.message(t), "approve", false); !res.OK {
		t.Fatalf("approve: %+v", res)
	}
	r.finished(t, sfntypes.ExecutionStatusSucceeded, 12*time.Second+removalLimit+soon)
	// On a busy machine, a person or the state machine may have repeated something.
	transitions, retries := s.transitions(t, *r.execution(t).ExecutionArn)
	again := int(s.again.Load()-againBefore) + retries
	got := callCounts{Transitions: transitions, Calls: s.calls(t)}
	for caller, calls := range got.Calls {
		for name := range calls {
			calls[name] -= before[caller][name]
		}
		maps.DeleteFunc(calls, func(_ string, n int) bool { return n == 0 })
	}
	// The cost is computed for a policy without groups. This stack's policy names one, so
	// the form's lists read the requester's memberships, once a minute and when a person
	// repeats something.
	const memberships = "AWSIdentityStore.IsMemberInGroups"
	if n := got.Calls["ingress"][memberships]; n > 1+again {
		t.Errorf("ingress reads memberships %d times, want at most once, and once for each of %d repetitions", n, again)
	}
	delete(got.Calls["ingress"], memberships)
	if *updateCalls {
		if again > 0 {
			t.Fatalf("%d times something was done again: count on a machine that does nothing else", again)
		}
		text, err := json.MarshalIndent(got.attribute(), "", "  ")
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(requestCalls, append(text, '\n'), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	want, err := readCallCounts()
	if err != nil {
		t.Fatal(err)
	}
	if again > 0 {
		t.Logf("%d times something was done again: there may be more calls than the cost is computed from, but none may be missing", again)
	}
	for _, difference := range got.compare(want, again > 0) {
		t.Error(difference)
	}
}
