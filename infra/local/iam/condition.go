package iam

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// condition is one operator on one condition key.
type condition struct {
	key      string
	values   []string
	match    func(pattern, value string) bool
	negated  bool // the operator's Not: no value may match
	forAll   bool // ForAllValues: every value of the request must match
	ifExists bool // matches if the request lacks the key
	isNull   bool // Null: matches if the request has the key ("false") or lacks it ("true")
}

// operators compare a value of a policy with one of a request.
//
// https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_elements_condition_operators.html
var operators = map[string]func(pattern, value string) bool{
	"StringEquals":           func(pattern, value string) bool { return pattern == value },
	"StringEqualsIgnoreCase": strings.EqualFold,
	"StringLike":             matches,
	"ArnLike":                matchesARN,
	"ArnEquals":              matchesARN,
	"Bool":                   strings.EqualFold,
	"NumericLessThan":        isLess,
}

var negations = map[string]string{"StringNotEquals": "StringEquals", "StringNotLike": "StringLike", "ArnNotEquals": "ArnEquals", "ArnNotLike": "ArnLike"}

// isLess reports whether a request's number is less than the policy's.
func isLess(limit, value string) bool {
	l, limitErr := strconv.ParseFloat(limit, 64)
	v, valueErr := strconv.ParseFloat(value, 64)
	return limitErr == nil && valueErr == nil && v < l
}

func parseConditions(raw json.RawMessage) ([]condition, error) {
	var byOperator map[string]map[string]json.RawMessage
	if err := json.Unmarshal(raw, &byOperator); err != nil {
		return nil, err
	}
	var all []condition
	for operator, keys := range byOperator {
		c := condition{}
		name, forAll := strings.CutPrefix(operator, "ForAllValues:")
		name, ifExists := strings.CutSuffix(name, "IfExists")
		c.forAll, c.ifExists = forAll, ifExists
		if positive, ok := negations[name]; ok {
			name, c.negated = positive, true
		}
		c.isNull = operator == "Null"
		if c.match = operators[name]; c.match == nil && !c.isNull || c.negated && c.forAll {
			return nil, fmt.Errorf("the local stack does not support the operator %s", operator)
		}
		for key, raw := range keys {
			values, err := parseOneOrMore(raw)
			if err != nil {
				return nil, fmt.Errorf("%s: %w", key, err)
			}
			for _, value := range values {
				if strings.Contains(value, "${") {
					return nil, errors.New("the local stack does not support policy variables")
				}
			}
			one := c
			one.key, one.values = key, values
			all = append(all, one)
		}
	}
	return all, nil
}

// allHold reports whether all conditions hold.
func allHold(conditions []condition, context map[string][]string) bool {
	for _, c := range conditions {
		if !c.holds(context) {
			return false
		}
	}
	return true
}

func (c condition) holds(context map[string][]string) bool {
	values, there := valuesOf(context, c.key)
	hit := func(value string) bool {
		return slices.ContainsFunc(c.values, func(pattern string) bool { return c.match(pattern, value) })
	}
	switch {
	case c.isNull:
		return slices.Contains(c.values, strconv.FormatBool(!there))
	case !there || len(values) == 0:
		// ForAllValues also holds if the key is missing. AWS warns of that.
		return c.forAll || c.ifExists || c.negated
	case c.forAll:
		return !slices.ContainsFunc(values, func(value string) bool { return !hit(value) })
	case c.negated:
		return !slices.ContainsFunc(values, hit)
	default:
		return slices.ContainsFunc(values, hit)
	}
}

// valuesOf returns the values of a condition key. The key's case doesn't matter.
func valuesOf(context map[string][]string, key string) ([]string, bool) {
	for name, values := range context {
		if strings.EqualFold(name, key) {
			return values, true
		}
	}
	return nil, false
}
