// One sentence in the corner, for a while; what matters stays until it is closed.

import { t } from "./words.js";

const STAYS_MS = 6000;
const place = document.getElementById("toasts");

export function toast(text, { stays = false, key = "", closed = () => {} } = {}) {
  const made = document.createElement("div");
  made.className = "toast";
  made.dataset.key = key;
  made.setAttribute("role", stays ? "alert" : "status");
  const said = document.createElement("p");
  said.textContent = text;
  const close = document.createElement("button");
  close.type = "button";
  close.className = "bare";
  close.textContent = t("close");
  const end = () => {
    made.remove();
    closed();
  };
  close.addEventListener("click", end);
  made.append(said, close);
  place.append(made);
  if (stays) return;
  let timer = setTimeout(end, STAYS_MS);
  const hold = () => clearTimeout(timer);
  const go = () => (timer = setTimeout(end, STAYS_MS));
  for (const event of ["pointerenter", "focusin"]) made.addEventListener(event, hold);
  for (const event of ["pointerleave", "focusout"]) made.addEventListener(event, go);
}

// Notices of the state, each once; one that is over goes by itself.
export class Notices {
  constructor() {
    this.closed = new Set();
  }

  update(notices) {
    const wanted = notices.filter((one) => one.key !== "idle" && !this.closed.has(one.key));
    const keys = new Set(wanted.map((one) => one.key));
    for (const old of place.querySelectorAll(".toast:not([data-key=''])"))
      if (!keys.has(old.dataset.key)) old.remove();
    for (const key of this.closed) if (!notices.some((one) => one.key === key)) this.closed.delete(key);
    for (const { key, text } of wanted) {
      const known = [...place.children].find((one) => one.dataset.key === key);
      if (known) known.querySelector("p").textContent = text;
      else toast(text, { stays: true, key, closed: () => this.closed.add(key) });
    }
  }
}
