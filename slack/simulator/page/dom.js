// Helpers that build elements. They insert text only as text. Nothing on this page parses
// HTML.

export function h(tag, attrs = {}, ...children) {
  const e = document.createElement(tag);
  for (const [name, value] of Object.entries(attrs)) {
    if (value === null || value === undefined || value === false) continue;
    if (name.startsWith("on")) e.addEventListener(name.slice(2), value);
    else if (name === "value") e.value = value;
    else e.setAttribute(name, value === true ? "" : value);
  }
  add(e, children);
  return e;
}

export function add(parent, children) {
  for (const c of children.flat(Infinity)) {
    if (c === null || c === undefined || c === false || c === "") continue;
    parent.append(c);
  }
  return parent;
}

// place makes rows the only children of box, in order. It doesn't touch rows that are
// already in place, so that a click during a refresh still reaches its button.
export function place(box, rows) {
  rows.forEach((row, i) => {
    if (box.childNodes[i] !== row) box.insertBefore(row, box.childNodes[i] || null);
  });
  while (box.childNodes.length > rows.length) box.lastChild.remove();
}

// patch makes old look like next and keeps as many of its elements as it can. An event
// listener may depend only on the data- attributes of its element.
export function patch(old, next) {
  const names = new Set([...old.attributes, ...next.attributes].map((a) => a.name));
  for (const name of names) {
    const value = next.getAttribute(name);
    if (value === null) old.removeAttribute(name);
    else if (old.getAttribute(name) !== value) old.setAttribute(name, value);
  }
  const children = [...next.childNodes].map((n, i) => {
    const o = old.childNodes[i];
    if (!o || o.nodeName !== n.nodeName || identity(o) !== identity(n)) return n;
    if (o.nodeType === Node.ELEMENT_NODE) patch(o, n);
    else if (o.nodeValue !== n.nodeValue) o.nodeValue = n.nodeValue;
    return o;
  });
  place(old, children);
}

const identifying = ["person", "conversation", "command", "shortcut", "assignment", "gone", "membership", "execution", "experiment", "key"];
const identity = (n) => (n.dataset ? identifying.map((name) => n.dataset[name] ?? "").join() : "");

// keepFocusIn makes Tab go round inside a dialog. Escape calls close.
export function keepFocusIn(dialog, close) {
  dialog.addEventListener("keydown", (ev) => {
    if (ev.key === "Escape") return close();
    if (ev.key !== "Tab") return;
    const all = [...dialog.querySelectorAll("button,input,textarea,select,a[href]")].filter((e) => !e.disabled && e.offsetParent !== null);
    if (!all.length) return ev.preventDefault();
    const first = all[0], last = all[all.length - 1], at = document.activeElement;
    if (ev.shiftKey ? at === first || at === dialog : at === last) {
      ev.preventDefault();
      (ev.shiftKey ? last : first).focus();
    }
  });
}

const svgNS = "http://www.w3.org/2000/svg";

export function svg(tag, attrs = {}, ...children) {
  const e = document.createElementNS(svgNS, tag);
  for (const [name, value] of Object.entries(attrs)) e.setAttribute(name, value);
  e.append(...children);
  return e;
}

export async function post(path, body) {
  try {
    const r = await fetch(path, {
      method: "POST", headers: { "Content-Type": "application/json" }, body: JSON.stringify(body),
    });
    return await r.json();
  } catch (err) {
    return { ok: false, error: "unreachable", detail: "The simulator does not answer." };
  }
}

export function clock(date, seconds = false) {
  return date.toLocaleTimeString([], { hour: "2-digit", minute: "2-digit", second: seconds ? "2-digit" : undefined, hour12: false });
}

// minutes shows milliseconds as "m:ss", or "h:mm:ss".
export function minutes(ms) {
  const s = Math.max(0, Math.round(ms / 1000)), two = (n) => String(n).padStart(2, "0");
  return s < 3600 ? `${Math.floor(s / 60)}:${two(s % 60)}` : `${Math.floor(s / 3600)}:${two(Math.floor(s / 60) % 60)}:${two(s % 60)}`;
}

const hues = 10; // colors of avatars in style.css
let emails = []; // of the people of the workspace, in order
let everyone = []; // in the workspace

// setPeople gives each person a color of their own, wherever the page shows them.
export function setPeople(people) {
  emails = people.map((p) => (p.email || p.id).toLowerCase());
  everyone = people.filter((p) => !p.deleted);
}

// members returns the people in the workspace.
export function members() { return everyone; }

function hue(email) {
  const known = emails.indexOf(email.toLowerCase());
  if (known >= 0) return known % hues;
  let sum = 0;
  for (const c of email) sum = (sum * 31 + c.codePointAt(0)) % 9973;
  return sum % hues;
}

// avatar shows a person, who is known by their email.
export function avatar(name, email, small = false) {
  const initials = name.split(/\s+/).map((w) => w[0] || "").slice(0, 2).join("").toUpperCase();
  return h("span", { class: `avatar hue-${hue(email || name)}` + (small ? " small" : ""), "aria-hidden": "true" }, initials);
}

export function appAvatar(small = false) {
  return h("img", { class: "avatar" + (small ? " small" : ""), src: "/assets/icon.svg", alt: "" });
}
