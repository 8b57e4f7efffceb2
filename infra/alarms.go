package main

import (
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

	"sso-elevator/infra/settings"
)

// metricNamespace is where the functions count what people must know of: two
// stacks in one account and region don't count together.
// functions/adapters/host gives the names.
func metricNamespace(s *settings.Settings) string { return "SsoElevator/" + s.NamePrefix }

// An alarm looks at minutes, and stays on for an hour after the last time: a
// removal that keeps failing says so once per round, and the alarm is on until
// it succeeds.
const (
	alarmPeriod  = time.Minute
	alarmStaysOn = time.Hour
)

// The catalog is old when it was not refreshed so often, nor for so long.
const (
	catalogMisses = 6
	catalogOld    = time.Hour
)

// sweepMisses is how many minutes may go by without a look for what was left
// behind.
const sweepMisses = 5

// recheckMisses is how many minutes may go by without a recheck of the people
// who have active access: half of the time in which each is to be looked up.
const recheckMisses = 5

type alarmProps struct {
	settings                 *settings.Settings
	first                    bool // see elevatorProps
	requests, reconciliation awsstepfunctions.StateMachine
	slack                    slackEndpoint
	refresh, sweep, recheck  awsscheduler.CfnSchedule
	functions                map[string]function
	deadLetters              awssqs.Queue
}

// Slack shows an error to whoever waited for 3 s,
// https://docs.slack.dev/interactivity. Half a second of that is the way to
// Slack and back. A cold start alone is no alarm: it takes two slow answers in a
// quarter of an hour.
const (
	slowAnswer      = 2500 * time.Millisecond
	slowPeriod      = 5 * time.Minute
	slowPeriods     = 3
	slowPeriodsMost = 2
)

// A machine tries again what Lambda has no room for. Five minutes of a quarter
// of an hour in which it had none are more than that gets over in time.
const (
	throttledPeriods = 15
	throttledMost    = 5
)

// newAlarms is the topic that alarms go to, and the alarms, which it returns. The
// address in the settings, if there is one, gets a mail.
func newAlarms(stack awscdk.Stack, props alarmProps) []awscloudwatch.Alarm {
	s := props.settings
	in := constructs.NewConstruct(stack, jsii.String("Alarms"))
	topic := awssns.NewTopic(in, jsii.String("Topic"), &awssns.TopicProps{
		TopicName:   jsii.String(s.NamePrefix + "-alarms"),
		DisplayName: jsii.String("SSO elevator alarms"),
		EnforceSSL:  jsii.Bool(true),
		// Not a key of AWS's where there is none of the customer's: CloudWatch
		// may not use aws/sns, and no alarm would arrive.
		MasterKey: customerKey(in, "Key", s),
	})
	// The rule above replaces the policy that a topic has by itself, so
	// CloudWatch has to be let in by name.
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

	options := &awscloudwatch.MetricOptions{Period: seconds(alarmPeriod), Statistic: jsii.String("Sum")}
	own := func(name string) awscloudwatch.IMetric {
		return awscloudwatch.NewMetric(&awscloudwatch.MetricProps{
			Namespace: jsii.String(metricNamespace(s)), MetricName: &name, Period: options.Period, Statistic: options.Statistic,
		})
	}
	var made []awscloudwatch.Alarm
	type alarmOf struct {
		id, says string
		metric   awscloudwatch.IMetric
	}
	alarms := []alarmOf{
		{"RevokeFailed", "Access could not be removed and is still there. It is tried again until it succeeds. Exception: if the table has neither row nor lease of a request, only the request's own execution removes its access; the log of " + s.NamePrefix + "-revoke names the access. Check whether it is still there.", own("RevokeFailed")},
		{"AuditDeferred", "The audit bucket did not take a record. It waits in the table and is tried again.", own("AuditDeferred")},
		{"Misconfigured", "Something failed that a person has to mend: a token, a channel, a permission. The execution's history and the function's log say what.", own("Misconfigured")},
		{"Swept", "A request's execution ended before its time, or did not end its access. The sweep takes the access away; the log of " + s.NamePrefix + "-reconcile names the request.", own("Swept")},
		{"AccessOverdue", "Access is still there a minute after it should have ended. The function " + s.NamePrefix + "-reconcile has it removed each minute; its log names the request. If the alarm stays on, remove the access by hand.", own("AccessOverdue")},
		{"DriftFailed", "Access that no request granted could not be removed. The next run that removes tries again; the message of the run names it.", own("DriftFailed")},
		{"RecheckLate", "People with active access were not looked up in Identity Center for more than 10 minutes: if they are disabled or deleted, they keep their access. The log of " + s.NamePrefix + "-reconcile says why.", own("RecheckLate")},
		{"PeopleGoneHeld", "More than 10 people were disabled or deleted in Identity Center within an hour. Their access is still there: answer the question in Slack. If the directory sync is broken, leave the access and fix the sync.", own("PeopleGoneHeld")},
		{"ExecutionsFailed", "A request's execution failed. Within two minutes the sweep takes its access away, if it had any.", props.requests.MetricFailed(options)},
		{"ExecutionsTimedOut", "A request's execution timed out. Within two minutes the sweep takes its access away, if it had any.", props.requests.MetricTimedOut(options)},
		{"ExecutionsAborted", "Somebody stopped a request's execution. Within two minutes the sweep takes its access away, if it had any.", props.requests.MetricAborted(options)},
		{"ReconcileFailed", "The reconcile machine could not finish: a sweep that did not remove access, or a scan that did not read everything. Both are tried again.", props.reconciliation.MetricFailed(options)},
		{"ReconcileTimedOut", "An execution of the reconcile machine timed out. A sweep is started again within a minute.", props.reconciliation.MetricTimedOut(options)},
		{"ReconcileAborted", "Somebody stopped an execution of the reconcile machine. A sweep is started again within a minute.", props.reconciliation.MetricAborted(options)},
		// A task function's errors are how it tells its machine what to do; this
		// one knows none that are expected.
		{"AwaitErrors", "A wait's token could not be stored: a button may have its effect only at the next reminder, or at the end. The log of " + s.NamePrefix + "-await says why.", props.functions["await"].alias.MetricErrors(options)},
		// RevokeFailed is counted by this one: without it nobody would hear of a
		// removal that keeps failing, nor of a record that can't be written.
		{"AuditErrors", "A record could not be written, or what the alarms RevokeFailed and AuditDeferred would tell could not be told. It is tried again until it succeeds; the log of " + s.NamePrefix + "-audit says why.", props.functions["audit"].alias.MetricErrors(options)},
		{"DeadLetters", "What a schedule should have started could not be, or it failed. The messages in the queue " + s.NamePrefix + "-dead-letters say what and why; it is started again when it is due.", props.deadLetters.MetricNumberOfMessagesSent(options)},
	}
	// Not the function's errors: it answers with a status whatever happens, and
	// what kills it is a 5xx here as well.
	const ingressFails = "What people do in Slack fails: its signing secret can't be read, or the function does not work."
	if props.slack.api != nil {
		alarms = append(alarms, alarmOf{"IngressErrors", ingressFails, props.slack.api.MetricServerError(options)})
	}
	if props.slack.function != nil {
		alarms = append(alarms, alarmOf{"FunctionURLErrors", ingressFails, props.slack.ingress.Metric(jsii.String("Url5xxCount"), options)})
	}
	for _, alarm := range alarms {
		made = append(made, awscloudwatch.NewAlarm(in, jsii.String(alarm.id), &awscloudwatch.AlarmProps{
			AlarmName:          jsii.String(s.NamePrefix + "-" + alarm.id),
			AlarmDescription:   jsii.String(alarm.says),
			Metric:             alarm.metric,
			Threshold:          jsii.Number(1),
			ComparisonOperator: awscloudwatch.ComparisonOperator_GREATER_THAN_OR_EQUAL_TO_THRESHOLD,
			EvaluationPeriods:  jsii.Number(float64(alarmStaysOn / alarmPeriod)),
			DatapointsToAlarm:  jsii.Number(1),
			TreatMissingData:   awscloudwatch.TreatMissingData_NOT_BREACHING,
		}))
	}

	if !props.first {
		made = append(made, newSilenceAlarms(in, props)...)
	}

	made = append(made, awscloudwatch.NewAlarm(in, jsii.String("IngressSlow"), &awscloudwatch.AlarmProps{
		AlarmName:          jsii.String(s.NamePrefix + "-IngressSlow"),
		AlarmDescription:   jsii.String("Slack waits 3 seconds for an answer, and people begin to see that it got none in time. The traces and the log of " + s.NamePrefix + "-ingress say what takes so long."),
		Metric:             props.slack.latency(&awscloudwatch.MetricOptions{Period: seconds(slowPeriod), Statistic: jsii.String("p99")}),
		Threshold:          jsii.Number(float64(slowAnswer.Milliseconds())),
		ComparisonOperator: awscloudwatch.ComparisonOperator_GREATER_THAN_THRESHOLD,
		EvaluationPeriods:  jsii.Number(slowPeriods),
		DatapointsToAlarm:  jsii.Number(slowPeriodsMost),
		TreatMissingData:   awscloudwatch.TreatMissingData_NOT_BREACHING,
	}))
	throttled := map[string]awscloudwatch.IMetric{}
	for _, name := range functionNames {
		throttled[name] = props.functions[name].alias.MetricThrottles(options)
	}
	made = append(made, awscloudwatch.NewAlarm(in, jsii.String("Throttled"), &awscloudwatch.AlarmProps{
		AlarmName:        jsii.String(s.NamePrefix + "-Throttled"),
		AlarmDescription: jsii.String("Lambda has no room for the functions, minute after minute: removals come late. The account's concurrency is used up, or a function's reserved concurrency is too small."),
		Metric: awscloudwatch.NewMathExpression(&awscloudwatch.MathExpressionProps{
			Expression: jsii.String("SUM(METRICS())"), UsingMetrics: &throttled, Period: options.Period, Label: jsii.String("throttled"),
		}),
		Threshold:          jsii.Number(1),
		ComparisonOperator: awscloudwatch.ComparisonOperator_GREATER_THAN_OR_EQUAL_TO_THRESHOLD,
		EvaluationPeriods:  jsii.Number(throttledPeriods),
		DatapointsToAlarm:  jsii.Number(throttledMost),
		TreatMissingData:   awscloudwatch.TreatMissingData_NOT_BREACHING,
	}))

	made = append(made, newRunAlarms(in, s)...)

	for _, alarm := range made {
		alarm.AddAlarmAction(awscloudwatchactions.NewSnsAction(topic))
	}
	return made
}

// newSilenceAlarms are the other way round: what does not come is what people
// must know of. CloudWatch counts the time before an alarm was made as silence,
// too, and would alarm at once. So they come when there is data.
func newSilenceAlarms(in constructs.Construct, props alarmProps) []awscloudwatch.Alarm {
	s := props.settings
	var made []awscloudwatch.Alarm
	every := wholeMinutes(s.CatalogRefresh)
	for _, alarm := range []struct {
		id, says, metric string
		every            time.Duration
		missed           int
		schedule         awsscheduler.CfnSchedule
	}{
		{"CatalogOld", "Accounts, permission sets or groups could not be listed for a while. People are offered what there was; what is new is missing. The log of " + s.NamePrefix + "-reconcile says why.",
			"CatalogRefreshed", every, max(catalogMisses, int((catalogOld+every-1)/every)), props.refresh},
		{"SweepMissing", "Nobody looks for requests whose execution is gone: their access would stay. The log of " + s.NamePrefix + "-reconcile says why.",
			"SweepLooked", sweepEvery, sweepMisses, props.sweep},
		{"RecheckMissing", "Nobody looks up the people who have active access: whoever is disabled or deleted keeps it until its end. The log of " + s.NamePrefix + "-reconcile says why.",
			"Rechecked", recheckEvery, recheckMisses, props.recheck},
	} {
		missing := awscloudwatch.NewAlarm(in, jsii.String(alarm.id), &awscloudwatch.AlarmProps{
			AlarmName:        jsii.String(s.NamePrefix + "-" + alarm.id),
			AlarmDescription: jsii.String(alarm.says),
			Metric: awscloudwatch.NewMetric(&awscloudwatch.MetricProps{
				Namespace: jsii.String(metricNamespace(s)), MetricName: jsii.String(alarm.metric), Period: seconds(alarm.every), Statistic: jsii.String("Sum"),
			}),
			Threshold:          jsii.Number(1),
			ComparisonOperator: awscloudwatch.ComparisonOperator_LESS_THAN_THRESHOLD,
			EvaluationPeriods:  jsii.Number(float64(alarm.missed)),
			DatapointsToAlarm:  jsii.Number(float64(alarm.missed)),
			TreatMissingData:   awscloudwatch.TreatMissingData_BREACHING,
		})
		made = append(made, missing)
		missing.Node().AddDependency(alarm.schedule) // which begins before the alarm looks
	}
	return made
}
