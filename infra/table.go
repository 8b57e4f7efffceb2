package main

import (
	"github.com/aws/aws-cdk-go/awscdk/v2"
	"github.com/aws/aws-cdk-go/awscdk/v2/awsdynamodb"
	"github.com/aws/constructs-go/constructs/v10"
	"github.com/aws/jsii-runtime-go"

	rows "sso-elevator/functions/adapters/table"
	"sso-elevator/infra/settings"
)

// newTable makes the one table: for requests, leases, and events that are still to be
// recorded. Closed requests expire by the attribute `expires`. Open rows are in the
// sparse index `open`, in the order of their due times. Requests are in the sparse index
// `requester`, by requester and time. CloudFormation creates one index in an update, so a
// release must not add two.
func newTable(scope constructs.Construct, s *settings.Settings, protect bool) awsdynamodb.Table {
	text := func(name string) *awsdynamodb.Attribute {
		return &awsdynamodb.Attribute{Name: jsii.String(name), Type: awsdynamodb.AttributeType_STRING}
	}
	encryption, key := awsdynamodb.TableEncryption_AWS_MANAGED, customerKey(scope, "TableKey", s)
	if key != nil {
		encryption = awsdynamodb.TableEncryption_CUSTOMER_MANAGED
	}
	table := awsdynamodb.NewTable(scope, jsii.String("Table"), &awsdynamodb.TableProps{
		PartitionKey:                     text(rows.AttributeKey),
		BillingMode:                      awsdynamodb.BillingMode_PAY_PER_REQUEST,
		Encryption:                       encryption,
		EncryptionKey:                    key,
		PointInTimeRecoverySpecification: &awsdynamodb.PointInTimeRecoverySpecification{PointInTimeRecoveryEnabled: jsii.Bool(true)},
		TimeToLiveAttribute:              jsii.String(rows.AttributeExpires),
		DeletionProtection:               jsii.Bool(protect),
		RemovalPolicy:                    awscdk.RemovalPolicy_RETAIN_ON_UPDATE_OR_DELETE,
	})
	table.AddGlobalSecondaryIndex(&awsdynamodb.GlobalSecondaryIndexProps{
		IndexName:      jsii.String(rows.OpenIndex),
		PartitionKey:   text(rows.AttributeOpen),
		SortKey:        text(rows.AttributeDue),
		ProjectionType: awsdynamodb.ProjectionType_KEYS_ONLY,
	})
	table.AddGlobalSecondaryIndex(&awsdynamodb.GlobalSecondaryIndexProps{
		IndexName:        jsii.String(rows.RequesterIndex),
		PartitionKey:     text(rows.AttributeRequesterID),
		SortKey:          text(rows.AttributeCreatedAt),
		ProjectionType:   awsdynamodb.ProjectionType_INCLUDE,
		NonKeyAttributes: jsii.Strings(rows.RequesterIndexAttributes...),
	})
	return table
}
