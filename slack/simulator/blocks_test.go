package simulator

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"
)

func parse(t *testing.T, s string) any {
	t.Helper()
	var v any
	if err := json.Unmarshal([]byte(s), &v); err != nil {
		t.Fatalf("%v in %s", err, s)
	}
	return v
}

// repeat joins n copies into a JSON list.
func repeat(s string, n int) string {
	return "[" + strings.TrimSuffix(strings.Repeat(s+",", n), ",") + "]"
}

// numbered is repeat, with %d in s replaced by a running number.
func numbered(s string, n int) string {
	var parts []string
	for i := range n {
		parts = append(parts, strings.ReplaceAll(s, "%d", fmt.Sprint(i)))
	}
	return "[" + strings.Join(parts, ",") + "]"
}

func pt(n int) string  { return `{"type":"plain_text","text":"` + strings.Repeat("é", n) + `"}` }
func mrk(n int) string { return `{"type":"mrkdwn","text":"` + strings.Repeat("x", n) + `"}` }

// TestMessageLimits checks that a message at each limit is accepted, and one above it
// is not.
func TestMessageLimits(t *testing.T) {
	button := func(text, value int) string {
		return `{"type":"button","action_id":"a%d","text":` + pt(text) + `,"value":"` + strings.Repeat("v", value) + `"}`
	}
	one := func(s string) string { return "[" + s + "]" }
	actions := func(elements string) string { return one(`{"type":"actions","elements":` + elements + `}`) }
	confirm := func(title, text, yes int) string {
		return actions(`[{"type":"button","text":` + pt(1) + `,"confirm":{"title":` + pt(title) + `,"text":` + mrk(text) +
			`,"confirm":` + pt(yes) + `,"deny":` + pt(1) + `}}]`)
	}
	for _, tt := range []struct{ name, fits, breaks, pointer string }{
		{"blocks", repeat(`{"type":"divider"}`, 50), repeat(`{"type":"divider"}`, 51), "/blocks"},
		{"block id", one(`{"type":"divider","block_id":"` + strings.Repeat("i", 255) + `"}`), one(`{"type":"divider","block_id":"` + strings.Repeat("i", 256) + `"}`), "/blocks/0/block_id"},
		{"same block id", `[{"type":"divider","block_id":"a"},{"type":"divider","block_id":"b"}]`, repeat(`{"type":"divider","block_id":"a"}`, 2), "/blocks/1/block_id"},
		{"header", one(`{"type":"header","text":` + pt(150) + `}`), one(`{"type":"header","text":` + pt(151) + `}`), "/blocks/0/text/text"},
		{"header in mrkdwn", one(`{"type":"header","text":` + pt(1) + `}`), one(`{"type":"header","text":` + mrk(1) + `}`), "/blocks/0/text/type"},
		{"section text", one(`{"type":"section","text":` + mrk(3000) + `}`), one(`{"type":"section","text":` + mrk(3001) + `}`), "/blocks/0/text/text"},
		{"section without text", one(`{"type":"section","text":` + mrk(1) + `}`), one(`{"type":"section"}`), "/blocks/0"},
		{"empty text", one(`{"type":"section","text":` + mrk(1) + `}`), one(`{"type":"section","text":` + mrk(0) + `}`), "/blocks/0/text/text"},
		{"fields", one(`{"type":"section","fields":` + repeat(mrk(2000), 10) + `}`), one(`{"type":"section","fields":` + repeat(mrk(1), 11) + `}`), "/blocks/0/fields"},
		{"field text", one(`{"type":"section","fields":` + repeat(pt(2000), 1) + `}`), one(`{"type":"section","fields":` + repeat(pt(2001), 1) + `}`), "/blocks/0/fields/0/text"},
		{"context", one(`{"type":"context","elements":` + repeat(mrk(1), 10) + `}`), one(`{"type":"context","elements":` + repeat(mrk(1), 11) + `}`), "/blocks/0/elements"},
		{"actions", actions(numbered(button(1, 1), 25)), actions(numbered(button(1, 1), 26)), "/blocks/0/elements"},
		{"no actions", actions(numbered(button(1, 1), 1)), actions(`[]`), "/blocks/0/elements"},
		{"same action id", actions(numbered(button(1, 1), 2)), actions(repeat(button(1, 1), 2)), "/blocks/0/elements/1/action_id"},
		{"button text", actions(numbered(button(75, 1), 1)), actions(numbered(button(76, 1), 1)), "/blocks/0/elements/0/text/text"},
		{"button value", actions(numbered(button(1, 2000), 1)), actions(numbered(button(1, 2001), 1)), "/blocks/0/elements/0/value"},
		{"button style", actions(`[{"type":"button","text":` + pt(1) + `,"style":"danger"}]`), actions(`[{"type":"button","text":` + pt(1) + `,"style":"green"}]`), "/blocks/0/elements/0/style"},
		{"confirm title", confirm(100, 300, 30), confirm(101, 300, 30), "/blocks/0/elements/0/confirm/title/text"},
		{"confirm text", confirm(100, 300, 30), confirm(100, 301, 30), "/blocks/0/elements/0/confirm/text/text"},
		{"confirm button", confirm(100, 300, 30), confirm(100, 300, 31), "/blocks/0/elements/0/confirm/confirm/text"},
		{"block type", one(`{"type":"video"}`), one(`{"type":"hologram"}`), "/blocks/0/type"},
		{"rich text", one(`{"type":"rich_text","elements":[{"type":"rich_text_quote","elements":[{"type":"text","text":"x"}]}]}`),
			one(`{"type":"rich_text","elements":[{"type":"rich_text_quote","elements":[{"type":"text","text":""}]}]}`), "/blocks/0/elements/0/elements/0/text"},
		{"rich text list", one(`{"type":"rich_text","elements":[{"type":"rich_text_list","style":"bullet","elements":[{"type":"rich_text_section","elements":[]}]}]}`),
			one(`{"type":"rich_text","elements":[{"type":"rich_text_list","style":"stars","elements":[]}]}`), "/blocks/0/elements/0/style"},
		{"mention in preformatted", one(`{"type":"rich_text","elements":[{"type":"rich_text_preformatted","elements":[{"type":"text","text":"x"}]}]}`),
			one(`{"type":"rich_text","elements":[{"type":"rich_text_preformatted","elements":[{"type":"user","user_id":"U1"}]}]}`), "/blocks/0/elements/0/elements/0/type"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if got := messageProblems(parse(t, tt.fits).([]any)); len(got) != 0 {
				t.Errorf("at the limit: %v", got)
			}
			got := messageProblems(parse(t, tt.breaks).([]any))
			if len(got) != 1 || !strings.Contains(got[0], "[json-pointer:"+tt.pointer+"]") {
				t.Errorf("beyond it: %v, want one problem at %s", got, tt.pointer)
			}
		})
	}
}

func TestViewLimits(t *testing.T) {
	view := func(more string) string {
		return `{"type":"modal","title":` + pt(24) + `,"submit":` + pt(24) + `,"blocks":[]` + more + `}`
	}
	input := func(label, element string) string {
		return view(`,"blocks":[{"type":"input","label":` + label + `,"element":` + element + `}]`)
	}
	sel := func(options string) string {
		return input(pt(1), `{"type":"static_select","options":`+options+`}`)
	}
	option := func(text, value int) string {
		return `{"text":` + pt(text) + `,"value":"` + strings.Repeat("v", value) + `"}`
	}
	textInput := func(more string) string { return `{"type":"plain_text_input"` + more + `}` }
	for _, tt := range []struct{ name, fits, breaks, pointer string }{
		{"title", view(""), view(`,"title":` + pt(25)), "/view/title/text"},
		{"submit", view(""), view(`,"submit":` + pt(25)), "/view/submit/text"},
		{"close", view(`,"close":` + pt(24)), view(`,"close":` + pt(25)), "/view/close/text"},
		{"private metadata", view(`,"private_metadata":"` + strings.Repeat("m", 3000) + `"`), view(`,"private_metadata":"` + strings.Repeat("m", 3001) + `"`), "/view/private_metadata"},
		{"callback id", view(`,"callback_id":"` + strings.Repeat("c", 255) + `"`), view(`,"callback_id":"` + strings.Repeat("c", 256) + `"`), "/view/callback_id"},
		{"blocks", view(`,"blocks":` + repeat(`{"type":"divider"}`, 100)), view(`,"blocks":` + repeat(`{"type":"divider"}`, 101)), "/view/blocks"},
		{"label", input(pt(2000), textInput("")), input(pt(2001), textInput("")), "/view/blocks/0/label/text"},
		{"input without submit", input(pt(1), textInput("")), strings.Replace(input(pt(1), textInput("")), `"submit":`, `"unsubmit":`, 1), "/view/submit"},
		{"max length", input(pt(1), textInput(`,"max_length":3000`)), input(pt(1), textInput(`,"max_length":3001`)), "/view/blocks/0/element/max_length"},
		{"placeholder", input(pt(1), textInput(`,"placeholder":`+pt(150))), input(pt(1), textInput(`,"placeholder":`+pt(151))), "/view/blocks/0/element/placeholder/text"},
		{"options", sel(repeat(option(1, 1), 100)), sel(repeat(option(1, 1), 101)), "/view/blocks/0/element/options"},
		{"option text", sel(repeat(option(75, 1), 1)), sel(repeat(option(76, 1), 1)), "/view/blocks/0/element/options/0/text/text"},
		{"option value", sel(repeat(option(1, 150), 1)), sel(repeat(option(1, 151), 1)), "/view/blocks/0/element/options/0/value"},
		{"initial option", input(pt(1), `{"type":"static_select","options":[`+option(1, 1)+`],"initial_option":`+option(1, 1)+`}`),
			input(pt(1), `{"type":"static_select","options":[`+option(1, 1)+`],"initial_option":`+option(1, 2)+`}`), "/view/blocks/0/element/initial_option"},
		{"button as input", input(pt(1), textInput("")), input(pt(1), `{"type":"button","text":`+pt(1)+`}`), "/view/blocks/0/element/type"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if got := viewProblems(parse(t, tt.fits).(map[string]any), "modal"); len(got) != 0 {
				t.Errorf("at the limit: %v", got)
			}
			got := viewProblems(parse(t, tt.breaks).(map[string]any), "modal")
			if len(got) != 1 || !strings.Contains(got[0], "[json-pointer:"+tt.pointer+"]") {
				t.Errorf("beyond it: %v, want one problem at %s", got, tt.pointer)
			}
		})
	}
}

func TestAPIEnforcesLimits(t *testing.T) {
	w := newWorld(t, nil)
	for _, tt := range []struct {
		name, method, args, want string
	}{
		{"no text", "chat.postMessage", `{"channel":"C0ACCESS"}`, "no_text"},
		{"long text", "chat.postMessage", `{"channel":"C0ACCESS","text":"` + strings.Repeat("x", 40001) + `"}`, "msg_too_long"},
		{"blocks are no list", "chat.postMessage", `{"channel":"C0ACCESS","text":"x","blocks":"{}"}`, "invalid_blocks_format"},
		{"bad block", "chat.postMessage", `{"channel":"C0ACCESS","text":"x","blocks":[{"type":"header","text":` + pt(151) + `}]}`, "invalid_blocks"},
		{"metadata without a payload", "chat.postMessage", `{"channel":"C0ACCESS","text":"x","metadata":{"event_type":"e"}}`, "invalid_metadata_format"},
		{"metadata of 9 kB", "chat.postMessage", `{"channel":"C0ACCESS","text":"x","metadata":{"event_type":"e","event_payload":{"a":"` + strings.Repeat("x", 9000) + `"}}}`, "metadata_too_large"},
		{"attachments", "chat.postMessage", `{"channel":"C0ACCESS","text":"x","attachments":[{"text":"y"}]}`, "invalid_attachments"},
		{"no view", "views.open", `{"trigger_id":"1.2.3"}`, "invalid_arguments"},
		{"bad view", "views.open", `{"trigger_id":"1.2.3","view":{"type":"modal","title":` + pt(25) + `,"blocks":[]}}`, "invalid_arguments"},
		{"view of 250 kB", "views.open", `{"trigger_id":"1.2.3","view":{"type":"modal","title":` + pt(5) + `,"blocks":` + repeat(`{"type":"section","text":`+mrk(3000)+`}`, 90) + `}}`, "view_too_large"},
		{"view that is not there", "views.update", `{"view_id":"V1","view":{"type":"modal","title":` + pt(5) + `,"blocks":[]}}`, "not_found"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			a := w.call(tt.method, parse(t, tt.args).(map[string]any))
			if a["ok"] != false || a["error"] != tt.want {
				t.Errorf("answered %v, want %s", a, tt.want)
			}
		})
	}
	same(t, "messages after all that", len(w.sees("U0ADA")), 0)
}
