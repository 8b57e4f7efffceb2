package settings

import (
	"maps"
	"slices"

	"sso-elevator/statemachine"
)

// CloudFormation's types of what has a name that somebody else may have taken.
const (
	TypeBucket    = "AWS::S3::Bucket"
	TypeFunction  = "AWS::Lambda::Function"
	TypeLogGroup  = "AWS::Logs::LogGroup"
	TypeMachine   = "AWS::StepFunctions::StateMachine"
	TypeParameter = "AWS::SSM::Parameter"
	TypeRole      = "AWS::IAM::Role"
)

// NamedTypes are all of them.
var NamedTypes = []string{TypeBucket, TypeFunction, TypeLogGroup, TypeMachine, TypeParameter, TypeRole}

// ResourceName is the name of a resource.
type ResourceName struct{ Type, Name string } // Type is one of NamedTypes

// ResourceNames returns what a deployment creates under a name that somebody else
// may have taken. CloudFormation chooses the other names, or they are those of an
// API, which need not be unique, or only another deployment with the same
// name_prefix has them too, which has these as well.
func (s *Settings) ResourceNames() []ResourceName {
	var all []ResourceName
	add := func(kind, name string) {
		if name != "" {
			all = append(all, ResourceName{kind, name})
		}
	}
	add(TypeBucket, s.AuditBucketName)
	add(TypeBucket, s.CatalogBucketName)
	for _, function := range slices.Sorted(maps.Keys(statemachine.FunctionTimeouts)) {
		add(TypeFunction, s.FunctionName(function))
		add(TypeLogGroup, "/aws/lambda/"+s.FunctionName(function))
	}
	for _, machine := range []string{"requests", "reconcile"} {
		add(TypeMachine, s.NamePrefix+"-"+machine)
		add(TypeLogGroup, "/aws/vendedlogs/states/"+s.NamePrefix+"-"+machine)
	}
	if s.APIGateway {
		add(TypeLogGroup, "/aws/vendedlogs/apis/"+s.NamePrefix+"-slack")
	}
	add(TypeParameter, "/"+s.NamePrefix+"/policy")
	add(TypeRole, s.ScheduleRole)
	return all
}
