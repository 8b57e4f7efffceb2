package main

import (
	"encoding/json"
	"maps"
	"slices"
	"strings"
	"testing"

	"sso-elevator/infra/local/iam"
)

// TestAuditBucketPolicy evaluates the policy of the template's bucket as S3 does.
// Only the audit function's role writes records and policies, and only new ones.
// Nobody deletes them, makes them deletable, or replicates objects over them. The
// policy denies nothing outside of both, and no reads.
func TestAuditBucketPolicy(t *testing.T) {
	tpl := sharedStack(t).template
	policies := tpl.of("AWS::S3::BucketPolicy")
	id := slices.IndexFunc(slices.Sorted(maps.Keys(policies)), func(id string) bool { return strings.HasPrefix(id, "Records") })
	if id < 0 {
		t.Fatal("the audit bucket has no policy")
	}
	r := policies[slices.Sorted(maps.Keys(policies))[id]]
	if r.DeletionPolicy != "RetainExceptOnCreate" {
		t.Errorf("with the stack the policy is subject to %s", r.DeletionPolicy)
	}
	raw, err := json.Marshal(inPartition(r.Properties["PolicyDocument"], map[string]string{"AWS::Partition": "aws"}))
	if err != nil {
		t.Fatal(err)
	}
	var bucket, role string
	for id, r := range tpl.Resources {
		switch {
		case r.Type == "AWS::S3::Bucket" && strings.HasPrefix(id, "Records"):
			bucket = id
		case r.Type == "AWS::IAM::Role" && strings.HasPrefix(id, "AuditRole"):
			role = id
		}
	}
	text := strings.NewReplacer(`\u003c`, "<", `\u003e`, ">").Replace(string(raw))
	text = strings.NewReplacer("<"+bucket+".Arn>", "arn:aws:s3:::records", "<"+role+".Arn>", "arn:aws:iam::123456789012:role/audit").Replace(text)
	policy, err := iam.ParseBucketPolicy([]byte(text))
	if err != nil {
		t.Fatalf("%v: %s", err, text)
	}

	const audit, admin = "arn:aws:iam::123456789012:role/audit", "arn:aws:iam::123456789012:role/admin"
	for _, test := range []struct {
		who, action, key string
		isNew            bool // sent with If-None-Match
		denied           bool
	}{
		{audit, "PutObject", "logs/2026/03/02/a.json", true, false},
		{audit, "PutObject", "policies/0123.json", true, false},
		{audit, "PutObject", "logs/2026/03/02/a.json", false, true},
		{audit, "PutObject", "policies/0123.json", false, true},
		{admin, "PutObject", "logs/2026/03/02/a.json", true, true},
		{admin, "PutObject", "policies/0123.json", true, true},
		{admin + "2", "PutObject", "logs/a.json", true, true},
		{"", "PutObject", "logs/a.json", true, true}, // the caller is an AWS service
		{admin, "PutObject", "elsewhere/a.json", false, false},
		{admin, "PutObject", "logsbook/a.json", false, false},
		{admin, "GetObject", "logs/a.json", false, false},
		{admin, "PutObjectLegalHold", "logs/a.json", false, false},
		{admin, "DeleteObject", "logs/a.json", false, true},
		{audit, "DeleteObject", "logs/a.json", false, true},
		{admin, "DeleteObjectVersion", "policies/0123.json", false, true},
		{admin, "BypassGovernanceRetention", "logs/a.json", false, true},
		{admin, "PutObjectRetention", "logs/a.json", false, true},
		{admin, "ReplicateObject", "logs/a.json", false, true},
		{admin, "ReplicateDelete", "logs/a.json", false, true},
		{admin, "DeleteObject", "elsewhere/a.json", false, false},
	} {
		context := map[string][]string{"aws:SecureTransport": {"true"}, "s3:TlsVersion": {"1.3"}}
		if test.who != "" {
			context["aws:PrincipalArn"] = []string{test.who}
		}
		if test.isNew {
			context["s3:if-none-match"] = []string{"*"}
		}
		got := iam.Denied([]iam.Policy{policy}, iam.Request{Action: "s3:" + test.action, Resource: "arn:aws:s3:::records/" + test.key, Context: context})
		if got != test.denied {
			t.Errorf("%q, s3:%s of %s, new %t: denied %t, want %t", test.who, test.action, test.key, test.isNew, got, test.denied)
		}
	}

	// CloudFormation can delete a bucket that it has just created.
	if iam.Denied([]iam.Policy{policy}, iam.Request{Action: "s3:DeleteBucket", Resource: "arn:aws:s3:::records", Context: map[string][]string{"aws:SecureTransport": {"true"}, "s3:TlsVersion": {"1.3"}}}) {
		t.Error("the empty bucket can't be deleted")
	}
}

// TestAuditWritesOnlyNewObjects checks that the role itself may write only new
// objects, whatever the bucket's policy is.
func TestAuditWritesOnlyNewObjects(t *testing.T) {
	for name, tpl := range map[string]template{"own bucket": sharedStack(t).template, "existing bucket": existingBucketTemplate(t)} {
		writes := 0
		for _, s := range statementsOf(t, tpl, "audit") {
			if slices.Contains(s.Action, "s3:PutObject") {
				writes++
				if got := s.Condition["Null"]["s3:if-none-match"]; !slices.Equal(got, []string{"false"}) {
					t.Errorf("%s: it may write under the condition %v", name, s.Condition)
				}
			}
		}
		if writes != 1 {
			t.Errorf("%s: %d statements let it write, want 1", name, writes)
		}
	}
}
