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

// bracketBelow finds a JSON list or object pasted on the line below its key
// without indentation. YAML wants a space there. Comments and empty lines may
// stand between.
var bracketBelow = regexp.MustCompile(`(?m)^([a-z_]+:[ \t]*(?:#[^\n]*)?\r?\n(?:[ \t]*(?:#[^\n]*)?\r?\n)*)[ \t]*([\[{])`)

// tabbedJSON finds lines of JSON that are indented by tabs. YAML wants no tabs
// there; JSON doesn't care.
var tabbedJSON = regexp.MustCompile(`(?m)^ *\t[ \t]*[\[\]{}",0-9]`)

// yamlLine finds the line that an error of the YAML library names.
var yamlLine = regexp.MustCompile(`^line (\d+): `)

// document parses one YAML document and gives its top node. JSON may be pasted
// into it as it is. Lines keep their numbers. The errors are Mistakes.
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
		return nil, wrong(next.Line, "a second document begins here; the settings are one document, without ---")
	case !errors.Is(err, io.EOF):
		line, text := explainSyntaxError(err)
		return nil, wrong(line, text)
	}
	if len(doc.Content) == 0 || isNull(doc.Content[0]) {
		return nil, wrong(1, "the file is empty")
	}
	return doc.Content[0], nil
}

// notYAML is a syntax error with its line, and with a hint where the library's
// words hide the usual cause.
func explainSyntaxError(err error) (line int, text string) {
	text = strings.TrimPrefix(err.Error(), "yaml: ")
	line = 1
	if m := yamlLine.FindStringSubmatch(text); m != nil {
		line, _ = strconv.Atoi(m[1]) // digits
		text = text[len(m[0]):]
	}
	hint := ""
	switch {
	case strings.Contains(text, "alphabetic or numeric character"):
		hint = `; "*" has to be in quotes`
	case strings.Contains(text, "cannot start any token"):
		hint = "; indent with spaces, not with tabs"
	}
	return line, "this is not valid YAML: " + text + hint
}

func isNull(n *yaml.Node) bool { return n.Kind == yaml.ScalarNode && n.ShortTag() == "!!null" }

// resolved follows aliases to what they stand for.
func resolveAlias(n *yaml.Node) *yaml.Node {
	for n.Kind == yaml.AliasNode {
		n = n.Alias
	}
	return n
}
