package main

import (
	"github.com/aws/aws-cdk-go/awscdk/v2"
	"github.com/aws/aws-cdk-go/awscdk/v2/awsdynamodb"
	"github.com/aws/constructs-go/constructs/v10"
	"github.com/aws/jsii-runtime-go"

	"sso-elevator/infra/settings"
)

// openIndex is the index of open requests, leases and claims, sorted by due time.
const openIndex = "open"

// newTable makes the one table: for requests, leases, and events that are still to be
// recorded. Closed requests expire by the attribute `expires`. Open rows are in the
// sparse index `open`, in the order of their due times.
func newTable(scope constructs.Construct, s *settings.Settings, protect bool) awsdynamodb.Table {
	text := func(name string) *awsdynamodb.Attribute {
		return &awsdynamodb.Attribute{Name: jsii.String(name), Type: awsdynamodb.AttributeType_STRING}
	}
	encryption, key := awsdynamodb.TableEncryption_AWS_MANAGED, customerKey(scope, "TableKey", s)
	if key != nil {
		encryption = awsdynamodb.TableEncryption_CUSTOMER_MANAGED
	}
	table := awsdynamodb.NewTable(scope, jsii.String("Table"), &awsdynamodb.TableProps{
		PartitionKey:                     text("pk"),
		BillingMode:                      awsdynamodb.BillingMode_PAY_PER_REQUEST,
		Encryption:                       encryption,
		EncryptionKey:                    key,
		PointInTimeRecoverySpecification: &awsdynamodb.PointInTimeRecoverySpecification{PointInTimeRecoveryEnabled: jsii.Bool(true)},
		TimeToLiveAttribute:              jsii.String("expires"),
		DeletionProtection:               jsii.Bool(protect),
		RemovalPolicy:                    awscdk.RemovalPolicy_RETAIN_ON_UPDATE_OR_DELETE,
	})
	table.AddGlobalSecondaryIndex(&awsdynamodb.GlobalSecondaryIndexProps{
		IndexName:      jsii.String(openIndex),
		PartitionKey:   text("open"),
		SortKey:        text("due"),
		ProjectionType: awsdynamodb.ProjectionType_KEYS_ONLY,
	})
	return table
}
