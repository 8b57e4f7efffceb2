package main

import (
	"time"

	"github.com/aws/aws-cdk-go/awscdk/v2"
	"github.com/aws/aws-cdk-go/awscdk/v2/awscloudwatch"
	"github.com/aws/aws-cdk-go/awscdk/v2/awsdynamodb"
	"github.com/aws/aws-cdk-go/awscdk/v2/awssqs"
	"github.com/aws/aws-cdk-go/awscdk/v2/awsstepfunctions"
	"github.com/aws/aws-cdk-go/awscdk/v2/interfaces/interfacesawscloudwatch"
	"github.com/aws/jsii-runtime-go"

	"sso-elevator/functions/access"
	"sso-elevator/functions/access/metric"
	"sso-elevator/infra/settings"
)

// dashboardPeriod is the time between two points of a graph.
const dashboardPeriod = 5 * time.Minute

// outcomes are the outcomes of requests, in the order of the graph.
var outcomes = []access.OutcomeKind{
	access.OutcomeAutomatic, access.OutcomeApproved, access.OutcomeDenied,
	access.OutcomeWithdrawn, access.OutcomeExpired, access.OutcomeRefused,
}

// byPeople are the outcomes that people decide, and take time for.
var byPeople = []access.OutcomeKind{access.OutcomeApproved, access.OutcomeDenied}

type dashboardProps struct {
	settings                 *settings.Settings
	alarms                   []awscloudwatch.Alarm
	requests, reconciliation awsstepfunctions.StateMachine
	slack                    slackEndpoint
	functions                map[string]function
	table                    awsdynamodb.Table
	deadLetters              awssqs.Queue
}

// newDashboard creates one page for everything: alarms and requests at the top, and
// the services that they run on below.
func newDashboard(stack awscdk.Stack, props dashboardProps) {
	s := props.settings
	dashboard := awscloudwatch.NewDashboard(stack, jsii.String("Dashboard"), &awscloudwatch.DashboardProps{
		DashboardName:   jsii.String(s.NamePrefix),
		DefaultInterval: awscdk.Duration_Days(jsii.Number(7)),
		PeriodOverride:  awscloudwatch.PeriodOverride_AUTO,
	})
	alarms := make([]interfacesawscloudwatch.IAlarmRef, len(props.alarms))
	for i, alarm := range props.alarms {
		alarms[i] = alarm
	}
	dashboard.AddWidgets(awscloudwatch.NewAlarmStatusWidget(&awscloudwatch.AlarmStatusWidgetProps{
		Title: jsii.String("Alarms"), Alarms: &alarms, Width: jsii.Number(24), Height: jsii.Number(4),
	}))

	metrics := ownMetrics(metricNamespace(s))
	var decided, decisions []awscloudwatch.IMetric
	for _, kind := range outcomes {
		decided = append(decided, metrics.ownOf(metric.Outcome, "Sum", string(kind), kind))
	}
	for _, kind := range byPeople {
		for _, percentile := range []string{"p50", "p90"} {
			decisions = append(decisions, metrics.ownOf(metric.TimeToDecision, percentile, string(kind)+" "+percentile, kind))
		}
	}
	row(dashboard,
		graph("Requests by outcome", decided...),
		graph("Time to decision, ms", decisions...),
		graph("Time to grant, ms", metrics.own(metric.TimeToGrant, "p50"), metrics.own(metric.TimeToGrant, "p99")),
		graph("Active access", metrics.own(metric.ActiveAccess, "Maximum")),
	)
	row(dashboard,
		graph("Granted and removed", metrics.own(metric.Granted, "Sum"), metrics.own(metric.Revoked, "Sum"), metrics.own(metric.PeopleGone, "Sum")),
		graph("Needs attention", metrics.own(metric.RevokeFailed, "Sum"), metrics.own(metric.AccessOverdue, "Maximum"), metrics.own(metric.Swept, "Sum"), metrics.own(metric.AuditDeferred, "Sum"), metrics.own(metric.Misconfigured, "Sum"), metrics.own(metric.Undecidable, "Sum"),
			metrics.own(metric.PeopleGoneHeld, "Sum"), metrics.own(metric.RecheckLate, "Sum")),
		graph("Unknown access", metrics.own(metric.DriftFound, "Sum"), metrics.own(metric.DriftRevoked, "Sum"), metrics.own(metric.DriftFailed, "Sum"), metrics.own(metric.ReconcileIncomplete, "Sum"),
			metrics.ownWith(metric.ReconcileBegun, "Sum", "begun, warn", "Mode", string(access.DriftWarn)),
			metrics.ownWith(metric.ReconcileBegun, "Sum", "begun, revoke", "Mode", string(access.DriftRevoke)),
			metrics.ownWith(metric.ReconcileCompleted, "Sum", "completed, warn", "Mode", string(access.DriftWarn)),
			metrics.ownWith(metric.ReconcileCompleted, "Sum", "completed, revoke", "Mode", string(access.DriftRevoke))),
		graph("Scheduled checks", metrics.own(metric.SweepLooked, "Sum"), metrics.own(metric.Rechecked, "Sum"), metrics.own(metric.CatalogRefreshed, "Sum")),
	)
	machineRow(dashboard, "Request executions", props.requests)
	machineRow(dashboard, "Reconcile executions", props.reconciliation)
	functionRow(dashboard, props.functions)

	latency := func(percentile string) awscloudwatch.IMetric {
		return props.slack.latency(&awscloudwatch.MetricOptions{Period: seconds(dashboardPeriod), Statistic: &percentile, Label: &percentile})
	}
	row(dashboard,
		graph("Calls from Slack", props.slack.calls(sum("all")), props.slack.clientErrors(sum("4xx")), props.slack.serverErrors(sum("5xx"))),
		graph("Time to answer Slack, ms (limit 3000)", latency("p50"), latency("p99")),
		graph("Table: units", props.table.MetricConsumedReadCapacityUnits(sum("read")), props.table.MetricConsumedWriteCapacityUnits(sum("written"))),
		graph("Table: throttled; dead letters", ofTable(props.table, "ReadThrottleEvents"), ofTable(props.table, "WriteThrottleEvents"),
			props.deadLetters.MetricNumberOfMessagesSent(sum("dead letters"))),
	)
}

// machineRow shows how a machine's executions end.
func machineRow(dashboard awscloudwatch.Dashboard, title string, machine awsstepfunctions.StateMachine) {
	row(dashboard,
		graph(title, machine.MetricStarted(sum("started")), machine.MetricSucceeded(sum("succeeded")),
			machine.MetricFailed(sum("failed")), machine.MetricTimedOut(sum("timed out")), machine.MetricAborted(sum("aborted"))),
		graph(title+" throttled", machine.MetricThrottled(sum("throttled"))),
	)
}

// functionRow shows all functions, with a line in each graph for each function.
func functionRow(dashboard awscloudwatch.Dashboard, functions map[string]function) {
	var invocations, failures, throttles, durations []awscloudwatch.IMetric
	for _, name := range functionNames {
		alias := functions[name].alias
		invocations = append(invocations, alias.MetricInvocations(sum(name)))
		failures = append(failures, alias.MetricErrors(sum(name)))
		throttles = append(throttles, alias.MetricThrottles(sum(name)))
		durations = append(durations, alias.MetricDuration(&awscloudwatch.MetricOptions{
			Period: seconds(dashboardPeriod), Statistic: jsii.String("p99"), Label: jsii.String(name),
		}))
	}
	row(dashboard,
		graph("Invocations", invocations...),
		// Some of them are normal: a function returns an error to make its machine retry.
		graph("Function errors", failures...),
		graph("Throttled invocations", throttles...),
		graph("Function duration p99, ms", durations...),
	)
}

func sum(label string) *awscloudwatch.MetricOptions {
	return &awscloudwatch.MetricOptions{Period: seconds(dashboardPeriod), Statistic: jsii.String("Sum"), Label: &label}
}

// widgetsInRow is how many graphs fit side by side. A page has 24 columns.
const widgetsInRow = 4

func row(dashboard awscloudwatch.Dashboard, graphs ...awscloudwatch.IWidget) {
	if len(graphs) > widgetsInRow {
		panic("dashboard: more graphs than fit into a row")
	}
	dashboard.AddWidgets(graphs...)
}

func graph(title string, metrics ...awscloudwatch.IMetric) awscloudwatch.IWidget {
	return awscloudwatch.NewGraphWidget(&awscloudwatch.GraphWidgetProps{
		Title: &title, Left: &metrics, Width: jsii.Number(24 / widgetsInRow), Height: jsii.Number(6),
		LeftYAxis: &awscloudwatch.YAxisProps{Min: jsii.Number(0)},
	})
}

// ownMetrics is the namespace of the functions' own metrics.
type ownMetrics string

// own returns one of these metrics.
func (namespace ownMetrics) own(name, statistic string) awscloudwatch.IMetric {
	label := name
	if statistic[0] == 'p' {
		label = statistic
	}
	return newMetric(string(namespace), name, statistic, label, nil)
}

func (namespace ownMetrics) ownOf(name, statistic, label string, kind access.OutcomeKind) awscloudwatch.IMetric {
	return namespace.ownWith(name, statistic, label, "Kind", string(kind))
}

func (namespace ownMetrics) ownWith(name, statistic, label, dimension, value string) awscloudwatch.IMetric {
	return newMetric(string(namespace), name, statistic, label, map[string]*string{dimension: &value})
}

func ofTable(table awsdynamodb.Table, name string) awscloudwatch.IMetric {
	return newMetric("AWS/DynamoDB", name, "Sum", name, map[string]*string{"TableName": table.TableName()})
}

func newMetric(namespace, name, statistic, label string, dimensions map[string]*string) awscloudwatch.IMetric {
	return awscloudwatch.NewMetric(&awscloudwatch.MetricProps{
		Namespace: &namespace, MetricName: &name, Statistic: &statistic, Label: &label,
		Period: seconds(dashboardPeriod), DimensionsMap: &dimensions,
	})
}
