package table

import (
	"bytes"
	"encoding/json"
	"fmt"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
)

type item = map[string]types.AttributeValue

// marshal makes an item of v's JSON. So the JSON tags decide which attributes
// exist, and times look as in the audit record (RFC 3339).
func marshal(v any) (item, error) {
	value, err := marshalValue(v)
	if err != nil {
		return nil, err
	}
	m, ok := value.(*types.AttributeValueMemberM)
	if !ok {
		return nil, fmt.Errorf("marshal %T: not a JSON object", v)
	}
	return m.Value, nil
}

func marshalValue(v any) (types.AttributeValue, error) {
	text, err := json.Marshal(v)
	if err != nil {
		return nil, fmt.Errorf("marshal %T: %w", v, err)
	}
	decoder := json.NewDecoder(bytes.NewReader(text))
	decoder.UseNumber()
	var tree any
	if err := decoder.Decode(&tree); err != nil {
		return nil, fmt.Errorf("marshal %T: %w", v, err)
	}
	return fromTree(tree), nil
}

func fromTree(tree any) types.AttributeValue {
	switch t := tree.(type) {
	case string:
		return &types.AttributeValueMemberS{Value: t}
	case json.Number:
		return &types.AttributeValueMemberN{Value: t.String()}
	case bool:
		return &types.AttributeValueMemberBOOL{Value: t}
	case []any:
		list := make([]types.AttributeValue, len(t))
		for i, element := range t {
			list[i] = fromTree(element)
		}
		return &types.AttributeValueMemberL{Value: list}
	case map[string]any:
		m := make(item, len(t))
		for name, element := range t {
			m[name] = fromTree(element)
		}
		return &types.AttributeValueMemberM{Value: m}
	default:
		return &types.AttributeValueMemberNULL{Value: true}
	}
}

// unmarshal is the reverse of marshal. It drops attributes for which v has no
// field.
func unmarshal(row item, v any) error {
	tree, err := toTree(&types.AttributeValueMemberM{Value: row})
	if err != nil {
		return err
	}
	text, err := json.Marshal(tree)
	if err != nil {
		return fmt.Errorf("unmarshal %T: %w", v, err)
	}
	if err := json.Unmarshal(text, v); err != nil {
		return fmt.Errorf("unmarshal %T: %w", v, err)
	}
	return nil
}

func toTree(value types.AttributeValue) (any, error) {
	switch v := value.(type) {
	case *types.AttributeValueMemberS:
		return v.Value, nil
	case *types.AttributeValueMemberN:
		return json.Number(v.Value), nil
	case *types.AttributeValueMemberBOOL:
		return v.Value, nil
	case *types.AttributeValueMemberNULL:
		return nil, nil
	case *types.AttributeValueMemberL:
		list := make([]any, len(v.Value))
		for i, element := range v.Value {
			var err error
			if list[i], err = toTree(element); err != nil {
				return nil, err
			}
		}
		return list, nil
	case *types.AttributeValueMemberM:
		m := make(map[string]any, len(v.Value))
		for name, element := range v.Value {
			var err error
			if m[name], err = toTree(element); err != nil {
				return nil, fmt.Errorf("attribute %s: %w", name, err)
			}
		}
		return m, nil
	default:
		return nil, fmt.Errorf("unmarshal: attribute of type %T", value)
	}
}

// formatDue returns a time in the index's format: in whole seconds, rounded up, so
// that rows never seem due too early.
func formatDue(t time.Time) string {
	t = t.UTC()
	if whole := t.Truncate(time.Second); !whole.Equal(t) {
		t = whole.Add(time.Second)
	}
	return t.Format(time.RFC3339)
}
