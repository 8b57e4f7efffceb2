// Package tabletest evaluates DynamoDB's expressions for fakes of the table. It knows
// the subset that package table uses, and panics at anything else.
package tabletest

import (
	"encoding/json"
	"fmt"
	"strconv"
	"strings"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
)

// Row is an item of the table, by attribute.
type Row = map[string]types.AttributeValue

// Holds reports whether the condition holds for the row. names and values are those of
// the call. A missing row is empty.
func Holds(condition string, r Row, names map[string]string, values Row) bool {
	x := &expression{text: condition, row: r, names: names, values: values}
	return x.condition()
}

// Update returns the row after the update expression. It doesn't change r.
func Update(update string, r Row, names map[string]string, values Row) Row {
	x := &expression{text: update, row: r, names: names, values: values}
	return x.update()
}

// plain returns an attribute value as JSON would have it.
func plain(v types.AttributeValue) any {
	switch v := v.(type) {
	case *types.AttributeValueMemberS:
		return v.Value
	case *types.AttributeValueMemberN:
		return json.Number(v.Value)
	case *types.AttributeValueMemberBOOL:
		return v.Value
	case *types.AttributeValueMemberL:
		list := make([]any, len(v.Value))
		for i := range v.Value {
			list[i] = plain(v.Value[i])
		}
		return list
	case *types.AttributeValueMemberM:
		return PlainRow(v.Value)
	}
	return nil
}

// PlainRow returns a row as JSON would have it.
func PlainRow(r Row) map[string]any {
	m := make(map[string]any, len(r))
	for k, v := range r {
		m[k] = plain(v)
	}
	return m
}

// expression evaluates DynamoDB's expressions, in the subset that package table uses.
type expression struct {
	text   string
	row    Row
	names  map[string]string
	values Row

	rest []string
}

// tokens splits an expression. Every sign is a separate token.
func (x *expression) tokens() []string {
	var parts []string
	from := -1
	for i := 0; i <= len(x.text); i++ {
		word := i < len(x.text) && strings.IndexByte(" ,()=<>", x.text[i]) < 0
		if word && from < 0 {
			from = i
		}
		if !word && from >= 0 {
			parts = append(parts, x.text[from:i])
			from = -1
		}
		switch {
		case i == len(x.text) || word || x.text[i] == ' ':
		case x.text[i] == '=' && i > 0 && x.text[i-1] == '<':
			parts[len(parts)-1] = "<="
		default:
			parts = append(parts, x.text[i:i+1])
		}
	}
	return parts
}

func (x *expression) next() string {
	if len(x.rest) == 0 {
		return ""
	}
	first := x.rest[0]
	x.rest = x.rest[1:]
	return first
}

func (x *expression) peek() string {
	if len(x.rest) == 0 {
		return ""
	}
	return x.rest[0]
}

func (x *expression) expect(want string) {
	if got := x.next(); got != want {
		panic(fmt.Sprintf("the expression %q is not known here: %q where %q should be", x.text, got, want))
	}
}

func (x *expression) condition() bool {
	x.rest = x.tokens()
	holds := x.or()
	if len(x.rest) > 0 {
		panic(fmt.Sprintf("the expression %q is not known here, from %q", x.text, x.rest))
	}
	return holds
}

func (x *expression) or() bool {
	holds := x.and()
	for x.peek() == "OR" {
		x.next()
		right := x.and()
		holds = holds || right
	}
	return holds
}

func (x *expression) and() bool {
	holds := x.term()
	for x.peek() == "AND" {
		x.next()
		right := x.term()
		holds = holds && right
	}
	return holds
}

func (x *expression) term() bool {
	switch x.peek() {
	case "(":
		x.next()
		holds := x.or()
		x.expect(")")
		return holds
	case "attribute_exists", "attribute_not_exists":
		want := x.next() == "attribute_exists"
		x.expect("(")
		_, there := x.path(x.next())
		x.expect(")")
		return there == want
	}
	left, comparison := x.operand(), x.next()
	right := x.operand()
	if left == nil || right == nil {
		return false
	}
	switch comparison {
	case "=":
		return fmt.Sprint(plain(left)) == fmt.Sprint(plain(right))
	case "<":
		return number(left) < number(right)
	case "<=":
		return left.(*types.AttributeValueMemberS).Value <= right.(*types.AttributeValueMemberS).Value
	}
	panic(fmt.Sprintf("the comparison %q of %q is not known here", comparison, x.text))
}

func number(v types.AttributeValue) int64 {
	n, err := strconv.ParseInt(v.(*types.AttributeValueMemberN).Value, 10, 64)
	if err != nil {
		panic(err)
	}
	return n
}

// size returns the number of elements of a list or a map.
func size(v types.AttributeValue) int {
	if m, ok := v.(*types.AttributeValueMemberM); ok {
		return len(m.Value)
	}
	return len(v.(*types.AttributeValueMemberL).Value)
}

// path returns the value at a path of names.
func (x *expression) path(text string) (types.AttributeValue, bool) {
	from := x.row
	fields := strings.Split(text, ".")
	for i, field := range fields {
		v, there := from[x.name(field)]
		if !there || i == len(fields)-1 {
			return v, there
		}
		m, ok := v.(*types.AttributeValueMemberM)
		if !ok {
			return nil, false
		}
		from = m.Value
	}
	return nil, false
}

func (x *expression) name(placeholder string) string {
	name, ok := x.names[placeholder]
	if !ok {
		panic(fmt.Sprintf("the expression %q names %q, which stands for nothing", x.text, placeholder))
	}
	return name
}

func (x *expression) operand() types.AttributeValue {
	switch first := x.next(); {
	case strings.HasPrefix(first, ":"):
		v, ok := x.values[first]
		if !ok {
			panic(fmt.Sprintf("the expression %q has no value %q", x.text, first))
		}
		return v
	case strings.HasPrefix(first, "#"):
		v, _ := x.path(first)
		return v
	case first == "size":
		x.expect("(")
		v, there := x.path(x.next())
		x.expect(")")
		if !there {
			return nil
		}
		return &types.AttributeValueMemberN{Value: strconv.Itoa(size(v))}
	case first == "if_not_exists":
		x.expect("(")
		v, there := x.path(x.next())
		x.expect(",")
		otherwise := x.operand()
		x.expect(")")
		if there {
			return v
		}
		return otherwise
	case first == "list_append":
		x.expect("(")
		a := x.operand().(*types.AttributeValueMemberL)
		x.expect(",")
		b := x.operand().(*types.AttributeValueMemberL)
		x.expect(")")
		return &types.AttributeValueMemberL{Value: append(append([]types.AttributeValue{}, a.Value...), b.Value...)}
	default:
		panic(fmt.Sprintf("the operand %q of %q is not known here", first, x.text))
	}
}

// update returns the row after an update expression. Its operands see the earlier row.
func (x *expression) update() Row {
	x.rest = x.tokens()
	after := make(Row, len(x.row)+4)
	for k, v := range x.row {
		after[k] = v
	}
	for len(x.rest) > 0 {
		switch clause := x.next(); clause {
		case "SET":
			for {
				path := strings.Split(x.next(), ".")
				x.expect("=")
				v := x.operand()
				switch len(path) {
				case 1:
					after[x.name(path[0])] = v
				case 2:
					above, ok := after[x.name(path[0])].(*types.AttributeValueMemberM)
					if !ok {
						panic("ValidationException: the document path " + x.text + " is invalid for update")
					}
					inner := make(Row, len(above.Value)+1)
					for k, v := range above.Value {
						inner[k] = v
					}
					inner[x.name(path[1])] = v
					after[x.name(path[0])] = &types.AttributeValueMemberM{Value: inner}
				}
				if x.peek() != "," {
					break
				}
				x.next()
			}
		case "REMOVE":
			for {
				delete(after, x.name(x.next()))
				if x.peek() != "," {
					break
				}
				x.next()
			}
		default:
			panic(fmt.Sprintf("the clause %q of %q is not known here", clause, x.text))
		}
	}
	return after
}
