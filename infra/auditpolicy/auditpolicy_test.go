package auditpolicy

import (
	"encoding/json"
	"slices"
	"testing"
)

func TestObjects(t *testing.T) {
	for prefix, want := range map[string]string{"logs": "b/logs/*", "/audit/elevator/": "b/audit/elevator/*", "": "b/*"} {
		if got := Objects("b", prefix); !slices.Equal(got, []string{want, "b/policies/*"}) {
			t.Errorf("%q: %q", prefix, got)
		}
	}
}

// TestStatements checks the JSON that operators paste into a bucket's policy.
func TestStatements(t *testing.T) {
	got, err := json.Marshal(Statements("arn:aws:s3:::b", "logs", "arn:aws:iam::1:role/audit"))
	if err != nil {
		t.Fatal(err)
	}
	const objects = `"Resource":["arn:aws:s3:::b/logs/*","arn:aws:s3:::b/policies/*"]`
	const want = `[{"Sid":"OnlyAuditWrites","Effect":"Deny","Principal":{"AWS":"*"},"Action":["s3:PutObject"],` + objects + `,"Condition":{"ArnNotEquals":{"aws:PrincipalArn":"arn:aws:iam::1:role/audit"}}},` +
		`{"Sid":"OnlyNewObjects","Effect":"Deny","Principal":{"AWS":"*"},"Action":["s3:PutObject"],` + objects + `,"Condition":{"Null":{"s3:if-none-match":"true"}}},` +
		`{"Sid":"NobodyDeletes","Effect":"Deny","Principal":{"AWS":"*"},"Action":["s3:BypassGovernanceRetention","s3:DeleteObject","s3:DeleteObjectVersion","s3:PutObjectRetention","s3:ReplicateDelete","s3:ReplicateObject"],` + objects + `}]`
	if string(got) != want {
		t.Errorf("got\n%s, want\n%s", got, want)
	}
}
