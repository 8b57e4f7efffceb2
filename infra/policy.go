package main

import (
	"encoding/json"
	"maps"
	"slices"
	"strings"

	"github.com/aws/aws-cdk-go/awscdk/v2"
	"github.com/aws/aws-cdk-go/awscdk/v2/awss3assets"
	"github.com/aws/aws-cdk-go/awscdk/v2/awsssm"
	"github.com/aws/constructs-go/constructs/v10"
	"github.com/aws/jsii-runtime-go"

	"sso-elevator/functions/adapters/policyinforce"
	"sso-elevator/infra/build"
	"sso-elevator/infra/settings"
)

// policyInForce is the policy as the functions read it: an object that never changes,
// and a pointer to the object in force.
type policyInForce struct {
	pointer awsssm.StringParameter
	asset   awss3assets.Asset
	// name and arn are the pointer's, but don't refer to it. The functions have them, and
	// the pointer depends on the functions.
	name string
	arn  *string
}

// follow makes a deployment replace the functions before the policy in force. A policy may
// have fields that the functions of the previous release refuse.
func (p policyInForce) follow(functions map[string]function) {
	for _, name := range slices.Sorted(maps.Keys(functions)) {
		p.pointer.Node().AddDependency(functions[name].alias)
	}
}

// assetPrefix is the prefix of the stack's assets in the bootstrap bucket.
func assetPrefix(s *settings.Settings) string { return s.NamePrefix + "/" }

// newPolicyInForce uploads the policy under the hash of its content, and points the
// parameter to it. A deployment that changes only the policy changes only the
// parameter.
func newPolicyInForce(scope constructs.Construct, s *settings.Settings, policy build.Asset) policyInForce {
	in := constructs.NewConstruct(scope, jsii.String("Policy"))
	uploaded := awss3assets.NewAsset(in, jsii.String("Object"), &awss3assets.AssetProps{Path: &policy.Path, AssetHash: &policy.SHA256})
	var value strings.Builder
	encoder := json.NewEncoder(&value)
	encoder.SetEscapeHTML(false)
	// Encoding strings to a strings.Builder can't fail.
	_ = encoder.Encode(policyinforce.NewPointer(*uploaded.S3BucketName(), *uploaded.S3ObjectKey(), policy.SHA256, &s.Policy))
	name := "/" + s.NamePrefix + "/policy"
	pointer := awsssm.NewStringParameter(in, jsii.String("Pointer"), &awsssm.StringParameterProps{
		ParameterName: &name,
		Description:   jsii.String("Location of the policy in force"),
		StringValue:   jsii.String(strings.TrimSpace(value.String())),
	})
	return policyInForce{pointer: pointer, asset: uploaded, name: name, arn: awscdk.Stack_Of(scope).FormatArn(&awscdk.ArnComponents{
		Service: jsii.String("ssm"), Resource: jsii.String("parameter"), ResourceName: jsii.String(strings.TrimPrefix(name, "/")),
	})}
}
