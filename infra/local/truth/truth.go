// Package truth reads the real state: who has which access in Identity Center, which
// state each execution is in, and what the audit bucket contains. It asks AWS, and
// trusts neither Slack nor the table.
package truth

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"sort"
	"strings"
	"sync"
	"time"

	"sso-elevator/slack/simulator"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/identitystore"
	identitytypes "github.com/aws/aws-sdk-go-v2/service/identitystore/types"
	"github.com/aws/aws-sdk-go-v2/service/organizations"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/sfn"
	sfntypes "github.com/aws/aws-sdk-go-v2/service/sfn/types"
	"github.com/aws/aws-sdk-go-v2/service/ssoadmin"
	ssotypes "github.com/aws/aws-sdk-go-v2/service/ssoadmin/types"
)

// Limits for lists that only grow: the latest executions and the latest audit
// records.
const (
	maxExecutions = 25
	maxRecords    = 200
)

// Config says where to look.
type Config struct {
	AWS           aws.Config
	StateMachines []string // ARNs
	AuditBucket   string
	AuditPrefix   string
}

// Reader reads the real state, and remembers what can no longer change.
type Reader struct {
	config Config
	admin  *ssoadmin.Client
	store  *identitystore.Client
	org    *organizations.Client
	sfn    *sfn.Client
	s3     *s3.Client

	mu             sync.Mutex // one Read at a time
	instance       ssotypes.InstanceMetadata
	accounts       map[string]string             // id to name
	permissionSets map[string]string             // ARN to name
	users          map[string]identitytypes.User // by id
	ended          map[string]execution          // by ARN
	records        map[string]json.RawMessage    // by key; a record is written once
}

// New returns a reader.
func New(c Config) *Reader {
	return &Reader{
		config: c,
		admin:  ssoadmin.NewFromConfig(c.AWS), store: identitystore.NewFromConfig(c.AWS), org: organizations.NewFromConfig(c.AWS),
		sfn: sfn.NewFromConfig(c.AWS), s3: s3.NewFromConfig(c.AWS, func(o *s3.Options) { o.UsePathStyle = true }),
		accounts: map[string]string{}, permissionSets: map[string]string{}, ended: map[string]execution{}, records: map[string]json.RawMessage{},
	}
}

// Read reads the state from AWS.
func (r *Reader) Read(ctx context.Context) (simulator.Truth, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	t := simulator.Truth{Assignments: []simulator.Assignment{}, Memberships: []simulator.Membership{}, Executions: []simulator.Execution{}, Audit: []simulator.AuditRecord{}}
	if err := r.readAccess(ctx, &t); err != nil {
		return simulator.Truth{}, err
	}
	executions, err := r.readExecutions(ctx)
	if err != nil {
		return simulator.Truth{}, err
	}
	records, err := r.readAudit(ctx)
	if err != nil {
		return simulator.Truth{}, err
	}
	connect(&t, executions, records, namesOf(r.users))
	return t, nil
}

// readAccess reads assignments and memberships, person by person and group by
// group.
func (r *Reader) readAccess(ctx context.Context, t *simulator.Truth) error {
	if r.instance.InstanceArn == nil {
		out, err := r.admin.ListInstances(ctx, &ssoadmin.ListInstancesInput{})
		if err != nil {
			return fmt.Errorf("list instances: %w", err)
		}
		if len(out.Instances) == 0 {
			return nil
		}
		r.instance = out.Instances[0]
	}
	r.users = map[string]identitytypes.User{}
	pages := identitystore.NewListUsersPaginator(r.store, &identitystore.ListUsersInput{IdentityStoreId: r.instance.IdentityStoreId})
	for pages.HasMorePages() {
		page, err := pages.NextPage(ctx)
		if err != nil {
			return fmt.Errorf("list users: %w", err)
		}
		for _, u := range page.Users {
			r.users[aws.ToString(u.UserId)] = u
		}
	}
	if err := r.readAssignments(ctx, t); err != nil {
		return err
	}
	groups := identitystore.NewListGroupsPaginator(r.store, &identitystore.ListGroupsInput{IdentityStoreId: r.instance.IdentityStoreId})
	for groups.HasMorePages() {
		page, err := groups.NextPage(ctx)
		if err != nil {
			return fmt.Errorf("list groups: %w", err)
		}
		for _, g := range page.Groups {
			if err := r.readMembers(ctx, g, t); err != nil {
				return err
			}
		}
	}
	sort.SliceStable(t.Assignments, func(i, j int) bool {
		a, b := t.Assignments[i], t.Assignments[j]
		return a.AccountName+a.PermissionSet+a.UserName < b.AccountName+b.PermissionSet+b.UserName
	})
	return nil
}

// readAssignments reads users' own assignments by permission set and account. Only
// the management account may list them by user, and the stack may be in another
// account.
func (r *Reader) readAssignments(ctx context.Context, t *simulator.Truth) error {
	sets := ssoadmin.NewListPermissionSetsPaginator(r.admin, &ssoadmin.ListPermissionSetsInput{InstanceArn: r.instance.InstanceArn, MaxResults: aws.Int32(100)})
	for sets.HasMorePages() {
		page, err := sets.NextPage(ctx)
		if err != nil {
			return fmt.Errorf("list permission sets: %w", err)
		}
		for _, set := range page.PermissionSets {
			accounts := ssoadmin.NewListAccountsForProvisionedPermissionSetPaginator(r.admin, &ssoadmin.ListAccountsForProvisionedPermissionSetInput{
				InstanceArn: r.instance.InstanceArn, PermissionSetArn: &set, MaxResults: aws.Int32(100),
			})
			for accounts.HasMorePages() {
				page, err := accounts.NextPage(ctx)
				if err != nil {
					return fmt.Errorf("list accounts with %s: %w", r.permissionSetName(ctx, set), err)
				}
				for _, account := range page.AccountIds {
					if err := r.readAssignmentsOf(ctx, account, set, t); err != nil {
						return err
					}
				}
			}
		}
	}
	return nil
}

func (r *Reader) readAssignmentsOf(ctx context.Context, account, set string, t *simulator.Truth) error {
	pages := ssoadmin.NewListAccountAssignmentsPaginator(r.admin, &ssoadmin.ListAccountAssignmentsInput{
		InstanceArn: r.instance.InstanceArn, AccountId: &account, PermissionSetArn: &set, MaxResults: aws.Int32(100),
	})
	for pages.HasMorePages() {
		page, err := pages.NextPage(ctx)
		if err != nil {
			return fmt.Errorf("list assignments in %s: %w", account, err)
		}
		for _, a := range page.AccountAssignments {
			if a.PrincipalType != ssotypes.PrincipalTypeUser {
				continue
			}
			u := r.users[aws.ToString(a.PrincipalId)]
			t.Assignments = append(t.Assignments, simulator.Assignment{
				AccountID: account, AccountName: r.accountName(ctx, account),
				PermissionSet: r.permissionSetName(ctx, set),
				UserName:      aws.ToString(u.DisplayName), Email: email(u), PrincipalID: aws.ToString(a.PrincipalId),
			})
		}
	}
	return nil
}

func (r *Reader) readMembers(ctx context.Context, g identitytypes.Group, t *simulator.Truth) error {
	pages := identitystore.NewListGroupMembershipsPaginator(r.store, &identitystore.ListGroupMembershipsInput{IdentityStoreId: r.instance.IdentityStoreId, GroupId: g.GroupId})
	for pages.HasMorePages() {
		page, err := pages.NextPage(ctx)
		if err != nil {
			return fmt.Errorf("list members of %s: %w", aws.ToString(g.DisplayName), err)
		}
		for _, m := range page.GroupMemberships {
			member, ok := m.MemberId.(*identitytypes.MemberIdMemberUserId)
			if !ok {
				continue
			}
			u := r.users[member.Value]
			t.Memberships = append(t.Memberships, simulator.Membership{
				GroupName: aws.ToString(g.DisplayName), GroupID: aws.ToString(g.GroupId), UserName: aws.ToString(u.DisplayName), Email: email(u), PrincipalID: member.Value,
			})
		}
	}
	return nil
}

func email(u identitytypes.User) string {
	for _, e := range u.Emails {
		return aws.ToString(e.Value)
	}
	return ""
}

// accountName returns the account's name, or its id if it has none.
func (r *Reader) accountName(ctx context.Context, id string) string {
	if name, ok := r.accounts[id]; ok {
		return name
	}
	out, err := r.org.DescribeAccount(ctx, &organizations.DescribeAccountInput{AccountId: aws.String(id)})
	if err != nil {
		return id
	}
	r.accounts[id] = aws.ToString(out.Account.Name)
	return r.accounts[id]
}

// permissionSetName returns the permission set's name, or the end of its ARN if the
// name can't be read.
func (r *Reader) permissionSetName(ctx context.Context, arn string) string {
	if name, ok := r.permissionSets[arn]; ok {
		return name
	}
	out, err := r.admin.DescribePermissionSet(ctx, &ssoadmin.DescribePermissionSetInput{InstanceArn: r.instance.InstanceArn, PermissionSetArn: aws.String(arn)})
	if err != nil {
		return arn[strings.LastIndexByte(arn, '/')+1:]
	}
	r.permissionSets[arn] = aws.ToString(out.PermissionSet.Name)
	return r.permissionSets[arn]
}

func (r *Reader) readExecutions(ctx context.Context) ([]execution, error) {
	var all []execution
	for _, machine := range r.config.StateMachines {
		list, err := r.sfn.ListExecutions(ctx, &sfn.ListExecutionsInput{StateMachineArn: aws.String(machine), MaxResults: maxExecutions})
		if err != nil {
			return nil, fmt.Errorf("list executions: %w", err)
		}
		for _, item := range list.Executions {
			e, err := r.readExecution(ctx, item)
			if err != nil {
				return nil, err
			}
			all = append(all, e)
		}
	}
	sort.SliceStable(all, func(i, j int) bool { return all[i].started.After(all[j].started) })
	return all, nil
}

func (r *Reader) readExecution(ctx context.Context, item sfntypes.ExecutionListItem) (execution, error) {
	arn := aws.ToString(item.ExecutionArn)
	if known, ok := r.ended[arn]; ok {
		return known, nil
	}
	var events []sfntypes.HistoryEvent
	pages := sfn.NewGetExecutionHistoryPaginator(r.sfn, &sfn.GetExecutionHistoryInput{ExecutionArn: item.ExecutionArn, MaxResults: 1000})
	for pages.HasMorePages() {
		page, err := pages.NextPage(ctx)
		if err != nil {
			return execution{}, fmt.Errorf("history of %s: %w", aws.ToString(item.Name), err)
		}
		events = append(events, page.Events...)
	}
	e := execution{
		name: aws.ToString(item.Name), status: item.Status, started: aws.ToTime(item.StartDate).UTC(), stopped: aws.ToTime(item.StopDate).UTC(),
		data: dataOf(events), states: stateVisits(events),
	}
	if e.stopped.Equal(time.Unix(0, 0)) {
		e.stopped = time.Time{}
	}
	if item.Status != sfntypes.ExecutionStatusRunning {
		r.ended[arn] = e
	}
	return e, nil
}

// readAudit returns the latest audit records, oldest first.
func (r *Reader) readAudit(ctx context.Context) ([]json.RawMessage, error) {
	if r.config.AuditBucket == "" {
		return nil, nil
	}
	prefix := strings.TrimSuffix(r.config.AuditPrefix, "/")
	if prefix != "" {
		prefix += "/"
	}
	type object struct {
		key string
		at  time.Time
	}
	var objects []object
	pages := s3.NewListObjectsV2Paginator(r.s3, &s3.ListObjectsV2Input{Bucket: aws.String(r.config.AuditBucket), Prefix: aws.String(prefix)})
	for pages.HasMorePages() {
		page, err := pages.NextPage(ctx)
		if err != nil {
			return nil, fmt.Errorf("list audit records: %w", err)
		}
		for _, o := range page.Contents {
			objects = append(objects, object{aws.ToString(o.Key), aws.ToTime(o.LastModified)})
		}
	}
	sort.SliceStable(objects, func(i, j int) bool { return objects[i].at.Before(objects[j].at) })
	var records []json.RawMessage
	for _, o := range objects[max(0, len(objects)-maxRecords):] {
		record, err := r.record(ctx, o.key)
		if err != nil {
			return nil, err
		}
		records = append(records, record)
	}
	return records, nil
}

func (r *Reader) record(ctx context.Context, key string) (json.RawMessage, error) {
	if known, ok := r.records[key]; ok {
		return known, nil
	}
	out, err := r.s3.GetObject(ctx, &s3.GetObjectInput{Bucket: aws.String(r.config.AuditBucket), Key: aws.String(key)})
	if err != nil {
		return nil, fmt.Errorf("read audit record %s: %w", key, err)
	}
	defer out.Body.Close()
	raw, err := io.ReadAll(out.Body)
	if err != nil {
		return nil, fmt.Errorf("read audit record %s: %w", key, err)
	}
	if !json.Valid(raw) {
		raw, _ = json.Marshal(map[string]string{"error": "this object is not JSON", "key": key})
	}
	r.records[key] = raw
	return raw, nil
}
