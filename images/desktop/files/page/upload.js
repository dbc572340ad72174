// Files on their way in: in pieces, going on where one was cut, one after the other.
import { get, put } from "./api.js";
import { ask, button, make, say, tidy } from "./dom.js";
import { size, word } from "./words.js";

const PIECE = 8 * 1024 * 1024;
const PICKLE = /\.(ckpt|pt|pth|bin)$/i;
let last = Promise.resolve();

export async function upload(files, folder, after) {
  for (const file of files) {
    const name = file.webkitRelativePath || file.name;
    if (PICKLE.test(name) && !(await ask(word("pickle", { name }), { yes: "upload" }))) continue;
    last = last.then(() => one(file, folder ? `${folder}/${name}` : name, after));
  }
}

async function one(file, path, after) {
  const name = file.name;
  const bar = make("progress", { max: Math.max(1, file.size), value: 0 });
  const text = make("span", {}, name);
  const row = make("p", { class: "toast" }, text, bar);
  document.querySelector("#uploads").append(row);
  document.querySelector("#uploads").hidden = false;
  const whole = { path, size: file.size };
  for (let failures = 0; ;) {
    try {
      let { there } = await get("upload", whole);
      do {
        const piece = file.slice(there, there + PIECE);
        there = (await put({ ...whole, offset: there }, piece)).there;
        failures = 0;
        bar.value = there;
        text.textContent = word("uploading", { name, done: size(there), size: size(file.size) });
      } while (there < file.size);
      row.remove();
      say(word("uploaded", { name }));
      after();
      return;
    } catch (error) {
      const final = error.status && error.status !== 409 && error.status < 500 || error.code === "full";
      failures += 1;
      if (final || failures > 8) {
        row.remove();
        tidy();
        const line = say(word("upload_failed", { name, why: error.message }), { failed: true });
        line.append(button(word("again"), () => { line.remove(); last = last.then(() => one(file, path, after)); }));
        return;
      }
      const wait = Math.min(30, 2 ** failures);
      text.textContent = word("lost", { s: wait });
      await new Promise((go) => setTimeout(go, wait * 1000));
    }
  }
}
