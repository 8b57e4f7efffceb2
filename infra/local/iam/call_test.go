package iam

import (
	"net/http"
	"reflect"
	"strings"
	"testing"
)

const (
	instance = "arn:aws:sso:::instance/ssoins-1"
	set      = "arn:aws:sso:::permissionSet/ssoins-1/ps-1"
	machine  = "arn:aws:states:us-east-1:123456789012:stateMachine:m"
	table    = "arn:aws:dynamodb:us-east-1:123456789012:table/t"
)

var place = Place{
	Region: "us-east-1", AccountID: "123456789012", PartitionKeys: map[string]string{"t": "pk"},
	TokenMachine: func(token string) (string, bool) { return machine, token == "token" },
}

func TestRequests(t *testing.T) {
	tests := []struct {
		name string
		call Call
		want []Request
	}{
		{"an item", Call{Target: "DynamoDB_20120810.GetItem", Body: []byte(`{"TableName":"t","Key":{"pk":{"S":"request#1"}}}`)},
			[]Request{{"dynamodb:GetItem", table, map[string][]string{"dynamodb:LeadingKeys": {"request#1"}, "dynamodb:Attributes": {"pk"}}}}},
		{"a change names attributes in both expressions", Call{Target: "DynamoDB_20120810.UpdateItem", Body: []byte(`{"TableName":"t","Key":{"pk":{"S":"request#1"}},
			"UpdateExpression":"SET #outcome = if_not_exists(#outcome, :outcome), posts.#purpose = :post, plain = :x REMOVE #due",
			"ConditionExpression":"attribute_exists(#pk) AND NOT begins_with(#kind, :kind) OR size(#events) < :n",
			"ExpressionAttributeNames":{"#outcome":"outcome","#purpose":"announce","#due":"due","#pk":"pk","#kind":"kind","#events":"events"},
			"ExpressionAttributeValues":{":x":{"S":"outcome2"}}}`)},
			[]Request{{"dynamodb:UpdateItem", table, map[string][]string{"dynamodb:LeadingKeys": {"request#1"}, "dynamodb:Attributes": {"due", "events", "kind", "outcome", "pk", "plain", "posts"}}}}},
		{"a new item", Call{Target: "DynamoDB_20120810.PutItem", Body: []byte(`{"TableName":"t","Item":{"pk":{"S":"lease#1"},"end":{"N":"1"}}}`)},
			[]Request{{"dynamodb:PutItem", table, map[string][]string{"dynamodb:LeadingKeys": {"lease#1"}, "dynamodb:Attributes": {"end", "pk"}}}}},
		{"an index", Call{Target: "DynamoDB_20120810.Query", Body: []byte(`{"TableName":"t","IndexName":"open","KeyConditionExpression":"#open = :k","ExpressionAttributeNames":{"#open":"open"}}`)},
			[]Request{{"dynamodb:Query", table + "/index/open", map[string][]string{"dynamodb:Attributes": {"open"}}}}},
		{"an object", Call{Method: "GET", URI: "/bucket/a/b.json?x-id=GetObject"}, requestsFor("s3:GetObject", "arn:aws:s3:::bucket/a/b.json")},
		{"an object that is written", Call{Method: "PUT", URI: "/bucket/a%20b?x-id=PutObject"}, requestsFor("s3:PutObject", "arn:aws:s3:::bucket/a b")},
		{"an object that is deleted", Call{Method: "DELETE", URI: "/bucket/key"}, requestsFor("s3:DeleteObject", "arn:aws:s3:::bucket/key")},
		{"a version that is deleted", Call{Method: "DELETE", URI: "/bucket/key?versionId=1"}, requestsFor("s3:DeleteObjectVersion", "arn:aws:s3:::bucket/key")},
		{"and is still kept", Call{Method: "DELETE", URI: "/bucket/key?versionId=1", Header: http.Header{"X-Amz-Bypass-Governance-Retention": {"true"}}},
			append(requestsFor("s3:BypassGovernanceRetention", "arn:aws:s3:::bucket/key"), requestsFor("s3:DeleteObjectVersion", "arn:aws:s3:::bucket/key")...)},
		{"many that are deleted", Call{Method: "POST", URI: "/bucket?delete=", Body: []byte(`<Delete><Object><Key>a</Key></Object><Object><Key>b</Key><VersionId>1</VersionId></Object></Delete>`)},
			append(requestsFor("s3:DeleteObject", "arn:aws:s3:::bucket/a"), requestsFor("s3:DeleteObjectVersion", "arn:aws:s3:::bucket/b")...)},
		{"an object that is kept for another time", Call{Method: "PUT", URI: "/bucket/key?retention="}, requestsFor("s3:PutObjectRetention", "arn:aws:s3:::bucket/key")},
		{"an upload in parts", Call{Method: "POST", URI: "/bucket/key?uploads="}, requestsFor("s3:PutObject", "arn:aws:s3:::bucket/key")},
		{"one of its parts", Call{Method: "PUT", URI: "/bucket/key?partNumber=1&uploadId=u"}, requestsFor("s3:PutObject", "arn:aws:s3:::bucket/key")},
		{"a new object", Call{Method: "PUT", URI: "/bucket/key", Header: http.Header{"If-None-Match": {"*"}}},
			[]Request{{"s3:PutObject", "arn:aws:s3:::bucket/key", map[string][]string{"s3:if-none-match": {"*"}}}}},
		{"a parameter", Call{Target: "AmazonSSM.GetParameter", Body: []byte(`{"Name":"/a/b"}`)}, requestsFor("ssm:GetParameter", "arn:aws:ssm:us-east-1:123456789012:parameter/a/b")},
		{"several parameters", Call{Target: "AmazonSSM.GetParameters", Body: []byte(`{"Names":["/a/b","c"]}`)},
			requestsFor("ssm:GetParameters", "arn:aws:ssm:us-east-1:123456789012:parameter/a/b", "arn:aws:ssm:us-east-1:123456789012:parameter/c")},
		{"a secret by its name", Call{Target: "secretsmanager.GetSecretValue", Body: []byte(`{"SecretId":"a/b"}`)}, requestsFor("secretsmanager:GetSecretValue", "arn:aws:secretsmanager:us-east-1:123456789012:secret:a/b-AbCdEf")},
		{"the instances", Call{Target: "SWBExternalService.ListInstances", Body: []byte(`{}`)}, requestsFor("sso:ListInstances", "*")},
		{"an assignment", Call{Target: "SWBExternalService.CreateAccountAssignment", Body: []byte(`{"InstanceArn":"` + instance + `","PermissionSetArn":"` + set + `","TargetId":"111111111111"}`)},
			requestsFor("sso:CreateAccountAssignment", instance, set, "arn:aws:sso:::account/111111111111")},
		{"assignments of an account", Call{Target: "SWBExternalService.ListAccountAssignments", Body: []byte(`{"InstanceArn":"` + instance + `","PermissionSetArn":"` + set + `","AccountId":"111111111111"}`)},
			requestsFor("sso:ListAccountAssignments", instance, set, "arn:aws:sso:::account/111111111111")},
		{"a membership", Call{Target: "AWSIdentityStore.CreateGroupMembership", Body: []byte(`{"IdentityStoreId":"d-1","GroupId":"g","MemberId":{"UserId":"u"}}`)},
			requestsFor("identitystore:CreateGroupMembership", "arn:aws:identitystore::123456789012:identitystore/d-1", "arn:aws:identitystore:::group/g", "arn:aws:identitystore:::user/u")},
		{"memberships in several groups", Call{Target: "AWSIdentityStore.IsMemberInGroups", Body: []byte(`{"IdentityStoreId":"d-1","GroupIds":["g"],"MemberId":{"UserId":"u"}}`)},
			requestsFor("identitystore:IsMemberInGroups", "arn:aws:identitystore::123456789012:identitystore/d-1", "arn:aws:identitystore:::group/*", "arn:aws:identitystore:::membership/*", "arn:aws:identitystore:::user/u")},
		{"a user who is looked for", Call{Target: "AWSIdentityStore.GetUserId", Body: []byte(`{"IdentityStoreId":"d-1"}`)},
			requestsFor("identitystore:GetUserId", "arn:aws:identitystore::123456789012:identitystore/d-1", "arn:aws:identitystore:::user/*")},
		{"an execution", Call{Target: "AWSStepFunctions.StartExecution", Body: []byte(`{"stateMachineArn":"` + machine + `"}`)}, requestsFor("states:StartExecution", machine)},
		{"a token", Call{Target: "AWSStepFunctions.SendTaskSuccess", Body: []byte(`{"taskToken":"token"}`)}, requestsFor("states:SendTaskSuccess", machine)},
		{"a token of nobody", Call{Target: "AWSStepFunctions.SendTaskSuccess", Body: []byte(`{"taskToken":"other"}`)}, nil},
		{"the unit of an account", Call{Target: "AWSOrganizationsV20161128.ListParents", Body: []byte(`{"ChildId":"111111111111"}`)}, requestsFor("organizations:ListParents", "arn:aws:organizations::123456789012:account/o-localstack/111111111111")},
		{"the unit of a unit", Call{Target: "AWSOrganizationsV20161128.ListParents", Body: []byte(`{"ChildId":"ou-ab12-1"}`)}, requestsFor("organizations:ListParents", "arn:aws:organizations::123456789012:ou/o-localstack/ou-ab12-1")},
		{"the accounts of the root", Call{Target: "AWSOrganizationsV20161128.ListAccountsForParent", Body: []byte(`{"ParentId":"r-ab12"}`)}, requestsFor("organizations:ListAccountsForParent", "arn:aws:organizations::123456789012:root/o-localstack/r-ab12")},
		{"the accounts", Call{Target: "AWSOrganizationsV20161128.ListAccounts", Body: []byte(`{}`)}, requestsFor("organizations:ListAccounts", "*")},
		{"a function by its ARN", Call{Method: "POST", URI: "/2015-03-31/functions/arn%3Aaws%3Alambda%3Aus-east-1%3A123456789012%3Afunction%3Af%3Alive/invocations"},
			requestsFor("lambda:InvokeFunction", "arn:aws:lambda:us-east-1:123456789012:function:f:live")},
		{"a function by its name", Call{Method: "POST", URI: "/2015-03-31/functions/f/invocations?Qualifier=live"}, requestsFor("lambda:InvokeFunction", "arn:aws:lambda:us-east-1:123456789012:function:f:live")},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			got, err := place.Requests(test.call)
			if err != nil || !reflect.DeepEqual(got, test.want) {
				t.Errorf("got %+v, %v\nwant %+v", got, err, test.want)
			}
		})
	}
}

// TestUnknownCalls checks that a call that this package doesn't know is refused.
func TestUnknownCalls(t *testing.T) {
	for name, call := range map[string]Call{
		"another operation":          {Target: "AWSIdentityStore.DeleteUser", Body: []byte(`{}`)},
		"another service":            {Target: "AWSIE.CreateUser", Body: []byte(`{}`)},
		"several items":              {Target: "DynamoDB_20120810.BatchGetItem", Body: []byte(`{"TableName":"t"}`)},
		"a table that is not there":  {Target: "DynamoDB_20120810.GetItem", Body: []byte(`{"TableName":"other"}`)},
		"a query of the table":       {Target: "DynamoDB_20120810.Query", Body: []byte(`{"TableName":"t"}`)},
		"a condition of old":         {Target: "DynamoDB_20120810.PutItem", Body: []byte(`{"TableName":"t","Item":{},"Expected":{"a":{}}}`)},
		"a bucket's policy":          {Method: "GET", URI: "/bucket?policy"},
		"an object's version":        {Method: "GET", URI: "/bucket/key?versionId=1"},
		"an object that is restored": {Method: "POST", URI: "/bucket/key?restore"},
		"a bucket that is deleted":   {Method: "DELETE", URI: "/bucket"},
		"no JSON":                    {Target: "AmazonSSM.GetParameter", Body: []byte(`x`)},
	} {
		t.Run(name, func(t *testing.T) {
			if got, err := place.Requests(call); err == nil {
				t.Errorf("got %+v, want an error", got)
			}
			guard := Guard{Place: place}
			guard.Admit("key", "role", "function", []Policy{parse(t, exceptOne)})
			if _, err := guard.Check("key", call); err == nil {
				t.Error("it is let through")
			}
			if denial, err := guard.Check("another key", call); denial != nil || err != nil {
				t.Errorf("somebody who is no function gets %v, %v", denial, err)
			}
		})
	}
}

func TestCheck(t *testing.T) {
	const policy = `{"Version":"2012-10-17","Statement":[
		{"Effect":"Allow","Action":["sso:CreateAccountAssignment"],"Resource":["` + instance + `","arn:aws:sso:::permissionSet/ssoins-1/*"]},
		{"Effect":"Allow","Action":"s3:GetObject","Resource":"arn:aws:s3:::bucket/*"},
		{"Effect":"Allow","Action":"dynamodb:UpdateItem","Resource":"` + table + `","Condition":{
			"ForAllValues:StringLike":{"dynamodb:LeadingKeys":["request#*"]},"ForAllValues:StringEquals":{"dynamodb:Attributes":["pk","posts"]}}}]}`
	guard := Guard{Place: place}
	guard.Admit("key", "role-of-f", "f", []Policy{parse(t, policy)})
	update := func(key, attribute string) Call {
		return Call{Target: "DynamoDB_20120810.UpdateItem", Body: []byte(`{"TableName":"t","Key":{"pk":{"S":"` + key + `"}},"UpdateExpression":"SET #a = :a","ExpressionAttributeNames":{"#a":"` + attribute + `"}}`)}
	}
	tests := []struct {
		name string
		call Call
		want string // the resource that is denied
	}{
		{"one of three resources is missing", Call{Target: "SWBExternalService.CreateAccountAssignment",
			Body: []byte(`{"InstanceArn":"` + instance + `","PermissionSetArn":"` + set + `","TargetId":"111111111111"}`)}, "arn:aws:sso:::account/111111111111"},
		{"an attribute that is listed", update("request#1", "posts"), ""},
		{"one that decides", update("request#1", "outcome"), table},
		{"another kind of row", update("lease#1", "posts"), table},
		{"an object", Call{Method: "GET", URI: "/bucket/key"}, ""},
		{"another bucket", Call{Method: "GET", URI: "/bucket2/key"}, "arn:aws:s3:::bucket2/key"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			denial, err := guard.Check("key", test.call)
			if err != nil || (denial == nil) != (test.want == "") {
				t.Fatalf("got %v, %v; want %q denied", denial, err, test.want)
			}
			if denial != nil && (!strings.Contains(denial.Message, " on resource: "+test.want+" because") || !strings.HasPrefix(denial.Message, "User: arn:aws:sts::123456789012:assumed-role/role-of-f/f is not authorized")) {
				t.Errorf("got %s", denial.Message)
			}
		})
	}
	if denial := guard.CheckAbsent("key", Call{Method: "GET", URI: "/bucket/key"}); denial == nil || denial.Action != "s3:ListBucket" {
		t.Errorf("who may not list a bucket is told that an object is not there: %v", denial)
	}
	if denial := guard.CheckAbsent("key", update("request#1", "posts")); denial != nil {
		t.Errorf("an item that is not there: %v", denial)
	}
}
