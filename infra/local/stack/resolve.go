package stack

import (
	"errors"
	"fmt"
	"reflect"
	"regexp"
	"sort"
	"strconv"
	"strings"
)

// returnValues are the values of a resource that others can refer to: its Ref and
// its attributes.
type returnValues struct {
	ref   string
	attrs map[string]string
}

// resolver turns the intrinsic functions of a template into values.
type resolver struct {
	pseudo     map[string]string
	parameters map[string]string
	conditions map[string]any
	resources  map[string]returnValues
}

// noValue stands for AWS::NoValue: the property is absent.
type noValue struct{}

func newResolver(t Template, pseudo map[string]string) (*resolver, error) {
	r := &resolver{pseudo: pseudo, parameters: map[string]string{}, conditions: t.Conditions, resources: map[string]returnValues{}}
	for name, p := range t.Parameters {
		if p.Default == nil {
			return nil, fmt.Errorf("parameter %s has no default, and the local stack has no value for it", name)
		}
		r.parameters[name] = fmt.Sprint(p.Default)
	}
	return r, nil
}

// value resolves v. The result consists of maps, lists and scalars, without
// functions.
func (r *resolver) value(v any) (any, error) {
	switch v := v.(type) {
	case map[string]any:
		if len(v) == 1 {
			for name, argument := range v {
				if name == "Ref" || name == "Condition" || strings.HasPrefix(name, "Fn::") {
					if name == "Condition" {
						if _, isName := argument.(string); !isName {
							break // the Condition of a policy statement
						}
					}
					return r.call(name, argument)
				}
			}
		}
		resolved := map[string]any{}
		for name, item := range v {
			value, err := r.value(item)
			if err != nil {
				return nil, fmt.Errorf("%s: %w", name, err)
			}
			if _, absent := value.(noValue); !absent {
				resolved[name] = value
			}
		}
		return resolved, nil
	case []any:
		resolved := []any{}
		for i, item := range v {
			value, err := r.value(item)
			if err != nil {
				return nil, fmt.Errorf("[%d]: %w", i, err)
			}
			if _, absent := value.(noValue); !absent {
				resolved = append(resolved, value)
			}
		}
		return resolved, nil
	default:
		return v, nil
	}
}

func (r *resolver) call(name string, argument any) (any, error) {
	switch name {
	case "Ref":
		return r.ref(argument)
	case "Fn::GetAtt":
		return r.getAtt(argument)
	case "Fn::Join":
		return r.join(argument)
	case "Fn::Sub":
		return r.sub(argument)
	case "Fn::Select":
		return r.selectItem(argument)
	case "Fn::Split":
		return r.split(argument)
	case "Fn::If":
		return r.selectIf(argument)
	case "Fn::Equals", "Fn::And", "Fn::Or", "Fn::Not", "Condition":
		return r.evaluate(map[string]any{name: argument})
	}
	return nil, fmt.Errorf("the local stack does not support %s", name)
}

func (r *resolver) ref(argument any) (any, error) {
	name, isText := argument.(string)
	if !isText {
		return nil, fmt.Errorf("%s needs a name, not %v", "Ref", argument)
	}
	if name == "AWS::NoValue" {
		return noValue{}, nil
	}
	if value, ok := r.pseudo[name]; ok {
		return value, nil
	}
	if value, ok := r.parameters[name]; ok {
		return value, nil
	}
	if resource, ok := r.resources[name]; ok {
		return resource.ref, nil
	}
	return nil, fmt.Errorf("there is nothing with the name %s", name)
}

func (r *resolver) getAtt(argument any) (any, error) {
	var name, attribute string
	switch a := argument.(type) {
	case string:
		name, attribute, _ = strings.Cut(a, ".")
	case []any:
		if len(a) == 2 {
			name, attribute = fmt.Sprint(a[0]), fmt.Sprint(a[1])
		}
	}
	resource, ok := r.resources[name]
	if !ok {
		return nil, fmt.Errorf("Fn::GetAtt: there is no resource %q", name)
	}
	value, ok := resource.attrs[attribute]
	if !ok {
		return nil, fmt.Errorf("the local stack does not support the attribute %s of %s", attribute, name)
	}
	return value, nil
}

// arguments resolves a function's list of n arguments.
func (r *resolver) arguments(name string, argument any, n int) ([]any, error) {
	list, ok := argument.([]any)
	if !ok || len(list) != n {
		return nil, fmt.Errorf("%s needs a list of %d items", name, n)
	}
	resolved, err := r.value(list)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	return resolved.([]any), nil
}

func (r *resolver) join(argument any) (any, error) {
	args, err := r.arguments("Fn::Join", argument, 2)
	if err != nil {
		return nil, err
	}
	items, ok := args[1].([]any)
	if !ok {
		return nil, errors.New("Fn::Join needs a list to join")
	}
	texts := make([]string, len(items))
	for i, item := range items {
		if texts[i], err = text(item); err != nil {
			return nil, fmt.Errorf("Fn::Join: %w", err)
		}
	}
	return strings.Join(texts, fmt.Sprint(args[0])), nil
}

var substitution = regexp.MustCompile(`\$\{(!?)([^}]*)\}`)

func (r *resolver) sub(argument any) (any, error) {
	pattern, isText := argument.(string)
	local := map[string]any{}
	if !isText {
		list, ok := argument.([]any)
		if !ok || len(list) != 2 {
			return nil, errors.New("Fn::Sub needs a text, or a text and a map of variables")
		}
		pattern = fmt.Sprint(list[0])
		names, err := r.value(list[1])
		if err != nil {
			return nil, fmt.Errorf("Fn::Sub: %w", err)
		}
		local, _ = names.(map[string]any)
	}
	var failed error
	result := substitution.ReplaceAllStringFunc(pattern, func(found string) string {
		m := substitution.FindStringSubmatch(found)
		name := strings.TrimSpace(m[2])
		if m[1] == "!" {
			return "${" + m[2] + "}"
		}
		value, ok := local[name]
		if !ok {
			var err error
			if strings.Contains(name, ".") {
				value, err = r.getAtt(name)
			} else {
				value, err = r.ref(name)
			}
			if err != nil {
				failed = errors.Join(failed, err)
				return found
			}
		}
		out, err := text(value)
		failed = errors.Join(failed, err)
		return out
	})
	if failed != nil {
		return nil, fmt.Errorf("Fn::Sub: %w", failed)
	}
	return result, nil
}

func (r *resolver) selectItem(argument any) (any, error) {
	args, err := r.arguments("Fn::Select", argument, 2)
	if err != nil {
		return nil, err
	}
	index, err := strconv.Atoi(fmt.Sprint(args[0]))
	items, ok := args[1].([]any)
	if err != nil || !ok || index < 0 || index >= len(items) {
		return nil, fmt.Errorf("Fn::Select: there is no item %v", args[0])
	}
	return items[index], nil
}

func (r *resolver) split(argument any) (any, error) {
	args, err := r.arguments("Fn::Split", argument, 2)
	if err != nil {
		return nil, err
	}
	whole, err := text(args[1])
	if err != nil {
		return nil, fmt.Errorf("Fn::Split: %w", err)
	}
	items := []any{}
	for _, part := range strings.Split(whole, fmt.Sprint(args[0])) {
		items = append(items, part)
	}
	return items, nil
}

func (r *resolver) selectIf(argument any) (any, error) {
	list, ok := argument.([]any)
	if !ok || len(list) != 3 {
		return nil, errors.New("Fn::If needs a condition and two values")
	}
	yes, err := r.evaluateNamed(fmt.Sprint(list[0]))
	if err != nil {
		return nil, err
	}
	if yes {
		return r.value(list[1])
	}
	return r.value(list[2])
}

// evaluateNamed returns the value of one of the template's conditions.
func (r *resolver) evaluateNamed(name string) (bool, error) {
	c, ok := r.conditions[name]
	if !ok {
		return false, fmt.Errorf("there is no condition %q", name)
	}
	return r.evaluate(c)
}

func (r *resolver) evaluate(c any) (bool, error) {
	function, ok := c.(map[string]any)
	if !ok || len(function) != 1 {
		return false, fmt.Errorf("%v is not a condition", c)
	}
	for name, argument := range function {
		list, _ := argument.([]any)
		switch name {
		case "Condition":
			return r.evaluateNamed(fmt.Sprint(argument))
		case "Fn::Equals":
			args, err := r.arguments(name, argument, 2)
			if err != nil {
				return false, err
			}
			return reflect.DeepEqual(args[0], args[1]), nil
		case "Fn::Not":
			if len(list) != 1 {
				return false, errors.New("Fn::Not needs one condition")
			}
			yes, err := r.evaluate(list[0])
			return !yes, err
		case "Fn::And", "Fn::Or":
			result := name == "Fn::And"
			for _, item := range list {
				yes, err := r.evaluate(item)
				if err != nil {
					return false, err
				}
				if name == "Fn::And" {
					result = result && yes
				} else {
					result = result || yes
				}
			}
			return result, nil
		}
		return false, fmt.Errorf("the local stack does not support the condition %s", name)
	}
	return false, nil
}

// text returns a scalar as CloudFormation writes it.
func text(v any) (string, error) {
	switch v := v.(type) {
	case string:
		return v, nil
	case bool:
		return strconv.FormatBool(v), nil
	case float64:
		return strconv.FormatFloat(v, 'f', -1, 64), nil
	}
	return "", fmt.Errorf("%v is not a text", v)
}

// sortResources returns the names of the resources, each after all that it refers
// to or depends on, and otherwise in the order of names.
func sortResources(t Template) ([]string, error) {
	needs := map[string][]string{}
	for name, resource := range t.Resources {
		seen := map[string]bool{}
		walkReferences(resource.Properties, func(other string) {
			if _, isResource := t.Resources[other]; isResource && other != name {
				seen[other] = true
			}
		})
		switch d := resource.DependsOn.(type) {
		case string:
			seen[d] = true
		case []any:
			for _, item := range d {
				seen[fmt.Sprint(item)] = true
			}
		}
		for other := range seen {
			needs[name] = append(needs[name], other)
		}
		sort.Strings(needs[name])
	}
	var sorted []string
	state := map[string]int{} // 1: being visited, 2: done
	var visit func(string) error
	visit = func(name string) error {
		switch state[name] {
		case 1:
			return fmt.Errorf("%s depends on itself", name)
		case 2:
			return nil
		}
		if _, ok := t.Resources[name]; !ok {
			return fmt.Errorf("there is no resource %s", name)
		}
		state[name] = 1
		for _, other := range needs[name] {
			if err := visit(other); err != nil {
				return err
			}
		}
		state[name] = 2
		sorted = append(sorted, name)
		return nil
	}
	names := make([]string, 0, len(t.Resources))
	for name := range t.Resources {
		names = append(names, name)
	}
	sort.Strings(names)
	for _, name := range names {
		if err := visit(name); err != nil {
			return nil, err
		}
	}
	return sorted, nil
}

// walkReferences reports every name that v refers to.
func walkReferences(v any, report func(string)) {
	switch v := v.(type) {
	case map[string]any:
		for name, item := range v {
			switch name {
			case "Ref":
				if s, ok := item.(string); ok {
					report(s)
				}
			case "Fn::GetAtt":
				switch a := item.(type) {
				case string:
					resource, _, _ := strings.Cut(a, ".")
					report(resource)
				case []any:
					if len(a) > 0 {
						report(fmt.Sprint(a[0]))
					}
				}
			case "Fn::Sub":
				pattern, ok := item.(string)
				if list, isList := item.([]any); isList && len(list) > 0 {
					pattern, ok = list[0].(string)
				}
				if ok {
					for _, m := range substitution.FindAllStringSubmatch(pattern, -1) {
						resource, _, _ := strings.Cut(strings.TrimSpace(m[2]), ".")
						report(resource)
					}
				}
			}
			walkReferences(item, report)
		}
	case []any:
		for _, item := range v {
			walkReferences(item, report)
		}
	}
}
