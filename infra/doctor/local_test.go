package doctor

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/ssm"
	ssmtypes "github.com/aws/aws-sdk-go-v2/service/ssm/types"

	"sso-elevator/infra/local/localtest"
	"sso-elevator/infra/local/organization"
	"sso-elevator/infra/settings"
	"sso-elevator/slack"
	"sso-elevator/slack/simulator"
)

var local *localtest.Stack

func TestMain(m *testing.M) {
	var err error
	if local, err = localtest.Start(); err != nil {
		log.Fatal(err)
	}
	code := m.Run()
	local.Stop()
	os.Exit(code)
}

const (
	localToken   = "xoxb-1-on-this-machine"
	localSigning = "0123456789abcdef0123456789abcdef"
)

// startSlack starts the demo's workspace, with the given scopes.
func startSlack(t *testing.T, scopes []string) (apiURL string) {
	t.Helper()
	var people []simulator.Person
	for _, name := range []string{"bob", "carol", "dave", "erin", "frank", "grace"} {
		people = append(people, simulator.Person{SlackID: "U0" + strings.ToUpper(name), Name: name, Email: name + "@example.com", InChannel: true, Guest: name == "dave"})
	}
	workspace := simulator.New(simulator.Config{
		TeamID: "T0EXAMPLE1", AppID: "A0ELEVATOR", ChannelID: "C0ACCESS01", BotToken: localToken, SigningSecret: localSigning, People: people, Scopes: scopes,
	})
	server := httptest.NewServer(workspace.API())
	t.Cleanup(server.Close)
	return server.URL + "/api/"
}

// readOnly counts the calls that write.
type readOnly struct{ writes *atomic.Int64 }

func (c readOnly) Do(r *http.Request) (*http.Response, error) {
	_, operation, _ := strings.Cut(r.Header.Get("X-Amz-Target"), ".")
	reads := strings.HasPrefix(operation, "List") || strings.HasPrefix(operation, "Describe") || strings.HasPrefix(operation, "Get")
	// A request without a target has the operation in a form, or is REST, or STS,
	// which has only one call.
	if form := r.Header.Get("Content-Type"); strings.HasPrefix(form, "application/x-www-form-urlencoded") {
		text, err := io.ReadAll(r.Body)
		if err != nil {
			return nil, err
		}
		r.Body = io.NopCloser(bytes.NewReader(text))
		reads = strings.Contains(string(text), "Action=Describe") || strings.Contains(string(text), "Action=List") || strings.Contains(string(text), "Action=Get")
	} else if operation == "" {
		reads = r.Method == http.MethodGet || r.Method == http.MethodHead || strings.Contains(r.Header.Get("Authorization"), "/sts/")
	}
	if !reads {
		c.writes.Add(1)
	}
	return http.DefaultClient.Do(r)
}

// TestOnLocalStack runs the demo's settings on the local stack's AWS: first
// unprepared, then ready, then with another management account.
func TestOnLocalStack(t *testing.T) {
	o, err := organization.Load("../local/demo/organization.yaml")
	if err != nil {
		t.Fatal(err)
	}
	ids, err := o.Seed(t.Context(), local.AWS())
	if err != nil {
		t.Fatal(err)
	}
	const config = "../local/demo/elevator.yaml"
	api := startSlack(t, slack.BotScopes)
	var writes atomic.Int64
	look := func(config, api string, wantCode int) map[string][]finding {
		t.Helper()
		var stdout, stderr bytes.Buffer
		code := run(t, []string{"-json", "-config", config, "-slack-api", api}, &stdout, &stderr, func(ctx context.Context, s *settings.Settings, slackAPI string) (*doctor, error) {
			cfg := local.AWS()
			cfg.HTTPClient = readOnly{&writes}
			return connectTo(ctx, cfg, s, slackAPI)
		})
		var r report
		if err := json.Unmarshal(stdout.Bytes(), &r); err != nil {
			t.Fatalf("%v: %s%s", err, stdout.String(), stderr.String())
		}
		if code != wantCode || r.Ready != (wantCode == 0) || r.Account != localtest.AccountID || r.Region != localtest.Region {
			t.Errorf("code %d, want %d: %s", code, wantCode, stdout.String())
		}
		for _, secret := range []string{localToken, localSigning} {
			if strings.Contains(stdout.String()+stderr.String(), secret) {
				t.Error("a secret is in the answer")
			}
		}
		by := map[string][]finding{}
		for _, f := range r.Findings {
			by[f.Check] = append(by[f.Check], f)
		}
		return by
	}
	// states returns one word for each check whose result is not only "ready".
	states := func(by map[string][]finding) string {
		var all []string
		for check, findings := range by {
			for _, f := range findings {
				if f.Status != ready {
					all = append(all, check+": "+string(f.Status))
				}
			}
		}
		slices.Sort(all)
		return strings.Join(all, "\n")
	}
	expect := func(by map[string][]finding, want ...string) {
		t.Helper()
		if got := states(by); got != strings.Join(want, "\n") {
			t.Errorf("got\n%s\nwant\n%s", got, strings.Join(want, "\n"))
		}
	}

	expect(look(config, api, 1),
		"Approvers, Identity Center: warning", // Zoe is in neither system
		"Approvers, Slack: not checked",
		"CDK bootstrap: missing",
		"Organization: warning",
		"Slack app: not checked",
		"Slack bot token: missing",
		"Slack channel: not checked",
		"Slack scopes: not checked",
		"Slack signing secret: missing",
		"Statements: not checked",
		"The system's own account: warning",
	)

	params := ssm.NewFromConfig(local.AWS())
	put := func(name, value string, kind ssmtypes.ParameterType) {
		t.Helper()
		if _, err := params.PutParameter(t.Context(), &ssm.PutParameterInput{Name: &name, Value: &value, Type: kind, Overwrite: aws.Bool(true)}); err != nil {
			t.Fatal(err)
		}
	}
	put("/sso-elevator/slack-bot-token", localToken, ssmtypes.ParameterTypeSecureString)
	put("/sso-elevator/slack-signing-secret", localSigning, ssmtypes.ParameterTypeSecureString)
	put(bootstrapParameter, "28", ssmtypes.ParameterTypeString)

	by := look(config, api, 1)
	expect(by, "Approvers, Identity Center: warning", "Approvers, Slack: warning", "Organization: warning", "Statements: missing", "The system's own account: warning")
	// Dave is a guest, and the only approver of one statement.
	same(t, by["Statements"], nil, "missing: nobody can approve in these statements: config[5] (dave@example.com)")
	same(t, by["Approvers, Slack"], nil, "warning: these approvers can't approve, because they aren't full members in Slack with a confirmed email: dave@example.com (a guest); zoe@example.com (unknown or deactivated)")
	same(t, by["Slack app"], nil, "ready: app A0ELEVATOR in workspace T0EXAMPLE1 (Example Corp)")
	same(t, by["Lambda concurrency"], nil, "ready: 1000 concurrent executions are free in us-east-1")

	// With the intended settings, only items for information are left.
	text, err := os.ReadFile(config)
	if err != nil {
		t.Fatal(err)
	}
	mended := filepath.Join(t.TempDir(), "elevator.yaml")
	if err := os.WriteFile(mended, bytes.ReplaceAll(text, []byte("dave@example.com"), []byte("erin@example.com")), 0o600); err != nil {
		t.Fatal(err)
	}
	expect(look(mended, api, 0), "Approvers, Identity Center: warning", "Approvers, Slack: warning", "Organization: warning", "The system's own account: warning")

	expect(look(mended, startSlack(t, slack.BotScopes[1:]), 1), "Approvers, Identity Center: warning", "Approvers, Slack: warning", "Organization: warning", "Slack scopes: missing", "The system's own account: warning")

	// From a delegated administrator account, the doctor can't see what is used in the
	// management account.
	if err := local.Assign(t.Context(), ids.InstanceARN, ids.Accounts["network"], ids.PermissionSets["SupportAccess"], ids.People["bob@example.com"]); err != nil {
		t.Fatal(err)
	}
	local.Gateway.SetManagementAccount(ids.Accounts["network"])
	defer local.Gateway.SetManagementAccount("")
	by = look(mended, api, 1)
	expect(by, "Approvers, Identity Center: warning", "Approvers, Slack: warning", "Assignable permission sets: missing", "The management account: warning", "The system's own account: warning")
	same(t, by["Assignable permission sets"], nil, "missing: these are in use in the management account, so AWS refuses assignments of them from this account: SupportAccess (config[6].PermissionSet)")
	if found := by["Organization"][0]; found.Status != ready || !strings.Contains(found.Found, "delegated administrator") {
		t.Errorf("organization: %+v", found)
	}
	if n := writes.Load(); n != 0 {
		t.Errorf("%d calls that write", n)
	}
}

func demoSettings(t *testing.T) *settings.Settings {
	t.Helper()
	s, err := settings.Load("../local/demo/elevator.yaml")
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// TestConnect checks that a problem with credentials or the region is reported in one
// line.
func TestConnect(t *testing.T) {
	none := local.AWS()
	none.Region = ""
	empty := local.AWS()
	empty.Credentials = credentials.NewStaticCredentialsProvider("", "", "")
	refusing := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.WriteHeader(http.StatusForbidden)
		w.Write([]byte(`<ErrorResponse><Error><Code>ExpiredToken</Code><Message>The security token included in the request is expired</Message></Error></ErrorResponse>`))
	}))
	expired := local.AWS()
	expired.BaseEndpoint = &refusing.URL
	gone := local.AWS()
	gone.BaseEndpoint = aws.String("http://127.0.0.1:1")
	defer refusing.Close()
	tests := []struct {
		name string
		cfg  aws.Config
		want string // begins
	}{
		{"no region", none, "No AWS region is set. Set AWS_REGION"},
		{"no credentials", empty, "No usable AWS credentials were found. Sign in"},
		{"expired", expired, "AWS rejected the credentials (ExpiredToken). Sign in"},
		{"out of reach", gone, "Can't reach AWS in us-east-1: "},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			_, err := connectTo(t.Context(), test.cfg, &settings.Settings{}, slack.DefaultAPIURL)
			if err == nil || !strings.HasPrefix(err.Error(), test.want) || strings.Contains(err.Error(), "\n") {
				t.Errorf("error %v, want %q", err, test.want)
			}
		})
	}
}
