package main

import (
	"context"
	"errors"
	"slices"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cloudformation"
	"github.com/aws/aws-sdk-go-v2/service/cloudformation/types"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	dynamotypes "github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	s3types "github.com/aws/aws-sdk-go-v2/service/s3/types"
	"github.com/aws/smithy-go"

	rows "sso-elevator/functions/adapters/table"
	"sso-elevator/infra/command"
)

// The types of resources that outlive a stack.
const (
	tableType  = "AWS::DynamoDB::Table"
	bucketType = "AWS::S3::Bucket"
)

// deletionTimeout is how long to wait for the deletion of a stack.
const deletionTimeout = 30 * time.Minute

// clearFailedCreation deletes a stack whose creation failed, and everything it left,
// so that nothing blocks the next attempt. It never deletes a table with requests or
// a bucket with records.
func (d *deployment) clearFailedCreation(ctx context.Context, stack *types.Stack) error {
	d.say("The first deployment of the stack %s was never completed (%s). Deleting what it left.", d.settings.NamePrefix, stack.StackStatus)
	resources, err := d.listResources(ctx, stack)
	if err != nil {
		return err
	}
	var tables []string
	for _, r := range resources {
		if aws.ToString(r.ResourceType) != tableType || aws.ToString(r.PhysicalResourceId) == "" {
			continue
		}
		table := aws.ToString(r.PhysicalResourceId)
		there, err := d.checkUnused(ctx, table)
		if err != nil {
			return err
		}
		if there {
			tables = append(tables, table)
		}
	}
	if err := d.protectStack(ctx, stack, false); err != nil {
		return err
	}
	for _, table := range tables {
		if _, err := d.tables.UpdateTable(ctx, &dynamodb.UpdateTableInput{TableName: &table, DeletionProtectionEnabled: aws.Bool(false)}); err != nil {
			return command.Problemf("Can't turn off the deletion protection of the table %s: %w", table, err)
		}
	}
	if _, err := d.stacks.DeleteStack(ctx, &cloudformation.DeleteStackInput{StackName: stack.StackId}); err != nil {
		return command.Problemf("Can't delete the stack %s: %w", d.settings.NamePrefix, err)
	}
	deleted := cloudformation.NewStackDeleteCompleteWaiter(d.stacks, func(o *cloudformation.StackDeleteCompleteWaiterOptions) {
		o.MinDelay, o.MaxDelay = time.Second, 15*time.Second
	})
	if err := deleted.Wait(ctx, &cloudformation.DescribeStacksInput{StackName: stack.StackId}, deletionTimeout); err != nil {
		return command.Problemf("Can't delete the stack %s: %w. To see why, run: aws cloudformation describe-stack-events --stack-name %[1]s", d.settings.NamePrefix, err)
	}
	// When CloudFormation deletes the stack, it keeps these resources, as if they had been
	// in use.
	for _, table := range tables {
		var gone *dynamotypes.ResourceNotFoundException
		if _, err := d.tables.DeleteTable(ctx, &dynamodb.DeleteTableInput{TableName: &table}); err != nil && !errors.As(err, &gone) {
			return command.Problemf("Can't delete the table %s: %w", table, err)
		}
	}
	for _, r := range resources {
		if bucket := aws.ToString(r.PhysicalResourceId); aws.ToString(r.ResourceType) == bucketType && bucket != "" {
			own, err := d.isOwnBucket(ctx, stack, bucket)
			if err != nil {
				return err
			}
			if !own {
				continue
			}
			if err := d.deleteBucket(ctx, bucket, strings.HasPrefix(aws.ToString(r.LogicalResourceId), "Catalog")); err != nil {
				return err
			}
		}
	}
	return nil
}

// checkUnused reports whether a table of that name exists. It returns an error if
// the table has a request or a lease.
func (d *deployment) checkUnused(ctx context.Context, table string) (there bool, err error) {
	pages := dynamodb.NewScanPaginator(d.tables, &dynamodb.ScanInput{
		TableName: &table, ConsistentRead: aws.Bool(true), ProjectionExpression: aws.String("#pk"),
		FilterExpression:         aws.String("begins_with(#pk, :request) or begins_with(#pk, :lease)"),
		ExpressionAttributeNames: map[string]string{"#pk": rows.AttributeKey},
		ExpressionAttributeValues: map[string]dynamotypes.AttributeValue{
			":request": &dynamotypes.AttributeValueMemberS{Value: rows.RequestPrefix}, ":lease": &dynamotypes.AttributeValueMemberS{Value: rows.LeasePrefix},
		},
	})
	for pages.HasMorePages() {
		page, err := pages.NextPage(ctx)
		var gone *dynamotypes.ResourceNotFoundException
		if errors.As(err, &gone) {
			return false, nil
		}
		if err != nil {
			return false, command.Problemf("Can't check whether the table %s is in use: %w", table, err)
		}
		if len(page.Items) > 0 {
			return false, command.Problemf("The table %s has requests in it, so this stack has been in use and nothing was deleted. Remove the access that the table lists (docs/guides/remove.md), then delete the stack and the table by hand.", table)
		}
	}
	return true, nil
}

// isOwnBucket reports whether the stack created the bucket. The stack may also list a
// bucket that existed before and belongs to someone else. CloudFormation tags what it
// creates, and nobody else can set such tags.
//
// https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/aws-properties-resource-tags.html
func (d *deployment) isOwnBucket(ctx context.Context, stack *types.Stack, bucket string) (bool, error) {
	out, err := d.buckets.GetBucketTagging(ctx, &s3.GetBucketTaggingInput{Bucket: &bucket})
	switch {
	case hasCode(err, "NoSuchBucket"), hasCode(err, "NoSuchTagSet"):
		return false, nil
	case hasCode(err, "AccessDenied"): // it is another account's, or we can't know: keep it
		d.say("Keeping the bucket %s, because its tags can't be read.", bucket)
		return false, nil
	case err != nil:
		return false, command.Problemf("Can't read the tags of the bucket %s: %w", bucket, err)
	}
	return slices.ContainsFunc(out.TagSet, func(tag s3types.Tag) bool {
		return aws.ToString(tag.Key) == "aws:cloudformation:stack-id" && aws.ToString(tag.Value) == aws.ToString(stack.StackId)
	}), nil
}

// deleteBucket deletes a bucket. If empty is set, it deletes the contents first.
// That is safe only for the catalog, which is written again. Without empty, it keeps a
// bucket that has objects, such as audit records.
func (d *deployment) deleteBucket(ctx context.Context, bucket string, empty bool) error {
	if empty {
		pages := s3.NewListObjectsV2Paginator(d.buckets, &s3.ListObjectsV2Input{Bucket: &bucket})
		for pages.HasMorePages() {
			page, err := pages.NextPage(ctx)
			if hasCode(err, "NoSuchBucket") {
				return nil
			}
			if err != nil {
				return command.Problemf("Can't list the objects in the bucket %s: %w", bucket, err)
			}
			var keys []s3types.ObjectIdentifier
			for _, object := range page.Contents {
				keys = append(keys, s3types.ObjectIdentifier{Key: object.Key})
			}
			if len(keys) == 0 {
				continue
			}
			if _, err := d.buckets.DeleteObjects(ctx, &s3.DeleteObjectsInput{Bucket: &bucket, Delete: &s3types.Delete{Objects: keys, Quiet: aws.Bool(true)}}); err != nil {
				return command.Problemf("Can't empty the bucket %s: %w", bucket, err)
			}
		}
	}
	_, err := d.buckets.DeleteBucket(ctx, &s3.DeleteBucketInput{Bucket: &bucket})
	switch {
	case hasCode(err, "NoSuchBucket"):
		return nil
	case hasCode(err, "BucketNotEmpty") && bucket == d.settings.AuditBucketName:
		return command.Problemf("The audit bucket %s has records in it, so it was kept. To use it again, replace s3_bucket_name_for_audit_entry in the settings with s3_name_of_the_existing_bucket: %[1]s", bucket)
	case hasCode(err, "BucketNotEmpty"):
		d.say("Keeping the bucket %s, because it isn't empty. The next deployment creates another one.", bucket)
		return nil
	case err != nil:
		return command.Problemf("Can't delete the bucket %s: %w", bucket, err)
	}
	return nil
}

func hasCode(err error, code string) bool {
	var api smithy.APIError
	return errors.As(err, &api) && api.ErrorCode() == code
}
