// Which part of the page is shown: #outputs (the usual), or #files and a folder.
import { button, make } from "./dom.js";
import { gallery } from "./gallery.js";
import { manager } from "./manager.js";
import { word } from "./words.js";

const view = document.querySelector("#view");

async function show() {
  const [tab, ...rest] = (location.hash.slice(1) || "outputs").split("/");
  for (const link of document.querySelectorAll("[data-tab]")) {
    link.toggleAttribute("aria-current", link.dataset.tab === tab);
  }
  try {
    if (tab === "files") await manager(view, rest.map(decodeURIComponent).join("/"));
    else await gallery(view);
  } catch (error) {
    const text = error.status ? error.message : word("broken");
    view.replaceChildren(make("p", { class: "note failed", role: "alert" }, text), button(word("again"), show));
  }
}

addEventListener("hashchange", show);
show();
