package settings

import (
	"bytes"
	"errors"
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
	return doc.Content[0], nil
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
