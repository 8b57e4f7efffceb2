package policyinforce_test

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
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

// earlier is a source that answers with what it read some time ago.
type earlier struct {
	fake  *fakeAWS
	ago   time.Duration
	now   func() time.Time
	since []time.Time
}

func (e *earlier) Read(_ context.Context, since time.Time) (*ssmtypes.Parameter, time.Time, error) {
	e.since = append(e.since, since)
	e.fake.pointers++
	return &ssmtypes.Parameter{Value: &e.fake.pointer, LastModifiedDate: e.fake.set}, e.now().Add(-e.ago), e.fake.err
}

// A pointer that was read before counts from that read on, and the loader asks for one that
// it may still use.
func TestThePointersAgeCountsFromItsRead(t *testing.T) {
	start := time.Date(2026, 1, 1, 12, 0, 0, 0, time.UTC)
	now := start
	fake := &fakeAWS{pointer: pointerTo("one", first), objects: map[string]string{"b/one": first, "b/two": second}}
	source := &earlier{fake: fake, ago: 40 * time.Second, now: func() time.Time { return now }}
	loader := policyinforce.NewFrom(source, fake, "/elevator/policy", source.now)
	want := func(digestOf string, pointers int) {
		t.Helper()
		if _, d, err := loader.Load(t.Context()); err != nil || d != digest(digestOf) || fake.pointers != pointers {
			t.Errorf("got %s, %v after %d pointers; want %s after %d", d, err, fake.pointers, digest(digestOf), pointers)
		}
	}
	want(first, 1)
	fake.pointer = pointerTo("two", second)
	now = start.Add(20*time.Second - 1)
	want(first, 1)
	now = start.Add(20 * time.Second)
	want(second, 2)
	for i, asked := range []time.Time{start, now} {
		if got, want := source.since[i], asked.Add(-policyinforce.MaxAge); !got.Equal(want) {
			t.Errorf("read %d may be from %s on, want %s", i, got, want)
		}
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
		{"a later format", fmt.Sprintf(`{"format":4,"bucket":"b","key":"one","digest":%q}`, digest(first)), first},
		{"a later format with the first one's key", fmt.Sprintf(`{"format":4,"bucket":"b","key":"one","sha256":%q}`, digest(first)), first},
		{"the first format by number", fmt.Sprintf(`{"format":1,"bucket":"b","key":"one","sha256":%q}`, digest(first)), first},
		{"a negative format", fmt.Sprintf(`{"format":-1,"bucket":"b","key":"one","digest":%q}`, digest(first)), first},
		{"a format in words", fmt.Sprintf(`{"format":"2","bucket":"b","key":"one","digest":%q}`, digest(first)), first},
		{"the second format with the first one's key", fmt.Sprintf(`{"format":2,"bucket":"b","key":"one","sha256":%q}`, digest(first)), first},
		{"the second format with both keys", fmt.Sprintf(`{"format":2,"bucket":"b","key":"one","sha256":%[1]q,"digest":%[1]q}`, digest(first)), first},
		{"the second format's key without it", fmt.Sprintf(`{"bucket":"b","key":"one","digest":%q}`, digest(first)), first},
		{"object changed, second format", fmt.Sprintf(`{"format":2,"bucket":"b","key":"one","digest":%q}`, digest(first)), second},
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

// previousReleaseAccepts is the check of the release that knows only the first format.
func previousReleaseAccepts(pointer []byte) bool {
	var p struct {
		Bucket string `json:"bucket"`
		Key    string `json:"key"`
		SHA256 string `json:"sha256"`
	}
	return json.Unmarshal(pointer, &p) == nil && p.Bucket != "" && p.Key != "" && len(p.SHA256) == hex.EncodedLen(sha256.Size)
}

// The previous release ignores fields that it doesn't know, so it must refuse every
// policy that has one. It must accept all others, so that they can be rolled back.
func TestPreviousReleaseRefusesWhatItDoesNotKnow(t *testing.T) {
	statement := func(change func(*access.Statement)) access.Policy {
		s := access.Statement{Resources: []string{"111111111111"}, PermissionSets: []string{"Admin"}, Approvers: []string{"ann@example.com"}}
		change(&s)
		return access.Policy{Accounts: []access.Statement{s}, Groups: []access.Statement{}}
	}
	for _, tt := range []struct {
		name     string
		policy   access.Policy
		accepted bool
	}{
		{"nothing new", statement(func(*access.Statement) {}), true},
		{"exemptions", access.Policy{Exemptions: []access.Exemption{{GroupID: "g"}}}, true},
		{"allowed people", statement(func(s *access.Statement) { s.Allowed = []string{"bob@example.com"} }), false},
		{"a group that approves", statement(func(s *access.Statement) { s.Approvers = append(s.Approvers, access.GroupEntry("g")) }), false},
		{"approvals needed", statement(func(s *access.Statement) { s.ApprovalsNeeded = 1 }), false},
		{"a limit", statement(func(s *access.Statement) { s.MaxDuration = 1 }), false},
		{"a ticket", statement(func(s *access.Statement) { s.Ticket = &access.Ticket{} }), false},
		{"a warning", statement(func(s *access.Statement) { s.Warning = "w" }), false},
		{"a channel", statement(func(s *access.Statement) { s.Channel = "C1" }), false},
		{"a confirmation", statement(func(s *access.Statement) { s.Confirm = true }), false},
		{"a unit", statement(func(s *access.Statement) { s.Resources = []string{"ou-abcd-11111111"} }), false},
		{"a root", statement(func(s *access.Statement) { s.Resources = []string{"r-abcd"} }), false},
		{"protected accounts", access.Policy{ProtectedAccounts: []string{"111111111111"}}, false},
		{"groups that are requestable", access.Policy{AllowManagedDecisionGroups: true}, false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			body, err := json.Marshal(tt.policy)
			if err != nil {
				t.Fatal(err)
			}
			pointer, err := json.Marshal(policyinforce.NewPointer("b", "one", digest(string(body)), &tt.policy))
			if err != nil {
				t.Fatal(err)
			}
			if got := previousReleaseAccepts(pointer); got != tt.accepted {
				t.Errorf("the previous release accepts %s: %v, want %v", pointer, got, tt.accepted)
			}
			fake := &fakeAWS{pointer: string(pointer), objects: map[string]string{"b/one": string(body)}}
			got, err := policyinforce.New(fake, fake, "/elevator/policy", time.Now).Document(t.Context())
			if err != nil || got.Digest != digest(string(body)) || string(got.Bytes) != string(body) {
				t.Errorf("this release reads %s of digest %s, %v; want %s", got.Bytes, got.Digest, err, body)
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
