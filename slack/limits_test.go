package slack

import (
	"encoding/json"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"testing"
	"unicode/utf8"
)

// problems checks messages, views and options against Slack's documented limits
// (docs.slack.dev, reference of Block Kit, views and chat.postMessage). They are
// repeated here rather than taken from the code under test. It also checks this
// project's rule that nothing uses mrkdwn.
type problems []string

func (p *problems) add(at, format string, args ...any) {
	*p = append(*p, at+": "+fmt.Sprintf(format, args...))
}

func checkMessage(m map[string]any) []string {
	var p problems
	p.str("text", m["text"], 1, 4000)
	blocks := list(m["blocks"])
	p.blocks(blocks, 50, false)
	// Slack doesn't document this: from about 13,200 characters on, chat.postMessage
	// returns msg_blocks_too_long.
	raw, _ := json.Marshal(blocks)
	if n := utf8.RuneCount(raw); n > 12000 {
		p.add("blocks", "%d characters in all", n)
	}
	meta := object(m["metadata"])
	p.str("metadata/event_type", meta["event_type"], 1, 255)
	if raw, _ := json.Marshal(meta); len(raw) > 8000 {
		p.add("metadata", "%d bytes", len(raw))
	}
	return p
}

func checkView(v map[string]any) []string {
	var p problems
	if v["type"] != "modal" {
		p.add("type", "%v", v["type"])
	}
	p.text("title", v["title"], 24, true)
	p.text("submit", v["submit"], 24, false)
	p.text("close", v["close"], 24, false)
	p.str("private_metadata", v["private_metadata"], 0, 3000)
	p.str("callback_id", v["callback_id"], 0, 255)
	p.str("external_id", v["external_id"], 0, 255)
	hasInput := p.blocks(list(v["blocks"]), 100, true)
	if hasInput && v["submit"] == nil {
		p.add("submit", "missing, with inputs")
	}
	return p
}

func checkOptions(answer map[string]any) []string {
	var p problems
	if _, ok := answer["options"].([]any); !ok {
		p.add("options", "no list")
	}
	p.options("options", answer["options"], 0)
	return p
}

func object(v any) map[string]any { m, _ := v.(map[string]any); return m }
func list(v any) []any            { l, _ := v.([]any); return l }

func (p *problems) str(at string, v any, least, most int) {
	s, _ := v.(string)
	if n := utf8.RuneCountInString(s); n < least || n > most {
		p.add(at, "%d characters, want %d to %d", n, least, most)
	}
}

// text checks a text object, which is always plain_text in this project.
func (p *problems) text(at string, v any, most int, required bool) {
	if v == nil {
		if required {
			p.add(at, "missing")
		}
		return
	}
	if kind := object(v)["type"]; kind != "plain_text" {
		p.add(at, "type %v", kind)
	}
	p.str(at, object(v)["text"], 1, most)
}

func (p *problems) blocks(blocks []any, most int, view bool) (hasInput bool) {
	if len(blocks) == 0 || len(blocks) > most {
		p.add("blocks", "%d", len(blocks))
	}
	ids := map[string]bool{}
	for i, v := range blocks {
		b, at := object(v), fmt.Sprintf("blocks/%d", i)
		p.str(at+"/block_id", b["block_id"], 0, 255)
		if id, _ := b["block_id"].(string); id != "" {
			if ids[id] {
				p.add(at, "block_id %s is there twice", id)
			}
			ids[id] = true
		}
		switch b["type"] {
		case "header":
			p.text(at, b["text"], 150, true)
		case "section":
			p.section(at, b)
		case "actions":
			p.actions(at, b)
		case "rich_text":
			p.richText(at, list(b["elements"]))
		case "context":
			p.operatorsLink(at, b, view || i < len(blocks)-1)
		case "input":
			hasInput = true
			if !view {
				p.add(at, "an input in a message")
			}
			p.text(at+"/label", b["label"], 2000, true)
			p.text(at+"/hint", b["hint"], 2000, false)
			p.element(at+"/element", object(b["element"]))
		default:
			p.add(at, "type %v", b["type"])
		}
	}
	return hasInput
}

// operatorsText is the only mrkdwn that a message's blocks may contain: a link to an
// execution.
var operatorsText = regexp.MustCompile(`^For operators: <https://[a-z0-9-]+\.console\.(aws\.amazon\.com|amazonaws\.cn|amazonaws-us-gov\.com)/states/home\?region=[a-z0-9-]+#/v2/executions/details/arn:aws[a-z-]*:states:[a-z0-9-]+:[0-9]{12}:execution:[A-Za-z0-9_.+!@=-]{1,80}:[A-Za-z0-9_.+!@=-]{1,80}\|View in the AWS console>$`)

// operatorsLink checks a context block, which only the last block of a message may be.
func (p *problems) operatorsLink(at string, b map[string]any, misplaced bool) {
	elements := list(b["elements"])
	if misplaced || b["block_id"] != "operators" || len(elements) != 1 {
		p.add(at, "type context with the id %v and %d elements", b["block_id"], len(elements))
		return
	}
	e := object(elements[0])
	if text, _ := e["text"].(string); e["type"] != "mrkdwn" || e["verbatim"] != true || !operatorsText.MatchString(text) {
		p.add(at, "type context with %v", e)
	}
}

func (p *problems) section(at string, b map[string]any) {
	p.text(at, b["text"], 3000, b["fields"] == nil)
	if n := len(list(b["fields"])); n > 10 {
		p.add(at+"/fields", "%d", n)
	}
	for i, f := range list(b["fields"]) {
		p.text(fmt.Sprintf("%s/fields/%d", at, i), f, 2000, true)
	}
}

func (p *problems) actions(at string, b map[string]any) {
	elements := list(b["elements"])
	if len(elements) == 0 || len(elements) > 25 {
		p.add(at, "%d elements", len(elements))
	}
	ids := map[any]bool{}
	for i, v := range elements {
		e := object(v)
		if ids[e["action_id"]] {
			p.add(at, "action_id %v is there twice", e["action_id"])
		}
		ids[e["action_id"]] = true
		p.element(fmt.Sprintf("%s/elements/%d", at, i), e)
	}
}

func (p *problems) element(at string, e map[string]any) {
	p.str(at+"/action_id", e["action_id"], 1, 255)
	p.text(at+"/placeholder", e["placeholder"], 150, false)
	switch e["type"] {
	case "button":
		p.text(at+"/text", e["text"], 75, true)
		p.str(at+"/value", e["value"], 0, 2000)
		p.str(at+"/url", e["url"], 0, 3000)
		if style := e["style"]; style != nil && style != "primary" && style != "danger" {
			p.add(at, "style %v", style)
		}
		if e["confirm"] != nil {
			confirm := object(e["confirm"])
			p.text(at+"/confirm/title", confirm["title"], 100, true)
			p.text(at+"/confirm/text", confirm["text"], 300, true)
			p.text(at+"/confirm/confirm", confirm["confirm"], 30, true)
			p.text(at+"/confirm/deny", confirm["deny"], 30, true)
		}
	case "static_select":
		p.options(at+"/options", e["options"], 1)
		if initial := e["initial_option"]; initial != nil && !slices.ContainsFunc(list(e["options"]), func(o any) bool {
			a, _ := json.Marshal(o)
			b, _ := json.Marshal(initial)
			return string(a) == string(b)
		}) {
			p.add(at, "initial_option is not one of the options")
		}
	case "users_select":
		if e["initial_user"] != nil {
			p.add(at, "nobody may be chosen before the person chooses")
		}
	case "external_select":
		if initial := e["initial_option"]; initial != nil {
			p.options(at+"/initial_option", []any{initial}, 1)
		}
		if _, ok := e["min_query_length"].(float64); !ok {
			p.add(at, "min_query_length is missing: Slack's default is 3")
		}
	case "plain_text_input":
		if n, _ := e["max_length"].(float64); n < 1 || n > 3000 {
			p.add(at, "max_length %v", n)
		}
	default:
		p.add(at, "type %v", e["type"])
	}
}

func (p *problems) options(at string, v any, least int) {
	options := list(v)
	if len(options) < least || len(options) > 100 {
		p.add(at, "%d options", len(options))
	}
	values := map[any]bool{}
	for i, v := range options {
		o, at := object(v), fmt.Sprintf("%s/%d", at, i)
		p.text(at+"/text", o["text"], 75, true)
		p.text(at+"/description", o["description"], 75, false)
		p.str(at+"/value", o["value"], 1, 150)
		if values[o["value"]] {
			p.add(at, "value %v is there twice", o["value"])
		}
		values[o["value"]] = true
	}
}

func (p *problems) richText(at string, elements []any) {
	if len(elements) == 0 {
		p.add(at, "no elements")
	}
	for i, v := range elements {
		e, at := object(v), fmt.Sprintf("%s/%d", at, i)
		if kind := e["type"]; kind != "rich_text_section" && kind != "rich_text_quote" && kind != "rich_text_preformatted" {
			p.add(at, "type %v", kind)
		}
		if len(list(e["elements"])) == 0 {
			p.add(at, "no elements")
		}
		for j, v := range list(e["elements"]) {
			inline, at := object(v), fmt.Sprintf("%s/%d", at, j)
			switch inline["type"] {
			case "text":
				p.str(at, inline["text"], 1, 3000)
			case "user":
				p.str(at, inline["user_id"], 1, 32)
			case "usergroup":
				p.str(at, inline["usergroup_id"], 1, 32)
			case "date":
				p.str(at, inline["format"], 1, 255)
				p.str(at, inline["fallback"], 1, 255)
				if _, ok := inline["timestamp"].(float64); !ok {
					p.add(at, "timestamp %v", inline["timestamp"])
				}
			case "link":
				p.str(at, inline["url"], 1, 3000)
			default:
				p.add(at, "type %v", inline["type"])
			}
		}
	}
}

func decoded(t *testing.T, text string) (v any) {
	t.Helper()
	if err := json.Unmarshal([]byte(text), &v); err != nil {
		t.Fatal(err)
	}
	return v
}

// TestChecker checks that the checks above find what they should.
func TestChecker(t *testing.T) {
	long := strings.Repeat("x", 5000)
	input := `{"type":"input","block_id":"b","label":{"type":"plain_text","text":"L"},"element":%s}`
	const execution = "https://eu-central-1.console.aws.amazon.com/states/home?region=eu-central-1#/v2/executions/details/arn:aws:states:eu-central-1:123456789012:execution:m:e"
	link := func(kind, url string) string {
		return fmt.Sprintf(`{"type":"context","block_id":"operators","elements":[{"type":%q,"verbatim":true,"text":%q}]}`, kind, "For operators: <"+url+"|View in the AWS console>")
	}
	view := `{"type":"modal","title":{"type":"plain_text","text":"T"},"submit":{"type":"plain_text","text":"S"},"blocks":[%s]}`
	tests := []struct {
		name string
		json string
		want string // in a problem; "" for none
	}{
		{"good", fmt.Sprintf(view, fmt.Sprintf(input, `{"type":"plain_text_input","action_id":"a","max_length":3000}`)), ""},
		{"title", `{"type":"modal","title":{"type":"plain_text","text":"` + long + `"},"blocks":[{"type":"header","text":{"type":"plain_text","text":"H"}}]}`, "title: 5000"},
		{"no submit", `{"type":"modal","title":{"type":"plain_text","text":"T"},"blocks":[` + fmt.Sprintf(input, `{}`) + `]}`, "submit: missing"},
		{"no blocks", fmt.Sprintf(view, ""), "blocks: 0"},
		{"unknown block", fmt.Sprintf(view, `{"type":"context"}`), "type context"},
		{"header", fmt.Sprintf(view, `{"type":"header","text":{"type":"plain_text","text":"`+long+`"}}`), "want 1 to 150"},
		{"a context block in a view", fmt.Sprintf(view, link("mrkdwn", execution)), "type context"},
		{"mrkdwn", fmt.Sprintf(view, `{"type":"section","text":{"type":"mrkdwn","text":"x"}}`), "type mrkdwn"},
		{"section", fmt.Sprintf(view, `{"type":"section","text":{"type":"plain_text","text":"`+long+`"}}`), "want 1 to 3000"},
		{"block id twice", fmt.Sprintf(view, `{"type":"header","block_id":"b","text":{"type":"plain_text","text":"x"}},{"type":"header","block_id":"b","text":{"type":"plain_text","text":"x"}}`), "block_id b is there twice"},
		{"confirm", fmt.Sprintf(view, `{"type":"actions","elements":[{"type":"button","action_id":"a","text":{"type":"plain_text","text":"x"},"confirm":{"title":{"type":"plain_text","text":"x"},"text":{"type":"plain_text","text":"`+long[:301]+`"},"confirm":{"type":"plain_text","text":"x"},"deny":{"type":"plain_text","text":"x"}}}]}`), "want 1 to 300"},
		{"option text", fmt.Sprintf(view, fmt.Sprintf(input, `{"type":"static_select","action_id":"a","options":[{"text":{"type":"plain_text","text":"`+long[:76]+`"},"value":"v"}]}`)), "want 1 to 75"},
		{"option value", fmt.Sprintf(view, fmt.Sprintf(input, `{"type":"static_select","action_id":"a","options":[{"text":{"type":"plain_text","text":"x"},"value":"`+long[:151]+`"}]}`)), "want 1 to 150"},
		{"no options", fmt.Sprintf(view, fmt.Sprintf(input, `{"type":"static_select","action_id":"a","options":[]}`)), "0 options"},
		{"action id", fmt.Sprintf(view, fmt.Sprintf(input, `{"type":"plain_text_input","action_id":"`+long[:256]+`","max_length":1}`)), "want 1 to 255"},
		{"metadata", `{"type":"modal","title":{"type":"plain_text","text":"T"},"private_metadata":"` + long + `","blocks":[{"type":"header","text":{"type":"plain_text","text":"H"}}]}`, "want 0 to 3000"},
	}
	for _, tt := range []struct{ name, block, want string }{
		{"the operators' link", link("mrkdwn", execution), ""},
		{"another address", link("mrkdwn", "https://example.com"), "type context"},
		{"more markup", link("mrkdwn", execution+"|x> <!channel"), "type context"},
		{"plain text", link("plain_text", execution), "type context"},
	} {
		var p problems
		p.blocks([]any{object(decoded(t, tt.block))}, 50, false)
		if got := strings.Join(p, "; "); tt.want == "" && got != "" || !strings.Contains(got, tt.want) {
			t.Errorf("%s: got %q, want %q", tt.name, got, tt.want)
		}
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			v := object(decoded(t, tt.json))
			got := strings.Join(checkView(v), "; ")
			if tt.want == "" && got != "" || !strings.Contains(got, tt.want) {
				t.Errorf("got %q, want %q", got, tt.want)
			}
		})
	}
}
