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
		used := 0
		for _, m := range r.Properties.Metrics {
			if m.MetricStat != nil {
				used++
			}
		}
		alarms += max(used, 1)
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

// TestCostPage checks that the page is what the counted calls and the prices give.
func TestCostPage(t *testing.T) {
	c, err := readCallCounts()
	if err != nil {
		t.Fatal(err)
	}
	var b bytes.Buffer
	b.WriteString(`# What it costs

The code computes this page (` + "`go test ./docs -update`" + `). It multiplies the calls of one request by AWS's prices. The request is approved, granted
and ends on time; ` + "`infra/e2e.TestDrain`" + ` counts its calls on the local stack. The prices are in [` + "`docs/costprices_test.go`" + `](../costprices_test.go): US
dollars, us-east-1, January 2026, without any free tier. That file also has the assumptions, because the local stack can't measure them: 150 ms for each
invocation, rows of 4 KB, 1 KB of log for each invocation. Each reminder adds four transitions and three invocations.

| 1,000 requests | count | USD |
|---|---:|---:|
`)
	lines := billPerRequest(c)
	for _, l := range lines {
		fmt.Fprintf(&b, "| %s | %.6g | %.3f |\n", l.what, 1000*l.count, 1000*l.usd)
	}
	fmt.Fprintf(&b, "| **all** | | **%.2f** |\n\nCalls to Identity Center, the Identity Store, Organizations, SSM's standard parameters and Slack cost nothing. A secret in Secrets Manager costs 0.40 a month.\n\n", 1000*sum(lines))
	b.WriteString("| a month, without any request | count | USD |\n|---|---:|---:|\n")
	alarms, metrics := standing(t)
	lines = billPerMonth(alarms, metrics)
	for _, l := range lines {
		fmt.Fprintf(&b, "| %s | %.0f | %.2f |\n", l.what, l.count, l.usd)
	}
	fmt.Fprintf(&b, "| **all** | | **%.2f** |\n\nTwo things cost extra:\n\n- [Reconciliations](glossary.md#reconciliation). `make bench` prints how many calls they make. The calls are free; the functions' time isn't. One write of the table\n  reserves the time for five calls, including calls of catalog refreshes.\n- Half a second of a function every five minutes for each person with active access. For 100 people with access all month, that is 1.50.\n\n", sum(lines))
	fmt.Fprintf(&b, `## What one request calls, and why

The first column is the caller: a function, and its task's operation. [Performance](../internals/performance.md#one-approved-request-without-reminders)
explains the %d state transitions. Every function starts in a new process here. A process that was used before keeps secrets for five minutes, and policy, catalog and
people for one minute. The deployment names the Identity Center instance. Without that, each function that calls Identity Center looks it up once, with
`+"`ListInstances`"+`.

The test's settings confirm each approval (`+"`approve_confirmation`"+`). They send no direct messages and no message about the end. This changes the calls:

| setting | change |
|---|---|
| a message about the end (`+"`revoker_post_update_to_slack`"+`) | adds one message and two writes |
| direct messages (`+"`send_dm_if_user_not_in_channel`"+`) | adds `+"`conversations.members`"+` in the two later tasks of `+"`notify`"+`, unless it was called within five minutes. For a requester or an approver outside the channel, each message also adds `+"`conversations.open`"+`, one message and two writes, and each later change an update and a write. For each of these messages, a press of Approve or End now adds an update. If approvers are outside, the row is read once more and the message in the channel is updated once more |
| an approval that is not confirmed | `+"`ingress`"+` runs once less. It reads the row once less, and the approver, unless they were looked up within a minute, and doesn't call `+"`views.open`"+` again |
| a denied request | `+"`ingress`"+` runs once more and calls `+"`views.open`"+`, unless `+"`deny_reason`"+` is `+"`off`"+` |
| End now pressed by someone other than the requester | the same, for every setting |

| caller | call | times | why |
|---|---|---:|---|
`, c.Transitions)
	for _, r := range reasons {
		service, _, _ := strings.Cut(r.call, ".")
		fmt.Fprintf(&b, "| %s | `%s` | %d | %s |\n", cmp.Or(r.caller, noFunction[service]), r.call, c.Calls[r.caller][r.call], r.why)
	}
	b.WriteString("\n`SWBExternalService` is Identity Center's name in its API, and `AmazonSSM` is Parameter Store's.\n")
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
		t.Errorf("docs/reference/cost.md is out of date. If you meant this change, run: go test ./docs -update\n%s", &b)
	}
}

// TestEachCallHasItsReason checks that each counted call has exactly one reason.
func TestEachCallHasItsReason(t *testing.T) {
	c, err := readCallCounts()
	if err != nil {
		t.Fatal(err)
	}
	why := map[string]string{}
	for _, r := range reasons {
		name := r.caller + " " + r.call
		if r.why == "" || why[name] != "" {
			t.Errorf("%s: want exactly one reason", name)
		}
		if c.Calls[r.caller][r.call] == 0 {
			t.Errorf("%s has a reason but is never called", name)
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
		"evaluate":      {"DynamoDB.Query": 1},
		"grant start":   {"DynamoDB.GetItem": 3, "DynamoDB.PutItem": 1, "SWBExternalService.CreateAccountAssignment": 1},
		"grant confirm": {"DynamoDB.GetItem": 1, "DynamoDB.UpdateItem": 1},
		"audit granted": {"DynamoDB.UpdateItem": 1, "S3.PUT": 4, "S3.GET": 5},
		"notify":        {"Slack.chat.postMessage": 2},
	}}
	want := map[string]float64{
		"Step Functions: state transitions": 40, "Lambda: invocations": 6, "Lambda: GB-seconds": 0.15 * (4*0.25 + 2*0.5), "HTTP API: requests": 2,
		"DynamoDB: read units": 9, "DynamoDB: write units": 18, "S3: PUT": 4, "S3: GET and HEAD": 5, "CloudWatch Logs: GB": 6e-6, "X-Ray: traces": 3,
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
