// What every page needs: theme, menus, toasts, moments in the reader's own zone, busy buttons.
// Pages are complete without it; Alpine (the build without eval) drives what has state.
(() => {
  "use strict";
  const root = document.documentElement;
  const zh = root.lang.toLowerCase().startsWith("zh");

  // --- Theme: the choice is a cookie, so that the server renders it and nothing flashes ---------
  const dark = matchMedia("(prefers-color-scheme: dark)");
  const shown = () => root.dataset.theme || (dark.matches ? "ink" : "paper");
  const choose = (theme) => {
    root.dataset.theme = theme;
    document.cookie = `atelier-theme=${theme}; path=/; max-age=31536000; samesite=lax`;
  };
  for (const button of document.querySelectorAll("[data-theme-switch]")) {
    button.hidden = false;
    button.addEventListener("click", () => choose(shown() === "ink" ? "paper" : "ink"));
  }

  // --- Moments: the server says UTC, the browser knows the person's zone ------------------------
  const locale = zh ? "zh-CN" : "en-GB";
  const zone = new Intl.DateTimeFormat().resolvedOptions().timeZone;
  function moment(element) {
    const at = new Date(element.dateTime);
    if (Number.isNaN(at.getTime())) return;
    const second = element.dataset.local === "second" ? { second: "2-digit" } : {};
    const time = at.toLocaleTimeString(locale, { hour: "2-digit", minute: "2-digit", hour12: false, ...second });
    const year = at.getFullYear() === new Date().getFullYear() ? {} : { year: "numeric" };
    const day = at.toDateString() === new Date().toDateString() ? "" : zh
      ? `${year.year ? `${at.getFullYear()} 年 ` : ""}${at.getMonth() + 1} 月 ${at.getDate()} 日 `
      : `${at.toLocaleDateString(locale, { weekday: "short", day: "numeric", month: "short", ...year }).replace(/,/g, "")}, `;
    element.textContent = day + time;
    element.title = `${at.toLocaleString(locale)} (${zone})`;
  }
  const moments = (within) => within.querySelectorAll("time[data-local]").forEach(moment);

  // --- Buttons that send something: the word changes, a second press does nothing ---------------
  document.addEventListener("submit", (event) => {
    const form = event.target;
    const button = event.submitter;
    if (event.defaultPrevented || form.matches("[data-once]") || !button?.dataset.busy) return;
    if (form.dataset.sent) return event.preventDefault();
    form.dataset.sent = "1";
    button.setAttribute("aria-busy", "true");
    button.textContent = button.dataset.busy;
  });
  addEventListener("pageshow", (event) => event.persisted && location.reload());

  // --- Copy -------------------------------------------------------------------------------------
  document.addEventListener("click", async (event) => {
    const button = event.target.closest?.("[data-copy]");
    if (!button) return;
    await navigator.clipboard.writeText(button.dataset.copy);
    const said = button.querySelector("[data-copy-word]") ?? button;
    const word = said.textContent;
    said.textContent = button.dataset.copied ?? word;
    setTimeout(() => { said.textContent = word; }, 2000);
  });

  document.addEventListener("DOMContentLoaded", () => moments(document));
  document.addEventListener("htmx:after:swap", () => moments(document));
  document.addEventListener("atelier:swapped", (event) => moments(event.target)); // from live.js

  document.addEventListener("alpine:init", () => {
    // <details x-data="menu">: closes on Escape, on a click elsewhere, and when focus leaves it.
    Alpine.data("menu", () => ({
      init() {
        const menu = this.$el;
        document.addEventListener("click", (event) => { if (!menu.contains(event.target)) menu.open = false; });
        menu.addEventListener("keydown", (event) => {
          if (event.key !== "Escape" || !menu.open) return;
          menu.open = false;
          menu.querySelector("summary").focus();
        });
        menu.addEventListener("focusout", (event) => {
          if (event.relatedTarget && !menu.contains(event.relatedTarget)) menu.open = false;
        });
      },
    }));
    // A toast goes after 6 s, waits while it is hovered or focused; failures stay until closed.
    Alpine.data("toast", () => ({
      init() {
        if (this.$el.dataset.stays) return;
        let timer = 0;
        const wait = () => { timer = setTimeout(() => this.close(), 6000); };
        const hold = () => clearTimeout(timer);
        this.$el.addEventListener("mouseenter", hold);
        this.$el.addEventListener("focusin", hold);
        this.$el.addEventListener("mouseleave", wait);
        this.$el.addEventListener("focusout", wait);
        wait();
      },
      close() { this.$root.remove(); },
    }));
    // A password that can be shown.
    Alpine.data("secret", () => ({
      shown: false,
      toggle() {
        this.shown = !this.shown;
        this.$root.querySelector("input").type = this.shown ? "text" : "password";
      },
      get hidden() { return !this.shown; },
    }));
  });
})();
