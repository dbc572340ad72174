// Elements without innerHTML: names of files are never markup.
export function make(tag, attributes = {}, ...children) {
  const one = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (name.startsWith("on")) one.addEventListener(name.slice(2), value);
    else if (value === true) one.setAttribute(name, "");
    else if (value !== false && value != null) one.setAttribute(name, value);
  }
  one.append(...children.filter((child) => child != null));
  return one;
}

export const button = (text, press, attributes = {}) =>
  make("button", { type: "button", onclick: press, ...attributes }, text);

import { word } from "./words.js";

// A question that has to be answered. `typed`: the answer must be exactly that. `field`: its first
// text; the answer is what was typed, or null.
export function ask(text, { typed = "", field = null, danger = false, yes = "ok" } = {}) {
  const dialog = document.querySelector("#question");
  const input = typed || field !== null ? make("input", { value: field ?? "", "aria-label": text, autocomplete: "off" }) : null;
  return new Promise((resolve) => {
    const done = (answer) => { dialog.close(); resolve(answer); };
    const accept = button(word(yes), () => done(input ? input.value : true), { class: danger ? "danger" : "primary" });
    if (typed) {
      accept.disabled = true;
      input.addEventListener("input", () => { accept.disabled = input.value !== typed; });
    }
    const form = make("form", { onsubmit: (event) => { event.preventDefault(); if (!accept.disabled) accept.click(); } },
      make("p", {}, text), input, make("div", { class: "row end" }, button(word("cancel"), () => done(null)), accept));
    dialog.replaceChildren(form);
    dialog.oncancel = () => resolve(null);
    dialog.showModal();
    (input || accept).focus();
    if (input && field) input.select();
  });
}

export function say(text, { failed = false } = {}) {
  const one = make("p", { class: failed ? "toast failed" : "toast", role: failed ? "alert" : "status" }, text);
  document.querySelector("#uploads").append(one);
  document.querySelector("#uploads").hidden = false;
  const leave = () => { one.remove(); tidy(); };
  if (failed) one.append(button("×", leave, { "aria-label": word("close"), class: "quiet" }));
  else setTimeout(leave, 6000);
  return one;
}

export function tidy() {
  const place = document.querySelector("#uploads");
  place.hidden = !place.children.length;
}
