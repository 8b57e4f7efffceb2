// A select with type-ahead. A static_select filters its own options. An external_select
// asks the app whenever the user pauses typing.
import { h } from "./dom.js";
import { withEmoji } from "./emoji.js";

const typingPause = 160; // ms without a keystroke before the app is asked

let nextList = 0;

export function combobox(b, e, ctx, id) {
  const listID = "list-" + ++nextList;
  const plain = (t) => (t ? t.text : "");
  let options = [], active = -1, asked = 0, timer = null, chosen = ctx.draft(b, e);

  const input = h("input", {
    id, type: "text", role: "combobox", autocomplete: "off", "aria-expanded": "false", "aria-controls": listID,
    "aria-autocomplete": "list", "aria-haspopup": "listbox", placeholder: plain(e.placeholder) || "Select an option", value: chosen.text || "",
  });
  const list = h("ul", { id: listID, class: "options", role: "listbox", hidden: true });
  const root = h("div", { class: "select", "data-action-id": e.action_id, "data-block-id": b.block_id, "data-type": e.type, "data-selected": chosen.value || "" },
    input, h("span", { class: "caret", "aria-hidden": "true" }), list);

  const open = () => !list.hidden;
  const show = (on) => { list.hidden = !on; input.setAttribute("aria-expanded", String(on)); if (!on) active = -1; };

  function staticOptions() {
    const groups = e.option_groups || [{ options: e.options || [] }];
    return groups.flatMap((g) => g.options.map((o) => ({ text: plain(o.text), value: o.value, description: plain(o.description), group: plain(g.label), raw: o })));
  }

  function showNote(words, kind) {
    list.replaceChildren(h("li", { class: "note " + (kind || "") }, words));
    show(true);
  }

  function draw() {
    if (!options.length) return showNote("No results", "empty");
    let group = "";
    const rows = [];
    options.forEach((o, i) => {
      if (o.group && o.group !== group) rows.push(h("li", { class: "group" }, (group = o.group)));
      rows.push(h("li", {
        role: "option", id: `${listID}-${i}`, "data-value": o.value, "aria-selected": String(i === active),
        class: (i === active ? "active " : "") + (o.value === chosen.value ? "chosen" : ""),
        onmousedown: (ev) => ev.preventDefault(), onclick: () => choose(o),
      }, h("span", {}, withEmoji(o.text, false)), o.description && h("small", {}, o.description)));
    });
    list.replaceChildren(...rows);
    input.setAttribute("aria-activedescendant", active >= 0 ? `${listID}-${active}` : "");
    list.querySelector(".active")?.scrollIntoView({ block: "nearest" });
    show(true);
  }

  function choose(o) {
    chosen = { value: o.value, text: o.text };
    input.value = o.text;
    root.dataset.selected = o.value;
    show(false);
    ctx.choose(b, e, o);
  }

  const matching = (query) => staticOptions().filter((o) => o.text.toLowerCase().includes(query.toLowerCase()));
  const least = e.min_query_length ?? 3; // Slack's default

  // settle chooses the only option that matches the text, if there is just one.
  async function settle(query) {
    let found = [];
    if (e.type === "static_select") found = matching(query);
    else if ([...query].length >= least) found = (await ctx.suggest(b, e, query)).options || [];
    if (found.length === 1) choose(found[0]);
  }

  async function load(query) {
    if (e.type === "static_select") {
      options = matching(query);
      active = options.length ? 0 : -1;
      return draw();
    }
    if ([...query].length < least) return showNote(`Type at least ${least} characters`, "empty");
    const mine = ++asked;
    if (!open()) showNote("Loading…", "empty");
    const r = await ctx.suggest(b, e, query);
    if (mine !== asked || document.activeElement !== input) return;
    if (!r.ok) return showNote([r.detail, ...(r.problems || [])].join(" "), "failed");
    options = r.options || [];
    active = options.length ? 0 : -1;
    draw();
  }

  input.addEventListener("focus", () => {
    input.select();
    if (input.dataset.quiet) return;
    load("");
  });
  input.addEventListener("click", () => { if (!open()) load(""); });
  input.addEventListener("input", () => {
    clearTimeout(timer);
    timer = setTimeout(() => load(input.value.trim()), e.type === "static_select" ? 0 : typingPause);
  });
  input.addEventListener("blur", () => {
    asked++;
    clearTimeout(timer);
    show(false);
    input.value = chosen.text || "";
  });
  input.addEventListener("keydown", (ev) => {
    if (ev.key === "ArrowDown" || ev.key === "ArrowUp") {
      ev.preventDefault();
      if (!open()) return load("");
      if (options.length) active = (active + (ev.key === "ArrowDown" ? 1 : options.length - 1)) % options.length;
      draw();
    } else if (ev.key === "Tab" && input.value.trim() && input.value !== (chosen.text || "")) {
      settle(input.value.trim());
    } else if (ev.key === "Enter" && open()) {
      ev.preventDefault();
      if (active >= 0) choose(options[active]);
    } else if (ev.key === "Escape" && open()) {
      ev.stopPropagation();
      asked++; // a late answer must not open the list again
      show(false);
    }
  });
  return root;
}
