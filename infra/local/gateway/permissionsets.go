package gateway

import (
	"context"
	"encoding/json"
)

// permissionSetCorrections are those of permission sets.
var permissionSetCorrections = map[string]correction{
	"SWBExternalService.CreatePermissionSet":   (*Gateway).showPermissionSet,
	"SWBExternalService.DescribePermissionSet": (*Gateway).showPermissionSet,
	"SWBExternalService.UpdatePermissionSet":   (*Gateway).updatePermissionSet,
}

// defaultSessionDuration is the session duration of a permission set that was
// created without one (IAM Identity Center User Guide, "Set session duration for
// AWS accounts").
const defaultSessionDuration = "PT1H"

// showPermissionSet shows the default session duration if the set was created
// without one. moto shows a number, which no SDK can read.
func (g *Gateway) showPermissionSet(ctx context.Context, call *Call) *Answer {
	answer := g.forward(ctx, call)
	if !answer.succeeded() {
		return answer
	}
	var out struct{ PermissionSet map[string]any }
	if err := json.Unmarshal(answer.Body, &out); err != nil {
		return failure(500, "InternalFailure", err.Error())
	}
	if _, isText := out.PermissionSet["SessionDuration"].(string); isText {
		return answer
	}
	out.PermissionSet["SessionDuration"] = defaultSessionDuration
	return success(out)
}

// updatePermissionSet keeps the session duration if the call names none. moto sets
// a number.
func (g *Gateway) updatePermissionSet(ctx context.Context, call *Call) *Answer {
	var in map[string]any
	if err := json.Unmarshal(call.Body, &in); err != nil {
		return refuse("SerializationException", "%v", err)
	}
	if in["SessionDuration"] != nil {
		return g.forward(ctx, call)
	}
	about := map[string]any{"InstanceArn": in["InstanceArn"], "PermissionSetArn": in["PermissionSetArn"]}
	var before struct{ PermissionSet map[string]any }
	if answer := g.ask(ctx, call, "SWBExternalService.DescribePermissionSet", about, &before); !answer.succeeded() {
		return answer
	}
	in["SessionDuration"] = defaultSessionDuration
	if duration, isText := before.PermissionSet["SessionDuration"].(string); isText {
		in["SessionDuration"] = duration
	}
	return g.ask(ctx, call, call.Target(), in, nil)
}
