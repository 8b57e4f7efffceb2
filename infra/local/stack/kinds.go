package stack

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"

	"sso-elevator/infra/local/gateway"
	"sso-elevator/infra/local/iam"
	"sso-elevator/infra/local/lambda"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/sfn"
	sfntypes "github.com/aws/aws-sdk-go-v2/service/sfn/types"
	"github.com/aws/aws-sdk-go-v2/service/sns"
	"github.com/aws/aws-sdk-go-v2/service/ssm"
	ssmtypes "github.com/aws/aws-sdk-go-v2/service/ssm/types"
	"github.com/aws/smithy-go"
)

// kinds are the functions that create each type of resource.
var kinds = map[string]func(*deployer, context.Context, string, map[string]any) (returnValues, error){
	"AWS::ApiGatewayV2::Api":           (*deployer).createAPI,
	"AWS::ApiGatewayV2::Integration":   (*deployer).createIntegration,
	"AWS::ApiGatewayV2::Route":         (*deployer).createRoute,
	"AWS::ApiGatewayV2::Stage":         (*deployer).createStage,
	"AWS::DynamoDB::Table":             (*deployer).createTable,
	"AWS::Events::Rule":                (*deployer).createEventRule,
	"AWS::IAM::Policy":                 (*deployer).createPolicy,
	"AWS::IAM::Role":                   (*deployer).createRole,
	"AWS::Lambda::Alias":               (*deployer).createAlias,
	"AWS::Lambda::Function":            (*deployer).createFunction,
	"AWS::Lambda::Url":                 (*deployer).createFunctionURL,
	"AWS::Lambda::Version":             (*deployer).createVersion,
	"AWS::S3::Bucket":                  (*deployer).createBucket,
	"AWS::S3::BucketPolicy":            (*deployer).createBucketPolicy,
	"AWS::SNS::Topic":                  (*deployer).createTopic,
	"AWS::Scheduler::Schedule":         (*deployer).createSchedule,
	"AWS::SSM::Parameter":              (*deployer).createParameter,
	"AWS::StepFunctions::StateMachine": (*deployer).createStateMachine,
}

// withoutEffect are the types of resources that change nothing on this machine.
// Nothing is billed or raises an alarm, topics and queues are open to everyone, and
// logs go to standard error. Failures are logged, so there are no dead letters. The
// page shows the audit records, and the bucket holds them unchanged. The table in
// Athena and Glue is left out, because nothing here runs queries.
var withoutEffect = map[string]bool{
	"AWS::Athena::NamedQuery":         true,
	"AWS::Athena::WorkGroup":          true,
	"AWS::CDK::Metadata":              true,
	"AWS::CloudWatch::Alarm":          true,
	"AWS::CloudWatch::CompositeAlarm": true,
	"AWS::CloudWatch::Dashboard":      true,
	"AWS::Glue::Database":             true,
	"AWS::Glue::Table":                true,
	"AWS::KMS::Alias":                 true,
	"AWS::KMS::Key":                   true,
	"AWS::Lambda::EventInvokeConfig":  true,
	"AWS::Lambda::Permission":         true,
	"AWS::Logs::LogGroup":             true,
	"AWS::Logs::MetricFilter":         true,
	"AWS::Logs::ResourcePolicy":       true,
	"AWS::SNS::Subscription":          true,
	"AWS::Scheduler::ScheduleGroup":   true,
	"AWS::SQS::Queue":                 true,
	"AWS::SQS::QueuePolicy":           true,
	"AWS::SNS::TopicPolicy":           true,
}

// createWithoutEffect returns the values of a resource without effect, because
// other resources may refer to it.
func (d *deployer) createWithoutEffect(_ context.Context, id string, p map[string]any) (returnValues, error) {
	resourceType := d.assembly.Template.Resources[id].Type
	name := d.name(id, p, "AlarmName", "LogGroupName", "DashboardName", "AliasName", "QueueName", "Name")
	service := strings.ToLower(strings.Split(resourceType, "::")[1])
	arn := fmt.Sprintf("arn:aws:%s:%s:%s:%s", service, d.target.Region, d.target.AccountID, name)
	switch resourceType {
	case "AWS::SQS::Queue":
		attrs := map[string]string{"Arn": arn, "QueueName": name}
		return returnValues{ref: fmt.Sprintf("https://sqs.%s.amazonaws.com/%s/%s", d.target.Region, d.target.AccountID, name), attrs: attrs}, nil
	case "AWS::Logs::LogGroup":
		arn = fmt.Sprintf("arn:aws:logs:%s:%s:log-group:%s:*", d.target.Region, d.target.AccountID, name)
	}
	return returnValues{ref: name, attrs: map[string]string{"Arn": arn}}, nil
}

// name returns the first of the named properties. If none is set, it makes a name
// from stack and logical id, as CloudFormation does.
func (d *deployer) name(id string, p map[string]any, properties ...string) string {
	for _, property := range properties {
		if s, ok := p[property].(string); ok {
			return s
		}
	}
	return d.stack + "-" + id
}

func (d *deployer) createBucket(ctx context.Context, id string, p map[string]any) (returnValues, error) {
	name := strings.ToLower(d.name(id, p, "BucketName"))
	if err := d.ensureBucket(ctx, name); err != nil {
		return returnValues{}, err
	}
	return returnValues{ref: name, attrs: map[string]string{
		"Arn": "arn:aws:s3:::" + name, "DomainName": name + ".s3.amazonaws.com", "RegionalDomainName": name + ".s3." + d.target.Region + ".amazonaws.com",
	}}, nil
}

// createBucketPolicy keeps the policy for the gateway, because moto doesn't enforce
// it.
func (d *deployer) createBucketPolicy(_ context.Context, id string, p map[string]any) (returnValues, error) {
	raw, err := json.Marshal(p["PolicyDocument"])
	if err != nil {
		return returnValues{}, err
	}
	policy, err := iam.ParseBucketPolicy(raw)
	if err != nil {
		return returnValues{}, err
	}
	bucket := fmt.Sprint(p["Bucket"])
	d.bucketPolicies[bucket] = append(d.bucketPolicies[bucket], policy)
	return returnValues{ref: id, attrs: map[string]string{}}, nil
}

func (d *deployer) ensureBucket(ctx context.Context, name string) error {
	_, err := d.s3.CreateBucket(ctx, &s3.CreateBucketInput{Bucket: aws.String(name)})
	if err != nil && !hasCode(err, "BucketAlreadyOwnedByYou", "BucketAlreadyExists") {
		return fmt.Errorf("create bucket %s: %w", name, err)
	}
	return nil
}

func (d *deployer) createTopic(ctx context.Context, id string, p map[string]any) (returnValues, error) {
	out, err := d.sns.CreateTopic(ctx, &sns.CreateTopicInput{Name: aws.String(d.name(id, p, "TopicName"))})
	if err != nil {
		return returnValues{}, err
	}
	arn := aws.ToString(out.TopicArn)
	return returnValues{ref: arn, attrs: map[string]string{"TopicArn": arn, "TopicName": arn[strings.LastIndexByte(arn, ':')+1:]}}, nil
}

func (d *deployer) createParameter(ctx context.Context, id string, p map[string]any) (returnValues, error) {
	name := d.name(id, p, "Name")
	value, _ := p["Value"].(string)
	kind, _ := p["Type"].(string)
	_, err := d.ssm.PutParameter(ctx, &ssm.PutParameterInput{Name: aws.String(name), Value: aws.String(value), Type: ssmtypes.ParameterType(kind), Overwrite: aws.Bool(true)})
	return returnValues{ref: name, attrs: map[string]string{"Value": value, "Type": kind}}, err
}

func (d *deployer) createFunction(_ context.Context, id string, p map[string]any) (returnValues, error) {
	var in struct {
		Code          struct{ S3Bucket, S3Key string }
		Handler       string
		Role          string
		PackageType   string
		MemorySize    int
		Timeout       int
		Environment   struct{ Variables map[string]string }
		Architectures []string
	}
	in.MemorySize, in.Timeout = 128, 3 // CloudFormation's defaults
	if err := decode(p, &in); err != nil {
		return returnValues{}, err
	}
	if in.Code.S3Key == "" {
		return returnValues{}, errors.New("the local stack runs only code that is an asset")
	}
	dir, err := d.codeDir(in.Code.S3Bucket, in.Code.S3Key)
	if err != nil {
		return returnValues{}, err
	}
	name := d.name(id, p, "FunctionName")
	d.functions[name] = &lambda.Function{
		Name: name, Dir: dir, Handler: in.Handler, Environment: in.Environment.Variables, Role: roleName(in.Role),
		Timeout: time.Duration(in.Timeout) * time.Second, MemoryMB: in.MemorySize, Aliases: map[string]string{},
	}
	return returnValues{ref: name, attrs: map[string]string{"Arn": d.functionARN(name)}}, nil
}

func (d *deployer) functionARN(name string) string {
	return fmt.Sprintf("arn:aws:lambda:%s:%s:function:%s", d.target.Region, d.target.AccountID, name)
}

// functionOf returns the function that a property names, by name or ARN.
func (d *deployer) functionOf(p map[string]any) (*lambda.Function, error) {
	name, _ := p["FunctionName"].(string)
	f, ok := d.functions[functionName(name)]
	if !ok {
		return nil, fmt.Errorf("there is no function %q", name)
	}
	return f, nil
}

// functionName returns the name in a function's name or unqualified ARN.
func functionName(nameOrARN string) string {
	if _, name, found := strings.Cut(nameOrARN, ":function:"); found {
		return name
	}
	return nameOrARN
}

func (d *deployer) createVersion(_ context.Context, _ string, p map[string]any) (returnValues, error) {
	f, err := d.functionOf(p)
	if err != nil {
		return returnValues{}, err
	}
	number := fmt.Sprint(len(f.Versions) + 1)
	f.Versions = append(f.Versions, number)
	arn := d.functionARN(f.Name) + ":" + number
	return returnValues{ref: arn, attrs: map[string]string{"Version": number, "FunctionArn": arn}}, nil
}

func (d *deployer) createAlias(_ context.Context, _ string, p map[string]any) (returnValues, error) {
	f, err := d.functionOf(p)
	if err != nil {
		return returnValues{}, err
	}
	name, _ := p["Name"].(string)
	version, _ := p["FunctionVersion"].(string)
	if name == "" || version == "" {
		return returnValues{}, errors.New("an alias needs a name and a version")
	}
	f.Aliases[name] = version
	arn := d.functionARN(f.Name) + ":" + name
	return returnValues{ref: arn, attrs: map[string]string{"AliasArn": arn}}, nil
}

// createFunctionURL serves a function's own URL beside the HTTP API's routes. It
// serves only POST, which is all that Slack uses. It doesn't support IAM's
// authorization, because no caller here could sign.
func (d *deployer) createFunctionURL(_ context.Context, _ string, p map[string]any) (returnValues, error) {
	if kind, _ := p["AuthType"].(string); kind != "NONE" {
		return returnValues{}, fmt.Errorf("the local stack supports only function URLs without authorization, not %q", kind)
	}
	arn, _ := p["TargetFunctionArn"].(string)
	_, name, _ := strings.Cut(arn, ":function:")
	qualifier, _ := p["Qualifier"].(string)
	if name, aliased, found := strings.Cut(name, ":"); found {
		return d.addFunctionURL(name, aliased)
	}
	return d.addFunctionURL(name, qualifier)
}

func (d *deployer) addFunctionURL(name, qualifier string) (returnValues, error) {
	if d.functions[name] == nil {
		return returnValues{}, fmt.Errorf("there is no function %q", name)
	}
	path := "/function-url/" + name + "/"
	d.routes = append(d.routes, gateway.Route{Method: "POST", Path: path, Function: name, Qualifier: qualifier})
	arn := d.functionARN(name)
	return returnValues{ref: arn, attrs: map[string]string{"FunctionArn": arn, "FunctionUrl": d.target.APIURL + path}}, nil
}

func (d *deployer) createStateMachine(ctx context.Context, id string, p map[string]any) (returnValues, error) {
	definition, ok := p["DefinitionString"].(string)
	if !ok {
		return returnValues{}, errors.New("the local stack supports definitions only in DefinitionString")
	}
	if substitutions, _ := p["DefinitionSubstitutions"].(map[string]any); len(substitutions) > 0 {
		for name, value := range substitutions {
			definition = strings.ReplaceAll(definition, "${"+name+"}", fmt.Sprint(value))
		}
	}
	kind, _ := p["StateMachineType"].(string)
	if kind == "" {
		kind = string(sfntypes.StateMachineTypeStandard)
	}
	role, _ := p["RoleArn"].(string)
	name := d.name(id, p, "StateMachineName")
	arn := fmt.Sprintf("arn:aws:states:%s:%s:stateMachine:%s", d.target.Region, d.target.AccountID, name)
	_, err := d.sfn.UpdateStateMachine(ctx, &sfn.UpdateStateMachineInput{StateMachineArn: aws.String(arn), Definition: aws.String(definition), RoleArn: aws.String(role)})
	if hasCode(err, "StateMachineDoesNotExist") {
		_, err = d.sfn.CreateStateMachine(ctx, &sfn.CreateStateMachineInput{
			Name: aws.String(name), Definition: aws.String(definition), RoleArn: aws.String(role), Type: sfntypes.StateMachineType(kind),
		})
	}
	if err != nil {
		return returnValues{}, err
	}
	d.stateMachines = append(d.stateMachines, arn)
	if err := d.noteMachineUses(arn, role, definition); err != nil {
		return returnValues{}, err
	}
	return returnValues{ref: arn, attrs: map[string]string{"Arn": arn, "Name": name}}, nil
}

func (d *deployer) createAPI(_ context.Context, id string, p map[string]any) (returnValues, error) {
	if kind, _ := p["ProtocolType"].(string); kind != "HTTP" {
		return returnValues{}, fmt.Errorf("the local stack supports only HTTP APIs, not %q", kind)
	}
	return returnValues{ref: id, attrs: map[string]string{"ApiId": id, "ApiEndpoint": d.target.APIURL}}, nil
}

func (d *deployer) createIntegration(_ context.Context, id string, p map[string]any) (returnValues, error) {
	kind, _ := p["IntegrationType"].(string)
	format, _ := p["PayloadFormatVersion"].(string)
	uri, _ := p["IntegrationUri"].(string)
	if kind != "AWS_PROXY" || format != "2.0" || !strings.Contains(uri, ":function:") {
		return returnValues{}, fmt.Errorf("the local stack supports only integrations with functions in payload format 2.0, not %s %s %s", kind, format, uri)
	}
	d.integrations[id] = uri
	return returnValues{ref: id, attrs: map[string]string{"IntegrationId": id}}, nil
}

func (d *deployer) createRoute(_ context.Context, id string, p map[string]any) (returnValues, error) {
	key, _ := p["RouteKey"].(string)
	method, path, found := strings.Cut(key, " ")
	if !found || strings.ContainsAny(path, "{}") {
		return returnValues{}, fmt.Errorf("the local stack supports only routes with a method and a fixed path, not %q", key)
	}
	target, _ := p["Target"].(string)
	uri, ok := d.integrations[strings.TrimPrefix(target, "integrations/")]
	if !ok {
		return returnValues{}, fmt.Errorf("route %q has no integration", key)
	}
	_, function, _ := strings.Cut(uri, ":function:")
	// An integration may wrap the ARN in the path of the Invoke API.
	function = strings.TrimSuffix(function, "/invocations")
	name, qualifier, _ := strings.Cut(function, ":")
	d.routes = append(d.routes, gateway.Route{Method: method, Path: path, Function: name, Qualifier: qualifier})
	return returnValues{ref: id, attrs: map[string]string{"RouteId": id}}, nil
}

func (d *deployer) createStage(_ context.Context, _ string, p map[string]any) (returnValues, error) {
	name, _ := p["StageName"].(string)
	if name != "$default" {
		return returnValues{}, fmt.Errorf("the local stack supports only the stage $default, not %q", name)
	}
	return returnValues{ref: name, attrs: map[string]string{}}, nil
}

// decode copies resolved properties into a struct whose fields have their names. It
// fails if a property's type differs from its field's.
func decode(properties map[string]any, into any) error {
	raw, err := json.Marshal(properties)
	if err != nil {
		return err
	}
	return json.Unmarshal(raw, into)
}

func hasCode(err error, codes ...string) bool {
	var api smithy.APIError
	if !errors.As(err, &api) {
		return false
	}
	for _, code := range codes {
		if api.ErrorCode() == code {
			return true
		}
	}
	return false
}
