package e2e

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	dbtypes "github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
	"github.com/aws/aws-sdk-go-v2/service/sfn"
	sfntypes "github.com/aws/aws-sdk-go-v2/service/sfn/types"

	"sso-elevator/slack"
	"sso-elevator/statemachine"
	"sso-elevator/statemachine/previous"
)

// redefine replaces the request machine's definition and returns the previous one.
func (s *stack) redefine(t *testing.T, definition string) (before string) {
	t.Helper()
	machine := s.machine(t)
	out, err := s.sfn.DescribeStateMachine(context.Background(), &sfn.DescribeStateMachineInput{StateMachineArn: &machine})
	if err != nil {
		t.Fatal(err)
	}
	if definition != "" {
		if _, err := s.sfn.UpdateStateMachine(context.Background(), &sfn.UpdateStateMachineInput{StateMachineArn: &machine, Definition: &definition, RoleArn: out.RoleArn}); err != nil {
			t.Fatal(err)
		}
	}
	return aws.ToString(out.Definition)
}

// deployed returns the definition in the file source, with its placeholders filled
// in as in the deployed definition.
func deployed(t *testing.T, source, current string) string {
	t.Helper()
	parse := func(text string) (tree any) {
		if err := json.Unmarshal([]byte(text), &tree); err != nil {
			t.Fatal(err)
		}
		return tree
	}
	read := func(path string) string {
		text, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		return statemachine.FillRetries(string(text))
	}
	values := map[string]any{}
	var compare func(written, filled any)
	compare = func(written, filled any) {
		switch written := written.(type) {
		case string:
			if strings.Contains(written, "${") {
				values[written] = filled
			}
		case []any:
			for i := range written {
				compare(written[i], filled.([]any)[i])
			}
		case map[string]any:
			for key := range written {
				compare(written[key], filled.(map[string]any)[key])
			}
		}
	}
	compare(parse(read(repository+"/statemachine/request.asl.json")), parse(current))
	var fill func(any) any
	fill = func(node any) any {
		switch node := node.(type) {
		case string:
			if value, ok := values[node]; ok {
				return value
			}
			if strings.Contains(node, "${") {
				t.Fatalf("%s has no value", node)
			}
		case []any:
			for i := range node {
				node[i] = fill(node[i])
			}
		case map[string]any:
			for key := range node {
				node[key] = fill(node[key])
			}
		}
		return node
	}
	text, err := json.Marshal(fill(parse(read(source))))
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// TestUpgradeWithRequestsInFlight deploys this release while executions of an
// early one wait for an approval. They continue with this release's functions:
// one is granted and ends on time, one is denied. They don't have this release's
// last step, so the sweep does it after them. Their rows lack the copy of the execution's
// ARN, so the first token of each needs a read.
func TestUpgradeWithRequestsInFlight(t *testing.T) {
	t.Parallel()
	asking.Lock()
	unlock := sync.OnceFunc(asking.Unlock)
	defer unlock()
	now := quiet.redefine(t, "")
	quiet.redefine(t, deployed(t, filepath.Join(previous.Dir(), "0.0.asl.json"), now))
	restore := sync.OnceFunc(func() { quiet.redefine(t, now) })
	defer restore()
	granted := quiet.ask(t, wish{kim, "log-archive", "DeveloperAccess", 60})
	denied := quiet.ask(t, wish{alice, "log-archive", "DeveloperAccess", 12})
	granted.waitsIn(t, "AwaitApproval")
	denied.waitsIn(t, "AwaitApproval")
	for _, r := range []*request{granted, denied} {
		eventually(t, soon, "the token is stored", func() error {
			if r.stack.requestRow(t, r.id, "approval_token").ApprovalToken == "" {
				return errNotYet
			}
			return nil
		})
		r.drop(t, "token_execution_arn")
	}
	restore() // deploys this release
	unlock()

	if res := quiet.press(t, bob, granted.message(t), "approve", false); !res.OK {
		t.Fatalf("approve: %+v", res)
	}
	if res := quiet.press(t, bob, denied.message(t), "deny", false); !res.OK {
		t.Fatalf("deny: %+v", res)
	}
	granted.waitAssigned(t)
	eventually(t, soon, "the token of the wait for the end is stored", func() error {
		row := granted.stack.partOfRow(t, "request#"+granted.id, "end_token", "token_execution_arn")
		if own, ok := row["token_execution_arn"].(*dbtypes.AttributeValueMemberS); row["end_token"] == nil || !ok || own.Value != granted.arn {
			return errNotYet
		}
		return nil
	})
	granted.waitGone(t, time.Minute+removalLimit)
	for r, want := range map[*request][]string{granted: {"requested", "approved", "granted", "revoked"}, denied: {"requested", "denied"}} {
		states := r.finished(t, sfntypes.ExecutionStatusSucceeded, soon)
		if slices.Contains(states, "Close") {
			t.Fatalf("this is not the release before: %q", states)
		}
		wantEvents(t, r, want...)
		if r.assigned(t) {
			t.Error("access is left behind")
		}
		r.swept(t, sweepLimit)
		eventually(t, soon, "the request is closed", func() error {
			if row := r.stack.row(t, "request#"+r.id); row["closed_at"] == nil {
				return errNotYet
			}
			return nil
		})
		wantEvents(t, r, want...) // and is recorded once
	}
}

// The people of TestUpgradeFromFirstRelease. No other test uses them.
const (
	ofExtension = 58
	ofUpgrade   = 59
)

func init() {
	for _, n := range []int{ofExtension, ofUpgrade} {
		emails[leaver(n)] = fmt.Sprintf("crowd%02d@example.com", n)
	}
}

// TestUpgradeFromFirstRelease deploys this release while requests of release 0.1.0 wait
// and its access is active. People then extend, end, deny and block requests
// whose rows lack the attributes for all of this.
func TestUpgradeFromFirstRelease(t *testing.T) {
	t.Parallel()
	const why = "The change is over."
	blocking.Lock()
	defer blocking.Unlock()
	asking.Lock()
	unlock := sync.OnceFunc(asking.Unlock)
	defer unlock()
	now := quiet.redefine(t, "")
	restore := sync.OnceFunc(func() { quiet.redefine(t, now) })
	defer restore()
	quiet.redefine(t, deployed(t, filepath.Join(previous.Dir(), "0.1.0.asl.json"), now))
	extends, isBlocked := leaver(ofExtension), leaver(ofUpgrade)
	quiet.hire(t, extends)
	quiet.hire(t, isBlocked)
	denied := quiet.ask(t, wish{extends, "analytics-sandbox", "DeveloperAccess", 12})
	active := quiet.ask(t, wish{isBlocked, "analytics-sandbox", "ReadOnlyAccess", 36 * 3600})
	pending := quiet.ask(t, wish{isBlocked, "analytics-sandbox", "DeveloperAccess", 12})
	first := quiet.ask(t, wish{extends, "analytics-sandbox", "ReadOnlyAccess", 60})
	for _, r := range []*request{denied, pending} {
		r.waitsIn(t, "AwaitApproval")
		r.shows(t, "🟡")
		r.waitWritten(t, slack.PurposeAnnounce)
	}
	for _, r := range []*request{active, first} {
		r.waitAssigned(t)
		r.waitsIn(t, "AwaitEnd")
		r.waitsIn(t, "Told")
		r.shows(t, "🟢")
		r.waitLease(t, "held")
		r.waitWritten(t, slack.PurposeGranted)
	}
	// Nothing writes these rows now until someone presses a button or access ends.
	for _, r := range []*request{denied, pending} {
		quiet.asFirstRelease(t, "claims", "claims#"+quiet.principalID(t, r.wish.person))
	}
	for _, r := range []*request{active, first} {
		quiet.asFirstRelease(t, "lease", quiet.leaseKey(t, r.wish))
	}
	for _, r := range []*request{first, denied, active, pending} {
		quiet.asFirstRelease(t, "request", "request#"+r.id)
	}
	restore() // deploys this release

	// An extension joins the end of access that an earlier release granted, and End now of
	// the first request ends both.
	first.awaitAtHome(t, extends, "end", true)
	second := quiet.ask(t, wish{extends, "analytics-sandbox", "ReadOnlyAccess", 12})
	unlock() // only now, because the first access doesn't last longer than another test may lock it
	second.shows(t, "🟢")
	a, b := quiet.requestRow(t, first.id), quiet.requestRow(t, second.id)
	if !b.End.Equal(a.End.Add(12*time.Second)) || b.Extends != a.ID || !b.ChainSince.Equal(a.GrantedAt) {
		t.Errorf("the extension ends at %v, extends %q since %v; the first is active from %v to %v", b.End, b.Extends, b.ChainSince, a.GrantedAt, a.End)
	}
	says(t, "the message in the channel", second.message(t), "Extends access they have had since ")
	if res := quiet.press(t, extends, first.message(t), "end", false); !res.OK {
		t.Fatalf("press: %+v", res)
	}
	second.waitGone(t, removalLimit)
	for _, r := range []*request{first, second} {
		r.finished(t, sfntypes.ExecutionStatusSucceeded, removalLimit+soon)
		wantEvents(t, r, "requested", "approved", "granted", "ended", "revoked")
	}

	// A denial has a reason.
	d := denied.opens(t, carol, "deny", denied.message(t))
	if res := d.submit(t, map[string]string{"denial_reason": why}); !res.OK || res.Detail != "" {
		t.Fatalf("submit: %+v", res)
	}
	denied.finished(t, sfntypes.ExecutionStatusSucceeded, soon)
	wantEvents(t, denied, "requested", "denied")
	if got := denied.audit(t)[1]["denial_reason"]; got != why {
		t.Errorf("the record has the reason %q, want %q", got, why)
	}

	// A block ends what the person has.
	active.waitGone(t, quiet.blocks(t, erin, isBlocked, why, "Requests refused: 1", "Access that ends now: 1"))
	active.finished(t, sfntypes.ExecutionStatusSucceeded, soon)
	wantEvents(t, active, "requested", "approved", "granted", "ended", "revoked")
	pending.finished(t, sfntypes.ExecutionStatusSucceeded, soon)
	wantEvents(t, pending, "requested", "refused")
	d, block := quiet.pressAsResponder(t, frank, slack.ActionLift)
	if res, _ := d.submitAsResponder(t, nil); !res.OK || res.Detail != "" {
		t.Fatalf("frank lifts: %+v", res)
	}
	if quiet.blocksAtHome(t, frank).lifts(block) {
		t.Error("the block is still there")
	}
}

// waitWritten waits until the row has the post with this purpose and the token of the
// execution's wait. The execution then writes nothing until the wait ends.
func (r *request) waitWritten(t *testing.T, purpose string) {
	t.Helper()
	eventually(t, soon, "the row has the post and the token", func() error {
		row := r.stack.requestRow(t, r.id, "posts", "approval_token", "end_token")
		token := row.ApprovalToken
		if purpose == slack.PurposeGranted {
			token = row.EndToken
		}
		if row.Posts[purpose].TS == "" || token == "" {
			return errNotYet
		}
		return nil
	})
}

// asFirstRelease removes from a row everything that release 0.1.0 didn't write. The
// attributes of its rows are those of a request that it ran.
func (s *stack) asFirstRelease(t *testing.T, kind, key string) {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(previous.Dir(), "0.1.0.rows.json"))
	if err != nil {
		t.Fatal(err)
	}
	var attributes map[string][]string
	if err := json.Unmarshal(text, &attributes); err != nil {
		t.Fatal(err)
	}
	row := s.row(t, key)
	if row == nil {
		t.Fatalf("there is no row %s", key)
	}
	old, removed := onlyPaths(row, attributes[kind], "")
	t.Logf("%s: removed %q", key, removed)
	if kind != "claims" && len(removed) == 0 {
		t.Errorf("release 0.1.0 wrote all of %s, so this tests nothing", key)
	}
	name := s.ids.get("table", "", func() string { return "" })
	_, err = s.table.PutItem(context.Background(), &dynamodb.PutItemInput{TableName: &name, Item: old})
	if err != nil {
		t.Fatal(err)
	}
}

// onlyPaths returns the attributes below prefix whose paths are allowed, and the paths of
// those that it leaves out. "*" stands for a map's key. Elements of a list have the path of
// the list.
func onlyPaths(item map[string]dbtypes.AttributeValue, allowed []string, prefix string) (kept map[string]dbtypes.AttributeValue, removed []string) {
	kept = map[string]dbtypes.AttributeValue{}
	for name, value := range item {
		path := prefix + name
		if slices.ContainsFunc(allowed, func(p string) bool { return strings.HasPrefix(p, prefix+"*") }) {
			path = prefix + "*"
		}
		switch below := slices.ContainsFunc(allowed, func(p string) bool { return strings.HasPrefix(p, path+".") }); {
		case slices.Contains(allowed, path):
			kept[name] = value
		case !below:
			removed = append(removed, path)
		default:
			old, gone := onlyPathsOf(value, allowed, path+".")
			kept[name], removed = old, append(removed, gone...)
		}
	}
	return kept, removed
}

func onlyPathsOf(value dbtypes.AttributeValue, allowed []string, prefix string) (kept dbtypes.AttributeValue, removed []string) {
	switch value := value.(type) {
	case *dbtypes.AttributeValueMemberM:
		m, removed := onlyPaths(value.Value, allowed, prefix)
		return &dbtypes.AttributeValueMemberM{Value: m}, removed
	case *dbtypes.AttributeValueMemberL:
		var list []dbtypes.AttributeValue
		for _, element := range value.Value {
			old, gone := onlyPathsOf(element, allowed, prefix)
			list, removed = append(list, old), append(removed, gone...)
		}
		return &dbtypes.AttributeValueMemberL{Value: list}, removed
	}
	return value, nil
}
