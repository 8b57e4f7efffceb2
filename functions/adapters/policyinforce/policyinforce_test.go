package policyinforce_test

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
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
	"sso-elevator/functions/adapters/policyinforce"
)

// fakeAWS is a parameter and the objects by key. It counts reads.
type fakeAWS struct {
	pointer  string
	objects  map[string]string
	err      error
	set      *time.Time // when the pointer was written
	pointers int
	bodies   int
}

func (f *fakeAWS) GetParameter(_ context.Context, in *ssm.GetParameterInput, _ ...func(*ssm.Options)) (*ssm.GetParameterOutput, error) {
	f.pointers++
	if f.err != nil {
		return nil, f.err
	}
	if aws.ToString(in.Name) != "/elevator/policy" {
		return nil, fmt.Errorf("no parameter %s", aws.ToString(in.Name))
	}
	return &ssm.GetParameterOutput{Parameter: &ssmtypes.Parameter{Value: &f.pointer, LastModifiedDate: f.set}}, nil
}

func (f *fakeAWS) GetObject(_ context.Context, in *s3.GetObjectInput, _ ...func(*s3.Options)) (*s3.GetObjectOutput, error) {
	f.bodies++
	body, ok := f.objects[aws.ToString(in.Bucket)+"/"+aws.ToString(in.Key)]
	if !ok {
		return nil, fmt.Errorf("no object %s", aws.ToString(in.Key))
	}
	return &s3.GetObjectOutput{Body: io.NopCloser(strings.NewReader(body))}, nil
}

func digest(s string) string {
	sum := sha256.Sum256([]byte(s))
	return hex.EncodeToString(sum[:])
}

func pointerTo(key, body string) string {
	return fmt.Sprintf(`{"bucket":"b","key":%q,"sha256":%q}`, key, digest(body))
}

const (
	first  = `{"accounts":[{"resources":["*"],"permission_sets":["ReadOnly"],"approvers":["a@example.com"]}],"groups":[]}`
	second = `{"accounts":[],"groups":[]}`
)

func TestLoadFollowsThePointerWithinAMinute(t *testing.T) {
	now := time.Date(2026, 1, 1, 12, 0, 0, 0, time.UTC)
	fake := &fakeAWS{pointer: pointerTo("one", first), objects: map[string]string{"b/one": first, "b/two": second}}
	loader := policyinforce.New(fake, fake, "/elevator/policy", func() time.Time { return now })

	p, d, err := loader.Load(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	want := access.Policy{Groups: []access.Statement{},
		Accounts: []access.Statement{{Resources: []string{"*"}, PermissionSets: []string{"ReadOnly"}, Approvers: []string{"a@example.com"}}}}
	if !reflect.DeepEqual(p, want) || d != digest(first) {
		t.Errorf("got %+v %s, want %+v %s", p, d, want, digest(first))
	}

	fake.pointer = pointerTo("two", second)
	now = now.Add(59 * time.Second)
	if _, d, _ = loader.Load(t.Context()); d != digest(first) {
		t.Errorf("after 59 s: digest %s, want the first still", d)
	}
	if fake.pointers != 1 || fake.bodies != 1 {
		t.Errorf("read %d pointers and %d bodies, want 1 and 1", fake.pointers, fake.bodies)
	}
	now = now.Add(time.Second)
	if _, d, _ = loader.Load(t.Context()); d != digest(second) {
		t.Errorf("after 60 s: digest %s, want the second", d)
	}
	now = now.Add(time.Hour)
	if _, _, err := loader.Load(t.Context()); err != nil || fake.bodies != 2 {
		t.Errorf("unchanged pointer: %v, %d bodies read, want 2", err, fake.bodies)
	}
	fake.err = errors.New("no answer")
	now = now.Add(time.Hour)
	if _, _, err := loader.Load(t.Context()); err == nil {
		t.Error("an old policy was given out when the pointer could not be read")
	}
}

func TestLoadRefusesWhatIsNotThePolicy(t *testing.T) {
	tests := []struct {
		name    string
		pointer string
		body    string
	}{
		{"pointer is not JSON", "policy.json", first},
		{"pointer without digest", `{"bucket":"b","key":"one"}`, first},
		{"object changed", pointerTo("one", first), strings.Replace(first, "a@", "mallory@", 1)},
		{"object is not a policy", pointerTo("one", "[]"), "[]"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			fake := &fakeAWS{pointer: test.pointer, objects: map[string]string{"b/one": test.body}}
			_, _, err := policyinforce.New(fake, fake, "/elevator/policy", time.Now).Load(t.Context())
			if got := access.CodeOf(err); got != access.CodeMisconfigure {
				t.Errorf("got %v (code %s), want %s", err, got, access.CodeMisconfigure)
			}
		})
	}
}

// An exemption lasts at most 72 hours after the pointer was written. Someone who
// writes a policy by hand gets no longer one than a deployment does.
func TestExemptionsEndAfterThePointerWasSet(t *testing.T) {
	now := time.Date(2026, 1, 1, 12, 0, 0, 0, time.UTC)
	const body = `{"accounts":[],"groups":[],"exemptions":[{"group_id":"g","email":"a@example.com","until":"2026-01-03T12:00:00Z","reason":"x"},{"group_id":"h","email":"a@example.com","until":"2027-01-01T00:00:00Z","reason":"x"}]}`
	set := now.Add(-time.Hour)
	fake := &fakeAWS{pointer: pointerTo("one", body), objects: map[string]string{"b/one": body}, set: &set}
	loader := policyinforce.New(fake, fake, "/elevator/policy", func() time.Time { return now })
	untils := func() (all []string) {
		t.Helper()
		d, err := loader.Document(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		for _, e := range d.Policy.Exemptions {
			all = append(all, e.Until.Format(time.RFC3339))
		}
		return append(all, d.DeployedAt.Format(time.RFC3339))
	}
	if got, want := untils(), []string{"2026-01-03T12:00:00Z", "2026-01-04T11:00:00Z", "2026-01-01T11:00:00Z"}; !reflect.DeepEqual(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
	// The same policy is deployed again.
	now = now.Add(time.Hour)
	set = now
	if got, want := untils(), []string{"2026-01-03T12:00:00Z", "2026-01-04T13:00:00Z", "2026-01-01T13:00:00Z"}; !reflect.DeepEqual(got, want) {
		t.Errorf("set again: got %q, want %q", got, want)
	}
	fake.set = nil
	now = now.Add(time.Hour)
	if got, want := untils(), []string{"0001-01-01T00:00:00Z"}; !reflect.DeepEqual(got, want) {
		t.Errorf("without the time: got %q, want %q", got, want)
	}
}
