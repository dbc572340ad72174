// What the page asks for. A refusal becomes an error whose message is in the reader's language.
import { word } from "./words.js";

export class Refusal extends Error {
  constructor(code, status, detail) {
    super(word(code === "name" ? "bad_name" : code));
    Object.assign(this, { code, status, detail });
  }
}

async function answer(response) {
  if (response.status === 401 || response.status === 403 && !isJson(response)) throw new Refusal("gone", response.status);
  if (!isJson(response)) throw new Refusal(response.ok ? "broken" : "gone", response.status);
  const said = await response.json();
  if (!response.ok) throw new Refusal(said.error, response.status, said.detail);
  return said;
}

const isJson = (response) => (response.headers.get("content-type") || "").startsWith("application/json");
const query = (values) => new URLSearchParams(values).toString();

export const get = async (name, values = {}) => answer(await fetch(`api/${name}?${query(values)}`, { headers: { Accept: "application/json" } }));

export const post = async (name, body) =>
  answer(await fetch(`api/${name}`, { method: "POST", body: JSON.stringify(body), headers: { "Content-Type": "application/json" } }));

export const put = async (values, piece) =>
  answer(await fetch(`api/upload?${query(values)}`, { method: "PUT", body: piece, headers: { "Content-Type": "application/octet-stream" } }));

export const address = (path, more = {}) => `api/file?${query({ path, ...more })}`;

export function downloadZip(paths) {
  const form = document.createElement("form");
  form.method = "post";
  form.action = "api/zip";
  for (const path of paths) form.append(Object.assign(document.createElement("input"), { type: "hidden", name: "path", value: path }));
  document.body.append(form);
  form.submit();
  form.remove();
}
