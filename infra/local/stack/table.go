package stack

import (
	"context"
	"fmt"
	"reflect"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
)

type tableProperties struct {
	TableName              string
	AttributeDefinitions   []struct{ AttributeName, AttributeType string }
	KeySchema              []keyElement
	GlobalSecondaryIndexes []struct {
		IndexName  string
		KeySchema  []keyElement
		Projection struct {
			ProjectionType   string
			NonKeyAttributes []string
		}
	}
	TimeToLiveSpecification struct {
		AttributeName string
		Enabled       bool
	}
}

type keyElement struct{ AttributeName, KeyType string }

// createTable creates a table, or reuses one with the same name and keys. It
// replaces a table with other keys, because the functions could not read its data
// anyway.
func (d *deployer) createTable(ctx context.Context, id string, p map[string]any) (returnValues, error) {
	var in tableProperties
	if err := decode(p, &in); err != nil {
		return returnValues{}, err
	}
	name := d.name(id, p, "TableName")
	input := in.createInput(name)
	described, err := d.dynamodb.DescribeTable(ctx, &dynamodb.DescribeTableInput{TableName: aws.String(name)})
	switch {
	case hasCode(err, "ResourceNotFoundException"):
		err = d.createEmptyTable(ctx, input, in)
	case err == nil && !hasSameKeys(described.Table, input):
		if _, err = d.dynamodb.DeleteTable(ctx, &dynamodb.DeleteTableInput{TableName: aws.String(name)}); err == nil {
			err = d.createEmptyTable(ctx, input, in)
		}
	}
	if err != nil {
		return returnValues{}, fmt.Errorf("table %s: %w", name, err)
	}
	for _, e := range in.KeySchema {
		if e.KeyType == "HASH" {
			d.partitionKeys[name] = e.AttributeName
		}
	}
	arn := fmt.Sprintf("arn:aws:dynamodb:%s:%s:table/%s", d.target.Region, d.target.AccountID, name)
	return returnValues{ref: name, attrs: map[string]string{"Arn": arn}}, nil
}

func (d *deployer) createEmptyTable(ctx context.Context, input *dynamodb.CreateTableInput, in tableProperties) error {
	if _, err := d.dynamodb.CreateTable(ctx, input); err != nil {
		return err
	}
	if !in.TimeToLiveSpecification.Enabled {
		return nil
	}
	_, err := d.dynamodb.UpdateTimeToLive(ctx, &dynamodb.UpdateTimeToLiveInput{TableName: input.TableName, TimeToLiveSpecification: &types.TimeToLiveSpecification{
		AttributeName: aws.String(in.TimeToLiveSpecification.AttributeName), Enabled: aws.Bool(true),
	}})
	return err
}

func (in tableProperties) createInput(name string) *dynamodb.CreateTableInput {
	out := &dynamodb.CreateTableInput{TableName: aws.String(name), BillingMode: types.BillingModePayPerRequest, KeySchema: keySchema(in.KeySchema)}
	for _, a := range in.AttributeDefinitions {
		out.AttributeDefinitions = append(out.AttributeDefinitions, types.AttributeDefinition{AttributeName: aws.String(a.AttributeName), AttributeType: types.ScalarAttributeType(a.AttributeType)})
	}
	for _, index := range in.GlobalSecondaryIndexes {
		out.GlobalSecondaryIndexes = append(out.GlobalSecondaryIndexes, types.GlobalSecondaryIndex{
			IndexName: aws.String(index.IndexName), KeySchema: keySchema(index.KeySchema),
			Projection: &types.Projection{ProjectionType: types.ProjectionType(index.Projection.ProjectionType), NonKeyAttributes: index.Projection.NonKeyAttributes},
		})
	}
	return out
}

func keySchema(elements []keyElement) []types.KeySchemaElement {
	var schema []types.KeySchemaElement
	for _, e := range elements {
		schema = append(schema, types.KeySchemaElement{AttributeName: aws.String(e.AttributeName), KeyType: types.KeyType(e.KeyType)})
	}
	return schema
}

func hasSameKeys(table *types.TableDescription, input *dynamodb.CreateTableInput) bool {
	if !reflect.DeepEqual(table.KeySchema, input.KeySchema) || len(table.GlobalSecondaryIndexes) != len(input.GlobalSecondaryIndexes) {
		return false
	}
	for _, wanted := range input.GlobalSecondaryIndexes {
		found := false
		for _, index := range table.GlobalSecondaryIndexes {
			found = found || aws.ToString(index.IndexName) == aws.ToString(wanted.IndexName) && reflect.DeepEqual(index.KeySchema, wanted.KeySchema)
		}
		if !found {
			return false
		}
	}
	return true
}
