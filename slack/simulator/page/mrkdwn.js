// Slack's mrkdwn. The parser reads the text as sent and unescapes only the remaining
// text. "&lt;!channel&gt;" is shown as text and mentions nobody. A text that the app
// forgot to escape appears as a mention, as in Slack.
import { h } from "./dom.js";
import { emoji, withEmoji } from "./emoji.js";

const unescape = (s) => s.replace(/&(lt|gt|amp);/g, (_, n) => ({ lt: "<", gt: ">", amp: "&" })[n]);
const boundary = (c) => c === undefined || c === "" || !/[\p{L}\p{N}]/u.test(c);

// mrkdwn returns the nodes of a mrkdwn text. names looks up people and channels.
export function mrkdwn(s, names, verbatim = false) {
  const out = [];
  let rest = 0;
  for (const m of s.matchAll(/```([\s\S]+?)```\n?/g)) {
    if (m.index > rest) out.push(...lines(s.slice(rest, m.index).replace(/\n$/, ""), names, verbatim));
    out.push(h("pre", {}, unescape(m[1].replace(/^\n|\n$/g, ""))));
    rest = m.index + m[0].length;
  }
  if (rest < s.length) out.push(...lines(s.slice(rest), names, verbatim));
  return out;
}

const quoteMark = /^(?:>|&gt;)\s?/;

function lines(s, names, verbatim) {
  const out = [];
  let quote = null;
  s.split("\n").forEach((l, i) => {
    if (quoteMark.test(l)) {
      if (!quote) out.push((quote = h("blockquote")));
      else quote.append(h("br"));
      quote.append(...inline(l.replace(quoteMark, ""), names, verbatim));
      return;
    }
    if (i > 0 && !quote) out.push(h("br"));
    quote = null;
    out.push(...inline(l, names, verbatim));
  });
  return out;
}

const tags = { "*": "strong", _: "em", "~": "s" };

function inline(s, names, verbatim) {
  const out = [];
  let text = "";
  const flush = () => { if (text) out.push(...withEmoji(unescape(text), false)); text = ""; };
  const take = (node) => { flush(); out.push(node); };
  for (let i = 0; i < s.length; ) {
    const c = s[i], before = s[i - 1];
    let m;
    if (c === "<" && (m = /^<([^<>\n]+)>/.exec(s.slice(i)))) {
      take(control(m[1], names));
      i += m[0].length;
    } else if (c === "`" && (m = /^`([^`\n]+)`/.exec(s.slice(i)))) {
      take(h("code", {}, unescape(m[1])));
      i += m[0].length;
    } else if (tags[c] && boundary(before) && (m = span(s, i, c))) {
      take(h(tags[c], {}, ...inline(m, names, verbatim)));
      i += m.length + 2;
    } else if (c === ":" && (m = /^:([a-z0-9_+'-]+):/.exec(s.slice(i))) && emoji(m[1])) {
      take(emoji(m[1]));
      i += m[0].length;
    } else if (!verbatim && c === "h" && boundary(before) && (m = /^https?:\/\/[^\s<>|"`]*[^\s<>|"`.,;:!?)\]]/.exec(s.slice(i)))) {
      take(link(unescape(m[0]), unescape(m[0])));
      i += m[0].length;
    } else {
      text += c;
      i++;
    }
  }
  flush();
  return out;
}

// span returns the text between a formatting character and its partner, or null.
function span(s, start, mark) {
  if (/\s/.test(s[start + 1] || " ") || s[start + 1] === mark) return null;
  for (let end = s.indexOf(mark, start + 2); end > 0; end = s.indexOf(mark, end + 1)) {
    if (!/\s/.test(s[end - 1]) && boundary(s[end + 1])) return s.slice(start + 1, end);
  }
  return null;
}

function control(inner, names) {
  const bar = inner.indexOf("|");
  const target = bar < 0 ? inner : inner.slice(0, bar);
  const label = bar < 0 ? "" : unescape(inner.slice(bar + 1));
  let m;
  if ((m = /^@([UW][A-Z0-9]+)$/.exec(target))) return mention(m[1], names);
  if ((m = /^#([CGD][A-Z0-9]+)$/.exec(target))) return channel(m[1], names, label);
  if ((m = /^!(here|channel|everyone)$/.exec(target))) return broadcast(m[1]);
  if ((m = /^!subteam\^([A-Z0-9]+)$/.exec(target))) return h("span", { class: "mention", "data-usergroup": m[1] }, label || "@" + m[1]);
  if ((m = /^!date\^(\d+)\^([^^]*)(?:\^(.*))?$/.exec(target))) return date(Number(m[1]), m[2], label);
  return link(unescape(target), label || unescape(target)) || "<" + unescape(inner) + ">";
}

// link returns an anchor, or null if Slack makes no link of that scheme.
export function link(url, label) {
  if (!/^(https?:\/\/|mailto:)/i.test(url)) return null;
  const execution = /\/states\/home\?.*#\/v2\/executions\/details\/arn:[^/]*:([^:/]+)$/.exec(url);
  if (execution) {
    return h("a", { href: "#execution-" + execution[1], title: "On AWS, this opens the Step Functions console" }, label);
  }
  // A message of this workspace is here, and not at slack.com.
  const message = /^https:\/\/[a-z0-9-]+\.slack\.com(\/archives\/[A-Z0-9]+\/p\d+)$/.exec(url);
  if (message) url = message[1];
  return h("a", { href: url, target: "_blank", rel: "noopener noreferrer nofollow" }, label);
}

export function mention(id, names) {
  return h("span", { class: "mention" + (id === names.me ? " me" : ""), "data-user": id }, "@" + names.user(id));
}

export function broadcast(range) {
  return h("span", { class: "mention broadcast", "data-broadcast": range }, "@" + range);
}

export function channel(id, names, label) {
  return h("span", { class: "mention", "data-channel-link": id }, "#" + (names.channel(id) || label || id));
}

export function date(seconds, format, fallback) {
  const d = new Date(seconds * 1000);
  if (Number.isNaN(d.getTime())) return fallback;
  const day = (o) => d.toLocaleDateString("en", o);
  const pretty = (otherwise) => {
    const days = Math.round((new Date(d.toDateString()) - new Date(new Date().toDateString())) / 864e5);
    return { "-1": "yesterday", 0: "today", 1: "tomorrow" }[days] || otherwise;
  };
  const time = (o) => d.toLocaleTimeString("en", { hour: "numeric", minute: "2-digit", hour12: false, ...o });
  const long = day({ weekday: "long", month: "long", day: "numeric", year: "numeric" });
  const mid = day({ month: "long", day: "numeric", year: "numeric" });
  const short = day({ month: "short", day: "numeric", year: "numeric" });
  const parts = {
    date_num: d.toISOString().slice(0, 10), date_slash: day({}), date_long: long, date_long_pretty: pretty(long),
    date: mid, date_pretty: pretty(mid), date_short: short, date_short_pretty: pretty(short),
    day_divider_pretty: pretty(long), time: time({}), time_secs: time({ second: "2-digit" }), ago: pretty(short),
  };
  return h("time", { datetime: d.toISOString(), title: fallback || null }, format.replace(/\{(\w+)\}/g, (all, n) => parts[n] ?? all));
}
