package drift

import (
	"encoding/json"
	"strings"
	"testing"

	"sso-elevator/functions/access"
)

// An event names a whole subject or nothing. EventBridge's detail and CloudTrail's
// record give the same result, and a failed call names nothing.
func FuzzParseEvent(f *testing.F) {
	for _, s := range []string{
		`{"eventName":"CreateAccountAssignment","requestParameters":{"targetId":"111122223333","permissionSetArn":"arn:aws:sso:::permissionSet/ssoins-1/ps-1","principalType":"USER","principalId":"u"}}`,
		`{"detail":{"eventName":"AddMemberToGroup","requestParameters":{"groupId":"g-1"}}}`,
		`{"eventName":"PatchGroup","requestParameters":{"id":"g-1"}}`,
		`{"eventName":"CreateGroupMembership","errorCode":"AccessDenied","requestParameters":{"groupId":"g-1"}}`,
		`{"eventName":"CreateAccountAssignment","requestParameters":{"principalType":"GROUP","targetId":"1","permissionSetArn":"a"}}`,
		`{"detail":"x"}`, `{"detail":null}`, `{"requestParameters":null}`, `null`, `[]`, `{`, ``, `{"detail":{"detail":{"eventName":"AddMemberToGroup"}}}`,
	} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, raw []byte) {
		target, ok := parseEvent(raw)
		if !ok {
			return
		}
		switch target.Kind {
		case access.KindAccount:
			if target.AccountID == "" || target.PermissionSetARN == "" || target.GroupID != "" {
				t.Errorf("%s names %+v", raw, target)
			}
		case access.KindGroup:
			if target.GroupID == "" || target.AccountID != "" || target.PermissionSetARN != "" {
				t.Errorf("%s names %+v", raw, target)
			}
		default:
			t.Errorf("%s is about a %q", raw, target.Kind)
		}
		if !json.Valid(raw) {
			t.Fatalf("%q is no JSON", raw)
		}
		var fields map[string]json.RawMessage
		if json.Unmarshal(raw, &fields) == nil && len(fields) > 0 {
			for name := range fields {
				if strings.EqualFold(name, "detail") {
					return // an event wrapped twice is not an event
				}
			}
			if wrapped, okToo := parseEvent([]byte(`{"version":"0","detail":` + string(raw) + `}`)); !okToo || wrapped != target {
				t.Errorf("%s names %+v, as a detail %+v, %v", raw, target, wrapped, okToo)
			}
		}
	})
}

func TestParseEvent(t *testing.T) {
	tests := []struct {
		name  string
		event string
		want  string // key of the target, or empty for nothing
	}{
		{"a user's assignment", `{"source":"aws.sso","detail":{"eventSource":"sso.amazonaws.com","eventName":"CreateAccountAssignment","requestParameters":{"instanceArn":"arn:i","targetId":"111111111111","targetType":"AWS_ACCOUNT","permissionSetArn":"arn:ps","principalType":"USER","principalId":"u"}}}`, "account#111111111111#arn:ps"},
		{"the record alone", `{"eventName":"CreateAccountAssignment","requestParameters":{"targetId":"111111111111","permissionSetArn":"arn:ps","principalType":"USER"}}`, "account#111111111111#arn:ps"},
		{"a group's assignment", `{"detail":{"eventName":"CreateAccountAssignment","requestParameters":{"targetId":"111111111111","permissionSetArn":"arn:ps","principalType":"GROUP"}}}`, ""},
		{"one that failed", `{"detail":{"eventName":"CreateAccountAssignment","errorCode":"AccessDenied","requestParameters":{"targetId":"111111111111","permissionSetArn":"arn:ps","principalType":"USER"}}}`, ""},
		{"without parameters", `{"detail":{"eventName":"CreateAccountAssignment","requestParameters":null}}`, ""},
		{"a member, by the API", `{"detail":{"eventSource":"identitystore.amazonaws.com","eventName":"CreateGroupMembership","requestParameters":{"identityStoreId":"d-1","groupId":"g-1","memberId":{"userId":"u"}}}}`, "group#g-1"},
		{"a member, by the console", `{"detail":{"eventSource":"sso-directory.amazonaws.com","eventName":"AddMemberToGroup","requestParameters":{"identityStoreId":"d-1","groupId":"g-1","memberId":"u"}}}`, "group#g-1"},
		{"a member, by SCIM", `{"detail":{"eventSource":"identitystore-scim.amazonaws.com","eventName":"PatchGroup","requestParameters":{"tenantId":"t","id":"g-1","httpBody":{}}}}`, "group#g-1"},
		{"a member of a group unnamed", `{"detail":{"eventName":"AddMemberToGroup","requestParameters":{"id":"x"}}}`, ""},
		{"something else", `{"detail":{"eventName":"DeleteAccountAssignment","requestParameters":{"targetId":"1"}}}`, ""},
		{"nonsense", `"x"`, ""},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			target, ok := parseEvent(json.RawMessage(test.event))
			if ok != (test.want != "") || ok && target.Key() != test.want {
				t.Errorf("got %+v, %v, want %q", target, ok, test.want)
			}
		})
	}
}
