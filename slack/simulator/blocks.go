package simulator

import (
	"fmt"
	"unicode/utf8"
)

// Limits that Slack documents, in characters and items. Source: docs.slack.dev, the
// references of Block Kit and the Web API.
const (
	maxMessageBlocks   = 50
	maxViewBlocks      = 100
	maxID              = 255
	maxSectionText     = 3000
	maxSectionFields   = 10
	maxFieldText       = 2000
	maxHeaderText      = 150
	maxActionsElements = 25
	maxContextElements = 10
	maxContextText     = 3000
	maxLabelText       = 2000
	maxButtonText      = 75
	maxButtonValue     = 2000
	maxURL             = 3000
	maxPlaceholder     = 150
	maxOptions         = 100
	maxOptionText      = 75
	maxOptionValue     = 150
	maxInputLength     = 3000
	maxViewTitle       = 24
	maxPrivateMetadata = 3000
	maxConfirmTitle    = 100
	maxConfirmText     = 300
	maxConfirmButton   = 30
	maxMessageText     = 40000
	maxUpdateText      = 4000
	maxMetadata        = 8000 // bytes
)

// uncheckedBlocks are block types that Slack accepts and this package does not check.
// The page draws them as unknown.
var uncheckedBlocks = map[string]bool{
	"image": true, "video": true, "file": true, "markdown": true, "table": true, "call": true,
	"alert": true, "card": true, "carousel": true, "plan": true, "task_card": true, "context_actions": true,
}

// uncheckedElements are element types that Slack accepts and this package does not check.
var uncheckedElements = map[string]bool{
	"checkboxes": true, "radio_buttons": true, "overflow": true, "datepicker": true, "timepicker": true,
	"datetimepicker": true, "users_select": true, "conversations_select": true, "channels_select": true,
	"multi_static_select": true, "multi_external_select": true, "multi_users_select": true,
	"email_text_input": true, "url_text_input": true, "number_input": true, "rich_text_input": true,
	"file_input": true, "image": true, "workflow_button": true, "feedback_buttons": true, "icon_button": true,
}

// checker collects problems. Each problem has a JSON pointer, as in Slack's
// response_metadata.messages.
type checker struct {
	problems []string
	modal    bool
}

func (c *checker) fail(pointer, format string, args ...any) {
	c.problems = append(c.problems, fmt.Sprintf("[ERROR] "+format+" [json-pointer:%s]", append(args, pointer)...))
}

// messageProblems returns the problems of a message's blocks.
func messageProblems(blocks []any) []string {
	c := &checker{}
	c.blocks("/blocks", blocks, maxMessageBlocks)
	return c.problems
}

// viewProblems returns the problems of a view of a kind: "modal" or "home".
func viewProblems(v map[string]any, kind string) []string {
	c := &checker{modal: true}
	if v["type"] != kind {
		c.fail("/view/type", "unsupported type: %v", v["type"])
	}
	if kind == "modal" {
		c.text("/view/title", v["title"], maxViewTitle, "plain_text", true)
		c.text("/view/close", v["close"], maxViewTitle, "plain_text", false)
		c.text("/view/submit", v["submit"], maxViewTitle, "plain_text", false)
	}
	c.length("/view/private_metadata", text(v["private_metadata"]), maxPrivateMetadata)
	c.length("/view/callback_id", text(v["callback_id"]), maxID)
	c.length("/view/external_id", text(v["external_id"]), maxID)
	blocks, ok := v["blocks"].([]any)
	if !ok {
		c.fail("/view/blocks", "missing required field: blocks")
	}
	c.blocks("/view/blocks", blocks, maxViewBlocks)
	for _, b := range blocks {
		if block, _ := b.(map[string]any); block["type"] == "input" && v["submit"] == nil && kind == "modal" {
			c.fail("/view/submit", "submit is required when an input block is within the blocks array")
			break
		}
	}
	return c.problems
}

// optionsProblems returns the options that an answer to a block_suggestion offers, and
// the problems of that answer.
func optionsProblems(answer map[string]any) (options []any, problems []string) {
	c := &checker{}
	list, hasOptions := answer["options"].([]any)
	groups, hasGroups := answer["option_groups"].([]any)
	if hasOptions == hasGroups {
		c.fail("", "an answer must have either options or option_groups")
	}
	if hasOptions {
		c.options("/options", list)
		options = list
	}
	if hasGroups {
		options = append(options, c.groups("/option_groups", groups)...)
	}
	return options, c.problems
}

func (c *checker) length(pointer, s string, maximum int) {
	if n := utf8.RuneCountInString(s); n > maximum {
		c.fail(pointer, "must be less than %d characters, has %d", maximum+1, n)
	}
}

// text checks a text object. kind is "plain_text", or "" if mrkdwn is allowed, too.
func (c *checker) text(pointer string, raw any, maximum int, kind string, required bool) {
	if raw == nil {
		if required {
			c.fail(pointer, "missing required field")
		}
		return
	}
	t, ok := raw.(map[string]any)
	if !ok {
		c.fail(pointer, "must be an object")
		return
	}
	switch {
	case t["type"] == "plain_text":
	case t["type"] == "mrkdwn" && kind == "":
		if t["emoji"] != nil {
			c.fail(pointer+"/emoji", "emoji is not allowed in mrkdwn")
		}
	default:
		c.fail(pointer+"/type", "unsupported type: %v", t["type"])
	}
	s, _ := t["text"].(string)
	if s == "" {
		c.fail(pointer+"/text", "must be more than 0 characters")
	}
	c.length(pointer+"/text", s, maximum)
}

func (c *checker) blocks(pointer string, blocks []any, maximum int) {
	if len(blocks) > maximum {
		c.fail(pointer, "no more than %d items allowed, has %d", maximum, len(blocks))
	}
	ids := map[string]bool{}
	for i, raw := range blocks {
		at := fmt.Sprintf("%s/%d", pointer, i)
		b, ok := raw.(map[string]any)
		if !ok {
			c.fail(at, "must be an object")
			continue
		}
		id := text(b["block_id"])
		c.length(at+"/block_id", id, maxID)
		if id != "" && ids[id] {
			c.fail(at+"/block_id", "block_id %s already exists", id)
		}
		ids[id] = true
		c.block(at, b)
	}
}

func (c *checker) block(at string, b map[string]any) {
	switch kind := text(b["type"]); kind {
	case "divider":
	case "header":
		c.text(at+"/text", b["text"], maxHeaderText, "plain_text", true)
	case "section":
		c.section(at, b)
	case "context":
		elements := c.list(at+"/elements", b["elements"], maxContextElements)
		for i, e := range elements {
			if element, _ := e.(map[string]any); element["type"] == "image" {
				continue
			}
			c.text(fmt.Sprintf("%s/elements/%d", at, i), e, maxContextText, "", true)
		}
	case "actions":
		ids := map[string]bool{}
		for i, e := range c.list(at+"/elements", b["elements"], maxActionsElements) {
			where := fmt.Sprintf("%s/elements/%d", at, i)
			c.element(where, e, "actions")
			element, _ := e.(map[string]any)
			if id := text(element["action_id"]); id != "" {
				if ids[id] {
					c.fail(where+"/action_id", "action_id %s already exists", id)
				}
				ids[id] = true
			}
		}
	case "input":
		c.text(at+"/label", b["label"], maxLabelText, "plain_text", true)
		c.text(at+"/hint", b["hint"], maxLabelText, "plain_text", false)
		c.element(at+"/element", b["element"], "input")
	case "rich_text":
		for i, e := range c.list(at+"/elements", b["elements"], 0) {
			c.richText(fmt.Sprintf("%s/elements/%d", at, i), e)
		}
	default:
		if !uncheckedBlocks[kind] {
			c.fail(at+"/type", "unsupported type: %s", kind)
		}
	}
}

func (c *checker) section(at string, b map[string]any) {
	fields, hasFields := b["fields"].([]any)
	if b["text"] == nil && !hasFields {
		c.fail(at, "a section must have text or fields")
	}
	c.text(at+"/text", b["text"], maxSectionText, "", false)
	if hasFields {
		for i, f := range c.list(at+"/fields", fields, maxSectionFields) {
			c.text(fmt.Sprintf("%s/fields/%d", at, i), f, maxFieldText, "", true)
		}
	}
	if b["accessory"] != nil {
		c.element(at+"/accessory", b["accessory"], "section")
	}
}

// list checks the length of a list, which must not be empty. A maximum of 0 means no
// limit.
func (c *checker) list(at string, raw any, maximum int) []any {
	list, _ := raw.([]any)
	switch {
	case len(list) == 0:
		c.fail(at, "must have at least 1 item")
	case maximum > 0 && len(list) > maximum:
		c.fail(at, "no more than %d items allowed, has %d", maximum, len(list))
	}
	return list
}

func (c *checker) element(at string, raw any, where string) {
	e, ok := raw.(map[string]any)
	if !ok {
		c.fail(at, "missing required field")
		return
	}
	c.length(at+"/action_id", text(e["action_id"]), maxID)
	kind := text(e["type"])
	switch kind {
	case "button":
		if where == "input" {
			c.fail(at+"/type", "unsupported type: button")
		}
		c.text(at+"/text", e["text"], maxButtonText, "plain_text", true)
		c.length(at+"/value", text(e["value"]), maxButtonValue)
		c.length(at+"/url", text(e["url"]), maxURL)
		c.length(at+"/accessibility_label", text(e["accessibility_label"]), maxButtonText)
		if s := text(e["style"]); s != "" && s != "primary" && s != "danger" {
			c.fail(at+"/style", "unsupported style: %s", s)
		}
	case "static_select":
		c.text(at+"/placeholder", e["placeholder"], maxPlaceholder, "plain_text", false)
		options, hasOptions := e["options"].([]any)
		groups, hasGroups := e["option_groups"].([]any)
		switch {
		case hasOptions == hasGroups:
			c.fail(at, "a static_select must have either options or option_groups")
		case hasOptions:
			c.list(at+"/options", options, 0)
			c.options(at+"/options", options)
			c.initialOption(at, e, options)
		default:
			c.initialOption(at, e, c.groups(at+"/option_groups", groups))
		}
	case "external_select":
		c.text(at+"/placeholder", e["placeholder"], maxPlaceholder, "plain_text", false)
		if e["initial_option"] != nil {
			c.options(at+"/initial_option", []any{e["initial_option"]})
		}
		if number(e["min_query_length"], 0) < 0 {
			c.fail(at+"/min_query_length", "must not be negative")
		}
	case "users_select":
		c.text(at+"/placeholder", e["placeholder"], maxPlaceholder, "plain_text", false)
	case "plain_text_input":
		if where != "input" {
			c.fail(at+"/type", "unsupported type: plain_text_input")
		}
		c.text(at+"/placeholder", e["placeholder"], maxPlaceholder, "plain_text", false)
		c.length(at+"/initial_value", text(e["initial_value"]), maxInputLength)
		if n := number(e["max_length"], maxInputLength); n < 1 || n > maxInputLength {
			c.fail(at+"/max_length", "must be from 1 to %d", maxInputLength)
		}
		if n := number(e["min_length"], 0); n < 0 || n > maxInputLength {
			c.fail(at+"/min_length", "must be from 0 to %d", maxInputLength)
		}
	default:
		if !uncheckedElements[kind] {
			c.fail(at+"/type", "unsupported type: %s", kind)
		}
	}
	if e["confirm"] != nil {
		c.confirm(at+"/confirm", e["confirm"])
	}
}

// initialOption checks that a select's initial option is one of its options.
func (c *checker) initialOption(at string, e map[string]any, options []any) {
	initial, ok := e["initial_option"].(map[string]any)
	if !ok {
		return
	}
	for _, o := range options {
		if option, _ := o.(map[string]any); option["value"] == initial["value"] {
			return
		}
	}
	c.fail(at+"/initial_option", "is not one of the options")
}

func (c *checker) confirm(at string, raw any) {
	m, _ := raw.(map[string]any)
	c.text(at+"/title", m["title"], maxConfirmTitle, "plain_text", true)
	c.text(at+"/text", m["text"], maxConfirmText, "", true)
	c.text(at+"/confirm", m["confirm"], maxConfirmButton, "plain_text", true)
	c.text(at+"/deny", m["deny"], maxConfirmButton, "plain_text", true)
}

// options checks option objects. The list may be empty, as in an answer without hits.
func (c *checker) options(at string, options []any) {
	if len(options) > maxOptions {
		c.fail(at, "no more than %d items allowed, has %d", maxOptions, len(options))
	}
	for i, raw := range options {
		where := fmt.Sprintf("%s/%d", at, i)
		o, ok := raw.(map[string]any)
		if !ok {
			c.fail(where, "must be an object")
			continue
		}
		c.text(where+"/text", o["text"], maxOptionText, "plain_text", true)
		c.text(where+"/description", o["description"], maxOptionText, "plain_text", false)
		if text(o["value"]) == "" {
			c.fail(where+"/value", "missing required field: value")
		}
		c.length(where+"/value", text(o["value"]), maxOptionValue)
	}
}

// groups checks option groups and returns all of their options.
func (c *checker) groups(at string, groups []any) []any {
	var all []any
	for i, raw := range c.list(at, groups, maxOptions) {
		where := fmt.Sprintf("%s/%d", at, i)
		g, _ := raw.(map[string]any)
		c.text(where+"/label", g["label"], maxOptionText, "plain_text", true)
		options, _ := g["options"].([]any)
		c.options(where+"/options", options)
		all = append(all, options...)
	}
	return all
}

// richElements are the inline elements that Slack documents for rich text.
var richElements = map[string]bool{
	"text": true, "link": true, "user": true, "usergroup": true, "channel": true, "emoji": true,
	"broadcast": true, "date": true, "color": true,
}

func (c *checker) richText(at string, raw any) {
	e, _ := raw.(map[string]any)
	elements, ok := e["elements"].([]any)
	if !ok {
		c.fail(at+"/elements", "missing required field: elements")
		return
	}
	switch kind := text(e["type"]); kind {
	case "rich_text_section", "rich_text_quote", "rich_text_preformatted":
		for i, raw := range elements {
			where := fmt.Sprintf("%s/elements/%d", at, i)
			inline, _ := raw.(map[string]any)
			k := text(inline["type"])
			switch {
			case !richElements[k]:
				c.fail(where+"/type", "unsupported type: %s", k)
			case k == "text" && text(inline["text"]) == "":
				c.fail(where+"/text", "must be more than 0 characters")
			case k == "link" && text(inline["url"]) == "":
				c.fail(where+"/url", "missing required field: url")
			case kind == "rich_text_preformatted" && k != "text" && k != "link":
				c.fail(where+"/type", "unsupported type: %s", k)
			}
		}
	case "rich_text_list":
		if s := text(e["style"]); s != "bullet" && s != "ordered" {
			c.fail(at+"/style", "unsupported style: %s", s)
		}
		for i, item := range elements {
			if m, _ := item.(map[string]any); m["type"] != "rich_text_section" {
				c.fail(fmt.Sprintf("%s/elements/%d/type", at, i), "unsupported type: %v", m["type"])
			} else {
				c.richText(fmt.Sprintf("%s/elements/%d", at, i), item)
			}
		}
	default:
		c.fail(at+"/type", "unsupported type: %s", kind)
	}
}

// fillIDs gives an id to each block and element that has none, as Slack does.
func fillIDs(blocks []any) {
	for _, raw := range blocks {
		b, ok := raw.(map[string]any)
		if !ok {
			continue
		}
		if text(b["block_id"]) == "" {
			b["block_id"] = randomID("", 5)
		}
		for _, f := range interactiveFields([]any{b}) {
			if f.ActionID == "" {
				f.Element["action_id"] = randomID("", 5)
			}
		}
	}
}
