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
	doc      string // what it is, for the schema and the documentation
	expected string
	required bool
	fallback string // the default, as YAML; empty: T's zero value
	schema   schema
	set      func(r *reader, n *yaml.Node, path string, into *T)
}

// prop is a property whose value is of kind k and is kept at `at`.
func prop[T, V any](key string, k kind[V], at func(*T) *V, doc string) property[T] {
	return property[T]{key: key, doc: doc, expected: k.expected, schema: k.schema, set: func(r *reader, n *yaml.Node, path string, into *T) {
		if v, ok := k.read(r, n, path); ok {
			*at(into) = v
		}
	}}
}

// must makes the property a required one.
func (p property[T]) require() property[T] { p.required = true; return p }

// or gives the property a default, written as in the file.
func (p property[T]) orDefault(fallback string) property[T] { p.fallback = fallback; return p }

// object is a mapping with these properties and no others. explained has words
// for keys that are not known but that people come with.
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
			} else if hint := didYouMean(key, known); hint != "" {
				r.mistake(given[key].line, at, "unknown key%s", hint)
			} else {
				r.mistake(given[key].line, at, "unknown key; known are %s", strings.Join(known, ", "))
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
				r.mistake(e.line, at, "is empty; it must be %s", p.expected)
			case p.required:
				r.mistake(n.Line, at, "is missing; it must be %s", p.expected)
			case p.fallback != "":
				p.set(&reader{keys: map[string]int{}}, parseFallback(p.fallback), at, &v)
			}
		}
		return v, len(r.mistakes) == before
	}}
}

// objectSchema is the JSON Schema of a mapping with these properties. Optional
// ones may be null, which is the same as not being there.
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

// orNull is a copy of s that also takes null.
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
	value *yaml.Node // resolved
}

// maxMerges is how deep "<<" may lead; a mapping that merges itself would
// never end.
const maxMerges = 8

// mapping is n's entries by key, those that "<<" brings in included. Keys that
// stand twice are mistakes; false if n is no mapping.
func (r *reader) readMapping(n *yaml.Node, path, expected string) (map[string]entry, bool) {
	if n.Kind != yaml.MappingNode {
		r.mistake(n.Line, path, "must be %s, not %s", expected, describe(n))
		return nil, false
	}
	given := map[string]entry{}
	r.gather(n, path, given, maxMerges)
	return given, true
}

// gather adds n's entries to given, where they are not there already.
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
			r.mistake(key.Line, path, "a key must be a word, not %s", describe(key))
			continue
		}
		if line, twice := own[key.Value]; twice {
			r.mistake(key.Line, join(path, key.Value), "is here twice; it is on line %d already", line)
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
				r.mistake(f.Line, join(path, "<<"), "must lead to a mapping or a list of mappings")
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
