import { h } from "./dom.js";

// unknown stands where this page cannot draw what Slack would: loudly, so that
// nobody takes a message for complete that is not.
export function unknown(what, type) {
  return h("div", { class: "block-unknown", role: "alert", "data-unknown": String(type) },
    h("strong", {}, `Unknown ${what}`), " ", h("code", {}, String(type)), " — Slack may show it; this page does not know how.");
}
