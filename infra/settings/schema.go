package settings

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"strings"
)

// Schema is the JSON Schema (draft 7) of elevator.yaml, for editors.
func Schema() []byte {
	s := schema{
		"$schema":     "http://json-schema.org/draft-07/schema#",
		"title":       "elevator.yaml",
		"description": "Settings of sso-elevator.",
		"anyOf":       []any{schema{"required": []any{"config"}}, schema{"required": []any{"group_config"}}},
	}
	maps.Copy(s, settingsKind.schema)
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	e.SetIndent("", "  ")
	if err := e.Encode(s); err != nil {
		panic(fmt.Sprintf("marshal schema: %v", err)) // it holds what this package put there
	}
	return b.Bytes()
}

// Documentation is the settings as a page of Markdown.
func Documentation() []byte {
	var b strings.Builder
	b.WriteString("# Settings\n\n" +
		"Everything that `elevator.yaml` can say. This page is made from the code (`go test ./infra/settings -update`), as is\n" +
		"[the JSON Schema](elevator.schema.json) that editors check the file against. A file that is wrong anywhere is not\n" +
		"deployed: all mistakes are shown at once, each with its line.\n\n")
	writeTable(&b, "setting", settingsFields)
	b.WriteString("\n## A statement of `config`\n\n")
	writeTable(&b, "key", accountStatementFields)
	b.WriteString("\n## A statement of `group_config`\n\n")
	writeTable(&b, "key", groupStatementFields)
	return []byte(b.String())
}

func writeTable[T any](b *strings.Builder, first string, properties []property[T]) {
	fmt.Fprintf(b, "| %s | what it is | value | default |\n|---|---|---|---|\n", first)
	cell := strings.NewReplacer("|", `\|`, "*", `\*`)
	for _, p := range properties {
		fallback := "`" + p.fallback + "`"
		switch {
		case p.required:
			fallback = "required"
		case p.fallback == "":
			fallback = "none"
		}
		fmt.Fprintf(b, "| `%s` | %s | %s | %s |\n", p.key, cell.Replace(p.doc), cell.Replace(p.expected), fallback)
	}
}
