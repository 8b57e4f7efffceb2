package doctor

import (
	"encoding/json"
	"strings"
	"testing"

	"sso-elevator/infra/auditpolicy"
	"sso-elevator/infra/settings"
)

// TestBucketPolicy checks that the doctor finds the statements that the stack gives to
// its own bucket in an existing bucket's policy, in any form. If one is missing, the
// doctor prints it.
func TestBucketPolicy(t *testing.T) {
	const role = "arn:aws:iam::111111111111:role/sso-elevator-AuditRole-1"
	wanted := auditpolicy.Statements("arn:aws:s3:::audit", "logs", role)
	policy := func(statements ...any) string {
		t.Helper()
		text, err := json.Marshal(map[string]any{"Version": "2012-10-17", "Statement": statements})
		if err != nil {
			t.Fatal(err)
		}
		return string(text)
	}
	all := policy(wanted[0], wanted[1], wanted[2])
	tls := map[string]any{"Effect": "Deny", "Principal": "*", "Action": "s3:*", "Resource": "*", "Condition": map[string]any{"Bool": map[string]any{"aws:SecureTransport": "false"}}}
	const (
		lacks = "warning: the bucket policy doesn't protect the records. It lacks "
		none  = lacks + "OnlyAuditWrites, OnlyNewObjects, NobodyDeletes"
		good  = "ready: only the function sso-elevator-audit can write records, and nobody can delete them"
	)
	for _, test := range []struct{ name, policy, want string }{
		{"no policy", "", none},
		{"another policy", policy(tls), none},
		{"a single statement", `{"Version":"2012-10-17","Statement":{"Effect":"Allow","Principal":"*","Action":"s3:GetObject","Resource":"*"}}`, none},
		{"as printed", all, good},
		{"with others", policy(tls, wanted[2], wanted[0], wanted[1]), good},
		{"one is missing", policy(wanted[0], wanted[2]), lacks + "OnlyNewObjects"},
		{"for everybody in another form", strings.ReplaceAll(all, `{"AWS":"*"}`, `"*"`), good},
		{"in several parts, and wider", policy(wanted[0], wanted[1],
			map[string]any{"Effect": "Deny", "Principal": "*", "Action": []string{"s3:Delete*", "s3:Replicate*"}, "Resource": "arn:aws:s3:::audit/*"},
			map[string]any{"Effect": "Deny", "Principal": map[string]any{"AWS": []string{"*"}}, "Action": []string{"s3:PutObjectRetention", "S3:bypassGovernanceRetention"}, "Resource": "*"}), good},
		{"an Allow", strings.ReplaceAll(all, `"Deny"`, `"Allow"`), none},
		{"for one principal", strings.ReplaceAll(all, `{"AWS":"*"}`, `{"AWS":"arn:aws:iam::111111111111:root"}`), none},
		{"but for some", strings.ReplaceAll(all, `"Principal"`, `"NotPrincipal"`), none},
		{"another prefix", strings.ReplaceAll(all, "audit/logs/", "audit/log/"), none},
		{"another action", strings.ReplaceAll(all, "s3:DeleteObjectVersion", "s3:DeleteObjectTagging"), lacks + "NobodyDeletes"},
		{"another condition", strings.ReplaceAll(all, "s3:if-none-match", "s3:if-match"), lacks + "OnlyNewObjects"},
		{"another role", strings.ReplaceAll(all, role, "arn:aws:iam::111111111111:role/gone"),
			"missing: the bucket policy lets arn:aws:iam::111111111111:role/gone write records, but not the role of the function sso-elevator-audit"},
	} {
		t.Run(test.name, func(t *testing.T) {
			got, err := bucketPolicy(t.Context(), fakeBucket{policy: test.policy}, fakeLambda{role: role}, &settings.Settings{NamePrefix: "sso-elevator", ExistingAuditBucket: "audit", AuditPrefix: "logs"}, "aws")
			same(t, []finding{got}, err, test.want)
			if strings.HasPrefix(test.want, "warning") {
				_, printed, _ := strings.Cut(got.Fix, "): ")
				var again []auditpolicy.Statement
				if err := json.Unmarshal([]byte(printed), &again); err != nil || len(again) != 3 || again[0].Condition["ArnNotEquals"]["aws:PrincipalArn"] != role {
					t.Errorf("%v in %s", err, got.Fix)
				}
			}
		})
	}
	for name, test := range map[string]struct {
		bucket fakeBucket
		lambda fakeLambda
	}{
		"no JSON":      {fakeBucket{policy: "x"}, fakeLambda{role: role}},
		"may not read": {fakeBucket{policyErr: apiError("S3", "GetBucketPolicy", "AccessDenied")}, fakeLambda{role: role}},
		"may not ask":  {fakeBucket{}, fakeLambda{role: role, err: apiError("Lambda", "GetFunctionConfiguration", "AccessDeniedException")}},
	} {
		if got, err := bucketPolicy(t.Context(), test.bucket, test.lambda, &settings.Settings{NamePrefix: "sso-elevator", ExistingAuditBucket: "audit"}, "aws"); err == nil {
			t.Errorf("%s: %+v", name, got)
		}
	}
}
