package doctor

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/identitystore/types"
	orgtypes "github.com/aws/aws-sdk-go-v2/service/organizations/types"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	s3types "github.com/aws/aws-sdk-go-v2/service/s3/types"
	ssotypes "github.com/aws/aws-sdk-go-v2/service/ssoadmin/types"

	"sso-elevator/functions/access"
	"sso-elevator/functions/adapters/identitycenter/identitycentertest"
	"sso-elevator/infra/settings"
)

func metadata(arn, owner string, status ssotypes.InstanceStatus) ssotypes.InstanceMetadata {
	return ssotypes.InstanceMetadata{InstanceArn: &arn, OwnerAccountId: &owner, Status: status, IdentityStoreId: aws.String("d-1")}
}

func TestInstance(t *testing.T) {
	active := metadata("arn:one", managing, ssotypes.InstanceStatusActive)
	broken := metadata("arn:one", managing, ssotypes.InstanceStatusCreateFailed)
	broken.StatusReason = aws.String("the key is disabled")
	tests := []struct {
		name    string
		all     []ssotypes.InstanceMetadata
		setting string
		want    string
		one     bool // the functions would find one
	}{
		{"found", []ssotypes.InstanceMetadata{active}, "", "ready: arn:one of account 999999999999 in eu-central-1", true},
		{"as set", []ssotypes.InstanceMetadata{active, metadata("arn:two", own, ssotypes.InstanceStatusActive)}, "arn:one", "ready: arn:one of account 999999999999 in eu-central-1", true},
		{"none", []ssotypes.InstanceMetadata{}, "", "missing: this account sees no Identity Center instance in eu-central-1", false},
		{"not the one that is set", []ssotypes.InstanceMetadata{active}, "arn:other", "missing: sso_instance_arn is arn:other, but the instances in eu-central-1 are: arn:one (account 999999999999)", false},
		{"two", []ssotypes.InstanceMetadata{active, metadata("arn:two", own, ssotypes.InstanceStatusActive)}, "", "missing: 2 instances in eu-central-1: arn:one (account 999999999999); arn:two (account 111111111111)", false},
		{"not active", []ssotypes.InstanceMetadata{broken}, "", "missing: arn:one of account 999999999999 in eu-central-1, CREATE_FAILED: the key is disabled", true},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			all, err := listInstances(t.Context(), &identitycentertest.Center{Instances: test.all, PageSize: 1})
			if err != nil {
				t.Fatal(err)
			}
			same(t, []finding{checkInstance(all, test.setting, "eu-central-1")}, nil, test.want)
			in, err := theInstance(all, test.setting)
			if (err == nil) != test.one || test.one && in != (instance{"arn:one", "d-1", managing}) {
				t.Errorf("the one is %+v, %v", in, err)
			}
		})
	}
}

func TestEncryption(t *testing.T) {
	of := func(d ssotypes.EncryptionConfigurationDetails) *identitycentertest.Center {
		c := center()
		c.Encryption = &d
		return c
	}
	none := of(ssotypes.EncryptionConfigurationDetails{KeyType: ssotypes.KmsKeyTypeAwsOwnedKmsKey})
	none.PermissionSetsEnabled = aws.Bool(false)
	const key, other = "arn:aws:kms:eu-central-1:999999999999:key/01234567-89ab-cdef-0123-456789abcdef", "arn:aws:kms:eu-central-1:999999999999:key/mrk-0123456789abcdef0123456789abcdef"
	custom := of(ssotypes.EncryptionConfigurationDetails{KeyType: ssotypes.KmsKeyTypeCustomerManagedKey, KmsKeyArn: aws.String(key)})
	const wantPolicy = `[{"Sid":"ElevatorIdentityCenter","Effect":"Allow","Principal":{"AWS":"arn:aws:iam::111111111111:root"},"Action":"kms:Decrypt","Resource":"*",` +
		`"Condition":{"StringEquals":{"kms:EncryptionContext:aws:sso:instance-arn":"arn:one","kms:ViaService":"sso.eu-central-1.amazonaws.com"}}},` +
		`{"Sid":"ElevatorIdentityStore","Effect":"Allow","Principal":{"AWS":"arn:aws:iam::111111111111:root"},"Action":"kms:Decrypt","Resource":"*",` +
		`"Condition":{"StringEquals":{"kms:EncryptionContext:aws:identitystore:identitystore-arn":"arn:aws:identitystore::999999999999:identitystore/d-1","kms:ViaService":"identitystore.eu-central-1.amazonaws.com"}}}]`
	tests := []struct {
		name    string
		center  *identitycentertest.Center
		setting string
		want    []string
	}{
		{"AWS's", of(ssotypes.EncryptionConfigurationDetails{KeyType: ssotypes.KmsKeyTypeAwsOwnedKmsKey}), "", []string{"ready: AWS's own key"}},
		{"AWS's, and a setting", of(ssotypes.EncryptionConfigurationDetails{KeyType: ssotypes.KmsKeyTypeAwsOwnedKmsKey}), key,
			[]string{"warning: AWS's own key, but identity_center_kms_key_arn names another one"}},
		{"not said", center(), "", []string{"not checked: Identity Center didn't return its key"}},
		{"own", custom, key, []string{"warning: " + key + ", your own key. The functions' roles may use it, but the key policy can't be read from here"}},
		{"own, not set", custom, "", []string{"missing: " + key + ", your own key. The functions' roles may not use it, because identity_center_kms_key_arn is not set"}},
		{"own, another one set", custom, other, []string{"missing: " + key + ", your own key, but identity_center_kms_key_arn names " + other}},
		{"broken", of(ssotypes.EncryptionConfigurationDetails{KeyType: ssotypes.KmsKeyTypeCustomerManagedKey, EncryptionStatus: ssotypes.KmsKeyStatusUpdateFailed, EncryptionStatusReason: aws.String("disabled")}), "",
			[]string{"missing: UPDATE_FAILED: disabled"}},
		{"an account's instance", none, "", []string{"missing: this instance can't have permission sets", "ready: AWS's own key"}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			got, err := checkEncryption(t.Context(), test.center, instance{"arn:one", "d-1", managing}, own, test.setting)
			same(t, got, err, test.want...)
			if test.center == custom {
				if set := strings.Contains(got[0].Fix, "Set identity_center_kms_key_arn: "+key+". "); set != (test.setting != key) {
					t.Errorf("the fix is %s", got[0].Fix)
				}
				if !strings.HasSuffix(got[0].Fix, wantPolicy) {
					t.Errorf("the fix lacks %s: %s", wantPolicy, got[0].Fix)
				}
			}
		})
	}
	if _, err := checkEncryption(t.Context(), failing(center(), errors.New("down")), instance{}, own, ""); err == nil {
		t.Error("a failure is no answer")
	}
}

func TestOrganization(t *testing.T) {
	tests := []struct {
		name string
		org  *identitycentertest.Center
		want string
		err  bool
	}{
		{"management account", withOrganization(own), "warning: this is the management account. Anyone who can change this system can get access to the management account", false},
		{"delegated", withOrganization(managing, "222222222222", own), "ready: this is Identity Center's delegated administrator account, so nobody can request access to the management account 999999999999", false},
		{"another one is delegated", withOrganization(managing, "222222222222"), "missing: account 111111111111 is not Identity Center's delegated administrator (the management account is 999999999999)", false},
		{"may not ask", failing(withOrganization(managing), apiError("Organizations", "ListDelegatedAdministrators", "AccessDeniedException"), "ListDelegatedAdministrators"),
			"missing: account 111111111111 is not a delegated administrator (the management account is 999999999999), or these credentials may not call ListDelegatedAdministrators", false},
		{"no organization", failing(center(), &orgtypes.AWSOrganizationsNotInUseException{}), "missing: account 111111111111 is not in an organization", false},
		{"does not say", withOrganization(""), "", true},
		{"down", failing(center(), errors.New("down")), "", true},
		{"down later", failing(withOrganization(managing), errors.New("down"), "ListDelegatedAdministrators"), "", true},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			got, err := checkOrganization(t.Context(), test.org, own)
			if test.err {
				if err == nil {
					t.Errorf("got %q", lines(got))
				}
				return
			}
			same(t, got, err, test.want)
		})
	}
}

func TestAccounts(t *testing.T) {
	org := center()
	org.Accounts = []orgtypes.Account{
		{Id: aws.String(own), State: orgtypes.AccountStateActive},
		{Id: aws.String(managing), Status: orgtypes.AccountStatusActive}, // as in older responses
		{Id: aws.String("222222222222"), State: orgtypes.AccountStateSuspended, Status: orgtypes.AccountStatusActive},
		{Id: aws.String("333333333333"), Status: orgtypes.AccountStatusSuspended},
	}
	all, err := listAccounts(t.Context(), org)
	if err != nil {
		t.Fatal(err)
	}
	tests := []struct {
		name       string
		resources  []string // one statement each
		management string
		want       []string
	}{
		{"there", []string{own, "*"}, managing, []string{"ready: all accounts in the policy (1) are among the 2 active accounts of the organization"}},
		{"not there", []string{"444444444444 " + own, "444444444444 444444444444"}, managing, []string{"missing: the policy names accounts that are not in the organization: 444444444444 (config[0].Resource, config[1].Resource)"}},
		{"closed", []string{"222222222222 333333333333"}, managing, []string{"missing: the policy names accounts that are not active: 222222222222 (config[0].Resource) SUSPENDED; 333333333333 (config[0].Resource) SUSPENDED"}},
		{"management, from a member", []string{managing}, managing, []string{"warning: the policy names the management account, but this account can't grant access to it: 999999999999 (config[0].Resource)"}},
		{"management, from itself", []string{own}, own, []string{"ready: all accounts in the policy (1) are among the 2 active accounts of the organization"}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			p := &access.Policy{}
			for _, r := range test.resources {
				p.Accounts = append(p.Accounts, statement(r, "Read", ""))
			}
			same(t, checkAccounts(p, all, own, test.management), nil, test.want...)
		})
	}
}

var sets = []permissionSet{{"arn:read", "Read", ""}, {"arn:write", "Write", "PT8H"}, {"arn:admin", "Admin", "PT1H"}, {"arn:last", "Last", "PT2H"}}

func policyOf(permissionSets ...string) *access.Policy {
	p := &access.Policy{}
	for _, s := range permissionSets {
		p.Accounts = append(p.Accounts, statement("*", s, ""))
	}
	return p
}

// TestPermissionSetsAreReadUntilFound checks that no needless call is made for each
// permission set.
func TestPermissionSetsAreReadUntilFound(t *testing.T) {
	tests := []struct {
		name   string
		policy *access.Policy
		want   int
	}{
		{"the first two", policyOf("Write Read", "Read"), 2},
		{"all", policyOf("Read", "*"), 4},
		{"one that is not there", policyOf("Read Nothing"), 4},
		{"none", &access.Policy{}, 0},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			for _, size := range []int{1, 100} {
				api := withSets(sets...)
				api.PageSize = size
				got, err := listPermissionSets(t.Context(), api, "arn:one", named(test.policy))
				if calls := api.Calls("DescribePermissionSet"); err != nil || len(got) != test.want || calls != test.want {
					t.Errorf("pages of %d: %d found with %d calls (%v), want %d", size, len(got), calls, err, test.want)
				}
			}
		})
	}
}

func TestPermissionSets(t *testing.T) {
	same(t, checkPermissionSets(policyOf("Read", "Write *"), sets), nil, "ready: all permission sets in the policy (2) are in Identity Center")
	same(t, checkPermissionSets(policyOf("Read read", "Gone", "Gone"), sets), nil,
		"missing: the policy names permission sets that are not in Identity Center: Gone (config[1].PermissionSet, config[2].PermissionSet); read (config[0].PermissionSet)")
}

func TestProvisioned(t *testing.T) {
	tests := []struct {
		name       string
		policy     *access.Policy
		management string
		want       []string
	}{
		{"from the management account", policyOf("Admin"), own, []string{"ready: this is the management account, which may assign all permission sets"}},
		{"none", policyOf("Write"), managing, []string{"ready: no permission set in the policy is in use in the management account"}},
		{"by name", policyOf("Write", "Admin Read"), managing, []string{"missing: these are in use in the management account, so AWS refuses assignments of them from this account: Admin (config[1].PermissionSet); Read (config[1].PermissionSet)"}},
		{"by name and as one of all", policyOf("*", "Admin"), managing, []string{
			"missing: these are in use in the management account, so AWS refuses assignments of them from this account: Admin (config[1].PermissionSet)",
			`warning: "*" covers these, but they are in use in the management account, so AWS refuses assignments of them from this account: Read`}},
	}
	api := withSets(sets...)
	for account, arns := range map[string][]string{managing: {"arn:read", "arn:admin"}, own: {"arn:write", "arn:last"}} {
		for _, arn := range arns {
			api.Add(access.Subject{Target: access.Target{Kind: access.KindAccount, AccountID: account, PermissionSetARN: arn}, PrincipalID: "p-1"})
		}
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			got, err := checkProvisioned(t.Context(), api, "arn:one", test.policy, sets, own, test.management)
			same(t, got, err, test.want...)
		})
	}
	if _, err := checkProvisioned(t.Context(), failing(center(), errors.New("down")), "arn:one", policyOf("Read"), sets, own, managing); err == nil {
		t.Error("a failure is no answer")
	}
}

func TestSessions(t *testing.T) {
	got, err := checkSessions(policyOf("Read Write Admin"), sets, []time.Duration{time.Hour, 8 * time.Hour})
	same(t, got, err, "ready: none of 3 permission sets has sessions longer than the longest access (8 hours)")
	got, err = checkSessions(policyOf("*"), sets, []time.Duration{2 * time.Hour, time.Hour})
	same(t, got, err, "warning: sessions can outlast the longest access (2 hours), because removing access does not end a session: Write (8 hours)")
	got, err = checkSessions(policyOf("Admin Read"), sets, []time.Duration{15 * time.Minute})
	same(t, got, err, "warning: sessions can outlast the longest access (15 minutes), because removing access does not end a session: Admin (1 hour); Read (1 hour)")
	if strings.Contains(got[0].Fix, "update-permission-set") {
		t.Errorf("an hour can't be made shorter: %s", got[0].Fix)
	}
	if _, err := checkSessions(policyOf("Odd"), []permissionSet{{"arn:odd", "Odd", "eight hours"}}, []time.Duration{time.Hour}); err == nil {
		t.Error("what is not understood is no answer")
	}
}

func TestGroups(t *testing.T) {
	api := center()
	api.Groups = []types.Group{group("g-1", "Team", false), group("g-2", "Synced", true), group("g-3", "Also synced", true)}
	tests := []struct {
		name   string
		groups []access.Statement
		want   []string
	}{
		{"none", nil, []string{"ready: the policy names no groups"}},
		{"there", []access.Statement{statement("g-1", "", "")}, []string{"ready: all groups in the policy (1) are in Identity Center"}},
		{"gone", []access.Statement{statement("g-1 g-9", "", "")}, []string{"missing: the policy names groups that are not in Identity Center: g-9 (group_config[0].Resource)"}},
		{"SCIM's", []access.Statement{statement("g-1", "", ""), statement("g-2", "", "")},
			[]string{"warning: the identity provider (SCIM) manages these groups. It may undo memberships that this app grants, and reconciliations skip these groups: Synced (group_config[1].Resource)"}},
		{"all", []access.Statement{statement("*", "", ""), statement("g-2", "", "")},
			[]string{`warning: the identity provider (SCIM) manages these groups. It may undo memberships that this app grants, and reconciliations skip these groups: Synced (group_config[1].Resource); Also synced ("*")`}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			got, err := checkGroups(t.Context(), api, "d-1", &access.Policy{Groups: test.groups})
			same(t, got, err, test.want...)
		})
	}
	deciding := statement("g-1", "", "ann@example.com group:g-2 group:g-8")
	deciding.Allowed = []string{"group:g-9", "ben@example.com", "group:g-1"}
	got, err := checkGroups(t.Context(), api, "d-1", &access.Policy{
		Accounts: []access.Statement{statement("*", "*", "group:g-3"), statement("*", "*", "group:g-9")}, Groups: []access.Statement{deciding},
	})
	same(t, got, err, "missing: the policy names groups that are not in Identity Center: g-8 (group_config[0].Approvers); g-9 (config[1].Approvers, group_config[0].AllowedGroups)")
	got, err = checkGroups(t.Context(), api, "d-1", &access.Policy{Accounts: []access.Statement{statement("*", "*", "group:g-2")}, Groups: []access.Statement{statement("g-1", "", "group:g-1")}})
	same(t, got, err, "ready: all groups in the policy (2) are in Identity Center")
	if _, err := checkGroups(t.Context(), failing(api, errors.New("down")), "d-1", &access.Policy{Accounts: []access.Statement{statement("*", "*", "group:g-2")}}); err == nil {
		t.Error("a failure is no answer")
	}
	for _, groups := range [][]access.Statement{{statement("g-1", "", "")}, {statement("*", "", "")}} {
		if _, err := checkGroups(t.Context(), failing(api, errors.New("down")), "d-1", &access.Policy{Groups: groups}); err == nil {
			t.Error("a failure is no answer")
		}
	}
}

func TestDirectory(t *testing.T) {
	emails := []string{"ann@example.com", "ben@example.com", "cid@example.com"}
	api := withUsers(map[string]types.UserStatus{"ann@example.com": types.UserStatusEnabled, "ben@example.com": types.UserStatusDisabled})
	absent, err := absentFromDirectory(t.Context(), api, "d-1", emails)
	same(t, checkDirectory(emails, absent), err, "warning: these approvers can't approve, because they aren't active users in Identity Center: ben@example.com (disabled); cid@example.com (not found)")
	absent, err = absentFromDirectory(t.Context(), api, "d-1", emails[:1])
	same(t, checkDirectory(emails[:1], absent), err, "ready: all approvers (1) are active users in Identity Center")
	same(t, checkDirectory(nil, nil), nil, "ready: the policy names no approvers")
	// Capitals make no difference, unless two users differ only in them.
	capitals := withUsers(map[string]types.UserStatus{"Ann@Example.com": types.UserStatusEnabled, "Ben@example.com": types.UserStatusEnabled, "ben@example.com": types.UserStatusEnabled})
	absent, err = absentFromDirectory(t.Context(), capitals, "d-1", emails)
	same(t, checkDirectory(emails, absent), err, "warning: these approvers can't approve, because they aren't active users in Identity Center: ben@example.com (shared by several users: name of Ben@example.com, name of ben@example.com); cid@example.com (not found)")
	// A directory without user statuses prevents nobody from approving, and is
	// reported.
	const unknown = "warning: Identity Center shows no status for these users, so they count as enabled even after someone disables them: ann@example.com"
	api = withUsers(map[string]types.UserStatus{"ann@example.com": "", "ben@example.com": types.UserStatusDisabled})
	absent, err = absentFromDirectory(t.Context(), api, "d-1", emails[:1])
	same(t, checkDirectory(emails[:1], absent), err, unknown)
	absent, err = absentFromDirectory(t.Context(), api, "d-1", emails[:2])
	same(t, checkDirectory(emails[:2], absent), err, "warning: these approvers can't approve, because they aren't active users in Identity Center: ben@example.com (disabled)", unknown)
	one := &access.Policy{Accounts: []access.Statement{statement("*", "*", "ann@example.com")}}
	same(t, checkStatements(one, absent, nil), nil, "ready: every statement that lists approvers has at least one who can approve")
	if _, err := absentFromDirectory(t.Context(), failing(center(), errors.New("down")), "d-1", emails); err == nil {
		t.Error("a failure is no answer")
	}
}

// TestStatements checks that a person can be fine in Slack but not in Identity Center.
func TestStatements(t *testing.T) {
	directory, people := map[string]string{"ann@example.com": "not there"}, map[string]string{"ben@example.com": "a guest"}
	dead := &access.Policy{
		Accounts: []access.Statement{statement("*", "*", "ann@example.com cid@example.com"), statement("*", "*", "Ann@example.com ben@example.com"), statement("*", "*", "")},
		Groups:   []access.Statement{statement("*", "", "ben@example.com")},
	}
	same(t, checkStatements(dead, directory, people), nil, "missing: nobody can approve in these statements: config[1] (Ann@example.com, ben@example.com); group_config[0] (ben@example.com)")
	same(t, checkStatements(&access.Policy{Accounts: []access.Statement{statement("*", "*", "ann@example.com group:g-1")}}, directory, people), nil, "ready: every statement that lists approvers has at least one who can approve")
	same(t, checkStatements(&access.Policy{Accounts: dead.Accounts[:1]}, directory, people), nil, "ready: every statement that lists approvers has at least one who can approve")
}

// TestBootstrapIsTheTemplates checks that the doctor looks for the bootstrap version
// that the template requires.
func TestBootstrapIsTheTemplates(t *testing.T) {
	text, err := os.ReadFile("../testdata/template.json")
	if err != nil {
		t.Fatal(err)
	}
	var template struct {
		Parameters struct{ BootstrapVersion struct{ Default string } }
		Rules      struct{ CheckBootstrapVersion any }
	}
	if err := json.Unmarshal(text, &template); err != nil {
		t.Fatal(err)
	}
	if got := template.Parameters.BootstrapVersion.Default; got != bootstrapParameter {
		t.Errorf("the template reads %s, the doctor %s", got, bootstrapParameter)
	}
	rule := fmt.Sprint(template.Rules.CheckBootstrapVersion)
	var old []string
	for version := range bootstrapVersion - 1 {
		old = append(old, strconv.Itoa(version+1))
	}
	if want := "Fn::Not:[map[Fn::Contains:[[" + strings.Join(old, " ") + "] "; !strings.Contains(rule, want) {
		t.Errorf("the template's rule is %s, want it to refuse the versions before %d", rule, bootstrapVersion)
	}
}

func TestBootstrap(t *testing.T) {
	const parameter = "/cdk-bootstrap/hnb659fds/version"
	tests := []struct {
		name   string
		values map[string]string
		want   string
	}{
		{"never", nil, "missing: the CDK is not bootstrapped in this account and region"},
		{"old", map[string]string{parameter: "plain:5"}, "missing: version 5, but the template needs version 6"},
		{"just right", map[string]string{parameter: "plain:6"}, "ready: version 6; the template needs version 6"},
		{"newer", map[string]string{parameter: "plain:28"}, "ready: version 28; the template needs version 6"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			got, err := checkBootstrap(t.Context(), fakeParameters{values: test.values}, own, "eu-central-1")
			same(t, got, err, test.want)
			if want := "Run: npx cdk bootstrap aws://111111111111/eu-central-1"; got[0].Status == missing && got[0].Fix != want {
				t.Errorf("fix %q", got[0].Fix)
			}
		})
	}
	for name, api := range map[string]fakeParameters{"no number": {values: map[string]string{parameter: "new"}}, "down": {err: errors.New("down")}} {
		if got, err := checkBootstrap(t.Context(), api, own, "eu-central-1"); err == nil {
			t.Errorf("%s: %q", name, lines(got))
		}
	}
}

func TestConcurrency(t *testing.T) {
	n := func(i int32) *int32 { return &i }
	tests := []struct {
		name            string
		api             fakeLambda
		ingress, revoke int
		want            string
	}{
		{"plenty", fakeLambda{unreserved: n(1000)}, 0, 0, "ready: 1000 concurrent executions are free in eu-central-1"},
		{"a new account", fakeLambda{unreserved: n(10)}, 0, 0, "warning: 10 concurrent executions are free in eu-central-1, for all functions in the account"},
		{"just enough", fakeLambda{unreserved: n(120)}, 20, 0, "ready: 120 concurrent executions are free in eu-central-1"},
		{"one too few", fakeLambda{unreserved: n(119)}, 20, 0, "missing: 119 concurrent executions are free in eu-central-1, but 20 are needed for ingress_reserved_concurrency, and Lambda always keeps 100 unreserved"},
		{"too few for both", fakeLambda{unreserved: n(129)}, 20, 10, "missing: 129 concurrent executions are free in eu-central-1, but 30 are needed for ingress_reserved_concurrency and revoke_reserved_concurrency, and Lambda always keeps 100 unreserved"},
		{"too few for the removals", fakeLambda{unreserved: n(100)}, 0, 10, "missing: 100 concurrent executions are free in eu-central-1, but 10 are needed for revoke_reserved_concurrency, and Lambda always keeps 100 unreserved"},
		{"enough for both", fakeLambda{unreserved: n(130)}, 20, 10, "ready: 130 concurrent executions are free in eu-central-1"},
		{"reserved already", fakeLambda{unreserved: n(100), reserved: n(20)}, 20, 0, "ready: 120 concurrent executions are free in eu-central-1"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			got, err := checkConcurrency(t.Context(), test.api, []reserve{{"ingress_reserved_concurrency", "f", test.ingress}, {"revoke_reserved_concurrency", "g", test.revoke}}, "eu-central-1")
			same(t, got, err, test.want)
		})
	}
	for name, api := range map[string]fakeLambda{"does not say": {}, "down": {unreserved: n(1000), err: errors.New("down")}} {
		if got, err := checkConcurrency(t.Context(), api, nil, "eu-central-1"); err == nil {
			t.Errorf("%s: %q", name, lines(got))
		}
	}
}

func TestAuditBucket(t *testing.T) {
	notFound := apiError("S3", "GetObjectLockConfiguration", "ObjectLockConfigurationNotFoundError")
	good := fakeBucket{
		region: "eu-central-1",
		lock: &s3.GetObjectLockConfigurationOutput{ObjectLockConfiguration: &s3types.ObjectLockConfiguration{
			ObjectLockEnabled: s3types.ObjectLockEnabledEnabled,
			Rule:              &s3types.ObjectLockRule{DefaultRetention: &s3types.DefaultRetention{Mode: s3types.ObjectLockRetentionModeCompliance, Years: aws.Int32(2)}},
		}},
		versioning: s3.GetBucketVersioningOutput{Status: s3types.BucketVersioningStatusEnabled, MFADelete: s3types.MFADeleteStatusEnabled},
		encryption: &s3.GetBucketEncryptionOutput{},
	}
	change := func(f func(*fakeBucket)) fakeBucket { b := good; f(&b); return b }
	const (
		exists    = "ready: audit exists and belongs to this account"
		locked    = "ready: Object Lock (COMPLIANCE) keeps records for 2 years"
		versioned = "ready: versioning Enabled, MFA delete Enabled"
		encrypted = "ready: encrypted with AWS's keys"
		later     = "warning: the bucket policy can't be checked before the function sso-elevator-audit exists, because the policy names its role"
	)
	tests := []struct {
		name   string
		bucket string
		api    fakeBucket
		mfa    bool
		want   []string
	}{
		{"made", "", fakeBucket{}, false, []string{"ready: the deployment creates it"}},
		{"made, with MFA delete", "", fakeBucket{}, true, []string{"warning: the deployment creates it, but CloudFormation can't turn on MFA delete (s3_mfa_delete)"}},
		{"all good", "audit", good, true, []string{exists, locked, versioned, encrypted, later}},
		{"none", "audit", fakeBucket{head: status4xx(404)}, false, []string{"missing: audit does not exist"}},
		{"moved", "audit", fakeBucket{head: status4xx(301)}, false, []string{"missing: audit is not in eu-central-1"}},
		{"elsewhere", "audit", fakeBucket{region: "us-east-1"}, false, []string{"missing: audit is in us-east-1, but you deploy to eu-central-1"}},
		{"another account's", "audit", change(func(b *fakeBucket) { b.headOwn = status4xx(403) }), false,
			[]string{"warning: audit belongs to another account, so its bucket policy decides whether records can be written", locked, versioned, encrypted, later}},
		{"no lock", "audit", change(func(b *fakeBucket) { b.lock, b.lockErr = nil, notFound }), false,
			[]string{exists, "warning: no Object Lock: anyone who may change the bucket policy can delete records", versioned, encrypted, later}},
		{"a lock without retention", "audit", change(func(b *fakeBucket) {
			b.lock = &s3.GetObjectLockConfigurationOutput{ObjectLockConfiguration: &s3types.ObjectLockConfiguration{ObjectLockEnabled: s3types.ObjectLockEnabledEnabled}}
		}), false, []string{exists, "warning: Object Lock has no default retention, so it protects no record", versioned, encrypted, later}},
		{"MFA delete demanded", "audit", change(func(b *fakeBucket) { b.versioning = s3.GetBucketVersioningOutput{} }), true,
			[]string{exists, locked, "missing: versioning never turned on, MFA delete off, but s3_mfa_delete is set", encrypted, later}},
		{"MFA delete not demanded", "audit", change(func(b *fakeBucket) { b.versioning = s3.GetBucketVersioningOutput{} }), false,
			[]string{exists, locked, "ready: versioning never turned on, MFA delete off", encrypted, later}},
		{"a key of one's own", "audit", change(func(b *fakeBucket) {
			b.encryption = &s3.GetBucketEncryptionOutput{ServerSideEncryptionConfiguration: &s3types.ServerSideEncryptionConfiguration{Rules: []s3types.ServerSideEncryptionRule{
				{ApplyServerSideEncryptionByDefault: &s3types.ServerSideEncryptionByDefault{KMSMasterKeyID: aws.String("arn:aws:kms:eu-central-1:111111111111:key/k")}}}}}
		}), false, []string{exists, locked, versioned, "missing: encrypted with the key arn:aws:kms:eu-central-1:111111111111:key/k, but the role of the function audit may not use it", later}},
		{"what may not be read", "audit", change(func(b *fakeBucket) {
			b.lockErr = apiError("S3", "GetObjectLockConfiguration", "AccessDenied")
		}), false, []string{exists, "not checked: could not be checked: GetObjectLockConfiguration of S3: AccessDenied: no", versioned, encrypted, later}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			got, err := checkAuditBucket(t.Context(), test.api, fakeLambda{}, &settings.Settings{NamePrefix: "sso-elevator", ExistingAuditBucket: test.bucket, MFADelete: test.mfa}, own, "aws", "eu-central-1")
			same(t, got, err, test.want...)
		})
	}
	for name, api := range map[string]fakeBucket{"may not look": {head: status4xx(403)}, "may not look again": {region: "eu-central-1", headOwn: errors.New("down")}} {
		if got, err := checkAuditBucket(t.Context(), api, fakeLambda{}, &settings.Settings{ExistingAuditBucket: "audit"}, own, "aws", "eu-central-1"); err == nil {
			t.Errorf("%s: %q", name, lines(got))
		}
	}
}

func TestKeyOfTheAuditBucket(t *testing.T) {
	const (
		key   = "arn:aws:kms:eu-central-1:111111111111:key/01234567-89ab-cdef-0123-456789abcdef"
		id    = "01234567-89ab-cdef-0123-456789abcdef"
		alias = "arn:aws:kms:eu-central-1:111111111111:alias/audit"
		other = "arn:aws:kms:eu-central-1:111111111111:key/mrk-0123456789abcdef0123456789abcdef"
	)
	policy := "In the key policy, allow kms:GenerateDataKey and kms:Decrypt to arn:aws:iam::" + own + ":root. Otherwise no record can be written, and access without a record is removed."
	for _, test := range []struct {
		name, key        string
		settings         settings.Settings
		status           status
		wantIn, wantInIt string // the finding and the fix
	}{
		{"S3's", "arn:aws:kms:eu-central-1:111111111111:alias/aws/s3", settings.Settings{}, ready, "which everyone in its account can use through S3", ""},
		{"not set", key, settings.Settings{}, missing, "may not use", "Set s3_existing_bucket_kms_key_arn: " + key + ". " + policy},
		{"set", key, settings.Settings{ExistingAuditKeyARN: key}, warning, "The role of the function audit may use it", policy},
		{"the stack's own", key, settings.Settings{KMSKeyARN: key}, warning, "The role of the function audit may use it", policy},
		{"by id", id, settings.Settings{ExistingAuditKeyARN: key}, warning, "The role of the function audit may use it", policy},
		{"by id, not set", id, settings.Settings{}, missing, "may not use", "Set s3_existing_bucket_kms_key_arn to the ARN that aws kms describe-key --key-id " + id + " prints. " + policy},
		{"another one set", key, settings.Settings{ExistingAuditKeyARN: other}, missing, "may not use", "Set s3_existing_bucket_kms_key_arn: " + key + ". " + policy},
		{"another one of the stack", key, settings.Settings{KMSKeyARN: other}, missing, "may not use", "Set s3_existing_bucket_kms_key_arn: " + key + ". " + policy},
		{"alias", alias, settings.Settings{ExistingAuditKeyARN: key}, warning, "Whether s3_existing_bucket_kms_key_arn names the same key", "Compare the setting with the output of: aws kms describe-key --key-id " + alias + ". " + policy},
		{"alias, not set", alias, settings.Settings{}, missing, "may not use", "Set s3_existing_bucket_kms_key_arn to the ARN that aws kms describe-key --key-id " + alias + " prints. " + policy},
	} {
		if got := ownKey(test.key, &test.settings, own, "aws"); got.Status != test.status || !strings.Contains(got.Found, test.wantIn) || got.Fix != test.wantInIt {
			t.Errorf("%s: %+v", test.name, got)
		}
	}
}
