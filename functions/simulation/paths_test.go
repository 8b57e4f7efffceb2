package simulation

import (
	"fmt"
	"strconv"
	"strings"
)

// A failure is a state's error as Retry and Catch see it.
type failure struct{ name, cause string }

func (f *failure) Error() string { return f.name + ": " + f.cause }

// runtimeError returns a States.Runtime error, which States.ALL doesn't catch.
func runtimeError(format string, args ...any) *failure {
	return &failure{"States.Runtime", fmt.Sprintf(format, args...)}
}

// lookup returns the value at a reference path.
func lookup(path string, data, context any) (any, bool) {
	from := data
	rest := path
	if strings.HasPrefix(path, "$$") {
		from, rest = context, path[2:]
	} else {
		rest = strings.TrimPrefix(path, "$")
	}
	if rest == "" {
		return from, true
	}
	for _, field := range strings.Split(strings.TrimPrefix(rest, "."), ".") {
		m, ok := from.(map[string]any)
		if !ok {
			return nil, false
		}
		if from, ok = m[field]; !ok {
			return nil, false
		}
	}
	return from, true
}

// put returns data with value at path. Missing parents are created.
func put(data any, path string, value any) (any, *failure) {
	if path == "$" {
		return value, nil
	}
	return place(data, strings.Split(strings.TrimPrefix(path, "$."), "."), value)
}

func place(data any, fields []string, value any) (any, *failure) {
	if len(fields) == 0 {
		return value, nil
	}
	m, ok := data.(map[string]any)
	if !ok && data != nil {
		return nil, &failure{"States.ResultPathMatchFailure", fields[0]}
	}
	after := make(map[string]any, len(m)+1)
	for k, v := range m {
		after[k] = v
	}
	inner, f := place(m[fields[0]], fields[1:], value)
	after[fields[0]] = inner
	return after, f
}

// fill evaluates a payload template.
func fill(template, data, context any, draw func() uint64) (any, *failure) {
	switch t := template.(type) {
	case map[string]any:
		filled := make(map[string]any, len(t))
		for key, value := range t {
			name, reads := strings.CutSuffix(key, ".$")
			var f *failure
			if reads {
				filled[name], f = resolve(value.(string), data, context, draw)
			} else {
				filled[key], f = fill(value, data, context, draw)
			}
			if f != nil {
				return nil, f
			}
		}
		return filled, nil
	case []any:
		filled := make([]any, len(t))
		for i, value := range t {
			var f *failure
			if filled[i], f = fill(value, data, context, draw); f != nil {
				return nil, f
			}
		}
		return filled, nil
	default:
		return template, nil
	}
}

// resolve evaluates a path, or an intrinsic function of paths and constants.
func resolve(expression string, data, context any, draw func() uint64) (any, *failure) {
	if strings.HasPrefix(expression, "$") {
		value, ok := lookup(expression, data, context)
		if !ok {
			return nil, runtimeError("the path %s leads to nothing", expression)
		}
		return value, nil
	}
	open := strings.IndexByte(expression, '(')
	if open < 0 || !strings.HasSuffix(expression, ")") {
		return nil, runtimeError("%q is neither a path nor a function", expression)
	}
	var args []any
	for _, text := range arguments(expression[open+1 : len(expression)-1]) {
		value, f := argument(text, data, context, draw)
		if f != nil {
			return nil, f
		}
		args = append(args, value)
	}
	return intrinsic(expression[:open], args, draw)
}

// arguments splits the text between a function's parentheses.
func arguments(text string) []string {
	var parts []string
	depth, quoted, from := 0, false, 0
	for i := range len(text) {
		switch c := text[i]; {
		case c == '\'':
			quoted = !quoted
		case quoted:
		case c == '(':
			depth++
		case c == ')':
			depth--
		case c == ',' && depth == 0:
			parts = append(parts, strings.TrimSpace(text[from:i]))
			from = i + 1
		}
	}
	if last := strings.TrimSpace(text[from:]); last != "" {
		parts = append(parts, last)
	}
	return parts
}

func argument(text string, data, context any, draw func() uint64) (any, *failure) {
	if strings.HasPrefix(text, "'") {
		return strings.Trim(text, "'"), nil
	}
	if n, err := strconv.ParseFloat(text, 64); err == nil {
		return n, nil
	}
	return resolve(text, data, context, draw)
}

func intrinsic(name string, args []any, draw func() uint64) (any, *failure) {
	wrong := &failure{"States.IntrinsicFailure", fmt.Sprintf("%s of %v", name, args)}
	switch name {
	case "States.MathAdd":
		if len(args) == 2 {
			a, first := args[0].(float64)
			b, second := args[1].(float64)
			if first && second {
				return a + b, nil
			}
		}
	case "States.ArrayGetItem":
		if len(args) == 2 {
			list, first := args[0].([]any)
			i, second := args[1].(float64)
			if first && second && i >= 0 && int(i) < len(list) {
				return list[int(i)], nil
			}
		}
	case "States.Format":
		if len(args) > 0 {
			format, ok := args[0].(string)
			if ok && strings.Count(format, "{}") == len(args)-1 {
				for _, arg := range args[1:] {
					format = strings.Replace(format, "{}", fmt.Sprint(arg), 1)
				}
				return format, nil
			}
		}
	case "States.UUID":
		if len(args) == 0 {
			a, b := draw(), draw()
			return fmt.Sprintf("%08x-%04x-4%03x-8%03x-%012x", a>>32, a>>16&0xffff, a&0xfff, b>>48&0xfff, b&0xffffffffffff), nil
		}
	default:
		panic("the intrinsic function " + name + " is not known here")
	}
	return nil, wrong
}
