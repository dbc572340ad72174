// Files on their way in: in pieces, going on where one was cut, one after the other.
import { get, put } from "./api.js";
import { BLOCK, Chain, Unreadable } from "./chain.js";
import { ask, button, make, say, tidy } from "./dom.js";
import { shown } from "./names.js";
import { size, word } from "./words.js";

const PICKLE = /\.(ckpt|pt|pth|bin)$/i;
const FAILURES_MOST = 8;
// Refusals after which another look at what is there may help.
const PASSING = ["offset", "other", "busy", "digest", "cut"];
let last = Promise.resolve();

export async function upload(files, folder, after) {
  for (const file of files) {
    const name = file.webkitRelativePath || file.name;
    if (PICKLE.test(name) && !(await ask(word("pickle", { name }), { yes: "upload" }))) continue;
    last = last.then(() => one(file, folder ? `${folder}/${name}` : name, after));
  }
}

async function one(file, path, after) {
  const name = shown(file.name);
  const bar = make("progress", { max: Math.max(1, file.size), value: 0 });
  const text = make("span", {}, name);
  const row = make("p", { class: "toast" }, text, bar);
  document.querySelector("#uploads").append(row);
  document.querySelector("#uploads").hidden = false;
  const chain = new Chain(file);
  const tell = (key, values = {}) => { text.textContent = word(key, { name, ...values }); };
  const came = (there) => {
    bar.value = there;
    tell("uploading", { done: size(there), size: size(file.size) });
  };
  for (let failures = 0; ;) {
    try {
      await send(chain, path, { tell, came: (there) => { failures = 0; came(there); } });
      row.remove();
      say(word("uploaded", { name }));
      after();
      return;
    } catch (error) {
      failures += 1;
      const final = error instanceof Unreadable || error.code === "full"
        || error.status && error.status < 500 && !PASSING.includes(error.code);
      if (final || failures > FAILURES_MOST) {
        row.remove();
        tidy();
        failed(error, name, () => { last = last.then(() => one(file, path, after)); });
        return;
      }
      const wait = Math.min(30, 2 ** failures);
      tell("lost", { s: wait });
      await new Promise((go) => setTimeout(go, wait * 1000));
    }
  }
}

// Sends what is missing. What is there is gone on from only where both sides have the same in hand.
async function send(chain, path, { tell, came }) {
  const { file } = chain;
  const whole = { path, size: file.size, key: await chain.key() };
  let { there, digest, done, other } = await get("upload", whole);
  const checking = (part, parts) => tell("checking", { percent: Math.floor(100 * part / parts) });
  let fresh = {};
  if (there && await chain.before(there, checking) !== digest) [there, done, other, fresh] = [0, false, true, { fresh: 1 }];
  if (done) return;
  if (other) say(word("other_part", { name: shown(file.name) }));
  do {
    const piece = await chain.read(there, Math.min(file.size, (Math.floor(there / BLOCK) + 1) * BLOCK));
    const end = there + piece.byteLength;
    if (end === file.size && there) {
      tell("checking", { percent: 0 });
      if (!(await chain.still(there))) throw new Unreadable("changed");
    }
    const said = { offset: there, before: await chain.before(there), digest: await chain.digest(piece) };
    there = (await put({ ...whole, ...said, ...fresh }, piece)).there;
    fresh = {};
    came(there);
  } while (there < file.size);
}

function failed(error, name, again) {
  if (error instanceof Unreadable) {
    // Trying again would read the same: it has to be chosen anew.
    say(word("unreadable", { name }), { failed: true });
    return;
  }
  const line = say(word("upload_failed", { name, why: error.message }), { failed: true });
  line.append(button(word("again"), () => { line.remove(); again(); }));
}
