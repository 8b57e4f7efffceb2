package main

import (
	"reflect"
	"testing"

	"github.com/aws/aws-cdk-go/awscdk/v2"
	"github.com/aws/jsii-runtime-go"

	"sso-elevator/infra/settings"
)

func TestReconcileSchedules(t *testing.T) {
	for _, tt := range []struct {
		name         string
		warn, revoke string
		want         map[string][2]string // by name: expression and input
	}{
		{"both", "rate(2 hours)", "cron(0 23 * * ? *)", map[string][2]string{
			"e-warn": {"rate(2 hours)", `{"mode":"warn"}`}, "nightly": {"cron(0 23 * * ? *)", `{"mode":"revoke"}`},
		}},
		{"warn only", "rate(2 hours)", "", map[string][2]string{"e-warn": {"rate(2 hours)", `{"mode":"warn"}`}}},
		{"neither", "", "", nil},
	} {
		t.Run(tt.name, func(t *testing.T) {
			made := 0
			tpl := bareTemplate(t, func(stack awscdk.Stack) {
				made = len(newReconcileSchedules(stack, &settings.Settings{
					WarnSchedule: tt.warn, WarnScheduleName: "e-warn", RevokeSchedule: tt.revoke, RevokeScheduleName: "nightly",
				}, jsii.String(testMachine), "e-reconcile", jsii.String(testQueue)))
			})
			schedules := tpl.ofType("AWS::Scheduler::Schedule")
			if len(schedules) != len(tt.want) || made != len(tt.want) {
				t.Errorf("%d schedules in the template, %d returned; want %d", len(schedules), made, len(tt.want))
			}
			for name, want := range tt.want {
				schedule := schedules[name]
				if schedule == nil {
					t.Errorf("no schedule %s", name)
					continue
				}
				target := schedule["Target"].(map[string]any)
				if schedule["ScheduleExpression"] != want[0] || target["Input"] != want[1] || target["Arn"] != testMachine {
					t.Errorf("%s: %v, want %v", name, schedule, want)
				}
				if letters := target["DeadLetterConfig"]; !reflect.DeepEqual(letters, map[string]any{"Arn": testQueue}) {
					t.Errorf("%s: what can't be started goes to %v", name, letters)
				}
				if window := schedule["FlexibleTimeWindow"].(map[string]any)["Mode"]; window != "OFF" {
					t.Errorf("%s: window %v", name, window)
				}
			}
			if tt.want == nil {
				if len(tpl.Resources) > 0 {
					t.Errorf("there is %v", tpl.Resources)
				}
				return
			}
			wantStarter(t, tpl, "scheduler.amazonaws.com", map[string]any{"Action": "sqs:SendMessage", "Effect": "Allow", "Resource": testQueue})
		})
	}
}
