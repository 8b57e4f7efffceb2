package gateway_test

import (
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"sso-elevator/infra/build"
	"sso-elevator/infra/local/moto"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	dynamotypes "github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/sfn"
	"github.com/aws/aws-sdk-go-v2/service/sfn/types"
	"github.com/aws/aws-sdk-go-v2/service/ssoadmin"
)

var update = flag.Bool("update", false, "rewrite operations.txt")

func TestUnknownOperation(t *testing.T) {
	config := stack.AWS()
	config.RetryMaxAttempts = 3 // would repeat moto's own answer
	_, err := sfn.NewFromConfig(config).PublishStateMachineVersion(context.Background(), &sfn.PublishStateMachineVersionInput{StateMachineArn: aws.String("arn:aws:states:us-east-1:123456789012:stateMachine:a")})
	if code := errorCode(t, err); code != "UnknownOperationException" || !strings.Contains(err.Error(), "AWSStepFunctions.PublishStateMachineVersion") {
		t.Errorf("PublishStateMachineVersion: %v; want UnknownOperationException", err)
	}
	_, err = ssoadmin.NewFromConfig(config).ListTrustedTokenIssuers(context.Background(), &ssoadmin.ListTrustedTokenIssuersInput{InstanceArn: aws.String("arn:aws:sso:::instance/ssoins-1234567890abcdef")})
	if code := errorCode(t, err); code != "UnknownOperationException" {
		t.Errorf("ListTrustedTokenIssuers: %v; want UnknownOperationException", err)
	}
}

// TestOperationsAreListed checks that operations.txt lists what the installed moto
// implements; -update writes it.
func TestOperationsAreListed(t *testing.T) {
	root, err := build.Root()
	if err != nil {
		t.Fatal(err)
	}
	server, err := moto.Executable(root)
	if err != nil {
		t.Fatal(err)
	}
	got, err := exec.Command(filepath.Join(filepath.Dir(server), "python"), "testdata/operations.py").Output()
	if err != nil {
		t.Fatal(err)
	}
	if *update {
		if err := os.WriteFile("operations.txt", got, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile("operations.txt")
	if err != nil {
		t.Fatal(err)
	}
	if string(got) != string(want) {
		t.Error("operations.txt is not what moto implements; run go test -update")
	}
}

func TestExecutionNames(t *testing.T) {
	machine := createMachine(t, "names", `{"StartAt":"Done","States":{"Done":{"Type":"Succeed"}}}`)
	client := sfn.NewFromConfig(stack.AWS())
	tests := []struct {
		name, execution string
		wantCode        string
	}{
		{name: "all that is allowed", execution: "2026-01-31-Account_1-abc"},
		{name: "80 characters", execution: strings.Repeat("a", 80)},
		{name: "81 characters", execution: strings.Repeat("a", 81), wantCode: "InvalidName"},
		{name: "space", execution: "a b", wantCode: "InvalidName"},
		{name: "colon", execution: "a:b", wantCode: "InvalidName"},
		{name: "slash", execution: "a/b", wantCode: "InvalidName"},
		{name: "control character", execution: "a\u0085b", wantCode: "InvalidName"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			_, err := client.StartExecution(context.Background(), &sfn.StartExecutionInput{StateMachineArn: aws.String(machine), Name: aws.String(tt.execution)})
			if code := errorCode(t, err); code != tt.wantCode {
				t.Errorf("code %q, want %q", code, tt.wantCode)
			}
		})
	}
	out, err := client.StartExecution(context.Background(), &sfn.StartExecutionInput{StateMachineArn: aws.String(machine)})
	if err != nil || len(aws.ToString(out.ExecutionArn)) != len(machine)+len(":")+len("execution")-len("stateMachine")+36 {
		t.Errorf("without a name: %v, %v; want a UUID as its name", aws.ToString(out.ExecutionArn), err)
	}
}

// TestExecutionTwice checks that a name stands for one execution: a start with the
// same input finds it while it runs; another input or a later start is refused.
func TestExecutionTwice(t *testing.T) {
	machine := createMachine(t, "twice", `{"StartAt":"Wait","States":{"Wait":{"Type":"Wait","Seconds":60,"End":true}}}`)
	client := sfn.NewFromConfig(stack.AWS())
	begin := func(input string) (string, error) {
		out, err := client.StartExecution(context.Background(), &sfn.StartExecutionInput{StateMachineArn: aws.String(machine), Name: aws.String("one"), Input: aws.String(input)})
		if err != nil {
			return "", err
		}
		return aws.ToString(out.ExecutionArn), nil
	}
	var group sync.WaitGroup
	for range 8 {
		group.Go(func() {
			if _, err := begin(`{"a":1}`); err != nil {
				t.Errorf("same name and input: %v", err)
			}
		})
	}
	group.Wait()
	list, err := client.ListExecutions(context.Background(), &sfn.ListExecutionsInput{StateMachineArn: aws.String(machine)})
	if err != nil || len(list.Executions) != 1 {
		t.Fatalf("%d executions (%v), want 1", len(list.Executions), err)
	}
	if _, err := begin(`{"a":2}`); errorCode(t, err) != "ExecutionAlreadyExists" {
		t.Errorf("another input: %v, want ExecutionAlreadyExists", err)
	}
	stop(t, aws.ToString(list.Executions[0].ExecutionArn))
	eventually(t, "the name is taken for good", func() bool {
		_, err := begin(`{"a":1}`)
		return errorCode(t, err) == "ExecutionAlreadyExists"
	})
}

func TestHistoryPages(t *testing.T) {
	machine := createMachine(t, "pages", `{"StartAt":"A","States":{"A":{"Type":"Pass","Next":"B"},"B":{"Type":"Pass","Next":"C"},"C":{"Type":"Succeed"}}}`)
	execution := start(t, machine, "run")
	eventually(t, "the execution ends", func() bool { return describe(t, execution).Status == types.ExecutionStatusSucceeded })
	client := sfn.NewFromConfig(stack.AWS())
	walk := func(reverse bool) (ids []int64, pages int) {
		t.Helper()
		p := sfn.NewGetExecutionHistoryPaginator(client, &sfn.GetExecutionHistoryInput{ExecutionArn: aws.String(execution), MaxResults: 3, ReverseOrder: reverse})
		for p.HasMorePages() {
			out, err := p.NextPage(context.Background())
			if err != nil {
				t.Fatal(err)
			}
			pages++
			for _, e := range out.Events {
				ids = append(ids, e.Id)
			}
		}
		return ids, pages
	}
	forward, pages := walk(false)
	if want := []int64{1, 2, 3, 4, 5, 6, 7, 8}; !slices.Equal(forward, want) || pages != 3 {
		t.Errorf("events %v on %d pages, want %v on 3", forward, pages, want)
	}
	backward, _ := walk(true)
	slices.Reverse(backward)
	if !slices.Equal(forward, backward) {
		t.Errorf("the other way round %v, want %v", backward, forward)
	}
}

// table creates a table with the key attribute pk.
func table(t *testing.T, name string) *dynamodb.Client {
	t.Helper()
	client := dynamodb.NewFromConfig(stack.AWS())
	_, err := client.CreateTable(context.Background(), &dynamodb.CreateTableInput{
		TableName: aws.String(name), BillingMode: dynamotypes.BillingModePayPerRequest,
		AttributeDefinitions: []dynamotypes.AttributeDefinition{{AttributeName: aws.String("pk"), AttributeType: dynamotypes.ScalarAttributeTypeS}},
		KeySchema:            []dynamotypes.KeySchemaElement{{AttributeName: aws.String("pk"), KeyType: dynamotypes.KeyTypeHash}},
	})
	if err != nil {
		t.Fatal(err)
	}
	return client
}

func TestTransactionsRefused(t *testing.T) {
	client := table(t, "transactions")
	_, err := client.TransactWriteItems(context.Background(), &dynamodb.TransactWriteItemsInput{TransactItems: []dynamotypes.TransactWriteItem{{
		Put: &dynamotypes.Put{TableName: aws.String("transactions"), Item: map[string]dynamotypes.AttributeValue{"pk": &dynamotypes.AttributeValueMemberS{Value: "a"}}},
	}}})
	if code := errorCode(t, err); code != "ValidationException" {
		t.Errorf("code %q, want ValidationException", code)
	}
}

// TestConditionalWrites checks that one of many writers with the same condition
// wins, for each kind of write.
func TestConditionalWrites(t *testing.T) {
	client := table(t, "conditions")
	key := map[string]dynamotypes.AttributeValue{"pk": &dynamotypes.AttributeValueMemberS{Value: "a"}}
	writes := map[string]func() error{
		"put": func() error {
			_, err := client.PutItem(context.Background(), &dynamodb.PutItemInput{TableName: aws.String("conditions"), Item: key, ConditionExpression: aws.String("attribute_not_exists(pk)")})
			return err
		},
		"update": func() error {
			_, err := client.UpdateItem(context.Background(), &dynamodb.UpdateItemInput{
				TableName: aws.String("conditions"), Key: key, UpdateExpression: aws.String("SET outcome = :o"), ConditionExpression: aws.String("attribute_exists(pk) AND attribute_not_exists(outcome)"),
				ExpressionAttributeValues: map[string]dynamotypes.AttributeValue{":o": &dynamotypes.AttributeValueMemberS{Value: "approved"}},
			})
			return err
		},
	}
	for _, name := range []string{"put", "update"} {
		t.Run(name, func(t *testing.T) {
			wantOneWinner(t, "ConditionalCheckFailedException", func(int) error { return writes[name]() })
		})
	}
}

// TestWriteOnce checks that an object written with If-None-Match is written once,
// however many writers there are.
func TestWriteOnce(t *testing.T) {
	client := s3.NewFromConfig(stack.AWS(), func(o *s3.Options) { o.UsePathStyle = true })
	if _, err := client.CreateBucket(context.Background(), &s3.CreateBucketInput{Bucket: aws.String("records")}); err != nil {
		t.Fatal(err)
	}
	wantOneWinner(t, "PreconditionFailed", func(i int) error {
		_, err := client.PutObject(context.Background(), &s3.PutObjectInput{
			Bucket: aws.String("records"), Key: aws.String("2026/01/31/a.json"), Body: strings.NewReader(fmt.Sprint(i)), IfNoneMatch: aws.String("*"),
		})
		return err
	})
}

// TestReplaceOnce checks that one of many writers that replace the same version of
// an object wins.
func TestReplaceOnce(t *testing.T) {
	client := s3.NewFromConfig(stack.AWS(), func(o *s3.Options) { o.UsePathStyle = true })
	if _, err := client.CreateBucket(context.Background(), &s3.CreateBucketInput{Bucket: aws.String("replaced")}); err != nil {
		t.Fatal(err)
	}
	key := aws.String("catalog.json.gz")
	first, err := client.PutObject(context.Background(), &s3.PutObjectInput{Bucket: aws.String("replaced"), Key: key, Body: strings.NewReader("first")})
	if err != nil {
		t.Fatal(err)
	}
	wantOneWinner(t, "PreconditionFailed", func(i int) error {
		_, err := client.PutObject(context.Background(), &s3.PutObjectInput{
			Bucket: aws.String("replaced"), Key: key, Body: strings.NewReader(fmt.Sprint(i)), IfMatch: first.ETag,
		})
		return err
	})
}

// wantOneWinner lets twenty writers write at once: one succeeds, the others get the
// code.
func wantOneWinner(t *testing.T, loses string, write func(i int) error) {
	t.Helper()
	var won, lost atomic.Int32
	var group sync.WaitGroup
	for i := range 20 {
		group.Go(func() {
			switch code := errorCode(t, write(i)); code {
			case "":
				won.Add(1)
			case loses:
				lost.Add(1)
			default:
				t.Errorf("code %q", code)
			}
		})
	}
	group.Wait()
	if won.Load() != 1 || lost.Load() != 19 {
		t.Errorf("%d won and %d lost, want 1 and 19", won.Load(), lost.Load())
	}
}

// TestKnownDifferences checks the differences from AWS that remain. If a sub-test
// fails, moto has changed: update docs/internals/local.md.
func TestKnownDifferences(t *testing.T) {
	finish := func(t *testing.T, name, definition string) (*sfn.DescribeExecutionOutput, []types.HistoryEvent) {
		t.Helper()
		execution := start(t, createMachine(t, "known-"+name, definition), "run")
		eventually(t, "the execution ends", func() bool { return describe(t, execution).Status != types.ExecutionStatusRunning })
		return describe(t, execution), history(t, execution)
	}

	t.Run("States.ALL catches States.Runtime", func(t *testing.T) {
		_, events := finish(t, "runtime", `{"StartAt":"A","States":{
			"A":{"Type":"Task","Resource":"arn:aws:states:::lambda:invoke","Parameters":{"FunctionName":"probe","Payload":{"do":"echo","value.$":"$.missing"}},
				"Catch":[{"ErrorEquals":["States.ALL"],"Next":"Caught"}],"End":true},
			"Caught":{"Type":"Succeed"}}}`)
		if got := entered(events); !slices.Equal(got, []string{"A", "Caught"}) {
			t.Errorf("way %v", got)
		}
	})
	t.Run("a retried task keeps its token", func(t *testing.T) {
		_, events := finish(t, "token", `{"StartAt":"A","States":{"A":{"Type":"Task","Resource":"arn:aws:states:::lambda:invoke.waitForTaskToken","TimeoutSeconds":20,
			"Parameters":{"FunctionName":"probe","Payload":{"do":"fail","type":"Throttled","token.$":"$$.Task.Token"}},
			"Retry":[{"ErrorEquals":["Throttled"],"IntervalSeconds":1,"MaxAttempts":1}],
			"Catch":[{"ErrorEquals":["States.ALL"],"Next":"Caught"}],"End":true},"Caught":{"Type":"Succeed"}}}`)
		var tokens []string
		for _, e := range events {
			if d := e.TaskScheduledEventDetails; d != nil {
				var parameters struct{ Payload struct{ Token string } }
				if err := json.Unmarshal([]byte(aws.ToString(d.Parameters)), &parameters); err != nil {
					t.Fatal(err)
				}
				tokens = append(tokens, parameters.Payload.Token)
			}
		}
		if len(tokens) != 2 || tokens[0] != tokens[1] {
			t.Errorf("tokens %v, want the same one twice", tokens)
		}
	})
	t.Run("a branch that fails with a States error ends the execution", func(t *testing.T) {
		got, _ := finish(t, "branch", `{"StartAt":"Both","States":{
			"Both":{"Type":"Parallel","Catch":[{"ErrorEquals":["States.ALL"],"Next":"Caught"}],"End":true,"Branches":[{"StartAt":"A","States":{
				"A":{"Type":"Task","Resource":"arn:aws:states:::lambda:invoke","TimeoutSeconds":1,"Parameters":{"FunctionName":"probe","Payload":{"do":"hang"}},"End":true}}}]},
			"Caught":{"Type":"Succeed"}}}`)
		if got.Status != types.ExecutionStatusFailed {
			t.Errorf("status %s", got.Status)
		}
	})
	t.Run("a Wait until a time ends up to a second early", func(t *testing.T) {
		at := time.Now().UTC().Add(2900 * time.Millisecond).Truncate(time.Second)
		_, events := finish(t, "early", fmt.Sprintf(`{"StartAt":"A","States":{"A":{"Type":"Wait","Timestamp":%q,"Next":"B"},"B":{"Type":"Succeed"}}}`, at.Format(time.RFC3339)))
		// On a busy machine, the wait may have begun after the time was over.
		began, ended := aws.ToTime(events[1].Timestamp), aws.ToTime(events[len(events)-1].Timestamp)
		if early := at.Sub(ended); early > time.Second || began.Before(at) && early < -time.Minute {
			t.Errorf("began at %v and ended at %v, %v before its time", began, ended, early)
		}
	})
	t.Run("a Wait takes no time with an offset", func(t *testing.T) {
		got, _ := finish(t, "offset", `{"StartAt":"A","States":{"A":{"Type":"Wait","TimestampPath":"$$.State.EnteredTime","Next":"B"},"B":{"Type":"Succeed"}}}`)
		if got.Status != types.ExecutionStatusFailed {
			t.Errorf("status %s", got.Status)
		}
	})
	t.Run("a percentage needs a decimal point", func(t *testing.T) {
		distributed := `{"StartAt":"M","States":{"M":{"Type":"Map","ToleratedFailurePercentage":%s,"ItemsPath":"$.items",
			"ItemProcessor":{"ProcessorConfig":{"Mode":"DISTRIBUTED","ExecutionType":"STANDARD"},"StartAt":"P","States":{"P":{"Type":"Fail","Error":"E","Cause":"C"}}},"End":true}}}`
		accepts := func(percentage string) bool {
			_, err := sfn.NewFromConfig(stack.AWS()).CreateStateMachine(context.Background(), &sfn.CreateStateMachineInput{
				Name: aws.String("known-tolerated-" + strings.ReplaceAll(percentage, ".", "-")), Definition: aws.String(fmt.Sprintf(distributed, percentage)),
				RoleArn: aws.String("arn:aws:iam::123456789012:role/machine"),
			})
			return err == nil
		}
		for percentage, want := range map[string]bool{"100.0": true, "100": false} {
			if got := accepts(percentage); got != want {
				t.Errorf("%s accepted: %t, want %t", percentage, got, want)
			}
		}
	})
}
