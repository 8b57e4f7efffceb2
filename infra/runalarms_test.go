package main

import (
	"fmt"
	"strings"
	"testing"

	"github.com/aws/aws-cdk-go/awscdk/v2"

	"sso-elevator/infra/settings"
)

func TestAlarmHours(t *testing.T) {
	for expression, want := range map[string]int{
		"":                              0,
		"rate(5 minutes)":               3,
		"rate(2 hours)":                 4,
		"rate(1 day)":                   26,
		"rate(6 days)":                  146,
		"rate(7 days)":                  0, // CloudWatch looks back seven days, and the window may begin later
		"rate(30 days)":                 0,
		"cron(0 23 * * ? *)":            26,
		"cron(0 23 ? * MON-FRI *)":      74, // from Friday to Monday
		"cron(0/30 8-18 ? * MON-FRI *)": 64,
		"cron(0 6 ? * SUN *)":           0,
		"cron(0 6 1 * ? *)":             0,
		"cron(0 6 29 2 ? *)":            0,
		"cron(* * * * ? *)":             3,
		"cron(0 23 * * ? 2020)":         0, // the alarm is over
	} {
		if got := alarmHours(expression); got != want {
			t.Errorf("%q: %d hours, want %d", expression, got, want)
		}
	}
}

func TestRunAlarms(t *testing.T) {
	for _, tt := range []struct {
		name         string
		warn, revoke string
		want         map[string]string // by name: periods, and the mode whose runs they count
	}{
		{"both", "rate(2 hours)", "cron(0 23 * * ? *)", map[string]string{"e-WarnMissing": "4 warn", "e-RevokeMissing": "26 revoke"}},
		{"warn only", "rate(2 hours)", "", map[string]string{"e-WarnMissing": "4 warn"}},
		{"too seldom", "", "rate(30 days)", nil},
		{"neither", "", "", nil},
	} {
		t.Run(tt.name, func(t *testing.T) {
			tpl := bareTemplate(t, func(stack awscdk.Stack) {
				for _, a := range runAlarms(&settings.Settings{NamePrefix: "e", WarnSchedule: tt.warn, WarnScheduleName: "w", RevokeSchedule: tt.revoke, RevokeScheduleName: "nightly"}) {
					if !a.unless {
						newAlarm(stack, "e", a)
					}
				}
			})
			got := tpl.of("AWS::CloudWatch::Alarm")
			if len(got) != len(tt.want) {
				t.Errorf("%d alarms, want %d", len(got), len(tt.want))
			}
			for _, r := range got {
				p := r.Properties
				want := tt.want[p["AlarmName"].(string)]
				var mode, math string
				for _, m := range p["Metrics"].([]any) {
					m := m.(map[string]any)
					if m["Id"] == "begun" {
						mode = fmt.Sprint(m["MetricStat"].(map[string]any)["Metric"])
					}
					if m["Expression"] != nil {
						math = m["Expression"].(string)
					}
					if stat, ok := m["MetricStat"].(map[string]any); ok && stat["Period"] != 3600.0 {
						t.Errorf("%v counts in %v s", p["AlarmName"], stat["Period"])
					}
				}
				periods, of, _ := strings.Cut(want, " ")
				if fmt.Sprint(p["EvaluationPeriods"]) != periods || fmt.Sprint(p["DatapointsToAlarm"]) != periods || !strings.Contains(mode, "Name:Mode Value:"+of) {
					t.Errorf("%v: %v of %v periods of %s, want %s", p["AlarmName"], p["DatapointsToAlarm"], p["EvaluationPeriods"], mode, want)
				}
				if p["TreatMissingData"] != "breaching" || p["ComparisonOperator"] != "LessThanThreshold" || p["Threshold"] != 1.0 || math != "IF(FILL(looked, 0) > 0, FILL(begun, 0), 1)" {
					t.Errorf("%v: %v", p["AlarmName"], p)
				}
				name := map[string]string{"warn": "schedule w ", "revoke": "schedule nightly "}[of]
				if !strings.Contains(p["AlarmDescription"].(string), name) {
					t.Errorf("%v does not name its schedule: %v", p["AlarmName"], p["AlarmDescription"])
				}
			}
		})
	}
}
