package settings

import (
	"fmt"
	"math"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"gopkg.in/yaml.v3"

	"sso-elevator/functions/access"
)

// schema is a JSON Schema.
type schema = map[string]any

// kind is a kind of value: its schema for editors, its description for people, and
// how to read it.
type kind[T any] struct {
	schema   schema
	expected string // completes "must be …"
	// read returns the value. If the value is wrong, it records a mistake and returns
	// false. The node is never an alias and never null.
	read func(r *reader, n *yaml.Node, path string) (T, bool)
}

// convertKind returns a kind whose values are converted after reading.
func convertKind[T, U any](k kind[T], convert func(T) U) kind[U] {
	return kind[U]{k.schema, k.expected, func(r *reader, n *yaml.Node, path string) (U, bool) {
		v, ok := k.read(r, n, path)
		if !ok {
			var zero U
			return zero, false
		}
		return convert(v), true
	}}
}

// text is a string that matches a pattern in full. The pattern must mean the same
// in Go and in ECMAScript.
func text(pattern, expected string) kind[string] {
	p := regexp.MustCompile(pattern)
	return kind[string]{schema{"type": "string", "pattern": pattern}, expected, func(r *reader, n *yaml.Node, path string) (string, bool) {
		if n.Kind != yaml.ScalarNode || n.ShortTag() != "!!str" {
			hint := ""
			if n.Kind == yaml.ScalarNode {
				hint = "; put it in quotes if you mean it"
			}
			r.mistake(n.Line, path, "must be %s, not %s%s", expected, describe(n), hint)
			return "", false
		}
		if !p.MatchString(n.Value) {
			r.mistake(n.Line, path, "%s is not valid: must be %s", quote(n.Value), expected)
			return "", false
		}
		return n.Value, true
	}}
}

// secretPattern matches a parameter's path, with or without the prefix "ssm:", or
// the name or ARN of a secret.
const secretPattern = `^((ssm:)?(/[A-Za-z0-9_.-]+){1,15}|secretsmanager:[A-Za-z0-9/_+=.@:-]{1,600})$`

// secret is a reference to a secret. Its errors never repeat the value, which may
// be the secret itself.
func secret() kind[SecretRef] {
	const expected = `the name of a secret, never the secret itself: "/path/name" for an SSM SecureString parameter, or "secretsmanager:NAME"`
	p := regexp.MustCompile(secretPattern)
	return kind[SecretRef]{schema{"type": "string", "pattern": secretPattern}, expected, func(r *reader, n *yaml.Node, path string) (SecretRef, bool) {
		if n.Kind != yaml.ScalarNode || n.ShortTag() != "!!str" || !p.MatchString(n.Value) {
			r.mistake(n.Line, path, "must be %s", expected)
			return SecretRef{}, false
		}
		if name, ok := strings.CutPrefix(n.Value, string(SecretsManager)+":"); ok {
			return SecretRef{SecretsManager, name}, true
		}
		return SecretRef{ParameterStore, strings.TrimPrefix(n.Value, string(ParameterStore)+":")}, true
	}}
}

// secrets is one reference to a secret, or a list of several during a rotation.
// Errors never repeat a value.
func secrets(most int) kind[[]SecretRef] {
	one := secret()
	many := list(one, 1, most)
	expected := fmt.Sprintf("%s; or a list of up to %d such names, all of them valid", one.expected, most)
	is := schema{"anyOf": []any{one.schema, many.schema}}
	return kind[[]SecretRef]{is, expected, func(r *reader, n *yaml.Node, path string) ([]SecretRef, bool) {
		switch {
		case n.Kind == yaml.SequenceNode:
			return many.read(r, n, path)
		case n.Kind == yaml.ScalarNode:
			ref, ok := one.read(r, n, path)
			return []SecretRef{ref}, ok
		default:
			r.mistake(n.Line, path, "must be %s", expected)
			return nil, false
		}
	}}
}

// oneOf is one of a few words.
func oneOf(words ...string) kind[string] {
	expected := "one of " + strings.Join(words, ", ")
	if len(words) == 1 {
		expected = words[0]
	}
	return kind[string]{schema{"type": "string", "enum": toAny(words)}, expected, func(r *reader, n *yaml.Node, path string) (string, bool) {
		if n.Kind == yaml.ScalarNode && slices.Contains(words, n.Value) {
			return n.Value, true
		}
		hint := ""
		if n.Kind == yaml.ScalarNode {
			hint = didYouMean(n.Value, words)
		}
		r.mistake(n.Line, path, "must be %s, not %s%s", expected, describe(n), hint)
		return "", false
	}}
}

// boolean is true or false. Quotes are accepted, because Terraform writes them for
// a boolean from a map of strings.
func boolean() kind[bool] {
	const expected = "true or false"
	return kind[bool]{schema{"enum": []any{true, false, "true", "false"}}, expected, func(r *reader, n *yaml.Node, path string) (bool, bool) {
		if n.Kind == yaml.ScalarNode {
			var b bool
			switch {
			case n.ShortTag() == "!!bool" && n.Decode(&b) == nil:
				return b, true
			case n.ShortTag() == "!!str" && (n.Value == "true" || n.Value == "false"):
				return n.Value == "true", true
			}
		}
		r.mistake(n.Line, path, "must be %s, not %s", expected, describe(n))
		return false, false
	}}
}

// number is a number from least to most, both included.
func number(least, most float64, expected string) kind[float64] {
	return kind[float64]{schema{"type": "number", "minimum": least, "maximum": most}, expected, func(r *reader, n *yaml.Node, path string) (float64, bool) {
		v, ok := parseNumber(n)
		if !ok || v < least || v > most {
			r.mistake(n.Line, path, "must be %s, not %s", expected, describe(n))
			return 0, false
		}
		return v, true
	}}
}

// oneOfNumbers is one of a few whole numbers.
func oneOfNumbers(expected string, numbers ...int) kind[int] {
	return kind[int]{schema{"enum": toAny(numbers)}, expected, func(r *reader, n *yaml.Node, path string) (int, bool) {
		v, ok := parseNumber(n)
		if !ok || v != math.Trunc(v) || !slices.Contains(numbers, int(v)) {
			r.mistake(n.Line, path, "must be %s, not %s", expected, describe(n))
			return 0, false
		}
		return int(v), true
	}}
}

// whole is a whole number from least to most, both included.
func whole(least, most int) kind[int] {
	expected := fmt.Sprintf("a whole number from %d to %d", least, most)
	return kind[int]{schema{"type": "integer", "minimum": least, "maximum": most}, expected, func(r *reader, n *yaml.Node, path string) (int, bool) {
		v, ok := parseNumber(n)
		if !ok || v != math.Trunc(v) || v < float64(least) || v > float64(most) {
			r.mistake(n.Line, path, "must be %s, not %s", expected, describe(n))
			return 0, false
		}
		return int(v), true
	}}
}

// parseNumber returns the value of a number without quotes.
func parseNumber(n *yaml.Node) (float64, bool) {
	if n.Kind != yaml.ScalarNode || n.ShortTag() != "!!int" && n.ShortTag() != "!!float" {
		return 0, false
	}
	var v float64
	if n.Decode(&v) != nil || math.IsNaN(v) || math.IsInf(v, 0) {
		return 0, false
	}
	return v, true
}

// unit is the unit of a bare number.
type unit struct {
	name   string // plural
	length time.Duration
}

var (
	hours   = unit{"hours", time.Hour}
	minutes = unit{"minutes", time.Minute}
	seconds = unit{"seconds", time.Second}
)

// duration is a bare number of a unit, or a string like "90s". It is from least to
// most, both included, in whole seconds. zero is the text that says what a duration of 0
// means; if the text is empty, 0 is not accepted.
func duration(u unit, least, most time.Duration, zero string) kind[time.Duration] {
	expected := fmt.Sprintf(`a number of %s, or a duration like "90s", "5m", "2h"; from %s to %s`, u.name, access.FormatDuration(least), access.FormatDuration(most))
	if zero != "" {
		expected += ", or 0 for " + zero
	}
	inUnits := func(d time.Duration) float64 { return float64(d) / float64(u.length) }
	bounds := schema{"type": "number", "minimum": inUnits(least), "maximum": inUnits(most)}
	if zero != "" {
		bounds["minimum"] = 0
	}
	is := schema{"anyOf": []any{bounds, schema{"type": "string", "pattern": access.DurationPattern}}}
	return kind[time.Duration]{is, expected, func(r *reader, n *yaml.Node, path string) (time.Duration, bool) {
		var d time.Duration
		ok := false
		if v, isNumber := parseNumber(n); isNumber {
			// most+1 is out of range in any unit, and can't overflow.
			d = time.Duration(math.Round(min(v, inUnits(most)+1) * float64(u.length)))
			ok = v >= 0
		} else if n.Kind == yaml.ScalarNode && n.ShortTag() == "!!str" {
			var err error
			d, err = access.ParseDuration(n.Value)
			ok = err == nil
		}
		inRange := d >= least && d <= most || d == 0 && zero != ""
		switch {
		case !ok || !inRange:
			r.mistake(n.Line, path, "must be %s, not %s", expected, describe(n))
			return 0, false
		case d%time.Second != 0:
			r.mistake(n.Line, path, "must be whole seconds, not %s", describe(n))
			return 0, false
		}
		return d, true
	}}
}

// list is a list with least to most items. If most is 0, there is no upper limit.
func list[T any](item kind[T], least, most int) kind[[]T] {
	is := schema{"type": "array", "items": item.schema}
	if least > 0 {
		is["minItems"] = least
	}
	if most > 0 {
		is["maxItems"] = most
	}
	expected := "a list; each item is " + item.expected
	return kind[[]T]{is, expected, func(r *reader, n *yaml.Node, path string) ([]T, bool) {
		if n.Kind != yaml.SequenceNode {
			r.mistake(n.Line, path, "must be %s, not %s", expected, describe(n))
			return nil, false
		}
		ok := true
		if len(n.Content) < least {
			r.mistake(n.Line, path, "must not be empty")
			ok = false
		}
		if most > 0 && len(n.Content) > most {
			r.mistake(n.Line, path, "has %d items; the maximum is %d", len(n.Content), most)
			ok = false
		}
		items := []T{}
		for i, c := range n.Content {
			v, fine := readItem(r, item, resolveAlias(c), path+"["+strconv.Itoa(i)+"]")
			items, ok = append(items, v), ok && fine
		}
		return items, ok
	}}
}

// stringOrList is one string or a list of strings. Duplicates are dropped.
func stringOrList(item kind[string], least int) kind[[]string] {
	many := list(item, least, 0)
	is := schema{"anyOf": []any{item.schema, many.schema}}
	expected := item.expected + ", or a list of them"
	return kind[[]string]{is, expected, func(r *reader, n *yaml.Node, path string) ([]string, bool) {
		if n.Kind != yaml.SequenceNode {
			v, ok := item.read(r, n, path)
			return []string{v}, ok
		}
		all, ok := many.read(r, n, path)
		var once []string
		for _, v := range all {
			if !slices.Contains(once, v) {
				once = append(once, v)
			}
		}
		return once, ok
	}}
}

// readItem reads an item of a list. null is a mistake.
func readItem[T any](r *reader, k kind[T], n *yaml.Node, path string) (T, bool) {
	if isNull(n) {
		var zero T
		r.mistake(n.Line, path, "must be %s, not empty", k.expected)
		return zero, false
	}
	return k.read(r, n, path)
}

func toAny[T any](list []T) []any {
	out := make([]any, len(list))
	for i, v := range list {
		out[i] = v
	}
	return out
}
