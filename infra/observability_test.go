package main

import (
	"encoding/json"
	"fmt"
	"reflect"
	"slices"
	"strings"
	"testing"

	"sso-elevator/functions/access/metric"
)

// goldenNamespace is the metric namespace of the functions in the golden template.
const goldenNamespace = "SsoElevator/sso-elevator"

// writtenMetrics are the metrics that the functions write.
var writtenMetrics = []string{
	metric.RevokeFailed,
	metric.AuditDeferred,
	metric.Misconfigured,
	metric.Undecidable,
	metric.CatalogRefreshed,
	metric.SweepLooked,
	metric.Swept,
	metric.Outcome,
	metric.Granted,
	metric.Revoked,
	metric.TimeToDecision,
	metric.TimeToGrant,
	metric.ActiveAccess,
	metric.AccessOverdue,
	metric.Rechecked,
	metric.RecheckLate,
	metric.PeopleGone,
	metric.PeopleGoneHeld,
	metric.DriftFound,
	metric.DriftRevoked,
	metric.DriftFailed,
	metric.ReconcileBegun,
	metric.ReconcileCompleted,
	metric.ReconcileIncomplete,
}

// dashboardMetrics returns the metrics on the dashboard, as "namespace/name", with
// their dimensions.
func dashboardMetrics(t *testing.T) map[string][]string {
	t.Helper()
	body := resolvedAll(t, sharedStack(t).template.one(t, "AWS::CloudWatch::Dashboard").Properties["DashboardBody"])
	var page struct {
		Widgets []struct {
			Type       string
			Properties struct{ Metrics [][]any }
		}
	}
	if err := json.Unmarshal([]byte(body), &page); err != nil {
		t.Fatalf("the dashboard is no JSON: %v\n%s", err, body)
	}
	shown := map[string][]string{}
	for _, w := range page.Widgets {
		for _, m := range w.Properties.Metrics {
			var texts []string
			for _, part := range m {
				if text, ok := part.(string); ok {
					texts = append(texts, text)
				}
			}
			name := texts[0] + "/" + texts[1]
			shown[name] = append(shown[name], strings.Join(texts[2:], " "))
		}
	}
	return shown
}

// resolvedAll is resolved for text that also refers to attributes.
func resolvedAll(t *testing.T, value any) string {
	t.Helper()
	if join, ok := value.(map[string]any)["Fn::Join"].([]any); ok {
		var b strings.Builder
		for _, part := range join[1].([]any) {
			switch part := part.(type) {
			case string:
				b.WriteString(part)
			default:
				b.WriteString(strings.NewReplacer("map[", "<", "]", ">").Replace(fmt.Sprint(part)))
			}
		}
		return b.String()
	}
	t.Fatalf("cannot resolve %v", value)
	return ""
}

// TestDashboard checks that the dashboard has every metric of the functions, none
// that nothing writes, and the metrics of AWS's services beside them.
func TestDashboard(t *testing.T) {
	shown := dashboardMetrics(t)
	written := writtenMetrics
	for _, name := range written {
		if len(shown[goldenNamespace+"/"+name]) == 0 {
			t.Errorf("%s is not on the dashboard", name)
		}
	}
	for name := range shown {
		if own, ok := strings.CutPrefix(name, goldenNamespace+"/"); ok && !slices.Contains(written, own) {
			t.Errorf("the dashboard has %s, which nobody writes", own)
		}
	}
	for name, want := range map[string]int{
		"AWS/States/ExecutionsStarted": 2, "AWS/States/ExecutionsFailed": 2, "AWS/States/ExecutionThrottled": 2,
		"AWS/Lambda/Invocations": len(functionNames), "AWS/Lambda/Errors": len(functionNames),
		"AWS/Lambda/Throttles": len(functionNames), "AWS/Lambda/Duration": len(functionNames),
		"AWS/ApiGateway/Latency": 2, "AWS/ApiGateway/4xx": 1, "AWS/ApiGateway/5xx": 1,
		"AWS/DynamoDB/ConsumedReadCapacityUnits": 1, "AWS/DynamoDB/WriteThrottleEvents": 1, "AWS/SQS/NumberOfMessagesSent": 1,
		goldenNamespace + "/Outcome": len(outcomes),
	} {
		if got := len(shown[name]); got != want {
			t.Errorf("%s is there %d times, want %d", name, got, want)
		}
	}
	for _, kind := range outcomes {
		if want := "Kind " + string(kind); !slices.Contains(shown[goldenNamespace+"/Outcome"], want) {
			t.Errorf("no outcome %q among %q", want, shown[goldenNamespace+"/Outcome"])
		}
	}
}

// TestAlarmsLookAtWhatIsWritten checks that alarms use only metrics that something
// writes.
func TestAlarmsLookAtWhatIsWritten(t *testing.T) {
	written := writtenMetrics
	for id, r := range sharedStack(t).template.of("AWS::CloudWatch::Alarm") {
		if r.Properties["Namespace"] == goldenNamespace && !slices.Contains(written, r.Properties["MetricName"].(string)) {
			t.Errorf("%s looks at %v, which nobody writes", id, r.Properties["MetricName"])
		}
	}
}

func TestIngressSlow(t *testing.T) {
	for _, r := range sharedStack(t).template.of("AWS::CloudWatch::Alarm") {
		p := r.Properties
		if p["AlarmName"] != "sso-elevator-IngressSlow" {
			continue
		}
		for property, want := range map[string]any{
			"ExtendedStatistic": "p99", "Threshold": 2500.0, "ComparisonOperator": "GreaterThanThreshold",
			"Period": 300.0, "EvaluationPeriods": 3.0, "DatapointsToAlarm": 2.0, "TreatMissingData": "notBreaching",
		} {
			if p[property] != want {
				t.Errorf("%s is %v, want %v", property, p[property], want)
			}
		}
		return
	}
	t.Error("there is no such alarm")
}

// TestDeadLetters checks that failed starts and failed invocations of schedules go
// to a queue that is encrypted and accepts TLS only.
func TestDeadLetters(t *testing.T) {
	template := sharedStack(t).template
	queue := template.one(t, "AWS::SQS::Queue").Properties
	if queue["QueueName"] != "sso-elevator-dead-letters" || queue["SqsManagedSseEnabled"] != true || queue["MessageRetentionPeriod"] != 1209600.0 {
		t.Errorf("the queue is %v", queue)
	}
	policy := fmt.Sprint(template.one(t, "AWS::SQS::QueuePolicy").Properties)
	if !strings.Contains(policy, "map[aws:SecureTransport:false]") || !strings.Contains(policy, "Effect:Deny") {
		t.Errorf("without TLS it takes what it is sent: %s", policy)
	}
	var id string
	for logical := range template.of("AWS::SQS::Queue") {
		id = logical
	}
	arn := map[string]any{"Fn::GetAtt": []any{id, "Arn"}}
	schedules := template.of("AWS::Scheduler::Schedule")
	if len(schedules) != 5 {
		t.Errorf("there are %d schedules, want 5", len(schedules))
	}
	for schedule, r := range schedules {
		if got := r.Properties["Target"].(map[string]any)["DeadLetterConfig"]; !reflect.DeepEqual(got, map[string]any{"Arn": arn}) {
			t.Errorf("what %s can't start goes to %v", schedule, got)
		}
	}
	// The schedules invoke reconcile, and a minute check invokes revoke and notify.
	destinations := map[string]any{
		"ReconcileLive": map[string]any{"OnFailure": map[string]any{"Destination": arn}},
		"RevokeLive":    nil,
		"NotifyLive":    nil,
	}
	invocations := template.of("AWS::Lambda::EventInvokeConfig")
	if len(invocations) != len(destinations) {
		t.Errorf("%d functions have settings for invocations that nobody waits for, want %d", len(invocations), len(destinations))
	}
	for id, r := range invocations {
		invocation := r.Properties
		if invocation["MaximumRetryAttempts"] != 0.0 || invocation["MaximumEventAgeInSeconds"] != 60.0 {
			t.Errorf("%s: an invocation that fails: %v", id, invocation)
		}
		found := false
		for alias, want := range destinations {
			if strings.Contains(fmt.Sprint(invocation["Qualifier"]), alias) {
				found = true
				if !reflect.DeepEqual(invocation["DestinationConfig"], want) {
					t.Errorf("%s: failures go to %v, want %v", id, invocation["DestinationConfig"], want)
				}
			}
		}
		if !found {
			t.Errorf("%s is about %v, want one of %v", id, invocation["Qualifier"], destinations)
		}
	}
}

// TestFunctionsAreTraced checks that functions are traced like the machines that
// invoke them.
func TestFunctionsAreTraced(t *testing.T) {
	for id, r := range sharedStack(t).template.of("AWS::Lambda::Function") {
		if got := r.Properties["TracingConfig"]; !reflect.DeepEqual(got, map[string]any{"Mode": "Active"}) {
			t.Errorf("%s: tracing is %v", id, got)
		}
	}
	for _, name := range functionNames {
		var may []string
		for _, s := range sharedStack(t).template.statements(t, name) {
			may = append(may, s.Action...)
		}
		if !slices.Contains(may, "xray:PutTraceSegments") {
			t.Errorf("%s may not send its traces", name)
		}
	}
}
