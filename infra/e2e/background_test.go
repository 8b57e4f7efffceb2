package e2e

import (
	"context"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
	sfntypes "github.com/aws/aws-sdk-go-v2/service/sfn/types"

	"sso-elevator/infra/local/faults"
)

// TestApproversSeeEarlierAccess checks that the message to the approvers says what the
// requester had before, and what they have now. Requests of the first release are not in
// the index: nobody sees them, and one in flight goes on as usual.
func TestApproversSeeEarlierAccess(t *testing.T) {
	t.Parallel()
	const account = "shared-services"
	first := askSeen(t, wish{judy, account, "DeveloperAccess", 36 * 3600})
	first.showsLine(t, "Description: Everything a service's team does on a normal day")
	first.showsLine(t, "Last 30 days: no access on record")
	if text := lines(t, first); strings.Contains(text, "Active access in this account") {
		t.Errorf("the first message shows %q", text)
	}
	first.pressed(t, bob, "approve", "Approved by @"+bob)
	first.waitAssigned(t)
	first.shows(t, "🟢")

	other := askSeen(t, wish{judy, account, "AdministratorAccess", 12})
	other.showsLine(t, "Last 30 days: no access on record")
	other.showsLine(t, "Active access in this account: DeveloperAccess until ")
	other.pressed(t, judy, "withdraw", "Withdrawn by @"+judy)
	if res := quiet.press(t, judy, first.message(t), "end", false); !res.OK {
		t.Fatalf("end: %+v", res)
	}
	first.waitGone(t, removalLimit)

	second := askSeen(t, wish{judy, account, "DeveloperAccess", 12})
	second.showsLine(t, "Last 30 days: had this access once, approved by Bob")
	if text := lines(t, second); strings.Contains(text, "Active access in this account") {
		t.Errorf("after the end, the message shows %q", text)
	}
	first.leavesIndex(t)
	second.leavesIndex(t)
	second.pressed(t, bob, "approve", "Approved by @"+bob)
	second.endsByItself(t)

	third := askSeen(t, wish{judy, account, "DeveloperAccess", 12})
	third.showsLine(t, "Last 30 days: no access on record")
	third.pressed(t, judy, "withdraw", "Withdrawn by @"+judy)
}

// TestWithoutTheIndexOfRequesters checks that a request doesn't need the index: a
// deployment may just be creating it, or DynamoDB may be busy.
func TestWithoutTheIndexOfRequesters(t *testing.T) {
	t.Parallel()
	for _, kind := range []faults.Kind{faults.NotFound, faults.Throttle, faults.Denied, faults.Hang} {
		label := t.Name() + string(kind)
		r := askQuiet(t, wish{judy, "security-tooling", "DeveloperAccess", 12}, faults.Rule{
			Kind: kind, Label: label, Function: "evaluate", Target: "DynamoDB_20120810.Query", Count: -1,
		})
		r.showsLine(t, "Approvers (any one can approve): @"+bob)
		rules := quiet.faults(t, label)
		if len(rules) != 1 || rules[0].Hits == 0 {
			t.Errorf("%s: the rules are %+v; want one that hit", kind, rules)
		}
		if text := lines(t, r); strings.Contains(text, "Last 30 days") || !strings.Contains(text, "Description: ") {
			t.Errorf("%s: the message shows %q", kind, text)
		}
		quiet.forget(t, label)
		r.pressed(t, judy, "withdraw", "Withdrawn by @"+judy)
	}
}

// askSeen asks until the app could read the requester's earlier requests for the message:
// without an answer in time, it leaves them out, and logs that.
func askSeen(t *testing.T, w wish) *request {
	t.Helper()
	for tries := 3; ; tries-- {
		r := askQuiet(t, w)
		if r.isSeen(t) || tries == 1 {
			return r
		}
		if res := quiet.press(t, w.person, r.message(t), "withdraw", false); !res.OK {
			t.Fatalf("withdraw: %+v", res)
		}
		r.finished(t, sfntypes.ExecutionStatusSucceeded, soon)
	}
}

// isSeen reports whether the app could read the requester's earlier requests for the
// message. It waits for the message.
func (r *request) isSeen(t *testing.T) bool {
	t.Helper()
	r.message(t)
	return !r.stack.loggedAbout(t, r.id, "earlier requests could not be read")
}

// lines returns the text of the request's message.
func lines(t *testing.T, r *request) string {
	t.Helper()
	return strings.Join(textsOf(t, r.message(t).Blocks), "")
}

// leavesIndex makes the request's row like those of the first release, which are not in the
// index of requesters.
func (r *request) leavesIndex(t *testing.T) {
	t.Helper()
	r.drop(t, "requester_id")
}

// drop removes an attribute from the request's row, as if an earlier release had written
// the row.
func (r *request) drop(t *testing.T, attribute string) {
	t.Helper()
	r.stack.partOfRow(t, "request#"+r.id, "id") // finds the table
	name := r.stack.ids.get("table", "", func() string { return "" })
	_, err := r.stack.table.UpdateItem(context.Background(), &dynamodb.UpdateItemInput{
		TableName: &name, Key: map[string]types.AttributeValue{"pk": &types.AttributeValueMemberS{Value: "request#" + r.id}},
		UpdateExpression: aws.String("REMOVE " + attribute),
	})
	if err != nil {
		t.Fatal(err)
	}
	if row := r.stack.partOfRow(t, "request#"+r.id, "id", attribute); len(row) != 1 {
		t.Fatalf("the row has %v", row)
	}
}
