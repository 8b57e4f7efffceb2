package main

import (
	"encoding/json"
	"strings"

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
	pointer := awsssm.NewStringParameter(in, jsii.String("Pointer"), &awsssm.StringParameterProps{
		ParameterName: jsii.String("/" + s.NamePrefix + "/policy"),
		Description:   jsii.String("Location of the policy in force"),
		StringValue:   jsii.String(strings.TrimSpace(value.String())),
	})
	return policyInForce{pointer: pointer, asset: uploaded}
}
