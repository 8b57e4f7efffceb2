package doctor

import (
	"context"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/identitystore"
	idtypes "github.com/aws/aws-sdk-go-v2/service/identitystore/types"
	"github.com/aws/aws-sdk-go-v2/service/lambda"
	lambdatypes "github.com/aws/aws-sdk-go-v2/service/lambda/types"
	"github.com/aws/aws-sdk-go-v2/service/organizations"
	orgtypes "github.com/aws/aws-sdk-go-v2/service/organizations/types"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager"
	"github.com/aws/aws-sdk-go-v2/service/ssm"
	ssmtypes "github.com/aws/aws-sdk-go-v2/service/ssm/types"
	"github.com/aws/aws-sdk-go-v2/service/ssoadmin"
	ssotypes "github.com/aws/aws-sdk-go-v2/service/ssoadmin/types"
	"github.com/aws/smithy-go"
	smithyhttp "github.com/aws/smithy-go/transport/http"

	"sso-elevator/functions/access"
	"sso-elevator/slack"
)

// The services, as small as the checks see them. What a test does not set is
// empty.

type fakeAdmin struct {
	instances   []ssotypes.InstanceMetadata
	describe    *ssoadmin.DescribeInstanceOutput
	sets        []permissionSet
	provisioned []string // ARNs, in any account
	err         error
	described   int
}

func (f *fakeAdmin) ListInstances(context.Context, *ssoadmin.ListInstancesInput, ...func(*ssoadmin.Options)) (*ssoadmin.ListInstancesOutput, error) {
	return &ssoadmin.ListInstancesOutput{Instances: f.instances}, f.err
}

func (f *fakeAdmin) DescribeInstance(context.Context, *ssoadmin.DescribeInstanceInput, ...func(*ssoadmin.Options)) (*ssoadmin.DescribeInstanceOutput, error) {
	return f.describe, f.err
}

func (f *fakeAdmin) ListPermissionSets(context.Context, *ssoadmin.ListPermissionSetsInput, ...func(*ssoadmin.Options)) (*ssoadmin.ListPermissionSetsOutput, error) {
	out := &ssoadmin.ListPermissionSetsOutput{}
	for _, s := range f.sets {
		out.PermissionSets = append(out.PermissionSets, s.arn)
	}
	return out, f.err
}

func (f *fakeAdmin) DescribePermissionSet(_ context.Context, in *ssoadmin.DescribePermissionSetInput, _ ...func(*ssoadmin.Options)) (*ssoadmin.DescribePermissionSetOutput, error) {
	f.described++
	for _, s := range f.sets {
		if s.arn == *in.PermissionSetArn {
			return &ssoadmin.DescribePermissionSetOutput{PermissionSet: &ssotypes.PermissionSet{Name: aws.String(s.name), SessionDuration: aws.String(s.session)}}, nil
		}
	}
	return nil, fmt.Errorf("no %s", *in.PermissionSetArn)
}

func (f *fakeAdmin) ListPermissionSetsProvisionedToAccount(_ context.Context, in *ssoadmin.ListPermissionSetsProvisionedToAccountInput, _ ...func(*ssoadmin.Options)) (*ssoadmin.ListPermissionSetsProvisionedToAccountOutput, error) {
	if *in.AccountId != managing {
		return nil, fmt.Errorf("asked about %s", *in.AccountId)
	}
	return &ssoadmin.ListPermissionSetsProvisionedToAccountOutput{PermissionSets: f.provisioned}, f.err
}

// Two accounts: one in which everything runs, one that manages.
const (
	own      = "111111111111"
	managing = "999999999999"
)

type fakeOrg struct {
	management   string
	delegated    []string
	accounts     []orgtypes.Account
	err, listErr error
}

func (f *fakeOrg) DescribeOrganization(context.Context, *organizations.DescribeOrganizationInput, ...func(*organizations.Options)) (*organizations.DescribeOrganizationOutput, error) {
	return &organizations.DescribeOrganizationOutput{Organization: &orgtypes.Organization{MasterAccountId: &f.management}}, f.err
}

func (f *fakeOrg) ListDelegatedAdministrators(_ context.Context, in *organizations.ListDelegatedAdministratorsInput, _ ...func(*organizations.Options)) (*organizations.ListDelegatedAdministratorsOutput, error) {
	if aws.ToString(in.ServicePrincipal) != "sso.amazonaws.com" {
		return nil, fmt.Errorf("asked about %s", aws.ToString(in.ServicePrincipal))
	}
	out := &organizations.ListDelegatedAdministratorsOutput{}
	for _, id := range f.delegated {
		out.DelegatedAdministrators = append(out.DelegatedAdministrators, orgtypes.DelegatedAdministrator{Id: aws.String(id)})
	}
	return out, f.listErr
}

func (f *fakeOrg) ListAccounts(context.Context, *organizations.ListAccountsInput, ...func(*organizations.Options)) (*organizations.ListAccountsOutput, error) {
	return &organizations.ListAccountsOutput{Accounts: f.accounts}, f.err
}

// fakeStore has groups by id, the names of those that SCIM manages in
// provisioned, and users by email; disabled ones end in "?".
type fakeStore struct {
	groups      map[string]string
	provisioned map[string]bool
	users       map[string]idtypes.UserStatus
	err         error
}

func external(yes bool) []idtypes.ExternalId {
	if !yes {
		return nil
	}
	return []idtypes.ExternalId{{Id: aws.String("1"), Issuer: aws.String("scim")}}
}

func (f *fakeStore) DescribeGroup(_ context.Context, in *identitystore.DescribeGroupInput, _ ...func(*identitystore.Options)) (*identitystore.DescribeGroupOutput, error) {
	name, ok := f.groups[*in.GroupId]
	switch {
	case f.err != nil:
		return nil, f.err
	case !ok:
		return nil, &idtypes.ResourceNotFoundException{}
	}
	return &identitystore.DescribeGroupOutput{DisplayName: &name, ExternalIds: external(f.provisioned[name])}, nil
}

func (f *fakeStore) ListGroups(context.Context, *identitystore.ListGroupsInput, ...func(*identitystore.Options)) (*identitystore.ListGroupsOutput, error) {
	out := &identitystore.ListGroupsOutput{}
	for id, name := range f.groups {
		out.Groups = append(out.Groups, idtypes.Group{GroupId: aws.String(id), DisplayName: aws.String(name), ExternalIds: external(f.provisioned[name])})
	}
	return out, f.err
}

// ListUsers gives a page to each user.
func (f *fakeStore) ListUsers(_ context.Context, in *identitystore.ListUsersInput, _ ...func(*identitystore.Options)) (*identitystore.ListUsersOutput, error) {
	emails := slices.Sorted(maps.Keys(f.users))
	i := 0
	fmt.Sscan(aws.ToString(in.NextToken), &i)
	out := &identitystore.ListUsersOutput{}
	if i < len(emails) {
		out.Users = []idtypes.User{{UserName: aws.String("name of " + emails[i]), Emails: []idtypes.Email{{Value: &emails[i]}}, UserStatus: f.users[emails[i]]}}
		out.NextToken = aws.String(fmt.Sprint(i + 1))
	}
	return out, f.err
}

// fakeParameters are parameters by name; one that begins with "plain:" is a
// String.
type fakeParameters struct {
	values map[string]string
	err    error
}

func (f fakeParameters) GetParameter(_ context.Context, in *ssm.GetParameterInput, _ ...func(*ssm.Options)) (*ssm.GetParameterOutput, error) {
	value, ok := f.values[*in.Name]
	switch {
	case f.err != nil:
		return nil, f.err
	case !ok:
		return nil, &ssmtypes.ParameterNotFound{}
	}
	kind := ssmtypes.ParameterTypeSecureString
	if plain, is := strings.CutPrefix(value, "plain:"); is {
		kind, value = ssmtypes.ParameterTypeString, plain
	}
	return &ssm.GetParameterOutput{Parameter: &ssmtypes.Parameter{Value: &value, Type: kind}}, nil
}

type fakeVault struct {
	value string
	err   error
}

func (f fakeVault) GetSecretValue(context.Context, *secretsmanager.GetSecretValueInput, ...func(*secretsmanager.Options)) (*secretsmanager.GetSecretValueOutput, error) {
	return &secretsmanager.GetSecretValueOutput{SecretString: &f.value}, f.err
}

type fakeLambda struct {
	unreserved *int32
	reserved   *int32 // of the function; nil: it does not exist
	role       string // of the function; "": it does not exist
	err        error
}

func (f fakeLambda) GetFunctionConfiguration(_ context.Context, in *lambda.GetFunctionConfigurationInput, _ ...func(*lambda.Options)) (*lambda.GetFunctionConfigurationOutput, error) {
	if *in.FunctionName != "sso-elevator-audit" || f.role == "" {
		return nil, &lambdatypes.ResourceNotFoundException{}
	}
	return &lambda.GetFunctionConfigurationOutput{Role: &f.role}, f.err
}

func (f fakeLambda) GetAccountSettings(context.Context, *lambda.GetAccountSettingsInput, ...func(*lambda.Options)) (*lambda.GetAccountSettingsOutput, error) {
	return &lambda.GetAccountSettingsOutput{AccountLimit: &lambdatypes.AccountLimit{UnreservedConcurrentExecutions: f.unreserved}}, f.err
}

func (f fakeLambda) GetFunctionConcurrency(context.Context, *lambda.GetFunctionConcurrencyInput, ...func(*lambda.Options)) (*lambda.GetFunctionConcurrencyOutput, error) {
	if f.reserved == nil {
		return nil, &lambdatypes.ResourceNotFoundException{}
	}
	return &lambda.GetFunctionConcurrencyOutput{ReservedConcurrentExecutions: f.reserved}, nil
}

type fakeBucket struct {
	head, headOwn, lockErr, versioningErr, encryptionErr error
	policy                                               string // "": none
	policyErr                                            error
	region                                               string
	lock                                                 *s3.GetObjectLockConfigurationOutput
	versioning                                           s3.GetBucketVersioningOutput
	encryption                                           *s3.GetBucketEncryptionOutput
}

func (f fakeBucket) HeadBucket(_ context.Context, in *s3.HeadBucketInput, _ ...func(*s3.Options)) (*s3.HeadBucketOutput, error) {
	if in.ExpectedBucketOwner != nil {
		if *in.ExpectedBucketOwner != own {
			return nil, fmt.Errorf("owner %s", *in.ExpectedBucketOwner)
		}
		return &s3.HeadBucketOutput{}, f.headOwn
	}
	return &s3.HeadBucketOutput{BucketRegion: &f.region}, f.head
}

func (f fakeBucket) GetObjectLockConfiguration(context.Context, *s3.GetObjectLockConfigurationInput, ...func(*s3.Options)) (*s3.GetObjectLockConfigurationOutput, error) {
	return f.lock, f.lockErr
}

func (f fakeBucket) GetBucketPolicy(context.Context, *s3.GetBucketPolicyInput, ...func(*s3.Options)) (*s3.GetBucketPolicyOutput, error) {
	if f.policy == "" && f.policyErr == nil {
		return nil, apiError("S3", "GetBucketPolicy", "NoSuchBucketPolicy")
	}
	return &s3.GetBucketPolicyOutput{Policy: &f.policy}, f.policyErr
}

func (f fakeBucket) GetBucketVersioning(context.Context, *s3.GetBucketVersioningInput, ...func(*s3.Options)) (*s3.GetBucketVersioningOutput, error) {
	return &f.versioning, f.versioningErr
}

func (f fakeBucket) GetBucketEncryption(context.Context, *s3.GetBucketEncryptionInput, ...func(*s3.Options)) (*s3.GetBucketEncryptionOutput, error) {
	return f.encryption, f.encryptionErr
}

type fakeSlack struct {
	installation slack.Installation
	app          string
	channel      slack.Channel
	people       map[string]slack.User
	err          error // of every call but the first
	authErr      error
}

func (f fakeSlack) Installation(context.Context) (slack.Installation, error) {
	return f.installation, f.authErr
}
func (f fakeSlack) AppOf(context.Context, string) (string, error) { return f.app, f.err }
func (f fakeSlack) Channel(context.Context, string) (slack.Channel, error) {
	return f.channel, f.err
}
func (f fakeSlack) UserByEmail(_ context.Context, email string) (slack.User, bool, error) {
	u, ok := f.people[email]
	return u, ok, f.err
}

var (
	_ adminAPI      = (*fakeAdmin)(nil)
	_ orgAPI        = (*fakeOrg)(nil)
	_ storeAPI      = (*fakeStore)(nil)
	_ parametersAPI = fakeParameters{}
	_ vaultAPI      = fakeVault{}
	_ lambdaAPI     = fakeLambda{}
	_ bucketsAPI    = fakeBucket{}
	_ slackAPIs     = fakeSlack{}
)

// apiError is an error as the SDK gives it.
func apiError(service, operation, code string) error {
	return &smithy.OperationError{ServiceID: service, OperationName: operation, Err: &smithy.GenericAPIError{Code: code, Message: "no"}}
}

func status4xx(n int) error {
	return &smithyhttp.ResponseError{Response: &smithyhttp.Response{Response: &http.Response{StatusCode: n}}, Err: &smithy.GenericAPIError{Code: "x"}}
}

// line is a finding as the tests compare it: its status, what was found with the
// items, and the fix.
func lines(findings []finding) []string {
	var out []string
	for _, f := range findings {
		text := string(f.Status) + ": " + f.Found
		if len(f.Items) > 0 {
			text += ": " + strings.Join(f.Items, "; ")
		}
		out = append(out, text)
	}
	return out
}

// same compares findings with the lines wanted, and holds every finding to what
// all must have: a fix where something is to be done, and only there.
func same(t *testing.T, findings []finding, err error, want ...string) {
	t.Helper()
	if err != nil {
		t.Fatalf("error %v", err)
	}
	got := lines(findings)
	if strings.Join(got, "\n") != strings.Join(want, "\n") {
		t.Errorf("got\n  %s\nwant\n  %s", strings.Join(got, "\n  "), strings.Join(want, "\n  "))
	}
	for _, f := range findings {
		if (f.Status == ready) != (f.Fix == "") {
			t.Errorf("%s %q has the fix %q", f.Status, f.Found, f.Fix)
		}
	}
}

func statement(resources, sets, approvers string) access.Statement {
	return access.Statement{Resources: strings.Fields(resources), PermissionSets: strings.Fields(sets), Approvers: strings.Fields(approvers)}
}
