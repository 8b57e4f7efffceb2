package iam

import (
	"strings"
	"testing"
)

func parse(t *testing.T, document string) Policy {
	t.Helper()
	p, err := Parse([]byte(document))
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// These are the examples in AWS's documentation:
// https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/specifying-conditions.html
// and
// .../IAM/latest/UserGuide/reference_policies_condition-single-vs-multi-valued-context-keys.html
const (
	ownItems = `{"Version":"2012-10-17","Statement":[{"Effect":"Allow",
		"Action":["dynamodb:GetItem","dynamodb:UpdateItem"],"Resource":"arn:aws:dynamodb:us-west-2:123456789012:table/GameScores",
		"Condition":{"ForAllValues:StringEquals":{"dynamodb:LeadingKeys":["user-1"],"dynamodb:Attributes":["UserId","GameTitle","Wins"]},
			"StringEqualsIfExists":{"dynamodb:Select":"SPECIFIC_ATTRIBUTES"}}}]}`
	exceptOne = `{"Version":"2012-10-17","Statement":[
		{"Effect":"Allow","Action":"s3:*","Resource":"*"},
		{"Effect":"Deny","Action":"s3:DeleteObject","Resource":"arn:aws:s3:::confidential/*"}]}`
	folders = `{"Version":"2012-10-17","Statement":{"Effect":"Allow"}}`
)

func TestAllowed(t *testing.T) {
	scores := "arn:aws:dynamodb:us-west-2:123456789012:table/GameScores"
	tests := []struct {
		name, policy string
		request      Request
		want         bool
	}{
		{"the own item", ownItems, Request{"dynamodb:GetItem", scores, map[string][]string{"dynamodb:LeadingKeys": {"user-1"}}}, true},
		{"case of actions and keys does not count", ownItems, Request{"DynamoDB:getitem", scores, map[string][]string{"DynamoDB:leadingkeys": {"user-1"}}}, true},
		{"somebody else's", ownItems, Request{"dynamodb:GetItem", scores, map[string][]string{"dynamodb:LeadingKeys": {"user-2"}}}, false},
		{"one of two is somebody else's", ownItems, Request{"dynamodb:GetItem", scores, map[string][]string{"dynamodb:LeadingKeys": {"user-1", "user-2"}}}, false},
		{"attributes that are listed", ownItems, Request{"dynamodb:UpdateItem", scores, map[string][]string{"dynamodb:Attributes": {"Wins", "UserId"}}}, true},
		{"one that is not", ownItems, Request{"dynamodb:UpdateItem", scores, map[string][]string{"dynamodb:Attributes": {"Wins", "TopScore"}}}, false},
		{"a key that is not there holds for ForAllValues", ownItems, Request{"dynamodb:GetItem", scores, nil}, true},
		{"IfExists where it exists", ownItems, Request{"dynamodb:GetItem", scores, map[string][]string{"dynamodb:Select": {"ALL_ATTRIBUTES"}}}, false},
		{"another action", ownItems, Request{"dynamodb:PutItem", scores, nil}, false},
		{"another table", ownItems, Request{"dynamodb:GetItem", scores + "2", nil}, false},
		{"an index of the table is not the table", ownItems, Request{"dynamodb:GetItem", scores + "/index/i", nil}, false},
		{"what nothing denies", exceptOne, Request{"s3:DeleteObject", "arn:aws:s3:::public/a", nil}, true},
		{"a denial wins", exceptOne, Request{"s3:DeleteObject", "arn:aws:s3:::confidential/a/b", nil}, false},
		{"an action that no statement has", exceptOne, Request{"sqs:SendMessage", "arn:aws:sqs:us-east-1:1:q", nil}, false},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			if got := Allowed([]Policy{parse(t, test.policy)}, test.request); got != test.want {
				t.Errorf("got %v, want %v", got, test.want)
			}
		})
	}
	if Allowed(nil, Request{Action: "s3:GetObject", Resource: "arn:aws:s3:::a/b"}) {
		t.Error("who has no policy is allowed something")
	}
}

func TestMatchesARN(t *testing.T) {
	tests := []struct {
		pattern, arn string
		want         bool
	}{
		{"*", "arn:aws:s3:::a/b", true},
		{"arn:aws:s3:::a/*", "arn:aws:s3:::a/b/c", true},
		{"arn:aws:s3:::a/*", "arn:aws:s3:::a", false},
		{"arn:aws:s3:::a", "arn:aws:s3:::a/b", false},
		{"arn:aws:sso:::permissionSet/ssoins-1/*", "arn:aws:sso:::permissionSet/ssoins-2/ps-1", false},
		{"arn:aws:identitystore::*:identitystore/*", "arn:aws:identitystore::123456789012:identitystore/d-1", true},
		{"arn:aws:identitystore:::user/*", "arn:aws:identitystore::123456789012:user/u", false},
		{"arn:aws:secretsmanager:us-east-1:1:secret:name-??????", "arn:aws:secretsmanager:us-east-1:1:secret:name-AbCdEf", true},
		{"arn:aws:secretsmanager:us-east-1:1:secret:name-??????", "arn:aws:secretsmanager:us-east-1:1:secret:name-more-AbCdEf", false},
		{"arn:aws:states:us-east-1:1:execution:m:*", "arn:aws:states:us-east-1:1:execution:m:a:b", true},
		{"arn:aws:states:us-east-1:1:execution:m:*", "arn:aws:states:us-east-1:1:execution:other:a", false},
		{"arn:*:states:us-east-1:1:stateMachine:m", "arn:aws:states:us-east-1:1:stateMachine:m", true},
		{"arn:aws:*", "arn:aws:s3:::a", false}, // not six parts
		{"arn:aws:s3:::a[b]/*", "arn:aws:s3:::a[b]/c", true},
		{"arn:aws:s3:::a[b]/*", "arn:aws:s3:::ab/c", false},
	}
	for _, test := range tests {
		if got := matchesARN(test.pattern, test.arn); got != test.want {
			t.Errorf("%s, %s: got %v, want %v", test.pattern, test.arn, got, test.want)
		}
	}
}

// TestDenied checks the bucket policy of AWS's page on enforcing conditional
// writes, turned into denials, and the CDK's denials. Null tests whether a key
// exists. A negated operator matches if the key is missing.
func TestDenied(t *testing.T) {
	policy, err := ParseBucketPolicy([]byte(`{"Version":"2012-10-17","Statement":[
		{"Sid":"a","Effect":"Deny","Principal":{"AWS":"*"},"Action":"s3:PutObject","Resource":"arn:aws:s3:::b/*","Condition":{"Null":{"s3:if-none-match":"true"}}},
		{"Sid":"b","Effect":"Deny","Principal":{"AWS":"*"},"Action":"s3:PutObject","Resource":"arn:aws:s3:::b/*","Condition":{"ArnNotEquals":{"aws:PrincipalArn":"arn:aws:iam::1:role/writer"}}},
		{"Sid":"c","Effect":"Deny","Principal":{"AWS":"*"},"Action":"s3:*","Resource":["arn:aws:s3:::b","arn:aws:s3:::b/*"],"Condition":{"NumericLessThan":{"s3:TlsVersion":1.2}}}]}`))
	if err != nil {
		t.Fatal(err)
	}
	put := func(context map[string][]string) Request {
		return Request{Action: "s3:PutObject", Resource: "arn:aws:s3:::b/k", Context: context}
	}
	writer := []string{"arn:aws:iam::1:role/writer"}
	for _, test := range []struct {
		name    string
		request Request
		want    bool
	}{
		{"the writer, a new object", put(map[string][]string{"s3:if-none-match": {"*"}, "aws:PrincipalArn": writer}), false},
		{"the writer, any object", put(map[string][]string{"aws:PrincipalArn": writer}), true},
		{"somebody else", put(map[string][]string{"s3:if-none-match": {"*"}, "aws:PrincipalArn": {"arn:aws:iam::1:role/writer2"}}), true},
		{"a service, which has no ARN", put(map[string][]string{"s3:if-none-match": {"*"}}), true},
		{"old TLS", put(map[string][]string{"s3:if-none-match": {"*"}, "aws:PrincipalArn": writer, "s3:TlsVersion": {"1.1"}}), true},
		{"new TLS", put(map[string][]string{"s3:if-none-match": {"*"}, "aws:PrincipalArn": writer, "s3:TlsVersion": {"1.3"}}), false},
		{"another bucket", Request{Action: "s3:PutObject", Resource: "arn:aws:s3:::c/k"}, false},
	} {
		if got := Denied([]Policy{policy}, test.request); got != test.want {
			t.Errorf("%s: denied %v, want %v", test.name, got, test.want)
		}
	}
	for name, statement := range map[string]string{
		"an Allow":     `{"Effect":"Allow","Principal":{"AWS":"*"},"Action":"s3:GetObject","Resource":"*"}`,
		"one of many":  `{"Effect":"Deny","Principal":{"AWS":"arn:aws:iam::1:root"},"Action":"s3:GetObject","Resource":"*"}`,
		"a service":    `{"Effect":"Deny","Principal":{"Service":"logging.s3.amazonaws.com"},"Action":"s3:GetObject","Resource":"*"}`,
		"no principal": `{"Effect":"Deny","Action":"s3:GetObject","Resource":"*"}`,
	} {
		if _, err := ParseBucketPolicy([]byte(`{"Version":"2012-10-17","Statement":[` + statement + `]}`)); err == nil {
			t.Errorf("%s is taken", name)
		}
	}
}

// TestParseRefuses checks that a policy that this package doesn't understand is an
// error, not a decision.
func TestParseRefuses(t *testing.T) {
	statement := func(fields string) string {
		return `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"s3:GetObject","Resource":"*"` + fields + `}]}`
	}
	for name, test := range map[string]struct{ document, want string }{
		"no JSON":           {`{`, "unexpected end"},
		"old version":       {`{"Version":"2008-10-17","Statement":[]}`, "2008-10-17"},
		"one statement":     {folders, "cannot unmarshal object"},
		"no resource":       {`{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"s3:GetObject"}]}`, "effect, action or resource is missing"},
		"effect":            {statement(`,"Effect":"allow"`), "neither Allow nor Deny"},
		"NotAction":         {statement(`,"NotAction":"s3:PutObject"`), "NotAction"},
		"unknown operator":  {statement(`,"Condition":{"DateGreaterThan":{"aws:CurrentTime":"2026-01-01T00:00:00Z"}}`), "DateGreaterThan"},
		"ForAnyValue":       {statement(`,"Condition":{"ForAnyValue:StringEquals":{"aws:TagKeys":"a"}}`), "ForAnyValue"},
		"a policy variable": {statement(`,"Condition":{"StringEquals":{"aws:username":"${aws:username}"}}`), "variables"},
	} {
		t.Run(name, func(t *testing.T) {
			if _, err := Parse([]byte(test.document)); err == nil || !strings.Contains(err.Error(), test.want) {
				t.Errorf("got %v, want %q in it", err, test.want)
			}
		})
	}
}
