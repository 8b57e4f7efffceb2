package e2e

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"regexp"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	dbtypes "github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
	"github.com/aws/aws-sdk-go-v2/service/identitystore"
	idtypes "github.com/aws/aws-sdk-go-v2/service/identitystore/types"
	"github.com/aws/aws-sdk-go-v2/service/sfn"
	sfntypes "github.com/aws/aws-sdk-go-v2/service/sfn/types"
	"github.com/aws/aws-sdk-go-v2/service/ssoadmin"
	ssotypes "github.com/aws/aws-sdk-go-v2/service/ssoadmin/types"

	"sso-elevator/infra/local/faults"
)

// runLimit is the longest time of a run over the small organization: about 20 calls,
// five a second, and a function for each step.
const runLimit = 2 * time.Minute

// driftRun is a run of the reconciliation as a test follows it.
type driftRun struct {
	stack *stack
	id    string // its execution's name
	arn   string
}

var startedRuns atomic.Int64

// run starts a run in a mode. event is the JSON of a CloudTrail event, or empty.
func (s *stack) run(t *testing.T, mode, event string) *driftRun {
	t.Helper()
	machine := strings.Replace(s.machine(t), "-requests", "-reconcile", 1)
	input := fmt.Sprintf(`{"mode":%q}`, mode)
	if event != "" {
		input = fmt.Sprintf(`{"mode":%q,"event":%s}`, mode, event)
	}
	name := fmt.Sprintf("%s-%02d", mode, startedRuns.Add(1))
	out, err := s.sfn.StartExecution(context.Background(), &sfn.StartExecutionInput{StateMachineArn: &machine, Name: &name, Input: &input})
	if err != nil {
		t.Fatal(err)
	}
	return &driftRun{s, name, *out.ExecutionArn}
}

// forge starts a sweep whose input claims that a finding was removed, as someone
// who may start executions could do, and waits for its end.
func (s *stack) forge(t *testing.T, lease string, run *driftRun, index int) {
	t.Helper()
	machine := strings.Replace(s.machine(t), "-requests", "-reconcile", 1)
	input := fmt.Sprintf(`{"mode":"sweep","lease":%q,"drift":{"run":%q,"index":%d}}`, lease, run.id, index)
	name := fmt.Sprintf("forged-%02d", startedRuns.Add(1))
	out, err := s.sfn.StartExecution(context.Background(), &sfn.StartExecutionInput{StateMachineArn: &machine, Name: &name, Input: &input})
	if err != nil {
		t.Fatal(err)
	}
	forged := &driftRun{s, name, *out.ExecutionArn}
	forged.ended(t, sfntypes.ExecutionStatusSucceeded)
	if states := s.states(t, forged.arn); slices.Contains(states, "AuditSettled") {
		t.Errorf("the sweep went through %q", states)
	}
}

// runToEnd starts a run and waits until it ends successfully.
func (s *stack) runToEnd(t *testing.T, mode string) *driftRun {
	t.Helper()
	r := s.run(t, mode, "")
	r.ended(t, sfntypes.ExecutionStatusSucceeded)
	return r
}

// ended waits for the run's end.
func (r *driftRun) ended(t *testing.T, want sfntypes.ExecutionStatus) {
	t.Helper()
	eventually(t, runLimit, "the run "+r.id+" is "+string(want), func() error {
		e, err := r.stack.sfn.DescribeExecution(context.Background(), &sfn.DescribeExecutionInput{ExecutionArn: &r.arn})
		if err != nil {
			return err
		}
		if e.Status != sfntypes.ExecutionStatusRunning && e.Status != want {
			t.Fatalf("the run %s is %s (%s: %s), want %s; it went through %q", r.id, e.Status, aws.ToString(e.Error), aws.ToString(e.Cause), want, r.stack.states(t, r.arn))
		}
		if want == sfntypes.ExecutionStatusFailed && aws.ToString(e.Error) != "Incomplete" && e.Status == want {
			t.Fatalf("the run %s failed with %q, want Incomplete", r.id, aws.ToString(e.Error))
		}
		if e.Status != want {
			return fmt.Errorf("it is %s", e.Status)
		}
		return nil
	})
}

// said returns the run's messages of a purpose in the channel.
func (r *driftRun) said(t *testing.T, purpose string) []post {
	t.Helper()
	var said []post
	for _, p := range r.stack.posts(t, "") {
		if p.Metadata.EventPayload["request_id"] == r.id && p.Metadata.EventPayload["purpose"] == purpose && p.Ephemeral == "" {
			said = append(said, p)
		}
	}
	return said
}

// report returns the run's one report.
func (r *driftRun) report(t *testing.T) post {
	t.Helper()
	said := r.said(t, "drift_report")
	if len(said) != 1 {
		t.Fatalf("the run %s reports %d times, want once", r.id, len(said))
	}
	return said[0]
}

// silent checks that the run has posted and recorded nothing.
func (r *driftRun) silent(t *testing.T) {
	t.Helper()
	for _, purpose := range []string{"drift_report", "drift_question"} {
		for _, p := range r.said(t, purpose) {
			t.Errorf("the run %s says %q", r.id, textsOf(t, p.Blocks))
		}
	}
	r.recorded(t)
}

// question waits for the run's question and returns it.
func (r *driftRun) question(t *testing.T) post {
	t.Helper()
	var found post
	eventually(t, runLimit, "the run "+r.id+" asks", func() error {
		said := r.said(t, "drift_question")
		if len(said) == 0 {
			return fmt.Errorf("it went through %q", r.stack.states(t, r.arn))
		}
		found = said[0]
		return nil
	})
	if !found.has("drift_remove") || !found.has("drift_leave") {
		t.Fatalf("the question has no buttons: %s", found.Blocks)
	}
	return found
}

var (
	sectionText = regexp.MustCompile(`^(Removed|Removal not confirmed|Kept for now because the 24-hour removal limit is reached|Kept because a request now covers it|Already removed by someone else|Kept because it is exempt for now) \((\d+)\)$`)
	placeText   = regexp.MustCompile(`^\n?(?:Account|Group) (\S+) \(`)
	userText    = regexp.MustCompile(`^\n• (\S+@\S+)$`)
	restText    = regexp.MustCompile(`^: (\S+?)(?:, first seen )?$`)
	// A finding with its own block: the name, perhaps a mention, and this.
	ownerText = regexp.MustCompile(`^(\S+@\S+)$`)
	cardText  = regexp.MustCompile(`(?s)^: (?:(\S+) in |group )(\S+) \([^)]*\)\n`)
)

// listed returns the findings that a message shows, by result ("" if it shows
// none), each as "user account permission-set" or "user group".
func listed(t *testing.T, p post) map[string][]string {
	t.Helper()
	all := map[string][]string{}
	section, place, user, owner := "", "", "", ""
	add := func(parts ...string) {
		all[section] = append(all[section], strings.TrimSpace(strings.Join(parts, " ")))
		user = ""
	}
	for _, text := range append(textsOf(t, p.Blocks), "") {
		m := restText.FindStringSubmatch(text)
		if user != "" && m != nil {
			add(user, place, m[1])
			continue
		}
		if user != "" && (text == " (" || text == ")") {
			continue // around a mention
		}
		if user != "" {
			add(user, place) // a member of a group
		}
		if m := sectionText.FindStringSubmatch(text); m != nil {
			section = m[1]
		} else if m := placeText.FindStringSubmatch(text); m != nil {
			place = m[1]
		} else if m := userText.FindStringSubmatch(text); m != nil {
			user = m[1]
		} else if m := ownerText.FindStringSubmatch(text); m != nil {
			owner = m[1]
		} else if m := cardText.FindStringSubmatch(text); m != nil && owner != "" {
			add(owner, m[2], m[1])
			owner = ""
		}
		if strings.HasPrefix(text, "and ") && strings.Contains(text, " more") {
			t.Errorf("the message does not list everything: %q", text)
		}
	}
	for _, found := range all {
		slices.Sort(found)
	}
	return all
}

// listedAll returns all listed findings.
func listedAll(t *testing.T, p post) []string {
	t.Helper()
	var all []string
	for _, found := range listed(t, p) {
		all = append(all, found...)
	}
	return all
}

// wantListed checks that a message shows exactly these findings under a section.
func wantListed(t *testing.T, p post, section string, want ...string) {
	t.Helper()
	slices.Sort(want)
	if got := listed(t, p)[section]; !slices.Equal(got, want) {
		t.Errorf("under %q the message lists %q, want %q; it says %q", section, got, want, textsOf(t, p.Blocks))
	}
}

// wantTime checks that a message shows a time, in the reader's time zone.
func wantTime(t *testing.T, p post, want time.Time) {
	t.Helper()
	for _, e := range elementsOf(t, p.Blocks) {
		if e["type"] == "date" && e["timestamp"] == float64(want.Unix()) {
			return
		}
	}
	t.Errorf("the message does not show %s: %s", want, p.Blocks)
}

// wantSays checks that a message contains these texts.
func wantSays(t *testing.T, p post, wants ...string) {
	t.Helper()
	texts := strings.Join(textsOf(t, p.Blocks), "\n")
	for _, want := range wants {
		if !strings.Contains(texts, want) {
			t.Errorf("the message does not say %q: %q", want, texts)
		}
	}
}

// records returns the run's audit records.
func (r *driftRun) records(t *testing.T) []record {
	t.Helper()
	return (&request{stack: r.stack, id: r.id}).audit(t)
}

// recorded checks that the run has made exactly these records, in any order, each
// as "event user account permission-set" or "event user group".
func (r *driftRun) recorded(t *testing.T, want ...string) []record {
	t.Helper()
	records := r.records(t)
	var got []string
	for _, rec := range records {
		what := fmt.Sprint(rec["event"], " ", strings.TrimPrefix(fmt.Sprint(rec["detail"]), "user "), " ")
		if rec["audit_entry_type"] == "group" {
			what += fmt.Sprint(rec["group_name"])
		} else {
			what += fmt.Sprint(rec["account_name"], " ", rec["role_name"])
		}
		got = append(got, what)
		if rec["execution_arn"] != r.arn || rec["request_id"] != r.id {
			t.Errorf("the record %s is of %v, %v", what, rec["execution_arn"], rec["request_id"])
		}
	}
	slices.Sort(got)
	slices.Sort(want)
	if !slices.Equal(got, want) {
		t.Errorf("the run %s has the records %q, want %q", r.id, got, want)
	}
	return records
}

// with puts an event before each finding.
func with(event string, findings ...string) []string {
	var all []string
	for _, f := range findings {
		all = append(all, event+" "+f)
	}
	return all
}

func (w wish) principal(t *testing.T, s *stack) (id string, kind ssotypes.PrincipalType) {
	t.Helper()
	if strings.HasPrefix(w.person, "U0") {
		return s.principalID(t, w.person), ssotypes.PrincipalTypeUser
	}
	return s.groupID(t, w.person), ssotypes.PrincipalTypeGroup
}

// give makes an assignment by hand. The person may be the name of a group.
func (s *stack) give(t *testing.T, person, account, permissionSet string) wish {
	t.Helper()
	w := wish{person: person, account: account, permissionSet: permissionSet}
	principal, kind := w.principal(t, s)
	_, err := s.sso.CreateAccountAssignment(context.Background(), &ssoadmin.CreateAccountAssignmentInput{
		InstanceArn: &s.instanceARN, TargetId: aws.String(s.accountID(t, account)), TargetType: ssotypes.TargetTypeAwsAccount,
		PermissionSetArn: aws.String(s.permissionSetARN(t, permissionSet)), PrincipalId: &principal, PrincipalType: kind,
	})
	if err != nil {
		t.Fatal(err)
	}
	eventually(t, soon, "the assignment that was made by hand", func() error {
		if !s.has(t, w) {
			return errNotYet
		}
		return nil
	})
	return w
}

// takeBack removes an assignment by hand.
func (s *stack) takeBack(t *testing.T, w wish) {
	t.Helper()
	principal, kind := w.principal(t, s)
	_, err := s.sso.DeleteAccountAssignment(context.Background(), &ssoadmin.DeleteAccountAssignmentInput{
		InstanceArn: &s.instanceARN, TargetId: aws.String(s.accountID(t, w.account)), TargetType: ssotypes.TargetTypeAwsAccount,
		PermissionSetArn: aws.String(s.permissionSetARN(t, w.permissionSet)), PrincipalId: &principal, PrincipalType: kind,
	})
	if err != nil {
		t.Fatal(err)
	}
	eventually(t, soon, "the assignment is removed by hand", func() error {
		if s.has(t, w) {
			return errNotYet
		}
		return nil
	})
}

// has reports whether Identity Center has the assignment, of a person or a group.
func (s *stack) has(t *testing.T, w wish) bool {
	t.Helper()
	out, err := s.sso.ListAccountAssignments(context.Background(), &ssoadmin.ListAccountAssignmentsInput{
		InstanceArn: &s.instanceARN, AccountId: aws.String(s.accountID(t, w.account)), PermissionSetArn: aws.String(s.permissionSetARN(t, w.permissionSet)),
	})
	if err != nil {
		t.Fatal(err)
	}
	principal, kind := w.principal(t, s)
	return slices.ContainsFunc(out.AccountAssignments, func(a ssotypes.AccountAssignment) bool {
		return *a.PrincipalId == principal && a.PrincipalType == kind
	})
}

// wantThere and wantGone check Identity Center itself.
func (s *stack) wantThere(t *testing.T, all ...wish) {
	t.Helper()
	for _, w := range all {
		if !s.has(t, w) {
			t.Errorf("the assignment %v is gone", w)
		}
	}
}

func (s *stack) wantGone(t *testing.T, all ...wish) {
	t.Helper()
	for _, w := range all {
		if s.has(t, w) {
			t.Errorf("the assignment %v is still there", w)
		}
		r := &request{stack: s, wish: w}
		if state := r.leaseState(t); state != "" {
			t.Errorf("the assignment %v has a lease, %s", w, state)
		}
	}
}

// join makes a person a member of a group by hand.
func (s *stack) join(t *testing.T, person, group string) {
	t.Helper()
	_, err := s.identity.CreateGroupMembership(context.Background(), &identitystore.CreateGroupMembershipInput{
		IdentityStoreId: &s.storeID, GroupId: aws.String(s.groupID(t, group)), MemberId: &idtypes.MemberIdMemberUserId{Value: s.principalID(t, person)},
	})
	if err != nil {
		t.Fatal(err)
	}
}

// deleteRow deletes an item of the system's table, as if someone emptied or
// restored the table.
func (s *stack) deleteRow(t *testing.T, key string) {
	t.Helper()
	if s.row(t, key) == nil {
		t.Fatalf("there is no row %s", key)
	}
	name := s.ids.get("table", "", func() string { return "" })
	_, err := s.table.DeleteItem(context.Background(), &dynamodb.DeleteItemInput{TableName: &name, Key: map[string]dbtypes.AttributeValue{"pk": &dbtypes.AttributeValueMemberS{Value: key}}})
	if err != nil {
		t.Fatal(err)
	}
}

// told reports whether a person got a message in the channel that only they see.
func (s *stack) told(t *testing.T, person, text string) bool {
	t.Helper()
	for _, p := range s.posts(t, person) {
		if p.Ephemeral == person && strings.Contains(p.Text+string(p.Blocks), text) {
			return true
		}
	}
	return false
}

// waitsIn waits until the run has entered a state.
func (r *driftRun) waitsIn(t *testing.T, state string) {
	t.Helper()
	eventually(t, runLimit, "the run "+r.id+" enters "+state, func() error {
		if states := r.stack.states(t, r.arn); !slices.Contains(states, state) {
			return fmt.Errorf("it went through %q", states)
		}
		return nil
	})
}

// creator is who creates assignments, as CloudTrail says.
const creator = "arn:aws:sts::123456789012:assumed-role/Admin/mallory"

// created returns EventBridge's form of CloudTrail's event for a new assignment.
func (s *stack) created(t *testing.T, w wish) string {
	t.Helper()
	principal, kind := w.principal(t, s)
	text, err := json.Marshal(map[string]any{
		"source": "aws.sso", "detail-type": "AWS API Call via CloudTrail",
		"detail": map[string]any{
			"eventSource": "sso.amazonaws.com", "eventName": "CreateAccountAssignment", "eventTime": time.Now().UTC().Format(time.RFC3339),
			"userIdentity": map[string]any{"type": "AssumedRole", "arn": creator},
			"requestParameters": map[string]any{
				"instanceArn": s.instanceARN, "targetId": s.accountID(t, w.account), "targetType": "AWS_ACCOUNT",
				"permissionSetArn": s.permissionSetARN(t, w.permissionSet), "principalType": kind, "principalId": principal,
			},
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// isMember reports whether a person is in a group.
func (s *stack) isMember(t *testing.T, person, group string) bool {
	t.Helper()
	return s.membershipID(t, person, s.groupID(t, group)) != ""
}

// faultsSpent checks that every fault has occurred.
func (s *stack) faultsSpent(t *testing.T) {
	t.Helper()
	res, err := http.Get(s.AWSEndpointURL + "/_faults")
	if err != nil {
		t.Fatal(err)
	}
	var left []faults.Rule
	if err := read(res, "/_faults", &left); err != nil {
		t.Fatal(err)
	}
	for _, r := range left {
		t.Errorf("a fault did not come about: %+v", r)
	}
}
