package main

import (
	"encoding/json"
	"fmt"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"sso-elevator/functions/adapters/table/tabletest"
)

// decodeRow returns an item in DynamoDB's JSON as a row.
func decodeRow(text json.RawMessage) (tabletest.Row, error) {
	if len(text) == 0 {
		return nil, nil
	}
	var attributes map[string]map[string]json.RawMessage
	if err := json.Unmarshal(text, &attributes); err != nil {
		return nil, err
	}
	r := tabletest.Row{}
	for name, a := range attributes {
		v, err := decodeAttribute(a)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", name, err)
		}
		r[name] = v
	}
	return r, nil
}

// decodeAttribute returns a value of the types that the table stores.
func decodeAttribute(a map[string]json.RawMessage) (types.AttributeValue, error) {
	for kind, text := range a {
		switch kind {
		case "S":
			v := &types.AttributeValueMemberS{}
			return v, json.Unmarshal(text, &v.Value)
		case "N":
			v := &types.AttributeValueMemberN{}
			return v, json.Unmarshal(text, &v.Value)
		case "BOOL":
			v := &types.AttributeValueMemberBOOL{}
			return v, json.Unmarshal(text, &v.Value)
		case "NULL":
			return &types.AttributeValueMemberNULL{Value: true}, nil
		case "M":
			m, err := decodeRow(text)
			return &types.AttributeValueMemberM{Value: m}, err
		case "L":
			var list []map[string]json.RawMessage
			if err := json.Unmarshal(text, &list); err != nil {
				return nil, err
			}
			v := &types.AttributeValueMemberL{Value: make([]types.AttributeValue, len(list))}
			for i, one := range list {
				var err error
				if v.Value[i], err = decodeAttribute(one); err != nil {
					return nil, err
				}
			}
			return v, nil
		}
	}
	return nil, fmt.Errorf("an attribute of an unknown type: %v", a)
}

// encodeRow returns a row in DynamoDB's JSON.
func encodeRow(r tabletest.Row) object {
	item := object{}
	for name, v := range r {
		item[name] = encodeAttribute(v)
	}
	return item
}

func encodeAttribute(v types.AttributeValue) object {
	switch v := v.(type) {
	case *types.AttributeValueMemberS:
		return object{"S": v.Value}
	case *types.AttributeValueMemberN:
		return object{"N": v.Value}
	case *types.AttributeValueMemberBOOL:
		return object{"BOOL": v.Value}
	case *types.AttributeValueMemberM:
		return object{"M": encodeRow(v.Value)}
	case *types.AttributeValueMemberL:
		list := make([]object, len(v.Value))
		for i, one := range v.Value {
			list[i] = encodeAttribute(one)
		}
		return object{"L": list}
	default:
		return object{"NULL": true}
	}
}
