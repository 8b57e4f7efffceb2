package main

import (
	"time"

	"github.com/aws/aws-cdk-go/awscdk/v2/awscloudwatch"
	"github.com/aws/jsii-runtime-go"

	"sso-elevator/functions/access"
	"sso-elevator/functions/access/metric"
	"sso-elevator/functions/schedule"
	"sso-elevator/infra/settings"
)

const (
	// An alarm may look back a week if its period is an hour or more. Otherwise, it may
	// look back a day: https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/API_PutMetricAlarm.html.
	runPeriod   = time.Hour
	runLookBack = 7 * 24 * time.Hour
	// runBegins is how late a run may begin: it starts within half an hour
	// (runStartAge), and then takes its first step.
	runBegins = time.Hour
)

// runAlarms returns the alarms about missing reconciliations. Nothing else reports that
// someone disabled or deleted a schedule. Reconciliations that events start don't
// count. A schedule with less than one run in six days has no alarm, because
// CloudWatch looks back only a week.
func runAlarms(s *settings.Settings) []alarm {
	warn, revoke := alarmHours(s.WarnSchedule), alarmHours(s.RevokeSchedule)
	return []alarm{
		{id: "WarnMissing", metric: begunRuns(s, access.DriftWarn), fires: silent(warn), unless: warn == 0,
			text: "UNKNOWN ACCESS IS NOT REPORTED: no reconciliation in mode warn has started for too long. Access that this app granted is not affected. First: check that the schedule " + s.WarnScheduleName + " exists and is enabled."},
		{id: "RevokeMissing", metric: begunRuns(s, access.DriftRevoke), fires: silent(revoke), unless: revoke == 0,
			text: "UNKNOWN ACCESS IS NOT REMOVED: no reconciliation in mode revoke has started for too long. Access that this app granted is not affected. First: check that the schedule " + s.RevokeScheduleName + " exists and is enabled."},
	}
}

// begunRuns returns how many runs of a mode begin in an hour. An hour without a sweep
// counts as one with a run. Either the system did not exist yet, and this alarm would
// be the first email after a deployment, or the alarm SweepMissing reports it.
func begunRuns(s *settings.Settings, mode access.DriftMode) awscloudwatch.IMetric {
	return awscloudwatch.NewMathExpression(&awscloudwatch.MathExpressionProps{
		Expression: jsii.String("IF(FILL(looked, 0) > 0, FILL(begun, 0), 1)"),
		UsingMetrics: &map[string]awscloudwatch.IMetric{
			"looked": counted(s, metric.SweepLooked, runPeriod, nil),
			"begun":  counted(s, metric.ReconcileBegun, runPeriod, map[string]*string{"Mode": jsii.String(string(mode))}),
		},
		Period: seconds(runPeriod), Label: jsii.String("runs"),
	})
}

// alarmHours returns the number of hours without a run after which the alarm fires.
// It returns 0 for a schedule that never runs, or too seldom for an alarm.
func alarmHours(expression string) int {
	e, err := schedule.Parse(expression)
	if err != nil { // there is none: the settings report mistakes
		return 0
	}
	gap := longestGap(e)
	if gap == 0 {
		return 0
	}
	// Add one, because an alarm's hours begin on the hour.
	hours := int((gap+runBegins+runPeriod-1)/runPeriod) + 1
	if time.Duration(hours)*runPeriod > runLookBack {
		return 0
	}
	return hours
}

// longestGap returns the longest time between two runs of a schedule, or 0 if it is
// longer than an alarm looks back.
func longestGap(e schedule.Expression) time.Duration {
	if every, ok := e.Every(); ok {
		if every > runLookBack {
			return 0
		}
		return every
	}
	// Use a fixed year, so that the template doesn't depend on the day of the synthesis.
	// This year has a 29th of February.
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
