// Slack's rich_text. Text elements show their text unchanged: no markup, no links, no
// emoji codes.
import { h } from "./dom.js";
import { emoji, withEmoji } from "./emoji.js";
import { broadcast, channel, date, link, mention } from "./mrkdwn.js";
import { unknown } from "./unknown.js";

export function richText(block, names) {
  return h("div", { class: "block rich-text" }, (block.elements || []).map((e) => element(e, names)));
}

function element(e, names) {
  const inner = () => (e.elements || []).map((x) => inline(x, names));
  switch (e.type) {
    case "rich_text_section": return h("div", { class: "rt-section" }, inner());
    case "rich_text_preformatted": return h("pre", {}, inner());
    case "rich_text_quote": return h("blockquote", {}, inner());
    case "rich_text_list": {
      const list = h(e.style === "ordered" ? "ol" : "ul", { start: e.style === "ordered" && e.offset ? e.offset + 1 : null },
        (e.elements || []).map((x) => h("li", {}, element(x, names))));
      list.style.marginLeft = `${1.4 + 1.4 * (e.indent || 0)}em`;
      return list;
    }
    default: return unknown("rich text element", e.type);
  }
}

function inline(e, names) {
  switch (e.type) {
    case "text": return styled(withEmoji(e.text, false), e.style);
    case "link": return styled(link(e.url, e.text || e.url) || e.url, e.style);
    case "user": return mention(e.user_id, names);
    case "usergroup": return h("span", { class: "mention", "data-usergroup": e.usergroup_id }, "@" + e.usergroup_id);
    case "channel": return channel(e.channel_id, names, "");
    case "broadcast": return broadcast(e.range);
    case "emoji": return emoji(e.name) || `:${e.name}:`;
    case "date": return styled(date(e.timestamp, e.format, e.fallback), e.style);
    case "color": return h("code", {}, e.value);
    default: return unknown("rich text element", e.type);
  }
}

function styled(node, style) {
  style ||= {};
  if (style.code) node = h("code", {}, node);
  if (style.strike) node = h("s", {}, node);
  if (style.italic) node = h("em", {}, node);
  if (style.bold) node = h("strong", {}, node);
  return node;
}
