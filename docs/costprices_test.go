package docs

import (
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// Prices in US dollars, us-east-1, without any free tier, from the services'
// pricing pages in January 2026 (aws.amazon.com/<service>/pricing). Nothing updates
// them.
const (
	perTransition  = 0.025 / 1_000     // Step Functions, Standard
	perInvocation  = 0.20 / 1_000_000  // Lambda
	perGBSecond    = 0.0000133334      // Lambda, arm64
	perRead        = 0.125 / 1_000_000 // DynamoDB on demand, read request unit
	perWrite       = 0.625 / 1_000_000 // DynamoDB on demand, write request unit
	perHTTPRequest = 1.00 / 1_000_000  // API Gateway, HTTP API
	perPut         = 0.005 / 1_000     // S3
	perGet         = 0.0004 / 1_000    // S3
	perLogGB       = 0.50              // CloudWatch Logs, ingested
	perTrace       = 5.00 / 1_000_000  // X-Ray, recorded
	perAlarmMonth  = 0.10              // CloudWatch
	perMetricMonth = 0.30              // CloudWatch, custom
	perDashboard   = 3.00              // CloudWatch, a month
	perSchedule    = 1.00 / 1_000_000  // EventBridge Scheduler, invocation
	monthHours     = 730               // AWS bills a month as this many
)

// Assumptions, because this machine can't measure them: how long a function runs,
// how large a request's row is, and how much is logged.
const (
	secondsPerInvocation = 0.15
	functionGB           = 0.25 // 256 MiB
	ingressGB            = 0.5
	unitsPerWrite        = 6 // a row of up to 4 KB, and its entries in the indexes
	unitsPerRead         = 1 // up to 4 KB, strongly consistent
	unitsPerQuery        = 5 // the person's last 40 requests, 1 KB each, eventually consistent
	logGBPerInvocation   = 1.0 / 1_000_000
)

// callCounts are what infra/e2e counted: state transitions, with retries, and
// calls. The calls are by caller, like "grant start", and then by service and
// operation, like "DynamoDB.GetItem". The caller "" is Slack or Step Functions.
type callCounts struct {
	Transitions int
	Calls       map[string]map[string]int
}

// readCallCounts returns the calls of one request that is approved, granted, and
// ends on time. infra/e2e counts them on the local stack.
func readCallCounts() (c callCounts, err error) {
	text, err := os.ReadFile(filepath.Join("..", "infra", "e2e", "testdata", "request.json"))
	if err != nil {
		return callCounts{}, err
	}
	err = json.Unmarshal(text, &c)
	return c, err
}

// of returns the number of calls of a service, by all callers. With beginnings, it
// counts only operations that begin with one of them.
func (c callCounts) of(service string, beginnings ...string) (n int) {
	if len(beginnings) == 0 {
		beginnings = []string{""}
	}
	for _, calls := range c.Calls {
		for name, count := range calls {
			if slices.ContainsFunc(beginnings, func(b string) bool { return strings.HasPrefix(name, service+"."+b) }) {
				n += count
			}
		}
	}
	return n
}

// billLine is one line of a bill.
type billLine struct {
	what  string
	count float64
	usd   float64
}

// billPerRequest returns what one request costs, by service. Identity Center, the
// Identity Store, Organizations, SSM's standard parameters, and Slack cost nothing.
func billPerRequest(c callCounts) []billLine {
	ingress := float64(c.of("HTTPAPI"))
	tasks := float64(c.of("Lambda"))
	reads, writes := float64(c.of("DynamoDB", "Get")*unitsPerRead+c.of("DynamoDB", "Query")*unitsPerQuery), float64(c.of("DynamoDB", "Put", "Update", "Delete")*unitsPerWrite)
	seconds := secondsPerInvocation * (tasks*functionGB + ingress*ingressGB)
	line := func(what string, n, price float64) billLine { return billLine{what, n, n * price} }
	return []billLine{
		line("Step Functions: state transitions", float64(c.Transitions), perTransition),
		line("Lambda: invocations", tasks+ingress, perInvocation),
		line("Lambda: GB-seconds", seconds, perGBSecond),
		line("HTTP API: requests", ingress, perHTTPRequest),
		line("DynamoDB: read units", reads, perRead),
		line("DynamoDB: write units", writes, perWrite),
		line("S3: PUT", float64(c.of("S3", "PUT")), perPut),
		line("S3: GET and HEAD", float64(c.of("S3", "GET", "HEAD")), perGet),
		line("CloudWatch Logs: GB", (tasks+ingress)*logGBPerInvocation, perLogGB),
		line("X-Ray: traces", 1+ingress, perTrace),
	}
}

// billPerMonth returns what a month costs without any request: alarms, metrics with
// their dimensions, the dashboard, the sweep and the recheck, which run every
// minute (their seconds at the functions' size), and the catalog, which is
// refreshed every ten. A recheck that looks people up takes half a second longer
// for each.
func billPerMonth(alarms, metrics int) []billLine {
	invocations := monthHours * 60.0 * (2 + 1.0/10)
	line := func(what string, n, price float64) billLine { return billLine{what, n, n * price} }
	return []billLine{
		line("CloudWatch: metrics of alarms", float64(alarms), perAlarmMonth),
		line("CloudWatch: custom metrics, if all occur", float64(metrics), perMetricMonth),
		line("CloudWatch: dashboard", 1, perDashboard),
		line("Schedules and their invocations", invocations, perSchedule+perInvocation),
		line("Lambda: GB-seconds of these invocations", invocations*secondsPerInvocation*2*functionGB, perGBSecond),
		line("X-Ray: traces of these, one in twenty", invocations/20, perTrace),
	}
}

// sum returns the lines' total.
func sum(lines []billLine) (usd float64) {
	for _, l := range lines {
		usd += l.usd
	}
	return usd
}
