package gateway

import (
	"context"
	"encoding/json"
)

// instanceCorrections are those of Identity Center's instances.
var instanceCorrections = map[string]correction{
	"SWBExternalService.DescribeInstance": (*Gateway).describeInstance,
}

// describeInstance returns moto's list entry of an instance, because moto lacks
// this operation. It adds the encryption that every instance begins with: a key
// that AWS owns.
func (g *Gateway) describeInstance(ctx context.Context, call *Call) *Answer {
	var in struct{ InstanceArn string }
	if err := json.Unmarshal(call.Body, &in); err != nil {
		return refuse("SerializationException", "%v", err)
	}
	var out struct{ Instances []map[string]any }
	if answer := g.ask(ctx, call, "SWBExternalService.ListInstances", struct{}{}, &out); !answer.succeeded() {
		return answer
	}
	for _, instance := range out.Instances {
		if instance["InstanceArn"] == in.InstanceArn {
			instance["PermissionSetsEnabled"] = true
			instance["EncryptionConfigurationDetails"] = map[string]string{"EncryptionStatus": "ENABLED", "KeyType": "AWS_OWNED_KMS_KEY"}
			return success(instance)
		}
	}
	return refuse("ResourceNotFoundException", "Instance not found.")
}
