package policyinforce

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"io"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/ssm"
	ssmtypes "github.com/aws/aws-sdk-go-v2/service/ssm/types"

	"sso-elevator/functions/access"
	"sso-elevator/functions/access/accesstest"
)

// stored is a parameter and a single object, which it returns for any key.
type stored struct{ pointer, object []byte }

func (s stored) GetParameter(context.Context, *ssm.GetParameterInput, ...func(*ssm.Options)) (*ssm.GetParameterOutput, error) {
	return &ssm.GetParameterOutput{Parameter: &ssmtypes.Parameter{Value: aws.String(string(s.pointer))}}, nil
}

func (s stored) GetObject(context.Context, *s3.GetObjectInput, ...func(*s3.Options)) (*s3.GetObjectOutput, error) {
	return &s3.GetObjectOutput{Body: io.NopCloser(bytes.NewReader(s.object))}, nil
}

var anything = []access.Target{
	{Kind: access.KindAccount, AccountID: "111122223333", PermissionSet: "Admin"}, {Kind: access.KindGroup, GroupID: "g-1"},
}

// Whatever the parameter and the object contain, a policy in force matches the
// pointer's digest and is the same after it is written again. It grants only what one
// of its statements covers. Anything else is an error that someone must fix, and gives
// no access.
func FuzzDocument(f *testing.F) {
	for _, s := range []string{
		`{"accounts":[{"resources":["*"],"permission_sets":["Admin"],"approvers":["ann@example.com"]}],"groups":null}`,
		`{"accounts":[{"resources":["*"],"permission_sets":["*"],"approval_is_not_required":true}],"groups":[{"resources":["g-1"],"allow_self_approval":false}]}`,
		`{"accounts":{}}`, `{"accounts":[null]}`, `null`, `{}`, `[]`, ``, `{"accounts":[{"resources":"*"}]}`, `{"ACCOUNTS":[]}`, `{} {}`,
		`{"accounts":[{"approval_is_not_required":"true"}]}`, `{"accounts":[{"resources":["*"],"permission_sets":["*"]}],"accounts":[]}`,
	} {
		f.Add([]byte(s), []byte(""), true)
	}
	for _, s := range []string{`{}`, `null`, `{"bucket":"b","key":"k","sha256":"00"}`, `{"bucket":"","key":"k","sha256":"` + strings.Repeat("0", 64) + `"}`, `{"bucket":"b"`, `[`} {
		f.Add([]byte(`{}`), []byte(s), false)
	}
	f.Fuzz(func(t *testing.T, object, pointer []byte, matching bool) {
		sum := sha256.Sum256(object)
		digest := hex.EncodeToString(sum[:])
		if matching {
			pointer = []byte(`{"bucket":"b","key":"k","sha256":"` + digest + `"}`)
		}
		d, err := New(stored{object: object, pointer: pointer}, stored{object: object, pointer: pointer}, "/policy", time.Now).Document(context.Background())
		if err != nil {
			if access.CodeOf(err) != access.CodeMisconfigure || !reflect.DeepEqual(d, Document{}) {
				t.Errorf("%v of code %q, and %+v", err, access.CodeOf(err), d)
			}
			return
		}
		if d.Digest != digest || !bytes.Equal(d.Bytes, object) || !json.Valid(object) {
			t.Errorf("the policy %q has the digest %s, want %s", object, d.Digest, digest)
		}
		text, err := json.Marshal(d.Policy)
		if err != nil {
			t.Fatal(err)
		}
		var again access.Policy
		if err := json.Unmarshal(text, &again); err != nil {
			t.Fatal(err)
		}
		for _, target := range anything {
			decision := accesstest.Decide(d.Policy, "jane@example.com", target)
			if other := accesstest.Decide(again, "jane@example.com", target); !reflect.DeepEqual(decision, other) {
				t.Errorf("%s decides %+v, and read again %+v", object, decision, other)
			}
			if len(decision.Statements) == 0 && decision.Outcome != access.DecideRefused {
				t.Errorf("%s grants %s without a statement: %+v", object, target, decision)
			}
		}
	})
}
