package settings

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"regexp"
	"strconv"
	"strings"

	"gopkg.in/yaml.v3"
)

// bracketBelow finds a JSON list or object that is pasted on the line below its key
// without indentation, which YAML requires. Comments and empty lines may be in
// between.
var bracketBelow = regexp.MustCompile(`(?m)^([a-z_]+:[ \t]*(?:#[^\n]*)?\r?\n(?:[ \t]*(?:#[^\n]*)?\r?\n)*)[ \t]*([\[{])`)

// tabbedJSON finds lines of JSON that are indented with tabs. YAML forbids tabs
// there; JSON allows them.
var tabbedJSON = regexp.MustCompile(`(?m)^ *\t[ \t]*[\[\]{}",0-9]`)

// yamlLine finds the line number in an error of the YAML library.
var yamlLine = regexp.MustCompile(`^line (\d+): `)

// parseDocument parses one YAML document and returns its top node. JSON may be
// pasted into it unchanged. Lines keep their numbers. Its errors are Mistakes.
func parseDocument(file string, data []byte) (*yaml.Node, error) {
	wrong := func(line int, text string) error {
		return newMistakes(file, []Mistake{{Line: line, Text: text}})
	}
	data = tabbedJSON.ReplaceAllFunc(data, func(b []byte) []byte { return bytes.ReplaceAll(b, []byte("\t"), []byte(" ")) })
	data = bracketBelow.ReplaceAll(data, []byte("$1 $2"))
	decoder := yaml.NewDecoder(bytes.NewReader(data))
	var doc, next yaml.Node
	switch err := decoder.Decode(&doc); {
	case errors.Is(err, io.EOF):
		return nil, wrong(1, "the file is empty")
	case err != nil:
		line, text := explainSyntaxError(err)
		return nil, wrong(line, text)
	}
	switch err := decoder.Decode(&next); {
	case err == nil:
		return nil, wrong(next.Line, "a second YAML document begins here; remove the ---")
	case !errors.Is(err, io.EOF):
		line, text := explainSyntaxError(err)
		return nil, wrong(line, text)
	}
	if len(doc.Content) == 0 || isNull(doc.Content[0]) {
		return nil, wrong(1, "the file is empty")
	}
	if line, text := checkAliases(doc.Content[0]); text != "" {
		return nil, wrong(line, text)
	}
	return doc.Content[0], nil
}

// maxRepeated limits how many values aliases repeat, in all. A few lines of aliases to
// aliases could stand for billions.
const maxRepeated = 100_000

// checkAliases returns what is wrong with the aliases below root, or "".
func checkAliases(root *yaml.Node) (line int, text string) {
	const open = -1 // the size of a value whose end has not been reached
	sizes := map[*yaml.Node]int{}
	repeated := 0
	var count func(*yaml.Node) int
	count = func(n *yaml.Node) int {
		if n.Kind == yaml.AliasNode {
			size := sizes[n.Alias]
			switch {
			case text != "":
			case size == open:
				line, text = n.Line, fmt.Sprintf("*%s is part of the value that &%[1]s names; remove one of them", n.Value)
			case size > maxRepeated:
				line, text = n.Line, fmt.Sprintf("*%s repeats more than %d values; use fewer aliases", n.Value, maxRepeated)
			}
			repeated += size
			return size
		}
		if n.Anchor != "" {
			sizes[n] = open
		}
		size := 1
		for _, child := range n.Content {
			size += count(child)
			if text != "" {
				return size
			}
		}
		if n.Anchor != "" {
			sizes[n] = size
		}
		return size
	}
	if count(root); text == "" && repeated > maxRepeated {
		line, text = root.Line, fmt.Sprintf("aliases repeat more than %d values; use fewer aliases", maxRepeated)
	}
	return line, text
}

// explainSyntaxError returns the line and text of a syntax error, with a hint if the
// library's message hides the usual cause.
func explainSyntaxError(err error) (line int, text string) {
	text = strings.TrimPrefix(err.Error(), "yaml: ")
	line = 1
	if m := yamlLine.FindStringSubmatch(text); m != nil {
		line, _ = strconv.Atoi(m[1]) // the pattern has digits only
		text = text[len(m[0]):]
	}
	hint := ""
	switch {
	case strings.Contains(text, "alphabetic or numeric character"):
		hint = `; put "*" in quotes`
	case strings.Contains(text, "cannot start any token"):
		hint = "; indent with spaces, not tabs"
	}
	return line, "invalid YAML: " + text + hint
}

func isNull(n *yaml.Node) bool { return n.Kind == yaml.ScalarNode && n.ShortTag() == "!!null" }

// resolveAlias returns the node that an alias stands for.
func resolveAlias(n *yaml.Node) *yaml.Node {
	for n.Kind == yaml.AliasNode {
		n = n.Alias
	}
	return n
}
