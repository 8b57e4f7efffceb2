package e2e

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	sfntypes "github.com/aws/aws-sdk-go-v2/service/sfn/types"
	"github.com/aws/aws-sdk-go-v2/service/ssoadmin"
	ssotypes "github.com/aws/aws-sdk-go-v2/service/ssoadmin/types"

	"sso-elevator/infra/local/faults"
	"sso-elevator/statemachine"
)

// fault sets a rule in the gateway.
func (s *stack) fault(t *testing.T, r faults.Rule) {
	t.Helper()
	text, err := json.Marshal(r)
	if err != nil {
		t.Fatal(err)
	}
	res, err := http.Post(s.AWSEndpointURL+"/_faults", "application/json", bytes.NewReader(text))
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	if res.StatusCode != http.StatusOK {
		t.Fatalf("set fault: %s", res.Status)
	}
}

// hit reports whether a fault with that label has occurred.
func (s *stack) hit(t *testing.T, label string) bool {
	t.Helper()
	for _, r := range s.faults(t, label) {
		if r.Hits > 0 {
			return true
		}
	}
	return false
}

func (s *stack) faults(t *testing.T, label string) (rules []faults.Rule) {
	t.Helper()
	res, err := http.Get(s.AWSEndpointURL + "/_faults?label=" + url.QueryEscape(label))
	if err != nil {
		t.Fatal(err)
	}
	if err := read(res, "/_faults", &rules); err != nil {
		t.Fatal(err)
	}
	return rules
}

// forget deletes the faults with that label.
func (s *stack) forget(t *testing.T, label string) {
	t.Helper()
	remove(t, s.AWSEndpointURL+"/_faults?label="+url.QueryEscape(label))
}

// remove sends a DELETE.
func remove(t *testing.T, address string) {
	t.Helper()
	req, err := http.NewRequest(http.MethodDelete, address, nil)
	if err != nil {
		t.Fatal(err)
	}
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	res.Body.Close()
}

// TestKilledFunction kills the function of each task, once before and once after
// its effect. In each case the request completes: the access existed, it is gone,
// and each record exists once.
func TestKilledFunction(t *testing.T) {
	t.Parallel()
	granted := []string{"requested", "approved", "granted", "revoked"}
	denied := []string{"requested", "denied"}
	for i, tt := range []struct {
		function, operation, press string
		want                       []string
	}{
		{"evaluate", "evaluate", "deny", denied},
		{"notify", "announce", "deny", denied},
		{"audit", "outcome", "deny", denied},
		{"notify", "outcome", "deny", denied},
		{"await", "approval", "approve", granted},
		{"grant", "start", "approve", granted},
		{"grant", "confirm", "approve", granted},
		{"audit", "granted", "approve", granted},
		{"await", "end", "approve", granted},
		{"notify", "granted", "approve", granted},
		{"revoke", "start", "approve", granted},
		{"revoke", "confirm", "approve", granted},
		{"audit", "revoked", "approve", granted},
		{"notify", "revoked", "approve", granted},
	} {
		for _, kill := range []struct {
			kind                    faults.Kind
			permissionSet, approver string
		}{
			{faults.KillBefore, "SupportAccess", grace},
			{faults.KillAfter, "DeveloperAccess", bob},
		} {
			t.Run(tt.function+" "+tt.operation+" "+string(kill.kind), func(t *testing.T) {
				t.Parallel()
				w := wish{[]string{frank, erin}[i/len(accounts)], accounts[i%len(accounts)], kill.permissionSet, 10}
				r := local.ask(t, w, faults.Rule{Kind: kill.kind, Function: "-" + tt.function, Operation: tt.operation})
				if res := local.press(t, kill.approver, r.message(t), tt.press, false); !res.OK {
					t.Fatalf("press: %+v", res)
				}
				r.finished(t, sfntypes.ExecutionStatusSucceeded, 10*time.Second+removalLimit+2*soon)
				if r.assigned(t) {
					t.Error("access is left behind")
				}
				wantEvents(t, r, tt.want...)
				for purpose, posts := range r.thread(t) {
					if len(posts) > 1 {
						t.Errorf("%d messages %q in the thread, want one at the most", len(posts), purpose)
					}
				}
			})
		}
	}
}

// TestKilledReminder kills the function that reminds the approvers, once before and
// once after its effect. They are reminded once and can still approve.
func TestKilledReminder(t *testing.T) {
	t.Parallel()
	for i, tt := range []struct {
		function, operation string
		kind                faults.Kind
	}{
		{"evaluate", "next", faults.KillBefore},
		{"evaluate", "next", faults.KillAfter},
		{"notify", "remind", faults.KillBefore},
		{"notify", "remind", faults.KillAfter},
	} {
		t.Run(tt.function+" "+tt.operation+" "+string(tt.kind), func(t *testing.T) {
			t.Parallel()
			r := local.ask(t, wish{bob, accounts[i], "AdministratorAccess", 10},
				faults.Rule{Kind: tt.kind, Function: "-" + tt.function, Operation: tt.operation})
			eventually(t, soon, "a reminder", func() error {
				if len(r.reminders(t)) == 0 {
					return errNotYet
				}
				return nil
			})
			if res := local.press(t, erin, r.message(t), "approve", false); !res.OK {
				t.Fatalf("press: %+v", res)
			}
			r.finished(t, sfntypes.ExecutionStatusSucceeded, 10*time.Second+removalLimit+2*soon)
			if r.assigned(t) {
				t.Error("access is left behind")
			}
			wantEvents(t, r, "requested", "approved", "granted", "revoked")
			for purpose, posts := range r.thread(t) {
				if len(posts) > 1 {
					t.Errorf("%d messages %q in the thread, want one at the most", len(posts), purpose)
				}
			}
		})
	}
}

// TestSlackIsDown checks requests during a Slack outage. It runs before the
// parallel tests, because their messages would fail too.
func TestSlackIsDown(t *testing.T) {
	down := map[string]any{"method": "chat.postMessage", "error": "http_500", "count": -1}
	if err := local.post("/sim/faults", down, nil); err != nil {
		t.Fatal(err)
	}
	up := func() {
		req, _ := http.NewRequest(http.MethodDelete, local.Page+"sim/faults", nil)
		res, err := http.DefaultClient.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		res.Body.Close()
	}
	defer up()

	automatic := local.ask(t, wish{alice, "playground", "ReadOnlyAccess", 10})
	automatic.waitAssigned(t)
	waiting := local.ask(t, wish{erin, "playground", "DeveloperAccess", 10})
	lasting := local.ask(t, wish{erin, "data-lake", "ReadOnlyAccess", 120})
	lasting.waitAssigned(t)
	automatic.waitGone(t, 10*time.Second+removalLimit)
	waiting.waitsIn(t, "WaitForSlack")
	up()

	m := waiting.message(t)
	if res := local.press(t, carol, m, "approve", false); !res.OK {
		t.Fatalf("press: %+v", res)
	}
	waiting.waitAssigned(t)
	waiting.waitGone(t, 10*time.Second+removalLimit)
	waiting.finished(t, sfntypes.ExecutionStatusSucceeded, soon)
	wantEvents(t, waiting, "requested", "approved", "granted", "revoked")
	wantEvents(t, automatic, "requested", "approved", "granted", "revoked")

	// The minute check has everything sent that the outage swallowed.
	time.Sleep(time.Until(local.requestRow(t, lasting.id, "granted_at").GrantedAt.Add(time.Minute + time.Second)))
	local.look(t)
	account := local.accountID(t, "data-lake")
	lasting.wantReady(t, ": ReadOnlyAccess in data-lake (", local.portalURL()+"/#/console?account_id="+account+"&role_name=ReadOnlyAccess")
	lasting.shows(t, "🟢")
	if res := local.press(t, erin, lasting.message(t), "end", false); !res.OK {
		t.Fatalf("press: %+v", res)
	}
	lasting.waitGone(t, removalLimit)
	lasting.finished(t, sfntypes.ExecutionStatusSucceeded, soon)
	wantOnce(t, lasting, "granted", "revoked")
}

// TestLongSlackOutage checks that all messages show how a request ended, even if Slack fails
// for longer than other tasks are retried. Access is removed and recorded meanwhile.
func TestLongSlackOutage(t *testing.T) {
	t.Parallel()
	outage := func(operation string) faults.Rule {
		return faults.Rule{Kind: faults.ServerError, Function: "-notify", Operation: operation, Target: slackAPI, Count: -1, Invocations: mostAttempts}
	}
	const longest = 6 * time.Minute // eight attempts, and a wait after each: at most 1 s, 2 s and so on, up to 128 s
	t.Run("at the end of access", func(t *testing.T) {
		t.Parallel()
		r := local.ask(t, wish{frank, "network", "ReadOnlyAccess", 20}, outage("revoked"))
		r.waitAssigned(t)
		r.waitGone(t, 20*time.Second+removalLimit)
		r.waitRecorded(t, "revoked")
		if !strings.Contains(string(r.message(t).Blocks), "🟢") {
			t.Error("the message shows the end during the outage")
		}
		r.finished(t, sfntypes.ExecutionStatusSucceeded, longest)
		if m := r.message(t); m.has("end") || !strings.Contains(string(m.Blocks), "⚪") {
			t.Errorf("after the outage, the message shows %s", m.Blocks)
		}
		wantOnce(t, r, "granted", "revoked")
		wantEvents(t, r, "requested", "approved", "granted", "revoked")
	})
	t.Run("at a denial", func(t *testing.T) {
		t.Parallel()
		r := local.ask(t, wish{erin, "log-archive", "DeveloperAccess", 10}, outage("outcome"))
		if res := r.opens(t, carol, "deny", r.message(t)).submit(t, map[string]string{"denial_reason": "Not today."}); !res.OK {
			t.Fatalf("submit: %+v", res)
		}
		r.waitRecorded(t, "denied")
		if said := r.thread(t)["outcome"]; len(said) > 0 {
			t.Errorf("the thread says during the outage %q", said[0].Text)
		}
		r.finished(t, sfntypes.ExecutionStatusSucceeded, longest)
		if m := r.message(t); m.has("approve") || m.has("deny") {
			t.Errorf("after the outage, the message shows %s", m.Blocks)
		}
		wantOnce(t, r, "outcome")
		wantEvents(t, r, "requested", "denied")
	})
}

// waitRecorded waits until the audit bucket has a record of the event.
func (r *request) waitRecorded(t *testing.T, event string) {
	t.Helper()
	eventually(t, soon, fmt.Sprintf("the record %q", event), func() error {
		if events := r.events(t); !slices.Contains(events, event) {
			return fmt.Errorf("the records are %q", events)
		}
		return nil
	})
}

// about returns texts that the bodies of Identity Center's calls about this access
// contain.
func (s *stack) about(t *testing.T, w wish) []string {
	t.Helper()
	return []string{s.accountID(t, w.account), s.permissionSetARN(t, w.permissionSet), s.principalID(t, w.person)}
}

// TestEvaluationThatFails checks that a request that can't be evaluated is refused,
// even if the function dies while it refuses.
func TestEvaluationThatFails(t *testing.T) {
	t.Parallel()
	r := local.ask(t, wish{bob, "network", "ReadOnlyAccess", 10},
		faults.Rule{Kind: faults.KillBefore, Function: "-evaluate", Operation: "evaluate", Count: -1},
		faults.Rule{Kind: faults.KillAfter, Function: "-evaluate", Operation: "refuse"},
		faults.Rule{Kind: faults.KillBefore, Function: "-evaluate", Operation: "next"})
	states := r.finished(t, sfntypes.ExecutionStatusSucceeded, 3*time.Minute)
	if got, want := path(states), "Evaluate Refuse LookAgain Refused? AuditOutcome NotifyOutcome Close Done"; got != want {
		t.Errorf("states\n%s, want\n%s", got, want)
	}
	if r.assigned(t) {
		t.Error("access although it was never evaluated")
	}
	wantEvents(t, r, "requested", "refused")
}

// TestGrantThatFails checks that a creation that AWS refuses is reported, and
// recorded as not granted after the approval.
func TestGrantThatFails(t *testing.T) {
	t.Parallel()
	w := wish{bob, "data-lake", "ReadOnlyAccess", 10}
	local.fault(t, faults.Rule{Kind: faults.Denied, Target: "CreateAccountAssignment", Body: local.about(t, w)})
	r := local.ask(t, w)
	states := r.finished(t, sfntypes.ExecutionStatusSucceeded, removalLimit+soon)
	if got, want := path(states), "Evaluate OnlyToRevoke? Announce Route Grant "+removal; got != want {
		t.Errorf("states\n%s, want\n%s", got, want)
	}
	if r.assigned(t) {
		t.Error("there is access")
	}
	if m := r.message(t); m.has("end") || m.has("approve") {
		t.Errorf("the message still has buttons: %s", m.Blocks)
	}
	wantEvents(t, r, "requested", "approved", "not_granted")
}

// TestBusyIdentityCenter checks that grant and removal wait out throttling and
// conflicts.
func TestBusyIdentityCenter(t *testing.T) {
	t.Parallel()
	w := wish{bob, "shared-services", "ReadOnlyAccess", 10}
	for _, target := range []string{"CreateAccountAssignment", "DeleteAccountAssignment"} {
		for _, kind := range []faults.Kind{faults.Conflict, faults.Throttle, faults.ServerError} {
			local.fault(t, faults.Rule{Kind: kind, Target: target, Count: 2, Body: local.about(t, w)})
		}
	}
	r := local.ask(t, w)
	r.waitAssigned(t)
	r.waitGone(t, 10*time.Second+removalLimit)
	r.finished(t, sfntypes.ExecutionStatusSucceeded, 2*soon)
	wantEvents(t, r, "requested", "approved", "granted", "revoked")
}

// TestForeignAccess checks that access that someone else gave is neither adopted
// nor removed.
func TestForeignAccess(t *testing.T) {
	t.Parallel()
	w := wish{bob, "analytics-sandbox", "ReadOnlyAccess", 10}
	_, err := local.sso.CreateAccountAssignment(t.Context(), &ssoadmin.CreateAccountAssignmentInput{
		InstanceArn: &local.instanceARN, TargetId: aws.String(local.accountID(t, w.account)), TargetType: ssotypes.TargetTypeAwsAccount,
		PermissionSetArn: aws.String(local.permissionSetARN(t, w.permissionSet)),
		PrincipalId:      aws.String(local.principalID(t, w.person)), PrincipalType: ssotypes.PrincipalTypeUser,
	})
	if err != nil {
		t.Fatal(err)
	}
	eventually(t, soon, "the foreign assignment", func() error {
		if local.assignments(t, w) == 0 {
			return errNotYet
		}
		return nil
	})
	r := local.ask(t, w)
	r.finished(t, sfntypes.ExecutionStatusSucceeded, removalLimit+soon)
	if local.assignments(t, w) != 1 {
		t.Error("the foreign assignment was taken away")
	}
	wantEvents(t, r, "requested", "approved", "not_granted")
}

// TestRemovalThatFails checks a removal that keeps failing: the alarm is raised,
// the removal retries, a fresh execution takes it over, and it ends once Identity
// Center permits it.
func TestRemovalThatFails(t *testing.T) {
	t.Parallel()
	w := wish{bob, "log-archive", "ReadOnlyAccess", 10}
	// This is two rounds more than one execution has.
	local.fault(t, faults.Rule{
		Kind: faults.Denied, Target: "DeleteAccountAssignment", Count: statemachine.RevokeRounds + 2,
		Body: local.about(t, w),
	})
	r := local.ask(t, w, faults.Rule{Kind: faults.KillAfter, Function: "-audit", Operation: "revoke_failed"})
	r.waitAssigned(t)
	states := r.finished(t, sfntypes.ExecutionStatusSucceeded, 10*time.Second+removalLimit+4*soon)
	if got := states[len(states)-2:]; !slices.Equal(got, []string{"HandOver", "HandedOver"}) {
		t.Errorf("the execution ended in %q, want a hand-over", got)
	}
	r.waitGone(t, removalLimit+2*soon)
	eventually(t, soon, "the record that it is gone", func() error {
		if got, want := r.events(t), []string{"requested", "approved", "granted", "revoke_failed", "revoked"}; !slices.Equal(got, want) {
			return fmt.Errorf("audit records are %q, want %q", got, want)
		}
		return nil
	})
	eventually(t, soon, "the metric is raised", func() error {
		log, err := os.ReadFile(local.log)
		if err == nil && !bytes.Contains(log, []byte(`"RevokeFailed"`)) {
			err = errNotYet
		}
		return err
	})
}

// TestOverdueIsShown checks that the channel's message says that access is not removed yet,
// until it is.
func TestOverdueIsShown(t *testing.T) {
	t.Parallel()
	w := wish{bob, "security-tooling", "ReadOnlyAccess", 10}
	local.fault(t, faults.Rule{Kind: faults.Denied, Label: t.Name(), Target: "DeleteAccountAssignment", Count: -1, Body: local.about(t, w)})
	defer local.forget(t, t.Name())
	r := local.ask(t, w)
	r.waitAssigned(t)
	r.shows(t, "🟢 Access is active")
	time.Sleep(time.Until(local.requestRow(t, r.id, "end").End.Add(time.Minute + time.Second)))
	local.look(t)
	r.shows(t, "🟠 Access not removed yet: retrying")
	if m := r.message(t); m.has("end") {
		t.Errorf("it has a button to end the access: %s", m.Blocks)
	}
	local.forget(t, t.Name())
	r.waitGone(t, removalLimit+2*soon)
	r.shows(t, "⚪ Access has ended")
	r.finished(t, sfntypes.ExecutionStatusSucceeded, soon)
	eventually(t, soon, "the request is closed", func() error { // perhaps by another execution
		if row := local.requestRow(t, r.id); !row.IsClosed() {
			return errNotYet
		}
		return nil
	})
	wantOnce(t, r, "granted", "revoked")
}

// These accounts of the example organization are used once each, for the functions'
// tasks.
var accounts = []string{
	"shop-production", "shop-staging", "shop-development", "payments-production", "payments-staging",
	"data-lake", "analytics-sandbox", "shared-services", "network", "log-archive", "security-tooling", "playground",
}

// TestPressAroundTheToken checks that a decision counts whether it comes before or
// after the wait has its token.
func TestPressAroundTheToken(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name, account string
		kind          faults.Kind // of the fault that delays the token until the press is answered
	}{
		{"before: the function that stores it is late", "shop-development", faults.Hold},
		{"between: the function dies with it", "analytics-sandbox", faults.KillBefore},
		{"after: it is stored", "network", ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			var rules []faults.Rule
			if tt.kind != "" {
				rules = append(rules, faults.Rule{Kind: tt.kind, Label: t.Name(), Function: "-await", Operation: "approval", Count: -1})
			}
			r := local.ask(t, wish{carol, tt.account, "DeveloperAccess", 10}, rules...)
			defer local.forget(t, t.Name())
			m := r.message(t)
			stored := func() bool { return local.requestRow(t, r.id, "approval_token").ApprovalToken != "" }
			if tt.kind == "" {
				eventually(t, soon, "the token is stored", func() error {
					if !stored() {
						return errNotYet
					}
					return nil
				})
			}
			if res := local.press(t, bob, m, "approve", false); !res.OK {
				t.Fatalf("press: %+v", res)
			}
			if tt.kind != "" && stored() {
				t.Error("the token is stored although nothing could store it")
			}
			local.forget(t, t.Name())
			r.waitAssigned(t)
			r.finished(t, sfntypes.ExecutionStatusSucceeded, 10*time.Second+removalLimit+soon)
			wantEvents(t, r, "requested", "approved", "granted", "revoked")
		})
	}
}
