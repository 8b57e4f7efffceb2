package iam

import (
	"encoding/json"
	"fmt"
	"regexp"
	"strings"
)

// dynamoDBRequests returns the requests of operations on single items, and of
// Query. The condition keys are those of fine-grained access control: the values of
// partition keys (dynamodb:LeadingKeys), and the top-level attributes that a
// request names (dynamodb:Attributes).
//
// https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/specifying-conditions.html
func (p Place) dynamoDBRequests(operation string, body []byte) ([]Request, error) {
	var in struct {
		TableName, IndexName                   string
		Key, Item                              map[string]map[string]any
		UpdateExpression, ConditionExpression  string
		ProjectionExpression, FilterExpression string
		KeyConditionExpression                 string
		ExpressionAttributeNames               map[string]string
		ExpressionAttributeValues              map[string]map[string]any
		// Legacy parameters, which expressions replaced; nothing here uses them.
		AttributeUpdates, Expected, KeyConditions, AttributesToGet json.RawMessage
	}
	if err := json.Unmarshal(body, &in); err != nil {
		return nil, fmt.Errorf("parse DynamoDB call: %w", err)
	}
	call := Call{Target: "DynamoDB_20120810." + operation}
	if in.AttributeUpdates != nil || in.Expected != nil || in.KeyConditions != nil || in.AttributesToGet != nil {
		return nil, unknownCallError(call)
	}
	partitionKey, known := p.PartitionKeys[in.TableName]
	if !known {
		return nil, fmt.Errorf("the local stack has no table %q", in.TableName)
	}
	resource := p.arn("dynamodb", "table/"+in.TableName)
	named := map[string]bool{}
	context := map[string][]string{}
	leading := func(item map[string]map[string]any) {
		for _, value := range item[partitionKey] {
			context["dynamodb:LeadingKeys"] = []string{fmt.Sprint(value)}
		}
	}
	switch operation {
	case "GetItem", "UpdateItem", "DeleteItem":
		leading(in.Key)
		for attribute := range in.Key {
			named[attribute] = true
		}
	case "PutItem":
		leading(in.Item)
		for attribute := range in.Item {
			named[attribute] = true
		}
	case "Query":
		if in.IndexName == "" {
			return nil, unknownCallError(call) // its leading key is in the expression
		}
		resource += "/index/" + in.IndexName
	default:
		return nil, unknownCallError(call)
	}
	for _, expression := range []string{in.UpdateExpression, in.ConditionExpression, in.ProjectionExpression, in.FilterExpression, in.KeyConditionExpression} {
		for _, attribute := range attributesOf(expression, in.ExpressionAttributeNames) {
			named[attribute] = true
		}
	}
	context["dynamodb:Attributes"] = sortedKeys(named)
	return []Request{{Action: "dynamodb:" + operation, Resource: resource, Context: context}}, nil
}

// namePattern matches a name in an expression: of an attribute, a placeholder for
// an attribute (#) or a value (:), a function, or a keyword. A name after a dot is
// inside an attribute.
var namePattern = regexp.MustCompile(`\.?[#:]?[A-Za-z_][A-Za-z0-9_-]*(\s*\()?`)

var keywords = map[string]bool{"SET": true, "REMOVE": true, "ADD": true, "DELETE": true, "AND": true, "OR": true, "NOT": true, "IN": true, "BETWEEN": true}

// attributesOf returns the top-level attributes that an expression names.
func attributesOf(expression string, names map[string]string) []string {
	var all []string
	for _, found := range namePattern.FindAllString(expression, -1) {
		switch {
		case strings.HasPrefix(found, "."), strings.HasPrefix(found, ":"), keywords[strings.ToUpper(strings.TrimRight(found, " ("))]:
		case strings.HasSuffix(found, "("): // a function
		case strings.HasPrefix(found, "#"):
			all = append(all, names[found])
		default:
			all = append(all, found)
		}
	}
	return all
}
