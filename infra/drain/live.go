package drain

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
	"github.com/aws/aws-sdk-go-v2/service/lambda"
	"github.com/aws/aws-sdk-go-v2/service/sfn"
	sfntypes "github.com/aws/aws-sdk-go-v2/service/sfn/types"

	"sso-elevator/functions/adapters/host"
	"sso-elevator/functions/adapters/table"
	"sso-elevator/infra/deployed"
	"sso-elevator/infra/settings"
)

// live is the system on AWS, with the caller's credentials. To use the local stack,
// set AWS_ENDPOINT_URL.
type live struct {
	lambda *lambda.Client
	sfn    *sfn.Client
	table  *dynamodb.Client

	ingress, machine, tableName string
}

// connect finds the table and the machine in the environment of the function
// reconcile.
func connect(ctx context.Context, s *settings.Settings) (system, error) {
	cfg, err := deployed.Config(ctx)
	if err != nil {
		return nil, err
	}
	l := &live{lambda: lambda.NewFromConfig(cfg), sfn: sfn.NewFromConfig(cfg), table: dynamodb.NewFromConfig(cfg), ingress: s.FunctionName("ingress")}
	name := s.FunctionName("reconcile")
	f, found, err := deployed.Find(ctx, l.lambda, name)
	if err != nil {
		return nil, fmt.Errorf("find the deployed function %s: %w. Check your AWS credentials and region", name, err)
	}
	if !found {
		return nil, fmt.Errorf("nothing is deployed here: there is no function %s. Check your AWS account, your region, and name_prefix in the settings", name)
	}
	var environment struct {
		Machine host.RequestMachine
		Table   table.Settings
	}
	if err := f.ReadSettings(&environment); err != nil {
		return nil, err
	}
	l.machine, l.tableName = environment.Machine.ARN, environment.Table.Name
	return l, nil
}

func (l *live) Concurrency(ctx context.Context) (int, error) {
	out, err := l.lambda.GetFunctionConcurrency(ctx, &lambda.GetFunctionConcurrencyInput{FunctionName: &l.ingress})
	if err != nil {
		return 0, err
	}
	if out.ReservedConcurrentExecutions == nil {
		return -1, nil
	}
	return int(*out.ReservedConcurrentExecutions), nil
}

func (l *live) SetConcurrency(ctx context.Context, n int) error {
	if n < 0 {
		_, err := l.lambda.DeleteFunctionConcurrency(ctx, &lambda.DeleteFunctionConcurrencyInput{FunctionName: &l.ingress})
		return err
	}
	_, err := l.lambda.PutFunctionConcurrency(ctx, &lambda.PutFunctionConcurrencyInput{FunctionName: &l.ingress, ReservedConcurrentExecutions: aws.Int32(int32(n))})
	return err
}

func (l *live) ListRunning(ctx context.Context) ([]string, error) {
	var arns []string
	pages := sfn.NewListExecutionsPaginator(l.sfn, &sfn.ListExecutionsInput{StateMachineArn: &l.machine, StatusFilter: sfntypes.ExecutionStatusRunning, MaxResults: 1000})
	for pages.HasMorePages() {
		page, err := pages.NextPage(ctx)
		if err != nil {
			return nil, fmt.Errorf("list the executions: %w", err)
		}
		for _, e := range page.Executions {
			arns = append(arns, aws.ToString(e.ExecutionArn))
		}
	}
	return arns, nil
}

func (l *live) Stop(ctx context.Context, arn string) error {
	_, err := l.sfn.StopExecution(ctx, &sfn.StopExecutionInput{ExecutionArn: &arn, Error: aws.String("Drained"), Cause: aws.String("An operator ended all access (elevator drain).")})
	var gone *sfntypes.ExecutionDoesNotExist
	if err != nil && !errors.As(err, &gone) {
		return fmt.Errorf("stop %s: %w", arn, err)
	}
	return nil
}

func (l *live) ReadOpen(ctx context.Context) (open []request, leases []string, err error) {
	pages := dynamodb.NewScanPaginator(l.table, &dynamodb.ScanInput{TableName: &l.tableName, ConsistentRead: aws.Bool(true)})
	for pages.HasMorePages() {
		page, err := pages.NextPage(ctx)
		if err != nil {
			return nil, nil, fmt.Errorf("read the table: %w", err)
		}
		for _, row := range page.Items {
			key := stringOf(row[table.AttributeKey])
			if lease, is := strings.CutPrefix(key, table.LeasePrefix); is {
				leases = append(leases, lease)
			}
			if _, is := strings.CutPrefix(key, table.RequestPrefix); is && row["closed_at"] == nil {
				open = append(open, parseRequest(row))
			}
		}
	}
	return open, leases, nil
}

func (l *live) ReadRequest(ctx context.Context, id string) (request, bool, error) {
	out, err := l.table.GetItem(ctx, &dynamodb.GetItemInput{TableName: &l.tableName, ConsistentRead: aws.Bool(true),
		Key: map[string]types.AttributeValue{table.AttributeKey: &types.AttributeValueMemberS{Value: table.RequestPrefix + id}}})
	if err != nil || len(out.Item) == 0 {
		return request{}, false, err
	}
	return parseRequest(out.Item), true, nil
}

func parseRequest(row map[string]types.AttributeValue) request {
	id, target, granted := stringOf(row["id"]), mapOf(row["target"]), row["granted_at"]
	if id == "" { // someone deleted the row, and it was rebuilt (access.Rebuilt)
		rebuilt := mapOf(row["rebuilt"])
		id, target, granted = stringOf(rebuilt["id"]), mapOf(rebuilt["subject"]), rebuilt["granted_at"]
	}
	what := stringOf(target["permission_set"]) + " in " + stringOf(target["account_name"]) + " (" + stringOf(target["account_id"]) + ")"
	if stringOf(target["kind"]) == "group" {
		what = "group " + stringOf(target["group_name"])
	}
	return request{
		ID: id, Who: stringOf(mapOf(row["requester"])["email"]), What: what,
		Outcome: stringOf(mapOf(row["outcome"])["kind"]), Removal: stringOf(row["removal"]),
		Granted: granted != nil, Removed: row["revoked_at"] != nil, Closed: row["closed_at"] != nil,
	}
}

func stringOf(v types.AttributeValue) string {
	if s, ok := v.(*types.AttributeValueMemberS); ok {
		return s.Value
	}
	return ""
}

func mapOf(v types.AttributeValue) map[string]types.AttributeValue {
	if m, ok := v.(*types.AttributeValueMemberM); ok {
		return m.Value
	}
	return nil
}
