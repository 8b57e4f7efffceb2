package e2e

import (
	"bytes"
	"encoding/json"
	"net/http"
	"testing"
	"time"

	sfntypes "github.com/aws/aws-sdk-go-v2/service/sfn/types"

	"sso-elevator/infra/local/faults"
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

// TestKilledFunction kills the function of each task, once before and once
// after its effect. Whatever dies, the request comes to its end: the access was
// there, it is gone, and each record exists once.
func TestKilledFunction(t *testing.T) {
	for i, tt := range []struct{ function, operation string }{
		{"await", "approval"},
		{"grant", "start"},
		{"grant", "confirm"},
		{"audit", "granted"},
		{"await", "end"},
		{"notify", "granted"},
		{"revoke", "start"},
		{"revoke", "confirm"},
		{"audit", "revoked"},
		{"notify", "revoked"},
	} {
		for _, kind := range []faults.Kind{faults.KillBefore, faults.KillAfter} {
			t.Run(tt.function+" "+tt.operation+" "+string(kind), func(t *testing.T) {
				t.Parallel()
				person := []string{erin, frank}[i%2]
				w := wish{person, accounts[i], map[faults.Kind]string{faults.KillBefore: "SupportAccess", faults.KillAfter: "DeveloperAccess"}[kind], 20}
				r := local.ask(t, w, faults.Rule{Kind: kind, Function: "-" + tt.function, Operation: tt.operation})
				m := r.message(t)
				approver := bob
				if w.permissionSet == "SupportAccess" {
					approver = grace
				}
				if res := local.press(t, approver, m, "approve", false); !res.OK {
					t.Fatalf("press: %+v", res)
				}
				r.finished(t, sfntypes.ExecutionStatusSucceeded, 20*time.Second+removalLimit+2*soon)
				if r.assigned(t) {
					t.Error("access is left behind")
				}
				wantEvents(t, r, "requested", "approved", "granted", "revoked")
				if n := len(r.thread(t)["granted"]); n > 1 {
					t.Errorf("%d messages that access is there, want one at the most", n)
				}
			})
		}
	}
}

// accounts of the example organization, one for each of the functions' tasks.
var accounts = []string{
	"shop-production", "shop-staging", "shop-development", "payments-production", "payments-staging",
	"data-lake", "analytics-sandbox", "shared-services", "network", "log-archive", "security-tooling", "playground",
}

// TestPressAroundTheToken: the decision counts whether it comes before the wait
// has its token, or after.
func TestPressAroundTheToken(t *testing.T) {
	for _, tt := range []struct {
		name, account string
		rule          faults.Rule
	}{
		{"before: the function that stores it is late", "shop-development", faults.Rule{Kind: faults.Delay, DelayMS: 4000}},
		{"between: the function dies with it", "analytics-sandbox", faults.Rule{Kind: faults.KillBefore}},
		{"after: it is stored", "network", faults.Rule{Kind: faults.KillBefore, Skip: 1}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			tt.rule.Function, tt.rule.Operation = "-await", "approval"
			r := local.ask(t, wish{carol, tt.account, "DeveloperAccess", 10}, tt.rule)
			m := r.message(t)
			if tt.rule.Skip > 0 {
				r.waitsIn(t, "AwaitApproval")
				time.Sleep(2 * time.Second) // moto says nothing about the token
			}
			if res := local.press(t, bob, m, "approve", false); !res.OK {
				t.Fatalf("press: %+v", res)
			}
			r.waitAssigned(t)
			r.finished(t, sfntypes.ExecutionStatusSucceeded, 10*time.Second+removalLimit+soon)
			wantEvents(t, r, "requested", "approved", "granted", "revoked")
		})
	}
}
