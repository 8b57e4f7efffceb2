package e2e

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/identitystore"
	idtypes "github.com/aws/aws-sdk-go-v2/service/identitystore/types"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	s3types "github.com/aws/aws-sdk-go-v2/service/s3/types"
	sfntypes "github.com/aws/aws-sdk-go-v2/service/sfn/types"

	"sso-elevator/functions/access"
	"sso-elevator/functions/adapters/table/tabletest"
	"sso-elevator/infra/local/faults"
)

// leaver is a member of the workspace who has a user in Identity Center only while
// a test runs.
func leaver(n int) string { return fmt.Sprintf("U0CROWD%02d", n) }

// These are the leavers of the tests. No other test uses them.
const (
	ofDisabled, ofDeleted, ofPending, ofRunning, ofApprover, ofOutage = 40, 41, 42, 43, 44, 45
	ofWave                                                            = 46 // to 56
)

func init() {
	for n := ofDisabled; n <= ofWave+10; n++ {
		emails[leaver(n)] = fmt.Sprintf("crowd%02d@example.com", n)
	}
}

// hire creates the leaver's user in Identity Center and returns its id. principalID
// knows the first one.
func (s *stack) hire(t *testing.T, person string) string {
	t.Helper()
	out, err := s.identity.CreateUser(context.Background(), &identitystore.CreateUserInput{
		IdentityStoreId: &s.storeID, UserName: aws.String(emailOf(t, person)), DisplayName: aws.String(person),
		Name:   &idtypes.Name{GivenName: aws.String("Crowd"), FamilyName: aws.String(person)},
		Emails: []idtypes.Email{{Value: aws.String(emailOf(t, person)), Type: aws.String("work"), Primary: true}},
	})
	if err != nil {
		t.Fatal(err)
	}
	s.principalID(t, person)
	t.Cleanup(func() {
		_, _ = s.identity.DeleteUser(context.Background(), &identitystore.DeleteUserInput{IdentityStoreId: &s.storeID, UserId: out.UserId})
	})
	return *out.UserId
}

func (s *stack) fire(t *testing.T, user string) {
	t.Helper()
	if _, err := s.identity.DeleteUser(context.Background(), &identitystore.DeleteUserInput{IdentityStoreId: &s.storeID, UserId: &user}); err != nil {
		t.Fatal(err)
	}
}

// disable sets the status of a user, as someone does in the console.
func (s *stack) disable(t *testing.T, user string) { s.setStatus(t, user, "DISABLED") }

func (s *stack) setStatus(t *testing.T, user, status string) {
	t.Helper()
	body, err := json.Marshal(map[string]string{"user_id": user, "status": status})
	if err != nil {
		t.Fatal(err)
	}
	res, err := http.Post(s.AWSEndpointURL+"/_users", "application/json", bytes.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	if err := read(res, "/_users", nil); err != nil {
		t.Fatal(err)
	}
}

// recheck makes the function look up everyone with active access now. The schedule
// looks each person up every five minutes.
func (s *stack) recheck(t *testing.T) {
	t.Helper()
	eventually(t, soon, "everyone is looked up", func() error { return s.tryRecheck(t) })
}

func (s *stack) tryRecheck(t *testing.T) error {
	t.Helper()
	machine := s.machine(t)
	function := strings.TrimSuffix(machine[strings.LastIndexByte(machine, ':')+1:], "-requests") + "-reconcile:live"
	res, err := http.Post(s.AWSEndpointURL+"/2015-03-31/functions/"+function+"/invocations", "application/json", strings.NewReader(`{"operation":"recheck","all":true}`))
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	text, err := io.ReadAll(res.Body)
	if err != nil || res.StatusCode != http.StatusOK || res.Header.Get("X-Amz-Function-Error") != "" {
		err = fmt.Errorf("%s: %s, %v", res.Status, text, err)
		if !slices.ContainsFunc([]string{"Sandbox.Timedout", string(access.CodeUnavailable), string(access.CodeThrottled)}, func(code string) bool { return strings.Contains(string(text), code) }) {
			t.Fatal(err)
		}
		return err
	}
	return nil
}

// lookedUp is what rechecks know about people, by principal.
type lookedUp struct {
	People map[string]struct {
		CheckedAt    time.Time `json:"checked_at"`
		ClaimedUntil time.Time `json:"claimed_until"`
	} `json:"people"`
}

// rechecked returns what the quiet stack's rechecks know.
func (s *stack) rechecked(t *testing.T) (known lookedUp) {
	t.Helper()
	out, err := s.s3.GetObject(context.Background(), &s3.GetObjectInput{Bucket: aws.String("elevator-catalog"), Key: aws.String("reconcile/people.json")})
	var none *s3types.NoSuchKey
	if errors.As(err, &none) {
		return known
	}
	if err != nil {
		t.Fatal(err)
	}
	defer out.Body.Close()
	if err := json.NewDecoder(out.Body).Decode(&known); err != nil {
		t.Fatal(err)
	}
	return known
}

// wantToldAlone waits for a message that only the person sees.
func (s *stack) wantToldAlone(t *testing.T, person, text string) {
	t.Helper()
	eventually(t, soon, fmt.Sprintf("%s is told %q", person, text), func() error {
		for _, p := range s.posts(t, person) {
			if p.Ephemeral == person && strings.Contains(p.Text+string(p.Blocks), text) {
				return nil
			}
		}
		return errNotYet
	})
}

// TestLeaversLoseAccess checks that the access of a disabled or deleted person ends
// long before its time, and that message and record say why.
func TestLeaversLoseAccess(t *testing.T) {
	for _, tt := range []struct {
		name   string
		leaver int
		stays  string
		leaves func(*testing.T, string)
	}{
		{"disabled", ofDisabled, kim, func(t *testing.T, user string) { local.disable(t, user) }},
		{"deleted", ofDeleted, lena, func(t *testing.T, user string) { local.fire(t, user) }},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			person := leaver(tt.leaver)
			user := local.hire(t, person)
			stays := local.ask(t, wish{tt.stays, "data-lake", "ReadOnlyAccess", 120})
			r := local.ask(t, wish{person, "data-lake", "ReadOnlyAccess", 120})
			r.waitAssigned(t)
			stays.waitAssigned(t)
			r.waitsIn(t, "AwaitEnd")
			tt.leaves(t, user)
			// A scheduled recheck may have chosen them just before. Other rechecks
			// then skip them until it ends, so one more is needed.
			eventually(t, soon, "the access ends early", func() error {
				local.recheck(t)
				if local.requestRow(t, r.id).EndRequest == nil {
					return errNotYet
				}
				return nil
			})
			r.waitGone(t, soon)
			r.finished(t, sfntypes.ExecutionStatusSucceeded, soon)
			wantEvents(t, r, "requested", "approved", "granted", "ended", "revoked")
			if lasted := r.at(t, "revoked").Sub(r.at(t, "granted")); lasted > 110*time.Second {
				t.Errorf("it lasted %v of 120 s", lasted)
			}
			const why = "Ended because the requester's user was disabled or deleted in IAM Identity Center."
			r.shows(t, why)
			for _, rec := range r.audit(t) {
				if rec["event"] == "ended" && (rec["detail"] != why || rec["actor_slack_id"] != "system" || rec["actor_email"] != "NA") {
					t.Errorf("the record says %v, by %v %v", rec["detail"], rec["actor_slack_id"], rec["actor_email"])
				}
			}
			if !stays.assigned(t) {
				t.Error("somebody who is there has lost access, too")
			}
			if res := local.press(t, tt.stays, stays.message(t), "end", false); !res.OK {
				t.Fatalf("press: %+v", res)
			}
			stays.waitGone(t, soon)
			stays.finished(t, sfntypes.ExecutionStatusSucceeded, soon)
			wantEvents(t, stays, "requested", "approved", "granted", "ended", "revoked")
		})
	}
}

// TestRecreatedUserIsNotGranted checks that a request belongs to the user who made
// it, not to a new user with the same email.
func TestRecreatedUserIsNotGranted(t *testing.T) {
	t.Run("while the request waits", func(t *testing.T) {
		t.Parallel()
		person := leaver(ofPending)
		old := local.hire(t, person)
		r := local.ask(t, wish{person, "data-lake", "DeveloperAccess", 10})
		m := r.message(t)
		local.fire(t, old)
		if res := local.press(t, bob, m, "approve", false); !res.OK {
			t.Fatalf("press: %+v", res)
		}
		local.wantToldAlone(t, bob, "The requester no longer has a user in IAM Identity Center.")
		local.hire(t, person)
		if res := local.press(t, carol, m, "approve", false); !res.OK {
			t.Fatalf("press: %+v", res)
		}
		local.wantToldAlone(t, carol, "The requester now has a different user in IAM Identity Center than when they submitted this request.")
		if row := local.requestRow(t, r.id, "outcome"); row.Outcome != nil {
			t.Errorf("decided: %+v", row.Outcome)
		}
		// A denial is safe, whoever is gone.
		if res := local.press(t, bob, r.message(t), "deny", false); !res.OK {
			t.Fatalf("press: %+v", res)
		}
		r.finished(t, sfntypes.ExecutionStatusSucceeded, soon)
		wantEvents(t, r, "requested", "press_refused", "press_refused", "denied")
		for _, rec := range r.audit(t)[1:3] {
			if rec["decision_reason"] != "RequesterGone" || rec["action"] != "approve" {
				t.Errorf("the record says that %v was refused because of %v", rec["action"], rec["decision_reason"])
			}
		}
	})
	t.Run("between the approval and the grant", func(t *testing.T) {
		t.Parallel()
		person := leaver(ofRunning)
		old := local.hire(t, person)
		r := local.ask(t, wish{person, "data-lake", "DeveloperAccess", 10}, faults.Rule{Kind: faults.Hold, Label: t.Name(), Function: "-grant", Operation: "start", Count: -1})
		defer local.forget(t, t.Name())
		if res := local.press(t, bob, r.message(t), "approve", false); !res.OK {
			t.Fatalf("press: %+v", res)
		}
		local.awaitHeld(t, t.Name())
		local.fire(t, old)
		local.hire(t, person)
		local.forget(t, t.Name())
		r.refusedAtGrant(t, "the user of the requester in IAM Identity Center is deleted")
	})
}

// refusedAtGrant waits for the end of a request that was approved but not granted
// for that reason.
func (r *request) refusedAtGrant(t *testing.T, why string) {
	t.Helper()
	r.finished(t, sfntypes.ExecutionStatusSucceeded, 2*soon)
	if row := r.stack.requestRow(t, r.id); !row.GrantedAt.IsZero() || row.Failure == nil || row.Failure.Message != why {
		t.Errorf("granted at %v, failure %+v; want %q", row.GrantedAt, row.Failure, why)
	}
	if got := r.events(t); !slices.Contains(got, "approved") || slices.Contains(got, "granted") {
		t.Errorf("records are %q, want an approval and no grant", got)
	}
	if r.assigned(t) {
		t.Error("there is access")
	}
	r.shows(t, why)
}

// TestApproverDisabledBeforeGrant checks that a request is not granted if its
// approver is gone by then, and that this person can't approve anything else.
func TestApproverDisabledBeforeGrant(t *testing.T) {
	t.Parallel()
	approver := leaver(ofApprover)
	user := local.hire(t, approver)
	r := local.ask(t, wish{kim, "log-archive", crowdAccess, 10}, faults.Rule{Kind: faults.Hold, Label: t.Name(), Function: "-grant", Operation: "start", Count: -1})
	defer local.forget(t, t.Name())
	if res := local.press(t, approver, r.message(t), "approve", false); !res.OK {
		t.Fatalf("press: %+v", res)
	}
	local.awaitHeld(t, t.Name())
	other := local.ask(t, wish{kim, "network", crowdAccess, 10})
	local.disable(t, user)
	if res := local.press(t, approver, other.message(t), "approve", false); !res.OK {
		t.Fatalf("press: %+v", res)
	}
	local.wantToldAlone(t, approver, "Your user in IAM Identity Center is disabled. Please tell the people who run this app.")
	local.forget(t, t.Name())
	eventually(t, soon, "the grant is refused", func() error {
		if row := local.requestRow(t, r.id); row.Failure == nil {
			return errNotYet
		}
		return nil
	})
	local.setStatus(t, user, "ENABLED")
	if res := local.press(t, approver, other.message(t), "approve", false); !res.OK {
		t.Fatalf("press: %+v", res)
	}
	other.waitAssigned(t)
	other.waitGone(t, 10*time.Second+removalLimit)
	other.finished(t, sfntypes.ExecutionStatusSucceeded, soon)
	wantEvents(t, other, "requested", "press_refused", "approved", "granted", "revoked")
	r.refusedAtGrant(t, "the user of the approver in IAM Identity Center is disabled")
}

// TestGrantAsksIdentityCenterOnly checks that neither a Slack outage nor one failed
// lookup prevents a grant. A press needs both services.
func TestGrantAsksIdentityCenterOnly(t *testing.T) {
	t.Parallel()
	person := leaver(ofOutage)
	local.hire(t, person)
	r := local.ask(t, wish{person, "analytics-sandbox", "DeveloperAccess", 20},
		faults.Rule{Kind: faults.Unavailable, Function: "-notify", Operation: "granted", Target: "slack ", Count: -1},
		faults.Rule{Kind: faults.Unavailable, Function: "-grant", Operation: "start", Target: "slack ", Count: -1},
		faults.Rule{Kind: faults.Unavailable, Function: "-grant", Operation: "start", Target: "AWSIdentityStore.DescribeUser", Count: -1, Invocations: 1})
	if res := local.press(t, bob, r.message(t), "approve", false); !res.OK {
		t.Fatalf("press: %+v", res)
	}
	r.waitAssigned(t)
	r.waitGone(t, 20*time.Second+removalLimit)
	r.finished(t, sfntypes.ExecutionStatusSucceeded, 2*soon)
	wantEvents(t, r, "requested", "approved", "granted", "revoked")
	if n := len(r.thread(t)["granted"]); n != 0 {
		t.Errorf("%d messages that it was granted, though Slack was down", n)
	}
}

// TestWaveAsksFirst checks that more than ten people who are gone at once keep
// their access until an approver has answered.
func TestWaveAsksFirst(t *testing.T) {
	t.Parallel()
	users := map[string]string{}
	var all []*request
	for n := range 11 {
		person := leaver(ofWave + n)
		users[person] = quiet.hire(t, person)
		all = append(all, quiet.ask(t, wish{person, "security-tooling", "ReadOnlyAccess", 36 * 3600}))
	}
	back := all[0]
	for _, r := range all {
		r.waitAssigned(t)
		r.waitsIn(t, "AwaitEnd")
	}
	// After each person was looked up, no scheduled recheck looks again for five
	// minutes. So none sees only some of them gone.
	eventually(t, 2*soon, "each is looked up", func() error {
		known := quiet.rechecked(t)
		for _, user := range users {
			if p := known.People[user]; p.CheckedAt.IsZero() || !p.ClaimedUntil.IsZero() {
				return errNotYet
			}
		}
		return nil
	})
	for _, user := range users {
		quiet.disable(t, user)
	}
	quiet.recheck(t)
	var question post
	eventually(t, soon, "the question", func() error {
		for _, p := range quiet.posts(t, "") {
			if strings.Contains(p.Text, "11 people gone from IAM Identity Center: remove their access?") && p.Ephemeral == "" {
				question = p
				return nil
			}
		}
		return errNotYet
	})
	run := question.Metadata.EventPayload["request_id"]
	for _, r := range all {
		if row := quiet.requestRow(t, r.id); row.EndRequest != nil || !r.assigned(t) {
			t.Errorf("the access of %s ends before anybody answered: %+v", r.wish.person, row.EndRequest)
		}
		if !strings.Contains(string(question.Blocks), emailOf(t, r.wish.person)) {
			t.Errorf("the question does not name %s", r.wish.person)
		}
	}
	// ReadOnlyAccess has no approvers of its own. The approvers of all accounts
	// decide. TestPolicyChanges, which runs at the same time, keeps bob as one of
	// them.
	listed := fmt.Sprint(tabletest.PlainRow(quiet.partOfRow(t, "run#"+run, "approvers")))
	if !strings.Contains(listed, emailOf(t, bob)) || strings.Contains(listed, emailOf(t, kim)) {
		t.Fatalf("asked are %s, want bob among them and not kim", listed)
	}
	if res := quiet.press(t, kim, question, "drift_remove", false); !res.OK {
		t.Fatalf("press: %+v", res)
	}
	quiet.wantToldAlone(t, kim, "You can't answer, because you aren't an approver of any of these accounts or groups. These people can: ")
	quiet.setStatus(t, users[back.wish.person], "ENABLED")
	if res := quiet.press(t, bob, question, "drift_remove", false); !res.OK {
		t.Fatalf("press: %+v", res)
	}
	quiet.recheck(t)
	for _, r := range all[1:] {
		r.waitGone(t, 2*soon)
		r.finished(t, sfntypes.ExecutionStatusSucceeded, soon)
		wantEvents(t, r, "requested", "approved", "granted", "ended", "revoked")
	}
	if row := quiet.requestRow(t, back.id); row.EndRequest != nil || !back.assigned(t) {
		t.Errorf("somebody who is back has lost access: %+v", row.EndRequest)
	}
	if res := quiet.press(t, back.wish.person, back.message(t), "end", false); !res.OK {
		t.Fatalf("press: %+v", res)
	}
	back.waitGone(t, soon)
	answered := false
	for _, p := range quiet.posts(t, "") {
		if p.Metadata.EventPayload["request_id"] == run && strings.Contains(p.Text, "access of 11 people will be removed") {
			answered = !p.has("drift_remove")
		}
	}
	if !answered {
		t.Error("the question still has its buttons")
	}
}
