package cost

import (
	"bytes"
	"encoding/json"
	"flag"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"testing"
)

var update = flag.Bool("update", false, "write docs/cost.md")

// What is there without a request: in the golden template. Alarms are the metrics
// that they look at.
func standing(t *testing.T) (alarms, metrics int) {
	t.Helper()
	text, err := os.ReadFile(filepath.Join("..", "testdata", "template.json"))
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
		// An alarm is paid for by each metric that it looks at.
		looks := 0
		for _, m := range r.Properties.Metrics {
			if m.MetricStat != nil {
				looks++
			}
		}
		alarms += max(looks, 1)
	}
	// 18 names; outcomes and times to decision come by six kinds, runs that
	// began and that completed by two modes.
	return alarms, 18 + 5 + 5 + 1 + 1
}

// The page is what the code computes from what was counted.
func TestCostPage(t *testing.T) {
	c, err := Request()
	if err != nil {
		t.Fatal(err)
	}
	var b bytes.Buffer
	b.WriteString(`# What it costs

This page is made from the code (` + "`go test ./infra/cost -update`" + `): the calls of one request that is approved, granted and ends on time, as
` + "`infra/e2e.TestDrain`" + ` counts them on the local stack, times the prices in [` + "`infra/cost/cost.go`" + `](../infra/cost/cost.go): US dollars, us-east-1,
January 2026, without any free tier. That file also has what is assumed, because it can't be counted here: 150 ms for each invocation, rows of 4 KB, 1 KB of
log for each invocation. Each reminder adds four transitions and three invocations.

| 1,000 requests | count | USD |
|---|---:|---:|
`)
	lines := PerRequest(c)
	for _, l := range lines {
		fmt.Fprintf(&b, "| %s | %.6g | %.3f |\n", l.What, 1000*l.Count, 1000*l.USD)
	}
	fmt.Fprintf(&b, "| **all** | | **%.2f** |\n\nIdentity Center, the Identity Store, Organizations, standard parameters of SSM and Slack cost nothing. A secret in Secrets Manager costs 0.40 a month.\n\n", 1000*Sum(lines))
	b.WriteString("| a month, whether or not anybody asks | count | USD |\n|---|---:|---:|\n")
	alarms, metrics := standing(t)
	lines = PerMonth(alarms, metrics)
	for _, l := range lines {
		fmt.Fprintf(&b, "| %s | %.0f | %.2f |\n", l.What, l.Count, l.USD)
	}
	fmt.Fprintf(&b, "| **all** | | **%.2f** |\n\nRuns that look for access that nobody asked for come on top: `make bench` says how many calls, all of them free but for the functions' time.\n\n", Sum(lines))
	b.WriteString("What one request calls:\n\n| call | times |\n|---|---:|\n")
	fmt.Fprintf(&b, "| state transition | %d |\n", c.Transitions)
	for _, name := range slices.Sorted(maps.Keys(c.Calls)) {
		fmt.Fprintf(&b, "| `%s` | %d |\n", name, c.Calls[name])
	}
	path := filepath.Join("..", "..", "docs", "cost.md")
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
		t.Errorf("docs/cost.md is not what the code says; if that is meant: go test ./infra/cost -update\n%s", &b)
	}
}

func TestPerRequest(t *testing.T) {
	c := Calls{Transitions: 40, Calls: map[string]int{
		"HTTPAPI.POST": 2, "Lambda.grant": 3, "Lambda.audit": 1, "DynamoDB.GetItem": 4, "DynamoDB.UpdateItem": 2, "DynamoDB.PutItem": 1, "S3.PUT": 4, "S3.GET": 5,
		"SWBExternalService.CreateAccountAssignment": 1, "Slack.chat.postMessage": 2,
	}}
	want := map[string]float64{
		"Step Functions: state transitions": 40, "Lambda: invocations": 6, "Lambda: GB-seconds": 0.15 * (4*0.25 + 2*0.5), "HTTP API: requests": 2,
		"DynamoDB: read units": 4, "DynamoDB: write units": 15, "S3: PUT": 4, "S3: GET and HEAD": 5, "CloudWatch Logs: GB": 6e-6, "X-Ray: traces": 3,
	}
	got := PerRequest(c)
	for _, l := range got {
		if l.Count != want[l.What] {
			t.Errorf("%s: %v, want %v", l.What, l.Count, want[l.What])
		}
	}
	if len(got) != len(want) {
		t.Errorf("%d lines, want %d", len(got), len(want))
	}
	if got := got[0].USD; got < 0.00099 || got > 0.00101 {
		t.Errorf("40 transitions cost %v, want a tenth of a cent", got)
	}
}
