package gateway_test

import (
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"sso-elevator/infra/local/gateway"
	"sso-elevator/infra/local/iam"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/ssoadmin"
	"github.com/aws/aws-sdk-go-v2/service/ssoadmin/types"
)

// TestManagementAccountTakesRights checks an operation on an assignment to the
// management account, from that account. It is accepted. If the caller lacks one of
// the IAM rights, it ends FAILED with AWS's reason, and has no effect.
func TestManagementAccountTakesRights(t *testing.T) {
	const (
		management = "123456789012"
		calls      = `{"Effect":"Allow","Action":["sso:*"],"Resource":"*"}`
		reads      = `{"Effect":"Allow","Action":["iam:GetSAMLProvider","iam:GetRole","iam:ListRolePolicies","iam:ListAttachedRolePolicies"],"Resource":["arn:aws:iam::123456789012:saml-provider/AWSSSO_*","arn:aws:iam::123456789012:role/aws-reserved/sso.amazonaws.com/*"]}`
		changes    = `{"Effect":"Allow","Action":["iam:CreateSAMLProvider","iam:UpdateSAMLProvider","iam:CreateRole","iam:AttachRolePolicy","iam:PutRolePolicy"],"Resource":"*","Condition":{"Bool":{"aws:ViaAWSService":"true"}}}`
	)
	guard := &iam.Guard{Place: iam.Place{Region: "us-east-1", AccountID: management}}
	denied := 0
	g := gateway.New(gateway.Config{MotoURL: stack.Moto.URL, Now: time.Now, SettleDelay: 10 * time.Millisecond, Guard: guard, Denied: func(string) { denied++ }})
	server := httptest.NewServer(g)
	t.Cleanup(func() { server.Close(); g.Close() })
	as := func(statements ...string) *courses {
		t.Helper()
		key := "key" + strings.Repeat("x", len(strings.Join(statements, ","))) // one for each
		policy, err := iam.Parse([]byte(`{"Version":"2012-10-17","Statement":[` + strings.Join(statements, ",") + `]}`))
		if err != nil {
			t.Fatal(err)
		}
		guard.Admit(key, "role", "function", []iam.Policy{policy})
		config := stack.AWS()
		config.BaseEndpoint = aws.String(server.URL)
		config.Credentials = credentials.NewStaticCredentialsProvider(key, "secret", "")
		return &courses{Client: ssoadmin.NewFromConfig(config)}
	}
	ended := func(c *courses, s *types.AccountAssignmentOperationStatus, creation bool) string {
		t.Helper()
		if s.Status != types.StatusValuesInProgress {
			t.Fatalf("the call is answered with %s", s.Status)
		}
		status, reason := s.Status, ""
		eventually(t, "it ends", func() bool {
			status, reason = c.look(t, s, creation)
			return status != types.StatusValuesInProgress
		})
		return string(status) + " " + reason
	}
	x := target{management, ids(t).PermissionSets["Write"], ids(t).People["Ann@example.com"]}
	nothing, reader, all := as(calls), as(calls, reads), as(calls, reads, changes)
	failed := func(right string) string {
		return "FAILED Received a 403 status error: Access denied by IAM. Please check your policy, or wait for role propagation to complete. IAM Error: User: arn:aws:sts::123456789012:assumed-role/role/function is not authorized to perform: " + right + " on resource: arn:aws:iam::123456789012:"
	}
	for _, step := range []struct {
		name  string
		got   func() string
		want  string
		count int
	}{
		{"create without", func() string { return ended(nothing, nothing.create(t, x), true) }, failed("iam:UpdateSAMLProvider") + "saml-provider/AWSSSO_", 0},
		{"create, reading only", func() string { return ended(reader, reader.create(t, x), true) }, failed("iam:UpdateSAMLProvider"), 0},
		{"create", func() string { return ended(all, all.create(t, x), true) }, "SUCCEEDED", 1},
		{"delete without", func() string { return ended(nothing, nothing.delete(t, x), false) }, failed("iam:GetSAMLProvider"), 1},
		{"delete, reading only", func() string { return ended(reader, reader.delete(t, x), false) }, "SUCCEEDED", 0},
	} {
		if got := step.got(); !strings.HasPrefix(got, step.want) || x.count(t) != step.count {
			t.Errorf("%s: it ends %s, listed %d times; want %s, %d", step.name, got, x.count(t), step.want, step.count)
		}
	}
	if denied != 3 {
		t.Errorf("told of %d denials, want 3", denied)
	}

	// Each single right is needed; another account needs none of them.
	for _, right := range []string{"UpdateSAMLProvider", "CreateSAMLProvider", "CreateRole", "AttachRolePolicy", "PutRolePolicy", "GetSAMLProvider", "GetRole", "ListRolePolicies", "ListAttachedRolePolicies"} {
		one := as(calls, strings.ReplaceAll(reads, `"iam:`+right+`"`, `"iam:x`+right+`"`), strings.ReplaceAll(changes, `"iam:`+right+`"`, `"iam:x`+right+`"`))
		if got := ended(one, one.create(t, x), true); !strings.HasPrefix(got, failed("iam:"+right)) {
			t.Errorf("without %s it ends %s", right, got)
		}
	}
	other := target{ids(t).Accounts["two"], x.permissionSet, x.person}
	if got := ended(nothing, nothing.create(t, other), true); got != "SUCCEEDED " {
		t.Errorf("in another account it ends %s", got)
	}
	if got := ended(nothing, nothing.delete(t, other), false); got != "SUCCEEDED " {
		t.Errorf("in another account the deletion ends %s", got)
	}
}
