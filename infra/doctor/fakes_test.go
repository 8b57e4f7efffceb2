package doctor

import (
	"context"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	idtypes "github.com/aws/aws-sdk-go-v2/service/identitystore/types"
	"github.com/aws/aws-sdk-go-v2/service/lambda"
	lambdatypes "github.com/aws/aws-sdk-go-v2/service/lambda/types"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager"
	"github.com/aws/aws-sdk-go-v2/service/ssm"
	ssmtypes "github.com/aws/aws-sdk-go-v2/service/ssm/types"
	ssotypes "github.com/aws/aws-sdk-go-v2/service/ssoadmin/types"
	"github.com/aws/smithy-go"
	smithyhttp "github.com/aws/smithy-go/transport/http"

	"sso-elevator/functions/access"
	"sso-elevator/functions/adapters/identitycenter/identitycentertest"
	"sso-elevator/slack"
)

// These are fakes of the services. Each has only what the checks read, and is empty
// unless a test fills it.

// There are two accounts: the app's own and the management account.
const (
	own      = "111111111111"
	managing = "999999999999"
)

// center returns the tests' Identity Center. Each list returns one item per page.
func center() *identitycentertest.Center {
	return &identitycentertest.Center{
		Instances: []ssotypes.InstanceMetadata{metadata("arn:one", managing, ssotypes.InstanceStatusActive)},
		PageSize:  1,
	}
}

// failing makes all calls return the error or, if operations are given, only calls of
// those.
func failing(c *identitycentertest.Center, err error, operations ...string) *identitycentertest.Center {
	c.Around = func(_ context.Context, call identitycentertest.Call, effect func() (any, error)) (any, error) {
		if len(operations) == 0 || slices.Contains(operations, call.Operation) {
			return nil, err
		}
		return effect()
	}
	return c
}

// withOrganization returns an organization with this management account and these
// delegated administrators of Identity Center.
func withOrganization(management string, delegated ...string) *identitycentertest.Center {
	c := center()
	c.ManagementAccount, c.DelegatedAdministrators = management, map[string][]string{"sso.amazonaws.com": delegated}
	return c
}

// withSets returns an Identity Center with these permission sets.
func withSets(sets ...permissionSet) *identitycentertest.Center {
	c := center()
	for _, s := range sets {
		set := ssotypes.PermissionSet{PermissionSetArn: &s.arn, Name: &s.name}
		if s.session != "" {
			set.SessionDuration = &s.session
		}
		c.PermissionSets = append(c.PermissionSets, set)
	}
	return c
}

// group returns a group; SCIM manages it if provisioned is set.
func group(id, name string, provisioned bool) idtypes.Group {
	g := idtypes.Group{GroupId: &id, DisplayName: &name}
	if provisioned {
		g.ExternalIds = []idtypes.ExternalId{{Id: aws.String("1"), Issuer: aws.String("scim")}}
	}
	return g
}

// withUsers returns a directory with a user for each email.
func withUsers(users map[string]idtypes.UserStatus) *identitycentertest.Center {
	c := center()
	for email, status := range users {
		c.PutUser(idtypes.User{UserId: &email, UserName: aws.String("name of " + email), Emails: []idtypes.Email{{Value: &email}}, UserStatus: status})
	}
	return c
}

// fakeParameters are parameters by name. A value that begins with "plain:" makes it a
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
	reserved   *int32 // configuration of the function, or nil if it doesn't exist
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
	channels     map[string]slack.Channel // others
	people       map[string]slack.User
	err          error // of every call except the first
	authErr      error
}

func (f fakeSlack) Installation(context.Context) (slack.Installation, error) {
	return f.installation, f.authErr
}
func (f fakeSlack) AppOf(context.Context, string) (string, error) { return f.app, f.err }
func (f fakeSlack) Channel(_ context.Context, id string) (slack.Channel, error) {
	if c, ok := f.channels[id]; ok {
		return c, nil
	}
	return f.channel, f.err
}
func (f fakeSlack) UserByEmail(_ context.Context, email string) (slack.User, bool, error) {
	u, ok := f.people[email]
	return u, ok, f.err
}

var (
	_ adminAPI      = (*identitycentertest.Center)(nil)
	_ orgAPI        = (*identitycentertest.Center)(nil)
	_ storeAPI      = (*identitycentertest.Center)(nil)
	_ parametersAPI = fakeParameters{}
	_ vaultAPI      = fakeVault{}
	_ lambdaAPI     = fakeLambda{}
	_ bucketsAPI    = fakeBucket{}
	_ slackAPIs     = fakeSlack{}
)

// apiError is an error as the SDK returns it.
func apiError(service, operation, code string) error {
	return &smithy.OperationError{ServiceID: service, OperationName: operation, Err: &smithy.GenericAPIError{Code: code, Message: "no"}}
}

func status4xx(n int) error {
	return &smithyhttp.ResponseError{Response: &smithyhttp.Response{Response: &http.Response{StatusCode: n}}, Err: &smithy.GenericAPIError{Code: "x"}}
}

// lines returns the findings as the tests compare them: status, text and items.
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

// same compares findings with the wanted lines. It also checks that a finding has a
// fix exactly if there is something to fix.
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
