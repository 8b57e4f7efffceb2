package settings

import (
	"maps"
	"slices"

	"sso-elevator/statemachine"
)

// The CloudFormation types of resources whose names may be taken already.
const (
	TypeBucket    = "AWS::S3::Bucket"
	TypeFunction  = "AWS::Lambda::Function"
	TypeLogGroup  = "AWS::Logs::LogGroup"
	TypeMachine   = "AWS::StepFunctions::StateMachine"
	TypeParameter = "AWS::SSM::Parameter"
	TypeRole      = "AWS::IAM::Role"
)

// NamedTypes are all of these types.
var NamedTypes = []string{TypeBucket, TypeFunction, TypeLogGroup, TypeMachine, TypeParameter, TypeRole}

// ResourceName is the name of a resource.
type ResourceName struct{ Type, Name string } // Type is one of NamedTypes

// ResourceNames returns the names that a deployment needs and that may be taken
// already. It omits names that CloudFormation chooses, and names of APIs, which need
// not be unique. It also omits names that only another deployment with the same
// name_prefix can have, because that deployment has the returned names, too.
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
