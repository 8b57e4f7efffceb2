// The page: the current person, the open conversation and its content.
import { avatar, h, patch, post, setPeople } from "./dom.js";
import { drawMessages, scrollToEnd, startFollowing } from "./messages.js";
import { showModal } from "./modal.js";
import { drawHome } from "./home.js";
import { startExperiments } from "./experiments.js";
import { startPolicy } from "./policy.js";
import { startTour } from "./tour.js";
import { showExecution, startTruth } from "./truth.js";

const $ = (s) => document.querySelector(s);
const pollInterval = 400; // ms between requests for the state; no change means an empty answer

let person = new URLSearchParams(location.search).get("person") || sessionStorage.getItem("person") || "";
let where = "";
let appTab = "messages"; // the app's tab that is open: "home" or "messages"
let version = 0, refreshes = 0, state = null;

const app = {
  get person() { return state ? state.person : person; },
  get channel() { return where; },
  names: {
    get me() { return state.person; },
    user: (id) => (id === state.app.user ? state.app.name : (state.people.find((p) => p.id === id) || {}).name || id),
    email: (id) => (state.people.find((p) => p.id === id) || {}).email || id,
    channel: (id) => state.channels[id] || "",
  },
  refresh: () => refresh(true),
  // follow goes to the end of the conversation, where the answer to the visitor will be.
  follow: () => scrollToEnd($(".messages")),
  toast(words) {
    const t = h("p", { class: "toast" }, words);
    $("#toasts").append(t);
    setTimeout(() => t.remove(), 6000);
  },
};

// refresh loads the state and draws it. It drops its answer if a later refresh has
// started meanwhile.
async function refresh(force = false) {
  const mine = ++refreshes;
  let s;
  try {
    const known = force || !state || state.person !== person ? "" : version;
    const r = await fetch(`/sim/state?person=${encodeURIComponent(person)}&after=${known}`);
    if (r.status === 204) return;
    s = await r.json();
  } catch (err) {
    return;
  }
  if (mine !== refreshes) return;
  draw(s);
}

function draw(s) {
  state = s;
  version = s.version;
  person = s.person;
  setPeople(s.people);
  sessionStorage.setItem("person", person);
  const me = s.people.find((p) => p.id === person);
  if (!s.conversations.some((c) => c.id === where)) where = s.conversations[0].id;
  const here = s.conversations.find((c) => c.id === where);

  $(".team-name").textContent = s.team;
  const select = $("#person");
  const people = s.people.filter((p) => !p.deleted);
  if (select.dataset.people !== String(people.length)) {
    select.replaceChildren(...people.map((p) => h("option", { value: p.id }, p.name)));
    select.dataset.people = people.length;
  }
  select.value = person;
  $(".whoami-title").textContent = [me.title, me.guest && "guest"].filter(Boolean).join(" · ");

  redraw($(".rail"), [h("span", { class: "rail-label" }, "Act as"), ...people.map((p) => h("button", {
    type: "button", class: p.id === person ? "current" : "", "data-person": p.id, title: [p.name, p.title].filter(Boolean).join(", "),
    "aria-label": `Act as ${p.name}` + (p.waiting > 0 && p.id !== person ? `, ${p.waiting} unread` : ""), "aria-pressed": String(p.id === person), onclick: () => actAs(p.id),
  }, avatar(p.name, p.email), p.waiting > 0 && p.id !== person && h("span", { class: "badge" }, p.waiting)))]);

  const entry = (c) => h("button", {
    type: "button", class: "conversation-link" + (c.id === where ? " current" : "") + (c.unread ? " unread" : ""), "data-conversation": c.id, "data-kind": c.kind,
    onclick: () => go(c.id),
  }, h("span", { class: "sign" }, c.kind === "channel" ? "#" : h("img", { src: "/assets/icon.svg", alt: "" })), h("span", { class: "label" }, c.name),
    c.waiting > 0 && c.id !== where && h("span", { class: "badge" }, c.waiting));
  const channels = s.conversations.filter((c) => c.kind === "channel"), ims = s.conversations.filter((c) => c.kind === "im");
  redraw($(".conversations"), [
    h("h2", {}, "Channels"), ...(channels.length ? channels.map(entry) : [h("p", { class: "none" }, `Not a member of #${s.channel.name}`)]),
    h("h2", {}, "Direct messages"), ...ims.map(entry)]);

  $(".conversation-head h1").textContent = (here.kind === "channel" ? "# " : "") + here.name;
  $(".conversation-head p").textContent = here.kind === "channel" ? membersOf(here, people) : `Direct messages between ${me.name} and the app`;
  drawMessages($(".messages"), s.messages.filter((m) => m.channel === where), s, app);

  const ofApp = here.kind === "im" && s.home_tab, onHome = ofApp && appTab === "home";
  $("#app-tabs").hidden = !ofApp;
  for (const b of document.querySelectorAll("[data-tab-of-app]")) b.setAttribute("aria-selected", String(b.dataset.tabOfApp === appTab));
  $("#home").hidden = !onHome;
  $(".messages").hidden = $(".messages-end").hidden = onHome;
  drawHome($("#home"), s.home, app);

  redraw($(".composer-tools"), [
    ...s.shortcuts.map((x) => h("button", { type: "button", class: "tool lightning", title: "Shortcut: " + x.description, "data-shortcut": x.callback_id, onclick: (ev) => run(ev.currentTarget, "/sim/shortcut", { callback_id: x.callback_id }) }, x.name)),
    ...s.commands.map((x) => h("button", { type: "button", class: "tool mono", title: x.description, "data-command": x.name, onclick: (ev) => run(ev.currentTarget, "/sim/command", { command: x.name, text: "", channel: where }) }, x.name)),
  ]);
  $("#composer-text").placeholder = here.kind === "channel" ? `Message #${here.name}, or a slash command` : `Message ${here.name}, or a slash command`;
  $("#composer").hidden = Boolean(here.read_only) || onHome;
  $("#read-only").hidden = !here.read_only || onHome;
  showModal(s.view, app);
  if (here.unread && !document.hidden && !onHome) post("/sim/read", { person, channel: where });
  document.body.dataset.version = version;
}

// membersOf says how many people are in the channel, and that others are not.
function membersOf(channel, people) {
  return channel.members === people.length ? `${people.length} members` : `${channel.members} of ${people.length} people are members`;
}

// redraw replaces the children of box if they have changed.
function redraw(box, children) {
  const next = box.cloneNode(false);
  next.append(...children.filter(Boolean));
  const sig = next.outerHTML + "|" + person + "|" + where;
  if (drawn.get(box) === sig) return;
  drawn.set(box, sig);
  patch(box, next);
}

const drawn = new WeakMap(); // element → signature of its last content

function actAs(id) {
  person = id;
  showModal(null, app);
  history.replaceState(null, "", `?person=${encodeURIComponent(id)}`);
  if (where.startsWith("D")) where = "";
  appTab = "messages";
  refresh(true);
}

// Slack and the panel are beside each other on a wide page, so one tab shows both.
const wide = matchMedia("(min-width: 1001px)");

// show brings one part of the page to the front: "slack", "truth" or "policy".
function show(part) {
  document.body.dataset.tab = part;
  const selected = part === "truth" && wide.matches ? "slack" : part;
  for (const b of document.querySelectorAll("#tabs [data-show]")) {
    b.setAttribute("aria-selected", String(b.dataset.show === selected));
    b.tabIndex = b.dataset.show === selected ? 0 : -1;
  }
  if (part === "policy") policy.open();
}

// moveTab lets the arrow keys choose a tab.
function moveTab(ev) {
  const tabs = [...document.querySelectorAll("#tabs [data-show]")].filter((b) => b.checkVisibility());
  const step = { ArrowRight: 1, ArrowLeft: -1 }[ev.key];
  if (!step) return;
  ev.preventDefault();
  const next = tabs[(tabs.indexOf(document.activeElement) + step + tabs.length) % tabs.length];
  next.focus();
  show(next.dataset.show);
}

// openTab opens a tab of the app. Slack tells the app when someone opens its Home tab.
async function openTab(name) {
  appTab = name;
  if (state) draw(state);
  if (name !== "home") return app.follow();
  const r = await post("/sim/home", { person });
  if (!r.ok) app.toast(r.detail || r.error);
  refresh(true);
}

function go(channel) {
  where = channel;
  appTab = "messages";
  if (state) draw(state);
  app.follow();
}

// followAddress opens what the address names: a message ("#channel/ts", as in permalinks),
// an execution ("#execution-name") or the tab "#policy".
function followAddress() {
  if (location.hash === "#policy" && $("#policy")) return show("policy");
  if (location.hash.startsWith("#execution-")) {
    show("truth");
    return showExecution(decodeURIComponent(location.hash.slice("#execution-".length)));
  }
  const [channel, ts] = location.hash.slice(1).split("/");
  if (!channel) return;
  show("slack");
  go(channel);
  document.getElementById(`m-${channel}-${ts}`)?.scrollIntoView({ block: "center" });
}

async function run(button, path, body) {
  if (button.classList.contains("busy")) return;
  button.classList.add("busy"); // not disabled, which would take the focus away
  const r = await post(path, { person, ...body });
  button.classList.remove("busy");
  // Slackbot reports a failed command. Nothing reports a failed shortcut, so show a toast.
  if (!r.ok && path !== "/sim/command") app.toast(r.detail || r.error);
  if (!r.ok && !r.n && path === "/sim/command" && r.error === "bad_request") app.toast(r.detail);
  app.follow();
  refresh(true);
}

const policy = startPolicy();

if (document.body.dataset.mode === "workspace") {
  $("#person").addEventListener("change", (ev) => actAs(ev.target.value));
  $(".composer-line").addEventListener("submit", (ev) => {
    ev.preventDefault();
    const field = $("#composer-text"), words = field.value.trim();
    if (!words) return;
    field.value = "";
    if (words.startsWith("/")) {
      const [command, ...rest] = words.split(/\s+/);
      run($("#composer-send"), "/sim/command", { command, text: rest.join(" "), channel: where });
    } else {
      run($("#composer-send"), "/sim/say", { channel: where, text: words });
    }
  });
  $("#app-tabs").addEventListener("click", (ev) => {
    const tab = ev.target.closest("[data-tab-of-app]");
    if (tab) openTab(tab.dataset.tabOfApp);
  });
  startFollowing($(".messages"));
  addEventListener("hashchange", followAddress);
  $("#tabs").addEventListener("click", (ev) => {
    const tab = ev.target.closest("[data-show]");
    if (tab) show(tab.dataset.show);
  });
  $("#tabs").addEventListener("keydown", moveTab);
  wide.addEventListener("change", () => show(document.body.dataset.tab));
  // A second click on the same link must work, too.
  document.addEventListener("click", (ev) => {
    const link = ev.target.closest?.('a[href^="#"]');
    if (link && link.getAttribute("href") === location.hash) followAddress();
  });
  const loop = async () => { await refresh(); setTimeout(loop, document.hidden ? 2000 : pollInterval); };
  loop().then(followAddress);
}

const tour = startTour({
  get state() { return state; },
  show,
  // become makes the visitor another person, in the channel.
  async become(id) {
    show("slack");
    person = id;
    showModal(null, app);
    history.replaceState(null, "", `?person=${encodeURIComponent(id)}`);
    where = state.channel.id;
    do await refresh(true); while (state.person !== id); // another refresh may have come first
  },
  request: () => run($(`#composer [data-command]`), "/sim/command", { command: state.commands[0].name, text: "", channel: where }),
});
startTruth((truth) => tour.draw(truth));
startExperiments();
