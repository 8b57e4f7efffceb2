package stack

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"

	"sso-elevator/infra/local/iam"
)

// createRole keeps a role whose permissions are in the template. It refuses managed
// policies, because it doesn't know what they permit. It ignores the trust policy and
// the permissions boundary, because they only restrict.
func (d *deployer) createRole(_ context.Context, id string, p map[string]any) (returnValues, error) {
	if managed, _ := p["ManagedPolicyArns"].([]any); len(managed) > 0 {
		return returnValues{}, fmt.Errorf("the local stack does not support the managed policies %v", managed)
	}
	name := d.name(id, p, "RoleName")
	d.roles[name] = nil
	inline, _ := p["Policies"].([]any)
	for _, one := range inline {
		one, _ := one.(map[string]any)
		if err := d.permit(name, one["PolicyDocument"]); err != nil {
			return returnValues{}, err
		}
	}
	return returnValues{ref: name, attrs: map[string]string{"Arn": fmt.Sprintf("arn:aws:iam::%s:role/%s", d.target.AccountID, name), "RoleId": "AROALOCAL"}}, nil
}

// createPolicy adds permissions to roles of the template.
func (d *deployer) createPolicy(_ context.Context, id string, p map[string]any) (returnValues, error) {
	roles, _ := p["Roles"].([]any)
	if len(roles) == 0 || p["Users"] != nil || p["Groups"] != nil {
		return returnValues{}, errors.New("the local stack supports only policies that are attached to roles")
	}
	for _, role := range roles {
		if err := d.permit(fmt.Sprint(role), p["PolicyDocument"]); err != nil {
			return returnValues{}, err
		}
	}
	return returnValues{ref: d.name(id, p, "PolicyName"), attrs: map[string]string{}}, nil
}

func (d *deployer) permit(role string, document any) error {
	if _, ok := d.roles[role]; !ok {
		return fmt.Errorf("there is no role %q", role)
	}
	raw, err := json.Marshal(document)
	if err != nil {
		return err
	}
	policy, err := iam.Parse(raw)
	if err != nil {
		return err
	}
	d.roles[role] = append(d.roles[role], policy)
	return nil
}

// roleName returns the name in a role's ARN.
func roleName(arn string) string { return arn[strings.LastIndexByte(arn, '/')+1:] }

// use is what a service needs a role for, according to the template. moto and the
// schedule player don't use roles themselves.
type use struct{ role, action, resource string }

// noteUse notes that a role must permit an invocation of a function or the start of
// a machine.
func (d *deployer) noteUse(roleARN, target string) {
	action := "lambda:InvokeFunction"
	if strings.Contains(target, ":stateMachine:") {
		action = "states:StartExecution"
	}
	d.uses = append(d.uses, use{roleName(roleARN), action, target})
}

// noteMachineUses notes what a machine's role must permit, according to the machine's
// definition. A task names its target in its parameters. A distributed Map starts
// executions of the machine itself.
func (d *deployer) noteMachineUses(machineARN, roleARN, definition string) error {
	var states any
	if err := json.Unmarshal([]byte(definition), &states); err != nil {
		return fmt.Errorf("read definition: %w", err)
	}
	var walk func(any) error
	walk = func(v any) error {
		switch v := v.(type) {
		case []any:
			for _, item := range v {
				if err := walk(item); err != nil {
					return err
				}
			}
		case map[string]any:
			if resource, ok := v["Resource"].(string); ok && v["Type"] == "Task" {
				parameters, _ := v["Parameters"].(map[string]any)
				target, _ := parameters["FunctionName"].(string)
				if target == "" {
					target, _ = parameters["StateMachineArn"].(string)
				}
				if target == "" {
					target, _ = parameters["StateMachineArn.$"].(string)
					if target != "$$.StateMachine.Id" {
						return fmt.Errorf("the local stack does not know which permissions the task %s needs", resource)
					}
					target = machineARN
				}
				d.noteUse(roleARN, target)
			}
			if v["Mode"] == "DISTRIBUTED" {
				d.noteUse(roleARN, machineARN)
			}
			for _, item := range v {
				if err := walk(item); err != nil {
					return err
				}
			}
		}
		return nil
	}
	return walk(states)
}

// checkRoles reports every role of a machine or schedule that lacks a permission.
func (d *deployer) checkRoles() error {
	var failed []error
	for _, u := range d.uses {
		if !iam.Allowed(d.roles[u.role], iam.Request{Action: u.action, Resource: u.resource}) {
			failed = append(failed, fmt.Errorf("the role %s lacks the permission %s on %s", u.role, u.action, u.resource))
		}
	}
	return errors.Join(failed...)
}
