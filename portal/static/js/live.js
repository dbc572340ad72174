// Live pages: swaps the parts that the server says have changed, and runs the clocks in between.
//
// A page says `data-live="<stream>"` on one element, and `data-part="<name>" data-mark="<hash>"` on
// each part. Without this file, or without a stream, the page is complete and has a refresh link.
(() => {
  "use strict";

  const zh = document.documentElement.lang.toLowerCase().startsWith("zh");
  let skew = 0; // server's clock minus ours, ms
  const now = () => Date.now() + skew;

  // --- Words for time -------------------------------------------------------------------------
  const two = (n) => String(n).padStart(2, "0");

  function clock(s) {
    const h = Math.floor(s / 3600), m = Math.floor(s / 60) % 60, left = s % 60;
    return h ? `${h}:${two(m)}:${two(left)}` : `${m}:${two(left)}`;
  }

  function length(s) {
    if (s < 60) return zh ? `${s} 秒` : `${s} s`;
    const m = Math.floor(s / 60);
    if (m < 60) return zh ? `${m} 分钟` : `${m} min`;
    const h = Math.floor(m / 60);
    if (h < 24) return zh ? `${h} 小时 ${m % 60} 分` : `${h} h ${m % 60} min`;
    const d = Math.floor(h / 24);
    return zh ? `${d} 天 ${h % 24} 小时` : `${d} d ${h % 24} h`;
  }

  // --- Clocks ---------------------------------------------------------------------------------
  const text = (element, value) => {
    if (element.textContent !== value) element.textContent = value;
  };

  function tick() {
    for (const element of document.querySelectorAll("time[data-tick]")) {
      const at = Date.parse(element.dateTime);
      const kind = element.dataset.tick;
      if (kind === "clock") text(element, clock(Math.max(0, Math.floor((now() - at) / 1000))));
      if (kind === "length") text(element, length(Math.max(0, Math.floor((now() - at) / 1000))));
      if (kind === "left") text(element, clock(Math.max(0, Math.ceil((at - now()) / 1000))));
      const slow = Number(element.dataset.slowAfter);
      if (slow && now() - at > slow * 1000) element.closest("[data-phase]")?.setAttribute("data-slow", "");
    }
    for (const picture of document.querySelectorAll("[data-paint]")) paint(picture);
  }

  // The furthest each picture was painted: it never runs backwards, whatever the parts say.
  const painted = new Map();

  function paint(picture) {
    const { paint: key, since, total } = picture.dataset;
    let share = Number(picture.dataset.share) || 0;
    if (total) share = Math.max(0, Math.min(97, (now() - Date.parse(since)) / (10 * Number(total))));
    share = Math.max(share, painted.get(key) || 0);
    painted.set(key, share);
    for (const rect of picture.querySelectorAll("[data-painted]")) {
      rect.setAttribute(rect.dataset.painted === "edge" ? "x" : "width", `${share}%`);
    }
    const late = total && now() - Date.parse(since) > Number(total) * 1000;
    for (const element of document.querySelectorAll("[data-when-late]")) element.hidden = !late;
    for (const element of document.querySelectorAll("[data-when-early]")) element.hidden = !!late;
  }

  // --- Parts ----------------------------------------------------------------------------------
  function swap(part, html, mark) {
    if (part.dataset.mark === mark) return;
    const active = part.contains(document.activeElement) ? document.activeElement : null;
    const key = active?.dataset.key;
    const open = [...part.querySelectorAll("details[open][data-key]")].map((d) => d.dataset.key);
    part.innerHTML = html;
    part.dataset.mark = mark;
    for (const details of part.querySelectorAll("details[data-key]")) {
      if (open.includes(details.dataset.key)) details.open = true;
    }
    if (active) {
      const again = [...part.querySelectorAll("[data-key]")].find((e) => e.dataset.key === key)
        || part.querySelector("button, a[href]");
      again?.focus({ preventScroll: true });
    }
    // Moments in the reader's zone are atelier.js's.
    part.dispatchEvent(new CustomEvent("atelier:swapped", { bubbles: true }));
  }

  const part = (name) => [...document.querySelectorAll("[data-part]")].find((e) => e.dataset.part === name);

  function hang(name, data) {
    const list = document.querySelector("[data-live-rows]");
    if (!list || !name.startsWith("row-")) return;
    const row = document.createElement("li");
    row.className = list.dataset.liveRows;
    row.dataset.part = name;
    list.prepend(row);
    swap(row, data.html, data.mark);
  }

  function say(sentence) {
    const region = document.querySelector("[data-live-say]");
    if (region && sentence) text(region, sentence);
  }

  function rowsLeft() {
    const list = document.querySelector("[data-live-rows]");
    if (list && !list.children.length) location.reload();
  }

  function take(data) {
    skew = data.now - Date.now();
    let empty = !document.querySelector("[data-live-rows]");
    for (const [name, news] of Object.entries(data.parts)) {
      const known = part(name);
      if (known) swap(known, news.html, news.mark);
      else if (name.startsWith("row-") && empty) { location.reload(); return; }
      else hang(name, news);
    }
    if (data.only) {
      for (const row of document.querySelectorAll("[data-part^='row-']")) {
        if (!data.only.includes(row.dataset.part)) row.remove();
      }
      rowsLeft();
    }
    if (data.title) document.title = `${data.title} · Atelier`;
    if (data.status) document.querySelector("[data-live]").dataset.status = data.status;
    say(data.say);
    tick();
  }

  // --- The stream -----------------------------------------------------------------------------
  // Browsers keep six connections to a site, for all of its tabs and windows together. So a page
  // holds a stream only while it is looked at, and only as many pages of one browser as there are
  // SLOTS: each slot is a Web Lock, which the browser itself takes back from a page that ends. The
  // other pages ask now and then for the present state, which is the same stream, ending after it;
  // so does a hidden page while something is on its way there, for the words in its tab. What a
  // page missed comes first when it is looked at again.
  const SLOTS = ["atelier-live-1", "atelier-live-2"];
  const ASK_AGAIN_MS = 3000, HIDDEN_ASK_AGAIN_MS = 10000, TRY_AGAIN_MS = 5000;
  const BUSY = ["queued", "starting", "stopping", "deleting"];
  let source = null;
  let free = null; // gives the slot back
  let turn = 0; // of two that follow at once, the later one counts
  let again = 0;
  let lost = 0;

  function lostNotice(shown) {
    const notice = document.querySelector("[data-live-lost]");
    if (notice) notice.hidden = !shown;
  }

  // A free slot, as the function that gives it back; null where all are taken.
  function slot(names = SLOTS) {
    const [name, ...others] = names;
    if (!name || !navigator.locks) return Promise.resolve(null);
    return new Promise((found) => {
      navigator.locks.request(name, { ifAvailable: true }, (lock) => {
        if (lock) return new Promise((release) => found(release));
        found(slot(others));
      }).catch(() => found(null));
    });
  }

  function close() {
    turn += 1;
    clearTimeout(again);
    source?.close();
    free?.();
    source = free = null;
  }

  function found() {
    clearTimeout(lost);
    lost = 0;
    lostNotice(false);
  }

  function followLater(ms) {
    close();
    again = setTimeout(follow, ms);
  }

  async function follow() {
    const root = document.querySelector("[data-live]");
    close();
    const mine = turn;
    if (document.hidden && !BUSY.includes(root.dataset.status)) return found();
    const given = document.hidden ? null : await slot();
    if (mine !== turn) return given?.();
    free = given;
    source = new EventSource(root.dataset.live + (given ? "" : "?once"));
    source.addEventListener("open", found);
    source.addEventListener("parts", (event) => take(JSON.parse(event.data)));
    source.addEventListener("removed", (event) => {
      part(JSON.parse(event.data).id)?.remove();
      rowsLeft();
    });
    source.addEventListener("end", () => followLater(document.hidden ? HIDDEN_ASK_AGAIN_MS : ASK_AGAIN_MS));
    source.addEventListener("gone", () => { close(); location.assign(root.dataset.liveGone || "/"); });
    source.addEventListener("bye", () => { close(); location.reload(); });
    source.addEventListener("error", () => {
      if (!lost) lost = setTimeout(() => lostNotice(true), 4000);
      // The browser itself tries a stream again, unless it was refused.
      if (!given || source?.readyState === EventSource.CLOSED) followLater(TRY_AGAIN_MS);
    });
  }

  // --- Dialogs --------------------------------------------------------------------------------
  document.addEventListener("click", (event) => {
    const opener = event.target.closest("[data-opens]");
    if (opener) {
      const dialog = document.getElementById(opener.dataset.opens);
      if (dialog?.showModal) {
        event.preventDefault();
        dialog.showModal();
        dialog.querySelector("input:not([type=hidden])")?.focus();
      }
    }
    const closer = event.target.closest("[data-closes]");
    if (closer) {
      const dialog = document.getElementById(closer.dataset.closes);
      if (dialog?.open) {
        event.preventDefault();
        dialog.close();
      }
    }
  });

  function begin() {
    const root = document.querySelector("[data-live]");
    if (root?.dataset.now) skew = Number(root.dataset.now) - Date.now();
    for (const dialog of document.querySelectorAll("dialog[data-open-now]")) {
      dialog.removeAttribute("open");
      dialog.showModal();
    }
    tick();
    setInterval(tick, 1000);
    if (root) {
      follow();
      document.addEventListener("visibilitychange", follow);
      addEventListener("pagehide", close);
    }
  }
  if (document.readyState === "loading") document.addEventListener("DOMContentLoaded", begin);
  else begin();
})();
