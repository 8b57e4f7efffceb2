package main

import (
	"time"

	"github.com/aws/aws-cdk-go/awscdk/v2/awscloudwatch"
	"github.com/aws/constructs-go/constructs/v10"
	"github.com/aws/jsii-runtime-go"

	"sso-elevator/functions/access"
	"sso-elevator/functions/schedule"
	"sso-elevator/infra/settings"
)

const (
	// runPeriod is the shortest period whose alarm may look back a week, and
	// runLookBack that week, https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/API_PutMetricAlarm.html.
	runPeriod   = time.Hour
	runLookBack = 7 * 24 * time.Hour
	// runBegins is how long after its time a run has begun at the latest: half
	// an hour until it is started (runStartAge), and its first step.
	runBegins = time.Hour
)

// newRunAlarms tell that the runs stay away that look for access that no request
// granted: a schedule that somebody disabled or deleted says so nowhere else.
// Runs that events start don't count. There is no alarm for runs that are to
// come less than once in six days, since CloudWatch looks back a week only.
func newRunAlarms(in constructs.Construct, s *settings.Settings) []awscloudwatch.Alarm {
	var made []awscloudwatch.Alarm
	for _, run := range []struct {
		id, expression, says string
		mode                 access.DriftMode
	}{
		{"WarnMissing", s.WarnSchedule, "Nobody looks for access that no request granted: the runs that tell of it stay away. Is the schedule " + s.WarnScheduleName + " there and enabled?", access.DriftWarn},
		{"RevokeMissing", s.RevokeSchedule, "Access that no request granted is not removed: the runs that remove it stay away. Is the schedule " + s.RevokeScheduleName + " there and enabled?", access.DriftRevoke},
	} {
		hours := alarmHours(run.expression)
		if hours == 0 {
			continue
		}
		sum := func(name string, dimensions map[string]*string) awscloudwatch.IMetric {
			return awscloudwatch.NewMetric(&awscloudwatch.MetricProps{
				Namespace: jsii.String(metricNamespace(s)), MetricName: &name, DimensionsMap: &dimensions,
				Period: seconds(runPeriod), Statistic: jsii.String("Sum"),
			})
		}
		made = append(made, awscloudwatch.NewAlarm(in, jsii.String(run.id), &awscloudwatch.AlarmProps{
			AlarmName:        jsii.String(s.NamePrefix + "-" + run.id),
			AlarmDescription: jsii.String(run.says),
			Metric: awscloudwatch.NewMathExpression(&awscloudwatch.MathExpressionProps{
				// An hour in which the system was not there yet is no hour
				// without a run: else the first mail after each deployment
				// would be this one. An hour without a sweep has an alarm of
				// its own.
				Expression: jsii.String("IF(FILL(looked, 0) > 0, FILL(begun, 0), 1)"),
				UsingMetrics: &map[string]awscloudwatch.IMetric{
					"looked": sum("SweepLooked", nil),
					"begun":  sum("ReconcileBegun", map[string]*string{"Mode": jsii.String(string(run.mode))}),
				},
				Period: seconds(runPeriod), Label: jsii.String("runs"),
			}),
			Threshold:          jsii.Number(1),
			ComparisonOperator: awscloudwatch.ComparisonOperator_LESS_THAN_THRESHOLD,
			EvaluationPeriods:  jsii.Number(hours),
			DatapointsToAlarm:  jsii.Number(hours),
			TreatMissingData:   awscloudwatch.TreatMissingData_BREACHING,
		}))
	}
	return made
}

// alarmHours is after how many hours without a run of this schedule something
// is wrong; 0 where it never comes, or too seldom for an alarm.
func alarmHours(expression string) int {
	e, err := schedule.Parse(expression)
	if err != nil { // none; the settings know what is a mistake
		return 0
	}
	gap := longestGap(e)
	if gap == 0 {
		return 0
	}
	// One more: the hours of an alarm are those of the clock.
	hours := int((gap+runBegins+runPeriod-1)/runPeriod) + 1
	if time.Duration(hours)*runPeriod > runLookBack {
		return 0
	}
	return hours
}

// longestGap is the longest time between two times of a schedule; 0 where it is
// longer than an alarm looks back.
func longestGap(e schedule.Expression) time.Duration {
	if every, ok := e.Every(); ok {
		if every > runLookBack {
			return 0
		}
		return every
	}
	// Any year does that has a 29th of February: the template must not depend
	// on the day on which it is made.
	at := time.Date(2024, time.January, 1, 0, 0, 0, 0, time.UTC)
	end := at.AddDate(1, 0, 0)
	var longest time.Duration
	for at.Before(end) {
		next, ok := e.Next(at)
		if !ok || next.Sub(at) > runLookBack {
			return 0
		}
		longest, at = max(longest, next.Sub(at)), next
	}
	return longest
}
