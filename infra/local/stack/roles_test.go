package stack

import (
	"strings"
	"testing"

	"sso-elevator/infra/local/iam"
)

// TestRolesSuffice checks that the roles of machines and schedules permit what the
// template makes them do. If one doesn't, the local stack refuses it; on AWS it
// would fail.
func TestRolesSuffice(t *testing.T) {
	const (
		account  = "arn:aws:iam::123456789012:role/"
		function = "arn:aws:lambda:us-east-1:123456789012:function:f:live"
		machine  = "arn:aws:states:us-east-1:123456789012:stateMachine:m"
	)
	definition := `{"StartAt":"A","States":{
		"A":{"Type":"Task","Resource":"arn:aws:states:::lambda:invoke","Parameters":{"FunctionName":"` + function + `"},"Next":"B"},
		"B":{"Type":"Task","Resource":"arn:aws:states:::states:startExecution","Parameters":{"StateMachineArn.$":"$$.StateMachine.Id"},"End":true}}}`
	statement := func(action, resource string) any {
		return map[string]any{"Effect": "Allow", "Action": action, "Resource": resource}
	}
	invoke, start := statement("lambda:InvokeFunction", function), statement("states:StartExecution", machine)
	tests := []struct {
		name       string
		statements []any
		want       []string // part of the error, or none for no error
	}{
		{"both", []any{invoke, start}, nil},
		{"the function without its alias", []any{statement("lambda:InvokeFunction", strings.TrimSuffix(function, ":live")), start}, []string{"lacks the permission lambda:InvokeFunction on " + function}},
		{"no start of itself", []any{invoke}, []string{"lacks the permission states:StartExecution on " + machine}},
		{"denied", []any{invoke, start, map[string]any{"Effect": "Deny", "Action": "lambda:*", "Resource": "*"}}, []string{"lambda:InvokeFunction"}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			d := newTestDeployer()
			if _, err := d.createRole(t.Context(), "Role", map[string]any{"RoleName": "r"}); err != nil {
				t.Fatal(err)
			}
			document := map[string]any{"Version": "2012-10-17", "Statement": test.statements}
			if _, err := d.createPolicy(t.Context(), "Policy", map[string]any{"Roles": []any{"r"}, "PolicyDocument": document}); err != nil {
				t.Fatal(err)
			}
			if err := d.noteMachineUses(machine, account+"r", definition); err != nil {
				t.Fatal(err)
			}
			err := d.checkRoles()
			if (err == nil) != (test.want == nil) {
				t.Errorf("got %v, want %q", err, test.want)
			}
			for _, want := range test.want {
				if err != nil && !strings.Contains(err.Error(), want) {
					t.Errorf("got %v, want %q in it", err, want)
				}
			}
		})
	}
}

// TestRolesThatAreNotUnderstood checks that a role with unknown elements is
// refused.
func TestRolesThatAreNotUnderstood(t *testing.T) {
	d := newTestDeployer()
	if _, err := d.createRole(t.Context(), "Role", map[string]any{"ManagedPolicyArns": []any{"arn:aws:iam::aws:policy/ReadOnlyAccess"}}); err == nil || !strings.Contains(err.Error(), "ReadOnlyAccess") {
		t.Errorf("a managed policy: got %v", err)
	}
	if _, err := d.createPolicy(t.Context(), "Policy", map[string]any{"Roles": []any{"nobody"}, "PolicyDocument": map[string]any{}}); err == nil || !strings.Contains(err.Error(), "nobody") {
		t.Errorf("a policy of a role that is not there: got %v", err)
	}
	if err := d.noteMachineUses("m", "r", `{"States":{"A":{"Type":"Task","Resource":"arn:aws:states:::sqs:sendMessage","Parameters":{"QueueUrl":"q"}}}}`); err == nil || !strings.Contains(err.Error(), "sqs") {
		t.Errorf("another service: got %v", err)
	}
}

func newTestDeployer() *deployer {
	return &deployer{assembly: &Assembly{}, stack: "s", target: Target{Region: "us-east-1", AccountID: "123456789012"}, roles: map[string][]iam.Policy{}}
}
