// The three steps at the top of a demo. Each checks itself off when the services, not
// Slack, say that it has happened.
import { h, minutes, patch } from "./dom.js";

// startTour draws the steps. page has state, show(part), become(person) and request().
export function startTour(page) {
  const box = document.getElementById("tour");
  let truth = null;
  box?.addEventListener("click", (ev) => {
    const step = ev.target.closest("[data-key]");
    if (step && page.state) actions[step.dataset.key](page, truth);
  });
  const draw = (t) => {
    truth = t || truth;
    if (box && page.state && truth) patch(box, contents(box, page.state, truth));
  };
  setInterval(draw, 500);
  return { draw };
}

const actions = {
  async request(page) {
    await page.become(page.state.tour.requester);
    page.request();
  },
  async approve(page) {
    await page.become(page.state.tour.approver);
    const waiting = [...document.querySelectorAll('.message [data-action-id="approve"]')].pop();
    waiting?.closest(".message").scrollIntoView({ block: "center" });
    waiting?.focus({ preventScroll: true });
  },
  watch(page) {
    page.show("truth");
    document.getElementById("truth").scrollTo({ top: 0 });
  },
  breakIt(page) {
    page.show("truth");
    document.getElementById("break").scrollIntoView({ block: "start" });
  },
};

const isDone = (e, name) => e.steps.some((s) => s.name.startsWith(name) && s.status === "done");

// rules names the rules of the policy that decided a request. Its audit record, which is
// written after the decision, has them.
function rules(execution, truth) {
  const record = truth.audit.find((r) => r.event === "approved" && r.record.request_id === execution.request_id)?.record;
  const numbers = record?.decision_statements;
  return !numbers || numbers === "NA" ? "" : `, rule${numbers.includes(",") ? "s" : ""} ${numbers.replaceAll(",", ", ")}`;
}

function contents(box, state, truth) {
  const person = (id) => state.people.find((p) => p.id === id), first = (p) => p.name.split(" ")[0];
  const requester = person(state.tour.requester), approver = person(state.tour.approver);
  const requests = truth.executions.filter((e) => e.requester === requester.email);
  const approved = requests.filter((e) => isDone(e, "Approved"));
  const byPerson = approved.filter((e) => !isDone(e, "Approved by the policy"));
  const isWaiting = requests.some((e) => e.steps.some((s) => s.name === "Waiting for approval" && s.status === "now"));
  // Requests that the policy approved count only while there is no other to approve.
  const automatic = byPerson.length || isWaiting ? undefined : approved[0];
  const counted = automatic ? approved : byPerson;
  const removed = counted.filter((e) => isDone(e, "Removed"));
  const active = counted.flatMap((e) => e.steps).find((s) => s.name === "Active" && s.status === "now");
  const steps = [
    { key: "request", done: requests.length > 0, title: `You are ${first(requester)}: request access`, note: state.tour.hint },
    { key: "approve", done: counted.length > 0, title: `Become ${first(approver)}: approve`,
      note: automatic ? `Approved automatically${rules(automatic, truth)}.` : "Press Approve in the message." },
    { key: "watch", done: removed.length > 0, title: "Watch it appear, and end",
      note: removed.length ? "Removed from AWS, and checked." : active ? `${first(requester)} has access for ${minutes(new Date(active.until) - Date.now())} more.` : "Nobody has to remember to remove it." },
  ];
  const current = steps.findIndex((s) => !s.done);
  const next = box.cloneNode(false);
  next.append(h("ol", {}, steps.map((s, i) => h("li", {}, h("button", {
    type: "button", class: "tour-step", "data-key": s.key, "data-state": s.done ? "done" : i === current ? "current" : "todo",
    "aria-current": i === current ? "step" : null, "aria-label": `${i + 1}. ${s.title}${s.done ? ", done" : ""}. ${s.note}`,
  }, h("span", { class: "tour-number", "aria-hidden": "true" }, s.done ? "✓" : i + 1),
  h("span", { class: "tour-words" }, h("strong", {}, s.title), h("small", {}, s.note)))))),
  current < 0 && state.experiments ? h("button", { type: "button", class: "tour-break", "data-key": "breakIt" }, "Now try to break it") : "");
  return next;
}
