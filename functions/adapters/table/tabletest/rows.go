package tabletest

import (
	"context"
	"maps"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
)

// Rows is a small fake of DynamoDB with one table, by key. It is for one caller at a time,
// and can neither delete nor query.
type Rows map[string]Row

func keyOf(r Row) string { return r["pk"].(*types.AttributeValueMemberS).Value }

func (r Rows) GetItem(_ context.Context, in *dynamodb.GetItemInput, _ ...func(*dynamodb.Options)) (*dynamodb.GetItemOutput, error) {
	return &dynamodb.GetItemOutput{Item: maps.Clone(r[keyOf(in.Key)])}, nil
}

func (r Rows) PutItem(_ context.Context, in *dynamodb.PutItemInput, _ ...func(*dynamodb.Options)) (*dynamodb.PutItemOutput, error) {
	key := keyOf(in.Item)
	if !Holds(*in.ConditionExpression, r[key], in.ExpressionAttributeNames, in.ExpressionAttributeValues) {
		return nil, &types.ConditionalCheckFailedException{}
	}
	r[key] = maps.Clone(in.Item)
	return &dynamodb.PutItemOutput{}, nil
}

func (r Rows) UpdateItem(_ context.Context, in *dynamodb.UpdateItemInput, _ ...func(*dynamodb.Options)) (*dynamodb.UpdateItemOutput, error) {
	key := keyOf(in.Key)
	if !Holds(*in.ConditionExpression, r[key], in.ExpressionAttributeNames, in.ExpressionAttributeValues) {
		return nil, &types.ConditionalCheckFailedException{}
	}
	r[key] = Update(*in.UpdateExpression, r[key], in.ExpressionAttributeNames, in.ExpressionAttributeValues)
	return &dynamodb.UpdateItemOutput{Attributes: maps.Clone(r[key])}, nil
}

func (r Rows) DeleteItem(context.Context, *dynamodb.DeleteItemInput, ...func(*dynamodb.Options)) (*dynamodb.DeleteItemOutput, error) {
	panic("a fake table deletes nothing")
}

func (r Rows) Query(context.Context, *dynamodb.QueryInput, ...func(*dynamodb.Options)) (*dynamodb.QueryOutput, error) {
	panic("a fake table has no index")
}
