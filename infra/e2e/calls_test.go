package e2e

import (
	"context"
	"encoding/json"
	"flag"
	"maps"
	"net/http"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/service/sfn"
	sfntypes "github.com/aws/aws-sdk-go-v2/service/sfn/types"

	"sso-elevator/infra/cost"
)

var updateCalls = flag.Bool("update-calls", false, "write what a request was seen to call to infra/cost/request.json")

// background are the functions and calls that come by schedule, whatever a
// request does, and those of the tests themselves.
var background = []string{"Lambda.reconcile", "DynamoDB.Query", "DynamoDB.Scan", "AWSOrganizations", "AWSStepFunctions", "AmazonSSM", "secretsmanager",
	"SWBExternalService.ListPermissionSets", "SWBExternalService.ListInstances", "SWBExternalService.DescribePermissionSet", "SWBExternalService.ListAccountAssignments", "AWSIdentityStore.ListGroups", "AWSIdentityStore.ListUsers", "Slack.auth"}

func (s *stack) calls(t *testing.T) map[string]int {
	t.Helper()
	res, err := http.Get(s.AWSEndpointURL + "/_calls")
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	counted := map[string]int{}
	if err := json.NewDecoder(res.Body).Decode(&counted); err != nil {
		t.Fatal(err)
	}
	maps.DeleteFunc(counted, func(name string, _ int) bool {
		return slices.ContainsFunc(background, func(b string) bool { return strings.HasPrefix(name, b) })
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
// operation under way is no difference.
func countsCalls(t *testing.T, s *stack) {
	t.Helper()
	before := s.calls(t)
	r := s.ask(t, wish{kim, "network", "DeveloperAccess", 12})
	if res := s.press(t, bob, r.message(t), "approve", false); !res.OK {
		t.Fatalf("approve: %+v", res)
	}
	r.finished(t, sfntypes.ExecutionStatusSucceeded, 2*soon)
	got := cost.Calls{Transitions: s.transitions(t, *r.execution(t).ExecutionArn), Calls: map[string]int{}}
	for name, n := range s.calls(t) {
		if n -= before[name]; n > 0 {
			got.Calls[name] = n
		}
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
		if slack := max(4, want/4); got < want-slack || got > want+slack {
			t.Errorf("%s: %d, and the cost is computed from %d", what, got, want)
		}
	}
	near("state transitions", got.Transitions, want.Transitions)
	names := maps.Clone(want.Calls)
	maps.Copy(names, got.Calls)
	for name := range names {
		near(name, got.Calls[name], want.Calls[name])
	}
}
