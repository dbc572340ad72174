// Panels below the bar, one at a time: opened by whatever says data-opens, closed by Escape, by
// their own button, and by work on the desktop.

export class Panels extends EventTarget {
  constructor() {
    super();
    this.open = "";
    for (const button of document.querySelectorAll("[data-opens]")) {
      button.setAttribute("aria-expanded", "false");
      button.setAttribute("aria-controls", `panel-${button.dataset.opens}`);
      button.addEventListener("click", () => this.toggle(button.dataset.opens, button));
    }
    for (const panel of document.querySelectorAll(".panel")) {
      panel.addEventListener("keydown", (event) => this.#keep(event, panel));
    }
    document.addEventListener("pointerdown", (event) => {
      if (this.open && !event.target.closest(".panel, [data-opens]")) this.close();
    });
  }

  panel(name) {
    return document.getElementById(`panel-${name}`);
  }

  toggle(name, opener = null) {
    if (this.open === name) return this.close({ back: true });
    const before = this.opener;
    this.close();
    this.open = name;
    // From one panel into the next: back is where the first one came from.
    this.opener = opener?.closest(".panel") ? before : opener;
    this.#mark(true);
    const panel = this.panel(name);
    panel.hidden = false;
    this.#place(panel);
    const first = panel.querySelector(
      "[autofocus], textarea, input:checked, footer button, .menu button, button",
    );
    (first ?? panel).focus();
    this.dispatchEvent(new CustomEvent("open", { detail: name }));
  }

  // `back`: the focus goes to what opened it.
  close({ back = false } = {}) {
    if (!this.open) return;
    this.panel(this.open).hidden = true;
    this.#mark(false);
    this.open = "";
    if (back && this.opener?.checkVisibility()) this.opener.focus();
    this.dispatchEvent(new Event("close"));
  }

  #mark(open) {
    for (const button of document.querySelectorAll(`[data-opens="${this.open}"]`))
      button.setAttribute("aria-expanded", String(open));
  }

  // Below its button, within the window; phones have it at their lower edge by style alone.
  #place(panel) {
    const button = this.opener?.getBoundingClientRect();
    const most = document.documentElement.clientWidth - panel.offsetWidth - 12;
    const wish = button ? button.left + button.width / 2 - panel.offsetWidth / 2 : most / 2;
    panel.style.setProperty("--at", `${Math.max(12, Math.min(wish, most))}px`);
  }

  // Tab goes around within the panel: what lies behind it is not in reach while it is open.
  #keep(event, panel) {
    if (event.key !== "Tab") return;
    const inside = [...panel.querySelectorAll("button, a[href], input, textarea")].filter(
      (one) => !one.disabled && one.checkVisibility(),
    );
    const edge = event.shiftKey ? inside[0] : inside.at(-1);
    if (document.activeElement !== edge) return;
    event.preventDefault();
    (event.shiftKey ? inside.at(-1) : inside[0])?.focus();
  }
}
