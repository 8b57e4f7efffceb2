// The panel with the actual state outside Slack.
import { avatar, clock, h, patch } from "./dom.js";

const ghostTime = 4000; // ms that removed items stay visible

const freshTime = 3000; // ms that new items are marked

let seen = null; // key → when the item appeared; 0 for items of the first answer
const ghosts = new Map(); // key → {x: the removed item, until}
const openDetails = new Set();

export function startTruth() {
  const live = document.getElementById("truth-live");
  let failing = 0;
  const tick = async () => {
    try {
      const r = await fetch("/sim/truth");
      const a = await r.json();
      failing = 0;
      draw(a);
      live.textContent = !a.available ? "off" : a.error ? "stale" : "live";
      live.dataset.state = live.textContent;
      live.title = a.error || (a.at ? "read at " + clock(new Date(a.at), true) : "");
    } catch (err) {
      if (++failing > 1) { live.textContent = "lost"; live.dataset.state = "lost"; live.title = String(err); }
    }
    setTimeout(tick, document.hidden ? 5000 : 1000);
  };
  tick();
}

let lastSig = "";

function draw(a) {
  const body = document.getElementById("truth-body");
  if (!a.available) {
    return body.replaceChildren(h("p", { class: "truth-none" }, "There is nothing to look at: this workspace runs without the services behind it."));
  }
  const problem = a.error ? h("p", { class: "truth-error", role: "alert" }, "Could not be read just now: " + a.error) : null;
  if (!a.truth) return body.replaceChildren(problem || h("p", { class: "truth-none" }, "Reading…"));
  const now = Date.now();
  for (const [k, g] of ghosts) if (g.until < now) ghosts.delete(k);
  // Redraw only if something has changed, an item is still marked as new, or an
  // execution's clock is running.
  const sig = JSON.stringify([a.error, a.truth, [...ghosts.keys()]]);
  const moving = a.truth.executions?.some((e) => e.status === "RUNNING") || [...(seen || new Map()).values()].some((t) => now - t < freshTime + 1500);
  if (sig === lastSig && !moving) return;
  lastSig = sig;

  const still = new Map();
  const fresh = (k) => {
    still.set(k, seen ? (seen.get(k) ?? now) : 0);
    return now - still.get(k) < freshTime ? " fresh" : "";
  };
  const t = a.truth;
  const next = body.cloneNode(false);
  next.append(...[problem,
    assignments(t.assignments || [], fresh, now), memberships(t.memberships || [], fresh),
    executions(t.executions || [], fresh), audit(t.audit || [], fresh)].filter(Boolean));
  // Unchanged items keep their elements, so that a record stays put while someone reads it.
  patch(body, next);
  seen = still;
}

function section(title, count, hint, children) {
  return h("section", { class: "truth-section" },
    h("h3", {}, title, count !== null && h("span", { class: "count" }, count)),
    children.length ? children : h("p", { class: "truth-empty" }, hint));
}

let lastAssignments = new Map();

function assignments(list, fresh, now) {
  const current = new Map();
  for (const x of list) {
    const k = `${x.account_id}/${x.permission_set}/${x.user_name}`;
    current.set(k, x);
    ghosts.delete(k);
  }
  for (const [k, x] of lastAssignments) if (!current.has(k) && !ghosts.has(k)) ghosts.set(k, { x, until: now + ghostTime });
  lastAssignments = current;
  const row = (k, x, cls, gone) => h("li", {
    class: "grant" + cls, "data-assignment": gone ? null : k, "data-user": gone ? null : x.user_name, "data-gone": gone ? k : null,
  },
    avatar(x.display_name || x.user_name || "?", x.email || x.user_name, true),
    h("div", { class: "grant-who" }, h("strong", {}, x.user_name), x.email && x.email !== x.user_name && h("small", {}, x.email)),
    h("div", { class: "grant-what" }, h("span", { class: "pset" }, x.permission_set), h("small", {}, x.account_name || "account", " · ", h("span", { class: "digits" }, x.account_id))));
  const rows = [...current].map(([k, x]) => row(k, x, fresh("a:" + k), false))
    .concat([...ghosts].map(([k, g]) => row(k, g.x, " gone", true)));
  return section("Account assignments", list.length, "Nobody holds an account assignment.", rows.length ? [h("ul", { class: "grants" }, rows)] : []);
}

function memberships(list, fresh) {
  const groups = new Map();
  for (const m of list) groups.set(m.group_name, [...(groups.get(m.group_name) || []), m]);
  const rows = [...groups].map(([name, members]) => h("li", { class: "group-row" }, h("span", { class: "group-name" }, name),
    h("span", { class: "members" }, members.map((m) => {
      const k = `${m.group_id || m.group_name}/${m.user_name}`;
      return h("span", { class: "member" + fresh("m:" + k), "data-membership": k, title: m.email }, m.user_name);
    }))));
  return section("Group memberships", list.length, "No group has a member.", rows.length ? [h("ul", { class: "groups" }, rows)] : []);
}

const latest = 6; // executions that are shown before "older"
const latestAudit = 12; // audit records that are shown before "older"

function executions(list, fresh) {
  const cards = list.map((e) => execution(e, fresh));
  return section("Executions", list.length, "No execution yet.", fold(cards, latest, "executions"));
}

function fold(cards, n, what) {
  if (cards.length <= n) return cards;
  const d = h("details", { class: "older", open: openDetails.has(what) }, h("summary", {}, `${cards.length - n} older`), cards.slice(n));
  d.addEventListener("toggle", () => (d.open ? openDetails.add(what) : openDetails.delete(what)));
  return [...cards.slice(0, n), d];
}

function elapsed(from, to) {
  const s = Math.max(0, Math.round((to - from) / 1000));
  if (s < 60) return `${s} s`;
  if (s < 3600) return `${Math.floor(s / 60)} min ${s % 60} s`;
  return `${Math.floor(s / 3600)} h ${Math.floor((s % 3600) / 60)} min`;
}

function execution(e, fresh) {
  const steps = [];
  (e.states || []).forEach((s, i, all) => {
    const last = steps[steps.length - 1];
    if (last && last.name === s.name) { last.times++; last.status = s.status; last.now = i === all.length - 1; return; }
    steps.push({ name: s.name, status: s.status || "succeeded", times: 1, entered: s.entered, now: i === all.length - 1 });
  });
  const running = e.status === "RUNNING";
  const path = steps.map((s) => {
    const here = running && (s.status === "running" || s.status === "waiting" || s.now && s.status !== "failed");
    return h("li", {
      class: "state " + s.status + (here ? " here" : "") + fresh(`s:${e.name}/${s.name}/${s.entered}`), "data-state": s.name, "data-status": s.status,
      title: "entered " + clock(new Date(s.entered), true),
    }, s.name, s.times > 1 && h("small", {}, ` ×${s.times}`));
  });
  const started = new Date(e.started), stopped = e.stopped ? new Date(e.stopped) : new Date();
  return h("article", { class: "execution" + fresh("e:" + e.name), "data-execution": e.name, "data-status": e.status },
    h("header", {}, h("span", { class: "mono name", title: e.name }, e.name), h("span", { class: "pill " + e.status.toLowerCase() }, e.status.toLowerCase().replace("_", " "))),
    h("p", { class: "when" }, `started ${clock(started, true)} · ${running ? "running for" : "took"} ${elapsed(started, stopped)}`),
    h("ol", { class: "path" }, path));
}

// describe returns one line about an audit record, from the fields that it has. "NA"
// means that a field does not apply.
function describe(r) {
  const f = (name) => (r[name] && r[name] !== "NA" ? String(r[name]) : "");
  const what = f("role_name") || f("permission_set") || f("group_name");
  const where = f("account_id") ? ` in ${f("account_name") || f("account_id")}` : "";
  const name = (email) => email.split("@")[0];
  const who = name(f("requester_email") || f("sso_user_principal_id")), by = name(f("approver_email"));
  return [who, what && `${what}${where}`, by && by !== who && `by ${by}`].filter(Boolean).join(" · ");
}

function audit(list, fresh) {
  const rows = list.map((r, i) => {
    const kind = String(r.event || r.operation_type || r.audit_entry_type || "record");
    const at = new Date(r.time || r.timestamp || 0);
    const k = `${r.request_id || ""}/${kind}/${r.time || r.timestamp || i}`;
    const d = h("details", { class: "record" + fresh("r:" + k), "data-audit": kind, "data-request": r.request_id || "", "data-key": k, open: openDetails.has(k) },
      h("summary", {}, h("time", {}, Number.isNaN(at.getTime()) ? "" : clock(at, true)), h("span", { class: "pill event " + kind }, kind.replaceAll("_", " ")), h("span", { class: "about", title: describe(r) }, describe(r))),
      h("pre", {}, JSON.stringify(r, null, 2)));
    d.addEventListener("toggle", () => (d.open ? openDetails.add(k) : openDetails.delete(k)));
    return d;
  }).reverse();
  return section("Audit records", list.length, "Nothing has been recorded yet.", fold(rows, latestAudit, "audit"));
}
