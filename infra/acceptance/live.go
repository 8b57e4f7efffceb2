package acceptance

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cloudformation"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/identitystore"
	"github.com/aws/aws-sdk-go-v2/service/identitystore/document"
	idtypes "github.com/aws/aws-sdk-go-v2/service/identitystore/types"
	"github.com/aws/aws-sdk-go-v2/service/lambda"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/sfn"
	sfntypes "github.com/aws/aws-sdk-go-v2/service/sfn/types"
	"github.com/aws/aws-sdk-go-v2/service/ssoadmin"
	ssotypes "github.com/aws/aws-sdk-go-v2/service/ssoadmin/types"

	"sso-elevator/functions/access"
	"sso-elevator/functions/adapters/auditlog"
	"sso-elevator/functions/adapters/catalog"
	"sso-elevator/functions/adapters/findings"
	"sso-elevator/functions/adapters/host"
	"sso-elevator/functions/adapters/identitycenter"
	"sso-elevator/functions/adapters/table"
	"sso-elevator/infra/deployed"
)

// live is the system on AWS, with the caller's credentials.
type live struct {
	name      string // of the stack
	aws       aws.Config
	stacks    *cloudformation.Client
	functions *lambda.Client
	machines  *sfn.Client
	buckets   *s3.Client

	resources []Resource
	// Found by Functions.
	settings        places
	table           *table.Table
	admin           *ssoadmin.Client
	people          *identitystore.Client
	instance, store string
}

// places are the functions' settings that locate the other resources.
type places struct {
	Table            table.Settings
	Catalog          catalog.Settings
	Audit            auditlog.Settings
	RequestMachine   host.RequestMachine
	ReconcileMachine host.ReconcileMachine
	IdentityCenter   identitycenter.Settings
}

// Connect returns the system of a CloudFormation stack.
func Connect(cfg aws.Config, stack string) System {
	return &live{
		name: stack, aws: cfg,
		stacks: cloudformation.NewFromConfig(cfg), functions: lambda.NewFromConfig(cfg), machines: sfn.NewFromConfig(cfg),
		// A server at its own address has no host name for each bucket.
		buckets: s3.NewFromConfig(cfg, func(o *s3.Options) { o.UsePathStyle = cfg.BaseEndpoint != nil }),
	}
}

func (l *live) Stack(ctx context.Context) (Stack, error) {
	out, err := l.stacks.DescribeStacks(ctx, &cloudformation.DescribeStacksInput{StackName: &l.name})
	if err != nil {
		return Stack{}, fmt.Errorf("describe the stack %s: %w", l.name, err)
	}
	if len(out.Stacks) != 1 {
		return Stack{}, fmt.Errorf("CloudFormation returned %d stacks named %s", len(out.Stacks), l.name)
	}
	one := out.Stacks[0]
	s := Stack{Status: string(one.StackStatus), Changed: aws.ToTime(cmp.Or(one.LastUpdatedTime, one.CreationTime))}
	for pages := cloudformation.NewListStackResourcesPaginator(l.stacks, &cloudformation.ListStackResourcesInput{StackName: &l.name}); pages.HasMorePages(); {
		page, err := pages.NextPage(ctx)
		if err != nil {
			return Stack{}, fmt.Errorf("list the resources of the stack: %w", err)
		}
		for _, r := range page.StackResourceSummaries {
			s.Resources = append(s.Resources, Resource{aws.ToString(r.LogicalResourceId), aws.ToString(r.ResourceType), aws.ToString(r.PhysicalResourceId), string(r.ResourceStatus)})
		}
	}
	l.resources = s.Resources
	return s, nil
}

// Functions reads the functions of the stack. Their environment says where
// everything else is.
func (l *live) Functions(ctx context.Context) ([]deployed.Function, error) {
	var all []deployed.Function
	environment := map[string]string{}
	for _, r := range l.resources {
		if r.Type != "AWS::Lambda::Function" {
			continue
		}
		f, found, err := deployed.Find(ctx, l.functions, r.PhysicalID)
		if err != nil {
			return nil, err
		}
		if !found {
			f = deployed.Function{Name: r.PhysicalID, Problem: "it does not exist"}
		}
		for name, value := range f.Environment {
			environment[name] = value
		}
		all = append(all, f)
	}
	_, required := host.Variables(l.settings)
	for _, name := range required {
		if environment[name] == "" {
			return nil, fmt.Errorf("no function of the stack %s has the variable %s", l.name, name)
		}
	}
	if err := host.ReadSettings(&l.settings, func(name string) string { return environment[name] }); err != nil {
		return nil, err
	}
	l.table = table.New(dynamodb.NewFromConfig(l.aws), l.settings.Table.Name)
	return all, l.findInstance(ctx)
}

func (l *live) findInstance(ctx context.Context) error {
	sso := l.aws.Copy()
	sso.Region = cmp.Or(l.settings.IdentityCenter.Region, l.aws.Region)
	l.admin, l.people = ssoadmin.NewFromConfig(sso), identitystore.NewFromConfig(sso)
	want := l.settings.IdentityCenter.InstanceARN
	for pages := ssoadmin.NewListInstancesPaginator(l.admin, &ssoadmin.ListInstancesInput{}); pages.HasMorePages(); {
		page, err := pages.NextPage(ctx)
		if err != nil {
			return fmt.Errorf("find Identity Center: %w", err)
		}
		for _, i := range page.Instances {
			if want == "" || want == aws.ToString(i.InstanceArn) {
				l.instance, l.store = aws.ToString(i.InstanceArn), aws.ToString(i.IdentityStoreId)
				return nil
			}
		}
	}
	return errors.New("this account sees no such instance of Identity Center; check sso_region and sso_instance_arn")
}

func (l *live) Machines(ctx context.Context) (problems []string, n int, err error) {
	for _, arn := range []string{l.settings.RequestMachine.ARN, l.settings.ReconcileMachine.ARN} {
		if !slices.ContainsFunc(l.resources, func(r Resource) bool { return r.PhysicalID == arn }) {
			problems = append(problems, fmt.Sprintf("the functions use the state machine %s, which is not in the stack", arn))
			continue
		}
		out, err := l.machines.DescribeStateMachine(ctx, &sfn.DescribeStateMachineInput{StateMachineArn: &arn})
		var none *sfntypes.StateMachineDoesNotExist
		switch {
		case errors.As(err, &none):
			problems = append(problems, fmt.Sprintf("the state machine %s does not exist", arn))
			continue
		case err != nil:
			return nil, 0, err
		case out.Status != sfntypes.StateMachineStatusActive:
			problems = append(problems, fmt.Sprintf("the state machine %s is %s", arn, out.Status))
		}
		n++
	}
	return problems, n, nil
}

func (l *live) Open(ctx context.Context) (ids []string, err error) {
	requests, err := l.table.OpenRequests(ctx)
	for _, r := range requests {
		ids = append(ids, r.ID)
	}
	return ids, err
}

func (l *live) Request(ctx context.Context, id string) (access.Request, error) {
	return l.table.Get(ctx, id)
}

func (l *live) Lease(ctx context.Context, s access.Subject) (access.Lease, bool, error) {
	return l.table.Lease(ctx, s.Key())
}

func (l *live) User(ctx context.Context, email string) (string, error) {
	out, err := l.people.GetUserId(ctx, &identitystore.GetUserIdInput{IdentityStoreId: &l.store,
		AlternateIdentifier: &idtypes.AlternateIdentifierMemberUniqueAttribute{Value: idtypes.UniqueAttribute{
			AttributePath: aws.String("emails.value"), AttributeValue: document.NewLazyDocument(email),
		}}})
	if err != nil {
		return "", err
	}
	return aws.ToString(out.UserId), nil
}

func (l *live) Emails(ctx context.Context, id string) (emails []string, err error) {
	out, err := l.people.DescribeUser(ctx, &identitystore.DescribeUserInput{IdentityStoreId: &l.store, UserId: &id})
	if err != nil {
		return nil, err
	}
	for _, e := range out.Emails {
		emails = append(emails, aws.ToString(e.Value))
	}
	return emails, nil
}

func (l *live) Assigned(ctx context.Context, s access.Subject) (bool, error) {
	in := &ssoadmin.ListAccountAssignmentsInput{InstanceArn: &l.instance, AccountId: &s.AccountID, PermissionSetArn: &s.PermissionSetARN}
	for pages := ssoadmin.NewListAccountAssignmentsPaginator(l.admin, in); pages.HasMorePages(); {
		page, err := pages.NextPage(ctx)
		if err != nil {
			return false, err
		}
		for _, a := range page.AccountAssignments {
			if a.PrincipalType == ssotypes.PrincipalTypeUser && aws.ToString(a.PrincipalId) == s.PrincipalID {
				return true, nil
			}
		}
	}
	return false, nil
}

func (l *live) Assign(ctx context.Context, s access.Subject) error {
	out, err := l.admin.CreateAccountAssignment(ctx, &ssoadmin.CreateAccountAssignmentInput{
		InstanceArn: &l.instance, TargetType: ssotypes.TargetTypeAwsAccount, TargetId: &s.AccountID,
		PermissionSetArn: &s.PermissionSetARN, PrincipalType: ssotypes.PrincipalTypeUser, PrincipalId: &s.PrincipalID,
	})
	if err != nil {
		return err
	}
	return settled(ctx, out.AccountAssignmentCreationStatus, func(id *string) (*ssotypes.AccountAssignmentOperationStatus, error) {
		out, err := l.admin.DescribeAccountAssignmentCreationStatus(ctx, &ssoadmin.DescribeAccountAssignmentCreationStatusInput{InstanceArn: &l.instance, AccountAssignmentCreationRequestId: id})
		if err != nil {
			return nil, err
		}
		return out.AccountAssignmentCreationStatus, nil
	})
}

func (l *live) Unassign(ctx context.Context, s access.Subject) error {
	out, err := l.admin.DeleteAccountAssignment(ctx, &ssoadmin.DeleteAccountAssignmentInput{
		InstanceArn: &l.instance, TargetType: ssotypes.TargetTypeAwsAccount, TargetId: &s.AccountID,
		PermissionSetArn: &s.PermissionSetARN, PrincipalType: ssotypes.PrincipalTypeUser, PrincipalId: &s.PrincipalID,
	})
	if err != nil {
		return err
	}
	return settled(ctx, out.AccountAssignmentDeletionStatus, func(id *string) (*ssotypes.AccountAssignmentOperationStatus, error) {
		out, err := l.admin.DescribeAccountAssignmentDeletionStatus(ctx, &ssoadmin.DescribeAccountAssignmentDeletionStatusInput{InstanceArn: &l.instance, AccountAssignmentDeletionRequestId: id})
		if err != nil {
			return nil, err
		}
		return out.AccountAssignmentDeletionStatus, nil
	})
}

// settled waits until Identity Center has finished an operation.
func settled(ctx context.Context, status *ssotypes.AccountAssignmentOperationStatus, ask func(id *string) (*ssotypes.AccountAssignmentOperationStatus, error)) error {
	for {
		switch {
		case status == nil:
			//lint:ignore ST1005 the service's name
			return errors.New("Identity Center returned no status of the operation")
		case status.Status == ssotypes.StatusValuesSucceeded:
			return nil
		case status.Status == ssotypes.StatusValuesFailed:
			//lint:ignore ST1005 the service's name
			return fmt.Errorf("Identity Center says: %s", aws.ToString(status.FailureReason))
		}
		if err := sleep(ctx, time.Second); err != nil {
			return err
		}
		var err error
		if status, err = ask(status.RequestId); err != nil {
			return err
		}
	}
}

func (l *live) Status(ctx context.Context, execution string) (Status, error) {
	out, err := l.machines.DescribeExecution(ctx, &sfn.DescribeExecutionInput{ExecutionArn: &execution})
	if err != nil {
		return Status{}, err
	}
	return Status{string(out.Status), aws.ToString(out.Error), aws.ToString(out.Cause)}, nil
}

func (l *live) Stop(ctx context.Context, execution string) error {
	_, err := l.machines.StopExecution(ctx, &sfn.StopExecutionInput{ExecutionArn: &execution, Error: aws.String("Acceptance"), Cause: aws.String("elevator acceptance stopped this execution to test that its access is still removed.")})
	return err
}

func (l *live) History(ctx context.Context, execution string) (h History, err error) {
	for pages := sfn.NewGetExecutionHistoryPaginator(l.machines, &sfn.GetExecutionHistoryInput{ExecutionArn: &execution, MaxResults: 1000}); pages.HasMorePages(); {
		page, err := pages.NextPage(ctx)
		if err != nil {
			return h, err
		}
		for _, e := range page.Events {
			h.Events++
			h.Largest = max(h.Largest, largest(e))
		}
	}
	return h, nil
}

// largest returns the size of an event's input or output, whichever is larger.
func largest(e sfntypes.HistoryEvent) int {
	var texts []*string
	if d := e.ExecutionStartedEventDetails; d != nil {
		texts = append(texts, d.Input)
	}
	if d := e.ExecutionSucceededEventDetails; d != nil {
		texts = append(texts, d.Output)
	}
	if d := e.StateEnteredEventDetails; d != nil {
		texts = append(texts, d.Input)
	}
	if d := e.StateExitedEventDetails; d != nil {
		texts = append(texts, d.Output)
	}
	if d := e.TaskScheduledEventDetails; d != nil {
		texts = append(texts, d.Parameters)
	}
	if d := e.TaskSucceededEventDetails; d != nil {
		texts = append(texts, d.Output)
	}
	n := 0
	for _, text := range texts {
		n = max(n, len(aws.ToString(text)))
	}
	return n
}

func (l *live) StartWarn(ctx context.Context, name string) (string, error) {
	out, err := l.machines.StartExecution(ctx, &sfn.StartExecutionInput{StateMachineArn: &l.settings.ReconcileMachine.ARN, Name: &name, Input: aws.String(`{"mode":"` + string(access.DriftWarn) + `"}`)})
	if err != nil {
		return "", err
	}
	return aws.ToString(out.ExecutionArn), nil
}

func (l *live) Catalog(ctx context.Context) (catalog.Names, error) {
	return catalog.Object{Client: l.buckets, Bucket: l.settings.Catalog.Bucket}.GetNames(ctx)
}

func (l *live) Findings(ctx context.Context, run string) ([]access.Finding, error) {
	return findings.New(l.buckets, l.settings.Catalog.Bucket).Findings(ctx, run)
}

func (l *live) AuditPrefix() string { return l.settings.Audit.Prefix }

func (l *live) Records(ctx context.Context, prefix string) ([]Record, error) {
	bucket := l.settings.Audit.Bucket
	var records []Record
	for pages := s3.NewListObjectsV2Paginator(l.buckets, &s3.ListObjectsV2Input{Bucket: &bucket, Prefix: &prefix}); pages.HasMorePages(); {
		page, err := pages.NextPage(ctx)
		if err != nil {
			return nil, fmt.Errorf("list the audit records: %w", err)
		}
		for _, o := range page.Contents {
			record, err := l.record(ctx, bucket, aws.ToString(o.Key))
			if err != nil {
				return nil, fmt.Errorf("read the audit record %s: %w", aws.ToString(o.Key), err)
			}
			records = append(records, record)
		}
	}
	return records, nil
}

func (l *live) record(ctx context.Context, bucket, key string) (r Record, err error) {
	out, err := l.buckets.GetObject(ctx, &s3.GetObjectInput{Bucket: &bucket, Key: &key})
	if err != nil {
		return r, err
	}
	defer out.Body.Close()
	text, err := io.ReadAll(out.Body)
	if err != nil {
		return r, err
	}
	r.Key, r.Bytes = key, len(text)
	return r, json.Unmarshal(text, &r.Record)
}
