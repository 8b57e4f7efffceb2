package iam

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
)

// Call is a call to AWS as it arrives.
type Call struct {
	Method string
	URI    string // path and query
	Target string // X-Amz-Target; empty for REST
	Header http.Header
	Body   []byte
}

// Place is where calls arrive, with the facts that decisions need.
type Place struct {
	Region, AccountID string
	// PartitionKeys are the partition keys of tables, by the table's name.
	PartitionKeys map[string]string
	// BucketPolicies are the policies of buckets, by the bucket's name.
	BucketPolicies map[string][]Policy
	// TokenMachine returns the ARN of the state machine that waits for a task
	// token, or false for an unknown token.
	TokenMachine func(token string) (string, bool)
}

// Requests returns what AWS checks for a call: an action on one or several
// resources, each of which must be allowed. It fails if the call's action is
// unknown here, because nothing would have checked it.
//
// https://docs.aws.amazon.com/service-authorization/latest/reference/ has the types
// of resources that AWS checks for each action.
func (p Place) Requests(c Call) ([]Request, error) {
	if c.Target == "" {
		return p.restRequests(c)
	}
	service, operation, _ := strings.Cut(c.Target, ".")
	var in map[string]any
	if err := json.Unmarshal(c.Body, &in); err != nil {
		return nil, fmt.Errorf("parse call %s: %w", c.Target, err)
	}
	if in == nil {
		in = map[string]any{}
	}
	text := func(field string) string { s, _ := in[field].(string); return s }
	switch service {
	case "DynamoDB_20120810":
		return p.dynamoDBRequests(operation, c.Body)
	case "SWBExternalService":
		return p.identityCenterRequests(operation, text)
	case "AWSIdentityStore":
		return p.identityStoreRequests(operation, text, in)
	case "AWSStepFunctions":
		return p.stepFunctionsRequests(operation, text)
	case "AmazonSSM":
		if operation == "GetParameter" {
			return requestsFor("ssm:GetParameter", p.parameterARN(text("Name"))), nil
		}
		if operation == "GetParameters" {
			var arns []string
			names, _ := in["Names"].([]any)
			for _, name := range names {
				name, _ := name.(string)
				arns = append(arns, p.parameterARN(name))
			}
			if len(arns) > 0 {
				return requestsFor("ssm:GetParameters", arns...), nil
			}
		}
	case "secretsmanager":
		if operation == "GetSecretValue" {
			arn := text("SecretId")
			if !strings.HasPrefix(arn, "arn:") {
				arn = p.arn("secretsmanager", "secret:"+arn+"-AbCdEf") // AWS appends six characters to a name
			}
			return requestsFor("secretsmanager:GetSecretValue", arn), nil
		}
	case "AWSOrganizationsV20161128":
		switch operation {
		case "ListAccounts", "DescribeOrganization":
			return requestsFor("organizations:"+operation, "*"), nil
		case "ListParents":
			return requestsFor("organizations:"+operation, p.organizationARN(text("ChildId"))), nil
		case "ListAccountsForParent", "ListOrganizationalUnitsForParent":
			return requestsFor("organizations:"+operation, p.organizationARN(text("ParentId"))), nil
		}
	}
	return nil, unknownCallError(c)
}

func unknownCallError(c Call) error {
	name := c.Target
	if name == "" {
		name = c.Method + " " + c.URI
	}
	return fmt.Errorf("the local stack doesn't know which permission %s needs: add it to infra/local/iam", name)
}

// requestsFor returns a request for an action on each resource.
func requestsFor(action string, resources ...string) []Request {
	var all []Request
	for _, r := range resources {
		all = append(all, Request{Action: action, Resource: r})
	}
	return all
}

func (p Place) parameterARN(name string) string {
	return p.arn("ssm", "parameter/"+strings.TrimPrefix(name, "/"))
}

func (p Place) arn(service, resource string) string {
	return "arn:aws:" + service + ":" + p.Region + ":" + p.AccountID + ":" + resource
}

// organizationARN returns the ARN of an account, an organizational unit, or the root.
func (p Place) organizationARN(id string) string {
	kind := "account"
	switch {
	case strings.HasPrefix(id, "ou-"):
		kind = "ou"
	case strings.HasPrefix(id, "r-"):
		kind = "root"
	}
	return "arn:aws:organizations::" + p.AccountID + ":" + kind + "/o-localstack/" + id
}

// identityCenterTypes are the types of resources that Identity Center checks for
// each operation. An operation without any has no resources.
var identityCenterTypes = map[string][]string{
	"ListInstances":                           {},
	"ListPermissionSets":                      {"instance"},
	"DescribePermissionSet":                   {"instance", "permission set"},
	"ListPermissionSetsProvisionedToAccount":  {"instance", "account"},
	"ListAccountsForProvisionedPermissionSet": {"instance", "permission set"},
	"ListAccountAssignments":                  {"instance", "permission set", "account"},
	"ListAccountAssignmentsForPrincipal":      {"instance"},
	"CreateAccountAssignment":                 {"instance", "permission set", "account"},
	"DeleteAccountAssignment":                 {"instance", "permission set", "account"},
	"DescribeAccountAssignmentCreationStatus": {"instance"},
	"DescribeAccountAssignmentDeletionStatus": {"instance"},
	"ListAccountAssignmentCreationStatus":     {"instance"},
	"ListAccountAssignmentDeletionStatus":     {"instance"},
}

func (p Place) identityCenterRequests(operation string, text func(string) string) ([]Request, error) {
	types, known := identityCenterTypes[operation]
	if !known {
		return nil, unknownCallError(Call{Target: "SWBExternalService." + operation})
	}
	if len(types) == 0 {
		return requestsFor("sso:"+operation, "*"), nil
	}
	var resources []string
	for _, kind := range types {
		switch kind {
		case "instance":
			resources = append(resources, text("InstanceArn"))
		case "permission set":
			resources = append(resources, text("PermissionSetArn"))
		case "account":
			resources = append(resources, "arn:aws:sso:::account/"+text("TargetId")+text("AccountId")) // each operation has one of the two
		}
	}
	return requestsFor("sso:"+operation, resources...), nil
}

// identityStoreTypes are the types of resources that the identity store checks for
// each operation, in addition to itself. If the call lacks an id, the resource is
// any of that type.
var identityStoreTypes = map[string][]string{
	"GetUserId": {"user"}, "DescribeUser": {"user"}, "ListUsers": {"user"},
	"ListGroups": {"group"}, "DescribeGroup": {"group"},
	"ListGroupMemberships":  {"group", "membership"},
	"GetGroupMembershipId":  {"group", "membership", "user"},
	"IsMemberInGroups":      {"group", "membership", "user"},
	"CreateGroupMembership": {"group", "user"},
	"DeleteGroupMembership": {"group", "membership", "user"},
}

func (p Place) identityStoreRequests(operation string, text func(string) string, in map[string]any) ([]Request, error) {
	types, known := identityStoreTypes[operation]
	if !known {
		return nil, unknownCallError(Call{Target: "AWSIdentityStore." + operation})
	}
	ids := map[string]string{"user": text("UserId"), "group": text("GroupId"), "membership": text("MembershipId")} // of several groups, any
	if member, ok := in["MemberId"].(map[string]any); ok {
		ids["user"], _ = member["UserId"].(string)
	}
	resources := []string{"arn:aws:identitystore::" + p.AccountID + ":identitystore/" + text("IdentityStoreId")}
	for _, kind := range types {
		id := ids[kind]
		if id == "" {
			id = "*"
		}
		resources = append(resources, "arn:aws:identitystore:::"+kind+"/"+id)
	}
	return requestsFor("identitystore:"+operation, resources...), nil
}

func (p Place) stepFunctionsRequests(operation string, text func(string) string) ([]Request, error) {
	action := "states:" + operation
	switch operation {
	case "StartExecution", "ListExecutions":
		return requestsFor(action, text("stateMachineArn")), nil
	case "DescribeExecution", "StopExecution", "GetExecutionHistory":
		return requestsFor(action, text("executionArn")), nil
	case "SendTaskSuccess", "SendTaskFailure":
		// AWS's reference names no resource for these, and the call has only the token. AWS
		// checks the state machine that the token belongs to.
		machine, known := "", false
		if p.TokenMachine != nil {
			machine, known = p.TokenMachine(text("taskToken"))
		}
		if !known {
			return nil, nil // the answer to any caller is that there is no such task
		}
		return requestsFor(action, machine), nil
	}
	return nil, unknownCallError(Call{Target: "AWSStepFunctions." + operation})
}

// restRequests returns the requests of calls whose operation is in method and path:
// Lambda's Invoke, and S3 with the bucket in the path.
func (p Place) restRequests(c Call) ([]Request, error) {
	u, err := url.ParseRequestURI(c.URI)
	if err != nil {
		return nil, fmt.Errorf("read call: %w", err)
	}
	if name, ok := strings.CutPrefix(u.Path, "/2015-03-31/functions/"); ok {
		name, ok = strings.CutSuffix(name, "/invocations")
		if !ok || c.Method != http.MethodPost {
			return nil, unknownCallError(c)
		}
		if !strings.HasPrefix(name, "arn:") {
			name = p.arn("lambda", "function:"+name)
		}
		if qualifier := u.Query().Get("Qualifier"); qualifier != "" {
			name += ":" + qualifier
		}
		return requestsFor("lambda:InvokeFunction", name), nil
	}
	return p.s3Requests(c, u)
}

// listRequestFor returns the additional check that S3 makes if an object doesn't
// exist: only callers that may list the bucket learn so.
func listRequestFor(r Request) (Request, bool) {
	bucket, _, ok := strings.Cut(strings.TrimPrefix(r.Resource, "arn:aws:s3:::"), "/")
	return Request{Action: "s3:ListBucket", Resource: "arn:aws:s3:::" + bucket}, ok && r.Action == "s3:GetObject"
}

func sortedKeys(set map[string]bool) []string {
	var all []string
	for item := range set {
		all = append(all, item)
	}
	slices.Sort(all)
	return all
}
