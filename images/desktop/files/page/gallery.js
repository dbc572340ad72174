// What was painted, the newest first; one of them large, with what it says of how it was made.
import { address, downloadZip, get, post } from "./api.js";
import { ask, button, make, say } from "./dom.js";
import { last, shown as seen } from "./names.js";
import { moment, size, word } from "./words.js";

const chosen = new Set();
let shown = [];

export async function gallery(view) {
  chosen.clear();
  shown = [];
  const wall = make("ul", { class: "wall" });
  const bar = make("div", { class: "row bar" });
  const more = button(word("more"), () => load());
  view.replaceChildren(bar, wall, make("div", { class: "row" }, more));

  async function load() {
    const { pictures, total } = await get("pictures", { from: shown.length });
    shown.push(...pictures);
    wall.append(...pictures.map((picture) => card(picture, tell)));
    more.hidden = shown.length >= total;
    if (!total) view.replaceChildren(make("p", { class: "empty" }, word("empty_outputs")));
    tell();
  }

  function tell() {
    bar.replaceChildren();
    if (!chosen.size) return;
    const paths = [...chosen];
    bar.append(make("span", {}, word("selected", { n: paths.length })), button(word("zip"), () => zip(paths)),
      button(word("remove"), () => remove(paths, () => gallery(view)), { class: "danger" }));
  }

  await load();
}

function card(picture, tell) {
  const name = seen(last(picture.path));
  const box = make("input", { type: "checkbox", "aria-label": word("select", { name }), onchange: () => {
    box.checked ? chosen.add(picture.path) : chosen.delete(picture.path);
    tell();
  } });
  const image = make("img", { src: address(picture.path), alt: name, loading: "lazy", decoding: "async" });
  return make("li", {}, make("button", { type: "button", class: "canvas", onclick: () => look(shown.indexOf(picture)) }, image),
    make("div", { class: "label" }, box, make("span", { title: picture.path.split("/").map(seen).join("/") }, moment(picture.modified_s))));
}

// A download that fails says so only by breaking: what can be said before is said here.
export async function zip(paths) {
  try {
    await post("zippable", { paths });
    downloadZip(paths);
  } catch (error) { say(error.message, { failed: true }); }
}

export async function remove(paths, after) {
  const what = paths.length === 1 ? seen(last(paths[0])) : word("things", { n: paths.length });
  if (!(await ask(word("sure", { what }), { danger: true, yes: "remove" }))) return false;
  try { await post("delete", { paths }); } catch (error) { say(error.message, { failed: true }); }
  after();
  return true;
}

function look(index) {
  const dialog = document.querySelector("#viewer");
  const picture = shown[index];
  const name = seen(last(picture.path));
  const step = (by) => { if (shown[index + by]) look(index + by); };
  const said = make("pre", {});
  get("about", { path: picture.path }).then(({ text }) => { said.textContent = text; said.hidden = !text; }, () => { said.hidden = true; });
  const bar = make("div", { class: "row" },
    button("‹", () => step(-1), { "aria-label": word("previous"), disabled: !shown[index - 1] }),
    button("›", () => step(1), { "aria-label": word("next"), disabled: !shown[index + 1] }),
    make("span", { class: "grow" }, `${name} · ${size(picture.size_bytes)}`),
    make("a", { class: "button", href: address(picture.path, { download: 1 }), download: name }, word("download")),
    button(word("remove"), () => { dialog.close(); remove([picture.path], () => gallery(document.querySelector("#view"))); }, { class: "danger" }),
    button("×", () => dialog.close(), { "aria-label": word("close") }));
  dialog.replaceChildren(bar, make("img", { src: address(picture.path), alt: name }),
    make("details", { open: true }, make("summary", {}, word("made_with")), said));
  dialog.onkeydown = (event) => {
    if (event.key === "ArrowLeft") step(-1);
    if (event.key === "ArrowRight") step(1);
  };
  if (!dialog.open) dialog.showModal();
}
