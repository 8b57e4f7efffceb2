// The parts of Block Kit that the app uses.
import { h, members } from "./dom.js";
import { withEmoji } from "./emoji.js";
import { mrkdwn } from "./mrkdwn.js";
import { richText } from "./richtext.js";
import { combobox } from "./combobox.js";
import { unknown } from "./unknown.js";

// blocks draws blocks. ctx has names, surface ("message", "modal" or "home") and press(block,
// element, button). In a modal, it also has draft(block, element), type(block, element,
// value), choose(block, element, option) and suggest(block, element, query).
export function blocks(list, ctx) {
  return list.map((b) => {
    try {
      const e = block(b, ctx);
      e.dataset.blockId ??= b.block_id || "";
      return e;
    } catch (err) {
      console.error(err);
      return unknown("content in block", b && b.type);
    }
  });
}

export function textObject(t, ctx) {
  if (!t) return [];
  if (t.type === "mrkdwn") return mrkdwn(t.text, ctx.names, t.verbatim === true);
  if (t.type === "plain_text") return withEmoji(t.text, t.emoji !== false);
  return [unknown("text", t.type)];
}

function block(b, ctx) {
  switch (b.type) {
    case "divider": return h("hr", { class: "block" });
    case "header": return h("h3", { class: "block header" }, textObject(b.text, ctx));
    case "section": return h("div", { class: "block section" },
      h("div", { class: "section-main" },
        b.text && h("div", { class: "text" }, textObject(b.text, ctx)),
        b.fields && h("div", { class: "fields" }, b.fields.map((f) => h("div", { class: "text" }, textObject(f, ctx))))),
      b.accessory && h("div", { class: "accessory" }, element(b, b.accessory, ctx)));
    case "context": return h("div", { class: "block context" },
      b.elements.map((e) => (e.type === "image" ? unknown("element", e.type) : h("span", { class: "text" }, textObject(e, ctx)))));
    case "actions": return h("div", { class: "block actions" }, b.elements.map((e) => element(b, e, ctx)));
    case "input": return input(b, ctx);
    case "rich_text": return richText(b, ctx.names);
    default: return unknown("block", b.type);
  }
}

function input(b, ctx) {
  const id = "f-" + b.block_id;
  return h("div", { class: "block field", "data-block-id": b.block_id },
    h("label", { for: id }, textObject(b.label, ctx), b.optional && h("span", { class: "optional" }, " (optional)")),
    element(b, b.element, ctx, id),
    h("p", { class: "field-error", role: "alert", hidden: true }),
    b.hint && h("p", { class: "hint" }, textObject(b.hint, ctx)));
}

function element(b, e, ctx, id) {
  switch (e.type) {
    case "button": {
      const button = h("button", {
        type: "button", class: "button " + (e.style || ""), "data-action-id": e.action_id, "data-block-id": b.block_id,
        "data-value": e.value ?? "", "aria-label": e.accessibility_label,
        onclick: () => ctx.press(b, e, button),
      }, textObject(e.text, ctx));
      return button;
    }
    case "static_select":
    case "external_select": return combobox(b, e, ctx, id);
    case "users_select": {
      const options = members().map((p) => ({ text: { type: "plain_text", text: p.name }, value: p.id }));
      return combobox(b, { ...e, type: "static_select", options }, ctx, id);
    }
    case "plain_text_input": {
      const draft = ctx.draft(b, e);
      const field = h(e.multiline ? "textarea" : "input", {
        id, "data-action-id": e.action_id, "data-block-id": b.block_id, placeholder: e.placeholder && e.placeholder.text,
        rows: e.multiline ? 4 : null, type: e.multiline ? null : "text", autocomplete: "off", value: draft.value || "",
      });
      const left = h("span", { class: "left", "aria-live": "polite" });
      const max = e.max_length || 3000;
      const count = () => {
        const n = [...field.value].length;
        left.textContent = n > max - Math.min(200, max / 5) ? String(max - n) : "";
        left.classList.toggle("over", n > max);
      };
      field.addEventListener("input", () => { ctx.type(b, e, field.value); count(); });
      count();
      return h("div", { class: "text-input" }, field, left);
    }
    default: return unknown("element", e.type);
  }
}
