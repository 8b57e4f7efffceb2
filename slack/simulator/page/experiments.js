// "Try to break it": buttons that do real damage, each with a promise and a clock.
import { h, minutes, patch, post } from "./dom.js";

const words = { kept: "Promise kept", broken: "Promise not kept", failed: "The experiment failed" };

export function startExperiments() {
  const box = document.getElementById("break");
  if (!box) return;
  let all = [];
  const slackDown = document.getElementById("slack-down");
  const draw = () => {
    patch(box, contents(box, all));
    slackDown.hidden = !all.some((x) => x.id === "slack" && x.state === "running");
  };
  const load = async () => {
    try {
      all = (await (await fetch("/sim/experiments")).json()).experiments;
    } catch (err) { /* the panel says that the connection is lost */ }
    draw();
  };
  box.addEventListener("click", async (ev) => {
    const button = ev.target.closest("button[data-experiment]");
    if (!button || button.getAttribute("aria-disabled") === "true") return;
    all = (await post("/sim/experiments", { id: button.dataset.experiment })).experiments || all;
    draw();
  });
  const loop = async () => { await load(); setTimeout(loop, document.hidden ? 5000 : 700); };
  loop();
  setInterval(draw, 250);
}

function contents(box, all) {
  const next = box.cloneNode(false);
  next.append(h("h3", {}, "Try to break it"),
    h("ul", { class: "experiments" }, all.map((x) => {
      const busy = x.state === "preparing" || x.state === "running";
      return h("li", { class: "experiment", "data-experiment": x.id, "data-state": x.state },
        h("button", { type: "button", class: "button danger", "data-experiment": x.id, "aria-disabled": String(busy), "aria-describedby": "promise-" + x.id }, x.title),
        h("span", { class: "clock digits", role: "timer", "aria-label": `Clock of “${x.title}”` }, clockText(x)),
        h("p", { class: "promise", id: "promise-" + x.id }, x.promise),
        x.says && h("p", { class: "says", role: "status" }, words[x.state] && h("strong", {}, words[x.state] + ". "), x.says));
    })));
  return next;
}

// clockText shows the time since the damage, or until the end that the experiment waits for.
function clockText(x) {
  if (x.state === "preparing") return "preparing";
  if (!x.clock_from) return `within ${minutes(x.limit_seconds * 1000)}`;
  const from = new Date(x.clock_from), at = x.clock_to ? new Date(x.clock_to) : new Date();
  if (!x.clock_to && at < from) return `ends in ${minutes(from - at)}`;
  return `${minutes(at - from)} of ${minutes(x.limit_seconds * 1000)}`;
}
