package e2e

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	sfntypes "github.com/aws/aws-sdk-go-v2/service/sfn/types"
	"github.com/aws/aws-sdk-go-v2/service/ssm"
	ssmtypes "github.com/aws/aws-sdk-go-v2/service/ssm/types"

	"sso-elevator/functions/access"
	"sso-elevator/functions/adapters/policyinforce"
	"sso-elevator/infra/local/faults"
	"sso-elevator/infra/settings"
)

// noticed is how long a function may use a policy that has been replaced.
const noticed = 60 * time.Second

// deployPolicy puts the policy of settings, with changes, in force as a deployment
// does: first an object under its content's hash, then the pointer. It returns the
// digest.
func (s *stack) deployPolicy(t *testing.T, file string, text []byte, changes ...func(*access.Policy)) string {
	t.Helper()
	parsed, err := settings.Parse(file, text)
	if err != nil {
		t.Fatal(err)
	}
	for _, change := range changes {
		change(&parsed.Policy)
	}
	ctx, name := context.Background(), aws.String("/"+parsed.NamePrefix+"/policy")
	before, err := s.ssm.GetParameter(ctx, &ssm.GetParameterInput{Name: name})
	if err != nil {
		t.Fatal(err)
	}
	var pointer policyinforce.Pointer
	if err := json.Unmarshal([]byte(*before.Parameter.Value), &pointer); err != nil {
		t.Fatal(err)
	}
	content := parsed.PolicyJSON()
	sum := sha256.Sum256(content)
	digest := hex.EncodeToString(sum[:])
	if pointer.SHA256 == digest || pointer.Digest == digest {
		t.Fatal("the policy is in force already")
	}
	// The functions may read only this folder.
	key := pointer.Key[:strings.LastIndexByte(pointer.Key, '/')+1] + digest + ".json"
	pointer = policyinforce.NewPointer(pointer.Bucket, key, digest, &parsed.Policy)
	if _, err := s.s3.PutObject(ctx, &s3.PutObjectInput{Bucket: &pointer.Bucket, Key: &pointer.Key, Body: bytes.NewReader(content)}); err != nil {
		t.Fatal(err)
	}
	value, err := json.Marshal(pointer)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := s.ssm.PutParameter(ctx, &ssm.PutParameterInput{Name: name, Value: aws.String(string(value)), Type: ssmtypes.ParameterTypeString, Overwrite: aws.Bool(true)}); err != nil {
		t.Fatal(err)
	}
	return digest
}

// edit replaces a part of a text that occurs once.
func edit(t *testing.T, text, from, to string) string {
	t.Helper()
	if n := strings.Count(text, from); n != 1 {
		t.Fatalf("%q is there %d times, want once", from, n)
	}
	return strings.Replace(text, from, to, 1)
}

// TestPolicyChanges deploys a new policy while a request waits. The button refuses
// people who may no longer approve, and nothing is granted; the other approvers
// still can. Requests that have approvals need fewer or more of them from then on, also if
// enough were given and the grant is under way. A
// request that the new policy has no statement about is refused, even if the form
// accepted it a moment before. Requests without the ticket that the new policy requires
// are refused, too, at the press and at the grant.
func TestPolicyChanges(t *testing.T) {
	t.Parallel()
	asking.Lock()
	unlock := sync.OnceFunc(asking.Unlock)
	defer unlock()
	const file = "testdata/quiet.yaml"
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	later := edit(t, string(text), "Approvers: [erin@example.com, frank@example.com]", "Approvers: frank@example.com")
	later = edit(t, later, `  - {ResourceType: Account, Resource: "*", PermissionSet: BillingAccess, ApprovalIsNotRequired: true}`, "")

	later = edit(t, later, "PermissionSet: OrphanAccess, Approvers: [bob@example.com, carol@example.com], ApprovalsNeeded: 2", "PermissionSet: OrphanAccess, Approvers: [bob@example.com, carol@example.com], ApprovalsNeeded: 1")
	later = edit(t, later, "PermissionSet: FallbackAccess, Approvers: [bob@example.com, carol@example.com, erin@example.com], ApprovalsNeeded: 2",
		"PermissionSet: FallbackAccess, Approvers: [bob@example.com, carol@example.com, erin@example.com], ApprovalsNeeded: 3")
	later += requireTicket

	lowered, raised := approvalsBefore(t)
	withoutTicket := quiet.ask(t, wish{zoe, "network", "DeveloperAccess", 12})
	granting := grantingWithoutTicket(t)
	waiting := quiet.ask(t, wish{alice, "playground", "AdministratorAccess", 12})
	m := waiting.message(t)
	if mentioned := string(m.Blocks); !strings.Contains(mentioned, erin) || !strings.Contains(mentioned, frank) {
		t.Fatalf("the message does not tag those who may approve: %s", m.Blocks)
	}
	granted := overtaken(t, t.Name()+": grant")
	defer quiet.forget(t, t.Name()+": grant")
	// A new process, which has read no policy yet, gets the request after the
	// deployment.
	refused := quiet.ask(t, wish{kim, "playground", "BillingAccess", 12},
		faults.Rule{Kind: faults.Hold, Cold: true, Label: t.Name(), Function: "-evaluate", Operation: "evaluate", Count: -1})
	defer quiet.forget(t, t.Name())
	quiet.awaitHeld(t, t.Name()+": grant")
	quiet.awaitHeld(t, t.Name())
	digest := quiet.deployPolicy(t, file, []byte(later))
	quiet.forget(t, t.Name())
	quiet.forget(t, t.Name()+": grant")
	quiet.forget(t, t.Name()+", grant")
	deployed := time.Now()
	refused.finished(t, sfntypes.ExecutionStatusSucceeded, soon)
	unlock()
	wantOvertaken(t, granted)
	refused.shows(t, "The policy doesn't offer this access. Ask the people who run this app to add it.")
	wantEvents(t, refused, "requested", "refused")
	if refused.assigned(t) {
		t.Error("access that no statement gives")
	}
	for _, rec := range refused.audit(t) {
		if rec["event"] == "refused" && (rec["decision_reason"] != "NoStatements" || rec["policy_digest"] != digest) {
			t.Errorf("the record says %v by policy %v, want NoStatements by %s", rec["decision_reason"], rec["policy_digest"], digest)
		}
	}

	// By then, every function has the new policy.
	time.Sleep(time.Until(deployed.Add(noticed + time.Second)))
	if res := quiet.press(t, erin, m, "approve", false); !res.OK {
		t.Fatalf("press: %+v", res)
	}
	told := false
	for _, p := range quiet.posts(t, erin) {
		told = told || p.Ephemeral == erin && strings.Contains(p.Text+string(p.Blocks), "You can't approve or deny this request")
	}
	if now := waiting.message(t); !told || !now.has("approve") || waiting.assigned(t) {
		t.Errorf("she is told: %v; the message is %s", told, now.Blocks)
	}
	if row := quiet.row(t, "request#"+waiting.id); row == nil || row["outcome"] != nil {
		t.Errorf("the request is decided, or gone: %v", row)
	}

	if res := quiet.press(t, frank, m, "approve", false); !res.OK {
		t.Fatalf("press: %+v", res)
	}
	waiting.waitAssigned(t)
	waiting.waitGone(t, 12*time.Second+removalLimit)
	waiting.finished(t, sfntypes.ExecutionStatusSucceeded, soon)
	wantEvents(t, waiting, "requested", "press_refused", "approved", "granted", "revoked")
	for _, rec := range waiting.audit(t) {
		if rec["event"] == "approved" && rec["policy_digest"] != digest {
			t.Errorf("it was approved by policy %v, want %s", rec["policy_digest"], digest)
		}
	}
	wantApprovalsAfter(t, lowered, raised)
	wantRefusedWithoutTicket(t, withoutTicket, granting)
}
