package main

import (
	"bytes"
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/cloudformation"
	"github.com/aws/aws-sdk-go-v2/service/lambda"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/ssm"
	"github.com/aws/aws-sdk-go-v2/service/ssoadmin"

	"sso-elevator/functions/adapters/policyinforce"
	"sso-elevator/infra/settings"
)

// fakeAWS is a CloudFormation with one stack of this status ("" for none), and a
// Lambda whose function responds. It notes the calls.
type fakeAWS struct {
	status, protected string
	fails             bool   // the function
	instances         int    // of Identity Center
	policy            string // in force; "" if nothing is deployed, "!" if it can't be read
	catalog           []byte // nil if there is none
	asked             []string
}

func (f *fakeAWS) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, _ := io.ReadAll(r.Body)
	form, _ := url.ParseQuery(string(body))
	switch action := form.Get("Action"); {
	case strings.HasSuffix(r.URL.Path, "/functions/sso-elevator-reconcile/configuration"):
		if f.policy == "" {
			w.Header().Set("X-Amzn-Errortype", "ResourceNotFoundException")
			w.WriteHeader(http.StatusNotFound)
			return
		}
		fmt.Fprint(w, `{"State":"Active","LastUpdateStatus":"Successful","Environment":{"Variables":{"ELEVATOR_POLICY_POINTER":"/sso-elevator/policy","ELEVATOR_CATALOG_BUCKET":"catalog"}}}`)
	case r.Header.Get("X-Amz-Target") == "SWBExternalService.ListInstances":
		all := []any{}
		for i := range f.instances {
			all = append(all, map[string]any{"InstanceArn": fmt.Sprintf("arn:i-%d", i+1), "IdentityStoreId": fmt.Sprintf("d-%d", i+1)})
		}
		json.NewEncoder(w).Encode(map[string]any{"Instances": all})
	case r.Header.Get("X-Amz-Target") == "AmazonSSM.GetParameter":
		if f.policy == "!" {
			w.WriteHeader(http.StatusBadRequest)
			fmt.Fprint(w, `{"__type":"AccessDeniedException","message":"not\nyours"}`)
			return
		}
		sum := sha256.Sum256([]byte(f.policy))
		value, _ := json.Marshal(policyinforce.Pointer{Bucket: "policies", Key: "policy.json", SHA256: hex.EncodeToString(sum[:])})
		json.NewEncoder(w).Encode(map[string]any{"Parameter": map[string]any{"Name": "/sso-elevator/policy", "Value": string(value), "LastModifiedDate": 1764000000}})
	case r.URL.Path == "/policies/policy.json":
		fmt.Fprint(w, f.policy)
	case r.URL.Path == "/catalog/catalog.json.gz":
		if r.Method == http.MethodPut {
			f.catalog = body
		} else if f.catalog == nil {
			w.WriteHeader(http.StatusNotFound)
			fmt.Fprint(w, `<Error><Code>NoSuchKey</Code></Error>`)
		} else {
			w.Write(f.catalog)
		}
	case strings.HasSuffix(r.URL.Path, "/invocations"):
		f.asked = append(f.asked, r.URL.Path+"?"+r.URL.RawQuery+" "+string(body))
		if f.fails {
			w.Header().Set("X-Amz-Function-Error", "Unhandled")
			fmt.Fprint(w, `{"errorMessage":"no rights","errorType":"Unavailable"}`)
			return
		}
		fmt.Fprint(w, `{}`)
	case action == "DescribeStacks" && f.status == "":
		w.WriteHeader(http.StatusBadRequest)
		fmt.Fprint(w, `<ErrorResponse><Error><Type>Sender</Type><Code>ValidationError</Code><Message>Stack with id sso-elevator does not exist</Message></Error></ErrorResponse>`)
	case action == "DescribeStacks":
		fmt.Fprintf(w, `<DescribeStacksResponse><DescribeStacksResult><Stacks><member><StackId>arn:s</StackId><StackName>sso-elevator</StackName><StackStatus>%s</StackStatus>`+
			`<StackStatusReason>because</StackStatusReason><EnableTerminationProtection>%s</EnableTerminationProtection><CreationTime>2026-01-01T00:00:00Z</CreationTime></member></Stacks></DescribeStacksResult></DescribeStacksResponse>`, f.status, cmp.Or(f.protected, "false"))
	case action == "ListStackResources":
		fmt.Fprint(w, `<ListStackResourcesResponse><ListStackResourcesResult><StackResourceSummaries/></ListStackResourcesResult></ListStackResourcesResponse>`)
	case action == "UpdateTerminationProtection":
		f.protected = form.Get("EnableTerminationProtection")
		f.asked = append(f.asked, "protect "+f.protected)
		fmt.Fprint(w, `<UpdateTerminationProtectionResponse><UpdateTerminationProtectionResult/></UpdateTerminationProtectionResponse>`)
	default:
		f.asked = append(f.asked, action)
		w.WriteHeader(http.StatusBadRequest)
	}
}

const reconcileInvoked = `/2015-03-31/functions/sso-elevator-reconcile/invocations?Qualifier=live {"operation":"catalog"}`

// program runs the command against f. cdk handles each call of the CDK.
func (f *fakeAWS) program(t *testing.T, cdk func(args []string) error, args ...string) (code int, said string, calls []string) {
	t.Helper()
	var out bytes.Buffer
	code = f.programTo(t, &out, func(args []string) error {
		calls = append(calls, strings.Join(args, " "))
		return cdk(args)
	}, args...)
	return code, out.String(), calls
}

// programTo does the same, and writes what the program says to out.
func (f *fakeAWS) programTo(t *testing.T, out io.Writer, cdk func(args []string) error, args ...string) (code int) {
	t.Helper()
	server := httptest.NewServer(f)
	defer server.Close()
	config := filepath.Join(t.TempDir(), "elevator.yaml")
	text := "slack_bot_token: /sso-elevator/slack-bot-token\nslack_signing_secret: /sso-elevator/slack-signing-secret\nslack_channel_id: C0123456789\nslack_team_id: T0123456789\nslack_app_id: A0123456789\n" + policyOf("[one@example.com, two@example.com]") + "\n"
	if err := os.WriteFile(config, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return run(t.Context(), append([]string{"-config", config}, args...), out, out, func(_ context.Context, s *settings.Settings) (*deployment, error) {
		cfg := aws.Config{Region: "eu-central-1", BaseEndpoint: &server.URL, Credentials: credentials.NewStaticCredentialsProvider("a", "b", "")}
		return &deployment{
			settings: s, stacks: cloudformation.NewFromConfig(cfg), functions: lambda.NewFromConfig(cfg),
			parameters: ssm.NewFromConfig(cfg), instances: ssoadmin.NewFromConfig(cfg), buckets: s3.NewFromConfig(cfg, func(o *s3.Options) { o.UsePathStyle = true }),
			cdk: func(_ context.Context, args ...string) error {
				args = slices.Clone(args)
				for i := range args {
					args[i] = strings.ReplaceAll(args[i], config, "FILE")
				}
				return cdk(args)
			},
		}, nil
	})
}

func succeeds([]string) error { return nil }

// deploy leaves a stack in one of these states to a person.
func TestDeployStops(t *testing.T) {
	for status, want := range map[string]string{
		"UPDATE_ROLLBACK_FAILED":      "aws cloudformation continue-update-rollback --stack-name sso-elevator",
		"DELETE_FAILED":               "aws cloudformation delete-stack --stack-name sso-elevator",
		"UPDATE_IN_PROGRESS":          "is being changed (UPDATE_IN_PROGRESS)",
		"CREATE_IN_PROGRESS":          "is being changed (CREATE_IN_PROGRESS)",
		"UPDATE_ROLLBACK_IN_PROGRESS": "is being changed (UPDATE_ROLLBACK_IN_PROGRESS)",
	} {
		f := &fakeAWS{status: status, protected: "true"}
		code, said, calls := f.program(t, succeeds, "deploy")
		if code != exitError || !strings.Contains(said, want) || len(calls) > 0 || len(f.asked) > 0 {
			t.Errorf("%s: code %d, the CDK runs %q, AWS is asked for %q: %s", status, code, calls, f.asked, said)
		}
	}
}

func TestUpdate(t *testing.T) {
	for _, status := range []string{"CREATE_COMPLETE", "UPDATE_COMPLETE", "UPDATE_ROLLBACK_COMPLETE", "UPDATE_FAILED", "IMPORT_COMPLETE"} {
		f := &fakeAWS{status: status, protected: "true"}
		code, said, calls := f.program(t, succeeds, "deploy", "--require-approval", "never")
		if want := []string{"deploy --no-notices --context config=FILE --require-approval never"}; code != exitDone || !slices.Equal(calls, want) {
			t.Errorf("%s: code %d, the CDK runs %q, want %q: %s", status, code, calls, want, said)
		}
		if want := []string{reconcileInvoked}; !slices.Equal(f.asked, want) {
			t.Errorf("%s: AWS is asked for %q, want %q", status, f.asked, want)
		}
		if !strings.Contains(said, "Refreshed in ") {
			t.Errorf("%s: it says %q", status, said)
		}
	}
	// Failures are reported: a failed deployment, and a list that can't be refreshed.
	f := &fakeAWS{status: "UPDATE_COMPLETE", protected: "true"}
	code, said, _ := f.program(t, func([]string) error { return errors.New("exit status 1") }, "deploy")
	if code != exitError || !strings.Contains(said, "The deployment failed: exit status 1") || len(f.asked) > 0 {
		t.Errorf("code %d, AWS is asked for %q: %s", code, f.asked, said)
	}
	f = &fakeAWS{status: "UPDATE_COMPLETE", protected: "true", fails: true}
	code, said, _ = f.program(t, succeeds, "deploy")
	if code != exitDone || !strings.Contains(said, "The refresh failed: no rights\n") || !strings.Contains(said, "The next attempt comes within 10m0s. If it fails again, read the log of sso-elevator-reconcile") {
		t.Errorf("code %d: %s", code, said)
	}
}

// A new stack is deployed twice. The second deployment protects it.
func TestFirst(t *testing.T) {
	f := &fakeAWS{}
	create := func(args []string) error { f.status = "CREATE_COMPLETE"; return nil }
	code, said, calls := f.program(t, create, "deploy")
	want := []string{"deploy --context first=true --no-notices --context config=FILE", "deploy --no-notices --context config=FILE --require-approval never"}
	if code != exitDone || !slices.Equal(calls, want) || !slices.Equal(f.asked, []string{reconcileInvoked}) || !strings.Contains(said, "Deployed. Next:") {
		t.Errorf("code %d, the CDK runs %q, AWS is asked for %q: %s", code, calls, f.asked, said)
	}
	f = &fakeAWS{}
	code, said, calls = f.program(t, func([]string) error { return errors.New("exit status 1") }, "deploy")
	if code != exitError || len(calls) != 1 || !strings.Contains(said, "The first deployment failed") || len(f.asked) > 0 {
		t.Errorf("code %d, the CDK runs %q, AWS is asked for %q: %s", code, calls, f.asked, said)
	}
	f = &fakeAWS{}
	code, said, _ = f.program(t, func(args []string) error {
		if f.status != "" {
			return errors.New("exit status 1")
		}
		return create(args)
	}, "deploy")
	if code != exitError || !strings.Contains(said, "deletion protection and the alarms about missing data are off") {
		t.Errorf("code %d: %s", code, said)
	}
	f = &fakeAWS{}
	if code, said, _ = f.program(t, succeeds, "deploy"); code != exitError || !strings.Contains(said, "there is no stack") {
		t.Errorf("a deployment elsewhere: code %d: %s", code, said)
	}
}

func TestDestroy(t *testing.T) {
	f := &fakeAWS{status: "UPDATE_COMPLETE", protected: "true"}
	code, said, calls := f.program(t, func([]string) error {
		if f.protected != "false" {
			t.Error("the stack is protected when the CDK is to delete it")
		}
		f.status = ""
		return nil
	}, "destroy", "--force")
	if want := []string{"destroy --no-notices --context config=FILE --force"}; code != exitDone || !slices.Equal(calls, want) || !strings.Contains(said, "The stack is deleted.") {
		t.Errorf("code %d, the CDK runs %q: %s", code, calls, said)
	}
	// Someone says no, or the CDK fails at once. The protection stays as it was.
	for _, cdk := range []func([]string) error{succeeds, func([]string) error { return errors.New("exit status 1") }} {
		f := &fakeAWS{status: "UPDATE_COMPLETE", protected: "true"}
		code, said, _ := f.program(t, cdk, "destroy")
		if want := []string{"protect false", "protect true"}; code != exitError || !slices.Equal(f.asked, want) || !strings.Contains(said, "was not deleted. Its protection is as before") {
			t.Errorf("code %d, AWS is asked for %q: %s", code, f.asked, said)
		}
	}
	f = &fakeAWS{}
	if code, said, calls := f.program(t, succeeds, "destroy"); code != exitDone || len(calls) > 0 || !strings.Contains(said, "There is no stack sso-elevator.") {
		t.Errorf("code %d, the CDK runs %q: %s", code, calls, said)
	}
}

func TestDiffAndUsage(t *testing.T) {
	f := &fakeAWS{status: "UPDATE_COMPLETE"}
	code, said, calls := f.program(t, succeeds, "diff", "--strict")
	if want := []string{"diff --no-notices --context config=FILE --strict"}; code != exitDone || !slices.Equal(calls, want) || len(f.asked) > 0 {
		t.Errorf("code %d, the CDK runs %q, AWS is asked for %q: %s", code, calls, f.asked, said)
	}
	for _, args := range [][]string{{}, {"delete"}, {"-wrong"}} {
		if code, said, calls := f.program(t, succeeds, args...); code != exitUsage || len(calls) > 0 || said == "" {
			t.Errorf("%q: code %d, the CDK runs %q: %s", args, code, calls, said)
		}
	}
	var out bytes.Buffer
	none := func(context.Context, *settings.Settings) (*deployment, error) { return nil, errors.New("no") }
	if code := run(t.Context(), []string{"-config", "none.yaml", "deploy"}, &out, &out, none); code != exitError || !strings.Contains(out.String(), "none.yaml") {
		t.Errorf("without settings: code %d: %s", code, out.String())
	}
}

// Each command of the CDK gets the instance, if there is exactly one.
func TestTheInstanceIsPassedOn(t *testing.T) {
	const named = " --context instance=arn:i-1 --context identity_store=d-1"
	for instances, want := range map[int]string{0: "", 1: named, 2: ""} {
		f := &fakeAWS{status: "UPDATE_COMPLETE", protected: "true", instances: instances}
		code, said, calls := f.program(t, succeeds, "deploy")
		if code != exitDone || !slices.Equal(calls, []string{"deploy --no-notices --context config=FILE" + want}) {
			t.Errorf("%d instances: code %d, the CDK runs %q: %s", instances, code, calls, said)
		}
		if unknown := strings.Contains(said, "The Identity Center instance is not known"); unknown != (want == "") {
			t.Errorf("%d instances: it says %q", instances, said)
		}
		f = &fakeAWS{status: "UPDATE_COMPLETE", instances: instances}
		if _, said, calls := f.program(t, succeeds, "diff"); !slices.Equal(calls, []string{"diff --no-notices --context config=FILE" + want}) {
			t.Errorf("%d instances: the CDK runs %q: %s", instances, calls, said)
		}
	}
	f := &fakeAWS{instances: 1}
	_, said, calls := f.program(t, func([]string) error { f.status = "CREATE_COMPLETE"; return nil }, "deploy")
	want := []string{"deploy --context first=true --no-notices --context config=FILE" + named, "deploy --no-notices --context config=FILE" + named + " --require-approval never"}
	if !slices.Equal(calls, want) {
		t.Errorf("the CDK runs %q: %s", calls, said)
	}
}
