import { h } from "./dom.js";

// unknown marks a place that this page cannot draw as Slack would. It is conspicuous, so
// that nobody takes an incomplete message for a complete one.
export function unknown(what, type) {
  return h("div", { class: "block-unknown", role: "alert", "data-unknown": String(type) },
    h("strong", {}, `Unknown ${what}`), " ", h("code", {}, String(type)), " — Slack may show it; this page does not know how.");
}
