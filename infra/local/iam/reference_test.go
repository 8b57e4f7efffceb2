package iam

import (
	"bytes"
	"encoding/json"
	"maps"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// differences are cases in which AWS differs from its own reference.
var differences = map[string]string{
	// A query of an index is checked with the index alone.
	// https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/iam-policy-specific-table-indexes.html
	"dynamodb:Query requires arn:${Partition}:dynamodb:${Region}:${Account}:table/${TableName}": "query of an index",
	// The reference lists alternatives as required: an execution is standard or
	// express, and ListExecutions is about a machine or a map run.
	"states:DescribeExecution requires arn:${Partition}:states:${Region}:${Account}:express:${StateMachineName}:${ExecutionId}:${ExpressId}": "standard execution",
	"states:ListExecutions requires arn:${Partition}:states:${Region}:${Account}:mapRun:${StateMachineName}/${MapRunLabel}:${MapRunId}":      "executions of a machine",
	// AWS's refusal names the state machine: https://github.com/aws/aws-cdk/pull/8486.
	"states:SendTaskSuccess does not accept " + machine: "token of a machine",
	"states:SendTaskFailure does not accept " + machine: "token of a machine",
}

// allCalls returns a call of every operation that this package knows.
func allCalls() []Call {
	calls := []Call{
		{Target: "DynamoDB_20120810.Query", Body: []byte(`{"TableName":"t","IndexName":"open"}`)},
		{Target: "AmazonSSM.GetParameter", Body: []byte(`{"Name":"/a/b"}`)},
		{Target: "secretsmanager.GetSecretValue", Body: []byte(`{"SecretId":"a/b"}`)},
		{Method: "GET", URI: "/bucket/a/b.json"},
		{Method: "PUT", URI: "/bucket/a/b.json"},
		{Method: "PUT", URI: "/bucket/a/b.json?partNumber=1&uploadId=u"},
		{Method: "POST", URI: "/bucket/a/b.json?uploads"},
		{Method: "PUT", URI: "/bucket/a/b.json?retention"},
		{Method: "DELETE", URI: "/bucket/a/b.json"},
		{Method: "DELETE", URI: "/bucket/a/b.json?versionId=1"},
		{Method: "POST", URI: "/bucket?delete", Body: []byte(`<Delete><Object><Key>a/b.json</Key></Object></Delete>`)},
		{Method: "GET", URI: "/bucket?list-type=2"},
		{Method: "POST", URI: "/2015-03-31/functions/f/invocations?Qualifier=live"},
	}
	for service, operations := range map[string][]string{
		"DynamoDB_20120810":         {"GetItem", "PutItem", "UpdateItem", "DeleteItem"},
		"SWBExternalService":        slices.Collect(maps.Keys(identityCenterTypes)),
		"AWSIdentityStore":          slices.Collect(maps.Keys(identityStoreTypes)),
		"AWSOrganizationsV20161128": {"ListAccounts", "DescribeOrganization", "ListParents", "ListAccountsForParent", "ListOrganizationalUnitsForParent"},
		"AWSStepFunctions":          {"StartExecution", "ListExecutions", "DescribeExecution", "StopExecution", "GetExecutionHistory", "SendTaskSuccess", "SendTaskFailure"},
	} {
		for _, operation := range operations {
			ids := `"UserId":"u","GroupId":"g","MembershipId":"m"`
			if strings.HasPrefix(operation, "List") || operation == "IsMemberInGroups" { // no call names one group or membership
				ids = `"NextToken":"n"`
			}
			calls = append(calls, Call{Target: service + "." + operation, Body: []byte(`{
				"TableName":"t","Key":{"pk":{"S":"request#1"}},
				"InstanceArn":"` + instance + `","PermissionSetArn":"` + set + `","AccountId":"111111111111",
				"ChildId":"111111111111","ParentId":"ou-1","IdentityStoreId":"d-1234567890",` + ids + `,
				"stateMachineArn":"` + machine + `","executionArn":"` + strings.Replace(machine, "stateMachine", "execution", 1) + `:e","taskToken":"token"}`)})
		}
	}
	return calls
}

// TestActionsExist checks that each operation is checked with an action that AWS
// has, on resources of the types that the action accepts and requires.
func TestActionsExist(t *testing.T) {
	type statement struct {
		Actions   []string `json:"actions"`
		Resources []string `json:"resources"`
	}
	var statements []statement
	for _, call := range allCalls() {
		requests, err := place.Requests(call)
		if err != nil || len(requests) == 0 {
			t.Fatalf("%+v: got %v, %v", call, requests, err)
		}
		s := statement{Actions: []string{requests[0].Action}}
		for _, r := range requests {
			if r.Action != requests[0].Action {
				t.Fatalf("%+v is checked with several actions: %+v", call, requests)
			}
			s.Resources = append(s.Resources, r.Resource)
		}
		statements = append(statements, s)
	}

	// The check itself must find mistakes.
	known := len(statements)
	statements = append(statements,
		statement{[]string{"sso:AssignAccount"}, []string{instance}},
		statement{[]string{"s3:GetObject"}, []string{"arn:aws:s3:::bucket"}},
		statement{[]string{"sso:CreateAccountAssignment"}, []string{instance, "arn:aws:sso:::account/111111111111"}})
	want := []string{
		"s3:GetObject does not accept arn:aws:s3:::bucket",
		"sso:AssignAccount does not accept " + instance, "sso:AssignAccount does not exist",
		"sso:CreateAccountAssignment requires arn:${Partition}:sso:::permissionSet/${InstanceId}/${PermissionSetId}",
	}

	input, err := json.Marshal(statements)
	if err != nil {
		t.Fatal(err)
	}
	var stderr strings.Builder
	cmd := exec.Command(filepath.Join("..", "..", "..", ".venv", "bin", "python"), filepath.Join("testdata", "actions.py"))
	cmd.Stdin, cmd.Stderr = bytes.NewReader(input), &stderr
	output, err := cmd.Output()
	if err != nil {
		t.Fatalf("%v: make tools installs what it needs\n%s", err, &stderr)
	}
	var problems []string
	if err := json.Unmarshal(output, &problems); err != nil {
		t.Fatalf("%v\n%s", err, output)
	}
	seen := map[string]bool{}
	problems = slices.DeleteFunc(problems, func(problem string) bool {
		seen[problem] = true
		return differences[problem] != ""
	})
	slices.Sort(problems)
	if !slices.Equal(problems, want) {
		t.Errorf("of %d operations, got\n%s\nwant only those of three bad statements\n%s", known, strings.Join(problems, "\n"), strings.Join(want, "\n"))
	}
	for problem := range differences {
		if !seen[problem] {
			t.Errorf("the reference does not say any more that %s", problem)
		}
	}
}
