// What make pictures adds to the page, so that it takes the same pictures each time.
(() => {
  // The clock of the page starts 5 s after 10:30, so that the app, which cuts seconds off, is never
  // at 10:29. Times from AWS and Slack are moved as well.
  const Real = Date, shift = Real.now() - Real.UTC(2026, 0, 15, 10, 30, 5);
  let frozen = null;
  const now = () => frozen ?? Real.now() - shift;
  window.Date = class extends Real {
    constructor(...parts) {
      if (parts.length === 0) super(now());
      else if (parts.length === 1) super(new Real(parts[0]).getTime() - shift);
      else super(...parts);
    }
    static now() { return now(); }
  };

  // A style sheet of this kind is allowed in spite of the page's content security policy.
  const sheet = new CSSStyleSheet();
  sheet.replaceSync(`
    :root { font-family: Lato, sans-serif; }
    * { caret-color: transparent !important; scrollbar-width: none !important; }
    .still .modal { border-radius: 0; }
    .still #home { flex: none; width: 600px; padding-top: 0; }
    #pointer { position: fixed; z-index: 99; width: 26px; left: -99px; pointer-events: none; filter: drop-shadow(0 2px 3px #0008); }
  `);
  document.adoptedStyleSheets.push(sheet);
  const pointer = document.createElement("div");
  pointer.id = "pointer";
  pointer.innerHTML = `<svg viewBox="0 0 20 24"><path d="M2 1v18l4.6-4.2 3 7 3.3-1.4-3-6.9H16z" fill="#111" stroke="#fff" stroke-width="1.6" stroke-linejoin="round"/></svg>`;
  document.body.append(pointer);

  window.camera = {
    // point moves the pointer to an element.
    point(css) {
      const r = document.querySelector(css).getBoundingClientRect();
      pointer.style.left = `${Math.round(r.left + Math.min(r.width / 2, 150))}px`;
      pointer.style.top = `${Math.round(r.top + r.height / 2)}px`;
      return true;
    },
    // still prepares a picture of one element. Without the other messages, a message is
    // always at the same place: its lines would be rounded to other pixels elsewhere.
    still(css) {
      camera.hidePointer();
      const element = document.querySelector(css);
      if (element.matches(".message")) for (const e of element.parentElement.children) e.hidden = e !== element;
      document.body.classList.add("still");
      return true;
    },
    hidePointer() {
      pointer.style.left = "";
      document.activeElement.blur();
      return true;
    },
    // freeze stops the clock so that the countdown of an element shows these seconds.
    freeze(css, seconds) {
      frozen = new Date(document.querySelector(css).dataset.until).getTime() - seconds * 1000;
      return true;
    },
    thaw() {
      frozen = null;
      return true;
    },
    // moveTimes replaces times that the app writes out, and the next removal, which tests put
    // decades ahead.
    moveTimes() {
      const texts = document.createTreeWalker(document.getElementById("workspace"), NodeFilter.SHOW_TEXT);
      while (texts.nextNode()) texts.currentNode.data = texts.currentNode.data.replace(/\d+ [A-Z][a-z]+ 20\d\d \d\d:\d\d UTC/g, "15 Jan 2026 10:30 UTC").replace(/[A-Z][a-z]+ \d+, 209\d at \d\d:\d\d/g, "today at 23:00");
      return true;
    },
  };
})();
