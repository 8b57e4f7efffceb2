// Package names lists what a deployment creates under a name that somebody else
// may have taken. CloudFormation chooses the other names, or they are those of
// an API, which need not be unique, or only another deployment with the same
// name_prefix has them too, which has these as well.
package names

import (
	"maps"
	"slices"

	"sso-elevator/infra/settings"
	"sso-elevator/statemachine"
)

// Types of CloudFormation's.
const (
	Bucket    = "AWS::S3::Bucket"
	Function  = "AWS::Lambda::Function"
	LogGroup  = "AWS::Logs::LogGroup"
	Machine   = "AWS::StepFunctions::StateMachine"
	Parameter = "AWS::SSM::Parameter"
	Role      = "AWS::IAM::Role"
)

// Types are all of them.
var Types = []string{Bucket, Function, LogGroup, Machine, Parameter, Role}

// Name is a name, of one of Types.
type Name struct{ Type, Name string }

// Of are the names that a deployment with these settings needs.
func Of(s *settings.Settings) []Name {
	var all []Name
	add := func(kind, name string) {
		if name != "" {
			all = append(all, Name{kind, name})
		}
	}
	add(Bucket, s.AuditBucketName)
	add(Bucket, s.CatalogBucketName)
	for _, function := range slices.Sorted(maps.Keys(statemachine.FunctionTimeouts)) {
		add(Function, s.FunctionName(function))
		add(LogGroup, "/aws/lambda/"+s.FunctionName(function))
	}
	for _, machine := range []string{"requests", "reconcile"} {
		add(Machine, s.NamePrefix+"-"+machine)
		add(LogGroup, "/aws/vendedlogs/states/"+s.NamePrefix+"-"+machine)
	}
	if s.APIGateway {
		add(LogGroup, "/aws/vendedlogs/apis/"+s.NamePrefix+"-slack")
	}
	add(Parameter, "/"+s.NamePrefix+"/policy")
	add(Role, s.ScheduleRole)
	return all
}
