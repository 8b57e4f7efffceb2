package stack

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	expression "sso-elevator/functions/schedule"
	"sso-elevator/infra/local/schedule"
)

// createSchedule keeps a schedule that invokes a function or starts an execution with
// a constant input. Unlike EventBridge Scheduler, it doesn't retry a failed run
// before the schedule's next time.
func (d *deployer) createSchedule(_ context.Context, id string, p map[string]any) (returnValues, error) {
	var in struct {
		ScheduleExpression, State string
		FlexibleTimeWindow        struct{ Mode string }
		Target                    struct {
			Arn, RoleArn, Input string
			RetryPolicy         map[string]any
			DeadLetterConfig    map[string]any
		}
		Name, GroupName, Description string
	}
	if err := decodeAll(p, &in); err != nil { // fails on a start date, a time zone, another kind of target
		return returnValues{}, fmt.Errorf("the local stack can't run this schedule: %w", err)
	}
	name := d.name(id, p, "Name")
	group := in.GroupName
	if group == "" {
		group = "default"
	}
	arn := fmt.Sprintf("arn:aws:scheduler:%s:%s:schedule/%s/%s", d.target.Region, d.target.AccountID, group, name)
	out := returnValues{ref: name, attrs: map[string]string{"Arn": arn}}
	when, err := expression.Parse(in.ScheduleExpression)
	if err != nil {
		return returnValues{}, fmt.Errorf("ScheduleExpression %q: %w", in.ScheduleExpression, err)
	}
	if in.FlexibleTimeWindow.Mode != "OFF" {
		return returnValues{}, fmt.Errorf("the local stack supports only schedules without a flexible time window, not %q", in.FlexibleTimeWindow.Mode)
	}
	d.noteUse(in.Target.RoleArn, in.Target.Arn)
	s := schedule.Schedule{Name: name, ARN: arn, Expression: when, Input: in.Target.Input}
	_, target, isFunction := strings.Cut(in.Target.Arn, ":function:")
	function, qualifier, _ := strings.Cut(target, ":")
	switch {
	case isFunction && d.functions[function] != nil:
		s.Function, s.Qualifier = function, qualifier
	case slices.Contains(d.stateMachines, in.Target.Arn):
		s.Machine = in.Target.Arn
	default:
		return returnValues{}, fmt.Errorf("the local stack supports only schedules that invoke a function or start a state machine of the template, not %q", in.Target.Arn)
	}
	if err := s.CheckInput(); err != nil {
		return returnValues{}, err
	}
	if in.State != "DISABLED" {
		d.schedules = append(d.schedules, s)
	}
	return out, nil
}

// createEventRule accepts rules on CloudTrail's events, and does nothing with them,
// because this machine has no CloudTrail. It refuses other rules, because their
// events would never come.
func (d *deployer) createEventRule(_ context.Context, id string, p map[string]any) (returnValues, error) {
	var in struct {
		EventPattern struct {
			DetailType []string `json:"detail-type"`
		}
	}
	if err := decode(p, &in); err != nil {
		return returnValues{}, fmt.Errorf("the local stack can't read this rule: %w", err)
	}
	types := in.EventPattern.DetailType
	fromTrail := func(t string) bool { return strings.HasSuffix(t, " via CloudTrail") }
	if _, timed := p["ScheduleExpression"]; timed || len(types) == 0 || !matchAll(types, fromTrail) {
		return returnValues{}, fmt.Errorf("the local stack supports only EventBridge rules on CloudTrail's events, which it ignores; this one is on %q", types)
	}
	name := d.name(id, p, "Name")
	return returnValues{ref: name, attrs: map[string]string{"Arn": fmt.Sprintf("arn:aws:events:%s:%s:rule/%s", d.target.Region, d.target.AccountID, name)}}, nil
}

func matchAll(list []string, is func(string) bool) bool {
	return !slices.ContainsFunc(list, func(s string) bool { return !is(s) })
}

// decodeAll is like decode, but fails if into lacks a property.
func decodeAll(properties map[string]any, into any) error {
	raw, err := json.Marshal(properties)
	if err != nil {
		return err
	}
	decoder := json.NewDecoder(bytes.NewReader(raw))
	decoder.DisallowUnknownFields()
	return decoder.Decode(into)
}
