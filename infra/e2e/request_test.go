package e2e

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/sfn"
	sfntypes "github.com/aws/aws-sdk-go-v2/service/sfn/types"
	"github.com/aws/aws-sdk-go-v2/service/ssoadmin"

	"sso-elevator/functions/access"
)

// request is a request as a test follows it.
type request struct {
	stack  *stack
	wish   wish
	reason string
	id     string
	arn    string // of its execution, once a test has looked for it

	announced post // its message in the channel, if a test keeps it
}

// soon is when a test stops waiting for something without a guaranteed time, with one
// moto, two cores and many tests at once. Nothing takes this long on a quiet machine.
// If the system guarantees a time, tests use removalLimit or sweepLimit.
const soon = 90 * time.Second

// message returns the request's message in the channel, once it exists.
func (r *request) message(t *testing.T) post {
	t.Helper()
	var found post
	eventually(t, soon, "the message in the channel", func() error {
		for _, p := range r.stack.posts(t, "") {
			if p.ThreadTS == "" && p.Ephemeral == "" && strings.HasPrefix(p.Channel, "C") && p.Metadata.EventPayload["request_id"] == r.id {
				found = p
				return nil
			}
		}
		return errNotYet
	})
	if texts := strings.Join(textsOf(t, found.Blocks), ""); !strings.Contains(texts, r.reason) {
		t.Fatalf("the message does not show the reason: %s", found.Blocks)
	}
	return found
}

// textsOf returns the texts of blocks, each as it was sent.
func textsOf(t *testing.T, blocks json.RawMessage) []string {
	t.Helper()
	var texts []string
	for _, e := range elementsOf(t, blocks) {
		if text, ok := e["text"].(string); ok {
			texts = append(texts, text)
		}
	}
	return texts
}

// elementsOf returns all objects in blocks, at any depth.
func elementsOf(t *testing.T, blocks json.RawMessage) []map[string]any {
	t.Helper()
	var all any
	if err := json.Unmarshal(blocks, &all); err != nil {
		t.Fatal(err)
	}
	var found []map[string]any
	var walk func(any)
	walk = func(v any) {
		switch v := v.(type) {
		case []any:
			for _, one := range v {
				walk(one)
			}
		case map[string]any:
			found = append(found, v)
			for _, key := range slices.Sorted(maps.Keys(v)) {
				walk(v[key])
			}
		}
	}
	walk(all)
	return found
}

// thread returns the messages under the request's message, by purpose.
func (r *request) thread(t *testing.T) map[string][]post {
	t.Helper()
	m := r.message(t)
	said := map[string][]post{}
	for _, p := range r.stack.posts(t, "") {
		if p.ThreadTS == m.TS && p.Ephemeral == "" {
			purpose := p.Metadata.EventPayload["purpose"]
			said[purpose] = append(said[purpose], p)
		}
	}
	return said
}

// shows waits until the channel message contains text.
func (r *request) shows(t *testing.T, text string) {
	t.Helper()
	eventually(t, soon, fmt.Sprintf("the channel message shows %q", text), func() error {
		if m := r.message(t); !strings.Contains(string(m.Blocks), text) {
			return fmt.Errorf("it shows %s", m.Blocks)
		}
		return nil
	})
}

// assigned reports whether Identity Center has the assignment.
func (r *request) assigned(t *testing.T) bool {
	t.Helper()
	n := r.stack.assignments(t, r.wish)
	if n > 1 {
		t.Fatalf("%d assignments of the same kind", n)
	}
	return n == 1
}

func (s *stack) assignments(t *testing.T, w wish) int {
	t.Helper()
	out, err := s.sso.ListAccountAssignments(context.Background(), &ssoadmin.ListAccountAssignmentsInput{
		InstanceArn:      &s.instanceARN,
		AccountId:        aws.String(s.accountID(t, w.account)),
		PermissionSetArn: aws.String(s.permissionSetARN(t, w.permissionSet)),
	})
	if err != nil {
		t.Fatal(err)
	}
	principal, n := s.principalID(t, w.person), 0
	for _, a := range out.AccountAssignments {
		if *a.PrincipalId == principal {
			n++
		}
	}
	return n
}

// waitAssigned waits until the assignment exists. If this test was so slow that it missed
// short access, the row shows that the access existed.
func (r *request) waitAssigned(t *testing.T) time.Time {
	t.Helper()
	eventually(t, soon, "the assignment exists", func() error {
		if r.assigned(t) {
			return nil
		}
		if _, existed := r.wasThere(t); !existed {
			return errNotYet
		}
		return nil
	})
	return time.Now()
}

// wasThere reports whether the access existed until its end and was removed: a grant is
// recorded only once Identity Center has the access.
func (r *request) wasThere(t *testing.T) (row access.Request, existed bool) {
	t.Helper()
	row = r.stack.requestRow(t, r.id)
	return row, !row.GrantedAt.IsZero() && row.Removal == access.RemovalDone && !row.RevokedAt.Before(row.End)
}

func (r *request) waitGone(t *testing.T, within time.Duration) time.Time {
	t.Helper()
	eventually(t, within, "the assignment is gone", func() error {
		if r.assigned(t) {
			return errNotYet
		}
		return nil
	})
	return time.Now()
}

// execution returns the request's execution, found by the request id in its name.
func (r *request) execution(t *testing.T) *sfn.DescribeExecutionOutput {
	t.Helper()
	if r.arn == "" {
		r.arn = r.findExecution(t)
	}
	out, err := r.stack.sfn.DescribeExecution(context.Background(), &sfn.DescribeExecutionInput{ExecutionArn: &r.arn})
	if err != nil {
		t.Fatal(err)
	}
	return out
}

func (r *request) findExecution(t *testing.T) string {
	t.Helper()
	machine := r.stack.machine(t)
	pages := sfn.NewListExecutionsPaginator(r.stack.sfn, &sfn.ListExecutionsInput{StateMachineArn: &machine})
	for pages.HasMorePages() {
		page, err := pages.NextPage(context.Background())
		if err != nil {
			t.Fatal(err)
		}
		for _, e := range page.Executions {
			if strings.HasSuffix(*e.Name, r.id) {
				return *e.ExecutionArn
			}
		}
	}
	t.Fatalf("no execution of request %s", r.id)
	return ""
}

func (s *stack) machine(t *testing.T) string {
	t.Helper()
	out, err := s.sfn.ListStateMachines(context.Background(), &sfn.ListStateMachinesInput{})
	if err != nil {
		t.Fatal(err)
	}
	for _, m := range out.StateMachines {
		if strings.HasSuffix(*m.Name, "-requests") {
			return *m.StateMachineArn
		}
	}
	t.Fatal("there is no machine for requests")
	return ""
}

// finished waits for the execution's end and returns the states it entered.
func (r *request) finished(t *testing.T, want sfntypes.ExecutionStatus, within time.Duration) []string {
	t.Helper()
	r.message(t)
	var arn string
	eventually(t, within, "the execution is "+string(want), func() error {
		e := r.execution(t)
		arn = *e.ExecutionArn
		if e.Status != want {
			return fmt.Errorf("it is %s", e.Status)
		}
		return nil
	})
	return r.stack.states(t, arn)
}

// waitsIn waits until the execution has entered a state.
func (r *request) waitsIn(t *testing.T, state string) {
	t.Helper()
	eventually(t, soon, "the execution enters "+state, func() error {
		if states := r.stack.states(t, *r.execution(t).ExecutionArn); !slices.Contains(states, state) {
			return fmt.Errorf("it went through %q", states)
		}
		return nil
	})
}

func (s *stack) states(t *testing.T, arn string) []string {
	t.Helper()
	var states []string
	pages := sfn.NewGetExecutionHistoryPaginator(s.sfn, &sfn.GetExecutionHistoryInput{ExecutionArn: &arn})
	for pages.HasMorePages() {
		page, err := pages.NextPage(context.Background())
		if err != nil {
			t.Fatal(err)
		}
		for _, e := range page.Events {
			if d := e.StateEnteredEventDetails; d != nil {
				states = append(states, *d.Name)
			}
		}
	}
	return states
}

// record is an audit record.
type record map[string]any

// audit returns the request's records in the order of their keys, by day and
// sequence.
func (r *request) audit(t *testing.T) []record {
	t.Helper()
	ctx := context.Background()
	buckets, err := r.stack.s3.ListBuckets(ctx, &s3.ListBucketsInput{})
	if err != nil {
		t.Fatal(err)
	}
	var records []record
	for _, b := range buckets.Buckets {
		if strings.HasPrefix(*b.Name, "cdk-") {
			continue
		}
		var keys []string
		for _, day := range []time.Time{time.Now().AddDate(0, 0, -1), time.Now()} {
			prefix := "logs/" + day.UTC().Format("2006/01/02/") + r.id
			pages := s3.NewListObjectsV2Paginator(r.stack.s3, &s3.ListObjectsV2Input{Bucket: b.Name, Prefix: &prefix})
			for pages.HasMorePages() {
				page, err := pages.NextPage(ctx)
				if err != nil {
					t.Fatal(err)
				}
				for _, o := range page.Contents {
					keys = append(keys, *o.Key)
				}
			}
		}
		slices.Sort(keys)
		for _, key := range keys {
			out, err := r.stack.s3.GetObject(ctx, &s3.GetObjectInput{Bucket: b.Name, Key: &key})
			if err != nil {
				t.Fatal(err)
			}
			text, err := io.ReadAll(out.Body)
			out.Body.Close()
			if err != nil {
				t.Fatal(err)
			}
			var rec record
			if err := json.Unmarshal(text, &rec); err != nil {
				t.Fatalf("record %s: %v", key, err)
			}
			records = append(records, rec)
		}
	}
	return records
}

// events returns the kinds of the request's audit records, in order.
func (r *request) events(t *testing.T) []string {
	t.Helper()
	var kinds []string
	for _, rec := range r.audit(t) {
		kinds = append(kinds, fmt.Sprint(rec["event"]))
	}
	return kinds
}

// at returns the time in the request's record of an event.
func (r *request) at(t *testing.T, event string) time.Time {
	t.Helper()
	for _, rec := range r.audit(t) {
		if rec["event"] != event {
			continue
		}
		at, err := time.Parse(time.RFC3339Nano, fmt.Sprint(rec["time"]))
		if err != nil {
			t.Fatal(err)
		}
		return at
	}
	t.Fatalf("there is no record %q", event)
	return time.Time{}
}
