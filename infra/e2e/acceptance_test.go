package e2e

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"

	"sso-elevator/functions/access"
	"sso-elevator/infra/acceptance"
)

// slackPeople plays the people in Slack: the named person or Zoe requests, and Bob
// decides.
type slackPeople struct {
	t        *testing.T
	stack    *stack
	requests map[string]*request // by id
}

func (p *slackPeople) Request(_ context.Context, w acceptance.Wish) error {
	person := zoe
	if w.Email != "" {
		for id, email := range emails {
			if email == w.Email {
				person = id
			}
		}
	}
	r := p.stack.askBecause(p.t, wish{person, w.Target.AccountName, w.Target.PermissionSet, int(w.Duration / time.Second)}, p.t.Name()+" "+w.Mark, func(string) {})
	p.requests[r.id] = r
	return nil
}

func (p *slackPeople) press(person string, row access.Request, button string) error {
	r := p.requests[row.ID]
	if r == nil {
		return fmt.Errorf("nobody here submitted the request %s", row.ID)
	}
	eventually(p.t, soon, "the button "+button, func() error {
		if !r.message(p.t).has(button) {
			return errNotYet
		}
		return nil
	})
	if res := p.stack.press(p.t, person, r.message(p.t), button, false); !res.OK {
		return fmt.Errorf("press %s: %+v", button, res)
	}
	return nil
}

func (p *slackPeople) Approve(_ context.Context, row access.Request) error {
	return p.press(bob, row, "approve")
}

func (p *slackPeople) Deny(_ context.Context, row access.Request) error {
	return p.press(bob, row, "deny")
}

func (p *slackPeople) EndNow(_ context.Context, row access.Request) error {
	return p.press(p.requests[row.ID].wish.person, row, "end")
}

// actions returns the IAM actions of the calls that pass.
type actions struct {
	mu   sync.Mutex
	seen map[string]bool
}

// prefixes are IAM's prefixes, by the service's name in the JSON protocol.
var prefixes = map[string]string{"SWBExternalService": "sso", "AWSIdentityStore": "identitystore", "DynamoDB_20120810": "dynamodb", "AWSStepFunctions": "states"}

func (a *actions) Do(r *http.Request) (*http.Response, error) {
	action := ""
	if service, operation, ok := strings.Cut(r.Header.Get("X-Amz-Target"), "."); ok {
		action = prefixes[service] + ":" + operation
	} else if form, ok := strings.CutPrefix(r.Header.Get("Content-Type"), "application/x-www-form-urlencoded"); ok && form == "" {
		body, err := io.ReadAll(r.Body)
		if err != nil {
			return nil, err
		}
		r.Body = io.NopCloser(bytes.NewReader(body))
		values, _ := url.ParseQuery(string(body))
		action = "cloudformation:" + values.Get("Action")
	} else if strings.HasPrefix(r.URL.Path, "/2015-03-31/functions/") && strings.HasSuffix(r.URL.Path, "/configuration") && r.Method == http.MethodGet {
		action = "lambda:GetFunctionConfiguration"
	} else if r.URL.Query().Get("list-type") == "2" {
		action = "s3:ListBucket"
	} else if r.URL.Query().Get("x-id") == "GetObject" {
		action = "s3:GetObject"
	} else {
		action = r.Method + " " + r.URL.String()
	}
	a.mu.Lock()
	a.seen[action] = true
	a.mu.Unlock()
	return http.DefaultClient.Do(r)
}

// documented returns the actions that docs/operate/acceptance.md permits.
func documented(t *testing.T) (actions []string) {
	t.Helper()
	text, err := os.ReadFile(repository + "/docs/operate/acceptance.md")
	if err != nil {
		t.Fatal(err)
	}
	_, after, _ := strings.Cut(string(text), "```json\n")
	policy, _, found := strings.Cut(after, "```")
	var document struct {
		Statement []struct{ Action json.RawMessage } // one or several
	}
	if err := json.Unmarshal([]byte(policy), &document); err != nil || !found {
		t.Fatalf("the policy of docs/operate/acceptance.md: %v", err)
	}
	for _, s := range document.Statement {
		var one string
		var several []string
		if json.Unmarshal(s.Action, &one) == nil {
			several = []string{one}
		} else if err := json.Unmarshal(s.Action, &several); err != nil {
			t.Fatal(err)
		}
		actions = append(actions, several...)
	}
	slices.Sort(actions)
	return actions
}

// TestAcceptance runs the acceptance on this stack, as someone would run it on AWS.
func TestAcceptance(t *testing.T) {
	t.Parallel()
	called := &actions{seen: map[string]bool{}}
	cfg := aws.Config{HTTPClient: called, Region: "us-east-1", BaseEndpoint: aws.String(local.AWSEndpointURL), Credentials: credentials.NewStaticCredentialsProvider("test", "test", "")}
	const name = "sso-elevator"
	people := &slackPeople{t, local, map[string]*request{}}
	byHand := wish{lena, "security-tooling", "DeveloperAccess", 60}
	result, err := acceptance.Run(t.Context(), acceptance.Options{
		Target: acceptance.Place{Account: byHand.account, PermissionSet: byHand.permissionSet}, Other: acceptance.Place{Account: local.accountID(t, "playground"), PermissionSet: "DeveloperAccess"},
		Duration: time.Duration(byHand.seconds) * time.Second, DriftUser: emailOf(t, byHand.person), CapitalsUser: emailOf(t, hopper),
		Patience: soon, Poll: time.Second, Now: time.Now,
	}, name, acceptance.Connect(cfg, name), people, func(line string) { t.Log(line) })
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, s := range result.Steps {
		got = append(got, s.Name+": "+string(s.State))
	}
	want := []string{
		"stack: ok", "functions and machines: ok", "catalog: ok", "targets: ok", "execution stopped: ok", "request: ok", "assignment created: ok",
		"drift found: ok", "assignment removed: ok", "assignment held: ok", "early end: ok", "stopped execution swept: ok",
		"management account: skipped", "email with capitals: ok",
		"records complete: ok", "conditional updates: ok", "nested updates: ok", "sizes and times: ok", "cleanup: ok",
	}
	if !slices.Equal(got, want) || !result.Passed() {
		t.Errorf("the steps are\n%s, want\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
	for _, kind := range []string{"request_to_posted", "press_to_assigned", "end_to_gone", "early_end_to_gone", "stop_to_gone"} {
		if seconds, ok := result.Times[kind]; !ok || seconds < 0 {
			t.Errorf("%s took %g s, %t", kind, seconds, ok)
		}
	}
	for _, step := range []string{acceptance.StepCatalog, acceptance.StepRecords, acceptance.StepSizes} {
		if s, _ := result.Step(step); s.Bytes == 0 {
			t.Errorf("the step %s has no size", step)
		}
	}

	if calls, permitted := slices.Sorted(maps.Keys(called.seen)), documented(t); !slices.Equal(calls, permitted) {
		t.Errorf("it calls\n%q, and docs/operate/acceptance.md permits\n%q", calls, permitted)
	}

	// The test checks this by itself.
	if len(people.requests) != 4 {
		t.Errorf("there were %d requests, want 4", len(people.requests))
	}
	for _, r := range people.requests {
		if r.assigned(t) || r.leaseState(t) != "" {
			t.Errorf("request %s: assigned %t, lease %q", r.id, r.assigned(t), r.leaseState(t))
		}
	}
	local.wantGone(t, byHand)

	t.Run("the command", func(t *testing.T) {
		// The command finds the system by itself, and tells nobody to request what
		// can't be requested.
		cmd := exec.Command(program, "acceptance", "-json", "-config", "testdata/elevator.yaml", "-target", "playground:DeveloperAccess", "-other", "playground:NoSuchAccess", "-duration", "20s")
		cmd.Env = append(os.Environ(), "AWS_ENDPOINT_URL="+local.AWSEndpointURL, "AWS_REGION=us-east-1", "AWS_ACCESS_KEY_ID=local", "AWS_SECRET_ACCESS_KEY=local")
		out, err := cmd.Output()
		if cmd.ProcessState == nil {
			t.Fatal(err)
		}
		var r acceptance.Result
		if err := json.Unmarshal(out, &r); err != nil {
			t.Fatalf("%v: %s", err, out)
		}
		catalog, _ := r.Step(acceptance.StepCatalog)
		targets, _ := r.Step(acceptance.StepTargets)
		if code := cmd.ProcessState.ExitCode(); code != 1 || r.Stack != name || catalog.State != acceptance.OK || targets.State != acceptance.Failed || r.Count(acceptance.Failed) != 1 {
			t.Errorf("exit code %d: %s", code, out)
		}
	})
}
