package main

import (
	"github.com/aws/aws-cdk-go/awscdk/v2"
	"github.com/aws/aws-cdk-go/awscdk/v2/awsdynamodb"
	"github.com/aws/aws-cdk-go/awscdk/v2/awsiam"
	"github.com/aws/aws-cdk-go/awscdk/v2/awslambda"
	"github.com/aws/aws-cdk-go/awscdk/v2/awslogs"
	"github.com/aws/aws-cdk-go/awscdk/v2/awss3"
	"github.com/aws/aws-cdk-go/awscdk/v2/awss3assets"
	"github.com/aws/constructs-go/constructs/v10"
	"github.com/aws/jsii-runtime-go"

	"sso-elevator/functions/adapters/identitycenter"
	"sso-elevator/infra/build"
	"sso-elevator/infra/settings"
	"sso-elevator/statemachine"
)

// functionNames are the functions: ./functions/cmd/<name>, deployed as
// <prefix>-<name>.
var functionNames = []string{"ingress", "evaluate", "await", "notify", "grant", "revoke", "audit", "reconcile"}

var descriptions = map[string]string{
	"ingress":   "Answers Slack: forms, requests and buttons",
	"evaluate":  "Finds the requester, applies the policy, and handles reminders and expiry",
	"await":     "Stores the task token of a waiting execution",
	"notify":    "Sends all messages to Slack",
	"grant":     "Creates account assignments and group memberships, under a lease",
	"revoke":    "Removes account assignments and group memberships",
	"audit":     "Writes the audit records",
	"reconcile": "Finds interrupted requests and unknown access, and refreshes the catalog",
}

// ingressMemoryMiB is the least memory of ingress. Memory decides how much CPU a
// function gets, and so how long a cold start takes. People wait for ingress, and
// Slack gives it 3 s.
const ingressMemoryMiB = 512

// aliasName is the alias that all callers invoke. A deployment moves it to the new
// version in one step, and running executions continue with that version.
const aliasName = "live"

// function is one Lambda function, which is invoked by its alias.
type function struct {
	alias awslambda.Alias
	role  awsiam.Role
}

type functionsProps struct {
	settings *settings.Settings
	binaries map[string]build.Binary
	table    awsdynamodb.Table
	audit    awss3.IBucket
	catalog  awss3.IBucket
	policy   policyInForce
	center   identitycenter.Settings
}

// newFunctions creates the functions, each with a role that has only the permissions
// it needs. It returns them by name.
func newFunctions(stack awscdk.Stack, props functionsProps) map[string]function {
	environments := environments(stack, props)
	permissions := permissions(stack, props)
	functions := map[string]function{}
	for _, name := range functionNames {
		functions[name] = newFunction(stack, name, props, environments[name], permissions[name])
	}
	return functions
}

func newFunction(stack awscdk.Stack, name string, props functionsProps, environment map[string]*string, may []awsiam.PolicyStatement) function {
	s := props.settings
	in := constructs.NewConstruct(stack, jsii.String(constructID(name)))
	deployedAs := s.FunctionName(name)

	logs := awslogs.NewLogGroup(in, jsii.String("Logs"), &awslogs.LogGroupProps{
		LogGroupName:  jsii.String("/aws/lambda/" + deployedAs),
		Retention:     retention(s.LogRetentionDays),
		EncryptionKey: customerKey(in, "Key", s),
		RemovalPolicy: awscdk.RemovalPolicy_DESTROY,
	})
	role := awsiam.NewRole(in, jsii.String("Role"), &awsiam.RoleProps{
		AssumedBy:   awsiam.NewServicePrincipal(jsii.String("lambda.amazonaws.com"), nil),
		Description: jsii.String("Permissions of the function " + deployedAs),
	})
	role.AddToPolicy(allow([]string{"logs:CreateLogStream", "logs:PutLogEvents"}, logs.LogGroupArn()))
	for _, statement := range may {
		role.AddToPolicy(statement)
	}

	memory := s.MemoryMiB
	if name == "ingress" {
		memory = max(memory, ingressMemoryMiB)
	}
	architecture := awslambda.Architecture_ARM_64()
	if s.Architecture == "x86_64" {
		architecture = awslambda.Architecture_X86_64()
	}
	binary := props.binaries[name]
	lambda := awslambda.NewFunction(in, jsii.String("Function"), &awslambda.FunctionProps{
		FunctionName:                 &deployedAs,
		Description:                  jsii.String(descriptions[name]),
		Architecture:                 architecture,
		Runtime:                      awslambda.Runtime_PROVIDED_AL2023(),
		Handler:                      jsii.String("bootstrap"),
		Code:                         awslambda.Code_FromAsset(&binary.Folder, &awss3assets.AssetOptions{AssetHash: &binary.SHA256}),
		MemorySize:                   jsii.Number(memory),
		Timeout:                      seconds(statemachine.FunctionTimeouts[name]),
		Environment:                  &environment,
		Role:                         role,
		ReservedConcurrentExecutions: reserved(s, name),
		LogGroup:                     logs,
		Tracing:                      awslambda.Tracing_ACTIVE,
		// Earlier versions stay after a release, so that the alias can go back to one. A
		// failed release deletes its own versions, because the next try could not create the
		// same version again.
		CurrentVersionOptions: &awslambda.VersionOptions{RemovalPolicy: awscdk.RemovalPolicy_RETAIN_ON_UPDATE_OR_DELETE},
	})
	alias := awslambda.NewAlias(in, jsii.String("Live"), &awslambda.AliasProps{
		AliasName: jsii.String(aliasName),
		Version:   lambda.CurrentVersion(),
	})
	return function{alias: alias, role: role}
}

// reserved returns the reserved concurrency of a function, or nil for none. Two
// functions must not wait for other functions of the account: ingress, because Slack
// gives up after 3 s, and revoke. The other functions' callers retry until they
// succeed, and a late grant harms nobody. A reservation is also a limit: with one for
// reconcile, its parallel scans could block the sweep.
func reserved(s *settings.Settings, function string) *float64 {
	instances := map[string]int{"ingress": s.IngressReserved, "revoke": s.RevokeReserved}[function]
	if instances == 0 {
		return nil
	}
	return jsii.Number(instances)
}
