package main

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/aws/aws-cdk-go/awscdk/v2"
	"github.com/aws/aws-cdk-go/awscdk/v2/assertions"
	"github.com/aws/jsii-runtime-go"
	"github.com/cdklabs/cdk-nag-go/cdknag/v2"

	"sso-elevator/infra/build"
	"sso-elevator/infra/settings"
)

// TestNag compares cdk-nag's findings with the accepted ones. A new finding fails,
// and so does an accepted one that no longer occurs. AwsSolutions checks the stack
// without optional protection. NIST 800-53 R5 checks the stack with all of it,
// because organizations that need that standard set it.
func TestNag(t *testing.T) {
	protected := goldenSettings(t)
	protect(protected)
	for _, test := range []struct {
		name     string
		settings *settings.Settings
		pack     awscdk.IAspect
		accepted []accepted
	}{
		{"AwsSolutions", goldenSettings(t), cdknag.NewAwsSolutionsChecks(&cdknag.NagPackProps{Reports: jsii.Bool(false)}), acceptedOfAwsSolutions},
		{"NIST.800.53.R5", protected, cdknag.NewNIST80053R5Checks(&cdknag.NagPackProps{Reports: jsii.Bool(false)}), acceptedOfNIST},
	} {
		t.Run(test.name, func(t *testing.T) {
			got := nagFindings(t, test.settings, test.name, test.pack)
			var want []string
			for _, finding := range test.accepted {
				if len(finding.reason) < 20 {
					t.Errorf("%s is accepted without a reason", finding.rule)
				}
				for _, place := range strings.Fields(finding.places) {
					want = append(want, place+" "+test.name+"-"+finding.rule)
				}
			}
			for _, finding := range got {
				if !slices.Contains(want, finding) {
					t.Errorf("found, and not accepted: %s", finding)
				}
			}
			for _, finding := range want {
				if !slices.Contains(got, finding) {
					t.Errorf("accepted, and not found: %s", finding)
				}
			}
		})
	}
}

// protect turns on all optional protection of the stack.
func protect(s *settings.Settings) {
	s.KMSKeyARN = "arn:aws:kms:eu-central-1:111111111111:key/01234567-89ab-cdef-0123-456789abcdef"
	s.IdentityCenterKeyARN = identityCenterKey
	s.PermissionsBoundary = "arn:aws:iam::111111111111:policy/boundary"
	s.IngressReserved, s.RevokeReserved = 50, 20
	s.ObjectLock, s.ObjectLockMode, s.ObjectLockDays = true, "GOVERNANCE", 730
}

// nagFindings returns the findings of a pack, each as "place rule".
func nagFindings(t *testing.T, s *settings.Settings, name string, pack awscdk.IAspect) []string {
	t.Helper()
	root, err := build.Root()
	if err != nil {
		t.Fatal(err)
	}
	folder, err := os.MkdirTemp(testFolder, "")
	if err != nil {
		t.Fatal(err)
	}
	app, err := newApp(root, filepath.Join(folder, "cdk.out"))
	if err != nil {
		t.Fatal(err)
	}
	// The test compares the findings, so they must not end the synthesis.
	app.Node().SetContext(jsii.String("@aws-cdk/core:annotationsInValidationReport"), false)
	stack, err := newTestStack(app, elevatorProps{settings: s}, folder)
	if err != nil {
		t.Fatal(err)
	}
	awscdk.Aspects_Of(app).Add(pack, nil)

	annotations := assertions.Annotations_FromStack(stack)
	anything := assertions.Match_StringLikeRegexp(jsii.String(regexp.QuoteMeta(name + "-")))
	messages := slices.Concat(*annotations.FindError(jsii.String("*"), anything), *annotations.FindWarning(jsii.String("*"), anything))
	var got []string
	for _, message := range messages {
		//lint:ignore SA1019 the type only moved, and the CDK's Go library has no other one
		rule, _, _ := strings.Cut(fmt.Sprint(message.Entry.Data), ": ")
		//lint:ignore SA1019 the type only moved, and the CDK's Go library has no other one
		place := strings.TrimPrefix(*message.Id, "/"+*stack.StackName()+"/")
		place = strings.TrimSuffix(strings.TrimSuffix(place, "/Resource"), "/DefaultPolicy")
		got = append(got, place+" "+rule)
	}
	return got
}

// accepted is a finding that we accept at these places, and why.
type accepted struct{ rule, places, reason string }

var acceptedOfNIST = []accepted{
	{
		rule:   "DynamoDBInBackupPlan",
		places: "Table",
		reason: "Point-in-time recovery is on, for 35 days. Which vault and plan a company's backups go to is the company's, and AWS Backup takes tables in by their tags (setting tags).",
	},
	{
		rule:   "S3BucketLoggingEnabled",
		places: "Records Catalog",
		reason: "For the records the setting s3_logging turns it on, into a bucket that is there. CloudTrail's data events say more, and a bucket of the stack's own for access logs would need looking after.",
	},
	{
		rule:   "S3BucketReplicationEnabled",
		places: "Records",
		reason: "Replication needs a bucket in another region or account, which a stack of one region can't make. Who wants it names a replicated bucket in s3_name_of_the_existing_bucket.",
	},
	{
		rule:   "S3BucketReplicationEnabled",
		places: "Catalog",
		reason: "What is in it is listed again every ten minutes.",
	},
	{
		rule:   "S3BucketVersioningEnabled",
		places: "Catalog",
		reason: "The catalog is replaced every ten minutes, and what it was before is of no use to anybody; what a run found has a key of its own and is never replaced.",
	},
	{
		rule:   "LambdaInsideVPC",
		places: "Ingress/Function Evaluate/Function Await/Function Notify/Function Grant/Function Revoke/Function Audit/Function Reconcile/Function",
		reason: "They call AWS's services and Slack, and nothing inside a VPC. One would add a NAT gateway, which sees what goes to Slack and can fail, and protect nothing.",
	},
	{
		rule:   "LambdaDLQ",
		places: "Ingress/Function Evaluate/Function Await/Function Notify/Function Grant/Function Revoke/Function Audit/Function",
		reason: "Nobody invokes them asynchronously: Step Functions and API Gateway wait for the answer, and the execution keeps what failed.",
	},
	{
		rule:   "LambdaDLQ",
		places: "Reconcile/Function",
		reason: "It has a destination for what failed, the queue of dead letters, which the rule does not look at (TestDeadLetters). It says more than a queue of the function's own.",
	},
	{
		rule:   "LambdaConcurrency",
		places: "Evaluate/Function Await/Function Notify/Function Grant/Function Audit/Function Reconcile/Function",
		reason: "A reserve is a limit as well. Their callers repeat until they get through; a limit would have them wait for each other, and the scans of reconcile keep the sweep out.",
	},
	{
		rule:   "IAMNoInlinePolicy",
		places: "Ingress/Role Evaluate/Role Await/Role Notify/Role Grant/Role Revoke/Role Audit/Role Reconcile/Role Requests/Role Reconciliation/Role CatalogRefresh/Role ReconcileSchedules/Role Sweep/Role Recheck/Role",
		reason: "Each policy is one role's, made for it and deleted with it. A managed one could be attached to somebody else, and would outlive the role by mistake.",
	},
}

var acceptedOfAwsSolutions = []accepted{
	{
		rule:   "S1",
		places: "Records",
		reason: "Who reads the audit records is seen in CloudTrail's data events, where an organization turns them on, or in access logs, where the setting s3_logging says into which bucket.",
	},
	{
		rule:   "S1",
		places: "Catalog",
		reason: "Names of accounts, permission sets and groups, read by ingress every minute; CloudTrail's data events show more.",
	},
	{
		rule:   "SF1",
		places: "Requests/Machine Reconciliation/Machine",
		reason: "The execution history has every event. The log gets the errors: who may read logs need not read what people asked for and why.",
	},
	{
		rule:   "APIG4",
		places: "Slack/Api/POST--slack",
		reason: "Slack signs what it sends, and ingress checks the signature over the body, which an authorizer does not see.",
	},
	{
		rule:   "IAM5[Resource::*]",
		places: "Ingress/Role Reconcile/Role Evaluate/Role Grant/Role Revoke/Role",
		reason: "sso:ListInstances, organizations:ListAccounts and X-Ray know no resources.",
	},
	{
		rule:   "IAM5[Resource::*]",
		places: "Await/Role Notify/Role Audit/Role",
		reason: "X-Ray knows no resources.",
	},
	{
		rule:   "IAM5[Resource::arn:<AWS::Partition>:organizations::*:account/o-*/*]",
		places: "Evaluate/Role Grant/Role",
		reason: "ListParents: accounts come and go. The ids of the organization and of its management account are not in the settings.",
	},
	{
		rule:   "IAM5[Resource::arn:<AWS::Partition>:organizations::*:ou/o-*/ou-*]",
		places: "Evaluate/Role Grant/Role Reconcile/Role",
		reason: "They only read which units and accounts are in or above a unit. Units below those in the policy come and go.",
	},
	{
		rule:   "SQS3",
		places: "DeadLetters",
		reason: "It is where the dead letters go.",
	},
	{
		rule:   "IAM5[Resource::*]",
		places: "Requests/Role Reconciliation/Role",
		reason: "X-Ray and the delivery of logs know no resources.",
	},
	{
		rule:   "IAM5[Resource::arn:<AWS::Partition>:states:<AWS::Region>:<AWS::AccountId>:execution:sso-elevator-requests:*]",
		places: "Reconcile/Role",
		reason: "Executions have a name each; whether one runs is all that is asked.",
	},
	{
		rule:   "IAM5[Resource::arn:<AWS::Partition>:states:<AWS::Region>:<AWS::AccountId>:execution:sso-elevator-reconcile:*]",
		places: "Reconcile/Role Reconciliation/Role",
		reason: "Executions have a name each: the function only describes its sweeps, and a Map looks after the executions of its own machine.",
	},
	{
		rule:   "IAM5[Resource::arn:<AWS::Partition>:states:<AWS::Region>:<AWS::AccountId>:execution:sso-elevator-reconcile/*:*]",
		places: "Reconciliation/Role",
		reason: "The executions that a Map of this machine starts for its parts have names that Step Functions makes.",
	},
	{
		rule:   "IAM5[Resource::arn:<AWS::Partition>:states:<AWS::Region>:<AWS::AccountId>:execution:sso-elevator-reconcile:*]",
		places: "Reconciliation/Role",
		reason: "The same, in the form that the developer guide gives. The role is Step Functions' alone.",
	},
	{
		rule:   "IAM5[Resource::arn:<AWS::Partition>:s3:::cdk-hnb659fds-assets-<AWS::AccountId>-<AWS::Region>/sso-elevator/*.json]",
		places: "Ingress/Role Reconcile/Role Evaluate/Role Grant/Role Audit/Role Revoke/Role",
		reason: "A policy goes up under its hash. While a deployment changes role and pointer, the previous policy is read as well. The digest says whether it is the right one.",
	},
	{
		rule:   "IAM5[Resource::arn:<AWS::Partition>:kms:<AWS::Region>:<AWS::AccountId>:key/*]",
		places: "Ingress/Role Evaluate/Role Notify/Role Grant/Role Revoke/Role Audit/Role Reconcile/Role",
		reason: "Which key encrypts a secret, or the bucket that the CDK was bootstrapped with, is the customer's choice; the conditions bind it to the one secret, and to the policies.",
	},
	{
		rule:   "IAM5[Resource::arn:<AWS::Partition>:sso:::permissionSet/ssoins-1234567890abcdef/*]",
		places: "Reconcile/Role Grant/Role Revoke/Role",
		reason: "Permission sets come and go; which ones may be given is what the policy says.",
	},
	{
		rule:   "IAM5[Resource::arn:<AWS::Partition>:sso:::account/*]",
		places: "Reconcile/Role Grant/Role Revoke/Role",
		reason: "Accounts come and go; which ones may be given is what the policy says.",
	},
	{
		rule:   "IAM5[Resource::arn:<AWS::Partition>:identitystore::*:identitystore/*]",
		places: "Ingress/Role Reconcile/Role Evaluate/Role Grant/Role Revoke/Role",
		reason: "The identity store's id is known to the functions, which ask for it, and not here; it may belong to the management account.",
	},
	{
		rule:   "IAM5[Resource::arn:<AWS::Partition>:identitystore:::user/*]",
		places: "Ingress/Role Reconcile/Role Evaluate/Role Grant/Role Revoke/Role",
		reason: "Anybody in the organization may ask.",
	},
	{
		rule:   "IAM5[Resource::arn:<AWS::Partition>:identitystore:::group/*]",
		places: "Ingress/Role Reconcile/Role Evaluate/Role Grant/Role Revoke/Role",
		reason: "Groups come and go; which ones may be given, and which decide, is what the policy says.",
	},
	{
		rule:   "IAM5[Resource::arn:<AWS::Partition>:identitystore:::membership/*]",
		places: "Ingress/Role Reconcile/Role Evaluate/Role Grant/Role Revoke/Role",
		reason: "Memberships are what is made and unmade, and what decides.",
	},
	{
		rule:   "IAM5[Resource::<Catalog742F25FD.Arn>/reconcile/*]",
		places: "Ingress/Role Reconcile/Role Notify/Role Revoke/Role Audit/Role",
		reason: "Each run of the reconciliation leaves objects of its own there. One function writes them, the others only read.",
	},
	{
		rule:   "IAM5[Resource::<Catalog742F25FD.Arn>/catalog*.json.gz]",
		places: "Reconcile/Role",
		reason: "The catalog and the lists that are still loading. The bucket has nothing else with such a name, and one pattern keeps the policy short.",
	},
	{
		rule:   "IAM5[Resource::<Records091F6ECA.Arn>/logs/*]",
		places: "Audit/Role",
		reason: "Each record is an object of its own; writing objects is all that is permitted.",
	},
	{
		rule:   "IAM5[Resource::<Records091F6ECA.Arn>/policies/*]",
		places: "Audit/Role",
		reason: "Each policy is an object of its own; writing objects is all that is permitted.",
	},
}
