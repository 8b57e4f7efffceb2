// The conversation: its messages with their threads.
import { add, appAvatar, avatar, clock, h, keepFocusIn, place, post } from "./dom.js";
import { blocks } from "./blocks.js";
import { mrkdwn } from "./mrkdwn.js";

let cache = new Map(); // "person/channel/ts" → {sig, element, thread}
const days = new Map(); // date → its divider
const folded = new Set(); // threads that the user has folded

let following = true; // whether the conversation stays at its end
let lastTop = 0; // scrollTop when it was last looked at
let latest = ""; // ts of the latest message
let lastSeen = ""; // ts of the latest message when the end was last visible
let drawn = ""; // "person/channel" that is drawn

// startFollowing keeps a conversation at its end, if it is there, when its size changes.
export function startFollowing(box) {
  box.addEventListener("scroll", () => noteScroll(box));
  hint().addEventListener("click", () => { scrollToEnd(box); box.focus(); });
  new ResizeObserver(() => {
    noteScroll(box);
    if (following) scrollToEnd(box);
  }).observe(box);
}

const hint = () => document.getElementById("new-messages");

// noteScroll finds out whether the user has left the end. If the page becomes smaller or
// the content longer, the end moves away too, but the position does not move up.
function noteScroll(box) {
  following = box.scrollHeight - box.scrollTop - box.clientHeight < 60 || (following && box.scrollTop >= lastTop);
  lastTop = box.scrollTop;
  if (following) lastSeen = latest;
  hint().hidden = latest <= lastSeen;
}

export function scrollToEnd(box) {
  following = true;
  box.scrollTop = box.scrollHeight;
  noteScroll(box);
}

// drawMessages draws one conversation. Unchanged messages keep their elements.
export function drawMessages(box, list, state, app) {
  const here = state.person + "/" + app.channel;
  if (here !== drawn) following = true;
  else noteScroll(box);
  drawn = here;
  const next = new Map();
  const get = (m, reply) => {
    const id = [state.person, m.channel, m.ts].join("/");
    const sig = JSON.stringify(m);
    let c = cache.get(id);
    if (!c || c.sig !== sig) c = { sig, ...draw(m, reply, state, app) };
    next.set(id, c);
    return c;
  };
  const parents = list.filter((m) => !m.thread_ts || !list.some((p) => p.ts === m.thread_ts));
  const rows = [];
  let day = "";
  for (const m of parents) {
    const date = new Date(Number(m.ts) * 1000).toDateString();
    if (date !== day) rows.push(divider((day = date)));
    const c = get(m, false);
    c.thread(list.filter((r) => r.thread_ts === m.ts).map((r) => get(r, true).element));
    rows.push(c.element);
  }
  if (!rows.length) rows.push(h("div", { class: "nothing" }, "Nothing here yet."));
  place(box, rows);
  cache = new Map([...cache].filter(([id]) => !id.startsWith(state.person + "/")).concat([...next]));
  latest = parents.at(-1)?.ts ?? "";
  if (following) scrollToEnd(box);
  else noteScroll(box);
}

function divider(date) {
  if (!days.has(date)) days.set(date, h("div", { class: "day" }, h("span", {})));
  const e = days.get(date), words = date === new Date().toDateString() ? "Today" : date;
  if (e.textContent !== words) e.firstChild.textContent = words;
  return e;
}

// threadOf returns the element for a message's replies, and the function that fills it.
function threadOf(m) {
  const id = m.channel + m.ts;
  const toggle = h("button", { type: "button", class: "thread-toggle" });
  const body = h("div", { class: "thread-body" });
  const box = h("div", { class: "replies", hidden: true }, toggle, body);
  const fold = () => {
    body.hidden = folded.has(id);
    toggle.setAttribute("aria-expanded", String(!body.hidden));
  };
  toggle.addEventListener("click", () => {
    if (!folded.delete(id)) folded.add(id);
    fold();
  });
  fold();
  return {
    box,
    thread(replies) {
      box.hidden = !replies.length;
      const words = `${replies.length} ${replies.length === 1 ? "reply" : "replies"}`;
      if (toggle.textContent !== words) toggle.textContent = words;
      place(body, replies);
    },
  };
}

function draw(m, reply, state, app) {
  const isApp = m.user === state.app.user, isSlackbot = m.user === state.slackbot;
  const name = isApp ? state.app.name : isSlackbot ? "Slackbot" : app.names.user(m.user);
  const ctx = {
    names: app.names, surface: "message",
    draft: () => ({}), type() {}, choose() {}, suggest: async () => ({ ok: false, detail: "Selects in messages are not simulated." }),
    press: (b, e, button) => press(m, b, e, button, app),
  };
  const body = h("div", { class: "body" });
  if (m.blocks.length) add(body, blocks(m.blocks, ctx));
  else add(body, [h("div", { class: "block text plain" }, mrkdwn(m.text, app.names))]);
  const { box, thread } = threadOf(m);
  const element = h("article", {
    class: "message" + (reply ? " reply" : "") + (m.ephemeral_to ? " ephemeral" : "") + (m.mentions_you ? " mentions-me" : ""),
    "data-ts": m.ts, "data-channel": m.channel, "data-user": m.user, id: `m-${m.channel}-${m.ts}`,
  },
    isApp ? appAvatar(reply) : avatar(name, app.names.email(m.user), reply),
    h("div", { class: "content" },
      m.ephemeral_to && h("p", { class: "only-you" }, "Only visible to you"),
      h("p", { class: "by" }, h("strong", {}, name), isApp && h("span", { class: "app-tag" }, "APP"),
        h("time", {}, clock(new Date(Number(m.ts) * 1000))),
        m.ephemeral_to && h("button", { type: "button", class: "dismiss", onclick: async () => {
          await post("/sim/dismiss", { person: app.person, ts: m.ts });
          app.refresh();
        } }, "Dismiss")),
      body,
      !reply && box));
  return { element, thread };
}

async function press(m, b, e, button, app) {
  if (button.classList.contains("busy")) return;
  if (e.confirm && !(await askConfirmation(e.confirm, app))) return;
  button.classList.add("busy"); // not disabled, which would take the focus away
  const r = await post("/sim/press", { person: app.person, channel: m.channel, ts: m.ts, action_id: e.action_id, block_id: b.block_id, value: e.value || "" });
  button.classList.remove("busy");
  button.classList.toggle("failed", !r.ok);
  if (!r.ok) app.toast(r.detail || r.error);
  app.refresh();
  if (e.url) showAddress(e.url);
}

// showAddress shows where a link button leads, and opens nothing: what the address names
// exists only in this simulation.
function showAddress(url) {
  const before = document.activeElement, done = () => { box.remove(); before?.focus(); };
  const box = h("div", { class: "confirm", role: "alertdialog", "aria-modal": "true", "aria-labelledby": "address-title", "aria-describedby": "address-text" },
    h("div", { class: "confirm-card" }, h("h3", { id: "address-title" }, "Slack would open this address"),
      h("p", { id: "address-text" }, "Nothing is there: the access exists only on this machine."),
      h("pre", { "data-address": true }, url),
      h("footer", {}, h("button", { type: "button", class: "button primary", "data-close": true, onclick: done }, "Close"))));
  keepFocusIn(box, done);
  document.getElementById("workspace").append(box);
  box.querySelector("[data-close]").focus();
}

function askConfirmation(c, app) {
  return new Promise((resolve) => {
    const words = (t) => (t ? t.text : ""), before = document.activeElement;
    const done = (yes) => { box.remove(); before?.focus(); resolve(yes); };
    const box = h("div", { class: "confirm", role: "alertdialog", "aria-modal": "true", "aria-labelledby": "confirm-title", "aria-describedby": "confirm-text" },
      h("div", { class: "confirm-card" }, h("h3", { id: "confirm-title" }, words(c.title)),
        h("p", { id: "confirm-text" }, c.text && c.text.type === "mrkdwn" ? mrkdwn(c.text.text, app.names) : words(c.text)),
        h("footer", {}, h("button", { type: "button", class: "button", "data-deny": true, onclick: () => done(false) }, words(c.deny)),
          h("button", { type: "button", class: "button " + (c.style || "primary"), "data-confirm": true, onclick: () => done(true) }, words(c.confirm)))));
    keepFocusIn(box, () => done(false));
    document.getElementById("workspace").append(box);
    box.querySelector("[data-deny]").focus();
  });
}
