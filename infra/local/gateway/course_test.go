package gateway_test

import (
	"context"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"sso-elevator/infra/local/gateway"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ssoadmin"
	"github.com/aws/aws-sdk-go-v2/service/ssoadmin/types"
)

// courses is a separate gateway on the shared moto. Its next operation follows the
// given course.
type courses struct {
	*ssoadmin.Client
	mu   sync.Mutex
	next map[string]gateway.Course // by the end of the target, until used up
}

func newCourses(t *testing.T) *courses {
	t.Helper()
	c := &courses{next: map[string]gateway.Course{}}
	g := gateway.New(gateway.Config{MotoURL: stack.Moto.URL, Now: time.Now, SettleDelay: gateway.DefaultSettleDelay, Course: func(call *gateway.Call) (gateway.Course, bool) {
		c.mu.Lock()
		defer c.mu.Unlock()
		name := call.Target()[strings.IndexByte(call.Target(), '.')+1:]
		course, ok := c.next[name]
		delete(c.next, name)
		return course, ok
	}})
	server := httptest.NewServer(g)
	t.Cleanup(func() { server.Close(); g.Close() })
	config := stack.AWS()
	config.BaseEndpoint = aws.String(server.URL)
	c.Client = ssoadmin.NewFromConfig(config)
	return c
}

func (c *courses) set(operation string, course gateway.Course) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.next[operation] = course
}

func (c *courses) create(t *testing.T, x target) *types.AccountAssignmentOperationStatus {
	t.Helper()
	out, err := c.CreateAccountAssignment(context.Background(), &ssoadmin.CreateAccountAssignmentInput{
		InstanceArn: aws.String(ids(t).InstanceARN), TargetType: types.TargetTypeAwsAccount, PrincipalType: types.PrincipalTypeUser,
		TargetId: aws.String(x.account), PermissionSetArn: aws.String(x.permissionSet), PrincipalId: aws.String(x.person),
	})
	if err != nil {
		t.Fatal(err)
	}
	return out.AccountAssignmentCreationStatus
}

func (c *courses) delete(t *testing.T, x target) *types.AccountAssignmentOperationStatus {
	t.Helper()
	out, err := c.DeleteAccountAssignment(context.Background(), &ssoadmin.DeleteAccountAssignmentInput{
		InstanceArn: aws.String(ids(t).InstanceARN), TargetType: types.TargetTypeAwsAccount, PrincipalType: types.PrincipalTypeUser,
		TargetId: aws.String(x.account), PermissionSetArn: aws.String(x.permissionSet), PrincipalId: aws.String(x.person),
	})
	if err != nil {
		t.Fatal(err)
	}
	return out.AccountAssignmentDeletionStatus
}

// look checks an operation once.
func (c *courses) look(t *testing.T, s *types.AccountAssignmentOperationStatus, creation bool) (types.StatusValues, string) {
	t.Helper()
	if creation {
		out, err := c.DescribeAccountAssignmentCreationStatus(context.Background(), &ssoadmin.DescribeAccountAssignmentCreationStatusInput{
			InstanceArn: aws.String(ids(t).InstanceARN), AccountAssignmentCreationRequestId: s.RequestId,
		})
		if err != nil {
			t.Fatal(err)
		}
		s = out.AccountAssignmentCreationStatus
	} else {
		out, err := c.DescribeAccountAssignmentDeletionStatus(context.Background(), &ssoadmin.DescribeAccountAssignmentDeletionStatusInput{
			InstanceArn: aws.String(ids(t).InstanceARN), AccountAssignmentDeletionRequestId: s.RequestId,
		})
		if err != nil {
			t.Fatal(err)
		}
		s = out.AccountAssignmentDeletionStatus
	}
	return s.Status, aws.ToString(s.FailureReason)
}

// TestCourse checks that an operation with a course is IN_PROGRESS for that number
// of checks, takes effect at the end and not before, and has no effect if it fails.
func TestCourse(t *testing.T) {
	x := target{ids(t).Accounts["two"], ids(t).PermissionSets["Write"], ids(t).People["Ann@example.com"]}
	defer x.remove(t)
	c := newCourses(t)
	for _, step := range []struct {
		name     string
		creation bool
		course   gateway.Course
		want     types.StatusValues
		before   int // assignments during the operation
		after    int
	}{
		{"a creation fails", true, gateway.Course{Polls: 2, FailureReason: "quota exceeded"}, types.StatusValuesFailed, 0, 0},
		{"a creation succeeds", true, gateway.Course{Polls: 3}, types.StatusValuesSucceeded, 0, 1},
		{"a deletion fails", false, gateway.Course{Polls: 1, FailureReason: "not now"}, types.StatusValuesFailed, 1, 1},
		{"a deletion succeeds", false, gateway.Course{Polls: 2}, types.StatusValuesSucceeded, 1, 0},
	} {
		var s *types.AccountAssignmentOperationStatus
		if step.creation {
			c.set("CreateAccountAssignment", step.course)
			s = c.create(t, x)
		} else {
			c.set("DeleteAccountAssignment", step.course)
			s = c.delete(t, x)
		}
		if s.Status != types.StatusValuesInProgress {
			t.Fatalf("%s: the call is answered with %s", step.name, s.Status)
		}
		time.Sleep(2 * gateway.DefaultSettleDelay) // the operation doesn't settle by itself
		for n := range step.course.Polls {
			if status, _ := c.look(t, s, step.creation); status != types.StatusValuesInProgress || x.count(t) != step.before {
				t.Errorf("%s: poll %d: %s, listed %d times; want IN_PROGRESS, %d", step.name, n+1, status, x.count(t), step.before)
			}
		}
		for range 2 { // an operation that has ended doesn't change
			if status, reason := c.look(t, s, step.creation); status != step.want || reason != step.course.FailureReason || x.count(t) != step.after {
				t.Errorf("%s: it ends %s, %q, listed %d times; want %s, %q, %d", step.name, status, reason, x.count(t), step.want, step.course.FailureReason, step.after)
			}
		}
	}
}
