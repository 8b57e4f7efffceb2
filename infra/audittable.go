package main

import (
	"embed"
	"fmt"
	"io/fs"
	"strings"

	"github.com/aws/aws-cdk-go/awscdk/v2"
	"github.com/aws/aws-cdk-go/awscdk/v2/awsathena"
	"github.com/aws/aws-cdk-go/awscdk/v2/awsglue"
	"github.com/aws/aws-cdk-go/awscdk/v2/awss3"
	"github.com/aws/constructs-go/constructs/v10"
	"github.com/aws/jsii-runtime-go"

	"sso-elevator/functions/access/auditrecord"
	"sso-elevator/infra/settings"
)

// auditTableName is the table that the queries read.
const auditTableName = "audit"

//go:embed queries/*.sql
var queryFiles embed.FS

// query is an auditor's question in Athena's SQL. The first line of its file
// describes the question.
type query struct {
	name    string // of the file, without .sql
	answers string
	sql     string
}

// queries returns the example queries, sorted by name.
func queries() []query {
	files, err := fs.Glob(queryFiles, "queries/*.sql")
	if err != nil {
		panic(err) // the pattern is wrong
	}
	var all []query
	for _, file := range files {
		text, err := queryFiles.ReadFile(file)
		if err != nil {
			panic(err) // the file is embedded
		}
		first, _, _ := strings.Cut(string(text), "\n")
		all = append(all, query{
			name:    strings.TrimSuffix(strings.TrimPrefix(file, "queries/"), ".sql"),
			answers: strings.TrimPrefix(first, "-- "),
			sql:     string(text),
		})
	}
	return all
}

// auditDatabase is the name of the database. It has no hyphens, because a query
// would have to quote them.
func auditDatabase(s *settings.Settings) string { return strings.ReplaceAll(s.NamePrefix, "-", "_") }

// newAuditTable makes the audit records a table in Athena: a database and a table in
// Glue's catalog, and a workgroup with the queries. They hold no data, and cost
// nothing until someone runs a query.
func newAuditTable(stack awscdk.Stack, s *settings.Settings, bucket awss3.IBucket) {
	in := constructs.NewConstruct(stack, jsii.String("AuditTable"))
	database := awsglue.NewCfnDatabase(in, jsii.String("Database"), &awsglue.CfnDatabaseProps{
		CatalogId: stack.Account(),
		DatabaseInput: &awsglue.CfnDatabase_DatabaseInputProperty{
			Name:        jsii.String(auditDatabase(s)),
			Description: jsii.String("Audit records of temporary access"),
		},
	})
	location := fmt.Sprintf("s3://%s/", *bucket.BucketName())
	if s.AuditPrefix != "" {
		location += s.AuditPrefix + "/"
	}
	columns := []any{}
	for _, column := range auditrecord.Columns() {
		columns = append(columns, &awsglue.CfnTable_ColumnProperty{Name: jsii.String(column.Name), Type: jsii.String(column.Type)})
	}
	projection := "projection." + auditrecord.Partition
	awsglue.NewCfnTable(in, jsii.String("Table"), &awsglue.CfnTableProps{
		CatalogId:    stack.Account(),
		DatabaseName: database.Ref(),
		TableInput: &awsglue.CfnTable_TableInputProperty{
			Name:        jsii.String(auditTableName),
			Description: jsii.String("One row for each event of a request. The column " + auditrecord.Partition + " is its day in UTC, as " + auditrecord.PartitionFormat),
			TableType:   jsii.String("EXTERNAL_TABLE"),
			// Athena computes the partitions: a day appears with its first record, without a
			// crawler.
			Parameters: map[string]*string{
				"EXTERNAL":                    jsii.String("TRUE"),
				"classification":              jsii.String("json"),
				"projection.enabled":          jsii.String("true"),
				projection + ".type":          jsii.String("date"),
				projection + ".format":        jsii.String(auditrecord.PartitionFormat),
				projection + ".range":         jsii.String(auditrecord.FirstDay + ",NOW"),
				projection + ".interval":      jsii.String("1"),
				projection + ".interval.unit": jsii.String("DAYS"),
				"storage.location.template":   jsii.String(location + "${" + auditrecord.Partition + "}/"),
			},
			PartitionKeys: []any{&awsglue.CfnTable_ColumnProperty{Name: jsii.String(auditrecord.Partition), Type: jsii.String("string")}},
			StorageDescriptor: &awsglue.CfnTable_StorageDescriptorProperty{
				Location:     &location,
				Columns:      columns,
				InputFormat:  jsii.String("org.apache.hadoop.mapred.TextInputFormat"),
				OutputFormat: jsii.String("org.apache.hadoop.hive.ql.io.HiveIgnoreKeyTextOutputFormat"),
				// A record that is not JSON fails the query: an audit must not skip
				// records.
				SerdeInfo: &awsglue.CfnTable_SerdeInfoProperty{SerializationLibrary: jsii.String("org.openx.data.jsonserde.JsonSerDe")},
			},
		},
	})

	group := awsathena.NewCfnWorkGroup(in, jsii.String("WorkGroup"), &awsathena.CfnWorkGroupProps{
		Name:        jsii.String(s.NamePrefix + "-audit"),
		Description: jsii.String("Queries of the audit records"),
		// After its first query a workgroup is not empty, and would not be deleted.
		RecursiveDeleteOption: jsii.Bool(true),
		WorkGroupConfiguration: &awsathena.CfnWorkGroup_WorkGroupConfigurationProperty{
			EnforceWorkGroupConfiguration:   jsii.Bool(true),
			PublishCloudWatchMetricsEnabled: jsii.Bool(false),
			// Athena keeps the results itself, encrypted, for a day. In a bucket of ours, copies
			// of audit records would pile up.
			ManagedQueryResultsConfiguration: &awsathena.CfnWorkGroup_ManagedQueryResultsConfigurationProperty{Enabled: jsii.Bool(true)},
		},
	})
	for _, q := range queries() {
		awsathena.NewCfnNamedQuery(in, jsii.String("Query-"+q.name), &awsathena.CfnNamedQueryProps{
			Name:        jsii.String(q.name),
			Description: jsii.String(q.answers),
			Database:    database.Ref(),
			QueryString: jsii.String(q.sql),
			WorkGroup:   group.Ref(),
		})
	}
}
