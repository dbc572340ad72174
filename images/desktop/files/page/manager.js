// All files of the disk: a folder at a time.
import { address, get, post } from "./api.js";
import { ask, button, make, say } from "./dom.js";
import { remove, zip } from "./gallery.js";
import { odd, readable, shown, typable } from "./names.js";
import { upload } from "./upload.js";
import { moment, size, word } from "./words.js";

export async function manager(view, path) {
  const again = () => { if (location.hash === hash(path) || !location.hash && !path) manager(view, path); };
  const { entries, more, free_bytes } = await get("list", { path });
  const picker = make("input", { type: "file", multiple: true, hidden: true, onchange: () => upload(picker.files, path, again) });
  const bar = make("div", { class: "row bar" }, crumbs(path), make("span", { class: "grow" }),
    make("span", { class: "soft" }, word("free", { size: size(free_bytes) })),
    button(word("new_folder"), async () => {
      const name = await ask(word("folder_name"), { field: "" });
      if (name) tried(() => post("folder", { path: join(path, name) }), again);
    }),
    button(word("upload"), () => picker.click(), { class: "primary" }), picker);
  const rows = entries.map((entry) => row(entry, path, again));
  const list = make("table", {}, make("thead", {}, make("tr", {}, ...["name", "size", "changed"].map((key) => make("th", { scope: "col" }, word(key))), make("th"))),
    make("tbody", {}, ...rows));
  view.replaceChildren(bar,
    ...(path.split("/")[0] === "Models" ? [make("p", { class: "note" }, word("models_note"))] : []),
    entries.length ? list : make("p", { class: "empty" }, word("empty_folder")),
    ...(more ? [make("p", { class: "soft" }, word("hidden_more", { n: more }))] : []));
  view.ondragover = (event) => { event.preventDefault(); view.classList.add("over"); };
  view.ondragleave = () => view.classList.remove("over");
  view.ondrop = (event) => {
    event.preventDefault();
    view.classList.remove("over");
    upload([...event.dataTransfer.files], path, again);
  };
}

export const hash = (path) => `#files${path ? "/" + path.split("/").map(encodeURIComponent).join("/") : ""}`;
const join = (folder, name) => (folder ? `${folder}/${name}` : name);

function crumbs(path) {
  const parts = path ? path.split("/") : [];
  const links = parts.map((part, at) => make("a", { href: hash(parts.slice(0, at + 1).join("/")) }, make("bdi", {}, shown(part))));
  return make("nav", { class: "crumbs" }, make("a", { href: "#files" }, word("home")), ...links);
}

function row(entry, path, again) {
  const full = join(path, entry.name);
  const folder = entry.kind === "folder";
  const name = make("bdi", {}, shown(entry.name));
  const link = folder ? make("a", { href: hash(full), class: "folder" }, name)
    : entry.kind === "other" ? name // a pipe, a link to nothing: there is nothing to open
    : make("a", { href: address(full), target: "_blank", rel: "noopener" }, name);
  const mark = odd(entry.name) ? make("span", { class: "soft mark", title: word("other_names_why") }, word("other_names")) : null;
  const get_it = folder ? button(word("zip"), () => zip([full]))
    : entry.kind === "other" ? null
    : make("a", { class: "button", href: address(full, { download: 1 }), download: readable(entry.name) }, word("download"));
  return make("tr", {}, make("td", {}, link, mark), make("td", { class: "soft" }, folder ? "" : size(entry.size_bytes)),
    make("td", { class: "soft" }, moment(entry.modified_s)),
    make("td", { class: "row end" }, get_it,
      button(word("rename"), async () => {
        const name = await ask(word("new_name", { name: shown(entry.name) }), { field: readable(entry.name) });
        if (name && name !== entry.name) tried(() => post("rename", { path: full, name }), again);
      }),
      button(word("remove"), async () => {
        if (!folder) { remove([full], again); return; }
        const what = shown(entry.name);
        const typed = await (typable(entry.name) ? ask(word("sure_folder", { what }), { typed: what, danger: true, yes: "remove" })
          : ask(word("sure_folder_odd", { what }), { danger: true, yes: "remove" }));
        if (typed) tried(() => post("delete", { paths: [full] }), again);
      }, { class: "danger" })));
}

async function tried(work, after) {
  try { await work(); } catch (error) { say(error.message, { failed: true }); }
  after();
}
