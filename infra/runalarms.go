package main

import (
	"time"

	"github.com/aws/aws-cdk-go/awscdk/v2/awscloudwatch"
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

// runAlarms returns the alarms about missing runs that look for unknown access:
// nothing else tells that somebody disabled or deleted their schedule. Runs that
// events start don't count. A schedule with less than one run in six days has no
// alarm, because CloudWatch looks back only a week.
func runAlarms(s *settings.Settings) []alarm {
	warn, revoke := alarmHours(s.WarnSchedule), alarmHours(s.RevokeSchedule)
	return []alarm{
		{id: "WarnMissing", metric: begunRuns(s, access.DriftWarn), fires: silent(warn), unless: warn == 0,
			text: "Nobody looks for access that no request granted: the runs that tell of it stay away. Is the schedule " + s.WarnScheduleName + " there and enabled?"},
		{id: "RevokeMissing", metric: begunRuns(s, access.DriftRevoke), fires: silent(revoke), unless: revoke == 0,
			text: "Access that no request granted is not removed: the runs that remove it stay away. Is the schedule " + s.RevokeScheduleName + " there and enabled?"},
	}
}

// begunRuns is how many runs of a mode begin in an hour. An hour before the system
// existed counts as one with a run: otherwise each deployment would begin with
// this alarm. An hour without a sweep has an alarm of its own.
func begunRuns(s *settings.Settings, mode access.DriftMode) awscloudwatch.IMetric {
	return awscloudwatch.NewMathExpression(&awscloudwatch.MathExpressionProps{
		Expression: jsii.String("IF(FILL(looked, 0) > 0, FILL(begun, 0), 1)"),
		UsingMetrics: &map[string]awscloudwatch.IMetric{
			"looked": counted(s, "SweepLooked", runPeriod, nil),
			"begun":  counted(s, "ReconcileBegun", runPeriod, map[string]*string{"Mode": jsii.String(string(mode))}),
		},
		Period: seconds(runPeriod), Label: jsii.String("runs"),
	})
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
