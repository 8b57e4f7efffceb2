package main

import (
	"github.com/aws/aws-cdk-go/awscdk/v2"
	"github.com/aws/aws-cdk-go/awscdk/v2/awsiam"
	"github.com/aws/aws-cdk-go/awscdk/v2/awslogs"
	"github.com/aws/aws-cdk-go/awscdk/v2/awsstepfunctions"
	"github.com/aws/constructs-go/constructs/v10"
	"github.com/aws/jsii-runtime-go"

	"sso-elevator/infra/settings"
)

// machine is a state machine and the role of its executions.
type machine struct {
	awsstepfunctions.StateMachine
	role awsiam.Role
}

// newMachine makes a state machine that invokes functions. The template contains the
// definition itself, so that a diff shows changes. The log has only errors, without
// data. The history has the data, and readers of the log don't need it.
func newMachine(in constructs.Construct, s *settings.Settings, name, definition string, invokes []string, functions map[string]function) machine {
	logs := awslogs.NewLogGroup(in, jsii.String("Logs"), &awslogs.LogGroupProps{
		LogGroupName:  jsii.String("/aws/vendedlogs/states/" + name),
		Retention:     retention(s.LogRetentionDays),
		EncryptionKey: customerKey(in, "Key", s),
		RemovalPolicy: awscdk.RemovalPolicy_DESTROY,
	})
	role := awsiam.NewRole(in, jsii.String("Role"), &awsiam.RoleProps{
		AssumedBy:   awsiam.NewServicePrincipal(jsii.String("states.amazonaws.com"), nil),
		Description: jsii.String("Permissions of the executions of " + name),
	})
	var invoked []*string
	for _, function := range invokes {
		invoked = append(invoked, functions[function].alias.FunctionArn())
	}
	role.AddToPolicy(allow([]string{"lambda:InvokeFunction"}, invoked...))
	return machine{awsstepfunctions.NewStateMachine(in, jsii.String("Machine"), &awsstepfunctions.StateMachineProps{
		StateMachineName: &name,
		StateMachineType: awsstepfunctions.StateMachineType_STANDARD,
		DefinitionBody:   awsstepfunctions.DefinitionBody_FromString(&definition),
		Role:             role,
		TracingEnabled:   jsii.Bool(true),
		Logs: &awsstepfunctions.LogOptions{
			Destination:          logs,
			Level:                awsstepfunctions.LogLevel_ERROR,
			IncludeExecutionData: jsii.Bool(false),
		},
	}), role}
}
