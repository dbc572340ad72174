// The files of the desktop's home: looked at, fetched and put there by the streamer's own
// addresses. Its list is a page; only names and sizes are taken from it, as text.

import { show, size, t } from "./words.js";

const FILES = "/api/files/";
const UPLOAD = "/api/upload";
// Servers in between often take no more than a hundred megabytes at once.
const PIECE = 64 * 1024 * 1024;

const encode = (path) => path.split("/").map(encodeURIComponent).join("/");

export class Files {
  constructor(does, toast) {
    this.folder = ""; // "" is the home; else "a/b"
    this.names = new Set();
    this.toast = toast;
    this.list = document.getElementById("files");
    this.up = document.querySelector("[data-does=file-up]");
    const chosen = document.getElementById("chosen");
    does["file-up"] = () => this.look(this.folder.split("/").slice(0, -1).join("/"));
    does.upload = () => chosen.click();
    chosen.addEventListener("change", async () => {
      const files = [...chosen.files];
      chosen.value = "";
      for (const file of files) await this.#put(file);
      await this.look(this.folder);
    });
  }

  async look(folder = this.folder) {
    let rows = [];
    try {
      const address = FILES + (folder ? `${encode(folder)}/` : "");
      const answer = await fetch(address, { signal: AbortSignal.timeout(10000) });
      if (!answer.ok) throw new Error(String(answer.status));
      rows = read(await answer.text());
    } catch {
      show("files-said", t("files_failed"));
      return;
    }
    this.folder = folder;
    this.names = new Set(rows.map((row) => row.name));
    show("folder", folder || t("home"));
    this.up.disabled = !folder;
    show("files-said", rows.length ? "" : t("files_empty"));
    this.list.replaceChildren(...rows.map((row) => this.#row(row)));
  }

  #row({ name, isFolder, bytes }) {
    const kind = isFolder ? "row-folder" : "row-file";
    const row = document.getElementById(kind).content.cloneNode(true);
    row.querySelector("span").textContent = name;
    const path = this.folder ? `${this.folder}/${name}` : name;
    if (isFolder) {
      row.querySelector("button").addEventListener("click", async () => {
        await this.look(path);
        this.list.focus();
      });
    } else {
      const link = row.querySelector("a");
      link.href = FILES + encode(path);
      link.download = name;
      row.querySelector("small").textContent = told(bytes);
    }
    return row;
  }

  async #put(file) {
    const name = free(file.name, this.names);
    this.names.add(name);
    const path = this.folder ? `${this.folder}/${name}` : name;
    const gone = (done) =>
      show("files-said", t("uploading", { file: name, percent: percent(done, file.size) }));
    try {
      if (file.size <= PIECE) await send(path, file, {}, gone);
      else await sendInPieces(path, file, gone);
    } catch {
      show("files-said", t("upload_failed", { file: name }));
      this.toast(t("upload_failed", { file: name }), { stays: true });
      return;
    }
    show("files-said", "");
    this.toast(t("uploaded", { file: name, size: size(file.size) }));
  }
}

// The streamer tells tenths of kilobytes; less than one is not worth a wrong figure.
function told(bytes) {
  if (bytes === null) return "";
  return bytes < 1024 ? "< 1 KB" : size(bytes);
}

function read(page) {
  // The rest of it has styles and scripts, which have no business even near this page.
  const rows = page.slice(page.indexOf("<tbody"), page.indexOf("</tbody>"));
  const found = new DOMParser().parseFromString(`<table>${rows}</table>`, "text/html");
  return [...found.querySelectorAll("tbody tr")].flatMap((row) => {
    const [name, , length] = [...row.cells].map((cell) => cell.textContent.trim());
    // Hidden files are settings of programs; the way up has a button of its own.
    if (!name || name.startsWith(".")) return [];
    const kilobytes = Number.parseFloat(length);
    const bytes = Number.isFinite(kilobytes) ? Math.round(kilobytes * 1024) : null;
    return [{ name: name.replace(/\/$/, ""), isFolder: name.endsWith("/"), bytes }];
  });
}

// Nothing that is there is written over: "a.png" becomes "a (2).png".
function free(name, taken) {
  const [, stem, ending] = name.match(/^(.+?)(\.[^.]*)?$/s);
  let tried = name;
  for (let number = 2; taken.has(tried); number++) tried = `${stem} (${number})${ending ?? ""}`;
  return tried;
}

const percent = (done, whole) => (whole ? Math.floor((100 * done) / whole) : 100);

async function sendInPieces(path, file, gone) {
  const id = crypto.randomUUID();
  for (let at = 0; at < file.size; at += PIECE) {
    const end = Math.min(at + PIECE, file.size);
    const headers = { "X-Upload-Id": id, "X-Upload-Offset": String(at) };
    if (end === file.size) headers["X-Upload-Final"] = "1";
    await send(path, file.slice(at, end), headers, (done) => gone(at + done));
  }
}

// Not fetch: that says nothing of how much has gone.
function send(path, body, headers, gone) {
  return new Promise((done, failed) => {
    const request = new XMLHttpRequest();
    request.open("POST", UPLOAD);
    request.setRequestHeader("Content-Type", "application/octet-stream");
    request.setRequestHeader("X-Upload-Path", encodeURIComponent(path));
    for (const [name, value] of Object.entries(headers)) request.setRequestHeader(name, value);
    request.upload.onprogress = (event) => gone(event.loaded);
    request.onload = () => (request.status === 200 ? done() : failed(new Error(request.status)));
    request.onerror = () => failed(new Error("network"));
    request.send(body);
  });
}
