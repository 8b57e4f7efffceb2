// The form over the workspace.
import { h, keepFocusIn, post } from "./dom.js";
import { blocks, textObject } from "./blocks.js";

let shown = { id: "", hash: "", person: "" };
let opener = null; // what had the focus before the form opened
let drafts = new Map(); // "block/action" → {value, text}: input that is not sent yet

const key = (b, e) => b.block_id + "/" + e.action_id;

function values() {
  const out = {};
  for (const [k, d] of drafts) out[k] = d.value || "";
  return out;
}

// elements returns the keys ("block/action") of a view's fields.
function elements(view) {
  const out = new Set();
  for (const b of view.blocks) {
    const list = b.type === "input" ? [b.element] : b.type === "actions" ? b.elements : b.type === "section" && b.accessory ? [b.accessory] : [];
    for (const e of list) out.add(key(b, e));
  }
  return out;
}

// focusQuietly moves the focus to a field. A select does not open its list, which would
// cover what is below it.
function focusQuietly(field) {
  field.dataset.quiet = "yes";
  field.focus();
  delete field.dataset.quiet;
}

// showModal draws the person's form if it has changed. app has names, person, refresh()
// and toast(text).
export function showModal(view, app) {
  const layer = document.getElementById("modal-layer");
  if (!view) {
    const hadFocus = layer.contains(document.activeElement);
    layer.hidden = true;
    layer.replaceChildren();
    if (hadFocus) (opener?.isConnected ? opener : document.getElementById("composer-text")).focus();
    shown = { id: "", hash: "", person: "" };
    drafts = new Map();
    return;
  }
  if (view.id === shown.id && view.hash === shown.hash && app.person === shown.person) return;
  const sameView = view.id === shown.id && app.person === shown.person;
  const focus = sameView && layer.contains(document.activeElement) ? document.activeElement.closest("[data-action-id]") : null;
  const focusKey = focus && [focus.dataset.blockId, focus.dataset.actionId];
  const caret = focus && document.activeElement.selectionStart;
  if (!sameView) drafts = new Map();
  const known = elements(view);
  for (const k of drafts.keys()) if (!known.has(k)) drafts.delete(k);
  shown = { id: view.id, hash: view.hash, person: app.person };

  const request = (extra) => ({ person: app.person, view_id: view.id, values: values(), ...extra });
  const ctx = {
    names: app.names, surface: "modal",
    draft(b, e) {
      if (drafts.has(key(b, e))) return drafts.get(key(b, e));
      const state = (view.state.values[b.block_id] || {})[e.action_id] || {};
      const o = state.selected_option;
      return o ? { value: o.value, text: o.text.text } : { value: state.value || "" };
    },
    type(b, e, value) { drafts.set(key(b, e), { value }); clearError(b); },
    choose(b, e, o) {
      drafts.set(key(b, e), { value: o.value, text: o.text });
      clearError(b);
      if (b.type !== "input" || b.dispatch_action) {
        act({ action_id: e.action_id, block_id: b.block_id, option: o.value });
      }
    },
    suggest: (b, e, query) => post("/sim/suggest", request({ action_id: e.action_id, block_id: b.block_id, query })),
    press: (b, e) => act({ action_id: e.action_id, block_id: b.block_id }),
  };

  async function act(extra) {
    const r = await post("/sim/press", request(extra));
    if (!r.ok) banner(r.detail || r.error);
    app.refresh();
  }

  const notice = h("p", { class: "modal-banner", role: "alert", hidden: true });
  const banner = (words) => { notice.textContent = words; notice.hidden = false; };
  const clearError = (b) => {
    const p = body.querySelector(`.field[data-block-id="${CSS.escape(b.block_id)}"] .field-error`);
    if (p) { p.hidden = true; p.textContent = ""; p.closest(".field").classList.remove("wrong"); }
  };

  async function submit(ev) {
    ev.preventDefault();
    if (button.classList.contains("busy")) return;
    button.classList.add("busy"); // not disabled, which would take the focus away
    notice.hidden = true;
    const r = await post("/sim/submit", request({}));
    button.classList.remove("busy");
    body.querySelectorAll(".field").forEach((f) => {
      const words = (r.field_errors || {})[f.dataset.blockId];
      const p = f.querySelector(".field-error");
      f.classList.toggle("wrong", Boolean(words));
      p.hidden = !words;
      p.textContent = words || "";
    });
    if (!r.ok && r.error !== "field_errors") banner([r.detail || r.error, ...(r.problems || [])].join(" "));
    const wrong = body.querySelector(".field.wrong");
    if (wrong) {
      focusQuietly(wrong.querySelector("input, textarea"));
      wrong.scrollIntoView({ block: "nearest" });
    }
    if (r.ok) app.follow();
    app.refresh();
  }

  async function close() {
    await post("/sim/close", { person: app.person, view_id: view.id });
    app.refresh();
  }

  const names = { names: app.names };
  const button = h("button", { type: "submit", class: "button primary", "data-submit": true }, view.submit ? textObject(view.submit, names) : "");
  const body = h("div", { class: "modal-body" }, notice, blocks(view.blocks, ctx));
  const dialog = h("form", {
    class: "modal", role: "dialog", "aria-modal": "true", "aria-labelledby": "modal-title",
    "data-view-id": view.id, "data-callback-id": view.callback_id, "data-hash": view.hash, onsubmit: submit, novalidate: true,
  },
    h("header", {}, h("img", { src: "/assets/icon.svg", alt: "" }), h("h2", { id: "modal-title" }, textObject(view.title, names)),
      h("button", { type: "button", class: "x", "aria-label": "Close", onclick: close }, "×")),
    body,
    h("footer", {},
      h("button", { type: "button", class: "button", "data-close": true, onclick: close }, view.close ? textObject(view.close, names) : view.submit ? "Cancel" : "Close"),
      view.submit && button));
  keepFocusIn(dialog, close);
  if (layer.hidden) opener = document.activeElement;
  const hadFocus = layer.contains(document.activeElement);
  dialog.tabIndex = -1;
  layer.replaceChildren(dialog);
  layer.hidden = false;
  const again = sameView && focusKey && dialog.querySelector(`[data-block-id="${CSS.escape(focusKey[0])}"][data-action-id="${CSS.escape(focusKey[1])}"]`);
  if (!again) {
    if (!sameView || hadFocus) focusQuietly(body.querySelector("input, textarea") || dialog.querySelector("footer button"));
    return;
  }
  const field = again.matches(".select") ? again.querySelector("input") : again;
  focusQuietly(field);
  if (caret !== null && field.matches("textarea,input")) field.setSelectionRange(caret, caret);
}
