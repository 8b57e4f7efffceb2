package reconcile

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sfn"
	"github.com/aws/aws-sdk-go-v2/service/sfn/types"

	"sso-elevator/functions/access"
)

// stepFunctions counts the calls of a check, and returns pages of 1,000.
type stepFunctions struct {
	mu                      sync.Mutex
	running                 []string // ARNs
	lists, describes, start int
}

func (s *stepFunctions) ListExecutions(_ context.Context, in *sfn.ListExecutionsInput, _ ...func(*sfn.Options)) (*sfn.ListExecutionsOutput, error) {
	s.lists++
	out := &sfn.ListExecutionsOutput{}
	if *in.StateMachineArn != "arn:requests" {
		return out, nil
	}
	var from int
	fmt.Sscan(aws.ToString(in.NextToken), &from)
	to := min(from+int(in.MaxResults), len(s.running))
	for _, arn := range s.running[from:to] {
		out.Executions = append(out.Executions, types.ExecutionListItem{ExecutionArn: &arn})
	}
	if to < len(s.running) {
		out.NextToken = aws.String(fmt.Sprint(to))
	}
	return out, nil
}

func (s *stepFunctions) DescribeExecution(_ context.Context, in *sfn.DescribeExecutionInput, _ ...func(*sfn.Options)) (*sfn.DescribeExecutionOutput, error) {
	s.mu.Lock()
	s.describes++
	s.mu.Unlock()
	status := types.ExecutionStatusAborted
	if slices.Contains(s.running, *in.ExecutionArn) {
		status = types.ExecutionStatusRunning
	}
	return &sfn.DescribeExecutionOutput{Status: status}, nil
}

func (s *stepFunctions) StartExecution(context.Context, *sfn.StartExecutionInput, ...func(*sfn.Options)) (*sfn.StartExecutionOutput, error) {
	s.start++
	return &sfn.StartExecutionOutput{}, nil
}

// manyOpen is a sweep over n open requests whose executions run and whose access
// lasts.
func manyOpen(n int) (*Sweep, *left, *stepFunctions) {
	l := &left{rows: map[string]access.Request{}}
	steps := &stepFunctions{}
	for i := range n {
		r := asked(time.Hour, active(noon.Add(time.Hour)))
		r.ID = fmt.Sprintf("r%05d", i)
		r.ExecutionARN = "arn:" + r.ID
		l.rows[r.ID] = r
		steps.running = append(steps.running, r.ExecutionARN)
	}
	s := l.sweep()
	s.Executions = &machines{client: steps, requests: "arn:requests", reconcile: "arn:reconcile"}
	return s, l, steps
}

// A check stays within the bursts that Step Functions allows in the smaller Regions
// (quotas, API throttling): 100 of ListExecutions, 250 of DescribeExecution, 800 of
// StartExecution. A check of 1,000 open requests stays far below that.
func TestLookStaysWithinQuotas(t *testing.T) {
	for _, test := range []struct {
		name                    string
		open, running           int
		lists, describes, start int
		fails                   bool
		removed, denied         bool // the executions wait for Slack
	}{
		{name: "1,000 open, all alive", open: 1000, running: 1000, lists: 1},
		{name: "1,000 open, one stopped", open: 1000, running: 999, lists: 2, describes: 1, start: 1},
		{name: "1,000 open, all stopped", open: 1000, lists: 2, describes: mostDescribed, start: mostSweeps, fails: true},
		{name: "1,000 ended, all alive", open: 1000, running: 1000, lists: 1, removed: true},
		{name: "1,000 ended, all stopped", open: 1000, lists: 2, describes: mostDescribed, start: mostSweeps, fails: true, removed: true},
		{name: "1,000 denied, all alive", open: 1000, running: 1000, lists: 1, denied: true},
		{name: "1,000 denied, all stopped", open: 1000, lists: 2, describes: mostDescribed, start: mostSweeps, fails: true, denied: true},
		{name: "30,000 open, all alive", open: 30_000, running: 30_000, lists: mostPages, describes: mostDescribed, fails: true},
	} {
		s, l, steps := manyOpen(test.open)
		for id, r := range l.rows {
			if test.removed {
				r.End = noon.Add(-time.Hour)
				r.RevokingAt, r.RevokedAt, r.Removal = r.End, r.End, access.RemovalDone
				l.rows[id] = r
			}
			if test.denied {
				r.GrantedAt, r.End, r.CreatedAt = time.Time{}, time.Time{}, noon.Add(-9*time.Hour) // so it is due
				r.Outcome = &access.Outcome{Kind: access.OutcomeDenied, At: r.CreatedAt}
				l.rows[id] = r
			}
		}
		steps.running = steps.running[test.open-test.running:]
		err := s.Look(t.Context())
		if (err != nil) != test.fails {
			t.Errorf("%s: %v", test.name, err)
		}
		if steps.lists != test.lists || steps.describes != test.describes || steps.start != test.start {
			t.Errorf("%s: %d lists, %d describes, %d starts; want %d, %d, %d", test.name, steps.lists, steps.describes, steps.start, test.lists, test.describes, test.start)
		}
	}
}

// BenchmarkLook measures a check of 1,000 open requests, in a process that has checked
// before and in a new one.
func BenchmarkLook(b *testing.B) {
	for _, first := range []bool{false, true} {
		b.Run(fmt.Sprint("first=", first), func(b *testing.B) {
			s, l, steps := manyOpen(1000)
			if err := s.Look(b.Context()); err != nil {
				b.Fatal(err)
			}
			steps.lists, l.reads = 0, 0
			for b.Loop() {
				if first {
					s.executions = nil
				}
				if err := s.Look(b.Context()); err != nil {
					b.Fatal(err)
				}
			}
			b.ReportMetric(float64(steps.lists)/float64(b.N), "lists/op")
			b.ReportMetric(float64(steps.describes)/float64(b.N), "describes/op")
			b.ReportMetric(float64(l.reads)/float64(b.N), "rows/op")
		})
	}
}
