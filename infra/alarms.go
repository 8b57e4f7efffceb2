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
	after  awsscheduler.CfnSchedule // begins before the alarm looks; nil for none
	text   string                   // in the mail; {prefix} is the settings' name_prefix
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

// slow is on if the p99 was above 2500 ms in 2 of 3 periods: one cold start alone is
// no alarm. Slack shows an error after 3 s (https://docs.slack.dev/interactivity), and
// half a second of them is the way to Slack and back.
var slow = condition{above, 2500, 2, 3, notBreaching}

const slowPeriod = 5 * time.Minute

// throttled is on if Lambda throttled calls in 5 of 15 minutes. The machines retry,
// but don't get over that in time.
var throttled = condition{atLeast, 1, 5, 15, notBreaching}

// silent is on when nothing was counted for so many periods in a row.
func silent(periods int) condition { return condition{below, 1, periods, periods, breaching} }

// How many periods may pass in silence.
const (
	sweepMisses = 5
	// recheckMisses is half of the time in which each person with active access is
	// to be looked up.
	recheckMisses = 5
	// The catalog is old after six missed refreshes, and not before an hour.
	catalogMisses = 6
	catalogOld    = time.Hour
)

const ingressFails = "What people do in Slack fails: its signing secret can't be read, or the function does not work."

// alarms returns every alarm of the system, in the order of the dashboard.
//
// CloudWatch counts the time before an alarm existed as silence, and would alarm at
// once. So the alarms about silence come with the second deployment, when there is
// data.
func alarms(props alarmProps) []alarm {
	s := props.settings
	minute := &awscloudwatch.MetricOptions{Period: seconds(alarmPeriod), Statistic: jsii.String("Sum")}
	count := func(name string) awscloudwatch.IMetric { return counted(s, name, alarmPeriod, nil) }
	refreshEvery := wholeMinutes(s.CatalogRefresh)
	refreshMisses := max(catalogMisses, int((catalogOld+refreshEvery-1)/refreshEvery))
	return append([]alarm{
		{id: "RevokeFailed", metric: count(metric.RevokeFailed), fires: happened,
			text: "Access could not be removed and is still there. It is tried again until it succeeds. Exception: if the table has neither row nor lease of a request, only the request's own execution removes its access; the log of {prefix}-revoke names the access. Check whether it is still there."},
		{id: "AuditDeferred", metric: count(metric.AuditDeferred), fires: happened,
			text: "The audit bucket did not take a record. It waits in the table and is tried again."},
		{id: "Misconfigured", metric: count(metric.Misconfigured), fires: happened,
			text: "Something failed that a person has to mend: a token, a channel, a permission. The execution's history and the function's log say what."},
		{id: "Swept", metric: count(metric.Swept), fires: happened,
			text: "A request's execution ended before its time, or did not end its access. The sweep takes the access away; the log of {prefix}-reconcile names the request."},
		{id: "AccessOverdue", metric: count(metric.AccessOverdue), fires: happened,
			text: "Access is still there a minute after it should have ended. The function {prefix}-reconcile has it removed each minute; its log names the request. If the alarm stays on, remove the access by hand."},
		{id: "DriftFailed", metric: count(metric.DriftFailed), fires: happened,
			text: "Access that no request granted could not be removed. The next run that removes tries again; the message of the run names it."},
		{id: "RecheckLate", metric: count(metric.RecheckLate), fires: happened,
			text: "People with active access were not looked up in Identity Center for more than 10 minutes: if they are disabled or deleted, they keep their access. The log of {prefix}-reconcile says why."},
		{id: "PeopleGoneHeld", metric: count(metric.PeopleGoneHeld), fires: happened,
			text: "More than 10 people were disabled or deleted in Identity Center within an hour. Their access is still there: answer the question in Slack. If the directory sync is broken, leave the access and fix the sync."},
		{id: "ExecutionsFailed", metric: props.requests.MetricFailed(minute), fires: happened,
			text: "A request's execution failed. Within two minutes the sweep takes its access away, if it had any."},
		{id: "ExecutionsTimedOut", metric: props.requests.MetricTimedOut(minute), fires: happened,
			text: "A request's execution timed out. Within two minutes the sweep takes its access away, if it had any."},
		{id: "ExecutionsAborted", metric: props.requests.MetricAborted(minute), fires: happened,
			text: "Somebody stopped a request's execution. Within two minutes the sweep takes its access away, if it had any."},
		{id: "ReconcileFailed", metric: props.reconciliation.MetricFailed(minute), fires: happened,
			text: "The reconcile machine could not finish: a sweep that did not remove access, or a scan that did not read everything. Both are tried again."},
		{id: "ReconcileTimedOut", metric: props.reconciliation.MetricTimedOut(minute), fires: happened,
			text: "An execution of the reconcile machine timed out. A sweep is started again within a minute."},
		{id: "ReconcileAborted", metric: props.reconciliation.MetricAborted(minute), fires: happened,
			text: "Somebody stopped an execution of the reconcile machine. A sweep is started again within a minute."},
		// Task functions return errors to tell their machine what to do. Await has no
		// expected errors.
		{id: "AwaitErrors", metric: props.functions["await"].alias.MetricErrors(minute), fires: happened,
			text: "A wait's token could not be stored: a button may have its effect only at the next reminder, or at the end. The log of {prefix}-await says why."},
		// Audit counts RevokeFailed: if it fails, nobody hears of a removal that keeps
		// failing, or of a record that can't be written.
		{id: "AuditErrors", metric: props.functions["audit"].alias.MetricErrors(minute), fires: happened,
			text: "A record could not be written, or what the alarms RevokeFailed and AuditDeferred would tell could not be told. It is tried again until it succeeds; the log of {prefix}-audit says why."},
		{id: "DeadLetters", metric: props.deadLetters.MetricNumberOfMessagesSent(minute), fires: happened,
			text: "What a schedule should have started could not be, or it failed. The messages in the queue {prefix}-dead-letters say what and why; it is started again when it is due."},
		// Not the errors of the function ingress: it always answers with a status, and
		// a crash is a 5xx here too.
		{id: "IngressErrors", metric: props.slack.serverErrors(minute), fires: happened, unless: props.slack.api == nil,
			text: ingressFails},
		{id: "FunctionURLErrors", metric: props.slack.urlErrors(minute), fires: happened, unless: props.slack.function == nil,
			text: ingressFails},

		{id: "CatalogOld", metric: counted(s, metric.CatalogRefreshed, refreshEvery, nil), fires: silent(refreshMisses), unless: props.first, after: props.refresh,
			text: "Accounts, permission sets or groups could not be listed for a while. People are offered what there was; what is new is missing. The log of {prefix}-reconcile says why."},
		{id: "SweepMissing", metric: counted(s, metric.SweepLooked, sweepEvery, nil), fires: silent(sweepMisses), unless: props.first, after: props.sweep,
			text: "Nobody looks for requests whose execution is gone: their access would stay. The log of {prefix}-reconcile says why."},
		{id: "RecheckMissing", metric: counted(s, metric.Rechecked, recheckEvery, nil), fires: silent(recheckMisses), unless: props.first, after: props.recheck,
			text: "Nobody looks up the people who have active access: whoever is disabled or deleted keeps it until its end. The log of {prefix}-reconcile says why."},

		{id: "IngressSlow", metric: props.slack.latency(&awscloudwatch.MetricOptions{Period: seconds(slowPeriod), Statistic: jsii.String("p99")}), fires: slow,
			text: "Slack waits 3 seconds for an answer, and people begin to see that it got none in time. The traces and the log of {prefix}-ingress say what takes so long."},
		{id: "Throttled", metric: throttles(props.functions, minute), fires: throttled,
			text: "Lambda has no room for the functions, minute after minute: removals come late. The account's concurrency is used up, or a function's reserved concurrency is too small."},
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
		AlarmDescription:   jsii.String(strings.ReplaceAll(a.text, "{prefix}", prefix)),
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
// for alarms, it gets a mail.
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

// counted is a metric of the functions' own, summed over each period.
func counted(s *settings.Settings, name string, period time.Duration, dimensions map[string]*string) awscloudwatch.IMetric {
	return awscloudwatch.NewMetric(&awscloudwatch.MetricProps{
		Namespace: jsii.String(metricNamespace(s)), MetricName: &name, DimensionsMap: &dimensions,
		Period: seconds(period), Statistic: jsii.String("Sum"),
	})
}

// throttles is how many calls Lambda throttled, of all functions together.
func throttles(functions map[string]function, options *awscloudwatch.MetricOptions) awscloudwatch.IMetric {
	of := map[string]awscloudwatch.IMetric{}
	for _, name := range functionNames {
		of[name] = functions[name].alias.MetricThrottles(options)
	}
	return awscloudwatch.NewMathExpression(&awscloudwatch.MathExpressionProps{
		Expression: jsii.String("SUM(METRICS())"), UsingMetrics: &of, Period: options.Period, Label: jsii.String("throttled"),
	})
}
