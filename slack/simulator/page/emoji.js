// Emoji by Slack's names. This file draws the most important emoji of the app's messages,
// so that they look the same on a machine without an emoji font.
import { h, svg } from "./dom.js";

const circle = (fill, stroke = "none") => () => [svg("circle", { cx: 12, cy: 12, r: 9.5, fill, stroke, "stroke-width": 1.5 })];
const line = (d, stroke, width = 2.6) => svg("path", { d, stroke, "stroke-width": width, fill: "none", "stroke-linecap": "round", "stroke-linejoin": "round" });
const shape = (d, fill) => svg("path", { d, fill });
const square = (fill) => svg("rect", { x: 2, y: 2, width: 20, height: 20, rx: 4, fill });

const drawn = {
  large_green_circle: circle("#2eb67d"), large_yellow_circle: circle("#ecb22e"), red_circle: circle("#e01e5a"),
  large_orange_circle: circle("#e8912d"), large_blue_circle: circle("#1d9bd1"), large_purple_circle: circle("#8d5fd3"),
  large_brown_circle: circle("#8b5a3c"), black_circle: circle("#1d1c1d"), white_circle: circle("#e8e8e8", "#b9b9b9"),
  white_check_mark: () => [square("#2eb67d"), line("M7 12.5l3.5 3.5L17 8.5", "#fff")],
  heavy_check_mark: () => [line("M4 13l5 5L20 6", "#2eb67d", 3.4)],
  x: () => [line("M5 5l14 14M19 5L5 19", "#e01e5a", 3.6)],
  warning: () => [shape("M12 2.5L22.5 21h-21z", "#f2c744"), line("M12 9.5v5", "#3d3207"), svg("circle", { cx: 12, cy: 17.8, r: 1.5, fill: "#3d3207" })],
  rotating_light: () => [shape("M5 17a7 8 0 0 1 14 0z", "#e01e5a"), svg("rect", { x: 3, y: 17, width: 18, height: 4.5, rx: 1.5, fill: "#68707a" }), line("M12 2v2M3.5 6l1.5 1.3M20.5 6L19 7.3", "#e8912d", 2)],
  no_entry: () => [svg("circle", { cx: 12, cy: 12, r: 10, fill: "#e01e5a" }), svg("rect", { x: 6, y: 10, width: 12, height: 4, rx: 1, fill: "#fff" })],
  no_entry_sign: () => [svg("circle", { cx: 12, cy: 12, r: 8.8, fill: "none", stroke: "#e01e5a", "stroke-width": 3 }), line("M6 6l12 12", "#e01e5a", 3)],
  lock: () => [line("M8 11V8a4 4 0 0 1 8 0v3", "#8a8f98"), svg("rect", { x: 4.5, y: 10.5, width: 15, height: 11, rx: 2, fill: "#e8a33d" })],
  unlock: () => [line("M8 11V7a4 4 0 0 1 7.6-1.6", "#8a8f98"), svg("rect", { x: 4.5, y: 10.5, width: 15, height: 11, rx: 2, fill: "#e8a33d" })],
  key: () => [svg("circle", { cx: 8, cy: 8, r: 4.4, fill: "none", stroke: "#d99a2b", "stroke-width": 3 }), line("M11.5 11.5L20 20M17 17l2.4-2.4", "#d99a2b", 3)],
  bell: () => [shape("M12 2.5a6.5 6.5 0 0 0-6.5 6.5c0 6-2.5 7.5-2.5 9h18c0-1.5-2.5-3-2.5-9A6.5 6.5 0 0 0 12 2.5z", "#ecb22e"), svg("circle", { cx: 12, cy: 20, r: 2.2, fill: "#b57d12" })],
  hourglass: () => [shape("M6 2.5h12v3.5l-4.5 6 4.5 6v3.5H6V18l4.5-6L6 6z", "#9fb4c9"), shape("M8 20l4-4 4 4z", "#e8a33d")],
  hourglass_flowing_sand: () => [shape("M6 2.5h12v3.5l-4.5 6 4.5 6v3.5H6V18l4.5-6L6 6z", "#9fb4c9"), shape("M8.5 6.5h7L12 11zM8 20l4-3 4 3z", "#e8a33d")],
  alarm_clock: () => [svg("circle", { cx: 12, cy: 13, r: 8, fill: "#fff", stroke: "#e01e5a", "stroke-width": 2.4 }), line("M12 8.5V13l3 2M3 6l3-3M21 6l-3-3", "#5a5f66", 2)],
  stopwatch: () => [svg("circle", { cx: 12, cy: 13.5, r: 8, fill: "#fff", stroke: "#5a5f66", "stroke-width": 2.4 }), line("M12 9v4.5M10 2h4", "#5a5f66", 2.2)],
  clock3: () => [svg("circle", { cx: 12, cy: 12, r: 9, fill: "#fff", stroke: "#5a5f66", "stroke-width": 2.2 }), line("M12 6.5V12h5", "#5a5f66", 2)],
  information_source: () => [square("#1d9bd1"), line("M12 11v6", "#fff"), svg("circle", { cx: 12, cy: 7, r: 1.6, fill: "#fff" })],
  shield: () => [shape("M12 2l8 3v6c0 5.5-3.5 9-8 11-4.5-2-8-5.5-8-11V5z", "#5a8fc7")],
  bust_in_silhouette: () => [svg("circle", { cx: 12, cy: 8, r: 4.5, fill: "#6b7b8c" }), shape("M3.5 21.5a8.5 8 0 0 1 17 0z", "#6b7b8c")],
  memo: () => [svg("rect", { x: 4, y: 2, width: 15, height: 20, rx: 2, fill: "#f3efe2", stroke: "#b5ad94" }), line("M7.5 7h8M7.5 11h8M7.5 15h5", "#8b8470", 1.6)],
  link: () => [line("M10 14l4-4M9 9.5L11.5 7a3.8 3.8 0 0 1 5.5 5.5L14.5 15M15 14.5L12.5 17A3.8 3.8 0 0 1 7 11.5L9.5 9", "#7b8794", 2.2)],
};

// All other emoji, which use the machine's font.
const glyphs = {
  tada: "🎉", rocket: "🚀", eyes: "👀", wave: "👋", thumbsup: "👍", "+1": "👍", thumbsdown: "👎", "-1": "👎",
  fire: "🔥", star: "⭐", zap: "⚡", mag: "🔍", calendar: "📅", page_facing_up: "📄", pushpin: "📌", gear: "⚙️",
  smile: "😄", slightly_smiling_face: "🙂", thinking_face: "🤔", pray: "🙏", ok_hand: "👌", point_right: "👉",
  arrow_right: "➡️", arrow_up: "⬆️", arrow_down: "⬇️", heavy_plus_sign: "➕", question: "❓", exclamation: "❗",
  robot_face: "🤖", crown: "👑", door: "🚪", wastebasket: "🗑️", speech_balloon: "💬", busts_in_silhouette: "👥",
  closed_lock_with_key: "🔐", skull: "💀", heart: "❤️", bulb: "💡", construction: "🚧", octagonal_sign: "🛑",
};

// The characters of the drawn emoji. Slack draws an emoji for a character, too.
const characters = {
  "🟢": "large_green_circle", "🟡": "large_yellow_circle", "🔴": "red_circle", "🟠": "large_orange_circle",
  "🔵": "large_blue_circle", "🟣": "large_purple_circle", "🟤": "large_brown_circle", "⚫": "black_circle", "⚪": "white_circle",
  "✅": "white_check_mark", "✔": "heavy_check_mark", "❌": "x", "⚠": "warning", "🚨": "rotating_light", "⛔": "no_entry",
  "🚫": "no_entry_sign", "🔒": "lock", "🔓": "unlock", "🔑": "key", "🔔": "bell", "⌛": "hourglass",
  "⏳": "hourglass_flowing_sand", "⏰": "alarm_clock", "⏱": "stopwatch", "🕒": "clock3", "ℹ": "information_source",
  "🛡": "shield", "👤": "bust_in_silhouette", "📝": "memo", "🔗": "link",
};
const characterOf = Object.fromEntries(Object.entries(characters).map(([c, name]) => [name, c]));

// emoji returns the element of an emoji, or null if the name is unknown. The text of the
// element is the character, so that copying and searching work.
export function emoji(name) {
  const attrs = { class: "emoji", role: "img", "aria-label": name.replaceAll("_", " "), "data-emoji": name };
  if (Object.hasOwn(drawn, name)) {
    return h("span", attrs, svg("svg", { viewBox: "0 0 24 24" }, ...drawn[name]()), h("span", { class: "character" }, characterOf[name]));
  }
  if (Object.hasOwn(glyphs, name)) return h("span", { ...attrs, class: "emoji glyph" }, glyphs[name]);
  return null;
}

const characterPattern = `(?:${Object.keys(characters).join("|")})\uFE0F?`;
const inText = new RegExp(characterPattern, "gu");
const inTextWithCodes = new RegExp(`:[a-z0-9_+'-]+:|${characterPattern}`, "gu");

// withEmoji splits s into text and emoji. With codes, it also replaces ":name:".
export function withEmoji(s, codes) {
  const out = [];
  let rest = 0;
  for (const m of s.matchAll(codes ? inTextWithCodes : inText)) {
    const e = emoji(m[0].startsWith(":") ? m[0].slice(1, -1) : characters[m[0].replace("\uFE0F", "")]);
    if (!e) continue;
    out.push(s.slice(rest, m.index), e);
    rest = m.index + m[0].length;
  }
  out.push(s.slice(rest));
  return out;
}
