package simulator

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
)

// maxViewSize is Slack's limit for a view, in bytes of JSON: 250 kB.
const maxViewSize = 250_000

// view is an open modal, or a person's Home tab.
type view struct {
	ID       string
	Hash     string
	User     string
	Root     string
	Previous string
	Spec     map[string]any // as the app sent it, with missing ids added
	// Values are the form's current inputs: block id → action id → state object.
	Values map[string]map[string]any
	// offeredOptions are the options that the app has offered in selects that load
	// from it: "block_id/action_id" → value → option.
	offeredOptions map[string]map[string]any
}

func (v *view) str(key string) string { s, _ := v.Spec[key].(string); return s }

func (v *view) isHome() bool { return v.str("type") == "home" }

func (v *view) flag(key string) bool { b, _ := v.Spec[key].(bool); return b }

func (v *view) blocks() []any { b, _ := v.Spec["blocks"].([]any); return b }

// field is an interactive element of a view: it has a state or can be pressed.
type field struct {
	BlockID, ActionID, Type string
	Element                 map[string]any
	Block                   map[string]any
}

func (f field) key() string { return f.BlockID + "/" + f.ActionID }

// interactiveFields returns the interactive elements of blocks, in order.
func interactiveFields(blocks []any) []field {
	var out []field
	for _, b := range blocks {
		block, _ := b.(map[string]any)
		var elements []any
		switch block["type"] {
		case "input":
			elements = []any{block["element"]}
		case "actions":
			elements, _ = block["elements"].([]any)
		case "section":
			elements = []any{block["accessory"]}
		}
		for _, e := range elements {
			if element, ok := e.(map[string]any); ok {
				out = append(out, field{
					BlockID: text(block["block_id"]), ActionID: text(element["action_id"]),
					Type: text(element["type"]), Element: element, Block: block,
				})
			}
		}
	}
	return out
}

// findField finds an element by action id, and by block id if that is not empty.
func findField(blocks []any, blockID, actionID string) (field, bool) {
	for _, f := range interactiveFields(blocks) {
		if f.ActionID == actionID && (blockID == "" || f.BlockID == blockID) {
			return f, true
		}
	}
	return field{}, false
}

// initialState returns the state of an element before anyone changes it. It returns nil
// if the element has no state.
func (f field) initialState() map[string]any {
	switch f.Type {
	case "plain_text_input":
		return map[string]any{"type": f.Type, "value": nullable(text(f.Element["initial_value"]))}
	case "static_select", "external_select":
		return map[string]any{"type": f.Type, "selected_option": f.Element["initial_option"]}
	case "users_select":
		return map[string]any{"type": f.Type, "selected_user": nullable(text(f.Element["initial_user"]))}
	}
	return nil
}

// isEmpty reports whether a state contains no input.
func isEmpty(state any) bool {
	s, _ := state.(map[string]any)
	switch s["type"] {
	case "plain_text_input":
		return strings.TrimSpace(text(s["value"])) == ""
	case "users_select":
		return s["selected_user"] == nil
	}
	return s["selected_option"] == nil
}

// staticOption finds the option with that value among the select's own options. It
// returns nil if there is none.
func (f field) staticOption(value string) any {
	lists := [][]any{}
	if o, ok := f.Element["options"].([]any); ok {
		lists = append(lists, o)
	}
	groups, _ := f.Element["option_groups"].([]any)
	for _, g := range groups {
		if group, ok := g.(map[string]any); ok {
			o, _ := group["options"].([]any)
			lists = append(lists, o)
		}
	}
	for _, list := range lists {
		for _, o := range list {
			if option, ok := o.(map[string]any); ok && option["value"] == value {
				return option
			}
		}
	}
	return nil
}

// render replaces the content of the view. A field keeps its input if its block id,
// action id and type stay the same. All other fields start fresh.
func (v *view) render(spec map[string]any) {
	values, offered := map[string]map[string]any{}, map[string]map[string]any{}
	blocks, _ := spec["blocks"].([]any)
	for _, f := range interactiveFields(blocks) {
		state := f.initialState()
		if state == nil {
			continue
		}
		if old, ok := v.Values[f.BlockID][f.ActionID].(map[string]any); ok && old["type"] == f.Type {
			state = old
			offered[f.key()] = v.offeredOptions[f.key()]
		}
		if offered[f.key()] == nil {
			offered[f.key()] = map[string]any{}
		}
		if option, ok := f.Element["initial_option"].(map[string]any); ok {
			offered[f.key()] = maps.Clone(offered[f.key()])
			offered[f.key()][text(option["value"])] = option
		}
		if values[f.BlockID] == nil {
			values[f.BlockID] = map[string]any{}
		}
		values[f.BlockID][f.ActionID] = state
	}
	v.Spec, v.Values, v.offeredOptions = spec, values, offered
}

// setValues fills inputs into the form. The keys are action ids or "block_id/action_id".
// With unchecked, it also accepts options that were never offered.
func (v *view) setValues(inputs map[string]string, unchecked bool) error {
	for _, name := range slices.Sorted(maps.Keys(inputs)) {
		blockID, actionID := "", name
		if b, a, ok := strings.Cut(name, "/"); ok {
			blockID, actionID = b, a
		}
		f, ok := findField(v.blocks(), blockID, actionID)
		if !ok || f.initialState() == nil {
			return fmt.Errorf("the form has no field %q", name)
		}
		value := inputs[name]
		state := map[string]any{"type": f.Type}
		switch f.Type {
		case "plain_text_input":
			state["value"] = nullable(value)
		case "users_select": // Slack itself offers the people
			state["selected_user"] = nullable(value)
		default:
			option, err := v.option(f, value, unchecked)
			if err != nil {
				return err
			}
			state["selected_option"] = option
		}
		block := maps.Clone(v.Values[f.BlockID])
		block[f.ActionID] = state
		values := maps.Clone(v.Values)
		values[f.BlockID] = block
		v.Values = values
	}
	return nil
}

// option returns the option that a select contains after someone chose value. It
// returns nil for "".
func (v *view) option(f field, value string, unchecked bool) (any, error) {
	if value == "" {
		return nil, nil
	}
	option := f.staticOption(value)
	if option == nil {
		option = v.offeredOptions[f.key()][value]
	}
	if option == nil {
		if !unchecked {
			return nil, fmt.Errorf("the app never offered the value %q for field %q", f.ActionID, value)
		}
		option = map[string]any{
			"text": map[string]any{"type": "plain_text", "text": value, "emoji": true}, "value": value,
		}
	}
	return option, nil
}

// clientErrors returns the errors that a Slack client finds before it sends a form: block
// id → text.
func (v *view) clientErrors() map[string]string {
	out := map[string]string{}
	for _, f := range interactiveFields(v.blocks()) {
		if f.Block["type"] != "input" {
			continue
		}
		state := v.Values[f.BlockID][f.ActionID]
		if state == nil {
			continue
		}
		if isEmpty(state) {
			if f.Block["optional"] != true {
				out[f.BlockID] = "Please complete this required field."
			}
			continue
		}
		if f.Type != "plain_text_input" {
			continue
		}
		length := len([]rune(text(state.(map[string]any)["value"])))
		maximum, minimum := number(f.Element["max_length"], maxInputLength), number(f.Element["min_length"], 0)
		switch {
		case length > maximum:
			out[f.BlockID] = fmt.Sprintf("Must be %d characters or fewer (it has %d).", maximum, length)
		case length < minimum:
			out[f.BlockID] = fmt.Sprintf("Must be at least %d characters.", minimum)
		}
	}
	return out
}

// viewPayload returns the view as it appears in Slack's payloads and answers. withState is
// false for a block_suggestion, because an app must not rely on the form's state there.
func (w *workspace) viewPayload(v view, withState bool) map[string]any {
	values := map[string]map[string]any{}
	if withState {
		values = v.Values
	}
	return map[string]any{
		"id": v.ID, "team_id": w.cfg.TeamID, "type": v.str("type"), "blocks": v.blocks(),
		"private_metadata": v.str("private_metadata"), "callback_id": v.str("callback_id"),
		"state": map[string]any{"values": values}, "hash": v.Hash,
		"title": v.Spec["title"], "close": v.Spec["close"], "submit": v.Spec["submit"],
		"clear_on_close": v.flag("clear_on_close"), "notify_on_close": v.flag("notify_on_close"),
		"previous_view_id": nullable(v.Previous), "root_view_id": v.Root,
		"app_id": w.cfg.AppID, "external_id": v.str("external_id"),
		"app_installed_team_id": w.cfg.TeamID, "bot_id": w.botID(),
	}
}

// checkView reads and checks a view of a kind: "modal" or "home". If the view is invalid, it returns the Web API's
// error code and messages.
func checkView(raw any, kind string) (spec map[string]any, errCode string, problems []string) {
	if s, ok := raw.(string); ok { // a form field contains JSON
		if json.Unmarshal([]byte(s), &raw) != nil {
			return nil, "invalid_arguments", []string{"[ERROR] view is not JSON"}
		}
	}
	spec, ok := raw.(map[string]any)
	if !ok {
		return nil, "invalid_arguments", []string{"[ERROR] missing required field: view"}
	}
	size, _ := json.Marshal(spec)
	if len(size) > maxViewSize {
		return nil, "view_too_large", nil
	}
	if problems = viewProblems(spec, kind); len(problems) > 0 {
		return nil, "invalid_arguments", problems
	}
	blocks, _ := spec["blocks"].([]any)
	fillIDs(blocks)
	return spec, "", nil
}

func (w *workspace) newHash() string {
	return fmt.Sprintf("%d.%s", w.cfg.Now().Unix(), strings.ToLower(randomID("", 8)))
}

// openView opens a new modal for the person of a trigger that was taken, on top of other
// open modals. It is the root of its own stack. openView returns duplicate_external_id if
// an open view has the same external id.
func (w *workspace) openView(triggerID string, spec map[string]any) (view, string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	t := w.triggers[triggerID]
	user := t.user
	if ext := text(spec["external_id"]); ext != "" && w.viewByExternal(ext) != nil {
		return view{}, "duplicate_external_id"
	}
	v := &view{ID: randomID("V", 10), User: user, Hash: w.newHash()}
	v.Root = v.ID
	v.render(spec)
	w.views[v.ID] = v
	w.stacks[user] = append(w.stacks[user], v.ID)
	t.opened = v.ID
	w.version++
	return *v, ""
}

// openedBy returns the id of the modal that the app opened with a trigger id; "" if none.
func (w *workspace) openedBy(triggerID string) string {
	w.mu.Lock()
	defer w.mu.Unlock()
	if t := w.triggers[triggerID]; t != nil {
		return t.opened
	}
	return ""
}

// viewByExternal finds an open view by its external id, which the app chose. The caller
// must hold w.mu.
func (w *workspace) viewByExternal(id string) *view {
	for _, v := range w.views {
		if v.str("external_id") == id {
			return v
		}
	}
	return nil
}

// updateView replaces the content of an open modal. An empty hash matches any version. It
// returns not_found or hash_conflict if it cannot.
func (w *workspace) updateView(id, external, hash string, spec map[string]any) (view, string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	v := w.views[id]
	if v == nil && external != "" {
		v = w.viewByExternal(external)
	}
	switch {
	case v == nil || v.isHome():
		return view{}, "not_found"
	case hash != "" && hash != v.Hash:
		return view{}, "hash_conflict"
	}
	v.render(spec)
	v.Hash = w.newHash()
	w.version++
	return *v, ""
}

// pushView puts a view on the stack of another one. Slack allows three; further ones give
// push_limit_reached.
func (w *workspace) pushView(below view, spec map[string]any) (view, string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	stack := 0
	for _, id := range w.stacks[below.User] {
		if w.views[id].Root == below.Root {
			stack++
		}
	}
	if stack >= 3 {
		return view{}, "push_limit_reached"
	}
	v := &view{ID: randomID("V", 10), User: below.User, Root: below.Root, Previous: below.ID, Hash: w.newHash()}
	v.render(spec)
	w.views[v.ID] = v
	w.stacks[v.User] = append(w.stacks[v.User], v.ID)
	w.version++
	return *v, ""
}

// openViewOf returns a person's open modal with that id.
func (w *workspace) openViewOf(user, id string) (view, bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if v := w.views[id]; v != nil && v.User == user {
		return *v, true
	}
	return view{}, false
}

// openViews returns a person's open modals, the top one last.
func (w *workspace) openViews(user string) []view {
	w.mu.Lock()
	defer w.mu.Unlock()
	var out []view
	for _, id := range w.stacks[user] {
		out = append(out, *w.views[id])
	}
	return out
}

// fill fills inputs into an open modal. It returns errNoView if the person has no such
// modal.
func (w *workspace) fill(user, id string, inputs map[string]string, unchecked bool) (view, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	v := w.views[id]
	if v == nil || v.User != user {
		return view{}, errNoView
	}
	err := v.setValues(inputs, unchecked)
	return *v, err
}

// recordOptions records the options that the app offered in a select.
func (w *workspace) recordOptions(id string, f field, options []any) {
	w.mu.Lock()
	defer w.mu.Unlock()
	v := w.views[id]
	if v == nil || v.offeredOptions[f.key()] == nil {
		return
	}
	known := maps.Clone(v.offeredOptions[f.key()])
	for _, o := range options {
		if option, ok := o.(map[string]any); ok {
			known[text(option["value"])] = option
		}
	}
	v.offeredOptions = maps.Clone(v.offeredOptions)
	v.offeredOptions[f.key()] = known
}

// closeView closes a view. With all, it closes all views of its stack, which the app opened
// with one views.open and pushed since. Other stacks of the person stay open.
func (w *workspace) closeView(v view, all bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.stacks[v.User] = slices.DeleteFunc(slices.Clone(w.stacks[v.User]), func(open string) bool {
		if open == v.ID || all && w.views[open].Root == v.Root {
			delete(w.views, open)
			return true
		}
		return false
	})
	w.version++
}
