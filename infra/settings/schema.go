package settings

import (
	"bytes"
	"cmp"
	"encoding/json"
	"fmt"
	"maps"
	"regexp"
	"strings"
)

// Schema returns the JSON Schema (draft 7) of elevator.yaml, for editors.
func Schema() []byte {
	s := schema{
		"$schema":     "http://json-schema.org/draft-07/schema#",
		"title":       "elevator.yaml",
		"description": "The settings of sso-elevator.",
		"anyOf":       []any{schema{"required": []any{"config"}}, schema{"required": []any{"group_config"}}},
	}
	maps.Copy(s, settingsKind.schema)
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	e.SetIndent("", "  ")
	if err := e.Encode(s); err != nil {
		panic(fmt.Sprintf("marshal schema: %v", err)) // only this package put values in it
	}
	return b.Bytes()
}

// Documentation returns the settings as a page of Markdown.
func Documentation() []byte {
	var b strings.Builder
	b.WriteString(`# Settings

All settings are in one file, ` + "`elevator.yaml`" + `. Copy [` + "`elevator.example.yaml`" + `](../../elevator.example.yaml) to begin. Your editor completes and
checks the file with [the JSON schema](elevator.schema.json), which the file's first line names.

A mistake stops the deployment. All mistakes are shown at once, as ` + "`file:line: setting: what is wrong`" + `. Likely mistakes are
warnings, and don't stop it. A setting that is left out or ` + "`null`" + ` has its default.

This page is generated: ` + "`go test ./infra/settings -update`" + `.

`)
	for _, s := range sections {
		fmt.Fprintf(&b, "- [%s](#%s)\n", s.title, strings.ReplaceAll(strings.ToLower(s.title), " ", "-"))
	}
	b.WriteString("- [A statement of `config`](#a-statement-of-config)\n- [A statement of `group_config`](#a-statement-of-group_config)\n")
	for _, s := range sections {
		fmt.Fprintf(&b, "\n## %s\n\n", s.title)
		if s.intro != "" {
			b.WriteString(s.intro + "\n\n")
		}
		writeTable(&b, "setting", s.settings)
	}
	b.WriteString("\n## A statement of `config`\n\nHow statements combine is in [the policy language](policy.md).\n\n")
	writeTable(&b, "key", accountStatementFields)
	b.WriteString("\n## A statement of `group_config`\n\n")
	writeTable(&b, "key", groupStatementFields)
	return []byte(b.String())
}

var (
	// docsPage matches a path of a page in a description.
	docsPage = regexp.MustCompile(`docs/([a-z]+)/([a-z-]+)\.md(#[a-z-]+)?`)
	// settingName matches words that may be a setting's name.
	settingName = regexp.MustCompile(`[a-z0-9]+(_[a-z0-9]+)+`)
)

// writeTable writes one row for each property. The allowed values are on a line of
// their own, unless the default already shows them.
func writeTable[T any](b *strings.Builder, first string, properties []property[T]) {
	known := map[string]bool{}
	for _, f := range settingsFields {
		known[f.key] = true
	}
	escape := strings.NewReplacer("|", `\|`, "*", `\*`)
	cell := func(text string) string {
		text = settingName.ReplaceAllStringFunc(escape.Replace(text), func(name string) string {
			if known[name] {
				return "`" + name + "`"
			}
			return name
		})
		text = docsPage.ReplaceAllStringFunc(text, func(page string) string {
			m := docsPage.FindStringSubmatch(page)
			label := strings.ReplaceAll(cmp.Or(strings.TrimPrefix(m[3], "#"), m[2]), "-", " ")
			return fmt.Sprintf("[%s](../%s/%s.md%s)", label, m[1], m[2], m[3])
		})
		return strings.NewReplacer("](../reference/", "](", "Danger:", "**Danger:**").Replace(text)
	}
	fmt.Fprintf(b, "| %s | default | meaning |\n|---|---|---|\n", first)
	for _, p := range properties {
		fallback := "`" + p.fallback + "`"
		switch {
		case p.required:
			fallback = "required"
		case p.fallback == "":
			fallback = "none"
		}
		value := "<br> Value: " + cell(p.expected)
		if p.expected == boolean().expected {
			value = ""
		}
		fmt.Fprintf(b, "| `%s` | %s | %s%s |\n", p.key, fallback, cell(p.doc), value)
	}
}
