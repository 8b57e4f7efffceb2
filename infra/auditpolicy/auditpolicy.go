// Package auditpolicy has the statements of a bucket's policy that protect its
// audit records. The stack puts them into the policy of a bucket that it creates.
// For a bucket that existed before, the doctor prints them.
package auditpolicy

import (
	"strings"

	"sso-elevator/functions/access/auditrecord"
)

// Statement denies actions to everyone, under a condition.
type Statement struct {
	Sid       string
	Effect    string
	Principal map[string]string
	Action    []string
	Resource  []string
	Condition map[string]map[string]string `json:",omitempty"`
}

// Statements returns the statements for a bucket, given by its ARN. They protect
// the records under prefix, and the policies. Only writer, a role's ARN, may write
// there, and only objects that don't exist yet. Nobody may delete or replace an
// object, or shorten its retention.
//
// The second statement also denies multipart uploads and copies, because they send no
// If-None-Match when they begin. writer makes neither. Legal holds are not denied,
// because they delete nothing. A bucket policy doesn't apply to S3 Lifecycle.
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

// Objects returns the ARNs of the protected objects: records and policies.
func Objects(bucket, prefix string) []string {
	records := "*"
	if prefix = strings.Trim(prefix, "/"); prefix != "" {
		records = prefix + "/*"
	}
	return []string{bucket + "/" + records, bucket + "/" + auditrecord.PolicyFolder + "*"}
}
