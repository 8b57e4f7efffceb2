package settings

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"gopkg.in/yaml.v3"
)

// property is one key of a mapping that is read into a T.
type property[T any] struct {
	key      string
	doc      string // for the schema and the documentation
	expected string
	required bool
	fallback string // the default, as YAML; empty: T's zero value
	schema   schema
	set      func(r *reader, n *yaml.Node, path string, into *T)
}

// prop returns a property of kind k. at returns where its value is stored.
func prop[T, V any](key string, k kind[V], at func(*T) *V, doc string) property[T] {
	return property[T]{key: key, doc: doc, expected: k.expected, schema: k.schema, set: func(r *reader, n *yaml.Node, path string, into *T) {
		if v, ok := k.read(r, n, path); ok {
			*at(into) = v
		}
	}}
}

// require makes the property required.
func (p property[T]) require() property[T] { p.required = true; return p }

// orDefault gives the property a default, written as in the file.
func (p property[T]) orDefault(fallback string) property[T] { p.fallback = fallback; return p }

// maxHints is how many mistakes a file may have before the texts about unknown keys get
// short. A file that is no elevator.yaml at all would need thousands of hints.
const maxHints = 100

// object is a mapping with these properties and no others. explained has the texts
// for unknown keys that people are likely to use.
func object[T any](expected string, explained map[string]string, properties ...property[T]) kind[T] {
	byKey := map[string]property[T]{}
	var known []string
	for _, p := range properties {
		byKey[p.key] = p
		known = append(known, p.key)
	}
	return kind[T]{objectSchema(properties), expected, func(r *reader, n *yaml.Node, path string) (T, bool) {
		var v T
		before := len(r.mistakes)
		given, ok := r.readMapping(n, path, expected)
		if !ok {
			return v, false
		}
		if path != "" {
			r.keys[path] = n.Line
		}
		for _, key := range slices.Sorted(maps.Keys(given)) {
			at := join(path, key)
			if _, ok := byKey[key]; ok {
				if !isNull(given[key].value) {
					r.keys[at] = given[key].line
				}
			} else if words, ok := explained[key]; ok {
				r.mistake(given[key].line, at, "%s", words)
			} else if len(r.mistakes) >= maxHints {
				r.mistake(given[key].line, at, "unknown key")
			} else if hint := didYouMean(key, known); hint != "" {
				r.mistake(given[key].line, at, "unknown key%s", hint)
			} else {
				r.mistake(given[key].line, at, "unknown key: use one of %s", strings.Join(known, ", "))
			}
		}
		for _, p := range properties {
			at := join(path, p.key)
			e, there := given[p.key]
			switch {
			case there && !isNull(e.value):
				p.set(r, e.value, at, &v)
			case p.required && r.policyOnly && path == "":
			case p.required && there:
				r.mistake(e.line, at, "is empty: must be %s", p.expected)
			case p.required:
				r.mistake(n.Line, at, "is missing: must be %s", p.expected)
			case p.fallback != "":
				p.set(&reader{keys: map[string]int{}}, parseFallback(p.fallback), at, &v)
			}
		}
		return v, len(r.mistakes) == before
	}}
}

// objectSchema returns the JSON Schema of a mapping with these properties. null is
// accepted for optional ones, and means the same as leaving them out.
func objectSchema[T any](properties []property[T]) schema {
	each := schema{}
	required := []any{}
	for _, p := range properties {
		s := p.schema
		if p.required {
			required = append(required, p.key)
			s = maps.Clone(s)
		} else {
			s = allowNull(s)
		}
		s["description"] = p.doc
		if p.fallback != "" {
			var v any
			if err := yaml.Unmarshal([]byte(p.fallback), &v); err != nil {
				panic(fmt.Sprintf("default of %s: %v", p.key, err))
			}
			s["default"] = v
		}
		each[p.key] = s
	}
	o := schema{"type": "object", "properties": each, "additionalProperties": false}
	if len(required) > 0 {
		o["required"] = required
	}
	return o
}

// allowNull returns a copy of s that also accepts null.
func allowNull(s schema) schema {
	s = maps.Clone(s)
	if list, ok := s["enum"].([]any); ok {
		s["enum"] = append(slices.Clone(list), nil)
	}
	if list, ok := s["anyOf"].([]any); ok {
		s["anyOf"] = append(slices.Clone(list), schema{"type": "null"})
	}
	if name, ok := s["type"].(string); ok {
		s["type"] = []any{name, "null"}
	}
	return s
}

func parseFallback(text string) *yaml.Node {
	var doc yaml.Node
	if err := yaml.Unmarshal([]byte(text), &doc); err != nil {
		panic(fmt.Sprintf("default %q: %v", text, err))
	}
	return doc.Content[0]
}

// entry is a key's value and the line of the key.
type entry struct {
	line  int
	value *yaml.Node // never an alias
}

// maxMerges limits how deep "<<" may lead.
const maxMerges = 8

// readMapping returns n's entries by key, including those that "<<" brings in.
// Duplicate keys are mistakes. It returns false if n is not a mapping.
func (r *reader) readMapping(n *yaml.Node, path, expected string) (map[string]entry, bool) {
	if n.Kind != yaml.MappingNode {
		r.mistake(n.Line, path, "must be %s, not %s", expected, describe(n))
		return nil, false
	}
	given := map[string]entry{}
	r.gather(n, path, given, maxMerges)
	return given, true
}

// gather adds n's entries to given, unless given has them already.
func (r *reader) gather(n *yaml.Node, path string, given map[string]entry, depth int) {
	own := map[string]int{}
	var merged []*yaml.Node
	for i := 0; i+1 < len(n.Content); i += 2 {
		key, value := resolveAlias(n.Content[i]), resolveAlias(n.Content[i+1])
		if key.ShortTag() == "!!merge" {
			merged = append(merged, value)
			continue
		}
		if key.Kind != yaml.ScalarNode {
			r.mistake(key.Line, path, "must have text keys, not %s", describe(key))
			continue
		}
		if line, twice := own[key.Value]; twice {
			r.mistake(key.Line, join(path, key.Value), "is set twice: also on line %d; remove one of them", line)
			continue
		}
		own[key.Value] = key.Line
		if _, taken := given[key.Value]; !taken {
			given[key.Value] = entry{key.Line, value}
		}
	}
	for _, m := range merged {
		from := []*yaml.Node{m}
		if m.Kind == yaml.SequenceNode {
			from = m.Content
		}
		for _, f := range from {
			if f = resolveAlias(f); f.Kind != yaml.MappingNode || depth == 0 {
				r.mistake(f.Line, join(path, "<<"), "must point to a mapping, or to a list of mappings")
				continue
			}
			r.gather(f, path, given, depth-1)
		}
	}
}

func join(path, key string) string {
	if path == "" {
		return key
	}
	return path + "." + key
}
