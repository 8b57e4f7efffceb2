package main

import (
	"bytes"
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"net"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cloudformation/types"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	dynamotypes "github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
	"github.com/aws/aws-sdk-go-v2/service/s3"

	"sso-elevator/infra/build"
	"sso-elevator/infra/local/process"
	"sso-elevator/infra/settings"
)

// leftOut lists everything in the template that ministack doesn't accept or treats
// differently, and why. Nothing else changes before the deployment.
var leftOut = []struct {
	what, why string
	applies   func(r map[string]any) bool
	change    func(r map[string]any) (keep bool)
}{
	{"AWS::Athena::NamedQuery", "ministack has no such type", ofType("AWS::Athena::NamedQuery"),
		func(map[string]any) bool { return false }},
	{"alarms of several metrics: Throttled, WarnMissing, RevokeMissing", "ministack's alarms have one metric; they are made with one that nobody counts",
		isMath, func(r map[string]any) bool {
			p := r["Properties"].(map[string]any)
			delete(p, "Metrics")
			p["Namespace"], p["MetricName"], p["Period"], p["Statistic"] = "None", "None", 3600, "Sum"
			return true
		}},
	{"the State of AWS::Scheduler::Schedule: DISABLED", "ministack invokes the functions while a stack is deleted, and creates their log groups again",
		ofType("AWS::Scheduler::Schedule"), func(r map[string]any) bool {
			r["Properties"].(map[string]any)["State"] = "DISABLED"
			return true
		}},
}

// leftOutNames are the resources that leftOut applies to, so that the list doesn't
// grow unnoticed.
var leftOutNames = []string{
	"AWS::Athena::NamedQuery", "AWS::CloudWatch::Alarm RevokeMissing", "AWS::CloudWatch::Alarm Throttled", "AWS::CloudWatch::Alarm WarnMissing",
	"AWS::Scheduler::Schedule",
}

func ofType(kind string) func(map[string]any) bool {
	return func(r map[string]any) bool { return r["Type"] == kind }
}

func isMath(r map[string]any) bool {
	p, _ := r["Properties"].(map[string]any)
	return r["Type"] == "AWS::CloudWatch::Alarm" && p["Metrics"] != nil
}

// With these variables, the test binary runs as the app that the CDK CLI starts. It is
// the real app; only its template is changed as leftOut says.
const (
	appVariable    = "DEPLOY_TEST_APP"    // the real app's program
	brokenVariable = "DEPLOY_TEST_BROKEN" // an alarm in leftOut that stays unchanged, so ministack rejects it
	seenVariable   = "DEPLOY_TEST_SEEN"   // file that lists what leftOut applied to
)

func TestMain(m *testing.M) {
	if app := os.Getenv(appVariable); app != "" {
		if err := beApp(app); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		os.Exit(0)
	}
	os.Exit(m.Run())
}

func beApp(app string) error {
	made, err := synthesized(app)
	if err != nil {
		return err
	}
	// The folder may be left from the previous deployment.
	out := os.Getenv("CDK_OUTDIR")
	entries, err := os.ReadDir(made)
	if err != nil {
		return err
	}
	for _, entry := range entries {
		if err := os.RemoveAll(filepath.Join(out, entry.Name())); err != nil {
			return err
		}
	}
	if err := os.CopyFS(out, os.DirFS(made)); err != nil {
		return err
	}
	path := filepath.Join(out, "sso-elevator.template.json")
	text, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	var template map[string]any
	if err := json.Unmarshal(text, &template); err != nil {
		return err
	}
	resources := template["Resources"].(map[string]any)
	seen := map[string]bool{}
	for _, l := range leftOut {
		for id, r := range resources {
			r := r.(map[string]any)
			if !l.applies(r) {
				continue
			}
			name := r["Type"].(string)
			if alarm, ok := r["Properties"].(map[string]any)["AlarmName"].(string); ok {
				name += " " + strings.TrimPrefix(alarm, "sso-elevator-")
			}
			seen[name] = true
			if broken := os.Getenv(brokenVariable); broken != "" && strings.HasSuffix(name, " "+broken) {
				continue
			}
			if !l.change(r) {
				delete(resources, id)
			}
		}
	}
	if err := os.WriteFile(os.Getenv(seenVariable), []byte(strings.Join(slices.Sorted(maps.Keys(seen)), "\n")), 0o600); err != nil {
		return err
	}
	changed, err := json.Marshal(template)
	if err != nil {
		return err
	}
	if err := os.WriteFile(path, changed, 0o600); err != nil {
		return err
	}
	// The template is uploaded under its hash.
	before, after := sha256.Sum256(text), sha256.Sum256(changed)
	for _, file := range []string{"manifest.json", "sso-elevator.assets.json"} {
		file = filepath.Join(out, file)
		content, err := os.ReadFile(file)
		if err != nil {
			return err
		}
		renamed := bytes.ReplaceAll(content, []byte(hex.EncodeToString(before[:])), []byte(hex.EncodeToString(after[:])))
		if bytes.Equal(renamed, content) {
			return fmt.Errorf("%s does not name the template", file)
		}
		if err := os.WriteFile(file, renamed, 0o600); err != nil {
			return err
		}
	}
	return nil
}

// synthesized is the folder that the app fills, once per context and settings.
func synthesized(app string) (string, error) {
	var keys struct{ Config, Architecture, First string }
	if err := json.Unmarshal([]byte(os.Getenv("CDK_CONTEXT_JSON")), &keys); err != nil {
		return "", err
	}
	config, err := os.ReadFile(keys.Config)
	if err != nil {
		return "", err
	}
	sum := sha256.Sum256(fmt.Appendf(nil, "%q %s", keys, config))
	folder := filepath.Join(filepath.Dir(app), "synthesized-"+hex.EncodeToString(sum[:]))
	if _, err := os.Stat(folder); err == nil {
		return folder, nil
	}
	cmd := exec.Command(app)
	cmd.Env = append(os.Environ(), "CDK_OUTDIR="+folder)
	cmd.Stdout, cmd.Stderr = os.Stdout, os.Stderr
	return folder, cmd.Run()
}

const (
	ministackRegion  = "eu-central-1"
	ministackAccount = "000000000000"
	recordsBucket    = "elevator-test-records"
	catalogBucket    = "elevator-test-catalog"
	signingSecret    = "0123456789abcdef0123456789abcdef"
)

// world is ministack, and what the test deploys to it.
type world struct {
	t      *testing.T
	root   string
	folder string
	port   string
	config string       // file with the settings
	said   bytes.Buffer // written by the CDK and by deploy since the last step began
}

// step does one thing and logs how long it took. It fails unless the result is the
// expected one.
func (w *world) step(name string, wantErr string, do func() error) {
	w.t.Helper()
	w.said.Reset()
	began := time.Now()
	err := do()
	w.t.Logf("%s: %s", name, time.Since(began).Round(time.Second/10))
	switch {
	case wantErr == "" && err != nil:
		w.t.Fatalf("%s: %v\n%s", name, err, w.said.String())
	case wantErr != "" && err == nil:
		w.t.Fatalf("%s succeeded\n%s", name, w.said.String())
	case wantErr != "" && !strings.Contains(err.Error(), wantErr):
		w.t.Fatalf("%s: %v, want %q\n%s", name, err, wantErr, w.said.String())
	}
}

// program is the deployment as the command creates it.
func (w *world) program(arguments ...string) *deployment {
	w.t.Helper()
	s, err := settings.Load(w.config)
	if err != nil {
		w.t.Fatal(err)
	}
	d, err := connect(w.t.Context(), s)
	if err != nil {
		w.t.Fatal(err)
	}
	d.out, d.settleTime = &w.said, 0
	d.cdk = commandLine(ministackRegion, nil, &w.said, &w.said)
	d.arguments = append(w.arguments(), arguments...)
	return d
}

func (w *world) arguments() []string {
	architecture := map[string]string{"amd64": "x86_64", "arm64": "arm64"}[runtime.GOARCH]
	self, err := os.Executable()
	if err != nil {
		w.t.Fatal(err)
	}
	return []string{"--no-notices", "--progress", "events", "--app", self, "--output", filepath.Join(w.t.TempDir(), "cdk.out"),
		"--context", "config=" + w.config, "--context", "architecture=" + architecture}
}

// aws returns the output of an AWS CLI command.
func (w *world) aws(args ...string) []string {
	w.t.Helper()
	cmd := exec.Command(filepath.Join(w.root, ".venv", "bin", "aws"), append(args, "--output", "text", "--endpoint-url", os.Getenv("AWS_ENDPOINT_URL"))...)
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		w.t.Fatalf("aws %s: %v\n%s", strings.Join(args, " "), err, &stderr)
	}
	fields := strings.Fields(string(out))
	slices.Sort(fields)
	return slices.DeleteFunc(fields, func(field string) bool { return field == "None" })
}

// stack is the stack as ministack describes it.
func (w *world) stack() *types.Stack {
	w.t.Helper()
	stack, err := w.program().findStack(w.t.Context())
	if err != nil {
		w.t.Fatal(err)
	}
	return stack
}

func (w *world) wantStack(status types.StackStatus, protected bool) {
	w.t.Helper()
	stack := w.stack()
	if stack == nil {
		w.t.Fatalf("there is no stack, want %s\n%s", status, w.said.String())
	}
	if stack.StackStatus != status || aws.ToBool(stack.EnableTerminationProtection) != protected {
		w.t.Fatalf("the stack is %s (%s), protected: %t; want %s, %t\n%s", stack.StackStatus, aws.ToString(stack.StackStatusReason), aws.ToBool(stack.EnableTerminationProtection), status, protected, w.said.String())
	}
}

func (w *world) wantSaid(texts ...string) {
	w.t.Helper()
	for _, text := range texts {
		if !strings.Contains(w.said.String(), text) {
			w.t.Errorf("it does not say %q:\n%s", text, w.said.String())
		}
	}
}

// tables lists the tables, each with whether it is protected.
func (w *world) tables() map[string]bool {
	w.t.Helper()
	client := w.program().tables
	names, err := client.ListTables(w.t.Context(), &dynamodb.ListTablesInput{})
	if err != nil {
		w.t.Fatal(err)
	}
	all := map[string]bool{}
	for _, name := range names.TableNames {
		out, err := client.DescribeTable(w.t.Context(), &dynamodb.DescribeTableInput{TableName: &name})
		if err != nil {
			w.t.Fatal(err)
		}
		all[name] = aws.ToBool(out.Table.DeletionProtectionEnabled)
	}
	return all
}

func (w *world) wantBuckets(want ...string) {
	w.t.Helper()
	got := slices.DeleteFunc(w.aws("s3api", "list-buckets", "--query", "Buckets[].Name"), func(name string) bool { return strings.HasPrefix(name, "cdk-") })
	if !slices.Equal(got, want) {
		w.t.Errorf("there are the buckets %q, want %q", got, want)
	}
}

func (w *world) alarms() []string {
	return w.aws("cloudwatch", "describe-alarms", "--query", "MetricAlarms[].AlarmName")
}

// settings writes the settings, with additional lines.
func (w *world) settings(lines ...string) {
	w.t.Helper()
	text := append([]string{
		"name_prefix: sso-elevator",
		"slack_bot_token: /sso-elevator/slack-bot-token",
		"slack_signing_secret: secretsmanager:sso-elevator/slack-signing-secret",
		"slack_channel_id: C0123456789", "slack_team_id: T0123456789", "slack_app_id: A0123456789",
		"aws_sns_topic_subscription_email: platform@example.com",
		"config_bucket_name: " + catalogBucket,
	}, lines...)
	if err := os.WriteFile(w.config, []byte(strings.Join(text, "\n")+"\n"), 0o600); err != nil {
		w.t.Fatal(err)
	}
}

const made = "s3_bucket_name_for_audit_entry: " + recordsBucket

func policyOf(approver string) string {
	return "config:\n  - {ResourceType: Account, Resource: \"111111111111\", PermissionSet: ReadOnly, Approvers: " + approver + "}"
}

// inForce is the policy that the functions read.
func (w *world) inForce() string {
	w.t.Helper()
	var pointer struct{ Bucket, Key, SHA256 string }
	value := strings.Join(w.aws("ssm", "get-parameter", "--name", "/sso-elevator/policy", "--query", "Parameter.Value"), "")
	if err := json.Unmarshal([]byte(value), &pointer); err != nil {
		w.t.Fatalf("%v in %s", err, value)
	}
	out, err := w.program().buckets.GetObject(w.t.Context(), &s3.GetObjectInput{Bucket: &pointer.Bucket, Key: &pointer.Key})
	if err != nil {
		w.t.Fatal(err)
	}
	defer out.Body.Close()
	text, err := io.ReadAll(out.Body)
	if err != nil {
		w.t.Fatal(err)
	}
	if sum := sha256.Sum256(text); hex.EncodeToString(sum[:]) != pointer.SHA256 {
		w.t.Errorf("the policy in force has another checksum than the pointer says")
	}
	return string(text)
}

// post calls the deployed URL as Slack does; a secret of "" leaves the signature
// out. ministack finds an API by its host name.
func (w *world) post(secret string) int {
	w.t.Helper()
	address := ""
	for _, output := range w.stack().Outputs {
		if aws.ToString(output.OutputKey) == "SlackRequestURL" {
			address = aws.ToString(output.OutputValue)
		}
	}
	at, err := url.Parse(address)
	if err != nil || at.Host == "" || at.Path != "/slack" {
		w.t.Fatalf("the output SlackRequestURL is %q", address)
	}
	const body = "ssl_check=1&token=legacy"
	r, err := http.NewRequestWithContext(w.t.Context(), http.MethodPost, "http://127.0.0.1:"+w.port+at.Path, strings.NewReader(body))
	if err != nil {
		w.t.Fatal(err)
	}
	r.Host = at.Host
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	if secret != "" {
		timestamp := strconv.FormatInt(time.Now().Unix(), 10)
		mac := hmac.New(sha256.New, []byte(secret))
		mac.Write([]byte("v0:" + timestamp + ":" + body))
		r.Header.Set("X-Slack-Request-Timestamp", timestamp)
		r.Header.Set("X-Slack-Signature", "v0="+hex.EncodeToString(mac.Sum(nil)))
	}
	response, err := http.DefaultClient.Do(r)
	if err != nil {
		w.t.Fatal(err)
	}
	response.Body.Close()
	return response.StatusCode
}

// TestMinistack deploys the synthesized template with the CDK's own command line
// to ministack, a CloudFormation that shares no code with moto's: the first time
// with a name taken, again, for good, with another policy, with one that fails;
// and deletes it. docs/internals/local.md says what that shows, and what not.
func TestMinistack(t *testing.T) {
	w := newWorld(t)
	ctx := t.Context()
	w.settings(made, policyOf("one@example.com"))

	w.step("bootstrap", "", func() error {
		return w.program().cdk(ctx, "bootstrap", "--no-notices", "aws://"+ministackAccount+"/"+ministackRegion)
	})

	// An alarm that can't be made, which comes after the functions, and so after
	// the table and the buckets. Without make, the CDK protects the stack before it
	// is created.
	t.Setenv(brokenVariable, "Throttled")
	approved := []string{"--require-approval", "never"}
	bare := func(more ...string) error {
		return w.program().cdk(ctx, slices.Concat([]string{"deploy"}, approved, w.arguments(), more)...)
	}
	w.step("the bare CDK fails midway and leaves everything", "exit status", func() error { return bare("--no-rollback") })
	w.wantStack(types.StackStatusCreateFailed, true)
	if tables := w.tables(); len(tables) != 1 || !tables[slices.Collect(maps.Keys(tables))[0]] {
		t.Errorf("the failure left the tables %v, want a protected one", tables)
	}
	w.wantBuckets(catalogBucket, recordsBucket)
	if _, err := w.program().buckets.PutObject(ctx, &s3.PutObjectInput{Bucket: aws.String(catalogBucket), Key: aws.String("catalog.json.gz"), Body: strings.NewReader("x")}); err != nil {
		t.Fatal(err) // as the schedule does, which begins at once
	}
	// A table with a request was in use, whatever the stack's status is.
	request := map[string]dynamotypes.AttributeValue{"pk": &dynamotypes.AttributeValueMemberS{Value: "request#1"}}
	failed := slices.Collect(maps.Keys(w.tables()))[0]
	if _, err := w.program().tables.PutItem(ctx, &dynamodb.PutItemInput{TableName: &failed, Item: request}); err != nil {
		t.Fatal(err)
	}
	w.step("deploy touches no table with requests", "The table "+failed+" has requests in it", func() error { return w.program(approved...).deploy(ctx) })
	w.wantStack(types.StackStatusCreateFailed, true)
	if got := w.tables(); !maps.Equal(got, map[string]bool{failed: true}) {
		t.Errorf("there are the tables %v, want %s, protected", got, failed)
	}
	w.wantBuckets(catalogBucket, recordsBucket)
	if _, err := w.program().tables.DeleteItem(ctx, &dynamodb.DeleteItemInput{TableName: &failed, Key: request}); err != nil {
		t.Fatal(err)
	}
	w.step("deploy removes that, and fails midway", "The first deployment failed", func() error { return w.program(approved...).deploy(ctx) })
	w.wantSaid("The first deployment of the stack sso-elevator was never completed (CREATE_FAILED)")
	wantNothing := func(protected bool) {
		t.Helper()
		w.wantStack(types.StackStatusRollbackComplete, protected)
		if tables := w.tables(); len(tables) != 0 {
			t.Errorf("the failure left the tables %v", tables)
		}
		w.wantBuckets()
	}
	wantNothing(false)
	w.step("the bare CDK fails midway", "exit status", func() error { return bare() })
	wantNothing(true)
	w.step("the bare CDK can't try again", "exit status", func() error { return bare() })
	w.wantSaid("cannot be deleted while TerminationProtection is enabled")

	t.Setenv(brokenVariable, "")
	w.step("deploy tries again", "", func() error { return w.program(approved...).deploy(ctx) })
	w.wantSaid("The first deployment of the stack sso-elevator was never completed (ROLLBACK_COMPLETE)", "turn on deletion protection", "Confirm the email from Amazon SNS to platform@example.com", "/access")
	// ministack has no Identity Center, so the function can't list accounts. deploy
	// invokes the function and prints its response.
	w.wantSaid("Refreshing the catalog of accounts, permission sets and groups.\nThe refresh failed: find Identity Center instance: ")
	w.wantStack(types.StackStatusUpdateComplete, true)
	tables := w.tables()
	if !maps.Equal(tables, map[string]bool{slices.Collect(maps.Keys(tables))[0]: true}) {
		t.Errorf("there are the tables %v, want one, protected", tables)
	}
	table := slices.Collect(maps.Keys(tables))[0]
	w.wantBuckets(catalogBucket, recordsBucket)
	for _, name := range []string{"CatalogOld", "RecheckMissing", "SweepMissing"} {
		if !slices.Contains(w.alarms(), "sso-elevator-"+name) {
			t.Errorf("there is no alarm %s", name)
		}
	}
	seen, err := os.ReadFile(os.Getenv(seenVariable))
	if err != nil {
		t.Fatal(err)
	}
	if got := strings.Split(string(seen), "\n"); !slices.Equal(got, leftOutNames) {
		t.Errorf("left out are\n%q, want\n%q", got, leftOutNames)
	}

	// The real function responds.
	if got := w.post(""); got != http.StatusUnauthorized {
		t.Errorf("a request without a signature is answered by %d", got)
	}
	if got := w.post("another secret"); got != http.StatusUnauthorized {
		t.Errorf("a request with a wrong signature is answered by %d", got)
	}
	if got := w.post(signingSecret); got != http.StatusOK {
		t.Errorf("a signed request is answered by %d", got)
	}

	// The table's and the bucket's contents survive everything.
	row := map[string]dynamotypes.AttributeValue{"pk": &dynamotypes.AttributeValueMemberS{Value: "request#1"}}
	if _, err := w.program().tables.PutItem(ctx, &dynamodb.PutItemInput{TableName: &table, Item: row}); err != nil {
		t.Fatal(err)
	}
	record := aws.String("logs/2026/01/01/x.json")
	if _, err := w.program().buckets.PutObject(ctx, &s3.PutObjectInput{Bucket: aws.String(recordsBucket), Key: record, Body: strings.NewReader("{}")}); err != nil {
		t.Fatal(err)
	}
	wantKept := func() {
		t.Helper()
		if got := w.tables(); !maps.Equal(got, map[string]bool{table: true}) {
			t.Errorf("there are the tables %v, want %s, protected", got, table)
		}
		out, err := w.program().tables.GetItem(ctx, &dynamodb.GetItemInput{TableName: &table, Key: row})
		if err != nil || out.Item == nil {
			t.Errorf("the row is %v, %v", out, err)
		}
		if _, err := w.program().buckets.HeadObject(ctx, &s3.HeadObjectInput{Bucket: aws.String(recordsBucket), Key: record}); err != nil {
			t.Errorf("the record: %v", err)
		}
	}

	w.settings(made, policyOf("two@example.com"))
	t.Setenv(brokenVariable, "Throttled")
	w.step("an update that fails is rolled back", "The deployment failed", func() error { return w.program(approved...).deploy(ctx) })
	t.Setenv(brokenVariable, "")
	w.wantStack(types.StackStatusUpdateRollbackComplete, true)
	if got := w.inForce(); !strings.Contains(got, "one@example.com") {
		t.Errorf("after the rollback in force is %s", got)
	}
	if got := w.post(signingSecret); got != http.StatusOK {
		t.Errorf("after the rollback a signed request is answered by %d", got)
	}
	wantKept()
	w.step("the next one, with another policy, succeeds", "", func() error { return w.program(approved...).deploy(ctx) })
	w.wantSaid("What the new policy changes:\nWider:\n", "for ReadOnly in 111111111111 need approval by two@example.com (until now by one@example.com)", "The new policy is wider: ")
	w.wantStack(types.StackStatusUpdateComplete, true)
	if got := w.inForce(); !strings.Contains(got, "two@example.com") {
		t.Errorf("in force is %s", got)
	}
	wantKept()

	w.step("destroy", "", func() error { return w.program("--force").destroy(ctx) })
	if stack := w.stack(); stack != nil {
		t.Errorf("the stack is %s", stack.StackStatus)
	}
	w.wantSaid("table   "+table, "bucket  "+recordsBucket, "bucket  "+catalogBucket)
	wantKept()
	w.wantBuckets(catalogBucket, recordsBucket)
	for _, left := range []struct {
		what  string
		found []string
		want  []string
	}{
		{"functions", w.aws("lambda", "list-functions", "--query", "Functions[].FunctionName"), nil},
		{"machines", w.aws("stepfunctions", "list-state-machines", "--query", "stateMachines[].name"), nil},
		{"APIs", w.aws("apigatewayv2", "get-apis", "--query", "Items[].Name"), nil},
		{"alarms", w.alarms(), nil},
		{"schedules", w.aws("scheduler", "list-schedules", "--query", "Schedules[].Name"), nil},
		{"queues", w.aws("sqs", "list-queues", "--query", "QueueUrls"), nil},
		{"topics", w.aws("sns", "list-topics", "--query", "Topics[].TopicArn"), nil},
		{"log groups", w.aws("logs", "describe-log-groups", "--query", "logGroups[].logGroupName"), nil},
		{"roles", slices.DeleteFunc(w.aws("iam", "list-roles", "--query", "Roles[].RoleName"), func(name string) bool { return strings.HasPrefix(name, "cdk-") }), nil},
		{"parameters", w.aws("ssm", "describe-parameters", "--query", "Parameters[].Name"), []string{"/cdk-bootstrap/hnb659fds/version", "/sso-elevator/slack-bot-token"}},
		{"secrets", w.aws("secretsmanager", "list-secrets", "--query", "SecretList[].Name"), []string{"sso-elevator/slack-signing-secret"}},
	} {
		if len(left.found)+len(left.want) > 0 && !slices.Equal(left.found, left.want) {
			t.Errorf("destroy leaves the %s %q, want %q", left.what, left.found, left.want)
		}
	}

	// This follows docs/guides/remove.md: delete the leftovers, then deploy once more
	// with the old records. (ministack would give a new table the old one's name.)
	w.aws("dynamodb", "update-table", "--no-deletion-protection-enabled", "--table-name", table)
	w.aws("dynamodb", "delete-table", "--table-name", table)
	w.aws("s3", "rb", "--force", "s3://"+catalogBucket)
	w.settings("s3_name_of_the_existing_bucket: "+recordsBucket, policyOf("three@example.com"))
	w.step("once more, with the bucket that is there", "", func() error { return w.program(approved...).deploy(ctx) })
	w.wantStack(types.StackStatusUpdateComplete, true)
	if tables := slices.Collect(maps.Values(w.tables())); !slices.Equal(tables, []bool{true}) {
		t.Errorf("of the tables are protected: %v, want one", tables)
	}
	w.wantBuckets(catalogBucket, recordsBucket)
	if _, err := w.program().buckets.HeadObject(ctx, &s3.HeadObjectInput{Bucket: aws.String(recordsBucket), Key: record}); err != nil {
		t.Errorf("the record: %v", err)
	}
}

// newWorld starts ministack with the secrets that the system's owner stores there, and
// points the environment at it.
func newWorld(t *testing.T) *world {
	t.Helper()
	root, err := build.Root()
	if err != nil {
		t.Fatal(err)
	}
	w := &world{t: t, root: root, folder: t.TempDir()}
	w.config = filepath.Join(w.folder, "elevator.yaml")
	program := filepath.Join(root, ".venv", "bin", "ministack")
	for _, need := range []string{program, filepath.Join(root, cdkProgram)} {
		if _, err := os.Stat(need); err != nil {
			t.Fatalf("%v: make tools installs it", err)
		}
	}
	app := filepath.Join(w.folder, "infra")
	if out, err := exec.Command("go", "build", "-o", app, "sso-elevator/infra").CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}

	for _, variable := range os.Environ() {
		if name, _, _ := strings.Cut(variable, "="); strings.HasPrefix(name, "AWS_") {
			t.Setenv(name, "")
			os.Unsetenv(name)
		}
	}
	for name, value := range map[string]string{
		"AWS_REGION": ministackRegion, "AWS_DEFAULT_REGION": ministackRegion,
		"AWS_ACCESS_KEY_ID": "test", "AWS_SECRET_ACCESS_KEY": "test", "AWS_EC2_METADATA_DISABLED": "true",
		"AWS_CONFIG_FILE": filepath.Join(w.folder, "none"), "AWS_SHARED_CREDENTIALS_FILE": filepath.Join(w.folder, "none"),
		"CDK_DISABLE_CLI_TELEMETRY": "true", "JSII_SILENCE_WARNING_END_OF_LIFE_NODE_VERSION": "18,20,22,24",
		appVariable: app, brokenVariable: "", seenVariable: filepath.Join(w.folder, "seen"),
	} {
		t.Setenv(name, value)
	}
	for range 3 { // another program may take the port first
		if w.start(program) {
			break
		}
	}
	if w.port == "" {
		t.Fatal("ministack found no free port")
	}
	t.Chdir(root)

	w.aws("ssm", "put-parameter", "--type", "SecureString", "--name", "/sso-elevator/slack-bot-token", "--value", "xoxb-test")
	w.aws("secretsmanager", "create-secret", "--name", "sso-elevator/slack-signing-secret", "--secret-string", signingSecret)
	return w
}

// start starts ministack, and waits until it responds. It returns false if another
// program has taken its port.
func (w *world) start(program string) bool {
	t := w.t
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	_, port, _ := net.SplitHostPort(listener.Addr().String())
	listener.Close()
	endpoint := "http://127.0.0.1:" + port
	t.Setenv("AWS_ENDPOINT_URL", endpoint)
	t.Setenv("AWS_ENDPOINT_URL_S3", endpoint)

	var log bytes.Buffer
	cmd := exec.Command(program)
	cmd.Dir, cmd.Stdout, cmd.Stderr = w.folder, &log, &log
	cmd.Env = append(os.Environ(), "BIND_HOST=127.0.0.1", "GATEWAY_PORT="+port, "TMPDIR="+w.folder, "S3_DATA_DIR="+filepath.Join(w.folder, "s3"), "LOG_LEVEL=WARNING")
	server, err := process.Start(cmd)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	go func() {
		select {
		case <-server.Done():
			cancel()
		case <-ctx.Done():
		}
	}()
	err = until(ctx, time.Minute, func() error {
		response, err := http.Get(endpoint + "/_ministack/health")
		if err != nil {
			return err
		}
		defer response.Body.Close()
		if response.StatusCode != http.StatusOK {
			return errors.New(response.Status)
		}
		return nil
	})
	if err != nil {
		server.Stop(5 * time.Second)
		if strings.Contains(log.String(), "already in use") {
			return false
		}
		t.Fatalf("ministack: %v\n%s", err, log.String())
	}
	t.Cleanup(func() {
		server.Stop(5 * time.Second)
		if t.Failed() {
			text := log.String()
			t.Logf("ministack said:\n%s", text[max(0, len(text)-20_000):])
		}
	})
	w.port = port
	return true
}

// until repeats it until there is no error.
func until(ctx context.Context, limit time.Duration, do func() error) error {
	end := time.Now().Add(limit)
	for {
		err := do()
		if err == nil || time.Now().After(end) {
			return err
		}
		select {
		case <-ctx.Done():
			return errors.Join(err, ctx.Err())
		case <-time.After(100 * time.Millisecond):
		}
	}
}
