package main

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/aws/aws-cdk-go/awscdk/v2"
	"github.com/aws/aws-cdk-go/awscdk/v2/assertions"
	"github.com/aws/jsii-runtime-go"
	"github.com/cdklabs/cdk-nag-go/cdknag/v2"
)

// TestNag compares what cdk-nag's AwsSolutions rules find with what is
// accepted: a new finding fails, and so does one that is accepted and not there
// any more.
func TestNag(t *testing.T) {
	root, err := moduleRoot()
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
	// Findings are to be compared, not to end the synthesis.
	app.Node().SetContext(jsii.String("@aws-cdk/core:annotationsInValidationReport"), false)
	stack, err := newTestStack(app, goldenSettings(t), false, folder)
	if err != nil {
		t.Fatal(err)
	}
	awscdk.Aspects_Of(app).Add(cdknag.NewAwsSolutionsChecks(&cdknag.NagPackProps{Reports: jsii.Bool(false)}), nil)

	annotations := assertions.Annotations_FromStack(stack)
	anything := assertions.Match_StringLikeRegexp(jsii.String("AwsSolutions-"))
	messages := slices.Concat(*annotations.FindError(jsii.String("*"), anything), *annotations.FindWarning(jsii.String("*"), anything))
	var got, want []string
	for _, message := range messages {
		rule, _, _ := strings.Cut(fmt.Sprint(message.Entry.Data), ": ")
		place := strings.TrimPrefix(*message.Id, "/"+*stack.StackName()+"/")
		place = strings.TrimSuffix(strings.TrimSuffix(place, "/Resource"), "/DefaultPolicy")
		got = append(got, place+" "+rule)
	}
	for _, finding := range accepted {
		for _, place := range strings.Fields(finding.places) {
			want = append(want, place+" "+finding.rule)
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
}

// accepted are the findings that stay, and why.
var accepted = []struct{ rule, places, reason string }{
	{
		rule:   "AwsSolutions-S1",
		places: "Records",
		reason: "Who reads the audit records is seen in CloudTrail's data events, where an organization turns them on; a second bucket for access logs would hold less and need looking after.",
	},
	{
		rule:   "AwsSolutions-S1",
		places: "Catalog",
		reason: "Names of accounts, permission sets and groups, read by ingress every minute; CloudTrail's data events show more.",
	},
	{
		rule:   "AwsSolutions-SF1",
		places: "Requests/Machine Reconciliation/Machine",
		reason: "The execution history has every event. The log gets the errors: who may read logs need not read what people asked for and why.",
	},
	{
		rule:   "AwsSolutions-APIG4",
		places: "Slack/Api/POST--slack",
		reason: "Slack signs what it sends, and ingress checks the signature over the body, which an authorizer does not see.",
	},
	{
		rule:   "AwsSolutions-IAM5[Resource::*]",
		places: "Ingress/Role Reconcile/Role Evaluate/Role Grant/Role Revoke/Role",
		reason: "sso:ListInstances, organizations:ListAccounts and X-Ray know no resources.",
	},
	{
		rule:   "AwsSolutions-IAM5[Resource::*]",
		places: "Await/Role Notify/Role Audit/Role",
		reason: "X-Ray knows no resources.",
	},
	{
		rule:   "AwsSolutions-SQS3",
		places: "DeadLetters",
		reason: "It is where the dead letters go.",
	},
	{
		rule:   "AwsSolutions-IAM5[Resource::*]",
		places: "Requests/Role Reconciliation/Role",
		reason: "X-Ray and the delivery of logs know no resources.",
	},
	{
		rule:   "AwsSolutions-IAM5[Resource::arn:<AWS::Partition>:states:<AWS::Region>:<AWS::AccountId>:execution:sso-elevator-requests:*]",
		places: "Reconcile/Role",
		reason: "Executions have a name each; whether one runs is all that is asked.",
	},
	{
		rule:   "AwsSolutions-IAM5[Resource::arn:<AWS::Partition>:states:<AWS::Region>:<AWS::AccountId>:execution:sso-elevator-reconcile:*]",
		places: "Reconciliation/Role",
		reason: "Executions have a name each; a Map looks after those of its own machine.",
	},
	{
		rule:   "AwsSolutions-IAM5[Resource::arn:<AWS::Partition>:states:<AWS::Region>:<AWS::AccountId>:execution:sso-elevator-reconcile/*:*]",
		places: "Reconciliation/Role",
		reason: "The executions that a Map of this machine starts for its parts have names that Step Functions makes.",
	},
	{
		rule:   "AwsSolutions-IAM5[Resource::arn:<AWS::Partition>:states:<AWS::Region>:<AWS::AccountId>:execution:sso-elevator-reconcile:*]",
		places: "Reconciliation/Role",
		reason: "The same, in the form that the developer guide gives. The role is Step Functions' alone.",
	},
	{
		rule:   "AwsSolutions-IAM5[Resource::arn:<AWS::Partition>:s3:::cdk-hnb659fds-assets-<AWS::AccountId>-<AWS::Region>/*.json]",
		places: "Ingress/Role Reconcile/Role Evaluate/Role Grant/Role Audit/Role Revoke/Role",
		reason: "A policy goes up under its hash. While a deployment changes role and pointer, the previous policy is read as well. The digest says whether it is the right one.",
	},
	{
		rule:   "AwsSolutions-IAM5[Resource::arn:<AWS::Partition>:kms:<AWS::Region>:<AWS::AccountId>:key/*]",
		places: "Ingress/Role Evaluate/Role Notify/Role",
		reason: "Which key encrypts a secret is the customer's choice; the conditions bind it to the one secret.",
	},
	{
		rule:   "AwsSolutions-IAM5[Resource::arn:<AWS::Partition>:sso:::permissionSet/ssoins-1234567890abcdef/*]",
		places: "Ingress/Role Reconcile/Role Grant/Role Revoke/Role",
		reason: "Permission sets come and go; which ones may be given is what the policy says.",
	},
	{
		rule:   "AwsSolutions-IAM5[Resource::arn:<AWS::Partition>:sso:::account/*]",
		places: "Reconcile/Role Grant/Role Revoke/Role",
		reason: "Accounts come and go; which ones may be given is what the policy says.",
	},
	{
		rule:   "AwsSolutions-IAM5[Resource::arn:<AWS::Partition>:identitystore::*:identitystore/*]",
		places: "Ingress/Role Reconcile/Role Evaluate/Role Grant/Role Revoke/Role",
		reason: "The identity store's id is known to the functions, which ask for it, and not here; it may belong to the management account.",
	},
	{
		rule:   "AwsSolutions-IAM5[Resource::arn:<AWS::Partition>:identitystore:::user/*]",
		places: "Ingress/Role Reconcile/Role Evaluate/Role Grant/Role Revoke/Role",
		reason: "Anybody in the organization may ask.",
	},
	{
		rule:   "AwsSolutions-IAM5[Resource::arn:<AWS::Partition>:identitystore:::group/*]",
		places: "Ingress/Role Reconcile/Role Grant/Role Revoke/Role",
		reason: "Groups come and go; which ones may be given is what the policy says.",
	},
	{
		rule:   "AwsSolutions-IAM5[Resource::arn:<AWS::Partition>:identitystore:::membership/*]",
		places: "Reconcile/Role Grant/Role Revoke/Role",
		reason: "Memberships are what is made and unmade.",
	},
	{
		rule:   "AwsSolutions-IAM5[Resource::<Catalog742F25FD.Arn>/reconcile/*]",
		places: "Reconcile/Role Notify/Role Revoke/Role Audit/Role",
		reason: "Each run of the reconciliation leaves objects of its own there. One function writes them, the others only read.",
	},
	{
		rule:   "AwsSolutions-IAM5[Resource::<Records091F6ECA.Arn>/logs/*]",
		places: "Audit/Role",
		reason: "Each record is an object of its own; writing objects is all that is permitted.",
	},
	{
		rule:   "AwsSolutions-IAM5[Resource::<Records091F6ECA.Arn>/policies/*]",
		places: "Audit/Role",
		reason: "Each policy is an object of its own; writing objects is all that is permitted.",
	},
}
