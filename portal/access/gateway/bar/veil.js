// What covers the desktop: that it is gone, that another window has it, that the connection broke,
// and the question whether somebody is still there. One at a time, the gravest first.

import { clock, t } from "./words.js";

const place = document.getElementById("veil");
const card = place.querySelector(".card");
const title = document.getElementById("veil-title");
const text = document.getElementById("veil-text");
const bar = place.querySelector(".left");
const footer = place.querySelector("footer");

export class Veil {
  constructor(state, stream, actions) {
    this.state = state;
    this.stream = stream;
    this.actions = actions; // {extend, stop}: ask the gateway
    this.portal = document.querySelector("a[href^=http]").href;
    this.kind = "";
    this.answered = new Set(); // questions that were answered here, by what they were about
    card.addEventListener("keydown", (event) => this.#keep(event));
  }

  get shown() {
    return this.kind !== "";
  }

  // The bar stays over this one: it says how long there is.
  get asks() {
    return this.kind.startsWith("idle");
  }

  // Once a second, and whenever something changed.
  update() {
    const now = this.#wanted();
    if (now.kind !== this.kind) this.#become(now);
    if (now.kind) now.fill();
    // What was away may be back; and nobody reaches for what another window may have.
    if (!now.gone && !this.state.doubted) this.stream.mount();
  }

  #wanted() {
    const { current, denied, elsewhere, lost } = this.state;
    if (denied) return this.#gone(denied);
    // One that comes back does so in the window that has the stream.
    const returns = elsewhere && current.returns;
    if (!current.open && !returns) return this.#gone(closed(current));
    if (elsewhere) return this.#elsewhere(elsewhere);
    if (lost) return this.#lost();
    const asked = current.notices.find((one) => one.key === "idle" && !this.answered.has(one.until));
    // Nobody is asked what they cannot answer.
    return asked && current.may.extend ? this.#idle(asked) : { kind: "" };
  }

  // `word`: of words.json, with `_title` and `_says`.
  #gone(word) {
    const waits = word === "returning" || word === "waiting";
    // What is deleted has no page any more.
    const link = word === "deleted" ? new URL("/desktops/", this.portal).href : this.portal;
    const back = t(word === "deleted" ? "to_page" : "page_link");
    return {
      kind: word,
      gone: true,
      buttons: [{ word: back, href: link, primary: !waits }],
      fill: () => {
        title.textContent = t(`${word}_title`, { name: this.state.current.name });
        text.textContent = t(`${word}_says`);
      },
    };
  }

  // Opened anew, this window takes the stream, with a picture of its own size.
  #elsewhere({ who }) {
    const word = who ? "person" : "window";
    const values = { name: this.state.current.name, who };
    return {
      kind: `${word} ${who}`,
      gone: true,
      buttons: [
        { word: t("use_here"), primary: true, press: () => location.reload() },
        { word: t("page_link"), href: this.portal },
      ],
      fill: () => {
        title.textContent = t(`${word}_title`, values);
        text.textContent = t(`${word}_says`, values);
      },
    };
  }

  #lost() {
    return {
      kind: "lost",
      buttons: [
        { word: t("try_now"), primary: true, press: () => this.state.look() },
        { word: t("page_link"), href: this.portal },
      ],
      fill: () => {
        const left = Math.max(0, Math.ceil((this.state.retryAt - Date.now()) / 1000));
        title.textContent = t("lost");
        text.textContent = left ? t("connection_lost", { s: left }) : t("trying");
      },
    };
  }

  #idle(asked) {
    const until = Date.parse(asked.until);
    return {
      kind: `idle ${asked.until}`,
      shows: until - this.state.now,
      buttons: [
        {
          word: t("still_here"),
          primary: true,
          press: async () => {
            this.answered.add(asked.until);
            this.update();
            this.stream.focus();
            await this.actions.extend();
          },
        },
        ...(this.state.current.may.stop
          ? [{ word: t("stop_now"), press: () => this.actions.stop() }]
          : []),
      ],
      fill: () => {
        const left = until - this.state.now;
        title.textContent = t("idle_title", { time: clock(left / 1000) });
        text.textContent = asked.text;
        bar.firstElementChild.style.width = `${Math.max(0, Math.min(100, (100 * left) / this.whole))}%`;
      },
    };
  }

  #become({ kind, buttons = [], gone = false, shows = 0 }) {
    const before = this.kind;
    this.kind = kind;
    this.whole = shows || 1;
    place.hidden = !kind;
    place.dataset.kind = kind.split(" ")[0];
    bar.hidden = !shows;
    footer.replaceChildren(...buttons.map(button));
    // Its page would try for ever, and put up words of its own.
    if (gone) this.stream.remove();
    document.body.classList.toggle("gone", gone);
    if (kind) (footer.querySelector(".primary") ?? card).focus();
    else if (before) this.stream.focus();
  }

  #keep(event) {
    if (event.key !== "Tab") return;
    const inside = [...footer.children];
    const at = inside.indexOf(document.activeElement) + (event.shiftKey ? -1 : 1);
    event.preventDefault();
    inside.at(at % inside.length)?.focus();
  }
}

// Why it is not open here: what becomes of it, as a word of words.json.
function closed({ status, returns }) {
  if (returns) return status === "queued" ? "waiting" : "returning";
  if (status === "running") return "anew";
  return ["stopping", "stopped", "failed"].includes(status) ? status : "elsewhere";
}

function button({ word, href, press, primary = false }) {
  const made = document.createElement(href ? "a" : "button");
  made.textContent = word;
  made.className = primary ? "primary" : "line";
  if (href) made.href = href;
  else made.addEventListener("click", press);
  return made;
}
