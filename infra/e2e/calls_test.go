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

	"github.com/aws/aws-sdk-go-v2/service/sfn"
	sfntypes "github.com/aws/aws-sdk-go-v2/service/sfn/types"

	"sso-elevator/infra/cost"
)

var updateCalls = flag.Bool("update-calls", false, "write what a request was seen to call to infra/cost/request.json")

// calls are what was called by now, by caller, but for what has nothing to do
// with a request: what reconcile calls, which comes by schedule, and what the
// tests do. Of those who are no function, only Slack calls the HTTP API and only
// Step Functions invokes.
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
	// quiet.yaml has two functions under other names.
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

// transitions is what Step Functions bills of an execution: each state entered,
// and each retry.
func (s *stack) transitions(t *testing.T, arn string) (n int) {
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
	return n + max(scheduled-tasks, 0)
}

// countsCalls counts what one request calls on a stack that does nothing else,
// and compares it with what the cost is computed from. A look more or less at an
// operation under way is no difference, a call of another kind is.
func countsCalls(t *testing.T, s *stack) {
	t.Helper()
	before := s.calls(t)
	r := s.ask(t, wish{kim, "network", "DeveloperAccess", 12})
	if res := s.press(t, bob, r.message(t), "approve", false); !res.OK {
		t.Fatalf("approve: %+v", res)
	}
	r.finished(t, sfntypes.ExecutionStatusSucceeded, 2*soon)
	if s.toldToPressAgain(t, bob) > 0 {
		t.Log("not counted: on this busy machine somebody had to press again")
		return
	}
	got := cost.Calls{Transitions: s.transitions(t, *r.execution(t).ExecutionArn), Calls: s.calls(t)}
	for caller, calls := range got.Calls {
		for name := range calls {
			calls[name] -= before[caller][name]
		}
		maps.DeleteFunc(calls, func(_ string, n int) bool { return n == 0 })
	}
	if *updateCalls {
		text, err := json.MarshalIndent(got, "", "  ")
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(repository+"/infra/cost/request.json", append(text, '\n'), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	want, err := cost.Request()
	if err != nil {
		t.Fatal(err)
	}
	near := func(what string, got, want int) {
		if slack := max(2, want/4); got == 0 || got < want-slack || got > want+slack {
			t.Errorf("%s: %d, and the cost is computed from %d", what, got, want)
		}
	}
	near("state transitions", got.Transitions, want.Transitions)
	for caller, calls := range want.Calls {
		for name, n := range calls {
			near(caller+" "+name, got.Calls[caller][name], n)
		}
	}
	for caller, calls := range got.Calls {
		for name, n := range calls {
			if want.Calls[caller][name] == 0 {
				t.Errorf("%s %s: %d, and the cost is computed from none", caller, name, n)
			}
		}
	}
}
