package main

import (
	"time"

	"github.com/aws/aws-cdk-go/awscdk/v2"
	"github.com/aws/aws-cdk-go/awscdk/v2/awsapigatewayv2"
	"github.com/aws/aws-cdk-go/awscdk/v2/awscloudwatch"
	"github.com/aws/aws-cdk-go/awscdk/v2/awscloudwatchactions"
	"github.com/aws/aws-cdk-go/awscdk/v2/awsiam"
	"github.com/aws/aws-cdk-go/awscdk/v2/awsscheduler"
	"github.com/aws/aws-cdk-go/awscdk/v2/awssns"
	"github.com/aws/aws-cdk-go/awscdk/v2/awssnssubscriptions"
	"github.com/aws/aws-cdk-go/awscdk/v2/awsstepfunctions"
	"github.com/aws/constructs-go/constructs/v10"
	"github.com/aws/jsii-runtime-go"

	"sso-elevator/infra/settings"
)

// metricNamespace is where the functions count what people must know of;
// functions/internal/metric gives the names.
const metricNamespace = "SsoElevator"

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

type alarmProps struct {
	settings                 *settings.Settings
	requests, reconciliation awsstepfunctions.StateMachine
	slack                    awsapigatewayv2.IHttpApi
	refresh, sweep           awsscheduler.CfnSchedule
}

// newAlarms is the topic that alarms go to, and the alarms. The address in the
// settings, if there is one, gets a mail.
func newAlarms(stack awscdk.Stack, props alarmProps) {
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
			Namespace: jsii.String(metricNamespace), MetricName: &name, Period: options.Period, Statistic: options.Statistic,
		})
	}
	for _, alarm := range []struct {
		id, says string
		metric   awscloudwatch.IMetric
	}{
		{"RevokeFailed", "Access could not be removed and is still there. It is tried again until it succeeds.", own("RevokeFailed")},
		{"AuditDeferred", "The audit bucket did not take a record. It waits in the table and is tried again.", own("AuditDeferred")},
		{"Misconfigured", "Something failed that a person has to mend: a token, a channel, a permission. The execution's history and the function's log say what.", own("Misconfigured")},
		{"Swept", "A request's execution ended before its time, or did not end its access. The sweep takes the access away; the log of " + s.NamePrefix + "-reconcile names the request.", own("Swept")},
		{"ExecutionsFailed", "A request's execution failed. Within two minutes the sweep takes its access away, if it had any.", props.requests.MetricFailed(options)},
		{"ExecutionsTimedOut", "A request's execution timed out. Within two minutes the sweep takes its access away, if it had any.", props.requests.MetricTimedOut(options)},
		{"ExecutionsAborted", "Somebody stopped a request's execution. Within two minutes the sweep takes its access away, if it had any.", props.requests.MetricAborted(options)},
		{"ReconcileFailed", "The reconcile machine could not finish: a sweep that did not remove access, or a scan that did not read everything. Both are tried again.", props.reconciliation.MetricFailed(options)},
		{"ReconcileTimedOut", "An execution of the reconcile machine timed out. A sweep is started again within a minute.", props.reconciliation.MetricTimedOut(options)},
		{"ReconcileAborted", "Somebody stopped an execution of the reconcile machine. A sweep is started again within a minute.", props.reconciliation.MetricAborted(options)},
		// Not the function's errors: it answers with a status whatever happens,
		// and what kills it is a 5xx here as well.
		{"IngressErrors", "What people do in Slack fails: its signing secret can't be read, or the function does not work.", props.slack.MetricServerError(options)},
	} {
		awscloudwatch.NewAlarm(in, jsii.String(alarm.id), &awscloudwatch.AlarmProps{
			AlarmName:          jsii.String(s.NamePrefix + "-" + alarm.id),
			AlarmDescription:   jsii.String(alarm.says),
			Metric:             alarm.metric,
			Threshold:          jsii.Number(1),
			ComparisonOperator: awscloudwatch.ComparisonOperator_GREATER_THAN_OR_EQUAL_TO_THRESHOLD,
			EvaluationPeriods:  jsii.Number(float64(alarmStaysOn / alarmPeriod)),
			DatapointsToAlarm:  jsii.Number(1),
			TreatMissingData:   awscloudwatch.TreatMissingData_NOT_BREACHING,
		}).AddAlarmAction(awscloudwatchactions.NewSnsAction(topic))
	}

	// The other way round: what does not come is what people must know of.
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
	} {
		missing := awscloudwatch.NewAlarm(in, jsii.String(alarm.id), &awscloudwatch.AlarmProps{
			AlarmName:        jsii.String(s.NamePrefix + "-" + alarm.id),
			AlarmDescription: jsii.String(alarm.says),
			Metric: awscloudwatch.NewMetric(&awscloudwatch.MetricProps{
				Namespace: jsii.String(metricNamespace), MetricName: jsii.String(alarm.metric), Period: seconds(alarm.every), Statistic: jsii.String("Sum"),
			}),
			Threshold:          jsii.Number(1),
			ComparisonOperator: awscloudwatch.ComparisonOperator_LESS_THAN_THRESHOLD,
			EvaluationPeriods:  jsii.Number(float64(alarm.missed)),
			DatapointsToAlarm:  jsii.Number(float64(alarm.missed)),
			TreatMissingData:   awscloudwatch.TreatMissingData_BREACHING,
		})
		missing.AddAlarmAction(awscloudwatchactions.NewSnsAction(topic))
		missing.Node().AddDependency(alarm.schedule) // which begins before the alarm looks
	}
}
