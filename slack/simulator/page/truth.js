// The panel with the actual state outside Slack: who has access until when, where the
// executions are, and what the audit log says.
import { avatar, clock, h, minutes, patch } from "./dom.js";

const ghostTime = 4000; // ms that removed access stays visible
const freshTime = 3000; // ms that new items are marked

let seen = null; // key → when the item appeared; 0 for items of the first answer
let lastAccess = new Map(); // key → access, from the previous answer
const ghosts = new Map(); // key → {x: the removed access, until}
const openDetails = new Set();
let last = null; // the last answer

// startTruth draws the panel, and passes each state to onTruth.
export function startTruth(onTruth) {
  const live = document.getElementById("truth-live");
  const show = (words, title) => {
    if (live.textContent !== words) live.textContent = words;
    live.dataset.state = words;
    live.title = title;
  };
  let failing = 0;
  const tick = async () => {
    try {
      last = await (await fetch("/sim/truth")).json();
      failing = 0;
      draw(last);
      if (last.truth) onTruth(last.truth);
      show(!last.available ? "off" : last.error ? "stale" : "live", last.error || (last.at ? "read at " + clock(new Date(last.at), true) : ""));
    } catch (err) {
      if (++failing > 1) show("lost", String(err));
    }
    setTimeout(tick, document.hidden ? 5000 : 1000);
  };
  tick();
  setInterval(drawCountdowns, 250);
}

// showExecution scrolls to an execution and opens its states.
export function showExecution(name) {
  openDetails.add("states/" + name).add("executions").add("runs");
  if (last) draw(last);
  const card = document.getElementById("execution-" + name);
  if (!card) return;
  card.scrollIntoView({ block: "center" });
  card.focus({ preventScroll: true });
}

function drawCountdowns() {
  for (const e of document.querySelectorAll("[data-until]")) {
    const words = countdown(e.dataset.until);
    if (e.textContent !== words) e.textContent = words;
  }
}

const countdown = (until) => minutes(new Date(until) - Date.now());

function draw(a) {
  const body = document.getElementById("truth-body");
  if (!a.available) {
    return body.replaceChildren(h("p", { class: "truth-none" }, "There is nothing to look at: this workspace runs without the services behind it."));
  }
  const problem = a.error ? h("p", { class: "truth-error", role: "alert" }, "Could not be read just now: " + a.error) : null;
  if (!a.truth) return body.replaceChildren(problem || h("p", { class: "truth-none" }, "Reading…"));
  const now = Date.now();
  for (const [k, g] of ghosts) if (g.until < now) ghosts.delete(k);
  const still = new Map();
  const fresh = (k) => {
    still.set(k, seen ? (seen.get(k) ?? now) : 0);
    return now - still.get(k) < freshTime ? " fresh" : "";
  };
  const next = body.cloneNode(false);
  next.append(...[problem, access(a.truth, fresh, now), executions(a.truth.executions, fresh), runs(a.truth.executions, fresh), audit(a.truth.audit, fresh)].filter(Boolean));
  // Unchanged items keep their elements, so that a record stays put while someone reads it.
  patch(body, next);
  // What the panel scrolls to must not hide behind the parts that stay at its top.
  const panel = document.getElementById("truth");
  panel.style.scrollPaddingTop = [".truth-head", "#access"].reduce((sum, s) => sum + panel.querySelector(s).offsetHeight, 8) + "px";
  seen = still;
}

function section(id, title, count, hint, children) {
  return h("section", { class: "truth-section", id, "aria-labelledby": id + "-title" },
    h("h3", { id: id + "-title" }, title, h("span", { class: "count" }, count)),
    children.length ? children : h("p", { class: "truth-empty" }, hint));
}

function access(t, fresh, now) {
  const current = new Map();
  for (const x of t.assignments || []) {
    current.set(`${x.account_id}/${x.permission_set}/${x.user_name}`, { ...x, kind: "assignment", what: x.permission_set, where: x.account_name || x.account_id });
  }
  for (const x of t.memberships || []) {
    current.set(`${x.group_id || x.group_name}/${x.user_name}`, { ...x, kind: "membership", what: x.group_name });
  }
  for (const k of current.keys()) ghosts.delete(k);
  for (const [k, x] of lastAccess) if (!current.has(k) && !ghosts.has(k)) ghosts.set(k, { x, until: now + ghostTime });
  lastAccess = current;
  const rows = [...current].map(([k, x]) => accessRow(k, x, fresh("a:" + k), false)).concat([...ghosts].map(([k, g]) => accessRow(k, g.x, " gone", true)));
  return section("access", "Who has access, and until when", current.size, "Nobody has any access. That is how it should be most of the time.", rows.length ? [h("ul", { class: "grants" }, rows)] : []);
}

function accessRow(k, x, cls, gone) {
  return h("li", { class: "grant" + cls, ["data-" + x.kind]: gone ? null : k, "data-user": gone ? null : x.user_name, "data-gone": gone ? k : null },
    avatar(x.user_name || "?", x.email || x.user_name, true),
    h("div", { class: "grant-who" }, h("strong", {}, x.user_name), h("small", {}, x.where ? "" : "member of ", h("span", { class: "pset" }, x.what), x.where && " in " + x.where)),
    h("div", { class: "grant-until" },
      gone ? h("strong", {}, "removed")
        : x.until ? [h("strong", { class: "digits", "data-until": x.until }, countdown(x.until)), h("small", {}, "until ", h("time", { datetime: x.until }, clock(new Date(x.until), true)))]
          : x.granting ? [h("strong", { class: "granting" }, "being granted"), h("small", {}, "for a running request")]
            : [h("strong", { class: "endless" }, "no end"), h("small", {}, "no running execution")]));
}

const latest = 2; // executions of a section that are shown before "older"
const latestAudit = 8; // audit records that are shown before "older"

// details is a <details> that stays open or closed when it is drawn again.
function details(key, attrs, summary, ...children) {
  const d = h("details", { ...attrs, "data-key": key, open: openDetails.has(key) }, h("summary", {}, summary), children);
  d.addEventListener("toggle", () => (d.open ? openDetails.add(key) : openDetails.delete(key)));
  return d;
}

function fold(cards, n, what) {
  return cards.length <= n ? cards : [...cards.slice(0, n), details(what, { class: "older" }, `${cards.length - n} older`, cards.slice(n))];
}

function executions(list, fresh) {
  const requests = list.filter((e) => e.is_request);
  return section("executions", "Requests, as Step Functions runs them", requests.length, "No request yet.", fold(requests.map((e) => execution(e, fresh)), latest, "executions"));
}

// runs shows the executions that search for access to remove, and remove it.
function runs(list, fresh) {
  const found = list.filter((e) => !e.is_request);
  return section("runs", "Checks by the app itself", found.length, "No check yet.", fold(found.map((e) => execution(e, fresh)), latest, "runs"));
}

function execution(e, fresh) {
  const failed = e.status !== "RUNNING" && e.status !== "SUCCEEDED" && !e.steps.some((s) => s.status === "failed");
  return h("article", { class: "execution" + fresh("e:" + e.name), id: "execution-" + e.name, tabindex: "-1", "data-execution": e.name, "data-status": e.status, "data-request": e.request_id },
    h("h4", {}, h("span", { class: "title" }, e.title), failed && h("span", { class: "pill failed" }, e.status.toLowerCase().replace("_", " ")),
      h("time", { datetime: e.started }, clock(new Date(e.started), true))),
    h("ol", { class: "steps" }, e.steps.map((s) => h("li", {
      class: "step " + s.status, "data-step": s.name, "data-status": s.status, title: s.at ? "at " + clock(new Date(s.at), true) : null,
    }, s.name, s.status === "now" && s.until && [" ", h("b", { class: "digits", "data-until": s.until }, countdown(s.until))]))),
    details("states/" + e.name, { class: "states" }, "States", h("p", { class: "mono name" }, e.name), path(e)));
}

// path shows the states of an execution, and how often it was in each.
function path(e) {
  const visits = [];
  for (const s of e.states || []) {
    const before = visits[visits.length - 1];
    if (before && before.name === s.name) { before.times++; before.status = s.status; continue; }
    visits.push({ name: s.name, status: s.status || "succeeded", times: 1, entered: s.entered });
  }
  return h("ol", { class: "path" }, visits.map((s) => h("li", {
    class: `state ${s.status}` + (e.status === "RUNNING" && (s.status === "running" || s.status === "waiting") ? " here" : ""),
    "data-state": s.name, "data-status": s.status, title: "entered " + clock(new Date(s.entered), true),
  }, s.name, s.times > 1 && h("small", {}, ` ×${s.times}`))));
}

function audit(list, fresh) {
  const rows = list.map((r, i) => {
    const key = `record/${r.event}/${r.at}/${i}`;
    return details(key, { class: "record" + fresh(key), "data-audit": r.event, "data-request": r.record.request_id || "" },
      [h("time", { datetime: r.at }, clock(new Date(r.at), true)), h("span", { class: "sentence" }, r.sentence)],
      h("pre", {}, JSON.stringify(r.record, null, 2)));
  }).reverse();
  return section("audit", "Audit records", list.length, "Nothing has been recorded yet.", fold(rows, latestAudit, "audit"));
}
