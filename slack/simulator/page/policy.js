// The tab on which people try a policy: the text of a policy, what it decides about one
// request, and what the edit changes for everyone.
import { h, patch, post } from "./dom.js";

const typingPause = 300; // ms after the last key
const retryPause = 2000; // ms, while the server does not answer

const $ = (id) => document.getElementById("policy-" + id);

// startPolicy returns open, which loads the tab when it is shown for the first time.
export function startPolicy() {
  if (!document.getElementById("policy")) return { open() {} };
  let start = null; // what the visitor starts from
  let asked = 0, timer = 0, opening = null;

  const ask = async () => {
    clearTimeout(timer);
    const mine = ++asked;
    const reply = await post("/sim/policy", question());
    if (mine !== asked) return; // the visitor has typed on
    const hadTicket = !$("ticket-field").hidden;
    draw(reply, start, $("text").value !== start.text);
    if (hadTicket === $("ticket-field").hidden) ask(); // the question has one field more, or less
    if (reply.error === "unreachable") timer = setTimeout(ask, retryPause);
  };
  const askSoon = () => {
    asked++; // drop an answer that is on its way
    clearTimeout(timer);
    timer = setTimeout(ask, typingPause);
  };

  const load = async () => {
    try {
      start = await (await fetch("/sim/policy")).json();
    } catch (err) {
      draw({ error: "unreachable" }, null, false);
      timer = setTimeout(load, retryPause);
      return;
    }
    fill(start);
    ask();
  };

  $("text").addEventListener("input", () => { drawNumbers(); askSoon(); });
  $("text").addEventListener("scroll", () => { $("numbers").scrollTop = $("text").scrollTop; });
  $("question").addEventListener("submit", (ev) => ev.preventDefault());
  $("question").addEventListener("input", (ev) => {
    drawFields();
    if (ev.target.tagName === "SELECT") ask(); else askSoon();
  });
  $("reset").addEventListener("click", () => {
    $("text").value = start.text;
    drawNumbers();
    scrollToPolicy();
    ask();
  });
  document.getElementById("policy").addEventListener("click", (ev) => {
    const link = ev.target.closest("[data-line]");
    if (link) goToLine(Number(link.dataset.line));
  });
  return { open() { opening ||= load(); } };
}

// fill puts what the visitor starts from into the text and the selects.
function fill(start) {
  $("file").textContent = start.file;
  $("text").value = start.text;
  start.text = $("text").value; // with the line breaks of a textarea
  const option = (value, words) => h("option", { value }, words);
  $("person").replaceChildren(...start.people.map((p) => option(p.email, p.name)), option("", "Another email …"));
  $("target").replaceChildren(
    h("optgroup", { label: "Accounts" }, start.accounts.map((a) => option("account " + a.id, a.name))),
    start.groups.length > 0 && h("optgroup", { label: "Groups" }, start.groups.map((g) => option("group " + g.id, g.name))) || "");
  $("set").replaceChildren(...start.permission_sets.map((name) => option(name, name)));
  for (const field of ["person", "target", "set"]) $(field).selectedIndex = 0;
  drawFields();
  drawNumbers();
  scrollToPolicy();
}

// question returns the body of the request that the form describes.
function question() {
  const [kind, id] = $("target").value.split(" ");
  const q = { text: $("text").value, requester: $("person").value || $("email").value, duration: $("duration").value };
  if (kind === "group") q.group = id;
  else [q.account, q.permission_set] = [id, $("set").value];
  if (!$("ticket-field").hidden) q.ticket = $("ticket").value;
  return q;
}

// drawFields shows the fields that the choices need.
function drawFields() {
  $("email-field").hidden = $("person").value !== "";
  const [kind, id] = $("target").value.split(" ");
  $("set-field").hidden = kind === "group";
  $("person-id").textContent = $("person").value;
  $("target-id").textContent = id;
}

// drawNumbers numbers the lines of the text.
function drawNumbers() {
  const lines = $("text").value.split("\n").length;
  if ($("numbers").dataset.lines === String(lines)) return;
  $("numbers").dataset.lines = lines;
  $("numbers").textContent = Array.from({ length: lines }, (_, i) => i + 1).join("\n");
  $("numbers").scrollTop = $("text").scrollTop;
}

const lineHeight = () => parseFloat(getComputedStyle($("text")).lineHeight);

// scrollToPolicy scrolls to the first statement, and puts the cursor there. The settings
// above it matter less here.
function scrollToPolicy() {
  const lines = $("text").value.split("\n"), line = Math.max(0, lines.findIndex((l) => /^(group_)?config:/.test(l)));
  $("text").setSelectionRange(startOf(lines, line), startOf(lines, line));
  $("text").scrollTo({ top: line * lineHeight(), left: 0 });
}

const startOf = (lines, at) => lines.slice(0, at).reduce((sum, l) => sum + l.length + 1, 0);

// goToLine selects one line of the text.
function goToLine(line) {
  const lines = $("text").value.split("\n"), at = Math.min(line, lines.length) - 1;
  const from = startOf(lines, at);
  $("text").focus();
  $("text").setSelectionRange(from, from + lines[at].length);
  $("text").scrollTo({ top: Math.max(0, at - 3) * lineHeight(), left: 0 });
}

// drawInto replaces the content of a box, and keeps what is the same.
function drawInto(name, ...children) {
  const box = $(name), next = box.cloneNode(false);
  next.append(...children.flat(Infinity).filter(Boolean));
  patch(box, next);
}

// draw shows a reply. isEdited says whether the text differs from the start.
function draw(reply, start, isEdited) {
  const failure = reply.error && (reply.error === "unreachable" ? "The server does not answer. Is the demo still running?" : reply.error);
  drawInto("failure", failure);
  $("failure").hidden = !failure;
  document.getElementById("policy").dataset.state = failure ? "failed" : reply.is_valid ? "valid" : "invalid";
  if (failure) return; // what was shown before stays
  drawInto("problems", problems(reply));
  if (!reply.is_valid) {
    const fix = h("p", { class: "none" }, "Fix the errors in the text first.");
    drawInto("decision", fix);
    drawInto("changes", fix.cloneNode(true));
    return;
  }
  $("ticket-field").hidden = !reply.asks_for_tickets;
  drawInto("decision", reply.answer ? decision(reply.answer, start) : mistakes(reply.mistakes));
  drawInto("changes", changes(reply, isEdited));
}

function problems(reply) {
  if (reply.problems.length === 0) return h("p", { class: "none" }, "No errors, no warnings.");
  return [h("ul", {}, reply.problems.map((p) => h("li", { class: p.is_error ? "error" : "warning" },
    h("button", { type: "button", class: "line", "data-line": p.line }, `Line ${p.line}`),
    h("span", {}, h("strong", {}, p.is_error ? "Error: " : "Warning: "), p.text)))),
    reply.more_problems > 0 && h("p", { class: "none" }, `${reply.more_problems} more.`)];
}

const mistakes = (text) => h("ul", { class: "mistakes" }, text.split("\n").map((line) => h("li", {}, sentence(line))));

const sentence = (s) => s.charAt(0).toUpperCase() + s.slice(1) + (s.endsWith(".") ? "" : ".");

function decision(a, start) {
  const approver = (entry) => {
    if (!entry.startsWith("group:")) return entry;
    const id = entry.slice("group:".length);
    return "members of " + (start.groups.find((g) => g.id === id)?.name || "group " + id);
  };
  const list = (entries) => entries.map(approver).join(", ") || "nobody";
  const path = (i) => (a.matching.find((m) => m.path.endsWith(`[${i}]`)) || {}).path || "";
  const row = (name, ...value) => [h("dt", {}, name), h("dd", {}, ...value)];
  return [
    h("p", { class: "outcome", "data-outcome": a.outcome }, a.says),
    h("p", { class: "because" }, sentence(a.because), " ", h("code", {}, a.reason)),
    h("dl", {},
      a.approvers.length > 0 && row(a.requirements.length > 0 ? "Approvers" : "Approvers (any one can approve)", list(a.approvers)),
      a.requirements.map((r) => row(`${r.needed} ${r.needed === 1 ? "approval" : "approvals"} for ${path(r.statement)}`, "from ", list(r.approvers))),
      a.longest && row("Longest access", a.longest),
      a.tickets.length > 0 && row("Ticket", h("ul", {}, a.tickets.map((t) => h("li", {}, ticket(t))))),
      a.warnings.length > 0 && row("Warning", h("ul", {}, a.warnings.map((w) => h("li", {}, w)))),
      a.channel && row("Posted in", h("code", {}, a.channel)),
      a.confirm && row("Confirmation", "Approvers confirm in a dialog."),
      a.matching.length > 0 && row("Matching statements", h("ul", {}, a.matching.map((m) => h("li", {}, h("code", {}, m.path), " ", m.text, !m.allows_requester && " (doesn’t allow the requester)"))))),
  ];
}

// ticket says what a ticket must be.
function ticket(t) {
  return [t.required ? "Required. " : "Optional. ", t.pattern && ["Must match ", h("code", {}, t.pattern), ". "], t.hint && `Hint: ${t.hint}`];
}

const effects = { wider: "Wider: ", narrower: "Narrower: ", other: "Other: " };

function changes(reply, isEdited) {
  if (reply.not_compared) return h("p", { class: "none" }, sentence(reply.not_compared));
  if (reply.changes.length === 0) {
    return h("p", { class: "none" }, isEdited ? "Nothing: all decisions stay the same." : "You haven’t changed the text.");
  }
  return [h("ul", {}, reply.changes.map((c) => h("li", { class: c.effect }, h("strong", {}, effects[c.effect]), c.text))),
    reply.more_changes > 0 && h("p", { class: "none" }, `${reply.more_changes} more.`)];
}
