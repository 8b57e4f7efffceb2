package main

import (
	"strings"
	"time"

	"github.com/aws/aws-cdk-go/awscdk/v2"
	"github.com/aws/aws-cdk-go/awscdk/v2/awscloudwatch"
	"github.com/aws/aws-cdk-go/awscdk/v2/awscloudwatchactions"
	"github.com/aws/aws-cdk-go/awscdk/v2/awsiam"
	"github.com/aws/aws-cdk-go/awscdk/v2/awsscheduler"
	"github.com/aws/aws-cdk-go/awscdk/v2/awssns"
	"github.com/aws/aws-cdk-go/awscdk/v2/awssnssubscriptions"
	"github.com/aws/aws-cdk-go/awscdk/v2/awssqs"
	"github.com/aws/aws-cdk-go/awscdk/v2/awsstepfunctions"
	"github.com/aws/constructs-go/constructs/v10"
	"github.com/aws/jsii-runtime-go"

	"sso-elevator/functions/access/metric"
	"sso-elevator/infra/settings"
)

// metricNamespace is the namespace of the functions' metrics. It is the stack's own,
// so that two stacks in one account and region count separately.
func metricNamespace(s *settings.Settings) string { return "SsoElevator/" + s.NamePrefix }

type alarmProps struct {
	settings                 *settings.Settings
	first                    bool // see elevatorProps
	requests, reconciliation awsstepfunctions.StateMachine
	slack                    slackEndpoint
	refresh, sweep, recheck  awsscheduler.CfnSchedule
	functions                map[string]function
	deadLetters              awssqs.Queue
}

// alarm is an alarm as data; newAlarm makes it.
type alarm struct {
	id     string // in the template, and after the prefix in the alarm's name
	metric awscloudwatch.IMetric
	fires  condition
	unless bool                     // true leaves the alarm out
	after  awsscheduler.CfnSchedule // created before the alarm, which would fire without it; nil if there is none
	text   string                   // in the email; {prefix} is the settings' name_prefix
}

// description returns the text of the alarm's email: what is wrong, the impact on
// access, the first thing to do, and where the manual is.
func (a alarm) description(prefix string) string {
	return strings.ReplaceAll(a.text, "{prefix}", prefix) + " Manual: docs/operate/alarms.md#" + strings.ToLower(a.id)
}

// condition says when an alarm is on, in CloudWatch's terms: if the comparison with
// the threshold is true in so many of the last periods.
type condition struct {
	compare             awscloudwatch.ComparisonOperator
	threshold           float64
	datapoints, periods int
	missing             awscloudwatch.TreatMissingData
}

const (
	below   = awscloudwatch.ComparisonOperator_LESS_THAN_THRESHOLD
	atLeast = awscloudwatch.ComparisonOperator_GREATER_THAN_OR_EQUAL_TO_THRESHOLD
	above   = awscloudwatch.ComparisonOperator_GREATER_THAN_THRESHOLD

	breaching    = awscloudwatch.TreatMissingData_BREACHING
	notBreaching = awscloudwatch.TreatMissingData_NOT_BREACHING
)

// happened is on from the first count in a minute until an hour after the last
// one. A removal that keeps failing is counted once per round, so its alarm stays
// on until the removal succeeds.
var happened = condition{atLeast, 1, 1, int(alarmStaysOn / alarmPeriod), notBreaching}

const (
	alarmPeriod  = time.Minute
	alarmStaysOn = time.Hour
)

// slow is on if the p99 was above 2500 ms in 2 of 3 periods: one cold start alone
// raises no alarm. Slack shows an error after 3 s (https://docs.slack.dev/interactivity),
// and the network takes half a second of that.
var slow = condition{above, 2500, 2, 3, notBreaching}

const slowPeriod = 5 * time.Minute

// lasting is on if something failed in 5 of 15 minutes. That is too long for the
// machines' retries.
var lasting = condition{atLeast, 1, 5, 15, notBreaching}

// silent is on when nothing was counted for so many periods in a row.
func silent(periods int) condition { return condition{below, 1, periods, periods, breaching} }

// How many periods may pass in silence.
const (
	sweepMisses = 5
	// recheckMisses is half of the time within which each person with active access should
	// be looked up.
	recheckMisses = 5
	// The catalog is old after six missed refreshes, and not before an hour.
	catalogMisses = 6
	catalogOld    = time.Hour
)

const ingressFails = "SLACK DOES NOT WORK: people can't request, approve or end access early, because {prefix}-ingress fails or can't read its signing secret. Access that is already granted still ends on time. First: read the error in the log of {prefix}-ingress."

// alarms returns every alarm of the system, in the order of the dashboard.
//
// CloudWatch counts the time before an alarm existed as missing data, and the alarm
// would fire at once. So the second deployment adds the alarms about missing data,
// when there is some.
func alarms(props alarmProps) []alarm {
	s := props.settings
	minute := &awscloudwatch.MetricOptions{Period: seconds(alarmPeriod), Statistic: jsii.String("Sum")}
	count := func(name string) awscloudwatch.IMetric { return counted(s, name, alarmPeriod, nil) }
	refreshEvery := wholeMinutes(s.CatalogRefresh)
	refreshMisses := max(catalogMisses, int((catalogOld+refreshEvery-1)/refreshEvery))
	return append([]alarm{
		{id: "RevokeFailed", metric: count(metric.RevokeFailed), fires: happened,
			text: "ACCESS WAS NOT REMOVED: someone still has access that should be gone. The removal is retried until it succeeds. Exception: if the request's row and lease were deleted from the table, only the request's own execution still removes it. First: find the access in the logs of {prefix}-audit and {prefix}-revoke. If it can't wait, remove it by hand in Identity Center."},
		{id: "AuditDeferred", metric: count(metric.AuditDeferred), fires: happened,
			text: "The audit bucket rejected a record. No record is lost and access is not affected: the record waits in the table and is retried. First: read the error in the log of {prefix}-audit. Check that {prefix}-audit may write to the bucket and use its key."},
		{id: "Misconfigured", metric: count(metric.Misconfigured), fires: happened,
			text: "A call failed that no retry can fix: a secret, a Slack channel or scope, an IAM permission, or two users with the same email address. Requests, messages or removals may fail until someone fixes it. First: search all logs of {prefix} for level ERROR and Misconfigured."},
		{id: "Undecidable", metric: count(metric.Undecidable), fires: lasting,
			text: "REQUESTS WAIT: the policy can't decide them, because group memberships or organizational units can't be read. Nothing is granted or refused until the reads work, or until each request has waited too long. Access that is already granted still ends on time. First: read the error in the logs of {prefix}-evaluate and {prefix}-grant (code Undecidable)."},
		{id: "Swept", metric: count(metric.Swept), fires: happened,
			text: "A request's execution ended too early, or kept access past its end. The sweep now finishes the request: it removes the access, or records the outcome. First: find the request in the log of {prefix}-reconcile (operation tombstone), and find out who or what ended the execution."},
		{id: "AccessOverdue", metric: count(metric.AccessOverdue), fires: happened,
			text: "ACCESS IS STILL THERE more than a minute after its end. {prefix}-reconcile retries its removal every minute. First: find the access in the log of {prefix}-reconcile (operation look). If this alarm stays on, remove the access by hand in Identity Center."},
		{id: "DriftFailed", metric: count(metric.DriftFailed), fires: happened,
			text: "UNKNOWN ACCESS WAS NOT REMOVED: a reconciliation failed to remove access that no request granted, or could not confirm its removal. A removal that has begun is retried every minute; others wait for the next reconciliation in mode revoke. First: read the reconciliation's message in Slack, which names the access."},
		{id: "RecheckLate", metric: count(metric.RecheckLate), fires: happened,
			text: "PEOPLE WHO LEFT MAY STILL HAVE ACCESS: people with active access were not looked up in Identity Center for more than 10 minutes. If they were disabled or deleted, their access continues until it ends. First: read the error in the log of {prefix}-reconcile (operation recheck)."},
		{id: "PeopleGoneHeld", metric: count(metric.PeopleGoneHeld), fires: happened,
			text: "ACCESS STAYS UNTIL SOMEONE ANSWERS: more than 10 people were disabled or deleted in Identity Center within an hour. At most ten of them lost their access. The others still have it. First: find out whether the directory sync is broken. If so, press Keep for 24 hours in Slack and fix the sync. If the people really left, press Remove."},
		{id: "ExecutionsFailed", metric: props.requests.MetricFailed(minute), fires: happened,
			text: "A request's execution failed. If it granted access, the sweep starts to remove that access within 150 seconds. First: find the execution (Step Functions, {prefix}-requests, status Failed), and check that the sweep removed its access."},
		{id: "ExecutionsTimedOut", metric: props.requests.MetricTimedOut(minute), fires: happened,
			text: "A request's execution timed out. If it granted access, the sweep starts to remove that access within 150 seconds. First: find the execution (Step Functions, {prefix}-requests, status Timed out), and check that the sweep removed its access."},
		{id: "ExecutionsAborted", metric: props.requests.MetricAborted(minute), fires: happened,
			text: "Someone stopped a request's execution. If it granted access, the sweep starts to remove that access within 150 seconds. First: find the execution (Step Functions, {prefix}-requests, status Aborted), and ask CloudTrail who called StopExecution."},
		{id: "ReconcileFailed", metric: props.reconciliation.MetricFailed(minute), fires: happened,
			text: "An execution of {prefix}-reconcile failed. Either a sweep did not remove access, which is retried every minute, or a reconciliation could not read everything and may have missed unknown access. Or a decision about one finding was not carried out or not recorded. First: find the execution (Step Functions, {prefix}-reconcile, status Failed). Its input shows the mode."},
		{id: "ReconcileTimedOut", metric: props.reconciliation.MetricTimedOut(minute), fires: happened,
			text: "An execution of {prefix}-reconcile timed out. A sweep is started again within a minute. A reconciliation is not repeated before its next scheduled time. First: find the execution (Step Functions, {prefix}-reconcile, status Timed out). Its input shows the mode."},
		{id: "ReconcileAborted", metric: props.reconciliation.MetricAborted(minute), fires: happened,
			text: "Someone stopped an execution of {prefix}-reconcile. A sweep is started again within a minute. A reconciliation is not repeated before its next scheduled time. First: ask CloudTrail who called StopExecution."},
		// Task functions return errors to tell their machine what to do. But await has no
		// expected errors.
		{id: "AwaitErrors", metric: props.functions["await"].alias.MetricErrors(minute), fires: happened,
			text: "BUTTONS MAY REACT LATE: {prefix}-await failed to store the token that resumes an execution. Every press still counts, but an approval may take effect a few minutes late, and the minute check carries out End now. First: read the error in the log of {prefix}-await."},
		// Audit counts RevokeFailed. If audit itself fails, only this alarm reports a
		// removal that keeps failing, or a record that can't be written.
		{id: "AuditErrors", metric: props.functions["audit"].alias.MetricErrors(minute), fires: happened,
			text: "REMOVALS MAY FAIL UNNOTICED: the audit function is failing, so the alarms RevokeFailed and AuditDeferred may stay silent. Records are retried. First: read the error in the log of {prefix}-audit, and check running executions for failing removals."},
		{id: "DeadLetters", metric: props.deadLetters.MetricNumberOfMessagesSent(minute), fires: happened,
			text: "A scheduled job could not start, or failed. If it was the minute check or the recheck, access may end late until the next one succeeds. Every job starts again on its schedule. First: read the messages in the queue {prefix}-dead-letters. They name the job and the error."},
		// We don't watch the function's own errors: ingress always answers with a status, and
		// a crash is a 5xx, too.
		{id: "IngressErrors", metric: props.slack.serverErrors(minute), fires: happened, unless: props.slack.api == nil,
			text: ingressFails},
		{id: "FunctionURLErrors", metric: props.slack.urlErrors(minute), fires: happened, unless: props.slack.function == nil,
			text: ingressFails},

		{id: "CatalogOld", metric: counted(s, metric.CatalogRefreshed, refreshEvery, nil), fires: silent(refreshMisses), unless: props.first, after: props.refresh,
			text: "The catalog is old: accounts, permission sets or groups could not be listed for a while. Forms show the last known list, and new items are missing. Access that is already granted is not affected. First: read the error in the log of {prefix}-reconcile (operation catalog)."},
		{id: "SweepMissing", metric: counted(s, metric.SweepLooked, sweepEvery, nil), fires: silent(sweepMisses), unless: props.first, after: props.sweep,
			text: "THE MINUTE CHECK DOES NOT SUCCEED. Running executions still end their access on time, but access whose execution is gone may stay. First: check that the schedule {prefix}-sweep is enabled, then read the error in the log of {prefix}-reconcile (operation look)."},
		{id: "RecheckMissing", metric: counted(s, metric.Rechecked, recheckEvery, nil), fires: silent(recheckMisses), unless: props.first, after: props.recheck,
			text: "PEOPLE WHO LEFT KEEP THEIR ACCESS until it ends: the recheck of people with active access is not running. First: check that the schedule {prefix}-recheck is enabled, then read the error in the log of {prefix}-reconcile (operation recheck)."},

		{id: "IngressSlow", metric: props.slack.latency(&awscloudwatch.MetricOptions{Period: seconds(slowPeriod), Statistic: jsii.String("p99")}), fires: slow,
			text: "Slack gets answers too late: it waits 3 seconds, then shows people an error. Requests and decisions may have to be repeated. Access that is already granted is not affected. First: look at the traces and the log of {prefix}-ingress to see which call is slow."},
		{id: "Throttled", metric: throttles(props.functions, minute), fires: lasting,
			text: "REMOVALS MAY BE LATE: Lambda throttles this app's functions. Either the account's concurrency is used up, or a function's reserved concurrency is too small. First: in CloudWatch, compare ConcurrentExecutions with the account's quota. Raise the quota, or stop the function that uses it up."},
	}, runAlarms(s)...)
}

// newAlarms makes the alarms and the topic that they notify, and returns the alarms.
func newAlarms(stack awscdk.Stack, props alarmProps) []awscloudwatch.Alarm {
	in := constructs.NewConstruct(stack, jsii.String("Alarms"))
	notify := awscloudwatchactions.NewSnsAction(newAlarmTopic(stack, in, props.settings))
	var made []awscloudwatch.Alarm
	for _, a := range alarms(props) {
		if a.unless {
			continue
		}
		one := newAlarm(in, props.settings.NamePrefix, a)
		one.AddAlarmAction(notify)
		made = append(made, one)
	}
	return made
}

func newAlarm(in constructs.Construct, prefix string, a alarm) awscloudwatch.Alarm {
	made := awscloudwatch.NewAlarm(in, &a.id, &awscloudwatch.AlarmProps{
		AlarmName:          jsii.String(prefix + "-" + a.id),
		AlarmDescription:   jsii.String(a.description(prefix)),
		Metric:             a.metric,
		Threshold:          &a.fires.threshold,
		ComparisonOperator: a.fires.compare,
		EvaluationPeriods:  jsii.Number(a.fires.periods),
		DatapointsToAlarm:  jsii.Number(a.fires.datapoints),
		TreatMissingData:   a.fires.missing,
	})
	if a.after != nil {
		made.Node().AddDependency(a.after)
	}
	return made
}

// newAlarmTopic makes the topic that alarms go to. If the settings have an address
// for alarms, the topic sends an email there.
func newAlarmTopic(stack awscdk.Stack, in constructs.Construct, s *settings.Settings) awssns.Topic {
	topic := awssns.NewTopic(in, jsii.String("Topic"), &awssns.TopicProps{
		TopicName:   jsii.String(s.NamePrefix + "-alarms"),
		DisplayName: jsii.String("SSO elevator alarms"),
		EnforceSSL:  jsii.Bool(true),
		// Without a customer key there is no encryption key at all: CloudWatch may
		// not use the key aws/sns, so no alarm would arrive.
		MasterKey: customerKey(in, "Key", s),
	})
	// EnforceSSL replaces the default policy of a topic, so CloudWatch needs a
	// statement of its own.
	topic.AddToResourcePolicy(awsiam.NewPolicyStatement(&awsiam.PolicyStatementProps{
		Sid:        jsii.String("AlarmsOfThisAccount"),
		Principals: &[]awsiam.IPrincipal{awsiam.NewServicePrincipal(jsii.String("cloudwatch.amazonaws.com"), nil)},
		Actions:    jsii.Strings("sns:Publish"),
		Resources:  &[]*string{topic.TopicArn()},
		Conditions: &map[string]any{"StringEquals": map[string]any{"aws:SourceAccount": stack.Account()}},
	}))
	if s.AlarmEmail != "" {
		topic.AddSubscription(awssnssubscriptions.NewEmailSubscription(&s.AlarmEmail, nil))
	}
	return topic
}

// counted is one of the functions' own metrics, summed over each period.
func counted(s *settings.Settings, name string, period time.Duration, dimensions map[string]*string) awscloudwatch.IMetric {
	return awscloudwatch.NewMetric(&awscloudwatch.MetricProps{
		Namespace: jsii.String(metricNamespace(s)), MetricName: &name, DimensionsMap: &dimensions,
		Period: seconds(period), Statistic: jsii.String("Sum"),
	})
}

// throttles is how many calls Lambda throttled, over all functions.
func throttles(functions map[string]function, options *awscloudwatch.MetricOptions) awscloudwatch.IMetric {
	of := map[string]awscloudwatch.IMetric{}
	for _, name := range functionNames {
		of[name] = functions[name].alias.MetricThrottles(options)
	}
	return awscloudwatch.NewMathExpression(&awscloudwatch.MathExpressionProps{
		Expression: jsii.String("SUM(METRICS())"), UsingMetrics: &of, Period: options.Period, Label: jsii.String("throttled"),
	})
}
