package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cloudformation"
	"github.com/aws/aws-sdk-go-v2/service/cloudformation/types"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/lambda"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/ssm"

	"sso-elevator/infra/command"
	"sso-elevator/infra/deployed"
	"sso-elevator/infra/settings"
)

// settleTime is how long after its creation a stack gets the alarms about missing data.
// By then the schedules, which start with the stack, have run twice, and CloudWatch
// shows their metrics.
const settleTime = 3 * time.Minute

// deployment is one stack, with the clients for everything that the CDK's command
// line does not do.
type deployment struct {
	settings  *settings.Settings
	stacks    *cloudformation.Client
	tables    *dynamodb.Client
	buckets   *s3.Client
	functions *lambda.Client
	// parameters has the pointer to the policy in force.
	parameters *ssm.Client
	instances  deployed.Instances
	// cdk runs the CDK's command line in the project's folder, on the terminal.
	cdk func(ctx context.Context, args ...string) error
	// settleTime is the constant settleTime, except in tests.
	settleTime time.Duration
	arguments  []string // of every call of cdk
	all        bool     // whether to print all differences between the policies
	out        io.Writer
}

func (d *deployment) say(format string, values ...any) {
	fmt.Fprintf(d.out, format+"\n", values...)
}

// nameInstance passes the Identity Center instance to the CDK app, so that the functions
// need not look it up. If the instance can't be found, it says why, and they look it up.
func (d *deployment) nameInstance(ctx context.Context) {
	in, err := deployed.FindInstance(ctx, d.instances, d.settings.SSOInstanceARN)
	if err != nil {
		d.say("The Identity Center instance is not known, so each function looks it up when it starts: %s", command.Printable(err.Error()))
		return
	}
	d.arguments = append(d.arguments, "--context", deployed.InstanceContext+"="+aws.ToString(in.InstanceArn),
		"--context", deployed.IdentityStoreContext+"="+aws.ToString(in.IdentityStoreId))
}

// diff shows what a deployment would change, and what the new policy would.
func (d *deployment) diff(ctx context.Context) error {
	d.nameInstance(ctx)
	err := d.cdk(ctx, append([]string{"diff"}, d.arguments...)...)
	d.comparePolicies(ctx)
	return err
}

// deploy deploys the stack with the current settings.
func (d *deployment) deploy(ctx context.Context) error {
	stack, err := d.findStack(ctx)
	if err != nil {
		return err
	}
	first := stack == nil
	if stack != nil {
		switch deployed.StackStateOf(stack.StackStatus) {
		case deployed.NeverCreated:
			if err := d.clearFailedCreation(ctx, stack); err != nil {
				return err
			}
			first = true
		case deployed.Busy:
			return command.Problemf("The stack %s is being changed (%s). Wait until the change is over, then deploy again.", d.settings.NamePrefix, stack.StackStatus)
		case deployed.RollbackFailed:
			return command.Problemf("An update of the stack %s failed, and so did its rollback (%s): %s\nFix the cause, then run: aws cloudformation continue-update-rollback --stack-name %[1]s\nWhen the stack is UPDATE_ROLLBACK_COMPLETE, deploy again.",
				d.settings.NamePrefix, stack.StackStatus, aws.ToString(stack.StackStatusReason))
		case deployed.DeleteFailed:
			return command.Problemf("The stack %s is only partly deleted (%s): %s\nFinish the deletion: aws cloudformation delete-stack --stack-name %[1]s\nThen deploy again.",
				d.settings.NamePrefix, stack.StackStatus, aws.ToString(stack.StackStatusReason))
		}
	}
	d.nameInstance(ctx)
	if !first {
		d.comparePolicies(ctx)
		if err := d.cdk(ctx, append([]string{"deploy"}, d.arguments...)...); err != nil {
			return command.Problemf("The deployment failed: %w. Nothing has changed, unless the stack is UPDATE_ROLLBACK_FAILED. Fix the error above, then deploy again.", err)
		}
		d.refreshCatalog(ctx)
		d.say("Deployed. If the policy changed, the new one is used within a minute.")
		return nil
	}

	if err := d.cdk(ctx, append([]string{"deploy", "--context", "first=true"}, d.arguments...)...); err != nil {
		return command.Problemf("The first deployment failed: %w. Fix the error above, then deploy again. The next deployment deletes what this one left.", err)
	}
	d.refreshCatalog(ctx)
	if stack, err = d.findStack(ctx); err != nil {
		return err
	}
	if stack == nil {
		return command.Problemf("The deployment succeeded, but there is no stack %s here. Check whether the CDK uses the same AWS account and region as your credentials.", d.settings.NamePrefix)
	}
	if wait := time.Until(aws.ToTime(stack.CreationTime).Add(d.settleTime)); wait > 0 {
		d.say("Waiting %s for the first data of the schedules, so that the alarms about missing data don't fire.", wait.Round(time.Second))
		select {
		case <-time.After(wait):
		case <-ctx.Done():
			return d.unprotectedError(ctx.Err())
		}
	}
	d.say("Deploying once more, to turn on deletion protection and the alarms about missing data.")
	arguments := append([]string{"deploy"}, d.arguments...)
	if !slices.Contains(arguments, "--require-approval") {
		arguments = append(arguments, "--require-approval", "never") // it adds nothing that needs approval
	}
	if err := d.cdk(ctx, arguments...); err != nil {
		return d.unprotectedError(err)
	}
	d.say("Deployed. Next:")
	d.say("  1. Replace the manifest of the Slack app (api.slack.com/apps, App Manifest) with the output SlackManifest above.")
	d.say("     If Slack then asks you to reinstall the app, do that.")
	step := 2
	if d.settings.AlarmEmail != "" {
		d.say("  %d. Confirm the email from Amazon SNS to %s. Without that, no alarm reaches you.", step, d.settings.AlarmEmail)
		step++
	}
	d.say("  %d. Type /access in Slack. If something is missing, run make doctor.", step)
	return nil
}

func (d *deployment) unprotectedError(err error) error {
	return command.Problemf("The system is deployed and works, but deletion protection and the alarms about missing data are off: %w. Deploy again to turn them on.", err)
}

// findStack returns the stack, or nil if it does not exist.
func (d *deployment) findStack(ctx context.Context) (*types.Stack, error) {
	stack, err := deployed.FindStack(ctx, d.stacks, d.settings.NamePrefix)
	if err != nil {
		return nil, command.Problemf("Can't read the stack %s: %w", d.settings.NamePrefix, err)
	}
	return stack, nil
}

// listResources returns the stack's resources.
func (d *deployment) listResources(ctx context.Context, stack *types.Stack) ([]types.StackResourceSummary, error) {
	var all []types.StackResourceSummary
	pages := cloudformation.NewListStackResourcesPaginator(d.stacks, &cloudformation.ListStackResourcesInput{StackName: stack.StackId})
	for pages.HasMorePages() {
		page, err := pages.NextPage(ctx)
		if err != nil {
			return nil, command.Problemf("Can't list the resources of the stack %s: %w", d.settings.NamePrefix, err)
		}
		all = append(all, page.StackResourceSummaries...)
	}
	return all, nil
}

func (d *deployment) protectStack(ctx context.Context, stack *types.Stack, on bool) error {
	if aws.ToBool(stack.EnableTerminationProtection) == on {
		return nil
	}
	_, err := d.stacks.UpdateTerminationProtection(ctx, &cloudformation.UpdateTerminationProtectionInput{StackName: stack.StackId, EnableTerminationProtection: &on})
	if err != nil {
		return command.Problemf("Can't set the termination protection of the stack %s to %t: %w", d.settings.NamePrefix, on, err)
	}
	stack.EnableTerminationProtection = &on
	return nil
}

// destroy deletes the stack after the CDK has asked for confirmation. It prints the
// names of the resources that stay.
func (d *deployment) destroy(ctx context.Context) error {
	stack, err := d.findStack(ctx)
	if err != nil {
		return err
	}
	if stack == nil {
		d.say("There is no stack %s.", d.settings.NamePrefix)
		return nil
	}
	resources, err := d.listResources(ctx, stack)
	if err != nil {
		return err
	}
	protected := aws.ToBool(stack.EnableTerminationProtection)
	if err := d.protectStack(ctx, stack, false); err != nil {
		return err
	}
	failed := d.cdk(ctx, append([]string{"destroy"}, d.arguments...)...)
	// The CDK also exits with success if the user answered no.
	left, err := d.findStack(context.WithoutCancel(ctx))
	switch {
	case err != nil:
		return errors.Join(failed, err)
	case left != nil && deployed.StackStateOf(left.StackStatus) == deployed.Updatable:
		if err := d.protectStack(context.WithoutCancel(ctx), left, protected); err != nil {
			return errors.Join(failed, err)
		}
		return errors.Join(failed, command.Problemf("The stack %s was not deleted. Its protection is as before.", d.settings.NamePrefix))
	case left != nil:
		return errors.Join(failed, command.Problemf("The stack %s was not deleted. It is %s: %s\nFix the cause, then run make destroy again.", d.settings.NamePrefix, left.StackStatus, aws.ToString(left.StackStatusReason)))
	case failed != nil:
		return failed
	}
	d.say("The stack is deleted. These stay; docs/guides/remove.md says how to delete them:")
	for _, r := range resources {
		switch aws.ToString(r.ResourceType) {
		case tableType:
			d.say("  table   %s", aws.ToString(r.PhysicalResourceId))
		case bucketType:
			d.say("  bucket  %s", aws.ToString(r.PhysicalResourceId))
		}
	}
	return nil
}

// refreshCatalog fills the catalog with everything that people can request. A failure
// doesn't stop the deployment, because the schedule refreshes the catalog within
// minutes.
func (d *deployment) refreshCatalog(ctx context.Context) {
	name := d.settings.FunctionName("reconcile")
	d.say("Refreshing the catalog of accounts, permission sets and groups.")
	began := time.Now()
	out, err := d.functions.Invoke(ctx, &lambda.InvokeInput{FunctionName: &name, Qualifier: aws.String("live"), Payload: []byte(`{"operation":"catalog"}`)})
	if err == nil && out.FunctionError != nil {
		var said struct{ ErrorMessage string }
		if json.Unmarshal(out.Payload, &said) != nil || said.ErrorMessage == "" {
			said.ErrorMessage = strings.TrimSpace(string(out.Payload))
		}
		err = errors.New(said.ErrorMessage)
	}
	if err != nil {
		d.say("The refresh failed: %v\nUntil a refresh succeeds, the form offers nothing new. The next attempt comes within %s. If it fails again, read the log of %s.", err, d.settings.CatalogRefresh, name)
		return
	}
	d.say("Refreshed in %s.", time.Since(began).Round(time.Second/10))
}
