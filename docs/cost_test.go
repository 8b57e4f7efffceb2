package docs

import (
	"bytes"
	"cmp"
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"sso-elevator/functions/access/metric"
)

var update = flag.Bool("update", false, "write docs/reference/cost.md")

// metricOnDashboard matches a metric of the functions, as the golden template's
// dashboard lists it.
var metricOnDashboard = regexp.MustCompile(`\\"SsoElevator/sso-elevator\\",\\"([A-Za-z]+)\\"`)

// standing returns what is billed without any request, from the golden template.
// Alarms are counted by the metrics that they use. The dashboard shows every metric
// of the functions.
func standing(t *testing.T) (alarms, metrics int) {
	t.Helper()
	text, err := os.ReadFile(filepath.Join("..", "infra", "testdata", "template.json"))
	if err != nil {
		t.Fatal(err)
	}
	var template struct {
		Resources map[string]struct {
			Type       string
			Properties struct{ Metrics []struct{ MetricStat any } }
		}
	}
	if err := json.Unmarshal(text, &template); err != nil {
		t.Fatal(err)
	}
	for _, r := range template.Resources {
		if r.Type != "AWS::CloudWatch::Alarm" {
			continue
		}
		// CloudWatch bills an alarm for each metric that it uses.
		looks := 0
		for _, m := range r.Properties.Metrics {
			if m.MetricStat != nil {
				looks++
			}
		}
		alarms += max(looks, 1)
	}
	names := map[string]bool{}
	for _, m := range metricOnDashboard.FindAllSubmatch(text, -1) {
		names[string(m[1])] = true
	}
	// Outcomes and times to decision have six kinds each. Started and completed runs
	// have two modes each.
	for name, more := range map[string]int{metric.Outcome: 5, metric.TimeToDecision: 5, metric.ReconcileBegun: 1, metric.ReconcileCompleted: 1} {
		if !names[name] {
			t.Errorf("%s is not on the dashboard", name)
		}
		metrics += more
	}
	return alarms, len(names) + metrics
}

// The page is computed from the counted calls.
func TestCostPage(t *testing.T) {
	c, err := readCallCounts()
	if err != nil {
		t.Fatal(err)
	}
	var b bytes.Buffer
	b.WriteString(`# What it costs

This page is made from the code (` + "`go test ./docs -update`" + `): the calls of one request that is approved, granted and ends on time, as
` + "`infra/e2e.TestDrain`" + ` counts them on the local stack, times the prices in [` + "`docs/costprices_test.go`" + `](../costprices_test.go): US dollars, us-east-1,
January 2026, without any free tier. That file also has what is assumed, because it can't be counted here: 150 ms for each invocation, rows of 4 KB, 1 KB of
log for each invocation. Each reminder adds four transitions and three invocations.

| 1,000 requests | count | USD |
|---|---:|---:|
`)
	lines := billPerRequest(c)
	for _, l := range lines {
		fmt.Fprintf(&b, "| %s | %.6g | %.3f |\n", l.what, 1000*l.count, 1000*l.usd)
	}
	fmt.Fprintf(&b, "| **all** | | **%.2f** |\n\nIdentity Center, the Identity Store, Organizations, standard parameters of SSM and Slack cost nothing. A secret in Secrets Manager costs 0.40 a month.\n\n", 1000*sum(lines))
	b.WriteString("| a month, whether or not anybody asks | count | USD |\n|---|---:|---:|\n")
	alarms, metrics := standing(t)
	lines = billPerMonth(alarms, metrics)
	for _, l := range lines {
		fmt.Fprintf(&b, "| %s | %.0f | %.2f |\n", l.what, l.count, l.usd)
	}
	fmt.Fprintf(&b, "| **all** | | **%.2f** |\n\nRuns that look for access that nobody asked for come on top: `make bench` says how many calls, all of them free but for the functions' time. So does half a second of a function for each person with active access, every five minutes: 100 people all month are 1.50.\n\n", sum(lines))
	fmt.Fprintf(&b, `## What one request calls, and why

Each call is counted with who makes it: a function, and the operation of its task. Why there are %d state transitions is in
[performance](../internals/performance.md#one-approved-request-without-reminders). Each function's process is a new one; one that was used before still has the secrets for five minutes,
policy, catalog and people for one, and knows the instance. The test's settings send no direct messages, and show the end without a word about it. With the word there is one
message more, and two writes. With direct messages each of the three tasks of `+"`notify`"+` asks `+"`conversations.members`"+`, unless that was done within five minutes, and who is not
in the channel gets each message directly as well: `+"`conversations.open`"+`, the message and two writes.

| who | call | times | why |
|---|---|---:|---|
`, c.Transitions)
	for _, r := range reasons {
		service, _, _ := strings.Cut(r.call, ".")
		fmt.Fprintf(&b, "| %s | `%s` | %d | %s |\n", cmp.Or(r.caller, noFunction[service]), r.call, c.Calls[r.caller][r.call], r.why)
	}
	b.WriteString("\n`SWBExternalService` is Identity Center's name for itself, `AmazonSSM` that of Parameter Store.\n")
	const path = "reference/cost.md"
	if *update {
		if err := os.WriteFile(path, b.Bytes(), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(want, b.Bytes()) {
		t.Errorf("docs/reference/cost.md is not what the code says; if that is meant: go test ./docs -update\n%s", &b)
	}
}

// A call without a reason is one call too many.
func TestEachCallHasItsReason(t *testing.T) {
	c, err := readCallCounts()
	if err != nil {
		t.Fatal(err)
	}
	why := map[string]string{}
	for _, r := range reasons {
		name := r.caller + " " + r.call
		if r.why == "" || why[name] != "" {
			t.Errorf("%s: there is not one reason", name)
		}
		if c.Calls[r.caller][r.call] == 0 {
			t.Errorf("%s has a reason, and is not called", name)
		}
		why[name] = r.why
	}
	for caller, calls := range c.Calls {
		for call := range calls {
			if name := caller + " " + call; why[name] == "" {
				t.Errorf("%s is called without a reason", name)
			}
		}
	}
}

func TestPerRequest(t *testing.T) {
	c := callCounts{Transitions: 40, Calls: map[string]map[string]int{
		"":              {"HTTPAPI.POST": 2, "Lambda.grant": 3, "Lambda.audit": 1},
		"grant start":   {"DynamoDB.GetItem": 3, "DynamoDB.PutItem": 1, "SWBExternalService.CreateAccountAssignment": 1},
		"grant confirm": {"DynamoDB.GetItem": 1, "DynamoDB.UpdateItem": 1},
		"audit granted": {"DynamoDB.UpdateItem": 1, "S3.PUT": 4, "S3.GET": 5},
		"notify":        {"Slack.chat.postMessage": 2},
	}}
	want := map[string]float64{
		"Step Functions: state transitions": 40, "Lambda: invocations": 6, "Lambda: GB-seconds": 0.15 * (4*0.25 + 2*0.5), "HTTP API: requests": 2,
		"DynamoDB: read units": 4, "DynamoDB: write units": 15, "S3: PUT": 4, "S3: GET and HEAD": 5, "CloudWatch Logs: GB": 6e-6, "X-Ray: traces": 3,
	}
	got := billPerRequest(c)
	for _, l := range got {
		if l.count != want[l.what] {
			t.Errorf("%s: %v, want %v", l.what, l.count, want[l.what])
		}
	}
	if len(got) != len(want) {
		t.Errorf("%d lines, want %d", len(got), len(want))
	}
	if got := got[0].usd; got < 0.00099 || got > 0.00101 {
		t.Errorf("40 transitions cost %v, want a tenth of a cent", got)
	}
}
