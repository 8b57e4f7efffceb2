// The app's Home tab.
import { h, post } from "./dom.js";
import { blocks } from "./blocks.js";

let shown = ""; // person, id and hash of the view that is drawn

// drawHome draws what the app published in the person's Home tab. app has names, person,
// refresh() and toast(text).
export function drawHome(box, view, app) {
  const now = [app.person, view && view.id, view && view.hash].join("/");
  if (now === shown) return;
  shown = now;
  if (!view) {
    delete box.dataset.viewId;
    box.replaceChildren(h("div", { class: "nothing" }, "The app has shown nothing here yet."));
    return;
  }
  box.dataset.viewId = view.id;
  box.dataset.hash = view.hash;
  const press = async (b, e, button) => {
    if (button.classList.contains("busy")) return;
    button.classList.add("busy"); // not disabled, which would take the focus away
    const r = await post("/sim/press", { person: app.person, view_id: view.id, action_id: e.action_id, block_id: b.block_id, value: e.value || "" });
    button.classList.remove("busy");
    if (!r.ok) app.toast(r.detail || r.error);
    app.refresh();
  };
  box.replaceChildren(...blocks(view.blocks, { names: app.names, surface: "home", press }));
}
