// Package auditpolicy has the statements of a bucket's policy that protect the
// audit records in it. The stack gives them to the bucket that it makes; for a
// bucket that was there before, the doctor prints them.
package auditpolicy

import (
	"strings"

	"sso-elevator/functions/access/auditrecord"
)

// Statement denies something to everybody, on a condition.
type Statement struct {
	Sid       string
	Effect    string
	Principal map[string]string
	Action    []string
	Resource  []string
	Condition map[string]map[string]string `json:",omitempty"`
}

// Statements protect the records under prefix and the policies in the bucket,
// both given by ARN: only writer, a role's ARN, may write there, and only objects
// that do not exist yet; nobody may delete or replace one, or shorten how long it
// is kept.
//
// The second statement denies uploads in parts and copies as well, which send no
// If-None-Match when they begin; writer makes neither. Legal holds are left to
// whoever may set them: they delete nothing. S3 Lifecycle is not bound by a
// bucket's policy.
//
// https://docs.aws.amazon.com/AmazonS3/latest/userguide/conditional-writes-enforce.html
func Statements(bucket, prefix, writer string) []Statement {
	deny := func(sid string, condition map[string]map[string]string, actions ...string) Statement {
		return Statement{sid, "Deny", map[string]string{"AWS": "*"}, actions, Objects(bucket, prefix), condition}
	}
	return []Statement{
		deny("OnlyAuditWrites", map[string]map[string]string{"ArnNotEquals": {"aws:PrincipalArn": writer}}, "s3:PutObject"),
		deny("OnlyNewObjects", map[string]map[string]string{"Null": {"s3:if-none-match": "true"}}, "s3:PutObject"),
		deny("NobodyDeletes", nil, "s3:BypassGovernanceRetention", "s3:DeleteObject", "s3:DeleteObjectVersion",
			"s3:PutObjectRetention", "s3:ReplicateDelete", "s3:ReplicateObject"),
	}
}

// Objects are the ARNs of what is protected: records and policies.
func Objects(bucket, prefix string) []string {
	records := "*"
	if prefix = strings.Trim(prefix, "/"); prefix != "" {
		records = prefix + "/*"
	}
	return []string{bucket + "/" + records, bucket + "/" + auditrecord.PolicyFolder + "*"}
}
