package stack_test

import (
	"context"
	"encoding/json"
	"io"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"

	expression "sso-elevator/functions/schedule"
	"sso-elevator/infra/local/gateway"
	"sso-elevator/infra/local/iam"
	"sso-elevator/infra/local/lambda"
	"sso-elevator/infra/local/localtest"
	"sso-elevator/infra/local/schedule"
	"sso-elevator/infra/local/stack"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/sfn"
	sfntypes "github.com/aws/aws-sdk-go-v2/service/sfn/types"
	"github.com/aws/aws-sdk-go-v2/service/ssm"
)

// assembly copies the example to its own folder, with the probe as the function's
// code, and lets edit change the template.
func assembly(t *testing.T, edit func(template map[string]any)) string {
	t.Helper()
	dir := t.TempDir()
	if err := os.CopyFS(dir, os.DirFS("testdata/assembly")); err != nil {
		t.Fatal(err)
	}
	code := filepath.Join(dir, "asset.aaaa")
	if err := os.Mkdir(code, 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(code, "bootstrap"), nil, 0o755); err != nil {
		t.Fatal(err)
	}
	if edit == nil {
		return dir
	}
	path := filepath.Join(dir, "example.template.json")
	raw, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	var template map[string]any
	if err := json.Unmarshal(raw, &template); err != nil {
		t.Fatal(err)
	}
	edit(template)
	if raw, err = json.Marshal(template); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, raw, 0o644); err != nil {
		t.Fatal(err)
	}
	return dir
}

func parse(t *testing.T, text string) expression.Expression {
	t.Helper()
	e, err := expression.Parse(text)
	if err != nil {
		t.Fatal(err)
	}
	return e
}

func TestDeploy(t *testing.T) {
	local, err := localtest.Start()
	if err != nil {
		t.Fatal(err)
	}
	defer local.Stop()
	dir := assembly(t, nil)
	if err := os.Rename(filepath.Join(local.Dir, "bootstrap"), filepath.Join(dir, "asset.aaaa", "bootstrap")); err != nil {
		t.Fatal(err)
	}
	loaded, err := stack.Load(dir)
	if err != nil {
		t.Fatal(err)
	}
	target := stack.Target{AWS: local.AWS(), Region: localtest.Region, AccountID: localtest.AccountID, APIURL: "http://api"}
	deployed, err := loaded.Deploy(context.Background(), target)
	if err != nil {
		t.Fatal(err)
	}

	noted, err := ssm.NewFromConfig(local.AWS()).GetParameter(context.Background(), &ssm.GetParameterInput{Name: aws.String("/cdk-bootstrap/example/version")})
	if err != nil || aws.ToString(noted.Parameter.Value) != "6" {
		t.Errorf("bootstrapped: %+v, %v", noted, err)
	}

	may, err := iam.Parse([]byte(`{"Version": "2012-10-17", "Statement": [
		{"Effect": "Allow", "Action": "lambda:InvokeFunction", "Resource": "arn:aws:lambda:us-east-1:123456789012:function:example-probe:live"},
		{"Effect": "Allow", "Action": "states:StartExecution", "Resource": "arn:aws:states:us-east-1:123456789012:stateMachine:example-requests"}]}`))
	if err != nil {
		t.Fatal(err)
	}
	kept, err := iam.ParseBucketPolicy([]byte(`{"Version": "2012-10-17", "Statement": [
		{"Effect": "Deny", "Principal": {"AWS": "*"}, "Action": "s3:DeleteObject", "Resource": "arn:aws:s3:::example-bucket/*"}]}`))
	if err != nil {
		t.Fatal(err)
	}
	want := stack.Deployed{
		Functions: []lambda.Function{{
			Name: "example-probe", Dir: filepath.Join(dir, "asset.aaaa"), Handler: "bootstrap", Timeout: 7 * time.Second, MemoryMB: 256,
			Environment: map[string]string{"CUSTOM": "example", "BUCKET": "example-bucket", "SECOND": "b"},
			Role:        "example-Role", Aliases: map[string]string{"live": "1"}, Versions: []string{"1"},
		}},
		Routes: []gateway.Route{
			{Method: "POST", Path: "/slack", Function: "example-probe", Qualifier: "live"},
			{Method: "POST", Path: "/function-url/example-probe/", Function: "example-probe", Qualifier: "live"},
		},
		StateMachines: []string{"arn:aws:states:us-east-1:123456789012:stateMachine:example-requests"},
		Schedules: []schedule.Schedule{
			{Name: "example-nightly", ARN: "arn:aws:scheduler:us-east-1:123456789012:schedule/example-group/example-nightly", Expression: parse(t, "cron(0 23 * * ? *)"),
				Machine: "arn:aws:states:us-east-1:123456789012:stateMachine:example-requests", Input: `{"at":"<aws.scheduler.scheduled-time>"}`},
			{Name: "example-probe", ARN: "arn:aws:scheduler:us-east-1:123456789012:schedule/default/example-probe", Expression: parse(t, "rate(10 minutes)"),
				Function: "example-probe", Qualifier: "live", Input: `{"operation":"look"}`},
		},
		Outputs:       map[string]string{"SlackRequestURL": "http://api/slack", "SlackFunctionURL": "http://api/function-url/example-probe/"},
		Roles:         map[string][]iam.Policy{"example-Role": {may}},
		PartitionKeys: map[string]string{"example": "pk"},
		StackID:       "arn:aws:cloudformation:us-east-1:123456789012:stack/example/local",
		Resources: []gateway.Resource{ // without the bucket Never, whose condition does not hold
			{LogicalID: "Topic", PhysicalID: "arn:aws:sns:us-east-1:123456789012:example-alarms", Type: "AWS::SNS::Topic"},
			{LogicalID: "Alarm", PhysicalID: "example-Alarm", Type: "AWS::CloudWatch::Alarm"},
			{LogicalID: "Bucket", PhysicalID: "example-bucket", Type: "AWS::S3::Bucket"},
			{LogicalID: "Role", PhysicalID: "example-Role", Type: "AWS::IAM::Role"},
			{LogicalID: "Table", PhysicalID: "example", Type: "AWS::DynamoDB::Table"},
			{LogicalID: "Function", PhysicalID: "example-probe", Type: "AWS::Lambda::Function"},
			{LogicalID: "Version", PhysicalID: "arn:aws:lambda:us-east-1:123456789012:function:example-probe:1", Type: "AWS::Lambda::Version"},
			{LogicalID: "Alias", PhysicalID: "arn:aws:lambda:us-east-1:123456789012:function:example-probe:live", Type: "AWS::Lambda::Alias"},
			{LogicalID: "Api", PhysicalID: "Api", Type: "AWS::ApiGatewayV2::Api"},
			{LogicalID: "BucketPolicy", PhysicalID: "BucketPolicy", Type: "AWS::S3::BucketPolicy"},
			{LogicalID: "Machine", PhysicalID: "arn:aws:states:us-east-1:123456789012:stateMachine:example-requests", Type: "AWS::StepFunctions::StateMachine"},
			{LogicalID: "Drift", PhysicalID: "example-Drift", Type: "AWS::Events::Rule"},
			{LogicalID: "Group", PhysicalID: "example-group", Type: "AWS::Scheduler::ScheduleGroup"},
			{LogicalID: "Integration", PhysicalID: "Integration", Type: "AWS::ApiGatewayV2::Integration"},
			{LogicalID: "Nightly", PhysicalID: "example-nightly", Type: "AWS::Scheduler::Schedule"},
			{LogicalID: "Pointer", PhysicalID: "/example/policy", Type: "AWS::SSM::Parameter"},
			{LogicalID: "RolePolicy", PhysicalID: "RolePolicy", Type: "AWS::IAM::Policy"},
			{LogicalID: "Route", PhysicalID: "Route", Type: "AWS::ApiGatewayV2::Route"},
			{LogicalID: "Schedule", PhysicalID: "example-probe", Type: "AWS::Scheduler::Schedule"},
			{LogicalID: "Stage", PhysicalID: "$default", Type: "AWS::ApiGatewayV2::Stage"},
			{LogicalID: "URL", PhysicalID: "arn:aws:lambda:us-east-1:123456789012:function:example-probe", Type: "AWS::Lambda::Url"},
		},
		BucketPolicies: map[string][]iam.Policy{"example-bucket": {kept}},
	}
	if !reflect.DeepEqual(deployed, want) {
		t.Errorf("deployed\n%+v\nwant\n%+v", deployed, want)
	}

	t.Run("policy and its pointer", func(t *testing.T) {
		parameter, err := ssm.NewFromConfig(local.AWS()).GetParameter(context.Background(), &ssm.GetParameterInput{Name: aws.String("/example/policy")})
		if err != nil {
			t.Fatal(err)
		}
		var pointer struct{ Bucket, Key string }
		if err := json.Unmarshal([]byte(aws.ToString(parameter.Parameter.Value)), &pointer); err != nil {
			t.Fatal(err)
		}
		object, err := s3.NewFromConfig(local.AWS(), func(o *s3.Options) { o.UsePathStyle = true }).GetObject(context.Background(), &s3.GetObjectInput{Bucket: aws.String(pointer.Bucket), Key: aws.String(pointer.Key)})
		if err != nil {
			t.Fatal(err)
		}
		if body, _ := io.ReadAll(object.Body); string(body) != "{\"accounts\":[]}\n" {
			t.Errorf("policy %q", body)
		}
	})
	t.Run("table", func(t *testing.T) {
		out, err := dynamodb.NewFromConfig(local.AWS()).DescribeTable(context.Background(), &dynamodb.DescribeTableInput{TableName: aws.String("example")})
		if err != nil || len(out.Table.GlobalSecondaryIndexes) != 1 {
			t.Errorf("%v, %v; want a table with one index", out, err)
		}
	})
	t.Run("function and machine", func(t *testing.T) {
		for _, f := range deployed.Functions {
			if err := local.Lambda.Register(f); err != nil {
				t.Fatal(err)
			}
		}
		client := sfn.NewFromConfig(local.AWS())
		started, err := client.StartExecution(context.Background(), &sfn.StartExecutionInput{StateMachineArn: aws.String(deployed.StateMachines[0]), Name: aws.String("one")})
		if err != nil {
			t.Fatal(err)
		}
		var out *sfn.DescribeExecutionOutput
		for deadline := time.Now().Add(2 * time.Minute); time.Now().Before(deadline); time.Sleep(50 * time.Millisecond) {
			if out, err = client.DescribeExecution(context.Background(), &sfn.DescribeExecutionInput{ExecutionArn: started.ExecutionArn}); err != nil || out.Status != sfntypes.ExecutionStatusRunning {
				break
			}
		}
		if err != nil || out.Status != sfntypes.ExecutionStatusSucceeded || !strings.Contains(aws.ToString(out.Output), `"custom": "example"`) && !strings.Contains(aws.ToString(out.Output), `"custom":"example"`) {
			t.Errorf("execution %v, %v; want SUCCEEDED with the function's environment", out, err)
		}
	})
	t.Run("schedule of the machine", func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		client := sfn.NewFromConfig(local.AWS())
		player := &schedule.Player{Executions: client, Now: func() time.Time { return time.Date(2026, 7, 1, 22, 59, 59, 990e6, time.UTC) }, Say: t.Errorf}
		nightly := deployed.Schedules[0]
		nightly.Expression = parse(t, "rate(1 day)") // at the same time
		player.Start(ctx, []schedule.Schedule{nightly})
		var input, name string
		for deadline := time.Now().Add(2 * time.Minute); input == "" && time.Now().Before(deadline); time.Sleep(50 * time.Millisecond) {
			list, err := client.ListExecutions(ctx, &sfn.ListExecutionsInput{StateMachineArn: aws.String(nightly.Machine)})
			if err != nil {
				t.Fatal(err)
			}
			for _, e := range list.Executions {
				if aws.ToString(e.Name) == "one" {
					continue
				}
				out, err := client.DescribeExecution(ctx, &sfn.DescribeExecutionInput{ExecutionArn: e.ExecutionArn})
				if err != nil {
					t.Fatal(err)
				}
				input, name = aws.ToString(out.Input), aws.ToString(e.Name)
			}
		}
		if want := `{"at":"2026-07-01T22:59:59Z"}`; input != want || len(name) != 36 {
			t.Errorf("execution %q with input %s, want %s and a UUID", name, input, want)
		}
	})
	t.Run("again", func(t *testing.T) {
		again, err := loaded.Deploy(context.Background(), target)
		if err != nil {
			t.Fatal(err)
		}
		if !reflect.DeepEqual(again, want) {
			t.Errorf("a second time\n%+v", again)
		}
	})
}

// TestNotUnderstood checks that an unknown part of the template is an error, and
// nothing is created.
func TestNotUnderstood(t *testing.T) {
	resources := func(template map[string]any) map[string]any { return template["Resources"].(map[string]any) }
	properties := func(template map[string]any, name string) map[string]any {
		return resources(template)[name].(map[string]any)["Properties"].(map[string]any)
	}
	tests := []struct {
		name string
		edit func(map[string]any)
		want string
	}{
		{name: "kind", edit: func(t map[string]any) {
			resources(t)["Stream"] = map[string]any{"Type": "AWS::Kinesis::Stream", "Properties": map[string]any{}}
		}, want: "Stream (AWS::Kinesis::Stream)"},
		{name: "policy of a bucket that allows something", edit: func(t map[string]any) {
			properties(t, "BucketPolicy")["PolicyDocument"].(map[string]any)["Statement"].([]any)[0].(map[string]any)["Effect"] = "Allow"
		}, want: "the local stack supports only statements that deny to everyone"},
		{name: "URL with authorization", edit: func(t map[string]any) {
			properties(t, "URL")["AuthType"] = "AWS_IAM"
		}, want: "only function URLs without authorization"},
		{name: "URL of no function", edit: func(t map[string]any) {
			properties(t, "URL")["TargetFunctionArn"] = "arn:aws:lambda:us-east-1:123456789012:function:other"
		}, want: `there is no function "other"`},
		{name: "schedule that comes once", edit: func(t map[string]any) {
			properties(t, "Schedule")["ScheduleExpression"] = "at(2030-01-01T00:00:00)"
		}, want: "at(…) fires only once"},
		{name: "schedule with a time zone", edit: func(t map[string]any) {
			properties(t, "Nightly")["ScheduleExpressionTimezone"] = "Europe/Berlin"
		}, want: "ScheduleExpressionTimezone"},
		{name: "schedule with an attribute that is not known", edit: func(t map[string]any) {
			properties(t, "Nightly")["Target"].(map[string]any)["Input"] = `{"at":"<aws.scheduler.time>"}`
		}, want: "<aws.scheduler.time>"},
		{name: "schedule of a machine that is not the template's", edit: func(t map[string]any) {
			properties(t, "Nightly")["Target"].(map[string]any)["Arn"] = "arn:aws:states:us-east-1:123456789012:stateMachine:other"
		}, want: "start a state machine of the template"},
		{name: "rule on something else", edit: func(t map[string]any) {
			properties(t, "Drift")["EventPattern"] = map[string]any{"detail-type": []any{"AWS API Call via CloudTrail", "Step Functions Execution Status Change"}}
		}, want: "supports only EventBridge rules on CloudTrail's events"},
		{name: "rule on everything", edit: func(t map[string]any) {
			properties(t, "Drift")["EventPattern"] = map[string]any{"source": []any{"aws.sso"}}
		}, want: "supports only EventBridge rules on CloudTrail's events"},
		{name: "rule with a schedule", edit: func(t map[string]any) {
			properties(t, "Drift")["ScheduleExpression"] = "rate(1 hour)"
		}, want: "supports only EventBridge rules on CloudTrail's events"},
		{name: "schedule with a start", edit: func(t map[string]any) {
			properties(t, "Schedule")["StartDate"] = "2026-01-01T00:00:00Z"
		}, want: "StartDate"},
		{name: "schedule of something else", edit: func(t map[string]any) {
			properties(t, "Schedule")["Target"].(map[string]any)["Arn"] = map[string]any{"Ref": "Topic"}
		}, want: "schedules that invoke a function or start a state machine of the template"},
		{name: "schedule with a window", edit: func(t map[string]any) {
			properties(t, "Schedule")["FlexibleTimeWindow"] = map[string]any{"Mode": "FLEXIBLE", "MaximumWindowInMinutes": 5}
		}, want: "MaximumWindowInMinutes"},
		{name: "intrinsic", edit: func(t map[string]any) {
			properties(t, "Topic")["TopicName"] = map[string]any{"Fn::ImportValue": "x"}
		}, want: "Topic (AWS::SNS::Topic): TopicName: the local stack does not support Fn::ImportValue"},
		{name: "attribute", edit: func(t map[string]any) {
			properties(t, "Pointer")["Value"] = map[string]any{"Fn::GetAtt": []any{"Topic", "Colour"}}
		}, want: "does not support the attribute Colour of Topic"},
		{name: "name", edit: func(t map[string]any) {
			properties(t, "Pointer")["Value"] = map[string]any{"Ref": "Nobody"}
		}, want: "there is nothing with the name Nobody"},
		{name: "circle", edit: func(t map[string]any) {
			properties(t, "Topic")["TopicName"] = map[string]any{"Ref": "Pointer"}
			properties(t, "Pointer")["Value"] = map[string]any{"Ref": "Topic"}
		}, want: "depends on itself"},
		{name: "parameter without a default", edit: func(t map[string]any) {
			t["Parameters"] = map[string]any{"Colour": map[string]any{"Type": "String"}}
		}, want: "parameter Colour has no default"},
		{name: "code that is no asset", edit: func(t map[string]any) {
			properties(t, "Function")["Code"] = map[string]any{"S3Bucket": "b", "S3Key": "k"}
		}, want: "there is no asset at s3://b/k"},
		{name: "other API", edit: func(t map[string]any) { properties(t, "Api")["ProtocolType"] = "WEBSOCKET" }, want: "only HTTP APIs"},
		{name: "other payload format", edit: func(t map[string]any) { properties(t, "Integration")["PayloadFormatVersion"] = "1.0" }, want: "only integrations with functions in payload format 2.0"},
		{name: "transform", edit: func(t map[string]any) { t["Transform"] = "AWS::Serverless-2016-10-31" }, want: "Transform"},
	}
	local, err := localtest.Start()
	if err != nil {
		t.Fatal(err)
	}
	defer local.Stop()
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			loaded, err := stack.Load(assembly(t, tt.edit))
			if err == nil {
				_, err = loaded.Deploy(context.Background(), stack.Target{AWS: local.AWS(), Region: localtest.Region, AccountID: localtest.AccountID, APIURL: "http://api"})
			}
			if err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("error %v, want … %s …", err, tt.want)
			}
		})
	}
}
